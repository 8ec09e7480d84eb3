"""RLlib as a learner: masks, the ledger, one curriculum on all env runners, resources and faults."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import warnings
from contextlib import contextmanager
from logging.handlers import BufferingHandler
from types import SimpleNamespace

import numpy as np
import pytest
from waiting import PATIENCE, wait_until

import etude_gym  # noqa: F401
from etude_gym.cli.main import main
from etude_gym.environment.registration import make_domain
from etude_gym.environment.vector import EtudeVectorEnv
from etude_gym.measure.anchors import stratified_tasks
from etude_gym.measure.compute import ComputeMeter
from etude_gym.practice.blind import UniformSampler
from etude_gym.practice.frontier import FrontierSampler
from etude_gym.practice.sampler import Results
from etude_gym.practice.strategies import SAMPLERS
from etude_gym.runs.agents import ONE_PROCESS, Resources, load_recipe
from etude_gym.runs.config import RunConfig
from etude_gym.runs.folder import COMPUTE, CURVE, PRACTICE, Run
from etude_gym.runs.practice_run import practice_run
from etude_gym.tasks.keys import join_tasks

ray = pytest.importorskip("ray")
torch = pytest.importorskip("torch")

from ray.rllib.core import DEFAULT_MODULE_ID  # noqa: E402
from ray.util.debug import reset_log_once  # noqa: E402
from ray_cluster import cluster  # noqa: E402, F401
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from etude_gym.agents.demonstrations import Imitation, demonstrate  # noqa: E402
from etude_gym.agents.rllib import curriculum as curriculum_module  # noqa: E402
from etude_gym.agents.rllib import learner as learner_module  # noqa: E402
from etude_gym.agents.rllib.config import (  # noqa: E402
    connect,
    ppo_config,
)
from etude_gym.agents.rllib.curriculum import (  # noqa: E402
    Curriculum,
    Ledger,
)
from etude_gym.agents.rllib.environment import (  # noqa: E402
    PracticeVectorEnv,
    Report,
    practice_env,
)
from etude_gym.agents.rllib.learner import (  # noqa: E402
    CONFIGS,
    RLlibPPOLearner,
    _digests,
    weights_digest,
)
from etude_gym.agents.rllib.module import CountingPPOLearner  # noqa: E402

NUM_ENVS, N_STEPS = 8, 8
REGISTERED_ANEW = ".*rllib-multi-agent-env-v0 already in registry"  # pytest forgets the filter of the package
SMALL = {"network": (16,), "n_steps": N_STEPS, "batch_size": 32, "n_epochs": 2}
NETWORKS = {
    "EtudePlan-v0": {},
    "EtudeLogic-v0": {"policy": "clauses"},
    "EtudeCode-v0": {"policy": "derivation"},
    "EtudeCreative-v0": {"policy": "concepts"},
}


@pytest.fixture
def made():
    """Makes learners, and stops them."""
    learners = []

    def make(env_id="EtudePlan-v0", **options):
        learners.append(RLlibPPOLearner(make_domain(env_id), seed=1, **{**SMALL, **options}))
        return learners[-1]

    yield make
    for learner in learners:
        learner.close()


def make_vector(env_id="EtudePlan-v0", practice="adaptive"):
    return EtudeVectorEnv(make_domain(env_id), NUM_ENVS, autoreset_mode="SameStep", practice=practice)


def quick_sampler():
    """Learns from every few results."""
    return FrontierSampler(make_domain("EtudePlan-v0").space, batch_size=4)


def on_runners(learner, function):
    return learner.algorithm.env_runner_group.foreach_env_runner(function)


def learn_on(learner, env, flops=1.0):
    """Practice for some more FLOPs, at least one iteration."""
    learner.learn(env, sum(learner.flops.values()) + env.sampler.flops + flops)


def sampler_states(learner):
    """States of the samplers of all env runners that practice."""

    def state(env_runner):
        env = practice_env(env_runner)
        return env and env.sampler_state()

    return [found for found in on_runners(learner, state) if found is not None]


# --- Environments of a runner ----------------------------------------------------------------------------


def make_practice(practice="uniform"):
    return PracticeVectorEnv(make_domain("EtudePlan-v0"), NUM_ENVS, practice)


def play(env, steps):
    """Random legal actions; how many of them were steps of an episode."""
    observations, _ = env.reset(seed=0)
    random, over, counted = np.random.default_rng(0), np.zeros(NUM_ENVS, dtype=bool), 0
    for _ in range(steps):
        noise = random.random(observations["action_mask"].shape) * observations["action_mask"]
        counted += NUM_ENVS - over.sum()
        observations, _, terminations, truncations, _ = env.step(noise.argmax(axis=1))
        over = terminations | truncations
    return counted


def test_a_report_holds_what_happened_since_the_last_one():
    env = make_practice()
    counted = play(env, 200)
    report = env.report(3, {"rollout": 7})
    assert report.env_steps == counted < 200 * NUM_ENVS
    assert len(report.results.scores) == len(report.results.reason) > 0
    assert report.results.difficulty.shape == (len(report.results), 4)
    assert (report.worker, report.flops) == (3, {"rollout": 7})
    again = env.report(3, {})
    assert again.env_steps == len(again.results) == 0
    assert again.incarnation == report.incarnation != make_practice().report(3, {}).incarnation


def test_adjacent_seeds_and_restarts_share_no_task():
    env, keys = make_practice(), []
    for generation in (0, 1):
        env.listen({}, generation)
        for seed in (0, 1):
            env.reset(seed=seed)
            keys += env.unwrapped.tasks().keys.tolist()
    assert len(set(keys)) == 4 * NUM_ENVS


def test_an_environment_that_resets_in_the_same_step_is_refused():
    from etude_gym.agents.rllib.environment import _assert_next_step

    with pytest.raises(ValueError, match="NextStep"):
        _assert_next_step(make_vector())


# --- Masks and the ledger --------------------------------------------------------------------------------


@pytest.mark.parametrize("env_id", NETWORKS)
def test_only_legal_actions_are_taken(env_id):
    algorithm = ppo_config(env_id, num_envs=NUM_ENVS, **{**SMALL, **NETWORKS[env_id]}).build_algo()
    try:
        episodes = algorithm.env_runner.sample()
    finally:
        algorithm.stop()
    taken = 0
    for episode in episodes:
        masks = episode.get_observations()["action_mask"][: len(episode)]
        actions = episode.get_actions()
        assert masks[np.arange(len(actions)), actions].all()
        taken += len(actions)
    assert taken >= NUM_ENVS * N_STEPS


def test_an_agent_acts_legally_whatever_the_mask(made):
    masks = np.eye(19, dtype=np.int8)
    assert made().act(np.ones((19, 92), dtype=np.float32), masks).tolist() == list(range(19))


@pytest.mark.parametrize("env_id", NETWORKS)
def test_the_ledger_equals_a_counter_that_is_always_on(made, env_id):
    learner = made(env_id, **NETWORKS[env_id])
    shown = make_vector(env_id)
    observations, infos = shown.reset(seed=0)
    with FlopCounterMode(display=False) as counter:
        learner.learn(make_vector(env_id), 1e7)
        learner.learn(make_vector(env_id), 2e7)
        for rows in (NUM_ENVS, NUM_ENVS, 3):
            learner.act(observations[:rows], infos["action_mask"][:rows])
    assert min(learner.flops.values()) > 0
    assert sum(learner.flops.values()) == pytest.approx(counter.get_total_flops(), rel=1e-3)


def test_the_raw_observation_of_many_tables_is_learned_from(made):
    domain = make_domain("EtudePlan-v0", observation="raw")
    learner = RLlibPPOLearner(domain, **SMALL)
    learner.learn(EtudeVectorEnv(domain, NUM_ENVS, autoreset_mode="SameStep"), 1.0)
    assert learner.flops["update"] > 0
    learner.close()


def test_environment_steps_are_expenses_once(made):
    learner = made()
    learner.learn(make_vector(), 1.0)
    assert NUM_ENVS * N_STEPS <= learner.take_expenses()["rollout"]["env_steps"] < NUM_ENVS * (N_STEPS + 2)
    assert learner.take_expenses()["rollout"]["env_steps"] == 0


@pytest.mark.parametrize("method", ["_update", "_imitate"])
def test_the_learning_rate_ends_with_the_horizon(made, monkeypatch, method):
    learner = made(n_steps=32, imitation_epochs=1, learning_rate=1e-2, final_learning_rate=1e-3, horizon=1.0)
    step, rates = getattr(CountingPPOLearner, method), []

    def recording(self, *given, **arguments):
        rates.append(next(iter(self._named_optimizers.values())).param_groups[0]["lr"])
        return step(self, *given, **arguments)

    monkeypatch.setattr(CountingPPOLearner, method, recording)
    env = make_vector()
    for _ in range(2):
        learn_on(learner, env)
    assert rates[0] == 1e-2
    assert rates[-1] == pytest.approx(1e-3)


# --- One curriculum --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_is_the_same_on_driver_and_runners(made, name):
    learner, env = made(n_steps=32), make_vector(practice=name)
    heard = []
    env.stream.listener = lambda difficulty, reason, scores: heard.extend(scores)
    learner.learn(env, 1.0)
    assert sampler_states(learner) == [env.sampler.state_dict()]
    assert len(heard) > 0
    if name == "schedule":
        assert env.sampler.state_dict() == {"num_results": len(heard)}


def report_of(worker, scores, incarnation="a", env_steps=10):
    n = len(scores)
    zeros = np.zeros(n, dtype=np.int64)
    results = Results(np.full((n, 4), 0.5), zeros, np.array(scores, dtype=float), zeros)
    return Report(worker, incarnation, results, env_steps, {"rollout": 30}, 1.0)


def fake_algorithm(*reports):
    return SimpleNamespace(
        env_runner_group=SimpleNamespace(foreach_env_runner=lambda function: list(reports)),
        learner_group=SimpleNamespace(
            is_remote=False, foreach_learner=lambda function: SimpleNamespace(result_or_errors=[])
        ),
        config=SimpleNamespace(
            get_rollout_fragment_length=lambda: 16,
            num_envs_per_env_runner=4,
            learner_config_dict={"imitation": Imitation(0, 1)},
        ),
    )


def test_results_are_learned_from_in_the_order_of_the_runners():
    first, second = report_of(1, [0.1, 0.9, 0.3]), report_of(2, [0.7, 0.2])
    states = []
    for reports in ((first, second), (second, first)):
        curriculum = Curriculum(quick_sampler())
        curriculum.pull(fake_algorithm(None, *reports))
        states.append(curriculum.sampler.state_dict())
    assert states[0] == states[1]
    assert states[0]["num_results"] == 5


def test_a_runner_that_is_gone_costs_one_fragment_once():
    curriculum = Curriculum(UniformSampler(make_domain("EtudePlan-v0").space), ledger := Ledger())
    repeated = []
    for present in (
        [report_of(1, []), report_of(2, [])],
        [report_of(1, [])],
        [],
        [report_of(1, [], "b"), report_of(2, [], "c")],
        [report_of(1, [], "d"), report_of(2, [], "c")],
    ):
        curriculum.pull(fake_algorithm(*present))
        repeated.append(ledger.take_expenses()["repeated"])
    fragment = {"env_steps": 16 * 4, "flops": 3 * 16 * 4}
    nothing = {"env_steps": 0, "flops": 0}
    assert repeated == [nothing, fragment, fragment, nothing, fragment]


# --- Imitation -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shown():
    domain = make_domain("EtudePlan-v0")
    return demonstrate(domain, stratified_tasks(domain, "probe", 3, 10))


def test_the_tasks_of_a_report_are_those_whose_episodes_ended():
    env, attempted = make_practice(), set()
    draw = env.unwrapped.stream.draw

    def watched_draw(*arguments):
        drawn = draw(*arguments)
        attempted.update(drawn.keys.tolist())
        return drawn

    env.unwrapped.stream.draw = watched_draw
    play(env, 100)
    report = env.report(0, {})
    finished = join_tasks(report.tasks)
    assert len(set(finished.keys.tolist())) == len(finished) > NUM_ENVS
    assert set(finished.keys.tolist()) >= attempted - set(env.unwrapped.tasks().keys.tolist())
    np.testing.assert_array_equal(finished.difficulty, report.results.difficulty)
    np.testing.assert_array_equal(finished.family, report.results.family)
    assert env.report(0, {}).tasks == ()


def test_imitation_makes_the_reference_more_probable(made, shown):
    agreement = []
    for epochs in (0, 2):
        learner = made(network=(32,), n_steps=32, batch_size=64, n_epochs=1, imitation_epochs=epochs)
        assert learner.learns_from_failures == (epochs > 0)
        learner.learn(make_vector(practice="uniform"), 1.2e8)
        agreement.append((learner.act(shown.observations, shown.masks) == shown.actions).mean())
    assert agreement[1] > agreement[0] + 0.1


@pytest.mark.parametrize("imitation_batch_size", [32, 50])  # the first as large as those of rewards
def test_imitation_is_on_the_ledger(made, imitation_batch_size):
    learner = made(n_steps=32, imitation_epochs=2, imitation_batch_size=imitation_batch_size)
    with FlopCounterMode(display=False) as counter:
        learner.learn(make_vector(practice="uniform"), 4e7)
    assert sum(learner.flops.values()) == pytest.approx(counter.get_total_flops(), rel=1e-3)


def test_env_runners_act_with_what_was_imitated(made, monkeypatch):
    learner, imitated = made(n_steps=32, imitation_epochs=1), []
    imitate = CountingPPOLearner.imitate

    def watched_imitate(self, shown, minibatches):
        imitated.append(len(minibatches))
        imitate(self, shown, minibatches)

    monkeypatch.setattr(CountingPPOLearner, "imitate", watched_imitate)
    learner.learn(make_vector(practice="uniform"), 1.0)
    digest = weights_digest(learner.state_dict()["module"])
    assert len(imitated) == 1
    assert on_runners(learner, lambda runner: weights_digest(runner.module.get_state())) == [digest]


def test_the_same_seed_imitates_in_the_same_order(made):
    digests = set()
    for _ in range(2):
        learner = made(n_steps=32, imitation_epochs=1)
        learner.learn(make_vector(practice="uniform"), 1.0)
        digests.add(weights_digest(learner.state_dict()["module"]))
    assert len(digests) == 1


def test_without_imitation_nothing_is_demonstrated(made, monkeypatch):
    monkeypatch.setattr(curriculum_module, "demonstrate", None)
    made(n_steps=32).learn(make_vector(practice="uniform"), 1.0)


@pytest.mark.parametrize("options", [{"imitation_epochs": -1}, {"imitation_batch_size": 0}])
def test_wrong_amounts_of_imitation_are_refused(made, options):
    with pytest.raises(ValueError, match="imitation_epochs"):
        made(**options)


# --- Checkpoints -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("imitation_epochs", [0, 1])
def test_a_restored_learner_has_weights_optimizer_and_counters(made, imitation_epochs):
    options = {"n_steps": 32, "imitation_epochs": imitation_epochs}
    learner, env = made(**options), make_vector()
    learner.learn(env, 1e6)
    state = learner.state_dict()
    restored = made(**options)
    restored.load_state_dict(state)
    assert restored.flops == learner.flops
    restored._build(make_vector())
    digest = weights_digest(state["module"])
    assert on_runners(restored, lambda runner: weights_digest(runner.module.get_state())) == [digest]
    again = restored.state_dict()
    assert weights_digest(again["module"]) == digest
    assert repr(again["learner"]["optimizer"]) == repr(state["learner"]["optimizer"])
    learn_on(restored, make_vector())
    assert weights_digest(restored.state_dict()["module"]) != digest
    restored.load_state_dict(state)  # older weights than those it has
    assert on_runners(restored, lambda runner: weights_digest(runner.module.get_state())) == [digest]


def test_a_runner_with_other_weights_is_noticed(made, monkeypatch):
    learner = made()
    learner.learn(make_vector(), 1.0)
    monkeypatch.setattr(type(learner.algorithm.env_runner), "set_state", lambda self, state: None)
    learn_on(learner, make_vector())
    state = learner.state_dict()
    with pytest.raises(RuntimeError, match="other weights"):
        learner.load_state_dict(state)


# --- Resources and failures ------------------------------------------------------------------------------


def test_more_than_the_cluster_has_is_refused_saying_what_is_there(made):
    asked = Resources(env_runners=3, learners=2, gpus_per_learner=0.5)
    with pytest.raises(ValueError, match=r"env_runners=3, .*need 1 GPU, there are 0"):
        connect(asked)
    with pytest.raises(ValueError, match="need 5 CPU, there are 4"):
        made(resources={"env_runners": 3, "learners": 2})


def test_resources_are_checked():
    with pytest.raises(ValueError, match="env_runners must be a number that is not negative, got -1"):
        Resources(env_runners=-1)
    assert not ONE_PROCESS.remote
    assert Resources(learners=2, gpus_per_learner=1).needed == {"CPU": 0, "GPU": 2}


def test_an_agent_of_one_process_refuses_resources(capsys):
    with pytest.raises(SystemExit):
        main(["practice", "--agent", "sb3", "--env-runners", "2"])
    assert "are for --agent rllib" in " ".join(capsys.readouterr().err.split())


def test_iterations_without_a_step_are_failures_with_a_limit(made, monkeypatch):
    learner, pauses = made(), []
    learner.learn(make_vector(), 1.0)
    monkeypatch.setattr(learner.algorithm, "train", dict)
    monkeypatch.setattr(learner_module.time, "sleep", pauses.append)
    with pytest.raises(RuntimeError, match="no environment step in 10 iterations"):
        learner.learn(make_vector(), 1e12)
    assert pauses == [1, 2, 4, 8, *[15] * 6]


@pytest.mark.parametrize("kind", ["alone", *CONFIGS])
def test_a_start_provokes_no_warning(kind):
    """Not even one that Ray gives once in a process, or hides behind the level of its loggers."""
    logger, handler = logging.getLogger("ray"), BufferingHandler(capacity=1000)
    level = logger.level
    reset_log_once()
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            warnings.filterwarnings("ignore", message=REGISTERED_ANEW)
            algorithm = CONFIGS.get(kind, ppo_config)("EtudePlan-v0", num_envs=NUM_ENVS, **SMALL).build_algo()
            algorithm.train()
            algorithm.stop()
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    assert [record.getMessage() for record in handler.buffer if record.levelno >= logging.WARNING] == []
    assert [str(warning.message) for warning in warned] == []


def test_a_policy_that_does_not_fit_the_domain_is_refused(made):
    with pytest.raises(ValueError, match="needs a domain with a ClauseLayout"):
        made(policy="clauses")
    with pytest.raises(ValueError, match="Did you mean 'derivation'"):
        made(policy="derivations")


@pytest.mark.parametrize("env_id", NETWORKS)
def test_every_domain_has_a_recipe_whose_learner_can_be_made(env_id):
    recipe = load_recipe("rllib", env_id)
    assert recipe.horizon > 0
    assert recipe.source
    learner = RLlibPPOLearner(make_domain(env_id), horizon=recipe.horizon, **recipe.options)
    assert learner.learns_from_failures == (recipe.options.get("imitation_epochs", 0) > 0)
    assert recipe.options.get("policy", "mlp") == NETWORKS[env_id].get("policy", "mlp")
    for name, options in recipe.samplers.items():
        SAMPLERS[name](make_domain(env_id).space, **options)


def test_an_unknown_domain_has_no_recipe():
    assert load_recipe("rllib", "Unknown-v0").horizon is None


# --- Whole runs ------------------------------------------------------------------------------------------


def check_run(folder):
    """Every checkpoint that was reached once, no iteration missing, all episodes in the curriculum."""
    run = Run(folder)
    assert run.finished
    records = run.read(PRACTICE)
    grid = RunConfig.read(folder).horizon * 2.0 ** -np.arange(7, -1, -1)
    reached = {0, *(int((record["compute"] >= grid).sum()) for record in records)}
    assert [record["index"] for record in run.read(CURVE)] == sorted(reached)
    assert max(reached) == 8
    assert [record["iteration"] for record in records] == list(range(1, len(records) + 1))
    episodes = sum(record["episodes"] for record in records)
    sampler = run.load()["env"]["stream"]["sampler"]
    assert sampler["num_results"] + len(sampler["waiting"]["scores"]) == episodes > 0
    meter = ComputeMeter()
    meter.load_state_dict(json.loads((folder / COMPUTE).read_text()))
    return meter


def lay_out(folder, horizon, **options):
    RunConfig(
        *("EtudePlan-v0", "adaptive", "rllib", 0, horizon, NUM_ENVS, 2, (0.0,) * 4),
        options={**SMALL, **options},
    ).write(folder)
    return folder


def test_a_run_that_was_left_is_gone_on_with_and_ends_with_a_whole_curve(tmp_path):
    folder, asked = lay_out(tmp_path / "run", 1.5e8, n_epochs=1), iter([False] * 8)
    assert not practice_run(folder, salt=7, should_stop=lambda: next(asked, True))
    assert practice_run(folder, salt=7)
    meter = check_run(folder)
    assert len(Run(folder).read(CURVE)) == 9
    assert meter.amount("rollout", "env_steps") == Run(folder).read(CURVE)[-1]["env_steps"] > 0
    assert meter.amount("repeated", "env_steps") == 0


# --- Remote runners: minutes of work ---------------------------------------------------------------------


@contextmanager
def time_limit():
    """Raise TimeoutError in a test that hangs."""

    def stop(*_):
        raise TimeoutError("it took too long")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(int(PATIENCE))
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def remote_pids(learner):
    return [pid for pid in on_runners(learner, lambda runner: os.getpid()) if pid != os.getpid()]


@pytest.mark.slow
def test_remote_runners_and_a_remote_learner_share_weights_curriculum_and_ledger(made):
    with time_limit():
        learner = made(resources=Resources(env_runners=2, learners=1), n_steps=32)
        env = make_vector(practice=quick_sampler())
        learner.learn(env, 5e7)
        assert sampler_states(learner) == [env.sampler.state_dict()] * 2
        weights = weights_digest(learner.state_dict()["module"])

        def digests():
            return on_runners(learner, lambda runner: weights_digest(runner.module.get_state()))

        wait_until(lambda: digests() == [weights] * 3)  # they are sent without waiting for their arrival
        assert min(learner.flops[line] for line in ("rollout", "value", "update")) > 0
        expenses = learner.take_expenses()
        assert expenses["rollout"]["cpu_seconds"] > 0
        assert expenses["update"]["cpu_seconds"] > 0


@pytest.mark.slow
def test_remote_learners_imitate_together(made, shown):
    rows = list(np.random.default_rng(0).permutation(len(shown))[:62].reshape(2, 31))
    with time_limit():
        weights = []
        for resources in (ONE_PROCESS, Resources(env_runners=1, learners=2)):
            learner = made(resources=resources, n_steps=32, imitation_epochs=1)
            env = make_vector(practice="uniform")
            learner._build(env)
            group = learner.algorithm.learner_group
            group.foreach_learner(lambda each: each.imitate(shown, rows))
            found = group.foreach_learner(lambda each: each.module[DEFAULT_MODULE_ID].get_state())
            weights += [result.get() for result in found.result_or_errors]
            learner.learn(env, 1.0)
            found = group.foreach_learner(lambda each: _digests(each.module, [DEFAULT_MODULE_ID]))
            assert len({str(result.get()) for result in found.result_or_errors}) == 1
        assert len(weights) == 3
        assert weights_digest(weights[1]) == weights_digest(weights[2])
        for name, expected in weights[0].items():
            np.testing.assert_allclose(weights[1][name], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_killed_runners_cost_no_run(made):
    with time_limit():
        learner = made(resources=Resources(env_runners=2), n_steps=32)
        env = make_vector(practice=quick_sampler())
        learner.learn(env, 1e7)
        for number in (1, 2):
            before = remote_pids(learner)
            learner.take_expenses()
            for pid in before[:number]:
                os.kill(pid, signal.SIGKILL)
            steps = learner._ledger.env_steps
            learn_on(learner, env, 1e7)
            assert learner._ledger.env_steps > steps
            assert learner.take_expenses()["repeated"]["env_steps"] == number * NUM_ENVS / 2 * 32
            while len(remote_pids(learner)) < 2:
                learn_on(learner, env)
            assert not set(before[:number]) & set(remote_pids(learner))
            assert sampler_states(learner) == [env.sampler.state_dict()] * 2
        assert env.sampler.state_dict()["num_results"] > 0


@pytest.mark.slow
def test_a_killed_driver_is_gone_on_with(tmp_path):
    folder = tmp_path / "experiment"
    etude = [sys.executable, "-m", "etude_gym.cli", "practice"]
    begin = ["EtudePlan-v0", "--agent", "rllib", "--arms", "adaptive", "--seeds", "1", "--items", "2"]
    begin += ["--horizon", "6e10", "--env-runners", "2", "--out", str(folder)]
    driver = subprocess.Popen([*etude, *begin], start_new_session=True)
    records = folder / "adaptive/seed_0" / PRACTICE
    wait_until(
        lambda: (
            driver.poll() is not None or (records.exists() and len(records.read_bytes().splitlines()) >= 4)
        )
    )
    assert driver.poll() is None
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    subprocess.run([*etude, "--resume", str(folder)], check=True, timeout=PATIENCE)
    meter = check_run(folder / "adaptive/seed_0")
    assert meter.training("env_steps") > 0
