"""Docstrings of public functions: most list their arguments, and none lists one that does not exist.

Counted are functions and methods with parameters. Left out are methods without a docstring, which inherit it
from what they override, and conformance checks, whose arguments ``Check`` describes. Kernels count apart:
those that Python calls list their arguments, the others say what they do.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PARTS = ("agents", "envs", "etude_gym", "wrappers")

SHARE = 0.7
"""Public functions of each part that list their arguments, at least."""

CHECK = ("env_id", "size")
"""Parameters of a conformance check."""

KERNELS = "etude_gym.tasks.kernels"
ENTRY_POINT = "entry_point"

_ENTRY = re.compile(r"(\*{0,2}\w+(?:, \*{0,2}\w+)*):")


@dataclass(frozen=True)
class Documented:
    """A public function or class, and what its docstring says of its arguments.

    Attributes:
        name: where it stands, as "file: Class.method".
        decorators: names of its decorators that make kernels.
        parameters: what it takes, except for self, cls and what it ignores.
        docstring: None if it has none.
    """

    name: str
    decorators: tuple[str, ...]
    parameters: tuple[str, ...]
    docstring: str | None

    @property
    def listed(self) -> tuple[str, ...] | None:
        """Arguments that the docstring lists; None if it lists none."""
        lines = inspect.cleandoc(self.docstring or "").split("\n")
        if "Args:" not in lines:
            return None
        names: list[str] = []
        for line in lines[lines.index("Args:") + 1 :]:
            if line and not line.startswith(" "):
                break
            if entry := _ENTRY.match(line, 4) if line[4:5] != " " else None:
                names += [name.lstrip("*") for name in entry[1].split(", ")]
        return tuple(names)


def _parameters(function: ast.FunctionDef) -> tuple[str, ...]:
    taken = function.args
    named = [*taken.posonlyargs, *taken.args, *taken.kwonlyargs]
    named += [more for more in (taken.vararg, taken.kwarg) if more is not None]
    return tuple(each.arg for each in named if each.arg not in ("self", "cls", "_", "__"))


def _made(definition: ast.ClassDef) -> tuple[str, ...] | None:
    """What a class takes; None if that depends on its bases."""
    for node in definition.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            return _parameters(node)
    if any("dataclass" in ast.unparse(decorator) for decorator in definition.decorator_list):
        fields = [node for node in definition.body if isinstance(node, ast.AnnAssign)]
        return tuple(ast.unparse(field.target) for field in fields)
    return None


def _kernels_of(tree: ast.Module) -> set[str]:
    """Names that a file imports from the module of kernel decorators."""
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == KERNELS]
    return {alias.name for node in imports for alias in node.names}


def _functions(file: Path) -> Iterator[Documented]:
    """Public functions and methods of a file; methods without a docstring are left out."""
    tree = ast.parse(file.read_text())
    kernels = _kernels_of(tree) | ({"kernel", "part", ENTRY_POINT} if file.name == "kernels.py" else set())
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            inside, owner = node.body, f"{node.name}."
        else:
            inside, owner = [node], ""
        for function in inside:
            if not isinstance(function, ast.FunctionDef) or function.name.startswith("_"):
                continue
            docstring = ast.get_docstring(function)
            if docstring is not None or not owner:
                decorators = [ast.unparse(decorator) for decorator in function.decorator_list]
                kept = tuple(decorator for decorator in decorators if decorator in kernels)
                place = _place(file, owner + function.name)
                yield Documented(place, kept, _parameters(function), docstring)


def _classes(file: Path) -> Iterator[Documented]:
    """Classes of a file whose docstring lists arguments, private ones too."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ClassDef) and (made := _made(node)) is not None:
            yield Documented(_place(file, node.name), (), made, ast.get_docstring(node))


def _place(file: Path, name: str) -> str:
    return f"{file.relative_to(ROOT).as_posix()}: {name}"


FILES = sorted(file for part in PARTS for file in (ROOT / part).rglob("*.py"))
FUNCTIONS = {file: tuple(_functions(file)) for file in FILES}


def _by_part() -> dict[str, list[Documented]]:
    """Functions that count, by folder, two levels deep."""
    parts: dict[str, list[Documented]] = defaultdict(list)
    for file, functions in FUNCTIONS.items():
        folder = "/".join(file.relative_to(ROOT).parent.parts[:2])
        parts[folder] += [f for f in functions if f.parameters and not f.decorators and f.parameters != CHECK]
    return {part: functions for part, functions in parts.items() if functions}


BY_PART = _by_part()


@pytest.mark.parametrize("part", BY_PART)
def test_most_public_functions_list_their_arguments(part: str) -> None:
    lacking = [function.name for function in BY_PART[part] if function.listed is None]
    share = 1 - len(lacking) / len(BY_PART[part])
    assert share >= SHARE, f"{share:.0%} of {part} list Args; these do not:\n" + "\n".join(lacking)


def test_kernels_that_python_calls_list_their_arguments() -> None:
    entry_points = [f for functions in FUNCTIONS.values() for f in functions if ENTRY_POINT in f.decorators]
    assert entry_points
    assert [kernel.name for kernel in entry_points if kernel.listed is None] == []


def test_every_kernel_says_what_it_does() -> None:
    kernels = [f for functions in FUNCTIONS.values() for f in functions if f.decorators]
    assert kernels
    assert [kernel.name for kernel in kernels if not kernel.docstring] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_docstrings_list_the_arguments_there_are(file: Path) -> None:
    for documented in (*FUNCTIONS[file], *_classes(file)):
        listed = documented.listed
        if listed is not None:
            wrong = set(listed) - set(documented.parameters)
            assert not wrong, f"{documented.name} lists arguments that it does not take: {sorted(wrong)}"
            left_out = set(documented.parameters) - set(listed)
            assert not left_out, f"{documented.name} leaves out {sorted(left_out)}"
