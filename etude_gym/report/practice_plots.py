"""The picture of practice: why tasks were drawn, over compute."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.practice.sampler import REASONS
from etude_gym.report.comparison import Comparison
from etude_gym.report.plots import COLORS, _figure, _save
from etude_gym.runs.finished import LoadedRun
from etude_gym.runs.folder import PRACTICE, Run

SLICES = 40
"""Parts of the horizon in which draws are counted."""
REASON_COLORS = dict(zip(reversed(REASONS), cycle(COLORS[1:])))
"""A color for each reason, the same in every panel; those of one sampler differ."""
WIDEST = 3
"""Arms beside each other."""


def telling_arms(comparison: Comparison) -> list[str]:
    """Arms of a comparison whose draws have more than one reason.

    Args:
        comparison: what to draw.
    """
    return [arm for arm, runs in comparison.runs.items() if len(_reasons(_shares(runs, comparison))) > 1]


def draw_practice(comparison: Comparison, path: Path) -> None:
    """Draw the share of tasks by the reason they were drawn for, over compute, for each arm that has several.

    Args:
        comparison: what to draw; at least one of its ``telling_arms``.
        path: of the picture; its suffix (".png", ".svg") decides the format.

    Raises:
        MissingExtra: if matplotlib is not installed.
    """
    arms = telling_arms(comparison)
    columns = min(len(arms), WIDEST)
    rows = -(-len(arms) // columns)
    figure = _figure(4 + 4 * columns, 1 + 3.2 * rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for panel in panels[len(arms) :]:
        panel.set_visible(False)
    for panel, arm in zip(panels, arms, strict=False):
        _draw_arm(panel, arm, _shares(comparison.runs[arm], comparison))
    figure.supylabel("share of the tasks drawn")
    figure.supxlabel("training compute (1 = horizon)")
    figure.suptitle(f"Why tasks were drawn: {comparison.title}", x=0.01, ha="left")
    _save(figure, path)


def _shares(runs: Sequence[LoadedRun], comparison: Comparison) -> NDArray[np.float64]:
    """Share of draws by slice of the horizon and reason, over all seeds; NaN in slices without any."""
    counts = np.zeros((SLICES, len(REASONS)))
    for run in runs:
        for record in Run(run.folder).read(PRACTICE):
            place = min(int(SLICES * record["compute"] / comparison.horizon), SLICES - 1)
            for reason, count in record["reasons"].items():
                counts[place, REASONS.index(reason)] += count
    total = counts.sum(axis=1, keepdims=True)
    shares: NDArray[np.float64] = np.full_like(counts, np.nan)
    np.divide(counts, total, out=shares, where=total > 0)
    return shares


def _reasons(shares: NDArray[np.float64]) -> list[int]:
    """Reasons that occur, the most frequent first."""
    mean = np.nanmean(shares, axis=0) if np.isfinite(shares).any() else np.zeros(shares.shape[1])
    return [int(reason) for reason in np.argsort(-mean, kind="stable") if mean[reason] > 0]


def _draw_arm(panel: Any, arm: str, shares: NDArray[np.float64]) -> None:
    """One arm: layers of reasons, named where they are thickest."""
    kept = np.isfinite(shares).all(axis=1)
    compute = (np.flatnonzero(kept) + 0.5) / SLICES
    bottom = np.zeros(len(compute))
    for reason in _reasons(shares):
        share = shares[kept, reason]
        panel.fill_between(compute, bottom, bottom + share, color=REASON_COLORS[REASONS[reason]], alpha=0.8,
                           linewidth=0, label=REASONS[reason])  # fmt: skip
        bottom += share
    panel.set_xlim(0, 1)
    panel.set_ylim(0, 1)
    panel.set_title(arm, loc="left", fontsize=10)
    panel.legend(loc="lower right", fontsize=8, frameon=True)
