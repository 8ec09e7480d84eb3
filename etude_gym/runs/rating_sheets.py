"""Sheets for people who rate: made blind and shuffled, read back with every cell checked.

A panel is a folder: ``sheet-NAME.csv`` for each rater, ``INSTRUCTIONS.txt``, ``key.json`` (which row of which
sheet shows which item), ``ratings.csv`` once the sheets are imported.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.measure.score_calibration import HIGHEST, LOWEST
from etude_gym.randomness import check_seed, name_key
from etude_gym.runs.folder import read_json, write_atomically, write_json
from etude_gym.runs.rating_tables import Problems, RatedItem, read_table, write_table

KEY = "key.json"
RATINGS = "ratings.csv"
INSTRUCTIONS = "INSTRUCTIONS.txt"
SHEETS = "sheet-*.csv"
SHEET_COLUMNS = ("code", "expert", "prompt", "text", "rating")
RATING_COLUMNS = ("item", "rater", "expert", "repeat", "rating")
REPEATED = 0.1
"""Share of a rater's items that are shown a second time, at least one."""
LETTERS = "bcdfghjkmnpqrstvwxz"
"""Of codes: letters alone, so that no spreadsheet reads a number or a date, and no vowels, so that no
words."""

TEXT = f"""How to rate

Each row of your sheet shows what was asked (prompt) and one answer (text). Write a whole number into the
column "rating": how original is the answer, as an answer to what was asked?

  {LOWEST}  very ordinary: most people would think of it, or it is no answer at all
  2  ordinary
  3  somewhat original
  4  original
  {HIGHEST}  very original: hardly anybody would think of it, and it could work

Judge each answer by itself, from the top down, without asking others or a machine. Long is not original. Some
rows come a second time: rate them as if they were new. Leave the rating empty where you cannot judge. The
column "expert" says whether you count as an expert on such tasks: correct it in every row if it is wrong.
Change nothing else, and save the file as CSV UTF-8 under its name.
"""


@dataclass(frozen=True)
class Panel:
    """Items, raters and what they rated.

    Attributes:
        items: what was rated, in order.
        raters: names, in order.
        experts: of each rater, whether the sheet says expert, shape (raters,).
        ratings: first ratings, shape (items, raters); NaN where there is none.
        second: ratings of what was shown a second time, of the same shape.
    """

    items: tuple[RatedItem, ...]
    raters: tuple[str, ...]
    experts: NDArray[np.bool_]
    ratings: NDArray[np.float64]
    second: NDArray[np.float64]

    def record(self) -> dict[str, Any]:
        """Items and ratings as plain data, for a hash of what a result was computed from."""
        return {
            "items": [asdict(item) for item in self.items],
            "raters": list(zip(self.raters, self.experts.tolist(), strict=True)),
            "ratings": [[None if math.isnan(x) else x for x in row] for row in self.ratings.tolist()],
        }


