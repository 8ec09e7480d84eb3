"""A Stable-Baselines3 ``VecEnv`` over a native vector environment: one call steps the whole batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.vec_env import VecEnv

from etude_gym.tasks.keys import TaskBatch


class BatchedVecEnv(VecEnv):
    """Adapts an ``EtudeVectorEnv`` (or a wrapper of one) for Stable-Baselines3.

    The info of a finished episode holds its "score", "solved" and "task", a ``TaskBatch`` of one.

    Args:
        env: a vector environment in SAME_STEP autoreset mode, the only one SB3 understands.

    Raises:
        ValueError: for another autoreset mode.
    """

    def __init__(self, env: gymnasium.vector.VectorEnv[Any, Any, Any]) -> None:
        if env.metadata.get("autoreset_mode") != AutoresetMode.SAME_STEP:
            raise ValueError(
                "Stable-Baselines3 expects a finished environment to be reset in the same step: make the "
                "vector environment with gym.make_vec(..., autoreset_mode='SameStep')."
            )
        self.env = env
        self.render_mode = env.render_mode
        self._actions: np.ndarray[Any, Any] | None = None
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)

    def reset(self) -> Any:
        """Reset all environments, with the seeds of ``seed`` and the options of ``set_options``, if any."""
        if any(options != self._options[0] for options in self._options):
            raise ValueError("A batched environment is reset with one set of options: set_options({...}).")
        seeds = self._seeds if any(s is not None for s in self._seeds) else None
        observations, _ = self.env.reset(seed=seeds, options=self._options[0] or None)
        self._reset_seeds()
        self._reset_options()
        return observations

    def step_async(self, actions: np.ndarray[Any, Any]) -> None:
        self._actions = actions

    def step_wait(self) -> Any:
        tasks: TaskBatch = self.env.unwrapped.tasks()  # type: ignore[attr-defined]
        observations, rewards, terminations, truncations, infos = self.env.step(self._actions)
        separate: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        ends = terminations | truncations
        for row in np.flatnonzero(ends):
            final = infos["final_info"]
            separate[row] = {
                "terminal_observation": infos["final_obs"][row],
                "TimeLimit.truncated": bool(truncations[row]),
                "score": float(final["score"][row]),
                "solved": bool(final["solved"][row]),
                "task": tasks[row : row + 1],
            }
        return observations, rewards.astype(np.float32), ends, separate

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> Sequence[Any]:
        """Call ``action_masks`` for the whole batch; no other method can be called.

        Args:
            method_name: "action_masks".
            args: ignored.
            indices: of the environments; None for all.
            kwargs: ignored.

        Returns:
            int8 array of shape (environments, actions), 1 where legal.

        Raises:
            AttributeError: for another method.
        """
        if method_name == "action_masks":
            masks: Any = self.env.unwrapped.action_masks()  # type: ignore[attr-defined]
            return masks if indices is None else masks[self._get_indices(indices)]
        raise AttributeError(f"A batched environment has no method {method_name!r} for single environments.")

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        value = getattr(self._owner(attr_name), attr_name)
        return [value for _ in self._get_indices(indices)]

    def has_attr(self, attr_name: str) -> bool:
        return hasattr(self._owner(attr_name), attr_name)

    def _owner(self, attr_name: str) -> gymnasium.vector.VectorEnv[Any, Any, Any]:
        """The outermost wrapper that has an attribute, else the environment inside."""
        env = self.env
        while isinstance(env, gymnasium.vector.VectorWrapper) and not hasattr(env, attr_name):
            env = env.env
        return env

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise AttributeError("Attributes of single environments cannot be set in a batched environment.")

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False for _ in self._get_indices(indices)]

    def get_images(self) -> Sequence[np.ndarray[Any, Any] | None]:
        return self.env.render() or ()

    def _get_indices(self, indices: Any) -> Any:
        return range(self.num_envs) if indices is None else np.atleast_1d(indices)

    def close(self) -> None:
        self.env.close()
