"""Masks of episodes that have ended: a legal action is always left, so that nobody divides by zero."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from counting import CountingDomain, CountingEpisode
from numpy.testing import assert_array_equal
from own_learner import LinearReinforce

from etude_gym import registered_ids
from etude_gym.environment.single import EtudeEnv
from etude_gym.environment.vector import EtudeVectorEnv
from etude_gym.envs import duel
from etude_gym.tasks.domain import Submission
from etude_gym.wrappers import VectorActionMaskObservation

EASY = {"presses": 0.0, "buttons": 0.0}
"""Four buttons of eight; another one than the marked button ends the episode."""
RUNNING, ENDED = [1, 1, 1, 1, 0, 0, 0, 0], [1] * 8


class ClosedEpisode(CountingEpisode):
    """Nothing is legal once it is over."""

    def action_mask(self):
        return super().action_mask() * np.int8(not self.over)


class ClosedDomain(CountingDomain):
    episode = ClosedEpisode


def make_vector(mode, num_envs=2, **options):
    return EtudeVectorEnv(ClosedDomain(), num_envs, autoreset_mode=mode, difficulty=EASY, **options)


def press(env, observations, *rows_wrong):
    """Press the marked button in every row but those, which end with another one."""
    actions = observations[:, 0].astype(np.int64)
    actions[list(rows_wrong)] = (actions[list(rows_wrong)] + 1) % 4
    return env.step(actions)


def test_a_single_environment_allows_everything_after_the_end():
    env = EtudeEnv(ClosedDomain(), difficulty=EASY)
    observation, info = env.reset(seed=0)
    assert_array_equal(info["action_mask"], RUNNING)
    _, _, over, _, info = env.step(int(observation[0] + 1) % 4)
    assert over
    assert_array_equal(info["action_mask"], ENDED)
    assert_array_equal(env.action_masks(), ENDED)
    assert_array_equal(env.reset()[1]["action_mask"], RUNNING)


def test_a_submission_ends_an_episode_as_actions_do():
    env = gym.make("EtudeCode-v0", practice="uniform").unwrapped
    env.reset(seed=0)
    meant = env.domain.parse(env.worlds, 0, "```python solve.py\ndef solve() -> int:\n    return 0\n```")
    _, _, over, _, info = env.step(Submission(meant.submission))
    assert over
    assert info["action_mask"].all()
    assert env.action_masks().all()


def test_the_row_that_ended_allows_everything_until_the_next_step_resets_it():
    env = make_vector("NextStep")
    observations, _ = env.reset(seed=0)
    observations, _, ends, _, infos = press(env, observations, 1)
    assert_array_equal(ends, [False, True])
    assert_array_equal(infos["action_mask"], [RUNNING, ENDED])
    assert_array_equal(env.action_masks(), [RUNNING, ENDED])
    infos = press(env, observations)[4]
    assert_array_equal(infos["action_mask"], [RUNNING, RUNNING])
    assert "illegal_action" not in infos


def test_what_ended_in_the_same_step_keeps_its_last_mask_in_the_final_info():
    env = make_vector("SameStep", 3, max_episode_steps=2)
    observations, _ = env.reset(seed=0)
    observations, _, _, _, infos = press(env, observations, 1)
    assert_array_equal(infos["action_mask"], [RUNNING] * 3)
    assert_array_equal(infos["final_info"]["action_mask"][1], ENDED)
    assert_array_equal(infos["final_info"]["_action_mask"], [False, True, False])
    *_, truncations, infos = press(env, observations)
    assert_array_equal(truncations, [True, False, True])
    final = infos["final_info"]["action_mask"]
    assert_array_equal(final[[0, 2]], [RUNNING, RUNNING])  # a truncated episode might have gone on


def test_the_wrapper_shows_the_same_masks_at_the_end():
    env = VectorActionMaskObservation(make_vector("SameStep", max_episode_steps=1))
    observations, _ = env.reset(seed=0)
    _, _, ends, truncations, infos = press(env, observations["observation"], 0)
    assert_array_equal(ends, [True, False])
    assert_array_equal(truncations, [False, True])
    assert_array_equal([final["action_mask"] for final in infos["final_obs"]], [ENDED, RUNNING])


def test_a_reset_of_some_rows_leaves_the_masks_of_others_that_ended():
    env = make_vector("Disabled", 3)
    observations, _ = env.reset(seed=0)
    press(env, observations, 0, 2)
    _, infos = env.reset(options={"reset_mask": np.array([True, False, False])})
    assert_array_equal(infos["action_mask"], [RUNNING, RUNNING, ENDED])
    _, infos = env.reset(options={"reset_mask": np.array([False, False, True])})
    assert_array_equal(infos["action_mask"], [RUNNING] * 3)


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
@pytest.mark.parametrize("env_id", [env_id for env_id in registered_ids() if env_id.startswith("Etude")])
def test_the_learner_of_the_readme_learns_in_every_domain(env_id, mode):
    env = gym.make_vec(env_id, num_envs=16, autoreset_mode=mode)
    learner = LinearReinforce(env.unwrapped.domain, seed=0)
    steps = 200
    learner.learn(env, 6.0 * env.num_envs * learner.weights.size * steps)
    assert np.isfinite(learner.weights).all()
    assert learner.weights.any()


@pytest.mark.parametrize("game", [duel.parallel_env, duel.race_parallel_env])
def test_players_of_a_game_always_have_a_legal_action(game):
    pytest.importorskip("pettingzoo")
    env = game("EtudePlan-v0")
    random = np.random.default_rng(0)
    for seed in range(4):
        observations, _ = env.reset(seed=seed)
        while env.agents:
            actions = {}
            for agent in env.agents:
                mask = observations[agent]["action_mask"]
                parts = mask if isinstance(mask, tuple) else (mask,)
                assert all(part.any() for part in parts)
                drawn = [random.choice(np.flatnonzero(part)) for part in parts]
                actions[agent] = np.array(drawn) if isinstance(mask, tuple) else drawn[0]
            observations, *_ = env.step(actions)
