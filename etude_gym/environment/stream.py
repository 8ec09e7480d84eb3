"""Which task each environment plays next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.space import Difficulty
from etude_gym.errors import check_name
from etude_gym.practice.sampler import Draw, Results, TaskSampler
from etude_gym.practice.strategies import make_sampler
from etude_gym.randomness import Keys, absorb, as_words, fresh_seed
from etude_gym.tasks.domain import Domain, Rows
from etude_gym.tasks.keys import TaskBatch, split_key

DRAWS_AHEAD = 64
OPTIONS = ("difficulty", "family", "reset_mask")


class TaskStream:
    """Which task each of ``num_envs`` environments plays: keys, the task sampler, pinned values.

    Args:
        domain: the domain that the tasks belong to.
        num_envs: environments side by side.
        practice: task sampler or its name; None for "adaptive" on the practice split and "uniform" on
            the others, which are never adapted to the learner.
        split: "practice", "probe" or "anchor".
        difficulty: axes pinned for good, by name; the sampler chooses the others.
        family: family pinned for good.
        salt: secret of the anchor split.

    Attributes:
        listener: called with the difficulty, the index of the reason and the score of every episode that
            ended or was given up, in arrays; for those who keep a log of practice.
    """

    def __init__(
        self,
        domain: Domain,
        num_envs: int,
        practice: str | TaskSampler | None,
        split: str,
        difficulty: Mapping[str, float] | None,
        family: str | None,
        salt: int,
    ) -> None:
        if practice is None:
            practice = "adaptive" if split == "practice" else "uniform"
        self.space = domain.space
        self.sampler = make_sampler(practice, domain.space)
        self._nothing_pinned = self.space.parse({})
        self.pinned_difficulty = self.space.parse(difficulty) if difficulty else self._nothing_pinned
        self.pinned_family = -1 if family is None else self.space.parse_family(family)
        self._split_key = split_key(domain.name, split, salt)
        self.streams: Keys = np.zeros(num_envs, dtype=np.uint64)
        self.episodes: Keys = np.zeros(num_envs, dtype=np.uint64)
        self.keys: Keys = np.zeros(num_envs, dtype=np.uint64)
        self.difficulty: Difficulty = np.zeros((num_envs, len(self.space)))
        self.family: NDArray[np.int64] = np.zeros(num_envs, dtype=np.int64)
        self.reason: NDArray[np.int64] = np.zeros(num_envs, dtype=np.int64)
        self._ahead: Draw | None = None
        self.listener: Callable[[Difficulty, NDArray[np.int64], NDArray[np.float64]], None] | None = None
        self.seed(np.arange(num_envs), [fresh_seed() for _ in range(num_envs)])

    def seed(self, rows: Rows, seeds: Sequence[int]) -> None:
        """Start the streams of the given rows anew."""
        self.streams[rows] = absorb(self._split_key, as_words(np.array(seeds, dtype=object)))
        self.episodes[rows] = 0
        self._ahead = None

    def _draw_unpinned(self, rows: Rows) -> Draw:
        """What the sampler gives each row next.

        Where results do not matter to the sampler, a single environment draws many tasks ahead: the
        draws are the same, at a fraction of the cost.
        """
        if len(self.episodes) > 1 or not self.sampler.blind:
            drawn = self.sampler.draw(absorb(self.streams[rows], self.episodes[rows]))
        else:
            ahead = int(self.episodes[0]) % DRAWS_AHEAD
            if ahead == 0 or self._ahead is None:
                block: Keys = (self.episodes - np.uint64(ahead)) + as_words(np.arange(DRAWS_AHEAD))
                self._ahead = self.sampler.draw(absorb(self.streams, block))
            drawn = self._ahead[ahead : ahead + 1]
        self.episodes[rows] += np.uint64(1)
        return drawn

    def draw(self, rows: Rows, difficulty: Difficulty, family: int) -> TaskBatch:
        """The next task of each row; ``difficulty`` (NaN: free) and ``family`` (-1: free) pin it."""
        drawn = self._draw_unpinned(rows)
        drawn_difficulty, drawn_family = drawn.difficulty, drawn.family
        if difficulty is not self._nothing_pinned:
            drawn_difficulty = np.where(np.isnan(difficulty), drawn_difficulty, difficulty)
        if family >= 0:
            drawn_family = np.full(len(rows), family)
        tasks = TaskBatch(drawn.task_keys, drawn_difficulty, drawn_family)
        self.keys[rows], self.difficulty[rows], self.family[rows] = tasks.keys, tasks.difficulty, tasks.family
        self.reason[rows] = drawn.reason
        return tasks

    def report(self, rows: Rows, scores: NDArray[np.float64]) -> None:
        """Tell the sampler how finished episodes ended."""
        if self.listener is not None:
            self.listener(self.difficulty[rows], self.reason[rows], scores)
        if self.sampler.blind:
            return
        self.sampler.update(Results(self.difficulty[rows], self.family[rows], scores))

    def parse_options(self, options: Mapping[str, Any] | None) -> tuple[Difficulty, int]:
        """Pinned difficulty and family of one reset.

        Raises:
            ValueError: for an option, axis, family or value that does not exist.
        """
        difficulty, family = self.pinned_difficulty, self.pinned_family
        if options:
            for name in options:
                check_name("reset option", name, OPTIONS)
            if options.get("difficulty") is not None:
                given = self.space.parse(options["difficulty"])
                difficulty = np.where(np.isnan(given), difficulty, given)
            if options.get("family") is not None:
                family = self.space.parse_family(options["family"])
        return difficulty, family

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on drawing the same tasks."""
        names = ("streams", "episodes", "keys", "difficulty", "family", "reason")
        return {name: getattr(self, name).copy() for name in names} | {"sampler": self.sampler.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""
        self._ahead = None
        for name, value in state.items():
            if name == "sampler":
                self.sampler.load_state_dict(value)
            else:
                getattr(self, name)[...] = value
