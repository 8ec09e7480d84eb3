"""Evaluation: the anchor tasks that alone score a learner, and its scores on them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.bands import BANDS, cells_of, difficulty_in_band
from etude_gym.environment.text_rounds import fingerprint
from etude_gym.environment.text_task import text_tasks
from etude_gym.measure.agent import Agent, TextAgent
from etude_gym.measure.answers import OK, PRACTICED, UNANSWERED, Answers
from etude_gym.measure.confidence import Reliability
from etude_gym.measure.rollout import rollout
from etude_gym.measure.scripted import RandomAgent
from etude_gym.randomness import mix
from etude_gym.tasks.domain import Domain
from etude_gym.tasks.keys import TaskBatch, task_keys
from etude_gym.tasks.status import Status

CHANCE_TASKS = 500
"""Tasks per cell on which the random agent's score is measured."""
CHANCE_STREAM = int(mix(0xC4A9CE)[0] >> np.uint64(1))
"""The stream of these tasks."""


@dataclass(frozen=True, eq=False)
class AnchorResult:
    """What an agent did on the anchor tasks of a checkpoint.

    Attributes:
        scores: raw scores in [0, 1], shape (cells, per_cell). A task that does not count has the mean of the
            others in its cell.
        answers: each answer; where it stands in a curve is for ``Answers.at`` to say.
        reliability: of the confidence stated, over all cells; None in a domain without confidence.
        ungraded: tasks that could not be graded, through no fault of the agent.
        practiced: tasks left out because the agent has practiced one that says the same.
    """

    scores: NDArray[np.float64]
    answers: Answers
    reliability: Reliability | None
    ungraded: int = 0
    practiced: int = 0

    def record(self) -> dict[str, Any]:
        """What a line of ``curve.jsonl`` says beside the scores: nothing of what did not happen."""
        counts = {"ungraded": self.ungraded, "practiced": self.practiced}
        told: dict[str, Any] = {name: count for name, count in counts.items() if count}
        return told | ({"reliability": self.reliability.record()} if self.reliability else {})


def stratified_tasks(
    domain: Domain, split: str, stream: int, per_cell: int, salt: int = 0, bands: Sequence[int] = BANDS
) -> TaskBatch:
    """Tasks stratified over all cells, in the order of ``cells_of``.

    Args:
        domain: the domain that the tasks belong to.
        split: "anchor" or "probe".
        stream: which set of tasks (the index of a checkpoint).
        per_cell: tasks in each cell.
        salt: secret of the anchor split.
        bands: those of the anchor design.

    Returns:
        cells * per_cell tasks, cell after cell.
    """
    cells = cells_of(domain.space, bands)
    keys = task_keys(domain.name, split, stream, np.arange(len(cells) * per_cell), salt)
    blocks = keys.reshape(len(cells), per_cell)
    difficulty = [
        difficulty_in_band(domain.space, block, domain.space.families.index(name), band)
        for block, (name, band) in zip(blocks, cells, strict=True)
    ]
    family = [np.full(per_cell, domain.space.families.index(name)) for name, _ in cells]
    return TaskBatch(keys, np.concatenate(difficulty), np.concatenate(family).astype(np.int64))


def score_anchors(
    domain: Domain,
    agent: Agent | TextAgent,
    checkpoint: int,
    per_cell: int,
    salt: int,
    bands: Sequence[int] = BANDS,
) -> AnchorResult:
    """Score an agent on the anchor tasks of a checkpoint, and measure the confidence it stated.

    Args:
        domain: the domain that the tasks belong to.
        agent: the agent to score; one that reads prompts plays the tasks as text.
        checkpoint: index of the checkpoint; every checkpoint has fresh tasks, the same for all arms.
        per_cell: tasks in each cell.
        salt: secret of the run.
        bands: those of the anchor design.

    Raises:
        ValueError: if the domain's outcomes hold confidence that is no probability.
        RuntimeError: if no task of a cell could be graded.
    """
    tasks = stratified_tasks(domain, "anchor", checkpoint, per_cell, salt, bands)
    band_column = np.repeat([band for _, band in cells_of(domain.space, bands)], per_cell)
    if isinstance(agent, TextAgent):
        return _score_as_text(domain, agent, tasks, band_column, per_cell)
    outcomes = rollout(domain, tasks, agent)
    scores = np.asarray(outcomes["score"], dtype=np.float64)
    reliability = _reliability(domain, outcomes)
    answers = Answers.to_tasks(tasks, band_column, scores, (OK,) * len(tasks), outcomes)
    return AnchorResult(scores.reshape(-1, per_cell), answers, reliability)


