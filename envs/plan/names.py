"""Names of places and items, drawn for each task: a plan that was learned by heart names what is not there.

Numbers are all that the game knows; what text, pictures and exports call them is decided here alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from etude_gym.envs.plan.kernel import MAX_PLACES, NUM_CRAFTED, NUM_ITEMS, NUM_RAW
from etude_gym.randomness import absorb, as_words, mix, name_key

DEPOT_NAME = "Depot"


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


PLACES = _words("""
    Alder Aspen Bay Beech Birch Briar Brook Canyon Cave Cedar Cliff Clover Cove Crag Creek Dale Delta Dune
    Eagle Elm Ember Falcon Fern Field Fjord Forest Garden Glade Glen Grove Gulf Harbor Haven Hazel Heath Hedge
    Heron Hill Hollow Inlet Island Ivy Knoll Lagoon Lake Larch Laurel Ledge Linden Lotus Maple Marsh Meadow
    Mill Moor Myrtle Nettle Oak Oasis Orchid Otter Palm Peak Pebble Pine Pond Poplar Quarry Raven Reef Ridge
    River Rowan Sage Shore Sorrel Spring Spruce Summit Swan Tern Thorn Thyme Tower Tulip Tunnel Valley
    Violet Walnut Wharf Willow Yarrow
    """)
RAW_ITEMS = _words("""
    amber apple bark basil beet bone chalk clay coal cocoa copal coral cork corn cream egg fiber fig flax
    flint fruit grain grape hemp herb hide honey horn ice iron jade kelp leek lemon lime linen log maize melon
    milk mint mud oat oil olive onion opal ore pearl peat plum pulp quill reed resin rice rock root rope salt
    sand sap seed shell silk slate stone straw sugar tar tea tin topaz wax wheat wood wool zinc
    """)
CRAFTED_ITEMS = _words("""
    arrow axe badge basin bed bell belt bench boat book boot bowl bread brick broom brush cake canoe chain
    chair chest clock cloak crate crown cup desk dice doll door drum fence flag flute frame gate globe glove
    hat harp hoe hook jug jar kite knife ladle lamp lens lever lock mask medal motor nail net oar oven
    panel paper pen pie pipe plate plow pump quilt radio rake robe ring rug saw scale scarf shelf shirt
    shoe sled soap spade spoon stool sword table tent tile torch toy valve vase vest wagon wheel yoke
    """)


@dataclass(frozen=True)
class Names:
    """What a task calls its places and items.

    Attributes:
        places: one for each place that there may be, the depot first.
        items: one for each item, raw ones first; each has an initial of its own.
    """

    places: tuple[str, ...]
    items: tuple[str, ...]

    @property
    def raw_items(self) -> tuple[str, ...]:
        """The names of the items that are gathered."""
        return self.items[:NUM_RAW]

    @property
    def crafted_items(self) -> tuple[str, ...]:
        """The names of the items that are crafted, by recipe."""
        return self.items[NUM_RAW:]


def names_of(world: Any) -> Names:
    """The names of a task: a pure function of its key.

    Args:
        world: record of ``kernel.WORLD``.
    """
    return _drawn(int(world["key"]))


_DRAW = name_key("plan names")


@lru_cache(maxsize=1024)
def _drawn(key: int) -> Names:
    places = _shuffled(key, 0, PLACES)[: MAX_PLACES - 1]
    items: dict[str, str] = {}  # by initial
    for words, enough in (
        (_shuffled(key, 1, RAW_ITEMS), NUM_RAW),
        (_shuffled(key, 2, CRAFTED_ITEMS), NUM_RAW + NUM_CRAFTED),
    ):
        for word in words:
            if len(items) < enough:
                items.setdefault(word[0], word)
    assert len(items) == NUM_ITEMS
    return Names((DEPOT_NAME, *places), tuple(items.values()))


def _shuffled(key: int, draw: int, words: tuple[str, ...]) -> list[str]:
    order = np.argsort(absorb(mix(_DRAW, key, draw), as_words(np.arange(len(words)))))
    return [words[index] for index in order]
