"""Fits a domain's calibration to the answers of a panel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.calibration import Calibration
from etude_gym.difficulty.curve import DifficultyCurve, even_points
from etude_gym.difficulty.family_fit import FamilyAnswers, FamilyFit, fit_family
from etude_gym.difficulty.space import DifficultySpace

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PanelAnswers:
    """Answers of a panel's lineages to probe tasks, in columns.

    Attributes:
        family: indices of families, int64 (n,).
        difficulty: float64 in [0, 1], shape (n, axes).
        scores: float64 in [0, 1], shape (n,).
        lineage: int64 (n,), 0 to the number of lineages less one.
        checkpoint: int64 (n,).
        item: int64 (n,), the same for the same task; -1 for a task that is nobody else's.
        names: of the lineages.
        kinds: of learner, one for each lineage.
        practiced: episodes that each lineage had practiced at each checkpoint, (lineages, checkpoints); NaN
            where that is not known.
    """

    family: Ints
    difficulty: Floats
    scores: Floats
    lineage: Ints
    checkpoint: Ints
    item: Ints
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    practiced: Floats

    def of_family(self, family: int) -> FamilyAnswers:
        """The answers to tasks of one family.

        Args:
            family: its index.
        """
        rows = self.family == family
        return FamilyAnswers(
            self.difficulty[rows],
            self.scores[rows],
            self.lineage[rows],
            self.checkpoint[rows],
            self.item[rows],
        )

    def kind_of(self, lineage: Ints) -> NDArray[np.str_]:
        """The kinds of learner behind numbers of lineages.

        Args:
            lineage: int64 (n,).
        """
        return np.array(self.kinds)[lineage]


def fit_calibration(
    domain: str,
    space: DifficultySpace,
    panel: PanelAnswers,
    floors: Sequence[float],
    *,
    resamples: int = 100,
    seed: int = 0,
    on_family: Callable[[str], None] = lambda _: None,
) -> tuple[Calibration, list[FamilyFit]]:
    """Fit every family, and how abilities in the families belong together.

    Args:
        domain: name of the domain with its version.
        space: axes and families.
        panel: answers of at least two lineages to tasks of every family.
        floors: what guessing is worth in each family.
        resamples: of the bootstrap behind intervals.
        seed: of the bootstrap.
        on_family: called with the name of each family before it is fitted.

    Returns:
        The calibration, its report still empty, and the fit of each family.

    Raises:
        ValueError: if a family has no answers or the panel a single lineage.
    """
    fits = []
    for index, family in enumerate(space.families):
        on_family(family)
        answers = panel.of_family(index)
        if len(answers.scores) == 0:
            raise ValueError(f"The panel has no answers to tasks of the family {family!r}.")
        fit = fit_family(answers, space.names, floor=floors[index], resamples=resamples, seed=seed)
        fits.append(replace(fit, curve=with_edges(fit.curve, len(space))))
    calibration = Calibration(
        domain,
        space.names,
        space.families,
        tuple(fit.curve for fit in fits),
        _correlations(fits),
        _drift(fits, panel.practiced),
    )
    return calibration, fits


def with_edges(curve: DifficultyCurve, axes: int) -> DifficultyCurve:
    """A curve with the quartiles of its difficulty over the whole space.

    Args:
        curve: of a family.
        axes: number of axes.
    """
    low, middle, high = np.quantile(curve.logits(even_points(axes)), [0.25, 0.5, 0.75]).tolist()
    return replace(curve, edges=(low, middle, high))


def abilities(fit: FamilyFit, lineages: int, checkpoints: int) -> tuple[Floats, Floats]:
    """Abilities of a panel in a family, and their error variances.

    Args:
        fit: of the family.
        lineages: number of them in the panel.
        checkpoints: number of them.

    Returns:
        float64 (lineages, checkpoints), NaN where there were no answers, and another such array.
    """
    values, variances = (np.full((lineages, checkpoints), np.nan) for _ in range(2))
    modes, covariances = fit.model.effects(fit.parameters)
    occasion = fit.model.answers.occasion
    for number, lineage in enumerate(fit.lineages.tolist()):
        at = np.unique(occasion[fit.model.answers.lineage == number])
        values[lineage, at] = modes[number][: len(at)]
        variances[lineage, at] = np.diag(covariances[number])[: len(at)]
    return values, variances


def _shape(fits: Sequence[FamilyFit]) -> tuple[int, int]:
    lineages = max(int(fit.lineages.max()) for fit in fits) + 1
    return lineages, max(int(fit.model.answers.occasion.max()) for fit in fits) + 1


def _correlations(fits: Sequence[FamilyFit]) -> tuple[tuple[float, ...], ...]:
    """Correlations of abilities in the families, corrected for their errors (Spearman 1904)."""
    size = len(fits)
    matrix = np.eye(size)
    found = [abilities(fit, *_shape(fits)) for fit in fits]
    for one in range(size):
        for other in range(one):
            known = ~np.isnan(found[one][0] + found[other][0])
            pair = np.corrcoef(found[one][0][known], found[other][0][known])[0, 1]
            reliability = 1.0
            for values, variances in (found[one], found[other]):
                spread = values[known].var()
                reliability *= spread / (spread + variances[known].mean())
            matrix[one, other] = matrix[other, one] = np.clip(pair / np.sqrt(reliability), -0.99, 0.99)
    values, vectors = np.linalg.eigh(np.nan_to_num(matrix))
    positive = (vectors * np.maximum(values, 1e-3)) @ vectors.T
    scale = np.sqrt(np.diag(positive))
    return tuple(map(tuple, (positive / np.outer(scale, scale)).tolist()))


def _drift(fits: Sequence[FamilyFit], practiced: Floats) -> float:
    """Variance that an ability gains for each episode of its family: a random walk's, less the errors."""
    squares, episodes = 0.0, 0.0
    for fit in fits:
        values, variances = abilities(fit, *practiced.shape)
        numbers = np.diff(practiced, axis=1) / len(fits)
        steps = np.diff(values, axis=1)
        errors = variances[:, 1:] + variances[:, :-1]
        known = ~np.isnan(steps + numbers)
        squares += float(np.maximum(steps[known] ** 2 - errors[known], 0.0).sum())
        episodes += float(numbers[known].sum())
    return squares / episodes if episodes > 0.0 else 0.0
