"""Arithmetic that gives the same bits in kernels and in every version of Python."""

from __future__ import annotations

from collections.abc import Iterable


def add_up(numbers: Iterable[float]) -> float:
    """The sum of numbers, added one after another.

    Since Python 3.12 the built-in ``sum`` corrects the rounding of floats; kernels and earlier versions do
    not, and a score has to be the same wherever it is computed.

    Args:
        numbers: terms, in the order in which they are added.

    Returns:
        Their sum; 0.0 if there are none.
    """
    total = 0.0
    for number in numbers:
        total += number
    return total
