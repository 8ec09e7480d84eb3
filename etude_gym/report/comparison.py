"""Comparison of finished runs: Practice Efficiency, milestones and intervals of every arm.

An arm is what is compared: a task sampler, an agent, an option, or all of them; see
``etude_gym.report.methods``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from etude_gym.errors import check_name
from etude_gym.measure.bootstrap import ItemInterval, item_interval
from etude_gym.measure.confidence import Reliability
from etude_gym.measure.curves import area
from etude_gym.measure.gains import Gain, gains
from etude_gym.measure.milestones import Milestone, milestones
from etude_gym.measure.practice_efficiency import PracticeEfficiency, breakdown, practice_efficiency
from etude_gym.practice.strategies import REFERENCE_ARM
from etude_gym.report.agreement import check_agreement, differences
from etude_gym.report.methods import Source, group_by_method, load_sources
from etude_gym.runs.finished import LoadedRun
from etude_gym.runs.profiling import RunProfile, profile_runs


@dataclass(frozen=True)
class ArmResult:
    """The results of one arm.

    Attributes:
        arm: its name.
        seeds: of its runs.
        efficiency: Practice Efficiency against the reference; paired if both have the same seeds and each
            seed answered the same anchor tasks.
        areas: area of each run, in the order of the seeds.
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
    seeds: tuple[int, ...]
    efficiency: PracticeEfficiency
    areas: tuple[float, ...]
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
    """All arms against the reference.

    Attributes:
        env_id: id of the environment.
        horizon: compute at which arms are compared, in the unit: the reference's.
        unit: of compute, "flops" or "tokens".
        reference: name of the reference arm.
        runs: the runs by arm, each in the order of its seeds.
        arms: results by arm, the reference first, then by area, the largest first.
        left_out: runs that are not finished.
        differences: by what arms differ in, the arms that have each value; not what their names say.
    """

    env_id: str
    horizon: float
    unit: str
    reference: str
    runs: Mapping[str, Sequence[LoadedRun]]
    arms: tuple[ArmResult, ...]
    left_out: tuple[str, ...]
    differences: Mapping[str, Mapping[str, tuple[str, ...]]]

    @property
    def agents(self) -> tuple[str, ...]:
        """Names of the agents that practiced."""
        return tuple(dict.fromkeys(run.config.agent for runs in self.runs.values() for run in runs))

    @property
    def title(self) -> str:
        """The environment, and the agent where there is one."""
        return ", ".join([self.env_id, *(self.agents if len(self.agents) == 1 else ())])

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds that some arm has."""
        return tuple(sorted({seed for arm in self.arms for seed in arm.seeds}))

    @property
    def seed_count(self) -> str:
        """How many seeds arms have, in words: "one seed", "5 seeds", "3 to 5 seeds"."""
        counts = sorted({len(arm.seeds) for arm in self.arms})
        if counts == [1]:
            return "one seed"
        return f"{' to '.join(map(str, dict.fromkeys((counts[0], counts[-1]))))} seeds"

    @property
    def unpaired(self) -> tuple[str, ...]:
        """Arms whose seeds or anchor tasks are not those of the reference."""
        return tuple(arm.arm for arm in self.arms if not arm.efficiency.paired)

    @property
    def reliabilities(self) -> dict[str, Reliability]:
        """Reliability of the arms that stated confidence, by Brier score, the best first."""
        stated = {arm.arm: arm.reliability for arm in self.arms if arm.reliability is not None}
        order = sorted(stated, key=lambda arm: float("inf") if (b := stated[arm].brier) is None else b)
        return {arm: stated[arm] for arm in order}

    @cached_property
    def profiles(self) -> dict[str, RunProfile]:
        """Profile of each arm at its last checkpoint, all seeds pooled.

        Raises:
            ValueError: if runs hold no answers, or differ in more than their seeds.
            gymnasium.error.Error: if the environment is not installed here.
        """
        return {arm: profile_runs([run.folder for run in runs]) for arm, runs in self.runs.items()}

    def to_json(self) -> dict[str, Any]:
        """The results as plain data."""
        return {
            "env_id": self.env_id,
            "agents": self.agents,
            "horizon": self.horizon,
            "unit": self.unit,
            "reference": self.reference,
            "seeds": self.seeds,
            "runs": {arm: [str(run.folder) for run in runs] for arm, runs in self.runs.items()},
            "left_out": self.left_out,
            "unpaired": self.unpaired,
            "differences": {what: dict(values) for what, values in self.differences.items()},
            "arms": [arm.to_json() for arm in self.arms],
        }


def compare(
    sources: Sequence[Path | Source], reference: str | None = None, by: str | None = None
) -> Comparison:
    """Compare the finished runs of one environment.

    Args:
        sources: folders of runs or of experiments, with or without a name.
        reference: the arm that Practice Efficiency is relative to; by default the first that practices
            "static", or the first there is.
        by: what an arm is: "agent", "arm" or "option:NAME"; by default all that tells runs apart.

    Raises:
        IncompleteRun: if no run is finished.
        ValueError: if the runs differ in what has to agree (see ``etude_gym.report.agreement``), cannot be
            told apart, or lack the reference.
    """
    named, unfinished = load_sources(sources)
    check_agreement([each.run for each in named])
    runs = {arm: list(by_seed.values()) for arm, by_seed in group_by_method(named, by).items()}
    if reference is None:
        reference = next((arm for arm in runs if runs[arm][0].config.arm == REFERENCE_ARM), next(iter(runs)))
    base = runs[check_name("reference arm", reference, runs)]
    first = base[0].config
    results = [_result(arm, runs[arm], base, first.horizon) for arm in runs]
    results.sort(key=lambda result: (result.arm != reference, -result.efficiency.area_agent))
    ordered = {result.arm: runs[result.arm] for result in results}
    return Comparison(
        env_id=first.env_id,
        horizon=first.horizon,
        unit=first.unit,
        reference=reference,
        runs=ordered,
        arms=tuple(results),
        left_out=tuple(map(str, unfinished)),
        differences=differences(ordered),
    )


def _paired(runs: Sequence[LoadedRun], reference: Sequence[LoadedRun]) -> bool:
    """Whether two arms have the same seeds, and each seed answered the same anchor tasks in both."""
    mine, its = ([(r.config.seed, r.anchor_salt, r.config.items) for r in arm] for arm in (runs, reference))
    return mine == its


def _result(arm: str, runs: Sequence[LoadedRun], reference: Sequence[LoadedRun], horizon: float) -> ArmResult:
    curves, base = [run.curve for run in runs], [run.curve for run in reference]
    paired = _paired(runs, reference)
    return ArmResult(
        arm=arm,
        seeds=tuple(run.config.seed for run in runs),
        efficiency=practice_efficiency(curves, base, horizon, paired=paired),
        areas=tuple(float(np.mean(area(each.compute, each.corrected, horizon))) for each in curves),
        log_efficiency=practice_efficiency(curves, base, horizon, scale="log", paired=paired)
        if all(curve.compute[1] < horizon for curve in (*curves, *base))
        else None,
        items=item_interval(curves, base, horizon, paired=paired),
        bands=breakdown(curves, base, horizon, by="band", paired=paired),
        families=breakdown(curves, base, horizon, by="family", paired=paired),
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
