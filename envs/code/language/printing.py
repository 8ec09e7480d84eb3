"""The printer: a derivation as Python source, put together from the templates of its productions.

Templates are parsed once and filled as syntax trees, so that parentheses stand where Python needs them.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Mapping, Sequence

from etude_gym.envs.code.language.grammar import (
    BOOL,
    CATEGORY_NAMES,
    DIVISOR,
    FIRST_LET,
    INT,
    LIST,
    MAX_HELPERS,
    NUM_PRODUCTIONS,
    NUMBER_OF,
    NUMBERS,
    PRODUCTIONS,
    STATEMENTS,
    STR,
    TARGET,
    VARIABLE_NAMES,
    K,
)
from etude_gym.envs.code.language.templates import (
    DECLARED,
    DEFINITIONS,
    DIVISOR_TOKENS,
    FUNCTION_NAME,
    HOLE_NAMES,
    ITEM,
    NAMED,
    NEW_NAME,
    PARAMETER,
    RETURN,
    VARIABLES,
    expression_template,
    fill,
    statement_template,
)

RETURNED = (INT, BOOL, STR, LIST)
"""Categories of what programs return."""


def signature(return_category: int) -> str:
    """The first line of every program's main function.

    Args:
        return_category: what it returns: INT, BOOL, STR or LIST.
    """
    return f"def solve(numbers: list[int], k: int) -> {CATEGORY_NAMES[return_category]}:"


def call_of(definition: int, index: int) -> int:
    """The token that calls a helper.

    Args:
        definition: the production that defines the helper: DEFINE_INT or DEFINE_BOOL.
        index: 0 for the first helper.
    """
    returned = PRODUCTIONS[definition].holes[0].category
    return NUMBER_OF[f"{'CALL' if returned == INT else 'TEST'}_{index}"]


def render_program(tokens: Sequence[int], return_category: int) -> str:
    """A program as source: helpers named helper_1 and so on, then ``solve``.

    Args:
        tokens: a derivation, production numbers in prefix order: definitions of helpers, then statements
            up to RETURN.
        return_category: what ``solve`` returns: INT, BOOL, STR or LIST.

    Raises:
        ValueError: if the tokens are no such derivation.
    """
    if return_category not in RETURNED:
        raise ValueError(f"A program returns one of the categories {RETURNED}, got {return_category!r}.")
    printer = _Printer(tokens)
    functions: list[str] = []
    while printer.next_token() in DEFINITIONS:
        functions.append(printer.definition(len(functions)))
    printer.scope |= {VARIABLES[NUMBERS]: LIST, VARIABLES[K]: INT}
    body = printer.body(return_category)
    functions.append(f"{signature(return_category)}\n{textwrap.indent(body, '    ')}\n")
    return "\n\n".join(functions)


def render_expression(tokens: Sequence[int], names: Sequence[str]) -> str:
    """A whole number as source, computed from the parameter n.

    Args:
        tokens: a derivation, production numbers in prefix order.
        names: what CALL_0, CALL_1 and so on call; may hold dots.

    Raises:
        ValueError: if the tokens are no such derivation.
    """
    printer = _Printer(tokens)
    printer.scope[PARAMETER] = INT
    for i, name in enumerate(names):
        call = NUMBER_OF[f"CALL_{i}"]
        printer.scope[call] = INT
        printer.functions[call] = name
    tree = printer.expression(INT, printer.scope)
    printer.expect_end()
    return ast.unparse(tree)


class _Printer:
    """Turns tokens into syntax trees and makes sure that they are a derivation.

    Args:
        tokens: production numbers in prefix order.
    """

    def __init__(self, tokens: Sequence[int]) -> None:
        self.tokens = [int(token) for token in tokens]
        self.position = 0
        # What is in scope: tokens, with the categories of their values.
        self.scope: dict[int, int] = {}
        # Names of called functions, by the tokens that call them.
        self.functions: dict[int, str] = {}
        self.declared = 0

    def next_token(self) -> int:
        """The next token, or -1 if there is none."""
        return self.tokens[self.position] if self.position < len(self.tokens) else -1

    def expect_end(self) -> None:
        """Make sure that nothing follows."""
        if self.position < len(self.tokens):
            raise ValueError(f"Token {self.position} is one too many: the program ends before it.")

    def definition(self, index: int) -> str:
        """The source of a helper."""
        if index >= MAX_HELPERS:
            raise ValueError(f"A program has at most {MAX_HELPERS} helpers.")
        name = f"helper_{index + 1}"
        token = self._take(STATEMENTS, self.scope)
        holes = self._holes(token, self.scope | {PARAMETER: INT})
        call = call_of(token, index)
        self.scope[call] = PRODUCTIONS[call].category
        self.functions[call] = name
        return _unparse(fill(statement_template(token), {FUNCTION_NAME: name, **holes})) + "\n"

    def body(self, return_category: int) -> str:
        """The source of all statements up to RETURN, with which the tokens have to end."""
        statements: list[ast.stmt] = []
        returned = False
        while not returned:
            returned = self.next_token() == RETURN
            statements += self._statement(return_category)
        self.expect_end()
        return _unparse(statements)

    def _statement(self, return_category: int) -> list[ast.stmt]:
        token = self._take(STATEMENTS, self.scope)
        if token in DEFINITIONS:
            raise ValueError(f"Token {self.position - 1} defines a helper after the first statement.")
        declares = PRODUCTIONS[token].declares
        if declares < 0:
            return fill(statement_template(token), self._holes(token, self.scope, return_category))
        if self.declared >= len(DECLARED):
            raise ValueError(f"A program declares at most {len(DECLARED)} variables.")
        new = {DECLARED[self.declared]: declares}
        name = VARIABLE_NAMES[FIRST_LET + self.declared]
        holes = self._holes(token, self.scope, return_category, new)
        self.declared += 1
        self.scope |= new
        return fill(statement_template(token), {NEW_NAME: name, **holes})

    def _holes(
        self, token: int, scope: dict[int, int], return_category: int = -1, new: dict[int, int] | None = None
    ) -> dict[str, ast.expr]:
        """What fills the holes of a statement, by their names in its template."""
        filled = {}
        for i, hole in enumerate(PRODUCTIONS[token].holes):
            inside = dict(scope)
            if hole.item:
                inside[ITEM] = INT
            if hole.accumulator and new:
                inside |= new
            category = return_category if hole.category < 0 else hole.category
            filled[HOLE_NAMES[i]] = self.expression(category, inside)
        return filled

    def expression(self, category: int, scope: Mapping[int, int]) -> ast.expr:
        """The tree of the expression that comes next."""
        token = self._take(category, scope)
        filled: dict[str, str | ast.expr] = {
            HOLE_NAMES[i]: self.expression(hole.category, scope)
            for i, hole in enumerate(PRODUCTIONS[token].holes)
        }
        if token in self.functions:
            filled[FUNCTION_NAME] = self.functions[token]
        template = expression_template(token)
        return fill(template, filled) if filled else template

    def _take(self, category: int, scope: Mapping[int, int]) -> int:
        """The next token, which has to fill a hole of a category."""
        token = self.next_token()
        if self.position >= len(self.tokens):
            raise ValueError(f"The tokens end where {CATEGORY_NAMES[category]} is missing.")
        if not _fits(token, category, scope):
            known = 0 <= token < NUM_PRODUCTIONS
            name = PRODUCTIONS[token].name if known else repr(token)
            raise ValueError(f"Token {self.position}, {name}, is no {CATEGORY_NAMES[category]} here.")
        self.position += 1
        return token


def _fits(token: int, category: int, scope: Mapping[int, int]) -> bool:
    """Whether a token may fill a hole of a category."""
    if category == DIVISOR:
        return token in DIVISOR_TOKENS
    if category == TARGET:
        return token in DECLARED and scope.get(token) == INT
    if token in NAMED:
        return scope.get(token) == category
    return 0 <= token < NUM_PRODUCTIONS and PRODUCTIONS[token].category == category


def _unparse(statements: list[ast.stmt]) -> str:
    return ast.unparse(ast.Module(statements, []))
