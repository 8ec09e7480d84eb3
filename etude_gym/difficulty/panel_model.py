"""The model behind a calibration: what many learners' answers say about the difficulty of one family.

The expected score of a task with features x, for the ability of a lineage at one of its checkpoints, is

    mu = floor + (ceiling - floor) sigmoid(ability - difficulty),
    difficulty = intercept + x . coefficients + z . slopes[lineage],   coefficients >= 0.

Abilities and the slopes of lineages are random effects. They are integrated out by Laplace's approximation
(Tierney and Kadane 1986), whose gradient counts how the curvature at the mode changes. Variances follow
Schall's fixed point (Schall 1991, Biometrika 78) with the same correction; so does the penalty on curved
axes. The unit of ability is the logit, so there is no discrimination beside it. Graded scores enter by
quasi-likelihood with a dispersion (Wedderburn 1974; Papke and Wooldridge 1996).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.lineage_block import (
    SMALLEST_VARIANCE,
    Block,
    Lineage,
    Parameters,
    block_of,
    precision_of,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ITERATIONS = 100
TOLERANCE = 1e-4
LONGEST_STEP = 2.0
SMALLEST_PENALTY, LARGEST_PENALTY = 0.5, 1e6
MOST_LAPSES = 0.5
USUAL_LAPSES = 0.05
"""Standard deviation of the prior of lapses, half a normal one: few answers tell them from inability."""


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers of a panel to tasks of one family, as the model takes them.

    Attributes:
        features: float64, at least 0, shape (n, coefficients).
        slopes: float64 (n, k), features whose coefficients vary between lineages.
        scores: float64 in [0, 1], shape (n,).
        lineage: int64 (n,), 0 to the number of lineages less one.
        occasion: int64 (n,), the checkpoint within the lineage; each has an ability of its own.
    """

    features: Floats
    slopes: Floats
    scores: Floats
    lineage: Ints
    occasion: Ints


