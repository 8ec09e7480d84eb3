"""Reference solvers of the world of premises.

``oracle_action`` knows status and proof: it draws the steps of the proof, splits cases where the proof
does, or reaches the two models. ``search_action`` knows only what an agent sees.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.envs.logic.kernel import (
    ANSWER,
    APPLY,
    ASSUME,
    CONFIDE,
    ENTAILED,
    INCONSISTENT,
    MAX_DEPTH,
    NUM_LEVELS,
    REFUTED,
    RETRACT,
    SCRATCH,
    UNKNOWN,
    consequences,
    negated,
    number_of,
    survey,
    take_action,
)
from etude_gym.envs.logic.solver import choice_left
from etude_gym.tasks.kernels import entry_point, part

# Roles of premises: outside all complete arguments, in their common part, or in one of their branches.
LOOSE, COMMON, SUPPORTING, OPPOSING = range(4)


@part
def assumption_of(literal: Any) -> Any:
    """The action that assumes a literal."""
    return ASSUME + np.int64(number_of(literal - np.uint32(1)))


@part
def next_step(world: Any, premises: Any) -> Any:
    """The first of some premises, by their order in the argument, from which something follows; else -1.

    Args:
        world: a record of WORLD.
        premises: uint32, bit i is set for premise i.
    """
    known = world.known[world.depth]
    best = -1
    for i in range(world.num_premises):
        earlier = best < 0 or world.order[i] < world.order[best]
        found = consequences(world.kind[i], world.literals[i], known)
        if (premises >> np.uint32(i)) & np.uint32(1) != 0 and earlier and found != 0:
            best = i
    return best


@part
def any_step(world: Any) -> Any:
    """The first premise from which something follows; -1 if there is none."""
    known = world.known[world.depth]
    for i in range(world.num_premises):
        if consequences(world.kind[i], world.literals[i], known) != 0:
            return i
    return -1


@part
def part_to_contradict(world: Any) -> Any:
    """Where contradicting premises are drawn next: the common part, one branch, then the other.

    Returns the role of the part, its conclusion, and whether that takes a case split.
    """
    base = world.known[0]
    if base & world.junction == 0:
        return COMMON, world.junction, world.needs_split & 1 != 0
    if base & world.query == 0:
        return SUPPORTING, world.query, world.needs_split & 2 != 0
    return OPPOSING, negated(world.query), False


@part
def prove(world: Any) -> Any:
    """The next action of the proof, or of the one that premises contradict each other.

    Where a proof needs case splits, one refutation of the opposite is enough.
    """
    premises = world.proof
    conclusion = negated(world.query) if world.status == REFUTED else world.query
    split = world.needs_split != 0
    if world.status == INCONSISTENT:
        role, conclusion, split = part_to_contradict(world)
        for i in range(world.num_premises):
            premises &= ~(np.uint32(world.role[i] != role) << np.uint32(i))
    elif world.known[0] & conclusion != 0:
        return ANSWER + world.status
    if world.depth == 0 and split:
        return assumption_of(negated(conclusion))
    if world.depth > 1 or (world.depth == 1 and world.assumed[1] != negated(conclusion)):
        return RETRACT
    step = next_step(world, np.uint32(premises))
    return APPLY + step if step >= 0 else RETRACT


@part
def show_models(world: Any) -> Any:
    """The next action on the way to a model with the query true, then to one with it false."""
    if world.reached[0] and world.reached[1]:
        return ANSWER + UNKNOWN
    false = 1 if world.reached[0] else 0
    model = world.model[false]
    known = world.known[world.depth]
    if known & ~model != 0:
        return RETRACT
    step = any_step(world)
    if step >= 0:
        return APPLY + step
    query = negated(world.query) if false else world.query
    if known & query == 0:
        return assumption_of(query)
    choice = choice_left(world, np.uint32(known)) & model
    if choice == 0 or world.depth == MAX_DEPTH:
        return RETRACT
    return assumption_of(np.uint32(choice & (~choice + np.uint32(1))))


@part
def oracle_action(world: Any) -> Any:
    """The next action of the reference solution, from the present state."""
    if world.answer >= 0:
        return CONFIDE + NUM_LEVELS - 1
    if world.contradiction:
        return RETRACT if world.depth > 0 else ANSWER + INCONSISTENT
    return show_models(world) if world.status == UNKNOWN else prove(world)


@part
def run_oracle(world: Any, scratch: Any) -> None:
    """Carry out the reference solution to its end."""
    while not world.over:
        action = oracle_action(world)
        take_action(world, action, scratch)


@part
def search_action(world: Any, careful: Any) -> Any:
    """Search without knowing the answer: draw whatever follows; assume the query, then its negation.

    A careful searcher answers only when nothing more follows, so that it finds contradictions.
    """
    if world.answer >= 0:
        return CONFIDE + NUM_LEVELS // 2
    if world.contradiction:
        return RETRACT if world.depth > 0 else ANSWER + INCONSISTENT
    step = any_step(world)
    base = world.known[0]
    if step < 0 or not careful:
        if base & world.query != 0:
            return ANSWER + ENTAILED
        if base & negated(world.query) != 0:
            return ANSWER + REFUTED
        if world.reached[0] and world.reached[1]:
            return ANSWER + UNKNOWN
    if step >= 0:
        return APPLY + step
    if world.depth == 0:
        return assumption_of(negated(world.query) if world.reached[0] else world.query)
    supposed = world.known[world.depth] & world.query != 0
    choice = choice_left(world, world.known[world.depth])
    if world.reached[0 if supposed else 1] or choice == 0 or world.depth == MAX_DEPTH:
        return RETRACT
    return assumption_of(np.uint32(choice & (~choice + np.uint32(1))))


SOLVERS = ("oracle", "greedy", "careful")


@entry_point
def solve_batch(worlds: Any, actions: Any, solver: Any) -> None:
    """Write the next action of a solver for every world.

    Args:
        worlds: WORLD (n,).
        actions: int64 (n,), written.
        solver: index into ``SOLVERS``.
    """
    for row in range(len(worlds)):
        actions[row] = oracle_action(worlds[row]) if solver == 0 else search_action(worlds[row], solver == 2)


@entry_point
def replay_batch(worlds: Any, rows: Any, numbers: Any) -> None:
    """Take the first actions of the reference solution.

    Args:
        worlds: WORLD (n,), changed.
        rows: int64 (m,), episodes that have just begun.
        numbers: int64 (m,), how many actions.
    """
    scratch = np.empty(SCRATCH, np.uint32)
    for i in range(len(rows)):
        world = worlds[rows[i]]
        survey(world, scratch)
        for _ in range(numbers[i]):
            take_action(world, oracle_action(world), scratch)
