"""What a reply to a prompt of EtudeLogic-v0 means: steps, answer and confidence, in whatever form.

Fields may come in any order. What is contradictory or not understood makes the whole reply malformed: nothing
is guessed from parts of it.
"""

from __future__ import annotations

from typing import Any

from etude_gym.envs.logic.forms import (
    ANSWER,
    CONFIDENCE,
    FIELDS,
    REMARK,
    STEPS,
    begins,
    field_of,
    is_step,
    nearest_of,
    plain_parts,
    share_in,
    share_of,
    status_in,
)
from etude_gym.envs.logic.kernel import ANSWER as ANSWERS
from etude_gym.envs.logic.kernel import CONFIDE, RETRACT, STEP_LIMIT
from etude_gym.envs.logic.kernel import CONFIDENCE as LEVELS
from etude_gym.envs.logic.steps import MAX_STEPS, NO_STEPS, VERBS, StepReader
from etude_gym.envs.logic.text import SAMPLE, STATUS_NAMES
from etude_gym.envs.logic.wording import MAX_LABEL
from etude_gym.tasks.domain import Reply
from etude_gym.tasks.replies import malformed, read_json, read_lines, read_reply
from etude_gym.tasks.status import Status


def parse_reply(world: Any, reply: object, wording: str = "english", cut: bool = False) -> Reply:
    """The actions that a reply stands for. Total: no reply makes it raise.

    Fields are "steps: ...", "answer: ..." and "confidence: ..."; whatever their order, steps are played first
    and the confidence last. "apply 37", "suppose ..." and "retract" may also stand on lines of their own, and
    so may the status. An "explanation: ..." is left out. One JSON object with these fields is read as well.
    With fenced blocks the last one that holds any of this counts, else all but prose around it.

    Args:
        world: one row of the worlds: its premises, what its atoms are called, whether an answer was given.
        reply: what the reader of the prompt answered; anything but a str is malformed.
        wording: "english" or "formal".
        cut: whether its writer was stopped by a limit of length.

    Returns:
        Status "ok" with at least one action; "truncated" if it was cut or ends while thinking; otherwise
        "malformed". ``problem`` says where, what is allowed and the nearest match.
    """
    read = read_reply(reply, cut, SAMPLE)
    if isinstance(read, Reply):
        return read
    values = read_json(read, _KEYS, begins)
    if isinstance(values, Reply):
        return values
    reader = _Reader(world, wording)
    if values is not None:
        problem = reader.read_values(values)
        return malformed(f"JSON: {problem}") if problem else reader.meaning()
    for number, line in enumerate(read_lines(read, begins), start=1):
        problem = reader.read_line(line)
        if problem:
            return malformed(f"Line {number}, {line.strip()[:60]!a}: {problem}")
    return reader.meaning()


def reply_schema(answered: bool) -> dict[str, Any]:
    """The JSON schema of a reply.

    Args:
        answered: whether the answer was given, so that only its confidence is asked for.
    """
    step = {
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": MAX_LABEL},
            {"type": "string", "pattern": "^(retract|suppose [-~A-Za-z0-9 ]+)$"},
        ]
    }
    fields: dict[str, Any] = {
        STEPS: {"type": "array", "items": step, "maxItems": STEP_LIMIT - 2},
        ANSWER: {"type": "string", "enum": list(STATUS_NAMES)},
        CONFIDENCE: {"type": "number", "minimum": 0, "maximum": 1},
    }
    if answered:
        fields = {CONFIDENCE: fields[CONFIDENCE]}
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


_KEYS = (*FIELDS, "status", *(field.capitalize() for field in FIELDS), "Status")
_GIVEN = "the answer is given and final; only its confidence is asked for."


