"""Training by self-play: a proposer beside the solver, what it costs, and what a run keeps of both."""

from __future__ import annotations

import json

import gymnasium
import numpy as np
import pytest

import etude_gym  # noqa: F401
from etude_gym.cli.main import main
from etude_gym.environment.registration import make_domain
from etude_gym.environment.vector import EtudeVectorEnv
from etude_gym.practice.sampler import PROPOSED, Results
from etude_gym.practice.self_play import SelfPlaySampler
from etude_gym.report.comparison import compare
from etude_gym.runs.agents import load_recipe
from etude_gym.runs.config import RunConfig
from etude_gym.runs.experiment import Experiment, ExperimentConfig
from etude_gym.runs.folder import COMPUTE, CURVE, PRACTICE, Run
from etude_gym.runs.practice_run import practice_run
from etude_gym.tasks.keys import join_tasks

ray = pytest.importorskip("ray")
pytest.importorskip("torch")
pytest.importorskip("pettingzoo")

from ray.rllib.core import COMPONENT_RL_MODULE  # noqa: E402
from ray_cluster import cluster  # noqa: E402, F401
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from etude_gym.agents.demonstrations import demonstrate  # noqa: E402
from etude_gym.agents.rllib import curriculum  # noqa: E402
from etude_gym.agents.rllib.environment import practice_env  # noqa: E402
from etude_gym.agents.rllib.learner import (  # noqa: E402
    RLlibPPOLearner,
    weights_digest,
)
from etude_gym.agents.rllib.proposer import (  # noqa: E402
    PROPOSER,
    SelfPlayPPOLearner,
)
from etude_gym.agents.rllib.self_play import self_play_config  # noqa: E402

# RLlib registers its name anew for every algorithm.
pytestmark = pytest.mark.filterwarnings("ignore:.*rllib-multi-agent-env-v0 already in registry")

NUM_ENVS = 8
SMALL = {"network": (16,), "n_steps": 16, "batch_size": 64, "n_epochs": 1}
DOMAIN = make_domain("EtudePlan-v0")


@pytest.fixture
def made():
    """Makes learners, and stops them."""
    learners = []

    def make(**options):
        learners.append(RLlibPPOLearner(DOMAIN, seed=1, **{**SMALL, **options}))
        return learners[-1]

    yield make
    for learner in learners:
        learner.close()


def make_vector():
    return EtudeVectorEnv(DOMAIN, NUM_ENVS, autoreset_mode="SameStep", practice=SelfPlaySampler(DOMAIN.space))


def record_on_the_runner(learner):
    return practice_env(learner.algorithm.env_runner).sampler_state()["record"]


def proposer_on_the_runner(learner):
    return weights_digest(learner.algorithm.env_runner.module[PROPOSER].get_state())


# --- Where it works --------------------------------------------------------------------------------------


def test_no_environment_draws_from_it():
    with pytest.raises(ValueError, match=r"plays against itself.* --agent rllib"):
        gymnasium.make("EtudePlan-v0", practice="self_play")
    with pytest.raises(ValueError, match=r"draws nothing: .* --agent rllib"):
        make_vector().reset(seed=0)


@pytest.mark.parametrize("agent", ["sb3", "own_learner:LinearReinforce"])
def test_agents_that_train_no_proposer_refuse_it(agent, tmp_path):
    config = ExperimentConfig(agent=agent, arms=("static", "self_play"), seeds=1, horizon=1e7)
    with pytest.raises(ValueError, match=r"cannot carry out 'self_play': .* --agent rllib does"):
        Experiment.create(tmp_path / "experiment", config)
    assert not (tmp_path / "experiment").exists()


# --- What the learner does -------------------------------------------------------------------------------


