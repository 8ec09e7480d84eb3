"""Practice as a service: what a trainer is given over HTTP, what it is refused, and what a kill changes."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress

import numpy as np
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

import uvicorn
from waiting import PATIENCE, wait_until

from etude_gym.agents.serve.app import TOKEN, make_app
from etude_gym.agents.serve.gate import Gate, Limits, is_loopback
from etude_gym.agents.serve.service import Conflict, PracticeService, ServiceConfig, Unwritable
from etude_gym.cli import main
from etude_gym.environment.registration import make_domain
from etude_gym.envs.code.facts import exercise_of
from etude_gym.envs.code.text import _call
from etude_gym.practice.strategies import make_sampler
from etude_gym.runs.folder import EPISODES, Run
from etude_gym.tasks.keys import task_keys
from etude_gym.text import TextTask

PLAN, LOGIC, CODE = "EtudePlan-v0", "EtudeLogic-v0", "EtudeCode-v0"
SECRET = "a-token-of-tests-0123456789"
WRONG = {PLAN: "done", LOGIC: "go", CODE: "```python\nx = 1\n```"}


@pytest.fixture(autouse=True)
def no_token(monkeypatch):
    monkeypatch.delenv(TOKEN, raising=False)


def new(folder, env_id=PLAN, arm="adaptive", seed=0, most_open=1024):
    """A service in a new folder."""
    return PracticeService.create(folder, ServiceConfig(env_id, arm, seed), most_open)


def solution(service, number):
    """The worked solution of an open episode, which a trainer cannot see."""
    return service._open[number].task.reference()


def solve(service, number):
    """Reply until an episode is over; its last answer."""
    answer = {"over": False}
    while not answer["over"]:
        answer = service.reply(number, solution(service, number))
    return answer


@contextmanager
def served(service, **limits):
    """The service behind a real server; yields a function that asks it."""
    bound = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(make_app(service, Limits(**{"rate": 1e6, **limits})), log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    port = bound.getsockname()[1]
    try:
        yield lambda *args, **options: ask(port, *args, **options)
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        bound.close()


def ask(port, path, body=None, raw=None, method=None, **headers):
    """One request: the status and the answer."""
    data = json.dumps(body).encode() if body is not None else raw
    given = {"Content-Type": "application/json"} if data is not None else {}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, given, method=method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


# --- Practice --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("env_id", [PLAN, LOGIC, CODE])
def test_worked_solutions_sent_over_http_earn_1_and_move_the_sampler(tmp_path, env_id):
    service = new(tmp_path, env_id)
    with served(service) as get:
        before = get("/state")[1]["sampler"]
        status, tasks = get("/draw", {"n": 6})
        assert status == 200
        assert [task["episode"] for task in tasks] == list(range(6))
        for task in tasks:
            answer = {"over": False}
            while not answer["over"]:
                status, answer = get(
                    "/reply", {"episode": task["episode"], "reply": solution(service, task["episode"])}
                )
                assert status == 200
            assert (answer["score"], answer["solved"], answer["status"], answer["prompt"]) == (
                1,
                True,
                "ok",
                None,
            )
        status, state = get("/state")
    assert state["sampler"] != before
    assert state["results"] == 6
    assert state["episodes"]["practice"] | {"statuses": 0} == {
        "drawn": 6, "open": 0, "over": 6, "ungraded": 0, "mean_score": 1.0, "statuses": 0,
    }  # fmt: skip


def test_prompts_are_those_of_the_library_in_two_messages(tmp_path):
    service = new(tmp_path, arm="uniform", seed=3)
    [shown] = service.draw(1)
    key = task_keys("plan-v0", "practice", 3, np.arange(1))
    drawn = make_sampler("uniform", service.domain.space).draw(key)
    task = TextTask(PLAN, int(key[0]), service.domain.space.named(drawn.difficulty[0]), shown["family"])
    assert (shown["system"], shown["prompt"]) == (task.parts.system, task.parts.task)
    assert (shown["difficulty"], shown["reason"]) == (task.difficulty, "uniform")
    answer = service.reply(0, "no command at all")
    task.reply("no command at all")
    assert (answer["prompt"], answer["status"], answer["problem"]) == (
        task.parts.task,
        "malformed",
        task.problem,
    )
    assert (answer["over"], answer["score"]) == (False, None)


def test_the_order_in_which_episodes_end_changes_nothing(tmp_path):
    services = [new(tmp_path / name) for name in ("forward", "backward")]
    for _ in range(4):
        batches = [service.draw(5) for service in services]
        assert batches[0] == batches[1]
        for service, batch, order in zip(services, batches, (range(5), range(4, -1, -1)), strict=True):
            before = service.sampler.state_dict()
            for row in order:
                assert service.sampler.state_dict() == before
                number = batch[row]["episode"]
                solve(service, number) if row % 2 else service.end(number)
    assert services[0].state() == services[1].state()


def test_scores_of_open_batches_wait_and_are_counted(tmp_path):
    service = new(tmp_path)
    service.draw(3)
    solve(service, 2)
    assert service.state()["results"] == 0
    assert service.state()["results_waiting_for_their_batch"] == 1
    service.end(0)
    service.end(1)
    assert service.state()["results"] == 3
    assert service.state()["results_waiting_for_their_batch"] == 0


def test_probes_are_uniform_and_teach_the_sampler_nothing(tmp_path):
    service = new(tmp_path)
    before = service.sampler.state_dict()
    probes = service.draw(40, "probe")
    for probe in probes:
        solve(service, probe["episode"])
    assert service.sampler.state_dict() == before
    assert {probe["reason"] for probe in probes} == {"uniform"}
    assert max(max(probe["difficulty"].values()) for probe in probes) > 0.9
    assert new(tmp_path / "other").draw(4) == [
        task | {"episode": number} for number, task in enumerate(service.draw(4))
    ]


def test_an_episode_that_is_ended_keeps_its_score_or_counts_for_nothing(tmp_path):
    service = new(tmp_path, arm="uniform")
    service.draw(3)
    assert service.end(0)["score"] == 0.0
    ungraded = service.end(1, graded=False)
    assert (ungraded["over"], ungraded["score"], ungraded["graded"]) == (True, None, False)
    assert service.end(1) == ungraded
    solve(service, 2)
    with pytest.raises(Conflict, match="Episode 2 is over: there is nothing to end"):
        service.end(2)
    assert service.state()["results"] == 2
    assert service.state()["episodes"]["practice"]["ungraded"] == 1


def test_a_batch_of_which_nothing_was_graded_teaches_nothing(tmp_path):
    service = new(tmp_path)
    before = service.sampler.state_dict()
    service.draw(2)
    service.end(0, graded=False)
    service.end(1, graded=False)
    assert service.sampler.state_dict() == before


def test_a_reply_sent_again_with_its_turn_is_answered_again_and_not_played_twice(tmp_path):
    service = new(tmp_path)
    service.draw(1)
    first = service.reply(0, "nothing to read", turn=0)
    assert service.reply(0, "nothing to read", turn=0) == first
    assert service._open[0].task.outcome()["turns"] == 1
    with pytest.raises(Conflict, match="waits for the reply of turn 1, not of turn 0"):
        service.reply(0, "another one", turn=0)
    with pytest.raises(Conflict, match="waits for the reply of turn 1, not of turn 7"):
        service.reply(0, "nothing to read", turn=7)
    reference, last = solution(service, 0), {"over": False}
    while not last["over"]:
        reference, turn = solution(service, 0), service._open[0].turns
        last = service.reply(0, reference, turn=turn)
    assert service.reply(0, reference, turn=turn) == last
    with pytest.raises(Conflict, match="takes no more replies"):
        service.reply(0, reference)


@pytest.mark.parametrize(
    "reply", [None, "", "\ud800 \x00", "x" * 50_000], ids=["null", "empty", "odd", "long"]
)
@pytest.mark.parametrize("env_id", [PLAN, LOGIC, CODE])
def test_any_text_is_graded_and_no_content_is_an_empty_reply(tmp_path, env_id, reply):
    service = new(tmp_path, env_id)
    with served(service) as get:
        get("/draw", {"n": 1})
        status, answer = get("/reply", {"episode": 0, "reply": reply})
    assert (status, answer["status"]) == (200, "malformed")
    assert PracticeService(tmp_path).open_episodes() == service.open_episodes()


def test_a_cut_reply_is_told_from_one_that_is_not_closed(tmp_path):
    service = new(tmp_path, CODE)
    service.draw(1)
    assert service.reply(0, "```python\ndef solve", cut=True)["status"] == "truncated"


# --- The ledger ------------------------------------------------------------------------------------------


def test_the_ledger_adds_up_what_the_trainer_tells_and_keeps_evaluation_apart(tmp_path):
    service = new(tmp_path)
    with served(service) as get:
        get("/ledger", {"line": "rollout", "amounts": {"flops": 3e9, "requests": 2}})
        get("/ledger", {"line": "update", "amounts": {"flops": 1e9}})
        status, told = get("/ledger", {"line": "evaluation", "amounts": {"flops": 5e9}})
        assert get("/state")[1]["ledger"] == told
    assert status == 200
    assert told["training"]["flops"] == 4e9
    assert told["lines"]["rollout"]["requests"] == 2
    assert told["lines"]["evaluation"]["flops"] == 5e9
    assert PracticeService(tmp_path).ledger() == told


def test_what_the_sampler_computes_is_booked_here(tmp_path):
    service = new(tmp_path, arm="frontier")
    for _ in range(20):
        for task in service.draw(8):
            service.end(task["episode"])
    assert service.ledger()["lines"]["curriculum"]["flops"] == service.sampler.flops > 0
    with pytest.raises(ValueError, match="is what the task sampler here computes"):
        service.book("curriculum", {"flops": 1.0})


# --- Kill and resume -------------------------------------------------------------------------------------


def practiced(service, rounds, seed):
    """Practice so many rounds, half of the replies wrong; all that was shown and answered."""
    choose, seen = random.Random(seed), []
    for _ in range(rounds):
        batch = service.draw(3)
        seen.append(batch)
        for task in batch:
            number = task["episode"]
            if choose.random() < 0.5:
                seen.append(service.reply(number, "nothing to read"))
            seen.append(solve(service, number) if choose.random() < 0.7 else service.end(number))
        service.book("rollout", {"flops": choose.random()})
    return seen


@pytest.mark.parametrize("arm", ["adaptive", "frontier", "learning_progress", "static,set_size=4"])
def test_a_service_made_anew_from_its_record_goes_on_as_if_nothing_had_happened(tmp_path, arm):
    whole, first = new(tmp_path / "whole", arm=arm), new(tmp_path / "parts", arm=arm)
    assert practiced(whole, 12, seed=1) == practiced(first, 12, seed=1)
    for service in (whole, first):
        service.draw(3)
        service.reply(36, "nothing to read", turn=0)
        solve(service, 37)
    again = PracticeService(tmp_path / "parts")
    assert again.state() == whole.state()
    assert again.open_episodes() == whole.open_episodes()
    assert again.reply(36, "nothing to read", turn=0) == whole.reply(36, "nothing to read", turn=0)
    for service in (whole, again):
        service.end(36)
        solve(service, 38)
    assert practiced(again, 6, seed=2) == practiced(whole, 6, seed=2)


def test_a_torn_last_line_is_what_did_not_happen(tmp_path):
    service = new(tmp_path)
    service.draw(2)
    state = service.state()
    service.draw(2)
    record = (tmp_path / EPISODES).read_bytes()
    (tmp_path / EPISODES).write_bytes(record[:-20])
    again = PracticeService(tmp_path)
    assert again.state() == state
    assert again.draw(2)[0]["episode"] == 2
    assert PracticeService(tmp_path).open_episodes() == again.open_episodes()


def start(*arguments, environment=None):
    """``etude serve`` in a process of its own; the process, its port, and its first line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "etude_gym.cli", "serve", *map(str, arguments)],
        stdout=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})},
    )  # fmt: skip
    line = process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
    assert found, line
    return process, int(found[1]), line


