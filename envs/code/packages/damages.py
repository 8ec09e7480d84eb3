"""What goes wrong in packages: four kinds of damage, none of which changes what a function returns.

A damage is kept only if it makes the architecture worse in some measure and better in none. Each notes what
undoes it; undone in reverse order, damages leave no trace but other slots.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.envs.code.actions import EXTRACT, INLINE, MERGE, MODULE, MOVE, POINT, SUBMIT
from etude_gym.envs.code.language.grammar import DIVISOR, HOLE_CATEGORY, MAX_DEFINITIONS
from etude_gym.envs.code.language.tokens import CALL, LAST_LITERAL, LITERAL, MAX_TOKENS, PARAMETER
from etude_gym.envs.code.packages.refactoring import (
    CYCLES,
    DUPLICATES,
    MAX_BODY,
    NUM_MEASURES,
    PACKAGE,
    can_inline,
    can_move,
    end_of,
    extract,
    extract_target,
    header_of,
    inline,
    is_call,
    is_used,
    measure,
    merge,
    move,
    occurs_at,
    shift_tail,
    total_tokens,
)
from etude_gym.tasks.kernels import part, part_of_caller, uniform

MAX_DAMAGES = 5
NUM_KINDS = 4
INLINED, CLONED, MISPLACED, HOISTED = range(NUM_KINDS)
"""A helper's body stands where it was called; a definition has a twin; it lives in a module that uses it by
way of others; a number of a body is a constant of another module."""
ROUNDS = 3
"""How often every definition is considered for a kind of damage, with other choices each time."""

DRAFT = np.dtype(
    [
        ("key", np.uint64),
        ("counter", np.int64),  # of the next random number
        # Of the clean package; calls by the slot that makes them, -1 for none.
        ("num_public", np.int64),
        ("num_functions", np.int64),
        ("upper", np.int8, (MAX_DEFINITIONS,)),  # helper that is called
        ("lower", np.int8, (MAX_DEFINITIONS,)),  # function of a lower layer that is called
        ("repeats", np.int8, (MAX_DEFINITIONS,)),  # whether the helper is called twice
        ("kind", np.int64, (MAX_DEFINITIONS,)),  # class of the body: 1 conditional, 2 of another domain
        ("home", np.int64),  # module of the first helper
        ("num_branches", np.int64),
        ("num_transfer", np.int64),
        ("package", PACKAGE),
        ("clean_measures", np.int64, (NUM_MEASURES,)),
        # Of the damages: kind, slot, other slot, offset, module.
        ("damages", np.int64, (MAX_DAMAGES, 5)),
        ("num_damages", np.int64),
        ("trial", PACKAGE),
        ("before", np.int64, (NUM_MEASURES,)),
        ("after", np.int64, (NUM_MEASURES,)),
        ("order", np.int64, (NUM_KINDS,)),  # in which kinds are tried
        ("modules", np.int64, (MAX_DEFINITIONS,)),  # the numbers that modules have come to have
        ("places", np.int64, (MAX_DEFINITIONS,)),  # where the definition of a slot has come to
        ("restored", np.int64),  # whether the plan makes all measures as good as clean
    ],
    align=True,
)
"""What the generator keeps in mind."""


@part
def draw(draft: Any) -> Any:
    """The next random number, in [0, 1)."""
    draft.counter += 1
    return uniform(draft.key, draft.counter)


@part
def copy_package(source: Any, target: Any) -> None:
    """Copy a package.

    Args:
        source: a record of PACKAGE.
        target: a record of PACKAGE, written.
    """
    target.num_modules = source.num_modules
    for slot in range(MAX_DEFINITIONS):
        target.length[slot] = source.length[slot]
        target.module[slot] = source.module[slot]
        target.public[slot] = source.public[slot]
        target.constant[slot] = source.constant[slot]
        for i in range(MAX_BODY):
            target.body[slot, i] = source.body[slot, i]


# --- Kinds of damage: each changes the trial, if it can, and notes how to undo that ------------------


@part
def free_slot(package: Any) -> Any:
    """The highest slot that is free, or -1."""
    found: Any = np.int64(-1)
    for slot in range(MAX_DEFINITIONS):
        if package.length[slot] == 0:
            found = slot
    return found


@part
def count_users(package: Any, slot: Any) -> Any:
    """In how many places a definition is called with n; 0 if with something else anywhere."""
    users = 0
    for other in range(MAX_DEFINITIONS):
        for i in range(package.length[other]):
            if package.body[other, i] == CALL + slot:
                if package.body[other, i + 1] != PARAMETER:
                    return 0
                users += 1
    return users


@part
def inline_helper(draft: Any, slot: Any) -> Any:
    """Put a helper's body wherever it is called, in two places at least."""
    package = draft.trial
    if package.constant[slot] or not can_inline(package, slot) or count_users(package, slot) < 2:
        return False
    length = np.int64(package.length[slot])
    home = np.int64(package.module[slot])
    inline(package, slot)  # its body stays where it was and can be compared with
    place: Any = np.int64(-1)
    for other in range(MAX_DEFINITIONS):
        for at in range(package.length[other]):
            if occurs_at(package, other, at, slot, np.int64(0), length):
                if package.length[other] == length:
                    return False  # this function would be called instead of a new one
                if place < 0 or package.module[other] == home:
                    place = other * MAX_BODY + at
    damage = draft.damages[draft.num_damages]
    damage[0], damage[1], damage[2], damage[3], damage[4] = (
        INLINED,
        slot,
        place // MAX_BODY,
        place % MAX_BODY,
        home,
    )
    return True