def test_the_sampler_keeps_what_it_was_told():
    sampler = SelfPlaySampler(DOMAIN.space)
    assert sampler.describe() == {}
    sampler.update(results(score=1.0, difficulty=0.2))
    sampler.update(results(score=0.0, difficulty=0.4))
    sampler.spend(3.0)
    sampler.spend(4.0)
    restored = SelfPlaySampler(DOMAIN.space)
    restored.load_state_dict(json.loads(json.dumps(sampler.state_dict())))
    assert restored.describe() == sampler.describe() == {"success": 0.5, "difficulty": pytest.approx(0.3)}
    assert restored.flops == 7.0
    assert restored.record.num_results == 2


def results(score, difficulty):
    return Results(np.full((1, 4), difficulty), np.zeros(1, dtype=np.int64), np.array([score]))


def test_the_ledger_equals_a_counter_that_is_always_on(made):
    learner, env = made(), make_vector()
    with FlopCounterMode(display=False) as counter:
        learner.learn(env, 1.0)
        learner.learn(env, learner._training_flops() + env.sampler.flops + 1.0)
    assert min(learner.flops[line] for line in ("rollout", "value", "update")) > 0
    assert env.sampler.flops > 0
    assert sum(learner.flops.values()) + env.sampler.flops == pytest.approx(
        counter.get_total_flops(), rel=1e-3
    )


def test_the_drivers_record_learns_from_every_round_and_runners_share_it(made):
    learner, env = made(n_steps=64), make_vector()
    heard = []
    env.stream.listener = lambda difficulty, reason, scores: heard.extend(zip(reason, scores, strict=True))
    learner.learn(env, 1.0)
    assert env.sampler.record.num_results == len(heard) > 0
    assert {reason for reason, _ in heard} == {PROPOSED}
    assert record_on_the_runner(learner) == env.sampler.record.state_dict()
    records = {id(duel.unwrapped.game.record) for duel in learner.algorithm.env_runner.env.envs}
    assert len(records) == 1


def test_the_solver_imitates_the_tasks_that_it_was_set(made, monkeypatch):
    learner, env, shown, heard = made(n_steps=32, imitation_epochs=1), make_vector(), [], []
    env.stream.listener = lambda difficulty, reason, scores: heard.extend(difficulty.tolist())

    def watched_demonstrate(domain, tasks):
        shown.append(tasks)
        return demonstrate(domain, tasks)

    monkeypatch.setattr(curriculum, "demonstrate", watched_demonstrate)
    for _ in range(3):
        learner.learn(env, learner._training_flops() + env.sampler.flops + 1.0)
    tasks = join_tasks(shown)
    assert tasks.difficulty.tolist() == heard
    assert len(set(tasks.keys.tolist())) == len(tasks) > 0


def test_every_choice_of_the_proposer_is_learned_from_with_its_reward(made, monkeypatch):
    learner, env, batches = made(n_steps=32), make_vector(), []
    monkeypatch.setattr(
        SelfPlayPPOLearner, "_update_proposer", lambda self, proposals: batches.append(proposals)
    )
    for _ in range(4):
        learner.learn(env, learner._training_flops() + 1.0)
    assert sum(len(batch["rewards"]) for batch in batches) == env.sampler.record.num_results > 0
    rewards = np.concatenate([batch["rewards"].numpy() for batch in batches])
    assert (rewards > 0.0).all()
    assert (rewards <= 1.0).all()


def test_steps_are_those_of_the_solver(made):
    learner, env = made(), make_vector()
    learner.learn(env, 1.0)
    steps = learner.take_expenses()["rollout"]["env_steps"]
    assert NUM_ENVS * SMALL["n_steps"] - NUM_ENVS * 2 <= steps < NUM_ENVS * SMALL["n_steps"]


def test_a_script_can_train_the_two_on_its_own():
    algorithm = self_play_config("EtudePlan-v0", num_envs=NUM_ENVS, **SMALL).build_algo()
    try:
        practice = algorithm.train()["practice"]
    finally:
        algorithm.stop()
    assert practice["env_steps"] > 0
    assert algorithm.curriculum.sampler.flops > 0


