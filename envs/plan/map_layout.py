"""Positions of the places of a map in a picture: a small deterministic graph layout in NumPy."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.float64]

CARD = np.array([118.0, 78.0])
"""Room that one place takes, in pixels: width and height."""

_CANDIDATES, _ROUNDS = 48, 160


def place_positions(world: Any, width: float, height: float) -> Positions:
    """Positions of the places of a world, the same throughout an episode.

    Starts from classical multidimensional scaling of the distances (Torgerson 1952); candidates beside it
    are improved by random moves, drawn from a fixed seed, toward a map that keeps the distances and on
    which no place, road or label covers another.

    Args:
        world: one row of the worlds.
        width: of the area to fill, in pixels.
        height: of the area to fill, in pixels.

    Returns:
        float64 array of shape (places, 2): pixels from the upper left corner of the area.
    """
    places = int(world["num_places"])
    road = np.ascontiguousarray(world["road"][:places, :places], dtype=np.int64)
    distance = np.ascontiguousarray(world["distance"][:places, :places], dtype=np.float64)
    return _layout(road.tobytes(), distance.tobytes(), places, width, height)


@lru_cache(maxsize=256)
def _layout(road: bytes, distance: bytes, places: int, width: float, height: float) -> Positions:
    distances = np.frombuffer(distance).reshape(places, places)
    roads = np.argwhere(np.triu(np.frombuffer(road, dtype=np.int64).reshape(places, places)))
    low, high = CARD / 2, np.array([width, height]) - CARD / 2
    random = np.random.default_rng(0)
    start = low + _scaling(distances) * (high - low)
    spread = np.linspace(0.0, 120.0, _CANDIDATES)[:, None, None]
    candidates = np.clip(start + spread * random.normal(size=(_CANDIDATES, places, 2)), low, high)
    costs = _costs(candidates, roads, distances)
    for reach in np.geomspace(150.0, 4.0, _ROUNDS):
        moves = np.zeros_like(candidates)
        moved = random.integers(places, size=_CANDIDATES)
        moves[np.arange(_CANDIDATES), moved] = random.normal(0.0, reach, (_CANDIDATES, 2))
        tried = np.clip(candidates + moves, low, high)
        tried_costs = _costs(tried, roads, distances)
        better = tried_costs < costs
        candidates[better], costs[better] = tried[better], tried_costs[better]
    best: Positions = candidates[int(costs.argmin())]
    best.setflags(write=False)
    return best


def _scaling(distances: NDArray[np.float64]) -> Positions:
    """Classical multidimensional scaling to the unit square."""
    centering = np.eye(len(distances)) - 1 / len(distances)
    values, vectors = np.linalg.eigh(-centering @ distances**2 @ centering / 2)
    flat = vectors[:, [-1, -2]] * np.sqrt(np.maximum(values[[-1, -2]], 0.0))
    flat *= np.where(flat[0] > 0, -1.0, 1.0)  # the depot to the upper left, whatever sign eigh chose
    unit: Positions = (flat - flat.min(axis=0)) / np.maximum(np.ptp(flat, axis=0), 1e-9)
    return unit


def _costs(candidates: Positions, roads: NDArray[np.int64], distances: NDArray[np.float64]) -> Any:
    """How bad each candidate is; float64 array of shape (candidates,)."""
    first, second = candidates[:, roads[:, 0]], candidates[:, roads[:, 1]]
    middles = (first + second) / 2
    others = np.ones((len(roads), candidates.shape[1]), dtype=bool)
    np.put_along_axis(others, roads, False, axis=1)
    return (
        _stress(candidates, distances)
        + 20 * _overlaps(candidates)
        + 6 * (_closeness(candidates, first, second) * others).sum(axis=(1, 2))
        + 4 * _crossings(first, second, roads)
        + 4 * _crowding(middles, candidates)
    )


def _stress(candidates: Positions, distances: NDArray[np.float64]) -> Any:
    """Relative squared error of the distances, at the best common scale."""
    a, b = np.triu_indices(candidates.shape[1], 1)
    drawn = np.linalg.norm(candidates[:, a] - candidates[:, b], axis=-1) / distances[a, b]
    scale = drawn.mean(axis=1, keepdims=True)
    return ((drawn / scale - 1) ** 2).mean(axis=1) * 4 + 40 / scale[:, 0]


def _overlaps(candidates: Positions) -> Any:
    """How far places stand within each other's room."""
    a, b = np.triu_indices(candidates.shape[1], 1)
    gap = np.abs(candidates[:, a] - candidates[:, b]) / (CARD * 1.25)
    return np.maximum(0.0, 1 - gap.max(axis=-1)).sum(axis=1)


def _closeness(candidates: Positions, first: Positions, second: Positions) -> Any:
    """How close roads pass to places, in [0, 1]; shape (candidates, roads, places)."""
    way = second - first
    offset = candidates[:, None, :, :] - first[:, :, None, :]
    share = (offset * way[:, :, None, :]).sum(-1) / np.maximum((way**2).sum(-1), 1.0)[:, :, None]
    gap = np.abs(offset - np.clip(share, 0, 1)[..., None] * way[:, :, None, :]) / (CARD * 0.75)
    return np.maximum(0.0, 1 - gap.max(axis=-1))


def _crossings(first: Positions, second: Positions, roads: NDArray[np.int64]) -> Any:
    """Number of pairs of roads that cross."""
    a, b = np.triu_indices(len(roads), 1)
    apart = ~(roads[a][:, :, None] == roads[b][:, None, :]).any(axis=(1, 2))
    a, b = a[apart], b[apart]

    crossing = (
        _turn(first[:, a], second[:, a], first[:, b]) != _turn(first[:, a], second[:, a], second[:, b])
    ) & (_turn(first[:, b], second[:, b], first[:, a]) != _turn(first[:, b], second[:, b], second[:, a]))
    return crossing.sum(axis=1)


def _turn(p: Positions, q: Positions, r: Positions) -> Any:
    """Whether r lies to the left of the way from p to q."""
    u, v = q - p, r - p
    return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0] > 0


def _crowding(middles: Positions, candidates: Positions) -> Any:
    """How close the labels of roads stand to each other and to places."""
    a, b = np.triu_indices(middles.shape[1], 1)
    labels = np.maximum(0.0, 1 - np.linalg.norm(middles[:, a] - middles[:, b], axis=-1) / 45).sum(axis=1)
    gap = np.abs(middles[:, :, None, :] - candidates[:, None, :, :]) / (CARD * 0.75)
    return labels + np.maximum(0.0, 1 - gap.max(axis=-1)).sum(axis=(1, 2))
