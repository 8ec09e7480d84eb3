"""Item response models for a table of answers, persons by items, by marginal maximum likelihood.

The expected score of person p on item i is

    mu = floor + (ceiling - floor) sigmoid(slope[i] ability[p] + easiness[i]),   ability ~ N(0, 1).

One slope for all items gives Rasch's model (Rasch 1960), whose slope is the spread of abilities; one for
each the two-parameter model (Birnbaum 1968). Easiness may be a linear function of properties of the items:
the linear logistic test model (Fischer 1973, Acta Psychologica 37). Abilities are integrated out over a
fixed grid (Bock and Aitkin 1981, Psychometrika 46); graded scores enter by quasi-likelihood (Papke and
Wooldridge 1996).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NODES = np.linspace(-6.0, 6.0, 61)
_WEIGHTS = np.exp(-0.5 * NODES**2)
WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
CERTAIN = 1e-9
"""How near to 0 and 1 expected scores may come."""


@dataclass(frozen=True, eq=False)
class ItemFit:
    """An item response model fitted to a table of answers.

    Attributes:
        slopes: float64 (items,), logits for each standard deviation of ability.
        easiness: float64 (items,), logit of a person of average ability.
        errors: float64 (items,), standard errors of easiness where each item has its own, with abilities
            taken as known once the answers are.
        weights: float64, coefficients of the properties of items; easiness where there are none.
        log_likelihood: marginal, of the whole table.
        abilities: float64 (persons,), expected a posteriori, in standard deviations.
    """

    slopes: Floats
    easiness: Floats
    errors: Floats
    weights: Floats
    log_likelihood: float
    abilities: Floats

    @property
    def deviance(self) -> float:
        """Minus twice the log-likelihood."""
        return -2.0 * self.log_likelihood

    @property
    def difficulty(self) -> Floats:
        """Ability, in standard deviations, at which the logit is 0: float64 (items,)."""
        return -self.easiness / self.slopes


class _Model:
    """The negative log-likelihood of a table and its gradient, as functions of a vector of parameters."""

    def __init__(
        self, answers: Floats, properties: Floats, one_slope: bool, floor: float, ceiling: float
    ) -> None:
        self.seen = (~np.isnan(answers)).astype(np.float64)
        self.answers = np.where(np.isnan(answers), 0.0, answers)
        self.properties, self.floor, self.ceiling = properties, floor, ceiling
        self.slopes_index = np.zeros(answers.shape[1], dtype=np.int64)
        if not one_slope:
            self.slopes_index = np.arange(answers.shape[1])
        self.num_slopes = int(self.slopes_index.max()) + 1

    def parts(self, parameters: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Slopes, easiness, and expected scores with their derivatives by the logit, (nodes, items)."""
        slopes = np.exp(parameters[: self.num_slopes])[self.slopes_index]
        easiness = self.properties @ parameters[self.num_slopes :]
        p = 0.5 + 0.5 * np.tanh(0.5 * (NODES[:, None] * slopes + easiness))
        mu = np.clip(self.floor + (self.ceiling - self.floor) * p, CERTAIN, 1.0 - CERTAIN)
        return slopes, easiness, mu, (self.ceiling - self.floor) * p * (1.0 - p)

    def posterior(self, mu: Floats) -> tuple[Floats, Floats]:
        """Log-likelihood of each person, and the distribution of each ability over the nodes."""
        joint = self.answers @ np.log(mu).T + (self.seen - self.answers) @ np.log1p(-mu).T + np.log(WEIGHTS)
        largest = joint.max(axis=1, keepdims=True)
        likelihood = np.exp(joint - largest)
        total = likelihood.sum(axis=1, keepdims=True)
        return largest[:, 0] + np.log(total[:, 0]), likelihood / total

    def __call__(self, parameters: Floats) -> tuple[float, Floats]:
        slopes, _, mu, derivative = self.parts(parameters)
        persons, posterior = self.posterior(mu)
        expected, counts = posterior.T @ self.answers, posterior.T @ self.seen
        residual = (expected - counts * mu) * derivative / (mu * (1.0 - mu))
        by_slope = np.bincount(self.slopes_index, (residual.T @ NODES) * slopes, self.num_slopes)
        gradient = np.concatenate([by_slope, self.properties.T @ residual.sum(axis=0)])
        return -float(persons.sum()), -gradient


def fit_items(
    answers: Floats,
    *,
    properties: Floats | None = None,
    one_slope: bool = True,
    floor: float = 0.0,
    ceiling: float = 1.0,
) -> ItemFit:
    """Fit an item response model to a table of answers.

    Args:
        answers: scores in [0, 1], shape (persons, items); NaN where a person was not asked.
        properties: of the items, shape (items, properties), of full rank, whose weighted sum is easiness; by
            default every item has an easiness of its own.
        one_slope: whether all items have the same slope.
        floor: expected score of those who know nothing.
        ceiling: expected score of those who know everything.

    Raises:
        ValueError: for answers outside [0, 1], an item that nobody answered, or properties of another shape.
    """
    from scipy.optimize import minimize

    answers = np.asarray(answers, dtype=np.float64)
    if answers.ndim != 2 or np.isnan(answers).all(axis=0).any():
        raise ValueError("answers must be a table (persons, items) in which every item has an answer.")
    if np.nanmin(answers) < 0.0 or np.nanmax(answers) > 1.0:
        raise ValueError("Answers are scores in [0, 1], NaN where a person was not asked.")
    own = properties is None
    table = np.eye(answers.shape[1]) if properties is None else np.asarray(properties, dtype=np.float64)
    if len(table) != answers.shape[1]:
        raise ValueError(f"properties must have a row for each of the {answers.shape[1]} items.")
    model = _Model(answers, table, one_slope, floor, ceiling)
    shares = np.clip(np.nanmean(answers, axis=0), 0.02, 0.98)
    first = np.linalg.lstsq(table, np.log(shares / (1.0 - shares)), rcond=None)[0]
    start = np.concatenate([np.zeros(model.num_slopes), first])
    limits = [(-4.0, 3.0)] * model.num_slopes + [(-30.0, 30.0)] * len(first)
    found = minimize(
        model, start, jac=True, method="L-BFGS-B", bounds=limits, options={"maxiter": 2000, "ftol": 1e-13}
    )
    slopes, easiness, mu, derivative = model.parts(found.x)
    persons, posterior = model.posterior(mu)
    information = (posterior.T @ model.seen * derivative**2 / (mu * (1.0 - mu))).sum(axis=0)
    errors = 1.0 / np.sqrt(information) if own else np.full(len(easiness), np.nan)
    return ItemFit(
        slopes, easiness, errors, found.x[model.num_slopes :], float(persons.sum()), posterior @ NODES
    )
