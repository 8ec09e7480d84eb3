"""A task of EtudeLogic-v0 in sentences, English or formal: statements and premises.

The English sentences are a function of the task's key: each kind of premise has several forms, one of which
is drawn for each premise. All forms say exactly what the premise says: conditions stay conditions and
alternatives stay alternatives, "or" is always said to be inclusive, and groups are "exactly one".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from etude_gym.envs.logic.generator import FAMILIES
from etude_gym.envs.logic.kernel import GROUP, MAX_ATOMS, MAX_PREMISES, RULE
from etude_gym.envs.logic.vocabulary import (
    LABELS,
    PHRASES_OF_FAMILY,
    PLACES_OF_A_PREMISE,
    PREMISES,
    Draws,
    Phrases,
    Term,
)

FORMAL_STATEMENTS = tuple(f"{sign}p{atom}" for sign in ("", "~") for atom in range(1, MAX_ATOMS + 1))
MAX_LABEL = 99


@dataclass(frozen=True)
class Wording:
    """A task in words.

    Attributes:
        statements: of each literal: 16 atoms, then their negations.
        premises: in their order; English ones are sentences with a period.
        labels: the number that each of them goes by, see ``labels_of``.
    """

    statements: tuple[str, ...]
    premises: tuple[str, ...]
    labels: tuple[int, ...]

    def sentence(self, literal: int) -> str:
        """A statement on its own: an English one becomes a sentence with a period.

        Args:
            literal: 0 to 31.
        """
        statement = self.statements[literal]
        return statement if self.statements is FORMAL_STATEMENTS else f"{_capitalized(statement)}."


@dataclass(frozen=True)
class Parts:
    """Conditions and alternatives of a premise; members of a group are alternatives.

    Attributes:
        kind: ``RULE``, ``DISJUNCTION`` or ``GROUP`` of the kernel.
        conditions: literals, 0 to 31, that all have to hold for the premise to matter.
        alternatives: literals, 0 to 31, of which one then holds; exactly one in a group.
    """

    kind: int
    conditions: tuple[int, ...]
    alternatives: tuple[int, ...]


def literals_of(word: Any) -> list[int]:
    """The literals of a set, in ascending order.

    Args:
        word: the set as 32 bits: bit a for atom a, bit 16 + a for its negation.

    Returns:
        Numbers from 0 to 31.
    """
    bits = int(word)
    return [literal for literal in range(2 * MAX_ATOMS) if bits >> literal & 1]


def opposite(literal: int) -> int:
    """The negation of a literal.

    Args:
        literal: 0 to 31: 16 atoms, then their negations.
    """
    return (literal + MAX_ATOMS) % (2 * MAX_ATOMS)


def parts_of(world: Any, i: int) -> Parts:
    """Conditions and alternatives of a premise, in the order of their atoms.

    Args:
        world: record of ``kernel.WORLD``.
        i: number of the premise, from 0.
    """
    conditions = literals_of(world["conditions"][i])
    negated = {opposite(literal) for literal in conditions}
    alternatives = [literal for literal in literals_of(world["literals"][i]) if literal not in negated]
    return Parts(int(world["kind"][i]), _by_atom(conditions), _by_atom(alternatives))


def _by_atom(literals: list[int]) -> tuple[int, ...]:
    return tuple(sorted(literals, key=lambda literal: literal % MAX_ATOMS))


def put_into_words(world: Any, wording: str) -> Wording:
    """Statements and premises of a task.

    Args:
        world: one row of the worlds, a record of ``kernel.WORLD``.
        wording: "english" or "formal".
    """
    parts = [parts_of(world, i) for i in range(int(world["num_premises"]))]
    labels = labels_of(world)[: len(parts)]
    if wording == "formal":
        return Wording(FORMAL_STATEMENTS, tuple(map(formula, parts)), labels)
    draws, phrases = draw_phrases(world)
    premises = tuple(sentence(phrases, premise, draws, i) for i, premise in enumerate(parts))
    return Wording(phrases.statements, premises, labels)


def statements_of(world: Any, wording: str) -> tuple[str, ...]:
    """The statement of each literal: 16 atoms, then their negations.

    Args:
        world: record of ``kernel.WORLD``.
        wording: "english" or "formal".
    """
    return FORMAL_STATEMENTS if wording == "formal" else draw_phrases(world)[1].statements


def labels_of(world: Any) -> tuple[int, ...]:
    """The number, 1 to 99, that each premise goes by in words.

    They are drawn for each task, so that steps copied from another task mean nothing, and they rise from one
    premise to the next.

    Args:
        world: record of ``kernel.WORLD``; only key and number of premises matter.

    Returns:
        24 distinct numbers; those beyond the task's premises name actions that are never possible.
    """
    drawn = Draws(int(world["key"])).sample(LABELS, range(1, MAX_LABEL + 1), MAX_PREMISES)
    n = int(world["num_premises"])
    return (*sorted(drawn[:n]), *drawn[n:])


def draw_phrases(world: Any) -> tuple[Draws, Phrases]:
    """What the atoms of a task are called in English.

    Args:
        world: record of ``kernel.WORLD``; only key and family matter.

    Returns:
        The draws, for the sentences of the premises, and the phrases.
    """
    draws = Draws(int(world["key"]))
    return draws, PHRASES_OF_FAMILY[FAMILIES[world["family"]]](draws)


# --- Formal ------------------------------------------------------------------------------------------


def formula(premise: Parts) -> str:
    """A premise in formal notation: "p3 & ~p5 -> p7", "p4 | p9", "exactly-one(p1, ~p4, p6)".

    Args:
        premise: its conditions and alternatives.
    """
    alternatives = [FORMAL_STATEMENTS[literal] for literal in premise.alternatives]
    if premise.kind == GROUP:
        return f"exactly-one({', '.join(alternatives)})"
    then = " | ".join(alternatives)
    conditions = " & ".join(FORMAL_STATEMENTS[literal] for literal in premise.conditions)
    return f"{conditions} -> {then}" if conditions else then


# --- English -----------------------------------------------------------------------------------------

_ONE_CONDITION = (
    "if {a}, then {b}.",
    "{b} if {a}.",
    "{b} whenever {a}.",
    "whenever {a}, {b}.",
    "{a} only if {b}.",
)
_SEVERAL_CONDITIONS = (
    "if {a}, then {b}.",
    "whenever {a}, {b}.",
    "{b} if all of these are true: {listed}.",
    "{b} whenever all of these are true: {listed}.",
)
_TWO_CONDITIONS = (
    *_SEVERAL_CONDITIONS[:2],
    "{b} if it is true both that {first} and that {second}.",
    "{b} whenever both of these are true: {listed}.",
)
_TWO_ALTERNATIVES = (
    "either {first} or {second}, or both",
    "either {first} or {second} (or both)",
    "at least one of these is true: {listed}",
    "one or both of these are true: {listed}",
)
_SEVERAL_ALTERNATIVES = (
    "at least one of these is true: {listed}",
    "one or more of these are true: {listed}",
)
_IF = ("if {a}, then {b}.", "whenever {a}, {b}.")
_TWO_MEMBERS = (
    "exactly one of these is true: {listed}.",
    "either {first} or {second}, but not both.",
    "of these two statements, one is true and the other is false: {listed}.",
)
_SEVERAL_MEMBERS = (
    "exactly one of these is true: {listed}.",
    "of these statements, one is true and all others are false: {listed}.",
    "one of these is true, and only one: {listed}.",
)


def sentence(phrases: Phrases, premise: Parts, draws: Draws, i: int) -> str:
    """A premise as an English sentence, in one of the forms that its kind has.

    Args:
        phrases: what the atoms are called.
        premise: its conditions and alternatives.
        draws: of the task.
        i: number of the premise, from 0; it decides which of the task's numbers are used.
    """
    place = PREMISES + i * PLACES_OF_A_PREMISE
    conditions = draws.sample(place, premise.conditions, 4)
    alternatives = draws.sample(place + 4, premise.alternatives, 4)
    if phrases.terms and premise.kind != GROUP and 1 <= len(conditions) <= 2:
        speech = Speech(phrases)
        if premise.kind == RULE:
            forms = speech.rules(conditions, alternatives[0])
        else:
            forms = speech.disjunctions(conditions, alternatives)
        return draws.choose(place + 8, forms)
    if_ = [phrases.statements[literal] for literal in conditions]
    then = [phrases.statements[literal] for literal in alternatives]
    return _capitalized(_statement_form(premise.kind, if_, then, draws, place + 8))


def _statement_form(
    kind: int, conditions: list[str], alternatives: list[str], draws: Draws, place: int
) -> str:
    """A premise about statements, from lower case on."""
    two = len(alternatives) == 2
    if kind == GROUP:
        return _fill(draws.choose(place, _TWO_MEMBERS if two else _SEVERAL_MEMBERS), alternatives)
    if kind != RULE:
        form = draws.choose(place, _TWO_ALTERNATIVES if two else _SEVERAL_ALTERNATIVES)
        then = _fill(form, alternatives)
        form = draws.choose(place + 1, _IF)
    else:
        then = alternatives[0]
        forms = (_ONE_CONDITION, _ONE_CONDITION, _TWO_CONDITIONS, _SEVERAL_CONDITIONS)
        form = draws.choose(place, forms[min(len(conditions), 3)])
    return _fill(form, conditions, then) if conditions else f"{then}."


def _fill(form: str, statements: list[str], then: str = "") -> str:
    *others, last = statements
    return form.format(
        a=f"{', '.join(others)} and {last}" if others else last,
        b=then,
        first=statements[0],
        second=last,
        listed="; ".join(statements),
    )


def _capitalized(text: str) -> str:
    return text[0].upper() + text[1:]


class Speech:
    """Categorical sentences about the terms of a task ("Every wug is a blip.").

    Args:
        phrases: with terms.
    """

    def __init__(self, phrases: Phrases) -> None:
        self.terms = phrases.terms
        self.relative = "who" if phrases.persons else "that"
        self.everything = "Everyone" if phrases.persons else "Everything"
        self.nothing = "No one" if phrases.persons else "Nothing"

    def term(self, literal: int) -> Term:
        """The term of a literal, whatever its sign.

        Args:
            literal: 0 to 31.
        """
        return self.terms[literal % MAX_ATOMS]

    def rules(self, conditions: list[int], target: int) -> list[str]:
        """All forms of a rule: the target holds of whatever all conditions hold of.

        Args:
            conditions: one or two literals.
            target: a literal.

        Returns:
            Sentences, of which one is to be chosen.
        """
        term = self.term(target)
        if _holds(target):
            forms = [f"{subject} is {term.one}." for subject in self.every(conditions)]
            forms += [f"{subject} are {term.many}." for subject in self.plural("All", conditions)]
        else:
            forms = [f"{subject} is {term.one}." for subject in self.no(conditions)]
            forms += [f"{subject} are {term.many}." for subject in self.plural("No", conditions)]
        return forms + (self.only(conditions[0], target) if len(conditions) == 1 else [])

    def disjunctions(self, conditions: list[int], alternatives: list[int]) -> list[str]:
        """All forms of a disjunction: at least one alternative holds of whatever all conditions hold of.

        Args:
            conditions: one or two literals.
            alternatives: two literals or more.

        Returns:
            Sentences, of which one is to be chosen.
        """
        positive = [self.term(literal).one for literal in alternatives if _holds(literal)]
        negative = [self.term(literal).one for literal in alternatives if not _holds(literal)]
        listed = "; ".join([*positive, *(f"not {term}" for term in negative)])
        ends = [f"is at least one of the following: {listed}.", f"is one or more of these: {listed}."]
        if len(positive) == 2 and not negative:
            first, second = positive
            ends = [f"is {first} or {second} (or both).", f"is {first}, {second}, or both.", ends[0]]
        elif len(positive) == 1 and len(negative) == 1:
            ends = [f"is {positive[0]} or is not {negative[0]} (or both).", *ends]
        return [f"{subject} {end}" for end in ends for subject in self.every(conditions)]

    def every(self, conditions: list[int]) -> list[str]:
        """Subjects of a sentence that affirms ("Every wug", "Everything that is furry").

        Args:
            conditions: one or two literals that hold of what the sentence is about.
        """
        return self._subjects("Every", self.everything, conditions)

    def no(self, conditions: list[int]) -> list[str]:
        """Subjects of a sentence that denies ("No wug", "Nothing that is furry").

        Args:
            conditions: one or two literals that hold of what the sentence is about.
        """
        return self._subjects("No", self.nothing, conditions)

    def only(self, condition: int, target: int) -> list[str]:
        """The "only" form of a rule with one condition ("Only blips are wugs."), where there is one.

        Args:
            condition: a literal.
            target: a literal of the same sign; there is no such form otherwise.

        Returns:
            One sentence, or none.
        """
        outer, inner = (target, condition) if _holds(target) else (condition, target)
        if _holds(condition) != _holds(target) or not self.term(outer).noun:
            return []
        return [f"Only {self.term(outer).many} are {self.term(inner).many}."]

    def plural(self, determiner: str, conditions: list[int]) -> list[str]:
        """The subject of a sentence in the plural ("All wugs", "No wugs that are also blips").

        Args:
            determiner: "All" or "No".
            conditions: one or two literals; there is no such subject unless one is an affirmed noun.

        Returns:
            One subject, or none.
        """
        first, *rest = self._sorted(conditions)
        if not (_holds(first) and self.term(first).noun):
            return []
        more = [f"{'also' if _holds(other) else 'not'} {self.term(other).many}" for other in rest]
        return [
            " ".join([f"{determiner} {self.term(first).many}", *(f"{self.relative} are {m}" for m in more)])
        ]

    def _subjects(self, determiner: str, pronoun: str, conditions: list[int]) -> list[str]:
        first, *rest = self._sorted(conditions)
        subjects = [f"{pronoun} {self.relative} is {self._description(first, *rest)}"]
        if _holds(first) and self.term(first).noun:
            more = [f"{'also' if _holds(other) else 'not'} {self.term(other).one}" for other in rest]
            noun = f"{determiner} {self.term(first).noun}"
            subjects.append(" ".join([noun, *(f"{self.relative} is {m}" for m in more)]))
        return subjects

    def _description(self, first: int, second: int | None = None) -> str:
        """ "not a wug", "both a wug and a blip", "a wug but not a blip", "neither a wug nor a blip"."""
        one = self.term(first).one
        if second is None:
            return one if _holds(first) else f"not {one}"
        other = self.term(second).one
        if not _holds(first):
            return f"neither {one} nor {other}"
        return f"both {one} and {other}" if _holds(second) else f"{one} but not {other}"

    def _sorted(self, conditions: list[int]) -> list[int]:
        """What holds first, nouns first."""
        return sorted(conditions, key=lambda literal: (not _holds(literal), not self.term(literal).noun))


def _holds(literal: int) -> bool:
    """Whether a literal is an atom, not a negated one."""
    return literal < MAX_ATOMS
