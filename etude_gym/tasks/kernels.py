"""Counter-based randomness for numba kernels: the scalar twins of ``etude_gym.randomness``.

Imported by kernel domains only, so that ``import etude_gym`` stays light.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numba
import numpy as np

from etude_gym.randomness import FIRST, GOLDEN, SECOND

big_kernel: Callable[..., Any] = numba.njit(cache=True, error_model="numpy")
"""Decorator of kernels that are called from many places and too large to be inlined."""
part: Callable[..., Any] = numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""The same for kernels that only kernels call: not callable from Python nor cached, they compile faster."""
part_of_caller: Callable[..., Any] = numba.njit(error_model="numpy", inline="always")
"""The same for one that is compiled with its caller: else all that it calls would be optimized once more."""

GOLDEN_WORD = np.uint64(GOLDEN)
_FIRST = np.uint64(FIRST)
_SECOND = np.uint64(SECOND)

kernel: Callable[..., Any] = numba.njit(cache=True, error_model="numpy", forceinline=True)
"""Decorator of every kernel function: compiled once, then read from the cache.

Calls are always inlined: an array argument is passed as seven values, which costs a step of the plan
domain more than a third of its time.
"""


@kernel
def finalize_word(word: Any) -> Any:
    """SplitMix64's finalizer."""
    word = (word ^ (word >> np.uint64(30))) * _FIRST
    word = (word ^ (word >> np.uint64(27))) * _SECOND
    return word ^ (word >> np.uint64(31))


@kernel
def uniform(key: Any, counter: Any) -> Any:
    """Uniform number in [0, 1) for a uint64 key and a non-negative counter."""
    word = finalize_word((key ^ np.uint64(counter)) + GOLDEN_WORD)
    return (word >> np.uint64(11)) * 2.0**-53


@kernel
def below(key: Any, counter: Any, bound: Any) -> Any:
    """Uniform integer in [0, bound)."""
    return np.int64(uniform(key, counter) * bound)


@kernel
def stochastic_round(key: Any, counter: Any, value: Any) -> Any:
    """Round a non-negative number up or down at random, so that its expectation is exact."""
    return np.int64(min(value + uniform(key, counter), np.ceil(value)))


@kernel
def sample_masked(masks: Any, keys: Any, counter: Any, actions: Any) -> None:
    """Draw one legal action uniformly in each row (0 where a row has none).

    Args:
        masks: int8 (n, actions), 1 where legal.
        keys: uint64 (n,), one for each row.
        counter: which draw of the key this is.
        actions: int64 (n,), written.
    """
    for row in range(masks.shape[0]):
        legal = 0
        for action in range(masks.shape[1]):
            legal += masks[row, action]
        skip = below(keys[row], counter, legal)
        actions[row] = 0
        for action in range(masks.shape[1]):
            if masks[row, action]:
                if skip == 0:
                    actions[row] = action
                    break
                skip -= 1


def prepare_kernels(name: str, entry_points: tuple[Any, ...], duration: str = "10 seconds") -> None:
    """Drop stale caches of a domain's kernels and say when they are about to be compiled.

    Numba notices that a cached function's own file changed, but not the file of a function it calls;
    caches older than any of the domain's kernel sources are therefore removed.

    Args:
        name: the domain, for the message.
        entry_points: the kernels that are called from Python, at least one of every file with kernels.
        duration: about how long compiling takes, for the message.
    """
    sources = {Path(entry_point.py_func.__code__.co_filename) for entry_point in entry_points}
    newest = max(source.stat().st_mtime for source in [*sources, Path(__file__)])
    cached = 0
    for cache in {Path(entry_point.stats.cache_path) for entry_point in entry_points}:
        for index in (index for source in sources for index in cache.glob(f"{source.stem}.*.nbi")):
            with suppress(FileNotFoundError):  # another process may be at the same
                if index.stat().st_mtime < newest:
                    index.unlink()
                else:
                    cached += 1
    if not cached:
        print(f"etude-gym: compiling the kernels of {name}, once (about {duration}) ...", file=sys.stderr)
