"""Placement: where a learner stands on the calibrated scale of a family, and which task tells most of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.curve import DifficultyCurve
from etude_gym.difficulty.space import Difficulty

Floats = NDArray[np.float64]

BEYOND = 10.0
"""Logits below the easiest and above the hardest task that an ability is looked for."""
GRID_STEP = 0.05
VAGUE = 3.0
"""Standard deviation of the prior, in those of the panel's abilities: whoever is placed may be unlike it."""
NEAR_BEST = 0.9
"""Tasks this near to the most informative one are all as good: one of them is drawn (randomesque exposure
control, Kingsbury and Zara 1989, Applied Measurement in Education 2)."""
CERTAIN = 1e-6
"""How near to 0 and 1 expected scores may come."""


class Placement:
    """The ability of one learner in one family, given what it has answered so far.

    Args:
        curve: of the family.
    """

    def __init__(self, curve: DifficultyCurve) -> None:
        self.curve = curve
        self.asked = 0
        axes = len(curve.coefficients)
        easiest, hardest = curve.logits(np.array([[0.0] * axes, [1.0] * axes])).tolist()
        self._grid = np.arange(easiest - BEYOND, hardest + BEYOND, GRID_STEP)
        self._log_density = -0.5 * (self._grid / (VAGUE * curve.ability_deviation)) ** 2

    @property
    def _density(self) -> Floats:
        density = np.exp(self._log_density - self._log_density.max())
        return np.asarray(density / density.sum())

    @property
    def ability(self) -> float:
        """Expected ability, in logits; at tasks of that difficulty the score is midway to the ceiling."""
        return float(self._density @ self._grid)

    @property
    def standard_error(self) -> float:
        """Standard deviation of the ability, in logits."""
        return float(np.sqrt(self._density @ (self._grid - self.ability) ** 2))

    @property
    def interval(self) -> tuple[float, float]:
        """The central 95% of the ability."""
        cumulative = np.cumsum(self._density)
        low, high = np.searchsorted(cumulative, [0.025, 0.975])
        return float(self._grid[low]), float(self._grid[min(high, len(self._grid) - 1)])

    def update(self, difficulty: Difficulty, scores: Floats) -> None:
        """Take in answers.

        Args:
            difficulty: float64 in [0, 1], shape (n, axes).
            scores: float64 in [0, 1], shape (n,).

        Raises:
            ValueError: for a score outside [0, 1].
        """
        scores = np.asarray(scores, dtype=np.float64)
        if not ((scores >= 0.0) & (scores <= 1.0)).all():
            raise ValueError("Scores must lie in [0, 1]. Leave out tasks that were not graded.")
        mu = self.curve.expected(self._grid[:, None], self.curve.logits(difficulty))
        mu = np.clip(mu, CERTAIN, 1.0 - CERTAIN)
        self._log_density += np.log(mu) @ scores + np.log1p(-mu) @ (1.0 - scores)
        self.asked += len(scores)

    def information(self, difficulty: Difficulty) -> Floats:
        """Fisher information that an answer to each task is expected to give, over what ability may be.

        Args:
            difficulty: float64 in [0, 1], shape (n, axes).

        Returns:
            float64 of shape (n,), in 1 / squared logits.
        """
        logits = self.curve.logits(difficulty)
        density = self._density
        likely = density > 1e-4 * density.max()
        mu = self.curve.expected(self._grid[likely, None], logits)
        mu = np.clip(mu, CERTAIN, 1.0 - CERTAIN)
        height = self.curve.ceiling - self.curve.floor
        p = np.clip((mu - self.curve.floor) / height, CERTAIN, 1.0 - CERTAIN)
        slope = height * p * (1.0 - p)
        expected: Floats = density[likely] @ (slope**2 / (mu * (1.0 - mu)))
        return expected

    def choose(self, candidates: Difficulty, random: np.random.Generator) -> Difficulty:
        """The next task: one of those that tell nearly the most.

        Args:
            candidates: float64 in [0, 1], shape (n, axes).
            random: which of them.

        Returns:
            float64 of shape (axes,).
        """
        information = self.information(candidates)
        best = np.flatnonzero(information >= NEAR_BEST * information.max())
        chosen: Difficulty = candidates[best[random.integers(len(best))]]
        return chosen


def place(
    curve: DifficultyCurve,
    answer: Callable[[Difficulty], float],
    *,
    standard_error: float = 0.25,
    most: int = 1000,
    candidates: int = 64,
    adaptive: bool = True,
    seed: int = 0,
) -> Placement:
    """Ask a learner tasks of a family until it is placed.

    Args:
        curve: of the family.
        answer: what plays a task of a difficulty, float64 (axes,), and returns its score.
        standard_error: of the ability, in logits, at which to stop.
        most: tasks at most.
        candidates: difficulties that each task is chosen from.
        adaptive: whether to choose; otherwise tasks come from the whole space.
        seed: of candidates and choices.
    """
    random, axes = np.random.default_rng(seed), len(curve.coefficients)
    placement = Placement(curve)
    while placement.asked < most and placement.standard_error > standard_error:
        # Half of the candidates all along the diagonal: uniform ones are nearly all of middling difficulty.
        tasks = random.random((candidates, axes))
        if adaptive:
            level = random.random((candidates // 2, 1))
            reach = np.minimum(level, 1.0 - level)
            tasks[: candidates // 2] = level + reach * (2.0 * tasks[: candidates // 2] - 1.0)
        task = placement.choose(tasks, random) if adaptive else tasks[0]
        placement.update(task[None], np.array([answer(task)]))
    return placement
