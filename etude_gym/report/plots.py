"""The picture of a comparison: learning curves and Practice Efficiency."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from etude_gym.errors import MissingExtra
from etude_gym.measure.checkpoints import checkpoint_grid
from etude_gym.measure.compute import unit_name
from etude_gym.measure.intervals import half_width
from etude_gym.measure.practice_efficiency import PracticeEfficiency
from etude_gym.practice.strategies import SAMPLERS
from etude_gym.report.comparison import Comparison
from etude_gym.report.tables import number
from etude_gym.runs.finished import LoadedRun
from etude_gym.runs.folder import write_atomically

COLORS = (
    *("#4D4D4D", "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#8B5A2B"),
    *("#882255", "#44AA99"),
)
"""Colors that people with any color vision tell apart (Okabe and Ito 2008; brown; Tol 2021); one for each
sampler, the same in every picture."""

PALEST = 0.6
"""How much white there is in the color of the last of several arms of one sampler."""

GRAY = "#666666"


def draw_comparison(comparison: Comparison, path: Path) -> None:
    """Draw learning curves (mean and 95% interval over seeds) and Practice Efficiency.

    Where Practice Efficiency is undefined, the difference of areas takes its place.

    Args:
        comparison: what to draw.
        path: of the picture; its suffix (".png", ".svg") decides the format.

    Raises:
        MissingExtra: if matplotlib is not installed.
        ValueError: for a suffix that matplotlib does not know.
    """
    figure = _figure()
    curves, effects = figure.subplots(1, 2, width_ratios=(1.5, 1))
    colors = arm_colors(list(comparison.runs))
    _draw_curves(curves, comparison, colors)
    _draw_effects(effects, comparison, colors)
    _save(figure, path)


def _figure(width: float = 12, height: float = 5) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("Drawing a comparison", "report") from error
    return Figure(figsize=(width, height), layout="constrained")


def _save(figure: Any, path: Path) -> None:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    content = io.BytesIO()
    figure.savefig(content, format=path.suffix.lstrip(".") or "png", dpi=150)
    write_atomically(path, content.getvalue())


def arm_colors(arms: Sequence[str]) -> dict[str, str]:
    """A color for each arm: its sampler's own, paler for further arms of the same sampler; or one left over.

    Args:
        arms: names of arms.

    Returns:
        Colors ("#0072B2") by arm.
    """
    own = dict(zip(SAMPLERS, COLORS, strict=False))
    left = cycle(
        [color for name, color in own.items() if name not in {_sampler(arm) for arm in arms}] or COLORS
    )
    colors: dict[str, str] = {}
    total, used = Counter(map(_sampler, arms)), Counter[str]()
    for arm in sorted(arms, key=lambda arm: arm not in own):  # the plain name has the plain color
        sampler = _sampler(arm)
        color = own.get(sampler) or next(left)
        colors[arm] = _paler(color, PALEST * used[sampler] / max(1, total[sampler] - 1))
        used[sampler] += 1
    return {arm: colors[arm] for arm in arms}


def _sampler(arm: str) -> str:
    """The sampler of an arm, without its options."""
    return arm.partition(",")[0]


def _paler(color: str, share: float) -> str:
    """A color mixed with white."""
    parts = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(part + share * (255 - part)):02X}" for part in parts)


def _draw_curves(axes: Any, comparison: Comparison, colors: dict[str, str]) -> None:
    grid = np.array(checkpoint_grid(comparison.horizon))
    means = {}
    for arm, runs in comparison.runs.items():
        means[arm], half = _curve_on_grid(runs, grid)
        line = (0, (4, 1.5)) if arm == comparison.reference else "-"
        axes.plot(grid / comparison.horizon, means[arm], color=colors[arm], linewidth=2.2, linestyle=line,
                  marker="o", markersize=4, clip_on=False, zorder=3)  # fmt: skip
        axes.fill_between(grid / comparison.horizon, means[arm] - half, means[arm] + half, linewidth=0,
                          color=colors[arm], alpha=0.14 if len(comparison.runs) <= 4 else 0.08)  # fmt: skip
    top = max(0.1, min(1.02, 1.25 * max(float(mean.max()) for mean in means.values())))
    axes.set_ylim(min(0.0, min(float(mean.min()) for mean in means.values())), top)
    axes.set_xlim(0, 1)
    _label_ends(axes, {arm: float(mean[-1]) for arm, mean in means.items()}, colors)
    axes.set_xlabel(f"training compute (1 = horizon = {comparison.horizon:.3g} {unit_name(comparison.unit)})")
    axes.set_ylabel("anchor score (0 = random agent, 1 = oracle)")
    axes.grid(alpha=0.25)
    seeds = comparison.seed_count
    shade = seeds if seeds == "one seed" else f"mean of {seeds}, shaded: 95% interval"
    _title(axes, "Learning curves", f"{comparison.title}; {shade}")


def _title(axes: Any, title: str, subtitle: str) -> None:
    axes.set_title(f"{title}\n", loc="left", fontweight="bold")
    axes.text(0, 1.02, subtitle, transform=axes.transAxes, fontsize=9, color=GRAY)


def _curve_on_grid(
    runs: Sequence[LoadedRun], grid: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean over seeds at the checkpoints and half the width of its 95% interval, which is 0 for one seed.

    An update ends a little after the checkpoint, and may leap over one: scores are interpolated.
    """
    scores = np.array([np.interp(grid, run.curve.compute, run.curve.mean) for run in runs])
    mean = scores.mean(axis=0)
    if len(runs) < 2:
        return mean, np.zeros_like(mean)
    return mean, half_width(scores)


