"""Recipes in files: how agents are set up for environments, as data.

A file reads ``{"recipes": {ID: {AGENT: {"horizon": ..., "num_envs": ..., "options": {...}, ...}}}}``. The
agents that ship with the suite have one such file; ``etude pilot`` writes into any.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from etude_gym.errors import check_name
from etude_gym.runs.agents import Recipe
from etude_gym.runs.folder import read_json, write_json


def read_recipes(path: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """All recipes of a file, by id of the environment, without its module, and name of the agent.

    Args:
        path: of the file.

    Raises:
        ValueError: if it is no such file.
    """
    if not path.is_file():
        raise ValueError(f"{path} does not exist. Recipes are found by: etude pilot ID --out {path}")
    content = read_json(path)
    recipes = content.get("recipes") if isinstance(content, dict) else None
    if not isinstance(recipes, dict) or not all(isinstance(each, dict) for each in recipes.values()):
        raise ValueError(f'{path} holds no recipes: it reads {{"recipes": {{ID: {{AGENT: {{...}}}}}}}}.')
    return recipes


def recipe_in(path: Path, agent: str, env_id: str) -> Recipe:
    """The recipe of an agent for an environment in a file.

    Args:
        path: of the file.
        agent: name of the agent, or "module:Class".
        env_id: id of the environment, with or without its module.

    Raises:
        ValueError: if the file holds none, or not one.
    """
    recipes = read_recipes(path)
    own = recipes[check_name(f"environment of the recipes in {path}", env_id.rpartition(":")[2], recipes)]
    try:
        return Recipe(**own[check_name(f"agent of the recipes in {path}", agent, own)])
    except TypeError as error:
        raise ValueError(f"{path}: the recipe of {agent!r} for {env_id} is none ({error}).") from error


def write_recipe(path: Path, agent: str, env_id: str, recipe: Recipe) -> None:
    """Write a recipe into a file, beside the others that it holds.

    Args:
        path: of the file; made if it does not exist.
        agent: name of the agent, or "module:Class".
        env_id: id of the environment, with or without its module.
        recipe: of the agent.
    """
    content: dict[str, Any] = read_json(path) if path.exists() else {"recipes": {}}
    own = content["recipes"].setdefault(env_id.rpartition(":")[2], {})
    own[agent] = {**own.get(agent, {}), **asdict(recipe)}
    write_json(path, content)
