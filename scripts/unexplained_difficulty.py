"""What else makes tasks hard: ``python scripts/unexplained_difficulty.py ENV PANEL``.

How hard each common task of a panel was, as log odds of its mean score over lineages and their later
checkpoints, is explained by least squares: by calibrated difficulty, by all that is quadratic in the axes,
and by what the reference solver did (its number of actions and the results of its grade). What explains more
than the axes do is what the domain would have to turn into an axis or a family, or to keep more alike.
"""

from __future__ import annotations

from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from numpy.typing import NDArray
from scipy.special import logit

from etude_gym.environment.registration import make_domain
from etude_gym.measure.panel_tasks import panel_tasks
from etude_gym.measure.rollout import rollout
from etude_gym.measure.scripted import ScriptedAgent
from etude_gym.runs.panel import Panel

Floats = NDArray[np.float64]

LATER = 2
"""First checkpoint that counts: before it, most tasks score 0."""
NEAREST = 0.005
"""Mean scores count as at least this far from 0 and 1."""
MOST_LEVELS = 5
"""Results with no more values than this count as categories."""


def main(env: tyro.conf.Positional[str], panel: tyro.conf.Positional[Path], /) -> None:
    """Print, for each family, the share of variance that each explanation takes.

    Args:
        env: id of the environment; its domain ships a calibration.
        panel: folder of the panel.
    """
    domain, recorded = make_domain(env), Panel.read(panel)
    calibration = domain.space.calibration
    if calibration is None:
        raise SystemExit(f"{env} ships no calibration: etude calibrate {env} --panel {panel}")
    tasks, items = panel_tasks(domain, recorded.table.probes, "common", 0)
    tasks, items = tasks[np.flatnonzero(items >= 0)], items[items >= 0]
    answers = recorded.answers()
    results = rollout(domain, tasks, ScriptedAgent(domain, solver="oracle"))
    logits = calibration.logits(tasks.family, tasks.difficulty)
    for family, name in enumerate(domain.space.families):
        rows = np.flatnonzero(tasks.family == family)
        counted = (answers.family == family) & (answers.checkpoint >= LATER)
        means = [answers.scores[counted & (answers.item == item)].mean() for item in items[rows]]
        hardness = -logit(np.clip(means, NEAREST, 1.0 - NEAREST))
        solved = {key: _columns(values[rows]) for key, values in results.items()}
        explained = {
            "calibrated difficulty": logits[rows, None],
            "axes, quadratic": _quadratic(tasks.difficulty[rows]),
            **{f"reference: {key}": columns for key, columns in solved.items() if columns.size},
        }
        explained["all of these"] = np.concatenate(list(explained.values()), axis=1)
        print(f"{name}, {len(rows)} tasks")
        for what, columns in sorted(explained.items(), key=lambda each: -_share(hardness, each[1])):
            print(f"  {_share(hardness, columns):6.3f}  {what}")


def _columns(values: NDArray[Any]) -> Floats:
    """A result as columns: one for each category, or the number itself; none where it does not vary."""
    levels = np.unique(values)
    if len(levels) < 2:
        return np.empty((len(values), 0))
    if len(levels) <= MOST_LEVELS:
        return np.asarray(values[:, None] == levels[1:], dtype=np.float64)
    return np.asarray(values[:, None], dtype=np.float64)


def _quadratic(difficulty: Floats) -> Floats:
    pairs = combinations_with_replacement(range(difficulty.shape[1]), 2)
    products = [difficulty[:, one] * difficulty[:, other] for one, other in pairs]
    return np.column_stack([difficulty, *products])


def _share(hardness: Floats, columns: Floats) -> float:
    """Adjusted R2, which chance does not raise with every column."""
    design = np.column_stack([np.ones(len(hardness)), columns])
    fitted = design @ np.linalg.lstsq(design, hardness, rcond=None)[0]
    rank = np.linalg.matrix_rank(design)
    left = float(np.sum((hardness - fitted) ** 2)) / (len(hardness) - rank)
    return 1.0 - left / float(np.var(hardness, ddof=1))


if __name__ == "__main__":
    tyro.cli(main)
