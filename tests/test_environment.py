"""Both interfaces of a domain, shown on one that counts presses: every array that has to come is written out.

Pinned to its easiest tasks, an episode asks for four presses of the marked button and allows seven steps;
an observation reads (marked button, presses left, steps left) and each press is worth 0.25.
"""

from __future__ import annotations

import pickle
from copy import deepcopy

import gymnasium as gym
import numpy as np
import pytest
from counting import CountingDomain, CountingEpisode
from gymnasium.vector import AutoresetMode
from numpy.testing import assert_array_equal

from etude_gym.environment.registration import make_domain
from etude_gym.environment.single import EtudeEnv
from etude_gym.environment.stream import MOST_AHEAD, _Ahead
from etude_gym.environment.vector import EtudeVectorEnv
from etude_gym.practice.sampler import Results
from etude_gym.practice.strategies import SAMPLERS, make_sampler
from etude_gym.randomness import absorb
from etude_gym.runs.records import pack, unpack
from etude_gym.tasks.domain import load_domain
from etude_gym.tasks.keys import TaskBatch, task_keys

EASY = {"presses": 0.0, "buttons": 0.0}
FRESH = [4.0, 7.0]
"""Presses left and steps left at the beginning of an easy episode."""


def make_vector(num_envs=2, mode="NextStep", **options):
    return EtudeVectorEnv(CountingDomain(), num_envs, autoreset_mode=mode, **{"difficulty": EASY} | options)


def right(observations):
    return observations[..., 0].astype(np.int64)


def wrong(observations):
    return (right(observations) + 1) % 4


def press(env, observations, *rows_wrong):
    """Press the right button in every environment but those in ``rows_wrong``."""
    actions = right(observations)
    for row in rows_wrong:
        actions[row] = wrong(observations)[row]
    return env.step(actions)


def assert_step(result, rewards, ends, left):
    """Compare a step with what was expected; ``left`` has (presses left, steps left) of each row."""
    observations, got, terminations, truncations, _ = result
    assert_array_equal(got, rewards)
    assert_array_equal(terminations, ends)
    assert not truncations.any()
    assert_array_equal(observations[:, 1:], left)


# --- Autoreset -----------------------------------------------------------------------------------------


def test_next_step_mode_shows_the_end_and_resets_at_the_following_step():
    env = make_vector(mode="NextStep")
    observations, _ = env.reset(seed=5)
    result = press(env, observations)
    assert_step(result, [0.25, 0.25], [False, False], [[3, 6], [3, 6]])
    result = press(env, result[0], 1)
    assert_step(result, [0.25, 0.0], [False, True], [[2, 5], [3, 5]])
    assert_array_equal(result[4]["score"], [0.0, 0.25])
    assert_array_equal(result[4]["_score"], [False, True])
    assert "task_key" not in result[4]
    result = press(env, result[0])
    assert_step(result, [0.25, 0.0], [False, False], [[1, 4], FRESH])
    assert_array_equal(result[4]["_task_key"], [False, True])
    assert result[4]["task_key"][1] == task_keys("counting-v0", "practice", 6, 1)[0]
    assert "score" not in result[4]
    result = press(env, result[0])
    assert_step(result, [0.25, 0.25], [True, False], [[0, 3], [3, 6]])
    assert_array_equal(result[4]["score"], [1.0, 0.0])
    assert_array_equal(result[4]["solved"], [True, False])
    assert_step(press(env, result[0]), [0.0, 0.25], [False, False], [FRESH, [2, 5]])


def test_same_step_mode_resets_at_once_and_keeps_the_last_observation_in_the_info():
    env = make_vector(mode="SameStep")
    observations, _ = env.reset(seed=5)
    result = press(env, observations)
    assert "final_obs" not in result[4]
    marked = result[0][1, 0]
    result = press(env, result[0], 1)
    assert_step(result, [0.25, 0.0], [False, True], [[2, 5], FRESH])
    info = result[4]
    assert info["final_obs"][0] is None
    assert_array_equal(info["final_obs"][1], [marked, 3, 5])
    assert_array_equal(info["_final_obs"], [False, True])
    assert_array_equal(info["final_info"]["score"], [0.0, 0.25])
    assert_array_equal(info["final_info"]["_score"], [False, True])
    assert_array_equal(info["_final_info"], [False, True])
    assert_array_equal(info["_task_key"], [False, True])
    assert info["task_key"][1] == task_keys("counting-v0", "practice", 6, 1)[0]
    result = press(env, result[0])
    assert_step(result, [0.25, 0.25], [False, False], [[1, 4], [3, 6]])
    assert_step(press(env, result[0]), [0.25, 0.25], [True, False], [FRESH, [2, 5]])


