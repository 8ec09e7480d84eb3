"""Practice Efficiency against closed forms, worked examples and simulated experiments."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from etude_gym.measure.bootstrap import item_interval
from etude_gym.measure.checkpoints import PracticeEfficiencyTracker, checkpoint_grid
from etude_gym.measure.curves import CurvePoint, LearningCurve, area, area_weights, from_records, point_record
from etude_gym.measure.milestones import crossing, milestones
from etude_gym.measure.practice_efficiency import breakdown, practice_efficiency

GRID = [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0]
CELLS = (("deliver", 0), ("deliver", 1), ("craft", 0), ("craft", 1))


def make_curve(compute: ArrayLike, scores: ArrayLike, chance: ArrayLike | None = None) -> LearningCurve:
    """A curve from scores of shape (points,), (points, cells) or (points, cells, items)."""
    values = np.asarray(scores, dtype=np.float64)
    values = values.reshape(values.shape + (1,) * (3 - values.ndim))
    points, cells = values.shape[:2]
    return LearningCurve(
        cells=CELLS[:cells],
        chance=np.zeros(cells) if chance is None else np.asarray(chance, dtype=np.float64),
        index=np.arange(points),
        compute=np.asarray(compute, dtype=np.float64),
        env_steps=np.arange(points) * 100,
        scores=values,
    )


def constant_curve(levels: Sequence[float], horizon: float = 128.0) -> LearningCurve:
    """A curve that stands at one level in each cell, so that its areas are those levels."""
    grid = checkpoint_grid(horizon)
    return make_curve(grid, np.tile(levels, (len(grid), 1)))


def random_curve(seed: int, points: int = 9, cells: int = 4, items: int = 16) -> LearningCurve:
    """A noisy rising curve on the grid of horizon 128."""
    generator = np.random.default_rng(seed)
    success = 1 - np.exp(-np.array(GRID[:points]) / generator.uniform(30, 90))
    return make_curve(GRID[:points], generator.random((points, cells, items)) < success[:, None, None])


def exponential_area(tau: float, horizon: float) -> float:
    """A = (1/H) * integral_0^H (1 - exp(-C/tau)) dC = 1 - (tau/H) (1 - exp(-H/tau))."""
    return 1 - tau / horizon * (1 - np.exp(-horizon / tau))


# --- The grid and the area -----------------------------------------------------------------------


def test_the_grid_is_zero_and_the_horizon_halved_seven_times():
    assert checkpoint_grid(128.0) == GRID


@pytest.mark.parametrize("horizon", [0.0, -1.0, float("nan"), float("inf")])
def test_a_horizon_must_be_positive(horizon):
    with pytest.raises(ValueError, match="positive number of compute"):
        checkpoint_grid(horizon)


def test_the_area_is_the_average_by_trapezoids():
    # (0 + .5)/2 * 2 + (.5 + 1)/2 * 2 = .5 + 1.5 = 2 over H = 4.
    assert area([0, 2, 4], [0, 0.5, 1], 4) == 0.5
    # Unequal steps: .25 * 1 + .75 * 3 = 2.5 over H = 4.
    assert area([0, 1, 4], [0, 0.5, 1], 4) == 0.625


def test_a_checkpoint_beyond_the_horizon_only_interpolates():
    # At H = 4 the line from (2, .5) to (6, .9) stands at .7: (.25 * 2 + .6 * 2) / 4.
    assert area([0, 2, 6], [0, 0.5, 0.9], 4) == pytest.approx(0.425, rel=1e-15)
    # What comes after the first checkpoint beyond H counts for nothing.
    assert area([0, 2, 6, 9], [0, 0.5, 0.9, 0.1], 4) == pytest.approx(0.425, rel=1e-15)
    np.testing.assert_allclose(area_weights([0, 2, 6, 9], 4), [0.25, 0.625, 0.125, 0.0], rtol=1e-15)


def test_the_log_scale_averages_over_log_compute_from_the_first_checkpoint():
    # Axis log2 C = 0, 1, 2, 3 to log2 H = 3: (.5 * 0 + .5 + .7 + .5 * .9) / 3; C = 0 does not count.
    assert area([0, 1, 2, 4, 8], [0.3, 0.0, 0.5, 0.7, 0.9], 8, "log") == pytest.approx(0.55, rel=1e-14)
    # Overshoot to 16: at H = 8, half-way from 4 to 16 on the log axis, the value is .8.
    assert area([0, 2, 4, 16], [0, 0.5, 0.7, 0.9], 8, "log") == pytest.approx((0.6 + 0.75) / 2, rel=1e-14)


def test_the_area_keeps_batched_dimensions():
    performance = np.stack([[0, 0.5, 1], [1, 1, 1]], axis=-1)
    np.testing.assert_array_equal(area([0, 2, 4], performance, 4), [0.5, 1.0])
    assert area([0, 2, 4], np.zeros((3, 5, 7)), 4).shape == (5, 7)


def test_a_curve_that_ends_early_is_incomplete_beyond_two_percent():
    # Within 2% the last value is held: (.5 * 98 + 1 * 2) / 100.
    assert area([0, 98], [0, 1], 100) == pytest.approx(0.51, rel=1e-15)
    with pytest.raises(
        ValueError, match=r"incomplete: its curve ends at compute 97, the horizon is 100 \(97%\)"
    ):
        area([0, 97], [0, 1], 100)
    with pytest.raises(ValueError, match="incomplete"):
        practice_efficiency([random_curve(0, points=8)], [random_curve(1)], 128.0)


@pytest.mark.parametrize("compute", [[1, 2], [0, 2, 2], [0, 3, 2], [0, float("nan")], []])
def test_compute_must_start_at_zero_and_increase(compute):
    with pytest.raises(ValueError, match="compute must"):
        area(compute, np.zeros(len(compute)), 2)


def test_a_wrong_scale_is_named():
    with pytest.raises(ValueError, match="Did you mean 'linear'"):
        area([0, 1], [0, 1], 1, "liner")


# --- Learning curves -----------------------------------------------------------------------------


def test_guessing_is_worth_zero_and_the_oracle_one():
    curve = make_curve([0, 1, 2], [[0.2, 0.5], [0.6, 0.75], [1.0, 1.0]], chance=[0.2, 0.5])
    np.testing.assert_allclose(curve.corrected, [[0, 0], [0.5, 0.5], [1, 1]], atol=1e-15)
    np.testing.assert_allclose(curve.mean, [0, 0.5, 1], atol=1e-15)


@pytest.mark.parametrize(
    ("scores", "chance", "message"),
    [
        (np.zeros((2, 2, 3)), [0.0], "chance needs one number for each of 2 cells"),
        (np.zeros((3, 1, 3)), [0.0], "scores must have shape"),
        (np.full((2, 1, 3), 1.5), [0.0], r"scores must be numbers in \[0, 1\]"),
        (np.full((2, 1, 3), np.nan), [0.0], r"scores must be numbers in \[0, 1\]"),
        (np.zeros((2, 1, 3)), [1.0], r"chance must be in \[0, 1\)"),
    ],
)
def test_a_curve_checks_what_it_is_given(scores, chance, message):
    with pytest.raises(ValueError, match=message):
        make_curve([0, 1], scores, chance)


def test_a_curve_survives_the_trip_through_json():
    scores = np.array([[[0.0, 0.12344], [1.0, 0.5]], [[0.25, 0.99996], [1 / 3, 1.0]]])
    chance = [0.1, 1 / 3]
    points = [CurvePoint(0, 0.0, 0, scores[0]), CurvePoint(3, 1.5e12, 4096, scores[1])]
    lines = [json.dumps(point_record(point, CELLS[:2], chance)) for point in points]
    assert json.loads(lines[1]) == {
        "index": 3,
        "compute": 1.5e12,
        "env_steps": 4096,
        "cells": [
            {"family": "deliver", "band": 0, "chance": 0.1, "scores": [0.25, 1.0]},
            {"family": "deliver", "band": 1, "chance": 1 / 3, "scores": [0.3333, 1.0]},
        ],
    }
    curve = from_records([json.loads(line) for line in lines])
    assert curve.cells == CELLS[:2]
    assert curve.chance.tolist() == chance
    assert curve.index.tolist() == [0, 3]
    assert curve.compute.tolist() == [0.0, 1.5e12]
    assert curve.env_steps.tolist() == [0, 4096]
    assert curve.scores.tolist() == [[[0.0, 0.1234], [1.0, 0.5]], [[0.25, 1.0], [0.3333, 1.0]]]


def test_records_of_different_cells_are_no_curve():
    records = [
        point_record(CurvePoint(place, float(place), 0, np.zeros((1, 2))), [("deliver", place)], [0.0])
        for place in (0, 1)
    ]
    with pytest.raises(ValueError, match="same cells"):
        from_records(records)
    with pytest.raises(ValueError, match="at least one record"):
        from_records([])


# --- Practice Efficiency -------------------------------------------------------------------------


def test_a_run_against_itself_is_exactly_one():
    curves = [random_curve(seed) for seed in range(5)]
    copies = [from_records(_records(curve)) for curve in curves]
    result = practice_efficiency(curves, copies, 128.0)
    assert (result.value, result.low, result.high) == (1.0, 1.0, 1.0)
    assert (result.difference, result.difference_low, result.difference_high) == (0.0, 0.0, 0.0)
    assert result.reason is None


def _records(curve: LearningCurve) -> list[dict[str, object]]:
    return [
        point_record(
            CurvePoint(
                int(curve.index[i]), float(curve.compute[i]), int(curve.env_steps[i]), curve.scores[i]
            ),
            curve.cells,
            curve.chance,
        )
        for i in range(len(curve))
    ]


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_the_unit_of_compute_does_not_matter(scale):
    def rescaled(curve: LearningCurve) -> LearningCurve:
        return make_curve(curve.compute * 3.7e9, curve.scores)

    agent, reference = [random_curve(s) for s in range(5)], [random_curve(s) for s in range(5, 10)]
    first = practice_efficiency(agent, reference, 128.0, scale=scale)
    second = practice_efficiency(
        [rescaled(c) for c in agent], [rescaled(c) for c in reference], 128.0 * 3.7e9, scale=scale
    )
    assert (second.value, second.low, second.high) == pytest.approx(
        (first.value, first.low, first.high), rel=1e-9
    )


@pytest.mark.parametrize(
    ("horizon", "expected", "grid_error"),
    [(0.25, 1.58, -0.0049), (1.0, 1.40, -0.0066), (2.0, 1.25, 0.0002), (4.0, 1.13, 0.0075)],
)
def test_forty_percent_less_compute_against_the_closed_form(horizon, expected, grid_error):
    """tau = 1 for the reference, 0.6 for the agent. The grid of nine costs less than 0.01 of PE."""
    closed_form = exponential_area(0.6, horizon) / exponential_area(1.0, horizon)
    assert round(closed_form, 2) == expected

    def value(compute: NDArray[np.float64]) -> float | None:
        agent, reference = (make_curve(compute, 1 - np.exp(-compute / tau)) for tau in (0.6, 1.0))
        return practice_efficiency([agent], [reference], horizon).value

    assert value(np.linspace(0, horizon, 4001)) == pytest.approx(closed_form, abs=1e-6)
    on_the_grid = value(np.array(checkpoint_grid(horizon)))
    assert on_the_grid - closed_form == pytest.approx(grid_error, abs=5e-5)


def test_it_is_a_ratio_of_means_and_not_a_mean_of_ratios():
    agent = [constant_curve([level]) for level in (0.15, 0.15, 0.15)]
    reference = [constant_curve([level]) for level in (0.01, 0.09, 0.2)]
    # Ratios 15, 1.67 and 0.75 have the mean 5.8; the means are .15 and .10.
    result = practice_efficiency(agent, reference, 128.0)
    assert result.value == pytest.approx(1.5, rel=1e-12)
    assert result.ceiling == pytest.approx(10, rel=1e-12)
    cells = practice_efficiency([constant_curve([0.2, 0.4])], [constant_curve([0.05, 0.35])], 128.0)
    assert cells.value == pytest.approx(1.5, rel=1e-12)  # not (4 + 1.14) / 2


def test_the_interval_is_t_on_paired_logs_around_the_ratio_of_means():
    agent = [constant_curve([level]) for level in (0.2, 0.4, 0.4)]
    reference = [constant_curve([level]) for level in (0.1, 0.2, 0.4)]
    result = practice_efficiency(agent, reference, 128.0)
    # Log ratios log 2, log 2, 0: sd = log(2) / sqrt(3), se = log(2) / 3; t(2, .975) = 4.302653.
    factor = np.exp(4.302652730 * np.log(2) / 3)
    assert result.value == pytest.approx(10 / 7, rel=1e-12)
    assert result.low == pytest.approx(10 / 7 / factor, rel=1e-8)
    assert result.high == pytest.approx(10 / 7 * factor, rel=1e-8)
    # Differences .1, .2, 0: mean .1, sd .1.
    assert result.difference == pytest.approx(0.1, rel=1e-12)
    assert result.difference_low == pytest.approx(0.1 - 4.302652730 * 0.1 / np.sqrt(3), rel=1e-8)
    assert result.difference_high == pytest.approx(0.1 + 4.302652730 * 0.1 / np.sqrt(3), rel=1e-8)


def test_it_is_undefined_below_a_reference_area_of_one_twentieth():
    agent = [constant_curve([0.2])] * 2
    result = practice_efficiency(agent, [constant_curve([0.049])] * 2, 128.0)
    assert (result.value, result.low, result.high, result.ceiling) == (None, None, None, None)
    assert result.reason == "undefined: the reference's area 0.049 is below 0.05"
    assert result.difference == pytest.approx(0.151, rel=1e-12)
    assert str(result) == (
        "PE undefined, difference +0.151 (H = 128; undefined: the reference's area 0.049 is below 0.05)"
    )
    assert item_interval(agent, [constant_curve([0.049])] * 2, 128.0, resamples=2).low is None
    assert practice_efficiency(agent, [constant_curve([0.051])] * 2, 128.0).value is not None


def test_the_interval_is_missing_where_it_cannot_be_had():
    single = practice_efficiency([constant_curve([0.3])], [constant_curve([0.2])], 128.0)
    assert single.value == pytest.approx(1.5, rel=1e-12)
    assert (single.low, single.high, single.difference_low) == (None, None, None)
    assert single.reason == "no interval, as it takes at least 2 seeds"
    idle = practice_efficiency(
        [constant_curve([0.3]), constant_curve([0.0])], [constant_curve([0.2])] * 2, 128.0
    )
    assert idle.value == pytest.approx(0.75, rel=1e-12)
    assert (idle.low, idle.high) == (None, None)
    assert idle.difference_low is not None
    assert idle.reason == "no interval, as the area of some seed is not positive"


def test_it_prints_with_its_horizon_and_ceiling():
    result = practice_efficiency([constant_curve([0.3])] * 2, [constant_curve([0.2])] * 2, 128.0)
    assert str(result) == "PE 1.50 [1.50, 1.50] (H = 128, ceiling 5.00)"


def test_breakdowns_select_cells():
    agent = [constant_curve([0.4, 0.3, 0.2, 0.6])] * 2
    reference = [constant_curve([0.2, 0.2, 0.2, 0.2])] * 2
    bands = breakdown(agent, reference, 128.0)
    assert {key: pytest.approx(part.value, rel=1e-12) for key, part in bands.items()} == {0: 1.5, 1: 2.25}
    families = breakdown(agent, reference, 128.0, by="family")
    assert {key: pytest.approx(part.value, rel=1e-12) for key, part in families.items()} == {
        "deliver": 1.75,
        "craft": 2.0,
    }
    one = practice_efficiency(agent, reference, 128.0, cells=np.array([False, False, False, True]))
    assert one.value == pytest.approx(3.0, rel=1e-12)
    with pytest.raises(ValueError, match="Unknown breakdown 'domain'"):
        breakdown(agent, reference, 128.0, by="domain")


def test_curves_that_cannot_be_paired_raise():
    curve = constant_curve([0.2])
    with pytest.raises(ValueError, match=r"paired by seed: give as many of the agent \(2\)"):
        practice_efficiency([curve, curve], [curve], 128.0)
    with pytest.raises(ValueError, match="at least one of each"):
        practice_efficiency([], [], 128.0)
    with pytest.raises(ValueError, match="same cells"):
        practice_efficiency([curve], [constant_curve([0.2, 0.2])], 128.0)
    with pytest.raises(ValueError, match="different chance levels"):
        practice_efficiency([curve], [make_curve(GRID, np.full(9, 0.2), chance=[0.1])], 128.0)
    with pytest.raises(ValueError, match="boolean mask"):
        practice_efficiency([curve], [curve], 128.0, cells=np.array([False]))


# --- Coverage ------------------------------------------------------------------------------------

HORIZON = 2.3
AGENT_TAU, REFERENCE_TAU = 0.6, 1.0
SPREADS = {"equal": (0.3, 0.3), "unequal": (0.2, 0.5)}


def expected_area(tau: float, spread: float) -> float:
    """Mean over seeds of the area on the grid, tau being lognormal around ``tau`` (Gauss-Hermite)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    grid = np.array(checkpoint_grid(HORIZON))
    curves = 1 - np.exp(-grid[:, None] / (tau * np.exp(spread * nodes)))
    return float(np.trapezoid(curves, grid, axis=0) @ weights / weights.sum() / HORIZON)


