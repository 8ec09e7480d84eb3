"""Comparison of finished runs: Practice Efficiency, milestones and intervals of every arm."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from etude_gym.errors import check_name
from etude_gym.measure.bootstrap import ItemInterval, item_interval
from etude_gym.measure.confidence import Reliability
from etude_gym.measure.gains import Gain, gains
from etude_gym.measure.milestones import Milestone, milestones
from etude_gym.measure.practice_efficiency import PracticeEfficiency, breakdown, practice_efficiency
from etude_gym.practice.strategies import REFERENCE_ARM
from etude_gym.runs.finished import LoadedRun, find_runs, load_run
from etude_gym.runs.folder import IncompleteRun, Run
from etude_gym.runs.tensorboard_log import TensorBoardLog


@dataclass(frozen=True)
class ArmResult:
    """The results of one arm.

    Attributes:
        arm: its name.
        efficiency: Practice Efficiency against the reference.
        log_efficiency: Practice Efficiency on the axis of log compute; None where a run has no checkpoint
            between 0 and the horizon.
        items: the part of its uncertainty that is due to the finite sample of anchor tasks.
        bands: Practice Efficiency by band.
        families: Practice Efficiency by family.
        milestones: compute to parts of the reference's gain.
        gains: rise of every cell's score from the untrained learner to the end.
        final: mean chance-corrected anchor score at the horizon.
        repeated: compute done again after interruptions, over all seeds; outside the curves.
        reliability: of the confidence stated at the last checkpoint, all seeds pooled; None if there was
            none.
    """

    arm: str
    efficiency: PracticeEfficiency
    log_efficiency: PracticeEfficiency | None
    items: ItemInterval
    bands: Mapping[Any, PracticeEfficiency]
    families: Mapping[Any, PracticeEfficiency]
    milestones: tuple[Milestone, ...]
    gains: tuple[Gain, ...]
    final: float
    repeated: float
    reliability: Reliability | None

    def to_json(self) -> dict[str, Any]:
        """The result as plain data; "reliability" is there only if confidence was stated."""
        record = asdict(self)
        del record["reliability"]
        if self.reliability is not None:
            record["reliability"] = self.reliability.record()
        return record


@dataclass(frozen=True)
class Comparison:
    """All arms of an experiment against the reference.

    Attributes:
        env_id: id of the environment.
        agent: name of the agent that practiced.
        horizon: compute at which arms are compared, in the unit.
        unit: of compute, "flops" or "tokens".
        reference: name of the reference arm.
        runs: the runs by arm, paired by seed.
        arms: results by arm, the reference first, then by area, the largest first.
        seeds: the seeds that every arm has finished.
        left_out: runs that are not finished or have no partner in every arm.
        same_anchors: whether all arms of a seed answered the same anchor tasks, as they do within one
            experiment; if not, chance in the tasks widens the intervals.
    """

    env_id: str
    agent: str
    horizon: float
    unit: str
    reference: str
    runs: Mapping[str, Sequence[LoadedRun]]
    arms: tuple[ArmResult, ...]
    seeds: tuple[int, ...]
    left_out: tuple[str, ...]
    same_anchors: bool

    @property
    def reliabilities(self) -> dict[str, Reliability]:
        """Reliability of the arms that stated confidence, by Brier score, the best first."""
        stated = {arm.arm: arm.reliability for arm in self.arms if arm.reliability is not None}
        order = sorted(stated, key=lambda arm: float("inf") if (b := stated[arm].brier) is None else b)
        return {arm: stated[arm] for arm in order}

    def to_json(self) -> dict[str, Any]:
        """The results as plain data."""
        return {
            "env_id": self.env_id,
            "agent": self.agent,
            "horizon": self.horizon,
            "unit": self.unit,
            "reference": self.reference,
            "seeds": self.seeds,
            "runs": {arm: [str(run.folder) for run in runs] for arm, runs in self.runs.items()},
            "left_out": self.left_out,
            "same_anchors": self.same_anchors,
            "arms": [arm.to_json() for arm in self.arms],
        }


def compare(paths: Sequence[Path], reference: str | None = None) -> Comparison:
    """Compare arms.

    Args:
        paths: folders of runs or of experiments.
        reference: the arm that Practice Efficiency is relative to; by default "static", or the first in
            the alphabet where there is none.

    Raises:
        IncompleteRun: if no seed is finished in every arm.
        ValueError: if the runs differ in environment, agent, horizon or anchors, or lack the reference.
    """
    folders = find_runs(paths)
    runs = [load_run(folder) for folder in folders if Run(folder).finished]
    _check_comparable(runs)
    by_arm = _by_arm(runs)
    if reference is None:
        reference = REFERENCE_ARM if REFERENCE_ARM in by_arm else min(by_arm)
    check_name("reference arm", reference, by_arm)
    seeds = sorted(set.intersection(*(set(arm) for arm in by_arm.values())))
    if not seeds:
        raise IncompleteRun("No seed is finished in every arm yet. Continue with etude practice --resume.")
    paired = {arm: [by_seed[seed] for seed in seeds] for arm, by_seed in by_arm.items()}
    first = runs[0].config
    results = [_result(arm, paired[arm], paired[reference], first.horizon) for arm in paired]
    results.sort(key=lambda result: (result.arm != reference, -result.efficiency.area_agent))
    used = {run.folder for arm in paired.values() for run in arm}
    return Comparison(
        env_id=first.env_id,
        agent=first.agent,
        horizon=first.horizon,
        unit=first.unit,
        reference=reference,
        runs={result.arm: paired[result.arm] for result in results},
        arms=tuple(results),
        seeds=tuple(seeds),
        left_out=tuple(str(folder) for folder in folders if folder not in used),
        same_anchors=all(
            len({run.anchor_salt for run in pair}) == 1 for pair in zip(*paired.values(), strict=True)
        ),
    )


def _check_comparable(runs: Sequence[LoadedRun]) -> None:
    if not runs:
        raise IncompleteRun("No run is finished yet. Continue with etude practice --resume.")
    for name in ("env_id", "agent", "unit", "horizon", "bands", "num_envs", "options", "items", "chance"):
        values = {json.dumps(getattr(run.config, name), sort_keys=True) for run in runs}
        if len(values) > 1:
            raise ValueError(
                f"Runs can be compared only if they share {name}; these have {' and '.join(sorted(values))}. "
                "Give the folder of one experiment."
            )


def _by_arm(runs: Sequence[LoadedRun]) -> dict[str, dict[int, LoadedRun]]:
    """The runs by arm and seed."""
    by_arm: dict[str, dict[int, LoadedRun]] = {}
    for run in runs:
        by_seed = by_arm.setdefault(run.config.arm, {})
        if run.config.seed in by_seed:
            raise ValueError(
                f"{by_seed[run.config.seed].folder} and {run.folder} are both arm {run.config.arm!r} with "
                f"seed {run.config.seed}: give one of them."
            )
        by_seed[run.config.seed] = run
    return by_arm


def _result(arm: str, runs: Sequence[LoadedRun], reference: Sequence[LoadedRun], horizon: float) -> ArmResult:
    curves, base = [run.curve for run in runs], [run.curve for run in reference]
    return ArmResult(
        arm=arm,
        efficiency=practice_efficiency(curves, base, horizon),
        log_efficiency=practice_efficiency(curves, base, horizon, scale="log")
        if all(curve.compute[1] < horizon for curve in (*curves, *base))
        else None,
        items=item_interval(curves, base, horizon),
        bands=breakdown(curves, base, horizon, by="band"),
        families=breakdown(curves, base, horizon, by="family"),
        milestones=milestones(curves, base, horizon),
        gains=gains(curves),
        final=float(sum(curve.mean[-1] for curve in curves) / len(curves)),
        repeated=sum(run.repeated for run in runs),
        reliability=_pooled([run.reliability for run in runs]),
    )


def _pooled(reliabilities: Sequence[Reliability | None]) -> Reliability | None:
    """All seeds together; None unless every one of them stated confidence."""
    stated = [reliability for reliability in reliabilities if reliability is not None]
    return Reliability.pooled(stated) if len(stated) == len(reliabilities) else None


def write_hyperparameters(comparison: Comparison) -> None:
    """Write each run's arm, seed and results to TensorBoard's HPARAMS tab, so that runs sort by PE.

    Args:
        comparison: the finished runs; an event file is added to the folder of each.
    """
    base = comparison.runs[comparison.reference]
    for runs in comparison.runs.values():
        for run, reference in zip(runs, base, strict=True):
            efficiency = practice_efficiency([run.curve], [reference.curve], comparison.horizon)
            reached = milestones([run.curve], [reference.curve], comparison.horizon)
            TensorBoardLog(run.folder).hyperparameters(
                {
                    "arm": run.config.arm,
                    "seed": str(run.config.seed),
                    "agent": run.config.agent,
                    "environment": run.config.env_id,
                },
                {
                    "practice_efficiency": efficiency.value,
                    "area": efficiency.area_agent,
                    "final_anchor_score": float(run.curve.mean[-1]),
                    **{f"{comparison.unit}_to_{m.fraction * 100:.0f}_percent": m.agent[0] for m in reached},
                },
            )
