"""Replies that language models give to tasks of EtudeCode-v0: what is accepted, and what it earns."""

from __future__ import annotations

import json
import random

import jsonschema
import pytest

from etude_gym.envs.code.exercise import Exercise, Test
from etude_gym.envs.code.facts import exercise_of
from etude_gym.envs.code.grader import grade
from etude_gym.envs.code.submissions.reply import parse_submission
from etude_gym.envs.code.submissions.runner import MontyRunner
from etude_gym.envs.code.text import write_files
from etude_gym.tasks.domain import Reply
from etude_gym.text import TextTask, draw_tasks

RUNNER = MontyRunner()
FAMILIES = ("synthesize", "debug", "refactor")
in_every_family = pytest.mark.parametrize("family", FAMILIES)


def tasks_of(family, number, seed=0, value=None):
    axes = ("length", "abstractions", "edge_cases", "transfer")
    difficulty = None if value is None else dict.fromkeys(axes, value)
    return draw_tasks("EtudeCode-v0", "practice", number, seed, family=family, difficulty=difficulty)


def outcome_of(task, *replies):
    return TextTask.replay(task, replies).outcome()


# --- What a reasonable person accepts ------------------------------------------------------------------

SPREAD = "(max(numbers, default=0) - min(numbers, default=0))"
CODE = f"def solve(numbers: list[int], k: int) -> int:\n    first = {SPREAD}\n    return first * 7\n"
WRONG = "def solve(numbers, k):\n    return 0\n"
STUB = "def solve(numbers: list[int], k: int) -> int:\n    ...\n"
INPUTS = ([3, 1], [], [5, 5, 2], [-3, 4, -9])
TESTS = tuple(
    Test("solve", "solve", (numbers, 2), 7 * (max(numbers, default=0) - min(numbers, default=0)), 0)
    for numbers in INPUTS
)
EXERCISE = Exercise("synthesize", (), {"solve.py": STUB}, TESTS[:2], TESTS, 0.0)


def block(source, info="python", fence="```"):
    return f"{fence}{info}\n{source.rstrip()}\n{fence}"


def lines(*parts):
    return "\n".join(parts)


def status_of(reply, **options):
    """The status of a reply, and what is wrong with it."""
    files = parse_submission(reply, "solve.py", "solve", **options)
    if isinstance(files, Reply):
        return str(files.status), files.problem
    result = grade(EXERCISE, files, RUNNER)
    assert result.solved == (result.score == 1.0) == (result.status == "ok")
    return str(result.status), result.message


NAMED = block(CODE, "python solve.py")
DESCRIBED = {
    "plain": NAMED,
    "python without a name": block(CODE),
    "no fence, source only": CODE,
    "no fence, prose then source": lines("Here is the function you asked for:", "", CODE),
    "two blocks: code, then usage": lines(block(CODE), "Usage:", block("print(solve([1, 2], 3))")),
    "two blocks: draft, then final": lines("A draft:", block(WRONG), "Final:", block(CODE)),
    "code and output block (text)": lines(block(CODE), block("14", "text")),
    "code and unlabelled output block": lines(block(CODE), "It prints", block("14", "")),
    "fence not closed": f"```python\n{CODE}",
    "print at module level": block(f"{CODE}\nprint(solve([1, 2], 3))"),
    "if __name__ guard": block(f"{CODE}\nif __name__ == '__main__':\n    print(solve([1], 2))"),
    "from typing import List": block(f"from typing import List\n\n\n{CODE}"),
    "List[int] annotations": block("from typing import List\n" + CODE.replace("list[int]", "List[int]")),
    "import collections": block(f"import collections\n\n{CODE}"),
    "docstring": block(CODE.replace("    first", '    """Spread times seven."""\n    first', 1)),
    "~~~python": block(CODE, fence="~~~"),
    "lambda": block(f"solve = lambda numbers, k: {SPREAD} * 7"),
    "think with code fence": lines("<think>", "Maybe", block(WRONG), "No.", "</think>", "", block(CODE)),
    "other file name solution.py": block(CODE, "python solution.py"),
    "f-string and format": block(f"{CODE}\ndef show(n):\n    return f'{{n:>3}}' + '{{}}'.format(n)"),
    "try/except": block(
        "def solve(numbers, k):\n    try:\n        return (max(numbers) - min(numbers)) * 7\n"
        "    except ValueError:\n        return 0"
    ),
    "functools.reduce": block(
        "from functools import reduce\n\ndef solve(numbers, k):\n"
        "    top = reduce(lambda a, b: a if a > b else b, numbers or [0])\n"
        "    return (top - reduce(lambda a, b: a if a < b else b, numbers or [0])) * 7"
    ),
    "itertools": block(
        "import itertools\n\ndef solve(numbers, k):\n    pairs = itertools.product(numbers, repeat=2)\n"
        "    return max((a - b for a, b in pairs), default=0) * 7"
    ),
}
"""Right replies of the forms that models were seen to give."""

