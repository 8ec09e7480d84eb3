"""Reads finished runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etude_gym.measure.compute import ComputeMeter
from etude_gym.measure.confidence import Reliability
from etude_gym.measure.curves import LearningCurve, from_records
from etude_gym.runs.config import RunConfig
from etude_gym.runs.folder import COMPUTE, CONFIG, CURVE, RECORD, IncompleteRun, Run, read_json


@dataclass(frozen=True)
class LoadedRun:
    """A finished run.

    Attributes:
        folder: where it is.
        config: its configuration.
        curve: its anchor scores.
        repeated: compute done again after interruptions, outside the curve, in the unit of the run.
        anchor_salt: secret of its anchor tasks.
        reliability: of the confidence stated at the last checkpoint; None if there was none.
    """

    folder: Path
    config: RunConfig
    curve: LearningCurve
    repeated: float
    anchor_salt: int
    reliability: Reliability | None


def find_runs(paths: Sequence[Path]) -> list[Path]:
    """Folders of runs in or below the given folders.

    Args:
        paths: folders of runs or of experiments.

    Raises:
        IncompleteRun: if a path does not exist or holds no run.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            raise IncompleteRun(f"{path} is not a folder. Give folders of runs or of experiments.")
        inside = sorted(config.parent for config in path.rglob(CONFIG) if _is_of_a_run(read_json(config)))
        if not inside:
            raise IncompleteRun(f"{path} holds no run (no {CONFIG} that names an arm).")
        found += [folder for folder in inside if folder not in found]
    return found


def _is_of_a_run(config: Any) -> bool:
    return isinstance(config, dict) and "arm" in config


def load_run(folder: str | Path) -> LoadedRun:
    """Read a finished run.

    Args:
        folder: of the run.

    Raises:
        IncompleteRun: if it is not finished, or damaged.
    """
    folder = Path(folder)
    run = Run(folder)
    if not run.finished:
        raise IncompleteRun(f"{folder} is not finished. Continue it: etude practice --resume.")
    records = run.read(CURVE)
    config = RunConfig.read(folder)
    try:
        return LoadedRun(
            folder,
            config,
            from_records(records),
            ComputeMeter.from_state(read_json(folder / COMPUTE)).axis(config.unit, ("repeated",)),
            int(read_json(folder / RECORD)["anchor_salt"]),
            Reliability.from_record(records[-1]["reliability"]) if "reliability" in records[-1] else None,
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise IncompleteRun(f"{folder} is damaged ({type(error).__name__}: {error}).") from error
