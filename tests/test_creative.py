"""The world of inventions: what works, what counts, what is seen, what tasks are like."""

from __future__ import annotations

import itertools

import gymnasium as gym
import numpy as np
import pytest
from creative_agents import agents_of

from etude_gym.conformance.common import ask, choose_randomly, play
from etude_gym.environment.registration import make_domain
from etude_gym.envs.creative import concepts, generator, kernel
from etude_gym.tasks.keys import TaskBatch, task_keys
from etude_gym.tasks.observations import observation_allocator

DOMAIN = make_domain("EtudeCreative-v0")
FAMILIES = DOMAIN.space.families
CORNERS = [np.array(corner, dtype=float) for corner in itertools.product((0, 1), repeat=4)]
NUMBERS = {name: number for number, name in enumerate(concepts.PROPERTIES)}


def tasks_at(count, difficulty=None, family=None, seed=0):
    keys = task_keys(DOMAIN.name, "practice", seed, np.arange(count))
    drawn = DOMAIN.space.uniform(keys, 1 << 50) if difficulty is None else np.tile(difficulty, (count, 1))
    families = np.arange(count) % len(FAMILIES) if family is None else np.full(count, family)
    return TaskBatch(keys, drawn, families)


def made(tasks):
    worlds = DOMAIN.allocate(len(tasks))
    DOMAIN.generate(worlds, np.arange(len(tasks)), tasks)
    return worlds


def properties(*names):
    return sum(1 << NUMBERS[name] for name in names)


def step(world, *actions):
    """Rewards of actions."""
    observation, mask = np.empty(kernel.NUM_FEATURES, np.float32), np.empty(kernel.NUM_ACTIONS, np.int8)
    return [DOMAIN.step_one(world, action, observation, mask)[0] for action in actions]


def seen(world):
    observations, masks = observation_allocator(DOMAIN.observation_space, 1)(), np.empty((1, 33), np.int8)
    DOMAIN.observe(world, np.zeros(1, np.int64), observations, masks)
    return observations[0], masks[0]


@pytest.fixture
def world():
    """One need, cutting something open, that is "sharp + rigid" or "long + rough"; aspect 3 t is of thing t.

    The things are 0: sharp, 1: rigid, 2: long, 3: rough, 4: heavy, 5: sharp and heavy, 6: flat, 7: rigid.
    """
    [world] = [made(tasks_at(1, np.zeros(4), family=0))]
    world["aspects"] = 0
    first = (
        ("sharp",),
        ("rigid",),
        ("long",),
        ("rough",),
        ("heavy",),
        ("sharp", "heavy"),
        ("flat",),
        ("rigid",),
    )
    for thing, names in enumerate(first):
        world["aspects"][0, kernel.NUM_LEVELS * thing] = properties(*names)
    world["ways"] = 0
    world["ways"][0, :2] = properties("sharp", "rigid"), properties("long", "rough")
    world["ways"][0, 2:6] = 1 << 20  # ways that nothing completes
    world["surprise"][0, :6] = 1, 4, 9, 9, 9, 9
    world["least_surprise"], world["full_surprise"] = 1, 4
    world["num_effects"] = world["required"] = world["num_ideas"] = 1
    world["forbidden"] = world["given"] = world["hidden"] = world["unseen"] = 0
    world["clashes"], world["focus"], world["step_limit"] = 0, -1, 20
    return world


SHARP, RIGID, LONG, ROUGH, HEAVY, SHARP_AND_HEAVY, FLAT, ALSO_RIGID = range(0, kernel.NUM_ASPECTS, 3)


# --- What works and what counts ----------------------------------------------------------------------


def test_the_most_ordinary_idea_earns_a_fifth_and_a_rare_one_everything(world):
    again = world.copy()
    assert step(world, SHARP, RIGID, kernel.HAND_IN) == [0, 0, kernel.WORKING]
    assert step(again, LONG, ROUGH, kernel.HAND_IN) == [0, 0, 1]
    assert (bool(world["solved"][0]), bool(again["solved"][0])) == (False, True)


