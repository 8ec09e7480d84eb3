"""Leagues: who is played, what ratings say, and that all of it can be kept."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from waiting import PATIENCE

from etude_gym.practice.league import FIRST_RATING, League, expected_score
from etude_gym.randomness import mix, uniform
from etude_gym.runs.records import pack, unpack


def league_of(*records, slots=None, **options):
    """A league of opponents with so many wins of the learner out of so many games each."""
    league = League(slots or len(records), **options)
    for name in range(len(records)):
        league.add({"name": name})
    for slot, (wins, games) in enumerate(records):
        for game in range(games):
            league.record(slot, float(game < wins))
    return league


# --- Who is played -----------------------------------------------------------------------------------


def test_hard_opponents_are_preferred_by_the_square_of_what_is_lost():
    league = league_of((0, 1), (1, 1))  # p = 1/3 and 2/3
    assert league.win_probability.tolist() == pytest.approx([1 / 3, 2 / 3])
    assert league.probabilities.tolist() == pytest.approx([4 / 5, 1 / 5])


def test_even_opponents_are_preferred_by_the_variance_of_the_result():
    league = league_of((0, 2), (1, 2), (2, 2), weighting="even")
    p = league.win_probability
    assert p[1] == pytest.approx(0.5, abs=0.01)
    assert league.probabilities.tolist() == pytest.approx((p * (1 - p) / (p * (1 - p)).sum()).tolist())


def test_opponents_are_drawn_with_these_probabilities():
    league = league_of((5, 10), (1, 10), (9, 10), slots=4)
    drawn = np.bincount([league.choose(f"episode {i}") for i in range(4000)], minlength=4) / 4000
    assert drawn[3] == 0
    assert drawn.tolist() == pytest.approx(league.probabilities.tolist(), abs=0.025)
    assert drawn[1] > drawn[0] > drawn[2]


def test_the_same_episode_is_given_the_same_opponent_in_any_process():
    league = league_of((0, 0), (0, 0), (0, 0), seed=3)
    code = (
        "import json; from etude_gym.practice.league import League; league = League(3, seed=3);"
        "[league.add(i) for i in range(3)];"
        "print(json.dumps([league.choose(f'e{i}') for i in range(50)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    assert json.loads(done.stdout) == [league.choose(f"e{i}") for i in range(50)]
    other = league_of((0, 0), (0, 0), (0, 0), seed=4)
    assert [other.choose(i) for i in range(50)] != [league.choose(i) for i in range(50)]


def test_old_results_count_less():
    league = league_of((0, 200))
    before = league.win_probability[0]
    for _ in range(200):
        league.record(0, 1.0)
    assert before < 0.05
    assert league.win_probability[0] > 0.8


# --- Slots -------------------------------------------------------------------------------------------


def test_snapshots_fill_the_slots_and_then_replace_who_is_played_least():
    league = League(3)
    assert [league.add(name) for name in "abc"] == [0, 1, 2]
    assert len(league) == 3
    league.record(1, 1.0)  # beaten: played least
    assert league.add("d") == 1
    assert [league.weights(slot) for slot in range(3)] == ["a", "d", "c"]
    assert league.table()[0].keys() == {
        "slot",
        "snapshot",
        "rating",
        "games",
        "win_probability",
        "probability",
    }
    assert {row["slot"]: row["snapshot"] for row in league.table()} == {0: 0, 1: 3, 2: 2}
    assert {row["slot"]: row["games"] for row in league.table()} == {0: 0, 1: 0, 2: 0}
    assert league.add("e") == 0  # the oldest among equals


def test_a_snapshot_is_a_copy_and_starts_with_the_rating_of_the_learner():
    league = League(2)
    weights = {"layer": np.zeros(2)}
    league.add(weights)
    weights["layer"] += 1
    assert league.weights(0)["layer"].tolist() == [0, 0]
    for _ in range(10):
        league.record(0, 1.0)
    league.add(weights)
    assert league.ratings[1] == league.learner_rating > FIRST_RATING > league.ratings[0]
    assert [row["slot"] for row in league.table()] == [1, 0]


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="slots must be a positive integer"):
        League(0)
    with pytest.raises(ValueError, match="Did you mean 'hard'"):
        League(1, weighting="hrad")
    league = League(2)
    with pytest.raises(RuntimeError, match="no snapshot yet"):
        league.choose(0)
    league.add("a")
    for slot in (1, -1, 2):
        with pytest.raises(ValueError, match=r"Filled slots: \[0\]"):
            league.record(slot, 1.0)
    with pytest.raises(ValueError, match="1 \\(won\\)"):
        league.record(0, 2.0)


# --- Ratings -----------------------------------------------------------------------------------------


def test_expected_scores_follow_elo():
    assert expected_score(1200.0, 1200.0) == 0.5
    assert expected_score(1600.0, 1200.0) == pytest.approx(10 / 11)
    assert expected_score(1000.0, 1400.0) + expected_score(1400.0, 1000.0) == 1.0


def test_a_result_moves_both_ratings_by_the_surprise():
    league = league_of((0, 0))
    league.record(0, 1.0)
    assert (league.learner_rating, league.ratings[0]) == (FIRST_RATING + 8, FIRST_RATING - 8)


def test_ratings_recover_known_strengths():
    strengths = np.array([900.0, 1100.0, 1300.0, 1500.0])
    learner = 1200.0
    league = league_of((0, 0), (0, 0), (0, 0), (0, 0))
    history = []
    for game in range(8000):
        slot = game % 4
        won = uniform(mix(1, game), 0).item() < expected_score(learner, strengths[slot])
        league.record(slot, float(won))
        history.append(league.ratings - league.learner_rating)
    mean = np.mean(history[2000:], axis=0)  # single ratings go up and down by some 30 points
    assert mean.tolist() == pytest.approx((strengths - learner).tolist(), abs=30)
    assert [row["slot"] for row in league.table()] == [3, 2, 1, 0]


# --- State -------------------------------------------------------------------------------------------


def test_a_league_goes_on_from_its_state():
    league = league_of((1, 4), (3, 4), slots=3)
    again = League(3)
    again.load_state_dict(unpack(pack(league.state_dict())))
    assert again.table() == league.table()
    assert again.learner_rating == league.learner_rating
    for other in (league, again):
        other.record(0, 1.0)
        other.add({"name": "new"})
    assert again.table() == league.table()
    assert [again.choose(i) for i in range(30)] == [league.choose(i) for i in range(30)]
    assert again.weights(2) == {"name": "new"}


def test_a_state_is_a_copy_and_fits_its_league_only():
    league = league_of((0, 0), (0, 0))
    state = league.state_dict()
    league.record(0, 1.0)
    assert state["games"].tolist() == [0, 0]
    with pytest.raises(ValueError, match="has 2 slots, this league has 3"):
        League(3).load_state_dict(state)
