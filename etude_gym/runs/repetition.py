"""Practice that is carried out again, to see whether a run is what its configuration says."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy import stats

from etude_gym.measure.curves import CurvePoint, LearningCurve, area
from etude_gym.randomness import mix
from etude_gym.runs.config import RunConfig
from etude_gym.runs.finished import load_run
from etude_gym.runs.folder import CALLS, CHECKPOINTS, NETWORK, START, Run
from etude_gym.runs.practice_run import PracticeRun, one_thread, practice_run
from etude_gym.runs.rescoring import offline
from etude_gym.runs.submission import SCORED_ITEMS, SEEDS, salt_of_run

FRESH_SEEDS = 0x5EED
"""The stream that seeds of repetitions are drawn from."""


def beginning_again(folder: Path, points: int, salt: int) -> tuple[list[CurvePoint], dict[str, Any]]:
    """Practice the beginning of a run again, somewhere else.

    A language model's replies come from the run's record of calls; no endpoint is asked.

    Args:
        folder: of the run.
        points: of its curve that are wanted.
        salt: of its anchor tasks.

    Returns:
        The first points of its curve, and the network before any practice, as they come out here.

    Raises:
        RuntimeError: if a reply is missing in the record of calls.
    """
    with TemporaryDirectory() as elsewhere, one_thread():
        run = Run(Path(elsewhere))
        _copy_what_it_begins_with(folder, run.folder)
        with closing(PracticeRun(run, offline(RunConfig.read(folder)), salt)) as practice:
            practice.resume()
            while practice.tracker.next_checkpoint is not None and len(practice.points) < points:
                if practice.tracker.due(practice.compute):
                    practice.evaluate()
                else:
                    practice.practice()
            return practice.points, run.load(NETWORK.format(0)) or {}


def _copy_what_it_begins_with(folder: Path, target: Path) -> None:
    """The network that a run starts from, and a language model's replies."""
    for name in (CALLS, f"{CHECKPOINTS}/{START}"):
        if (folder / name).exists():
            (target / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(folder / name, target / name)


def fresh_seeds(salt: int) -> list[int]:
    """Seeds of a repetition, as many as scored runs have: nobody could practice on them.

    Args:
        salt: of the submission's scored anchor tasks.
    """
    return [int(seed >> np.uint64(33)) for seed in mix(salt, FRESH_SEEDS, np.arange(len(SEEDS)))]


def practiced_again(
    source: Path, salt: int, on_run: Callable[[str], None] = lambda _: None
) -> list[LearningCurve]:
    """Curves of a method with fresh seeds.

    Args:
        source: folder of one of its runs.
        salt: of the submission's scored anchor tasks.
        on_run: told before each run.
    """
    config, curves = RunConfig.read(source), []
    for seed in fresh_seeds(salt):
        on_run(f"{config.env_id} again, seed {seed}")
        with TemporaryDirectory() as elsewhere:
            folder = Path(elsewhere)
            items = SCORED_ITEMS[config.interface]
            replace(offline(config), seed=seed, items=items).write(folder)
            _copy_what_it_begins_with(source, folder)
            practice_run(folder, salt_of_run(salt, seed))
            curves.append(load_run(folder).curve)
    return curves


def exceeds(
    submitted: Sequence[LearningCurve], again: Sequence[LearningCurve], horizon: float
) -> tuple[float, float, float]:
    """By how much submitted runs learned more than their repetition: Welch's t interval of mean areas.

    Args:
        submitted: scored curves.
        again: curves of the repetition, with other seeds.
        horizon: compute at which areas end.

    Returns:
        The difference of mean areas and its 95% interval.
    """
    ours, theirs = (
        [float(area(curve.compute, curve.mean, horizon)) for curve in curves] for curves in (submitted, again)
    )
    interval = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval()
    return float(np.mean(ours) - np.mean(theirs)), float(interval.low), float(interval.high)
