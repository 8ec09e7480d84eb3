"""Practice Efficiency (PE): how much an agent learns per unit of compute, relative to a reference.

``PE = mean A(agent) / mean A(reference)`` where A is the average chance-corrected anchor score up to
the horizon H. It is a ratio of means over cells and seeds, not a mean of ratios: near a low baseline the
mean of ratios runs away. Runs are paired by seed: both arms of a seed answer the same anchor tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etude_gym.errors import check_name
from etude_gym.measure.curves import LearningCurve, area
from etude_gym.measure.intervals import Areas, half_width

MINIMUM_REFERENCE_AREA = 0.05

CellMask = NDArray[np.bool_]


@dataclass(frozen=True)
class PracticeEfficiency:
    """Practice Efficiency with its uncertainty and what it has to be read with.

    Attributes:
        value: ratio of mean areas; None where the reference's area is below 0.05.
        low: lower end of the interval; None where there is none.
        high: upper end of the interval; None where there is none.
        ceiling: 1 / area_reference, the PE of an agent that is perfect from the start; None where the
            value is.
        area_agent: mean area of the agent over seeds and cells.
        area_reference: mean area of the reference over seeds and cells.
        difference: area_agent - area_reference, given in any case.
        difference_low: lower end of its interval; None with fewer than 2 seeds.
        difference_high: upper end of its interval; None with fewer than 2 seeds.
        seeds: number of pairs of runs.
        horizon: compute at which the areas end.
        confidence: coverage that the intervals aim at.
        reason: why the value or the interval is missing; None where nothing is.
    """

    value: float | None
    low: float | None
    high: float | None
    ceiling: float | None
    area_agent: float
    area_reference: float
    difference: float
    difference_low: float | None
    difference_high: float | None
    seeds: int
    horizon: float
    confidence: float
    reason: str | None

    def __str__(self) -> str:
        note = f"; {self.reason}" if self.reason else ""
        if self.value is None or self.ceiling is None:
            return f"PE undefined, difference {self.difference:+.3f} (H = {self.horizon:g}{note})"
        interval = "" if self.low is None or self.high is None else f" [{self.low:.2f}, {self.high:.2f}]"
        return f"PE {self.value:.2f}{interval} (H = {self.horizon:g}, ceiling {self.ceiling:.2f}{note})"


def practice_efficiency(
    agent: Sequence[LearningCurve],
    reference: Sequence[LearningCurve],
    horizon: float,
    *,
    cells: CellMask | None = None,
    scale: str = "linear",
    confidence: float = 0.95,
) -> PracticeEfficiency:
    """Practice Efficiency of an agent against a reference.

    The interval is Student's t on the logarithms of the paired ratios of areas, centered on the point
    estimate. Where every seed has its own anchor tasks it holds the uncertainty from items as well as
    from seeds.

    Args:
        agent: one curve for each seed.
        reference: as many curves, paired with the agent's by position, of the same cells.
        horizon: compute at which the areas end, in the unit of the curves.
        cells: boolean mask of shape (cells,) of the cells that count; all by default.
        scale: "linear" or "log", see ``etude_gym.measure.curves.area_weights``.
        confidence: coverage of the intervals, in (0, 1).

    Returns:
        The value with its interval, or the reason why there is none.

    Raises:
        ValueError: for curves that cannot be paired, an incomplete run or a bad argument.
    """
    _check_pairs(agent, reference)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence!r}.")
    mask = _check_mask(cells, len(agent[0].cells))
    ours = _areas(agent, horizon, scale, mask)
    theirs = _areas(reference, horizon, scale, mask)
    area_agent, area_reference = float(ours.mean()), float(theirs.mean())
    half = float(half_width(ours - theirs, confidence)) if len(agent) > 1 else None
    difference = area_agent - area_reference
    defined = area_reference >= MINIMUM_REFERENCE_AREA
    value = area_agent / area_reference if defined else None
    reason = _missing(ours, theirs)
    low, high = (None, None) if value is None or reason else _log_interval(value, ours, theirs, confidence)
    return PracticeEfficiency(
        value=value,
        low=low,
        high=high,
        ceiling=1 / area_reference if defined else None,
        area_agent=area_agent,
        area_reference=area_reference,
        difference=difference,
        difference_low=None if half is None else difference - half,
        difference_high=None if half is None else difference + half,
        seeds=len(agent),
        horizon=horizon,
        confidence=confidence,
        reason=reason,
    )


def breakdown(
    agent: Sequence[LearningCurve],
    reference: Sequence[LearningCurve],
    horizon: float,
    by: str = "band",
    *,
    scale: str = "linear",
    confidence: float = 0.95,
) -> dict[str | int, PracticeEfficiency]:
    """Practice Efficiency of every band or of every family.

    Args:
        agent: one curve for each seed.
        reference: as many curves, paired by position.
        horizon: compute at which the areas end.
        by: "band" or "family".
        scale: "linear" or "log".
        confidence: coverage of the intervals.

    Returns:
        PE by band number (ascending) or by name of family (in the order of the cells).

    Raises:
        ValueError: as ``practice_efficiency`` does, or for another ``by``.
    """
    check_name("breakdown", by, ("band", "family"))
    _check_pairs(agent, reference)
    labels: list[str | int] = [band if by == "band" else family for family, band in agent[0].cells]
    keys: list[str | int] = list(dict.fromkeys(labels))
    if by == "band":
        keys.sort(key=int)
    return {
        key: practice_efficiency(
            agent,
            reference,
            horizon,
            cells=np.array([label == key for label in labels]),
            scale=scale,
            confidence=confidence,
        )
        for key in keys
    }


def _check_pairs(agent: Sequence[LearningCurve], reference: Sequence[LearningCurve]) -> None:
    """Raise unless the curves can be paired by position and were scored alike."""
    if len(agent) != len(reference) or not agent:
        raise ValueError(
            f"Curves are paired by seed: give as many of the agent ({len(agent)}) as of the reference "
            f"({len(reference)}), at least one of each."
        )
    cells = agent[0].cells
    for curve in (*agent, *reference):
        if curve.cells != cells:
            raise ValueError(f"All curves must have the same cells, got {curve.cells} beside {cells}.")
    for seed, (mine, its) in enumerate(zip(agent, reference, strict=True)):
        if not np.allclose(mine.chance, its.chance, rtol=0, atol=1e-9):
            raise ValueError(f"Pair {seed} was corrected for different chance levels; use one for both arms.")


def _check_mask(cells: CellMask | None, count: int) -> CellMask:
    mask = np.ones(count, dtype=np.bool_) if cells is None else np.asarray(cells)
    if mask.shape != (count,) or mask.dtype != np.bool_ or not mask.any():
        raise ValueError(f"cells must be a boolean mask of shape ({count},) that keeps some, got {cells!r}.")
    return mask


def _areas(curves: Sequence[LearningCurve], horizon: float, scale: str, mask: CellMask) -> Areas:
    """Mean area over the cells of the mask, one for each curve."""
    return np.array(
        [area(curve.compute, curve.corrected[:, mask], horizon, scale).mean() for curve in curves]
    )


def _missing(ours: Areas, theirs: Areas) -> str | None:
    """Why PE or its interval is missing."""
    if theirs.mean() < MINIMUM_REFERENCE_AREA:
        return f"undefined: the reference's area {theirs.mean():.3f} is below {MINIMUM_REFERENCE_AREA}"
    if len(ours) < 2:
        return "no interval: it takes at least 2 seeds"
    if np.any(ours <= 0) or np.any(theirs <= 0):
        return "no interval: the area of some seed is not positive"
    return None


def _log_interval(value: float, ours: Areas, theirs: Areas, confidence: float) -> tuple[float, float]:
    """Student's t interval on the paired log ratios of areas, centered on the ratio of means."""
    factor = float(np.exp(half_width(np.log(ours / theirs), confidence)))
    return value / factor, value * factor
