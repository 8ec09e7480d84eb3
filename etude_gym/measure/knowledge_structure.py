"""Knowledge structures: the sets of skills that an order allows, and the model of responses that they make.

The basic local independence model (BLIM; Doignon and Falmagne 1999, "Knowledge Spaces", ch. 7): a learner is
in one of the states; it seems to lack a skill of its state by a careless error, and to have one outside of
it by a lucky guess. Probabilities are fitted by expectation maximization (Stefanutti and Robusto 2009).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etude_gym.measure.item_tree import Relation

States = NDArray[np.bool_]
"""bool (states, skills): the skills of each state."""

MAX_SKILLS = 12
"""Of an order whose states are listed: 2**12 of them at most."""
_SMALLEST = 1e-10


@dataclass(frozen=True, eq=False)
class Blim:
    """A knowledge structure fitted to responses.

    Attributes:
        states: the structure.
        probabilities: of each state, shape (states,).
        careless: probability of seeming to lack each skill of the state, shape (skills,).
        lucky: probability of seeming to have each skill outside of the state, shape (skills,).
        log_likelihood: of the responses.
    """

    states: States
    probabilities: NDArray[np.float64]
    careless: NDArray[np.float64]
    lucky: NDArray[np.float64]
    log_likelihood: float

    @property
    def parameters(self) -> int:
        """Free parameters of the model."""
        return len(self.states) - 1 + 2 * len(self.careless)


def allowed_states(relation: Relation) -> States:
    """The knowledge structure of an order: sets that hold, with each skill, all that it implies.

    Args:
        relation: bool (skills, skills), [i, j]: who has mastered j has mastered i.

    Returns:
        The states by number of skills, then as binary numbers; the first is empty, the last holds all.

    Raises:
        ValueError: for more than 12 skills.
    """
    skills = len(relation)
    if skills > MAX_SKILLS:
        raise ValueError(f"States of at most {MAX_SKILLS} skills can be listed, got {skills}.")
    sets = (np.arange(2**skills)[:, None] >> np.arange(skills)[::-1]) & 1 == 1
    lacking = (~sets).astype(np.int64) @ relation.astype(
        np.int64
    ) > 0  # skills that something lacking implies
    states: States = sets[~(sets & lacking).any(axis=1)]
    return states[np.argsort(states.sum(axis=1), kind="stable")]


def merge_rows(
    responses: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Different rows, and the total weight of each.

    Args:
        responses: 1, 0 or NaN, shape (rows, skills).
        weights: shape (rows,).
    """
    different, place = np.unique(np.nan_to_num(responses, nan=-1.0), axis=0, return_inverse=True)
    totals = np.bincount(place.ravel(), weights, len(different)).astype(np.float64)
    return np.where(different < 0, np.nan, different), totals


def fit_blim(
    states: States,
    responses: NDArray[np.float64],
    weights: NDArray[np.float64],
    *,
    tolerance: float = 1e-9,
    iterations: int = 20_000,
) -> Blim:
    """Fit the basic local independence model by expectation maximization.

    Args:
        states: the structure.
        responses: 1 mastered, 0 unmastered, NaN missing, shape (rows, skills).
        weights: how much each row counts, shape (rows,).
        tolerance: the fit ends when the log-likelihood rises by less, per unit of weight.
        iterations: at most.
    """
    rows, totals = merge_rows(responses, weights)
    seen = [(rows == answer).astype(np.float64) for answer in (1, 0)]
    inside, outside = states.astype(np.float64), (~states).astype(np.float64)
    probabilities = np.full(len(states), 1 / len(states))
    careless = np.full(states.shape[1], 0.1)
    lucky = careless.copy()
    last = -np.inf
    for _ in range(iterations):
        logs = (
            seen[0] @ (inside * np.log1p(-careless) + outside * np.log(lucky)).T
            + seen[1] @ (inside * np.log(careless) + outside * np.log1p(-lucky)).T
        )
        joint = np.exp(logs) * probabilities
        marginal = joint.sum(axis=1)
        log_likelihood = float(totals @ np.log(np.maximum(marginal, _SMALLEST**10)))
        if log_likelihood - last < tolerance * totals.sum():
            break
        last = log_likelihood
        posterior = joint / marginal[:, None] * totals[:, None]
        probabilities = posterior.sum(axis=0) / totals.sum()
        right, wrong = posterior.T @ seen[0], posterior.T @ seen[1]
        careless = _share((inside * wrong).sum(axis=0), (inside * right).sum(axis=0))
        lucky = _share((outside * right).sum(axis=0), (outside * wrong).sum(axis=0))
    return Blim(states, probabilities, careless, lucky, log_likelihood)


def _share(part: NDArray[np.float64], rest: NDArray[np.float64]) -> NDArray[np.float64]:
    share = part / np.maximum(part + rest, _SMALLEST)
    return np.clip(share, _SMALLEST, 1 - _SMALLEST)
