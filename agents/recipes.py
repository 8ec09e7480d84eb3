"""Recipes: how each agent is set up for each domain, read from ``recipes.json``."""

from __future__ import annotations

from pathlib import Path

from etude_gym.runs.agents import Recipe
from etude_gym.runs.recipes import read_recipes

SHIPPED = Path(__file__).with_name("recipes.json")


def find_recipe(agent: str, env_id: str) -> Recipe:
    """The shipped recipe of an agent for a domain; an empty one if there is none.

    Args:
        agent: name of the agent ("sb3").
        env_id: id of the environment, with or without its module.
    """
    return Recipe(**read_recipes(SHIPPED).get(env_id.rpartition(":")[2], {}).get(agent, {}))
