"""Recipes: how each agent is set up for each domain, read from ``recipes.json``."""

from __future__ import annotations

import json
from importlib.resources import files

from etude_gym.runs.agents import Recipe


def find_recipe(agent: str, env_id: str) -> Recipe:
    """The shipped recipe of an agent for a domain; an empty one if there is none.

    Args:
        agent: name of the agent ("sb3").
        env_id: id of the environment, with or without its module.
    """
    shipped = json.loads(files("etude_gym.agents").joinpath("recipes.json").read_text())["recipes"]
    declared = shipped.get(env_id.rpartition(":")[2], {})
    return Recipe(**declared.get(agent, {}))
