"""EtudeCode-v0: its two interfaces grade alike, rewards add up to scores, and every state can be shown."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from code_worlds import (
    DEBUG,
    DOMAIN,
    REFACTOR,
    SYNTHESIZE,
    Table,
    make_empty_worlds,
    make_worlds,
    of_category,
    play_half_well,
    play_randomly,
    reference_of,
    source_of,
)

from etude_gym.conformance.common import choose_randomly, random_tasks, walk
from etude_gym.envs.code import limits
from etude_gym.envs.code.actions import EXTRACT, MERGE, MODULE, MOVE, NUM_ACTIONS, POINT, SUBMIT
from etude_gym.envs.code.facts import exercise_of
from etude_gym.envs.code.grader import grade
from etude_gym.envs.code.language.grammar import INT, LIST, NUMBER_OF
from etude_gym.envs.code.language.printing import render_program
from etude_gym.envs.code.packages.printing import package_files
from etude_gym.envs.code.submissions.runner import MontyRunner, Outcome
from etude_gym.envs.code.terminal_view import action_name, describe_state
from etude_gym.measure.rollout import Played
from etude_gym.wrappers import TextFront

FAMILIES = DOMAIN.space.families
RETURN = NUMBER_OF["RETURN"]
in_every_family = pytest.mark.parametrize("family", range(3), ids=FAMILIES)


def blocks(files):
    """Files as a reply submits them."""
    return "\n".join(f"```python {path}\n{source}\n```" for path, source in files.items())


def solution_of(world):
    """The files that a task was made from."""
    if world["family"] == REFACTOR:
        return package_files(world["clean"], int(world["key"]))
    return {"solve.py": render_program(reference_of(world), int(world["return_category"]))}


def text_env(family, seed=0, **arguments):
    """The text interface at the beginning of a task."""
    env = TextFront(gym.make("EtudeCode-v0", practice="uniform", family=FAMILIES[family], **arguments))
    env.reset(seed=seed)
    return env


def submit(world, source):
    """What the domain makes of a reply to a task; returns the world and the verdict."""
    worlds = world.reshape(1).copy()
    reply = DOMAIN.parse(worlds, 0, f"My answer:\n\n{blocks({'solve.py': source})}")
    assert reply.status == "ok"
    verdict = DOMAIN.submit(worlds, 0, reply.submission)
    return worlds[0], verdict


# --- One grader, two interfaces ------------------------------------------------------------------------


@pytest.mark.parametrize("family", [SYNTHESIZE, DEBUG])
@pytest.mark.parametrize("play", [play_randomly, play_half_well])
def test_a_program_earns_the_same_by_actions_and_as_text(family, play):
    starts = make_worlds(120, family, seed=2)
    scores = []
    for start, end in zip(starts, play(starts, seed=1), strict=True):
        world, verdict = submit(start, source_of(end))
        assert verdict.graded
        assert world["score"] == end["score"]
        assert world["solved"] == end["solved"]
        assert world["pass_rate"] == end["pass_rate"]
        assert verdict.status == ("ok" if end["solved"] else "wrong")
        scores.append(end["score"])
    if play is play_half_well:
        assert len(set(scores)) > 6  # neither all nothing nor all solved


@in_every_family
def test_the_reference_as_text_scores_exactly_one(family):
    for seed in range(25):
        env = text_env(family, seed)
        files = solution_of(env.unwrapped.worlds[0])
        _, reward, terminated, truncated, info = env.step(blocks(files))
        assert (reward, terminated, truncated) == (1.0, True, False)
        assert (info["status"], info["score"], info["solved"]) == ("ok", 1.0, True)


def test_a_package_rebuilt_by_actions_earns_the_same_as_text():
    starts = make_worlds(40, REFACTOR, seed=2)
    for play in (play_randomly, play_half_well):
        for start, end in zip(starts, play(starts, seed=1), strict=True):
            files = package_files(end["present"], int(end["key"]))
            result = grade(exercise_of(start), files, MontyRunner())
            assert result.score == pytest.approx(end["score"], abs=1e-12)


def test_what_is_given_earns_nothing_as_text():
    for family in (DEBUG, REFACTOR):
        for seed in range(10):
            env = text_env(family, seed)
            _, reward, terminated, _, info = env.step(blocks(exercise_of(env.unwrapped.worlds[0]).files))
            assert (reward, terminated, info["solved"]) == (0.0, True, family == REFACTOR)
            assert (info["pass_rate"] == 1.0) if family == REFACTOR else (0.0 < info["pass_rate"] < 1.0)


# --- Rewards -------------------------------------------------------------------------------------------


@in_every_family
def test_rewards_add_up_to_the_score(family):
    oracle = DOMAIN.solvers()["oracle"]
    random = np.random.default_rng(3)
    for share in (0.0, 0.1, 1.0):
        table = Table(make_worlds(200, family, seed=3))

        def choose(table, share=share):
            badly = random.random(len(table.worlds)) < share
            return np.where(badly, table.choose(random), oracle(table.worlds))

        table.play(choose)
        np.testing.assert_allclose(table.returns, table.worlds["score"], atol=1e-12)
        assert (table.worlds["score"] >= 0.0).all()
        if share == 0.0:
            np.testing.assert_array_equal(table.worlds["score"], 1.0)


def test_milestones_are_paid_on_the_way_and_taken_back_when_the_program_fails():
    table = Table(make_empty_worlds(300, seed=4))
    oracle = DOMAIN.solvers()["oracle"]
    paid = np.zeros(300)
    while table.running.any():
        # All as the reference has it up to the last statement, which then returns something worthless.
        top = table.worlds["derivation"]["num_open"] - 1
        parents = table.worlds["derivation"]["parent"][np.arange(300), np.maximum(top, 0)]
        category = table.worlds["return_category"]
        wrong = np.where(category == LIST, NUMBER_OF["VARIABLE_0"], NUMBER_OF["LITERAL_100"])
        wrong = np.where(category == 3, NUMBER_OF["TEXT_2"], wrong)
        before = table.returns.copy()
        running = table.running
        table.step(np.where(parents == RETURN, wrong, oracle(table.worlds)))
        ending = running & ~table.running
        paid[ending] = before[ending]
    worlds = table.worlds
    expected = limits.MILESTONES * worlds["num_milestones"] / (worlds["num_milestones"] + 1)
    np.testing.assert_allclose(paid, expected, atol=1e-12)
    np.testing.assert_allclose(table.returns, worlds["score"], atol=1e-12)
    assert not worlds["solved"].any()
    assert (table.returns < paid).mean() > 0.9
    assert (table.returns == 0.0).mean() > 0.5  # right guards alone can be worth something


def test_a_program_that_is_begun_earns_for_what_is_written_not_for_what_was_given():
    worlds = make_worlds(600, SYNTHESIZE, seed=5)
    begun = worlds[worlds["begun"] > 0]
    assert len(begun) > 50
    assert (begun["score"] == 0.0).all()
    table = Table(begun)
    oracle = DOMAIN.solvers()["oracle"]
    most = np.zeros(len(begun))
    while table.running.any():
        table.step(oracle(table.worlds))
        most = np.where(table.running, np.maximum(most, table.returns), most)
    missing = begun["num_milestones"] - begun["begun"]
    np.testing.assert_allclose(most, limits.MILESTONES * missing / (missing + 1), atol=1e-12)
    np.testing.assert_allclose(table.returns, 1.0, atol=1e-12)


def test_a_statement_too_many_does_not_take_milestones_back():
    table = Table(make_empty_worlds(1, value=0.0))
    [world] = table.worlds
    for token in reference_of(world):
        if token == RETURN:
            break
        table.step([token])
    earned = table.returns[0]
    for name in ("LET_INT", "VARIABLE_1"):
        table.step([NUMBER_OF[name]])
    assert earned > 0.0
    assert table.returns[0] == earned


def test_an_illegal_action_costs_a_step_and_nothing_else():
    table = Table(make_worlds(20, DEBUG))
    before = table.worlds.copy()
    table.step(np.full(20, NUMBER_OF["ADD"]))
    assert (table.worlds["illegal_actions"] == 1).all()
    assert (table.worlds["steps"] == 1).all()
    np.testing.assert_array_equal(table.worlds["tokens"], before["tokens"])
    np.testing.assert_array_equal(table.worlds["score"], before["score"])


def test_a_repair_that_time_runs_out_on_is_undone():
    table = Table(make_worlds(20, DEBUG))
    given = table.worlds["tokens"].copy()
    table.step(table.masks[:, POINT:MODULE].argmax(axis=1) + POINT)
    while table.running.any():
        table.step(np.full(20, -1))
    for row in range(20):
        count = table.worlds["num_reference"][row]
        assert table.worlds["num_tokens"][row] == count
        np.testing.assert_array_equal(table.worlds["tokens"][row, :count], given[row, :count])
    np.testing.assert_array_equal(table.worlds["score"], 0.0)


# --- Text that is not graded as a program --------------------------------------------------------------


@in_every_family
@pytest.mark.parametrize(
    ("reply", "status"),
    [
        ("", "malformed"),
        ("I would sort the list first.", "malformed"),
        ("```python solve.py\n...\n```", "malformed"),
        ("<think>\nFirst I sort", "truncated"),
    ],
)
def test_a_reply_without_files_costs_a_step_and_the_episode_goes_on(family, reply, status):
    env = text_env(family)
    prompt, reward, terminated, truncated, info = env.step(reply)
    assert (reward, terminated, truncated) == (0.0, False, False)
    assert info["status"] == status
    assert info["problem"]
    assert info["problem"] in prompt
    world = env.unwrapped.worlds[0]
    assert (world["steps"], world["illegal_actions"], world["over"]) == (1, 1, 0)


def test_junk_without_end_ends_the_episode_with_nothing():
    env = text_env(SYNTHESIZE)
    over, total = False, 0.0
    while not over:
        _, reward, over, _, info = env.step("?")
        total += reward
    assert (total, info["score"], info["solved"]) == (0.0, 0.0, False)


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("def solve(numbers, k) return 0", "malformed"),
        ("def solution(numbers, k):\n    return 0", "malformed"),
        ("import os\ndef solve(numbers, k):\n    return 0", "unsupported"),
        ("class Solver:\n    pass\ndef solve(numbers, k):\n    return 0", "unsupported"),
        ("def solve(numbers, k):\n    while True:\n        pass", "timeout"),
        ("def solve(numbers, k):\n    raise ValueError", "wrong"),
    ],
)
@pytest.mark.parametrize("family", [SYNTHESIZE, DEBUG])
def test_files_that_are_no_working_program_end_the_episode_with_nothing(family, source, status):
    env = text_env(family)
    _, reward, terminated, _, info = env.step(blocks({"solve.py": source}))
    assert (reward, terminated, info["score"], info["solved"]) == (0.0, True, 0.0, False)
    assert info["status"] == status
    assert info["problem"]


class BrokenRunner:
    """A runner whose machine fails, until it is mended."""

    name = "broken"

    def __init__(self):
        self.mended = False

    def run(self, source, calls):
        if self.mended:
            return MontyRunner().run(source, calls)
        return [Outcome("infrastructure error", "the sandbox did not start")] * len(calls)


@in_every_family
def test_a_sandbox_that_fails_leaves_the_episode_as_it_was(family):
    runner = BrokenRunner()
    env = text_env(family, runner=runner)
    world = env.unwrapped.worlds[0]
    before = world.copy()
    files = solution_of(world)
    _, reward, terminated, _, info = env.step(blocks(files))
    assert (reward, terminated, info["status"]) == (0.0, False, "infrastructure error")
    assert "score" not in info
    assert env.unwrapped.worlds[0] == before
    runner.mended = True
    _, reward, terminated, _, info = env.step(blocks(files))
    assert (reward, terminated, info["status"]) == (1.0, True, "ok")


def test_a_runner_that_does_not_exist_is_refused_by_name():
    with pytest.raises(ValueError, match="monty"):
        gym.make("EtudeCode-v0", runner="docker")


# --- In words ------------------------------------------------------------------------------------------


def test_every_state_of_random_play_can_be_shown_and_every_legal_action_has_a_name():
    tasks = random_tasks(DOMAIN, 200)
    shown = 0
    for moment in walk(DOMAIN, tasks, choose_randomly, Played.none_of(len(tasks))):
        for world, mask in zip(moment.worlds, moment.masks, strict=True):
            view = describe_state(world)
            assert view.startswith(FAMILIES[world["family"]])
            writing = world["family"] != REFACTOR and world["derivation"]["num_open"] > 0
            assert view.count("???") == writing
            legal = np.flatnonzero(mask)
            names = [action_name(world, int(action)) for action in legal[moment.step % 7 :: 7]]
            assert all(names)
            shown += 1
    assert shown > 2000


def test_the_end_of_every_episode_can_be_shown():
    for family in range(3):
        starts = make_worlds(40, family)
        for worlds in (play_randomly(starts), play_half_well(starts, share=0.0)):
            views = [describe_state(world) for world in worlds]
            assert all("The end" in view for view in views)
        assert all("Solved." in view and "Not solved" not in view for view in views)


def test_an_episode_that_ends_in_the_middle_of_a_program_can_be_shown():
    table = Table(make_empty_worlds(30))
    table.step(np.full(30, NUMBER_OF["LET_INT"]))
    while table.running.any():
        table.step(np.full(30, -1))
    assert all("first = ..." in describe_state(world) for world in table.worlds)


def test_a_program_is_shown_with_its_open_hole_and_what_is_missing():
    table = Table(of_category(make_empty_worlds(20, value=0.0), INT, 1))
    for name in ("LET_MAP", "VARIABLE_0", "ADD"):
        table.step([NUMBER_OF[name]])
    view = describe_state(table.worlds[0])
    assert "      first = [??? + ... for item in numbers]\n      ..." in view
    for name in ("ITEM", "LITERAL_1", "GUARD", "AND"):
        table.step([NUMBER_OF[name]])
    view = describe_state(table.worlds[0])
    assert (
        "      first = [item + 1 for item in numbers]\n      if ??? and ...:\n          return ...\n" in view
    )
    for name in ("TRUE", "TRUE", "LITERAL_3", "RETURN", "VARIABLE_1"):
        table.step([NUMBER_OF[name]])
    view = describe_state(table.worlds[0])
    assert "      if True and True:\n          return 3\n      return k" in view
    assert "returned 3" in view


def test_a_repair_is_shown_with_what_stands_behind_it():
    table = Table(make_worlds(100, DEBUG))
    table.step(table.masks[:, POINT:MODULE].argmax(axis=1) + POINT)
    for world in table.worlds:
        view = describe_state(world)
        assert view.count("???") == 1
        assert "return" in view
        assert "int of" in view or "list[int] of" in view or "bool of" in view or "str of" in view


def test_actions_have_the_names_of_what_they_write():
    table = Table(make_empty_worlds(1, value=0.0))
    world = table.worlds[0]

    def name(production):
        return action_name(world, NUMBER_OF[production])

    assert name("SUM") == "fill: sum(list[int])"
    assert name("SCALE") == "fill: int * divisor"
    assert name("FOR_ADD") == "fill: first = 0; for item in list[int]: first = first + int"
    assert name("VARIABLE_1") == "fill: k"
    assert name("CALL_1") == "fill: helper_2(int)"
    assert name("DEFINE_BOOL") == "fill: def helper_1(n: int) -> bool: return bool"
    assert action_name(world, SUBMIT) == "submit"
    assert action_name(world, EXTRACT) == "extract an expression"
    [repair] = make_worlds(1, DEBUG)
    legal = Table(repair.reshape(1)).masks[0]
    position = int(legal[POINT:MODULE].argmax())
    assert action_name(repair, POINT + position).startswith(f"point at position {position + 1}: ")
    for action in (-1, NUM_ACTIONS):
        with pytest.raises(ValueError, match=f"got {action}"):
            action_name(world, action)


def test_places_in_a_package_are_named_by_what_stands_there():
    [world] = make_worlds(1, REFACTOR)
    first = action_name(world, POINT)
    slot = int(np.flatnonzero(world["package"]["length"])[0])
    source = "".join(package_files(world["package"], int(world["key"])).values())
    assert first.removeprefix("point at position 1: ") in source
    body = int(world["package"]["length"][slot])
    assert action_name(world, POINT + body + 1).startswith(f"point at position {body + 2}: ")
    assert action_name(world, MODULE).removeprefix("to module ") + ".py" in [
        *package_files(world["package"], int(world["key"]))
    ]
    assert {action_name(world, action) for action in (MERGE, MOVE)} == {
        "merge a definition into another one",
        "move a definition to another module",
    }


# --- Oracle --------------------------------------------------------------------------------------------


@in_every_family
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_the_oracle_solves_corners_in_the_actions_of_its_plan(family, value):
    worlds = make_worlds(200, family, seed=6, value=value)
    ends = play_half_well(worlds, share=0.0)
    assert ends["solved"].all()
    np.testing.assert_array_equal(ends["score"], 1.0)
    assert (ends["steps"] <= ends["num_plan"]).all()
    assert (ends["num_plan"] <= ends["step_limit"]).all()
    assert not ends["illegal_actions"].any()
