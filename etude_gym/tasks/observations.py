"""Observations of a batch, arrays or dictionaries of arrays: made, taken, looked at one by one."""

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
    """Views of one observation with a batch dimension of one in front."""
    if isinstance(observation, dict):
        return {name: array[None] for name, array in observation.items()}
    return observation[None]


def observation_allocator(space: gymnasium.Space[Any], *batch: int) -> Callable[[], Observations]:
    """A function that makes uninitialized observations, with the batch's dimension in front, if any.

    It can be pickled, as environments have to be that travel to another process.
    """
    if isinstance(space, gymnasium.spaces.Dict):
        inner = {name: observation_allocator(part, *batch) for name, part in space.items()}
        return partial(_allocate_each, inner)
    return partial(np.empty, (*batch, *(space.shape or ())), space.dtype)


def _allocate_each(allocators: Mapping[str, Callable[[], Observations]]) -> Observations:
    return {name: allocate() for name, allocate in allocators.items()}


def take(observations: Observations, rows: Any) -> Observations:
    """Rows of observations, array or dictionary."""
    if isinstance(observations, dict):
        return {name: array[rows] for name, array in observations.items()}
    return observations[rows]


def each(observations: Observations) -> Iterable[Any]:
    """Observations of a batch one by one."""
    if isinstance(observations, dict):
        return (
            {name: array[i] for name, array in observations.items()}
            for i in range(len(next(iter(observations.values()))))
        )
    rows: Iterable[Any] = observations
    return rows
