"""Difficulty: named axes in [0, 1], the space they span, and the bands that stratify it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.calibration import Calibration
from etude_gym.errors import check_name
from etude_gym.randomness import Keys, uniform

Difficulty = NDArray[np.float64]


@dataclass(frozen=True)
class Axis:
    """One continuous, independently tunable difficulty parameter.

    Attributes:
        name: what the axis is called everywhere (options, info, reports).
        description: what rises with it, in one line.
        low: what the generator does at 0.
        high: what the generator does at 1.
    """

    name: str
    description: str
    low: str = ""
    high: str = ""


@dataclass(frozen=True)
class DifficultySpace:
    """The axes and families of a domain.

    Attributes:
        axes: the difficulty parameters, in the order of every difficulty array's last dimension.
        families: kinds of tasks, in the order of every family index.
        calibration: how hard tasks are, if a panel of learners has shown it; bands, priors of the learner
            model and placement follow it.

    Raises:
        ValueError: for a calibration of other axes or families.
    """

    axes: tuple[Axis, ...]
    families: tuple[str, ...]
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        known = self.calibration
        if known is not None and (known.axes, known.families) != (self.names, self.families):
            raise ValueError(
                f"The calibration is of axes {known.axes} and families {known.families}; this space has "
                f"{self.names} and {self.families}. Make a new one: etude panel, then etude calibrate."
            )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the axes, in order."""
        return tuple(axis.name for axis in self.axes)

    @property
    def calibration_hash(self) -> str:
        """Hash of the calibration, which bands follow; empty without one."""
        return self.calibration.hash if self.calibration else ""

    def __len__(self) -> int:
        return len(self.axes)

    def parse(self, difficulty: Mapping[str, Any]) -> Difficulty:
        """Turn ``{"axis": value}`` into an array; axes that are not named are NaN (free).

        Args:
            difficulty: values in [0, 1] by name of axis.

        Returns:
            float64 array of shape (axes,).

        Raises:
            ValueError: for a name that is no axis or a value outside [0, 1].
        """
        if not isinstance(difficulty, Mapping):
            raise ValueError(
                f"difficulty must be a mapping such as {{{self.names[0]!r}: 0.5}}, got {difficulty!r}."
            )
        values = np.full(len(self.axes), np.nan)
        for name, value in difficulty.items():
            check_name("difficulty axis", name, self.names)
            number = float(value) if isinstance(value, (int, float, np.number)) else np.nan
            if not 0.0 <= number <= 1.0:
                raise ValueError(f"difficulty[{name!r}] must be a number in [0, 1], got {value!r}.")
            values[self.names.index(name)] = number
        return values

    def parse_family(self, family: str) -> int:
        """Index of a family.

        Args:
            family: one of ``families``.

        Raises:
            ValueError: for a name that is no family, naming those that exist.
        """
        return self.families.index(check_name("family", family, self.families))

    def named(self, difficulty: Difficulty) -> dict[str, float]:
        """A difficulty vector as a dictionary by name of axis: the inverse of ``parse``.

        Args:
            difficulty: float64 of shape (axes,).
        """
        return dict(zip(self.names, difficulty.tolist()))  # noqa: B905 (a keyword costs more than the rest)

    def uniform(self, keys: Keys, counter: int = 0) -> Difficulty:
        """Difficulty drawn uniformly from the whole space, one vector for each key.

        Args:
            keys: uint64 array of shape (n,).
            counter: which of the key's numbers to use; a draw takes one for each axis.

        Returns:
            float64 array of shape (n, axes).
        """
        return uniform(keys[:, None], np.arange(counter, counter + len(self.axes)))

    def uniform_families(self, keys: Keys, counter: int) -> NDArray[np.int64]:
        """Families drawn uniformly, one for each key.

        Args:
            keys: uint64 array of shape (n,).
            counter: which of the key's numbers to use; a draw takes one.

        Returns:
            int64 array of shape (n,), indices into ``families``.
        """
        return (uniform(keys, counter) * len(self.families)).astype(np.int64)
