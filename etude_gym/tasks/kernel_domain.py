"""A domain written as numba kernels over a structured array: one record for each episode."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from etude_gym.tasks.compilation import machine_code
from etude_gym.tasks.domain import Actions, Domain, Rows, Solver, StepOne, Worlds, plain
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
        replay: ``(worlds, rows, numbers)`` takes the first actions of the reference solution, for drills.
            None: ``step`` serves.
    """

    world: np.dtype[Any]
    generate: Callable[..., None]
    observe: Callable[..., None]
    step: Callable[..., None]
    solvers: Mapping[str, Callable[..., None]]
    step_one: Callable[..., Any] | None = None
    replay: Callable[..., None] | None = None


_FOLLOW = (
    ("step", "step_one"),
    ("step_one", "bind_step_one"),
    ("outcome", "outcome_one"),
    ("step", "replay"),
    ("solvers", "replay"),
    ("solvers", "solution_lengths"),
)
"""Methods, and one that does the same at less cost and follows where a subclass overrides the first."""


class KernelDomain(Domain):
    """Base of the domains written as kernels: a subclass declares what it has as data.

    Attributes:
        kernels: the rules.
        results: columns of the world that ``outcome`` reports, by the names it gives them, or from which
            ``grade`` works it out.
        measured: columns of the world that ``metrics`` reports as they are, by the names it gives them.
        tables: columns of the world that the observation shows as they are. If there are any, it is a Dict
            that holds them beside "features", which the kernels write.
    """

    kernels: ClassVar[Kernels]
    results: ClassVar[Mapping[str, str]] = {}
    measured: ClassVar[Mapping[str, str]] = {}
    tables: tuple[str, ...] = ()

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        for overridden, name in _FOLLOW:
            if overridden in cls.__dict__ and name not in cls.__dict__:
                setattr(cls, name, getattr(Domain, name))

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

    def bind_step_one(self, worlds: Worlds, observation: Observations, mask: Masks) -> StepOne:
        if self.kernels.step_one is None or self.tables:
            return super().bind_step_one(worlds, observation, mask)
        return machine_code(self.kernels.step_one, worlds, 0, observation, mask)  # type: ignore[no-any-return]

    def replay(self, worlds: Worlds, rows: Rows, numbers: NDArray[np.int64]) -> None:
        if self.kernels.replay is None:
            super().replay(worlds, rows, numbers)
        else:
            self.kernels.replay(worlds, rows, numbers)

    def outcome(self, worlds: Worlds, rows: Rows) -> dict[str, NDArray[Any]]:
        return self.grade({name: worlds[column][rows] for name, column in self.results.items()})

    def outcome_one(self, worlds: Worlds) -> dict[str, Any]:
        columns = worlds.getfield(self._result_columns).item()
        return plain(self.grade(dict(zip(self.results, columns))))  # noqa: B905 (a keyword costs too much)

    @cached_property
    def _result_columns(self) -> np.dtype[Any]:
        """The part of the world's record that ``results`` names: what is read at once of one episode."""
        world, columns = self.kernels.world, self.results.values()
        fields = [world.fields[column] for column in columns] if world.fields else []
        formats, offsets = [field[0] for field in fields], [field[1] for field in fields]
        parts = {"names": list(self.results), "formats": formats, "offsets": offsets}
        return np.dtype(parts | {"itemsize": world.itemsize})  # type: ignore[call-overload, no-any-return]

    def grade(self, columns: dict[str, Any]) -> dict[str, Any]:
        """The results of episodes, from the columns that ``results`` names.

        Args:
            columns: by the names of ``results``, arrays of shape (m,) for m episodes, or Python numbers for
                one; arithmetic and comparisons mean the same for both.

        Returns:
            What ``outcome`` reports, of the same kind.
        """
        return columns

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
