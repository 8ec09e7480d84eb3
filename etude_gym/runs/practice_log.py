"""A summary of the practice episodes of one iteration."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.space import Difficulty
from etude_gym.practice.sampler import REASONS


class PracticeLog:
    """Sums up the practice episodes of one iteration.

    Args:
        axes: names of the difficulty axes.
    """

    def __init__(self, axes: tuple[str, ...]) -> None:
        self.axes = axes
        self.clear()

    def clear(self) -> None:
        """Start the next iteration."""
        self.episodes = 0
        self.scores = 0.0
        self.solved = 0
        self.difficulty = np.zeros(len(self.axes))
        self.reasons = np.zeros(len(REASONS), dtype=np.int64)

    def add(self, difficulty: Difficulty, reason: NDArray[np.int64], scores: NDArray[np.float64]) -> None:
        """Count finished episodes; the listener of a task stream.

        Args:
            difficulty: float64 in [0, 1], shape (n, axes).
            reason: int64 (n,), indices into ``REASONS``.
            scores: float64 in [0, 1], shape (n,).
        """
        self.episodes += len(scores)
        self.scores += float(scores.sum())
        self.solved += int((scores >= 1.0).sum())
        self.difficulty += difficulty.sum(axis=0)
        self.reasons += np.bincount(reason, minlength=len(REASONS))

    def record(self) -> dict[str, Any]:
        """The iteration as a record: means over its episodes, None where there were none."""
        share = 1.0 / self.episodes if self.episodes else None
        return {
            "episodes": self.episodes,
            "success": None if share is None else self.scores * share,
            "solved": None if share is None else self.solved * share,
            "difficulty": None
            if share is None
            else dict(zip(self.axes, (self.difficulty * share).round(4).tolist(), strict=True)),
            "reasons": {REASONS[i]: int(n) for i, n in enumerate(self.reasons) if n},
        }
