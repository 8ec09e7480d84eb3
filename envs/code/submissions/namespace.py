"""Modules, their scopes and what names in them stand for."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

from etude_gym.envs.code.submissions.profile import Malformed

Alias = tuple[str, str | None]
"""What an imported name stands for: a module of the package, and a name in it unless it is the module."""


@dataclass(eq=False, slots=True)
class Scope:
    """Names of a module, function, lambda or comprehension.

    Attributes:
        parent: the scope around it; None for a module.
        is_comprehension: whether ``:=`` in it binds further out.
        bound: names that it binds other than by importing them from the package.
        aliases: names that it imports from the package.
        global_names: names that it declares global.
        outer_names: names that it declares nonlocal.
    """

    parent: Scope | None
    is_comprehension: bool = False
    bound: set[str] = field(default_factory=set)
    aliases: dict[str, Alias] = field(default_factory=dict)
    global_names: set[str] = field(default_factory=set)
    outer_names: set[str] = field(default_factory=set)


@dataclass(eq=False)
class Module:
    """One file of a package.

    Attributes:
        name: its path without ".py".
        tree: its syntax tree, without annotations.
        scope: what it defines at top level.
        scopes: the scopes in it, by the node that opens them.
        first: index of the statement of ``tree`` that first binds a name of the module.
        changing: names of the module that its functions may bind anew.
        imports: modules of the package that it imports anywhere.
        wanted: what each statement imports from the package; filled by the linker.
    """

    name: str
    tree: ast.Module
    scope: Scope = field(default_factory=lambda: Scope(None))
    scopes: dict[ast.AST, Scope] = field(default_factory=dict)
    first: dict[str, int] = field(default_factory=dict)
    changing: set[str] = field(default_factory=set)
    imports: set[str] = field(default_factory=set)
    wanted: dict[ast.AST, list[Alias]] = field(default_factory=dict)


def linked_name(module: str, name: str) -> str:
    """The name that a top-level name of a module gets when modules are linked; different for each pair.

    Args:
        module: name of the module, without ".py".
        name: name in it.
    """
    return f"{module}__{name}"


def follow(modules: Mapping[str, Module], module: str, name: str) -> Alias:
    """Where a top-level name of a module is defined, through the modules that import it.

    Args:
        modules: all modules of the package by name.
        module: name of the module that uses it.
        name: its name there.

    Returns:
        The defining module and the name in it, or a module and None if the name is that of a module.

    Raises:
        Malformed: if modules import the name from each other in a circle.
    """
    for _ in range(len(modules) + 1):
        alias = modules[module].scope.aliases.get(name)
        if alias is None:
            return module, name
        if alias[1] is None:
            return alias
        module, name = alias[0], alias[1]
    raise Malformed(f"The modules import {name!a} from each other, and none defines it.")
