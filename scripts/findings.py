"""Tables of the findings on practice: milestones, size of the network, difficulty, confidence.

    python scripts/findings.py run RUNS                # the practice that they read: four domains, two arms
    python scripts/findings.py milestones RUNS         # docs/findings/milestones.md
    python scripts/findings.py difficulty RUNS         # docs/findings/difficulty.md
    python scripts/findings.py confidence RUNS         # docs/findings/confidence.md
    python scripts/findings.py run_sizes SIZES         # smaller networks
    python scripts/findings.py model_size RUNS SIZES   # docs/findings/model_size.md

RUNS holds one experiment for each domain, SIZES one for each domain and share of the parameters. Interrupted,
``run`` and ``run_sizes`` go on where they stopped.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.measure.confidence import Reliability
from etude_gym.measure.intervals import half_width
from etude_gym.measure.overall import Measured, combined, contrasts, mean_over_seeds
from etude_gym.report.comparison import Comparison, compare
from etude_gym.runs.experiment import Experiment, ExperimentConfig
from etude_gym.runs.finished import LoadedRun
from etude_gym.runs.folder import CONFIG, CURVE, Run

FIRST_SEEDS = {"EtudePlan-v0": 500, "EtudeLogic-v0": 100, "EtudeCode-v0": 100, "EtudeCreative-v0": 100}
ARMS = ("static", "adaptive")
SEEDS = 8
SEEDS_OF_SMALLER = 5
WIDTHS = {
    "half": {"EtudePlan-v0": 64, "EtudeLogic-v0": 17, "EtudeCode-v0": 22, "EtudeCreative-v0": 22},
    "quarter": {"EtudePlan-v0": 32, "EtudeLogic-v0": 11, "EtudeCreative-v0": 16},
}
"""Widths of networks with that share of the recipe's parameters; a quarter is not to be had on code."""
MARGIN = 0.02
"""Loss of the final score that still counts as a match."""
Numbers = NDArray[np.float64]


def practice(folder: Path, env_id: str, seeds: int, options: Mapping[str, Any]) -> None:
    """Run one experiment, or go on with it."""
    if not (folder / CONFIG).exists():
        config = ExperimentConfig(
            env_id=env_id,
            agent="sb3",
            arms=ARMS,
            seeds=seeds,
            first_seed=FIRST_SEEDS[env_id],
            items=100,
            options=dict(options),
        )
        Experiment.create(folder, config)
    print(folder, flush=True)
    Experiment(folder).practice()


def run(runs: Path) -> None:
    """Practice in all domains."""
    for env_id in FIRST_SEEDS:
        practice(runs / env_id, env_id, SEEDS, {})


def run_sizes(sizes: Path) -> None:
    """Practice with smaller networks, the first seeds of each domain."""
    for share, widths in WIDTHS.items():
        for env_id, width in widths.items():
            seeds = SEEDS if env_id == "EtudePlan-v0" else SEEDS_OF_SMALLER
            practice(sizes / f"{env_id}-{share}", env_id, seeds, {"network": [width]})


def comparisons(runs: Path) -> dict[str, Comparison]:
    """Each domain's arms, in the order of ``FIRST_SEEDS``."""
    found = [compare([folder]) for folder in sorted(runs.iterdir()) if (folder / CONFIG).exists()]
    return {
        each.env_id: each for each in sorted(found, key=lambda each: list(FIRST_SEEDS).index(each.env_id))
    }


def milestones(runs: Path) -> None:
    """Compute saved up to shares of the reference's gain."""
    halves = {}
    for env_id, comparison in comparisons(runs).items():
        adaptive = next(arm for arm in comparison.arms if arm.arm == "adaptive")
        cells = []
        for each in adaptive.milestones:
            mine, its = (_until(taken, comparison.horizon) for taken in (each.agent, each.reference))
            ratios = np.log(mine / its)
            cells.append(
                f"{_saving(mean_over_seeds(ratios))} ({each.agent_censored}, {each.reference_censored})"
            )
            if each.fraction == 0.5:
                halves[env_id] = mean_over_seeds(ratios)
        _row(f"`{env_id}`", *cells)
    overall = combined(list(halves.values()), [1 / len(halves)] * len(halves))
    _row("all, half of the gain", _saving(overall))
    saved = {env_id: Measured(-half.value, half.variance, half.freedom) for env_id, half in halves.items()}
    for pair in contrasts(saved):
        _row(f"{pair.first} over {pair.second}", _interval(pair.value, pair.low, pair.high))


def _until(taken: Sequence[float | None], horizon: float) -> Numbers:
    """Compute up to a milestone, the horizon where it was not reached."""
    return np.array([horizon if each is None else each for each in taken])


def _saving(log_ratio: Measured) -> str:
    half = log_ratio.half_width() or 0.0
    saved = (1 - np.exp(log_ratio.value + sign * half) for sign in (0, 1, -1))
    return _interval(*saved)


