"""Section of a report on skills: the map of a domain, who has come how far in it, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import gymnasium
import numpy as np

from etude_gym.measure.checkpoints import checkpoint_grid
from etude_gym.measure.prerequisite_map import PrerequisiteMap
from etude_gym.measure.skill_profile import SkillProfile
from etude_gym.report.comparison import Comparison
from etude_gym.report.figures import arm_colors
from etude_gym.report.parts import Block, Chart, Grid, Section
from etude_gym.report.prerequisite_plots import easiest_first, map_figure
from etude_gym.report.prerequisite_tables import pair_table
from etude_gym.report.skill_plots import skill_figure
from etude_gym.report.skill_tables import CROSSED_NOTES, NOTES, without_prerequisites
from etude_gym.report.tables import UNKNOWN
from etude_gym.runs.profiling import RunProfile


def skill_section(comparison: Comparison) -> Section | None:
    """Skills of the domain; None where it declares none, or runs hold no answers.

    Args:
        comparison: of finished runs.
    """
    try:
        found = comparison.profiles
    except (ValueError, gymnasium.error.Error):
        return None  # the section of profiles says why
    leader = max(comparison.arms, key=lambda result: result.efficiency.area_agent).arm
    if found[leader].skills is None:
        return None
    shipped = found[leader].map
    blocks = [
        *((_map_block(shipped, found[leader], leader),) if shipped is not None and shipped.pairs else ()),
        _curve_block(found, comparison),
        Block("At the last checkpoint", tables=(_standing_grid(found), *_crossed_grids(found))),
    ]
    known = () if found[leader].crossed else (without_prerequisites(shipped),)
    return Section(
        "skills",
        "Skills",
        (
            "A skill is a named part of the domain's tasks.",
            f"{leader} {_sentence(found[leader])}",
            *known,
        ),
        tuple(blocks),
        (NOTES, *((CROSSED_NOTES,) if found[leader].crossed else ())),
    )


def _sentence(found: RunProfile) -> str:
    """How far an agent has come."""
    mastered, missing = (
        [each.skill for each in found.standings if each.word == word] for word in ("mastered", "missing")
    )
    said = f"has mastered {len(mastered)} of {len(found.standings)} skills"
    said += f": {', '.join(mastered)}." if mastered else "."
    return f"{said} It lacks {', '.join(missing)}." if missing else said


def _map_block(shipped: PrerequisiteMap, found: RunProfile, leader: str) -> Block:
    """The map of the domain as a picture and as a table."""
    chart = Chart(
        map_figure(shipped, found.standings),
        "The map",
        "Skills, the easiest for a panel of learners at the top. Solid arrows lead from a prerequisite to "
        "what needs it, dashed ones are difficulty orders. Filled dots are skills that "
        f"{leader} has mastered, empty ones are missing, half filled ones undecided; in brackets its score.",
    )
    title = f"Pairs of skills, found in a panel of {shipped.lineages} lineages"
    return Block("", (chart,), (Grid.of(title, pair_table(shipped), words=3),))


def _curve_block(found: Mapping[str, RunProfile], comparison: Comparison) -> Block:
    """A small picture of each skill, in the order of the map."""
    colors = arm_colors(list(comparison.runs))
    first = next(iter(found.values()))
    names = [each.skill for each in first.standings]
    order = range(len(names)) if first.map is None else easiest_first(first.map)
    text = (
        "Score of each skill over compute, doubled from mark to mark; 1 is the horizon. A skill can be "
        "mastered above the dotted line."
    )
    charts = tuple(
        Chart(skill_figure(_skills(found), place, comparison.horizon, colors), names[place], text)
        for place in order
    )
    return Block(
        "How each skill was learned",
        charts,
        (_curve_grid(found, comparison.horizon, order),),
        tuple(colors.items()),
        small=True,
        folded="Table",
    )


def _curve_grid(found: Mapping[str, RunProfile], horizon: float, order: Sequence[int]) -> Grid:
    """The figures of the curves: a row for each skill of each arm."""
    grid = np.array(checkpoint_grid(horizon))
    rows = tuple(
        (arm, skills.skills[place], *map(_score, np.interp(grid, skills.compute, skills.scores[:, place])))
        for arm, skills in _skills(found).items()
        for place in order
    )
    shares = ("0", *(f"1/{round(horizon / at)}" for at in grid[1:-1]), "1")
    return Grid("Score of each skill at shares of the horizon", ("arm", "skill", *shares), rows, words=2)


def _standing_grid(found: Mapping[str, RunProfile]) -> Grid:
    """Where each arm stands in each skill."""
    rows = tuple(
        (arm, *(f"{_score(each.score.value)} {each.word}" for each in profile.standings))
        for arm, profile in found.items()
    )
    names = tuple(each.skill for each in next(iter(found.values())).standings)
    return Grid("Skills", ("arm", *names), rows)


def _crossed_grids(found: Mapping[str, RunProfile]) -> tuple[Grid, ...]:
    """Which prerequisites each arm has crossed; nothing where none are known."""
    pairs = next(iter(found.values())).crossed
    if not pairs:
        return ()
    columns = tuple(f"{first}, for {second}" for first, second, _ in pairs)
    rows = tuple((arm, *(word for *_, word in profile.crossed)) for arm, profile in found.items())
    return (Grid("Prerequisites crossed", ("arm", *columns), rows),)


def _skills(found: Mapping[str, RunProfile]) -> dict[str, SkillProfile]:
    return {arm: each.skills for arm, each in found.items() if each.skills is not None}


def _score(value: float) -> str:
    return UNKNOWN if np.isnan(value) else f"{value:.2f}"
