"""What sections of a report consist of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.table import Table


@dataclass(frozen=True)
class Chart:
    """A picture of a section.

    Attributes:
        figure: of matplotlib.
        title: what it is of.
        text: what one sees on it.
        color: of the arm that it belongs to; None for all of them.
    """

    figure: Any
    title: str
    text: str
    color: str | None = None


@dataclass(frozen=True)
class Grid:
    """A table of a section.

    Attributes:
        title: what it holds.
        columns: their names; the first one names rows.
        rows: cells as they are shown.
        words: how many columns, from the first on, hold words rather than numbers.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1

    @classmethod
    def of(cls, title: str, table: Table, words: int = 1) -> Grid:
        """A table that the terminal shows as well.

        Args:
            title: what it holds.
            table: of the terminal.
            words: how many columns hold words.
        """
        columns = [[str(cell).replace("\n", " ") for cell in column.cells] for column in table.columns]
        rows = tuple(zip(*columns, strict=True))
        return cls(title, tuple(str(column.header) for column in table.columns), rows, words)


@dataclass(frozen=True)
class Block:
    """Pictures that belong together, what their colors mean, and their figures.

    Attributes:
        title: of the block; empty where its section says it all.
        charts: pictures beside each other.
        tables: their figures.
        legend: names and colors.
        small: whether the pictures are many and small, one for each arm, with one text for all.
        folded: what opens the tables, which screens show on request; empty where they are always shown.
    """

    title: str = ""
    charts: tuple[Chart, ...] = ()
    tables: tuple[Grid, ...] = ()
    legend: tuple[tuple[str, str], ...] = ()
    small: bool = False
    folded: str = ""


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes:
        name: of the place in the page.
        title: of the part.
        text: how to read it, in paragraphs.
        blocks: pictures and tables.
        notes: what limits it.
        commands: lines for a terminal.
        links: names and addresses of other pages.
    """

    name: str
    title: str
    text: tuple[str, ...]
    blocks: tuple[Block, ...] = ()
    notes: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
