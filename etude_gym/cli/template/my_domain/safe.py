"""One episode of MyDomain-v0: the rules, the score and the reference solution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from etude_gym import Episode
from etude_gym.randomness import as_words, uniform

DIGITS = 10
SHORTEST, LONGEST = 4, 8
MOST_TURN = 2
SPARE_STEPS = 3

OBSERVATION_SIZE = 2 * DIGITS + MOST_TURN + 1 + 3


class Safe(Episode):
    """Enter a code digit by digit; a wrong one ends the episode. No key works twice in a row.

    Args:
        code: digits as they are shown; no two neighbors are equal.
        turn: what is added to each of them, modulo 10, before it is entered.
        backward: whether the code is entered from its end.
    """

    def __init__(self, code: list[int], turn: int, backward: bool) -> None:
        self.code, self.turn, self.backward = code, turn, backward
        self.entered: list[int] = []
        self.steps_left = len(code) + SPARE_STEPS

    @property
    def left(self) -> list[int]:
        """Digits that are left to enter, as they are shown."""
        done = len(self.entered)
        return self.code[: len(self.code) - done] if self.backward else self.code[done:]

    @property
    def shown(self) -> int:
        """The digit that is next, as it is shown."""
        return self.left[-1 if self.backward else 0] if self.left else 0

    def observe(self) -> NDArray[np.float32]:
        """The first and the last digit that are left and the turn, one-hot; direction, digits, steps."""
        seen = np.zeros(OBSERVATION_SIZE, dtype=np.float32)
        if self.left:
            seen[self.left[0]] = 1.0
            seen[DIGITS + self.left[-1]] = 1.0
        seen[2 * DIGITS + self.turn] = 1.0
        seen[-3:] = self.backward, len(self.left) / LONGEST, self.steps_left / (LONGEST + SPARE_STEPS)
        return seen

    def action_mask(self) -> NDArray[np.int8]:
        mask = np.ones(DIGITS, dtype=np.int8)
        if self.entered:
            mask[self.entered[-1]] = 0
        return mask

    def act(self, action: int) -> None:
        right = action == self.oracle_action()
        if right:
            self.entered.append(action)
            self.score = len(self.entered) / len(self.code)
        self.waste()
        self.over |= not right or self.solved

    def waste(self) -> None:
        self.steps_left -= 1
        self.over = self.steps_left == 0

    def oracle_action(self) -> int:
        return (self.shown + self.turn) % DIGITS

    def literal_action(self) -> int:
        """What somebody enters who forgets the turn: the digit as it is shown."""
        return self.shown

    def metrics(self) -> dict[str, float]:
        return {"digits": len(self.code), "turn": self.turn}


def make_safe(key: int, length: float, turn: float, backward: bool) -> Safe:
    """Make a task: a pure function of its arguments.

    Axes are continuous and digits are not, so a fraction of a digit is the probability of one more.

    Args:
        key: of the task, the source of all its randomness.
        length: in [0, 1], from 4 to 8 digits.
        turn: in [0, 1], from 0 to 2.
        backward: whether the code is entered from its end.
    """
    numbers = uniform(as_words(key), np.arange(2 + LONGEST)).tolist()
    digits = int(SHORTEST + (LONGEST - SHORTEST) * length + numbers[0])
    code = [int(numbers[2] * DIGITS)]
    for number in numbers[3 : 2 + digits]:
        code.append((code[-1] + 1 + int(number * (DIGITS - 1))) % DIGITS)
    return Safe(code, int(MOST_TURN * turn + numbers[1]), backward)