def test_originality_grows_in_proportion_to_surprise(world):
    world["surprise"][0, 1] = 2.5
    assert step(world, LONG, ROUGH, kernel.HAND_IN)[-1] == pytest.approx(0.2 + 0.8 * 0.5)


def test_what_lacks_half_of_a_way_or_is_empty_earns_nothing(world):
    for parts in ((), (SHARP,), (SHARP, HEAVY), (SHARP, LONG)):
        again = world.copy()
        assert step(again, *parts, kernel.HAND_IN)[-1] == 0
        assert again["over"][0]


def test_what_holds_an_idle_part_earns_nothing(world):
    assert step(world, LONG, ROUGH, FLAT, kernel.HAND_IN)[-1] == 0


def test_an_artifact_counts_as_the_most_ordinary_idea_in_it(world):
    world["aspects"][0, [ROUGH, LONG]] = properties("rough", "sharp"), properties("long", "rigid")
    assert step(world, ROUGH, LONG, kernel.HAND_IN)[-1] == pytest.approx(kernel.WORKING)


def test_what_arises_counts_but_not_what_arises_from_it(world):
    world["aspects"][0, [HEAVY, FLAT]] = properties("absorbent"), properties("hollow")
    world["ways"][0, 1] = properties("absorbent", "heavy")  # heavy arises from absorbent and hollow
    assert step(world.copy(), HEAVY, FLAT, kernel.HAND_IN)[-1] == 1
    world["ways"][0, 1] = properties("absorbent", "shiny")  # and shiny from heavy and sharp
    world["aspects"][0, FLAT] = properties("hollow", "sharp")
    assert step(world, HEAVY, FLAT, kernel.HAND_IN)[-1] == 0


def test_what_is_forbidden_or_clashes_earns_nothing_even_if_it_arises(world):
    for forbidden, clash in ((properties("long"), 0), (0, properties("long", "rough"))):
        again = world.copy()
        again["forbidden"], again["clashes"][0, 0] = forbidden, clash
        assert step(again, LONG, ROUGH, kernel.HAND_IN)[-1] == 0
    world["aspects"][0, SHARP] = properties("sharp", "heavy")
    again = world.copy()
    again["forbidden"] = properties("shiny")  # arises from heavy and sharp
    assert step(again, SHARP, RIGID, kernel.HAND_IN)[-1] == 0
    assert step(world, SHARP, RIGID, kernel.HAND_IN)[-1] > 0


def test_a_way_counts_once(world):
    world["num_ideas"] = 3
    rewards = step(world, LONG, ROUGH, 32, LONG, ROUGH, 32, SHARP, RIGID, 32)
    assert rewards == pytest.approx([0, 0, 1 / 3, 0, 0, 0, 0, 0, 0.2 / 3])
    assert (world["ideas"][0], world["handed_in"][0], world["over"][0]) == (2, 3, True)


def test_one_thing_has_to_be_used_where_the_family_says_so(world):
    world["focus"] = 7
    assert step(world.copy(), SHARP, RIGID, kernel.HAND_IN)[-1] == 0
    assert step(world, SHARP, ALSO_RIGID, kernel.HAND_IN)[-1] == kernel.WORKING


def test_what_is_given_is_part_of_every_artifact_and_may_be_idle(world):
    world["given"] = 1 << SHARP | 1 << FLAT
    assert step(world.copy(), RIGID, kernel.HAND_IN)[-1] == kernel.WORKING
    assert step(world, LONG, ROUGH, kernel.HAND_IN)[-1] == 1


def test_any_of_the_listed_effects_will_do_if_fewer_are_required(world):
    world["num_effects"] = 2
    world["ways"][0, 6:12] = 1 << 20
    world["ways"][0, 6] = properties("heavy", "flat")
    world["surprise"][0, 6:12] = 2.5
    assert step(world, HEAVY, FLAT, kernel.HAND_IN)[-1] == pytest.approx(0.2 + 0.8 * 0.5)


# --- What is legal and what is seen ------------------------------------------------------------------