@part
def clone(draft: Any, slot: Any) -> Any:
    """Give a function a twin that some of its users call."""
    package = draft.trial
    twin = free_slot(package)
    if twin < 0 or package.constant[slot]:
        return False
    length = np.int64(package.length[slot])
    if total_tokens(package) + 1 + length > MAX_TOKENS:
        return False
    package.length[twin] = length
    package.module[twin] = int(package.num_modules * draw(draft))
    package.public[twin], package.constant[twin] = 0, 0
    for i in range(length):
        package.body[twin, i] = package.body[slot, i]
    switched = 0
    for other in range(MAX_DEFINITIONS):
        if int(2 * draw(draft)) == 0:
            for i in range(package.length[other]):
                if package.body[other, i] == CALL + slot:
                    package.body[other, i] = CALL + twin
                    switched += 1
    damage = draft.damages[draft.num_damages]
    damage[0], damage[1], damage[2], damage[3], damage[4] = CLONED, twin, slot, 0, 0
    return switched > 0


@part
def misplace(draft: Any, slot: Any) -> Any:
    """Move a private definition into any other module."""
    package = draft.trial
    module = int(package.num_modules * draw(draft))
    if not can_move(package, slot, module):
        return False
    damage = draft.damages[draft.num_damages]
    damage[0], damage[1], damage[2], damage[3], damage[4] = (
        MISPLACED,
        slot,
        0,
        0,
        np.int64(package.module[slot]),
    )
    move(package, slot, module)
    return True


@part_of_caller
def is_divisor(package: Any, slot: Any, at: Any) -> Any:
    """Whether a divisor stands at an offset of a body."""
    for i in range(at):
        token = package.body[slot, i]
        if HOLE_CATEGORY[token, 1] == DIVISOR and end_of(package, slot, i + 1) == at:
            return True
    return False


@part
def hoist(draft: Any, slot: Any) -> Any:
    """Make a number of a function's body a constant of another module."""
    package = draft.trial
    new = free_slot(package)
    length = np.int64(package.length[slot])
    at = int(length * draw(draft))
    module = (
        np.int64(package.module[slot]) + 1 + int((package.num_modules - 1) * draw(draft))
    ) % package.num_modules
    token = package.body[slot, at]
    if new < 0 or package.constant[slot] or length == MAX_BODY or total_tokens(package) + 3 > MAX_TOKENS:
        return False
    if not LITERAL < token <= LAST_LITERAL or is_divisor(package, slot, at):
        return False
    package.length[new], package.module[new] = 1, module
    package.public[new], package.constant[new] = 0, 1
    package.body[new, 0] = token
    shift_tail(package, slot, at + 1, np.int64(1))
    package.body[slot, at], package.body[slot, at + 1] = CALL + new, LITERAL
    damage = draft.damages[draft.num_damages]
    damage[0], damage[1], damage[2], damage[3], damage[4] = HOISTED, new, 0, 0, 0
    return True


# --- Choosing damages --------------------------------------------------------------------------------


@part
def got_worse(draft: Any, kind: Any) -> Any:
    """Whether no measure got better and one got worse: the one that a kind is known for."""
    worse = False
    for i in range(NUM_MEASURES):
        if draft.after[i] < draft.before[i]:
            return False
        worse |= draft.after[i] > draft.before[i]
    if kind == MISPLACED:
        return draft.after[CYCLES] > draft.before[CYCLES]
    if kind == INLINED or kind == CLONED:
        return draft.after[DUPLICATES] > draft.before[DUPLICATES]
    return worse


@part
def set_measures(target: Any, source: Any) -> None:
    """Copy measures."""
    for i in range(NUM_MEASURES):
        target[i] = source[i]


