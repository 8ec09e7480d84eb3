"""Pictures of an evaluation: Practice Efficiency by domain, and how it falls with difficulty."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import Any

from etude_gym.difficulty.bands import band_name
from etude_gym.report.evaluation import EvaluationResult, band_efficiencies
from etude_gym.report.evaluation_tables import OVER_ALL, band_finals
from etude_gym.report.figures import COLORS, GRAY, INK, PANEL, arm_colors, new_figure

OVER_ALL_COLOR = INK
ROOM, LEAST_ROOM, MARGIN = 3.0, 1.0, 0.06
"""How far an axis of Practice Efficiency reaches beyond its values for their intervals: multiples of their
range, or at least so much; and beyond all of it."""


def domain_colors(result: EvaluationResult) -> dict[str, str]:
    """A color for each domain, of those that arms seldom have.

    Args:
        result: of an evaluation.
    """
    names = list(result.evaluation.experiments)
    return dict(zip(names, cycle(reversed(COLORS)), strict=False))


def efficiency_figure(result: EvaluationResult) -> Any:
    """Practice Efficiency of the headline arm in every domain and over all, with intervals.

    Args:
        result: of an evaluation.
    """
    rows: list[tuple[str, str, float, float | None, float | None]] = []
    for name, color in domain_colors(result).items():
        ours = result.result(name)
        if ours is not None and ours.efficiency.value is not None:
            pe = ours.efficiency
            rows.append((name, color, ours.efficiency.value, pe.low, pe.high))
    overall = result.overall[result.headline]
    if overall.value is not None:
        rows.append((OVER_ALL, OVER_ALL_COLOR, overall.value, overall.low, overall.high))
    figure = new_figure(PANEL, 0.8 + 0.32 * len(rows))
    axes = figure.subplots()
    left, right = _limits([(value, low, high) for _, _, value, low, high in rows])
    axes.axvline(1, color=GRAY, linewidth=1, linestyle=":")
    for place, (name, color, value, low, high) in enumerate(rows):
        if low is not None and high is not None:
            axes.plot([max(low, left), min(high, right)], [place, place], color=color, linewidth=3.5,
                      alpha=0.5, solid_capstyle="butt")  # fmt: skip
            for beyond, edge, arrow in ((low < left, left, "<"), (high > right, right, ">")):
                if beyond:
                    axes.plot(edge, place, arrow, color=color, markersize=7, clip_on=False)
        axes.plot(value, place, "D" if name == OVER_ALL else "o", color=color, markersize=8)
    axes.set_xlim(left, right)
    axes.set_yticks(range(len(rows)), [name for name, *_ in rows])
    for label in axes.get_yticklabels():
        label.set_color(INK)
    axes.set_ylim(max(1, len(rows)) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("PE (above 1: learns more per unit of compute)")
    return figure


def _limits(effects: Sequence[tuple[float, float | None, float | None]]) -> tuple[float, float]:
    """All values and 1, and intervals as far as they do not dwarf them."""
    values = [1.0, *(value for value, _, _ in effects)]
    room = max(ROOM * (max(values) - min(values)), LEAST_ROOM)
    lows = [max(low, min(values) - room) for _, low, _ in effects if low is not None]
    highs = [min(high, max(values) + room) for _, _, high in effects if high is not None]
    left, right = min([*values, *lows]), max([*values, *highs])
    margin = MARGIN * max(1.0, right - left)
    return left - margin, right + margin


def band_efficiency_figure(result: EvaluationResult) -> Any:
    """Practice Efficiency of the headline arm by band: a thin line for each domain, a thick one for all.

    Args:
        result: of an evaluation.
    """
    overall = band_efficiencies(result)
    place = {band: index for index, band in enumerate(overall)}
    figure = new_figure(PANEL, 3.2)
    axes = figure.subplots()
    axes.axhline(1, color=GRAY, linewidth=1, linestyle=":")
    shown: list[tuple[float, float | None, float | None]] = []
    for name, color in domain_colors(result).items():
        ours = result.result(name)
        points = [
            (place[int(band)], pe.value)
            for band, pe in ({} if ours is None else ours.bands).items()
            if pe.value is not None
        ]
        shown += [(value, None, None) for _, value in points]
        if points:
            axes.plot(*zip(*points, strict=True), color=color, linewidth=1.2, marker="o", markersize=3.5)
    for band, each in overall.items():
        if each.value is not None and each.low is not None and each.high is not None:
            axes.plot([place[band]] * 2, [each.low, each.high], color=OVER_ALL_COLOR, linewidth=3.5,
                      alpha=0.4, solid_capstyle="butt")  # fmt: skip
            shown.append((each.value, each.low, each.high))
    means = [(place[band], each.value) for band, each in overall.items() if each.value is not None]
    if means:
        axes.plot(*zip(*means, strict=True), color=OVER_ALL_COLOR, linewidth=2.4, marker="D", markersize=5)
    axes.set_ylim(*_limits(shown))
    _band_axis(axes, list(overall))
    axes.set_ylabel("PE")
    return figure


def band_score_figure(result: EvaluationResult, name: str) -> Any:
    """Final scores of every arm in each band of a domain.

    Args:
        result: of an evaluation.
        name: of the domain.
    """
    comparison = result.comparisons[name]
    figure = new_figure(0.63 * PANEL, 2.3)
    axes = figure.subplots()
    colors = arm_colors(list(comparison.runs))
    bands: list[int] = []
    for arm in comparison.runs:
        finals = band_finals(result, name, arm)
        bands = list(finals)
        line = (0, (4, 1.5)) if arm == comparison.reference else "-"
        axes.plot(range(len(bands)), list(finals.values()), color=colors[arm], linestyle=line, linewidth=1.8,
                  marker="o", markersize=3.5)  # fmt: skip
    axes.set_ylim(-0.03, 1.03)
    _band_axis(axes, bands)
    return figure


def _band_axis(axes: Any, bands: Sequence[int]) -> None:
    axes.set_xlim(-0.3, len(bands) - 0.7)
    axes.set_xticks(range(len(bands)), [band_name(band) for band in bands])
    axes.tick_params(axis="x", length=0)
    axes.grid(visible=False, axis="x")
