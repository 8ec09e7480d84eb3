"""What a language model remembers of its practice, as messages that fit its context."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from etude_gym.errors import check_name
from etude_gym.tasks.prompts import Prompt
from etude_gym.tasks.status import Status

CHARACTERS_PER_TOKEN = 3.0
"""Assumed when the memory is fitted into a context: fewer than tokenizers need for English, to be safe."""

RULES = ("system", "message", "none")
"""Where rules and format stand: in a system message, in the first user message, nowhere."""

Message = dict[str, str]


class Memory:
    """Worked solutions of practiced tasks, and a remark on how the model's own attempts went.

    Only references are shown as turns of a conversation. The model's own failed replies are not: shown as
    turns they are imitated. They are summed up in one remark instead.

    Args:
        examples: worked solutions that a prompt holds, at most; the latest of the task's family.
        rules: where rules and format stand, one of ``RULES``; "none" is for models that learned them.

    Raises:
        ValueError: for another place.
    """

    def __init__(self, examples: int, rules: str = "system") -> None:
        check_name("place of the rules", rules, RULES)
        self.limit = examples
        self._rules = rules
        self._solved: dict[str, list[tuple[str, str]]] = {}
        self._failures: dict[str, Counter[str]] = {}
        self._attempts: Counter[str] = Counter()

    def add(self, family: str, task: str, reference: str, failure: str) -> None:
        """Remember a practiced task.

        Args:
            family: of the task.
            task: the task's part of its first prompt.
            reference: its worked solution.
            failure: what became of the model's own attempt, in a few words; empty if it earned everything.
        """
        known = self._solved.setdefault(family, [])
        if (task, reference) in known:
            known.remove((task, reference))
        known.append((task, reference))
        self._attempts[family] += 1
        if failure:
            self._failures.setdefault(family, Counter())[failure] += 1

    def messages(self, family: str, parts: Prompt, room: float) -> tuple[Message, ...]:
        """A prompt after the memory of its family.

        Args:
            family: of the task.
            parts: the prompt.
            room: tokens that the messages may have; infinite where it is not known.
        """
        remark = self._remark(family)
        shown = self._latest(family, room * CHARACTERS_PER_TOKEN - len(parts.text) - len(remark))
        turns: list[Message] = []
        for task, reference in shown:
            turns += [{"role": "user", "content": task}, {"role": "assistant", "content": reference}]
        turns.append({"role": "user", "content": parts.task + (remark if shown else "")})
        if self._rules == "none":
            return tuple(turns)
        if self._rules == "system":
            return ({"role": "system", "content": parts.system}, *turns)
        first = {"role": "user", "content": f"{parts.system}\n{turns[0]['content']}"}
        return (first, *turns[1:])

    def _latest(self, family: str, characters: float) -> list[tuple[str, str]]:
        """The latest worked solutions that fit, in the order in which they were practiced."""
        known = self._solved.get(family, [])
        number = self.shown(family)
        while number and sum(len(text) for pair in known[-number:] for text in pair) > characters:
            number -= 1
        return known[-number:] if number else []

    def _remark(self, family: str) -> str:
        """How the model's own attempts went so far, below solutions; empty if none fell short."""
        failures = self._failures.get(family)
        if not failures:
            return ""
        [(most, times)] = failures.most_common(1)
        count, attempts = sum(failures.values()), self._attempts[family]
        return (
            f"\n\nOf your {attempts} earlier attempts at such tasks {count} fell short; the most frequent "
            f"cause ({times} times): {most}. The solutions above are right."
        )

    def shown(self, family: str) -> int:
        """How many worked solutions of a family a prompt holds, where they fit."""
        return min(self.limit, len(self._solved.get(family, [])))

    def shrink(self) -> bool:
        """Show half as many worked solutions from now on.

        Returns:
            Whether there was anything to leave out.
        """
        if not self.limit:
            return False
        self.limit //= 2
        return True

    def state_dict(self) -> dict[str, Any]:
        """Everything as plain parts."""
        return {
            "limit": self.limit,
            "solved": {family: [list(pair) for pair in pairs] for family, pairs in self._solved.items()},
            "failures": {family: dict(counter) for family, counter in self._failures.items()},
            "attempts": dict(self._attempts),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned.

        Args:
            state: of such a memory.
        """
        self.limit = int(state["limit"])
        self._solved = {
            family: [(str(task), str(reference)) for task, reference in pairs]
            for family, pairs in state["solved"].items()
        }
        self._failures = {family: Counter(counts) for family, counts in state["failures"].items()}
        self._attempts = Counter(state["attempts"])


def failure_of(outcome: Mapping[str, Any]) -> str:
    """What became of an attempt, in a few words; empty if it earned everything.

    Args:
        outcome: of the task.
    """
    if outcome["score"] >= 1.0:
        return ""
    if outcome["status"] == Status.OK:
        return "the reply was played, and not all of the task was done"
    return f"the reply was {outcome['status']}"
