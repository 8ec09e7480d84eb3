"""The parser, first part: expressions, and errors that name the place where a source leaves the grammar."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from etude_gym.envs.code.language.grammar import CATEGORY_NAMES, DIVISOR, INT, PRODUCTIONS, TARGET
from etude_gym.envs.code.language.templates import (
    CALLS,
    DECLARED,
    FUNCTION_NAME,
    HOLE_NAMES,
    candidates,
    expression_template,
    match,
)

Names = Mapping[str, tuple[int, int]]
"""What is in scope: identifiers, each with a token and its category."""

MAX_SOURCE = 20_000
"""Longer sources are not read."""

_SHOWN = 60


class NotInGrammar(ValueError):
    """Says where a source leaves the grammar."""


def _place(node: ast.stmt | ast.expr) -> tuple[int, int]:
    return node.lineno, node.col_offset


class Source:
    """A source, and the place where reading it failed.

    Args:
        source: Python source.

    Attributes:
        trees: its statements as syntax trees, at least one.

    Raises:
        NotInGrammar: if it is no Python.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.trees = self._parsed()
        # Where reading got furthest, and what was wrong there: that is what an error tells.
        self.furthest: ast.stmt | ast.expr | None = None
        self.reason = ""

    def _parsed(self) -> list[ast.stmt]:
        """The syntax trees of the source, at least one."""
        if len(self.source) > MAX_SOURCE:
            raise NotInGrammar(f"The source is longer than {MAX_SOURCE} characters.")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                trees = ast.parse(self.source).body
        except SyntaxError as error:
            raise NotInGrammar(f"Line {error.lineno or 1}: not Python: {error.msg}.") from None
        except ValueError as error:
            raise NotInGrammar(f"Not Python: {error}.") from None
        if not trees:
            raise NotInGrammar("The source is empty.")
        return trees

    def problem(self, node: ast.stmt | ast.expr, reason: str) -> NotInGrammar:
        """An error that says what is wrong and where.

        Args:
            node: the node that is wrong; the error quotes its first line.
            reason: what is wrong with it, without a period.
        """
        text = (ast.get_source_segment(self.source, node) or "").split("\n")[0]
        return NotInGrammar(f"Line {node.lineno}: {text[:_SHOWN]!a}: {reason}.")

    def note(self, node: ast.stmt | ast.expr, reason: str) -> None:
        """Remember what is wrong with a node, unless a later one failed already.

        Args:
            node: the node that is wrong.
            reason: what is wrong with it, without a period.
        """
        if self.furthest is None or _place(node) > _place(self.furthest):
            self.furthest, self.reason = node, reason

    def refusal(self) -> NotInGrammar:
        """What was wrong where reading got furthest."""
        assert self.furthest is not None
        return self.problem(self.furthest, self.reason)


class Expressions:
    """Reads expressions in one scope.

    Args:
        names: what is in scope.
        note: called with a node and what is wrong with it, for every node that fails.
    """

    def __init__(self, names: Names, note: Callable[[ast.expr, str], None]) -> None:
        self.names = names
        self.note = note
        # What was read already, lest failures cost more at every level. Holding the nodes keeps their
        # identities theirs.
        self.memo: dict[tuple[int, int], tuple[ast.expr, list[int] | None]] = {}

    def read(self, node: ast.expr, category: int) -> list[int] | None:
        """The tokens of an expression.

        Args:
            node: syntax tree of the expression.
            category: what the hole that it fills asks for: INT, BOOL, ...

        Returns:
            Production numbers in prefix order; None if it is no expression of that category.
        """
        key = (id(node), category)
        if key not in self.memo:
            tokens = self._named(node, category)
            if tokens is None:
                tokens = self._derived(_in_pairs(node), category)
            if tokens is None:
                self.note(node, f"no {CATEGORY_NAMES[category]} of the grammar")
            self.memo[key] = (node, tokens)
        return self.memo[key][1]

    def _named(self, node: ast.expr, category: int) -> list[int] | None:
        """The tokens of a name or of a call of a named function."""
        if isinstance(node, ast.Name):
            token, known = self.names.get(node.id, _UNKNOWN)
            return [token] if token not in CALLS and _fits(token, known, category) else None
        found: dict[str, Any] = {}
        if not match(expression_template(CALLS[0]), node, found):
            return None
        token, known = self.names.get(_dotted(found[FUNCTION_NAME]), _UNKNOWN)
        if known != category or (token >= 0 and token not in CALLS):
            return None
        argument = self.read(found[HOLE_NAMES[0]], INT)
        return None if argument is None else [token, *argument]

    def _derived(self, node: ast.expr, category: int) -> list[int] | None:
        """The tokens of a node by the first production of a category that can be it."""
        for token in candidates(category, type(node).__name__):
            found: dict[str, Any] = {}
            if match(expression_template(token), node, found):
                holes = self._holes(token, found)
                if holes is not None:
                    return [token, *holes]
        return None

    def _holes(self, token: int, found: Mapping[str, Any]) -> list[int] | None:
        """The tokens of what fills the holes of a production, None if something does not fit."""
        tokens: list[int] = []
        for name, hole in zip(HOLE_NAMES, PRODUCTIONS[token].holes, strict=False):
            filling = self.read(found[name], hole.category)
            if filling is None:
                return None
            tokens += filling
        return tokens


_UNKNOWN = (0, -1)


def _fits(token: int, known: int, category: int) -> bool:
    """Whether a name of a known category may fill a hole."""
    if category == TARGET and known == INT:
        return token < 0 or token in DECLARED
    return known == category or (category == INT and known in (DIVISOR, TARGET))


def _dotted(node: ast.expr) -> str:
    """A name with dots, empty if it is anything else."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _in_pairs(node: ast.expr) -> ast.expr:
    """ "a and b and c" as the grammar has it: "(a and b) and c"."""
    if not isinstance(node, ast.BoolOp) or len(node.values) <= 2:
        return node
    before = ast.copy_location(ast.BoolOp(node.op, node.values[:-1]), node)
    return ast.copy_location(ast.BoolOp(node.op, [before, node.values[-1]]), node)
