"""Programs as Python source: what derivations print, what sources parse to, and what is refused."""

from __future__ import annotations

import random
import re

import pytest

from etude_gym.envs.code.language.grammar import (
    BOOL,
    DIVISOR,
    DIVISORS,
    INT,
    LIST,
    NUMBER_OF,
    PRODUCTIONS,
    STATEMENTS,
    STR,
    TARGET,
)
from etude_gym.envs.code.language.parsing import NotInGrammar, parse_program
from etude_gym.envs.code.language.printing import render_expression, render_program

# Short names for derivations in tests.
SHORT = {"numbers": "VARIABLE_0", "k": "VARIABLE_1", "first": "VARIABLE_2", "second": "VARIABLE_3"}
SHORT |= {"third": "VARIABLE_4", "item": "ITEM", "n": "PARAMETER"}


def derive(words):
    """Tokens from names of productions; digits stand for literals."""
    names = (f"LITERAL_{word}" if word.isdigit() else SHORT.get(word, word) for word in words.split())
    return [NUMBER_OF[name] for name in names]


def solve(body, returned="int"):
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"def solve(numbers: list[int], k: int) -> {returned}:\n{lines}"


EXAMPLES = {
    "a return": ("RETURN k", INT, solve("return k")),
    "a sum in a product": ("RETURN SCALE ADD k 1 3", INT, solve("return (k + 1) * 3")),
    "a product in a sum": ("RETURN ADD k SCALE k 3", INT, solve("return k + k * 3")),
    "differences from the right": ("RETURN SUBTRACT k SUBTRACT k 1", INT, solve("return k - (k - 1)")),
    "differences from the left": ("RETURN SUBTRACT SUBTRACT k k 1", INT, solve("return k - k - 1")),
    "a remainder of a quotient": (
        "RETURN REMAINDER FLOOR_DIVIDE k 2 10",
        INT,
        solve("return k // 2 % 10"),
    ),
    "a product of variables": ("RETURN MULTIPLY k ADD k 100", INT, solve("return k * (k + 100)")),
    "numbers from lists": (
        "RETURN LARGER SUM numbers SMALLER LARGEST numbers SMALLEST numbers",
        INT,
        solve("return max(sum(numbers), min(max(numbers, default=0), min(numbers, default=0)))"),
    ),
    "counting": (
        "RETURN ABSOLUTE SUBTRACT OCCURRENCES numbers k LENGTH DISTINCT numbers",
        INT,
        solve("return abs(numbers.count(k) - len(sorted(set(numbers))))"),
    ),
    "nested conditionals": (
        "RETURN CHOOSE AND GREATER_THAN k 0 DIVIDES k 2 CHOOSE LESS_THAN k 2 1 2 CHOOSE NOT TRUE 3 4",
        INT,
        solve("return (1 if k < 2 else 2) if k > 0 and k % 2 == 0 else 3 if not True else 4"),
    ),
    "conditions": (
        "RETURN OR AND NOT EMPTY numbers CONTAINS numbers k DIFFERENT EQUAL k 1 FALSE",
        BOOL,
        solve("return not len(numbers) == 0 and k in numbers or (k == 1) != False", "bool"),
    ),
    "an or in an and": (
        "RETURN AND TRUE OR FALSE TRUE",
        BOOL,
        solve("return True and (False or True)", "bool"),
    ),
    "texts": (
        "LET_STR BACKWARD JOIN DIGITS k JOIN TEXT_1 TEXT_2 RETURN CHOOSE_TEXT TRUE first TEXT_0",
        STR,
        solve("first = (str(k) + ('-' + '*'))[::-1]\nreturn first if True else ''", "str"),
    ),
    "lists": (
        "LET_LIST REVERSED SORTED numbers RETURN DROP TAKE EVERY_OTHER first k ADD k 1",
        LIST,
        solve("first = sorted(numbers)[::-1]\nreturn first[::2][:k][k + 1:]", "list[int]"),
    ),
    "comprehensions": (
        "LET_MAP numbers ADD item k LET_FILTER first DIVIDES item 2 RETURN second",
        LIST,
        solve(
            "first = [item + k for item in numbers]\n"
            "second = [item for item in first if item % 2 == 0]\n"
            "return second",
            "list[int]",
        ),
    ),
    "a guard": (
        "GUARD LESS_THAN k 0 numbers RETURN SORTED numbers",
        LIST,
        solve("if k < 0:\n    return numbers\nreturn sorted(numbers)", "list[int]"),
    ),
    "a variable that changes": (
        "LET_INT 7 ASSIGN_IF first TRUE ADD first 1 RETURN first",
        INT,
        solve("first = 7\nif True:\n    first = first + 1\nreturn first"),
    ),
    "loops": (
        "FOR_ADD numbers ABSOLUTE item FOR_ADD_IF numbers GREATER_THAN item k item RETURN ADD first second",
        INT,
        solve(
            "first = 0\nfor item in numbers:\n    first = first + abs(item)\n"
            "second = 0\nfor item in numbers:\n    if item > k:\n        second = second + item\n"
            "return first + second"
        ),
    ),
    "a fold": (
        "FOR_FOLD REVERSED numbers k REMAINDER ADD SCALE first 3 item 10 RETURN first",
        INT,
        solve("first = k\nfor item in numbers[::-1]:\n    first = (first * 3 + item) % 10\nreturn first"),
    ),
    "a text that grows": (
        "FOR_TEXT numbers JOIN DIGITS item TEXT_1 LET_INT TEXT_LENGTH first RETURN DIGITS second",
        STR,
        solve(
            "first = ''\nfor item in numbers:\n    first = first + (str(item) + '-')\n"
            "second = len(first)\nreturn str(second)",
            "str",
        ),
    ),
    "helpers": (
        "DEFINE_INT ADD SCALE n 2 1 DEFINE_BOOL GREATER_THAN CALL_0 n 5 "
        "DEFINE_INT CHOOSE TEST_1 n CALL_0 n 0 RETURN CHOOSE TEST_1 CALL_2 k CALL_0 k 1",
        INT,
        "def helper_1(n: int) -> int:\n    return n * 2 + 1\n\n\n"
        "def helper_2(n: int) -> bool:\n    return helper_1(n) > 5\n\n\n"
        "def helper_3(n: int) -> int:\n    return helper_1(n) if helper_2(n) else 0\n\n\n"
        + solve("return helper_1(k) if helper_2(helper_3(k)) else 1"),
    ),
}


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_program_prints_as_expected(example):
    words, category, source = EXAMPLES[example]
    assert render_program(derive(words), category) == source


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_printed_program_parses_to_its_tokens(example):
    words, category, source = EXAMPLES[example]
    assert parse_program(source, category) == derive(words)


