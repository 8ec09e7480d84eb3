"""Does practicing what the profile says help? Carries out docs/findings/practice_next.md, or the rest of it.

python scripts/practice_next.py runs/practice-next
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.region import Region
from etude_gym.environment.registration import make_domain
from etude_gym.measure.intervals import half_width
from etude_gym.measure.profile import Profile
from etude_gym.runs.answers import read_answers
from etude_gym.runs.experiment import Experiment, ExperimentConfig
from etude_gym.runs.finished import load_run
from etude_gym.runs.profiling import PRACTICE_SHARE, profile_runs

ENV_ID = "EtudePlan-v0"


def main() -> None:
    """Read the arguments, practice, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=20)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    shared = {"env_id": ENV_ID, "seeds": given.seeds, "first_seed": given.first_seed}
    config = ExperimentConfig(arms=("adaptive",), **shared)
    started = _practiced(given.folder / "start", config, given.workers)
    found = profile_runs([started / "adaptive"])
    _tell_axes(found.profile)
    first, last = found.profile.next[0], found.profile.next[-1]
    arms = ("uniform", f"focus,{first.region.options}", f"focus,{last.region.options}")
    horizon = PRACTICE_SHARE * found.config.horizon
    config = ExperimentConfig(arms=arms, horizon=horizon, items=200, start=started / "adaptive", **shared)
    _tell_arms(_practiced(given.folder / "next", config, given.workers), arms, seeds, first.region)


def _practiced(folder: Path, config: ExperimentConfig, workers: int) -> Path:
    """An experiment, carried out."""
    laid_out = (folder / "config.json").exists()
    experiment = Experiment(folder) if laid_out else Experiment.create(folder, config)
    if not experiment.practice(workers):
        raise SystemExit(f"Stopped. The same command goes on with {folder}.")
    return folder


def _tell_axes(profile: Profile) -> None:
    _head("axis", "score at 0", "at 1", "drop")
    for axis in profile.weakest_axes("delivery"):
        ends, drop = (axis.averaged[0].value, axis.averaged[-1].value), axis.drop
        interval = f"[{drop.low:.3f}, {drop.high:.3f}]"
        print(f"| `{axis.axis}` | {ends[0]:.3f} | {ends[1]:.3f} | {drop.value:.3f} {interval} |")


def _tell_arms(folder: Path, arms: tuple[str, ...], seeds: range, region: Region) -> None:
    space = make_domain(ENV_ID).space
    final, gain, inside = {}, {}, {}
    for arm in arms:
        runs = [folder / arm / f"seed_{seed}" for seed in seeds]
        curves = [load_run(run).curve for run in runs]
        answers = [read_answers(run)[-1] for run in runs]
        final[arm] = np.array([curve.mean[-1] for curve in curves])
        gain[arm] = np.array([curve.mean[-1] - curve.mean[0] for curve in curves])
        inside[arm] = np.array(
            [a.scores[region.contains(space, a.families, a.difficulties)].mean() for a in answers]
        )
    _head("arm", "final score", "gain over the start", "score in the first region")
    for arm in arms:
        print(f"| `{arm}` | {final[arm].mean():.3f} | {_mean(gain[arm])} | {inside[arm].mean():.3f} |")
    _head("difference, paired over seeds", "final score", "score in the first region")
    for one, other in ((arms[1], arms[0]), (arms[1], arms[2]), (arms[2], arms[0])):
        differences = (_mean(values[one] - values[other]) for values in (final, inside))
        print(f"| `{one}` - `{other}` | {' | '.join(differences)} |")


def _head(*columns: str) -> None:
    print(f"\n| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")


def _mean(values: NDArray[np.float64]) -> str:
    width = half_width(values)
    return f"{values.mean():+.4f} [{values.mean() - width:+.4f}, {values.mean() + width:+.4f}]"


if __name__ == "__main__":
    main()
