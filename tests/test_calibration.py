"""Calibrated difficulty: known answers, planted parameters, files, bands, the learner model, placement."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from etude_gym.difficulty.bands import BANDS, band_of, difficulty_in_band
from etude_gym.difficulty.calibration import Calibration, read_calibration, shipped_calibration
from etude_gym.difficulty.calibration_fit import PanelAnswers, fit_calibration, with_edges
from etude_gym.difficulty.curve import DifficultyCurve, Interaction
from etude_gym.difficulty.family_fit import FamilyAnswers, fit_curve, fit_family
from etude_gym.difficulty.item_response import fit_items
from etude_gym.difficulty.monotone import SHARES, curve_basis
from etude_gym.difficulty.panel_model import Answers, PanelModel
from etude_gym.difficulty.placement import Placement, place
from etude_gym.difficulty.space import Axis, DifficultySpace
from etude_gym.practice.learner_model import LearnerModel
from etude_gym.practice.strategies import make_sampler
from etude_gym.randomness import mix


def numbers(text):
    return np.array(text.split(), dtype=np.int64)


# How often each pattern of five answers was given, 00000 to 11111 (Bock and Lieberman 1970, Psychometrika).
PATTERNS = np.array([[int(digit) for digit in f"{pattern:05b}"] for pattern in range(32)], dtype=float)
LSAT6 = numbers("3 6 2 11 1 1 3 4 1 8 0 16 0 3 2 15 10 29 14 81 3 28 15 80 16 56 21 173 11 61 28 298")
LSAT7 = numbers("12 19 1 7 3 19 3 17 10 5 3 7 7 23 8 28 7 39 11 34 14 51 15 90 6 25 7 35 18 136 32 308")
# Verbal aggression, 316 persons, 24 items (De Boeck and Wilson 2004, Explanatory Item Response Models): how
# many said yes to each item, wanting before doing, and how many persons said yes 0, 1, ..., 24 times. Rasch's
# model and the linear logistic test model depend on nothing else of the table.
YES = numbers("225 190 162 249 198 158 188 118 76 218 137 99 225 180 108 207 154 78 145 77 29 198 135 57")
PERSONS = numbers("4 4 10 7 18 13 11 17 21 20 19 15 19 15 25 23 16 9 12 10 6 9 5 3 5")
AXES = ("steep", "flat", "inert")
WEIGHTS = np.array([3.0, 1.5, 0.0])


def verbal_aggression():
    """A table of answers with the margins of the data, and the properties of its items."""
    scores, left = np.repeat(np.arange(25), PERSONS), YES.copy()
    table = np.zeros((len(scores), len(YES)))
    for person in np.argsort(-scores):
        chosen = np.argsort(-left, kind="stable")[: scores[person]]
        table[person, chosen] = 1
        left[chosen] -= 1
    assert_array_equal(left, 0)
    behavior = np.tile([[0.5, 0.5], [0.5, -1.0], [-1.0, 0.5]], (8, 1))  # curse, scold, shout
    doing, oneself = np.repeat([0, 1], 12), np.repeat([0, 0, 1, 1] * 2, 3)
    return table, np.column_stack([np.ones(24), doing, oneself, behavior])


def simulate(
    seed, lineages=40, occasions=3, tasks=96, floor=0.05, spread=0.3, weights=WEIGHTS, power=1.0, also=None
):
    """Answers of a panel whose axes cost what ``weights`` say, straight where ``power`` is 1."""
    random = np.random.default_rng(seed)
    abilities = np.cumsum(random.normal(0.6, 0.8, (lineages, occasions)), axis=1)
    abilities -= 0.3 * (occasions + 1)  # the mean of all lineages there could be
    number = lineages * occasions * tasks
    lineage = np.repeat(np.arange(lineages), occasions * tasks)
    occasion = np.tile(np.repeat(np.arange(occasions), tasks), lineages)
    difficulty = random.random((number, len(weights)))
    slopes = random.normal(0.0, spread, (lineages, len(weights)))
    logits = abilities[lineage, occasion] - 0.5 - difficulty**power @ weights
    logits -= ((difficulty - 0.5) * slopes[lineage]).sum(axis=1)
    if also is not None:
        logits -= also.coefficient * also.feature(difficulty)
    mu = floor + (1.0 - floor) / (1.0 + np.exp(-logits))
    scores = (random.random(number) < mu).astype(float)
    return FamilyAnswers(difficulty, scores, lineage, occasion, np.full(number, -1))


@cache
def fitted():
    answers = simulate(1)
    return answers, fit_family(answers, AXES, floor=0.05, resamples=40)


def curve_of(*weights, interactions=(), **others):
    values = {"floor": 0.1, "ceiling": 0.95, "intercept": -1.0, "ability_deviation": 1.5} | others
    flat = DifficultyCurve(
        coefficients=tuple((weight,) * 5 for weight in weights),
        interactions=interactions,
        edges=(0.0, 0.0, 0.0),
        slope_deviations=(0.2,) * len(weights),
        **values,
    )
    return with_edges(flat, len(weights))


def calibration_of(*curves, drift=1e-3):
    names = tuple(f"family{index}" for index in range(len(curves)))
    axes = tuple(f"axis{index}" for index in range(len(curves[0].coefficients)))
    ties = tuple(tuple(1.0 if i == j else 0.8 for j in range(len(curves))) for i in range(len(curves)))
    return Calibration("toy-v0", axes, names, curves, ties, drift, {"verdict": "calibrated"})


def space_of(calibration):
    return DifficultySpace(
        tuple(Axis(name, "") for name in calibration.axes), calibration.families, calibration
    )


# --- Known answers ---------------------------------------------------------------------------------------


def test_lsat7_two_parameter_model():
    fit = fit_items(np.repeat(PATTERNS, LSAT7, axis=0), one_slope=False)
    assert_allclose(fit.slopes, [0.988, 1.081, 1.708, 0.765, 0.736], atol=2e-3)
    assert_allclose(fit.easiness, [1.856, 0.808, 1.805, 0.486, 1.855], atol=2e-3)
    assert fit.log_likelihood == pytest.approx(-2658.805, abs=1e-3)


def test_lsat6_rasch_model():
    fit = fit_items(np.repeat(PATTERNS, LSAT6, axis=0))
    assert_allclose(fit.easiness, [2.73, 0.999, 0.24, 1.306, 2.099], atol=1e-3)


def test_verbal_aggression_rasch_and_linear_logistic_test_model():
    table, properties = verbal_aggression()
    rasch, explained = fit_items(table), fit_items(table, properties=properties)
    assert rasch.deviance == pytest.approx(8073.8, abs=0.05)
    assert explained.deviance == pytest.approx(8233.2, abs=0.05)
    assert_allclose(explained.weights[1:], [-0.671, -1.028, 1.361, 0.703], atol=2e-3)
    assert np.corrcoef(rasch.easiness, explained.easiness)[0, 1] ** 2 == pytest.approx(0.89, abs=5e-3)


@pytest.mark.slow
def test_verbal_aggression_by_the_model_of_panels():
    table, properties = verbal_aggression()
    person, item = (index.ravel() for index in np.indices(table.shape))
    features = np.column_stack([properties[:, 1:3], np.tile([[0, 0], [1, 0], [0, 1]], (8, 1))])
    nothing = np.zeros((len(item), 0))
    answers = Answers(features[item], nothing, table.ravel(), person, 0 * person)
    found = PanelModel(answers, lapses=False).fit().coefficients
    # Curse is the reference here: scold is harder by 1.5 x .703, shout by 1.5 x 1.361.
    assert_allclose(found, [0.671, 1.028, 1.5 * 0.703, 1.5 * 1.361], atol=5e-3)


# --- Planted parameters ----------------------------------------------------------------------------------


def test_planted_weights_are_within_their_intervals_or_near():
    _, fit = fitted()
    for name, weight in zip(AXES, WEIGHTS, strict=True):
        low, high = fit.intervals[name]
        assert low - 0.2 <= weight <= high + 0.2
        assert high - low < 1.6
    assert fit.curve.ability_deviation == pytest.approx(1.3, abs=0.5)


def test_curves_bend_where_the_data_do_and_are_straight_elsewhere():
    bent = fit_curve(simulate(2, tasks=192, power=3.0, weights=np.array([3.0, 0.0])), 0.05).curve
    straight = fit_curve(simulate(2, tasks=192, weights=np.array([3.0, 0.0])), 0.05).curve
    half = curve_basis(np.array(0.5)) @ np.array([bent.coefficients[0], straight.coefficients[0]]).T
    assert half[0] / bent.weights[0] < 0.3
    assert half[1] / straight.weights[0] == pytest.approx(0.5, abs=0.06)


def test_curves_never_fall_and_bases_add_up_to_the_value():
    values = np.linspace(0.0, 1.0, 21)
    assert_allclose(curve_basis(values).sum(axis=1), values)
    assert_allclose(curve_basis(np.array(1.0)), SHARES)
    _, fit = fitted()
    assert min(min(axis) for axis in fit.curve.coefficients) >= 0.0


def test_an_interaction_is_taken_where_there_is_one_only():
    planted = Interaction((0, 1), "both", 4.0)
    options = {"lineages": 24, "occasions": 2, "tasks": 128, "weights": np.array([0.5, 0.5]), "spread": 0.1}
    found = fit_family(simulate(3, also=planted, **options), AXES[:2], floor=0.05, resamples=20)
    assert [(each.axes, each.kind) for each in found.curve.interactions] == [((0, 1), "both")]
    assert not fit_family(simulate(3, **options), AXES[:2], floor=0.05, resamples=20).curve.interactions


def test_graded_scores_have_a_dispersion_and_the_same_weights():
    answers = simulate(4, spread=0.0)
    random = np.random.default_rng(0)
    graded = 0.05 + 0.95 / (
        1 + np.exp(answers.difficulty @ WEIGHTS - random.normal(0, 1, 40)[answers.lineage])
    )
    fit = fit_curve(replace(answers, scores=random.beta(4 * graded, 4 * (1 - graded))), 0.05)
    assert fit.parameters.dispersion == pytest.approx(0.2, abs=0.03)  # of a beta distribution: 1 / (1 + 4)
    assert_allclose(fit.curve.weights, WEIGHTS, atol=0.25)


@pytest.mark.slow
def test_intervals_cover_planted_parameters():
    truth = {"steep": 3.0, "flat": 1.5, "intercept": 0.5}
    covered = []
    for seed in range(100):
        answers = simulate(seed, weights=np.array([3.0, 1.5]))
        fit = fit_family(answers, AXES[:2], floor=0.05, resamples=40, seed=seed)
        covered.append(
            [low <= truth[name] <= high for name, (low, high) in fit.intervals.items() if name in truth]
        )
    print("covered", dict(zip(("intercept", "steep", "flat"), np.mean(covered, axis=0), strict=True)))
    assert 0.92 <= np.mean(covered) <= 0.98


# --- The file --------------------------------------------------------------------------------------------


def test_a_calibration_survives_its_file(tmp_path):
    calibration = calibration_of(curve_of(2.0, 1.0, interactions=(Interaction((0, 1), "either", 0.3),)))
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(calibration.record()))
    assert read_calibration(path) == calibration
    assert read_calibration(path).hash == calibration.hash
    assert read_calibration(path).report == {"verdict": "calibrated"}
    assert shipped_calibration(str(tmp_path / "domain.py")) == calibration
    assert shipped_calibration(str(tmp_path / "sub" / "domain.py")) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda record: record.pop("axes"), "axes"),
        (lambda record: record.update(format=99), "format is 99"),
        (lambda record: record.update(drift_per_result=5.0), "changed by hand"),
        (lambda record: record["families"]["family0"].update(ceiling=0.0), "out of order"),
        (lambda record: record["families"]["family0"].update(coefficients=[[1.0]]), "coefficients"),
    ],
)
def test_a_damaged_calibration_is_refused(tmp_path, change, message):
    record = calibration_of(curve_of(2.0, 1.0)).record()
    change(record)
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(record))
    with pytest.raises(ValueError, match=f"(?s){message}.*etude calibrate"):
        read_calibration(path)


def test_a_calibration_of_other_axes_is_refused():
    calibration = calibration_of(curve_of(2.0, 1.0))
    with pytest.raises(ValueError, match="etude panel"):
        DifficultySpace((Axis("other", ""),), calibration.families, calibration)


# --- Who reads it ----------------------------------------------------------------------------------------


def test_bands_are_quartiles_of_calibrated_difficulty_within_a_family():
    calibration = calibration_of(curve_of(5.0, 0.2), curve_of(0.2, 1.0, intercept=3.0))
    space = space_of(calibration)
    keys = mix(1, np.arange(4000))
    for family in (0, 1):
        difficulty = space.uniform(keys)
        families = np.full(4000, family)
        bands = band_of(space, difficulty, families)
        assert_allclose(np.bincount(bands) / 4000, 0.25, atol=0.03)
        by_level = np.argsort(calibration.logits(families, difficulty))
        assert (np.diff(bands[by_level]) >= 0).all()
        for band in BANDS:
            drawn = difficulty_in_band(space, keys[:500], family, band)
            assert_array_equal(band_of(space, drawn, families[:500]), band)


def test_samplers_with_bands_draw_in_a_calibrated_space():
    space = space_of(calibration_of(curve_of(5.0, 0.2), curve_of(0.2, 1.0)))
    for name in ("learning_progress", "frontier", "drill", "adaptive,drill_share=0.5"):
        drawn = make_sampler(name, space).draw(mix(2, np.arange(200)))
        assert drawn.difficulty.shape == (200, 2)


def test_the_learner_model_starts_from_the_calibrated_costs_and_finds_the_ability():
    calibration = calibration_of(
        curve_of(4.0, 1.0), curve_of(2.0, 3.0, interactions=(Interaction((0, 1), "both", 1.0),))
    )
    space = space_of(calibration)
    model, keys = LearnerModel(space, dispersion=1.0), mix(3, np.arange(3000))
    difficulty, family = space.uniform(keys), (np.arange(3000) % 2).astype(np.int64)
    costs = calibration.logits(family, difficulty) + 1.0  # less the intercepts, which are -1
    assert_allclose(model.logits(difficulty, family), -costs, atol=1e-9)
    assert model.drift_per_result == 1e-3
    ability = np.array([2.0, 1.0])
    expected = 0.1 + 0.85 / (1 + np.exp(costs - ability[family]))
    scores = (np.random.default_rng(0).random(3000) < expected).astype(float)
    for start in range(0, 3000, 50):
        rows = slice(start, start + 50)
        model.update(difficulty[rows], family[rows], scores[rows])
    assert_allclose(model.ability, ability, atol=0.8)


# --- Placement -------------------------------------------------------------------------------------------


def test_placement_finds_the_ability_with_its_interval():
    curve = curve_of(3.0, 2.0)
    random = np.random.default_rng(0)
    covered = []
    for seed in range(20):
        ability = random.normal(1.0, 1.5)
        found = place(
            curve,
            lambda task, at=ability: float(random.random() < curve.expected(at, curve.logits(task))),
            seed=seed,
        )
        assert found.standard_error <= 0.25
        covered.append(found.interval[0] <= ability <= found.interval[1])
    assert np.mean(covered) >= 0.75


def test_chosen_tasks_place_a_learner_sooner_than_random_ones():
    curve, random = curve_of(3.0, 3.0, 3.0, 3.0), np.random.default_rng(1)

    def asked(ability, adaptive):
        numbers = [
            place(
                curve,
                lambda task: float(random.random() < curve.expected(ability, curve.logits(task))),
                adaptive=adaptive,
                seed=seed,
            ).asked
            for seed in range(3)
        ]
        return np.mean(numbers)

    assert asked(-1.0, adaptive=False) > 5 * asked(
        -1.0, adaptive=True
    )  # novices, whom most tasks tell nothing of
    assert asked(5.0, adaptive=False) > asked(5.0, adaptive=True)


def test_the_same_task_is_not_chosen_for_all():
    curve = curve_of(3.0, 2.0)
    candidates = np.random.default_rng(0).random((200, 2))
    chosen = {int(Placement(curve).choose(candidates, np.random.default_rng(seed))[0]) for seed in range(50)}
    assert len(chosen) > 10
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        Placement(curve).update(candidates[:1], np.array([1.5]))


# --- Bad input -------------------------------------------------------------------------------------------


def test_answers_that_allow_no_calibration_are_refused():
    answers = simulate(5, lineages=2, tasks=20)
    with pytest.raises(ValueError, match="at least two lineages"):
        fit_curve(answers[answers.lineage == 0], 0.05)
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        fit_curve(replace(answers, scores=answers.scores * 2.0), 0.05)
    space = DifficultySpace(tuple(Axis(name, "") for name in AXES), ("one", "two"))
    panel = PanelAnswers(
        np.zeros(len(answers.scores), np.int64),
        answers.difficulty,
        answers.scores,
        answers.lineage,
        answers.occasion,
        answers.item,
        ("a", "b"),
        ("x", "y"),
        np.full((2, 3), np.nan),
    )
    with pytest.raises(ValueError, match="no answers to tasks of the family 'two'"):
        fit_calibration("toy-v0", space, panel, [0.05, 0.05], resamples=20)
    with pytest.raises(ValueError, match="table"):
        fit_items(np.full((3, 2), np.nan))
