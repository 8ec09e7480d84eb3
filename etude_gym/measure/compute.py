"""The compute meter: one ledger of what training cost, line by line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from etude_gym.errors import check_name

LINES = {
    "rollout": "forward passes that choose practice actions",
    "update": "forward and backward passes that change the learner",
    "value": "value and bootstrap passes outside the updates",
    "curriculum": "the task sampler's own models; steps of the reference solver where episodes start",
    "repeated": "work done again after an interruption or a failure",
    "evaluation": "scoring on anchor tasks; never part of training",
}
TOKEN_UNITS = ("tokens_in", "tokens_out", "tokens_cached", "requests")
"""What a language model's endpoint is asked for; cached tokens are among those that went in."""
UNITS = ("flops", "env_steps", *TOKEN_UNITS, "cpu_seconds", "wall_seconds")
RETIRED_UNITS = ("tokens",)
"""In ledgers of earlier versions, where nothing was ever booked on them: not read."""
AXES = {"flops": ("flops",), "tokens": ("tokens_in", "tokens_out")}
"""Units that an axis of learning curves adds up; a curve has one of them."""
UNIT_NAMES = {"flops": "FLOPs"}
TRAINING_LINES = ("rollout", "update", "value", "curriculum")


def unit_name(unit: str) -> str:
    """A unit of compute as it is written in texts.

    Args:
        unit: one of ``UNITS`` or ``AXES``.
    """
    return UNIT_NAMES.get(unit, unit.replace("_", " "))


class ComputeMeter:
    """The ledger of one run.

    A multiply-add counts as two FLOPs. ``training`` is the axis of learning curves; ``spent`` adds the
    work that an interruption made the run do again. Evaluation is kept apart from both.
    """

    def __init__(self) -> None:
        self._amounts = {line: dict.fromkeys(UNITS, 0.0) for line in LINES}

    def add(self, line: str, **amounts: float) -> None:
        """Add amounts to a line.

        Args:
            line: one of ``LINES``.
            amounts: by unit, one of ``UNITS``; not negative.

        Raises:
            ValueError: for a line or unit that does not exist, or a negative or non-finite amount.
        """
        for unit, amount in amounts.items():
            _check(line, unit, amount)
        for unit, amount in amounts.items():
            self._amounts[line][unit] += amount

    def set_totals(self, unit: str, totals: Mapping[str, float]) -> None:
        """Replace the amounts of some lines by running totals that a learner keeps itself.

        Args:
            unit: one of ``UNITS``.
            totals: amount since the start of the run by line, not negative; other lines stay as they are.

        Raises:
            ValueError: as ``add`` does.
        """
        for line, total in totals.items():
            _check(line, unit, total)
        for line, total in totals.items():
            self._amounts[line][unit] = float(total)

    def amount(self, line: str, unit: str) -> float:
        """What one line holds of one unit.

        Args:
            line: one of ``LINES``.
            unit: one of ``UNITS``.

        Raises:
            ValueError: for a line or unit that does not exist.
        """
        return self._amounts[check_name("line of the compute ledger", line, LINES)][
            check_name("unit of compute", unit, UNITS)
        ]

    def training(self, unit: str = "flops") -> float:
        """Compute that trained the learner: rollouts, updates, value passes and the curriculum.

        Args:
            unit: one of ``UNITS``.
        """
        return sum(self.amount(line, unit) for line in TRAINING_LINES)

    def axis(self, unit: str, lines: Sequence[str] = TRAINING_LINES) -> float:
        """Training compute so far on the axis of a learning curve.

        Args:
            unit: "flops"; or "tokens", those read and written, for models whose size is not known.
            lines: of the ledger that count.
        """
        parts = AXES[check_name("axis of compute", unit, AXES)]
        return sum(self.amount(line, part) for part in parts for line in lines)

    def spent(self, unit: str = "flops") -> float:
        """Training compute, and what was done again after interruptions.

        Args:
            unit: one of ``UNITS``.
        """
        return self.training(unit) + self.amount("repeated", unit)

    def state_dict(self) -> dict[str, dict[str, float]]:
        """The whole ledger: amounts by line and unit."""
        return {line: dict(amounts) for line, amounts in self._amounts.items()}

    def load_state_dict(self, state: Mapping[str, Mapping[str, Any]]) -> None:
        """Restore what ``state_dict`` returned.

        Args:
            state: amounts by line and unit.
        """
        for line, amounts in state.items():
            for unit, amount in amounts.items():
                if unit not in RETIRED_UNITS:
                    self.set_totals(unit, {line: float(amount)})

    @classmethod
    def from_state(cls, state: Mapping[str, Mapping[str, Any]]) -> ComputeMeter:
        """A ledger that ``state_dict`` returned.

        Args:
            state: amounts by line and unit.
        """
        meter = cls()
        meter.load_state_dict(state)
        return meter

    def add_repeated(self, before: Mapping[str, Mapping[str, float]]) -> None:
        """Book as repeated the training that was lost in an interruption and will be done again.

        Args:
            before: the ledger at the interruption, as ``state_dict`` returns it; what it holds in training
                beyond this ledger, which stands at the last checkpoint, was lost.
        """
        at_interruption = ComputeMeter.from_state(before)
        for unit in UNITS:
            lost = at_interruption.training(unit) - self.training(unit)
            done_again_before = at_interruption.amount("repeated", unit) - self.amount("repeated", unit)
            self.add("repeated", **{unit: max(lost, 0.0) + max(done_again_before, 0.0)})


def _check(line: str, unit: str, amount: float) -> None:
    check_name("line of the compute ledger", line, LINES)
    check_name("unit of compute", unit, UNITS)
    if not 0 <= amount < float("inf"):
        raise ValueError(f"An amount of compute must be finite and not negative, got {unit}={amount!r}.")
