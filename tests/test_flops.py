"""The FLOP ledger: equal to a counter that is always on, and a guard against what counts as zero."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from etude_gym.agents import flops
from etude_gym.agents.flops import PolicyFlops, UncountedOperator, count_flops
from etude_gym.agents.sb3.learner import MaskablePPOLearner
from etude_gym.environment.registration import make_domain
from etude_gym.environment.vector import EtudeVectorEnv

NUM_ENVS, N_STEPS, N_EPOCHS = 8, 16, 2
FEATURES, ACTIONS, HIDDEN = 92, 19, 32


def make_learner(variant="compact", **options):
    arguments = {"network": (HIDDEN,), "n_steps": N_STEPS, "batch_size": 64, "n_epochs": N_EPOCHS}
    domain = make_domain("EtudePlan-v0", observation=variant)
    return MaskablePPOLearner(domain, seed=1, **{**arguments, **options})


def make_vector(variant="compact"):
    domain = make_domain("EtudePlan-v0", observation=variant)
    env = EtudeVectorEnv(domain, NUM_ENVS, autoreset_mode="SameStep", practice="uniform")
    env.reset(seed=0)
    return env


def updates_of(learner):
    return learner.state_dict()["num_updates"] // N_EPOCHS


# --- The ledger against an always-on counter ---------------------------------------------------------


@pytest.mark.parametrize("variant", ["compact", "raw"])
@pytest.mark.parametrize(
    ("batch_size", "n_steps"),
    [
        (64, N_STEPS),
        (48, N_STEPS),  # leaves a smaller last minibatch
        (1000, N_STEPS),
        (300, 64),  # the first minibatch is large enough for oneDNN
    ],
)
@pytest.mark.parametrize("network", [(32,), (24, 40)])
def test_the_ledger_equals_a_counter_that_is_always_on(variant, batch_size, n_steps, network):
    learner = make_learner(variant, batch_size=batch_size, n_steps=n_steps, network=network)
    env = make_vector(variant)
    with FlopCounterMode(display=False) as counter:
        learner.learn(env, 6e7)
        observations, infos = make_vector(variant).reset(seed=1)
        for rows in (NUM_ENVS, NUM_ENVS, 3):
            part = {k: v[:rows] for k, v in observations.items()} if variant == "raw" else observations[:rows]
            learner.act(part, infos["action_mask"][:rows])
    assert updates_of(learner) >= (3 if n_steps == N_STEPS else 1)
    assert sum(learner.flops.values()) == pytest.approx(counter.get_total_flops(), rel=1e-3)


def test_a_resumed_learner_goes_on_with_its_ledger():
    learner, env = make_learner(), make_vector()
    with FlopCounterMode(display=False) as counter:
        learner.learn(env, 2e7)
        resumed, resumed_env = make_learner(), make_vector()
        resumed.load_state_dict(learner.state_dict())
        resumed_env.load_state_dict(env.state_dict())
        assert resumed.flops == learner.flops
        resumed.learn(resumed_env, 4e7)
    assert sum(resumed.flops.values()) == pytest.approx(counter.get_total_flops(), rel=1e-3)


@pytest.mark.parametrize(("n_steps", "batch_size"), [(N_STEPS, 64), (64, 256)])
def test_the_ledger_of_one_update_is_what_arithmetic_says(n_steps, batch_size):
    """A multiply-add is 2 FLOPs; biases, activations and softmax do not count."""
    learner = make_learner(n_steps=n_steps, batch_size=batch_size)
    learner.learn(make_vector(), 1.0)
    policy_weights, value_weights = FEATURES * HIDDEN + HIDDEN * ACTIONS, FEATURES * HIDDEN + HIDDEN
    heads = HIDDEN * (ACTIONS + 1)
    steps = NUM_ENVS * n_steps
    forward = 2 * (policy_weights + value_weights)
    # Backward: a product for the gradient of every weight, another for that of every hidden activation.
    backward = forward + 2 * heads
    assert updates_of(learner) == 1
    assert learner.flops == {
        "rollout": steps * forward,
        "value": NUM_ENVS * 2 * value_weights,
        "update": N_EPOCHS * steps * (forward + backward),
        "evaluation": 0,
    }


def test_acting_is_booked_as_evaluation_only():
    learner = make_learner()
    learner.act(np.zeros((5, FEATURES), dtype=np.float32), np.ones((5, ACTIONS), dtype=np.int8))
    policy_weights = FEATURES * HIDDEN + HIDDEN * ACTIONS
    assert learner.flops == {"rollout": 0, "value": 0, "update": 0, "evaluation": 5 * 2 * policy_weights}


def test_every_shape_is_measured_once(monkeypatch):
    measurements = []

    def measure(**arguments):
        measurements.append(arguments)
        return FlopCounterMode(**arguments)

    monkeypatch.setattr(flops, "FlopCounterMode", measure)
    learner, env = make_learner(batch_size=48), make_vector()
    learner.learn(env, 1e8)
    # Rollout, value, and evaluation and backward pass of minibatches of 48 and of 32.
    assert len(measurements) == 6
    updates = updates_of(learner)
    learner.learn(env, 2e8)
    assert updates_of(learner) > updates
    assert len(measurements) == 6


def test_an_error_in_the_midst_of_a_measurement_leaves_nothing_behind():
    learner, env = make_learner(), make_vector()

    def fail(gradient):
        raise ArithmeticError("backward failed")

    hook = learner.model.policy.value_net.weight.register_hook(fail)
    with pytest.raises(ArithmeticError):
        learner.learn(env, 1e7)
    hook.remove()
    _, counted = count_flops(lambda: torch.ones(2, 3) @ torch.ones(3, 4))
    assert counted == 2 * 2 * 3 * 4
    torch.ones(3) @ torch.ones(3)  # an operator that the guard of a measurement refuses


# --- The guard ---------------------------------------------------------------------------------------

INPUT = torch.ones(3, 5, 16)


def lstm():
    return nn.LSTM(16, 8)(INPUT)


def attention():
    heads = INPUT[:, None]
    return nn.functional.scaled_dot_product_attention(heads, heads, heads)


def encoder():
    with torch.no_grad():
        return nn.TransformerEncoderLayer(16, 2, batch_first=True).eval()(INPUT)


def multihead_attention():
    with torch.no_grad():
        return nn.MultiheadAttention(16, 2, batch_first=True).eval()(INPUT, INPUT, INPUT)


def bilinear():
    return nn.Bilinear(16, 16, 4)(INPUT, INPUT)


def matrix_times_vector():
    return INPUT[0] @ INPUT[0, 0]


def vector_times_vector():
    return INPUT[0, 0] @ INPUT[0, 1]


@pytest.mark.parametrize(
    ("call", "advice"),
    [
        (lstm, r"mkldnn_rnn_layer.*torch\.backends\.mkldnn\.flags\(enabled=False\)"),
        (attention, r"flash_attention_for_cpu.*sdpa_kernel\(SDPBackend\.MATH\)"),
        (encoder, r"_transformer_encoder_layer_fwd.*torch\.backends\.mha\.set_fastpath_enabled\(False\)"),
        (multihead_attention, r"_native_multi_head_attention.*mha\.set_fastpath_enabled\(False\)"),
        (bilinear, r"_trilinear.*torch\.einsum"),
        (matrix_times_vector, r"'mv'.*product of matrices"),
        (vector_times_vector, r"'dot'.*product of matrices"),
    ],
)
def test_operators_that_the_counter_reads_as_zero_are_refused_saying_what_to_do(call, advice):
    with FlopCounterMode(display=False) as counter:
        call()
    missing = counter.get_total_flops()
    with pytest.raises(UncountedOperator, match=advice):
        count_flops(call)
    assert missing < counted_after_the_advice(call)


def counted_after_the_advice(call):
    """FLOPs of the same computation in the form that the error recommends."""
    if call is bilinear:
        return count_flops(lambda: torch.einsum("sbi,oij,sbj->sbo", INPUT, torch.ones(4, 16, 16), INPUT))[1]
    if call is matrix_times_vector:
        return count_flops(lambda: INPUT[0] @ INPUT[0, 0][:, None])[1]
    if call is vector_times_vector:
        return count_flops(lambda: INPUT[0, 0][None] @ INPUT[0, 1][:, None])[1]
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.backends.mkldnn.flags(enabled=False), sdpa_kernel(SDPBackend.MATH):
            return count_flops(call)[1]
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


class RecurrentFeatures(BaseFeaturesExtractor):
    """Reads the observation as a sequence."""

    def __init__(self, observation_space):
        super().__init__(observation_space, features_dim=8)
        self.lstm = nn.LSTM(4, 8, batch_first=True)

    def forward(self, observations):
        return self.lstm(observations.reshape(len(observations), -1, 4))[0][:, -1]


def test_a_policy_with_a_fused_lstm_is_refused_at_its_first_step_and_counted_unfused():
    learner = make_learner()
    model = learner.model
    model.policy_kwargs["features_extractor_class"] = RecurrentFeatures
    model._setup_model()
    learner._policy_flops = PolicyFlops(model.policy)
    with pytest.raises(UncountedOperator, match="mkldnn_rnn_layer"):
        learner.learn(make_vector(), 1e7)
    with torch.backends.mkldnn.flags(enabled=False):
        with FlopCounterMode(display=False) as counter:
            learner.learn(make_vector(), 1e7)
        assert sum(learner.flops.values()) == pytest.approx(counter.get_total_flops(), rel=1e-3)
