"""What the recipe of EtudeCode-v0 learns within its horizon: minutes of work."""

from __future__ import annotations

import numpy as np
import pytest

from etude_gym.environment.registration import make_domain

pytest.importorskip("sb3_contrib")

from training import SEEDS, band_scores, lowest_mean, train, untrained

pytestmark = pytest.mark.slow

ENV = "EtudeCode-v0"
DOMAIN = make_domain(ENV)


@pytest.fixture(scope="module")
def scores():
    """Mean scores after one shipped horizon on a fixed set of tasks, shape (seeds, families, bands)."""
    learners = [train(ENV, DOMAIN, "static", horizons=1, seed=seed) for seed in SEEDS]
    return np.array([band_scores(DOMAIN, learner, per_cell=200) for learner in learners])


def test_within_its_horizon_the_recipe_learns_every_family_on_every_seed(scores):
    before = np.array([band_scores(DOMAIN, untrained(ENV, DOMAIN, s), per_cell=200) for s in SEEDS])
    print(DOMAIN.space.families, "untrained", before.round(3), "trained", scores.round(3), sep="\n")
    assert (before < 0.1).all()
    assert (scores[:, :, 0] - before[:, :, 0] > 0.2).all()


def test_within_its_horizon_the_recipe_scores_a_third_beyond_the_doubt_of_seeds(scores):
    assert lowest_mean(scores.mean(axis=(1, 2))) > 1 / 3


def test_the_hardest_band_is_harder_than_the_easiest_for_trained_policies(scores):
    assert scores[:, :, -1].mean() < scores[:, :, 0].mean()
