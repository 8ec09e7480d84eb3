"""Results of runs as tables of plain records: learning curves and anchor answers, to CSV and Parquet."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from etude_gym.environment.registration import make_domain
from etude_gym.errors import MissingExtra, check_name
from etude_gym.measure.curves import from_records
from etude_gym.runs.answers import read_answers
from etude_gym.runs.config import RunConfig
from etude_gym.runs.folder import CURVE, Run, write_atomically

Record = dict[str, Any]


def curve_records(folders: Sequence[Path]) -> Iterator[Record]:
    """Learning curves, one record for each run, evaluation and cell.

    Args:
        folders: of runs, finished or not; those without an evaluation have no record.

    Yields:
        What the run is; "evaluation" (0 to 8), "compute", "env_steps", "family", "band", "items" (anchor
        tasks), "score" (their mean, not corrected), "chance" and "corrected" (guessing is 0, the oracle 1).

    Raises:
        IncompleteRun, ValueError: if a run is damaged.
    """
    for folder in folders:
        if not (kept := Run(folder).read(CURVE)):
            continue
        run, curve = _origin(folder), from_records(kept)
        scores, corrected = curve.scores.mean(axis=-1), curve.corrected
        for point in range(len(curve)):
            at = {
                "evaluation": int(curve.index[point]),
                "compute": float(curve.compute[point]),
                "env_steps": int(curve.env_steps[point]),
            }
            for cell, (family, band) in enumerate(curve.cells):
                yield (
                    run
                    | at
                    | {
                        "family": family,
                        "band": band,
                        "items": curve.scores.shape[-1],
                        "score": float(scores[point, cell]),
                        "chance": float(curve.chance[cell]),
                        "corrected": float(corrected[point, cell]),
                    }
                )


def answer_records(folders: Sequence[Path]) -> Iterator[Record]:
    """Anchor answers, one record for each run, evaluation and task.

    Args:
        folders: of runs, finished or not; those without an evaluation have no record.

    Yields:
        What the run is; "evaluation", "compute", "task_key" (hexadecimal), "family", "band", the difficulty
        on each axis by its name, "score" (not corrected; None where the task does not count), "status",
        "confidence" and "correct" (None in domains without confidence).

    Raises:
        IncompleteRun: if a run is older than answers that are kept, or damaged.
    """
    for folder in folders:
        if not Run(folder).read(CURVE):
            continue
        run = _origin(folder)
        space = make_domain(run["environment"]).space
        for answers in read_answers(folder):
            confidence, correct = (
                [math.nan] * len(answers) if column is None else column.tolist()
                for column in (answers.confidence, answers.correct)
            )
            for row in range(len(answers)):
                yield run | {
                    "evaluation": answers.evaluation,
                    "compute": answers.compute,
                    "task_key": f"{int(answers.keys[row]):016x}",
                    "family": space.families[int(answers.families[row])],
                    "band": int(answers.bands[row]),
                    **space.named(answers.difficulties[row]),
                    "score": _known(float(answers.scores[row])),
                    "status": answers.statuses[row],
                    "confidence": _known(confidence[row]),
                    "correct": None if math.isnan(correct[row]) else bool(correct[row]),
                }


def _origin(folder: Path) -> Record:
    """What a run is: the columns that all records have."""
    config = RunConfig.read(folder)
    return {
        "run": str(folder),
        "name": config.name,
        "environment": config.env_id,
        "agent": config.agent,
        "arm": config.arm,
        "seed": config.seed,
        "finished": Run(folder).finished,
        "unit": config.unit,
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


# --- Files ---------------------------------------------------------------------------------------------


def write_records(records: Sequence[Record], path: Path) -> None:
    """Write records as a table with one column for each name.

    Args:
        records: at least one; where a record lacks a name, its cell is empty.
        path: of the file; ".csv" or ".parquet" decides the format.

    Raises:
        ValueError: for another suffix, or without records.
        MissingExtra: if what writes Parquet is not installed.
    """
    write = TABLES[check_name("suffix", path.suffix.lower(), TABLES)]
    if not records:
        raise ValueError("There is no record to write: no run has been evaluated yet.")
    names = list(dict.fromkeys(name for record in records for name in record))
    write_atomically(path, write(names, records))


def _csv(names: Sequence[str], records: Sequence[Record]) -> bytes:
    """Comma-separated values in UTF-8; nothing stands for what is not there."""
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval=None, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().encode()


def _parquet(names: Sequence[str], records: Sequence[Record]) -> bytes:
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise MissingExtra("Parquet", "parquet") from error
    buffer = io.BytesIO()
    columns = {name: [record.get(name) for record in records] for name in names}
    parquet.write_table(pyarrow.table(columns), buffer)
    return buffer.getvalue()


TABLES: dict[str, Callable[[Sequence[str], Sequence[Record]], bytes]] = {".csv": _csv, ".parquet": _parquet}
"""Formats of tables, by suffix."""
