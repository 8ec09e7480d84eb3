"""The rule by which boxes of difficulty move, as a numba kernel: thousands of results a millisecond.

Imported where results are first learned from, so that ``import etude_gym`` stays light.
"""

from __future__ import annotations

from typing import Any

from etude_gym.practice.growing_box import (
    BASICS_RATE,
    BEYOND_BASICS,
    CLOSED,
    FALL,
    LEAST_BASICS_SCORE,
    MASTERY,
    RISE,
    SCORE_RATE,
    SETTLING,
)
from etude_gym.practice.sampler import DRILL, GAP, PROBE
from etude_gym.tasks.kernels import entry_point, part

NOTHING = -1.0
"""Stands for a result that says nothing of the box."""


@part
def moved(limit: Any, score: Any, box: Any, start: Any, rate: Any, highest: Any) -> Any:
    """A limit after the score of a task below it."""
    mastery = score / max(box.basics, LEAST_BASICS_SCORE) - MASTERY
    step = max(rate, 1.0 / (box.num_box + SETTLING)) * min(max(mastery, FALL), RISE)
    return min(max(limit + step, start), highest)


@entry_point
def follow(
    boxes: Any,
    hardest: Any,
    family: Any,
    scores: Any,
    reasons: Any,
    start: Any,
    rate: Any,
    failures_teach: Any,
    reached: Any,
) -> None:
    """Move the boxes of all families, by results in the order in which they came.

    Args:
        boxes: BOX_RECORD (families,), changed.
        hardest: float64 (n,), limits at which tasks come within reach.
        family: int64 (n,).
        scores: float64 (n,).
        reasons: int64 (n,), indices into ``REASONS``.
        start: limit of the basics.
        rate: smallest step of a limit for each result.
        failures_teach: whether the box is the whole space, as failures teach as well.
        reached: float64 (n,), written: limit times score where the result is one of the box, else NOTHING.
    """
    for i in range(scores.shape[0]):
        box, score = boxes[family[i]], scores[i]
        reached[i] = NOTHING
        if reasons[i] == PROBE or reasons[i] == DRILL:
            continue
        if reasons[i] == GAP:
            if box.gap_limit != CLOSED:
                box.gap_limit = moved(box.gap_limit, score, box, start, rate, box.limit)
                if box.gap_limit >= box.limit:
                    box.gap_limit = CLOSED
            continue
        if hardest[i] <= start:
            box.num_basics += 1
            box.basics += max(BASICS_RATE, 1.0 / box.num_basics) * (score - box.basics)
            if box.limit > BEYOND_BASICS * start:
                continue
        box.num_box += 1
        box.score += max(SCORE_RATE, 1.0 / box.num_box) * (score - box.score)
        box.limit = 1.0 if failures_teach else moved(box.limit, score, box, start, rate, 1.0)
        reached[i] = box.limit * score
