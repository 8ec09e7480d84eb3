"""Samplers for learners that play against themselves, which carry them out."""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.difficulty.space import DifficultySpace
from etude_gym.practice.frontier import FrontierSampler
from etude_gym.practice.league import League
from etude_gym.practice.sampler import Draw, Results, TaskSampler
from etude_gym.practice.solver_record import SolverRecord
from etude_gym.randomness import Keys


class SelfPlaySampler(TaskSampler):
    """Tasks set by a proposer that the learner trains beside itself.

    It works only with learners that do so (``etude practice --agent rllib``): it draws nothing itself. It
    keeps the estimates of the solver's success, and the proposer's compute.

    Args:
        space: axes and families of the domain.

    Attributes:
        record: the ``SolverRecord`` that the proposer observes and is rewarded by.
    """

    name = "self_play"
    plays_itself = True

    RECENT = 64
    """Tasks whose mean score and difficulty ``describe`` tells."""

    def __init__(self, space: DifficultySpace) -> None:
        super().__init__(space)
        self.record = SolverRecord(space)
        self._flops = 0.0
        self._recent: list[list[float]] = []

    def draw(self, keys: Keys) -> Draw:
        raise ValueError(
            "The task sampler 'self_play' draws nothing: its tasks are set by a proposer that the learner "
            "trains beside itself. Use it as an arm of `etude practice --agent rllib`."
        )

    def update(self, results: Results) -> None:
        for i in range(len(results.scores)):
            self.record.propose(results.difficulty[i], int(results.family[i]))
        self.record.update(results.difficulty, results.family, results.scores[:, None])
        latest = np.column_stack((results.scores, results.difficulty.mean(axis=1))).tolist()
        self._recent = [*self._recent, *latest][-self.RECENT :]

    def spend(self, flops: float) -> None:
        """Book what the proposer has computed: choices, values and updates.

        Args:
            flops: FLOPs since the last call.
        """
        self._flops += flops

    @property
    def flops(self) -> float:
        return self._flops

    def describe(self) -> dict[str, float]:
        if not self._recent:
            return {}
        success, difficulty = np.mean(self._recent, axis=0).tolist()
        return {"success": success, "difficulty": difficulty}

    def state_dict(self) -> dict[str, Any]:
        return {"record": self.record.state_dict(), "flops": self._flops, "recent": list(self._recent)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._check_state(state)
        self.record.load_state_dict(state["record"])
        self._flops, self._recent = float(state["flops"]), list(state["recent"])


class RaceSampler(FrontierSampler):
    """Tasks as ``frontier`` draws them, on which the learner races against frozen snapshots of itself.

    It works only with learners that do so (``etude practice --agent rllib``). It holds their league.

    Args:
        space: axes and families of the domain.
        **options: see :class:`FrontierSampler`.

    Attributes:
        league: the snapshots and their ratings.
    """

    name = "race"
    plays_itself = True

    SLOTS = 4
    """Snapshots that the league holds."""

    def __init__(self, space: DifficultySpace, **options: Any) -> None:
        super().__init__(space, **options)
        self.league = League(self.SLOTS)

    def describe(self) -> dict[str, float]:
        ratings = {f"rating_slot_{entry['slot']}": entry["rating"] for entry in self.league.table()}
        return {**super().describe(), "rating": self.league.learner_rating, **ratings}

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "league": self.league.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.league.load_state_dict(state["league"])
