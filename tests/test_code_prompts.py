"""Prompts of the code domain: what they say, what they show, and what they keep to themselves."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from etude_gym.envs.code.exercise import Architecture, Exercise, Test
from etude_gym.envs.code.text import PARAMETERS, PROFILE, READING, write_prompt
from etude_gym.text import draw_tasks

SIGNATURE = "def solve(numbers: list[int], k: int) -> int:"
SENTENCES = (
    "Let helper_1(n) be 2 times n, plus 1.",
    "If k is negative, return 4.",
    "Replace every number by helper_1 of it.",
    "Take the sum of the list.",
)
PROGRAM = """\
def helper_1(n: int) -> int:
    return n * 2 - 1


def solve(numbers: list[int], k: int) -> int:
    if k < 0:
        return 4
    first = [helper_1(item) for item in numbers]
    return sum(first)
"""
MODULES = {
    "prices.py": "import taxes\n\n\ndef total(n: int) -> int:\n    return taxes.share(n) + n\n",
    "taxes.py": "import prices\n\nRATE = 7\n\n\ndef share(n: int) -> int:\n    return n * RATE // 10\n",
}


def solved(numbers, k, expected):
    return Test("solve", "solve", (numbers, k), expected, 0)


SYNTHESIZE = Exercise(
    family="synthesize",
    sentences=SENTENCES,
    files={"solve.py": f"{SIGNATURE}\n    pass\n"},
    public=(solved([3, 1], 2, 10), solved([], -2, 4)),
    hidden=(solved([100, -77], 5, 48),),
    floor=0.1,
)
DEBUG = replace(SYNTHESIZE, family="debug", files={"solve.py": PROGRAM})
REFACTOR = Exercise(
    family="refactor",
    sentences=(),
    files=MODULES,
    public=(Test("prices", "total", (3,), 5, 0),),
    hidden=(Test("taxes", "share", (-98,), -69, 0), Test("prices", "total", (-98,), -167, 0)),
    floor=0.0,
    start=Architecture(cycles=2, duplicates=3, longest=41, edges=5),
    clean=Architecture(cycles=0, duplicates=0, longest=23, edges=1),
)
EXERCISES = [SYNTHESIZE, DEBUG, REFACTOR]
every_family = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.family)


def prompt_of(exercise):
    return write_prompt(exercise).text


def blocks(prompt):
    """Contents of fenced blocks, by what follows the fence."""
    return re.findall(r"^```(.+)\n((?:.*\n)*?)```$", prompt, flags=re.MULTILINE)


@every_family
def test_a_prompt_is_plain_text_of_a_moderate_size(exercise):
    prompt = prompt_of(exercise)
    assert prompt.isascii()
    assert not re.search(r"[ \t]+$", prompt, flags=re.MULTILINE)
    assert "\n\n\n" not in re.sub(r"```(.|\n)*?```", "block", prompt)
    assert prompt.endswith("\n")
    assert not prompt.endswith("\n\n")
    assert len(prompt) < 4_000


@every_family
def test_a_prompt_says_what_a_submission_may_use(exercise):
    assert PROFILE in prompt_of(exercise)


@every_family
def test_hidden_tests_stay_hidden(exercise):
    prompt = prompt_of(exercise)
    for test in exercise.hidden:
        assert repr(test.arguments[0]) not in prompt
        assert repr(test.expected) not in prompt


@pytest.mark.parametrize("exercise", [SYNTHESIZE, DEBUG], ids=["synthesize", "debug"])
def test_the_specification_is_numbered_and_followed_by_the_signature(exercise):
    prompt = prompt_of(exercise)
    numbered = "\n".join(f"{i}. {sentence}" for i, sentence in enumerate(SENTENCES, start=1))
    assert f"\n\nSpecification\n{numbered}\n\nSignature\n{SIGNATURE}\n\n" in prompt
    assert READING in prompt
    assert PARAMETERS in prompt
    assert "up to 16 whole numbers from -127 to 127" in prompt


def test_what_to_write_is_shown_by_examples():
    assert "Examples\nsolve([3, 1], 2) == 10\nsolve([], -2) == 4\n" in prompt_of(SYNTHESIZE)


def test_what_to_repair_is_shown_with_what_it_should_return():
    prompt = prompt_of(DEBUG)
    assert "Examples\nsolve([3, 1], 2) should return 10\nsolve([], -2) should return 4\n" in prompt
    assert blocks(prompt)[1:] == [("python solve.py", PROGRAM)]


def test_a_program_to_repair_keeps_how_many_mistakes_it_has():
    assert "one or more mistakes" in prompt_of(DEBUG)
    assert "mistake" not in prompt_of(SYNTHESIZE)


def test_values_read_as_python():
    tests = (solved([1], 1, True), solved([1], 2, "1-"), solved([1], 3, [1, 2]))
    prompt = prompt_of(replace(SYNTHESIZE, public=tests))
    assert "solve([1], 1) == True\nsolve([1], 2) == '1-'\nsolve([1], 3) == [1, 2]\n" in prompt


def test_a_package_is_shown_file_by_file():
    shown = blocks(prompt_of(REFACTOR))[1:]
    assert shown == [(f"python {path}", source) for path, source in MODULES.items()]


def test_all_tested_functions_of_a_package_are_named_as_its_interface():
    prompt = prompt_of(REFACTOR)
    assert "\n- prices.total(n)\n- taxes.share(n)\n\n" in prompt
    assert "Examples\nprices.total(3) == 5\n" in prompt


def test_a_package_comes_with_where_it_stands_but_not_with_what_can_be_reached():
    prompt = " ".join(prompt_of(REFACTOR).split())
    assert "- modules that import themselves, directly or by way of others: 2 -" in prompt
    assert "- expressions that repeat an earlier one: 3 - parts of the longest function: 41 -" in prompt
    assert "- uses of a function or constant of another module: 5" in prompt
    assert "23" not in prompt


@every_family
def test_the_answer_is_asked_for_as_files_in_fenced_blocks(exercise):
    asked, path = (
        ("all files of the package", "NAME") if exercise is REFACTOR else ("the whole of solve.py", "solve")
    )
    form = write_prompt(exercise).format
    assert form.startswith(f"How to answer\nAnswer with {asked}")
    assert form.endswith(f"\n```python {path}.py\n...\n```")


@every_family
def test_a_prompt_reads_as_rules_then_how_to_answer_then_the_task(exercise):
    prompt = write_prompt(exercise)
    assert prompt.text == f"{prompt.system}\n{prompt.task}\n"
    assert prompt.system == f"{prompt.rules}\n\n{prompt.format}\n"


@pytest.mark.parametrize("family", ["synthesize", "debug", "refactor"])
def test_rules_and_format_are_the_same_bytes_in_all_tasks_of_a_family(family):
    tasks = draw_tasks("EtudeCode-v0", "practice", 60, seed=11, family=family)
    assert len({task.parts.system for task in tasks}) == 1
    assert len({task.parts.task for task in tasks}) == 60


def test_large_exercises_fit_the_limit():
    rows = tuple(solved([-127] * 16, -127, "-127-" * 40) for _ in range(24))
    longest = " ".join(["Keep the numbers that satisfy the material implication."] * 3)
    program = PROGRAM + "    first = first\n" * 60
    repair = replace(DEBUG, sentences=(longest,) * 16, public=rows, files={"solve.py": program})
    assert len(prompt_of(repair)) < 20_000
    body = "def name_of_function(n: int) -> int:\n    return " + " + ".join(["n % 7"] * 40) + "\n\n\n"
    files = {f"module_{i}.py": body * 2 for i in range(8)}
    calls = tuple(Test(f"module_{i % 8}", f"function_{i}", (-127,), -(2**40), 0) for i in range(24))
    assert len(prompt_of(replace(REFACTOR, files=files, public=calls))) < 20_000


def test_an_unknown_family_is_refused():
    with pytest.raises(ValueError, match=r"synthesize, debug, refactor.*'translate'"):
        write_prompt(replace(SYNTHESIZE, family="translate"))


def test_files_without_the_function_are_refused():
    with pytest.raises(ValueError, match=r"define solve once, got 0"):
        write_prompt(replace(DEBUG, files={"solve.py": "def answer(): pass"}))
