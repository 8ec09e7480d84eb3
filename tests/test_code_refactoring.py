"""Packages to refactor: what is measured, what operations keep, what plans restore, what chance is worth."""

from __future__ import annotations

import importlib
import sys
from dataclasses import astuple
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inner_kernels import CallableKernels, callable_kernel
from scipy.stats import spearmanr

from etude_gym.envs.code import architecture
from etude_gym.envs.code.actions import EXTRACT, INLINE, MERGE, MODULE, MOVE, POINT, SUBMIT
from etude_gym.envs.code.exercise import Architecture
from etude_gym.envs.code.language.grammar import MAX_DEFINITIONS, NUM_HOLES, NUMBER_OF, PRODUCTIONS
from etude_gym.envs.code.language.tokens import CALL, MAX_TOKENS
from etude_gym.envs.code.packages import generation
from etude_gym.envs.code.packages import refactoring as rules
from etude_gym.envs.code.packages.damages import DRAFT
from etude_gym.envs.code.packages.printing import (
    call_function,
    package_exercise_tests,
    package_files,
    package_function_names,
    package_module_names,
)
from etude_gym.randomness import mix

refactoring = CallableKernels(rules)
generate_package = callable_kernel(generation.generate_package)

DRAFTS = np.zeros(1, DRAFT)
PARAMETERS = (-127, -30, -2, -1, 0, 1, 2, 3, 5, 8, 13, 29, 100, 127)


def empty_package() -> Any:
    return np.zeros(1, refactoring.PACKAGE)[0]


def draw_arguments(seed: int) -> tuple[int, int, float, float]:
    generator = np.random.default_rng(seed)
    modules, damages = generator.integers(2, 9), generator.integers(1, 6)
    return int(modules), int(damages), float(generator.random()), float(generator.random())


def make(seed: int, arguments: tuple[int, int, float, float] | None = None) -> tuple[Any, Any, Any, Any]:
    """A damaged package, the clean one, the plan and the metrics."""
    package, clean = empty_package(), empty_package()
    plan, metrics = np.zeros(MAX_TOKENS, np.int16), np.zeros(4, np.int64)
    modules, damages, branches, transfer = arguments or draw_arguments(seed)
    key = mix(17, seed)[0]
    length = generate_package(
        package, clean, plan, key, 100, modules, damages, float(branches), float(transfer), metrics, DRAFTS
    )
    return package, clean, plan[:length].tolist(), metrics


def measures(package: Any) -> list[int]:
    out = np.zeros(4, np.int64)
    refactoring.measure(package, out)
    return out.tolist()


def improvement(start: list[int], now: list[int], clean: list[int]) -> float:
    return float(refactoring.improvement(*(np.array(values, np.int64) for values in (start, now, clean))))


# --- A second opinion on what functions return -------------------------------------------------------


@cache
def source(token: int) -> Any:
    """A production as a Python expression of ``n`` and of what stands in its holes: ``a``, ``b``, ``c``."""
    return compile(PRODUCTIONS[token].template.format("a", "b", "c"), "template", "eval")


def evaluate(package: Any, slot: int, n: int) -> int:
    """What a definition returns, by Python's own arithmetic."""
    tokens = iter(package["body"][slot][: package["length"][slot]].tolist())

    def value() -> Any:
        token = next(tokens)
        given = dict(zip("abc", [value() for _ in range(NUM_HOLES[token])], strict=False))
        if CALL <= token < CALL + MAX_DEFINITIONS:
            return evaluate(package, token - CALL, given["a"])
        return eval(source(token), {"n": n, **given})

    return value()


def behavior(package: Any, numbers: tuple[int, ...] = PARAMETERS) -> dict[int, list[int]]:
    slots = [s for s in range(MAX_DEFINITIONS) if package["length"][s] > 0 and package["public"][s]]
    return {slot: [evaluate(package, slot, n) for n in numbers] for slot in slots}


# --- Playing -----------------------------------------------------------------------------------------


