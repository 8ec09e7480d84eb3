"""A picture of the crafting and delivery world: map, stock, goals, time and energy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.envs.plan.facts import (
    event_text,
    ingredients_of,
    items_at,
    score_of,
    station_of,
)
from etude_gym.envs.plan.kernel import DEPOT, NUM_CRAFTED, NUM_ITEMS, NUM_RAW
from etude_gym.envs.plan.map_layout import place_positions
from etude_gym.envs.plan.names import Names, names_of
from etude_gym.errors import MissingExtra

WIDTH, HEIGHT, DOTS_PER_INCH = 960, 640, 100
MAP_WIDTH, MAP_HEIGHT = 640, 590
PANEL_LEFT, CARRIED_AT, PANEL_RIGHT = 664, 854, 932

ITEM_COLORS = ("#8d6a3f", "#55626f", "#c4673b", "#4f9148", "#2f74b5", "#7559a6", "#c13f86", "#b3282d")
BACKGROUND, PAPER, INK, FAINT, ROAD = "#eef1ea", "#ffffff", "#26302b", "#7d877f", "#b4bcae"
DEPOT_PAPER, FUEL, HERE, WARNING = "#fff3cf", "#e8a400", "#0b7a75", "#b3282d"
MARKERS_IN_A_ROW = 5
CHARACTER, FUEL_WIDTH = 9.2, 22


def draw(world: Any) -> NDArray[np.uint8]:
    """Draw the state of an episode.

    Args:
        world: one row of the worlds, a record of ``kernel.WORLD``.

    Returns:
        uint8 array of shape (640, 960, 3), the same for every state.

    Raises:
        MissingExtra: if matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("A picture of EtudePlan-v0", "report") from error
    figure = Figure((WIDTH / DOTS_PER_INCH, HEIGHT / DOTS_PER_INCH), DOTS_PER_INCH, facecolor=BACKGROUND)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(HEIGHT, 0)
    axes.axis("off")
    sheet = Sheet(axes, names_of(world))
    draw_map(sheet, world)
    draw_panel(sheet, world)
    draw_message(sheet, world)
    canvas.draw()
    pixels: NDArray[np.uint8] = np.asarray(canvas.buffer_rgba())[..., :3].copy()
    return pixels


class Sheet:
    """Shapes and text on a sheet; later ones cover earlier ones.

    Coordinates and sizes are pixels from the upper left corner, colors are Matplotlib's ("#2f74b5").

    Args:
        axes: Matplotlib axes that fill the figure, with the y axis pointing down.
        names: of the places and items.
    """

    def __init__(self, axes: Any, names: Names) -> None:
        self.axes = axes
        self.names = names

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        color: str,
        *,
        edge: str = "none",
        line: float = 1,
    ) -> None:
        """A rectangle with round corners.

        Args:
            x: left edge.
            y: upper edge.
            width: in pixels.
            height: in pixels.
            color: of the area.
            edge: color of the outline.
            line: width of the outline in points.
        """
        from matplotlib.patches import FancyBboxPatch

        style = f"round,pad=0,rounding_size={min(6.0, width / 2, height / 2)}"
        self.axes.add_patch(
            FancyBboxPatch(
                (x, y), width, height, boxstyle=style, facecolor=color, edgecolor=edge, linewidth=line
            )
        )

    def shape(self, points: Any, color: str) -> None:
        """A filled polygon.

        Args:
            points: its corners, shape (corners, 2).
            color: of the area.
        """
        from matplotlib.patches import Polygon

        self.axes.add_patch(Polygon(points, closed=True, facecolor=color, edgecolor="none"))

    def disk(self, x: float, y: float, radius: float, color: str, edge: str = "none") -> None:
        """A filled circle.

        Args:
            x: of its center.
            y: of its center.
            radius: in pixels.
            color: of the area.
            edge: color of the outline.
        """
        from matplotlib.patches import Circle

        self.axes.add_patch(Circle((x, y), radius, facecolor=color, edgecolor=edge))

    def line(self, start: Any, end: Any, color: str, width: float) -> None:
        """A straight line, under everything else.

        Args:
            start: (x, y) of one end.
            end: (x, y) of the other end.
            color: of the line.
            width: in points.
        """
        self.axes.plot([start[0], end[0]], [start[1], end[1]], color=color, linewidth=width, zorder=1)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = 9,
        color: str = INK,
        bold: bool = False,
        at: str = "left",
    ) -> None:
        """One line of text.

        Args:
            x: where ``at`` says.
            y: middle of the line.
            words: the text.
            size: of the font in points.
            color: of the text.
            bold: whether the font is bold.
            at: which part of the text stands at ``x``: "left", "center" or "right".
        """
        self.axes.text(
            x,
            y,
            words,
            fontsize=size,
            color=color,
            fontweight="bold" if bold else "normal",
            fontfamily="DejaVu Sans",
            ha=at,
            va="center_baseline",
            zorder=1,
        )

    def item(self, x: float, y: float, item: int, radius: float = 8) -> None:
        """The marker of an item: a disk for a raw one, a square for a crafted one, with its initial.

        Args:
            x: of its center.
            y: of its center.
            item: number of the item.
            radius: half its width in pixels.
        """
        if item < NUM_RAW:
            self.disk(x, y, radius, ITEM_COLORS[item])
        else:
            self.box(x - radius, y - radius, 2 * radius, 2 * radius, ITEM_COLORS[item])
        self.text(x, y, self.names.items[item][0].upper(), size=radius, color=PAPER, bold=True, at="center")

    def fuel(self, x: float, y: float, radius: float = 8) -> None:
        """The marker of fuel: a bolt on a disk.

        Args:
            x: of its center.
            y: of its center.
            radius: in pixels.
        """
        self.disk(x, y, radius, FUEL)
        bolt = np.array(
            [(0.15, -0.75), (-0.5, 0.12), (-0.05, 0.12), (-0.15, 0.75), (0.5, -0.12), (0.05, -0.12)]
        )
        self.shape(bolt * radius + (x, y), PAPER)

    def bar(self, y: float, name: str, value: int, whole: int, color: str) -> None:
        """A named bar across the panel with its figures.

        Args:
            y: middle of the bar.
            name: on its left.
            value: its length, in units of ``whole``.
            whole: value of a full bar.
            color: of the filled part.
        """
        left, right = PANEL_LEFT + 56, PANEL_RIGHT - 72
        self.text(PANEL_LEFT, y, name)
        self.box(left, y - 6, right - left, 12, PAPER, edge=ROAD)
        if value > 0:
            self.box(left, y - 6, (right - left) * min(1.0, value / max(1, whole)), 12, color)
        self.text(PANEL_RIGHT, y, f"{value} of {whole}", at="right")


