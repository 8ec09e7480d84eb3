"""Agents that do not learn: the random agent, and the scripted solvers of a domain."""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.errors import check_name
from etude_gym.randomness import mix, uniform
from etude_gym.tasks.domain import Actions, Domain, Worlds
from etude_gym.tasks.observations import Masks, Observations


class RandomAgent:
    """Chooses uniformly among the legal actions.

    Args:
        domain: the domain to play.
        seed: seeds its choices.
        horizon: ignored; every agent is made with it.
    """

    def __init__(self, domain: Domain, *, seed: int = 0, horizon: float = 0.0) -> None:
        self._seed = seed
        self._turn = 0

    def act(self, observations: Observations, masks: Masks) -> Actions:
        """One legal action for each row.

        Args:
            observations: ignored.
            masks: int8 (n, actions), 1 where legal.

        Returns:
            int64 array of shape (n,).
        """
        keys = mix(self._seed, self._turn, np.arange(len(masks)))
        self._turn += 1
        legal = np.cumsum(masks, axis=1)
        choice = np.floor(uniform(keys, 0) * legal[:, -1])
        actions: Actions = np.argmax(legal > choice[:, None], axis=1).astype(np.int64)
        return actions


class ScriptedAgent:
    """One of the domain's own solvers, which sees the worlds behind the observations.

    Args:
        domain: the domain to play.
        solver: name of the solver, one of ``domain.solvers()``.
        seed: ignored; every agent is made with it.
        horizon: ignored; every agent is made with it.
    """

    def __init__(self, domain: Domain, *, solver: str, seed: int = 0, horizon: float = 0.0) -> None:
        solvers = domain.solvers()
        self._solver = solvers[check_name(f"solver of {domain.name}", solver, solvers)]
        self._worlds: Any = None

    def attend(self, worlds: Worlds) -> None:
        """Look at the worlds that the next ``act`` is about.

        Args:
            worlds: structured array (n,).
        """
        self._worlds = worlds

    def act(self, observations: Observations, masks: Masks) -> Actions:
        """The solver's action for each world last shown by ``attend``.

        Args:
            observations: ignored.
            masks: ignored.

        Returns:
            int64 array of shape (n,).
        """
        return self._solver(self._worlds)


class NoisyAgent:
    """A scripted agent that takes a share of its actions at random.

    Args:
        agent: the one that acts otherwise.
        domain: the domain to play.
        noise: share of the actions, in [0, 1].
        seed: of the random ones.
    """

    def __init__(self, agent: ScriptedAgent, domain: Domain, noise: float, *, seed: int = 0) -> None:
        if not 0.0 <= noise <= 1.0:
            raise ValueError(f"noise is a share of the actions, in [0, 1], got {noise!r}.")
        self._agent, self._random, self._noise = agent, RandomAgent(domain, seed=seed), noise
        self._seed, self._turn = seed, 0

    def attend(self, worlds: Worlds) -> None:
        """Look at the worlds that the next ``act`` is about.

        Args:
            worlds: structured array (n,).
        """
        self._agent.attend(worlds)

    def act(self, observations: Observations, masks: Masks) -> Actions:
        """One action for each row.

        Args:
            observations: of the worlds last shown.
            masks: int8 (n, actions), 1 where legal.

        Returns:
            int64 array of shape (n,).
        """
        self._turn += 1
        lapses = uniform(mix(self._seed, self._turn, np.arange(len(masks))), 1) < self._noise
        other = self._random.act(observations, masks)
        return np.where(lapses, other, self._agent.act(observations, masks))


class OracleAgent(ScriptedAgent):
    """The domain's reference solver."""

    def __init__(self, domain: Domain, **arguments: Any) -> None:
        super().__init__(domain, solver="oracle", **arguments)


class GreedyAgent(ScriptedAgent):
    """The domain's myopic solver, if it has one."""

    def __init__(self, domain: Domain, **arguments: Any) -> None:
        super().__init__(domain, solver="greedy", **arguments)
