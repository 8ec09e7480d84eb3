"""Pictures of practice: why tasks were drawn, how hard they were and how they went, over compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.practice.sampler import REASONS
from etude_gym.report.comparison import Comparison
from etude_gym.report.figures import COLORS, GRAY, PANEL, drawing, new_figure, printable, save_figure, short
from etude_gym.runs.finished import LoadedRun
from etude_gym.runs.folder import PRACTICE, Run

SLICES = 40
"""Parts of the horizon in which draws are counted."""
MORE_COLORS = ("#332288", "#999933", "#CC6677", "#117733")
"""Of Tol (2021), beside those of arms: there are more reasons than samplers."""
REASON_COLORS = dict(zip(reversed(REASONS), cycle((*COLORS[1:], *MORE_COLORS))))
"""A color for each reason, the same in every panel."""
WIDEST = 3
"""Arms beside each other."""


@dataclass(frozen=True)
class Draws:
    """What one arm was given to practice, over all its seeds, by slice of the horizon.

    Attributes:
        episodes: number of tasks drawn, shape (slices,).
        reasons: how often each of ``REASONS`` occurred, shape (slices, reasons).
        success: mean score of the episodes, NaN in slices without any, shape (slices,).
        difficulty: mean of each axis, likewise, by name of the axis.
    """

    episodes: NDArray[np.float64]
    reasons: NDArray[np.float64]
    success: NDArray[np.float64]
    difficulty: Mapping[str, NDArray[np.float64]]

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """Share of each reason in a slice; NaN in slices without draws."""
        return _ratio(self.reasons, self.reasons.sum(axis=1, keepdims=True))

    @cached_property
    def occurring(self) -> list[int]:
        """Reasons that occur, the most frequent first."""
        mean = np.nanmean(self.shares, axis=0) if np.isfinite(self.shares).any() else np.zeros(len(REASONS))
        return [int(reason) for reason in np.argsort(-mean, kind="stable") if mean[reason] > 0]


def count_draws(runs: Sequence[LoadedRun], horizon: float) -> Draws:
    """What an arm was given to practice.

    Args:
        runs: of the arm.
        horizon: compute that is cut into slices.
    """
    records = [
        (min(int(SLICES * record["compute"] / horizon), SLICES - 1), record)
        for run in runs
        for record in Run(run.folder).read(PRACTICE)
        if record["episodes"]
    ]
    axes = dict.fromkeys(axis for _, record in records for axis in record["difficulty"])
    episodes, success = np.zeros(SLICES), np.zeros(SLICES)
    reasons = np.zeros((SLICES, len(REASONS)))
    difficulty = {axis: np.zeros(SLICES) for axis in axes}
    for place, record in records:
        episodes[place] += record["episodes"]
        success[place] += record["episodes"] * record["success"]
        for axis, mean in record["difficulty"].items():
            difficulty[axis][place] += record["episodes"] * mean
        for reason, count in record["reasons"].items():
            reasons[place, REASONS.index(reason)] += count
    return Draws(
        episodes,
        reasons,
        _ratio(success, episodes),
        {axis: _ratio(total, episodes) for axis, total in difficulty.items()},
    )


def telling_arms(comparison: Comparison) -> list[str]:
    """Arms of a comparison whose draws have more than one reason.

    Args:
        comparison: what to draw.
    """
    return [
        arm
        for arm, runs in comparison.runs.items()
        if len(count_draws(runs, comparison.horizon).occurring) > 1
    ]


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
    with drawing():
        figure = new_figure(4 + 4 * columns, 1 + 3.2 * rows)
        panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
        for panel in panels[len(arms) :]:
            panel.set_visible(False)
        for panel, arm in zip(panels, arms, strict=False):
            _draw_reasons(panel, count_draws(comparison.runs[arm], comparison.horizon))
            panel.set_title(short(arm), loc="left")
            panel.legend(loc="lower right", fontsize=8, frameon=True)
        figure.supylabel("share of the tasks drawn")
        figure.supxlabel("training compute (1 = horizon)")
        title = f"Why tasks were drawn: {comparison.title}"
        figure.suptitle(printable(title), x=0.01, ha="left")
        save_figure(figure, path)


def difficulty_figure(draws: Draws) -> Any:
    """Mean difficulty of the tasks drawn, by axis, and the mean score that they were solved with.

    Args:
        draws: of one arm.
    """
    figure = new_figure(0.63 * PANEL, 2.3)
    panel = figure.subplots()
    filled = np.flatnonzero(draws.episodes)  # lines go on over slices without draws
    compute = (filled + 0.5) / SLICES
    widths = np.linspace(1.2 * len(draws.difficulty), 1.2, len(draws.difficulty))
    for (axis, mean), color, width in zip(draws.difficulty.items(), cycle(COLORS[1:]), widths):
        # Axes that rise together stay visible below each other.
        panel.plot(compute, mean[filled], color=color, linewidth=width, label=axis, solid_capstyle="butt")
    panel.plot(compute, draws.success[filled], color=GRAY, linewidth=1.4, linestyle=":", label="success")
    panel.set_xlim(0, 1)
    panel.set_ylim(0, 1)
    return figure


def reason_figure(draws: Draws) -> Any:
    """Why tasks were drawn, as shares over compute.

    Args:
        draws: of one arm.
    """
    figure = new_figure(0.63 * PANEL, 2.3)
    _draw_reasons(figure.subplots(), draws)
    return figure


def _draw_reasons(panel: Any, draws: Draws) -> None:
    """One arm: layers of reasons."""
    kept = np.isfinite(draws.shares).all(axis=1)
    compute = (np.flatnonzero(kept) + 0.5) / SLICES
    bottom = np.zeros(len(compute))
    for reason in draws.occurring:
        share = draws.shares[kept, reason]
        panel.fill_between(compute, bottom, bottom + share, color=REASON_COLORS[REASONS[reason]], alpha=0.8,
                           linewidth=0, label=REASONS[reason])  # fmt: skip
        bottom += share
    panel.set_xlim(0, 1)
    panel.set_ylim(0, 1)


def _ratio(total: NDArray[np.float64], count: NDArray[np.float64]) -> NDArray[np.float64]:
    """A mean, NaN where there is nothing."""
    mean: NDArray[np.float64] = np.full_like(total, np.nan)
    np.divide(total, count, out=mean, where=np.broadcast_to(count, total.shape) > 0)
    return mean
