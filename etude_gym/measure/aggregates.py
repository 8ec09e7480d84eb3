"""Robust aggregates of scores over seeds and cells, with stratified bootstrap intervals.

The measures of Agarwal et al. (2021), "Deep Reinforcement Learning at the Edge of the Statistical Precipice",
NeurIPS, sections 4.1 to 4.3: runs are seeds, tasks are cells of the anchor design.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata, trim_mean

from etude_gym.measure.intervals import Estimate, estimate
from etude_gym.practice.learner_model import Floats

RESAMPLES = 2000


def interquartile_mean(scores: ArrayLike) -> float:
    """Mean of the middle half of all scores: the lowest and the highest quarter are left out.

    Args:
        scores: float64 (seeds, cells).
    """
    return float(trim_mean(_matrix(scores), 0.25, axis=None))


def probability_of_improvement(ours: ArrayLike, theirs: ArrayLike) -> float:
    """How probable it is that a run of ours beats one of theirs in a cell, mean over cells; a tie is half.

    The Mann-Whitney U statistic (1947) as a share of all pairs.

    Args:
        ours: float64 (seeds, cells).
        theirs: float64 (other seeds, cells).

    Raises:
        ValueError: for different numbers of cells.
    """
    mine, others = _matrix(ours), _matrix(theirs)
    if mine.shape[1] != others.shape[1]:
        raise ValueError(f"Both need the same cells, got {mine.shape[1]} and {others.shape[1]}.")
    count = len(mine)
    ranks = rankdata(np.concatenate([mine, others]), axis=0)[:count].sum(axis=0)
    wins = ranks - count * (count + 1) / 2
    return float((wins / (count * len(others))).mean())


def performance_profile(scores: ArrayLike, levels: ArrayLike) -> Floats:
    """Share of runs and cells that score above each level: the run-score distribution.

    Args:
        scores: float64 (seeds, cells).
        levels: float64 (m,).

    Returns:
        float64 array of shape (m,), which falls with the level.
    """
    above = _matrix(scores).ravel() > np.asarray(levels, dtype=np.float64)[:, None]
    return np.asarray(above.mean(axis=1))


def stratified_interval(
    measure: Callable[..., float], *samples: ArrayLike, resamples: int = RESAMPLES, seed: int = 0
) -> Estimate:
    """A measure with its 95% percentile interval: seeds are drawn anew in each cell by itself.

    Args:
        measure: takes the samples.
        samples: float64 (seeds, cells), at least one seed each.
        resamples: of the bootstrap, at least 20.
        seed: of the resampling.

    Raises:
        ValueError: for too few resamples.
    """
    if resamples < 20:
        raise ValueError(f"resamples must be at least 20 for an interval, got {resamples}.")
    generator = np.random.default_rng(seed)
    matrices = [_matrix(sample) for sample in samples]
    values = [measure(*matrices)]
    for _ in range(resamples):
        values.append(measure(*(_redrawn(matrix, generator) for matrix in matrices)))
    return estimate(np.array(values))


def _redrawn(matrix: Floats, generator: np.random.Generator) -> Floats:
    rows = generator.integers(len(matrix), size=matrix.shape)
    return np.asarray(np.take_along_axis(matrix, rows, axis=0))


def _matrix(scores: ArrayLike) -> NDArray[np.float64]:
    matrix = np.asarray(scores, dtype=np.float64)
    if matrix.ndim != 2 or not matrix.size or not np.isfinite(matrix).all():
        raise ValueError(f"scores must be finite, of shape (seeds, cells), got shape {matrix.shape}.")
    return matrix
