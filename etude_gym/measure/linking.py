"""Links between two versions of a suite: tasks that did not change put both on one scale of ability.

Policies that were frozen answer both versions, beside those of each version. In each, the two-parameter
logistic model ``P = sigmoid(a (theta - b))`` (Birnbaum 1968) is fitted to mean scores on items: cells of a
family and a band, or narrower ones. The scales of the two fits differ by a line,
``theta_old = scale * theta_new + shift``, which the items of unchanged families give away:

- mean-sigma (Marco 1977): the line that takes mean and deviation of their difficulties to each other;
- Stocking-Lord: the line that makes their test characteristic curves agree best (Stocking and Lord 1983).

Both are described in Kolen and Brennan, "Test Equating, Scaling, and Linking" (2014), chapter 6.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize
from scipy.special import expit, logsumexp

from etude_gym.errors import check_name

METHODS = ("stocking_lord", "mean_sigma")
LARGEST_STANDARD_ERROR = 0.1
"""Of a link in logits; above it results of both versions are not comparable."""
NODES = np.linspace(-5.0, 5.0, 401)
"""Abilities at which integrals over the standard normal distribution are taken: as fine as an ability is
known from some thousand tasks."""
LOG_WEIGHTS = -(NODES**2) / 2 - logsumexp(-(NODES**2) / 2)
FEW, FEW_WEIGHTS = NODES[::20], np.exp(LOG_WEIGHTS[::20])
"""Of them, those at which test characteristic curves are compared."""
RESAMPLES = 200
"""Of a bootstrap."""
LEAST_ITEMS = 5
"""Unchanged items of a link, at least."""
BOUNDS = ((-3.0, 3.0), (-30.0, 30.0))
"""Of the logarithm of a slope, and of an intercept."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Items:
    """Items on the scale of one fit, whose abilities have mean 0 and standard deviation 1.

    Attributes:
        discrimination: slope of each item, shape (items,).
        difficulty: ability at which half of the score is earned, shape (items,).
        log_likelihood: of the fit.
    """

    discrimination: Floats
    difficulty: Floats
    log_likelihood: float = float("nan")

    def curve(self, ability: ArrayLike) -> Floats:
        """Expected sum of the scores at some abilities: the test characteristic curve.

        Args:
            ability: of any shape (n,).
        """
        distance = np.asarray(ability, dtype=np.float64)[:, None] - self.difficulty
        return np.asarray(expit(self.discrimination * distance).sum(axis=1))

    def subset(self, rows: ArrayLike) -> Items:
        """Some of the items.

        Args:
            rows: their numbers, or which of them.
        """
        chosen = np.asarray(rows)
        return Items(self.discrimination[chosen], self.difficulty[chosen])

    def on(self, scale: float, shift: float) -> Items:
        """The same items on another scale of ability.

        Args:
            scale: of ability.
            shift: of ability, in logits of the other scale.
        """
        return Items(self.discrimination / scale, scale * self.difficulty + shift)


@dataclass(frozen=True)
class Link:
    """A line from the scale of the later version to that of the earlier one.

    Attributes:
        scale: ``theta_old = scale * theta_new + shift``.
        shift: of ability, in logits.
        standard_error: of the shift, in logits, from a bootstrap of the unchanged items.
        method: one of ``METHODS``.
    """

    scale: float
    shift: float
    standard_error: float
    method: str

    @property
    def comparable(self) -> bool:
        """Whether results of both versions may be compared; if not, run the earlier ones again."""
        return self.standard_error <= LARGEST_STANDARD_ERROR


def fit_items(scores: ArrayLike, tasks: int = 1) -> Items:
    """Fit the two-parameter logistic model by marginal maximum likelihood (Bock and Aitkin 1981).

    Scores between 0 and 1 count as so many successes (Papke and Wooldridge 1996).

    Args:
        scores: mean scores in [0, 1], shape (policies, items); NaN where there is none.
        tasks: that each of them is the mean of.

    Returns:
        The items, on a scale on which the policies' abilities are standard normal.

    Raises:
        ValueError: for other scores, or items that every policy answers alike.
    """
    table = np.asarray(scores, dtype=np.float64)
    _check_scores(table)
    if tasks < 1:
        raise ValueError(f"tasks must be at least 1, got {tasks}.")
    known = ~np.isnan(table)
    successes, trials = np.where(known, table, 0.0) * tasks, known * float(tasks)
    mean = np.nanmean(table, axis=0)
    start = np.concatenate([np.zeros(table.shape[1]), np.log(mean / (1 - mean))])
    bounds = [bound for bound in BOUNDS for _ in range(table.shape[1])]
    result = optimize.minimize(
        _negative_likelihood, start, (successes, trials), jac=True, method="L-BFGS-B", bounds=bounds
    )
    log_slope, intercept = np.split(result.x, 2)
    slope = np.exp(log_slope)
    return Items(slope, -intercept / slope, -float(result.fun))


