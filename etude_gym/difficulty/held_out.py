"""Log loss of predictions for answers that were held out, and what calibration says of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.curve import DifficultyCurve
from etude_gym.difficulty.item_response import CERTAIN, NODES, WEIGHTS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def halves(persons: Ints, seed: int = 0) -> NDArray[np.bool_]:
    """Cut the answers of each person into two halves at random.

    Args:
        persons: who gave each answer, int64 (n,).
        seed: of the cut.

    Returns:
        bool of shape (n,): the first half.
    """
    shuffled = np.random.default_rng(seed).permutation(len(persons))
    order = shuffled[np.argsort(persons[shuffled], kind="stable")]
    first = np.empty(len(persons), dtype=np.bool_)
    first[order] = np.arange(len(persons)) % 2 == 0
    return first


def by_person(persons: Ints) -> Iterator[Ints]:
    """Rows of each person, one after another.

    Args:
        persons: who gave each answer, int64 (n,).
    """
    order = np.argsort(persons, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(persons[order])) + 1)


def predict(
    curve: DifficultyCurve, logits: Floats, scores: Floats, persons: Ints, slopes: Floats | float = 1.0
) -> Floats:
    """Expected score of each answer, the ability taken from the other half of the person's answers.

    Args:
        curve: floor, ceiling and spread of abilities.
        logits: difficulty of each task, shape (n,).
        scores: float64 in [0, 1], shape (n,).
        persons: who gave each answer: a lineage at a checkpoint.
        slopes: logits that ability counts in each task.

    Returns:
        float64 of shape (n,), inside (0, 1).
    """
    first = halves(persons)
    abilities = curve.ability_deviation * NODES[:, None]
    steep = np.broadcast_to(np.asarray(slopes, dtype=np.float64), logits.shape)
    found = np.empty(len(scores))
    for rows in by_person(persons):
        mu = curve.expected(abilities * steep[rows], logits[rows])
        mu = np.clip(mu, CERTAIN, 1.0 - CERTAIN)
        weights = np.where(first[rows], 1.0, 0.0)
        loss = scores[rows] * np.log(mu) + (1.0 - scores[rows]) * np.log1p(-mu)
        for half in (weights, 1.0 - weights):
            density = loss @ (1.0 - half) + np.log(WEIGHTS)
            density = np.exp(density - density.max())
            asked = rows[half > 0.0]
            found[asked] = (density @ mu[:, half > 0.0]) / density.sum()
    return found


def log_losses(scores: Floats, expected: Floats) -> Floats:
    """Log loss of each answer; of a graded score, the expected one.

    Args:
        scores: float64 in [0, 1], shape (n,).
        expected: float64 in (0, 1), shape (n,).
    """
    losses: Floats = -(scores * np.log(expected) + (1.0 - scores) * np.log1p(-expected))
    return losses


def calibration_slope(curve: DifficultyCurve, scores: Floats, expected: Floats) -> float:
    """Slope of answers on the logits that were predicted: 1 where they are right, less where too extreme.

    Args:
        curve: floor and ceiling.
        scores: float64 in [0, 1], shape (n,).
        expected: predictions for them.
    """
    height = curve.ceiling - curve.floor
    p = np.clip((expected - curve.floor) / height, 1e-4, 1.0 - 1e-4)
    design = np.stack([np.ones(len(p)), np.log(p / (1.0 - p))], axis=1)
    line = np.array([0.0, 1.0])
    for _ in range(25):
        p = 0.5 + 0.5 * np.tanh(0.5 * (design @ line))
        mu = np.clip(curve.floor + height * p, CERTAIN, 1.0 - CERTAIN)
        slope, variance = height * p * (1.0 - p), mu * (1.0 - mu)
        information = (design.T * (slope**2 / variance)) @ design + 1e-9 * np.eye(2)
        step = np.linalg.solve(information, design.T @ ((scores - mu) * slope / variance))
        line = line + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-8:
            break
    return float(line[1])