def test_a_restored_run_has_the_proposer_and_the_record(made):
    learner, env = made(n_steps=32), make_vector()
    for _ in range(3):
        learner.learn(env, learner._training_flops() + env.sampler.flops + 1.0)
    state, sampler = learner.state_dict(), env.sampler.state_dict()
    restored, other = made(n_steps=32), make_vector()
    restored.load_state_dict(state)
    other.sampler.load_state_dict(sampler)
    restored._build(other)
    restored.learn(other, 0.0)  # nothing to do but to share the record
    assert proposer_on_the_runner(restored) == proposer_on_the_runner(learner)
    assert record_on_the_runner(restored) == sampler["record"]
    saved = restored.state_dict()["learner"]
    assert weights_digest(saved[COMPONENT_RL_MODULE][PROPOSER]) == proposer_on_the_runner(learner)
    assert repr(saved["optimizer"]) == repr(state["learner"]["optimizer"])


# --- Whole runs ------------------------------------------------------------------------------------------


def test_it_is_an_arm_like_any_other(tmp_path, capsys):
    folder = tmp_path / "experiment"
    options = {"network": (8,), "n_steps": 4, "batch_size": 256, "n_epochs": 1}
    config = ExperimentConfig(
        agent="rllib", arms=("static", "self_play"), seeds=1, first_seed=1000, horizon=2e7, items=2,
        options=options,
    )  # fmt: skip
    experiment = Experiment.create(folder, config)
    for run in experiment.run_folders():
        assert practice_run(run, experiment.salt(run))
        assert [record["index"] for record in Run(run).read(CURVE)][-1] == 8
        curriculum = json.loads((run / COMPUTE).read_text())["curriculum"]["flops"]
        assert (curriculum > 0) == (run.parent.name == "self_play")
    records = Run(folder / "self_play/seed_1000").read(PRACTICE)
    assert sum(record["reasons"].get("proposed", 0) for record in records) > 0
    assert {"success", "difficulty"} <= records[-1]["sampler"].keys()
    assert [result.arm for result in compare([folder]).arms] == ["static", "self_play"]
    main(["compare", str(folder)])
    assert "self_play" in capsys.readouterr().out


@pytest.fixture(scope="module")
def courses(tmp_path_factory):
    """Success and mean difficulty of practice in five parts of each run, one run for each seed."""
    recipe, horizon = load_recipe("rllib", "EtudePlan-v0"), 1.5e11
    found = []
    for seed in (1000, 1001, 1002):
        folder = tmp_path_factory.mktemp("self_play")
        RunConfig(
            *("EtudePlan-v0", "self_play", "rllib", seed, horizon, recipe.num_envs, 2, (0.0,) * 4),
            options=recipe.options,
        ).write(folder)
        assert practice_run(folder, salt=7)
        iterations = [record for record in Run(folder).read(PRACTICE) if record["episodes"]]
        course = [(record["success"], np.mean(list(record["difficulty"].values()))) for record in iterations]
        found.append([part.mean(axis=0) for part in np.array_split(course, 5)])
    success, difficulty = np.moveaxis(np.array(found), 2, 0)
    print("success", success.round(3), "difficulty", difficulty.round(3), sep="\n")
    return success, difficulty


@pytest.mark.slow
def test_once_warm_the_proposer_keeps_success_in_the_middle_on_every_seed(courses):
    success, _ = courses
    assert (np.abs(success[:, 2:] - 0.5) < 0.25).all()


@pytest.mark.slow
def test_the_tasks_of_the_proposer_grow_harder_with_the_solver_on_every_seed(courses):
    """Difficulty falls until something is solved; from then on it rises."""
    _, difficulty = courses
    assert (difficulty[:, -1] > difficulty[:, 1]).all()
    assert (np.diff(difficulty[:, 2:].mean(axis=0)) > 0).all()
