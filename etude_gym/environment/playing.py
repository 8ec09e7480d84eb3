"""Plays the actions of a reply, the same way for the text wrapper and for a person at the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import gymnasium

from etude_gym.environment.single import EtudeEnv
from etude_gym.tasks.domain import NO_ACTION, Reply, Submission


@dataclass(frozen=True)
class Move:
    """One action of a reply, and its result.

    Attributes:
        action: the action, or ``NO_ACTION`` or a ``Submission`` in its place.
        legal: whether it was possible.
        left: how many actions of the reply are left.
        taken: whether a step was taken. If not, what follows is empty.
        observation: what ``step`` returned, as the other attributes.
        news: whether something unforeseen happened, so that the next action needs a new prompt.
    """

    action: Any
    legal: bool
    left: int
    taken: bool = True
    observation: Any = None
    reward: float = 0.0
    terminated: bool = False
    truncated: bool = False
    info: dict[str, Any] = field(default_factory=dict)
    news: bool = False

    @property
    def over(self) -> bool:
        """Whether the episode has ended."""
        return self.terminated or self.truncated


def play_reply(env: gymnasium.Env[Any, Any], reply: Reply, *, spare_illegal: bool = False) -> Iterator[Move]:
    """Take the actions of a reply in order, until they are used up, the episode ends or there is news.

    All of them go through ``env.step``, so that every wrapper sees them. A reply that cannot be read is one
    illegal action: it costs a step, and endless junk ends the episode.

    Args:
        env: an ``EtudeEnv``, wrapped or not.
        reply: what ``Domain.parse`` made of the reply.
        spare_illegal: stop before an action that is not possible; else it is taken, at the cost of a step.

    Yields:
        The moves, at least one.
    """
    base = env.unwrapped
    assert isinstance(base, EtudeEnv)
    actions: list[Any] = list(reply.actions) or [NO_ACTION]
    if reply.submission is not None:
        actions = [Submission(reply.submission)]
    for left, action in zip(range(len(actions) - 1, -1, -1), actions, strict=True):
        acts = isinstance(action, int) and action != NO_ACTION
        legal = bool(base.action_masks()[action]) if acts else action != NO_ACTION
        if spare_illegal and not legal:
            yield Move(action, legal, left, taken=False)
            return
        observation, reward, terminated, truncated, info = env.step(action)
        news = acts and base.domain.interrupts(base.worlds, 0)
        move = Move(action, legal, left, True, observation, float(reward), terminated, truncated, info, news)
        yield move
        if move.over or news:
            return