def test_a_killed_service_goes_on_with_the_same_tasks_episodes_and_ledger(tmp_path):
    folder = tmp_path / "run"
    process, port, line = start(PLAN, "--port", 0, "--out", folder, "--seed", 5)
    assert f"Serving {PLAN}" in line
    try:
        batch = ask(port, "/draw", {"n": 3})[1]
        ask(port, "/reply", {"episode": 0, "reply": "nothing to read"})
        ask(port, "/end", {"episode": 1})
        ask(port, "/ledger", {"line": "rollout", "amounts": {"flops": 7.0}})
        state, still_open = ask(port, "/state"), ask(port, "/open")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    process, port, _ = start("--port", 0, "--resume", folder)
    try:
        assert (ask(port, "/state"), ask(port, "/open")) == (state, still_open)
        ask(port, "/end", {"episode": 0})
        ask(port, "/end", {"episode": 2})
        drawn = ask(port, "/draw", {"n": 3})[1]
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
    finally:
        process.kill()
    whole = new(tmp_path / "whole", seed=5)
    assert whole.draw(3) == batch
    whole.reply(0, "nothing to read")
    for number in (1, 0, 2):
        whole.end(number)
    assert whole.draw(3) == drawn


def test_a_record_that_cannot_be_written_stops_the_answers(tmp_path, monkeypatch):
    service = new(tmp_path)
    service.draw(1)
    before = service.open_episodes()

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Run, "append", full)
        with pytest.raises(Unwritable, match="No space left on device"):
            service.reply(0, "nothing to read")
    with served(service) as get:
        status, answer = get("/draw", {"n": 1})
    assert status == 503
    assert "--resume" in answer["error"]
    assert PracticeService(tmp_path).open_episodes() == before


