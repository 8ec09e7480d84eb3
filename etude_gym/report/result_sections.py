"""Sections of a report on what was learned."""

from __future__ import annotations

import numpy as np

from etude_gym.measure.checkpoints import checkpoint_grid
from etude_gym.report.aggregate_tables import NOTES as AGGREGATE_NOTES
from etude_gym.report.aggregate_tables import TITLE as AGGREGATE_TITLE
from etude_gym.report.aggregate_tables import aggregate_table
from etude_gym.report.cell_plots import cell_figure
from etude_gym.report.comparison import Comparison
from etude_gym.report.confidence_plots import brier_figure, reliability_figure
from etude_gym.report.curve_plots import LABELED, SHADED, curve_figure, curve_on_grid, seed_figure
from etude_gym.report.figures import arm_colors
from etude_gym.report.parts import Block, Chart, Grid, Section
from etude_gym.report.plots import effect_figure
from etude_gym.report.tables import (
    RELIABILITY_NOTES,
    band_table,
    difference_lines,
    efficiency_notes,
    efficiency_table,
    family_table,
    gain_table,
    milestone_notes,
    milestone_table,
    reliability_table,
)


def efficiency_section(comparison: Comparison) -> Section:
    """Practice Efficiency of every arm, with interval, horizon and ceiling."""
    defined = comparison.arms[0].efficiency.value is not None
    chart = Chart(
        effect_figure(comparison),
        f"{'Practice Efficiency' if defined else 'Difference of areas'} against {comparison.reference}",
        "Dots are arms, the reference first, then the largest area; bars are 95% intervals.",
    )
    tables = (
        Grid.of("Practice Efficiency", efficiency_table(comparison)),
        Grid.of(AGGREGATE_TITLE, aggregate_table(comparison)),
    )
    return Section(
        "efficiency",
        "Practice Efficiency",
        (
            "Practice Efficiency (PE) is the area under an arm's anchor scores over compute, up to the "
            "horizon, divided by the reference's. Above 1 an arm learns more per unit of compute. It cannot "
            "exceed the ceiling, which an arm would reach that is perfect from the start.",
        ),
        (Block("", (chart,), tables),),
        (
            *efficiency_notes(comparison).splitlines(),
            AGGREGATE_NOTES,
            *(f"What else differs: {line}." for line in difference_lines(comparison).splitlines()),
        ),
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
        (
            "Anchor scores, corrected for chance, on fresh tasks that practice never sees: the mean of every "
            f"arm{' (shaded: its 95% interval over seeds)' if shaded else ''}.",
        ),
        (
            Block("", (linear, log), (_curve_grid(comparison), _milestone_grid(comparison)), legend),
            Block("Every seed", seeds, (_run_grid(comparison),), small=True, folded="Table"),
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
        ("Where the gain was made. Bands are quarters of difficulty within a family, the easiest first.",),
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
        (
            "Agents said how sure they were of each answer. Confidence is worth something where answers of "
            "which they are sure are right more often.",
        ),
        (Block("", (reliability, brier), (table,), legend),),
        (RELIABILITY_NOTES,),
    )
