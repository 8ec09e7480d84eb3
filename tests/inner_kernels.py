"""Kernels that only kernels call, made callable from Python."""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any

from etude_gym.tasks.kernels import entry_point


@cache
def callable_kernel(kernel: Any) -> Any:
    """The same kernel, as one that Python calls."""
    return entry_point(getattr(kernel, "py_func", kernel))


class CallableKernels:
    """A module, all kernels of which can be called."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name)
        return callable_kernel(value) if hasattr(value, "py_func") else value
