"""A calibration as tables: what the axes cost, how well it fits, and the verdict."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from etude_gym.runs.calibrating import Calibrated


def calibration_report(found: Calibrated) -> Group:
    """What a calibration found, for a terminal.

    Args:
        found: a calibration with its checks.
    """
    panel = found.calibration.report["panel"]
    kinds = ", ".join(f"{count} {kind}" for kind, count in panel["kinds"].items())
    heading = (
        f"{found.calibration.domain}: {panel['answers']} answers of {panel['lineages']} lineages ({kinds})"
    )
    return Group(
        Text(heading),
        _costs(found),
        _figures(found),
        Text(f"Verdict: {found.verdict}.", style="green" if found.verdict == "calibrated" else "yellow"),
    )


def _costs(found: Calibrated) -> Table:
    table = Table("family", "what", "logits", "95% interval", title="Difficulty", title_justify="left")
    for family, fit in zip(found.calibration.families, found.fits, strict=True):
        values = dict(zip(found.calibration.axes, fit.curve.weights.tolist(), strict=True))
        values = {"intercept": fit.curve.intercept, "ceiling": fit.curve.ceiling, **values}
        others = [each.coefficient for each in fit.curve.interactions]
        values.update(zip(list(fit.intervals)[len(values) :], others, strict=True))
        table.add_row(family, "floor", f"{fit.curve.floor:.3f}", "measured")
        for name, value in values.items():
            low, high = fit.intervals[name]
            table.add_row("", name, f"{value:.2f}", f"{low:.2f} to {high:.2f}")
    return table


def _figures(found: Calibrated) -> Table:
    table = Table("family", "check", "value", "asked", "", title="Fit", title_justify="left")
    for checks in found.checks:
        for place, each in enumerate(checks.checks):
            mark = Text("ok", "green") if each.passed else Text("missed", "bold red")
            table.add_row("" if place else each.family, each.name, f"{each.value:.3f}", each.asked, mark)
    return table
