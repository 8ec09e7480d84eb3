"""The learner model tracks simulated learners whose ability and weights are known."""

import json

import numpy as np
import pytest

from etude_gym.difficulty.space import Axis, DifficultySpace
from etude_gym.practice.learner_model import SMALLEST_WEIGHT, LearnerModel, sigmoid

SPACE = DifficultySpace(tuple(Axis(name, "") for name in ("a", "b", "c", "d")), ("first", "second"))
WEIGHTS = np.array([3.0, 2.0, 1.0, 0.0])


def results_of(ability, n, rng):
    """Difficulties, families and Bernoulli scores of a learner with known abilities, shape (2,)."""
    difficulty, family = rng.random((n, 4)), rng.integers(0, 2, n)
    scores = (rng.random(n) < sigmoid(ability[family] - difficulty @ WEIGHTS)).astype(float)
    return difficulty, family, scores


def track(model, seed, batches=150, batch=64, shock=0.0):
    """Follow a learner that goes from -1 to 5 (second family half a logit behind) with a noisy path.

    Args:
        model: learner model to update.
        seed: which learner.
        batches: number of batches.
        batch: results in each.
        shock: standard deviation, in logits, of a change that all results of a batch share.

    Returns:
        True and estimated abilities and standard errors, each of shape (batches, 2).
    """
    rng = np.random.default_rng(seed)
    path = 2.0 - 3.0 * np.cos(np.linspace(0.0, np.pi, batches)) + np.cumsum(rng.normal(0.0, 0.05, batches))
    true = np.stack((path, path - 0.5), axis=1)
    estimates = []
    for ability in true:
        model.update(*results_of(ability + rng.normal(0.0, shock), batch, rng))
        estimates.append((model.ability, model.ability_standard_error))
    ability, error = np.swapaxes(np.array(estimates), 0, 1)
    return true, ability, error


def error_after_start(true, estimate):
    return float(np.sqrt(np.mean((estimate - true)[20:] ** 2)))


def test_tracks_a_drifting_ability_where_a_stationary_estimate_does_not():
    for seed in range(3):
        drifting = error_after_start(*track(LearnerModel(SPACE), seed)[:2])
        stationary = error_after_start(*track(LearnerModel(SPACE, drift_per_result=0.0), seed)[:2])
        assert drifting < 0.6
        assert stationary > 1.2
        assert drifting < 0.5 * stationary


def coverage(shock, **options):
    """Share of true abilities inside the 95% interval."""
    inside = []
    for seed in range(6):
        true, estimate, error = track(LearnerModel(SPACE, **options), seed, shock=shock)
        inside.append(np.abs(estimate - true)[20:] < 1.96 * error[20:])
    return np.mean(inside)


def test_intervals_cover_a_drifting_ability_when_results_are_independent():
    assert 0.93 < coverage(shock=0.0, dispersion=1.0) < 0.995


def test_default_intervals_cover_it_when_results_of_a_batch_are_correlated():
    assert 0.9 < coverage(shock=0.5) < 0.995
    assert coverage(shock=0.5, dispersion=1.0) < coverage(shock=0.5) - 0.02


def test_recovers_the_weights_and_their_order():
    model = LearnerModel(SPACE)
    track(model, seed=0)
    assert list(np.argsort(-model.weights)) == [0, 1, 2, 3]
    np.testing.assert_allclose(model.weights, WEIGHTS, atol=0.75)


def test_weights_stay_above_zero_when_scores_rise_with_difficulty():
    model, rng = LearnerModel(SPACE), np.random.default_rng(0)
    for _ in range(50):
        difficulty = rng.random((64, 4))
        scores = (rng.random(64) < sigmoid(4.0 * difficulty[:, 0] - 2.0)).astype(float)
        model.update(difficulty, np.zeros(64, dtype=np.int64), scores)
        assert (model.weights >= SMALLEST_WEIGHT).all()
    assert model.weights[0] == pytest.approx(SMALLEST_WEIGHT)
    middle = sigmoid(model.logits(np.full((1, 4), 0.5), np.zeros(1, dtype=np.int64)))
    assert middle[0] == pytest.approx(0.5, abs=0.15)