def test_disabled_mode_waits_for_a_reset_of_exactly_what_is_over():
    env = make_vector(mode="Disabled")
    observations, _ = env.reset(seed=5)
    result = press(env, observations, 1)
    assert_step(result, [0.25, 0.0], [False, True], [[3, 6], [4, 6]])
    with pytest.raises(RuntimeError, match=r"\[1\] are over and autoreset is disabled.*reset_mask"):
        press(env, result[0])
    observations, info = env.reset(options={"reset_mask": result[2]})
    assert_array_equal(observations[:, 1:], [[3, 6], FRESH])
    assert_array_equal(info["_task_key"], [False, True])
    assert_array_equal(info["task_key"], [task_keys("counting-v0", "practice", 5, 0)[0],
                                          task_keys("counting-v0", "practice", 6, 1)[0]])  # fmt: skip
    assert_step(press(env, observations), [0.25, 0.25], [False, False], [[2, 5], [3, 6]])


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_the_mode_is_told_to_those_who_wrap_the_environment(mode):
    assert make_vector(mode=mode).metadata["autoreset_mode"] is mode


@pytest.mark.filterwarnings("ignore:.*outside the action space:UserWarning")
def test_illegal_actions_cost_the_step_and_are_counted():
    env = make_vector(3)
    _, info = env.reset(seed=0)
    assert_array_equal(info["action_mask"], [[1, 1, 1, 1, 0, 0, 0, 0]] * 3)
    for step in range(6):
        result = env.step(np.array([-1, 7, 8]))
        assert_step(result, [0, 0, 0], [False] * 3, [[4, 6 - step]] * 3)
    result = env.step(np.array([-1, 7, 8]))
    assert_step(result, [0, 0, 0], [True] * 3, [[4, 0]] * 3)
    assert_array_equal(result[4]["illegal_actions"], [7, 7, 7])
    assert_array_equal(result[4]["score"], [0, 0, 0])


# --- Resets --------------------------------------------------------------------------------------------


def test_a_list_of_seeds_seeds_each_and_none_goes_on():
    env = make_vector(3)
    env.reset(seed=0)
    _, info = env.reset(seed=[40, None, 7])
    expected = [
        task_keys("counting-v0", "practice", seed, episode)[0] for seed, episode in ((40, 0), (1, 1), (7, 0))
    ]
    assert_array_equal(info["task_key"], expected)


def test_a_list_of_seeds_has_to_have_one_for_each():
    with pytest.raises(ValueError, match="one for each of 2 environments, got 3"):
        make_vector(2).reset(seed=[1, 2, 3])


def test_a_reset_mask_applies_the_seeds_of_the_marked_environments_only():
    env = make_vector(3)
    env.reset(seed=0)
    _, info = env.reset(seed=10, options={"reset_mask": np.array([False, True, True])})
    expected = [task_keys("counting-v0", "practice", seed, 0)[0] for seed in (0, 11, 12)]
    assert_array_equal(info["task_key"], expected)


@pytest.mark.parametrize(
    "mask",
    [[True, False], np.array([1, 0]), np.array([True]), np.array([[True, False]]), np.array([False, False])],
)
def test_a_reset_mask_of_another_kind_is_refused(mask):
    env = make_vector()
    env.reset(seed=0)
    with pytest.raises(ValueError, match="reset_mask"):
        env.reset(options={"reset_mask": mask})


def test_the_first_reset_has_to_reset_every_environment():
    with pytest.raises(ValueError, match="first reset has to reset every environment"):
        make_vector().reset(options={"reset_mask": np.array([True, False])})


def test_an_unknown_reset_option_names_the_nearest():
    with pytest.raises(ValueError, match=r"Unknown reset option 'reset_masks'.*Did you mean 'reset_mask'"):
        make_vector().reset(options={"reset_masks": None})


def test_what_was_returned_does_not_change_afterwards():
    env = make_vector(2, difficulty=None)
    observations, info = env.reset(seed=0)
    step = env.step(right(observations))
    kept = deepcopy((observations, info, step))
    for seed in range(5):
        env.step(right(env.reset(seed=seed)[0]))
    for before, after in zip((kept[0], kept[2][0]), (observations, step[0]), strict=True):
        assert_array_equal(before, after)
    assert_array_equal(kept[1]["action_mask"], info["action_mask"])
    assert_array_equal(kept[2][4]["action_mask"], step[4]["action_mask"])


