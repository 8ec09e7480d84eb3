"""Entry points: how the core reaches domains, wrappers and agents without importing them."""

from __future__ import annotations

import importlib
from typing import Any


def load_entry_point(entry_point: str) -> Any:
    """The object that an entry point stands for, importing its module.

    Args:
        entry_point: "module:name", such as "etude_gym.envs.plan.domain:make_domain".

    Raises:
        ValueError: if it is not of that form, or the module has no such name.
        ImportError: if the module cannot be imported.
    """
    module, separator, name = entry_point.partition(":")
    if not separator or not module or not name:
        raise ValueError(f"An entry point reads 'module:name', got {entry_point!r}.")
    try:
        return getattr(importlib.import_module(module), name)
    except AttributeError:
        raise ValueError(f"The module {module!r} has no {name!r}.") from None
