"""The crafting and delivery world: state, rules, mask and observation, as numba scalar functions.

Read in the order in which things happen: the world's record, what is legal, what an action does,
how chance events strike, what an agent sees. ``generator`` makes worlds, ``oracle`` solves them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.kernels import below, kernel

MAX_PLACES = 8
NUM_RAW = 4
NUM_CRAFTED = 4
NUM_ITEMS = NUM_RAW + NUM_CRAFTED
MAX_EVENTS = 4
DEPOT = 0
ANYWHERE = -1

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
        ("distance", np.int8, (MAX_PLACES, MAX_PLACES)),  # shortest paths
        ("road", np.int8, (MAX_PLACES, MAX_PLACES)),  # length of the direct road, 0 where there is none
        ("fuel", np.int8, (MAX_PLACES,)),  # 1 where one can refuel
        ("fuel_distance", np.int8, (MAX_PLACES,)),  # to the nearest such place
        ("station", np.int8, (NUM_CRAFTED,)),  # place where it is crafted, or ANYWHERE
        ("ingredient", np.int8, (NUM_CRAFTED, 2)),  # items a recipe consumes; -1 for none
        ("amount", np.int8, (NUM_CRAFTED, 2)),  # and how many of each
        ("tier", np.int8, (NUM_ITEMS,)),  # depth of the recipe tree, 0 for raw items
        ("raw_units", np.int8, (NUM_ITEMS,)),  # raw items in one unit
        ("work", np.int8, (NUM_ITEMS,)),  # gather and craft actions for one unit
        ("goal", np.int8, (NUM_ITEMS,)),  # units wanted at the depot
        ("event_kind", np.int8, (MAX_EVENTS,)),
        ("event_after", np.int8, (MAX_EVENTS,)),  # armed when so many items have been gathered
        # The episode: changed by actions.
        ("source", np.int8, (MAX_PLACES, NUM_RAW)),  # 1 where a raw item is found
        ("stock", np.int8, (NUM_ITEMS,)),  # carried
        ("delivered", np.int8, (NUM_ITEMS,)),
        ("place", np.int32),
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

SCRATCH = 2 * NUM_ITEMS
"""Length of the scratch array: units still to be made, and units in hand beyond what is needed."""


# --- What the goals still need -----------------------------------------------------------------------


@kernel
def net_requirements(world: Any, scratch: Any) -> None:
    """Net the goals against the stock through the recipes.

    On entry ``scratch[item]`` holds units wanted at the depot. On return it holds the units of each
    item still to be gathered or crafted, and ``scratch[NUM_ITEMS + item]`` the units carried in
    excess of every need.
    """
    for item in range(NUM_ITEMS - 1, -1, -1):
        missing = scratch[item] - world.stock[item]
        if missing < 0:
            scratch[NUM_ITEMS + item] = -missing
            missing = 0
        else:
            scratch[NUM_ITEMS + item] = 0
        scratch[item] = missing
        if missing > 0 and item >= NUM_RAW:
            recipe = item - NUM_RAW
            for slot in range(2):
                ingredient = world.ingredient[recipe, slot]
                if ingredient >= 0:
                    scratch[ingredient] += missing * world.amount[recipe, slot]


@kernel
def net_all_goals(world: Any, scratch: Any) -> None:
    """Net requirements of everything that is not yet delivered."""
    for item in range(NUM_ITEMS):
        scratch[item] = world.goal[item] - world.delivered[item]
    net_requirements(world, scratch)


# --- What is legal -----------------------------------------------------------------------------------


@kernel
def has_ingredients(world: Any, recipe: Any) -> Any:
    """Whether the ingredients of a recipe are carried."""
    for slot in range(2):
        ingredient = world.ingredient[recipe, slot]
        if ingredient >= 0 and world.stock[ingredient] < world.amount[recipe, slot]:
            return False
    return True


@kernel
def can_craft(world: Any, recipe: Any) -> Any:
    """Whether a recipe can be carried out here and now."""
    station = world.station[recipe]
    return (station == ANYWHERE or station == world.place) and has_ingredients(world, recipe)


@kernel
def can_deliver(world: Any) -> Any:
    """Whether something wanted is carried and this is the depot."""
    if world.place != DEPOT:
        return False
    for item in range(NUM_ITEMS):
        if world.stock[item] > 0 and world.delivered[item] < world.goal[item]:
            return True
    return False


@kernel
def legal_actions(world: Any, scratch: Any, mask: Any) -> Any:
    """Write the action mask; return the number of legal actions.

    ``scratch`` holds the net requirements of all goals.
    """
    place = world.place
    surplus = 0
    for item in range(NUM_ITEMS):
        surplus += scratch[NUM_ITEMS + item]
    for target in range(MAX_PLACES):
        mask[TRAVEL + target] = (
            target < world.num_places and target != place and world.distance[place, target] <= world.energy
        )
    for raw in range(NUM_RAW):
        mask[GATHER + raw] = world.source[place, raw] == 1 and world.load < world.capacity
    for recipe in range(NUM_CRAFTED):
        mask[CRAFT + recipe] = can_craft(world, recipe)
    mask[DELIVER] = can_deliver(world)
    mask[REFUEL] = world.fuel[place] == 1 and world.energy < world.energy_capacity
    mask[DISCARD] = surplus > 0 or world.load == world.capacity
    legal = 0
    for action in range(NUM_ACTIONS):
        legal += mask[action]
    return legal


# --- What an action does -----------------------------------------------------------------------------


@kernel
def is_legal(world: Any, action: Any, scratch: Any) -> Any:
    """Whether one action is legal now."""
    place = world.place
    if action < 0 or action >= NUM_ACTIONS:
        return False
    if action < GATHER:
        return (
            action < world.num_places and action != place and world.distance[place, action] <= world.energy
        )
    if action < CRAFT:
        return world.source[place, action - GATHER] == 1 and world.load < world.capacity
    if action < DELIVER:
        return can_craft(world, action - CRAFT)
    if action == DELIVER:
        return can_deliver(world)
    if action == REFUEL:
        return world.fuel[place] == 1 and world.energy < world.energy_capacity
    if world.load == world.capacity:
        return True
    net_all_goals(world, scratch)
    for item in range(NUM_ITEMS):
        if scratch[NUM_ITEMS + item] > 0:
            return True
    return False


@kernel
def discard(world: Any, scratch: Any) -> None:
    """Throw away one item: one that no goal needs, else the raw item carried most."""
    net_all_goals(world, scratch)
    chosen = -1
    for item in range(NUM_ITEMS):
        if scratch[NUM_ITEMS + item] > 0:
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
            ingredient = world.ingredient[recipe, slot]
            if ingredient >= 0:
                world.stock[ingredient] -= world.amount[recipe, slot]
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
def apply_action(world: Any, action: Any, scratch: Any) -> None:
    """One step of the rules: time passes, a legal action takes effect if it ends in time.

    An illegal action costs one unit of time, changes nothing and is counted.
    """
    world.actions += 1
    world.last_event = -1
    if not is_legal(world, action, scratch):
        world.illegal_actions += 1
        world.time += 1
    else:
        cost = 1
        if action < GATHER:
            cost = world.distance[world.place, action]
        world.time += cost
        if world.time <= world.time_limit:
            carry_out(world, action, scratch)
    world.time = min(world.time, world.time_limit)
    world.over = world.delivered_work == world.total_work or world.time == world.time_limit


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
def strike_on_arrival(world: Any) -> None:
    """At most one event upon arrival: a carried item breaks, or energy leaks."""
    reserve = world.fuel_distance[world.place]
    for event in range(world.num_events):
        if not is_armed(world, event):
            continue
        if world.event_kind[event] == BREAKAGE and world.load > 0:
            pick = below(world.key, 500 + event, world.load)
            for item in range(NUM_ITEMS):
                pick -= world.stock[item]
                if pick < 0:
                    world.stock[item] -= 1
                    world.load -= 1
                    break
            strike(world, event)
            return
        if world.event_kind[event] == LEAK and world.energy > reserve and reserve > 0:
            world.energy = reserve
            strike(world, event)
            return


@kernel
def strike_on_gathering(world: Any, raw: Any) -> Any:
    """Whether this source runs dry under the gatherer's hands; another one always remains."""
    for event in range(world.num_events):
        if world.event_kind[event] == DEPLETION and is_armed(world, event):
            sources = 0
            for place in range(world.num_places):
                sources += world.source[place, raw]
            if sources > 1:
                world.source[world.place, raw] = 0
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
    "units still to be gathered or crafted, recipes netted against stock / 4",
    "units still wanted at the depot / 4",
    "distance to the nearest source (raw) or to the station (crafted) / 10",
    "1 if it could be gathered here, or its ingredients are carried",
)
PLACE_FEATURES = (
    "1 if the place exists",
    "distance from here / 10",
    "1 if here",
    "1 if there is fuel",
    "1 if the energy reaches it and then the fuel nearest to it",
    "units found there that are still to be gathered / 4",
    "units still to be crafted that can be crafted there with what is carried / 4",
)
NUM_FEATURES = len(GLOBAL_FEATURES) + NUM_ITEMS * len(ITEM_FEATURES) + MAX_PLACES * len(PLACE_FEATURES)
_NUM_GLOBAL = len(GLOBAL_FEATURES)
_NUM_ITEM = len(ITEM_FEATURES)
_NUM_PLACE = len(PLACE_FEATURES)


