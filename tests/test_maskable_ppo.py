"""MaskablePPO without its overhead computes what the original computes."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.buffers import MaskableRolloutBuffer
from sb3_contrib.common.maskable.distributions import MaskableCategorical
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.logger import Logger
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from etude_gym.agents.networks import perceptron
from etude_gym.agents.networks.adam import LeanAdam
from etude_gym.agents.networks.categorical import draw, evaluate_choices, masked_log_softmax
from etude_gym.agents.sb3.learner import policy_for
from etude_gym.agents.sb3.maskable_ppo import LeanMaskablePPO
from etude_gym.agents.sb3.policies import LeanMultiInputPolicy, LeanPolicy
from etude_gym.agents.sb3.vec_env import BatchedVecEnv
from etude_gym.environment.registration import make_domain
from etude_gym.environment.vector import EtudeVectorEnv

NUM_ENVS, N_STEPS = 16, 20
SUBJECTS = {
    "mlp": ("EtudePlan-v0", {}, "mlp", (24,)),
    "deep mlp": ("EtudePlan-v0", {}, "mlp", (48, 40)),
    "dictionary": ("EtudePlan-v0", {"observation": "raw"}, "mlp", (40,)),
    "clauses": ("EtudeLogic-v0", {}, "clauses", (8,)),
    "derivation": ("EtudeCode-v0", {}, "derivation", (8,)),
    "concepts": ("EtudeCreative-v0", {}, "concepts", (8,)),
}
"""Environment, its options, policy and network."""


def stock_class(policy_class):
    """The same network under the original's methods."""
    if isinstance(policy_class, str):
        return policy_class
    original = MaskableActorCriticPolicy
    return type("Stock", (policy_class,), {n: getattr(original, n) for n in ("forward", "evaluate_actions")})


def make_model(subject, algorithm=LeanMaskablePPO, **options):
    env_id, variant, policy, network = SUBJECTS[subject]
    domain = make_domain(env_id, **variant)
    policy_class, arguments = policy_for(domain, policy, network)
    env = EtudeVectorEnv(domain, NUM_ENVS, autoreset_mode="SameStep", practice="uniform")
    env.reset(seed=3)
    if algorithm is MaskablePPO:
        policy_class = stock_class(policy_class)
        if not isinstance(policy_class, str):
            arguments["optimizer_kwargs"] = {"eps": 1e-5, "fused": False}
    given = {"n_steps": N_STEPS, "batch_size": 160, "n_epochs": 2, "ent_coef": 0.02, **options}
    model = algorithm(
        policy_class, BatchedVecEnv(env), policy_kwargs=arguments, seed=1, device="cpu", **given
    )
    model.set_logger(Logger(folder=None, output_formats=[]))
    return model


def weights_of(model):
    return torch.cat([weight.detach().flatten() for weight in model.policy.parameters()])


def collect(model):
    """Fill the model's buffer with one rollout."""
    _, callback = model._setup_learn(NUM_ENVS * N_STEPS, None)
    assert model.collect_rollouts(model.env, callback, model.rollout_buffer, N_STEPS)
    return model.rollout_buffer


def random_masks(rows, actions, seed=0):
    """Masks of all kinds; one action is legal in every third row, none in the last."""
    generator = np.random.default_rng(seed)
    masks = generator.random((rows, actions)) < generator.random((rows, 1))
    masks[:, 1] = True
    masks[::3] = False
    masks[::3, 2] = True
    masks[-1] = False
    return masks


# --- Choices -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [7, 500])
def test_log_probabilities_entropies_and_gradients_are_those_of_the_original(rows):
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(rows, 11, generator=generator) * 4
    masks = torch.as_tensor(random_masks(rows, 11))
    actions = torch.multinomial(masks + 1e-9, 1, generator=generator)[:, 0]
    weights = torch.randn(2, rows, generator=generator)
    results = []
    for evaluate in (
        lambda given: evaluate_choices(given, ~masks, actions),
        lambda given: (
            (choice := MaskableCategorical(logits=given, masks=masks)).log_prob(actions),
            choice.entropy(),
        ),
    ):
        given = logits.clone().requires_grad_()
        log_probabilities, entropies = evaluate(given)
        (weights[0] * log_probabilities + weights[1] * entropies).sum().backward()
        results.append((log_probabilities.detach(), entropies.detach(), given.grad))
    for lean, stock in zip(*results, strict=True):
        assert torch.isfinite(lean).all()
        torch.testing.assert_close(lean[:-1], stock[:-1], rtol=1e-5, atol=2e-6)
    log_probabilities, entropies, gradient = results[0]  # and where nothing is legal
    assert log_probabilities[-1] == pytest.approx(-np.log(11))
    assert entropies[-1] == 0
    assert not gradient[-1].any()


