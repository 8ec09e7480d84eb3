"""Runs programs of the grammar in this process: total, deterministic, bounded by construction.

Nothing can raise: every operation is defined for all its arguments, numbers cannot overflow (sizes, see
``grammar``), loops go over lists of at most ``LIST_LENGTH`` numbers, and helpers call earlier helpers only.

A program runs on several inputs at once: each production is looked up once and carried out in all runs,
and in the body of a loop for all items, where these are numbers. A run that has returned, or whose list is
at its end, takes part in what the others do; nobody looks at what that makes.

Expressions are evaluated from right to left over their prefix derivation, with one stack for numbers and
truth values and one for texts; there is never more than one list. A text is written as character codes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.envs.code.language.grammar import (
    CATEGORY,
    DECLARES,
    FIRST_LET,
    INT,
    LIST,
    LIST_LENGTH,
    LITERALS,
    MAX_DEFINITIONS,
    MAX_VARIABLES,
    NUM_HOLES,
    NUMBERS,
    STR,
    TEXT_SIZE,
    TEXTS,
    K,
)
from etude_gym.envs.code.language.tokens import (
    ABSOLUTE,
    ADD,
    AND,
    ASSIGN_IF,
    BACKWARD,
    CALL,
    CHOOSE,
    CHOOSE_TEXT,
    CONTAINS,
    DEFINE_BOOL,
    DEFINE_INT,
    DIFFERENT,
    DIGITS,
    DISTINCT,
    DIVIDES,
    DROP,
    EMPTY,
    EQUAL,
    EVERY_OTHER,
    FALSE,
    FOR_ADD,
    FOR_ADD_IF,
    FOR_FOLD,
    GREATER_THAN,
    GUARD,
    ITEM,
    JOIN,
    LARGER,
    LARGEST,
    LAST_LITERAL,
    LENGTH,
    LESS_THAN,
    LET_FILTER,
    LET_INT,
    LET_LIST,
    LET_MAP,
    LET_STR,
    LITERAL,
    MAX_TOKENS,
    MULTIPLY,
    NOT,
    OCCURRENCES,
    OR,
    PARAMETER,
    REMAINDER,
    RETURN,
    REVERSED,
    SCALE,
    SMALLER,
    SMALLEST,
    SORTED,
    SUBTRACT,
    SUM,
    TAKE,
    TEST,
    TEXT,
    TEXT_LENGTH,
    TRUE,
    VARIABLE,
)
from etude_gym.tasks.kernels import GOLDEN_WORD, finalize_word, kernel, part, part_of_caller

MAX_TEXT = 1 << TEXT_SIZE
SEQUENCES = 40
"""Texts on the stack at most: joined texts nest ten deep, a choice takes three tokens."""
MAX_RUNS = 36
"""Inputs that a program runs on at once at most."""
_MAX_LANES = LIST_LENGTH * MAX_RUNS
"""Places for one number of each run, for the first item, for the second item and so on."""
RESULT = np.int64(MAX_VARIABLES)
"""Where a program's result is kept: behind the variables."""

