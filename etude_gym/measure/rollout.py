"""Rollouts: agents play given tasks side by side. Anchors and conformance checks share this loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.environment.drills import Drills
from etude_gym.measure.agent import Agent, choose
from etude_gym.tasks.domain import Actions, Domain, Worlds
from etude_gym.tasks.keys import TaskBatch
from etude_gym.tasks.observations import Masks, Observations, observation_allocator, take


@dataclass
class Moment:
    """A batch of running episodes, before an action.

    Attributes:
        step: actions taken so far.
        running: int64 (m,), indices into the tasks.
        worlds, observations, masks: of the running episodes, m rows each.
        drills: where the episodes of all tasks started.
    """

    step: int
    running: NDArray[np.int64]
    worlds: Worlds
    observations: Observations
    masks: Masks
    drills: Drills


@dataclass
class Played:
    """Episodes played to their end.

    Attributes:
        returns: float64 (n,), sum of the rewards.
        lengths: int64 (n,), number of actions.
        outcome: what ``Domain.outcome`` returns, arrays of shape (n,).
    """

    returns: NDArray[np.float64]
    lengths: NDArray[np.int64]
    outcome: dict[str, NDArray[Any]] = field(default_factory=dict)

    @classmethod
    def none_of(cls, count: int) -> Played:
        """Room for the results of ``count`` episodes."""
        return cls(np.zeros(count), np.zeros(count, dtype=np.int64))


def begin(domain: Domain, tasks: TaskBatch) -> Moment:
    """The beginning of an episode for each of n tasks, or where it starts if it is a drill.

    Args:
        domain: the domain of the tasks.
        tasks: n tasks.

    Returns:
        A moment with n running episodes, in the order of the tasks.
    """
    rows = np.arange(len(tasks))
    worlds = domain.allocate(len(tasks))
    domain.generate(worlds, rows, tasks)
    drills = Drills(domain, len(tasks))
    drills.begin(worlds, rows, tasks.starts)
    observations = observation_allocator(domain.observation_space, len(tasks))()
    masks = np.zeros((len(tasks), int(domain.action_space.n)), dtype=np.int8)
    domain.observe(worlds, rows, observations, masks)
    return Moment(0, rows, worlds, observations, masks, drills)


def walk(
    domain: Domain, tasks: TaskBatch, choose_actions: Callable[[Moment], Actions], played: Played
) -> Iterator[Moment]:
    """Play every task once, side by side; yields before every action and fills in ``played``.

    Args:
        domain: the domain of the tasks.
        tasks: n tasks.
        choose_actions: actions of the running episodes, int64 (m,).
        played: room for n results.
    """
    moment = begin(domain, tasks)
    while len(running := moment.running):
        yield moment
        actions = np.asarray(choose_actions(moment), dtype=np.int64)
        rewards, ends = np.empty(len(running)), np.empty(len(running), dtype=np.bool_)
        active = np.ones(len(running), dtype=np.bool_)
        domain.step(moment.worlds, actions, active, moment.observations, moment.masks, rewards, ends)
        played.returns[running] += moment.drills.rewards(running, rewards)
        played.lengths[running] += 1
        moment.step += 1
        if ends.any():
            outcome = domain.outcome(moment.worlds, np.flatnonzero(ends))
            outcome["score"] = moment.drills.scores(running[ends], outcome["score"])
            for name, values in outcome.items():
                column = played.outcome.setdefault(name, np.zeros(len(tasks), dtype=values.dtype))
                column[running[ends]] = values
            moment.running, moment.worlds = running[~ends], moment.worlds[~ends]
            moment.observations, moment.masks = take(moment.observations, ~ends), moment.masks[~ends]


def rollout(domain: Domain, tasks: TaskBatch, agent: Agent) -> dict[str, NDArray[Any]]:
    """Let an agent play every task once, side by side.

    Args:
        domain: the domain of the tasks.
        tasks: n tasks.
        agent: acts on the tasks that are still running.

    Returns:
        "score", "solved", "illegal_actions", the score's components and "actions" (the length of the
        episode), each an array of shape (n,).
    """
    played = Played.none_of(len(tasks))
    for _ in walk(domain, tasks, lambda at: choose(agent, at.worlds, at.observations, at.masks), played):
        pass
    return {"actions": played.lengths, **played.outcome}
