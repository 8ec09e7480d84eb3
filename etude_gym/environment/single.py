"""One environment of any domain."""

from __future__ import annotations

from collections.abc import Mapping
from operator import index
from typing import Any

import gymnasium
import numpy as np

from etude_gym.environment.drills import Drills, Work
from etude_gym.environment.rendering import METADATA, check_render_mode, render
from etude_gym.environment.stream import TaskStream
from etude_gym.errors import ResetNeeded
from etude_gym.practice.sampler import REASONS, TaskSampler
from etude_gym.randomness import check_seed
from etude_gym.tasks.domain import NO_ACTION, Domain, StepOne, Submission, Worlds, load_domain, plain
from etude_gym.tasks.keys import TaskKey
from etude_gym.tasks.observations import Masks, Observations, add_row, observation_allocator


class EtudeEnv(gymnasium.Env[Any, Any]):
    """One environment of any domain.

    ``reset`` draws the task: ``seed`` seeds the stream of tasks, ``options={"difficulty": {...},
    "family": ...}`` pins it, and whatever is not pinned comes from the task sampler. ``info`` carries the
    action mask at every step (all ones once the episode has ended: what is chosen then is ignored);
    difficulty, family, task key and the reason of the draw at ``reset``; score, its components and ``solved``
    at the end. Beside the mask it holds plain Python, ready for JSON; what has
    no value yet, such as a confidence that was not stated, is None. The return of an episode is its score.

    Every episode in which an action was taken is reported to the task sampler, once: with its score at the
    end, or with the score it has when it is reset before. One that is reset at once was never tried.

    Args:
        domain: entry point "module:Class" of the domain, or the domain.
        practice: task sampler or its name ("adaptive", "static", "uniform", ...).
        split: "practice", "probe" or "anchor".
        difficulty: axes to pin, by name, values in [0, 1].
        family: family to pin.
        salt: secret of the anchor split.
        render_mode: "ansi" or "rgb_array", which every domain has.
        domain_options: arguments of the domain, such as an observation variant.

    Attributes:
        shows_numbers: whether observations and masks are worked out from the start. If not, as where replies
            are graded as they are, a reset shows zeros and no mask until an action of the action space is
            taken or ``action_masks()`` is called, and nothing is compiled for them.

    Raises:
        TypeError: for an argument that does not exist.
        ValueError: for a name, axis or value that does not exist; says which are allowed.
    """

    metadata = METADATA

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
        self.domain = load_domain(domain, EtudeEnv, **domain_options)
        self.observation_space = self.domain.observation_space
        self.action_space = self.domain.action_space
        self.render_mode = check_render_mode(render_mode)
        self.stream = TaskStream(self.domain, 1, practice, split, difficulty, family, salt)
        self.worlds = self.domain.allocate(1)
        self._step_one: StepOne = self._bind_step_one
        self._drills = Drills(self.domain, 1)
        self._allocate = observation_allocator(self.observation_space)
        self._row = np.zeros(1, dtype=np.int64)
        self._num_actions = int(self.domain.action_space.n)
        self._mask: Masks = np.zeros(self._num_actions, dtype=np.int8)
        self.shows_numbers = True
        self._started = False
        self._over = True
        self._tried = False
        self._warned = False

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_step_one"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._step_one = self._bind_step_one  # what was bound may be machine code, which does not travel

    @property
    def sampler(self) -> TaskSampler:
        """The attached task sampler."""
        return self.stream.sampler

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Draw a task and start its episode.

        Args:
            seed: starts the stream of tasks anew; without one it goes on.
            options: "difficulty" (values in [0, 1] by name of axis) and "family" pin the task.

        Returns:
            The observation, and ``info`` with mask, difficulty, family, task key and reason.

        Raises:
            ValueError: for a seed, option, axis, family or value that does not exist.
        """
        pinned = self.stream.parse_options(options)
        if seed is not None:
            seed = check_seed(seed)
        if self._tried and not self._over:
            self._finish()
        if seed is not None:
            super().reset(seed=seed)
            self.stream.seed(self._row, [seed])
        tasks = self.stream.draw(self._row, *pinned)
        self.domain.generate(self.worlds, self._row, tasks)
        if tasks.starts is not None or self._drills.running:
            self._drills.begin(self.worlds, self._row, tasks.starts)
        self._started, self._over, self._tried = True, False, False
        observation, info = self._look()
        space = self.domain.space
        info["difficulty"] = space.named(tasks.difficulty[0])
        info["family"] = space.families[tasks.family.item()]
        info["task_key"] = TaskKey(tasks.keys.item())
        info["reason"] = REASONS[self.stream.reason.item()]
        if (starts := self._drills.starts(self._row)) is not None:
            info["share_played"], info["actions_left"] = float(starts.share[0]), int(starts.left[0])
        return observation, info

    def _look(self) -> tuple[Any, dict[str, Any]]:
        """The observation, and ``info`` with the mask."""
        observation = self._allocate()
        if not self.shows_numbers:
            for array in observation.values() if isinstance(observation, dict) else (observation,):
                array.fill(0)
            return observation, {}
        self.domain.observe(self.worlds, self._row, add_row(observation), self._mask[None])
        if self._over:
            self._mask.fill(1)
        return observation, {"action_mask": self._mask.copy()}

    def _show_numbers(self) -> None:
        self.shows_numbers = True
        self._look()

    def _check_started(self, what: str) -> None:
        if not self._started:
            raise ResetNeeded(f"No episode has begun: call reset() before {what}.")

    def check_running(self, what: str) -> None:
        """Raise ``ResetNeeded`` unless an episode is running.

        Args:
            what: what needs one ("step()").
        """
        self._check_started(what)
        if self._over:
            raise ResetNeeded(f"The episode is over: call reset() before {what}.")

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take one action.

        An illegal one costs the step, changes nothing and is counted; ``info`` says "illegal_action" then.
        In domains that grade whole answers a ``Submission`` is an action too; ``info`` holds "status" and
        "problem" then.

        Args:
            action: an integer of Python's or NumPy's, or a ``Submission``.

        Returns:
            Observation, reward, terminated, truncated (always False) and ``info``.

        Raises:
            TypeError: for an action that is no integer.
            ResetNeeded: if no episode is running.
        """
        if self._over:
            self.check_running("step()")
        try:
            action = index(action)
        except TypeError:
            if isinstance(action, Submission):
                return self._submit(action)
            raise TypeError(
                f"An action is an integer, an element of {self.action_space}, got {action!r}."
            ) from None
        mask = self._mask
        if 0 <= action < self._num_actions:
            if not self.shows_numbers:
                self._show_numbers()
            legal = mask[action]
        else:
            self._warn_of_outside(action)
            action, legal = -1, False
        observation = self._allocate()
        reward, over = self._step_one(self.worlds, action, observation, mask)
        if self._drills.running:
            reward = self._drills.rewards(self._row, np.array([reward])).item()
        self._tried = True
        if over:
            mask.fill(1)
        info: dict[str, Any] = {"action_mask": mask.copy()}
        if not legal:
            info["illegal_action"] = True
        if over:
            info |= self._finish()
        return observation, reward, over, False, info

    def _bind_step_one(
        self, worlds: Worlds, action: int, observation: Observations, mask: Masks
    ) -> tuple[float, bool]:
        """The first step, which finds what takes the others."""
        self._step_one = self.domain.bind_step_one(worlds, observation, mask)
        return self._step_one(worlds, action, observation, mask)

    def _warn_of_outside(self, action: int) -> None:
        if action != NO_ACTION and not self._warned:
            self._warned = True
            gymnasium.logger.warn("%s", outside_warning(action, self.action_space))

    def _submit(self, submission: Submission) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Grade a whole answer; one that could not be graded changes nothing: the episode goes on."""
        before = self._grade()["score"]
        verdict = self.domain.submit(self.worlds, 0, submission.content)
        outcome = self._finish() if verdict.graded else {}
        reward = outcome["score"] - before if verdict.graded else 0.0
        observation, info = self._look()
        info |= {**outcome, "status": str(verdict.status), "problem": verdict.problem}
        return observation, reward, verdict.graded, False, info

    def _finish(self) -> dict[str, Any]:
        """Grade the episode as it stands, and report it to the sampler."""
        self._over = True
        outcome = self._grade()
        self.stream.report(self._row, [outcome["score"]], self._drills.starts(self._row))
        return outcome

    def _grade(self) -> dict[str, Any]:
        outcome = self.domain.outcome_one(self.worlds)
        if self._drills.running:
            outcome["score"] = self._drills.scores(self._row, np.array([outcome["score"]])).item()
        return outcome

    def take_reference_work(self) -> Work:
        """What the reference solver spent on drills since the last call, by unit of the compute ledger."""
        return self._drills.take_work()

    def action_masks(self) -> Masks:
        """Legal actions now: int8 array of shape (actions,)."""
        self._check_started("action_masks()")
        if not self.shows_numbers:
            self._show_numbers()
        return self._mask.copy()

    def task_metrics(self) -> dict[str, Any]:
        """Realized properties of the present task."""
        self._check_started("task_metrics()")
        metrics = self.domain.metrics(self.worlds, self._row)
        return plain({name: value.item() for name, value in metrics.items()})

    def render(self) -> Any:
        """The present state as text or as an image, according to ``render_mode``."""
        self._check_started("render()")
        return render(self.domain, self.worlds, 0, self.render_mode)


def outside_warning(action: int, space: Any) -> str:
    """The warning, given once, of actions outside the action space.

    Args:
        action: the action.
        space: the action space.
    """
    return f"Action {action} is outside the action space {space}: it costs the step and does nothing."
