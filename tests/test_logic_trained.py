"""What practice makes of the reference policy, and what the axes do to it: minutes of work."""

from __future__ import annotations

import numpy as np
import pytest

from etude_gym.environment.registration import make_domain
from etude_gym.measure.anchors import stratified_tasks
from etude_gym.measure.rollout import begin, rollout

pytest.importorskip("sb3_contrib")

from training import scores_along, train

from etude_gym.runs.agents import load_recipe, make_agent

pytestmark = pytest.mark.slow

ENV = "EtudeLogic-v0"
DOMAIN = make_domain(ENV)
STATUSES = ("entailed", "refuted", "unknown", "inconsistent")
TASKS_PER_CELL = 400
SPLIT = ("cases", "puzzle")


@pytest.fixture(scope="module")
def trained():
    """The recipe's policy after two shipped horizons, easy tasks first, and its CPU seconds."""
    return train(ENV, DOMAIN, "schedule", horizons=2)


@pytest.fixture(scope="module")
def half_trained():
    """The same after one horizon: good at much, perfect at nothing."""
    return train(ENV, DOMAIN, "schedule", horizons=1)[0]


@pytest.fixture(scope="module")
def tasks():
    return stratified_tasks(DOMAIN, "probe", 0, TASKS_PER_CELL)


@pytest.fixture(scope="module")
def outcome(trained, tasks):
    return rollout(DOMAIN, tasks, trained[0])


def by_cell(values):
    """Means by family and band."""
    return values.reshape(len(DOMAIN.space.families), -1, TASKS_PER_CELL).mean(axis=2)


def test_the_recipe_learns_within_five_cpu_minutes(trained, tasks, outcome):
    cells = by_cell(outcome["score"])
    status = begin(DOMAIN, tasks).worlds["status"]
    hardest = np.arange(len(tasks)) // TASKS_PER_CELL % 4 == 3
    print(f"{trained[1]:.0f} CPU seconds, overall {cells.mean():.3f}, bands {cells.mean(axis=0).round(3)}")
    print("families", dict(zip(DOMAIN.space.families, cells.mean(axis=1).round(3).tolist(), strict=True)))
    for number, name in enumerate(STATUSES):
        rows = hardest & (status == number)
        shares = {key: outcome[key][rows].mean().round(3) for key in ("score", "solved", "correct")}
        print(f"hardest band, {name}: {shares}, {outcome['wasted_actions'][rows].mean():.1f} wasted actions")
    print("hardest band by family", cells[:, 3].round(3))
    assert trained[1] < 300
    assert cells.mean() >= 0.6
    assert cells[:, 0].mean() >= 0.85


def test_case_splits_are_learned_where_they_are_needed(tasks, outcome):
    """Shares of the tasks whose proof needs an assumption that are solved with a split."""
    worlds = begin(DOMAIN, tasks).worlds
    proved = (worlds["status"] != STATUSES.index("unknown")) & (worlds["needs_split"] > 0)
    untrained = make_agent("sb3", DOMAIN, seed=500, **load_recipe("sb3", ENV).options)
    before = rollout(DOMAIN, tasks, untrained)
    for name in SPLIT:
        rows = proved & (tasks.family == DOMAIN.space.families.index(name))
        shares = [(o["solved"] & (o["splits"] > 0))[rows].mean() for o in (before, outcome)]
        print(f"{name}: solved with a split {shares[0]:.3f} before, {shares[1]:.3f} after training")
        assert shares[0] < 0.05
        assert shares[1] > 0.5


@pytest.mark.parametrize("axis", ["chain", "context", "distractors"])
def test_each_axis_by_itself_lowers_the_score_of_the_trained_policy(half_trained, axis):
    means = scores_along(axis, DOMAIN, half_trained, count=4000, rest=0.3)
    print(axis, means.round(3))
    assert (np.diff(means) < 0).all(), means.round(3)


def test_the_first_constraint_lowers_the_score_of_the_trained_policy(half_trained):
    """The first brings the case split with it; more of them leave the score where it is."""
    means = scores_along("constraints", DOMAIN, half_trained, count=4000, rest=0.3)
    print("constraints", means.round(3))
    assert (means[1:] < means[0]).all(), means.round(3)
