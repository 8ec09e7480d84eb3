"""Errors that say what was wrong, what is allowed and which allowed name is nearest."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class MissingExtra(ImportError):
    """A feature needs an optional dependency that is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f'{feature} needs an optional dependency. Install it: pip install "etude-gym[{extra}]"'
        )


def check_name(kind: str, name: object, allowed: Iterable[str]) -> str:
    """Return ``name`` if it is one of ``allowed``.

    Args:
        kind: what the name stands for, used in the message ("task sampler").
        name: the name somebody gave.
        allowed: the names that exist.

    Raises:
        ValueError: naming what is allowed and the nearest match.
    """
    options = list(allowed)
    if isinstance(name, str) and name in options:
        return name
    nearest = difflib.get_close_matches(str(name), options, n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    raise ValueError(f"Unknown {kind} {name!r}. Allowed: {', '.join(map(repr, options))}.{hint}")
