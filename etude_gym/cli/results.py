"""What a comparison leaves: tables in the terminal, results, pictures, a report, columns in TensorBoard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from etude_gym.cli.reporting import write_with_progress
from etude_gym.cli.terminal import console, say
from etude_gym.errors import MissingExtra

PICTURE = "learning_curves.png"
CONFIDENCE_PICTURE = "confidence.png"
PRACTICE_PICTURE = "practice.png"
RESULTS = "comparison.json"


def show_results(
    sources: Sequence[Any], out: Path, reference: str | None = None, by: str | None = None
) -> None:
    """Compare runs: print the tables, write results, picture and report, tell TensorBoard.

    Args:
        sources: folders of runs or of experiments, with or without names.
        out: folder for the results, pictures and the report.
        reference: the arm that Practice Efficiency is relative to.
        by: what an arm is; see ``etude_gym.report.comparison.compare``.
    """
    from etude_gym.report.aggregate_tables import aggregate_report
    from etude_gym.report.comparison import compare
    from etude_gym.report.confidence_plots import draw_confidence
    from etude_gym.report.hyperparameters import write_hyperparameters
    from etude_gym.report.page import REPORT
    from etude_gym.report.plots import draw_comparison
    from etude_gym.report.practice_plots import draw_practice, telling_arms
    from etude_gym.report.tables import all_tables
    from etude_gym.runs.folder import write_json

    comparison = compare(sources, reference, by)
    console.print(all_tables(comparison))
    console.print(aggregate_report(comparison))
    write_json(out / RESULTS, comparison.to_json())
    say(f"\nResults: {out / RESULTS}")
    try:
        draw_comparison(comparison, out / PICTURE)
        say(f"Picture: {out / PICTURE}")
        if comparison.reliabilities:
            draw_confidence(comparison, out / CONFIDENCE_PICTURE)
            say(f"Picture: {out / CONFIDENCE_PICTURE}")
        if telling_arms(comparison):
            draw_practice(comparison, out / PRACTICE_PICTURE)
            say(f"Picture: {out / PRACTICE_PICTURE}")
        write_with_progress(comparison, out / REPORT)
    except MissingExtra as missing:
        say(str(missing))
    write_hyperparameters(comparison)
