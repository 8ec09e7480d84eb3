"""Section of a report on what agents are weak at, and what to practice next."""

from __future__ import annotations

from collections.abc import Mapping

import gymnasium

from etude_gym.report.axis_plots import axis_figure, frontier_figure
from etude_gym.report.comparison import Comparison
from etude_gym.report.figures import arm_colors
from etude_gym.report.parts import Block, Chart, Grid, Section
from etude_gym.report.profile_tables import NEXT_NOTES, NOTES, axis_table, region_table, sentences
from etude_gym.runs.profiling import RunProfile


def profile_section(comparison: Comparison) -> Section:
    """Scores along the axes of difficulty and over pairs of them, and what is worth most practice.

    Args:
        comparison: of finished runs; where they hold no answers, the section says so.
    """
    try:
        found = comparison.profiles
    except (ValueError, gymnasium.error.Error) as error:
        return Section("profile", "What is weak", (f"No profile of the agents can be shown: {error}",))
    leader = max(comparison.arms, key=lambda result: result.efficiency.area_agent).arm
    colors = arm_colors(list(comparison.runs))
    said = " ".join(line.strip() for line in sentences(found[leader]))
    return Section(
        "profile",
        "What is weak, and what to practice next",
        ("How scores fall along the axes of difficulty, at the last checkpoint.", f"{leader}: {said}"),
        (
            _axis_block(found, leader, colors),
            *((_frontier_block(found, leader, colors),) if found[leader].profile.contours else ()),
            Block("Practice next", tables=(_next_grid(found),)),
        ),
        (NOTES, NEXT_NOTES),
        (found[leader].command(found[leader].profile.next[0].region),),
    )


def _group(found: RunProfile) -> str | None:
    """Whose scores are drawn: those of the only family, or the mean of all."""
    return found.space.families[0] if len(found.space.families) == 1 else None


def _axis_block(found: Mapping[str, RunProfile], leader: str, colors: Mapping[str, str]) -> Block:
    """A picture of each axis, the one along which the leader falls most first."""
    charts = []
    for weakest in found[leader].profile.weakest_axes(_group(found[leader])):
        own = {
            arm: each
            for arm, profile in found.items()
            for each in profile.profile.axes
            if each.axis == weakest.axis and each.family == weakest.family
        }
        text = "Score at each level of an axis, the mean over the others; bands are 95% intervals."
        charts.append(Chart(axis_figure(own, colors), weakest.axis, text))
    rows = [(arm, *row) for arm, profile in found.items() for row in Grid.of("", axis_table(profile)).rows]
    columns = Grid.of("", axis_table(found[leader])).columns
    table = Grid("Scores at levels of each axis", ("arm", *columns), tuple(rows), words=len(columns) - 6)
    return Block("Along the axes", tuple(charts), (table,), tuple(colors.items()), small=True, folded="Table")


def _frontier_block(found: Mapping[str, RunProfile], leader: str, colors: Mapping[str, str]) -> Block:
    """A picture of each pair of axes."""
    charts = []
    for contour in found[leader].profile.contours:
        if contour.family == _group(found[leader]):
            own = {
                arm: each
                for arm, profile in found.items()
                for each in profile.profile.contours
                if each.axes == contour.axes and each.family == contour.family
            }
            text = f"Thick lines are frontiers, where scores fall to 0.5; thin ones other scores of {leader}."
            title = f"{contour.axes[0]} and {contour.axes[1]}"
            charts.append(Chart(frontier_figure(own, leader, colors), title, text))
    table = _corner_grid(found[leader], leader)
    return Block("Over pairs of axes", tuple(charts), (table,), small=True, folded="Table")


def _corner_grid(found: RunProfile, leader: str) -> Grid:
    """The scores of one arm where two axes are at their ends."""
    rows = tuple(
        (*contour.axes, *(f"{contour.scores[first][second]:.2f}" for first in (0, -1) for second in (0, -1)))
        for contour in found.profile.contours
        if contour.family == _group(found)
    )
    columns = ("first axis", "second axis", "0 and 0", "0 and 1", "1 and 0", "1 and 1")
    return Grid(f"Scores of {leader} where both axes are at their ends", columns, rows, words=2)


def _next_grid(found: Mapping[str, RunProfile]) -> Grid:
    """The best region of every arm."""
    tables = {arm: Grid.of("", region_table(profile)) for arm, profile in found.items()}
    columns = next(iter(tables.values())).columns
    rows = tuple((arm, *table.rows[0]) for arm, table in tables.items())
    return Grid(
        "Where practice is predicted to raise the anchor score most", ("arm", *columns), rows, words=2
    )
