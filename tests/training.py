"""What slow tests of trained policies share: training by the shipped recipe on several seeds, and scores."""

from __future__ import annotations

import numpy as np
import torch

from etude_gym.difficulty.bands import NUM_BANDS
from etude_gym.environment.vector import EtudeVectorEnv
from etude_gym.measure.anchors import stratified_tasks
from etude_gym.measure.intervals import half_width
from etude_gym.measure.rollout import rollout
from etude_gym.practice.strategies import SAMPLERS
from etude_gym.runs.agents import load_recipe, make_agent
from etude_gym.tasks.keys import TaskBatch, task_keys

SEEDS = (500, 501, 502)
"""No claim about learning rests on one of them."""

POINTS = np.linspace(0.0, 1.0, 5)


def untrained(env_id, domain, seed):
    """The recipe's policy before any practice."""
    return make_agent("sb3", domain, seed=seed, **load_recipe("sb3", env_id).options)


def train(env_id, domain, practice, horizons, seed):
    """The recipe's policy after practice over so many shipped horizons."""
    torch.set_num_threads(1)
    recipe = load_recipe("sb3", env_id)
    budget = horizons * recipe.horizon
    learner = make_agent("sb3", domain, seed=seed, horizon=budget, **recipe.options)
    sampler = SAMPLERS[practice](domain.space, **recipe.samplers.get(practice, {}))
    env = EtudeVectorEnv(domain, recipe.num_envs, autoreset_mode="SameStep", practice=sampler)
    env.reset(seed=seed)
    learner.learn(env, budget)
    return learner


def band_scores(domain, agent, per_cell=400):
    """Mean scores on probe tasks, shape (families, bands)."""
    tasks = stratified_tasks(domain, "probe", 0, per_cell)
    return rollout(domain, tasks, agent)["score"].reshape(-1, NUM_BANDS, per_cell).mean(axis=2)


def lowest_mean(values):
    """The lower end of the 95% interval for the mean over seeds."""
    return values.mean(axis=0) - half_width(values)


def scores_along(axis, domain, agent, count, rest):
    """Mean scores on probe tasks at five values of one axis, the others at ``rest``, families in turn."""
    keys = task_keys(domain.name, "probe", 1, np.arange(count))
    family = np.arange(count) % len(domain.space.families)
    means = []
    for value in POINTS:
        difficulty = np.full((count, len(domain.space)), rest)
        difficulty[:, domain.space.names.index(axis)] = value
        means.append(rollout(domain, TaskBatch(keys, difficulty, family), agent)["score"].mean())
    return np.array(means)
