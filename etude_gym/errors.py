"""Errors that say what was wrong, what is allowed and which allowed name is nearest."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec
from typing import Any

import gymnasium


class MissingExtra(ImportError):
    """A feature needs an optional dependency that is not installed.

    Where the extra brings torch, and there is none yet, the message says to install that first.

    Args:
        feature: the feature, as the subject of the message ("MaskablePPO").
        extra: the extra of etude-gym that installs it ("sb3").
    """

    def __init__(self, feature: str, extra: str) -> None:
        message = f'{feature} needs an optional dependency. Install it: pip install "etude-gym[{extra}]"'
        if find_spec("torch") is None and _brings_torch(extra):
            message += " (torch first, as README.md says: otherwise it may bring gigabytes of CUDA libraries)"
        super().__init__(message)


def _brings_torch(extra: str) -> bool:
    """Whether torch is among what an extra installs."""
    try:
        needed = requires("etude-gym") or []
    except PackageNotFoundError:  # a checkout that is imported as it lies
        return False
    return any(each.startswith("torch") and f'extra == "{extra}"' in each for each in needed)


class ResetNeeded(gymnasium.error.ResetNeeded, RuntimeError):
    """A method was called that needs a running episode, before ``reset`` or after the end.

    Gymnasium's own error, and a RuntimeError for those who do not know Gymnasium's.
    """


def _hint(name: object, allowed: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(str(name), list(allowed), n=1)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""


def check_name(kind: str, name: object, allowed: Iterable[str]) -> str:
    """Return ``name`` if it is one of ``allowed``.

    Args:
        kind: what the name stands for, used in the message ("task sampler").
        name: the name that was given.
        allowed: the names that exist.

    Raises:
        ValueError: naming what is allowed and the nearest match.
    """
    options = list(allowed)
    if isinstance(name, str) and name in options:
        return name
    raise ValueError(
        f"Unknown {kind} {name!r}. Allowed: {', '.join(map(repr, options))}.{_hint(name, options)}"
    )


def keywords(function: Callable[..., Any]) -> tuple[str, ...]:
    """Names that a function or class takes as keyword arguments.

    Args:
        function: the function or class.

    Returns:
        The names in order of definition; "**" stands for any name.
    """
    parameters = inspect.signature(function).parameters.values()
    return tuple(
        "**" if parameter.kind is parameter.VAR_KEYWORD else parameter.name
        for parameter in parameters
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.POSITIONAL_ONLY)
    )


def unexpected_keyword(function: Callable[..., Any], name: str, allowed: Iterable[str]) -> TypeError:
    """The error for a keyword argument that a function or class lacks, as Python words it.

    Libraries look for this TypeError to find out which arguments an environment takes.

    Args:
        function: the function or class that was called.
        name: the argument that it lacks.
        allowed: the arguments that it takes.
    """
    options = list(allowed)
    called = function.__qualname__ + (".__init__" if isinstance(function, type) else "")
    return TypeError(
        f"{called}() got an unexpected keyword argument {name!r}.{_hint(name, options)} "
        f"Allowed: {', '.join(map(repr, options)) or 'none'}."
    )
