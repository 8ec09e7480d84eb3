"""What makes a draft a task: tests that catch mutants, a floor, and proof that every step is needed."""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.envs.code.exercise import STRATA
from etude_gym.envs.code.language.grammar import (
    CATEGORY,
    DIVISORS,
    INT,
    LIST,
    LITERALS,
    NUMBER_OF,
    PRODUCTIONS,
    STATEMENTS,
    STR,
)
from etude_gym.envs.code.language.interpreter import execute, find_ends, resume
from etude_gym.envs.code.language.tokens import ASSIGN_IF
from etude_gym.envs.code.limits import NUM_HIDDEN, NUM_PUBLIC
from etude_gym.envs.code.programs.catalog import CODES, GUARD, STEP
from etude_gym.envs.code.programs.drafts import (
    FIRST_EDGE,
    FIRST_LARGE,
    MUTANTS,
    POOL,
    assemble,
    derive,
    hand_over_inputs,
    run_reference,
)
from etude_gym.tasks.kernels import below, part, part_of_caller

NORMAL, EDGE, LARGE = range(3)
NUM_LARGE = np.int64(4)
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
    """Make one mistake in a program; returns its position, or -1 if none was found.

    Args:
        tokens: the program in prefix order, changed.
        count: length of the program.
        key: uint64, the source of randomness.
        counter: first of the key's numbers to use; 16 are used.
        limit: positions from here on are left alone.
    """
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


@part_of_caller
def run_variant(draft: Any, machine: Any) -> None:
    """Run the variant on the inputs that ``hand_over_inputs`` has set."""
    find_ends(draft.variant, draft.num_variant, machine)
    execute(draft.variant, draft.num_variant, machine)


@part_of_caller
def differs(draft: Any, row: Any, run: Any, machine: Any) -> Any:
    """Whether the variant returned something else than the reference for an input; which run that was."""
    return machine.hashes[run] != draft.expected[row]


@part_of_caller
def run_mutants(draft: Any, key: Any, machine: Any) -> None:
    """Find out which inputs tell which mutants from the reference; inputs are the whole pool."""
    draft.killed[:] = 0
    for mutant in range(MUTANTS):
        copy_reference(draft)
        position = mutate(draft.variant, draft.num_variant, key, 4000 + 20 * mutant, draft.num_variant)
        if position >= 0 and is_variant_derivable(draft):
            run_variant(draft, machine)
            for row in range(POOL):
                draft.killed[row] |= differs(draft, row, row, machine) << mutant


# --- Tests -------------------------------------------------------------------------------------------


_NUM_BITS = np.array([bits.bit_count() for bits in range(1 << MUTANTS)], dtype=np.int64)


@part
def choose_tests(draft: Any, start: Any, stop: Any, first: Any, count: Any, caught: Any) -> Any:
    """Choose inputs of a part of the pool as tests: each time the one that catches most further mutants.

    Args:
        draft: a record of DRAFT; "taken" and "chosen" are written.
        start: first input of the part.
        stop: the input after the part.
        first: index of the first test.
        count: how many tests.
        caught: mutants that other tests catch, as bits.

    Returns:
        Mutants that are caught then, as bits.
    """
    for i in range(count):
        best, most = -1, -1
        for row in range(start, stop):
            gain = _NUM_BITS[draft.killed[row] & ~caught]
            if gain > most and not draft.taken[row]:
                best, most = row, gain
        draft.taken[best] = True
        draft.chosen[first + i] = best
        caught |= draft.killed[best]
    return caught


@part
def choose_all_tests(draft: Any) -> None:
    """Choose hidden tests in all strata, and public ones among the inputs that are left."""
    draft.taken[:] = 0
    num_normal = NUM_HIDDEN - NUM_LARGE - draft.edge_tests
    none = np.int64(0)
    caught = choose_tests(draft, none, FIRST_EDGE, none, num_normal, none)
    caught = choose_tests(draft, FIRST_EDGE, FIRST_LARGE, num_normal, draft.edge_tests, caught)
    caught = choose_tests(draft, FIRST_LARGE, POOL, NUM_HIDDEN - NUM_LARGE, NUM_LARGE, caught)
    caught = choose_tests(draft, none, FIRST_EDGE, np.int64(NUM_HIDDEN), NUM_PUBLIC - 1, caught)
    choose_tests(draft, FIRST_EDGE, FIRST_LARGE, NUM_HIDDEN + NUM_PUBLIC - 1, np.int64(1), caught)


@part_of_caller
def hand_over_hidden_tests(draft: Any, machine: Any) -> None:
    """Set the hidden tests as the inputs that programs run on from now on."""
    hand_over_inputs(draft, draft.chosen[:NUM_HIDDEN], machine)


@part_of_caller
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


@part_of_caller
def pass_rate_of_constant(draft: Any, row: Any) -> Any:
    """Pass rate of always returning what the reference returns for one input."""
    rate = 0.0
    for i in range(NUM_HIDDEN):
        other = draft.chosen[i]
        if draft.expected[other] == draft.expected[row]:
            rate += weight_of(draft, other)
    return rate


