"""Deriving a program: which productions fit the hole that is open, and what a production opens.

Holes stand on a stack, the next one on top. ``category``, ``size`` and ``flags`` describe a hole; how many
productions the open holes need at least is kept in ``pending``, so that a program can always be finished
within its budget.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.envs.code.language.grammar import (
    BOOL,
    CATEGORY,
    DECLARES,
    DIVISOR,
    FIRST_LET,
    FREE,
    HALF,
    HELPER_GROWTH,
    HOLE_ACCUMULATOR,
    HOLE_AMOUNT,
    HOLE_CATEGORY,
    HOLE_ITEM,
    HOLE_RULE,
    INPUT_SIZE,
    INT,
    INT_SIZE,
    LEAST,
    LESS,
    LIST,
    MAX_HELPERS,
    MAX_VARIABLES,
    NUM_HOLES,
    NUMBERS,
    PARAMETER_SIZE,
    STATEMENTS,
    STR,
    TARGET,
    TEXT_SIZE,
    K,
)
from etude_gym.envs.code.language.tokens import (
    CALL,
    DEFINE_BOOL,
    DEFINE_INT,
    GUARD,
    ITEM,
    LET_FILTER,
    LET_LIST,
    LITERAL,
    PARAMETER,
    RETURN,
    TEST,
    VARIABLE,
)
from etude_gym.tasks.kernels import kernel, part, part_of_caller

MAX_OPEN = 48
"""Holes open at a time at most; deeper nesting is not legal."""

# Flags of a hole: what is in scope beside the variables.
IN_LOOP, IN_FOLD, IN_HELPER = 1, 2, 4

MAX_ASSIGNMENTS = 5
"""Conditional assignments in a program at most: each lets a number grow by a bit."""
FIRST_INT_SIZE, INT_SIZE_STEP = 20, 5
"""Size of the first number that a statement declares, and by how much each further one may be larger."""
DECLARED_TEXT_SIZE = 10
"""Size of texts that statements declare: ``LIST_LENGTH`` times a number and something beside it."""

# Typed: for literal numbers, the function that takes them would be compiled once more.
_ZERO, _NO_PARENT, _STATEMENTS = np.int64(0), np.int64(-1), np.int64(STATEMENTS)

DERIVATION = np.dtype(
    [
        ("category", np.int8, (MAX_OPEN,)),
        ("size", np.int8, (MAX_OPEN,)),
        ("flags", np.int8, (MAX_OPEN,)),
        ("parent", np.int16, (MAX_OPEN,)),  # production that opened the hole, or -1
        ("index", np.int8, (MAX_OPEN,)),  # and which of its holes it is
        ("num_open", np.int64),
        ("pending", np.int64),  # productions needed at least to fill all open holes
        ("return_category", np.int8),
        ("cap", np.int8),  # size of free holes: less in a helper
        ("variable_category", np.int8, (MAX_VARIABLES,)),
        ("variable_size", np.int8, (MAX_VARIABLES,)),
        ("num_variables", np.int64),
        ("num_numbers", np.int64),  # among those that statements declared
        ("declaring", np.int8),  # 1 while the statement that declares the next variable is incomplete
        ("wants_list", np.int8),  # 1 until the list of the present statement is known
        ("list_size", np.int8),  # size of that list, and of its items
        ("list_declares", np.int8),  # 1 when the variable has the size of that list
        ("num_assignments", np.int8),
        ("assigned", np.int8),  # variable that the present statement assigns to
        ("num_helpers", np.int64),
        ("helper_category", np.int8, (MAX_HELPERS,)),
        ("num_statements", np.int64),
    ],
    align=True,
)


@part_of_caller
def least_tokens(category: Any) -> Any:
    """Productions that a hole takes at least: a return takes two."""
    return 2 if category == STATEMENTS else 1


@part_of_caller
def least_size(category: Any) -> Any:
    """Size that a hole must have to be filled at all."""
    return INPUT_SIZE if category == LIST else 0


@part
def push_hole(d: Any, category: Any, size: Any, flags: Any, parent: Any, index: Any) -> None:
    """Open a hole.

    Args:
        d: a record of DERIVATION, changed.
        category: what fits in.
        size: the largest size that fits in.
        flags: what is in scope: IN_LOOP, IN_FOLD, IN_HELPER.
        parent: production that opens it, or -1.
        index: which of that production's holes it is.
    """
    top = d.num_open
    d.category[top], d.size[top], d.flags[top] = category, size, flags
    d.parent[top], d.index[top] = parent, index
    d.num_open = top + 1
    d.pending += least_tokens(category)


@part
def begin_derivation(d: Any, return_category: Any) -> None:
    """Start with an empty program."""
    d.num_open, d.pending = 0, 0
    d.return_category = return_category
    d.cap = INT_SIZE
    d.variable_category[NUMBERS], d.variable_size[NUMBERS] = LIST, INPUT_SIZE
    d.variable_category[K], d.variable_size[K] = INT, INPUT_SIZE
    d.num_variables, d.num_numbers = FIRST_LET, 0
    d.declaring, d.wants_list, d.list_size, d.list_declares = 0, 0, INPUT_SIZE, 0
    d.assigned, d.num_assignments = 0, 0
    d.num_helpers, d.num_statements = 0, 0
    push_hole(d, _STATEMENTS, _ZERO, _ZERO, _NO_PARENT, _ZERO)


@kernel
def declared_size(d: Any, category: Any) -> Any:
    """Size of the next number, list of numbers or text that a statement declares."""
    if category == STR:
        return DECLARED_TEXT_SIZE
    return FIRST_INT_SIZE + INT_SIZE_STEP * (d.num_variables - FIRST_LET)


@kernel
def size_of_statement(d: Any, token: Any) -> Any:
    """The size that a statement's holes start from."""
    if token == DEFINE_INT or token == DEFINE_BOOL:
        return PARAMETER_SIZE + HELPER_GROWTH + d.num_helpers
    if token == RETURN or token == GUARD:
        return TEXT_SIZE if d.return_category == STR else INT_SIZE
    return declared_size(d, DECLARES[token])


