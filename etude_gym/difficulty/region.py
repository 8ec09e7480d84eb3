"""Regions of a difficulty space: a family, and limits of some axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.space import Difficulty, DifficultySpace
from etude_gym.errors import check_name


@dataclass(frozen=True)
class Region:
    """A part of a difficulty space.

    Attributes:
        limits: lowest and highest value of the axes that are limited, by name; all others are free.
        family: the only family in it; None for all.
    """

    limits: Mapping[str, tuple[float, float]]
    family: str | None = None

    @classmethod
    def parse(cls, space: DifficultySpace, options: Mapping[str, object]) -> Region:
        """Read a region as the options of an arm say it.

        Args:
            space: axes and families of the domain.
            options: "family" and ranges of axes ("0.75-1"), by name; at least one.

        Raises:
            ValueError: for a name that is no axis, a range that is none, a family that does not exist.
        """
        limits = {}
        for name, text in options.items():
            if name != "family":
                check_name("difficulty axis", name, space.names)
                limits[name] = _range(name, text)
        family = options.get("family")
        if family is not None:
            check_name("family", family, space.families)
        if not limits and family is None:
            raise ValueError(
                f"Name a region: a family, or a range of an axis such as {space.names[0]}=0.75-1."
            )
        return cls(limits, None if family is None else str(family))

    @property
    def options(self) -> str:
        """The region as options of an arm: ``family=delivery,horizon=0.75-1``."""
        family = [] if self.family is None else [f"family={self.family}"]
        return ",".join([*family, *(f"{axis}={low:g}-{high:g}" for axis, (low, high) in self.limits.items())])

    @property
    def words(self) -> str:
        """The region in words: ``delivery, horizon 0.75 to 1``."""
        family = [] if self.family is None else [self.family]
        return ", ".join(
            [*family, *(f"{axis} {low:g} to {high:g}" for axis, (low, high) in self.limits.items())]
        )

    def corners(self, space: DifficultySpace) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lowest and highest difficulty, each of shape (axes,).

        Args:
            space: axes of the domain.
        """
        pairs = np.array([self.limits.get(axis, (0.0, 1.0)) for axis in space.names], dtype=np.float64)
        return pairs[:, 0], pairs[:, 1]

    def contains(
        self, space: DifficultySpace, families: NDArray[np.int64], difficulty: Difficulty
    ) -> NDArray[np.bool_]:
        """Which tasks lie in the region.

        Args:
            space: axes and families of the domain.
            families: indices of families, shape (n,).
            difficulty: float64 in [0, 1], shape (n, axes).

        Returns:
            bool array of shape (n,).
        """
        low, high = self.corners(space)
        inside = ((difficulty >= low) & (difficulty <= high)).all(axis=1)
        if self.family is not None:
            inside &= families == space.families.index(self.family)
        return np.asarray(inside, dtype=np.bool_)


def _range(axis: str, text: object) -> tuple[float, float]:
    low, dash, high = str(text).partition("-")
    try:
        limits = float(low), float(high)
    except ValueError:
        limits = 1.0, 0.0
    if not dash or not 0.0 <= limits[0] < limits[1] <= 1.0:
        raise ValueError(f"{axis} needs a range within 0 and 1 such as {axis}=0.75-1, got {text!r}.")
    return limits
