"""The parts of a report, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.table import Table

from etude_gym.measure.checkpoints import checkpoint_grid
from etude_gym.measure.compute import LINES, unit_name
from etude_gym.practice.sampler import REASONS
from etude_gym.report.cell_plots import cell_figure
from etude_gym.report.comparison import Comparison
from etude_gym.report.confidence_plots import brier_figure, reliability_figure
from etude_gym.report.curve_plots import LABELED, SHADED, curve_figure, curve_on_grid, seed_figure
from etude_gym.report.figures import COLORS, GRAY, arm_colors
from etude_gym.report.ledger import LINE_COLORS, ledger_figure, mean_ledger
from etude_gym.report.plots import effect_figure
from etude_gym.report.practice_plots import REASON_COLORS, count_draws, difficulty_figure, reason_figure
from etude_gym.report.tables import (
    FINDING_NOTES,
    RELIABILITY_NOTES,
    UNKNOWN,
    band_table,
    efficiency_notes,
    efficiency_table,
    family_table,
    finding_lines,
    gain_table,
    milestone_notes,
    milestone_table,
    reliability_table,
)


@dataclass(frozen=True)
class Chart:
    """A picture of a section.

    Attributes:
        figure: of matplotlib.
        title: what it is of.
        text: what one sees on it.
        color: of the arm that it belongs to; None for all of them.
    """

    figure: Any
    title: str
    text: str
    color: str | None = None


@dataclass(frozen=True)
class Grid:
    """A table of a section.

    Attributes:
        title: what it holds.
        columns: their names; the first one names rows.
        rows: cells as they are shown.
        words: how many columns, from the first on, hold words rather than numbers.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1

    @classmethod
    def of(cls, title: str, table: Table, words: int = 1) -> Grid:
        """A table that the terminal shows as well.

        Args:
            title: what it holds.
            table: of the terminal.
            words: how many columns hold words.
        """
        columns = [[str(cell) for cell in column.cells] for column in table.columns]
        rows = tuple(zip(*columns, strict=True))
        return cls(title, tuple(str(column.header) for column in table.columns), rows, words)


