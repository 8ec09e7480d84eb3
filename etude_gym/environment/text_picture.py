"""A picture of text, always of the same size: "rgb_array" for domains that render only text."""

from __future__ import annotations

import re
import textwrap

import numpy as np
from numpy.typing import NDArray

from etude_gym.environment.pixel_font import dots

SIZE = 768
"""Height and width in pixels: one size for every state, as videos need it."""
MARGIN = 12
ROWS = (40, 48, 56, 62)
"""Lines of a page: the first number that holds the text, so that it is drawn as large as possible. A line has
room for twice as many characters."""

PAPER, INK = (250, 250, 246), (32, 42, 38)
COLORS = np.linspace(PAPER, INK, 256).round().astype(np.uint8)
"""From paper to ink."""
_ESCAPES = re.compile("\x1b\\[[0-9;?]*[A-Za-z]")


def text_picture(text: str) -> NDArray[np.uint8]:
    """Draw text.

    Args:
        text: any text; colors of a terminal are left out, long lines broken, lines beyond the last row cut
            off and counted.

    Returns:
        uint8 array of shape (768, 768, 3).
    """
    rows, lines = _layout(text)
    page = dots(lines, 2 * rows).astype(np.float32)
    sheet = np.zeros((SIZE, SIZE), dtype=np.uint8)
    sheet[MARGIN:-MARGIN, MARGIN:-MARGIN] = np.rint(255 * _stretch(_stretch(page).T).T)
    return COLORS[sheet]


def _layout(text: str) -> tuple[int, list[str]]:
    """Rows of the page, and exactly that many lines."""
    raw = _ESCAPES.sub("", text).expandtabs(4).splitlines()
    rows, lines = 0, raw
    for rows in ROWS:
        lines = [part for line in raw for part in _broken(line, 2 * rows)]
        if len(lines) <= rows:
            return rows, lines + [""] * (rows - len(lines))
    return rows, [*lines[: rows - 1], f"... {len(lines) - rows + 1} more lines"]


def _broken(line: str, width: int) -> list[str]:
    """A line in parts of at most ``width`` characters; the later ones stand a little further in."""
    if len(line) <= width:
        return [line]
    inside = " " * min(len(line) - len(line.lstrip()) + 4, width // 2)
    return textwrap.wrap(line, width, subsequent_indent=inside, drop_whitespace=True) or [""]


def _stretch(page: NDArray[np.float32]) -> NDArray[np.float32]:
    """Stretch rows of dots over as many or more rows of pixels: a pixel covers one dot or two."""
    pixels, given = SIZE - 2 * MARGIN, len(page)
    edges = np.arange(pixels + 1) * (given / pixels)
    dot = np.minimum(edges[:-1].astype(np.int64), given - 1)
    share = np.minimum(1.0, (dot + 1 - edges[:-1]) * (pixels / given)).astype(np.float32)[:, None]
    stretched: NDArray[np.float32] = share * page[dot] + (1 - share) * page[np.minimum(dot + 1, given - 1)]
    return stretched
