"""Reads the commands of a reply: whatever form a reasonable person accepts, and nothing else."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

from etude_gym.envs.plan.facts import goals_of
from etude_gym.envs.plan.kernel import CRAFT, DELIVER, DISCARD, GATHER, REFUEL, TRAVEL
from etude_gym.envs.plan.names import names_of
from etude_gym.envs.plan.text import SAMPLE, commands
from etude_gym.tasks.domain import Reply
from etude_gym.tasks.replies import MAX_REPLY_ACTIONS, malformed, read_json, read_lines, read_reply
from etude_gym.tasks.status import Status

_VERBS = {
    "go": ("travel", "move", "walk", "head", "return"),
    "gather": ("collect", "harvest"),
    "craft": ("make", "build"),
    "deliver": (),
    "refuel": (),
    "discard": ("drop",),
}
"""The commands, and other words for them."""
_MEANING = {word: verb for verb, others in _VERBS.items() for word in (verb, *others)}
_NAMELESS = ("deliver", "refuel", "discard")
_KEYS = ("commands",)
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_LONGEST = 80

_BULLET = re.compile(
    r"^(?:[-*+•>–—]\s+|(?:(?:step|action) )?\(?[0-9]{1,3}(?:[.):]\s*|\s[-–—]\s))+", re.IGNORECASE
)
_COMMENT = re.compile(r"(?:^|\s)(?:#|//).*")
_BETWEEN = re.compile(
    rf"[;,]|->|→|=>|(?:\band )?\bthen\b|\band (?=(?:{'|'.join(_MEANING)})\b)", re.IGNORECASE
)
_MARKUP = re.compile(  # around words, not within
    r"(?<![\w*`\"“”])(?>(?:\*\*|[`\"“”])+)|(?>(?:\*\*|[`\"“”])+)(?![\w*])"
)
_MARKS = "*_'‘’[].! "
_ARTICLE = re.compile(r"^(?:the|an?) ")
_WHERE = re.compile(r"(?:(.*) )?(?:at|in|from|to) (?:the )?(\S+)")
_BEFORE = re.compile(
    rf"(?:[x×*] ?)?([0-9]{{1,9}}|{'|'.join(_NUMBERS)})(?: ?[x×*](?= ))?(?: units?)?(?: of)? (?=\S)"
)
_BEHIND = re.compile(
    r"(?:(?:^| | ?\()(?:x ?([0-9]{1,9})|([0-9]{1,9})(?: ?[x×]| times)?)| ?\(?[×*] ?([0-9]{1,9}))\)?$"
)


def reply_schema(world: Any) -> dict[str, Any]:
    """The JSON schema of a reply: a list of commands of this task, one for each action.

    Args:
        world: one row of the worlds, a record of ``kernel.WORLD``.
    """
    allowed = commands(names_of(world))
    possible = [*allowed[: int(world["num_places"])], *allowed[GATHER:]]
    listed = {
        "type": "array",
        "items": {"type": "string", "enum": possible},
        "minItems": 1,
        "maxItems": MAX_REPLY_ACTIONS,
    }
    return {
        "type": "object",
        "properties": {"commands": listed},
        "required": ["commands"],
        "additionalProperties": False,
    }


def parse_reply(world: Any, reply: object, cut: bool = False) -> Reply:
    """The actions that a reply stands for. Total: no reply makes it raise.

    Commands stand on lines of their own or are separated by ";", ",", "then" or arrows, or they are the list
    "commands" of a JSON object. Upper and lower case, bullets, numbering, quotes and comments after "#" do
    not matter. With fenced blocks the last one that holds commands counts, else all but prose around them.
    One thing in there that is no command makes the whole reply malformed: nothing is guessed from parts.

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
    plan = _Plan(world)
    found = read_json(read, _KEYS, _begins)
    if isinstance(found, Reply):
        return found
    if found is None:
        return plan.read(read_lines(read, _begins))
    listed = found.get("commands")
    if not isinstance(listed, list) or not all(isinstance(command, str) for command in listed):
        return malformed('"commands" is a list of texts, such as {"commands": ["go PLACE", "deliver"]}.')
    return plan.read(listed)


