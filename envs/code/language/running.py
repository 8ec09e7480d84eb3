"""Runs programs of the grammar from Python, with the interpreter of the kernels."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from etude_gym.envs.code.exercise import Value
from etude_gym.envs.code.language.grammar import BOOL, LIST, LIST_LENGTH, STR
from etude_gym.envs.code.language.interpreter import MACHINE, RESULT, execute, find_ends, hand_over
from etude_gym.tasks.kernels import entry_point


@cache
def machines() -> np.ndarray[tuple[int], np.dtype[Any]]:
    """The memory of the interpreter, one for each process."""
    return np.zeros(1, dtype=MACHINE)


@entry_point
def _run(tokens: Any, count: Any, numbers: Any, length: Any, k: Any, machines: Any) -> None:
    machine = machines[0]
    machine.num_runs = 1
    hand_over(machine, 0, numbers, length, k)
    find_ends(tokens, count, machine)
    execute(tokens, count, machine)


def run_program(tokens: Any, count: int, return_category: int, numbers: list[int], k: int) -> Value:
    """The value that a program of the grammar returns.

    Args:
        tokens: int16 array of shape (``interpreter.MAX_TOKENS``,), a complete derivation in prefix order.
        count: length of the derivation.
        return_category: category of the value.
        numbers: at most ``LIST_LENGTH`` numbers from -127 to 127.
        k: from -127 to 127.
    """
    given = np.zeros(LIST_LENGTH, dtype=np.int8)
    given[: len(numbers)] = numbers
    _run(tokens, np.int64(count), given, np.int8(len(numbers)), np.int8(k), machines())
    machine = machines()[0]
    value, length = machine["variables"][RESULT, 0], machine["variable_lengths"][RESULT, 0]
    if return_category == LIST:
        numbers = machine["variable_lists"][RESULT, :length].tolist()
        return [int(number) for number in numbers]
    if return_category == STR:
        return "".join(map(chr, machine["variable_texts"][RESULT, 0, :length]))
    return bool(value) if return_category == BOOL else int(value)
