"""What makes a draft a task: tests that catch mutants, a floor, and proof that no step is idle."""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.envs.code.catalog import GUARD
from etude_gym.envs.code.drafts import (
    FIRST_EDGE,
    FIRST_LARGE,
    MUTANTS,
    POOL,
    assemble,
    derive,
)
from etude_gym.envs.code.exercise import STRATA
from etude_gym.envs.code.grammar import (
    CATEGORY,
    INT,
    LIST,
    LITERALS,
    NUMBER_OF,
    PRODUCTIONS,
    STATEMENTS,
    STR,
)
from etude_gym.envs.code.interpreter import (
    ADD,
    FLOOR_DIVIDE,
    LARGER,
    MULTIPLY,
    REMAINDER,
    SMALLER,
    SUBTRACT,
    apply_to_numbers,
    big_kernel,
    execute,
    find_ends,
    hash_result,
    part,
)
from etude_gym.envs.code.kernel import NUM_HIDDEN, NUM_PUBLIC
from etude_gym.kernels import below

NORMAL, EDGE, LARGE = range(3)
NUM_LARGE = 4
HIGHEST_FLOOR = 0.5

# --- Mutants -----------------------------------------------------------------------------------------

_MISTAKES = (
    *(
        "ADD SUBTRACT",
        "SMALLER LARGER",
        "LARGEST SMALLEST",
        "SUM LENGTH",
        "SUM LARGEST",
        "LESS_THAN GREATER_THAN",
    ),
    *("EQUAL LESS_THAN", "AND OR", "DIFFERENT OR", "DIFFERENT AND", "SORTED DISTINCT", "TAKE DROP"),
    *("SORTED REVERSED", "REVERSED EVERY_OTHER", "SCALE REMAINDER", "SCALE FLOOR_DIVIDE", "ITEM VARIABLE_1"),
    *("FLOOR_DIVIDE REMAINDER", "PARAMETER LITERAL_1", "ABSOLUTE ABSOLUTE", "TEXT_1 TEXT_2"),
)
"""Pairs of productions that are mistaken for one another; their holes are of the same categories."""
MAX_MISTAKES = 4


def _mistakes() -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    table = np.full((len(PRODUCTIONS), MAX_MISTAKES), -1, dtype=np.int64)

    def add(one: int, other: int) -> None:
        free = int((table[one] >= 0).sum())
        if free < MAX_MISTAKES and one != other:
            table[one, free] = other

    for pair in _MISTAKES:
        one, other = (NUMBER_OF[name] for name in pair.split())
        add(one, other)
        add(other, one)
    for n in LITERALS[:-1]:
        for other in (n - 1, n + 1):
            if other in LITERALS:
                add(NUMBER_OF[f"LITERAL_{n}"], NUMBER_OF[f"LITERAL_{other}"])
    return table


MISTAKES = _mistakes()
"""For each production, those that it may be mistaken for; -1 where there are no more."""


@part
def mutate(tokens: Any, count: Any, key: Any, counter: Any, limit: Any) -> Any:
    """Make one mistake below a position; returns where, or -1."""
    for attempt in range(8):
        position = below(key, counter + 2 * attempt, limit)
        token = tokens[position]
        other = MISTAKES[token, below(key, counter + 2 * attempt + 1, MAX_MISTAKES)]
        if other >= 0 and CATEGORY[token] != STATEMENTS:
            tokens[position] = other
            return position
    return -1


@part
def copy_reference(draft: Any) -> None:
    """Begin a variant with the reference."""
    draft.num_variant = draft.num_tokens
    for i in range(draft.num_tokens):
        draft.variant[i] = draft.tokens[i]


@part
def is_variant_derivable(draft: Any) -> Any:
    """Whether the grammar allows the variant."""
    count = draft.num_variant
    return derive(draft.variant, count, draft.return_category, draft.derivation) == count


@part
def differs(draft: Any, row: Any, machine: Any) -> Any:
    """Whether the variant returns something else than the reference; ``find_ends`` came before."""
    numbers, length = draft.numbers[row], draft.num_numbers[row]
    value = execute(draft.variant, draft.num_variant, numbers, length, draft.k[row], machine)
    return hash_result(value, draft.return_category, machine) != draft.expected[row]


