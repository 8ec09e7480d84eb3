"""Figures as parts of a page: SVG that has a title and a description, and follows the page's colors.

A color of the figure becomes a variable of the page's style sheet ("#0072B2" is "var(--c0072b2)"), which has
one value for light and one for dark surroundings.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from typing import Any
from xml.etree import ElementTree

from etude_gym.report.figures import GRAY, GRID, INK, PAPER, RULE

SVG = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"

DARK_PAPER = "#0D1117"
DARK = {INK: "#E6EDF3", GRAY: "#9DA7B1", RULE: "#4A535D", GRID: "#21262D", PAPER: DARK_PAPER}
"""What colors of text, lines and paper are in dark surroundings; for others see ``dark``."""

LEAST_CONTRAST = 3.5
"""Of a color of data with dark paper; WCAG 2.2 (criterion 1.4.11) asks for 3."""

STYLE_DEFAULTS = {
    "opacity": "1",
    "stroke-linecap": "butt",
    "stroke-linejoin": "miter",
    "text-anchor": "start",
}
"""Declarations that say nothing."""


def inline_svg(figure: Any, name: str, title: str, description: str) -> str:
    """A figure as an ``<svg>`` element; nothing in it is loaded or executed.

    Args:
        figure: of matplotlib.
        name: begins the identifiers in it; each one on a page has another.
        title: what readers that do not see it call it.
        description: what it shows, in words.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    root = ElementTree.fromstring(buffer.getvalue())
    _drop_what_says_nothing(root)
    referred = {target for element in root.iter() for target in _targets(element)}
    for element in root.iter():
        _rewrite(element, name, referred)
    _describe(root, name, title, description)
    ElementTree.register_namespace("", SVG[1:-1])
    return ElementTree.tostring(root, encoding="unicode").replace("\n", " ")


def variable(color: str) -> str:
    """A color as it is written in the page's style.

    Args:
        color: "#RRGGBB".
    """
    return f"var(--c{color[1:].lower()})"


def variables(colors: Iterable[str]) -> tuple[str, str]:
    """Declarations of colors for a style sheet: in light and in dark surroundings.

    Args:
        colors: "#RRGGBB".
    """
    names = sorted({color.lower() for color in colors})
    light = "".join(f"--c{color[1:]}:{color};" for color in names)
    return light, "".join(f"--c{color[1:]}:{dark(color).lower()};" for color in names)


def colors_in(page: str) -> set[str]:
    """The colors that parts of a page refer to.

    Args:
        page: HTML.
    """
    return {f"#{digits}" for digits in re.findall(r"var\(--c([0-9a-f]{6})\)", page)}


def dark(color: str) -> str:
    """What a color is in dark surroundings: mixed with white until it can be seen.

    Args:
        color: "#RRGGBB".
    """
    own = {light.lower(): value for light, value in DARK.items()}
    if color.lower() in own:
        return own[color.lower()]
    parts = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    for step in range(21):
        mixed = "#" + "".join(f"{round(part + step / 20 * (255 - part)):02X}" for part in parts)
        if contrast(mixed, DARK_PAPER) >= LEAST_CONTRAST:
            return mixed
    return INK


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colors (WCAG 2.2, definition "contrast ratio"), from 1 to 21.

    Args:
        first: "#RRGGBB".
        second: "#RRGGBB".
    """
    low, high = sorted(map(_luminance, (first, second)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: str) -> float:
    """Relative luminance (WCAG 2.2, definition "relative luminance")."""
    parts = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _drop_what_says_nothing(root: ElementTree.Element) -> None:
    """Remove metadata, styles of all elements, and what is drawn without fill and line."""
    for parent in list(root.iter()):
        for child in list(parent):
            style = _declarations(child.get("style", ""))
            empty = child.tag == f"{SVG}path" and style.get("fill") == "none" and "stroke" not in style
            if empty or child.tag in (f"{SVG}metadata", f"{SVG}style"):
                parent.remove(child)


def _targets(element: ElementTree.Element) -> list[str]:
    """Identifiers that an element refers to."""
    return re.findall(r"#([\w.-]+)", element.get(LINK, "") + " " + element.get("clip-path", ""))


def _rewrite(element: ElementTree.Element, name: str, referred: set[str]) -> None:
    """Let an element follow the page: its colors, its font, identifiers of its own, fewer digits."""
    identifier = element.attrib.pop("id", None)
    if identifier in referred:
        element.set("id", f"{name}-{identifier}")
    if LINK in element.attrib:
        element.set("href", f"#{name}-{element.attrib.pop(LINK)[1:]}")
    if "clip-path" in element.attrib:
        element.set("clip-path", element.attrib["clip-path"].replace("#", f"#{name}-"))
    for attribute in ("d", "x", "y", "width", "height", "transform", "points"):
        if attribute in element.attrib:
            element.set(attribute, _rounded(element.attrib[attribute]))
    if element.get("transform", "").startswith("rotate(-0 "):
        del element.attrib["transform"]
    if "style" in element.attrib:
        style = _declarations(element.attrib["style"])
        style.pop("font-family", None)
        kept = {key: value for key, value in style.items() if STYLE_DEFAULTS.get(key) != value}
        element.set("style", ";".join(f"{key}:{_themed(value)}" for key, value in kept.items()))
    if element.tag not in (f"{SVG}text", f"{SVG}tspan"):
        element.text = None
    element.tail = None


def _declarations(style: str) -> dict[str, str]:
    pairs = (declaration.partition(":") for declaration in style.split(";") if declaration.strip())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _themed(value: str) -> str:
    return re.sub("#[0-9a-fA-F]{6}", lambda found: variable(found[0]), value)


def _rounded(numbers: str) -> str:
    """Numbers of a path with two digits, which is finer than a screen."""
    short = re.sub(r"-?\d+\.\d+", lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), numbers)
    return re.sub(r"\s+", " ", short).strip()


def _describe(root: ElementTree.Element, name: str, title: str, description: str) -> None:
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-desc")
    for place, (tag, text) in enumerate((("title", title), ("desc", description))):
        element = ElementTree.Element(f"{SVG}{tag}", {"id": f"{name}-{tag}"})
        element.text = text
        root.insert(place, element)
