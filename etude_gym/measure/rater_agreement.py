"""How far people agree who rate the same things, and how many of them it takes.

Ratings are a table of items by raters in which any cells may be missing: panels overlap, they are seldom
complete.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

RESAMPLES = 1000
"""Of a bootstrap interval."""
CONFIDENCE = 0.95
MOST_LEVELS = 100
"""Different values that ordinal ratings may have."""


@dataclass(frozen=True)
class Interval:
    """A figure with its 95% bootstrap interval.

    Attributes:
        value: NaN where the figure is not defined.
        low: lower end.
        high: upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Variances:
    """What ratings vary by, in squared units of the scale.

    Attributes:
        items: the items themselves.
        noise: the rest, of a single rating: how strict its rater is, and error.
    """

    items: float
    noise: float


@dataclass(frozen=True)
class RaterAgreement:
    """How far some raters agree.

    Attributes:
        items: how many items have a rating.
        raters: how many raters gave one.
        ratings: how many ratings there are.
        raters_per_item: harmonic mean of the number of raters of an item: the k of ``mean_of_raters``.
        one_rater: ICC(2,1), how reliable one rating is.
        mean_of_raters: ICC(2,k), how reliable the mean rating of an item is.
        alpha: Krippendorff's alpha of ordinal ratings.
    """

    items: int
    raters: int
    ratings: int
    raters_per_item: float
    one_rater: Interval
    mean_of_raters: Interval
    alpha: Interval


def rater_agreement(
    ratings: ArrayLike, clusters: Sequence[Hashable] | None = None, seed: int = 0
) -> RaterAgreement:
    """Agreement of raters with 95% percentile intervals over resampled items (Efron 1979).

    The intervals say how far these raters would agree on other items; they do not speak of other raters.

    Args:
        ratings: shape (items, raters), NaN where there is none.
        clusters: what the items depend on each other by, such as their authors, one for each item: whole
            clusters are resampled. None resamples items.
        seed: of the resampling.

    Raises:
        ValueError: unless there are two raters, two items and an item that both rated; if there are more than
            ``MOST_LEVELS`` different ratings; or if ``clusters`` has another length than ``ratings``.
    """
    table, rows = _checked(ratings)
    weights = np.vstack([np.ones(len(table)), _resampled(len(np.asarray(ratings)), clusters, seed)[:, rows]])
    components = _variance_components(table, weights)
    counts = (~np.isnan(table)).sum(axis=1)
    per_item = float(len(counts) / (1 / counts).sum())
    return RaterAgreement(
        items=len(table),
        raters=table.shape[1],
        ratings=int(counts.sum()),
        raters_per_item=per_item,
        one_rater=as_interval(_reliability(components, 1)),
        mean_of_raters=as_interval(_reliability(components, per_item)),
        alpha=as_interval(_ordinal_alpha(table, weights)),
    )


def variances(ratings: ArrayLike) -> Variances:
    """What ratings vary by, in the two-way random-effects model.

    Args:
        ratings: shape (items, raters), NaN where there is none.

    Raises:
        ValueError: as ``rater_agreement`` does.
    """
    table, _ = _checked(ratings)
    items, noise = _variance_components(table, np.ones((1, len(table))))
    return Variances(float(items[0]), float(noise[0]))


def intraclass_correlation(ratings: ArrayLike, raters: float) -> float:
    """ICC(2,k): how reliable the mean of k raters is, in absolute agreement (Shrout and Fleiss 1979).

    McGraw and Wong (1996) call it ICC(A,k). Raters and items are both samples of more.

    Args:
        ratings: shape (items, raters), NaN where there is none.
        raters: k; 1 gives ICC(2,1).

    Returns:
        At most 1, NaN if nothing varies. Small samples may give values below 0.

    Raises:
        ValueError: as ``rater_agreement`` does.
    """
    table, _ = _checked(ratings)
    return float(_reliability(_variance_components(table, np.ones((1, len(table)))), raters)[0])


def ordinal_alpha(ratings: ArrayLike) -> float:
    """Krippendorff's alpha of ordinal ratings (2011, "Computing Krippendorff's alpha-reliability").

    Args:
        ratings: shape (items, raters), NaN where there is none.

    Returns:
        At most 1; 0 is chance. NaN if all ratings are the same.

    Raises:
        ValueError: as ``rater_agreement`` does.
    """
    table, _ = _checked(ratings)
    return float(_ordinal_alpha(table, np.ones((1, len(table))))[0])


