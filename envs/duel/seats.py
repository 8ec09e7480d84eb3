"""Seats: players side by side, each with its own world of the same task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import index
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from etude_gym.tasks.domain import Actions, Domain
from etude_gym.tasks.keys import TaskBatch
from etude_gym.tasks.observations import Masks, Observations, observation_allocator, take


class Seats:
    """A domain played by several players at once, who do not interact.

    A player has the domain's actions and one more, to do nothing: the only legal one before a task
    begins and once the player's own episode is over, and never legal in between. An illegal action is
    counted; it costs a player whose episode is running the step, by the domain's rules.

    Args:
        domain: the domain that is played.
        num_seats: number of players.

    Attributes:
        observation_space: Dict of the domain's "observation" and the "action_mask".
        action_space: Discrete; the last action is to do nothing.
        playing: bool array (num_seats,), True while a player's episode goes on.
        illegal_actions: int64 array (num_seats,), since ``clear``.
    """

    def __init__(self, domain: Domain, num_seats: int) -> None:
        self.domain = domain
        self.num_seats = num_seats
        self.nothing = int(domain.action_space.n)
        self.observation_space = gymnasium.spaces.Dict(
            {
                "observation": domain.observation_space,
                "action_mask": gymnasium.spaces.Box(0, 1, (self.nothing + 1,), np.int8),
            }
        )
        self.action_space: gymnasium.Space[Any] = gymnasium.spaces.Discrete(self.nothing + 1)
        self._worlds = domain.allocate(num_seats)
        self._allocate = observation_allocator(domain.observation_space, num_seats)
        self._rows = np.arange(num_seats)
        self.clear()

    def clear(self) -> None:
        """End all episodes: no player acts, observations are zeros, counts start anew."""
        self.playing = np.zeros(self.num_seats, dtype=np.bool_)
        self.illegal_actions = np.zeros(self.num_seats, dtype=np.int64)
        self.blank()

    def blank(self) -> None:
        """Make observations zeros until the next task begins."""
        self._observations = self._allocate()
        _fill(self._observations, 0)
        self._masks = self._new_masks()

    def begin(self, task: TaskBatch) -> None:
        """Let all players begin a task.

        Args:
            task: one task.
        """
        self._observations, self._masks = self._allocate(), self._new_masks()
        tasks = task[np.zeros(self.num_seats, dtype=np.int64)]
        self.domain.generate(self._worlds, self._rows, tasks)
        masks = np.empty((self.num_seats, self.nothing), dtype=np.int8)
        self.domain.observe(self._worlds, self._rows, self._observations, masks)
        self.playing[:] = True
        self._show(masks)

    def step(self, actions: Actions) -> NDArray[np.float64]:
        """Let everybody act.

        Args:
            actions: int64 array (num_seats,).

        Returns:
            Increase of the score of every player, float64 array (num_seats,).
        """
        known = (actions >= 0) & (actions <= self.nothing)
        legal = known & (self._masks[self._rows, np.where(known, actions, 0)] == 1)
        self.illegal_actions += ~legal
        rewards = np.zeros(self.num_seats)
        if self.playing.any():
            self._observations = self._allocate()
            masks = np.empty((self.num_seats, self.nothing), dtype=np.int8)
            ends = np.zeros(self.num_seats, dtype=np.bool_)
            self.domain.step(
                self._worlds, actions, self.playing.copy(), self._observations, masks, rewards, ends
            )
            self.playing &= ~ends
            self._masks = self._new_masks()
            self._show(masks)
        return rewards

    def _new_masks(self) -> Masks:
        masks = np.zeros((self.num_seats, self.nothing + 1), dtype=np.int8)
        masks[:, self.nothing] = 1
        return masks

    def _show(self, masks: Masks) -> None:
        """Publish the domain's masks to those who play."""
        self._masks[self.playing, : self.nothing] = masks[self.playing]
        self._masks[self.playing, self.nothing] = 0

    def observe(self, seat: int) -> dict[str, Any]:
        """What a player observes now.

        Args:
            seat: 0 to num_seats - 1.

        Returns:
            "observation", of the domain's space, and "action_mask", int8 (actions + 1,).
        """
        return {"observation": take(self._observations, seat), "action_mask": self._masks[seat]}

    def outcomes(self) -> dict[str, NDArray[Any]]:
        """Grades of all players: "score", "solved" and the score's components, arrays (num_seats,)."""
        return self.domain.outcome(self._worlds, self._rows)


def outcome_of(outcomes: Mapping[str, NDArray[Any]], seat: int) -> dict[str, Any]:
    """What ``info`` holds for one player at the end, except illegal actions, which the seats count.

    Args:
        outcomes: columns of the domain's outcome, arrays (num_seats,).
        seat: 0 to num_seats - 1.

    Returns:
        Plain Python numbers and booleans by name.
    """
    return {name: values[seat].item() for name, values in outcomes.items() if name != "illegal_actions"}


def read_actions(agents: Sequence[str], actions: Mapping[str, Any]) -> Actions:
    """The actions of all agents as an array.

    Args:
        agents: m names, in the order wanted.
        actions: an integer by name of agent; there may be more agents.

    Returns:
        int64 array of shape (m,).

    Raises:
        ValueError: if an agent's action is missing.
        TypeError: if an action is no integer.
    """
    check_agents(agents, actions)
    return np.array([index(actions[agent]) for agent in agents], dtype=np.int64)


def check_agents(agents: Sequence[str], actions: Mapping[str, Any]) -> None:
    """Raise unless every agent acts.

    Args:
        agents: names of the agents that are alive.
        actions: anything by name of agent.

    Raises:
        ValueError: naming the agents that do not.
    """
    if missing := [agent for agent in agents if agent not in actions]:
        raise ValueError(f"Every agent acts at every step; there is no action of {missing}.")


def _fill(observations: Observations, value: int) -> None:
    if isinstance(observations, dict):
        for part in observations.values():
            _fill(part, value)
    else:
        observations[...] = value
