"""Which skills are prerequisites of others, and which only come earlier because they are easier.

Few counterexamples prove nothing: with one common ability whoever masters the harder skill masters the
easier one. So inductive item tree analysis only proposes. A proposed pair is a prerequisite if enough
lineages master the second skill, the pair returns in bootstraps over lineages, another skill that is as easy
as the first is lacking significantly more often where the second is mastered, and models with the order
explain the states better than abilities without it (Schwarz 1978). All else is a difficulty order. What
confirms a prerequisite is an experiment: ``etude transfer``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from etude_gym.measure.item_tree import PAIRS, SECOND_ONLY, ItemTree, Relation, count_pairs, item_tree
from etude_gym.measure.mastery import SkillScores
from etude_gym.measure.mastery_models import MasteryFit, competing, fit_mastery

MASTERS = 60
"""Lineages that master the second skill, at least: no counterexample among them bounds the rate by .05."""
FREQUENCY = 0.8
"""Share of bootstraps that propose the pair, at least."""
SIGNIFICANCE = 0.05
AS_EASY = (-0.02, 0.1)
"""How much the mean score of a placebo may differ from that of the first: hardly lower, a bit higher."""
POSITIVE = 2.0
"""Difference of BIC that counts as positive evidence (Kass and Raftery 1995)."""
BOOTSTRAPS = 200


@dataclass(frozen=True)
class SkillPair:
    """A proposed pair of skills and what speaks for it.

    Attributes:
        first: index of the skill that would come first.
        second: index of the skill that would need it.
        masters: lineages that master the second skill while the first is decided.
        violations: those among them that lack the first skill.
        frequency: share of bootstraps that propose the pair.
        placebos: indices of other skills that are as easy as the first.
        compared: lineages that master the second skill while the first and some placebo are decided.
        placebo_violations: how many of them lack a placebo, each counting the share that it lacks.
        p_value: of the first skill being lacking as often as placebos are; 1 without placebos.
        evidence: BIC of the best model without the pair less that of the best one with it; NaN where the pair
            did not come so far.
        reasons: why it is a difficulty order; empty for a prerequisite.
    """

    first: int
    second: int
    masters: int
    violations: int
    frequency: float
    placebos: tuple[int, ...]
    compared: int
    placebo_violations: float
    p_value: float
    evidence: float = float("nan")
    reasons: tuple[str, ...] = ()

    @property
    def is_prerequisite(self) -> bool:
        """Whether all that was asked for is there."""
        return not self.reasons


@dataclass(frozen=True, eq=False)
class PrerequisiteAnalysis:
    """What a panel says about the order of skills.

    Attributes:
        pairs: all proposed ones, prerequisites and difficulty orders.
        tree: the order that was proposed.
        lineages: number of lineages.
        mastered: lineages that master each skill at some checkpoint.
        means: mean score of each skill over the panel.
        without_order: best model by abilities alone; None where no pair came so far.
        with_order: best model with the pairs that did.
    """

    pairs: tuple[SkillPair, ...]
    tree: ItemTree
    lineages: int
    mastered: tuple[int, ...]
    means: NDArray[np.float64]
    without_order: MasteryFit | None
    with_order: MasteryFit | None

    @property
    def prerequisites(self) -> tuple[SkillPair, ...]:
        """The pairs that stand."""
        return tuple(pair for pair in self.pairs if pair.is_prerequisite)

    @property
    def difficulty_orders(self) -> tuple[SkillPair, ...]:
        """The pairs that do not."""
        return tuple(pair for pair in self.pairs if not pair.is_prerequisite)


def find_prerequisites(
    scores: SkillScores, families: Sequence[int], *, bootstraps: int = BOOTSTRAPS, seed: int = 0
) -> PrerequisiteAnalysis:
    """Look for prerequisites among skills.

    Args:
        scores: of a panel of lineages, in each skill.
        families: group of skills that may draw on one ability (the family of tasks), one for each skill.
        bootstraps: resamples of lineages.
        seed: of the resamples.

    Raises:
        ValueError: for fewer than two skills or another number of families.
    """
    if len(families) != scores.numbers.shape[1]:
        raise ValueError(f"{scores.numbers.shape[1]} skills need as many families, got {len(families)}.")
    states, weights, means = scores.states, scores.weights, scores.means
    by_lineage = _pairs_by_lineage(scores.lineages, states, weights)
    tree = item_tree(by_lineage.sum(axis=0))
    frequency = _frequencies(by_lineage, bootstraps, seed)
    proposed = _proposed(by_lineage.sum(axis=0), tree)
    pairs = tuple(
        _judge(scores.lineages, states, means, families, frequency, int(i), int(j))
        for i, j in zip(*np.nonzero(proposed), strict=True)
    )
    pairs, without, with_order = _decide(pairs, families, states, weights)
    mastered = [len(np.unique(scores.lineages[column == 1])) for column in states.T]
    return PrerequisiteAnalysis(
        pairs, tree, len(np.unique(scores.lineages)), tuple(mastered), means, without, with_order
    )


def _pairs_by_lineage(
    lineages: NDArray[np.int64], states: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """``count_pairs`` of each lineage, shape (lineages, 4, skills, skills)."""
    return np.stack(
        [count_pairs(states[lineages == one], weights[lineages == one]) for one in np.unique(lineages)]
    )


def _proposed(pairs: NDArray[np.float64], tree: ItemTree) -> Relation:
    """Pairs of the order, in the direction that has fewer counterexamples where it holds in both."""
    counterexamples = pairs[SECOND_ONLY]
    return np.asarray(tree.relation & (counterexamples < counterexamples.T), dtype=np.bool_)


def _frequencies(by_lineage: NDArray[np.float64], bootstraps: int, seed: int) -> NDArray[np.float64]:
    """Share of bootstraps over lineages in which each pair is proposed."""
    random, lineages = np.random.default_rng(seed), len(by_lineage)
    flat = by_lineage.reshape(lineages, -1)
    found = np.zeros(by_lineage.shape[-2:])
    for _ in range(bootstraps):
        counts = np.bincount(random.integers(0, lineages, lineages), minlength=lineages)
        pairs = (counts @ flat).reshape(PAIRS, *found.shape)
        found += _proposed(pairs, item_tree(pairs))
    return found / bootstraps


def _judge(
    lineages: NDArray[np.int64],
    states: NDArray[np.float64],
    means: NDArray[np.float64],
    families: Sequence[int],
    frequency: NDArray[np.float64],
    first: int,
    second: int,
) -> SkillPair:
    """All that is said about a pair except for the models."""
    placebos = _placebos(means, families, first, second)
    lacks = _lacks(lineages, states, second, (first, *placebos))
    lacks = lacks[~np.isnan(lacks[:, 0])]
    compared = lacks[~np.isnan(lacks[:, 1:]).all(axis=1)]
    shares = np.nanmean(compared[:, 1:], axis=1) if placebos else np.zeros(0)
    pair = SkillPair(
        first,
        second,
        len(lacks),
        int(lacks[:, 0].sum()),
        float(frequency[first, second]),
        placebos,
        len(compared),
        float(shares.sum()),
        _less_often(compared),
    )
    reasons = []
    if pair.masters < MASTERS:
        reasons.append(f"{pair.masters} lineages master the second skill, {MASTERS} are needed")
    if pair.frequency < FREQUENCY:
        reasons.append(f"{pair.frequency:.0%} of bootstraps propose it, {FREQUENCY:.0%} are needed")
    if not placebos:
        reasons.append("no other skill is as easy as the first, so none can be compared with it")
    elif pair.p_value >= SIGNIFICANCE:
        reasons.append(
            f"skills as easy as the first are lacking no more often ({pair.placebo_violations:.1f} of "
            f"{pair.compared} lineages, p = {pair.p_value:.2f})"
        )
    return replace(pair, reasons=tuple(reasons))


def _lacks(
    lineages: NDArray[np.int64], states: NDArray[np.float64], second: int, skills: tuple[int, ...]
) -> NDArray[np.float64]:
    """Whether each lineage ever lacks each skill while it masters the second one; NaN where undecided."""
    rows = states[:, second] == 1
    masters = np.unique(lineages[rows])
    lacks = np.full((len(masters), len(skills)), np.nan)
    for row, lineage in enumerate(masters):
        own = states[rows & (lineages == lineage)][:, list(skills)]
        decided = ~np.isnan(own)
        lacks[row] = np.where(decided.any(axis=0), ((own == 0) & decided).any(axis=0), np.nan)
    return lacks


def _placebos(
    means: NDArray[np.float64], families: Sequence[int], first: int, second: int
) -> tuple[int, ...]:
    """The skills that are as easy as the first one: those of its family, if there are any."""
    low, high = AS_EASY
    others = [
        skill
        for skill in range(len(means))
        if skill not in (first, second) and low <= means[skill] - means[first] <= high
    ]
    return tuple([skill for skill in others if families[skill] == families[first]] or others)


def _less_often(lacks: NDArray[np.float64]) -> float:
    """Exact test of whether the first column is 1 less often than the others, which are its placebos.

    If it were one of them, a lineage in which m of k decided columns are 1 would have the first one among
    them with probability m / k. With one placebo this is McNemar's test (1947), one-sided.
    """
    if lacks.shape[1] < 2 or not len(lacks):
        return 1.0
    chances = np.nanmean(lacks, axis=1)
    mixed = (chances > 0) & (chances < 1)
    distribution = np.ones(1)
    for chance in chances[mixed]:
        distribution = np.convolve(distribution, [1 - chance, chance])
    return float(min(1.0, distribution[: int(lacks[mixed, 0].sum()) + 1].sum()))


def _best(
    relation: Relation, families: Sequence[int], states: NDArray[np.float64], weights: NDArray[np.float64]
) -> MasteryFit:
    fits = [fit_mastery(model, states, weights) for model in competing(relation, families)]
    return min(fits, key=lambda fit: fit.bic)


def _decide(
    pairs: tuple[SkillPair, ...],
    families: Sequence[int],
    states: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> tuple[tuple[SkillPair, ...], MasteryFit | None, MasteryFit | None]:
    """Let models with the order of what is left compete with abilities alone, then without each pair."""
    left = [pair for pair in pairs if not pair.reasons]
    if not left:
        return pairs, None, None
    without = _best(_relation([], states.shape[1]), families, states, weights)
    best = _best(_relation(left, states.shape[1]), families, states, weights)
    judged = []
    for pair in pairs:
        if pair.reasons:
            judged.append(pair)
            continue
        rest = [other for other in left if other is not pair]
        alternative = _best(_relation(rest, states.shape[1]), families, states, weights) if rest else without
        evidence = min(alternative.bic, without.bic) - best.bic
        reasons: tuple[str, ...] = ()
        if evidence < POSITIVE:
            reasons = (
                f"abilities without this order explain the states as well (difference of BIC {evidence:.1f}, "
                f"{POSITIVE:.0f} are needed)",
            )
        judged.append(replace(pair, evidence=evidence, reasons=reasons))
    return tuple(judged), without, best


def _relation(pairs: Sequence[SkillPair], skills: int) -> Relation:
    """The order that some pairs make, transitive."""
    relation = np.eye(skills, dtype=np.bool_)
    for pair in pairs:
        relation[pair.first, pair.second] = True
    for middle in range(skills):
        relation |= relation[:, middle : middle + 1] & relation[middle : middle + 1]
    return relation