@kernel
def child_size(token: Any, i: Any, size: Any, cap: Any) -> Any:
    """Size of a hole that a production opens.

    Args:
        token: number of the production.
        i: which of its holes.
        size: of the hole that the production fills.
        cap: size of a hole that may have any size.
    """
    rule, amount = HOLE_RULE[token, i], HOLE_AMOUNT[token, i]
    if token >= CALL:
        number = token - CALL if token < TEST else token - TEST
        return (size if token < TEST else cap) - HELPER_GROWTH - number
    if rule == FREE:
        return TEXT_SIZE if HOLE_CATEGORY[token, i] == STR else cap
    if rule == HALF:
        return size // 2
    return size - amount if rule == LESS else size


@kernel
def child_category(d: Any, token: Any, i: Any) -> Any:
    """Category of the i-th hole that a production opens."""
    category = HOLE_CATEGORY[token, i]
    return d.return_category if category < 0 else category


@kernel
def leaf_fits(d: Any, token: Any, category: Any, size: Any, flags: Any) -> Any:
    """Whether a variable, loop variable, parameter or call is in scope and fits; literals for divisors."""
    if category == DIVISOR:
        return LITERAL + 2 <= token <= LITERAL + 10
    if token == ITEM:
        return category == INT and flags & IN_LOOP != 0 and d.list_size <= size
    if token == PARAMETER:
        return category == INT and flags & IN_HELPER != 0 and size >= PARAMETER_SIZE
    if VARIABLE <= token < CALL:
        variable = token - VARIABLE
        if flags & IN_HELPER != 0 or variable >= d.num_variables + (flags & IN_FOLD != 0):
            return False
        if category == TARGET:
            return variable >= FIRST_LET and d.variable_category[variable] == INT
        return d.variable_category[variable] == category and d.variable_size[variable] <= size
    number = token - CALL if token < TEST else token - TEST
    defined = number < min(d.num_helpers, MAX_HELPERS)
    return defined and CATEGORY[token] == category and d.helper_category[number] == category


