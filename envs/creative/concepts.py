"""The concept base: properties, what arises where two of them meet, and effects with their ways.

Hand-written, and the same in every task. How familiar a way is differs from task to task, and so does what
has which property.
"""

from __future__ import annotations

KINDS = {
    "shape": ("long", "flat", "hollow", "sharp"),
    "substance": ("heavy", "rigid", "magnetic", "heatproof"),
    "surface": ("sticky", "rough", "shiny", "watertight"),
    "behavior": ("flexible", "springy", "absorbent", "buoyant"),
}
"""Properties by their kind, which can be told of an aspect from afar."""

PROPERTIES = tuple(name for names in KINDS.values() for name in names)

ARISING = {
    "long": ("springy", "flexible"),  # it can be stretched
    "flat": ("heavy", "flexible"),  # it is pressed down
    "hollow": ("flat", "springy"),  # it is rolled up
    "sharp": ("flat", "rough"),  # it is ground
    "heavy": ("absorbent", "hollow"),  # it fills up
    "rigid": ("long", "hollow"),  # a tube does not bend
    "magnetic": ("shiny", "long"),  # wound up, it carries a current
    "heatproof": ("shiny", "hollow"),  # like a vacuum flask
    "sticky": ("absorbent", "rough"),  # it clings when wet
    "rough": ("sharp", "rigid"),  # it is notched
    "shiny": ("heavy", "sharp"),  # it is burnished
    "watertight": ("sticky", "flat"),  # it is sealed
    "flexible": ("long", "absorbent"),  # like yarn
    "springy": ("rigid", "flexible"),  # it snaps back
    "absorbent": ("rough", "flexible"),  # it is frayed
    "buoyant": ("hollow", "watertight"),  # it holds air
}
"""For each property the two that give it when they are joined."""

EFFECTS = {
    "reach something far away": (
        ("long", "rigid"),
        ("flexible", "heavy"),
        ("springy", "sharp"),
        ("magnetic", "flexible"),
        ("long", "sticky"),
        ("buoyant", "flexible"),
    ),
    "carry water": (
        ("hollow", "watertight"),
        ("absorbent", "flexible"),
        ("hollow", "rigid"),
        ("absorbent", "springy"),
        ("watertight", "flexible"),
        ("flat", "rigid"),
    ),
    "keep the rain out": (
        ("flat", "watertight"),
        ("sticky", "flexible"),
        ("hollow", "heavy"),
        ("flat", "absorbent"),
        ("shiny", "rigid"),
        ("watertight", "heatproof"),
    ),
    "cut something open": (
        ("sharp", "rigid"),
        ("rough", "long"),
        ("heavy", "sharp"),
        ("springy", "rigid"),
        ("rough", "heavy"),
        ("shiny", "heatproof"),
    ),
    "be seen from far away": (
        ("shiny", "flat"),
        ("long", "buoyant"),
        ("shiny", "flexible"),
        ("rough", "heatproof"),
        ("hollow", "buoyant"),
        ("springy", "shiny"),
    ),
    "hold something in place": (
        ("heavy", "flat"),
        ("sticky", "rough"),
        ("long", "flexible"),
        ("magnetic", "rigid"),
        ("sharp", "springy"),
        ("absorbent", "sticky"),
    ),
    "keep something warm": (
        ("absorbent", "flat"),
        ("hollow", "heatproof"),
        ("heavy", "heatproof"),
        ("shiny", "absorbent"),
        ("buoyant", "absorbent"),
        ("watertight", "flexible"),
    ),
    "make a noise": (
        ("hollow", "springy"),
        ("heavy", "rigid"),
        ("rough", "rigid"),
        ("flat", "springy"),
        ("magnetic", "springy"),
        ("sharp", "hollow"),
    ),
    "get across a ditch": (
        ("flat", "long"),
        ("buoyant", "rigid"),
        ("rough", "flexible"),
        ("springy", "heavy"),
        ("sharp", "long"),
        ("sticky", "magnetic"),
    ),
    "clean a floor": (
        ("absorbent", "rough"),
        ("long", "absorbent"),
        ("flat", "sticky"),
        ("watertight", "rough"),
        ("magnetic", "flat"),
        ("buoyant", "sticky"),
    ),
    "light a fire": (
        ("shiny", "hollow"),
        ("rough", "springy"),
        ("sharp", "heavy"),
        ("magnetic", "long"),
        ("absorbent", "heatproof"),
        ("watertight", "shiny"),
    ),
    "soften a fall": (
        ("springy", "flat"),
        ("absorbent", "hollow"),
        ("buoyant", "flat"),
        ("flexible", "heavy"),
        ("hollow", "flexible"),
        ("sticky", "springy"),
    ),
}
"""Effects, and the ways in which each can be had: a way joins two properties."""