def _score_as_text(
    domain: Domain, agent: TextAgent, batch: TaskBatch, bands: NDArray[np.int64], per_cell: int
) -> AnchorResult:
    tasks = text_tasks(domain, batch)
    practiced: Collection[int] = getattr(agent, "practiced", frozenset())
    seen = np.array([fingerprint(task) in practiced for task in tasks], dtype=np.bool_)
    graded = np.array(agent.play(tasks), dtype=np.bool_)
    outcomes = [task.outcome() for task in tasks]
    counts = graded & ~seen
    raw = np.where(counts, [outcome["score"] for outcome in outcomes], np.nan)
    scores = raw.reshape(-1, per_cell)
    for cell, number in enumerate(counts.reshape(-1, per_cell).sum(axis=1).tolist()):
        if not number:
            first = tasks[cell * per_cell]
            raise RuntimeError(
                f"None of the {per_cell} anchor tasks of a cell (family {first.family!r}, number {cell}) "
                "counts: they could not be graded, or were practiced. Start a run with more of them (items)."
            )
    scores = np.where(np.isnan(scores), np.nanmean(scores, axis=1, keepdims=True), scores)
    columns: dict[str, NDArray[Any]] = {
        name: np.array([outcome[name] for outcome in outcomes], dtype=np.float64)
        for name in ("confidence", "correct")
        if name in outcomes[0]
    }
    reliability = _reliability(domain, {name: column[counts] for name, column in columns.items()})
    statuses = tuple(_status(outcome, *flags) for outcome, *flags in zip(outcomes, graded, seen, strict=True))
    answers = Answers.to_tasks(batch, bands, raw, statuses, columns)
    return AnchorResult(scores, answers, reliability, int((~graded).sum()), int((graded & seen).sum()))


def _status(outcome: Mapping[str, Any], graded: bool, practiced: bool) -> str:
    if not graded:
        return str(Status.INFRASTRUCTURE_ERROR)
    return PRACTICED if practiced else str(outcome["status"] or UNANSWERED)


def _reliability(domain: Domain, outcomes: Mapping[str, NDArray[Any]]) -> Reliability | None:
    if "confidence" not in outcomes:
        return None
    if "correct" not in outcomes:
        raise ValueError(
            f'The outcomes of {domain.name} hold "confidence" but not "correct": confidence is measured '
            "against whether the answer was right. Add the column, or leave both out."
        )
    return Reliability.from_answers(outcomes["confidence"], outcomes["correct"])


def chance_levels(
    domain: Domain, per_cell: int = CHANCE_TASKS, bands: Sequence[int] = BANDS
) -> NDArray[np.float64]:
    """Mean score of the random agent in each cell, on probe tasks.

    Args:
        domain: the domain that the tasks belong to.
        per_cell: tasks in each cell.
        bands: those of the anchor design.

    Returns:
        float64 array of shape (cells,), in the order of ``cells_of``.
    """
    tasks = stratified_tasks(domain, "probe", CHANCE_STREAM, per_cell, bands=bands)
    scores = rollout(domain, tasks, RandomAgent(domain))["score"]
    return np.asarray(scores.reshape(-1, per_cell).mean(axis=1), dtype=np.float64)
