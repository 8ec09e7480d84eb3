"""Aggregates over seeds and cells: exact values of small tables, and coverage of the intervals."""

from __future__ import annotations

import numpy as np
import pytest

from etude_gym.measure.aggregates import (
    interquartile_mean,
    performance_profile,
    probability_of_improvement,
    stratified_interval,
)

TABLE = np.array([[0.0, 0.2], [0.4, 0.6], [0.5, 0.7], [1.0, 9.0]])


def test_the_interquartile_mean_is_that_of_the_middle_half():
    assert interquartile_mean(TABLE) == pytest.approx((0.4 + 0.5 + 0.6 + 0.7) / 4)
    assert interquartile_mean([[0.3]]) == 0.3


def test_the_probability_of_improvement_counts_pairs_within_cells_and_half_of_ties():
    ours, theirs = np.array([[1.0, 0.0], [2.0, 5.0]]), np.array([[1.0, 1.0], [0.0, 2.0], [3.0, 3.0]])
    pairs = [[1.5 / 3, 2 / 3], [0.0, 1.0]]  # of each of ours: first cell, second cell
    assert probability_of_improvement(ours, theirs) == pytest.approx(np.mean(pairs))
    assert probability_of_improvement(theirs, ours) == pytest.approx(1 - np.mean(pairs))
    assert probability_of_improvement(ours, ours) == 0.5


def test_the_performance_profile_is_the_share_above_each_level():
    assert performance_profile(TABLE, [-1.0, 0.0, 0.5, 0.95, 9.0]).tolist() == [1.0, 7 / 8, 0.5, 0.25, 0.0]


def test_seeds_are_drawn_anew_in_each_cell_by_itself():
    """Cells that differ, seeds that do not: nothing is left to chance."""
    found = stratified_interval(interquartile_mean, np.tile([0.1, 0.4, 0.7, 0.9], (5, 1)), resamples=50)
    assert found.low == found.value == found.high == pytest.approx(0.55)
    again = [stratified_interval(interquartile_mean, TABLE, resamples=50) for _ in range(2)]
    assert again[0] == again[1]
    assert again[0].low < again[0].value < again[0].high


def test_intervals_of_the_interquartile_mean_hold_the_truth_about_as_often_as_they_say():
    random = np.random.default_rng(3)
    held = 0
    for trial in range(100):
        scores = random.normal(0.5, 0.1, size=(10, 6))
        found = stratified_interval(interquartile_mean, scores, resamples=100, seed=trial)
        held += found.low <= 0.5 <= found.high
    assert 85 <= held <= 100


def test_what_is_no_table_of_scores_is_refused():
    for scores in ([0.5], [[]], [[np.nan]]):
        with pytest.raises(ValueError, match=r"shape \(seeds, cells\)"):
            interquartile_mean(scores)
    with pytest.raises(ValueError, match="the same cells, got 2 and 1"):
        probability_of_improvement(TABLE, TABLE[:, :1])
    with pytest.raises(ValueError, match="at least 20"):
        stratified_interval(interquartile_mean, TABLE, resamples=2)
