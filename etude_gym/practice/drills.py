"""Drills: samplers of episodes that start in the middle of a task, after a part of the reference solution.

An étude isolates the hard passage. Starts near the end of a solution are easy and move back as the learner
finishes from there: a reverse curriculum (Florensa et al. 2017, arXiv:1707.05300; Resnick et al. 2018,
arXiv:1807.06919). So a learner practices hard tasks before it can do the whole of one.

What the reference solver does is compute too: environments count its steps and seconds, and accounting books
them on the "curriculum" line of the ledger. They have no FLOPs, as no network is evaluated, so they do not
move a learner along the axis of FLOPs; that is why a table of drills states the environment steps beside it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.difficulty.bands import NUM_BANDS, band_of
from etude_gym.difficulty.space import Difficulty, DifficultySpace
from etude_gym.practice.learner_model import Families, Floats
from etude_gym.practice.sampler import DRILL, Draw, Results, TaskSampler, _check_range, _counters, _reason
from etude_gym.randomness import Keys, uniform
from etude_gym.tasks.keys import Starts

FINISHES = 0.5
"""Mean score at which a learner finishes from where it starts: the limits stand still."""
MOST_SOLUTIONS = 4.0
"""Limits grow up to so many times the longest solution: three in four episodes are whole tasks then."""


class StartLimits:
    """How many actions are left to the learner, at most: one limit for each band of difficulty.

    A limit moves with the scores of drills that leave more than half of what it allows: up where they are
    above one half, down where they are below. Where all are finished it grows by one action with each of the
    first of them, later by a share of itself: a hundred results of a language model take it somewhere, and a
    hundred thousand of an agent do not shake it. Results that were no drills move nothing.

    Args:
        space: axes and families of the domain.
        step: share of a limit by which a perfect score moves it, once there were 1 / step results.
    """

    def __init__(self, space: DifficultySpace, step: float = 0.01) -> None:
        self._space = space
        self._step = _check_range("step", step, 1e-6, 1.0)
        self._limits = [1.0] * NUM_BANDS
        self._longest = [1.0] * NUM_BANDS
        self._num_results = [0] * NUM_BANDS

    def starts(self, difficulty: Difficulty, family: Families, numbers: Floats) -> Starts:
        """Starts that leave a uniform number of actions, from 1 to the limit.

        Args:
            difficulty: float64 in [0, 1], shape (n, axes).
            family: indices of families, shape (n,).
            numbers: float64 in [0, 1), shape (n,), all randomness of the starts.
        """
        limits = np.array(self._limits)[band_of(self._space, difficulty, family)]
        return Starts(np.zeros(len(numbers)), np.floor(1.0 + numbers * limits))

    def update(self, results: Results) -> None:
        """Move the limits.

        Args:
            results: n episodes, in the order in which they ended.
        """
        if results.starts is None:
            return
        rows = np.isfinite(results.starts.left).nonzero()[0]
        lengths = np.rint(results.starts.left[rows] / (1.0 - results.starts.share[rows]))
        bands = band_of(self._space, results.difficulty[rows], results.family[rows]).tolist()
        columns = (results.starts.left[rows].tolist(), lengths.tolist(), results.scores[rows].tolist())
        for band, left, length, score in zip(bands, *columns, strict=True):
            self._move(band, left, length, score)

    def _move(self, band: int, left: float, length: float, score: float) -> None:
        """One drill, which left so many actions of a solution of some length."""
        limit = self._limits[band]
        self._longest[band] = max(self._longest[band], length)
        if left <= min(limit, length) / 2:
            return
        self._num_results[band] += 1
        step = max(self._step, 1.0 / self._num_results[band])
        limit *= 1.0 + step * (score - FINISHES) / (1.0 - FINISHES)
        self._limits[band] = min(max(limit, 1.0), MOST_SOLUTIONS * self._longest[band])

    def describe(self) -> dict[str, float]:
        """The limits now, for the logs."""
        return {f"actions_left_band_{band}": limit for band, limit in enumerate(self._limits)}

    def state_dict(self) -> dict[str, list[float]]:
        """What moves, as plain lists."""
        return {
            "limits": list(self._limits),
            "longest": list(self._longest),
            "num_results": list(self._num_results),
        }

    def load_state_dict(self, state: dict[str, list[float]]) -> None:
        """Restore what ``state_dict`` returned.

        Args:
            state: of such limits.
        """
        self._limits = [float(limit) for limit in state["limits"]]
        self._longest = [float(length) for length in state["longest"]]
        self._num_results = [int(number) for number in state["num_results"]]


class DrillSampler(TaskSampler):
    """Drills of tasks from the whole space, whose starts move back as the learner finishes from there.

    Families in equal shares, difficulty uniform; how much is left to the learner is uniform up to a limit for
    each band of difficulty, see :class:`StartLimits`. Tasks that are pinned start at their beginning.

    Args:
        space: axes and families of the domain.
        step: see :class:`StartLimits`.
    """

    name = "drill"

    def __init__(self, space: DifficultySpace, *, step: float = 0.01) -> None:
        super().__init__(space)
        self.limits = StartLimits(space, step)
        self._start_counter = _start_counter(space)

    def draw(self, keys: Keys) -> Draw:
        difficulty, family = self._uniform(keys)
        starts = self.limits.starts(difficulty, family, uniform(keys, self._start_counter))
        return Draw(keys, difficulty, family, _reason(keys, DRILL), starts)

    def update(self, results: Results) -> None:
        self.limits.update(results)
        self.version += 1

    def describe(self) -> dict[str, float]:
        return self.limits.describe()

    def state_dict(self) -> dict[str, Any]:
        return self.limits.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._check_state(state)
        self.limits.load_state_dict(state)
        self.version += 1


class BlindDrillSampler(TaskSampler):
    """Drills of tasks from the whole space, started anywhere, blind to results: the control for ``drill``.

    Difficulty and the share of the solution that is played are uniform: what the reference solution gives
    away is not counted as adaptivity.

    Args:
        space: axes and families of the domain.
    """

    name = "drill_blind"
    blind = True

    def __init__(self, space: DifficultySpace) -> None:
        super().__init__(space)
        self._start_counter = _start_counter(space)

    def draw(self, keys: Keys) -> Draw:
        starts = Starts(uniform(keys, self._start_counter), np.full(len(keys), np.inf))
        return Draw(keys, *self._uniform(keys), _reason(keys, DRILL), starts)


def _start_counter(space: DifficultySpace) -> Keys:
    """The counter of the number that chooses a start, behind those of difficulty and family."""
    return _counters(len(space) + 2)[-1:]
