"""How far along each axis a limit of difficulty reaches: one value on all, or the same cost in logits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.space import Difficulty, DifficultySpace
from etude_gym.practice.learner_model import Families, Floats

_POINTS = np.linspace(0.0, 1.0, 129)


class AxisScale:
    """Turns one limit for all axes of a family into values of each axis, and back.

    Without a calibration a limit is the highest value of every axis. With one it is what an axis may cost,
    1 being what the costliest axis of the family costs at its highest value: axes that cost little are open
    before those that cost much, and each opens at the pace of its curve.

    Args:
        space: axes and families of the domain.
        calibrated: whether to use its calibration, if it has one.
    """

    def __init__(self, space: DifficultySpace, calibrated: bool) -> None:
        self._axes = len(space)
        self._costs: list[NDArray[np.float64]] | None = None
        if calibrated and space.calibration is not None:
            self._costs = []
            for curve in space.calibration.curves:
                costs = curve.parts(np.repeat(_POINTS[:, None], len(space), axis=1)).T
                self._costs.append(costs / max(float(costs.max()), 1e-9))

    def corner(self, family: int, limit: float) -> Floats:
        """The highest value of each axis at a limit.

        Args:
            family: its index.
            limit: in [0, 1].

        Returns:
            float64 of shape (axes,).
        """
        if self._costs is None:
            return np.full(self._axes, limit)
        values = [
            1.0 if costs[-1] <= limit else float(np.interp(limit, costs, _POINTS))
            for costs in self._costs[family]
        ]
        return np.array(values)

    def hardest(self, difficulty: Difficulty, family: Families) -> Floats:
        """The limit at which tasks come within reach: the largest over their axes.

        Args:
            difficulty: float64 in [0, 1], shape (n, axes).
            family: indices of families, shape (n,).

        Returns:
            float64 of shape (n,), in [0, 1].
        """
        if self._costs is None:
            hardest: Floats = difficulty.max(axis=1)
            return hardest
        reach = np.zeros(len(difficulty))
        for index in np.unique(family).tolist():
            rows = np.flatnonzero(family == index)
            for axis, costs in enumerate(self._costs[index]):
                reach[rows] = np.maximum(reach[rows], np.interp(difficulty[rows, axis], _POINTS, costs))
        return reach
