"""Runs programs of the grammar in this process: total, deterministic, bounded by construction.

Nothing can raise: every operation is defined for all its arguments, numbers cannot overflow (sizes, see
``grammar``), loops go over lists of at most 16 numbers, and helpers call earlier helpers only.

Expressions are evaluated from right to left over their prefix derivation, with one stack for numbers and
truth values and one for lists and texts; a text is a list of character codes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from etude_gym.envs.code.grammar import (
    DECLARES,
    FIRST_LET,
    INT,
    LIST,
    LITERALS,
    MAX_DEFINITIONS,
    MAX_VARIABLES,
    NUM_HOLES,
    NUMBER_OF,
    NUMBERS,
    STR,
    TEXT_SIZE,
    TEXTS,
    K,
)
from etude_gym.kernels import GOLDEN_WORD, finalize_word, kernel

MAX_TOKENS = 128
"""Productions in a program at most."""
MAX_TEXT = 1 << TEXT_SIZE
SEQUENCES = 40
"""Lists and texts on the stack at most: joined texts nest ten deep, a choice takes three tokens."""

MACHINE = np.dtype(
    [
        ("ends", np.int64, (MAX_TOKENS + 1,)),  # position after the subtree that begins at a position
        ("definitions", np.int64, (MAX_DEFINITIONS,)),  # where the bodies of helpers begin
        ("ints", np.int64, (2 * MAX_TOKENS,)),
        ("sequences", np.int64, (SEQUENCES, MAX_TEXT)),
        ("lengths", np.int64, (SEQUENCES,)),
        ("frames", np.int64, (MAX_DEFINITIONS + 1, 3)),
        ("item", np.int64),
        ("variables", np.int64, (MAX_VARIABLES,)),
        ("variable_sequences", np.int64, (MAX_VARIABLES, MAX_TEXT)),
        ("variable_lengths", np.int64, (MAX_VARIABLES,)),
        ("variable_categories", np.int64, (MAX_VARIABLES,)),
        ("num_variables", np.int64),
        ("guarded", np.int64),  # whether the last run returned from a guard
    ],
    align=True,
)
"""The memory of one run; it can be used again and again."""

big_kernel: Callable[..., Any] = numba.njit(cache=True, error_model="numpy")
"""Decorator of kernels that are called from many places and too large to be inlined."""
part: Callable[..., Any] = numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""The same for kernels that only kernels call: not callable from Python nor cached, they compile faster."""

_TEXT_CODES = np.array([ord(text) if text else 0 for text in TEXTS], dtype=np.int64)
_LITERALS = np.array(LITERALS, dtype=np.int64)

RETURN, GUARD = NUMBER_OF["RETURN"], NUMBER_OF["GUARD"]
LET_INT, LET_STR, LET_LIST = NUMBER_OF["LET_INT"], NUMBER_OF["LET_STR"], NUMBER_OF["LET_LIST"]
LET_MAP, LET_FILTER, ASSIGN_IF = NUMBER_OF["LET_MAP"], NUMBER_OF["LET_FILTER"], NUMBER_OF["ASSIGN_IF"]
FOR_ADD, FOR_ADD_IF, FOR_FOLD = NUMBER_OF["FOR_ADD"], NUMBER_OF["FOR_ADD_IF"], NUMBER_OF["FOR_FOLD"]
FOR_TEXT, DEFINE_INT, DEFINE_BOOL = NUMBER_OF["FOR_TEXT"], NUMBER_OF["DEFINE_INT"], NUMBER_OF["DEFINE_BOOL"]
LITERAL, LAST_LITERAL = NUMBER_OF["LITERAL_0"], NUMBER_OF["LITERAL_100"]
ADD, SUBTRACT, MULTIPLY, SCALE = (NUMBER_OF[n] for n in ("ADD", "SUBTRACT", "MULTIPLY", "SCALE"))
FLOOR_DIVIDE, REMAINDER, ABSOLUTE = (NUMBER_OF[n] for n in ("FLOOR_DIVIDE", "REMAINDER", "ABSOLUTE"))
SMALLER, LARGER, CHOOSE = (NUMBER_OF[n] for n in ("SMALLER", "LARGER", "CHOOSE"))
SUM, LENGTH, LARGEST, SMALLEST = (NUMBER_OF[n] for n in ("SUM", "LENGTH", "LARGEST", "SMALLEST"))
OCCURRENCES, TEXT_LENGTH = NUMBER_OF["OCCURRENCES"], NUMBER_OF["TEXT_LENGTH"]
ITEM, PARAMETER, TRUE, FALSE = (NUMBER_OF[n] for n in ("ITEM", "PARAMETER", "TRUE", "FALSE"))
LESS_THAN, GREATER_THAN, EQUAL = (NUMBER_OF[n] for n in ("LESS_THAN", "GREATER_THAN", "EQUAL"))
DIVIDES, NOT, AND, OR, DIFFERENT = (NUMBER_OF[n] for n in ("DIVIDES", "NOT", "AND", "OR", "DIFFERENT"))
CONTAINS, EMPTY = NUMBER_OF["CONTAINS"], NUMBER_OF["EMPTY"]
TEXT, LAST_TEXT = NUMBER_OF["TEXT_0"], NUMBER_OF[f"TEXT_{len(TEXTS) - 1}"]
DIGITS, JOIN, BACKWARD, CHOOSE_TEXT = (NUMBER_OF[n] for n in ("DIGITS", "JOIN", "BACKWARD", "CHOOSE_TEXT"))
SORTED, REVERSED, DISTINCT = NUMBER_OF["SORTED"], NUMBER_OF["REVERSED"], NUMBER_OF["DISTINCT"]
EVERY_OTHER, TAKE, DROP = NUMBER_OF["EVERY_OTHER"], NUMBER_OF["TAKE"], NUMBER_OF["DROP"]
VARIABLE, CALL, TEST = NUMBER_OF["VARIABLE_0"], NUMBER_OF["CALL_0"], NUMBER_OF["TEST_0"]


