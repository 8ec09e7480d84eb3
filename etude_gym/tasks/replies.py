"""What all text interfaces share in reading a reply: limits, the part that counts, and errors."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from etude_gym.tasks.domain import Reply
from etude_gym.tasks.fences import Block, fenced_blocks
from etude_gym.tasks.status import Status

MAX_REPLY_CHARACTERS = 200_000
"""Of a reply in any domain, thinking included; the same number everywhere."""
MAX_REPLY_ACTIONS = 200

TOO_LONG = f"A reply has at most {MAX_REPLY_CHARACTERS:,} characters"
CUT_OFF = "The reply was cut off by a limit of length before its last fenced block was closed."
UNFINISHED = "The reply ends while it is still thinking: it seems to be cut off."


@dataclass(frozen=True)
class ReplyText:
    """The part of a reply that counts.

    Attributes:
        text: all of it but thinking, with line feeds alone between lines and no invisible characters.
        blocks: its fenced blocks.
    """

    text: str
    blocks: list[Block]


def malformed(problem: str) -> Reply:
    """A reply that cannot be read.

    Args:
        problem: what is wrong with it, what is allowed instead.
    """
    return Reply(Status.MALFORMED, [], problem)


def read_reply(reply: object, cut: bool = False, sample: str = "") -> ReplyText | Reply:
    """The part of a reply that counts: no thinking, nothing invisible; the answer alone where one is marked.

    Thinking is what stands between ``<think>`` and ``</think>``, or before ``</think>``. Where an answer is
    put between ``<answer>`` and ``</answer>``, the last one is all that counts.

    Args:
        reply: what the reader of the prompt answered, of any type.
        cut: whether its writer was stopped by a limit of length. If not, the last block ends where the reply
            does.
        sample: the lines of the prompt's sample block; a block that repeats them beside others is ignored.

    Returns:
        Text and blocks; or a ``Reply`` that says why there are none: malformed where it is no text or too
        long, truncated where thinking has no end, or where the reply was cut and no closed block ends it.
    """
    if not isinstance(reply, str):
        return malformed(f"A reply is text (str), got {type(reply).__name__}.")
    if len(reply) > MAX_REPLY_CHARACTERS:
        return malformed(f"{TOO_LONG}, got {len(reply):,}.")
    text = _visible(reply)
    if "</" in text or text.lstrip().startswith("<"):
        answer = _without_thinking(text)
        if answer is None:
            return Reply(Status.TRUNCATED, [], UNFINISHED)
        text = _marked(answer)
    blocks = fenced_blocks(text)
    if cut and not (blocks and blocks[-1].closed):
        return Reply(Status.TRUNCATED, [], CUT_OFF)
    own = [block for block in blocks if not sample or block.text.split() != sample.split()]
    return ReplyText(text, own or blocks)


def read_lines(read: ReplyText, begins: Callable[[str], bool]) -> list[str]:
    """The lines of a reply that are to be read as commands.

    They are those of the last fenced block that holds a command, or else of the last one that is not empty.
    In a reply without blocks they are all lines but prose before and after them. The line of the opening
    fence is the first one; it is empty unless a command stands on it.

    Args:
        read: what ``read_reply`` returned.
        begins: whether a line begins as a command does, right or wrong.
    """
    if not read.blocks:
        return _without_prose(read.text.split("\n"), begins)
    chosen: list[str] = []
    for block in reversed(read.blocks):
        lines = [block.info if begins(block.info) else "", *block.text.split("\n")]
        if any(map(begins, lines)):
            return lines
        if not chosen and block.text.strip():
            chosen = lines
    return chosen


def read_json(
    read: ReplyText, keys: Collection[str], begins: Callable[[str], bool]
) -> dict[str, Any] | Reply | None:
    """The answer of a reply that gives it as one JSON object.

    It is the whole reply, all of it but prose around the object, or the last fenced block that is an object
    with one of the keys, unless a later block holds the answer in the domain's other form. Strict: a key
    twice, NaN, infinity, or anything behind the object makes the reply malformed.

    Args:
        read: what ``read_reply`` returned.
        keys: what an answer may hold; any other key may hold text, such as thoughts, which is left out.
        begins: whether a line begins as one of the other form does, as for ``read_lines``.

    Returns:
        What stands under ``keys``; or a malformed ``Reply``; or None where no JSON object is the answer.
    """
    text = read.text.strip()
    whole = text.startswith("{") and text.endswith("}")
    if whole or not read.blocks:
        texts = [_bare_object(text, begins)]
    else:
        texts = [block.text for block in read.blocks]
    for text in reversed(texts):
        if _is_object(text, keys):
            return _load_object(text, keys)
        if any(map(begins, text.split("\n"))):
            return None
    return None


def printable(text: str) -> str:
    r"""Text in printable ASCII: any other character is written as Python escapes it, such as ``\xe9``.

    Args:
        text: any text; line feeds are kept.
    """
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)


# --- Characters --------------------------------------------------------------------------------------

_UNPRINTABLE = re.compile(r"[^\n -~]")
_SPECIAL = re.compile(r"[^\n\t -~¡-¬®-ͮ]")
_LINE_ENDS = re.compile(r"\r\n?|[\x85\u2028\u2029]")
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]"
)
_BLANK = re.compile(r"[\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")


def _visible(text: str) -> str:
    """Text with line feeds alone between lines, plain blanks, and without characters that cannot be seen."""
    if not _SPECIAL.search(text):
        return text
    return _BLANK.sub(" ", _INVISIBLE.sub("", _LINE_ENDS.sub("\n", text)))


# --- Thinking and answers ----------------------------------------------------------------------------

_THINKING = re.compile(
    r"(^[ \t]*<|</)(think|thinking|thought|thoughts|reasoning|reflection|scratchpad)>(?![\"'])",
    re.IGNORECASE | re.MULTILINE,
)
_ANSWER_TAGS = ("answer", "final_answer", "solution")


def _without_thinking(text: str) -> str | None:
    """Text without what stands between tags of thinking; None if it ends while thinking."""
    kept, left, thought = [], 0, ""
    for tag in _THINKING.finditer(text):
        begins, name = not tag[1].endswith("/"), tag[2].casefold()
        if begins and not thought:
            kept.append(text[left : tag.start()])
            thought = name
        elif not begins and (thought == name or (not left and not thought)):
            left, thought = tag.end(), ""
    return None if thought else "\n".join([*kept, text[left:]])


def _marked(text: str) -> str:
    """What is marked as the answer; the whole text if nothing is, or if blocks stand only elsewhere."""
    for name in _ANSWER_TAGS:
        end = text.rfind(f"</{name}>")
        begin = text.rfind(f"<{name}>", 0, max(end, 0))
        if begin >= 0:
            marked = text[begin + len(name) + 2 : end]
            return marked if fenced_blocks(marked) or not fenced_blocks(text) else text
    return text


# --- Prose -------------------------------------------------------------------------------------------

_PROSE_WORDS = 5


def _without_prose(lines: list[str], begins: Callable[[str], bool]) -> list[str]:
    """Lines without the prose before the first and after the last one that begins as a command does.

    Prose before may stand anywhere, prose after them behind an empty line. What may be a command that was
    misspelled is no prose.
    """
    commands = [i for i, line in enumerate(lines) if begins(line)]
    if not commands:
        return lines
    first, last = commands[0], commands[-1] + 1
    if not all(map(_is_prose, lines[:first])):
        first = 0
    if last == len(lines) or lines[last].strip() or not all(map(_is_prose, lines[last:])):
        last = len(lines)
    return ["" if i < first else line for i, line in enumerate(lines[:last])]


def _is_prose(line: str) -> bool:
    """Whether a line is empty, a heading, a sentence, or too long for a command."""
    text = line.strip().strip("*_`")
    return not text or text[0] == "#" or text[-1] in ".:!?" or len(text.split()) >= _PROSE_WORDS


# --- JSON --------------------------------------------------------------------------------------------


_OPENS = re.compile(r"^[ \t]*\{", re.MULTILINE)


def _bare_object(text: str, begins: Callable[[str], bool]) -> str:
    """From the first line that opens an object to the last brace if all around it is prose; else empty."""
    opens, end = _OPENS.search(text), text.rfind("}") + 1
    if not opens:
        return ""
    around = [*text[: opens.start()].split("\n"), *text[end:].split("\n")]
    return text[opens.start() : end] if all(_is_prose(line) and not begins(line) for line in around) else ""


def _is_object(text: str, keys: Collection[str]) -> bool:
    """Whether a text is meant as a JSON object with one of the keys."""
    return text.lstrip().startswith("{") and any(f'"{key}"' in text for key in keys)


def _load_object(text: str, keys: Collection[str]) -> dict[str, Any] | Reply:
    """What a JSON object holds under the keys."""
    try:
        values = json.loads(text, object_pairs_hook=_unique, parse_constant=_number, parse_float=_number)
    except RecursionError:
        return malformed("The reply is no valid JSON: too deeply nested.")
    except ValueError as error:
        return malformed(f"The reply is no valid JSON: {error}.")
    for key, value in values.items():
        if key not in keys and not isinstance(value, str):
            return malformed(f"Unknown key {key[:40]!a} in the reply. Allowed: {', '.join(keys)}.")
    return {key: value for key, value in values.items() if key in keys}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in pairs:
        if key in values:
            raise ValueError(f"the key {key[:40]!a} stands there twice")
        values[key] = value
    return values


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is no number")
    return number