def simulated_curves(
    generator: np.random.Generator, experiments: int, seeds: int, tau: float, spread: float
) -> list[list[LearningCurve]]:
    """Experiments of runs whose tau varies from seed to seed, scored on 2 cells of 24 pass-fail items."""
    grid = np.array(checkpoint_grid(HORIZON))
    taus = tau * np.exp(spread * generator.standard_normal((experiments, seeds)))
    success = 1 - np.exp(-grid / taus[..., None])
    scores = generator.random((*success.shape, 2, 24)) < success[..., None, None]
    return [[make_curve(grid, run) for run in experiment] for experiment in scores]


@pytest.mark.parametrize("spreads", SPREADS)
@pytest.mark.parametrize("seeds", [5, 10])
def test_the_interval_covers_the_truth_as_often_as_it_says(seeds, spreads):
    experiments = 1000
    agent_spread, reference_spread = SPREADS[spreads]
    truth = expected_area(AGENT_TAU, agent_spread) / expected_area(REFERENCE_TAU, reference_spread)
    generator = np.random.default_rng(seeds)
    agents = simulated_curves(generator, experiments, seeds, AGENT_TAU, agent_spread)
    references = simulated_curves(generator, experiments, seeds, REFERENCE_TAU, reference_spread)
    results = [practice_efficiency(*pair, HORIZON) for pair in zip(agents, references, strict=True)]
    coverage = np.mean([result.low <= truth <= result.high for result in results])
    bias = np.mean([result.value for result in results]) / truth - 1
    print(f"{seeds} seeds, {spreads} spread: coverage {coverage:.3f}, bias {bias:+.3f}, truth {truth:.3f}")
    assert 0.92 <= coverage <= 0.98
    assert abs(bias) < 0.02


