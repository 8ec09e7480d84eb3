"""Checks of the task generator: total, pure, steered by every axis, and never the same task twice."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from etude_gym.conformance.common import (
    Size,
    Skipped,
    ask,
    choose_wildly,
    differing_rows,
    expect,
    make,
    name_task,
    play,
    problem_with,
    random_tasks,
)
from etude_gym.difficulty.skills import check_skills
from etude_gym.environment.registration import make_domain
from etude_gym.measure.rollout import begin
from etude_gym.randomness import mix
from etude_gym.tasks.domain import Domain
from etude_gym.tasks.keys import SPLITS, TaskBatch, task_keys
from etude_gym.tasks.observations import Observations

MAX_CORNERS = 256
TASKS_PER_CORNER = 8
CHANGED_SHARE = 0.1
"""Least share of the tasks that have to change when an axis goes from 0 to 1, or the family changes."""
MAX_DEVIATIONS = 4.0
EPISODES_PER_SEED = 50
MIN_SEEDS = 20


def generation_is_total(env_id: str, size: Size) -> str:
    """Tasks are made at every corner of the difficulty space and all over it, in every family."""
    domain = make_domain(env_id)
    axes = len(domain.space)
    corners = np.array(list(product((0.0, 1.0), repeat=axes)), dtype=np.float64)
    if len(corners) > MAX_CORNERS:
        corners = np.random.default_rng(0).integers(0, 2, (MAX_CORNERS, axes)).astype(np.float64)
    families = np.arange(len(domain.space.families))
    corners = np.repeat(corners, TASKS_PER_CORNER * len(families), axis=0)
    at_corners = TaskBatch(
        task_keys(domain.name, "practice", 1, np.arange(len(corners))),
        corners,
        np.resize(families, len(corners)),
    )
    for tasks in (at_corners, random_tasks(domain, size.tasks, seed=2)):
        moment = begin(domain, tasks)
        problem = problem_with(domain.observation_space, moment.observations)
        expect(not problem, f"The first observation of a task is not in its space: {problem}.")
        stuck = np.flatnonzero(~moment.masks.any(axis=1))
        if len(stuck):
            expect(False, f"Nothing is legal at the start of {name_task(domain, tasks, int(stuck[0]))}.")
        for name, values in domain.metrics(moment.worlds, moment.running).items():
            expect(
                values.shape == (len(tasks),) and np.isfinite(values).all(),
                f"The metric {name!r} needs one finite number for each task.",
            )
    return f"{len(corners):,} tasks at corners, {size.tasks:,} elsewhere"


def generation_is_pure(env_id: str, size: Size) -> str:
    """A task is a function of key, difficulty and family, whatever was played in its place before."""
    domain = make_domain(env_id)
    count = max(size.tasks // 10, 16)
    tasks, others = random_tasks(domain, count), random_tasks(domain, count, seed=3)
    first = begin(domain, tasks)
    expected, expected_masks = first.observations, first.masks
    used = begin(domain, others)
    actions = np.zeros(count, dtype=np.int64)
    rewards, ends, active = np.empty(count), np.empty(count, dtype=np.bool_), np.ones(count, dtype=np.bool_)
    for step in range(5):
        actions = choose_wildly(used.worlds, used.masks, others.keys, step)
        domain.step(used.worlds, actions, active, used.observations, used.masks, rewards, ends)
        active = active & ~ends
    backwards = np.arange(count)[::-1].copy()
    domain.generate(used.worlds, backwards, tasks[backwards])
    domain.observe(used.worlds, np.arange(count), used.observations, used.masks)
    different = np.union1d(
        differing_rows(expected, used.observations), differing_rows(expected_masks, used.masks)
    )
    if len(different):
        task = name_task(domain, tasks, int(different[0]))
        expect(False, f"Generated again, {len(different)} of {count} tasks look different: {task}.")
    first_play, second_play = play(domain, tasks, ask(domain)), play(domain, tasks[::-1], ask(domain))
    expect(
        (first_play.lengths == second_play.lengths[::-1]).all(),
        "The oracle's episodes on the same tasks, generated twice, are not of the same length.",
    )
    return f"{count:,} tasks"


def axes_change_tasks(env_id: str, size: Size) -> str:
    """Each axis by itself changes the tasks, and so does the family."""
    domain = make_domain(env_id)
    count = max(size.tasks // 10, 64)
    keys = task_keys(domain.name, "practice", 4, np.arange(count))
    family = np.zeros(count, dtype=np.int64)
    shares: dict[str, float] = {}
    for axis, name in enumerate(domain.space.names):
        low, high = np.full((count, len(domain.space)), 0.5), np.full((count, len(domain.space)), 0.5)
        low[:, axis], high[:, axis] = 0.0, 1.0
        shares[name] = _changed(domain, TaskBatch(keys, low, family), TaskBatch(keys, high, family))
    middle = np.full((count, len(domain.space)), 0.5)
    for other, name in list(enumerate(domain.space.families))[1:]:
        shares[name] = _changed(
            domain, TaskBatch(keys, middle, family), TaskBatch(keys, middle, family + other)
        )
    for name, share in shares.items():
        expect(
            share >= CHANGED_SHARE,
            f"Going from 0 to 1 on the axis (or to the family) {name!r} changes the first observation, the "
            f"mask or the metrics of only {share:.1%} of the tasks. What difference does it make?",
        )
    return ", ".join(f"{name} changes {share:.0%}" for name, share in shares.items())


def _changed(domain: Domain, first: TaskBatch, second: TaskBatch) -> float:
    """Share of the tasks that differ between two batches, row by row."""
    one, two = begin(domain, first), begin(domain, second)
    different = np.zeros(len(first), dtype=np.bool_)
    different[differing_rows(one.observations, two.observations)] = True
    different[differing_rows(one.masks, two.masks)] = True
    metrics = domain.metrics(two.worlds, two.running)
    for name, values in domain.metrics(one.worlds, one.running).items():
        different |= values != metrics[name]
    return float(different.mean())


def skills_are_regions(env_id: str, size: Size) -> str:
    """Declared skills are regions of the difficulty space that hold tasks and have none in common."""
    domain = make_domain(env_id)
    if not domain.skills:
        raise Skipped("the domain declares no skills")
    try:
        check_skills(domain.space, domain.skills)
    except ValueError as error:
        expect(False, str(error))
    return ", ".join(skill.name for skill in domain.skills)


def task_keys_are_distinct(env_id: str, size: Size) -> str:
    """No task key occurs twice over splits, seeds and episodes, and environments use just these keys."""
    domain = make_domain(env_id)
    seeds = np.arange(max(size.tasks // EPISODES_PER_SEED, 4))
    keys = [
        task_keys(domain.name, split, seeds[:, None], np.arange(EPISODES_PER_SEED)).ravel()
        for split in SPLITS
    ]
    everything = np.concatenate(keys)
    expect(len(np.unique(everything)) == len(everything), "Some task keys occur twice.")
    for split in SPLITS:
        env = make(env_id, practice="uniform", split=split)
        for seed in range(3):
            for episode in range(3):
                got = env.reset(seed=seed if episode == 0 else None)[1]["task_key"]
                wanted = task_keys(domain.name, split, seed, episode)[0]
                expect(
                    got == wanted,
                    f"Episode {episode} of seed {seed}, split {split!r}, has key {got}, expected {wanted}.",
                )
    return f"{len(everything):,} keys"


def splits_share_nothing(env_id: str, size: Size) -> str:
    """Tasks of two splits are alike no more often than unrelated tasks of the same difficulty."""
    domain = make_domain(env_id)
    seeds = _unrelated_seeds(size)
    prints = {split: _fingerprints(domain, split, seeds) for split in SPLITS}
    details = []
    for first, second in (("practice", "probe"), ("practice", "anchor"), ("probe", "anchor")):
        across = _matches(prints[first], prints[second])
        # The same two splits at unrelated seeds: what chance alone does.
        unrelated = _matches(prints[first], np.roll(prints[second], 1, axis=0))
        details.append(_expect_no_excess(f"Splits {first!r} and {second!r}", across, unrelated))
    return "; ".join(details)


def adjacent_seeds_share_nothing(env_id: str, size: Size) -> str:
    """Tasks of seeds s and s + 1 are alike no more often than those of unrelated seeds."""
    domain = make_domain(env_id)
    seeds = _unrelated_seeds(size)
    prints = _fingerprints(domain, "practice", seeds)
    adjacent = _matches(prints, _fingerprints(domain, "practice", seeds + 1))
    unrelated = _matches(prints, np.roll(prints, 1, axis=0))
    return _expect_no_excess("Adjacent seeds", adjacent, unrelated)


def _unrelated_seeds(size: Size) -> NDArray[np.int64]:
    """Seeds far from each other, so many that every episode of each is one of ``size.tasks`` tasks."""
    number = max(size.tasks // EPISODES_PER_SEED, MIN_SEEDS)
    return (mix(7, np.arange(number)) >> np.uint64(2)).astype(np.int64)


def _fingerprints(domain: Domain, split: str, seeds: NDArray[np.int64]) -> NDArray[np.int64]:
    """What tasks of middling difficulty look like at first sight, as numbers: (seeds, episodes)."""
    keys = task_keys(domain.name, split, seeds[:, None], np.arange(EPISODES_PER_SEED)).ravel()
    middle = np.full((len(keys), len(domain.space)), 0.5)
    moment = begin(domain, TaskBatch(keys, middle, np.zeros(len(keys), dtype=np.int64)))
    seen = _rows_as_bytes([moment.masks, *_arrays(moment.observations)])
    return np.array([hash(row) for row in seen], dtype=np.int64).reshape(len(seeds), EPISODES_PER_SEED)


def _arrays(observations: Observations) -> list[NDArray[np.generic]]:
    return list(observations.values()) if isinstance(observations, dict) else [observations]


def _rows_as_bytes(arrays: Sequence[NDArray[np.generic]]) -> list[bytes]:
    return [
        b"".join(np.ascontiguousarray(array[row]).tobytes() for array in arrays)
        for row in range(len(arrays[0]))
    ]


def _matches(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of equal pairs among all pairs of episodes, for each seed."""
    return np.array([(a[:, None] == b[None]).mean() for a, b in zip(first, second, strict=True)])


def _expect_no_excess(what: str, matches: NDArray[np.float64], unrelated: NDArray[np.float64]) -> str:
    """Compare shares of equal pairs by a t statistic over seeds."""
    excess = matches - unrelated
    spread = excess.std(ddof=1) / np.sqrt(len(excess))
    deviations = float(excess.mean() / max(spread, 1e-300))
    rates = f"{matches.mean():.2e} of the pairs alike against {unrelated.mean():.2e} by chance"
    expect(
        not deviations > MAX_DEVIATIONS,
        f"{what} share tasks: {rates}, {deviations:.1f} standard errors more. "
        "Take all randomness of a task from its key, whole, not from sums of seed and index.",
    )
    return f"{what.lower()}: {rates}"
