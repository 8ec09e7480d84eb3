"""How a learner stands in each skill of its domain, and how it came there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.skills import Skill
from etude_gym.difficulty.space import DifficultySpace
from etude_gym.measure.answers import Answers
from etude_gym.measure.intervals import Estimate
from etude_gym.measure.mastery import mastery, mean_interval, score_skills

STANDINGS = {1.0: "mastered", 0.0: "missing"}
UNDECIDED = "undecided"


@dataclass(frozen=True)
class SkillStanding:
    """How a learner stands in a skill.

    Attributes:
        skill: its name.
        tasks: that were answered, over all runs.
        score: their mean raw score, with the interval that decides mastery; NaN without answers.
        mastery: 1 mastered, 0 missing, NaN undecided.
    """

    skill: str
    tasks: int
    score: Estimate
    mastery: float

    @property
    def word(self) -> str:
        """ "mastered", "missing" or "undecided"."""
        return STANDINGS.get(self.mastery, UNDECIDED)


@dataclass(frozen=True, eq=False)
class SkillProfile:
    """Answers by skill at each checkpoint, those of several runs (seeds) pooled.

    Scores are raw, as those of a panel are in which prerequisites are looked for.

    Attributes:
        skills: names of those that the domain declares.
        checkpoints: places of the evaluations in the grid.
        compute: mean training compute at each checkpoint, shape (checkpoints,).
        numbers: tasks answered, shape (checkpoints, skills).
        totals: sums of their scores in [0, 1], of the same shape.
    """

    skills: tuple[str, ...]
    checkpoints: tuple[int, ...]
    compute: NDArray[np.float64]
    numbers: NDArray[np.float64]
    totals: NDArray[np.float64]

    @classmethod
    def of(
        cls, space: DifficultySpace, skills: Sequence[Skill], runs: Sequence[Sequence[Answers]]
    ) -> SkillProfile:
        """Add up the answers of runs.

        Args:
            space: axes and families of the domain.
            skills: those that it declares, at least one.
            runs: answers of the same evaluations of each run, at least one run.
        """
        scores = score_skills(
            space,
            skills,
            np.repeat(np.arange(len(runs)), len(runs[0])),
            [each for own in runs for each in own],
        )
        shape = (len(runs), len(runs[0]), len(skills))
        return cls(
            tuple(each.name for each in skills),
            tuple(each.evaluation for each in runs[0]),
            np.array([[each.compute for each in own] for own in runs]).mean(axis=0),
            scores.numbers.reshape(shape).sum(axis=0),
            scores.totals.reshape(shape).sum(axis=0),
        )

    @property
    def scores(self) -> NDArray[np.float64]:
        """Mean score at each checkpoint, NaN without answers, shape (checkpoints, skills)."""
        means = np.full(self.numbers.shape, np.nan)
        return np.divide(self.totals, self.numbers, out=means, where=self.numbers > 0)

    def states(self, checkpoint: int) -> NDArray[np.float64]:
        """Mastery of each skill: 1, 0 or NaN where it is not decided, shape (skills,).

        Args:
            checkpoint: one of ``checkpoints``.
        """
        place = self.checkpoints.index(checkpoint)
        return mastery(self.numbers[place], self.totals[place])

    def standings(self, checkpoint: int) -> tuple[SkillStanding, ...]:
        """How the learner stands in each skill at a checkpoint.

        Args:
            checkpoint: one of ``checkpoints``.
        """
        place = self.checkpoints.index(checkpoint)
        low, high = mean_interval(self.numbers[place], self.totals[place])
        return tuple(
            SkillStanding(name, int(number), Estimate(*map(float, score)), float(state))
            for name, number, score, state in zip(
                self.skills,
                self.numbers[place],
                zip(self.scores[place], low, high, strict=True),
                self.states(checkpoint),
                strict=True,
            )
        )
