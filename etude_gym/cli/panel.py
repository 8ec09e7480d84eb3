"""``etude panel`` and ``etude calibrate``: how hard a domain's tasks are, found on many learners."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from etude_gym.cli.terminal import console, say, shown
from etude_gym.errors import MissingExtra

if TYPE_CHECKING:
    from etude_gym.runs.panel import Panel as PanelFolder
    from etude_gym.runs.panel_table import PanelTable

PICTURE = "calibration.png"


@dataclass(frozen=True)
class Panel:
    """Let many different learners practice an environment and answer the same probe tasks.

    What they answer is what `etude calibrate` fits difficulty to, and `etude prerequisites` looks for an
    order of skills in. The default table has 96 lineages: 4 kinds of learner x 3 learning rates x 4 ways to
    choose tasks x 2 seeds, asked at H/64, H/16, H/4, H/2 and H; and the domain's solvers. It is written
    into the folder, panel.json; a file like its "table" declares another. Ctrl-C leaves the lineages under
    way; go on with `etude panel --resume FOLDER`.

    Args:
        env: id of the environment; `module:Id-v0` imports the module first.
        table: file that declares the panel; what it leaves out is as in the default.
        horizon: compute that each learner practices.
        workers: lineages side by side.
        out: folder of the panel.
        resume: folder of a panel to go on with; everything else is read from there.
    """

    env: tyro.conf.Positional[Annotated[str, shown("[ID]")]] = "EtudePlan-v0"
    table: Annotated[Path | None, shown("FILE", "default: 96 lineages")] = None
    horizon: Annotated[float | None, shown("FLOPS", "default: shipped with the recipe")] = None
    workers: Annotated[int | None, shown("N", "default: one for each core")] = None
    out: Annotated[Path | None, shown("FOLDER", "default: runs/panel-ID-TIME")] = None
    resume: Annotated[Path | None, shown("FOLDER", "default: start a new one")] = None

    def run(self) -> None:
        """Record the panel to its end."""
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers must be at least 1, got {self.workers}.")
        panel = self._panel()
        folder = shlex.quote(str(panel.folder))
        say(f"Panel of {len(panel.jobs)} lineages in {folder}.")
        go_on = f"Go on with: etude panel --resume {folder}"
        try:
            finished = _record(panel, self.workers)
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{go_on}") from error
        if not finished:
            say(f"Stopped. {go_on}")
            raise SystemExit(130)
        say(f"Finished. Calibrate: etude calibrate {panel.env_id} --panel {folder}")

    def _panel(self) -> PanelFolder:
        from etude_gym.runs.folder import timestamp
        from etude_gym.runs.panel import Panel as PanelFolder

        if self.resume is not None:
            given = [
                name
                for name in ("env", "table", "horizon", "out")
                if getattr(self, name) != getattr(Panel, name)
            ]
            if given:
                raise ValueError(f"--resume reads the panel from the folder: leave out {', '.join(given)}.")
            return PanelFolder.read(self.resume)
        folder = self.out or Path("runs") / f"panel-{self.env.rpartition(':')[2]}-{timestamp()}"
        with console.status("Preparing ..."):
            return PanelFolder.create(folder, self.env, self._table())

    def _table(self) -> PanelTable:
        from etude_gym.runs.panel_table import DEFAULT_TABLE, PanelTable

        table = DEFAULT_TABLE
        if self.table is not None:
            try:
                table = PanelTable.from_record(json.loads(self.table.read_text()))
            except (OSError, json.JSONDecodeError, UnicodeDecodeError) as error:
                raise ValueError(f"{self.table} cannot be read as the table of a panel ({error}).") from error
        return table if self.horizon is None else replace(table, horizon=self.horizon)


def _record(panel: PanelFolder, workers: int | None) -> bool:
    """Record a panel and show how far it is: a bar in a terminal, a line for each lineage elsewhere."""
    total, told = (
        len(panel.jobs),
        {job.spec.name for job in panel.jobs} - {job.spec.name for job in panel.missing},
    )
    if told:
        say(f"{len(told)} of {total} lineages are finished already.")
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bars:
        bar = bars.add_task("lineages", total=total, completed=len(told))

        def show() -> None:
            missing = {job.spec.name for job in panel.missing}
            for job in panel.jobs:
                if job.spec.name not in missing and job.spec.name not in told:
                    told.add(job.spec.name)
                    bars.console.print(
                        f"{len(told):>{len(str(total))}} of {total} finished: {job.spec.name}",
                        highlight=False,
                    )
            bars.update(bar, completed=len(told))

        return panel.record(workers, show)


@dataclass(frozen=True)
class Calibrate:
    """Find how hard an environment's tasks are, from the answers of a panel.

    Writes calibration.json: what each axis of difficulty costs in each family, with intervals, how well that
    fits, and a verdict. Placed beside the module of the domain it sets bands of difficulty and the priors of
    the learner model, so horizons of recipes have to be found anew (`etude pilot`).

    Args:
        env: id of the environment.
        panel: folder of the panel; lineages that are not finished are left out.
        resamples: of the bootstrap behind the intervals.
        seed: of the bootstrap.
        out: folder for calibration.json and the picture.
    """

    env: tyro.conf.Positional[Annotated[str, shown("ID")]]
    panel: Annotated[Path, shown("FOLDER")]
    resamples: Annotated[int, shown("N")] = 100
    seed: Annotated[int, shown("N")] = 0
    out: Annotated[Path | None, shown("FOLDER", "default: the panel's")] = None

    def run(self) -> None:
        """Fit, print tables and the verdict, write the file, draw the picture."""
        from etude_gym.difficulty.calibration import FILE
        from etude_gym.report.calibration_plots import draw_calibration
        from etude_gym.report.calibration_tables import calibration_report
        from etude_gym.runs.calibrating import calibrate
        from etude_gym.runs.panel import Panel as PanelFolder

        if self.resamples < 20:
            raise ValueError(f"resamples must be at least 20 for intervals, got {self.resamples}.")
        panel = PanelFolder.read(self.panel)
        if panel.env_id.rpartition(":")[2] != self.env.rpartition(":")[2]:
            raise ValueError(f"{self.panel} is a panel of {panel.env_id}, not of {self.env}.")
        if panel.missing:
            say(f"{len(panel.missing)} of {len(panel.jobs)} lineages are not finished and left out.")
        with console.status("Calibrating ...") as status:
            found = calibrate(
                panel,
                resamples=self.resamples,
                seed=self.seed,
                on_progress=lambda words: status.update(f"Calibrating: {words} ..."),
            )
        console.print(calibration_report(found))
        out = self.out or self.panel
        found.write(out / FILE)
        say(f"\nCalibration: {out / FILE}")
        try:
            draw_calibration(found, out / PICTURE)
        except MissingExtra as missing:
            say(f"No picture. {missing}")
        else:
            say(f"Picture: {out / PICTURE}")
