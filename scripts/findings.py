"""Tables of the findings on practice: milestones, size of the network, difficulty, confidence.

    python scripts/findings.py run RUNS                # the practice that they read: four domains, two arms
    python scripts/findings.py milestones RUNS         # docs/findings/milestones.md
    python scripts/findings.py difficulty RUNS         # docs/findings/difficulty.md
    python scripts/findings.py confidence RUNS         # docs/findings/confidence.md
    python scripts/findings.py picture RUNS PICTURE.png
    python scripts/findings.py self_critique RUNS CRITIQUE
    python scripts/findings.py domain_transfer TRANSFER
    python scripts/findings.py run_sizes SIZES         # smaller networks
    python scripts/findings.py model_size RUNS SIZES   # docs/findings/model_size.md

RUNS holds one experiment for each domain, SIZES one for each domain and share of the parameters; CRITIQUE and
TRANSFER are those of docs/findings/self_critique.md and domain_transfer.md. Interrupted, ``run`` and
``run_sizes`` go on where they stopped.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from inspect import signature
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from carrying_out import carry_out
from numpy.typing import NDArray

from etude_gym.measure.confidence import Reliability
from etude_gym.measure.curves import area
from etude_gym.measure.intervals import half_width
from etude_gym.measure.overall import Measured, combined, contrasts, log_ratio, mean_over_seeds
from etude_gym.measure.practice_efficiency import practice_efficiency
from etude_gym.report.comparison import ArmResult, Comparison, compare
from etude_gym.report.figures import COLORS, GRAY, drawing, new_figure, save_figure, set_title
from etude_gym.runs.experiment import ExperimentConfig
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
    """Carry out one experiment, or the rest of it."""
    config = ExperimentConfig(
        env_id=env_id,
        agent="sb3",
        arms=ARMS,
        seeds=seeds,
        first_seed=FIRST_SEEDS[env_id],
        items=100,
        options=dict(options),
    )
    carry_out(folder, config)


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
        ratios, censored = _milestone_ratios(comparison)
        _row(f"`{env_id}`", *(f"{_saving(ratios[share])} ({censored[share]})" for share in ratios))
        halves[env_id] = ratios[0.5]
    overall = combined(list(halves.values()), [1 / len(halves)] * len(halves))
    _row("all, half of the gain", _saving(overall))
    saved = {env_id: Measured(-half.value, half.variance, half.freedom) for env_id, half in halves.items()}
    for pair in contrasts(saved):
        _row(f"{pair.first} over {pair.second}", _interval(pair.value, pair.low, pair.high))


def _milestone_ratios(comparison: Comparison) -> tuple[dict[float, Measured], dict[float, str]]:
    """Log ratio of compute up to each share of the gain, and how many runs of either arm were censored."""
    ratios, censored = {}, {}
    for each in _arm(comparison, "adaptive").milestones:
        mine, its = (_until(taken, comparison.horizon) for taken in (each.agent, each.reference))
        ratios[each.fraction] = mean_over_seeds(np.log(mine / its))
        censored[each.fraction] = f"{each.agent_censored}, {each.reference_censored}"
    return ratios, censored


def _arm(comparison: Comparison, name: str) -> ArmResult:
    return next(arm for arm in comparison.arms if arm.arm == name)


def _until(taken: Sequence[float | None], horizon: float) -> Numbers:
    """Compute up to a milestone, the horizon where it was not reached."""
    return np.array([horizon if each is None else each for each in taken])


def _saved(ratio: Measured) -> tuple[float, float, float]:
    """Share of the compute that is saved, with its interval."""
    half = ratio.half_width() or 0.0
    value, low, high = (float(1 - np.exp(ratio.value + sign * half)) for sign in (0, 1, -1))
    return value, low, high


def _saving(ratio: Measured) -> str:
    return _interval(*_saved(ratio))


def difficulty(runs: Path) -> None:
    """Practice Efficiency by band, and its slope."""
    slopes = {}
    for env_id, comparison in comparisons(runs).items():
        bands = _arm(comparison, "adaptive").bands.values()
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
        by_cell = area(each.curve.compute, each.curve.corrected, comparison.horizon)
        bands = np.array([band for _, band in each.curve.cells])
        areas.append([by_cell[bands == band].mean() for band in np.unique(bands)])
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


def self_critique(runs: Path, critique: Path) -> None:
    """Areas and skill of the learner that grades itself against the recipe's, seed by seed."""
    plain, grading = comparisons(runs)["EtudeLogic-v0"], compare([critique])
    ours, theirs = (_arm(each, "adaptive").areas for each in (grading, plain))
    ratio = log_ratio(ours, theirs, paired=True)
    half = ratio.half_width() or 0.0
    _row("PE", _interval(*(float(np.exp(ratio.value + sign * half)) for sign in (0, -1, 1))))
    skills = [_skills(each.runs["adaptive"])[:, -1] for each in (grading, plain)]
    _row("skill at H", *map(_values, (*skills, skills[0] - skills[1])))
    for each in (grading, plain):
        pooled = Reliability.pooled([run.reliability for run in each.runs["adaptive"] if run.reliability])
        _row(
            "Brier, confidence, correct, final",
            *(
                f"{value or 0:.3f}"
                for value in (
                    pooled.brier,
                    pooled.mean_confidence,
                    pooled.share_correct,
                    _arm(each, "adaptive").final,
                )
            ),
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


def domain_transfer(runs: Path) -> None:
    """What practice in one domain is worth in another: at once, and while that is practiced."""
    for alone, after in (("code", "code_after_plan"), ("plan", "plan_after_code")):
        untrained, practiced = (list(compare([runs / name]).runs["uniform"]) for name in (alone, after))
        curves, base = ([run.curve for run in arm] for arm in (practiced, untrained))
        at_once = np.array([mine.mean[0] - its.mean[0] for mine, its in zip(curves, base, strict=True)])
        pe = practice_efficiency(curves, base, untrained[0].config.horizon, paired=False)
        finals = (f"{np.mean([curve.mean[-1] for curve in arm]):.3f}" for arm in (curves, base))
        areas = (f"{value:.3f}" for value in (pe.area_agent, pe.area_reference))
        _row(after, _values(at_once), _interval(pe.value, pe.low, pe.high), *areas, *finals)


def _finals(comparison: Comparison, arm: str) -> dict[int, float]:
    return {run.config.seed: float(run.curve.mean[-1]) for run in comparison.runs[arm]}


def picture(runs: Path, path: Path) -> None:
    """Compute saved up to milestones, and Practice Efficiency by band, of all domains."""
    with drawing():
        figure = new_figure(10, 4.1)
        left, right = figure.subplots(1, 2)
        for place, (env_id, comparison) in enumerate(comparisons(runs).items()):
            style = {
                "color": COLORS[place + 1],
                "label": env_id,
                "marker": "o",
                "capsize": 3,
                "linewidth": 1.8,
            }
            ratios, _ = _milestone_ratios(comparison)
            _errors(left, np.arange(3) + 0.06 * place, [_saved(ratio) for ratio in ratios.values()], style)
            bands = _arm(comparison, "adaptive").bands.values()
            shown = [(each.value, each.low, each.high) for each in bands]
            _errors(right, np.arange(4) + 0.06 * place, shown, style)
        left.set_xticks(range(3), ["25%", "50%", "75%"])
        left.axhline(0, color=GRAY, linewidth=1, linestyle=":")
        set_title(left, "Compute saved", "adaptive against static, up to a share of static's gain")
        right.set_xticks(range(4), ["0, easiest", "1", "2", "3, hardest"])
        right.axhline(1, color=GRAY, linewidth=1, linestyle=":")
        set_title(right, "Practice Efficiency by band", "adaptive against static; 95% intervals over 8 seeds")
        figure.legend(
            *left.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False, fontsize=9
        )
        save_figure(figure, path, f"python scripts/findings.py picture RUNS {path.name}")


def _errors(axes: Any, places: Numbers, estimates: Sequence[Any], style: Mapping[str, Any]) -> None:
    """Estimates with their intervals, those that there are."""
    numbers = np.array([[np.nan if part is None else part for part in each] for each in estimates])
    value, low, high = numbers.T
    axes.errorbar(places, value, [value - low, high - value], **style)


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
        each.__name__: each
        for each in (
            run,
            run_sizes,
            milestones,
            difficulty,
            confidence,
            self_critique,
            model_size,
            domain_transfer,
            picture,
        )
    }
    name, *folders = sys.argv[1:] or ["--help"]
    if name not in tables or len(folders) != len(signature(tables[name]).parameters):
        sys.exit(__doc__)
    tables[name](*map(Path, folders))
