"""Open prompts: uses for everyday things, and problems of everyday life, with ordinary answers to each."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["use", "problem"]

PROMPTS = Path(__file__).with_name("prompts.json")
MOST_WORDS = 40
"""Of a reply."""


@dataclass(frozen=True)
class OpenPrompt:
    """A prompt that has no right answer.

    Attributes:
        name: of the object or the problem.
        kind: "use" (alternative uses of an object) or "problem".
        subject: what it is about, in a few words: "a brick".
        text: the prompt as a model or a person reads it.
        ordinary: answers that come to mind first, written for this project and frozen: originality is
            distance from them, never from what the judged model said before.
    """

    name: str
    kind: Kind
    subject: str
    text: str
    ordinary: tuple[str, ...]


@functools.cache
def open_prompts() -> tuple[OpenPrompt, ...]:
    """All open prompts: objects first, then problems."""
    data = json.loads(PROMPTS.read_text(encoding="utf-8"))
    uses = [
        OpenPrompt(name, "use", entry["subject"], _use_text(entry["subject"]), tuple(entry["ordinary"]))
        for name, entry in data["uses"].items()
    ]
    problems = [
        OpenPrompt(
            name, "problem", entry["subject"], _problem_text(entry["situation"]), tuple(entry["ordinary"])
        )
        for name, entry in data["problems"].items()
    ]
    return (*uses, *problems)


def _use_text(subject: str) -> str:
    return (
        f"Think of one creative use for {subject}, one that few people would think of and that could work. "
        f"Answer in one phrase or sentence of at most {MOST_WORDS} words, in English. Write the use alone."
    )


def _problem_text(situation: str) -> str:
    return (
        f"{situation} Think of one creative solution, one that few people would think of and that could work."
        f" Answer in one phrase or sentence of at most {MOST_WORDS} words, in English. Write the solution"
        " alone."
    )
