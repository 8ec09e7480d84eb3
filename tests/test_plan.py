"""The crafting and delivery world: its rules hold, its oracle solves, each axis makes it harder by itself."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.stats import spearmanr

from etude_gym import make_domain, randomness
from etude_gym.conformance.common import ask, choose_randomly, choose_wildly, play, random_tasks
from etude_gym.envs.plan import generator, kernel
from etude_gym.measure.rollout import begin
from etude_gym.tasks import kernels
from etude_gym.tasks.keys import TaskBatch, task_keys

AXES = ("horizon", "resources", "contingency", "decomposition")
DOMAIN = make_domain("EtudePlan-v0")
POINTS = np.linspace(0.0, 1.0, 6)
EVENT_COLUMNS = {
    "num_events",
    "event_kind",
    "event_after",
    "reference_time",
    "reference_actions",
    "time_limit",
}
"""All that may differ between tasks that differ in contingency only."""


def make_tasks(count, *, rest=None, seed=0, **pinned):
    """Tasks with some axes pinned and the others at ``rest``, or uniform where that is None."""
    keys = task_keys(DOMAIN.name, "practice", seed, np.arange(count))
    difficulty = DOMAIN.space.uniform(keys, 1 << 50) if rest is None else np.full((count, len(AXES)), rest)
    for name, value in pinned.items():
        difficulty[:, AXES.index(name)] = value
    return TaskBatch(keys, difficulty, np.zeros(count, dtype=np.int64))


def make_worlds(tasks):
    return begin(DOMAIN, tasks).worlds


def steps(tasks, choose):
    """Play every task; yields all worlds and which episodes go on, after every step."""
    moment = begin(DOMAIN, tasks)
    rewards, ends = np.empty(len(tasks)), np.empty(len(tasks), dtype=np.bool_)
    active = np.ones(len(tasks), dtype=np.bool_)
    for step in itertools.count():
        actions = choose(moment.worlds, moment.masks, tasks.keys, step)
        DOMAIN.step(moment.worlds, actions, active, moment.observations, moment.masks, rewards, ends)
        active = active & ~ends
        yield moment.worlds, active
        if not active.any():
            return


def play_to_the_end(tasks, choose):
    """The worlds of all tasks after their last step."""
    *_, (worlds, _) = steps(tasks, choose)
    return worlds


def score(worlds):
    return DOMAIN.outcome(worlds, np.arange(len(worlds)))["score"]


@pytest.fixture(scope="module")
def worlds():
    """Fresh worlds from all over the difficulty space."""
    return make_worlds(random_tasks(DOMAIN, 5000))


# --- The oracle ----------------------------------------------------------------------------------------


def test_the_oracle_step_by_step_is_the_run_that_set_the_limits():
    worlds = play_to_the_end(random_tasks(DOMAIN, 5000), ask(DOMAIN))
    assert_array_equal(worlds["time"], worlds["reference_time"])
    assert_array_equal(worlds["actions"], worlds["reference_actions"])
    assert not worlds["illegal_actions"].any()


@pytest.mark.parametrize("corner", list(itertools.product((0.0, 1.0), repeat=4)))
def test_the_oracle_solves_every_corner(corner):
    tasks = make_tasks(500, **dict(zip(AXES, corner, strict=True)))
    assert_array_equal(play(DOMAIN, tasks, ask(DOMAIN)).outcome["score"], 1.0)


# --- What the axes do ----------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", AXES)
def test_each_axis_by_itself_lowers_the_score_of_the_greedy_agent(axis):
    means = [
        play(DOMAIN, make_tasks(6000, rest=0.3, **{axis: value}), ask(DOMAIN, "greedy"))
        .outcome["score"]
        .mean()
        for value in POINTS
    ]
    assert (np.diff(means) < 0).all(), np.round(means, 3)


@pytest.mark.parametrize("axis", AXES)
def test_guessing_is_worth_little_at_any_value_of_any_axis(axis):
    for value in POINTS:
        guessed = play(DOMAIN, make_tasks(2000, rest=0.3, **{axis: value}), choose_randomly).outcome["score"]
        assert guessed.mean() < 0.06


@pytest.mark.parametrize(
    ("axis", "metric"),
    [("horizon", "work"), ("horizon", "places"), ("contingency", "events"), ("decomposition", "depth")],
)
def test_an_axis_sets_its_own_property_of_the_tasks_and_no_other_does(axis, metric):
    tasks = make_tasks(5000)
    realized = DOMAIN.metrics(make_worlds(tasks), np.arange(5000))[metric]
    for i, name in enumerate(AXES):
        correlation = spearmanr(tasks.difficulty[:, i], realized).statistic
        assert correlation > 0.8 if name == axis else abs(correlation) < 0.15, name


def test_the_shortest_and_the_longest_horizon_are_as_the_card_says():
    short = DOMAIN.metrics(make_worlds(make_tasks(1000, horizon=0.0)), np.arange(1000))
    long = DOMAIN.metrics(make_worlds(make_tasks(1000, horizon=1.0, decomposition=0.0)), np.arange(1000))
    assert short["work"].max() == generator.MIN_WORK
    assert set(short["places"]) == {3}
    assert set(long["work"]) == {generator.MAX_WORK}
    assert set(long["places"]) == {kernel.MAX_PLACES}


def test_goals_are_as_deep_as_decomposition_says_where_there_is_work_enough():
    for depth in range(4):
        tasks = make_tasks(1000, decomposition=depth / 3)
        tasks.difficulty[:, 0] = np.maximum(tasks.difficulty[:, 0], 0.12)
        assert set(DOMAIN.metrics(make_worlds(tasks), np.arange(1000))["depth"]) == {depth}


# --- Chance events -------------------------------------------------------------------------------------


def test_contingency_adds_events_and_time_and_leaves_the_rest_of_the_task_alone():
    calm, rough = (
        make_worlds(make_tasks(2000, contingency=0.0)),
        make_worlds(make_tasks(2000, contingency=1.0)),
    )
    for name in calm.dtype.names:
        if name not in EVENT_COLUMNS:
            assert_array_equal(calm[name], rough[name], err_msg=name)
    assert not calm["num_events"].any()
    assert set(rough["num_events"]) == {kernel.MAX_EVENTS}


def test_replaying_the_plan_of_the_calm_world_blindly_falls_far_behind_the_oracle_that_reacts():
    calm, rough = make_tasks(5000, contingency=0.0), make_tasks(5000, contingency=1.0)
    solve, plan = DOMAIN.solvers()["oracle"], []

    def record(worlds, masks, keys, step):
        plan.append(solve(worlds))
        return plan[-1]

    def replay(worlds, masks, keys, step):
        return plan[step] if step < len(plan) else np.full(len(worlds), -1)

    assert_array_equal(score(play_to_the_end(calm, record)), 1.0)
    blind, oracle = score(play_to_the_end(rough, replay)), score(play_to_the_end(rough, ask(DOMAIN)))
    assert oracle.mean() - blind.mean() > 0.3


def test_every_kind_of_event_strikes():
    kinds = set()
    for worlds, _ in steps(make_tasks(500, contingency=1.0), ask(DOMAIN)):
        kinds |= set(worlds["last_event"].tolist())
    assert kinds == {-1, kernel.DEPLETION, kernel.BREAKAGE, kernel.LEAK}


def test_a_raw_item_is_found_somewhere_whatever_runs_dry():
    worlds = play_to_the_end(make_tasks(5000, contingency=1.0), ask(DOMAIN))
    assert (worlds["source"] == kernel.NOWHERE).any()
    assert (worlds["source"] != kernel.NOWHERE).any(axis=2).all()


# --- The world -----------------------------------------------------------------------------------------


def test_distances_are_the_shortest_paths_of_a_connected_map(worlds):
    road, places = worlds["road"].astype(np.int64), worlds["num_places"]
    exists = np.arange(kernel.MAX_PLACES) < places[:, None]
    shortest = np.where(road > 0, road, 10_000)
    shortest[:, range(kernel.MAX_PLACES), range(kernel.MAX_PLACES)] = 0
    for via in range(kernel.MAX_PLACES):
        shortest = np.minimum(shortest, shortest[:, :, via, None] + shortest[:, None, via, :])
    distance = worlds["distance"][:, :, : kernel.MAX_PLACES]
    both = exists[:, :, None] & exists[:, None, :]
    assert_array_equal(distance[both], shortest[both])
    assert (distance[both] < kernel.FAR).all()
    assert not road[~both].any()


def test_fuel_is_as_far_as_the_nearest_place_that_has_it(worlds):
    exists = np.arange(kernel.MAX_PLACES) < worlds["num_places"][:, None]
    distance = worlds["distance"][:, :, : kernel.MAX_PLACES].astype(np.int64)
    nearest = np.where(worlds["fuel"][:, None, :] == 1, distance, 10_000).min(axis=2)
    assert_array_equal(worlds["fuel_distance"][exists], nearest[exists])
    assert worlds["fuel"][:, kernel.DEPOT].all()
    assert not worlds["fuel"][~exists].any()


def test_any_place_can_be_reached_with_full_energy_and_then_fuel(worlds):
    exists = np.arange(kernel.MAX_PLACES) < worlds["num_places"][:, None]
    distance = worlds["distance"][:, :, : kernel.MAX_PLACES].astype(np.int64)
    need = distance + worlds["fuel_distance"][:, None, :]
    from_fuel_to_any_place = (worlds["fuel"] == 1)[:, :, None] & exists[:, None, :]
    assert (np.where(from_fuel_to_any_place, need, 0) <= worlds["energy_capacity"][:, None, None]).all()


def test_work_and_raw_units_add_up_through_the_recipes(worlds):
    zero = np.zeros((len(worlds), 1), dtype=np.int64)
    work = np.hstack([worlds["work"], zero]).astype(np.int64)
    raw_units = np.hstack([worlds["raw_units"], zero]).astype(np.int64)
    rows = np.arange(len(worlds))
    for recipe in range(kernel.NUM_CRAFTED):
        ingredient, amount = worlds["ingredient"][:, recipe], worlds["amount"][:, recipe]
        for total, own in ((work, 1), (raw_units, 0)):
            parts = sum(total[rows, ingredient[:, slot]] * amount[:, slot] for slot in range(2))
            assert_array_equal(total[:, kernel.NUM_RAW + recipe], own + parts)
    assert_array_equal((worlds["goal"] * worlds["work"].astype(np.int64)).sum(axis=1), worlds["total_work"])


@pytest.mark.parametrize("choose", [choose_wildly, ask(DOMAIN, "greedy"), ask(DOMAIN)])
def test_nothing_is_ever_overdrawn(choose):
    tasks = random_tasks(DOMAIN, 2000, seed=5)
    earned = np.zeros(len(tasks))
    for worlds, _ in steps(tasks, choose):
        stock = worlds["stock"].astype(np.int64)
        assert (stock >= 0).all()
        assert not stock[:, kernel.NOTHING].any()
        assert_array_equal(stock.sum(axis=1), worlds["load"])
        assert (worlds["load"] <= worlds["capacity"]).all()
        assert ((worlds["energy"] >= 0) & (worlds["energy"] <= worlds["energy_capacity"])).all()
        assert (worlds["time"] <= worlds["time_limit"]).all()
        assert (worlds["place"] < worlds["num_places"]).all()
        assert (worlds["delivered"] <= worlds["goal"]).all()
        delivered = (worlds["delivered"] * worlds["work"].astype(np.int64)).sum(axis=1)
        assert_array_equal(delivered, worlds["delivered_work"])
        assert (score(worlds) >= earned).all()
        earned = score(worlds)


def test_an_illegal_action_changes_the_time_and_the_counts_only():
    tasks = random_tasks(DOMAIN, 2000, seed=6)
    for step, (worlds, active) in enumerate(steps(tasks, choose_randomly)):
        if step in (0, 3, 10, 30):
            before, after = worlds[active].copy(), worlds[active].copy()
            observations = np.empty((len(after), kernel.NUM_FEATURES), np.float32)
            masks = np.empty((len(after), kernel.NUM_ACTIONS), np.int8)
            rewards, ends = np.empty(len(after)), np.empty(len(after), dtype=np.bool_)
            everywhere = np.ones(len(after), dtype=np.bool_)
            DOMAIN.step(after, np.full(len(after), -1), everywhere, observations, masks, rewards, ends)
            for name in after.dtype.names:
                if name not in ("time", "actions", "illegal_actions", "last_event", "over"):
                    assert_array_equal(before[name], after[name], err_msg=name)
            assert_array_equal(after["time"], before["time"] + 1)


def test_the_raw_variant_shows_the_compact_features_and_the_tables_of_the_world():
    raw, tasks = make_domain("EtudePlan-v0", observation="raw"), random_tasks(DOMAIN, 100)
    compact, moment = begin(DOMAIN, tasks), begin(raw, tasks)
    assert_array_equal(moment.observations["features"], compact.observations)
    for name, table in moment.observations.items():
        if name != "features":
            assert_array_equal(table, compact.worlds[name], err_msg=name)


# --- Randomness in kernels -----------------------------------------------------------------------------

KEYS = randomness.mix(11, np.arange(200))


def test_scalar_randomness_of_kernels_is_that_of_numpy():
    for counter in (0, 1, 57, 613, 2**40):
        drawn = [kernels.uniform(key, counter) for key in KEYS]
        assert_array_equal(drawn, randomness.uniform(KEYS, counter))
        below = [kernels.below(key, counter, 7) for key in KEYS]
        assert_array_equal(below, (randomness.uniform(KEYS, counter) * 7).astype(np.int64))


def test_stochastic_rounding_keeps_the_expectation():
    keys = randomness.mix(12, np.arange(20_000))
    rounded = np.array([kernels.stochastic_round(key, 3, 2.3) for key in keys])
    assert set(rounded) == {2, 3}
    assert rounded.mean() == pytest.approx(2.3, abs=0.02)


def test_masked_sampling_draws_legal_actions_evenly():
    keys = randomness.mix(13, np.arange(30_000))
    masks = np.tile(np.array([0, 1, 0, 1, 1], dtype=np.int8), (len(keys), 1))
    masks[0] = 0
    actions = np.empty(len(keys), dtype=np.int64)
    kernels.sample_masked(masks, keys, 4, actions)
    assert actions[0] == 0
    counts = np.bincount(actions[1:], minlength=5)
    assert_array_equal(counts > 0, [False, True, False, True, True])
    assert counts[[1, 3, 4]] / counts.sum() == pytest.approx(1 / 3, abs=0.02)
