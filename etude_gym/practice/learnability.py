"""Learnability: what a task is worth to practice, by the learner's success at it.

It is p (1 - p), the variance of success (Florensa et al. 2018, "Automatic Goal Generation", look for goals of
intermediate success; Rutherford et al. 2024, "No Regrets", arXiv:2408.15099, section 4), scaled to [0, 1].
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", float, NDArray[np.float64])


def learnability(success: Number) -> Number:
    """4 p (1 - p): 1 where the learner succeeds half the time.

    Args:
        success: probability of success p, or expected score, in [0, 1]; a number or an array of any shape.
    """
    return 4.0 * success * (1.0 - success)


def log_learnability(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """log p (1 - p), finite however certain success or failure is.

    Args:
        logits: log p / (1 - p), of any shape.

    Returns:
        float64 array of the same shape.
    """
    size = np.abs(logits)
    values: NDArray[np.float64] = -size - 2.0 * np.log1p(np.exp(-size))  # log p + log(1 - p)
    return values
