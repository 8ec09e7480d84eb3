"""The answers of several runs at one checkpoint as one sample, and its bootstrap over runs and tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.bands import Cells
from etude_gym.difficulty.space import Difficulty, DifficultySpace
from etude_gym.measure.ability_curve import AbilityCurve
from etude_gym.measure.answers import Answers
from etude_gym.practice.learner_model import Floats


@dataclass(frozen=True, eq=False)
class AnswerSample:
    """The answers that count, one row for each of n, run after run.

    Attributes:
        chance: mean score of the random agent in each cell, shape (cells,).
        difficulty: shape (n, axes).
        scores: raw, shape (n,).
        family: indices, shape (n,).
        cell: indices, shape (n,).
        strata: the rows of each cell of each run: a list of arrays for each run.
    """

    chance: Floats
    difficulty: Difficulty
    scores: Floats
    family: NDArray[np.int64]
    cell: NDArray[np.int64]
    strata: tuple[tuple[NDArray[np.int64], ...], ...]

    @classmethod
    def of(
        cls, space: DifficultySpace, cells: Cells, chance: Sequence[float], runs: Sequence[Answers]
    ) -> AnswerSample:
        """Join the answers of runs.

        Args:
            space: axes and families of the domain.
            cells: of the anchor design.
            chance: mean score of the random agent in each cell.
            runs: answers of each run at one checkpoint.
        """
        counted = [run.counted for run in runs]
        run = np.repeat(np.arange(len(runs)), [int(keep.sum()) for keep in counted])
        difficulty, scores, family, band = (
            np.concatenate([getattr(run, name)[keep] for run, keep in zip(runs, counted, strict=True)])
            for name in ("difficulties", "scores", "families", "bands")
        )
        cell = np.empty(len(scores), dtype=np.int64)
        for i, (name, number) in enumerate(cells):
            cell[(family == space.families.index(name)) & (band == number)] = i
        strata = tuple(
            tuple(np.flatnonzero((run == i) & (cell == j)) for j in range(len(cells)))
            for i in range(len(runs))
        )
        levels = np.asarray(chance, dtype=np.float64)
        return cls(levels, difficulty, np.clip(scores, 0.0, 1.0), family, cell, strata)

    def fit(self, weights: Floats, start: Sequence[AbilityCurve] = ()) -> list[AbilityCurve]:
        """The model of each family.

        Args:
            weights: how often each answer counts, shape (n,).
            start: models from which to search; none for the beginning.
        """
        fitted = []
        for family in range(int(self.family.max()) + 1):
            rows = (self.family == family) & (weights > 0)
            columns = (self.difficulty[rows], self.scores[rows], self.chance[self.cell[rows]], weights[rows])
            fitted.append(AbilityCurve.fit(*columns, start=start[family] if start else None))
        return fitted

    def cell_means(self, weights: Floats) -> Floats:
        """Chance-corrected mean score of each cell, shape (cells,).

        Args:
            weights: how often each answer counts, shape (n,).
        """
        totals, counts = (
            np.bincount(self.cell, values, minlength=len(self.chance))
            for values in (weights * self.scores, weights)
        )
        return np.asarray((totals / counts - self.chance) / (1.0 - self.chance))

    def resampled(self, generator: np.random.Generator) -> Floats:
        """Weights of a resample: runs are drawn, and then tasks within each cell of each run drawn.

        Args:
            generator: of random numbers.
        """
        runs = len(self.strata)
        drawn = [
            rows[generator.integers(len(rows), size=len(rows))]
            for run in generator.integers(runs, size=runs)
            for rows in self.strata[run]
        ]
        return np.bincount(np.concatenate(drawn), minlength=len(self.scores)).astype(np.float64)