def _label_ends(axes: Any, ends: dict[str, float], colors: dict[str, str]) -> None:
    """Write the name of each arm beside the end of its curve, moved apart where ends are close."""
    low, high = axes.get_ylim()
    arms = sorted(ends, key=lambda arm: ends[arm])
    places = spread([ends[arm] for arm in arms], gap=0.055 * (high - low), low=low, high=high)
    for arm, place in zip(arms, places, strict=True):
        leader = {"arrowstyle": "-", "color": colors[arm], "linewidth": 0.8, "relpos": (0, 0.5)}
        axes.annotate(arm, (1, ends[arm]), xytext=(1.04, place), color=colors[arm], va="center", fontsize=10,
                      annotation_clip=False, arrowprops={**leader, "shrinkA": 1, "shrinkB": 3})  # fmt: skip


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


def _draw_effects(axes: Any, comparison: Comparison, colors: dict[str, str]) -> None:
    """One row for each arm: its Practice Efficiency, or difference of areas, and the 95% interval."""
    results = comparison.arms
    defined = results[0].efficiency.value is not None
    effects = [_effect(result.efficiency, defined) for result in results]
    neutral = 1.0 if defined else 0.0
    left, right = _effect_limits(effects, neutral)
    axes.axvline(neutral, color=GRAY, linewidth=1, linestyle=":")
    for row, (result, (value, low, high)) in enumerate(zip(results, effects, strict=True)):
        color = colors[result.arm]
        note = f"{value:.2f}" if defined else f"{value:+.3f}"
        if result.arm == comparison.reference:
            note = "reference"
        elif low is not None and high is not None:
            axes.plot([max(low, left), min(high, right)], [row, row], color=color, linewidth=3.5, alpha=0.45,
                      solid_capstyle="butt")  # fmt: skip
            for beyond, edge, arrow in ((low < left, left, "<"), (high > right, right, ">")):
                if beyond:
                    axes.plot(edge, row, arrow, color=color, markersize=7, clip_on=False)
            note += f"  [{number(low, 2)}, {number(high, 2)}]" if defined else f"  [{low:+.3f}, {high:+.3f}]"
        axes.plot(value, row, "o", color=color, markersize=8)
        axes.text(1.02, row, note, transform=axes.get_yaxis_transform(), va="center", color=color)
    axes.set_xlim(left, right)
    axes.set_yticks(range(len(results)), [result.arm for result in results])
    for label, result in zip(axes.get_yticklabels(), results, strict=True):
        label.set_color(colors[result.arm])
    axes.set_ylim(len(results) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", alpha=0.25)
    _label_effects(axes, comparison, defined)


def _effect(pe: PracticeEfficiency, defined: bool) -> tuple[float, float | None, float | None]:
    """The effect drawn for an arm: a value and the ends of its interval, None where there is none."""
    if defined and pe.value is not None:
        return pe.value, pe.low, pe.high
    return pe.difference, pe.difference_low, pe.difference_high


def _effect_limits(
    effects: Sequence[tuple[float, float | None, float | None]], neutral: float
) -> tuple[float, float]:
    """Limits of the axis: all values, and intervals as far as they do not dwarf the values."""
    values = [value for value, _, _ in effects] + [neutral]
    room = max(max(values) - min(values), 0.2 * abs(neutral), 0.02)
    lows = [max(low, min(values) - 2 * room) for _, low, _ in effects if low is not None]
    highs = [min(high, max(values) + 2 * room) for _, _, high in effects if high is not None]
    left, right = min([*values, *lows]), max([*values, *highs])
    margin = max(0.06 * (right - left), 0.6 * room - 0.5 * (right - left))
    return left - margin, right + margin


def _label_effects(axes: Any, comparison: Comparison, defined: bool) -> None:
    pe = comparison.arms[0].efficiency
    if defined:
        _title(axes, "Practice Efficiency", f"against {comparison.reference}; ceiling {pe.ceiling:.2f}")
        axes.set_xlabel("PE (above 1: learns more per unit of compute)")
    else:
        _title(axes, "Difference of areas under the curves", f"PE is {pe.reason}")
        axes.set_xlabel(f"difference to {comparison.reference} (above 0: learns more)")