@kernel
def observe_globals(world: Any, scratch: Any, features: Any) -> None:
    """Energy, time, load and goals; ``scratch`` holds the net requirements of all goals."""
    needed = 0
    wanted = 0
    for item in range(NUM_ITEMS):
        needed += scratch[item]
        wanted += min(world.stock[item], world.goal[item] - world.delivered[item])
    left = world.time_limit - world.time
    features[0] = world.energy / world.energy_capacity
    features[1] = world.energy / 20
    features[2] = world.energy_capacity / 20
    features[3] = left / world.time_limit
    features[4] = left / 40
    features[5] = world.load / world.capacity
    features[6] = (world.capacity - world.load) / 8
    features[7] = world.distance[world.place, DEPOT] / 10
    features[8] = world.fuel_distance[world.place] / 10
    features[9] = 1 - world.delivered_work / world.total_work
    features[10] = needed / 16
    features[11] = wanted / 4


@kernel
def observe_items(world: Any, scratch: Any, features: Any) -> None:
    """Stock, need, and where each item is obtained."""
    place = world.place
    for item in range(NUM_ITEMS):
        at = _NUM_GLOBAL + item * _NUM_ITEM
        nearest = 20
        ready = False
        if item < NUM_RAW:
            for other in range(world.num_places):
                if world.source[other, item] == 1:
                    nearest = min(nearest, world.distance[place, other])
            ready = world.source[place, item] == 1
        else:
            station = world.station[item - NUM_RAW]
            nearest = 0 if station == ANYWHERE else np.int64(world.distance[place, station])
            ready = has_ingredients(world, item - NUM_RAW)
        features[at] = world.stock[item] / 4
        features[at + 1] = scratch[item] / 4
        features[at + 2] = (world.goal[item] - world.delivered[item]) / 4
        features[at + 3] = nearest / 10
        features[at + 4] = ready


