"""Prompts in parts, so that servers can cache what all tasks of a family share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Prompt:
    """A prompt for a language model or a person.

    Attributes:
        rules: what the world is and what counts; the same text in every task of a family.
        format: how to reply, with a sample that holds placeholders; the same text in every task of a family.
        task: the task and its present state.
    """

    rules: str
    format: str
    task: str

    @property
    def system(self) -> str:
        """What all tasks of a family share, as a system message; the task is the user's message."""
        return f"{self.rules}\n\n{self.format}\n"

    @property
    def text(self) -> str:
        """All of it as one message; what tasks share comes first."""
        return f"{self.rules}\n\n{self.format}\n\n{self.task}\n"
