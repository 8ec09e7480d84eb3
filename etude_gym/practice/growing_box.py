"""The project's own sampler: a box of difficulty that grows as the learner masters it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.space import DifficultySpace
from etude_gym.practice.axis_scale import AxisScale
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
CLOSED = 2.0
"""Limit of a gap that is closed, or of none: above all difficulty."""
LARGEST_BATCH = 64
"""Results that wait until draws change, at most; a sixteenth of all so far, while those are few."""


BOX_RECORD = np.dtype(
    [(name, np.float64) for name in ("limit", "basics", "score", "gap_limit")]
    + [(name, np.int64) for name in ("num_basics", "num_box")]
)
"""What is known of the box of a family: its highest value of every axis; the running scores on the basics and
in the box; the highest value of the axes of the gap; numbers of results on the basics and in the box."""


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
        calibrated: whether limits are what an axis costs by the domain's calibration (see
            :class:`AxisScale`), and not its highest value.
    """

    name = "adaptive"

    def __init__(
        self,
        space: DifficultySpace,
        *,
        start: float = 0.1,
        rate: float = 0.002,
        drill_share: float = 0.0,
        calibrated: bool = False,
    ) -> None:
        super().__init__(space)
        self.start = _check_range("start", start, 0.0, 1.0)
        self.rate = _check_range("rate", rate, 0.0, 1.0)
        self.drill_share = _check_range("drill_share", drill_share, 0.0, 1.0)
        self.start_limits = StartLimits(space)
        self.findings: list[Finding] = []
        self._boxes = np.zeros(len(space.families), dtype=BOX_RECORD)
        self._scale = AxisScale(space, calibrated)
        self._families = [
            _Family(self._boxes, index, self._scale, self.start) for index in range(len(space.families))
        ]
        self._basics = np.array([state.corner(self.start) for state in self._families])
        self._num_results = 0
        self._waiting = WaitingResults(len(space))
        self._draw_counters = _counters(len(space) + 4)
        self._drill_counters = _counters(len(space) + 6)[-2:]

    def draw(self, keys: Keys) -> Draw:
        drawn = uniform(keys[:, None], self._draw_counters)
        numbers = drawn[:, : len(self.space)]
        families, kind, which, neighbor = drawn[:, len(self.space) :].T
        family = (families * len(self.space.families)).astype(np.int64)
        difficulty, reason = numbers.copy(), np.full(len(keys), BOX)
        if not self.failures_teach:
            basics = kind < BASICS_SHARE * (1.0 - self._boxes["basics"][family])
            boxes = np.array([state.corner(state.box["limit"]) for state in self._families])
            difficulty *= np.where(basics[:, None], self._basics[family], boxes[family])
            reason = np.where(basics, BASICS, BOX)
        for index, state in enumerate(self._families):
            if state.probing is not None:
                rows = np.flatnonzero((family == index) & (which < PROBE_SHARE))
                chosen = (neighbor[rows] * len(state.probing.low)).astype(np.int64)
                low, high = state.probing.low[chosen], state.probing.high[chosen]
                difficulty[rows], reason[rows] = low + (high - low) * numbers[rows], PROBE
            elif state.gap_axes:
                rows = np.flatnonzero((family == index) & (which < GAP_SHARE) & (reason == BOX))
                gap, high = (rows[:, None], state.gap_axes), state.corner(state.box["gap_limit"])
                difficulty[gap], reason[rows] = high[state.gap_axes] * numbers[gap], GAP
        if not self.drill_share:
            return Draw(keys, difficulty, family, reason)
        drilled, start = uniform(keys[:, None], self._drill_counters).T
        drills = drilled < self.drill_share
        difficulty = np.where(drills[:, None], numbers, difficulty)
        starts = self.start_limits.starts(difficulty, family, start)
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
        from etude_gym.practice.box_kernel import NOTHING, follow

        reasons = np.full(len(batch), BOX) if batch.reason is None else batch.reason
        reached = np.empty(len(batch))
        hardest = self._scale.hardest(batch.difficulty, batch.family)
        columns = (hardest, batch.family, batch.scores, reasons)
        follow(self._boxes, *columns, self.start, self.rate, self.failures_teach, reached)
        values: list[list[float]] = [[] for _ in self._families]
        for index, value in zip(batch.family.tolist(), reached.tolist(), strict=True):
            if value != NOTHING:
                values[index].append(value)
        for index, state in enumerate(self._families):
            if state.probing is not None:
                for row in np.flatnonzero((batch.family == index) & (reasons == PROBE)):
                    state.probing.add(batch.difficulty[row], float(batch.scores[row]))
            state.notice(values[index])
            self.findings += state.find(self.failures_teach)
        if self.drill_share:
            self.start_limits.update(batch)
        self.version += 1

    def describe(self) -> dict[str, float]:
        values: dict[str, float] = {}
        for name, state in zip(self.space.families, self._families, strict=True):
            shown = ["limit", "score"]
            shown += [] if self.failures_teach else ["basics"]
            shown += ["gap_limit"] if state.gap_axes else []
            values |= {f"{column}_{name}": float(state.box[column]) for column in shown}
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
        self.findings = [Finding.from_state(stored) for stored in state["findings"]]
        self._num_results, self.failures_teach = int(state["num_results"]), bool(state["failures_teach"])
        self.start_limits.load_state_dict(state["start_limits"])
        self._waiting.load_state_dict(state["waiting"])
        self.version += 1


