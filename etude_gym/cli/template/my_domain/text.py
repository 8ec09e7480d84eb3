"""MyDomain-v0 in words: the prompt, and what a reply means."""

from __future__ import annotations

import re

from etude_gym.tasks.domain import Reply
from etude_gym.tasks.prompts import Prompt
from etude_gym.tasks.replies import MAX_REPLY_ACTIONS, malformed, printable, read_lines, read_reply
from etude_gym.tasks.status import Status
from my_domain.safe import Safe

RULES = """A safe opens with a code. Enter its digits from the first to the last, or from the last to the \
first if the direction is backward. Add the turn to each digit before you enter it, and count on from 0 \
after 9: with a turn of 3, enter 1 for an 8. A wrong digit ends the task. No key works twice in a row, and \
no code needs it. The score is the share of the code that you entered."""
SAMPLE = "enter DIGIT"
FORMAT = f"Reply with a fenced block that has a line for each digit:\n\n```\n{SAMPLE}\n```"

_COMMAND = re.compile(r"enter ([0-9])", re.IGNORECASE)


def prompt_parts(safe: Safe) -> Prompt:
    """A task in its present state.

    Args:
        safe: the episode.
    """
    lines = (
        f"Digits left to enter: {' '.join(map(str, safe.left))}",
        f"Turn: {safe.turn}",
        f"Direction: {'backward' if safe.backward else 'forward'}",
    )
    return Prompt(RULES, FORMAT, "\n".join(lines))


def action_name(action: int) -> str:
    """An action as a reply names it.

    Args:
        action: 0 to 9.
    """
    return f"enter {action}"


def parse(reply: str, cut: bool) -> Reply:
    """The actions that a reply stands for. Never raises, whatever the reply.

    Args:
        reply: text of any length.
        cut: whether its writer was stopped by a limit of length.
    """
    read = read_reply(reply, cut, SAMPLE)
    if isinstance(read, Reply):
        return read
    lines = [line.strip() for line in read_lines(read, _begins) if line.strip()]
    if not 0 < len(lines) <= MAX_REPLY_ACTIONS:
        return malformed(f"A reply has 1 to {MAX_REPLY_ACTIONS} lines such as {action_name(7)!r}.")
    actions = []
    for line in lines:
        command = _COMMAND.fullmatch(line)
        if command is None:
            return malformed(f"{printable(line[:40])!r} is no line such as {action_name(7)!r}.")
        actions.append(int(command[1]))
    return Reply(Status.OK, actions)


def _begins(line: str) -> bool:
    return line.strip().lower().startswith("enter")
