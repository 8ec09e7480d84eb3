"""Tasks of writing and repairing are what they are certified to be, by other means than the generator's."""

from __future__ import annotations

from collections import Counter

import numba
import numpy as np
import pytest
from code_worlds import (
    AXES,
    DEBUG,
    DOMAIN,
    SYNTHESIZE,
    Table,
    in_python,
    inputs_of,
    make_empty_worlds,
    make_tasks,
    make_worlds,
    of_category,
    reference_of,
)
from scipy.stats import spearmanr

from etude_gym.envs.code import kernel, limits
from etude_gym.envs.code.facts import exercise_of, sentences_of
from etude_gym.envs.code.language.grammar import (
    FIRST_LET,
    INT,
    LIST,
    NUMBER_OF,
    PRODUCTIONS,
    STATEMENTS,
    STR,
    TEXTS,
)
from etude_gym.envs.code.language.printing import render_program
from etude_gym.envs.code.language.running import machines
from etude_gym.envs.code.programs.catalog import GUARD, HELPER, PLACEHOLDERS, STEPS

FAMILIES = DOMAIN.space.families
CATEGORIES = {"int": INT, "list": LIST, "str": STR}


@pytest.fixture(scope="module")
def worlds():
    """Tasks of writing from all over the difficulty space."""
    return make_worlds(1000, SYNTHESIZE)


@pytest.fixture(scope="module")
def damaged():
    """Tasks of repairing from all over the difficulty space."""
    return make_worlds(1000, DEBUG)


# --- What the axes do ----------------------------------------------------------------------------------


@pytest.mark.parametrize("family", range(3), ids=FAMILIES)
def test_an_axis_sets_its_own_property_of_the_tasks_and_no_other_does(family):
    tasks = make_tasks(1000, family)
    realized = DOMAIN.metrics(make_worlds(1000, family), np.arange(1000))
    for axis in AXES:
        for i, name in enumerate(AXES):
            correlation = spearmanr(tasks.difficulty[:, i], realized[axis]).statistic
            assert correlation > 0.8 if name == axis else abs(correlation) < 0.15, (axis, name, correlation)


def test_what_is_returned_is_drawn_apart_from_the_axes(worlds):
    tasks = make_tasks(1000, SYNTHESIZE)
    shares = {name: np.mean(worlds["return_category"] == category) for name, category in CATEGORIES.items()}
    assert shares == pytest.approx({"int": 0.6, "list": 0.25, "str": 0.15}, abs=0.05)
    for category in CATEGORIES.values():
        for i in range(len(AXES)):
            asked = worlds["return_category"] == category
            assert abs(spearmanr(tasks.difficulty[:, i], asked).statistic) < 0.15


@pytest.mark.parametrize("family", [SYNTHESIZE, DEBUG])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_task_is_a_function_of_its_key_whatever_was_made_before_in_the_same_place(family, value):
    worlds, alone = make_worlds(40, family, value=value), make_worlds(40, family, value=value)
    DOMAIN.generate(alone, np.arange(40), make_tasks(40, 1 - family, seed=5, value=1 - value))
    DOMAIN.generate(alone, np.arange(40), make_tasks(40, family, value=value))
    for one, other in zip(worlds, alone, strict=True):
        assert reference_of(one) == reference_of(other)
        assert inputs_of(one, 0, limits.NUM_TESTS) == inputs_of(other, 0, limits.NUM_TESTS)
        assert sentences_of(one) == sentences_of(other)
        assert one["tokens"][: one["num_tokens"]].tolist() == other["tokens"][: other["num_tokens"]].tolist()


# --- The reference, assembled anew from the catalog ----------------------------------------------------


def sentences_drawn(world):
    """Step and arguments of each sentence."""
    return world["specification"][:, : world["num_sentences"]].T.tolist()


def assemble(sentences, category, left_out=None):
    """The program that the sentences say, by names of productions, without one of them if that is wanted."""
    words, current, declared, helpers = [], "VARIABLE_0", FIRST_LET, 0
    for at, (index, a, b) in enumerate(sentences):
        step = STEPS[index]
        code = step.code.split()
        if at == left_out:
            code = stub(step)
        value = {INT: f"LITERAL_{b}", LIST: "VARIABLE_0", STR: f"TEXT_{b % len(TEXTS)}"}[category]
        meaning = {
            "CURRENT": current,
            "NEW": f"VARIABLE_{declared}",
            "A": f"LITERAL_{a}",
            "B": f"LITERAL_{b}",
        }
        meaning |= {"K": "VARIABLE_1", "NUMBERS": "VARIABLE_0", "VALUE": value}
        meaning |= dict.fromkeys(("HELPER", "PREVIOUS"), f"CALL_{helpers - 1}")
        assert set(meaning) == set(PLACEHOLDERS)
        words += [meaning.get(word, word) for word in code]
        helpers += step.kind == HELPER
        if code and PRODUCTIONS[NUMBER_OF[code[0]]].declares >= 0:
            current = f"VARIABLE_{declared}"
            declared += 1
    return [NUMBER_OF[word] for word in [*words, "RETURN", current]]


