"""Agreement of raters: published answers, planted variances, missing cells, intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from etude_gym.measure.rater_agreement import (
    bootstrap_weights,
    intraclass_correlation,
    one_against_the_rest,
    ordinal_alpha,
    rater_agreement,
    raters_needed,
    variances,
)

_ = math.nan
SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float
)
"""Shrout and Fleiss (1979), table 2: six targets, four judges."""
KRIPPENDORFF = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
        [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
    ]
).T
"""Krippendorff (2011), section D: twelve units, four observers, values missing."""


def simulated(seed, items=300, raters=6, present=1.0, strictness=0.5):
    """Ratings of items of variance 1 with error of variance 1."""
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(items, 1)) + strictness * rng.normal(size=(1, raters))
    table = table + rng.normal(size=(items, raters))
    table[rng.random(table.shape) >= present] = math.nan
    return table


# --- Published answers -----------------------------------------------------------------------------------


def test_intraclass_correlations_of_shrout_and_fleiss():
    assert round(intraclass_correlation(SHROUT_FLEISS, 1), 2) == 0.29
    assert round(intraclass_correlation(SHROUT_FLEISS, 4), 2) == 0.62


def test_complete_tables_give_the_analysis_of_variance():
    table = simulated(3, items=40)
    n, k = table.shape
    grand = table.mean()
    rows = k * ((table.mean(axis=1) - grand) ** 2).sum() / (n - 1)
    columns = n * ((table.mean(axis=0) - grand) ** 2).sum() / (k - 1)
    rest = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + grand
    error = (rest**2).sum() / ((n - 1) * (k - 1))
    assert variances(table).items == pytest.approx((rows - error) / k)
    assert variances(table).noise == pytest.approx(error + (columns - error) / n)
    single = (rows - error) / (rows + (k - 1) * error + k * (columns - error) / n)
    assert intraclass_correlation(table, 1) == pytest.approx(single)


def test_ordinal_alpha_of_krippendorff():
    assert round(ordinal_alpha(KRIPPENDORFF), 3) == 0.815


# --- What the figures mean -------------------------------------------------------------------------------


@pytest.mark.parametrize("present", [1.0, 0.4])
def test_planted_variances_are_found_with_and_without_missing_ratings(present):
    found = [variances(simulated(seed, present=present)).items for seed in range(20)]
    assert np.mean(found) == pytest.approx(1, abs=0.1)
    found = [intraclass_correlation(simulated(seed, present=present, strictness=0), 1) for seed in range(20)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.03)


def test_it_does_not_matter_which_raters_meet_on_an_item():
    """Strict raters only ever meet lenient ones: neighbors in a circle of four."""
    found = []
    for seed in range(20):
        table = simulated(seed, raters=4, strictness=0) + np.array([2, -2, 2, -2])
        for item in range(len(table)):
            table[item, [(item + 2) % 4, (item + 3) % 4]] = math.nan
        found.append(variances(table).items)
    assert np.mean(found) == pytest.approx(1, abs=0.1)


def test_strict_raters_lower_absolute_agreement_but_not_the_correlation():
    table = simulated(0, strictness=0)
    shifted = table + np.arange(6)
    assert intraclass_correlation(shifted, 1) < intraclass_correlation(table, 1) - 0.2
    assert one_against_the_rest(shifted) == pytest.approx(one_against_the_rest(table))


def test_agreement_beyond_chance_is_nil_for_random_ratings_and_whole_for_equal_ones():
    random = [ordinal_alpha(np.random.default_rng(s).integers(1, 6, size=(200, 3))) for s in range(20)]
    assert abs(np.mean(random)) < 0.02
    assert ordinal_alpha(np.repeat(np.arange(1, 6)[:, None], 3, axis=1)) == 1
    assert math.isnan(ordinal_alpha(np.full((5, 2), 3)))


def test_raters_needed_make_the_mean_as_reliable_as_wanted():
    table = simulated(1)
    one = intraclass_correlation(table, 1)
    needed = raters_needed(one, 0.8)
    assert intraclass_correlation(table, needed) >= 0.8 > intraclass_correlation(table, needed - 1)
    assert raters_needed(0.5, 0.8) == 4
    assert raters_needed(1.0, 0.8) == 1
    assert raters_needed(0.0, 0.8) is None
    with pytest.raises(ValueError, match="between 0 and 1"):
        raters_needed(0.5, 1.0)


def test_intervals_hold_what_other_items_would_give():
    truth, inside = 1 / (2 + 1 / 12), 0  # rounding adds a variance of 1/12
    for seed in range(40):
        table = np.round(simulated(seed, items=80, raters=4, strictness=0))
        found = rater_agreement(table, seed=seed).one_rater
        inside += found.low <= truth <= found.high
    assert 33 <= inside <= 40


def test_intervals_over_authors_are_wider_where_items_of_an_author_are_alike():
    rng = np.random.default_rng(0)
    authors = np.repeat(np.arange(15), 20)
    quality = rng.normal(size=15)[authors][:, None]
    table = np.round(2 * quality + 1.4 * rng.normal(size=(300, 4)))
    by_item, by_author = rater_agreement(table), rater_agreement(table, authors.tolist())
    assert by_item.one_rater.value == by_author.one_rater.value
    wide, narrow = (x.one_rater.high - x.one_rater.low for x in (by_author, by_item))
    assert wide > 1.5 * narrow


def test_resamples_draw_whole_clusters():
    weights = bootstrap_weights(["a", "b", "a", "c"])
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()


def test_counts_leave_out_items_and_raters_without_ratings():
    table = np.array([[1, 2, _], [_, _, _], [3, _, _], [4, 4, _]])
    found = rater_agreement(table)
    assert (found.items, found.raters, found.ratings) == (3, 2, 5)
    assert found.raters_per_item == pytest.approx(3 / (1 / 2 + 1 / 1 + 1 / 2))


@pytest.mark.parametrize(
    "table", [[[1.0, 2.0]], [[1.0], [2.0]], [[1.0, _], [_, 2.0]], [[_, _], [_, _]], np.zeros((0, 2))]
)
def test_too_few_ratings_are_refused(table):
    with pytest.raises(ValueError, match="two raters, two items, and an item that both rated"):
        rater_agreement(table)


def test_what_is_no_table_is_refused():
    with pytest.raises(ValueError, match="table of items by raters"):
        ordinal_alpha([1.0, 2.0])
    with pytest.raises(ValueError, match="at most 100 different values"):
        ordinal_alpha(np.random.default_rng(0).random((60, 2)))
    with pytest.raises(ValueError, match="one entry for each of 2 items"):
        rater_agreement([[1, 2], [2, 3]], clusters=["a"])
