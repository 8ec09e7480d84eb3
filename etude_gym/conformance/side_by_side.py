"""A vector environment beside single ones, both in one form, to be compared bit for bit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.conformance.common import make, random_actions, same
from etude_gym.environment.vector import EtudeVectorEnv
from etude_gym.randomness import Keys, mix
from etude_gym.tasks.domain import Actions
from etude_gym.tasks.observations import Masks, Observations, take


@dataclass
class Shown:
    """What a batch of environments returns from a reset or a step.

    Attributes:
        observations, masks, rewards, ends, keys: one row for each environment.
        finals: last observations of the episodes that have just ended, by row (same-step autoreset only).
        scores: their scores, by row.
    """

    observations: Observations
    masks: Masks
    rewards: NDArray[np.float64]
    ends: NDArray[np.bool_]
    keys: Keys
    finals: dict[int, Observations] = field(default_factory=dict)
    scores: dict[int, float] = field(default_factory=dict)

    def difference(self, other: Shown) -> str:
        """The first thing in which two batches differ; empty if none.

        Args:
            other: of as many environments.
        """
        for name in ("observations", "masks", "rewards", "ends", "keys"):
            if not same(getattr(self, name), getattr(other, name)):
                rows = (
                    r
                    for r in range(len(self.ends))
                    if not same(*(take(getattr(s, name), r) for s in (self, other)))
                )
                return f"{name} of environment {next(rows, 'any: shape or type')}"
        if self.scores != other.scores:
            return "scores"
        equal = self.finals.keys() == other.finals.keys() and all(
            same(self.finals[r], other.finals[r]) for r in self.finals
        )
        return "" if equal else "final observations"


class Singles:
    """Single environments side by side, reset as an autoreset mode says: the reference for a vector.

    Args:
        env_id: a registered id.
        num_envs: how many.
        same_step: whether an environment is reset in the step that ends its episode (autoreset mode
            SameStep), not in the next one (NextStep).
        arguments: of ``gymnasium.make``.
    """

    def __init__(self, env_id: str, num_envs: int, same_step: bool, **arguments: Any) -> None:
        self.envs = [make(env_id, **arguments) for _ in range(num_envs)]
        self.same_step = same_step
        self.over = [False] * num_envs
        self.keys: Keys = np.zeros(num_envs, dtype=np.uint64)

    def _reset(self, row: int, seed: int | None = None) -> tuple[Observations, Masks]:
        observation, info = self.envs[row].reset(seed=seed)
        self.keys[row] = info["task_key"]
        self.over[row] = False
        return observation, info["action_mask"]

    def reset(self, seed: int) -> Shown:
        """Reset all of them.

        Args:
            seed: of the first one; the others follow in steps of 1.
        """
        observations, masks = zip(
            *(self._reset(row, seed + row) for row in range(len(self.envs))), strict=True
        )
        return self._show(
            list(observations), list(masks), np.zeros(len(masks)), np.zeros(len(masks), dtype=np.bool_)
        )

    def step(self, actions: Actions) -> Shown:
        """Step all of them.

        Args:
            actions: int64 (num_envs,); ignored where an environment is reset instead.
        """
        observations, masks = [], []
        rewards, ends = np.zeros(len(self.envs)), np.zeros(len(self.envs), dtype=np.bool_)
        finals: dict[int, Observations] = {}
        scores: dict[int, float] = {}
        for row, env in enumerate(self.envs):
            if self.over[row]:
                observation, mask = self._reset(row)
            else:
                observation, rewards[row], ends[row], _, info = env.step(int(actions[row]))
                mask = info["action_mask"]
                self.over[row] = bool(ends[row])
                if ends[row]:
                    scores[row] = info["score"]
                    if self.same_step:
                        finals[row] = observation
                        observation, mask = self._reset(row)
            observations.append(observation)
            masks.append(mask)
        return self._show(observations, masks, rewards, ends, finals, scores)

    def _show(
        self, observations: list[Any], masks: list[Masks], rewards: Any, ends: Any, *ended: Any
    ) -> Shown:
        first = observations[0]
        stacked = (
            {name: np.stack([o[name] for o in observations]) for name in first}
            if isinstance(first, dict)
            else np.stack(observations)
        )
        return Shown(stacked, np.stack(masks), rewards, ends, self.keys.copy(), *ended)


class Vector:
    """A vector environment in the same form.

    Args:
        env: the environment.
    """

    def __init__(self, env: EtudeVectorEnv) -> None:
        self.env = env
        self.keys: Keys = np.zeros(env.num_envs, dtype=np.uint64)

    def reset(self, seed: int | list[int | None]) -> Shown:
        """Reset all environments.

        Args:
            seed: of the first one, or one for each (None: its stream goes on).
        """
        observations, infos = self.env.reset(seed=seed)
        self.keys = infos["task_key"].copy()
        num_envs = self.env.num_envs
        return Shown(
            observations,
            infos["action_mask"],
            np.zeros(num_envs),
            np.zeros(num_envs, dtype=np.bool_),
            self.keys.copy(),
        )

    def step(self, actions: Actions) -> Shown:
        """Step all environments.

        Args:
            actions: int64 (num_envs,).
        """
        observations, rewards, ends, _, infos = self.env.step(actions)
        if "task_key" in infos:
            begun = infos["_task_key"]
            self.keys[begun] = infos["task_key"][begun]
        results = infos.get("final_info", infos)
        rows = np.flatnonzero(ends).tolist()
        scores = {row: float(results["score"][row]) for row in rows}
        finals = {row: infos["final_obs"][row] for row in rows} if "final_obs" in infos else {}
        return Shown(observations, infos["action_mask"], rewards, ends, self.keys.copy(), finals, scores)


def actions_for(shown: Shown, step: int) -> Actions:
    """Random actions, one in ten of them legal or not.

    Args:
        shown: what the environments returned last.
        step: number of the step, which seeds the actions.

    Returns:
        int64 array of shape (num_envs,).
    """
    keys = mix(step, np.arange(len(shown.ends)))
    return random_actions(shown.masks, keys, 0, wild_share=0.1)
