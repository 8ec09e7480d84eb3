"""The steps that exercises are made of, as data: a sentence for people, productions for programs.

A step takes the *current* value (at first the list ``numbers``) and makes the next one. Its code is written
as names of productions in prefix order, with these placeholders: CURRENT for the variable that holds the
current value, NEW for the one that the step declares, A and B for its arguments, K for the parameter k,
NUMBERS for the list that was given, HELPER for a call of the last helper, PREVIOUS for a call of the helper
before, VALUE for what a guard returns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from etude_gym.envs.code.language.grammar import (
    INT,
    LIST,
    MAX_HELPERS,
    MAX_HOLES,
    MAX_VARIABLES,
    NUM_PRODUCTIONS,
    NUMBER_OF,
    PRODUCTIONS,
    STR,
)

HELPER, GUARD, STEP = range(3)
"""Kinds of steps: definition of a helper, guarded branch, step of the pipeline."""

PLACEHOLDERS = (
    *("CURRENT", "NEW", "A", "B", "HELPER", "PREVIOUS", "VALUE"),
    *("K", "NUMBERS"),
)
CURRENT, NEW, A, B, CALL_HELPER, CALL_PREVIOUS, VALUE = range(-1, -8, -1)


@dataclass(frozen=True)
class Step:
    """One entry of the catalog.

    Attributes:
        sentence: for people; {a}, {b}, {value} and {helper}, {previous} stand for what is drawn.
        code: productions and placeholders, separated by spaces.
        kind: HELPER, GUARD or STEP.
        takes: category of the current value.
        makes: category of the next one.
        a: smallest and largest value of the first argument.
        b: of the second one.
        transfer: the domain that the step is borrowed from: it is named, not spelled out.
        uses_helper: whether it calls the last helper.
        chained: for helpers, whether it calls the one before.
    """

    sentence: str
    code: str
    kind: int = STEP
    takes: int = LIST
    makes: int = LIST
    a: tuple[int, int] = (0, 0)
    b: tuple[int, int] = (0, 0)
    transfer: str = ""
    uses_helper: bool = False
    chained: bool = False


def _number(sentence: str, code: str, **others: object) -> Step:
    """A step from a number to a number."""
    return Step(sentence, code, takes=INT, makes=INT, **others)  # type: ignore[arg-type]


def _total(sentence: str, code: str, **others: object) -> Step:
    """A step from a list to a number."""
    return Step(sentence, code, makes=INT, **others)  # type: ignore[arg-type]


def _helper(sentence: str, code: str, **others: object) -> Step:
    return Step(sentence, "DEFINE_INT " + code, kind=HELPER, takes=INT, makes=INT, **others)  # type: ignore[arg-type]


def _guard(sentence: str, code: str, **others: object) -> Step:
    return Step(f"If {sentence}, return {{value}}.", f"GUARD {code} VALUE", kind=GUARD, **others)  # type: ignore[arg-type]


_SMALL, _DIVISOR = (1, 9), (2, 9)
_EITHER = "GREATER_THAN ITEM A DIVIDES ITEM B"

STEPS = (
    # From list to list.
    Step("Keep only the numbers greater than {a}.", "LET_FILTER CURRENT GREATER_THAN ITEM A", a=_SMALL),
    Step("Keep only the numbers less than {a}.", "LET_FILTER CURRENT LESS_THAN ITEM A", a=(4, 10)),
    Step("Keep only the numbers greater than k.", "LET_FILTER CURRENT GREATER_THAN ITEM K"),
    Step("Keep only the multiples of {b}.", "LET_FILTER CURRENT DIVIDES ITEM B", b=(2, 3)),
    Step("Leave out the multiples of {b}.", "LET_FILTER CURRENT NOT DIVIDES ITEM B", b=(2, 5)),
    Step("Multiply every number by {b}.", "LET_MAP CURRENT SCALE ITEM B", b=_DIVISOR),
    Step("Add {a} to every number.", "LET_MAP CURRENT ADD ITEM A", a=_SMALL),
    Step("Add k to every number.", "LET_MAP CURRENT ADD ITEM K"),
    Step("Subtract every number from {a}.", "LET_MAP CURRENT SUBTRACT A ITEM", a=_SMALL),
    Step(
        "Replace every number by its remainder on division by {b}.",
        "LET_MAP CURRENT REMAINDER ITEM B",
        b=(4, 10),
    ),
    Step("Halve every number, rounding down.", "LET_MAP CURRENT FLOOR_DIVIDE ITEM LITERAL_2"),
    Step("Square every number.", "LET_MAP CURRENT MULTIPLY ITEM ITEM"),
    Step("Replace every number below {a} by {a}.", "LET_MAP CURRENT LARGER ITEM A", a=_SMALL),
    Step(
        "Multiply the multiples of {b} by {a}, leave the other numbers as they are.",
        "LET_MAP CURRENT CHOOSE DIVIDES ITEM B SCALE ITEM A ITEM",
        a=(2, 9),
        b=(2, 3),
    ),
    Step("Sort the list in ascending order.", "LET_LIST SORTED CURRENT"),
    Step("Sort the list in descending order.", "LET_LIST REVERSED SORTED CURRENT"),
    Step("Reverse the list.", "LET_LIST REVERSED CURRENT"),
    Step("Remove duplicates and sort in ascending order.", "LET_LIST DISTINCT CURRENT"),
    Step(
        "Keep only the {a} smallest numbers, in ascending order.", "LET_LIST TAKE SORTED CURRENT A", a=(2, 5)
    ),
    Step(
        "Keep only the {a} largest numbers, in descending order.",
        "LET_LIST TAKE REVERSED SORTED CURRENT A",
        a=(2, 5),
    ),
    Step("Keep only the first {a} numbers.", "LET_LIST TAKE CURRENT A", a=(2, 5)),
    Step("Drop the first {a} numbers.", "LET_LIST DROP CURRENT A", a=(1, 3)),
    Step("Keep every other number, beginning with the first.", "LET_LIST EVERY_OTHER CURRENT"),
    Step("Replace every number n by {helper}(n).", "LET_MAP CURRENT HELPER ITEM", uses_helper=True),
    Step(
        "Keep only the numbers n for which {helper}(n) is even.",
        "LET_FILTER CURRENT DIVIDES HELPER ITEM LITERAL_2",
        uses_helper=True,
    ),
    Step(
        "Keep only the numbers that satisfy the exclusive or of 'greater than {a}' and 'a multiple of {b}'.",
        f"LET_FILTER CURRENT DIFFERENT {_EITHER}",
        a=_SMALL,
        b=(2, 3),
        transfer="logic",
    ),
    Step(
        "Keep only the numbers that satisfy the material implication from 'greater than {a}' to "
        "'a multiple of {b}'.",
        "LET_FILTER CURRENT OR NOT GREATER_THAN ITEM A DIVIDES ITEM B",
        a=_SMALL,
        b=(2, 3),
        transfer="logic",
    ),
    Step(
        "Keep only the numbers that satisfy the joint denial (nor) of 'greater than {a}' and "
        "'a multiple of {b}'.",
        f"LET_FILTER CURRENT NOT OR {_EITHER}",
        a=(5, 10),
        b=(2, 4),
        transfer="logic",
    ),
    Step(
        "Replace every number by its Manhattan distance to k on a line.",
        "LET_MAP CURRENT ABSOLUTE SUBTRACT ITEM K",
        transfer="planning",
    ),
    Step(
        "Replace every number by the price of that many units under a two-part tariff: fee {a}, rate {b}.",
        "LET_MAP CURRENT ADD SCALE ITEM B A",
        a=_SMALL,
        b=_DIVISOR,
        transfer="planning",
    ),
    Step(
        "Replace every number by its additive inverse modulo {b}.",
        "LET_MAP CURRENT REMAINDER SUBTRACT LITERAL_0 ITEM B",
        b=(4, 10),
        transfer="modular arithmetic",
    ),
    Step(
        "Move every number {a} hours forward on a clock of {b} hours that begins at 0.",
        "LET_MAP CURRENT REMAINDER ADD ITEM A B",
        a=_SMALL,
        b=(4, 10),
        transfer="modular arithmetic",
    ),
    Step(
        "Replace every number by the residue of its square modulo {b}.",
        "LET_MAP CURRENT REMAINDER MULTIPLY ITEM ITEM B",
        b=(5, 10),
        transfer="modular arithmetic",
    ),
    # From list to number.
    _total("Take the sum of the list.", "LET_INT SUM CURRENT"),
    _total("Take the largest number, or 0 if there is none.", "LET_INT LARGEST CURRENT"),
    _total("Take the smallest number, or 0 if there is none.", "LET_INT SMALLEST CURRENT"),
    _total(
        "Take the difference between the largest and the smallest number (0 if there is none).",
        "LET_INT SUBTRACT LARGEST CURRENT SMALLEST CURRENT",
    ),
    _total("Take the sum of the squares.", "FOR_ADD CURRENT MULTIPLY ITEM ITEM"),
    _total(
        "Take the sum of the numbers, each multiplied by {b}.", "FOR_ADD CURRENT SCALE ITEM B", b=_DIVISOR
    ),
    _total("Take the sum of the multiples of {b}.", "FOR_ADD_IF CURRENT DIVIDES ITEM B ITEM", b=(2, 4)),
    _total(
        "Take the sum of the numbers greater than {a}.",
        "FOR_ADD_IF CURRENT GREATER_THAN ITEM A ITEM",
        a=_SMALL,
    ),
    _total(
        "Take the sum of {helper}(n) over all numbers n of the list.",
        "FOR_ADD CURRENT HELPER ITEM",
        uses_helper=True,
    ),
    _total(
        "Take the sum of the Manhattan distances to k on a line.",
        "FOR_ADD CURRENT ABSOLUTE SUBTRACT ITEM K",
        transfer="planning",
    ),
    _total(
        "Take the sum of the numbers that satisfy the exclusive or of 'greater than {a}' and "
        "'a multiple of {b}'.",
        f"FOR_ADD_IF CURRENT DIFFERENT {_EITHER} ITEM",
        a=_SMALL,
        b=(2, 3),
        transfer="logic",
    ),
    _total(
        "Take the numbers as coefficients of a polynomial, highest power first, and evaluate it at {b} by "
        "Horner's rule, modulo 10.",
        "FOR_FOLD CURRENT LITERAL_0 REMAINDER ADD SCALE NEW B ITEM LITERAL_10",
        b=_DIVISOR,
        transfer="modular arithmetic",
    ),
    # From number to number.
    _number("Multiply the result by {b}.", "LET_INT SCALE CURRENT B", b=_DIVISOR),
    _number("Add {a} to the result.", "LET_INT ADD CURRENT A", a=_SMALL),
    _number("Subtract k from the result.", "LET_INT SUBTRACT CURRENT K"),
    _number("Add the length of numbers, the list that was given.", "LET_INT ADD CURRENT LENGTH NUMBERS"),
    _number("Divide the result by {b}, rounding down.", "LET_INT FLOOR_DIVIDE CURRENT B", b=(2, 4)),
    _number(
        "If the result is odd, multiply it by {a}.",
        "LET_INT CHOOSE DIVIDES CURRENT LITERAL_2 CURRENT SCALE CURRENT A",
        a=(2, 9),
    ),
    _number(
        "If the result is greater than k, subtract k from it.",
        "ASSIGN_IF CURRENT GREATER_THAN CURRENT K SUBTRACT CURRENT K",
    ),
    _number("Replace the result n by {helper}(n).", "LET_INT HELPER CURRENT", uses_helper=True),
    _number(
        "Take the Manhattan distance from the result to {a} on a line.",
        "LET_INT ABSOLUTE SUBTRACT CURRENT A",
        a=_SMALL,
        transfer="planning",
    ),
    _number(
        "Replace the result by the number of trips that a truck with room for {b} boxes needs for that many "
        "boxes; round up below 0, too.",
        "LET_INT SUBTRACT LITERAL_0 FLOOR_DIVIDE SUBTRACT LITERAL_0 CURRENT B",
        b=(2, 5),
        transfer="planning",
    ),
    _number(
        "Add to the result its additive inverse modulo {b}.",
        "LET_INT ADD CURRENT REMAINDER SUBTRACT LITERAL_0 CURRENT B",
        b=(5, 10),
        transfer="modular arithmetic",
    ),
    _number(
        "If the result satisfies the exclusive or of 'greater than {a}' and 'a multiple of {b}', add k.",
        "LET_INT CHOOSE DIFFERENT GREATER_THAN CURRENT A DIVIDES CURRENT B ADD CURRENT K CURRENT",
        a=_SMALL,
        b=(2, 3),
        transfer="logic",
    ),
    # To text.
    Step("Write the result as text, as str does in Python.", "LET_STR DIGITS CURRENT", takes=INT, makes=STR),
    Step(
        "Write the result as text, as str does in Python, and reverse the text.",
        "LET_STR BACKWARD DIGITS CURRENT",
        takes=INT,
        makes=STR,
    ),
    Step(
        "Write the numbers one after another as text, a dash after each.",
        "FOR_TEXT CURRENT JOIN DIGITS ITEM TEXT_1",
        makes=STR,
    ),
    Step(
        "Write the numbers one after another as text, an asterisk before each.",
        "FOR_TEXT CURRENT JOIN TEXT_2 DIGITS ITEM",
        makes=STR,
    ),
    # Helpers.
    _helper("Let {helper}(n) be {b} times n, plus {a}.", "ADD SCALE PARAMETER B A", a=_SMALL, b=_DIVISOR),
    _helper("Let {helper}(n) be {a} minus n.", "SUBTRACT A PARAMETER", a=_SMALL),
    _helper("Let {helper}(n) be the distance between n and {a}.", "ABSOLUTE SUBTRACT PARAMETER A", a=_SMALL),
    _helper(
        "Let {helper}(n) be n if n is a multiple of {b}, and {a} times n otherwise.",
        "CHOOSE DIVIDES PARAMETER B PARAMETER SCALE PARAMETER A",
        a=(2, 9),
        b=(2, 3),
    ),
    _helper("Let {helper}(n) be {previous}(n) plus n.", "ADD PREVIOUS PARAMETER PARAMETER", chained=True),
    _helper(
        "Let {helper}(n) be {previous}(n) minus {a}.", "SUBTRACT PREVIOUS PARAMETER A", a=_SMALL, chained=True
    ),
    _helper(
        "Let {helper}(n) be the larger of {previous}(n) and {b} times n.",
        "LARGER PREVIOUS PARAMETER SCALE PARAMETER B",
        b=_DIVISOR,
        chained=True,
    ),
    # Guarded branches.
    _guard("the list is empty", "EMPTY NUMBERS"),
    _guard("k is negative", "LESS_THAN K LITERAL_0"),
    _guard("the list has more than {a} numbers", "GREATER_THAN LENGTH NUMBERS A", a=(9, 10)),
    _guard("k is in the list", "CONTAINS NUMBERS K"),
)
NUM_STEPS = len(STEPS)

EMPTY_LIST, NEGATIVE_K, LONG_LIST, K_IN_LIST = (
    index for index, step in enumerate(STEPS) if step.kind == GUARD
)
"""Guards by what they guard against: inputs are made to run into them."""

MAX_CODE = 16


def _encode(name: str) -> int:
    if name == "K":
        return NUMBER_OF["VARIABLE_1"]
    if name == "NUMBERS":
        return NUMBER_OF["VARIABLE_0"]
    return -1 - PLACEHOLDERS.index(name) if name in PLACEHOLDERS else NUMBER_OF[name]


def _codes() -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    codes = np.zeros((NUM_STEPS, MAX_CODE), dtype=np.int64)
    for row, step in zip(codes, STEPS, strict=True):
        encoded = [_encode(name) for name in step.code.split()]
        row[: len(encoded)] = encoded
    return codes


def _is_slice(step: Step) -> bool:
    return bool({"TAKE", "DROP", "EVERY_OTHER", "DISTINCT"} & set(step.code.split()))


def _is_arrangement(step: Step) -> bool:
    return step.code.startswith("LET_LIST")


# The same for kernels: one row for each step.
CODES = _codes()
CODE_LENGTH = np.array([len(step.code.split()) for step in STEPS], dtype=np.int64)
KIND = np.array([step.kind for step in STEPS], dtype=np.int64)
TAKES = np.array([step.takes for step in STEPS], dtype=np.int64)
MAKES = np.array([step.makes for step in STEPS], dtype=np.int64)
TRANSFER = np.array([bool(step.transfer) for step in STEPS], dtype=np.bool_)
USES_HELPER = np.array([step.uses_helper for step in STEPS], dtype=np.bool_)
CHAINED = np.array([step.chained for step in STEPS], dtype=np.bool_)
SHRINKS = np.array(
    [step.code.split()[0] == "LET_FILTER" or _is_slice(step) for step in STEPS], dtype=np.bool_
)
"""Steps that drop numbers: with many of them, nothing is left."""
REORDERS = np.array([not _is_slice(step) and _is_arrangement(step) for step in STEPS], dtype=np.bool_)
"""Steps that only change the order: in vain where a total is taken in the end."""
ARGUMENTS = np.array([(*step.a, *step.b) for step in STEPS], dtype=np.int64)


# --- What is usual in code ---------------------------------------------------------------------------

_SMOOTHING = 0.02
"""Counted for every production in every hole, so that none is ruled out."""


def _stands_for(name: str) -> list[int]:
    """Productions that a name in the code of a step may stand for."""
    several = {
        "CURRENT": [f"VARIABLE_{i}" for i in range(MAX_VARIABLES)],
        "NEW": [f"VARIABLE_{i}" for i in range(2, MAX_VARIABLES)],
        "A": [f"LITERAL_{i}" for i in range(1, 11)],
        "B": [f"LITERAL_{i}" for i in range(2, 11)],
        "HELPER": [f"CALL_{i}" for i in range(MAX_HELPERS)],
        "PREVIOUS": [f"CALL_{i}" for i in range(MAX_HELPERS)],
        "VALUE": ["VARIABLE_0", "TEXT_1", *(f"LITERAL_{i}" for i in range(10))],
        "K": ["VARIABLE_1"],
        "NUMBERS": ["VARIABLE_0"],
    }
    return [NUMBER_OF[one] for one in several.get(name, [name])]


def usual_productions() -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """How usual each production is in each kind of hole, counted over the catalog.

    Returns:
        float32 (kinds, productions); the kind of a hole is ``MAX_HOLES`` times the production that opened it,
        counted from 1, plus which of its holes it is; statements are of kind 0. Rows sum to 1.
    """
    counts = np.full((MAX_HOLES * (NUM_PRODUCTIONS + 1), NUM_PRODUCTIONS), _SMOOTHING)
    returned = NUMBER_OF["RETURN"]
    for step in STEPS:
        names = step.code.split()
        open_holes = [[0]]
        for name in names:
            kinds, productions = open_holes.pop(), _stands_for(name)
            for kind in kinds:
                counts[kind, productions] += 1.0 / len(productions)
            if kinds == [0]:
                counts[0, returned] += 0.5
            holes = range(len(PRODUCTIONS[productions[0]].holes))
            opened = [[MAX_HOLES * (p + 1) + hole for p in productions] for hole in holes]
            if name in ("LET_INT", "LET_STR", "LET_LIST"):  # the last one is written as a return
                opened[0].append(MAX_HOLES * (returned + 1))
            open_holes.extend(reversed(opened))
    counts[MAX_HOLES * (returned + 1), _stands_for("CURRENT")] += 2.0
    return (counts / counts.sum(axis=1, keepdims=True)).astype(np.float32)
