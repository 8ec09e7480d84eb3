"""One feed of source to the sandbox, safe after a fork: the only file that knows pydantic-monty.

pydantic-monty keeps state of its own in the process that first used it. A process forked after that can
neither use the inherited state nor make a new pool (it hangs or crashes), so there the sandbox runs in a
helper: this file, started as a program of its own, which reads feeds and writes their results.
"""

from __future__ import annotations

import atexit
import ctypes
import datetime
import functools
import importlib.util
import os
import pickle
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pydantic_monty

from etude_gym.tasks.status import Status

GRACE = 0.2
"""Seconds after the time limit at which a program that does not stop by itself is killed."""

MAX_PRINTED = 100_000
"""Bytes a program may print; nothing is done with them."""

_BACKSTOP = 30.0  # seconds after which an answer is given up that no other limit has brought
_OS_POLICY: Any = {
    "datetime": datetime.datetime(2000, 1, 1),
    "sleep": "zero",
    "random_start": {"seed": 0},
}


class Limits(NamedTuple):
    """What one feed may use.

    Attributes:
        seconds: run time.
        memory_bytes: heap of the sandbox.
        recursion: depth of calls.
    """

    seconds: float
    memory_bytes: int
    recursion: int


class Fed(NamedTuple):
    """How a feed ended.

    Attributes:
        status: ok, error (the program raised), unsupported (the sandbox does not know a construct), timeout,
            memory, crashed (the sandbox broke down) or unavailable (there is no sandbox).
        text: the value of the last expression, a str, where ok; otherwise what happened.
    """

    status: Status
    text: str


def feed(source: str, inputs: dict[str, Any], limits: Limits) -> Fed:
    """Run source in a fresh session of the sandbox. Total.

    Args:
        source: ends with an expression whose value is a str.
        inputs: global variables, plain values.
        limits: what it may use.
    """
    global _user
    if _user is None:
        _user = os.getpid()
    try:
        if _user == os.getpid():
            return _feed_here(source, inputs, limits)
        return _feed_helper(source, inputs, limits)
    except Exception as error:
        discard()
        return Fed(Status.UNAVAILABLE, f"{type(error).__name__}: {error}"[:500])


def discard() -> None:
    """Let go of what this process holds of the sandbox; the next feed makes it anew."""
    pool = _pools.pop(os.getpid(), None)
    if pool is not None:
        pool.__exit__(None, None, None)
    helper = _helpers.pop(os.getpid(), None)
    if helper is not None:
        helper.kill()
        helper.communicate()


_user: int | None = None  # the process that uses the sandbox directly; a process forked from it cannot
_pools: dict[int, Any] = {}
_helpers: dict[int, subprocess.Popen[bytes]] = {}


def _keep_inherited_pools() -> None:
    """In a forked process: never destroy the parent's pool, for that would end the parent's workers."""
    for pool in _pools.values():
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(pool))


atexit.register(discard)
os.register_at_fork(after_in_child=_keep_inherited_pools)


def _pool() -> Any:
    pool = _pools.get(os.getpid())
    if pool is None:
        pool = pydantic_monty.Monty(
            request_timeout=_BACKSTOP, checkout_timeout=_BACKSTOP, feed_duration_limit_grace=GRACE
        )
        pool.__enter__()
        _pools[os.getpid()] = pool
    return pool


def _feed_here(source: str, inputs: dict[str, Any], limits: Limits) -> Fed:
    """Run source in this process' own pool."""
    try:
        with _no_search(), _pool().checkout(limits=_resources(limits), os_policy=_OS_POLICY) as session:
            printed = pydantic_monty.CollectString(MAX_PRINTED)
            return Fed(Status.OK, str(session.feed_run(source, inputs=inputs, print_callback=printed)))
    except pydantic_monty.MontySyntaxError as error:
        return Fed(Status.UNSUPPORTED, str(error)[:500])
    except pydantic_monty.MontyRuntimeError as error:
        return Fed(_status(error.exception()), str(error)[:500])
    except pydantic_monty.MontyCrashedError as error:
        return Fed(Status.TIMEOUT if error.timed_out else Status.CRASHED, str(error)[:500])


@functools.lru_cache(maxsize=16)
def _resources(limits: Limits) -> Any:
    """Limits as pydantic-monty calls them."""
    return {
        "max_feed_duration_secs": limits.seconds,
        "max_memory": limits.memory_bytes,
        "max_recursion_depth": limits.recursion,
        "max_suspensions": 100,
        "max_total_sleep_secs": 0.0,
    }


_OPTIONAL = "opentelemetry"
_is_missing = importlib.util.find_spec(_OPTIONAL) is None


@contextmanager
def _no_search() -> Iterator[None]:
    """Let imports of a module that is not installed fail at once.

    pydantic-monty looks for it at every feed, which takes a third of the time of a small one.
    """
    if not _is_missing or _OPTIONAL in sys.modules:
        yield
        return
    sys.modules[_OPTIONAL] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.modules.pop(_OPTIONAL, None)


def _status(raised: BaseException) -> Status:
    if isinstance(raised, TimeoutError):
        return Status.TIMEOUT
    if isinstance(raised, MemoryError):
        return Status.MEMORY
    return Status.UNSUPPORTED if isinstance(raised, NotImplementedError) else Status.ERROR


# --- The helper of a forked process ------------------------------------------------------------------


def _feed_helper(source: str, inputs: dict[str, Any], limits: Limits) -> Fed:
    """Run source in a process of its own."""
    helper = _helpers.get(os.getpid())
    if helper is None:
        command = [sys.executable, "-m", "etude_gym.envs.code.submissions.sandbox"]
        helper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        _helpers[os.getpid()] = helper
    assert helper.stdin is not None
    assert helper.stdout is not None
    pickle.dump((source, inputs, limits), helper.stdin)
    helper.stdin.flush()
    ready, _, _ = select.select([helper.stdout], [], [], limits.seconds + 2 * _BACKSTOP)
    if not ready:
        raise TimeoutError("The sandbox does not answer.")
    return Fed(*pickle.load(helper.stdout))


def _serve() -> None:
    """Answer feeds until the input ends."""
    while True:
        try:
            source, inputs, limits = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        pickle.dump(tuple(feed(source, inputs, limits)), sys.stdout.buffer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _serve()
