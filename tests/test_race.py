"""Races against a league: frozen opponents, results, and what a run keeps of them."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from etude_gym.environment.registration import make_domain
from etude_gym.environment.vector import EtudeVectorEnv
from etude_gym.practice.self_play import RaceSampler
from etude_gym.runs.experiment import Experiment, ExperimentConfig
from etude_gym.runs.folder import CURVE, PRACTICE, Run
from etude_gym.runs.practice_run import practice_run
from etude_gym.tasks.keys import join_tasks

ray = pytest.importorskip("ray")
pytest.importorskip("torch")
pytest.importorskip("pettingzoo")

from ray_cluster import cluster  # noqa: E402, F401
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from etude_gym.agents.demonstrations import demonstrate  # noqa: E402
from etude_gym.agents.rllib import curriculum, race  # noqa: E402
from etude_gym.agents.rllib.learner import (  # noqa: E402
    RLlibPPOLearner,
    weights_digest,
)

# RLlib registers its name anew for every algorithm.
pytestmark = pytest.mark.filterwarnings("ignore:.*rllib-multi-agent-env-v0 already in registry")

NUM_ENVS = 8
DOMAIN = make_domain("EtudePlan-v0")
SMALL = {"network": (16,), "n_steps": 32, "batch_size": 64, "n_epochs": 1}


@pytest.fixture
def made():
    """Makes learners, and stops them."""
    learners = []

    def make(**options):
        learners.append(RLlibPPOLearner(DOMAIN, seed=1, **SMALL, **options))
        return learners[-1]

    yield make
    for learner in learners:
        learner.close()


def make_vector():
    return EtudeVectorEnv(DOMAIN, NUM_ENVS, autoreset_mode="SameStep", practice=RaceSampler(DOMAIN.space))


def iterate(learner, env, times=1):
    for _ in range(times):
        learner.learn(env, learner._training_flops() + env.sampler.flops + 1.0)


def slots_on(module):
    return [weights_digest(module[race.slot_name(slot)].get_state()) for slot in range(RaceSampler.SLOTS)]


def slots_everywhere(learner):
    """Fingerprints of all slots, on the learner and on the env runner."""
    group = learner.algorithm.learner_group
    found = [r.get() for r in group.foreach_learner(lambda one: slots_on(one.module)).result_or_errors]
    return [*found, slots_on(learner.algorithm.env_runner.module)]


def test_no_environment_offers_it_and_other_agents_refuse_it(tmp_path):
    with pytest.raises(ValueError, match=r"plays against itself.* --arms static race"):
        gymnasium.make("EtudePlan-v0", practice="race")
    with pytest.raises(ValueError, match="cannot carry out 'race'"):
        Experiment.create(tmp_path, ExperimentConfig(agent="sb3", arms=("race",), seeds=1, horizon=1e7))


def test_frozen_slots_change_with_a_snapshot_only(made, monkeypatch):
    monkeypatch.setattr(race, "ITERATIONS_BETWEEN_SNAPSHOTS", 3)
    learner, env = made(), make_vector()
    first = weights_digest(learner._module.get_state())
    iterate(learner, env, times=2)
    assert len(env.sampler.league) == 1
    on_learner, on_runner = slots_everywhere(learner)
    assert on_learner[0] == on_runner[0] == first
    assert weights_digest(learner._module.get_state()) != first
    iterate(learner, env)
    snapshot = weights_digest(env.sampler.league.weights(1))
    assert snapshot == weights_digest(learner._module.get_state())
    iterate(learner, env, times=2)
    assert weights_digest(learner._module.get_state()) != snapshot
    for slots in slots_everywhere(learner):
        assert slots[:2] == [first, snapshot]


def test_every_game_is_in_the_league(made):
    learner, env, heard = made(), make_vector(), []
    env.stream.listener = lambda difficulty, reason, scores: heard.extend(scores)
    iterate(learner, env, times=4)
    assert sum(entry["games"] for entry in env.sampler.league.table()) == len(heard) > 0
    assert env.sampler.state_dict()["num_results"] == len(heard)


def test_the_solutions_of_the_tasks_raced_for_are_imitated(made, monkeypatch):
    learner, env, shown = made(imitation_epochs=1), make_vector(), []

    def watched_demonstrate(domain, tasks):
        shown.append(tasks)
        return demonstrate(domain, tasks)

    monkeypatch.setattr(curriculum, "demonstrate", watched_demonstrate)
    iterate(learner, env, times=4)
    tasks = join_tasks(shown)
    assert len(set(tasks.keys.tolist())) == len(tasks) == env.sampler.state_dict()["num_results"] > 0


def test_the_ledger_equals_a_counter_that_is_always_on(made):
    learner, env = made(), make_vector()
    with FlopCounterMode(display=False) as counter:
        iterate(learner, env, times=2)
    assert sum(learner.flops.values()) == pytest.approx(counter.get_total_flops(), rel=1e-3)


def test_a_restored_run_has_the_league(made):
    learner, env = made(), make_vector()
    iterate(learner, env, times=3)
    restored, other = made(), make_vector()
    restored.load_state_dict(learner.state_dict())
    other.sampler.load_state_dict(env.sampler.state_dict())
    restored._build(other)
    assert [slots[0] for slots in slots_everywhere(restored)] == [slots_everywhere(learner)[0][0]] * 2
    assert other.sampler.league.table() == env.sampler.league.table()


def test_it_is_an_arm_like_any_other(tmp_path):
    config = ExperimentConfig(
        agent="rllib",
        arms=("static", "race"),
        seeds=1,
        first_seed=1000,
        horizon=2e7,
        items=2,
        options={"network": (8,), "n_steps": 4, "batch_size": 256, "n_epochs": 1},
    )
    experiment = Experiment.create(tmp_path / "experiment", config)
    for folder in experiment.run_folders():
        assert practice_run(folder, experiment.salt(folder))
        assert Run(folder).read(CURVE)[-1]["index"] == 8
    told = Run(tmp_path / "experiment/race/seed_1000").read(PRACTICE)[-1]["sampler"]
    assert {"ability", "rating", "rating_slot_0"} <= told.keys()
    assert np.isfinite(list(told.values())).all()
