"""Decorators of numba kernels, and counter-based randomness for them: the twins of ``etude_gym.randomness``.

Imported by kernel domains only, so that ``import etude_gym`` stays light.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from etude_gym.randomness import FIRST, GOLDEN, SECOND
from etude_gym.tasks.compilation import cached
from etude_gym.tasks.interpretation import interpreted

GOLDEN_WORD = np.uint64(GOLDEN)
_FIRST = np.uint64(FIRST)
_SECOND = np.uint64(SECOND)


def entry_point(function: Callable[..., Any]) -> Any:
    """Decorator of kernels that Python calls: compiled when first called, then read from the cache.

    With ``NUMBA_DISABLE_JIT=1`` they run as Python, slowly, with the same results.
    """
    if numba.config.DISABLE_JIT:
        return interpreted(function)
    return cached(numba.njit(error_model="numpy", no_cfunc_wrapper=True)(function))


_UNWRAPPED = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}

part: Callable[..., Any] = numba.njit(**_UNWRAPPED)
"""Decorator of kernels that only kernels call: they are compiled and cached with those.

A function is compiled once for every combination of types that it is called with. A literal number is a type
of its own, and so is each size of integers: pass ``np.int64`` throughout.
"""

kernel: Callable[..., Any] = numba.njit(forceinline=True, **_UNWRAPPED)
"""The same for what a step consists of: it always becomes part of the machine code of what calls it.

An array argument is passed as seven values, which costs a step of the plan domain more than a third of its
time. Each place where such a kernel is called makes compiling longer, though; in a generator ``part`` does.
"""

part_of_caller: Callable[..., Any] = numba.njit(error_model="numpy", inline="always")
"""The same for one that is called in one place or is very short: it is compiled with its caller alone."""


@kernel
def finalize_word(word: Any) -> Any:
    """SplitMix64's finalizer."""
    word = (word ^ (word >> np.uint64(30))) * _FIRST
    word = (word ^ (word >> np.uint64(27))) * _SECOND
    return word ^ (word >> np.uint64(31))


@part_of_caller
def uniform(key: Any, counter: Any) -> Any:
    """Uniform number in [0, 1) for a uint64 key and a non-negative counter."""
    word = finalize_word((key ^ np.uint64(counter)) + GOLDEN_WORD)
    return (word >> np.uint64(11)) * 2.0**-53


@part_of_caller
def below(key: Any, counter: Any, bound: Any) -> Any:
    """Uniform integer in [0, bound)."""
    return np.int64(uniform(key, counter) * bound)


@part_of_caller
def stochastic_round(key: Any, counter: Any, value: Any) -> Any:
    """Round a non-negative number up or down at random, so that its expectation is exact."""
    return np.int64(min(value + uniform(key, counter), np.ceil(value)))


@entry_point
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
