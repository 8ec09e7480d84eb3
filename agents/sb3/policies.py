"""Policies of Stable-Baselines3 around the reference networks."""

from __future__ import annotations

from typing import Any

from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from torch import nn

from etude_gym.agents.networks.clauses import ClauseNetwork
from etude_gym.agents.networks.derivation import DerivationNetwork
from etude_gym.tasks.observation_layout import ClauseLayout, DerivationLayout


class DerivationPolicy(MaskableActorCriticPolicy):
    """Actor-critic over ``DerivationNetwork``; takes its arguments ``layout`` and ``width``."""

    def __init__(self, *args: Any, layout: DerivationLayout, width: int = 128, **kwargs: Any) -> None:
        self._network = (layout, width)
        super().__init__(*args, **kwargs)

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = DerivationNetwork(*self._network)

    def _build(self, lr_schedule: Any) -> None:
        super()._build(lr_schedule)
        self.action_net = nn.Identity()  # the network's output are the logits
        self.mlp_extractor.prefer_the_usual()
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)


class ClausePolicy(MaskableActorCriticPolicy):
    """Actor-critic over ``ClauseNetwork``; takes its arguments ``layout`` and ``width``."""

    def __init__(self, *args: Any, layout: ClauseLayout, width: int = 32, **kwargs: Any) -> None:
        self._network = (layout, width)
        super().__init__(*args, **kwargs)

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = ClauseNetwork(*self._network)

    def _build(self, lr_schedule: Any) -> None:
        super()._build(lr_schedule)
        self.action_net = nn.Identity()  # the network's output are the logits
        self.mlp_extractor.prefer_clauses()
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)