# --- The map -----------------------------------------------------------------------------------------


def draw_map(sheet: Sheet, world: Any) -> None:
    """Roads with their lengths, then the places over them.

    Args:
        sheet: the sheet to draw on.
        world: record of ``kernel.WORLD``.
    """
    positions = map_positions(world)
    places = int(world["num_places"])
    roads = [(a, b) for a in range(places) for b in range(a + 1, places) if world["road"][a, b] > 0]
    for a, b in roads:
        sheet.line(positions[a], positions[b], ROAD, 3.0)
    for a, b in roads:
        x, y = (positions[a] + positions[b]) / 2
        sheet.disk(x, y, 11, BACKGROUND)
        sheet.text(x, y, str(world["road"][a, b]), size=10, bold=True, at="center")
    for place in range(places):
        draw_place(sheet, world, place, positions[place])


def map_positions(world: Any) -> NDArray[np.float64]:
    """Centers of the places' cards on the sheet.

    Args:
        world: record of ``kernel.WORLD``.

    Returns:
        float64 array of shape (places, 2), pixels.
    """
    corner: NDArray[np.float64] = np.array([12.0, 22.0])
    return np.add(corner, place_positions(world, MAP_WIDTH - 20, MAP_HEIGHT - 30))


def card_rows(world: Any, place: int) -> list[list[int]]:
    """The items shown on the card of a place, row by row: sources first.

    Args:
        world: record of ``kernel.WORLD``.
        place: number of the place.

    Returns:
        Up to two rows of numbers of items.
    """
    raws, crafted = items_at(world, place)
    rows = [raws, crafted] if len(raws) + len(crafted) > MARKERS_IN_A_ROW else [raws + crafted]
    return [row for row in rows if row]


def card_size(world: Any, place: int) -> tuple[float, float]:
    """Width and height of the card of a place, in pixels.

    Args:
        world: record of ``kernel.WORLD``.
        place: number of the place.
    """
    rows = card_rows(world, place)
    heading = CHARACTER * len(names_of(world).places[place]) + (FUEL_WIDTH if world["fuel"][place] else 0)
    return max(64.0, heading + 16, *(20.0 * len(row) + 12 for row in rows)), 26.0 + 21 * len(rows)


def draw_place(sheet: Sheet, world: Any, place: int, position: NDArray[np.float64]) -> None:
    """A card with the name of a place, its fuel, its sources and its stations.

    Args:
        sheet: the sheet to draw on.
        world: record of ``kernel.WORLD``.
        place: number of the place.
        position: center of the card, shape (2,).
    """
    width, height = card_size(world, place)
    x, y = position[0] - width / 2, position[1] - height / 2
    if place == world["place"]:
        sheet.box(x - 5, y - 5, width + 10, height + 10, HERE)
        sheet.box(position[0] - 20, y - 20, 40, 17, HERE)
        sheet.text(position[0], y - 11, "YOU", size=8, color=PAPER, bold=True, at="center")
    sheet.box(x, y, width, height, DEPOT_PAPER if place == DEPOT else PAPER, edge=FAINT)
    name, fuel = sheet.names.places[place], FUEL_WIDTH if world["fuel"][place] else 0
    sheet.text(position[0] + fuel / 2, y + 13, name, size=10, bold=True, at="center")
    if fuel:
        sheet.fuel(position[0] - CHARACTER * len(name) / 2 - 3, y + 13)
    for row, items in enumerate(card_rows(world, place)):
        for column, item in enumerate(items):
            sheet.item(position[0] - 10 * (len(items) - 1) + 20 * column, y + 35 + 21 * row, item)


