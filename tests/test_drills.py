"""Drills: episodes that start in the middle of a task, in environments, ledgers and demonstrations."""

from __future__ import annotations

import json
from dataclasses import replace

import counting
import gymnasium as gym
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from etude_gym.agents.demonstrations import demonstrate
from etude_gym.agents.rllib.environment import PracticeVectorEnv
from etude_gym.conformance.common import random_tasks
from etude_gym.difficulty.space import Axis, DifficultySpace
from etude_gym.environment.registration import make_domain
from etude_gym.environment.single import EtudeEnv
from etude_gym.environment.vector import EtudeVectorEnv
from etude_gym.envs.code.facts import exercise_of
from etude_gym.envs.code.language.printing import render_program
from etude_gym.measure.accounting import ComputeAccounting, VectorComputeAccounting
from etude_gym.measure.rollout import begin, rollout
from etude_gym.measure.scripted import OracleAgent
from etude_gym.practice.blind import UniformSampler
from etude_gym.practice.drills import BlindDrillSampler, DrillSampler, StartLimits
from etude_gym.practice.sampler import DRILL, Draw, Results
from etude_gym.randomness import mix, uniform
from etude_gym.runs.records import pack, unpack
from etude_gym.tasks.domain import Domain
from etude_gym.tasks.keys import Starts, whole

EASIEST = {"presses": 0.0, "buttons": 0.0}


class Near(counting.CountingDomain):
    """Counting, four presses of one of four buttons, started as near to the end as one asks for."""

    least_left = 1

    def start(self, key, difficulty, family):
        return self.episode(4, 4, 1)


class Fixed(UniformSampler):
    """Whole tasks from the odd keys, drills from the even ones, which leave some actions; keeps results."""

    def __init__(self, space, left=2.0, every=1):
        super().__init__(space)
        self.left, self.every, self.results = left, every, []

    blind = False

    def draw(self, keys):
        drawn = super().draw(keys)
        drilled = keys % np.uint64(self.every) == 0
        starts = Starts(np.zeros(len(keys)), np.where(drilled, self.left, np.inf))
        return Draw(drawn.task_keys, drawn.difficulty, drawn.family, drawn.reason, starts)

    def update(self, results):
        self.results.append(results)


def near(**options):
    domain = Near()
    return EtudeEnv(domain, practice=Fixed(domain.space, **options))


# --- A single environment ----------------------------------------------------------------------------


def test_a_drill_says_where_it_starts_and_pays_what_is_left():
    env = near(left=2.0)
    observation, info = env.reset(seed=0)
    assert (info["share_played"], info["actions_left"]) == (0.5, 2)
    assert observation.tolist() == [1, 2, 5]  # 2 presses left, and of 7 steps 2 are used
    assert env.step(1)[1] == 0.5
    _, reward, over, _, info = env.step(1)
    assert (reward, over, info["score"], info["solved"]) == (0.5, True, 1.0, True)
    (results,) = env.sampler.results
    assert (results.scores.item(), results.starts.left.item(), results.starts.share.item()) == (1.0, 2.0, 0.5)


def test_what_was_given_is_worth_nothing():
    env = near(left=1.0)
    env.reset(seed=0)
    _, reward, over, _, info = env.step(0)
    assert (reward, over, info["score"]) == (0.0, True, 0.0)


def test_an_episode_given_up_is_reported_with_what_it_earned_itself():
    env = near(left=2.0)
    env.reset(seed=0)
    env.step(1)
    env.reset()
    (results,) = env.sampler.results
    assert results.scores.item() == 0.5


def test_a_drill_of_more_actions_than_there_are_is_the_whole_task():
    env = near(left=9.0)
    observation, info = env.reset(seed=0)
    assert (info["share_played"], info["actions_left"], observation[1]) == (0.0, 4, 4)
    assert env.step(1)[1] == 0.25


