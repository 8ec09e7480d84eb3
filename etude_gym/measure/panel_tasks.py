"""The probe tasks that a panel's lineages answer at each checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.space import Difficulty, DifficultySpace
from etude_gym.randomness import mix, name_key
from etude_gym.tasks.domain import Domain
from etude_gym.tasks.keys import TaskBatch, task_keys

STREAM = int(mix(0x9A4E1)[0] >> np.uint64(1))
"""The stream of probe tasks that all lineages share."""
LADDER_LEVEL = 0.2
"""Where the other axes stand while one of them climbs."""


@dataclass(frozen=True)
class ProbeDesign:
    """How many probe tasks of each family a lineage answers at a checkpoint.

    Attributes:
        common: the same tasks for all, spread evenly over the space: Sobol' points (Sobol' 1967).
        ladder: fresh tasks along one axis, the others at 0.2, in equal shares for the axes.
        fresh: fresh tasks from the whole space.
    """

    common: int = 128
    ladder: int = 64
    fresh: int = 64

    def __post_init__(self) -> None:
        numbers = (self.common, self.ladder, self.fresh)
        if min(numbers) < 0 or self.common < 2 or any(not isinstance(each, int) for each in numbers):
            raise ValueError(f"A panel asks whole numbers of tasks, 2 common ones at least, got {numbers}.")

    @property
    def total(self) -> int:
        """Tasks of each family."""
        return self.common + self.ladder + self.fresh


def panel_tasks(
    domain: Domain, design: ProbeDesign, lineage: str, checkpoint: int
) -> tuple[TaskBatch, NDArray[np.int64]]:
    """The probe tasks of a lineage at a checkpoint.

    Args:
        domain: the domain that the tasks belong to.
        design: how many tasks.
        lineage: name of the lineage; fresh tasks are its own.
        checkpoint: index of the checkpoint.

    Returns:
        Tasks, family after family, and for each the number of the common task that it is, -1 for a fresh one.
    """
    space, own = domain.space, int(mix(name_key(lineage), checkpoint)[0] >> np.uint64(1))
    families = len(space.families)
    fresh = design.ladder + design.fresh
    common_keys = task_keys(domain.name, "probe", STREAM, np.arange(families * design.common))
    fresh_keys = task_keys(domain.name, "probe", own, np.arange(families * fresh))
    spread = _sobol(space, design.common)
    keys, difficulty, items = [], [], []
    for family in range(families):
        shared = slice(family * design.common, (family + 1) * design.common)
        alone = fresh_keys[family * fresh : (family + 1) * fresh]
        keys += [common_keys[shared], alone]
        uniform = space.uniform(alone[design.ladder :], counter=1)
        difficulty += [spread, _ladders(space, design.ladder), uniform]
        items += [np.arange(shared.start, shared.stop), np.full(fresh, -1)]
    return (
        TaskBatch(
            np.concatenate(keys),
            np.concatenate(difficulty),
            np.repeat(np.arange(families), design.total),
        ),
        np.concatenate(items).astype(np.int64),
    )


def _sobol(space: DifficultySpace, number: int) -> Difficulty:
    from scipy.stats import qmc

    points = 1 << int(np.ceil(np.log2(number)))
    spread: Difficulty = qmc.Sobol(len(space), rng=np.random.default_rng(0)).random(points)[:number]
    return spread


def _ladders(space: DifficultySpace, number: int) -> Difficulty:
    """Tasks that climb along one axis after another, from 0 to 1."""
    difficulty = np.full((number, len(space)), LADDER_LEVEL)
    for axis, rows in enumerate(np.array_split(np.arange(number), len(space))):
        difficulty[rows, axis] = np.linspace(0.0, 1.0, len(rows)) if len(rows) > 1 else 1.0
    return difficulty
