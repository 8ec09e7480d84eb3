"""Submissions of language models: recorded replies are graded again, and no endpoint is asked."""

from __future__ import annotations

import json
import shutil

import pytest

pytest.importorskip("openai")

from faulty_server import faulty_server
from scripted_model import SALT, lay_out, model
from waiting import PATIENCE

from etude_gym.runs import scored_curves
from etude_gym.runs.config import RunConfig
from etude_gym.runs.evidence import check_curve, check_ledger
from etude_gym.runs.finished import load_run
from etude_gym.runs.folder import CALLS, COMPUTE, CURVE, RECORD, read_json, write_json
from etude_gym.runs.practice_run import practice_run
from etude_gym.runs.rescoring import rescore
from etude_gym.runs.rules import Refused
from etude_gym.runs.scored_curves import curves_differ, read_scored, score, scored_curve
from etude_gym.runs.submission import RUNS, SCORED, Submission, pack, scored_salt

VALUE = "0123456789abcdef" * 4


@pytest.fixture(scope="module", autouse=True)
def no_key():
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ETUDE_API_KEY", "OPENAI_API_KEY"):
            patch.delenv(name, raising=False)
        patch.setattr(scored_curves, "SCORED_ITEMS", {"text": 2})
        yield


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """A submission of one run, scored while its endpoint was there, which is gone."""
    folder = tmp_path_factory.mktemp("model")
    with faulty_server({"*": [model]}) as server:
        assert practice_run(lay_out(folder / "run", server, concurrency=4, timeout=PATIENCE), SALT)
        pack([folder / "run"], folder / "submission", "scripted")
        score(folder / "submission", VALUE)
    return folder / "submission"


@pytest.fixture
def submission(scored, tmp_path):
    return shutil.copytree(scored, tmp_path / "submission")


def only_run(submission):
    return Submission.read(submission).runs[0]


def test_practice_and_scores_come_out_again_from_recorded_replies(scored):
    folder = scored / RUNS / only_run(scored)
    assert not curves_differ(rescore(folder), load_run(folder).curve)
    config = RunConfig.read(folder)
    check_curve(folder, config)
    check_ledger(folder, config)


def test_scored_curves_come_out_again_from_recorded_replies(scored):
    name, salt = only_run(scored), scored_salt(Submission.read(scored).commitment, VALUE)
    again = scored_curve(scored, name, salt)
    assert not curves_differ(again, read_scored(scored, name))
    assert curves_differ(again, load_run(scored / RUNS / name).curve)


def rewrite(path, change):
    lines = [change(json.loads(line)) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_scores_without_replies_are_refused(submission):
    name, salt = only_run(submission), scored_salt(Submission.read(submission).commitment, VALUE)
    calls = submission / SCORED / name / CALLS
    calls.write_text(calls.read_text().splitlines()[0] + "\n")
    with pytest.raises(RuntimeError, match=r"127\.0\.0\.1:9"):
        scored_curve(submission, name, salt)


def test_other_replies_lead_to_requests_that_were_never_made(submission):
    name, salt = only_run(submission), scored_salt(Submission.read(submission).commitment, VALUE)
    calls = submission / SCORED / name / CALLS
    rewrite(calls, lambda call: call | ({"text": "no"} if "text" in call else {}))
    with pytest.raises(RuntimeError, match=r"127\.0\.0\.1:9"):
        scored_curve(submission, name, salt)


def test_tokens_that_the_record_of_calls_does_not_have_are_refused(submission):
    folder = submission / RUNS / only_run(submission)
    rewrite(folder / CURVE, lambda record: record | {"compute": record["compute"] / 2})
    kept = read_json(folder / COMPUTE)
    for unit in ("tokens_in", "tokens_out"):
        kept["rollout"][unit] /= 2
    write_json(folder / COMPUTE, kept)
    write_json(folder / RECORD, read_json(folder / RECORD) | {"compute": kept})
    with pytest.raises(Refused, match="ledger"):
        check_ledger(folder, RunConfig.read(folder))
