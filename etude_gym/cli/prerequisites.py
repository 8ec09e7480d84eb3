"""``etude prerequisites``: which skills of a domain need which others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from etude_gym.cli.terminal import console, say, shown
from etude_gym.errors import MissingExtra

PICTURE = "prerequisites.png"


@dataclass(frozen=True)
class Prerequisites:
    """Find which skills of a domain are prerequisites of others, from the answers of a panel.

    What does not stand up to the evidence asked for is a difficulty order. `etude transfer` tests a
    prerequisite by an experiment. Placed beside the module of the domain, prerequisites.json is what profiles
    and reports show.

    Args:
        env: id of the environment.
        panel: folder that holds the panel's runs, each of which is a lineage; at least 60 have to
            master a skill.
        out: folder for prerequisites.json and the picture.
    """

    env: tyro.conf.Positional[Annotated[str, shown("ID")]]
    panel: Annotated[Path, shown("FOLDER")]
    out: Annotated[Path | None, shown("FOLDER", "default: the panel's")] = None

    def run(self) -> None:
        """Print tables, write prerequisites.json, draw the picture."""
        from etude_gym.report.prerequisite_plots import draw_prerequisites
        from etude_gym.report.prerequisite_tables import prerequisite_report
        from etude_gym.runs.prerequisites import SHIPPED, map_prerequisites, write_prerequisites

        found = map_prerequisites(self.env, self.panel)
        console.print(prerequisite_report(found))
        out = self.out or self.panel
        write_prerequisites(found, self.panel, out / SHIPPED)
        say(f"\nResults: {out / SHIPPED}")
        try:
            draw_prerequisites(found, out / PICTURE)
        except MissingExtra as missing:
            say(f"No picture. {missing}")
        else:
            say(f"Picture: {out / PICTURE}")
