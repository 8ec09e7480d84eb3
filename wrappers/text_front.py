"""The text front: the same environment as prompts and replies, for language models and people."""

from __future__ import annotations

import string
from typing import Any

import gymnasium
from gymnasium.utils import RecordConstructorArgs

from etude_gym.environment.single import EtudeEnv
from etude_gym.tasks.domain import Domain, Worlds
from etude_gym.tasks.replies import MAX_REPLY_CHARACTERS

MAX_PROMPT_CHARACTERS = 100_000


class TextFront(gymnasium.Wrapper[str, str, Any, Any], RecordConstructorArgs):
    """Observations are prompts, actions are replies; tasks, rules and grading stay the same.

    ``step`` lets the domain parse the reply and plays the actions it stands for one after another, until
    they are used up, the episode ends, or something unforeseen happens that the reader has to be told. The
    reward is the sum of theirs, so an episode's return is its score, as ever.

    A reply that is malformed or cut off costs one illegal action, so that endless junk ends the episode.
    The next prompt begins with what became of the last reply.

    In domains that grade whole answers (code), a reply is handed in as it is, and ends the episode; "status"
    is then what the grader says.

    ``info`` is that of the last action, and in addition:

    - "status": "ok", "malformed" or "truncated" (cut off);
    - "problem": what was wrong with the reply, empty if nothing was;
    - "actions_played": how many actions of the reply were played, 0 for one that is malformed.

    Args:
        env: an ``EtudeEnv``, wrapped or not, whose domain has a text front.

    Raises:
        ValueError: if ``env`` is not of a domain.

    Example:
        >>> import gymnasium as gym, etude_gym
        >>> from etude_gym.wrappers import TextFront
        >>> env = TextFront(gym.make("EtudePlan-v0"))
        >>> prompt, info = env.reset(seed=0)
        >>> prompt, reward, terminated, truncated, info = env.step("go Alder")
        >>> info["status"], info["actions_played"]
        ('ok', 1)
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        super().__init__(env)
        if not isinstance(env.unwrapped, EtudeEnv):
            raise ValueError(
                f"TextFront needs an environment of a domain, such as gym.make('EtudePlan-v0'), got {env}."
            )
        # Replies may hold any character; the space says what a policy should draw from.
        self.action_space = gymnasium.spaces.Text(
            MAX_REPLY_CHARACTERS, min_length=0, charset=string.printable
        )
        self.observation_space = gymnasium.spaces.Text(MAX_PROMPT_CHARACTERS, charset=string.printable)

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
        """Draw a task; returns its prompt and the ``info`` of ``EtudeEnv.reset``."""
        _, info = self.env.reset(seed=seed, options=options)
        return self._prompt(""), info

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Play the actions of a reply; any text, even any object, is answered."""
        reply = self._domain.parse(self._worlds, 0, action)
        if reply.submission is not None:
            return self._submit(reply.submission)
        if not reply.actions:
            _, reward, terminated, truncated, info = self.env.step(self._illegal_action())
            note = f"Your last reply was not played and cost one step ({reply.status}). {reply.problem}"
            told = {"status": reply.status, "problem": reply.problem, "actions_played": 0}
            return self._prompt(note), float(reward), terminated, truncated, {**info, **told}
        total, played, impossible = 0.0, 0, []
        for played, chosen in enumerate(reply.actions, start=1):
            if not self._is_legal(chosen):
                impossible.append(f"{self._domain.action_name(self._worlds, 0, chosen)} (number {played})")
            _, reward, terminated, truncated, info = self.env.step(chosen)
            total += float(reward)
            news = self._domain.interrupts(self._worlds, 0)
            if terminated or truncated or news:
                break
        note = _note(played, len(reply.actions), impossible, news)
        told = {"status": "ok", "problem": "", "actions_played": played}
        return self._prompt(note), total, terminated, truncated, {**info, **told}

    def _submit(self, submission: Any) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Have a whole answer graded."""
        _, reward, terminated, truncated, info = self.unwrapped.submit(submission)  # type: ignore[attr-defined]
        note = f"Your last reply: {info['status']}. {info['problem']}".strip()
        return self._prompt(note), reward, terminated, truncated, {**info, "actions_played": 0}

    def _is_legal(self, action: int) -> bool:
        return bool(self.unwrapped.action_masks()[action])  # type: ignore[attr-defined]

    def _illegal_action(self) -> int:
        """An action beyond the last one is legal in no state."""
        return int(self._domain.action_space.n)

    def _prompt(self, note: str) -> str:
        """The prompt of the present state, after a note on the last reply."""
        prompt = self._domain.prompt(self._worlds, 0)
        return f"{note}\n\n{prompt}" if note else prompt


def _note(played: int, given: int, impossible: list[str], news: bool) -> str:
    """What became of a reply that was understood."""
    parts = [f"Actions of your last reply that were played: {played} of {given}."]
    if news and played < given:
        parts.append("Something unforeseen happened before the others.")
    if impossible:
        parts.append(f"Not possible, each at the cost of a step: {', '.join(impossible)}.")
    return " ".join(parts)
