"""How well a package is built, and how much of what can be gained a change has gained.

Measured on syntax trees in which every name of the package is its full name, so that neither renaming nor
another way of importing changes a measure.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import astuple
from typing import Any

from etude_gym.arithmetic import add_up
from etude_gym.envs.code.exercise import Architecture, Files
from etude_gym.envs.code.submissions.forms import Forms
from etude_gym.envs.code.submissions.linker import resolve_files
from etude_gym.envs.code.submissions.namespace import Module, linked_name
from etude_gym.envs.code.submissions.reading import Reader

Name = tuple[str, str]
"""A module and the name of a function in it."""

MIN_DUPLICATE = 6
"""Expressions in a subtree at least whose repetition counts."""


def measure(files: Files, concealed: Collection[tuple[Name, Name]] = ()) -> Architecture:
    """Measure a package.

    Args:
        files: its modules.
        concealed: pairs of functions, each a module and a name, that count as if the first used the second.

    Returns:
        Modules in import cycles; expressions that repeat an earlier one but for names of variables; the
        weight of the longest function; pairs of a function and a name of another module that it uses. The
        weight is the number of expressions, where the name of a called function does not count. What stands
        at top level outside functions is measured as a function too, so that nothing can be hidden there.

    Raises:
        Refused: if the files are not fit to be run.
    """
    modules = resolve_files(files)
    crossing = {(user, used) for user, used in concealed if user[0] != used[0]}
    for (user, _), (used, _) in crossing:
        modules[user].imports.add(used)
    edges = _edges(modules) + len(crossing)
    return Architecture(_cycles(modules), _duplicates(modules), _weight(modules), edges)


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
    return max(0.0, min(1.0, add_up(shares) / len(shares))) if can_gain else 0.0


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


def _weight(modules: Mapping[str, Module]) -> int:
    """Weight of the longest function, or of what a module has at top level outside functions."""
    weights = [0]
    for module in modules.values():
        outside = 0
        for statement in _without_docstring(module.tree.body):
            if isinstance(statement, ast.FunctionDef):
                weights.append(weigh(statement))
            else:
                outside += weigh(statement) + len(_assigned(statement))
        weights.append(outside)
    return max(weights)


def weigh(part: ast.AST) -> int:
    """How much a function or another part of a module says.

    Every expression counts 1, and so does what a statement does beyond its expressions: choosing, repeating,
    changing. Defaults, decorators and functions inside count like everything else. Not counted are the name
    of a called function or method, ``not``, and giving a value a name and using this name once. A constant
    counts 1 for each byte it holds, a text that tells what is wrong 1.
    """
    return _weigh(part) - len(_assigned(part) & _loaded(part))


def _weigh(node: ast.AST) -> int:
    if isinstance(node, ast.Constant):
        return _bytes_of(node.value)
    is_negation = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    weight = int(isinstance(node, ast.expr | _ACTING) and not is_negation)
    if isinstance(node, ast.Raise | ast.Assert):
        weight -= sum(_bytes_of(text) - 1 for text in _texts(node))
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        return 0
    for name, value in ast.iter_fields(node):
        children = [] if name == "annotation" else _nodes(value)
        if name == "body" and isinstance(node, ast.FunctionDef):
            children = list(_without_docstring(node.body))
        if name == "func" and isinstance(value, ast.Name):
            continue
        if name == "func" and isinstance(value, ast.Attribute):
            children = [value.value]
        weight += sum(map(_weigh, children))
    return weight


_ACTING = (
    ast.If
    | ast.For
    | ast.While
    | ast.AugAssign
    | ast.Assert
    | ast.Raise
    | ast.ExceptHandler
    | ast.match_case
    | ast.comprehension
)


def _texts(node: ast.AST) -> list[str]:
    """Texts in a part of a module."""
    constants = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
    return [value for value in constants if isinstance(value, str)]


def _bytes_of(value: object) -> int:
    """Bytes that a constant holds, 1 at least."""
    if isinstance(value, int):
        return max(1, (value.bit_length() + 7) // 8)
    if isinstance(value, str | bytes):
        return max(1, len(value.encode(errors="replace") if isinstance(value, str) else value))
    return 8 if isinstance(value, float | complex) else 1


def _assigned(part: ast.AST) -> set[str]:
    """Variables that assignments give values, one for each assignment."""
    nodes = [node for node in ast.walk(part) if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr)]
    targets = [node.targets[0] if isinstance(node, ast.Assign) else node.target for node in nodes]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _loaded(part: ast.AST) -> set[str]:
    """Names whose values are used, those of called functions left out."""
    called = {id(node.func) for node in ast.walk(part) if isinstance(node, ast.Call)}
    nodes = (node for node in ast.walk(part) if isinstance(node, ast.Name) and id(node) not in called)
    return {node.id for node in nodes if isinstance(node.ctx, ast.Load)}


def _nodes(value: Any) -> list[ast.AST]:
    values = value if isinstance(value, list) else [value]
    return [node for node in values if isinstance(node, ast.AST)]


def _duplicates(modules: Mapping[str, Module]) -> int:
    """Large expressions that compute what one before them computes."""
    reader = Reader(Forms(), modules, lambda name: name)
    seen: Counter[int] = Counter()
    for _, _, statement in _parts(modules):
        seen.update(value.form for value in reader.read([statement])[1] if value.size >= MIN_DUPLICATE)
    return seen.total() - len(seen)
