"""Kept answers in other bands: the learning curve that a run would have had in the cells of another space.

Anchor tasks are drawn evenly per cell, uniformly inside it. Put into other cells, they fill them unevenly,
and what falls into one cell was drawn from several. So each answer is weighted by the ratio of the density
that is wanted (uniform) to the density that it was drawn with: the volume of its old cell over the number of
answers there (inverse probabilities, Horvitz and Thompson 1952, as a ratio, Hajek 1971). Bands are quartiles
under either definition, so all cells of a family have one volume, which cancels: weights differ only where
answers are missing. Cells count alike afterwards, however full they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from etude_gym.difficulty.bands import BANDS, ENTRY_BAND, band_of, cells_of
from etude_gym.difficulty.space import DifficultySpace
from etude_gym.measure.answers import Answers
from etude_gym.measure.curves import LearningCurve


def regrouped_curve(
    curve: LearningCurve, answers: Sequence[Answers], space: DifficultySpace, chance: ArrayLike
) -> LearningCurve:
    """The learning curve of a run in the bands of a space.

    Args:
        curve: of the run, as it was measured.
        answers: those of each of its points, to tasks of all four bands; the entry band is left out.
        space: axes and families of the domain, with the calibration that bands follow, or without one.
        chance: mean score of the random agent in each cell of ``cells_of(space)``.

    Returns:
        The curve; in place of the scores of a cell's items stands their weighted mean, one number.

    Raises:
        ValueError: if answers do not belong to the curve, lack a band, or leave a cell empty.
    """
    if [each.evaluation for each in answers] != curve.index.tolist():
        raise ValueError("Answers and curve must be of the same run: one entry of each for a checkpoint.")
    scores = np.array([cell_means(each, space) for each in answers])
    levels = np.asarray(chance, dtype=np.float64)
    return replace(curve, cells=cells_of(space), chance=levels, scores=scores[..., None])


def cell_means(answers: Answers, space: DifficultySpace) -> NDArray[np.float64]:
    """Mean score of the tasks of each cell, as if they had been drawn uniformly inside it.

    Args:
        answers: of one evaluation, to tasks of all four bands.
        space: axes and families of the domain, with or without a calibration.

    Returns:
        float64 of shape (cells,), in the order of ``cells_of(space)``.

    Raises:
        ValueError: if answers lack a band, or leave a cell empty.
    """
    rows = answers.counted & (answers.bands != ENTRY_BAND)
    families = answers.families[rows]
    drawn = families * len(BANDS) + answers.bands[rows]
    found = families * len(BANDS) + band_of(space, answers.difficulties[rows], families)
    cells = len(space.families) * len(BANDS)
    counts, filled = np.bincount(drawn, minlength=cells), np.bincount(found, minlength=cells)
    if not (counts.all() and filled.all()):
        raise ValueError(
            f"Every family needs answers in each of the bands {BANDS}, old and new, got {counts.tolist()} as "
            f"drawn and {filled.tolist()} in the new ones. Take a run of all bands with more items."
        )
    weights = 1.0 / counts[drawn]
    total = np.bincount(found, weights * answers.scores[rows], minlength=cells)
    return np.asarray(total / np.bincount(found, weights, minlength=cells))


def variance_explained(answers: Answers, space: DifficultySpace) -> float:
    """How well bands separate: the share of the variance of scores that lies between bands of a family.

    Args:
        answers: of one evaluation.
        space: axes and families of the domain, with or without a calibration.

    Returns:
        Sums of squares between bands over those in all, each within families; NaN where all scores of each
        family are the same.
    """
    rows = answers.counted & (answers.bands != ENTRY_BAND)
    families, scores = answers.families[rows], answers.scores[rows]
    found = families * len(BANDS) + band_of(space, answers.difficulties[rows], families)
    in_all = scores - _group_means(scores, families)
    inside = scores - _group_means(scores, found)
    total = float(in_all @ in_all)
    return 1.0 - float(inside @ inside) / total if total > 0.0 else float("nan")


def _group_means(values: NDArray[np.float64], groups: NDArray[np.int64]) -> NDArray[np.float64]:
    """The mean of its group for each value."""
    counts = np.maximum(np.bincount(groups), 1)
    return np.asarray((np.bincount(groups, values) / counts)[groups])
