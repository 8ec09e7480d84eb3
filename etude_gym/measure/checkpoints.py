"""The checkpoint grid, at which a run is scored, and the learning curve of a run in progress."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from etude_gym.measure.curves import Cell, CurvePoint, LearningCurve, _check_horizon, area, check_complete
from etude_gym.measure.practice_efficiency import MINIMUM_REFERENCE_AREA

GRID_HALVINGS = 7


def checkpoint_grid(horizon: float) -> list[float]:
    """Compute at which anchors are scored: 0, then the horizon halved 7 to 0 times.

    Args:
        horizon: compute at which the comparison ends, in any unit.

    Returns:
        Nine increasing numbers in the unit of ``horizon``.

    Raises:
        ValueError: for a horizon that is not a positive number.
    """
    _check_horizon(horizon)
    return [0.0] + [horizon * 2.0**-k for k in range(GRID_HALVINGS, -1, -1)]


def even_grid(horizon: float, evaluations: int) -> list[float]:
    """Compute at which anchors are scored where a curve is to be read between any two points.

    Args:
        horizon: compute at which the run ends, in any unit.
        evaluations: number of steps from 0 to the horizon, at least 1.

    Returns:
        Increasing numbers in the unit of ``horizon``, from 0.

    Raises:
        ValueError: for a horizon that is not a positive number, or no evaluations.
    """
    _check_horizon(horizon)
    if evaluations < 1:
        raise ValueError(f"evaluations must be at least 1, got {evaluations}.")
    return [horizon * place / evaluations for place in range(evaluations + 1)]


class PracticeEfficiencyTracker:
    """The learning curve of a run in progress, and its Practice Efficiency so far.

    Args:
        horizon: compute at which the run ends.
        reference: curves of the reference, one for each seed, or None.
        cells: family and band of every cell.
        chance: mean score of the random agent in every cell, shape (cells,).
        evaluations: number of evaluations after the first, evenly spaced; None for the checkpoint grid.

    Raises:
        ValueError: for a bad horizon, or a reference that is incomplete or has other cells.
    """

    def __init__(
        self,
        horizon: float,
        reference: Sequence[LearningCurve] | None = None,
        *,
        cells: Sequence[Cell],
        chance: ArrayLike,
        evaluations: int | None = None,
    ) -> None:
        self.horizon = horizon
        self.cells = tuple(cells)
        self.chance = np.asarray(chance, dtype=np.float64)
        self.reference = tuple(reference or ())
        self._grid = checkpoint_grid(horizon) if evaluations is None else even_grid(horizon, evaluations)
        self._points: list[CurvePoint] = []
        for curve in self.reference:
            check_complete(curve.compute, horizon)
            if curve.cells != self.cells:
                raise ValueError(f"The reference has cells {curve.cells}, the run has {self.cells}.")

    @property
    def next_checkpoint(self) -> float | None:
        """Compute of the next checkpoint; None after the last."""
        place = self.index(self._points[-1].compute) + 1 if self._points else 0
        return self._grid[place] if place < len(self._grid) else None

    def due(self, compute: float) -> bool:
        """Whether the next checkpoint has been reached.

        Args:
            compute: cumulative training compute, in the unit of the horizon.
        """
        return self.next_checkpoint is not None and compute >= self.next_checkpoint

    def index(self, compute: float) -> int:
        """Place in the grid of the latest checkpoint that ``compute`` has reached.

        An update that leaps over several checkpoints is evaluated once, at the latest of them.

        Args:
            compute: cumulative training compute, in the unit of the horizon.

        Returns:
            0 (before any training) to 8 (the horizon), on the checkpoint grid.
        """
        return int(np.searchsorted(self._grid, compute, side="right")) - 1

    def record(self, point: CurvePoint) -> None:
        """Add a checkpoint.

        Args:
            point: the scores of the checkpoint; its compute must exceed that of the last one.

        Raises:
            ValueError: if it does not fit the curve so far; the curve is left as it was.
        """
        LearningCurve.from_points([*self._points, point], self.cells, self.chance)
        self._points.append(point)

    @property
    def curve(self) -> LearningCurve:
        """The curve so far.

        Raises:
            ValueError: before the first checkpoint.
        """
        return LearningCurve.from_points(self._points, self.cells, self.chance)

    def value(self) -> float | None:
        """PE so far: areas up to the current compute instead of the horizon.

        Returns:
            The ratio; None without a reference, before anything was learned from, or where the
            reference's area up to here is below 0.05.
        """
        if not self.reference or not self._points or self._points[-1].compute <= 0:
            return None
        curve = self.curve
        here = min(float(curve.compute[-1]), self.horizon)
        theirs = float(np.mean([area(each.compute, each.mean, here) for each in self.reference]))
        if theirs < MINIMUM_REFERENCE_AREA:
            return None
        return float(area(curve.compute, curve.mean, here)) / theirs
