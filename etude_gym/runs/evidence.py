"""What a submission's files have to show, apart from its configuration; each failure is refused by name."""

from __future__ import annotations

import pickletools
import re
from itertools import pairwise
from pathlib import Path

import numpy as np

from etude_gym.environment.registration import make_domain
from etude_gym.measure.anchors import stratified_tasks
from etude_gym.measure.checkpoints import checkpoint_grid
from etude_gym.measure.compute import TRAINING_LINES, ComputeMeter
from etude_gym.measure.curves import SCORE_DIGITS
from etude_gym.runs.answers import read_answers
from etude_gym.runs.config import RunConfig
from etude_gym.runs.finished import load_run
from etude_gym.runs.folder import (
    CALLS,
    CHECKPOINTS,
    COMPUTE,
    CURVE,
    NETWORK,
    PRACTICE,
    RECORD,
    START,
    Run,
    read_json,
)
from etude_gym.runs.records import pack
from etude_gym.runs.repetition import beginning_again
from etude_gym.runs.rescoring import rescore_answers
from etude_gym.runs.rules import Refused
from etude_gym.runs.scored_curves import SUMMARY
from etude_gym.runs.submission import MANIFEST, RECORDS, RUNS, SCORED, Submission, digests

ALLOWED = re.compile(
    rf"{MANIFEST}|{SCORED}/{SUMMARY}|{SCORED}/[\w.-]+/seed_\d+/({CURVE}|{CALLS})"
    rf"|{RUNS}/[\w.-]+/seed_\d+/({'|'.join(RECORDS)}|{CHECKPOINTS}/(\d{{3}}\.safetensors|{START}))"
)
"""Paths of files that a submission may hold."""
LEDGER_TOLERANCE = 0.02
"""By how much compute may differ when the beginning is practiced again: other machines round otherwise."""
LARGEST_RATE = 2.0
"""By how much compute of an environment step may differ from that of the beginning, later in a run."""


