"""Recipes: how each agent is set up for each domain, read from ``recipes.json``."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from importlib.resources import files

from etude_gym.runs.agents import Recipe


def find_recipe(
    agent: str, env_id: str, *, instead: str | None = None, options: Collection[str] = ()
) -> Recipe:
    """The shipped recipe of an agent for a domain; an empty one if there is none.

    Args:
        agent: name of the agent ("sb3").
        env_id: id of the environment, with or without its module.
        instead: agent whose recipe serves where this one has none of its own: its horizon, its samplers and
            those of its options that are named in ``options``.
        options: see ``instead``.
    """
    shipped = json.loads(files("etude_gym.agents").joinpath("recipes.json").read_text())["recipes"]
    declared = shipped.get(env_id.rpartition(":")[2], {})
    if agent in declared:
        return Recipe(**declared[agent])
    if instead not in declared:
        return Recipe()
    borrowed = Recipe(**declared[instead])
    fitting = {name: value for name, value in borrowed.options.items() if name in options}
    return replace(borrowed, options=fitting, source=f"the recipe of {instead!r}: {borrowed.source}")
