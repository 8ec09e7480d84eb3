"""Student's t intervals over seeds, and percentile intervals of a bootstrap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

Areas = NDArray[np.float64]


def half_width(values: NDArray[np.float64], confidence: float = 0.95) -> Any:
    """Half the width of Student's t interval for the mean over seeds.

    Args:
        values: at least 2 values, one for each seed, or rows of them, shape (seeds, ...).
        confidence: coverage of the interval, in (0, 1).

    Returns:
        float64 of shape (...).
    """
    count = len(values)
    return stdtrit(count - 1, (1 + confidence) / 2) * values.std(axis=0, ddof=1) / np.sqrt(count)


def difference_half_width(ours: Areas, theirs: Areas, confidence: float = 0.95) -> float:
    """Half the width of the interval for a difference of means of two independent samples (Welch 1947).

    Degrees of freedom by Welch and Satterthwaite.

    Args:
        ours: at least 2 values, one for each seed.
        theirs: at least 2 values, of other seeds.
        confidence: coverage of the interval, in (0, 1).
    """
    parts = np.array([values.var(ddof=1) / len(values) for values in (ours, theirs)])
    if not parts.any():
        return 0.0
    freedom = parts.sum() ** 2 / np.sum(parts**2 / np.array([len(ours) - 1, len(theirs) - 1]))
    return float(stdtrit(freedom, (1 + confidence) / 2) * np.sqrt(parts.sum()))


@dataclass(frozen=True)
class Estimate:
    """A number with its interval.

    Attributes:
        value: the estimate.
        low: lower end of the 95% bootstrap interval.
        high: upper end.
    """

    value: float
    low: float
    high: float


def estimate(values: NDArray[np.float64], confidence: float = 0.95) -> Estimate:
    """The percentile interval of a bootstrap (Efron 1979).

    Args:
        values: the number itself, then the same of each resample, shape (1 + resamples,).
        confidence: coverage of the interval, in (0, 1).
    """
    low, high = np.quantile(values[1:], [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(float(values[0]), float(low), float(high))
