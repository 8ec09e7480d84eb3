"""The picture of a comparison: learning curves over compute, and Practice Efficiency by arm."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from etude_gym.comparison import Comparison, LoadedRun
from etude_gym.errors import MissingExtra
from etude_gym.run import write_atomically

COLORS = ("#333333", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
"""Colors that people with any color vision tell apart (Okabe and Ito 2008); the reference is gray."""


def draw_comparison(comparison: Comparison, path: Path) -> None:
    """Draw learning curves (mean and 95% interval over seeds) and Practice Efficiency.

    Args:
        comparison: what to draw.
        path: where to; the suffix (".png", ".svg") decides the format.

    Raises:
        MissingExtra: if matplotlib is not installed.
        ValueError: for a suffix that matplotlib does not know.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("Drawing a comparison", "report") from error
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    curves, bars = figure.subplots(1, 2, width_ratios=(1.7, 1))
    for color, (arm, runs) in zip(COLORS, comparison.runs.items(), strict=False):
        _draw_curve(curves, arm, runs, color, comparison)
    _label_curves(curves, comparison)
    _draw_efficiencies(bars, comparison)
    content = io.BytesIO()
    figure.savefig(content, format=path.suffix.lstrip(".") or "png", dpi=150)
    write_atomically(path, content.getvalue())


def _draw_curve(axes: Any, arm: str, runs: Sequence[LoadedRun], color: str, comparison: Comparison) -> None:
    compute = np.mean([run.curve.compute for run in runs], axis=0) / comparison.horizon
    scores = np.array([run.curve.mean for run in runs])
    mean = scores.mean(axis=0)
    is_reference = arm == comparison.reference
    label = f"{arm} (reference)" if is_reference else arm
    axes.plot(compute, mean, color=color, label=label, linewidth=2, marker="o", markersize=4,
              linestyle="--" if is_reference else "-")  # fmt: skip
    if len(runs) > 1:
        half = stats.t.ppf(0.975, len(runs) - 1) * scores.std(axis=0, ddof=1) / np.sqrt(len(runs))
        axes.fill_between(compute, mean - half, mean + half, color=color, alpha=0.13, linewidth=0)


def _label_curves(axes: Any, comparison: Comparison) -> None:
    axes.set_xlabel(f"training compute (1 = horizon = {comparison.horizon:.2e} FLOPs)")
    axes.set_ylabel("anchor score, chance-corrected")
    axes.set_title(f"{comparison.env_id}: learning curves of {comparison.agent}", fontsize=11)
    axes.set_ylim(0, 1)
    axes.set_xlim(0, 1)
    axes.grid(alpha=0.25)
    note = f"{len(comparison.seeds)} seeds, shaded: 95% interval"
    axes.legend(loc="lower right", fontsize=9, frameon=False, title=note, title_fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_efficiencies(axes: Any, comparison: Comparison) -> None:
    """One row for each arm: PE as a point, its 95% interval as a line."""
    lows, highs = [1.0], [1.0]
    for row, (result, color) in enumerate(zip(comparison.arms, COLORS, strict=False)):
        pe = result.efficiency
        if pe.value is None:
            axes.text(1.0, row, " undefined", va="center", fontsize=9)
            continue
        if pe.low is not None and pe.high is not None:
            axes.plot([pe.low, pe.high], [row, row], color=color, linewidth=3, alpha=0.5)
            lows.append(pe.low)
            highs.append(pe.high)
        axes.plot(pe.value, row, "o", color=color, markersize=8)
        axes.annotate(f"{pe.value:.2f}", (pe.value, row), xytext=(0, 9), textcoords="offset points",
                      ha="center", fontsize=9)  # fmt: skip
    axes.axvline(1.0, color="#888888", linewidth=1, linestyle=":")
    margin = 0.08 * (max(highs) - min(lows)) + 0.02
    axes.set_xlim(max(0.0, min(lows) - margin), max(highs) + margin)
    axes.set_yticks(range(len(comparison.arms)), [result.arm for result in comparison.arms])
    axes.invert_yaxis()
    axes.margins(y=0.15)
    axes.set_xlabel("Practice Efficiency (above 1: learns more per unit of compute)")
    ceiling = comparison.arms[0].efficiency.ceiling
    axes.set_title(f"ceiling {ceiling:.2f}" if ceiling else "", fontsize=9, loc="right", color="#666666")
    axes.grid(axis="x", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
