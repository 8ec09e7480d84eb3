"""The adaptive sampler: how its boxes grow, when it probes, and what its probes find."""

import json

import numpy as np
import pytest

from etude_gym.difficulty.space import Axis, DifficultySpace
from etude_gym.practice.growing_box import GrowingBoxSampler
from etude_gym.practice.plateau import SMALLEST_RISE, PlateauTest
from etude_gym.practice.probing import RESULTS
from etude_gym.practice.sampler import REASONS, Results
from etude_gym.practice.strategies import make_sampler
from etude_gym.randomness import mix

SPACE = DifficultySpace(tuple(Axis(name, "") for name in ("a", "b", "c", "d")), ("first", "second", "third"))
AXES, FAMILIES = len(SPACE), len(SPACE.families)


def practice(success, results, seed=0, sampler=None, at_once=40, until=lambda sampler: False):
    """A sampler after some results of a learner.

    Args:
        success: probability of success by difficulty (n, axes) and family (n,).
        results: how many.
        seed: of tasks and learner.
        sampler: one that goes on; by default a new one.
        at_once: results at a time.
        until: whether to stop before.

    Returns:
        The sampler, and all draws that results came from.
    """
    sampler = sampler or GrowingBoxSampler(SPACE)
    rng = np.random.default_rng(seed)
    draws = []
    for start in range(0, results, at_once):
        draw = sampler.draw(mix(seed, np.arange(start, start + at_once)))
        scores = (rng.random(at_once) < success(draw.difficulty, draw.family)).astype(float)
        sampler.update(Results(draw.difficulty, draw.family, scores, draw.reason))
        draws.append(draw)
        if until(sampler):
            break
    return sampler, draws


def always(probability):
    return lambda difficulty, family: np.full(len(family), probability)


def limits(sampler):
    described = sampler.describe()
    return np.array([described[f"limit_{family}"] for family in SPACE.families])


def drawn(sampler, reason, number=3000):
    draw = sampler.draw(mix(77, np.arange(number)))
    return draw[np.flatnonzero(draw.reason == REASONS.index(reason))]


# --- The box -----------------------------------------------------------------------------------------


def test_practice_begins_with_the_basics():
    draw = GrowingBoxSampler(SPACE, start=0.2).draw(mix(1, np.arange(2000)))
    assert 0.19 < draw.difficulty.max() < 0.2


def test_the_box_grows_to_the_whole_space_for_a_learner_that_masters_it():
    sampler, _ = practice(always(1.0), 6000)
    assert (limits(sampler) == 1.0).all()
    np.testing.assert_allclose(drawn(sampler, "box").difficulty.mean(axis=0), 0.5, atol=0.03)


def test_the_box_stays_at_the_basics_while_all_of_them_are_failed_and_half_the_tasks_are_drawn_as_such():
    sampler, _ = practice(always(0.0), 6000)
    assert (limits(sampler) == sampler.start).all()
    assert len(drawn(sampler, "basics")) / 3000 == pytest.approx(0.5, abs=0.03)


def test_the_box_settles_where_the_learner_does_half_as_well_as_on_the_basics():
    def able_below(limit):
        return lambda difficulty, family: np.where(difficulty.max(axis=1) < limit, 0.8, 0.0)

    sampler, _ = practice(able_below(0.5), 6000)
    for limit in limits(sampler):
        inside = (0.5 / limit) ** AXES  # share of the box in which it succeeds
        assert inside == pytest.approx(0.5, abs=0.2)


def test_the_basics_come_back_when_they_are_forgotten():
    sampler, _ = practice(always(1.0), 6000)
    before = len(drawn(sampler, "basics"))
    sampler, _ = practice(always(0.0), 600, seed=1, sampler=sampler)
    sampler, _ = practice(always(0.0), 6000, seed=2, sampler=sampler)
    assert before == 0
    assert len(drawn(sampler, "basics")) / 3000 > 0.4


def test_families_have_equal_shares_whatever_is_mastered_and_their_own_boxes():
    sampler, draws = practice(lambda difficulty, family: np.where(family == 0, 1.0, 0.0), 9000)
    families = np.concatenate([draw.family for draw in draws])
    np.testing.assert_allclose(np.bincount(families) / len(families), 1 / FAMILIES, atol=0.02)
    assert limits(sampler).tolist() == [1.0, sampler.start, sampler.start]


