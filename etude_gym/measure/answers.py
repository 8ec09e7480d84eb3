"""Every answer to the anchor tasks of an evaluation, in columns: what can be looked at afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.measure.curves import SCORE_DIGITS, SCORE_TOLERANCE, CurvePoint
from etude_gym.randomness import Keys
from etude_gym.tasks.keys import TaskBatch

DIGITS = 4
"""Of a difficulty, and of a stated confidence."""
OK = "ok"
"""The status of an answer that was read; the one that a record leaves out."""
PRACTICED = "practiced"
"""The status of a task that is left out because the agent has practiced one that says the same."""
UNANSWERED = "unanswered"
"""The status of a task that got no reply at all."""


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers of one evaluation, one row for each of n anchor tasks.

    Attributes:
        evaluation: place of the checkpoint in the grid, as in ``curve.jsonl``.
        compute: cumulative training compute at the evaluation, in the unit of the run.
        keys: task keys, uint64 (n,).
        families: indices into the families of the domain, int64 (n,).
        bands: of the cells that the tasks were drawn for, int64 (n,).
        difficulties: float64 in [0, 1], shape (n, axes).
        scores: raw scores in [0, 1], not corrected for chance, shape (n,); NaN where a task does not count.
        statuses: of the last reply to each task, a ``Status``, "unanswered", or "practiced" for one that was
            left out; "ok" throughout for an agent that acts instead of writing.
        confidence: stated probability that the answer is right, NaN without one, shape (n,); None in a domain
            without confidence.
        correct: whether the answer was right, float64 0 or 1, shape (n,); None as ``confidence`` is.

    Raises:
        ValueError: for columns of different lengths, or scores outside [0, 1].
    """

    evaluation: int
    compute: float
    keys: Keys
    families: NDArray[np.int64]
    bands: NDArray[np.int64]
    difficulties: NDArray[np.float64]
    scores: NDArray[np.float64]
    statuses: tuple[str, ...]
    confidence: NDArray[np.float64] | None = None
    correct: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        columns = (self.keys, self.families, self.bands, self.difficulties, self.scores, self.statuses)
        lengths = [len(column) for column in (*columns, self.confidence, self.correct) if column is not None]
        if len(set(lengths)) > 1 or self.difficulties.ndim != 2:
            raise ValueError(
                "Answers need one row for a task in every column, and difficulties of shape (n, axes). Got "
                f"columns of {lengths} rows and difficulties of shape {self.difficulties.shape}."
            )
        if (self.confidence is None) != (self.correct is None):
            raise ValueError("Confidence is measured against whether answers were right: both, or neither.")
        counted = self.scores[~np.isnan(self.scores)]
        if not np.all((counted >= -SCORE_TOLERANCE) & (counted <= 1 + SCORE_TOLERANCE)):
            raise ValueError("scores must be numbers in [0, 1], or NaN for a task that does not count.")

    @classmethod
    def to_tasks(
        cls,
        tasks: TaskBatch,
        bands: NDArray[np.int64],
        scores: NDArray[np.float64],
        statuses: tuple[str, ...],
        outcomes: Mapping[str, NDArray[Any]],
    ) -> Answers:
        """Answers that belong to no checkpoint yet.

        Args:
            tasks: n tasks.
            bands: of their cells, shape (n,).
            scores: raw scores, NaN where a task does not count, shape (n,).
            statuses: of the last replies, n of them.
            outcomes: may hold "confidence" and "correct", each of shape (n,).
        """
        confidence, correct = (
            np.asarray(outcomes[name], dtype=np.float64) if "confidence" in outcomes else None
            for name in ("confidence", "correct")
        )
        columns = (tasks.keys, tasks.family, bands, tasks.difficulty, scores)
        return cls(0, 0.0, *columns, statuses, confidence, correct)

    def at(self, point: CurvePoint) -> Answers:
        """The same answers as those of a checkpoint.

        Args:
            point: the checkpoint.
        """
        return replace(self, evaluation=point.index, compute=point.compute)

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Which tasks count, shape (n,)."""
        return ~np.isnan(self.scores)

    def record(self) -> dict[str, Any]:
        """One line of ``answers.jsonl``: columns of plain numbers, compact.

        Keys are hexadecimal; numbers are rounded to 4 digits, and null where there is none; "statuses" holds
        the rows of each status other than "ok".
        """
        others = sorted(set(self.statuses) - {OK})
        record: dict[str, Any] = {
            "evaluation": int(self.evaluation),
            "compute": float(self.compute),
            "keys": [f"{key:016x}" for key in self.keys.tolist()],
            "families": self.families.tolist(),
            "bands": self.bands.tolist(),
            "difficulties": np.round(self.difficulties, DIGITS).tolist(),
            "scores": _plain(self.scores, SCORE_DIGITS),
            "statuses": {
                status: [row for row, each in enumerate(self.statuses) if each == status] for status in others
            },
        }
        if self.confidence is not None and self.correct is not None:
            record["confidence"] = _plain(self.confidence, DIGITS)
            record["correct"] = _plain(self.correct, 0)
        return record

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Answers:
        """The inverse of ``record``, but for the digits that it leaves out.

        Args:
            record: a line of ``answers.jsonl``.

        Raises:
            KeyError, TypeError, ValueError, IndexError: if it is no such record.
        """
        statuses = [OK] * len(record["keys"])
        for status, rows in record["statuses"].items():
            for row in rows:
                statuses[row] = str(status)
        difficulties = np.array(record["difficulties"], dtype=np.float64)
        return cls(
            int(record["evaluation"]),
            float(record["compute"]),
            np.array([int(key, 16) for key in record["keys"]], dtype=np.uint64),
            np.array(record["families"], dtype=np.int64),
            np.array(record["bands"], dtype=np.int64),
            difficulties,
            np.array(record["scores"], dtype=np.float64),  # null is NaN
            tuple(statuses),
            *(
                np.array(record[name], dtype=np.float64) if name in record else None
                for name in ("confidence", "correct")
            ),
        )


def _plain(column: NDArray[np.float64], digits: int) -> list[float | None]:
    return [None if np.isnan(value) else round(value, digits) for value in column.tolist()]