@kernel
def fits(d: Any, token: Any, category: Any, size: Any, flags: Any, room: Any) -> Any:
    """Whether a production may fill a hole.

    Args:
        d: a record of DERIVATION.
        token: number of the production.
        category: of the hole.
        size: of the hole.
        flags: of the hole.
        room: productions that may still be written in all.
    """
    special = token == ITEM or token == PARAMETER or token >= VARIABLE or category == DIVISOR
    if special:
        if not leaf_fits(d, token, category, size, flags):
            return False
    elif CATEGORY[token] != category:
        return False
    needed = d.pending - least_tokens(category) + 1
    cap = np.int64(d.cap)
    if category == STATEMENTS:
        size = size_of_statement(d, token)
        if token == DEFINE_INT or token == DEFINE_BOOL:
            cap = size
            if d.num_statements > 0 or d.num_helpers == MAX_HELPERS:
                return False
        elif DECLARES[token] >= 0 and d.num_variables == MAX_VARIABLES:
            return False
        needed += 2 * (token != RETURN)
    if size < LEAST[token] and category != DIVISOR:
        return False
    for i in range(NUM_HOLES[token]):
        opened = child_category(d, token, i)
        if opened == TARGET:
            if d.num_numbers == 0 or d.num_assignments == MAX_ASSIGNMENTS:
                return False
        elif (opened == LIST or opened == STR) and flags & IN_HELPER != 0:
            return False
        if child_size(token, i, size, cap) < least_size(opened):
            return False
        needed += 1
    return needed <= room and d.num_open + NUM_HOLES[token] < MAX_OPEN


@part
def begin_statement(d: Any, token: Any) -> None:
    """A statement begins: note what it declares."""
    if token == DEFINE_INT or token == DEFINE_BOOL:
        d.cap = PARAMETER_SIZE + HELPER_GROWTH + d.num_helpers
        d.declaring = 2
        d.helper_category[d.num_helpers] = INT if token == DEFINE_INT else BOOL
        return
    d.num_statements += 1
    d.cap = INT_SIZE
    d.wants_list = DECLARES[token] >= 0 and HOLE_CATEGORY[token, 0] == LIST
    d.list_declares = token == LET_LIST or token == LET_FILTER
    if DECLARES[token] >= 0:
        d.declaring = 1
        d.variable_category[d.num_variables] = DECLARES[token]
        d.variable_size[d.num_variables] = declared_size(d, DECLARES[token])


@part
def end_statement(d: Any) -> None:
    """A statement is complete: what it declares is in scope from now on."""
    if d.declaring == 2:
        d.num_helpers += 1
        d.cap = INT_SIZE
    elif d.declaring == 1:
        variable = d.num_variables
        if d.list_declares:
            d.variable_size[variable] = d.list_size
        d.num_numbers += d.variable_category[variable] == INT
        d.num_variables += 1
    elif d.assigned > 0:
        d.variable_size[d.assigned] += 1
        d.num_assignments += 1
    d.declaring, d.assigned = 0, 0


@part
def fill(d: Any, token: Any) -> None:
    """Fill the open hole by a legal production.

    Args:
        d: a record of DERIVATION, changed.
        token: number of the production; ``fits`` says whether it is legal.
    """
    top = d.num_open - 1
    category, size, flags = d.category[top], np.int64(d.size[top]), d.flags[top]
    d.num_open = top
    d.pending -= least_tokens(category)
    if category == STATEMENTS:
        size = size_of_statement(d, token)
        begin_statement(d, token)
        if token != RETURN:
            push_hole(d, _STATEMENTS, _ZERO, _ZERO, _NO_PARENT, _ZERO)
        if token == DEFINE_INT or token == DEFINE_BOOL:
            flags = flags | IN_HELPER
    elif category == LIST and d.wants_list and VARIABLE <= token < CALL:
        d.list_size = d.variable_size[token - VARIABLE]
        d.wants_list = 0
    elif category == TARGET:
        d.assigned = token - VARIABLE
        d.size[top - 2] = d.variable_size[d.assigned] + 1  # of the value, below the condition
    for i in range(NUM_HOLES[token] - 1, -1, -1):
        opened = flags
        if HOLE_ITEM[token, i]:
            opened = opened | IN_LOOP
        if HOLE_ACCUMULATOR[token, i]:
            opened = opened | IN_FOLD
        child = child_category(d, token, i)
        push_hole(d, child, child_size(token, i, size, np.int64(d.cap)), opened, token, i)
    if d.num_open > 0 and d.category[d.num_open - 1] == STATEMENTS and category != STATEMENTS:
        end_statement(d)


@part
def replay(d: Any, tokens: Any, count: Any, return_category: Any) -> None:
    """Derive the first ``count`` productions of a program: the next hole is open then."""
    begin_derivation(d, return_category)
    for i in range(count):
        fill(d, np.int64(tokens[i]))