def test_a_record_of_another_version_is_refused_with_a_reason(tmp_path):
    new(tmp_path).draw(1)
    Run(tmp_path).append(EPISODES, 0, {"event": "something new"})
    with pytest.raises(ValueError, match="does not fit this version"):
        PracticeService(tmp_path)


# --- Limits ----------------------------------------------------------------------------------------------


def test_open_episodes_are_limited_and_listed(tmp_path):
    with served(new(tmp_path, most_open=4)) as get:
        assert get("/draw", {"n": 5}) == (422, {"error": "A batch has 1 to 4 tasks, got 5."})
        assert get("/draw", {"n": 3})[0] == 200
        status, answer = get("/draw", {"n": 2})
        assert status == 409
        assert "3 episodes are open and 4 may be" in answer["error"]
        assert [task["episode"] for task in get("/open")[1]] == [0, 1, 2]
        get("/end", {"episode": 0})
        assert get("/draw", {"n": 2})[0] == 200


def test_long_bodies_are_refused_whether_they_say_so_or_not(tmp_path):
    with served(new(tmp_path), max_body=1000) as get:
        get("/draw", {"n": 1})
        status, answer = get("/reply", {"episode": 0, "reply": "x" * 1000})
        assert status == 413
        assert "1,000 bytes" in answer["error"]
        request = {"episode": 0, "reply": ""}
        assert get("/reply", {**request, "reply": "x" * (1000 - len(json.dumps(request)))})[0] == 200
        chunks = iter([b'{"episode": 0, "reply": "', *[b"x" * 100] * 20, b'"}'])
        with suppress(urllib.error.URLError):  # the connection may be closed while the client still writes
            assert get("/reply", raw=chunks)[0] == 413
        assert get("/open")[1][0]["turn"] == 1


