"""Drills: episodes that start in the middle of a task, and are paid for what was left to do.

As in reverse curricula (Florensa et al. 2017, arXiv:1707.05300) and Backplay (Resnick et al. 2018,
arXiv:1807.06919), the reference solution is played up to a point from which the learner has to finish.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.tasks.domain import Domain, Rows, Worlds
from etude_gym.tasks.keys import Starts

Work = dict[str, float]
"""What the reference solver spent, by unit of the compute ledger."""

_WHOLE = {"share": 0.0, "left": np.inf, "given": 0.0, "raw": 0.0}
"""Columns of ``Drills``, and what they hold for a whole task."""


class Drills:
    """Where the episodes of some environments started, and what their scores are worth from there.

    The score of a drill is (score - given) / (1 - given), and not less than 0: finishing all that was left is
    worth 1, what was given is worth nothing. Rewards are the increases of that. Whole tasks are left alone.

    Args:
        domain: the domain that is played.
        num_envs: environments side by side.

    Attributes:
        running: whether any of the present episodes is a drill. Otherwise there is nothing to ask for.
    """

    def __init__(self, domain: Domain, num_envs: int) -> None:
        self.running = False
        self._domain = domain
        self._share, self._left = np.zeros(num_envs), np.full(num_envs, np.inf)
        self._given, self._raw = np.zeros(num_envs), np.zeros(num_envs)
        self._work = _no_work()

    def begin(self, worlds: Worlds, rows: Rows, starts: Starts | None) -> None:
        """Bring episodes that have just begun to where they start.

        Args:
            worlds: array (num_envs,), changed.
            rows: int64 (m,), those that have begun.
            starts: m starts; None for whole tasks.
        """
        for name, value in _WHOLE.items():
            getattr(self, "_" + name)[rows] = value
        if starts is not None and (drills := starts.drills).any():
            wall, cpu = time.perf_counter(), time.process_time()
            drilled = rows[drills]
            played, steps = self._domain.fast_forward(worlds, drilled, starts[drills])
            self._share[drilled], self._left[drilled] = played.share, played.left
            inside = drilled[played.share > 0.0]
            self._given[inside] = self._domain.given(worlds, inside)
            self._raw[inside] = self._domain.outcome(worlds, inside)["score"]
            self._work["env_steps"] += steps
            self._work["wall_seconds"] += time.perf_counter() - wall
            self._work["cpu_seconds"] += time.process_time() - cpu
        self.running = bool((self._left < np.inf).any())

    def starts(self, rows: Rows) -> Starts | None:
        """Where episodes started in fact; None if all present episodes are whole tasks.

        Args:
            rows: int64 (m,).
        """
        return Starts(self._share[rows], self._left[rows]) if self.running else None

    def scores(self, rows: Rows, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores for what was left to do.

        Args:
            rows: int64 (m,).
            scores: float64 (m,), of the whole tasks.

        Returns:
            float64 in [0, 1], shape (m,); those of whole tasks as they are.
        """
        given = self._given[rows]
        room = 1.0 - given
        beyond = np.clip((scores - given) / np.where(room > 0.0, room, np.inf), 0.0, 1.0)
        return np.where(given > 0.0, beyond, scores)

    def rewards(self, rows: Rows, rewards: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rewards for what was left to do, of one step.

        Args:
            rows: int64 (m,).
            rewards: float64 (m,), of the whole tasks.
        """
        before = self._raw[rows]
        self._raw[rows] = after = before + rewards
        increase = self.scores(rows, after) - self.scores(rows, before)
        return np.where(self._given[rows] > 0.0, increase, rewards)

    def take_work(self) -> Work:
        """What the reference solver spent since the last call: environment steps and seconds, no FLOPs."""
        work = self._work
        if work["env_steps"]:
            self._work = _no_work()
        return work

    def state_dict(self) -> dict[str, Any]:
        """Where the present episodes started, if any is a drill, and the work that nobody has taken yet."""
        columns = {name: getattr(self, "_" + name).copy() for name in _WHOLE if self.running}
        return {**columns, "work": dict(self._work)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what ``state_dict`` returned.

        Args:
            state: of as many environments; an empty one if there were no drills yet.
        """
        for name, value in _WHOLE.items():
            getattr(self, "_" + name)[:] = state.get(name, value)
        self.running = "left" in state
        self._work = dict(state.get("work", _no_work()))


def _no_work() -> Work:
    return {"env_steps": 0.0, "wall_seconds": 0.0, "cpu_seconds": 0.0}
