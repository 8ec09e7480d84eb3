"""The picture of a profile: scores along the axes, over pairs of them, and by family and band."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from etude_gym.difficulty.bands import band_name
from etude_gym.measure.score_surface import LEVELS, AxisProfile, Contour
from etude_gym.report.figures import COLORS, GRAY, drawing, new_figure, printable, save_figure, set_title
from etude_gym.report.profile_tables import heading
from etude_gym.runs.profiling import RunProfile

MOST_CONTOURS = 6
COLUMNS = 3
STEPS = np.linspace(0.0, 1.0, 11)


def draw_profile(found: RunProfile, path: Path) -> None:
    """Draw the profile: all families in the first row, contours of their mean below.

    Args:
        found: the profile of an agent.
        path: of the picture; its suffix (".png", ".svg") decides the format.

    Raises:
        MissingExtra: if matplotlib is not installed.
        ValueError: for a suffix that matplotlib does not know.
    """
    profile, families = found.profile, found.space.families
    group = None if len(families) > 1 else families[0]
    weakest = [axis.axis for axis in profile.weakest_axes(group)]
    contours = [contour for contour in profile.contours if contour.family == group]
    contours.sort(key=lambda contour: sum(map(weakest.index, contour.axes)))
    contours = contours[:MOST_CONTOURS]
    axis_rows = math.ceil((len(weakest) + 1) / COLUMNS)
    rows = axis_rows + math.ceil(len(contours) / COLUMNS)
    with drawing():
        figure = new_figure(11, 3.1 * rows)
        grid = figure.add_gridspec(rows, COLUMNS)
        for place, axis in enumerate(weakest):
            panel = figure.add_subplot(grid[divmod(place, COLUMNS)])
            _draw_axis(panel, [each for each in profile.axes if each.axis == axis], group is None)
        _draw_cells(figure.add_subplot(grid[divmod(len(weakest), COLUMNS)]), found)
        for place, contour in enumerate(contours, start=axis_rows * COLUMNS):
            _draw_contour(figure.add_subplot(grid[divmod(place, COLUMNS)]), contour)
        figure.suptitle(printable(heading(found)), fontsize=10, x=0.01, ha="left")
        save_figure(figure, path)


def _draw_axis(panel: Any, profiles: list[AxisProfile], several: bool) -> None:
    """The score along one axis, a line for each family, the mean of all in black."""
    for place, each in enumerate(profiles):
        color = COLORS[place]
        scores = [estimate.value for estimate in each.averaged]
        panel.plot(LEVELS, scores, color=color, linewidth=2.2 if each.family is None else 1.5,
                   label=each.family or "all")  # fmt: skip
        if each.family is None or not several:
            ends = [[getattr(estimate, end) for estimate in each.averaged] for end in ("low", "high")]
            panel.fill_between(LEVELS, *ends, color=color, alpha=0.2, linewidth=0)
    panel.axhline(0.5, color=GRAY, linewidth=0.8, linestyle=":")
    panel.set_xlim(0, 1)
    panel.set_ylim(0, 1)
    panel.set_xlabel(profiles[0].axis)
    panel.set_ylabel("score")
    drop = profiles[0].drop
    set_title(
        panel,
        f"{profiles[0].axis}: falls by {drop.value:.2f}",
        f"95% interval {drop.low:.2f} to {drop.high:.2f}",
    )
    if several:
        panel.legend(fontsize=7, frameon=False, loc="lower left")


def _draw_cells(panel: Any, found: RunProfile) -> None:
    """The score of each band with its interval, the families side by side."""
    bands, families = found.config.bands, found.space.families
    first = 1 if len(families) > 1 else 0  # the color of the mean of all is not that of a family
    for place, family in enumerate(families):
        cells = [cell.score for cell in found.profile.cells if cell.family == family]
        x = np.arange(len(bands)) + 0.12 * (place - (len(families) - 1) / 2)
        panel.vlines(
            x, [c.low for c in cells], [c.high for c in cells], color=COLORS[place + first], linewidth=2
        )
        panel.plot(x, [c.value for c in cells], "o", color=COLORS[place + first], markersize=5)
    panel.set_xticks(range(len(bands)), [band_name(band) for band in bands], fontsize=8)
    panel.set_ylim(0, 1)
    panel.set_ylabel("score")
    panel.grid(visible=False, axis="x")
    set_title(panel, "By band of difficulty", "95% bootstrap intervals")


def _draw_contour(panel: Any, contour: Contour) -> None:
    """The score over two axes; the frontier as a thick line."""
    scores = np.array(contour.scores).T
    filled = panel.contourf(LEVELS, LEVELS, scores, levels=STEPS, cmap="cividis")
    panel.contour(LEVELS, LEVELS, scores, levels=[0.5], colors="white", linewidths=2.5)
    panel.figure.colorbar(filled, ax=panel, ticks=[0, 0.5, 1])
    first, second = contour.axes
    panel.set_xlabel(first)
    panel.set_ylabel(second)
    set_title(panel, f"{first} and {second}", "white: score 0.5")
