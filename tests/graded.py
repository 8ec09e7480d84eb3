"""A domain whose agent chooses its own score, for tests of those who judge by scores.

Action a scores a / 10 and ends the episode; in the family "unsolvable" the oracle fails as well.
Whoever uses it registers it and takes it back: it keeps few of the promises of a domain.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from etude_gym import Axis, DifficultySpace, Episode, EpisodeDomain

FULL_SCORE = 10


class GradedEpisode(Episode):
    """One action, one score."""

    def __init__(self, solvable: bool) -> None:
        self.solvable = solvable

    def observe(self) -> Any:
        return np.ones(2, dtype=np.float32)

    def action_mask(self) -> Any:
        return np.ones(FULL_SCORE + 1, dtype=np.int8)

    def act(self, action: int) -> None:
        self.score = action / FULL_SCORE
        self.over = True

    def waste(self) -> None:
        self.over = True

    def oracle_action(self) -> int:
        return FULL_SCORE if self.solvable else 0


class GradedDomain(EpisodeDomain):
    """Choose a score."""

    name = "graded-v0"
    space = DifficultySpace(
        (Axis("first", "one thing"), Axis("second", "another")), ("solvable", "unsolvable")
    )

    def __init__(self) -> None:
        self.observation_space = gymnasium.spaces.Box(0.0, 1.0, (2,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(FULL_SCORE + 1)

    def start(self, key: int, difficulty: dict[str, float], family: str) -> GradedEpisode:
        return GradedEpisode(family == "solvable")
