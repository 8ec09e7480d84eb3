"""Gains: how far practice has raised the anchor score of every cell above the untrained learner's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from etude_gym.measure.curves import Cell, LearningCurve
from etude_gym.measure.intervals import half_width


@dataclass(frozen=True)
class Gain:
    """What practice has done to the score of one cell, chance-corrected.

    Attributes:
        cell: family and band.
        first: mean score over seeds before practice.
        final: mean score over seeds at the end.
        gain: the difference.
        half_width: half the width of the t interval of their difference over seeds; None with one seed.
    """

    cell: Cell
    first: float
    final: float
    gain: float
    half_width: float | None


def gains(curves: Sequence[LearningCurve], confidence: float = 0.95) -> tuple[Gain, ...]:
    """The gain of every cell.

    Args:
        curves: one for each seed, with the same cells.
        confidence: of the interval, Student's t on the differences of the seeds.
    """
    first = np.array([curve.corrected[0] for curve in curves])
    final = np.array([curve.corrected[-1] for curve in curves])
    return tuple(
        Gain(
            cell,
            float(first[:, i].mean()),
            float(final[:, i].mean()),
            float(final[:, i].mean() - first[:, i].mean()),
            float(half_width(final[:, i] - first[:, i], confidence)) if len(curves) > 1 else None,
        )
        for i, cell in enumerate(curves[0].cells)
    )
