"""Profiles of simulated learners, whose strengths and weaknesses are known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from etude_gym.difficulty.bands import BANDS, cells_of, difficulty_in_band
from etude_gym.difficulty.region import Region
from etude_gym.difficulty.space import Axis, DifficultySpace
from etude_gym.measure.ability_curve import AbilityCurve, ramps
from etude_gym.measure.answer_sample import AnswerSample
from etude_gym.measure.answers import Answers
from etude_gym.measure.intervals import estimate
from etude_gym.measure.profile import profile
from etude_gym.measure.score_surface import LEVELS
from etude_gym.practice.learner_model import sigmoid
from etude_gym.tasks.keys import TaskBatch, task_keys

SPACE = DifficultySpace(tuple(Axis(name, "") for name in ("length", "noise", "depth")), ("first", "second"))
CELLS = cells_of(SPACE)
CHANCE = (0.1, 0.05, 0.05, 0.0, 0.5, 0.4, 0.3, 0.2)
ABILITY = (3.0, 1.0)
STEEP = np.array([[0.0, 0.0, 1.0, 3.0], [0.5, 0.5, 0.0, 0.0], [0.0] * 4])
"""Drops in logits by quarter: length hurts beyond one half, noise below it, depth does nothing."""
FLAT = np.array([[0.0] * 4, [0.0] * 4, [0.5] * 4])
DROPS = (STEEP, FLAT)


def success(family, difficulty):
    return sigmoid(ABILITY[family] - ramps(difficulty) @ DROPS[family].ravel())


def answers(seed, items=100, graded=False, shift=0.0):
    """Answers of one run, its ability shifted in logits: right or wrong by chance, or expected scores."""
    random = np.random.default_rng(seed)
    keys = task_keys("simulated", "anchor", seed, np.arange(items * len(CELLS)))
    blocks = keys.reshape(len(CELLS), items)
    difficulty = np.concatenate(
        [
            difficulty_in_band(SPACE, block, SPACE.families.index(family), band)
            for block, (family, band) in zip(blocks, CELLS, strict=True)
        ]
    )
    families = np.repeat([SPACE.families.index(family) for family, _ in CELLS], items)
    logits = [np.log(p / (1 - p)) for p in (success(0, difficulty), success(1, difficulty))]
    expected = sigmoid(np.where(families == 0, *logits) + shift)
    chance = np.repeat(CHANCE, items)
    mean = chance + (1 - chance) * expected
    scores = mean if graded else (random.random(len(mean)) < mean).astype(float)
    batch = TaskBatch(keys, difficulty, families)
    return Answers.to_tasks(batch, np.repeat([b for _, b in CELLS], items), scores, ("ok",) * len(mean), {})


def profile_of(*runs, **options):
    return profile(SPACE, CELLS, CHANCE, runs, **options)


def axis_of(found, axis, family):
    [one] = [each for each in found.axes if (each.axis, each.family) == (axis, family)]
    return one


def along(family, axis, others):
    """True scores at all levels of an axis, averaged over points of the others."""
    points = np.repeat(others[None], len(LEVELS), axis=0)
    points[:, :, axis] = LEVELS[:, None]
    return success(family, points.reshape(-1, len(SPACE))).reshape(len(LEVELS), -1).mean(axis=1)


EVERYWHERE = np.random.default_rng(0).random((20_000, len(SPACE)))


# --- The model -------------------------------------------------------------------------------------------


def test_ramps_are_the_parts_of_each_quarter_that_lie_below():
    assert ramps(np.array([[0.0, 1.0], [0.3, 0.5]])).tolist() == [
        [0, 0, 0, 0, 1, 1, 1, 1], pytest.approx([1, 0.2, 0, 0, 1, 1, 0, 0]),
    ]  # fmt: skip


def test_the_fit_of_expected_scores_is_the_model_that_made_them():
    runs = [answers(seed, 1000, graded=True) for seed in range(4)]
    for family, drops in enumerate(DROPS):
        rows = [run.families == family for run in runs]
        difficulty = np.concatenate([run.difficulties[r] for run, r in zip(runs, rows, strict=True)])
        scores = np.concatenate([run.scores[r] for run, r in zip(runs, rows, strict=True)])
        chance = np.tile(np.repeat(CHANCE[4 * family : 4 * family + 4], 1000), 4)
        fitted = AbilityCurve.fit(difficulty, scores, chance, np.ones(len(scores)))
        assert fitted.ability == pytest.approx(ABILITY[family], abs=0.05)
        np.testing.assert_allclose(fitted.drops, drops, atol=0.06)


def test_drops_are_never_negative_and_the_fit_is_the_best_with_that():
    """A score that rises with an axis is fitted by one that does not change; moving any drop is worse."""
    random = np.random.default_rng(1)
    difficulty = random.random((2000, 2))
    scores = (random.random(2000) < sigmoid(-1 + 2 * difficulty[:, 0] - difficulty[:, 1])).astype(float)
    none, once = np.zeros(2000), np.ones(2000)
    fitted = AbilityCurve.fit(difficulty, scores, none, once)
    assert fitted.drops.min() >= 0
    assert fitted.drops[0].max() < 1e-6
    assert fitted.drops[1].sum() == pytest.approx(1.0, abs=0.3)

    def likelihood(curve):
        p = curve.scores(difficulty)
        return (scores * np.log(p) + (1 - scores) * np.log(1 - p)).sum()

    for axis, quarter in itertools.product(range(2), range(4)):
        for step in (-0.3, 0.3):
            drops = fitted.drops.copy()
            drops[axis, quarter] = max(0.0, drops[axis, quarter] + step)
            assert likelihood(AbilityCurve(fitted.ability, drops)) < likelihood(fitted) + 0.05


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_a_learner_that_always_fails_or_never_does_has_a_finite_model(score):
    difficulty = np.random.default_rng(2).random((400, 3))
    fitted = AbilityCurve.fit(difficulty, np.full(400, score), np.full(400, 0.2), np.ones(400))
    assert np.abs(fitted.scores(difficulty) - score).max() < 0.05
    assert np.isfinite(fitted.drops).all()


def test_answers_that_count_twice_are_answers_that_are_there_twice():
    run = answers(3)
    rows = run.families == 0
    columns = run.difficulties[rows], run.scores[rows], np.repeat(CHANCE[:4], 100)
    longer = (np.concatenate([column, column[:50]]) for column in columns)
    twice = AbilityCurve.fit(*longer, weights=np.ones(450))
    weighted = AbilityCurve.fit(*columns, np.r_[np.full(50, 2.0), np.ones(350)])
    np.testing.assert_allclose(twice.drops, weighted.drops, atol=1e-3)


# --- The profile -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pooled():
    return profile_of(*(answers(seed, 200) for seed in range(5)))


@pytest.mark.parametrize(("family", "axis"), list(itertools.product(range(2), range(3))))
def test_scores_along_an_axis_are_the_true_ones(pooled, family, axis):
    found = axis_of(pooled, SPACE.names[axis], SPACE.families[family])
    for curve, others in ((found.averaged, EVERYWHERE), (found.fixed, np.full((1, 3), 0.5))):
        true = along(family, axis, others)
        assert np.abs([each.value for each in curve] - true).max() < 0.06
        assert all(each.low <= each.value + 1e-9 and each.value <= each.high + 1e-9 for each in curve[5:16])
    assert found.drop.value == pytest.approx(found.averaged[0].value - found.averaged[-1].value)


def test_the_axis_that_hurts_most_is_named_first(pooled):
    assert pooled.weakest_axes("first")[0].axis == "length"
    assert pooled.weakest_axes("second")[0].axis == "depth"
    mean = axis_of(pooled, "length", None).averaged
    parts = [axis_of(pooled, "length", family).averaged for family in SPACE.families]
    assert mean[7].value == pytest.approx((parts[0][7].value + parts[1][7].value) / 2)


def test_the_frontier_is_where_the_true_score_is_one_half(pooled):
    true = along(0, 0, EVERYWHERE)
    assert axis_of(pooled, "length", "first").frontier == pytest.approx(
        np.interp(-0.5, -true, LEVELS), abs=0.05
    )
    assert axis_of(pooled, "depth", "first").frontier is None


def test_contours_hold_the_true_scores_and_their_frontier(pooled):
    [found] = [c for c in pooled.contours if (c.axes, c.family) == (("length", "noise"), "first")]
    points = np.array([[length, noise, 0.5] for length in LEVELS for noise in LEVELS])
    assert np.abs(np.array(found.scores) - success(0, points).reshape(21, 21)).max() < 0.09
    assert found.frontier[0] is None  # the score is high at length 0, whatever the noise
    crossed = [(at, row) for at, row in zip(found.frontier, found.scores, strict=True) if at is not None]
    assert crossed
    for level, row in crossed:
        assert np.interp(level, LEVELS, row) == pytest.approx(0.5)
    assert len(pooled.contours) == 3 * 3  # pairs of axes; the mean, and two families


def test_cells_are_means_corrected_for_chance(pooled):
    runs = [answers(seed, 200) for seed in range(5)]
    assert [(cell.family, cell.band) for cell in pooled.cells] == list(CELLS)
    for cell, chance in zip(pooled.cells, CHANCE, strict=True):
        mean = np.mean(
            [
                r.scores[(r.families == SPACE.families.index(cell.family)) & (r.bands == cell.band)]
                for r in runs
            ]
        )
        assert cell.score.value == pytest.approx((mean - chance) / (1 - chance))
        assert cell.tasks == 1000
    assert pooled.score.value == pytest.approx(np.mean([cell.score.value for cell in pooled.cells]))


def mean_of(run):
    """Chance-corrected mean score of a run with 20 tasks in each cell."""
    chance = np.repeat(CHANCE, 20)
    return ((run.scores - chance) / (1 - chance)).mean()


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    """Runs differ in ability, so that the interval of the tasks alone would be too narrow."""
    shifts = np.linspace(-1, 1, 41)
    true = np.mean([mean_of(answers(7, 20, graded=True, shift=shift)) for shift in shifts])
    held, trials = 0, 60
    for trial in range(trials):
        shifts = np.random.default_rng(trial).uniform(-1, 1, size=8)
        runs = [answers(100 * trial + k, 20, shift=shift) for k, shift in enumerate(shifts)]
        sample, generator = AnswerSample.of(SPACE, CELLS, CHANCE, runs), np.random.default_rng(trial)
        weights = [np.ones(len(sample.scores)), *(sample.resampled(generator) for _ in range(60))]
        found = estimate(np.array([sample.cell_means(each).mean() for each in weights]))
        assert found.value == pytest.approx(np.mean([mean_of(run) for run in runs]))
        held += found.low <= true <= found.high
    assert held / trials >= 0.8


def test_a_profile_is_the_same_each_time_and_statuses_are_counted():
    run = answers(4, 10)
    statuses = ("malformed",) * 3 + ("ok",) * (len(run) - 3)
    scores = np.where(np.arange(len(run)) == 5, np.nan, run.scores)
    changed = Answers(**{**vars(run), "statuses": statuses, "scores": scores})
    found = profile_of(changed, resamples=30)
    assert found == profile_of(changed, resamples=30)
    assert found.statuses == {"first": {"ok": 37, "malformed": 3}, "second": {"ok": 40}}
    assert (found.seeds, found.tasks, found.cells[0].tasks) == (1, 79, 9)
    assert found.reliability is None


def test_confidence_is_measured_on_the_answers_that_count():
    run = answers(4, 10)
    right = (run.scores > 0.5).astype(float)
    sure = Answers(**{**vars(run), "confidence": np.full(len(run), 0.8), "correct": right})
    reliability = profile_of(sure, sure, resamples=20).reliability
    assert reliability.answered == 160
    assert reliability.brier == pytest.approx(np.mean((0.8 - right) ** 2))


def test_what_makes_no_profile_is_refused():
    run = answers(0, 5)
    with pytest.raises(ValueError, match="at least one run"):
        profile_of()
    with pytest.raises(ValueError, match="resamples must be at least 20"):
        profile_of(run, resamples=1)
    with pytest.raises(ValueError, match="one number for each of 8 cells, got 2"):
        profile(SPACE, CELLS, (0.0, 0.0), [run])
    with pytest.raises(ValueError, match="of 3 axes, the space has 1: other"):
        profile(DifficultySpace((Axis("other", ""),), SPACE.families), CELLS, CHANCE, [run])
    with pytest.raises(ValueError, match="expected"):
        profile(SPACE, cells_of(SPACE, (-1, *BANDS)), (0.0,) * 10, [run])


# --- What to practice next -------------------------------------------------------------------------------


def test_the_region_of_the_largest_predicted_gain_has_the_largest_true_one(pooled):
    """One logit more of ability in a region, which holds an eighth of the tasks: a quarter of a family."""

    def gain(region):
        family = SPACE.families.index(region.family)
        inside = region.contains(SPACE, np.full(len(EVERYWHERE), family), EVERYWHERE)
        now = success(family, EVERYWHERE[inside])
        return (sigmoid(np.log(now / (1 - now)) + 1) - now).mean() / 8

    assert len(pooled.next) == 2 * 3 * 4
    gains = [each.gain.value for each in pooled.next]
    assert gains == sorted(gains, reverse=True)
    true = [gain(each.region) for each in pooled.next]
    np.testing.assert_allclose(gains, true, atol=0.0025)
    assert true[0] > 0.97 * max(true)


def test_a_region_holds_the_tasks_within_its_limits():
    region = Region({"noise": (0.25, 0.5)}, "second")
    difficulty = np.array([[0.1, 0.3, 0.9], [0.1, 0.6, 0.9], [0.1, 0.3, 0.9]])
    assert region.contains(SPACE, np.array([1, 1, 0]), difficulty).tolist() == [True, False, False]
    assert region.options == "family=second,noise=0.25-0.5"
    assert Region.parse(SPACE, {"noise": "0.25-0.5", "family": "second"}) == region


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "Name a region"),
        ({"depht": "0-1"}, "Unknown difficulty axis 'depht'.*Did you mean 'depth'"),
        ({"depth": "1-0"}, "depth needs a range within 0 and 1 such as depth=0.75-1, got '1-0'"),
        ({"depth": 0.5}, "depth needs a range"),
        ({"depth": "0-x"}, "depth needs a range"),
        ({"depth": "0.5-1.5"}, "depth needs a range"),
        ({"family": "third"}, "Unknown family 'third'"),
    ],
)
def test_what_is_no_region_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Region.parse(SPACE, options)
