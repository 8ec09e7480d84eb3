"""``etude ratings``: people rate ideas, and an automated score is read on their scale."""

from __future__ import annotations

import math
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.table import Table

from etude_gym.cli.terminal import console, say, shown

AGREEMENT = "agreement.json"
CALIBRATION = "calibration.json"
TARGETS = (0.8, 0.9)
"""Reliabilities for which the number of raters is told."""

Folder = tyro.conf.Positional[Annotated[Path, shown("FOLDER")]]


@dataclass(frozen=True)
class Sheet:
    """Make sheets: blind, in an order of its own for each rater, overlapping, some items twice.

    The items stand in a CSV file with the columns id, prompt, text and, if known, author and score (an
    automated score to be calibrated). Raters see prompt and text. Give each rater a sheet and
    INSTRUCTIONS.txt; keep key.json. Then: etude ratings import FOLDER

    Args:
        items: the CSV file of the items.
        raters: names of the raters who are no experts; letters, digits, - and _.
        experts: names of the raters who are.
        per_item: raters of each kind for each item; all of them if there are fewer.
        seed: of all shuffling.
        out: folder of the panel.
    """

    items: tyro.conf.Positional[Annotated[Path, shown("ITEMS.csv")]]
    raters: Annotated[tuple[str, ...], shown("NAME ...", "default: none")] = ()
    experts: Annotated[tuple[str, ...], shown("NAME ...", "default: none")] = ()
    per_item: Annotated[int, shown("N")] = 3
    seed: Annotated[int, shown("N")] = 0
    out: Annotated[Path, shown("FOLDER")] = Path("ratings")

    def run(self) -> None:
        """Write the sheets."""
        from etude_gym.runs.rating_sheets import write_sheets
        from etude_gym.runs.rating_tables import read_items

        items = read_items(self.items)
        rows = write_sheets(self.out, items, self.raters, self.experts, self.per_item, self.seed)
        for rater, count in rows.items():
            say(f"{self.out / f'sheet-{rater}.csv'}: {count} rows")
        say(f"When they are filled in: etude ratings import {shlex.quote(str(self.out))}")


@dataclass(frozen=True)
class Import:
    """Read the sheets that came back, check every cell, write ratings.csv.

    Whatever was imported before is replaced. Rows that were left empty or deleted count as not rated.

    Args:
        folder: of the panel.
        files: the sheets, under any name.
    """

    folder: Folder
    files: tyro.conf.Positional[
        Annotated[tuple[Path, ...], shown("[FILE ...]", "default: FOLDER/sheet-*.csv")]
    ] = ()

    def run(self) -> None:
        """Check and write."""
        import numpy as np

        from etude_gym.runs.rating_sheets import RATINGS, import_sheets

        panel = import_sheets(self.folder, self.files)
        given = (~np.isnan(panel.ratings)).sum(axis=0)
        table = Table(box=None)
        for name in ("rater", "expert", "items rated", "rated twice"):
            table.add_column(name, justify="left" if name == "rater" else "right")
        for index, rater in enumerate(panel.raters):
            twice = (~np.isnan(panel.second[:, index])).sum()
            table.add_row(rater, "yes" if panel.experts[index] else "no", str(given[index]), str(twice))
        console.print(table)
        say(f"{given.sum()} ratings of {len(panel.items)} items: {self.folder / RATINGS}")


@dataclass(frozen=True)
class Agreement:
    """Say how far the raters agree, and how many of them it takes.

    ICC(2,1): how reliable one rating is; ICC(2,k): how reliable the mean rating of an item is (absolute
    agreement, 1 is perfect). Alpha: Krippendorff's, for ordinal ratings (0 is chance). Intervals: 95%, over
    resampled authors, or items where authors are not known; they do not speak of other raters. Raters needed:
    Spearman-Brown.

    Args:
        folder: of the panel.
    """

    folder: Folder

    def run(self) -> None:
        """Print the table and write it."""
        from etude_gym.measure.rater_agreement import raters_needed
        from etude_gym.runs.folder import write_json
        from etude_gym.runs.rating_panel import panel_agreement, plain, repeats_of
        from etude_gym.runs.rating_sheets import read_panel

        panel = read_panel(self.folder)
        groups, repeats = panel_agreement(panel), repeats_of(panel)
        if not groups:
            raise ValueError("Agreement needs at least two raters.")
        needed = {
            name: {str(target): raters_needed(group.one_rater.value, target) for target in TARGETS}
            for name, group in groups.items()
        }
        table = Table(box=None)
        table.add_column("")
        for name in groups:
            table.add_column(name, justify="right")
        figures: dict[str, list[str]] = {
            "raters": [str(group.raters) for group in groups.values()],
            "items": [str(group.items) for group in groups.values()],
            "ratings": [str(group.ratings) for group in groups.values()],
            "ICC(2,1)": [_figure(group.one_rater) for group in groups.values()],
            "ICC(2,k)": [_figure(group.mean_of_raters) for group in groups.values()],
            "k": [f"{group.raters_per_item:.1f}" for group in groups.values()],
            "ordinal alpha": [_figure(group.alpha) for group in groups.values()],
        }
        for target in TARGETS:
            figures[f"raters for {target}"] = [_count(numbers[str(target)]) for numbers in needed.values()]
        for title, cells in figures.items():
            table.add_row(title, *cells)
        console.print(table)
        if repeats.ratings:
            say(
                f"Rated twice: {repeats.ratings} pairs, {repeats.same:.0%} the same, "
                f"mean difference {repeats.difference:.2f} points."
            )
        out = self.folder / AGREEMENT
        record = {name: asdict(group) | {"raters_needed": needed[name]} for name, group in groups.items()}
        write_json(out, plain({"version": 1, "groups": record, "repeats": asdict(repeats)}))
        say(f"Results: {out}")


