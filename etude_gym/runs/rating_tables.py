"""Tables that people fill in with a spreadsheet: read strictly, written so that no text becomes a formula."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from etude_gym.errors import check_name
from etude_gym.runs.folder import write_atomically

MOST_CHARACTERS = 30_000
"""In one cell: spreadsheets hold 32,767."""
ITEM_COLUMNS = ("id", "prompt", "text", "author", "score")

_FORMULA = re.compile(r"'*(?:\s*[=+\-@＝＋－＠]|[\t\r])")
"""How a text begins that a spreadsheet takes for a formula, or that was made safe before."""


@dataclass(frozen=True)
class RatedItem:
    """Something to be rated: an idea in free text, or an artefact of a structured task in words.

    Attributes:
        id: any name, different for every item. Raters don't see it.
        prompt: what was asked, as raters shall read it; items of one object have the same prompt.
        text: what was answered.
        author: who made it, a person or a model; None if that is not known. Raters don't see it.
        score: an automated score to be calibrated, on any scale; None if there is none. Raters don't see it.
    """

    id: str
    prompt: str
    text: str
    author: str | None = None
    score: float | None = None


class Problems:
    """What is wrong with tables that people filled in, collected to be said at once."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def add(self, path: Path, row: int, column: str, what: str) -> None:
        """Note a problem.

        Args:
            path: of the file.
            row: as spreadsheets count them: the header is row 1.
            column: name of the column.
            what: what is wrong and what was expected.
        """
        self._found.append(f"{path.name}, row {row}, column {column}: {what}")

    def check(self) -> None:
        """Raise what was noted.

        Raises:
            ValueError: if there is anything.
        """
        if self._found:
            more = [f"and {len(self._found) - 10} more."] if len(self._found) > 10 else []
            raise ValueError("\n".join([*self._found[:10], *more]))


def read_items(path: Path) -> list[RatedItem]:
    """Items to be rated, from a CSV file with columns id, prompt, text and, if known, author and score.

    Args:
        path: of the file, UTF-8.

    Raises:
        ValueError: naming row and column of what is wrong.
        OSError: if the file cannot be read.
    """
    problems, items, seen = Problems(), [], set()
    for row, cells in read_table(path, ITEM_COLUMNS[:3], ITEM_COLUMNS):
        for column in ("id", "prompt", "text"):
            if not cells[column].strip():
                problems.add(path, row, column, "is empty.")
            elif len(cells[column]) > MOST_CHARACTERS:
                problems.add(path, row, column, f"has more than {MOST_CHARACTERS} characters.")
        if cells["id"] in seen:
            problems.add(path, row, "id", f"{cells['id']!r} stands in an earlier row too; ids are different.")
        seen.add(cells["id"])
        score = None
        if given := cells.get("score", "").strip():
            score = _number(given)
            if score is None:
                problems.add(path, row, "score", f"{given!r} is not a number.")
        items.append(
            RatedItem(
                cells["id"], cells["prompt"], cells["text"], cells.get("author", "").strip() or None, score
            )
        )
    problems.check()
    if len(items) < 2:
        raise ValueError(f"{path.name} holds {len(items)} items; ratings are compared over at least two.")
    return items


def write_items(path: Path, items: Iterable[RatedItem]) -> None:
    """Write items in the form that ``read_items`` and ``etude ratings sheet`` read.

    Args:
        path: of the CSV file.
        items: what shall be rated.
    """
    rows = [
        (i.id, i.prompt, i.text, i.author or "", "" if i.score is None else repr(float(i.score)))
        for i in items
    ]
    write_table(path, ITEM_COLUMNS, rows)


def read_table(
    path: Path, required: Sequence[str], known: Sequence[str] = ()
) -> list[tuple[int, dict[str, str]]]:
    """Rows of a CSV file as texts, however a spreadsheet saved it: commas, semicolons or tabs between cells.

    Args:
        path: of the file, UTF-8 with or without a byte order mark.
        required: columns that have to be there.
        known: columns there may be; empty allows any.

    Returns:
        The number of each row as spreadsheets count them, and its cells by column, without the apostrophe
        that ``write_table`` puts before formulas. Empty rows are left out.

    Raises:
        ValueError: if this is no such file.
        OSError: if it cannot be read.
    """
    try:
        content = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path.name} is not UTF-8. Save it from the spreadsheet as 'CSV UTF-8'.") from None
    first = content.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        rows = list(csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ValueError(f"{path.name} is not a CSV file: {error}.") from None
    header = [name.strip().lower() for name in rows[0]] if rows else []
    missing = [name for name in required if header.count(name) != 1]
    if missing:
        raise ValueError(f"{path.name} needs a header with one column each of: {', '.join(missing)}.")
    if known:
        for name in header:
            check_name(f"column in {path.name}", name, known)
    table = []
    for number, cells in enumerate(rows[1:], start=2):
        if len(cells) > len(header) and any(cells[len(header) :]):
            raise ValueError(
                f"{path.name}, row {number} has more cells than the header: quote texts that hold commas."
            )
        if any(cell.strip() for cell in cells):
            padded = [*cells, *[""] * (len(header) - len(cells))]
            table.append((number, {name: _plain(cell) for name, cell in zip(header, padded, strict=False)}))
    return table


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a CSV file whole or not at all: UTF-8 with a byte order mark, which spreadsheets ask for.

    Texts that a spreadsheet would take for formulas are given an apostrophe, which ``read_table`` takes away.

    Args:
        path: of the file.
        header: names of the columns.
        rows: texts, as many in each row as there are columns.
    """
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(header)
    writer.writerows([_safe(cell) for cell in row] for row in rows)
    write_atomically(path, b"\xef\xbb\xbf" + written.getvalue().encode("utf-8", "replace"))


def _safe(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


def _plain(text: str) -> str:
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
