"""The picture of a calibration: what the axes cost, and whether tasks are as hard as the curves say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from etude_gym.difficulty.calibration import Calibration
from etude_gym.difficulty.calibration_checks import FamilyChecks
from etude_gym.difficulty.curve import DifficultyCurve
from etude_gym.difficulty.monotone import curve_basis
from etude_gym.report.figures import COLORS, GRAY, drawing, new_figure, save_figure, set_title
from etude_gym.runs.calibrating import Calibrated

STEPS = np.linspace(0.0, 1.0, 51)
BINS = 12
MOST_ERROR = 1.5
"""Logits: common tasks whose own difficulty is less certain are not drawn."""


def draw_calibration(found: Calibrated, path: Path) -> None:
    """Draw a row of three pictures for each family.

    Args:
        found: a calibration with its checks.
        path: of the picture; its suffix (".png", ".svg") decides the format.

    Raises:
        MissingExtra: if matplotlib is not installed.
        ValueError: for a suffix that matplotlib does not know.
    """
    calibration, rows = found.calibration, len(found.fits)
    verdict = found.verdict if len(found.verdict) < 140 else f"{found.verdict[:137]}..."
    with drawing():
        figure = new_figure(11, 0.4 + 3.2 * rows)
        panels = figure.subplots(rows, 3, squeeze=False)
        for row, family, fit, checks in zip(
            panels, calibration.families, found.fits, found.checks, strict=True
        ):
            _draw_axes(row[0], family, fit.curve, calibration.axes)
            _draw_items(row[1], checks)
            _draw_predictions(row[2], checks)
        figure.suptitle(f"{calibration.domain}: {verdict}", fontsize=10, x=0.01, ha="left")
        save_figure(figure, path)


def draw_shipped(calibration: Calibration, path: Path, made_by: str = "") -> None:
    """Draw what a shipped calibration says: two pictures for each family.

    Args:
        calibration: as it stands beside the domain's module.
        path: of the picture; its suffix (".png", ".svg") decides the format.
        made_by: the command that it comes from.

    Raises:
        MissingExtra: if matplotlib is not installed.
        ValueError: for a suffix that matplotlib does not know.
    """
    rows = len(calibration.families)
    with drawing():
        figure = new_figure(8.6, 3.2 * rows)
        panels = figure.subplots(rows, 2, squeeze=False)
        for row, family, curve in zip(panels, calibration.families, calibration.curves, strict=True):
            _draw_axes(row[0], family, curve, calibration.axes)
            intervals = calibration.report.get("intervals", {}).get(family, {})
            _draw_axis_intervals(row[0], [intervals.get(name, (None, None)) for name in calibration.axes])
            _draw_scores(row[1], curve)
        save_figure(figure, path, made_by)


def _draw_axis_intervals(panel: Any, intervals: list[tuple[float | None, float | None]]) -> None:
    """95% intervals of what each axis costs in all, beside its end; none where an end is open."""
    for axis, (low, high) in enumerate(intervals):
        if low is not None and high is not None:
            panel.plot([1.03 + 0.025 * axis] * 2, [low, high], color=COLORS[axis % len(COLORS)], linewidth=2)


def _draw_scores(panel: Any, curve: DifficultyCurve) -> None:
    """Expected scores over difficulty for learners of three abilities, and where bands begin and end."""
    corners = np.array(list(np.ndindex(*(2,) * len(curve.coefficients))), dtype=np.float64)
    ends = curve.logits(corners)
    logits = np.linspace(float(ends.min()), float(ends.max()), 101)
    for sign, word, line in ((1, "above", "--"), (0, "mean ability", "-"), (-1, "below", ":")):
        label = word if sign == 0 else f"one standard deviation {word}"
        scores = curve.expected(np.array(sign * curve.ability_deviation), logits)
        panel.plot(logits, scores, color=COLORS[1], linestyle=line, label=label)
    for edge in curve.edges:
        panel.axvline(edge, color=GRAY, linewidth=0.8, linestyle=(0, (1, 2)))
    panel.set_ylim(0, 1)
    panel.set_xlabel("calibrated difficulty, logits")
    panel.set_ylabel("expected score")
    panel.legend(fontsize=8)
    set_title(panel, "Scores", "learners of the panel; vertical lines: edges of bands")


def _draw_axes(panel: Any, family: str, curve: DifficultyCurve, names: tuple[str, ...]) -> None:
    """Logits that each axis costs by itself."""
    costs = curve_basis(STEPS) @ np.array(curve.coefficients).T
    for axis, name in enumerate(names):
        panel.plot(STEPS, costs[:, axis], color=COLORS[axis % len(COLORS)], label=name)
    panel.set_xlabel("axis")
    panel.set_ylabel("logits")
    panel.legend(fontsize=8)
    set_title(panel, family, "what each axis costs")


def _draw_items(panel: Any, checks: FamilyChecks) -> None:
    """Common tasks: their difficulty by the curve, and the one that answers to each alone give.

    Tasks that nobody solves, or everybody, have none of their own and are left out.
    """
    shift = np.average(checks.free - checks.calibrated, weights=checks.errors**-2.0)
    known = checks.errors < MOST_ERROR
    free, errors = (checks.free - shift)[known], checks.errors[known]
    panel.errorbar(
        checks.calibrated[known], free, errors, fmt=".", color=COLORS[0], ecolor=GRAY, linewidth=0.5
    )
    ends = [checks.calibrated.min(), checks.calibrated.max()]
    panel.plot(ends, ends, color=GRAY, linestyle="--")
    panel.set_xlabel("calibrated, logits")
    panel.set_ylabel("free, logits")
    set_title(panel, "Common tasks", "difficulty found free against calibrated")


def _draw_predictions(panel: Any, checks: FamilyChecks) -> None:
    """Mean scores against predictions for kinds of learners that the curve had not seen."""
    panel.plot([0, 1], [0, 1], color=GRAY, linestyle="--")
    if len(checks.expected):
        order = np.argsort(checks.expected)
        bins = np.array_split(order, min(BINS, len(order)))
        panel.plot(
            [checks.expected[each].mean() for each in bins],
            [checks.scores[each].mean() for each in bins],
            "o-",
            color=COLORS[0],
        )
    panel.set_xlabel("expected score")
    panel.set_ylabel("mean score")
    set_title(panel, "Predictions", "for kinds of learners left out")
