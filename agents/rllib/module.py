"""The networks that RLlib trains: action masks, separate towers or a reference network, counted FLOPs."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray
from ray.rllib.algorithms.ppo.torch.ppo_torch_learner import PPOTorchLearner
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.apis.value_function_api import ValueFunctionAPI
from ray.rllib.core.rl_module.multi_rl_module import MultiRLModule
from ray.rllib.core.rl_module.torch import TorchRLModule
from torch import Tensor, nn
from torch.nn import functional

from etude_gym.agents.demonstrations import Demonstrations
from etude_gym.agents.flops import count_flops
from etude_gym.entry_points import load_entry_point
from etude_gym.errors import MissingExtra, check_name
from etude_gym.tasks.observations import take

REFERENCE_NETWORKS = {
    "clauses": ("ClauseLayout", "etude_gym.agents.networks.clauses:ClauseNetwork", "prefer_clauses"),
    "derivation": (
        "DerivationLayout",
        "etude_gym.agents.networks.derivation:DerivationNetwork",
        "prefer_the_usual",
    ),
    "concepts": ("ConceptLayout", "etude_gym.agents.networks.concepts:ConceptNetwork", "prefer_items"),
}
"""Networks for domains with a layout: the layout's class, the network, and how it is told to begin."""

ADAM_EPSILON = 1e-5
"""That of Stable-Baselines3; small networks are sensitive to it."""


class CallFlops:
    """FLOPs of calls by line of the ledger; every (line, shape) is measured once and multiplied.

    Attributes:
        lines: FLOPs since they were last taken.
    """

    def __init__(self) -> None:
        self.lines: dict[str, int] = {}
        self._known: dict[Hashable, int] = {}

    def run(self, line: str, shape: Hashable, call: Callable[[], Any]) -> Any:
        """Carry out a call and book its FLOPs.

        Args:
            line: line of the ledger.
            shape: hashable; calls of one line with equal shapes cost the same, and are measured once.
            call: the call, without arguments.

        Returns:
            The result of the call.

        Raises:
            UncountedOperator: as ``count_flops`` does.
        """
        if (line, shape) in self._known:
            result = call()
        else:
            result, self._known[line, shape] = count_flops(call)
        self.lines[line] = self.lines.get(line, 0) + self._known[line, shape]
        return result

    def take(self) -> dict[str, int]:
        """The lines, which start again at zero."""
        taken, self.lines = self.lines, {}
        return taken


def take_flops(module: Any) -> dict[str, int]:
    """FLOPs since the last call, by line of the ledger.

    Args:
        module: an ``ActionMaskModule``, or a ``MultiRLModule`` of such.
    """
    lines: dict[str, int] = {}
    for part in module.values() if isinstance(module, MultiRLModule) else (module,):
        for line, flops in part.unwrapped().flops.take().items():
            lines[line] = lines.get(line, 0) + flops
    return lines


def _initialize(module: nn.Module, gain: float) -> None:
    """Orthogonal weights, as Stable-Baselines3 begins."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.orthogonal_(part.weight, gain=gain)
            nn.init.zeros_(part.bias)


class Towers(nn.Module):
    """A multilayer perceptron for the policy and another one for the value.

    Args:
        features: numbers in an observation.
        actions: number of actions.
        network: widths of the hidden layers of each.
    """

    def __init__(self, features: int, actions: int, network: tuple[int, ...]) -> None:
        super().__init__()
        self.policy = _perceptron(features, network)
        self.critic = _perceptron(features, network)
        self.latent_dim_vf = network[-1] if network else features
        self.action_head = nn.Linear(self.latent_dim_vf, actions)

    def begin(self) -> None:
        """Make the initial policy nearly uniform."""
        _initialize(self.action_head, 0.01)

    def forward(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of all actions, and the features from which the value is computed.

        Args:
            observation: float32 (batch, features).

        Returns:
            Two float32 tensors, (batch, actions) and (batch, width).
        """
        return self.forward_actor(observation), self.forward_critic(observation)

    def forward_actor(self, observation: Tensor) -> Tensor:
        """Logits of all actions.

        Args:
            observation: float32 (batch, features).

        Returns:
            float32 tensor of shape (batch, actions).
        """
        logits: Tensor = self.action_head(self.policy(observation))
        return logits

    def forward_critic(self, observation: Tensor) -> Tensor:
        """Features from which the value is computed.

        Args:
            observation: float32 (batch, features).

        Returns:
            float32 tensor of shape (batch, width).
        """
        features: Tensor = self.critic(observation)
        return features


