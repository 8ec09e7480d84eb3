"""Runs calls of an untrusted program in a sandbox and reports how each ended."""

from __future__ import annotations

import ast
import builtins
import importlib
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from etude_gym.envs.code.exercise import Value
from etude_gym.envs.code.submissions import sandbox
from etude_gym.envs.code.submissions.profile import RESERVED, STANDARD_MODULES
from etude_gym.errors import check_name
from etude_gym.tasks.status import Status

Call = tuple[str, tuple[Value, ...]]
"""The name of a top-level function of the source, and its arguments."""

MAX_RESULT_CHARACTERS = 20_000
"""Of a value that is read; a longer one is as good as none."""


class Outcome(NamedTuple):
    """How a call ended.

    Attributes:
        status: ok (it returned), error (it raised), unsupported, timeout, memory or infrastructure error.
        text: what it returned, as ``repr`` writes it; or what happened otherwise.
    """

    status: Status
    text: str

    def value(self) -> Any:
        """What it returned.

        Raises:
            ValueError: if that is no plain value, or too large to be one.
        """
        if len(self.text) > MAX_RESULT_CHARACTERS:
            raise ValueError(f"The value has more than {MAX_RESULT_CHARACTERS} characters.")
        try:
            return ast.literal_eval(self.text)
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            raise ValueError(f"{self.text[:100]!a} is no plain value.") from None


class Runner(Protocol):
    """Runs calls of an untrusted program.

    Attributes:
        name: stable name, part of an environment's specification.
    """

    @property
    def name(self) -> str: ...

    def run(self, source: str, calls: Sequence[Call]) -> list[Outcome]:
        """Run a program and then each call, on copies of its arguments. Total.

        Args:
            source: one module, as ``plain.as_written`` or ``linker.link`` makes it.
            calls: what to call.

        Returns:
            The outcome of each call.
        """
        ...


@dataclass(frozen=True)
class MontyRunner:
    """Runs programs in pydantic-monty, a Python interpreter without files, network or processes.

    All calls run in one session. If that ends by time or memory, each runs again in a session of its own, so
    that one call which hangs does not take the credit of the others.

    Args:
        seconds: run time of all calls together.
        memory_bytes: heap of the sandbox.
        recursion: depth of calls.
        retry_seconds: time for running call by call, in all; what is left over then counts as a time-out.
        name: of the runner, part of an environment's specification.
    """

    seconds: float = 1.0
    memory_bytes: int = 64_000_000
    recursion: int = 1000
    retry_seconds: float = 1.0
    name: str = "monty"

    def run(self, source: str, calls: Sequence[Call]) -> list[Outcome]:
        """Run a program and then each call; see ``Runner.run``.

        Args:
            source: one module, as ``plain.as_written`` or ``linker.link`` makes it.
            calls: functions of the source and their arguments.

        Returns:
            The outcome of each call.
        """
        deadline = time.monotonic() + self.seconds + self.retry_seconds
        joint = self._run_together(source, calls, self.seconds)
        if isinstance(joint, list):
            return joint
        if len(calls) == 1 or not _may_be_one_call(joint):
            return [joint] * len(calls)
        return [self._run_alone(source, call, deadline, len(calls) - done) for done, call in enumerate(calls)]

    def _run_alone(self, source: str, call: Call, deadline: float, left: int) -> Outcome:
        """Run one call in a session of its own, on its share of the time that is left."""
        seconds = (deadline - time.monotonic() - sandbox.GRACE) / left
        if seconds <= 0:
            return Outcome(Status.TIMEOUT, "No time was left.")
        outcomes = self._run_together(source, [call], min(seconds, self.seconds))
        return outcomes[0] if isinstance(outcomes, list) else outcomes

    def _run_together(self, source: str, calls: Sequence[Call], seconds: float) -> list[Outcome] | Outcome:
        """The outcome of each call; or how the session ended, if it ended early."""
        functions = list(dict.fromkeys(function for function, _ in calls))
        given: list[Any] = [arguments for _, arguments in calls]
        if len(functions) > 1:
            given = [(functions.index(function), arguments) for function, arguments in calls]
        limits = sandbox.Limits(seconds, self.memory_bytes, self.recursion)
        fed = _feed_twice(_around(source, functions), {_GIVEN: json.dumps(given)}, limits)
        if fed.status == Status.OK:
            lines = fed.text.split("\n") if calls else []
            if len(lines) == len(calls):
                return [_outcome(line) for line in lines]
            return Outcome(Status.ERROR, "The program disturbed its own run.")
        if fed.status == Status.ERROR and is_unsupported(fed.text):
            return Outcome(Status.UNSUPPORTED, fed.text)
        return Outcome(fed.status, fed.text)