def gate_of(limits, clock):
    """A gate, and a function that gives the status of a request that comes through it or not."""
    answers = []

    async def behind(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message):
        if message["type"] == "http.response.start":
            answers.append(message)

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    gate = Gate(behind, limits, clock)

    def status(**headers):
        lines = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
        request = gate({"type": "http", "method": "GET", "headers": lines}, receive, send)
        with pytest.raises(StopIteration):
            request.send(None)
        return answers[-1]["status"]

    return status


def test_requests_beyond_the_rate_are_told_to_wait():
    now = [0.0]
    status = gate_of(Limits(rate=3, local=False), lambda: now[0])
    assert [status() for _ in range(5)] == [200, 200, 200, 429, 429]
    now[0] = 0.5
    assert [status() for _ in range(2)] == [200, 429]
    now[0] = 100.0
    assert [status() for _ in range(4)] == [200, 200, 200, 429]


def test_requests_without_the_token_use_up_nothing_of_the_rate():
    status = gate_of(Limits(token=SECRET, rate=1, local=False), lambda: 0.0)
    right = f"Bearer {SECRET}".encode()
    wrong = [b"", b"Bearer", right[:-1], right + b"x", b"Basic " + right, SECRET.encode(), b"Bearer \xff\xfe"]
    assert [status(authorization=given) for given in wrong] == [401] * len(wrong)
    assert status() == 401
    assert [status(authorization=right), status(authorization=right)] == [200, 429]


