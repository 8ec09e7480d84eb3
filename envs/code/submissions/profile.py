"""The language profile: the part of Python that submissions may use, and the errors that refuse the rest.

It is what the sandbox runs exactly as Python 3.11 does. Anything else is refused before it runs, naming the
line, so that a right program is never judged to be wrong.
"""

from __future__ import annotations

import ast

from etude_gym.tasks.status import Status

RESERVED = "__etude_"
"""What names of the code around a program start with; no program can hold a name with two underscores."""

STANDARD_MODULES = frozenset(
    {
        "bisect",
        "collections",
        "copy",
        "datetime",
        "functools",
        "itertools",
        "json",
        "math",
        "re",
        "typing",
    }
)
"""Modules of the standard library that can be imported."""

REFUSED_BUILTINS = frozenset(
    {
        *("aiter", "anext", "ascii", "breakpoint", "bytearray", "callable", "classmethod", "compile"),
        *("copyright", "credits", "delattr", "dir", "eval", "exec", "exit", "getattr", "globals", "hasattr"),
        *("help", "input", "issubclass", "license", "locals", "memoryview", "object", "open", "property"),
        *("quit", "setattr", "staticmethod", "super", "vars"),
    }
)
"""Built-in functions that the sandbox lacks, or that reach around the program's text."""

ENDLESS = frozenset({"count", "cycle", "repeat"})
"""Iterators without an end: the sandbox runs a generator expression over one in full, at once."""


class Refused(Exception):
    """A submission that is not run.

    Attributes:
        status: malformed or unsupported.
    """

    status: Status


class Malformed(Refused):
    """Files that could not be right under any interpreter."""

    status = Status.MALFORMED


class Unsupported(Refused):
    """A program that Python may run and the sandbox does not run, or not in the same way."""

    status = Status.UNSUPPORTED


_NOT_VISITED = {"ctx", "op", "ops", "annotation", "returns", "type_comment", "type_params", "kind"}

_SUPPORTED: tuple[type[ast.AST], ...] = (
    *(ast.Module, ast.FunctionDef, ast.Return, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.For, ast.While),
    *(ast.If, ast.Raise, ast.Try, ast.ExceptHandler, ast.Assert, ast.Import, ast.ImportFrom, ast.Global),
    *(ast.Nonlocal, ast.Expr, ast.Pass, ast.Break, ast.Continue, ast.Match, ast.match_case, ast.MatchValue),
    *(ast.MatchSingleton, ast.MatchSequence, ast.MatchMapping, ast.MatchClass, ast.MatchStar, ast.MatchAs),
    *(ast.MatchOr, ast.BoolOp, ast.NamedExpr, ast.BinOp, ast.UnaryOp, ast.Lambda, ast.IfExp, ast.Dict),
    *(ast.Set, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.comprehension, ast.Compare),
    *(ast.Call, ast.keyword, ast.FormattedValue, ast.JoinedStr, ast.Constant, ast.Attribute, ast.Subscript),
    *(ast.Starred, ast.Name, ast.List, ast.Tuple, ast.Slice, ast.arguments, ast.arg, ast.alias),
)

FIELDS: dict[type[ast.AST], tuple[str, ...]] = {
    kind: tuple(field for field in kind._fields if field not in _NOT_VISITED) for kind in _SUPPORTED
}
"""The constructs that are supported, and the fields of each that can hold further ones."""
FIELDS[ast.Constant] = ()

_KEYWORDS = {
    "AsyncFor": "async",
    "AsyncFunctionDef": "async",
    "AsyncWith": "async",
    "Await": "await",
    "ClassDef": "class",
    "Delete": "del",
    "TryStar": "except*",
    "TypeAlias": "type",
    "With": "with",
    "Yield": "yield",
    "YieldFrom": "yield",
}


def name_of_construct(node: ast.AST) -> str:
    """The name of a construct: its keyword if it has one ("class"), else that of its node ("Starred").

    Args:
        node: node of a syntax tree.
    """
    kind = type(node).__name__
    return _KEYWORDS.get(kind, kind)
