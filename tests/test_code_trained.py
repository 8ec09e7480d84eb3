"""What the recipe of EtudeCode-v0 learns within its horizon: minutes of work."""

from __future__ import annotations

import pytest

from etude_gym.environment.registration import make_domain
from etude_gym.measure.anchors import stratified_tasks
from etude_gym.measure.rollout import rollout

pytest.importorskip("sb3_contrib")

from training import train

pytestmark = pytest.mark.slow

ENV = "EtudeCode-v0"


def test_the_recipe_learns_to_write_to_repair_and_to_restructure():
    domain = make_domain(ENV)
    learner, seconds = train(ENV, domain, "static", horizons=1)
    tasks = stratified_tasks(domain, "probe", 0, 200)
    scores = rollout(domain, tasks, learner)["score"].reshape(len(domain.space.families), 4, -1).mean(axis=2)
    print(f"{domain.space.families} by band {scores.round(3).tolist()}, {seconds:.0f} CPU seconds")
    # Untrained, all are below 0.1.
    assert scores[:, 0].min() >= 0.3
    assert scores.mean() >= 0.35
