"""Reference solvers of the world of inventions.

``oracle_action`` knows what is planted: it looks at what it needs, then joins the artifacts, the most
original one first. ``straight_action`` neither looks behind what is seen nor minds clashes: the typical
solver, which the pool is made of, takes the most familiar way that it completes, the greedy one the rarest.
``searching_action`` knows what works, but not what is original: it joins whatever brings a way nearer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.envs.creative.kernel import (
    ALL_WAYS,
    HAND_IN,
    JOIN,
    LOOK,
    MAX_IDEAS,
    NUM_ASPECTS,
    NUM_LEVELS,
    NUM_THINGS,
    NUM_WAYS,
    appraise,
    aspects_of,
    joinable,
    lowest_of,
    properties_of,
    take_action,
)
from etude_gym.tasks.kernels import below, entry_point, part


@part
def next_artifact(world: Any) -> Any:
    """The first planted artifact that holds all that is joined and whose ways have not counted; 0 if none."""
    for idea in range(MAX_IDEAS):
        planted = np.int64(world.planted[idea])
        if world.chosen & ~planted == 0 and world.planted_ideas[idea] & world.used_ways == 0:
            return planted
    return np.int64(0)


@part
def oracle_action(world: Any) -> Any:
    """The next action of the reference solution, from the present state."""
    needed = np.int64(0)
    for idea in range(world.num_ideas):
        needed |= world.planted[idea]
    needed |= next_artifact(world)
    for thing in range(NUM_THINGS):
        if needed & world.unseen & aspects_of(thing) != 0:
            return LOOK + thing
    left = next_artifact(world) & ~world.chosen
    return JOIN + lowest_of(left) if left != 0 else HAND_IN


@part
def next_part(world: Any, missing: Any) -> Any:
    """The first seen aspect, obvious ones first, with some of what is missing; -1 unless all can be had."""
    free = joinable(world)
    supply = np.int64(0)
    first = np.int64(-1)
    for level in range(NUM_LEVELS):
        for thing in range(NUM_THINGS):
            aspect = np.int64(thing * NUM_LEVELS + level)
            if (free >> aspect) & 1 == 0 or world.aspects[aspect] & missing == 0:
                continue
            if world.aspects[aspect] & world.forbidden == 0:
                supply |= world.aspects[aspect]
                if first < 0:
                    first = aspect
    return first if missing & ~supply == 0 else np.int64(-1)


@part
def straight_action(world: Any, greedy: Any) -> Any:
    """Bring about one effect after the other, in the most familiar way that what is seen completes.

    The greedy solver takes the rarest way that has not counted instead.
    """
    properties = properties_of(world, np.int64(world.chosen | world.given))
    effects = 0
    for effect in range(world.num_effects):
        for way in range(effect * NUM_WAYS, (effect + 1) * NUM_WAYS):
            if properties & world.ways[way] == world.ways[way]:
                effects += 1
                break
    if world.focus >= 0 and world.chosen & aspects_of(world.focus) == 0:
        wanted = np.int64(0)
        for way in range(ALL_WAYS):
            wanted |= world.ways[way]
        for aspect in range(world.focus * NUM_LEVELS, (world.focus + 1) * NUM_LEVELS):
            if (joinable(world) >> aspect) & 1 and world.aspects[aspect] & wanted != 0:
                return np.int64(JOIN + aspect)
    for effect in range(world.num_effects):
        done = effects >= world.required
        for way in range(effect * NUM_WAYS, (effect + 1) * NUM_WAYS):
            done |= properties & world.ways[way] == world.ways[way]
        for rank in range(NUM_WAYS):
            way = effect * NUM_WAYS + (NUM_WAYS - 1 - rank if greedy else rank)
            barred = world.ways[way] & world.forbidden != 0 or (greedy and (world.used_ways >> way) & 1 == 1)
            if not done and not barred:
                aspect = next_part(world, np.int64(world.ways[way] & ~properties))
                if aspect >= 0:
                    return JOIN + aspect
    return np.int64(HAND_IN)


@part
def searching_action(world: Any) -> Any:
    """Hand in what works; else join at random what holds something that a way still misses, or look."""
    if appraise(world, np.int64(world.chosen)) != 0:
        return np.int64(HAND_IN)
    properties = properties_of(world, np.int64(world.chosen | world.given))
    wanted = np.int64(0)
    for way in range(world.num_effects * NUM_WAYS):
        wanted |= world.ways[way] & ~properties
    free = joinable(world)
    count = 0
    chosen = np.int64(HAND_IN)
    for aspect in range(NUM_ASPECTS):
        if (free >> aspect) & 1 and world.aspects[aspect] & wanted != 0:
            count += 1
            if below(world.key, (1 << 31) + world.steps * 64 + aspect, count) == 0:
                chosen = np.int64(JOIN + aspect)
    return chosen


SOLVERS = ("oracle", "typical", "greedy", "searching")


@entry_point
def solve_batch(worlds: Any, actions: Any, solver: Any) -> None:
    """Write the next action of a solver for every world.

    Args:
        worlds: WORLD (n,).
        actions: int64 (n,), written.
        solver: index into ``SOLVERS``.
    """
    for row in range(len(worlds)):
        if solver == 0:
            actions[row] = oracle_action(worlds[row])
        elif solver < 3:
            actions[row] = straight_action(worlds[row], solver == 2)
        else:
            actions[row] = searching_action(worlds[row])


@entry_point
def replay_batch(worlds: Any, rows: Any, numbers: Any) -> None:
    """Take the first actions of the reference solution.

    Args:
        worlds: WORLD (n,), changed.
        rows: int64 (m,), episodes that have just begun.
        numbers: int64 (m,), how many actions.
    """
    for i in range(len(rows)):
        world = worlds[rows[i]]
        for _ in range(numbers[i]):
            take_action(world, oracle_action(world))
