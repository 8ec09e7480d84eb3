"""Counter-based randomness: every random number is a pure function of a key and a counter.

There is no generator state, so nothing depends on the order of calls or on how many environments
run side by side. The mixing function is the finalizer of SplitMix64 (Steele, Lea and Flood 2014,
"Fast splittable pseudorandom number generators"). ``etude_gym.tasks.kernels`` holds the same functions for
numba; a test holds the two together.
"""

from __future__ import annotations

import hashlib
import operator
import secrets
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Keys = NDArray[np.uint64]

GOLDEN = 0x9E3779B97F4A7C15
FIRST = 0xBF58476D1CE4E5B9
SECOND = 0x94D049BB133111EB
MASK64 = 0xFFFFFFFFFFFFFFFF

_GOLDEN, _FIRST, _SECOND, _11, _27, _30, _31 = map(np.uint64, (GOLDEN, FIRST, SECOND, 11, 27, 30, 31))


def as_words(values: ArrayLike) -> Keys:
    """Integers of any sign as 64-bit words, modulo 2**64.

    Args:
        values: integers of any size, or an array of them. Floats are truncated.

    Returns:
        uint64 array of the shape of ``values``; floats and Python objects come out one-dimensional, and so
        does a single number (NumPy scalars warn on overflow).
    """
    if isinstance(values, np.ndarray) and values.dtype == np.uint64 and values.ndim:
        return values
    array = np.asarray(values)
    if array.dtype == object or array.dtype.kind == "f":
        array = np.array([int(v) & MASK64 for v in np.atleast_1d(array).ravel()], dtype=np.uint64)
    return np.atleast_1d(array).astype(np.uint64)


def _finalize(words: Keys) -> Keys:
    """SplitMix64's finalizer, a bijection of 64-bit words, in place."""
    words ^= words >> _30
    words *= _FIRST
    words ^= words >> _27
    words *= _SECOND
    words ^= words >> _31
    return words


def mix(*words: ArrayLike) -> Keys:
    """Hash any number of (arrays of) integers into 64-bit keys, broadcasting.

    No sums of its arguments: keys of adjacent seeds or indices share nothing.

    Args:
        words: integers or integer arrays of shapes that broadcast.

    Returns:
        uint64 array, at least one-dimensional.
    """
    state = np.zeros(1, dtype=np.uint64)
    for word in words:
        state = absorb(state, as_words(word))
    return state


def absorb(state: Keys, words: Keys) -> Keys:
    """One step of ``mix``: ``mix(a, b)`` equals ``absorb(mix(a), as_words(b))``.

    Args:
        state: uint64 array, the hash so far.
        words: uint64 array that broadcasts against ``state``.

    Returns:
        uint64 array of the broadcast shape.
    """
    mixed: Keys = state ^ words
    mixed += _GOLDEN
    return _finalize(mixed)


def uniform(keys: Keys, counter: ArrayLike) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1), one for each pair of key and counter.

    Args:
        keys: uint64 array.
        counter: integer or array that broadcasts against ``keys``.

    Returns:
        float64 array of the broadcast shape.
    """
    bits = absorb(keys, as_words(counter))
    bits >>= _11
    numbers = bits.astype(np.float64)
    numbers *= 2.0**-53
    return numbers


def name_key(name: str) -> int:
    """A stable 64-bit key for a name (Python's own hash changes from process to process).

    Args:
        name: any text, case-sensitive.

    Returns:
        An integer from 0 to 2**64 - 1: the first 8 bytes of SHA-256, little-endian.
    """
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")


def fresh_seed() -> int:
    """A seed from the operating system, for those who give none."""
    return secrets.randbits(63)


def check_seed(seed: Any) -> int:
    """Return a seed as a Python integer.

    Args:
        seed: an integer of Python's or NumPy's; a boolean is none.

    Raises:
        ValueError: unless it is an integer from 0 to 2**64 - 1; beyond, seeds would repeat.
    """
    try:
        number = -1 if isinstance(seed, (bool, np.bool_)) else operator.index(seed)
    except TypeError:
        number = -1
    if not 0 <= number <= MASK64:
        raise ValueError(f"A seed is an integer from 0 to 2**64 - 1, got {seed!r}.")
    return number
