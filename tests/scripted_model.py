"""A language model of a few lines, and runs that practice it: its reply is a function of the request.

It reads plan tasks: it fetches whatever is wanted and found somewhere. How often it tries grows with the
worked solutions that it is shown, so that it learns in its context.
"""

from __future__ import annotations

import json
import re
import threading
import zlib

from faulty_server import completion

from etude_gym.difficulty.bands import ENTRY_BAND, cells_of
from etude_gym.environment.registration import make_domain
from etude_gym.runs.config import RunConfig
from etude_gym.runs.folder import CALLS, COMPUTE, CURVE, EPISODES, PRACTICE, Run, read_json

PLAN = "EtudePlan-v0"
SALT = 20
FOUND = re.compile(r"^- (\w+): (\w+)", re.MULTILINE)
WANTED = re.compile(r"^- (\d+) (\w+) \(each counts", re.MULTILINE)


def plan_reply(messages):
    """What the model replies to the messages of a plan task."""
    task, shown = messages[-1]["content"], sum(message["role"] == "assistant" for message in messages)
    luck = zlib.crc32(task.encode()) % 8
    if luck > 1 + shown:
        return "I would rather not." if luck % 2 else "```\ngo nowhere\n```"
    places = dict(FOUND.findall(task.partition("Where things are found")[2].partition("Recipes")[0]))
    lines = [
        f"go {places[item]}\ngather {item} x{number}"
        for number, item in WANTED.findall(task)
        if item in places
    ]
    return "\n".join(["```", *lines, "go Depot", "deliver", "```"])


def usage_of(messages, reply):
    """Tokens of a call, all of them different from call to call."""
    tokens = sum(len(message["content"]) for message in messages) // 4
    return {
        "prompt_tokens": tokens,
        "completion_tokens": 1 + len(reply) // 4,
        "prompt_tokens_details": {"cached_tokens": tokens // 3},
    }


def model(handler):
    """No fault: the model's reply to the request, a step of a script."""
    messages = handler.content["messages"]
    reply = plan_reply(messages)
    handler.send(200, json.dumps(completion(reply, usage=usage_of(messages, reply))))


class Holding:
    """The model, until so many requests have come; those that come later get no answer before ``release``."""

    def __init__(self, number):
        self.held, self._left = 0, number
        self._guard, self._released = threading.Lock(), threading.Event()

    def __call__(self, handler):
        with self._guard:
            self._left -= 1
            held = self._left < 0 and not self._released.is_set()
            self.held += held
        if held:
            self._released.wait()
            handler.close_connection = True
        else:
            model(handler)

    def release(self):
        """Answer whatever comes from now on; what was held is dropped."""
        self._released.set()


def lay_out(
    folder, server, arm="adaptive", *, horizon=25_000, items=3, bands=(ENTRY_BAND,), unit="tokens", **options
):
    """The folder of a run of the language-model learner on plan tasks."""
    cells = cells_of(make_domain(PLAN).space, bands)
    options = {"base_url": server.base_url, "model": "small", "max_tokens": 64, "examples": 4, **options}
    RunConfig(
        PLAN, arm, "llm", 3, horizon, 8, items=items, chance=(0.0,) * len(cells), options=options,
        sampler_options={"set_size": 8} if arm == "static" else {}, unit=unit, bands=bands,
        interface="text",
    ).write(folder)  # fmt: skip
    return folder


def records_of(folder):
    """What results are made of."""
    run = Run(folder)
    return {name: run.read(name) for name in (CURVE, EPISODES, PRACTICE)}


def ledger_of(folder):
    """The ledger's lines of tokens and requests that are not empty."""
    lines = read_json(folder / COMPUTE)
    units = ("tokens_in", "tokens_out", "tokens_cached", "requests")
    kept = {line: {unit: amounts[unit] for unit in units} for line, amounts in lines.items()}
    return {line: amounts for line, amounts in kept.items() if any(amounts.values())}


def calls_of(folder):
    """The lines of the record of calls."""
    return [json.loads(line) for line in (folder / CALLS).read_text().splitlines()]


def usage_by_line(folder):
    """Tokens and requests of the answered calls, added up by line of the ledger."""
    sums = {}
    for call in calls_of(folder):
        if call["event"] == "answered":
            line = sums.setdefault(call["line"], {"requests": 0})
            line["requests"] += 1
            for unit, tokens in call["usage"].items():
                line[unit] = line.get(unit, 0) + tokens
    return sums