# --- Reading a derivation ----------------------------------------------------------------------------


@kernel
def find_ends(tokens: Any, count: Any, machine: Any) -> None:
    """Where every subtree ends, and where the bodies of helpers begin."""
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


# --- Lists and texts on the stack --------------------------------------------------------------------


@kernel
def sort_prefix(values: Any, length: Any) -> None:
    """Sort the first ``length`` values in place (insertion sort: they are few)."""
    for i in range(1, length):
        value = values[i]
        j = i - 1
        while j >= 0 and values[j] > value:
            values[j + 1] = values[j]
            j -= 1
        values[j + 1] = value


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


@kernel
def apply_to_numbers(token: Any, a: Any, b: Any) -> Any:
    """Operations of two numbers or truth values."""
    if token == ADD:
        return a + b
    if token == SUBTRACT:
        return a - b
    if token == MULTIPLY or token == SCALE:
        return a * b
    if token == SMALLER:
        return min(a, b)
    if token == LARGER:
        return max(a, b)
    if token == FLOOR_DIVIDE:
        return a // b
    if token == REMAINDER:
        return a % b
    if token == DIVIDES:
        return np.int64(a % b == 0)
    if token == LESS_THAN:
        return np.int64(a < b)
    if token == GREATER_THAN:
        return np.int64(a > b)
    if token == EQUAL:
        return np.int64(a == b)
    if token == DIFFERENT:
        return np.int64(a != b)
    if token == AND:
        return a & b
    return a | b


@kernel
def reduce_list(token: Any, values: Any, length: Any) -> Any:
    """Operations that make a number, or the truth, of a list or text."""
    if token == LENGTH or token == TEXT_LENGTH:
        return length
    if token == EMPTY:
        return np.int64(length == 0)
    total = np.int64(0)
    if token == SUM:
        for i in range(length):
            total += values[i]
    elif length > 0:
        total = values[0]
        for i in range(1, length):
            total = max(total, values[i]) if token == LARGEST else min(total, values[i])
    return total


@kernel
def transform_list(token: Any, values: Any, length: Any) -> Any:
    """Operations of one list or text, in place; returns the new length."""
    if token == REVERSED or token == BACKWARD:
        reverse_prefix(values, length)
        return length
    if token == EVERY_OTHER:
        kept = (length + 1) // 2
        for i in range(kept):
            values[i] = values[2 * i]
        return kept
    sort_prefix(values, length)
    if token == SORTED:
        return length
    kept = 0
    for i in range(length):
        if i == 0 or values[i] != values[kept - 1]:
            values[kept] = values[i]
            kept += 1
    return kept


@kernel
def slice_list(token: Any, values: Any, length: Any, bound: Any) -> Any:
    """The first numbers of a list, or the others, in place; returns the new length."""
    at = clip_index(bound, length)
    if token == TAKE:
        return at
    for i in range(at, length):
        values[i - at] = values[i]
    return length - at


