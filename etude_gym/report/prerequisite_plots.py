"""The picture of a domain's map of skills: who needs what, and how each skill is learned."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from etude_gym.errors import MissingExtra
from etude_gym.measure.prerequisite_map import PrerequisiteMap
from etude_gym.measure.skill_profile import SkillStanding
from etude_gym.report.figures import (
    COLORS,
    GRAY,
    INK,
    PANEL,
    PAPER,
    drawing,
    new_figure,
    save_figure,
    set_title,
)

LONGEST_LINE = 22
"""Characters of a line in a label."""
LINE = 12.0
"""Points from one line of a label to the next."""
ROW = 0.58
"""Height in inches of the row of a skill."""
DASHED = (0, (4, 3))
FILLS = {"mastered": "full", "undecided": "left", "missing": "none"}
"""How the dot of a skill is filled."""


def draw_prerequisites(found: PrerequisiteMap, path: Path, made_by: str = "") -> None:
    """Draw the graph of skills and the curve of each.

    Args:
        found: the map.
        path: of the picture; its suffix (".png", ".svg") decides the format.
        made_by: the command that it comes from.

    Raises:
        MissingExtra: if matplotlib or networkx is not installed.
        ValueError: for a suffix that matplotlib does not know.
    """
    with drawing():
        figure = new_figure(11, max(3.2, 1.2 + ROW * len(found.curves)))
        graph, curves = figure.subplots(1, 2)
        _draw_graph(graph, found, COLORS)
        _draw_curves(curves, found)
        number = sum(pair.is_prerequisite for pair in found.pairs)
        set_title(
            graph,
            f"{found.env_id}: {number or 'no'} prerequisite{'' if number == 1 else 's'}",
            f"solid: prerequisite; dashed: difficulty order; {found.lineages} lineages",
        )
        save_figure(figure, path, made_by)


def map_figure(found: PrerequisiteMap, standings: Sequence[SkillStanding]) -> Any:
    """The graph of skills, and where a learner stands in it.

    Args:
        found: the map.
        standings: of the learner, in the order of the map's skills.

    Raises:
        MissingExtra: if networkx is not installed.
    """
    figure = new_figure(PANEL, 0.2 + ROW * len(found.curves))
    _draw_graph(figure.subplots(), found, [INK] * len(found.curves), standings)
    return figure


def easiest_first(found: PrerequisiteMap) -> list[int]:
    """Places of the skills, in the order in which they are drawn.

    Args:
        found: the map.
    """
    return sorted(range(len(found.curves)), key=lambda place: -found.curves[place].mean)


def _draw_graph(
    panel: Any, found: PrerequisiteMap, colors: Sequence[str], standings: Sequence[SkillStanding] = ()
) -> None:
    """Skills in a column, the easiest at the top, and an arrow beside it for each pair.

    So no label covers another or an arrow, whatever the graph. Solid arrows are prerequisites, dashed ones
    difficulty orders; what follows from others is left out.
    """
    rows = {place: row for row, place in enumerate(easiest_first(found))}
    for place, row in rows.items():
        fill = FILLS[standings[place].word] if standings else "full"
        panel.plot(0, row, "o", color=colors[place], fillstyle=fill, markersize=7,
                   markerfacecoloralt=PAPER, zorder=3)  # fmt: skip
        standing = f"{standings[place].word} ({standings[place].score.value:.2f})" if standings else ""
        _label(panel, row, found.curves[place].skill, standing)
    arrows = [(rows[first], rows[second], solid) for first, second, solid in _arrows(found)]
    for start, end, solid in arrows:
        leaving = _aside(end - start, [to - at for at, to, _ in arrows if at == start])
        arriving = _aside(end - start, [to - at for at, to, _ in arrows if to == end])
        _draw_arrow(panel, start + leaving, end - arriving, len(rows), solid)
    panel.set_xlim(-0.06, 1)
    panel.set_ylim(len(rows) - 0.4, -0.6)
    panel.axis("off")


def _label(panel: Any, row: int, name: str, standing: str) -> None:
    """The name of a skill before its dot, and below it where the learner stands."""
    lines = textwrap.wrap(name, LONGEST_LINE)
    above = LINE / 2 if standing else 0.0
    place = {"textcoords": "offset points", "ha": "right", "va": "center", "annotation_clip": False}
    panel.annotate("\n".join(lines), (0, row), (-9, above), color=INK, fontsize=10, **place)
    if standing:
        panel.annotate(standing, (0, row), (-9, -LINE * len(lines) / 2), color=GRAY, fontsize=9, **place)


def _aside(reach: int, reaches: Sequence[int]) -> float:
    """How far from its dot an arrow leaves or arrives, in rows, towards the other end: the shortest farthest.

    So the arrows of a dot neither touch nor cross there.
    """
    alike = sorted((abs(each) for each in reaches if each * reach > 0), reverse=True)
    aside = 0.08 + 0.22 * alike.index(abs(reach)) / max(1, len(alike) - 1)
    return aside if reach > 0 else -aside


def _draw_arrow(panel: Any, start: float, end: float, rows: int, solid: bool) -> None:
    """An arc from height to height that swings out the farther the longer it is."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path as Curve

    far = 0.1 + 1.15 * abs(end - start) / max(1, rows - 1)
    points = [(0.04, start), (far, start), (far, end), (0.04, end)]
    panel.add_patch(
        FancyArrowPatch(
            path=Curve(points, [Curve.MOVETO, *[Curve.CURVE4] * 3]),
            arrowstyle="-|>",
            mutation_scale=11 if solid else 8,
            color=INK if solid else GRAY,
            linewidth=1.8 if solid else 0.9,
            linestyle="-" if solid else DASHED,
            zorder=2 if solid else 1,
        )
    )


