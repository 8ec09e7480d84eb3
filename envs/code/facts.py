"""Tasks as plain data: sentences, files, and tests with the values that the reference returns.

A world is one row of the worlds, a record of ``kernel.WORLD``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from etude_gym.envs.code import kernel, limits
from etude_gym.envs.code.exercise import Architecture, Exercise, Files, Test
from etude_gym.envs.code.language.grammar import BOOL, INT, LIST, NUM_HOLES, NUMBER_OF, STR, TEXTS
from etude_gym.envs.code.language.printing import render_program
from etude_gym.envs.code.language.running import run_program
from etude_gym.envs.code.limits import DEBUG, FAMILIES, REFACTOR
from etude_gym.envs.code.programs.catalog import GUARD, STEPS

PROGRAM = "solve"
"""The module of programs of one function and its helpers, and the name of the function."""


def exercise_of(world: Any) -> Exercise:
    """The task of a world as plain data.

    The last ones are cached: a prompt, its reply and the grade need the same one.

    Args:
        world: record of ``kernel.WORLD``.
    """
    return _exercise_of(world.tobytes()[:_TASK_BYTES])


_TASK_BYTES = int(kernel.WORLD.fields["tokens"][1])  # type: ignore[index]  # where the episode begins
_KEPT = 256


@lru_cache(_KEPT)
def _exercise_of(task: bytes) -> Exercise:
    blank = bytes(kernel.WORLD.itemsize - len(task))
    world = np.frombuffer(task + blank, dtype=kernel.WORLD)[0]
    if world["family"] == REFACTOR:
        return _package_exercise(world)
    return Exercise(
        family=FAMILIES[world["family"]],
        sentences=sentences_of(world),
        files={f"{PROGRAM}.py": _given(world)},
        public=public_tests(world),
        hidden=tuple(_test(world, i) for i in range(limits.NUM_HIDDEN)),
        floor=float(world["floor"]),
    )


def solution_of(world: Any) -> Files:
    """The files that a task was made from: the reference, or the package before it was damaged.

    Args:
        world: record of ``kernel.WORLD``.
    """
    if world["family"] == REFACTOR:
        from etude_gym.envs.code.packages.printing import package_files

        return package_files(world["clean"], int(world["key"]))
    reference = world["reference"][: world["num_reference"]].tolist()
    return {f"{PROGRAM}.py": render_program(reference, int(world["return_category"]))}


def first_path(world: Any) -> str:
    """The path of the first file of a task; cheaper than the whole exercise.

    Args:
        world: record of ``kernel.WORLD``.
    """
    if world["family"] == REFACTOR:
        from etude_gym.envs.code.packages.printing import package_files

        return next(iter(package_files(world["package"], int(world["key"]))))
    return f"{PROGRAM}.py"


def public_tests(world: Any) -> tuple[Test, ...]:
    """The tests that are shown with a task of writing or repairing.

    Args:
        world: record of ``kernel.WORLD``, of family "synthesize" or "debug".
    """
    return tuple(_test(world, i) for i in range(limits.NUM_HIDDEN, limits.NUM_TESTS))


def _given(world: Any) -> str:
    """The source that is given: a program to repair, or the beginning of one to write."""
    category = int(world["return_category"])
    if world["family"] == DEBUG:
        return render_program(world["given"][: world["num_reference"]].tolist(), category)
    beginning = _complete_statements(world["reference"][: world["num_given"]].tolist())
    something = {INT: "LITERAL_0", BOOL: "TRUE", STR: "TEXT_0", LIST: "VARIABLE_0"}[category]
    source = render_program([*beginning, NUMBER_OF["RETURN"], NUMBER_OF[something]], category)
    return source.rstrip().rpartition("\n")[0] + "\n    ...\n"


def _complete_statements(tokens: list[int]) -> list[int]:
    """The beginning of a program without the statement that is not complete."""
    complete = 0
    while complete < len(tokens):
        end, missing = complete, 1
        while missing > 0 and end < len(tokens):
            missing += int(NUM_HOLES[tokens[end]]) - 1
            end += 1
        if missing > 0:
            break
        complete = end
    return tokens[:complete]


def _test(world: Any, i: int) -> Test:
    numbers = world["numbers"][i][: world["num_numbers"][i]].tolist()
    k = int(world["k"][i])
    count, category = int(world["num_reference"]), int(world["return_category"])
    expected = run_program(world["reference"], count, category, numbers, k)
    return Test(PROGRAM, PROGRAM, (numbers, k), expected, int(world["stratum"][i]))


def _package_exercise(world: Any) -> Exercise:
    from etude_gym.envs.code.packages.printing import package_exercise_tests, package_files

    public, hidden = package_exercise_tests(world["clean"], int(world["key"]))
    return Exercise(
        family=FAMILIES[REFACTOR],
        sentences=(),
        files=package_files(world["package"], int(world["key"])),
        public=public,
        hidden=hidden,
        floor=0.0,
        start=Architecture(*world["start_measures"].tolist()),
        clean=Architecture(*world["clean_measures"].tolist()),
    )


def sentences_of(world: Any) -> tuple[str, ...]:
    """The specification in words, one sentence for each helper, guard and step.

    Args:
        world: record of ``kernel.WORLD``, of family "synthesize" or "debug".
    """
    written, helpers = [], 0
    category = int(world["return_category"])
    for i in range(int(world["num_sentences"])):
        index, a, b = (int(row[i]) for row in world["specification"])
        step = STEPS[index]
        helpers += step.kind == 0
        value = _guard_value(category, b) if step.kind == GUARD else ""
        names = {"helper": f"helper_{helpers}", "previous": f"helper_{helpers - 1}"}
        written.append(step.sentence.format(a=a, b=b, value=value, **names))
    return tuple(written)


def _guard_value(category: int, number: int) -> str:
    if category == LIST:
        return "numbers as given"
    return f'"{TEXTS[number % len(TEXTS)]}"' if category == STR else str(number)
