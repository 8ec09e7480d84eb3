"""The text interface of EtudeLogic-v0: names of actions, the terminal view, the prompt."""

from __future__ import annotations

import textwrap
from typing import Any

from etude_gym.envs.logic.generator import FAMILIES
from etude_gym.envs.logic.kernel import (
    ANSWER,
    APPLY,
    ASSUME,
    BARE,
    CONFIDE,
    CONFIDENCE,
    GROUP,
    MAX_DEPTH,
    MOST_WASTE,
    NUM_ACTIONS,
    PARTIAL,
    RETRACT,
    STEP_LIMIT,
    WASTE,
)
from etude_gym.envs.logic.wording import (
    Wording,
    labels_of,
    literals_of,
    opposite,
    put_into_words,
    statements_of,
)
from etude_gym.tasks.prompts import Prompt

STATUS_NAMES = ("entailed", "refuted", "unknown", "inconsistent")
LEVEL_NAMES = tuple(f"{level:.0%}" for level in CONFIDENCE)


# --- Names -------------------------------------------------------------------------------------------


def action_name(world: Any, action: int, wording: str = "english") -> str:
    """An action in words ("apply 37", "suppose Ann is not tall", "retract", "answer: unknown").

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
        return f"apply {labels_of(world)[action - APPLY]}"
    if action < RETRACT:
        return f"suppose {statements_of(world, wording)[action - ASSUME]}"
    if action == RETRACT:
        return "retract"
    if action < CONFIDE:
        return f"answer: {STATUS_NAMES[action - ANSWER]}"
    return f"confidence: {LEVEL_NAMES[action - CONFIDE]}"


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
    """Labels of the premises that can be applied now."""
    if world["contradiction"] or world["answer"] >= 0:
        return []
    labels = labels_of(world)
    return [labels[i] for i in range(int(world["num_premises"])) if not is_certain(world, i)]


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


def _premise_lines(world: Any, words: Wording) -> list[str]:
    lines = []
    for i, (label, premise) in enumerate(zip(words.labels, words.premises, strict=True)):
        certain = "+" if is_certain(world, i) else " "
        used = "*" if int(world["applied"]) >> i & 1 else " "
        lines += _wrapped(f"  {label:>3} {certain}{used} ", premise)
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
        return f"  Answered: {STATUS_NAMES[world['answer']]}. Now: confidence: {', '.join(LEVEL_NAMES)}"
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
        *_premise_lines(world, words),
        "",
        *_knowledge_lines(world, words.statements),
        "",
        _now(world),
    ]
    return "\n".join(lines)


# --- The prompt --------------------------------------------------------------------------------------

_BARE, _PARTIAL, _WASTE, _MOST = (f"{100 * share:g}%" for share in (BARE, PARTIAL, WASTE, MOST_WASTE))

_RULES = f"""\
Find the status of a query and show it step by step.

Status, and what shows it
- entailed: facts and premises can all hold, and whenever they do, the query is true. Shown once the query \
is known to be true, with no supposition in force.
- refuted: the same with "false".
- unknown: they can all hold with the query true, and also with it false. Shown by reaching a situation of \
each kind.
- inconsistent: they cannot all hold. Shown by a contradiction with no supposition in force.

Steps
- Apply a premise, which says that if all its conditions hold (if it has any), at least one of its \
alternatives does. All conditions known true and all alternatives but one false: that one becomes known \
true. All alternatives false and all conditions but one true: that one becomes false. Where exactly one of \
several statements is true: one true makes the others false, all but one false make that one true. If it \
cannot hold any more, that is a contradiction.
- Suppose a statement that is not known yet; up to {MAX_DEPTH} suppositions can be in force.
- Retract the last supposition with all that was found since; if that was a contradiction, the opposite of \
the supposition becomes known. After a contradiction you can only retract or answer.
- A situation is reached by itself, for good, when the query is known, there is no contradiction, nothing \
new follows from any premise, and no choice is open: each premise of several alternatives has a true one, \
or a false condition, or at most one alternative not known; each "exactly one" is known throughout.

