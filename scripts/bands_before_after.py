"""What the calibration of a domain moves: bands and Practice Efficiency of experiments, before and after.

``python scripts/bands_before_after.py [--again] EXPERIMENT...`` prints tables in Markdown, from the answers
that finished runs have kept. Before, bands are quartiles of the mean of the axes; after, of difficulty as the
shipped calibration has it. An experiment is of one domain and has two seeds or more, the same for each arm.
``--again`` adds what the kept networks score on fresh anchor tasks, drawn for the calibrated bands.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.bands import BANDS, band_name, band_of
from etude_gym.difficulty.space import DifficultySpace
from etude_gym.environment.registration import make_domain
from etude_gym.measure.anchors import chance_levels, stratified_tasks
from etude_gym.measure.answers import OK, Answers
from etude_gym.measure.curves import LearningCurve, area
from etude_gym.measure.intervals import half_width
from etude_gym.measure.practice_efficiency import PracticeEfficiency, practice_efficiency
from etude_gym.measure.regrouping import regrouped_curve, variance_explained
from etude_gym.practice.strategies import REFERENCE_ARM
from etude_gym.report.methods import group_by_method, load_sources
from etude_gym.runs.answers import read_answers
from etude_gym.runs.finished import LoadedRun
from etude_gym.runs.folder import ANSWERS
from etude_gym.runs.pilot import horizon_share
from etude_gym.runs.rescoring import rescore
from etude_gym.tasks.domain import Domain
from etude_gym.tasks.keys import TaskBatch

BEFORE, AFTER, AGAIN = "before", "after", "after, asked again"

Curves = Mapping[str, Sequence[LearningCurve]]
"""Curves of each arm, in the order of its seeds."""


@dataclass(frozen=True)
class Experiment:
    """The runs of one domain with their answers.

    Attributes:
        runs: by arm, each in the order of its seeds; the reference first.
        answers: of the same runs.
        spaces: of the domain, without its calibration ("before") and with it ("after").
        curves: by the bands that they are in ("before", "after", "after, asked again").
    """

    runs: Mapping[str, Sequence[LoadedRun]]
    answers: Mapping[str, Sequence[Sequence[Answers]]]
    spaces: Mapping[str, DifficultySpace]
    curves: Mapping[str, Curves]


def uncalibrated(env_id: str) -> Domain:
    """A domain as it is without its calibration.

    Args:
        env_id: id of its environment.
    """
    domain = make_domain(env_id)
    setattr(domain, "space", replace(domain.space, calibration=None))  # noqa: B010 (of the class else)
    return domain


def kept_answers(run: LoadedRun) -> list[Answers]:
    """The answers of a run; of one that is older than answers that are kept, from its curve and its salt.

    Args:
        run: of all four bands, not of text.
    """
    if (run.folder / ANSWERS).exists():
        return read_answers(run.folder)
    config, curve = run.config, run.curve
    if config.interface != "actions" or config.bands != BANDS or config.calibration:
        raise ValueError(
            f"{run.folder} has kept no answers; they follow from its curve only for a run of actions in the "
            f"bands {BANDS} of an uncalibrated domain."
        )
    answers = []
    for index, compute, scores in zip(curve.index, curve.compute, curve.scores, strict=True):
        tasks, bands = _tasks(config.env_id, int(index), config.items, run.anchor_salt)
        given = Answers.to_tasks(tasks, bands, scores.ravel(), (OK,) * scores.size, {})
        answers.append(replace(given, evaluation=int(index), compute=float(compute)))
    return answers


def load(folder: Path, again: bool) -> Experiment:
    """Read an experiment, and put its answers into the bands before and after.

    Args:
        folder: of finished runs of one domain that ships a calibration.
        again: whether to let the kept networks answer fresh tasks of the calibrated bands.
    """
    named, _ = load_sources([folder])
    grouped = group_by_method(named)
    runs = {arm: list(grouped[arm].values()) for arm in sorted(grouped, key=lambda a: a != REFERENCE_ARM)}
    env_id = named[0].run.config.env_id
    domains = {BEFORE: uncalibrated(env_id), AFTER: make_domain(env_id)}
    if domains[AFTER].space.calibration is None:
        raise ValueError(f"{env_id} ships no calibration: nothing has moved.")
    chance = {when: chance_levels(domain).round(6) for when, domain in domains.items()}
    answers = {arm: [kept_answers(run) for run in own] for arm, own in runs.items()}
    curves: dict[str, Curves] = {
        when: {
            arm: [
                regrouped_curve(run.curve, given, domain.space, chance[when])
                for run, given in zip(own, answers[arm], strict=True)
            ]
            for arm, own in runs.items()
        }
        for when, domain in domains.items()
    }
    if again:
        curves[AGAIN] = {
            arm: [replace(rescore(run.folder), chance=chance[AFTER]) for run in own]
            for arm, own in runs.items()
        }
    return Experiment(runs, answers, {when: domain.space for when, domain in domains.items()}, curves)


def moved_tasks(experiment: Experiment) -> list[str]:
    """How many tasks are in another band than before: a table of shares, rows before, columns after."""
    tasks: dict[int, tuple[NDArray[np.int64], ...]] = {}
    for given in (each for own in experiment.answers.values() for run in own for each in run):
        bands = [band_of(space, given.difficulties, given.families) for space in experiment.spaces.values()]
        tasks.update(zip(given.keys.tolist(), zip(given.families, *bands, strict=True), strict=True))
    family, before, after = np.array(list(tasks.values())).T
    families = experiment.spaces[BEFORE].families
    by_family = ", ".join(
        f"{name} {np.mean((before != after)[family == index]):.0%}" for index, name in enumerate(families)
    )
    counts = np.histogram2d(before, after, bins=(len(BANDS), len(BANDS)), range=((-0.5, 3.5), (-0.5, 3.5)))[0]
    rows = [
        [f"was {band_name(band)}", *(f"{share:.0%}" for share in counts[band] / counts[band].sum())]
        for band in BANDS
    ]
    return [
        f"Of {len(tasks):,} anchor tasks {np.mean(before != after):.0%} are in another band ({by_family}), "
        f"{np.mean(abs(before - after) > 1):.1%} by more than one.",
        "",
        *_table(["tasks", *(f"is {band_name(band)}" for band in BANDS)], rows),
    ]


def separation(experiment: Experiment) -> list[str]:
    """How far apart bands are: mean area of all runs by band, and the variance that bands explain."""
    explained = {when: _explained(experiment, space) for when, space in experiment.spaces.items()}
    rows = []
    for when, curves in experiment.curves.items():
        every = [curve for own in curves.values() for curve in own]
        areas = _areas(every).mean(0)
        means = [float(areas[mask].mean()) for mask in _masks(every[0])[1:]]
        share = f"{explained[when].mean():.3f}" if when in explained else "–"
        rows.append([when, *(f"{mean:.3f}" for mean in means), f"{means[0] - means[-1]:.3f}", share])
    change = explained[AFTER] - explained[BEFORE]
    return [
        *_table(["bands", *map(band_name, BANDS), "first less last", "variance explained"], rows),
        "",
        f"Variance explained, after less before: {change.mean():+.3f} ± {half_width(change):.3f} "
        f"({len(change)} seeds).",
    ]


def _explained(experiment: Experiment, space: DifficultySpace) -> NDArray[np.float64]:
    """For each seed, the mean share of variance that bands explain, over arms and trained checkpoints."""
    by_seed: dict[int, list[float]] = {}
    for arm, own in experiment.runs.items():
        for run, answers in zip(own, experiment.answers[arm], strict=True):
            shares = [variance_explained(given, space) for given in answers[1:]]
            by_seed.setdefault(run.config.seed, []).append(float(np.nanmean(shares)))
    return np.array([np.mean(shares) for shares in by_seed.values()])


def efficiencies(experiment: Experiment) -> list[str]:
    """Practice Efficiency of every arm over all cells and by band; of the reference its areas."""
    reference, *others = experiment.runs
    horizon = experiment.runs[reference][0].config.horizon
    masks = _masks(experiment.curves[BEFORE][reference][0])
    areas = {
        when: {arm: _areas(own) for arm, own in curves.items()} for when, curves in experiment.curves.items()
    }
    rows = [
        [f"{reference} (area)", when, *(f"{found[reference][:, mask].mean():.3f}" for mask in masks)]
        for when, found in areas.items()
    ]
    for arm in others:
        values = {
            when: [practice_efficiency(curves[arm], curves[reference], horizon, cells=mask) for mask in masks]
            for when, curves in experiment.curves.items()
        }
        rows += [[arm, when, *map(_shown, found)] for when, found in values.items()]
        logs = {
            when: [np.log(found[arm][:, mask].mean(1) / found[reference][:, mask].mean(1)) for mask in masks]
            for when, found in areas.items()
        }
        rows.append(
            [arm, "after / before", *map(_ratio, values[BEFORE], values[AFTER], logs[BEFORE], logs[AFTER])]
        )
    return _table(["arm", "bands", "all", *map(band_name, BANDS)], rows)


def _masks(curve: LearningCurve) -> list[NDArray[np.bool_]]:
    """Which cells count: all, then those of each band."""
    bands = np.array([band for _, band in curve.cells])
    return [bands >= 0, *(bands == band for band in BANDS)]


def _areas(curves: Sequence[LearningCurve]) -> NDArray[np.float64]:
    """Areas up to the ends of curves, shape (seeds, cells)."""
    return np.array([area(curve.compute, curve.corrected, float(curve.compute[-1])) for curve in curves])


def _ratio(
    before: PracticeEfficiency,
    after: PracticeEfficiency,
    logs_before: NDArray[np.float64],
    logs_after: NDArray[np.float64],
) -> str:
    """How PE has changed: its ratio, with the t interval of the differences of its logarithm over seeds."""
    if before.value is None or after.value is None:
        return "–"
    ratio, factor = after.value / before.value, np.exp(half_width(logs_after - logs_before))
    return f"{ratio:.3f} [{ratio / factor:.3f}, {ratio * factor:.3f}]"


def horizons(experiment: Experiment) -> list[str]:
    """Where the reference has 90% of its gain: in a pilot, the horizon. With t intervals of a jackknife."""
    reference, runs = next(iter(experiment.runs.items()))
    budget = runs[0].config.horizon
    found = {when: _jackknife(curves[reference], budget) for when, curves in experiment.curves.items()}
    rows = [
        [when, _with_interval(each, ".3g"), _with_interval((each - found[BEFORE]) / found[BEFORE][0], ".1%")]
        for when, each in found.items()
    ]
    head = ["bands", f"{reference} has 90% of its gain at {budget:.3g} at", "change"]
    return _table(head, rows)


def _jackknife(curves: Sequence[LearningCurve], budget: float) -> NDArray[np.float64]:
    """The compute at 90% of the gain for all seeds, then without each."""
    left_out = [[*curves[:seed], *curves[seed + 1 :]] for seed in range(len(curves))]
    return np.array([horizon_share(some, budget) * budget for some in (curves, *left_out)])


def _with_interval(values: NDArray[np.float64], form: str) -> str:
    """A number of all seeds, which comes first, with the t interval of its pseudo-values (Tukey 1958)."""
    whole, parts = values[0], values[1:]
    pseudo = len(parts) * whole - (len(parts) - 1) * parts
    return f"{whole:{form}} ± {half_width(pseudo):{form}}"


@cache
def _tasks(env_id: str, index: int, items: int, salt: int) -> tuple[TaskBatch, NDArray[np.int64]]:
    """The anchor tasks of a checkpoint of an uncalibrated domain, and their bands."""
    domain = uncalibrated(env_id)
    tasks = stratified_tasks(domain, "anchor", index, items, salt)
    return tasks, band_of(domain.space, tasks.difficulty, tasks.family)


def _shown(pe: PracticeEfficiency) -> str:
    if pe.value is None:
        return f"difference {pe.difference:+.3f}"
    return f"{pe.value:.3f}" if pe.low is None else f"{pe.value:.3f} [{pe.low:.3f}, {pe.high:.3f}]"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]


def main(arguments: Sequence[str]) -> None:
    """Print what has moved in each experiment."""
    folders = [Path(argument) for argument in arguments if argument != "--again"]
    for folder in folders:
        experiment = load(folder, "--again" in arguments)
        calibration = experiment.spaces[AFTER].calibration
        env_id = next(iter(experiment.runs.values()))[0].config.env_id
        seeds = [run.config.seed for run in next(iter(experiment.runs.values()))]
        print(f"{env_id}, {folder.name}, seeds {seeds[0]} to {seeds[-1]}, calibration {calibration.hash}")
        for part in (moved_tasks, separation, efficiencies, horizons):
            print("", *part(experiment), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
