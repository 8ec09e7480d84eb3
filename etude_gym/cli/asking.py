"""What ``etude ask`` and ``etude curve`` show: progress, tables, and the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from etude_gym.difficulty.bands import band_name
from etude_gym.difficulty.placement import Placement
from etude_gym.measure.curves import LearningCurve
from etude_gym.report.placement_tables import NO_CALIBRATION, placement_sentences
from etude_gym.runs.folder import write_atomically

REPORT = "report.md"


class Counting:
    """A live line of what the endpoint was asked.

    Args:
        bars: that show it.
        what: is being asked about.
    """

    def __init__(self, bars: Progress, what: str) -> None:
        self._bars, self._what, self._line = bars, what, bars.add_task(what)
        self._counted = self._placed = ""

    def count(self, counts: Any) -> None:
        """Show what the client has done so far.

        Args:
            counts: an ``etude_gym.agents.llm.client.Counts``.
        """
        told = f": {counts.answered} answered"
        for name in ("read_back", "retried", "ungraded"):
            if number := getattr(counts, name):
                told += f", {number} {name.replace('_', ' ')}"
        self._counted = f"{told}, {counts.tokens:,} tokens"
        self._show()

    def place(self, placements: Mapping[str, Placement]) -> None:
        """Show how well the model is placed.

        Args:
            placements: by name of the family.
        """
        errors = (f"{family} {each.standard_error:.2f}" for family, each in placements.items())
        self._placed = f"; standard error of ability: {', '.join(errors)}"
        self._show()

    def _show(self) -> None:
        self._bars.update(self._line, description=self._what + self._counted + self._placed)


@contextmanager
def counting(console: Console, what: str) -> Iterator[Counting]:
    """A live line of what the endpoint was asked, while it is.

    Args:
        console: where it is shown.
        what: is being asked about.
    """
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        yield Counting(bars, what)


def profile_tables(profile: Any) -> Group:
    """A profile as tables.

    Args:
        profile: an ``etude_gym.agents.llm.ask.Profile``.
    """
    question = profile.question
    title = f"{question.env_id}: {question.endpoint['model']}, {question.examples} worked solutions shown"
    parts: list[Any] = [Text(title, style="bold"), _cell_table(profile), Text(_notes(profile))]
    return Group(*parts)


def _cell_table(profile: Any) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("family")
    for name in ("band", "score", "± se", "tasks", "copied", "constant"):
        table.add_column(name, justify="right")
    table.add_column("what became of the last replies")
    for cell in profile.cells:
        scores = cell.scores
        mean = sum(scores) / len(scores) if scores else float("nan")
        spread = sum((score - mean) ** 2 for score in scores)
        error = (spread / (len(scores) - 1) / len(scores)) ** 0.5 if len(scores) > 1 else float("nan")
        statuses = [f"{count} {name}" for name, count in Counter(cell.statuses).most_common()]
        table.add_row(
            cell.family,
            band_name(cell.band).removeprefix("band "),
            f"{mean:.2f}",
            f"{error:.2f}",
            str(len(scores)),
            f"{cell.copied:.2f}",
            f"{cell.constant:.2f}",
            ", ".join([*statuses, *([f"{cell.left_out} left out"] if cell.left_out else [])]),
        )
    return table


def _notes(profile: Any) -> str:
    """How to read the table: chance, placement, confidence, tokens."""
    notes = ["copied: what a right reply to another task earns; constant: the best such reply for all."]
    if profile.placement:
        notes += ["Placement on the calibrated scale:", *placement_sentences(profile.placement)]
    else:
        notes.append(NO_CALIBRATION)
    if profile.rounds_score is not None:
        limits = [
            f"{name.removeprefix('limit_')} {value:.2f}"
            for name, value in profile.sampler.items()
            if name.startswith("limit_")
        ]
        notes.append(
            f"Rounds: mean score {profile.rounds_score:.2f} on {8 * profile.question.rounds} adaptive tasks; "
            f"difficulty reached: {', '.join(limits)}."
        )
    if profile.reliability is not None and profile.reliability.brier is not None:
        notes.append(f"Confidence: Brier score {profile.reliability.brier:.3f}.")
    spent = ", ".join(
        f"{line} {spent['requests']:.0f} requests, {spent['tokens_in'] + spent['tokens_out']:,.0f} tokens"
        for line, spent in profile.tokens.items()
        if spent["requests"]
    )
    notes.append(f"Spent: {spent or 'nothing'}.")
    if profile.practiced:
        notes.append(f"{profile.practiced} anchor tasks were left out: the rounds had asked the same.")
    return "\n".join(notes)


def write_report(path: Path, profiles: list[Any]) -> None:
    """Write the tables as a text file.

    Args:
        path: of the file.
        profiles: of all domains that were asked about.
    """
    paper = Console(file=StringIO(), width=120)
    with paper.capture() as written:
        for profile in profiles:
            paper.print("```text")
            paper.print(profile_tables(profile))
            paper.print("```\n")
    write_atomically(path, written.get().encode())


def curve_table(curve: LearningCurve) -> Table:
    """A learning curve as a table: mean over all cells, and the mean of each band.

    Args:
        curve: of any model.
    """
    bands = sorted({band for _, band in curve.cells})
    table = Table(box=None, pad_edge=False)
    for name in ("compute", "score", *map(band_name, bands)):
        table.add_column(name, justify="right")
    for compute, mean, cells in zip(curve.compute, curve.mean, curve.corrected, strict=True):
        own = [
            [value for value, (_, b) in zip(cells, curve.cells, strict=True) if b == band] for band in bands
        ]
        table.add_row(f"{compute:.3g}", f"{mean:.3f}", *(f"{sum(v) / len(v):.3f}" for v in own))
    return table