AS_JSON = json.dumps({"files": {"solve.py": CODE}})
SAMPLE = block("...", "python solve.py")
NEIGHBORS = {
    "annotated lambda": block(f"solve: object = lambda numbers, k: {SPREAD} * 7"),
    "lambda without a fence": lines("Here it is:", "", f"solve = lambda numbers, k: {SPREAD} * 7"),
    "prose around source": lines("Sure!", "", CODE, "This works because the spread is multiplied."),
    "source indented as in Markdown": lines("The code:", "", *(f"    {line}" for line in CODE.split("\n"))),
    "not closed, then prose": lines("```python", CODE, "This works because the spread is multiplied."),
    "not closed, no last line feed": f"```python\n{CODE}".rstrip(),
    "session as output": lines(block(CODE), block(">>> solve([3, 1], 2)\n14", "")),
    "usage that imports it": lines(block(CODE), block("from solve import solve\nprint(solve([], 1))")),
    "a test behind it": lines(block(CODE), block("def test_solve():\n    assert not solve([], 0)")),
    "a test with a name": lines(NAMED, block("def test_solve():\n    pass", "python tests/test_solve.py")),
    "drafts of the same name": lines(block(WRONG, "python solve.py"), NAMED),
    "the stub, then all": lines(block(STUB, "python solve.py"), NAMED),
    "all, then the stub": lines(NAMED, "as asked by", block(STUB, "python solve.py")),
    "the sample, then all": lines(SAMPLE, NAMED),
    "all, then the sample": lines(NAMED, SAMPLE),
    "in pieces": lines(
        block(f"def spread(numbers):\n    return {SPREAD}"),
        "and",
        block("def solve(numbers, k):\n    return spread(numbers) * 7"),
    ),
    "in pieces, behind a broken draft": lines(
        block("def first(numbers:\n    return"),
        block(f"def spread(numbers):\n    return {SPREAD}\nfirst = 1"),
        block("def solve(numbers, k):\n    first = spread(numbers)\n    return first * 7"),
    ),
    "in a folder": block(CODE, "python src/solve.py"),
    "in capitals": block(CODE, "python Solution.py"),
    "a shell before it": lines(block("python solve.py", "bash"), block(CODE)),
    "in tags": lines("<answer>", CODE, "</answer>"),
    "JSON": AS_JSON,
    "JSON in a block": block(AS_JSON, "json"),
    "JSON, then usage": lines(block(AS_JSON, "json"), block("solve([1, 2], 3)", "")),
    "JSON with thoughts": json.dumps({"thoughts": "easy", "files": {"solve.py": CODE}}, indent=1),
    "JSON with fences inside": json.dumps({"files": {"solve.py": block(CODE)}}),
}
"""Right replies that are like them."""


