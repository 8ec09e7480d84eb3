"""Practice of one region of difficulty, among tasks from everywhere: what a profile says to practice next."""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.difficulty.region import Region
from etude_gym.difficulty.space import DifficultySpace
from etude_gym.practice.sampler import FOCUS, UNIFORM, Draw, TaskSampler, _check_range, _counters
from etude_gym.randomness import Keys, uniform


class FocusSampler(TaskSampler):
    """Fresh tasks, a share of them from one region, uniform in it; the others uniform over the whole space.

    Args:
        space: axes and families of the domain.
        share: of the tasks that is drawn from the region.
        region: "family" and ranges of axes, at least one: ``family="delivery", horizon="0.75-1"``.

    Raises:
        ValueError: for a share outside [0, 1], or what is no region.
    """

    name = "focus"
    blind = True

    def __init__(self, space: DifficultySpace, *, share: float = 0.5, **region: Any) -> None:
        super().__init__(space)
        self.share = _check_range("share", share, 0.0, 1.0)
        self.region = Region.parse(space, region)
        self._counters = _counters(len(space) + 2)

    def draw(self, keys: Keys) -> Draw:
        numbers = uniform(keys[:, None], self._counters)
        inside = numbers[:, -1] < self.share
        low, high = self.region.corners(self.space)
        difficulty = numbers[:, :-2]
        difficulty = np.where(inside[:, None], low + (high - low) * difficulty, difficulty)
        family = (numbers[:, -2] * len(self.space.families)).astype(np.int64)
        if self.region.family is not None:
            family = np.where(inside, self.space.families.index(self.region.family), family)
        return Draw(keys, difficulty, family, np.where(inside, FOCUS, UNIFORM))
