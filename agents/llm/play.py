"""A language model plays tasks through its endpoint, and what that costs is added up."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from etude_gym.agents.llm.client import Client
from etude_gym.agents.llm.endpoint import Answer, Request
from etude_gym.agents.llm.memory import Memory
from etude_gym.environment.text_task import TextTask
from etude_gym.measure.compute import TOKEN_UNITS
from etude_gym.tasks.status import Status

UNREADABLE = 2
"""Replies in a row that cannot be read, after which a task is given up."""
LONG_CONTEXT = 4096
"""Tokens beyond which attention is counted."""


class Player:
    """Plays tasks: asks for a reply to each prompt, round by round, until the tasks are over.

    Each prompt is complete in itself, so that a turn needs no earlier one. What is asked does not depend on
    the order in which answers come.

    Args:
        client: of the endpoint.
        memory: what is shown before each task.
        max_turns: replies to a task, at most.
        parameters: of the model, for FLOPs; None where they are not known.
        attention_width: layers times width of the model, for the FLOPs of attention in long contexts.

    Attributes:
        room: tokens that messages may have, as far as the server tells; None before the first question.
        amounts: what was spent, by line of the ledger and unit.
        episodes: records of the tasks that were played since they were last taken.
    """

    def __init__(
        self,
        client: Client,
        memory: Memory,
        *,
        max_turns: int = 8,
        parameters: float | None = None,
        attention_width: int = 0,
    ) -> None:
        self.client, self.memory = client, memory
        self.on_progress: Callable[[Any], None] = lambda _: None
        self._max_turns, self._attention = max_turns, attention_width
        self.parameters = parameters
        self.room: float | None = None
        self.amounts: dict[str, dict[str, float]] = {}
        self.episodes: list[dict[str, Any]] = []

    def play(self, tasks: Sequence[TextTask], line: str, names: Sequence[str]) -> list[bool]:
        """Play tasks to their end.

        Args:
            tasks: n tasks in their first state.
            line: of the ledger, "rollout" or "evaluation".
            names: of the tasks, unique within a run; their answers are found again by them.

        Returns:
            For each task whether it was graded.

        Raises:
            RuntimeError: if the endpoint fails, or a prompt alone does not fit the model's context.
        """
        graded = [True] * len(tasks)
        tokens, unreadable = [[0, 0] for _ in tasks], [0] * len(tasks)
        for turn in range(self._max_turns):
            active = [
                i
                for i, task in enumerate(tasks)
                if graded[i] and not task.over and unreadable[i] < UNREADABLE
            ]
            if not active:
                break
            answers = self._ask([tasks[i] for i in active], line, [f"{names[i]}/{turn}" for i in active])
            for i, answer in zip(active, answers, strict=True):
                self._book(line, answer)
                tokens[i][0] += answer.usage.tokens_in
                tokens[i][1] += answer.usage.tokens_out
                if answer.failure:
                    graded[i] = False
                    continue
                tasks[i].reply(answer.text, cut=answer.cut)
                read = tasks[i].status not in (Status.MALFORMED, Status.TRUNCATED)
                unreadable[i] = 0 if read else unreadable[i] + 1
                graded[i] = tasks[i].outcome()["graded"]
        for task, name, was_graded, spent in zip(tasks, names, graded, tokens, strict=True):
            self.episodes.append(_episode(task, name, line, was_graded, spent, self.memory))
        return graded

    def take_episodes(self) -> list[dict[str, Any]]:
        """Records of the tasks played since the last call."""
        taken, self.episodes = self.episodes, []
        return taken

    def flops(self) -> dict[str, float]:
        """FLOPs so far by line: 2 for each parameter and token, and attention in long contexts."""
        if not self.parameters:
            return {}
        return {line: amounts.get("flops", 0.0) for line, amounts in self.amounts.items()}

    def _ask(self, tasks: Sequence[TextTask], line: str, ids: Sequence[str]) -> list[Answer]:
        """An answer to each task's prompt, with a smaller memory where the context is too short."""
        if self.room is None:
            length = self.client.context_length()
            self.room = math.inf if length is None else max(0, length - self.client.endpoint.max_tokens)
        answers: dict[int, Answer] = {}
        while missing := [i for i in range(len(tasks)) if i not in answers]:
            requests = [self._request(tasks[i], line, ids[i]) for i in missing]
            for i, answer in zip(missing, self.client.ask(requests, self.on_progress), strict=True):
                if not answer.too_long:
                    answers[i] = answer
            if len(answers) < len(tasks) and not self.memory.shrink():
                raise RuntimeError(
                    "A task's prompt alone does not fit the model's context. Serve the model with a longer "
                    "context, or let it reply with fewer tokens (max_tokens)."
                )
        return [answers[i] for i in range(len(tasks))]

    def _request(self, task: TextTask, line: str, request_id: str) -> Request:
        assert self.room is not None
        messages = self.memory.messages(task.family, task.parts, self.room)
        schema = task.reply_schema() if self.client.endpoint.json_schema else None
        return Request(request_id, line, messages, schema)

    def _book(self, line: str, answer: Answer) -> None:
        amounts = self.amounts.setdefault(line, dict.fromkeys((*TOKEN_UNITS, "flops"), 0.0))
        usage = answer.usage
        for unit, amount in usage.as_dict().items():
            amounts[unit] += amount
        amounts["requests"] += not answer.failure
        tokens = usage.tokens_in + usage.tokens_out
        amounts["flops"] += 2.0 * (self.parameters or 0.0) * tokens
        if tokens > LONG_CONTEXT:
            amounts["flops"] += 2.0 * tokens**2 * self._attention  # 4 x width x layers for each pair


def _episode(
    task: TextTask, name: str, line: str, graded: bool, tokens: Sequence[int], memory: Memory
) -> dict[str, Any]:
    return {
        "name": name,
        "line": line,
        "task_key": task.key,
        "family": task.family,
        "difficulty": task.difficulty,
        "examples": memory.shown(task.family),
        "tokens_in": tokens[0],
        "tokens_out": tokens[1],
        **task.outcome(),
        "graded": graded,
        "replies": [text for text, _ in task.replies],
        "cut": [cut for _, cut in task.replies],
    }
