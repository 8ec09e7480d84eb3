"""Environments as people use them who know Gymnasium or Stable-Baselines3, and never read ours."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import warnings

import gymnasium as gym
import numpy as np
import pytest
from counting import CountingDomain
from gymnasium import wrappers
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AsyncVectorEnv
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import SubprocVecEnv

import etude_gym
from etude_gym.environment.rendering import METADATA
from etude_gym.environment.single import EtudeEnv
from etude_gym.environment.text_picture import SIZE, text_picture
from etude_gym.environment.vector import EtudeVectorEnv
from etude_gym.errors import ResetNeeded
from etude_gym.wrappers import TextFront

ENVIRONMENTS = ["EtudePlan-v0", "EtudeLogic-v0", "counting:Counting-v0"]
EASY = {"presses": 0.0, "buttons": 0.0}

all_environments = pytest.mark.parametrize("env_id", ENVIRONMENTS)


@pytest.fixture(autouse=True)
def quietly():
    """No warning of ours or of Gymnasium is expected unless a test says so."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", module="etude_gym")
        yield


# --- Stable-Baselines3 -----------------------------------------------------------------------------------


@all_environments
def test_make_vec_env_needs_no_special_argument_and_shows_pictures(env_id):
    env = make_vec_env(env_id, n_envs=2, seed=0)
    env.reset()
    env.step(np.zeros(2, dtype=np.int64))
    assert env.render_mode == "rgb_array"
    first, second = env.get_images()
    assert first.shape == second.shape
    assert first.dtype == np.uint8


@pytest.mark.parametrize(
    ("algorithm", "options"),
    [
        (PPO, {"n_steps": 32, "batch_size": 32, "n_epochs": 1}),
        (A2C, {"n_steps": 8}),
        (DQN, {"learning_starts": 8, "buffer_size": 100, "batch_size": 8}),
    ],
)
@all_environments
def test_algorithms_take_the_id_alone(env_id, algorithm, options):
    model = algorithm("MlpPolicy", env_id, policy_kwargs={"net_arch": [8]}, device="cpu", **options)
    model.learn(64)
    assert model.num_timesteps >= 64


# --- Gymnasium's makers and wrappers ---------------------------------------------------------------------


@all_environments
def test_gymnasium_checks_rendering_too_without_a_warning_of_ours(env_id):
    check_env(gym.make(env_id, render_mode="rgb_array").unwrapped)


WRAPPERS = [
    wrappers.RecordEpisodeStatistics,
    lambda env: wrappers.TimeLimit(env, 5),
    wrappers.FlattenObservation,
    wrappers.NormalizeObservation,
    wrappers.NormalizeReward,
    lambda env: wrappers.FrameStackObservation(env, 3),
    lambda env: wrappers.TimeAwareObservation(wrappers.TimeLimit(env, 9)),
    wrappers.OrderEnforcing,
    wrappers.PassiveEnvChecker,
    wrappers.Autoreset,
    lambda env: wrappers.RenderCollection(env),
    lambda env: wrappers.AddRenderObservation(env, render_only=True),
    lambda env: wrappers.TransformReward(env, lambda reward: 2 * reward),
    lambda env: wrappers.DelayObservation(env, 1),
]


@pytest.mark.filterwarnings("ignore::UserWarning:gymnasium")
@pytest.mark.parametrize("wrap", WRAPPERS)
def test_wrappers_of_gymnasium_go_round_every_environment(wrap):
    for env_id in ENVIRONMENTS:
        env = wrap(gym.make(env_id, render_mode="rgb_array", practice="uniform"))
        observation, info = env.reset(seed=0)
        for step in range(8):
            assert observation in env.observation_space
            legal = np.flatnonzero(info["action_mask"])
            observation, _, terminated, truncated, info = env.step(int(legal[step % len(legal)]))
            if terminated or truncated:
                observation, info = env.reset()
        env.close()


@pytest.mark.parametrize("mode", ["sync", "async", "vector_entry_point"])
def test_make_vec_passes_what_it_is_given(mode):
    options = {
        "practice": "static",
        "difficulty": {"horizon": 0.2},
        "observation": "raw",
        "max_episode_steps": 4,
    }
    env = gym.make_vec("EtudePlan-v0", 3, vectorization_mode=mode, **options)
    observations, _ = env.reset(seed=1)
    assert set(observations) == set(env.single_observation_space)
    for _ in range(4):
        *_, truncations, _ = env.step(np.zeros(3, dtype=np.int64))
    assert truncations.all()
    env.close()


