"""What the checks share: sizes, failures that say how to reproduce them, and batches of episodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from etude_gym.environment.registration import find_spec
from etude_gym.environment.single import EtudeEnv
from etude_gym.environment.vector import EtudeVectorEnv
from etude_gym.measure import rollout
from etude_gym.measure.rollout import Moment, Played
from etude_gym.practice.strategies import make_sampler
from etude_gym.randomness import Keys, name_key, uniform
from etude_gym.tasks.domain import Actions, Domain, Worlds
from etude_gym.tasks.keys import TaskBatch, task_keys
from etude_gym.tasks.observations import Masks, Observations

MAX_STEPS = 10_000
"""No episode may last longer; one that does counts as one that never ends."""

_FIRST_COUNTER = name_key("conformance") >> 2
"""Random actions take the numbers of a task key from here on, apart from those of tasks and samplers."""

Chooser = Callable[[Worlds, Masks, Keys, int], Actions]
"""Chooses actions for running episodes: (worlds, masks, task keys, step) -> int64 (n,)."""


@dataclass(frozen=True)
class Size:
    """How thorough the checks are.

    Attributes:
        tasks: episodes to play and tasks to generate where a check counts or averages.
        num_envs: environments in the largest vector.
        steps: length of comparisons between environments.
    """

    tasks: int = 20_000
    num_envs: int = 1024
    steps: int = 200


class Skipped(Exception):
    """A check does not apply here; says why."""


class Failure(AssertionError):
    """A domain does not keep a promise; says what was expected, what happened and how to reproduce it."""


def expect(condition: Any, message: str) -> None:
    """Raise a ``Failure`` unless a condition holds.

    Args:
        condition: anything with a truth value.
        message: what was expected, what happened instead and how to reproduce it.

    Raises:
        Failure: with the message.
    """
    if not condition:
        raise Failure(message)


def make(env_id: str, **arguments: Any) -> EtudeEnv:
    """The single environment of an id, without wrappers.

    Args:
        env_id: a registered id; "module:Id-v0" imports the module first.
        arguments: of ``gymnasium.make``.
    """
    env = gymnasium.make(env_id, **arguments).unwrapped
    assert isinstance(env, EtudeEnv)
    return env


def make_vector(env_id: str, num_envs: int, **arguments: Any) -> EtudeVectorEnv:
    """The vector environment of an id, without wrappers.

    Args:
        env_id: a registered id; "module:Id-v0" imports the module first.
        num_envs: environments side by side.
        arguments: of ``gymnasium.make_vec``.
    """
    find_spec(env_id)
    env = gymnasium.make_vec(env_id, num_envs, vectorization_mode="vector_entry_point", **arguments)
    vector = env.unwrapped
    assert isinstance(vector, EtudeVectorEnv)
    return vector


def random_tasks(domain: Domain, count: int, seed: int = 0) -> TaskBatch:
    """Tasks drawn uniformly from the whole difficulty space and all families.

    They are the episodes of an environment with ``practice="uniform"`` that is reset with this seed.

    Args:
        domain: the domain that the tasks belong to.
        count: number of tasks.
        seed: seed of the environment.
    """
    keys = task_keys(domain.name, "practice", seed, np.arange(count))
    drawn = make_sampler("uniform", domain.space).draw(keys)
    return TaskBatch(keys, drawn.difficulty, drawn.family)


def name_task(domain: Domain, tasks: TaskBatch, i: int) -> str:
    """One task in words, enough to generate it again.

    Args:
        domain: the domain that the tasks belong to.
        tasks: n tasks.
        i: 0 to n - 1.
    """
    difficulty = {name: round(value, 6) for name, value in domain.space.named(tasks.difficulty[i]).items()}
    family = domain.space.families[int(tasks.family[i])]
    return f"task {i} (key {tasks.keys[i]}, difficulty {difficulty}, family {family!r})"


def same(first: Any, second: Any) -> bool:
    """Whether two values are equal, dtype and shape included; NaN equals NaN.

    Args:
        first: array or number, or dictionary or tuple of such, nested.
        second: the other one.
    """
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[name], second[name]) for name in first)
    if isinstance(first, tuple):
        return len(first) == len(second) and all(map(same, first, second))
    first, second = np.asarray(first), np.asarray(second)
    if first.dtype != second.dtype or first.shape != second.shape:
        return False
    return bool(np.all((first == second) | ((first != first) & (second != second))))


def differing_rows(first: Observations, second: Observations) -> NDArray[np.int64]:
    """Rows in which two batches of observations differ.

    Args:
        first: array (n, ...), or a dictionary of such arrays.
        second: of the same shapes.

    Returns:
        int64 array of indices, ascending.
    """
    if isinstance(first, dict):
        rows = [differing_rows(first[name], second[name]) for name in first]
        return np.unique(np.concatenate(rows))
    different = np.asarray(first) != np.asarray(second)
    return np.flatnonzero(different.reshape(len(different), -1).any(axis=1))


def problem_with(space: gymnasium.Space[Any], observations: Observations) -> str:
    """Why a batch of observations is not in a space; empty if it is.

    Args:
        space: Box or Dict of Boxes, of one observation.
        observations: array (n, ...), or a dictionary of such arrays.
    """
    if isinstance(space, gymnasium.spaces.Dict):
        problems = ((name, problem_with(part, observations[name])) for name, part in space.items())
        return next((f"{name!r}: {problem}" for name, problem in problems if problem), "")
    assert isinstance(space, gymnasium.spaces.Box)
    if observations.dtype != space.dtype or observations.shape[1:] != space.shape:
        return f"{observations.dtype} {observations.shape[1:]} instead of {space.dtype} {space.shape}"
    outside = ~((observations >= space.low) & (observations <= space.high))
    if not outside.any():
        return ""
    where = tuple(int(i) for i in np.argwhere(outside)[0])
    low, high = space.low[where[1:]], space.high[where[1:]]
    return f"{observations[where]} at {where[1:]} is outside [{low}, {high}] (row {where[0]})"


def random_actions(masks: Masks, keys: Keys, step: int, wild_share: float = 0.0) -> Actions:
    """Random actions, a function of key and step.

    Args:
        masks: int8 (n, actions), 1 where legal.
        keys: uint64 (n,).
        step: which action of the episode this is.
        wild_share: share of the actions drawn from -1 to ``actions``, legal or not; the others are legal.

    Returns:
        int64 array of shape (n,).
    """
    actions = masks.shape[1]
    counters = np.uint64(_FIRST_COUNTER + step * (actions + 2)) + np.arange(actions + 2, dtype=np.uint64)
    numbers = uniform(keys[:, None], counters)
    legal = ((numbers[:, :actions] + 1.0) * (masks != 0)).argmax(axis=1)
    wild = (numbers[:, actions] * (actions + 2)).astype(np.int64) - 1
    chosen: Actions = np.where(numbers[:, actions + 1] < wild_share, wild, legal).astype(np.int64)
    return chosen


def choose_randomly(worlds: Worlds, masks: Masks, keys: Keys, step: int) -> Actions:
    """The random agent, a ``Chooser``: legal actions, drawn uniformly.

    Args:
        worlds: ignored.
        masks: int8 (n, actions), 1 where legal.
        keys: uint64 (n,).
        step: which action of the episode this is.

    Returns:
        int64 array of shape (n,).
    """
    return random_actions(masks, keys, step)


def choose_wildly(worlds: Worlds, masks: Masks, keys: Keys, step: int) -> Actions:
    """A random agent that ignores the mask every fifth time, a ``Chooser``.

    Args:
        worlds: ignored.
        masks: int8 (n, actions), 1 where legal.
        keys: uint64 (n,).
        step: which action of the episode this is.

    Returns:
        int64 array of shape (n,).
    """
    return random_actions(masks, keys, step, wild_share=0.2)


def ask(domain: Domain, solver: str = "oracle") -> Chooser:
    """A scripted solver of a domain as a ``Chooser``.

    Args:
        domain: the domain to play.
        solver: one of ``domain.solvers()``.
    """
    solve = domain.solvers()[solver]
    return lambda worlds, masks, keys, step: solve(worlds)


def walk(domain: Domain, tasks: TaskBatch, choose: Chooser, played: Played) -> Iterator[Moment]:
    """Play every task once, side by side; yields before every action and fills in ``played``.

    Args:
        domain: the domain of the tasks.
        tasks: n tasks.
        choose: chooses the actions of the running episodes.
        played: room for n results.

    Raises:
        Failure: if an episode lasts more than ``MAX_STEPS``.
    """

    def choose_actions(at: Moment) -> Actions:
        return choose(at.worlds, at.masks, tasks.keys[at.running], at.step)

    for moment in rollout.walk(domain, tasks, choose_actions, played):
        expect(
            moment.step < MAX_STEPS,
            f"An episode did not end within {MAX_STEPS} steps: "
            f"{name_task(domain, tasks, int(moment.running[0]))}.",
        )
        yield moment


def play(domain: Domain, tasks: TaskBatch, choose: Chooser) -> Played:
    """Play every task once, side by side.

    Args:
        domain: the domain of the tasks.
        tasks: n tasks.
        choose: chooses the actions of the running episodes.

    Raises:
        Failure: if an episode lasts more than ``MAX_STEPS``.
    """
    played = Played.none_of(len(tasks))
    for _ in walk(domain, tasks, choose, played):
        pass
    return played