def test_graded_scores_converge_to_their_mean():
    model, rng = LearnerModel(SPACE), np.random.default_rng(0)
    for _ in range(60):
        difficulty, family = rng.random((64, 4)), rng.integers(0, 2, 64)
        model.update(difficulty, family, sigmoid(2.0 - difficulty @ WEIGHTS))
    difficulty, family = rng.random((200, 4)), rng.integers(0, 2, 200)
    expected = sigmoid(2.0 - difficulty @ WEIGHTS)
    np.testing.assert_allclose(sigmoid(model.logits(difficulty, family)), expected, atol=0.05)


def test_results_in_one_family_inform_the_other_and_less_so():
    model, rng = LearnerModel(SPACE), np.random.default_rng(0)
    before = model.ability_standard_error
    for _ in range(20):
        model.update(rng.random((64, 4)), np.zeros(64, dtype=np.int64), np.ones(64))
    assert 0.5 < model.ability[1] < model.ability[0]
    error = model.ability_standard_error
    assert error[0] < error[1] < before[1] + 0.5


def test_dispersion_widens_intervals():
    rng = np.random.default_rng(0)
    batch = results_of(np.array([2.0, 2.0]), 512, rng)
    independent = LearnerModel(SPACE, dispersion=1.0)
    correlated = LearnerModel(SPACE, dispersion=4.0)
    independent.update(*batch)
    correlated.update(*batch)
    assert (correlated.ability_standard_error > 1.3 * independent.ability_standard_error).all()


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_endless_failure_or_success_stays_finite_and_is_overcome(score):
    model, rng = LearnerModel(SPACE), np.random.default_rng(0)
    for _ in range(1500):
        model.update(rng.random((64, 4)), rng.integers(0, 2, 64), np.full(64, score))
    logits = model.logits(rng.random((100, 4)), rng.integers(0, 2, 100))
    assert (np.abs(logits) < 40).all()
    assert (model.ability_standard_error > 0).all()
    assert (np.abs(sigmoid(logits) - score) < 0.05).all()
    for _ in range(20):
        model.update(rng.random((64, 4)), rng.integers(0, 2, 64), np.full(64, 0.5))
    recovered = sigmoid(model.logits(rng.random((100, 4)), rng.integers(0, 2, 100)))
    np.testing.assert_allclose(recovered, 0.5, atol=0.15)


def test_an_empty_batch_changes_nothing():
    model = LearnerModel(SPACE)
    before = model.state_dict()
    model.update(np.empty((0, 4)), np.empty(0, dtype=np.int64), np.empty(0))
    assert model.state_dict() == before


def test_state_goes_through_json_and_continues_identically():
    rng = np.random.default_rng(0)
    model, restored = LearnerModel(SPACE), LearnerModel(SPACE)
    model.update(*results_of(np.array([1.0, 0.0]), 64, rng))
    restored.load_state_dict(json.loads(json.dumps(model.state_dict())))
    batch = results_of(np.array([1.0, 0.0]), 64, rng)
    model.update(*batch)
    restored.update(*batch)
    assert restored.state_dict() == model.state_dict()


def test_bad_input_is_refused():
    model = LearnerModel(SPACE)
    difficulty, family = np.zeros((2, 4)), np.zeros(2, dtype=np.int64)
    with pytest.raises(ValueError, match=r"Scores must lie in \[0, 1\]"):
        model.update(difficulty, family, np.array([0.5, np.nan]))
    with pytest.raises(ValueError, match="dispersion"):
        LearnerModel(SPACE, dispersion=0.0)
    with pytest.raises(ValueError, match="variance"):
        LearnerModel(SPACE, drift_per_result=-1.0)
    other = LearnerModel(DifficultySpace((Axis("a", ""),), ("first",)))
    with pytest.raises(ValueError, match="same domain"):
        model.load_state_dict(other.state_dict())
