"""Packages of modules as data: how well they are built, and the steps that rebuild them without harm.

A package has up to 16 definitions, each in a slot: a function of n, or a constant, whose body is a number.
A body is a derivation in prefix order; ``CALL_j`` calls the definition in slot j, wherever it lives. The use
of a constant is ``CALL_j LITERAL_0``: a production has the same number of holes everywhere.

No step changes what a public function returns, and none makes functions call each other in circles.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.envs.code.language.grammar import CATEGORY, INT, MAX_DEFINITIONS, NUM_HOLES, WEIGHT
from etude_gym.envs.code.language.interpreter import absorb_word
from etude_gym.envs.code.language.tokens import (
    CALL,
    DEFINE_INT,
    DIVIDES,
    MAX_TOKENS,
    MULTIPLY,
    PARAMETER,
    REMAINDER,
    SCALE,
)
from etude_gym.tasks.kernels import kernel, part, part_of_caller

MAX_BODY = 40
"""Productions in a body at most."""
MIN_EXTRACT = 3
"""Productions in an expression that can be extracted at least: a call takes two."""
MIN_DUPLICATE = 6
"""Expressions in a subtree at least whose repetition counts."""

PACKAGE = np.dtype(
    [
        ("body", np.int16, (MAX_DEFINITIONS, MAX_BODY)),
        ("length", np.int8, (MAX_DEFINITIONS,)),  # of bodies; 0 where a slot is free
        ("module", np.int8, (MAX_DEFINITIONS,)),
        ("public", np.int8, (MAX_DEFINITIONS,)),  # whether; arrays of bool cannot be part of records
        ("constant", np.int8, (MAX_DEFINITIONS,)),
        ("num_modules", np.int8),
    ],
    align=True,
)

CYCLES, DUPLICATES, LONGEST, EDGES = range(4)
NUM_MEASURES = 4

_MAX_FORMS = 2 * MAX_TOKENS
_LAST_CALL = CALL + MAX_DEFINITIONS - 1


# --- Reading a package -------------------------------------------------------------------------------


@part
def flatten(package: Any, tokens: Any) -> Any:
    """Write all definitions in the order of their slots, each with a header.

    A flat position is an index into what is written.

    Args:
        package: a record of PACKAGE.
        tokens: int16 (MAX_TOKENS,), written.

    Returns:
        The number of tokens.
    """
    count = 0
    for slot in range(MAX_DEFINITIONS):
        length = package.length[slot]
        if length > 0:
            tokens[count] = DEFINE_INT
            for i in range(length):
                tokens[count + 1 + i] = package.body[slot, i]
            count += 1 + length
    return count


@part
def slot_at(package: Any, position: Any) -> Any:
    """The slot whose header or body holds a flat position, or -1.

    Args:
        package: a record of PACKAGE.
        position: any integer.
    """
    start = 0
    for slot in range(MAX_DEFINITIONS):
        length = package.length[slot]
        if length > 0:
            if start <= position <= start + length:
                return slot
            start += 1 + length
    return -1


@part
def header_of(package: Any, slot: Any) -> Any:
    """The flat position of a definition's header.

    Args:
        package: a record of PACKAGE.
        slot: of the definition; ``MAX_DEFINITIONS`` gives the number of tokens of the package.
    """
    position = 0
    for other in range(slot):
        if package.length[other] > 0:
            position += 1 + package.length[other]
    return position


@kernel
def offset_at(package: Any, position: Any) -> Any:
    """The offset in its body that a flat position has: -1 for the header."""
    slot = slot_at(package, position)
    return position - header_of(package, slot) - 1 if slot >= 0 else -1


@part
def is_used(package: Any, slot: Any) -> Any:
    """Whether a slot holds a definition."""
    return 0 <= slot < MAX_DEFINITIONS and package.length[slot] > 0


@part_of_caller
def is_call(token: Any) -> Any:
    """Whether a token calls a definition."""
    return CALL <= token <= _LAST_CALL


@part
def end_of(package: Any, slot: Any, start: Any) -> Any:
    """The offset in a body after the subtree that begins at an offset."""
    missing = 1
    while missing > 0:
        missing += NUM_HOLES[package.body[slot, start]] - 1
        start += 1
    return start


@part_of_caller
def calls_of(package: Any, slot: Any) -> Any:
    """The slots that a definition uses, as bits."""
    calls = np.int64(0)
    for i in range(package.length[slot]):
        token = package.body[slot, i]
        if is_call(token):
            calls |= np.int64(1) << np.int64(token - CALL)
    return calls


# --- How well it is built ----------------------------------------------------------------------------


@part
def count_edges(package: Any, out: Any) -> None:
    """Pairs of a definition and one of another module that it uses; modules in import cycles."""
    imports = np.empty(MAX_DEFINITIONS, np.int64)
    imports[:] = 0
    edges, cycles = np.int64(0), np.int64(0)
    for slot in range(MAX_DEFINITIONS):
        calls = calls_of(package, slot)
        module = np.int64(package.module[slot])
        for other in range(MAX_DEFINITIONS):
            if (calls >> other) & 1 != 0 and package.module[other] != module:
                edges += 1
                imports[module] |= np.int64(1) << np.int64(package.module[other])
    for middle in range(package.num_modules):
        for first in range(package.num_modules):
            if (imports[first] >> middle) & 1 != 0:
                imports[first] |= imports[middle]
    for first in range(package.num_modules):
        cycles += (imports[first] >> first) & 1
    out[EDGES], out[CYCLES] = edges, cycles


@part
def note_form(forms: Any, count: Any, form: Any) -> Any:
    """Keep the form of a subtree that is large enough to be a duplicate; returns whether it is one."""
    known = False
    for i in range(count):
        known |= forms[i] == form
    forms[count] = form
    return known


@part
def measure(package: Any, out: Any) -> None:
    """Write import cycles, duplicates, weight of the longest function and edges between modules.

    Subtrees are counted as Python's syntax has them: both multiplications are the same there, a test for
    divisibility holds a remainder, and the use of a constant is just a name.

    Args:
        package: a record of PACKAGE.
        out: int64 (NUM_MEASURES,), written.
    """
    count_edges(package, out)
    forms = np.empty(_MAX_FORMS, np.int64)
    hashes = np.empty(MAX_BODY + 1, np.int64)
    weights = np.empty(MAX_BODY + 1, np.int64)
    ends = np.empty(MAX_BODY + 1, np.int64)
    count = np.int64(0)
    out[LONGEST], out[DUPLICATES] = 0, 0
    for slot in range(MAX_DEFINITIONS):
        if package.constant[slot]:
            continue
        for at in range(package.length[slot] - 1, -1, -1):
            token = np.int64(package.body[slot, at])
            children = np.uint64(0)
            weight = WEIGHT[token]
            end = at + 1
            for _ in range(NUM_HOLES[token]):
                children = absorb_word(children, hashes[end])
                weight += weights[end]
                end = ends[end]
            if is_call(token) and package.constant[token - CALL]:
                weight = 1
            if token == DIVIDES and weight - 2 >= MIN_DUPLICATE:
                form = np.int64(absorb_word(children, REMAINDER))
                out[DUPLICATES] += note_form(forms, count, form)
                count += 1
            form = np.int64(absorb_word(children, MULTIPLY if token == SCALE else token))
            if weight >= MIN_DUPLICATE:
                out[DUPLICATES] += note_form(forms, count, form)
                count += 1
            hashes[at], weights[at], ends[at] = form, weight, end
        if package.length[slot] > 0 and weights[0] > out[LONGEST]:
            out[LONGEST] = weights[0]


@kernel
def improvement(start: Any, now: Any, clean: Any) -> Any:
    """How much of what can be gained has been gained, from 0 to 1; what gets worse instead takes from it.

    Args:
        start: int64 (NUM_MEASURES,), measures of the package that was given.
        now: int64 (NUM_MEASURES,), present measures.
        clean: int64 (NUM_MEASURES,), measures that can be reached.
    """
    total = 0.0
    shares = 0
    gainable = False
    for i in range(NUM_MEASURES):
        if start[i] > clean[i]:
            total += max(-1.0, min(1.0, (start[i] - now[i]) / (start[i] - clean[i])))
            shares += 1
            gainable = True
        elif now[i] > clean[i]:
            total -= min(1.0, (now[i] - clean[i]) / max(clean[i], 1))
            shares += 1
    return max(0.0, min(1.0, total / shares)) if gainable else 0.0


# --- Bodies ------------------------------------------------------------------------------------------


@part
def shift_tail(package: Any, slot: Any, start: Any, by: Any) -> None:
    """Move the end of a body, and adapt its length.

    Args:
        package: a record of PACKAGE, changed.
        slot: of the definition.
        start: offset from which on tokens are moved.
        by: places to the right; negative to the left.
    """
    length = np.int64(package.length[slot])
    for i in range(length - start):
        at = length - 1 - i if by > 0 else start + i
        package.body[slot, at + by] = package.body[slot, at]
    package.length[slot] = length + by


@part_of_caller
def total_tokens(package: Any) -> Any:
    """How many tokens a package has, headers included."""
    return header_of(package, np.int64(MAX_DEFINITIONS))


@part
def occurs_at(package: Any, slot: Any, at: Any, model: Any, start: Any, length: Any) -> Any:
    """Whether the tokens at an offset of a body are the same as some in another body.

    Args:
        package: a record of PACKAGE.
        slot: of the first definition.
        at: offset in its body.
        model: slot of the other definition.
        start: offset in that one's body.
        length: how many tokens to compare.
    """
    if at + length > package.length[slot]:
        return False
    equal = 0
    while equal < length and package.body[slot, at + equal] == package.body[model, start + equal]:
        equal += 1
    return equal == length


@part_of_caller
def have_equal_bodies(package: Any, slot: Any, other: Any) -> Any:
    """Whether two definitions say the same."""
    length = np.int64(package.length[slot])
    return length == package.length[other] and occurs_at(
        package, slot, np.int64(0), other, np.int64(0), length
    )


# --- Moving ------------------------------------------------------------------------------------------


@kernel
def can_move(package: Any, slot: Any, module: Any) -> Any:
    """Whether a definition can go to a module; public ones stay where their users expect them."""
    return (
        is_used(package, slot)
        and not package.public[slot]
        and 0 <= module < package.num_modules
        and module != package.module[slot]
    )


@part_of_caller
def move(package: Any, slot: Any, module: Any) -> None:
    """Put a definition into another module."""
    package.module[slot] = module


# --- Merging -----------------------------------------------------------------------------------------


@kernel
def can_merge(package: Any, going: Any, staying: Any) -> Any:
    """Whether a definition can be dropped for another one with the same body."""
    return (
        is_used(package, going)
        and is_used(package, staying)
        and going != staying
        and not package.public[going]
        and package.constant[going] == package.constant[staying]
        and have_equal_bodies(package, going, staying)
    )


@part
def merge(package: Any, going: Any, staying: Any) -> None:
    """Replace a definition by another one with the same body, and drop it.

    Args:
        package: a record of PACKAGE, changed.
        going: slot of the definition to drop.
        staying: slot of the other one; ``can_merge`` says whether it may take the place.
    """
    package.length[going] = 0
    for slot in range(MAX_DEFINITIONS):
        for i in range(package.length[slot]):
            if package.body[slot, i] == CALL + going:
                package.body[slot, i] = CALL + staying


# --- Inlining ----------------------------------------------------------------------------------------


@part
def occurrences_of_parameter(package: Any, slot: Any) -> Any:
    """How often n stands in a body."""
    found = 0
    for i in range(package.length[slot]):
        found += package.body[slot, i] == PARAMETER
    return found


@part
def can_inline(package: Any, slot: Any) -> Any:
    """Whether a body can be put wherever the definition is used: it has to fit, and no code is multiplied.

    Args:
        package: a record of PACKAGE.
        slot: of the definition; any integer.
    """
    if not is_used(package, slot) or package.public[slot]:
        return False
    growth = np.int64(package.length[slot]) - 2  # the call and n make room
    short_only = occurrences_of_parameter(package, slot) > 1
    total = total_tokens(package) - 1 - np.int64(package.length[slot])
    for other in range(MAX_DEFINITIONS):
        length = np.int64(package.length[other])
        for i in range(package.length[other]):
            if package.body[other, i] == CALL + slot:
                if short_only and NUM_HOLES[package.body[other, i + 1]] > 0:
                    return False
                length += growth
                total += growth
        if length > MAX_BODY:
            return False
    return total <= MAX_TOKENS


@part
def inline(package: Any, slot: Any) -> None:
    """Put a body wherever the definition is used, with the argument of each call in place of n, and drop it.

    Args:
        package: a record of PACKAGE, changed.
        slot: of the definition; ``can_inline`` says whether it may be inlined.
    """
    handed_over = np.empty(MAX_BODY, np.int64)
    length = np.int64(package.length[slot])
    uses = occurrences_of_parameter(package, slot)
    for other in range(MAX_DEFINITIONS):
        # From right to left: what is handed over holds no such call any more.
        for at in range(package.length[other] - 1, -1, -1):
            if package.body[other, at] != CALL + slot:
                continue
            size = end_of(package, other, at) - at - 1
            for i in range(size):
                handed_over[i] = package.body[other, at + 1 + i]
            shift_tail(package, other, at + 1 + size, length - 1 + uses * (size - 1) - size)
            place = at
            for i in range(length):
                token = package.body[slot, i]
                for j in range(size if token == PARAMETER else 1):
                    package.body[other, place] = handed_over[j] if token == PARAMETER else token
                    place += 1
    package.length[slot] = 0


# --- Extracting --------------------------------------------------------------------------------------


@part
def extract_target(package: Any, slot: Any, offset: Any) -> Any:
    """The slot of the function that an expression becomes a call of, or -1 if it cannot.

    It is the one whose whole body the expression is, if there is one: the one that was pointed at, else the
    first; else the lowest free slot.

    Args:
        package: a record of PACKAGE.
        slot: of the definition that holds the expression; any integer.
        offset: of the expression in its body; any integer.
    """
    if not is_used(package, slot) or not 0 <= offset < package.length[slot]:
        return -1
    length = end_of(package, slot, offset) - offset
    has_parameter = False
    for i in range(offset, offset + length):
        has_parameter |= package.body[slot, i] == PARAMETER
    if length < MIN_EXTRACT or not has_parameter or CATEGORY[package.body[slot, offset]] != INT:
        return -1
    target: Any = np.int64(-1)
    free: Any = np.int64(-1)
    found = np.int64(0)
    for other in range(MAX_DEFINITIONS - 1, -1, -1):
        if package.length[other] == 0:
            free = other
        for at in range(package.length[other]):
            if occurs_at(package, other, at, slot, offset, length):
                found += 1
                if package.length[other] == length:
                    target = other if offset > 0 else slot
    if target >= 0:
        return target if found > 1 else -1  # one is the function itself
    fits = total_tokens(package) + 1 + length - found * (length - 2) <= MAX_TOKENS
    return free if fits else -1


@part_of_caller
def can_extract(package: Any, slot: Any, offset: Any) -> Any:
    """Whether the expression at an offset of a body can become a call of a function with this body."""
    return extract_target(package, slot, offset) >= 0


@part
def extract(package: Any, slot: Any, offset: Any) -> None:
    """Make a private function of an expression, and call it wherever the expression stands.

    A function that has just this body already is called instead.

    Args:
        package: a record of PACKAGE, changed.
        slot: of the definition that holds the expression.
        offset: of the expression in its body; ``can_extract`` says whether it may be extracted.
    """
    target = extract_target(package, slot, offset)
    length = end_of(package, slot, offset) - offset
    if package.length[target] == 0:
        package.module[target] = package.module[slot]
        package.public[target], package.constant[target] = 0, 0
        for i in range(length):
            package.body[target, i] = package.body[slot, offset + i]
        package.length[target] = length
    for other in range(MAX_DEFINITIONS):
        for at in range(package.length[other]):
            # Bodies become shorter on the way; nothing is found behind their ends.
            if other != target and occurs_at(package, other, at, target, np.int64(0), length):
                package.body[other, at], package.body[other, at + 1] = CALL + target, PARAMETER
                shift_tail(package, other, at + length, 2 - length)
