"""Links between suite versions, on data of known shift and scale, and against published figures."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from etude_gym.measure.linking import (
    METHODS,
    Items,
    fit_items,
    link,
    mean_sigma,
    stocking_lord,
)

TASKS = 200
SCALE, SHIFT = 1.25, 0.6
"""Of the abilities of the later version's policies, on the scale of the earlier one."""


def true_items(random, count=24):
    return Items(random.uniform(0.7, 2.0, count), random.normal(0.2, 1.0, count))


def scores(random, items, ability):
    chance = expit(items.discrimination * (ability[:, None] - items.difficulty))
    return random.binomial(TASKS, chance) / TASKS


@pytest.fixture(scope="module")
def fits():
    """Unchanged items as fitted to two versions, for several panels of policies."""
    pairs = []
    for seed in range(4):
        random = np.random.default_rng(seed)
        items = true_items(random)
        earlier, later = random.normal(size=400), SCALE * random.normal(size=400) + SHIFT
        pairs.append(tuple(fit_items(scores(random, items, each), TASKS) for each in (earlier, later)))
    return pairs


def test_the_two_parameter_model_has_the_published_fit_of_lsat7():
    """Section 7 of the Law School Admission Test (Bock and Lieberman 1970; figures of Rizopoulos's ltm)."""
    counts = (
        *(12, 19, 1, 7, 3, 19, 3, 17, 10, 5, 3, 7, 7, 23, 8, 28),
        *(7, 39, 11, 34, 14, 51, 15, 90, 6, 25, 7, 35, 18, 136, 32, 308),
    )
    patterns = [[int(bit) for bit in f"{number:05b}"] for number in range(32)]
    fit = fit_items(np.repeat(patterns, counts, axis=0))
    assert fit.log_likelihood == pytest.approx(-2658.805, abs=0.002)
    np.testing.assert_allclose(fit.discrimination, [0.988, 1.081, 1.708, 0.765, 0.736], atol=0.01)
    intercepts = -fit.discrimination * fit.difficulty
    np.testing.assert_allclose(intercepts, [1.856, 0.808, 1.805, 0.486, 1.855], atol=0.01)


@pytest.mark.parametrize("line", [mean_sigma, stocking_lord])
def test_items_that_are_the_same_but_for_the_scale_are_linked_exactly(line):
    old = true_items(np.random.default_rng(0))
    new = Items(old.discrimination * SCALE, (old.difficulty - SHIFT) / SCALE)
    assert line(old, new) == pytest.approx((SCALE, SHIFT), abs=1e-4)
    back = new.on(SCALE, SHIFT)
    np.testing.assert_allclose(back.difficulty, old.difficulty)
    np.testing.assert_allclose(back.curve([0.0, 1.0]), old.curve([0.0, 1.0]))


@pytest.mark.parametrize("method", METHODS)
def test_a_known_shift_and_scale_are_found_again(fits, method):
    found = [link(old, new, method) for old, new in fits]
    scale, shift = np.mean([(each.scale, each.shift) for each in found], axis=0)
    # 400 policies know mean and deviation of their own abilities to 0.05; the mean of 4 panels to 0.03.
    assert scale == pytest.approx(SCALE, abs=0.1)
    assert shift == pytest.approx(SHIFT, abs=0.15)
    assert all(each.comparable for each in found)


def test_both_methods_agree_where_items_are_known_well(fits):
    for pair in fits:
        np.testing.assert_allclose(mean_sigma(*pair), stocking_lord(*pair), atol=0.06)


def test_items_that_changed_after_all_make_the_link_too_uncertain(fits):
    old, new = fits[0]
    drift = np.random.default_rng(1).normal(0, 1.5, len(old.difficulty))
    moved = Items(new.discrimination, new.difficulty + drift)
    assert link(old, new).standard_error < 0.05
    assert not link(old, moved, "mean_sigma").comparable


def test_the_bootstrap_repeats_with_its_seed(fits):
    assert link(*fits[0], seed=3).standard_error == link(*fits[0], seed=3).standard_error


def test_bad_input_is_refused():
    random = np.random.default_rng(0)
    items = true_items(random)
    with pytest.raises(ValueError, match="Unknown method of linking"):
        link(items, items, "equipercentile")
    with pytest.raises(ValueError, match="at least 5 unchanged items"):
        link(items.subset([0, 1, 2]), items.subset([0, 1, 2]))
    with pytest.raises(ValueError, match="at least 5 unchanged items"):
        link(items, items.subset(np.arange(7)))
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        fit_items(np.full((4, 4), 2.0))
    with pytest.raises(ValueError, match="say nothing"):
        fit_items(np.ones((4, 4)))
    with pytest.raises(ValueError, match="shape"):
        fit_items([0.5, 0.5])
    with pytest.raises(ValueError, match="tasks"):
        fit_items(np.full((4, 4), 0.5), 0)
