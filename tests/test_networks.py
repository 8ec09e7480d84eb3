"""The reference network of clauses: order and names do not matter, its FLOPs are counted, it is a policy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sb3_contrib")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from etude_gym.agents.networks.clauses import (  # noqa: E402
    ClauseNetwork,
    incidence,
    items_of,
)
from etude_gym.agents.sb3.learner import MaskablePPOLearner  # noqa: E402
from etude_gym.environment.registration import make_domain  # noqa: E402
from etude_gym.environment.vector import EtudeVectorEnv  # noqa: E402

DOMAIN: Any = make_domain("EtudeLogic-v0")
LAYOUT = DOMAIN.layout
OPTIONS = {"policy": "clauses", "network": (16,), "n_steps": 16, "batch_size": 64, "n_epochs": 2}
NUM_ENVS = 8


def make_vector(num_envs=NUM_ENVS, domain=DOMAIN):
    env = EtudeVectorEnv(domain, num_envs, autoreset_mode="SameStep", practice="uniform")
    env.reset(seed=0)
    return env


@pytest.fixture(scope="module")
def observation():
    """Observations in the middle of episodes."""
    env = make_vector(64)
    observations, infos = env.reset(seed=3)
    for step in range(6):
        legal = infos["action_mask"] * np.random.default_rng(step).random(infos["action_mask"].shape)
        legal[:, LAYOUT.answers[0] :] = 0
        observations, _, _, _, infos = env.step(legal.argmax(axis=1))
    return torch.as_tensor(observations)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return ClauseNetwork(LAYOUT, 16)


def rearranged(observation, items, order):
    """The same observation with the items of a set in another order."""
    block = items_of(observation, items)[:, order]
    changed = observation.clone()
    changed[:, items.start : items.stop] = block.transpose(1, 2).reshape(len(observation), -1)
    return changed


def test_the_order_of_clauses_is_the_order_of_their_scores_and_nothing_else(observation, network):
    order = torch.randperm(LAYOUT.clauses.items, generator=torch.Generator().manual_seed(1))
    logits, value = network(observation)
    again, value_again = network(rearranged(observation, LAYOUT.clauses, order))
    count = LAYOUT.clauses.items
    torch.testing.assert_close(again[:, :count], logits[:, :count][:, order])
    torch.testing.assert_close(again[:, count:], logits[:, count:])
    torch.testing.assert_close(value_again, value)


def test_the_names_of_atoms_do_not_matter(observation, network):
    atoms, clauses = LAYOUT.atoms, LAYOUT.clauses
    order = torch.randperm(atoms.items, generator=torch.Generator().manual_seed(2))
    renamed = rearranged(observation, atoms, order)
    numbers = items_of(observation, clauses)[:, :, : LAYOUT.literals_per_clause] * atoms.items
    new_number = torch.zeros(atoms.items + 1)
    new_number[order + 1] = torch.arange(1.0, atoms.items + 1)
    numbers = numbers.sign() * new_number[numbers.abs().round().long()] / atoms.items
    block = renamed[:, clauses.start : clauses.stop].reshape(len(renamed), clauses.features, clauses.items)
    block[:, : LAYOUT.literals_per_clause] = numbers.transpose(1, 2)
    logits, value = network(observation)
    again, value_again = network(renamed)
    first, count = atoms.first_action, atoms.items
    for head in range(2):
        mine = again[:, first + head * count : first + (head + 1) * count]
        torch.testing.assert_close(
            mine, logits[:, first + head * count : first + (head + 1) * count][:, order]
        )
    torch.testing.assert_close(again[:, :first], logits[:, :first])
    torch.testing.assert_close(again[:, atoms.stop_action :], logits[:, atoms.stop_action :])
    torch.testing.assert_close(value_again, value)


def gradients(network, forward, observation):
    """What a forward pass returns, the gradients of all parameters and the FLOPs."""
    generator = torch.Generator().manual_seed(4)
    network.zero_grad()
    with FlopCounterMode(display=False) as counter:
        outputs = forward(observation)
        directions = [torch.randn(output.shape, generator=generator) for output in outputs]
        torch.autograd.backward(outputs, directions)
    found = {name: parameter.grad.clone() for name, parameter in network.named_parameters()}
    return outputs, found, counter.get_total_flops()


@pytest.mark.parametrize("rows", [64, 3])
@pytest.mark.parametrize("width", [24, 18])
def test_the_pass_on_a_processor_computes_what_plain_operators_do(observation, width, rows):
    torch.manual_seed(width)
    network = ClauseNetwork(LAYOUT, width)
    shown = observation[:rows]
    outputs, found, flops = gradients(network, network.forward, shown)
    expected, expected_gradients, expected_flops = gradients(network, network.forward_anywhere, shown)
    for output, plain in zip(outputs, expected, strict=True):
        torch.testing.assert_close(output, plain, rtol=1e-5, atol=1e-5)
    for name, plain in expected_gradients.items():
        torch.testing.assert_close(found[name], plain, rtol=1e-5, atol=1e-5 * float(plain.abs().max() + 1))
    assert flops == expected_flops


def test_a_literal_that_a_clause_names_twice_counts_once(observation, network):
    twice = observation.clone()
    first, count = LAYOUT.clauses.start, LAYOUT.clauses.items
    twice[:, first + count : first + 2 * count] = twice[:, first : first + count]
    for output, plain in zip(network(twice), network.forward_anywhere(twice), strict=True):
        torch.testing.assert_close(output, plain, rtol=1e-5, atol=1e-5)


def test_incidence_marks_the_literals_of_each_clause():
    numbers = torch.tensor([[[1.0, -2.0, 0.0, 0.0], [4.0, 3.0, -1.0, 0.0]]]) / 4
    expected = torch.zeros(1, 2, 8)
    expected[0, 0, [0, 5]] = 1
    expected[0, 1, [3, 2, 4]] = 1
    torch.testing.assert_close(incidence(numbers, 4), expected)


def test_the_confidence_is_the_level_nearest_to_the_probability_of_the_answer(observation, network):
    first, answers = LAYOUT.answers
    answered = observation.clone()
    status = torch.arange(len(answered)) % answers
    start = LAYOUT.num_globals - answers
    answered[:, start - 1 : LAYOUT.num_globals] = 0
    answered[:, start - 1] = 1
    answered[torch.arange(len(answered)), start + status] = 1
    logits = network.forward_actor(answered)
    probability = logits[:, first : first + answers].softmax(1)[torch.arange(len(answered)), status]
    nearest = (torch.tensor(LAYOUT.levels) - probability[:, None]).abs().argmin(1)
    assert (logits[:, first + answers :].argmax(1) == nearest).all()


def test_nothing_more_is_expected_once_the_answer_is_given(observation, network):
    answered = observation.clone()
    answered[:, LAYOUT.num_globals - LAYOUT.last_globals] = 1
    assert (network.forward_critic(answered) == 0).all()
    assert (network.forward_critic(observation * 1.0) != 0).any()


@pytest.mark.parametrize("variant", ["plain", "hints"])
def test_the_ledger_equals_a_counter_that_is_always_on(variant):
    domain = make_domain("EtudeLogic-v0", observation=variant)
    learner, env = MaskablePPOLearner(domain, seed=1, **OPTIONS), make_vector(domain=domain)
    with FlopCounterMode(display=False) as counter:
        learner.learn(env, 1e8)
    assert sum(learner.flops.values()) == pytest.approx(counter.get_total_flops(), rel=1e-3)


def test_practice_changes_every_part_of_the_network():
    learner = MaskablePPOLearner(DOMAIN, seed=1, **OPTIONS)
    before = learner.state_dict()["policy"]
    learner.learn(make_vector(), 2e8)
    after = learner.state_dict()["policy"]
    unchanged = [name for name in before if torch.equal(before[name], after[name])]
    assert unchanged == ["mlp_extractor.levels"]


def test_a_domain_without_a_layout_of_clauses_is_refused():
    with pytest.raises(ValueError, match="ClauseLayout"):
        MaskablePPOLearner(make_domain("EtudePlan-v0"), **OPTIONS)
    with pytest.raises(ValueError, match="one width"):
        MaskablePPOLearner(DOMAIN, policy="clauses", network=(32, 32))
    with pytest.raises(ValueError, match="clauses"):
        MaskablePPOLearner(DOMAIN, policy="clause")
