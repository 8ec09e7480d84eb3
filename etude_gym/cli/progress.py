"""Progress of an experiment: bars in a terminal, a line for each finished run anywhere."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from etude_gym.runs.experiment import STOP, Experiment, Progress
from etude_gym.runs.folder import CALLS, RECORD, read_json

SHARE = 1000
"""The length of a finished run's bar."""


class CallCounts:
    """What a run has asked an endpoint so far, followed in its record of calls while that is written.

    Args:
        folder: of the run.

    Attributes:
        answered: requests that were answered.
        retried: attempts after the first of a request.
        ungraded: requests that were given up.
    """

    def __init__(self, folder: Path) -> None:
        self._path, self._read = folder / CALLS, 0
        self.answered = self.retried = self.ungraded = 0

    def update(self) -> None:
        """Read what was added."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                call = json.loads(line)
                self.answered += call["event"] == "answered"
                self.ungraded += call["event"] == "ungraded"
                self.retried += call["event"] == "sent" and call["attempt"] > 1

    def __str__(self) -> str:
        counts = {name: getattr(self, name) for name in ("answered", "retried", "ungraded")}
        return "".join(f"  {count} {name}" for name, count in counts.items() if count)


class ProgressDisplay:
    """Shows how far an experiment is; call it whenever that changes.

    Args:
        experiment: the experiment that is running.
        bars: one for the whole, and one for each run in progress.
    """

    def __init__(self, experiment: Experiment, bars: Bars) -> None:
        self.experiment, self.bars = experiment, bars
        before = Progress.of(experiment)
        self.finished = set(before.finished)
        self.number = len(before.shares)
        self.width = max(map(len, before.shares))
        if self.finished:
            bars.console.print(f"{len(self.finished)} of {self.number} runs are finished already.")
        # What was done earlier is where the bar starts, so that it does not count as speed.
        self.whole = bars.add_task(
            f"{f'all {self.number} runs':<{self.width}}",
            total=self.number * SHARE,
            completed=_shown(*before.shares.values()),
        )
        self.going_on: dict[str, TaskID] = {}
        self.calls = {name: CallCounts(experiment.folder / name) for name in before.shares}
        self.stopping = False

    def __call__(self, progress: Progress) -> None:
        """Show the present state."""
        if not self.stopping and (self.experiment.folder / STOP).exists():
            self.stopping = True
            self.bars.console.print("Stopping: every run saves itself first ...")
        self.bars.update(self.whole, completed=_shown(*progress.shares.values()))
        for name in progress.finished:
            if name not in self.finished:
                self._announce(name)
        for name, share in progress.shares.items():
            if name in self.finished:
                continue
            calls = self.calls[name]
            calls.update()
            label = f"{name:<{self.width}}{calls}"
            if name in self.going_on:
                self.bars.update(self.going_on[name], completed=_shown(share), description=label)
            elif share > 0.0 or calls.answered:
                self.going_on[name] = self.bars.add_task(label, total=SHARE, completed=_shown(share))

    def close(self) -> None:
        """Take the bars away."""
        for bar in (self.whole, *self.going_on.values()):
            self.bars.remove_task(bar)

    def _announce(self, name: str) -> None:
        self.finished.add(name)
        if name in self.going_on:
            self.bars.remove_task(self.going_on.pop(name))
        score = read_json(self.experiment.folder / name / RECORD)["final_anchor_score"]
        self.bars.console.print(
            f"{len(self.finished):>{len(str(self.number))}} of {self.number} finished: "
            f"{name:<{self.width}}  anchor score {score:.2f}",
            highlight=False,
        )


def _shown(*shares: float) -> int:
    return round(sum(shares, 0.0) * SHARE)


def make_bars(console: Console) -> Bars:
    """Bars of practice, with the time that has passed and the time that is left.

    Args:
        console: where to show them; where there is no terminal, they are not drawn.
    """
    return Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def practice_with_progress(experiment: Experiment, workers: int | None, console: Console) -> bool:
    """Carry out an experiment and show how far it is.

    Args:
        experiment: what to carry out.
        workers: runs side by side; see ``Experiment.practice``.
        console: where to show it. Where there is no terminal, lines for finished runs are all there is.

    Returns:
        Whether all runs are finished.
    """
    bars = make_bars(console)
    with bars:
        return experiment.practice(workers, ProgressDisplay(experiment, bars))
