"""Wrappers: the text interface and the action mask in the observation."""

from __future__ import annotations

import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

from etude_gym import registered_ids
from etude_gym.envs.plan import facts, text
from etude_gym.envs.plan.names import names_of
from etude_gym.wrappers import ActionMaskObservation, TextFront, VectorActionMaskObservation

HARD = {"horizon": 0.7, "resources": 0.5, "contingency": 1.0, "decomposition": 0.7}
EASY = {"horizon": 0.2, "resources": 0.2, "contingency": 0.0, "decomposition": 0.2}


def oracle_action(env):
    return int(env.unwrapped.domain.solvers()["oracle"](env.unwrapped.worlds)[0])


def assert_checked_without_warnings(env):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Said of every wrapper there is.
        warnings.filterwarnings("ignore", message=".*is different from the unwrapped version")
        check_env(env)


# --- Text interface ---------------------------------------------------------------------------------


def test_gymnasium_checks_the_text_interface_without_a_warning():
    assert_checked_without_warnings(TextFront(gym.make("EtudePlan-v0", practice="uniform")))


def test_reset_gives_the_prompt_of_the_task():
    env = TextFront(gym.make("EtudePlan-v0", difficulty=HARD))
    prompt, info = env.reset(seed=3)
    assert prompt == text.write_prompt(env.unwrapped.worlds[0]).text
    assert info["difficulty"] == HARD
    assert prompt in env.observation_space


@pytest.mark.parametrize("difficulty", [EASY, HARD])
def test_actions_and_the_same_actions_as_commands_give_the_same_episode(difficulty):
    for seed in range(5):
        plain = gym.make("EtudePlan-v0", difficulty=difficulty)
        front = TextFront(gym.make("EtudePlan-v0", difficulty=difficulty))
        plain.reset(seed=seed)
        front.reset(seed=seed)
        over = False
        while not over:
            action = oracle_action(plain)
            _, reward, over, _, info = plain.step(action)
            _, told_reward, told_over, _, told = front.step(
                text.action_name(front.unwrapped.worlds[0], action)
            )
            assert (told_reward, told_over, told["status"]) == (reward, over, "ok")
        assert plain.unwrapped.worlds.tobytes() == front.unwrapped.worlds.tobytes()
        assert (told["score"], told["solved"]) == (info["score"], info["solved"])


def test_a_whole_plan_in_one_reply_earns_the_score_of_its_actions():
    plain = gym.make("EtudePlan-v0", difficulty=EASY)
    plain.reset(seed=1)
    actions, over = [], False
    while not over:
        actions.append(oracle_action(plain))
        over = plain.step(actions[-1])[2]
    front = TextFront(gym.make("EtudePlan-v0", difficulty=EASY))
    front.reset(seed=1)
    reply = "\n".join(text.action_name(front.unwrapped.worlds[0], action) for action in actions)
    prompt, reward, over, _, info = front.step(f"My plan:\n```\n{reply}\n```")
    assert (over, info["score"], info["actions_played"]) == (True, 1.0, len(actions))
    assert reward == pytest.approx(1.0)
    assert "- the episode is over" in prompt


def test_a_reply_is_broken_off_by_a_chance_event_which_the_next_prompt_tells():
    broken_off = 0
    for seed in range(10):
        env = TextFront(gym.make("EtudePlan-v0", difficulty=HARD))
        env.reset(seed=seed)
        world = env.unwrapped.worlds
        over = False
        while not over:
            # The next action of the reference plan, then one that is never reached if it brings news.
            prompt, _, over, _, info = env.step(f"{text.action_name(world[0], oracle_action(env))}; go Depot")
            if world[0]["last_event"] >= 0 and info["actions_played"] == 1 and not over:
                broken_off += 1
                assert "Actions of your last reply that were played: 1 of 2." in prompt
                assert "Something unforeseen happened before the others." in prompt
                assert facts.EVENT_TEXTS[world[0]["last_event"]] in prompt
    assert broken_off > 0


def test_impossible_actions_are_played_and_told():
    env = TextFront(gym.make("EtudePlan-v0", difficulty=EASY))
    env.reset(seed=0)
    names = names_of(env.unwrapped.worlds[0])
    craft = f"craft {names.items[-1]}"
    prompt, _, _, _, info = env.step(f"{craft}\ngo {names.places[1]}\n{craft}")
    assert (info["status"], info["actions_played"]) == ("ok", 3)
    assert env.unwrapped.worlds[0]["illegal_actions"] == 2
    assert prompt.startswith(
        "Actions of your last reply that were played: 3 of 3. "
        f"Not possible, each at the cost of a step: {craft} (number 1), {craft} (number 3).\n\n"
    )


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        ("hello", "malformed"),
        ("", "malformed"),
        ("x" * 10**6, "malformed"),
        ("\ud800\x00", "malformed"),
        (None, "malformed"),
        (b"deliver", "malformed"),
        ("```\ngo Al", "malformed"),
    ],
)
def test_a_reply_that_is_not_understood_costs_one_illegal_action_and_is_told_why(reply, status):
    env = TextFront(gym.make("EtudePlan-v0", difficulty=EASY))
    env.reset(seed=0)
    prompt, reward, _, _, info = env.step(reply)
    world = env.unwrapped.worlds[0]
    assert (info["status"], info["actions_played"], reward) == (status, 0, 0.0)
    assert (world["illegal_actions"], world["time"]) == (1, 1)
    assert prompt.startswith(
        f"Your last reply was not played and cost one step ({status}). {info['problem']}"
    )
    assert prompt in env.observation_space


