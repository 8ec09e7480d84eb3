"""The map of a domain's skills: prerequisites, difficulty orders, curves; and where a learner stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.skills import Skill
from etude_gym.measure.mastery import SkillScores
from etude_gym.measure.prerequisites import PrerequisiteAnalysis, SkillPair

CROSSED, MISSING, UNDECIDED = "crossed", "missing", "undecided"


@dataclass(frozen=True)
class SkillCurve:
    """How a skill is learned.

    Attributes:
        skill: its name.
        tasks: its region in words.
        mean: mean score over the panel, every lineage counting once.
        masters: lineages that master it at some checkpoint.
        scores: mean score at each checkpoint, over the lineages that have as many as most.
    """

    skill: str
    tasks: str
    mean: float
    masters: int
    scores: tuple[float, ...]


@dataclass(frozen=True)
class PrerequisiteMap:
    """What a panel says about the skills of a domain, ready to be shipped as ``prerequisites.json``.

    Attributes:
        env_id: of the environment.
        domain: name of the domain, with its version.
        lineages: of the panel.
        curves: of the skills, in the order in which the domain declares them.
        progress: training compute at each checkpoint of the curves, as a share of that at the last one.
        pairs: of skills; ``first`` and ``second`` index ``curves``.
    """

    env_id: str
    domain: str
    lineages: int
    curves: tuple[SkillCurve, ...]
    progress: tuple[float, ...]
    pairs: tuple[SkillPair, ...]

    @classmethod
    def of(
        cls,
        env_id: str,
        domain: str,
        skills: Sequence[Skill],
        scores: SkillScores,
        compute: NDArray[np.float64],
        analysis: PrerequisiteAnalysis,
    ) -> PrerequisiteMap:
        """Put together what was found.

        Args:
            env_id: of the environment.
            domain: name of the domain.
            skills: those that it declares.
            scores: of the panel.
            compute: training compute of each row of ``scores``.
            analysis: of these scores.
        """
        progress, by_skill = _curves(scores, compute)
        curves = tuple(
            SkillCurve(
                skill.name,
                skill.region.words,
                round(float(analysis.means[place]), 4),
                analysis.mastered[place],
                tuple(np.round(by_skill[:, place], 4).tolist()),
            )
            for place, skill in enumerate(skills)
        )
        shares = tuple(np.round(progress, 6).tolist())
        return cls(env_id, domain, analysis.lineages, curves, shares, analysis.pairs)

    def to_json(self) -> dict[str, Any]:
        """Plain data, names in place of indices, for people to read as well."""
        names = [curve.skill for curve in self.curves]
        pairs = []
        for pair in self.pairs:
            record = asdict(pair)
            record |= {"first": names[pair.first], "second": names[pair.second]}
            record["placebos"] = [names[place] for place in pair.placebos]
            record["evidence"] = None if np.isnan(pair.evidence) else round(pair.evidence, 2)
            record["verdict"] = "prerequisite" if pair.is_prerequisite else "difficulty order"
            for number in ("frequency", "placebo_violations", "p_value"):
                record[number] = round(record[number], 4)
            pairs.append(record)
        return {
            "env_id": self.env_id,
            "domain": self.domain,
            "lineages": self.lineages,
            "skills": [asdict(curve) for curve in self.curves],
            "progress": list(self.progress),
            "pairs": pairs,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PrerequisiteMap:
        """The inverse of ``to_json``.

        Args:
            data: of a file.

        Raises:
            ValueError: if it is no such data, saying what is wrong.
        """
        try:
            curves = tuple(
                SkillCurve(**{**skill, "scores": tuple(map(float, skill["scores"]))})
                for skill in data["skills"]
            )
            names = [curve.skill for curve in curves]
            pairs = []
            for record in data["pairs"]:
                record = {field.name: record[field.name] for field in fields(SkillPair)}
                record |= {"first": names.index(record["first"]), "second": names.index(record["second"])}
                record["placebos"] = tuple(names.index(name) for name in record["placebos"])
                record["evidence"] = float("nan" if record["evidence"] is None else record["evidence"])
                pairs.append(SkillPair(**{**record, "reasons": tuple(record["reasons"])}))
            progress = tuple(map(float, data["progress"]))
            if any(len(curve.scores) != len(progress) for curve in curves):
                raise ValueError(f"each skill needs a score at each of {len(progress)} checkpoints")
            return cls(data["env_id"], data["domain"], int(data["lineages"]), curves, progress, tuple(pairs))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"these are no prerequisites ({type(error).__name__}: {error})") from error

    def check_domain(self, name: str, skills: Sequence[Skill]) -> None:
        """Check that the map is of a domain as it is now.

        Args:
            name: of the domain, with its version.
            skills: those that it declares.

        Raises:
            ValueError: if it was made for others.
        """
        declared = [(skill.name, skill.region.words) for skill in skills]
        if self.domain != name:
            raise ValueError(f"it is of the domain {self.domain}, not of {name}")
        if [(curve.skill, curve.tasks) for curve in self.curves] != declared:
            raise ValueError(f"it was found for other skills than {name} declares now")

    def standing(self, states: NDArray[np.float64]) -> list[tuple[str, str, str]]:
        """Where a learner stands on each prerequisite: crossed, missing or undecided.

        Args:
            states: mastery of each skill, 1, 0 or NaN, shape (skills,).

        Returns:
            (first skill, second skill, "crossed", "missing" or "undecided") for each prerequisite: whether
            the learner has mastered what the second skill needs.
        """
        words = {1.0: CROSSED, 0.0: MISSING}
        names = [curve.skill for curve in self.curves]
        return [
            (names[pair.first], names[pair.second], words.get(float(states[pair.first]), UNDECIDED))
            for pair in self.pairs
            if pair.is_prerequisite
        ]


def _curves(
    scores: SkillScores, compute: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean progress and mean scores at each checkpoint of the lineages that have as many as most."""
    _, place, counts = np.unique(scores.lineages, return_inverse=True, return_counts=True)
    length = int(np.bincount(counts).argmax())
    chosen = [np.flatnonzero(place == one) for one in np.flatnonzero(counts == length)]
    rows = np.array([own[np.argsort(compute[own], kind="stable")] for own in chosen])
    last = compute[rows[:, -1:]]
    progress = np.where(last > 0, compute[rows] / np.where(last > 0, last, 1.0), 1.0).mean(axis=0)
    with np.errstate(invalid="ignore"):
        each = scores.totals[rows] / scores.numbers[rows]
    answered = ~np.isnan(each)
    means = np.where(answered, each, 0).sum(axis=0) / np.maximum(answered.sum(axis=0), 1)
    return progress, np.asarray(means, dtype=np.float64)
