"""From a recorded panel to a domain's ``calibration.json``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from etude_gym.difficulty.calibration import Calibration
from etude_gym.difficulty.calibration_checks import FamilyChecks, check_family, verdict
from etude_gym.difficulty.calibration_fit import PanelAnswers, fit_calibration
from etude_gym.difficulty.family_fit import FamilyFit
from etude_gym.environment.registration import make_domain
from etude_gym.measure.rollout import rollout
from etude_gym.measure.scripted import RandomAgent
from etude_gym.randomness import mix
from etude_gym.runs.folder import versions, write_json
from etude_gym.runs.panel import Panel
from etude_gym.tasks.domain import Domain
from etude_gym.tasks.keys import TaskBatch, task_keys

GUESSES = 8192
"""Tasks of each family on which guessing is measured: a floor that is wrong by .01 flattens a hard family."""
GUESSING_STREAM = int(mix(0x6E55)[0] >> np.uint64(1))
"""The stream of these tasks."""
HARDEST = 0.25
"""Width of the hardest corner, along each axis."""
HIGHEST_FLOOR = 0.9


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A calibration, and what it was judged by.

    Attributes:
        calibration: with its report.
        fits: of the families.
        checks: of the families.
        verdict: "calibrated", or what is missing.
    """

    calibration: Calibration
    fits: list[FamilyFit]
    checks: list[FamilyChecks]
    verdict: str

    def write(self, path: Path) -> None:
        """Write the calibration whole or not at all.

        Args:
            path: of the file, such as ``calibration.json`` beside the domain's module.
        """
        write_json(path, self.calibration.record())


def calibrate(
    panel: Panel,
    *,
    resamples: int = 100,
    seed: int = 0,
    on_progress: Callable[[str], None] = lambda _: None,
) -> Calibrated:
    """Fit and check a calibration. Lineages that are scripted take no part: their gaps are planted.

    Args:
        panel: with its finished lineages.
        resamples: of the bootstrap behind intervals.
        seed: of the bootstrap.
        on_progress: told in words what is done next.

    Raises:
        IncompleteRun: if the panel holds no finished lineage, or is damaged.
        ValueError: if it holds a single one.
    """
    domain = make_domain(panel.env_id)
    answers = panel.answers()
    on_progress("measuring what guessing is worth")
    calibration, fits = fit_calibration(
        domain.name,
        domain.space,
        answers,
        _floors(domain),
        resamples=resamples,
        seed=seed,
        on_family=lambda family: on_progress(f"fitting {family}"),
    )
    checks = []
    for index, (family, fit) in enumerate(zip(domain.space.families, fits, strict=True)):
        on_progress(f"checking {family}")
        checks.append(check_family(family, fit, answers.of_family(index), answers, domain.space.names))
    words = verdict([each for family in checks for each in family.checks])
    report = {
        "verdict": words,
        "checks": [each.record() for family in checks for each in family.checks],
        "intervals": {
            family: {name: list(interval) for name, interval in fit.intervals.items()}
            for family, fit in zip(domain.space.families, fits, strict=True)
        },
        "panel": _panel_record(panel, answers),
        "made_by": f"etude calibrate {panel.env_id}, {resamples} resamples, seed {seed}",
        "versions": versions(),
    }
    return Calibrated(replace(calibration, report=_finite(report)), fits, checks, words)


def _floors(domain: Domain) -> list[float]:
    """What guessing is worth in each family: the random agent's mean score where tasks are hardest.

    On easier ones it also succeeds by chance at what takes some ability, which is the model's to explain.
    """
    families = len(domain.space.families)
    keys = task_keys(domain.name, "probe", GUESSING_STREAM, np.arange(families * GUESSES))
    difficulty = 1.0 - HARDEST * domain.space.uniform(keys, counter=1)
    tasks = TaskBatch(keys, difficulty, np.repeat(np.arange(families), GUESSES))
    scores = np.asarray(rollout(domain, tasks, RandomAgent(domain))["score"], dtype=np.float64)
    return [min(value, HIGHEST_FLOOR) for value in scores.reshape(families, GUESSES).mean(axis=1).tolist()]


def _panel_record(panel: Panel, answers: PanelAnswers) -> dict[str, Any]:
    return {
        "table": panel.table.record(),
        "lineages": len(answers.names),
        "kinds": dict(Counter(answers.kinds)),
        "answers": len(answers.scores),
        "missing": len(panel.missing),
        "versions": panel.versions,
    }


def _finite(value: Any) -> Any:
    """JSON knows no infinity: an open end of an interval is None."""
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
