"""Running untrusted programs: how calls end, what a hang costs, and that processes may be forked."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import subprocess
import sys
import time

import pytest
from waiting import PATIENCE

from etude_gym.envs.code.submissions import sandbox
from etude_gym.envs.code.submissions.runner import RUNNERS, MontyRunner, Outcome, is_unsupported, make_runner

QUICK = MontyRunner(seconds=0.2, retry_seconds=0.8)


def run(source, *calls, runner=QUICK):
    return runner.run(source, [("f", arguments) for arguments in calls])


def statuses(source, *calls, runner=QUICK):
    return [outcome.status for outcome in run(source, *calls, runner=runner)]


def use_runner(results):
    """Run something in another process."""
    results.put([outcome.value() for outcome in run("def f(x):\n    return x + 1", (1,), (2,))])


# --- How calls end -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [0, -7, 10**30, True, False, "", "a'b\"c\\d\n\t\0é😀\u2028", [], [1, -2, 3], [True], ["a", "b"], None],
)
def test_plain_values_go_in_and_come_out_as_they_are(value):
    [outcome] = run("def f(x):\n    return x", (value,))
    assert outcome.status == "ok"
    assert outcome.value() == value
    assert type(outcome.value()) is type(value)


def test_nested_tuples_and_floats_come_out_as_they_are():
    assert run("def f():\n    return (1, [2.5, (True,)], None)", ())[0].value() == (1, [2.5, (True,)], None)


def test_an_exception_is_the_error_of_its_own_call_only():
    outcomes = run("def f(x):\n    return 6 // x", (2,), (0,), (3,))
    assert [outcome.status for outcome in outcomes] == ["ok", "error", "ok"]
    assert "ZeroDivisionError" in outcomes[1].text


def test_an_exception_at_top_level_is_the_error_of_every_call():
    assert statuses("x = 1 // 0\ndef f(x):\n    return x", (1,), (2,)) == ["error", "error"]


def test_every_call_gets_its_own_copy_of_a_list():
    shared = [1]
    outcomes = run(
        "def f(x, y):\n    x.append(5)\n    return [len(x), len(y)]", (shared, shared), (shared, shared)
    )
    assert [outcome.value() for outcome in outcomes] == [[2, 1], [2, 1]]
    assert shared == [1]


def test_a_call_that_hangs_does_not_take_the_credit_of_the_others():
    source = "def f(x):\n    while x == 3:\n        pass\n    return x"
    assert statuses(source, (1,), (2,), (3,), (4,)) == ["ok", "ok", "timeout", "ok"]


def test_a_loop_cannot_catch_its_own_time_out():
    source = "def f(x):\n    while True:\n        try:\n            while True:\n                pass\n"
    assert statuses(source + "        except BaseException:\n            pass", (1,)) == ["timeout"]


def test_a_call_that_wants_too_much_memory_does_not_take_the_credit_of_the_others():
    source = "def f(x):\n    return len('a' * 10 ** 9) if x else 7"
    assert statuses(source, (0,), (1,), (0,)) == ["ok", "memory", "ok"]


def test_a_value_that_would_be_a_huge_tree_outside_the_sandbox_never_leaves_it():
    source = "def f(x):\n    a = []\n    for i in range(100 * x):\n        a = [a, a]\n    return a"
    outcomes = run(source, (0,), (1,))
    assert outcomes[0] == Outcome("ok", "[]")
    assert outcomes[1].status in ("timeout", "memory")


def test_many_hanging_calls_cost_no_more_than_the_limit_and_the_time_for_retries():
    def seconds(calls):
        started = time.monotonic()
        found = statuses("def f(x):\n    while True:\n        pass", *[(i,) for i in range(calls)])
        assert found == ["timeout"] * calls
        return time.monotonic() - started

    # Five limits, of 0.2 and 0.8 seconds, where call by call it would be thirty.
    assert seconds(30) < 12 * seconds(1)


def test_a_program_that_only_its_last_call_hangs_gets_credit_for_all_the_others():
    source = "def f(x):\n    while x == 29:\n        pass\n    return x"
    assert statuses(source, *[(i,) for i in range(30)]) == ["ok"] * 29 + ["timeout"]


@pytest.mark.parametrize(
    "result",
    ["f", "len", "{1: f}", "float('nan')", "range(3)", "10 ** 5000", "[7] * 100_000", "[[7.5]] * 9_999"],
)
def test_what_is_no_plain_value_or_too_large_has_no_value(result):
    for outcome in run(f"def f():\n    return {result}", (), ()):
        with pytest.raises(ValueError, match=r"is no plain value|has more than"):
            outcome.value()


@pytest.mark.parametrize(
    "body",
    [
        "return (5).bit_length()",
        "return sorted(['b', 'A'], key=str.lower)",
        "return [].__len__()",
        "raise ValueError(3)",
        "import heapq",
        "yield 1",
        "return pow(3, -1, 7)",
        "from collections import OrderedDict",
        "import functools\n    return functools.cmp_to_key",
    ],
)
def test_what_the_sandbox_lacks_is_unsupported_and_no_error(body):
    assert statuses(f"def f():\n    {body}", ()) == ["unsupported"]


def test_a_construct_that_only_one_call_reaches_does_not_take_the_credit_of_the_others():
    source = "def f(x):\n    if x:\n        raise ValueError(3)\n    return x"
    assert statuses(source, (0,), (1,), (0,)) == ["ok", "unsupported", "ok"]


@pytest.mark.parametrize("message", ["'int' object has no attribute 'price'", "name 'prices' is not defined"])
def test_what_no_python_has_is_no_matter_of_support(message):
    assert not is_unsupported(f"AttributeError: {message}")


def test_no_calls_are_no_outcomes():
    assert run("x = 1") == []


def test_a_sandbox_that_cannot_start_is_an_infrastructure_error(monkeypatch):
    def broken():
        raise OSError("no such program")

    monkeypatch.setattr(sandbox, "_pool", broken)
    assert statuses("def f(x):\n    return x", (1,), (2,)) == ["infrastructure error"] * 2


def test_a_worker_that_dies_is_replaced_and_the_program_runs_once_more(monkeypatch):
    feed, fates = sandbox.feed, iter(["crashed"])

    def unlucky(*arguments):
        return sandbox.Fed(fate, "died") if (fate := next(fates, None)) else feed(*arguments)

    monkeypatch.setattr(sandbox, "feed", unlucky)
    assert statuses("def f(x):\n    return x", (1,), (2,)) == ["ok", "ok"]


def test_a_program_that_always_breaks_the_sandbox_is_to_blame_itself(monkeypatch):
    feed = sandbox.feed

    def fragile(source, *arguments):
        return sandbox.Fed("crashed", "died") if "evil" in source else feed(source, *arguments)

    monkeypatch.setattr(sandbox, "feed", fragile)
    assert statuses("def f(x):\n    return 'evil'", (1,)) == ["memory"]


def test_runners_are_made_by_name():
    assert make_runner("monty") == MontyRunner()
    assert make_runner(QUICK) is QUICK
    assert set(RUNNERS) == {"monty"}
    with pytest.raises(ValueError, match="Did you mean 'monty'"):
        make_runner("mony")


# --- Processes ---------------------------------------------------------------------------------------


def test_a_runner_can_be_pickled_and_copied():
    run("def f(x):\n    return x", (1,))
    assert pickle.loads(pickle.dumps(QUICK)) == copy.deepcopy(QUICK) == QUICK


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_process_started_after_first_use_can_run_programs(method):
    run("def f(x):\n    return x", (1,))
    context = multiprocessing.get_context(method)
    results = context.Queue()
    processes = [context.Process(target=use_runner, args=(results,), daemon=True) for _ in range(2)]
    for process in processes:
        process.start()
    assert [results.get(timeout=PATIENCE) for _ in processes] == [[2, 3], [2, 3]]
    for process in processes:
        process.join(timeout=PATIENCE)
        assert process.exitcode == 0
    assert statuses("def f(x):\n    return x", (1,)) == ["ok"]


ENDING_CHILD = """
import os, sys
from etude_gym.envs.code.submissions import sandbox
from etude_gym.envs.code.submissions.runner import MontyRunner

def worker():
    with sandbox._pool().checkout() as session:
        session.feed_run("1")
        return session.worker_pid

MontyRunner().run("def f():\\n    return 1", [("f", ())])
before = worker()
if os.fork() == 0:
    sys.exit(0)
os.wait()
print(worker() == before)
"""


def test_a_forked_process_that_ends_leaves_the_workers_of_its_parent_alone():
    # Without the warning, since Python 3.12, that the process which forks has threads.
    ended = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", ENDING_CHILD],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (ended.stdout, ended.stderr) == ("True\n", "")