@kernel
def occurrences(values: Any, length: Any, wanted: Any) -> Any:
    """How often a number stands in a list."""
    found = np.int64(0)
    for i in range(length):
        found += values[i] == wanted
    return found


@part
def evaluate(tokens: Any, start: Any, stop: Any, machine: Any, parameter: Any) -> Any:
    """Value of the expression at positions ``start`` to ``stop``; ``find_ends`` came before.

    Numbers and truth values are returned; lists and texts are left at the bottom of the stack.
    """
    ints, sequences, lengths, frames = machine.ints, machine.sequences, machine.lengths, machine.frames
    top, upper, depth = 0, 0, 0  # of the stacks: the first free places
    position = stop - 1
    while True:
        if position < start:
            if depth == 0:
                break
            depth -= 1
            position, start, parameter = frames[depth, 0], frames[depth, 1], frames[depth, 2]
            continue
        token = tokens[position]
        position -= 1
        if token >= CALL:
            number = token - CALL if token < TEST else token - TEST
            frames[depth, 0], frames[depth, 1], frames[depth, 2] = position, start, parameter
            depth += 1
            top -= 1
            parameter = ints[top]
            start = machine.definitions[number]
            position = machine.ends[start] - 1
        elif token >= VARIABLE:
            variable = token - VARIABLE
            category = machine.variable_categories[variable]
            if category == LIST or category == STR:
                lengths[upper] = machine.variable_lengths[variable]
                for i in range(lengths[upper]):
                    sequences[upper, i] = machine.variable_sequences[variable, i]
                upper += 1
            else:
                ints[top] = machine.variables[variable]
                top += 1
        elif token <= LAST_LITERAL:
            ints[top] = _LITERALS[token - LITERAL]
            top += 1
        elif token == ITEM:
            ints[top] = machine.item
            top += 1
        elif token == PARAMETER:
            ints[top] = parameter
            top += 1
        elif token == TRUE or token == FALSE:
            ints[top] = token == TRUE
            top += 1
        elif token == ABSOLUTE:
            ints[top - 1] = abs(ints[top - 1])
        elif token == NOT:
            ints[top - 1] = 1 - ints[top - 1]
        elif token == CHOOSE:
            ints[top - 3] = ints[top - 2] if ints[top - 1] else ints[top - 3]
            top -= 2
        elif token == SUM or (LENGTH <= token <= SMALLEST) or token == TEXT_LENGTH or token == EMPTY:
            upper -= 1
            ints[top] = reduce_list(token, sequences[upper], lengths[upper])
            top += 1
        elif token == OCCURRENCES or token == CONTAINS:
            upper -= 1
            found = occurrences(sequences[upper], lengths[upper], ints[top - 1])
            ints[top - 1] = found if token == OCCURRENCES else np.int64(found > 0)
        elif SORTED <= token <= EVERY_OTHER or token == BACKWARD:
            lengths[upper - 1] = transform_list(token, sequences[upper - 1], lengths[upper - 1])
        elif token == TAKE or token == DROP:
            top -= 1
            lengths[upper - 1] = slice_list(token, sequences[upper - 1], lengths[upper - 1], ints[top])
        elif TEXT <= token <= LAST_TEXT:
            sequences[upper, 0] = _TEXT_CODES[token - TEXT]
            lengths[upper] = token != TEXT
            upper += 1
        elif token == DIGITS:
            top -= 1
            lengths[upper] = write_digits(ints[top], sequences[upper])
            upper += 1
        elif token == JOIN:
            upper -= 1  # the left text lies above the right one
            length = lengths[upper]
            for i in range(lengths[upper - 1]):
                sequences[upper, length + i] = sequences[upper - 1, i]
            lengths[upper - 1] += length
            for i in range(lengths[upper - 1]):
                sequences[upper - 1, i] = sequences[upper, i]
        elif token == CHOOSE_TEXT:
            top -= 1
            upper -= 1
            if ints[top]:
                lengths[upper - 1] = lengths[upper]
                for i in range(lengths[upper]):
                    sequences[upper - 1, i] = sequences[upper, i]
        else:
            top -= 1
            ints[top - 1] = apply_to_numbers(token, ints[top], ints[top - 1])
    return ints[0]


# --- Statements --------------------------------------------------------------------------------------


@kernel
def keep_sequence(machine: Any, variable: Any) -> None:
    """Store the list or text that was just evaluated in a variable."""
    length = machine.lengths[0]
    machine.variable_lengths[variable] = length
    for i in range(length):
        machine.variable_sequences[variable, i] = machine.sequences[0, i]