def _negative_likelihood(parameters: Floats, successes: Floats, trials: Floats) -> tuple[float, Floats]:
    """Marginal likelihood of slopes (as logarithms) and intercepts, and its gradient."""
    log_slope, intercept = np.split(parameters, 2)
    slope = np.exp(log_slope)
    logits = np.outer(NODES, slope) + intercept
    success, failure = -np.logaddexp(0, -logits), -np.logaddexp(0, logits)
    by_node = successes @ success.T + (trials - successes) @ failure.T + LOG_WEIGHTS
    total = logsumexp(by_node, axis=1)
    posterior = np.exp(by_node - total[:, None])
    # Of the logit of an item at a node, summed over policies with their posterior weights.
    gradient = posterior.T @ successes - (posterior.T @ trials) * expit(logits)
    slopes = (gradient * NODES[:, None]).sum(axis=0) * slope
    return -float(total.sum()), -np.concatenate([slopes, gradient.sum(axis=0)])


def mean_sigma(old: Items, new: Items) -> tuple[float, float]:
    """The line that takes mean and standard deviation of difficulties to each other (Marco 1977).

    Args:
        old: unchanged items on the scale of the earlier version.
        new: the same ones on that of the later version.

    Returns:
        Scale and shift.
    """
    scale = float(old.difficulty.std() / new.difficulty.std())
    return scale, float(old.difficulty.mean() - scale * new.difficulty.mean())


def stocking_lord(old: Items, new: Items) -> tuple[float, float]:
    """The line that makes test characteristic curves agree best (Stocking and Lord 1983, equation 9).

    Args:
        old: unchanged items on the scale of the earlier version.
        new: the same ones on that of the later version.

    Returns:
        Scale and shift.
    """
    target = old.curve(FEW)

    def loss(line: Floats) -> float:
        return float(FEW_WEIGHTS @ (target - new.on(float(np.exp(line[0])), float(line[1])).curve(FEW)) ** 2)

    scale, shift = mean_sigma(old, new)
    best = optimize.minimize(loss, [np.log(scale), shift], method="BFGS")
    return float(np.exp(best.x[0])), float(best.x[1])


def link(old: Items, new: Items, method: str = "stocking_lord", seed: int = 0) -> Link:
    """Link two versions by the items that did not change.

    The standard error is that of drawing other unchanged items: it grows with what is not known of each of
    them, and with how much each has changed after all (compare Haberman, Lee and Qian 2009).

    Args:
        old: unchanged items as fitted to the earlier version; see ``Items.subset``.
        new: the same ones as fitted to the later version, in the same order.
        method: one of ``METHODS``.
        seed: of the bootstrap.

    Returns:
        The line, with its standard error.

    Raises:
        ValueError: for different numbers of items, fewer than 5, or an unknown method.
    """
    check_name("method of linking", method, METHODS)
    count = len(old.difficulty)
    if len(new.difficulty) != count or count < LEAST_ITEMS:
        raise ValueError(
            f"Linking takes at least {LEAST_ITEMS} unchanged items, the same ones of both versions, got "
            f"{count} and {len(new.difficulty)}."
        )
    line = stocking_lord if method == "stocking_lord" else mean_sigma
    random = np.random.default_rng(seed)
    draws = [random.integers(count, size=count) for _ in range(RESAMPLES)]
    shifts = [line(old.subset(rows), new.subset(rows))[1] for rows in draws if len(set(rows.tolist())) > 1]
    return Link(*line(old, new), float(np.std(shifts, ddof=1)), method)


def _check_scores(table: Floats) -> None:
    if table.ndim != 2 or table.shape[0] < 2 or table.shape[1] < 3:
        raise ValueError(f"scores need shape (policies, items), at least 2 and 3, got {table.shape}.")
    counted = table[~np.isnan(table)]
    if not np.all((counted >= 0) & (counted <= 1)):
        raise ValueError("scores must be numbers in [0, 1], or NaN where there is none.")
    mean = np.nanmean(table, axis=0)
    if alike := np.flatnonzero((mean <= 0) | (mean >= 1)).tolist():
        raise ValueError(
            f"Items {alike} are answered alike by every policy: they say nothing. Leave them out."
        )
