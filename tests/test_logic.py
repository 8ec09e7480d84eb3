"""The world of premises: its rules hold, its oracle proves, nothing but reasoning is worth anything."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.stats import chi2_contingency, chisquare, spearmanr

from etude_gym import make_domain
from etude_gym.conformance.common import ask, choose_randomly, play, random_tasks, walk
from etude_gym.difficulty.bands import NUM_BANDS
from etude_gym.envs.logic import kernel
from etude_gym.envs.logic.kernel import (
    BARE,
    DISJUNCTION,
    ENTAILED,
    GROUP,
    INCONSISTENT,
    MOST_WASTE,
    NUM_LEVELS,
    NUM_STATUSES,
    PARTIAL,
    REFUTED,
    RETRACT,
    RULE,
    UNKNOWN,
    WASTE,
)
from etude_gym.measure.anchors import stratified_tasks
from etude_gym.measure.rollout import Played, begin
from etude_gym.tasks.keys import TaskBatch, task_keys

AXES = ("chain", "constraints", "context", "distractors")
DOMAIN = make_domain("EtudeLogic-v0")
FAMILIES = DOMAIN.space.families
LIKELY = 1e-4
"""Chance of a chi-squared test to fail although nothing depends on anything."""


def make_tasks(count, *, rest=None, seed=0, **pinned):
    """Tasks of all families, some axes pinned and the others at ``rest``, or uniform where that is None."""
    keys = task_keys(DOMAIN.name, "practice", seed, np.arange(count))
    difficulty = DOMAIN.space.uniform(keys, 1 << 50) if rest is None else np.full((count, len(AXES)), rest)
    for name, value in pinned.items():
        difficulty[:, AXES.index(name)] = value
    return TaskBatch(keys, difficulty, np.arange(count) % len(FAMILIES))


def moments(tasks, choose):
    """What is seen before every action."""
    return walk(DOMAIN, tasks, choose, Played.none_of(len(tasks)))


@pytest.fixture(scope="module")
def tasks():
    """Tasks from all over the difficulty space."""
    return random_tasks(DOMAIN, 20_000)


@pytest.fixture(scope="module")
def worlds(tasks):
    """These tasks before the first action."""
    return begin(DOMAIN, tasks).worlds


# --- The oracle ----------------------------------------------------------------------------------------


def check_the_oracle(tasks):
    reference = begin(DOMAIN, tasks).worlds["reference_actions"]
    played = play(DOMAIN, tasks, ask(DOMAIN))
    assert_array_equal(played.outcome["score"], 1.0)
    assert played.outcome["solved"].all()
    assert_array_equal(played.lengths, reference)
    assert not played.outcome["illegal_actions"].any()
    assert not played.outcome["wasted_actions"].any()
    assert reference.max() <= kernel.STEP_LIMIT


@pytest.mark.parametrize("corner", list(itertools.product((0.0, 1.0), repeat=4)))
def test_the_oracle_solves_every_corner_in_every_family(corner):
    check_the_oracle(make_tasks(800, **dict(zip(AXES, corner, strict=True))))


def test_the_oracle_solves_any_task_within_the_limit_in_the_actions_of_the_reference(tasks):
    check_the_oracle(tasks)


# --- What is asked -------------------------------------------------------------------------------------


def counts(*columns):
    """How often every combination of values occurs."""
    places = [np.unique(column, return_inverse=True)[1] for column in columns]
    table = np.zeros([place.max() + 1 for place in places])
    np.add.at(table, tuple(places), 1)
    return table


def number_of_query(worlds):
    """The query as a signed number from 1 on."""
    place = np.log2(worlds["query"]).astype(np.int64)
    return np.where(place < kernel.MAX_ATOMS, place + 1, kernel.MAX_ATOMS - 1 - place)


def test_all_four_statuses_are_equally_frequent(worlds):
    assert chisquare(counts(worlds["status"])).pvalue > LIKELY


@pytest.mark.parametrize("axis", AXES)
def test_the_status_is_independent_of_every_axis(axis, tasks, worlds):
    quartile = np.minimum(tasks.difficulty[:, AXES.index(axis)] * 4, 3).astype(np.int64)
    assert chi2_contingency(counts(quartile, worlds["status"])).pvalue > LIKELY


def test_the_status_is_independent_of_the_family(tasks, worlds):
    assert chi2_contingency(counts(tasks.family, worlds["status"])).pvalue > LIKELY


def test_the_query_is_any_literal_whatever_its_status(worlds):
    query = number_of_query(worlds)
    assert set(query) == {*range(1, kernel.MAX_ATOMS + 1), *range(-kernel.MAX_ATOMS, 0)}
    assert chisquare(counts(query)).pvalue > LIKELY
    for property_of_the_query in (query, abs(query), np.sign(query)):
        assert chi2_contingency(counts(property_of_the_query, worlds["status"])).pvalue > LIKELY


# --- What the axes do ----------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", AXES)
def test_an_axis_sets_its_own_property_of_the_tasks_and_no_other_does(axis, tasks, worlds):
    realized = DOMAIN.metrics(worlds, np.arange(len(worlds)))[axis]
    for i, name in enumerate(AXES):
        correlation = spearmanr(tasks.difficulty[:, i], realized).statistic
        assert correlation > 0.8 if name == axis else abs(correlation) < 0.15, (name, correlation)


def mean_scores(axis, solver, count=6000):
    """Mean scores of a scripted agent along an axis."""
    return [
        play(DOMAIN, make_tasks(count, rest=0.3, **{axis: value}), ask(DOMAIN, solver))
        .outcome["score"]
        .mean()
        for value in np.linspace(0.0, 1.0, 5)
    ]


@pytest.mark.parametrize("axis", ["chain", "context", "distractors"])
def test_an_axis_by_itself_lowers_the_score_of_the_careful_agent(axis):
    means = mean_scores(axis, "careful")
    assert (np.diff(means) < 0).all(), np.round(means, 3)


def test_the_first_two_constraints_ask_for_more_case_splits_and_longer_proofs():
    levels = [
        play(DOMAIN, make_tasks(6000, rest=0.7, constraints=value / 3), ask(DOMAIN)) for value in range(3)
    ]
    assert (np.diff([played.outcome["splits"].mean() for played in levels]) > 0).all()
    assert (np.diff([played.lengths.mean() for played in levels]) > 0).all()


# --- Chance --------------------------------------------------------------------------------------------


def always(status, level):
    """The agent that answers at once, whatever is asked."""

    def choose(worlds, masks, keys, step):
        return np.full(len(worlds), kernel.CONFIDE + level if step else kernel.ANSWER + status)

    return choose


def check_worthless(choose, per_cell):
    tasks = stratified_tasks(DOMAIN, "probe", 0, per_cell)
    score = play(DOMAIN, tasks, choose).outcome["score"].reshape(len(FAMILIES) * NUM_BANDS, per_cell)
    assert abs(score.mean(axis=1)).max() < 0.03


@pytest.mark.parametrize("level", range(NUM_LEVELS))
@pytest.mark.parametrize("status", range(NUM_STATUSES))
def test_a_constant_answer_is_worth_nothing_in_any_cell(status, level):
    check_worthless(always(status, level), per_cell=150)


def test_random_actions_are_worth_nothing_in_any_cell():
    check_worthless(choose_randomly, per_cell=1000)


# --- Worlds made by hand -------------------------------------------------------------------------------


def bit(number):
    """Place of a literal in a word, from its signed number."""
    return number - 1 if number > 0 else kernel.MAX_ATOMS - 1 - number


def word(numbers):
    """A set of literals, from their signed numbers."""
    return sum(1 << bit(number) for number in numbers)


def numbers(literals):
    """The inverse of ``word``."""
    everything = (*range(1, kernel.MAX_ATOMS + 1), *range(-1, -kernel.MAX_ATOMS - 1, -1))
    return {number for number in everything if int(literals) >> bit(number) & 1}


def rule(*conditions, then):
    """A premise: if all conditions hold, then this does."""
    return RULE, conditions, (then,)


def either(*alternatives, given=()):
    """A premise: given the conditions, one of the alternatives holds."""
    return DISJUNCTION, given, alternatives


def one_of(*members):
    """A premise: exactly one member holds."""
    return GROUP, (), members


def make_world(*premises, facts=(), query=16, proof=(), status=ENTAILED, reference_actions=40):
    """A batch of one world, before the first action."""
    worlds = np.zeros(1, dtype=kernel.WORLD)
    world = worlds[0]
    occurring = {abs(query), *map(abs, facts)}
    for i, (kind, conditions, alternatives) in enumerate(premises):
        literals = (*(-number for number in conditions), *alternatives)
        world["kind"][i] = kind
        world["conditions"][i] = word(conditions)
        world["literals"][i] = word(literals)
        world["shown"][: len(literals), i] = literals
        occurring |= set(map(abs, literals))
    world["num_premises"] = len(premises)
    world["facts"] = word(facts)
    world["query"] = word([query])
    world["atoms"] = word([*occurring, *(-atom for atom in occurring)])
    world["proof"] = sum(1 << i for i in proof)
    world["status"] = status
    world["reference_actions"] = reference_actions
    kernel.begin.py_func(worlds.view(np.recarray)[0])
    return worlds


class Episode:
    """A world made by hand, and what has been seen of it."""

    def __init__(self, *premises, **arguments):
        self.worlds = make_world(*premises, **arguments)
        self.observation = np.zeros((1, kernel.NUM_FEATURES), np.float32)
        self.masks = np.zeros((1, kernel.NUM_ACTIONS), np.int8)
        self.rewards, self.ends = np.zeros(1), np.zeros(1, dtype=np.bool_)
        DOMAIN.observe(self.worlds, np.arange(1), self.observation, self.masks)

    def __getitem__(self, column):
        return self.worlds[0][column]

    def do(self, *actions):
        """Take legal actions."""
        for action in actions:
            assert self.masks[0, action], action
            self.try_out(action)
        return self

    def try_out(self, action):
        """Take an action, legal or not."""
        active = np.ones(1, dtype=np.bool_)
        actions = np.array([action])
        DOMAIN.step(self.worlds, actions, active, self.observation, self.masks, self.rewards, self.ends)

    @property
    def known(self):
        """Literals known at the present depth."""
        return numbers(self["known"][self["depth"]])

    @property
    def legal(self):
        return set(np.flatnonzero(self.masks[0]).tolist())

    @property
    def outcome(self):
        return {name: values[0] for name, values in DOMAIN.outcome(self.worlds, np.arange(1)).items()}


def assume(number):
    return kernel.ASSUME + bit(number)


def answer(status):
    return kernel.ANSWER + status


def confide(level):
    return kernel.CONFIDE + level


ANSWERS = set(map(answer, range(NUM_STATUSES)))
LEVELS = set(map(confide, range(NUM_LEVELS)))
STAIRS = [rule(n, then=n + 1) for n in range(1, 5)]
"""A proof of 5 from 1."""


# --- What premises say ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("premise", "facts", "learned"),
    [
        (rule(1, then=2), [1], {2}),
        (rule(1, -2, then=-3), [1, -2], {-3}),
        (rule(1, then=2), [-2], {-1}),  # backward
        (rule(1, 2, then=3), [1, -3], {-2}),
        (either(1, 2, 3), [-1, -3], {2}),
        (either(1, 2, given=[3]), [-1, -2], {-3}),
        (one_of(1, -2, 3), [-2], {-1, -3}),
        (one_of(1, 2, 3, 4), [-1, -2, -4], {3}),
    ],
)
def test_a_premise_says_what_follows_from_it(premise, facts, learned):
    episode = Episode(premise, facts=facts).do(0)
    assert episode.known == {*facts, *learned}
    assert not episode["useless"]
    assert numbers(episode["applied"]) == {1}


@pytest.mark.parametrize(
    ("premise", "facts"),
    [
        (rule(1, then=2), []),
        (rule(1, 2, then=3), [1]),
        (either(1, 2), []),
        (either(1, 2, given=[3]), [3]),
        (one_of(1, 2, 3), []),
        (one_of(1, 2, 3), [-1]),
    ],
)
def test_a_premise_from_which_nothing_follows_may_be_applied_in_vain(premise, facts):
    episode = Episode(premise, STAIRS[3], facts=[*facts, 4]).do(0)
    assert episode.known == {*facts, 4}
    assert (episode["useless"], episode["steps"], episode["illegal_actions"]) == (1, 1, 0)
    assert numbers(episode["in_vain"]) == {1}
    assert not episode["applied"]
    assert 0 in episode.legal
    assert not episode.do(1)["in_vain"], "forgotten when more is known"
    assert episode["useless"] == 1


@pytest.mark.parametrize(
    ("premise", "facts"),
    [
        (rule(1, then=2), [2]),
        (rule(1, then=2), [-1]),
        (either(1, 2), [1, 2]),
        (one_of(1, 2, 3), [1, -2, -3]),
    ],
)
def test_a_satisfied_premise_may_not_be_applied(premise, facts):
    assert 0 not in Episode(premise, facts=facts).legal


@pytest.mark.parametrize(
    ("premise", "facts"),
    [
        (rule(1, then=2), [1, -2]),
        (either(1, 2), [-1, -2]),
        (one_of(1, 2), [1, 2]),
        (one_of(1, 2, 3), [1, 2]),
        (one_of(1, 2), [-1, -2]),
    ],
)
def test_a_violated_premise_is_a_contradiction_after_which_only_an_answer_is_left(premise, facts):
    episode = Episode(premise, STAIRS[3], facts=[*facts, 4]).do(0)
    assert episode["contradiction"]
    assert episode.known == {*facts, 4}
    assert episode.legal == ANSWERS


# --- Assumptions ---------------------------------------------------------------------------------------

CLASH = [rule(1, then=2), rule(1, then=-2), rule(3, then=4)]
"""1 cannot hold."""


def test_what_leads_to_a_contradiction_may_only_be_retracted_and_then_its_negation_is_known():
    episode = Episode(*CLASH, facts=[3]).do(assume(1), 0, 1)
    assert episode["contradiction"]
    assert episode.legal == {RETRACT, *ANSWERS}
    assert episode.do(RETRACT).known == {3, -1}
    assert (episode["contradiction"], episode["depth"], episode["splits"]) == (0, 0, 1)


def test_what_is_retracted_without_a_contradiction_teaches_nothing():
    episode = Episode(*CLASH, facts=[3]).do(assume(1), 0, RETRACT)
    assert episode.known == {3}
    assert episode["splits"] == 0


def test_what_is_found_under_an_assumption_is_lost_with_it():
    episode = Episode(*CLASH, facts=[3]).do(assume(1), 2)
    assert episode.known == {3, 1, 4}
    assert episode.do(RETRACT).known == {3}


def test_what_is_refuted_is_known_under_the_assumptions_before_it_only():
    episode = Episode(*CLASH).do(assume(3), assume(1), 0, 1, RETRACT)
    assert episode.known == {3, -1}
    assert episode.do(RETRACT).known == set()


def test_assumptions_nest_up_to_the_greatest_depth():
    everything = Episode(either(*range(1, 5)), either(*range(5, 9)), either(*range(9, 13)))
    for depth in range(1, kernel.MAX_DEPTH + 1):
        everything.do(assume(-depth))
        assert everything["depth"] == depth
    assert everything.known == set(range(-kernel.MAX_DEPTH, 0))
    assert everything.legal == {0, 1, 2, RETRACT, *ANSWERS}, "atoms are open, but no more may be assumed"


def test_only_atoms_that_occur_and_are_open_may_be_assumed():
    episode = Episode(*STAIRS, facts=[1], query=-5).do(0)
    assert episode.known == {1, 2}
    assert {action for action in episode.legal if kernel.ASSUME <= action < RETRACT} == {
        assume(number) for number in (3, -3, 4, -4, 5, -5)
    }


# --- Models --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("premises", "facts", "reached"),
    [
        ([rule(1, then=2)], [16], [1, 0]),
        ([rule(1, then=2)], [-16], [0, 1]),
        ([rule(1, then=2)], [], [0, 0]),  # the query is not decided
        ([rule(1, then=2)], [16, 1], [0, 0]),  # more follows
        ([rule(1, then=2)], [16, 1, -2], [0, 0]),  # violated
        ([either(1, 2)], [16], [0, 0]),  # a choice is left
        ([either(1, 2, given=[3])], [16], [0, 0]),
        ([either(1, 2, given=[3])], [16, -1], [1, 0]),  # one alternative is none
        ([either(1, 2)], [16, 1], [1, 0]),
        ([one_of(1, 2)], [16], [0, 0]),
        ([one_of(1, 2)], [16, 1, -2], [1, 0]),
    ],
)
def test_a_model_is_noted_where_nothing_follows_and_no_choice_is_left(premises, facts, reached):
    assert Episode(*premises, facts=facts)["reached"].tolist() == reached


def test_models_are_remembered_when_assumptions_are_retracted():
    episode = Episode(rule(1, then=2)).do(assume(16), RETRACT)
    assert episode["reached"].tolist() == [1, 0]
    assert episode.do(assume(-16))["reached"].tolist() == [1, 1]


# --- Answers -------------------------------------------------------------------------------------------


def test_an_answer_earns_the_score_then_its_confidence_is_asked_for_and_ends_the_episode():
    episode = Episode(*STAIRS, facts=[1], query=5, proof=range(4)).do(*range(4), answer(ENTAILED))
    assert episode.legal == LEVELS
    assert episode.rewards[0] == episode.outcome["score"] == 1.0
    assert not episode.ends[0]
    episode.do(confide(2))
    assert episode.rewards[0] == 0.0
    assert episode.ends[0]
    assert episode.outcome["score"] == 1.0


def test_confidence_does_not_change_the_score_and_brier_is_its_squared_error():
    tasks = random_tasks(DOMAIN, 2000)

    def solve_every_other_task(level):
        oracle = ask(DOMAIN)

        def choose(worlds, masks, keys, step):
            actions = oracle(worlds, masks, keys, step)
            actions[(keys % 2 == 0) & (worlds["answer"] < 0)] = answer(ENTAILED)
            return np.where(worlds["answer"] >= 0, confide(level), actions)

        return choose

    outcomes = [play(DOMAIN, tasks, solve_every_other_task(level)).outcome for level in range(NUM_LEVELS)]
    for stated, outcome in zip(kernel.CONFIDENCE, outcomes, strict=True):
        assert_array_equal(outcome["score"], outcomes[0]["score"])
        assert_array_equal(outcome["confidence"], stated)
        assert 0.5 < outcome["correct"].mean() < 0.75
        assert_array_equal(outcome["brier"], (stated - outcome["correct"]) ** 2)


def test_without_an_answer_there_is_no_confidence():
    outcome = play(DOMAIN, random_tasks(DOMAIN, 100), lambda worlds, *_: np.full(len(worlds), -1)).outcome
    assert np.isnan(outcome["confidence"]).all()
    assert np.isnan(outcome["brier"]).all()
    assert not outcome["score"].any()
    assert not outcome["correct"].any()
    assert_array_equal(outcome["illegal_actions"], kernel.STEP_LIMIT)


def test_an_answer_with_the_last_step_earns_its_score_without_confidence():
    episode = Episode(either(1, 2)).do(*[0] * (kernel.STEP_LIMIT - 1), answer(ENTAILED))
    assert episode.ends[0]
    assert np.isnan(episode.outcome["confidence"])
    assert episode.outcome["correct"]
    assert episode.outcome["score"] == episode.rewards[0] > 0


# --- The score -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("made", range(4))
def test_a_right_answer_with_a_part_of_its_proof_earns_that_share_of_partial_support(made):
    episode = Episode(*STAIRS, facts=[1], query=5, proof=range(4)).do(*range(made), answer(ENTAILED))
    assert episode.outcome["support"] == PARTIAL * made / 4
    assert episode.rewards[0] == pytest.approx(BARE + (1 - BARE) * PARTIAL * made / 4)


def test_premises_outside_the_proof_support_nothing():
    episode = Episode(*STAIRS, facts=[1], query=5, proof=[3]).do(0, 1, 2, answer(ENTAILED))
    assert episode.rewards[0] == BARE


@pytest.mark.parametrize("status", [REFUTED, UNKNOWN, INCONSISTENT])
def test_a_wrong_answer_earns_nothing_whatever_was_derived(status):
    episode = Episode(*STAIRS, facts=[1], query=5, proof=range(4)).do(*range(4), answer(status))
    assert episode.rewards[0] == 0.0


def test_a_proof_under_an_assumption_is_only_partial():
    episode = Episode(*STAIRS, query=5, proof=range(4)).do(assume(1), *range(4), answer(ENTAILED))
    assert episode.outcome["support"] == PARTIAL


def test_a_refuted_query_is_shown_by_its_negation():
    episode = Episode(*STAIRS, facts=[1], query=-5, status=REFUTED).do(*range(4), answer(REFUTED))
    assert episode.rewards[0] == 1.0


@pytest.mark.parametrize(
    ("assumed", "share"), [([], 0), ([16], 0.5), ([-16], 0.5), ([16, -16], None)], ids=str
)
def test_unknown_is_shown_by_two_models_and_partly_by_one(assumed, share):
    episode = Episode(rule(1, then=2), status=UNKNOWN)
    for number in assumed:
        episode.do(assume(number), RETRACT)
    episode.do(answer(UNKNOWN))
    assert episode.outcome["support"] == (1.0 if share is None else PARTIAL * share)


def test_inconsistent_is_shown_by_a_contradiction_without_assumptions():
    clash = {"status": INCONSISTENT, "proof": [0, 1]}
    assert Episode(*CLASH, facts=[1], **clash).do(0, 1, answer(INCONSISTENT)).rewards[0] == 1.0
    under_an_assumption = Episode(*CLASH, **clash).do(assume(1), 0, 1, answer(INCONSISTENT))
    assert under_an_assumption.outcome["support"] == PARTIAL


@pytest.mark.parametrize("extra", [-3, 0, 1, 4, 7, 8, 12])
def test_every_action_beyond_the_reference_costs_its_share_up_to_the_most(extra):
    episode = Episode(*STAIRS, facts=[1], query=5, proof=range(4), reference_actions=6 - min(extra, 0))
    for _ in range(extra):
        episode.try_out(-1)
    episode.do(*range(4), answer(ENTAILED))
    waste = min(WASTE * max(extra, 0), MOST_WASTE)
    assert episode.outcome["score"] == pytest.approx(1 - waste)
    assert episode.do(confide(0)).outcome["wasted_actions"] == max(extra, 0)


@pytest.mark.parametrize("extra", [1, 5, 9])
def test_useless_and_illegal_actions_cost_the_oracle_the_same_in_every_task(extra):
    oracle = ask(DOMAIN)

    def choose(worlds, masks, keys, step):
        return oracle(worlds, masks, keys, step) if step >= extra else np.full(len(worlds), -1)

    score = play(DOMAIN, random_tasks(DOMAIN, 3000), choose).outcome["score"]
    assert score == pytest.approx(1 - min(WASTE * extra, MOST_WASTE))


# --- Definitions, checked over whole episodes ----------------------------------------------------------


def choose_half_well(worlds, masks, keys, step):
    """A careful search half of the time, random thoughts otherwise."""
    well = (keys >> np.uint64(step % 64)) & np.uint64(1) == 1
    thoughts = masks.copy()
    thoughts[masks[:, : kernel.ANSWER].any(axis=1), kernel.ANSWER :] = 0
    search = ask(DOMAIN, "careful")
    return np.where(well, search(worlds, masks, keys, step), choose_randomly(worlds, thoughts, keys, step))


def signs(words):
    """Words as numbers: 1 for each atom that is in, -1 for one whose negation is, else 0; shape (..., 16)."""
    bits = (words[..., None] >> np.arange(32, dtype=np.uint32)) & 1
    return bits[..., :16].astype(np.int64) - bits[..., 16:]


def present(worlds, column):
    """A column of the state at the present depth."""
    return worlds[column][np.arange(len(worlds)), worlds["depth"]]


class Reading:
    """What every premise says now, read from the numbers of its literals: arrays of shape (worlds, 24)."""

    def __init__(self, worlds):
        self.kind = worlds["kind"]
        shown = worlds["shown"].astype(np.int64)
        atom, exists = np.maximum(abs(shown) - 1, 0), shown != 0
        rows = np.arange(len(worlds))[:, None, None]
        self.truth = signs(present(worlds, "known"))
        value = np.sign(shown) * self.truth[rows, atom]
        condition = np.sign(shown) * signs(worlds["conditions"])[rows, np.arange(24)[None, None], atom] < 0
        self.true = (exists & (value == 1)).sum(axis=1)
        self.false = (exists & (value == -1)).sum(axis=1)
        self.open = (exists & (value == 0)).sum(axis=1)
        self.alternatives = (exists & (value == 0) & ~condition).sum(axis=1)
        group = self.kind == GROUP
        self.satisfied = np.where(group, (self.true == 1) & (self.open == 0), self.true > 0)
        self.satisfied |= self.kind == kernel.ABSENT
        self.follows = ~self.satisfied & ((self.open <= 1) | (group & (self.true > 0)))
        self.choice = ~self.satisfied & (self.kind != RULE) & (self.alternatives > 1)
        self.query = (signs(worlds["query"]) * self.truth).sum(axis=1)


def test_models_are_reached_exactly_where_the_definition_says_and_exist():
    tasks = random_tasks(DOMAIN, 1500, seed=3)
    reached = np.zeros((len(tasks), 2), dtype=np.bool_)
    for moment in moments(tasks, choose_half_well):
        now = Reading(moment.worlds)
        settled = ~(now.follows | now.choice).any(axis=1) & (moment.worlds["contradiction"] == 0)
        reached[moment.running] |= settled[:, None] & (now.query[:, None] == [1, -1])
        assert_array_equal(moment.worlds["reached"] == 1, reached[moment.running])
        assert (moment.worlds["model"][moment.worlds["reached"] == 1] != 0).all()
    assert reached.mean() > 0.2


def test_what_is_known_without_assumptions_holds_in_every_model():
    for moment in moments(random_tasks(DOMAIN, 1500, seed=4), choose_half_well):
        models = moment.worlds["model"]
        base = moment.worlds["known"][:, :1]
        assert ((base & ~models == 0) | (models == 0)).all()


def test_the_mask_is_a_function_of_knowledge_alone():
    in_vain = 0
    for moment in moments(random_tasks(DOMAIN, 1500, seed=5), choose_half_well):
        worlds, now = moment.worlds, Reading(moment.worlds)
        answering = (worlds["answer"] < 0)[:, None]
        thinking = answering & (worlds["contradiction"] == 0)[:, None]
        occurring = (signs(worlds["atoms"] & 0xFFFF) == 1) & (now.truth == 0)
        free = occurring & thinking & (worlds["depth"] < kernel.MAX_DEPTH)[:, None]
        legal = [
            ~now.satisfied & thinking,
            free,
            free,
            (worlds["depth"] > 0)[:, None] & answering,
            np.tile(answering, NUM_STATUSES),
            np.tile(~answering, NUM_LEVELS),
        ]
        assert_array_equal(moment.masks, np.hstack(legal))
        in_vain += (moment.masks[:, : kernel.ASSUME].astype(bool) & ~now.follows).sum()
    assert in_vain > 1000


def test_an_action_is_legal_where_the_mask_says_so():
    for moment in moments(random_tasks(DOMAIN, 60, seed=6), choose_half_well):
        for action in range(-1, kernel.NUM_ACTIONS + 1):
            worlds, masks = moment.worlds.copy(), moment.masks.copy()
            rewards, ends = np.empty(len(worlds)), np.empty(len(worlds), dtype=np.bool_)
            everywhere = np.ones(len(worlds), dtype=np.bool_)
            observations = np.empty_like(moment.observations)
            DOMAIN.step(worlds, np.full(len(worlds), action), everywhere, observations, masks, rewards, ends)
            legal = moment.masks[:, action] == 1 if action in range(kernel.NUM_ACTIONS) else ~everywhere
            assert_array_equal(worlds["illegal_actions"] == moment.worlds["illegal_actions"], legal)


# --- What is seen --------------------------------------------------------------------------------------


def expected_premises(worlds, now):
    """The features of premises, in their order."""
    bits = np.arange(24, dtype=np.uint32)
    literals, query = signs(worlds["literals"]), signs(worlds["query"])
    return [
        *np.moveaxis(worlds["shown"] / 16, 1, 0),
        now.kind == RULE,
        now.kind == DISJUNCTION,
        now.kind == GROUP,
        now.satisfied,
        (literals * query[:, None]).sum(axis=2),
        (worlds["applied"][:, None] >> bits) & 1,
        (worlds["in_vain"][:, None] >> bits) & 1,
    ]


def expected_hints(worlds, now):
    """The hints of premises, in their order."""
    return [now.open / 4, now.false / 4, now.choice]


def expected_atoms(worlds, now):
    """The features of atoms, in their order."""
    active = np.arange(kernel.MAX_DEPTH + 1) <= worlds["depth"][:, None]
    assumed = np.bitwise_or.reduce(np.where(active, worlds["assumed"], 0), axis=1)
    occurs = signs(worlds["atoms"] & 0xFFFF)
    return [now.truth, occurs, signs(assumed), signs(worlds["supposed"]), signs(worlds["query"])]


def expected_globals(worlds, now):
    """The features of the whole state, in their order."""
    depth, query = worlds["depth"], signs(worlds["query"])
    return [
        *(depth == n for n in range(3)),
        depth > 2,
        worlds["contradiction"],
        *worlds["reached"].T,
        now.query,
        (signs(worlds["known"][:, 0]) * query).sum(axis=1),
        (signs(present(worlds, "assumed")) * query).sum(axis=1),
        1 - worlds["steps"] / 40,
        worlds["num_premises"] / 24,
        worlds["answer"] >= 0,
        *(worlds["answer"] == status for status in range(NUM_STATUSES)),
    ]


BLOCKS = (
    (0, 1, kernel.GLOBAL_FEATURES, expected_globals),
    (kernel.ATOMS_AT, kernel.MAX_ATOMS, kernel.ATOM_FEATURES, expected_atoms),
    (kernel.PREMISES_AT, kernel.MAX_PREMISES, kernel.PREMISE_FEATURES, expected_premises),
    (kernel.HINTS_AT, kernel.MAX_PREMISES, kernel.PREMISE_HINTS, expected_hints),
)
"""Where each set of features begins, how many items it has, what they are called and have to be."""


def check_features(observations, worlds, blocks):
    now = Reading(worlds)
    for start, items, names, expect in blocks:
        for n, (name, wanted) in enumerate(zip(names, expect(worlds, now), strict=True)):
            seen = observations[:, start + n * items : start + (n + 1) * items]
            wanted = np.asarray(wanted, dtype=np.float32).reshape(seen.shape)
            np.testing.assert_allclose(seen, wanted, atol=1e-6, err_msg=name)


def test_every_feature_is_what_its_name_says():
    seen = np.zeros(kernel.NUM_FEATURES, dtype=np.bool_)
    for moment in moments(random_tasks(DOMAIN, 500, seed=7), choose_half_well):
        check_features(moment.observations, moment.worlds, BLOCKS[:3])
        seen |= moment.observations.any(axis=0)
    for start, items, names, _ in BLOCKS[:3]:
        of_each_name = seen[start : start + items * len(names)].reshape(len(names), items)
        assert of_each_name.any(axis=1).all(), "some feature was never anything but 0"


def test_hints_are_appended_and_change_nothing_else():
    hints, tasks = make_domain("EtudeLogic-v0", observation="hints"), random_tasks(DOMAIN, 300, seed=8)
    with_hints = walk(hints, tasks, choose_half_well, Played.none_of(len(tasks)))
    for moment, plain in zip(with_hints, moments(tasks, choose_half_well), strict=True):
        assert moment.observations.shape[1] == kernel.NUM_FEATURES_WITH_HINTS
        assert_array_equal(moment.observations[:, : kernel.HINTS_AT], plain.observations)
        check_features(moment.observations, moment.worlds, BLOCKS[3:])


def test_a_small_world_as_it_is_seen():
    premises = (rule(1, -2, then=3), either(-3, 4), one_of(1, 2, 5, -6))
    episode = Episode(*premises, facts=[1, -2], query=-3).do(2, 0, assume(4))
    seen = dict(zip(kernel.GLOBAL_FEATURES, episode.observation[0], strict=False))
    assert seen["1 at depth 1"] == 1
    assert seen["1 if the query is known to be true, -1 if false"] == -1
    assert seen["the same without assumptions"] == -1
    assert seen["1 if the query was the last assumption, -1 if its negation was"] == 0
    assert seen["steps left / 40"] == pytest.approx(37 / 40)
    assert seen["premises / 24"] == pytest.approx(3 / 24)
    atoms = episode.observation[0, kernel.ATOMS_AT : kernel.PREMISES_AT].reshape(-1, kernel.MAX_ATOMS)
    assert atoms[0].tolist() == [1, -1, 1, 1, -1, 1] + [0] * 10
    assert atoms[1].tolist() == [1] * 6 + [0] * 10
    assert numbers_where(atoms[2]) == numbers_where(atoms[3]) == {4: 1}
    assert numbers_where(atoms[4]) == {3: -1}
    seen = episode.observation[0, kernel.PREMISES_AT :].reshape(-1, kernel.MAX_PREMISES)
    assert (seen[:4, :3] * 16).T.tolist() == [[-1, 2, 3, 0], [-3, 4, 0, 0], [1, 2, 5, -6]]
    assert seen[4:7, :3].tolist() == np.eye(3).tolist(), "a rule, a disjunction, a group"
    assert seen[7, :3].tolist() == [1, 1, 1], "satisfied"
    assert seen[8, :3].tolist() == [-1, 1, 0], "the query among the literals"
    assert seen[9, :3].tolist() == [1, 0, 1], "of use"


def numbers_where(values):
    """The values that are not 0, by number from 1 on."""
    return {int(i) + 1: int(values[i]) for i in np.flatnonzero(values)}


@pytest.mark.parametrize("observation", ["plain", "hints"])
def test_the_declared_layout_is_that_of_the_kernel(observation):
    domain: Any = make_domain("EtudeLogic-v0", observation=observation)
    layout = domain.layout
    assert (layout.num_globals, layout.atoms.start) == (len(kernel.GLOBAL_FEATURES), kernel.ATOMS_AT)
    assert (layout.atoms.items, layout.atoms.stop) == (kernel.MAX_ATOMS, kernel.PREMISES_AT)
    assert (layout.clauses.items, layout.clauses.start) == (kernel.MAX_PREMISES, kernel.PREMISES_AT)
    assert layout.clauses.stop == domain.observation_space.shape[0]
    assert layout.clauses.first_action == kernel.APPLY
    assert layout.clauses.stop_action == layout.atoms.first_action == kernel.ASSUME
    assert layout.atoms.stop_action == kernel.RETRACT
    assert layout.answers == (kernel.ANSWER, NUM_STATUSES)
    assert sum(layout.answers) == kernel.CONFIDE
    assert kernel.CONFIDE + len(layout.levels) == domain.action_space.n
    last = kernel.GLOBAL_FEATURES[-layout.last_globals :]
    assert [name for name in kernel.GLOBAL_FEATURES if "the answer" in name] == list(last)
    for n in range(layout.literals_per_clause):
        assert kernel.PREMISE_FEATURES[n].startswith(f"literal {n + 1}")
