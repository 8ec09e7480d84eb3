"""TensorBoard: a view of a run's records, drawn against compute and against environment steps.

Everything here is derived from ``curve.jsonl`` and ``practice.jsonl``; a resumed run draws it anew.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from etude_gym.run import CURVE, PRACTICE, TENSORBOARD, Run

AXES = {"compute": "over_compute", "env_steps": "over_environment_steps"}
"""What a record calls a step axis, and the section of TensorBoard that is drawn against it."""


class TensorBoardLog:
    """Writes one run's event file; does nothing where TensorBoard is not installed.

    Args:
        folder: folder of the run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / TENSORBOARD
        self._writer: Any = None

    def rebuild(self, run: Run) -> None:
        """Start anew from the records that are there."""
        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        for record in run.read(CURVE):
            self.curve(record)
        for record in run.read(PRACTICE):
            self.practice(record)

    def curve(self, record: Mapping[str, Any]) -> None:
        """Draw a checkpoint: anchor score, overall and by cell."""
        means = [sum(cell["scores"]) / len(cell["scores"]) for cell in record["cells"]]
        values = {"anchor_score": sum(means) / len(means)}
        for cell, mean in zip(record["cells"], means, strict=True):
            values[f"anchor_score_{cell['family']}_band_{cell['band']}"] = mean
        self._scalars(record, values)

    def practice(self, record: Mapping[str, Any]) -> None:
        """Draw a turn of practice: success, difficulty per axis, what the sampler believes."""
        values: dict[str, float] = {f"sampler_{name}": v for name, v in record["sampler"].items()}
        if record["episodes"]:
            values["practice_success"] = record["success"]
            values |= {f"difficulty_{axis}": value for axis, value in record["difficulty"].items()}
        self._scalars(record, values)

    def hyperparameters(self, parameters: Mapping[str, Any], metrics: Mapping[str, float | None]) -> None:
        """Write what the run was and what came out of it, so that runs sort by the metrics."""
        try:
            from tensorboard.plugins.hparams import api_pb2, summary
        except ImportError:
            return
        known = {name: value for name, value in metrics.items() if value is not None}
        columns = [
            api_pb2.MetricInfo(
                name=api_pb2.MetricName(tag=f"result/{name}"), display_name=name.replace("_", " ")
            )
            for name in metrics
        ]
        rows = [api_pb2.HParamInfo(name=name) for name in parameters]
        self._add(summary.experiment_pb(rows, columns), 0)
        self._add(summary.session_start_pb(dict(parameters)), 0)
        for name, value in known.items():
            self._scalar(f"result/{name}", value, 0)
        self._add(summary.session_end_pb(api_pb2.STATUS_SUCCESS), 0)

    def close(self) -> None:
        """Flush and close the event file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _scalars(self, record: Mapping[str, Any], values: Mapping[str, float]) -> None:
        for axis, section in AXES.items():
            for name, value in values.items():
                self._scalar(f"{section}/{name}", value, int(record[axis]))
        if self._writer is not None:
            self._writer.flush()

    def _scalar(self, tag: str, value: float, step: int) -> None:
        try:
            from tensorboard.compat.proto.summary_pb2 import Summary
        except ImportError:
            return
        self._add(Summary(value=[Summary.Value(tag=tag, simple_value=value)]), step)

    def _add(self, summary: Any, step: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        if self._writer is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._writer = EventFileWriter(str(self._folder))
        self._writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))