def test_an_artifact_has_one_aspect_of_each_thing_and_none_that_is_hidden(world):
    world["aspects"][0, 1] = properties("rough")
    world["unseen"] = 0b110 << RIGID
    mask = seen(world)[1]
    assert mask[SHARP + 1]
    assert mask[RIGID]
    assert not mask[RIGID + 1]
    assert mask[kernel.LOOK : kernel.HAND_IN].tolist() == [0, 1, 0, 0, 0, 0, 0, 0]
    step(world, SHARP)
    mask = seen(world)[1]
    assert not mask[SHARP : SHARP + 3].any()
    assert mask[RIGID]


def test_a_look_shows_the_next_aspect_of_a_thing_and_no_more():
    world = made(tasks_at(1, np.array([1.0, 0, 0, 0]), family=0))
    numbers = np.arange(kernel.MAX_SLOTS) * kernel.NUM_ASPECTS + kernel.ASPECTS_AT
    thing = 2
    for level in (1, 2):
        aspect = thing * kernel.NUM_LEVELS + level
        names = [name for name in concepts.PROPERTIES if world["aspects"][0, aspect] >> NUMBERS[name] & 1]
        kinds = [
            list(concepts.KINDS).index(kind)
            for n in names
            for kind in concepts.KINDS
            if n in concepts.KINDS[kind]
        ]
        hidden = [-(kind + 1) / 4 for kind in kinds]
        shown = [(NUMBERS[name] + 1) / 16 for name in names]
        rest = [0.0] * (kernel.MAX_SLOTS - len(names))
        assert seen(world)[0][numbers + aspect].tolist() == hidden + rest
        assert not seen(world)[1][aspect]
        step(world, kernel.LOOK + thing)
        assert seen(world)[0][numbers + aspect].tolist() == shown + rest
        assert seen(world)[1][aspect]
    assert not seen(world)[1][kernel.LOOK + thing]


def test_the_observation_tells_neither_what_is_planted_nor_what_is_missing(world):
    before = seen(world)[0]
    world["planted"] = 0
    world["planted_ideas"] = 0
    world["reference_actions"] = 99
    assert (seen(world)[0] == before).all()


def test_the_observation_follows_joining_and_handing_in():
    world = made(tasks_at(1, np.array([0, 1.0, 0, 1.0]), family=0))
    flags = kernel.ASPECTS_AT + kernel.MAX_SLOTS * kernel.NUM_ASPECTS
    present = kernel.PROPERTIES_AT + kernel.NUM_PROPERTIES
    used = kernel.WAYS_AT + 3 * kernel.ALL_WAYS
    parts = [aspect for aspect in range(kernel.NUM_ASPECTS) if world["planted"][0, 0] >> aspect & 1]
    step(world, *parts)
    observation = seen(world)[0]
    assert np.flatnonzero(observation[flags : flags + kernel.NUM_ASPECTS]).tolist() == parts
    own = int(np.bitwise_or.reduce(world["aspects"][0, parts]))
    told = sum(1 << int(n) for n in np.flatnonzero(observation[present : present + 16]))
    arisen = {name for name, (a, b) in concepts.ARISING.items() if own & properties(a, b) == properties(a, b)}
    assert told == own | properties(*arisen - {n for n in concepts.PROPERTIES if own >> NUMBERS[n] & 1})
    step(world, kernel.HAND_IN)
    observation = seen(world)[0]
    assert not observation[flags : flags + kernel.NUM_ASPECTS].any()
    counted = sum(1 << int(way) for way in np.flatnonzero(observation[used : used + kernel.ALL_WAYS]))
    assert counted == world["planted_ideas"][0, 0] == world["used_ways"][0]


# --- Tasks -------------------------------------------------------------------------------------------


def test_the_concept_base_is_sound():
    assert set(concepts.ARISING) == set(concepts.PROPERTIES) == set(sum(concepts.KINDS.values(), ()))
    for name, halves in concepts.ARISING.items():
        assert len({name, *halves} & set(concepts.PROPERTIES)) == 3
    assert len({frozenset(halves) for halves in concepts.ARISING.values()}) == len(concepts.ARISING)
    for ways in concepts.EFFECTS.values():
        assert len({frozenset(way) for way in ways}) == kernel.NUM_WAYS
        assert all(len(set(way) & set(concepts.PROPERTIES)) == 2 for way in ways)