def difficulty(runs: Path) -> None:
    """Practice Efficiency by band, and its slope."""
    slopes = {}
    for env_id, comparison in comparisons(runs).items():
        adaptive = next(arm for arm in comparison.arms if arm.arm == "adaptive")
        bands = adaptive.bands.values()
        logs = np.log(_band_areas(comparison, "adaptive") / _band_areas(comparison, "static"))
        slopes[env_id] = mean_over_seeds(np.polyfit(np.arange(logs.shape[1]), logs.T, 1)[0])
        ratios = [_interval(each.value, each.low, each.high) for each in bands]
        _row(f"`{env_id}`", *ratios, _mean(slopes[env_id]))
        _row("difference of areas", *(f"{each.difference:+.3f}" for each in bands))
    overall = combined(list(slopes.values()), [1 / len(slopes)] * len(slopes))
    _row("all, slope", _mean(overall))


def _band_areas(comparison: Comparison, arm: str) -> Numbers:
    """Mean area of each run in each band, (seeds, bands)."""
    areas = []
    for each in comparison.runs[arm]:
        bands = np.array([band for _, band in each.curve.cells])
        heights = np.stack([each.curve.corrected[:, bands == band].mean(axis=1) for band in np.unique(bands)])
        steps = np.diff(each.curve.compute)
        areas.append(((heights[:, 1:] + heights[:, :-1]) / 2 * steps).sum(axis=1) / steps.sum())
    return np.array(areas)


def confidence(runs: Path) -> None:
    """Skill of stated confidence by checkpoint, of every arm of the experiments that state one."""
    for env_id, comparison in comparisons(runs).items():
        if not comparison.reliabilities:
            continue
        skills = {arm: _skills(found) for arm, found in comparison.runs.items()}
        for arm, found in comparison.runs.items():
            for index, (compute, states) in enumerate(
                zip(found[0].curve.compute, _by_checkpoint(found), strict=True)
            ):
                pooled = Reliability.pooled(states)
                figures = (pooled.brier, pooled.mean_confidence, pooled.share_correct)
                _row(
                    arm,
                    f"{compute:.2e}",
                    _values(skills[arm][:, index]),
                    *(f"{each or 0:.3f}" for each in figures),
                )
            _row(arm, "from H/16 to H", _values(skills[arm][:, -1] - skills[arm][:, -5]))
        _row(
            env_id, "adaptive less static, at H", _values(skills["adaptive"][:, -1] - skills["static"][:, -1])
        )


def _by_checkpoint(runs: Sequence[LoadedRun]) -> Iterator[tuple[Reliability, ...]]:
    return zip(*map(_reliabilities, runs), strict=True)


def _reliabilities(run: LoadedRun) -> list[Reliability]:
    return [Reliability.from_record(each["reliability"]) for each in Run(run.folder).read(CURVE)]


def _skills(runs: Sequence[LoadedRun]) -> Numbers:
    """Brier skill scores, (seeds, checkpoints); not a number where there is none."""
    return np.array([[np.nan if r.skill is None else r.skill for r in _reliabilities(each)] for each in runs])


def model_size(runs: Path, sizes: Path) -> None:
    """Final scores of smaller networks less that of the full reference, seed by seed."""
    for env_id, full in comparisons(runs).items():
        reference = _finals(full, "static")
        print(f"{env_id}: static with the full network {np.mean(list(reference.values())):.3f}")
        others = {"all": full} | {
            share: compare([folder]) for share in WIDTHS if (folder := sizes / f"{env_id}-{share}").exists()
        }
        for arm, (share, comparison) in product(ARMS, others.items()):
            finals = _finals(comparison, arm)
            less = np.array([finals[seed] - reference[seed] for seed in finals])
            if not less.any():
                continue  # the reference itself
            half = float(half_width(less))
            verdict = (
                "matches" if less.mean() - half > -MARGIN else "behind" if less.mean() + half < 0 else "?"
            )
            _row(env_id, arm, share, f"{np.mean(list(finals.values())):.3f}", _values(less), verdict)


def _finals(comparison: Comparison, arm: str) -> dict[int, float]:
    return {run.config.seed: float(run.curve.mean[-1]) for run in comparison.runs[arm]}


def _values(values: Numbers) -> str:
    """Mean and interval over the seeds that have a value, and how many have none."""
    held = values[~np.isnan(values)]
    if len(held) < 2:
        return f"- ({len(values) - len(held)} of {len(values)} seeds have none)"
    left_out = f" ({len(values) - len(held)} left out)" if len(held) < len(values) else ""
    return _mean(mean_over_seeds(held)) + left_out


def _mean(measured: Measured) -> str:
    half = measured.half_width()
    return _interval(
        measured.value, *((None, None) if half is None else (measured.value - half, measured.value + half))
    )


def _interval(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" + ("" if low is None or high is None else f" [{low:.3f}, {high:.3f}]")


def _row(*cells: str) -> None:
    print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    tables = {
        each.__name__: each for each in (run, run_sizes, milestones, difficulty, confidence, model_size)
    }
    tables[sys.argv[1]](*map(Path, sys.argv[2:]))
