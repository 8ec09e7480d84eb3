"""Task samplers: practice strategies, which draw the difficulty and the family of the next task.

All randomness of a draw comes from the task keys: what one key is given depends on the results seen so
far and on nothing else, not on the other keys of the call nor on how many environments run. Updates do
not depend on how results are split over calls either.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty import NUM_BANDS, Difficulty, DifficultySpace, band_edges
from etude_gym.entry_points import load_entry_point
from etude_gym.errors import check_name
from etude_gym.league import League
from etude_gym.learner_model import NEWTON_STEPS, Families, Floats, LearnerModel
from etude_gym.randomness import Keys, name_key, uniform
from etude_gym.tasks import task_keys

REASONS = ("uniform", "static", "easy", "schedule", "frontier", "learnability", "progress", "proposed")
"""Why a task was drawn: :attr:`Draw.reason` indexes these names."""

UNIFORM, STATIC, EASY, SCHEDULE, FRONTIER, LEARNABILITY, PROGRESS, PROPOSED = range(len(REASONS))

FIRST_COUNTER = name_key("task sampler") >> 1
"""Samplers take the numbers of a task key from here on, apart from those that make the task itself."""


@dataclass(frozen=True, slots=True)
class Draw:
    """Tasks drawn for ``n`` task keys.

    Attributes:
        task_keys: uint64, shape (n,): keys of the tasks to generate; those asked with, unless the sampler
            repeats tasks.
        difficulty: float64 in [0, 1], shape (n, axes).
        family: int64, shape (n,): index into the families of the domain.
        reason: int64, shape (n,): index into :data:`REASONS`.
    """

    task_keys: Keys
    difficulty: Difficulty
    family: Families
    reason: NDArray[np.int64]

    def __getitem__(self, rows: slice) -> Draw:
        return Draw(self.task_keys[rows], self.difficulty[rows], self.family[rows], self.reason[rows])


@dataclass(frozen=True, slots=True)
class Results:
    """Finished practice episodes, in the order in which they ended.

    Attributes:
        difficulty: float64 in [0, 1], shape (n, axes).
        family: int64, shape (n,).
        scores: float64 in [0, 1], shape (n,). Episodes that could not be graded are left out.
    """

    difficulty: Difficulty
    family: Families
    scores: Floats

    def __post_init__(self) -> None:
        n = len(self.scores)
        if len(self.difficulty) != n or len(self.family) != n:
            raise ValueError(
                f"Results need one row per episode, got {len(self.difficulty)} difficulties, "
                f"{len(self.family)} families and {n} scores."
            )
        if n and not (self.scores.min() >= 0.0 and self.scores.max() <= 1.0):
            raise ValueError("Scores must lie in [0, 1]. Leave out episodes that were not graded.")


class TaskSampler(ABC):
    """A practice strategy.

    Args:
        space: axes and families of the domain.

    Attributes:
        name: what ``practice=`` calls it.
        blind: whether its draws never change, whatever ``update`` is told.
        plays_itself: whether only learners that play against themselves can practice with it.
    """

    name: ClassVar[str]
    blind: ClassVar[bool] = False
    plays_itself: ClassVar[bool] = False

    def __init__(self, space: DifficultySpace) -> None:
        self.space = space
        self._counters = _counters(len(space) + 1)

    @abstractmethod
    def draw(self, keys: Keys) -> Draw:
        """Draw one task for each key, shape (n,). Changes nothing in the sampler."""

    def update(self, results: Results) -> None:  # noqa: B027 (blind samplers have nothing to do)
        """Learn from finished episodes. A sampler that is blind to results ignores them."""

    @property
    def flops(self) -> float:
        """What the sampler's own models have computed so far: the "curriculum" line of the ledger."""
        return 0.0

    def describe(self) -> dict[str, float]:
        """What the sampler believes now, for the logs ("ability")."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """What the sampler learned from results, as plain numbers and lists that JSON can hold."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a :meth:`state_dict` of the same kind of sampler on the same domain.

        Raises:
            ValueError: if the state is of another kind of sampler or domain.
        """
        self._check_state(state)

    def _check_state(self, state: dict[str, Any]) -> None:
        if state.keys() != (expected := self.state_dict().keys()):
            raise ValueError(
                f"This state is not one of the sampler {self.name!r}: it holds {sorted(state)}, "
                f"expected {sorted(expected)}. Build the sampler that wrote it."
            )

    def _uniform(self, keys: Keys, limit: float = 1.0) -> tuple[Difficulty, Families]:
        """Difficulty uniform over [0, limit]^axes and a uniform family for each key."""
        numbers = uniform(keys[:, None], self._counters)
        family = (numbers[:, -1] * len(self.space.families)).astype(np.int64)
        return numbers[:, :-1] * limit, family


class UniformSampler(TaskSampler):
    """Fresh tasks, uniform over the whole difficulty space: domain randomization."""

    name = "uniform"
    blind = True

    def draw(self, keys: Keys) -> Draw:
        return Draw(keys, *self._uniform(keys), _reason(keys, UNIFORM))


class StaticSampler(TaskSampler):
    """A finite set of uniform tasks, drawn once and repeated: the baseline of the field.

    Args:
        space: axes and families of the domain.
        set_size: number of tasks.
        set_seed: which set.
    """

    name = "static"
    blind = True

    def __init__(self, space: DifficultySpace, *, set_size: int = 1000, set_seed: int = 0) -> None:
        super().__init__(space)
        _check_range("set_size", set_size, 1, 2**31)
        self._set_keys = task_keys("static task set", "practice", set_seed, np.arange(set_size))
        self._set_difficulty, self._set_family = self._uniform(self._set_keys)

    def draw(self, keys: Keys) -> Draw:
        which = (uniform(keys, self._counters[:1]) * len(self._set_keys)).astype(np.int64)
        difficulty, family = self._set_difficulty[which], self._set_family[which]
        return Draw(self._set_keys[which], difficulty, family, _reason(keys, STATIC))


class EasySampler(TaskSampler):
    """Fresh tasks from a fixed easy region, uniform over [0, limit]^axes: the control for "start easy".

    Args:
        space: axes and families of the domain.
        limit: highest value of every axis.
    """

    name = "easy"
    blind = True

    def __init__(self, space: DifficultySpace, *, limit: float = 0.4) -> None:
        super().__init__(space)
        self.limit = _check_range("limit", limit, 0.0, 1.0)

    def draw(self, keys: Keys) -> Draw:
        return Draw(keys, *self._uniform(keys, self.limit), _reason(keys, EASY))


class ScheduleSampler(TaskSampler):
    """From easy to uniform on a fixed schedule, blind to scores: the control for adaptivity.

    The highest value of every axis grows linearly with the number of results.

    Args:
        space: axes and families of the domain.
        start: the limit before the first result.
        ramp_episodes: number of results after which tasks are uniform over the whole space.
    """

    name = "schedule"

    def __init__(self, space: DifficultySpace, *, start: float = 0.1, ramp_episodes: int = 20_000) -> None:
        super().__init__(space)
        self.start = _check_range("start", start, 0.0, 1.0)
        self.ramp_episodes = _check_range("ramp_episodes", ramp_episodes, 1, math.inf)
        self._num_results = 0

    @property
    def limit(self) -> float:
        """Highest value of every axis now."""
        return self.start + (1.0 - self.start) * min(1.0, self._num_results / self.ramp_episodes)

    def draw(self, keys: Keys) -> Draw:
        return Draw(keys, *self._uniform(keys, self.limit), _reason(keys, SCHEDULE))

    def update(self, results: Results) -> None:
        self._num_results += len(results.scores)

    def describe(self) -> dict[str, float]:
        return {"limit": self.limit}

    def state_dict(self) -> dict[str, Any]:
        return {"num_results": self._num_results}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._check_state(state)
        self._num_results = int(state["num_results"])


class LearnerModelSampler(TaskSampler):
    """Base of the samplers that choose among candidate tasks by what a learner model expects.

    For each key it makes candidates and picks one with probability proportional to its weight, by the
    Gumbel-max trick on log weights, which stay finite and distinct where all expected scores are near
    0 or 1. A share of the keys takes its first candidate, uniform over the space, whatever its weight.

    Args:
        space: axes and families of the domain.
        uniform_share: share of the tasks drawn uniformly from the whole space.
        candidates: tasks to choose among for each key.
        batch_size: number of results after which the learner model is updated.
    """

    reason: ClassVar[int]

    def __init__(
        self,
        space: DifficultySpace,
        *,
        uniform_share: float = 0.2,
        candidates: int = 16,
        batch_size: int = 64,
    ) -> None:
        super().__init__(space)
        self.uniform_share = _check_range("uniform_share", uniform_share, 0.0, 1.0)
        self.batch_size = int(_check_range("batch_size", batch_size, 1, 2**31))
        _check_range("candidates", candidates, 1, 2**31)
        self.learner_model = LearnerModel(space)
        self._num_candidates = candidates
        self._num_results = 0
        self._waiting = np.empty((0, len(space) + 2))
        # For each candidate: the axes, the family, its level and its noise. One more for the share.
        self._candidate_counters = _counters(candidates * (len(space) + 3)).reshape(candidates, -1)
        self._share_counter = _counters(self._candidate_counters.size + 1)[-1:]

    @abstractmethod
    def log_weights(self, logits: Floats) -> Floats:
        """Logarithm of the weight of tasks whose expected score has these logits, of any shape."""

    def draw(self, keys: Keys) -> Draw:
        difficulty, family, noise = self._make_candidates(keys)
        weights = self.log_weights(self.learner_model.logits(difficulty, family))
        chosen = (weights + noise).argmax(axis=1)
        uniformly = uniform(keys, self._share_counter) < self.uniform_share
        chosen[uniformly] = 0
        rows = np.arange(len(keys))
        reason = np.where(uniformly, UNIFORM, self.reason)
        return Draw(keys, difficulty[rows, chosen], family[rows, chosen], reason)

    def _make_candidates(self, keys: Keys) -> tuple[Difficulty, Families, Floats]:
        """Candidates of each key: difficulty (n, m, axes), family (n, m) and Gumbel noise (n, m).

        Even candidates are uniform over the space. With several axes nearly all of those are of middling
        difficulty, so odd candidates spread evenly from the easiest to the hardest corner: a uniform
        level, then every axis uniform over the widest interval within [0, 1] centered at that level.
        """
        numbers = uniform(keys[:, None, None], self._candidate_counters)
        axes = len(self.space)
        difficulty = numbers[:, :, :axes]
        level = numbers[:, 1::2, axes + 1, None]
        half_width = np.minimum(level, 1.0 - level)
        difficulty[:, 1::2] = level + half_width * (2.0 * difficulty[:, 1::2] - 1.0)
        family = (numbers[:, :, axes] * len(self.space.families)).astype(np.int64)
        noise = -np.log(-np.log(numbers[:, :, axes + 2] + 2.0**-54))
        return difficulty, family, noise

    def update(self, results: Results) -> None:
        self._num_results += len(results.scores)
        rows = np.column_stack((results.difficulty, results.family, results.scores))
        self._waiting = np.concatenate((self._waiting, rows))
        while len(self._waiting) >= self.batch_size:
            batch, self._waiting = np.split(self._waiting, [self.batch_size])
            self.learner_model.update(batch[:, :-2], batch[:, -2].astype(np.int64), batch[:, -1])

    @property
    def flops(self) -> float:
        """Products and sums of one draw for each result, and of the updates of the learner model."""
        size = len(self.space.families) + len(self.space)
        draw = 2 * size * self._num_candidates
        update = NEWTON_STEPS * (2 * size**2 + 6 * size + 2 * size**3 / self.batch_size)
        return self._num_results * (draw + update)

    def describe(self) -> dict[str, float]:
        model = self.learner_model
        return {
            "ability": float(model.ability.mean()),
            "ability_standard_error": float(model.ability_standard_error.mean()),
        }

    def state_dict(self) -> dict[str, Any]:
        return {
            "learner_model": self.learner_model.state_dict(),
            "waiting": self._waiting.tolist(),
            "num_results": self._num_results,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._check_state(state)
        self.learner_model.load_state_dict(state["learner_model"])
        self._num_results = int(state["num_results"])
        self._waiting = np.array(state["waiting"], float).reshape(-1, len(self.space) + 2)


class AdaptiveSampler(LearnerModelSampler):
    """Tasks near the learner's frontier, where the expected score is about a target.

    Args:
        space: axes and families of the domain.
        target: expected score at the frontier.
        width: standard deviation of the drawn tasks around the frontier, in logits.
        **options: see :class:`LearnerModelSampler`.
    """

    name = "adaptive"
    reason = FRONTIER

    def __init__(
        self, space: DifficultySpace, *, target: float = 0.6, width: float = 0.5, **options: Any
    ) -> None:
        super().__init__(space, **options)
        if not 0.0 < target < 1.0 or width <= 0.0:
            raise ValueError(f"target must lie in (0, 1) and width above 0, got {target!r} and {width!r}.")
        self.target = target
        self.width = width

    def log_weights(self, logits: Floats) -> Floats:
        distance = (logits - math.log(self.target / (1.0 - self.target))) / self.width
        return -0.5 * distance * distance


class LearnabilitySampler(LearnerModelSampler):
    """Tasks in proportion to p (1 - p), the variance of success (Florensa et al. 2018; Rutherford et al.
    2024, "No Regrets", arXiv:2408.15099), with p from the learner model."""

    name = "learnability"
    reason = LEARNABILITY

    def log_weights(self, logits: Floats) -> Floats:
        # log p + log(1 - p) = -|z| - 2 log(1 + exp(-|z|))
        size = np.abs(logits)
        weights: Floats = -size - 2.0 * np.log1p(np.exp(-size))
        return weights


class LearningProgressSampler(TaskSampler):
    """Tasks where scores are changing: absolute learning progress over cells of band and family.

    A cell's progress is the distance between a fast and a slow exponential average of its scores
    (Kanitscheider et al. 2021, arXiv:2106.14876, section 3.2; the absolute value also brings back what is
    being forgotten). Needs no learner model.

    Args:
        space: axes and families of the domain.
        uniform_share: share of the tasks drawn uniformly from the whole space.
        fast_rate: weight of a cell's newest score in the fast average.
        slow_rate: the same in the slow average.
        candidates: tasks to look among, for each key, for one inside the cell; the nearest serves if none
            is (1% of the keys at 16).
    """

    name = "learning_progress"

    def __init__(
        self,
        space: DifficultySpace,
        *,
        uniform_share: float = 0.2,
        fast_rate: float = 0.02,
        slow_rate: float = 0.005,
        candidates: int = 16,
    ) -> None:
        super().__init__(space)
        self.uniform_share = _check_range("uniform_share", uniform_share, 0.0, 1.0)
        self.fast_rate = _check_range("fast_rate", fast_rate, 0.0, 1.0)
        self.slow_rate = _check_range("slow_rate", slow_rate, 0.0, 1.0)
        _check_range("candidates", candidates, 1, 2**31)
        self._edges = band_edges(len(space))
        self._fast = [0.0] * (NUM_BANDS * len(space.families))
        self._slow = list(self._fast)
        self._candidate_counters = _counters(candidates * len(space)).reshape(candidates, -1)
        self._cell_counters = _counters(candidates * len(space) + 3)[-3:]

    @property
    def progress(self) -> Floats:
        """Absolute learning progress, shape (families, bands)."""
        distance: Floats = np.abs(np.array(self._fast) - np.array(self._slow))
        return distance.reshape(-1, NUM_BANDS)

    def draw(self, keys: Keys) -> Draw:
        numbers = uniform(keys[:, None], self._cell_counters)
        # Without any progress (before the first success) all cells are alike.
        edges = np.cumsum(self.progress + 1e-6)
        cell = np.searchsorted(edges, numbers[:, 0] * edges[-1], side="right")
        family, band = np.divmod(np.minimum(cell, len(edges) - 1), NUM_BANDS)
        candidates = uniform(keys[:, None, None], self._candidate_counters)
        means = candidates.mean(axis=2)
        low, high = self._edges[band, None], self._edges[band + 1, None]
        # 0 inside the band: argmin takes the first candidate that is.
        chosen = np.maximum(np.maximum(low - means, means - high), 0.0).argmin(axis=1)
        uniformly = numbers[:, 1] < self.uniform_share
        chosen[uniformly] = 0
        uniform_family = (numbers[:, 2] * len(self.space.families)).astype(np.int64)
        return Draw(
            keys,
            candidates[np.arange(len(keys)), chosen],
            np.where(uniformly, uniform_family, family),
            np.where(uniformly, UNIFORM, PROGRESS),
        )

    def update(self, results: Results) -> None:
        bands = np.searchsorted(self._edges[1:-1], results.difficulty.mean(axis=1), side="right")
        cells = (results.family * NUM_BANDS + bands).tolist()
        for cell, score in zip(cells, results.scores.tolist(), strict=True):
            self._fast[cell] += self.fast_rate * (score - self._fast[cell])
            self._slow[cell] += self.slow_rate * (score - self._slow[cell])

    def state_dict(self) -> dict[str, Any]:
        return {"fast": list(self._fast), "slow": list(self._slow)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._check_state(state)
        if not len(state["fast"]) == len(state["slow"]) == len(self._fast):
            raise ValueError(f"The state has {len(state['fast'])} cells, this domain {len(self._fast)}.")
        self._fast, self._slow = list(state["fast"]), list(state["slow"])


class SelfPlaySampler(TaskSampler):
    """Tasks set by a proposer that the learner trains beside itself.

    So it works only with learners that do so (``etude practice --agent rllib``): it draws nothing itself. It
    keeps what is believed of the solver, and what the proposer has cost.

    Args:
        space: axes and families of the domain.

    Attributes:
        record: the ``SolverRecord`` that the proposer is shown and paid by.
    """

    name = "self_play"
    plays_itself = True

    RECENT = 64
    """Tasks whose mean score and difficulty ``describe`` tells."""

    def __init__(self, space: DifficultySpace) -> None:
        super().__init__(space)
        self.record = load_entry_point("etude_gym.envs.duel.record:SolverRecord")(space)
        self._flops = 0.0
        self._recent: list[list[float]] = []

    def draw(self, keys: Keys) -> Draw:
        raise ValueError(
            "The task sampler 'self_play' draws nothing: its tasks are set by a proposer that the learner "
            "trains beside itself. Use it as an arm of `etude practice --agent rllib`."
        )

    def update(self, results: Results) -> None:
        for i in range(len(results.scores)):
            self.record.propose(results.difficulty[i], int(results.family[i]))
        self.record.update(results.difficulty, results.family, results.scores[:, None])
        latest = np.column_stack((results.scores, results.difficulty.mean(axis=1))).tolist()
        self._recent = [*self._recent, *latest][-self.RECENT :]

    def spend(self, flops: float) -> None:
        """Book what the proposer has computed: choices, values and updates."""
        self._flops += flops

    @property
    def flops(self) -> float:
        return self._flops

    def describe(self) -> dict[str, float]:
        if not self._recent:
            return {}
        success, difficulty = np.mean(self._recent, axis=0).tolist()
        return {"success": success, "difficulty": difficulty}

    def state_dict(self) -> dict[str, Any]:
        return {"record": self.record.state_dict(), "flops": self._flops, "recent": list(self._recent)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._check_state(state)
        self.record.load_state_dict(state["record"])
        self._flops, self._recent = float(state["flops"]), list(state["recent"])


class RaceSampler(AdaptiveSampler):
    """Tasks as ``adaptive`` draws them, on which the learner races against frozen snapshots of itself.

    So it works only with learners that do so (``etude practice --agent rllib``). It holds their league.

    Args:
        space: axes and families of the domain.
        **options: see :class:`AdaptiveSampler`.

    Attributes:
        league: the snapshots and their ratings.
    """

    name = "race"
    plays_itself = True

    SLOTS = 4
    """Snapshots that the league holds."""

    def __init__(self, space: DifficultySpace, **options: Any) -> None:
        super().__init__(space, **options)
        self.league = League(self.SLOTS)

    def describe(self) -> dict[str, float]:
        ratings = {f"rating_slot_{entry['slot']}": entry["rating"] for entry in self.league.table()}
        return {**super().describe(), "rating": self.league.learner_rating, **ratings}

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "league": self.league.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.league.load_state_dict(state["league"])


SAMPLERS: dict[str, type[TaskSampler]] = {
    sampler.name: sampler
    for sampler in (
        StaticSampler,
        UniformSampler,
        EasySampler,
        ScheduleSampler,
        AdaptiveSampler,
        LearnabilitySampler,
        LearningProgressSampler,
    )
}
"""Practice strategies by name."""

ARMS: dict[str, type[TaskSampler]] = {
    **SAMPLERS,
    SelfPlaySampler.name: SelfPlaySampler,
    RaceSampler.name: RaceSampler,
}
"""What practice runs can compare, by name: the strategies, and those that a learner carries out."""


def make_sampler(practice: str | TaskSampler, space: DifficultySpace) -> TaskSampler:
    """Task sampler for the ``practice`` argument of an environment.

    Args:
        practice: name of a sampler, which is built with its default options, or a sampler.
        space: difficulty space of the environment.

    Raises:
        ValueError: for a name that is no sampler, or one that only a learner can carry out, or a sampler of
            another difficulty space.
    """
    if practice in ARMS and practice not in SAMPLERS:
        raise ValueError(
            f"practice={practice!r} is nothing that an environment can offer by itself: it takes a learner "
            "that plays against itself, such as a proposer that sets its tasks. Use it as an arm of "
            f"practice: etude practice --agent rllib --arms static {practice}"
        )
    if not isinstance(practice, TaskSampler):
        return SAMPLERS[check_name("task sampler", practice, SAMPLERS)](space)
    if practice.space != space:
        raise ValueError(
            f"This task sampler draws for axes {practice.space.names} and families "
            f"{practice.space.families}; the environment has axes {space.names} and families "
            f"{space.families}. Build it with the domain's own space."
        )
    return practice


def _counters(number: int) -> Keys:
    """The first counters of a key that samplers may use."""
    return np.uint64(FIRST_COUNTER) + np.arange(number, dtype=np.uint64)


def _reason(keys: Keys, reason: int) -> NDArray[np.int64]:
    """The same reason for every key."""
    return np.full(len(keys), reason)


def _check_range(name: str, value: float, low: float, high: float) -> float:
    """Return an option's value if it lies in [low, high]."""
    if not low <= value <= high:
        raise ValueError(f"{name} must lie in [{low}, {high}], got {value!r}.")
    return value
