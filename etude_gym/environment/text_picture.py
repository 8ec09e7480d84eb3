"""A picture of text, always of the same size: "rgb_array" for domains that render only text."""

from __future__ import annotations

import functools
import re
import textwrap

import numpy as np
from numpy.typing import NDArray

from etude_gym.environment.pixel_font import ADVANCE, LINE_HEIGHT, dots

SIZE = 768
"""Height and width in pixels: one size for every state, as videos need it."""
MARGIN = 12
ROWS = (40, 48, 56, 62)
"""Lines of a page: the first number that holds the text, so that it is drawn as large as possible. A line has
room for twice as many characters."""

PAPER = np.array([250, 250, 246], dtype=np.float64)
INK = np.array([32, 42, 38], dtype=np.float64)
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
    down, across = _stretch(rows * LINE_HEIGHT), _stretch(2 * rows * ADVANCE)
    ink = down @ dots(lines, 2 * rows).astype(np.float64) @ across.T
    sheet = np.zeros((SIZE, SIZE))
    sheet[MARGIN:-MARGIN, MARGIN:-MARGIN] = ink
    return np.asarray(np.rint(PAPER + sheet[..., None] * (INK - PAPER)), dtype=np.uint8)


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


@functools.cache
def _stretch(dots_given: int) -> NDArray[np.float64]:
    """What share of each pixel each dot covers, when the dots are stretched over the page.

    Returns:
        float64 array of shape (pixels, dots), rows sum to 1.
    """
    pixels = SIZE - 2 * MARGIN
    edges = np.arange(pixels + 1) * (dots_given / pixels)
    low, high = edges[:-1, None], edges[1:, None]
    dot = np.arange(dots_given)
    covered: NDArray[np.float64] = np.clip(np.minimum(high, dot + 1) - np.maximum(low, dot), 0.0, None)
    covered /= covered.sum(axis=1, keepdims=True)
    return covered
