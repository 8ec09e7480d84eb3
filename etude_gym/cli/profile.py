"""``etude profile``: what an agent is weak at, and what it should practice next."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from etude_gym.cli.terminal import console, say, shown
from etude_gym.errors import MissingExtra

PICTURE = "profile.png"


@dataclass(frozen=True)
class Profile:
    """Show what an agent is weak at, along which axes of difficulty, and what it should practice next.

    Several runs of one arm, which differ in their seeds, are pooled.

    Args:
        runs: folders of runs, or of one arm with its seeds, such as runs/NAME/adaptive.
        checkpoint: which, as numbered in the runs' curve.jsonl.
        out: the picture, a .png or .svg file.
    """

    runs: tyro.conf.Positional[Annotated[tuple[Path, ...], shown("RUN ...", "at least one")]] = ()
    checkpoint: Annotated[int | None, shown("N", "default: the latest")] = None
    out: Annotated[Path | None, shown("FILE", "default: profile.png in the first of the folders")] = None

    def run(self) -> None:
        """Print sentences and tables, draw the picture, name the command that practices what comes next."""
        from etude_gym.report.profile_plots import draw_profile
        from etude_gym.report.profile_tables import profile_report
        from etude_gym.runs.profiling import profile_runs

        if not self.runs:
            raise ValueError("Name at least one run: etude profile runs/EXPERIMENT/adaptive")
        found = profile_runs(self.runs, self.checkpoint)
        console.print(profile_report(found))
        say(f"\nPractice it:\n  {found.command(found.profile.next[0].region)}")
        picture = self.out or self.runs[0] / PICTURE
        try:
            draw_profile(found, picture)
        except MissingExtra as missing:
            say(f"No picture. {missing}")
        else:
            say(f"Picture: {picture}")
