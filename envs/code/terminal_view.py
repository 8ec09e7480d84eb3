"""The terminal view of EtudeCode-v0: actions in words, and the program as it stands."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

import numpy as np

from etude_gym.envs.code.actions import EXTRACT, INLINE, MERGE, MODULE, MOVE, NUM_ACTIONS, POINT, SUBMIT
from etude_gym.envs.code.exercise import Architecture, Test
from etude_gym.envs.code.facts import public_tests, sentences_of
from etude_gym.envs.code.language.grammar import (
    CATEGORY_NAMES,
    FIRST_LET,
    MAX_HELPERS,
    NUM_HOLES,
    NUM_PRODUCTIONS,
    PRODUCTIONS,
    STATEMENTS,
)
from etude_gym.envs.code.language.running import run_program
from etude_gym.envs.code.language.templates import RETURN
from etude_gym.envs.code.language.tokens import CALL
from etude_gym.envs.code.language.unfinished import MISSING, OPEN, Sketch, helper_of, variable_name
from etude_gym.envs.code.limits import FAMILIES, REFACTOR
from etude_gym.envs.code.packages.printing import (
    package_constant_names,
    package_function_names,
    package_module_names,
)

_REFACTORINGS = {
    EXTRACT: "extract an expression",
    INLINE: "inline a definition",
    MERGE: "merge a definition into another one",
    MOVE: "move a definition to another module",
}
_WIDTH = 100
_INDENT = "    "


# --- Actions -----------------------------------------------------------------------------------------


def action_name(world: Any, action: int) -> str:
    """An action in words ("fill: sum(list[int])", "point at position 7: max(first, 3)", "submit").

    Args:
        world: one row of the worlds, a record of ``kernel.WORLD``.
        action: 0 to ``actions.NUM_ACTIONS`` - 1.

    Raises:
        ValueError: if there is no such action.
    """
    if not 0 <= action < NUM_ACTIONS:
        raise ValueError(f"Actions are 0 to {NUM_ACTIONS - 1}, got {action!r}.")
    if action < NUM_PRODUCTIONS:
        return f"fill: {_production_name(world, action)}"
    if action < MODULE:
        return _name_of_place(world, action - POINT)
    if action < EXTRACT:
        return f"to module {package_module_names(int(world['key']))[action - MODULE]}"
    return "submit" if action == SUBMIT else _REFACTORINGS[action]


def _production_name(world: Any, token: int) -> str:
    """A production by its template, with the categories of its holes and the names that it would take."""
    production, state = PRODUCTIONS[token], world["derivation"]
    returned = int(world["return_category"])
    holes = [CATEGORY_NAMES[returned if h.category < 0 else h.category] for h in production.holes]
    helper = helper_of(token) if token >= CALL else min(int(state["num_helpers"]), MAX_HELPERS - 1)
    variable = variable_name(max(int(state["num_variables"]), FIRST_LET))
    source = production.template.format(*holes, v=variable, h=f"helper_{helper + 1}")
    return "; ".join(line.strip() for line in source.splitlines()).replace(":;", ":")


def _name_of_place(world: Any, position: int) -> str:
    tokens = _tokens(world)
    place = f"point at position {position + 1}"
    if position >= len(tokens):
        return place
    if world["family"] == REFACTOR:
        return f"{place}: {_name_in_package(world, position)}"
    if PRODUCTIONS[tokens[position]].category == STATEMENTS:
        return place
    return f"{place}: {ast.unparse(Sketch(tokens[position:]).expression())}"


# --- Programs ----------------------------------------------------------------------------------------


def _tokens(world: Any) -> list[int]:
    return [int(token) for token in world["tokens"][: world["num_tokens"]]]


def _is_writing(world: Any) -> bool:
    return bool(world["derivation"]["num_open"] > 0)


def _is_complete(world: Any) -> bool:
    """Whether there is a program that can be run."""
    open_holes = 1  # for statements
    for token in _tokens(world):
        follows = PRODUCTIONS[token].category == STATEMENTS and token != RETURN
        open_holes += int(NUM_HOLES[token]) - 1 + follows
    return open_holes == 0 and not _is_writing(world)


def _program(world: Any) -> str:
    """The program as it stands, its open hole marked ``???`` and what is missing otherwise ``...``."""
    tokens = _tokens(world)
    if _is_writing(world):
        tokens += [OPEN] + [MISSING] * (int(world["derivation"]["num_open"]) - 1)
        tokens += [int(token) for token in world["tail"][: world["num_tail"]]]
    return Sketch(tokens).source(int(world["return_category"]))


# --- The state ---------------------------------------------------------------------------------------


def describe_state(world: Any) -> str:
    """The state of an episode for a terminal: task, program or package, tests or measures.

    Args:
        world: one row of the worlds, a record of ``kernel.WORLD``.
    """
    refactor = world["family"] == REFACTOR
    sections = _package_sections(world) if refactor else _program_sections(world)
    return "\n\n".join([_head(world), *sections, *([_end(world)] if world["over"] else [])])


def _head(world: Any) -> str:
    steps = f"step {int(world['steps'])} of {int(world['step_limit'])}"
    return f"{FAMILIES[world['family']]}, {steps}, score {float(world['score']):.2f}"


def _end(world: Any) -> str:
    hidden = float(world["pass_rate"])
    passed = "" if world["family"] == REFACTOR else f", hidden tests passed: {hidden:.0%}"
    return f"The end{passed}. {'Solved.' if world['solved'] else 'Not solved.'}"


def _section(title: str, text: str) -> str:
    return f"{title}\n{textwrap.indent(text, '  ')}"


def _program_sections(world: Any) -> list[str]:
    sentences = [
        textwrap.fill(sentence, _WIDTH, initial_indent=f"{i}. ", subsequent_indent=" " * len(f"{i}. "))
        for i, sentence in enumerate(sentences_of(world), start=1)
    ]
    return [
        _section("Specification", "\n".join(sentences)),
        _section("Program", _program(world)),
        *([_section("Open hole", _hole(world))] if _is_writing(world) and not world["over"] else []),
        _section("Tests (+ passes)", "\n".join(_tests(world))),
    ]


def _hole(world: Any) -> str:
    """What the open hole takes, and how much may still be written."""
    state = world["derivation"]
    top = int(state["num_open"]) - 1
    category, size = int(state["category"][top]), int(state["size"][top])
    steps = int(world["step_limit"] - world["steps"])
    room = min(steps, int(world["budget"] - world["num_tokens"] - world["num_tail"]))
    sized = "" if category == STATEMENTS else f" of size {size}"
    return f"{CATEGORY_NAMES[category]}{sized}; {room} productions and {steps} steps left"


def _tests(world: Any) -> list[str]:
    """The public tests, and what is returned where there is a program."""
    complete, lines = _is_complete(world), []
    for test in public_tests(world):
        mark, returned = " ", ""
        if complete:
            tokens, count = world["tokens"], int(world["num_tokens"])
            value = run_program(tokens, count, int(world["return_category"]), *test.arguments)  # type: ignore[arg-type]
            mark = "+" if value == test.expected else "-"
            returned = "" if value == test.expected else f", returned {value!r}"
        lines.append(f"{mark} {_call(test)} == {test.expected!r}{returned}")
    return lines


def _call(test: Test) -> str:
    return f"{test.function}({', '.join(map(repr, test.arguments))})"


# --- Packages ----------------------------------------------------------------------------------------


def _package_sections(world: Any) -> list[str]:
    rows = [("now", "measures"), ("at first", "start_measures"), ("can be", "clean_measures")]
    measures = [f"{name:8} {measures_in_words(world[row])}" for name, row in rows]
    return [
        *(
            _section(f"{name}.py", "\n".join(_module_lines(world, module)))
            for module, name in enumerate(_module_names(world))
        ),
        _section("Architecture", "\n".join(measures)),
        *([_section("Under way", _under_way(world))] if world["chosen"] else []),
    ]


def _names(world: Any) -> tuple[str, ...]:
    """What the definitions of a package are called, by slot."""
    functions, constants = (
        package_function_names(int(world["key"])),
        package_constant_names(int(world["key"])),
    )
    kinds = zip(functions, constants, world["present"]["constant"], strict=True)
    return tuple(constant if is_constant else function for function, constant, is_constant in kinds)


def _module_names(world: Any) -> tuple[str, ...]:
    return package_module_names(int(world["key"]))[: int(world["present"]["num_modules"])]


def _printer(world: Any, tokens: Iterable[int]) -> Sketch:
    return Sketch(tokens, _names(world), set(np.flatnonzero(world["present"]["constant"])))


def _definitions(world: Any) -> Iterator[tuple[int, int, list[int]]]:
    """Position, slot and body of each definition of a package, in the order in which they stand."""
    package, position = world["present"], 0
    for slot in np.flatnonzero(package["length"]):
        body = package["body"][slot][: package["length"][slot]].tolist()
        yield position, int(slot), body
        position += 1 + len(body)


def _name_in_package(world: Any, position: int) -> str:
    """What stands at a position: a definition, or an expression in one."""
    for first, slot, body in _definitions(world):
        if position == first:
            return _names(world)[slot]
        if position <= first + len(body):
            return ast.unparse(_printer(world, body[position - first - 1 :]).expression())
    return "nothing"


def _module_lines(world: Any, module: int) -> Iterator[str]:
    """The definitions of a module, each with its position."""
    package = world["present"]
    for position, slot, body in _definitions(world):
        if package["module"][slot] == module:
            name, value = _names(world)[slot], ast.unparse(_printer(world, body).expression())
            public = "public " if package["public"][slot] else ""
            head = f"{name} =" if package["constant"][slot] else f"{public}{name}(n):"
            yield f"{position + 1:>3} {head} {value}"


def measures_in_words(measures: Any) -> str:
    """Cycles, duplicates, longest function and edges, with their names.

    Args:
        measures: four numbers, in the order of the fields of ``Architecture``.
    """
    names = (field.name for field in fields(Architecture))
    return ", ".join(f"{name} {int(value)}" for name, value in zip(names, measures, strict=True))


def _under_way(world: Any) -> str:
    """The refactoring that was chosen, as far as its actions were taken."""
    words, slot = _REFACTORINGS[int(world["chosen"])], int(world["chosen_slot"])
    return words if slot < 0 else f"{words}: {_names(world)[slot]}"
