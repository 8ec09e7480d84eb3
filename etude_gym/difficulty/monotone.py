"""Monotone curves over [0, 1], and what keeps them near straight lines.

A curve is the integral of a piecewise linear slope that is nowhere negative, as Ramsay's integrated splines
are (Ramsay 1988, Statistical Science 3). Equal coefficients make a straight line, so a penalty on
differences of neighbors (Eilers and Marx 1996, Statistical Science 11) shrinks a curve to one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

INTERVALS = 4
COEFFICIENTS = INTERVALS + 1
"""Coefficients of a curve: its slope at 0, 1/4, 1/2, 3/4 and 1."""
_WIDTH = 1.0 / INTERVALS
SHARES = np.array([0.5, *[1.0] * (INTERVALS - 1), 0.5]) * _WIDTH
"""What each coefficient adds to the rise of the curve from 0 to 1."""
_DIFFERENCES = np.diff(np.eye(COEFFICIENTS), axis=0)
ROUGHNESS = _DIFFERENCES.T @ _DIFFERENCES
"""Coefficients @ ROUGHNESS @ coefficients is 0 for straight lines and grows with curvature."""


def curve_basis(values: Floats) -> Floats:
    """What each coefficient adds to a curve.

    Args:
        values: float64 in [0, 1], of any shape.

    Returns:
        float64 of that shape and a last dimension ``COEFFICIENTS``; the sum over it is the value itself.
    """
    inside = np.clip(np.asarray(values)[..., None] / _WIDTH - np.arange(INTERVALS), 0.0, 1.0)
    later = 0.5 * inside**2
    basis = np.zeros((*inside.shape[:-1], COEFFICIENTS))
    basis[..., :-1] += inside - later
    basis[..., 1:] += later
    return basis * _WIDTH
