"""What the difficulty axes do to a trained policy, and how good the recipe makes it: minutes of work."""

from __future__ import annotations

import numpy as np
import pytest

from etude_gym.environment.registration import make_domain
from etude_gym.measure.anchors import stratified_tasks
from etude_gym.measure.rollout import rollout

pytest.importorskip("sb3_contrib")

from training import scores_along, train

pytestmark = pytest.mark.slow

ENV = "EtudePlan-v0"
DOMAIN = make_domain(ENV)


@pytest.fixture(scope="module")
def trained():
    return train(ENV, DOMAIN, "uniform", horizons=1)[0]


def test_the_recipe_learns_within_five_cpu_minutes():
    learner, seconds = train(ENV, DOMAIN, "uniform", horizons=4)
    scores = rollout(DOMAIN, stratified_tasks(DOMAIN, "probe", 0, 1000), learner)["score"].reshape(4, -1)
    bands = scores.mean(axis=1)
    print(f"bands {bands.round(3)}, overall {bands.mean():.3f}, {seconds:.0f} CPU seconds")
    assert seconds < 300
    assert bands[0] >= 0.80
    assert bands.mean() >= 0.5


@pytest.mark.parametrize("axis", DOMAIN.space.names)
def test_each_axis_by_itself_lowers_the_score_of_the_trained_policy(trained, axis):
    means = scores_along(axis, DOMAIN, trained, count=8000, rest=0.3)
    print(axis, means.round(3))
    assert (np.diff(means) < 0).all(), means.round(3)
