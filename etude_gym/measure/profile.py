"""The profile of a learner: what it can do and what it is weak at, from its answers to anchor tasks.

Scores here are corrected for chance: guessing is worth 0, the oracle 1. Along the axes they come from a
monotone model (``etude_gym.measure.ability_curve``), fitted to each family by itself; intervals are
percentiles of a bootstrap over runs (seeds), and over tasks within each cell of a run (Efron 1979).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from etude_gym.difficulty.bands import Cells
from etude_gym.difficulty.space import DifficultySpace
from etude_gym.measure.answer_sample import AnswerSample
from etude_gym.measure.answers import Answers
from etude_gym.measure.confidence import Reliability
from etude_gym.measure.intervals import Estimate, estimate
from etude_gym.measure.next_practice import NextPractice, next_practice
from etude_gym.measure.score_surface import AxisProfile, Contour, ScoreSurface

RESAMPLES = 200


@dataclass(frozen=True)
class CellScore:
    """The score of a family in a band.

    Attributes:
        family: name of the family.
        band: of difficulty.
        tasks: that count, over all runs.
        score: their mean, corrected for chance.
    """

    family: str
    band: int
    tasks: int
    score: Estimate


@dataclass(frozen=True)
class Profile:
    """What a learner can do at a checkpoint.

    Attributes:
        seeds: runs that were pooled.
        tasks: answers that count, over all runs.
        score: mean anchor score over all cells.
        cells: scores of families and bands, in the order of ``cells_of``.
        axes: of each family, and of their mean where there are several; axis by axis.
        contours: of each pair of axes, in the same way.
        statuses: number of answers by family and status.
        reliability: of the confidence stated, over all families; None in a domain without confidence.
        next: what to practice next, best first, see ``next_practice``.
    """

    seeds: int
    tasks: int
    score: Estimate
    cells: tuple[CellScore, ...]
    axes: tuple[AxisProfile, ...]
    contours: tuple[Contour, ...]
    statuses: Mapping[str, Mapping[str, int]]
    reliability: Reliability | None
    next: tuple[NextPractice, ...]

    def weakest_axes(self, family: str | None = None) -> list[AxisProfile]:
        """Axes from the one along which the score falls most.

        Args:
            family: name of a family; None for the mean of all.
        """
        chosen = [axis for axis in self.axes if axis.family == family]
        return sorted(chosen, key=lambda axis: -axis.drop.value)


def profile(
    space: DifficultySpace,
    cells: Cells,
    chance: Sequence[float],
    runs: Sequence[Answers],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Profile:
    """The profile of a learner, from its answers at one checkpoint.

    Args:
        space: axes and families of the domain.
        cells: of the anchor design, as ``cells_of`` gives them.
        chance: mean score of the random agent in each cell.
        runs: answers of one evaluation of each run (seed), at least one.
        resamples: of the bootstrap, at least 20.
        seed: of the bootstrap.

    Raises:
        ValueError: for no runs, answers of another space or other cells, or too few resamples.
    """
    _check(space, cells, chance, runs, resamples)
    sample = AnswerSample.of(space, cells, chance, runs)
    generator = np.random.default_rng(seed)
    fits = [sample.fit(np.ones(len(sample.scores)))]
    cell_means = [sample.cell_means(np.ones(len(sample.scores)))]
    for _ in range(resamples):
        weights = sample.resampled(generator)
        fits.append(sample.fit(weights, fits[0]))
        cell_means.append(sample.cell_means(weights))
    means = np.array(cell_means)
    counts = np.bincount(sample.cell, minlength=len(cells))
    every = ScoreSurface(space, fits)
    confidences = [(run.confidence, run.correct) for run in runs]
    return Profile(
        seeds=len(runs),
        tasks=len(sample.scores),
        score=estimate(means.mean(axis=1)),
        cells=tuple(
            CellScore(family, band, int(count), estimate(column))
            for (family, band), count, column in zip(cells, counts, means.T, strict=True)
        ),
        axes=tuple(every.axes()),
        contours=tuple(every.contours()),
        statuses=_statuses(space, runs),
        reliability=None
        if any(stated is None for stated, _ in confidences)
        else Reliability.pooled(
            [
                Reliability.from_answers(stated[run.counted], right[run.counted])
                for (stated, right), run in zip(confidences, runs, strict=True)
                if stated is not None and right is not None
            ]
        ),
        next=next_practice(space, fits),
    )


def _check(
    space: DifficultySpace, cells: Cells, chance: Sequence[float], runs: Sequence[Answers], resamples: int
) -> None:
    if not runs:
        raise ValueError("A profile takes the answers of at least one run.")
    if len(chance) != len(cells):
        raise ValueError(f"chance needs one number for each of {len(cells)} cells, got {len(chance)}.")
    if resamples < 20:
        raise ValueError(f"resamples must be at least 20 for an interval, got {resamples}.")
    for answers in runs:
        if answers.difficulties.shape[1] != len(space):
            raise ValueError(
                f"The answers are of {answers.difficulties.shape[1]} axes, the space has {len(space)}: "
                f"{', '.join(space.names)}."
            )
        found = {
            (space.families[family], band)
            for family, band in zip(answers.families.tolist(), answers.bands.tolist(), strict=True)
        }
        if found != set(cells):
            raise ValueError(f"The answers are of the cells {sorted(found)}, expected {sorted(cells)}.")


def _statuses(space: DifficultySpace, runs: Sequence[Answers]) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = {family: Counter() for family in space.families}
    for run in runs:
        for family, status in zip(run.families.tolist(), run.statuses, strict=True):
            counts[space.families[family]][status] += 1
    return {family: dict(counter.most_common()) for family, counter in counts.items()}
