"""Task keys and splits: which task is drawn is a pure function of where it stands in its stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from etude_gym.difficulty.space import Difficulty
from etude_gym.errors import check_name
from etude_gym.randomness import Keys, absorb, as_words, mix, name_key

SUITE_VERSION = 1

SPLITS = ("practice", "probe", "anchor")
"""Disjoint streams: practice tasks train, probe tasks steer and diagnose, anchor tasks alone score."""


def split_key(domain: str, split: str, salt: int = 0) -> Keys:
    """Key of all streams of tasks of a domain and split; absorbing a seed gives one stream.

    Args:
        domain: name of the domain, with its version ("plan-v0").
        split: "practice", "probe" or "anchor".
        salt: secret number that keeps a run's anchor tasks unknown until the run has ended.

    Returns:
        uint64 array of shape (1,).
    """
    return mix(SUITE_VERSION, name_key(domain), SPLITS.index(check_name("split", split, SPLITS)), salt)


def task_keys(domain: str, split: str, seed: ArrayLike, episode: ArrayLike, salt: int = 0) -> Keys:
    """Keys of tasks.

    Args:
        domain: name of the domain, with its version ("plan-v0").
        split: "practice", "probe" or "anchor".
        seed: seed of an environment, or an array of them.
        episode: index of the episode since the environment was seeded, or an array of them.
        salt: secret number that keeps a run's anchor tasks unknown until the run has ended.

    Returns:
        uint64 array of the broadcast shape of ``seed`` and ``episode``.
    """
    return absorb(absorb(split_key(domain, split, salt), as_words(seed)), as_words(episode))


class TaskKey(int):
    """A task key in the ``info`` of a single environment: a Python integer, as JSON needs.

    Of a class of its own because Gymnasium's vector environments put a bare ``int`` into an int64 array,
    which half of the 64-bit keys overflow.
    """


@dataclass(frozen=True)
class TaskBatch:
    """What a generator needs to make ``n`` tasks.

    Attributes:
        keys: uint64, shape (n,): all randomness of a task, its events included.
        difficulty: float64 in [0, 1], shape (n, axes).
        family: int64, shape (n,): index into the families of the domain.
    """

    keys: Keys
    difficulty: Difficulty
    family: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> TaskBatch:
        # Contiguous, whatever the step of a slice: for another layout kernels would be compiled once more.
        return TaskBatch(
            np.ascontiguousarray(self.keys[rows]),
            np.ascontiguousarray(self.difficulty[rows]),
            np.ascontiguousarray(self.family[rows]),
        )


def join_tasks(batches: Sequence[TaskBatch]) -> TaskBatch:
    """Several batches of tasks as one.

    Args:
        batches: at least one, all of one difficulty space.
    """
    return TaskBatch(
        np.concatenate([batch.keys for batch in batches]),
        np.concatenate([batch.difficulty for batch in batches]),
        np.concatenate([batch.family for batch in batches]),
    )
