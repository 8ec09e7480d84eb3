"""A test of whether practice still gets anywhere: plateaus and regress in a running series of values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

import numpy as np

SMALLEST_RISE = 0.05
"""A series that rises less than this while practice doubles stands still."""
CONFIDENCE = 2.5
"""Standard errors by which the rise has to be below :data:`SMALLEST_RISE`."""
FIRST_TEST = 256
"""Values before the first test."""
GROWTH = 1.25
"""Number of values at a test, relative to that at the test before."""
BINS = 64
"""Bins that a series is kept in; at least half of them are in use once it is that long."""


class PlateauTest:
    """Tests whether a series of values has stopped rising.

    It looks at the later half of all values since the start, so that it asks the same of a hundred and of a
    hundred thousand: what did the last doubling of practice bring? A line is fitted to that half; if its rise
    is below ``SMALLEST_RISE`` by ``CONFIDENCE`` standard errors, the series stands still (a test of
    non-superiority; Wellek 2010, "Testing Statistical Hypotheses of Equivalence and Noninferiority", chapter
    2). Few and noisy values prove nothing: the test then says that the series may be rising.

    Attributes:
        count: values so far.
        stands_still: whether a test has found that the series stands still.
    """

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forget all values."""
        self._size = 1  # values in a bin
        self._bins: list[float] = []  # their means
        self._sum, self._in_bin = 0.0, 0
        self._next_test = FIRST_TEST
        self.count, self.stands_still = 0, False

    def extend(self, values: Sequence[float], *, testing: bool = True) -> None:
        """Take the next values of the series; test anew whenever there are enough new ones.

        Args:
            values: any finite numbers; rises are measured in their unit.
            testing: whether to test; if not, the next value that is tested makes up for it.
        """
        left = list(values)
        while left:
            most = max(1, self._next_test - self.count) if testing else len(left)
            taken = left[: min(self._size - self._in_bin, most)]
            left = left[len(taken) :]
            self._sum = reduce(add, taken, self._sum)
            self._in_bin += len(taken)
            self.count += len(taken)
            if self._in_bin == self._size:
                self._end_bin()
            if testing and self.count >= self._next_test:
                self._next_test = math.ceil(self.count * GROWTH)
                rise, error = self.rise()
                self.stands_still |= rise + CONFIDENCE * error < SMALLEST_RISE

    def _end_bin(self) -> None:
        """Begin the next bin; make one of every two when there are too many."""
        self._bins.append(self._sum / self._size)
        self._sum, self._in_bin = 0.0, 0
        if len(self._bins) == BINS:
            pairs = zip(self._bins[::2], self._bins[1::2], strict=True)
            self._bins = [0.5 * (first + second) for first, second in pairs]
            self._size *= 2

    def rise(self) -> tuple[float, float]:
        """Rise over the later half of the series, and its standard error, from a line through its bins."""
        later = np.array(self._bins[len(self._bins) // 2 :])
        n = len(later)
        place = (np.arange(n) - (n - 1) / 2) / n
        spread = float(place @ place)
        slope = float(place @ later) / spread
        left = later - later.mean() - slope * place
        return slope, math.sqrt(float(left @ left) / (n - 2) / spread)

    def state_dict(self) -> dict[str, Any]:
        """The series so far, as plain numbers that JSON can hold."""
        return {
            "size": self._size,
            "bins": list(self._bins),
            "sum": self._sum,
            "in_bin": self._in_bin,
            "next_test": self._next_test,
            "stands_still": self.stands_still,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a :meth:`state_dict`.

        Args:
            state: what ``state_dict`` returned.
        """
        self._size, self._in_bin = int(state["size"]), int(state["in_bin"])
        self._bins, self._sum = list(state["bins"]), float(state["sum"])
        self._next_test, self.stands_still = int(state["next_test"]), bool(state["stands_still"])
        self.count = len(self._bins) * self._size + self._in_bin
