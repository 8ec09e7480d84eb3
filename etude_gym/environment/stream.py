"""The stream of tasks: which task each environment plays next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.space import Difficulty
from etude_gym.errors import check_name
from etude_gym.practice.sampler import Draw, Results, TaskSampler
from etude_gym.practice.strategies import make_sampler
from etude_gym.randomness import Keys, absorb, as_words, fresh_seed
from etude_gym.tasks.domain import Domain, Rows
from etude_gym.tasks.keys import Starts, TaskBatch, split_key

MOST_AHEAD = 256
"""Results to come for which tasks are drawn ahead."""
LEAST_USE = 0.25
"""Share of the draws made ahead that has to be used for it to pay."""
OPTIONS = ("difficulty", "family", "reset_mask")

_ONE = np.uint64(1)


class _Ahead:
    """Draws made before they are needed: what drawing one by one gives, at a fraction of the cost.

    A draw depends on the task key and on the sampler's state alone, so what was drawn ahead holds until the
    state changes. Nothing is drawn ahead where few of the draws would be used before that.

    Args:
        num_envs: environments side by side.
    """

    def __init__(self, num_envs: int) -> None:
        self._first: Keys = np.zeros(num_envs, dtype=np.uint64)
        self.clear()

    def clear(self) -> None:
        """Forget what was drawn, as when streams start anew."""
        self._drawn: Draw | None = None
        self._one_by_one: Iterator[Draw] = iter(())
        self._depth = self._used = 0
        self._sampler: TaskSampler | None = None
        self._version = 0

    def take_one(self, sampler: TaskSampler, streams: Keys, episodes: Keys) -> Draw:
        """The sampler's draw for the next episode of a single environment."""
        if self._sampler is sampler and self._version == sampler.version:
            for drawn in self._one_by_one:
                return drawn
        self._draw_ahead(sampler, streams, episodes)
        return next(self._one_by_one)

    def take(self, sampler: TaskSampler, streams: Keys, episodes: Keys, rows: Rows) -> Draw:
        """The sampler's draw for the next episode of each of the given rows."""
        if self._sampler is not sampler or self._version != sampler.version:
            self._draw_ahead(sampler, streams, episodes)
        places = self._places(episodes, rows)
        if places is None and self._used > LEAST_USE * len(episodes) * self._depth:
            self._draw_ahead(sampler, streams, episodes)
            places = self._places(episodes, rows)
        if places is None or self._drawn is None:
            return sampler.draw(absorb(streams[rows], episodes[rows]))
        self._used += len(rows)
        return self._drawn[places]

    def _places(self, episodes: Keys, rows: Rows) -> Rows | None:
        """Where the draws of the rows stand; None if one of them has used up its own."""
        episode = (episodes[rows] - self._first[rows]).astype(np.int64)
        return rows * self._depth + episode if (episode < self._depth).all() else None

    def _draw_ahead(self, sampler: TaskSampler, streams: Keys, episodes: Keys) -> None:
        """Draw as many episodes of each row as will probably be used; none if most would not be."""
        self.clear()
        self._sampler, self._version = sampler, sampler.version
        number = len(episodes)
        results = int(min(sampler.steady_for, MOST_AHEAD))
        # One environment uses every draw; of several, some use more than others.
        depth = results if number == 1 else -(-2 * results // number)
        if results <= LEAST_USE * number * depth:
            return
        self._depth = depth
        self._first[:] = episodes
        ahead = episodes[:, None] + as_words(np.arange(depth))
        self._drawn = sampler.draw(absorb(streams[:, None], ahead).ravel())
        self._one_by_one = iter(self._drawn)


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
        self._drills = split == "practice"
        self.streams: Keys = np.zeros(num_envs, dtype=np.uint64)
        self.episodes: Keys = np.zeros(num_envs, dtype=np.uint64)
        self.keys: Keys = np.zeros(num_envs, dtype=np.uint64)
        self.difficulty: Difficulty = np.zeros((num_envs, len(self.space)))
        self.family: NDArray[np.int64] = np.zeros(num_envs, dtype=np.int64)
        self.reason: NDArray[np.int64] = np.zeros(num_envs, dtype=np.int64)
        self._ahead = _Ahead(num_envs)
        self.listener: Callable[[Difficulty, NDArray[np.int64], NDArray[np.float64]], None] | None = None
        self.seed(np.arange(num_envs), [fresh_seed() for _ in range(num_envs)])

    def seed(self, rows: Rows, seeds: Sequence[int]) -> None:
        """Start the streams of some environments anew.

        Args:
            rows: int64 (m,), indices of the environments.
            seeds: m integers from 0 to 2**64 - 1.
        """
        self.streams[rows] = absorb(self._split_key, as_words(np.array(seeds, dtype=object)))
        self.episodes[rows] = 0
        self._ahead.clear()

    def draw(self, rows: Rows, difficulty: Difficulty, family: int) -> TaskBatch:
        """The next task of some environments.

        Args:
            rows: int64 (m,), indices of the environments.
            difficulty: float64 (axes,), values that are pinned; NaN where the sampler chooses.
            family: index of the pinned family; -1 where the sampler chooses.

        Returns:
            m tasks. Those that are pinned, or not of the practice split, start at their beginning.
        """
        alone = len(self.keys) == 1
        if alone:
            drawn = self._ahead.take_one(self.sampler, self.streams, self.episodes)
        else:
            drawn = self._ahead.take(self.sampler, self.streams, self.episodes, rows)
        drawn_difficulty, drawn_family = drawn.difficulty, drawn.family
        starts = drawn.starts if self._drills else None
        if difficulty is not self._nothing_pinned:
            drawn_difficulty, starts = np.where(np.isnan(difficulty), drawn_difficulty, difficulty), None
        if family >= 0:
            drawn_family, starts = np.full(len(rows), family), None
        if alone:  # replaced and never written into, so that nothing has to be copied
            self.episodes[0] += _ONE
            self.keys, self.reason = drawn.task_keys, drawn.reason
            self.difficulty, self.family = drawn_difficulty, drawn_family
        else:
            self.episodes[rows] += _ONE
            self.keys[rows], self.reason[rows] = drawn.task_keys, drawn.reason
            self.difficulty[rows], self.family[rows] = drawn_difficulty, drawn_family
        return TaskBatch(drawn.task_keys, drawn_difficulty, drawn_family, starts)

    def report(
        self, rows: Rows, scores: NDArray[np.float64] | list[float], starts: Starts | None = None
    ) -> None:
        """Pass the scores of episodes that have ended, or were given up, to the listener and the sampler.

        Args:
            rows: int64 (m,), indices of the environments.
            scores: m numbers in [0, 1].
            starts: where they started in fact; None if none was a drill.
        """
        if self.sampler.blind and self.listener is None:
            return
        scores = np.asarray(scores, dtype=np.float64)
        difficulty, family, reason = self.difficulty, self.family, self.reason
        if len(self.keys) > 1:
            difficulty, family, reason = difficulty[rows], family[rows], reason[rows]
        if self.listener is not None:
            self.listener(difficulty, reason, scores)
        if not self.sampler.blind:
            self.sampler.update(Results(difficulty, family, scores, reason, starts))

    def parse_options(self, options: Mapping[str, Any] | None) -> tuple[Difficulty, int]:
        """Pinned difficulty and family of one reset.

        Args:
            options: of ``reset``; what they do not pin stays as it was pinned for good.

        Returns:
            float64 (axes,), NaN where free, and the index of the family, -1 where free.

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
        """Restore what ``state_dict`` returned.

        Args:
            state: of a stream of as many environments of the same domain.
        """
        self._ahead.clear()
        for name, value in state.items():
            if name == "sampler":
                self.sampler.load_state_dict(value)
            else:
                setattr(self, name, np.array(value, dtype=getattr(self, name).dtype))
