"""Makes packages to refactor: a clean one in layers, then damages, each with the steps that undo it.

A module uses only modules with a larger number. Each function is a template of a small table in which a call
of a lower layer and a call of a private helper may stand. The plan is found by undoing the damages one by
one, the last one first; a package is only handed out if that leads back to the clean architecture.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.envs.code.language.grammar import MAX_DEFINITIONS, NUMBER_OF
from etude_gym.envs.code.language.tokens import CALL, LITERAL, PARAMETER
from etude_gym.envs.code.packages.damages import (
    NUM_KINDS,
    copy_package,
    damage_once,
    draw,
    draw_order,
    set_measures,
    shuffle_package,
    write_plan,
)
from etude_gym.envs.code.packages.refactoring import DUPLICATES, measure
from etude_gym.tasks.kernels import part, part_of_caller, stochastic_round

TRIES = 16
"""Packages drawn at most; the first is nearly always good."""
ROOMY = 8
"""Packages with more functions take short templates where they can."""
SHORT = 8

# Of what a package has counters of random numbers: for its shares, then one for each draw.
_BRANCHES, _TRANSFER, _DRAWS = range(3)

# --- Bodies ------------------------------------------------------------------------------------------

# X is n or a call, Y a call or a number, A and B are numbers, D and E divisors. All are total, and none
# needs more than six bits more than what it calls.
_PLAIN = (
    "ADD SCALE X D Y",
    "SUBTRACT Y SCALE X D",
    "LARGER Y SUBTRACT X A",
    "ADD Y FLOOR_DIVIDE X D",
    "SUBTRACT SMALLER X A Y",
    "LARGER Y SUBTRACT SCALE X D A",
    "SUBTRACT SCALE ADD X A D Y",
    "LARGER ADD X Y SCALE X D",
    "SUBTRACT SCALE X D SMALLER X Y",
    "ADD LARGER X Y FLOOR_DIVIDE X D",
)
_CONDITIONAL = (
    "CHOOSE GREATER_THAN X A Y B",
    "CHOOSE LESS_THAN X A B Y",
    "CHOOSE DIVIDES X D Y X",
    "CHOOSE GREATER_THAN X A SUBTRACT X A Y",
    "CHOOSE LESS_THAN X A Y SCALE X D",
    "CHOOSE DIVIDES X D FLOOR_DIVIDE X D Y",
)
# Laws borrowed from other domains: remainders, distances, tariffs, trips.
_TRANSFER_PLAIN = (
    "REMAINDER ADD X Y D",
    "ABSOLUTE SUBTRACT X Y",
    "REMAINDER ADD SCALE X D Y E",
    "SUBTRACT Y FLOOR_DIVIDE SUBTRACT A X D",
    "ADD Y SCALE LARGER SUBTRACT X A LITERAL_0 D",
    "SUBTRACT X REMAINDER ADD X Y D",
    "ADD ABSOLUTE SUBTRACT X A ABSOLUTE SUBTRACT X Y",
)
_TRANSFER_CONDITIONAL = (
    "CHOOSE DIVIDES ADD X A D Y B",
    "CHOOSE LESS_THAN X A Y REMAINDER X D",
    "CHOOSE LESS_THAN ABSOLUTE SUBTRACT X A B Y A",
    "CHOOSE DIVIDES X D Y ABSOLUTE SUBTRACT X A",
    "CHOOSE GREATER_THAN X A REMAINDER ADD X B D Y",
)
_CLASSES = (_PLAIN, _CONDITIONAL, _TRANSFER_PLAIN, _TRANSFER_CONDITIONAL)
_BODIES = tuple(template.split() for templates in _CLASSES for template in templates)
_PLACEHOLDERS = ("X", "Y", "A", "B", "D", "E")
_X, _Y, _A, _B, _D, _E = range(-1, -7, -1)


def _encode(name: str) -> int:
    return -1 - _PLACEHOLDERS.index(name) if name in _PLACEHOLDERS else NUMBER_OF[name]


_LENGTH = np.array([len(body) for body in _BODIES], dtype=np.int64)
_REPEATS = np.array([body.count("X") > 1 for body in _BODIES], dtype=np.int64)
_CLASS = np.array([c for c, templates in enumerate(_CLASSES) for _ in templates], dtype=np.int64)
_TEMPLATE = np.array(
    [[_encode(name) for name in (*body, *["A"] * 9)][:9] for body in _BODIES], dtype=np.int64
)
_NUM_TEMPLATES = len(_BODIES)


@part
def choose_template(draft: Any, kind: Any, helper: Any, repeats: Any, limit: Any) -> Any:
    """A template of a class that fits: one that repeats X if need be; for helpers, of six tokens or more.

    Longer ones than the limit are taken only if there is no other.
    """
    start = int(_NUM_TEMPLATES * draw(draft))
    chosen = -1
    for n in range(_NUM_TEMPLATES):
        template = (start + n) % _NUM_TEMPLATES
        fits = _CLASS[template] == kind and _REPEATS[template] >= repeats
        if not fits or (helper and _LENGTH[template] < 6):
            continue
        if chosen < 0 or (_LENGTH[chosen] > limit and _LENGTH[template] < _LENGTH[chosen]):
            chosen = template
    return chosen


@part
def put(package: Any, slot: Any, token: Any) -> None:
    """Append a token to a body."""
    package.body[slot, package.length[slot]] = token
    package.length[slot] += 1


@part
def put_operand(package: Any, slot: Any, callee: Any, otherwise: Any) -> None:
    """Append a call of another definition, or a token if there is none."""
    if callee >= 0:
        put(package, slot, CALL + callee)
        put(package, slot, PARAMETER)
    else:
        put(package, slot, otherwise)


@part
def write_body(draft: Any, slot: Any, template: Any) -> None:
    """Fill a template: calls where there are callees, numbers that differ from each other elsewhere."""
    package = draft.package
    upper, lower = np.int64(draft.upper[slot]), np.int64(draft.lower[slot])
    if upper < 0 and lower >= 0 and int(2 * draw(draft)) == 0:
        upper, lower = lower, upper
    first, step = int(9 * draw(draft)), 1 + int(8 * draw(draft))
    divisor, divisor_step = int(8 * draw(draft)), 1 + int(7 * draw(draft))
    for i in range(_LENGTH[template]):
        token = _TEMPLATE[template, i]
        if token == _X:
            put_operand(package, slot, upper, PARAMETER)
        elif token == _Y:
            put_operand(package, slot, lower, LITERAL + 1 + (first + 2 * step) % 9)
        elif token == _A or token == _B:
            put(package, slot, LITERAL + 1 + (first + step * (token == _B)) % 9)
        elif token == _D or token == _E:
            put(package, slot, LITERAL + 2 + (divisor + divisor_step * (token == _E)) % 8)
        else:
            put(package, slot, token)


# --- The clean package -------------------------------------------------------------------------------


@part
def place_functions(draft: Any, num_modules: Any) -> None:
    """Public functions: one for each module and, in small packages, a second one for some."""
    package = draft.package
    package.num_modules = num_modules
    seconds = 1 + int(2 * draw(draft)) if num_modules < 5 else np.int64(num_modules < 8)
    draft.num_public = num_modules + seconds
    chosen = int(num_modules * draw(draft))
    for slot in range(MAX_DEFINITIONS):
        package.length[slot] = 0
        package.constant[slot] = 0
        package.public[slot] = slot < draft.num_public
        package.module[slot] = slot if slot < num_modules else (chosen + slot) % num_modules
        draft.upper[slot], draft.lower[slot] = -1, -1
        draft.kind[slot], draft.repeats[slot] = 0, 0


@part
def place_calls(draft: Any) -> None:
    """Let every function use one of the next two layers, and choose where the first helper lives."""
    package = draft.package
    last = package.num_modules - 1
    used = last
    for slot in range(draft.num_public):
        module: Any = np.int64(package.module[slot])
        if module < last:
            callee = module + 1 + int((2 - (module == last - 1)) * draw(draft))
            used = callee if (slot + 1) * draw(draft) < 1 else used
            for second in range(package.num_modules, draft.num_public):
                if package.module[second] == callee and draw(draft) < 0.5:
                    callee = second
                    break
            draft.lower[slot] = callee
    draft.home = used


@part
def place_helpers(draft: Any, number: Any) -> None:
    """Private functions: the first is used in its own module only, others also in the layers above.

    Where a helper has one user, this one calls it in two places.
    """
    package = draft.package
    draft.num_functions = draft.num_public
    for helper in range(number):
        slot = np.int64(draft.num_functions)
        home = np.int64(draft.home) if helper == 0 else 1 + int((package.num_modules - 1) * draw(draft))
        users, last_user = 0, -1
        start = int(draft.num_public * draw(draft))
        for n in range(draft.num_public):
            user = (start + n) % draft.num_public
            module = package.module[user]
            near = module == home if helper == 0 else module <= home
            if near and draft.upper[user] < 0 and users < 2 + (int(4 * draw(draft)) == 0):
                draft.upper[user] = slot
                users, last_user = users + 1, user
        if users > 0:
            package.module[slot] = home
            draft.num_functions += 1
            draft.repeats[last_user] = users == 1


@part
def choose_some(draft: Any, wanted: Any, bit: Any) -> None:
    """Set a bit of the class of some functions, chosen at random."""
    left = draft.num_functions
    for slot in range(draft.num_functions):
        if int(left * draw(draft)) < wanted:
            draft.kind[slot] |= bit
            wanted -= 1
        left -= 1


@part
def draw_clean(draft: Any, num_modules: Any, branches: Any, transfer_share: Any, counter: Any) -> None:
    """Draw a clean package."""
    place_functions(draft, num_modules)
    place_calls(draft)
    place_helpers(draft, 2 + np.int64(num_modules < 5 and int(2 * draw(draft)) == 0))
    number = draft.num_functions
    draft.num_branches = stochastic_round(draft.key, counter + _BRANCHES, branches * number)
    draft.num_transfer = stochastic_round(draft.key, counter + _TRANSFER, transfer_share * number)
    choose_some(draft, draft.num_branches, 1)
    choose_some(draft, draft.num_transfer, 2)
    limit = 9 if number <= ROOMY else SHORT
    for slot in range(number):
        helper = slot >= draft.num_public
        repeats = np.int64(draft.repeats[slot])
        write_body(draft, slot, choose_template(draft, draft.kind[slot], helper, repeats, limit))


# --- Whole tasks -------------------------------------------------------------------------------------


@part_of_caller
def generate_package(
    package: Any,
    clean: Any,
    plan: Any,
    key: Any,
    counter_start: Any,
    num_modules: Any,
    num_damages: Any,
    branches: Any,
    transfer_share: Any,
    metrics: Any,
    drafts: Any,
) -> Any:
    """Make one task in place: a pure function of its arguments.

    Args:
        package: PACKAGE, written: what is to be refactored.
        clean: PACKAGE, written: the package before it was damaged.
        plan: int16, written: actions that make the package as good as the clean one, SUBMIT included.
        key: of random numbers.
        counter_start: first counter; all from it on are used.
        num_modules: 2 to 8.
        num_damages: 1 to 5.
        branches: expected share of functions with a conditional, 0 to 1.
        transfer_share: expected share of functions that state a law of another domain, 0 to 1.
        metrics: int64 (4,), written: modules, damages, conditionals and laws of other domains, as realized.
        drafts: DRAFT (1,), memory.

    Returns:
        The number of actions of the plan.
    """
    draft = drafts[0]
    draft.key = key
    draft.counter = counter_start + _DRAWS
    length = 0
    for _ in range(TRIES):
        draw_clean(draft, num_modules, branches, transfer_share, counter_start)
        measure(draft.package, draft.clean_measures)
        copy_package(draft.package, package)
        set_measures(draft.before, draft.clean_measures)
        draft.num_damages = 0
        for i in range(num_damages):
            if i % NUM_KINDS == 0:
                draw_order(draft, draft.order, np.int64(NUM_KINDS))
            damage_once(draft, package, i)
        copy_package(draft.package, clean)
        shuffle_package(draft, package, clean)
        length = write_plan(draft, package, plan)
        good = draft.clean_measures[DUPLICATES] == 0 and draft.num_damages == num_damages
        if good and draft.restored:
            break
    metrics[0], metrics[1] = num_modules, draft.num_damages
    metrics[2], metrics[3] = draft.num_branches, draft.num_transfer
    return length
