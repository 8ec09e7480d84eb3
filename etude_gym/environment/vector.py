"""Many environments of one domain, stepped together.

``EtudeEnv`` and ``EtudeVectorEnv`` run the same batched rules through the same ``TaskStream``, the single one
with a batch of one, so environment i of a vector reset with seed s equals a single environment reset with
seed s + i.
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
from etude_gym.environment.drills import Drills, Work
from etude_gym.environment.rendering import METADATA, check_render_mode, render
from etude_gym.environment.single import outside_warning
from etude_gym.environment.stream import TaskStream
from etude_gym.errors import ResetNeeded, check_name
from etude_gym.practice.sampler import TaskSampler
from etude_gym.randomness import check_seed
from etude_gym.tasks.domain import NO_ACTION, Actions, Domain, Rows, load_domain
from etude_gym.tasks.keys import TaskBatch
from etude_gym.tasks.observations import Masks, Observations, each, observation_allocator, take


class EtudeVectorEnv(gymnasium.vector.VectorEnv[Any, Any, Any]):
    """Many environments of one domain, stepped together by one call of the domain's rules.

    What it shows is what ``EtudeEnv`` shows, batched: in ``info``, "difficulty" is an array of shape
    (num_envs, axes), "family" the index of the family, "task_key" uint64. All of Gymnasium's autoreset
    modes are kept; with SAME_STEP, "final_obs" and "final_info" hold how an episode ended, otherwise
    "score", "solved" and the other results stand in ``info``, marked by "_score" and so on. The mask of an
    episode that has ended is all ones: what is chosen then is ignored. "illegal_action"
    marks the environments whose action was illegal, where there are any; "share_played" and "actions_left"
    (float64) stand for drills only, marked by "_share_played" and "_actions_left".

    Every episode in which an action was taken is reported to the task sampler, once, as ``EtudeEnv`` does.

    Args:
        domain: entry point "module:Class" of the domain, or the domain.
        num_envs: how many.
        autoreset_mode: "NextStep" (default), "SameStep" or "Disabled".
        max_episode_steps: actions after which an episode is truncated; None leaves it to the domain.
        practice, split, difficulty, family, salt, render_mode, domain_options: see ``EtudeEnv``.

    Raises:
        TypeError: for an argument that does not exist.
        ValueError: for a name, axis or value that does not exist; says which are allowed.
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
        max_episode_steps: int | None = None,
        **domain_options: Any,
    ) -> None:
        self.domain = load_domain(domain, EtudeVectorEnv, **domain_options)
        self.num_envs = _check_positive("num_envs", num_envs)
        if max_episode_steps is not None:
            max_episode_steps = _check_positive("max_episode_steps", max_episode_steps)
        self.max_episode_steps = max_episode_steps
        if not isinstance(autoreset_mode, AutoresetMode):
            check_name("autoreset mode", autoreset_mode, [mode.value for mode in AutoresetMode])
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = METADATA | {"autoreset_mode": self.autoreset_mode}
        self.render_mode = check_render_mode(render_mode)
        self.single_observation_space = self.domain.observation_space
        self.single_action_space = self.domain.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.stream = TaskStream(self.domain, self.num_envs, practice, split, difficulty, family, salt)
        self.worlds = self.domain.allocate(self.num_envs)
        self._drills = Drills(self.domain, self.num_envs)
        self._allocate = observation_allocator(self.single_observation_space, self.num_envs)
        self._all = np.arange(self.num_envs)
        self._over = np.ones(self.num_envs, dtype=np.bool_)
        self._elapsed = np.zeros(self.num_envs, dtype=np.int64)
        self._started = False
        self._warned = False
        num_actions = int(self.domain.action_space.n)
        self._masks: Masks = np.zeros((self.num_envs, num_actions), dtype=np.int8)
        self._first_actions = num_actions * self._all

    @property
    def sampler(self) -> TaskSampler:
        """The attached task sampler."""
        return self.stream.sampler

    def _begin(self, rows: Rows, pinned: tuple[Difficulty, int], observations: Any) -> None:
        tasks = self.stream.draw(rows, *pinned)
        self.domain.generate(self.worlds, rows, tasks)
        if tasks.starts is not None or self._drills.running:
            self._drills.begin(self.worlds, rows, tasks.starts)
        self.domain.observe(self.worlds, rows, observations, self._masks)
        self._over[rows] = False
        self._elapsed[rows] = 0

    def _describe(self, infos: dict[str, Any], rows: Rows) -> None:
        """Add to ``infos`` what ``reset`` says about the tasks that begin in ``rows``."""
        where = self._where(rows)
        for name in ("difficulty", "family", "reason"):
            infos[name] = getattr(self.stream, name).copy()
            infos["_" + name] = where
        infos["task_key"] = self.stream.keys.copy()
        infos["_task_key"] = where
        if (starts := self._drills.starts(self._all)) is not None and (drills := where & starts.drills).any():
            for name, values in (("share_played", starts.share), ("actions_left", starts.left)):
                infos[name], infos["_" + name] = np.where(drills, values, 0.0), drills

    def _tell_masks(self) -> dict[str, Any]:
        """``infos`` with copies of the masks: writing into them does not change what is legal."""
        return {"action_mask": self._masks.copy(), "_action_mask": np.ones(self.num_envs, dtype=np.bool_)}

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
        pinned = self.stream.parse_options(options)
        seeds = self._check_seeds(seed)
        given_up = rows[(self._elapsed[rows] > 0) & ~self._over[rows]]
        if len(given_up):
            self._report(given_up)
        self._seed(seeds, rows)
        observations = self._allocate()
        self._begin(rows, pinned, observations)
        if len(rows) < self.num_envs:
            masks = self._masks.copy()  # those of episodes that are over stay as they were shown
            self.domain.observe(self.worlds, self._all, observations, self._masks)
            self._masks[self._over] = masks[self._over]
        self._started = True
        infos = self._tell_masks()
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

    def _check_seeds(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        """One seed for each environment; None where the stream goes on."""
        if seed is None:
            return [None] * self.num_envs
        if not isinstance(seed, (list, tuple, np.ndarray)) or np.ndim(seed) == 0:
            first = check_seed(seed)
            check_seed(first + self.num_envs - 1)
            return [first + i for i in range(self.num_envs)]
        if len(seed) != self.num_envs:
            raise ValueError(
                f"A list of seeds needs one for each of {self.num_envs} environments, got {len(seed)}."
            )
        return [None if one is None else check_seed(one) for one in seed]

    def _seed(self, seeds: list[int | None], rows: Rows) -> None:
        """Start the streams of those rows anew that have a seed."""
        chosen = {row: one for row in rows.tolist() if (one := seeds[row]) is not None}
        if chosen:
            first = next(iter(chosen.values()))
            self._np_random, self._np_random_seed = gymnasium.utils.seeding.np_random(first)
            self.stream.seed(np.array(list(chosen)), list(chosen.values()))

    def step(
        self, actions: Any
    ) -> tuple[Any, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Step every environment; those that are over are reset as the autoreset mode says.

        Args:
            actions: int (num_envs,); ignored where an environment is reset instead.

        Returns:
            Observations, rewards float64 (num_envs,), terminations and truncations bool (num_envs,), and
            ``infos``.

        Raises:
            ValueError: for actions of another shape or type.
            ResetNeeded: before the first reset, or if an environment is over and autoreset is disabled.
        """
        actions = self._check_actions(actions)
        waiting = self._over.nonzero()[0]
        active = ~self._over
        actions, illegal = self._find_illegal(actions, active)
        observations = self._allocate()
        rewards = np.empty(self.num_envs, dtype=np.float64)
        ends = np.empty(self.num_envs, dtype=np.bool_)
        self.domain.step(self.worlds, actions, active, observations, self._masks, rewards, ends)
        if self._drills.running:
            rewards = self._drills.rewards(self._all, rewards)
        self._elapsed += active
        truncations = np.zeros(self.num_envs, dtype=np.bool_)
        if self.max_episode_steps is not None:
            truncations = active & ~ends & (self._elapsed >= self.max_episode_steps)
        ended = (ends | truncations).nonzero()[0]
        infos: dict[str, Any] = {}
        if len(ended):
            self._masks[ends] = 1
            self._finish(ended, observations, infos)
        begin = ended if self.autoreset_mode == AutoresetMode.SAME_STEP else waiting
        if len(begin):
            self._begin(begin, (self.stream.pinned_difficulty, self.stream.pinned_family), observations)
            self._describe(infos, begin)
        if self.autoreset_mode != AutoresetMode.SAME_STEP:
            self._over[ended] = True
        if illegal.any():
            infos["illegal_action"], infos["_illegal_action"] = illegal, illegal.copy()
        return observations, rewards, ends, truncations, self._tell_masks() | infos

    def _check_actions(self, actions: Any) -> Actions:
        array = np.asarray(actions)
        if array.shape != (self.num_envs,) or array.dtype.kind not in "iu":
            raise ValueError(
                f"actions must be {self.num_envs} integers, got shape {array.shape} of {array.dtype}."
            )
        self._check_started("step()")
        if self.autoreset_mode == AutoresetMode.DISABLED and self._over.any():
            raise ResetNeeded(
                f"Environments {np.flatnonzero(self._over)[:8].tolist()} are over and autoreset is disabled: "
                "call reset(options={'reset_mask': terminations | truncations}) before step()."
            )
        return array.astype(np.int64, copy=False)

    def _check_started(self, what: str) -> None:
        if not self._started:
            raise ResetNeeded(f"Call reset() before {what}.")

    def _find_illegal(self, actions: Actions, active: NDArray[np.bool_]) -> tuple[Actions, NDArray[np.bool_]]:
        """The actions, -1 for those outside the action space, and which running environments waste theirs."""
        num_actions = self._masks.shape[1]
        outside = actions.view(np.uint64) >= num_actions
        if outside.any():
            self._warn_of_outside(actions[outside & active])
            actions = np.where(outside, -1, actions)
        masked = self._masks.take(self._first_actions + actions) == 0
        return actions, active & (outside | masked)

    def _warn_of_outside(self, actions: Actions) -> None:
        actions = actions[actions != NO_ACTION]
        if len(actions) and not self._warned:
            self._warned = True
            gymnasium.logger.warn("%s", outside_warning(int(actions[0]), self.single_action_space))

    def _finish(self, ended: Rows, observations: Observations, infos: dict[str, Any]) -> None:
        """Grade episodes that have just ended, report them, and add the results to ``infos``."""
        outcome = self._report(ended)
        where = self._where(ended)
        results: dict[str, Any] = {}
        for name, values in outcome.items():
            results[name] = np.zeros(self.num_envs, dtype=values.dtype)
            results[name][ended] = values
            results["_" + name] = where
        if self.autoreset_mode != AutoresetMode.SAME_STEP:
            infos.update(results)
            return
        results["action_mask"], results["_action_mask"] = self._masks.copy(), where
        final = np.full(self.num_envs, None, dtype=object)
        kept = take(observations, ended)
        for row, shown in zip(ended.tolist(), each(kept), strict=True):
            final[row] = shown
        infos.update(final_obs=final, _final_obs=where, final_info=results, _final_info=where)

    def _report(self, rows: Rows) -> dict[str, NDArray[Any]]:
        """Grade episodes that are over or given up, and report them to the sampler; returns the outcome."""
        outcome = self.domain.outcome(self.worlds, rows)
        if self._drills.running:
            outcome["score"] = self._drills.scores(rows, outcome["score"])
        self.stream.report(rows, outcome["score"], self._drills.starts(rows))
        return outcome

    def take_reference_work(self) -> Work:
        """What the reference solver spent on drills since the last call, by unit of the compute ledger."""
        return self._drills.take_work()

    def action_masks(self) -> Masks:
        """Legal actions now: int8 array of shape (num_envs, actions)."""
        self._check_started("action_masks()")
        return self._masks.copy()

    def tasks(self) -> TaskBatch:
        """The present task of every environment, and where its episode started."""
        self._check_started("tasks()")
        stream, starts = self.stream, self._drills.starts(self._all)
        return TaskBatch(stream.keys.copy(), stream.difficulty.copy(), stream.family.copy(), starts)

    def render(self) -> tuple[Any, ...]:
        """The present state of every environment, according to ``render_mode``."""
        self._check_started("render()")
        return tuple(render(self.domain, self.worlds, row, self.render_mode) for row in range(self.num_envs))

    def state_dict(self) -> dict[str, Any]:
        """The whole state, to go on exactly here: worlds, tasks, sampler; plain parts, see ``Domain``."""
        return {
            "worlds": self.domain.save_worlds(self.worlds),
            "over": self._over.copy(),
            "elapsed": self._elapsed.copy(),
            "masks": self._masks.copy(),
            "started": self._started,
            "stream": self.stream.state_dict(),
            "drills": self._drills.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what ``state_dict`` returned.

        Args:
            state: of a vector of as many environments of the same domain.

        Raises:
            ValueError: if it is of another number of environments.
        """
        if len(state["over"]) != self.num_envs:
            raise ValueError(f"The state is of {len(state['over'])} environments, not of {self.num_envs}.")
        self.domain.load_worlds(self.worlds, state["worlds"])
        self._over[...] = state["over"]
        self._elapsed[...] = state["elapsed"]
        self._masks[...] = state["masks"]
        self._started = state["started"]
        self.stream.load_state_dict(state["stream"])
        self._drills.load_state_dict(state.get("drills", {}))


def _check_positive(name: str, value: Any) -> int:
    if not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{name} must be a positive integer, got {value!r}.")
    return int(value)