@dataclass(frozen=True)
class Calibrate:
    """Read the automated score of the items on the scale of the panel.

    A straight line below 200 ratings, a monotone curve (isotonic regression) from there on. Experts set the
    scale; novices are linked to it by the items that both rated. Agreement is told for objects and authors
    that were left out. Python reads the result with `etude_gym.runs.rating_panel.read_calibration`.

    Args:
        folder: of the panel.
        out: file of the result.
    """

    folder: Folder
    out: Annotated[Path | None, shown("FILE", "default: FOLDER/calibration.json")] = None

    def run(self) -> None:
        """Fit, print and write."""
        from etude_gym.runs.rating_panel import calibrate
        from etude_gym.runs.rating_sheets import read_panel

        found = calibrate(read_panel(self.folder))
        say(
            f"{found.curve.kind} curve from {found.items} items, {found.ratings} ratings: "
            f"{', '.join(_ends(found.curve))}."
        )
        say(f"Scale of the {found.scale}: {found.experts} experts, {found.novices} novices.")
        if found.link:
            say(
                f"Novices linked by {found.link.items} items: "
                f"{found.link.slope:.2f} * rating {found.link.intercept:+.2f}, "
                f"weight {found.link.weight:.2f}."
            )
        if found.novices_left_out:
            say("Novices left out: too few items that experts rated as well.")
        if found.agreement:
            one, mean = found.agreement.one_rater, found.agreement.mean_of_raters
            say(f"The {found.scale}: ICC(2,1) {_figure(one)}, ICC(2,k) {_figure(mean)}.")
        if found.held_out is None:
            say("Nothing could be left out: items of several prompts or authors tell how far it carries.")
        else:
            held = found.held_out
            say(
                f"Left out by {' and '.join(held.by)}: r {_figure(held.correlation)} "
                f"(one rater against the rest {_number(found.one_against_the_rest)}), "
                f"error {held.error:.2f} points (the mean: {held.error_of_the_mean:.2f})."
            )
        out = self.out or self.folder / CALIBRATION
        found.write(out)
        say(f"Results: {out}")


@dataclass(frozen=True)
class Ratings:
    """Let people rate ideas: make sheets, read them back, say how far raters agree, calibrate a score.

    Works for any texts: free ideas as well as artefacts of structured tasks in words. Step by step:

      etude ratings sheet ITEMS.csv --raters ann ben --experts cleo --out FOLDER
      etude ratings import FOLDER
      etude ratings agreement FOLDER
      etude ratings calibrate FOLDER

    Args:
        step: which step.
    """

    step: tyro.conf.OmitArgPrefixes[
        Annotated[Sheet, tyro.conf.subcommand("sheet")]
        | Annotated[Import, tyro.conf.subcommand("import")]
        | Annotated[Agreement, tyro.conf.subcommand("agreement")]
        | Annotated[Calibrate, tyro.conf.subcommand("calibrate")]
    ]

    def run(self) -> None:
        """Take the step."""
        self.step.run()


def _ends(curve: Any) -> list[str]:
    """What the lowest and the highest score are worth."""
    scores = [curve.scores[0], curve.scores[-1]]
    return [f"{s:.3g} is {r:.2f}" for s, r in zip(scores, curve.predict(scores).tolist(), strict=True)]


def _figure(interval: Any) -> str:
    return f"{_number(interval.value)} [{_number(interval.low)}, {_number(interval.high)}]"


def _count(number: int | None) -> str:
    return "-" if number is None else str(number)


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"
