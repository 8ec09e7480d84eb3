"""Pictures of learning curves: the mean of every arm, and every seed of one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize

from etude_gym.measure.checkpoints import GRID_HALVINGS, checkpoint_grid
from etude_gym.measure.compute import unit_name
from etude_gym.measure.intervals import half_width
from etude_gym.report.comparison import Comparison
from etude_gym.report.figures import GRAY, INK, PANEL, PAPER, RULE, arm_colors, new_figure, short
from etude_gym.runs.finished import LoadedRun

DASHED = (0, (4, 1.5))
"""The line of the reference, in every picture."""
SHADED = 6
"""Of more arms than these, the intervals would hide each other."""
LABELED = 8
"""Of more arms than these, names in a panel leave too little room for the curves."""
START = -GRID_HALVINGS - 1.0
"""Where compute 0 stands on the log axis, which does not have it: one step before the first checkpoint."""


def curve_figure(comparison: Comparison, scale: str) -> Any:
    """Mean learning curves of all arms, one panel.

    Args:
        comparison: what to draw.
        scale: of the axis of compute: "linear", with the milestones, or "log".
    """
    figure = new_figure(PANEL, 3.6)
    colors = arm_colors(list(comparison.runs))
    axes = figure.subplots()
    draw_curves(axes, comparison, colors, scale, named=len(colors) <= LABELED)
    if scale == "linear":
        _draw_milestones(axes, comparison, colors)
    return figure


def seed_figure(comparison: Comparison, arm: str) -> Any:
    """Every run of one arm on a log axis, before the means of the other arms.

    Args:
        comparison: what to draw.
        arm: whose runs.
    """
    figure = new_figure(0.63 * PANEL, 2.3)
    axes = figure.subplots()
    grid = np.array(checkpoint_grid(comparison.horizon))
    color = arm_colors(list(comparison.runs))[arm]
    for other, runs in comparison.runs.items():
        line = (
            {"color": RULE, "linewidth": 0.8, "alpha": 0.7}
            if other != comparison.reference
            else {"color": GRAY}
        )
        line |= {"linestyle": DASHED, "linewidth": 1.2} if other == comparison.reference else {}
        if other != arm:
            axes.plot(log_places(grid / comparison.horizon), curve_on_grid(runs, grid)[0], **line)
    for run in comparison.runs[arm]:
        shares = log_places(run.curve.compute / comparison.horizon)
        axes.plot(shares, run.curve.mean, color=color, linewidth=0.8,
                  alpha=0.55, marker="o", markersize=2.5, markeredgewidth=0, clip_on=False)  # fmt: skip
    mean = curve_on_grid(comparison.runs[arm], grid)[0]
    axes.plot(log_places(grid / comparison.horizon), mean, color=color, linewidth=2.2, zorder=3)
    set_compute_axis(axes, "log")
    axes.set_ylim(*score_limits(comparison))
    return figure


def draw_curves(
    axes: Any, comparison: Comparison, colors: dict[str, str], scale: str = "linear", named: bool = True
) -> None:
    """Draw the mean curve of every arm with its 95% interval over seeds.

    Args:
        axes: of matplotlib.
        comparison: what to draw.
        colors: by arm.
        scale: of the axis of compute, "linear" or "log".
        named: whether names stand beside the curves.
    """
    shares = np.array(checkpoint_grid(comparison.horizon)) / comparison.horizon
    places = shares if scale == "linear" else log_places(shares)
    means = {}
    for arm, runs in comparison.runs.items():
        means[arm], half = curve_on_grid(runs, shares * comparison.horizon)
        line = DASHED if arm == comparison.reference else "-"
        axes.plot(places, means[arm], color=colors[arm], linewidth=2.2, linestyle=line,
                  marker="o", markersize=4, clip_on=False, zorder=3)  # fmt: skip
        if len(comparison.runs) <= SHADED:
            axes.fill_between(places, means[arm] - half, means[arm] + half, linewidth=0, color=colors[arm],
                              alpha=0.12)  # fmt: skip
    axes.set_ylim(*score_limits(comparison))
    set_compute_axis(axes, scale)
    if named:
        _label_ends(axes, {arm: float(mean[-1]) for arm, mean in means.items()}, colors)
    axes.set_xlabel(f"training compute (1 = horizon = {comparison.horizon:.3g} {unit_name(comparison.unit)})")
    axes.set_ylabel("anchor score (0 = random agent, 1 = oracle)")


def curve_on_grid(
    runs: Sequence[LoadedRun], grid: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean over seeds at the checkpoints and half the width of its 95% interval, which is 0 for one seed.

    An update ends a little after the checkpoint, and may leap over one: scores are interpolated.

    Args:
        runs: of one arm.
        grid: compute of the checkpoints.
    """
    scores = np.array([np.interp(grid, run.curve.compute, run.curve.mean) for run in runs])
    mean = scores.mean(axis=0)
    if len(runs) < 2:
        return mean, np.zeros_like(mean)
    return mean, half_width(scores)


