"""The two generic interfaces of a domain: ``EtudeEnv`` (one environment) and ``EtudeVectorEnv`` (a batch).

Both run the same batched rules through the same ``TaskStream``, the single one with a batch of one, so
environment i of a vector reset with seed s equals a single environment reset with seed s + i.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from etude_gym.difficulty.space import Difficulty
from etude_gym.environment.single import render_metadata
from etude_gym.environment.stream import TaskStream
from etude_gym.practice.sampler import TaskSampler
from etude_gym.tasks.domain import Domain, Rows, load_domain
from etude_gym.tasks.keys import TaskBatch
from etude_gym.tasks.observations import Masks, Observations, each, observation_allocator, take


class EtudeVectorEnv(gymnasium.vector.VectorEnv[Any, Any, Any]):
    """Many environments of one domain, stepped together by one call of the domain's rules.

    What it shows is what ``EtudeEnv`` shows, batched: in ``info``, "difficulty" is an array of shape
    (num_envs, axes), "family" the index of the family, "task_key" uint64. All of Gymnasium's autoreset
    modes are kept; with SAME_STEP, "final_obs" and "final_info" hold how an episode ended, otherwise
    "score", "solved" and the other results stand in ``info``, marked by "_score" and so on.

    Args:
        domain: entry point "module:Class" of the domain, or the domain.
        num_envs: how many.
        autoreset_mode: "NextStep" (default), "SameStep" or "Disabled".
        practice, split, difficulty, family, salt, domain_options: see ``EtudeEnv``.
    """

    def __init__(
        self,
        domain: str | Domain,
        num_envs: int = 1,
        *,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        practice: str | TaskSampler | None = None,
        split: str = "practice",
        difficulty: Mapping[str, float] | None = None,
        family: str | None = None,
        salt: int = 0,
        render_mode: str | None = None,
        **domain_options: Any,
    ) -> None:
        if not isinstance(num_envs, (int, np.integer)) or num_envs < 1:
            raise ValueError(f"num_envs must be a positive integer, got {num_envs!r}.")
        self.domain = load_domain(domain, **domain_options)
        self.num_envs = int(num_envs)
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = render_metadata(self.domain, render_mode) | {"autoreset_mode": self.autoreset_mode}
        self.render_mode = render_mode
        self.single_observation_space = self.domain.observation_space
        self.single_action_space = self.domain.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.stream = TaskStream(self.domain, self.num_envs, practice, split, difficulty, family, salt)
        self.worlds = self.domain.allocate(self.num_envs)
        self._allocate = observation_allocator(self.single_observation_space, self.num_envs)
        self._all = np.arange(self.num_envs)
        self._everywhere = np.ones(self.num_envs, dtype=np.bool_)
        self._over = np.ones(self.num_envs, dtype=np.bool_)
        self._started = False
        self._masks: Masks = np.zeros((self.num_envs, int(self.domain.action_space.n)), dtype=np.int8)

    @property
    def sampler(self) -> TaskSampler:
        """The attached task sampler."""
        return self.stream.sampler

    def _begin(self, rows: Rows, pinned: tuple[Difficulty, int], observations: Any, masks: Masks) -> None:
        self.domain.generate(self.worlds, rows, self.stream.draw(rows, *pinned))
        self.domain.observe(self.worlds, rows, observations, masks)
        self._over[rows] = False

    def _describe(self, infos: dict[str, Any], rows: Rows) -> None:
        """Add what ``reset`` tells about the tasks that begin in ``rows``."""
        where = self._everywhere if len(rows) == self.num_envs else self._where(rows)
        for name in ("difficulty", "family", "reason"):
            infos[name] = getattr(self.stream, name).copy()
            infos["_" + name] = where
        infos["task_key"] = self.stream.keys.copy()
        infos["_task_key"] = where

    def _where(self, rows: Rows) -> NDArray[np.bool_]:
        mask = np.zeros(self.num_envs, dtype=np.bool_)
        mask[rows] = True
        return mask

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Draw a task for every environment, or for those that ``options["reset_mask"]`` marks.

        Args:
            seed: s gives environment i the seed s + i; a list gives one (or None: go on) to each.
            options: "difficulty" and "family" pin the tasks, "reset_mask" is a boolean array (num_envs,).
        """
        rows = self._rows_to_reset(options)
        self._seed(seed, rows)
        pinned = self.stream.parse_options(options)
        observations = self._allocate()
        self._masks = np.empty_like(self._masks)  # the present one is in the caller's hands
        self._begin(rows, pinned, observations, self._masks)
        if len(rows) < self.num_envs:
            self.domain.observe(self.worlds, self._all, observations, self._masks)
        self._started = True
        infos: dict[str, Any] = {"action_mask": self._masks, "_action_mask": self._everywhere}
        self._describe(infos, rows)
        return observations, infos

    def _rows_to_reset(self, options: Mapping[str, Any] | None) -> Rows:
        mask = (options or {}).get("reset_mask")
        if mask is None:
            return self._all
        if not (isinstance(mask, np.ndarray) and mask.dtype == np.bool_ and mask.shape == (self.num_envs,)):
            raise ValueError(f"options['reset_mask'] must be a boolean array of shape ({self.num_envs},).")
        if not mask.any():
            raise ValueError("options['reset_mask'] marks no environment.")
        if not self._started and not mask.all():
            raise ValueError("The first reset has to reset every environment: leave out 'reset_mask'.")
        return np.flatnonzero(mask)

    def _seed(self, seed: int | Sequence[int | None] | None, rows: Rows) -> None:
        if seed is None:
            return
        seeds = (
            [seed + i for i in range(self.num_envs)] if isinstance(seed, (int, np.integer)) else list(seed)
        )
        if len(seeds) != self.num_envs:
            raise ValueError(
                f"A list of seeds needs one for each of {self.num_envs} environments, got {len(seeds)}."
            )
        chosen = [row for row in rows.tolist() if seeds[row] is not None]
        if chosen:
            self._np_random, self._np_random_seed = gymnasium.utils.seeding.np_random(
                int(seeds[chosen[0]] or 0)
            )
            self.stream.seed(np.array(chosen), [int(seeds[row] or 0) for row in chosen])

    def step(
        self, actions: Any
    ) -> tuple[Any, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Step every environment; those that are over are reset as the autoreset mode says."""
        actions = self._check_actions(actions)
        observations = self._allocate()
        masks = np.empty_like(self._masks)
        rewards = np.empty(self.num_envs, dtype=np.float64)
        ends = np.empty(self.num_envs, dtype=np.bool_)
        waiting = np.flatnonzero(self._over)
        active = ~self._over if len(waiting) else self._everywhere
        self.domain.step(self.worlds, actions, active, observations, masks, rewards, ends)
        self._masks = masks
        infos: dict[str, Any] = {"action_mask": masks, "_action_mask": self._everywhere}
        ended = np.flatnonzero(ends)
        if len(ended):
            self._finish(ended, observations, infos)
        begin = ended if self.autoreset_mode == AutoresetMode.SAME_STEP else waiting
        if len(begin):
            self._begin(
                begin, (self.stream.pinned_difficulty, self.stream.pinned_family), observations, masks
            )
            self._describe(infos, begin)
        if self.autoreset_mode != AutoresetMode.SAME_STEP:
            self._over[ended] = True
        return observations, rewards, ends, np.zeros(self.num_envs, dtype=np.bool_), infos

    def _check_actions(self, actions: Any) -> NDArray[np.int64]:
        array = np.asarray(actions)
        if array.shape != (self.num_envs,) or array.dtype.kind not in "iu":
            raise ValueError(
                f"actions must be {self.num_envs} integers, got shape {array.shape} of {array.dtype}."
            )
        if not self._started:
            raise RuntimeError("Call reset() before step().")
        if self.autoreset_mode == AutoresetMode.DISABLED and self._over.any():
            raise RuntimeError(
                f"Environments {np.flatnonzero(self._over)[:8].tolist()} are over and autoreset is disabled: "
                "call reset(options={'reset_mask': terminations | truncations}) before step()."
            )
        return array.astype(np.int64, copy=False)

    def _finish(self, ended: Rows, observations: Observations, infos: dict[str, Any]) -> None:
        """Grade episodes that have just ended, tell the sampler, and put the results into ``infos``."""
        outcome = self.domain.outcome(self.worlds, ended)
        self.stream.report(ended, outcome["score"])
        where = self._where(ended)
        results: dict[str, Any] = {}
        for name, values in outcome.items():
            results[name] = np.zeros(self.num_envs, dtype=values.dtype)
            results[name][ended] = values
            results["_" + name] = where
        if self.autoreset_mode != AutoresetMode.SAME_STEP:
            infos.update(results)
            return
        final = np.full(self.num_envs, None, dtype=object)
        kept = take(observations, ended)
        for row, shown in zip(ended.tolist(), each(kept), strict=True):
            final[row] = shown
        infos.update(final_obs=final, _final_obs=where, final_info=results, _final_info=where)

    def action_masks(self) -> Masks:
        """Legal actions now: int8 array of shape (num_envs, actions)."""
        return self._masks.copy()

    def tasks(self) -> TaskBatch:
        """The present task of every environment."""
        stream = self.stream
        return TaskBatch(stream.keys.copy(), stream.difficulty.copy(), stream.family.copy())

    def render(self) -> tuple[Any, ...]:
        """The present state of every environment, according to ``render_mode``."""
        if self.render_mode is None:
            raise ValueError(
                "No render mode was chosen: gym.make_vec(..., render_mode='ansi' or 'rgb_array')."
            )
        return tuple(self.domain.render(self.worlds, row, self.render_mode) for row in range(self.num_envs))

    def state_dict(self) -> dict[str, Any]:
        """The whole state, to go on exactly here: worlds, tasks, sampler; plain parts, see ``Domain``."""
        return {
            "worlds": self.domain.save_worlds(self.worlds),
            "over": self._over.copy(),
            "masks": self._masks.copy(),
            "started": self._started,
            "stream": self.stream.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""
        if len(state["over"]) != self.num_envs:
            raise ValueError(f"The state is of {len(state['over'])} environments, not of {self.num_envs}.")
        self.domain.load_worlds(self.worlds, state["worlds"])
        self._over[...] = state["over"]
        self._masks = state["masks"].copy()
        self._started = state["started"]
        self.stream.load_state_dict(state["stream"])
