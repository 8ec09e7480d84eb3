"""One lineage in the model of a panel: what its answers add to a step of scoring."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SMALLEST_VARIANCE = 1e-4
CERTAIN = 1e-6
"""How near to 0 and 1 expected scores may come."""


@dataclass(frozen=True, eq=False)
class Parameters:
    """Parameters of the model.

    Attributes:
        intercept: difficulty where all features are 0; abilities have the mean 0.
        coefficients: float64 (coefficients,), at least 0.
        lapses: 1 - ceiling.
        ability_variance: of abilities over lineages and occasions.
        slope_variances: float64 (k,), of the slopes of lineages.
        penalties: float64, of the groups of coefficients that are shrunk to a straight line.
        dispersion: variance of scores relative to that of coin flips with the same mean.
    """

    intercept: float
    coefficients: Floats
    lapses: float
    ability_variance: float
    slope_variances: Floats
    penalties: Floats
    dispersion: float = 1.0

    @property
    def vector(self) -> Floats:
        """Those that are found by scoring: intercept, coefficients, lapses."""
        return np.array([self.intercept, *self.coefficients, self.lapses])

    def moved_to(self, vector: Floats) -> Parameters:
        """The same with other values of what ``vector`` holds.

        Args:
            vector: intercept, coefficients, lapses.
        """
        return replace(self, intercept=float(vector[0]), coefficients=vector[1:-1], lapses=float(vector[-1]))


@dataclass(eq=False)
class Lineage:
    """What one lineage answered, and where the mode of its abilities and slopes is.

    Attributes:
        design: of abilities and slopes, shape (n, q).
        fixed: of intercept and coefficients, shape (n, p).
        scores: float64 in [0, 1], shape (n,).
        rows: of the panel's answers, int64 (n,).
        occasions: number of abilities; the other effects are slopes.
        mode: float64 (q,).
    """

    design: Floats
    fixed: Floats
    scores: Floats
    rows: Ints
    occasions: int
    mode: Floats = field(default_factory=lambda: np.zeros(0))


@dataclass(eq=False)
class Block:
    """What one lineage adds to a step of scoring.

    Attributes:
        gradient: of its effects, shape (q,).
        inverse: of their curvature, prior included, shape (q, q).
        cross: curvature between effects and parameters, shape (q, p + 1).
        curvature: of the parameters, shape (p + 1, p + 1).
        score: gradient of the parameters, corrected for the curvature at the mode, shape (p + 1,).
        pulls: correction of the variances of its effects, shape (q,).
        log_likelihood: of its answers at the mode.
        squares: of its residuals.
        variance: sum of the variances of its answers, were they coin flips.
    """

    gradient: Floats
    inverse: Floats
    cross: Floats
    curvature: Floats
    score: Floats
    pulls: Floats
    log_likelihood: float
    squares: float
    variance: float


def precision_of(lineage: Lineage, parameters: Parameters) -> Floats:
    """Precisions of the priors of a lineage's effects.

    Args:
        lineage: of the panel.
        parameters: of the model.

    Returns:
        float64 of shape (q,).
    """
    variances = np.maximum(parameters.slope_variances, SMALLEST_VARIANCE)
    return np.array([*[1.0 / parameters.ability_variance] * lineage.occasions, *1.0 / variances])


def expected_scores(lineage: Lineage, parameters: Parameters, floor: float) -> tuple[Floats, Floats, Floats]:
    """Expected scores of a lineage's answers at its mode.

    Args:
        lineage: of the panel.
        parameters: of the model.
        floor: expected score of those who know nothing.

    Returns:
        Expected scores, the sigmoid in them, and the variance of coin flips with that mean, each (n,).
    """
    logits = lineage.design @ lineage.mode + lineage.fixed @ parameters.vector[:-1]
    p = 0.5 + 0.5 * np.tanh(0.5 * logits)
    mu = np.clip(floor + (1.0 - parameters.lapses - floor) * p, CERTAIN, 1.0 - CERTAIN)
    return mu, p, mu * (1.0 - mu)


def block_of(lineage: Lineage, parameters: Parameters, floor: float, weights: Floats | None = None) -> Block:
    """What a lineage adds to a step of scoring.

    Args:
        lineage: of the panel.
        parameters: of the model.
        floor: expected score of those who know nothing.
        weights: float64 (n,), how often each answer counts; None for once.
    """
    mu, p, variance = expected_scores(lineage, parameters, floor)
    scale = (np.ones(len(p)) if weights is None else weights) / parameters.dispersion
    height, steep = 1.0 - parameters.lapses - floor, p * (1.0 - p)
    slope = height * steep  # of mu, by the logit
    residual = lineage.scores - mu
    by_logit, weight = scale * residual * slope / variance, scale * slope**2 / variance
    precision = precision_of(lineage, parameters)
    weighted = lineage.design * weight[:, None]
    inverse = np.asarray(np.linalg.inv(lineage.design.T @ weighted + np.diag(precision)), dtype=np.float64)
    # A last column for lapses, which mu falls with at the rate p.
    ratio = np.divide(-p, slope, out=np.zeros_like(p), where=slope > 1e-12)
    fixed = np.concatenate([lineage.fixed, ratio[:, None]], axis=1)
    cross, curvature = weighted.T @ fixed, (fixed * weight[:, None]).T @ fixed
    # How the curvature at the mode changes with the logit and with lapses.
    leverage = ((lineage.design @ inverse) * lineage.design).sum(axis=1)
    bend = height * steep * (1.0 - 2.0 * p)
    tilt = (1.0 - 2.0 * mu) / variance
    by_logit_again = scale * (2.0 * slope * bend / variance - slope**2 / variance * tilt * slope)
    by_lapses = scale * (-2.0 * slope * steep / variance + slope**2 / variance * tilt * p)
    change = -0.5 * leverage * by_logit_again
    moved = lineage.design.T @ change
    score = fixed.T @ by_logit + np.append(lineage.fixed.T @ change, -0.5 * leverage @ by_lapses)
    score -= cross.T @ (inverse @ moved)
    return Block(
        lineage.design.T @ by_logit - precision * lineage.mode,
        inverse,
        cross,
        curvature,
        score,
        2.0 * (inverse @ moved),
        float(scale @ _log_likelihood(lineage.scores, mu)),
        float(residual @ residual),
        float(variance.sum()),
    )


def _log_likelihood(scores: Floats, mu: Floats) -> Floats:
    value: Floats = scores * np.log(mu) + (1.0 - scores) * np.log1p(-mu)
    return value