def test_examples_hold_every_production_that_programs_have():
    used = {token for words, _, _ in EXAMPLES.values() for token in derive(words)}
    unused = {PRODUCTIONS[token].name for token in set(range(len(PRODUCTIONS))) - used}
    numbered = re.compile("(LITERAL|VARIABLE|CALL|TEST)_[0-9]+")
    assert {name for name in unused if not numbered.fullmatch(name)} == set()


NO_DERIVATIONS = {
    "nothing": ("", INT),
    "no return": ("LET_INT 1", INT),
    "a hole that is not filled": ("RETURN ADD k", INT),
    "more after the return": ("RETURN k k", INT),
    "the wrong category": ("RETURN numbers", INT),
    "an expression for a statement": ("ADD k k", INT),
    "a divisor that is none": ("RETURN SCALE k 1", INT),
    "a variable that is not declared yet": ("LET_INT first RETURN first", INT),
    "a loop variable outside of its loop": ("FOR_ADD numbers item RETURN item", INT),
    "a sum that reads itself": ("FOR_ADD numbers first RETURN first", INT),
    "a parameter of a helper in solve": ("RETURN n", INT),
    "a parameter of solve in a helper": ("DEFINE_INT k RETURN k", INT),
    "a helper that calls itself": ("DEFINE_INT CALL_0 n RETURN k", INT),
    "a helper that is missing": ("RETURN CALL_0 k", INT),
    "a helper of the other kind": ("DEFINE_BOOL TRUE RETURN CALL_0 k", INT),
    "a helper after a statement": ("LET_INT 1 DEFINE_INT n RETURN first", INT),
    "four helpers": ("DEFINE_INT n " * 4 + "RETURN k", INT),
    "nine variables": ("LET_INT 1 " * 9 + "RETURN k", INT),
    "a target that is a parameter": ("ASSIGN_IF k TRUE 1 RETURN k", INT),
    "a target that is a list": ("LET_LIST numbers ASSIGN_IF first TRUE 1 RETURN k", INT),
    "a program that returns a statement": ("RETURN k", STATEMENTS),
}