def test_truncation_of_the_vector_is_that_of_gymnasiums_time_limit():
    ours = gym.make_vec("EtudePlan-v0", 3, max_episode_steps=6, practice="uniform")
    theirs = gym.make_vec(
        "EtudePlan-v0", 3, max_episode_steps=6, practice="uniform", vectorization_mode="sync"
    )
    ours.reset(seed=0)
    theirs.reset(seed=0)
    truncated = 0
    for step in range(60):
        actions = np.full(3, step % 19)
        mine, other = ours.step(actions), theirs.step(actions)
        for part in range(4):
            np.testing.assert_array_equal(mine[part], other[part])
        truncated += mine[3].sum()
    assert truncated > 10


# --- Truncated episodes ----------------------------------------------------------------------------------


def reports_of(env):
    told = []
    env.unwrapped.stream.listener = lambda difficulty, reason, scores: told.extend(scores.tolist())
    return told


@pytest.mark.parametrize("limit", [lambda env: wrappers.TimeLimit(env, 2), lambda env: env])
def test_an_episode_that_is_reset_early_is_reported_with_the_score_it_has(limit):
    env = limit(gym.make("counting:Counting-v0", difficulty=EASY))
    told = reports_of(env)
    observation, _ = env.reset(seed=0)
    for _ in range(2):
        observation, *_ = env.step(int(observation[0]))
    assert told == []
    env.reset()
    assert told == [0.5]
    env.reset()
    env.reset(seed=3)
    assert told == [0.5]


def test_the_learner_model_believes_truncated_episodes():
    env = gym.make("counting:Counting-v0", practice="frontier", difficulty=EASY, max_episode_steps=1)
    observation, _ = env.reset(seed=0)
    for _ in range(640):
        observation, *_ = env.step(int(observation[0]))
        observation, _ = env.reset()
    model = env.unwrapped.sampler.learner_model
    believed = 1 / (1 + np.exp(-model.logits(np.zeros((1, 2)), np.zeros(1, dtype=np.int64))[0]))
    assert believed == pytest.approx(0.25, abs=0.05)


@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
def test_a_full_reset_of_a_vector_reports_what_was_begun(mode):
    env = EtudeVectorEnv(CountingDomain(), 3, difficulty=EASY, autoreset_mode=mode)
    told = reports_of(env)
    observations, _ = env.reset(seed=0)
    marked = observations[:, 0].astype(np.int64)
    env.step(np.where([True, True, False], marked, (marked + 1) % 4))
    assert told == [0.0]
    env.reset()
    assert sorted(told) == ([0.0, 0.25, 0.25])
    env.reset()
    assert len(told) == 3


# --- Rendering -------------------------------------------------------------------------------------------


def test_an_unsupported_render_mode_is_warned_of_and_refused_when_it_is_used():
    with pytest.warns(UserWarning, match="render_mode='ansy'"):
        env = gym.make("EtudePlan-v0", render_mode="ansy")
    env.reset(seed=0)
    env.step(0)
    with pytest.raises(ValueError, match=r"Unknown render mode 'ansy'.*Did you mean 'ansi'"):
        env.render()


@all_environments
def test_human_rendering_is_gymnasiums_own_wrapper(env_id):
    with pytest.warns(UserWarning, match="HumanRendering wrapper is being applied"):
        env = gym.make(env_id, render_mode="human")
    assert isinstance(env, wrappers.HumanRendering)


def test_rendering_without_a_mode_shows_nothing_and_says_so():
    env = gym.make("EtudePlan-v0")
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="without a render mode"):
        assert env.render() is None


@all_environments
def test_whatever_is_used_before_the_first_reset_says_to_reset(env_id):
    env, vector = gym.make(env_id, render_mode="ansi").unwrapped, gym.make_vec(env_id, 2, render_mode="ansi")
    for use in (env.render, env.action_masks, env.task_metrics, lambda: env.step(0), vector.render):
        with pytest.raises(ResetNeeded, match=r"reset\(\)") as caught:
            use()
        assert isinstance(caught.value, RuntimeError)
        assert isinstance(caught.value, gym.error.ResetNeeded)


