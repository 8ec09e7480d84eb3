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


@dataclass(frozen=True, slots=True)
class Starts:
    """Where episodes start: how much of the reference solution is played before the agent begins.

    Of a solution of some length, max(floor(share * length), length - left) actions are played, and never all.

    Attributes:
        share: float64 in [0, 1), shape (n,): share of the solution's actions that is played.
        left: float64, at least 1, shape (n,): the most of its actions that are left to the agent; infinite
            for whole tasks.
    """

    share: NDArray[np.float64]
    left: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.left)

    def __getitem__(self, rows: slice | NDArray[np.int64] | NDArray[np.bool_]) -> Starts:
        return Starts(self.share[rows], self.left[rows])

    @property
    def drills(self) -> NDArray[np.bool_]:
        """Which of them are no whole tasks: bool, shape (n,)."""
        drills: NDArray[np.bool_] = (self.share > 0.0) | (self.left < np.inf)
        return drills

    def played(self, lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        """Number of actions that are played.

        Args:
            lengths: int64 (n,), actions of each reference solution.
        """
        by_share = np.floor(self.share * lengths)
        played = np.clip(np.maximum(by_share, lengths - self.left), 0, np.maximum(lengths - 1, 0))
        return played.astype(np.int64)


def whole(count: int) -> Starts:
    """Starts at the beginning.

    Args:
        count: number of episodes.
    """
    return Starts(np.zeros(count), np.full(count, np.inf))


def join_starts(parts: Sequence[Starts | None], counts: Sequence[int]) -> Starts | None:
    """Starts of several parts, one after the other; None if none of them has any.

    Args:
        parts: at least one; None for a part of whole tasks.
        counts: number of episodes of each part.
    """
    if all(part is None for part in parts):
        return None
    full = [whole(n) if part is None else part for part, n in zip(parts, counts, strict=True)]
    return Starts(np.concatenate([part.share for part in full]), np.concatenate([part.left for part in full]))


@dataclass  # not frozen: every reset makes one, and that would take four times as long
class TaskBatch:
    """What a generator needs to make ``n`` tasks, and where their episodes start.

    Attributes:
        keys: uint64, shape (n,): all randomness of a task, its events included.
        difficulty: float64 in [0, 1], shape (n, axes).
        family: int64, shape (n,): index into the families of the domain.
        starts: n starts; None for whole tasks. ``Domain.generate`` ignores them.
    """

    keys: Keys
    difficulty: Difficulty
    family: NDArray[np.int64]
    starts: Starts | None = None

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> TaskBatch:
        # Contiguous, whatever the step of a slice: for another layout kernels would be compiled once more.
        return TaskBatch(
            np.ascontiguousarray(self.keys[rows]),
            np.ascontiguousarray(self.difficulty[rows]),
            np.ascontiguousarray(self.family[rows]),
            None if self.starts is None else self.starts[rows],
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
        join_starts([batch.starts for batch in batches], [len(batch) for batch in batches]),
    )
