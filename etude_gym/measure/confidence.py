"""Confidence: whether the probabilities that an agent states agree with how often it is right.

A domain is measured here if its outcomes hold "confidence", the probability in [0, 1] that the agent
stated for its answer to be right (NaN where an episode ended without an answer), and "correct", whether it
was right. The score depends on neither.

Agents are ranked by the Brier score. It is proper: nothing is gained by stating anything but what one
believes. The expected calibration error (ECE) is not used: estimated from bins it is biased upward at small
samples (Kumar, Liang and Ma 2019; Roelofs et al. 2022); a perfect forecaster has one of 0.17 at 50 answers
and 0.04 at 1,000. Bins serve for looking only, in the reliability diagram.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

NUM_BINS = 10
"""Bins of the reliability diagram, of equal width: [0, 0.1), [0.1, 0.2), ... [0.9, 1]."""


@dataclass(frozen=True)
class Bin:
    """The answers whose stated confidence lies in one bin.

    Attributes:
        count: how many there are.
        confidence: mean of the stated confidence; None if there are none.
        correct: share of them that was right; None if there are none.
    """

    count: int
    confidence: float | None
    correct: float | None


@dataclass(frozen=True)
class Reliability:
    """How confident the answers of an agent were, and how often they were right.

    Attributes:
        brier: Brier score; None without answers.
        bins: the reliability diagram, ``NUM_BINS`` bins from no confidence to full confidence.
        unanswered: episodes that ended without an answer; they count nowhere else.
    """

    brier: float | None
    bins: tuple[Bin, ...]
    unanswered: int

    @classmethod
    def from_answers(cls, confidence: ArrayLike, correct: ArrayLike) -> Reliability:
        """Measure the answers of some episodes.

        Args:
            confidence: stated probability that the answer is right, NaN without an answer, shape (n,).
            correct: whether it was right, shape (n,); does not matter where there is no answer.

        Raises:
            ValueError: for shapes that differ, or numbers that are none of these.
        """
        stated, right = answered(confidence, correct)
        return cls(
            brier_score(stated, right), reliability_diagram(stated, right), np.size(confidence) - len(stated)
        )

    @classmethod
    def pooled(cls, parts: Sequence[Reliability]) -> Reliability:
        """The reliability of several sets of answers taken together, every answer counting the same.

        Args:
            parts: at least one.
        """
        columns = zip(*(part.bins for part in parts), strict=True)
        return cls(
            brier=_mean((part.brier, part.answered) for part in parts),
            bins=tuple(_pooled_bin(column) for column in columns),
            unanswered=sum(part.unanswered for part in parts),
        )

    @property
    def answered(self) -> int:
        """Episodes that ended with an answer."""
        return sum(each.count for each in self.bins)

    @property
    def mean_confidence(self) -> float | None:
        """Mean of the stated confidence; None without answers."""
        return _mean((each.confidence, each.count) for each in self.bins)

    @property
    def share_correct(self) -> float | None:
        """Share of the answers that was right; None without answers."""
        return _mean((each.correct, each.count) for each in self.bins)

    @property
    def base_rate_brier(self) -> float | None:
        """Brier score of stating the share correct, whatever the task; None without answers."""
        share = self.share_correct
        return None if share is None else base_rate_brier(share)

    @property
    def skill(self) -> float | None:
        """Brier skill score; None without answers, and where all answers or none were right."""
        return brier_skill_score(self.brier, self.share_correct)

    def record(self) -> dict[str, Any]:
        """As plain data for JSON: the fields, and the statistics that follow from them."""
        return {
            "brier": self.brier,
            "skill": self.skill,
            "mean_confidence": self.mean_confidence,
            "share_correct": self.share_correct,
            "answered": self.answered,
            "unanswered": self.unanswered,
            "bins": [asdict(each) for each in self.bins],
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Reliability:
        """The inverse of ``record``.

        Args:
            record: "brier", "bins" and "unanswered"; the rest follows from them and is not read.

        Raises:
            KeyError, TypeError, ValueError: if it is no such record.
        """
        bins = tuple(Bin(**each) for each in record["bins"])
        if len(bins) != NUM_BINS:
            raise ValueError(f"A reliability has {NUM_BINS} bins, got {len(bins)}.")
        return cls(record["brier"], bins, int(record["unanswered"]))


def answered(confidence: ArrayLike, correct: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The episodes that ended with an answer.

    Args:
        confidence: stated probability that the answer is right, NaN without an answer, shape (n,).
        correct: whether it was right, shape (n,).

    Returns:
        Confidence and correctness (0 or 1) of the m <= n answers, each of shape (m,).

    Raises:
        ValueError: for shapes that differ, confidence outside [0, 1] or correctness other than 0 and 1.
    """
    stated, right = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    if stated.ndim != 1 or stated.shape != right.shape:
        raise ValueError(
            "confidence and correct need one number for each episode, shape (n,), got shapes "
            f"{stated.shape} and {right.shape}."
        )
    given = ~np.isnan(stated)
    stated, right = stated[given], right[given]
    outside = stated[(stated < 0) | (stated > 1)]
    if len(outside):
        raise ValueError(
            f"confidence must be a probability in [0, 1], or NaN without an answer, got {outside[0]}."
        )
    if not np.isin(right, (0, 1)).all():
        raise ValueError("correct must say of every answer whether it was right: False or True.")
    return stated, right


