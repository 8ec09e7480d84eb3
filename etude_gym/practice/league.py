"""A league: frozen snapshots of a learner as its opponents, and ratings of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.errors import check_name
from etude_gym.practice.learnability import learnability
from etude_gym.randomness import mix, name_key, uniform

Floats = NDArray[np.float64]

WEIGHTINGS = ("hard", "even")

FIRST_RATING = 1200.0
RATING_STEP = 16.0
"""Points that a surprise can move a rating: the K of Elo's formula."""

DECAY = 0.99
"""What a result still weighs after one more against the same opponent."""


def expected_score(rating: float, opponent: float) -> float:
    """Expected score of a player against an opponent (Elo 1978, "The Rating of Chessplayers").

    Args:
        rating: of the player, in Elo points.
        opponent: rating of the opponent.

    Returns:
        A number in (0, 1); 10/11 for a lead of 400 points.
    """
    return float(1.0 / (1.0 + 10.0 ** ((opponent - rating) / 400.0)))


class League:
    """Opponents for self-play, kept in slots that are allocated once.

    Opponents are chosen by prioritized fictitious self-play (Vinyals et al. 2019, "Grandmaster level in
    StarCraft II", methods): with probability proportional to f(p), p being the learner's probability to
    beat them, estimated from results of which older ones weigh less: ``p = (1 + W) / (2 + G)`` with W
    the decayed sum of scores and G the decayed number of games. Ratings follow Elo's formula.

    Args:
        slots: number of slots.
        weighting: "hard", f(p) = (1 - p)^2, looks for opponents that win; "even", f(p) = p (1 - p), for
            those of the learner's own strength.
        seed: which opponents the same episodes are given.

    Attributes:
        learner_rating: rating of the learner, which changes under it.
        ratings: float64 (slots,), ratings of the snapshots; NaN where a slot is empty.

    Raises:
        ValueError: for less than one slot or an unknown weighting.
    """

    def __init__(self, slots: int, *, weighting: str = "hard", seed: int = 0) -> None:
        if not isinstance(slots, (int, np.integer)) or slots < 1:
            raise ValueError(f"slots must be a positive integer, got {slots!r}.")
        self.weighting = check_name("weighting", weighting, WEIGHTINGS)
        self.seed = seed
        self.learner_rating = FIRST_RATING
        self.ratings = np.full(slots, np.nan)
        self._weights: list[Any] = [None] * slots
        # Rows: decayed sum of the learner's scores, decayed number of games.
        self._results = np.zeros((2, slots))
        self._games = np.zeros(slots, dtype=np.int64)
        self._added = np.full(slots, -1, dtype=np.int64)
        self._num_added = 0

    def __len__(self) -> int:
        """Number of snapshots."""
        return int((self._added >= 0).sum())

    @property
    def win_probability(self) -> Floats:
        """The learner's probability to beat each snapshot, (slots,); 0.5 where nothing is known."""
        scores, games = self._results
        probability: Floats = (1.0 + scores) / (2.0 + games)
        return probability

    @property
    def probabilities(self) -> Floats:
        """Probability that each slot is the next opponent, (slots,); 0 for empty ones."""
        p = self.win_probability
        priority = (1.0 - p) ** 2 if self.weighting == "hard" else learnability(p)
        priority[self._added < 0] = 0.0
        total: float = priority.sum()
        return priority / total if total else priority

    def add(self, weights: Any) -> int:
        """Keep a snapshot of the learner.

        It takes the first empty slot, or else the place of the opponent that would be chosen least often,
        the oldest among equals. It starts with the learner's rating.

        Args:
            weights: the policy: arrays by name. A copy is kept.

        Returns:
            The slot it went to.
        """
        empty = np.flatnonzero(self._added < 0)
        slot = int(empty[0] if len(empty) else np.lexsort((self._added, self.probabilities))[0])
        self._weights[slot] = deepcopy(weights)
        self.ratings[slot] = self.learner_rating
        self._results[:, slot] = 0.0
        self._games[slot] = 0
        self._added[slot] = self._num_added
        self._num_added += 1
        return slot

    def weights(self, slot: int) -> Any:
        """The snapshot in a slot.

        Args:
            slot: 0 to the number of slots less one.

        Raises:
            ValueError: if the slot is empty.
        """
        self._check_slot(slot)
        return self._weights[slot]

    def choose(self, episode: int | str) -> int:
        """The opponent of an episode.

        Args:
            episode: id of the episode. The same id is given the same slot as long as no result and no
                snapshot comes in between, in any process.

        Raises:
            RuntimeError: if the league is empty.
        """
        if not len(self):
            raise RuntimeError("The league has no snapshot yet: call add() first.")
        edges = np.cumsum(self.probabilities)
        number = uniform(mix(name_key("league"), self.seed, name_key(str(episode))), 0).item()
        return int(np.searchsorted(edges, number * edges[-1], side="right"))

    def record(self, slot: int, score: float) -> None:
        """Learn from a game of the learner against a snapshot.

        Args:
            slot: the opponent.
            score: 1 if the learner won, 0.5 for a draw, 0 if it lost.

        Raises:
            ValueError: if the slot is empty or the score is outside [0, 1].
        """
        self._check_slot(slot)
        if not 0.0 <= score <= 1.0:
            raise ValueError(f"A game's score is 1 (won), 0.5 (drawn) or 0 (lost), got {score!r}.")
        change = RATING_STEP * (score - expected_score(self.learner_rating, self.ratings[slot]))
        self.learner_rating += change
        self.ratings[slot] -= change
        self._results[:, slot] = self._results[:, slot] * DECAY + (score, 1.0)
        self._games[slot] += 1

    def _check_slot(self, slot: int) -> None:
        if not 0 <= slot < len(self._weights) or self._added[slot] < 0:
            filled = np.flatnonzero(self._added >= 0).tolist()
            raise ValueError(f"There is no snapshot in slot {slot!r}. Filled slots: {filled}.")

    def table(self) -> list[dict[str, float]]:
        """The snapshots, best first: slot, snapshot (a running number), rating, games, win probability of
        the learner and probability to be the next opponent."""
        chosen, beaten = self.probabilities, self.win_probability
        order = sorted(np.flatnonzero(self._added >= 0).tolist(), key=lambda slot: -self.ratings[slot])
        return [
            {
                "slot": slot,
                "snapshot": int(self._added[slot]),
                "rating": float(self.ratings[slot]),
                "games": int(self._games[slot]),
                "win_probability": float(beaten[slot]),
                "probability": float(chosen[slot]),
            }
            for slot in order
        ]

    def state_dict(self) -> dict[str, Any]:
        """Snapshots, results and ratings."""
        return {
            "weights": deepcopy(self._weights),
            "ratings": self.ratings.copy(),
            "results": self._results.copy(),
            "games": self._games.copy(),
            "added": self._added.copy(),
            "num_added": self._num_added,
            "learner_rating": self.learner_rating,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what ``state_dict`` returned.

        Args:
            state: of a league with as many slots.

        Raises:
            ValueError: if the state is of a league with another number of slots.
        """
        if len(state["weights"]) != len(self._weights):
            raise ValueError(
                f"The state has {len(state['weights'])} slots, this league has {len(self._weights)}."
            )
        self._weights = deepcopy(state["weights"])
        self.ratings = state["ratings"].copy()
        self._results = state["results"].copy()
        self._games = state["games"].copy()
        self._added = state["added"].copy()
        self._num_added = int(state["num_added"])
        self.learner_rating = float(state["learner_rating"])
