"""A language model on the calibrated scale: which tasks it is asked, and what its answers count for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.agents.llm.play import Player
from etude_gym.difficulty.placement import Placement
from etude_gym.environment.text_rounds import fingerprint
from etude_gym.environment.text_task import TextTask, text_tasks
from etude_gym.measure.placing import place_learner, take_in
from etude_gym.tasks.domain import Domain
from etude_gym.tasks.keys import TaskBatch


def take_in_texts(
    placements: Mapping[str, Placement], tasks: Sequence[TextTask], counts: Sequence[bool]
) -> None:
    """Let answers to tasks in text move the placements of their families.

    Args:
        placements: by name of the family, in the order of the space; none without a calibration.
        tasks: n tasks that were played.
        counts: which of them were graded and are to count.
    """
    if tasks and placements:
        families = list(placements)
        family = np.array([families.index(task.family) for task in tasks])
        difficulty = np.array([list(task.difficulty.values()) for task in tasks])
        take_in(placements, family, difficulty, _scores(tasks, counts))


def place_model(
    domain: Domain,
    player: Player,
    placements: Mapping[str, Placement],
    most: int,
    seed: int,
    asked: set[int],
    on_round: Callable[[Mapping[str, Placement]], Any],
) -> None:
    """Ask a model until it is placed in every family.

    A prompt that it was given already is not asked again: a second answer to it would tell nothing.

    Args:
        domain: with a calibration.
        player: that asks the model.
        placements: by name of the family, what is known already.
        most: tasks of each family.
        seed: of the tasks.
        asked: fingerprints of what was asked before; those of the tasks are added.
        on_round: told the placements before each round, and at the end.
    """

    def play(batch: TaskBatch) -> NDArray[np.float64]:
        tasks, fresh = text_tasks(domain, batch), []
        for row, task in enumerate(tasks):
            if (known := fingerprint(task)) not in asked:
                asked.add(known)
                fresh.append(row)
        scores = np.full(len(tasks), np.nan)
        chosen = [tasks[row] for row in fresh]
        graded = player.play(chosen, "rollout", [f"placement/{task.key:016x}" for task in chosen])
        scores[fresh] = _scores(chosen, graded)
        return scores

    place_learner(domain, play, most=most, placements=placements, on_round=on_round, seed=seed)


def _scores(tasks: Sequence[TextTask], counts: Sequence[bool]) -> NDArray[np.float64]:
    """Scores of tasks, NaN for those that do not count."""
    pairs = zip(tasks, counts, strict=True)
    return np.array([task.outcome()["score"] if counted else np.nan for task, counted in pairs], np.float64)