@pytest.mark.parametrize("path", ["/", "/state", "/open", "/draw", "/openapi.json", "/nothing"])
def test_with_a_token_nothing_is_told_without_it(tmp_path, path):
    with served(new(tmp_path), token=SECRET) as get:
        status, answer = get(path)
        assert (status, answer) == (401, {"error": "Send the token: Authorization: Bearer TOKEN."})
        assert get(path, Authorization=f"Bearer {SECRET}")[0] != 401


def test_pages_of_others_in_a_browser_are_kept_out(tmp_path):
    with served(new(tmp_path)) as get:
        assert get("/state", Host="somebody.example")[0] == 421
        assert get("/state", Host="localhost:1")[0] == 200
        assert get("/draw", raw=b'{"n": 1}', Content_Type="text/plain")[0] == 415
        assert get("/state")[1]["episodes"]["practice"]["drawn"] == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", "127.0.0.1.example.org", ""])
def test_other_addresses_need_a_token_and_leave_nothing_behind_without(tmp_path, host, capsys):
    assert not is_loopback(host)
    with pytest.raises(SystemExit, match="2"):
        main(["serve", PLAN, "--host", host, "--out", str(tmp_path / "run"), "--port", "0"])
    assert TOKEN in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "LOCALHOST", "::1", "[::1]"])
def test_loopback_addresses_are_known(host):
    assert is_loopback(host)


@pytest.mark.parametrize(
    "token", ["short", "with blanks in between it", "with-\xe4-umlauts-in-it", "line\nfeeds" * 3]
)
def test_tokens_that_are_no_tokens_are_refused(token):
    with pytest.raises(ValueError, match="token"):
        Limits(token=token)


def test_the_token_is_written_nowhere(tmp_path):
    folder = tmp_path / "run"
    process, port, line = start(PLAN, "--port", 0, "--out", folder, environment={TOKEN: SECRET})
    try:
        assert ask(port, "/draw", {"n": 1})[0] == 401
        assert ask(port, "/draw", {"n": 1}, Authorization=f"Bearer {SECRET}")[0] == 200
    finally:
        process.terminate()
        said = line + process.communicate()[0]
    written = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert SECRET.encode() not in written + said.encode()


# --- Bad input -------------------------------------------------------------------------------------------

