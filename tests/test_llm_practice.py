"""Practice of a language model: the same run however it is asked, killed or failed; and what it cost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from statistics import mean
from types import SimpleNamespace

import pytest

pytest.importorskip("openai")

from faulty_server import faulty_server
from scripted_model import (
    SALT,
    Holding,
    calls_of,
    lay_out,
    ledger_of,
    model,
    records_of,
    usage_by_line,
)
from serve_small_model import NotInstalled, model_file, small_model_server
from waiting import PATIENCE, wait_until

from etude_gym.agents.llm.client import Client
from etude_gym.agents.llm.endpoint import Answer, Endpoint, Usage
from etude_gym.agents.llm.memory import Memory
from etude_gym.agents.llm.play import Player
from etude_gym.measure.compute import ComputeMeter
from etude_gym.runs.folder import COMPUTE, CURVE, EPISODES, Run, read_json
from etude_gym.runs.practice_run import practice_run
from etude_gym.text import draw_tasks

ANSWERED = "answered"


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    for name in ("ETUDE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def server():
    with faulty_server({"*": [model]}) as running:
        yield running


@pytest.fixture(scope="module")
def whole(server, tmp_path_factory):
    """A run that nothing interrupted."""
    folder = lay_out(tmp_path_factory.mktemp("whole"), server, concurrency=4, timeout=PATIENCE)
    assert practice_run(folder, SALT)
    return folder


def bodies(server):
    return [json.dumps(asked, sort_keys=True) for asked in server.asked]


# --- The same run ------------------------------------------------------------------------------------------


def test_the_number_of_requests_at_once_changes_nothing(server, whole, tmp_path):
    before = len(server.asked)
    assert practice_run(lay_out(tmp_path, server, concurrency=1, timeout=PATIENCE), SALT)
    assert records_of(tmp_path) == records_of(whole)
    assert len(server.asked) - before == sum(call["event"] == ANSWERED for call in calls_of(whole))


def test_a_model_scores_more_with_what_it_remembers_than_without(whole):
    scores = {}
    for episode in Run(whole).read(EPISODES):
        scores.setdefault(episode["examples"], []).append(episode["score"])
    assert scores.keys() == {0, 4}
    assert mean(scores[4]) > 1.5 * mean(scores[0])
    assert [r["index"] for r in Run(whole).read(CURVE)] == [0, 6, 8]


def test_the_ledger_is_the_sum_of_the_usage_of_answered_calls(whole):
    assert ledger_of(whole) == usage_by_line(whole)
    assert set(ledger_of(whole)) == {"rollout", "evaluation"}


def test_tokens_are_the_axis_where_the_size_of_the_model_is_not_known(whole):
    points = Run(whole).read(CURVE)
    rollout = usage_by_line(whole)["rollout"]
    assert points[0]["compute"] == 0
    assert points[-1]["compute"] == rollout["tokens_in"] + rollout["tokens_out"] >= 25_000


def test_flops_are_two_for_each_parameter_and_token_where_it_is(server, whole, tmp_path):
    options = {"parameters": 1e6, "timeout": PATIENCE}
    assert practice_run(lay_out(tmp_path, server, horizon=5e10, unit="flops", **options), SALT)
    points, same = Run(tmp_path).read(CURVE), Run(whole).read(CURVE)
    assert [(p["compute"], p["cells"]) for p in points] == [(2e6 * p["compute"], p["cells"]) for p in same]
    meter = ComputeMeter.from_state(read_json(tmp_path / COMPUTE))
    for line, spent in usage_by_line(tmp_path).items():
        assert meter.amount(line, "flops") == 2e6 * (spent["tokens_in"] + spent["tokens_out"])
    assert ledger_of(tmp_path) == ledger_of(whole)


class Counted:
    """A client whose answers take so many tokens each."""

    endpoint = Endpoint("http://host/v1", "small")

    def __init__(self, tokens_in, tokens_out):
        self.usage = Usage(tokens_in, tokens_out)

    def context_length(self):
        return None

    def ask(self, requests, on_progress):
        return [Answer("", False, self.usage, 0.0) for _ in requests]


@pytest.mark.parametrize(
    ("tokens_in", "tokens_out", "width", "flops"),
    [
        (4000, 96, 30 * 576, 2e6 * 4096),
        (4000, 97, 30 * 576, 2e6 * 4097 + 2 * 4097**2 * 30 * 576),
        (9000, 1000, 10, 2e6 * 10_000 + 2 * 10_000**2 * 10),
        (9000, 1000, 0, 2e6 * 10_000),
    ],
)
def test_attention_is_counted_in_calls_of_more_than_4096_tokens(tokens_in, tokens_out, width, flops):
    client = Counted(tokens_in, tokens_out)
    player = Player(client, Memory(0), max_turns=1, parameters=1e6, attention_width=width)
    player.play(draw_tasks("EtudePlan-v0", "practice", 2, seed=0), "rollout", ["a", "b"])
    assert player.flops() == {"rollout": 2 * flops}


def test_a_task_whose_replies_cannot_be_read_is_given_up_after_two_in_a_row():
    player = Player(Counted(1, 1), Memory(0))
    [task] = draw_tasks("EtudePlan-v0", "practice", 1, seed=0)
    assert player.play([task], "evaluation", ["a"]) == [True]
    assert (len(task.replies), task.over) == (2, False)
    assert player.flops() == {}


# --- Killed ------------------------------------------------------------------------------------------------

RUN = (
    "import sys; from etude_gym.runs.practice_run import practice_run; practice_run(*map(eval, sys.argv[1:]))"
)


def answered_before(folder, start):
    """How many calls of a run were answered before the first whose id begins so, not before its practice."""
    calls = calls_of(folder)
    practice = next(place for place, call in enumerate(calls) if call.get("line") == "rollout")
    first = next(p for p, call in enumerate(calls) if p >= practice and call.get("id", "").startswith(start))
    return sum(call["event"] == ANSWERED for call in calls[:first])


def kill_in_mid_round(folder, server, step, held):
    """Carry out a run in a process that is killed when so many requests are under way that nobody answers."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = f"__import__('pathlib').Path({str(folder)!r})", str(SALT)
    process = subprocess.Popen([sys.executable, "-c", RUN, *command], env=environment)
    try:
        wait_until(lambda: step.held == held or process.poll() is not None)
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
        step.release()
        wait_until(lambda: server.under_way == 0)


