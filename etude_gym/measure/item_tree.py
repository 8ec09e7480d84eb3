"""Inductive item tree analysis: which order of skills explains who has mastered what, corrected version.

Sources: Schrepp (1999), "On the empirical construction of implications between bi-valued test items", for the
orders that are tried; Sargin and Unlu (2009), "Inductive item tree analysis: Corrections, improvements, and
comparisons", for the corrected estimates of the counterexamples that each should have. Skills may be missing:
every pair is counted over the rows that hold both, which is the original where nothing is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Relation = NDArray[np.bool_]
"""bool (skills, skills): [i, j] says that who has mastered j has mastered i; True on the diagonal."""

PAIRS = 4
"""Kinds of rows that a pair (i, j) can meet: both mastered, i only, j only, neither."""
BOTH, FIRST_ONLY, SECOND_ONLY, NEITHER = range(PAIRS)
_SMALLEST = 1e-9


@dataclass(frozen=True, eq=False)
class ItemTree:
    """The order of skills that fits best among those that were tried.

    Attributes:
        relation: the order, transitive and reflexive.
        difference: mean squared difference between the counterexamples there are and those it lets expect.
        tried: the difference of every order that was tried, from the smallest order to the largest.
    """

    relation: Relation
    difference: float
    tried: tuple[float, ...]

    @property
    def implications(self) -> list[tuple[int, int]]:
        """Pairs (i, j) of different skills: who has mastered j has mastered i."""
        return [(int(i), int(j)) for i, j in zip(*np.nonzero(self.relation), strict=True) if i != j]


def count_pairs(states: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many rows hold both of two skills, by what they hold.

    Args:
        states: 1 mastered, 0 unmastered, NaN missing, shape (rows, skills).
        weights: how much each row counts, shape (rows,).

    Returns:
        float64 array of shape (4, skills, skills): ``BOTH``, ``FIRST_ONLY``, ``SECOND_ONLY``, ``NEITHER``.
    """
    yes, no = (states == 1).astype(np.float64), (states == 0).astype(np.float64)
    weighted_yes, weighted_no = yes * weights[:, None], no * weights[:, None]
    return np.stack([weighted_yes.T @ yes, weighted_yes.T @ no, weighted_no.T @ yes, weighted_no.T @ no])


def item_tree(pairs: NDArray[np.float64]) -> ItemTree:
    """The order whose expected counterexamples are nearest to those there are.

    Args:
        pairs: what ``count_pairs`` returns.

    Raises:
        ValueError: if there are fewer than two skills.
    """
    skills = pairs.shape[-1]
    if skills < 2:
        raise ValueError(f"An order needs at least 2 skills, got {skills}.")
    orders = np.stack(list(_orders(pairs[SECOND_ONLY])))
    differences = _differences(pairs, orders)
    best = int(np.argmin(differences))
    return ItemTree(orders[best], float(differences[best]), tuple(differences.tolist()))


def is_transitive(relation: Relation) -> bool:
    """Whether an order leads no pair out of itself.

    Args:
        relation: bool (skills, skills).
    """
    return not (_compose(relation, relation) & ~relation).any()


def _orders(counterexamples: NDArray[np.float64]) -> Iterator[Relation]:
    """Orders that tolerate more and more counterexamples, each transitive (Schrepp 1999).

    Pairs join at the first level of tolerance that admits them, unless they make the order intransitive.
    """
    relation = np.eye(len(counterexamples), dtype=np.bool_)
    for tolerance in np.unique(counterexamples):
        new = (counterexamples <= tolerance + _SMALLEST) & ~relation
        while new.any() and (wrong := new & _intransitive(relation | new)).any():
            new &= ~wrong
        if new.any():
            relation = relation | new
            yield relation
    if relation.sum() == len(relation):  # no two skills can be ordered at all
        yield relation


def _compose(first: Relation, second: Relation) -> Relation:
    return np.asarray(first.astype(np.float32) @ second.astype(np.float32) > 0, dtype=np.bool_)


def _intransitive(relation: Relation) -> Relation:
    """Pairs that lead out of the relation together with another one."""
    outside = ~relation
    first = relation & _compose(outside, relation.T)  # (i, j) where some (j, k) would need (i, k)
    second = relation & _compose(relation.T, outside)  # (j, k) where some (i, j) would need (i, k)
    return np.asarray(first | second, dtype=np.bool_)


def _differences(pairs: NDArray[np.float64], orders: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The corrected ``diff`` of Sargin and Unlu (2009) for each order, over all pairs of different skills."""
    counted, counterexamples = pairs.sum(axis=0), pairs[SECOND_ONLY]
    first, second = pairs[BOTH] + pairs[FIRST_ONLY], pairs[BOTH] + pairs[SECOND_ONLY]
    different = ~np.eye(orders.shape[-1], dtype=np.bool_)
    inside = orders & different
    shares = counterexamples / np.maximum(second, _SMALLEST)
    independent = (1 - first / np.maximum(counted, _SMALLEST)) * second
    error = ((shares * inside).sum(axis=(1, 2)) / np.maximum(inside.sum(axis=(1, 2)), 1))[:, None, None]
    reverse = second - first * (1 - error)
    expected = np.where(inside, error * second, np.where(inside.transpose(0, 2, 1), reverse, independent))
    return np.asarray(((counterexamples - expected) ** 2)[:, different].mean(axis=1))
