"""Answers drawn for some bands say, put into others, what tasks drawn for the others would have said."""

from __future__ import annotations

from dataclasses import replace

import bands_before_after as script
import numpy as np
import pytest
import small_runs
from small_runs import small_run
from throwing import DISTANCE, UNDERHAND, ThrowingDomain

from etude_gym.difficulty.bands import BANDS, band_of, cells_of
from etude_gym.difficulty.calibration import Calibration
from etude_gym.difficulty.curve import DifficultyCurve
from etude_gym.difficulty.monotone import COEFFICIENTS
from etude_gym.measure.anchors import stratified_tasks
from etude_gym.measure.answers import OK, Answers
from etude_gym.measure.regrouping import cell_means, regrouped_curve, variance_explained
from etude_gym.runs.finished import load_run
from etude_gym.runs.folder import ANSWERS

PER_CELL = 2000


def one_axis_counts(edges):
    """A family in which only the distance is hard."""
    slopes = ((DISTANCE,) * COEFFICIENTS, (0.0,) * COEFFICIENTS)
    return DifficultyCurve(0.05, 1.0, 0.0, slopes, (), edges, 1.0, (0.0, 0.0))


PLAIN = ThrowingDomain.space
CALIBRATED = replace(
    PLAIN,
    calibration=Calibration(
        "throwing-v0",
        PLAIN.names,
        PLAIN.families,
        (one_axis_counts((DISTANCE / 4, DISTANCE / 2, 3 * DISTANCE / 4)),) * 2,
        ((1.0, 0.0), (0.0, 1.0)),
        0.0,
    ),
)
"""Bands are quarters of the distance, whatever the wind."""


def answers_of(space, score, salt=0):
    """What a learner that has a known score on every task answers to tasks drawn for the bands of a space."""
    domain = ThrowingDomain()
    domain.space = space
    tasks = stratified_tasks(domain, "anchor", 0, PER_CELL, salt)
    scores = score(tasks.difficulty, tasks.family)
    return Answers.to_tasks(
        tasks, band_of(space, tasks.difficulty, tasks.family), scores, (OK,) * len(tasks), {}
    )


def smooth(difficulty, family):
    return 1 / (1 + np.exp(3 * difficulty[:, 0] + 2 * difficulty[:, 1] + UNDERHAND * family - 2))


def test_in_the_bands_that_they_were_drawn_for_cells_have_their_own_means():
    answers = answers_of(PLAIN, smooth)
    np.testing.assert_allclose(
        cell_means(answers, PLAIN), answers.scores.reshape(-1, PER_CELL).mean(axis=1), rtol=1e-12
    )


@pytest.mark.parametrize(("old", "new"), [(PLAIN, CALIBRATED), (CALIBRATED, PLAIN)], ids=["to", "from"])
def test_means_are_those_of_tasks_drawn_for_the_other_bands(old, new):
    found, drawn = cell_means(answers_of(old, smooth), new), answers_of(new, smooth, salt=1)
    expected = cell_means(drawn, new)
    assert np.ptp(expected[: len(BANDS)]) > 0.3
    # Five standard errors: scores inside a cell deviate by at most .2.
    np.testing.assert_allclose(found, expected, atol=5 * 0.2 * np.sqrt(2 / PER_CELL))


def test_answers_that_are_missing_in_a_band_are_made_up_for_by_weights():
    answers = answers_of(PLAIN, smooth)
    kept = (answers.bands != 0) | (np.arange(len(answers)) % 20 == 0)
    some = replace(answers, scores=np.where(kept, answers.scores, np.nan))
    whole = cell_means(answers, CALIBRATED)
    found = band_of(CALIBRATED, answers.difficulties, answers.families)
    unweighted = np.array(
        [some.scores[kept & (answers.families == 0) & (found == band)].mean() for band in BANDS]
    )
    np.testing.assert_allclose(cell_means(some, CALIBRATED), whole, atol=0.03)
    assert np.abs(unweighted - whole[: len(BANDS)]).max() > 0.06


def test_a_band_without_answers_is_an_error():
    answers = answers_of(PLAIN, smooth)
    easy = replace(answers, scores=np.where(answers.bands == 0, answers.scores, np.nan))
    with pytest.raises(ValueError, match=r"Every family needs answers.*more items"):
        cell_means(easy, CALIBRATED)


def test_bands_that_follow_what_is_hard_explain_more_of_the_scores():
    def by_band(difficulty, family):
        return np.where(family == 1, 0.5, 1.0 - band_of(CALIBRATED, difficulty, family) / 4)

    answers = answers_of(PLAIN, by_band)
    assert variance_explained(answers, CALIBRATED) == pytest.approx(1.0)
    assert 0.2 < variance_explained(answers, PLAIN) < 0.8
    assert np.isnan(variance_explained(replace(answers, scores=np.ones(len(answers))), PLAIN))


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    folder = tmp_path_factory.mktemp("throwing")
    small_runs.ITEMS, items = 20, small_runs.ITEMS
    try:
        for arm in ("static", "uniform"):
            for seed in (0, 1):
                small_run(
                    folder / arm / f"seed_{seed}",
                    env_id="throwing:Throwing-v0",
                    agent="throwing:Thrower",
                    arm=arm,
                    seed=seed,
                    horizon=2000,
                )
    finally:
        small_runs.ITEMS = items
    return folder


def test_answers_of_a_run_that_has_kept_none_follow_from_its_curve_and_its_salt(experiment, tmp_path):
    run = load_run(experiment / "static" / "seed_0")
    (tmp_path / "config.json").write_text("")
    for kept, found in zip(
        script.kept_answers(run), script.kept_answers(replace(run, folder=tmp_path)), strict=True
    ):
        assert (run.folder / ANSWERS).exists()
        assert (found.evaluation, found.compute) == (kept.evaluation, kept.compute)
        for column in ("keys", "families", "bands"):
            np.testing.assert_array_equal(getattr(found, column), getattr(kept, column))
        np.testing.assert_allclose(found.difficulties, kept.difficulties, atol=5e-5)
        np.testing.assert_allclose(found.scores, kept.scores, atol=5e-5)


def test_an_experiment_before_is_what_was_measured_and_after_is_in_the_calibrated_bands(
    experiment, monkeypatch, capsys
):
    with pytest.raises(ValueError, match="ships no calibration"):
        script.main([str(experiment)])
    monkeypatch.setattr(ThrowingDomain, "space", CALIBRATED)
    found = script.load(experiment, again=True)
    for arm, runs in found.runs.items():
        for run, before in zip(runs, found.curves["before"][arm], strict=True):
            np.testing.assert_allclose(before.scores[..., 0], run.curve.scores.mean(axis=-1), atol=1e-9)
    after, again = (found.curves[when]["static"][0] for when in ("after", "after, asked again"))
    assert after.cells == again.cells == cells_of(CALIBRATED)
    np.testing.assert_array_equal(after.chance, again.chance)
    script.main([str(experiment)])
    printed = capsys.readouterr().out
    assert f"calibration {CALIBRATED.calibration.hash}" in printed
    for row in ("was band 0", "static (area)", "uniform | after / before", "of its gain at 2e+03 at"):
        assert row in printed


def test_curve_and_answers_have_to_be_of_the_same_run(experiment):
    run = load_run(experiment / "static" / "seed_0")
    with pytest.raises(ValueError, match="of the same run"):
        regrouped_curve(run.curve, script.kept_answers(run)[1:], PLAIN, run.config.chance)