@kernel
def observe_places(world: Any, scratch: Any, features: Any) -> None:
    """Distance, fuel, and what there is to do at each place."""
    here = world.place
    for place in range(MAX_PLACES):
        at = _NUM_GLOBAL + NUM_ITEMS * _NUM_ITEM + place * _NUM_PLACE
        if place >= world.num_places:
            for feature in range(_NUM_PLACE):
                features[at + feature] = 0
            continue
        to_gather = 0
        for raw in range(NUM_RAW):
            to_gather += world.source[place, raw] * scratch[raw]
        to_craft = 0
        for recipe in range(NUM_CRAFTED):
            if scratch[NUM_RAW + recipe] > 0 and world.station[recipe] == place:
                to_craft += scratch[NUM_RAW + recipe] * has_ingredients(world, recipe)
        distance = world.distance[here, place]
        features[at] = 1
        features[at + 1] = distance / 10
        features[at + 2] = place == here
        features[at + 3] = world.fuel[place]
        features[at + 4] = distance + world.fuel_distance[place] <= world.energy
        features[at + 5] = to_gather / 4
        features[at + 6] = to_craft / 4


@kernel
def observe_world(world: Any, scratch: Any, features: Any, mask: Any) -> Any:
    """Write one row of the observation and of the mask; return the number of legal actions."""
    net_all_goals(world, scratch)
    observe_globals(world, scratch, features)
    observe_items(world, scratch, features)
    observe_places(world, scratch, features)
    return legal_actions(world, scratch, mask)


# --- Batches: the only functions called from Python --------------------------------------------------


@kernel
def observe_batch(worlds: Any, rows: Any, features: Any, masks: Any) -> None:
    """Write observations and masks of the given rows."""
    scratch = np.empty(SCRATCH, np.int64)
    for row in rows:
        observe_world(worlds[row], scratch, features[row], masks[row])


@kernel
def step_batch(worlds: Any, actions: Any, active: Any, features: Any, masks: Any, rewards: Any, ends: Any) -> None:
    """Step every active row, and write what is seen, legal, earned and ended in each row.

    A row whose episode is over keeps its world. An episode also ends where nothing is legal any more.
    """
    scratch = np.empty(SCRATCH, np.int64)
    for row in range(len(worlds)):
        world = worlds[row]
        rewards[row] = 0.0
        ends[row] = False
        if active[row]:
            before = world.delivered_work
            apply_action(world, actions[row], scratch)
            rewards[row] = (world.delivered_work - before) / world.total_work
        legal = observe_world(world, scratch, features[row], masks[row])
        if active[row]:
            if legal == 0:
                world.over = 1
            ends[row] = world.over == 1
