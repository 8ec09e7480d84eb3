"""Restructuring is graded for what it is: attacks earn nothing, honest work in any style all it is worth."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from refactoring_attacks import ATTACKS
from test_code_refactoring import improvement, make, measures, operate_at_random, replay

from etude_gym.envs.code.actions import EXTRACT, INLINE, MERGE, MOVE, SUBMIT
from etude_gym.envs.code.architecture import measure
from etude_gym.envs.code.exercise import Architecture, Exercise, Files
from etude_gym.envs.code.faithfulness import compare
from etude_gym.envs.code.grader import grade
from etude_gym.envs.code.packages.printing import package_exercise_tests, package_files
from etude_gym.envs.code.submissions.runner import MontyRunner

RUNNER = MontyRunner()
FEW, MANY = (2, 3, 11), range(60)
EARNED_AT_MOST = 0.05


@cache
def task(seed: int) -> tuple[Exercise, Files]:
    """A task of any difficulty, and its reference."""
    package, clean, _, _ = make(seed)
    public, hidden = package_exercise_tests(clean, seed)
    start, best = Architecture(*measures(package)), Architecture(*measures(clean))
    exercise = Exercise("refactor", (), package_files(package, seed), public, hidden, 0.0, start, best)
    return exercise, package_files(clean, seed)


def score(seed: int, files: Files) -> float:
    return grade(task(seed)[0], files, RUNNER).score


def score_of_package(seed: int, package: Any) -> tuple[float, float]:
    """The score of a package that was made by actions: as text, and by the measures of its tensor form."""
    exercise, _ = task(seed)
    start, clean = measures(make(seed)[0]), measures(make(seed)[1])
    removed = dict.fromkeys(exercise.files, " ")
    return score(seed, removed | package_files(package, seed)), improvement(start, measures(package), clean)


# --- Attacks -----------------------------------------------------------------------------------------


def check_attack(name: str, seeds: Sequence[int]) -> None:
    """It keeps what functions return, on some task at least, and earns next to nothing."""
    grades = [grade(task(seed)[0], ATTACKS[name](task(seed)[0]), RUNNER) for seed in seeds]
    assert any(grade.status == "ok" for grade in grades)
    assert np.mean([grade.score for grade in grades]) < EARNED_AT_MOST


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_earns_next_to_nothing(name: str) -> None:
    check_attack(name, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_earns_next_to_nothing_on_many_tasks(name: str) -> None:
    check_attack(name, MANY)


# --- Honest work -------------------------------------------------------------------------------------


def test_the_reference_earns_everything() -> None:
    assert [score(seed, task(seed)[1]) for seed in range(20)] == [1.0] * 20


@pytest.mark.slow
def test_the_reference_earns_everything_on_many_tasks() -> None:
    assert [score(seed, task(seed)[1]) for seed in range(1000)] == [1.0] * 1000


def _arguments(action: int) -> int:
    """Actions that follow one that chooses a refactoring."""
    return {EXTRACT: 1, INLINE: 1, MERGE: 2, MOVE: 2}[action]


def test_each_step_of_the_reference_plan_earns_the_same_as_text() -> None:
    for seed in range(8):
        plan, earned, at = make(seed)[2], [], 0
        while plan[at] != SUBMIT:
            at += 1 + _arguments(plan[at])
            package = make(seed)[0]
            replay(package, [*plan[:at], SUBMIT])
            as_text, as_actions = score_of_package(seed, package)
            assert as_text == pytest.approx(as_actions)
            earned.append(as_text)
        assert earned[-1] == 1.0


def check_random_play(seeds: range) -> None:
    generator = np.random.default_rng(4)
    for seed in seeds:
        package = make(seed)[0]
        for _ in range(int(generator.integers(1, 6))):
            operate_at_random(package, generator)
        as_text, as_actions = score_of_package(seed, package)
        assert as_text == pytest.approx(as_actions), seed


def test_what_is_done_by_actions_earns_the_same_as_text() -> None:
    check_random_play(range(40))


@pytest.mark.slow
def test_what_is_done_by_many_actions_earns_the_same_as_text() -> None:
    check_random_play(range(1000))


# --- Style -------------------------------------------------------------------------------------------

Change = Callable[[ast.FunctionDef], None]


def _returned(function: ast.FunctionDef) -> ast.expr:
    [statement] = function.body
    assert isinstance(statement, ast.Return)
    assert statement.value is not None
    return statement.value


def _say(function: ast.FunctionDef, text: str) -> None:
    function.body = ast.parse(text).body


def docstrings(function: ast.FunctionDef) -> None:
    function.body.insert(0, ast.Expr(ast.Constant("Works out a number.\n\nArgs:\n    n: another number.")))


def no_annotations(function: ast.FunctionDef) -> None:
    function.returns = None
    function.args.args[0].annotation = None


def a_variable_for_the_result(function: ast.FunctionDef) -> None:
    _say(function, f"result: int = {ast.unparse(_returned(function))}\nreturn result")


def variables_for_operands(function: ast.FunctionDef) -> None:
    value = _returned(function)
    if isinstance(value, ast.BinOp):
        sign = ast.unparse(ast.BinOp(ast.Name("left"), value.op, ast.Name("right")))
        left, right = ast.unparse(value.left), ast.unparse(value.right)
        _say(function, f"left = {left}\nright = {right}\nreturn {sign}")


def _branches(text: str) -> Change:
    def change(function: ast.FunctionDef) -> None:
        value = _returned(function)
        if isinstance(value, ast.IfExp):
            test, body, orelse = map(ast.unparse, (value.test, value.body, value.orelse))
            _say(function, text.format(test=test, body=body, orelse=orelse))

    return change


def other_order(function: ast.FunctionDef) -> None:
    for node in ast.walk(function):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mult):
            node.left, node.right = node.right, node.left
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Gt | ast.Lt):
            node.left, node.comparators[0] = node.comparators[0], node.left
            node.ops[0] = ast.Lt() if isinstance(node.ops[0], ast.Gt) else ast.Gt()


def another_parameter(function: ast.FunctionDef) -> None:
    function.args.args[0].arg = "amount"
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id == "n":
            node.id = "amount"


CHANGES: dict[str, Change] = {
    "docstrings": docstrings,
    "no annotations": no_annotations,
    "a variable for the result": a_variable_for_the_result,
    "variables for operands": variables_for_operands,
    "if, return": _branches("if {test}:\n    return {body}\nreturn {orelse}"),
    "if, else": _branches("if {test}:\n    return {body}\nelse:\n    return {orelse}"),
    "if not": _branches("if not {test}:\n    return {orelse}\nreturn {body}"),
    "assignments in branches": _branches(
        "if {test}:\n    result = {body}\nelse:\n    result = {orelse}\nreturn result"
    ),
    "changed in a branch": _branches("result = {orelse}\nif {test}:\n    result = {body}\nreturn result"),
    "a variable for the test": _branches("holds = {test}\nreturn {body} if holds else {orelse}"),
    "other order": other_order,
    "another parameter": another_parameter,
}


def restyle(files: Files, change: Change) -> Files:
    changed = {}
    for path, source in files.items():
        tree = ast.parse(source)
        for statement in tree.body:
            if isinstance(statement, ast.FunctionDef):
                change(statement)
        changed[path] = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    return changed


@pytest.mark.parametrize("style", CHANGES)
def test_the_reference_earns_everything_in_any_style(style: str) -> None:
    seeds = range(8)
    assert [score(seed, restyle(task(seed)[1], CHANGES[style])) for seed in seeds] == [1.0] * len(seeds)


def test_names_can_be_imported_one_by_one() -> None:
    for seed in range(8):
        files = {}
        for path, source in task(seed)[1].items():
            text = source
            for module in re.findall(r"^import (\w+)$", source, re.MULTILINE):
                names = ", ".join(sorted(set(re.findall(rf"\b{module}\.(\w+)", text))))
                text = text.replace(f"import {module}\n", f"from {module} import {names}\n")
                text = re.sub(rf"\b{module}\.(\w+)", r"\1", text)
            files[path] = text
        assert score(seed, files) == 1.0


def test_numbers_can_have_names() -> None:
    for seed in range(8):
        files = {}
        for path, source in task(seed)[1].items():
            tree = ast.parse(source)
            numbers = [node for node in ast.walk(tree) if isinstance(node, ast.Constant)]
            names = {f"NUMBER_{i}": repr(node.value) for i, node in enumerate(numbers[:2])}
            text = source
            for name, value in names.items():
                text = re.sub(rf"(?<![\w.]){value}\b", name, text, count=1)
            lines = "".join(f"{name} = {value}\n" for name, value in names.items())
            imports = "".join(re.findall(r"^import \w+\n", text, re.MULTILINE))
            files[path] = imports + lines + re.sub(r"^import \w+\n", "", text, flags=re.MULTILINE)
        assert score(seed, files) == 1.0


def test_a_message_in_formatted_text_costs_no_more_than_its_length() -> None:
    for seed in range(8):
        exercise, reference = task(seed)
        path, source = next(iter(reference.items()))
        guard = "    if n > 10**9:\n        raise ValueError(f'n has to be a number that fits, got {n!r}')\n"
        files = reference | {path: source.replace(" -> int:\n", f" -> int:\n{guard}", 1)}
        public = [(test.module, test.function) for test in exercise.hidden]
        assert compare(exercise.files, files, public) == compare(exercise.files, reference, public)
        before, after = measure(reference), measure(files)
        assert after == replace(before, longest=after.longest)
        assert after.longest <= before.longest + 12


def test_a_part_that_repeats_can_become_a_function_of_two_numbers() -> None:
    files = {
        "loans.py": "def f(n):\n    return max(n * 2 + 7, 3) + abs(max(n * 2 + 7, 5) - 9)",
        "taxes.py": "import loans\ndef g(n):\n    return loans.f(n) + max(n * 2 + 7, 4)",
    }
    clean = {
        "loans.py": "def f(n):\n    return top(n, 3) + abs(top(n, 5) - 9)\n"
        "def top(n, least):\n    return max(n * 2 + 7, least)",
        "taxes.py": "import loans\ndef g(n):\n    return loans.f(n) + loans.top(n, 4)",
    }
    assert measure(clean).longest < measure(files).longest
    assert compare(files, clean, [("loans", "f"), ("taxes", "g")]).share == 1.0


# --- What leaves traces ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    ["return 4", "return 5 if n > 8 else 4", "return n % 3 + taxes.g(n)", "return [4, 5, 4][taxes.g(n) % 3]"],
)
def test_logic_that_is_said_otherwise_is_not_kept(body: str) -> None:
    given = {
        "loans.py": "import taxes\ndef f(n):\n    return max(taxes.g(n) * 3, 7) % 5",
        "taxes.py": "def g(n):\n    return n + 4 if n > 2 else n",
    }
    kept = compare(
        given, given | {"loans.py": f"import taxes\ndef f(n):\n    {body}"}, [("loans", "f"), ("taxes", "g")]
    )
    assert kept.share == 0.0
    assert bool(kept.concealed) == ("taxes" not in body)
