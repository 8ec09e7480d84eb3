"""Makes crafting and delivery tasks: map, recipes, goals, events, then limits from the oracle's own run.

Every task is solvable by construction: the reference plan is carried out in the finished world,
chance events included, and the time limit is what it needed plus slack.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.envs.plan.kernel import (
    ANYWHERE,
    BREAKAGE,
    DEPLETION,
    DEPOT,
    FAR,
    LEAK,
    MAX_EVENTS,
    MAX_PLACES,
    NOTHING,
    NOWHERE,
    NUM_CRAFTED,
    NUM_ITEMS,
    NUM_RAW,
    NUM_SOURCES,
    SCRATCH,
)
from etude_gym.envs.plan.oracle import run_oracle
from etude_gym.tasks.kernels import below, entry_point, part, part_of_caller, stochastic_round, uniform

HORIZON, RESOURCES, CONTINGENCY, DECOMPOSITION = range(4)

MIN_WORK, MAX_WORK = 2, 20
MAX_TIER = 3
UNLIMITED_TIME = 2000

# Counters of a task's random numbers; every stage has its own range.
_MAP, _RECIPES, _GOALS, _LIMITS, _EVENTS = 0, 100, 200, 300, 400


@part
def clear(world: Any) -> None:
    """Start of an episode: nothing carried, nothing delivered, at the depot."""
    world.stock[NOTHING] = 0
    for item in range(NUM_ITEMS):
        world.stock[item] = 0
        world.delivered[item] = 0
    world.place = DEPOT
    world.energy = world.energy_capacity
    world.time = 0
    world.load = 0
    world.gathered = 0
    world.delivered_work = 0
    world.struck = 0
    world.last_event = -1
    world.actions = 0
    world.illegal_actions = 0
    world.over = 0


@part
def make_map(world: Any, horizon: Any) -> None:
    """A random connected graph of 3 to 8 places: a random tree, then a few more roads."""
    key = world.key
    places = 3 + stochastic_round(key, _MAP, (MAX_PLACES - 3) * horizon)
    world.num_places = places
    for a in range(MAX_PLACES):
        for b in range(MAX_PLACES):
            world.road[a, b] = 0
            world.distance[a, b] = 0 if a == b else FAR
        world.distance[a, NOWHERE] = FAR
        world.distance[a, ANYWHERE] = 0
    for place in range(1, places):
        link = below(key, _MAP + 10 + place, place)
        length = 1 + below(key, _MAP + 20 + place, 3)
        world.road[place, link] = length
        world.road[link, place] = length
        for other in range(place):
            world.distance[place, other] = world.distance[link, other] + length
            world.distance[other, place] = world.distance[place, other]
    for extra in range(places // 3):
        add_road(
            world,
            below(key, _MAP + 30 + extra, places),
            below(key, _MAP + 40 + extra, places),
            1 + below(key, _MAP + 50 + extra, 3),
        )


@part
def add_road(world: Any, a: Any, b: Any, length: Any) -> None:
    """Add a road, unless there is one or it is no shortcut, and shorten the paths that use it."""
    if length >= world.distance[a, b]:
        return
    world.road[a, b] = length
    world.road[b, a] = length
    for p in range(world.num_places):
        for q in range(world.num_places):
            way = min(
                world.distance[p, a] + length + world.distance[b, q],
                world.distance[p, b] + length + world.distance[a, q],
            )
            world.distance[p, q] = min(way, world.distance[p, q])


@part
def place_fuel(world: Any, resources: Any) -> None:
    """Fuel at the depot and, where resources are ample, at more places."""
    key = world.key
    for place in range(MAX_PLACES):
        world.fuel[place] = place == DEPOT
    for extra in range(stochastic_round(key, _MAP + 60, (1 - resources) * 2)):
        world.fuel[below(key, _MAP + 61 + extra, world.num_places)] = 1
    for place in range(MAX_PLACES):
        nearest = world.distance[place, DEPOT]
        for other in range(world.num_places):
            if world.fuel[other] == 1:
                nearest = min(nearest, world.distance[place, other])
        world.fuel_distance[place] = nearest


@part
def place_sources(world: Any) -> None:
    """Two places where each raw item is found, never at the depot."""
    others = world.num_places - 1
    for raw in range(NUM_RAW):
        world.tier[raw] = 0
        world.raw_units[raw] = 1
        world.work[raw] = 1
        first = below(world.key, _RECIPES + raw, others)
        second = (first + 1 + below(world.key, _RECIPES + 10 + raw, others - 1)) % others
        world.source[raw, 0] = 1 + first
        world.source[raw, 1] = 1 + second


@part
def main_ingredient(world: Any, tier: Any, counter: Any) -> Any:
    """An item of the tier below: any raw item, one of two of tier 1, or the one of tier 2."""
    if tier == 1:
        return below(world.key, counter, NUM_RAW)
    if tier == 2:
        return NUM_RAW + below(world.key, counter, 2)
    return NUM_RAW + 2


@part
def make_recipes(world: Any, budget: Any) -> None:
    """Crafted items of tiers 1, 1, 2, 3, each from one of the tier below and perhaps a raw item more.

    Recipes are kept light enough that a budget of work of 4 or more pays for an item of tier 3.
    """
    key = world.key
    for recipe in range(NUM_CRAFTED):
        item = NUM_RAW + recipe
        at = _RECIPES + 20 + 10 * recipe
        tier = max(1, recipe)
        main = main_ingredient(world, tier, at)
        extra = below(key, at + 1, NUM_RAW)
        room = budget - (MAX_TIER - tier) - 1 - world.work[main]
        twice = tier == 1 and room > 0 and uniform(key, at + 2) < 0.3
        more = room > twice and extra != main and uniform(key, at + 3) < 0.6
        world.tier[item] = tier
        world.ingredient[recipe, 0] = main
        world.amount[recipe, 0] = 1 + twice
        world.ingredient[recipe, 1] = extra if more else NOTHING
        world.amount[recipe, 1] = more
        world.raw_units[item] = (1 + twice) * world.raw_units[main] + more
        world.work[item] = 1 + (1 + twice) * world.work[main] + more
        station = below(key, at + 4, world.num_places)
        world.station[recipe] = station if uniform(key, at + 5) < 0.75 else ANYWHERE


@part
def choose_goals(world: Any, budget: Any, decomposition: Any) -> None:
    """Spend a budget of work on items as deep as ``decomposition`` asks for, the rest on shallower ones."""
    key = world.key
    depth = stochastic_round(key, _GOALS + 1, MAX_TIER * decomposition)
    for item in range(NUM_ITEMS):
        world.goal[item] = 0
    world.total_work = 0
    for unit in range(MAX_WORK):
        chosen = -1
        while chosen < 0:
            chosen = affordable_item(world, depth, budget, below(key, _GOALS + 10 + unit, NUM_ITEMS))
            if chosen < 0:
                depth -= 1
                if depth < 0:
                    return
        world.goal[chosen] += 1
        world.total_work += world.work[chosen]
        budget -= world.work[chosen]


@part
def affordable_item(world: Any, tier: Any, budget: Any, start: Any) -> Any:
    """An item of a tier that the budget pays for, the first from ``start`` on; -1 if there is none."""
    for offset in range(NUM_ITEMS):
        item = (start + offset) % NUM_ITEMS
        if world.tier[item] == tier and world.work[item] <= budget:
            return item
    return -1


@part
def set_capacities(world: Any, resources: Any) -> None:
    """Carrying capacity and energy: the least that suffices, plus what ``resources`` leaves free."""
    largest = 1
    for item in range(NUM_ITEMS):
        largest = max(largest, world.raw_units[item])
    world.capacity = largest + stochastic_round(world.key, _LIMITS, 1.5 * (1 - resources))
    # From a place with fuel, any place can be reached and then the fuel nearest to it.
    least = 1
    for place in range(world.num_places):
        if world.fuel[place] == 1:
            for target in range(world.num_places):
                least = max(least, world.distance[place, target] + world.fuel_distance[target])
    spare = stochastic_round(world.key, _LIMITS + 1, 2 * least * (1 - resources))
    world.energy_capacity = min(least + spare, FAR - 1)


@part
def schedule_events(world: Any, contingency: Any) -> None:
    """Up to four chance events, each armed once some number of raw items has been gathered."""
    key = world.key
    raws = 0
    for item in range(NUM_ITEMS):
        raws += world.goal[item] * world.raw_units[item]
    world.num_events = stochastic_round(key, _EVENTS, MAX_EVENTS * contingency)
    for event in range(world.num_events):
        kind = uniform(key, _EVENTS + 10 + event)
        world.event_kind[event] = BREAKAGE if kind < 0.4 else (DEPLETION if kind < 0.7 else LEAK)
        world.event_after[event] = below(key, _EVENTS + 20 + event, raws + 1)


@part
def set_time_limit(world: Any, resources: Any, scratch: Any) -> None:
    """Time limit = what the reference plan needs in this very world, plus slack."""
    world.time_limit = UNLIMITED_TIME
    for raw in range(NUM_RAW):
        for slot in range(NUM_SOURCES):
            scratch[SCRATCH + raw * NUM_SOURCES + slot] = world.source[raw, slot]
    clear(world)
    run_oracle(world, scratch)
    world.reference_time = world.time
    world.reference_actions = world.actions
    # Slack does not grow with the plan: the longer it is, the less waste it forgives.
    slack = 8 * (1.1 - resources)
    world.time_limit = world.time + 1 + np.int64(np.ceil(slack))
    for raw in range(NUM_RAW):
        for slot in range(NUM_SOURCES):
            world.source[raw, slot] = scratch[SCRATCH + raw * NUM_SOURCES + slot]
    clear(world)


@part_of_caller
def generate_world(world: Any, key: Any, difficulty: Any, scratch: Any) -> None:
    """Make one task in place: a pure function of key and difficulty."""
    world.key = key
    make_map(world, difficulty[HORIZON])
    place_fuel(world, difficulty[RESOURCES])
    budget = MIN_WORK + stochastic_round(key, _GOALS, (MAX_WORK - MIN_WORK) * difficulty[HORIZON])
    place_sources(world)
    make_recipes(world, budget)
    choose_goals(world, budget, difficulty[DECOMPOSITION])
    set_capacities(world, difficulty[RESOURCES])
    schedule_events(world, difficulty[CONTINGENCY])
    set_time_limit(world, difficulty[RESOURCES], scratch)


@entry_point
def generate_batch(worlds: Any, rows: Any, keys: Any, difficulty: Any) -> None:
    """Make tasks in some rows: each a pure function of its key and difficulty.

    Args:
        worlds: WORLD (n,).
        rows: int64 (m,), the rows to write.
        keys: uint64 (m,), one for each task.
        difficulty: float64 in [0, 1], shape (m, 4), axes in the order of the domain.
    """
    scratch = np.empty(SCRATCH + NUM_RAW * NUM_SOURCES, np.int32)
    for task in range(len(rows)):
        generate_world(worlds[rows[task]], keys[task], difficulty[task], scratch)
