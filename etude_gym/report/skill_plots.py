"""Picture of one skill: how several agents came to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from etude_gym.measure.mastery import MASTERED
from etude_gym.measure.skill_profile import SkillProfile
from etude_gym.report.curve_plots import log_places, set_compute_axis
from etude_gym.report.figures import GRAY, PANEL, new_figure


def skill_figure(
    profiles: Mapping[str, SkillProfile], skill: int, horizon: float, colors: Mapping[str, str]
) -> Any:
    """The score of a skill over compute, on a log axis, a curve for each agent.

    Args:
        profiles: of the agents, by arm.
        skill: place of the skill among those of the domain.
        horizon: compute that the axis is in.
        colors: by arm.
    """
    figure = new_figure(0.63 * PANEL, 1.9)
    axes = figure.subplots()
    axes.axhline(MASTERED, color=GRAY, linewidth=0.8, linestyle=":")
    for arm, profile in profiles.items():
        axes.plot(log_places(profile.compute / horizon), profile.scores[:, skill], color=colors[arm],
                  linewidth=1.8, marker="o", markersize=3, markeredgewidth=0, clip_on=False)  # fmt: skip
    set_compute_axis(axes, "log")
    axes.set_ylim(0, 1)
    return figure
