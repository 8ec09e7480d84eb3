"""TensorBoard: a view of a run's records, drawn against compute and against environment steps.

Everything here is derived from ``curve.jsonl`` and ``practice.jsonl``; a resumed run draws it anew.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from etude_gym.difficulty.bands import band_name
from etude_gym.runs.folder import CONFIG, CURVE, PRACTICE, TENSORBOARD, Run, read_json

AXES = {"compute": "over_compute", "env_steps": "over_environment_steps"}
"""What a record calls a step axis, and the card that is drawn against it; other cards are over compute."""

DESCRIPTIONS = {
    "anchor_score": "Mean score on fresh anchor tasks, corrected for chance: 0 is the random agent, 1 the "
    "oracle.",
    "anchor_score_by_band": "The same in each band of difficulty, mean over families; band 0 is the easiest.",
    "confidence": "Brier score of stated confidence (0 is best); skill: the share of it saved against always "
    "stating the share correct.",
    "practice": "Mean score of practice episodes, and mean difficulty of the tasks drawn, by axis.",
}
"""What is drawn, by group of cards."""

LAYOUT = {
    "Learning": {
        "Anchor score": "anchor_score/over_compute",
        "Anchor score by band": "anchor_score_by_band/.*",
    },
    "Practice": {"Score and difficulty of practice": "practice/.*"},
}
"""The tab CUSTOM SCALARS: charts of several curves, by group."""

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
        """Draw a checkpoint: chance-corrected anchor score, overall and by band; reliability if recorded.

        Args:
            record: a line of ``curve.jsonl``.
        """
        bands: dict[int, list[float]] = {}
        for cell in record["cells"]:
            mean = sum(cell["scores"]) / len(cell["scores"])
            bands.setdefault(cell["band"], []).append((mean - cell["chance"]) / (1 - cell["chance"]))
        every = [score for scores in bands.values() for score in scores]
        for axis, card in AXES.items():
            self._scalars(record, "anchor_score", {card: sum(every) / len(every)}, axis)
        self._scalars(
            record,
            "anchor_score_by_band",
            {band_name(band).replace(" ", "_"): sum(own) / len(own) for band, own in bands.items()},
        )
        stated = record.get("reliability", {})
        told = {name: stated[name] for name in ("brier", "skill") if stated.get(name) is not None}
        self._scalars(record, "confidence", told)

    def practice(self, record: Mapping[str, Any]) -> None:
        """Draw an iteration of practice: score, and difficulty of each axis.

        Args:
            record: a line of ``practice.jsonl``.
        """
        if record["episodes"]:
            axes = {f"difficulty_{axis}": value for axis, value in record["difficulty"].items()}
            self._scalars(record, "practice", {"score": record["success"], **axes})

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

    def _scalars(
        self, record: Mapping[str, Any], group: str, values: Mapping[str, float], axis: str = "compute"
    ) -> None:
        """Draw values of one group of cards at a record's place on an axis."""
        if not _installed():
            return
        if self._writer is None:
            self._writer = _EventFile(self._folder)
            self._writer.add_layout(LAYOUT)
            if (config := self._folder.parent / CONFIG).exists():
                self._writer.add_text("run", _as_markdown(read_json(config)))
        for name, value in values.items():
            step = min(int(record[axis]), LARGEST_STEP)
            self._writer.add_scalar(f"{group}/{name}", value, step, DESCRIPTIONS[group])
        self._writer.flush()


def _as_markdown(config: Mapping[str, Any]) -> str:
    """A run's name and notes, and below them its whole configuration."""
    head = [str(config[key]) for key in ("name", "notes") if config.get(key)]
    lines = json.dumps(config, indent=2).splitlines()
    return "\n\n".join([*head, "\n".join(f"    {line}" for line in lines)])


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

    def add_scalar(self, tag: str, value: float, step: int, description: str = "") -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata

        metadata = SummaryMetadata(summary_description=description)
        self.add(Summary(value=[Summary.Value(tag=tag, simple_value=value, metadata=metadata)]), step)

    def add_text(self, tag: str, markdown: str) -> None:
        from tensorboard.plugins.text import metadata

        self._add_tensor(tag, markdown.encode(), metadata.create_summary_metadata("", ""))

    def add_layout(self, layout: Mapping[str, Mapping[str, str]]) -> None:
        """Lay out the tab of custom scalars: patterns of tags by chart, by group."""
        from tensorboard.plugins.custom_scalar import layout_pb2, metadata

        categories = [
            layout_pb2.Category(
                title=title,
                chart=[
                    layout_pb2.Chart(title=name, multiline=layout_pb2.MultilineChartContent(tag=[pattern]))
                    for name, pattern in charts.items()
                ],
            )
            for title, charts in layout.items()
        ]
        content = layout_pb2.Layout(category=categories).SerializeToString()
        self._add_tensor(metadata.CONFIG_SUMMARY_TAG, content, metadata.create_summary_metadata())

    def _add_tensor(self, tag: str, content: bytes, metadata: Any) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.util.tensor_util import make_tensor_proto

        tensor = make_tensor_proto(content)
        self.add(Summary(value=[Summary.Value(tag=tag, tensor=tensor, metadata=metadata)]))


def _installed() -> bool:
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        return False
    return True
