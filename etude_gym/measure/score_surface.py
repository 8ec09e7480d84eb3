"""Scores along the axes of difficulty, over pairs of them, and where they fall to one half: the frontier."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from etude_gym.difficulty.space import DifficultySpace
from etude_gym.measure.ability_curve import AbilityCurve
from etude_gym.measure.intervals import Estimate, estimate
from etude_gym.practice.learner_model import Floats, sigmoid
from etude_gym.randomness import mix

LEVELS = np.linspace(0.0, 1.0, 21)
"""Levels of an axis at which scores are told."""
FIXED = 0.5
"""Level of the other axes where they are fixed."""
POINTS = 512
"""Of difficulty space, over which the others are averaged."""
HALF = 0.5
"""The score of the frontier."""


@dataclass(frozen=True)
class AxisProfile:
    """The score along one axis.

    Attributes:
        axis: its name.
        family: name of the family; None for the mean of all.
        averaged: the score at each of ``LEVELS``, averaged over all levels of the other axes.
        fixed: the same with the other axes at 0.5.
        drop: how far ``averaged`` falls from level 0 to level 1.
        frontier: level at which ``averaged`` falls to 0.5; None where it does not.
    """

    axis: str
    family: str | None
    averaged: tuple[Estimate, ...]
    fixed: tuple[Estimate, ...]
    drop: Estimate
    frontier: float | None


@dataclass(frozen=True)
class Contour:
    """The score over two axes, averaged over all levels of the others.

    Attributes:
        axes: names of the two.
        family: name of the family; None for the mean of all.
        scores: by level of the first axis, then of the second, at ``LEVELS``.
        frontier: for each level of the first axis the level of the second at which the score falls to 0.5;
            None where it does not.
    """

    axes: tuple[str, str]
    family: str | None
    scores: tuple[tuple[float, ...], ...]
    frontier: tuple[float | None, ...]


class ScoreSurface:
    """Scores over difficulty space, of fitted models.

    Args:
        space: axes and families of the domain.
        fits: models of each family, of the sample itself first and then of each resample.
    """

    def __init__(self, space: DifficultySpace, fits: Sequence[Sequence[AbilityCurve]]) -> None:
        self._space, self._fits = space, fits
        self._points = space.uniform(mix(0x9A0F11E, np.arange(POINTS)))
        several = len(space.families) > 1
        self._groups: list[tuple[str | None, list[int]]] = [
            *([(None, list(range(len(space.families))))] if several else []),
            *((name, [index]) for index, name in enumerate(space.families)),
        ]

    def axes(self) -> Iterator[AxisProfile]:
        """Each axis in each family, and in their mean before if there are several; axis by axis."""
        for axis, name in enumerate(self._space.names):
            averaged = self._along(axis, self._points)
            fixed = self._along(axis, np.full((1, len(self._space)), FIXED))
            for group, families in self._groups:
                mean = averaged[:, families].mean(axis=1)
                yield AxisProfile(
                    name,
                    group,
                    tuple(map(estimate, mean.T)),
                    tuple(map(estimate, fixed[:, families].mean(axis=1).T)),
                    estimate(mean[:, 0] - mean[:, -1]),
                    _crossing(mean[0]),
                )

    def contours(self) -> Iterator[Contour]:
        """Each pair of axes, in the same way; from the sample itself alone."""
        for pair in itertools.combinations(range(len(self._space)), 2):
            scores = np.array([self._over(pair, curve) for curve in self._fits[0]])
            for group, families in self._groups:
                mean = scores[families].mean(axis=0)
                yield Contour(
                    (self._space.names[pair[0]], self._space.names[pair[1]]),
                    group,
                    tuple(tuple(row) for row in mean.tolist()),
                    tuple(_crossing(row) for row in mean),
                )

    def _along(self, axis: int, points: Floats) -> Floats:
        """Mean scores, shape (fits, families, levels)."""
        found = np.empty((len(self._fits), len(self._fits[0]), len(LEVELS)))
        for i, curves in enumerate(self._fits):
            for j, curve in enumerate(curves):
                drops = curve.axis_drops(axis, LEVELS)
                rest = curve.logits(points) + curve.axis_drops(axis, points[:, axis])
                found[i, j] = sigmoid(rest[:, None] - drops).mean(axis=0)
        return found

    def _over(self, pair: tuple[int, int], curve: AbilityCurve) -> Floats:
        """Mean scores at all levels of two axes, shape (levels, levels)."""
        rest = curve.logits(self._points)
        for axis in pair:
            rest = rest + curve.axis_drops(axis, self._points[:, axis])
        first, second = (curve.axis_drops(axis, LEVELS) for axis in pair)
        return np.asarray(sigmoid(rest[:, None, None] - first[:, None] - second).mean(axis=0))


def _crossing(scores: Floats) -> float | None:
    """Level at which scores that fall with the level pass 0.5; None if they do not."""
    if not scores[0] > HALF > scores[-1]:
        return None
    return float(np.interp(-HALF, -scores, LEVELS))
