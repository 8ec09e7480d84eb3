"""Learners on the calibrated scale: asked until they are placed, or from answers that they have given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.placement import (
    CANDIDATES,
    STANDARD_ERROR,
    Placement,
    level_candidates,
    share_easier,
)
from etude_gym.difficulty.space import DifficultySpace
from etude_gym.measure.answers import Answers
from etude_gym.measure.intervals import Estimate, half_width
from etude_gym.randomness import check_seed, mix
from etude_gym.tasks.domain import Domain
from etude_gym.tasks.keys import TaskBatch, task_keys

ROUND = 8
"""Tasks of a family that are asked together."""


@dataclass(frozen=True)
class FamilyPlacement:
    """Where a learner stands on the scale of a family.

    Attributes:
        family: name of the family.
        tasks: answers that it follows from.
        ability: in logits; at tasks of that difficulty the score is midway between guessing and the ceiling.
        easier: share of the family's tasks that are easier than that.
        standard_error: of the ability.
    """

    family: str
    tasks: int
    ability: Estimate
    easier: Estimate
    standard_error: float

    @classmethod
    def of(cls, family: str, learners: Sequence[Placement]) -> FamilyPlacement:
        """Of one learner, with the interval of its ability; of several, the mean with a t interval.

        Args:
            family: name of the family.
            learners: at least one; seeds of a run are different learners.
        """
        abilities = np.array([each.ability for each in learners])
        mean, error = float(abilities.mean()), learners[0].standard_error
        low, high = learners[0].interval
        if len(learners) > 1:
            half = float(half_width(abilities))
            low, high = mean - half, mean + half
            error = float(abilities.std(ddof=1) / np.sqrt(len(abilities)))
        easier = [share_easier(learners[0].curve, value) for value in (mean, low, high)]
        tasks = sum(each.asked for each in learners)
        return cls(family, tasks, Estimate(mean, low, high), Estimate(*easier), error)

    def record(self) -> dict[str, Any]:
        """The placement as plain data."""
        return asdict(self)


def unplaced(space: DifficultySpace) -> dict[str, Placement]:
    """A placement for each family, before any answer; none where the space has no calibration.

    Args:
        space: axes and families of a domain.
    """
    if space.calibration is None:
        return {}
    return {name: Placement(c) for name, c in zip(space.families, space.calibration.curves, strict=True)}


def take_in(
    placements: Mapping[str, Placement],
    family: NDArray[np.int64],
    difficulty: NDArray[np.float64],
    scores: NDArray[np.float64],
) -> None:
    """Let answers move the placements of their families.

    Args:
        placements: by name of the family, in the order of the space.
        family: indices of families, shape (n,).
        difficulty: float64 in [0, 1], shape (n, axes).
        scores: float64 in [0, 1], NaN for tasks that do not count, shape (n,).
    """
    for index, placement in enumerate(placements.values()):
        rows = (family == index) & ~np.isnan(scores)
        placement.update(difficulty[rows], scores[rows])


def place_by_answers(space: DifficultySpace, runs: Sequence[Answers]) -> tuple[FamilyPlacement, ...]:
    """Place a learner by its answers to anchor tasks.

    Args:
        space: axes and families of the domain.
        runs: answers of one evaluation of each run (seed), at least one.

    Returns:
        A placement for each family; none where the domain has no calibration.
    """
    learners = []
    for answers in runs:
        learners.append(unplaced(space))
        take_in(learners[-1], answers.families, answers.difficulties, answers.scores)
    return tuple(FamilyPlacement.of(name, [each[name] for each in learners]) for name in learners[0])


def place_learner(
    domain: Domain,
    play: Callable[[TaskBatch], NDArray[np.float64]],
    *,
    most: int,
    standard_error: float = STANDARD_ERROR,
    placements: Mapping[str, Placement] | None = None,
    on_round: Callable[[Mapping[str, Placement]], None] = lambda _: None,
    seed: int = 0,
) -> Mapping[str, Placement]:
    """Ask a learner in every family the tasks that tell most, until it is placed.

    A family is left when the standard error of the ability is small enough, when the ability is clearly
    beyond all of its tasks, or when ``most`` tasks are used up. Tasks are fresh ones of the probe split.

    Args:
        domain: with a calibration.
        play: what plays n tasks and returns their scores, float64 (n,), NaN for those that do not count.
        most: tasks of each family.
        standard_error: of the ability, in logits, at which to stop.
        placements: by name of the family, what is known already; by default nothing.
        on_round: told the placements before each round, and at the end.
        seed: of the tasks and choices.

    Returns:
        The placements by name of the family.

    Raises:
        ValueError: if the domain has no calibration.

    Example:
        >>> from etude_gym.measure.rollout import rollout
        >>> agent = etude_gym.load_agent("runs/quick/adaptive/seed_0")  # doctest: +SKIP
        >>> found = place_learner(
        ...     agent.domain, lambda tasks: rollout(agent.domain, tasks, agent)["score"], most=300
        ... )  # doctest: +SKIP
    """
    placements = unplaced(domain.space) if placements is None else placements
    if not placements:
        raise ValueError(f"{domain.name} has no calibration. Make one: etude panel, then etude calibrate.")
    stream = int(mix(0x91ACE, check_seed(seed))[0] >> np.uint64(1))
    random = np.random.default_rng(stream)
    left = dict.fromkeys(placements, most)
    drawn = 0
    while True:
        on_round(placements)
        difficulty, family = [], []
        for index, (name, placement) in enumerate(placements.items()):
            if placement.standard_error <= standard_error or placement.off_scale or not left[name]:
                continue
            number = min(ROUND, left[name])
            candidates = level_candidates(CANDIDATES, len(domain.space), random)
            difficulty.append(candidates[placement.choose(candidates, random, number)])
            family.append(np.full(number, index))
            left[name] -= number
        if not family:
            return placements
        families = np.concatenate(family)
        keys = task_keys(domain.name, "probe", stream, drawn + np.arange(len(families)))
        tasks = TaskBatch(keys, np.concatenate(difficulty), families)
        take_in(placements, families, tasks.difficulty, play(tasks))
        drawn += len(families)