RUNNERS: dict[str, type[MontyRunner]] = {"monty": MontyRunner}


def make_runner(runner: str | Runner) -> Runner:
    """A runner by its name, or the runner itself.

    Args:
        runner: one of ``RUNNERS``, or a runner.

    Raises:
        ValueError: if there is no runner of that name.
    """
    if isinstance(runner, str):
        return RUNNERS[check_name("runner", runner, RUNNERS)]()
    return runner


# --- Feeding -----------------------------------------------------------------------------------------

_GIVEN = f"{RESERVED}given"
_INTERNAL = "Internal error in monty"


def _around(source: str, functions: Sequence[str]) -> str:
    """A program, and code that makes the calls and ends with a line for each: "+" and the value, or "-" and
    the exception.

    What enters and leaves the sandbox is text. Inside, no call shares an object with another one; outside, a
    small value cannot stand for a tree of any size, which would be built in full. The code around the program
    uses no name that a program could define.
    """
    function, each = "".join(functions), f"{RESERVED}arguments"
    if len(functions) > 1:
        function, each = f"[{', '.join(functions)}][{RESERVED}i]", f"{RESERVED}i, {each}"
    return f"""\
from json import loads as {RESERVED}loads
{source}
{RESERVED}lines = []
for {each} in {RESERVED}loads({_GIVEN}):
    try:
        {RESERVED}lines += [f"+{{{function}(*{RESERVED}arguments)!r}}"]
    except BaseException as {RESERVED}error:
        {RESERVED}lines += [f"-{{{RESERVED}error!r:.300}}"]
"\\n".join({RESERVED}lines)
"""


def _feed_twice(source: str, inputs: dict[str, Any], limits: sandbox.Limits) -> sandbox.Fed:
    """Feed again if the sandbox breaks down, and find out whether it is the program that breaks it."""
    for _ in range(2):
        fed = sandbox.feed(source, inputs, limits)
        if fed.status not in (Status.CRASHED, Status.UNAVAILABLE):
            return fed
        sandbox.discard()
    if fed.status == Status.CRASHED and sandbox.feed("'well'", {}, limits) == (Status.OK, "well"):
        return sandbox.Fed(Status.MEMORY, f"The program breaks the sandbox: {fed.text}")
    return sandbox.Fed(Status.INFRASTRUCTURE_ERROR, fed.text)


def _may_be_one_call(failure: Outcome) -> bool:
    """Whether the other calls may do better without the one that ended the session."""
    return failure.status in (Status.TIMEOUT, Status.MEMORY) or _INTERNAL in failure.text


# --- What came back ----------------------------------------------------------------------------------

_NO_ATTRIBUTE = re.compile(r"(?:'(\w+)' object|type object '(\w+)') has no attribute '(\w+)'")
_NO_MODULE_ATTRIBUTE = re.compile(r"module '(\w+)' has no attribute '(\w+)'")
_NO_NAME = re.compile(r"name '(\w+)' is not defined")
_SAYINGS = (
    _INTERNAL,
    "not yet support",
    "is not supported in this environment",
    "object is not an iterator",
    "No module named",
    "cannot import name",
    "pow() 2nd argument cannot be negative",
)


def _outcome(line: str) -> Outcome:
    """The outcome that a line of output stands for."""
    text = line[1:]
    if line[:1] == "+":
        return Outcome(Status.OK, text)
    return Outcome(Status.UNSUPPORTED if is_unsupported(text) else Status.ERROR, text)


def is_unsupported(message: str) -> bool:
    """Whether an exception of the sandbox is about something that Python has and the sandbox lacks.

    Args:
        message: the exception as ``repr`` writes it.
    """
    if any(saying in message for saying in _SAYINGS):
        return True
    if match := _NO_ATTRIBUTE.search(message):
        return hasattr(getattr(builtins, match[1] or match[2], None), match[3])
    if match := _NO_MODULE_ATTRIBUTE.search(message):
        return match[1] in STANDARD_MODULES and hasattr(importlib.import_module(match[1]), match[2])
    match = _NO_NAME.search(message)
    return match is not None and hasattr(builtins, match[1])
