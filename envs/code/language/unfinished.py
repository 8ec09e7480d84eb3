"""Prints derivations that may lack something: what an agent has written so far, for the terminal view."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Collection, Iterable
from typing import Any

from etude_gym.envs.code.language.grammar import (
    FIRST_LET,
    MAX_VARIABLES,
    NUM_HOLES,
    PRODUCTIONS,
    VARIABLE_NAMES,
)
from etude_gym.envs.code.language.printing import signature
from etude_gym.envs.code.language.templates import (
    DEFINITIONS,
    FUNCTION_NAME,
    HOLE_NAMES,
    NEW_NAME,
    RETURN,
    expression_template,
    fill,
    statement_template,
)
from etude_gym.envs.code.language.tokens import CALL, TEST

OPEN, MISSING = -1, -2
"""What stands in a derivation where the open hole is, and where a later one is."""
_SHOWN = {OPEN: ast.Name("???", ast.Load()), MISSING: ast.Name("...", ast.Load())}
_INDENT = "    "


def helper_of(token: int) -> int:
    """Which helper a production calls, from 0.

    Args:
        token: number of one of the productions CALL_0 ... or TEST_0 ...
    """
    return token - CALL if token < TEST else token - TEST


def variable_name(number: int) -> str:
    """The name of a variable; the last name for all beyond the largest number of variables.

    Args:
        number: 0 and 1 are the parameters, then variables in the order in which they are declared.
    """
    return VARIABLE_NAMES[min(number, MAX_VARIABLES - 1)]


class Sketch:
    """Prints a derivation in which ``OPEN`` and ``MISSING`` may stand for what is not there yet.

    Args:
        tokens: production numbers in prefix order.
        names: of a package: what the definition in each slot is called; empty in a program.
        constants: of a package: slots of definitions that are no functions.
    """

    def __init__(
        self, tokens: Iterable[int], names: tuple[str, ...] = (), constants: Collection[int] = ()
    ) -> None:
        self.tokens = list(tokens)
        self.position = 0
        self.names = names
        self.constants = constants

    def source(self, return_category: int) -> str:
        """All of it as source, ``???`` for the open hole and ``...`` for what is missing.

        Args:
            return_category: what ``solve`` returns: INT, BOOL, STR or LIST.
        """
        functions: list[str] = []
        while self._upcoming() in DEFINITIONS:
            name = f"helper_{len(functions) + 1}"
            functions.append(ast.unparse(_module(self._statement({FUNCTION_NAME: name}))))
        body: list[ast.stmt] = []
        declared, complete = FIRST_LET, False
        while not complete:
            token = self._upcoming()
            complete = token in (OPEN, MISSING, RETURN)
            body += self._statement({NEW_NAME: variable_name(declared)})
            declared += token >= 0 and PRODUCTIONS[token].declares >= 0
        text = textwrap.indent(ast.unparse(_module(body)), _INDENT)
        return "\n\n".join([*functions, f"{signature(return_category)}\n{text}"])

    def expression(self) -> ast.expr:
        """The syntax tree of the next expression."""
        token = self._take()
        if token < 0:
            return _SHOWN[token]
        if token >= CALL and self.names:
            return self._reference(token - CALL)
        names = {FUNCTION_NAME: f"helper_{helper_of(token) + 1}"} if token >= CALL else {}
        return fill(expression_template(token), self._holes(token) | names)  # type: ignore[no-any-return]

    def _reference(self, slot: int) -> ast.expr:
        """The use of a definition of a package; that of a constant has a hole that says nothing."""
        argument = self.expression()
        name = ast.Name(self.names[slot], ast.Load())
        return name if slot in self.constants else ast.Call(name, [argument], [])

    def _statement(self, names: dict[str, str]) -> list[ast.stmt]:
        token = self._take()
        if token < 0:
            return [ast.Expr(_SHOWN[token], lineno=1)]
        return fill(statement_template(token), self._holes(token) | names)  # type: ignore[no-any-return]

    def _holes(self, token: int) -> dict[str, Any]:
        return {HOLE_NAMES[i]: self.expression() for i in range(NUM_HOLES[token])}

    def _upcoming(self) -> int:
        return self.tokens[self.position] if self.position < len(self.tokens) else MISSING

    def _take(self) -> int:
        token = self._upcoming()
        self.position += 1
        return token


def _module(statements: list[ast.stmt]) -> ast.Module:
    return ast.Module(statements, [])
