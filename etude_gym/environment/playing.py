"""Plays the actions of a reply, the same way for the text wrapper and for a person at the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, SupportsFloat

from etude_gym.tasks.domain import NO_ACTION, Domain, Reply, Submission, Worlds
from etude_gym.tasks.observations import Masks
from etude_gym.tasks.replies import printable
from etude_gym.tasks.status import Status


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


class Game(Protocol):
    """What replies are played in: an ``EtudeEnv``, or a ``TextTask``.

    Attributes:
        domain: whose task it is.
        worlds: its state, in the first row.
    """

    domain: Domain
    worlds: Worlds

    def action_masks(self) -> Masks:
        """Legal actions now: int8 array of shape (actions,)."""


Step = Callable[[Any], tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]]


def play_reply(game: Game, step: Step, reply: Reply, *, spare_illegal: bool = False) -> Iterator[Move]:
    """Take the actions of a reply in order, until they are used up, the episode ends or there is news.

    All of them go through ``step``, so that every wrapper sees them. A reply that cannot be read is one
    illegal action: it costs a step, and endless junk ends the episode.

    Args:
        game: what it is played in.
        step: takes an action of it, as ``step`` of an environment around it does.
        reply: what ``Domain.parse`` made of the reply.
        spare_illegal: stop before an action that is not possible; else it is taken, at the cost of a step.

    Yields:
        The moves, at least one.
    """
    actions: list[Any] = list(reply.actions) or [NO_ACTION]
    if reply.submission is not None:
        actions = [Submission(reply.submission)]
    for left, action in zip(range(len(actions) - 1, -1, -1), actions, strict=True):
        acts = isinstance(action, int) and action != NO_ACTION
        legal = bool(game.action_masks()[action]) if acts else action != NO_ACTION
        if spare_illegal and not legal:
            yield Move(action, legal, left, taken=False)
            return
        observation, reward, terminated, truncated, info = step(action)
        news = acts and game.domain.interrupts(game.worlds, 0)
        move = Move(action, legal, left, True, observation, float(reward), terminated, truncated, info, news)
        yield move
        if move.over or news:
            return


MAX_REMARK_CHARACTERS = 4_000
"""Of what a prompt says about the last reply."""


def remark(game: Game, reply: Reply, moves: list[Move]) -> str:
    """What became of a reply, as the next prompt tells: printable ASCII, what it quotes escaped.

    Args:
        game: in which it was played.
        reply: the reply.
        moves: what ``play_reply`` made of it, at least one.
    """
    told = printable(_told(game, reply, moves))
    return told if len(told) <= MAX_REMARK_CHARACTERS else f"{told[:MAX_REMARK_CHARACTERS]} ..."


def _told(game: Game, reply: Reply, moves: list[Move]) -> str:
    if reply.submission is not None:
        info = moves[-1].info
        return f"Your last reply: {info['status']}. {info['problem']}".strip()
    if reply.status != Status.OK:
        return f"Your last reply was not played and cost one step ({reply.status}). {reply.problem}"
    parts = [f"Actions of your last reply that were played: {len(moves)} of {len(reply.actions)}."]
    if moves[-1].news and moves[-1].left:
        parts.append("Something unforeseen happened before the others.")
    impossible = [
        f"{game.domain.action_name(game.worlds, 0, move.action)} (number {number})"
        for number, move in enumerate(moves, start=1)
        if not move.legal
    ]
    if impossible:
        parts.append(f"Not possible, each at the cost of a step: {', '.join(impossible)}.")
    return " ".join(parts)