class PanelModel:
    """Fits the model to the answers of a panel.

    Args:
        answers: of the panel, to tasks of one family.
        floor: expected score of those who know nothing.
        smooth: groups of coefficients that are shrunk to a straight line, as slices of them.
        roughness: the penalty of a group, (c, c) for groups of c coefficients.
        lapses: whether there is a ceiling below 1.
        bounded: whether coefficients must not be negative.

    Raises:
        ValueError: for scores outside [0, 1], or fewer than two lineages.
    """

    def __init__(
        self,
        answers: Answers,
        *,
        floor: float = 0.0,
        smooth: Sequence[slice] = (),
        roughness: Floats | None = None,
        lapses: bool = True,
        bounded: bool = True,
    ) -> None:
        if len(answers.scores) == 0 or answers.scores.min() < 0.0 or answers.scores.max() > 1.0:
            raise ValueError("A panel needs answers, with scores in [0, 1].")
        if len(np.unique(answers.lineage)) < 2:
            raise ValueError("A calibration needs at least two lineages: a panel of different learners.")
        self.answers, self.floor, self.smooth, self.has_lapses = answers, floor, tuple(smooth), lapses
        self.bounded = bounded
        self.roughness = np.zeros((0, 0)) if roughness is None else roughness
        self.graded = bool(((answers.scores > 0.0) & (answers.scores < 1.0)).any())
        self.lineages = list(self._split(answers))

    @staticmethod
    def _split(answers: Answers) -> Iterator[Lineage]:
        order = np.argsort(answers.lineage, kind="stable")
        ends = np.flatnonzero(np.diff(answers.lineage[order])) + 1
        for rows in np.split(order, ends):
            names, occasion = np.unique(answers.occasion[rows], return_inverse=True)
            abilities = np.eye(len(names))[occasion]
            design = np.concatenate([abilities, -answers.slopes[rows]], axis=1)
            fixed = -np.concatenate([np.ones((len(rows), 1)), answers.features[rows]], axis=1)
            yield Lineage(design, fixed, answers.scores[rows], rows, len(names), np.zeros(design.shape[1]))

    def start(self) -> Parameters:
        """Where scoring starts: no axis matters much yet."""
        mean = np.clip(self.answers.scores.mean(), 0.02, 0.98)
        number = self.answers.features.shape[1]
        return Parameters(
            intercept=float(np.log((1.0 - mean) / mean)) - 1.0,
            coefficients=np.full(number, 0.5),
            lapses=0.02 if self.has_lapses else 0.0,
            ability_variance=1.0,
            slope_variances=np.full(self.answers.slopes.shape[1], 0.1),
            penalties=np.full(len(self.smooth), 10.0),
        )

    def fit(self, start: Parameters | None = None) -> Parameters:
        """Maximum likelihood, of the variances as well.

        Args:
            start: parameters that are near, as those of nearly the same answers.
        """
        parameters = start or self.start()
        for iteration in range(ITERATIONS):
            before = parameters
            blocks = [block_of(lineage, parameters, self.floor) for lineage in self.lineages]
            parameters, system = self._step(parameters, blocks)
            if iteration >= 3:
                parameters = self._with_variances(parameters, blocks, system)
            change = np.abs(parameters.vector - before.vector).max()
            spread = abs(np.log(parameters.ability_variance / before.ability_variance))
            if iteration > 5 and max(change, 0.1 * spread) < TOLERANCE:
                break
        return parameters

    def refit(
        self, parameters: Parameters, multiplicity: Floats, row_weights: Floats, steps: int = 10
    ) -> Parameters:
        """Estimates from other weights of lineages and answers: a bootstrap sample.

        Variances are held. Penalties are found anew: whether an axis looks straight is part of the chance.

        Args:
            parameters: estimates of all answers.
            multiplicity: float64 (lineages,), how often each lineage counts, in the order of their numbers.
            row_weights: float64 (n,), how often each answer counts within its lineage.
            steps: of scoring.
        """
        modes = [lineage.mode for lineage in self.lineages]
        parameters = replace(parameters, penalties=self.start().penalties)
        for _ in range(steps):
            blocks = []
            for lineage, number in zip(self.lineages, multiplicity.tolist(), strict=True):
                if number > 0:
                    block = block_of(lineage, parameters, self.floor, row_weights[lineage.rows])
                    blocks.append((lineage, block, number))
            parameters, system = self._step(
                parameters,
                [block for _, block, _ in blocks],
                [lineage for lineage, _, _ in blocks],
                [number for _, _, number in blocks],
            )
            parameters = replace(parameters, penalties=self._penalties(parameters, system))
        for lineage, mode in zip(self.lineages, modes, strict=True):
            lineage.mode = mode
        return parameters

    def log_likelihood(self, parameters: Parameters) -> float:
        """Laplace's approximation of the marginal log-likelihood, at the modes found last.

        Args:
            parameters: as fitted.
        """
        total = 0.0
        for lineage in self.lineages:
            precision = precision_of(lineage, parameters)
            block = block_of(lineage, parameters, self.floor)
            total += block.log_likelihood - 0.5 * float(lineage.mode**2 @ precision)
            total += 0.5 * float(np.linalg.slogdet(block.inverse)[1] + np.log(precision).sum())
        return total

    def covariance(self, parameters: Parameters) -> Floats:
        """Covariance of intercept, coefficients and lapses: of the curvature with penalties (Wood 2006).

        Args:
            parameters: as fitted.
        """
        system = self._penalty(parameters)
        for lineage in self.lineages:
            block = block_of(lineage, parameters, self.floor)
            system += block.curvature - block.cross.T @ (block.inverse @ block.cross)
        return np.asarray(np.linalg.pinv(system), dtype=np.float64)

    def effects(self, parameters: Parameters) -> tuple[list[Floats], list[Floats]]:
        """Modes of abilities and slopes of every lineage, and their covariances given the parameters.

        Args:
            parameters: as fitted.

        Returns:
            For each lineage, in order, float64 (occasions + k,) and (occasions + k, occasions + k).
        """
        blocks = [block_of(lineage, parameters, self.floor) for lineage in self.lineages]
        return [lineage.mode for lineage in self.lineages], [block.inverse for block in blocks]

    def _step(
        self,
        parameters: Parameters,
        blocks: Sequence[Block],
        lineages: Sequence[Lineage] | None = None,
        multiplicity: Sequence[float] | None = None,
    ) -> tuple[Parameters, Floats]:
        """One step of scoring, of the parameters and of the modes; also returns the parameters' curvature."""
        counts = [1.0] * len(blocks) if multiplicity is None else multiplicity
        penalty = self._penalty(parameters)
        system, gradient = penalty.copy(), -penalty @ parameters.vector
        for block, count in zip(blocks, counts, strict=True):
            solved = block.inverse @ block.cross
            system += count * (block.curvature - block.cross.T @ solved)
            gradient += count * (block.score - solved.T @ block.gradient)
        step = self._bounded(parameters.vector, system, gradient)
        step = _shortened(step)
        for lineage, block in zip(lineages or self.lineages, blocks, strict=True):
            lineage.mode = lineage.mode + _shortened(block.inverse @ (block.gradient - block.cross @ step))
        return parameters.moved_to(parameters.vector + step), system

    def _bounded(self, vector: Floats, system: Floats, gradient: Floats) -> Floats:
        """The step that maximizes the quadratic approximation within the bounds."""
        from scipy.optimize import lsq_linear

        lowest = 0.0 if self.bounded else -np.inf
        low = np.array([-np.inf, *[lowest] * (len(vector) - 2), 0.0]) - vector
        high = np.full(len(vector), np.inf)
        high[-1] = (MOST_LAPSES if self.has_lapses else 1e-12) - vector[-1]
        ridge = system + 1e-8 * np.eye(len(system)) * max(1.0, float(np.trace(system)) / len(system))
        root = np.linalg.cholesky(ridge).T
        target = np.linalg.solve(root.T, gradient)
        free = np.linalg.solve(root, target)
        if ((free >= low) & (free <= high)).all():
            return free
        step: Floats = lsq_linear(root, target, (low, high), method="bvls").x
        return step

    def _penalty(self, parameters: Parameters) -> Floats:
        size = len(parameters.coefficients)
        matrix = np.zeros((size + 2, size + 2))
        matrix[-1, -1] = USUAL_LAPSES**-2.0
        for group, penalty in zip(self.smooth, parameters.penalties.tolist(), strict=True):
            inside = slice(group.start + 1, group.stop + 1)
            matrix[inside, inside] += penalty * self.roughness
        return matrix

    def _with_variances(self, parameters: Parameters, blocks: Sequence[Block], system: Floats) -> Parameters:
        """Schall's update of variances and penalties, and the dispersion of graded scores."""
        slopes = len(parameters.slope_variances)
        variances = np.array([parameters.ability_variance, *parameters.slope_variances])
        squares, traces, numbers = (np.zeros(1 + slopes) for _ in range(3))
        for lineage, block in zip(self.lineages, blocks, strict=True):
            group = np.array([0] * lineage.occasions + list(range(1, slopes + 1)))
            np.add.at(squares, group, lineage.mode**2 + block.pulls * lineage.mode)
            np.add.at(traces, group, np.diag(block.inverse))
            np.add.at(numbers, group, 1.0)
        free = np.maximum(numbers - traces / np.maximum(variances, SMALLEST_VARIANCE), 1e-3 * numbers)
        updated = np.clip(squares / free, SMALLEST_VARIANCE, 100.0)
        updated = np.clip(updated, variances / 4.0, variances * 4.0)
        dispersion = 1.0
        if self.graded:
            dispersion = sum(block.squares for block in blocks) / sum(block.variance for block in blocks)
        return replace(
            parameters,
            ability_variance=float(updated[0]),
            slope_variances=np.maximum(updated[1:], SMALLEST_VARIANCE),
            penalties=self._penalties(parameters, system),
            dispersion=float(dispersion),
        )

    def _penalties(self, parameters: Parameters, system: Floats) -> Floats:
        covariance = np.linalg.pinv(system)
        updated = parameters.penalties.copy()
        for index, group in enumerate(self.smooth):
            inside = slice(group.start + 1, group.stop + 1)
            values = parameters.coefficients[group]
            penalty = float(updated[index])
            left = len(values) - 1 - penalty * float(np.sum(covariance[inside, inside] * self.roughness))
            rough = max(float(values @ self.roughness @ values), 1e-9)
            updated[index] = min(max(left / rough, SMALLEST_PENALTY), LARGEST_PENALTY)
        return updated


def _shortened(step: Floats) -> Floats:
    """A step that is not longer than allowed in any parameter."""
    return step * min(1.0, LONGEST_STEP / max(float(np.abs(step).max()), 1e-12))
