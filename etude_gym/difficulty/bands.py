"""Bands of difficulty, the cells of family and band, and difficulty drawn inside a band."""

from __future__ import annotations

import functools
from math import comb, factorial

import numpy as np
from numpy.typing import NDArray

from etude_gym.arithmetic import add_up
from etude_gym.difficulty.space import Difficulty, DifficultySpace
from etude_gym.randomness import Keys, uniform

NUM_BANDS = 4


@functools.cache
def band_edges(num_axes: int) -> NDArray[np.float64]:
    """Edges of the difficulty bands: quartiles of the mean of uniform axes.

    The mean of independent uniforms has the Bates distribution (Bates 1955); its distribution
    function is inverted by bisection. A calibration will replace the mean by calibrated difficulty.

    Args:
        num_axes: axes of the space, at least 1.

    Returns:
        float64 array of shape (5,), from 0 to 1.
    """

    def cumulative(x: float) -> float:
        s = x * num_axes
        terms = ((-1) ** k * comb(num_axes, k) * (s - k) ** num_axes for k in range(int(s) + 1))
        return add_up(terms) / factorial(num_axes)

    edges = [0.0]
    for quantile in (0.25, 0.5, 0.75):
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if cumulative(middle) < quantile else (low, middle)
        edges.append((low + high) / 2)
    return np.array([*edges, 1.0])


def band_of(difficulty: Difficulty) -> NDArray[np.int64]:
    """Bands of difficulty vectors, by the mean of their axes.

    Args:
        difficulty: float64 in [0, 1], shape (..., axes).

    Returns:
        int64 array of shape (...), 0 (easiest) to 3 (hardest).
    """
    inner = band_edges(difficulty.shape[-1])[1:-1]
    bands: NDArray[np.int64] = np.searchsorted(inner, difficulty.mean(axis=-1), side="right").astype(np.int64)
    return bands


Cells = tuple[tuple[str, int], ...]
"""(family, band) of every cell of the anchor design."""

_CANDIDATES = 64
_FIRST_COUNTER = 1 << 40


def cells_of(space: DifficultySpace) -> Cells:
    """The cells of the anchor design: every family in every band.

    Args:
        space: axes and families of the domain.

    Returns:
        (family, band) by family in the order of the space, then by band from the easiest.
    """
    return tuple((family, band) for family in space.families for band in range(NUM_BANDS))


def difficulty_in_band(space: DifficultySpace, keys: Keys, band: int) -> Difficulty:
    """Difficulty drawn uniformly from the part of the space that belongs to a band.

    Args:
        space: axes of the domain.
        keys: task keys, uint64 of shape (n,); a difficulty is a function of its key alone.
        band: 0 (easiest) to 3 (hardest).

    Returns:
        float64 array of shape (n, axes).
    """
    counters = _FIRST_COUNTER + np.arange(_CANDIDATES * len(space)).reshape(_CANDIDATES, len(space))
    candidates = uniform(keys[:, None, None], counters)
    inside = band_of(candidates) == band
    chosen: Difficulty = candidates[np.arange(len(keys)), inside.argmax(axis=1)]
    return chosen
