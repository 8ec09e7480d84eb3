"""Whatever can be made can be made again from its specification, pickled and copied, also in mid-episode."""

from __future__ import annotations

import json
import pickle
from copy import deepcopy

import gymnasium as gym
import numpy as np
import pytest
from counting import CountingDomain
from gymnasium.envs.registration import EnvSpec

import etude_gym
from etude_gym.conformance.common import same
from etude_gym.practice.sampler import Results
from etude_gym.practice.strategies import ARMS
from etude_gym.randomness import mix
from etude_gym.tasks.keys import TaskKey
from etude_gym.wrappers import (
    ActionMaskObservation,
    ComputeAccounting,
    TextFront,
    VectorActionMaskObservation,
    VectorComputeAccounting,
)

COPIES = [
    pytest.param(deepcopy, id="deepcopy"),
    pytest.param(lambda it: pickle.loads(pickle.dumps(it)), id="pickle"),
]
PLAN = {"practice": "uniform", "difficulty": {"horizon": 0.3}}


def plan(**options):
    return gym.make("EtudePlan-v0", **PLAN | options)


WRAPPED = [
    plan,
    lambda: plan(max_episode_steps=9),
    lambda: ComputeAccounting(plan(), line="evaluation"),
    lambda: ActionMaskObservation(plan()),
    lambda: ActionMaskObservation(ComputeAccounting(plan(max_episode_steps=9))),
    lambda: TextFront(ComputeAccounting(plan())),
    lambda: gym.wrappers.RecordEpisodeStatistics(ComputeAccounting(plan())),
]


def follow(env, actions):
    """Everything an environment shows while it takes actions."""
    shown = []
    for action in actions:
        shown.append(env.step(action))
        if shown[-1][2] or shown[-1][3]:
            shown.append(env.reset())
    for moment in shown:  # clocks go on
        moment[-1].pop("episode", None)
    return [(*moment[:-1], sorted(moment[-1]), moment[-1].get("score")) for moment in shown]


def actions_of(env, count):
    if isinstance(env.action_space, gym.spaces.Text):
        return ["refuel", "what?", "go Depot; deliver"] * (count // 3)
    return [step % 19 for step in range(count)]


def assert_same(first, second):
    assert len(first) == len(second)
    for mine, theirs in zip(first, second, strict=True):
        assert same(mine[0], theirs[0])
        assert mine[1:] == theirs[1:]


@pytest.mark.parametrize("make", WRAPPED)
def test_an_environment_is_made_again_from_its_specification_through_json_too(make):
    env = make()
    for spec in (env.spec, EnvSpec.from_json(env.spec.to_json())):
        again = gym.make(spec)
        assert str(again) == str(env)
        assert same(again.reset(seed=3)[0], env.reset(seed=3)[0])
        assert_same(follow(again, actions_of(again, 30)), follow(env, actions_of(env, 30)))


def test_accounting_made_again_keeps_the_line_and_has_a_ledger_of_its_own():
    env = ComputeAccounting(plan(), line="evaluation")
    env.reset(seed=0)
    env.step(0)
    again = gym.make(env.spec)
    assert (again.line, again.meter.amount("evaluation", "env_steps")) == ("evaluation", 0.0)
    again.reset(seed=0)
    again.step(0)
    assert env.meter.amount("evaluation", "env_steps") == again.meter.amount("evaluation", "env_steps") == 1


def test_a_line_of_the_ledger_that_does_not_exist_is_refused_at_once():
    with pytest.raises(ValueError, match="Did you mean 'rollout'"):
        ComputeAccounting(plan(), line="rolout")


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("make", WRAPPED)
def test_a_copy_in_mid_episode_goes_on_in_the_same_way_and_by_itself(make, copy):
    env = make()
    env.reset(seed=5)
    follow(env, actions_of(env, 3))
    twin = copy(env)
    assert_same(follow(twin, actions_of(twin, 60)), follow(env, actions_of(env, 60)))


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("wrap", [lambda env: env, VectorComputeAccounting, VectorActionMaskObservation])
@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_a_copy_of_a_vector_in_mid_episode_goes_on_in_the_same_way(wrap, copy, mode):
    env = wrap(gym.make_vec("EtudePlan-v0", 3, autoreset_mode=mode, max_episode_steps=11))
    env.reset(seed=5)
    for step in range(7):
        env.step(np.full(3, step % 19))
    twin = copy(env)
    for step in range(80):
        actions = np.array([step % 19, (step + 1) % 19, 0])
        mine, theirs = env.step(actions), twin.step(actions)
        assert all(map(same, mine[:4], theirs[:4]))
        assert mine[4].keys() == theirs[4].keys()


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("name", ARMS)
def test_a_copy_of_a_sampler_draws_the_same_and_learns_by_itself(name, copy):
    domain = CountingDomain()
    region = {domain.space.names[0]: "0.5-1"} if name == "focus" else {}
    sampler = ARMS[name](domain.space, **region)
    difficulty = np.tile(np.linspace(0, 1, 100)[:, None], 2)
    sampler.update(Results(difficulty, np.zeros(100, dtype=np.int64), np.linspace(1, 0, 100)))
    twin = copy(sampler)
    assert repr(twin.state_dict()) == repr(sampler.state_dict())
    if name == "self_play":
        return
    for _ in range(2):
        mine, theirs = sampler.draw(mix(1, np.arange(20))), twin.draw(mix(1, np.arange(20)))
        for part in ("difficulty", "family", "reason"):
            assert same(getattr(mine, part), getattr(theirs, part))
        results = Results(mine.difficulty, mine.family, np.ones(20))
        sampler.update(results)
        twin.update(results)


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("env_id", etude_gym.registered_ids())
def test_domains_can_be_copied(env_id, copy):
    domain = etude_gym.make_domain(env_id)
    twin = copy(domain)
    assert twin.space == domain.space
    assert twin.observation_space == domain.observation_space


def test_a_task_key_in_info_is_a_python_integer_that_json_holds_and_any_vector_stores():
    keys = []
    for seed in range(20):
        key = plan().reset(seed=seed)[1]["task_key"]
        assert isinstance(key, int)
        assert json.loads(json.dumps({"task_key": key})) == {"task_key": key}
        assert pickle.loads(pickle.dumps(key)) == key
        keys.append(key)
    assert max(keys) > 2**63  # what an int64 cannot hold
    native = gym.make_vec("EtudePlan-v0", 20, **PLAN).reset(seed=0)[1]["task_key"]
    threaded = gym.make_vec("EtudePlan-v0", 20, vectorization_mode="sync", **PLAN).reset(seed=0)[1][
        "task_key"
    ]
    assert native.tolist() == keys == threaded.tolist()
    assert isinstance(TaskKey(3), int)


def test_a_confidence_that_was_not_stated_is_none_and_any_vector_stores_it():
    env = gym.make_vec("EtudeLogic-v0", 3, vectorization_mode="sync", practice="uniform")
    env.reset(seed=0)
    ended = 0
    for _ in range(120):
        *_, infos = env.step(np.zeros(3, dtype=np.int64))
        ended += int(infos.get("_score", np.zeros(3)).sum())
    assert ended >= 3
