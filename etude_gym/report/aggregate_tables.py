"""Robust aggregates of the final scores of a comparison, for the terminal."""

from __future__ import annotations

import numpy as np
from rich.console import Group
from rich.table import Table

from etude_gym.measure.aggregates import interquartile_mean, probability_of_improvement, stratified_interval
from etude_gym.measure.intervals import Estimate
from etude_gym.report.comparison import Comparison
from etude_gym.report.tables import _notes, _table, _title

NOTES = (
    "Interquartile mean: of the middle half of all runs and cells. Improvement: how probable it is that a "
    "run beats one of the reference in a cell. In brackets: 95% bootstrap intervals, seeds drawn anew in "
    "each cell (Agarwal et al. 2021)."
)


TITLE = "Final scores over seeds and cells"


def aggregate_report(comparison: Comparison) -> Group:
    """What ``etude compare`` prints of them.

    Args:
        comparison: finished runs.
    """
    return Group(_title(TITLE), aggregate_table(comparison), _notes(NOTES))


def aggregate_table(comparison: Comparison) -> Table:
    """Interquartile mean of the final scores, and probability of improvement over the reference.

    Args:
        comparison: finished runs.
    """
    final = {
        name: np.array([run.curve.corrected[-1] for run in runs]) for name, runs in comparison.runs.items()
    }
    table = _table("interquartile mean", "improvement")
    for name, scores in final.items():
        improvement = "reference"
        if name != comparison.reference:
            pair = scores, final[comparison.reference]
            improvement = _told(stratified_interval(probability_of_improvement, *pair))
        table.add_row(name, _told(stratified_interval(interquartile_mean, scores)), improvement)
    return table


def _told(found: Estimate) -> str:
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
