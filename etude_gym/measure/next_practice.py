"""What to practice next: the region of difficulty where practice is predicted to raise the score most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from etude_gym.difficulty.region import Region
from etude_gym.difficulty.space import DifficultySpace
from etude_gym.measure.ability_curve import QUARTERS, AbilityCurve
from etude_gym.measure.intervals import Estimate, estimate
from etude_gym.practice.learner_model import Floats, sigmoid
from etude_gym.randomness import mix

POINTS = 2048
"""Of difficulty space, over which the score of a region is averaged."""
RISE = 1.0
"""Logits by which practice of a region is assumed to raise the ability in it: only the order matters."""


@dataclass(frozen=True)
class NextPractice:
    """A region that could be practiced.

    Attributes:
        region: a family, if there are several, and a quarter of one axis.
        score: mean chance-corrected score in it now.
        gain: in the anchor score, if practice raised the ability in the region, and nowhere else, by a logit.
    """

    region: Region
    score: Estimate
    gain: Estimate


def regions(space: DifficultySpace) -> Iterator[Region]:
    """The regions that are weighed against each other: every quarter of every axis in every family.

    All of them hold as many tasks, so that practice is spread over them alike.

    Args:
        space: axes and families of the domain.
    """
    several = len(space.families) > 1
    for family in space.families if several else (None,):
        for axis in space.names:
            for quarter in range(QUARTERS):
                yield Region({axis: (quarter / QUARTERS, (quarter + 1) / QUARTERS)}, family)


def next_practice(space: DifficultySpace, fits: Sequence[Sequence[AbilityCurve]]) -> tuple[NextPractice, ...]:
    """All regions, the one of the largest predicted gain first.

    Args:
        space: axes and families of the domain.
        fits: models of each family, of the sample itself first and then of each resample.
    """
    points = space.uniform(mix(0x9E87, np.arange(POINTS)))
    families = np.zeros(POINTS, dtype=np.int64)
    logits = np.array([[curve.logits(points) for curve in curves] for curves in fits])
    found = []
    for region in regions(space):
        family = 0 if region.family is None else space.families.index(region.family)
        inside = region.contains(space, families + family, points)
        here = logits[:, family, inside]
        found.append(
            NextPractice(
                region,
                estimate(sigmoid(here).mean(axis=1)),
                estimate(_gain(here) * inside.mean() / len(space.families)),
            )
        )
    return tuple(sorted(found, key=lambda each: -each.gain.value))


def _gain(logits: Floats) -> Floats:
    return np.asarray((sigmoid(logits + RISE) - sigmoid(logits)).mean(axis=1))
