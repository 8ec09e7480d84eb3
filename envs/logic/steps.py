"""The steps of a reply to a prompt of EtudeLogic-v0, in the forms in which they may be written.

What may be a step more or less than was meant is refused: steps in brackets, inline numbering, ranges.
"""

from __future__ import annotations

import re
from typing import Any

from etude_gym.envs.logic.forms import QUOTES, is_doubtful, is_step, nearest_of
from etude_gym.envs.logic.kernel import APPLY, ASSUME, RETRACT
from etude_gym.envs.logic.wording import labels_of, literals_of, opposite, statements_of
from etude_gym.tasks.replies import MAX_REPLY_ACTIONS

VERBS = ("apply", "suppose", "retract")
MAX_STEPS = MAX_REPLY_ACTIONS - 2
"""Of a reply; the answer and the confidence come on top."""

_COMMENT = re.compile(r"(?:^| )(?:#|//) (?![0-9]).*")
_BESIDE = re.compile(r"(?<=[^ (\[,;]) ?\((?=[^()A-Za-z]*[A-Za-z])[^()]*\)")
_STEP_VERB = r"(?:apply|suppose|assume|retract)\b"
_SAYS_STEP = re.compile(rf"{_STEP_VERB}|\bpremises?\b|\b[0-9]", re.IGNORECASE)
_CALL = re.compile(r"\b(apply|suppose|assume|retract) ?\(([^()]*)\)", re.IGNORECASE)
_NUMBERED = re.compile(rf"^\(?[0-9]{{1,3}}[.)] (?={_STEP_VERB})", re.IGNORECASE)
_SENTENCES = re.compile(rf"\. (?={_STEP_VERB})", re.IGNORECASE)
_BETWEEN = re.compile(r"[,;&]|->|=>|→|⇒|➔| (?:and then|and|then) ", re.IGNORECASE)
_ORDER = re.compile(r"^(?:(?:and|first|then|next|finally) )+", re.IGNORECASE)
NO_STEPS = re.compile(
    r"(?:none|no steps?(?: (?:are )?(?:needed|required))?|nothing|n/a|empty|-)?", re.IGNORECASE
)
_APPLY = re.compile(
    r"(?:(?:apply|use)\b:? ?)?(?:the )?(?:(?:premises?|rules?|numbers?|no\.) ?)?"
    r"(?P<labels>#?[0-9]{1,9}(?: #?[0-9]{1,9})*)",
    re.IGNORECASE,
)
_EXPLAINED = re.compile(
    r"(?P<step>apply (?:the )?(?:premise )?#?[0-9]{1,9})"
    r"(?:: ?| [-–—] |,? (?:which gives|giving|gives|yields|to (?:get|conclude|derive)) )(?P<remark>.*)",
    re.IGNORECASE,
)
_RETRACT = re.compile(r"retract(?: it| (?:the )?(?:last )?(?:supposition|assumption))?", re.IGNORECASE)
_SUPPOSE = re.compile(r"(?:suppose|assume)\b:?(?: that\b)?:?(?P<statement>.*)", re.IGNORECASE)
_DENIAL = re.compile(r"(?:not|it is not (?:the case|true) that|it is false that) ")
_FORMAL_DENIAL = re.compile(r"^(?:[¬!] ?|~ )")
_BRACKETS = {"[": "]", "(": ")", "{": "}"}


