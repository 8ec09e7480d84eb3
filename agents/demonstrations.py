"""Worked solutions: what the reference solver does on given tasks, step by step, for learners to imitate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
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


@dataclass(frozen=True)
class Imitation:
    """How a learner imitates the worked solutions of the tasks whose episodes have ended, after each update.

    Attributes:
        epochs: passes over the steps of the solutions; 0 learns from rewards alone.
        batch_size: steps in a minibatch.

    Raises:
        ValueError: for a negative number of passes, or empty minibatches.
    """

    epochs: int
    batch_size: int

    def __post_init__(self) -> None:
        if self.epochs < 0 or self.batch_size < 1:
            raise ValueError(
                "imitation_epochs must not be negative and imitation_batch_size at least 1, got "
                f"{self.epochs} and {self.batch_size}."
            )

    def minibatches(
        self, count: int, generator: torch.Generator | None = None
    ) -> Iterator[NDArray[np.int64]]:
        """Rows of minibatches of one size: about ``epochs`` passes over all rows, each in a new order.

        Args:
            count: number of rows, at least 1.
            generator: source of the orders; None for PyTorch's global one.
        """
        batches = max(1, round(self.epochs * count / self.batch_size))
        passes = -(-batches * self.batch_size // count)
        order = np.concatenate([torch.randperm(count, generator=generator).numpy() for _ in range(passes)])
        yield from order[: batches * self.batch_size].reshape(batches, self.batch_size)


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
