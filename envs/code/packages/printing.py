"""The printer of packages: their Python modules, and tests of what their public functions return.

Names are drawn by slot from the key alone, so that they do not depend on what was done to the package.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

import numpy as np

from etude_gym.envs.code.exercise import STRATA, Files, Test
from etude_gym.envs.code.language.grammar import MAX_DEFINITIONS
from etude_gym.envs.code.language.interpreter import evaluate, find_ends
from etude_gym.envs.code.language.printing import render_expression
from etude_gym.envs.code.language.running import machines
from etude_gym.envs.code.language.tokens import CALL, MAX_TOKENS
from etude_gym.envs.code.limits import NUM_HIDDEN, NUM_PUBLIC
from etude_gym.envs.code.packages.refactoring import flatten
from etude_gym.randomness import as_words, uniform
from etude_gym.tasks.kernels import entry_point

MODULE_NAMES = ("orders", "prices", "taxes", "shipping", "stock", "loans", "wages", "tariffs")
FUNCTION_NAMES = (
    *("scale_amount", "adjust_level", "convert_units", "weigh_share"),
    *("correct_total", "estimate_need", "settle_balance", "rate_demand"),
    *("shift_period", "balance_load", "count_lots", "allot_budget"),
    *("level_supply", "grade_risk", "round_quota", "trim_excess"),
)
CONSTANT_NAMES = (
    *("limit", "rate", "margin", "offset", "quota", "threshold", "base", "step"),
    *("factor", "bonus", "fee", "floor", "reserve", "weight", "target", "period"),
)

# Counters of random numbers; the key is also that of the package, whose counters begin lower and stay below.
_FUNCTIONS, _CONSTANTS, _MODULES, _TESTS = (2**40 + 1000 * n for n in range(4))

_ARGUMENTS = (tuple(range(4, 31)), (-1, 0, 1, 2, 3), (*range(-120, -19), *range(60, 121)))
"""Arguments of tests, for each stratum."""


# --- Names -------------------------------------------------------------------------------------------


def _numbers(key: int, counter: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return uniform(as_words([key]), np.arange(counter, counter + count))


def _shuffled(names: Sequence[str], key: int, counter: int) -> tuple[str, ...]:
    order = np.argsort(_numbers(key, counter, len(names)))
    return tuple(names[i] for i in order)


def package_function_names(key: int) -> tuple[str, ...]:
    """The name of the function in each slot.

    Args:
        key: task key, the source of the names.

    Returns:
        ``MAX_DEFINITIONS`` names.
    """
    return _shuffled(FUNCTION_NAMES, key, _FUNCTIONS)


def package_constant_names(key: int) -> tuple[str, ...]:
    """The name of the constant in each slot.

    Args:
        key: task key, the source of the names.

    Returns:
        ``MAX_DEFINITIONS`` names.
    """
    return _shuffled(CONSTANT_NAMES, key, _CONSTANTS)


def package_module_names(key: int) -> tuple[str, ...]:
    """The name of each module that a package may have.

    Args:
        key: task key, the source of the names.
    """
    return _shuffled(MODULE_NAMES, key, _MODULES)


# --- Source ------------------------------------------------------------------------------------------


def package_files(package: Any, key: int) -> Files:
    """The modules of a package, as source.

    Args:
        package: a record of ``refactoring.PACKAGE``.
        key: of the names.

    Returns:
        One file for each module, in the order of their names. Modules import each other as wholes and use
        each other only in functions, so that even import cycles run.
    """
    modules = package_module_names(key)[: int(package["num_modules"])]
    sources = {f"{name}.py": _module_source(package, number, key) for number, name in enumerate(modules)}
    return {path: sources[path] for path in sorted(sources)}


def _module_source(package: Any, module: int, key: int) -> str:
    names = _names_in(package, module, key)
    here = [slot for slot in _used(package) if package["module"][slot] == module]
    used = {int(package["module"][other]) for slot in here for other in _callees(package, slot)}
    imports = sorted(package_module_names(key)[other] for other in used - {module})
    constants = [slot for slot in here if package["constant"][slot]]
    functions = [slot for slot in here if not package["constant"][slot]]
    blocks = ["\n".join(f"import {name}" for name in imports)] if imports else []
    if constants:
        blocks.append("\n".join(f"{names[slot]} = {_expression(package, slot, names)}" for slot in constants))
    head = "\n\n".join(blocks)
    defined = [
        f"def {names[slot]}(n: int) -> int:\n    return {_expression(package, slot, names)}"
        for slot in functions
    ]
    return "\n\n\n".join([head, *defined] if head else defined) + "\n"


def _used(package: Any) -> list[int]:
    return [slot for slot in range(MAX_DEFINITIONS) if package["length"][slot] > 0]


def _callees(package: Any, slot: int) -> list[int]:
    tokens = set(package["body"][slot][: package["length"][slot]].tolist())
    return [other for other in range(MAX_DEFINITIONS) if CALL + other in tokens]


def _names_in(package: Any, module: int, key: int) -> tuple[str, ...]:
    """What each definition is called in a module."""
    functions, constants = package_function_names(key), package_constant_names(key)
    modules = package_module_names(key)
    names = []
    for slot in range(MAX_DEFINITIONS):
        name = constants[slot] if package["constant"][slot] else functions[slot]
        home = int(package["module"][slot])
        names.append(name if home == module else f"{modules[home]}.{name}")
    return tuple(names)


class _UseConstants(ast.NodeTransformer):
    """Turns calls of constants into their names.

    Args:
        constants: their names as they are used here, dots included.
    """

    def __init__(self, constants: set[str]) -> None:
        self.constants = constants

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """A call, or the name alone if it is that of a constant."""
        return node.func if ast.unparse(node.func) in self.constants else self.generic_visit(node)


def _expression(package: Any, slot: int, names: Sequence[str]) -> str:
    tokens = package["body"][slot][: package["length"][slot]].tolist()
    tree = ast.parse(render_expression(tokens, names), mode="eval")
    constants = {names[other] for other in range(MAX_DEFINITIONS) if package["constant"][other]}
    return ast.unparse(_UseConstants(constants).visit(tree))


# --- Tests -------------------------------------------------------------------------------------------


@entry_point
def _call_function(package: Any, slot: Any, number: Any, machines: Any) -> Any:
    """What a function returns for a number."""
    machine = machines[0]
    tokens = np.empty(MAX_TOKENS, np.int16)
    find_ends(tokens, flatten(package, tokens), machine)
    position = 0
    for other in range(MAX_DEFINITIONS):
        machine.definitions[other] = position + 1
        position += 1 + package.length[other] if package.length[other] > 0 else 0
    start = machine.definitions[slot]
    machine.num_runs = 1
    machine.ints[0, 0] = number
    one = np.int64(1)
    evaluate(tokens, start, machine.ends[start], machine, one, one)  # above the number, for one item
    return machine.ints[1, 0]


def call_function(package: Any, slot: int, number: int) -> int:
    """The value that a function of a package returns.

    Args:
        package: a record of ``refactoring.PACKAGE``.
        slot: of the function.
        number: its argument, -127 to 127.
    """
    return int(_call_function(package, np.int64(slot), np.int64(number), machines()))


def package_exercise_tests(clean: Any, key: int) -> tuple[tuple[Test, ...], tuple[Test, ...]]:
    """Tests of the public functions: those that are shown, and those that score.

    Args:
        clean: a record of ``refactoring.PACKAGE``; damages do not change what functions return.
        key: of the names and arguments.
    """
    slots = [slot for slot in _used(clean) if clean["public"][slot]]
    functions, modules = package_function_names(key), package_module_names(key)
    # All pairs of a function and a stratum are used before one is used again.
    pairs = [(stratum, slot) for stratum in range(len(STRATA)) for slot in slots]
    order = np.argsort(_numbers(key, _TESTS + 500, len(pairs)))
    tests = []
    for i, draw in enumerate(_numbers(key, _TESTS, NUM_PUBLIC + NUM_HIDDEN)):
        stratum, slot = pairs[order[i % len(pairs)]]
        number = _ARGUMENTS[stratum][int(draw * len(_ARGUMENTS[stratum]))]
        module = modules[int(clean["module"][slot])]
        value = call_function(clean, slot, number)
        tests.append(Test(module, functions[slot], (number,), value, stratum))
    return tuple(tests[:NUM_PUBLIC]), tuple(tests[NUM_PUBLIC:])
