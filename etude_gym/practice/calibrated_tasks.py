"""What a calibration tells the learner model: priors of weights, shapes of axes, limits of scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.calibration import Calibration
from etude_gym.difficulty.space import Difficulty

Floats = NDArray[np.float64]
Families = NDArray[np.int64]

SMALLEST_WEIGHT = 0.1
"""Lower bound of every weight. Above 0, so that a learner that succeeds everywhere, from whom nothing can
be learned about the axes, is still given harder tasks."""
LEAST_SPREAD = 0.3
"""Least standard deviation of a calibrated weight: a learner may be unlike those of the panel."""
CERTAIN = 1e-6
"""How near to 0 and 1 expected scores may come."""


class CalibratedTasks:
    """The curves of a calibration as features of the learner model, which keeps one weight for each axis.

    Args:
        calibration: of the domain.
    """

    def __init__(self, calibration: Calibration) -> None:
        self._curves = calibration.curves
        costs = np.array([curve.weights for curve in self._curves])
        self._inert = costs.mean(axis=0) < SMALLEST_WEIGHT
        self.weights: Floats = np.maximum(costs.mean(axis=0), SMALLEST_WEIGHT)
        deviations = np.array([curve.slope_deviations for curve in self._curves]).mean(axis=0)
        self.spread: Floats = np.maximum(deviations, LEAST_SPREAD)
        self._floors = np.array([curve.floor for curve in self._curves])
        self._heights = np.array([curve.ceiling for curve in self._curves]) - self._floors

    def features(self, difficulty: Difficulty, family: Families) -> tuple[Floats, Floats]:
        """What the weights multiply, and logits that interactions cost.

        At the prior's weights they add up to calibrated difficulty, less that of the easiest task.

        Args:
            difficulty: float64 in [0, 1], shape (..., axes).
            family: indices of families, shape (...).

        Returns:
            float64 arrays of shapes (..., axes) and (...).
        """
        family = np.broadcast_to(family, difficulty.shape[:-1])
        features, offset = np.empty(difficulty.shape), np.zeros(difficulty.shape[:-1])
        for index, curve in enumerate(self._curves):
            rows = family == index
            parts = curve.parts(difficulty[rows]) / self.weights
            features[rows] = np.where(self._inert, difficulty[rows], parts)
            for each in curve.interactions:
                offset[rows] += each.coefficient * each.feature(difficulty[rows])
        return features, offset

    def between_limits(self, p: Floats, scores: Floats, family: Families) -> tuple[Floats, Floats]:
        """Residuals and information by the logit, where scores keep between a floor and a ceiling.

        Args:
            p: sigmoid of the logits, shape (n,).
            scores: float64 in [0, 1], shape (n,).
            family: indices of families, shape (n,).

        Returns:
            Two float64 arrays of shape (n,): the quasi-score and the expected information.
        """
        height = self._heights[family]
        expected = np.clip(self._floors[family] + height * p, CERTAIN, 1.0 - CERTAIN)
        slope, variance = height * p * (1.0 - p), expected * (1.0 - expected)
        return (scores - expected) * slope / variance, slope**2 / variance
