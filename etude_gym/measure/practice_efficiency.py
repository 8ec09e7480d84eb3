"""Practice Efficiency (PE): how much an agent learns per unit of compute, relative to a reference.

``PE = mean A(agent) / mean A(reference)`` where A is the average chance-corrected anchor score up to
the horizon H. It is a ratio of means over cells and seeds, not a mean of ratios: near a low baseline the
mean of ratios runs away. Runs are paired by seed where both arms of a seed answer the same anchor tasks;
arms of different anchor tasks or seeds are compared unpaired.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etude_gym.errors import check_name
from etude_gym.measure.curves import LearningCurve, area
from etude_gym.measure.intervals import Areas, difference_half_width, half_width

MINIMUM_REFERENCE_AREA = 0.05
CHANCE_TOLERANCE = 1e-9

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
        normalized_gain: difference / (1 - area_reference), the share of what the reference left to be gained
            (Hake 1998), which has no ceiling artefact; None where the reference's area is 1.
        paired: whether each run of the agent was set against one of the reference.
        seeds: number of the agent's runs.
        reference_seeds: number of the reference's.
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
    normalized_gain: float | None
    paired: bool
    seeds: int
    reference_seeds: int
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
    paired: bool = True,
) -> PracticeEfficiency:
    """Practice Efficiency of an agent against a reference.

    The interval is Student's t on the logarithms of the paired ratios of areas, centered on the point
    estimate; unpaired, it is Welch's t (1947) on the logarithms of both arms' areas. Where every seed has
    its own anchor tasks it holds the uncertainty from items as well as from seeds.

    Args:
        agent: one curve for each seed.
        reference: curves of the same cells; if paired, as many, in the order of the agent's.
        horizon: compute at which the areas end, in the unit of the curves.
        cells: boolean mask of shape (cells,) of the cells that count; all by default.
        scale: "linear" or "log", see ``etude_gym.measure.curves.area_weights``.
        confidence: coverage of the intervals, in (0, 1).
        paired: whether curves are paired by position: those of one seed that answered the same anchor tasks.

    Returns:
        The value with its interval, or the reason why there is none.

    Raises:
        ValueError: for curves that cannot be compared, an incomplete run or a bad argument.
    """
    check_curves(agent, reference, paired)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence!r}.")
    mask = _check_mask(cells, len(agent[0].cells))
    ours = _areas(agent, horizon, scale, mask)
    theirs = _areas(reference, horizon, scale, mask)
    area_agent, area_reference = float(ours.mean()), float(theirs.mean())
    half = _difference_half_width(ours, theirs, confidence, paired)
    difference = area_agent - area_reference
    defined = area_reference >= MINIMUM_REFERENCE_AREA
    value = area_agent / area_reference if defined else None
    reason = _missing(ours, theirs)
    factor = None if reason else _difference_half_width(np.log(ours), np.log(theirs), confidence, paired)
    ratio = None if factor is None else float(np.exp(factor))
    return PracticeEfficiency(
        value=value,
        low=None if value is None or ratio is None else value / ratio,
        high=None if value is None or ratio is None else value * ratio,
        ceiling=1 / area_reference if defined else None,
        area_agent=area_agent,
        area_reference=area_reference,
        difference=difference,
        difference_low=None if half is None else difference - half,
        difference_high=None if half is None else difference + half,
        normalized_gain=difference / (1 - area_reference) if area_reference < 1 else None,
        paired=paired,
        seeds=len(agent),
        reference_seeds=len(reference),
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
    paired: bool = True,
) -> dict[str | int, PracticeEfficiency]:
    """Practice Efficiency of every band or of every family.

    Args:
        agent: one curve for each seed.
        reference: curves of the same cells; if paired, as many, in the order of the agent's.
        horizon: compute at which the areas end.
        by: "band" or "family".
        scale: "linear" or "log".
        confidence: coverage of the intervals.
        paired: whether curves are paired by position.

    Returns:
        PE by band number (ascending) or by name of family (in the order of the cells).

    Raises:
        ValueError: as ``practice_efficiency`` does, or for another ``by``.
    """
    check_name("breakdown", by, ("band", "family"))
    check_curves(agent, reference, paired)
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
            paired=paired,
        )
        for key in keys
    }


def check_curves(
    agent: Sequence[LearningCurve], reference: Sequence[LearningCurve], paired: bool = True
) -> None:
    """Raise unless two arms can be compared.

    Args:
        agent: one curve for each seed.
        reference: curves of the reference.
        paired: whether curves are paired by position.

    Raises:
        ValueError: if there are none, their cells differ, or their numbers or chance levels do although
            they are paired.
    """
    if not agent or not reference or (paired and len(agent) != len(reference)):
        counts = f"as many of the agent ({len(agent)}) as of the reference ({len(reference)})"
        raise ValueError(
            f"Curves are paired by seed: give {counts}, at least one of each."
            if paired
            else "Give at least one curve of the agent and one of the reference."
        )
    cells = agent[0].cells
    for curve in (*agent, *reference):
        if curve.cells != cells:
            raise ValueError(f"All curves must have the same cells, got {curve.cells} beside {cells}.")
    for seed, (mine, its) in enumerate(zip(agent, reference, strict=True) if paired else ()):
        if not np.allclose(mine.chance, its.chance, rtol=0, atol=CHANCE_TOLERANCE):
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
    if min(len(ours), len(theirs)) < 2:
        return "no interval, as it takes at least 2 seeds"
    if np.any(ours <= 0) or np.any(theirs <= 0):
        return "no interval, as the area of some seed is not positive"
    return None


def _difference_half_width(ours: Areas, theirs: Areas, confidence: float, paired: bool) -> float | None:
    """Half the width of the t interval of the difference of two means; None with fewer than 2 seeds."""
    if min(len(ours), len(theirs)) < 2:
        return None
    return float(
        half_width(ours - theirs, confidence) if paired else difference_half_width(ours, theirs, confidence)
    )
