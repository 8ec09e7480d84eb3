"""Policies of Stable-Baselines3 around the reference networks, with little overhead."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

import torch
from gymnasium import spaces
from sb3_contrib.common.maskable.policies import (
    MaskableActorCriticPolicy,
    MaskableMultiInputActorCriticPolicy,
)
from stable_baselines3.common.torch_layers import MlpExtractor
from torch import Tensor, nn

from etude_gym.agents.networks.actor_critic import evaluate_perceptrons
from etude_gym.agents.networks.adam import LeanAdam
from etude_gym.agents.networks.categorical import draw, evaluate_choices, masked_log_softmax
from etude_gym.agents.networks.clauses import ClauseNetwork
from etude_gym.agents.networks.concepts import ConceptNetwork
from etude_gym.agents.networks.derivation import DerivationNetwork
from etude_gym.agents.networks.perceptron import Layers, forward_pass


class LeanPolicy(MaskableActorCriticPolicy):
    """MaskablePPO's "MlpPolicy" with less overhead: the same weights, the same results.

    There are no distribution objects, Adam is the fused one, and layers with tanh are evaluated together with
    the choice of an action, as one node of autograd.

    Raises:
        ValueError: for another action space than ``Discrete``.
    """

    optimizer_class: Any
    optimizer_kwargs: dict[str, Any]

    def _build(self, lr_schedule: Any) -> None:
        if not isinstance(self.action_space, spaces.Discrete):
            raise ValueError(
                f"{type(self).__name__} takes Discrete actions only, got {self.action_space}: use a policy "
                "of sb3_contrib for others."
            )
        if self.optimizer_class is torch.optim.Adam:
            self.optimizer_class = LeanAdam
            self.optimizer_kwargs = {"fused": True, **self.optimizer_kwargs}
        super()._build(lr_schedule)

    @cached_property
    def _perceptrons(self) -> tuple[Layers, Layers] | None:
        """Layers of the actor and of the critic, if they share their inputs and have tanh between them."""
        extractor = self.mlp_extractor
        plain = type(extractor) is MlpExtractor and self.activation_fn is nn.Tanh
        if not plain or not self.share_features_extractor:
            return None
        actor = [*list(extractor.policy_net)[::2], self.action_net]
        critic = [*list(extractor.value_net)[::2], self.value_net]
        return [(each.weight, each.bias) for each in actor], [(each.weight, each.bias) for each in critic]

    def forward(
        self, obs: Any, deterministic: bool = False, action_masks: Any = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Choose actions.

        Args:
            obs: tensor (batch, ...), or a dictionary of such tensors.
            deterministic: take the most probable actions.
            action_masks: array or tensor (batch, actions), true or 1 where legal; None: everything is legal.

        Returns:
            Actions (batch,), values (batch, 1) and log-probabilities of the actions (batch,).
        """
        logits, values = self._logits_and_values(self.extract_features(obs))
        log_probabilities = masked_log_softmax(logits, _illegal(action_masks, logits.shape))
        if deterministic:
            actions = log_probabilities.argmax(dim=1, keepdim=True)
        else:
            actions = draw(log_probabilities)[:, None]
        return actions[:, 0], values, log_probabilities.gather(1, actions)[:, 0]

    def evaluate_actions(
        self, obs: Any, actions: Tensor, action_masks: Any = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Evaluate actions that were taken.

        Args:
            obs: tensor (batch, ...), or a dictionary of such tensors.
            actions: int64 (batch,).
            action_masks: array or tensor (batch, actions), true or 1 where legal; None: everything is legal.

        Returns:
            Values (batch, 1), log-probabilities of the actions (batch,) and entropies (batch,).
        """
        features = self.extract_features(obs)
        if self._perceptrons is not None:
            shape = (len(actions), int(self.action_space.n))  # type: ignore[attr-defined]
            return evaluate_perceptrons(features, _illegal(action_masks, shape), actions, *self._perceptrons)
        logits, values = self._logits_and_values(features)
        return values, *evaluate_choices(logits, _illegal(action_masks, logits.shape), actions)

    def _logits_and_values(self, features: Any) -> tuple[Tensor, Tensor]:
        if self._perceptrons is not None and not torch.is_grad_enabled():
            actor, critic = self._perceptrons
            return forward_pass(features, actor)[-1], forward_pass(features, critic)[-1]
        if self.share_features_extractor:
            for_actor, for_critic = self.mlp_extractor(features)
        else:
            for_actor = self.mlp_extractor.forward_actor(features[0])
            for_critic = self.mlp_extractor.forward_critic(features[1])
        return self.action_net(for_actor), self.value_net(for_critic)


class LeanMultiInputPolicy(LeanPolicy, MaskableMultiInputActorCriticPolicy):
    """``LeanPolicy`` for dictionaries of observations ("MultiInputPolicy")."""


class LayoutPolicy(LeanPolicy):
    """Actor-critic over a network for observations with a layout, whose output are the logits.

    Args:
        layout: of the observation.
        width: of the network.
        *args: of the base class.
        **kwargs: of the base class.
    """

    network: ClassVar[Any]
    begin: ClassVar[str]
    """Name of the network's method that makes the first policy a sensible one."""

    def __init__(self, *args: Any, layout: Any, width: int, **kwargs: Any) -> None:
        self._network = (layout, width)
        super().__init__(*args, **kwargs)

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = self.network(*self._network)

    def _build(self, lr_schedule: Any) -> None:
        super()._build(lr_schedule)
        self.action_net = nn.Identity()
        getattr(self.mlp_extractor, self.begin)()
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)


class DerivationPolicy(LayoutPolicy):
    """Actor-critic over ``DerivationNetwork``."""

    network, begin = DerivationNetwork, "prefer_the_usual"


class ClausePolicy(LayoutPolicy):
    """Actor-critic over ``ClauseNetwork``."""

    network, begin = ClauseNetwork, "prefer_clauses"


class ConceptPolicy(LayoutPolicy):
    """Actor-critic over ``ConceptNetwork``."""

    network, begin = ConceptNetwork, "prefer_items"


def _illegal(masks: Any, shape: Sequence[int]) -> Tensor | None:
    """Masks of legal actions, arrays or tensors of any type, as a mask of the others; None stays None."""
    if masks is None:
        return None
    return torch.as_tensor(masks, dtype=torch.bool).reshape(shape).logical_not()
