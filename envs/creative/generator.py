"""Makes tasks of invention: effects and their ways, four planted ideas, things that hold them, constraints.

Every task is solvable by construction: four artifacts are planted that work in ways of which they share
none, and as many of them as ideas are wanted are the reference solution, the most original ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.envs.creative.concepts import EFFECTS, PROPERTIES
from etude_gym.envs.creative.kernel import (
    ALL_WAYS,
    MAX_CLASHES,
    MAX_EFFECTS,
    MAX_IDEAS,
    MAX_PARTS,
    MAX_SLOTS,
    NUM_ASPECTS,
    NUM_LEVELS,
    NUM_PROPERTIES,
    NUM_THINGS,
    NUM_WAYS,
    REPAIR,
    RULES,
    USES,
    aspects_of,
    begin,
    closed,
    idea_in,
    idle_part,
    lowest_of,
    number_of,
    properties_of,
    show_task,
    surprise_of,
    works,
)
from etude_gym.tasks.kernels import below, entry_point, part, part_of_caller, stochastic_round, uniform

FAMILIES = ("invent", "uses", "repair")

REMOTENESS, COMBINATION, CONSTRAINTS, DIVERSITY = range(4)

MAX_FORBIDDEN = 3
SLACK = 1
"""Actions beyond those of the reference solution."""
LEAST_RANGE = 0.5
"""Bits of surprise that lie between the most ordinary idea and the planted ones, at least."""
EASE = 1.5
"""Power of combination by which the number of effects grows: slowly at first, as each effect costs most."""
ATTEMPTS = 200
TWINS = 0.6
"""Share of the other aspects that have what a planted idea needs; in plain sight it falls with remoteness."""
PAIRS = 0.6
"""Share of the other aspects that have a second property, by which they can be barred."""
PLANS = 8
"""Tries to find a planted idea that shares no way with those before, in an attempt."""

SALIENCE = (1.0, 0.5, 0.2)
"""How readily the typical solver thinks of an aspect: of the obvious one, of the next, of the obscure one."""
FAMILIARITY = 0.45
"""By what factor each way is less familiar to the typical solver than the one before."""
LESS = 0.7
"""A way has at most so many times the share of the one before."""
FLOOR = 0.02
"""Share of the pool that each way has at least, before shares are made to add up to 1."""

NUM_KNOWN_EFFECTS = len(EFFECTS)
_NUMBERS = {name: number for number, name in enumerate(PROPERTIES)}
KNOWN_WAYS = np.array(
    [[sum(1 << _NUMBERS[name] for name in way) for way in ways] for ways in EFFECTS.values()], np.int64
)
"""The properties that each way of each effect joins, as a set."""

# Counters of a task's random numbers; every stage has its own range, every attempt its own thousands.
_ATTEMPT = 4096
_EFFECTS, _WAYS, _HIDDEN, _BASE, _COVER, _FILL, _BAR, _CLASH, _RANKS = (
    0, 50, 300, 400, 500, 1500, 2500, 2600, 3400,
)  # fmt: skip

# Places in the sketch, the generator's memory.
NEED = 0  # properties that each planted idea has to get from its parts
TAKEN = NEED + MAX_IDEAS  # all properties of each planted artifact
ORDER = TAKEN + MAX_IDEAS  # things, the remote ones first
DEALT = ORDER + NUM_THINGS  # properties, as they are dealt to parts
WANT = DEALT + NUM_PROPERTIES  # properties of each part
SKETCH = WANT + MAX_PARTS


@part
def pick(key: Any, counter: Any, bound: Any) -> Any:
    """Random integer in [0, bound); here once, as it is needed so often."""
    return below(key, counter, bound)


@part
def holds_a_way(world: Any, properties: Any) -> Any:
    """Whether properties join a whole way of one of the effects: no aspect alone may."""
    held = False
    for way in range(world.num_effects * NUM_WAYS):
        held |= properties & world.ways[way] == world.ways[way]
    return held


@part
def random_property(world: Any, counter: Any, properties: Any) -> Any:
    """One property of a set that is not empty, as a set."""
    skip = pick(world.key, counter, np.int64(number_of(np.int64(properties))))
    left = np.int64(properties)
    for _ in range(skip):
        left &= left - 1
    return left & -left


@part
def draw_effects(world: Any, c: Any) -> None:
    """Effects that differ, and their ways in random order of familiarity."""
    key = world.key
    chosen = np.int64(0)
    for way in range(ALL_WAYS):
        world.ways[way] = 0
        world.way[way] = 0
    for slot in range(MAX_EFFECTS):
        number = pick(key, c + _EFFECTS + slot, np.int64(NUM_KNOWN_EFFECTS - slot))
        for known in range(NUM_KNOWN_EFFECTS):  # the one with this number among those not chosen
            if (chosen >> known) & 1 == 0:
                if number == 0:
                    world.effect[slot] = known
                number -= 1
        chosen |= np.int64(1) << world.effect[slot]
    for slot in range(world.num_effects):
        at = slot * NUM_WAYS
        for rank in range(NUM_WAYS):
            other = pick(key, c + _WAYS + at + rank, np.int64(rank + 1))
            world.way[at + rank] = world.way[at + other]
            world.way[at + other] = rank
        for rank in range(NUM_WAYS):
            world.ways[at + rank] = KNOWN_WAYS[world.effect[slot], world.way[at + rank]]


@part
def hide_aspects(world: Any, c: Any, remoteness: Any, sketch: Any) -> None:
    """Which aspects take a look to be seen: up to two of each thing, the obscure one first."""
    world.hidden = 0
    world.num_hidden = 0
    for thing in range(NUM_THINGS):
        other = pick(world.key, c + _HIDDEN + thing, np.int64(thing + 1))
        sketch[ORDER + thing] = sketch[ORDER + other]
        sketch[ORDER + other] = thing
        levels = stochastic_round(world.key, c + _HIDDEN + 50 + thing, (NUM_LEVELS - 1) * remoteness)
        for level in range(NUM_LEVELS - levels, NUM_LEVELS):
            world.hidden |= np.int64(1) << (thing * NUM_LEVELS + level)
            world.num_hidden += 1
    world.focus = sketch[ORDER] if world.family == USES else -1


@part
def lay_base(world: Any, c: Any) -> Any:
    """The artifact to repair: half of the most familiar way of the first effect is there; returns it."""
    world.given = 0
    if world.family != REPAIR:
        return np.int64(0)
    half = random_property(world, c + _BASE, np.int64(world.ways[0]))
    aspect = pick(world.key, c + _BASE + 1, np.int64(NUM_THINGS)) * NUM_LEVELS
    world.aspects[aspect] = half
    world.given = np.int64(1) << aspect
    return half


@part
def plan_ideas(world: Any, c: Any, difficulty: Any, base: Any, sketch: Any) -> Any:
    """What each planted idea needs: a way of each effect that it serves; returns whether they share none."""
    first = 1 + stochastic_round(world.key, c + _RANKS, (NUM_WAYS - 1 - MAX_IDEAS) * difficulty[REMOTENESS])
    for way in range(ALL_WAYS):  # until there is a pool
        world.surprise[way] = way % NUM_WAYS
    used = np.int64(0)
    for idea in range(MAX_IDEAS):
        found = np.int64(0)
        for plan in range(PLANS):
            at = c + _RANKS + 1 + 8 * (PLANS * idea + plan)
            need = plan_idea(world, at, idea, first, used, difficulty[COMBINATION], base)
            found = idea_in(world, closed(need | base))
            if found & used == 0 and found != 0:
                sketch[NEED + idea] = need
                break
            found = np.int64(0)
        if found == 0:
            return False
        used |= found
    return True


@part
def plan_idea(world: Any, at: Any, idea: Any, first: Any, used: Any, combination: Any, base: Any) -> Any:
    """What one idea needs beside the base, without anything idle; 0 where all ways are used.

    Args:
        world: a record of WORLD.
        at: counter.
        idea: its number.
        first: the most familiar rank of its ways.
        used: ways of the ideas before, a set.
        combination: how often one of the properties has to arise.
        base: properties that are there, a set.
    """
    need = np.int64(0)
    for effect in range(world.num_effects):
        if (effect + (MAX_EFFECTS - 1) * idea) % MAX_EFFECTS < world.required or world.family != USES:
            free = np.int64(((1 << MAX_IDEAS) - 1) << (effect * NUM_WAYS + first)) & ~used
            if free == 0:
                return np.int64(0)
            need |= world.ways[lowest_of(random_property(world, at + effect, free))]
    need = np.int64(need & ~closed(base))
    if need != 0 and uniform(world.key, at + 4) < 0.5 * combination:
        need = let_one_arise(need, random_property(world, at + 5, need)) & ~base
    for number in range(NUM_PROPERTIES):
        rest = np.int64(need & ~(np.int64(1) << number))
        if rest != need and works(world, closed(rest | base)):
            need = rest
    return need


@part
def let_one_arise(need: Any, arising: Any) -> Any:
    """What is needed if one of the properties is to arise from two others."""
    for number in range(NUM_PROPERTIES):
        if arising == np.int64(1) << number:
            return (need ^ arising) | RULES[number]
    return need


@part
def place_part(world: Any, at: Any, want: Any, taken: Any, remote: Any, sketch: Any) -> Any:
    """Give properties to an aspect of a thing that is not taken; returns the aspect, -1 if none has room.

    Args:
        world: a record of WORLD.
        at: counter.
        want: the properties, a set.
        taken: things, a set.
        remote: whether it shall be hidden, if possible, on one of the first things of the order.
        sketch: the order of things.
    """
    turn = pick(world.key, at, np.int64(NUM_THINGS // 2 if remote else NUM_THINGS))
    for strict in range(2):
        for step in range(NUM_THINGS):
            place = (turn + step) % (NUM_THINGS // 2) if remote and step < NUM_THINGS // 2 else step
            if not remote:
                place = (turn + step) % NUM_THINGS
            thing = np.int64(sketch[ORDER + place])
            if (taken >> thing) & 1:
                continue
            for offset in range(NUM_LEVELS):
                level = NUM_LEVELS - 1 - offset if remote else (turn + offset) % NUM_LEVELS
                aspect = thing * NUM_LEVELS + level
                hidden = (world.hidden >> aspect) & 1 == 1
                has = world.aspects[aspect]
                if (world.given >> aspect) & 1 or (strict == 0 and hidden != remote):
                    continue
                if has == 0 or has == want:
                    return aspect
                both = has | want
                if strict == 1 and number_of(np.int64(both)) <= MAX_SLOTS and not holds_a_way(world, both):
                    return aspect
    return np.int64(-1)


@part
def plant(world: Any, c: Any, idea: Any, remoteness: Any, sketch: Any) -> Any:
    """Deal what an idea needs to aspects of different things; returns whether there was room."""
    key = world.key
    at = c + _COVER + 100 * idea
    count = 0
    for number in range(NUM_PROPERTIES):
        if (sketch[NEED + idea] >> number) & 1:
            other = pick(key, at + number, np.int64(count + 1))
            sketch[DEALT + count] = sketch[DEALT + other]
            sketch[DEALT + other] = number
            count += 1
    if count == 0:
        return False
    half = (count + 1) // 2
    parts = min(MAX_PARTS, count, max(half, 2, half + stochastic_round(key, at + 20, 0.5 * (count - half))))
    for i in range(count):
        want = np.int64(1) << sketch[DEALT + i]
        place = i
        if i >= parts:  # with one of the parts, the first from a random one on that it makes no way with
            place = -1
            turn = pick(key, at + 30 + i, np.int64(parts))
            for step in range(parts):
                other = (turn + step) % parts
                both = np.int64(want | sketch[WANT + other])
                if place < 0 and number_of(both) <= MAX_SLOTS - 1 and not holds_a_way(world, both):
                    place = other
                    want = both
            if place < 0:
                return False
        sketch[WANT + place] = want
    taken = np.int64(0)
    for thing in range(NUM_THINGS):
        if world.given & aspects_of(thing) != 0:
            taken |= np.int64(1) << thing
    world.planted[idea] = 0
    for i in range(parts):
        want = np.int64(sketch[WANT + i])
        remote = uniform(key, at + 40 + i) < 0.9 * remoteness
        others = taken
        if world.focus >= 0:
            bit = np.int64(1) << world.focus
            others = ~bit if i == 0 else taken | bit
        aspect = place_part(world, at + 50 + i, want, others, remote, sketch)
        if aspect < 0:
            return False
        world.aspects[aspect] |= want
        world.planted[idea] |= np.int64(1) << aspect
        taken |= np.int64(1) << (aspect // NUM_LEVELS)
    return True


@part
def joins_none(sketch: Any, pair: Any) -> Any:
    """Whether no planted artifact has all properties of a set."""
    good = True
    for idea in range(MAX_IDEAS):
        good &= sketch[TAKEN + idea] & pair != pair
    return good


@part
def fill_aspects(world: Any, c: Any, remoteness: Any, sketch: Any) -> None:
    """Properties of the other aspects: what a planted idea needs or a familiar way, and mostly one more.

    The one more is such that it can be barred: no planted artifact has both.
    """
    key = world.key
    for aspect in range(NUM_ASPECTS):
        at = c + _FILL + 20 * aspect
        if world.aspects[aspect] != 0:
            continue
        hidden = (world.hidden >> aspect) & 1 == 1
        own = np.int64(sketch[NEED + pick(key, at, np.int64(MAX_IDEAS))])
        if uniform(key, at + 1) >= (TWINS if hidden else TWINS * (1 - remoteness)):
            effect = pick(key, at + 2, np.int64(world.num_effects))
            rank = pick(key, at + 3, np.int64(NUM_WAYS)) // (1 if hidden else NUM_LEVELS)
            own = np.int64(world.ways[effect * NUM_WAYS + rank])
        own = random_property(world, at + 4, own)
        if uniform(key, at + 5) < PAIRS:
            for draw in range(4):
                pair = own | np.int64(1) << pick(key, at + 6 + draw, np.int64(NUM_PROPERTIES))
                if joins_none(sketch, pair) and not holds_a_way(world, pair):
                    own = pair
                    break
        world.aspects[aspect] = own


@part
def constrain(world: Any, c: Any, constraints: Any, sketch: Any) -> None:
    """Prohibitions and clashes that no planted artifact meets, and that bar other aspects.

    The most familiar way of an effect is never barred: it tempts.
    """
    key = world.key
    free = np.int64((1 << NUM_PROPERTIES) - 1)
    parts = np.int64(world.given)
    for idea in range(MAX_IDEAS):
        free &= ~sketch[TAKEN + idea]
        parts |= world.planted[idea]
    for effect in range(world.num_effects):
        free &= ~world.ways[effect * NUM_WAYS]
    world.forbidden = 0
    world.num_constraints = 0
    for wish in range(stochastic_round(key, c + _BAR, MAX_FORBIDDEN * constraints)):
        if free != 0:
            barred = random_property(world, c + _BAR + 10 + wish, free)
            world.forbidden |= barred
            free ^= barred
            world.num_constraints += 1
    for pair in range(MAX_CLASHES):
        world.clashes[pair] = 0
    for wish in range(stochastic_round(key, c + _BAR + 1, MAX_CLASHES * constraints)):
        for attempt in range(24):
            at = c + _CLASH + 96 * wish + 3 * attempt
            aspect = pick(key, at, np.int64(NUM_ASPECTS))
            own = np.int64(world.aspects[aspect])
            first = random_property(world, at + 1, own)
            if attempt >= 16:  # any pair will do
                own |= np.int64(1) << pick(key, at + 2, np.int64(NUM_PROPERTIES))
            elif (parts >> aspect) & 1:
                continue
            if own == first:
                continue
            clash = first | random_property(world, at + 2, own ^ first)
            good = clash & world.forbidden == 0 and joins_none(sketch, clash)
            for effect in range(world.num_effects):
                good &= world.ways[effect * NUM_WAYS] != clash
            for other in range(MAX_CLASHES):
                good &= world.clashes[other] != clash
            if good:
                world.clashes[wish] = clash
                world.num_constraints += 1
                break


@part
def poll(world: Any, supply: Any) -> None:
    """The frozen pool: how the typical solver divides itself over the ways of each effect.

    A way's share follows its familiarity and how readily its scarcer property comes to mind.
    """
    supply[:] = 0.0
    for aspect in range(NUM_ASPECTS):
        left = np.int64(world.aspects[aspect])
        while left != 0:
            supply[lowest_of(left)] += SALIENCE[aspect % NUM_LEVELS]
            left &= left - 1
    for effect in range(world.num_effects):
        total = 0.0
        familiarity = 1.0
        most = 1e9
        for way in range(effect * NUM_WAYS, (effect + 1) * NUM_WAYS):
            need = np.int64(world.ways[way])
            least = min(supply[lowest_of(need)], supply[lowest_of(need & (need - 1))])
            share = min(FLOOR + familiarity * least, most)
            world.surprise[way] = share
            total += share
            most = LESS * share
            familiarity *= FAMILIARITY
        for way in range(effect * NUM_WAYS, (effect + 1) * NUM_WAYS):
            world.surprise[way] = -np.log2(world.surprise[way] / total)
    for way in range(world.num_effects * NUM_WAYS, ALL_WAYS):
        world.surprise[way] = 0.0


@part
def strip_ideas(world: Any, sketch: Any) -> Any:
    """Take what is idle out of planted artifacts; returns whether these work in ways of their own."""
    used = np.int64(0)
    for idea in range(MAX_IDEAS):
        idle = idle_part(world, np.int64(world.planted[idea]))
        while idle >= 0:
            world.planted[idea] &= ~(np.int64(1) << idle)
            idle = idle_part(world, np.int64(world.planted[idea]))
        if world.focus >= 0 and world.planted[idea] & aspects_of(world.focus) == 0:
            return False
        sketch[TAKEN + idea] = properties_of(world, np.int64(world.planted[idea] | world.given))
        found = idea_in(world, np.int64(sketch[TAKEN + idea]))
        if found == 0 or found & used != 0:
            return False
        used |= found
        world.planted_ideas[idea] = found
    return True


@part
def set_scale(world: Any, sketch: Any) -> Any:
    """Rank planted artifacts; returns whether they share no way and are rarer than the usual."""
    ideas, artifacts = world.planted_ideas, world.planted
    used = np.int64(0)
    for idea in range(MAX_IDEAS):  # again: only the pool says which of several uses is the rarest
        ideas[idea] = idea_in(world, np.int64(sketch[TAKEN + idea]))
        if ideas[idea] & used != 0:
            return False
        used |= ideas[idea]
    for last in range(MAX_IDEAS - 1, 0, -1):
        for i in range(last):
            if surprise_of(world, ideas[i]) < surprise_of(world, ideas[i + 1]):
                ideas[i], ideas[i + 1] = ideas[i + 1], ideas[i]
                artifacts[i], artifacts[i + 1] = artifacts[i + 1], artifacts[i]
    world.full_surprise = surprise_of(world, ideas[MAX_IDEAS - 1])
    world.least_surprise = most_ordinary(world)
    return world.full_surprise >= world.least_surprise + LEAST_RANGE


@part
def most_ordinary(world: Any) -> Any:
    """The surprise of the most ordinary idea that is not barred: the most familiar ways never are."""
    everything = np.int64((1 << NUM_PROPERTIES) - 1)
    return surprise_of(world, idea_in(world, everything))


@part
def attempt(world: Any, c: Any, difficulty: Any, sketch: Any, supply: Any) -> Any:
    """One try to make a task; returns whether it is one."""
    for aspect in range(NUM_ASPECTS):
        world.aspects[aspect] = 0
    draw_effects(world, c)
    hide_aspects(world, c, difficulty[REMOTENESS], sketch)
    base = lay_base(world, c)
    if not plan_ideas(world, c, difficulty, base, sketch):
        return False
    for idea in range(MAX_IDEAS):
        if not plant(world, c, idea, difficulty[REMOTENESS], sketch):
            return False
    if not strip_ideas(world, sketch):
        return False
    fill_aspects(world, c, difficulty[REMOTENESS], sketch)
    constrain(world, c, difficulty[CONSTRAINTS], sketch)
    poll(world, supply)
    return set_scale(world, sketch)


@part
def measure_reference(world: Any) -> None:
    """The reference solution looks at all things it needs, then joins one artifact after another."""
    parts = np.int64(0)
    world.reference_actions = 0
    for idea in range(world.num_ideas):
        parts |= world.planted[idea]
        world.reference_actions += number_of(np.int64(world.planted[idea])) + 1
    world.reference_looks = 0
    for aspect in range(NUM_ASPECTS):  # whatever is seen on the way to what is needed
        further = aspects_of(aspect // NUM_LEVELS) & ~((np.int64(1) << aspect) - 1)
        world.reference_looks += (world.hidden >> aspect) & 1 == 1 and parts & world.hidden & further != 0
    world.reference_actions += world.reference_looks
    world.step_limit = world.reference_actions + SLACK


@part_of_caller
def generate_world(world: Any, key: Any, difficulty: Any, family: Any, sketch: Any, supply: Any) -> None:
    """Make one task in place: a pure function of key, difficulty and family."""
    world.key = key
    world.family = family
    world.required = 1 + stochastic_round(key, 1 << 30, (MAX_EFFECTS - 1) * difficulty[COMBINATION] ** EASE)
    world.num_ideas = 1 + stochastic_round(key, (1 << 30) + 1, (MAX_IDEAS - 1) * difficulty[DIVERSITY])
    world.num_effects = MAX_EFFECTS if family == USES else world.required
    for number in range(ATTEMPTS):
        world.attempts = number + 1
        if attempt(world, number * _ATTEMPT, difficulty, sketch, supply):
            break
    measure_reference(world)
    begin(world)
    show_task(world)


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
    sketch = np.empty(SKETCH, np.int64)
    supply = np.empty(NUM_PROPERTIES)
    for task in range(len(rows)):
        generate_world(worlds[rows[task]], keys[task], difficulty[task], families[task], sketch, supply)
