"""The sampler that goes where scores are changing."""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.difficulty.bands import NUM_BANDS, band_edges, band_of, levels
from etude_gym.difficulty.space import DifficultySpace
from etude_gym.practice.learner_model import Floats
from etude_gym.practice.sampler import PROGRESS, UNIFORM, Draw, Results, TaskSampler, _check_range, _counters
from etude_gym.randomness import Keys, uniform


class LearningProgressSampler(TaskSampler):
    """Tasks where scores are changing: absolute learning progress over cells of band and family.

    A cell's progress is the distance between a fast and a slow exponential average of its scores
    (Kanitscheider et al. 2021, arXiv:2106.14876, section 3.2; the absolute value also brings back what is
    being forgotten). Needs no learner model.

    Args:
        space: axes and families of the domain.
        uniform_share: share of the tasks drawn uniformly from the whole space.
        fast_rate: weight of a cell's newest score in the fast average.
        slow_rate: the same in the slow average.
        candidates: tasks to look among, for each key, for one inside the cell; the nearest serves if none
            is (1% of the keys at 16).
    """

    name = "learning_progress"

    def __init__(
        self,
        space: DifficultySpace,
        *,
        uniform_share: float = 0.2,
        fast_rate: float = 0.02,
        slow_rate: float = 0.005,
        candidates: int = 16,
    ) -> None:
        super().__init__(space)
        self.uniform_share = _check_range("uniform_share", uniform_share, 0.0, 1.0)
        self.fast_rate = _check_range("fast_rate", fast_rate, 0.0, 1.0)
        self.slow_rate = _check_range("slow_rate", slow_rate, 0.0, 1.0)
        _check_range("candidates", candidates, 1, 2**31)
        self._edges = band_edges(space)
        self._fast = [0.0] * (NUM_BANDS * len(space.families))
        self._slow = list(self._fast)
        self._candidate_counters = _counters(candidates * len(space)).reshape(candidates, -1)
        self._cell_counters = _counters(candidates * len(space) + 3)[-3:]

    @property
    def progress(self) -> Floats:
        """Absolute learning progress, shape (families, bands)."""
        distance: Floats = np.abs(np.array(self._fast) - np.array(self._slow))
        return distance.reshape(-1, NUM_BANDS)

    def draw(self, keys: Keys) -> Draw:
        numbers = uniform(keys[:, None], self._cell_counters)
        # Without any progress (before the first success) all cells are alike.
        edges = np.cumsum(self.progress + 1e-6)
        cell = np.searchsorted(edges, numbers[:, 0] * edges[-1], side="right")
        family, band = np.divmod(np.minimum(cell, len(edges) - 1), NUM_BANDS)
        candidates = uniform(keys[:, None, None], self._candidate_counters)
        means = levels(self.space, candidates, family[:, None])
        low, high = self._edges[family, band, None], self._edges[family, band + 1, None]
        # 0 inside the band: argmin takes the first candidate that is.
        chosen = np.maximum(np.maximum(low - means, means - high), 0.0).argmin(axis=1)
        uniformly = numbers[:, 1] < self.uniform_share
        chosen[uniformly] = 0
        uniform_family = (numbers[:, 2] * len(self.space.families)).astype(np.int64)
        return Draw(
            keys,
            candidates[np.arange(len(keys)), chosen],
            np.where(uniformly, uniform_family, family),
            np.where(uniformly, UNIFORM, PROGRESS),
        )

    def update(self, results: Results) -> None:
        bands = band_of(self.space, results.difficulty, results.family)
        cells = (results.family * NUM_BANDS + bands).tolist()
        for cell, score in zip(cells, results.scores.tolist(), strict=True):
            self._fast[cell] += self.fast_rate * (score - self._fast[cell])
            self._slow[cell] += self.slow_rate * (score - self._slow[cell])
        self.version += 1

    def state_dict(self) -> dict[str, Any]:
        return {"fast": list(self._fast), "slow": list(self._slow)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._check_state(state)
        if not len(state["fast"]) == len(state["slow"]) == len(self._fast):
            raise ValueError(f"The state has {len(state['fast'])} cells, this domain {len(self._fast)}.")
        self._fast, self._slow = list(state["fast"]), list(state["slow"])
        self.version += 1
