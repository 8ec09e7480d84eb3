"""Task samplers: practice strategies, which draw the difficulty and the family of the next task.

All randomness of a draw comes from the task keys: what one key is given depends on the results seen so
far and on nothing else, not on the other keys of the call nor on how many environments run. Updates do
not depend on how results are split over calls either.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.space import Difficulty, DifficultySpace
from etude_gym.practice.learner_model import Families, Floats
from etude_gym.practice.probing import Finding
from etude_gym.randomness import Keys, name_key, uniform
from etude_gym.tasks.keys import Starts, join_starts

REASONS = (
    "uniform",
    "static",
    "easy",
    "schedule",
    "frontier",
    "learnability",
    "progress",
    "proposed",
    "drill",
    "basics",
    "box",
    "probe",
    "gap",
    "focus",
)
"""Why a task was drawn: :attr:`Draw.reason` indexes these names."""

UNIFORM, STATIC, EASY, SCHEDULE, FRONTIER, LEARNABILITY, PROGRESS, PROPOSED, DRILL = range(9)
BASICS, BOX, PROBE, GAP, FOCUS = range(9, len(REASONS))

FIRST_COUNTER = name_key("task sampler") >> 1
"""Samplers take the numbers of a task key from here on, apart from those that make the task itself."""


@dataclass(slots=True)  # not frozen: every reset makes one, and that would take four times as long
class Draw:
    """Tasks drawn for ``n`` task keys.

    Attributes:
        task_keys: uint64, shape (n,): keys of the tasks to generate: the keys that were given, unless the
            sampler repeats tasks.
        difficulty: float64 in [0, 1], shape (n, axes).
        family: int64, shape (n,): index into the families of the domain.
        reason: int64, shape (n,): index into :data:`REASONS`.
        starts: where the episodes start; None for whole tasks.
    """

    task_keys: Keys
    difficulty: Difficulty
    family: Families
    reason: NDArray[np.int64]
    starts: Starts | None = None

    def __len__(self) -> int:
        return len(self.task_keys)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Draw:
        starts = None if self.starts is None else self.starts[rows]
        return Draw(self.task_keys[rows], self.difficulty[rows], self.family[rows], self.reason[rows], starts)

    def __iter__(self) -> Iterator[Draw]:
        """The draws one by one, each of a single task: cheaper than indexing."""
        columns = (self.task_keys, self.difficulty, self.family, self.reason)
        singles = [column[:, None] for column in columns]
        if self.starts is None:
            return map(Draw, *singles)
        return map(Draw, *singles, (self.starts[i : i + 1] for i in range(len(self.task_keys))))


@dataclass(slots=True)
class Results:
    """Finished practice episodes, in the order in which they ended.

    Attributes:
        difficulty: float64 in [0, 1], shape (n, axes).
        family: int64, shape (n,).
        scores: float64 in [0, 1], shape (n,). Episodes that could not be graded are left out.
        reason: int64, shape (n,): why they were drawn, indices into :data:`REASONS`; None if nobody says.
        starts: where they started in fact, the share and the number of actions exact; ``left`` is infinite
            for episodes that were not drawn as drills, the length of the solution for drills of a whole task.
            None if none was a drill.
    """

    difficulty: Difficulty
    family: Families
    scores: Floats
    reason: NDArray[np.int64] | None = None
    starts: Starts | None = None

    def __post_init__(self) -> None:
        n = len(self.scores)
        if len(self.difficulty) != n or len(self.family) != n:
            raise ValueError(
                f"Results need one row per episode, got {len(self.difficulty)} difficulties, "
                f"{len(self.family)} families and {n} scores."
            )
        if (self.reason is not None and len(self.reason) != n) or (
            self.starts is not None and len(self.starts) != n
        ):
            raise ValueError(f"Results need one reason and one start per episode, if any, for {n} scores.")
        for score in self.scores.tolist():
            if not 0.0 <= score <= 1.0:
                raise ValueError("Scores must lie in [0, 1]. Leave out episodes that were not graded.")

    def __len__(self) -> int:
        return len(self.scores)

    def state_dict(self) -> dict[str, Any]:
        """The columns as plain lists that JSON can hold; None where there is nothing."""
        starts = self.starts
        return {
            "difficulty": self.difficulty.tolist(),
            "family": self.family.tolist(),
            "scores": self.scores.tolist(),
            "reason": None if self.reason is None else self.reason.tolist(),
            "share": None if starts is None else starts.share.tolist(),
            "left": None if starts is None else [None if v == math.inf else v for v in starts.left.tolist()],
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], axes: int) -> Results:
        """Results from a ``state_dict``.

        Args:
            state: what ``state_dict`` returned.
            axes: number of axes.
        """
        starts = None
        if state["share"] is not None:
            left = [math.inf if value is None else value for value in state["left"]]
            starts = Starts(np.array(state["share"], dtype=np.float64), np.array(left, dtype=np.float64))
        return cls(
            np.array(state["difficulty"], dtype=np.float64).reshape(-1, axes),
            np.array(state["family"], dtype=np.int64),
            np.array(state["scores"], dtype=np.float64),
            None if state["reason"] is None else np.array(state["reason"], dtype=np.int64),
            starts,
        )

    def __getitem__(self, rows: slice) -> Results:
        return Results(
            self.difficulty[rows],
            self.family[rows],
            self.scores[rows],
            None if self.reason is None else self.reason[rows],
            None if self.starts is None else self.starts[rows],
        )


def join_results(parts: Sequence[Results]) -> Results:
    """Results of several parts, one after the other.

    Args:
        parts: at least one, all of one difficulty space. The reasons are known where all parts that are not
            empty say them.
    """
    reasons = [part.reason for part in parts]
    if any(reason is None for reason in reasons):  # nothing is missing where there are no results
        reasons = [part.reason for part in parts if len(part.scores)]
    known = [reason for reason in reasons if reason is not None]
    return Results(
        np.concatenate([part.difficulty for part in parts]),
        np.concatenate([part.family for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate(known) if known and len(known) == len(reasons) else None,
        join_starts([part.starts for part in parts], [len(part.scores) for part in parts]),
    )


def no_results(axes: int) -> Results:
    """Results of no episodes.

    Args:
        axes: number of axes.
    """
    return Results(np.empty((0, axes)), np.empty(0, dtype=np.int64), np.empty(0))


class WaitingResults:
    """Results that wait until there are enough of them to learn from.

    Args:
        axes: number of axes.
    """

    def __init__(self, axes: int) -> None:
        self._axes = axes
        self._parts: list[Results] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, results: Results) -> None:
        """Let more results wait, behind those that do."""
        self._parts.append(results)
        self._count += len(results.scores)

    def take(self, count: int) -> Results:
        """The first ``count`` of those that wait, which then wait no more."""
        waiting = self._joined()
        self._parts = [waiting[count:]]
        self._count -= count
        return waiting[:count]

    def _joined(self) -> Results:
        return join_results(self._parts) if self._parts else no_results(self._axes)

    def state_dict(self) -> dict[str, Any]:
        """All that wait, as ``Results.state_dict``."""
        return self._joined().state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let those wait that a ``state_dict`` holds, and no others."""
        results = Results.from_state(state, self._axes)
        self._parts, self._count = [results], len(results)


