"""A domain written in plain Python: one object per episode."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.tasks.domain import Actions, Domain, Rows, Solver, Worlds
from etude_gym.tasks.keys import TaskBatch, join_tasks
from etude_gym.tasks.observations import Masks, Observations


class Episode(ABC):
    """One running episode of a plain-Python domain."""

    score: float = 0.0
    """Graded, in [0, 1]; ``act`` raises it."""
    over: bool = False
    illegal_actions: int = 0

    task: TaskBatch
    """The one task it is an episode of; kept by ``EpisodeDomain``."""
    actions: list[int]
    """Those taken so far, illegal ones too; kept by ``EpisodeDomain``."""

    @abstractmethod
    def observe(self) -> Any:
        """The observation now, an element of the observation space."""

    @abstractmethod
    def action_mask(self) -> NDArray[np.int8]:
        """Legal actions (1) now."""

    @abstractmethod
    def act(self, action: int) -> None:
        """Take a legal action: update the episode, its ``score`` and ``over``.

        Args:
            action: legal by ``action_mask``.
        """

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
    """A domain written as one Python object per episode; implement ``start`` and the class attributes.

    Saved worlds are the tasks and the actions taken so far: they are played again when worlds are loaded.
    """

    @abstractmethod
    def start(self, key: int, difficulty: dict[str, float], family: str) -> Episode:
        """Make a task and start its episode: a pure function of the arguments.

        Args:
            key: the task key, 0 to 2**64 - 1: the source of all randomness of the task.
            difficulty: value in [0, 1] of every axis, by name.
            family: name of the family.
        """

    def allocate(self, num_envs: int) -> Worlds:
        return np.empty(num_envs, dtype=object)

    def generate(self, worlds: Worlds, rows: Rows, tasks: TaskBatch) -> None:
        for i, row in enumerate(rows):
            episode = self.start(
                int(tasks.keys[i]),
                self.space.named(tasks.difficulty[i]),
                self.space.families[int(tasks.family[i])],
            )
            episode.task, episode.actions = tasks[i : i + 1], []
            worlds[row] = episode

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
            self._take(episode, int(actions[row]))
            rewards[row] = episode.score - before
            ends[row] = episode.over
        self.observe(worlds, np.arange(len(worlds)), observations, masks)

    def _take(self, episode: Episode, action: int) -> None:
        episode.actions.append(action)
        if 0 <= action < self.action_space.n and episode.action_mask()[action]:
            episode.act(action)
        else:
            episode.illegal_actions += 1
            episode.waste()

    def save_worlds(self, worlds: Worlds) -> dict[str, Any]:
        episodes: list[Episode] = [episode for episode in worlds if episode is not None]
        if not episodes:  # nothing has begun
            return {}
        actions = [np.array(episode.actions, dtype=np.int64) for episode in episodes]
        tasks = join_tasks([episode.task for episode in episodes])
        return {
            "tasks": {"keys": tasks.keys, "difficulty": tasks.difficulty, "family": tasks.family},
            "actions": np.concatenate(actions),
            "lengths": np.array([len(taken) for taken in actions]),
            "reached": [_reached(episode) for episode in episodes],
        }

    def load_worlds(self, worlds: Worlds, state: Any) -> None:
        """Start the episodes anew and play the same actions.

        Args:
            worlds: array (n,) of objects, as many as were saved; written.
            state: what ``save_worlds`` returned.

        Raises:
            ValueError: if that does not lead to where they were.
        """
        worlds[:] = None
        if not state:
            return
        self.generate(worlds, np.arange(len(worlds)), TaskBatch(**state["tasks"]))
        taken = np.split(state["actions"], np.cumsum(state["lengths"])[:-1])
        for episode, actions, reached in zip(worlds, taken, state["reached"], strict=True):
            for action in actions.tolist():
                self._take(episode, action)
            if _reached(episode) != reached:
                raise ValueError(
                    f"An episode of {self.name} reached (score, over, illegal actions) {reached}, and "
                    f"{_reached(episode)} when its actions were played again. Its start() has to depend on "
                    "its arguments alone, and its course on the actions alone; or else the domain implements "
                    "save_worlds() and load_worlds()."
                )

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


def _reached(episode: Episode) -> tuple[float, bool, int]:
    return float(episode.score), bool(episode.over), int(episode.illegal_actions)


def _columns(records: list[dict[str, float]]) -> dict[str, NDArray[Any]]:
    return {name: np.array([r[name] for r in records]) for name in (records[0] if records else {})}