def test_whole_tasks_say_nothing_about_drills():
    env = EtudeEnv(Near(), practice="uniform")
    _, info = env.reset(seed=0)
    assert not {"share_played", "actions_left"} & info.keys()
    while not env.step(1)[2]:
        pass
    env = near(left=np.inf)
    assert not {"share_played", "actions_left"} & env.reset(seed=0)[1].keys()


@pytest.mark.parametrize(
    "arguments",
    [{"split": "anchor"}, {"split": "probe"}, {"difficulty": EASIEST}, {"family": "press"}],
    ids=str,
)
@pytest.mark.parametrize("practice", ["drill", "drill_blind"])
def test_pinned_tasks_and_those_that_score_start_at_their_beginning(practice, arguments):
    env = gym.make("counting:Counting-v0", practice=practice, **arguments).unwrapped
    for seed in range(5):
        observation, info = env.reset(seed=seed)
        assert "share_played" not in info
        assert observation[2] - observation[1] == counting.SPARE_STEPS


def test_a_task_pinned_by_a_reset_starts_at_its_beginning_and_the_next_one_does_not():
    env = near()
    assert "share_played" not in env.reset(seed=0, options={"difficulty": {"presses": 0.0}})[1]
    assert env.reset()[1]["share_played"] == 0.5


def test_at_least_so_many_actions_are_left_that_guessing_is_worth_nothing():
    env = EtudeEnv(counting.CountingDomain(), practice=DrillSampler(counting.CountingDomain.space))
    for seed in range(20):
        _, info = env.reset(seed=seed)
        assert info["actions_left"] == min(5, env.task_metrics()["presses"])


# --- Side by side ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["SameStep", "NextStep"])
def test_a_vector_shows_drills_as_single_environments_do(mode):
    domain = Near()
    sampler = Fixed(domain.space, every=2)
    env = EtudeVectorEnv(domain, 8, practice=sampler, autoreset_mode=mode)
    singles = [EtudeEnv(domain, practice=Fixed(domain.space, every=2)) for _ in range(8)]
    _, infos = env.reset(seed=0)
    told = [single.reset(seed=i)[1] for i, single in enumerate(singles)]
    drills = np.array(["share_played" in info for info in told])
    assert drills.any()
    assert not drills.all()
    assert_array_equal(infos["_share_played"], drills)
    assert_array_equal(infos["actions_left"], [info.get("actions_left", 0) for info in told])
    for _ in range(2):
        _, rewards, ends, _, infos = env.step(np.ones(8, dtype=np.int64))
        assert_array_equal(rewards, np.where(drills, 0.5, 0.25))
    assert_array_equal(ends, drills)
    final = infos["final_info"] if mode == "SameStep" else infos
    assert_array_equal(final["score"][drills], 1.0)
    reported = sampler.results[0]
    assert_array_equal(reported.starts.left, 2.0)


def test_a_saved_vector_goes_on_in_the_middle_of_drills():
    domain = Near()
    env = EtudeVectorEnv(domain, 6, practice=Fixed(domain.space, left=3.0, every=2))
    env.reset(seed=3)
    env.step(np.ones(6, dtype=np.int64))
    other = EtudeVectorEnv(domain, 6, practice=Fixed(domain.space, left=3.0, every=2))
    other.reset(seed=99)
    other.load_state_dict(unpack(pack(env.state_dict())))
    assert_array_equal(other.tasks().starts.left, env.tasks().starts.left)
    for _ in range(12):
        mine, theirs = (e.step(np.ones(6, dtype=np.int64)) for e in (env, other))
        for a, b in zip(mine[:4], theirs[:4], strict=True):
            assert_array_equal(a, b)


def test_a_state_from_before_there_were_drills_is_one_of_whole_tasks():
    domain = Near()
    env = EtudeVectorEnv(domain, 2, practice=Fixed(domain.space))
    env.reset(seed=0)
    state = EtudeVectorEnv(domain, 2, practice="uniform")
    state.reset(seed=0)
    saved = {name: part for name, part in state.state_dict().items() if name != "drills"}
    env.load_state_dict(saved)
    assert env.tasks().starts is None


