"""Programs of the grammar mean the same in this process, in the sandbox and in CPython, and are bounded."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from code_bounds import bounds_of
from code_worlds import (
    DEBUG,
    DOMAIN,
    SYNTHESIZE,
    Table,
    in_python,
    inputs_of,
    make_empty_worlds,
    make_worlds,
    of_category,
    play_randomly,
    reference_of,
    source_of,
    tokens_of,
)
from inner_kernels import callable_kernel

from etude_gym.envs.code import limits
from etude_gym.envs.code.language.derivation import DERIVATION
from etude_gym.envs.code.language.grammar import INT, LIST, NUMBER_OF, STR
from etude_gym.envs.code.language.interpreter import MAX_TEXT, SEQUENCES
from etude_gym.envs.code.language.parsing import parse_program
from etude_gym.envs.code.language.printing import render_program
from etude_gym.envs.code.language.running import run_program
from etude_gym.envs.code.language.tokens import MAX_TOKENS
from etude_gym.envs.code.programs.drafts import derive
from etude_gym.envs.code.submissions.runner import MontyRunner

LARGEST = 127
INPUTS = [
    ([], 0),
    ([], -LARGEST),
    ([LARGEST] * 16, LARGEST),
    ([-LARGEST] * 16, -LARGEST),
    ([LARGEST, -LARGEST] * 8, -LARGEST),
    (list(range(-8, 8)), 3),
    ([0], 0),
    ([5, 5, 5, -2, 9], 5),
    ([-LARGEST, LARGEST, 1, 100, -63], 64),
]
MOST_OPERATIONS = 10_000_000
"""What any program needs at most: in this process, some hundredths of a second."""

GROWING = {
    "products": ("MULTIPLY", "SCALE", "ADD", "SUM", "LET_INT", "LET_MAP"),
    "loops": ("FOR_ADD", "FOR_FOLD", "FOR_ADD_IF", "LET_MAP", "ADD", "MULTIPLY", "ASSIGN_IF"),
    "helpers": ("DEFINE_INT", "CALL_0", "CALL_1", "CALL_2", "ADD", "SCALE", "MULTIPLY", "FOR_ADD"),
    "texts": ("FOR_TEXT", "LET_STR", "JOIN", "DIGITS", "CHOOSE_TEXT", "BACKWARD"),
    "lists": ("LET_MAP", "LET_LIST", "CONTAINS", "OCCURRENCES", "SORTED", "CHOOSE", "SUM", "TAKE"),
}
"""Productions that play prefers that wants numbers to overflow, loops to take long or stacks to run over."""


def preferring(names):
    """Weights of actions: the productions named much more likely, variables too, the end less."""
    weights = np.ones(DOMAIN.action_space.n)
    weights[[NUMBER_OF[name] for name in names]] = 40.0
    weights[NUMBER_OF["VARIABLE_0"] : NUMBER_OF["VARIABLE_0"] + 10] = 8.0
    weights[[NUMBER_OF["ITEM"], NUMBER_OF["PARAMETER"]]] = 8.0
    weights[NUMBER_OF["RETURN"]] = 0.05
    weights[NUMBER_OF["LITERAL_10"]] = weights[NUMBER_OF["LITERAL_100"]] = 4.0
    return weights


def climb(table, random):
    """Legal actions that make numbers as large as they can get: products where the largest factors fit."""
    derivation, weights = table.worlds["derivation"], np.ones(table.masks.shape)
    rows = np.arange(len(weights))
    hole = derivation["size"][rows, np.maximum(derivation["num_open"], 1) - 1].astype(np.float64)
    in_scope = np.arange(10) < derivation["num_variables"][:, None]
    sizes = np.where(in_scope & (derivation["variable_category"] == INT), derivation["variable_size"], 0)
    sizes[:, 1] = 7
    best = np.maximum(sizes.max(axis=1), derivation["list_size"]).astype(np.float64)
    weights[:, NUMBER_OF["VARIABLE_0"] : NUMBER_OF["VARIABLE_0"] + 10] = 2.0**sizes
    weights[:, NUMBER_OF["ITEM"]] = 2.0 ** derivation["list_size"]
    weights[:, NUMBER_OF["MULTIPLY"]] = 4.0 ** np.minimum(hole // 2, best)
    weights[:, NUMBER_OF["ADD"]] = weights[:, NUMBER_OF["SUM"]] = 2.0**best
    weights[:, [NUMBER_OF[name] for name in ("LET_INT", "LET_MAP", "FOR_ADD", "ASSIGN_IF")]] = 100.0
    weights[:, NUMBER_OF["RETURN"]] = 0.1
    return table.choose(random, weights)


def random_programs(count, *, seed=0, weights=None):
    """Worlds with programs that random legal actions wrote, as long as programs can be."""
    worlds = play_randomly(make_empty_worlds(count, seed=seed, value=1.0), seed=seed, weights=weights)
    assert (worlds["illegal_actions"] == 0).all()
    return worlds


def greedy_programs(count):
    """Worlds with programs of play that wants growth, each way in turn."""
    share, random = count // (1 + len(GROWING)), np.random.default_rng(0)
    climbed = Table(make_empty_worlds(count - share * len(GROWING), seed=9, value=1.0))
    climbed.play(lambda table: climb(table, random))
    others = [
        random_programs(share, seed=seed, weights=preferring(names))
        for seed, names in enumerate(GROWING.values())
    ]
    return np.concatenate([climbed.worlds, *others])


# --- One meaning ---------------------------------------------------------------------------------------


def check_agreement(programs, inputs=INPUTS, *, sandbox=True):
    """Programs, as (tokens, category), return the same wherever they run."""
    runner = MontyRunner(seconds=10.0, retry_seconds=0.0)
    for tokens, category in programs:
        source = render_program(tokens, category)
        padded = np.zeros(MAX_TOKENS, dtype=np.int16)
        padded[: len(tokens)] = tokens
        here = [run_program(padded, len(tokens), category, *given) for given in inputs]
        solve = in_python(source)
        there = [solve(list(numbers), k) for numbers, k in inputs]
        assert here == there, source
        assert [type(value) for value in here] == [type(value) for value in there], source
        if sandbox:
            outcomes = runner.run(source, [("solve", given) for given in inputs])
            assert [outcome.value() for outcome in outcomes] == here, source


def as_written(worlds):
    return [(tokens_of(world), int(world["return_category"])) for world in worlds]


def as_meant(worlds):
    return [(reference_of(world), int(world["return_category"])) for world in worlds]


@pytest.fixture(scope="module")
def programs():
    """What random legal actions wrote."""
    return random_programs(1000, seed=1)


def test_random_programs_mean_the_same_here_in_the_sandbox_and_in_python(programs):
    check_agreement(as_written(programs))


def test_references_mean_the_same_here_in_the_sandbox_and_in_python():
    check_agreement(as_meant(make_worlds(1000, SYNTHESIZE, seed=1)))


def test_programs_that_want_growth_mean_the_same_in_python_with_its_unlimited_numbers():
    check_agreement(as_written(greedy_programs(400)), sandbox=False)


def test_the_tests_of_an_episode_pass_just_where_python_agrees(programs):
    for world in programs[:100]:
        solve, meant = in_python(source_of(world)), in_python(render_program(*as_meant([world])[0]))
        inputs = inputs_of(world, 0, limits.NUM_TESTS)
        passed = [solve(list(numbers), k) == meant(list(numbers), k) for numbers, k in inputs]
        assert world["passed"].tolist() == passed


# --- Bounded by construction ---------------------------------------------------------------------------


def check_bounds(tokens, category):
    """A program cannot leave what numbers, texts and stacks of the interpreter can hold."""
    bounds = bounds_of(tokens, category)
    source = render_program(tokens, category)
    assert bounds.number < 2**63, source
    assert bounds.text <= MAX_TEXT, source
    assert bounds.sequences_on_stack <= SEQUENCES, source
    assert bounds.numbers_on_stack <= MAX_TOKENS, source
    assert bounds.operations <= MOST_OPERATIONS, source
    return bounds


def test_no_random_program_can_leave_the_bounds(programs):
    for tokens, category in as_written(programs):
        check_bounds(tokens, category)


def test_no_program_that_wants_growth_can_leave_the_bounds():
    found = [check_bounds(*program) for program in as_written(greedy_programs(2000))]
    # It does get far, or the test would say nothing.
    assert max(bounds.number for bounds in found) > 2**50
    assert max(bounds.text for bounds in found) > 150
    assert max(bounds.operations for bounds in found) > 10_000


def test_no_reference_can_leave_the_bounds():
    for world in make_worlds(1000, SYNTHESIZE):
        check_bounds(reference_of(world), int(world["return_category"]))


@pytest.mark.slow
def test_no_program_reaches_beyond_its_memory(tmp_path):
    """These tests again, compiled such that an index out of bounds raises."""
    checked = os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", __file__], env=checked, check=True)


def bounds_of_words(words, category):
    return bounds_of([NUMBER_OF[word] for word in words.split()], category)


def test_the_bounds_of_programs_that_are_known_are_right():
    squares = bounds_of_words("FOR_ADD VARIABLE_0 MULTIPLY ITEM ITEM RETURN VARIABLE_2", INT)
    assert squares.number == 16 * 127 * 127
    assert (squares.numbers_on_stack, squares.sequences_on_stack) == (2, 1)
    digits = bounds_of_words("FOR_TEXT VARIABLE_0 DIGITS ITEM RETURN VARIABLE_2", STR)
    assert digits.text == 16 * len("-127")
    doubled = "FOR_FOLD VARIABLE_0 LITERAL_1 ADD VARIABLE_2 VARIABLE_2 RETURN VARIABLE_2"
    assert bounds_of_words(doubled, INT).number == 2**16


def test_a_list_of_sixteen_stays_one_of_at_most_sixteen():
    worlds = random_programs(400, seed=4, weights=preferring(GROWING["lists"]))
    for world in of_category(worlds, LIST, 80):
        solve = in_python(source_of(world))
        assert all(len(solve(list(numbers), k)) <= 16 for numbers, k in INPUTS)


# --- Repairs -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def repaired():
    """Worlds of debugging after random repairs, half of them ones that want growth."""
    plain = play_randomly(make_worlds(300, DEBUG), seed=5)
    names = {name for names in GROWING.values() for name in names}
    greedy = play_randomly(make_worlds(300, DEBUG, seed=1), seed=6, weights=preferring(names))
    return np.concatenate([plain, greedy])


def is_derivable(tokens, category):
    """Whether the grammar allows a program from its beginning to its end."""
    padded = np.zeros(MAX_TOKENS, dtype=np.int16)
    padded[: len(tokens)] = tokens
    derivation = np.zeros(1, dtype=DERIVATION).view(np.recarray)
    return callable_kernel(derive)(padded, len(tokens), category, derivation[0]) == len(tokens)


def test_programs_to_repair_are_programs_of_the_grammar():
    for world in make_worlds(300, DEBUG):
        assert is_derivable(tokens_of(world), int(world["return_category"]))


def test_a_repaired_program_is_one_of_the_grammar_and_within_the_bounds(repaired):
    changed = 0
    for world in repaired:
        tokens, category = tokens_of(world), int(world["return_category"])
        assert is_derivable(tokens, category), source_of(world)
        check_bounds(tokens, category)
        changed += tokens != world["given"][: world["num_reference"]].tolist()
    assert changed > 0.5 * len(repaired)


def test_repaired_programs_mean_the_same_in_python(repaired):
    check_agreement(as_written(repaired[::4]), sandbox=False)


# --- Demonstrations ------------------------------------------------------------------------------------


def test_a_reference_that_is_printed_and_read_again_solves_its_task():
    worlds = make_worlds(300, SYNTHESIZE)
    plans = []
    for world in worlds:
        category = int(world["return_category"])
        read = parse_program(render_program(reference_of(world), category), category)
        assert read[: world["num_given"]] == tokens_of(world)
        plans.append(read[world["num_given"] :])
    table = Table(worlds)
    for step in range(max(map(len, plans))):
        actions = np.array([plan[min(step, len(plan) - 1)] for plan in plans])
        assert table.masks[np.flatnonzero(table.running), actions[table.running]].all()
        table.step(actions)
    np.testing.assert_array_equal(table.worlds["score"], 1.0)
    assert table.worlds["solved"].all()
