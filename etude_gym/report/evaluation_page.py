"""The page of an evaluation: one file that holds everything, and links to the page of every domain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from etude_gym.report.evaluation import EvaluationResult
from etude_gym.report.evaluation_sections import all_sections
from etude_gym.report.evaluation_tables import evaluation_headline
from etude_gym.report.figures import drawing
from etude_gym.report.page import write_page
from etude_gym.report.tables import closing_notes


def write_evaluation(result: EvaluationResult, path: Path) -> None:
    """Write the page: one file that loads nothing and runs nothing.

    Args:
        result: of an evaluation.
        path: of the page, written whole or not at all.

    Raises:
        MissingExtra: if matplotlib or jinja2 is not installed.
    """
    with drawing():
        write_page(
            path,
            title=f"Evaluation of {result.evaluation.record['agent']}",
            headline=evaluation_headline(result),
            facts=facts(result),
            sections=all_sections(result),
            closing=[
                f"{name}: {note}"
                for name, comparison in result.comparisons.items()
                for note in closing_notes(comparison).splitlines()
            ],
            data=result.to_json(),
            arms=[*dict.fromkeys(arm for each in result.comparisons.values() for arm in each.runs)],
        )


def facts(result: EvaluationResult) -> dict[str, str]:
    """What the results have to be read with.

    Args:
        result: of an evaluation.
    """
    evaluation = result.evaluation
    done = len(result.comparisons)
    told: dict[str, Any] = {
        "agent": evaluation.record["agent"],
        "depth": evaluation.record["depth_name"],
        "domains": f"{done} of {len(evaluation.experiments)}" if result.failures else str(done),
        "reference": "static",
        "seeds": evaluation.depth.seeds,
        "runs": sum(len(runs) for each in result.comparisons.values() for runs in each.runs.values()),
    }
    if evaluation.depth.share != 1:
        told["horizon"] = f"{evaluation.depth.share:g} of the recipe's"
    return {name: str(value) for name, value in told.items()}
