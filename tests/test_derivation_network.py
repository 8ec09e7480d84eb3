"""The reference network of programs: what it looks at, where it begins, what it costs."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sb3_contrib")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from etude_gym.agents.networks.derivation import (  # noqa: E402
    DerivationNetwork,
    Tables,
)
from etude_gym.agents.networks.rows import add_up, sum_of_rows, take  # noqa: E402
from etude_gym.agents.sb3.learner import MaskablePPOLearner  # noqa: E402
from etude_gym.environment.registration import make_domain  # noqa: E402
from etude_gym.environment.vector import EtudeVectorEnv  # noqa: E402

DOMAIN: Any = make_domain("EtudeCode-v0")
LAYOUT = DOMAIN.layout
OPTIONS = {"policy": "derivation", "network": (32,), "n_steps": 16, "batch_size": 64, "n_epochs": 2}


def make_vector(num_envs=8, **arguments):
    env = EtudeVectorEnv(DOMAIN, num_envs, autoreset_mode="SameStep", practice="uniform", **arguments)
    env.reset(seed=0)
    return env


@pytest.fixture(scope="module")
def observation():
    """Observations at the beginning of tasks of all families."""
    observations, _ = make_vector(64).reset(seed=3)
    return torch.as_tensor(observations).float()


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = DerivationNetwork(LAYOUT, 32)
    network.prefer_the_usual()
    return network


def test_tables_add_up_one_vector_for_each_number():
    tables = Tables([3, 2], 4)
    rows = tables.bag.weight
    torch.testing.assert_close(tables(torch.tensor([[2, 1]]))[0], rows[2] + rows[4])
    torch.testing.assert_close(tables(torch.tensor([[9, -5]]))[0], rows[2] + rows[3])


ROWS = torch.tensor([[3, 0, 3], [1, 1, 1]])


@pytest.mark.parametrize(
    ("function", "plain"),
    [
        (
            lambda vectors: sum_of_rows(vectors[0], ROWS),
            lambda vectors: torch.nn.functional.embedding_bag(ROWS, vectors[0], mode="sum"),
        ),
        (
            lambda vectors: take(vectors, ROWS),
            lambda vectors: vectors.gather(1, ROWS[:, :, None].expand(-1, -1, 5)),
        ),
        (
            lambda vectors: add_up(vectors[:, :3], ROWS, 6),
            lambda vectors: torch.zeros(2, 6, 5).scatter_add(
                1, ROWS[:, :, None].expand(-1, -1, 5), vectors[:, :3]
            ),
        ),
    ],
)
def test_rows_are_looked_up_and_added_up_as_operators_of_pytorch_do(function, plain):
    vectors = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0), requires_grad=True)
    result, expected = function(vectors), plain(vectors)
    torch.testing.assert_close(result, expected)
    direction = torch.randn(expected.shape, generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad(result, vectors, direction)
    (expected_gradient,) = torch.autograd.grad(expected, vectors, direction)
    torch.testing.assert_close(gradient, expected_gradient)


def test_twice_the_precision_changes_nothing(observation, network):
    exact = deepcopy(network).double()
    for output, expected in zip(network(observation), exact(observation.double()), strict=True):
        torch.testing.assert_close(output, expected.float(), rtol=1e-4, atol=1e-4)


def test_there_is_a_logit_for_every_action(observation, network):
    logits, value = network(observation)
    assert logits.shape == (64, int(DOMAIN.action_space.n))
    assert value.shape == (64, 32)
    torch.testing.assert_close(network.forward_actor(observation), logits)
    torch.testing.assert_close(network.forward_critic(observation), value)


def test_the_policy_begins_with_what_is_usual_in_the_open_hole(observation, network):
    logits = network.forward_actor(observation)[:, : LAYOUT.num_productions]
    usual = torch.as_tensor(LAYOUT.usual)[observation[:, LAYOUT.hole].long()].log()
    assert (logits - usual).abs().max() < 1.0
    assert LAYOUT.usual.sum(axis=1) == pytest.approx(np.ones(len(LAYOUT.usual)), abs=1e-5)
    assert (LAYOUT.usual > 0).all()


def test_the_sentence_of_the_hole_counts_most_at_the_beginning(observation, network):
    writing = observation[observation[:, 2] == 1]
    current = writing[:, LAYOUT.sentence].long()
    changes = []
    for shift in (0, 1):
        changed = writing.clone()
        at = (current - 1 + shift).clamp(max=LAYOUT.num_sentences - 1)
        rows = torch.arange(len(changed))
        told = changed[rows, LAYOUT.sentences + at] > 0
        changed[rows, LAYOUT.sentences + at] = 1 + (changed[rows, LAYOUT.sentences + at] + 7) % 60
        difference = network.forward_critic(changed) - network.forward_critic(writing)
        changes.append(difference[told].abs().mean())
    assert changes[0] > 5 * changes[1]


def test_places_are_told_about_the_sentence_of_their_statement(observation, network):
    whole = observation.long()
    tokens = whole[:, LAYOUT.tokens : LAYOUT.tokens + LAYOUT.num_tokens]
    sentences, _ = network._sentences(whole)
    before, _, _ = network._places(whole, tokens, sentences)
    changed = sentences.clone()
    changed[:, 0] += 1.0
    differs = (network._places(whole, tokens, changed)[0] != before).any(dim=2)
    number = ((tokens >= 1) & (tokens <= LAYOUT.num_statements)).cumsum(dim=1)
    assert not differs[number > 1].any()
    assert differs[(number == 1) & (tokens > 0)].float().mean() > 0.9


def test_places_are_told_about_their_own_definition_and_the_one_they_call(network):
    observations, _ = make_vector(16, family="refactor").reset(seed=3)
    whole = torch.as_tensor(observations).long()
    tokens = whole[:, LAYOUT.tokens : LAYOUT.tokens + LAYOUT.num_tokens]
    sentences, _ = network._sentences(whole)
    before, _, owner = network._places(whole, tokens, sentences)
    size = 1 + len(LAYOUT.definition_sizes)
    for row, slot in ((0, 1), (5, 2)):
        at = LAYOUT.definitions + size * slot
        changed = whole.clone()
        changed[row, at + 1] = 1 + (changed[row, at + 1] + 3) % 8  # its module
        differs = (network._places(changed, tokens, sentences)[0] != before).any(dim=2)
        mine, calling = owner[row] == slot, tokens[row] == LAYOUT.first_call + slot
        callers = torch.isin(owner[row], owner[row][calling])  # a caller's body is summed up for all of it
        assert whole[row, at] > 0
        assert differs[row][mine & (tokens[row] > 0)].all()
        assert not differs[row][~mine & ~callers].any()
        assert not differs[torch.arange(16) != row].any()
        assert owner[row][whole[row, at] - 1] == slot


def test_the_ledger_equals_a_counter_that_is_always_on():
    learner, env = MaskablePPOLearner(DOMAIN, seed=1, **OPTIONS), make_vector()
    with FlopCounterMode(display=False) as counter:
        learner.learn(env, 5e7)
    assert sum(learner.flops.values()) == pytest.approx(counter.get_total_flops(), rel=1e-3)


def test_practice_changes_every_part_of_the_network():
    learner = MaskablePPOLearner(DOMAIN, seed=1, **OPTIONS)
    before = learner.state_dict()["policy"]
    learner.learn(make_vector(), 2e8)
    after = learner.state_dict()["policy"]
    unchanged = {name.rpartition(".")[2] for name in before if torch.equal(before[name], after[name])}
    assert unchanged <= {"offsets", "largest", "symbol_places", "amount_places", "amount_scales"}


def test_a_domain_without_a_layout_of_derivations_is_refused():
    with pytest.raises(ValueError, match="DerivationLayout"):
        MaskablePPOLearner(make_domain("EtudePlan-v0"), **OPTIONS)
