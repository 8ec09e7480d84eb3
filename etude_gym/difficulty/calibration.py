"""A domain's calibration: how hard its tasks are, fitted to a panel of learners and shipped as data.

``calibration.json`` stands beside the module of a domain; the domain's space reads it. Bands, priors of the
learner model and placement follow from it. A domain without one keeps the mean of its axes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.curve import DifficultyCurve

FILE = "calibration.json"
FORMAT = 1

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """Difficulty on one scale with ability, for every family of a domain.

    Attributes:
        domain: its name with its version ("plan-v0"); tasks of another version are other tasks.
        axes: names of the axes.
        families: names of the families.
        curves: one for each family.
        ability_correlations: of abilities in two families, over the panel.
        drift_per_result: variance (squared logits) that an ability gains for each practiced episode.
        report: how it was made and how well it fits: intervals, checks, the panel, versions.
    """

    domain: str
    axes: tuple[str, ...]
    families: tuple[str, ...]
    curves: tuple[DifficultyCurve, ...]
    ability_correlations: tuple[tuple[float, ...], ...]
    drift_per_result: float
    report: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def hash(self) -> str:
        """Names the calibration: the same for the same curves, whatever the report says. 16 hex digits.

        Numbers count to eight digits, as their last bits differ between machines that fit the same panel.
        """
        content = json.dumps(_rounded(self._content()), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def logits(self, family: NDArray[np.int64], difficulty: Floats) -> Floats:
        """Calibrated difficulty of tasks, in logits.

        Args:
            family: indices of families, of any shape.
            difficulty: float64 in [0, 1], of that shape and a last dimension for the axes.

        Returns:
            float64 of the shape of ``family``.
        """
        found = np.empty(family.shape)
        for index, curve in enumerate(self.curves):
            rows = family == index
            found[rows] = curve.logits(difficulty[rows])
        return found

    def _content(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "domain": self.domain,
            "axes": list(self.axes),
            "families": {
                name: curve.record() for name, curve in zip(self.families, self.curves, strict=True)
            },
            "ability_correlations": [list(row) for row in self.ability_correlations],
            "drift_per_result": self.drift_per_result,
        }

    def record(self) -> dict[str, Any]:
        """The calibration as ``calibration.json`` holds it."""
        return {"hash": self.hash, **self._content(), "report": dict(self.report)}

    @classmethod
    def from_record(cls, record: Mapping[str, Any], source: str = FILE) -> Calibration:
        """The calibration that a file holds.

        Args:
            record: see ``record``.
            source: what the error calls it.

        Raises:
            ValueError: if it is none, was changed by hand, or has a format that this version does not know.
        """
        try:
            if record["format"] != FORMAT:
                raise ValueError(f"its format is {record['format']}, this version reads {FORMAT}")
            calibration = cls(
                record["domain"],
                tuple(record["axes"]),
                tuple(record["families"]),
                tuple(DifficultyCurve.from_record(each) for each in record["families"].values()),
                tuple(tuple(map(float, row)) for row in record["ability_correlations"]),
                float(record["drift_per_result"]),
                record["report"],
            )
            if calibration.hash != record["hash"]:
                raise ValueError("its numbers do not belong to its hash: it was changed by hand")
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{source} is no calibration ({error}). Make one with: etude calibrate."
            ) from error
        return calibration


def _rounded(content: Any) -> Any:
    if isinstance(content, dict):
        return {name: _rounded(value) for name, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_rounded(value) for value in content]
    return f"{content:.8g}" if isinstance(content, float) else content


def read_calibration(path: Path) -> Calibration:
    """Read a calibration from a file.

    Args:
        path: of a ``calibration.json``.

    Raises:
        ValueError: if it cannot be read or is none.
    """
    try:
        record = json.loads(path.read_text())
    except (OSError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as a calibration ({error}).") from error
    return Calibration.from_record(record, str(path))


def shipped_calibration(module: str) -> Calibration | None:
    """The calibration that a domain ships; None if there is none yet.

    Args:
        module: file of the domain's module, ``__file__`` there.

    Raises:
        ValueError: if the file beside it is none.
    """
    path = Path(module).with_name(FILE)
    return read_calibration(path) if path.exists() else None
