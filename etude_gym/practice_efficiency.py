"""Practice Efficiency (PE): how much an agent learns per unit of compute, relative to a reference.

``PE = mean A(agent) / mean A(reference)`` where A is the average chance-corrected anchor score up to
the horizon H. It is a ratio of means over cells and seeds, not a mean of ratios: near a low baseline the
mean of ratios runs away. Runs are paired by seed: both arms of a seed answer the same anchor tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from etude_gym.curves import (
    Cell,
    CurvePoint,
    LearningCurve,
    area,
    area_weights,
    check_complete,
    checkpoint_grid,
)
from etude_gym.errors import check_name

MINIMUM_REFERENCE_AREA = 0.05
MILESTONE_FRACTIONS = (0.25, 0.5, 0.75)

CellMask = NDArray[np.bool_]
Areas = NDArray[np.float64]


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
        scale: "linear" or "log", see ``etude_gym.curves.area_weights``.
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
    half = half_width(ours - theirs, confidence) if len(agent) > 1 else None
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


@dataclass(frozen=True)
class ItemInterval:
    """The part of the uncertainty of PE that comes from the finite sample of anchor tasks.

    Attributes:
        low: lower percentile of PE over resampled items; None where PE is undefined.
        high: upper percentile; None where PE is undefined.
        log_standard_error: standard deviation of log PE over resamples; None where PE is undefined or
            some resample is not positive.
        resamples: number of resamples.
        reason: why a number is missing; None where nothing is.
    """

    low: float | None
    high: float | None
    log_standard_error: float | None
    resamples: int
    reason: str | None


def item_interval(
    agent: Sequence[LearningCurve],
    reference: Sequence[LearningCurve],
    horizon: float,
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> ItemInterval:
    """Bootstrap of the items within each cell, with the seeds held fixed (Efron 1979, percentile).

    Both arms of a seed are given the same resampled items at the same checkpoint of the grid, because
    they answered the same anchor tasks. Compare it with the interval of ``practice_efficiency`` to see
    whether more anchors or more seeds would help.

    Args:
        agent: one curve for each seed.
        reference: as many curves, paired by position, with as many items in a cell.
        horizon: compute at which the areas end.
        resamples: number of resamples, at least 2.
        seed: of the resampling.
        confidence: coverage of the percentile interval, in (0, 1).

    Raises:
        ValueError: as ``practice_efficiency`` does, or if the arms have different numbers of items.
    """
    if resamples < 2:
        raise ValueError(f"resamples must be at least 2, got {resamples!r}.")
    estimate = practice_efficiency(agent, reference, horizon, confidence=confidence)
    if estimate.value is None:
        return ItemInterval(None, None, None, resamples, estimate.reason)
    ours, theirs = np.zeros(resamples), np.zeros(resamples)
    generator = np.random.default_rng(seed)
    for mine, its in zip(agent, reference, strict=True):
        pair = _resampled_areas(mine, its, horizon, resamples, generator)
        ours += pair[0] / len(agent)
        theirs += pair[1] / len(agent)
    if np.any(theirs <= 0):
        return ItemInterval(
            None, None, None, resamples, "an area of the reference is not positive in a resample"
        )
    ratios = ours / theirs
    low, high = np.quantile(ratios, [(1 - confidence) / 2, (1 + confidence) / 2])
    if np.any(ratios <= 0):
        return ItemInterval(float(low), float(high), None, resamples, "PE is not positive in a resample")
    return ItemInterval(float(low), float(high), float(np.log(ratios).std(ddof=1)), resamples, None)


@dataclass(frozen=True)
class Milestone:
    """The compute that both arms took to a share of the reference's final gain.

    Attributes:
        fraction: the share.
        threshold: the chance-corrected mean score it stands for.
        agent: crossing compute for each seed; None where censored at the horizon.
        reference: crossing compute for each seed; None where censored at the horizon.
        agent_median: median with censoring; None when more than half are censored.
        reference_median: median with censoring; None when more than half are censored.
        speedup: 1 - agent_median / reference_median (0.40 reads "40% less compute"); None where a median
            is missing or the reference stands above the threshold from the start.
        agent_censored: number of censored seeds.
        reference_censored: number of censored seeds.
        reason: why there is no milestone at all (the reference gained nothing); None otherwise.
    """

    fraction: float
    threshold: float
    agent: tuple[float | None, ...]
    reference: tuple[float | None, ...]
    agent_median: float | None
    reference_median: float | None
    speedup: float | None
    agent_censored: int
    reference_censored: int
    reason: str | None = None


def milestones(
    agent: Sequence[LearningCurve],
    reference: Sequence[LearningCurve],
    horizon: float,
    fractions: Sequence[float] = MILESTONE_FRACTIONS,
) -> tuple[Milestone, ...]:
    """Compute to reach shares of the reference's final gain, from its mean P(0) to its mean P(H).

    On the checkpoint grid a curve that crosses after H/2 is censored, since only the last checkpoint
    lies above. A reference at 90% of its gain by H is near that limit at the 75% milestone.

    Args:
        agent: one curve for each seed.
        reference: as many curves, paired by position.
        horizon: compute at which crossings are censored.
        fractions: shares of the gain, each in (0, 1].

    Returns:
        One milestone for each fraction.

    Raises:
        ValueError: for curves that cannot be paired, an incomplete run or a fraction outside (0, 1].
    """
    _check_pairs(agent, reference)
    for curve in (*agent, *reference):
        check_complete(curve.compute, horizon)
    if not all(0 < fraction <= 1 for fraction in fractions):
        raise ValueError(f"fractions must lie in (0, 1], got {fractions!r}.")
    start = float(np.mean([curve.mean[0] for curve in reference]))
    final = float(np.mean([np.interp(horizon, curve.compute, curve.mean) for curve in reference]))
    return tuple(_milestone(agent, reference, horizon, share, start, final - start) for share in fractions)


def crossing(compute: ArrayLike, performance: ArrayLike, threshold: float, horizon: float) -> float | None:
    """Compute at which a curve reaches a threshold and stays there for two checkpoints in a row.

    Args:
        compute: strictly increasing, shape (points,).
        performance: shape (points,).
        threshold: in the unit of ``performance``.
        horizon: later crossings are censored.

    Returns:
        Compute interpolated between the checkpoint before and the first of the two, or None: a last
        checkpoint that stands alone above the threshold is no crossing.
    """
    axis, values = np.asarray(compute, dtype=np.float64), np.asarray(performance, dtype=np.float64)
    above = values >= threshold
    starts = np.flatnonzero(above[:-1] & above[1:])
    if not len(starts):
        return None
    first = int(starts[0])
    if first == 0:
        return float(axis[0])
    share = (threshold - values[first - 1]) / (values[first] - values[first - 1])
    reached = float(axis[first - 1] + share * (axis[first] - axis[first - 1]))
    return reached if reached <= horizon else None


class PracticeEfficiencyTracker:
    """The learning curve of a run in progress, and its Practice Efficiency so far.

    Args:
        horizon: compute at which the run ends.
        reference: curves of the reference, one for each seed, or None.
        cells: family and band of every cell.
        chance: mean score of the random agent in every cell, shape (cells,).

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
    ) -> None:
        self.horizon = horizon
        self.cells = tuple(cells)
        self.chance = np.asarray(chance, dtype=np.float64)
        self.reference = tuple(reference or ())
        self._grid = checkpoint_grid(horizon)
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
        """Whether the next checkpoint has been reached."""
        return self.next_checkpoint is not None and compute >= self.next_checkpoint

    def index(self, compute: float) -> int:
        """Place in the grid of the latest checkpoint that ``compute`` has reached.

        An update that leaps over several checkpoints is evaluated once, at the latest of them.
        """
        return int(np.searchsorted(self._grid, compute, side="right")) - 1

    def record(self, point: CurvePoint) -> None:
        """Add a checkpoint.

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


def half_width(values: Areas, confidence: float) -> float:
    """Half the width of Student's t interval for the mean of at least 2 values, one for each seed."""
    count = len(values)
    return float(stdtrit(count - 1, (1 + confidence) / 2) * values.std(ddof=1) / np.sqrt(count))


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