@part_of_caller
def pass_rate_of_variant(draft: Any, machine: Any) -> Any:
    """Pass rate of the variant on the hidden tests, which were set as inputs before."""
    run_variant(draft, machine)
    rate = 0.0
    for i in range(NUM_HIDDEN):
        row = draft.chosen[i]
        if not differs(draft, row, i, machine):
            rate += weight_of(draft, row)
    return rate


def _small_programs() -> dict[int, list[list[int]]]:
    """Programs of up to four productions by category: all that are not constant, but for equivalents."""
    lists = ["SORTED", "REVERSED", "DISTINCT", "EVERY_OTHER"]
    totals = ["SUM", "LENGTH", "LARGEST", "SMALLEST"]
    plain = [f"{name} VARIABLE_0" for name in totals]
    literals = [f"LITERAL_{n}" for n in LITERALS]
    short = [*literals, "VARIABLE_1"]
    arithmetic = ["ADD", "SUBTRACT", "MULTIPLY", "SMALLER", "LARGER"]
    texts = {
        INT: [
            *(f"{name} VARIABLE_1 {other}" for name in arithmetic for other in short),
            *(f"SUBTRACT {literal} VARIABLE_1" for literal in literals),
            *(f"{name} VARIABLE_1 LITERAL_{n}" for name in ("FLOOR_DIVIDE", "REMAINDER") for n in DIVISORS),
            *plain,  # which do not depend on the order of the list
            *(f"{name} {one} VARIABLE_0" for name in totals for one in ("DISTINCT", "EVERY_OTHER")),
            *(f"ABSOLUTE {n}" for n in [*plain, "VARIABLE_1"]),
            *("VARIABLE_1", *(f"OCCURRENCES VARIABLE_0 {n}" for n in short)),
        ],
        LIST: ["VARIABLE_0", *(f"{one} VARIABLE_0" for one in lists)]
        + [f"{one} {other} VARIABLE_0" for one in lists for other in lists]
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


@part_of_caller
def find_floor(draft: Any, machine: Any) -> Any:
    """Best pass rate of all constants and all programs of up to four productions.

    Constants that no such program can spell are among them: the floor is rather too high.

    Args:
        draft: a record of ``drafts.DRAFT`` with tests; the hidden ones were set as inputs before.
        machine: a record of ``interpreter.MACHINE``, changed.

    Returns:
        float64 in [0, 1]; not exact from ``HIGHEST_FLOOR`` on.
    """
    best = 0.0
    for i in range(NUM_HIDDEN):
        best = max(best, pass_rate_of_constant(draft, draft.chosen[i]))
    for program in range(len(SMALL)):
        if SMALL[program, 0] != draft.return_category or best >= HIGHEST_FLOOR:
            continue
        draft.num_variant = SMALL[program, 1]
        for i in range(draft.num_variant):
            draft.variant[i] = SMALL[program, 2 + i]
        best = max(best, pass_rate_of_variant(draft, machine))
    return best


# --- No step is idle ---------------------------------------------------------------------------------


@part_of_caller
def run_without(draft: Any, at: Any, machine: Any) -> None:
    """Run the reference without a sentence, after the reference itself and then without later sentences.

    What stands before a step need not run again: its variables are still those of the reference.
    """
    draft.num_variant = assemble(draft, at, draft.variant)
    if draft.kind[at] == STEP:
        # A conditional assignment changes what the step before makes.
        first = at - (CODES[draft.step[at], 0] == ASSIGN_IF)
        find_ends(draft.variant, draft.num_variant, machine)
        resume(draft.variant, draft.num_variant, draft.begins[first], draft.num_variables[first], machine)
    else:
        run_variant(draft, machine)


@part_of_caller
def idle_sentence(draft: Any, machine: Any) -> Any:
    """A step or helper that a quarter of the outputs do not need, a guard that none needs, or -1.

    Outputs that a guard returns are left out: no step is reached for them. The hidden tests stay set as
        inputs.

    Args:
        draft: a record of ``drafts.DRAFT`` with tests.
        machine: a record of ``interpreter.MACHINE``, changed.

    Returns:
        The index of the sentence.
    """
    run_reference(draft, draft.chosen[:NUM_HIDDEN], machine)
    reached = 0
    for i in range(NUM_HIDDEN):
        reached += draft.guarded[draft.chosen[i]] == 0
    for at in range(draft.num_sentences - 1, -1, -1):
        run_without(draft, at, machine)
        is_guard = draft.kind[at] == GUARD
        needed = 1 if is_guard else (reached + 3) // 4
        for i in range(NUM_HIDDEN):
            row = draft.chosen[i]
            if is_guard == (draft.guarded[row] != 0):  # the others cannot change
                needed -= differs(draft, row, i, machine)
        if needed > 0:
            return at
    return -1