def _perceptron(features: int, network: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in network:
        layers += [nn.Linear(features, width), nn.Tanh()]
        features = width
    return nn.Sequential(*layers)


def flat_observation(observation: Any) -> Tensor:
    """A batch of observations as one matrix.

    Args:
        observation: tensor (batch, ...), or a dictionary of such tensors, joined in the order of their names.

    Returns:
        float32 tensor of shape (batch, features).
    """
    if isinstance(observation, Mapping):
        parts = [flat_observation(observation[name]) for name in sorted(observation)]
        return torch.cat(parts, dim=1)
    return observation.float().flatten(1)


def as_tensors(observation: Any, device: Any = None) -> Any:
    """An observation of arrays as one of tensors.

    Args:
        observation: array, or a dictionary of observations.
        device: where the tensors shall be.
    """
    if isinstance(observation, Mapping):
        return {name: as_tensors(part, device) for name, part in observation.items()}
    return torch.as_tensor(observation, device=device)


def check_policy(policy: str, network: tuple[int, ...], layout: Any) -> None:
    """Check that a domain with this layout can be learned with a policy.

    Args:
        policy: "mlp", "clauses", "derivation" or "concepts".
        network: widths of the hidden layers; one for all policies but "mlp".
        layout: of the domain's observation; None if it has none.

    Raises:
        ValueError: if the policy does not exist or does not fit.
    """
    check_name("policy", policy, ("mlp", *REFERENCE_NETWORKS))
    if policy == "mlp":
        return
    needed = REFERENCE_NETWORKS[policy][0]
    if type(layout).__name__ != needed or len(network) != 1:
        raise ValueError(
            f"policy={policy!r} needs a domain with a {needed} and one width, got a layout of type "
            f"{type(layout).__name__} and network={network!r}."
        )


def _make_network(policy: str, network: tuple[int, ...], layout: Any, features: int, actions: int) -> Any:
    check_policy(policy, network, layout)
    if policy == "mlp":
        made: Any = Towers(features, actions, network)
        begin = made.begin
    else:
        _, entry_point, name = REFERENCE_NETWORKS[policy]
        try:
            made = load_entry_point(entry_point)(layout, network[0])
        except ModuleNotFoundError as error:
            raise MissingExtra(f"policy={policy!r}", "sb3") from error
        begin = getattr(made, name)
    _initialize(made, 2**0.5)
    begin()
    return made


class ActionMaskModule(TorchRLModule, ValueFunctionAPI):  # type: ignore[misc]
    """An actor-critic whose illegal actions have no probability.

    Observations are dictionaries of "observation" and "action_mask". ``model_config`` holds "policy",
    "network" and "layout", see ``ppo_config``. Rollouts and value passes count their FLOPs in ``flops``;
    what happens inside an update is counted by ``CountingPPOLearner``.
    """

    def setup(self) -> None:
        """Make the network; called by RLlib."""
        self.flops = CallFlops()
        features = gymnasium.spaces.flatdim(self.observation_space["observation"])
        config = self.model_config
        self.network = _make_network(
            config["policy"],
            tuple(config["network"]),
            config["layout"],
            features,
            gymnasium.spaces.flatdim(self.action_space),
        )
        self.value_head = nn.Linear(self.network.latent_dim_vf, 1)
        _initialize(self.value_head, 1.0)

    def logits(self, observations: Mapping[str, Any]) -> Tensor:
        """Logits in which illegal actions have the smallest number there is.

        Args:
            observations: "observation", (batch, ...), and "action_mask", (batch, actions), 1 where legal.

        Returns:
            float32 tensor of shape (batch, actions).
        """
        scores = self.network.forward_actor(flat_observation(observations["observation"]))
        return _masked(scores, observations["action_mask"])

    def _forward(self, batch: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {Columns.ACTION_DIST_INPUTS: self.logits(batch[Columns.OBS])}

    def _forward_exploration(self, batch: dict[str, Any], **_: Any) -> dict[str, Any]:
        rows = len(batch[Columns.OBS]["action_mask"])
        with torch.no_grad():
            return self.flops.run("rollout", rows, lambda: self._forward(batch))

    def _forward_train(self, batch: dict[str, Any], **_: Any) -> dict[str, Any]:
        observations = batch[Columns.OBS]
        scores, features = self.network(flat_observation(observations["observation"]))
        return {
            Columns.ACTION_DIST_INPUTS: _masked(scores, observations["action_mask"]),
            Columns.EMBEDDINGS: features,
        }

    def compute_values(self, batch: dict[str, Any], embeddings: Any = None) -> Tensor:
        """Values of a batch of states.

        Args:
            batch: as RLlib passes it, with observations under ``Columns.OBS``.
            embeddings: features that ``_forward_train`` computed, (batch, width); None computes them here.

        Returns:
            float32 tensor of shape (batch,).
        """
        if embeddings is not None:
            return self.value_head(embeddings)[:, 0]
        observation = batch[Columns.OBS]["observation"]
        rows = len(batch[Columns.OBS]["action_mask"])
        with torch.no_grad():
            return self.flops.run("value", rows, lambda: self._values(observation))

    def _values(self, observation: Any) -> Tensor:
        return self.value_head(self.network.forward_critic(flat_observation(observation)))[:, 0]


def _masked(scores: Tensor, masks: Tensor) -> Tensor:
    return torch.where(masks > 0, scores, torch.finfo(scores.dtype).min)


class CountingPPOLearner(PPOTorchLearner):  # type: ignore[misc]
    """RLlib's PPO learner, which counts the FLOPs of its updates.

    Attributes:
        flops: of updates; value passes are counted by the module.
        learning_rate: for the next updates; None leaves it to RLlib's own schedule.
    """

    def build(self) -> None:
        """Make module and optimizer; called by RLlib."""
        self.flops = CallFlops()
        self.learning_rate: float | None = None
        self._cpu_seconds = time.process_time()
        super().build()

    def configure_optimizers_for_module(self, module_id: str, config: Any = None) -> None:
        """Adam as Stable-Baselines3 sets it up."""
        parameters = self.get_parameters(self._module[module_id])
        self.register_optimizer(
            module_id=module_id,
            optimizer=torch.optim.Adam(parameters, eps=ADAM_EPSILON),
            params=parameters,
            lr_or_lr_schedule=config.lr,
        )

    def before_gradient_based_update(self, *, timesteps: dict[str, Any]) -> None:
        """Set the learning rate that the driver asked for."""
        super().before_gradient_based_update(timesteps=timesteps)
        self._set_learning_rate()

    def _set_learning_rate(self) -> None:
        """What the driver asked for; after each update RLlib goes back to the rate of its own schedule."""
        if self.learning_rate is not None:
            for _, optimizer in self.get_optimizers_for_module(DEFAULT_MODULE_ID):
                self._set_optimizer_lr(optimizer, self.learning_rate)

    def _update(self, batch: dict[str, Any], **arguments: Any) -> Any:
        rows = len(batch[DEFAULT_MODULE_ID][Columns.ACTIONS])
        return self.flops.run("update", rows, lambda: super(CountingPPOLearner, self)._update(batch))

    def imitate(self, shown: Demonstrations, minibatches: Sequence[NDArray[np.int64]]) -> None:
        """Make what the reference solver did more probable; every learner takes its share of each minibatch.

        Args:
            shown: what the solver saw and did.
            minibatches: rows of it, the same for all learners.
        """
        self._set_learning_rate()
        learners = max(1, self.config.num_learners)
        rank = torch.distributed.get_rank() if learners > 1 else 0
        for rows in minibatches:
            share = rows[rank::learners]
            step = partial(self._imitate, shown, share, len(rows))
            self.flops.run("update", ("imitation", len(share)), step)
        self._weights_seq_no += 1  # without it, env runners would take the new weights for those they have

    def _imitate(self, shown: Demonstrations, rows: NDArray[np.int64], size: int) -> None:
        """One step by these rows of a minibatch of a size; gradients of all learners are added up."""
        seen = {"observation": take(shown.observations, rows), "action_mask": shown.masks[rows]}
        logits = self.module[DEFAULT_MODULE_ID].unwrapped().logits(as_tensors(seen, self._device))
        actions = torch.as_tensor(shown.actions[rows], device=self._device)
        loss = functional.cross_entropy(logits, actions, reduction="sum") / size
        gradients = self.compute_gradients({DEFAULT_MODULE_ID: loss})
        if self.config.num_learners > 1:
            for gradient in gradients.values():
                torch.distributed.all_reduce(gradient)
        self.apply_gradients(self.postprocess_gradients(gradients))

    def compute_gradients(self, loss_per_module: Mapping[str, Any], **arguments: Any) -> dict[Any, Any]:
        """Gradients of the modules that are being updated; others have none."""
        gradients = super().compute_gradients(loss_per_module, **arguments)
        return {name: gradient for name, gradient in gradients.items() if gradient is not None}

    def take_flops(self) -> dict[str, int]:
        """FLOPs since the last call, by line of the ledger."""
        return {**self.flops.take(), **take_flops(self.module)}

    def take_cpu_seconds(self) -> float:
        """CPU seconds of this process since the last call."""
        before, self._cpu_seconds = self._cpu_seconds, time.process_time()
        return self._cpu_seconds - before
