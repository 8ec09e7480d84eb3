"""What training cost, line by line of the ledger: the figures, and their picture."""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.measure.compute import LINES, ComputeMeter, unit_name
from etude_gym.report.comparison import Comparison
from etude_gym.report.figures import INK, PANEL, RULE, new_figure, short
from etude_gym.runs.folder import COMPUTE, read_json

LINE_COLORS = dict(zip(LINES, ("#56B4E9", "#0072B2", "#44AA99", "#CC79A7", "#D55E00", RULE), strict=True))
"""A color for each line of the ledger."""


def mean_ledger(comparison: Comparison) -> dict[str, dict[str, float]]:
    """Compute of a run by arm and line of the ledger, in the unit of the comparison, mean over seeds.

    Args:
        comparison: whose runs.

    Returns:
        Amounts by arm, then by line; lines that are 0 everywhere are left out.
    """
    spent = {
        arm: {
            line: sum(meter.axis(comparison.unit, (line,)) for meter in meters) / len(meters)
            for line in LINES
        }
        for arm, meters in (
            (arm, [ComputeMeter.from_state(read_json(run.folder / COMPUTE)) for run in runs])
            for arm, runs in comparison.runs.items()
        )
    }
    used = [line for line in LINES if any(lines[line] for lines in spent.values())]
    return {arm: {line: lines[line] for line in used} for arm, lines in spent.items()}


def ledger_figure(comparison: Comparison, ledger: dict[str, dict[str, float]]) -> Any:
    """What each arm spent, as stacked bars in units of the horizon.

    Args:
        comparison: what to draw.
        ledger: see ``mean_ledger``.
    """
    figure = new_figure(PANEL, 0.7 + 0.27 * len(ledger))
    axes = figure.subplots()
    left = np.zeros(len(ledger))
    for line in next(iter(ledger.values())):
        width = np.array([lines[line] for lines in ledger.values()]) / comparison.horizon
        axes.barh(range(len(ledger)), width, 0.62, left, color=LINE_COLORS[line])
        left += width
    axes.axvline(1, color=INK, linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(ledger)), [short(arm) for arm in ledger])
    for label in axes.get_yticklabels():
        label.set_color(INK)
    axes.set_ylim(len(ledger) - 0.5, -0.5)
    axes.set_xlim(0, 1.03 * max(1.0, left.max()))
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"compute (1 = horizon = {comparison.horizon:.3g} {unit_name(comparison.unit)})")
    return figure
