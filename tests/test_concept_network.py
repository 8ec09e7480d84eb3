"""The reference network of concepts: order does not matter, every part is heard, its FLOPs are counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("sb3_contrib")

import torch
from torch.utils.flop_counter import FlopCounterMode

from etude_gym.agents.networks.clauses import items_of
from etude_gym.agents.networks.concepts import ConceptNetwork, holding
from etude_gym.agents.sb3.learner import MaskablePPOLearner
from etude_gym.environment.registration import make_domain
from etude_gym.environment.vector import EtudeVectorEnv

DOMAIN: Any = make_domain("EtudeCreative-v0")
LAYOUT = DOMAIN.layout
OPTIONS = {"policy": "concepts", "network": (8,), "n_steps": 16, "batch_size": 64, "n_epochs": 1}


def make_vector():
    env = EtudeVectorEnv(DOMAIN, 8, autoreset_mode="SameStep", practice="uniform")
    env.reset(seed=3)
    return env


@pytest.fixture(scope="module")
def observation():
    """First observations of 32 tasks of all families, most with hidden aspects and clashes."""
    env = EtudeVectorEnv(DOMAIN, 32, autoreset_mode="SameStep", practice="uniform")
    return torch.as_tensor(env.reset(seed=0)[0])


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return ConceptNetwork(LAYOUT, 16)


def put(observation, items, block):
    """An observation with other items: (batch, items, features)."""
    changed = observation.clone()
    changed[:, items.start : items.stop] = block.transpose(1, 2).reshape(len(observation), -1)
    return changed


def test_the_order_of_things_is_the_order_of_their_scores_and_nothing_else(observation, network):
    order = torch.randperm(LAYOUT.groups.items, generator=torch.Generator().manual_seed(1))
    aspects = (order[:, None] * LAYOUT.pointed.group + torch.arange(LAYOUT.pointed.group)).flatten()
    moved = put(observation, LAYOUT.groups, items_of(observation, LAYOUT.groups)[:, order])
    moved = put(moved, LAYOUT.pointed.items, items_of(observation, LAYOUT.pointed.items)[:, aspects])
    logits, value = network(observation)
    again, value_again = network(moved)
    count = LAYOUT.pointed.items.items
    looks = slice(LAYOUT.groups.first_action, LAYOUT.groups.stop_action)
    torch.testing.assert_close(again[:, :count], logits[:, aspects])
    torch.testing.assert_close(again[:, looks], logits[:, looks][:, order])
    torch.testing.assert_close(again[:, looks.stop :], logits[:, looks.stop :])
    torch.testing.assert_close(value_again, value)


def test_the_order_of_clashes_does_not_matter(observation, network):
    clashes = LAYOUT.others[1].items
    moved = put(observation, clashes, items_of(observation, clashes).flip(1))
    assert not torch.equal(moved, observation)
    for before, after in zip(network(observation), network(moved), strict=True):
        torch.testing.assert_close(after, before)


def test_every_number_of_the_observation_is_heard(observation, network):
    continuous = observation.clone().requires_grad_()
    torch.manual_seed(1)
    logits, value = network(continuous)
    (logits.square().sum() + value.square().sum()).backward()
    named = torch.zeros(observation.shape[1], dtype=torch.bool)
    for holders in (LAYOUT.pointed, *LAYOUT.others):
        start = holders.items.start
        named[start : start + holders.slots * holders.items.items] = True
    assert (continuous.grad.abs().sum(0)[~named] > 0).all()
    assert (continuous.grad[:, named] == 0).all()  # names are looked up
    for holders in (LAYOUT.pointed, *LAYOUT.others):
        block = items_of(observation, holders.items).clone()
        block[:, :, 0] = torch.where(block[:, :, 0] > 0, 1 - block[:, :, 0] + 1 / 16, block[:, :, 0])
        assert not torch.equal(network(put(observation, holders.items, block))[0], logits)


def test_holding_marks_concepts_and_kinds():
    numbers = torch.tensor([[[1 / 8, 1.0, 0.0], [-0.5, 0.0, 0.0]]])
    expected = torch.zeros(1, 2, 10)
    expected[0, 0, [0, 7]] = 1
    expected[0, 1, 8] = 1
    torch.testing.assert_close(holding(numbers, concepts=8, kinds=2), expected)


def test_actor_and_critic_are_the_parts_of_the_whole(observation, network):
    logits, value = network(observation)
    torch.testing.assert_close(network.forward_actor(observation), logits)
    torch.testing.assert_close(network.forward_critic(observation), value)


def test_the_initial_policy_is_nearly_uniform(observation):
    learner = MaskablePPOLearner(DOMAIN, seed=1, **OPTIONS)
    logits = learner.model.policy.mlp_extractor.forward_actor(observation)
    assert float((logits.max() - logits.min()).detach()) < 0.5


def test_the_ledger_equals_a_counter_that_is_always_on():
    learner, env = MaskablePPOLearner(DOMAIN, seed=1, imitation_epochs=1, **OPTIONS), make_vector()
    with FlopCounterMode(display=False) as counter:
        learner.learn(env, 1e8)
    assert sum(learner.flops.values()) == pytest.approx(counter.get_total_flops(), rel=1e-3)


def test_practice_changes_every_part_of_the_network():
    learner = MaskablePPOLearner(DOMAIN, seed=1, imitation_epochs=1, **OPTIONS)
    before = learner.state_dict()["policy"]
    learner.learn(make_vector(), 3e8)
    after = learner.state_dict()["policy"]
    assert [name for name in before if np.array_equal(before[name], after[name])] == []


def test_a_domain_without_a_layout_of_concepts_is_refused():
    with pytest.raises(ValueError, match="ConceptLayout"):
        MaskablePPOLearner(make_domain("EtudePlan-v0"), **OPTIONS)
    with pytest.raises(ValueError, match="one width"):
        MaskablePPOLearner(DOMAIN, **{**OPTIONS, "network": (8, 8)})
