"""How well a package is built, and how much of what can be gained a change has gained.

Measured on syntax trees in which every name of the package is its full name, so that neither renaming nor
another way of importing changes a measure.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import astuple
from typing import Any

from etude_gym.envs.code.exercise import Architecture, Files
from etude_gym.envs.code.submissions.linker import resolve_files
from etude_gym.envs.code.submissions.namespace import Module, linked_name
from etude_gym.envs.code.submissions.profile import FIELDS

MIN_DUPLICATE = 6
"""Expressions in a subtree at least whose repetition counts."""


def measure(files: Files) -> Architecture:
    """Measure a package.

    Args:
        files: its modules.

    Returns:
        Modules in import cycles; expressions that repeat an earlier one but for names of variables; the
        weight of the longest function; pairs of a function and a name of another module that it uses. The
        weight is the number of expressions, where the name of a called function does not count. What stands
        at top level outside functions is measured as a function too, so that nothing can be hidden there.

    Raises:
        Refused: if the files are not fit to be run.
    """
    modules = resolve_files(files)
    forms = _Forms()
    longest = max((forms.add(part) for _, _, part in _parts(modules)), default=0)
    return Architecture(_cycles(modules), forms.duplicates(), longest, _edges(modules))


def improvement(start: Architecture, now: Architecture, clean: Architecture) -> float:
    """How much of what can be gained has been gained; what got worse instead takes from it.

    Args:
        start: measures of the package that was given.
        now: measures of the submitted package.
        clean: measures that can be reached.

    Returns:
        From 0 to 1; 0 where there is nothing to gain.
    """
    shares = []
    can_gain = False
    for before, after, best in zip(astuple(start), astuple(now), astuple(clean), strict=True):
        if before > best:
            can_gain = True
            shares.append(max(-1.0, min(1.0, (before - after) / (before - best))))
        elif after > best:
            shares.append(-min(1.0, (after - best) / max(best, 1)))
    return max(0.0, min(1.0, sum(shares) / len(shares))) if can_gain else 0.0


# --- Modules -----------------------------------------------------------------------------------------


def _parts(modules: Mapping[str, Module]) -> Iterator[tuple[str, str, ast.stmt]]:
    """Top-level statements: module, the name that tells the part from others, statement."""
    for module in modules.values():
        for index, statement in enumerate(_without_docstring(module.tree.body)):
            if isinstance(statement, ast.FunctionDef):
                yield module.name, statement.name, statement
            elif not isinstance(statement, ast.Import | ast.ImportFrom | ast.Pass):
                yield module.name, f"statement {index}", statement


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        return body[1:]
    return body


def _cycles(modules: Mapping[str, Module]) -> int:
    """Modules that import each other in a circle."""
    reached = {name: module.imports - {name} for name, module in modules.items()}
    for middle in modules:
        for found in reached.values():
            if middle in found:
                found |= reached[middle]
    return sum(name in found for name, found in reached.items())


def _edges(modules: Mapping[str, Module]) -> int:
    """Pairs of a function and a name of another module that it uses."""
    home = {
        linked_name(module.name, name): module.name
        for module in modules.values()
        for name in module.scope.bound
    }
    pairs = set()
    for module, part, statement in _parts(modules):
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and home.get(node.id, module) != module:
                pairs.add((module, part, node.id))
    return len(pairs)


# --- Expressions -------------------------------------------------------------------------------------


class _Forms:
    """The forms of all expressions that were added; equal forms have equal numbers."""

    def __init__(self) -> None:
        self.numbers: dict[Any, int] = {}
        self.seen: Counter[int] = Counter()
        self.variables: set[str] = set()

    def duplicates(self) -> int:
        """Large expressions whose form was there before."""
        return self.seen.total() - len(self.seen)

    def add(self, statement: ast.stmt) -> int:
        """Add the expressions of a top-level statement; returns its weight."""
        self.variables = set(_variables(statement))
        return self.weigh_statement(statement)

    def weigh_statement(self, node: ast.AST) -> int:
        """Weight of what a statement, or a part of one that is no expression, holds."""
        if isinstance(node, ast.expr):
            return self.weigh(node)[1]
        if isinstance(node, ast.FunctionDef):
            return sum(map(self.weigh_statement, _without_docstring(node.body)))
        names = (name for name in FIELDS[node.__class__])
        return sum(self.weigh_statement(child) for name in names for child in _nodes(getattr(node, name)))

    def weigh(self, node: ast.AST) -> tuple[int, int]:
        """Form and weight of an expression, or of a part of one that is no expression."""
        key: list[Any] = [node.__class__]
        weight = int(isinstance(node, ast.expr))
        for name in node._fields:
            value = getattr(node, name, None)
            if name == "func" and isinstance(value, ast.Attribute):
                # The name of a method does not count, and is no expression of its own.
                form, inner = self.weigh(value.value)
                key.append((value.attr, form))
                weight += inner
            elif isinstance(value, list):
                found = [self.weigh(child) for child in value if isinstance(child, ast.AST)]
                key.append(tuple(form for form, _ in found))
                weight += sum(inner for _, inner in found)
            elif isinstance(value, ast.AST):
                form, inner = self.weigh(value)
                key.append(form)
                weight += 0 if name == "func" and isinstance(value, ast.Name) else inner
            else:
                key.append(self.leaf(node, value))
        form = self.numbers.setdefault(tuple(key), len(self.numbers))
        if isinstance(node, ast.expr) and weight >= MIN_DUPLICATE:
            self.seen[form] += 1
        return form, weight

    def leaf(self, node: ast.AST, value: Any) -> str:
        """A name or constant as it counts in a form: all variables are alike."""
        if isinstance(node, ast.arg) or (isinstance(node, ast.Name) and value in self.variables):
            return "a variable"
        return repr(value)


def _nodes(value: Any) -> list[ast.AST]:
    values = value if isinstance(value, list) else [value]
    return [node for node in values if isinstance(node, ast.AST)]


def _variables(statement: ast.stmt) -> Iterator[str]:
    """Parameters and local variables of a function, those of functions in it included."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load) and "__" not in node.id:
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name
