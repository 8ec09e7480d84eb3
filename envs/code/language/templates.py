"""The templates of productions as syntax trees: parsed once, filled to print, matched to parse."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from etude_gym.envs.code.language.grammar import (
    DIVISOR,
    DIVISORS,
    FIRST_LET,
    INT,
    ITEM_NAME,
    MAX_HOLES,
    MAX_VARIABLES,
    NUM_PRODUCTIONS,
    NUMBER_OF,
    NUMBERS,
    PARAMETER_NAME,
    PRODUCTIONS,
    STATEMENTS,
    VARIABLE_NAMES,
    K,
)

HOLE_NAMES = tuple(f"_hole_{i}" for i in range(MAX_HOLES))
"""What stands for the holes of a production in its parsed template."""
NEW_NAME = "_new"
"""What stands there for the variable that a statement declares."""
FUNCTION_NAME = "_function"
"""What stands there for the function that is defined or called."""

VARIABLES = tuple(NUMBER_OF[f"VARIABLE_{i}"] for i in range(MAX_VARIABLES))
DECLARED = VARIABLES[FIRST_LET:]
"""Tokens of the variables that statements declare, in order."""
DIVISOR_TOKENS = tuple(NUMBER_OF[f"LITERAL_{n}"] for n in DIVISORS)
CALLS = tuple(n for n, p in enumerate(PRODUCTIONS) if p.category != STATEMENTS and "{h}" in p.template)
"""Tokens that call a function."""
NAMED = (NUMBER_OF["ITEM"], NUMBER_OF["PARAMETER"], *VARIABLES, *CALLS)
"""Tokens that are legal only where what they name is in scope."""
DEFINITIONS = tuple(
    n for n, p in enumerate(PRODUCTIONS) if p.category == STATEMENTS and p.template.startswith("def ")
)
RETURN = NUMBER_OF["RETURN"]
ITEM = NUMBER_OF["ITEM"]
PARAMETER = NUMBER_OF["PARAMETER"]


@cache
def expression_template(token: int) -> ast.expr:
    """The syntax tree of an expression's template. It is shared: never change it.

    Args:
        token: number of a production that is no statement.
    """
    return ast.parse(_with_placeholders(token), mode="eval").body


@cache
def statement_template(token: int) -> list[ast.stmt]:
    """The syntax trees of a statement's template. They are shared: never change them.

    Args:
        token: number of a production of category STATEMENTS.
    """
    return ast.parse(_with_placeholders(token)).body


def template_of(token: int) -> Sequence[ast.stmt | ast.expr]:
    """The syntax trees of a template.

    Args:
        token: number of any production.
    """
    if PRODUCTIONS[token].category == STATEMENTS:
        return statement_template(token)
    return [expression_template(token)]


def _with_placeholders(token: int) -> str:
    return PRODUCTIONS[token].template.format(*HOLE_NAMES, v=NEW_NAME, h=FUNCTION_NAME)


# --- Filling -----------------------------------------------------------------------------------------


def fill(node: Any, values: Mapping[str, str | ast.expr]) -> Any:
    """A copy of a template with its placeholders replaced.

    Args:
        node: a syntax tree, a list of them, or a field of one.
        values: names or syntax trees by placeholder (``HOLE_NAMES``, ``NEW_NAME``, ``FUNCTION_NAME``).
    """
    if isinstance(node, ast.Name):
        value = values.get(node.id, node)
        return ast.Name(value, node.ctx) if isinstance(value, str) else value
    if isinstance(node, list):
        return [fill(part, values) for part in node]
    if isinstance(node, str):
        return values.get(node, node)
    if isinstance(node, ast.AST) and node._fields:
        copy = type(node)(**{field: fill(getattr(node, field, None), values) for field in node._fields})
        if isinstance(copy, ast.stmt):
            copy.lineno = 1  # asked for by ast.unparse
        return copy
    return node


# --- Matching ----------------------------------------------------------------------------------------

CHOSEN = (NEW_NAME, FUNCTION_NAME, ITEM_NAME, PARAMETER_NAME, VARIABLE_NAMES[NUMBERS], VARIABLE_NAMES[K])
"""Names in templates in whose place a person may choose others."""
_HOLES = (*HOLE_NAMES, FUNCTION_NAME)
_IGNORED = ("ctx", "kind", "type_comment")
_ANNOTATIONS = ("annotation", "returns")

RESERVED = frozenset(
    {"solve", "list", "__debug__"}
    | {
        node.id
        for token in range(NUM_PRODUCTIONS)
        if token not in NAMED
        for tree in template_of(token)
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id not in (*CHOSEN, *HOLE_NAMES)
    }
)
"""Names that nobody may choose, since programs mean something else by them."""


def _specificity(token: int) -> tuple[int, int]:
    """How much a production says by itself."""
    size = sum(1 for tree in template_of(token) for _ in ast.walk(tree))
    return sum(hole.category == DIVISOR for hole in PRODUCTIONS[token].holes), size


def _most_specific_first(tokens: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(tokens, key=_specificity, reverse=True))


@cache
def candidates(category: int, kind: str) -> tuple[int, ...]:
    """Productions that may be what an expression was printed from, the most specific ones first.

    Args:
        category: of the hole that the expression fills.
        kind: name of the class of its syntax tree ("BinOp").

    Returns:
        Numbers of productions.
    """
    tokens = DIVISOR_TOKENS if category == DIVISOR else range(NUM_PRODUCTIONS)
    wanted = INT if category == DIVISOR else category
    fitting = [t for t in tokens if PRODUCTIONS[t].category == wanted and t not in NAMED]
    return _most_specific_first(t for t in fitting if type(expression_template(t)).__name__ == kind)


STATEMENT_TOKENS = _most_specific_first(
    token for token in range(NUM_PRODUCTIONS) if PRODUCTIONS[token].category == STATEMENTS
)
BODY_TOKENS = tuple(token for token in STATEMENT_TOKENS if token not in DEFINITIONS)


def match(template: Any, node: Any, found: dict[str, Any]) -> bool:
    """Whether a syntax tree has the form of a template.

    Args:
        template: a node, or a part of one.
        node: what stands in its place.
        found: takes what stands for holes, and names that a person may choose.
    """
    if isinstance(template, ast.Name) and template.id in _HOLES:
        found[template.id] = node
        return isinstance(node, ast.expr)
    if isinstance(template, ast.Constant):
        # Types count: True equals 1 in Python.
        same = isinstance(node, ast.Constant) and type(template.value) is type(node.value)
        return bool(same and template.value == node.value)
    if isinstance(template, ast.AST):
        if type(template) is not type(node):
            return False
        return all(
            match(getattr(template, field, None), getattr(node, field, None), found)
            or (field in _ANNOTATIONS and getattr(node, field, None) is None)
            for field in template._fields
            if field not in _IGNORED
        )
    if isinstance(template, list):
        return len(template) == len(node) and all(map(match, template, node, [found] * len(node)))
    if template in CHOSEN:
        return bool(found.setdefault(template, node) == node)
    return bool(template == node)