def stub(step):
    """What is left of a step that is left out: a helper that changes nothing, a constant of its category."""
    if step.kind == HELPER:
        return ["DEFINE_INT", "PARAMETER"]
    if step.takes == step.makes:
        return []
    return ["LET_INT", "LITERAL_0"] if step.makes == INT else ["LET_STR", "TEXT_0"]


def outputs(tokens, world):
    """What a program returns for the hidden tests of a world."""
    solve = in_python(render_program(tokens, int(world["return_category"])))
    return [solve(list(numbers), k) for numbers, k in inputs_of(world)]


def test_the_reference_does_what_the_sentences_say(worlds):
    for world in worlds:
        said = assemble(sentences_drawn(world), int(world["return_category"]))
        assert outputs(said, world) == outputs(reference_of(world), world)


def test_the_sentences_name_what_the_reference_computes():
    index = next(i for i, step in enumerate(STEPS) if step.code == "LET_MAP CURRENT ADD ITEM A")
    [world] = make_worlds(1, SYNTHESIZE, value=0.0)
    world["specification"][:, 0], world["num_sentences"] = (index, 7, 0), 1
    assert sentences_of(world) == ("Add 7 to every number.",)


@pytest.mark.parametrize("family", [SYNTHESIZE, DEBUG])
def test_the_reference_passes_every_test(family):
    for world in make_worlds(300, family, seed=1):
        exercise = exercise_of(world)
        solve = in_python(render_program(reference_of(world), int(world["return_category"])))
        for test in (*exercise.hidden, *exercise.public):
            got = solve(*test.arguments)
            assert got == test.expected
            assert type(got) is type(test.expected)


def test_leaving_out_any_step_changes_a_quarter_of_the_outputs_that_no_guard_returns(worlds):
    for world in worlds[:300]:
        sentences, category = sentences_drawn(world), int(world["return_category"])
        guarded = world["guarded"][: limits.NUM_HIDDEN] != 0
        expected = outputs(reference_of(world), world)
        for at, (index, _, _) in enumerate(sentences):
            got = outputs(assemble(sentences, category, left_out=at), world)
            changed = np.array([one != other for one, other in zip(got, expected, strict=True)])
            if STEPS[index].kind == GUARD:
                assert changed[guarded].any()
            else:
                assert changed[~guarded].mean() >= 0.25


def test_guards_return_where_they_are_said_to(worlds):
    for world in worlds[:300]:
        sentences, category = sentences_drawn(world), int(world["return_category"])
        unguarded = [sentence for sentence in sentences if STEPS[sentence[0]].kind != GUARD]
        with_guards, without = (outputs(assemble(s, category), world) for s in (sentences, unguarded))
        for i in range(limits.NUM_HIDDEN):
            assert world["guarded"][i] or with_guards[i] == without[i]


def test_every_step_of_the_catalog_is_used(worlds):
    used = Counter(index for world in worlds for index, _, _ in sentences_drawn(world))
    assert set(used) == set(range(len(STEPS)))


# --- Tests ---------------------------------------------------------------------------------------------


def test_hidden_tests_are_of_three_strata_and_differ_from_each_other(worlds):
    for world in worlds:
        strata = Counter(world["stratum"][: limits.NUM_HIDDEN].tolist())
        assert strata[2] == 4
        assert 4 <= strata[1] <= 10
        assert sum(strata.values()) == limits.NUM_HIDDEN


def test_public_tests_are_no_hidden_ones(worlds):
    overlaps = 0
    for world in worlds:
        hidden = inputs_of(world)
        overlaps += sum(shown in hidden for shown in inputs_of(world, limits.NUM_HIDDEN, limits.NUM_TESTS))
    assert overlaps < 0.1 * len(worlds)