# --- Domains -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("env_id", ["EtudePlan-v0", "EtudeLogic-v0"])
def test_a_domains_own_replay_leaves_the_worlds_that_steps_leave(env_id):
    domain = make_domain(env_id)
    tasks = random_tasks(domain, 200)
    rows = np.arange(200)
    mine, theirs = domain.allocate(200), domain.allocate(200)
    for worlds in (mine, theirs):
        domain.generate(worlds, rows, tasks)
    lengths, _ = Domain.solution_lengths(domain, mine, rows)
    assert_array_equal(domain.solution_lengths(mine, rows)[0], lengths)
    numbers = rows % np.maximum(lengths - domain.least_left + 1, 1)
    domain.replay(mine, rows, numbers)
    Domain.replay(domain, theirs, rows, numbers)
    for name in mine.dtype.names:
        assert_array_equal(mine[name], theirs[name], err_msg=name)


def test_support_that_was_there_is_not_paid_for_a_right_answer_in_logic():
    domain = make_domain("EtudeLogic-v0")
    tasks = random_tasks(domain, 400)
    starts = Starts(np.zeros(400), np.ones(400))
    moment = begin(domain, replace(tasks, starts=starts))
    moment.drills.rewards(moment.running, np.zeros(400))
    given = domain.given(moment.worlds, moment.running)
    assert given.max() > 0.3
    assert given.max() < 1.0
    answer = 57 + moment.worlds["status"].astype(np.int64)
    rewards, ends = np.empty(400), np.empty(400, dtype=np.bool_)
    active = np.ones(400, dtype=np.bool_)
    domain.step(moment.worlds, answer, active, moment.observations, moment.masks, rewards, ends)
    paid = moment.drills.rewards(moment.running, rewards)
    inside = moment.drills.starts(moment.running).share > 0
    assert inside.sum() > 300
    assert_array_equal(paid[inside], 0.0)


def test_a_reader_of_code_is_given_what_was_played():
    domain = make_domain("EtudeCode-v0")
    whole_tasks = random_tasks(domain, 60)
    drills = replace(whole_tasks, starts=Starts(np.full(60, 0.6), np.full(60, np.inf)))
    moment, before = begin(domain, drills), begin(domain, whole_tasks).worlds
    played = moment.drills.starts(moment.running).share > 0
    told = [
        exercise_of(world).files != exercise_of(old).files
        for world, old in zip(moment.worlds, before, strict=True)
    ]
    for family in range(3):  # a statement, a repair or a refactoring has to be complete to be told
        assert np.mean(np.array(told)[played & (drills.family == family)]) > 0.5
    assert not np.array(told)[~played].any()
    repairs = moment.worlds[played & (drills.family == 1)]
    closed = repairs[repairs["derivation"]["num_open"] == 0]
    assert len(closed)
    for world in closed:
        program = render_program(
            world["tokens"][: world["num_tokens"]].tolist(), int(world["return_category"])
        )
        assert exercise_of(world).files == {"solve.py": program}


# --- Who else plays tasks ----------------------------------------------------------------------------


def test_a_drilled_task_is_demonstrated_from_where_the_learner_started():
    domain = Near()
    env = EtudeVectorEnv(domain, 4, practice=Fixed(domain.space, left=3.0))
    env.reset(seed=0)
    shown = demonstrate(domain, env.tasks())
    assert len(shown) == 4 * 3
    assert shown.observations[:4, 1].tolist() == [3, 3, 3, 3]
    outcome = rollout(domain, env.tasks(), OracleAgent(domain))
    assert_array_equal(outcome["actions"], 3)
    assert_array_equal(outcome["score"], 1.0)


