"""Who has mastered which skill: decided where the answers suffice, missing where they do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.skills import NO_SKILL, Skill, skill_of
from etude_gym.difficulty.space import DifficultySpace
from etude_gym.measure.answers import Answers

MASTERED = 0.7
"""A skill is mastered where the mean score is at least this, almost surely."""
UNMASTERED = 0.5
"""And unmastered where it is at most this."""
CERTAINTY = 0.95
_PRIOR = 0.5
"""Jeffreys' prior of a proportion, Beta(.5, .5)."""


@dataclass(frozen=True, eq=False)
class SkillScores:
    """How learners score in each skill, one row for each lineage and checkpoint.

    Attributes:
        lineages: which lineage each row belongs to, shape (rows,).
        numbers: tasks answered, shape (rows, skills).
        totals: sums of their scores in [0, 1], shape (rows, skills).

    Raises:
        ValueError: for columns of different lengths, or scores outside [0, 1].
    """

    lineages: NDArray[np.int64]
    numbers: NDArray[np.float64]
    totals: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.numbers.shape != self.totals.shape or len(self.lineages) != len(self.numbers):
            raise ValueError(
                "Scores of skills need as many lineages as rows of numbers and totals, got shapes "
                f"{self.lineages.shape}, {self.numbers.shape} and {self.totals.shape}."
            )
        if not len(self.lineages) or (self.totals < -1e-6).any() or (self.totals > self.numbers + 1e-6).any():
            raise ValueError("Scores of skills need rows, and totals between 0 and the number of tasks.")

    @property
    def states(self) -> NDArray[np.float64]:
        """1 where a skill is mastered, 0 where it is unmastered, NaN where that is not decided."""
        return mastery(self.numbers, self.totals)

    @property
    def weights(self) -> NDArray[np.float64]:
        """How much each row counts: every lineage counts once."""
        _, place, count = np.unique(self.lineages, return_inverse=True, return_counts=True)
        return np.asarray(1.0 / count[place], dtype=np.float64)

    @property
    def means(self) -> NDArray[np.float64]:
        """Mean score in each skill, every lineage counting once, shape (skills,); NaN without answers."""
        with np.errstate(invalid="ignore"):
            scores = self.totals / self.numbers
        weights = np.where(self.numbers > 0, self.weights[:, None], 0.0)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.nansum(weights * np.nan_to_num(scores), axis=0) / weights.sum(axis=0))


def mastery(numbers: NDArray[np.float64], totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Decide mastery by the posterior distribution of the mean score.

    It is that of a proportion, Beta(.5 + total, .5 + number - total): scores between 0 and 1 vary less than
    those that are 0 or 1, so what it decides is on the safe side.

    Args:
        numbers: tasks answered.
        totals: sums of their scores, of the same shape.

    Returns:
        float64 array of that shape: 1 mastered, 0 unmastered, NaN not decided.
    """
    from scipy.special import betainc

    right, wrong = _posterior(numbers, totals)
    mastered = 1 - betainc(right, wrong, MASTERED) > CERTAINTY
    unmastered = betainc(right, wrong, UNMASTERED) > CERTAINTY
    return np.where(mastered, 1.0, np.where(unmastered, 0.0, np.nan))


def mean_interval(
    numbers: NDArray[np.float64], totals: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The central 90% of the posterior distribution of the mean score, which shows what ``mastery`` decides.

    A skill is mastered where the lower end is above ``MASTERED``, unmastered where the upper one is below
    ``UNMASTERED``.

    Args:
        numbers: tasks answered.
        totals: sums of their scores, of the same shape.

    Returns:
        Lower and upper ends, each of that shape.
    """
    from scipy.special import betaincinv

    right, wrong = _posterior(numbers, totals)
    low, high = (np.asarray(betaincinv(right, wrong, each)) for each in (1 - CERTAINTY, CERTAINTY))
    return low, high


def _posterior(
    numbers: NDArray[np.float64], totals: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both parameters of the posterior Beta distribution of the mean score."""
    return _PRIOR + np.maximum(totals, 0), _PRIOR + np.maximum(numbers - totals, 0)


def score_skills(
    space: DifficultySpace, skills: Sequence[Skill], lineages: NDArray[np.int64], answers: Sequence[Answers]
) -> SkillScores:
    """Add up answers by skill.

    Args:
        space: axes and families of the domain.
        skills: those that it declares.
        lineages: which lineage each evaluation is of, shape (evaluations,).
        answers: of each evaluation; tasks that do not count or belong to no skill are left out.

    Raises:
        ValueError: if there are no answers, or the domain declares no skills.
    """
    if not skills:
        raise ValueError("The domain declares no skills: give it some, see etude_gym.difficulty.skills.")
    numbers = np.zeros((len(answers), len(skills)))
    totals = np.zeros_like(numbers)
    for row, each in enumerate(answers):
        counted = ~np.isnan(each.scores)
        of = skill_of(space, skills, each.families, each.difficulties)
        counted &= of != NO_SKILL
        numbers[row] = np.bincount(of[counted], minlength=len(skills))
        totals[row] = np.bincount(of[counted], np.clip(each.scores[counted], 0, 1), len(skills))
    return SkillScores(np.asarray(lineages, dtype=np.int64), numbers, totals)
