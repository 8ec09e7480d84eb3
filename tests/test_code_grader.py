"""Grading: strict comparison, strata, one of each status, architecture, and that deleting earns nothing."""

from __future__ import annotations

import math

import pytest
from refactoring_attacks import HIDING_PLACES

from etude_gym.envs.code.architecture import improvement, measure
from etude_gym.envs.code.exercise import Architecture, Exercise, Test
from etude_gym.envs.code.grader import grade, graded, same_value, stratified_pass_rate
from etude_gym.envs.code.submissions.runner import MontyRunner, Outcome

RUNNER = MontyRunner(seconds=0.3, retry_seconds=0.7)

# --- Comparison and scores ---------------------------------------------------------------------------


def nested(depth, kind=list):
    value = kind()
    for _ in range(depth):
        value = kind([value])
    return value


@pytest.mark.parametrize(
    "value", [0, True, "", "a", [], [1, 2], ["a", [True]], (1,), None, 1.5, nested(50_000)]
)
def test_a_value_is_the_same_as_itself(value):
    assert same_value(value, value)


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (1, True),
        (True, 1),
        (0, False),
        (1, 1.0),
        (1, "1"),
        ([1], (1,)),
        ([1, 0], [True, 0]),
        ([1], [1, 2]),
        ([], None),
        ("a", b"a"),
        (1, 2),
        (math.nan, math.nan),
        ({1}, {1}),
        (nested(50_000), nested(50_001)),
    ],
)
def test_values_of_another_type_or_content_are_not_the_same(expected, got):
    assert not same_value(expected, got)


def test_a_value_that_claims_to_equal_everything_equals_nothing():
    class Liar(int):
        def __eq__(self, other):
            return True

        __hash__ = int.__hash__

    assert not same_value(1, Liar(1))
    assert not same_value([1], [Liar(1)])


def test_a_tree_that_shares_its_branches_is_not_walked_without_end():
    tree = [0]
    for _ in range(100):
        tree = [tree, tree]
    assert not same_value(tree, tree)


def test_every_stratum_that_occurs_weighs_the_same():
    assert stratified_pass_rate([0, 0, 0, 1], [True, True, True, False]) == 0.5
    assert stratified_pass_rate([0, 2, 2], [False, True, False]) == 0.25
    assert stratified_pass_rate([1], [True]) == 1.0
    assert stratified_pass_rate([], []) == 0.0


def test_a_pass_rate_at_the_floor_is_worth_nothing():
    assert graded(0.25, 0.25) == graded(0.1, 0.25) == 0.0
    assert graded(1.0, 0.25) == graded(1.0, 1.0) == 1.0
    assert graded(0.625, 0.25) == 0.5
    assert graded(0.9, 1.0) == 0.0


# --- Writing a program -------------------------------------------------------------------------------


def make_tests(function, arguments):
    return tuple(Test("shop", "total", (x,), function(x), i % 3) for i, x in enumerate(arguments))


def double(x):
    return 2 * x


WRITE = Exercise(
    family="synthesize",
    sentences=("Double the number.",),
    files={"shop.py": "def total(x: int) -> int: ..."},
    public=make_tests(double, [3, 4]),
    hidden=make_tests(double, [5, 6, 7, 70, 71, 72]),
    floor=0.0,
)


def grade_text(text, exercise=WRITE):
    return grade(exercise, {"shop.py": text}, RUNNER)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("ok", "def total(x):\n    return 2 * x"),
        ("wrong", "def total(x):\n    return 3 * x"),
        ("wrong", "def total(x):\n    return 2.0 * x"),
        ("wrong", "def total(x):\n    return undefined"),
        ("unsupported", "class A: pass\ndef total(x):\n    return 2 * x"),
        ("unsupported", "def total(x):\n    return (5).bit_length()"),
        ("malformed", "def total(x:"),
        ("malformed", "def sum(x):\n    return 2 * x"),
        ("timeout", "def total(x):\n    while True: pass"),
        ("memory", "def total(x):\n    return 'a' * 10 ** 9"),
    ],
)
def test_there_is_a_status_for_each_way_to_fail(status, text):
    result = grade_text(text)
    assert result.status == status
    assert result.score == float(status == "ok")
    assert result.solved == (status == "ok")
    assert len(result.passed) == 6
    assert len(result.public_passed) == 2
    assert bool(result.message)


def test_a_sandbox_that_fails_is_no_fault_of_the_submission():
    class Broken:
        name = "broken"

        def run(self, source, calls):
            return [Outcome("infrastructure error", "no sandbox")] * len(calls)

    result = grade(WRITE, {"shop.py": "def total(x):\n    return 2 * x"}, Broken())
    assert (result.status, result.score, result.solved) == ("infrastructure error", 0.0, False)


