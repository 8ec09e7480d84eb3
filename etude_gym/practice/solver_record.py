"""The record of the solvers in self-play: success by kind of task, and the recent proposals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.bands import NUM_BANDS, band_of
from etude_gym.difficulty.space import Difficulty, DifficultySpace

NUM_LEVELS = 21
"""Values that a proposer can give an axis: 0, 0.05, ..., 1."""

BINS = 3
"""Parts that every axis is cut into: with the family they make the cell of a task."""

WINDOW = 64
"""Proposals that count as recent."""

CELL_DECAY = 0.9
BAND_DECAY = 0.98
"""What a result still weighs after one more task in the same cell (band): memories of 10 (50) tasks."""

PRIOR_RESULTS = 2.0
"""How many results the estimate of a band weighs in the estimate of a cell inside it."""

GLOBAL_FEATURES = (
    "log10(1 + results so far) / 6, at most 1",
    "share of the recent proposals that lie in the cell of the latest one",
)
BAND_FEATURES = (
    "success estimate",
    "its uncertainty (standard deviation)",
    "share of the recent proposals that lie there",
)
"""The observation of a proposer, in this order; band features once for every family and band."""

_NOTHING = -1


def num_features(space: DifficultySpace) -> int:
    """Length of a proposer's observation.

    Args:
        space: axes and families of the domain.
    """
    return len(GLOBAL_FEATURES) + len(BAND_FEATURES) * len(space.families) * NUM_BANDS


def _beta_mean(scores: Any, number: Any) -> Any:
    """Mean of the Beta distribution that a uniform one becomes by so many scores of that sum."""
    return (1.0 + scores) / (2.0 + number)


class SolverRecord:
    """Running estimates of the solvers' success, and the window of recent proposals.

    Sums S of scores and W of their number are kept for every cell and every band, weighed down by
    ``CELL_DECAY`` (``BAND_DECAY``) for every later task there; graded scores count as parts of a success.
    A band's estimate is ``b = (1 + S) / (2 + W)``, the mean of a Beta distribution that starts uniform. A
    task's is ``p = (2 b + S) / (2 + W)`` with S and W of its cell: a cell of which little is known is taken
    to be like its band (shrinkage, as in empirical Bayes: Efron and Morris 1975).

    Args:
        space: axes and families of the domain.

    Attributes:
        num_results: results seen so far.
    """

    def __init__(self, space: DifficultySpace) -> None:
        self.space = space
        self.num_results = 0
        self._powers = BINS ** np.arange(len(space))
        # Rows: decayed sum of scores, decayed number of results.
        self._cells = np.zeros((2, len(space.families) * BINS ** len(space)))
        self._bands = np.zeros((2, len(space.families) * NUM_BANDS))
        # Rows: cell and band of recent proposals; the latest is the last.
        self._recent = np.full((2, WINDOW), _NOTHING, dtype=np.int64)

    def success(self, difficulty: Difficulty, family: int) -> float:
        """Estimated success of the solvers at a task, in (0, 1).

        Args:
            difficulty: float64 in [0, 1], shape (axes,).
            family: index of the family.
        """
        cell, band = self._place(difficulty, family)
        prior = PRIOR_RESULTS * _beta_mean(*self._bands[:, band])
        scores, number = self._cells[:, cell]
        return float((prior + scores) / (PRIOR_RESULTS + number))

    @property
    def recent_success(self) -> float:
        """Mean success over all bands, each with the weight of its recent results; 0.5 before the first."""
        return float(_beta_mean(*self._bands.sum(axis=1)))

    def share(self, difficulty: Difficulty, family: int) -> float:
        """Share of the recent proposals that lie in the cell of a task; those not yet made lie in none.

        Args:
            difficulty: float64 in [0, 1], shape (axes,).
            family: index of the family.
        """
        return float(np.mean(self._recent[0] == self._place(difficulty, family)[0]))

    def propose(self, difficulty: Difficulty, family: int) -> None:
        """Note a proposal.

        Args:
            difficulty: float64 in [0, 1], shape (axes,).
            family: index of the family.
        """
        self._recent = np.roll(self._recent, -1, axis=1)
        self._recent[:, -1] = self._place(difficulty, family)

    def update(self, difficulty: Difficulty, family: NDArray[np.int64], scores: NDArray[np.float64]) -> None:
        """Learn from tasks that were attempted, in their order.

        Args:
            difficulty: float64 in [0, 1], shape (n, axes).
            family: int64, shape (n,).
            scores: float64 in [0, 1], shape (n, solvers): of all who attempted a task.
        """
        cells, bands = self._places(difficulty, family)
        number = scores.shape[1]
        for cell, band, total in zip(cells, bands, scores.sum(axis=1), strict=True):
            self._cells[:, cell] = self._cells[:, cell] * CELL_DECAY + (total, number)
            self._bands[:, band] = self._bands[:, band] * BAND_DECAY + (total, number)
        self.num_results += scores.size

    def _place(self, difficulty: Difficulty, family: int) -> tuple[int, int]:
        """Cell and band of one task."""
        cells, bands = self._places(difficulty[None], np.array([family]))
        return int(cells[0]), int(bands[0])

    def _places(
        self, difficulty: Difficulty, family: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Cells (family and a third of every axis) and bands (within the family) of tasks, each (n,)."""
        bins = np.minimum((difficulty * BINS).astype(np.int64), BINS - 1)
        cells = family * BINS ** len(self.space) + bins @ self._powers
        return cells, family * NUM_BANDS + band_of(self.space, difficulty, family)

    def observe(self) -> NDArray[np.float32]:
        """What a proposer sees: ``GLOBAL_FEATURES``, then ``BAND_FEATURES`` by family and band.

        Returns:
            float32 array in [0, 1] of shape (``num_features(space)``,).
        """
        scores, number = self._bands
        success = _beta_mean(scores, number)
        uncertainty = np.sqrt(success * (1.0 - success) / (3.0 + number))
        shares = np.mean(self._recent[1] == np.arange(len(success))[:, None], axis=1)
        latest = int(self._recent[0, -1])
        repeats = 0.0 if latest == _NOTHING else float(np.mean(self._recent[0] == latest))
        experience = min(np.log10(1.0 + self.num_results) / 6.0, 1.0)
        by_band = np.column_stack((success, uncertainty, shares)).ravel()
        return np.concatenate(((experience, repeats), by_band)).astype(np.float32)

    def state_dict(self) -> dict[str, Any]:
        """Everything learned so far, as plain numbers and lists that JSON can hold."""
        return {
            "cells": self._cells.tolist(),
            "bands": self._bands.tolist(),
            "recent": self._recent.tolist(),
            "num_results": self.num_results,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a ``state_dict`` of a record of the same difficulty space.

        Args:
            state: what ``state_dict`` returned.

        Raises:
            ValueError: if the state is of another difficulty space.
        """
        cells = np.array(state["cells"], dtype=np.float64)
        bands = np.array(state["bands"], dtype=np.float64)
        if cells.shape != self._cells.shape or bands.shape != self._bands.shape:
            raise ValueError(
                f"The state has {cells.shape[-1]} cells and {bands.shape[-1]} bands, this difficulty space "
                f"{self._cells.shape[1]} and {self._bands.shape[1]}: it is of another domain."
            )
        self._cells, self._bands = cells, bands
        self._recent = np.array(state["recent"], dtype=np.int64)
        self.num_results = int(state["num_results"])