# --- Items ---------------------------------------------------------------------------------------


def test_the_item_error_shrinks_with_the_root_of_the_number_of_items():
    def error(items: int) -> float:
        agent = [random_curve(seed, items=items) for seed in range(3)]
        reference = [random_curve(seed + 10, items=items) for seed in range(3)]
        interval = item_interval(agent, reference, 128.0, resamples=400)
        assert interval.low < practice_efficiency(agent, reference, 128.0).value < interval.high
        return interval.log_standard_error

    # Sixteen times the items: a quarter of the error.
    assert error(160) / error(10) == pytest.approx(0.25, rel=0.25)


def test_the_item_error_is_the_one_that_the_delta_method_gives():
    """One checkpoint interval, one cell, deterministic reference: se(log PE) = se(mean) / mean."""
    passed = np.repeat([0.0, 1.0], [50, 50])
    agent = make_curve([0, 1], np.stack([np.zeros(100), passed])[:, None, :])
    reference = make_curve([0, 1], np.stack([np.zeros(100), np.ones(100)])[:, None, :])
    interval = item_interval([agent], [reference], 1.0, resamples=4000)
    assert interval.log_standard_error == pytest.approx(np.sqrt(0.25 / 100) / 0.5, rel=0.05)
    assert (interval.low, interval.high) == pytest.approx((0.4, 0.6), abs=0.02)


