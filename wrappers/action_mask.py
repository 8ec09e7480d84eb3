"""Wrappers that put the mask of legal actions into the observation."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space


def _masked_space(observation: gymnasium.Space[Any], action: gymnasium.Space[Any]) -> gymnasium.spaces.Dict:
    if not isinstance(action, gymnasium.spaces.Discrete):
        raise ValueError(f"An action mask needs Discrete actions, got {action}.")
    mask = gymnasium.spaces.Box(0, 1, (int(action.n),), np.int8)
    return gymnasium.spaces.Dict({"observation": observation, "action_mask": mask})


class ActionMaskObservation(gymnasium.Wrapper[dict[str, Any], Any, Any, Any], RecordConstructorArgs):
    """Observations become ``{"observation": ..., "action_mask": ...}``.

    The mask is an int8 array of shape (actions,): 1 for actions that are legal now, as in
    ``info["action_mask"]``, which stays as it is. Once the episode has ended it is all ones.

    Args:
        env: an environment with Discrete actions and a mask in ``info["action_mask"]``.

    Raises:
        ValueError: if the actions are not Discrete.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        super().__init__(env)
        self.observation_space = _masked_space(env.observation_space, env.action_space)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Reset; see ``EtudeEnv.reset``.

        Args:
            seed: starts the stream of tasks anew; without one it goes on.
            options: "difficulty" and "family" pin the task.

        Returns:
            Observation with mask, and ``info``.
        """
        observation, info = self.env.reset(seed=seed, options=options)
        return {"observation": observation, "action_mask": info["action_mask"].copy()}, info

    def step(self, action: Any) -> tuple[dict[str, Any], Any, bool, bool, dict[str, Any]]:
        """Step; see ``EtudeEnv.step``.

        Args:
            action: an action of the environment inside.

        Returns:
            Observation with mask, reward, terminated, truncated and ``info``.
        """
        observation, reward, terminated, truncated, info = self.env.step(action)
        masked = {"observation": observation, "action_mask": info["action_mask"].copy()}
        return masked, reward, terminated, truncated, info


class VectorActionMaskObservation(VectorWrapper, RecordConstructorArgs):
    """``ActionMaskObservation`` for a vector environment; row i is what the single wrapper returns.

    The masks have shape (num_envs, actions). With SAME_STEP autoreset a row whose episode has just ended
    holds the next episode and its mask; there the observations in ``infos["final_obs"]`` become dictionaries
    as well, with the masks in ``infos["final_info"]``.

    Args:
        env: a vector environment with Discrete actions and masks in ``infos["action_mask"]``.

    Raises:
        ValueError: if the actions are not Discrete.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        super().__init__(env)
        self.single_observation_space = _masked_space(env.single_observation_space, env.single_action_space)
        self.observation_space = batch_space(self.single_observation_space, env.num_envs)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset; see ``EtudeVectorEnv.reset``.

        Args:
            seed: s for environment 0 and s + i for environment i, or a list with one for each.
            options: "difficulty" and "family" pin the tasks, "reset_mask" marks the environments to reset.

        Returns:
            Observations with masks, and ``infos``.
        """
        observations, infos = self.env.reset(seed=seed, options=options)
        return {"observation": observations, "action_mask": infos["action_mask"].copy()}, infos

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Step; see ``EtudeVectorEnv.step``.

        Args:
            actions: int (num_envs,).

        Returns:
            Observations with masks, rewards, terminations, truncations and ``infos``.
        """
        observations, rewards, terminations, truncations, infos = self.env.step(actions)
        masked = {"observation": observations, "action_mask": infos["action_mask"].copy()}
        if "final_obs" in infos:
            infos = {**infos, "final_obs": _mask_final(infos["final_obs"], infos["final_info"])}
        return masked, rewards, terminations, truncations, infos


def _mask_final(final: Any, infos: dict[str, Any]) -> Any:
    """Wrap the last observations of finished episodes; None stays where there is none."""
    wrapped = np.full(len(final), None, dtype=object)
    for row, observation in enumerate(final):
        if observation is not None:
            wrapped[row] = {"observation": observation, "action_mask": infos["action_mask"][row].copy()}
    return wrapped
