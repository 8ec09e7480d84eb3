"""The picture of a domain's map of skills: who needs what, and how each skill is learned."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from etude_gym.errors import MissingExtra
from etude_gym.measure.prerequisite_map import PrerequisiteMap
from etude_gym.report.figures import COLORS, GRAY, drawing, new_figure, save_figure, set_title

LONGEST_LINE = 22
"""Characters of a line in a label."""


def draw_prerequisites(found: PrerequisiteMap, path: Path) -> None:
    """Draw the graph of skills and the curve of each.

    Skills stand from the easiest at the top to the hardest, one to a row, so that no label covers another.
    Solid arrows are prerequisites, dashed ones difficulty orders; what follows from others is left out.

    Args:
        found: the map.
        path: of the picture; its suffix (".png", ".svg") decides the format.

    Raises:
        MissingExtra: if matplotlib or networkx is not installed.
        ValueError: for a suffix that matplotlib does not know.
    """
    with drawing():
        figure = new_figure(12, 1.6 + 0.62 * len(found.curves))
        graph, curves = figure.subplots(1, 2, width_ratios=(1.25, 1))
        _draw_graph(graph, found)
        _draw_curves(curves, found)
        save_figure(figure, path)


def _draw_graph(panel: Any, found: PrerequisiteMap) -> None:
    places, arrows = _places(found), _arrows(found)
    labels = [
        panel.text(
            *places[place],
            "\n".join(textwrap.wrap(curve.skill, LONGEST_LINE)),
            ha="center",
            va="center",
            fontsize=9,
            bbox={
                "boxstyle": "round,pad=0.35",
                "facecolor": "white",
                "edgecolor": COLORS[place],
                "linewidth": 1.8,
            },
        )
        for place, curve in enumerate(found.curves)
    ]
    for first, second, solid in arrows:
        panel.annotate(
            "",
            xy=places[second],
            xytext=places[first],
            zorder=2,
            arrowprops={
                "arrowstyle": "-|>",
                "color": "black" if solid else GRAY,
                "linewidth": 1.8 if solid else 0.9,
                "linestyle": "-" if solid else (0, (4, 3)),
                "patchA": labels[first].get_bbox_patch(),
                "patchB": labels[second].get_bbox_patch(),
                "shrinkA": 1,
                "shrinkB": 3,
                "connectionstyle": "arc3,rad=0.12",
            },
        )
    panel.set_xlim(-0.75, max(x for x, _ in places) + 0.75)
    panel.set_ylim(-len(places) + 0.4, 0.6)
    panel.axis("off")
    number = sum(solid for *_, solid in arrows)
    set_title(
        panel,
        f"{found.env_id}: {number or 'no'} prerequisite{'' if number == 1 else 's'}",
        f"solid: prerequisite; dashed: difficulty order; easiest at the top; {found.lineages} lineages",
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


def _places(found: PrerequisiteMap) -> list[tuple[float, float]]:
    """Where each skill stands: a row of its own by mean score, a column by how many come before it."""
    graph = _graph(found)
    columns = [0.0] * len(found.curves)
    for column, generation in enumerate(_networkx().topological_generations(graph)):
        for place in generation:
            columns[place] = float(column % 3)
    order = sorted(range(len(columns)), key=lambda place: -found.curves[place].mean)
    return [(columns[place], -float(order.index(place))) for place in range(len(columns))]


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
