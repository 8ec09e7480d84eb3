"""Makes tasks of premises and a query: arguments for it and against it, complete or not, and distractors.

Every task has the same anatomy. Arguments are chains of links from a known literal, first along a common
part and then along branches, one toward the query and one toward its negation. Which branches are complete
makes the status: one of them (entailed, refuted), none (unknown) or both (inconsistent). Each status is as
frequent as any other, whatever the difficulty. An incomplete branch has links withheld, or replaced by
links with one condition more, which nothing fulfills. An inconsistent task has a third branch, incomplete.

Distractors use atoms of their own, so that they never help and never contradict: one kind occurs only
where making it true satisfies the premise, the other only where making it false does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.envs.logic.kernel import (
    ABSENT,
    DISJUNCTION,
    ENTAILED,
    GROUP,
    INCONSISTENT,
    MAX_ATOMS,
    MAX_LITERALS,
    MAX_PREMISES,
    NUM_STATUSES,
    REFUTED,
    RULE,
    SCRATCH,
    UNKNOWN,
    begin,
    negated,
    number_of,
)
from etude_gym.envs.logic.oracle import COMMON, LOOSE, OPPOSING, SUPPORTING, run_oracle
from etude_gym.envs.logic.solver import STACK, decide
from etude_gym.tasks.kernels import below, entry_point, part, part_of_caller, stochastic_round, uniform

CHAIN, CONSTRAINTS, CONTEXT, DISTRACTORS = range(4)
FAMILIES = ("syllogism", "chain", "cases", "puzzle")
SYLLOGISM, CHAINS, CASES, PUZZLE = range(4)

BRANCH = 3
MIN_LENGTH, MAX_LENGTH = BRANCH, 8
MAX_CONSTRAINTS = 3
MAX_DISTRACTORS = 10
MAX_CHOICES = 2  # distractors that leave a choice

# Places in the sketch, an array of words that holds what the generator decides before it writes premises.
LITERAL = 0  # the literal that stands for each atom of the anatomy
COMMON_LINKS = LITERAL + MAX_ATOMS  # number of links before the branches
IN_COMMON = COMMON_LINKS + 1  # bit j: link j of the common part is a constraint
IN_BRANCH = IN_COMMON + 1  # the same for every branch
SPLIT = IN_BRANCH + 1  # 1 if constraints need case splits
NEEDED = SPLIT + 1  # atoms from here on are free for distractors
WITHHELD = NEEDED + 1  # bit j: link j of the present branch is not stated
NEARLY = WITHHELD + 1  # bit j: it is stated with an unfulfilled condition
SKETCH = NEARLY + 1

# What a link can be.
NO_CONSTRAINT, FIRST, LATER = range(3)

# Counters of a task's random numbers; every stage has its own range.
_ATOMS, _SHAPE, _LINKS, _BRANCHES, _DISTRACTORS, _ORDER = 0, 100, 200, 300, 500, 900


@part
def name_atoms(world: Any, sketch: Any) -> None:
    """Let a random literal of a random atom stand for each atom of the anatomy."""
    key = world.key
    for atom in range(MAX_ATOMS):
        sketch[LITERAL + atom] = atom
    for atom in range(MAX_ATOMS - 1, 0, -1):
        other = below(key, _ATOMS + atom, atom + 1)
        swapped = sketch[LITERAL + other]
        sketch[LITERAL + other] = sketch[LITERAL + atom]
        sketch[LITERAL + atom] = swapped
    signs = below(key, _ATOMS, 1 << MAX_ATOMS)
    world.positive = 0
    for atom in range(MAX_ATOMS):
        shift = sketch[LITERAL + atom] + np.uint32(16 * ((signs >> atom) & 1))
        sketch[LITERAL + atom] = np.uint32(1) << shift
        world.positive |= sketch[LITERAL + atom]


@part
def choose_links(key: Any, counter: Any, places: Any, wanted: Any) -> Any:
    """A random set of ``wanted`` of the first ``places`` links, as bits."""
    chosen = np.uint32(0)
    for place in range(places):
        if uniform(key, counter + place) * (places - place) < wanted:
            chosen |= np.uint32(1) << np.uint32(place)
            wanted -= 1
    return chosen


@part
def place_constraints(world: Any, sketch: Any, wanted: Any) -> None:
    """Choose the links that are constraints, at most ``wanted`` of them, spread over both parts.

    Where they need case splits, the last link of a part has to be a rule: it closes every case. And the
    first link of a branch then is no group, as that would lead back from the end to the junction.
    """
    closing = np.int64(sketch[SPLIT])
    common_places: Any = max(np.int64(sketch[COMMON_LINKS]) - closing, 0)
    first = np.int64(closing == 1 and world.family == PUZZLE)
    branch_places = BRANCH - closing - first
    number: Any = min(wanted, common_places + branch_places)
    half = number // 2 + stochastic_round(world.key, _SHAPE + 19, 0.5 * (number % 2))
    in_common = min(max(half, number - branch_places), common_places)
    in_branch = choose_links(world.key, _SHAPE + 30, branch_places, number - in_common)
    sketch[IN_COMMON] = choose_links(world.key, _SHAPE + 20, common_places, in_common)
    sketch[IN_BRANCH] = in_branch << np.uint32(first)
    world.num_constraints = number


@part
def sketch_arguments(world: Any, difficulty: Any, sketch: Any) -> None:
    """Decide on the length of the arguments, their constraints and whether these need case splits."""
    key = world.key
    family = world.family
    length = MIN_LENGTH + stochastic_round(key, _SHAPE, (MAX_LENGTH - MIN_LENGTH) * difficulty[CHAIN])
    world.argument_length = length
    sketch[COMMON_LINKS] = length - BRANCH
    sketch[SPLIT] = family == CASES or uniform(key, _SHAPE + 1) < 0.5
    wanted = stochastic_round(key, _SHAPE + 2, MAX_CONSTRAINTS * difficulty[CONSTRAINTS])
    if family in (CASES, PUZZLE):
        wanted = max(wanted, 1)
    place_constraints(world, sketch, wanted)
    world.needs_split = 0
    if sketch[SPLIT] != 0:
        world.needs_split = np.uint8((sketch[IN_COMMON] != 0) + 2 * (sketch[IN_BRANCH] != 0))


@part_of_caller
def state(world: Any, kind: Any, conditions: Any, alternatives: Any, role: Any, order: Any) -> None:
    """Add a premise: if all conditions hold, then one of the alternatives does."""
    i = world.num_premises
    world.kind[i] = kind
    world.conditions[i] = conditions
    world.literals[i] = negated(conditions) | alternatives
    world.role[i] = role
    world.order[i] = order
    world.num_premises = i + 1


@part
def excluded(world: Any, sketch: Any) -> Any:
    """A literal that is known not to hold: its negation is a fact."""
    literal = sketch[LITERAL + sketch[NEEDED] - np.uint32(1)]
    world.facts |= negated(literal)
    return literal


@part
def side_condition(world: Any, sketch: Any, links: Any, counter: Any) -> Any:
    """A second condition for a rule: a literal of the common part that is known before; often none."""
    often = 0.6 if world.family == CHAINS else 0.3
    if world.family == SYLLOGISM or links == 0 or uniform(world.key, counter) >= often:
        return np.uint32(0)
    earlier = min(links, np.int64(sketch[COMMON_LINKS]) + 1)
    return sketch[LITERAL] if sketch[SPLIT] != 0 else sketch[LITERAL + below(world.key, counter + 1, earlier)]


@part
def constraint_at(bits: Any, j: Any) -> Any:
    """Whether link j of a part of an argument is a constraint, and if so, the first of the part."""
    below_j = bits & ((np.uint32(1) << np.uint32(j)) - np.uint32(1))
    if (bits >> np.uint32(j)) & np.uint32(1) == 0:
        return NO_CONSTRAINT
    return FIRST if below_j == 0 else LATER


@part
def link(
    world: Any,
    sketch: Any,
    source: Any,
    target: Any,
    end: Any,
    constraint: Any,
    unfulfilled: Any,
    role: Any,
    links: Any,
    counter: Any,
) -> None:
    """State one link of an argument, from ``source`` to ``target``.

    A constraint offers an alternative to the target: the ``end`` of this part of the argument, where case
    splits are needed, else a literal that is known not to hold. With an ``unfulfilled`` condition the link
    only looks as if it could be drawn.
    """
    if constraint == NO_CONSTRAINT:
        side = np.uint32(0)
        if unfulfilled == 0:
            side = side_condition(world, sketch, links, counter)
            if side == source:
                side = np.uint32(0)
        state(world, RULE, source | side | unfulfilled, target, role, links)
        return
    if world.family == PUZZLE:
        if unfulfilled != 0:
            state(world, RULE, source | unfulfilled, target, role, links)
            return
        other = np.uint32(0)
        if sketch[SPLIT] != 0:
            # Once the end of the part is reached, the first case has to be free to fail: one group offers it.
            other = end if constraint == FIRST else np.uint32(0)
        elif uniform(world.key, counter + 2) < 0.5:
            other = excluded(world, sketch)
        state(world, GROUP, np.uint32(0), negated(source) | target | other, role, links)
        return
    other = end if sketch[SPLIT] != 0 else excluded(world, sketch)
    state(world, DISJUNCTION, source | unfulfilled, target | other, role, links)


@part
def lay_common_part(world: Any, sketch: Any) -> None:
    """The links from the first fact to the junction."""
    links = np.int64(sketch[COMMON_LINKS])
    end = sketch[LITERAL + links]
    world.facts |= sketch[LITERAL]
    world.junction = end
    for j in range(links):
        source, target = sketch[LITERAL + j], sketch[LITERAL + j + 1]
        constraint = constraint_at(sketch[IN_COMMON], j)
        at = _LINKS + 4 * j
        link(world, sketch, source, target, end, constraint, np.uint32(0), np.int64(COMMON), j, at)


@part
def withhold_links(world: Any, sketch: Any, context: Any, counter: Any) -> Any:
    """Choose what an incomplete branch lacks: two links at context 0; at 1 one, and that is nearly stated.

    Returns how many links are stated, also those nearly stated: with a condition that nothing fulfills.
    """
    key = world.key
    stated = 1 + stochastic_round(key, counter, (BRANCH - 1) * context)
    nearly = stated == BRANCH or (stated == BRANCH - 1 and uniform(key, counter + 1) < 0.5)
    start = below(key, counter + 2, BRANCH)
    for n in range(BRANCH - stated + nearly):
        sketch[WITHHELD] |= np.uint32(1) << np.uint32((start + n) % BRANCH)
    if nearly:
        sketch[NEARLY] = np.uint32(1) << np.uint32(start)
    return stated


@part
def lay_branch(world: Any, sketch: Any, first: Any, target: Any, role: Any, counter: Any) -> None:
    """The links from the junction to a target, over two atoms of its own from ``first`` on."""
    links = np.int64(sketch[COMMON_LINKS])
    needed = np.int64(sketch[NEEDED])
    idle = (MAX_ATOMS - needed + 1) // 2
    source = world.junction
    for j in range(BRANCH):
        goal = target if j == BRANCH - 1 else sketch[LITERAL + first + j]
        bit = np.uint32(1) << np.uint32(j)
        unfulfilled = np.uint32(0)
        if sketch[NEARLY] & bit != 0:
            unfulfilled = sketch[LITERAL + needed + below(world.key, counter + 20 + j, idle)]
        if sketch[WITHHELD] & bit == 0 or unfulfilled != 0:
            constraint = constraint_at(sketch[IN_BRANCH], j)
            at = counter + 4 * j
            link(world, sketch, source, goal, target, constraint, unfulfilled, role, links + j, at)
        source = goal


@part
def lay_arguments(world: Any, sketch: Any, context: Any) -> None:
    """Draw the status, and lay the arguments that make it."""
    key = world.key
    status = below(key, _SHAPE + 3, NUM_STATUSES)
    supporting = status in (ENTAILED, INCONSISTENT)
    opposing = status in (REFUTED, INCONSISTENT)
    branches = 3 if supporting and opposing else 2
    query = np.int64(sketch[COMMON_LINKS]) + 1
    world.query = sketch[LITERAL + query]
    sketch[NEEDED] = query + 1 + branches * (BRANCH - 1) + 1
    lay_common_part(world, sketch)
    stated = 0
    incomplete = 0
    for branch in range(branches):
        counter = _BRANCHES + 40 * branch
        against = branch == 1 or (branch == 2 and uniform(key, _SHAPE + 4) < 0.5)
        role = LOOSE
        sketch[WITHHELD] = 0
        sketch[NEARLY] = 0
        if branch == 0 and supporting:
            role = SUPPORTING
        elif branch == 1 and opposing:
            role = OPPOSING
        else:
            stated += withhold_links(world, sketch, context, counter + 30)
            incomplete += 1
        first = query + 1 + branch * (BRANCH - 1)
        target = negated(world.query) if against else world.query
        lay_branch(world, sketch, first, target, role, counter)
    world.stated = np.float32(stated / (BRANCH * incomplete))


@part
def is_new(world: Any, kind: Any, literals: Any) -> Any:
    """Whether no premise says the same."""
    for i in range(world.num_premises):
        if world.literals[i] == literals and world.kind[i] == kind:
            return False
    return True


@part
def add_distractors(world: Any, sketch: Any, distractors: Any) -> None:
    """Add premises that never matter: dead ends, near misses, loose ends, idle choices."""
    key = world.key
    needed = np.int64(sketch[NEEDED])
    free = MAX_ATOMS - needed
    idle = (free + 1) // 2  # these can be made false; the others, true
    world.num_distractors = 0
    choices = 0
    for n in range(stochastic_round(key, _DISTRACTORS, MAX_DISTRACTORS * distractors)):
        for attempt in range(4):
            at = _DISTRACTORS + 1 + 32 * n + 8 * attempt
            source = sketch[LITERAL + below(key, at, needed - 1)]
            other = sketch[LITERAL + below(key, at + 1, needed - 1)]
            false = sketch[LITERAL + needed + below(key, at + 2, idle)]
            true = sketch[LITERAL + needed + idle + below(key, at + 3, free - idle)]
            sort = uniform(key, at + 4)
            kind = RULE
            conditions, alternatives = source, true
            if uniform(key, at + 5) < idle / free:
                alternatives = negated(false)
            if sort < 0.3:
                conditions, alternatives = source | false, other
                if uniform(key, at + 6) < 0.3:
                    alternatives = negated(world.query)
            elif sort < 0.4:
                # What nothing fulfills looks as if something might fulfill it.
                conditions, alternatives = sketch[LITERAL + needed + below(key, at + 7, idle)], false
            elif sort < 0.55 and choices < MAX_CHOICES:
                kind = DISJUNCTION
                alternatives = other | true
            if alternatives & conditions != 0 or negated(alternatives) & conditions != 0:
                continue
            if is_new(world, kind, negated(conditions) | alternatives):
                state(world, kind, conditions, alternatives, LOOSE, 0)
                world.num_distractors += 1
                choices += kind == DISJUNCTION
                break


@part
def shuffle_premises(world: Any) -> None:
    """Bring the premises into random order."""
    for i in range(world.num_premises - 1, 0, -1):
        j = below(world.key, _ORDER + i, i + 1)
        literals, conditions, kind = world.literals[i], world.conditions[i], world.kind[i]
        role, order = world.role[i], world.order[i]
        world.literals[i] = world.literals[j]
        world.conditions[i] = world.conditions[j]
        world.kind[i] = world.kind[j]
        world.role[i] = world.role[j]
        world.order[i] = world.order[j]
        world.literals[j] = literals
        world.conditions[j] = conditions
        world.kind[j] = kind
        world.role[j] = role
        world.order[j] = order


@part
def list_literals(world: Any) -> None:
    """Write the literals of each premise as numbers, and note which atoms occur."""
    occurring = world.query | world.facts
    for i in range(MAX_PREMISES):
        if i >= world.num_premises:
            world.kind[i] = ABSENT
            world.literals[i] = 0
            world.conditions[i] = 0
        left = world.literals[i]
        occurring |= left
        for n in range(MAX_LITERALS):
            lowest = left & (~left + np.uint32(1))
            place = np.int64(number_of(np.uint32(lowest - np.uint32(1))))
            number = place + 1 if place < MAX_ATOMS else MAX_ATOMS - 1 - place
            world.shown[n, i] = number if left != 0 else 0
            left ^= lowest
    world.atoms = occurring | negated(occurring)


@part
def note_proof(world: Any) -> None:
    """Note which premises make the proof, or contradict each other: none of them can be spared."""
    world.proof = 0
    for i in range(world.num_premises):
        if world.role[i] != LOOSE and world.status != UNKNOWN:
            world.proof |= np.uint32(1) << np.uint32(i)


@part
def measure_reference(world: Any, scratch: Any) -> None:
    """Carry out the reference solution, to know how many actions it takes."""
    begin(world)
    run_oracle(world, scratch)
    world.reference_actions = world.steps
    begin(world)


@part_of_caller
def generate_world(
    world: Any, key: Any, difficulty: Any, family: Any, sketch: Any, stack: Any, scratch: Any
) -> None:
    """Make one task in place: a pure function of key, difficulty and family.

    Args:
        world: a record of WORLD, written.
        key: uint64.
        difficulty: float64 in [0, 1], shape (4,).
        family: index into ``FAMILIES``.
        sketch: uint32 (SKETCH,), memory of the generator.
        stack: uint32 (STACK,), memory of the solver.
        scratch: uint32 (SCRATCH,), memory of the kernel.
    """
    world.key = key
    world.family = family
    world.num_premises = 0
    world.facts = 0
    name_atoms(world, sketch)
    sketch_arguments(world, difficulty, sketch)
    lay_arguments(world, sketch, difficulty[CONTEXT])
    add_distractors(world, sketch, difficulty[DISTRACTORS])
    shuffle_premises(world)
    list_literals(world)
    decide(world, stack)
    note_proof(world)
    measure_reference(world, scratch)


@entry_point
def generate_batch(worlds: Any, rows: Any, keys: Any, difficulty: Any, families: Any) -> None:
    """Make tasks in some rows: each a pure function of its key, difficulty and family.

    Args:
        worlds: WORLD (n,).
        rows: int64 (m,), the rows to write.
        keys: uint64 (m,), one for each task.
        difficulty: float64 in [0, 1], shape (m, 4), axes in the order of the domain.
        families: int64 (m,), indices into ``FAMILIES``.
    """
    sketch = np.empty(SKETCH, np.uint32)
    stack = np.empty(STACK, np.uint32)
    scratch = np.empty(SCRATCH, np.uint32)
    for task in range(len(rows)):
        generate_world(
            worlds[rows[task]], keys[task], difficulty[task], families[task], sketch, stack, scratch
        )
