"""Learning curves: anchor scores against cumulative training compute, and the area under them.

A cell is a family in a band; a curve holds the scores of the same number of anchor tasks (items) in
every cell at every checkpoint. The area is linear in the scores, so it is computed as one weight for
each checkpoint: resampling items or cells reuses the weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from etude_gym.errors import check_name

Cell = tuple[str, int]
"""A family and a band."""

SCALES = ("linear", "log")
INCOMPLETE_TOLERANCE = 0.02
SCORE_TOLERANCE = 1e-6
SCORE_DIGITS = 4


@dataclass(frozen=True, eq=False)
class CurvePoint:
    """The anchor scores of one checkpoint.

    Attributes:
        index: place of the checkpoint in the grid; it decides which anchor tasks were drawn.
        compute: cumulative training compute at the evaluation, in the unit of the run.
        env_steps: cumulative environment steps of training.
        scores: raw scores in [0, 1] of the anchor tasks, shape (cells, items).
    """

    index: int
    compute: float
    env_steps: int
    scores: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """The anchor scores of one run (one arm, one seed), checkpoint after checkpoint.

    Attributes:
        cells: family and band of every cell.
        chance: mean score of the random agent in every cell, shape (cells,).
        index: places of the checkpoints in the grid, shape (points,).
        compute: cumulative training compute, from 0, strictly increasing, shape (points,).
        env_steps: cumulative environment steps, shape (points,).
        scores: raw scores in [0, 1], shape (points, cells, items).

    Raises:
        ValueError: for shapes that disagree, compute that does not start at 0 and increase, scores
            outside [0, 1] or chance outside [0, 1).
    """

    cells: tuple[Cell, ...]
    chance: NDArray[np.float64]
    index: NDArray[np.int64]
    compute: NDArray[np.float64]
    env_steps: NDArray[np.int64]
    scores: NDArray[np.float64]

    def __post_init__(self) -> None:
        points, cells = len(self.compute), len(self.cells)
        if self.scores.ndim != 3 or self.scores.shape[:2] != (points, cells) or not self.scores.size:
            raise ValueError(
                f"scores must have shape (points, cells, items) with {points} points and {cells} cells, "
                f"none of them 0, got shape {self.scores.shape}."
            )
        if (
            self.chance.shape != (cells,)
            or self.index.shape != (points,)
            or self.env_steps.shape != (points,)
        ):
            raise ValueError(
                f"chance needs one number for each of {cells} cells, index and env_steps one for each of "
                f"{points} points, got shapes {self.chance.shape}, {self.index.shape} and "
                f"{self.env_steps.shape}."
            )
        _check_compute(self.compute)
        if not np.all((self.scores >= -SCORE_TOLERANCE) & (self.scores <= 1 + SCORE_TOLERANCE)):
            raise ValueError("scores must be numbers in [0, 1].")
        if not np.all((self.chance >= 0) & (self.chance < 1)):
            raise ValueError(f"chance must be in [0, 1) to leave room for skill, got {self.chance}.")

    @classmethod
    def from_points(
        cls, points: Sequence[CurvePoint], cells: Sequence[Cell], chance: ArrayLike
    ) -> LearningCurve:
        """Join the points of one run, in the order of compute.

        Args:
            points: at least one, the first at compute 0.
            cells: family and band of every cell.
            chance: mean score of the random agent in every cell, shape (cells,).

        Raises:
            ValueError: if there are no points, or as the class does.
        """
        if not points:
            raise ValueError("A learning curve needs at least one point, got none.")
        shapes = {np.shape(point.scores) for point in points}
        if len(shapes) > 1:
            raise ValueError(f"Every point needs scores of one shape (cells, items), got {sorted(shapes)}.")
        return cls(
            cells=tuple((family, int(band)) for family, band in cells),
            chance=np.asarray(chance, dtype=np.float64),
            index=np.array([point.index for point in points], dtype=np.int64),
            compute=np.array([point.compute for point in points], dtype=np.float64),
            env_steps=np.array([point.env_steps for point in points], dtype=np.int64),
            scores=np.array([point.scores for point in points], dtype=np.float64),
        )

    def __len__(self) -> int:
        return len(self.compute)

    @property
    def corrected(self) -> NDArray[np.float64]:
        """Mean score of every cell with guessing worth 0 and the oracle 1, shape (points, cells)."""
        return np.asarray((self.scores.mean(axis=-1) - self.chance) / (1 - self.chance))

    @property
    def mean(self) -> NDArray[np.float64]:
        """Chance-corrected score, mean over cells, shape (points,)."""
        return np.asarray(self.corrected.mean(axis=-1))


def area_weights(compute: ArrayLike, horizon: float, scale: str = "linear") -> NDArray[np.float64]:
    """Weight of every checkpoint in the area under a curve: the trapezoid rule, ended at the horizon.

    A checkpoint beyond the horizon serves only to interpolate the value at the horizon (linearly on
    the axis of ``scale``). A curve that ends before it, but within 2%, keeps its last value.

    Args:
        compute: from 0, strictly increasing, shape (points,).
        horizon: compute at which the area ends, in the unit of ``compute``.
        scale: "linear" averages over compute from 0; "log" averages over the logarithm of compute from
            the first checkpoint that is not 0.

    Returns:
        float64 array of shape (points,) that sums to 1: the area is an average.

    Raises:
        ValueError: for a bad argument, or a curve that ends more than 2% before the horizon.
    """
    check_name("scale", scale, SCALES)
    values = np.asarray(compute, dtype=np.float64)
    check_complete(values, horizon)
    if scale == "linear":
        return _trapezoid_weights(values, horizon)
    if len(values) < 2 or values[1] >= horizon:
        raise ValueError(
            f'The "log" scale needs a checkpoint above 0 and below the horizon {horizon:g}, '
            f"got compute {values}."
        )
    return np.concatenate([[0.0], _trapezoid_weights(np.log(values[1:]), float(np.log(horizon)))])


def area(
    compute: ArrayLike, performance: ArrayLike, horizon: float, scale: str = "linear"
) -> NDArray[np.float64]:
    """Average performance up to the horizon: ``A = (1/H) * integral of P dC`` from 0 to H.

    Args:
        compute: from 0, strictly increasing, shape (points,).
        performance: shape (points, ...): checkpoints first, then any batch dimensions.
        horizon: compute at which the area ends, in the unit of ``compute``.
        scale: "linear" or "log", see ``area_weights``.

    Returns:
        float64 array of the shape that ``performance`` has after its first dimension.

    Raises:
        ValueError: as ``area_weights`` does, or if the first dimensions differ.
    """
    weights = area_weights(compute, horizon, scale)
    values = np.asarray(performance, dtype=np.float64)
    if values.shape[:1] != weights.shape:
        raise ValueError(
            f"performance must have shape (points, ...) with {len(weights)} points as compute has, "
            f"got shape {values.shape}."
        )
    # A sum over the first axis, not a matrix product: its rounding depends on nothing but the numbers.
    return np.asarray((weights.reshape(-1, *[1] * (values.ndim - 1)) * values).sum(axis=0))


def check_complete(compute: NDArray[np.float64], horizon: float) -> None:
    """Raise unless a curve starts at compute 0, increases and ends within 2% of the horizon or beyond.

    Args:
        compute: cumulative training compute of the checkpoints, shape (points,).
        horizon: compute at which the comparison ends, in the unit of ``compute``.

    Raises:
        ValueError: saying that the run is incomplete, or what is wrong with the numbers.
    """
    _check_horizon(horizon)
    _check_compute(compute)
    if compute[-1] < (1 - INCOMPLETE_TOLERANCE) * horizon:
        raise ValueError(
            f"The run is incomplete: its curve ends at compute {compute[-1]:g}, the horizon is {horizon:g} "
            f"({compute[-1] / horizon:.0%}). Resume it, or compare at a shorter horizon."
        )


def point_record(point: CurvePoint, cells: Sequence[Cell], chance: ArrayLike) -> dict[str, Any]:
    """One line of ``curve.jsonl``: plain numbers, lists and strings, complete in itself.

    Args:
        point: the checkpoint; its scores are rounded to 4 digits.
        cells: family and band of every cell.
        chance: mean score of the random agent in every cell, shape (cells,).

    Returns:
        A dictionary that ``json.dumps`` takes.
    """
    levels = np.asarray(chance, dtype=np.float64).tolist()
    rows = np.round(point.scores, SCORE_DIGITS).tolist()
    return {
        "index": int(point.index),
        "compute": float(point.compute),
        "env_steps": int(point.env_steps),
        "cells": [
            {"family": family, "band": int(band), "chance": level, "scores": row}
            for (family, band), level, row in zip(cells, levels, rows, strict=True)
        ],
    }


def from_records(records: Sequence[Mapping[str, Any]]) -> LearningCurve:
    """The learning curve that ``curve.jsonl`` holds: the inverse of ``point_record``.

    Args:
        records: the records of one run, in the order of compute.

    Raises:
        ValueError: if there are none, if their cells or chance levels differ, or as ``LearningCurve``.
    """
    if not records:
        raise ValueError("A learning curve needs at least one record, got none.")
    labels = [[(c["family"], int(c["band"]), float(c["chance"])) for c in r["cells"]] for r in records]
    if any(label != labels[0] for label in labels):
        raise ValueError("The records of one run must have the same cells and the same chance levels.")
    points = [
        CurvePoint(
            index=int(record["index"]),
            compute=float(record["compute"]),
            env_steps=int(record["env_steps"]),
            scores=np.array([cell["scores"] for cell in record["cells"]], dtype=np.float64),
        )
        for record in records
    ]
    cells = [(family, band) for family, band, _ in labels[0]]
    return LearningCurve.from_points(points, cells, [chance for _, _, chance in labels[0]])


def _check_horizon(horizon: float) -> None:
    if not (np.isfinite(horizon) and horizon > 0):
        raise ValueError(f"horizon must be a positive number of compute, got {horizon!r}.")


def _check_compute(compute: NDArray[np.float64]) -> None:
    if compute.ndim != 1 or not len(compute) or not np.all(np.isfinite(compute)):
        raise ValueError(f"compute must be a list of finite numbers, one for each point, got {compute}.")
    if compute[0] != 0 or np.any(np.diff(compute) <= 0):
        raise ValueError(f"compute must start at 0 and increase from point to point, got {compute}.")


def _trapezoid_weights(axis: NDArray[np.float64], end: float) -> NDArray[np.float64]:
    """Trapezoid weights for the average from ``axis[0]`` to ``end``; shape (points,), sum 1."""
    below = int(np.sum(axis < end))
    steps = np.diff(np.append(axis[:below], end))
    weights = np.zeros(len(axis))
    weights[:below] += steps / 2
    weights[1:below] += steps[:-1] / 2
    # The value at the end is interpolated between its neighbors, or the last one is held.
    at_end = steps[-1] / 2
    share = steps[-1] / (axis[below] - axis[below - 1]) if below < len(axis) else 0.0
    weights[below - 1] += (1 - share) * at_end
    if below < len(axis):
        weights[below] += share * at_end
    return np.asarray(weights / (end - axis[0]))
