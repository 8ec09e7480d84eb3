"""Scored curves: the checkpoints of a submission on anchor tasks that nobody could choose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from etude_gym.difficulty.bands import cells_of
from etude_gym.environment.registration import make_domain
from etude_gym.measure.curves import LearningCurve, from_records, point_record
from etude_gym.runs.agents import load_agent_class
from etude_gym.runs.config import RunConfig
from etude_gym.runs.folder import CALLS, CURVE, IncompleteRun, Run, read_json, write_json
from etude_gym.runs.rescoring import curve_of, score_again
from etude_gym.runs.submission import (
    RUNS,
    SCORED,
    SCORED_ITEMS,
    Submission,
    digests,
    salt_of_run,
    scored_salt,
)

SUMMARY = "scored.json"


def keeps_calls(config: RunConfig) -> bool:
    """Whether the agent of a run answers through an endpoint and keeps its replies.

    Args:
        config: of the run.
    """
    return hasattr(load_agent_class(config.agent), "keep_in")


def score(folder: Path, public_value: str, on_run: Callable[[str], None] = lambda _: None) -> None:
    """Score a submission's checkpoints, and add the curves to its folder.

    Whoever verifies networks scores them without that. A language model has to be asked by those who have
    it: its replies are recorded beside its scores, and graded again by whoever verifies.

    Args:
        folder: of the submission.
        public_value: published after the submission's commitment, as the rules name it.
        on_run: told the name of each run before it is scored.

    Raises:
        IncompleteRun: if the folder is not as it was committed.
        ValueError: for a public value that is none.
    """
    submission = Submission.read(folder)
    if digests(folder) != dict(submission.files):
        raise IncompleteRun(f"{folder} has changed since it was packed. Pack it anew.")
    salt = scored_salt(submission.commitment, public_value)
    for name in submission.runs:
        on_run(name)
        _score_run(folder / RUNS / name, folder / SCORED / name, salt)
    write_json(folder / SCORED / SUMMARY, {"public_value": public_value.strip().lower(), "salt": salt})


def _score_run(source: Path, target: Path, salt: int) -> None:
    config = RunConfig.read(source)
    domain, run = make_domain(config.env_id), Run(target)
    target.mkdir(parents=True, exist_ok=True)
    (target / CURVE).unlink(missing_ok=True)
    again = score_again(
        source,
        salt=salt_of_run(salt, config.seed),
        items=SCORED_ITEMS[config.interface],
        calls=target / CALLS if keeps_calls(config) else None,
        ask=keeps_calls(config),
    )
    for point, _ in again:
        record = point_record(point, cells_of(domain.space, config.bands), config.chance)
        run.append(CURVE, point.index, record)


def is_scored(folder: Path) -> bool:
    """Whether a submission holds scored curves.

    Args:
        folder: of the submission.
    """
    return (folder / SCORED / SUMMARY).exists()


def read_summary(folder: Path) -> tuple[str, int]:
    """The public value and the salt that a submission says its scored curves have.

    Args:
        folder: of the submission.

    Raises:
        IncompleteRun: if it does not say so.
    """
    summary = read_json(folder / SCORED / SUMMARY)
    try:
        return str(summary["public_value"]), int(summary["salt"])
    except (KeyError, TypeError, ValueError) as error:
        raise IncompleteRun(f"{folder / SCORED / SUMMARY} is damaged ({error}).") from error


def read_scored(folder: Path, name: str) -> LearningCurve:
    """A scored curve as a submission has it.

    Args:
        folder: of the submission.
        name: of the run.

    Raises:
        IncompleteRun: if it holds none, or it is damaged.
    """
    try:
        return from_records(Run(folder / SCORED / name).read(CURVE))
    except (KeyError, TypeError, ValueError) as error:
        raise IncompleteRun(f"{folder / SCORED / name / CURVE} is damaged ({error}).") from error


def scored_curve(folder: Path, name: str, salt: int) -> LearningCurve:
    """Score the checkpoints of one run of a submission; no endpoint is asked.

    Args:
        folder: of the submission.
        name: of the run.
        salt: of the submission.
    """
    source, calls = folder / RUNS / name, folder / SCORED / name / CALLS
    config = RunConfig.read(source)
    items = SCORED_ITEMS[config.interface]
    again = score_again(source, salt=salt_of_run(salt, config.seed), items=items, calls=calls)
    return curve_of(source, [point for point, _ in again])


def curves_differ(ours: LearningCurve, theirs: LearningCurve) -> str:
    """Where two curves of one run differ, in words; empty if they are the same.

    Args:
        ours: scored again.
        theirs: as it is written.
    """
    names: tuple[Any, ...] = ("index", "compute", "env_steps")
    for name in names:
        if getattr(ours, name).tolist() != getattr(theirs, name).tolist():
            return f"{name} is {getattr(ours, name).tolist()}, written {getattr(theirs, name).tolist()}"
    if ours.cells != theirs.cells or ours.chance.tolist() != theirs.chance.tolist():
        return "other cells or chance levels"
    if ours.scores.shape != theirs.scores.shape:
        return f"scores of shape {ours.scores.shape}, written {theirs.scores.shape}"
    different = ours.scores != theirs.scores
    if not different.any():
        return ""
    return (
        f"{int(different.sum())} of {different.size} answers differ; mean score {ours.scores.mean():.4f}, "
        f"written {theirs.scores.mean():.4f}"
    )