def test_endless_junk_ends_the_episode_with_no_score():
    env = TextFront(gym.make("EtudePlan-v0", difficulty=EASY))
    env.reset(seed=0)
    for _ in range(int(env.unwrapped.worlds[0]["time_limit"])):
        _, _, over, _, info = env.step("blah")
    assert over
    assert info["score"] == 0.0


def test_only_environments_of_a_domain_have_a_text_interface():
    with pytest.raises(ValueError, match=r"such as gym.make\('EtudePlan-v0'\)"):
        TextFront(gym.make("CartPole-v1"))


# --- Action mask -------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["compact", "raw"])
def test_gymnasium_checks_the_masked_environment_without_a_warning(variant):
    env = gym.make("EtudePlan-v0", practice="uniform", observation=variant)
    assert_checked_without_warnings(ActionMaskObservation(env))


def test_the_observation_holds_the_mask_and_what_was_observed_before():
    env = gym.make("EtudePlan-v0", difficulty=EASY)
    masked = ActionMaskObservation(gym.make("EtudePlan-v0", difficulty=EASY))
    expected, info = env.reset(seed=4)
    observation, _ = masked.reset(seed=4)
    over = False
    while not over:
        np.testing.assert_array_equal(observation["observation"], expected)
        np.testing.assert_array_equal(observation["action_mask"], info["action_mask"])
        assert observation in masked.observation_space
        action = oracle_action(env)
        expected, _, over, _, info = env.step(action)
        observation, *_ = masked.step(action)
    np.testing.assert_array_equal(observation["observation"], expected)
    assert observation["action_mask"].all()


@pytest.mark.parametrize("env_id", registered_ids())
def test_the_mask_in_the_observation_is_the_one_of_the_environment(env_id):
    env = ActionMaskObservation(gym.make(env_id, practice="uniform"))
    random = np.random.default_rng(0)
    observation, info = env.reset(seed=0)
    for _ in range(100):
        np.testing.assert_array_equal(observation["action_mask"], info["action_mask"])
        np.testing.assert_array_equal(observation["action_mask"], env.unwrapped.action_masks())
        observation, _, over, _, info = env.step(int(random.choice(np.flatnonzero(info["action_mask"]))))
        if over:
            observation, info = env.reset()


def test_actions_without_a_mask_are_refused():
    with pytest.raises(ValueError, match="needs Discrete actions"):
        ActionMaskObservation(gym.make("Pendulum-v1"))


def assert_row_equals(observations, row, expected):
    for name in ("observation", "action_mask"):
        np.testing.assert_array_equal(observations[name][row], expected[name])


def draw_legal(random, masks):
    """A legal action for each row."""
    return np.array([random.choice(np.flatnonzero(mask)) for mask in masks])


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
def test_every_row_of_the_masked_vector_shows_what_the_masked_single_environment_shows(mode):
    arguments = {"practice": "uniform", "difficulty": {"horizon": 0.0, "contingency": 0.5}}
    vector = VectorActionMaskObservation(
        gym.make_vec("EtudePlan-v0", num_envs=5, autoreset_mode=mode, **arguments)
    )
    singles = [ActionMaskObservation(gym.make("EtudePlan-v0", **arguments)) for _ in range(5)]
    observations, _ = vector.reset(seed=10)
    for row, env in enumerate(singles):
        assert_row_equals(observations, row, env.reset(seed=10 + row)[0])
    random = np.random.default_rng(0)
    ended, begins = 0, [None] * 5
    for _ in range(150):
        actions = draw_legal(random, observations["action_mask"])
        observations, _, terminations, _, infos = vector.step(actions)
        assert observations in vector.observation_space
        for row, env in enumerate(singles):
            if begins[row] is not None:
                assert_row_equals(observations, row, begins[row])
                begins[row] = None
                continue
            last, _, over, _, _ = env.step(actions[row])
            assert terminations[row] == over
            if not over:
                assert_row_equals(observations, row, last)
                continue
            ended += 1
            assert last["action_mask"].all()
            first, _ = env.reset()
            if mode == AutoresetMode.SAME_STEP:
                assert_row_equals(observations, row, first)
                np.testing.assert_equal(infos["final_obs"][row], last)
            else:
                assert_row_equals(observations, row, last)
                begins[row] = first
    assert ended > 10


def test_rows_that_did_not_end_have_no_final_observation():
    vector = VectorActionMaskObservation(
        gym.make_vec("EtudePlan-v0", 8, autoreset_mode=AutoresetMode.SAME_STEP, practice="uniform")
    )
    vector.reset(seed=0)
    ended = 0
    for _ in range(100):
        _, _, terminations, _, infos = vector.step(vector.action_space.sample())
        if "final_obs" in infos:
            assert [final is not None for final in infos["final_obs"]] == terminations.tolist()
            ended += terminations.sum()
    assert ended > 8


def test_the_masked_vector_also_wraps_gymnasiums_own_vector_environments():
    envs = gym.make_vec("EtudePlan-v0", 3, vectorization_mode="sync", practice="uniform")
    vector = VectorActionMaskObservation(envs)
    observations, infos = vector.reset(seed=0)
    np.testing.assert_array_equal(observations["action_mask"], infos["action_mask"])
    observations, *_ = vector.step(draw_legal(np.random.default_rng(0), observations["action_mask"]))
    assert observations in vector.observation_space
