"""Calibrated difficulty of a family: what each axis costs in logits, and the score to expect."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.monotone import COEFFICIENTS, SHARES, curve_basis

Floats = NDArray[np.float64]

BOTH, EITHER = "both", "either"
EVEN_POINTS = 1 << 14


@functools.cache
def even_points(axes: int) -> Floats:
    """Points spread evenly over the space of a family, as its tasks are: Sobol' points (Sobol' 1967).

    Args:
        axes: number of axes.

    Returns:
        float64 in [0, 1], shape (16384, axes), not to be written to.
    """
    from scipy.stats import qmc

    points: Floats = qmc.Sobol(axes, rng=np.random.default_rng(0)).random(EVEN_POINTS)
    points.flags.writeable = False
    return points


@dataclass(frozen=True)
class Interaction:
    """Two axes that together cost more, or less, than each by itself.

    Both kinds rise with both axes, so difficulty stays monotone: "both" is the product of two axes,
    "either" is 1 - (1 - x) (1 - z).

    Attributes:
        axes: indices of the two.
        kind: "both" or "either".
        coefficient: logits, at least 0.
    """

    axes: tuple[int, int]
    kind: str
    coefficient: float = 0.0

    def feature(self, difficulty: Floats) -> Floats:
        """What the coefficient multiplies.

        Args:
            difficulty: float64 in [0, 1], shape (..., axes).

        Returns:
            float64 of shape (...).
        """
        one, other = difficulty[..., self.axes[0]], difficulty[..., self.axes[1]]
        product: Floats = one * other if self.kind == BOTH else 1.0 - (1.0 - one) * (1.0 - other)
        return product


@dataclass(frozen=True)
class DifficultyCurve:
    """The calibrated difficulty of one family.

    The expected score is floor + (ceiling - floor) sigmoid(ability - difficulty), and difficulty is the
    intercept, a monotone curve for each axis, and interactions.

    Attributes:
        floor: score of those who know nothing, measured.
        ceiling: score of those who can do all, below 1 where they lapse.
        intercept: difficulty of the easiest task, in logits; the mean ability of the panel is 0.
        coefficients: of the curve of each axis, see ``etude_gym.difficulty.monotone``.
        interactions: those that lower held-out loss.
        edges: quartiles of difficulty over the family's tasks: where one band ends and the next begins.
        ability_deviation: standard deviation of abilities over the panel.
        slope_deviations: of what an axis costs, between lineages.
    """

    floor: float
    ceiling: float
    intercept: float
    coefficients: tuple[tuple[float, ...], ...]
    interactions: tuple[Interaction, ...]
    edges: tuple[float, float, float]
    ability_deviation: float
    slope_deviations: tuple[float, ...]

    @property
    def weights(self) -> Floats:
        """Logits that each axis costs from its lowest to its highest value, without interactions."""
        return np.array(self.coefficients) @ SHARES

    def parts(self, difficulty: Floats) -> Floats:
        """Logits that each axis costs by itself.

        Args:
            difficulty: float64 in [0, 1], shape (..., axes).

        Returns:
            float64 of shape (..., axes).
        """
        costs: Floats = (curve_basis(difficulty) * np.array(self.coefficients)).sum(axis=-1)
        return costs

    def logits(self, difficulty: Floats) -> Floats:
        """Difficulty on the scale of ability.

        Args:
            difficulty: float64 in [0, 1], shape (..., axes).

        Returns:
            float64 of shape (...).
        """
        total = self.intercept + self.parts(difficulty).sum(axis=-1)
        for each in self.interactions:
            total = total + each.coefficient * each.feature(difficulty)
        return np.asarray(total, dtype=np.float64)

    def expected(self, ability: Floats, logits: Floats) -> Floats:
        """Expected score.

        Args:
            ability: in logits, of a shape that broadcasts against the other.
            logits: difficulty of tasks, as ``logits`` returns it.
        """
        p = 0.5 + 0.5 * np.tanh(0.5 * (np.asarray(ability) - logits))
        return np.asarray(self.floor + (self.ceiling - self.floor) * p, dtype=np.float64)

    def record(self) -> dict[str, Any]:
        """The curve as JSON holds it."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> DifficultyCurve:
        """The curve that ``record`` describes.

        Args:
            record: see ``record``.

        Raises:
            KeyError, TypeError, ValueError: if it describes none.
        """
        values = {each.name: record[each.name] for each in fields(cls)}
        low, middle, high = map(float, values["edges"])
        curve = cls(
            **{
                **values,
                "coefficients": tuple(tuple(map(float, axis)) for axis in values["coefficients"]),
                "interactions": tuple(
                    Interaction(
                        (int(each["axes"][0]), int(each["axes"][1])), each["kind"], each["coefficient"]
                    )
                    for each in values["interactions"]
                ),
                "edges": (low, middle, high),
                "slope_deviations": tuple(map(float, values["slope_deviations"])),
            }
        )
        numbers = np.array(curve.coefficients)
        if numbers.ndim != 2 or numbers.shape[1] != COEFFICIENTS or not (numbers >= 0.0).all():
            raise ValueError(f"each axis needs {COEFFICIENTS} coefficients, none below 0")
        if not 0.0 <= curve.floor < curve.ceiling <= 1.0 or not low <= middle <= high:
            raise ValueError("floor, ceiling or the edges of bands are out of order")
        return curve
