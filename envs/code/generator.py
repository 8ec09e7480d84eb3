"""Makes tasks: constructive, certified, with bounded tries.

A draft of writing or repairing is accepted when it is certified: no constant and no program of up to four
productions passes half of the hidden tests, and leaving out any step of the reference changes what is
returned. Packages to refactor come from ``packages``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.envs.code.actions import POINT, SUBMIT
from etude_gym.envs.code.kernel import (
    begin_repair,
    copy_tokens,
    execute_on_tests,
    keeps_operands,
    measure_package,
    run_tests,
    show_variable,
    stratified_pass_rate,
)
from etude_gym.envs.code.language.derivation import replay
from etude_gym.envs.code.language.grammar import FIRST_LET, INT
from etude_gym.envs.code.language.interpreter import RESULT, absorb_word, find_ends, hash_variable
from etude_gym.envs.code.language.tokens import RETURN, VARIABLE
from etude_gym.envs.code.limits import (
    DEBUG,
    MAX_PROGRAM,
    MOST_REPAIRS,
    NUM_HIDDEN,
    NUM_TESTS,
    REFACTOR,
    SPARE_STEPS,
    SYNTHESIZE,
)
from etude_gym.envs.code.packages.damages import copy_package
from etude_gym.envs.code.packages.generation import generate_package
from etude_gym.envs.code.packages.refactoring import flatten, measure
from etude_gym.envs.code.programs.catalog import GUARD, STEP
from etude_gym.envs.code.programs.certification import (
    HIGHEST_FLOOR,
    choose_all_tests,
    copy_reference,
    find_floor,
    hand_over_hidden_tests,
    idle_sentence,
    is_variant_derivable,
    mutate,
    pass_rate_of_variant,
    run_mutants,
    run_variant,
    stratum_of,
    weight_of,
)
from etude_gym.envs.code.programs.drafts import (
    POOL,
    assemble,
    derive,
    draw_pool,
    draw_sentence,
    draw_sentences,
    draw_sizes,
    eligible_steps,
    run_reference,
)
from etude_gym.tasks.kernels import (
    below,
    entry_point,
    finalize_word,
    part,
    part_of_caller,
    stochastic_round,
    uniform,
)

TRIES = 24
"""Drafts at most."""
FIRST_TRIES = 12
"""Drafts of full size; each further one has less of everything, so that one is certified in the end."""
REVISIONS = 48
"""Sentences of a draft that are drawn anew at most."""
MAX_DEFECTS = 4
SHARE_BEGUN = 0.5
"""Share of the tasks of writing in which some sentences are written already, where that leaves enough."""
_WHOLE_POOL = np.arange(POOL)
_ALL_SENTENCES, _START = np.int64(-1), np.int64(0)


# --- Writing -----------------------------------------------------------------------------------------


@part_of_caller
def find_fault(draft: Any, machine: Any) -> Any:
    """The sentence because of which a draft is no task, or -1; tests are chosen for the check."""
    for at in range(draft.num_sentences):
        if draft.step[at] < 0:
            return at
    draft.num_tokens = assemble(draft, _ALL_SENTENCES, draft.tokens)
    allowed = derive(draft.tokens, draft.num_tokens, draft.return_category, draft.derivation)
    if allowed < draft.num_tokens:
        fault = 0
        for at in range(draft.num_sentences):
            if draft.begins[at] <= allowed:
                fault = at
        return fault
    choose_all_tests(draft)
    return idle_sentence(draft, machine)


@part_of_caller
def revise(draft: Any, fault: Any, key: Any) -> None:
    """Draw a sentence anew: the one at fault, or one before or behind that may be what makes it idle."""
    at = fault
    first = draft.num_sentences - draft.num_steps
    if draft.kind[fault] == STEP and uniform(key, 0) < 0.5:
        at = first + below(key, 1, draft.num_steps)
    draw_sentence(draft, at, finalize_word(key))
    if draft.kind[at] == GUARD:
        draw_pool(draft, key)


@part_of_caller
def try_draft(draft: Any, key: Any, machine: Any) -> Any:
    """Draw one draft and revise it; returns its floor, or 1 if it is not certified."""
    draw_sentences(draft, key)
    draw_pool(draft, key)
    draft.killed[:] = 0
    revision, has_mutants = 0, False
    while revision < REVISIONS:
        fault = find_fault(draft, machine)
        if fault < 0 and has_mutants:
            return find_floor(draft, machine)
        if fault < 0:  # again with the tests that catch most mutants
            run_reference(draft, _WHOLE_POOL, machine)
            run_mutants(draft, key, machine)
            has_mutants = True
        elif has_mutants:
            break
        else:
            revision += 1
            revise(draft, fault, finalize_word(key ^ np.uint64(revision)))
    return 1.0


@part
def write_tests(world: Any, draft: Any) -> None:
    """Copy the chosen tests into a world."""
    hits = 0
    for i in range(NUM_TESTS):
        row = draft.chosen[i]
        world.num_numbers[i], world.k[i] = draft.num_numbers[row], draft.k[row]
        for j in range(draft.numbers.shape[1]):
            world.numbers[i, j] = draft.numbers[row, j]
        world.expected[i], world.guarded[i] = draft.expected[row], draft.guarded[row]
        world.stratum[i] = stratum_of(row)
        hits += draft.guarded[row] and i < NUM_HIDDEN
    world.guarded_share = hits / NUM_HIDDEN


@part_of_caller
def write_milestones(world: Any, machine: Any) -> None:
    """Note the intermediate results of the reference, and what the public tests have to return."""
    execute_on_tests(world, world.reference, world.num_reference, machine)
    world.milestones[:] = 0
    for i in range(NUM_TESTS):
        if i >= NUM_HIDDEN:
            show_variable(world.wanted[i - NUM_HIDDEN], RESULT, i, machine)
        elif not world.guarded[i]:
            world.num_milestones = machine.num_variables[i] - FIRST_LET
            for variable in range(FIRST_LET, machine.num_variables[i]):
                hashed = hash_variable(variable, i, machine)
                at = variable - FIRST_LET
                world.milestones[at] = absorb_word(world.milestones[at], hashed)


@part
def write_specification(world: Any, draft: Any) -> None:
    """Copy the sentences and the sizes of a draft into a world."""
    world.num_sentences = draft.num_sentences
    for i in range(draft.num_sentences):
        world.specification[0, i] = draft.step[i]
        world.specification[1, i] = draft.a[i]
        world.specification[2, i] = draft.b[i]
    world.num_steps, world.num_helpers = draft.num_steps, draft.num_helpers
    world.num_guards = draft.num_guards
    world.transfer_share = draft.num_transfer / max(eligible_steps(draft), 1)


@part_of_caller
def floor_of_constants(draft: Any, machine: Any) -> Any:
    """Best pass rate of a variant that returns a constant where no guard of its own returns."""
    run_variant(draft, machine)
    best = 0.0
    for i in range(NUM_HIDDEN):
        rate = 0.0
        for j in range(NUM_HIDDEN):
            if machine.guarded[j] or draft.expected[draft.chosen[j]] == draft.expected[draft.chosen[i]]:
                rate += weight_of(draft, draft.chosen[j])
        best = max(best, rate)
    return best


@part_of_caller
def floor_of_beginning(draft: Any, given: Any, machine: Any) -> Any:
    """Best pass rate of what is whole of a beginning of the reference, and then a variable or a constant."""
    whole = np.int64(0)  # where the last sentence ends that is complete
    for at in range(draft.num_sentences):
        if draft.begins[at] <= given:
            whole = draft.begins[at]
    d = draft.derivation
    replay(d, draft.tokens, whole, draft.return_category)
    for i in range(whole):
        draft.variant[i] = draft.tokens[i]
    draft.variant[whole], draft.variant[whole + 1] = RETURN, VARIABLE
    draft.num_variant = whole + 2
    best = floor_of_constants(draft, machine)
    for variable in range(d.num_variables):
        if d.variable_category[variable] == draft.return_category:
            draft.variant[whole + 1] = VARIABLE + variable
            best = max(best, pass_rate_of_variant(draft, machine))
    return best


@part_of_caller
def choose_beginning(world: Any, draft: Any, key: Any, floor: Any, machine: Any) -> None:
    """Decide how much of the reference is given: nothing in some tasks, else any number of productions."""
    world.num_given, world.floor = 0, floor
    if uniform(key, 8) < SHARE_BEGUN:
        assemble(draft, _ALL_SENTENCES, draft.tokens)  # finds out where the sentences begin
        given = 1 + below(key, 9, draft.num_tokens - 1)
        best = max(floor, floor_of_beginning(draft, given, machine))
        if best < HIGHEST_FLOOR:
            world.num_given, world.floor = given, best


@part_of_caller
def write_draft(world: Any, draft: Any, machine: Any) -> None:
    """Make a draft the task of a world: to write."""
    world.return_category = draft.return_category
    world.num_reference = copy_tokens(draft.tokens, world.reference, _START, draft.num_tokens)
    write_specification(world, draft)
    write_tests(world, draft)
    write_milestones(world, machine)
    world.budget = min(world.num_reference + world.num_reference // 4 + 4, MAX_PROGRAM)
    world.num_tokens = copy_tokens(world.reference, world.tokens, _START, world.num_given)
    replay(world.derivation, world.tokens, world.num_given, np.int64(world.return_category))
    world.begun = world.derivation.num_variables - FIRST_LET
    world.reached = world.begun
    world.step_limit = world.budget - world.num_given + SPARE_STEPS
    world.num_plan = copy_tokens(world.reference, world.plan, world.num_given, world.num_reference)


# --- Repairing ---------------------------------------------------------------------------------------


@part
def make_mistakes(draft: Any, key: Any, counter: Any, defects: Any, positions: Any) -> Any:
    """Make mistakes in a copy of the reference; returns how many, their positions in order."""
    copy_reference(draft)
    made = 0
    for i in range(3 * defects):
        if made == defects:
            break
        position = mutate(draft.variant, draft.num_variant, key, counter + 20 * i, draft.num_variant)
        fresh = position >= 0
        for j in range(made):
            fresh &= positions[j] != position
        if fresh:
            at = made
            while at > 0 and positions[at - 1] > position:
                positions[at] = positions[at - 1]
                at -= 1
            positions[at] = position
            made += 1
    return made


@part
def write_repairs(world: Any, draft: Any, positions: Any, made: Any, machine: Any) -> None:
    """The plan: point at each mistake, write what the reference has there, and its operands if it takes that.

    It is found by carrying it out.
    """
    find_ends(world.reference, world.num_reference, machine)
    count, done = np.int64(0), np.int64(0)
    world.num_tokens = copy_tokens(draft.variant, world.tokens, _START, draft.num_variant)
    for i in range(made):
        position = positions[i]
        if position < done:
            continue
        world.plan[count] = POINT + position
        begin_repair(world, position, machine)
        find_ends(world.reference, world.num_reference, machine)
        alone = keeps_operands(world, np.int64(world.reference[position]))
        done = position + 1 if alone else machine.ends[position]
        copy_tokens(world.kept, world.tokens, _START, world.num_kept)
        world.num_tokens = world.num_kept
        for j in range(position, done):
            world.tokens[j] = world.reference[j]
            world.plan[count + 1 + j - position] = world.reference[j]
        count += 1 + done - position
    world.plan[count] = SUBMIT
    world.num_plan = count + 1
    world.num_tail, world.repaired = 0, -1


@part_of_caller
def write_repair_task(world: Any, draft: Any, key: Any, defects: Any, machine: Any) -> Any:
    """Turn the task of a world into one of repairing; returns whether suitable mistakes were found."""
    positions = np.zeros(MAX_DEFECTS, dtype=np.int64)
    hand_over_hidden_tests(draft, machine)
    for attempt in range(24):
        wanted = max(defects - attempt // 6, 1)
        made = make_mistakes(draft, key, 6000 + 400 * attempt, wanted, positions)
        if made < wanted:
            continue
        if not is_variant_derivable(draft):
            continue
        rate = pass_rate_of_variant(draft, machine)
        if rate <= 0.0 or rate >= 1.0 - 1e-9:
            continue
        write_repairs(world, draft, positions, made, machine)
        if world.num_plan > MOST_REPAIRS:
            continue
        copy_tokens(draft.variant, world.given, _START, draft.num_variant)
        world.num_defects = made
        return True
    return False


@part_of_caller
def begin_debugging(world: Any, machine: Any) -> None:
    """Set a world to the beginning of a repair."""
    world.num_tokens = copy_tokens(world.given, world.tokens, _START, world.num_reference)
    world.budget = min(world.num_reference + 12, MAX_PROGRAM)
    world.step_limit = 2 * world.num_plan + SPARE_STEPS // 2
    world.derivation.num_open, world.derivation.pending = 0, 0
    run_tests(world, world.tokens, world.num_tokens, machine)
    world.pass_rate = stratified_pass_rate(world)  # added up as for the score, to the last bit
    world.floor = max(world.floor, world.pass_rate)


# --- All families ------------------------------------------------------------------------------------


@part
def begin(world: Any, key: Any, family: Any) -> None:
    """Set what every episode begins with, in a world of zeros."""
    world.key, world.family = key, family
    world.chosen_slot, world.repaired = -1, -1


@part_of_caller
def shrink(draft: Any) -> None:
    """Make a draft smaller, down to two plain steps."""
    draft.num_steps = max(draft.num_steps - 1, 2)
    draft.num_helpers = max(draft.num_helpers - 1, 0)
    draft.num_guards = max(draft.num_guards - 1, 0)
    draft.num_transfer = max(draft.num_transfer - 1, 0)


@part_of_caller
def generate_program(world: Any, key: Any, difficulty: Any, family: Any, draft: Any, machine: Any) -> None:
    """Make a task of writing or repairing."""
    draw_sizes(draft, key, difficulty)
    defects = 1 + stochastic_round(key, 6, (MAX_DEFECTS - 1) * difficulty[0])
    for attempt in range(TRIES):
        if attempt >= FIRST_TRIES:
            shrink(draft)
        draft_key = finalize_word(key + np.uint64(attempt + 1))
        floor = try_draft(draft, draft_key, machine)
        if floor >= HIGHEST_FLOOR:
            continue
        world.num_given, world.floor = 0, floor
        if family == SYNTHESIZE:
            choose_beginning(world, draft, key, floor, machine)
        write_draft(world, draft, machine)
        if family == SYNTHESIZE or write_repair_task(world, draft, draft_key, defects, machine):
            break
    if family == DEBUG:
        begin_debugging(world, machine)


@part_of_caller
def generate_refactoring(world: Any, key: Any, difficulty: Any, drafts: Any) -> None:
    """Make a task of refactoring."""
    metrics = np.zeros(4, dtype=np.int64)
    modules = 2 + stochastic_round(key, 1, 6.0 * difficulty[0])
    damages = 1 + stochastic_round(key, 2, 4.0 * difficulty[1])
    world.num_plan = generate_package(
        world.package,
        world.clean,
        world.plan,
        key,
        100,
        modules,
        damages,
        difficulty[2],
        difficulty[3],
        metrics,
        drafts,
    )
    functions = 0
    for slot in range(len(world.clean.length)):
        functions += world.clean.length[slot] > 0
    world.num_steps, world.num_helpers, world.num_guards = metrics[0], metrics[1], metrics[2]
    world.guarded_share = metrics[2] / functions
    world.transfer_share = metrics[3] / functions
    world.return_category, world.num_sentences, world.floor = INT, 0, 0.0
    world.num_reference = 0
    world.step_limit, world.budget = 2 * world.num_plan + SPARE_STEPS // 2, 0
    world.derivation.num_open, world.derivation.pending = 0, 0
    copy_package(world.package, world.present)
    world.num_tokens = flatten(world.present, world.tokens)
    measure(world.package, world.start_measures)
    measure(world.clean, world.clean_measures)
    measure_package(world)


@entry_point
def generate_programs(
    worlds: Any, rows: Any, keys: Any, difficulties: Any, families: Any, drafts: Any, machines: Any
) -> None:
    """Make tasks of writing or repairing: each a pure function of its key, difficulty and family.

    Args:
        worlds: WORLD (n,), all zeros in ``rows``.
        rows: int64 (m,), the rows to write.
        keys: uint64 (m,), one for each task.
        difficulties: float64 in [0, 1], shape (m, 4), axes in the order of the domain.
        families: int64 (m,), SYNTHESIZE or DEBUG.
        drafts: ``programs.drafts.DRAFT`` (1,), memory.
        machines: ``interpreter.MACHINE`` (1,), memory.
    """
    for i in range(len(rows)):
        world = worlds[rows[i]]
        begin(world, keys[i], families[i])
        generate_program(world, keys[i], difficulties[i], families[i], drafts[0], machines[0])


@entry_point
def generate_packages(worlds: Any, rows: Any, keys: Any, difficulties: Any, drafts: Any) -> None:
    """Make tasks of refactoring: each a pure function of its key and difficulty.

    Args:
        worlds: WORLD (n,), all zeros in ``rows``.
        rows: int64 (m,), the rows to write.
        keys: uint64 (m,), one for each task.
        difficulties: float64 in [0, 1], shape (m, 4), axes in the order of the domain.
        drafts: ``packages.damages.DRAFT`` (1,), memory.
    """
    for i in range(len(rows)):
        world = worlds[rows[i]]
        begin(world, keys[i], REFACTOR)
        generate_refactoring(world, keys[i], difficulties[i], drafts)