def _draw_curves(panel: Any, found: PrerequisiteMap) -> None:
    """Mean score of each skill at the checkpoints, in the color of its node."""
    steps = range(len(found.progress))
    for place, curve in enumerate(found.curves):
        panel.plot(steps, curve.scores, "o-", color=COLORS[place], markersize=3.5, label=curve.skill)
    panel.set_xticks(steps, [f"{share:.2g}" for share in found.progress], fontsize=8)
    panel.set_ylim(0, 1)
    panel.set_xlabel("training compute, share of the last checkpoint's")
    panel.set_ylabel("mean score")
    panel.grid(alpha=0.25)
    set_title(panel, "How each skill is learned", "mean over the lineages")
    panel.legend(fontsize=8, frameon=False, loc="upper left")


def _arrows(found: PrerequisiteMap) -> list[tuple[int, int, bool]]:
    """(first, second, whether it is a prerequisite) of the arrows, without those that follow from others."""
    prerequisites = _networkx().transitive_reduction(_graph(found, only_prerequisites=True))
    orders = _networkx().transitive_reduction(_graph(found))
    return [(*edge, True) for edge in prerequisites.edges] + [
        (*edge, False) for edge in orders.edges if edge not in prerequisites.edges
    ]


def _graph(found: PrerequisiteMap, *, only_prerequisites: bool = False) -> Any:
    """The pairs as a graph without cycles: a pair that would close one is left out."""
    library = _networkx()
    graph = library.DiGraph()
    graph.add_nodes_from(range(len(found.curves)))
    for pair in sorted(found.pairs, key=lambda pair: (not pair.is_prerequisite, pair.first, pair.second)):
        wanted = pair.is_prerequisite or not only_prerequisites
        if wanted and not library.has_path(graph, pair.second, pair.first):
            graph.add_edge(pair.first, pair.second)
    return graph


def _networkx() -> Any:
    try:
        import networkx
    except ImportError as error:
        raise MissingExtra("Drawing prerequisites", "report") from error
    return networkx
