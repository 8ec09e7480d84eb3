"""A domain written in plain Python: one object per episode."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.tasks.domain import Actions, Domain, Rows, Solver, Worlds
from etude_gym.tasks.keys import TaskBatch
from etude_gym.tasks.observations import Masks, Observations


class Episode(ABC):
    """One running episode of a plain-Python domain."""

    score: float = 0.0
    """Graded, in [0, 1]; ``act`` raises it."""
    over: bool = False
    illegal_actions: int = 0

    @abstractmethod
    def observe(self) -> Any:
        """The observation now, an element of the observation space."""

    @abstractmethod
    def action_mask(self) -> NDArray[np.int8]:
        """Legal actions (1) now."""

    @abstractmethod
    def act(self, action: int) -> None:
        """Take a legal action: update the episode, its ``score`` and ``over``."""

    @abstractmethod
    def waste(self) -> None:
        """Spend a step on an illegal action; nothing else changes (``over`` may, if time runs out)."""

    @abstractmethod
    def oracle_action(self) -> int:
        """What the reference solver does now."""

    @property
    def solved(self) -> bool:
        """Whether the task is achieved in full."""
        return self.score >= 1.0

    def components(self) -> dict[str, float]:
        """Parts of the score, by name; the same names in every episode."""
        return {}

    def metrics(self) -> dict[str, float]:
        """Realized properties of the task; the same names in every episode."""
        return {}


class EpisodeDomain(Domain):
    """A domain written as one Python object per episode; implement ``start`` and the class attributes."""

    @abstractmethod
    def start(self, key: int, difficulty: dict[str, float], family: str) -> Episode:
        """Make a task and start its episode: a pure function of the arguments."""

    def allocate(self, num_envs: int) -> Worlds:
        return np.empty(num_envs, dtype=object)

    def generate(self, worlds: Worlds, rows: Rows, tasks: TaskBatch) -> None:
        for i, row in enumerate(rows):
            worlds[row] = self.start(
                int(tasks.keys[i]),
                self.space.named(tasks.difficulty[i]),
                self.space.families[int(tasks.family[i])],
            )

    def observe(self, worlds: Worlds, rows: Rows, observations: Observations, masks: Masks) -> None:
        for row in rows:
            seen = worlds[row].observe()
            if isinstance(observations, dict):
                for name, array in observations.items():
                    array[row] = seen[name]
            else:
                observations[row] = seen
            masks[row] = worlds[row].action_mask()

    def step(
        self,
        worlds: Worlds,
        actions: Actions,
        active: NDArray[np.bool_],
        observations: Observations,
        masks: Masks,
        rewards: NDArray[np.float64],
        ends: NDArray[np.bool_],
    ) -> None:
        rewards[:] = 0.0
        ends[:] = False
        for row in np.flatnonzero(active):
            episode: Episode = worlds[row]
            before = episode.score
            action = int(actions[row])
            if 0 <= action < self.action_space.n and episode.action_mask()[action]:
                episode.act(action)
            else:
                episode.illegal_actions += 1
                episode.waste()
            rewards[row] = episode.score - before
            ends[row] = episode.over
        self.observe(worlds, np.arange(len(worlds)), observations, masks)

    def outcome(self, worlds: Worlds, rows: Rows) -> dict[str, NDArray[Any]]:
        episodes: list[Episode] = list(worlds[rows])
        graded: dict[str, NDArray[Any]] = {
            "score": np.array([e.score for e in episodes], dtype=np.float64),
            "solved": np.array([e.solved for e in episodes], dtype=np.bool_),
            "illegal_actions": np.array([e.illegal_actions for e in episodes], dtype=np.int64),
        }
        return graded | _columns([e.components() for e in episodes])

    def metrics(self, worlds: Worlds, rows: Rows) -> dict[str, NDArray[Any]]:
        return _columns([e.metrics() for e in worlds[rows]])

    def solvers(self) -> Mapping[str, Solver]:
        return {"oracle": lambda worlds: np.array([e.oracle_action() for e in worlds], dtype=np.int64)}


def _columns(records: list[dict[str, float]]) -> dict[str, NDArray[Any]]:
    return {name: np.array([r[name] for r in records]) for name in (records[0] if records else {})}
