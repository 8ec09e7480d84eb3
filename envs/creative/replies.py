"""Reads the looks and artifacts of a reply: whatever form a reasonable person accepts, and nothing else."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

from etude_gym.envs.creative.kernel import (
    HAND_IN,
    JOIN,
    LOOK,
    MAX_IDEAS,
    MAX_PARTS,
    NUM_LEVELS,
    NUM_THINGS,
)
from etude_gym.envs.creative.names import names_of
from etude_gym.envs.creative.text import SAMPLE
from etude_gym.tasks.domain import Reply
from etude_gym.tasks.replies import malformed, read_json, read_lines, read_reply
from etude_gym.tasks.status import Status

_KEYS = ("look", "artifacts")
_LONGEST = 300

_BULLET = re.compile(
    r"^(?:[-*•>–—]\s+|(?:(?:step|action|artefact|artifact|idea|mend) )?\(?[0-9]{1,3}(?:[.):]\s*|\s[-–—]\s))+",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"(?:^|\s)(?:#|//).*")
_REMARK = re.compile(r"\([^()]*\)")
_MARKUP = re.compile(r"\*\*|[`\"“”]")
_LOOK = re.compile(r"look(?: closer)?(?: at)? (.+)")
_JOIN = re.compile(r"(?:join|add) (.+)")
_SEPARATOR = re.compile(r"\s*(?:\+|,|;|&|\band\b)\s*")
_BEGINS = re.compile(
    r"look(?: closer)?(?: at)? |(?:join|add) \S+[. ]\S+|hand in$|[a-z-]+\.[a-z-]+(?:$|[ ,;+&])"
)


def reply_schema(world: Any) -> dict[str, Any]:
    """The JSON schema of a reply: things to look at, then artifacts of aspects that are seen.

    Args:
        world: one row of the worlds, a record of ``kernel.WORLD``.
    """
    names = names_of(world)
    unseen = int(world["unseen"])
    seen = [name for aspect, name in enumerate(names.aspects) if not unseen >> aspect & 1]
    hidden = [names.things[thing] for thing in range(NUM_THINGS) if _hides(unseen, thing)]
    things = {"enum": hidden} if hidden else {"enum": list(names.things)}
    artifact = {
        "type": "array",
        "items": {"type": "string", "enum": seen},
        "minItems": 1,
        "maxItems": MAX_PARTS,
    }
    fields = {
        "look": {"type": "array", "items": {"type": "string", **things}, "maxItems": NUM_THINGS},
        "artifacts": {"type": "array", "items": artifact, "maxItems": MAX_IDEAS},
    }
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def parse_reply(world: Any, reply: object, cut: bool = False) -> Reply:
    """The actions that a reply stands for. Total: no reply makes it raise.

    A line looks at things ("look clock"), or is an artifact, which is handed in ("clock.coil + mill.felt").
    "join clock.coil" and "hand in" may stand on lines of their own. One JSON object with "look" and
    "artifacts" is read as well. With fenced blocks the last one that holds any of this counts, else all but
    prose around it. One thing that is not understood, or cannot be done, makes the whole reply malformed.

    Args:
        world: one row of the worlds, a record of ``kernel.WORLD``.
        reply: what the reader of the prompt answered; anything but a str is malformed.
        cut: whether its writer was stopped by a limit of length.

    Returns:
        Status "ok" with at least one action; "truncated" if the reply was cut and no closed block ends it, or
        if its thinking has no end; otherwise "malformed". ``problem`` says where, what is allowed and the
        nearest match.
    """
    read = read_reply(reply, cut, SAMPLE)
    if isinstance(read, Reply):
        return read
    found = read_json(read, _KEYS, _begins)
    if isinstance(found, Reply):
        return found
    reader = _Reader(world)
    if found is None:
        return reader.read(read_lines(read, _begins))
    looks, artifacts = found.get("look", []), found.get("artifacts", [])
    if not _are_texts(looks) or not isinstance(artifacts, list) or not all(map(_are_texts, artifacts)):
        return malformed(
            'JSON: "look" is a list of things, "artifacts" a list of lists of aspects, such as '
            '{"look": ["THING"], "artifacts": [["THING.ASPECT", "THING.ASPECT"]]}.'
        )
    if not all(artifacts):
        return malformed("JSON: an artifact is empty.")
    return reader.read([*(f"look {thing}" for thing in looks), *(" + ".join(parts) for parts in artifacts)])


class _Reader:
    """Reads lines and keeps the actions they stand for.

    Args:
        world: one row of the worlds: what there is, what is seen, what is joined.
    """

    def __init__(self, world: Any) -> None:
        names = names_of(world)
        self.things = {name: number for number, name in enumerate(names.things)}
        self.aspects = {name: number for number, name in enumerate(names.aspects)}
        self.unseen = int(world["unseen"])
        self.given = int(world["given"])
        self.chosen = int(world["chosen"])
        self.left = int(world["num_ideas"] - world["handed_in"])
        self.actions: list[int] = []

    def read(self, lines: Iterable[str]) -> Reply:
        """What all lines stand for, one after the other."""
        for number, line in enumerate(lines, start=1):
            if problem := self._read_line(line):
                return malformed(f"Line {number}, {line.strip()[:60]!a}: {problem}")
        if not self.actions:
            return malformed(
                "The reply has neither a look nor an artifact, such as THING.ASPECT + THING.ASPECT."
            )
        return Reply(Status.OK, self.actions)

    def _read_line(self, line: str) -> str:
        """Take the actions of a line, none for an empty one; or say what is wrong with it."""
        plain = _plain(line)
        if not plain:
            return ""
        if len(plain) > _LONGEST:
            return f"{len(plain):,} characters are too long for a line."
        if plain == "hand in":
            return self._hand_in()
        if look := _LOOK.fullmatch(plain):
            return _first_problem(self._look, look[1])
        if join := _JOIN.fullmatch(plain):
            return _first_problem(self._join, join[1])
        return _first_problem(self._join, plain) or self._hand_in()

    def _look(self, name: str) -> str:
        thing = self.things.get(name.removeprefix("the "))
        if thing is None:
            return _unknown("thing", name, self.things)
        if not _hides(self.unseen, thing):
            return f"all aspects of {name!r} are seen."
        hidden = self.unseen & _ASPECTS_OF_A_THING << thing * NUM_LEVELS
        self.unseen ^= hidden & -hidden
        self.actions.append(LOOK + thing)
        return ""

    def _join(self, name: str) -> str:
        aspect = self.aspects.get(_dotted(name))
        if aspect is None or self.unseen >> aspect & 1:
            seen = [known for known, number in self.aspects.items() if not self.unseen >> number & 1]
            return _unknown("aspect", name, seen)
        if (self.given | self.chosen) >> aspect & 1:
            return ""
        thing = aspect // NUM_LEVELS
        if _hides(self.given | self.chosen, thing):
            return f"an artifact has one aspect of each thing: {name[:40]!a} is one too many."
        if self.chosen.bit_count() == MAX_PARTS:
            return f"an artifact has at most {MAX_PARTS} aspects."
        self.chosen |= 1 << aspect
        self.actions.append(JOIN + aspect)
        return ""

    def _hand_in(self) -> str:
        if not self.chosen:
            return "there is nothing to hand in."
        if not self.left:
            return "that is one artifact more than is wanted."
        self.left -= 1
        self.chosen = 0
        self.actions.append(HAND_IN)
        return ""


_ASPECTS_OF_A_THING = (1 << NUM_LEVELS) - 1


def _hides(aspects: int, thing: int) -> bool:
    """Whether a set of aspects holds one of a thing."""
    return bool(aspects >> thing * NUM_LEVELS & _ASPECTS_OF_A_THING)


def _first_problem(take: Any, names: str) -> str:
    """Take each of the names; the first problem that there is."""
    return next((problem for name in _SEPARATOR.split(names) if (problem := take(name))), "")


def _dotted(name: str) -> str:
    """ "thing.aspect" for that, "thing aspect" or "the thing's aspect"."""
    return name.removeprefix("the ").replace("'s ", ".").replace("’s ", ".").replace(" ", ".")


def _plain(line: str) -> str:
    """A line without bullets, markup, remarks and comments, in lower case."""
    text = _MARKUP.sub("", _REMARK.sub("", _COMMENT.sub("", line)))
    return " ".join(_BULLET.sub("", " ".join(text.split())).split()).strip("*_.!, ").casefold()


def _begins(line: str) -> bool:
    """Whether a line begins as a look or an artifact does, right or wrong; a longer one is prose."""
    plain = _plain(line)
    return bool(_BEGINS.match(plain)) and (len(plain.split()) <= 2 * MAX_PARTS or "+" in plain)


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _unknown(kind: str, name: str, allowed: Iterable[str]) -> str:
    names = list(allowed)
    nearest = difflib.get_close_matches(name[:40], names, n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return f"unknown {kind} {name[:40]!a}. Seen: {', '.join(names)}.{hint}"
