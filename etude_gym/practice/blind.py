"""Samplers that results do not change: the controls."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from etude_gym.difficulty.space import DifficultySpace
from etude_gym.practice.sampler import (
    EASY,
    SCHEDULE,
    STATIC,
    UNIFORM,
    Draw,
    Results,
    TaskSampler,
    _check_range,
    _reason,
)
from etude_gym.randomness import Keys, uniform
from etude_gym.tasks.keys import task_keys


class UniformSampler(TaskSampler):
    """Fresh tasks, uniform over the whole difficulty space: domain randomization."""

    name = "uniform"
    blind = True

    def draw(self, keys: Keys) -> Draw:
        return Draw(keys, *self._uniform(keys), _reason(keys, UNIFORM))


class NoPracticeSampler(UniformSampler):
    """Uniform tasks of which a learner with a memory keeps nothing: what practice adds is the rest."""

    name = "none"
    forgets = True


class StaticSampler(TaskSampler):
    """A finite set of uniform tasks, drawn once and repeated: the baseline of the field.

    Args:
        space: axes and families of the domain.
        set_size: number of tasks.
        set_seed: which set.
    """

    name = "static"
    blind = True

    def __init__(self, space: DifficultySpace, *, set_size: int = 1000, set_seed: int = 0) -> None:
        super().__init__(space)
        _check_range("set_size", set_size, 1, 2**31)
        self._set_keys = task_keys("static task set", "practice", set_seed, np.arange(set_size))
        self._set_difficulty, self._set_family = self._uniform(self._set_keys)

    def draw(self, keys: Keys) -> Draw:
        which = (uniform(keys, self._counters[:1]) * len(self._set_keys)).astype(np.int64)
        difficulty, family = self._set_difficulty[which], self._set_family[which]
        return Draw(self._set_keys[which], difficulty, family, _reason(keys, STATIC))


class EasySampler(TaskSampler):
    """Fresh tasks from a fixed easy region, uniform over [0, limit]^axes: the control for "start easy".

    Args:
        space: axes and families of the domain.
        limit: highest value of every axis.
    """

    name = "easy"
    blind = True

    def __init__(self, space: DifficultySpace, *, limit: float = 0.4) -> None:
        super().__init__(space)
        self.limit = _check_range("limit", limit, 0.0, 1.0)

    def draw(self, keys: Keys) -> Draw:
        return Draw(keys, *self._uniform(keys, self.limit), _reason(keys, EASY))


class ScheduleSampler(TaskSampler):
    """From easy to uniform on a fixed schedule, blind to scores: the control for adaptivity.

    The highest value of every axis grows linearly with the number of results.

    Args:
        space: axes and families of the domain.
        start: the limit before the first result.
        ramp_episodes: number of results after which tasks are uniform over the whole space.
    """

    name = "schedule"

    def __init__(self, space: DifficultySpace, *, start: float = 0.1, ramp_episodes: int = 20_000) -> None:
        super().__init__(space)
        self.start = _check_range("start", start, 0.0, 1.0)
        self.ramp_episodes = _check_range("ramp_episodes", ramp_episodes, 1, math.inf)
        self._num_results = 0

    @property
    def limit(self) -> float:
        """Highest value of every axis now."""
        return self.start + (1.0 - self.start) * min(1.0, self._num_results / self.ramp_episodes)

    def draw(self, keys: Keys) -> Draw:
        return Draw(keys, *self._uniform(keys, self.limit), _reason(keys, SCHEDULE))

    def update(self, results: Results) -> None:
        self._num_results += len(results.scores)
        self.version += 1

    def describe(self) -> dict[str, float]:
        return {"limit": self.limit}

    def state_dict(self) -> dict[str, Any]:
        return {"num_results": self._num_results}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._check_state(state)
        self._num_results = int(state["num_results"])
        self.version += 1