@part
def run_mutants(draft: Any, key: Any, machine: Any) -> None:
    """Find out which inputs tell which mutants from the reference."""
    for mutant in range(MUTANTS):
        copy_reference(draft)
        position = mutate(draft.variant, draft.num_variant, key, 4000 + 20 * mutant, draft.num_variant)
        derivable = position >= 0 and is_variant_derivable(draft)
        if derivable:
            find_ends(draft.variant, draft.num_variant, machine)
        for row in range(POOL):
            draft.killed[mutant, row] = derivable and differs(draft, row, machine)


# --- Tests -------------------------------------------------------------------------------------------


@part
def choose_tests(draft: Any, start: Any, stop: Any, first: Any, count: Any, caught: Any) -> None:
    """Choose inputs of a part of the pool as tests: each time the one that catches most further mutants."""
    for i in range(count):
        best, most = -1, -1
        for row in range(start, stop):
            if draft.taken[row]:
                continue
            gain = 0
            for mutant in range(MUTANTS):
                gain += draft.killed[mutant, row] and not caught[mutant]
            if gain > most:
                best, most = row, gain
        draft.taken[best] = True
        draft.chosen[first + i] = best
        for mutant in range(MUTANTS):
            caught[mutant] |= draft.killed[mutant, best]


@part
def choose_all_tests(draft: Any) -> None:
    """Choose hidden tests in all strata, and public ones among the inputs that are left."""
    caught = np.zeros(MUTANTS, dtype=np.bool_)
    draft.taken[:] = 0
    num_normal = NUM_HIDDEN - NUM_LARGE - draft.edge_tests
    choose_tests(draft, 0, FIRST_EDGE, 0, num_normal, caught)
    choose_tests(draft, FIRST_EDGE, FIRST_LARGE, num_normal, draft.edge_tests, caught)
    choose_tests(draft, FIRST_LARGE, POOL, NUM_HIDDEN - NUM_LARGE, NUM_LARGE, caught)
    choose_tests(draft, 0, FIRST_EDGE, NUM_HIDDEN, NUM_PUBLIC - 1, caught)
    choose_tests(draft, FIRST_EDGE, FIRST_LARGE, NUM_HIDDEN + NUM_PUBLIC - 1, 1, caught)


@part
def stratum_of(row: Any) -> Any:
    """The stratum of an input of the pool."""
    return NORMAL if row < FIRST_EDGE else (EDGE if row < FIRST_LARGE else LARGE)


@part
def weight_of(draft: Any, row: Any) -> Any:
    """Share of the pass rate that a hidden test has: strata weigh the same."""
    stratum = stratum_of(row)
    if stratum == EDGE:
        size = draft.edge_tests
    else:
        size = NUM_LARGE if stratum == LARGE else NUM_HIDDEN - NUM_LARGE - draft.edge_tests
    return 1.0 / (len(STRATA) * size)


# --- The floor ---------------------------------------------------------------------------------------


@part
def pass_rate_of_constant(draft: Any, row: Any) -> Any:
    """Pass rate of returning always what one input makes."""
    rate = 0.0
    for i in range(NUM_HIDDEN):
        other = draft.chosen[i]
        if draft.expected[other] == draft.expected[row]:
            rate += weight_of(draft, other)
    return rate


@part
def pass_rate_with_k(draft: Any, operation: Any, literal: Any, swapped: Any) -> Any:
    """Pass rate of an operation of k and a literal, or of k with itself if the literal is negative."""
    rate = 0.0
    for i in range(NUM_HIDDEN):
        row = draft.chosen[i]
        k = np.int64(draft.k[row])
        other = np.int64(literal) if literal >= 0 else k
        value = apply_to_numbers(operation, other, k) if swapped else apply_to_numbers(operation, k, other)
        if value == draft.value[row]:
            rate += weight_of(draft, row)
    return rate


@part
def pass_rate_of_variant(draft: Any, machine: Any) -> Any:
    """Pass rate of the variant on the hidden tests."""
    find_ends(draft.variant, draft.num_variant, machine)
    rate = 0.0
    for i in range(NUM_HIDDEN):
        row = draft.chosen[i]
        if not differs(draft, row, machine):
            rate += weight_of(draft, row)
    return rate


