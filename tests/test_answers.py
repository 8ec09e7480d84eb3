"""A run's folder keeps every anchor answer, whoever answers, and nothing that was taken back."""

from __future__ import annotations

import json

import counting  # noqa: F401 (registers its domain)
import numpy as np
import pytest
from own_learner import LinearReinforce  # noqa: F401 (the agent of the runs)
from scripted_model import PLAN
from small_runs import kill_before_it_saves
from test_text_anchors import ENTRY_BAND, LOGIC, Solver, anchors, score

from etude_gym.difficulty.bands import cells_of
from etude_gym.environment.registration import make_domain
from etude_gym.environment.text_rounds import fingerprint
from etude_gym.measure.answers import Answers
from etude_gym.measure.confidence import Reliability
from etude_gym.runs import practice_run as practice
from etude_gym.runs.answers import read_answers
from etude_gym.runs.config import RunConfig
from etude_gym.runs.finished import load_run
from etude_gym.runs.folder import ANSWERS, CURVE, IncompleteRun
from etude_gym.runs.practice_run import practice_run
from etude_gym.runs.rescoring import rescore_answers

SALT, ITEMS = 20, 5
ENV_ID = "counting:Counting-v0"


@pytest.fixture(autouse=True)
def few_turns(monkeypatch):
    monkeypatch.setattr(practice, "ITERATIONS", 16)


def lay_out(folder):
    cells = cells_of(make_domain(ENV_ID).space)
    RunConfig(
        ENV_ID, "uniform", "own_learner:LinearReinforce", 3, 1e6, 8, ITEMS, chance=(0.1,) * len(cells)
    ).write(folder)
    return folder


@pytest.fixture
def finished(tmp_path):
    practice_run(lay_out(tmp_path), SALT)
    return tmp_path


def columns(answers):
    return {name: value for name, value in vars(answers).items() if value is not None}


def assert_same_answers(found, expected, tolerance=0.0):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert columns(one).keys() == columns(other).keys()
        for name, value in columns(one).items():
            if isinstance(value, np.ndarray) and value.dtype.kind == "f":
                np.testing.assert_allclose(value, columns(other)[name], rtol=0, atol=tolerance, err_msg=name)
            else:
                np.testing.assert_array_equal(value, columns(other)[name], err_msg=name)


def test_a_run_keeps_the_answers_that_its_curve_is_made_of(finished):
    curve, kept = load_run(finished).curve, read_answers(finished)
    assert [answers.evaluation for answers in kept] == curve.index.tolist()
    assert [answers.compute for answers in kept] == curve.compute.tolist()
    for answers, scores in zip(kept, curve.scores, strict=True):
        assert answers.scores.reshape(scores.shape).tolist() == scores.tolist()
        assert answers.bands.tolist() == [0] * 5 + [1] * 5 + [2] * 5 + [3] * 5
        assert set(answers.statuses) == {"ok"}
        assert answers.confidence is None
    assert len({key for answers in kept for key in answers.keys.tolist()}) == 9 * 20


def test_networks_that_are_asked_again_give_the_answers_that_were_kept(finished):
    again = rescore_answers(finished)
    assert_same_answers(read_answers(finished), again, tolerance=6e-5)
    assert again[0].difficulties.shape == (20, 2)


def test_one_line_for_each_evaluation_with_one_column_for_each_thing(finished):
    lines = [json.loads(line) for line in (finished / ANSWERS).read_text().splitlines()]
    lines = [line for line in lines if "resumed_at" not in line]
    assert len(lines) == 9
    for line in lines:
        assert list(line) == [
            "iteration", "evaluation", "compute", "keys", "families", "bands", "difficulties", "scores",
            "statuses",
        ]  # fmt: skip
        assert {len(line[name]) for name in ("keys", "families", "bands", "difficulties", "scores")} == {20}
        assert len(json.dumps(line)) < 70 * 20 + 200  # bytes of an answer, and of the names