def test_both_arms_are_given_the_same_resampled_items():
    # The agent scores half of what the reference does on every item: whatever is drawn, PE is 1/2.
    scores = np.random.default_rng(0).random((9, 4, 16))
    interval = item_interval([make_curve(GRID, scores / 2)], [make_curve(GRID, scores)], 128.0, resamples=50)
    assert (interval.low, interval.high) == pytest.approx((0.5, 0.5), rel=1e-12)
    assert interval.log_standard_error < 1e-12


def test_the_item_interval_depends_on_its_seed_alone():
    agent, reference = [random_curve(0)], [random_curve(1)]
    first, again, other = (
        item_interval(agent, reference, 128.0, resamples=50, seed=seed) for seed in (7, 7, 8)
    )
    assert first == again
    assert first != other


def test_arms_with_different_items_cannot_be_resampled_together():
    with pytest.raises(ValueError, match="as many items in a cell, got 16 and 8"):
        item_interval([random_curve(0)], [random_curve(1, items=8)], 128.0, resamples=2)


# --- Milestones ----------------------------------------------------------------------------------


def test_a_crossing_takes_two_checkpoints_in_a_row():
    compute = [0, 1, 2, 4, 8]
    assert crossing(compute, [0, 0.2, 0.6, 0.8, 0.9], 0.5, 8) == 1.75
    # Alone above at 1, in a row from 4: between (2, .2) and (4, .6).
    assert crossing(compute, [0, 0.6, 0.2, 0.6, 0.9], 0.5, 8) == pytest.approx(3.5, rel=1e-12)
    # The last checkpoint alone above is no crossing, nor is the first alone.
    assert crossing(compute, [0, 0.1, 0.2, 0.4, 0.9], 0.5, 8) is None
    assert crossing(compute, [0.9, 0.1, 0.2, 0.3, 0.4], 0.5, 8) is None
    # Above from the start.
    assert crossing(compute, [0.6, 0.7, 0.8, 0.8, 0.9], 0.5, 8) == 0.0
    # Crossed, but beyond the horizon.
    assert crossing([*compute, 16], [0, 0.1, 0.2, 0.2, 0.6, 0.9], 0.5, 6) is None