def test_without_a_mask_every_action_is_legal():
    logits, actions = torch.randn(6, 5), torch.arange(6) % 5
    everything = torch.zeros(6, 5, dtype=torch.bool)
    for one, other in zip(
        evaluate_choices(logits, None, actions), evaluate_choices(logits, everything, actions), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_actions_are_drawn_as_often_as_they_are_probable():
    torch.manual_seed(5)
    logits, illegal = torch.tensor([0.3, 2.0, -1.0, 0.5, 3.0]), torch.tensor([0, 0, 0, 0, 1]).bool()
    log_probabilities = masked_log_softmax(logits.repeat(40_000, 1), illegal.repeat(40_000, 1))
    shares = torch.bincount(draw(log_probabilities), minlength=5) / 40_000
    torch.testing.assert_close(shares, log_probabilities[0].exp(), atol=0.015, rtol=0)  # five standard errors
    assert shares[4] == 0


def test_only_legal_actions_are_drawn_and_any_where_none_is_legal():
    torch.manual_seed(6)
    masks = torch.as_tensor(random_masks(30_000, 9))
    masks[-500:] = False
    actions = draw(masked_log_softmax(torch.randn(30_000, 9) * 10, ~masks))
    assert masks[torch.arange(29_500), actions[:29_500]].all()
    assert set(actions[-500:].tolist()) == set(range(9))


@pytest.mark.parametrize("largest", [0.0, 1.0 - 2**-24])
def test_the_ends_of_the_random_numbers_give_legal_actions(monkeypatch, largest):
    monkeypatch.setattr(torch, "rand_like", lambda like: torch.full_like(like, largest))
    masks = torch.as_tensor(random_masks(2000, 13))[:-1]
    actions = draw(masked_log_softmax(torch.randn(len(masks), 13) * 3, ~masks))
    assert masks[torch.arange(len(masks)), actions].all()


# --- Policies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("copies", [1, 20])  # 16 rows and 320, more than oneDNN is given
def test_evaluations_and_their_gradients_are_those_of_the_original(subject, copies):
    model = make_model(subject)
    policy, observed = model.policy, model.env.reset()
    if isinstance(observed, dict):
        observed = {
            name: np.tile(array, (copies, *[1] * (array.ndim - 1))) for name, array in observed.items()
        }
    else:
        observed = np.tile(observed, (copies, 1))
    observations, _ = policy.obs_to_tensor(observed)
    count = NUM_ENVS * copies
    masks = random_masks(count, int(policy.action_space.n))
    masks[-1] = True
    actions = torch.as_tensor(masks.argmax(axis=1))
    results = []
    for evaluate in (policy.evaluate_actions, lambda *a, **k: stock_evaluation(policy, *a, **k)):
        policy.optimizer.zero_grad()
        outputs = evaluate(observations, actions, action_masks=masks)
        sum((output.flatten() * torch.linspace(-1, 1, count)).sum() for output in outputs).backward()
        gradients = [weight.grad for weight in policy.parameters()]
        results.append([*(output.detach() for output in outputs), *gradients])
    assert all(gradient is not None for gradient in results[0])
    for lean, stock in zip(*results, strict=True):
        torch.testing.assert_close(lean, stock, rtol=1e-4, atol=1e-4)


def stock_evaluation(policy, *arguments, **named):
    return MaskableActorCriticPolicy.evaluate_actions(policy, *arguments, **named)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_acting_gives_the_values_and_log_probabilities_of_the_original(subject):
    model = make_model(subject)
    policy, observed, masks = model.policy, model.env.reset(), model.env.env_method("action_masks")
    observations, _ = policy.obs_to_tensor(observed)
    with torch.no_grad():
        actions, values, log_probabilities = policy(observations, action_masks=masks)
        evaluated = stock_evaluation(policy, observations, actions, action_masks=masks)
        best, _, _ = policy(observations, deterministic=True, action_masks=masks)
    torch.testing.assert_close(values, evaluated[0])
    torch.testing.assert_close(log_probabilities, evaluated[1])
    assert masks[np.arange(NUM_ENVS), actions].all()
    np.testing.assert_array_equal(best, model.predict(observed, action_masks=masks, deterministic=True)[0])


@pytest.mark.parametrize(
    "arguments",
    [
        {"activation_fn": nn.ReLU},
        {"net_arch": []},
        {"net_arch": {"pi": [8], "vf": [4, 6]}},
        {"share_features_extractor": False},
    ],
)
def test_other_arguments_of_the_policy_compute_what_the_original_computes(arguments):
    model = make_model("mlp")
    policy = LeanPolicy(model.observation_space, model.action_space, lambda _: 1e-3, **arguments)
    observations, _ = policy.obs_to_tensor(model.env.reset())
    masks = model.env.env_method("action_masks")
    actions = torch.as_tensor(masks.argmax(axis=1))
    for lean, stock in zip(
        policy.evaluate_actions(observations, actions, masks),
        stock_evaluation(policy, observations, actions, masks),
        strict=True,
    ):
        torch.testing.assert_close(lean, stock)
    with torch.no_grad():
        torch.testing.assert_close(policy(observations)[1], policy.predict_values(observations))


def test_without_onednn_the_results_are_the_same(monkeypatch):
    layers = [(torch.randn(40, 9), torch.randn(40)), (torch.randn(3, 40), torch.randn(3))]
    inputs, gradient = torch.randn(300, 9), torch.randn(300, 3)
    results = []
    for available in (True, False):
        if not available:
            monkeypatch.setattr(perceptron, "_fused_layer", None)
        *passed, outputs = perceptron.forward_pass(inputs, layers)
        weights = [weight for weight, _ in layers]
        turned = inputs.t().contiguous()
        by_inputs, others = perceptron.backward_pass(gradient, passed, turned, weights, to_inputs=True)
        results.append([outputs, by_inputs, *others])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rows", [10, 300])
def test_flops_of_a_perceptron_are_those_of_its_products(rows):
    policy = LeanPolicy(
        spaces.Box(-1, 1, (9,)), spaces.Discrete(5), lambda _: 1e-3, net_arch=[40, 36], ortho_init=False
    )
    observations, actions = torch.randn(rows, 9), torch.zeros(rows, dtype=torch.long)
    counts = []
    for evaluate in (policy.evaluate_actions, lambda *a: stock_evaluation(policy, *a)):
        with FlopCounterMode(display=False) as counter:
            values, log_probabilities, _ = evaluate(observations, actions)
            (values[:, 0] + log_probabilities).sum().backward()
        counts.append(counter.get_total_flops())
    assert counts[0] == counts[1] > 0


# --- Updates -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "options"),
    [
        *((subject, {}) for subject in SUBJECTS),
        ("mlp", {"batch_size": 100}),  # the last minibatch is smaller
        ("mlp", {"batch_size": NUM_ENVS * N_STEPS}),  # oneDNN takes part
        ("mlp", {"batch_size": None}),
        ("mlp", {"normalize_advantage": False, "clip_range_vf": 0.05, "clip_range": 0.02}),
        ("mlp", {"max_grad_norm": 0.01, "vf_coef": 0.9, "ent_coef": 0.0, "n_epochs": 4}),
    ],
)
def test_an_update_gives_the_weights_of_the_original(subject, options):
    lean, stock = make_model(subject, **options), make_model(subject, MaskablePPO, **options)
    stock.policy.load_state_dict(lean.policy.state_dict())
    before = weights_of(lean)
    stock.rollout_buffer = deepcopy(collect(lean))
    for model in (lean, stock):
        np.random.seed(7)  # noqa: NPY002
        model.train()
    torch.testing.assert_close(weights_of(lean), weights_of(stock), rtol=0, atol=2e-5)
    assert (weights_of(lean) - before).abs().max() > 2e-4
    assert lean._n_updates == stock._n_updates
    assert all(weight.grad is None for weight in lean.policy.parameters())
    if options.get("batch_size", 160) != 100:  # the original weighs a smaller minibatch like the others
        assert figures_of(lean) == pytest.approx(figures_of(stock), rel=1e-3, abs=1e-5)


