"""``etude report``: the page of a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bars

from etude_gym.cli.terminal import console, say, shown


@dataclass(frozen=True)
class Report:
    """Write a report of finished runs: one page for a browser and for print, without network and scripts.

    Args:
        runs: folders of runs, or of experiments. NAME=FOLDER names the arm, or what the names of its arms
            begin with.
        reference: the arm that Practice Efficiency is relative to.
        by: what an arm is, `agent`, `arm` (the task sampler) or an option such as `option:network`.
        out: the file to write.
    """

    runs: tyro.conf.Positional[Annotated[tuple[str, ...], shown("[NAME=]FOLDER ...", "at least one")]] = ()
    reference: Annotated[
        str | None, shown("ARM", "default: the first that practices `static`, or the first there is")
    ] = None
    by: Annotated[str | None, shown("WHAT", "default: all that tells runs apart")] = None
    out: Annotated[Path, tyro.conf.arg(aliases=("-o",), metavar="FILE")] = Path("report.html")

    def run(self) -> None:
        """Compare the runs and write the page."""
        from etude_gym.report.comparison import compare
        from etude_gym.report.methods import Source

        if not self.runs:
            raise ValueError("Name at least one folder: etude report runs/EXPERIMENT -o report.html")
        if self.out.is_dir():
            raise ValueError(f"{self.out} is a folder. Name the file to write: -o {self.out / 'report.html'}")
        with console.status("Reading and comparing runs ..."):
            comparison = compare([Source.parse(text) for text in self.runs], self.reference, self.by)
        write_with_progress(comparison, self.out)


def write_with_progress(comparison: Any, path: Path) -> None:
    """Write the page, show how far it is, and say where it is.

    Args:
        comparison: of finished runs.
        path: of the page.

    Raises:
        MissingExtra: if matplotlib or jinja2 is not installed.
    """
    from etude_gym.report.page import write_report

    bars = Bars(
        TextColumn("Report: {task.description}"),
        BarColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bars:
        task = bars.add_task("reading", total=1.0)
        write_report(
            comparison, path, lambda what, share: bars.update(task, description=what, completed=share)
        )
    say(f"Report: {path}")
