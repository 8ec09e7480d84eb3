"""What an automated score is worth in people's ratings: fitted to a panel, tested on what was left out."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from etude_gym.measure.rater_agreement import (
    Interval,
    as_interval,
    bootstrap_weights,
    variances,
)

Array = NDArray[np.float64]

LOWEST, HIGHEST = 1, 5
"""The scale of ratings: whole numbers."""
ISOTONIC_FROM = 200
"""Ratings of full weight from which on the curve may bend; fewer carry a straight line."""
LINKED_FROM = 20
"""Items rated by experts and by novices that linking their scales takes."""
FOLDS = 5
"""Parts of the objects, and of the authors, that are left out in turn."""


@dataclass(frozen=True)
class Curve:
    """A nondecreasing curve from automated scores to ratings: straight between its points, level beyond.

    Attributes:
        kind: "linear" or "isotonic".
        scores: automated scores of its points, increasing.
        ratings: expected ratings there.
    """

    kind: Literal["linear", "isotonic"]
    scores: tuple[float, ...]
    ratings: tuple[float, ...]

    def predict(self, scores: ArrayLike) -> Array:
        """Expected ratings, on the scale of the panel.

        Args:
            scores: automated scores of any shape.

        Returns:
            float64 of that shape, from ``LOWEST`` to ``HIGHEST``.
        """
        ratings = np.interp(np.asarray(scores, dtype=np.float64), self.scores, self.ratings)
        return np.asarray(np.clip(ratings, LOWEST, HIGHEST))


@dataclass(frozen=True)
class Link:
    """How novices' ratings are read on the experts' scale: slope * rating + intercept.

    Attributes:
        slope: ratio of the standard deviations of the items themselves, without error of measurement.
        intercept: rating points.
        weight: of a novice's rating where an expert's has weight 1: how precise it is on the experts' scale.
        items: how many items both rated.
    """

    slope: float
    intercept: float
    weight: float
    items: int


@dataclass(frozen=True)
class HeldOut:
    """How well a curve predicts mean ratings of objects and authors that it was not fitted to.

    Attributes:
        by: what was left out: "prompt", "author", or both.
        items: how many items were predicted.
        correlation: of predicted and mean ratings, with an interval over resampled authors (items without
            any).
        error: root mean squared difference, in rating points.
        error_of_the_mean: the same if every item is predicted by the mean of the others.
    """

    by: tuple[str, ...]
    items: int
    correlation: Interval
    error: float
    error_of_the_mean: float


def fit_curve(scores: ArrayLike, ratings: ArrayLike, weights: ArrayLike) -> Curve:
    """Least squares: a straight line below ``ISOTONIC_FROM`` ratings, a monotone curve from there on.

    A line that would fall is level instead: a score that people contradict predicts the mean. The monotone
    curve is isotonic regression (Barlow et al. 1972).

    Args:
        scores: automated scores, shape (items,).
        ratings: mean ratings, shape (items,).
        weights: ratings behind each mean, shape (items,); less precise ratings may count for less than 1.

    Raises:
        ValueError: unless there are two items with different scores.
    """
    x, y, w = (np.asarray(values, dtype=np.float64) for values in (scores, ratings, weights))
    if len(np.unique(x)) < 2:
        raise ValueError("A calibration needs at least two rated items whose automated scores differ.")
    if w.sum() < ISOTONIC_FROM:
        center, level = np.average(x, weights=w), np.average(y, weights=w)
        slope = max(0.0, float(w @ ((x - center) * (y - level)) / (w @ (x - center) ** 2)))
        ends = np.array([x.min(), x.max()])
        return Curve("linear", tuple(ends.tolist()), tuple((level + slope * (ends - center)).tolist()))
    from scipy.optimize import isotonic_regression

    points, place = np.unique(x, return_inverse=True)
    weight = np.bincount(place, w)
    fitted = isotonic_regression(np.bincount(place, w * y) / weight, weights=weight).x
    # A level stretch needs its two ends only.
    bends = np.ones(len(points), dtype=bool)
    bends[1:-1] = (fitted[1:-1] != fitted[:-2]) | (fitted[1:-1] != fitted[2:])
    return Curve("isotonic", tuple(points[bends].tolist()), tuple(fitted[bends].tolist()))


def link_novices(experts: ArrayLike, novices: ArrayLike) -> Link | None:
    """Put novices on the experts' scale by the items that both rated.

    Means and standard deviations of the items' true values are made equal (linear linking, Kolen and Brennan
    2014, chapter 4). The standard deviations are those of variance components: the scatter of single ratings,
    which differs between groups, stays out.

    Args:
        experts: shape (items, experts), NaN where there is no rating.
        novices: shape (items, novices).

    Returns:
        None if fewer than ``LINKED_FROM`` items were rated by both. Slope and weight are 1 where they cannot
        be told, as in a group of one rater: then only the level is linked.
    """
    theirs, ours = np.asarray(experts, dtype=np.float64), np.asarray(novices, dtype=np.float64)
    both = ~np.isnan(theirs).all(axis=1) & ~np.isnan(ours).all(axis=1)
    if both.sum() < LINKED_FROM:
        return None
    theirs, ours = theirs[both], ours[both]
    slope, weight = 1.0, 1.0
    try:
        expert, novice = variances(theirs), variances(ours)
    except ValueError:
        pass
    else:
        if expert.items > 0 and novice.items > 0:
            slope = math.sqrt(expert.items / novice.items)
        if expert.noise > 0 and novice.noise > 0:
            weight = min(1.0, expert.noise / (slope**2 * novice.noise))
    level = float(np.nanmean(theirs, axis=1).mean() - slope * np.nanmean(ours, axis=1).mean())
    return Link(slope, level, weight, int(both.sum()))


def held_out_agreement(
    scores: ArrayLike,
    ratings: ArrayLike,
    weights: ArrayLike,
    prompts: Sequence[Hashable],
    authors: Sequence[Hashable] | None,
    seed: int = 0,
) -> HeldOut | None:
    """Agreement on objects and authors that the curve has not seen.

    Objects and authors are dealt into ``FOLDS`` parts each; an item is predicted by the curve fitted to the
    items that share neither part with it. Where there is one object or one author only, it cannot be left
    out.

    Args:
        scores: automated scores, shape (items,).
        ratings: mean ratings, shape (items,).
        weights: ratings behind each mean, shape (items,).
        prompts: the object or problem of each item.
        authors: who made each item; None if that is not known.
        seed: of the dealing and the resampling.

    Returns:
        None if neither objects nor authors can be left out, or too little is left to fit a curve.
    """
    x, y, w = (np.asarray(values, dtype=np.float64) for values in (scores, ratings, weights))
    parts = {
        name: _dealt(groups, seed)
        for name, groups in (("prompt", prompts), ("author", authors))
        if groups is not None and len(set(groups)) > 1
    }
    if not parts:
        return None
    predicted, baseline = np.full(len(x), math.nan), np.full(len(x), math.nan)
    for test, rest in _left_out(list(parts.values())):
        if len(np.unique(x[rest])) < 2:
            return None
        predicted[test] = fit_curve(x[rest], y[rest], w[rest]).predict(x[test])
        baseline[test] = np.average(y[rest], weights=w[rest])
    drawn = bootstrap_weights(range(len(x)) if authors is None else authors, seed)
    values = _weighted_correlation(predicted, y, np.vstack([np.ones(len(x)), drawn]))
    return HeldOut(
        by=tuple(parts),
        items=len(x),
        correlation=as_interval(values),
        error=float(np.sqrt(np.mean((predicted - y) ** 2))),
        error_of_the_mean=float(np.sqrt(np.mean((baseline - y) ** 2))),
    )


def _dealt(groups: Sequence[Hashable], seed: int) -> NDArray[np.int64]:
    """The part of each item: whole groups, dealt at random."""
    names = list(dict.fromkeys(groups))
    order = np.random.default_rng(seed).permutation(len(names))
    part = dict(zip(names, (order % FOLDS).tolist(), strict=True))
    return np.array([part[group] for group in groups], dtype=np.int64)


def _left_out(parts: Sequence[NDArray[np.int64]]) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Items to predict, and those that share no part with them."""
    for combination in np.unique(np.stack(parts, axis=1), axis=0):
        same = [part == value for part, value in zip(parts, combination, strict=True)]
        yield np.logical_and.reduce(same), ~np.logical_or.reduce(same)


def _weighted_correlation(first: Array, second: Array, weights: Array) -> Array:
    """Pearson's correlation in every sample, shape (samples,)."""
    total = weights.sum(axis=1, keepdims=True)
    x = first - weights @ first[:, None] / total
    y = second - weights @ second[:, None] / total
    covariance = (weights * x * y).sum(axis=1)
    scale = np.sqrt((weights * x**2).sum(axis=1) * (weights * y**2).sum(axis=1))
    return np.where(scale > 0, covariance / np.where(scale > 0, scale, 1), math.nan)
