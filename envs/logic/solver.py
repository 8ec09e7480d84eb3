"""An exact solver of the premises: unit propagation and case splits (Davis, Logemann and Loveland 1962)."""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.envs.logic.kernel import (
    ENTAILED,
    INCONSISTENT,
    MAX_ATOMS,
    REFUTED,
    UNKNOWN,
    consequences,
    is_satisfied,
    negated,
    several,
)
from etude_gym.tasks.kernels import part

VIOLATED = 0xFFFFFFFF

# Places in the stack: what was known before each choice, and the literal chosen.
BEFORE = 0
CHOSEN = BEFORE + MAX_ATOMS + 1
STACK = CHOSEN + MAX_ATOMS + 1


@part
def propagate(world: Any, known: Any) -> Any:
    """Everything that follows premise by premise; all ones if a premise is violated."""
    changed = True
    while changed:
        changed = False
        for i in range(world.num_premises):
            found = consequences(world.kind[i], world.literals[i], np.uint32(known))
            if found == np.uint32(VIOLATED):
                return found
            if found != 0:
                known |= found
                changed = True
    return known


@part
def choice_left(world: Any, known: Any) -> Any:
    """Open literals of a disjunction or group that leaves a choice; empty if none does."""
    free = ~(known | negated(known))
    for i in range(world.num_premises):
        literals = world.literals[i]
        alternatives = literals & free & ~negated(world.conditions[i])
        if several(alternatives) and not is_satisfied(world.kind[i], literals, known):
            return literals & free
    return np.uint32(0)


@part
def find_model(world: Any, known: Any, stack: Any) -> Any:
    """A model in which the known literals hold.

    Args:
        world: a record of WORLD.
        known: uint32, literals that have to hold.
        stack: uint32 (STACK,), memory for choices.

    Returns:
        uint32, one literal for each atom; empty if there is no model.
    """
    depth = 0
    while True:
        known = propagate(world, known)
        if known == np.uint32(VIOLATED):
            if depth == 0:
                return np.uint32(0)
            depth -= 1
            known = stack[BEFORE + depth] | negated(stack[CHOSEN + depth])
            continue
        choice = choice_left(world, np.uint32(known))
        if choice == 0:
            free = world.atoms & ~(known | negated(known))
            return known | (free & negated(world.positive))
        chosen = choice & (~choice + np.uint32(1))
        stack[BEFORE + depth] = known
        stack[CHOSEN + depth] = chosen
        depth += 1
        known |= chosen


@part
def decide(world: Any, stack: Any) -> None:
    """Find the status of the query, and the models that show it where there are any.

    Args:
        world: a record of WORLD; "status" and "model" are written.
        stack: uint32 (STACK,), memory for choices.
    """
    for false in range(2):
        query = negated(world.query) if false else world.query
        world.model[false] = find_model(world, world.facts | query, stack)
    if world.model[0] == 0:
        world.status = INCONSISTENT if world.model[1] == 0 else REFUTED
    else:
        world.status = ENTAILED if world.model[1] == 0 else UNKNOWN
