"""Student's t intervals over seeds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

Areas = NDArray[np.float64]


def half_width(values: Areas, confidence: float) -> float:
    """Half the width of Student's t interval for the mean of at least 2 values, one for each seed."""
    count = len(values)
    return float(stdtrit(count - 1, (1 + confidence) / 2) * values.std(ddof=1) / np.sqrt(count))