Score
- A right status earns {_BARE}, plus the rest if shown in full, or up to {_PARTIAL} of the rest if in \
part.
- Each step beyond those of a reference solution costs {_WASTE} of that, at most {_MOST} in all. Answer \
and confidence count as steps, and so do steps that are impossible or bring nothing.
- No answer within {STEP_LIMIT} steps: 0. The confidence is judged apart."""

_STATED = "Only what is stated counts, not what words imply or exclude by their meaning."
_IF = '"If" and "whenever" leave open what is so otherwise. "A only if B": if A is true, B is.'
_DENIED = '"X is Y" is denied as "X is not Y".'
_READING = {
    "syllogism": f"{_STATED} Facts, query and suppositions are about one individual, to which applies "
    f'what a premise says of all or none of some kind. "Only A are B": every B is A. {_DENIED}',
    "chain": f"{_STATED} {_IF} {_DENIED}",
    "cases": f"{_STATED} {_IF} {_DENIED}",
    "puzzle": f'{_STATED} {_IF} "X has Y" is denied as "X does not have Y".',
}
"""How the English sentences of a family are to be read."""
_FORMAL_READING = """\
p1, p2 and so on are statements. "~" is "not", "&" is "and", "|" is "or" (one of them or more), "->" is \
"if ... then", and "exactly-one(...)" says that one of its members is true and all others are false."""

SAMPLE = """\
steps: STEP, STEP, STEP
answer: STATUS
confidence: PERCENT"""

FORMAT = f"""\
Reply with a block of this form. Text outside it is ignored; anything else in it makes the reply void and \
costs a step.
```
{SAMPLE}
```
- STEP: the number of a premise to apply it, "suppose STATEMENT" (worded as in the task, affirmed or \
denied), or "retract".
- STATUS: {", ".join(STATUS_NAMES)}. It is final; leave it out to see first what the steps bring.
- PERCENT: how likely the answer is right, with the answer or after it; the nearest of \
{", ".join(LEVEL_NAMES)} counts."""


def rules_of(family: str, wording: str) -> str:
    """What the world is, what counts, and how premises are to be read: the same in all tasks of a family.

    Args:
        family: name of the family.
        wording: "english" or "formal".
    """
    return f"{_RULES}\n\nReading\n- {_FORMAL_READING if wording == 'formal' else _READING[family]}"


def _task_text(world: Any, words: Wording) -> str:
    [query] = literals_of(world["query"])
    premises = [f"{label}. {premise}" for label, premise in zip(words.labels, words.premises, strict=True)]
    sections = (
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


def _answered_text(world: Any) -> str:
    """The state once the answer is given."""
    lines = [
        "Now",
        f"- your answer is given and final: {STATUS_NAMES[world['answer']]}",
        f"- steps left: {STEP_LIMIT - int(world['steps'])}",
    ]
    if world["over"]:
        return "\n".join([*lines, "- the episode is over"])
    return "\n".join([*lines, '- reply with the line "confidence: PERCENT" alone'])


def write_prompt(world: Any, wording: str = "english") -> Prompt:
    """A self-contained prompt: rules, format of the reply, task and present state.

    Args:
        world: one row of the worlds, a record of ``kernel.WORLD``.
        wording: "english" or "formal".
    """
    words = put_into_words(world, wording)
    state = _answered_text(world) if world["answer"] >= 0 else _state_text(world, words.statements)
    return Prompt(
        rules_of(FAMILIES[world["family"]], wording), FORMAT, f"{_task_text(world, words)}\n\n{state}"
    )


def write_reply(names: list[str]) -> str:
    """Actions as a reply in the documented form.

    Args:
        names: of the actions, see ``action_name``.
    """
    ends = [name for name in names if name.startswith(("answer:", "confidence:"))]
    steps = [name.removeprefix("apply ") for name in names if name not in ends]
    lines = [f"steps: {', '.join(steps)}", *ends] if steps else ends
    return "\n".join(["```", *lines, "```"])
