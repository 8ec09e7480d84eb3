"""The text interface of EtudeLogic-v0: names, the terminal view, the prompt and the steps of a reply."""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Iterable
from typing import Any

from etude_gym.envs.logic.kernel import (
    ANSWER,
    APPLY,
    ASSUME,
    BARE,
    CONFIDE,
    CONFIDENCE,
    GROUP,
    MAX_ATOMS,
    MAX_DEPTH,
    MOST_WASTE,
    NUM_ACTIONS,
    PARTIAL,
    RETRACT,
    STEP_LIMIT,
    WASTE,
)
from etude_gym.envs.logic.wording import Wording, literals_of, opposite, put_into_words, statements_of
from etude_gym.tasks.domain import Reply
from etude_gym.tasks.prompts import Prompt
from etude_gym.tasks.replies import MAX_REPLY_ACTIONS, malformed, read_lines, read_reply
from etude_gym.tasks.status import Status

STATUS_NAMES = ("entailed", "refuted", "unknown", "inconsistent")

_LEVELS = tuple(f"{level:.0%}" for level in CONFIDENCE)
_FIELDS = ("steps", "answer", "confidence")
_STEPS, _ANSWER, _CONFIDENCE = range(3)
_VERBS = ("apply", "suppose", "retract")
_BULLET = re.compile(r"^(?:[-*+•>]\s+|\(?[0-9]{1,3}[.):]\s*)+(?=\S)")
_NUMBER = re.compile(r"[0-9]{1,9}")
_SHARE = re.compile(r"((?:[0-9]{1,3})?\.?[0-9]{0,9}) ?(%?)")


# --- Names -------------------------------------------------------------------------------------------


def action_name(world: Any, action: int, wording: str = "english") -> str:
    """An action in words ("apply 3", "suppose Ann is not tall", "retract", "answer: unknown").

    Args:
        world: one row of the worlds, which says what its atoms are called.
        action: 0 to 65.
        wording: "english" or "formal".

    Raises:
        ValueError: if there is no such action.
    """
    if not 0 <= action < NUM_ACTIONS:
        raise ValueError(f"Actions are 0 to {NUM_ACTIONS - 1}, got {action!r}.")
    if action < ASSUME:
        return f"apply {action - APPLY + 1}"
    if action < RETRACT:
        return f"suppose {statements_of(world, wording)[action - ASSUME]}"
    if action == RETRACT:
        return "retract"
    if action < CONFIDE:
        return f"answer: {STATUS_NAMES[action - ANSWER]}"
    return f"confidence: {_LEVELS[action - CONFIDE]}"


# --- What is known -----------------------------------------------------------------------------------


def _found(world: Any, depth: int) -> list[int]:
    """What was found at a depth of suppositions: neither a fact, nor supposed, nor known before."""
    known = int(world["known"][depth])
    before = int(world["known"][depth - 1] | world["assumed"][depth] if depth else world["facts"])
    return literals_of(known & ~before)


def is_certain(world: Any, i: int) -> bool:
    """Whether a premise is sure to be true by what is known now, so that it cannot be applied."""
    known = int(world["known"][world["depth"]])
    literals = literals_of(world["literals"][i])
    true = sum(known >> literal & 1 for literal in literals)
    false = sum(known >> opposite(literal) & 1 for literal in literals)
    if world["kind"][i] == GROUP:
        return bool(true == 1 and true + false == len(literals))
    return bool(true > 0)


def open_premises(world: Any) -> list[int]:
    """Numbers of the premises, from 1, that can be applied now."""
    if world["contradiction"] or world["answer"] >= 0:
        return []
    return [i + 1 for i in range(int(world["num_premises"])) if not is_certain(world, i)]


def _reached(world: Any) -> list[str]:
    return [
        f"query {truth}"
        for truth, reached in zip(("true", "false"), world["reached"], strict=True)
        if reached
    ]


# --- The terminal view -------------------------------------------------------------------------------

_WIDTH = 80


def _bar(value: int, whole: int, width: int = 20) -> str:
    filled = round(width * value / max(1, whole))
    return f"[{'#' * filled}{'.' * (width - filled)}] {value} of {whole}"


def _wrapped(head: str, text: str) -> list[str]:
    """Text after a head, with the lines that follow indented as far."""
    return textwrap.wrap(text, _WIDTH, initial_indent=head, subsequent_indent=" " * len(head))