def test_milestones_of_a_worked_example():
    compute = [0, 1, 2, 4, 8]
    # The reference gains from .2 to 1.0 (mean of the two seeds): thresholds .4, .6, .8.
    reference = [make_curve(compute, [0.2, 0.2, 0.4, 0.8, 1.0])] * 2
    agent = [
        make_curve(compute, [0.2, 0.6, 0.8, 0.8, 0.8]),
        make_curve(compute, [0.2, 0.2, 0.2, 0.2, 1.0]),
    ]
    quarter, half, most = milestones(agent, reference, 8.0)
    assert [quarter.threshold, half.threshold, most.threshold] == pytest.approx([0.4, 0.6, 0.8])
    assert quarter.agent == (pytest.approx(0.5), None)
    assert quarter.reference == pytest.approx((2.0, 2.0))
    assert half.agent == (pytest.approx(1.0), None)
    assert half.reference == pytest.approx((3.0, 3.0))
    assert most.reference == pytest.approx((4.0, 4.0))
    assert (half.agent_censored, half.reference_censored) == (1, 0)
    # One of two censored: the half that crossed gives the median.
    assert half.agent_median == pytest.approx(1.0)
    assert half.speedup == pytest.approx(1 - 1 / 3)


def test_the_median_is_missing_when_more_than_half_are_censored():
    compute = [0, 1, 2, 4, 8]
    fast, slow = [0, 0.5, 1, 1, 1], [0, 0, 0, 0, 1]
    reference = [make_curve(compute, fast)] * 3
    agent = [make_curve(compute, scores) for scores in (fast, slow, slow)]
    (half,) = milestones(agent, reference, 8.0, fractions=[0.5])
    assert half.agent == (1.0, None, None)
    assert (half.agent_median, half.speedup, half.agent_censored) == (None, None, 2)
    assert half.reference_median == 1.0
    (swapped,) = milestones(reference, agent, 8.0, fractions=[0.5])
    assert (swapped.agent_median, swapped.reference_median, swapped.speedup) == (1.0, None, None)