def raters_needed(one_rater: float, target: float) -> int | None:
    """Raters whose mean is as reliable as wanted (Spearman 1910, Brown 1910).

    Args:
        one_rater: reliability of one rating, ICC(2,1).
        target: reliability that the mean shall have, in (0, 1).

    Returns:
        At least 1; None where one rating tells nothing, so that no number suffices.

    Raises:
        ValueError: unless the target lies in (0, 1).
    """
    if not 0 < target < 1:
        raise ValueError(f"A reliability to be reached lies between 0 and 1, got {target!r}.")
    if not one_rater > 0:
        return None
    if one_rater >= 1:
        return 1
    needed = target * (1 - one_rater) / (one_rater * (1 - target))
    return max(1, math.ceil(needed - 1e-9))


def one_against_the_rest(ratings: ArrayLike) -> float:
    """Correlation of one rater with the mean of the others, averaged over raters.

    Args:
        ratings: shape (items, raters), NaN where there is none.

    Returns:
        In [-1, 1]; NaN if no rater shares three items that vary with others.

    Raises:
        ValueError: as ``rater_agreement`` does.
    """
    table, _ = _checked(ratings)
    given = ~np.isnan(table)
    values = np.where(given, table, 0.0)
    correlations = []
    for rater in range(table.shape[1]):
        others = given.sum(axis=1) - given[:, rater]
        shared = given[:, rater] & (others > 0)
        if shared.sum() >= 3:
            rest = (values.sum(axis=1) - values[:, rater])[shared] / others[shared]
            correlations.append(correlation(values[shared, rater], rest))
    defined = [value for value in correlations if not math.isnan(value)]
    return float(np.mean(defined)) if defined else math.nan


def correlation(first: ArrayLike, second: ArrayLike) -> float:
    """Pearson's correlation.

    Args:
        first: shape (n,).
        second: shape (n,).

    Returns:
        In [-1, 1]; NaN where one of them does not vary or n is below 2.
    """
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return math.nan
    return float(np.corrcoef(x, y)[0, 1])


def as_interval(values: Array) -> Interval:
    """A figure and its percentile interval.

    Args:
        values: the figure, then the same of every resample, shape (1 + resamples,).
    """
    defined = values[1:][~np.isnan(values[1:])]
    if not len(defined) or np.isnan(values[0]):
        return Interval(float(values[0]), math.nan, math.nan)
    low, high = np.quantile(defined, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(values[0]), float(low), float(high))


def bootstrap_weights(clusters: Sequence[Hashable], seed: int = 0) -> Array:
    """How often each item stands in each resample of whole clusters.

    Args:
        clusters: the cluster of each item.
        seed: of the resampling.

    Returns:
        float64 of shape (``RESAMPLES``, items).
    """
    place = {cluster: index for index, cluster in enumerate(dict.fromkeys(clusters))}
    cluster_of = np.array([place[cluster] for cluster in clusters], dtype=np.int64)
    drawn = np.random.default_rng(seed).multinomial(
        len(place), np.full(len(place), 1 / len(place)), RESAMPLES
    )
    return np.asarray(drawn[:, cluster_of], dtype=np.float64)


def _checked(ratings: ArrayLike) -> tuple[Array, NDArray[np.int64]]:
    """The table without empty rows and columns, and the rows that are left."""
    table = np.asarray(ratings, dtype=np.float64)
    if table.ndim != 2 or np.isinf(table).any():
        raise ValueError(
            "Ratings are a table of items by raters that holds numbers, and NaN where there is none."
        )
    rows = np.flatnonzero(~np.isnan(table).all(axis=1))
    table = table[rows][:, ~np.isnan(table).all(axis=0)]
    if len(table) < 2 or (~np.isnan(table)).sum(axis=1).max() < 2:
        raise ValueError("Agreement needs at least two raters, two items, and an item that both rated.")
    return table, rows


def _resampled(count: int, clusters: Sequence[Hashable] | None, seed: int) -> Array:
    if clusters is not None and len(clusters) != count:
        raise ValueError(f"clusters need one entry for each of {count} items, got {len(clusters)}.")
    return bootstrap_weights(range(count) if clusters is None else clusters, seed)