@dataclass(frozen=True)
class Block:
    """Pictures that belong together, what their colors mean, and their figures.

    Attributes:
        title: of the block; empty where its section says it all.
        charts: pictures beside each other.
        tables: their figures.
        legend: names and colors.
        small: whether the pictures are many and small, one for each arm, with one text for all.
        folded: whether the tables are shown on request, on screens.
    """

    title: str = ""
    charts: tuple[Chart, ...] = ()
    tables: tuple[Grid, ...] = ()
    legend: tuple[tuple[str, str], ...] = ()
    small: bool = False
    folded: bool = False


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes:
        name: of the place in the page.
        title: of the part.
        text: how to read it.
        blocks: pictures and tables.
        notes: what limits it.
    """

    name: str
    title: str
    text: str
    blocks: tuple[Block, ...] = ()
    notes: tuple[str, ...] = ()


def efficiency_section(comparison: Comparison) -> Section:
    """Practice Efficiency of every arm, with interval, horizon and ceiling."""
    defined = comparison.arms[0].efficiency.value is not None
    chart = Chart(
        effect_figure(comparison),
        f"{'Practice Efficiency' if defined else 'Difference of areas'} against {comparison.reference}",
        "Dots are arms, the largest area first; bars their 95% intervals; the dotted line is the reference.",
    )
    table = Grid.of("Practice Efficiency", efficiency_table(comparison))
    return Section(
        "efficiency",
        "Practice Efficiency",
        "Practice Efficiency (PE) is the area under an arm's anchor scores over compute, up to the horizon, "
        "divided by the reference's. Above 1 an arm learns more per unit of compute. It cannot exceed the "
        "ceiling, which an arm would reach that is perfect from the start.",
        (Block("", (chart,), (table,)),),
        tuple(efficiency_notes(comparison).splitlines()),
    )


def curve_section(comparison: Comparison) -> Section:
    """Learning curves over compute: means on two axes, and every seed."""
    colors = arm_colors(list(comparison.runs))
    linear = Chart(
        curve_figure(comparison, "linear"),
        "Over compute",
        "Dots are evaluations; the area below a curve is what PE compares. Dotted lines are shares of the "
        "reference's gain; diamonds stand where half of an arm's seeds have reached them.",
    )
    log = Chart(
        curve_figure(comparison, "log"),
        "Over compute, doubled from mark to mark",
        "The same curves with evaluations at equal distances, which shows how learning begins.",
    )
    seeds = tuple(
        Chart(
            seed_figure(comparison, arm),
            arm,
            "Thin lines are seeds, with a dot at every evaluation.",
            colors[arm],
        )
        for arm in comparison.runs
    )
    legend = tuple(colors.items()) if len(colors) > LABELED else ()
    shaded = len(comparison.seeds) > 1 and len(colors) <= SHADED
    return Section(
        "curves",
        "Learning curves",
        f"Anchor scores, corrected for chance, on fresh tasks that practice never sees: the "
        f"mean of every arm{' (shaded: its 95% interval over seeds)' if shaded else ''}.",
        (
            Block("", (linear, log), (_curve_grid(comparison), _milestone_grid(comparison)), legend),
            Block("Every seed", seeds, (_run_grid(comparison),), small=True, folded=True),
        ),
        (milestone_notes(comparison),),
    )


def _curve_grid(comparison: Comparison) -> Grid:
    """The figures of the mean curves."""
    grid = np.array(checkpoint_grid(comparison.horizon))
    names = [f"1/{round(comparison.horizon / at)}" if 0 < at < comparison.horizon else "" for at in grid]
    columns = ("arm", "0", *names[1:-1], "1")
    rows = (
        (arm, *(f"{score:z.3f}" for score in curve_on_grid(runs, grid)[0]))
        for arm, runs in comparison.runs.items()
    )
    return Grid("Mean anchor score at shares of the horizon", columns, tuple(rows))


def _milestone_grid(comparison: Comparison) -> Grid:
    title = "Milestones: median compute, in horizons, to a share of the reference's gain"
    return Grid.of(title, milestone_table(comparison))


def _run_grid(comparison: Comparison) -> Grid:
    rows = (
        (
            arm,
            str(run.config.seed),
            str(len(run.curve)),
            f"{run.curve.compute[-1] / comparison.horizon:.3f}",
            f"{run.curve.mean[-1]:.3f}",
        )
        for arm, runs in comparison.runs.items()
        for run in runs
    )
    columns = ("arm", "seed", "evaluations", "compute at the last", "score there")
    return Grid("Every run: its last evaluation, compute in horizons", columns, tuple(rows))


def cell_section(comparison: Comparison) -> Section:
    """What was gained, by family and band, with intervals."""
    colors = arm_colors(list(comparison.runs))
    charts = tuple(
        Chart(
            cell_figure(comparison, str(family)),
            str(family),
            "Gain over the untrained learner in every band, the easiest first, with 95% intervals.",
        )
        for family in comparison.arms[0].families
    )
    tables = [
        Grid.of("Gain by family and band, ± its 95% interval over seeds", gain_table(comparison), words=2),
        Grid.of("PE / final score by band", band_table(comparison)),
    ]
    if len(comparison.arms[0].families) > 1:
        tables.append(Grid.of("PE by family", family_table(comparison)))
    return Section(
        "cells",
        "Families and bands",
        "Where the gain was made. Bands are quarters of difficulty within a family, the easiest first.",
        (Block("", charts, tuple(tables), tuple(colors.items())),),
    )


def confidence_section(comparison: Comparison) -> Section | None:
    """How well stated confidence agrees with being right; None where none was stated."""
    if not comparison.reliabilities:
        return None
    reliability = Chart(
        reliability_figure(comparison),
        "Reliability",
        "On the dotted line, answers are right as often as their confidence says; below it they are right "
        "less often. Larger dots: more answers. Bars: how often a confidence was stated.",
    )
    brier = Chart(
        brier_figure(comparison),
        "Brier scores",
        "Dots are arms, small ones seeds; the bar is what stating the share correct throughout would give.",
    )
    table = Grid.of("Confidence at the last checkpoint, all seeds pooled", reliability_table(comparison))
    colors = arm_colors(list(comparison.runs))
    legend = tuple((arm, colors[arm]) for arm in comparison.reliabilities)
    return Section(
        "confidence",
        "Confidence",
        "Agents said how sure they were of each answer. Confidence is worth something where answers of "
        "which they are sure are right more often.",
        (Block("", (reliability, brier), (table,), legend),),
        (RELIABILITY_NOTES,),
    )


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
            folded=True,
        )
    ]
    if reasons:
        blocks.append(
            Block("Why they were drawn", reasons, (_reason_grid(telling),), legend, small=True, folded=True)
        )
    findings = finding_lines(comparison).splitlines()
    return Section(
        "practice",
        "What practice drew",
        "How hard the tasks were that each arm practiced on, how well they went, and why they were drawn.",
        tuple(blocks),
        (*(f"Probes found: {line}" for line in findings), *((FINDING_NOTES,) if findings else ())),
    )


def _draw_grid(draws: dict[str, Any], axes: Sequence[str]) -> Grid:
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


def _reason_grid(draws: dict[str, Any]) -> Grid:
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
        "Where the compute of training went, line by line of the ledger that every run keeps.",
        (Block("", (chart,), (table,), legend),),
    )


SECTIONS: tuple[tuple[str, Callable[[Comparison], Section | None]], ...] = (
    ("Practice Efficiency", efficiency_section),
    ("learning curves", curve_section),
    ("families and bands", cell_section),
    ("confidence", confidence_section),
    ("what practice drew", practice_section),
    ("the ledger", ledger_section),
)
"""What a report consists of, by what is said while it is drawn."""