def _item_contributions(curve: LearningCurve, horizon: float) -> NDArray[np.float64]:
    """What every item adds to the curve's area, shape (points, cells, items)."""
    chance = curve.chance[:, None]
    weights = area_weights(curve.compute, horizon)[:, None, None]
    return np.asarray(weights * (curve.scores - chance) / (1 - chance) / curve.scores[0].size)


def _resampled_areas(
    mine: LearningCurve, its: LearningCurve, horizon: float, resamples: int, generator: np.random.Generator
) -> tuple[Areas, Areas]:
    """Areas of a pair of runs over resampled items, two arrays of shape (resamples,)."""
    cells, items = mine.scores.shape[1:]
    if its.scores.shape[2] != items:
        raise ValueError(f"Both arms need as many items in a cell, got {items} and {its.scores.shape[2]}.")
    sums = (np.zeros(resamples), np.zeros(resamples))
    arms = [(curve.index, _item_contributions(curve, horizon)) for curve in (mine, its)]
    rows = np.arange(cells)[:, None]
    for checkpoint in np.union1d(mine.index, its.index):
        picks = generator.integers(items, size=(resamples, cells, items), dtype=np.int32)
        for total, (index, contributions) in zip(sums, arms, strict=True):
            for values in contributions[index == checkpoint]:
                total += values[rows, picks].sum(axis=(1, 2))
    return sums


def _milestone(
    agent: Sequence[LearningCurve],
    reference: Sequence[LearningCurve],
    horizon: float,
    fraction: float,
    start: float,
    gain: float,
) -> Milestone:
    """One milestone, at ``start + fraction * gain``."""
    threshold = start + fraction * gain
    if gain <= 0:
        none = (None,) * len(agent)
        reason = "the reference gained nothing up to the horizon"
        return Milestone(
            fraction, threshold, none, none, None, None, None, len(agent), len(agent), reason=reason
        )
    ours, theirs = (
        tuple(crossing(curve.compute, curve.mean, threshold, horizon) for curve in arm)
        for arm in (agent, reference)
    )
    median, base = _censored_median(ours), _censored_median(theirs)
    return Milestone(
        fraction=fraction,
        threshold=threshold,
        agent=ours,
        reference=theirs,
        agent_median=median,
        reference_median=base,
        speedup=1 - median / base if median is not None and base else None,
        agent_censored=ours.count(None),
        reference_censored=theirs.count(None),
    )


def _censored_median(crossings: Sequence[float | None]) -> float | None:
    """Time by which half have crossed (Kaplan and Meier 1958), None when more than half are censored."""
    ordered = sorted(np.inf if crossed is None else crossed for crossed in crossings)
    median = ordered[(len(ordered) - 1) // 2]
    return None if np.isinf(median) else float(median)