def figures_of(model):
    """What an update tells the logger; a loss of the last minibatch alone by the original."""
    values = model.logger.name_to_value
    return {
        name: value for name, value in values.items() if name.startswith("train/") and name != "train/loss"
    }


def test_a_truncated_episode_is_credited_with_the_value_of_where_it_would_have_gone_on():
    lean, stock = make_model("mlp"), make_model("mlp", MaskablePPO)
    stock.policy.load_state_dict(lean.policy.state_dict())
    credited = []
    for model in (lean, stock):
        step_wait = model.env.step_wait

        def cut_off(step_wait=step_wait):
            observations, rewards, dones, infos = step_wait()
            credited.extend(np.flatnonzero(dones))
            for row in np.flatnonzero(dones):
                infos[row]["TimeLimit.truncated"] = True
            return observations, rewards, dones, infos

        model.env.step_wait = cut_off
        model.policy.forward = lambda observations, action_masks, policy=model.policy: (
            torch.as_tensor(action_masks.argmax(1)),
            policy.predict_values(observations),
            torch.zeros(NUM_ENVS),
        )
    lean_rewards, stock_rewards = (collect(model).rewards for model in (lean, stock))
    np.testing.assert_allclose(lean_rewards, stock_rewards, atol=1e-6)
    assert credited


