"""The text interface: the same environment as prompts and replies, for language models and people."""

from __future__ import annotations

from typing import Any

import gymnasium
from gymnasium.utils import RecordConstructorArgs

from etude_gym.arithmetic import add_up
from etude_gym.environment.playing import play_reply, remark
from etude_gym.environment.single import EtudeEnv
from etude_gym.tasks.domain import Domain, Worlds
from etude_gym.tasks.replies import printable
from etude_gym.wrappers.text_spaces import PromptSpace, ReplySpace


class TextFront(gymnasium.Wrapper[str, str, Any, Any], RecordConstructorArgs):
    """Observations are prompts, actions are replies; tasks, rules and grading stay the same.

    ``step`` lets the domain parse the reply and plays the actions it stands for one after another, until
    they are used up, the episode ends, or something unforeseen happens that the next prompt reports. They
    go through the wrappers below as all actions do. The reward is the sum of theirs, so an episode's return
    is its score, as ever.

    A reply that is malformed or cut off costs one illegal action, so that endless junk ends the episode.
    The next prompt begins with the result of the last reply. Prompts are printable ASCII; what they quote of
    a reply is escaped.

    In domains that grade whole answers (code), a reply is submitted as it is, and ends the episode; "status"
    is then the grader's. Numbers that nobody reads are not worked out there: ``info`` holds a mask after
    actions only, or where there are wrappers below.

    ``info`` is that of the last action, and in addition:

    - "status": "ok", "malformed" or "truncated" (cut off);
    - "problem": what was wrong with the reply, empty if nothing was;
    - "actions_played": how many actions of the reply were played, 0 for one that is malformed.

    Args:
        env: an ``EtudeEnv``, wrapped or not, whose domain has a text interface.

    Raises:
        ValueError: if ``env`` is not of a domain.

    Example:
        >>> import gymnasium as gym, etude_gym
        >>> from etude_gym.wrappers import TextFront
        >>> env = TextFront(gym.make("EtudePlan-v0"))
        >>> prompt, info = env.reset(seed=0)
        >>> prompt, reward, terminated, truncated, info = env.step("go Depot")
        >>> info["status"], info["actions_played"]
        ('ok', 1)
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        super().__init__(env)
        inner = env.unwrapped
        if not isinstance(inner, EtudeEnv):
            raise ValueError(
                f"TextFront needs an environment of a domain, such as gym.make('EtudePlan-v0'), got {env}."
            )
        if env is inner and type(inner.domain).submit is not Domain.submit:
            inner.shows_numbers = False  # nobody reads them
        self.action_space = ReplySpace()
        self.observation_space = PromptSpace()

    @property
    def _domain(self) -> Domain:
        domain: Domain = self.unwrapped.domain  # type: ignore[attr-defined]
        return domain

    @property
    def _worlds(self) -> Worlds:
        worlds: Worlds = self.unwrapped.worlds  # type: ignore[attr-defined]
        return worlds

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Draw a task; see ``EtudeEnv.reset``.

        Args:
            seed: starts the stream of tasks anew; without one it goes on.
            options: "difficulty" and "family" pin the task.

        Returns:
            The prompt, and ``info``.
        """
        _, info = self.env.reset(seed=seed, options=options)
        return self._prompt(""), info

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Play the actions of a reply.

        Args:
            action: the reply; any text, even any object, is answered.

        Returns:
            The next prompt, the sum of the rewards, terminated, truncated and ``info``.
        """
        self.unwrapped.check_running("step()")  # type: ignore[attr-defined]
        reply = self._domain.parse(self._worlds, 0, action)
        game: Any = self.unwrapped
        moves = list(play_reply(game, self.env.step, reply))
        last = moves[-1]
        told: dict[str, Any] = {"actions_played": len(reply.actions[: len(moves)])}
        if reply.submission is None:
            told |= {"status": str(reply.status), "problem": reply.problem}
        info = last.info | told
        reward = add_up(move.reward for move in moves)
        return self._prompt(remark(game, reply, moves)), reward, last.terminated, last.truncated, info

    def _prompt(self, note: str) -> str:
        """The prompt of the present state, after a note on the last reply."""
        prompt = printable(self._domain.prompt(self._worlds, 0))
        return f"{note}\n\n{prompt}" if note else prompt
