"""What all pictures share: figures and their style, colors of arms, and how one is written to a file."""

from __future__ import annotations

import io
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

from etude_gym.errors import MissingExtra
from etude_gym.practice.strategies import SAMPLERS
from etude_gym.runs.folder import write_atomically

COLORS = (
    *("#4D4D4D", "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#8B5A2B"),
    *("#882255", "#44AA99"),
)
"""Colors that people with any color vision tell apart (Okabe and Ito 2008; brown; Tol 2021); one for each
sampler, the same in every picture."""

PALEST = 0.6
"""How much white there is in the color of the last of several arms of one sampler."""

INK, GRAY, RULE, GRID, PAPER = "#1F2328", "#59636E", "#AFB8C1", "#E4E7EB", "#FFFFFF"
"""Text; what is said in passing; axes; lines of the grid; what is behind it all."""

PANEL = 4.6
"""Width in inches of a picture that a page shows beside another one, and a telephone alone."""

LONGEST_NAME = 22
"""Characters of a name in a picture."""

STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": RULE,
    "axes.grid": True,
    "axes.labelcolor": GRAY,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "etude-gym",  # the same picture is the same file
    "text.color": INK,
    "text.parse_math": False,  # a name with two dollar signs is a name
    "xtick.color": RULE,
    "xtick.labelcolor": GRAY,
    "xtick.labelsize": 9,
    "ytick.color": RULE,
    "ytick.labelcolor": GRAY,
    "ytick.labelsize": 9,
    "ytick.major.size": 0,
}
"""How pictures look, in the terms of matplotlib."""


@contextmanager
def drawing() -> Iterator[None]:
    """The style of all pictures, while they are drawn and written.

    Raises:
        MissingExtra: if matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise MissingExtra("Drawing a comparison", "report") from error
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)  # readers have other fonts
        yield


def new_figure(width: float, height: float) -> Any:
    """An empty figure.

    Args:
        width: in inches.
        height: in inches.
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Any, path: Path, made_by: str = "") -> None:
    """Write a figure whole or not at all.

    Args:
        figure: to write.
        path: of the picture; its suffix (".png", ".svg") decides the format.
        made_by: the command that it comes from, which SVG and PNG keep.

    Raises:
        ValueError: for a suffix that matplotlib does not know.
    """
    content, kind = io.BytesIO(), path.suffix.lstrip(".") or "png"
    metadata: dict[str, Any] = {"Date": None} if kind == "svg" else {}
    if made_by:
        metadata["Description"] = f"Made by: {made_by}"
    figure.savefig(content, format=kind, dpi=150, metadata=metadata)
    write_atomically(path, content.getvalue())


def set_title(axes: Any, title: str, subtitle: str) -> None:
    """Head a panel of a picture.

    Args:
        axes: the panel.
        title: in bold.
        subtitle: smaller, below it.
    """
    axes.set_title(f"{printable(title)}\n", loc="left", fontweight="bold", fontsize=12)
    axes.text(0, 1.02, printable(subtitle), transform=axes.transAxes, fontsize=9, color=GRAY)


def printable(text: str) -> str:
    """Text without the characters that XML does not know: control characters, halves of characters.

    Args:
        text: a name, from a file that anybody may have written.
    """
    return "".join("\ufffd" if unicodedata.category(each) in ("Cc", "Cs") else each for each in text)


def short(name: str) -> str:
    """A name as pictures have room for it; what tells long ones apart is often their end.

    Args:
        name: of an arm.
    """
    name = printable(name)
    if len(name) <= LONGEST_NAME:
        return name
    kept = LONGEST_NAME // 2
    return f"{name[:kept]}…{name[-kept:]}"


def arm_colors(arms: Sequence[str]) -> dict[str, str]:
    """A color for each arm: its sampler's own, paler for further arms of the same sampler; or one left over.

    Args:
        arms: names of arms.

    Returns:
        Colors ("#0072B2") by arm.
    """
    own = dict(zip(SAMPLERS, COLORS, strict=False))
    left = cycle(
        [color for name, color in own.items() if name not in {_sampler(arm) for arm in arms}] or COLORS
    )
    colors: dict[str, str] = {}
    total, used = Counter(map(_sampler, arms)), Counter[str]()
    for arm in sorted(arms, key=lambda arm: arm not in own):  # the plain name has the plain color
        sampler = _sampler(arm)
        color = own.get(sampler) or next(left)
        colors[arm] = _paler(color, PALEST * used[sampler] / max(1, total[sampler] - 1))
        used[sampler] += 1
    return {arm: colors[arm] for arm in arms}


def _sampler(arm: str) -> str:
    """The sampler of an arm, without its options."""
    return arm.partition(",")[0]


def _paler(color: str, share: float) -> str:
    """A color mixed with white."""
    parts = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(part + share * (255 - part)):02X}" for part in parts)