def operate_at_random(package: Any, generator: np.random.Generator) -> str:
    """Carry out one random operation that is possible."""
    for _ in range(1000):
        kind = ("extract", "inline", "merge", "move")[generator.integers(4)]
        slot, other = generator.integers(MAX_DEFINITIONS, size=2)
        if kind == "inline":
            arguments: tuple[Any, ...] = (slot,)
        elif kind == "extract":
            position = generator.integers(MAX_TOKENS)
            arguments = (refactoring.slot_at(package, position), refactoring.offset_at(package, position))
        else:
            arguments = (slot, other if kind == "merge" else other % 8)
        if getattr(refactoring, f"can_{kind}")(package, *arguments):
            getattr(refactoring, kind)(package, *arguments)
            return kind
    return ""


def replay(package: Any, plan: list[int]) -> None:
    """Carry out a plan; every step has to be possible."""
    actions = iter(plan)
    for action in actions:
        if action == SUBMIT:
            break
        position = next(actions) - POINT
        slot, offset = refactoring.slot_at(package, position), refactoring.offset_at(package, position)
        if action == EXTRACT:
            assert refactoring.can_extract(package, slot, offset)
            refactoring.extract(package, slot, offset)
            continue
        assert offset == -1
        if action == INLINE:
            assert refactoring.can_inline(package, slot)
            refactoring.inline(package, slot)
        elif action == MERGE:
            staying = refactoring.slot_at(package, next(actions) - POINT)
            assert refactoring.can_merge(package, slot, staying)
            refactoring.merge(package, slot, staying)
        else:
            assert action == MOVE
            module = next(actions) - MODULE
            assert refactoring.can_move(package, slot, module)
            refactoring.move(package, slot, module)
    assert next(actions, None) is None


def check_package(package: Any) -> None:
    """Bodies are complete, short enough and call only what is there; nothing calls itself in circles."""
    tokens = np.zeros(MAX_TOKENS, np.int16)
    assert refactoring.flatten(package, tokens) <= MAX_TOKENS
    calls = {}
    for slot in np.flatnonzero(package["length"]).tolist():
        body = package["body"][slot][: package["length"][slot]].tolist()
        assert sum(NUM_HOLES[token] - 1 for token in body) == -1
        called = {token - CALL for token in body if CALL <= token < CALL + MAX_DEFINITIONS}
        assert all(package["length"][other] > 0 for other in called)
        calls[slot] = called
    while calls:
        leaves = [slot for slot, called in calls.items() if not called & calls.keys()]
        assert leaves
        for slot in leaves:
            del calls[slot]


# --- Operations --------------------------------------------------------------------------------------


def define(package: Any, slot: int, names: str, module: int = 0, public: bool = False) -> None:
    tokens = [NUMBER_OF[name] for name in names.split()]
    package["body"][slot][: len(tokens)] = tokens
    package["length"][slot], package["module"][slot], package["public"][slot] = len(tokens), module, public
    package["constant"][slot] = len(tokens) == 1


def body(package: Any, slot: int) -> str:
    tokens = package["body"][slot][: package["length"][slot]]
    return " ".join(PRODUCTIONS[token].name for token in tokens)


def small_package() -> Any:
    package = empty_package()
    package["num_modules"] = 2
    define(package, 0, "ADD CALL_2 CALL_2 PARAMETER CALL_4 LITERAL_0", 0, public=True)
    define(package, 1, "SUBTRACT ADD PARAMETER LITERAL_5 LITERAL_3", 1, public=True)
    define(package, 2, "ADD PARAMETER LITERAL_5", 1)
    define(package, 4, "LITERAL_7", 1)
    return package


def test_inlining_substitutes_what_is_handed_over() -> None:
    package = small_package()
    refactoring.inline(package, 2)
    assert body(package, 0) == "ADD ADD ADD PARAMETER LITERAL_5 LITERAL_5 CALL_4 LITERAL_0"
    assert package["length"][2] == 0
    refactoring.inline(package, 4)
    assert body(package, 0) == "ADD ADD ADD PARAMETER LITERAL_5 LITERAL_5 LITERAL_7"


