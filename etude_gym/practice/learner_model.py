"""Learner model: a running estimate of what a learner can do, with its uncertainty.

The expected score on a task of difficulty ``x`` and family ``f`` is

    mu = sigmoid(ability[f] - weights . x),  weights >= 0,

the linear logistic test model (Fischer 1973, Acta Psychologica 37) with difficulty axes as features.
Abilities drift while the learner trains, so they are tracked by an extended Kalman filter whose
measurement step is a Laplace approximation (Fahrmeir 1992, JASA 87:501, posterior mode filtering).
Graded scores enter by quasi-likelihood (Wedderburn 1974, Biometrika 61; Papke and Wooldridge 1996):
gradient ``y - mu``, information ``mu (1 - mu)``.

Without a calibration it starts from a vague prior and learns the weights from this learner alone. With
one, the panel's curves shape the axes, and its weights, their spread between learners, the correlation of
families and the drift are the prior; scores keep between floor and ceiling
(``etude_gym.difficulty.curve``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.space import Difficulty, DifficultySpace
from etude_gym.practice.calibrated_tasks import SMALLEST_WEIGHT, CalibratedTasks

Floats = NDArray[np.float64]
Families = NDArray[np.int64]

PRIOR_ABILITY_VARIANCE = 4.0
PRIOR_TOTAL_WEIGHT = 4.0
"""Logits between the easiest and the hardest task, shared evenly by the axes. Abilities start at 0: before
any result the easiest task is a coin flip and the hardest is out of reach, so practice starts easy."""
PRIOR_WEIGHT_VARIANCE = 2.25
FAMILY_CORRELATION = 0.7
"""Correlation of the abilities of two families, in the prior and in their drift."""
DRIFT_PER_RESULT = 5e-4
"""Variance that an ability gains for each result."""
WEIGHT_DRIFT_SHARE = 0.02
"""Drift of a weight relative to that of an ability: weights settle but never freeze."""
NEWTON_STEPS = 3
LARGEST_STEP = 3.0
"""Longest Newton step in logits; where every score is certain, an unbounded one would overshoot."""


def sigmoid(logits: Floats) -> Floats:
    """Logistic function, without overflow.

    Args:
        logits: float64 of any shape.
    """
    return 0.5 + 0.5 * np.tanh(0.5 * logits)


def _inverse(matrix: Floats) -> Floats:
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


class LearnerModel:
    """Ability of a learner in each family and weight of each difficulty axis, tracked online.

    Args:
        space: axes and families of the domain.
        drift_per_result: variance (squared logits) that an ability gains for each result; None for the
            calibration's, without one for a value that forgets over some hundreds of results. 0 gives a
            stationary estimate.
        dispersion: how many results carry the information of one independent result. Results of one
            training batch come from one policy and are correlated; counted as independent they would
            make the filter overconfident. The log-likelihood is divided by this factor, the dispersion
            of quasi-likelihood (McCullagh and Nelder 1989, section 9.2) or design effect (Kish 1965).
    """

    def __init__(
        self,
        space: DifficultySpace,
        *,
        drift_per_result: float | None = None,
        dispersion: float = 2.0,
    ) -> None:
        calibration = space.calibration
        if drift_per_result is None:
            drift_per_result = calibration.drift_per_result if calibration else DRIFT_PER_RESULT
        if drift_per_result < 0:
            raise ValueError(f"Drift is a variance, at least 0, got drift_per_result={drift_per_result!r}.")
        if dispersion < 1:
            raise ValueError(f"dispersion must be >= 1 (1: results are independent), got {dispersion!r}.")
        self.space = space
        self.drift_per_result = drift_per_result
        self.dispersion = dispersion
        families, axes = len(space.families), len(space)
        tied = np.full((families, families), FAMILY_CORRELATION)
        np.fill_diagonal(tied, 1.0)
        self._mean: Floats = np.zeros(families + axes)
        self._mean[families:] = PRIOR_TOTAL_WEIGHT / axes
        spread = np.full(axes, PRIOR_WEIGHT_VARIANCE)
        self._calibrated = CalibratedTasks(calibration) if calibration else None
        if calibration and self._calibrated:
            tied = np.array(calibration.ability_correlations)
            self._mean[families:], spread = self._calibrated.weights, self._calibrated.spread**2
        self._drift = np.zeros((families + axes, families + axes))
        self._drift[:families, :families] = tied
        self._drift[families:, families:] = WEIGHT_DRIFT_SHARE * np.eye(axes)
        self._covariance: Floats = np.zeros_like(self._drift)
        self._covariance[:families, :families] = PRIOR_ABILITY_VARIANCE * tied
        self._covariance[families:, families:] = np.diag(spread)

    @property
    def ability(self) -> Floats:
        """Ability in each family in logits at difficulty 0, shape (families,)."""
        return self._mean[: len(self.space.families)].copy()

    @property
    def ability_standard_error(self) -> Floats:
        """Standard errors of :attr:`ability`, shape (families,)."""
        errors: Floats = np.sqrt(np.diag(self._covariance)[: len(self.space.families)])
        return errors

    @property
    def weights(self) -> Floats:
        """Logits that each axis costs from its lowest to its highest value, shape (axes,)."""
        return self._mean[len(self.space.families) :].copy()

    def logits(self, difficulty: Difficulty, family: Families) -> Floats:
        """Estimated logit of the expected score.

        Args:
            difficulty: float64 in [0, 1], shape (..., axes).
            family: indices of families, shape (...).

        Returns:
            float64 array of shape (...).
        """
        families = len(self.space.families)
        if self._calibrated is None:
            estimate: Floats = self._mean[family] - difficulty @ self._mean[families:]
            return estimate
        features, offset = self._calibrated.features(difficulty, family)
        calibrated: Floats = self._mean[family] - features @ self._mean[families:] - offset
        return calibrated

    def update(self, difficulty: Difficulty, family: Families, scores: Floats) -> None:
        """Take in a batch of results.

        Args:
            difficulty: shape (n, axes).
            family: indices of families, shape (n,).
            scores: graded scores in [0, 1], shape (n,).

        Raises:
            ValueError: for a score outside [0, 1] (NaN included).
        """
        if len(scores) == 0:
            return
        if not (scores.min() >= 0.0 and scores.max() <= 1.0):
            raise ValueError("Scores must lie in [0, 1]. Leave out episodes that were not graded.")
        covariance = self._covariance + len(scores) * self.drift_per_result * self._drift
        design, offset = self._design(difficulty, family)
        prior_precision = _inverse(covariance)
        state = self._mean
        for _ in range(NEWTON_STEPS):
            expected = sigmoid(design @ state - offset)
            residual, information = scores - expected, expected * (1.0 - expected)
            if self._calibrated is not None:
                residual, information = self._calibrated.between_limits(expected, scores, family)
            covariance = _inverse(prior_precision + (design.T * (information / self.dispersion)) @ design)
            gradient = design.T @ residual / self.dispersion
            step = covariance @ (gradient + prior_precision @ (self._mean - state))
            state = state + step * (LARGEST_STEP / max(*map(abs, step.tolist()), LARGEST_STEP))
        self._covariance = 0.5 * (covariance + covariance.T)
        self._mean = self._with_monotone_weights(state)

    def _with_monotone_weights(self, state: Floats) -> Floats:
        """Move weights below their bound to it, and the rest of the state to its mean given that.

        Conditioning (rather than clipping) keeps predictions where the data were.
        """
        families = len(self.space.families)
        below = families + np.flatnonzero(state[families:] < SMALLEST_WEIGHT)
        if len(below):
            columns = self._covariance[:, below]
            state = state + columns @ np.linalg.solve(columns[below], SMALLEST_WEIGHT - state[below])
            state[families:] = np.maximum(state[families:], SMALLEST_WEIGHT)
        return state

    def _design(self, difficulty: Difficulty, family: Families) -> tuple[Floats, Floats | float]:
        """Rows that turn the state (abilities, weights) into logits, and what is taken off then."""
        families = len(self.space.families)
        design = np.zeros((len(family), len(self._mean)))
        design[np.arange(len(family)), family] = 1.0
        features: Floats = difficulty
        offset: Floats | float = 0.0
        if self._calibrated is not None:
            features, offset = self._calibrated.features(difficulty, family)
        design[:, families:] = -features
        return design, offset

    def state_dict(self) -> dict[str, Any]:
        """Everything learned so far, as plain numbers and lists that JSON can hold."""
        return {"mean": self._mean.tolist(), "covariance": self._covariance.tolist()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a :meth:`state_dict`.

        Args:
            state: of a learner model of the same domain.

        Raises:
            ValueError: if the state belongs to another number of axes or families.
        """
        mean: Floats = np.array(state["mean"], dtype=np.float64)
        covariance: Floats = np.array(state["covariance"], dtype=np.float64)
        if mean.shape != self._mean.shape or covariance.shape != self._covariance.shape:
            raise ValueError(
                f"This learner model has {len(self._mean)} parameters ({len(self.space.families)} families, "
                f"{len(self.space)} axes), the state {mean.size}. Load it into a model of the same domain."
            )
        self._mean, self._covariance = mean, covariance