@pytest.mark.parametrize("name", [*DESCRIBED, *NEIGHBORS])
def test_a_right_program_is_accepted_however_it_is_written_down(name):
    assert status_of((DESCRIBED | NEIGHBORS)[name]) == ("ok", "4 of 4 hidden tests passed.")


@pytest.mark.parametrize(
    ("reply", "status", "problem"),
    [
        (
            block("class Solution:\n    def solve(self, n, k):\n        return 0"),
            "unsupported",
            "'class' is not",
        ),
        (block(f"import numpy as np\n\n{CODE}"), "malformed", "no module 'numpy'. Allowed: bisect, "),
        (block(CODE.replace("solve", "solution")), "malformed", "does not define the function 'solve'"),
        (block("solve = 7"), "malformed", "does not define the function 'solve'"),
        (SAMPLE, "malformed", "holds no file that counts"),
        (lines(block(WRONG, "a.py"), block(CODE, "b.py")), "malformed", "does not define"),
        (block(STUB), "wrong", "0 of 4 hidden tests passed"),
        ("Subtract the smallest from the largest.", "malformed", "no fenced block and is no source"),
        ('{"files": {}}', "malformed", "holds no file that counts"),
        ('{"files": ["solve.py"]}', "malformed", '"files" is an object'),
        ('{"files": {"solve.py": ["return 0"]}}', "malformed", '"files" is an object'),
        (
            '{"files": {"solve.txt": "def solve(numbers, k): return 0"}}',
            "malformed",
            "no path of a file here",
        ),
        ('{"files": {"solve.py": "solve = 1", "solve.py": "solve = 2"}}', "malformed", "twice"),
        (AS_JSON[:-1], "malformed", "is no valid JSON"),
        (json.dumps({"files": {"solve.py": CODE}, "tests": [1]}), "malformed", "Unknown key 'tests'"),
    ],
)
def test_what_is_no_answer_is_refused_with_a_reason(reply, status, problem):
    got, told = status_of(reply)
    assert got == status
    assert problem in told


def test_a_block_that_a_limit_of_length_has_cut_is_truncated_but_not_one_that_was_left_open():
    left_open = f"```python\n{CODE}"
    assert status_of(left_open, cut=True)[0] == "truncated"
    assert status_of(left_open)[0] == "ok"
    assert status_of(block(CODE), cut=True)[0] == "ok"


# --- Worked solutions, schemas, what is told -------------------------------------------------------------


@in_every_family
@pytest.mark.parametrize("value", [0.0, None, 1.0])
def test_the_worked_solution_as_a_reply_earns_one(family, value):
    for task in tasks_of(family, 40, value=value):
        outcome = outcome_of(task, task.reference())
        assert (outcome["score"], outcome["solved"], outcome["status"]) == (1.0, True, "ok")


@in_every_family
def test_the_worked_solution_also_stands_where_an_illegal_reply_has_been(family):
    [task] = tasks_of(family, 1)
    assert outcome_of(task, "?", task.reference())["score"] == 1.0


@in_every_family
def test_the_worked_solution_in_json_follows_the_schema_and_earns_one(family):
    for task in tasks_of(family, 10, seed=2):
        files = parse_submission(task.reference(), "solve.py", None)
        values = {"files": files}
        jsonschema.validate(values, task.reply_schema())
        assert outcome_of(task, json.dumps(values))["score"] == 1.0
        assert set(files) == set(exercise_of(task.worlds[0]).files)


@pytest.mark.parametrize("values", [{}, {"files": {}}, {"files": {"solve.py": 1}}, {"files": {"a.py": ""}}])
def test_the_schema_refuses_what_is_no_reply(values):
    [task] = tasks_of("debug", 1)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values, task.reply_schema())


def test_the_pass_rate_is_told_where_it_is_not_above_the_floor():
    for task in tasks_of("debug", 20, seed=3):
        given = exercise_of(task.worlds[0])
        outcome = outcome_of(task, write_files(given.files))
        assert outcome["score"] == 0.0
        assert 0.0 < outcome["pass_rate"] <= given.floor + 1e-12


