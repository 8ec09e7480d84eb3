"""Animated pictures (GIF) of episodes."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from etude_gym.environment.pixel_font import ADVANCE, dots
from etude_gym.environment.rendering import METADATA
from etude_gym.environment.text_picture import COLORS
from etude_gym.errors import MissingExtra
from etude_gym.runs.folder import write_atomically
from etude_gym.tasks.replies import printable

SUFFIX = ".gif"
MILLISECONDS = 1000 // METADATA["render_fps"]
END_MILLISECONDS = 2500
"""How long the last picture of an episode stands."""
SCALE = 2
"""Pixels to a dot of the caption's font."""


Frame = tuple[NDArray[np.uint8], Sequence[str]]
"""A picture, uint8 (height, width, 3), and the lines of text that stand over it."""


def write_animation(episodes: Iterable[Iterable[Frame]], path: Path) -> int:
    """Write episodes as one GIF, which begins anew when it is over.

    Args:
        episodes: of each the frames; all pictures have one size, and as many lines.
        path: of the file, which ends in ".gif".

    Returns:
        The number of pictures.

    Raises:
        MissingExtra: if Pillow is not installed.
        ValueError: for another suffix, or if there is no picture.
    """
    check_suffix(path)
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise MissingExtra("A GIF", "report") from error
    frames, durations = [], []
    for episode in episodes:
        for picture, lines in episode:
            image = Image.fromarray(_captioned(picture, lines))
            frames.append(image.quantize(method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE))
            durations.append(MILLISECONDS)
        if durations:
            durations[-1] = END_MILLISECONDS
    if not frames:
        raise ValueError("There is no picture to write.")
    buffer = io.BytesIO()
    frames[0].save(
        buffer, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0, optimize=False
    )
    write_atomically(path, buffer.getvalue())
    return len(frames)


def check_suffix(path: Path) -> None:
    """Refuse a file that is no GIF.

    Args:
        path: of the file.

    Raises:
        ValueError: if it does not end in ".gif".
    """
    if path.suffix.lower() != SUFFIX:
        raise ValueError(f"The animation is a GIF: name a file that ends in {SUFFIX}, not {path.name!r}.")


def _captioned(picture: NDArray[np.uint8], lines: Sequence[str]) -> NDArray[np.uint8]:
    """The picture under lines of text, which are cut where they are too long."""
    width = picture.shape[1]
    columns = width // (SCALE * ADVANCE)
    told = [f" {printable(line)}" for line in lines]
    cut = [line if len(line) <= columns else f"{line[: columns - 3]}..." for line in told]
    page = np.kron(dots(cut, columns), np.ones((SCALE, SCALE), dtype=np.uint8))
    strip = np.zeros((page.shape[0], width), dtype=np.uint8)
    strip[:, : page.shape[1]] = 255 * (page > 0)
    return np.vstack([COLORS[strip], picture])
