"""Links several modules into one: the sandbox has no files to import from.

Every name that a module defines at top level becomes ``module__name``, wherever it is used; module-level code
runs in the order in which Python would run it if the modules were imported in the order of their names.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from etude_gym.envs.code.exercise import Files
from etude_gym.envs.code.submissions.namespace import Module, follow, linked_name
from etude_gym.envs.code.submissions.profile import Malformed, Refused, Unsupported
from etude_gym.envs.code.submissions.renaming import rename
from etude_gym.envs.code.submissions.scopes import read_modules

__all__ = ["Linked", "Malformed", "Refused", "Unsupported", "link", "resolve_files"]


@dataclass(frozen=True)
class Linked:
    """A package as one source.

    Attributes:
        source: what to run.
        names: what the functions of the interface are called there, by module and function.
    """

    source: str
    names: dict[tuple[str, str], str]


def link(files: Files, api: Mapping[str, Sequence[str]]) -> Linked:
    """Make one source of a package.

    Args:
        files: source text of the modules by path.
        api: functions that each module has to define, or to import from another of the files.

    Raises:
        Malformed: if the files are no Python, too large, or miss a function.
        Unsupported: if they use what the sandbox does not run as Python does.
    """
    modules = read_modules(files)
    names = {
        (module, function): _interface_name(modules, module, function)
        for module, functions in api.items()
        for function in functions
    }
    try:
        source = ast.unparse(ast.Module(_link_modules(modules), []))
    except (RecursionError, ValueError) as error:
        raise Unsupported(f"The files cannot be made one source: {error}") from None
    return Linked(source, names)


def resolve_files(files: Files) -> dict[str, Module]:
    """The modules of a package, with every name of the package replaced by its linked name.

    Imports from the package are removed; ``Module.imports`` lists them.

    Args:
        files: source text of the modules by path.

    Raises:
        Refused: as ``link`` does.
    """
    modules = read_modules(files)
    _link_modules(modules)
    return modules


def _interface_name(modules: Mapping[str, Module], module: str, function: str) -> str:
    """The linked name of a function that has to be there."""
    missing = Malformed(f"{module}.py does not define the function {function!a}.")
    if module not in modules:
        raise missing
    home, name = follow(modules, module, function)
    if name is None or not any(
        isinstance(node, ast.FunctionDef) and node.name == name and scope.parent is modules[home].scope
        for node, scope in modules[home].scopes.items()
    ):
        raise missing
    return linked_name(home, name)


# --- Order -------------------------------------------------------------------------------------------


def _link_modules(modules: Mapping[str, Module]) -> list[Any]:
    """Rename everything in place; returns the statements of all modules in the order in which they run."""
    for module in modules.values():
        rename(modules, module)
    started: dict[str, int] = {}
    body: list[Any] = []
    for name in modules:
        _load(modules, name, started, body)
    return body


def _load(modules: Mapping[str, Module], name: str, started: dict[str, int], body: list[Any]) -> None:
    """Add the statements of a module, and before each import those of the imported module."""
    if name in started:
        return
    module = modules[name]
    for index, statement in enumerate(module.tree.body):
        started[name] = index
        for source, wanted in module.wanted.get(statement, ()):
            _load(modules, source, started, body)
            if wanted is not None and modules[source].first[wanted] >= started[source]:
                raise Malformed(
                    f"{name}.py imports {wanted!a} from {source}.py, which imports {name}.py first."
                )
        body.append(statement)
    started[name] = len(module.tree.body)