@pytest.mark.parametrize("env_id", ["EtudePlan-v0", "EtudeLogic-v0"])
def test_a_reply_before_the_first_reset_or_after_the_end_says_to_reset(env_id):
    env = TextFront(gym.make(env_id, practice="uniform"))
    with pytest.raises(ResetNeeded, match=r"No episode has begun: call reset\(\) before step\(\)"):
        env.step("go Alder")
    env.reset(seed=0)
    while not env.step("what?")[2]:
        pass
    with pytest.raises(ResetNeeded, match=r"The episode is over: call reset\(\) before step\(\)"):
        env.step("go Alder")


def test_a_picture_of_text_has_one_size_and_shows_every_character():
    blank = text_picture("")
    assert blank.shape == (SIZE, SIZE, 3)
    shown = [text_picture(chr(code)) for code in range(33, 127)]
    pictures = {picture.tobytes() for picture in [*shown, text_picture("é")]}
    assert len(pictures) == 95  # each of its own, and a box for all that the font lacks
    assert blank.tobytes() not in pictures
    for text in ("x" * 5000, "line\n" * 500, "\x1b[31mred\x1b[0m\ttab", "\ud800\U0001f600"):
        assert text_picture(text).shape == blank.shape
    assert text_picture("\x1b[31mred\x1b[0m").tobytes() == text_picture("red").tobytes()


def test_long_texts_are_cut_where_the_page_ends():
    assert (
        text_picture("a\n" * 63).tobytes() != text_picture("a\n" * 64).tobytes()
    )  # the number of more lines
    assert text_picture("a\n" * 60 + "b").tobytes() != text_picture("a\n" * 61).tobytes()


def test_metadata_is_the_same_for_every_domain():
    for env_id in ENVIRONMENTS:
        assert gym.make(env_id).metadata == METADATA
        assert gym.make_vec(env_id, 2).metadata.items() >= METADATA.items()


# --- Seeds and actions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [-1, 1.0, "1", True, np.float64(3), 2**64, np.int64(-3), [1]])
def test_what_is_no_seed_is_refused_and_changes_nothing(seed):
    env = EtudeEnv(CountingDomain(), practice="uniform")
    key = env.reset(seed=4)[1]["task_key"]
    with pytest.raises(ValueError, match=r"A seed is an integer from 0 to 2\*\*64 - 1, got"):
        env.reset(seed=seed)
    assert env.action_masks().any()
    assert env.reset(seed=4)[1]["task_key"] == key


def test_any_integer_that_is_a_seed_gives_a_vector_the_tasks_of_single_environments():
    for seed in (0, np.int64(2**63 - 2), np.uint64(2**63), 2**64 - 3, np.int8(5)):
        vector = EtudeVectorEnv(CountingDomain(), 3, practice="uniform")
        singles = [EtudeEnv(CountingDomain(), practice="uniform") for _ in range(3)]
        expected = [env.reset(seed=int(seed) + row)[1]["task_key"] for row, env in enumerate(singles)]
        assert vector.reset(seed=seed)[1]["task_key"].tolist() == expected
        by_list = vector.reset(seed=[np.uint64(seed) + np.uint64(row) for row in range(3)])[1]
        assert by_list["task_key"].tolist() == expected


@pytest.mark.parametrize("seed", [-1, 1.5, 2**64 - 1, True, "abc", [1, -1, 3], [1, 2.0, 3]])
def test_what_is_no_seed_of_a_vector_is_refused(seed):
    with pytest.raises(ValueError, match="A seed is an integer"):
        EtudeVectorEnv(CountingDomain(), 3).reset(seed=seed)


@pytest.mark.parametrize("action", [99, -1, 4, 10**30, np.int64(8)])
def test_an_illegal_action_costs_the_step_and_is_told(action):
    env = EtudeEnv(CountingDomain(), difficulty=EASY)
    observation, info = env.reset(seed=0)
    assert "illegal_action" not in info
    inside = 0 <= action < 8
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for left in (6, 5):
            observation, reward, _, _, info = env.step(action)
            assert (observation[1:].tolist(), reward, info["illegal_action"]) == ([4, left], 0.0, True)
    assert len(caught) == (0 if inside else 1)  # said once
    assert "illegal_action" not in env.step(int(observation[0]))[4]