class _Plan:
    """Reads commands and keeps the actions they stand for.

    Args:
        world: one row of the worlds, which says what there is and where the plan begins.
    """

    def __init__(self, world: Any) -> None:
        names = names_of(world)
        self.place_names = names.places[: int(world["num_places"])]
        self.places = _numbered(self.place_names, TRAVEL)
        self.raw_items = _numbered(names.raw_items, GATHER)
        self.crafted_items = _numbered(names.crafted_items, CRAFT)
        self.wanted = [names.items[item] for item in goals_of(world)]
        self.place = int(world["place"])  # after the commands so far
        self.handed = False  # whether the last command named what to deliver
        self.actions: list[int] = []

    def read(self, lines: Iterable[str]) -> Reply:
        """What all lines stand for, one after the other."""
        for number, line in enumerate(lines, start=1):
            for command in _BETWEEN.split(_COMMENT.sub("", line)):
                if problem := self._read_command(_plain(command)):
                    return malformed(f"Line {number}, {command.strip()[:60]!a}: {problem}")
                if len(self.actions) > MAX_REPLY_ACTIONS:
                    return malformed(f"A reply has at most {MAX_REPLY_ACTIONS} actions.")
        if not self.actions:
            return malformed(f"The reply has no command. Allowed: {', '.join(_VERBS)}.")
        return Reply(Status.OK, self.actions)

    def _read_command(self, plain: str) -> str:
        """Take the actions of one command, none for an empty one; or say what is wrong with it."""
        word, _, what = plain.partition(" ")
        if not word:
            return ""
        verb = _MEANING.get(word)
        if verb is None:
            return _unknown("command", word, _VERBS)
        if len(plain) > _LONGEST:
            return f"{len(plain):,} characters are too long for a command."
        handed, self.handed = self.handed, False
        if verb == "go":
            return self._go(what)
        what, problem = self._without_place(what)
        if not problem:
            what, times, problem = _without_times(what)
        if not problem:
            what, problem = self._without_place(what)
        if problem:
            return problem
        if verb == "deliver":
            return self._deliver(what, handed)
        if verb == "refuel" and times is not None:
            return "'refuel' cannot be repeated; only gather, craft, discard can."
        return self._act(verb, what, times or 1)

    def _go(self, what: str) -> str:
        place = re.sub(r"^(?:back )?(?:to )?(?:the )?", "", what)
        if not place or " " in place:
            return "'go' takes one place and no more."
        if place not in self.places:
            return _unknown("place", place, self.place_names)
        self.place = self.places[place] - TRAVEL
        self.actions.append(self.places[place])
        return ""

    def _act(self, verb: str, what: str, times: int) -> str:
        if verb in _NAMELESS:
            if what:
                return f"{verb!r} takes nothing and no more."
            self.actions += [REFUEL if verb == "refuel" else DISCARD] * times
            return ""
        kind, allowed = ("raw", self.raw_items) if verb == "gather" else ("crafted", self.crafted_items)
        if not what or " " in what:
            return f"{verb!r} takes one {kind} item and no more."
        item = _singular(what, allowed)
        if item not in allowed:
            return _unknown(f"{kind} item", what, allowed)
        self.actions += [allowed[item]] * times
        return ""

    def _deliver(self, what: str, handed: bool) -> str:
        """A delivery hands over everything: items that are named for it have to be wanted."""
        if what in ("", "all", "everything"):
            self.actions.append(DELIVER)
            return ""
        for item in what.split(" and "):
            if _singular(_without_times(item)[0], self.wanted) not in self.wanted:
                return f"'deliver' hands over what is wanted and nothing else: {', '.join(self.wanted)}."
        if not handed:
            self.actions.append(DELIVER)
        self.handed = True
        return ""

    def _without_place(self, what: str) -> tuple[str, str]:
        """What stands before "at PLACE", and what is wrong with the place."""
        where = _WHERE.fullmatch(what)
        if not where:
            return what, ""
        if where[2] not in self.places:
            return "", _unknown("place", where[2], self.place_names)
        if self.places[where[2]] - TRAVEL != self.place:
            return "", f"the commands before it do not lead to {where[2][:40]!a}."
        return where[1] or "", ""


def _begins(line: str) -> bool:
    """Whether a line begins as a command does, right or wrong; a longer one in other words is prose."""
    word, _, what = _plain(_BETWEEN.split(line, maxsplit=1)[0]).partition(" ")
    if word in _VERBS:
        return bool(what) or word in _NAMELESS
    return word in _MEANING and 1 <= len(what.split()) <= 3 and line.rstrip()[-1] not in ":!?"


def _plain(text: str) -> str:
    """A command without bullets, markup and quotes, in lower case."""
    return _BULLET.sub("", _MARKUP.sub("", " ".join(text.split()))).strip(_MARKS).casefold()


def _without_times(what: str) -> tuple[str, int | None, str]:
    """What is to be repeated, how often (None: it does not say), and what is wrong with that."""
    before, behind = _BEFORE.match(what), _BEHIND.search(what)
    if before and behind:
        return what, None, "it says twice how often."
    if before:
        number, repeated = before[1], what[before.end() :]
    elif behind:
        number, repeated = behind[1] or behind[2] or behind[3], what[: behind.start()]
    else:
        return _ARTICLE.sub("", what), None, ""
    times = _NUMBERS.index(number) if number in _NUMBERS else int(number)
    if not 1 <= times <= MAX_REPLY_ACTIONS:
        return what, None, f"a repetition is from x1 to x{MAX_REPLY_ACTIONS}."
    return _ARTICLE.sub("", repeated), times, ""


def _numbered(names: Iterable[str], first: int) -> dict[str, int]:
    """The action that goes with each name, in lower case."""
    return {name.casefold(): first + number for number, name in enumerate(names)}


def _singular(word: str, allowed: Iterable[str]) -> str:
    """A word, or that of which it is the plural."""
    return next(
        (one for one in (word, word.removesuffix("s"), word.removesuffix("es")) if one in allowed), word
    )


def _unknown(kind: str, word: str, allowed: Iterable[str]) -> str:
    by_folded = {name.casefold(): name for name in allowed}
    nearest = difflib.get_close_matches(word[:40], list(by_folded), n=1)
    hint = f" Did you mean {by_folded[nearest[0]]!r}?" if nearest else ""
    return f"unknown {kind} {word[:40]!a}. Allowed: {', '.join(allowed)}.{hint}"
