"""The project's own sampler: a box of difficulty that grows as the learner masters it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.space import DifficultySpace
from etude_gym.practice.drills import StartLimits
from etude_gym.practice.plateau import PlateauTest
from etude_gym.practice.probing import Finding, ProbeRound
from etude_gym.practice.sampler import (
    BASICS,
    BOX,
    DRILL,
    GAP,
    PROBE,
    Draw,
    Results,
    TaskSampler,
    WaitingResults,
    _check_range,
    _counters,
)
from etude_gym.randomness import Keys, uniform

BASICS_SHARE = 0.5
"""Share of a family's tasks that are basics while all of those are failed."""
BASICS_RATE, SCORE_RATE = 0.02, 0.01
"""Weight of the newest score in the running scores on the basics and in the box, once there are enough."""
LEAST_BASICS_SCORE = 0.05
"""Scores in the box are compared with the score on the basics, or with this if that is lower."""
MASTERY = 0.5
"""Part of the score on the basics at which the box stands still."""
FALL, RISE = -1.0, 2.0
"""Bounds of what one result moves a limit by, in units of the rate."""
SETTLING = 10
"""Results of a family over which steps stay as large as at first."""
BEYOND_BASICS = 1.5
"""Limit in units of ``start`` above which the basics say nothing of the box."""
HIGH_SCORE = 0.9
"""Score in the box from which on there is nothing to probe for."""
LEARNED = 0.5
"""Score on the basics below which it is the basics that hold a family up, and no probes are needed."""
LEAD = 0.15
"""Running score by which another family has to be ahead of one that is stuck, to be named."""
PROBE_SHARE = 0.8
"""Share of a family's tasks that are probes while it is probed."""
GAP_SHARE = 0.5
"""Share of a family's tasks that go to the gap, once one is found, until it is closed."""
LARGEST_BATCH = 64
"""Results that wait until draws change, at most; a sixteenth of all so far, while those are few."""