@pytest.mark.parametrize("action", [2.0, "x", None, np.array([1]), [1], np.float32(1)])
def test_what_is_no_action_is_refused_with_what_is_one(action):
    env = EtudeEnv(CountingDomain())
    env.reset(seed=0)
    with pytest.raises(TypeError, match=r"An action is an integer, an element of Discrete\(8\), got"):
        env.step(action)


def test_illegal_actions_of_a_vector_are_told_by_row_and_warned_of_once():
    env = EtudeVectorEnv(CountingDomain(), 4, difficulty=EASY, autoreset_mode="NextStep")
    observations, _ = env.reset(seed=0)
    marked = observations[:, 0].astype(np.int64)
    with pytest.warns(UserWarning, match=r"Action 99 is outside the action space Discrete\(8\)"):
        observations, rewards, _, _, infos = env.step(np.array([marked[0], 99, 7, -1]))
    assert infos["illegal_action"].tolist() == infos["_illegal_action"].tolist() == [False, True, True, True]
    assert rewards.tolist() == [0.25, 0, 0, 0]
    assert env.step(np.array([marked[0], 99, 7, -1]))[4]["illegal_action"].tolist() == [
        False,
        True,
        True,
        True,
    ]
    assert "illegal_action" not in env.step(marked)[4]


def test_nobody_who_writes_into_what_was_told_changes_the_rules():
    vector = EtudeVectorEnv(CountingDomain(), 2, difficulty=EASY)
    _, infos = vector.reset(seed=0)
    kept = vector.action_masks()
    for array in infos.values():
        array[...] = 0
    np.testing.assert_array_equal(vector.action_masks(), kept)
    vector.action_masks()[:] = 0
    _, rewards, _, _, infos = vector.step(vector.domain.solvers()["oracle"](vector.worlds))
    assert rewards.tolist() == [0.25, 0.25]
    assert "illegal_action" not in infos
    for array in infos.values():
        array[...] = 0
    assert vector.step(vector.domain.solvers()["oracle"](vector.worlds))[1].tolist() == [0.25, 0.25]


# --- Ids in fresh processes ------------------------------------------------------------------------------


def test_an_id_that_names_the_module_is_known_in_a_spawned_process():
    env = AsyncVectorEnv([lambda: gym.make("etude_gym:EtudePlan-v0")], context="spawn")
    expected = gym.make("EtudePlan-v0").reset(seed=3)[0]
    np.testing.assert_array_equal(env.reset(seed=3)[0][0], expected)
    env.close()


def test_an_id_that_names_the_module_is_known_to_a_fork_server():
    env = make_vec_env(
        "etude_gym:EtudePlan-v0", 1, vec_env_cls=SubprocVecEnv, vec_env_kwargs={"start_method": "forkserver"}
    )
    assert np.shape(env.reset()) == (1, *env.observation_space.shape)
    env.close()


def test_a_specification_is_enough_in_a_fresh_process():
    spec = gym.make("EtudePlan-v0", practice="uniform").spec.to_json()
    code = (
        "import gymnasium, json, sys; from gymnasium.envs.registration import EnvSpec;"
        "env = gymnasium.make(EnvSpec.from_json(sys.argv[1]));"
        "print(json.dumps(env.reset(seed=3)[1]['task_key']))"
    )
    done = subprocess.run([sys.executable, "-c", code, spec], capture_output=True, text=True, check=True)
    assert (
        json.loads(done.stdout) == gym.make("EtudePlan-v0", practice="uniform").reset(seed=3)[1]["task_key"]
    )


def test_loading_the_package_again_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        importlib.reload(etude_gym)
        etude_gym.register_domain("Counting-v0", "counting:CountingDomain")  # as in a module loaded again


def test_registering_something_else_under_a_known_id_is_warned_of():
    with pytest.warns(UserWarning, match="Overriding environment"):
        etude_gym.register_domain("Counting-v0", "graded:GradedDomain")
    with pytest.warns(UserWarning, match="Overriding environment"):
        etude_gym.register_domain("Counting-v0", "counting:CountingDomain")