def _premise_lines(world: Any, premises: Iterable[str]) -> list[str]:
    lines = []
    for i, premise in enumerate(premises):
        certain = "+" if is_certain(world, i) else " "
        used = "*" if int(world["applied"]) >> i & 1 else " "
        lines += _wrapped(f"  {i + 1:>3} {certain}{used} ", premise)
    return lines


def _knowledge_lines(world: Any, statements: tuple[str, ...]) -> list[str]:
    """What was found and supposed, depth by depth."""
    lines = []
    for depth in range(int(world["depth"]) + 1):
        if depth:
            [supposed] = literals_of(world["assumed"][depth])
            lines += _wrapped("  Supposed  ", statements[supposed])
        found = "; ".join(statements[literal] for literal in _found(world, depth))
        lines += _wrapped("    found   " if depth else "  Found     ", found or "nothing")
    if world["contradiction"]:
        lines.append("  ! A contradiction")
    if any(world["reached"]):
        lines.append(f"  Situations reached: {' and '.join(_reached(world))}")
    return lines


def _now(world: Any) -> str:
    """What can be done now, shortened."""
    if world["over"]:
        answer = STATUS_NAMES[world["answer"]] if world["answer"] >= 0 else "nothing"
        status = STATUS_NAMES[world["status"]]
        return f"  The end: you answered {answer}, the status is {status}. Score {world['score']:.2f}."
    if world["answer"] >= 0:
        return f"  Answered: {STATUS_NAMES[world['answer']]}. Now: confidence: {', '.join(_LEVELS)}"
    premises = open_premises(world)
    now = [f"apply {' '.join(map(str, premises))}"] if premises else []
    if not world["contradiction"] and world["depth"] < MAX_DEPTH:
        now.append("suppose STATEMENT")
    if world["depth"] > 0:
        now.append("retract")
    return f"  Now: {', '.join([*now, 'answer: STATUS'])}"


def describe_state(world: Any, wording: str = "english") -> str:
    """The state of an episode for a terminal: facts, premises, query, findings, what can be done now.

    Args:
        world: one row of the worlds, a record of ``kernel.WORLD``.
        wording: "english" or "formal".

    Returns:
        Several lines of plain text, at most 80 characters wide except for the last.
    """
    words = put_into_words(world, wording)
    facts = " ".join(words.sentence(literal) for literal in literals_of(world["facts"]))
    [query] = literals_of(world["query"])
    lines = [
        f"  steps     {_bar(int(world['steps']), STEP_LIMIT)}",
        "",
        *_wrapped("  Facts     ", facts),
        *_wrapped("  Query     ", words.sentence(query)),
        "",
        "  Premises (+ sure to be true by now, * was of use)",
        *_premise_lines(world, words.premises),
        "",
        *_knowledge_lines(world, words.statements),
        "",
        _now(world),
    ]
    return "\n".join(lines)


# --- The prompt --------------------------------------------------------------------------------------


_BARE, _PARTIAL, _WASTE, _MOST = (f"{100 * share:g}%" for share in (BARE, PARTIAL, WASTE, MOST_WASTE))

RULES = f"""\
You are given facts, premises and a query. Find the status of the query, and show it step by step.

The four statuses
- entailed: the facts and premises can all be true together, and whenever they are, the query is true.
  To show it, make the query known to be true with no supposition in force.
- refuted: they can all be true together, and whenever they are, the query is false.
  To show it, make the query known to be false with no supposition in force.
- unknown: they can all be true together with the query true, and also with the query false.
  To show it, reach two situations, one with the query true and one with the query false.
- inconsistent: they cannot all be true together.
  To show it, find a contradiction with no supposition in force.

Steps
- Apply a premise: what follows from this one premise and from what is known becomes known. A premise says
  that if all its conditions are true, at least one of its alternatives is (often there is only one). When
  all conditions are known to be true and all alternatives but one to be false, that one becomes true; when
  all alternatives are known to be false and all conditions but one to be true, that one becomes false.
  Where exactly one of several statements is true, the others become false once one is known to be true,
  and the last becomes true once all others are known to be false. A premise that cannot be true any more
  is a contradiction.
- Suppose a statement that is not known to be true or false; up to {MAX_DEPTH} suppositions can be in force.
  What is found from then on rests on it.
- Retract the last supposition, and with it everything found since. If a contradiction was found under it,
  its opposite becomes known instead. After a contradiction you can only retract or answer.
- A situation is reached by itself as soon as the query is known to be true or false, there is no
  contradiction, nothing more follows from any premise (apply all that bring something), and no choice is
  left: in each premise with several alternatives an alternative is true, or a condition is false, or at most
  one alternative is not known yet; and where exactly one of several statements is true, all of them are
  known. Once reached it stays reached, whatever is retracted.

Score
- A right status alone earns {_BARE}; the rest is for showing it. What is shown only in part (one of two
  situations, some premises of a proof) earns up to {_PARTIAL} of the rest.
- Every step beyond those of a reference solution costs {_WASTE} of the score, all together at most {_MOST}.
  To answer and to state a confidence are steps too. A step counts even if nothing new follows from it or if
  it is not possible, such as applying a premise that is sure to be true by what is known.
- Without an answer within {STEP_LIMIT} steps the score is 0.
- The confidence does not change the score; it is judged apart, by how well it fits the truth."""

