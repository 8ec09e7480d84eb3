"""The language of generated programs: productions as data, read by mask, interpreter, printer and parser.

A program is a derivation: the productions in the order in which holes are filled, top down, left to right
(prefix order). What is legal in a hole follows from its category, from what is in scope, from the remaining
budget, and from its *size*: an upper bound that makes overflow impossible by construction. The size of a
whole number is its number of bits, of a list the bits of its elements, of a text the binary logarithm of
its length. A production hands a size to each of its holes such that its own value stays within the size of
the hole that it fills; a variable may stand where its declared size fits.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

import numpy as np

# Categories of holes. What fills a divisor is a literal, what fills a target is a variable.
STATEMENTS, INT, BOOL, STR, LIST, DIVISOR, TARGET = range(7)
CATEGORY_NAMES = ("statements", "int", "bool", "str", "list[int]", "divisor", "target")

LIST_LENGTH = 16
"""No list is longer: lists are never joined, and inputs are as long at most."""
LIST_BITS = 4
TEXT_SIZE = 11
"""No text is longer than 2 ** 11 characters."""
INT_SIZE = 61
"""No number needs more bits, intermediate results included."""
INPUT_SIZE = 7
"""Inputs lie between -127 and 127."""

# Scope: parameters, then what statements declare, in order.
NUMBERS, K = 0, 1
FIRST_LET = 2
MAX_VARIABLES = 10
VARIABLE_NAMES = (
    *("numbers", "k", "first", "second", "third"),
    *("fourth", "fifth", "sixth", "seventh", "eighth"),
)
ITEM_NAME = "item"
PARAMETER_NAME = "n"
MAX_HELPERS = 3
MAX_DEFINITIONS = 16

HELPER_GROWTH = 5
"""Bits by which the value of the first helper may exceed its argument; each further one may take one more."""
PARAMETER_SIZE = 40
"""Size of a helper's parameter in its own body: so large that only growth by a constant fits."""

# Rules for the size of a hole that a production opens in a hole of size s.
SAME, FREE, HALF, LESS = range(4)
"""s; as large as the definition allows; s // 2; s minus a given number."""


@dataclass(frozen=True)
class Hole:
    """A hole that a production opens.

    Attributes:
        category: what fits in.
        rule: how its size follows from that of the hole which the production fills.
        amount: of LESS.
        item: whether the loop variable is in scope.
        accumulator: whether the variable that the statement declares is in scope.
    """

    category: int
    rule: int = SAME
    amount: int = 0
    item: bool = False
    accumulator: bool = False


@dataclass(frozen=True)
class Production:
    """One way to fill a hole.

    Attributes:
        name: what interpreter and prose call it.
        category: category of the holes that it fills.
        template: Python source, with {0}, {1} ... for its holes and {v} for the variable it declares.
        holes: what it opens, in order.
        least: smallest size of a hole that it fits in, as far as that does not follow from its holes.
        declares: category of the variable that it declares, or -1.
    """

    name: str
    category: int
    template: str
    holes: tuple[Hole, ...] = ()
    least: int = 0
    declares: int = -1


def _int(name: str, template: str, *holes: Hole, least: int = 0) -> Production:
    return Production(name, INT, template, holes, least)


def _bool(name: str, template: str, *holes: Hole) -> Production:
    return Production(name, BOOL, template, holes)


def _looped(category: int, rule: int = SAME, amount: int = 0) -> Hole:
    return Hole(category, rule, amount, item=True)


_ANY_INT = Hole(INT, FREE)
_ANY_LIST = Hole(LIST, FREE)
_CONDITION = Hole(BOOL)
_DIVISOR = Hole(DIVISOR, FREE)  # a literal: where it stands says nothing about its size
_PLUS = Hole(INT, LESS, 1)

LITERALS = (*range(11), 100)
"""Numbers that a program can spell."""
DIVISORS = range(2, 11)
"""Those that fit a hole for a divisor."""
TEXTS = ("", "-", "*")

