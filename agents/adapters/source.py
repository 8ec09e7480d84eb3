"""Where adapters get their tasks from: a task sampler that is told how they went."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock
from weakref import WeakKeyDictionary

import numpy as np

from etude_gym.environment.registration import make_domain
from etude_gym.environment.text_task import TextTask, text_tasks
from etude_gym.errors import check_name
from etude_gym.practice.sampler import Results
from etude_gym.practice.strategies import make_sampler
from etude_gym.tasks.keys import TaskBatch, task_keys

SPLITS = ("practice", "probe")
"""What adapters draw from; anchor tasks score in practice runs alone."""


class TaskSource:
    """Tasks one after another, drawn by a task sampler that is told their scores.

    Args:
        env_id: id of the environment.
        practice: the task sampler, perhaps with options; None for "adaptive" on the practice split and
            "uniform" on probes.
        split: "practice" or "probe".
        seed: of the stream of tasks.

    Raises:
        ValueError: for a name that does not exist, or a sampler that starts in the middle of tasks.
    """

    def __init__(
        self, env_id: str, practice: str | None = None, split: str = "practice", seed: int = 0
    ) -> None:
        check_name("split", split, SPLITS)
        self.domain = make_domain(env_id)
        self.split, self.seed = split, seed
        arm = practice or ("adaptive" if split == "practice" else "uniform")
        self.sampler = make_sampler(arm, self.domain.space)
        self._next = 0
        self._lock = Lock()  # sessions of a server share a source
        self._reasons: WeakKeyDictionary[TextTask, int] = WeakKeyDictionary()

    def draw(self) -> TextTask:
        """The next task."""
        with self._lock:
            key = task_keys(self.domain.name, self.split, self.seed, np.array([self._next]))
            drawn = self.sampler.draw(key)
            self._next += 1
        if drawn.starts is not None:
            raise ValueError(
                f"The task sampler {self.sampler.name!r} starts episodes in the middle of their tasks; "
                "prompts hold whole ones. Choose another: adaptive, uniform, static, ..."
            )
        [task] = text_tasks(self.domain, TaskBatch(drawn.task_keys, drawn.difficulty, drawn.family))
        self._reasons[task] = int(drawn.reason[0])
        return task

    def __iter__(self) -> Iterator[TextTask]:
        """Tasks without end; each is drawn when it is asked for."""
        while True:
            yield self.draw()

    def report(self, task: TextTask, score: float | None = None) -> None:
        """Tell the sampler how a task went. One that could not be graded is left out.

        Args:
            task: that was drawn here, as far as it was played.
            score: in [0, 1]; None for the score that the task has.
        """
        outcome = task.outcome()
        if score is None and not outcome["graded"]:
            return
        space = self.domain.space
        result = Results(
            space.parse(task.difficulty)[None],
            np.array([space.families.index(task.family)]),
            np.array([outcome["score"] if score is None else score]),
            np.array([self._reasons[task]]),
        )
        with self._lock:
            self.sampler.update(result)


class Episodes:
    """Episodes one after another, for environments of other libraries.

    Args:
        source: of the tasks, which is told how they went.

    Attributes:
        task: of the present episode; None before the first one and after ``close``.
    """

    def __init__(self, source: TaskSource) -> None:
        self.source = source
        self.task: TextTask | None = None
        self._score = 0.0

    def begin(self) -> TextTask:
        """Draw the next task; one that was not finished is given up."""
        self.close()
        self.task, self._score = self.source.draw(), 0.0
        return self.task

    def reply(self, text: str, *, cut: bool = False) -> tuple[TextTask, float]:
        """Play a reply.

        Args:
            text: the reply.
            cut: whether its writer was stopped by a limit of length.

        Returns:
            The task, and by how much the reply raised its score.

        Raises:
            ValueError: if no episode is running.
        """
        if self.task is None:
            raise ValueError("No episode is running: reset the environment first.")
        task = self.task
        task.reply(text, cut=cut)
        before, self._score = self._score, float(task.outcome()["score"])
        if task.over:
            self.close()
        return task, self._score - before

    def close(self) -> None:
        """End the present episode, if there is one, and report the score that it has."""
        if self.task is not None:
            self.source.report(self.task)
            self.task = None
