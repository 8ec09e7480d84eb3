"""What kernel domains share: a single environment is the batch of one, by quicker ways."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from etude_gym.environment.single import EtudeEnv
from etude_gym.envs.code.domain import CodeDomain
from etude_gym.envs.creative.domain import CreativeDomain
from etude_gym.envs.logic.domain import LogicDomain
from etude_gym.envs.plan.domain import PlanDomain
from etude_gym.practice.sampler import Draw
from etude_gym.tasks.domain import NO_ACTION
from etude_gym.tasks.keys import Starts
from etude_gym.wrappers import ActionMaskObservation, TextFront

ENV_IDS = ("EtudePlan-v0", "EtudeLogic-v0", "EtudeCreative-v0")


def press(env: Any, steps: int, seed: int = 0) -> list[Any]:
    """Rewards, ends and results of random actions."""
    rng = np.random.default_rng(seed)
    seen = []
    for _ in range(steps):
        observation, reward, terminated, _, info = env.step(int(rng.integers(env.action_space.n)))
        results = {name: value for name, value in info.items() if name != "action_mask"}
        seen.append((observation.tolist(), info["action_mask"].tolist(), reward, terminated, results))
        if terminated:
            env.reset()
    return seen


@pytest.mark.parametrize("env_id", ENV_IDS)
@pytest.mark.parametrize("agent", ["random", "oracle"])
def test_a_single_episode_is_graded_as_in_a_batch(env_id: str, agent: str) -> None:
    env = gym.make(env_id, practice="uniform").unwrapped
    env.reset(seed=3)
    solve, rng = env.domain.solvers()["oracle"], np.random.default_rng(0)
    for _ in range(150):
        batch = env.domain.outcome(env.worlds, np.zeros(1, dtype=np.int64))
        single = env.domain.outcome_one(env.worlds)
        assert json.loads(json.dumps(single)) == single
        assert list(single) == list(batch)
        for name, value in single.items():
            expected = batch[name].item()
            assert (value, type(value)) == (
                (None, type(None)) if expected != expected else (expected, type(expected))
            )
        action = solve(env.worlds)[0] if agent == "oracle" else rng.integers(env.action_space.n)
        if env.step(action)[2]:
            env.reset()


def halved(domain: type[Any]) -> type[Any]:
    class Halved(domain):  # type: ignore[misc]
        def outcome(self, worlds: Any, rows: Any) -> Any:
            outcome = super().outcome(worlds, rows)
            return outcome | {"score": outcome["score"] / 2}

    return Halved


def stuck(domain: type[Any]) -> type[Any]:
    class Stuck(domain):  # type: ignore[misc]
        def step(self, worlds: Any, actions: Any, *arrays: Any) -> None:
            super().step(worlds, np.full_like(actions, -1), *arrays)

    return Stuck


def stuck_alone(domain: type[Any]) -> type[Any]:
    class StuckAlone(domain):  # type: ignore[misc]
        def step_one(self, worlds: Any, action: int, observation: Any, mask: Any) -> Any:
            return super().step_one(worlds, -1, observation, mask)

    return StuckAlone


def play(domain: Any) -> float:
    """The oracle's score of one episode."""
    env = EtudeEnv(domain, practice="uniform")
    env.reset(seed=0)
    while True:
        info = env.step(env.domain.solvers()["oracle"](env.worlds)[0])[4]
        if "score" in info:
            return float(info["score"])


@pytest.mark.parametrize("domain", [PlanDomain, LogicDomain, CreativeDomain])
def test_a_single_environment_follows_what_a_subclass_overrides(domain: type[Any]) -> None:
    assert play(domain()) == 1.0
    assert play(halved(domain)()) == 0.5
    assert play(halved(type("Heir", (domain,), {}))()) == 0.5
    assert play(stuck(domain)()) < 1.0
    assert play(stuck_alone(domain)()) < 1.0
    assert play(type("Heir", (stuck(domain),), {})()) < 1.0


@pytest.mark.parametrize("env_id", ENV_IDS)
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_a_copy_made_in_mid_episode_goes_on_as_the_original(env_id: str, duplicate: Any) -> None:
    env = gym.make(env_id, practice="uniform").unwrapped
    env.reset(seed=5)
    press(env, 3)
    other = duplicate(env)
    assert press(other, 100, seed=1) == press(env, 100, seed=1)


def test_a_variant_with_tables_steps_alone_as_in_a_vector() -> None:
    env = gym.make("EtudePlan-v0", observation="raw", practice="uniform")
    vector: Any = gym.make_vec("EtudePlan-v0", num_envs=2, observation="raw", practice="uniform")
    env.reset(seed=1)
    vector.reset(seed=1)
    for action in (0, 1, 8, 9, 2, 10):
        single, both = env.step(action), vector.step(np.full(2, action))
        for name in single[0]:
            np.testing.assert_array_equal(single[0][name], both[0][name][0])
        assert single[1] == both[1][0]


def test_draws_one_by_one_are_the_draws() -> None:
    n = 5
    columns = (
        np.arange(n, dtype=np.uint64),
        np.random.default_rng(0).random((n, 3)),
        np.arange(n),
        np.arange(n),
    )
    for starts in (None, Starts(np.linspace(0, 0.9, n), np.arange(1.0, n + 1))):
        draw = Draw(*columns, starts)
        singles = list(draw)
        assert len(singles) == n
        for i, single in enumerate(singles):
            expected = draw[i : i + 1]
            for name in ("task_keys", "difficulty", "family", "reason"):
                np.testing.assert_array_equal(getattr(single, name), getattr(expected, name))
            assert (single.starts is None) == (starts is None)
            if starts is not None:
                np.testing.assert_array_equal(single.starts.share, expected.starts.share)
                np.testing.assert_array_equal(single.starts.left, expected.starts.left)


def test_readers_of_code_wait_for_no_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    env = TextFront(gym.make("EtudeCode-v0", family="synthesize", practice="uniform"))
    with monkeypatch.context() as patch:
        patch.setattr(CodeDomain, "observe", None)
        _, info = env.reset(seed=0)
        assert "action_mask" not in info
        *_, terminated, _, info = env.step("```python\ndef solve(*values):\n    return 1\n```")
        assert terminated
        assert "action_mask" not in info
        env.reset()
    alone: Any = env.unwrapped
    usual: Any = gym.make("EtudeCode-v0", family="synthesize", practice="uniform").unwrapped
    usual.reset(seed=0)
    usual.reset()
    assert press(alone, 3)[1:] == press(usual, 3)[1:]
    np.testing.assert_array_equal(alone.action_masks(), usual.action_masks())


def test_a_mask_that_was_not_shown_is_there_when_it_is_asked_for() -> None:
    env: Any = gym.make("EtudeCode-v0", family="synthesize", practice="uniform").unwrapped
    _, info = env.reset(seed=0)
    legal = int(np.flatnonzero(info["action_mask"])[-1])
    text: Any = TextFront(gym.make("EtudeCode-v0", family="synthesize", practice="uniform"))
    text.reset(seed=0)
    np.testing.assert_array_equal(text.unwrapped.action_masks(), info["action_mask"])
    text = TextFront(gym.make("EtudeCode-v0", family="synthesize", practice="uniform"))
    text.reset(seed=0)
    for _ in range(2):  # an illegal action leaves the state as it is
        assert "illegal_action" in text.env.step(NO_ACTION)[4]
    assert "illegal_action" not in text.env.step(legal)[4]
    below = TextFront(ActionMaskObservation(gym.make("EtudeCode-v0", family="synthesize")))
    assert below.reset(seed=0)[1]["action_mask"].any()
