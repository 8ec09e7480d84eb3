"""Task samplers: contracts that all share, and simulated learners whose best order of tasks is known."""

import json
from dataclasses import replace

import numpy as np
import pytest

from etude_gym.difficulty.bands import band_of
from etude_gym.difficulty.space import Axis, DifficultySpace
from etude_gym.practice.blind import ScheduleSampler, StaticSampler
from etude_gym.practice.frontier import FrontierSampler, LearnabilitySampler
from etude_gym.practice.learner_model import sigmoid
from etude_gym.practice.learning_progress import LearningProgressSampler
from etude_gym.practice.sampler import REASONS, Results, join_results
from etude_gym.practice.strategies import SAMPLERS, make_sampler
from etude_gym.randomness import mix, uniform
from etude_gym.tasks.keys import Starts, whole

SPACE = DifficultySpace(tuple(Axis(name, "") for name in ("a", "b", "c", "d")), ("first", "second"))
WEIGHTS = np.array([5.0, 4.0, 2.0, 1.0])
MODEL_GUIDED = ("frontier", "learnability")

all_samplers = pytest.mark.parametrize("name", list(SAMPLERS))


def rows_of(draw):
    return draw.task_keys, draw.difficulty, draw.family, draw.reason


def assert_same_draw(draw, other):
    for mine, theirs in zip(rows_of(draw), rows_of(other), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def results_for(draw, ability=2.0):
    """Scores of a learner of fixed ability, Bernoulli by task key."""
    expected = sigmoid(ability - draw.difficulty @ WEIGHTS)
    scores = (uniform(draw.task_keys, 999) < expected).astype(float)
    return Results(draw.difficulty, draw.family, scores)


def practised(name, episodes=330):
    """A sampler that has seen results, the last of them too few for a batch of the learner model."""
    sampler = make_sampler(name, SPACE)
    for start in range(0, episodes, 30):
        sampler.update(results_for(sampler.draw(mix(1, np.arange(start, start + 30)))))
    return sampler


@all_samplers
def test_a_draw_is_a_function_of_its_key_alone(name):
    sampler, keys = practised(name), mix(7, np.arange(50))
    together = sampler.draw(keys)
    assert_same_draw(sampler.draw(keys), together)
    for i in range(50):
        for alone, among in zip(rows_of(sampler.draw(keys[i : i + 1])), rows_of(together), strict=True):
            np.testing.assert_array_equal(alone[0], among[i])


@all_samplers
def test_draws_are_well_formed(name):
    draw = practised(name).draw(mix(7, np.arange(1000)))
    assert [(a.dtype, a.shape, a.flags.c_contiguous) for a in rows_of(draw)] == [
        (np.uint64, (1000,), True),
        (np.float64, (1000, 4), True),
        (np.int64, (1000,), True),
        (np.int64, (1000,), True),
    ]
    assert (draw.difficulty >= 0.0).all()
    assert (draw.difficulty <= 1.0).all()
    assert set(draw.family.tolist()) == {0, 1}
    assert set(draw.reason.tolist()) <= set(range(len(REASONS)))


@all_samplers
def test_updates_do_not_depend_on_how_results_are_split(name):
    draw = make_sampler("uniform", SPACE).draw(mix(2, np.arange(300)))
    results = results_for(draw)
    whole, split = make_sampler(name, SPACE), make_sampler(name, SPACE)
    whole.update(results)
    for part in np.split(np.arange(300), [0, 1, 2, 50, 177, 178]):
        split.update(Results(results.difficulty[part], results.family[part], results.scores[part]))
    assert whole.state_dict() == split.state_dict()


@all_samplers
def test_state_goes_through_json_and_continues_identically(name):
    sampler, restored = practised(name), make_sampler(name, SPACE)
    restored.load_state_dict(json.loads(json.dumps(sampler.state_dict())))
    for start in range(0, 120, 40):
        draw = sampler.draw(mix(3, np.arange(start, start + 40)))
        assert_same_draw(restored.draw(mix(3, np.arange(start, start + 40))), draw)
        sampler.update(results_for(draw))
        restored.update(results_for(draw))
    assert restored.state_dict() == sampler.state_dict()


@all_samplers
@pytest.mark.parametrize("by", ["results", "a state"])
def test_draws_that_change_change_the_version(name, by):
    keys, sampler = mix(8, np.arange(200)), make_sampler(name, SPACE)
    before, version = sampler.draw(keys), sampler.version
    if by == "results":
        sampler.update(results_for(make_sampler("uniform", SPACE).draw(mix(1, np.arange(330)))))
    else:
        sampler.load_state_dict(practised(name).state_dict())
    after = sampler.draw(keys)
    same = all(np.array_equal(a, b) for a, b in zip(rows_of(before), rows_of(after), strict=True))
    assert same or sampler.version != version
    assert same == (sampler.blind or name == "drill")  # these results are no drills, and drills move starts


@all_samplers
def test_difficulty_says_nothing_about_the_numbers_that_make_the_task(name):
    keys = mix(7, np.arange(4000))
    draw = make_sampler(name, SPACE).draw(keys)
    contents = uniform(draw.task_keys[:, None], np.arange(10))
    correlations = np.corrcoef(draw.difficulty, contents, rowvar=False)[:4, 4:]
    assert np.abs(correlations).max() < 0.15


@pytest.mark.parametrize("name", ["uniform", "static", "easy", "schedule"])
@pytest.mark.parametrize("score", [0.0, 1.0])
def test_controls_are_blind_to_scores(name, score):
    keys = mix(4, np.arange(100))
    sampler, other = make_sampler(name, SPACE), make_sampler(name, SPACE)
    draw = sampler.draw(keys)
    sampler.update(Results(draw.difficulty, draw.family, np.full(100, score)))
    other.update(results_for(draw))
    assert_same_draw(sampler.draw(keys), other.draw(keys))


def test_static_repeats_exactly_the_tasks_of_its_set():
    sampler = StaticSampler(SPACE, set_size=20)
    draw = sampler.draw(mix(1, np.arange(2000)))
    keys, first, which = np.unique(draw.task_keys, return_index=True, return_inverse=True)
    assert len(keys) == 20
    np.testing.assert_array_equal(draw.difficulty, draw.difficulty[first][which])
    np.testing.assert_array_equal(draw.family, draw.family[first][which])
    again = sampler.draw(mix(2, np.arange(2000)))
    assert set(again.task_keys) == set(keys)
    other = StaticSampler(SPACE, set_size=20, set_seed=1).draw(mix(1, np.arange(2000)))
    assert not set(other.task_keys) & set(keys)


def test_static_and_uniform_cover_the_whole_space_evenly():
    for name in ("static", "uniform"):
        draw = make_sampler(name, SPACE).draw(mix(1, np.arange(4000)))
        np.testing.assert_allclose(draw.difficulty.mean(axis=0), 0.5, atol=0.05)
        np.testing.assert_allclose(
            np.bincount(band_of(SPACE, draw.difficulty, draw.family)) / 4000, 0.25, atol=0.05
        )


def test_easy_stays_in_its_region():
    difficulty = make_sampler("easy", SPACE).draw(mix(1, np.arange(1000))).difficulty
    assert 0.39 < difficulty.max() < 0.4


def test_schedule_widens_with_the_number_of_results_alone():
    sampler = ScheduleSampler(SPACE, ramp_episodes=200)
    keys = mix(1, np.arange(100))
    highest = []
    for _ in range(4):
        draw = sampler.draw(keys)
        highest.append(draw.difficulty.max())
        sampler.update(results_for(draw))
    np.testing.assert_allclose(highest, [0.1, 0.55, 1.0, 1.0], rtol=0.02)


@pytest.mark.parametrize("name", [*MODEL_GUIDED, "learning_progress"])
def test_a_fifth_of_the_tasks_is_uniform_and_logged_as_such(name):
    draw = practised(name).draw(mix(5, np.arange(4000)))
    uniformly = draw.reason == REASONS.index("uniform")
    assert uniformly.mean() == pytest.approx(0.2, abs=0.03)
    np.testing.assert_allclose(draw.difficulty[uniformly].mean(axis=0), 0.5, atol=0.05)
    np.testing.assert_allclose(
        np.bincount(band_of(SPACE, draw.difficulty[uniformly], draw.family[uniformly])),
        uniformly.sum() / 4,
        rtol=0.2,
    )


@pytest.mark.parametrize(("name", "easy", "hard"), [("frontier", 0.15, 0.8), ("learnability", 0.3, 0.5)])
def test_endless_failure_draws_easy_tasks_and_endless_success_hard_ones(name, easy, hard):
    means = {}
    for score in (0.0, 1.0):
        sampler = make_sampler(name, SPACE)
        for start in range(0, 20_000, 200):
            draw = sampler.draw(mix(1, np.arange(start, start + 200)))
            sampler.update(Results(draw.difficulty, draw.family, np.full(200, score)))
        draw = sampler.draw(mix(2, np.arange(1000)))
        assert np.isfinite(draw.difficulty).all()
        means[score] = draw.difficulty[draw.reason != REASONS.index("uniform")].mean()
    assert means[0.0] < easy
    assert means[1.0] > hard


def test_frontier_draws_where_a_learner_succeeds_about_as_often_as_its_target():
    sampler = FrontierSampler(SPACE)
    for start in range(0, 4000, 40):
        sampler.update(results_for(sampler.draw(mix(1, np.arange(start, start + 40))), ability=5.0))
    draw = sampler.draw(mix(2, np.arange(2000)))
    frontier = draw.reason == REASONS.index("frontier")
    expected = sigmoid(5.0 - draw.difficulty[frontier] @ WEIGHTS)
    assert expected.mean() == pytest.approx(0.6, abs=0.08)
    assert expected.std() < 0.15


def test_learnability_prefers_coin_flips_and_less_sharply():
    drawn = {}
    for sampler in (FrontierSampler(SPACE, target=0.5), LearnabilitySampler(SPACE)):
        for start in range(0, 4000, 40):
            sampler.update(results_for(sampler.draw(mix(1, np.arange(start, start + 40))), ability=6.0))
        difficulty = sampler.draw(mix(2, np.arange(2000))).difficulty
        drawn[sampler.name] = 6.0 - difficulty @ WEIGHTS
    spread = {name: np.abs(logits).mean() for name, logits in drawn.items()}
    uniform_spread = np.abs(6.0 - uniform(mix(2, np.arange(2000))[:, None], np.arange(4)) @ WEIGHTS).mean()
    assert spread["frontier"] < spread["learnability"] < uniform_spread


def test_learning_progress_goes_where_scores_change():
    sampler = LearningProgressSampler(SPACE)
    for start in range(0, 2000, 40):
        draw = sampler.draw(mix(1, np.arange(start, start + 40)))
        improves = (draw.family == 1) & (band_of(SPACE, draw.difficulty, draw.family) == 2)
        sampler.update(
            Results(draw.difficulty, draw.family, np.where(improves, start / 2000, 0.5 * draw.family))
        )
    assert np.unravel_index(sampler.progress.argmax(), (2, 4)) == (1, 2)
    draw = sampler.draw(mix(2, np.arange(2000)))
    there = (draw.family == 1) & (band_of(SPACE, draw.difficulty, draw.family) == 2)
    assert there.mean() > 2 / 8


def learning_curve(sampler, seed, learn, ability=0.0, episodes=4000, gain=0.006):
    """Mean score on a fixed grid of tasks while a logistic learner practises.

    Args:
        sampler: practice strategy.
        seed: of the practice tasks and of the learner.
        learn: what an episode teaches, as a function of expected scores and task keys.
        ability: at the start, in logits.
        episodes: number of practice episodes, 40 at a time.
        gain: logits of ability for each unit learned.

    Returns:
        Array of shape (episodes / 40,).
    """
    anchors = uniform(mix(99, np.arange(200))[:, None], np.arange(4)) @ WEIGHTS
    curve = []
    for start in range(0, episodes, 40):
        draw = sampler.draw(mix(seed, np.arange(start, start + 40)))
        expected = sigmoid(ability - draw.difficulty @ WEIGHTS)
        scores = (uniform(mix(seed, np.arange(start, start + 40)), 999) < expected).astype(float)
        ability += gain * learn(expected, draw.task_keys).sum()
        sampler.update(Results(draw.difficulty, draw.family, scores))
        curve.append(sigmoid(ability - anchors).mean())
    return np.array(curve)


def episodes_to(curve, score):
    reached = np.flatnonzero(curve >= score)
    return 40 * (reached[0] + 1) if len(reached) else np.inf


def near_the_frontier(expected, keys):
    return (np.abs(expected - 0.5) < 0.25).astype(float)


def alike_from_every_task(expected, keys):
    return 0.5 * (uniform(keys, 998) < 0.5)


@pytest.mark.parametrize("seed", range(3))
def test_a_learner_that_learns_only_near_its_frontier_needs_practice_there(seed):
    curves = {name: learning_curve(make_sampler(name, SPACE), seed, near_the_frontier) for name in SAMPLERS}
    needed = {name: episodes_to(curve, 0.5) for name, curve in curves.items()}
    assert needed["frontier"] < 3000
    for name in ("frontier", "adaptive"):
        assert needed[name] < 0.75 * min(needed["uniform"], needed["static"], needed["learning_progress"])
    assert needed["frontier"] < needed["learnability"]
    assert curves["frontier"][-1] > max(curve[-1] for name, curve in curves.items() if name != "frontier")


@pytest.mark.parametrize("seed", range(2))
def test_a_learner_that_starts_within_reach_learns_sooner_with_every_adaptive_sampler(seed):
    def informative(expected, keys):
        return 4.0 * expected * (1.0 - expected)

    needed = {
        name: episodes_to(learning_curve(make_sampler(name, SPACE), seed, informative, 2.0, 8000, 0.003), 0.6)
        for name in ("uniform", "static", "learning_progress", "learnability", "frontier")
    }
    assert needed["frontier"] < needed["learnability"] < 0.9 * needed["uniform"]
    assert needed["learning_progress"] < 0.95 * needed["uniform"]
    assert needed["static"] == pytest.approx(needed["uniform"], rel=0.1)


def test_a_learner_to_whom_order_does_not_matter_learns_alike_with_every_sampler():
    areas = [learning_curve(make_sampler(name, SPACE), 0, alike_from_every_task).mean() for name in SAMPLERS]
    assert max(areas) - min(areas) < 0.02
    assert min(areas) > 0.15


def test_wrong_names_and_options_are_refused_with_a_hint():
    with pytest.raises(ValueError, match=r"Unknown task sampler 'adaptiv'.*Did you mean 'adaptive'\?"):
        make_sampler("adaptiv", SPACE)
    with pytest.raises(ValueError, match="Unknown task sampler None"):
        make_sampler(None, SPACE)
    with pytest.raises(ValueError, match=r"uniform_share must lie in \[0.0, 1.0\], got 2"):
        FrontierSampler(SPACE, uniform_share=2)
    with pytest.raises(ValueError, match="target"):
        FrontierSampler(SPACE, target=1.0)
    with pytest.raises(ValueError, match="set_size"):
        StaticSampler(SPACE, set_size=0)


def test_a_sampler_is_taken_as_it_is_unless_made_for_another_space():
    sampler = FrontierSampler(SPACE)
    assert make_sampler(sampler, SPACE) is sampler
    with pytest.raises(ValueError, match="Build it with the domain's own space"):
        make_sampler(sampler, DifficultySpace((Axis("z", ""),), ("only",)))


def test_states_of_other_samplers_and_malformed_results_are_refused():
    with pytest.raises(ValueError, match="not one of the sampler 'adaptive'"):
        make_sampler("adaptive", SPACE).load_state_dict(practised("schedule").state_dict())
    other = LearningProgressSampler(DifficultySpace(SPACE.axes, ("only",)))
    with pytest.raises(ValueError, match="4 cells, this domain 8"):
        make_sampler("learning_progress", SPACE).load_state_dict(other.state_dict())
    with pytest.raises(ValueError, match=r"Scores must lie in \[0, 1\]"):
        Results(np.zeros((1, 4)), np.zeros(1, dtype=np.int64), np.array([np.nan]))
    with pytest.raises(ValueError, match="one row per episode"):
        Results(np.zeros((2, 4)), np.zeros(1, dtype=np.int64), np.zeros(1))


def test_samplers_with_a_model_report_what_it_computes_and_blind_ones_report_nothing():
    space = DifficultySpace((Axis("a", ""), Axis("b", "")), ("only",))
    results = Results(np.full((128, 2), 0.5), np.zeros(128, np.int64), np.full(128, 0.5))
    frontier, uniform_sampler = make_sampler("frontier", space), make_sampler("uniform", space)
    for sampler in (frontier, uniform_sampler):
        sampler.update(results)
    assert uniform_sampler.flops == 0
    once = frontier.flops
    assert once > 128 * 2 * 16 * 2  # one product and one sum for each candidate and axis, at the least
    frontier.update(results)
    assert frontier.flops == 2 * once
    restored = make_sampler("frontier", space)
    restored.load_state_dict(frontier.state_dict())
    assert restored.flops == frontier.flops


def test_joined_results_keep_why_and_where_episodes_started():
    part = Results(np.zeros((2, 2)), np.zeros(2, np.int64), np.ones(2), np.array([0, 1]))
    drills = replace(part, starts=Starts(np.array([0.5, 0.0]), np.array([3.0, np.inf])))
    empty = Results(np.empty((0, 2)), np.empty(0, np.int64), np.empty(0))
    joined = join_results([empty, part, drills])
    assert joined.reason.tolist() == [0, 1, 0, 1]
    assert joined.starts.share.tolist() == [0, 0, 0.5, 0]
    assert joined.starts.left.tolist() == [np.inf, np.inf, 3, np.inf]
    assert joined[2:3].starts.left.tolist() == [3]
    assert join_results([part, part]).starts is None
    assert join_results([part, replace(part, reason=None)]).reason is None


def test_results_of_other_lengths_than_their_columns_raise():
    with pytest.raises(ValueError, match="one reason and one start per episode"):
        Results(np.zeros((2, 2)), np.zeros(2, np.int64), np.ones(2), np.zeros(1, np.int64))
    with pytest.raises(ValueError, match="one reason and one start per episode"):
        Results(np.zeros((2, 2)), np.zeros(2, np.int64), np.ones(2), starts=whole(3))


@pytest.mark.parametrize(
    ("share", "left", "played"),
    [
        (0.0, np.inf, 0),
        (0.5, np.inf, 3),
        (0.999, np.inf, 6),
        (0.0, 2, 5),
        (0.0, 1, 6),
        (0.5, 2, 5),
        (0.9, 5, 6),
    ],
)
def test_a_start_plays_a_share_or_all_but_some_actions_and_always_leaves_one(share, left, played):
    starts = Starts(np.full(3, share), np.full(3, float(left)))
    assert starts.played(np.array([7, 1, 0])).tolist() == [played, 0, 0]
