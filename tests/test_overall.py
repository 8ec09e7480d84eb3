"""Several domains as one number: one domain alone keeps its interval, and intervals hold the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from test_practice_efficiency import constant_curve

from etude_gym.measure.overall import (
    Measured,
    combined,
    contrasts,
    log_ratio,
    mean_over_seeds,
    overall_efficiency,
)
from etude_gym.measure.practice_efficiency import practice_efficiency

OURS, THEIRS = (0.42, 0.5, 0.47), (0.3, 0.31, 0.35)


@pytest.mark.parametrize("paired", [True, False])
def test_one_domain_alone_has_the_interval_of_its_practice_efficiency(paired):
    curves = [[constant_curve([area]) for area in areas] for areas in (OURS, THEIRS)]
    own = practice_efficiency(*curves, 128.0, paired=paired)
    found = overall_efficiency({"one": log_ratio(OURS, THEIRS, paired)})
    assert (found.value, found.low, found.high) == pytest.approx((own.value, own.low, own.high))


def test_over_domains_it_is_the_geometric_mean():
    logs = {name: Measured(math.log(value), 0.0, 2) for name, value in (("a", 1.0), ("b", 2.0), ("c", 4.0))}
    found = overall_efficiency(logs)
    assert (found.value, found.low, found.high) == pytest.approx((2.0, 2.0, 2.0))
    assert found.domains == ("a", "b", "c")


def test_one_seed_leaves_no_interval_and_no_domain_no_value():
    found = overall_efficiency({"a": log_ratio([0.4], [0.2], True), "b": log_ratio(OURS, THEIRS, True)})
    assert found.value is not None
    assert (found.low, found.high) == (None, None)
    assert overall_efficiency({}).value is None
    assert contrasts({"a": Measured(1.0, None, 0), "b": Measured(0.0, 0.1, 2)})[0].low is None
    with pytest.raises(ValueError, match="have to be positive"):
        log_ratio([0.1, 0.0], [0.1, 0.1], True)


@pytest.mark.parametrize("seeds", [3, 5])
def test_intervals_hold_the_truth_as_often_as_they_say(seeds):
    random = np.random.default_rng(seeds)
    truth, spread = np.array([0.3, 0.1, 0.5, 0.2]), np.array([0.05, 0.15, 0.1, 0.25])
    held = together = 0
    times = 600
    for _ in range(times):
        logs = truth[:, None] + spread[:, None] * random.normal(size=(4, seeds))
        measured = {str(name): mean_over_seeds(own) for name, own in enumerate(logs)}
        overall = overall_efficiency(measured)
        held += math.log(overall.low) < truth.mean() < math.log(overall.high)
        together += all(
            each.low <= truth[int(each.first)] - truth[int(each.second)] <= each.high
            for each in contrasts(measured)
        )
    assert held / times == pytest.approx(0.95, abs=0.035)  # four standard errors
    assert together / times > 0.93


def test_domains_are_apart_where_the_interval_of_their_difference_leaves_out_nothing_changed():
    near, far = mean_over_seeds([0.1, 0.2, 0.15]), mean_over_seeds([0.8, 0.85, 0.9])
    found = contrasts({"near": near, "far": far, "same": near})
    assert [(each.first, each.second, each.apart) for each in found] == [
        ("far", "near", True), ("far", "same", True), ("near", "same", False),
    ]  # fmt: skip
    assert combined([far, near], [1.0, -1.0]).value == pytest.approx(found[0].value)
