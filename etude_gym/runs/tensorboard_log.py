"""TensorBoard: a view of a run's records, drawn against compute and against environment steps.

Everything here is derived from ``curve.jsonl`` and ``practice.jsonl``; a resumed run draws it anew.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from etude_gym.difficulty.bands import band_name
from etude_gym.runs.folder import CURVE, PRACTICE, TENSORBOARD, Run

SECTIONS = {"compute": "over_compute", "env_steps": "over_environment_steps"}
"""What a record calls a step axis, and the section of TensorBoard that is drawn against it."""

HYPERPARAMETERS = ".hyperparameters"
"""How the name of the event file ends that a comparison writes, and replaces."""

LARGEST_STEP = 2**63 - 1
"""Steps are int64; compute beyond it is drawn at this place."""


class TensorBoardLog:
    """Writes a run's event files; does nothing where TensorBoard is not installed.

    Args:
        folder: folder of the run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / TENSORBOARD
        self._writer: _EventFile | None = None

    def rebuild(self, run: Run) -> None:
        """Start anew from the records of a run.

        Args:
            run: the run of this folder.
        """
        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        for record in run.read(CURVE):
            self.curve(record)
        for record in run.read(PRACTICE):
            self.practice(record)

    def curve(self, record: Mapping[str, Any]) -> None:
        """Draw a checkpoint: chance-corrected anchor score, overall and by cell; reliability if recorded.

        Args:
            record: a line of ``curve.jsonl``.
        """
        values = {}
        for cell in record["cells"]:
            mean = sum(cell["scores"]) / len(cell["scores"])
            name = f"anchor_score_{cell['family']}_{band_name(cell['band']).replace(' ', '_')}"
            values[name] = (mean - cell["chance"]) / (1 - cell["chance"])
        reliability = {
            f"reliability/{name}": value
            for name in ("brier", "skill")
            if (value := record.get("reliability", {}).get(name)) is not None
        }
        self._scalars(record, {"anchor_score": sum(values.values()) / len(values), **values, **reliability})

    def practice(self, record: Mapping[str, Any]) -> None:
        """Draw an iteration of practice: success, difficulty per axis, reasons, the sampler's estimates.

        Args:
            record: a line of ``practice.jsonl``.
        """
        values: dict[str, float] = {f"sampler_{name}": v for name, v in record["sampler"].items()}
        if record["episodes"]:
            values["practice_success"] = record["success"]
            values |= {f"practice_difficulty_{axis}": value for axis, value in record["difficulty"].items()}
            values |= {
                f"drawn_as_{reason}": n / record["episodes"] for reason, n in record["reasons"].items()
            }
        self._scalars(record, values)

    def hyperparameters(self, parameters: Mapping[str, Any], metrics: Mapping[str, float | None]) -> None:
        """Write the run's parameters and results, so that runs sort by the metrics.

        Replaces what was written before.

        Args:
            parameters: columns that tell runs apart.
            metrics: results; None for one that is undefined.
        """
        if not _installed():
            return
        from tensorboard.plugins.hparams import summary_v2 as api  # what needs no TensorFlow

        for earlier in self._folder.glob(f"*{HYPERPARAMETERS}"):
            earlier.unlink()
        columns = [api.Metric(f"result/{name}", display_name=name.replace("_", " ")) for name in metrics]
        file = _EventFile(self._folder, HYPERPARAMETERS)
        file.add(api.hparams_config_pb([api.HParam(name) for name in parameters], columns))
        trial = "/".join(self._folder.resolve().parts[-4:-1])
        file.add(api.hparams_pb(dict(parameters), trial_id=trial))
        for name, value in metrics.items():
            if value is not None:
                file.add_scalar(f"result/{name}", value, 0)
        file.close()

    def close(self) -> None:
        """Flush and close the event file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _scalars(self, record: Mapping[str, Any], values: Mapping[str, float]) -> None:
        if not _installed():
            return
        if self._writer is None:
            self._writer = _EventFile(self._folder)
        for axis, section in SECTIONS.items():
            for name, value in values.items():
                self._writer.add_scalar(f"{section}/{name}", value, min(int(record[axis]), LARGEST_STEP))
        self._writer.flush()


class _EventFile:
    """One event file.

    Args:
        folder: where; made if it does not exist.
        suffix: how the file's name ends.
    """

    def __init__(self, folder: Path, suffix: str = "") -> None:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        folder.mkdir(parents=True, exist_ok=True)
        self._file = EventFileWriter(str(folder), filename_suffix=suffix)
        self.flush, self.close = self._file.flush, self._file.close

    def add(self, summary: Any, step: int = 0) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        self._file.add_event(Event(wall_time=time.time(), step=step, summary=summary))

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        self.add(Summary(value=[Summary.Value(tag=tag, simple_value=value)]), step)


def _installed() -> bool:
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        return False
    return True
