"""Worked solutions, and a learner that imitates them."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sb3_contrib")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from etude_gym.agents.demonstrations import demonstrate  # noqa: E402
from etude_gym.agents.sb3 import learner as sb3  # noqa: E402
from etude_gym.agents.sb3.learner import MaskablePPOLearner  # noqa: E402
from etude_gym.environment.registration import make_domain  # noqa: E402
from etude_gym.environment.single import EtudeEnv  # noqa: E402
from etude_gym.environment.vector import EtudeVectorEnv  # noqa: E402
from etude_gym.measure.anchors import stratified_tasks  # noqa: E402
from etude_gym.measure.rollout import rollout  # noqa: E402
from etude_gym.runs.agents import make_agent  # noqa: E402
from etude_gym.tasks.keys import TaskBatch  # noqa: E402

DOMAIN = make_domain("EtudePlan-v0")
OPTIONS = {"network": (32,), "n_steps": 32, "batch_size": 64, "n_epochs": 1}


def make_learner(imitation_epochs=2, **options):
    return MaskablePPOLearner(DOMAIN, seed=1, imitation_epochs=imitation_epochs, **{**OPTIONS, **options})


def make_vector(num_envs=8, seed=0):
    env = EtudeVectorEnv(DOMAIN, num_envs, autoreset_mode="SameStep", practice="uniform")
    env.reset(seed=seed)
    return env


@pytest.fixture(scope="module")
def tasks():
    return stratified_tasks(DOMAIN, "probe", 3, 20)


def test_a_demonstration_is_what_the_oracle_sees_and_does_in_the_environment():
    env = EtudeEnv(DOMAIN)
    observation, info = env.reset(seed=4, options={"difficulty": dict.fromkeys(DOMAIN.space.names, 0.7)})
    shown = demonstrate(DOMAIN, env_task(env))
    over, score = False, 0.0
    for step in range(len(shown)):
        np.testing.assert_array_equal(shown.observations[step], observation)
        np.testing.assert_array_equal(shown.masks[step], info["action_mask"])
        observation, reward, over, _, info = env.step(shown.actions[step])
        score += reward
    assert over
    assert score == pytest.approx(1.0)


def env_task(env):
    stream = env.stream
    return TaskBatch(stream.keys.copy(), stream.difficulty.copy(), stream.family.copy())


def test_all_steps_of_all_tasks_are_shown_and_legal(tasks):
    shown = demonstrate(DOMAIN, tasks)
    oracle = rollout(DOMAIN, tasks, make_agent("oracle", DOMAIN))
    assert len(shown) == oracle["actions"].sum()
    assert shown.masks[np.arange(len(shown)), shown.actions].all()


def test_observations_that_are_dictionaries_are_shown_as_such(tasks):
    domain = make_domain("EtudePlan-v0", observation="raw")
    raw, compact = demonstrate(domain, tasks), demonstrate(DOMAIN, tasks)
    assert {len(array) for array in raw.observations.values()} == {len(compact)}
    np.testing.assert_array_equal(raw.actions, compact.actions)


@pytest.mark.parametrize("imitation_batch_size", [64, 100])  # the first as large as those of rewards
def test_the_ledger_equals_a_counter_that_is_always_on(imitation_batch_size):
    learner, env = make_learner(imitation_batch_size=imitation_batch_size), make_vector()
    with FlopCounterMode(display=False) as counter:
        learner.learn(env, 4e7)
    assert sum(learner.flops.values()) == pytest.approx(counter.get_total_flops(), rel=1e-3)


def test_the_tasks_that_were_attempted_are_imitated_and_no_others(monkeypatch):
    env, attempted, imitated = make_vector(), set(), []
    draw = env.stream.draw

    def watched_draw(*arguments):
        drawn = draw(*arguments)
        attempted.update(drawn.keys.tolist())
        return drawn

    def watched_demonstrate(domain, tasks):
        imitated.extend(tasks.keys.tolist())
        return demonstrate(domain, tasks)

    monkeypatch.setattr(env.stream, "draw", watched_draw)
    monkeypatch.setattr(sb3, "demonstrate", watched_demonstrate)
    make_learner().learn(env, 3e7)
    assert len(imitated) == len(set(imitated)) > 5
    assert attempted - set(imitated) == set(env.tasks().keys.tolist())  # those that are not over yet


def test_imitation_makes_the_reference_more_probable(tasks):
    shown = demonstrate(DOMAIN, tasks)
    agreement = []
    for epochs in (0, 2):
        learner = make_learner(epochs)
        learner.learn(make_vector(), 1.2e8)
        agreement.append((learner.act(shown.observations, shown.masks) == shown.actions).mean())
    assert agreement[1] > agreement[0] + 0.1


def test_without_imitation_nothing_is_demonstrated(monkeypatch):
    monkeypatch.setattr(sb3, "demonstrate", None)
    make_learner(0).learn(make_vector(), 2e7)


def test_a_resumed_learner_goes_on_exactly():
    whole, env = make_learner(), make_vector()
    whole.learn(env, 1.5e7)
    state, env_state = whole.state_dict(), env.state_dict()
    whole.learn(env, 3e7)
    resumed, resumed_env = make_learner(), make_vector(seed=9)
    resumed.load_state_dict(state)
    resumed_env.load_state_dict(env_state)
    resumed.learn(resumed_env, 3e7)
    assert resumed.flops == whole.flops
    for name, weights in whole.state_dict()["policy"].items():
        assert torch.equal(weights, resumed.state_dict()["policy"][name]), name


def test_a_learner_that_imitates_learns_from_failures():
    assert [make_learner(epochs).learns_from_failures for epochs in (0, 1)] == [False, True]


@pytest.mark.parametrize("options", [{"imitation_epochs": -1}, {"imitation_batch_size": 0}])
def test_wrong_amounts_are_refused(options):
    with pytest.raises(ValueError, match="imitation_epochs"):
        make_learner(**options)