def test_the_reference_solver_is_booked_as_curriculum():
    domain = Near()
    single = ComputeAccounting(EtudeEnv(domain, practice=Fixed(domain.space, left=3.0)))
    single.reset(seed=0)
    single.step(1)
    assert (
        single.meter.amount("curriculum", "env_steps") == 4 + 1
    )  # the length of the solution, then the start
    assert single.meter.amount("rollout", "env_steps") == 1
    assert single.meter.amount("curriculum", "cpu_seconds") > 0
    assert single.meter.amount("curriculum", "flops") == 0
    plan = make_domain("EtudePlan-v0")
    env = EtudeVectorEnv(plan, 4, practice=BlindDrillSampler(plan.space), autoreset_mode="SameStep")
    vector = VectorComputeAccounting(env)
    _, infos = vector.reset(seed=0)
    left = infos["actions_left"]
    played = np.rint(left * infos["share_played"] / (1 - infos["share_played"]))
    assert vector.meter.amount("curriculum", "env_steps") == played.sum() > 0
    assert vector.meter.amount("rollout", "env_steps") == 0


def test_whole_tasks_cost_no_curriculum():
    env = ComputeAccounting(EtudeEnv(Near(), practice="uniform"))
    env.reset(seed=0)
    env.step(1)
    assert env.meter.amount("curriculum", "env_steps") == 0


def test_an_env_runner_of_rllib_reports_starts_and_the_reference_solvers_steps():
    domain = Near()
    env = PracticeVectorEnv(domain, 2, Fixed(domain.space))
    env.reset(seed=0)
    for _ in range(3):
        env.step(np.ones(2, dtype=np.int64))
    report = env.report(1, {})
    assert_array_equal(report.results.starts.left, 2.0)
    assert_array_equal(report.results.scores, 1.0)
    assert report.reference["env_steps"] == 4 * (4 + 2)  # two environments, two episodes
    assert env.report(1, {}).reference["env_steps"] == 0


# --- Samplers, on simulated learners -----------------------------------------------------------------

SPACE = DifficultySpace(tuple(Axis(name, name, "little", "much") for name in "abcd"), ("f", "g"))