def check_files(folder: Path) -> str:
    """Refuse files that are not JSON or safetensors, and all that a submission has no place for.

    Args:
        folder: of the submission.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    for path in paths:
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not path.is_file():
            raise Refused("files", f"{name} is a link or no plain file")
        content = path.read_bytes()
        plain = content[8:9] == b"{" if path.suffix == ".safetensors" else content[:1] == b"{"
        if not plain and _is_pickle(content):
            raise Refused("files", f"{name} is a pickle: reading it would run the code in it")
        if not ALLOWED.fullmatch(name):
            raise Refused("files", f"a submission has no place for {name}")
        if not plain:
            raise Refused("files", f"{name} is neither JSON nor safetensors")
    return f"{len(paths)} files of JSON and safetensors"


def _is_pickle(content: bytes) -> bool:
    """Whether bytes read as a pickle, which is looked at and not carried out; zipped ones of torch too."""
    if content[:4] == b"PK\x03\x04":
        return b"data.pkl" in content
    try:
        return bool(list(pickletools.genops(content)))
    except (ValueError, IndexError, UnicodeDecodeError):
        return False


def check_commitment(folder: Path, submission: Submission, published: str | None) -> str:
    """Refuse files that changed after the commitment.

    Args:
        folder: of the submission.
        submission: its manifest.
        published: commitment to compare with; None for none.
    """
    found = digests(folder)
    if different := sorted(set(found.items()) ^ set(submission.files.items())):
        raise Refused("commitment", f"{different[0][0]} is not the file that was committed to")
    if published is not None and published.strip().lower() != submission.commitment:
        raise Refused("commitment", f"it is {submission.commitment}, another one was published")
    return submission.commitment


def check_checkpoints(folder: Path, config: RunConfig) -> str:
    """Refuse a curve that leaves out checkpoints which practice has passed.

    Args:
        folder: of the run.
        config: its configuration.
    """
    run, grid = Run(folder), checkpoint_grid(config.horizon)
    expected, place = [(0, 0.0)], 1
    for record in run.read(PRACTICE):
        if place < len(grid) and record["compute"] >= grid[place]:
            index = int(np.searchsorted(grid, record["compute"], side="right")) - 1
            expected.append((index, record["compute"]))
            place = index + 1
    curve = load_run(folder).curve
    found = list(zip(curve.index.tolist(), curve.compute.tolist(), strict=True))
    if found != expected:
        missing = sorted({index for index, _ in expected} - {index for index, _ in found})
        what = f"lacks the checkpoints {missing}" if missing else "is at other compute than practice was"
        raise Refused("checkpoints", f"its curve {what}")
    for (index, compute), env_steps in zip(found, curve.env_steps.tolist(), strict=True):
        network = run.load(run.networks.get(index, "")) or {}
        if [network.get(name) for name in ("index", "compute", "env_steps")] != [index, compute, env_steps]:
            raise Refused("checkpoints", f"network {index} is not that of its point of the curve")
    return "every one that practice has passed, with its network"


def check_answers(folder: Path, config: RunConfig) -> str:
    """Refuse answers to other tasks, or scores that do not follow from them.

    Args:
        folder: of the run.
        config: its configuration.
    """
    domain, loaded = make_domain(config.env_id), load_run(folder)
    for answers, scores in zip(read_answers(folder), loaded.curve.scores, strict=True):
        salt = loaded.anchor_salt
        tasks = stratified_tasks(domain, "anchor", answers.evaluation, config.items, salt, config.bands)
        if answers.keys.tolist() != tasks.keys.tolist():
            raise Refused("answers", f"those of checkpoint {answers.evaluation} are to other tasks")
        table = answers.scores.reshape(scores.shape)
        filled = np.where(np.isnan(table), np.nanmean(table, axis=1, keepdims=True), table)
        if not np.allclose(np.round(filled, SCORE_DIGITS), scores, rtol=0, atol=1.5 * 10.0**-SCORE_DIGITS):
            raise Refused("answers", f"the curve at checkpoint {answers.evaluation} is not their score")
    return "to the tasks of the salt; the curve is their score"


def check_ledger(folder: Path, config: RunConfig) -> str:
    """Refuse a ledger that does not follow from configuration and counts.

    The beginning is practiced again, from the seed's network up to the first checkpoint after 0; of a
    language model everything is, from its recorded replies. Later, an environment step may cost at most
    twice or half as much.

    Args:
        folder: of the run.
        config: its configuration.
    """
    loaded, kept = load_run(folder), read_json(folder / COMPUTE)
    meter = ComputeMeter.from_state(kept)
    curve, records = loaded.curve, Run(folder).read(PRACTICE)
    booked = {"curve": curve.compute[-1], "practice": records[-1]["compute"]}
    if read_json(folder / RECORD)["compute"] != kept:
        raise Refused("ledger", f"{RECORD} and {COMPUTE} differ")
    for name, compute in booked.items():
        if not np.isclose(meter.axis(config.unit), compute, rtol=1e-9):
            raise Refused(
                "ledger", f"it holds {meter.axis(config.unit):.4g} {config.unit}, the {name} {compute:.4g}"
            )
    steps = [(record["compute"], record["env_steps"]) for record in records]
    points = len(curve) if (folder / CALLS).exists() else 2
    again, network = beginning_again(folder, points, loaded.anchor_salt)
    if pack(network) != pack(Run(folder).load(NETWORK.format(0)) or {}):
        raise Refused("ledger", f"seed {config.seed} does not begin with its network of checkpoint 0")
    for mine, compute, env_steps in zip(again, curve.compute, curve.env_steps, strict=False):
        if not np.allclose([mine.compute, mine.env_steps], [compute, env_steps], rtol=LEDGER_TOLERANCE):
            raise Refused(
                "ledger",
                f"practiced again, checkpoint {mine.index} takes {mine.compute:.4g} {config.unit} and "
                f"{mine.env_steps} steps; it holds {compute:.4g} and {env_steps}",
            )
    _check_rates(steps, curve.compute[1], curve.env_steps[1])
    return f"its beginning costs the same here; lines: {', '.join(TRAINING_LINES)}"


def _check_rates(steps: list[tuple[float, float]], compute: float, env_steps: float) -> None:
    """Refuse compute of later environment steps that is far from that of the beginning."""
    if not env_steps or not compute:
        return  # a language model's: all of it was practiced again
    first = compute / env_steps
    for (before, steps_before), (after, steps_after) in pairwise(steps):
        done = steps_after - steps_before
        rate = (after - before) / done if done else first
        if not first / LARGEST_RATE <= rate <= first * LARGEST_RATE:
            raise Refused(
                "ledger", f"an environment step costs {rate:.4g} at {after:.4g}, and {first:.4g} at first"
            )


def check_curve(folder: Path, config: RunConfig) -> str:
    """Refuse a curve that its own networks do not have on the same tasks.

    Args:
        folder: of the run.
        config: its configuration.
    """
    written = load_run(folder).curve
    again = rescore_answers(folder)
    scores = np.array([answers.scores for answers in again]).reshape(written.scores.shape)
    filled = np.where(np.isnan(scores), np.nanmean(scores, axis=2, keepdims=True), scores)
    different = np.abs(filled - written.scores) > 1.5 * 10.0**-SCORE_DIGITS
    if different.any():
        raise Refused(
            "curve",
            f"scored again, {int(different.sum())} of {different.size} answers differ: mean score "
            f"{filled.mean():.4f}, written {written.scores.mean():.4f}",
        )
    return "the same when its networks are scored again"
