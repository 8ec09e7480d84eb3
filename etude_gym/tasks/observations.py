"""Observations of a batch, arrays or dictionaries of arrays: allocating, indexing and iterating them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

Masks = NDArray[np.int8]
Observations = Any
"""An array of shape (n, ...) for a Box space, or a dictionary of such arrays for a Dict space."""


def add_row(observation: Observations) -> Observations:
    """Views of one observation with a leading batch dimension of one.

    Args:
        observation: array of any shape, or a dictionary of arrays.
    """
    if isinstance(observation, dict):
        return {name: array[None] for name, array in observation.items()}
    return observation[None]


def observation_allocator(space: gymnasium.Space[Any], *batch: int) -> Callable[[], Observations]:
    """A function that makes uninitialized observations of a space.

    It can be pickled, as environments have to be that travel to another process.

    Args:
        space: a Box, or a Dict of Boxes.
        batch: leading dimensions of the observations; none for a single one.
    """
    if isinstance(space, gymnasium.spaces.Dict):
        inner = {name: observation_allocator(part, *batch) for name, part in space.items()}
        return partial(_allocate_each, inner)
    return partial(np.empty, (*batch, *(space.shape or ())), space.dtype)


def _allocate_each(allocators: Mapping[str, Callable[[], Observations]]) -> Observations:
    return {name: allocate() for name, allocate in allocators.items()}


def take(observations: Observations, rows: Any) -> Observations:
    """Some rows of observations.

    Args:
        observations: array (n, ...), or a dictionary of such arrays.
        rows: whatever indexes the first dimension of an array: an integer, a slice, indices, a mask.
    """
    if isinstance(observations, dict):
        return {name: array[rows] for name, array in observations.items()}
    return observations[rows]


def each(observations: Observations) -> Iterable[Any]:
    """Observations of a batch one by one.

    Args:
        observations: array (n, ...), or a dictionary of such arrays.

    Returns:
        n arrays, or n dictionaries of arrays.
    """
    if isinstance(observations, dict):
        return (
            {name: array[i] for name, array in observations.items()}
            for i in range(len(next(iter(observations.values()))))
        )
    rows: Iterable[Any] = observations
    return rows