def brier_score(confidence: ArrayLike, correct: ArrayLike) -> float | None:
    """Mean squared difference between stated confidence and the outcome, ``mean((c - y)^2)``.

    0 is the best, 1 the worst; stating 0.5 throughout has 0.25. This is half of the score that Brier (1950)
    defined, a sum over both classes (right, wrong).

    Args:
        confidence: as for ``answered``, shape (n,).
        correct: as for ``answered``, shape (n,).

    Returns:
        The score; None without answers.
    """
    stated, right = answered(confidence, correct)
    return float(np.mean((stated - right) ** 2)) if len(stated) else None


def base_rate_brier(base_rate: float) -> float:
    """Brier score of stating the base rate o of right answers, whatever the task: ``o (1 - o)``.

    Args:
        base_rate: share of right answers, in [0, 1].
    """
    return base_rate * (1 - base_rate)


def brier_skill_score(brier: float | None, base_rate: float | None) -> float | None:
    """Share of the base rate's Brier score that is saved, ``1 - brier / (o (1 - o))`` with base rate o.

    1 for a perfect forecaster, 0 for one that states the share correct whatever the task, below 0 for worse.
    By the partition of Murphy (1973) it is (resolution - reliability) / uncertainty.

    Args:
        brier: Brier score of the answers.
        base_rate: share of them that was right.

    Returns:
        The skill; None without answers, and for a base rate of 0 or 1: its own Brier score is 0 and leaves
        nothing to save.
    """
    if brier is None or base_rate is None or base_rate in (0.0, 1.0):
        return None
    return 1 - brier / base_rate_brier(base_rate)


def reliability_diagram(confidence: ArrayLike, correct: ArrayLike) -> tuple[Bin, ...]:
    """The reliability diagram (Murphy and Winkler 1977): how often answers were right by confidence stated.

    Args:
        confidence: as for ``answered``, shape (n,).
        correct: as for ``answered``, shape (n,).

    Returns:
        ``NUM_BINS`` bins of equal width; a confidence on an edge belongs to the bin above.
    """
    stated, right = answered(confidence, correct)
    place = np.digitize(stated, np.arange(1, NUM_BINS) / NUM_BINS)
    return tuple(_bin(stated[place == i], right[place == i]) for i in range(NUM_BINS))


def _bin(stated: NDArray[np.float64], right: NDArray[np.float64]) -> Bin:
    if not len(stated):
        return Bin(0, None, None)
    return Bin(len(stated), float(stated.mean()), float(right.mean()))


def _pooled_bin(bins: Sequence[Bin]) -> Bin:
    return Bin(
        sum(each.count for each in bins),
        _mean((each.confidence, each.count) for each in bins),
        _mean((each.correct, each.count) for each in bins),
    )


def _mean(weighted: Iterable[tuple[float | None, int]]) -> float | None:
    """Mean of values with weights; None has no weight. None if nothing has."""
    pairs = [(value, weight) for value, weight in weighted if value is not None and weight]
    total = sum(weight for _, weight in pairs)
    return sum(value * weight for value, weight in pairs) / total if total else None
