"""What slow tests of trained policies share: training by the shipped recipe, and scores along an axis."""

from __future__ import annotations

import time

import numpy as np
import torch

from etude_gym.environment.vector import EtudeVectorEnv
from etude_gym.measure.rollout import rollout
from etude_gym.practice.strategies import SAMPLERS
from etude_gym.runs.agents import load_recipe, make_agent
from etude_gym.tasks.keys import TaskBatch, task_keys

POINTS = np.linspace(0.0, 1.0, 5)


def train(env_id, domain, practice, horizons, seed=500):
    """The recipe's policy after practice over so many shipped horizons, and its CPU seconds."""
    torch.set_num_threads(1)
    recipe = load_recipe("sb3", env_id)
    budget = horizons * recipe.horizon
    learner = make_agent("sb3", domain, seed=seed, horizon=budget, **recipe.options)
    sampler = SAMPLERS[practice](domain.space, **recipe.samplers.get(practice, {}))
    env = EtudeVectorEnv(domain, recipe.num_envs, autoreset_mode="SameStep", practice=sampler)
    env.reset(seed=seed)
    started = time.process_time()
    learner.learn(env, budget)
    return learner, time.process_time() - started


def scores_along(axis, domain, learner, count, rest):
    """Mean scores on probe tasks at five values of one axis, the others at ``rest``, families in turn."""
    keys = task_keys(domain.name, "probe", 1, np.arange(count))
    family = np.arange(count) % len(domain.space.families)
    means = []
    for value in POINTS:
        difficulty = np.full((count, len(domain.space)), rest)
        difficulty[:, domain.space.names.index(axis)] = value
        means.append(rollout(domain, TaskBatch(keys, difficulty, family), learner)["score"].mean())
    return np.array(means)
