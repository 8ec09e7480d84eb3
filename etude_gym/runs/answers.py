"""Reads the anchor answers that a run's folder keeps, one evaluation after another."""

from __future__ import annotations

from pathlib import Path

from etude_gym.measure.answers import Answers
from etude_gym.runs.config import RunConfig
from etude_gym.runs.folder import ANSWERS, CURVE, IncompleteRun, Run

__all__ = ["Answers", "read_answers"]


def read_answers(folder: Path) -> list[Answers]:
    """Every answer of a run to its anchor tasks.

    Args:
        folder: of the run; it need not be finished.

    Returns:
        The answers of each evaluation in ``curve.jsonl``, in its order.

    Raises:
        IncompleteRun: if the run has no evaluation yet, is older than answers that are kept, or is damaged.
    """
    folder = Path(folder)
    RunConfig.read(folder)
    run = Run(folder)
    scored = [(record["index"], record["compute"]) for record in run.read(CURVE)]
    if not scored:
        raise IncompleteRun(f"{folder} has not been evaluated yet: it has no anchor answers.")
    if not (folder / ANSWERS).exists():
        raise IncompleteRun(
            f"{folder} holds no {ANSWERS}: it is older than answers that are kept. Practice it anew."
        )
    try:
        kept = [Answers.from_record(record) for record in run.read(ANSWERS)]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise IncompleteRun(f"{folder / ANSWERS} is damaged ({type(error).__name__}: {error}).") from error
    # Answers are written before the scores that they make: a run that is at it may be one evaluation ahead.
    if [(answers.evaluation, answers.compute) for answers in kept[: len(scored)]] != scored:
        raise IncompleteRun(
            f"{folder / ANSWERS} is damaged: it has answers of the evaluations "
            f"{[answers.evaluation for answers in kept]}, but {CURVE} has {[index for index, _ in scored]}."
        )
    return kept[: len(scored)]
