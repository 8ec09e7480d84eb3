"""Learners on the calibrated scale: asked until they are placed, by anchor answers, in profiles."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from test_calibration import calibration_of, curve_of, space_of
from throwing import DISTANCE, UNDERHAND, WIND, Thrower, ThrowingDomain

from etude_gym.difficulty.bands import BANDS, cells_of, difficulty_in_band
from etude_gym.difficulty.placement import Placement, level_candidates, share_easier
from etude_gym.difficulty.space import DifficultySpace
from etude_gym.measure.answers import Answers
from etude_gym.measure.placing import FamilyPlacement, place_by_answers, place_learner, unplaced
from etude_gym.measure.rollout import rollout
from etude_gym.report.placement_tables import NO_CALIBRATION, placement_parts, placement_sentences
from etude_gym.tasks.keys import TaskBatch, task_keys


def throwing():
    """The toy domain with the calibration that is planted in it."""
    known = {"floor": 0.0, "ceiling": 1.0}
    overhand = curve_of(DISTANCE, WIND, intercept=0.0, **known)
    underhand = curve_of(DISTANCE, WIND, intercept=UNDERHAND, **known)
    calibration = calibration_of(overhand, underhand)
    domain = ThrowingDomain()
    names = domain.space.names, domain.space.families
    calibration = type(calibration)(
        domain.name, *names, calibration.curves, calibration.ability_correlations, 1e-3
    )
    domain.space = DifficultySpace(domain.space.axes, domain.space.families, calibration)
    return domain


class Player:
    """Plays tasks as a thrower of a skill, and counts them by family."""

    def __init__(self, domain, skill, seed=0):
        self.domain, self.thrower, self.asked = domain, Thrower(domain, seed=seed), [0, 0]
        self.thrower.talent = skill + 1.0

    def __call__(self, tasks: TaskBatch):
        for family in (0, 1):
            self.asked[family] += int((tasks.family == family).sum())
        return rollout(self.domain, tasks, self.thrower)["score"]


# --- The choice of tasks ---------------------------------------------------------------------------------


def test_tasks_that_are_asked_together_are_spread_over_what_the_ability_may_be():
    curve, random = curve_of(4.0, 4.0), np.random.default_rng(0)
    candidates = level_candidates(200, 2, random)
    chosen = Placement(curve).choose(candidates, random, 8)
    assert len(set(chosen.tolist())) == 8
    levels = curve.logits(candidates[chosen])
    assert levels[:3].mean() < levels[5:].mean() - 4.0
    settled = Placement(curve)
    settled.update(candidates, (curve.logits(candidates) < 3.0).astype(float))
    levels = curve.logits(candidates[settled.choose(candidates, random, 8)])
    assert np.abs(levels - 3.0).max() < 1.0


def test_information_over_parts_has_the_mean_of_all():
    curve, random = curve_of(3.0, 2.0), np.random.default_rng(0)
    placement = Placement(curve)
    placement.update(random.random((5, 2)), np.array([1.0, 0.0, 1.0, 0.0, 1.0]))
    candidates = random.random((20, 2))
    parts = placement.information(candidates, 4)
    assert parts.shape == (4, 20)
    np.testing.assert_allclose(parts.mean(axis=0), placement.information(candidates)[0])


def test_an_ability_far_from_all_tasks_is_off_the_scale():
    curve, random = curve_of(2.0, 2.0), np.random.default_rng(0)
    tasks = random.random((200, 2))
    for score in (0.0, 1.0):
        placement = Placement(curve)
        placement.update(tasks, np.full(200, 0.1 + 0.85 * score))
        assert placement.off_scale
        assert placement.easier == score
    between = Placement(curve)
    between.update(tasks, np.full(200, 0.5))
    assert not between.off_scale


def test_the_share_of_easier_tasks_is_the_one_that_bands_are_made_of():
    curve = curve_of(3.0, 1.0)
    assert [share_easier(curve, edge) for edge in curve.edges] == pytest.approx([0.25, 0.5, 0.75], abs=1e-3)


# --- Asking until a learner is placed --------------------------------------------------------------------


def test_a_learner_is_asked_until_it_is_placed_in_every_family():
    domain, seen = throwing(), []
    player = Player(domain, skill=2.5)
    found = place_learner(
        domain,
        player,
        most=400,
        on_round=lambda all_of: seen.append([p.standard_error for p in all_of.values()]),
    )
    assert list(found) == ["overhand", "underhand"]
    for placement in found.values():
        assert placement.standard_error <= 0.25
        assert abs(placement.ability - 2.5) < 1.0  # four standard errors
    assert player.asked == [placement.asked for placement in found.values()]
    assert max(player.asked) < 150
    assert seen[0][0] > seen[-1][0]
    again = place_learner(domain, Player(domain, skill=2.5), most=400)
    assert [p.ability for p in again.values()] == [p.ability for p in found.values()]


def test_asking_ends_when_tasks_are_used_up_or_the_learner_is_off_the_scale():
    domain = throwing()
    player = Player(domain, skill=1.0)
    assert [p.asked for p in place_learner(domain, player, most=21).values()] == [21, 21]
    novice = Player(domain, skill=-30.0)
    found = place_learner(domain, novice, most=1000)
    assert all(p.off_scale and p.easier == 0.0 for p in found.values())
    assert max(novice.asked) < 200


def test_tasks_that_do_not_count_move_nothing_and_are_used_up():
    domain = throwing()
    found = place_learner(domain, lambda tasks: np.full(len(tasks), np.nan), most=20)
    assert [p.asked for p in found.values()] == [0, 0]


def test_a_domain_without_a_calibration_is_refused_by_name():
    with pytest.raises(ValueError, match=r"throwing-v0 has no calibration.*etude panel.*etude calibrate"):
        place_learner(ThrowingDomain(), lambda tasks: np.zeros(len(tasks)), most=10)
    assert unplaced(ThrowingDomain().space) == {}


# --- By answers to anchor tasks --------------------------------------------------------------------------


def answers(space, ability, seed):
    """Answers of a learner of this ability to 40 anchor tasks of each cell."""
    cells, each = cells_of(space), 40
    keys = task_keys("toy", "anchor", seed, np.arange(each * len(cells)))
    family = np.repeat([space.families.index(name) for name, _ in cells], each)
    blocks = keys.reshape(-1, each)
    difficulty = np.concatenate(
        [
            difficulty_in_band(space, block, space.families.index(name), band)
            for block, (name, band) in zip(blocks, cells, strict=True)
        ]
    )
    logits = space.calibration.logits(family, difficulty)
    expected = np.array([c.expected(ability, logits) for c in space.calibration.curves])[
        family, np.arange(len(family))
    ]
    scores = (np.random.default_rng(seed).random(len(family)) < expected).astype(float)
    bands = np.repeat([band for _, band in cells], each)
    return Answers.to_tasks(TaskBatch(keys, difficulty, family), bands, scores, ("ok",) * len(keys), {})


def test_one_run_has_the_interval_of_its_answers_and_several_that_of_their_mean():
    space = space_of(calibration_of(curve_of(3.0, 2.0), curve_of(2.0, 4.0)))
    runs = [answers(space, ability, seed) for seed, ability in enumerate((0.0, 1.0, 2.0, 3.0))]
    one = place_by_answers(space, runs[1:2])
    assert [each.family for each in one] == ["family0", "family1"]
    assert [each.tasks for each in one] == [40 * len(BANDS)] * 2
    for each in one:
        assert abs(each.ability.value - 1.0) < 4 * each.standard_error
        assert each.ability.low < each.ability.value < each.ability.high
        assert each.easier.low < each.easier.value < each.easier.high
    singles = [place_by_answers(space, [run])[0].ability.value for run in runs]
    several = place_by_answers(space, runs)[0]
    mean, error = np.mean(singles), np.std(singles, ddof=1) / 2
    assert several.ability.value == pytest.approx(mean)
    assert several.standard_error == pytest.approx(error)
    assert several.ability.high - mean == pytest.approx(3.182 * error, rel=1e-3)  # t with 3 degrees
    assert several.tasks == 4 * 40 * len(BANDS)


def test_answers_that_do_not_count_are_left_out():
    space = space_of(calibration_of(curve_of(3.0, 2.0)))
    run = answers(space, 1.0, 0)
    scores = run.scores.copy()
    scores[:100] = np.nan
    [found] = place_by_answers(space, [Answers(**{**vars(run), "scores": scores})])
    assert found.tasks == 60


# --- In words --------------------------------------------------------------------------------------------


def placed(score, tasks=100):
    placement = Placement(curve_of(3.0, 2.0))
    placement.update(np.random.default_rng(0).random((tasks, 2)), np.full(tasks, score))
    return FamilyPlacement.of("chain", [placement])


def test_sentences_say_what_an_ability_means():
    [middle, low, high] = placement_sentences([placed(0.5), placed(0.1), placed(0.95)])
    found = placed(0.5)
    assert middle.startswith(f"chain: scores half at tasks of difficulty {found.ability.value:.2f} [")
    assert f"that is harder than {found.easier.value:.0%} [" in middle
    assert "100 answers" in middle
    assert "below the easiest task" in low
    assert "above the hardest task" in high


def printed(parts):
    console = Console(width=80)
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    return " ".join(captured.get().split())


def test_profiles_have_a_table_of_placements_or_say_why_not():
    text = printed(placement_parts([placed(0.5)], seeds=1))
    assert "family" in text
    assert f"{placed(0.5).ability.value:.2f} [" in text
    assert "given the calibration" in text
    assert "Student's t" in printed(placement_parts([placed(0.5)], seeds=3))
    assert NO_CALIBRATION in printed(placement_parts([], seeds=1))


# --- The script that counts tasks ------------------------------------------------------------------------


def test_the_script_places_a_simulated_learner_by_each_way():
    path = Path(__file__).parents[1] / "scripts" / "placement_efficiency.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    script = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = script  # dataclasses look their module up
    spec.loader.exec_module(script)
    curve, random = curve_of(4.0, 4.0, floor=0.0, ceiling=1.0), np.random.default_rng(0)
    given = script.PlacementEfficiency("Toy-v0", pool=800, repetitions=3)

    def play(number, difficulty):
        return (random.random(len(difficulty)) < curve.expected(-1.0, curve.logits(difficulty))).astype(float)

    found = script.find("novice", curve, play, given, -1.0)
    assert found.fewest == pytest.approx(64, rel=0.02)  # 1 / (.25 squared x .25)
    assert found.fewest < found.asked(script.CHOSEN) < found.asked(script.EVEN) < found.asked(script.RANDOM)
    assert found.dispersion == pytest.approx(1.0, abs=0.4)
    assert all(each.standard_error <= 0.25 for each in found.placements[script.CHOSEN])
