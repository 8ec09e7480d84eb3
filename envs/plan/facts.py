"""The facts of a world in plain Python, for text, picture and PDDL export.

A world is one row of the worlds, a record of ``kernel.WORLD``. Items are numbered with raw ones first; recipe
i makes the i-th crafted item. What places and items are called is said by ``names``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.envs.plan import kernel
from etude_gym.envs.plan.kernel import (
    ANYWHERE,
    COMPLETION,
    MAX_PLACES,
    NUM_ACTIONS,
    NUM_CRAFTED,
    NUM_FEATURES,
    NUM_ITEMS,
    NUM_RAW,
)

EVENT_TEXTS = (
    "The source here has run dry: nothing was gathered, and nothing will be found here again.",
    "A carried item broke upon arrival.",
    "Energy leaked upon arrival: what is left just reaches the nearest fuel.",
)
"""What an event of each kind has done, in the order of their numbers."""


def sources_of(world: Any, raw: int) -> list[int]:
    """Places where a raw item can be gathered now, in ascending order.

    Args:
        world: record of ``kernel.WORLD``.
        raw: number of the raw item, 0 to 3.
    """
    return sorted(int(place) for place in world["source"][raw] if 0 <= place < MAX_PLACES)


def station_of(world: Any, recipe: int) -> int | None:
    """The only place where a recipe can be carried out; None if that is anywhere.

    Args:
        world: record of ``kernel.WORLD``.
        recipe: number of the crafted item, 0 to 3.
    """
    station = int(world["station"][recipe])
    return None if station == ANYWHERE else station


def ingredients_of(world: Any, recipe: int) -> list[tuple[int, int]]:
    """The ingredients of a recipe.

    Args:
        world: record of ``kernel.WORLD``.
        recipe: number of the crafted item, 0 to 3.

    Returns:
        (item, units) for each of one or two ingredients.
    """
    slots = zip(world["ingredient"][recipe].tolist(), world["amount"][recipe].tolist(), strict=True)
    return [(item, amount) for item, amount in slots if 0 <= item < NUM_ITEMS and amount > 0]


def goals_of(world: Any) -> list[int]:
    """Items that are wanted at the depot, delivered ones included.

    Args:
        world: record of ``kernel.WORLD``.
    """
    return [int(item) for item in np.flatnonzero(world["goal"])]


def items_at(world: Any, place: int) -> tuple[list[int], list[int]]:
    """Raw items that can be gathered at a place, and items that can be crafted there only.

    Args:
        world: record of ``kernel.WORLD``.
        place: 0 to num_places - 1.

    Returns:
        Two lists of numbers of items.
    """
    raws = [raw for raw in range(NUM_RAW) if place in sources_of(world, raw)]
    crafted = [NUM_RAW + recipe for recipe in range(NUM_CRAFTED) if station_of(world, recipe) == place]
    return raws, crafted


def score_of(world: Any) -> float:
    """The score so far, in [0, 1].

    Args:
        world: record of ``kernel.WORLD``.
    """
    share = float(world["delivered_work"] / world["total_work"])
    return (1 - COMPLETION) * share + COMPLETION * (share == 1.0)


def event_text(world: Any) -> str:
    """What the chance event of the last action has done; empty if there was none.

    Args:
        world: record of ``kernel.WORLD``.
    """
    event = int(world["last_event"])
    return EVENT_TEXTS[event] if event >= 0 else ""


def legal_actions(world: Any) -> list[int]:
    """Actions that are legal now, in ascending order.

    Args:
        world: record of ``kernel.WORLD``.
    """
    features = np.zeros((1, NUM_FEATURES), dtype=np.float32)
    mask = np.zeros((1, NUM_ACTIONS), dtype=np.int8)
    kernel.observe_batch(np.asarray(world).reshape(1), np.zeros(1, dtype=np.int64), features, mask)
    return [int(action) for action in np.flatnonzero(mask[0])]