READING = """\
Nothing counts but what is stated: no statement implies or rules out another one by what its words mean.
"If" and "whenever" do not say what is so otherwise. "A only if B" says that B is true if A is."""

CATEGORICAL_READING = """\
Nothing counts but what is stated: no statement implies or rules out another one by what its words mean.
"Only A are B" says that every B is A; it does not say that every A is B."""


def _reading(words: Wording, wording: str) -> str:
    """How to read the premises."""
    if wording == "formal":
        return words.note
    if words.note:
        return "\n".join([CATEGORICAL_READING, *textwrap.wrap(words.note, 105)])
    return READING


def _task_text(world: Any, words: Wording, wording: str) -> str:
    [query] = literals_of(world["query"])
    premises = [f"{i}. {premise}" for i, premise in enumerate(words.premises, start=1)]
    sections = (
        ("How to read the premises", [_reading(words, wording)]),
        ("Facts", [f"- {words.sentence(literal)}" for literal in literals_of(world["facts"])]),
        ("Premises", premises or ["(none)"]),
        ("Query", [f"- {words.sentence(query)}"]),
    )
    return "\n\n".join("\n".join([title, *lines]) for title, lines in sections)


def _state_text(world: Any, statements: tuple[str, ...]) -> str:
    def told(literals: list[int]) -> str:
        return "; ".join(statements[literal] for literal in literals) or "nothing"

    lines = ["Now", f"- found with no supposition: {told(_found(world, 0))}"]
    for depth in range(1, int(world["depth"]) + 1):
        supposed = told(literals_of(world["assumed"][depth]))
        lines.append(f"- supposition {depth}: {supposed}; found since: {told(_found(world, depth))}")
    if not world["depth"]:
        lines.append("- suppositions in force: none")
    if world["contradiction"]:
        under = f"under supposition {world['depth']}" if world["depth"] else "with no supposition"
        lines.append(f"- a contradiction was found {under}")
    lines.append(f"- situations reached: {' and '.join(_reached(world)) or 'none'}")
    lines.append(f"- steps left: {STEP_LIMIT - int(world['steps'])}")
    if world["over"]:
        lines.append("- the episode is over")
    return "\n".join(lines)


def _grammar(world: Any, statements: tuple[str, ...]) -> str:
    """How to reply, with a statement of this task as an example."""
    atom = literals_of(world["query"])[0] % MAX_ATOMS
    return f"""\
Reply with a fenced block, for example:
```
steps: 2, suppose STATEMENT, 1, retract
answer: STATUS
confidence: {_LEVELS[-2]}
```
- "steps:" says what to do, in this order: the number of a premise applies it; "suppose STATEMENT"; "retract".
  There may be several such lines. A STATEMENT is worded as above and may be affirmed or denied, such as
  "{statements[atom]}" or "{statements[opposite(atom)]}".
- "answer:" gives the status, one of {", ".join(STATUS_NAMES)}. It is final. Leave it out to see
  first what your steps have brought: you are asked again.
- "confidence:" is how likely your answer is right, from 0% to 100%; the nearest of {", ".join(_LEVELS)}
  counts. It comes after the answer; without it you are asked for it.
Steps come first, then the answer, then the confidence. Text outside the last fenced block is ignored;
anything else in it makes the whole reply void, at the cost of a step."""


