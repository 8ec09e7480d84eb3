"""Whether a calibration can be trusted: figures against what is asked of one, and a verdict in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.calibration_fit import PanelAnswers
from etude_gym.difficulty.curve import DifficultyCurve
from etude_gym.difficulty.family_fit import FOLDS, FamilyAnswers, FamilyFit, fit_curve
from etude_gym.difficulty.held_out import calibration_slope, log_losses, predict
from etude_gym.difficulty.item_response import ItemFit, fit_items
from etude_gym.difficulty.monotone import COEFFICIENTS, curve_basis

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_GAP = 0.95
LEAST_R2 = 0.9
SLOPES = (0.9, 1.1)
MOST_DIF = 0.43
CURVE_PER_KIND = 0.64
"""Differential functioning, in logits, from which each kind of learner needs a curve of its own."""
MOST_Q3 = 0.2
MOST_FALL = 0.1
"""Logits that a curve may fall by without its bounds and still count as monotone."""
LEAST_GAIN = 3.3
"""Log-likelihood that a fit without bounds has to gain before its falls count: chance gives it in 1%."""
LEAST_EFFECT = 0.1
"""Logits, at the upper end of the interval, below which an axis does not make tasks harder."""


@dataclass(frozen=True)
class Check:
    """One figure against what is asked.

    Attributes:
        name: what was measured, in words.
        family: of the tasks.
        value: what came out; NaN where the panel does not allow it.
        asked: what is asked, in words.
        passed: whether it is met.
        note: what else there is to say.
    """

    name: str
    family: str
    value: float
    asked: str
    passed: bool
    note: str = ""

    def record(self) -> dict[str, Any]:
        """The check as JSON holds it."""
        return {**asdict(self), "value": None if np.isnan(self.value) else self.value}


@dataclass(frozen=True, eq=False)
class FamilyChecks:
    """The checks of a family, and what their picture shows.

    Attributes:
        checks: the figures.
        calibrated: difficulty of the common tasks by the curve, in logits, shape (items,).
        free: their difficulty when each may have its own, on the same scale, shape (items,).
        errors: standard errors of the latter.
        expected: predictions for the kinds that were left out, shape (n,).
        scores: what they scored, shape (n,).
    """

    checks: tuple[Check, ...]
    calibrated: Floats
    free: Floats
    errors: Floats
    expected: Floats
    scores: Floats


def check_family(
    family: str, fit: FamilyFit, answers: FamilyAnswers, panel: PanelAnswers, names: Sequence[str]
) -> FamilyChecks:
    """Measure how well the curve of a family holds.

    Args:
        family: its name.
        fit: of the family.
        answers: of the panel, to its tasks.
        panel: the panel, for the kinds of learners.
        names: of the axes.
    """
    common = answers[answers.item >= 0]
    items, table, levels = _table(common)
    free = fit_items(table, floor=fit.curve.floor, ceiling=fit.curve.ceiling)
    calibrated = fit.curve.logits(levels)
    difficulty = free.difficulty * free.slopes
    errors = np.hypot(free.errors, 1e-3)
    explained, spread = _explained(calibrated, difficulty, errors)
    gap, slope, expected, scores = _left_out_kinds(fit, answers, panel, items)
    largest, where = _differential_functioning(fit, panel, names)
    checks = (
        _at_least("log-loss gap closed for kinds left out", family, gap, LEAST_GAP),
        _at_least(
            "R2 on free item difficulties",
            family,
            explained,
            LEAST_R2,
            f"tasks alike in difficulty differ by {spread:.2f} logits",
        ),
        Check(
            "calibration slope", family, slope, f"{SLOPES[0]} to {SLOPES[1]}", SLOPES[0] <= slope <= SLOPES[1]
        ),
        Check(
            "largest difference between kinds",
            family,
            largest,
            f"< {MOST_DIF} logits",
            np.isnan(largest) or largest < MOST_DIF,
            where + ("; each kind needs a curve of its own" if largest > CURVE_PER_KIND else ""),
        ),
        _q3_check(family, table, free, fit),
        *_axis_checks(family, fit, answers, names),
    )
    return FamilyChecks(checks, calibrated, difficulty, errors, expected, scores)


def verdict(checks: Sequence[Check]) -> str:
    """ "calibrated", or what is missing, in words.

    Args:
        checks: of all families.
    """
    missed = [
        f"{each.name} ({each.family}): {each.value:.3g}, asked {each.asked}"
        + (f" ({each.note})" if each.note else "")
        for each in checks
        if not each.passed
    ]
    return "calibrated" if not missed else "not calibrated. " + "; ".join(missed)


def _at_least(name: str, family: str, value: float, least: float, note: str = "") -> Check:
    return Check(name, family, value, f">= {least}", bool(value >= least), note)


def _table(common: FamilyAnswers) -> tuple[Ints, Floats, Floats]:
    """Common tasks as a table of persons by items, and the difficulty of the items."""
    items, first, item = np.unique(common.item, return_index=True, return_inverse=True)
    persons, person = np.unique(common.persons, return_inverse=True)
    table = np.full((len(persons), len(items)), np.nan)
    table[person, item] = common.scores
    return items, table, common.difficulty[first]


def _explained(calibrated: Floats, free: Floats, errors: Floats) -> tuple[float, float]:
    """What the curve explains of free difficulties, and what it leaves, their errors taken off.

    Each item is weighted by what is known of it.

    Returns:
        The share of their variance, and the standard deviation in logits of what is left.
    """
    weights = errors**-2.0 / np.sum(errors**-2.0)
    covariance = np.cov(calibrated, free, aweights=weights)
    if covariance[0, 0] <= 0.0:
        return 0.0, float(np.sqrt(covariance[1, 1]))
    left = covariance[1, 1] - covariance[0, 1] ** 2 / covariance[0, 0]
    noise = float(weights @ errors**2)
    unexplained = max(float(left) - noise, 0.0)
    return 1.0 - unexplained / max(float(covariance[1, 1]) - noise, 1e-12), unexplained**0.5


def _left_out_kinds(
    fit: FamilyFit, answers: FamilyAnswers, panel: PanelAnswers, items: Ints
) -> tuple[float, float, Floats, Floats]:
    """Fit without each kind of learner, and predict the answers of that kind to common tasks.

    The null model knows abilities and no difficulty; the saturated one the difficulty that every task has for
    the other lineages.

    Returns:
        Share of the gap that is closed, calibration slope, predictions, scores.
    """
    kinds = panel.kind_of(answers.lineage)
    losses = np.zeros(2)
    predictions, scores, curve = [], [], fit.curve
    for kind in np.unique(kinds):
        rest, own = answers[kinds != kind], answers[(kinds == kind) & (answers.item >= 0)]
        if len(np.unique(rest.lineage)) < 2 or len(own.scores) == 0:
            continue
        curve = fit_curve(rest, fit.curve.floor, fit.curve.interactions, fit.parameters).curve
        logits = curve.logits(own.difficulty)
        expected = predict(curve, logits, own.scores, own.persons)
        null = predict(curve, np.full_like(logits, logits.mean()), own.scores, own.persons)
        losses += log_losses(own.scores, null).sum(), log_losses(own.scores, expected).sum()
        predictions.append(expected)
        scores.append(own.scores)
    if not predictions:
        return float("nan"), float("nan"), np.zeros(0), np.zeros(0)
    expected, observed = np.concatenate(predictions), np.concatenate(scores)
    least = _saturated_loss(fit.curve, answers[answers.item >= 0], items)
    gap = (losses[0] - losses[1]) / (losses[0] - least)
    return float(gap), calibration_slope(curve, observed, expected), expected, observed


def _saturated_loss(curve: DifficultyCurve, common: FamilyAnswers, items: Ints) -> float:
    """Log loss where every common task has its own difficulty, found on other lineages."""
    _, number = np.unique(common.lineage, return_inverse=True)
    folds = min(FOLDS, int(number.max()) + 1)
    total = 0.0
    for fold in range(folds):
        own, rest = common[number % folds == fold], common[number % folds != fold]
        known, table, _ = _table(rest)
        free = fit_items(table, floor=curve.floor, ceiling=curve.ceiling)
        item = np.searchsorted(known, own.item)
        standard = replace(curve, ability_deviation=1.0)
        expected = predict(standard, -free.easiness[item], own.scores, own.persons, free.slopes[item])
        total += float(log_losses(own.scores, expected).sum())
    return total


def _differential_functioning(fit: FamilyFit, panel: PanelAnswers, names: Sequence[str]) -> tuple[float, str]:
    """The largest difference of what an axis costs one kind of learner from what it costs all, in logits."""
    modes, _ = fit.model.effects(fit.parameters)
    slopes = np.array([mode[len(mode) - len(names) :] for mode in modes])
    kinds = panel.kind_of(fit.lineages)
    if len(np.unique(kinds)) < 2:
        return float("nan"), "one kind of learner"
    differences = np.array([slopes[kinds == kind].mean(axis=0) for kind in np.unique(kinds)])
    differences -= differences.mean(axis=0)
    kind, axis = np.unravel_index(np.abs(differences).argmax(), differences.shape)
    return float(np.abs(differences[kind, axis])), f"{names[axis]}, {np.unique(kinds)[kind]}"


def _q3_check(family: str, table: Floats, free: ItemFit, fit: FamilyFit) -> Check:
    """Residual correlations of pairs of tasks (Yen 1984) less their mean (Christensen et al. 2017)."""
    expected = fit.curve.expected(free.abilities[:, None] * free.slopes, -free.easiness)
    residuals = table - expected
    residuals = residuals[~np.isnan(residuals).any(axis=1)]
    telling = (np.abs(expected.mean(axis=0) - 0.5) < 0.4) & (np.nanstd(table, axis=0) > 0.1)
    residuals = residuals[:, telling]
    value = float("nan")
    if len(residuals) > 2 and residuals.shape[1] > 2:
        matrix = np.asarray(np.corrcoef(residuals.T))
        correlations = matrix[np.triu_indices(residuals.shape[1], 1)]
        value = float(np.quantile(np.abs(correlations - correlations.mean()), 0.99))
    chance = 3.0 / np.sqrt(max(len(residuals), 1))
    return Check(
        "Q3, residual correlations, 99th percentile",
        family,
        value,
        f"< {MOST_Q3}",
        bool(np.isnan(value) or value < max(MOST_Q3, chance)),
        f"{chance:.2f} by chance alone",
    )


def _axis_checks(family: str, fit: FamilyFit, answers: FamilyAnswers, names: Sequence[str]) -> list[Check]:
    """Whether every axis makes tasks harder, all along: fitted once more without bounds."""
    free = fit_curve(answers, fit.curve.floor, fit.curve.interactions, fit.parameters, bounded=False)
    gain = free.model.log_likelihood(free.parameters) - fit.model.log_likelihood(fit.parameters)
    grid = curve_basis(np.linspace(0.0, 1.0, 101))
    checks = []
    for axis, name in enumerate(names):
        curve = grid @ free.parameters.coefficients[COEFFICIENTS * axis : COEFFICIENTS * (axis + 1)]
        fall = float((np.maximum.accumulate(curve) - curve).max()) if gain > LEAST_GAIN else 0.0
        high = fit.intervals[name][1]
        note = "has no effect" if high < LEAST_EFFECT else ""
        checks.append(
            Check(
                f"fall along {name}",
                family,
                fall,
                f"<= {MOST_FALL} logits",
                fall <= MOST_FALL and not note,
                note,
            )
        )
    return checks
