"""The scripts behind the findings: a learner that grades its own answers, and tables worked out by hand."""

from __future__ import annotations

from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode

pytest.importorskip("sb3_contrib")

import findings
from self_critique import GradesItself
from test_leaderboard import curve

from etude_gym.environment.registration import make_domain
from etude_gym.measure.overall import mean_over_seeds
from etude_gym.measure.practice_efficiency import breakdown

SMALL = {"policy": "clauses", "network": (8,), "n_steps": 16, "batch_size": 64}


@pytest.fixture(scope="module")
def learner():
    return GradesItself(make_domain("EtudeLogic-v0"), seed=1, **SMALL)


def observed(learner, answered):
    """Observations (steps, envs, size) in which an answer stands where it says so."""
    domain = learner._domain
    layout = domain.layout
    observations = np.zeros((*answered.shape, *domain.observation_space.shape), dtype=np.float32)
    observations[..., layout.num_globals - layout.last_globals] = answered
    observations[..., 0] = np.arange(answered.size).reshape(answered.shape)
    return observations


def test_an_answer_is_right_if_the_step_that_gave_it_was_paid(learner):
    answered = np.array([[1, 0], [0, 1], [1, 0], [0, 1]])
    rewards = np.array([[0.0, 0.9], [0.4, 0.0], [0.0, 0.0], [0.7, 0.7]])
    learner.model.rollout_buffer = SimpleNamespace(
        observations=observed(learner, answered), rewards=rewards.astype(np.float32)
    )
    seen, right = learner._answers()
    # Given at (step, environment) (0, 1), (1, 0) and (2, 1); one stood before the rollout began.
    assert seen[:, 0].tolist() == [3, 4, 7]
    assert right[:, 0].tolist() == [1.0, 1.0, 0.0]


def test_grades_are_learned_and_stated(learner):
    seen = torch.from_numpy(observed(learner, np.ones(64)))
    seen[:, 0] = torch.linspace(-1, 1, 64)
    right = (seen[:, :1] > 0).float()
    network = learner.model.policy.mlp_extractor

    def stated():
        with torch.no_grad():
            logits = network(seen)[0]
        return network.levels[logits[:, -len(network.levels) :].argmax(dim=1)]

    for _ in range(150):
        learner._grade(seen, right)
    levels = stated()
    assert levels[right[:, 0] == 1].mean() > levels[right[:, 0] == 0].mean() + 0.2


def test_grading_is_practice_that_is_paid_for(monkeypatch):
    lines = []
    for graded in (True, False):
        own = GradesItself(make_domain("EtudeLogic-v0"), seed=1, **SMALL)
        if not graded:
            monkeypatch.setattr(own, "_answers", lambda: (torch.zeros(0), torch.zeros(0)))
        env = gymnasium.make_vec(
            "EtudeLogic-v0", 16, practice="uniform", autoreset_mode=AutoresetMode.SAME_STEP
        )
        env.reset(seed=3)
        own.learn(env, 1.0)
        lines.append(own.flops["update"])
    assert lines[0] > lines[1] > 0


def test_a_saving_is_one_less_the_ratio_of_compute():
    halved = mean_over_seeds(np.log([0.5, 0.5, 0.5]))
    assert findings._saving(halved) == "0.500 [0.500, 0.500]"
    spread = findings._saving(mean_over_seeds(np.log([0.4, 0.5, 0.6])))
    value, low, high = (float(part.strip("[,]")) for part in spread.split())
    assert low < value < high < 1


def test_runs_without_a_milestone_count_as_the_horizon():
    assert findings._until([None, 2.0], 8.0).tolist() == [8.0, 2.0]


def test_areas_by_band_are_those_of_practice_efficiency():
    arms = {
        "adaptive": [curve(seed, 4.0) for seed in (1, 2)],
        "static": [curve(seed, 2.0) for seed in (1, 2)],
    }
    horizon = 0.9 * arms["static"][0].compute[-1]
    runs = {arm: [SimpleNamespace(curve=each) for each in curves] for arm, curves in arms.items()}
    comparison = SimpleNamespace(runs=runs, horizon=horizon)
    bands = breakdown(arms["adaptive"], arms["static"], horizon).values()
    for arm, name in (("adaptive", "area_agent"), ("static", "area_reference")):
        means = findings._band_areas(comparison, arm).mean(axis=0)
        assert means == pytest.approx([getattr(each, name) for each in bands], rel=1e-12)