BAD = [
    ("/draw", b'{"n": 0}', 422, "n:"),
    ("/draw", b'{"n": -1}', 422, "n:"),
    ("/draw", b'{"n": 2.5}', 422, "n:"),
    ("/draw", b'{"n": "2"}', 422, "n:"),
    ("/draw", b'{"n": true}', 422, "n:"),
    ("/draw", b'{"n": 1e99}', 422, "n:"),
    ("/draw", b'{"n": 99999999999999999999999}', 422, "A batch has 1 to 1024 tasks"),
    ("/draw", b"{}", 422, "n:"),
    ("/draw", b'{"n": 1, "split": "anchor"}', 422, "'practice' or 'probe'"),
    ("/draw", b'{"n": 1, "salt": 3}', 422, "salt:"),
    ("/draw", b'{"n": 1, "seed": 3}', 422, "seed:"),
    ("/draw", b"", 422, "GET /"),
    ("/draw", b"[]", 422, "GET /"),
    ("/draw", b"\xff\xfe", 422, "GET /"),
    ("/draw", b'{"n": ', 422, "JSON"),
    ("/draw", b"[" * 100_000, 400, "GET /"),
    ("/reply", b'{"episode": 5, "reply": ""}', 404, "There is no episode 5; 1 were drawn"),
    ("/reply", b'{"episode": -1, "reply": ""}', 404, "There is no episode -1"),
    ("/reply", b'{"episode": "0", "reply": ""}', 422, "episode:"),
    ("/reply", b'{"episode": 0}', 422, "reply:"),
    ("/reply", b'{"episode": 0, "reply": 7}', 422, "a reply is text, got int"),
    ("/reply", b'{"episode": 0, "reply": ["go"]}', 422, "a reply is text, got list"),
    ("/reply", b'{"episode": 0, "reply": "", "cut": "yes"}', 422, "cut:"),
    ("/reply", b'{"episode": 0, "reply": "", "turn": 3}', 409, "waits for the reply of turn 0"),
    ("/end", b'{"episode": 9}', 404, "There is no episode 9"),
    ("/end", b'{"episode": 0, "graded": 1}', 422, "graded:"),
    ("/ledger", b'{"line": "rollouts", "amounts": {"flops": 1}}', 422, "Did you mean 'rollout'"),
    ("/ledger", b'{"line": "\\ud800", "amounts": {"flops": 1}}', 422, "line"),
    ("/ledger", b'{"line": "rollout", "amounts": {"flop": 1}}', 422, "Did you mean 'flops'"),
    ("/ledger", b'{"line": "rollout", "amounts": {"flops": -1}}', 422, "not negative"),
    ("/ledger", b'{"line": "rollout", "amounts": {"flops": NaN}}', 422, "finite"),
    ("/ledger", b'{"line": "rollout", "amounts": {"flops": 1e999}}', 422, "finite"),
    ("/ledger", b'{"line": "rollout", "amounts": {"flops": true}}', 422, "amounts.flops"),
    ("/ledger", b'{"line": "rollout", "amounts": {}}', 422, "nothing to book"),
    ("/ledger", b'{"line": "curriculum", "amounts": {"flops": 1}}', 422, "booked here"),
    ("/state", b"{}", 405, "GET /"),
    ("/anchor", b"{}", 404, "GET /"),
]  # fmt: skip


@pytest.fixture(scope="module")
def one_open(tmp_path_factory):
    service = new(tmp_path_factory.mktemp("bad"))
    service.draw(1)
    with served(service) as get:
        yield service, get