def write_sheets(
    folder: Path,
    items: Sequence[RatedItem],
    raters: Sequence[str],
    experts: Sequence[str],
    per_item: int = 3,
    seed: int = 0,
) -> dict[str, int]:
    """Write a sheet for every rater: some of the items in an order of its own, a few of them twice.

    Of the experts, and of the others, ``per_item`` rate each item (all of them if there are fewer). Neighbors
    in a circle share items, so that all raters are linked.

    Args:
        folder: of the panel; sheets that were issued there are never overwritten.
        items: at least two, with different ids.
        raters: names of those who are no experts: letters, digits, "-" and "_".
        experts: names of those who are.
        per_item: raters of each kind for each item, at least 1.
        seed: of all shuffling.

    Returns:
        Rows in the sheet of each rater.

    Raises:
        ValueError: if an argument is wrong.
        FileExistsError: if the folder holds a panel.
    """
    check_seed(seed)
    _check_names([*raters, *experts])
    if per_item < 1:
        raise ValueError(f"per_item must be at least 1, got {per_item}.")
    if len({item.id for item in items}) < max(2, len(items)):
        raise ValueError("A panel rates at least two items, each with an id of its own.")
    if (folder / KEY).exists():
        raise FileExistsError(
            f"{folder} holds sheets already: choose another folder, so that their codes stay valid."
        )
    sheets = {
        rater: _order(shown, rater, seed)
        for group in (raters, experts)
        for rater, shown in _assigned(len(items), group, per_item, seed).items()
    }
    codes = _codes(sum(map(len, sheets.values())), seed)
    key: dict[str, Any] = {"version": 1, "seed": seed, "items": [asdict(item) for item in items], "rows": {}}
    for rater, rows in sheets.items():
        cells = []
        for place, (index, repeat) in enumerate(rows):
            code = next(codes)
            key["rows"][code] = {"rater": rater, "item": items[index].id, "repeat": repeat, "place": place}
            cells.append((code, _yes(rater in experts), items[index].prompt, items[index].text, ""))
        write_table(folder / f"sheet-{rater}.csv", SHEET_COLUMNS, cells)
    write_atomically(folder / INSTRUCTIONS, TEXT.encode())
    write_json(folder / KEY, key)
    return {rater: len(rows) for rater, rows in sheets.items()}


def import_sheets(folder: Path, files: Sequence[Path] = ()) -> Panel:
    """Read the sheets that came back, check every cell, and write all ratings into one file.

    Args:
        folder: of the panel.
        files: the sheets, under any name; none reads all ``sheet-*.csv`` in the folder. Whatever was imported
            before is replaced.

    Returns:
        The panel.

    Raises:
        ValueError: naming file, row and column of what is wrong; nothing is written then.
        OSError: if a file cannot be read.
    """
    key = _read_key(folder)
    problems, rows = Problems(), []
    used: dict[str, str] = {}
    paths = list(files) or sorted(folder.glob(SHEETS))
    if not paths:
        raise ValueError(f"There is no {SHEETS} in {folder}.")
    for path in paths:
        for row, code, rating, expert in _sheet_rows(path, key["rows"], problems):
            if code in used:
                problems.add(path, row, "code", f"{code!r} stands in {used[code]} too.")
            used[code] = f"row {row} of {path.name}"
            shown = key["rows"][code]
            if rating:
                rows.append((shown["item"], shown["rater"], _yes(expert), _yes(shown["repeat"]), str(rating)))
    problems.check()
    if not rows:
        raise ValueError("No sheet holds a rating: fill in the column rating.")
    panel = _panel(key, rows)
    write_table(folder / RATINGS, RATING_COLUMNS, rows)
    return panel


def read_panel(folder: Path) -> Panel:
    """A panel whose sheets were imported.

    Args:
        folder: of the panel.

    Raises:
        ValueError: if nothing was imported yet, or the files were changed.
    """
    key = _read_key(folder)
    path = folder / RATINGS
    if not path.exists():
        raise ValueError(f"{folder} holds no ratings yet. Import the sheets: etude ratings import {folder}")
    table = [tuple(cells[c].strip() for c in RATING_COLUMNS) for _, cells in read_table(path, RATING_COLUMNS)]
    known = {item["id"].strip() for item in key["items"]}
    sound = [r for r in table if r[0] in known and {r[2], r[3]} <= {"yes", "no"} and _rating(r[4])]
    if not table or len(sound) < len(table):
        raise ValueError(f"{path} was changed. Import the sheets again: etude ratings import {folder}")
    return _panel(key, table)