@pytest.mark.parametrize("example", NO_DERIVATIONS)
def test_tokens_that_are_no_derivation_are_refused(example):
    words, category = NO_DERIVATIONS[example]
    with pytest.raises(ValueError, match=r"[Tt]oken|A program"):
        render_program(derive(words), category)


@pytest.mark.parametrize("token", [-1, len(PRODUCTIONS), 10**9])
def test_numbers_of_no_production_are_refused(token):
    with pytest.raises(ValueError, match=str(token)):
        render_program([NUMBER_OF["RETURN"], token], INT)


# --- Random programs ---------------------------------------------------------------------------------


class Writer:
    """Draws derivations from the table of productions, sizes left out."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.variables = {}

    def expression(self, category, scope, depth):
        if category == DIVISOR:
            return [NUMBER_OF[f"LITERAL_{self.random.choice(DIVISORS)}"]]
        if category == TARGET:
            declared = [
                name for name, known in self.variables.items() if known == INT and name > "VARIABLE_1"
            ]
            return [NUMBER_OF[self.random.choice(declared)]]
        names = [name for name, known in scope.items() if known == category] * 3
        for production in PRODUCTIONS:
            named = production.name in ("ITEM", "PARAMETER") or "{h}" in production.template
            reachable = LIST in scope.values() or all(hole.category != LIST for hole in production.holes)
            if production.category == category and not named and reachable:
                names.append(production.name)
        if depth == 0:
            names = [name for name in names if not PRODUCTIONS[NUMBER_OF[name]].holes] or names
        token = NUMBER_OF[self.random.choice(names)]
        tokens = [token]
        for hole in PRODUCTIONS[token].holes:
            tokens += self.expression(hole.category, scope, max(depth - 1, 0))
        return tokens

    def statement(self, name, helpers, return_category):
        production = PRODUCTIONS[NUMBER_OF[name]]
        declared = f"VARIABLE_{len(self.variables)}"
        tokens = [NUMBER_OF[name]]
        for hole in production.holes:
            scope = self.variables | helpers
            if hole.item:
                scope["ITEM"] = INT
            if hole.accumulator:
                scope[declared] = production.declares
            category = return_category if hole.category == -1 else hole.category
            tokens += self.expression(category, scope, 3)
        if production.declares != -1:
            self.variables[declared] = production.declares
        return tokens

    def program(self):
        return_category = self.random.choice([INT, BOOL, STR, LIST])
        tokens, helpers = [], {}
        for i in range(self.random.randrange(4)):
            kind, call, category = self.random.choice([("INT", "CALL", INT), ("BOOL", "TEST", BOOL)])
            body = self.expression(category, helpers | {"PARAMETER": INT}, 3)
            tokens += [NUMBER_OF[f"DEFINE_{kind}"], *body]
            helpers[f"{call}_{i}"] = category
        self.variables = {"VARIABLE_0": LIST, "VARIABLE_1": INT}
        names = [p.name for p in PRODUCTIONS if p.category == STATEMENTS and p.name != "RETURN"]
        names = [name for name in names if not name.startswith("DEFINE")]
        for _ in range(self.random.randrange(8)):
            name = self.random.choice(names)
            if name != "ASSIGN_IF" or list(self.variables.values())[2:].count(INT):
                tokens += self.statement(name, helpers, return_category)
        return tokens + self.statement("RETURN", helpers, return_category), return_category


@pytest.fixture(scope="module")
def programs():
    return [Writer(seed).program() for seed in range(500)]


def test_every_program_is_python(programs):
    for tokens, category in programs:
        compile(render_program(tokens, category), "program", "exec")


def test_every_program_parses_to_one_that_prints_the_same(programs):
    same = 0
    for tokens, category in programs:
        source = render_program(tokens, category)
        parsed = parse_program(source, category)
        same += parsed == tokens
        assert render_program(parsed, category) == source
    assert same > 400  # others say the same in two ways: k * 3 is a product and a multiple


def test_names_that_a_person_chooses_do_not_matter(programs):
    chosen = {"numbers": "prices", "k": "größe", "item": "x", "n": "value", "first": "solved", "second": "id"}
    chosen |= {"third": "item", "fourth": "k", "helper_1": "numbers_", "helper_2": "n", "helper_3": "first"}
    for tokens, category in programs:
        source = render_program(tokens, category)
        renamed = re.sub(r"\b\w+\b", lambda word: chosen.get(word[0], word[0]), source)
        assert parse_program(renamed, category) == parse_program(source, category)


# --- Outside the grammar -----------------------------------------------------------------------------

HELPER = "def double(n):\n    return n * 2\n\n"
OUTSIDE = {
    "no Python": (2, solve("return (k")),
    "nothing": (None, "\n# nothing\n"),
    "no function": (1, "k = 3"),
    "a class": (1, "class Solution:\n    pass"),
    "an import": (1, "import math\n\n" + solve("return k")),
    "another name than solve": (1, "def answer(numbers, k):\n    return k"),
    "another parameter": (1, "def solve(numbers, k, m):\n    return k"),
    "a parameter by default": (1, "def solve(numbers, k=1):\n    return k"),
    "a parameter twice": (1, "def solve(k, k):\n    return k"),
    "a parameter that hides a function": (1, "def solve(len, k):\n    return k"),
    "another annotation": (1, "def solve(numbers: list, k: int) -> int:\n    return k"),
    "a decorator": (2, "@abs\n" + solve("return k")),
    "a docstring": (2, solve('"""Solve it."""\nreturn k')),
    "a constant that is no literal": (2, solve("return k + 11")),
    "a negative constant": (2, solve("return k + -1")),
    "a constant of another type": (2, solve("return k + 1.0")),
    "a truth value as a number": (2, solve("return k + True")),
    "a text that is no literal": (2, solve("first = '+'\nreturn k")),
    "a divisor that is no literal": (2, solve("return 7 // k")),
    "division": (2, solve("return k / 2")),
    "a slice with three parts": (2, solve("first = numbers[1:k:2]\nreturn k")),
    "an element": (2, solve("return numbers[0]")),
    "a chain of comparisons": (2, solve("return 1 if 0 < k < 5 else 2")),
    "another comparison": (2, solve("return 1 if k >= 5 else 2")),
    "a maximum that fails on an empty list": (2, solve("return max(numbers)")),
    "a number as a condition": (2, solve("return 1 if k else 2")),
    "an unknown name": (2, solve("return m")),
    "a helper as a number": (5, HELPER + solve("return double")),
    "a number that is called": (2, solve("return k(1)")),
    "a helper with two arguments": (5, HELPER + solve("return double(k, 1)")),
    "a helper after solve": (1, solve("return double(k)") + "\n" + HELPER),
    "a helper that calls itself": (2, "def loop(n):\n    return loop(n)\n\n" + solve("return k")),
    "a helper with a variable": (1, "def double(n):\n    m = n\n    return m\n\n" + solve("return k")),
    "a helper named as another one": (4, HELPER + HELPER + solve("return k")),
    "four helpers": (
        10,
        "".join(HELPER.replace("double", f"double_{i}") for i in range(4)) + solve("return k"),
    ),
    "a function within": (2, solve("def double(n):\n    return n * 2\nreturn k")),
    "a variable named as a helper": (5, HELPER + solve("double = k\nreturn double")),
    "a variable set twice": (3, solve("first = 1\nfirst = 2\nreturn first")),
    "a parameter set": (2, solve("k = 1\nreturn k")),
    "augmented assignment": (3, solve("first = 0\nfirst += 1\nreturn first")),
    "nine variables": (10, solve("".join(f"v{i} = k\n" for i in range(9)) + "return k")),
    "an otherwise": (2, solve("if k > 1:\n    return 1\nelse:\n    return 2")),
    "a loop over a range": (
        3,
        solve("first = 0\nfor item in range(k):\n    first = first + item\nreturn first"),
    ),
    "a loop variable that was there before": (
        3,
        solve("first = 0\nfor k in numbers:\n    first = first + k\nreturn first"),
    ),
    "a loop variable after its loop": (
        5,
        solve("first = 0\nfor item in numbers:\n    first = first + item\nreturn item"),
    ),
    "two filters": (2, solve("first = [x for x in numbers if x > 1 if x < 5]\nreturn k")),
    "nothing returned": (2, solve("first = k")),
    "more after the return": (3, solve("return k\nreturn k")),
    "the wrong type returned": (2, solve("return numbers")),
    "a lambda": (2, solve("return (lambda: k)()")),
}


@pytest.mark.parametrize("example", OUTSIDE)
def test_what_the_grammar_cannot_say_is_refused_with_its_line(example):
    line, source = OUTSIDE[example]
    with pytest.raises(NotInGrammar) as refused:
        parse_program(source, INT)
    assert str(refused.value).startswith("The source is empty" if line is None else f"Line {line}:")


HARD = {
    "parentheses": solve("return " + "(" * 5000 + "k" + ")" * 5000),
    "negations": solve("return " + "not " * 4000 + "True"),
    "slices": solve("return numbers" + "[::-1]" * 3000),
    "a long sum": solve("return k" + " + k" * 4000),
    "a long conjunction": solve("return True" + " and True" * 2000),
    "lambdas": solve("return " + "lambda: " * 2000 + "k"),
    "a large number": solve("return 0x" + "f" * 15000),
    "many digits": solve("return " + "9" * 15000),
    "too much": "#" * 100_000,
    "a null": solve("return \0"),
    "half a surrogate": solve("return '\ud800'"),
    "a lone carriage return": "def solve(a, b):\r return c",
    "a form feed": "\f\f def",
}


@pytest.mark.parametrize("example", HARD)
@pytest.mark.parametrize("category", [INT, BOOL, STR, LIST])
def test_odd_sources_are_refused_and_do_nothing_else(example, category):
    with pytest.raises(NotInGrammar):
        parse_program(HARD[example], category)


def test_a_wrong_end_of_deeply_nested_choices_is_found_without_trying_them_all():
    """Each level can be read in two ways; 2 ** 30 would take hours."""
    condition = "(" * 30 + "missing" + " * 3)" * 30 + " % 2 == 0"
    with pytest.raises(NotInGrammar, match="missing"):
        parse_program(solve(f"return {condition}", "bool"), BOOL)


def test_conjunctions_of_more_than_two_are_read_from_the_left():
    tokens = parse_program(solve("return True and False and True", "bool"), BOOL)
    assert tokens == derive("RETURN AND AND TRUE FALSE TRUE")


# --- Parts of programs -------------------------------------------------------------------------------


def test_an_expression_calls_functions_by_the_names_that_it_is_given():
    tokens = derive("ADD CALL_1 n CHOOSE LESS_THAN n 5 CALL_0 n 100")
    names = ("total", "prices.discount")
    expression = "prices.discount(n) + (total(n) if n < 5 else 100)"
    assert render_expression(tokens, names) == expression


@pytest.mark.parametrize("words", ["CALL_1 n", "k", "item", "n n", "TRUE", ""])
def test_an_expression_that_is_no_number_from_n_is_refused(words):
    with pytest.raises(ValueError, match=r"[Tt]oken"):
        render_expression(derive(words), ["total"])
