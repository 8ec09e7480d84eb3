"""Practice as self-play: duels and races over any domain."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import counting  # noqa: F401  (registers Counting-v0)
import gymnasium as gym
import numpy as np
import pytest
from graded import GradedDomain
from gymnasium.utils.env_checker import data_equivalence

from etude_gym import envs, register_domain
from etude_gym.errors import MissingExtra
from etude_gym.practice.sampler import REASONS, Results
from etude_gym.randomness import mix, uniform

pytest.importorskip("pettingzoo")

from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test, seed_test

from etude_gym.envs import duel
from etude_gym.practice import solver_record as records

DOMAINS = ("EtudePlan-v0", "Counting-v0")
GAMES: dict[str, Any] = {
    "duel": (duel.parallel_env, duel.env, {"num_solvers": 2, "rounds": 3}),
    "race": (duel.race_parallel_env, duel.race_env, {}),
}
PROPOSER = "proposer_0"

EXPECTED_WARNINGS = (
    # PettingZoo would rather have a plain array than an observation with a mask, from those it does not know.
    "Observation space for each agent probably should be",
    "Observation is not a NumPy array",
    # A proposer is no solver.
    "Action space for each agent probably should be",
    "Agents have different observation space sizes",
    "Observations are different shapes",
    # A solver has no task while the proposer chooses.
    "Observation numpy array is all zeros",
)


@pytest.fixture(autouse=True)
def graded():
    """Graded-v0, for as long as a test lasts."""
    register_domain("Graded-v0", "graded:GradedDomain")
    yield
    del gym.registry["Graded-v0"]


def choose(env, agent, seen, key):
    """A legal action, drawn from a key."""
    mask = seen["action_mask"]
    parts = mask if isinstance(mask, tuple) else (mask,)
    numbers = uniform(mix(key, env.possible_agents.index(agent)), np.arange(len(parts)))
    chosen = [
        int(np.flatnonzero(part)[int(number * part.sum())])
        for part, number in zip(parts, numbers, strict=True)
    ]
    return np.array(chosen) if isinstance(mask, tuple) else chosen[0]


def play(env, seed, steps):
    """Everything that a game returns, resets included."""
    seen, infos = env.reset(seed=seed)
    history = [(seen, infos)]
    for step in range(steps):
        actions = {agent: choose(env, agent, seen[agent], step) for agent in env.agents}
        result = env.step(actions)
        history.append(result)
        seen = result[0]
        if not env.agents:
            seen, infos = env.reset()
            history.append((seen, infos))
    return history


def nothing(env):
    return int(env.action_space("solver_0").n) - 1


def propose(env, family=0, levels=(0, 0)):
    """Let the proposer of a duel choose."""
    actions = {agent: nothing(env) for agent in env.agents}
    return env.step(actions | {PROPOSER: np.array([family, *levels])})


def answer(env, *solver_actions):
    """Let the solvers of a duel act."""
    proposal = np.zeros(1 + len(env.domain.space), dtype=int)
    actions = {f"solver_{i}": action for i, action in enumerate(solver_actions)}
    return env.step({PROPOSER: proposal} | actions)


# --- PettingZoo's own tests --------------------------------------------------------------------------


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("env_id", DOMAINS)
def test_pettingzoo_finds_nothing_wrong_with_the_parallel_api(env_id, game):
    parallel_env, _, options = GAMES[game]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parallel_api_test(parallel_env(env_id, **options), num_cycles=200)
        parallel_seed_test(lambda: parallel_env(env_id, **options), num_cycles=50)


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("env_id", DOMAINS)
def test_pettingzoo_finds_nothing_wrong_with_the_conversion_to_turns(env_id, game):
    _, env, options = GAMES[game]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for expected in EXPECTED_WARNINGS:
            warnings.filterwarnings("ignore", message=expected)
        api_test(env(env_id, **options), num_cycles=100)
        seed_test(lambda: env(env_id, **options), num_cycles=100)


def test_without_pettingzoo_the_error_names_what_to_install(monkeypatch):
    def missing(entry_point):
        raise ModuleNotFoundError("No module named 'pettingzoo'", name="pettingzoo")

    monkeypatch.setattr(duel, "load_entry_point", missing)
    for make in (duel.parallel_env, duel.env, duel.race_parallel_env, duel.race_env):
        with pytest.raises(MissingExtra, match=re.escape('pip install "etude-gym[marl]"')):
            make("EtudePlan-v0")


# --- What every game keeps ---------------------------------------------------------------------------


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("env_id", ["EtudePlan-v0", "EtudeLogic-v0", "EtudeCode-v0", "Counting-v0"])
def test_the_same_seed_gives_the_same_game_in_any_domain(env_id, game):
    make, _, options = GAMES[game]
    first, second = (play(make(env_id, **options), seed=5, steps=150) for _ in range(2))
    assert data_equivalence(first, second, exact=True)
    other = play(make(env_id, **options), seed=6, steps=150)
    assert not data_equivalence(first, other, exact=True)


@pytest.mark.parametrize("game", GAMES)
def test_observations_lie_in_their_spaces_and_somebody_acts(game):
    make, _, options = GAMES[game]
    env = make("EtudePlan-v0", **options)
    seen, _ = env.reset(seed=0)
    for step in range(200):
        for agent in env.agents:
            assert env.observation_space(agent).contains(seen[agent])
        assert env.acting
        actions = {agent: choose(env, agent, seen[agent], step) for agent in env.agents}
        assert all(env.action_space(agent).contains(action) for agent, action in actions.items())
        seen, *_ = env.step(actions)
        if not env.agents:
            seen, _ = env.reset()


@pytest.mark.parametrize("game", GAMES)
def test_the_global_random_state_is_left_alone(game):
    make, _, options = GAMES[game]
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    play(make("Counting-v0", **options), seed=1, steps=50)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize("game", GAMES)
def test_steps_without_an_episode_or_without_an_agent_are_refused(game):
    make, _, options = GAMES[game]
    env = make("Counting-v0", **options)
    with pytest.raises(RuntimeError, match="call reset"):
        env.step({})
    env.reset(seed=0)
    with pytest.raises(ValueError, match=env.agents[0]):
        env.step({})


def test_wrong_arguments_are_refused():
    for make, wrong, message in (
        (duel.parallel_env, {"num_solvers": 0}, "num_solvers must be a positive integer"),
        (duel.parallel_env, {"rounds": 1.5}, "rounds must be a positive integer"),
        (duel.race_parallel_env, {"num_racers": 1}, "at least 2"),
        (duel.race_parallel_env, {"practice": "adaptiv"}, "Did you mean 'adaptive'"),
    ):
        with pytest.raises(ValueError, match=message):
            make("EtudePlan-v0", **wrong)
    with pytest.raises(TypeError, match="Did you mean 'observation'"):
        duel.parallel_env("EtudePlan-v0", obserwation="raw")
    with pytest.raises(ValueError, match="Did you mean 'EtudePlan-v0'"):
        duel.parallel_env("EtudePlann-v0")
    with pytest.raises(TypeError, match="Did you mean 'observation'"):
        duel.parallel_env("EtudePlan-v0", obserwation="raw")


def test_observations_that_are_dictionaries_are_played_as_well():
    play(duel.parallel_env("EtudePlan-v0", observation="raw"), seed=0, steps=100)


# --- The duel ----------------------------------------------------------------------------------------


def test_the_proposal_decides_family_and_difficulty_for_all():
    env = duel.parallel_env("Graded-v0", num_solvers=2)
    env.reset(seed=0)
    *_, infos = propose(env, family=1, levels=(3, 20))
    for agent in env.agents:
        assert infos[agent]["family"] == "unsolvable"
        assert infos[agent]["difficulty"] == {"first": 0.15, "second": 1.0}


def test_all_solvers_of_a_round_see_the_same_task_and_every_round_a_new_one():
    env = duel.parallel_env("EtudePlan-v0", num_solvers=3, rounds=4)
    seen, _ = env.reset(seed=0)
    keys, tasks = [], []
    for step in range(1000):
        proposing = env.acting == [PROPOSER]
        actions = {agent: choose(env, agent, seen[agent], step) for agent in env.agents}
        seen, _, _, _, infos = env.step(actions)
        if proposing:
            shown = [seen[agent]["observation"] for agent in env.solvers]
            assert np.array_equal(shown[0], shown[1])
            assert np.array_equal(shown[0], shown[2])
            keys.append(infos["solver_0"]["task_key"])
            tasks.append(shown[0].tobytes())
        if not env.agents:
            break
    assert len(set(keys)) == len(set(tasks)) == 4


def test_an_episode_of_counting_step_by_step():
    env = duel.parallel_env("Counting-v0", num_solvers=2, rounds=1)
    seen, infos = env.reset(seed=0)
    assert infos == {agent: {"illegal_actions": 0} for agent in (PROPOSER, "solver_0", "solver_1")}
    assert env.acting == [PROPOSER]
    assert [part.tolist() for part in seen[PROPOSER]["action_mask"]] == [[1], [1] * 21, [1] * 21]
    assert seen["solver_0"]["observation"].tolist() == [0, 0, 0]
    assert seen["solver_0"]["action_mask"].tolist() == [0] * 8 + [1]

    seen, rewards, *_ = propose(env)
    assert rewards == {PROPOSER: 0, "solver_0": 0, "solver_1": 0}
    assert env.acting == ["solver_0", "solver_1"]
    assert [part.tolist() for part in seen[PROPOSER]["action_mask"]] == [[1], [1] + [0] * 20, [1] + [0] * 20]
    assert seen["solver_0"]["action_mask"].tolist() == [1] * 4 + [0] * 5
    marked, presses, _ = seen["solver_1"]["observation"].astype(int)
    assert presses == 4

    seen, rewards, *_ = answer(env, marked, (marked + 1) % 4)  # the second one presses a wrong button
    assert rewards == {PROPOSER: 0, "solver_0": 0.25, "solver_1": 0}
    assert env.acting == ["solver_0"]
    assert seen["solver_1"]["action_mask"].tolist() == [0] * 8 + [1]
    for _ in range(2):
        _, rewards, ends, *_ = answer(env, marked, 8)
        assert rewards == {PROPOSER: 0, "solver_0": 0.25, "solver_1": 0}
        assert not any(ends.values())
    _, rewards, ends, cuts, infos = answer(env, marked, 8)
    assert rewards["solver_0"] == 0.25
    assert rewards[PROPOSER] > 0
    assert all(ends.values())
    assert not any(cuts.values())
    assert env.agents == []
    assert (infos["solver_0"]["score"], infos["solver_0"]["solved"]) == (1.0, True)
    assert (infos["solver_1"]["score"], infos["solver_1"]["solved"]) == (0.0, False)
    assert infos[PROPOSER]["mean_score"] == 0.5
    assert all(info["illegal_actions"] == 0 for info in infos.values())


@pytest.mark.parametrize("env_id", ["EtudePlan-v0", "EtudeLogic-v0"])
def test_the_rewards_of_a_round_add_up_to_the_score(env_id):
    env = duel.parallel_env(env_id, num_solvers=2, rounds=6)
    seen, _ = env.reset(seed=3)
    returns = dict.fromkeys(env.solvers, 0.0)
    rounds = 0
    for step in range(5000):
        actions = {agent: choose(env, agent, seen[agent], step) for agent in env.agents}
        seen, rewards, _, _, infos = env.step(actions)
        for agent in env.solvers:
            returns[agent] += rewards[agent]
        if "score" in infos["solver_0"]:
            rounds += 1
            for agent in env.solvers:
                assert returns[agent] == pytest.approx(infos[agent]["score"], abs=1e-9)
            returns = dict.fromkeys(env.solvers, 0.0)
        if not env.agents:
            break
    assert rounds == 6


def test_illegal_actions_cost_the_step_and_are_counted():
    env = duel.parallel_env("Counting-v0", rounds=2)
    env.reset(seed=0)
    *_, infos = env.step({PROPOSER: np.array([0, 0, 0]), "solver_0": 3})  # not the solver's turn
    assert infos["solver_0"]["illegal_actions"] == 1
    assert infos[PROPOSER]["illegal_actions"] == 0
    seen, *_ = env.step({PROPOSER: np.array([0, 5, 0]), "solver_0": 8})  # doing nothing is not allowed now
    assert seen["solver_0"]["observation"].tolist()[1:] == [4, 6]  # one step less of seven
    for action in (-1, 9, 2**40, 7):  # 7 is masked here
        seen, _, _, _, infos = env.step({PROPOSER: np.array([0, 0, 0]), "solver_0": action})
    assert seen["solver_0"]["observation"].tolist()[1:] == [4, 2]
    assert infos["solver_0"]["illegal_actions"] == 6
    assert infos[PROPOSER]["illegal_actions"] == 1
    env.step({PROPOSER: np.array([0, 0, 0]), "solver_0": 8})
    env.step({PROPOSER: np.array([0, 0, 0]), "solver_0": 8})
    assert env.acting == [PROPOSER]


def test_a_proposal_outside_its_space_costs_the_round():
    env = duel.parallel_env("Graded-v0", rounds=2)
    env.reset(seed=0)
    for family, level in ((2, 0), (0, 21)):
        _, rewards, ends, _, infos = propose(env, family, (0, level))
        assert rewards == {PROPOSER: 0, "solver_0": 0}
    assert infos[PROPOSER]["illegal_actions"] == 2
    assert all(ends.values())


def test_a_proposal_that_is_none_is_refused():
    env = duel.parallel_env("Graded-v0")
    env.reset(seed=0)
    for wrong in (3, np.array([0, 1]), np.array([0.0, 0.5, 0.5])):
        with pytest.raises(ValueError, match="A proposal is 3 integers"):
            env.step({PROPOSER: wrong, "solver_0": 11})


# --- What a proposal is worth ------------------------------------------------------------------------


def payments(scores, rounds=1, family=0):
    """What a proposer earns with the same task again and again when the solvers score so."""
    env = duel.parallel_env("Graded-v0", num_solvers=len(scores), rounds=rounds)
    env.reset(seed=0)
    paid = []
    for _ in range(rounds):
        propose(env, family, (10, 10))
        _, rewards, _, _, infos = answer(env, *(round(10 * score) for score in scores))
        paid.append((rewards[PROPOSER], infos[PROPOSER]))
    return paid


def test_a_proposal_is_worth_most_where_half_succeeds():
    by_successes = [payments([1.0] * k + [0.0] * (8 - k))[0][0] for k in range(9)]
    assert max(by_successes) == by_successes[4]
    assert by_successes[4] == 1.0
    assert all(np.diff(by_successes)[:4] > 0)
    assert by_successes == pytest.approx(by_successes[::-1])
    assert payments([0.5])[0][0] == 1.0


def test_success_blends_this_round_with_what_is_known_of_the_cell():
    (first, told_first), (second, told_second) = payments([1.0], rounds=2)
    assert told_first == {
        "mean_score": 1.0,
        "success": pytest.approx((2 * 2 / 3 + 1) / 3),
        "share": 0.0,
        "solvable": True,
        "illegal_actions": 0,
    }
    assert first == pytest.approx(4 * 7 / 9 * 2 / 9)
    band = (1 + 0.98 + 1) / (2 + 0.98 + 1)
    success = (2 * band + 0.9 + 1) / (2 + 0.9 + 1)
    assert told_second["success"] == pytest.approx(success)
    assert second == pytest.approx(4 * success * (1 - success) * (1 - 1 / 64))


def test_repeats_are_worth_less():
    paid = [reward for reward, _ in payments([0.5], rounds=70)]
    assert paid[:3] == pytest.approx([1.0, 1 - 1 / 64, 1 - 2 / 64])
    assert paid[64:] == pytest.approx([0.0] * 6)


def test_what_the_oracle_cannot_solve_is_worth_nothing_and_teaches_nothing():
    env = duel.parallel_env("Graded-v0", rounds=2)
    env.reset(seed=0)
    propose(env, family=1)
    _, rewards, _, _, infos = answer(env, 5)
    assert rewards[PROPOSER] == 0.0
    assert infos[PROPOSER]["solvable"] is False
    assert env.record.num_results == 0
    propose(env, family=0)
    _, rewards, *_ = answer(env, 5)
    assert rewards[PROPOSER] == 1.0


# --- The record --------------------------------------------------------------------------------------

SPACE = GradedDomain.space


def graded_results(n):
    difficulty = SPACE.uniform(mix(7, np.arange(n)))
    return Results(difficulty, np.zeros(n, dtype=np.int64), difficulty[:, 0])


def test_cells_are_a_family_and_a_third_of_every_axis():
    record = duel.SolverRecord(SPACE)
    record.propose(np.array([0.35, 0.0]), 1)  # level 7 of 20
    same = [level for level in range(21) if record.share(np.array([level / 20, 0.3]), 1) > 0]
    assert same == [7, 8, 9, 10, 11, 12, 13]
    assert record.share(np.array([0.35, 0.35]), 1) == 0.0
    assert record.share(np.array([0.35, 0.0]), 0) == 0.0


def test_a_cell_of_which_nothing_is_known_is_taken_to_be_like_its_band():
    record = duel.SolverRecord(SPACE)
    record.update(np.full((50, 2), [1.0, 0.9]), np.zeros(50, dtype=np.int64), np.zeros((50, 1)))
    assert record.success(np.array([0.6, 1.0]), 0) < 0.05  # the same band
    assert record.success(np.array([0.0, 0.1]), 0) == 0.5
    assert record.success(np.array([0.6, 1.0]), 1) == 0.5


def test_the_observation_of_a_proposer_field_by_field():
    record = duel.SolverRecord(SPACE)
    seen = record.observe()
    assert seen.shape == (records.num_features(SPACE),) == (26,)
    assert seen[:2].tolist() == [0.0, 0.0]
    assert seen[2:].reshape(2, 4, 3)[..., 0].tolist() == [[0.5] * 4] * 2
    assert seen[2:].reshape(2, 4, 3)[..., 2].tolist() == [[0.0] * 4] * 2
    for _ in range(16):
        record.propose(np.array([1.0, 1.0]), 1)
    record.update(np.ones((9, 2)), np.ones(9, dtype=np.int64), np.ones((9, 1)))
    seen = record.observe()
    assert seen[:2].tolist() == pytest.approx([1 / 6, 16 / 64])
    number = (1 - 0.98**9) / (1 - 0.98)
    success, uncertainty, share = seen[2:].reshape(2, 4, 3)[1, 3].astype(float)
    assert (success, share) == (pytest.approx((1 + number) / (2 + number)), 16 / 64)
    assert uncertainty < seen[2:].reshape(2, 4, 3)[0, 3, 1]
    assert record.recent_success == pytest.approx(success)


def test_the_record_outlives_resets_and_can_be_kept():
    env = duel.parallel_env("Graded-v0")
    play(env, seed=0, steps=40)  # twenty rounds
    seen, _ = env.reset()
    assert env.record.num_results > 0
    other = duel.parallel_env("Graded-v0")
    other.record.load_state_dict(env.record.state_dict())
    assert np.array_equal(other.reset(seed=0)[0][PROPOSER]["observation"], seen[PROPOSER]["observation"])
    with pytest.raises(ValueError, match="of another domain"):
        duel.parallel_env("EtudePlan-v0").record.load_state_dict(env.record.state_dict())


# --- The proposer as a task sampler ------------------------------------------------------------------


class Proposer:
    """Chooses levels at random, up to what the solver seems to master."""

    flops_per_draw = 100.0

    def __call__(self, observation, keys):
        limit = observation[:, 2:3].astype(float)
        return np.zeros(len(keys), dtype=np.int64), uniform(keys[:, None], np.arange(2)) * limit


def test_draws_depend_on_the_keys_and_on_results_alone():
    sampler = duel.ProposerSampler(SPACE, Proposer())
    keys = mix(1, np.arange(32))
    drawn = sampler.draw(keys)
    for i in (0, 7, 31):
        alone = sampler.draw(keys[i : i + 1])
        assert np.array_equal(alone.difficulty, drawn.difficulty[i : i + 1])
        assert alone.family == drawn.family[i]
    assert {REASONS[reason] for reason in drawn.reason} == {"learnability"}
    assert np.array_equal(drawn.task_keys, keys)
    sampler.update(graded_results(200))
    assert not np.array_equal(sampler.draw(keys).difficulty, drawn.difficulty)


def test_the_sampler_learns_alike_however_results_are_split_and_can_be_kept():
    whole, split = (duel.ProposerSampler(SPACE, Proposer()) for _ in range(2))
    results = graded_results(100)
    whole.update(results)
    for i in range(0, 100, 7):
        rows = slice(i, i + 7)
        split.update(Results(results.difficulty[rows], results.family[rows], results.scores[rows]))
    assert whole.state_dict() == split.state_dict()
    again = duel.ProposerSampler(SPACE, Proposer())
    again.load_state_dict(whole.state_dict())
    assert np.array_equal(again.record.observe(), whole.record.observe())
    assert again.flops == whole.flops == 100 * 100.0
    assert 0.0 < again.describe()["success"] < 1.0


def test_the_sampler_practices_in_any_front():
    sampler = duel.ProposerSampler(SPACE, Proposer())
    venv = gym.make_vec("Graded-v0", num_envs=8, practice=sampler)
    venv.reset(seed=0)
    for _ in range(4):
        venv.step(np.full(8, 10))
    assert sampler.record.num_results == 16


def test_a_policy_that_answers_wrongly_or_hides_its_cost_is_refused():
    with pytest.raises(ValueError, match="flops_per_draw"):
        duel.ProposerSampler(SPACE, lambda observation, keys: None)
    for family, difficulty, message in (
        ([0], [[0.5, 0.5]], "shape"),
        ([0, 2], [[0.5, 0.5]] * 2, "from 0 to 1"),
        ([0, 1], [[0.5, np.nan]] * 2, r"in \[0, 1\]"),
    ):
        policy = Proposer()
        policy.__class__ = type("Wrong", (Proposer,), {"__call__": lambda *_, f=family, d=difficulty: (f, d)})
        with pytest.raises(ValueError, match=message):
            duel.ProposerSampler(SPACE, policy).draw(mix(np.arange(2)))


# --- The race ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_racers", [2, 3])
def test_a_race_is_zero_sum_at_every_step_and_pays_the_difference_of_the_scores(num_racers):
    env = duel.race_parallel_env("EtudePlan-v0", num_racers=num_racers, practice="easy")
    for episode in range(5):
        seen, infos = env.reset(seed=episode)
        assert len({infos[agent]["task_key"] for agent in env.agents}) == 1
        returns = dict.fromkeys(env.agents, 0.0)
        oracle = env.domain.solvers()["oracle"]
        for step in range(1000):
            actions = {agent: choose(env, agent, seen[agent], step) for agent in env.agents}
            if "racer_0" in env.acting:
                actions["racer_0"] = int(oracle(env._seats._worlds[:1])[0])
            seen, rewards, ends, _, infos = env.step(actions)
            assert sum(rewards.values()) == pytest.approx(0.0, abs=1e-12)
            for agent, reward in rewards.items():
                returns[agent] += reward
            if not env.agents:
                break
        assert all(ends.values())
        scores = {agent: infos[agent]["score"] for agent in returns}
        assert scores["racer_0"] == 1.0
        for agent, total in returns.items():
            others = np.mean([score for other, score in scores.items() if other != agent])
            assert total == pytest.approx(scores[agent] - others)


def test_a_racer_who_is_done_waits_for_the_others():
    env = duel.race_parallel_env("Counting-v0", difficulty={"presses": 0.0, "buttons": 0.0})
    seen, _ = env.reset(seed=0)
    marked = int(seen["racer_0"]["observation"][0])
    seen, rewards, ends, *_ = env.step({"racer_0": (marked + 1) % 4, "racer_1": marked})
    assert env.acting == ["racer_1"]
    assert rewards == {"racer_0": -0.25, "racer_1": 0.25}
    assert seen["racer_0"]["action_mask"].tolist() == [0] * 8 + [1]
    for _ in range(3):
        assert not any(ends.values())
        *_, infos = result = env.step({"racer_0": 8, "racer_1": marked})
        ends = result[2]
    assert all(ends.values())
    assert env.agents == env.acting == []
    assert infos["racer_1"] == {"illegal_actions": 0, "score": 1.0, "solved": True}


def test_the_task_sampler_of_a_race_hears_of_the_learner():
    env = duel.race_parallel_env("Graded-v0", practice="frontier", family="solvable")
    for episode in range(3):
        _, infos = env.reset(seed=episode)
        assert infos["racer_1"]["family"] == "solvable"
        env.step({"racer_0": 10, "racer_1": 2})
    assert env.sampler.state_dict()["num_results"] == 3
    assert env.sampler.state_dict()["waiting"]["scores"] == [1.0] * 3


# --- The card ----------------------------------------------------------------------------------------

CARD = (Path(envs.__path__[0]) / "duel" / "README.md").read_text(encoding="utf-8")


def test_the_card_lists_every_feature_of_a_proposer():
    for at, feature in enumerate(records.GLOBAL_FEATURES):
        assert f"| {at} | {feature} |" in CARD
    first = len(records.GLOBAL_FEATURES)
    for at, feature in enumerate(records.BAND_FEATURES):
        assert f"| {first + at}, {first + at + 3}, ... | {feature} |" in CARD
    assert f"{records.NUM_LEVELS} levels" in CARD
    assert f"the last {records.WINDOW} proposals" in CARD
    assert f"`CELL_DECAY` ({records.CELL_DECAY})" in CARD
    assert f"`BAND_DECAY` ({records.BAND_DECAY})" in CARD
