"""Agents play given tasks, side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.measure.agent import Agent, choose
from etude_gym.tasks.domain import Domain
from etude_gym.tasks.keys import TaskBatch
from etude_gym.tasks.observations import observation_allocator, take


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
    num_tasks = len(tasks)
    worlds = domain.allocate(num_tasks)
    domain.generate(worlds, np.arange(num_tasks), tasks)
    running = np.arange(num_tasks)
    observations = observation_allocator(domain.observation_space, num_tasks)()
    masks = np.zeros((num_tasks, int(domain.action_space.n)), dtype=np.int8)
    domain.observe(worlds, running, observations, masks)
    outcomes: dict[str, NDArray[Any]] = {"actions": np.zeros(num_tasks, dtype=np.int64)}
    while len(running):
        actions = choose(agent, worlds, observations, masks)
        rewards, ends = np.empty(len(running)), np.empty(len(running), dtype=np.bool_)
        active = np.ones(len(running), dtype=np.bool_)
        domain.step(worlds, np.asarray(actions, dtype=np.int64), active, observations, masks, rewards, ends)
        outcomes["actions"][running] += 1
        if ends.any():
            for name, values in domain.outcome(worlds, np.flatnonzero(ends)).items():
                outcomes.setdefault(name, np.zeros(num_tasks, dtype=values.dtype))[running[ends]] = values
            going = ~ends
            running, worlds, masks = running[going], worlds[going], masks[going]
            observations = take(observations, going)
    return outcomes
