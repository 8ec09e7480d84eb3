"""TRL (https://huggingface.co/docs/trl): tasks as a streaming dataset and their grades as a reward for GRPO.

A task is one prompt and one reply. Prompts are drawn when the trainer asks for them, and the mean score of
each group reaches the task sampler: practice adapts while the trainer trains. It takes
``GRPOConfig(shuffle_dataset=False)``; shuffling draws a thousand tasks before the first reply.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from etude_gym.agents.adapters.source import TaskSource
from etude_gym.errors import MissingExtra
from etude_gym.text import TextTask

try:
    from datasets import IterableDataset
except ModuleNotFoundError as error:
    raise MissingExtra("Practice with TRL", "trl") from error


class GRPOPractice:
    """Tasks and their grades for a ``GRPOTrainer``.

    Args:
        env_id: id of the environment.
        practice: the task sampler, perhaps with options.
        seed: of the stream of tasks.

    Attributes:
        source: where the tasks come from.
        drawn: the tasks so far.

    Example:
        >>> practice = GRPOPractice("EtudePlan-v0")  # doctest: +SKIP
        >>> GRPOTrainer(model, practice.reward, train_dataset=practice.dataset(), args=args)  # doctest: +SKIP
    """

    def __init__(self, env_id: str, practice: str = "adaptive", seed: int = 0) -> None:
        self.source = TaskSource(env_id, practice, seed=seed)
        self.drawn: list[TextTask] = []

    def dataset(self) -> IterableDataset:
        """Prompts without end, as conversations; ``GRPOConfig(max_steps=...)`` ends them."""
        return IterableDataset.from_generator(self._rows)

    def _rows(self) -> Iterator[dict[str, Any]]:
        for task in self.source:
            parts, number = task.parts, len(self.drawn)
            self.drawn.append(task)
            messages = [{"role": "system", "content": parts.system}, {"role": "user", "content": parts.task}]
            yield {"prompt": messages, "etude_task": number}

    def reward(self, completions: list[Any], etude_task: list[int], **_: Any) -> list[float | None]:
        """Score of each reply; None where it could not be graded.

        Args:
            completions: as conversations of one message.
            etude_task: which task each of them is a reply to.
        """
        scores: dict[int, list[float]] = {}
        rewards: list[float | None] = []
        for completion, number in zip(completions, etude_task, strict=True):
            attempt = TextTask.replay(self.drawn[number], [completion[-1]["content"]])
            outcome = attempt.outcome()
            rewards.append(float(outcome["score"]) if outcome["graded"] else None)
            if outcome["graded"]:
                scores.setdefault(number, []).append(outcome["score"])
        for number in sorted(scores):
            self.source.report(self.drawn[number], sum(scores[number]) / len(scores[number]))
        return rewards
