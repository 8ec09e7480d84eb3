"""What the difficulty axes do to a trained policy, and how good the recipe makes it: minutes of work."""

from __future__ import annotations

import time

import numpy as np
import pytest

from etude_gym.agent import load_recipe, make_agent
from etude_gym.environment import EtudeVectorEnv
from etude_gym.evaluation import rollout, stratified_tasks
from etude_gym.registration import make_domain
from etude_gym.tasks import TaskBatch, task_keys

torch = pytest.importorskip("torch")
pytest.importorskip("sb3_contrib")

pytestmark = pytest.mark.slow

ENV = "EtudePlan-v0"
DOMAIN = make_domain(ENV)
POINTS = np.linspace(0.0, 1.0, 5)
TASKS_PER_POINT = 8000


def train(horizons):
    """The recipe's policy after uniform practice over so many shipped horizons, and its CPU seconds."""
    torch.set_num_threads(1)
    recipe = load_recipe("sb3", ENV)
    budget = horizons * recipe.horizon
    learner = make_agent("sb3", DOMAIN, seed=500, horizon=budget, **recipe.options)
    env = EtudeVectorEnv(DOMAIN, recipe.num_envs, autoreset_mode="SameStep", practice="uniform")
    env.reset(seed=500)
    started = time.process_time()
    learner.learn(env, budget)
    return learner, time.process_time() - started


@pytest.fixture(scope="module")
def trained():
    return train(horizons=1)[0]


def test_the_recipe_learns_within_five_cpu_minutes():
    learner, seconds = train(horizons=4)
    scores = rollout(DOMAIN, stratified_tasks(DOMAIN, "probe", 0, 1000), learner)["score"].reshape(4, -1)
    bands = scores.mean(axis=1)
    print(f"bands {bands.round(3)}, overall {bands.mean():.3f}, {seconds:.0f} CPU seconds")
    assert seconds < 300
    assert bands[0] >= 0.80
    assert bands.mean() >= 0.5


@pytest.mark.parametrize("axis", DOMAIN.space.names)
def test_each_axis_by_itself_lowers_the_score_of_the_trained_policy(trained, axis):
    keys = task_keys(DOMAIN.name, "probe", 1, np.arange(TASKS_PER_POINT))
    family = np.zeros(TASKS_PER_POINT, dtype=np.int64)
    means = []
    for value in POINTS:
        difficulty = np.full((TASKS_PER_POINT, len(DOMAIN.space)), 0.3)
        difficulty[:, DOMAIN.space.names.index(axis)] = value
        means.append(rollout(DOMAIN, TaskBatch(keys, difficulty, family), trained)["score"].mean())
    print(axis, np.round(means, 3))
    assert (np.diff(means) < 0).all(), np.round(means, 3)