# --- Pinned tasks --------------------------------------------------------------------------------------


def test_axes_that_are_not_pinned_come_from_the_sampler():
    free = EtudeEnv(CountingDomain(), practice="uniform")
    pinned = EtudeEnv(CountingDomain(), practice="uniform", difficulty={"presses": 0.25})
    for seed in range(20):
        given = pinned.reset(seed=seed)[1]["difficulty"]
        assert given == {"presses": 0.25, "buttons": free.reset(seed=seed)[1]["difficulty"]["buttons"]}


def test_a_reset_option_pins_one_episode_on_top_of_what_is_pinned_for_good():
    env = make_vector(2, mode="SameStep", difficulty={"presses": 0.0}, practice="uniform")
    observations, info = env.reset(seed=0, options={"difficulty": {"buttons": 1.0}})
    assert_array_equal(info["difficulty"], [[0, 1], [0, 1]])
    _, _, ends, _, info = env.step((right(observations) + 1) % 8)
    assert ends.all()
    assert_array_equal(info["difficulty"][:, 0], [0, 0])
    assert (info["difficulty"][:, 1] < 1).all()


@pytest.mark.parametrize("practice", ["uniform", "static", "easy"])
def test_drawing_ahead_gives_a_single_environment_the_tasks_of_the_vector(practice):
    single = EtudeEnv(CountingDomain(), practice=practice)
    vector = EtudeVectorEnv(CountingDomain(), 2, practice=practice)
    for episode in range(2 * MOST_AHEAD + 3):
        seeds = {} if episode else {"seed": 3}
        info, infos = single.reset(**seeds)[1], vector.reset(**seeds)[1]
        assert info["task_key"] == infos["task_key"][0]
        assert list(info["difficulty"].values()) == infos["difficulty"][0].tolist()


def played(env, steps):
    """Step a vector with buttons that are right as often as not; every task that was drawn."""
    observations, infos = env.reset(seed=3)
    drawn = []
    for step in range(steps):
        if "task_key" in infos:
            drawn += [infos[name].copy() for name in ("task_key", "difficulty", "family", "reason")]
        choose = right if step % 3 else wrong
        observations, _, _, _, infos = env.step(choose(observations))
        if step == steps // 2:  # whoever shares the sampler may teach it as well
            results = Results(np.full((70, 2), 0.5), np.zeros(70, dtype=np.int64), np.ones(70))
            env.sampler.update(results)
    return drawn


def one_by_one(self, sampler, streams, episodes, rows):
    return sampler.draw(absorb(streams[rows], episodes[rows]))


@pytest.mark.parametrize("num_envs", [1, 3, 64, 300])
@pytest.mark.parametrize("practice", SAMPLERS)
def test_drawing_ahead_gives_what_drawing_one_by_one_gives(monkeypatch, practice, num_envs):
    arguments = {"practice": practice, "difficulty": None, "mode": "SameStep"}
    ahead = played(make_vector(num_envs, **arguments), 120)
    monkeypatch.setattr(_Ahead, "take", one_by_one)
    expected = played(make_vector(num_envs, **arguments), 120)
    assert len(ahead) == len(expected) > 4
    for mine, theirs in zip(ahead, expected, strict=True):
        assert_array_equal(mine, theirs)


def test_a_single_environment_draws_ahead_what_the_learner_model_will_still_say(monkeypatch):
    def tasks():
        env = EtudeEnv(CountingDomain())
        drawn = []
        for episode in range(200):
            observation, info = env.reset(seed=None if episode else 5)
            drawn.append((info["task_key"], info["difficulty"], info["reason"]))
            over = False
            while not over:
                observation, _, over, _, _ = env.step(
                    right(observation) if episode % 2 else wrong(observation)
                )
        return drawn

    ahead = tasks()
    monkeypatch.setattr(_Ahead, "take", one_by_one)
    assert ahead == tasks()