def test_what_passes_beside_a_hang_counts_and_the_hang_is_what_is_told():
    result = grade_text("def total(x):\n    while x == 5: pass\n    return 2 * x if x != 6 else 0")
    assert result.status == "timeout"
    assert result.passed == (False, False, True, True, True, True)
    assert result.score == pytest.approx((0.5 + 0.5 + 1.0) / 3)


def test_the_message_tells_expected_values_of_public_tests_only():
    message = grade_text("def total(x):\n    return 0").message
    assert "total(3) should return 6; wrong: returned 0" in message
    assert not any(str(test.expected) in message for test in WRITE.hidden)


def test_files_that_a_synthesis_does_not_need_do_no_harm():
    files = {
        "shop.py": "import till\ndef total(x):\n    return till.twice(x)",
        "till.py": "def twice(x):\n    return x + x",
    }
    assert grade(WRITE, files, RUNNER).status == "ok"


def test_grading_twice_gives_the_same_grade():
    text = "def total(x):\n    return 2 * x if x < 50 else 0"
    assert grade_text(text) == grade_text(text)


# --- Repairing and restructuring ---------------------------------------------------------------------

START = {
    "shop.py": "import till\ndef total(x):\n    return till.twice(x)\ndef bound():\n    return 9",
    "till.py": "import shop\ndef twice(x):\n    return x + x if x < shop.bound() else x + x + 0",
    "menu.py": "limit = 3\ndef best(x):\n    return min(x, limit)",
}
CLEAN = {"shop.py": "def total(x):\n    return x + x", "menu.py": START["menu.py"], "till.py": "\n"}
REMAINING = {path: text for path, text in CLEAN.items() if text.strip()}

REBUILD = Exercise(
    family="refactor",
    sentences=("Restructure the package.",),
    files=START,
    public=make_tests(double, [3, 4]),
    hidden=(*make_tests(double, [5, 6, 70]), Test("menu", "best", (7,), 3, 0)),
    floor=0.0,
    start=measure(START),
    clean=measure(REMAINING),
)
REPAIR = Exercise(
    "debug",
    ("Double.",),
    {**START, "menu.py": "def best(x):\n    return x"},
    REBUILD.public,
    REBUILD.hidden,
    0.5,
)


def test_a_repair_replaces_only_the_files_that_are_handed_in():
    assert grade(REPAIR, {}, RUNNER).score == pytest.approx(2 * ((0.5 + 1 + 1) / 3 - 0.5))
    result = grade(REPAIR, {"menu.py": START["menu.py"]}, RUNNER)
    assert (result.status, result.score) == ("ok", 1.0)


def test_a_clean_package_earns_everything():
    result = grade(REBUILD, CLEAN, RUNNER)
    assert (result.status, result.score, result.improvement, result.solved) == ("ok", 1.0, 1.0, True)


def test_an_unchanged_package_earns_nothing():
    result = grade(REBUILD, {}, RUNNER)
    assert (result.status, result.score, result.improvement) == ("ok", 0.0, 0.0)


def test_some_improvement_earns_some():
    files = {"till.py": "def twice(x):\n    return x + x"}
    assert 0.0 < grade(REBUILD, files, RUNNER).score < 1.0


@pytest.mark.parametrize(
    "files",
    [
        {"menu.py": ""},
        {"menu.py": "limit = 3"},
        {"menu.py": "def best(x):\n    return 0"},
        {"shop.py": "def total(x):\n    return 0", "till.py": ""},
        {"shop.py": "", "till.py": "", "menu.py": ""},
        {"shop.py": "def total(x):\n    return x + x if x != 3 else 0", "till.py": ""},
        {"shop.py": "def total(x):\n    return {5: 10, 6: 12, 70: 140}[x]", "till.py": ""},
    ],
)
def test_deleting_behavior_earns_nothing(files):
    result = grade(REBUILD, files, RUNNER)
    assert result.status in ("malformed", "wrong")
    assert (result.score, result.improvement) == (0.0, 0.0)


def test_a_removed_module_that_is_still_imported_earns_nothing():
    assert grade(REBUILD, {"till.py": " \n\t"}, RUNNER).status == "malformed"


def test_restructuring_needs_measures_to_grade_by():
    exercise = Exercise("refactor", (), START, REBUILD.public, REBUILD.hidden, 0.0)
    with pytest.raises(ValueError, match="needs start and clean"):
        grade(exercise, {}, RUNNER)


# --- Architecture ------------------------------------------------------------------------------------


def function(body, parameters="x"):
    return f"def f({parameters}):\n    return {body}"


