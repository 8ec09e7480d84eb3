"""Fits the calibrated difficulty of one family to the answers of a panel, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.curve import BOTH, EITHER, DifficultyCurve, Interaction
from etude_gym.difficulty.held_out import log_losses, predict
from etude_gym.difficulty.lineage_block import Parameters
from etude_gym.difficulty.monotone import COEFFICIENTS, ROUGHNESS, SHARES, curve_basis
from etude_gym.difficulty.panel_model import Answers, PanelModel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FOLDS = 4
"""Parts of the lineages that take turns in being held out, where interactions are tried."""
MOST_INTERACTIONS = 2
LEAST_GAIN = 4.0
"""Log-likelihood that an interaction has to gain: chance gives it in 5% where a dozen are tried."""


@dataclass(frozen=True, eq=False)
class FamilyAnswers:
    """Answers of a panel to tasks of one family.

    Attributes:
        difficulty: float64 in [0, 1], shape (n, axes).
        scores: float64 in [0, 1], shape (n,).
        lineage: int64 (n,).
        occasion: int64 (n,), the checkpoint.
        item: int64 (n,), the same for the same task; -1 for a task that is nobody else's.
    """

    difficulty: Floats
    scores: Floats
    lineage: Ints
    occasion: Ints
    item: Ints

    def __getitem__(self, rows: Ints | NDArray[np.bool_]) -> FamilyAnswers:
        return FamilyAnswers(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    @property
    def persons(self) -> Ints:
        """A number for each lineage at each of its checkpoints, int64 (n,)."""
        return self.lineage * (int(self.occasion.max()) + 1) + self.occasion


@dataclass(frozen=True, eq=False)
class FamilyFit:
    """A fitted family.

    Attributes:
        curve: what is shipped; its edges are still to be found.
        model: with the modes of all abilities.
        parameters: of the model.
        lineages: numbers of the lineages, in the model's order.
        intervals: 95% bootstrap intervals by name of the parameter.
    """

    curve: DifficultyCurve
    model: PanelModel
    parameters: Parameters
    lineages: Ints
    intervals: dict[str, tuple[float, float]]


def fit_family(
    answers: FamilyAnswers, names: Sequence[str], *, floor: float, resamples: int = 100, seed: int = 0
) -> FamilyFit:
    """Fit a family, try interactions, and bootstrap over lineages and common tasks.

    Args:
        answers: of the panel.
        names: of the axes.
        floor: measured score of those who know nothing.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        ValueError: as ``PanelModel`` does.
    """
    fit = _best_interactions(answers, floor)
    return replace(fit, intervals=_intervals(answers, fit, names, resamples, seed))


def fit_curve(
    answers: FamilyAnswers,
    floor: float,
    interactions: tuple[Interaction, ...] = (),
    start: Parameters | None = None,
    *,
    bounded: bool = True,
) -> FamilyFit:
    """Fit a family with given interactions, without intervals.

    Args:
        answers: of the panel, or of a part of it.
        floor: measured score of those who know nothing.
        interactions: to fit; their coefficients are ignored.
        start: parameters of nearly the same model.
        bounded: whether coefficients must not be negative.
    """
    lineages, number = np.unique(answers.lineage, return_inverse=True)
    axes = answers.difficulty.shape[1]
    model = PanelModel(
        Answers(
            _features(answers.difficulty, interactions),
            answers.difficulty - 0.5,
            answers.scores,
            number,
            answers.occasion,
        ),
        floor=floor,
        smooth=[slice(COEFFICIENTS * axis, COEFFICIENTS * (axis + 1)) for axis in range(axes)],
        roughness=ROUGHNESS,
        bounded=bounded,
    )
    if start is not None:
        room = model.answers.features.shape[1] - len(start.coefficients)
        start = replace(start, coefficients=np.concatenate([start.coefficients, np.full(room, 0.1)]))
    parameters = model.fit(start)
    return FamilyFit(_curve(parameters, floor, axes, interactions), model, parameters, lineages, {})


def _features(difficulty: Floats, interactions: Sequence[Interaction]) -> Floats:
    curves = curve_basis(difficulty).reshape(len(difficulty), -1)
    return np.concatenate([curves, *(each.feature(difficulty)[:, None] for each in interactions)], axis=1)


def _curve(
    parameters: Parameters, floor: float, axes: int, interactions: Sequence[Interaction]
) -> DifficultyCurve:
    curves = parameters.coefficients[: axes * COEFFICIENTS].reshape(axes, COEFFICIENTS)
    others = parameters.coefficients[axes * COEFFICIENTS :]
    return DifficultyCurve(
        floor=floor,
        ceiling=1.0 - parameters.lapses,
        intercept=parameters.intercept,
        coefficients=tuple(tuple(axis) for axis in curves.tolist()),
        interactions=tuple(
            replace(each, coefficient=value)
            for each, value in zip(interactions, others.tolist(), strict=True)
        ),
        edges=(0.0, 0.0, 0.0),
        ability_deviation=float(np.sqrt(parameters.ability_variance)),
        slope_deviations=tuple(np.sqrt(parameters.slope_variances).tolist()),
    )


def _best_interactions(answers: FamilyAnswers, floor: float) -> FamilyFit:
    """Add the most likely interaction as long as the loss of held-out lineages falls by twice its error."""
    fit = fit_curve(answers, floor)
    axes = answers.difficulty.shape[1]
    tried = [Interaction(pair, kind) for pair in combinations(range(axes), 2) for kind in (BOTH, EITHER)]
    losses = None
    for _ in range(min(MOST_INTERACTIONS, len(tried))):
        chosen = fit.curve.interactions
        likelihood, best = fit.model.log_likelihood(fit.parameters), None
        for each in tried:
            if any(each.axes == other.axes for other in chosen):
                continue
            larger = fit_curve(answers, floor, (*chosen, each), fit.parameters)
            found = larger.model.log_likelihood(larger.parameters)
            if found > likelihood + LEAST_GAIN:
                likelihood, best = found, larger
        if best is None:
            return fit
        if losses is None:
            losses = _losses(answers, floor, fit)
        with_it = _losses(answers, floor, best)
        gain = losses - with_it
        if gain.mean() < 2.0 * gain.std(ddof=1) / np.sqrt(len(gain)):
            return fit
        fit, losses = best, with_it
    return fit


def _losses(answers: FamilyAnswers, floor: float, fit: FamilyFit) -> Floats:
    """Mean log loss of each lineage under the curve of the others, shape (lineages,)."""
    lineages, number = np.unique(answers.lineage, return_inverse=True)
    losses = np.empty(len(answers.scores))
    folds = min(FOLDS, len(lineages))
    for fold in range(folds):
        held = number % folds == fold
        if len(np.unique(number[~held])) < 2:
            continue
        curve = fit_curve(answers[~held], floor, fit.curve.interactions, fit.parameters).curve
        rest = answers[held]
        expected = predict(curve, curve.logits(rest.difficulty), rest.scores, rest.persons)
        losses[held] = log_losses(rest.scores, expected)
    return np.bincount(number, losses) / np.bincount(number)


def _intervals(
    answers: FamilyAnswers, fit: FamilyFit, names: Sequence[str], resamples: int, seed: int
) -> dict[str, tuple[float, float]]:
    """Intervals from resampled lineages and common tasks (Owen 2007, Annals of Applied Statistics 1).

    Student's t, as percentiles are too narrow for some dozens of lineages. The standard error is the
    bootstrap's, or the curvature's where that is larger: at its bounds a resampled parameter hardly moves.
    """
    from scipy.special import stdtrit

    random = np.random.default_rng(seed)
    lineages = len(fit.lineages)
    items, item = np.unique(answers.item, return_inverse=True)
    fresh = answers.item < 0
    labels, directions = _directions(fit.curve, names)
    found = []
    for _ in range(resamples):
        multiplicity = np.bincount(random.integers(0, lineages, lineages), minlength=lineages)
        tasks = np.bincount(random.integers(0, len(items), len(items)), minlength=len(items))
        weights = np.where(fresh, 1.0, tasks[item])
        again = fit.model.refit(fit.parameters, multiplicity.astype(np.float64), weights)
        found.append(directions @ again.vector)
    covariance = fit.model.covariance(fit.parameters)
    curved = np.sqrt(np.einsum("ij,jk,ik->i", directions, covariance, directions))
    factor = float(stdtrit(lineages - 1, 0.975)) * np.sqrt(lineages / (lineages - 1))
    widths = factor * np.maximum(np.std(found, axis=0, ddof=1), curved)
    intervals = {}
    for label, value, width in zip(
        labels, (directions @ fit.parameters.vector).tolist(), widths.tolist(), strict=True
    ):
        low, high = value - width, value + width
        intervals[label] = (low, high) if label == "intercept" else (max(low, 0.0), high)
    low, high = intervals["ceiling"]
    intervals["ceiling"] = (max(1.0 - high, fit.curve.floor), 1.0 - low)
    return intervals


def _directions(curve: DifficultyCurve, names: Sequence[str]) -> tuple[list[str], Floats]:
    """What intervals are given for, and the sums of the model's parameters that they are.

    The ceiling's is the sum of lapses, which it falls with.
    """
    axes = len(names)
    size = axes * COEFFICIENTS + len(curve.interactions) + 2
    rows = np.zeros((2 + axes + len(curve.interactions), size))
    rows[0, 0], rows[1, -1] = 1.0, 1.0
    for axis in range(axes):
        rows[2 + axis, 1 + axis * COEFFICIENTS : 1 + (axis + 1) * COEFFICIENTS] = SHARES
    for index in range(len(curve.interactions)):
        rows[2 + axes + index, 1 + axes * COEFFICIENTS + index] = 1.0
    others = [f"{each.kind} {names[each.axes[0]]} and {names[each.axes[1]]}" for each in curve.interactions]
    return ["intercept", "ceiling", *names, *others], rows
