"""Duels and races as RLlib's ``MultiAgentEnv``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from ray.rllib.env.multi_agent_env import MultiAgentEnv

from etude_gym.entry_points import load_entry_point
from etude_gym.errors import check_name

GAMES = {
    "duel": "etude_gym.envs.duel:parallel_env",
    "race": "etude_gym.envs.duel:race_parallel_env",
}


class DuelMultiAgentEnv(MultiAgentEnv):
    """Multi-agent practice for RLlib: only agents that have something to choose are asked for an action.

    RLlib computes actions for every agent that it was given an observation of, so no forward pass is spent
    on doing nothing; RLlib adds up rewards that come in the meantime. Hence the action of doing nothing is
    left out: a solver's or racer's actions and masks are those of the domain, and the policy can be
    scored on single-agent tasks as it is. Masks are flat, one entry for each logit.

    PettingZoo's own adaptor in RLlib steps agents that are done; here ``__all__`` is true as soon as no
    agent is left.

    Args:
        config: "game" ("duel", the default, or "race"), "env_id", and arguments of the game.

    Attributes:
        game: PettingZoo's parallel environment.

    Raises:
        ValueError: for an unknown game, id or argument.
    """

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        options = dict(config or {})
        if "env_id" not in options:
            raise ValueError('The configuration needs an "env_id", such as {"env_id": "EtudePlan-v0"}.')
        self.game = load_entry_point(GAMES[check_name("game", options.pop("game", "duel"), GAMES)])(**options)
        self.possible_agents = list(self.game.possible_agents)
        self.agents = list(self.possible_agents)
        self.action_spaces = {
            agent: self._without_nothing(self.game.action_space(agent)) for agent in self.agents
        }
        self.observation_spaces = {agent: self._flat_space(agent) for agent in self.agents}
        self._masks: dict[str, Any] = {}

    @staticmethod
    def _without_nothing(space: gymnasium.Space[Any]) -> gymnasium.Space[Any]:
        if isinstance(space, gymnasium.spaces.Discrete):
            return gymnasium.spaces.Discrete(int(space.n) - 1)
        return space

    def _flat_space(self, agent: str) -> gymnasium.Space[Any]:
        logits = gymnasium.spaces.flatdim(self.action_spaces[agent])
        seen = self.game.observation_space(agent)["observation"]
        mask = gymnasium.spaces.Box(0, 1, (logits,), np.int8)
        return gymnasium.spaces.Dict({"observation": seen, "action_mask": mask})

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: starts the stream of tasks anew; without one it goes on.
            options: passed on to the game.

        Returns:
            Observations and infos of the agents that act first.
        """
        observations, infos = self.game.reset(seed=seed, options=options)
        self.agents = list(self.game.agents)
        return self._shown(observations, infos)

    def step(self, action_dict: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
        """Let some agents act; the others do nothing.

        Args:
            action_dict: actions of the agents that were observed last.

        Returns:
            Observations, rewards, terminations, truncations and infos by agent; observations of those that
            act next, of all agents at the end. "__all__" says whether the episode is over.
        """
        actions = {agent: _only_legal(mask) for agent, mask in self._masks.items()} | dict(action_dict)
        observations, rewards, ends, cuts, infos = self.game.step(actions)
        self.agents = list(self.game.agents)
        over = not self.agents
        shown = self._shown(observations, infos)
        return *shown[:1], rewards, {**ends, "__all__": over}, {**cuts, "__all__": False}, shown[1]

    def _shown(
        self, observations: Mapping[str, Any], infos: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        self._masks = {agent: seen["action_mask"] for agent, seen in observations.items()}
        asked = self.game.acting or list(observations)
        shown = {
            agent: {
                "observation": observations[agent]["observation"],
                "action_mask": _flat_mask(self._masks[agent]),
            }
            for agent in asked
        }
        return shown, {agent: infos[agent] for agent in asked}

    def close(self) -> None:
        """Nothing is held open."""
        self.game.close()


def _flat_mask(mask: Any) -> np.ndarray[Any, np.dtype[np.int8]]:
    """One entry for each logit, without the action of doing nothing; all 1 where that alone is legal."""
    if isinstance(mask, tuple):
        return np.concatenate(mask)
    legal: np.ndarray[Any, np.dtype[np.int8]] = mask[:-1]
    return legal if legal.any() else np.ones_like(legal)


def _only_legal(mask: Any) -> Any:
    """The action of an agent that has only one legal action."""
    if isinstance(mask, tuple):
        return np.array([part.argmax() for part in mask])
    return int(mask.argmax())
