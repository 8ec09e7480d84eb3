"""From source back to tokens: syntax trees are matched against the templates of the productions.

What is read is exactly what the grammar can say, in any names that a person may choose. Sizes are no part
of it: a program that was read may need larger numbers than those that practice builds.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from etude_gym.envs.code.language.expressions import Expressions, Names, NotInGrammar, Source
from etude_gym.envs.code.language.grammar import (
    INT,
    ITEM_NAME,
    LIST,
    MAX_HELPERS,
    NUMBERS,
    PARAMETER_NAME,
    PRODUCTIONS,
    VARIABLE_NAMES,
    K,
)
from etude_gym.envs.code.language.printing import RETURNED, call_of, signature
from etude_gym.envs.code.language.templates import (
    BODY_TOKENS,
    CHOSEN,
    DECLARED,
    DEFINITIONS,
    FUNCTION_NAME,
    HOLE_NAMES,
    ITEM,
    NEW_NAME,
    PARAMETER,
    RESERVED,
    RETURN,
    VARIABLES,
    match,
    statement_template,
)

__all__ = ["NotInGrammar", "parse_program"]


def parse_program(source: str, return_category: int) -> list[int]:
    """The tokens of a program: helpers, then ``solve``; the inverse of ``render_program``.

    Names may be chosen freely, as long as none of them hides another one or a function that the grammar
    uses; annotations may be left out.

    Args:
        source: Python source.
        return_category: what ``solve`` returns: INT, BOOL, STR or LIST.

    Raises:
        NotInGrammar: if it is not Python, or says anything that the grammar cannot say.
    """
    if return_category not in RETURNED:
        raise ValueError(f"A program returns one of the categories {RETURNED}, got {return_category!r}.")
    with _refusing_depth():
        return _Statements(Source(source)).program(return_category)


@contextmanager
def _refusing_depth() -> Iterator[None]:
    try:
        yield
    except (RecursionError, MemoryError):
        raise NotInGrammar("The source is nested too deeply.") from None


# --- Statements --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Statement:
    """A statement that was read.

    Attributes:
        tokens: its derivation.
        length: how many statements of Python it takes.
        chosen: names that it chooses, by what stands for them in the template.
    """

    tokens: list[int]
    length: int
    chosen: dict[str, str]


class _Statements:
    """Reads statements.

    Args:
        source: where they come from.
    """

    def __init__(self, source: Source) -> None:
        self.source = source

    def program(self, return_category: int) -> list[int]:
        """The tokens of helpers and ``solve``."""
        *helpers, solve = self.source.trees
        if len(helpers) > MAX_HELPERS:
            raise self.source.problem(helpers[MAX_HELPERS], f"more than {MAX_HELPERS} helpers")
        tokens: list[int] = []
        names: dict[str, tuple[int, int]] = {}
        for index, helper in enumerate(helpers):
            statement = self.statement([helper], names, DEFINITIONS, return_category)
            call = call_of(statement.tokens[0], index)
            names[statement.chosen[FUNCTION_NAME]] = (call, PRODUCTIONS[call].category)
            tokens += statement.tokens
        if not isinstance(solve, ast.FunctionDef):
            raise self.source.problem(solve, "the last thing has to be the function solve")
        chosen = self._signature(solve, names, return_category)
        names[chosen[VARIABLE_NAMES[NUMBERS]]] = (VARIABLES[NUMBERS], LIST)
        names[chosen[VARIABLE_NAMES[K]]] = (VARIABLES[K], INT)
        return tokens + self._body(solve.body, names, return_category)

    def _signature(self, solve: ast.FunctionDef, names: Names, return_category: int) -> dict[str, str]:
        """The names of the parameters, by those of the template."""
        [template] = ast.parse(f"{signature(return_category)} pass").body
        header = copy.copy(solve)
        header.body = template.body  # type: ignore[attr-defined]
        chosen: dict[str, Any] = {}
        if not match(template, header, chosen):
            raise self.source.problem(solve, f"expected {signature(return_category)}")
        if not self._are_free(solve, chosen, names):
            raise self.source.refusal()
        return chosen

    def _body(
        self, body: list[ast.stmt], names: dict[str, tuple[int, int]], return_category: int
    ) -> list[int]:
        tokens: list[int] = []
        declared = 0
        position = 0
        while position < len(body):
            new = DECLARED[declared] if declared < len(DECLARED) else None
            statement = self.statement(body[position:], names, BODY_TOKENS, return_category, new)
            tokens += statement.tokens
            category = PRODUCTIONS[statement.tokens[0]].declares
            if category >= 0:
                if new is None:
                    raise self.source.problem(body[position], f"more than {len(DECLARED)} variables")
                names[statement.chosen[NEW_NAME]] = (new, category)
                declared += 1
            position += statement.length
            if statement.tokens[0] == RETURN:
                if position < len(body):
                    raise self.source.problem(body[position], "nothing may follow a return")
                return tokens
        raise self.source.problem(body[-1], "the last statement has to be a return")

    def statement(
        self,
        body: list[ast.stmt],
        names: Names,
        allowed: Sequence[int],
        return_category: int,
        new: int | None = None,
    ) -> _Statement:
        """The statement that a block starts with.

        Args:
            body: the block.
            names: what is in scope.
            allowed: productions that may stand there, the most specific ones first.
            return_category: what the function returns.
            new: token of the variable that the statement declares, where it reads it itself.
        """
        for token in allowed:
            template = statement_template(token)
            found: dict[str, Any] = {}
            if not match(template, body[: len(template)], found):
                continue
            chosen = {name: found[name] for name in CHOSEN if name in found}
            if not self._are_free(body[len(template) - 1], chosen, names):
                continue
            holes = self._holes(token, found, names, return_category, new)
            if holes is not None:
                return _Statement([token, *holes], len(template), chosen)
        self.source.note(body[0], "no statement of the grammar")
        raise self.source.refusal()

    def _are_free(self, node: ast.stmt, chosen: Mapping[str, str], names: Names) -> bool:
        """Whether names that a statement chooses are new and differ from each other."""
        seen = set(names) | RESERVED
        for name in chosen.values():
            if name in seen:
                self.source.note(node, f"the name {name} is taken")
                return False
            seen.add(name)
        return True

    def _holes(
        self, token: int, found: Mapping[str, Any], names: Names, return_category: int, new: int | None
    ) -> list[int] | None:
        """The tokens of what fills the holes of a statement, None if something does not fit."""
        production = PRODUCTIONS[token]
        tokens: list[int] = []
        for hole_name, hole in zip(HOLE_NAMES, production.holes, strict=False):
            inside = dict(names)
            if PARAMETER_NAME in found:
                inside[found[PARAMETER_NAME]] = (PARAMETER, INT)
            if hole.item:
                inside[found[ITEM_NAME]] = (ITEM, INT)
            if hole.accumulator and new is not None:
                inside[found[NEW_NAME]] = (new, production.declares)
            category = return_category if hole.category < 0 else hole.category
            filling = Expressions(inside, self.source.note).read(found[hole_name], category)
            if filling is None:
                return None
            tokens += filling
        return tokens
