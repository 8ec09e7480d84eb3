"""Drafts of tasks: a reference program assembled from steps of the catalog, and inputs to run it on.

How many steps of each sort there are follows from the difficulty alone, and is the same for all drafts of a
task: no draft that is thrown away can bias it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.envs.code.language.derivation import DERIVATION, begin_derivation, fill, fits
from etude_gym.envs.code.language.grammar import DECLARES, FIRST_LET, INT, LIST, LIST_LENGTH, STR
from etude_gym.envs.code.language.interpreter import MAX_RUNS, execute, find_ends, hand_over
from etude_gym.envs.code.language.tokens import (
    CALL,
    LET_INT,
    LET_LIST,
    LET_STR,
    LITERAL,
    MAX_TOKENS,
    PARAMETER,
    RETURN,
    TEXT,
    VARIABLE,
)
from etude_gym.envs.code.limits import MAX_PROGRAM, MAX_SPECIFICATION, NUM_TESTS
from etude_gym.envs.code.programs import catalog
from etude_gym.envs.code.programs.catalog import (
    ARGUMENTS,
    CHAINED,
    CODE_LENGTH,
    CODES,
    EMPTY_LIST,
    K_IN_LIST,
    KIND,
    LONG_LIST,
    MAKES,
    NEGATIVE_K,
    NUM_STEPS,
    REORDERS,
    SHRINKS,
    TAKES,
    TRANSFER,
    USES_HELPER,
)
from etude_gym.tasks.kernels import below, finalize_word, part, part_of_caller, stochastic_round, uniform

PLAIN, BORROWED, CALLING = range(3)
"""Sorts of steps: ordinary ones, ones from other domains, ones that call the last helper."""

MAX_SHRINKING = 2
"""Steps in a program that drop numbers, at most."""
MAX_STEPS_BEFORE_CALL = 6
"""The last one of so many steps may call a helper: later on, numbers may have grown too large."""

POOL = np.int64(MAX_RUNS)
"""Inputs that tests are chosen from: normal ones first, then edge cases, then large ones."""
FIRST_EDGE, FIRST_LARGE = np.int64(16), np.int64(28)
MUTANTS = 6

DRAFT = np.dtype(
    [
        ("num_steps", np.int64),
        ("num_helpers", np.int64),
        ("num_guards", np.int64),
        ("num_transfer", np.int64),
        ("return_category", np.int64),
        ("edge_tests", np.int64),
        # Sentences in order: helpers, guards, steps.
        ("num_sentences", np.int64),
        ("step", np.int64, (MAX_SPECIFICATION,)),
        ("a", np.int64, (MAX_SPECIFICATION,)),
        ("b", np.int64, (MAX_SPECIFICATION,)),
        ("kind", np.int64, (MAX_SPECIFICATION,)),
        ("takes", np.int64, (MAX_SPECIFICATION,)),
        ("makes", np.int64, (MAX_SPECIFICATION,)),
        ("sort", np.int64, (MAX_SPECIFICATION,)),  # PLAIN, BORROWED or CALLING
        ("begins", np.int64, (MAX_SPECIFICATION,)),  # where the code of a sentence begins
        ("num_variables", np.int64, (MAX_SPECIFICATION,)),  # how many are set before it
        ("tokens", np.int16, (MAX_TOKENS,)),
        ("num_tokens", np.int64),
        ("variant", np.int16, (MAX_TOKENS,)),  # the reference without a step, or a mutant
        ("num_variant", np.int64),
        ("derivation", DERIVATION),
        # The pool of inputs and what the reference makes of them.
        ("numbers", np.int8, (POOL, LIST_LENGTH)),
        ("num_numbers", np.int8, (POOL,)),
        ("k", np.int8, (POOL,)),
        ("guarded", np.uint8, (POOL,)),
        ("expected", np.uint64, (POOL,)),
        ("killed", np.uint8, (POOL,)),  # mutants, as bits, that an input tells from the reference
        ("taken", np.uint8, (POOL,)),
        ("chosen", np.int64, (NUM_TESTS,)),
    ],
    align=True,
)


# --- The reference program ---------------------------------------------------------------------------


@part_of_caller
def eligible_steps(draft: Any) -> Any:
    """Steps that may be borrowed from other domains: not the one that calls a helper or writes a text."""
    return draft.num_steps - (draft.num_helpers > 0) - (draft.return_category == STR)


@part_of_caller
def draw_sizes(draft: Any, key: Any, difficulty: Any) -> None:
    """How many steps, helpers, guards and steps from other domains: the same for all drafts of a task."""
    kind = uniform(key, 0)
    draft.return_category = INT if kind < 0.6 else (LIST if kind < 0.85 else STR)
    draft.num_steps = 2 + stochastic_round(key, 1, 6.0 * difficulty[0])
    draft.num_helpers = stochastic_round(key, 2, 3.0 * difficulty[1])
    draft.num_guards = stochastic_round(key, 3, 3.0 * difficulty[2])
    draft.edge_tests = 4 + stochastic_round(key, 4, 6.0 * difficulty[2])
    draft.num_transfer = stochastic_round(key, 5, eligible_steps(draft) * difficulty[3])


@part
def suits(draft: Any, step: Any, at: Any) -> Any:
    """Whether an entry of the catalog can be a sentence of the draft."""
    kind = draft.kind[at]
    if KIND[step] != kind or TAKES[step] != draft.takes[at] or MAKES[step] != draft.makes[at]:
        return False
    if kind == catalog.HELPER and CHAINED[step] != draft.sort[at]:
        return False
    if kind == catalog.STEP and TRANSFER[step] + 2 * USES_HELPER[step] != draft.sort[at]:
        return False
    if REORDERS[step] and draft.return_category == INT:
        return False
    used, shrinking = 0, 0
    for i in range(draft.num_sentences):
        shrinking += i != at and draft.step[i] >= 0 and SHRINKS[draft.step[i]]
        if i != at and draft.step[i] == step:
            used += 1
            if abs(i - at) == 1 or kind == catalog.GUARD:
                return False
    return used < 2 and (shrinking < MAX_SHRINKING or not SHRINKS[step])


@part
def draw_sentence(draft: Any, at: Any, key: Any) -> None:
    """Draw an entry of the catalog for a sentence, and its arguments; -1 if nothing suits."""
    draft.step[at] = -1
    candidates = 0
    for step in range(NUM_STEPS):
        if suits(draft, step, at):
            candidates += 1
            if uniform(key, 3 + step) * candidates < 1.0:
                draft.step[at] = step
    step = draft.step[at]
    if step < 0:
        return
    low, high = ARGUMENTS[step, 0], ARGUMENTS[step, 1]
    draft.a[at] = low + below(key, 0, high - low + 1)
    low, high = ARGUMENTS[step, 2], ARGUMENTS[step, 3]
    if draft.kind[at] == catalog.GUARD:
        high = 9  # what it returns
    draft.b[at] = low + below(key, 1, high - low + 1)


@part
def set_sorts(draft: Any, key: Any, first: Any, first_number: Any) -> None:
    """Which steps are borrowed from other domains, and which one calls the last helper."""
    n = draft.num_steps
    last_free = n - (draft.return_category == STR)
    if draft.num_helpers > 0:
        # Calls go well where numbers are still small, at the beginning, or at the very end.
        late = uniform(key, 10) < 0.3 and first_number < last_free - 1 and n <= MAX_STEPS_BEFORE_CALL
        host = last_free - 1 if late else 0
        draft.sort[first + host] = CALLING
    left = draft.num_transfer
    for i in range(last_free):
        open_ones = 0
        for j in range(i, last_free):
            open_ones += draft.sort[first + j] == PLAIN
        if draft.sort[first + i] == PLAIN and uniform(key, 12 + i) * open_ones < left:
            draft.sort[first + i] = BORROWED
            left -= 1


@part
def set_kinds(draft: Any, key: Any) -> None:
    """Which kinds of sentences follow one another: helpers, guards, then the steps."""
    n = draft.num_steps
    first = draft.num_helpers + draft.num_guards
    draft.num_sentences = first + n
    for at in range(first):
        helper = at < draft.num_helpers
        draft.kind[at] = catalog.HELPER if helper else catalog.GUARD
        draft.takes[at] = INT if helper else LIST
        draft.makes[at] = draft.takes[at]
        draft.sort[at] = helper and at > 0
    # From list to list, at one place to a number (or text), then from number to number.
    first_number = n if draft.return_category == LIST else below(key, 20, n)
    if draft.return_category == STR:
        first_number = n - 1 if n < 3 or uniform(key, 21) < 0.4 else below(key, 20, n - 1)
    category = np.int64(LIST)
    for i in range(n):
        draft.kind[first + i], draft.sort[first + i] = catalog.STEP, PLAIN
        draft.takes[first + i] = category
        category = np.int64(LIST if i < first_number else INT)
        if i == n - 1:
            category = draft.return_category
        draft.makes[first + i] = category
    set_sorts(draft, key, first, first_number)


@part_of_caller
def draw_sentences(draft: Any, key: Any) -> None:
    """Draw helpers, guards and steps."""
    set_kinds(draft, key)
    for at in range(draft.num_sentences):
        draft.step[at] = -1
    for at in range(draft.num_sentences):
        draw_sentence(draft, at, finalize_word(key + np.uint64(100 + at)))


@part_of_caller
def value_of_guard(draft: Any, at: Any) -> Any:
    """The production that stands for what a guard returns."""
    if draft.return_category == LIST:
        return np.int64(VARIABLE)
    if draft.return_category == STR:
        return TEXT + draft.b[at] % 3
    return LITERAL + draft.b[at]


@part
def replace_placeholder(draft: Any, at: Any, code: Any, current: Any, declared: Any, helpers: Any) -> Any:
    """The production that a placeholder in the code of a step stands for."""
    if code == catalog.CURRENT:
        return VARIABLE + current
    if code == catalog.NEW:
        return VARIABLE + declared
    if code == catalog.A:
        return LITERAL + draft.a[at]
    if code == catalog.B:
        return LITERAL + draft.b[at]
    if code == catalog.CALL_HELPER or code == catalog.CALL_PREVIOUS:
        return CALL + helpers - 1
    return value_of_guard(draft, at)


@part
def write_stub(draft: Any, step: Any, tokens: Any, count: Any, current: Any) -> Any:
    """What is left of a step that is left out: nothing where the category stays, else a constant."""
    if KIND[step] == catalog.HELPER:
        tokens[count] = CODES[step, 0]
        tokens[count + 1] = PARAMETER
        return count + 2
    if KIND[step] == catalog.GUARD or TAKES[step] == MAKES[step]:
        return count
    tokens[count] = LET_INT if MAKES[step] == INT else LET_STR
    tokens[count + 1] = LITERAL if MAKES[step] == INT else TEXT
    return count + 2


@part
def assemble(draft: Any, left_out: Any, tokens: Any) -> Any:
    """Write the program of a draft, with one sentence left out on demand.

    Args:
        draft: a record of DRAFT; "begins" and "num_variables" are written.
        left_out: index of the sentence to leave out; -1 for none.
        tokens: int16 (MAX_TOKENS,), written: the program in prefix order.

    Returns:
        The length of the program.
    """
    count, current, helpers = np.int64(0), np.int64(0), np.int64(0)
    declared = np.int64(FIRST_LET)
    begun: Any = 0  # where the last statement begins
    for at in range(draft.num_sentences):
        step = draft.step[at]
        begun = count
        draft.begins[at], draft.num_variables[at] = count, declared
        if at == left_out:
            count = write_stub(draft, step, tokens, count, current)
        else:
            for i in range(CODE_LENGTH[step]):
                code = CODES[step, i]
                if code < 0:
                    code = replace_placeholder(draft, at, code, current, declared, helpers)
                tokens[count] = code
                count += 1
        helpers += KIND[step] == catalog.HELPER
        if count > begun and DECLARES[tokens[begun]] >= 0:
            current = declared
            declared += 1
    last = tokens[begun] if count > begun else -1
    if last == LET_INT or last == LET_STR or last == LET_LIST:
        tokens[begun] = RETURN
        return count
    tokens[count], tokens[count + 1] = RETURN, VARIABLE + current
    return count + 2


@part
def derive(tokens: Any, count: Any, return_category: Any, d: Any) -> Any:
    """How many productions of a program the grammar allows, one after another.

    Args:
        tokens: int16 (MAX_TOKENS,), the program in prefix order.
        count: length of the program.
        return_category: category of what it returns.
        d: a record of ``derivation.DERIVATION``, written.

    Returns:
        ``count`` if it allows all of them.
    """
    begin_derivation(d, return_category)
    for i in range(count):
        if d.num_open == 0:
            return i
        top = d.num_open - 1
        category, size, flags = d.category[top], np.int64(d.size[top]), d.flags[top]
        token = np.int64(tokens[i])
        if not fits(d, token, category, size, flags, MAX_PROGRAM - i):
            return i
        fill(d, token)
    return count


# --- Inputs ------------------------------------------------------------------------------------------


@part
def draw_list(draft: Any, row: Any, key: Any, length: Any, low: Any, high: Any) -> None:
    """Draw the numbers of one input."""
    draft.num_numbers[row] = length
    for i in range(LIST_LENGTH):
        drawn = low + below(key, 1000 + row * 20 + i, high - low + 1)
        draft.numbers[row, i] = drawn if i < length else 0


@part
def has_guard(draft: Any, step: Any) -> Any:
    """Whether a guard is part of the draft."""
    found = False
    for at in range(draft.num_helpers, draft.num_helpers + draft.num_guards):
        found |= draft.step[at] == step
    return found


@part
def run_into_guard(draft: Any, row: Any, key: Any, guard: Any) -> None:
    """Change an input so that a guard returns for it."""
    if guard == EMPTY_LIST:
        draft.num_numbers[row] = 0
    elif guard == NEGATIVE_K:
        draft.k[row] = -1 - below(key, 2000 + row, 9)
    elif guard == LONG_LIST:
        draft.num_numbers[row] = 11 + below(key, 2000 + row, 5)
        for i in range(draft.num_numbers[row]):
            draft.numbers[row, i] = below(key, 2100 + row * 20 + i, 20) - 5
    else:
        draft.num_numbers[row] = max(draft.num_numbers[row], 1)
        draft.k[row] = draft.numbers[row, below(key, 2000 + row, draft.num_numbers[row])]


@part
def shape_edge(draft: Any, row: Any, key: Any) -> None:
    """Give an input without guards the shape of an edge case."""
    shape = row % 4
    if shape == 0:
        draft.num_numbers[row] = 0
    elif shape == 1:
        draft.num_numbers[row] = 1
    elif shape == 2:
        for i in range(draft.num_numbers[row]):
            draft.numbers[row, i] = draft.numbers[row, 0]
    else:
        for i in range(draft.num_numbers[row]):
            draft.numbers[row, i] = -abs(draft.numbers[row, i])
        draft.k[row] = 0


@part
def draw_pool(draft: Any, key: Any) -> None:
    """Draw the inputs that tests are chosen from."""
    longest = 9 if has_guard(draft, np.int64(LONG_LIST)) else LIST_LENGTH
    for row in range(POOL):
        draft.k[row] = 1 + below(key, 900 + row, 9)
        if row >= FIRST_LARGE:
            draw_list(draft, row, key, longest - below(key, 940 + row, 3), np.int64(-60), np.int64(60))
        else:
            draw_list(draft, row, key, 4 + below(key, 940 + row, 5), np.int64(-5), np.int64(15))
        if FIRST_EDGE <= row < FIRST_LARGE:
            if draft.num_guards > 0:
                at = draft.num_helpers + row % draft.num_guards
                run_into_guard(draft, row, key, draft.step[at])
            else:
                shape_edge(draft, row, key)
        elif has_guard(draft, np.int64(K_IN_LIST)):
            for i in range(draft.num_numbers[row]):
                if draft.numbers[row, i] == draft.k[row]:
                    draft.numbers[row, i] += 11


@part
def hand_over_inputs(draft: Any, rows: Any, machine: Any) -> None:
    """Set some inputs of the pool as those that programs run on from now on.

    Args:
        draft: a record of DRAFT.
        rows: indices into the pool.
        machine: a record of ``interpreter.MACHINE``, changed.
    """
    machine.num_runs = len(rows)
    for run in range(len(rows)):
        row = rows[run]
        hand_over(machine, run, draft.numbers[row], draft.num_numbers[row], draft.k[row])


@part_of_caller
def run_reference(draft: Any, rows: Any, machine: Any) -> None:
    """Run the reference on some inputs of the pool; note what it returns, and where it does so from a guard.

    Args:
        draft: a record of DRAFT; "expected" and "guarded" are written.
        rows: indices into the pool.
        machine: a record of ``interpreter.MACHINE``, changed.
    """
    hand_over_inputs(draft, rows, machine)
    find_ends(draft.tokens, draft.num_tokens, machine)
    execute(draft.tokens, draft.num_tokens, machine)
    for run in range(len(rows)):
        draft.expected[rows[run]] = machine.hashes[run]
        draft.guarded[rows[run]] = machine.guarded[run]
