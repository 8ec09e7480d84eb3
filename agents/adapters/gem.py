"""GEM (https://github.com/axon-rl/gem): ``gem.make("etude:plan")`` once this module is imported.

Scores reach the task sampler of their environment. Environments that are to share one are given one source.
"""

from __future__ import annotations

from typing import Any

from etude_gym.agents.adapters.source import Episodes, TaskSource
from etude_gym.errors import MissingExtra
from etude_gym.text import TextTask

try:
    import gem
    from gem.envs.registration import register
except ModuleNotFoundError as error:
    raise MissingExtra("Practice with GEM", "gem") from error


class EtudeEnv(gem.Env):
    """Tasks as prompts and replies; the return of an episode is its score.

    Args:
        environment: id of the environment.
        practice: the task sampler, perhaps with options.
        seed: of the stream of tasks.
        source: tasks that several environments share; in place of the other arguments.
    """

    def __init__(
        self,
        environment: str = "EtudePlan-v0",
        practice: str = "adaptive",
        seed: int = 0,
        source: TaskSource | None = None,
    ) -> None:
        super().__init__()
        self._arguments = (environment, practice)
        self.episodes = Episodes(source or TaskSource(*self._arguments, seed=seed))

    @property
    def source(self) -> TaskSource:
        """Where the tasks come from."""
        return self.episodes.source

    @property
    def task(self) -> TextTask | None:
        """The present task."""
        return self.episodes.task

    def reset(self, seed: int | None = None) -> tuple[str, dict[str, Any]]:
        """Draw a task; one that was not finished is reported with the score that it has.

        Args:
            seed: starts the stream of tasks and the sampler anew.
        """
        super().reset(seed)
        if seed is not None:
            self.episodes = Episodes(TaskSource(*self._arguments, seed=seed))
        task = self.episodes.begin()
        return task.prompt, {"family": task.family, "difficulty": task.difficulty}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Play a reply.

        Args:
            action: the reply.
        """
        task, reward = self.episodes.reply(action)
        return "" if task.over else task.prompt, reward, task.over, False, task.outcome()


for name in ("plan", "logic", "code"):
    register(f"etude:{name}", EtudeEnv, environment=f"Etude{name.title()}-v0")