STATEMENT_PRODUCTIONS = (
    Production("RETURN", STATEMENTS, "return {0}", (Hole(-1),)),
    Production("GUARD", STATEMENTS, "if {0}:\n    return {1}", (_CONDITION, Hole(-1))),
    Production("LET_INT", STATEMENTS, "{v} = {0}", (Hole(INT),), declares=INT),
    Production("LET_STR", STATEMENTS, "{v} = {0}", (Hole(STR),), declares=STR),
    Production("LET_LIST", STATEMENTS, "{v} = {0}", (_ANY_LIST,), declares=LIST),
    Production(
        "LET_MAP", STATEMENTS, "{v} = [{1} for item in {0}]", (_ANY_LIST, _looped(INT)), declares=LIST
    ),
    Production(
        "LET_FILTER",
        STATEMENTS,
        "{v} = [item for item in {0} if {1}]",
        (_ANY_LIST, _looped(BOOL)),
        declares=LIST,
    ),
    Production(
        "ASSIGN_IF",
        STATEMENTS,
        "if {1}:\n    {0} = {2}",
        (Hole(TARGET), _CONDITION, Hole(INT)),
    ),
    Production(
        "FOR_ADD",
        STATEMENTS,
        "{v} = 0\nfor item in {0}:\n    {v} = {v} + {1}",
        (_ANY_LIST, _looped(INT, LESS, LIST_BITS)),
        declares=INT,
    ),
    Production(
        "FOR_ADD_IF",
        STATEMENTS,
        "{v} = 0\nfor item in {0}:\n    if {1}:\n        {v} = {v} + {2}",
        (_ANY_LIST, _looped(BOOL), _looped(INT, LESS, LIST_BITS)),
        declares=INT,
    ),
    Production(
        "FOR_FOLD",
        STATEMENTS,
        "{v} = {1}\nfor item in {0}:\n    {v} = {2}",
        (_ANY_LIST, Hole(INT), Hole(INT, item=True, accumulator=True)),
        declares=INT,
    ),
    Production(
        "FOR_TEXT",
        STATEMENTS,
        '{v} = ""\nfor item in {0}:\n    {v} = {v} + {1}',
        (_ANY_LIST, _looped(STR, LESS, LIST_BITS)),
        declares=STR,
    ),
    Production(
        "DEFINE_INT",
        STATEMENTS,
        "def {h}(n: int) -> int:\n    return {0}",
        (Hole(INT),),
    ),
    Production(
        "DEFINE_BOOL",
        STATEMENTS,
        "def {h}(n: int) -> bool:\n    return {0}",
        (Hole(BOOL),),
    ),
)

INT_PRODUCTIONS = (
    *(_int(f"LITERAL_{n}", str(n), least=n.bit_length()) for n in LITERALS),
    _int("ADD", "{0} + {1}", _PLUS, _PLUS),
    _int("SUBTRACT", "{0} - {1}", _PLUS, _PLUS),
    _int("MULTIPLY", "{0} * {1}", Hole(INT, HALF), Hole(INT, HALF)),
    _int("SCALE", "{0} * {1}", Hole(INT, LESS, 4), _DIVISOR),
    _int("FLOOR_DIVIDE", "{0} // {1}", Hole(INT), _DIVISOR),
    _int("REMAINDER", "{0} % {1}", _ANY_INT, _DIVISOR, least=4),
    _int("ABSOLUTE", "abs({0})", Hole(INT)),
    _int("SMALLER", "min({0}, {1})", Hole(INT), Hole(INT)),
    _int("LARGER", "max({0}, {1})", Hole(INT), Hole(INT)),
    _int("CHOOSE", "{1} if {0} else {2}", _CONDITION, Hole(INT), Hole(INT)),
    _int("SUM", "sum({0})", Hole(LIST, LESS, LIST_BITS)),
    _int("LENGTH", "len({0})", _ANY_LIST, least=5),
    _int("LARGEST", "max({0}, default=0)", Hole(LIST)),
    _int("SMALLEST", "min({0}, default=0)", Hole(LIST)),
    _int("OCCURRENCES", "{0}.count({1})", _ANY_LIST, _ANY_INT, least=5),
    _int("TEXT_LENGTH", "len({0})", Hole(STR, FREE), least=TEXT_SIZE + 1),
    _int("ITEM", "item"),
    _int("PARAMETER", "n"),
)

