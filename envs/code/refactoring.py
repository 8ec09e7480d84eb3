"""Packages of modules as data: how well they are built, and the steps that rebuild them without harm.

A package has up to 16 definitions, each in a slot: a function of n, or a constant, whose body is a number.
A body is a derivation in prefix order; ``CALL_j`` calls the definition in slot j, wherever it lives. The use
of a constant is ``CALL_j LITERAL_0``: a production has the same number of holes everywhere.

No step changes what a public function returns, and none makes functions call each other in circles.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.envs.code.grammar import CATEGORY, INT, MAX_DEFINITIONS, NUM_HOLES, WEIGHT
from etude_gym.envs.code.interpreter import (
    CALL,
    DEFINE_INT,
    DIVIDES,
    MAX_TOKENS,
    MULTIPLY,
    PARAMETER,
    REMAINDER,
    SCALE,
    absorb_word,
    big_kernel,
)
from etude_gym.kernels import kernel

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


@big_kernel
def flatten(package: Any, tokens: Any) -> Any:
    """Write all definitions in the order of their slots, each with a header; returns how many tokens."""
    count = 0
    for slot in range(MAX_DEFINITIONS):
        length = package.length[slot]
        if length > 0:
            tokens[count] = DEFINE_INT
            for i in range(length):
                tokens[count + 1 + i] = package.body[slot, i]
            count += 1 + length
    return count


@big_kernel
def slot_at(package: Any, position: Any) -> Any:
    """The slot whose header or body holds a flat position, or -1."""
    start = 0
    for slot in range(MAX_DEFINITIONS):
        length = package.length[slot]
        if length > 0:
            if start <= position <= start + length:
                return slot
            start += 1 + length
    return -1


@big_kernel
def header_of(package: Any, slot: Any) -> Any:
    """The flat position of a definition's header."""
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


@kernel
def is_used(package: Any, slot: Any) -> Any:
    """Whether a slot holds a definition."""
    return 0 <= slot < MAX_DEFINITIONS and package.length[slot] > 0


@kernel
def is_call(token: Any) -> Any:
    """Whether a token calls a definition."""
    return CALL <= token <= _LAST_CALL


@big_kernel
def end_of(body: Any, start: Any) -> Any:
    """The offset after the subtree that begins at an offset."""
    missing = 1
    while missing > 0:
        missing += NUM_HOLES[body[start]] - 1
        start += 1
    return start


@kernel
def calls_of(package: Any, slot: Any) -> Any:
    """The slots that a definition uses, as bits."""
    calls = np.int64(0)
    for i in range(package.length[slot]):
        token = package.body[slot, i]
        if is_call(token):
            calls |= np.int64(1) << np.int64(token - CALL)
    return calls


# --- How well it is built ----------------------------------------------------------------------------


@kernel
def count_edges(package: Any, out: Any) -> None:
    """Pairs of a definition and one of another module that it uses; modules in import cycles."""
    imports = np.zeros(MAX_DEFINITIONS, np.int64)
    edges = np.int64(0)
    for slot in range(MAX_DEFINITIONS):
        calls = calls_of(package, slot)
        for other in range(MAX_DEFINITIONS):
            if (calls >> other) & 1 != 0 and package.module[other] != package.module[slot]:
                edges += 1
                imports[package.module[slot]] |= np.int64(1) << np.int64(package.module[other])
    cycles = np.int64(0)
    for middle in range(package.num_modules):
        for module in range(package.num_modules):
            if (imports[module] >> middle) & 1 != 0:
                imports[module] |= imports[middle]
    for module in range(package.num_modules):
        cycles += (imports[module] >> module) & 1
    out[EDGES] = edges
    out[CYCLES] = cycles


@kernel
def note_form(forms: Any, count: Any, form: Any, weight: Any) -> Any:
    """Keep the form of a subtree that is large enough to be a duplicate; returns how many are kept."""
    if weight >= MIN_DUPLICATE:
        forms[count] = form
        count += 1
    return count


