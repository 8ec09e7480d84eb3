"""Rounds of practice tasks as text, for learners that read prompts and write replies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from etude_gym.environment.text_task import TextTask, text_tasks
from etude_gym.environment.vector import EtudeVectorEnv
from etude_gym.randomness import name_key


def fingerprint(task: TextTask) -> int:
    """A number that stands for what a task says, without the rules and the format of its family.

    Args:
        task: in its first state.
    """
    return name_key(task.domain.prompt_parts(task.worlds, 0).task)


class TextRounds:
    """Practice tasks as text, one for each row of a vector environment, chosen by its task sampler.

    The environment itself is not stepped: it gives the stream of tasks, and is told the scores in the order
    of the tasks, whatever the order in which they were answered.

    Args:
        env: an ``EtudeVectorEnv``, wrapped or not, that was reset once.
        practiced: fingerprints of earlier tasks; those of tasks that are drawn are added to it.

    Attributes:
        practiced: fingerprints of all tasks so far; an anchor task that says the same is no test.
    """

    def __init__(self, env: Any, practiced: set[int] | None = None) -> None:
        base = env.unwrapped
        if not isinstance(base, EtudeVectorEnv):
            raise ValueError(f"Text practice needs a vector environment of a domain, got {env}.")
        self._domain, self._stream = base.domain, base.stream
        self._rows = np.arange(base.num_envs)
        self.practiced: set[int] = set() if practiced is None else practiced

    def draw(self) -> list[TextTask]:
        """The next tasks, one for each row.

        Raises:
            ValueError: if the sampler draws drills, which have no text interface for learners.
        """
        stream = self._stream
        batch = stream.draw(self._rows, stream.pinned_difficulty, stream.pinned_family)
        if batch.starts is not None and batch.starts.drills.any():
            raise ValueError("Learners that read text practice whole tasks: leave drills out of the arm.")
        tasks = text_tasks(self._domain, batch)
        self.practiced |= {fingerprint(task) for task in tasks}
        return tasks

    def report(self, tasks: Sequence[TextTask], graded: Sequence[bool]) -> None:
        """Tell the sampler how the tasks of a round went.

        Args:
            tasks: of the last round, in its order.
            graded: which of them were graded; the others are left out.
        """
        rows = np.flatnonzero(graded)
        if len(rows):
            self._stream.report(rows, [tasks[int(row)].outcome()["score"] for row in rows])