def test_tasks_drawn_ahead_are_forgotten_with_the_sampler_or_its_state():
    env = EtudeEnv(CountingDomain())
    env.reset(seed=1)
    other = EtudeEnv(CountingDomain())
    results = Results(np.zeros((640, 2)), np.zeros(640, dtype=np.int64), np.ones(640))
    other.sampler.update(results)
    other.reset(seed=1)
    expected = [other.reset()[1]["difficulty"] for _ in range(5)]
    env.reset(seed=1)
    env.sampler.load_state_dict(other.sampler.state_dict())
    assert [env.reset()[1]["difficulty"] for _ in range(5)] == expected
    env.reset(seed=1)
    env.stream.sampler = make_sampler("uniform", env.domain.space)
    assert env.reset()[1]["reason"] == "uniform"


# --- Wrong arguments -----------------------------------------------------------------------------------

WRONG = [
    ({"practice": "adaptve"}, "Unknown task sampler 'adaptve'.*Did you mean 'adaptive'"),
    ({"split": "ankor"}, "Unknown split 'ankor'.*Did you mean 'anchor'"),
    ({"family": "pres"}, "Unknown family 'pres'.*Did you mean 'press'"),
    ({"difficulty": {"press": 0.5}}, "Unknown difficulty axis 'press'.*Did you mean 'presses'"),
    ({"difficulty": {"presses": 1.5}}, r"difficulty\['presses'\] must be a number in \[0, 1\], got 1.5"),
    ({"difficulty": {"presses": float("nan")}}, r"must be a number in \[0, 1\], got nan"),
    ({"difficulty": 0.5}, "difficulty must be a mapping such as {'presses': 0.5}, got 0.5"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_a_wrong_argument_is_refused_at_once_naming_the_nearest(arguments, message):
    with pytest.raises(ValueError, match=message):
        gym.make("counting:Counting-v0", **arguments)
    with pytest.raises(ValueError, match=message):
        gym.make_vec("counting:Counting-v0", num_envs=2, **arguments)


UNKNOWN = [
    (
        lambda: gym.make("EtudePlan-v0", difficlty={}),
        r"EtudeEnv.__init__\(\) got an unexpected keyword argument 'difficlty'. Did you mean 'difficulty'\?",
    ),
    (
        lambda: gym.make("EtudePlan-v0", observatoin="raw"),
        r"EtudeEnv.__init__\(\) got an unexpected keyword argument 'observatoin'. "
        r"Did you mean 'observation'\?",
    ),
    (
        lambda: gym.make("EtudePlan-v0", autoreset_mode="NextStep"),
        r"EtudeEnv.__init__\(\) got an unexpected keyword argument 'autoreset_mode'",
    ),
    (
        lambda: gym.make_vec("EtudePlan-v0", 2, autoreset_mod="SameStep"),
        r"EtudeVectorEnv.__init__\(\) got an unexpected keyword argument 'autoreset_mod'. "
        r"Did you mean 'autoreset_mode'\?",
    ),
    (
        lambda: gym.make_vec("EtudePlan-v0", 2, vectorization_mode="sync", familly="delivery"),
        r"EtudeEnv.__init__\(\) got an unexpected keyword argument 'familly'. Did you mean 'family'\?",
    ),
    (
        lambda: EtudeEnv(CountingDomain(), presses=3),
        r"EtudeEnv.__init__\(\) got an unexpected keyword argument 'presses'",
    ),
    (
        lambda: EtudeVectorEnv("counting:CountingDomain", slat=1),
        r"EtudeVectorEnv.__init__\(\) got an unexpected keyword argument 'slat'. Did you mean 'salt'\?",
    ),
    (
        lambda: make_domain("EtudePlan-v0", observatoin="raw"),
        r"PlanDomain.__init__\(\) got an unexpected keyword argument 'observatoin'. "
        r"Did you mean 'observation'\? Allowed: 'observation'.",
    ),
    (
        lambda: make_domain("counting:Counting-v0", practice="uniform"),
        r"CountingDomain.__init__\(\) got an unexpected keyword argument 'practice'. Allowed: none.",
    ),
    (
        lambda: load_domain(CountingDomain(), presses=3),
        r"load_domain\(\) got an unexpected keyword argument 'presses'. Allowed: none.",
    ),
]


@pytest.mark.parametrize(("call", "message"), UNKNOWN)
def test_an_unknown_keyword_is_a_type_error_in_pythons_words_that_names_the_nearest(call, message):
    with pytest.raises(TypeError, match=message):
        call()


class TakesAnything(CountingDomain):
    def __init__(self, **options):
        super().__init__()
        self.options = options


def test_a_domain_that_takes_any_keyword_is_given_it():
    domain = EtudeEnv(TakesAnything, depth=3).domain
    assert domain.options == {"depth": 3}  # type: ignore[attr-defined]


@pytest.mark.parametrize("num_envs", [0, -1, 2.0, "2"])
def test_a_wrong_number_of_environments_is_refused(num_envs):
    with pytest.raises(ValueError, match="num_envs must be a positive integer"):
        EtudeVectorEnv(CountingDomain(), num_envs)


# --- Actions -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", [1.0, None, "press", [1], np.array([1])])
def test_an_action_that_is_no_integer_is_refused_and_changes_nothing(action):
    env = EtudeEnv(CountingDomain(), difficulty=EASY)
    observation, _ = env.reset(seed=0)
    with pytest.raises(TypeError):
        env.step(action)
    assert_array_equal(env.action_masks(), [1, 1, 1, 1, 0, 0, 0, 0])
    assert_array_equal(env.step(right(observation))[0][1:], [3, 6])


@pytest.mark.parametrize("actions", [[0], [0, 1, 2], 0, [[0, 1]], [0.0, 1.0], None])
def test_a_batch_of_actions_of_another_shape_or_type_is_refused(actions):
    env = make_vector()
    env.reset(seed=0)
    with pytest.raises(ValueError, match="actions must be 2 integers"):
        env.step(actions)


def test_stepping_before_the_first_reset_says_what_to_do():
    with pytest.raises(RuntimeError, match=r"call reset\(\) before step\(\)"):
        EtudeEnv(CountingDomain()).step(0)
    with pytest.raises(RuntimeError, match=r"Call reset\(\) before step\(\)"):
        make_vector().step(np.zeros(2, dtype=np.int64))


# --- Gymnasium's own ways to make, copy and run environments -------------------------------------------


def test_make_vec_gives_the_native_vector_environment():
    env = gym.make_vec("counting:Counting-v0", num_envs=3, difficulty=EASY, autoreset_mode="SameStep")
    assert isinstance(env, EtudeVectorEnv)
    assert env.autoreset_mode is AutoresetMode.SAME_STEP
    assert_array_equal(env.reset(seed=1)[0][:, 1:], [FRESH] * 3)
    asked = gym.make_vec("counting:Counting-v0", num_envs=3, vectorization_mode="vector_entry_point")
    assert isinstance(asked, EtudeVectorEnv)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_gymnasium_vectors_of_single_environments_see_the_same(mode):
    ours = gym.make_vec("counting:Counting-v0", num_envs=2, practice="uniform")
    theirs = gym.make_vec("counting:Counting-v0", num_envs=2, practice="uniform", vectorization_mode=mode)
    observations, infos = theirs.reset(seed=9)
    mine, my_infos = ours.reset(seed=9)
    assert_array_equal(observations, mine)
    assert_array_equal(infos["task_key"], my_infos["task_key"])
    for _ in range(30):
        actions = right(mine)
        observations, rewards, ends, _, infos = theirs.step(actions)
        mine, my_rewards, my_ends, _, my_infos = ours.step(actions)
        assert_array_equal(observations, mine)
        assert_array_equal(rewards, my_rewards)
        assert_array_equal(ends, my_ends)
        assert_array_equal(infos["action_mask"], my_infos["action_mask"])
    theirs.close()


@pytest.mark.parametrize("copy", [deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_a_copy_of_an_environment_goes_on_by_itself(copy):
    env = make_vector()
    observations, _ = env.reset(seed=0)
    observations = press(env, observations)[0]
    twin = copy(env)
    assert_step(press(env, observations), [0.25, 0.25], [False, False], [[2, 5], [2, 5]])
    assert_step(press(twin, observations), [0.25, 0.25], [False, False], [[2, 5], [2, 5]])


def test_a_saved_state_stays_as_it_was_when_the_environment_goes_on():
    env = make_vector()
    observations, _ = env.reset(seed=0)
    state = env.state_dict()
    for _ in range(2):
        press(env, observations)
        env.load_state_dict(state)
        assert_step(press(env, observations), [0.25, 0.25], [False, False], [[3, 6], [3, 6]])


def test_a_state_of_another_number_of_environments_is_refused():
    state = make_vector(3).state_dict()
    with pytest.raises(ValueError, match="of 3 environments, not of 2"):
        make_vector(2).load_state_dict(state)


def plain(state):
    """As a checkpoint brings it back."""
    return unpack(pack(state))


@pytest.mark.filterwarnings("ignore:.*outside the action space:UserWarning")
@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
def test_episodes_are_saved_as_tasks_and_actions_and_go_on_where_they_were(mode):
    env, restored = make_vector(4, mode, difficulty=None), make_vector(4, mode, difficulty=None)
    observations, _ = env.reset(seed=3)
    generator, ended = np.random.default_rng(0), 0
    for _ in range(60):
        state = plain(env.state_dict())
        assert not any(part.dtype.hasobject for part in arrays_of(state))
        restored.load_state_dict(state)
        assert_array_equal(restored.action_masks(), env.action_masks())
        actions = np.where(generator.random(4) < 0.8, right(observations), 9)  # 9 is illegal
        results, again = env.step(actions), restored.step(actions)
        for mine, theirs in zip(results[:4], again[:4], strict=True):
            assert_array_equal(mine, theirs)
        observations, ends = results[0], results[2]
        ended += ends.sum()
        if mode == "Disabled" and ends.any():
            env.reset(options={"reset_mask": ends})
            observations = observe(env)
    assert ended > 4


def arrays_of(state):
    if isinstance(state, dict):
        return [array for part in state.values() for array in arrays_of(part)]
    return [state] if isinstance(state, np.ndarray) else []


def observe(env):
    observations = np.zeros((env.num_envs, 3), dtype=np.float32)
    env.domain.observe(env.worlds, np.arange(env.num_envs), observations, env.action_masks())
    return observations


def test_a_state_before_the_first_reset_is_a_state():
    env = make_vector()
    env.reset(seed=0)
    env.load_state_dict(plain(make_vector().state_dict()))
    assert not any(env.worlds)
    with pytest.raises(RuntimeError, match="reset"):
        env.step(np.zeros(2, dtype=np.int64))


class Moody(CountingDomain):
    """Its tasks depend on more than their keys."""

    moods = iter(range(4, 100))

    def start(self, key, difficulty, family):
        return CountingEpisode(next(self.moods), 4, 2)


def test_an_episode_that_cannot_be_played_again_is_refused_saying_why():
    env = EtudeVectorEnv(Moody(), 2)
    observations, _ = env.reset(seed=0)
    press(env, observations)
    with pytest.raises(ValueError, match=r"An episode of counting-v0 reached .* start\(\) has to depend on"):
        env.load_state_dict(plain(env.state_dict()))


def test_a_domain_saves_its_worlds_in_a_way_of_its_own():
    class Keeping(Moody):
        def save_worlds(self, worlds):
            return [dict(vars(world), task=vars(world.task)) for world in worlds]

        def load_worlds(self, worlds, state):
            for row, saved in enumerate(state):
                worlds[row] = CountingEpisode(4, 4, 2)
                vars(worlds[row]).update(saved)

    env = EtudeVectorEnv(Keeping(), 2)
    observations, _ = env.reset(seed=0)
    observations = press(env, observations)[0]
    state = plain(env.state_dict())
    expected = press(env, observations)
    env.load_state_dict(state)
    for mine, theirs in zip(press(env, observations)[:4], expected[:4], strict=True):
        assert_array_equal(mine, theirs)


@pytest.mark.parametrize("rows", [slice(None, None, -1), slice(0, 9, 2), np.array([3, 3, 0])], ids=str)
def test_a_part_of_a_batch_of_tasks_is_laid_out_as_the_whole_so_that_no_kernel_is_compiled_for_it(rows):
    whole = TaskBatch(np.arange(10, dtype=np.uint64), np.arange(20.0).reshape(10, 2), np.arange(10))
    for name in ("keys", "difficulty", "family"):
        part = getattr(whole[rows], name)
        assert part.flags.c_contiguous
        assert_array_equal(part, getattr(whole, name)[rows])


# --- Action spaces ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "space",
    [
        gym.spaces.MultiDiscrete([3, 4]),
        gym.spaces.Box(-1.0, 1.0, (2,)),
        gym.spaces.MultiBinary(3),
        gym.spaces.Discrete(4, start=1),
    ],
    ids=lambda space: type(space).__name__,
)
def test_actions_that_a_mask_cannot_name_are_refused_at_the_door(space):
    domain = CountingDomain()
    domain.action_space = space
    for make in (lambda: EtudeEnv(domain), lambda: EtudeVectorEnv(domain, 2)):
        with pytest.raises(ValueError, match=r"counting-v0 has the action space .* number the combinations"):
            make()