@pytest.mark.parametrize(("path", "body", "status", "told"), BAD, ids=range(len(BAD)))
def test_bad_input_is_refused_with_a_reason_and_changes_nothing(one_open, path, body, status, told):
    service, get = one_open
    before, record = service.state(), (service._run.folder / EPISODES).read_bytes()
    answered, answer = get(path, raw=body, method="POST")
    assert (answered, list(answer)) == (status, ["error"])
    assert told in answer["error"]
    assert service.state() == before
    assert (service._run.folder / EPISODES).read_bytes() == record


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["EtudePlann-v0"], "EtudePlan-v0"),
        ([PLAN, "--arm", "adaptiv"], "Did you mean 'adaptive'"),
        ([PLAN, "--arm", "drill"], "in the middle of their tasks"),
        ([PLAN, "--arm", "adaptive,drill_share=0.5"], "in the middle of their tasks"),
        ([PLAN, "--arm", "self_play"], "learner that plays against itself"),
        ([PLAN, "--seed", "-1"], "not negative"),
        ([PLAN, "--rate", "0"], "at least 1 request a second"),
        ([PLAN, "--max-body", "0"], "at least 1 byte"),
        ([PLAN, "--max-open", "0"], "At least one episode"),
        ([PLAN, "--port", "70000"], "port"),
        (["--resume", "nowhere"], "not a run's folder"),
        ([LOGIC, "--resume", "nowhere"], "leave out env"),
    ],
)
def test_wrong_arguments_are_told_at_the_door_and_leave_nothing_behind(
    tmp_path, monkeypatch, capsys, arguments, told
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main(["serve", *arguments, "--out", "run"] if "--resume" not in arguments else ["serve", *arguments])
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_is_begun_once_and_written_by_one(tmp_path, capsys):
    new(tmp_path)
    for arguments, told in (
        (["--out", tmp_path], "holds a run already"),
        (["--resume", tmp_path], "Another"),
    ):
        with Run(tmp_path).lock() if "--resume" in arguments else open(os.devnull), pytest.raises(SystemExit):
            main(["serve", *map(str, arguments), "--port", "0"])
        assert told in capsys.readouterr().err


def test_the_help_shows_how_to_ask(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["serve", "--help"])
    told = capsys.readouterr().out
    assert all(word in told for word in ("/draw", "/reply", TOKEN, "--resume"))


# --- What never goes out ---------------------------------------------------------------------------------


def test_nothing_that_goes_out_holds_a_key_a_solution_or_a_hidden_test(tmp_path):
    """Every endpoint, with wrong, unreadable, right and hostile replies on all families of code."""
    service = new(tmp_path, CODE, arm="uniform")
    told = []
    with served(service) as get:
        tasks = get("/draw", {"n": 18})[1] + get("/draw", {"n": 6, "split": "probe"})[1]
        told.append(tasks)
        secrets = set()
        for task in tasks:
            text = service._open[task["episode"]].task
            exercise = exercise_of(text.worlds[0])
            shown = {_call(test) for test in exercise.public}
            secrets |= {str(text.key), json.dumps(text.reference())[1:-1]}
            secrets |= {
                call for test in exercise.hidden if (call := _call(test)) not in shown and len(call) > 25
            }
        for number in range(len(tasks)):
            for reply in ("?", "```python\nprint(open('/etc/passwd').read())\n```"):
                told.append(get("/reply", {"episode": number, "reply": reply}))
        for path in ("/", "/open", "/state", "/openapi.json", "/anchors", "/tasks/0", "/draw?split=anchor"):
            told.append(get(path))
        told += [get("/draw", {"n": 1, "split": split}) for split in ("anchor", "anchors", "../anchor", "")]
    said = json.dumps(told)
    assert len(secrets) > 200
    assert not [secret for secret in secrets if secret in said]
    assert "root:" not in said


def test_every_task_that_goes_out_is_of_practice_or_probe(tmp_path):
    service = new(tmp_path, seed=9)
    for split in ("practice", "probe", "practice"):
        service.draw(5, split)
    keys = {key for record in Run(tmp_path).read(EPISODES) for key in record["keys"]}
    domain = make_domain(PLAN)
    drawn = {
        split: set(task_keys(domain.name, split, 9, np.arange(n)).tolist())
        for split, n in (("practice", 10), ("probe", 5))
    }
    assert keys == drawn["practice"] | drawn["probe"]
