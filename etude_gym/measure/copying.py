"""What a reply earns that was worked out for another task: the chance level of language models.

A model that has seen worked solutions may repeat one of them. On a sound text interface that earns next to
nothing, however easy the tasks: a score above this level is the model's own work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.bands import BANDS, cells_of
from etude_gym.environment.text_task import TextTask, text_tasks
from etude_gym.measure.anchors import CHANCE_STREAM, stratified_tasks
from etude_gym.tasks.domain import Domain

COPIED_TASKS = 24
"""Tasks per cell whose replies are given to each other."""


@dataclass(frozen=True)
class CopiedReplies:
    """What copied replies earn.

    Attributes:
        copied: mean score of the reference reply of one task given to another, over all pairs of two.
        best_constant: mean score, over the other tasks, of the one reference reply that earns most.
    """

    copied: float
    best_constant: float


def copied_replies(tasks: Sequence[TextTask]) -> CopiedReplies:
    """Give the reference reply of each task to every other one.

    Where something unforeseen interrupts a reference, its first reply alone is given.

    Args:
        tasks: at least two, at their beginning; not changed.

    Raises:
        ValueError: for fewer than two tasks.
    """
    if len(tasks) < 2:
        raise ValueError(f"Copying takes at least two tasks, got {len(tasks)}.")
    replies = [task.reference() for task in tasks]
    scores = np.array(
        [[TextTask.replay(task, [reply]).outcome()["score"] for reply in replies] for task in tasks]
    )
    np.fill_diagonal(scores, 0.0)
    by_reply = scores.sum(axis=0) / (len(tasks) - 1)
    return CopiedReplies(float(by_reply.mean()), float(by_reply.max()))


def text_chance_levels(
    domain: Domain, per_cell: int = COPIED_TASKS, bands: Sequence[int] = BANDS
) -> NDArray[np.float64]:
    """Chance of agents that reply in text: what the best constant or a copied reply earns in each cell.

    Args:
        domain: the domain that the tasks belong to.
        per_cell: probe tasks in each cell, at least two.
        bands: those of the anchor design.

    Returns:
        float64 array of shape (cells,), in the order of ``cells_of``.
    """
    tasks = text_tasks(domain, stratified_tasks(domain, "probe", CHANCE_STREAM, per_cell, bands=bands))
    starts = range(0, len(cells_of(domain.space, bands)) * per_cell, per_cell)
    worth = [copied_replies(tasks[start : start + per_cell]) for start in starts]
    return np.array([max(each.copied, each.best_constant) for each in worth])
