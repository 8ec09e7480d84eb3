"""Whether practice of one skill makes another one come sooner: the experiment that confirms a prerequisite.

Compared are runs that practice a skill A, a placebo as easy as A, or nothing, and then B. T_B is the compute
up to B, that of the practice before it included. Both directions are run: if practice of B brings A forward
as much, the two skills help each other, and neither is the prerequisite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from etude_gym.measure.intervals import half_width
from etude_gym.measure.milestones import crossing

SHARE_OF_GAIN = 0.5
"""Of the gain that practice of the second skill alone makes: there that skill counts as reached."""
WORTH = 0.9
"""A ratio of compute above this is no gain worth a name: an interval beyond it refutes a prerequisite."""
MOST_CENSORED = 0.25
"""Share of the runs that may end before they reach the skill."""

Verdict = Literal["confirmed", "refuted", "undecided"]


@dataclass(frozen=True)
class SkillCurves:
    """Learning curves of one skill, of several seeds, after the same practice.

    Attributes:
        before: compute spent before, one number for each seed.
        compute: at the checkpoints, increasing, one row for each seed.
        scores: mean score in the skill, of the same shape.
    """

    before: tuple[float, ...]
    compute: tuple[tuple[float, ...], ...]
    scores: tuple[tuple[float, ...], ...]

    def reach(self, threshold: float) -> list[float | None]:
        """Compute up to a score, with what was spent before; None for a seed that does not reach it.

        A seed that has it at the beginning counts as reaching it at the first checkpoint after that.

        Args:
            threshold: the score.
        """
        crossings = [
            crossing(compute, scores, threshold, compute[-1])
            for compute, scores in zip(self.compute, self.scores, strict=True)
        ]
        return [
            None if each is None else spent + max(each, compute[1])
            for spent, each, compute in zip(self.before, crossings, self.compute, strict=True)
        ]

    @property
    def ends(self) -> list[float]:
        """Compute at the end of each run, with what was spent before."""
        return [spent + compute[-1] for spent, compute in zip(self.before, self.compute, strict=True)]


@dataclass(frozen=True)
class Ratio:
    """A ratio of compute, paired over seeds.

    Attributes:
        value: geometric mean.
        low, high: its 95% interval, by t on the logarithms.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Direction:
    """What practice of one skill does for another.

    Attributes:
        threshold: score at which the second skill counts as reached.
        gain: of the score by practice of the second skill alone.
        against_placebo: compute after practice of the first skill, relative to that after the placebo.
        against_none: the same, relative to practice of the second skill alone.
        censored: share of the runs with practice before that end earlier; they count as reaching it at their
        end. logs: logarithms of the ratio to the placebo, one for each seed.
    """

    threshold: float
    gain: float
    against_placebo: Ratio
    against_none: Ratio
    censored: float
    logs: tuple[float, ...]


@dataclass(frozen=True)
class Transfer:
    """The result of the experiment.

    Attributes:
        forward: what practice of A does for B.
        reverse: what practice of B does for A.
        against_reverse: ratio of the two ratios to the placebo; below 1 where A helps B more than B helps A.
        verdict: confirmed, refuted or undecided.
        reason: why, in words.
    """

    forward: Direction
    reverse: Direction
    against_reverse: Ratio
    verdict: Verdict
    reason: str


def direction(first: SkillCurves, placebo: SkillCurves, none: SkillCurves) -> Direction:
    """Compare runs that reach one skill after different practice.

    Args:
        first: after practice of the first skill.
        placebo: after practice of the placebo.
        none: without practice before.

    Raises:
        ValueError: for fewer than two seeds, or arms of different seeds.
    """
    if len({len(arm.compute) for arm in (first, placebo, none)}) > 1 or len(none.compute) < 2:
        raise ValueError("A transfer is judged over two seeds at least, the same ones in all arms.")
    start, end = (float(np.mean([scores[place] for scores in none.scores])) for place in (0, -1))
    threshold = start + SHARE_OF_GAIN * (end - start)
    reached = [arm.reach(threshold) for arm in (first, placebo, none)]
    censored = float(np.mean([each is None for arm in reached[:2] for each in arm]))
    ours, theirs, alone = (
        np.log([end if each is None else each for each, end in zip(times, arm.ends, strict=True)])
        for times, arm in zip(reached, (first, placebo, none), strict=True)
    )
    logs = tuple((ours - theirs).tolist())
    return Direction(threshold, end - start, _ratio(logs), _ratio((ours - alone).tolist()), censored, logs)


def judge(forward: Direction, reverse: Direction) -> Transfer:
    """The verdict on a prerequisite.

    Args:
        forward: what practice of A does for B.
        reverse: what practice of B does for A.
    """
    differences = [a - b for a, b in zip(forward.logs, reverse.logs, strict=True)]
    against = _ratio(differences)
    ratio = forward.against_placebo
    told = f"{ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]"
    verdict: Verdict = "undecided"
    if forward.gain <= 0:
        reason = "practice of the second skill alone gains nothing, so there is no score to reach"
    elif forward.censored > MOST_CENSORED:
        reason = f"{forward.censored:.0%} of the runs do not reach the skill: give them a longer horizon"
    elif ratio.low > WORTH:
        verdict, reason = "refuted", f"practice before saves no compute worth a name, {told}"
    elif ratio.high < 1 and against.high < 1:
        verdict, reason = "confirmed", f"practice before saves compute, {told}, and more than in reverse"
    elif ratio.high < 1 and against.low > 1:
        verdict, reason = "refuted", f"practice before saves compute, {told}, but more so in reverse"
    elif ratio.high < 1:
        reason = f"practice before saves compute, {told}, but perhaps as much in reverse"
    else:
        reason = f"the interval holds 1, {told}"
    return Transfer(forward, reverse, against, verdict, reason)


def _ratio(logs: Sequence[float]) -> Ratio:
    middle, half = float(np.mean(logs)), half_width(np.asarray(logs, dtype=np.float64))
    return Ratio(*(float(np.exp(value)) for value in (middle, middle - half, middle + half)))