class TaskSampler(ABC):
    """A practice strategy.

    Args:
        space: axes and families of the domain.

    Attributes:
        name: what ``practice=`` calls it.
        failures_teach: whether the learner is shown the solution of every task it attempts, and so learns as
            much from those it fails; set by who knows the learner, before the first draw.
        blind: whether its draws never depend on results.
        plays_itself: whether only learners that play against themselves can practice with it.
        forgets: whether it is for learners with a memory, which keep nothing of its tasks: a control.
        findings: what probes of what held the learner up have found so far, in order.
        version: changes whenever draws may change. What was drawn before holds as long as it stays.
    """

    name: ClassVar[str]
    blind: ClassVar[bool] = False
    plays_itself: ClassVar[bool] = False
    forgets: ClassVar[bool] = False
    failures_teach: bool = False
    findings: Sequence[Finding] = ()
    version: int = 0

    def __init__(self, space: DifficultySpace) -> None:
        self.space = space
        self._counters = _counters(len(space) + 1)

    @abstractmethod
    def draw(self, keys: Keys) -> Draw:
        """Draw one task for each key. Changes nothing in the sampler.

        Args:
            keys: uint64 (n,), the source of all randomness: a row depends on its own key alone.
        """

    def update(self, results: Results) -> None:  # noqa: B027 (blind samplers have nothing to do)
        """Learn from finished episodes. A sampler that is blind to results ignores them.

        Args:
            results: n episodes, in the order in which they ended.
        """

    @property
    def steady_for(self) -> float:
        """Number of results, at least 1, before the one that may change draws; infinite if none does.

        Tasks for so many episodes can be drawn at once, which is much cheaper than one by one.
        """
        return math.inf if self.blind else 1

    @property
    def flops(self) -> float:
        """FLOPs of the sampler's own models so far: the "curriculum" line of the ledger."""
        return 0.0

    def describe(self) -> dict[str, float]:
        """The sampler's estimates now, for the logs ("ability")."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """What the sampler learned from results, as plain numbers and lists that JSON can hold."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a :meth:`state_dict` of the same kind of sampler on the same domain.

        Args:
            state: what ``state_dict`` returned.

        Raises:
            ValueError: if the state is of another kind of sampler or domain.
        """
        self._check_state(state)

    def _check_state(self, state: dict[str, Any]) -> None:
        if state.keys() != (expected := self.state_dict().keys()):
            raise ValueError(
                f"This state is not one of the sampler {self.name!r}: it holds {sorted(state)}, "
                f"expected {sorted(expected)}. Build the sampler that wrote it."
            )

    def _uniform(self, keys: Keys, limit: float = 1.0) -> tuple[Difficulty, Families]:
        """Difficulty uniform over [0, limit]^axes and a uniform family for each key."""
        numbers = uniform(keys[:, None], self._counters)
        family = (numbers[:, -1] * len(self.space.families)).astype(np.int64)
        return numbers[:, :-1] * limit, family


def _counters(number: int) -> Keys:
    """The first counters of a key that samplers may use."""
    return np.uint64(FIRST_COUNTER) + np.arange(number, dtype=np.uint64)


def _reason(keys: Keys, reason: int) -> NDArray[np.int64]:
    """The same reason for every key."""
    return np.full(len(keys), reason)


def _check_range(name: str, value: float, low: float, high: float) -> float:
    """Return an option's value if it lies in [low, high]."""
    if not low <= value <= high:
        raise ValueError(f"{name} must lie in [{low}, {high}], got {value!r}.")
    return value