def test_the_hardest_tasks_run_into_guards_in_half_of_the_hidden_tests():
    worlds = make_worlds(300, SYNTHESIZE, value=1.0)
    assert (worlds["guarded"][:, : limits.NUM_HIDDEN].sum(axis=1) == limits.NUM_HIDDEN // 2).all()
    assert not make_worlds(300, SYNTHESIZE, value=0.0)["guarded"].any()


# --- The floor -----------------------------------------------------------------------------------------


def all_programs(world, longest, given=0):
    """All programs of up to some productions: every legal action tried in every state."""
    start = world.reshape(1).copy()
    start["budget"], start["step_limit"] = longest, longest - given
    table, complete = Table(start), []
    for _ in range(longest - given):
        rows, actions = np.nonzero(table.masks)
        if not len(rows):
            break
        table = Table(table.worlds[rows])
        table.step(actions)
        complete.append(table.worlds[~table.running])
        table = Table(table.worlds[table.running])
    worlds = np.concatenate(complete)
    assert not table.running.any()
    assert not worlds["illegal_actions"].any()
    return worlds


@numba.njit
def run_all(task, programs, rates, machines):
    """The pass rate of each program on the hidden tests of a task."""
    for i in range(len(programs)):
        kernel_run_tests(task[0], programs[i].tokens, programs[i].num_tokens, machines[0])
        rates[i] = kernel_pass_rate(task[0])


kernel_run_tests, kernel_pass_rate = kernel.run_tests, kernel.stratified_pass_rate


@pytest.mark.parametrize("name", CATEGORIES)
def test_no_program_of_up_to_four_productions_passes_above_the_floor(name, worlds):
    tasks = of_category(worlds, CATEGORIES[name], 30)
    programs = all_programs(of_category(make_empty_worlds(200), CATEGORIES[name], 1)[0], 4)
    assert len(programs) == {"int": 1723, "list": 80, "str": 163}[name]
    assert (programs["num_tokens"] <= 4).all()
    rates = np.zeros(len(programs))
    for i in range(len(tasks)):
        task = tasks[i : i + 1].copy()
        run_all(task, programs, rates, machines())
        assert rates.max() <= task["floor"][0] + 1e-12
        assert task["floor"][0] < 0.5


def test_no_beginning_that_returns_something_at_once_passes_above_the_floor(worlds):
    begun = worlds[worlds["num_given"] > 0]
    assert 0.3 < len(begun) / len(worlds) < 0.5
    between = (begun["derivation"]["num_open"] == 1) & (begun["derivation"]["category"][:, 0] == STATEMENTS)
    unfinished = begun[between & (begun["num_plan"] > 2)]  # the reference itself takes more than that
    assert len(unfinished) > 30
    for world in unfinished:
        ends = all_programs(world, world["num_given"] + 2, world["num_given"])
        assert len(ends) > (world["return_category"] != LIST)
        assert ends["pass_rate"].max() <= world["floor"] + 1e-12


def test_a_program_is_begun_as_the_reference_begins_and_its_plan_goes_on_from_there(worlds):
    for world in worlds[worlds["num_given"] > 0]:
        beginning = reference_of(world)[: world["num_given"]]
        assert world["tokens"][: world["num_tokens"]].tolist() == beginning
        assert 0 < len(beginning) < world["num_reference"]
        assert reference_of(world) == beginning + world["plan"][: world["num_plan"]].tolist()


# --- Programs to repair --------------------------------------------------------------------------------


def test_a_program_to_repair_fails_a_hidden_test_and_passes_one(damaged):
    for world in damaged[:300]:
        exercise = exercise_of(world)
        solve = in_python(exercise.files["solve.py"])
        passed = sum(solve(*test.arguments) == test.expected for test in exercise.hidden)
        assert 0 < passed < limits.NUM_HIDDEN


def test_handing_in_the_program_to_repair_earns_nothing(damaged):
    table = Table(damaged)
    table.step(np.full(len(damaged), DOMAIN.action_space.n - 1))
    assert not table.running.any()
    np.testing.assert_array_equal(table.worlds["score"], 0.0)


def test_mistakes_are_as_many_as_the_length_axis_says(damaged):
    tasks = make_tasks(1000, DEBUG)
    assert spearmanr(tasks.difficulty[:, 0], damaged["num_defects"]).statistic > 0.7
    for world in damaged[:300]:
        given, meant = world["given"][: world["num_reference"]].tolist(), reference_of(world)
        different = sum(one != other for one, other in zip(given, meant, strict=True))
        assert 1 <= different <= world["num_defects"]
