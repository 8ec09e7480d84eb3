"""Bands of difficulty, the cells of family and band, and difficulty drawn inside a band."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from math import comb, factorial

import numpy as np
from numpy.typing import NDArray

from etude_gym.arithmetic import add_up
from etude_gym.difficulty.space import Difficulty, DifficultySpace
from etude_gym.randomness import Keys, uniform

NUM_BANDS = 4
BANDS = tuple(range(NUM_BANDS))
ENTRY_BAND = -1
"""The band below the first one, for learners that begin there: uniform in the easiest corner."""
ENTRY_LEVEL = 0.2
"""Highest value of every axis in the entry band."""


@functools.cache
def _mean_edges(num_axes: int) -> NDArray[np.float64]:
    """Edges from 0 to 1: quartiles of the mean of uniform axes.

    The mean of independent uniforms has the Bates distribution (Bates 1955); its distribution
    function is inverted by bisection.
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


def band_edges(space: DifficultySpace) -> NDArray[np.float64]:
    """Edges of the bands of each family: quartiles of difficulty over its tasks.

    Args:
        space: axes and families of the domain.

    Returns:
        float64 array of shape (families, 5), on the scale of ``levels``.
    """
    if space.calibration is None:
        return np.tile(_mean_edges(len(space)), (len(space.families), 1))
    corners = np.array([[0.0] * len(space), [1.0] * len(space)])
    edges = []
    for curve in space.calibration.curves:
        lowest, highest = curve.logits(corners).tolist()
        edges.append([lowest, *curve.edges, highest])
    return np.array(edges)


def levels(space: DifficultySpace, difficulty: Difficulty, family: NDArray[np.int64]) -> NDArray[np.float64]:
    """How hard tasks are: calibrated difficulty in logits, or the mean of the axes without a calibration.

    Args:
        space: axes and families of the domain.
        difficulty: float64 in [0, 1], shape (..., axes).
        family: indices of families, shape (...).

    Returns:
        float64 array of shape (...).
    """
    if space.calibration is None:
        means: NDArray[np.float64] = difficulty.mean(axis=-1)
        return means
    family = np.broadcast_to(family, difficulty.shape[:-1])
    return space.calibration.logits(family, difficulty)


def band_of(space: DifficultySpace, difficulty: Difficulty, family: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bands of tasks: quartiles of difficulty within their family.

    Args:
        space: axes and families of the domain.
        difficulty: float64 in [0, 1], shape (..., axes).
        family: indices of families, shape (...).

    Returns:
        int64 array of shape (...), 0 (easiest) to 3 (hardest).
    """
    level = levels(space, difficulty, family)
    if space.calibration is None:
        found: NDArray[np.int64] = np.searchsorted(_mean_edges(len(space))[1:-1], level, side="right")
        return found.astype(np.int64)
    inner = band_edges(space)[np.broadcast_to(family, level.shape), 1:-1]
    return np.asarray((level[..., None] >= inner).sum(axis=-1), dtype=np.int64)


Cells = tuple[tuple[str, int], ...]
"""(family, band) of every cell of the anchor design."""

_CANDIDATES = 64
_FIRST_COUNTER = 1 << 40


def band_name(band: int) -> str:
    """A band in words.

    Args:
        band: ``ENTRY_BAND``, or 0 (easiest) to 3 (hardest).
    """
    return "entry" if band == ENTRY_BAND else f"band {band}"


def check_bands(bands: Sequence[int]) -> tuple[int, ...]:
    """Bands of an anchor design, from the easiest.

    Args:
        bands: ``ENTRY_BAND`` or 0 to 3, each once at most.

    Raises:
        ValueError: for anything else.
    """
    allowed = (ENTRY_BAND, *BANDS)
    if not bands or len(set(bands)) < len(bands) or not set(bands) <= set(allowed):
        raise ValueError(f"bands must be different ones of {allowed}, at least one, got {tuple(bands)}.")
    return tuple(sorted(int(band) for band in bands))


def cells_of(space: DifficultySpace, bands: Sequence[int] = BANDS) -> Cells:
    """The cells of the anchor design: every family in every band.

    Args:
        space: axes and families of the domain.
        bands: those of the design.

    Returns:
        (family, band) by family in the order of the space, then by band from the easiest.
    """
    return tuple((family, band) for family in space.families for band in bands)


def difficulty_in_band(space: DifficultySpace, keys: Keys, family: int, band: int) -> Difficulty:
    """Difficulty drawn uniformly from the part of the space that belongs to a band.

    Args:
        space: axes and families of the domain.
        keys: task keys, uint64 of shape (n,); a difficulty is a function of its key alone.
        family: index of the family.
        band: ``ENTRY_BAND``, or 0 (easiest) to 3 (hardest).

    Returns:
        float64 array of shape (n, axes).
    """
    counters = _FIRST_COUNTER + np.arange(_CANDIDATES * len(space)).reshape(_CANDIDATES, len(space))
    candidates = uniform(keys[:, None, None], counters)
    if band == ENTRY_BAND:
        return ENTRY_LEVEL * candidates[:, 0]
    inside = band_of(space, candidates, np.array(family)) == band
    chosen: Difficulty = candidates[np.arange(len(keys)), inside.argmax(axis=1)]
    return chosen