class SimulatedLearner:
    """Finishes half of the drills that leave as many actions as its ability says; learns where it is tried.

    Args:
        ability: at the start, in actions.
        rate: how much ability a drill adds at which success is uncertain.
    """

    def __init__(self, ability, rate=0.0):
        self.ability, self.rate = ability, rate

    def practice(self, sampler, episodes, seed=0, batch=16):
        """Practice; returns where the last fifth of the episodes started."""
        starts = []
        for first in range(0, episodes, batch):
            drawn = sampler.draw(mix(seed, first + np.arange(batch)))
            lengths = np.round(6.0 + 30.0 * drawn.difficulty.mean(axis=1))
            played = drawn.starts.played(lengths.astype(np.int64))
            begun = Starts(played / lengths, lengths - played)
            success = 1.0 / (1.0 + np.exp((begun.left - self.ability) / 2.0))
            scores = (uniform(drawn.task_keys, 99) < success).astype(np.float64)
            self.ability += self.rate * (success * (1.0 - success)).sum()
            sampler.update(Results(drawn.difficulty, drawn.family, scores, drawn.reason, begun))
            starts.append(begun.share)
        return np.concatenate(starts[-len(starts) // 5 :])


def limits_of(sampler):
    return np.array(list(sampler.describe().values()))


@pytest.mark.parametrize("seed", range(5))
def test_starts_move_back_to_whole_tasks_as_a_learner_learns_to_finish(seed):
    sampler = DrillSampler(SPACE)
    assert limits_of(sampler).tolist() == [1, 1, 1, 1]
    shares = SimulatedLearner(2.0, rate=0.02).practice(sampler, 16_000, seed)
    assert (limits_of(sampler) > 36).all()
    assert (shares == 0.0).mean() > 0.5


@pytest.mark.parametrize("seed", range(5))
def test_starts_stay_where_a_learner_that_does_not_learn_finishes_half_of_the_time(seed):
    sampler = DrillSampler(SPACE)
    SimulatedLearner(8.0).practice(sampler, 8_000, seed)
    # Between half of the limit and the limit, the mean score is one half for an ability of about 3/4 of it.
    assert_allclose(limits_of(sampler), 8.0 / 0.75, rtol=0.25)


def test_starts_stay_at_the_end_for_a_learner_that_finishes_nothing():
    sampler = DrillSampler(SPACE)
    SimulatedLearner(-50.0).practice(sampler, 2_000)
    assert limits_of(sampler).tolist() == [1, 1, 1, 1]


def test_a_hundred_results_move_starts_too():
    sampler = DrillSampler(SPACE)
    SimulatedLearner(1000.0).practice(sampler, 96)
    assert (limits_of(sampler) > 5).all()


def test_each_band_has_a_limit_of_its_own():
    limits = StartLimits(SPACE)
    easy, hard = np.full((10, 4), 0.1), np.full((10, 4), 0.9)
    drills = Starts(np.full(10, 0.5), np.full(10, 10.0))
    limits.update(Results(easy, np.zeros(10, np.int64), np.ones(10), starts=drills))
    limits.update(Results(hard, np.zeros(10, np.int64), np.zeros(10), starts=drills))
    assert list(limits.describe().values()) == [11, 1, 1, 1]


def test_what_was_no_drill_or_left_little_moves_no_limit():
    limits = StartLimits(SPACE)
    hard = np.full((20, 4), 0.9)
    drills = Starts(np.full(20, 0.5), np.full(20, 10.0))
    limits.update(Results(hard, np.zeros(20, np.int64), np.ones(20), starts=drills))
    before = limits.state_dict()
    limits.update(Results(hard, np.zeros(20, np.int64), np.zeros(20)))
    limits.update(Results(hard, np.zeros(20, np.int64), np.zeros(20), starts=whole(20)))
    little = Starts(np.full(20, 0.9), np.full(20, 2.0))
    limits.update(Results(hard, np.zeros(20, np.int64), np.zeros(20), starts=little))
    assert limits.state_dict() == before


@pytest.mark.parametrize("sampler_class", [DrillSampler, BlindDrillSampler])
def test_drills_are_of_all_families_and_of_the_whole_space(sampler_class):
    drawn = sampler_class(SPACE).draw(mix(1, np.arange(4000)))
    assert_array_equal(drawn.reason, DRILL)
    assert_allclose(np.bincount(drawn.family) / 4000, 0.5, atol=0.04)
    assert_allclose(drawn.difficulty.mean(axis=0), 0.5, atol=0.03)
    assert drawn.starts.drills.all()


def test_blind_starts_are_anywhere_and_independent_of_the_difficulty():
    drawn = BlindDrillSampler(SPACE).draw(mix(1, np.arange(4000)))
    assert_allclose(np.quantile(drawn.starts.share, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.03)
    assert abs(np.corrcoef(drawn.starts.share, drawn.difficulty.mean(axis=1))[0, 1]) < 0.05
    assert np.isinf(drawn.starts.left).all()


def test_limits_do_not_depend_on_how_results_are_split_and_survive_json():
    drawn = BlindDrillSampler(SPACE).draw(mix(2, np.arange(300)))
    begun = Starts(drawn.starts.share, np.floor(1.0 + 20.0 * (1.0 - drawn.starts.share)))
    results = Results(drawn.difficulty, drawn.family, uniform(mix(3, np.arange(300)), 0), starts=begun)
    at_once, one_by_one, restored = (DrillSampler(SPACE) for _ in range(3))
    at_once.update(results)
    for i in range(300):
        one_by_one.update(results[i : i + 1])
    assert at_once.state_dict() == one_by_one.state_dict()
    version = restored.version
    restored.load_state_dict(json.loads(json.dumps(at_once.state_dict())))
    assert restored.version > version
    assert_array_equal(
        restored.draw(mix(4, np.arange(50))).starts.left, at_once.draw(mix(4, np.arange(50))).starts.left
    )