def test_where_failures_teach_practice_is_uniform_from_the_start():
    sampler = GrowingBoxSampler(SPACE)
    sampler.failures_teach = True
    for _ in range(2):
        draw = drawn(sampler, "box")
        assert len(draw) == 3000
        np.testing.assert_allclose(draw.difficulty.mean(axis=0), 0.5, atol=0.03)
        sampler, _ = practice(always(0.0), 200, sampler=sampler)


@pytest.mark.parametrize("seed", range(5))
def test_a_hundred_results_are_enough_to_move_a_strong_learner_on_and_keep_a_weak_one(seed):
    strong, _ = practice(always(0.95), 100, seed=seed, at_once=1)
    weak, _ = practice(always(0.02), 100, seed=seed, at_once=1)
    assert limits(strong).mean() > 0.6
    assert limits(weak).mean() < 0.3


@pytest.mark.parametrize("seed", range(3))
def test_a_long_practice_does_not_follow_single_results(seed):
    sampler, _ = practice(always(0.5), 20_000, seed=seed)
    before = limits(sampler)
    sampler, _ = practice(always(0.0), 40, seed=seed + 100, sampler=sampler)
    assert (before - limits(sampler) < 0.1).all()


# --- Plateaus ----------------------------------------------------------------------------------------


def series(rise, rng, length=20_000):
    """Successes with a probability that rises by so much whenever practice doubles, up to 0.9."""
    chance = 0.05 + rise * np.log2(np.maximum(np.arange(1, length + 1) / 50, 1.0))
    return (rng.random(length) < chance)[chance < 0.9].astype(float).tolist()


def first_alarm(values):
    test = PlateauTest()
    for place, value in enumerate(values):
        test.extend([value])
        if test.stands_still:
            return place
    return None


def test_a_series_that_rises_is_taken_for_a_plateau_in_less_than_one_of_twenty_simulations():
    alarms = [first_alarm(series(2 * SMALLEST_RISE, np.random.default_rng(seed))) for seed in range(150)]
    assert sum(alarm is not None for alarm in alarms) <= 0.05 * 150


@pytest.mark.parametrize("level", [0.1, 0.5, 0.8])
def test_a_series_that_stands_still_is_found_out(level):
    alarms = []
    for seed in range(20):
        values = (np.random.default_rng(seed).random(12_000) < level).astype(float).tolist()
        alarms.append(first_alarm(values))
    assert sum(alarm is not None for alarm in alarms) >= 19


def test_a_series_that_falls_is_found_out_soon():
    rng = np.random.default_rng(0)
    falling = (rng.random(3000) < np.linspace(0.9, 0.1, 3000)).astype(float).tolist()
    assert (first_alarm(falling) or 10_000) < 1000


def test_a_test_of_a_plateau_goes_on_from_its_state():
    values = series(0.1, np.random.default_rng(3), 3000)
    whole, split = PlateauTest(), PlateauTest()
    split.extend(values[:1717])
    restored = PlateauTest()
    restored.load_state_dict(json.loads(json.dumps(split.state_dict())))
    whole.extend(values)
    restored.extend(values[1717:])
    assert restored.state_dict() == whole.state_dict()
    assert whole.count == len(values)


# --- Probes ------------------------------------------------------------------------------------------

GAPS = {
    "axis": lambda axis, family: lambda x, f: np.where(x[:, axis] > 0.4, 0.05, 0.95),
    "corner": lambda axis, family: (
        lambda x, f: np.where((x[:, axis] > 0.5) & (x[:, (axis + 1) % AXES] > 0.5), 0.05, 0.95)
    ),
    "family": lambda axis, family: lambda x, f: np.where(f == family, 0.1, 0.95),
}


def found_in(kind, seed):
    """The first finding (of the family with the gap, if it is one), and the results of probes before it."""
    axis, family = seed % AXES, seed % FAMILIES

    def finished(sampler):
        return any(kind != "family" or finding.family == family for finding in sampler.findings)

    sampler, draws = practice(GAPS[kind](axis, family), 80_000, seed=seed, until=finished)
    assert finished(sampler)
    finding = next(f for f in sampler.findings if kind != "family" or f.family == family)
    probes = sum(
        int(((d.reason == REASONS.index("probe")) & (d.family == finding.family)).sum()) for d in draws
    )
    return finding.record(SPACE), probes


