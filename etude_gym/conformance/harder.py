"""Checks that axes make tasks harder, without an agent that learned: solvers that slip feel it, too."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from etude_gym.conformance.common import Chooser, Size, ask, choose_randomly, expect, play, random_tasks
from etude_gym.environment.registration import make_domain
from etude_gym.practice.learner_model import Floats
from etude_gym.randomness import Keys, name_key, uniform
from etude_gym.tasks.domain import Actions, Domain, Worlds
from etude_gym.tasks.keys import TaskBatch
from etude_gym.tasks.observations import Masks

SLIPS = (0.0, 0.05, 0.2, 0.5)
"""Shares of a solver's actions that are random legal ones instead. The oracle without slips feels nothing."""
CERTAIN = 3.0
"""Standard errors from 0, beyond which a difference is one."""
FEWEST_TASKS = 400
_FIRST_COUNTER = name_key("slips") >> 2


def axes_get_harder(env_id: str, size: Size) -> str:
    """No axis makes tasks easier from 0 to 1, for the domain's solvers with slips; names those not felt."""
    domain = make_domain(env_id)
    tasks = random_tasks(domain, max(size.tasks // 10, FEWEST_TASKS))
    felt: list[str] = []
    unfelt: list[str] = []
    for axis, name in enumerate(domain.space.names):
        easy, hard = (_scores_at(domain, tasks, axis, level) for level in (0.0, 1.0))
        rise = hard - easy
        error = rise.std() / np.sqrt(len(rise))
        told = f"{name} {easy.mean():.3f} to {hard.mean():.3f}"
        expect(
            rise.mean() <= CERTAIN * error,
            f"The axis {name!r} makes tasks easier: from level 0 to 1 of it, all else being the same, the "
            f"mean score of {', '.join(domain.solvers())} with slips rises from {easy.mean():.3f} to "
            f"{hard.mean():.3f} (by {rise.mean():.3f}, standard error {error:.3f}, {len(tasks)} tasks). Turn "
            "the axis around; if it is the solvers that find hard tasks easier, add one that does not.",
        )
        (felt if rise.mean() < -CERTAIN * error else unfelt).append(told)
    return f"harder: {'; '.join(felt) or 'none'}" + (f". Not felt: {'; '.join(unfelt)}" if unfelt else "")


def _scores_at(domain: Domain, tasks: TaskBatch, axis: int, level: float) -> Floats:
    """Mean score over the panel of solvers of each task, with one axis moved to a level."""
    difficulty = tasks.difficulty.copy()
    difficulty[:, axis] = level
    moved = TaskBatch(tasks.keys, difficulty, tasks.family)
    scores = [play(domain, moved, choose).outcome["score"] for choose in _panel(domain)]
    return np.asarray(np.mean(scores, axis=0), dtype=np.float64)


def _panel(domain: Domain) -> Iterator[Chooser]:
    for solver in domain.solvers():
        for share in SLIPS:
            if solver != "oracle" or share > 0:
                yield _slipping(ask(domain, solver), share)


def _slipping(solve: Chooser, share: float) -> Chooser:
    """A solver that takes a random legal action every now and then."""

    def choose(worlds: Worlds, masks: Masks, keys: Keys, step: int) -> Actions:
        slips = uniform(keys, np.uint64(_FIRST_COUNTER + step)) < share
        return np.where(slips, choose_randomly(worlds, masks, keys, step), solve(worlds, masks, keys, step))

    return choose