def _variance_components(table: Array, weights: Array) -> tuple[Array, Array]:
    """Variances of items, and of noise (raters and error), in the two-way random-effects model.

    Two raters covary by the variance of the items that both rated. Half the squared difference of two ratings
    that share neither item nor rater is, in expectation, the sum of all variances (Koch 1968, "Some further
    remarks concerning 'A general approach to the estimation of variance components'"). On complete tables
    this is the analysis of variance of Shrout and Fleiss (1979). With missing cells, it does not matter which
    raters meet on an item. ``weights`` says how often an item stands in a sample; copies of it are not
    compared.
    """
    given = ~np.isnan(table)
    values = np.where(given, table - np.nanmean(table), 0.0)
    items = _mean_covariance(values, given, weights)
    given = given.astype(np.float64)
    # Sum of squared differences over all pairs: n * sum of squares - square of the sum.
    number = given.sum(axis=1)
    squares = number * (values**2).sum(axis=1) - values.sum(axis=1) ** 2
    numbers, sums, sums_of_squares = weights @ given, weights @ values, weights @ values**2
    copies = weights**2 @ given
    by_rater = (numbers * sums_of_squares - sums**2).sum(axis=1)
    by_rater_pairs = (numbers**2 - copies).sum(axis=1)
    everything = numbers.sum(axis=1) * sums_of_squares.sum(axis=1) - sums.sum(axis=1) ** 2
    all_pairs = numbers.sum(axis=1) ** 2 - copies.sum(axis=1)
    neither = everything - by_rater - weights**2 @ squares
    pairs = all_pairs - by_rater_pairs - weights**2 @ (number * (number - 1))
    return items, _ratio(neither, pairs) - items


def _mean_covariance(values: Array, given: NDArray[np.bool_], weights: Array) -> Array:
    """Covariance of two raters over the items they share, averaged by their number, shape (samples,)."""
    total, items = np.zeros(len(weights)), np.zeros(len(weights))
    for first, second in itertools.combinations(range(values.shape[1]), 2):
        shared = given[:, first] & given[:, second]
        if shared.sum() < 2:
            continue
        x, y, drawn = values[shared, first], values[shared, second], weights[:, shared]
        number = drawn.sum(axis=1)
        pairs = number**2 - (drawn**2).sum(axis=1)
        covariance = _ratio(number * (drawn @ (x * y)) - (drawn @ x) * (drawn @ y), pairs)
        total += np.where(pairs > 0, number * covariance, 0.0)
        items += np.where(pairs > 0, number, 0.0)
    return _ratio(total, items)


def _ratio(total: Array, count: Array) -> Array:
    """Means; NaN where there is nothing to average."""
    return np.where(count > 0, total / np.where(count > 0, count, 1), math.nan)


def _reliability(components: tuple[Array, Array], raters: float) -> Array:
    items, noise = components
    total = items + noise / raters
    return np.where(total > 0, items / np.where(total > 0, total, 1), math.nan)


def _ordinal_alpha(table: Array, weights: Array) -> Array:
    """Alpha of every sample, shape (samples,); items with one rating say nothing."""
    levels, codes = np.unique(table[~np.isnan(table)], return_inverse=True)
    if len(levels) > MOST_LEVELS:
        raise ValueError(f"Ordinal ratings have at most {MOST_LEVELS} different values, got {len(levels)}.")
    counts = np.zeros((len(table), len(levels)))
    np.add.at(counts, (np.nonzero(~np.isnan(table))[0], codes), 1)
    number = counts.sum(axis=1)
    counts, number, weights = counts[number > 1], number[number > 1], weights[:, number > 1]
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(len(levels))
    coincidences = np.tensordot(weights, pairs / (number - 1)[:, None, None], axes=1)
    totals = coincidences.sum(axis=2)
    below = totals.cumsum(axis=1) - totals / 2
    distance = (below[:, :, None] - below[:, None, :]) ** 2
    observed = (coincidences * distance).sum(axis=(1, 2))
    expected: Any = (totals[:, :, None] * totals[:, None, :] * distance).sum(axis=(1, 2))
    scale = totals.sum(axis=1) - 1
    return np.where(expected > 0, 1 - scale * observed / np.where(expected > 0, expected, 1), math.nan)