class _Family:
    """A family whose box is followed: whether it stands still, and what holds it up.

    Args:
        boxes: the records of all families, ``BOX_RECORD``.
        index: which of them is its own.
        scale: how far limits reach along the axes.
        start: limit of the basics.

    Attributes:
        gap_axes: axes that explained the failures at the last plateau; empty if none did, or it is closed.
        probing: the round of probes that is going on.
    """

    def __init__(self, boxes: NDArray[Any], index: int, scale: AxisScale, start: float) -> None:
        self._boxes, self._index = boxes, index
        self.box["limit"], self.box["gap_limit"] = start, CLOSED
        self._scale, self._start = scale, start
        self.gap_axes: list[int] = []
        self.probing: ProbeRound | None = None
        self._plateau = PlateauTest()

    @property
    def box(self) -> Any:
        """Its record, which can be written."""
        return self._boxes[self._index]

    def corner(self, limit: float) -> NDArray[np.float64]:
        """The highest value of each axis at a limit, float64 (axes,).

        Args:
            limit: in [0, 1].
        """
        return self._scale.corner(self._index, limit)

    def notice(self, reached: list[float]) -> None:
        """Take note of how far results got, now that the box has moved.

        Args:
            reached: limit times score of results in the box.
        """
        self._plateau.extend(reached, testing=self.probing is None)
        if self.box["gap_limit"] == CLOSED:
            self.gap_axes = []

    def find(self, failures_teach: bool) -> list[Finding]:
        """Start a round of probes where practice stands still; end one that is finished, and turn to the gap.

        Args:
            failures_teach: whether nothing is known of the basics, as the box was the whole space throughout.

        Returns:
            What was found; nothing most of the time.
        """
        probed = self.probing is not None and self.probing.finished
        if not probed and not self._plateau.stands_still:
            return []
        limit, score, basics = (float(self.box[name]) for name in ("limit", "score", "basics"))
        boxes: tuple[float, ...] = tuple(self._boxes["score"].tolist())
        elsewhere = any(other > score + LEAD for other in boxes)
        if self._plateau.stands_still:
            self._plateau.restart()
            self.gap_axes = []
            if limit <= BEYOND_BASICS * self._start:  # nothing in this family is easier
                stuck = Finding(self._index, score, (), basics, boxes, (), True)
                return [stuck] if elsewhere else []
            if score < HIGH_SCORE and (basics >= LEARNED or failures_teach):
                self.probing = self._probe_round(limit)
        if self.probing is None or not self.probing.finished:
            return []
        finding = self.probing.finding(self._index, boxes, elsewhere)
        self.probing = None
        if finding.axes:
            self.gap_axes = [finding.axes[0]]
        elif finding.basics_alone:
            self.gap_axes = list(range(len(self.corner(limit))))
        self.box["gap_limit"] = self._start if self.gap_axes else CLOSED
        return [finding]

    def _probe_round(self, limit: float) -> ProbeRound:
        return ProbeRound(limit, self.corner(limit), self.corner(self._start))

    def state_dict(self) -> dict[str, Any]:
        """Everything as plain numbers and lists that JSON can hold."""
        return {
            "box": list(self.box.item()),
            "gap_axes": list(self.gap_axes),
            "plateau": self._plateau.state_dict(),
            "probing": None if self.probing is None else self.probing.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a ``state_dict``.

        Args:
            state: what it returned.
        """
        for name, value in zip(BOX_RECORD.names or (), state["box"], strict=True):
            self.box[name] = value
        self.gap_axes = list(state["gap_axes"])
        self._plateau.load_state_dict(state["plateau"])
        self.probing = None
        if state["probing"] is not None:
            self.probing = self._probe_round(state["probing"]["limit"])
            self.probing.load_state_dict(state["probing"])
