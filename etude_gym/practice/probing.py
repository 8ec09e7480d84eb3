"""Probing: which neighbors of the tasks that a learner is stuck at it can do, and so what holds it up.

A probe is a task from the harder half of the box of a family, on every axis, with one axis pulled down to the
basics, or all of them. What is regained by pulling an axis down says how much of the failure that axis
explains; tasks from the harder half as they are serve for comparison, since failures are where they differ
most from the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.space import DifficultySpace

RESULTS = 200
"""Results of probes in a round."""
CERTAINTY = 2.5
"""Standard errors by which a neighbor's score has to lie above that of the hard tasks to count."""
SHARE_OF_BEST = 0.5
"""Part of the largest gain that another axis has to regain to be named beside it."""


@dataclass(frozen=True)
class Finding:
    """What a round of probes found.

    Attributes:
        family: index of the family that stood still.
        hard: mean score on its hard tasks as they are.
        pulled_down: mean score by axis pulled down.
        basics: mean score with all axes pulled down.
        boxes: running score in the box of every family.
        axes: the axes, by index, that explain the failures, the strongest first; empty if none does.
        elsewhere: whether no neighbor in the family is better, while other families are.
    """

    family: int
    hard: float
    pulled_down: tuple[float, ...]
    basics: float
    boxes: tuple[float, ...]
    axes: tuple[int, ...]
    elsewhere: bool

    def record(self, space: DifficultySpace) -> dict[str, Any]:
        """The finding by names, for records that people read.

        Args:
            space: axes and families of the domain.
        """
        others = dict(zip(space.families, np.round(self.boxes, 4).tolist(), strict=True))
        del others[space.families[self.family]]
        no_axis = ["family"] if self.elsewhere else ["all axes together"] if self.basics_alone else []
        return {
            "family": space.families[self.family],
            "gap": [space.names[axis] for axis in self.axes] or no_axis,
            "hard": round(self.hard, 4),
            "pulled_down": dict(zip(space.names, np.round(self.pulled_down, 4).tolist(), strict=False)),
            "basics": round(self.basics, 4),
            "other_families": others,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Finding:
        """A finding from its fields as a dictionary, whose tuples may have become lists.

        Args:
            state: what ``dataclasses.asdict`` returned, perhaps by way of JSON.
        """
        fields: dict[str, Any] = dict(state)
        for name in ("pulled_down", "boxes", "axes"):
            fields[name] = tuple(fields[name])
        return cls(**fields)

    @property
    def basics_alone(self) -> bool:
        """Whether only pulling all axes down helped."""
        return not self.axes and not self.elsewhere and self.basics > self.hard


class ProbeRound:
    """A round of probes of one family. Its neighbors are the hard tasks, one for each axis, and the basics.

    Args:
        limit: of the box.
        box: highest value of each axis in the box, float64 (axes,).
        basics: highest value of each axis in the basics, float64 (axes,).
    """

    def __init__(self, limit: float, box: NDArray[np.float64], basics: NDArray[np.float64]) -> None:
        self.limit, axes = limit, len(box)
        self.low = np.tile(np.minimum(np.maximum(0.5 * box, basics), box), (axes + 2, 1))
        self.high = np.tile(box, (axes + 2, 1))
        for axis in range(axes):
            self.low[1 + axis, axis], self.high[1 + axis, axis] = 0.0, basics[axis]
        self.low[-1], self.high[-1] = 0.0, basics
        self._count = [0] * (axes + 2)
        self._sum = [0.0] * (axes + 2)

    def add(self, difficulty: NDArray[np.float64], score: float) -> None:
        """Take the result of a probe; one of an earlier round, which is no neighbor here, is ignored.

        Args:
            difficulty: float64 (axes,), of the task.
            score: in [0, 1].
        """
        inside = ((difficulty >= self.low) & (difficulty <= self.high)).all(axis=1)
        if inside.any():
            neighbor = int(inside.argmax())
            self._count[neighbor] += 1
            self._sum[neighbor] += score

    @property
    def finished(self) -> bool:
        """Whether there are enough results, of every neighbor."""
        return sum(self._count) >= RESULTS and min(self._count) > 1

    def finding(self, family: int, boxes: tuple[float, ...], elsewhere: bool) -> Finding:
        """What the round found.

        Args:
            family: index of the family that was probed.
            boxes: running score in the box of every family.
            elsewhere: whether another one is clearly ahead.
        """
        count = np.maximum(self._count, 1)
        means = np.array(self._sum) / count
        hard, *pulled_down, basics = means.tolist()
        variance = (means * (1.0 - means) + 1.0 / count) / count  # never 0, as few results may all be alike
        certain = means - hard > CERTAINTY * np.sqrt(variance + variance[0])
        gains = np.where(certain, means - hard, 0.0)[1:-1]
        named = gains >= max(SHARE_OF_BEST * float(gains.max()), 1e-9)
        order = np.argsort(-gains, kind="stable")
        axes = tuple(int(axis) for axis in order if named[axis])
        alone = elsewhere and not certain.any()
        return Finding(family, hard, tuple(pulled_down), basics, boxes, axes, alone)

    def state_dict(self) -> dict[str, Any]:
        """The round so far, as plain numbers that JSON can hold."""
        return {"limit": self.limit, "count": list(self._count), "sum": list(self._sum)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a :meth:`state_dict` of a round with the same limits.

        Args:
            state: what ``state_dict`` returned.
        """
        self._count, self._sum = list(state["count"]), list(state["sum"])
