"""What the creative recipe learns within four horizons, and what the axes do to it then: minutes of work."""

from __future__ import annotations

import numpy as np
import pytest

from etude_gym.difficulty.bands import BANDS, ENTRY_BAND
from etude_gym.environment.registration import make_domain
from etude_gym.measure.anchors import stratified_tasks
from etude_gym.measure.rollout import rollout

pytest.importorskip("sb3_contrib")

from training import SEEDS, lowest_mean, scores_along, train, untrained

pytestmark = pytest.mark.slow

ENV = "EtudeCreative-v0"
DOMAIN = make_domain(ENV)
PER_CELL = 300


@pytest.fixture(scope="module")
def trained():
    """A policy for each seed after four shipped horizons over the whole space."""
    return [train(ENV, DOMAIN, "uniform", horizons=4, seed=seed) for seed in SEEDS]


def scores_of(agent):
    """Mean scores on probe tasks, shape (families, bands), the entry band first."""
    tasks = stratified_tasks(DOMAIN, "probe", 0, PER_CELL, bands=(ENTRY_BAND, *BANDS))
    scores = rollout(DOMAIN, tasks, agent)["score"]
    return scores.reshape(len(DOMAIN.space.families), -1, PER_CELL).mean(axis=2)


def test_within_minutes_the_recipe_learns_every_family_and_band_on_every_seed(trained):
    first = np.array([scores_of(untrained(ENV, DOMAIN, seed)) for seed in SEEDS])
    scores = np.array([scores_of(learner) for learner in trained])
    print(DOMAIN.space.families, scores.round(3), sep="\n")
    assert (first < 0.1).all()
    assert (scores - first > 0.1).all()
    assert lowest_mean(scores[:, :, 0].mean(axis=1)) > 0.65
    assert lowest_mean(scores[:, :, 1:].mean(axis=(1, 2))) > 0.4


@pytest.mark.parametrize("axis", DOMAIN.space.names)
def test_each_axis_by_itself_lowers_the_score_of_trained_policies(trained, axis):
    means = np.array([scores_along(axis, DOMAIN, learner, count=3000, rest=0.5) for learner in trained])
    print(axis, means.round(3))
    assert (means[:, -1] < means[:, 0]).all()
    assert (np.diff(means.mean(axis=0)) < 0.01).all()