@part
def loop(tokens: Any, statement: Any, variable: Any, machine: Any) -> None:
    """Carry out a comprehension or for loop over the list that was just evaluated."""
    token = tokens[statement]
    first = machine.ends[statement + 1]  # the hole after the list
    after_first = machine.ends[first]
    source = np.empty(16, dtype=np.int64)
    length = machine.lengths[0]
    for i in range(length):
        source[i] = machine.sequences[0, i]
    machine.variable_lengths[variable] = 0
    machine.variables[variable] = 0
    if token == FOR_FOLD:
        machine.variables[variable] = evaluate(tokens, first, after_first, machine, 0)
    for i in range(length):
        machine.item = source[i]
        value = np.int64(0)
        if token != FOR_FOLD:
            value = evaluate(tokens, first, after_first, machine, 0)
        if token == FOR_ADD:
            machine.variables[variable] += value
        elif token == FOR_ADD_IF:
            if value:
                body = evaluate(tokens, after_first, machine.ends[after_first], machine, 0)
                machine.variables[variable] += body
        elif token == FOR_FOLD:
            body = evaluate(tokens, after_first, machine.ends[after_first], machine, 0)
            machine.variables[variable] = body
        elif token == FOR_TEXT:
            at = machine.variable_lengths[variable]
            for j in range(machine.lengths[0]):
                machine.variable_sequences[variable, at + j] = machine.sequences[0, j]
            machine.variable_lengths[variable] = at + machine.lengths[0]
        elif token == LET_MAP or value:
            at = machine.variable_lengths[variable]
            machine.variable_sequences[variable, at] = value if token == LET_MAP else source[i]
            machine.variable_lengths[variable] = at + 1


@big_kernel
def execute(tokens: Any, count: Any, numbers: Any, length: Any, k: Any, machine: Any) -> Any:
    """Run a program; ``find_ends`` came before.

    Returns:
        The value if it is a number or the truth; lists and texts are left at the bottom of the stack.
        ``machine.num_variables`` tells how many variables were set before the program returned.
    """
    machine.variable_categories[NUMBERS] = LIST
    machine.variable_categories[K] = INT
    machine.variables[K] = k
    machine.variable_lengths[NUMBERS] = length
    for i in range(length):
        machine.variable_sequences[NUMBERS, i] = numbers[i]
    machine.guarded = 0
    variable = FIRST_LET
    position = 0
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
        value = evaluate(tokens, first, machine.ends[first], machine, 0)
        second = machine.ends[first]
        if token == RETURN:
            machine.num_variables = variable
            return value
        if token == GUARD:
            if value:
                machine.num_variables, machine.guarded = variable, 1
                return evaluate(tokens, second, machine.ends[second], machine, 0)
        elif token == ASSIGN_IF:
            if value:
                target = tokens[position + 1] - VARIABLE
                machine.variables[target] = evaluate(tokens, second, machine.ends[second], machine, 0)
        else:
            if token == LET_INT:
                machine.variables[variable] = value
            elif token == LET_STR or token == LET_LIST:
                keep_sequence(machine, variable)
            else:
                loop(tokens, position, variable, machine)
            variable += 1
        position = machine.ends[position]
    machine.num_variables = variable
    return np.int64(0)


# --- Values ------------------------------------------------------------------------------------------


@kernel
def absorb_word(state: Any, word: Any) -> Any:
    """One step of hashing."""
    return finalize_word((state ^ np.uint64(word)) + GOLDEN_WORD)


@kernel
def hash_sequence(values: Any, length: Any) -> Any:
    """A hash of a list or text."""
    state = absorb_word(np.uint64(7), length)
    for i in range(length):
        state = absorb_word(state, values[i])
    return state


@kernel
def hash_result(value: Any, category: Any, machine: Any) -> Any:
    """A hash of what ``execute`` returned; equal values of one category have equal hashes."""
    if category == LIST or category == STR:
        return hash_sequence(machine.sequences[0], machine.lengths[0])
    return absorb_word(np.uint64(3), value)


@kernel
def hash_variable(variable: Any, machine: Any) -> Any:
    """The same for a variable after a run."""
    category = machine.variable_categories[variable]
    if category == LIST or category == STR:
        return hash_sequence(machine.variable_sequences[variable], machine.variable_lengths[variable])
    return absorb_word(np.uint64(3), machine.variables[variable])