def score_limits(comparison: Comparison) -> tuple[float, float]:
    """Limits of every axis of anchor scores, so that panels can be compared.

    Args:
        comparison: what is drawn.
    """
    curves = [run.curve.mean for runs in comparison.runs.values() for run in runs]
    top = max(float(curve.max()) for curve in curves)
    return min(0.0, *(float(curve.min()) for curve in curves)), max(0.1, min(1.02, 1.1 * top))


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places at least ``gap`` apart within [low, high], as near as they can be to those wanted.

    Args:
        wanted: in ascending order.
        gap: least distance; made smaller if there is not enough room.
        low: lower end of the range.
        high: upper end of the range.
    """
    offsets = min(gap, (high - low) / max(1, len(wanted) - 1)) * np.arange(len(wanted))
    fitted = optimize.isotonic_regression(np.asarray(wanted) - offsets).x
    places: list[float] = (np.clip(fitted, low, high - offsets[-1]) + offsets).tolist()
    return places


def log_places(shares: ArrayLike) -> NDArray[np.float64]:
    """Places on the log axis, in powers of two of the horizon.

    Args:
        shares: compute, in horizons.
    """
    places: NDArray[np.float64] = np.log2(np.maximum(np.asarray(shares, dtype=np.float64), 2.0**START))
    return places


def set_compute_axis(axes: Any, scale: str) -> None:
    """Limits and ticks of compute, in horizons; on the log axis, at every second checkpoint.

    Args:
        axes: of matplotlib.
        scale: "linear" or "log".
    """
    if scale == "linear":
        axes.set_xlim(0, 1)
        return
    powers = list(range(0, -GRID_HALVINGS - 1, -2))
    axes.set_xlim(START, 0)
    axes.set_xticks([START, *powers], ["0", "1", *(f"1/{2**-power}" for power in powers[1:])])


def _label_ends(axes: Any, ends: dict[str, float], colors: dict[str, str]) -> None:
    """Write the name of each arm beside the end of its curve, moved apart where ends are close."""
    low, high = axes.get_ylim()
    left, right = axes.get_xlim()
    arms = sorted(ends, key=lambda arm: ends[arm])
    places = spread([ends[arm] for arm in arms], gap=0.06 * (high - low), low=low, high=high)
    for arm, place in zip(arms, places, strict=True):
        leader = {"arrowstyle": "-", "color": colors[arm], "linewidth": 1.2, "relpos": (0, 0.5)}
        axes.annotate(short(arm), (right, ends[arm]), xytext=(right + 0.05 * (right - left), place),
                      color=INK, va="center", annotation_clip=False,
                      arrowprops={**leader, "shrinkA": 2, "shrinkB": 3})  # fmt: skip


def _draw_milestones(axes: Any, comparison: Comparison, colors: dict[str, str]) -> None:
    """The scores that are milestones as lines, and the median compute at which arms reached them."""
    for milestone in comparison.arms[0].milestones:
        if milestone.reason is None:
            axes.axhline(milestone.threshold, color=RULE, linewidth=0.8, linestyle=":", zorder=1)
            axes.text(0.99, milestone.threshold, f"{milestone.fraction:.0%}", fontsize=8, color=GRAY,
                      ha="right", va="bottom")  # fmt: skip
    for result in comparison.arms:
        for milestone in result.milestones:
            if milestone.agent_median is not None:
                axes.plot(milestone.agent_median / comparison.horizon, milestone.threshold, "D", markersize=4,
                          color=PAPER, markeredgecolor=colors[result.arm], markeredgewidth=1.3,
                          zorder=4)  # fmt: skip
