"""Replies for the plan domain in fixed words, and how a task says them in names of its own."""

from __future__ import annotations

import re
from functools import cache

from etude_gym.envs.plan import facts
from etude_gym.envs.plan.names import names_of
from etude_gym.text import draw_tasks

LEVELS = ("horizon", "resources", "contingency", "decomposition")
PLACES = ("Depot", "Alder", "Birch")
ITEMS = ("timber", "ore", "clay", "fiber", "panel", "bracket", "module", "engine")


@cache
def plan_world():
    """An easy task with three places, in which timber alone is wanted."""
    for task in draw_tasks("EtudePlan-v0", "practice", 100, seed=0, difficulty=dict.fromkeys(LEVELS, 0.0)):
        world = task.worlds[0]
        if facts.goals_of(world) == [0]:
            return world
    raise AssertionError("There is no such task.")


def in_words_of(world, text):
    """A text with the names that a task has for the places and items that are named here."""
    names = names_of(world)
    own = dict(zip((*PLACES, *ITEMS), (*names.places[:3], *names.items), strict=True))
    own |= {word.lower(): name.lower() for word, name in own.items()}
    own |= {word.upper(): name.upper() for word, name in own.items()}
    own |= {word.title(): name.title() for word, name in own.items()}
    return re.sub(r"\b(" + "|".join(own) + r")(?=s?\b)", lambda found: own[found[0]], text)