def test_inlining_multiplies_no_code() -> None:
    package = small_package()
    define(package, 2, "ADD PARAMETER PARAMETER", 1)
    assert not refactoring.can_inline(package, 2)
    define(package, 0, "ADD CALL_2 PARAMETER CALL_4 LITERAL_0", 0, public=True)
    assert refactoring.can_inline(package, 2)


def test_extracting_uses_the_function_that_is_there() -> None:
    package = small_package()
    refactoring.extract(package, 1, 1)
    assert body(package, 1) == "SUBTRACT CALL_2 PARAMETER LITERAL_3"
    assert np.flatnonzero(package["length"]).tolist() == [0, 1, 2, 4]
    assert refactoring.can_extract(package, 0, 1)
    refactoring.extract(package, 0, 1)
    assert body(package, 3) == "CALL_2 CALL_2 PARAMETER"
    assert package["module"][3] == 0


def test_extracting_replaces_every_occurrence() -> None:
    package = small_package()
    package["length"][2] = 0
    define(package, 0, "ADD ADD PARAMETER LITERAL_5 ADD PARAMETER LITERAL_5", 0, public=True)
    define(package, 6, "ADD PARAMETER LITERAL_5", 1, public=True)
    assert refactoring.extract_target(package, 1, 1) == 6
    refactoring.extract(package, 1, 1)
    assert body(package, 0) == "ADD CALL_6 PARAMETER CALL_6 PARAMETER"
    assert body(package, 1) == "SUBTRACT CALL_6 PARAMETER LITERAL_3"
    assert not refactoring.can_extract(package, 6, 0)


def test_conditions_and_expressions_without_n_are_not_extracted() -> None:
    package = small_package()
    define(package, 0, "CHOOSE LESS_THAN PARAMETER LITERAL_3 ADD LITERAL_1 LITERAL_2 PARAMETER", public=True)
    assert not refactoring.can_extract(package, 0, 1)
    assert not refactoring.can_extract(package, 0, 4)


def test_public_functions_stay() -> None:
    package = small_package()
    define(package, 2, body(package, 1), 1)
    assert not refactoring.can_move(package, 0, 1)
    assert not refactoring.can_inline(package, 0)
    assert not refactoring.can_merge(package, 1, 2)
    assert refactoring.can_merge(package, 2, 1)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 40), *[st.integers(-(2**40), 2**40) | st.integers(-3, 140)] * 2)
def test_questions_are_total(seed: int, first: int, second: int) -> None:
    package = make(seed)[0]
    before = package.tobytes()
    refactoring.can_move(package, first, second)
    refactoring.can_merge(package, first, second)
    refactoring.can_inline(package, first)
    refactoring.can_extract(package, first, second)
    refactoring.slot_at(package, first)
    refactoring.offset_at(package, first)
    assert package.tobytes() == before


def test_operations_keep_what_public_functions_return() -> None:
    generator = np.random.default_rng(1)
    done = set()
    for seed in range(500):
        package = make(seed)[0]
        numbers = tuple(generator.choice(PARAMETERS, 3).tolist())
        expected = behavior(package, numbers)
        for _ in range(6):
            done.add(operate_at_random(package, generator))
        check_package(package)
        assert behavior(package, numbers) == expected
    assert done >= {"extract", "inline", "merge", "move"}


# --- Measures ----------------------------------------------------------------------------------------


def test_measures_agree_with_those_of_source() -> None:
    generator = np.random.default_rng(2)
    for seed in range(100):
        package, clean, _, _ = make(seed)
        for subject in (clean, package):
            assert measures(subject) == list(astuple(architecture.measure(package_files(subject, seed))))
        for _ in range(8):
            operate_at_random(package, generator)
        assert measures(package) == list(astuple(architecture.measure(package_files(package, seed))))