@pytest.mark.parametrize(
    ("body", "weight"),
    [
        ("x", 1),
        ("x + 1", 3),
        ("abs(x)", 2),
        ("b.g(x)", 2),
        ("g(x)", 2),
        ("b.limit", 1),
        ("[x].count(x + 1)", 6),
        ("min(x, 1, key=abs)", 4),
        ("1 if x < 2 else x", 6),
        ("[i for i in x if i]", 5),
        ("x[1:]", 4),
        ("-x * 2", 4),
    ],
)
def test_weight_counts_expressions_but_for_the_names_of_called_functions(body, weight):
    files = {
        "a.py": "import b\nfrom b import g\n" + function(body),
        "b.py": "limit = 3\ndef g(x):\n    return x",
    }
    assert measure(files).longest == max(weight, 2)


def test_the_longest_function_is_measured_without_docstring_and_annotations():
    text = 'def f(x: list[int]) -> int:\n    """Text."""\n    y: list[int] = x + x\n    return y\n'
    assert measure({"a.py": text + "def g(x):\n    return 1"}).longest == 3


LOGIC = "max((2 if n > 6 else 4) + 9, (2 if n > 6 else 4) * 7)"


@pytest.mark.parametrize("place", HIDING_PLACES.values(), ids=list(HIDING_PLACES))
def test_logic_weighs_and_repeats_the_same_wherever_it_is_hidden(place):
    shown = measure({"a.py": HIDING_PLACES["plain"].format(name="f", e=LOGIC)})
    hidden = measure({"a.py": place.format(name="f", e=LOGIC)})
    assert shown == Architecture(0, 1, 17, 0)
    assert hidden.longest >= shown.longest
    assert hidden.duplicates >= shown.duplicates


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("def f(x, y=[1, 2, 3]):\n    return x", 5),
        ("def f(x, *, y=abs):\n    return x", 2),
        ("@abs\ndef f(x):\n    return x", 2),
        ("def f(x):\n    g = lambda y=3: x\n    return g()", 4),
        ("def f(x):\n    if x > 1:\n        return 2\n    return 3", 6),
        ("def f(x):\n    if not x > 1:\n        return 2\n    return 3", 6),
        ("def f(x):\n    y = x * 2\n    return y + 1", 5),
        ("def f(x):\n    y = x * 2\n    return y + y", 5),
        ("def f(x):\n    y = z = x\n    return y + z", 3),
        ("def f(x):\n    x += 1\n    return x", 3),
        ("def f(x):\n    return 'abcdefgh'", 8),
        ("def f(x):\n    return 0x10000000000000000", 9),
        ("def f(x):\n    return 255", 1),
        ("def f(x):\n    if x > 1:\n        raise ValueError('x is too large')\n    return 1", 8),
        ("a = 1\nb = [2, 3]\nc = a", 8),
    ],
)
def test_all_that_can_hold_logic_weighs(text, weight):
    assert measure({"a.py": text}).longest == weight


@pytest.mark.parametrize(
    "again",
    [
        "abs(3 - x * 2) + 1",
        "1 + abs(x * 2 - 3)",
        "max(2 * x - 3, -(x + x) + 3) + 1",
        "-min(x * 2 - 3, 3 - x * 2) - -1",
        "abs(x * 2 - 3 + 0) * 1 + 1",
        "abs((x + 5 - 5) * 2 - 3) + 1",
        "(x * 2 - 3 if x * 2 > 3 else 3 - 2 * x) + 1",
        "(y := abs(x * 2 - 3)) + 1",
    ],
)
def test_a_duplicate_in_other_words_is_a_duplicate(again):
    files = {"a.py": f"{function('abs(x * 2 - 3) + 1')}\ndef g(x):\n    return {again}"}
    assert measure(files).duplicates >= 1


@pytest.mark.parametrize(
    "body",
    [
        "y = x * 2\nz = abs(y - 3)\nreturn z + 1",
        "if x * 2 > 3:\n    y = x * 2 - 3\nelse:\n    y = 3 - 2 * x\nreturn y + 1",
        "def inner(y):\n    return abs(y - 3)\nreturn inner(x * 2) + 1",
        "y, z = x * 2, 3\nreturn abs(y - z) + 1",
        "y = x\ny *= 2\ny -= 3\nreturn abs(y) + 1",
    ],
)
def test_a_duplicate_in_statements_is_a_duplicate(body):
    lines = body.replace("\n", "\n    ")
    files = {"a.py": f"{function('abs(x * 2 - 3) + 1')}\ndef g(x):\n    {lines}"}
    assert measure(files).duplicates >= 1


