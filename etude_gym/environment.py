"""The two generic fronts of a domain: ``EtudeEnv`` (one environment) and ``EtudeVectorEnv`` (a batch).

Both run the same batched rules through the same ``TaskStream``, the single one with a batch of one, so
environment i of a vector reset with seed s equals a single environment reset with seed s + i.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from operator import index
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from etude_gym.difficulty import Difficulty
from etude_gym.domain import Domain, Masks, Observations, Rows, add_row, load_domain
from etude_gym.errors import check_name
from etude_gym.randomness import Keys, absorb, as_words, fresh_seed, mix, name_key
from etude_gym.samplers import REASONS, Draw, Results, TaskSampler, make_sampler
from etude_gym.tasks import SPLITS, SUITE_VERSION, TaskBatch

DRAWS_AHEAD = 64
OPTIONS = ("difficulty", "family", "reset_mask")


class TaskStream:
    """Which task each of ``num_envs`` environments plays: keys, the task sampler, pinned values.

    Args:
        domain: the domain that the tasks belong to.
        num_envs: environments side by side.
        practice: task sampler or its name; None for "adaptive" on the practice split and "uniform" on
            the others, which are never adapted to the learner.
        split: "practice", "probe" or "anchor".
        difficulty: axes pinned for good, by name; the sampler chooses the others.
        family: family pinned for good.
        salt: secret of the anchor split.

    Attributes:
        listener: called with the difficulty, the index of the reason and the score of every finished
            episode, in arrays; for those who keep a log of practice.
    """

    def __init__(
        self,
        domain: Domain,
        num_envs: int,
        practice: str | TaskSampler | None,
        split: str,
        difficulty: Mapping[str, float] | None,
        family: str | None,
        salt: int,
    ) -> None:
        stream = SPLITS.index(check_name("split", split, SPLITS))
        if practice is None:
            practice = "adaptive" if split == "practice" else "uniform"
        self.space = domain.space
        self.sampler = make_sampler(practice, domain.space)
        self._nothing_pinned = self.space.parse({})
        self.pinned_difficulty = self.space.parse(difficulty) if difficulty else self._nothing_pinned
        self.pinned_family = -1 if family is None else self.space.parse_family(family)
        self._prefix = mix(SUITE_VERSION, name_key(domain.name), stream, salt)
        self.streams: Keys = np.zeros(num_envs, dtype=np.uint64)
        self.episodes: Keys = np.zeros(num_envs, dtype=np.uint64)
        self.keys: Keys = np.zeros(num_envs, dtype=np.uint64)
        self.difficulty: Difficulty = np.zeros((num_envs, len(self.space)))
        self.family: NDArray[np.int64] = np.zeros(num_envs, dtype=np.int64)
        self.reason: NDArray[np.int64] = np.zeros(num_envs, dtype=np.int64)
        self._ahead: Draw | None = None
        self.listener: Callable[[Difficulty, NDArray[np.int64], NDArray[np.float64]], None] | None = None
        self.seed(np.arange(num_envs), [fresh_seed() for _ in range(num_envs)])

    def seed(self, rows: Rows, seeds: Sequence[int]) -> None:
        """Start the streams of the given rows anew."""
        self.streams[rows] = absorb(self._prefix, as_words(np.array(seeds, dtype=object)))
        self.episodes[rows] = 0
        self._ahead = None

    def _draw_unpinned(self, rows: Rows) -> Draw:
        """What the sampler gives each row next.

        Where results do not matter to the sampler, a single environment draws many tasks ahead: the
        draws are the same, at a fraction of the cost.
        """
        if len(self.episodes) > 1 or not self.sampler.blind:
            drawn = self.sampler.draw(absorb(self.streams[rows], self.episodes[rows]))
        else:
            ahead = int(self.episodes[0]) % DRAWS_AHEAD
            if ahead == 0 or self._ahead is None:
                block: Keys = (self.episodes - np.uint64(ahead)) + as_words(np.arange(DRAWS_AHEAD))
                self._ahead = self.sampler.draw(absorb(self.streams, block))
            drawn = self._ahead[ahead : ahead + 1]
        self.episodes[rows] += np.uint64(1)
        return drawn

    def draw(self, rows: Rows, difficulty: Difficulty, family: int) -> TaskBatch:
        """The next task of each row; ``difficulty`` (NaN: free) and ``family`` (-1: free) pin it."""
        drawn = self._draw_unpinned(rows)
        drawn_difficulty, drawn_family = drawn.difficulty, drawn.family
        if difficulty is not self._nothing_pinned:
            drawn_difficulty = np.where(np.isnan(difficulty), drawn_difficulty, difficulty)
        if family >= 0:
            drawn_family = np.full(len(rows), family)
        tasks = TaskBatch(drawn.task_keys, drawn_difficulty, drawn_family)
        self.keys[rows], self.difficulty[rows], self.family[rows] = tasks.keys, tasks.difficulty, tasks.family
        self.reason[rows] = drawn.reason
        return tasks

    def report(self, rows: Rows, scores: NDArray[np.float64]) -> None:
        """Tell the sampler how finished episodes ended."""
        if self.listener is not None:
            self.listener(self.difficulty[rows], self.reason[rows], scores)
        if self.sampler.blind:
            return
        self.sampler.update(Results(self.difficulty[rows], self.family[rows], scores))

    def parse_options(self, options: Mapping[str, Any] | None) -> tuple[Difficulty, int]:
        """Pinned difficulty and family of one reset.

        Raises:
            ValueError: for an option, axis, family or value that does not exist.
        """
        difficulty, family = self.pinned_difficulty, self.pinned_family
        if options:
            for name in options:
                check_name("reset option", name, OPTIONS)
            if options.get("difficulty") is not None:
                given = self.space.parse(options["difficulty"])
                difficulty = np.where(np.isnan(given), difficulty, given)
            if options.get("family") is not None:
                family = self.space.parse_family(options["family"])
        return difficulty, family

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on drawing the same tasks."""
        names = ("streams", "episodes", "keys", "difficulty", "family", "reason")
        return {name: getattr(self, name).copy() for name in names} | {"sampler": self.sampler.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""
        self._ahead = None
        for name, value in state.items():
            if name == "sampler":
                self.sampler.load_state_dict(value)
            else:
                getattr(self, name)[...] = value


def observation_allocator(space: gymnasium.Space[Any], *batch: int) -> Callable[[], Observations]:
    """A function that makes uninitialized observations, with the batch's dimension in front, if any.

    It can be pickled, as environments have to be that travel to another process.
    """
    if isinstance(space, gymnasium.spaces.Dict):
        inner = {name: observation_allocator(part, *batch) for name, part in space.items()}
        return partial(_allocate_each, inner)
    return partial(np.empty, (*batch, *(space.shape or ())), space.dtype)


def _allocate_each(allocators: Mapping[str, Callable[[], Observations]]) -> Observations:
    return {name: allocate() for name, allocate in allocators.items()}


def render_metadata(domain: Domain, render_mode: str | None) -> dict[str, Any]:
    """Gymnasium's metadata for the render modes of a domain.

    Raises:
        ValueError: if ``render_mode`` is not one of them.
    """
    if render_mode is not None and not domain.render_modes:
        raise ValueError(f"{domain.name} cannot be rendered: leave out render_mode={render_mode!r}.")
    if render_mode is not None:
        check_name("render mode", render_mode, domain.render_modes)
    return {"render_modes": list(domain.render_modes), "render_fps": 4}


def take(observations: Observations, rows: Any) -> Observations:
    """Rows of observations, array or dictionary."""
    if isinstance(observations, dict):
        return {name: array[rows] for name, array in observations.items()}
    return observations[rows]


def each(observations: Observations) -> Iterable[Any]:
    """Observations of a batch one by one."""
    if isinstance(observations, dict):
        return (
            {name: array[i] for name, array in observations.items()}
            for i in range(len(next(iter(observations.values()))))
        )
    rows: Iterable[Any] = observations
    return rows


class EtudeEnv(gymnasium.Env[Any, Any]):
    """One environment of any domain.

    ``reset`` draws the task: ``seed`` seeds the stream of tasks, ``options={"difficulty": {...},
    "family": ...}`` pins it, and whatever is not pinned comes from the task sampler. ``info`` carries the
    action mask at every step; difficulty, family, task key, why it was drawn and the task's metrics at
    ``reset``; score, its components and ``solved`` at the end. The return of an episode is its score.

    Args:
        domain: entry point "module:Class" of the domain, or the domain.
        practice: task sampler or its name ("adaptive", "static", "uniform", ...).
        split: "practice", "probe" or "anchor".
        difficulty: axes to pin, by name, values in [0, 1].
        family: family to pin.
        salt: secret of the anchor split.
        render_mode: "ansi" or "rgb_array".
        domain_options: arguments of the domain, such as an observation variant.

    Raises:
        ValueError: for a name, axis or value that does not exist; says which are allowed.
    """

    metadata = {"render_modes": ["ansi", "rgb_array"], "render_fps": 4}  # noqa: RUF012

    def __init__(
        self,
        domain: str | Domain,
        *,
        practice: str | TaskSampler | None = None,
        split: str = "practice",
        difficulty: Mapping[str, float] | None = None,
        family: str | None = None,
        salt: int = 0,
        render_mode: str | None = None,
        **domain_options: Any,
    ) -> None:
        self.domain = load_domain(domain, **domain_options)
        self.metadata = render_metadata(self.domain, render_mode)
        self.observation_space = self.domain.observation_space
        self.action_space = self.domain.action_space
        self.render_mode = render_mode
        self.stream = TaskStream(self.domain, 1, practice, split, difficulty, family, salt)
        self.worlds = self.domain.allocate(1)
        self._allocate = observation_allocator(self.observation_space)
        self._row = np.zeros(1, dtype=np.int64)
        self._mask: Masks = np.zeros(int(self.domain.action_space.n), dtype=np.int8)
        self._over = True

    @property
    def sampler(self) -> TaskSampler:
        """The attached task sampler."""
        return self.stream.sampler

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Draw a task and start its episode. See the class for ``options`` and ``info``."""
        if seed is not None:
            super().reset(seed=seed)
            self.stream.seed(self._row, [seed])
        tasks = self.stream.draw(self._row, *self.stream.parse_options(options))
        self.domain.generate(self.worlds, self._row, tasks)
        observation = self._allocate()
        self._mask = np.empty_like(self._mask)
        self.domain.observe(self.worlds, self._row, add_row(observation), self._mask[None])
        self._over = False
        info = {
            "action_mask": self._mask,
            "difficulty": self.domain.space.named(tasks.difficulty[0]),
            "family": self.domain.space.families[int(tasks.family[0])],
            "task_key": tasks.keys[0],
            "reason": REASONS[int(self.stream.reason[0])],
        }
        return observation, info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take one action. An illegal one costs the step, changes nothing and is counted."""
        if self._over:
            raise RuntimeError("The episode is over: call reset() before step().")
        action = index(action)
        observation = self._allocate()
        self._mask = mask = np.empty(self._mask.shape, np.int8)
        reward, over = self.domain.step_one(self.worlds, action, observation, mask)
        info: dict[str, Any] = {"action_mask": mask}
        if over:
            info |= self._finish()
        return observation, reward, over, False, info

    def submit(self, submission: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Hand in a whole answer instead of actions, in domains that grade such: see ``Domain.submit``.

        Returns:
            What ``step`` returns; ``info`` holds "status" and "problem" as well. A submission that could not
            be graded through no fault of its own changes nothing: the episode goes on.
        """
        if self._over:
            raise RuntimeError("The episode is over: call reset() before submit().")
        before = self.domain.outcome(self.worlds, self._row)["score"].item()
        verdict = self.domain.submit(self.worlds, 0, submission)
        observation = self._allocate()
        self._mask = np.empty_like(self._mask)
        self.domain.observe(self.worlds, self._row, add_row(observation), self._mask[None])
        info: dict[str, Any] = {"action_mask": self._mask}
        reward = 0.0
        if verdict.graded:
            info |= self._finish()
            reward = info["score"] - before
        info |= {"status": verdict.status, "problem": verdict.problem}
        return observation, reward, verdict.graded, False, info

    def _finish(self) -> dict[str, Any]:
        """Grade the episode that has just ended, and tell the sampler."""
        self._over = True
        outcome = self.domain.outcome(self.worlds, self._row)
        self.stream.report(self._row, outcome["score"])
        return {name: value.item() for name, value in outcome.items()}

    def action_masks(self) -> Masks:
        """Legal actions now: int8 array of shape (actions,)."""
        return self._mask.copy()

    def task_metrics(self) -> dict[str, Any]:
        """Realized properties of the present task."""
        return {name: value.item() for name, value in self.domain.metrics(self.worlds, self._row).items()}

    def render(self) -> Any:
        """The present state as text or as an image, according to ``render_mode``."""
        if self.render_mode is None:
            raise ValueError("No render mode was chosen: gym.make(..., render_mode='ansi' or 'rgb_array').")
        return self.domain.render(self.worlds, 0, self.render_mode)


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
        """The whole state, to go on exactly here: worlds, tasks, sampler."""
        return {
            "worlds": deepcopy(self.worlds),  # an array of objects has to be copied in depth
            "over": self._over.copy(),
            "masks": self._masks.copy(),
            "started": self._started,
            "stream": self.stream.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""
        if len(state["worlds"]) != self.num_envs:
            raise ValueError(f"The state is of {len(state['worlds'])} environments, not of {self.num_envs}.")
        self.worlds[...] = deepcopy(state["worlds"])
        self._over[...] = state["over"]
        self._masks = state["masks"].copy()
        self._started = state["started"]
        self.stream.load_state_dict(state["stream"])
