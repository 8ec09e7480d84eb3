"""Milestones: compute to shares of the reference's gain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from etude_gym.measure.curves import LearningCurve, check_complete
from etude_gym.measure.intervals import half_width
from etude_gym.measure.practice_efficiency import check_curves

MILESTONE_FRACTIONS = (0.25, 0.5, 0.75)
SMALLEST_GAIN = 1e-9
NORMAL_QUANTILE = 1.96
"""Of a 95% interval over items, where there is no second seed to measure the spread by."""


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
        reason: why there is no milestone at all (the reference's gain may be none); None otherwise.
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
    lies above. A reference at 90% of its gain by H is near that limit at the 75% milestone. Shares of a gain
    that cannot be told from 0 mean nothing: there are no milestones then.

    Args:
        agent: one curve for each seed.
        reference: curves of the same cells.
        horizon: compute at which crossings are censored.
        fractions: shares of the gain, each in (0, 1].

    Returns:
        One milestone for each fraction.

    Raises:
        ValueError: for curves of different cells, an incomplete run or a fraction outside (0, 1].
    """
    check_curves(agent, reference, paired=False)
    for curve in (*agent, *reference):
        check_complete(curve.compute, horizon)
    if not all(0 < fraction <= 1 for fraction in fractions):
        raise ValueError(f"fractions must lie in (0, 1], got {fractions!r}.")
    start = float(np.mean([curve.mean[0] for curve in reference]))
    final = float(np.mean([np.interp(horizon, curve.compute, curve.mean) for curve in reference]))
    reason = no_gain(reference, horizon)
    return tuple(
        _milestone(agent, reference, horizon, share, start + share * (final - start), reason)
        for share in fractions
    )


def no_gain(curves: Sequence[LearningCurve], horizon: float) -> str | None:
    """Why the gain of the reference up to the horizon cannot be told from 0; None if it can.

    By the 95% t interval over seeds, or over items where there is a single seed.

    Args:
        curves: of the reference, one for each seed.
        horizon: compute at which the gain ends.
    """
    gains = np.array([np.interp(horizon, each.compute, each.mean) - each.mean[0] for each in curves])
    gain = float(gains.mean())
    if gain <= SMALLEST_GAIN:
        return "the reference gained nothing up to the horizon"
    single = len(curves) == 1
    half = NORMAL_QUANTILE * _item_error(curves[0]) if single else float(half_width(gains))
    if gain > half:
        return None
    over = "items" if single else f"{len(curves)} seeds"
    return f"the reference's gain of {gain:.3f} ± {half:.3f} (95% interval over {over}) may be none"


def _item_error(curve: LearningCurve) -> float:
    """Standard error over items of what a curve gained from its first to its last checkpoint."""
    ends = curve.scores[[0, -1]] / (1 - curve.chance[:, None])
    cells, items = ends.shape[1:]
    return float(np.sqrt(ends.var(axis=-1, ddof=min(1, items - 1)).sum() / items) / cells)


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


def _milestone(
    agent: Sequence[LearningCurve],
    reference: Sequence[LearningCurve],
    horizon: float,
    fraction: float,
    threshold: float,
    reason: str | None,
) -> Milestone:
    """One milestone; an empty one if there is a reason why there is none."""
    if reason is not None:
        none, nobody = (None,) * len(agent), (None,) * len(reference)
        return Milestone(
            fraction, threshold, none, nobody, None, None, None, len(agent), len(reference), reason=reason
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
