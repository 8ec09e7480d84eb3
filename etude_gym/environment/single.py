"""One environment of any domain."""

from __future__ import annotations

from collections.abc import Mapping
from operator import index
from typing import Any

import gymnasium
import numpy as np

from etude_gym.environment.stream import TaskStream
from etude_gym.errors import check_name
from etude_gym.practice.sampler import REASONS, TaskSampler
from etude_gym.tasks.domain import Domain, Submission, load_domain
from etude_gym.tasks.observations import Masks, add_row, observation_allocator


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
        """Take one action. An illegal one costs the step, changes nothing and is counted.

        In domains that grade whole answers a ``Submission`` is an action too; ``info`` holds "status" and
        "problem" then.
        """
        if self._over:
            raise RuntimeError("The episode is over: call reset() before step().")
        if isinstance(action, Submission):
            return self._submit(action)
        action = index(action)
        observation = self._allocate()
        self._mask = mask = np.empty(self._mask.shape, np.int8)
        reward, over = self.domain.step_one(self.worlds, action, observation, mask)
        info: dict[str, Any] = {"action_mask": mask}
        if over:
            info |= self._finish()
        return observation, reward, over, False, info

    def _submit(self, submission: Submission) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Have a whole answer graded.

        One that could not be graded through no fault of its own changes nothing: the episode goes on.
        """
        before = self.domain.outcome(self.worlds, self._row)["score"].item()
        verdict = self.domain.submit(self.worlds, 0, submission.content)
        observation = self._allocate()
        self._mask = np.empty_like(self._mask)
        self.domain.observe(self.worlds, self._row, add_row(observation), self._mask[None])
        info: dict[str, Any] = {"action_mask": self._mask}
        reward = 0.0
        if verdict.graded:
            info |= self._finish()
            reward = info["score"] - before
        info |= {"status": str(verdict.status), "problem": verdict.problem}
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