def _small_programs() -> dict[int, list[list[int]]]:
    """The programs of up to four productions that are neither constant nor arithmetic of k, by category."""
    lists = ["SORTED", "REVERSED", "DISTINCT", "EVERY_OTHER"]
    short = [f"LITERAL_{n}" for n in LITERALS] + ["VARIABLE_1"]
    sources = ["VARIABLE_0", *(f"{one} VARIABLE_0" for one in lists)]
    numbers = [f"{name} {source}" for name in ("SUM", "LENGTH", "LARGEST", "SMALLEST") for source in sources]
    plain = [f"{name} VARIABLE_0" for name in ("SUM", "LENGTH", "LARGEST", "SMALLEST")]
    texts = {
        INT: [*numbers, *(f"ABSOLUTE {n}" for n in plain), "VARIABLE_1", "ABSOLUTE VARIABLE_1"]
        + [f"OCCURRENCES VARIABLE_0 {n}" for n in short],
        LIST: [*sources, *(f"{one} {other} VARIABLE_0" for one in lists for other in lists)]
        + [f"{name} VARIABLE_0 {n}" for name in ("TAKE", "DROP") for n in short],
        STR: [f"DIGITS {n}" for n in [*plain, "VARIABLE_1", "ABSOLUTE VARIABLE_1"]]
        + ["BACKWARD DIGITS VARIABLE_1"],
    }
    return {
        category: [[NUMBER_OF[name] for name in f"RETURN {text}".split()] for text in programs]
        for category, programs in texts.items()
    }


def _small_table() -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """One row for each: return category, length, productions."""
    rows = [
        [category, len(program), *program, *[0] * (4 - len(program))]
        for category, programs in _small_programs().items()
        for program in programs
    ]
    return np.array(rows, dtype=np.int64)


SMALL = _small_table()
_WITH_K = np.array([ADD, SUBTRACT, MULTIPLY, SMALLER, LARGER, FLOOR_DIVIDE, REMAINDER], dtype=np.int64)
_LITERAL_VALUES = np.array((-1, *LITERALS), dtype=np.int64)


@part
def best_arithmetic(draft: Any) -> Any:
    """Best pass rate of an operation of k and a literal."""
    best = 0.0
    for operation in _WITH_K:
        for literal in _LITERAL_VALUES:
            divides = operation == FLOOR_DIVIDE or operation == REMAINDER
            if divides and (literal < 2 or literal > 10):
                continue
            best = max(best, pass_rate_with_k(draft, operation, literal, False))
            if operation == SUBTRACT:
                best = max(best, pass_rate_with_k(draft, operation, literal, True))
    return best


@big_kernel
def find_floor(draft: Any, machine: Any) -> Any:
    """Best pass rate of all constants and all programs of up to four productions.

    Constants that no such program can spell are among them: the floor is rather too high.
    """
    best = 0.0
    for i in range(NUM_HIDDEN):
        best = max(best, pass_rate_of_constant(draft, draft.chosen[i]))
    if draft.return_category == INT and best < HIGHEST_FLOOR:
        best = max(best, best_arithmetic(draft))
    for program in range(len(SMALL)):
        if SMALL[program, 0] != draft.return_category or best >= HIGHEST_FLOOR:
            continue
        draft.num_variant = SMALL[program, 1]
        for i in range(draft.num_variant):
            draft.variant[i] = SMALL[program, 2 + i]
        best = max(best, pass_rate_of_variant(draft, machine))
    return best


# --- No step is idle ---------------------------------------------------------------------------------


@big_kernel
def idle_sentence(draft: Any, machine: Any) -> Any:
    """A step or helper that a quarter of the outputs do not need, a guard that none needs, or -1.

    Outputs that a guard returns are left out: no step is reached for them.
    """
    reached = 0
    for i in range(NUM_HIDDEN):
        reached += draft.guarded[draft.chosen[i]] == 0
    for at in range(draft.num_sentences - 1, -1, -1):
        draft.num_variant = assemble(draft, at, draft.variant)
        find_ends(draft.variant, draft.num_variant, machine)
        is_guard = draft.kind[at] == GUARD
        needed = 1 if is_guard else (reached + 3) // 4
        for i in range(NUM_HIDDEN):
            row = draft.chosen[i]
            if is_guard == (draft.guarded[row] != 0):  # the others cannot change
                needed -= differs(draft, row, machine)
            if needed <= 0 or needed > NUM_HIDDEN - 1 - i:
                break
        if needed > 0:
            return at
    return -1