BOOL_PRODUCTIONS = (
    _bool("TRUE", "True"),
    _bool("FALSE", "False"),
    _bool("LESS_THAN", "{0} < {1}", _ANY_INT, _ANY_INT),
    _bool("GREATER_THAN", "{0} > {1}", _ANY_INT, _ANY_INT),
    _bool("EQUAL", "{0} == {1}", _ANY_INT, _ANY_INT),
    _bool("DIVIDES", "{0} % {1} == 0", _ANY_INT, _DIVISOR),
    _bool("NOT", "not {0}", _CONDITION),
    _bool("AND", "{0} and {1}", _CONDITION, _CONDITION),
    _bool("OR", "{0} or {1}", _CONDITION, _CONDITION),
    _bool("DIFFERENT", "{0} != {1}", _CONDITION, _CONDITION),
    _bool("CONTAINS", "{1} in {0}", _ANY_LIST, _ANY_INT),
    _bool("EMPTY", "len({0}) == 0", _ANY_LIST),
)

STR_PRODUCTIONS = (
    *(Production(f"TEXT_{i}", STR, f'"{text}"') for i, text in enumerate(TEXTS)),
    Production("DIGITS", STR, "str({0})", (_ANY_INT,), least=5),
    Production("JOIN", STR, "{0} + {1}", (Hole(STR, LESS, 1), Hole(STR, LESS, 1))),
    Production("BACKWARD", STR, "{0}[::-1]", (Hole(STR),)),
    Production("CHOOSE_TEXT", STR, "{1} if {0} else {2}", (_CONDITION, Hole(STR), Hole(STR))),
)

LIST_PRODUCTIONS = (
    Production("SORTED", LIST, "sorted({0})", (Hole(LIST),)),
    Production("REVERSED", LIST, "{0}[::-1]", (Hole(LIST),)),
    Production("DISTINCT", LIST, "sorted(set({0}))", (Hole(LIST),)),
    Production("EVERY_OTHER", LIST, "{0}[::2]", (Hole(LIST),)),
    Production("TAKE", LIST, "{0}[:{1}]", (Hole(LIST), _ANY_INT)),
    Production("DROP", LIST, "{0}[{1}:]", (Hole(LIST), _ANY_INT)),
)

PRODUCTIONS = (
    *STATEMENT_PRODUCTIONS,
    *INT_PRODUCTIONS,
    *BOOL_PRODUCTIONS,
    *STR_PRODUCTIONS,
    *LIST_PRODUCTIONS,
    # The category of a variable depends on what is in scope.
    *(Production(f"VARIABLE_{i}", -1, name) for i, name in enumerate(VARIABLE_NAMES)),
    *(Production(f"CALL_{i}", INT, "{h}({0})", (Hole(INT),)) for i in range(MAX_DEFINITIONS)),
    *(Production(f"TEST_{i}", BOOL, "{h}({0})", (_ANY_INT,)) for i in range(MAX_HELPERS)),
)
NUM_PRODUCTIONS = len(PRODUCTIONS)

NUMBER_OF = {production.name: number for number, production in enumerate(PRODUCTIONS)}
"""The number of a production, by its name."""


MAX_HOLES = 3


def weigh(production: Production) -> int:
    """How many expressions a production adds to a syntax tree; names of called functions do not count.

    Args:
        production: any; statements weigh 0.
    """
    if production.category == STATEMENTS:
        return 0
    source = production.template.format(*["hole"] * MAX_HOLES, h="function")
    nodes = list(ast.walk(ast.parse(source, mode="eval").body))
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    expressions = [node for node in nodes if isinstance(node, ast.expr) and node not in called]
    return len(expressions) - len(production.holes)


# The same for kernels: one row for each production.
CATEGORY = np.array([p.category for p in PRODUCTIONS], dtype=np.int64)
NUM_HOLES = np.array([len(p.holes) for p in PRODUCTIONS], dtype=np.int64)
DECLARES = np.array([p.declares for p in PRODUCTIONS], dtype=np.int64)
WEIGHT = np.array([weigh(p) for p in PRODUCTIONS], dtype=np.int64)
LEAST = np.array([p.least for p in PRODUCTIONS], dtype=np.int64)


def _table(attribute: str, default: int) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    rows = [[int(getattr(hole, attribute)) for hole in p.holes] for p in PRODUCTIONS]
    return np.array([row + [default] * (MAX_HOLES - len(row)) for row in rows], dtype=np.int64)


HOLE_CATEGORY = _table("category", -1)
HOLE_RULE = _table("rule", SAME)
HOLE_AMOUNT = _table("amount", 0)
HOLE_ITEM = _table("item", 0)
HOLE_ACCUMULATOR = _table("accumulator", 0)
