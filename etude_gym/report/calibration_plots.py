"""The picture of a calibration: what the axes cost, and whether tasks are as hard as the curves say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

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