@pytest.mark.parametrize("subject", ["mlp", "dictionary"])
def test_files_exchange_with_the_original_in_both_directions(subject, tmp_path):
    lean, stock = make_model(subject), make_model(subject, MaskablePPO)
    for model, other in ((lean, MaskablePPO), (stock, LeanMaskablePPO)):
        model.learn(NUM_ENVS * N_STEPS)
        model.save(tmp_path / "model")
        loaded = other.load(tmp_path / "model", env=model.env)
        torch.testing.assert_close(weights_of(loaded), weights_of(model), rtol=0, atol=0)
        observations, masks = model.env.reset(), model.env.env_method("action_masks")
        for each in (model, loaded):
            assert (each.policy.optimizer.state_dict()["state"][0]["step"]) == 4
        np.testing.assert_array_equal(
            *(
                each.predict(observations, deterministic=True, action_masks=masks)[0]
                for each in (model, loaded)
            )
        )
        before = weights_of(loaded)
        loaded.learn(NUM_ENVS * N_STEPS)
        assert not torch.equal(weights_of(loaded), before)
    assert isinstance(loaded.policy, LeanMultiInputPolicy if subject == "dictionary" else LeanPolicy)


class OwnBuffer(MaskableRolloutBuffer):
    """A rollout buffer that nobody has seen before."""


@pytest.mark.parametrize(
    ("options", "named"),
    [({"target_kl": 0.1}, "target_kl=0.1"), ({"rollout_buffer_class": OwnBuffer}, "OwnBuffer")],
)
def test_what_is_left_out_is_refused_saying_what_to_use(options, named):
    with pytest.raises(ValueError, match=f"does without .*{named}.*: use MaskablePPO of sb3_contrib"):
        make_model("mlp", **options)


def test_actions_that_are_not_discrete_are_refused():
    with pytest.raises(ValueError, match=r"LeanPolicy takes Discrete actions only, got MultiDiscrete"):
        LeanPolicy(spaces.Box(-1, 1, (3,)), spaces.MultiDiscrete([2, 3]), lambda _: 1e-3)


@pytest.mark.parametrize(
    "options", [{}, {"weight_decay": 0.1, "betas": (0.8, 0.95)}, {"maximize": True}, {"amsgrad": True}]
)
@pytest.mark.parametrize("groups", [1, 2])
def test_steps_of_the_optimizer_are_those_of_adam(options, groups):
    runs = []
    for optimizer_class in (LeanAdam, torch.optim.Adam):
        generator = torch.Generator().manual_seed(2)
        weights = [torch.randn(5, 3, generator=generator).requires_grad_() for _ in range(4)]
        parts = [{"params": weights[group::groups]} for group in range(groups)]
        optimizer = optimizer_class(parts, lr=0.01, fused=optimizer_class is LeanAdam, **options)
        for step in range(5):
            optimizer.zero_grad()
            for weight in weights[: 4 - (step == 2)]:  # one has no gradient for once
                weight.grad = torch.randn(5, 3, generator=generator)
            optimizer.step()
            optimizer.param_groups[0]["lr"] *= 0.9
        runs.append(weights)
    for lean, stock in zip(*runs, strict=True):
        torch.testing.assert_close(lean, stock)