def test_the_pass_rate_of_a_package_is_told_beside_its_score():
    [task] = tasks_of("refactor", 1)
    outcome = outcome_of(task, write_files(exercise_of(task.worlds[0]).files))
    assert (outcome["score"], outcome["pass_rate"]) == (0.0, 1.0)


# --- Constants -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES[:2])
@pytest.mark.parametrize(
    "value", ["0", "1", "k", "len(numbers)", "sum(numbers)", "numbers", "[]", "''", "'-'"]
)
def test_a_constant_reply_earns_nothing_where_tasks_are_easiest(family, value):
    reply = block(f"def solve(numbers, k):\n    return {value}\n")
    for task in tasks_of(family, 30, seed=5, value=0.0):
        assert outcome_of(task, reply)["score"] == pytest.approx(0.0, abs=1e-12)


# --- Replies at random -----------------------------------------------------------------------------------

PIECES = (
    *(
        "```",
        "```python\n",
        "```python solve.py\n",
        "~~~",
        "...",
        "\n...\n",
        "<think>",
        "</think>",
        "<answer>",
    ),
    *('{"files": ', '{"solve.py": "', '"}}', "\\n", "\0", "\ud800", "\r", "\t", "    ", "# solve.py\n", "/"),
    *(
        "def solve(numbers, k):\n",
        "solve = lambda numbers, k: ",
        "return 0",
        "class A:\n",
        "import os\n",
        "(",
    ),
)


def mutated(generator, texts):
    """One of some texts, or two of them, with a few accidents."""
    text = generator.choice(texts)
    if generator.random() < 0.2:
        text += "\n" + generator.choice(texts)
    for _ in range(generator.randrange(4)):
        at, to = sorted(generator.randrange(len(text) + 1) for _ in range(2))
        kind = generator.randrange(4)
        if kind == 0:
            text = text[:at] + text[min(to, at + 30) :]
        elif kind == 1:
            text = text[:at] + generator.choice(PIECES) + text[at:]
        elif kind == 2:
            text = text[:to] + text[at:to][:200] + text[to:]
        else:
            lines = text.split("\n")
            del lines[generator.randrange(len(lines))]
            text = "\n".join(lines)
    return text


def check_mutated_replies(number, seed):
    generator = random.Random(seed)
    tasks = [task for family in FAMILIES for task in tasks_of(family, 6, seed=7)]
    earned = {}
    for _ in range(number):
        task = generator.choice(tasks)
        source = task.reference()
        json_form = json.dumps({"files": parse_submission(source, "solve.py", None)})
        others = [write_files(exercise_of(task.worlds[0]).files), generator.choice([*DESCRIBED.values()])]
        texts = [source, json_form, *others]
        reply, cut = mutated(generator, texts), generator.random() < 0.1
        played = TextTask.replay(task, [(reply, cut)])
        outcome = played.outcome()
        assert 0.0 <= outcome["score"] <= 1.0
        if played.over:
            assert outcome["status"] in ("ok", "wrong", "unsupported", "malformed", "timeout", "memory")
        else:
            assert outcome["status"] in ("malformed", "truncated")
            assert outcome["score"] == 0.0
            assert outcome["problem"]
        if outcome["score"] > 0.0:
            assert "def " in reply or "lambda" in reply
        earned[outcome["status"]] = earned.get(outcome["status"], 0) + 1
    assert earned["ok"] > number / 50
    assert earned["malformed"] > number / 20


def test_mutated_replies_are_graded_or_refused_and_never_raise():
    check_mutated_replies(300, seed=8)


@pytest.mark.slow
def test_ten_thousand_mutated_replies_are_graded_or_refused_and_never_raise():
    check_mutated_replies(10_000, seed=9)