def test_forty_percent_less_compute_is_a_speedup_of_forty_percent():
    compute = np.linspace(0, 2.5, 2001)
    agent, reference = ([make_curve(compute, 1 - np.exp(-compute / tau))] for tau in (0.6, 1.0))
    for milestone in milestones(agent, reference, 2.5):
        assert milestone.speedup == pytest.approx(0.40, abs=1e-3)


def test_there_are_no_milestones_without_a_gain():
    (half,) = milestones([random_curve(0)], [constant_curve([0.3] * 4)], 128.0, fractions=[0.5])
    assert (half.agent, half.agent_median, half.speedup) == ((None,), None, None)
    assert half.reason == "the reference gained nothing up to the horizon"


def test_milestones_need_complete_runs():
    with pytest.raises(ValueError, match="incomplete"):
        milestones([random_curve(0, points=8)], [random_curve(1)], 128.0)


# --- The tracker ---------------------------------------------------------------------------------


def point(index: int, compute: float, level: float) -> CurvePoint:
    return CurvePoint(index, compute, int(compute) * 10, np.full((1, 2), level))


def test_the_tracker_says_when_the_next_checkpoint_is_due():
    tracker = PracticeEfficiencyTracker(128.0, cells=CELLS[:1], chance=[0.0])
    assert tracker.next_checkpoint == 0.0
    assert tracker.due(0.0)
    tracker.record(point(0, 0.0, 0.0))
    assert tracker.next_checkpoint == 1.0
    assert not tracker.due(0.9)
    assert tracker.due(1.0)
    # One update leaps over 1, 2 and 4: it is evaluated once, at the place of 4.
    assert tracker.index(5.0) == 3
    tracker.record(point(3, 5.0, 0.1))
    assert tracker.next_checkpoint == 8.0
    tracker.record(point(8, 130.0, 0.5))
    assert tracker.next_checkpoint is None
    assert not tracker.due(1e9)
    assert tracker.curve.index.tolist() == [0, 3, 8]
    assert tracker.curve.compute.tolist() == [0.0, 5.0, 130.0]
    assert tracker.value() is None


