"""Placement: where a learner stands on the calibrated scale of a family, and which task tells most of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.curve import DifficultyCurve, even_points
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
STANDARD_ERROR = 0.25
"""Of an ability, in logits, at which a learner counts as placed."""
CLEARLY = 1.0
"""Logits between the end of the scale and the interval of an ability that is off it."""
CANDIDATES = 64
"""Difficulties that a task is chosen from."""
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
        self._easiest, self._hardest = float(easiest), float(hardest)
        self._grid = np.arange(easiest - BEYOND, hardest + BEYOND, GRID_STEP)
        self._log_density = -0.5 * (self._grid / (VAGUE * curve.ability_deviation)) ** 2
        self._density = _normalized(self._log_density)

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
        self._density = _normalized(self._log_density)
        self.asked += len(scores)

    @property
    def easier(self) -> float:
        """Share of the family's tasks that are easier than the ability, in [0, 1]."""
        return share_easier(self.curve, self.ability)

    @property
    def off_scale(self) -> bool:
        """Whether the ability is clearly beyond all tasks: more of them would tell next to nothing."""
        low, high = self.interval
        return high < self._easiest - CLEARLY or low > self._hardest + CLEARLY

    def information(self, difficulty: Difficulty, parts: int = 1) -> Floats:
        """Fisher information that an answer to each task is expected to give, over what ability may be.

        Args:
            difficulty: float64 in [0, 1], shape (n, axes).
            parts: from the lowest to the highest, equally likely, that the ability is split into.

        Returns:
            float64 of shape (parts, n), in 1 / squared logits.
        """
        density = self._density
        likely = density > 1e-4 * density.max()
        above = np.cumsum(density[likely])[:, None] / density[likely].sum() * parts
        below = above - density[likely, None] / density[likely].sum() * parts
        part = np.arange(parts)
        weights = np.maximum(np.minimum(above, part + 1) - np.maximum(below, part), 0.0)
        mu = self.curve.expected(self._grid[likely, None], self.curve.logits(difficulty))
        mu = np.clip(mu, CERTAIN, 1.0 - CERTAIN)
        height = self.curve.ceiling - self.curve.floor
        p = np.clip((mu - self.curve.floor) / height, CERTAIN, 1.0 - CERTAIN)
        slope = height * p * (1.0 - p)
        return np.asarray(weights.T @ (slope**2 / (mu * (1.0 - mu))))

    def choose(
        self, candidates: Difficulty, random: np.random.Generator, number: int = 1
    ) -> NDArray[np.int64]:
        """The next tasks: of those that tell nearly the most, one for each part of what the ability may be.

        Args:
            candidates: float64 in [0, 1], shape (n, axes), at least as many as tasks.
            random: which of them.
            number: of tasks; several are answered before any of the answers is known.

        Returns:
            int64 of shape (number,), which of the candidates, each once at most.
        """
        chosen: list[int] = []
        for information in self.information(candidates, number):
            information[chosen] = -1.0
            best = np.flatnonzero(information >= NEAR_BEST * information.max())
            chosen.append(int(best[random.integers(len(best))]))
        return np.array(chosen, dtype=np.int64)


def _normalized(log_density: Floats) -> Floats:
    density = np.exp(log_density - log_density.max())
    return np.asarray(density / density.sum())


def share_easier(curve: DifficultyCurve, ability: float) -> float:
    """Share of a family's tasks, drawn uniformly from its space, that are easier than an ability.

    Args:
        curve: of the family.
        ability: in logits.
    """
    return float((curve.logits(even_points(len(curve.coefficients))) < ability).mean())


def level_candidates(number: int, axes: int, random: np.random.Generator) -> Difficulty:
    """Difficulties to choose from, of which some are as easy and as hard as any.

    Half of them lie all along the diagonal: uniform ones are nearly all of middling difficulty.

    Args:
        number: of them.
        axes: number of axes.
        random: where they come from.

    Returns:
        float64 in [0, 1], shape (number, axes).
    """
    tasks = random.random((number, axes))
    level = random.random((number // 2, 1))
    reach = np.minimum(level, 1.0 - level)
    tasks[: number // 2] = level + reach * (2.0 * tasks[: number // 2] - 1.0)
    return tasks


def place(
    curve: DifficultyCurve,
    answer: Callable[[Difficulty], float],
    *,
    standard_error: float = STANDARD_ERROR,
    most: int = 1000,
    draw: Callable[[np.random.Generator], Difficulty] | None = None,
    adaptive: bool = True,
    seed: int = 0,
) -> Placement:
    """Ask a learner tasks of a family until it is placed.

    Args:
        curve: of the family.
        answer: what plays a task of a difficulty, float64 (axes,), and returns its score.
        standard_error: of the ability, in logits, at which to stop.
        most: tasks at most.
        draw: the difficulties that a task is chosen from, float64 (n, axes); by default those of
            ``level_candidates``, or one from the whole space where nothing is chosen.
        adaptive: whether to choose; otherwise the first is taken.
        seed: of candidates and choices.
    """
    random, axes = np.random.default_rng(seed), len(curve.coefficients)
    placement = Placement(curve)
    while placement.asked < most and placement.standard_error > standard_error:
        if draw is not None:
            tasks = draw(random)
        else:
            tasks = level_candidates(CANDIDATES, axes, random) if adaptive else random.random((1, axes))
        task = tasks[placement.choose(tasks, random)[0] if adaptive else 0]
        placement.update(task[None], np.array([answer(task)]))
    return placement