@settings(deadline=None)
@given(*[st.lists(st.integers(0, 12), min_size=4, max_size=4)] * 3)
def test_improvement_agrees_with_that_of_source(start: list[int], now: list[int], clean: list[int]) -> None:
    expected = architecture.improvement(Architecture(*start), Architecture(*now), Architecture(*clean))
    assert improvement(start, now, clean) == pytest.approx(expected)


# --- Packages ----------------------------------------------------------------------------------------


def test_plans_restore_packages() -> None:
    for seed in range(2000):
        package, clean, plan, metrics = make(seed)
        modules, damages, _, _ = draw_arguments(seed)
        start, best = measures(package), measures(clean)
        assert metrics[0] == modules == package["num_modules"]
        assert metrics[1] == damages
        assert best[:2] == [0, 0]
        assert any(now > then for now, then in zip(start, best, strict=True))
        assert len(plan) <= 44
        check_package(package)
        replay(package, plan)
        assert measures(package) == best
        assert improvement(start, measures(package), best) == 1.0


def test_damages_change_no_public_function() -> None:
    for seed in range(200):
        package, clean, _, _ = make(seed)
        assert behavior(package) == behavior(clean)
        for slot, values in behavior(package, (-127, 127)).items():
            assert [call_function(package, slot, n) for n in (-127, 127)] == values
            assert max(map(abs, values)) < 2**61


def test_every_module_has_a_public_function() -> None:
    for seed in range(200):
        package = make(seed)[0]
        public = package["module"][(package["public"] > 0) & (package["length"] > 0)]
        assert set(public.tolist()) == set(range(package["num_modules"]))


def test_packages_are_a_function_of_their_arguments() -> None:
    for seed in range(20):
        first, second = make(seed), make(seed)
        assert first[0].tobytes() == second[0].tobytes()
        assert first[2] == second[2]


def test_arguments_are_independent() -> None:
    asked, realized = [], []
    for seed in range(1000):
        _, clean, _, metrics = make(seed)
        functions = np.count_nonzero(clean["length"])
        asked.append(draw_arguments(seed))
        realized.append([*metrics[:2], *(metrics[2:] / functions)])
    correlations = spearmanr(asked, realized).statistic[:4, 4:]
    assert (np.diag(correlations) > 0.8).all()
    assert (np.abs(correlations - np.diag(np.diag(correlations))) < 0.15).all()


def test_random_play_rarely_restores_a_package() -> None:
    generator = np.random.default_rng(3)
    earned = []
    for seed in range(300):
        package, clean, _, _ = make(seed)
        start = measures(package)
        for _ in range(20):
            operate_at_random(package, generator)
        earned.append(improvement(start, measures(package), measures(clean)))
    assert np.mean([score == 1.0 for score in earned]) < 0.08


# --- Source ------------------------------------------------------------------------------------------


def test_rendered_packages_run(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cyclic = 0
    for seed in range(20):
        package, clean, _, _ = make(seed)
        cyclic += measures(package)[0] > 0
        folder = tmp_path / str(seed)
        folder.mkdir()
        for path, source in package_files(package, seed).items():
            (folder / path).write_text(source)
        with monkeypatch.context() as patched:
            patched.syspath_prepend(str(folder))
            importlib.invalidate_caches()
            names = package_module_names(seed)[: package["num_modules"]]
            public, hidden = package_exercise_tests(clean, seed)
            for test in (*public, *hidden):
                module = importlib.import_module(test.module)
                assert getattr(module, test.function)(*test.arguments) == test.expected
            for name in names:
                sys.modules.pop(name, None)
    assert cyclic > 5


def test_exercises_test_every_public_function() -> None:
    for seed in range(50):
        clean = make(seed)[1]
        slots = np.flatnonzero((clean["public"] > 0) & (clean["length"] > 0)).tolist()
        names = package_function_names(seed)
        public, hidden = package_exercise_tests(clean, seed)
        assert {test.function for test in hidden} == {names[slot] for slot in slots}
        assert (len(public), len(hidden)) == (4, 20)
