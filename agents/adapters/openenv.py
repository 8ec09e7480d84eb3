"""OpenEnv (https://github.com/huggingface/OpenEnv): ``uvicorn etude_gym.agents.adapters.openenv:app``.

The environment variable ETUDE_ENV names another environment than EtudePlan-v0. All sessions of a server share
one task sampler, which is told their scores. Replies are text, as in `etude serve`.
"""

from __future__ import annotations

import os
from typing import Any

from etude_gym.agents.adapters.source import Episodes, TaskSource
from etude_gym.errors import MissingExtra
from etude_gym.text import TextTask

try:
    from openenv.core.env_server import create_fastapi_app
    from openenv.core.env_server.interfaces import Environment
    from openenv.core.env_server.types import Action, Observation, State
except ModuleNotFoundError as error:
    raise MissingExtra("The server for OpenEnv", "openenv") from error


class Reply(Action):
    """A reply to the present prompt; ``cut`` says that a limit of length stopped its writer."""

    text: str
    cut: bool = False


class Prompt(Observation):
    """The present prompt in two messages, and what became of the last reply."""

    system: str = ""
    prompt: str = ""
    family: str
    difficulty: dict[str, float]
    status: str | None = None
    problem: str = ""


class EtudeEnvironment(Environment[Reply, Prompt, State]):
    """One session: tasks as prompts and replies; the rewards of an episode add up to its score.

    Args:
        source: of tasks, shared by all sessions.
    """

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self, source: TaskSource) -> None:
        super().__init__()
        self._episodes, self._state = Episodes(source), State()

    def reset(self, seed: int | None = None, episode_id: str | None = None, **_: Any) -> Prompt:
        """Draw a task; one that was not finished is reported with the score that it has.

        Args:
            seed: not used, as all sessions share the stream of tasks.
            episode_id: a name for the episode.
        """
        self._state = State(episode_id=episode_id, step_count=0)
        return _shown(self._episodes.begin(), 0.0)

    def step(self, action: Reply, timeout_s: float | None = None, **_: Any) -> Prompt:
        """Play a reply.

        Args:
            action: the reply.
            timeout_s: not used: grading has limits of its own.
        """
        task, reward = self._episodes.reply(action.text, cut=action.cut)
        self._state.step_count += 1
        return _shown(task, reward)

    @property
    def state(self) -> State:
        """The episode's name and its number of replies."""
        return self._state

    def close(self) -> None:
        """End the session; an episode that was not finished is reported with the score that it has."""
        self._episodes.close()


def _shown(task: TextTask, reward: float) -> Prompt:
    parts = None if task.over else task.parts
    return Prompt(
        system=parts.system if parts else "",
        prompt=parts.task if parts else "",
        family=task.family,
        difficulty=task.difficulty,
        status=task.status,
        problem=task.problem,
        done=task.over,
        reward=reward,
    )


SOURCE = TaskSource(os.environ.get("ETUDE_ENV", "EtudePlan-v0"))
app = create_fastapi_app(lambda: EtudeEnvironment(SOURCE), Reply, Prompt, max_concurrent_envs=64)