class StepReader:
    """Reads steps into actions.

    Args:
        world: one row of the worlds: its premises, and what its atoms are called.
        wording: "english" or "formal".
    """

    def __init__(self, world: Any, wording: str) -> None:
        self.statements = statements_of(world, wording)
        self.literals = {statement.casefold(): n for n, statement in enumerate(self.statements)}
        self.occurring = tuple(self.statements[literal] for literal in literals_of(world["atoms"]))
        self.example = literals_of(world["query"])[0]
        self.premises = {label: i for i, label in enumerate(labels_of(world)[: int(world["num_premises"])])}

    def read(self, text: str) -> list[int] | str:
        """The actions of a list of steps, or what is wrong with it.

        Args:
            text: what stands under "steps:", or a line that begins with the verb of a step.
        """
        bare = _without_remarks(_NUMBERED.sub("", _CALL.sub(r"\1 \2", text)))
        if bare is None:
            return "a remark beside the steps says more, or that something is not sure."
        text = _without_brackets(bare.strip().rstrip("."))
        if NO_STEPS.fullmatch(text):
            return []
        sentences = _SENTENCES.split(text)
        pieces = [piece for sentence in sentences for piece in _pieces(sentence)]
        if len(sentences) > 1 and (len(sentences) != len(pieces) or not all(map(is_step, sentences))):
            return "several sentences with several steps each. Allowed: steps with commas between them."
        steps: list[int] = []
        for piece in pieces[: MAX_STEPS + 1]:
            meant = self._step(piece, alone=len(pieces) == 1)
            if isinstance(meant, str):
                return meant
            steps += meant
        return steps

    def _step(self, step: str, alone: bool) -> list[int] | str:
        """A step, or several premises with blanks between them where there is nothing else."""
        if supposition := _SUPPOSE.fullmatch(step):
            return self._supposition(supposition["statement"])
        if _RETRACT.fullmatch(step):
            return [RETRACT]
        applied = _APPLY.fullmatch(step)
        labels = [int(label.lstrip("#")) for label in applied["labels"].split()] if applied else []
        if not labels or (len(labels) > 1 and not alone):
            allowed = "the number of a premise, suppose STATEMENT, retract"
            return (
                f"unknown step {step[:40]!a}. Allowed: {allowed}.{nearest_of(step.casefold().split(), VERBS)}"
            )
        for label in labels:
            if label not in self.premises:
                premises = ", ".join(map(str, self.premises)) or "none"
                return f"there is no premise {label}; the premises are {premises}."
        return [APPLY + self.premises[label] for label in labels]

    def _supposition(self, text: str) -> list[int] | str:
        statement = text.strip(QUOTES).rstrip(".").strip(QUOTES).casefold().replace("’", "'")
        statement = statement.replace("isn't", "is not").replace("doesn't", "does not")
        denied = _DENIAL.match(statement)
        affirmed = statement[denied.end() :].strip(QUOTES) if denied else statement
        statement = _FORMAL_DENIAL.sub("~", affirmed)
        if statement in self.literals:
            literal = self.literals[statement]
            return [ASSUME + (opposite(literal) if denied else literal)]
        literals = sorted((self.example, opposite(self.example)))
        examples = " or ".join(ascii(self.statements[literal]) for literal in literals)
        allowed = f"statements worded as in the task, affirmed or denied, such as {examples}"
        nearest = nearest_of([statement], self.occurring)
        return f"unknown statement {statement[:40]!a}. Allowed: {allowed}.{nearest}"


def _without_remarks(text: str) -> str | None:
    """Steps without comments, remarks in brackets and what a single step is said to bring.

    None if one of them may be a step itself, or says that something is not sure.
    """
    for beside in (_COMMENT, _BESIDE):
        for remark in beside.finditer(text):
            if is_doubtful(remark[0]) or (beside is _BESIDE and _SAYS_STEP.search(remark[0])):
                return None
        text = beside.sub("", text)
    if (explained := _EXPLAINED.fullmatch(text)) and not _SAYS_STEP.search(explained["remark"]):
        return None if is_doubtful(explained["remark"]) else explained["step"]
    return text


def _pieces(text: str) -> list[str]:
    """The parts of a list, without brackets and quotes around each."""
    pieces = (_ORDER.sub("", piece.strip()) for piece in _BETWEEN.split(text))
    return [bare for piece in pieces if (bare := _without_brackets(piece.rstrip(".").strip(QUOTES)))]


def _without_brackets(text: str) -> str:
    """A text without the brackets around it, if they are the only ones."""
    inner = text[1:-1]
    if text[:1] in _BRACKETS and text[-1:] == _BRACKETS[text[0]] and not any(b in inner for b in "[](){}"):
        return inner.strip()
    return text