def _answered_text(world: Any) -> str:
    """The prompt's end once the answer is given."""
    lines = [
        f"Your answer is given and final: {STATUS_NAMES[world['answer']]}.",
        f"Steps left: {STEP_LIMIT - int(world['steps'])}.",
    ]
    if world["over"]:
        return "\n".join([*lines, "The episode is over."])
    return "\n".join(
        [
            *lines,
            "",
            "State only how likely it is right, from 0% to 100%; the nearest of "
            f"{', '.join(_LEVELS)} counts. Reply with a fenced block, for example:",
            f"```\nconfidence: {_LEVELS[-2]}\n```",
        ]
    )


def write_prompt(world: Any, wording: str = "english") -> Prompt:
    """A self-contained prompt: rules, task, present state and the format of the reply.

    Args:
        world: one row of the worlds, a record of ``kernel.WORLD``.
        wording: "english" or "formal".
    """
    words = put_into_words(world, wording)
    task = _task_text(world, words, wording)
    if world["answer"] >= 0:
        return Prompt(RULES, _grammar(world, words.statements), f"{task}\n\n{_answered_text(world)}")
    state = _state_text(world, words.statements)
    return Prompt(RULES, _grammar(world, words.statements), f"{task}\n\n{state}")


# --- The reply ---------------------------------------------------------------------------------------


def parse_reply(world: Any, reply: object, wording: str = "english", cut: bool = False) -> Reply:
    """The actions that a reply stands for. Total: no reply makes it raise.

    Lines are "steps: ...", "answer: ..." and "confidence: ...", in this order; "apply 3", "suppose ..." and
    "retract" may also stand on lines of their own. Upper and lower case, bullets and numbering do not
    matter. With fenced blocks the last one that holds such lines counts, else all but prose around them. One
    thing there that is not understood makes the whole reply malformed: nothing is guessed from parts of it.

    Args:
        world: one row of the worlds: its premises, what its atoms are called, whether an answer was given.
        reply: what the reader of the prompt answered; anything but a str is malformed.
        wording: "english" or "formal".
        cut: whether its writer was stopped by a limit of length.

    Returns:
        Status "ok" with at least one action; "truncated" if a fenced block is not closed; otherwise
        "malformed". ``problem`` says where, what is allowed and the nearest match.
    """
    read = read_reply(reply, cut)
    if isinstance(read, Reply):
        return read
    reader = _Reader(world, wording)
    for number, line in enumerate(read_lines(read, _begins), start=1):
        problem = reader.read(line)
        if problem:
            return malformed(f"Line {number}, {line.strip()[:60]!a}: {problem}")
    if not reader.actions:
        return malformed(f"The reply says nothing. Allowed: {', '.join(reader.fields())}.")
    return Reply(Status.OK, reader.actions)


def _plain(line: str) -> str:
    """A line without bullets and markup."""
    return _BULLET.sub("", " ".join(line.translate(_NO_MARKUP).split()))


def _begins(line: str) -> bool:
    """Whether a line begins with a field or a verb."""
    field, colon, _ = (plain := _plain(line).casefold()).partition(":")
    return (bool(colon) and field.strip() in _FIELDS) or plain.partition(" ")[0].rstrip(".,;") in _VERBS


