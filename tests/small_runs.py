"""Small finished runs, for tests of what is done with a run's folder."""

from __future__ import annotations

import counting  # noqa: F401 (registers its domain)
import pytest

from etude_gym.difficulty.bands import cells_of
from etude_gym.environment.registration import make_domain
from etude_gym.runs import practice_run as practice
from etude_gym.runs.config import RunConfig

COUNTING = "counting:Counting-v0"
OWN = "own_learner:LinearReinforce"
SALT, ITEMS = 20, 5


def small_run(folder, *, env_id=COUNTING, agent=OWN, arm="uniform", seed=3, horizon=1e6, options=None):
    """Practice in a folder until the horizon."""
    chance = (0.1,) * len(cells_of(make_domain(env_id).space))
    config = RunConfig(env_id, arm, agent, seed, horizon, 8, ITEMS, chance=chance, options=options or {})
    config.write(folder)
    iterations, practice.ITERATIONS = practice.ITERATIONS, 16
    try:
        assert practice.practice_run(folder, SALT + seed)
    finally:
        practice.ITERATIONS = iterations
    return folder


class Killed(BaseException):
    """Ends a run as a signal would: nothing that follows is carried out."""


def kill_before_it_saves(folder, monkeypatch, salt, points):
    """Let a run be killed after so many evaluations, before the last of them is saved."""
    save = practice.PracticeRun.save

    def kill(self):
        if len(self.points) == points:
            raise Killed
        save(self)

    with monkeypatch.context() as patch:
        patch.setattr(practice.PracticeRun, "save", kill)
        with pytest.raises(Killed):
            practice.practice_run(folder, salt)
