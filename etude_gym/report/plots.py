"""The picture of a comparison: learning curves and Practice Efficiency."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from etude_gym.measure.practice_efficiency import PracticeEfficiency
from etude_gym.report.comparison import Comparison
from etude_gym.report.curve_plots import draw_curves
from etude_gym.report.figures import (
    GRAY,
    INK,
    PANEL,
    arm_colors,
    drawing,
    new_figure,
    save_figure,
    set_title,
    short,
)
from etude_gym.report.tables import number


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
    with drawing():
        figure = new_figure(12, 5)
        curves, effects = figure.subplots(1, 2, width_ratios=(1.5, 1))
        colors = arm_colors(list(comparison.runs))
        draw_curves(curves, comparison, colors)
        seeds = comparison.seed_count
        shade = seeds if seeds == "one seed" else f"mean of {seeds}, shaded: 95% interval"
        set_title(curves, "Learning curves", f"{comparison.title}; {shade}")
        _draw_effects(effects, comparison, colors, notes=True)
        _set_effect_title(effects, comparison)
        save_figure(figure, path)


def effect_figure(comparison: Comparison) -> Any:
    """Practice Efficiency of every arm and its interval, one panel, without the numbers.

    Args:
        comparison: what to draw.
    """
    figure = new_figure(PANEL, 0.7 + 0.27 * len(comparison.arms))
    _draw_effects(figure.subplots(), comparison, arm_colors(list(comparison.runs)), notes=False)
    return figure


def _draw_effects(axes: Any, comparison: Comparison, colors: dict[str, str], notes: bool) -> None:
    """One row for each arm: its Practice Efficiency, or difference of areas, and the 95% interval."""
    results = comparison.arms
    defined = results[0].efficiency.value is not None
    effects = [_effect(result.efficiency, defined) for result in results]
    neutral = 1.0 if defined else 0.0
    left, right = _effect_limits(effects, neutral)
    axes.axvline(neutral, color=GRAY, linewidth=1, linestyle=":")
    for row, (result, (value, low, high)) in enumerate(zip(results, effects, strict=True)):
        color = colors[result.arm]
        if result.arm != comparison.reference and low is not None and high is not None:
            axes.plot([max(low, left), min(high, right)], [row, row], color=color, linewidth=3.5, alpha=0.5,
                      solid_capstyle="butt")  # fmt: skip
            for beyond, edge, arrow in ((low < left, left, "<"), (high > right, right, ">")):
                if beyond:
                    axes.plot(edge, row, arrow, color=color, markersize=7, clip_on=False)
        axes.plot(value, row, "o", color=color, markersize=8)
        if notes:
            note = "reference" if result.arm == comparison.reference else _note(value, low, high, defined)
            axes.text(1.02, row, note, transform=axes.get_yaxis_transform(), va="center")
    ceiling = results[0].efficiency.ceiling
    if ceiling is not None and ceiling < right:
        axes.axvline(ceiling, color=GRAY, linewidth=1)
    axes.set_xlim(left, right)
    axes.set_yticks(range(len(results)), [short(result.arm) for result in results])
    for label in axes.get_yticklabels():
        label.set_color(INK)
    axes.set_ylim(len(results) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("PE (above 1: learns more per unit of compute)" if defined else
                    f"difference to {short(comparison.reference)} (above 0: learns more)")  # fmt: skip


def _note(value: float, low: float | None, high: float | None, defined: bool) -> str:
    """An effect and its interval as text."""
    shown = f"{value:.2f}" if defined else f"{value:+.3f}"
    if low is None or high is None:
        return shown
    return (
        f"{shown}  [{number(low, 2)}, {number(high, 2)}]"
        if defined
        else f"{shown}  [{low:+.3f}, {high:+.3f}]"
    )


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


def _set_effect_title(axes: Any, comparison: Comparison) -> None:
    pe = comparison.arms[0].efficiency
    if pe.value is not None:
        set_title(axes, "Practice Efficiency", f"against {comparison.reference}; ceiling {pe.ceiling:.2f}")
    else:
        set_title(axes, "Difference of areas under the curves", f"PE is {pe.reason}")