@part
def damage_once(draft: Any, package: Any, first_kind: Any) -> None:
    """Do one damage: of the kind that stands at a place of the order, or of the next one that is possible.

    Every definition is considered a few times for each kind.
    """
    start = int(MAX_DEFINITIONS * draw(draft))
    for n in range(NUM_KINDS * ROUNDS * MAX_DEFINITIONS):
        kind = draft.order[(first_kind + n // (ROUNDS * MAX_DEFINITIONS)) % NUM_KINDS]
        slot = (start + n) % MAX_DEFINITIONS
        if not is_used(package, slot) or (kind == MISPLACED and package.public[slot]):
            continue
        copy_package(package, draft.trial)
        if kind == INLINED:
            done = inline_helper(draft, slot)
        elif kind == CLONED:
            done = clone(draft, slot)
        elif kind == MISPLACED:
            done = misplace(draft, slot)
        else:
            done = hoist(draft, slot)
        if done:
            measure(draft.trial, draft.after)
            if got_worse(draft, kind):
                copy_package(draft.trial, package)
                set_measures(draft.before, draft.after)
                draft.num_damages += 1
                return


# --- Undoing them ------------------------------------------------------------------------------------


@part
def draw_order(draft: Any, places: Any, number: Any) -> None:
    """A random order of numbers below a bound."""
    for i in range(number):
        places[i] = i
    for i in range(number - 1, 0, -1):
        j = int((i + 1) * draw(draft))
        places[i], places[j] = places[j], places[i]


@part
def permute(draft: Any, package: Any, source: Any) -> None:
    """Write a package with its definitions in other slots and its modules under other numbers."""
    package.num_modules = source.num_modules
    for slot in range(MAX_DEFINITIONS):
        place, length = draft.places[slot], source.length[slot]
        # What is left over in free slots and behind bodies is cleared: equal packages have equal bytes.
        package.length[place] = length
        package.module[place] = draft.modules[source.module[slot]] if length > 0 else 0
        package.public[place] = source.public[slot] if length > 0 else 0
        package.constant[place] = source.constant[slot] if length > 0 else 0
        for i in range(MAX_BODY):
            token = source.body[slot, i] if i < length else 0
            package.body[place, i] = CALL + draft.places[token - CALL] if is_call(token) else token


@part
def shuffle_package(draft: Any, package: Any, clean: Any) -> None:
    """Shuffle slots and modules, so that numbers do not tell what is a twin, a helper or a lower layer."""
    draw_order(draft, draft.places, np.int64(MAX_DEFINITIONS))
    draw_order(draft, draft.modules, np.int64(draft.package.num_modules))
    copy_package(package, draft.trial)
    permute(draft, package, draft.trial)
    permute(draft, clean, draft.package)
    for i in range(draft.num_damages):
        draft.damages[i, 1] = draft.places[draft.damages[i, 1]]
        draft.damages[i, 2] = draft.places[draft.damages[i, 2]]
        draft.damages[i, 4] = draft.modules[draft.damages[i, 4]]


@part
def write_plan(draft: Any, package: Any, plan: Any) -> Any:
    """Write the actions that undo all damages, the last one first, and submit; returns how many."""
    trial = draft.trial
    copy_package(package, trial)
    where = draft.places  # an extracted function may come to another slot
    for slot in range(MAX_DEFINITIONS):
        where[slot] = slot
    length = np.int64(0)
    for i in range(draft.num_damages - 1, -1, -1):
        damage = draft.damages[i]
        kind, slot, other, module = damage[0], where[damage[1]], where[damage[2]], damage[4]
        header = POINT + header_of(trial, slot)
        if kind == INLINED:
            slot = extract_target(trial, other, damage[3])
            where[damage[1]] = slot
            plan[length], plan[length + 1] = EXTRACT, POINT + header_of(trial, other) + 1 + damage[3]
            length += 2
            extract(trial, other, damage[3])
        elif kind == CLONED:
            plan[length], plan[length + 1], plan[length + 2] = MERGE, header, POINT + header_of(trial, other)
            length += 3
            merge(trial, slot, other)
        elif kind == HOISTED:
            plan[length], plan[length + 1] = INLINE, header
            length += 2
            inline(trial, slot)
        if (kind == INLINED or kind == MISPLACED) and trial.module[slot] != module:
            plan[length], plan[length + 1], plan[length + 2] = (
                MOVE,
                POINT + header_of(trial, slot),
                MODULE + module,
            )
            length += 3
            move(trial, slot, module)
    plan[length] = SUBMIT
    measure(trial, draft.after)
    draft.restored = 1
    for i in range(NUM_MEASURES):
        if draft.after[i] > draft.clean_measures[i]:
            draft.restored = 0
    return length + 1
