"""What the plan recipe learns within its horizon, and what the axes do to it then: minutes of work."""

from __future__ import annotations

import numpy as np
import pytest

from etude_gym.environment.registration import make_domain

pytest.importorskip("sb3_contrib")

from training import SEEDS, band_scores, lowest_mean, scores_along, train, untrained

pytestmark = pytest.mark.slow

ENV = "EtudePlan-v0"
DOMAIN = make_domain(ENV)


@pytest.fixture(scope="module")
def trained():
    """A policy for each seed after one shipped horizon of uniform practice."""
    return [train(ENV, DOMAIN, "uniform", horizons=1, seed=seed) for seed in SEEDS]


@pytest.fixture(scope="module")
def scores(trained):
    """Mean scores of the trained policies, shape (seeds, bands)."""
    return np.array([band_scores(DOMAIN, learner) for learner in trained])[:, 0]


def test_within_its_horizon_the_recipe_learns_every_band_on_every_seed(scores):
    before = np.array([band_scores(DOMAIN, untrained(ENV, DOMAIN, seed)) for seed in SEEDS])[:, 0]
    print("untrained", before.round(3), "trained", scores.round(3), sep="\n")
    assert (before < 0.1).all()
    assert (scores - before > (0.6, 0.5, 0.35, 0.2)).all()


def test_within_its_horizon_the_recipe_scores_a_half_beyond_the_doubt_of_seeds(scores):
    assert lowest_mean(scores.mean(axis=1)) > 0.5


def test_a_harder_band_is_harder_for_the_trained_policy_of_every_seed(scores):
    assert (np.diff(scores, axis=1) < 0).all()


@pytest.mark.parametrize("axis", DOMAIN.space.names)
def test_each_axis_by_itself_lowers_the_score_of_trained_policies(trained, axis):
    means = np.array([scores_along(axis, DOMAIN, learner, count=4000, rest=0.3) for learner in trained])
    print(axis, means.round(3), sep="\n")
    assert (np.diff(means.mean(axis=0)) < 0).all()
    assert (means[:, -1] < means[:, 0]).all()