def test_answers_that_a_killed_run_gives_twice_count_once(tmp_path, monkeypatch):
    """It is killed after an evaluation, before it is saved."""
    folder = lay_out(tmp_path)
    kill_before_it_saves(folder, monkeypatch, SALT, points=4)
    assert len(read_answers(folder)) == 4
    assert practice_run(folder, SALT)
    assert len(read_answers(folder)) == 9
    assert_same_answers(read_answers(folder), rescore_answers(folder), tolerance=6e-5)


# --- Text --------------------------------------------------------------------------------------------------


def test_text_agents_leave_what_became_of_their_replies():
    seen = {fingerprint(anchors()[number]) for number in (0, 2)}
    answers = score(Solver([0, 1, 4], ungraded=[2, 3], practiced=seen)).answers
    assert answers.statuses[:4] == ("practiced", "ok", "infrastructure error", "infrastructure error")
    assert answers.statuses[4:] == ("ok", "malformed", "malformed", "malformed")
    np.testing.assert_array_equal(answers.scores, [np.nan, 1, np.nan, np.nan, 1, 0, 0, 0])
    assert answers.counted.sum() == 5
    assert answers.bands.tolist() == [ENTRY_BAND] * 4 + [0] * 4
    tasks = anchors()
    assert answers.keys.tolist() == [task.key for task in tasks]
    assert answers.difficulties.tolist() == [list(task.difficulty.values()) for task in tasks]


class Silent:
    """Has room for no task at all, and says that all of them count."""

    def play(self, tasks):
        return [True] * len(tasks)


def test_a_task_without_any_reply_is_unanswered():
    assert set(score(Silent()).answers.statuses) == {"unanswered"}


def test_confidence_is_kept_with_whether_the_answer_was_right():
    result = score(Solver(range(6)), 2, LOGIC)
    answers = result.answers
    assert Reliability.from_answers(answers.confidence, answers.correct) == result.reliability
    assert answers.families.tolist() == [
        index for index in range(len(make_domain(LOGIC).space.families)) for _ in range(4)
    ]


@pytest.mark.parametrize("env_id", [PLAN, LOGIC])
def test_a_record_comes_back_as_it_was_but_for_the_digits(env_id):
    answers = score(Solver([0, 1], ungraded=[3]), 4, env_id).answers
    record = json.loads(json.dumps(answers.record(), allow_nan=False))
    assert_same_answers([Answers.from_record(record)], [answers], tolerance=6e-5)


# --- Damage ------------------------------------------------------------------------------------------------


def test_a_run_without_answers_says_why(tmp_path, finished):
    with pytest.raises(IncompleteRun, match="not a run's folder"):
        read_answers(tmp_path / "nowhere")
    (finished / ANSWERS).unlink()
    with pytest.raises(IncompleteRun, match=r"no answers\.jsonl: it is older"):
        read_answers(finished)
    (finished / CURVE).unlink()
    with pytest.raises(IncompleteRun, match="has not been evaluated yet"):
        read_answers(finished)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("keys", ["x"] * 20), ("scores", [0.5]), ("scores", [7.0] * 20), ("statuses", {"ok": [99]}),
        ("difficulties", [0.5] * 20), ("evaluation", 7), ("compute", 1.5), ("families", None),
    ],
)  # fmt: skip
def test_a_damaged_line_is_refused(finished, name, value):
    lines = (finished / ANSWERS).read_text().splitlines()
    lines[3] = json.dumps({**json.loads(lines[3]), name: value})
    (finished / ANSWERS).write_text("\n".join(lines) + "\n")
    with pytest.raises(IncompleteRun, match=r"answers\.jsonl is damaged"):
        read_answers(finished)


def test_a_lost_line_is_refused(finished):
    lines = (finished / ANSWERS).read_text().splitlines(keepends=True)
    (finished / ANSWERS).write_text("".join(lines[:4] + lines[5:]))
    with pytest.raises(IncompleteRun, match=r"answers of the evaluations \[0, 1.*but curve\.jsonl has"):
        read_answers(finished)


def test_a_run_at_work_may_be_one_evaluation_ahead_of_its_curve(finished):
    lines = (finished / CURVE).read_text().splitlines(keepends=True)
    (finished / CURVE).write_text("".join(lines[:-1]))
    assert len(read_answers(finished)) == 8
