"""Picture of cells: what every arm gained, by family and band."""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.difficulty.bands import band_name
from etude_gym.report.comparison import Comparison
from etude_gym.report.figures import PANEL, RULE, arm_colors, new_figure


def cell_figure(comparison: Comparison, family: str) -> Any:
    """Gain of every arm in each band of one family, with its 95% interval over seeds.

    Args:
        comparison: what to draw.
        family: of its tasks.
    """
    figure = new_figure(PANEL, 3.0)
    axes = figure.subplots()
    colors = arm_colors(list(comparison.runs))
    own = {r.arm: [gain for gain in r.gains if gain.cell[0] == family] for r in comparison.arms}
    bands = [gain.cell[1] for gain in next(iter(own.values()))]
    dodge = 0.7 / len(own) * (np.arange(len(own)) - (len(own) - 1) / 2)
    for offset, (arm, gains) in zip(dodge, own.items(), strict=True):
        places = np.arange(len(bands)) + offset
        values = np.array([gain.gain for gain in gains])
        for place, gain in zip(places, gains, strict=True):
            if gain.half_width is not None:
                axes.plot([place, place], [gain.gain - gain.half_width, gain.gain + gain.half_width],
                          color=colors[arm], linewidth=2.2, alpha=0.45, solid_capstyle="butt")  # fmt: skip
        face = "none" if arm == comparison.reference else colors[arm]
        axes.plot(places, values, "o", color=colors[arm], markerfacecolor=face, markersize=4.5)
    low, high = gain_limits(comparison)
    axes.set_ylim(low, high)
    axes.axhline(0, color=RULE, linewidth=0.8)
    axes.set_xlim(-0.5, len(bands) - 0.5)
    axes.set_xticks(range(len(bands)), [band_name(band) for band in bands])
    axes.tick_params(axis="x", length=0)
    axes.grid(visible=False, axis="x")
    axes.set_ylabel("gain in anchor score")
    return figure


def gain_limits(comparison: Comparison) -> tuple[float, float]:
    """Limits of every axis of gains, so that families can be compared.

    Args:
        comparison: what is drawn.
    """
    ends = [
        gain.gain + side * (gain.half_width or 0.0)
        for result in comparison.arms
        for gain in result.gains
        for side in (-1, 1)
    ]
    return max(-1.05, min(-0.05, *ends)), min(1.05, max(0.2, 1.05 * max(ends)))
