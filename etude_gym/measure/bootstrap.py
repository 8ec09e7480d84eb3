"""The part of the uncertainty that comes from the finite sample of anchor tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etude_gym.measure.curves import LearningCurve, area_weights
from etude_gym.measure.practice_efficiency import practice_efficiency


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
    paired: bool = True,
) -> ItemInterval:
    """Bootstrap of the items within each cell, with the seeds held fixed (Efron 1979, percentile).

    If paired, both arms of a seed are given the same resampled items at the same checkpoint of the grid,
    because they answered the same anchor tasks. Compare it with the interval of ``practice_efficiency`` to
    see whether more anchors or more seeds would help.

    Args:
        agent: one curve for each seed.
        reference: curves of the same cells; if paired, as many, in the order of the agent's, with as many
            items in a cell.
        horizon: compute at which the areas end.
        resamples: number of resamples, at least 2.
        seed: of the resampling.
        confidence: coverage of the percentile interval, in (0, 1).
        paired: whether curves are paired by position.

    Raises:
        ValueError: as ``practice_efficiency`` does, or if paired curves have different numbers of items.
    """
    if resamples < 2:
        raise ValueError(f"resamples must be at least 2, got {resamples!r}.")
    estimate = practice_efficiency(agent, reference, horizon, confidence=confidence, paired=paired)
    if estimate.value is None:
        return ItemInterval(None, None, None, resamples, estimate.reason)
    generator = np.random.default_rng(seed)
    if paired:
        pairs = [
            _resampled_areas(pair, horizon, resamples, generator)
            for pair in zip(agent, reference, strict=True)
        ]
        ours, theirs = np.mean(pairs, axis=0)
    else:
        ours, theirs = (
            np.mean([_resampled_areas([curve], horizon, resamples, generator)[0] for curve in arm], axis=0)
            for arm in (agent, reference)
        )
    if np.any(theirs <= 0):
        return ItemInterval(
            None, None, None, resamples, "an area of the reference is not positive in a resample"
        )
    ratios = ours / theirs
    low, high = np.quantile(ratios, [(1 - confidence) / 2, (1 + confidence) / 2])
    if np.any(ratios <= 0):
        return ItemInterval(float(low), float(high), None, resamples, "PE is not positive in a resample")
    return ItemInterval(float(low), float(high), float(np.log(ratios).std(ddof=1)), resamples, None)


def _item_contributions(curve: LearningCurve, horizon: float) -> NDArray[np.float64]:
    """What every item adds to the curve's area, shape (points, cells, items)."""
    chance = curve.chance[:, None]
    weights = area_weights(curve.compute, horizon)[:, None, None]
    return np.asarray(weights * (curve.scores - chance) / (1 - chance) / curve.scores[0].size)


def _resampled_areas(
    curves: Sequence[LearningCurve], horizon: float, resamples: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Areas of curves that share their anchor tasks over resampled items, shape (curves, resamples)."""
    cells, items = curves[0].scores.shape[1:]
    if any(curve.scores.shape[2] != items for curve in curves):
        counts = " and ".join(str(curve.scores.shape[2]) for curve in curves)
        raise ValueError(f"Paired curves need as many items in a cell, got {counts}.")
    sums = np.zeros((len(curves), resamples))
    added = [(curve.index, _item_contributions(curve, horizon)) for curve in curves]
    rows = np.arange(cells)[:, None]
    for checkpoint in np.unique(np.concatenate([curve.index for curve in curves])):
        picks = generator.integers(items, size=(resamples, cells, items), dtype=np.int32)
        for total, (index, contributions) in zip(sums, added, strict=True):
            for values in contributions[index == checkpoint]:
                total += values[rows, picks].sum(axis=(1, 2))
    return sums