def test_the_tracker_compares_areas_up_to_the_current_compute():
    reference = [make_curve([0, 4, 8], [0, 0.4, 0.8]), make_curve([0, 4, 8], [0, 0.2, 0.4])]
    tracker = PracticeEfficiencyTracker(8.0, reference, cells=CELLS[:1], chance=[0.0])
    assert tracker.value() is None
    tracker.record(point(0, 0.0, 0.0))
    assert tracker.value() is None
    tracker.record(point(7, 4.0, 0.6))
    # Areas to 4: .3 against the mean of .2 and .1.
    assert tracker.value() == pytest.approx(2.0, rel=1e-12)
    tracker.record(point(8, 8.0, 0.6))
    # Areas to 8: (.3 * 4 + .6 * 4) / 8 = .45 against the mean of .4 and .2.
    assert tracker.value() == pytest.approx(1.5, rel=1e-12)


def test_the_tracker_is_silent_where_the_ratio_is_undefined():
    reference = [make_curve([0, 4, 8], [0, 0.04, 0.8])]
    tracker = PracticeEfficiencyTracker(8.0, reference, cells=CELLS[:1], chance=[0.0])
    tracker.record(point(0, 0.0, 0.0))
    tracker.record(point(7, 4.0, 0.6))
    assert tracker.value() is None


def test_the_tracker_refuses_a_point_that_does_not_fit_and_keeps_its_curve():
    tracker = PracticeEfficiencyTracker(8.0, cells=CELLS[:1], chance=[0.0])
    with pytest.raises(ValueError, match="at least one point"):
        _ = tracker.curve
    tracker.record(point(0, 0.0, 0.0))
    with pytest.raises(ValueError, match="increase from point to point"):
        tracker.record(point(1, 0.0, 0.0))
    with pytest.raises(ValueError, match="scores of one shape"):
        tracker.record(CurvePoint(1, 1.0, 0, np.zeros((1, 3))))
    assert len(tracker.curve) == 1
    with pytest.raises(ValueError, match="The reference has cells"):
        PracticeEfficiencyTracker(8.0, [random_curve(0)], cells=CELLS[:1], chance=[0.0])