@pytest.mark.parametrize("kind", GAPS)
def test_probes_name_the_gap_of_a_simulated_learner(kind):
    names, right = SPACE.names, 0
    for seed in range(40):
        finding, probes = found_in(kind, seed)
        wanted = {
            "axis": {names[seed % AXES]},
            "corner": {names[seed % AXES], names[(seed + 1) % AXES]},
            "family": {"family"},
        }[kind]
        right += set(finding["gap"]) == wanted
        assert probes <= RESULTS + 60  # those still on their way when the round ends
    assert right >= 38  # of 40: 95 in 100


def test_nothing_is_probed_while_a_learner_gets_on_or_once_it_masters_everything():
    def rising(sampler):
        return lambda x, f: 1.0 / (1.0 + np.exp(-(ability - x @ np.array([5.0, 4.0, 2.0, 1.0]))))

    for seed in range(20):
        sampler = GrowingBoxSampler(SPACE)
        for start in range(0, 6000, 40):
            ability = -2.0 + 2.4 * np.log2(1.0 + start / 300.0)
            practice(rising(sampler), 40, seed=1000 * seed + start, sampler=sampler)
        assert not sampler.findings
    sampler, _ = practice(always(1.0), 20_000)
    assert not len(drawn(sampler, "probe"))


@pytest.mark.parametrize("seed", range(3))
def test_practice_goes_on_where_probes_found_the_gap_until_it_is_closed(seed):
    axis = seed % AXES
    gap = GAPS["axis"](axis, 0)
    sampler, _ = practice(gap, 30_000, seed=seed, until=lambda sampler: bool(sampler.findings))
    draw = drawn(sampler, "gap")
    assert len(draw) > 300
    assert draw.difficulty[:, axis].max() <= sampler.start
    assert draw.difficulty[:, (axis + 1) % AXES].max() > 0.5
    family = SPACE.families[sampler.findings[0].family]
    assert sampler.describe()[f"gap_limit_{family}"] == sampler.start
    sampler, _ = practice(always(0.95), 12_000, seed=seed + 50, sampler=sampler)
    assert f"gap_limit_{family}" not in sampler.describe()


def test_a_round_of_probes_goes_on_from_its_state():
    gap = GAPS["corner"](0, 0)
    sampler, _ = practice(gap, 30_000, until=lambda sampler: bool(len(drawn(sampler, "probe"))))
    sampler, _ = practice(gap, 80, seed=5, sampler=sampler)
    restored = make_sampler("adaptive", SPACE)
    restored.load_state_dict(json.loads(json.dumps(sampler.state_dict())))
    for part in (sampler, restored):
        practice(gap, 3000, seed=6, sampler=part)
    assert sampler.findings
    assert restored.state_dict() == sampler.state_dict()


def test_findings_come_back_from_json_as_they_were():
    sampler, _ = practice(GAPS["axis"](1, 0), 30_000, until=lambda sampler: bool(sampler.findings))
    restored = make_sampler("adaptive", SPACE)
    restored.load_state_dict(json.loads(json.dumps(sampler.state_dict())))
    assert restored.findings == sampler.findings
    assert restored.findings[0].record(SPACE) == sampler.findings[0].record(SPACE)
    assert restored.state_dict() == sampler.state_dict()


# --- Arms with options -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arm", "options"),
    [
        ("schedule,ramp_episodes=500", {"ramp_episodes": 500}),
        ("adaptive,start=0.2,rate=0.01", {"start": 0.2, "rate": 0.01}),
        ("frontier,candidates=4,target=0.5", {"target": 0.5}),
    ],
)
def test_a_name_may_carry_options(arm, options):
    sampler = make_sampler(arm, SPACE)
    assert {option: getattr(sampler, option) for option in options} == options


@pytest.mark.parametrize(
    ("arm", "message"),
    [
        ("schedule,ramp_episode=500", "option of 'schedule' 'ramp_episode'.*Did you mean 'ramp_episodes'"),
        ("schedule,ramp_episodes=many", "give 'ramp_episodes' a number"),
        ("schedule,ramp_episodes", "give 'ramp_episodes' a number"),
        ("schedule,ramp_episodes=-1", "ramp_episodes must lie in"),
        ("static,set_size=[1]", "static,set_size"),
        ("adaptive,start=2", "start must lie in"),
        ("shedule,ramp_episodes=500", "Did you mean 'schedule'"),
        ("schedule,", "option of 'schedule' ''"),
    ],
)
def test_arms_that_mean_nothing_are_refused(arm, message):
    with pytest.raises(ValueError, match=message):
        make_sampler(arm, SPACE)
