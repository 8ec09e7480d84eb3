"""Comparison of finished runs: Practice Efficiency, milestones and intervals of every arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from etude_gym.curves import LearningCurve, from_records
from etude_gym.errors import check_name
from etude_gym.experiment import REFERENCE_ARM
from etude_gym.practice import RunConfig
from etude_gym.practice_efficiency import (
    ItemInterval,
    Milestone,
    PracticeEfficiency,
    breakdown,
    item_interval,
    milestones,
    practice_efficiency,
)
from etude_gym.run import COMPUTE, CONFIG, CURVE, IncompleteRun, Run, read_json
from etude_gym.tensorboard_log import TensorBoardLog


@dataclass(frozen=True)
class LoadedRun:
    """A finished run: where it is, what it was, and its curve."""

    folder: Path
    config: RunConfig
    curve: LearningCurve
    compute: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class ArmResult:
    """What came out for one arm.

    Attributes:
        arm: its name.
        efficiency: Practice Efficiency against the reference.
        items: the part of its uncertainty that is due to the finite sample of anchor tasks.
        bands: Practice Efficiency by band.
        milestones: compute to parts of the reference's gain.
        final: mean chance-corrected anchor score at the horizon.
        repeated_flops: compute done again after interruptions, over all seeds; outside the curves.
    """

    arm: str
    efficiency: PracticeEfficiency
    items: ItemInterval
    bands: Mapping[Any, PracticeEfficiency]
    milestones: tuple[Milestone, ...]
    final: float
    repeated_flops: float


@dataclass(frozen=True)
class Comparison:
    """All arms of an experiment against the reference.

    Attributes:
        env_id: what was practiced.
        agent: who practiced.
        horizon: compute at which arms are compared, in FLOPs.
        reference: name of the reference arm.
        runs: the runs by arm, paired by seed.
        arms: results by arm, the reference first.
        seeds: the seeds that every arm has finished.
        left_out: runs that are not finished or have no partner in every arm.
    """

    env_id: str
    agent: str
    horizon: float
    reference: str
    runs: Mapping[str, Sequence[LoadedRun]]
    arms: tuple[ArmResult, ...]
    seeds: tuple[int, ...]
    left_out: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The results as plain data."""
        return {
            "env_id": self.env_id,
            "agent": self.agent,
            "horizon_flops": self.horizon,
            "reference": self.reference,
            "seeds": self.seeds,
            "left_out": self.left_out,
            "arms": [asdict(arm) for arm in self.arms],
        }


def find_runs(paths: Sequence[Path]) -> list[Path]:
    """Folders of runs in or below the given folders.

    Raises:
        IncompleteRun: if a path does not exist or holds no run.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            raise IncompleteRun(f"{path} is not a folder. Give folders of runs or of experiments.")
        inside = sorted(c.parent for c in path.rglob(CONFIG) if "arm" in read_json(c))
        if not inside:
            raise IncompleteRun(f"{path} holds no run (no {CONFIG} that names an arm).")
        found += [folder for folder in inside if folder not in found]
    return found


def load_run(folder: Path) -> LoadedRun:
    """Read a run.

    Raises:
        IncompleteRun: if it has no curve.
    """
    run = Run(folder)
    records = run.read(CURVE)
    if not records:
        raise IncompleteRun(f"{folder} has no learning curve yet. Run it first: etude practice --resume.")
    return LoadedRun(folder, RunConfig.read(folder), from_records(records), read_json(folder / COMPUTE))


def compare(paths: Sequence[Path], reference: str = REFERENCE_ARM) -> Comparison:
    """Compare arms.

    Args:
        paths: folders of runs or of experiments.
        reference: the arm that Practice Efficiency is relative to.

    Raises:
        IncompleteRun: if no seed is finished in every arm.
        ValueError: if the runs differ in environment, agent, horizon or anchors, or lack the reference.
    """
    folders = find_runs(paths)
    runs = [load_run(folder) for folder in folders if Run(folder).finished]
    _check_comparable(runs)
    by_arm: dict[str, dict[int, LoadedRun]] = {}
    for run in runs:
        if run.config.seed in by_arm.setdefault(run.config.arm, {}):
            raise ValueError(
                f"Two runs of arm {run.config.arm!r} have seed {run.config.seed}: give one of them."
            )
        by_arm[run.config.arm][run.config.seed] = run
    check_name("reference arm", reference, by_arm)
    seeds = sorted(set.intersection(*(set(arm) for arm in by_arm.values())))
    if not seeds:
        raise IncompleteRun("No seed is finished in every arm yet. Continue with etude practice --resume.")
    paired = {arm: [by_seed[seed] for seed in seeds] for arm, by_seed in by_arm.items()}
    order = [reference, *(arm for arm in paired if arm != reference)]
    used = {run.folder for arm in paired.values() for run in arm}
    first = runs[0].config
    return Comparison(
        env_id=first.env_id,
        agent=first.agent,
        horizon=first.horizon,
        reference=reference,
        runs={arm: paired[arm] for arm in order},
        arms=tuple(_result(arm, paired[arm], paired[reference], first.horizon) for arm in order),
        seeds=tuple(seeds),
        left_out=tuple(str(folder) for folder in folders if folder not in used),
    )


def _check_comparable(runs: Sequence[LoadedRun]) -> None:
    if not runs:
        raise IncompleteRun("No run is finished yet. Continue with etude practice --resume.")
    for name in ("env_id", "agent", "horizon", "items", "chance"):
        values = {getattr(run.config, name) for run in runs}
        if len(values) > 1:
            raise ValueError(
                f"Runs can be compared only if they share {name}; these have {sorted(map(str, values))}."
            )


def _result(arm: str, runs: Sequence[LoadedRun], reference: Sequence[LoadedRun], horizon: float) -> ArmResult:
    curves, base = [run.curve for run in runs], [run.curve for run in reference]
    return ArmResult(
        arm=arm,
        efficiency=practice_efficiency(curves, base, horizon),
        items=item_interval(curves, base, horizon),
        bands=breakdown(curves, base, horizon, by="band"),
        milestones=milestones(curves, base, horizon),
        final=float(sum(curve.mean[-1] for curve in curves) / len(curves)),
        repeated_flops=sum(run.compute["repeated"]["flops"] for run in runs),
    )


def write_hyperparameters(comparison: Comparison) -> None:
    """Tell TensorBoard what each run was and how efficient it was, so that runs sort by PE."""
    base = comparison.runs[comparison.reference]
    for runs in comparison.runs.values():
        for run, reference in zip(runs, base, strict=True):
            efficiency = practice_efficiency([run.curve], [reference.curve], comparison.horizon)
            reached = milestones([run.curve], [reference.curve], comparison.horizon)
            metrics = {
                "practice_efficiency": efficiency.value,
                "area": efficiency.area_agent,
                "final_anchor_score": float(run.curve.mean[-1]),
            } | {f"flops_to_{m.fraction:.0%}": m.agent[0] for m in reached}
            board = TensorBoardLog(run.folder)
            board.hyperparameters(
                {
                    "arm": run.config.arm,
                    "seed": run.config.seed,
                    "agent": run.config.agent,
                    "environment": run.config.env_id,
                },
                metrics,
            )
            board.close()
