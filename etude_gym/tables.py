"""Tables for the terminal."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from etude_gym.comparison import ArmResult, Comparison
from etude_gym.practice_efficiency import Milestone, PracticeEfficiency


def efficiency_table(comparison: Comparison) -> Table:
    """Practice Efficiency of every arm, with intervals, horizon and ceiling."""
    first = comparison.arms[0]
    ceiling = f"{first.efficiency.ceiling:.2f}" if first.efficiency.ceiling else "undefined"
    table = Table(
        title=f"{comparison.env_id}, {comparison.agent}: Practice Efficiency against {comparison.reference}",
        caption=(
            f"horizon H = {comparison.horizon:.3g} FLOPs, ceiling of PE {ceiling}, seeds "
            f"{', '.join(map(str, comparison.seeds))}; 95% t intervals on paired log PE over seeds; "
            "± items: standard error from the finite sample of anchor tasks"
        ),
    )
    for name in ("arm", "PE", "95% interval", "± items", "area", "final score"):
        table.add_column(name, justify="left" if name == "arm" else "right")
    for result in comparison.arms:
        table.add_row(*_efficiency_row(result))
    return table


def _efficiency_row(result: ArmResult) -> tuple[str, ...]:
    pe, items = result.efficiency, result.items
    error = (
        ""
        if items.log_standard_error is None or pe.value is None
        else f"{items.log_standard_error * pe.value:.3f}"
    )
    return (
        result.arm,
        _value(pe),
        f"{pe.low:.3f} to {pe.high:.3f}"
        if pe.low is not None and pe.high is not None
        else f"none: {pe.reason}",
        error,
        f"{pe.area_agent:.3f}",
        f"{result.final:.3f}",
    )


def _value(pe: PracticeEfficiency) -> str:
    return "undefined" if pe.value is None else f"{pe.value:.3f}"


def band_table(comparison: Comparison) -> Table:
    """Practice Efficiency by band of difficulty, and how far below the oracle each arm ends."""
    bands = list(comparison.arms[0].bands)
    table = Table(title="By band of difficulty (0 easiest): PE, and final score (the oracle's is 1)")
    table.add_column("arm")
    for band in bands:
        table.add_column(f"band {band}", justify="right")
    for result in comparison.arms:
        runs = comparison.runs[result.arm]
        cells = runs[0].curve.cells
        finals = sum(run.curve.corrected[-1] for run in runs) / len(runs)
        means = {band: [finals[i] for i, cell in enumerate(cells) if cell[1] == band] for band in bands}
        table.add_row(
            result.arm,
            *(f"{_value(result.bands[band])}  {sum(means[band]) / len(means[band]):.2f}" for band in bands),
        )
    return table


def milestone_table(comparison: Comparison) -> Table:
    """Compute to 25, 50 and 75% of the reference's final gain."""
    table = Table(
        title="Milestones: median compute, in units of H, to a share of the reference's final gain",
        caption="in brackets: how much sooner than the reference; > 1: not reached by most seeds",
    )
    table.add_column("arm")
    for milestone in comparison.arms[0].milestones:
        table.add_column(f"{milestone.fraction:.0%}", justify="right")
    for result in comparison.arms:
        table.add_row(result.arm, *(_milestone(m, comparison.horizon) for m in result.milestones))
    return table


def _milestone(milestone: Milestone, horizon: float) -> str:
    reached = "> 1" if milestone.agent_median is None else f"{milestone.agent_median / horizon:.3f}"
    return reached if milestone.speedup is None else f"{reached} ({milestone.speedup:+.0%})"


def all_tables(comparison: Comparison) -> list[Any]:
    """Everything that ``etude compare`` prints."""
    tables: list[Any] = [
        efficiency_table(comparison),
        band_table(comparison),
        milestone_table(comparison),
    ]
    repeated = {result.arm: result.repeated_flops for result in comparison.arms if result.repeated_flops}
    if repeated:
        spent = ", ".join(f"{arm} {flops:.3g}" for arm, flops in repeated.items())
        tables.append(f"Work done again after interruptions, outside the curves (FLOPs): {spent}")
    if comparison.left_out:
        tables.append("Left out, not finished in every arm: " + ", ".join(comparison.left_out))
    return tables
