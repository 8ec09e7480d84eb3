"""Section of an evaluation on what it cost."""

from __future__ import annotations

from etude_gym.measure.compute import LINES, ComputeMeter
from etude_gym.report.comparison import Comparison
from etude_gym.report.evaluation import EvaluationResult
from etude_gym.report.evaluation_tables import OVER_ALL
from etude_gym.report.ledger import LINE_COLORS, ledger_figure, mean_ledger
from etude_gym.report.parts import Block, Chart, Grid, Section
from etude_gym.runs.folder import COMPUTE, read_json

UNITS_SHOWN = ("cpu_seconds", "wall_seconds", "env_steps", "requests", "tokens_in", "tokens_out")


def cost_section(result: EvaluationResult) -> Section:
    """The ledger, what was used of the machine or an endpoint, and what had been estimated."""
    charts: list[Chart] = []
    lines: dict[str, None] = {}
    for name, comparison in result.comparisons.items():
        ledger = mean_ledger(comparison)
        if own := next(iter(ledger.values())):
            lines |= dict.fromkeys(own)
            charts.append(Chart(ledger_figure(comparison, ledger), name, "Mean of a run, in horizons."))
    legend = tuple((f"{line}: {LINES[line]}", LINE_COLORS[line]) for line in LINES if line in lines)
    return Section(
        "cost",
        "What it cost",
        ("Where the compute of training went, line by line of the ledger; evaluation is never part of it.",),
        (Block("", tuple(charts), (_spent_grid(result),), legend, small=True),),
        _estimate_notes(result),
    )


def _spent_grid(result: EvaluationResult) -> Grid:
    """What all runs of a domain used; units of which nothing was used are left out."""
    spent = {name: _spent(comparison) for name, comparison in result.comparisons.items()}
    units = [unit for unit in UNITS_SHOWN if any(each[unit] for each in spent.values())]
    rows = [(name, *(f"{each[unit]:,.0f}" for unit in units)) for name, each in spent.items()]
    totals = (f"{sum(each[unit] for each in spent.values()):,.0f}" for unit in units)
    columns = ("domain", *(unit.replace("_", " ") for unit in units))
    return Grid("All runs together, evaluation included", columns, (*rows, (OVER_ALL, *totals)))


def _spent(comparison: Comparison) -> dict[str, float]:
    meters = [
        ComputeMeter.from_state(read_json(run.folder / COMPUTE))
        for runs in comparison.runs.values()
        for run in runs
    ]
    return {unit: sum(meter.amount(line, unit) for meter in meters for line in LINES) for unit in UNITS_SHOWN}


def _estimate_notes(result: EvaluationResult) -> tuple[str, ...]:
    estimate = result.evaluation.estimate
    if seconds := estimate.total("cpu_seconds"):
        return (f"Before it began, {seconds:,.0f} CPU seconds had been estimated by a short trial.",)
    low, high = estimate.total("tokens_in"), estimate.total("most_tokens_in")
    out = estimate.total("tokens_out")
    return (f"Before it began, {low:.2g} to {high:.2g} tokens in and {out:.2g} out had been estimated.",)
