"""The crafting and delivery world: state, rules, mask and observation, as numba scalar functions.

Read in the order in which things happen: the world's record, what is legal, what an action does,
how chance events strike, what an agent sees. ``generator`` makes worlds, ``oracle`` solves them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.tasks.kernels import entry_point, kernel

MAX_PLACES = 8
NUM_RAW = 4
NUM_CRAFTED = 4
NUM_ITEMS = NUM_RAW + NUM_CRAFTED
MAX_EVENTS = 4
NUM_SOURCES = 2
DEPOT = 0
# Stand-ins that keep the rules free of special cases: columns of the distance table beyond the places,
# and an item beyond the items of which no recipe needs any.
NOWHERE = MAX_PLACES  # where a source ran dry: FAR from everywhere
ANYWHERE = MAX_PLACES + 1  # the station of what can be crafted in any place: always at hand
NOTHING = NUM_ITEMS  # the ingredient of a recipe that needs but one
FAR = 120

COMPLETION = 0.5
"""Part of the score that is paid when everything is delivered."""

# Actions: one travel for each place, one gather for each raw item, one craft for each crafted item.
TRAVEL = 0
GATHER = TRAVEL + MAX_PLACES
CRAFT = GATHER + NUM_RAW
DELIVER = CRAFT + NUM_CRAFTED
REFUEL = DELIVER + 1
DISCARD = REFUEL + 1
NUM_ACTIONS = DISCARD + 1

# Chance events.
DEPLETION = 0
BREAKAGE = 1
LEAK = 2

WORLD = np.dtype(
    [
        # The task: written by the generator, constant during an episode.
        ("key", np.uint64),
        ("num_places", np.int32),
        ("capacity", np.int32),  # items that can be carried
        ("energy_capacity", np.int32),
        ("time_limit", np.int32),
        ("total_work", np.int32),  # gather and craft actions that all goals need
        ("num_events", np.int32),
        ("reference_time", np.int32),  # what the oracle needs, events included
        ("reference_actions", np.int32),
        ("distance", np.int8, (MAX_PLACES, MAX_PLACES + 2)),  # shortest paths; FAR to NOWHERE, 0 to ANYWHERE
        ("road", np.int8, (MAX_PLACES, MAX_PLACES)),  # length of the direct road, 0 where there is none
        ("fuel", np.int8, (MAX_PLACES,)),  # 1 where one can refuel
        ("fuel_distance", np.int8, (MAX_PLACES,)),  # to the nearest such place
        ("station", np.uint8, (NUM_CRAFTED,)),  # place where it is crafted, or ANYWHERE
        ("ingredient", np.uint8, (NUM_CRAFTED, 2)),  # items a recipe consumes, or NOTHING
        ("amount", np.int8, (NUM_CRAFTED, 2)),  # and how many of each
        ("tier", np.int8, (NUM_ITEMS,)),  # depth of the recipe tree, 0 for raw items
        ("raw_units", np.int8, (NUM_ITEMS,)),  # raw items in one unit
        ("work", np.int8, (NUM_ITEMS,)),  # gather and craft actions for one unit
        ("goal", np.int8, (NUM_ITEMS,)),  # units wanted at the depot
        ("event_kind", np.int8, (MAX_EVENTS,)),
        ("event_after", np.int8, (MAX_EVENTS,)),  # armed when so many items have been gathered
        # The episode: changed by actions.
        (
            "source",
            np.uint8,
            (NUM_RAW, NUM_SOURCES),
        ),  # places where a raw item is found; NOWHERE once it ran dry
        ("stock", np.int8, (NUM_ITEMS + 1,)),  # carried; none of NOTHING
        ("delivered", np.int8, (NUM_ITEMS,)),
        ("place", np.uint32),
        ("energy", np.int32),
        ("time", np.int32),
        ("load", np.int32),
        ("gathered", np.int32),
        ("delivered_work", np.int32),
        ("struck", np.int32),  # bit j is set when event j has struck
        ("last_event", np.int32),  # kind of the event that struck in the last action, or -1
        ("actions", np.int32),
        ("illegal_actions", np.int32),
        ("over", np.int8),
    ],
    align=True,
)

# Places in the scratch array, which holds what is derived from a world.
NEED = 0  # units of each item still to be gathered or crafted (and a slot for NOTHING)
SURPLUS = NEED + NUM_ITEMS + 1  # units carried beyond every need
READY = SURPLUS + NUM_ITEMS  # 1 for recipes whose ingredients are carried
FOUND = READY + NUM_CRAFTED  # units found at each place that are still to be gathered
CRAFTABLE = FOUND + MAX_PLACES + 2  # units still to be crafted that can be crafted at each place
WANTED = CRAFTABLE + MAX_PLACES + 2  # units carried that are wanted at the depot
EXCESS = WANTED + 1  # sum of the surplus
TO_MAKE = EXCESS + 1  # sum of the needs
SCRATCH = TO_MAKE + 1


# --- What the goals still need -----------------------------------------------------------------------


@kernel
def net_requirements(world: Any, scratch: Any) -> None:
    """Net the goals against the stock through the recipes.

    On entry the NEED slots hold units wanted at the depot. On return they hold the units of each item
    still to be gathered or crafted, and the SURPLUS slots the units carried beyond every need.
    """
    scratch[NEED + NOTHING] = 0
    for item in range(NUM_ITEMS - 1, NUM_RAW - 1, -1):
        missing = scratch[NEED + item] - world.stock[item]
        scratch[SURPLUS + item] = max(-missing, 0)
        missing = max(missing, 0)
        scratch[NEED + item] = missing
        recipe = item - NUM_RAW
        for slot in range(2):
            scratch[NEED + world.ingredient[recipe, slot]] += missing * world.amount[recipe, slot]
    for item in range(NUM_RAW):
        missing = scratch[NEED + item] - world.stock[item]
        scratch[SURPLUS + item] = max(-missing, 0)
        scratch[NEED + item] = max(missing, 0)


@kernel
def net_all_goals(world: Any, scratch: Any) -> None:
    """Net requirements of everything that is not yet delivered."""
    for item in range(NUM_ITEMS):
        scratch[NEED + item] = world.goal[item] - world.delivered[item]
    net_requirements(world, scratch)


@kernel
def has_ingredients(world: Any, recipe: Any) -> Any:
    """Whether the ingredients of a recipe are carried."""
    first = world.stock[world.ingredient[recipe, 0]] >= world.amount[recipe, 0]
    second = world.stock[world.ingredient[recipe, 1]] >= world.amount[recipe, 1]
    return first & second


@kernel
def survey(world: Any, scratch: Any) -> None:
    """Derive everything from a world that the mask and the observation are made of.

    Args:
        world: a record of WORLD.
        scratch: int32 (SCRATCH,), written.
    """
    net_all_goals(world, scratch)
    scratch[WANTED] = 0
    scratch[EXCESS] = 0
    scratch[TO_MAKE] = 0
    for item in range(NUM_ITEMS):
        scratch[WANTED] += min(world.stock[item], world.goal[item] - world.delivered[item])
        scratch[EXCESS] += scratch[SURPLUS + item]
        scratch[TO_MAKE] += scratch[NEED + item]
    for place in range(MAX_PLACES + 2):
        scratch[FOUND + place] = 0
        scratch[CRAFTABLE + place] = 0
    for raw in range(NUM_RAW):
        for slot in range(NUM_SOURCES):
            scratch[FOUND + world.source[raw, slot]] += scratch[NEED + raw]
    for recipe in range(NUM_CRAFTED):
        ready = np.int64(has_ingredients(world, recipe))
        scratch[READY + recipe] = ready
        scratch[CRAFTABLE + world.station[recipe]] += ready * scratch[NEED + NUM_RAW + recipe]


# --- What is legal -----------------------------------------------------------------------------------


@kernel
def can_travel(world: Any, target: Any) -> Any:
    """Whether a place exists, is another one and within reach."""
    return (target != world.place) & (world.distance[world.place, target] <= world.energy)


@kernel
def can_gather(world: Any, raw: Any) -> Any:
    """Whether a raw item is found here and there is room for it."""
    here = (world.source[raw, 0] == world.place) | (world.source[raw, 1] == world.place)
    return here & (world.load < world.capacity)


@kernel
def at_station(world: Any, recipe: Any) -> Any:
    """Whether a recipe can be carried out in this place."""
    return (world.station[recipe] == ANYWHERE) | (world.station[recipe] == world.place)


@kernel
def can_deliver(world: Any) -> Any:
    """Whether something wanted is carried and this is the depot."""
    wanted = False
    for item in range(NUM_ITEMS):
        wanted |= (world.stock[item] > 0) & (world.delivered[item] < world.goal[item])
    return wanted & (world.place == DEPOT)


@kernel
def can_refuel(world: Any) -> Any:
    """Whether there is fuel here and room for it."""
    return (world.fuel[world.place] == 1) & (world.energy < world.energy_capacity)


@kernel
def legal_actions(world: Any, scratch: Any, mask: Any) -> Any:
    """Write the action mask from the survey in ``scratch``; return the number of legal actions."""
    for target in range(MAX_PLACES):
        mask[TRAVEL + target] = can_travel(world, target)
    for raw in range(NUM_RAW):
        mask[GATHER + raw] = can_gather(world, raw)
    for recipe in range(NUM_CRAFTED):
        mask[CRAFT + recipe] = at_station(world, recipe) & (scratch[READY + recipe] == 1)
    mask[DELIVER] = (world.place == DEPOT) & (scratch[WANTED] > 0)
    mask[REFUEL] = can_refuel(world)
    mask[DISCARD] = (scratch[EXCESS] > 0) | (world.load == world.capacity)
    legal = 0
    for action in range(NUM_ACTIONS):
        legal += mask[action]
    return legal


@kernel
def is_legal(world: Any, action: Any, scratch: Any) -> Any:
    """Whether one action is legal now; any integer is allowed."""
    if action < 0 or action >= NUM_ACTIONS:
        return False
    if action < GATHER:
        return can_travel(world, action)
    if action < CRAFT:
        return can_gather(world, action - GATHER)
    if action < DELIVER:
        return at_station(world, action - CRAFT) & has_ingredients(world, action - CRAFT)
    if action == DELIVER:
        return can_deliver(world)
    if action == REFUEL:
        return can_refuel(world)
    survey(world, scratch)
    return (scratch[EXCESS] > 0) | (world.load == world.capacity)


# --- What an action does -----------------------------------------------------------------------------


@kernel
def discard(world: Any, scratch: Any) -> None:
    """Throw away one item: one that no goal needs, else one of those carried most."""
    net_all_goals(world, scratch)
    chosen = -1
    for item in range(NUM_ITEMS):
        if scratch[SURPLUS + item] > 0:
            chosen = item
            break
    if chosen < 0:
        most = 0
        for item in range(NUM_ITEMS):
            if world.stock[item] > most:
                most = world.stock[item]
                chosen = item
    world.stock[chosen] -= 1
    world.load -= 1


@kernel
def deliver(world: Any) -> None:
    """Hand over everything carried that is still wanted."""
    for item in range(NUM_ITEMS):
        units = min(world.stock[item], world.goal[item] - world.delivered[item])
        if units > 0:
            world.stock[item] -= units
            world.load -= units
            world.delivered[item] += units
            world.delivered_work += units * world.work[item]


@kernel
def carry_out(world: Any, action: Any, scratch: Any) -> None:
    """Change the world by a legal action; chance events may strike."""
    if action < GATHER:
        world.energy -= world.distance[world.place, action]
        world.place = action
        strike_on_arrival(world)
    elif action < CRAFT:
        raw = action - GATHER
        if not strike_on_gathering(world, raw):
            world.stock[raw] += 1
            world.load += 1
            world.gathered += 1
    elif action < DELIVER:
        recipe = action - CRAFT
        for slot in range(2):
            world.stock[world.ingredient[recipe, slot]] -= world.amount[recipe, slot]
            world.load -= world.amount[recipe, slot]
        world.stock[NUM_RAW + recipe] += 1
        world.load += 1
    elif action == DELIVER:
        deliver(world)
    elif action == REFUEL:
        world.energy = world.energy_capacity
    else:
        discard(world, scratch)


@kernel
def take_legal_action(world: Any, action: Any, scratch: Any) -> None:
    """Time passes, and the action takes effect if it ends in time."""
    world.actions += 1
    world.last_event = -1
    cost = np.int64(1)
    if action < GATHER:
        cost = np.int64(world.distance[world.place, action])
    world.time += cost
    if world.time <= world.time_limit:
        carry_out(world, action, scratch)
    end_if_done(world)


@kernel
def take_illegal_action(world: Any) -> None:
    """One unit of time passes, nothing changes, and the action is counted."""
    world.actions += 1
    world.last_event = -1
    world.illegal_actions += 1
    world.time += 1
    end_if_done(world)


@kernel
def score(world: Any) -> Any:
    """Half for the share of the work that is delivered, half for delivering everything."""
    share = world.delivered_work / world.total_work
    return (1 - COMPLETION) * share + COMPLETION * (share == 1.0)


@kernel
def take_action(world: Any, action: Any, scratch: Any) -> Any:
    """Take any action, legal or not; return the reward."""
    before = score(world)
    if is_legal(world, action, scratch):
        take_legal_action(world, action, scratch)
    else:
        take_illegal_action(world)
    return score(world) - before


@kernel
def end_if_done(world: Any) -> None:
    """The episode is over when everything is delivered or time is up."""
    world.time = min(world.time, world.time_limit)
    world.over = (world.delivered_work == world.total_work) | (world.time == world.time_limit)


# --- Chance events -----------------------------------------------------------------------------------


@kernel
def is_armed(world: Any, event: Any) -> Any:
    """Whether an event waits for its moment: enough has been gathered and it has not struck."""
    return world.gathered >= world.event_after[event] and not (world.struck >> event) & 1


@kernel
def strike(world: Any, event: Any) -> None:
    """Note that an event has struck."""
    world.struck |= 1 << event
    world.last_event = world.event_kind[event]


@kernel
def break_most_valuable(world: Any) -> None:
    """Lose one of the items carried: the one that took the most work."""
    chosen = 0
    for item in range(NUM_ITEMS):
        if world.stock[item] > 0 and (world.stock[chosen] == 0 or world.work[item] > world.work[chosen]):
            chosen = item
    world.stock[chosen] -= 1
    world.load -= 1


@kernel
def strike_on_arrival(world: Any) -> None:
    """At most one event upon arrival: a carried item breaks, or energy leaks."""
    reserve = world.fuel_distance[world.place]
    for event in range(world.num_events):
        if not is_armed(world, event):
            continue
        if world.event_kind[event] == BREAKAGE and world.load > 0:
            break_most_valuable(world)
            strike(world, event)
            return
        if world.event_kind[event] == LEAK and world.energy > reserve and reserve > 0:
            world.energy = reserve
            strike(world, event)
            return


@kernel
def strike_on_gathering(world: Any, raw: Any) -> Any:
    """Whether this source runs dry as something is gathered there; another one always remains."""
    for event in range(world.num_events):
        another = max(world.source[raw, 0], world.source[raw, 1]) != NOWHERE
        if world.event_kind[event] == DEPLETION and another and is_armed(world, event):
            world.source[raw, 0 if world.source[raw, 0] == world.place else 1] = NOWHERE
            strike(world, event)
            return True
    return False


# --- What an agent sees ------------------------------------------------------------------------------

GLOBAL_FEATURES = (
    "energy, as a share of its capacity",
    "energy / 20",
    "energy capacity / 20",
    "time left, as a share of the limit",
    "time left / 40",
    "load, as a share of the carrying capacity",
    "free carrying capacity / 8",
    "distance to the depot / 10",
    "distance to the nearest place with fuel / 10",
    "work not yet delivered, as a share of all work",
    "gather and craft actions still needed / 16",
    "units carried that are wanted at the depot / 4",
)
ITEM_FEATURES = (
    "units carried / 4",
    "units still to be gathered or crafted, beyond what is carried already / 4",
    "units still wanted at the depot / 4",
    "distance to the nearest source (raw) or to the station (crafted) / 10",
    "1 if it can be gathered here (raw), or if its ingredients are carried (crafted)",
)
PLACE_FEATURES = (
    "distance from here / 10; 2 where there is no such place",
    "1 if there is fuel",
    "1 if the energy reaches it and then the fuel nearest to it",
    "units found there that are still to be gathered / 4",
    "units still to be crafted that can be crafted there with what is carried / 4",
)
# The vector holds one block for each feature: the globals, then 8 items or 8 places for each feature.
ITEMS_AT = len(GLOBAL_FEATURES)
PLACES_AT = ITEMS_AT + NUM_ITEMS * len(ITEM_FEATURES)
NUM_FEATURES = PLACES_AT + MAX_PLACES * len(PLACE_FEATURES)
FARTHEST_SHOWN = 20

_QUARTER = np.float32(1 / 4)
_EIGHTH = np.float32(1 / 8)
_TENTH = np.float32(1 / 10)
_SIXTEENTH = np.float32(1 / 16)
_TWENTIETH = np.float32(1 / 20)
_FORTIETH = np.float32(1 / 40)


@kernel
def observe_globals(world: Any, scratch: Any, features: Any) -> None:
    """Energy, time, load and goals, from the survey in ``scratch``."""
    left = world.time_limit - world.time
    features[0] = np.float32(world.energy) / np.float32(world.energy_capacity)
    features[1] = np.float32(world.energy) * _TWENTIETH
    features[2] = np.float32(world.energy_capacity) * _TWENTIETH
    features[3] = np.float32(left) / np.float32(world.time_limit)
    features[4] = np.float32(left) * _FORTIETH
    features[5] = np.float32(world.load) / np.float32(world.capacity)
    features[6] = np.float32(world.capacity - world.load) * _EIGHTH
    features[7] = np.float32(world.distance[world.place, DEPOT]) * _TENTH
    features[8] = np.float32(world.fuel_distance[world.place]) * _TENTH
    features[9] = np.float32(world.total_work - world.delivered_work) / np.float32(world.total_work)
    features[10] = np.float32(scratch[TO_MAKE]) * _SIXTEENTH
    features[11] = np.float32(scratch[WANTED]) * _QUARTER


@kernel
def observe_items(world: Any, scratch: Any, features: Any) -> None:
    """Stock, need, and where each item is obtained."""
    for item in range(NUM_ITEMS):
        features[ITEMS_AT + item] = np.float32(world.stock[item]) * _QUARTER
        features[ITEMS_AT + NUM_ITEMS + item] = np.float32(scratch[NEED + item]) * _QUARTER
        left = world.goal[item] - world.delivered[item]
        features[ITEMS_AT + 2 * NUM_ITEMS + item] = np.float32(left) * _QUARTER
    distances = ITEMS_AT + 3 * NUM_ITEMS
    ready = ITEMS_AT + 4 * NUM_ITEMS
    for raw in range(NUM_RAW):
        first = world.distance[world.place, world.source[raw, 0]]
        second = world.distance[world.place, world.source[raw, 1]]
        features[distances + raw] = np.float32(min(first, second)) * _TENTH
        features[ready + raw] = can_gather(world, raw)
    for recipe in range(NUM_CRAFTED):
        distance = world.distance[world.place, world.station[recipe]]
        features[distances + NUM_RAW + recipe] = np.float32(distance) * _TENTH
        features[ready + NUM_RAW + recipe] = scratch[READY + recipe]


@kernel
def observe_places(world: Any, scratch: Any, features: Any) -> None:
    """Distance, fuel, and what there is to do at each place."""
    for place in range(MAX_PLACES):
        distance = world.distance[world.place, place]
        at = PLACES_AT + place
        features[at] = np.float32(min(distance, FARTHEST_SHOWN)) * _TENTH
        features[at + MAX_PLACES] = world.fuel[place]
        features[at + 2 * MAX_PLACES] = distance + world.fuel_distance[place] <= world.energy
        features[at + 3 * MAX_PLACES] = np.float32(scratch[FOUND + place]) * _QUARTER
        features[at + 4 * MAX_PLACES] = np.float32(scratch[CRAFTABLE + place]) * _QUARTER


@kernel
def observe_world(world: Any, scratch: Any, features: Any, mask: Any) -> Any:
    """Write one row of the observation and of the mask; return the number of legal actions."""
    survey(world, scratch)
    observe_globals(world, scratch, features)
    observe_items(world, scratch, features)
    observe_places(world, scratch, features)
    return legal_actions(world, scratch, mask)


# --- Batches: the only functions called from Python --------------------------------------------------


@entry_point
def observe_batch(worlds: Any, rows: Any, features: Any, masks: Any) -> None:
    """Write observations and masks of some rows.

    Args:
        worlds: WORLD (n,).
        rows: int64 (m,), the rows to write.
        features: float32 (n, NUM_FEATURES), written.
        masks: int8 (n, NUM_ACTIONS), written.
    """
    scratch = np.empty(SCRATCH, np.int32)
    for row in rows:
        observe_world(worlds[row], scratch, features[row], masks[row])


@entry_point
def step_one(worlds: Any, action: Any, features: Any, mask: Any) -> Any:
    """Step a batch of one; an episode also ends where nothing is legal any more.

    Args:
        worlds: WORLD (1,), changed.
        action: any integer.
        features: float32 (NUM_FEATURES,), written.
        mask: int8 (NUM_ACTIONS,), written.

    Returns:
        The reward, and whether the episode is over.
    """
    scratch = np.empty(SCRATCH, np.int32)
    world = worlds[0]
    reward = take_action(world, action, scratch)
    legal = observe_world(world, scratch, features, mask)
    world.over |= legal == 0
    return reward, world.over == 1


@entry_point
def step_batch(
    worlds: Any, actions: Any, active: Any, features: Any, masks: Any, rewards: Any, ends: Any
) -> None:
    """Step every active row; write observation, mask, reward and end of every row.

    An episode also ends where nothing is legal any more.

    Args:
        worlds: WORLD (n,), changed.
        actions: int64 (n,), any integers.
        active: bool (n,): rows whose episode goes on.
        features: float32 (n, NUM_FEATURES), written.
        masks: int8 (n, NUM_ACTIONS), written.
        rewards: float64 (n,), written: 0 where not active.
        ends: bool (n,), written: True where an episode ended in this step.
    """
    scratch = np.empty(SCRATCH, np.int32)
    for row in range(len(worlds)):
        world = worlds[row]
        rewards[row] = 0.0
        if active[row]:
            rewards[row] = take_action(world, actions[row], scratch)
        legal = observe_world(world, scratch, features[row], masks[row])
        world.over |= legal == 0
        ends[row] = active[row] & (world.over == 1)
