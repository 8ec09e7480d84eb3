"""Kernels as plain Python, for ``NUMBA_DISABLE_JIT=1``: slow, with the results of the compiled ones.

Numba reads records by attribute, calculates with small integers in 64 bits and lets integers wrap around when
they are stored; numpy does neither. Arrays are therefore shown to a kernel as numba would see them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np


def interpreted(function: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel that Python calls, run by Python."""

    @functools.wraps(function)
    def run(*arguments: Any, **named: Any) -> Any:
        with np.errstate(all="ignore"):  # hashes wrap around
            return function(*map(_shown, arguments), **{name: _shown(value) for name, value in named.items()})

    return run


def _shown(value: Any) -> Any:
    """A value as a kernel sees it."""
    if isinstance(value, np.ndarray):
        return _Array(value)
    if isinstance(value, np.void):
        return _Record(value)
    if isinstance(value, np.integer):
        return value if isinstance(value, (np.uint32, np.uint64)) else np.int64(value)
    return np.float64(value) if isinstance(value, np.floating) else value


def _stored(value: Any, dtype: np.dtype[Any]) -> Any:
    """A value as it is written into an array: what does not fit loses its upper bits."""
    return value.array if isinstance(value, _Array) else np.asarray(value).astype(dtype.base)


class _Array:
    """An array as numba sees it."""

    def __init__(self, array: Any) -> None:
        self.array = array
        self.shape = array.shape

    def __len__(self) -> int:
        return len(self.array)

    def __iter__(self) -> Iterator[Any]:
        return map(_shown, self.array)

    def __getitem__(self, index: Any) -> Any:
        return _shown(self.array[index])

    def __setitem__(self, index: Any, value: Any) -> None:
        self.array[index] = _stored(value, self.array.dtype)


class _Record:
    """A record as numba sees it: fields are attributes."""

    __slots__ = ("_record",)

    def __init__(self, record: np.void) -> None:
        object.__setattr__(self, "_record", record)

    def __getattr__(self, name: str) -> Any:
        return _shown(self._record[name])

    def __setattr__(self, name: str, value: Any) -> None:
        self._record[name] = _stored(value, self._record.dtype[name])