class GrowingBoxSampler(TaskSampler):
    """Tasks from a box of difficulty for each family, which grows while the learner masters it.

    Families have equal shares. The box is [0, limit]^axes. It grows while the learner does at least half as
    well in it as on the basics, the tasks of [0, start]^axes, and shrinks otherwise: no length of a ramp, no
    score to aim at. The basics come back for as long as they are failed. It ends at the whole space.

    Where scores in the box stop rising (``PlateauTest``), the family's neighbors are probed for a while
    (``ProbeRound``): one axis pulled down at a time, and the basics. If an axis explains the failures, half
    of the family's tasks come from a second box, in which that axis starts again from the basics and grows by
    the same rule.

    Steps shrink with the number of results down to ``rate``, so that it makes sense of a hundred results, as
    of a language model, and of a hundred thousand.

    Args:
        space: axes and families of the domain.
        start: highest value of every axis in the basics.
        rate: smallest step of a limit for each result.
        drill_share: share of the episodes that are drills of tasks from the whole space, started where
            :class:`StartLimits` lets them.
    """

    name = "adaptive"

    def __init__(
        self, space: DifficultySpace, *, start: float = 0.1, rate: float = 0.002, drill_share: float = 0.0
    ) -> None:
        super().__init__(space)
        self.start = _check_range("start", start, 0.0, 1.0)
        self.rate = _check_range("rate", rate, 0.0, 1.0)
        self.drill_share = _check_range("drill_share", drill_share, 0.0, 1.0)
        self.start_limits = StartLimits()
        self.findings: list[Finding] = []
        self._families = [_Family(len(space), self.start, self.rate) for _ in space.families]
        self._num_results = 0
        self._waiting = WaitingResults(len(space))
        self._kind_counters = _counters(len(space) + 4)[-3:]
        self._drill_counters = _counters(len(space) + 6)[-2:]

    def draw(self, keys: Keys) -> Draw:
        numbers, family = self._uniform(keys)
        kind, which, neighbor = uniform(keys[:, None], self._kind_counters).T
        low, high = np.zeros_like(numbers), np.empty_like(numbers)
        reason = np.empty(len(keys), dtype=np.int64)
        for index, state in enumerate(self._families):
            rows = np.flatnonzero(family == index)
            high[rows], reason[rows] = 1.0 if self.failures_teach else state.limit, BOX
            if not self.failures_teach:
                basics = rows[kind[rows] < BASICS_SHARE * (1.0 - state.basics)]
                high[basics], reason[basics] = self.start, BASICS
            if state.probing is not None:
                probes = rows[which[rows] < PROBE_SHARE]
                chosen = (neighbor[probes] * len(state.probing.low)).astype(np.int64)
                low[probes], high[probes] = state.probing.low[chosen], state.probing.high[chosen]
                reason[probes] = PROBE
            elif state.gap_axes:
                gap = rows[(which[rows] < GAP_SHARE) & (reason[rows] == BOX)]
                high[gap[:, None], state.gap_axes], reason[gap] = state.gap_limit, GAP
        if not self.drill_share:
            return Draw(keys, low + (high - low) * numbers, family, reason)
        drilled, start = uniform(keys[:, None], self._drill_counters).T
        drills = drilled < self.drill_share
        difficulty = np.where(drills[:, None], numbers, low + (high - low) * numbers)
        starts = self.start_limits.starts(difficulty, start)
        starts.left[~drills] = np.inf
        return Draw(keys, difficulty, family, np.where(drills, DRILL, reason), starts)

    def update(self, results: Results) -> None:
        self._waiting.add(results)
        while len(self._waiting) >= (batch := self._batch):
            self._num_results += batch
            self._learn(self._waiting.take(batch))

    @property
    def _batch(self) -> int:
        """Number of results of the next batch."""
        return min(max(1, self._num_results // 16), LARGEST_BATCH)

    @property
    def steady_for(self) -> float:
        return self._batch - len(self._waiting)

    def _learn(self, batch: Results) -> None:
        reasons = np.full(len(batch), BOX) if batch.reason is None else batch.reason
        for index, state in enumerate(self._families):
            own = np.flatnonzero(batch.family == index)
            state.learn(batch.difficulty[own], batch.scores[own], reasons[own], self.failures_teach)
            others = {i: other.score for i, other in enumerate(self._families) if i != index}
            self.findings += state.find(index, others, self.failures_teach)
        if self.drill_share:
            self.start_limits.update(batch)
        self.version += 1

    def describe(self) -> dict[str, float]:
        values: dict[str, float] = {}
        for name, state in zip(self.space.families, self._families, strict=True):
            values |= {f"limit_{name}": state.limit, f"score_{name}": state.score}
            values |= {} if self.failures_teach else {f"basics_{name}": state.basics}
            values |= {f"gap_limit_{name}": state.gap_limit} if state.gap_axes else {}
        return values | (self.start_limits.describe() if self.drill_share else {})

    def state_dict(self) -> dict[str, Any]:
        return {
            "families": [state.state_dict() for state in self._families],
            "findings": [asdict(finding) for finding in self.findings],
            "num_results": self._num_results,
            "failures_teach": self.failures_teach,
            "start_limits": self.start_limits.state_dict(),
            "waiting": self._waiting.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._check_state(state)
        if len(state["families"]) != len(self._families):
            raise ValueError(
                f"The state has {len(state['families'])} families, this domain {len(self._families)}."
            )
        for family, stored in zip(self._families, state["families"], strict=True):
            family.load_state_dict(stored)
        self.findings = [Finding(**stored) for stored in state["findings"]]
        self._num_results, self.failures_teach = int(state["num_results"]), bool(state["failures_teach"])
        self.start_limits.load_state_dict(state["start_limits"])
        self._waiting.load_state_dict(state["waiting"])
        self.version += 1


class _Family:
    """What is known of one family, and its box.

    Args:
        axes: number of axes.
        start: highest value of every axis in the basics.
        rate: smallest step of a limit for each result.

    Attributes:
        limit: highest value of every axis in the box.
        basics: running score on the basics; 0 before any.
        score: running score in the box.
        gap_axes: axes that explained the failures at the last plateau; empty if none did, or it is closed.
        gap_limit: their highest value in the box of the gap.
        probing: the round of probes that is going on.
    """

    def __init__(self, axes: int, start: float, rate: float) -> None:
        self._axes, self._start, self._rate = axes, start, rate
        self.limit = start
        self.basics = self.score = 0.0
        self.gap_axes: list[int] = []
        self.gap_limit = start
        self.probing: ProbeRound | None = None
        self._plateau = PlateauTest()
        self._num_basics = self._num_box = 0

    def learn(
        self,
        difficulty: NDArray[np.float64],
        scores: NDArray[np.float64],
        reasons: NDArray[np.int64],
        failures_teach: bool,
    ) -> None:
        """Learn from results of this family, in the order in which they came.

        Args:
            difficulty: float64 (n, axes).
            scores: float64 (n,).
            reasons: int64 (n,), indices into ``REASONS``.
            failures_teach: whether the box is the whole space, as failures teach as well.
        """
        basic: list[bool] = np.all(difficulty <= self._start, axis=1).tolist()
        reached, beyond = [], BEYOND_BASICS * self._start
        for row, (score, reason) in enumerate(zip(scores.tolist(), reasons.tolist(), strict=True)):
            if reason == PROBE:
                if self.probing is not None:
                    self.probing.add(difficulty[row], score)
            elif reason == GAP:
                self._learn_in_gap(score)
            elif reason != DRILL:
                if basic[row]:
                    self._num_basics += 1
                    weight = max(BASICS_RATE, 1.0 / self._num_basics)
                    self.basics += weight * (score - self.basics)
                    if self.limit > beyond:
                        continue
                self._num_box += 1
                weight = max(SCORE_RATE, 1.0 / self._num_box)
                self.score += weight * (score - self.score)
                self.limit = 1.0 if failures_teach else self._moved(self.limit, score, 1.0)
                reached.append(self.limit * score)
        self._plateau.extend(reached, testing=self.probing is None)

    def _moved(self, limit: float, score: float, highest: float) -> float:
        """A limit after the score of a task below it."""
        mastery = score / max(self.basics, LEAST_BASICS_SCORE) - MASTERY
        rate = max(self._rate, 1.0 / (self._num_box + SETTLING))
        limit += rate * (RISE if mastery > RISE else FALL if mastery < FALL else mastery)
        return highest if limit > highest else self._start if limit < self._start else limit

    def _learn_in_gap(self, score: float) -> None:
        self.gap_limit = self._moved(self.gap_limit, score, self.limit)
        if self.gap_limit >= self.limit:
            self.gap_axes = []

    def find(self, family: int, others: dict[int, float], failures_teach: bool) -> list[Finding]:
        """Start a round of probes where practice stands still; end one that is finished, and turn to the gap.

        Args:
            family: index of this family.
            others: running scores of the other families, by index.
            failures_teach: whether nothing is known of the basics, as the box was the whole space throughout.

        Returns:
            What was found; nothing most of the time.
        """
        elsewhere = any(score > self.score + LEAD for score in others.values())
        if self._plateau.stands_still:
            self._plateau.restart()
            self.gap_axes = []
            if self.limit <= BEYOND_BASICS * self._start:  # nothing in this family is easier
                return [Finding(family, self.score, (), self.basics, others, (), True)] if elsewhere else []
            if self.score < HIGH_SCORE and (self.basics >= LEARNED or failures_teach):
                self.probing = ProbeRound(self._axes, self.limit, self._start)
        if self.probing is None or not self.probing.finished:
            return []
        finding = self.probing.finding(family, others, elsewhere)
        self.probing = None
        if finding.axes:
            self.gap_axes = [finding.axes[0]]
        elif finding.basics_alone:
            self.gap_axes = list(range(self._axes))
        self.gap_limit = self._start
        return [finding]

    def state_dict(self) -> dict[str, Any]:
        """Everything as plain numbers and lists that JSON can hold."""
        return {
            "limit": self.limit,
            "basics": self.basics,
            "score": self.score,
            "gap_axes": list(self.gap_axes),
            "gap_limit": self.gap_limit,
            "num_basics": self._num_basics,
            "num_box": self._num_box,
            "plateau": self._plateau.state_dict(),
            "probing": None if self.probing is None else self.probing.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a ``state_dict``.

        Args:
            state: what it returned.
        """
        self.limit, self.basics, self.score = state["limit"], state["basics"], state["score"]
        self.gap_axes, self.gap_limit = list(state["gap_axes"]), state["gap_limit"]
        self._num_basics, self._num_box = state["num_basics"], state["num_box"]
        self._plateau.load_state_dict(state["plateau"])
        self.probing = None
        if state["probing"] is not None:
            self.probing = ProbeRound(self._axes, state["probing"]["limit"], self._start)
            self.probing.load_state_dict(state["probing"])