@pytest.mark.parametrize("family", range(3))
def test_tasks_keep_what_the_card_promises(family):
    worlds = made(tasks_at(600, family=family))
    effects = np.arange(kernel.ALL_WAYS) // kernel.NUM_WAYS
    for world in worlds:
        ways = world["ways"][effects < world["num_effects"]]
        for own in world["aspects"]:
            assert 1 <= int(own).bit_count() <= kernel.MAX_SLOTS
            assert not any(own & way == way for way in ways)
        surprise = world["surprise"][: len(ways)].reshape(-1, kernel.NUM_WAYS)
        assert (np.diff(surprise, axis=1) > 0).all()
        assert (2.0**-surprise).sum(axis=1) == pytest.approx(1.0)
        usual = ways[:: kernel.NUM_WAYS]
        assert not any(way & world["forbidden"] for way in usual)
        assert not set(usual.tolist()) & set(world["clashes"].tolist())
        ideas = world["planted_ideas"].tolist()
        assert all(int(idea).bit_count() == world["required"] for idea in ideas)
        assert all(first & second == 0 for first, second in itertools.combinations(ideas, 2))
        assert world["full_surprise"] >= world["least_surprise"] + generator.LEAST_RANGE
    assert (worlds["focus"] >= 0).all() == (FAMILIES[family] == "uses")
    assert (worlds["given"] != 0).all() == (FAMILIES[family] == "repair")


def test_the_generator_hardly_ever_needs_many_attempts():
    for family in range(3):
        for corner in CORNERS:
            attempts = made(tasks_at(300, corner, family))["attempts"]
            assert attempts.max() < generator.ATTEMPTS // 2


def test_metrics_follow_their_own_axis_and_no_other():
    tasks = tasks_at(6000)
    metrics = DOMAIN.metrics(made(tasks), np.arange(6000))
    for i, name in enumerate(DOMAIN.space.names):
        correlations = [abs(np.corrcoef(metrics[name], tasks.difficulty[:, axis])[0, 1]) for axis in range(4)]
        own = correlations.pop(i)
        assert own > 0.8, name
        assert max(correlations) < 0.15, name


@pytest.mark.parametrize("corner", CORNERS, ids=lambda corner: "".join(f"{value:.0f}" for value in corner))
def test_in_every_corner_the_reference_solution_earns_everything_and_chance_nothing(corner):
    for family in range(3):
        tasks = tasks_at(200, corner, family)
        outcome = play(DOMAIN, tasks, ask(DOMAIN)).outcome
        assert (outcome["score"] == 1.0).all()
        assert outcome["solved"].all()
        scores = play(DOMAIN, tasks, choose_randomly).outcome["score"]
        assert scores.mean() - 2 * scores.std() / np.sqrt(len(scores)) < 0.04


def test_simple_agents_score_little():
    tasks = tasks_at(6000)
    means = {
        name: play(DOMAIN, tasks, agent).outcome["score"].mean() for name, agent in agents_of(DOMAIN).items()
    }
    print({name: round(float(mean), 3) for name, mean in means.items()})
    assert means.pop("first idea repeated") < 0.5  # the mean of 1 / ideas wanted
    assert max(means.values()) < 0.25


def test_repeating_an_idea_earns_one_share_of_the_score():
    tasks = tasks_at(600)
    wanted = made(tasks)["num_ideas"]
    score = play(DOMAIN, tasks, agents_of(DOMAIN)["first idea repeated"]).outcome["score"]
    assert score == pytest.approx(1 / wanted)


def illegal(env):
    """An action that is illegal now."""
    return int(env.action_masks().argmin())


def test_an_illegal_action_costs_a_step_and_the_episode_ends_at_its_limit():
    env = gym.make("EtudeCreative-v0", practice="uniform").unwrapped
    env.reset(seed=0)
    over, steps = False, 0
    while not over:
        _, reward, over, _, info = env.step(illegal(env))
        steps += 1
        assert reward == 0
    assert steps == env.worlds[0]["reference_actions"] + generator.SLACK == info["illegal_actions"]