class _Reader:
    """Reads a reply line by line into actions.

    Args:
        world: one row of the worlds.
        wording: "english" or "formal".
    """

    def __init__(self, world: Any, wording: str) -> None:
        self.statements = statements_of(world, wording)
        self.literals = {statement.casefold(): n for n, statement in enumerate(self.statements)}
        self.occurring = tuple(self.statements[literal] for literal in literals_of(world["atoms"]))
        self.example = literals_of(world["query"])[0] % MAX_ATOMS
        self.premises = int(world["num_premises"])
        self.answered = bool(world["answer"] >= 0)
        self.field = _ANSWER if self.answered else _STEPS
        self.actions: list[int] = []

    def fields(self) -> list[str]:
        """The fields that the present state allows."""
        return [f"{field}:" for field in (_FIELDS[_CONFIDENCE:] if self.answered else _FIELDS)]

    def read(self, line: str) -> str:
        """Add the actions of a line; returns what is wrong with it, empty if nothing is."""
        plain = _plain(line)
        if not plain:
            return ""
        word, colon, rest = plain.partition(":")
        name = word.strip().casefold()
        if colon and name in _FIELDS:
            return self._enter(_FIELDS.index(name)) or self._read_field(_FIELDS.index(name), rest.strip())
        if plain.casefold().split()[0].rstrip(".,;") in _VERBS:
            return self._enter(_STEPS) or self._read_field(_STEPS, plain)
        allowed = (*self.fields(), *(() if self.answered else _VERBS))
        return f"not understood. Allowed: {', '.join(allowed)}.{_nearest(name.split(), _FIELDS + _VERBS)}"

    def _enter(self, field: int) -> str:
        """Go on to a field: steps, then one answer, then one confidence."""
        before, self.field = self.field, max(self.field, field)
        if self.answered and field != _CONFIDENCE:
            return "the answer is given and final; only its confidence is asked for."
        if field < before:
            return f"{_FIELDS[field]!r} cannot come after {_FIELDS[before]!r}."
        if field == before and field != _STEPS:
            return f"there can be only one {_FIELDS[field]!r}."
        if field == _CONFIDENCE and before != _ANSWER:
            return "a confidence has to come after an answer."
        return ""

    def _read_field(self, field: int, text: str) -> str:
        meant = (self._steps, self._answer, self._confidence)[field](text)
        if isinstance(meant, str):
            return meant
        self.actions += meant
        if len(self.actions) > MAX_REPLY_ACTIONS:
            return f"a reply has at most {MAX_REPLY_ACTIONS} steps."
        return ""

    def _steps(self, text: str) -> list[int] | str:
        actions: list[int] = []
        for part in re.split("[,;]", text):
            step = part.strip().rstrip(".").strip()
            if not step:
                continue
            meant = self._step(step)
            if isinstance(meant, str):
                return meant
            actions.append(meant)
        return actions

    def _step(self, step: str) -> int | str:
        verb, _, rest = step.partition(" ")
        verb = verb.casefold()
        if verb == "suppose":
            return self._supposition(rest)
        number = rest.strip() if verb == "apply" else step
        if _NUMBER.fullmatch(number):
            if not 1 <= int(number) <= self.premises:
                return f"there is no premise {int(number)}; the premises are 1 to {self.premises}."
            return APPLY + int(number) - 1
        if verb == "retract" and not rest:
            return RETRACT
        allowed = "the number of a premise, suppose STATEMENT, retract"
        return f"unknown step {step[:40]!a}. Allowed: {allowed}.{_nearest([verb], _VERBS)}"

    def _supposition(self, text: str) -> int | str:
        statement = text.strip(_QUOTES).rstrip(".").casefold()
        statement = statement.removeprefix("that ")
        if statement in self.literals:
            return ASSUME + self.literals[statement]
        affirmed, denied = self.statements[self.example], self.statements[opposite(self.example)]
        allowed = f"statements worded as in the task, affirmed or denied, such as {affirmed!a} or {denied!a}"
        nearest = _nearest([statement], self.occurring)
        return f"unknown statement {statement[:40]!a}. Allowed: {allowed}.{nearest}"

    def _answer(self, text: str) -> list[int] | str:
        answer = text.rstrip(".").strip(_QUOTES).casefold()
        if answer in STATUS_NAMES:
            return [ANSWER + STATUS_NAMES.index(answer)]
        allowed = f"exactly one of {', '.join(STATUS_NAMES)}, and nothing else"
        return f"unknown answer {answer[:40]!a}. Allowed: {allowed}.{_nearest([answer], STATUS_NAMES)}"

    def _confidence(self, text: str) -> list[int] | str:
        share = _SHARE.fullmatch(text.rstrip(".").strip())
        if share and any(map(str.isdecimal, share[1])):
            stated = float(share[1]) / (100 if share[2] else 1)
            if stated <= 1:
                level = min(range(len(CONFIDENCE)), key=lambda n: abs(CONFIDENCE[n] - stated))
                return [CONFIDE + level]
        return f"{text[:40]!a} is no confidence. Allowed: 0% to 100%, or a number from 0 to 1."


_NO_MARKUP = str.maketrans("", "", "`*")
_QUOTES = "\"'“”‘’ "


def _nearest(words: list[str], allowed: tuple[str, ...]) -> str:
    """A hint at the allowed name nearest to the first word, empty if there is none."""
    by_folded = {name.casefold(): name for name in allowed}
    nearest = difflib.get_close_matches(words[0][:60], list(by_folded), n=1) if words else []
    return f" Did you mean {by_folded[nearest[0]]!r}?" if nearest else ""
