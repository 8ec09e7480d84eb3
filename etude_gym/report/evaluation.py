"""What an evaluation comes to: every domain compared, all of them as one, and where they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from etude_gym.measure.curves import area
from etude_gym.measure.overall import (
    Contrast,
    Measured,
    OverallEfficiency,
    contrasts,
    log_ratio,
    mean_over_seeds,
    overall_efficiency,
)
from etude_gym.practice.strategies import REFERENCE_ARM
from etude_gym.report.comparison import ArmResult, Comparison, compare
from etude_gym.runs.depths import HEADLINE_ARM
from etude_gym.runs.evaluation import Evaluation
from etude_gym.runs.folder import IncompleteRun


@dataclass(frozen=True)
class EvaluationResult:
    """The domains of an evaluation, and all of them together.

    Attributes:
        evaluation: its folder.
        comparisons: by domain, of those with finished runs of the reference.
        failures: why a domain has none, or has not all of its runs, by domain.
        arms: that some domain has besides the reference.
        headline: the arm that it is about.
        overall: Practice Efficiency over domains, by arm.
        undefined: why a domain is not part of the headline arm's, by domain.
        efficiency_contrasts: of the logarithm of the headline arm's Practice Efficiency between domains.
        final_contrasts: of its final score.
    """

    evaluation: Evaluation
    comparisons: Mapping[str, Comparison]
    failures: Mapping[str, str]
    arms: tuple[str, ...]
    headline: str
    overall: Mapping[str, OverallEfficiency]
    undefined: Mapping[str, str]
    efficiency_contrasts: tuple[Contrast, ...]
    final_contrasts: tuple[Contrast, ...]

    def result(self, name: str, arm: str | None = None) -> ArmResult | None:
        """What an arm came to in a domain; None where it has no finished run.

        Args:
            name: of the domain.
            arm: its name; None for the headline arm.
        """
        results = self.comparisons[name].arms if name in self.comparisons else ()
        return next((each for each in results if each.arm == (arm or self.headline)), None)

    def to_json(self) -> dict[str, Any]:
        """The results as plain data."""
        return {
            **self.evaluation.record,
            "headline": self.headline,
            "overall": {arm: asdict(each) for arm, each in self.overall.items()},
            "undefined": dict(self.undefined),
            "contrasts": {
                "log_efficiency": [asdict(each) for each in self.efficiency_contrasts],
                "final": [asdict(each) for each in self.final_contrasts],
            },
            "failures": dict(self.failures),
            "domains": {name: comparison.to_json() for name, comparison in self.comparisons.items()},
        }


def evaluate(evaluation: Evaluation) -> EvaluationResult:
    """Compare the finished runs of every domain.

    Args:
        evaluation: finished, or as far as it is.
    """
    comparisons, failures = {}, dict(evaluation.failures)
    for name, experiment in evaluation.experiments.items():
        try:
            comparisons[name] = compare([experiment.folder], REFERENCE_ARM)
        except IncompleteRun:
            failures.setdefault(name, "no run of the reference is finished")
        except ValueError as error:
            failures.setdefault(name, str(error))
    arms = tuple(arm for arm in evaluation.depth.arms if arm != REFERENCE_ARM)
    headline = HEADLINE_ARM if HEADLINE_ARM in arms else arms[0]
    logs = {arm: log_efficiencies(comparisons, arm) for arm in arms}
    finals = {
        name: mean_over_seeds([float(run.curve.mean[-1]) for run in comparison.runs[headline]])
        for name, comparison in comparisons.items()
        if headline in comparison.runs
    }
    measured = {name: each for name, each in logs[headline].items() if isinstance(each, Measured)}
    return EvaluationResult(
        evaluation=evaluation,
        comparisons=comparisons,
        failures=failures,
        arms=arms,
        headline=headline,
        overall={arm: overall_efficiency(_defined(logs[arm])) for arm in arms},
        undefined={name: each for name, each in logs[headline].items() if isinstance(each, str)},
        efficiency_contrasts=contrasts(measured),
        final_contrasts=contrasts(finals),
    )


def log_efficiencies(comparisons: Mapping[str, Comparison], arm: str) -> dict[str, Measured | str]:
    """The logarithm of an arm's Practice Efficiency in each domain, or why there is none.

    Args:
        comparisons: by domain.
        arm: its name.
    """
    found: dict[str, Measured | str] = {}
    for name, comparison in comparisons.items():
        results = {result.arm: result for result in comparison.arms}
        if arm not in results:
            found[name] = f"no run of {arm} is finished"
            continue
        ours, theirs = results[arm], results[comparison.reference]
        if ours.efficiency.value is None:
            found[name] = ours.efficiency.reason or "undefined"
        elif min(*ours.areas, *theirs.areas) <= 0:
            found[name] = "the area of some seed is not positive"
        else:
            found[name] = log_ratio(ours.areas, theirs.areas, ours.efficiency.paired)
    return found


def _defined(logs: Mapping[str, Measured | str]) -> dict[str, Measured]:
    return {name: each for name, each in logs.items() if isinstance(each, Measured)}


def band_efficiencies(result: EvaluationResult) -> dict[int, OverallEfficiency]:
    """The headline arm's Practice Efficiency over domains by band.

    Args:
        result: of an evaluation.

    Returns:
        The geometric mean over the domains where it is defined, by band.
    """
    bands = sorted({band for comparison in result.comparisons.values() for band in comparison.arms[0].bands})
    return {band: overall_efficiency(_band_logs(result, band)) for band in bands}


def _band_logs(result: EvaluationResult, band: int) -> dict[str, Measured]:
    found: dict[str, Measured] = {}
    for name, comparison in result.comparisons.items():
        ours = result.result(name)
        if ours is None or band not in ours.bands or ours.bands[band].value is None:
            continue
        mine, theirs = (band_areas(comparison, arm, band) for arm in (result.headline, comparison.reference))
        if min(*mine, *theirs) > 0:
            found[name] = log_ratio(mine, theirs, ours.efficiency.paired)
    return found


def band_areas(comparison: Comparison, arm: str, band: int) -> Sequence[float]:
    """The area of each run of an arm over the cells of a band.

    Args:
        comparison: of the domain.
        arm: its name.
        band: its number.
    """
    curves = [run.curve for run in comparison.runs[arm]]
    inside = [number == band for _, number in curves[0].cells]
    return [
        float(np.mean(area(curve.compute, curve.corrected[:, inside], comparison.horizon)))
        for curve in curves
    ]