def _sheet_rows(
    path: Path, known: dict[str, Any], problems: Problems
) -> Iterator[tuple[int, str, int | None, bool]]:
    """Number, code, rating and expertise of the rows of a sheet that are sound."""
    owner, claimed = None, None
    for row, cells in read_table(path, ("code", "expert", "rating")):
        code, expert = cells["code"].strip(), cells["expert"].strip().lower()
        if code not in known:
            problems.add(path, row, "code", f"{code!r} is in no sheet of this panel.")
            continue
        owner = owner or known[code]["rater"]
        claimed = claimed or expert
        if known[code]["rater"] != owner:
            problems.add(path, row, "code", f"{code!r} belongs to another rater than the rows above.")
        if expert not in ("yes", "no"):
            problems.add(path, row, "expert", f"{cells['expert']!r} is neither yes nor no.")
        elif expert != claimed:
            problems.add(
                path, row, "expert", f"is {expert!r} here and {claimed!r} above; a rater is one or the other."
            )
        given = cells["rating"].strip()
        rating = _rating(given)
        if given and rating is None:
            problems.add(path, row, "rating", f"{given!r} is not a whole number from {LOWEST} to {HIGHEST}.")
        yield row, code, rating, expert == "yes"


def _rating(text: str) -> int | None:
    """A rating; spreadsheets may write 3 as 3.0."""
    return int(text[0]) if re.fullmatch(rf"[{LOWEST}-{HIGHEST}]([.,]0+)?", text) else None


def _panel(key: dict[str, Any], rows: Sequence[Sequence[str]]) -> Panel:
    items = tuple(RatedItem(**item) for item in key["items"])
    place = {item.id: index for index, item in enumerate(items)}
    experts = {rater: expert == "yes" for _, rater, expert, _, _ in rows}
    raters = tuple(sorted(experts))
    tables = np.full((2, len(items), len(raters)), math.nan)
    for item, rater, _, repeat, rating in rows:
        tables[int(repeat == "yes"), place[item], raters.index(rater)] = float(rating)
    return Panel(items, raters, np.array([experts[r] for r in raters]), tables[0], tables[1])


def _read_key(folder: Path) -> Any:
    if not (folder / KEY).exists():
        raise ValueError(
            f"{folder} is no panel. Make sheets first: etude ratings sheet ITEMS.csv --out {folder}"
        )
    return read_json(folder / KEY)


def _check_names(names: Sequence[str]) -> None:
    if not names:
        raise ValueError("Name at least one rater: --raters NAME ... or --experts NAME ...")
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
            raise ValueError(f"A rater's name is made of letters, digits, '-' and '_', got {name!r}.")
    if len({name.lower() for name in names}) < len(names):
        raise ValueError(f"Raters have different names, got {', '.join(names)}.")


def _assigned(items: int, group: Sequence[str], per_item: int, seed: int) -> dict[str, list[int]]:
    """The items of each rater of a group: each item goes to neighbors in a circle, which is dealt anew each
    round."""
    generator = np.random.default_rng([seed, 1])
    shown: dict[str, list[int]] = {rater: [] for rater in group}
    circle = list(group)
    for place, item in enumerate(generator.permutation(items).tolist()):
        if group and place % len(group) == 0:
            circle = [group[index] for index in generator.permutation(len(group)).tolist()]
        for step in range(min(per_item, len(group))):
            shown[circle[(place + step) % len(group)]].append(item)
    return shown


def _order(shown: Sequence[int], rater: str, seed: int) -> list[tuple[int, bool]]:
    """Items in the order of a rater's sheet, and whether they are shown again: from its first half in its
    second."""
    generator = np.random.default_rng([seed, 2, name_key(rater)])
    rows = [(int(item), False) for item in generator.permutation(np.asarray(shown, dtype=np.int64))]
    half = len(rows) // 2
    again = generator.permutation(half)[: max(1, round(REPEATED * len(rows)))].tolist() if half else []
    for index in again:
        rows.insert(int(generator.integers(len(shown) - half // 2, len(rows) + 1)), (rows[index][0], True))
    return rows


def _codes(count: int, seed: int) -> Iterator[str]:
    """Different codes that say nothing of what they stand for."""
    generator = np.random.default_rng([seed, 3])
    numbers = generator.choice(len(LETTERS) ** 6, size=count, replace=False)
    for number in numbers.tolist():
        letters = []
        for _ in range(6):
            number, letter = divmod(number, len(LETTERS))
            letters.append(LETTERS[letter])
        yield "".join(letters)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