class _Reader:
    """Reads a reply into steps, one answer and one confidence.

    Its methods ``read_...`` return what is wrong, empty if nothing is.

    Args:
        world: one row of the worlds.
        wording: "english" or "formal".
    """

    def __init__(self, world: Any, wording: str) -> None:
        self.step_reader = StepReader(world, wording)
        self.given = int(world["answer"])
        self.steps: list[int] = []
        self.answer: int | None = None
        self.share: float | None = None
        self.field = CONFIDENCE if self.given >= 0 else ""
        self.awaited = ""

    def meaning(self) -> Reply:
        """What was read, in the order in which it is played."""
        if self.awaited:
            return malformed(f"The {self.awaited} is empty.")
        if self.given >= 0 and self.share is None:
            return malformed(f"No confidence: {_GIVEN}")
        if self.share is not None and self.given < 0 and self.answer is None:
            return malformed("A confidence needs an answer.")
        actions = list(self.steps)
        if self.answer is not None and self.given < 0:
            actions.append(ANSWERS + self.answer)
        if self.share is not None:
            actions.append(CONFIDE + _nearest_level(self.share))
        if not actions:
            return malformed(f"The reply says nothing. Allowed: {', '.join(self._allowed())}.")
        return Reply(Status.OK, actions)

    def read_values(self, values: dict[str, Any]) -> str:
        """Read the fields of a JSON object."""
        if len({key.casefold() for key in values}) < len(values):
            return "a key stands there twice."
        values = {key.casefold(): value for key, value in values.items()}
        steps = values.get(STEPS)
        for step in steps if isinstance(steps, list) else [steps]:
            if step is None:
                continue
            if isinstance(step, bool) or not isinstance(step, int | str):
                return f"a step is a number or text, got {str(step)[:40]!a}."
            if problem := self._read_steps(str(step)):
                return problem
        for name in (ANSWER, "status"):
            answer = values.get(name)
            if answer is not None and not isinstance(answer, str):
                return f"an answer is text, got {str(answer)[:40]!a}."
            if answer is not None and (problem := self._read_answer(answer)):
                return problem
        share = values.get(CONFIDENCE)
        if share is None:
            return ""
        if isinstance(share, str):
            return self._read_confidence(share)
        is_number = isinstance(share, int | float) and not isinstance(share, bool)
        return self._state(share_of(share) if is_number else None, str(share)[:40])

    def read_line(self, line: str) -> str:
        """Read a line."""
        comment = line.lstrip().startswith(("#", "//")) and not line.lstrip("#/ \t")[:1].isdecimal()
        if comment and not begins(line):
            return ""
        for part in plain_parts(line):
            if part and (problem := self._read_part(part)):
                return problem
        return ""

    def _read_part(self, part: str) -> str:
        if named := field_of(part):
            if self.awaited not in ("", named[0]):
                return f"the {self.awaited} before it is empty."
            self.field, value = named
            if not value and self.field in (ANSWER, CONFIDENCE):
                self.awaited = self.field
            return self._read_field(value) if value else ""
        if self.awaited:
            return self._read_field(part)
        if status_in(part, alone=True):
            return self._read_answer(part)
        if self.field == REMARK:
            return ""
        if is_step(part):
            return self._read_steps(part, named=False)
        asked = self.field == CONFIDENCE and self.share is None
        if asked or share_in(part, alone=True) is not None:
            return self._read_confidence(part)
        if self.field == STEPS:
            return self._read_steps(part)
        words = part.casefold().partition(":")[0].split()
        nearest = nearest_of(words, (*FIELDS, *VERBS, *STATUS_NAMES))
        return f"not understood. Allowed: {', '.join(self._allowed())}.{nearest}"

    def _allowed(self) -> list[str]:
        if self.given >= 0:
            return [f"{CONFIDENCE}:"]
        return [*(f"{field}:" for field in FIELDS), *VERBS]

    def _read_field(self, value: str) -> str:
        """Read what is said under the present field."""
        self.awaited = ""
        if self.field == STEPS:
            return self._read_steps(value)
        if self.field == ANSWER:
            return self._read_answer(value)
        return self._read_confidence(value) if self.field == CONFIDENCE else ""

    # --- Answer and confidence -----------------------------------------------------------------------

    def _read_answer(self, text: str) -> str:
        read = status_in(text)
        if read is None:
            allowed = f"exactly one of {', '.join(STATUS_NAMES)}, and nothing else"
            nearest = nearest_of([text.rstrip(".").casefold()], STATUS_NAMES)
            return f"unknown answer {text[:40]!a}. Allowed: {allowed}.{nearest}"
        status, share = read
        if self.given not in (-1, status):
            return _GIVEN
        if self.answer not in (None, status):
            return "there can be only one answer."
        self.answer = status
        return "" if share is None else self._state(share, text)

    def _read_confidence(self, text: str) -> str:
        return self._state(share_in(text), text)

    def _state(self, share: float | None, text: str) -> str:
        """Note a confidence; None is none."""
        if share is None:
            allowed = "0% to 100%, or a number from 0 to 1"
            return f"{text[:40]!a} is no confidence. Allowed: {allowed}."
        if self.share not in (None, share):
            return "there can be only one confidence."
        self.share = share
        return ""

    def _read_steps(self, text: str, named: bool = True) -> str:
        if self.given >= 0:
            return "" if NO_STEPS.fullmatch(text) else _GIVEN
        steps = self.step_reader.read(text)
        if isinstance(steps, str):
            return steps
        if not named and self.answer is not None and steps[:1] == [RETRACT]:
            return "'retract' behind an answer could take it back. Steps behind an answer go under 'steps:'."
        self.steps += steps
        if len(self.steps) > MAX_STEPS:
            return f"a reply has at most {MAX_STEPS} steps."
        return ""


def _nearest_level(share: float) -> int:
    """The level of confidence that is nearest to a probability."""
    return min(range(len(LEVELS)), key=lambda level: abs(LEVELS[level] - share))
