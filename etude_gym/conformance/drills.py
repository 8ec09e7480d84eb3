"""Checks of drills: episodes that start in the middle of a task."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from etude_gym.conformance.common import (
    Failure,
    Size,
    Skipped,
    ask,
    choose_randomly,
    differing_rows,
    expect,
    name_task,
    play,
    random_tasks,
    walk,
)
from etude_gym.conformance.grading import CHANCE_TOLERANCE, TOLERANCE
from etude_gym.environment.registration import make_domain
from etude_gym.measure.rollout import Moment, Played, begin
from etude_gym.randomness import uniform
from etude_gym.tasks.domain import Domain
from etude_gym.tasks.keys import Starts, TaskBatch
from etude_gym.tasks.observations import take

_COUNTER = 1 << 52
LEAST_TASKS = 100


def drills(env_id: str, size: Size) -> str:
    """A drill starts where the reference solution leads, the oracle finishes it, guessing earns nothing."""
    domain = make_domain(env_id)
    whole = random_tasks(domain, max(size.tasks // 10, LEAST_TASKS))
    anywhere = Starts(uniform(whole.keys, _COUNTER), np.full(len(whole), np.inf))
    latest = Starts(np.zeros(len(whole)), np.ones(len(whole)))
    started = _starts_are_exact(domain, whole, replace(whole, starts=anywhere))
    for starts in (anywhere, latest):
        _oracle_finishes(domain, replace(whole, starts=starts))
    guessed = _guessing_earns_nothing(domain, replace(whole, starts=latest))
    return f"{started:,} drills are exact and can be finished; random agent from the last starts: {guessed}"


def _starts_are_exact(domain: Domain, whole: TaskBatch, drilled: TaskBatch) -> int:
    """Compare starts with what is seen on the way of the oracle; returns how many are inside."""
    start = begin(domain, drilled)
    starts = start.drills.starts(start.running)
    assert starts is not None
    played = np.rint(starts.left * starts.share / (1.0 - starts.share)).astype(np.int64)
    inside = played > 0
    if not inside.any():
        raise Skipped(f"no solution has more than {domain.least_left} actions, which a drill leaves at least")
    seen = np.zeros(len(whole), dtype=np.bool_)
    lengths = Played.none_of(len(whole))
    for moment in walk(domain, whole, ask(domain), lengths):
        here = np.flatnonzero(played[moment.running] == moment.step)
        seen[moment.running[here]] = True
        if len(here):
            _expect_same(domain, whole, start, moment, here)
    missed = np.flatnonzero(~seen | (lengths.lengths - played != starts.left))
    if len(missed):
        task = name_task(domain, whole, int(missed[0]))
        i = missed[0]
        raise Failure(
            f"A drill said to start after {played[i]} actions of the reference solution and to leave "
            f"{starts.left[i]:.0f}; the solution has {lengths.lengths[i]}: {task}."
        )
    return int(inside.sum())


def _expect_same(domain: Domain, whole: TaskBatch, start: Moment, moment: Moment, here: np.ndarray) -> None:  # type: ignore[type-arg]
    """What is seen at the starts of some tasks is what the oracle sees there."""
    tasks = moment.running[here]
    different = differing_rows(take(start.observations, tasks), take(moment.observations, here))
    masks = np.flatnonzero((start.masks[tasks] != moment.masks[here]).any(axis=1))
    for what, rows in (("observation", different), ("mask", masks)):
        if len(rows):
            task = name_task(domain, whole, int(tasks[rows[0]]))
            raise Failure(
                f"The {what} where a drill starts is not the one after {moment.step} actions of the "
                f"reference solution: {task}. replay() has to lead where step() does."
            )


def _oracle_finishes(domain: Domain, drilled: TaskBatch) -> None:
    """The oracle earns the full score from every start, and the rewards add up to it."""
    played = play(domain, drilled, ask(domain))
    for name, values in (("score", played.outcome["score"]), ("return", played.returns)):
        failed = np.flatnonzero(np.abs(values - 1.0) > TOLERANCE)
        if len(failed):
            task = name_task(domain, drilled, int(failed[0]))
            raise Failure(
                f"The oracle's {name} is {values[failed[0]]} in a drill of {task}, expected 1. given() has "
                "to be below 1 wherever at least least_left actions are left."
            )


def _guessing_earns_nothing(domain: Domain, drilled: TaskBatch) -> str:
    """The random agent, from the last possible starts, by family; two standard errors are allowed for."""
    start = begin(domain, drilled)
    starts = start.drills.starts(start.running)
    assert starts is not None
    score = play(domain, drilled, choose_randomly).outcome["score"]
    told = []
    for i, family in enumerate(domain.space.families):
        chosen = score[(drilled.family == i) & (starts.share > 0.0)]
        if not len(chosen):
            continue
        mean, error = chosen.mean(), chosen.std() / np.sqrt(len(chosen))
        expect(
            mean - 2.0 * error <= CHANCE_TOLERANCE,
            f"From the last possible start of drills of {family!r} the random agent scores {mean:.3f} "
            f"(standard error {error:.3f}), expected at most {CHANCE_TOLERANCE}: choose a larger least_left, "
            "so that guessing earns nothing.",
        )
        told.append(f"{family} {mean:.3f}")
    return ", ".join(told)
