"""What the logic recipe learns within its horizon, and what the axes do to it then: minutes of work."""

from __future__ import annotations

import numpy as np
import pytest

from etude_gym.environment.registration import make_domain
from etude_gym.measure.anchors import stratified_tasks
from etude_gym.measure.rollout import begin, rollout

pytest.importorskip("sb3_contrib")

from training import POINTS, SEEDS, band_scores, lowest_mean, scores_along, train, untrained

pytestmark = pytest.mark.slow

ENV = "EtudeLogic-v0"
DOMAIN = make_domain(ENV)
STATUSES = ("entailed", "refuted", "unknown", "inconsistent")
SPLIT = ("cases", "puzzle")


@pytest.fixture(scope="module")
def before():
    """The recipe's policy for each seed, before any practice."""
    return [untrained(ENV, DOMAIN, seed) for seed in SEEDS]


@pytest.fixture(scope="module")
def trained():
    """A policy for each seed after one shipped horizon, easy tasks first."""
    return [train(ENV, DOMAIN, "schedule", horizons=1, seed=seed) for seed in SEEDS]


@pytest.fixture(scope="module")
def scores(trained):
    """Mean scores of the trained policies, shape (seeds, families, bands)."""
    return np.array([band_scores(DOMAIN, learner) for learner in trained])


@pytest.fixture(scope="module")
def proofs():
    """Probe tasks, the status of each, and whether its proof needs an assumption."""
    tasks = stratified_tasks(DOMAIN, "probe", 0, 400)
    worlds = begin(DOMAIN, tasks).worlds
    return tasks, worlds["status"].copy(), worlds["needs_split"] > 0


def test_within_its_horizon_the_recipe_learns_every_family_and_band_on_every_seed(before, scores):
    first = np.array([band_scores(DOMAIN, learner) for learner in before])
    print(DOMAIN.space.families, "untrained", first.round(3), "trained", scores.round(3), sep="\n")
    assert (first < 0.1).all()
    assert (scores - first > 0.3).all()


def test_within_its_horizon_the_recipe_scores_a_half_beyond_the_doubt_of_seeds(scores):
    assert lowest_mean(scores.mean(axis=(1, 2))) > 0.5


def test_the_hardest_band_is_harder_than_the_easiest_on_every_seed(scores):
    assert (scores[:, :, -1].mean(axis=1) < scores[:, :, 0].mean(axis=1)).all()


def test_what_takes_a_proof_is_solved_on_every_seed_and_what_takes_two_models_on_some(trained, proofs):
    tasks, status, _ = proofs
    solved = np.array([rollout(DOMAIN, tasks, learner)["solved"] for learner in trained])
    shares = {name: solved[:, status == i].mean(axis=1) for i, name in enumerate(STATUSES)}
    print({name: share.round(3).tolist() for name, share in shares.items()})
    assert min(share.min() for name, share in shares.items() if name != "unknown") > 0.8
    assert shares["unknown"].max() > 0.3


@pytest.mark.parametrize("family", SPLIT)
def test_case_splits_are_learned_where_they_are_needed_on_every_seed(before, trained, proofs, family):
    tasks, status, needs_split = proofs
    rows = needs_split & (status != STATUSES.index("unknown"))
    rows &= tasks.family == DOMAIN.space.families.index(family)

    def solved_with_a_split(learner):
        outcome = rollout(DOMAIN, tasks[np.flatnonzero(rows)], learner)
        return (outcome["solved"] & (outcome["splits"] > 0)).mean()

    assert max(map(solved_with_a_split, before)) < 0.05
    assert min(map(solved_with_a_split, trained)) > 0.5


@pytest.mark.parametrize("axis", ["chain", "context", "distractors"])
def test_each_axis_by_itself_lowers_the_score_of_the_trained_policy_of_every_seed(trained, axis):
    means = np.array([scores_along(axis, DOMAIN, learner, count=4000, rest=0.3) for learner in trained])
    print(axis, means.round(3), sep="\n")
    assert (np.polyfit(POINTS, means.T, 1)[0] < 0).all()
    assert (means[:, -1] < means[:, 0]).all()


def test_the_first_constraint_lowers_the_score_of_trained_policies(trained):
    """The first brings the case split with it; more of them leave the score where it is."""
    means = [scores_along("constraints", DOMAIN, learner, count=4000, rest=0.3) for learner in trained]
    print("constraints", np.round(means, 3), sep="\n")
    mean = np.mean(means, axis=0)
    assert (mean[1:] < mean[0]).all()
