"""The world of programs: state, mask, step and observation, as numba scalar functions.

Read in the order in which things happen: the world's record, running a program on the tests, what is legal,
what an action does, what an agent sees. ``generator`` makes worlds, ``oracle`` solves them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.envs.code.actions import EXTRACT, INLINE, MAX_MODULES, MODULE, MOVE, NUM_ACTIONS, POINT, SUBMIT
from etude_gym.envs.code.exercise import STRATA
from etude_gym.envs.code.language.derivation import DERIVATION, child_size, fill, fits, replay
from etude_gym.envs.code.language.grammar import (
    CATEGORY,
    FIRST_LET,
    HOLE_CATEGORY,
    LIST,
    LIST_LENGTH,
    MAX_DEFINITIONS,
    MAX_HOLES,
    MAX_VARIABLES,
    NUM_HOLES,
    NUM_PRODUCTIONS,
    STATEMENTS,
    STR,
    WEIGHT,
)
from etude_gym.envs.code.language.interpreter import (
    RESULT,
    absorb_word,
    execute,
    find_ends,
    hand_over,
    hash_variable,
)
from etude_gym.envs.code.language.tokens import ASSIGN_IF, CALL, MAX_TOKENS
from etude_gym.envs.code.limits import (
    DEBUG,
    MAX_LETS,
    MAX_PLAN,
    MAX_SPECIFICATION,
    MILESTONES,
    NUM_HIDDEN,
    NUM_PUBLIC,
    NUM_TESTS,
    REFACTOR,
    SYNTHESIZE,
)
from etude_gym.envs.code.packages.refactoring import (
    PACKAGE,
    can_extract,
    can_inline,
    can_merge,
    can_move,
    extract,
    flatten,
    improvement,
    inline,
    measure,
    merge,
    move,
    offset_at,
    slot_at,
)
from etude_gym.tasks.kernels import entry_point, kernel, part, part_of_caller

WORLD = np.dtype(
    [
        # The task: written by the generator, constant during an episode.
        ("key", np.uint64),
        ("family", np.int8),
        ("return_category", np.int8),
        ("reference", np.int16, (MAX_TOKENS,)),
        ("num_reference", np.int64),
        ("given", np.int16, (MAX_TOKENS,)),  # the program to repair
        ("num_given", np.int64),  # productions of the reference that a program to write begins with
        ("begun", np.int64),  # intermediate results that it begins with
        ("plan", np.int16, (MAX_PLAN,)),  # actions of the reference solution
        ("num_plan", np.int64),
        (
            "specification",
            np.int8,
            (3, MAX_SPECIFICATION),
        ),  # step, first and second argument of each sentence
        ("num_sentences", np.int64),
        ("numbers", np.int8, (NUM_TESTS, LIST_LENGTH)),  # of each test; the hidden ones come first
        ("num_numbers", np.int8, (NUM_TESTS,)),
        ("k", np.int8, (NUM_TESTS,)),
        ("stratum", np.int8, (NUM_TESTS,)),
        ("guarded", np.uint8, (NUM_TESTS,)),  # whether the reference returns from a guard
        ("expected", np.uint64, (NUM_TESTS,)),  # hash of what has to be returned
        ("wanted", np.int16, (NUM_PUBLIC, 7)),  # what the public tests have to return, as far as it is shown
        ("milestones", np.uint64, (MAX_LETS,)),  # hashes of the reference's intermediate results
        ("num_milestones", np.int64),
        ("floor", np.float64),
        ("budget", np.int64),  # productions that a program may have
        ("step_limit", np.int64),
        ("num_steps", np.int64),
        ("num_helpers", np.int64),
        ("num_guards", np.int64),
        ("guarded_share", np.float32),
        ("transfer_share", np.float32),
        ("num_defects", np.int64),
        ("package", PACKAGE),
        ("clean", PACKAGE),
        ("start_measures", np.int64, (4,)),
        ("clean_measures", np.int64, (4,)),
        # The episode: changed by actions.
        ("tokens", np.int16, (MAX_TOKENS,)),  # the program as far as it is derived
        ("num_tokens", np.int64),
        ("tail", np.int16, (MAX_TOKENS,)),  # what stands behind the part that is derived anew
        ("num_tail", np.int64),
        ("kept", np.int16, (MAX_TOKENS,)),  # the program before the repair that is under way
        ("num_kept", np.int64),
        ("repaired", np.int64),  # the position that was pointed at, until a production stands there; else -1
        ("repaired_end", np.int64),  # where the expression that stood there ended
        ("derivation", DERIVATION),
        ("present", PACKAGE),
        ("chosen", np.int16),  # action of a refactoring that is not yet complete, or 0
        ("chosen_slot", np.int16),  # the definition that was pointed at, or -1
        ("reached", np.int64),  # milestones
        ("steps", np.int64),
        ("illegal_actions", np.int64),
        ("over", np.int8),
        # How it goes.
        ("passed", np.uint8, (NUM_TESTS,)),
        ("shown", np.int16, (NUM_PUBLIC, 7)),  # present results of the public tests
        ("measures", np.int64, (4,)),
        ("score", np.float64),
        ("pass_rate", np.float64),
        ("solved", np.bool_),
    ],
    align=True,
)

SHOWN = 6
"""Numbers of a result that an agent sees."""


# --- Running a program on the tests ------------------------------------------------------------------


@part_of_caller
def clip16(value: Any) -> Any:
    """A number as an observation holds it."""
    return np.int16(min(max(value, -32767), 32767))


@part
def show_variable(shown: Any, variable: Any, run: Any, machine: Any) -> None:
    """Write a variable or the result after a run.

    Of a list or text, write its length and its first numbers; of a number or the truth, -1 and the value.
    """
    category = machine.variable_categories[variable]
    is_sequence = category == LIST or category == STR
    shown[0] = machine.variable_lengths[variable, run] if is_sequence else -1
    for i in range(SHOWN):
        value = np.int64(0)
        if i < shown[0]:
            value = np.int64(machine.variable_texts[variable, run, i])
            if category == LIST:
                value = machine.variable_lists[variable, i * machine.num_runs + run]
        elif i == 0 and not is_sequence:
            value = machine.variables[variable, run]
        shown[1 + i] = clip16(value)


@part
def stratified_pass_rate(world: Any) -> Any:
    """Mean over the strata of the share of hidden tests that pass."""
    total, present = 0.0, 0
    for stratum in range(len(STRATA)):
        tests, passed = 0, 0
        for i in range(NUM_HIDDEN):
            if world.stratum[i] == stratum:
                tests += 1
                passed += world.passed[i]
        if tests > 0:
            total += passed / tests
            present += 1
    return total / max(present, 1)


@part_of_caller
def execute_on_tests(world: Any, tokens: Any, count: Any, machine: Any) -> None:
    """Run a program on all tests."""
    machine.num_runs = NUM_TESTS
    for i in range(NUM_TESTS):
        hand_over(machine, i, world.numbers[i], world.num_numbers[i], world.k[i])
    find_ends(tokens, count, machine)
    execute(tokens, count, machine)


@part_of_caller
def run_tests(world: Any, tokens: Any, count: Any, machine: Any) -> None:
    """Run a complete program on all tests: note which pass, and what the public ones return.

    Args:
        world: a record of WORLD; "passed" and "shown" are written.
        tokens: int16 (MAX_TOKENS,), the program in prefix order.
        count: length of the program.
        machine: a record of ``interpreter.MACHINE``, memory.
    """
    execute_on_tests(world, tokens, count, machine)
    for i in range(NUM_TESTS):
        world.passed[i] = machine.hashes[i] == world.expected[i]
        if i >= NUM_HIDDEN:
            show_variable(world.shown[i - NUM_HIDDEN], RESULT, i, machine)


@part_of_caller
def grade_program(world: Any, machine: Any) -> None:
    """Set the score from the complete program."""
    run_tests(world, world.tokens, world.num_tokens, machine)
    world.pass_rate = stratified_pass_rate(world)
    solved = True
    for i in range(NUM_HIDDEN):
        solved &= world.passed[i]
    world.solved = solved
    share = (world.pass_rate - world.floor) / (1.0 - world.floor)
    world.score = 1.0 if solved else max(share, 0.0)


@part_of_caller
def look_for_milestones(world: Any, machine: Any) -> None:
    """Set the score of a program that lacks its end from the intermediate results that it has."""
    execute_on_tests(world, world.tokens, world.num_tokens, machine)
    num_variables = world.derivation.num_variables
    hashes = np.zeros(MAX_VARIABLES, dtype=np.uint64)
    for i in range(NUM_TESTS):
        if world.guarded[i] and i < NUM_HIDDEN:
            continue
        returned = machine.num_variables[i] < num_variables  # from a guard that the reference does not have
        if i >= NUM_HIDDEN:
            if num_variables > FIRST_LET and not returned:
                show_variable(world.shown[i - NUM_HIDDEN], num_variables - 1, i, machine)
            continue
        for variable in range(FIRST_LET, num_variables):
            value = np.uint64(0) if returned else hash_variable(variable, i, machine)
            hashes[variable] = absorb_word(hashes[variable], value)
    for i in range(world.reached, world.num_milestones):
        for variable in range(FIRST_LET, num_variables):
            if hashes[variable] == world.milestones[i]:
                world.reached = i + 1
    world.score = MILESTONES * (world.reached - world.begun) / (world.num_milestones - world.begun + 1)


@part_of_caller
def measure_package(world: Any) -> None:
    """Set the score from the architecture of the present package."""
    measure(world.present, world.measures)
    world.score = improvement(world.start_measures, world.measures, world.clean_measures)
    world.solved = world.score >= 1.0


# --- What is legal -----------------------------------------------------------------------------------


@kernel
def is_writing(world: Any) -> Any:
    """Whether a hole is open."""
    return world.derivation.num_open > 0


@kernel
def room(world: Any) -> Any:
    """Productions that may still be written."""
    left = world.step_limit - world.steps
    return min(left, world.budget - world.num_tokens - world.num_tail)


@part_of_caller
def is_expression(token: Any) -> Any:
    """Whether a production stands for a value, not for a statement."""
    return CATEGORY[token] != STATEMENTS


@part_of_caller
def is_target(tokens: Any, position: Any) -> Any:
    """Whether a variable is what a conditional assignment assigns to."""
    return position > 0 and tokens[position - 1] == ASSIGN_IF


@part_of_caller
def may_repair(world: Any, position: Any) -> Any:
    """Whether there is an expression at a position that may be derived anew."""
    if position < 0 or position >= world.num_tokens:
        return False
    if not is_expression(world.tokens[position]) or is_target(world.tokens, position):
        return False
    return world.steps + 2 <= world.step_limit


@part_of_caller
def is_naming(world: Any) -> Any:
    """Whether a module is to be named next."""
    return world.chosen == MOVE and world.chosen_slot >= 0


@kernel
def may_point(world: Any, slot: Any, offset: Any) -> Any:
    """Whether the refactoring that was chosen can be about an expression, or the header of a definition.

    Whether anything comes of it is for the agent to find out: what cannot be done changes nothing.

    Args:
        world: a record of WORLD.
        slot: of the definition.
        offset: of the expression in its body; -1 for the header.
    """
    if world.chosen == 0 or is_naming(world):
        return False
    return offset >= 0 if world.chosen == EXTRACT else offset < 0 and world.chosen_slot != slot


@kernel
def refactoring_is_legal(world: Any, action: Any) -> Any:
    """Whether one action is legal in a package."""
    if action == SUBMIT or EXTRACT <= action <= MOVE:
        return True  # another choice takes the place of one that is not complete
    if MODULE <= action < MODULE + MAX_MODULES:
        return is_naming(world) and action - MODULE < world.present.num_modules
    position = action - POINT
    if position < 0 or position >= world.num_tokens:
        return False
    return may_point(world, slot_at(world.present, position), offset_at(world.present, position))


@kernel
def is_legal(world: Any, action: Any) -> Any:
    """Whether one action is legal now; any integer is allowed."""
    if action < 0 or action >= NUM_ACTIONS or world.over:
        return False
    if world.family == REFACTOR:
        return refactoring_is_legal(world, action)
    if is_writing(world):
        d = world.derivation
        top = d.num_open - 1
        category, size, flags = d.category[top], np.int64(d.size[top]), d.flags[top]
        return action < NUM_PRODUCTIONS and fits(d, action, category, size, flags, room(world))
    if action == SUBMIT:
        return True
    return POINT <= action < MODULE and may_repair(world, action - POINT)


@kernel
def legal_actions(world: Any, mask: Any) -> None:
    """Write the action mask."""
    for action in range(NUM_ACTIONS):
        mask[action] = 0
    if world.family == REFACTOR:
        action = POINT
        for slot in range(MAX_DEFINITIONS):
            length = world.present.length[slot]
            for offset in range(-1, length if length > 0 else -1):
                mask[action] = may_point(world, slot, offset)
                action += 1
        first, stop = MODULE, NUM_ACTIONS
    elif is_writing(world):
        first, stop = 0, NUM_PRODUCTIONS
    else:
        first, stop = POINT, NUM_ACTIONS
    for action in range(first, stop):
        mask[action] = is_legal(world, action)


# --- What an action does -----------------------------------------------------------------------------


@part
def copy_tokens(source: Any, target: Any, start: Any, stop: Any) -> Any:
    """Copy the tokens of some positions to the beginning of another array; returns how many."""
    for i in range(start, stop):
        target[i - start] = source[i]
    return stop - start


@part
def begin_repair(world: Any, position: Any, machine: Any) -> None:
    """Open a hole in place of the expression at a position."""
    find_ends(world.tokens, world.num_tokens, machine)
    end = machine.ends[position]
    world.num_kept = copy_tokens(world.tokens, world.kept, np.int64(0), world.num_tokens)
    world.num_tail = copy_tokens(world.tokens, world.tail, end, world.num_tokens)
    world.num_tokens = position
    world.repaired, world.repaired_end = position, end
    d = world.derivation
    # The list that a loop goes over may not get larger items than what follows was written for.
    return_category = np.int64(world.return_category)
    replay(d, world.kept, end, return_category)
    list_size = d.list_size
    replay(d, world.kept, position, return_category)
    top = d.num_open - 1
    d.category[0], d.size[0], d.flags[0] = d.category[top], d.size[top], d.flags[top]
    d.parent[0], d.index[0] = d.parent[top], d.index[top]
    if d.wants_list and d.category[0] == LIST:
        d.size[0] = list_size
    d.num_open, d.pending = 1, 1


@part
def keeps_operands(world: Any, token: Any) -> Any:
    """Whether a production can take over the operands of the one that it replaces.

    Their holes have to be of the same categories, and no smaller than before.
    """
    old = np.int64(world.kept[world.repaired])
    if NUM_HOLES[old] != NUM_HOLES[token]:
        return False
    size, cap = np.int64(world.derivation.size[0]), np.int64(world.derivation.cap)
    for i in range(NUM_HOLES[token]):
        if HOLE_CATEGORY[old, i] != HOLE_CATEGORY[token, i]:
            return False
        if child_size(token, i, size, cap) < child_size(old, i, size, cap):
            return False
    return True


@part_of_caller
def take_over_operands(world: Any) -> None:
    """Write the operands of the expression that was pointed at behind the production that replaced it."""
    for i in range(world.repaired + 1, world.repaired_end):
        world.tokens[world.num_tokens] = world.kept[i]
        world.num_tokens += 1
    world.derivation.num_open, world.derivation.pending = 0, 0


@part_of_caller
def end_repair(world: Any) -> None:
    """Put what stood behind the repaired expression back in its place."""
    for i in range(world.num_tail):
        world.tokens[world.num_tokens + i] = world.tail[i]
    world.num_tokens += world.num_tail
    world.num_tail = 0


@part_of_caller
def break_off(world: Any) -> None:
    """Time ran out in the middle: a repair is undone, an unfinished program is worth nothing."""
    if world.family == DEBUG and is_writing(world):
        world.num_tokens = copy_tokens(world.kept, world.tokens, np.int64(0), world.num_kept)
        world.num_tail = 0
    elif world.family == SYNTHESIZE:
        world.score = 0.0
    world.derivation.num_open = 0
    world.over = 1


@part_of_caller
def write_production(world: Any, action: Any, machine: Any) -> None:
    """Fill the open hole; judge what became complete."""
    world.tokens[world.num_tokens] = action
    world.num_tokens += 1
    d = world.derivation
    in_statement = d.num_open > 0 and d.category[d.num_open - 1] != STATEMENTS
    takes_over = world.repaired >= 0 and keeps_operands(world, np.int64(action))
    fill(d, action)
    if takes_over:
        take_over_operands(world)
    world.repaired = -1
    if d.num_open == 0:
        if world.family == DEBUG:
            end_repair(world)
        grade_program(world, machine)
        world.over = world.solved or world.family == SYNTHESIZE
    elif in_statement and d.category[d.num_open - 1] == STATEMENTS and world.family == SYNTHESIZE:
        look_for_milestones(world, machine)


@part_of_caller
def choose_refactoring(world: Any, action: Any) -> None:
    """Take one of the actions that make up a refactoring; carry it out when it is complete, if it can be."""
    if action >= EXTRACT:
        world.chosen, world.chosen_slot = action, -1
        return
    package, chosen = world.present, world.chosen_slot
    if action >= MODULE:
        if can_move(package, chosen, action - MODULE):
            move(package, chosen, action - MODULE)
    else:
        slot, offset = slot_at(package, action - POINT), offset_at(package, action - POINT)
        if world.chosen == EXTRACT:
            if can_extract(package, slot, offset):
                extract(package, slot, offset)
        elif world.chosen == INLINE:
            if can_inline(package, slot):
                inline(package, slot)
        elif chosen < 0:
            world.chosen_slot = slot
            return
        elif can_merge(package, chosen, slot):
            merge(package, chosen, slot)
    world.chosen, world.chosen_slot = 0, -1
    world.num_tokens = flatten(package, world.tokens)
    measure_package(world)


@part_of_caller
def take_action(world: Any, action: Any, machine: Any) -> Any:
    """Let one action happen; returns by how much the score rose."""
    before = world.score
    legal = is_legal(world, action)
    world.steps += 1
    if not legal:
        world.illegal_actions += 1
    elif action == SUBMIT:
        world.over = 1
    elif action < NUM_PRODUCTIONS:
        write_production(world, action, machine)
    elif world.family == REFACTOR:
        choose_refactoring(world, action)
    else:
        begin_repair(world, action - POINT, machine)
    left = world.step_limit - world.steps
    if not world.over and (left <= 0 or left < world.derivation.pending * is_writing(world)):
        break_off(world)
    return world.score - before


# --- What an agent sees ------------------------------------------------------------------------------

GLOBALS = (
    *("family", "return category", "writing", "hole category", "hole size", "in loop", "in fold"),
    *("in helper", "hole", "number of definitions", "open holes", "room"),
    *("steps left", "sentence", "number of sentences", "variables", "position", "public tests passed"),
    *("chosen refactoring", "position of the chosen definition", "production to replace"),
)
"""Numbers about the whole state, in this order; categories, productions and positions count from 1.

