"""Grades submitted files: hidden tests, and for restructuring how much better they are built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from etude_gym.arithmetic import add_up
from etude_gym.envs.code import architecture, faithfulness
from etude_gym.envs.code.exercise import STRATA, Architecture, Exercise, Files, Test
from etude_gym.envs.code.faithfulness import Faithfulness
from etude_gym.envs.code.submissions.linker import Refused, link
from etude_gym.envs.code.submissions.plain import as_written
from etude_gym.envs.code.submissions.runner import Outcome, Runner
from etude_gym.tasks.status import Status

STATUSES = (
    Status.INFRASTRUCTURE_ERROR,
    Status.TIMEOUT,
    Status.MEMORY,
    Status.UNSUPPORTED,
    Status.WRONG,
    Status.OK,
)
"""What tests that were run can show; of several the first one counts."""

_KEPT = 256

MAX_COMPARED = 1_000_000
"""Values inside a value at most; a larger one equals nothing."""


@dataclass(frozen=True)
class Grade:
    """What submitted files are worth.

    Attributes:
        status: ok if all tests that score passed; wrong, unsupported (the language profile), malformed,
            timeout, memory or infrastructure error, which callers leave out of scores.
        score: from 0 to 1.
        solved: whether all hidden tests passed.
        pass_rate: of the hidden tests, strata weighing the same.
        passed: for each hidden test whether it passed.
        public_passed: for each public test whether it passed.
        message: what was wrong, for a person; tells nothing of hidden tests.
        improvement: for "refactor" how much of what can be gained was gained.
    """

    status: Status
    score: float = 0.0
    solved: bool = False
    pass_rate: float = 0.0
    passed: tuple[bool, ...] = ()
    public_passed: tuple[bool, ...] = ()
    message: str = ""
    improvement: float = 0.0


def grade(exercise: Exercise, files: Files, runner: Runner) -> Grade:
    """Grade files. Total: no files make it raise.

    Args:
        exercise: the task. For "debug" and "refactor" the files replace those of the task that have the same
            path; a file of nothing but blanks removes one.
        files: what was submitted.
        runner: where it runs.

    Raises:
        ValueError: if an exercise of family "refactor" has no measures to grade by.
    """
    package = _package(exercise, files)
    try:
        result = _judge(exercise, _run(exercise, package, runner))
        if exercise.family == "refactor":
            return _restructured(exercise, package, result)
        return result
    except Refused as refusal:
        return _nothing(exercise, refusal)


def _package(exercise: Exercise, files: Files) -> Files:
    """All files that are run."""
    if exercise.family == "synthesize":
        return files
    return {
        path: text for path, text in (exercise.files | files).items() if text.strip() or path not in files
    }


def _run(exercise: Exercise, package: Files, runner: Runner) -> list[Outcome]:
    """What the calls of all tests come to.

    A plain file is read only if the sandbox cannot run it: then it may be no Python.

    Raises:
        Refused: if the package is not run.
    """
    tests, interface = _tests(exercise), _interface(exercise)
    written = as_written(package, interface)
    linked = written or link(package, interface)
    names = linked.names
    calls = [(names[test.module, test.function], test.arguments) for test in tests]
    outcomes = runner.run(linked.source, calls)
    if written and all(outcome.status == Status.UNSUPPORTED for outcome in outcomes):
        link(package, interface)
    return outcomes


def _tests(exercise: Exercise) -> tuple[Test, ...]:
    return exercise.hidden + exercise.public


def _interface(exercise: Exercise) -> dict[str, list[str]]:
    """The functions that have to be there, by module."""
    interface: dict[str, list[str]] = {}
    for module, function in dict.fromkeys((test.module, test.function) for test in _tests(exercise)):
        interface.setdefault(module, []).append(function)
    return interface


def _nothing(exercise: Exercise, refusal: Refused) -> Grade:
    """The grade of files that are not run."""
    return Grade(
        refusal.status,
        passed=(False,) * len(exercise.hidden),
        public_passed=(False,) * len(exercise.public),
        message=str(refusal),
    )


def _judge(exercise: Exercise, outcomes: Sequence[Outcome]) -> Grade:
    """The grade by tests alone; for "refactor" public ones count as hidden ones do."""
    shown = [_status(test, outcome) for test, outcome in zip(_tests(exercise), outcomes, strict=True)]
    hidden, public = shown[: len(exercise.hidden)], shown[len(exercise.hidden) :]
    passed = tuple(status == Status.OK for status in hidden)
    counted = set(shown if exercise.family == "refactor" else hidden)
    status = next((status for status in STATUSES if status in counted), Status.OK)
    pass_rate = stratified_pass_rate([test.stratum for test in exercise.hidden], passed)
    return Grade(
        status,
        0.0 if status == Status.INFRASTRUCTURE_ERROR else graded(pass_rate, exercise.floor),
        all(passed),
        pass_rate,
        passed,
        tuple(status == Status.OK for status in public),
        _message(exercise, shown, outcomes),
    )


def _restructured(exercise: Exercise, package: Files, result: Grade) -> Grade:
    """The grade of a restructured package: nothing unless it does what it did, and in the same way."""
    if exercise.start is None or exercise.clean is None:
        raise ValueError("An exercise of family 'refactor' needs start and clean.")
    gained = 0.0
    if result.status == Status.OK:
        public = [(module, name) for module, names in _interface(exercise).items() for name in names]
        kept = faithfulness.compare(exercise.files, package, public)
        now = architecture.measure(package, kept.concealed)
        now = replace(now, duplicates=_duplicates(exercise, exercise.start, now, kept))
        gained = architecture.improvement(exercise.start, now, exercise.clean) * kept.share
    return replace(result, score=gained, improvement=gained)


def _duplicates(exercise: Exercise, start: Architecture, now: Architecture, kept: Faithfulness) -> int:
    """Duplicates as far as they count: those are not gone that are only said in another way, or cut up."""
    # A few expressions that only differ in style count in text, and were not counted when the task was made.
    overlooked = _measured(tuple(exercise.files.items())).duplicates - start.duplicates
    duplicates = max(0, now.duplicates - overlooked)
    backed = max(0, kept.saved - kept.new)
    return max(duplicates, start.duplicates - backed)


@lru_cache(_KEPT)
def _measured(files: tuple[tuple[str, str], ...]) -> Architecture:
    """The measures of a package that was given, as text."""
    return architecture.measure(dict(files))


def _status(test: Test, outcome: Outcome) -> Status:
    """What one test shows."""
    if outcome.status == Status.OK:
        passed = outcome.text == repr(test.expected) or _is_expected(test, outcome)
        return Status.OK if passed else Status.WRONG
    return Status.WRONG if outcome.status == Status.ERROR else outcome.status


def _is_expected(test: Test, outcome: Outcome) -> bool:
    """Whether a value is the expected one, however it was written."""
    try:
        return same_value(test.expected, outcome.value())
    except ValueError:
        return False


def _message(exercise: Exercise, shown: Sequence[Status], outcomes: Sequence[Outcome]) -> str:
    """Which tests passed, and the first public one that did not."""
    count = len(exercise.hidden)
    lines = [f"{sum(status == Status.OK for status in shown[:count])} of {count} hidden tests passed."]
    for test, status, outcome in zip(exercise.public, shown[count:], outcomes[count:], strict=True):
        if status != Status.OK:
            got = f"returned {outcome.text[:200]}" if outcome.status == Status.OK else outcome.text[:300]
            arguments = ", ".join(f"{argument!r:.100}" for argument in test.arguments)
            lines.append(
                f"{test.function}({arguments}) should return {test.expected!r:.200}; {status}: {got}"
            )
            break
    return " ".join(lines)


# --- Scores ------------------------------------------------------------------------------------------


def same_value(expected: Any, got: Any) -> bool:
    """Whether a value is the expected one, of exactly its type, throughout lists and tuples.

    Args:
        expected: what it should be.
        got: what it is, of any type, depth and size; never asked for its own idea of equality.
    """
    pairs = [(expected, got)]
    compared = 0
    while pairs:
        wanted, found = pairs.pop()
        compared += 1
        kind = type(wanted)
        if kind is not type(found) or compared > MAX_COMPARED:
            return False
        if kind is list or kind is tuple:
            if len(wanted) != len(found):
                return False
            pairs.extend(zip(wanted, found, strict=True))
        elif kind not in (int, bool, str, float, type(None)) or wanted != found:
            return False
    return True


def stratified_pass_rate(strata: Sequence[int], passed: Sequence[bool]) -> float:
    """Mean over the strata that occur of the share of their tests that passed.

    Args:
        strata: for each test its index into ``STRATA``.
        passed: for each test whether it passed.
    """
    tests, right = [0] * len(STRATA), [0] * len(STRATA)
    for stratum, ok in zip(strata, passed, strict=True):
        tests[stratum] += 1
        right[stratum] += ok
    rates = [ok / count for ok, count in zip(right, tests, strict=True) if count]
    return add_up(rates) / len(rates) if rates else 0.0


def graded(pass_rate: float, floor: float) -> float:
    """Score of a pass rate: 0 up to the floor, which a trivial program reaches, and 1 for all tests.

    Args:
        pass_rate: of the hidden tests, in [0, 1].
        floor: pass rate that is worth 0, in [0, 1].
    """
    if floor >= 1:
        return float(pass_rate >= 1)
    return max(0.0, (pass_rate - floor) / (1 - floor))
