"""Sections of a report on how it was learned: what practice drew, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from etude_gym.measure.compute import LINES, unit_name
from etude_gym.practice.sampler import REASONS
from etude_gym.report.comparison import Comparison
from etude_gym.report.figures import COLORS, GRAY, arm_colors
from etude_gym.report.ledger import LINE_COLORS, ledger_figure, mean_ledger
from etude_gym.report.parts import Block, Chart, Grid, Section
from etude_gym.report.practice_plots import (
    REASON_COLORS,
    Draws,
    count_draws,
    difficulty_figure,
    reason_figure,
)
from etude_gym.report.tables import FINDING_NOTES, UNKNOWN, finding_lines


def practice_section(comparison: Comparison) -> Section | None:
    """What practice drew over time; None where nothing was recorded."""
    draws = {arm: count_draws(runs, comparison.horizon) for arm, runs in comparison.runs.items()}
    draws = {arm: drawn for arm, drawn in draws.items() if drawn.episodes.any()}
    if not draws:
        return None
    colors = arm_colors(list(comparison.runs))
    axes = dict.fromkeys(axis for drawn in draws.values() for axis in drawn.difficulty)
    hues = {**dict(zip(axes, COLORS[1:], strict=False)), "score in practice": GRAY}
    difficulty = tuple(
        Chart(
            difficulty_figure(drawn),
            arm,
            "Mean difficulty by axis, and the mean score in practice, over compute in horizons.",
            colors[arm],
        )
        for arm, drawn in draws.items()
    )
    telling = {arm: drawn for arm, drawn in draws.items() if len(drawn.occurring) > 1}
    reasons = tuple(
        Chart(
            reason_figure(drawn),
            arm,
            "Shares of the reasons for which tasks were drawn, over compute in horizons.",
            colors[arm],
        )
        for arm, drawn in telling.items()
    )
    occurring = dict.fromkeys(reason for drawn in telling.values() for reason in drawn.occurring)
    legend = tuple((REASONS[reason], REASON_COLORS[REASONS[reason]]) for reason in occurring)
    blocks = [
        Block(
            "Difficulty of the tasks drawn",
            difficulty,
            (_draw_grid(draws, list(axes)),),
            tuple(hues.items()),
            small=True,
            folded="Table",
        )
    ]
    if reasons:
        blocks.append(
            Block(
                "Why they were drawn", reasons, (_reason_grid(telling),), legend, small=True, folded="Table"
            )
        )
    findings = finding_lines(comparison).splitlines()
    return Section(
        "practice",
        "What practice drew",
        ("How hard the tasks were that each arm practiced on, how well they went, and why they were drawn.",),
        tuple(blocks),
        (*(f"Probes found: {line}" for line in findings), *((FINDING_NOTES,) if findings else ())),
    )


def _draw_grid(draws: Mapping[str, Draws], axes: Sequence[str]) -> Grid:
    """Number of tasks, and means over a tenth of the horizon, the first and the last with any."""
    rows = []
    for arm, drawn in draws.items():
        filled = np.flatnonzero(drawn.episodes)
        first, last = filled[:4], filled[-4:]
        cells = [f"{drawn.episodes.sum():,.0f}"]
        for series in (drawn.success, *(drawn.difficulty.get(axis) for axis in axes)):
            cells.append(
                UNKNOWN if series is None else f"{series[first].mean():.2f} → {series[last].mean():.2f}"
            )
        rows.append((arm, *cells))
    title = "Tasks drawn, and means at the start and at the end"
    return Grid(title, ("arm", "tasks", "score", *axes), tuple(rows))


def _reason_grid(draws: Mapping[str, Draws]) -> Grid:
    occurring = dict.fromkeys(reason for drawn in draws.values() for reason in drawn.occurring)
    rows = []
    for arm, drawn in draws.items():
        total = drawn.reasons.sum(axis=0)
        rows.append((arm, *(f"{total[reason] / total.sum():.1%}" for reason in occurring)))
    names = tuple(REASONS[reason] for reason in occurring)
    return Grid("Shares of the reasons over the whole run", ("arm", *names), tuple(rows))


def ledger_section(comparison: Comparison) -> Section | None:
    """What training cost; None where the ledgers hold nothing in the unit of the comparison."""
    ledger = mean_ledger(comparison)
    lines = list(next(iter(ledger.values())))
    if not lines:
        return None
    unit = unit_name(comparison.unit)
    chart = Chart(
        ledger_figure(comparison, ledger),
        "Compute by line of the ledger",
        "Mean of a run. Up to the dotted line, the horizon, it is training; evaluation is never part of it.",
    )
    rows = tuple((arm, *(f"{spent[line]:.3g}" for line in lines)) for arm, spent in ledger.items())
    table = Grid(f"Mean {unit} of a run", ("arm", *lines), rows)
    legend = tuple((f"{line}: {LINES[line]}", LINE_COLORS[line]) for line in lines)
    return Section(
        "compute",
        "What it cost",
        ("Where the compute of training went, line by line of the ledger that every run keeps.",),
        (Block("", (chart,), (table,), legend),),
    )
