"""The world of inventions: state, rules, mask and observation, as numba scalar functions.

Read in the order in which things happen: the world's record, what an artifact is worth, what is legal, what
an action does, what an agent sees. ``generator`` makes worlds, ``oracle`` solves them.

Sets are words of bits: bit p for property p, bit v for aspect v, bit w for way w. The aspects of thing t are
``t * NUM_LEVELS`` and the following, the obvious one first; the ways of effect e are ``e * NUM_WAYS`` and the
following, the most familiar one first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.envs.creative.concepts import ARISING, KINDS, PROPERTIES
from etude_gym.tasks.kernels import entry_point, kernel, part

NUM_PROPERTIES = len(PROPERTIES)
NUM_KINDS = len(KINDS)
NUM_THINGS = 8
NUM_LEVELS = 3
NUM_ASPECTS = NUM_THINGS * NUM_LEVELS
MAX_SLOTS = 3  # properties of an aspect
MAX_EFFECTS = 3
NUM_WAYS = 6
ALL_WAYS = MAX_EFFECTS * NUM_WAYS
MAX_IDEAS = 4
MAX_CLASHES = 8
MAX_PARTS = 6

INVENT, USES, REPAIR = range(3)
NUM_FAMILIES = 3

# Actions: one for each aspect, one for each thing, then the last one.
JOIN = 0
LOOK = JOIN + NUM_ASPECTS
HAND_IN = LOOK + NUM_THINGS
NUM_ACTIONS = HAND_IN + 1

WORKING = 0.2
"""What an artifact that works is worth at least; the rest is for originality."""

# The observation: what each number means. One block for each feature: the globals, then 16 properties for
# each feature, and so on.
GLOBAL_FEATURES = (
    "1 in the family `invent`",
    "1 in the family `uses`",
    "1 in the family `repair`",
    "effects that an artifact has to have / 3",
    "ideas wanted / 4",
    "artifacts still to be handed in / 4",
    "actions left / 32",
    "parts joined / 6",
    "surprise of the most ordinary idea / 16",
    "surprise from which on an idea counts in full / 16",
)
PROPERTY_FEATURES = (
    "1 if it is forbidden",
    "1 if the artifact has it, as it arises or from the beginning",
)
THING_FEATURES = ("1 if every artifact has to use it",)
ASPECT_FEATURES = (
    *(
        f"property {n}: its number from 1 / 16, 0 if none; unless seen, less the number of its kind / 4"
        for n in range(1, MAX_SLOTS + 1)
    ),
    "1 if it is part of the artifact",
)
WAY_FEATURES = (
    "property 1: its number from 1 / 16, 0 if none",
    "property 2: its number from 1 / 16, 0 if none",
    "surprise / 8",
    "1 if an idea that counted used it",
)
CLASH_FEATURES = (
    "property 1: its number from 1 / 16, 0 if none",
    "property 2: its number from 1 / 16, 0 if none",
)
PROPERTIES_AT = len(GLOBAL_FEATURES)
THINGS_AT = PROPERTIES_AT + NUM_PROPERTIES * len(PROPERTY_FEATURES)
ASPECTS_AT = THINGS_AT + NUM_THINGS * len(THING_FEATURES)
WAYS_AT = ASPECTS_AT + NUM_ASPECTS * len(ASPECT_FEATURES)
CLASHES_AT = WAYS_AT + ALL_WAYS * len(WAY_FEATURES)
NUM_FEATURES = CLASHES_AT + MAX_CLASHES * len(CLASH_FEATURES)

WORLD = np.dtype(
    [
        # The task: written by the generator, constant during an episode.
        ("key", np.uint64),
        ("surprise", np.float64, (ALL_WAYS,)),  # of each way under the frozen pool, in bits
        ("least_surprise", np.float64),  # of the most ordinary idea that is not barred
        ("full_surprise", np.float64),  # of the least original planted idea
        ("aspects", np.int32, (NUM_ASPECTS,)),  # the properties of each
        ("ways", np.int32, (ALL_WAYS,)),  # the properties that each joins; 0 where there is no such effect
        ("clashes", np.int32, (MAX_CLASHES,)),  # two properties each that must not be together; 0 for none
        ("planted", np.int32, (MAX_IDEAS,)),  # the aspects of artifacts that work, the most original first
        ("planted_ideas", np.int32, (MAX_IDEAS,)),  # and the ways in which they do
        ("given", np.int32),  # aspects that are part of every artifact
        ("hidden", np.int32),  # aspects that are not seen at first
        ("forbidden", np.int32),  # properties
        ("focus", np.int32),  # the thing that has to be used, or -1
        ("family", np.int32),
        ("num_effects", np.int32),  # that are listed
        ("required", np.int32),  # effects that an artifact has to have
        ("num_ideas", np.int32),  # wanted
        ("num_constraints", np.int32),  # prohibitions and clashes
        ("num_hidden", np.int32),
        ("reference_actions", np.int32),
        ("reference_looks", np.int32),
        ("step_limit", np.int32),
        ("attempts", np.int32),  # that the generator took
        ("effect", np.int8, (MAX_EFFECTS,)),  # its number in the concept base
        ("way", np.int8, (ALL_WAYS,)),  # its number among the ways of its effect there
        # The episode: changed by actions.
        ("unseen", np.int32),  # aspects
        ("chosen", np.int32),  # aspects of the present artifact, those of the base aside
        ("used_ways", np.int32),  # by ideas that counted
        ("handed_in", np.int32),  # artifacts
        ("ideas", np.int32),  # that counted
        ("steps", np.int32),
        ("illegal_actions", np.int32),
        ("looks", np.int32),
        ("worth", np.float64),  # of all ideas that counted
        ("originality", np.float64),  # its sum over them
        ("score", np.float64),
        ("solved", np.bool_),
        ("over", np.bool_),
        (
            "shown",
            np.float32,
            (NUM_FEATURES,),
        ),  # the observation, where joining and handing in change nothing
    ],
    align=True,
)

_NUMBERS = {name: number for number, name in enumerate(PROPERTIES)}
RULES = np.array([sum(1 << _NUMBERS[half] for half in ARISING[name]) for name in PROPERTIES], np.int64)
"""For each property the two that give it, as a set."""


# --- What an artifact is worth -----------------------------------------------------------------------


@part
def number_of(items: Any) -> Any:
    """How many items a set holds, of up to 32."""
    pairs = items - ((items >> 1) & 0x55555555)
    nibbles = (pairs & 0x33333333) + ((pairs >> 2) & 0x33333333)
    octets = (nibbles + (nibbles >> 4)) & 0x0F0F0F0F
    return ((octets * 0x01010101) >> 24) & 0xFF


@part
def lowest_of(items: Any) -> Any:
    """The lowest item of a set that is not empty."""
    return number_of((items & -items) - 1)


@part
def properties_of(world: Any, parts: Any) -> Any:
    """The properties of aspects that are joined: their own, and those that arise where two of these meet."""
    own = np.int64(0)
    left = np.int64(parts)
    while left != 0:
        own |= world.aspects[lowest_of(left)]
        left &= left - 1
    return closed(own)


@part
def closed(own: Any) -> Any:
    """A set of properties with those that arise from two of them."""
    found = np.int64(own)
    for number in range(NUM_PROPERTIES):
        rule = RULES[number]
        if own & rule == rule:
            found |= np.int64(1) << number
    return found


@part
def first_way(world: Any, effect: Any, properties: Any) -> Any:
    """The most familiar way of an effect that properties complete, which is the most ordinary; -1 if none."""
    for way in range(effect * NUM_WAYS, (effect + 1) * NUM_WAYS):
        need = world.ways[way]
        if properties & need == need:
            return np.int64(way)
    return np.int64(-1)


@part
def idea_in(world: Any, properties: Any) -> Any:
    """The most ordinary idea that works by some properties: a set of ways, empty if none does."""
    idea = np.int64(0)
    count = np.int64(0)
    for effect in range(world.num_effects):
        way = first_way(world, effect, properties)
        if way >= 0:
            idea |= np.int64(1) << way
            count += 1
    if count < world.required:
        return np.int64(0)
    for _ in range(count - world.required):  # more uses than it takes: the rarest one does not count
        rarest = lowest_of(idea)
        left = idea
        while left != 0:
            way = lowest_of(left)
            if world.surprise[way] > world.surprise[rarest]:
                rarest = way
            left &= left - 1
        idea ^= np.int64(1) << rarest
    return idea


@part
def works(world: Any, properties: Any) -> Any:
    """Whether enough effects have a complete way."""
    effects = 0
    for effect in range(world.num_effects):
        effects += first_way(world, effect, properties) >= 0
    return effects >= world.required


@part
def is_barred(world: Any, properties: Any) -> Any:
    """Whether properties hold a forbidden one, or two that clash."""
    barred = properties & world.forbidden != 0
    for pair in range(MAX_CLASHES):
        clash = world.clashes[pair]
        barred |= (clash != 0) & (properties & clash == clash)
    return barred


@part
def aspects_of(thing: Any) -> Any:
    """The aspects of a thing, as a set."""
    return np.int64((1 << NUM_LEVELS) - 1) << (thing * NUM_LEVELS)


@part
def idle_part(world: Any, chosen: Any) -> Any:
    """The first chosen aspect without which the artifact would work as well; -1 if there is none."""
    for aspect in range(NUM_ASPECTS):
        if (chosen >> aspect) & 1:
            rest = (chosen & ~(np.int64(1) << aspect)) | world.given
            if works(world, properties_of(world, rest)):
                return np.int64(aspect)
    return np.int64(-1)


@part
def appraise(world: Any, chosen: Any) -> Any:
    """The idea of an artifact, a set of ways; empty if it does not work."""
    properties = properties_of(world, chosen | world.given)
    idea = idea_in(world, properties)
    if idea == 0 or is_barred(world, properties):
        return np.int64(0)
    if world.focus >= 0 and chosen & aspects_of(world.focus) == 0:
        return np.int64(0)
    return idea if idle_part(world, chosen) < 0 else np.int64(0)


@part
def surprise_of(world: Any, idea: Any) -> Any:
    """How rare an idea is in the pool, in bits."""
    total = 0.0
    for way in range(ALL_WAYS):
        if (idea >> way) & 1:
            total += world.surprise[way]
    return total


@kernel
def originality_of(world: Any, idea: Any) -> Any:
    """From 0 for the most ordinary idea that is not barred to 1 for the least original planted one."""
    beyond = surprise_of(world, idea) - world.least_surprise
    return min(1.0, max(0.0, beyond / (world.full_surprise - world.least_surprise)))


# --- What is legal -----------------------------------------------------------------------------------


@kernel
def joinable(world: Any) -> Any:
    """The aspects that can be joined now: seen, of things that are no part of it, while there is room."""
    if number_of(np.int64(world.chosen)) >= MAX_PARTS:
        return np.int64(0)
    parts = np.int64(world.chosen | world.given)
    return ~(whole_things(parts) | world.unseen) & _ALL_ASPECTS


@kernel
def whole_things(aspects: Any) -> Any:
    """All aspects of the things of which a set holds any."""
    return ((aspects | (aspects >> 1) | (aspects >> 2)) & _FIRST_ASPECTS) * ((1 << NUM_LEVELS) - 1)


_ALL_ASPECTS = (1 << NUM_ASPECTS) - 1
_FIRST_ASPECTS = sum(1 << (thing * NUM_LEVELS) for thing in range(NUM_THINGS))


@kernel
def legal_actions(world: Any, mask: Any) -> None:
    """Write the action mask. Something may always be handed in, even nothing."""
    free = np.int32(joinable(world))
    for aspect in range(NUM_ASPECTS):
        mask[JOIN + aspect] = (free >> np.int32(aspect)) & np.int32(1)
    hiding = np.int32(whole_things(np.int64(world.unseen)))
    for thing in range(NUM_THINGS):
        mask[LOOK + thing] = (hiding >> np.int32(thing * NUM_LEVELS)) & np.int32(1)
    mask[HAND_IN] = 1


@kernel
def is_legal(world: Any, action: Any) -> Any:
    """Whether one action is legal now; any integer is allowed."""
    if action < 0 or action >= NUM_ACTIONS:
        return False
    if action < LOOK:
        return (joinable(world) >> (action - JOIN)) & 1 == 1
    if action < HAND_IN:
        return world.unseen & aspects_of(action - LOOK) != 0
    return True


# --- What an action does -----------------------------------------------------------------------------


@part
def hand_in(world: Any) -> None:
    """The artifact is done: it counts if it works in ways of which none has counted before."""
    idea = appraise(world, np.int64(world.chosen))
    if idea != 0 and idea & world.used_ways == 0:
        original = originality_of(world, idea)
        world.used_ways |= idea
        world.ideas += 1
        world.originality += original
        world.worth += WORKING + (1 - WORKING) * original
        world.score = world.worth / world.num_ideas
    world.handed_in += 1
    world.chosen = 0


@kernel
def look_at(world: Any, thing: Any) -> None:
    """The least obscure aspect of a thing among those that were hidden is seen."""
    hidden = np.int64(world.unseen & aspects_of(thing))
    aspect = lowest_of(hidden)
    world.unseen ^= np.int64(1) << aspect
    world.looks += 1
    show_numbers(world.aspects[aspect], False, world.shown, ASPECTS_AT + aspect, NUM_ASPECTS, MAX_SLOTS)


@kernel
def take_action(world: Any, action: Any) -> Any:
    """Take any action, legal or not; return the reward."""
    before = world.score
    world.steps += 1
    if not is_legal(world, action):
        world.illegal_actions += 1
    elif action < LOOK:
        world.chosen |= np.int64(1) << (action - JOIN)
    elif action < HAND_IN:
        look_at(world, action - LOOK)
    else:
        hand_in(world)
    world.solved = world.score >= 1.0
    world.over = (world.handed_in >= world.num_ideas) | (world.steps >= world.step_limit)
    return world.score - before


@kernel
def begin(world: Any) -> None:
    """Start of an episode: nothing was looked at, joined or handed in."""
    world.unseen = world.hidden
    world.chosen = 0
    world.used_ways = 0
    world.handed_in = 0
    world.ideas = 0
    world.steps = 0
    world.illegal_actions = 0
    world.looks = 0
    world.worth = 0.0
    world.originality = 0.0
    world.score = 0.0
    world.solved = False
    world.over = False


# --- What an agent sees ------------------------------------------------------------------------------

_ONE_IDEA = np.float32(1 / MAX_IDEAS)
_SIXTH = np.float32(1 / 6)
_THIRTY_SECOND = np.float32(1 / 32)
_ONE = np.float32(1)


_KIND = NUM_PROPERTIES // NUM_KINDS


@part
def show_task(world: Any) -> None:
    """Write down what an agent sees, whatever it joins and hands in."""
    shown = world.shown
    shown[:] = 0
    shown[world.family] = 1
    shown[3] = world.required / MAX_EFFECTS
    shown[4] = world.num_ideas / MAX_IDEAS
    shown[8] = world.least_surprise / 16
    shown[9] = world.full_surprise / 16
    for number in range(NUM_PROPERTIES):
        shown[PROPERTIES_AT + number] = (world.forbidden >> number) & 1
    if world.focus >= 0:
        shown[THINGS_AT + world.focus] = 1
    for aspect in range(NUM_ASPECTS):
        hidden = (world.hidden >> aspect) & 1 == 1
        show_numbers(world.aspects[aspect], hidden, shown, ASPECTS_AT + aspect, NUM_ASPECTS, MAX_SLOTS)
    for way in range(ALL_WAYS):
        show_numbers(world.ways[way], False, shown, WAYS_AT + way, ALL_WAYS, 2)
        shown[WAYS_AT + 2 * ALL_WAYS + way] = world.surprise[way] / 8
    for pair in range(MAX_CLASHES):
        show_numbers(world.clashes[pair], False, shown, CLASHES_AT + pair, MAX_CLASHES, 2)


@part
def show_numbers(properties: Any, hidden: Any, shown: Any, at: Any, stride: Any, slots: Any) -> None:
    """Write the numbers of the properties of a set, in ascending order; those of their kinds if hidden."""
    left = np.int64(properties)
    for slot in range(slots):
        number = np.int64(0) if left == 0 else lowest_of(left) + 1
        kind = (number + _KIND - 1) // _KIND
        shown[at + slot * stride] = -kind / NUM_KINDS if hidden else number / NUM_PROPERTIES
        left &= left - 1


@kernel
def observe_world(world: Any, features: Any, mask: Any) -> None:
    """Write one row of the observation and of the mask."""
    for at in range(NUM_FEATURES):
        features[at] = world.shown[at]
    features[5] = np.float32(world.num_ideas - world.handed_in) * _ONE_IDEA
    features[6] = np.float32(world.step_limit - world.steps) * _THIRTY_SECOND
    features[7] = np.float32(number_of(np.int64(world.chosen))) * _SIXTH
    present = properties_of(world, np.int64(world.chosen | world.given))
    for number in range(NUM_PROPERTIES):
        features[PROPERTIES_AT + NUM_PROPERTIES + number] = (present >> number) & 1
    left = np.int64(world.chosen | world.given)
    while left != 0:
        features[ASPECTS_AT + MAX_SLOTS * NUM_ASPECTS + lowest_of(left)] = _ONE
        left &= left - 1
    left = np.int64(world.used_ways)
    while left != 0:
        features[WAYS_AT + 3 * ALL_WAYS + lowest_of(left)] = _ONE
        left &= left - 1
    legal_actions(world, mask)


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
    for row in rows:
        observe_world(worlds[row], features[row], masks[row])


@entry_point
def step_one(worlds: Any, action: Any, features: Any, mask: Any) -> Any:
    """Step a batch of one.

    Args:
        worlds: WORLD (1,), changed.
        action: any integer.
        features: float32 (NUM_FEATURES,), written.
        mask: int8 (NUM_ACTIONS,), written.

    Returns:
        The reward, and whether the episode is over.
    """
    world = worlds[0]
    reward = take_action(world, action)
    observe_world(world, features, mask)
    return reward, world.over


@entry_point
def step_batch(
    worlds: Any, actions: Any, active: Any, features: Any, masks: Any, rewards: Any, ends: Any
) -> None:
    """Step every active row; write observation, mask, reward and end of every row.

    Args:
        worlds: WORLD (n,), changed.
        actions: int64 (n,), any integers.
        active: bool (n,): rows whose episode goes on.
        features: float32 (n, NUM_FEATURES), written.
        masks: int8 (n, NUM_ACTIONS), written.
        rewards: float64 (n,), written: 0 where not active.
        ends: bool (n,), written: True where an episode ended in this step.
    """
    for row in range(len(worlds)):
        world = worlds[row]
        rewards[row] = 0.0
        if active[row]:
            rewards[row] = take_action(world, actions[row])
        observe_world(world, features[row], masks[row])
        ends[row] = active[row] & world.over