@pytest.mark.parametrize(("start", "more", "held"), [("rollout/8/", 2, 4), ("evaluation/", 1, 2)])
def test_a_run_killed_in_mid_round_ends_as_the_one_that_was_not_and_asks_nothing_again(
    whole, tmp_path, start, more, held
):
    answered = answered_before(whole, start) + more
    step = Holding(answered)
    with faulty_server({"*": [step]}) as server:
        lay_out(tmp_path, server, concurrency=4, timeout=PATIENCE)
        kill_in_mid_round(tmp_path, server, step, held)
        asked = bodies(server)
        assert len(asked) == answered + held
        assert practice_run(tmp_path, SALT)
        again = bodies(server)[len(asked) :]
    assert records_of(tmp_path) == records_of(whole)
    calls = calls_of(tmp_path)
    assert len(again) == sum(call["event"] == ANSWERED for call in calls) - answered
    lost = [call for call in calls if call["event"] == "lost"]
    assert len(lost) == held
    assert all(call["estimated"] for call in lost)
    ledger = ledger_of(tmp_path)
    spent = {unit: sum(call["usage"][unit] for call in lost) for unit in lost[0]["usage"]}
    assert ledger.pop("repeated") == {"requests": held, **spent}
    assert ledger == usage_by_line(tmp_path) == ledger_of(whole)


# --- The real server ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_real_model_practices_the_same_however_many_are_asked_at_once_and_every_token_is_booked(
    tmp_path, monkeypatch
):
    pytest.importorskip("xllamacpp")
    try:
        name = model_file().stem
    except NotInstalled as error:
        pytest.skip(str(error))
    asked = []
    ask = Client.ask

    def overheard(client, requests, *arguments):
        asked.extend(requests)
        return ask(client, requests, *arguments)

    monkeypatch.setattr(Client, "ask", overheard)
    options = {"model": name, "max_tokens": 24, "max_turns": 1, "examples": 1, "timeout": PATIENCE}
    folders = [tmp_path / "one", tmp_path / "four"]
    with small_model_server(context=2048) as url:
        for folder, concurrency in zip(folders, (1, 4), strict=True):
            server = SimpleNamespace(base_url=url)
            lay_out(folder, server, horizon=3000, items=1, concurrency=concurrency, **options)
            assert practice_run(folder, SALT)
    one, four = map(records_of, folders)
    assert one == four
    assert one[CURVE][-1]["compute"] > 3000
    assert len(asked) == 20
    assert len({request.messages[0]["content"].encode() for request in asked}) == 1
    assert {len(request.messages) for request in asked} == {2, 4}
    for folder in folders:
        assert ledger_of(folder) == usage_by_line(folder)
        assert sum(amounts["requests"] for amounts in ledger_of(folder).values()) == 10
