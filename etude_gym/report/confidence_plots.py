"""Pictures of stated confidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from etude_gym.measure.confidence import NUM_BINS, Reliability
from etude_gym.report.comparison import Comparison
from etude_gym.report.figures import (
    GRAY,
    INK,
    PANEL,
    PAPER,
    arm_colors,
    drawing,
    new_figure,
    save_figure,
    set_title,
    short,
)


def draw_confidence(comparison: Comparison, path: Path) -> None:
    """Draw the reliability diagram at the last checkpoint, the distribution of confidence, and Brier scores.

    Args:
        comparison: what to draw; at least one arm stated confidence.
        path: of the picture; its suffix (".png", ".svg") decides the format.

    Raises:
        MissingExtra: if matplotlib is not installed.
        ValueError: if no arm stated confidence, or for a suffix that matplotlib does not know.
    """
    reliabilities = comparison.reliabilities
    if not reliabilities:
        raise ValueError(f"{comparison.env_id} asks for no confidence: there is nothing to draw.")
    with drawing():
        figure = new_figure(12, 5)
        grid = figure.add_gridspec(2, 2, width_ratios=(1.5, 1), height_ratios=(3.2, 1))
        reliability, brier = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[:, 1])
        counts = figure.add_subplot(grid[1, 0], sharex=reliability)
        _draw_reliability(reliability, counts, comparison)
        seeds = f"{comparison.seed_count} pooled" if len(comparison.seeds) > 1 else comparison.seed_count
        set_title(reliability, "Confidence", f"{comparison.title}; last checkpoint, "
                  f"{seeds}; larger dots: more answers")  # fmt: skip
        _draw_brier(brier, comparison, notes=True)
        small = "; small dots: seeds" if len(comparison.seeds) > 1 else ""
        set_title(brier, "Brier score", f"bar: of stating the share correct throughout{small}")
        save_figure(figure, path)


def reliability_figure(comparison: Comparison) -> Any:
    """The reliability diagram at the last checkpoint and the distribution of confidence, one panel.

    Args:
        comparison: what to draw; at least one arm stated confidence.
    """
    figure = new_figure(PANEL, 4.4)
    reliability, counts = figure.subplots(2, 1, height_ratios=(3.2, 1), sharex=True)
    _draw_reliability(reliability, counts, comparison)
    return figure


def brier_figure(comparison: Comparison) -> Any:
    """Brier scores of all arms that stated confidence, one panel, without the numbers.

    Args:
        comparison: what to draw; at least one arm stated confidence.
    """
    figure = new_figure(PANEL, 0.7 + 0.3 * len(comparison.reliabilities))
    _draw_brier(figure.subplots(), comparison, notes=False)
    return figure


def _draw_reliability(axes: Any, counts: Any, comparison: Comparison) -> None:
    """Share of answers that were right against the confidence stated, one line for each arm; counts below."""
    reliabilities, colors = comparison.reliabilities, arm_colors(list(comparison.runs))
    axes.plot([0, 1], [0, 1], color=GRAY, linewidth=1, linestyle=":")
    for text, place, align in (("says less than it knows", (0.02, 0.93), "left"),
                               ("says more than it knows", (0.98, 0.04), "right")):  # fmt: skip
        axes.text(*place, text, ha=align, fontsize=9, color=GRAY)
    most = max(each.count for reliability in reliabilities.values() for each in reliability.bins)
    for arm, reliability in reliabilities.items():
        filled = [each for each in reliability.bins if each.count]
        stated, right = [each.confidence for each in filled], [each.correct for each in filled]
        line = (0, (4, 1.5)) if arm == comparison.reference else "-"
        axes.plot(stated, right, color=colors[arm], linewidth=1.8, linestyle=line, alpha=0.75, zorder=3)
        axes.scatter(stated, right, s=[12 + 130 * each.count / most for each in filled], color=colors[arm],
                     edgecolors=PAPER, linewidths=0.7, clip_on=False, zorder=4)  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.tick_params(axis="x", labelbottom=False)
    axes.set_ylabel("share of answers correct")
    _draw_counts(counts, reliabilities, colors)


def _draw_counts(axes: Any, reliabilities: dict[str, Reliability], colors: dict[str, str]) -> None:
    """Which confidence was stated how often: bars side by side in every bin."""
    width = 0.84 / NUM_BINS / len(reliabilities)
    for place, (arm, reliability) in enumerate(reliabilities.items()):
        shares = np.array([each.count for each in reliability.bins]) / max(1, reliability.answered)
        left = (np.arange(NUM_BINS) + 0.08) / NUM_BINS + place * width
        axes.bar(left, shares, width, align="edge", color=colors[arm])
    ticks = np.arange(0, NUM_BINS + 1, 2) / NUM_BINS
    axes.set_xticks(ticks)
    axes.set_xlabel("stated confidence (probability that the answer is right)")
    axes.set_ylabel("share of\nanswers")
    axes.grid(visible=False, axis="x")


def _draw_brier(axes: Any, comparison: Comparison, notes: bool) -> None:
    """One row for each arm: its Brier score, those of its seeds, and the one of its base rate."""
    reliabilities, colors = comparison.reliabilities, arm_colors(list(comparison.runs))
    shown: list[float] = []
    for row, (arm, reliability) in enumerate(reliabilities.items()):
        color, brier, base = colors[arm], reliability.brier, reliability.base_rate_brier
        note = "no answers"
        if brier is not None and base is not None:
            seeds = [run.reliability.brier for run in comparison.runs[arm]
                     if run.reliability is not None and run.reliability.brier is not None]  # fmt: skip
            shown += [brier, base, *seeds]
            axes.plot([brier, base], [row, row], color=color, linewidth=1.2, alpha=0.6)
            axes.plot(base, row, "|", color=color, markersize=16, markeredgewidth=2)
            if len(seeds) > 1:
                axes.plot(seeds, [row + 0.035 * len(reliabilities)] * len(seeds), "o", color=color,
                          markersize=3.5, alpha=0.5, markeredgewidth=0)  # fmt: skip
            axes.plot(brier, row, "o", color=color, markersize=8)
            skill = reliability.skill
            note = f"{brier:.3f}" + ("" if skill is None else f"  skill {skill:+z.2f}")
        if notes:
            axes.text(1.02, row, note, transform=axes.get_yaxis_transform(), va="center")
    low, high = (min(shown), max(shown)) if shown else (0.0, 1.0)
    margin = 0.06 * (high - low) + 0.005
    axes.set_xlim(low - margin, high + margin)
    axes.set_yticks(range(len(reliabilities)), [short(arm) for arm in reliabilities])
    for label in axes.get_yticklabels():
        label.set_color(INK)
    axes.set_ylim(len(reliabilities) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("Brier score (lower is better; 0: always sure and right)")
