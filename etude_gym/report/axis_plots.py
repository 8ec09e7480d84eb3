"""Pictures of profiles beside each other: scores along the axes of difficulty, and frontiers over pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from etude_gym.measure.score_surface import HALF, LEVELS, AxisProfile, Contour
from etude_gym.report.figures import GRAY, INK, PANEL, new_figure

THIN = (0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9)
"""Scores whose lines are thin, beside the frontier."""


def axis_figure(profiles: Mapping[str, AxisProfile], colors: Mapping[str, str]) -> Any:
    """The score of several agents along one axis, with 95% intervals.

    Args:
        profiles: along this axis, by arm.
        colors: by arm.
    """
    figure = new_figure(0.63 * PANEL, 2.3)
    axes = figure.subplots()
    for arm, each in profiles.items():
        low, value, high = (
            [getattr(estimate, end) for estimate in each.averaged] for end in ("low", "value", "high")
        )
        axes.plot(LEVELS, value, color=colors[arm], linewidth=1.8)
        axes.fill_between(LEVELS, low, high, color=colors[arm], alpha=0.12, linewidth=0)
    axes.axhline(HALF, color=GRAY, linewidth=0.8, linestyle=":")
    axes.set_xlim(0, 1)
    axes.set_ylim(min(0.0, *(e.low for p in profiles.values() for e in p.averaged)), 1)
    return figure


def frontier_figure(contours: Mapping[str, Contour], leader: str, colors: Mapping[str, str]) -> Any:
    """Where the scores of several agents fall to one half, over two axes; all scores of one of them.

    Where they are so even that there is no line to draw, words say it.

    Args:
        contours: over these axes, by arm.
        leader: the arm whose other scores are drawn too, as thin lines.
        colors: by arm.
    """
    figure = new_figure(0.63 * PANEL, 2.5)
    axes = figure.subplots()
    surfaces = {arm: np.array(contour.scores).T for arm, contour in contours.items()}
    scores = surfaces[leader]
    lowest, highest = scores.min(), scores.max()
    thin = [level for level in THIN if lowest < level < highest]
    crossing = [arm for arm, surface in surfaces.items() if surface.min() < HALF < surface.max()]
    if thin:
        lines = axes.contour(LEVELS, LEVELS, scores, levels=thin, colors=[colors[leader]], linewidths=0.7,
                             alpha=0.7)  # fmt: skip
        for label in axes.clabel(lines, fontsize=7.5, colors=[INK], fmt="%.1f"):
            label.set_clip_on(False)  # one at the edge would lose a digit
    elif not crossing:
        words = f"{lowest:.2f} to {highest:.2f}\neverywhere"
        axes.text(0.5, 0.5, words, ha="center", va="center", fontsize=9, color=GRAY)
    for arm in crossing:
        axes.contour(LEVELS, LEVELS, surfaces[arm], levels=[HALF], colors=[colors[arm]], linewidths=2.4)
    first, second = contours[leader].axes
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel(first)
    axes.set_ylabel(second)
    axes.grid(visible=False)
    return figure
