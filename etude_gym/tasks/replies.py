"""What all text fronts share in reading a reply: its limits, its fenced blocks, and refusing politely."""

from __future__ import annotations

import re
from collections.abc import Callable

from etude_gym.tasks.domain import Reply

MAX_REPLY_ACTIONS = 200
MAX_REPLY_CHARACTERS = 20_000

_FENCE = re.compile(r"`{3,}")


def malformed(problem: str) -> Reply:
    """A reply that stands for nothing, and why."""
    return Reply("malformed", [], problem)


def lines_of_reply(reply: object, is_language: Callable[[str], bool]) -> list[str] | Reply:
    """The lines of a reply that count: those of its last fenced block, or all if there is none.

    Args:
        reply: what the reader of the prompt answered, of any type.
        is_language: whether the first line of a block (stripped) names a language and is left out.

    Returns:
        The lines; or a ``Reply`` that says why there are none: malformed where it is no text or too long,
        truncated where the last block is not closed.
    """
    if not isinstance(reply, str):
        return malformed(f"A reply is text (str), got {type(reply).__name__}.")
    if len(reply) > MAX_REPLY_CHARACTERS:
        return malformed(f"A reply has at most {MAX_REPLY_CHARACTERS} characters, got {len(reply)}.")
    parts = _FENCE.split(reply)
    if len(parts) == 1:
        return reply.splitlines()
    if len(parts) % 2 == 0:
        return Reply("truncated", [], "The last fenced block is not closed: the reply seems to be cut off.")
    lines = parts[-2].splitlines()
    if len(lines) > 1 and is_language(lines[0].strip()):
        lines[0] = ""
    return lines
