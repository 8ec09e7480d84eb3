"""Samplers that choose among candidate tasks by the scores that a learner model expects."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from etude_gym.difficulty.space import Difficulty, DifficultySpace
from etude_gym.practice.learnability import log_learnability
from etude_gym.practice.learner_model import NEWTON_STEPS, Families, Floats, LearnerModel
from etude_gym.practice.sampler import (
    FRONTIER,
    LEARNABILITY,
    UNIFORM,
    Draw,
    Results,
    TaskSampler,
    WaitingResults,
    _check_range,
    _counters,
)
from etude_gym.randomness import Keys, uniform


class LearnerModelSampler(TaskSampler):
    """Base of the samplers that choose among candidate tasks by the scores that a learner model expects.

    For each key it makes candidates and picks one with probability proportional to its weight, by the
    Gumbel-max trick on log weights, which stay finite and distinct where all expected scores are near
    0 or 1. A share of the keys takes its first candidate, uniform over the space, whatever its weight.

    Args:
        space: axes and families of the domain.
        uniform_share: share of the tasks drawn uniformly from the whole space.
        candidates: tasks to choose among for each key.
        batch_size: number of results after which the learner model is updated.
    """

    reason: ClassVar[int]

    def __init__(
        self,
        space: DifficultySpace,
        *,
        uniform_share: float = 0.2,
        candidates: int = 16,
        batch_size: int = 64,
    ) -> None:
        super().__init__(space)
        self.uniform_share = _check_range("uniform_share", uniform_share, 0.0, 1.0)
        self.batch_size = int(_check_range("batch_size", batch_size, 1, 2**31))
        _check_range("candidates", candidates, 1, 2**31)
        self.learner_model = LearnerModel(space)
        self._num_candidates = candidates
        self._num_results = 0
        self._waiting = WaitingResults(len(space))
        # For each candidate: the axes, the family, its level and its noise. One more for the share. Sorted by
        # what they are for, even candidates before odd ones, each part is one block of numbers.
        counters = _counters(candidates * (len(space) + 3)).reshape(candidates, -1)
        counters = np.concatenate((counters[0::2], counters[1::2]))
        axes, (family, level, noise) = counters[:, :-3].T, counters[:, -3:].T
        self._num_even = (candidates + 1) // 2
        share = _counters(counters.size + 1)[-1:]
        parts = (axes.ravel(), family, level[self._num_even :], noise, share)
        self._candidate_counters = np.concatenate(parts)[:, None]
        ends = np.cumsum([len(part) for part in parts]).tolist()
        self._parts = [slice(end - len(part), end) for part, end in zip(parts, ends, strict=True)]

    @abstractmethod
    def log_weights(self, logits: Floats) -> Floats:
        """Logarithm of the weight of tasks, up to a constant.

        Args:
            logits: logits of the expected scores, float64 of any shape.

        Returns:
            float64 array of the same shape.
        """

    def draw(self, keys: Keys) -> Draw:
        difficulty, family, noise, share = self._make_candidates(keys)
        weights = self.log_weights(self.learner_model.logits(np.moveaxis(difficulty, 0, -1), family))
        weights += noise
        uniformly = share < self.uniform_share
        chosen = np.where(uniformly, 0, weights.argmax(axis=0))
        rows = np.arange(len(keys))
        reason = np.where(uniformly, UNIFORM, self.reason)
        return Draw(keys, difficulty[:, chosen, rows].T.copy(), family[chosen, rows], reason)

    def _make_candidates(self, keys: Keys) -> tuple[Difficulty, Families, Floats, Floats]:
        """Candidates of each key, and a number in [0, 1) that says whether to choose among them.

        Even candidates are uniform over the space. With several axes nearly all of those are of middling
        difficulty, so odd candidates spread evenly from the easiest to the hardest corner: a uniform
        level, then every axis uniform over the widest interval within [0, 1] centered at that level.

        Returns:
            Difficulty (axes, m, n), family (m, n), Gumbel noise (m, n), the number (n,).
        """
        numbers = uniform(keys, self._candidate_counters)
        axes, families, level, noise, share = (numbers[part] for part in self._parts)
        difficulty = axes.reshape(len(self.space), self._num_candidates, len(keys))
        family = (families * len(self.space.families)).astype(np.int64)
        half_width = np.minimum(level, 1.0 - level)
        odd = difficulty[:, self._num_even :]
        odd[...] = level + half_width * (2.0 * odd - 1.0)
        noise = -np.log(-np.log(noise + 2.0**-54))
        return difficulty, family, noise, share[0]

    def update(self, results: Results) -> None:
        self._num_results += len(results.scores)
        self._waiting.add(results)
        if len(self._waiting) >= self.batch_size:
            self._learn()

    def _learn(self) -> None:
        """Give the learner model as many whole batches as there are."""
        learned = self._waiting.take(len(self._waiting) - len(self._waiting) % self.batch_size)
        for start in range(0, len(learned), self.batch_size):
            batch = learned[start : start + self.batch_size]
            self.learner_model.update(batch.difficulty, batch.family, batch.scores)
        self.version += 1

    @property
    def steady_for(self) -> float:
        return self.batch_size - len(self._waiting)

    @property
    def flops(self) -> float:
        """Products and sums of one draw for each result, and of the updates of the learner model."""
        size = len(self.space.families) + len(self.space)
        draw = 2 * size * self._num_candidates
        update = NEWTON_STEPS * (2 * size**2 + 6 * size + 2 * size**3 / self.batch_size)
        return self._num_results * (draw + update)

    def describe(self) -> dict[str, float]:
        model = self.learner_model
        return {
            "ability": float(model.ability.mean()),
            "ability_standard_error": float(model.ability_standard_error.mean()),
        }

    def state_dict(self) -> dict[str, Any]:
        return {
            "learner_model": self.learner_model.state_dict(),
            "waiting": self._waiting.state_dict(),
            "num_results": self._num_results,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._check_state(state)
        self.learner_model.load_state_dict(state["learner_model"])
        self._num_results = int(state["num_results"])
        self._waiting.load_state_dict(state["waiting"])
        self.version += 1


class FrontierSampler(LearnerModelSampler):
    """Tasks near the learner's frontier, where the expected score is about a target.

    The usual idea of a curriculum. It learns less than ``adaptive``: it begins too hard for a learner that
    can do nothing yet, and trades one axis against another.

    Args:
        space: axes and families of the domain.
        target: expected score at the frontier.
        width: standard deviation of the drawn tasks around the frontier, in logits.
        **options: see :class:`LearnerModelSampler`.
    """

    name = "frontier"
    reason = FRONTIER

    def __init__(
        self, space: DifficultySpace, *, target: float = 0.6, width: float = 0.5, **options: Any
    ) -> None:
        super().__init__(space, **options)
        if not 0.0 < target < 1.0 or width <= 0.0:
            raise ValueError(f"target must lie in (0, 1) and width above 0, got {target!r} and {width!r}.")
        self.target = target
        self.width = width

    def log_weights(self, logits: Floats) -> Floats:
        distance = (logits - math.log(self.target / (1.0 - self.target))) / self.width
        return -0.5 * distance * distance


class LearnabilitySampler(LearnerModelSampler):
    """Tasks in proportion to their learnability, p (1 - p), with p from the learner model."""

    name = "learnability"
    reason = LEARNABILITY

    def log_weights(self, logits: Floats) -> Floats:
        return log_learnability(logits)