@big_kernel
def weigh_body(package: Any, slot: Any, forms: Any, count: Any) -> Any:
    """Keep the forms of a body's subtrees; returns its weight and how many are kept.

    Subtrees are counted as Python's syntax has them: both multiplications are the same there, and a test
    for divisibility holds a remainder.
    """
    hashes = np.empty(MAX_BODY + 1, np.uint64)
    weights = np.empty(MAX_BODY + 1, np.int64)
    ends = np.empty(MAX_BODY + 1, np.int64)
    for at in range(package.length[slot] - 1, -1, -1):
        token = np.int64(package.body[slot, at])
        form = absorb_word(np.uint64(0), MULTIPLY if token == SCALE else token)
        inner = absorb_word(np.uint64(0), REMAINDER)
        weight = WEIGHT[token]
        end = at + 1
        for _ in range(NUM_HOLES[token]):
            form = absorb_word(form, hashes[end])
            inner = absorb_word(inner, hashes[end])
            weight += weights[end]
            end = ends[end]
        if is_call(token) and package.constant[token - CALL]:
            weight = 1  # in source, just a name
        hashes[at], weights[at], ends[at] = form, weight, end
        count = note_form(forms, count, form, weight)
        if token == DIVIDES:
            count = note_form(forms, count, inner, weight - 2)
    return weights[0], count


@big_kernel
def measure(package: Any, out: Any) -> None:
    """Write import cycles, duplicates, weight of the longest function and edges between modules."""
    count_edges(package, out)
    forms = np.empty(_MAX_FORMS, np.uint64)
    count = 0
    longest = np.int64(0)
    for slot in range(MAX_DEFINITIONS):
        if package.length[slot] > 0 and not package.constant[slot]:
            weight, count = weigh_body(package, slot, forms, count)
            longest = max(longest, weight)
    duplicates = np.int64(0)
    for i in range(count):
        for j in range(i):
            if forms[i] == forms[j]:
                duplicates += 1
                break
    out[LONGEST] = longest
    out[DUPLICATES] = duplicates


@kernel
def improvement(start: Any, now: Any, clean: Any) -> Any:
    """How much of what can be gained has been gained, from 0 to 1; what gets worse instead takes from it."""
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


# --- Changing bodies ---------------------------------------------------------------------------------


@big_kernel
def splice(package: Any, slot: Any, at: Any, removed: Any, inserted: Any, count: Any) -> None:
    """Put ``count`` tokens in the place of the ``removed`` ones at an offset of a body."""
    body = package.body[slot]
    length = package.length[slot]
    shift = count - removed
    if shift > 0:
        for i in range(length - 1, at + removed - 1, -1):
            body[i + shift] = body[i]
    elif shift < 0:
        for i in range(at + removed, length):
            body[i + shift] = body[i]
    for i in range(count):
        body[at + i] = inserted[i]
    package.length[slot] = length + shift


@big_kernel
def total_tokens(package: Any) -> Any:
    """How many tokens a package has, headers included."""
    total = 0
    for slot in range(MAX_DEFINITIONS):
        if package.length[slot] > 0:
            total += 1 + package.length[slot]
    return total


@kernel
def occurs_at(package: Any, slot: Any, at: Any, wanted: Any, length: Any) -> Any:
    """Whether an expression of a length stands at an offset of a body."""
    if at + length > package.length[slot]:
        return False
    equal = 0
    while equal < length and package.body[slot, at + equal] == wanted[equal]:
        equal += 1
    return equal == length


@big_kernel
def is_whole_body(package: Any, slot: Any, wanted: Any, length: Any) -> Any:
    """Whether an expression of a length is all that a definition says."""
    return length == package.length[slot] and occurs_at(package, slot, 0, wanted, length)


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


@kernel
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
        and is_whole_body(package, going, package.body[staying], np.int64(package.length[staying]))
    )


@big_kernel
def merge(package: Any, going: Any, staying: Any) -> None:
    """Drop a definition; what used it uses the other one."""
    package.length[going] = 0
    for slot in range(MAX_DEFINITIONS):
        for i in range(package.length[slot]):
            if package.body[slot, i] == CALL + going:
                package.body[slot, i] = CALL + staying


# --- Inlining ----------------------------------------------------------------------------------------