"hole" is 3 times the production that opened the hole, plus which of its holes it is.
"""
DEFINITION_FEATURES = ("position", "module", "public", "constant", "calls", "weight")
SHOWN_NUMBERS = 8
EXAMPLE_SIZE = 1 + SHOWN_NUMBERS + 1 + 2 * (1 + SHOWN) + 1

SCOPE_AT = len(GLOBALS)
SPECIFICATION_AT = SCOPE_AT + MAX_VARIABLES
TOKENS_AT = SPECIFICATION_AT + 3 * MAX_SPECIFICATION
EXAMPLES_AT = TOKENS_AT + MAX_TOKENS
DEFINITIONS_AT = EXAMPLES_AT + NUM_PUBLIC * EXAMPLE_SIZE
NUM_FEATURES = DEFINITIONS_AT + MAX_DEFINITIONS * len(DEFINITION_FEATURES)

HOLE = NUM_PRODUCTIONS + 1
"""Stands among the productions (which count from 1) where the open hole is."""


@part_of_caller
def sentence_at_hole(d: Any) -> Any:
    """Which sentence the open hole belongs to, if the program follows the specification in order."""
    if d.num_open == 0:
        return 0
    inside = d.category[d.num_open - 1] != STATEMENTS and d.declaring != 2
    return d.num_helpers + d.num_statements - inside


@part_of_caller
def observe_globals(world: Any, seen: Any) -> None:
    """Write the numbers about the whole state."""
    d = world.derivation
    for i in range(len(GLOBALS)):
        seen[i] = 0
    seen[0] = world.family
    seen[1] = world.return_category + 1
    if is_writing(world):
        top = d.num_open - 1
        flags = d.flags[top]
        seen[2] = 1
        seen[3] = d.category[top] + 1
        seen[4] = d.size[top]
        seen[5], seen[6], seen[7] = flags & 1, (flags >> 1) & 1, (flags >> 2) & 1
        seen[8] = MAX_HOLES * (d.parent[top] + 1) + d.index[top]
        seen[9] = d.num_helpers
        if world.repaired >= 0:
            seen[20] = world.kept[world.repaired] + 1
        seen[10] = d.num_open
        seen[11] = room(world)
        seen[15] = d.num_variables
    seen[12] = world.step_limit - world.steps
    seen[13] = sentence_at_hole(d) + 1
    seen[14] = world.num_sentences
    seen[16] = world.num_tokens + 1
    for i in range(NUM_HIDDEN, NUM_TESTS):
        seen[17] += world.passed[i]
    if world.chosen > 0:
        seen[18] = world.chosen - EXTRACT + 1


@part_of_caller
def observe_program(world: Any, seen: Any) -> None:
    """Write scope, specification and the productions of the program."""
    d = world.derivation
    writing = is_writing(world)
    for i in range(MAX_VARIABLES):
        seen[SCOPE_AT + i] = d.variable_category[i] + 1 if writing and i < d.num_variables else 0
    for row in range(3):
        for i in range(MAX_SPECIFICATION):
            told = i < world.num_sentences
            offset = 1 if row == 0 else 0
            at = SPECIFICATION_AT + row * MAX_SPECIFICATION + i
            seen[at] = world.specification[row, i] + offset if told else 0
    for i in range(world.num_tokens):
        seen[TOKENS_AT + i] = world.tokens[i] + 1
    at = world.num_tokens
    if writing:
        seen[TOKENS_AT + at] = HOLE
        for i in range(world.num_tail):
            seen[TOKENS_AT + at + 1 + i] = world.tail[i] + 1
        at += 1 + world.num_tail
    for i in range(at, MAX_TOKENS):
        seen[TOKENS_AT + i] = 0


@part_of_caller
def observe_examples(world: Any, seen: Any) -> None:
    """Write the public tests: what is given, what has to be returned, what is returned at present."""
    for i in range(NUM_PUBLIC):
        at = EXAMPLES_AT + i * EXAMPLE_SIZE
        test = NUM_HIDDEN + i
        seen[at] = world.num_numbers[test]
        for j in range(SHOWN_NUMBERS):
            seen[at + 1 + j] = world.numbers[test, j] if j < world.num_numbers[test] else 0
        at += 1 + SHOWN_NUMBERS
        seen[at] = world.k[test]
        for j in range(1 + SHOWN):
            seen[at + 1 + j] = world.wanted[i, j]
            seen[at + 2 + SHOWN + j] = world.shown[i, j]
        seen[at + 3 + 2 * SHOWN] = world.passed[test]


@part_of_caller
def observe_definitions(world: Any, seen: Any) -> None:
    """Write what is to be known about each definition of a package, in the order in which they stand."""
    package = world.present
    position = 0
    for slot in range(MAX_DEFINITIONS):
        at = DEFINITIONS_AT + slot * len(DEFINITION_FEATURES)
        length = package.length[slot] if world.family == REFACTOR else 0
        for i in range(len(DEFINITION_FEATURES)):
            seen[at + i] = 0
        if length == 0:
            continue
        weight = 0
        for i in range(length):
            weight += WEIGHT[package.body[slot, i]]
        seen[at] = position + 1
        seen[at + 1] = package.module[slot] + 1
        seen[at + 2] = package.public[slot]
        seen[at + 3] = package.constant[slot]
        seen[at + 5] = weight
        if world.chosen > 0 and world.chosen_slot == slot:
            seen[19] = position + 1
        position += 1 + length
    if world.family == REFACTOR:
        for i in range(world.num_tokens):
            if CALL <= world.tokens[i] < CALL + MAX_DEFINITIONS:
                seen[DEFINITIONS_AT + (world.tokens[i] - CALL) * len(DEFINITION_FEATURES) + 4] += 1


@part_of_caller
def observe(world: Any, seen: Any, mask: Any) -> None:
    """Write observation and mask of one world."""
    observe_globals(world, seen)
    observe_program(world, seen)
    observe_examples(world, seen)
    observe_definitions(world, seen)
    if world.over:
        for action in range(NUM_ACTIONS):
            mask[action] = 0
    else:
        legal_actions(world, mask)


# --- Batches -----------------------------------------------------------------------------------------


@entry_point
def observe_batch(worlds: Any, rows: Any, observations: Any, masks: Any) -> None:
    """Write observations and masks of some rows.

    Args:
        worlds: WORLD (n,).
        rows: int64 (m,), the rows to write.
        observations: int16 (n, NUM_FEATURES), written.
        masks: int8 (n, NUM_ACTIONS), written.
    """
    for row in rows:
        observe(worlds[row], observations[row], masks[row])


@entry_point
def step_batch(
    worlds: Any,
    actions: Any,
    active: Any,
    observations: Any,
    masks: Any,
    rewards: Any,
    ends: Any,
    machines: Any,
) -> None:
    """Step every active row; write observation, mask, reward and end of every row.

    Args:
        worlds: WORLD (n,), changed.
        actions: int64 (n,), any integers.
        active: bool (n,): rows whose episode goes on.
        observations: int16 (n, NUM_FEATURES), written.
        masks: int8 (n, NUM_ACTIONS), written.
        rewards: float64 (n,), written: 0 where not active.
        ends: bool (n,), written: True where an episode ended in this step.
        machines: ``interpreter.MACHINE`` (1,), memory.
    """
    for row in range(len(worlds)):
        world = worlds[row]
        rewards[row], ends[row] = 0.0, False
        if active[row]:
            rewards[row] = take_action(world, actions[row], machines[0])
            ends[row] = world.over
        observe(world, observations[row], masks[row])
