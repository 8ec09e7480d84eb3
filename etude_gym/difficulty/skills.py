"""Skills: regions of a difficulty space that a domain gives a name in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.region import Region
from etude_gym.difficulty.space import Difficulty, DifficultySpace
from etude_gym.errors import check_name

NO_SKILL = -1
"""Stands for a task that belongs to no skill."""


@dataclass(frozen=True)
class Skill:
    """What a learner can do or not: a named part of a difficulty space.

    Attributes:
        name: in plain words, such as "long plans".
        region: the tasks that take it.
    """

    name: str
    region: Region


def skill(name: str, family: str | None = None, **limits: tuple[float, float]) -> Skill:
    """Declare a skill: ``skill("long plans", "delivery", horizon=(0.5, 1.0))``.

    Args:
        name: in plain words.
        family: of its tasks; None for all.
        limits: lowest and highest value of each axis that is limited.
    """
    return Skill(name, Region(limits, family))


def check_skills(space: DifficultySpace, skills: Sequence[Skill]) -> None:
    """Check that skills can be told apart: no two have a task in common.

    Args:
        space: axes and families of the domain.
        skills: those that it declares.

    Raises:
        ValueError: for names that are taken twice, regions outside the space or empty, or tasks in common.
    """
    names = [each.name for each in skills]
    if len(set(names)) < len(names) or not all(names):
        raise ValueError(f"Skills need names that differ, got {names}.")
    for each in skills:
        region = each.region
        if region.family is not None:
            check_name(f"family of the skill {each.name!r}", region.family, space.families)
        for axis, (low, high) in region.limits.items():
            check_name(f"axis of the skill {each.name!r}", axis, space.names)
            if not 0.0 <= low < high <= 1.0:
                raise ValueError(
                    f"The skill {each.name!r} needs a range of {axis} within 0 and 1 that is not empty, such "
                    f"as (0.5, 1.0), got {(low, high)}."
                )
    for one, other in combinations(skills, 2):
        if _overlap(space, one.region, other.region):
            raise ValueError(
                f"The skills {one.name!r} and {other.name!r} have tasks in common. Cut one of them: limit an "
                "axis, so that each task belongs to one skill at most."
            )


def find_skill(skills: Sequence[Skill], name: str) -> Skill:
    """A skill by its name.

    Args:
        skills: those of the domain.
        name: of one of them.

    Raises:
        ValueError: for a name that is none, naming those that exist.
    """
    names = [each.name for each in skills]
    return skills[names.index(check_name("skill", name, names))]


def skill_of(
    space: DifficultySpace, skills: Sequence[Skill], families: NDArray[np.int64], difficulty: Difficulty
) -> NDArray[np.int64]:
    """The skill that each task takes.

    Args:
        space: axes and families of the domain.
        skills: those that it declares.
        families: indices of families, shape (n,).
        difficulty: float64 in [0, 1], shape (n, axes).

    Returns:
        int64 array of shape (n,): indices of skills, ``NO_SKILL`` where there is none; on the border of two,
        the first.
    """
    found = np.full(len(families), NO_SKILL, dtype=np.int64)
    for index, each in reversed(list(enumerate(skills))):
        found[each.region.contains(space, families, difficulty)] = index
    return found


def _overlap(space: DifficultySpace, one: Region, other: Region) -> bool:
    if None not in (one.family, other.family) and one.family != other.family:
        return False
    (first_low, first_high), (second_low, second_high) = one.corners(space), other.corners(space)
    return bool((np.maximum(first_low, second_low) < np.minimum(first_high, second_high)).all())