MACHINE = np.dtype(
    [
        ("ends", np.int64, (MAX_TOKENS + 1,)),  # position after the subtree that begins at a position
        ("definitions", np.int64, (MAX_DEFINITIONS,)),  # where the bodies of helpers begin
        ("num_runs", np.int64),
        ("ints", np.int64, (2 * MAX_TOKENS, _MAX_LANES)),
        ("list", np.int64, (_MAX_LANES,)),
        ("length", np.int64, (MAX_RUNS,)),  # of that list
        ("texts", np.uint8, (SEQUENCES, MAX_RUNS, MAX_TEXT)),
        ("text_lengths", np.int64, (SEQUENCES, MAX_RUNS)),
        ("frames", np.int64, (MAX_DEFINITIONS + 1, 3)),
        ("source", np.int64, (_MAX_LANES,)),  # the list that a loop goes over
        ("source_length", np.int64, (MAX_RUNS,)),
        ("item", np.int64),  # where in that list it is
        ("variables", np.int64, (MAX_VARIABLES + 1, MAX_RUNS)),
        ("variable_lists", np.int64, (MAX_VARIABLES + 1, _MAX_LANES)),
        ("variable_texts", np.uint8, (MAX_VARIABLES + 1, MAX_RUNS, MAX_TEXT)),
        ("variable_lengths", np.int64, (MAX_VARIABLES + 1, MAX_RUNS)),
        ("variable_categories", np.int64, (MAX_VARIABLES + 1,)),
        ("num_variables", np.int64, (MAX_RUNS,)),  # how many were set before the program returned
        ("guarded", np.int64, (MAX_RUNS,)),  # whether it returned from a guard
        ("hashes", np.uint64, (MAX_RUNS,)),  # of what a complete program returned
    ],
    align=True,
)
"""The memory of runs; it can be used again and again."""

# Typed: for literal numbers, the function that takes them would be compiled once more.
_ZERO, _BOTTOM, _ABOVE, _ONE_ITEM = np.int64(0), np.int64(0), np.int64(1), np.int64(1)
_TEXT_CODES = np.array([ord(text) if text else 0 for text in TEXTS], dtype=np.int64)
_LITERALS = np.array(LITERALS, dtype=np.int64)


# --- Reading a derivation ----------------------------------------------------------------------------


@part
def find_ends(tokens: Any, count: Any, machine: Any) -> None:
    """Find where every subtree ends, and where the bodies of helpers begin.

    Args:
        tokens: productions in prefix order.
        count: how many of them there are.
        machine: a record of MACHINE; "ends" and "definitions" are written.
    """
    ends = machine.ends
    for i in range(count - 1, -1, -1):
        end = i + 1
        for _ in range(NUM_HOLES[tokens[i]]):
            end = ends[end]
        ends[i] = end
    defined = 0
    for i in range(count):
        if tokens[i] == DEFINE_INT or tokens[i] == DEFINE_BOOL:
            machine.definitions[defined] = i + 1
            defined += 1


# --- Lists and texts ---------------------------------------------------------------------------------


