"""A proposer as a task sampler: what it learned in duels sets the tasks of single-agent practice."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.space import Difficulty, DifficultySpace
from etude_gym.practice.sampler import LEARNABILITY, Draw, Results, TaskSampler
from etude_gym.practice.solver_record import SolverRecord
from etude_gym.randomness import Keys


class ProposerPolicy(Protocol):
    """Chooses tasks from how the solver has scored so far.

    Attributes:
        flops_per_draw: FLOPs of choosing one task.
    """

    flops_per_draw: float

    def __call__(self, observation: NDArray[np.float32], keys: Keys) -> tuple[NDArray[np.int64], Difficulty]:
        """Choose one task for each key.

        Args:
            observation: float32 (n, features), what a proposer of a duel sees; all rows are alike.
            keys: uint64 (n,), the source of all randomness: a row depends on its own key alone.

        Returns:
            Family, int64 (n,), and difficulty, float64 in [0, 1], (n, axes).
        """


class ProposerSampler(TaskSampler):
    """Tasks that a proposer chooses.

    Args:
        space: axes and families of the domain.
        policy: the proposer.

    Attributes:
        record: how the solver has scored, kept up to date by ``update``.

    Raises:
        ValueError: if the policy has no attribute ``flops_per_draw``.
    """

    name: ClassVar[str] = "proposer"

    def __init__(self, space: DifficultySpace, policy: ProposerPolicy) -> None:
        super().__init__(space)
        if not hasattr(policy, "flops_per_draw"):
            raise ValueError(
                "The policy does not say what it costs, and practice has to count it: give it an attribute "
                "'flops_per_draw', 0.0 if it computes nothing worth counting."
            )
        self.record = SolverRecord(space)
        self._policy = policy

    def draw(self, keys: Keys) -> Draw:
        seen = np.repeat(self.record.observe()[None], len(keys), axis=0)
        family, difficulty = self._policy(seen, keys)
        family, difficulty = np.asarray(family, dtype=np.int64), np.asarray(difficulty, dtype=np.float64)
        self._check(family, difficulty, len(keys))
        # A proposer is paid for learnability: that is what it expects of these tasks.
        return Draw(keys, difficulty, family, np.full(len(keys), LEARNABILITY))

    def _check(self, family: NDArray[np.int64], difficulty: Difficulty, n: int) -> None:
        axes, families = len(self.space), len(self.space.families)
        if family.shape != (n,) or difficulty.shape != (n, axes):
            raise ValueError(
                f"The policy must return families of shape ({n},) and difficulties of shape ({n}, {axes}), "
                f"got {family.shape} and {difficulty.shape}."
            )
        if not ((family >= 0) & (family < families)).all():
            raise ValueError(f"The policy must return families from 0 to {families - 1}.")
        if not ((difficulty >= 0.0) & (difficulty <= 1.0)).all():
            raise ValueError("The policy must return difficulties in [0, 1].")

    def update(self, results: Results) -> None:
        for i in range(len(results.scores)):
            self.record.propose(results.difficulty[i], int(results.family[i]))
        self.record.update(results.difficulty, results.family, results.scores[:, None])

    @property
    def flops(self) -> float:
        """FLOPs of one draw for each result, by the policy's own figure."""
        return self.record.num_results * self._policy.flops_per_draw

    def describe(self) -> dict[str, float]:
        return {"success": self.record.recent_success}

    def state_dict(self) -> dict[str, Any]:
        return self.record.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._check_state(state)
        self.record.load_state_dict(state)
