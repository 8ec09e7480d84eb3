"""Rendering: the domain's own view, or one made of its words or numbers."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from etude_gym.environment.text_picture import text_picture
from etude_gym.errors import check_name
from etude_gym.tasks.domain import Domain, Worlds
from etude_gym.tasks.observations import Masks, add_row, observation_allocator

METADATA: dict[str, Any] = {"render_modes": ["ansi", "rgb_array"], "render_fps": 4}
"""Gymnasium's metadata, the same for every domain: a view that a domain lacks is made from what it has."""


def check_render_mode(mode: str | None) -> str | None:
    """Warn of a render mode that does not exist, as Gymnasium does; ``render`` then refuses it.

    Args:
        mode: "ansi", "rgb_array" or None.

    Returns:
        The mode as it is.
    """
    if mode is not None and mode not in METADATA["render_modes"]:
        modes = METADATA["render_modes"]
        gymnasium.logger.warn("%s", f"render_mode={mode!r} is none of {modes}: render() will fail.")
    return mode


def render(domain: Domain, worlds: Worlds, row: int, mode: str | None) -> Any:
    """One state as text ("ansi") or as a picture ("rgb_array").

    Args:
        domain: the domain of the worlds.
        worlds: array (n,).
        row: 0 to n - 1.
        mode: "ansi", "rgb_array" or None.

    Returns:
        A str; a uint8 array (height, width, 3); or None where no render mode was chosen, with Gymnasium's
        kind of warning.

    Raises:
        ValueError: for a render mode that does not exist.
    """
    if mode is None:
        gymnasium.logger.warn("render() shows nothing without a render mode: make(..., render_mode='ansi').")
        return None
    check_name("render mode", mode, METADATA["render_modes"])
    if mode in domain.render_modes:
        return domain.render(worlds, row, mode)
    return (
        text_picture(render(domain, worlds, row, "ansi"))
        if mode == "rgb_array"
        else _numbers(domain, worlds, row)
    )


def _numbers(domain: Domain, worlds: Worlds, row: int) -> str:
    """The bare observation and the legal actions, for a domain that has no words."""
    observation = observation_allocator(domain.observation_space)()
    mask: Masks = np.empty(int(domain.action_space.n), dtype=np.int8)
    domain.observe(worlds[row : row + 1], np.zeros(1, dtype=np.int64), add_row(observation), mask[None])
    return f"{observation}\nPossible: {actions_in_words(domain, worlds, row, mask)}"


def actions_in_words(domain: Domain, worlds: Worlds, row: int, mask: Masks) -> str:
    """The legal actions, with their numbers.

    Args:
        domain: the domain of the worlds.
        worlds: array (n,).
        row: 0 to n - 1.
        mask: int8 (actions,), 1 where legal.
    """
    names = (
        (str(action), domain.action_name(worlds, row, action)) for action in np.flatnonzero(mask).tolist()
    )
    return "   ".join(name if name == number else f"{number} {name}" for number, name in names)