@kernel
def reverse_prefix(values: Any, length: Any) -> None:
    """Reverse the first ``length`` values in place."""
    for i in range(length // 2):
        values[i], values[length - 1 - i] = values[length - 1 - i], values[i]


@kernel
def clip_index(index: Any, length: Any) -> Any:
    """Where a slice bound points, as Python has it."""
    if index < 0:
        index += length
    return min(max(index, 0), length)


@kernel
def write_digits(value: Any, text: Any) -> Any:
    """Write a number as character codes; returns how many."""
    length = 0
    rest = abs(value)
    while rest > 0 or length == 0:
        text[length] = 48 + rest % 10
        rest //= 10
        length += 1
    if value < 0:
        text[length] = 45
        length += 1
    reverse_prefix(text, length)
    return length


# --- Expressions -------------------------------------------------------------------------------------


@part
def copy_lanes(source: Any, target: Any, lanes: Any) -> None:
    """Copy the number in each lane."""
    for lane in range(lanes):
        target[lane] = source[lane]


@part
def fill_lanes(target: Any, value: Any, lanes: Any) -> None:
    """Set the number in each lane to the same value."""
    for lane in range(lanes):
        target[lane] = value


@kernel
def divide(values: Any, divisor: Any, quotients: Any, lanes: Any) -> None:
    """Quotients of numbers and a literal of at least 2, rounded down."""
    bits = np.int64(0)
    for lane in range(lanes):
        bits |= values[lane] ^ (values[lane] >> 63)
    if bits < 1 << 31:  # floats are exact then, and many at a time are fast
        for lane in range(lanes):
            quotient = np.floor(np.int32(values[lane]) / np.float64(divisor))
            quotients[lane] = np.int32(quotient)
    else:
        for lane in range(lanes):
            quotients[lane] = values[lane] // divisor


@part
def apply_to_numbers(token: Any, a: Any, b: Any, lanes: Any) -> None:
    """Operations of two numbers or truth values; what they make takes the place of the second."""
    if token == ADD:
        for lane in range(lanes):
            b[lane] = a[lane] + b[lane]
    elif token == SUBTRACT:
        for lane in range(lanes):
            b[lane] = a[lane] - b[lane]
    elif token == MULTIPLY or token == SCALE:
        for lane in range(lanes):
            b[lane] = a[lane] * b[lane]
    elif token == SMALLER:
        for lane in range(lanes):
            b[lane] = min(a[lane], b[lane])
    elif token == LARGER:
        for lane in range(lanes):
            b[lane] = max(a[lane], b[lane])
    elif token == LESS_THAN:
        for lane in range(lanes):
            b[lane] = a[lane] < b[lane]
    elif token == GREATER_THAN:
        for lane in range(lanes):
            b[lane] = a[lane] > b[lane]
    elif token == EQUAL:
        for lane in range(lanes):
            b[lane] = a[lane] == b[lane]
    elif token == DIFFERENT:
        for lane in range(lanes):
            b[lane] = a[lane] != b[lane]
    elif token == AND:
        for lane in range(lanes):
            b[lane] = a[lane] & b[lane]
    elif token == OR:
        for lane in range(lanes):
            b[lane] = a[lane] | b[lane]
    else:
        divisor = b[0]  # the same literal everywhere
        divide(a, divisor, b, lanes)
        if token == REMAINDER:
            for lane in range(lanes):
                b[lane] = a[lane] - b[lane] * divisor
        elif token == DIVIDES:
            for lane in range(lanes):
                b[lane] = a[lane] == b[lane] * divisor


@part
def push_variable(machine: Any, variable: Any, top: Any, upper: Any, width: Any) -> None:
    """Copy a variable to the stack that its values belong to."""
    runs, category = machine.num_runs, machine.variable_categories[variable]
    if category == LIST:
        copy_lanes(machine.variable_lengths[variable], machine.length, runs)
        copy_lanes(machine.variable_lists[variable], machine.list, LIST_LENGTH * runs)
    elif category == STR:
        copy_lanes(machine.variable_lengths[variable], machine.text_lengths[upper], runs)
        for run in range(runs):
            for i in range(machine.text_lengths[upper, run]):
                machine.texts[upper, run, i] = machine.variable_texts[variable, run, i]
    else:
        for i in range(width):
            copy_lanes(machine.variables[variable], machine.ints[top, i * runs :], runs)


@part
def longest_of(lengths: Any, runs: Any) -> Any:
    """The largest length."""
    longest = np.int64(0)
    for run in range(runs):
        longest = max(longest, lengths[run])
    return longest


@part
def sort_lists(values: Any, lengths: Any, runs: Any) -> None:
    """Sort by exchanging neighbors, in all runs at once: as many turns as there are numbers are enough."""
    longest = longest_of(lengths, runs)
    for turn in range(longest):
        for i in range(turn % 2, longest - 1, 2):
            left, right = values[i * runs :], values[(i + 1) * runs :]
            for run in range(runs):
                a, b = left[run], right[run]
                exchanged = (a > b) & (i + 1 < lengths[run])
                left[run] = b if exchanged else a
                right[run] = a if exchanged else b


@part
def rearrange_lists(token: Any, values: Any, lengths: Any, numbers: Any, runs: Any) -> None:
    """Operations that make a list of a list, and of a number in some of them, in place."""
    if token == SORTED or token == DISTINCT:
        sort_lists(values, lengths, runs)
    if token == EVERY_OTHER:
        for i in range(LIST_LENGTH // 2):
            copy_lanes(values[2 * i * runs :], values[i * runs :], runs)
    for run in range(runs):
        length = lengths[run]
        kept = length
        if token == REVERSED:
            for i in range(length // 2):
                a, b = i * runs + run, (length - 1 - i) * runs + run
                values[a], values[b] = values[b], values[a]
        elif token == DISTINCT:
            kept = 0
            for at in range(run, length * runs, runs):
                if at == run or values[at] != values[at - runs]:
                    values[kept * runs + run] = values[at]
                    kept += 1
        elif token == EVERY_OTHER:
            kept = (length + 1) // 2
        elif token == TAKE:
            kept = clip_index(numbers[run], length)
        elif token == DROP:
            dropped = clip_index(numbers[run], length)
            kept = length - dropped
            for i in range(kept):
                values[i * runs + run] = values[(dropped + i) * runs + run]
        lengths[run] = kept


@part
def reduce_lists(token: Any, values: Any, lengths: Any, numbers: Any, runs: Any) -> None:
    """Operations that make a number, or the truth, of a list; in some, of a number, too, in its place."""
    if token == LENGTH or token == EMPTY:
        for run in range(runs):
            numbers[run] = lengths[run] if token == LENGTH else lengths[run] == 0
    elif token == OCCURRENCES or token == CONTAINS:
        for run in range(runs):
            found = np.int64(0)
            for i in range(lengths[run]):
                found += values[i * runs + run] == numbers[run]
            numbers[run] = found if token == OCCURRENCES else found > 0
    else:
        fill_lanes(numbers, _ZERO, runs)
        for i in range(longest_of(lengths, runs)):
            for run in range(runs):
                value = values[i * runs + run]
                if token == SUM:
                    value += numbers[run]
                elif i > 0:
                    value = max(value, numbers[run]) if token == LARGEST else min(value, numbers[run])
                numbers[run] = value if i < lengths[run] else numbers[run]


@part_of_caller
def join_texts(right: Any, right_length: Any, left: Any, left_length: Any) -> None:
    """Put a text before another one."""
    for i in range(right_length - 1, -1, -1):
        right[left_length + i] = right[i]
    for i in range(left_length):
        right[i] = left[i]


@part
def apply_to_texts(token: Any, machine: Any, numbers: Any, upper: Any) -> None:
    """Operations that make a text; ``upper`` is its place on the stack."""
    lengths = machine.text_lengths
    for run in range(machine.num_runs):
        text, above = machine.texts[upper, run], machine.texts[upper + 1, run]
        length = lengths[upper, run]
        if token == DIGITS:
            lengths[upper, run] = write_digits(numbers[run], text)
        elif token == BACKWARD:
            reverse_prefix(text, length)
        elif token == JOIN:  # the left text lies above the right one
            join_texts(text, length, above, lengths[upper + 1, run])
            lengths[upper, run] += lengths[upper + 1, run]
        elif token == CHOOSE_TEXT:
            if numbers[run]:
                lengths[upper, run] = lengths[upper + 1, run]
                for i in range(lengths[upper, run]):
                    text[i] = above[i]
        else:
            text[0] = _TEXT_CODES[token - TEXT]
            lengths[upper, run] = token != TEXT


@part
def evaluate(tokens: Any, start: Any, stop: Any, machine: Any, base: Any, width: Any) -> None:
    """Evaluate an expression in all runs; ``find_ends`` came before.

    Numbers and truth values are left at the place ``base`` of their stack, texts at the bottom of theirs. In
    the body of a helper, its parameter lies below ``base``.

    Args:
        tokens: productions in prefix order.
        start: position of the expression.
        stop: position after it.
        machine: a record of MACHINE, changed.
        base: first free place of the stack of numbers.
        width: for how many items, from ``machine.item`` on; more than one only where there are just numbers.
    """
    ints, frames, runs = machine.ints, machine.frames, machine.num_runs
    lanes = width * runs
    top, upper, depth = base, _ZERO, _ZERO  # of the stacks: the first free places
    parameter = base - 1
    position = stop - 1
    while True:
        if position < start:
            if depth == 0:
                break
            top -= 1
            copy_lanes(ints[top], ints[parameter], lanes)
            depth -= 1
            position, start, parameter = frames[depth, 0], frames[depth, 1], frames[depth, 2]
            continue
        token = tokens[position]
        position -= 1
        if token >= CALL:
            number = token - CALL if token < TEST else token - TEST
            frames[depth, 0], frames[depth, 1], frames[depth, 2] = position, start, parameter
            depth += 1
            parameter = top - 1
            start = machine.definitions[number]
            position = machine.ends[start] - 1
        elif token >= VARIABLE:
            variable = token - VARIABLE
            push_variable(machine, variable, top, upper, width)
            category = machine.variable_categories[variable]
            top += category != LIST and category != STR
            upper += category == STR
        elif token <= LAST_LITERAL:
            fill_lanes(ints[top], _LITERALS[token - LITERAL], lanes)
            top += 1
        elif token == ITEM:
            copy_lanes(machine.source[machine.item * runs :], ints[top], lanes)
            top += 1
        elif token == PARAMETER:
            copy_lanes(ints[parameter], ints[top], lanes)
            top += 1
        elif token == TRUE or token == FALSE:
            fill_lanes(ints[top], np.int64(token == TRUE), lanes)
            top += 1
        elif token == ABSOLUTE:
            for lane in range(lanes):
                ints[top - 1, lane] = abs(ints[top - 1, lane])
        elif token == NOT:
            for lane in range(lanes):
                ints[top - 1, lane] = 1 - ints[top - 1, lane]
        elif token == CHOOSE:
            top -= 2
            for lane in range(lanes):
                chosen = ints[top, lane] if ints[top + 1, lane] else ints[top - 1, lane]
                ints[top - 1, lane] = chosen
        elif token == SUM or (LENGTH <= token <= SMALLEST) or token == EMPTY:
            reduce_lists(token, machine.list, machine.length, ints[top], runs)
            top += 1
        elif token == OCCURRENCES or token == CONTAINS:
            reduce_lists(token, machine.list, machine.length, ints[top - 1], runs)
        elif SORTED <= token <= DROP:
            top -= token == TAKE or token == DROP
            rearrange_lists(token, machine.list, machine.length, ints[top], runs)
        elif token == TEXT_LENGTH:
            upper -= 1
            copy_lanes(machine.text_lengths[upper], ints[top], runs)
            top += 1
        elif TEXT <= token <= CHOOSE_TEXT:
            top -= token == DIGITS or token == CHOOSE_TEXT
            upper -= 2 * (token == JOIN or token == CHOOSE_TEXT) + (token == BACKWARD)
            apply_to_texts(token, machine, ints[top], upper)
            upper += 1
        else:
            top -= 1
            apply_to_numbers(token, ints[top], ints[top - 1], lanes)


# --- Values ------------------------------------------------------------------------------------------


@kernel
def absorb_word(state: Any, word: Any) -> Any:
    """One step of hashing."""
    return finalize_word((state ^ np.uint64(word)) + GOLDEN_WORD)


@part
def hash_sequence(values: Any, first: Any, step: Any, length: Any) -> Any:
    """A hash of a list or text, whose values stand ``step`` places apart."""
    state = absorb_word(np.uint64(7), length)
    for i in range(length):
        state = absorb_word(state, values[first + i * step])
    return state


@part
def hash_variable(variable: Any, run: Any, machine: Any) -> Any:
    """A hash of a variable or the result after a run; equal values of one category have equal hashes."""
    category = machine.variable_categories[variable]
    length = machine.variable_lengths[variable, run]
    if category == LIST:
        return hash_sequence(machine.variable_lists[variable], run, machine.num_runs, length)
    if category == STR:
        return hash_sequence(machine.variable_texts[variable, run], _ZERO, _ONE_ITEM, length)
    return absorb_word(np.uint64(3), machine.variables[variable, run])


# --- Statements --------------------------------------------------------------------------------------


@part_of_caller
def category_of(machine: Any, token: Any) -> Any:
    """Category of the expression that a production begins."""
    return machine.variable_categories[token - VARIABLE] if VARIABLE <= token < CALL else CATEGORY[token]


@part
def keep(machine: Any, run: Any, variable: Any, base: Any) -> None:
    """Store what was just evaluated at a place in a variable of one run."""
    category, runs = machine.variable_categories[variable], machine.num_runs
    if category == LIST:
        machine.variable_lengths[variable, run] = machine.length[run]
        for i in range(machine.length[run]):
            machine.variable_lists[variable, i * runs + run] = machine.list[i * runs + run]
    elif category == STR:
        machine.variable_lengths[variable, run] = machine.text_lengths[0, run]
        for i in range(machine.text_lengths[0, run]):
            machine.variable_texts[variable, run, i] = machine.texts[0, run, i]
    else:
        machine.variables[variable, run] = machine.ints[base, run]


@part
def keep_all(machine: Any, variable: Any) -> None:
    """Store what was just evaluated in a variable of all runs."""
    category, runs = machine.variable_categories[variable], machine.num_runs
    if category == LIST:
        copy_lanes(machine.length, machine.variable_lengths[variable], runs)
        copy_lanes(machine.list, machine.variable_lists[variable], LIST_LENGTH * runs)
    elif category == STR:
        for run in range(runs):
            keep(machine, run, variable, _BOTTOM)
    else:
        copy_lanes(machine.ints[0], machine.variables[variable], runs)


@part_of_caller
def append_text(machine: Any, run: Any, variable: Any) -> None:
    """Write the text that was just evaluated behind a variable of one run."""
    at = machine.variable_lengths[variable, run]
    for i in range(machine.text_lengths[0, run]):
        machine.variable_texts[variable, run, at + i] = machine.texts[0, run, i]
    machine.variable_lengths[variable, run] = at + machine.text_lengths[0, run]


@part_of_caller
def has_numbers_only(tokens: Any, start: Any, stop: Any, machine: Any) -> Any:
    """Whether no list or text is part of expressions."""
    for position in range(start, stop):
        category = category_of(machine, tokens[position])
        if category == LIST or category == STR:
            return False
    return True


@part_of_caller
def loop(tokens: Any, statement: Any, variable: Any, machine: Any) -> None:
    """Carry out a comprehension or for loop over the list that was just evaluated."""
    token, runs = tokens[statement], machine.num_runs
    first = machine.ends[statement + 1]  # the hole after the list
    second, stop = machine.ends[first], machine.ends[statement]
    values, bodies, source = machine.ints[0], machine.ints[1], machine.source
    total, made = machine.variables[variable], machine.variable_lists[variable]
    lengths, made_lengths = machine.source_length, machine.variable_lengths[variable]
    copy_lanes(machine.length, lengths, runs)
    longest = longest_of(lengths, runs)
    copy_lanes(machine.list, source, longest * runs)
    fill_lanes(total, _ZERO, runs)
    fill_lanes(made_lengths, _ZERO, runs)
    width = np.int64(1)
    if token == FOR_FOLD:
        evaluate(tokens, first, second, machine, _BOTTOM, width)
        copy_lanes(values, total, runs)
        first, second = second, stop
    elif has_numbers_only(tokens, first, stop, machine):
        width = max(longest, width)
    for item in range(0, longest, width):
        machine.item = item
        evaluate(tokens, first, second, machine, _BOTTOM, width)
        if token == FOR_ADD_IF:
            evaluate(tokens, second, stop, machine, _ABOVE, width)
        for i in range(width):
            at = i * runs
            if token == FOR_ADD:
                for run in range(runs):
                    total[run] += values[at + run] if item + i < lengths[run] else 0
            elif token == FOR_ADD_IF:
                for run in range(runs):
                    counts = (item + i < lengths[run]) & (values[at + run] != 0)
                    total[run] += bodies[at + run] if counts else 0
            elif token == FOR_FOLD:
                for run in range(runs):
                    total[run] = values[run] if item < lengths[run] else total[run]
            elif token == LET_MAP:
                copy_lanes(values[at:], made[(item + i) * runs :], runs)
            elif token == LET_FILTER:
                for run in range(runs):  # an item that does not count is overwritten
                    made[made_lengths[run] * runs + run] = source[(item + i) * runs + run]
                    made_lengths[run] += (item + i < lengths[run]) & (values[at + run] != 0)
            else:
                for run in range(runs):
                    if item < lengths[run]:
                        append_text(machine, run, variable)
    if token == LET_MAP:
        copy_lanes(lengths, made_lengths, runs)


@part
def hand_over(machine: Any, run: Any, numbers: Any, length: Any, k: Any) -> None:
    """Set the parameters of one run, after the number of runs; they stay until they are set again.

    Args:
        machine: a record of MACHINE, changed.
        run: 0 to ``machine.num_runs`` - 1.
        numbers: the list, int8 (LIST_LENGTH,).
        length: of the list.
        k: the number.
    """
    machine.variables[K, run] = k
    machine.variable_lengths[NUMBERS, run] = length
    for i in range(length):
        machine.variable_lists[NUMBERS, i * machine.num_runs + run] = numbers[i]


@part
def resume(tokens: Any, count: Any, position: Any, variable: Any, machine: Any) -> None:
    """Run a program from a statement on, where those before it, which set variables, were run already.

    Args:
        tokens: int16 (MAX_TOKENS,), the program in prefix order.
        count: length of the program.
        position: of the first statement to run.
        variable: how many variables are set before it.
        machine: a record of MACHINE after ``find_ends``, changed.
    """
    runs, guarded = machine.num_runs, machine.guarded
    while position < count:
        token = tokens[position]
        first = position + 1
        if token == DEFINE_INT or token == DEFINE_BOOL:
            position = machine.ends[position]
            continue
        if token == ASSIGN_IF:
            first += 1  # the target comes first
        if DECLARES[token] >= 0:
            machine.variable_categories[variable] = DECLARES[token]
        evaluate(tokens, first, machine.ends[first], machine, _BOTTOM, _ONE_ITEM)
        second = machine.ends[first]
        if token == RETURN:
            machine.variable_categories[RESULT] = category_of(machine, tokens[first])
            for run in range(runs):
                if not guarded[run]:
                    keep(machine, run, RESULT, _BOTTOM)
                machine.hashes[run] = hash_variable(RESULT, run, machine)
            break
        if token == GUARD:
            machine.variable_categories[RESULT] = category_of(machine, tokens[second])
            evaluate(tokens, second, machine.ends[second], machine, _ABOVE, _ONE_ITEM)
            for run in range(runs):
                if machine.ints[0, run] and not guarded[run]:
                    keep(machine, run, RESULT, _ABOVE)
                    machine.num_variables[run], guarded[run] = variable, 1
        elif token == ASSIGN_IF:
            target = tokens[position + 1] - VARIABLE
            evaluate(tokens, second, machine.ends[second], machine, _ABOVE, _ONE_ITEM)
            for run in range(runs):
                if machine.ints[0, run] and not guarded[run]:
                    machine.variables[target, run] = machine.ints[1, run]
        else:
            if token == LET_INT or token == LET_STR or token == LET_LIST:
                keep_all(machine, variable)
            else:
                loop(tokens, position, variable, machine)
            variable += 1
        position = machine.ends[position]
    for run in range(runs):
        if not guarded[run]:
            machine.num_variables[run] = variable


@part_of_caller
def execute(tokens: Any, count: Any, machine: Any) -> None:
    """Run a program on all inputs that ``hand_over`` has set; ``find_ends`` came before.

    What it returns is kept like a variable, as ``RESULT``.
    """
    machine.variable_categories[NUMBERS] = LIST
    machine.variable_categories[K] = INT
    machine.guarded[:] = 0
    resume(tokens, count, np.int64(0), np.int64(FIRST_LET), machine)
