"""How a learner's score falls along the axes of difficulty: a monotone additive logistic regression.

For one family, with chance level ``g`` of the task's cell,

    mean score = g + (1 - g) sigmoid(ability - sum over axes of drop(axis, level)),

where ``drop`` is 0 at level 0 and grows piecewise linearly, one slope of at least 0 for each quarter of an
axis: a generalized additive model (Hastie and Tibshirani 1986) with a linear logistic test model's sign
restrictions (Fischer 1973). Graded scores enter by quasi-likelihood (Papke and Wooldridge 1996).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from etude_gym.practice.learner_model import Floats, sigmoid

QUARTERS = 4
RIDGE = 0.05
"""Precision of a prior that holds each drop near 0: where nothing can be told, scores do not fall."""
INTERCEPT_RIDGE = 0.02
"""The same of the ability: it stays finite for a learner that never fails, and for one that always does."""
MOST_STEPS = 50
LARGEST_LOGIT = 12.0
TOLERANCE = 1e-6


def ramps(difficulty: Floats) -> Floats:
    """How much of each quarter of each axis lies below a difficulty, in [0, 1].

    Args:
        difficulty: float64 in [0, 1], shape (n, axes).

    Returns:
        float64 array of shape (n, axes * 4), axis after axis.
    """
    below = np.clip(difficulty[:, :, None] * QUARTERS - np.arange(QUARTERS), 0.0, 1.0)
    return np.asarray(below.reshape(len(difficulty), -1))


@dataclass(frozen=True, eq=False)
class AbilityCurve:
    """The fitted model of one family.

    Attributes:
        ability: logit of the chance-corrected score where all axes are 0.
        drops: logits that each quarter of each axis costs, at least 0, shape (axes, 4).
    """

    ability: float
    drops: Floats

    @classmethod
    def fit(
        cls,
        difficulty: Floats,
        scores: Floats,
        chance: Floats,
        weights: Floats,
        start: AbilityCurve | None = None,
    ) -> AbilityCurve:
        """Fit the model by penalized quasi-likelihood: Fisher scoring by non-negative least squares.

        Args:
            difficulty: float64 in [0, 1], shape (n, axes).
            scores: raw scores in [0, 1], shape (n,).
            chance: expected score of the random agent at each task, in [0, 1), shape (n,).
            weights: how often each answer counts, shape (n,).
            start: from where to search; None for the beginning.
        """
        axes = difficulty.shape[1]
        design = np.column_stack([np.ones(len(scores)), -ramps(difficulty)])
        penalty = np.full(design.shape[1], RIDGE)
        penalty[0] = INTERCEPT_RIDGE
        state = np.zeros(design.shape[1]) if start is None else np.append(start.ability, start.drops)
        loss = _loss(design, state, scores, chance, weights, penalty)
        for _ in range(MOST_STEPS):
            proposed = _scoring_step(design, state, scores, chance, weights, penalty)
            step, smaller = proposed - state, np.inf
            for shrink in 0.5 ** np.arange(8):
                candidate = state + shrink * step
                smaller = _loss(design, candidate, scores, chance, weights, penalty)
                if smaller <= loss:
                    break
            if not smaller < loss - TOLERANCE:
                break
            state, loss = candidate, smaller
        return cls(float(state[0]), state[1:].reshape(axes, QUARTERS))

    def axis_drops(self, axis: int, levels: Floats) -> Floats:
        """Logits that levels of one axis cost.

        Args:
            axis: index of the axis.
            levels: float64 in [0, 1], shape (n,).

        Returns:
            float64 array of shape (n,), 0 at level 0.
        """
        return np.asarray(ramps(levels[:, None]) @ self.drops[axis])

    def logits(self, difficulty: Floats) -> Floats:
        """Logits of the chance-corrected score.

        Args:
            difficulty: float64 in [0, 1], shape (n, axes).

        Returns:
            float64 array of shape (n,).
        """
        return np.asarray(self.ability - ramps(difficulty) @ self.drops.ravel())

    def scores(self, difficulty: Floats) -> Floats:
        """Expected chance-corrected scores: guessing is worth 0, the oracle 1.

        Args:
            difficulty: float64 in [0, 1], shape (n, axes).

        Returns:
            float64 array of shape (n,).
        """
        return sigmoid(self.logits(difficulty))


def _times(matrix: Floats, vector: Floats) -> Floats:
    """Their product. BLAS would split these small products over threads, which cost more than they save."""
    return np.asarray(np.einsum("ij,j->i", matrix, vector))


def _means(design: Floats, state: Floats, chance: Floats) -> tuple[Floats, Floats]:
    """Success and expected raw score of each answer."""
    success = sigmoid(np.clip(_times(design, state), -LARGEST_LOGIT, LARGEST_LOGIT))
    return success, chance + (1.0 - chance) * success


def _loss(
    design: Floats, state: Floats, scores: Floats, chance: Floats, weights: Floats, penalty: Floats
) -> float:
    _, mean = _means(design, state, chance)
    likelihood = scores * np.log(mean) + (1.0 - scores) * np.log1p(-mean)
    return float(0.5 * penalty @ state**2 - np.sum(weights * likelihood))


def _scoring_step(
    design: Floats, state: Floats, scores: Floats, chance: Floats, weights: Floats, penalty: Floats
) -> Floats:
    """Minimum of the quadratic that Fisher scoring puts in the loss's place, with drops of at least 0."""
    success, mean = _means(design, state, chance)
    slope = (1.0 - chance) * success * (1.0 - success)
    variance = mean * (1.0 - mean)
    information = weights * slope**2 / variance
    gradient = _times(design.T, weights * (scores - mean) * slope / variance) - penalty * state
    precision = np.einsum("ij,i,ik->jk", design, information, design) + np.diag(penalty)
    # state + inverse(precision) gradient, restricted: least squares in the root of the precision
    root = np.linalg.cholesky(precision)
    target = root.T @ state + np.linalg.solve(root, gradient)
    signed = np.column_stack([-root.T[:, :1], root.T])  # the ability may have either sign: a difference
    solution, _ = nnls(signed, target)
    return np.append(solution[1] - solution[0], solution[2:])