# --- The panel ---------------------------------------------------------------------------------------


def draw_panel(sheet: Sheet, world: Any) -> None:
    """The panel: limits and work delivered, the table of items, and the legend of the map."""
    sheet.box(648, 12, WIDTH - 660, HEIGHT - 24, PAPER, edge=ROAD)
    at_fuel = bool(world["fuel"][world["place"]])
    low = not at_fuel and int(world["energy"]) <= int(world["fuel_distance"][world["place"]])
    sheet.bar(38, "Time", int(world["time"]), int(world["time_limit"]), "#6a8fb5")
    sheet.bar(64, "Energy", int(world["energy"]), int(world["energy_capacity"]), WARNING if low else FUEL)
    sheet.bar(90, "Load", int(world["load"]), int(world["capacity"]), "#8a8f98")
    sheet.bar(116, "Goals", int(world["delivered_work"]), int(world["total_work"]), HERE)
    for item in range(NUM_ITEMS):
        draw_item(sheet, world, item, 188 + 26 * item + (36 if item >= NUM_RAW else 0))
    for y, name in ((162, "Raw item"), (302, "Crafted from")):
        sheet.text(PANEL_LEFT, y, name, color=FAINT, bold=True)
        sheet.text(CARRIED_AT, y, "carried", color=FAINT, bold=True, at="right")
        sheet.text(PANEL_RIGHT, y, "delivered", color=FAINT, bold=True, at="right")
    draw_legend(sheet, world)


def draw_item(sheet: Sheet, world: Any, item: int, y: float) -> None:
    """One row of the table: the item, its ingredients, units carried and delivered.

    Args:
        sheet: the sheet to draw on.
        world: record of ``kernel.WORLD``.
        item: number of the item.
        y: middle of the row, in pixels.
    """
    sheet.item(PANEL_LEFT + 8, y, item)
    sheet.text(PANEL_LEFT + 24, y, sheet.names.items[item])
    x = PANEL_LEFT + 92.0
    for ingredient, amount in ingredients_of(world, item - NUM_RAW) if item >= NUM_RAW else ():
        for _ in range(amount):
            sheet.item(x, y, ingredient, radius=7)
            x += 18
    carried, wanted = int(world["stock"][item]), int(world["goal"][item])
    if carried:
        sheet.text(CARRIED_AT, y, str(carried), size=10, bold=True, at="right")
    if wanted:
        delivered = int(world["delivered"][item])
        color = HERE if delivered == wanted else INK
        sheet.text(PANEL_RIGHT, y, f"{delivered} of {wanted}", size=10, color=color, bold=True, at="right")


def draw_legend(sheet: Sheet, world: Any) -> None:
    """The legend of the map's markers, and what can be crafted in any place."""
    y, x = 456, PANEL_LEFT
    sheet.text(x, y, "On the map", color=FAINT, bold=True)
    sheet.disk(x + 8, y + 26, 8, FAINT)
    sheet.text(x + 24, y + 26, "gathered here")
    sheet.box(x, y + 44, 16, 16, FAINT)
    sheet.text(x + 24, y + 52, "crafted here and nowhere else")
    sheet.fuel(x + 8, y + 78)
    sheet.text(x + 24, y + 78, "fuel")
    anywhere = [recipe for recipe in range(NUM_CRAFTED) if station_of(world, recipe) is None]
    if anywhere:
        sheet.text(x, y + 110, "Crafted anywhere", color=FAINT, bold=True)
        for column, recipe in enumerate(anywhere):
            sheet.item(x + 8 + 22 * column, y + 136, NUM_RAW + recipe)


def draw_message(sheet: Sheet, world: Any) -> None:
    """How the episode ended, or what has just happened, under the map."""
    if world["over"]:
        score = score_of(world)
        ending, color = ("Everything is delivered", HERE) if score == 1 else ("The episode is over", INK)
        words = f"{ending}: score {score:.2f}."
    elif event_text(world):
        words, color = event_text(world), WARNING
    else:
        return
    sheet.box(12, 600, MAP_WIDTH - 16, 28, color)
    sheet.text(12 + (MAP_WIDTH - 16) / 2, 614, words, color=PAPER, bold=True, at="center")
