"""Reference solvers of the crafting and delivery world.

``plan_action`` regresses the goals through the recipes, packs them into trips that fit the carrying
capacity, orders the visits of a trip by distance and refuels before it is too late. It is a function
of the current state alone, so it reacts to chance events by planning again. ``greedy_action`` is the
same without foresight: no trips, no thought of energy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.envs.plan.kernel import (
    ANYWHERE,
    CRAFT,
    DELIVER,
    DEPOT,
    DISCARD,
    FAR,
    GATHER,
    NEED,
    NUM_CRAFTED,
    NUM_ITEMS,
    NUM_RAW,
    NUM_SOURCES,
    REFUEL,
    SCRATCH,
    TRAVEL,
    at_station,
    can_deliver,
    can_gather,
    has_ingredients,
    net_all_goals,
    net_requirements,
    take_legal_action,
)
from etude_gym.tasks.kernels import entry_point, part


@part
def net_trip(world: Any, scratch: Any) -> Any:
    """Net requirements of the next trip; returns the number of items still to be made.

    A trip is a set of goal units whose raw items fit into the carrying capacity all at once, chosen
    first-fit with the deepest items first. It depends on what is delivered only, so it stays the same
    until the trip's goods are handed over.
    """
    room = world.capacity
    for item in range(NUM_ITEMS - 1, -1, -1):
        units = min(world.goal[item] - world.delivered[item], room // world.raw_units[item])
        scratch[NEED + item] = units
        room -= units * world.raw_units[item]
    net_requirements(world, scratch)
    missing = 0
    for item in range(NUM_ITEMS):
        missing += scratch[NEED + item]
    return missing


@part
def work_here(world: Any, scratch: Any) -> Any:
    """A needed craft or gather action that is possible here, or -1."""
    for recipe in range(NUM_CRAFTED):
        if (
            scratch[NEED + NUM_RAW + recipe] > 0
            and has_ingredients(world, recipe)
            and at_station(world, recipe)
        ):
            return CRAFT + recipe
    for raw in range(NUM_RAW):
        if scratch[NEED + raw] > 0 and can_gather(world, raw):
            return GATHER + raw
    return -1


@part
def is_clogged(world: Any, scratch: Any) -> Any:
    """Whether the load is full and nothing needed can be crafted from it."""
    if world.load < world.capacity:
        return False
    for recipe in range(NUM_CRAFTED):
        if (scratch[NEED + NUM_RAW + recipe] > 0) & has_ingredients(world, recipe):
            return False
    return True


@part
def nearest_work(world: Any, scratch: Any) -> Any:
    """The nearest place where something needed can be gathered or crafted; the depot if none."""
    best = np.int64(DEPOT)
    best_distance = np.int64(FAR)
    room = world.load < world.capacity
    for raw in range(NUM_RAW):
        if (scratch[NEED + raw] > 0) & room:
            for slot in range(NUM_SOURCES):
                place = np.int64(world.source[raw, slot])
                distance = np.int64(world.distance[world.place, place])
                if distance < best_distance:
                    best = place
                    best_distance = distance
    for recipe in range(NUM_CRAFTED):
        station = np.int64(world.station[recipe])
        distance = np.int64(world.distance[world.place, station])
        if (
            scratch[NEED + NUM_RAW + recipe] > 0
            and distance < best_distance
            and station != ANYWHERE
            and has_ingredients(world, recipe)
        ):
            best = station
            best_distance = distance
    return best


@part
def travel_safely(world: Any, target: Any) -> Any:
    """Travel to a place, or refuel first where the energy would not reach fuel afterwards."""
    here = world.place
    if world.energy - world.distance[here, target] >= world.fuel_distance[target]:
        return TRAVEL + target
    if world.fuel[here] == 1 and world.energy < world.energy_capacity:
        return REFUEL
    best = -1
    best_distance = FAR
    for place in range(world.num_places):
        detour = world.distance[here, place] + world.distance[place, target]
        if (
            world.fuel[place] == 1
            and place != here
            and world.distance[here, place] <= world.energy
            and detour < best_distance
        ):
            best = place
            best_distance = detour
    return TRAVEL + best if best >= 0 else TRAVEL + target


@part
def follow_trip(world: Any, scratch: Any, missing: Any) -> Any:
    """The next action of a trip, given its net requirements.

    Args:
        world: a record of WORLD.
        scratch: int32 (SCRATCH,), the net requirements that ``net_trip`` wrote.
        missing: number of items still to be made, as ``net_trip`` returned it.
    """
    if missing == 0:
        return DELIVER if world.place == DEPOT else travel_safely(world, np.int64(DEPOT))
    action = work_here(world, scratch)
    if action >= 0:
        return action
    if is_clogged(world, scratch):
        return DISCARD
    return travel_safely(world, nearest_work(world, scratch))


@part
def plan_action(world: Any, scratch: Any) -> Any:
    """The next action of the reference plan from the current state."""
    missing = net_trip(world, scratch)
    return follow_trip(world, scratch, missing)


@part
def run_oracle(world: Any, scratch: Any) -> None:
    """Carry out the reference plan to its end.

    The same as taking ``plan_action`` at every step: a gather or craft action lowers one need by one, so
    the net requirements are computed anew after deliveries and chance events only.
    """
    missing = net_trip(world, scratch)
    while not world.over:
        action = follow_trip(world, scratch, missing)
        take_legal_action(world, action, scratch)
        if world.last_event >= 0 or action >= DELIVER:
            missing = net_trip(world, scratch)
        elif action >= GATHER:
            scratch[NEED + action - GATHER] -= 1
            missing -= 1


@part
def greedy_action(world: Any, scratch: Any) -> Any:
    """Do what is needed here, else go to the nearest place with something to do, without foresight."""
    net_all_goals(world, scratch)
    if can_deliver(world):
        return DELIVER
    action = work_here(world, scratch)
    if action >= 0:
        return action
    if is_clogged(world, scratch):
        target = DEPOT
        wanted = False
        for item in range(NUM_ITEMS):
            wanted = wanted or (world.stock[item] > 0 and world.delivered[item] < world.goal[item])
        if not wanted:
            return DISCARD
    else:
        target = nearest_work(world, scratch)
    if target == world.place or world.distance[world.place, target] > world.energy:
        if world.fuel[world.place] == 1 and world.energy < world.energy_capacity:
            return REFUEL
        return DISCARD
    return TRAVEL + target


@entry_point
def oracle_batch(worlds: Any, actions: Any, greedy: Any) -> None:
    """Write the next action of the oracle, or of the greedy agent, for every world.

    Args:
        worlds: WORLD (n,).
        actions: int64 (n,), written.
        greedy: whether the greedy agent acts.
    """
    scratch = np.empty(SCRATCH, np.int32)
    for row in range(len(worlds)):
        if greedy:
            actions[row] = greedy_action(worlds[row], scratch)
        else:
            actions[row] = plan_action(worlds[row], scratch)


@entry_point
def replay_batch(worlds: Any, rows: Any, numbers: Any) -> None:
    """Take the first actions of the reference plan.

    Args:
        worlds: WORLD (n,), changed.
        rows: int64 (m,), episodes that have just begun.
        numbers: int64 (m,), how many actions.
    """
    scratch = np.empty(SCRATCH, np.int32)
    for i in range(len(rows)):
        world = worlds[rows[i]]
        for _ in range(numbers[i]):
            take_legal_action(world, plan_action(world, scratch), scratch)
