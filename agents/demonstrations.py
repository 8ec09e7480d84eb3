"""Worked solutions: what the reference solver does on given tasks, step by step, for learners to imitate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.measure.rollout import rollout
from etude_gym.measure.scripted import OracleAgent
from etude_gym.tasks.domain import Actions, Domain, Worlds
from etude_gym.tasks.keys import TaskBatch
from etude_gym.tasks.observations import Masks, Observations


@dataclass(frozen=True)
class Demonstrations:
    """Steps of the reference solver, those of several tasks mixed.

    Attributes:
        observations: what it saw: array (n, ...), or a dictionary of such arrays.
        masks: int8 (n, actions), 1 where an action was legal.
        actions: int64 (n,), what it did.
    """

    observations: Observations
    masks: Masks
    actions: Actions

    def __len__(self) -> int:
        return len(self.actions)


def demonstrate(domain: Domain, tasks: TaskBatch) -> Demonstrations:
    """Let the reference solver play every task once.

    Args:
        domain: the domain of the tasks.
        tasks: at least one task.
    """
    recorder = _Recorder(OracleAgent(domain))
    rollout(domain, tasks, recorder)
    return Demonstrations(
        _join(recorder.observations), np.concatenate(recorder.masks), np.concatenate(recorder.actions)
    )


class _Recorder:
    """The reference solver, and a copy of all it saw and did."""

    def __init__(self, solver: OracleAgent) -> None:
        self.solver = solver
        self.observations: list[Observations] = []
        self.masks: list[Masks] = []
        self.actions: list[Actions] = []

    def attend(self, worlds: Worlds) -> None:
        self.solver.attend(worlds)

    def act(self, observations: Observations, masks: Masks) -> Actions:
        actions = self.solver.act(observations, masks)
        self.observations.append(_copy(observations))
        self.masks.append(masks.copy())
        self.actions.append(actions)
        return actions


def _copy(observations: Observations) -> Observations:
    if isinstance(observations, dict):
        return {name: array.copy() for name, array in observations.items()}
    return observations.copy()


def _join(parts: list[Any]) -> Observations:
    if isinstance(parts[0], dict):
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    joined: NDArray[Any] = np.concatenate(parts)
    return joined
