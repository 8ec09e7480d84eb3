"""A domain written as numba kernels over a structured array: one record for each episode."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from etude_gym.tasks.domain import Actions, Domain, Rows, Solver, Worlds
from etude_gym.tasks.keys import TaskBatch
from etude_gym.tasks.observations import Masks, Observations


@dataclass(frozen=True, eq=False)
class Kernels:
    """The rules of a domain, as functions that write into the arrays they are given.

    Attributes:
        world: dtype of the record that is the state of an episode.
        generate: ``(worlds, rows, keys, difficulty, family)`` starts an episode in every row.
        observe: ``(worlds, rows, observations, masks)`` writes what is seen and what is legal in ``rows``.
        step: ``(worlds, actions, active, observations, masks, rewards, ends)``; see ``Domain.step``.
        solvers: ``(worlds, actions)`` writes what a scripted agent does, by its name; "oracle" among them.
        step_one: ``(worlds, action, observation, mask)``, returns the reward and the end: ``step`` for a
            single environment, without the cost of many arrays. None: ``step`` serves.
    """

    world: np.dtype[Any]
    generate: Callable[..., None]
    observe: Callable[..., None]
    step: Callable[..., None]
    solvers: Mapping[str, Callable[..., None]]
    step_one: Callable[..., Any] | None = None


class KernelDomain(Domain):
    """Base of the domains written as kernels: a subclass declares what it has as data.

    Attributes:
        kernels: the rules.
        results: columns of the world that ``outcome`` reports as they are, by the names it gives them.
        measured: the same for ``metrics``.
        tables: columns of the world that the observation shows as they are. If there are any, it is a Dict
            that holds them beside "features", which the kernels write.
    """

    kernels: ClassVar[Kernels]
    results: ClassVar[Mapping[str, str]] = {}
    measured: ClassVar[Mapping[str, str]] = {}
    tables: tuple[str, ...] = ()

    def allocate(self, num_envs: int) -> Worlds:
        return np.zeros(num_envs, dtype=self.kernels.world)

    def generate(self, worlds: Worlds, rows: Rows, tasks: TaskBatch) -> None:
        self.kernels.generate(worlds, rows, tasks.keys, tasks.difficulty, tasks.family)

    def observe(self, worlds: Worlds, rows: Rows, observations: Observations, masks: Masks) -> None:
        self.kernels.observe(worlds, rows, self._features(observations), masks)
        for name in self.tables:
            observations[name][rows] = worlds[name][rows]

    def step(
        self,
        worlds: Worlds,
        actions: Actions,
        active: NDArray[np.bool_],
        observations: Observations,
        masks: Masks,
        rewards: NDArray[np.float64],
        ends: NDArray[np.bool_],
    ) -> None:
        self.kernels.step(worlds, actions, active, self._features(observations), masks, rewards, ends)
        for name in self.tables:
            observations[name][...] = worlds[name]

    def step_one(
        self, worlds: Worlds, action: int, observation: Observations, mask: Masks
    ) -> tuple[float, bool]:
        if self.kernels.step_one is None or self.tables:
            return super().step_one(worlds, action, observation, mask)
        return self.kernels.step_one(worlds, action, observation, mask)  # type: ignore[no-any-return]

    def outcome(self, worlds: Worlds, rows: Rows) -> dict[str, NDArray[Any]]:
        return {name: worlds[column][rows] for name, column in self.results.items()}

    def metrics(self, worlds: Worlds, rows: Rows) -> dict[str, NDArray[Any]]:
        return {name: worlds[column][rows] for name, column in self.measured.items()}

    def solvers(self) -> Mapping[str, Solver]:
        return {name: partial(_act, solve) for name, solve in self.kernels.solvers.items()}

    def _features(self, observations: Observations) -> Any:
        """The array of an observation that the kernels write."""
        return observations["features"] if self.tables else observations


def _act(solve: Callable[..., None], worlds: Worlds) -> Actions:
    actions = np.empty(len(worlds), dtype=np.int64)
    solve(worlds, actions)
    return actions
