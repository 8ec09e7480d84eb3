"""Practice of a language model through an endpoint that fails: what is graded, left out, repeated, booked."""

from __future__ import annotations

import json
import zlib
from functools import partial
from itertools import repeat
from statistics import mean

import pytest

pytest.importorskip("openai")

from faulty_server import answer, body, cut, error, faulty_server, status
from scripted_model import SALT, calls_of, lay_out, ledger_of, model, records_of, usage_by_line, usage_of
from waiting import PATIENCE

from etude_gym.agents.llm import learner
from etude_gym.agents.llm.attempts import EndpointRefuses
from etude_gym.agents.llm.client import Client, EndpointFailing
from etude_gym.agents.llm.memory import CHARACTERS_PER_TOKEN
from etude_gym.runs.folder import CURVE, EPISODES, PRACTICE, RECORD, Run
from etude_gym.runs.practice_run import practice_run

TRIES = 3
short_run = partial(lay_out, horizon=15_000)
HTML = body("<html>busy</html>", "text/html")
PASSING = {"429": status(429, Retry_After="0"), "500": status(500), "cut": cut, "html": HTML}
"""Faults that the next attempt does not meet."""


@pytest.fixture(autouse=True)
def three_tries_without_waiting(monkeypatch):
    for name in ("ETUDE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(learner, "Client", partial(Client, waits=lambda: repeat(0.0, TRIES - 1)))


def number_of(content):
    """A number that stands for a request."""
    return zlib.crc32(json.dumps(content["messages"]).encode())


class Endpoint:
    """The model behind faults, which are a function of the request and of how often it came.

    Args:
        kinds: names of faults; each request meets one of them, or none where the name is "".
    """

    def __init__(self, kinds):
        self.kinds = kinds
        self.met = {}

    def __call__(self, handler):
        number, content = number_of(handler.content), handler.content
        kind = self.kinds[number % len(self.kinds)]
        attempts = self.met.setdefault((number, kind), [])
        attempts.append(1)
        if kind == "dead":
            status(503)(handler)
        elif kind == "null":
            answer(None, usage=usage_of(content["messages"], ""))(handler)
        elif kind in PASSING and len(attempts) == 1:
            PASSING[kind](handler)
        else:
            model(handler)

    def requests(self, *kinds):
        """How many different requests met these faults."""
        return sum(kind in kinds for _, kind in self.met)


class Interrupted:
    """The model, until so many requests have come; then faults for so many, or for all."""

    def __init__(self, number, fault, times=10**9):
        self.number, self.fault, self.times = number, fault, times

    def __call__(self, handler):
        self.number -= 1
        if self.number < 0 <= self.number + self.times:
            self.fault(handler)
        else:
            model(handler)


def carry_out(folder, step, **options):
    """A run through an endpoint, to its end; one request after the other, as the faults are counted."""
    with faulty_server({"*": [step]}) as server:
        finished = practice_run(short_run(folder, server, concurrency=1, timeout=PATIENCE, **options), SALT)
    assert finished
    return server


def events(folder, event):
    return [call for call in calls_of(folder) if call["event"] == event]


# --- Faults of all kinds -----------------------------------------------------------------------------------


def test_every_fault_is_counted_where_it_belongs(tmp_path):
    endpoint = Endpoint([*PASSING, "null", *[""] * 4, *PASSING, *[""] * 14])
    with faulty_server({"*": [endpoint]}) as server:
        folder = short_run(tmp_path, server, concurrency=4, timeout=PATIENCE, items=4)
        assert practice_run(folder, SALT)
    assert all(endpoint.requests(kind) for kind in (*PASSING, "null", ""))
    faults = endpoint.requests(*PASSING)
    assert len(events(folder, "failed")) == faults
    assert len(events(folder, "answered")) == len(server.asked) - faults == len(endpoint.met)
    ledger = ledger_of(folder)
    repeated = ledger.pop("repeated")
    assert ledger == usage_by_line(folder)
    estimated = [call["usage"] for call in events(folder, "failed") if call.get("estimated")]
    assert len(estimated) == endpoint.requests("cut")
    assert repeated == {"requests": faults} | {
        unit: sum(usage[unit] for usage in estimated) for unit in estimated[0]
    }
    episodes = Run(folder).read(EPISODES)
    assert all(episode["graded"] for episode in episodes)
    assert sum(episode["replies"].count("") for episode in episodes) == endpoint.requests("null")
    assert not any("ungraded" in point for point in Run(folder).read(CURVE))


# --- Requests that are given up ----------------------------------------------------------------------------


class Dead:
    """The model, but for requests about a few tasks, which are never answered."""

    def __init__(self, *places):
        self.places, self.tasks, self.given_up = places, [], set()

    def __call__(self, handler):
        task = handler.content["messages"][-1]["content"]
        if "Your last reply" not in task and "of your last reply" not in task and task not in self.tasks:
            self.tasks.append(task)
        if task in self.tasks and self.tasks.index(task) in self.places:
            self.given_up.add(task)
            status(503)(handler)
        else:
            model(handler)


def test_requests_that_are_given_up_are_left_out_counted_and_never_score_zero(tmp_path):
    dead = Dead(1, 9)  # an anchor of the first checkpoint, and a task of the first round
    carry_out(tmp_path, dead, items=4)
    assert len(dead.given_up) == 2
    episodes = Run(tmp_path).read(EPISODES)
    assert [(e["line"], e["replies"]) for e in episodes if not e["graded"]] == [
        ("evaluation", []),
        ("rollout", []),
    ]
    assert [point.get("ungraded", 0) for point in Run(tmp_path).read(CURVE)][:2] == [1, 0]
    [cell] = Run(tmp_path).read(CURVE)[0]["cells"]
    scores = [episode["score"] for episode in episodes[:4]]
    others = [score for place, score in enumerate(scores) if place != 1]
    assert cell["scores"] == pytest.approx([scores[0], mean(others), *scores[2:]], abs=1e-4)
    assert Run(tmp_path).read(PRACTICE)[0]["episodes"] == 7
    assert ledger_of(tmp_path)["repeated"] == {
        "requests": 2 * TRIES, "tokens_in": 0, "tokens_out": 0, "tokens_cached": 0
    }  # fmt: skip
    assert len(events(tmp_path, "ungraded")) == 2


def test_a_run_that_was_given_up_on_is_resumed_as_if_nothing_had_been(tmp_path):
    whole, failing = tmp_path / "whole", tmp_path / "failing"
    carry_out(whole, model)
    with faulty_server({"*": [Interrupted(20, status(503), times=3 * TRIES)]}) as server:
        short_run(failing, server, concurrency=1, timeout=PATIENCE)
        with pytest.raises(EndpointFailing, match=r"3 of \d+ requests .* at most 5% may.* resume the run"):
            practice_run(failing, SALT)
        assert not (failing / RECORD).exists()
        assert practice_run(failing, SALT)
    assert records_of(failing) == records_of(whole)
    ledger = ledger_of(failing)
    assert ledger.pop("repeated")["requests"] == 3 * TRIES
    assert ledger == ledger_of(whole) == usage_by_line(failing)
    assert events(failing, "ungraded") == []


def test_a_refused_key_stops_a_run_at_once_and_it_goes_on_with_a_good_one(tmp_path):
    number, refused = 30, status(401, error("bad key"))
    with faulty_server({"*": [Interrupted(number, refused, times=1)]}) as server:
        short_run(tmp_path, server, concurrency=1, timeout=PATIENCE)
        with pytest.raises(EndpointRefuses, match="ETUDE_API_KEY"):
            practice_run(tmp_path, SALT)
        assert len(server.asked) == number + 1
        assert practice_run(tmp_path, SALT)
        assert len(server.asked) == 1 + len(events(tmp_path, "answered"))


# --- Contexts that are too short ---------------------------------------------------------------------------


class ShortContext:
    """The model, which takes messages of so many characters and says so of longer ones."""

    def __init__(self, characters, stop_after=10**9):
        self.characters, self.stop_after = characters, stop_after

    def __call__(self, handler):
        self.stop_after -= 1
        length = sum(len(message["content"]) for message in handler.content["messages"])
        if self.stop_after == 0:
            status(401)(handler)
        elif length > self.characters:
            status(400, error("maximum context length exceeded", code="context_length_exceeded"))(handler)
        else:
            model(handler)


def test_a_memory_that_does_not_fit_shrinks_and_the_run_goes_on_also_when_it_is_resumed(tmp_path):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    carry_out(whole, ShortContext(4500))
    examples = [episode["examples"] for episode in Run(whole).read(EPISODES)]
    assert {0, 2} <= set(examples) <= {0, 1, 2}
    refused = events(whole, "too_long")
    assert refused
    ledger = ledger_of(whole)
    assert ledger.pop("repeated")["requests"] == len(refused)
    assert ledger == usage_by_line(whole)
    place = [call["event"] for call in calls_of(whole) if call["event"] != "sent"].index("too_long")
    with faulty_server({"*": [ShortContext(4500, stop_after=place + 6)]}) as server:
        short_run(stopped, server, concurrency=1, timeout=PATIENCE)
        with pytest.raises(EndpointRefuses):
            practice_run(stopped, SALT)
        assert practice_run(stopped, SALT)
        assert len(server.asked) == 1 + len(events(whole, "answered")) + len(refused)
    assert records_of(stopped) == records_of(whole)


def test_a_prompt_that_does_not_fit_alone_stops_the_run_with_what_to_do(tmp_path):
    with faulty_server({"*": [ShortContext(1000)]}) as server:
        short_run(tmp_path, server, timeout=PATIENCE)
        with pytest.raises(RuntimeError, match="Serve the model with a longer context"):
            practice_run(tmp_path, SALT)


def test_the_memory_fits_the_context_that_the_server_tells_of(tmp_path):
    with faulty_server({"*": [model]}) as server:
        server.gets["/v1/models"] = {"data": [{"id": "small", "max_model_len": 1600}]}
        assert practice_run(short_run(tmp_path, server, timeout=PATIENCE), SALT)
    remembered = [asked["messages"] for asked in server.asked if len(asked["messages"]) > 2]
    assert remembered
    assert max(map(len, remembered)) < 2 + 2 * 4
    lengths = [sum(len(message["content"]) for message in messages) for messages in remembered]
    assert max(lengths) <= CHARACTERS_PER_TOKEN * (1600 - 64)
    assert events(tmp_path, "too_long") == []