def test_an_expression_that_comes_again_with_other_names_of_variables_is_a_duplicate():
    first = function("x * x + 2 * x")
    again = "def g(amount):\n    return amount * amount + 2 * amount"
    assert measure({"a.py": f"{first}\n{again}"}).duplicates == 1
    assert measure({"a.py": first, "b.py": again}).duplicates == 1


def test_small_or_different_expressions_are_no_duplicates():
    assert (
        measure({"a.py": "def f(x):\n    return x * x + 2\ndef g(x):\n    return x * x + 2"}).duplicates == 0
    )
    assert measure({"a.py": function("(x + x + x + 1) * (x + x + x + 2)")}).duplicates == 0
    assert measure({"a.py": function("[x + x + 1 + 1, x + x + 1 + True]")}).duplicates == 0


def test_each_repetition_counts_and_so_do_expressions_inside_it():
    three = "\n".join(f"def f{i}(x):\n    return abs(x * x * x * 2)" for i in range(3))
    assert measure({"a.py": three}).duplicates == 4


def test_a_reference_counts_as_what_it_names_however_it_is_written():
    other = "def g(x):\n    return x\ndef h(x):\n    return x"
    users = [
        "import b\ndef f(x):\n    return b.g(x) * b.g(x) * 2",
        "from b import g as k\ndef f(x):\n    return k(x) * k(x) * 2",
        "import b as c\ndef f(x):\n    return c.h(x) * c.h(x) * 2",
    ]
    assert measure({"a.py": users[0], "c.py": users[1], "b.py": other}).duplicates == 1
    assert measure({"a.py": users[0], "c.py": users[2], "b.py": other}).duplicates == 0


def test_logic_cannot_be_hidden_at_top_level():
    hidden = "[g] = [lambda x: x * x + 2 * x]\n[h] = [lambda y: y * y + 2 * y]\n"
    shown = measure({"a.py": hidden + function("g(x) + h(x)")})
    assert shown.duplicates >= 1
    assert shown.longest > 7


def test_a_lambda_that_has_a_name_counts_as_the_function_that_it_is():
    named = {"a.py": "g = lambda x: x * x + 2 * x\ndef f(x):\n    return g(x) + x", "b.py": "h = lambda y: y"}
    defined = {
        "a.py": "def g(x):\n    return x * x + 2 * x\ndef f(x):\n    return g(x) + x",
        "b.py": "def h(y):\n    return y",
    }
    assert measure(named) == measure(defined)


def test_edges_are_pairs_of_a_function_and_a_name_of_another_module():
    files = {
        "a.py": "import b\nfrom b import g\ndef f(x):\n    return g(x) + b.g(x) + b.limit + own(x)\n"
        "def own(x):\n    return g(x)",
        "b.py": "limit = 7\ndef g(x):\n    return limit",
    }
    assert measure(files).edges == 3


def test_a_name_that_is_passed_on_is_used_from_where_it_is_defined():
    files = {
        "a.py": "import b\ndef f(x):\n    return b.g(x)",
        "b.py": "from c import g",
        "c.py": "def g(x):\n    return x",
    }
    assert measure(files).edges == 1


def test_modules_on_import_cycles_are_counted():
    ring = {"a.py": "import b", "b.py": "import c", "c.py": "import a", "d.py": "import a", "e.py": "x = 1"}
    assert measure(ring).cycles == 3
    assert measure({"a.py": "import b", "b.py": "import c", "c.py": "x = 1"}).cycles == 0
    assert measure({"a.py": "def f():\n    import b", "b.py": "import a"}).cycles == 2


def test_improvement_is_the_mean_share_of_what_can_be_gained():
    start, clean = Architecture(2, 4, 20, 3), Architecture(0, 0, 10, 3)
    assert improvement(start, clean, clean) == 1.0
    assert improvement(start, start, clean) == 0.0
    assert improvement(start, Architecture(0, 4, 20, 3), clean) == pytest.approx(1 / 3)
    assert improvement(start, Architecture(0, 0, 5, 3), clean) == 1.0
    assert improvement(start, Architecture(0, 0, 15, 3), clean) == pytest.approx(2.5 / 3)


def test_what_gets_worse_takes_from_the_improvement():
    start, clean = Architecture(2, 4, 20, 3), Architecture(0, 0, 10, 3)
    assert improvement(start, Architecture(0, 0, 10, 6), clean) == pytest.approx((3 - 1) / 4)
    assert improvement(start, Architecture(0, 0, 10, 2), clean) == 1.0
    assert improvement(start, Architecture(0, 4, 99, 3), clean) == 0.0
    assert improvement(clean, clean, clean) == improvement(clean, start, clean) == 0.0
