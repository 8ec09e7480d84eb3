"""Evaluation: roll agents out on given tasks, and the anchor tasks that alone score a learner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.agent import Agent, choose, make_agent
from etude_gym.confidence import Calibration
from etude_gym.difficulty import NUM_BANDS, Difficulty, DifficultySpace, band_edges
from etude_gym.domain import Domain
from etude_gym.environment import observation_allocator, take
from etude_gym.randomness import Keys, mix, uniform
from etude_gym.tasks import TaskBatch, task_keys

Cells = tuple[tuple[str, int], ...]
"""(family, band) of every cell of the anchor design."""

CHANCE_TASKS = 500
"""Tasks per cell on which the random agent's score is measured."""

_CANDIDATES = 64
_FIRST_COUNTER = 1 << 40


@dataclass(frozen=True, eq=False)
class AnchorResult:
    """What an agent did on the anchor tasks of a checkpoint.

    Attributes:
        scores: raw scores in [0, 1], shape (cells, per_cell).
        calibration: of the confidence stated, over all cells; None in a domain without confidence.
    """

    scores: NDArray[np.float64]
    calibration: Calibration | None


def rollout(domain: Domain, tasks: TaskBatch, agent: Agent) -> dict[str, NDArray[Any]]:
    """Let an agent play every task once, side by side.

    Args:
        domain: the domain of the tasks.
        tasks: n tasks.
        agent: acts on the tasks that are still running.

    Returns:
        "score", "solved", "illegal_actions", the score's components and "actions" (the length of the
        episode), each an array of shape (n,).
    """
    num_tasks = len(tasks)
    worlds = domain.allocate(num_tasks)
    domain.generate(worlds, np.arange(num_tasks), tasks)
    running = np.arange(num_tasks)
    observations = observation_allocator(domain.observation_space, num_tasks)()
    masks = np.zeros((num_tasks, int(domain.action_space.n)), dtype=np.int8)
    domain.observe(worlds, running, observations, masks)
    outcomes: dict[str, NDArray[Any]] = {"actions": np.zeros(num_tasks, dtype=np.int64)}
    while len(running):
        actions = choose(agent, worlds, observations, masks)
        rewards, ends = np.empty(len(running)), np.empty(len(running), dtype=np.bool_)
        active = np.ones(len(running), dtype=np.bool_)
        domain.step(worlds, np.asarray(actions, dtype=np.int64), active, observations, masks, rewards, ends)
        outcomes["actions"][running] += 1
        if ends.any():
            for name, values in domain.outcome(worlds, np.flatnonzero(ends)).items():
                outcomes.setdefault(name, np.zeros(num_tasks, dtype=values.dtype))[running[ends]] = values
            going = ~ends
            running, worlds, masks = running[going], worlds[going], masks[going]
            observations = take(observations, going)
    return outcomes


def cells_of(space: DifficultySpace) -> Cells:
    """The cells of the anchor design: every family in every band."""
    return tuple((family, band) for family in space.families for band in range(NUM_BANDS))


def difficulty_in_band(space: DifficultySpace, keys: Keys, band: int) -> Difficulty:
    """Difficulty drawn uniformly from the part of the space that belongs to a band.

    Args:
        space: axes of the domain.
        keys: uint64 (n,).
        band: 0 (easiest) to 3.

    Returns:
        float64 array of shape (n, axes).
    """
    counters = _FIRST_COUNTER + np.arange(_CANDIDATES * len(space)).reshape(_CANDIDATES, len(space))
    candidates = uniform(keys[:, None, None], counters)
    edges = band_edges(len(space))
    level = candidates.mean(axis=2)
    inside = (level >= edges[band]) & (level < edges[band + 1])
    chosen: Difficulty = candidates[np.arange(len(keys)), inside.argmax(axis=1)]
    return chosen


def stratified_tasks(domain: Domain, split: str, stream: int, per_cell: int, salt: int = 0) -> TaskBatch:
    """Tasks stratified over all cells, in the order of ``cells_of``.

    Args:
        domain: the domain.
        split: "anchor" or "probe".
        stream: which set of tasks (the index of a checkpoint).
        per_cell: tasks in each cell.
        salt: secret of the anchor split.
    """
    cells = cells_of(domain.space)
    keys = task_keys(domain.name, split, stream, np.arange(len(cells) * per_cell), salt)
    blocks = keys.reshape(len(cells), per_cell)
    difficulty = [
        difficulty_in_band(domain.space, block, band) for block, (_, band) in zip(blocks, cells, strict=True)
    ]
    family = [np.full(per_cell, domain.space.families.index(name)) for name, _ in cells]
    return TaskBatch(keys, np.concatenate(difficulty), np.concatenate(family).astype(np.int64))


def score_anchors(domain: Domain, agent: Agent, checkpoint: int, per_cell: int, salt: int) -> AnchorResult:
    """Score an agent on the anchor tasks of a checkpoint, and measure the confidence it stated.

    Args:
        domain: the domain.
        agent: who is scored.
        checkpoint: index of the checkpoint; every checkpoint has fresh tasks, the same for all arms.
        per_cell: tasks in each cell.
        salt: secret of the run.

    Raises:
        ValueError: if the domain's outcomes hold confidence that is no probability.
    """
    outcomes = rollout(domain, stratified_tasks(domain, "anchor", checkpoint, per_cell, salt), agent)
    scores = np.asarray(outcomes["score"], dtype=np.float64).reshape(-1, per_cell)
    return AnchorResult(scores, _calibration(domain, outcomes))


def _calibration(domain: Domain, outcomes: Mapping[str, NDArray[Any]]) -> Calibration | None:
    if "confidence" not in outcomes:
        return None
    if "correct" not in outcomes:
        raise ValueError(
            f'The outcomes of {domain.name} hold "confidence" but not "correct": confidence is measured '
            "against whether the answer was right. Add the column, or leave both out."
        )
    return Calibration.from_answers(outcomes["confidence"], outcomes["correct"])


def chance_levels(domain: Domain, per_cell: int = CHANCE_TASKS) -> NDArray[np.float64]:
    """Mean score of the random agent in each cell, on probe tasks: float64 array of shape (cells,)."""
    tasks = stratified_tasks(domain, "probe", int(mix(0xC4A9CE)[0] >> np.uint64(1)), per_cell)
    scores = rollout(domain, tasks, make_agent("random", domain))["score"]
    return np.asarray(scores.reshape(-1, per_cell).mean(axis=1), dtype=np.float64)
