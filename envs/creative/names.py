"""Names of things and aspects, drawn for each task: what was learned by heart names what is not there.

Numbers are all that the game knows. An aspect is called by a word for something that has one of its
properties.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from etude_gym.envs.creative.concepts import PROPERTIES
from etude_gym.envs.creative.kernel import NUM_ASPECTS, NUM_LEVELS, NUM_THINGS
from etude_gym.randomness import absorb, as_words, mix, name_key


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


THINGS = _words(
    """
    accordion anchor armchair ballista barometer barrow bellows bicycle cabinet caravan carriage
    chandelier churn clarinet clock compass concertina cradle crane dinghy drawbridge dredger easel
    engine excavator ferry forge fountain gondola gramophone guitar gyroscope harmonium harness harrow
    harvester hourglass incubator kayak kiln kite lantern lathe lectern loom mangle metronome
    microscope mill organ orrery pagoda palanquin pendulum perambulator periscope piano
    planetarium plow pulpit pump rickshaw scooter sedan semaphore sextant shuttle sledge stagecoach
    submarine sundial tandem telegraph telescope theodolite toboggan tractor treadmill tricycle trombone
    typewriter wagon wardrobe weighbridge windlass winepress zeppelin zither
    """
)
ASPECTS = {
    "long": ("pole", "stem", "rail", "mast", "shaft"),
    "flat": ("sheet", "panel", "disk", "tray", "slab"),
    "hollow": ("tube", "shell", "drum", "bowl", "horn"),
    "sharp": ("blade", "spike", "thorn", "edge", "fang"),
    "heavy": ("weight", "ballast", "block", "ingot", "boulder"),
    "rigid": ("frame", "bracket", "strut", "rib", "girder"),
    "magnetic": ("magnet", "needle", "armature", "pole-piece", "clasp"),
    "heatproof": ("brick", "crucible", "hearth", "firestone", "tile"),
    "sticky": ("resin", "tar", "glue", "pitch", "wax"),
    "rough": ("rasp", "bark", "grit", "burr", "gravel"),
    "shiny": ("mirror", "foil", "gilding", "chrome", "lacquer"),
    "watertight": ("skin", "seal", "hull", "membrane", "liner"),
    "flexible": ("strap", "cord", "hose", "hinge", "ribbon"),
    "springy": ("spring", "coil", "bow", "rubber", "cushion"),
    "absorbent": ("felt", "sponge", "wick", "wool", "moss"),
    "buoyant": ("cork", "float", "bladder", "balsa", "foam"),
}
"""Words for something that has a property."""


@dataclass(frozen=True)
class Names:
    """What a task calls its things and aspects.

    Attributes:
        things: one for each thing.
        aspects: "thing.aspect", one for each aspect.
    """

    things: tuple[str, ...]
    aspects: tuple[str, ...]


def names_of(world: Any) -> Names:
    """The names of a task: a pure function of it.

    Args:
        world: record of ``kernel.WORLD``.
    """
    return _drawn(int(world["key"]), tuple(world["aspects"].tolist()))


def properties_in(properties: int) -> list[str]:
    """The names of the properties of a set.

    Args:
        properties: bit p is set for property p.
    """
    return [name for number, name in enumerate(PROPERTIES) if properties >> number & 1]


_DRAW = name_key("creative names")


@lru_cache(maxsize=1024)
def _drawn(key: int, aspects: tuple[int, ...]) -> Names:
    order = _random(key, 0, len(THINGS)).argsort()
    things = tuple(THINGS[number] for number in order[:NUM_THINGS])
    choices = _random(key, 1, NUM_ASPECTS)
    words: list[str] = []
    for aspect, properties in enumerate(aspects):
        known = words[aspect - aspect % NUM_LEVELS :]  # of the same thing
        possible = [word for name in properties_in(properties) for word in ASPECTS[name]]
        possible = [word for word in possible if word not in known]
        words.append(possible[int(choices[aspect]) % len(possible)])
    return Names(things, tuple(f"{things[aspect // NUM_LEVELS]}.{word}" for aspect, word in enumerate(words)))


def _random(key: int, draw: int, count: int) -> Any:
    return absorb(mix(_DRAW, key, draw), as_words(np.arange(count)))