@kernel
def occurrences_of_parameter(package: Any, slot: Any) -> Any:
    """How often n stands in a body."""
    found = 0
    for i in range(package.length[slot]):
        found += package.body[slot, i] == PARAMETER
    return found


@big_kernel
def can_inline(package: Any, slot: Any) -> Any:
    """Whether a body can be put wherever the definition is used: it has to fit, and no code is multiplied."""
    if not is_used(package, slot) or package.public[slot]:
        return False
    growth = package.length[slot] - 2  # the call and n make room
    short_only = occurrences_of_parameter(package, slot) > 1
    total = total_tokens(package) - 1 - package.length[slot]
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


@big_kernel
def inline(package: Any, slot: Any) -> None:
    """Put a body wherever the definition is used, with what is handed over for n, and drop it."""
    expanded = np.empty(2 * MAX_BODY, np.int16)
    for other in range(MAX_DEFINITIONS):
        # From right to left: what is handed over holds no such call any more.
        for at in range(package.length[other] - 1, -1, -1):
            if package.body[other, at] != CALL + slot:
                continue
            end = end_of(package.body[other], at)
            count = 0
            for i in range(package.length[slot]):
                if package.body[slot, i] == PARAMETER:
                    for j in range(at + 1, end):
                        expanded[count] = package.body[other, j]
                        count += 1
                else:
                    expanded[count] = package.body[slot, i]
                    count += 1
            splice(package, other, at, end - at, expanded, count)
    package.length[slot] = 0


# --- Extracting --------------------------------------------------------------------------------------


@big_kernel
def count_occurrences(package: Any, wanted: Any, length: Any, target: Any) -> Any:
    """How often an expression stands in the package, the body of the target left out."""
    found = 0
    for slot in range(MAX_DEFINITIONS):
        if slot != target:
            for at in range(package.length[slot]):
                found += occurs_at(package, slot, at, wanted, length)
    return found


@big_kernel
def extract_target(package: Any, slot: Any, offset: Any) -> Any:
    """The slot of the function that an expression becomes a call of, or -1 if it cannot.

    It is the one whose whole body the expression is, if there is one: the one that was pointed at, else the
    first; else the lowest free slot.
    """
    if not is_used(package, slot) or not 0 <= offset < package.length[slot]:
        return -1
    body = package.body[slot]
    length = end_of(body, offset) - offset
    has_parameter = False
    for i in range(offset, offset + length):
        has_parameter |= body[i] == PARAMETER
    if length < MIN_EXTRACT or not has_parameter or CATEGORY[body[offset]] != INT:
        return -1
    target = slot if offset == 0 else -1
    free = -1
    for other in range(MAX_DEFINITIONS - 1, -1, -1):
        if package.length[other] == 0:
            free = other
        elif offset > 0 and is_whole_body(package, other, body[offset:], length):
            target = other
    found = count_occurrences(package, body[offset:], length, target)
    if target >= 0:
        return target if found > 0 else -1
    fits = total_tokens(package) + 1 + length - found * (length - 2) <= MAX_TOKENS
    return free if fits else -1


@kernel
def can_extract(package: Any, slot: Any, offset: Any) -> Any:
    """Whether the expression at an offset of a body can become a call of a function with this body."""
    return extract_target(package, slot, offset) >= 0


@big_kernel
def extract(package: Any, slot: Any, offset: Any) -> None:
    """Make a private function of an expression, and call it wherever the expression stands.

    A function that has just this body already is called instead.
    """
    target = extract_target(package, slot, offset)
    length = end_of(package.body[slot], offset) - offset
    wanted = package.body[slot, offset : offset + length].copy()
    call = np.empty(2, np.int16)
    call[0], call[1] = CALL + target, PARAMETER
    if package.length[target] == 0:
        package.module[target] = package.module[slot]
        package.public[target] = 0
        package.constant[target] = 0
        for i in range(length):
            package.body[target, i] = wanted[i]
        package.length[target] = length
    for other in range(MAX_DEFINITIONS):
        if other != target:
            for at in range(package.length[other]):
                if occurs_at(package, other, at, wanted, length):
                    splice(package, other, at, length, call, 2)
