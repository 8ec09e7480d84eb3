"""A learner that grades its own answers before it is told the score, and is trained on how far off it was.

    PYTHONPATH=scripts etude practice EtudeLogic-v0 --agent self_critique:GradesItself --arms adaptive

See docs/findings/self_critique.md.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from etude_gym.agents.networks.clauses import SHARPNESS, ClauseNetwork
from etude_gym.agents.sb3 import learner
from etude_gym.agents.sb3.policies import ClausePolicy
from etude_gym.tasks.observation_layout import ClauseLayout

UNITS = 16
"""Of the head that grades."""


class GradingNetwork(ClauseNetwork):
    """``ClauseNetwork`` whose confidence is learned: a small head grades the answer that was given.

    Args:
        layout: where things stand in the observation.
        width: features of a clause.
    """

    def __init__(self, layout: ClauseLayout, width: int = 32) -> None:
        super().__init__(layout, width)
        self.grade_hidden = nn.Linear(layout.num_globals + layout.answers[1], UNITS)
        self.grade_out = nn.Linear(UNITS, 1)

    def grade(self, observation: Tensor, scores: Tensor) -> Tensor:
        """Logit of the probability that the answer given is right.

        Args:
            observation: float32 (batch, size).
            scores: logits of all actions but those that state a confidence, float32 (batch, actions).

        Returns:
            float32 (batch, 1).
        """
        answers = scores[:, -self.layout.answers[1] :].log_softmax(dim=1)
        seen = torch.cat([observation[:, : self.layout.num_globals], answers], dim=1)
        return self.grade_out(torch.relu(self.grade_hidden(seen)))

    def _confidence(self, observation: Tensor, scores: Tensor) -> Tensor:
        probability = self.grade(observation, scores).sigmoid().detach()
        return -(((self.levels - probability) / SHARPNESS) ** 2)


class GradingPolicy(ClausePolicy):
    """Actor-critic over ``GradingNetwork``."""

    network = GradingNetwork


class GradesItself(learner.MaskablePPOLearner):
    """MaskablePPO that also learns, after each update, to grade the answers of its rollout.

    The gradient of the grades goes on into the network that gave the answers.
    """

    policies: ClassVar = {**learner.POLICIES, "clauses": (ClauseLayout, GradingPolicy)}

    def _after_update(self) -> None:
        super()._after_update()
        answered, right = self._answers()
        if not len(answered):
            return
        assert self._policy_flops is not None
        _, flops = self._policy_flops.call(("grade", len(answered)), lambda: self._grade(answered, right))
        self._policy_flops.lines["update"] += flops

    def _answers(self) -> tuple[Tensor, Tensor]:
        """Observations (n, size) of the rollout in which an answer stands, and whether it was paid (n, 1)."""
        buffer, layout = self.model.rollout_buffer, self._domain.layout  # type: ignore[attr-defined]
        flags = buffer.observations[..., layout.num_globals - layout.last_globals] > 0
        given = flags[1:] & ~flags[:-1]  # what was paid for one given before the rollout is not known
        paid = buffer.rewards[:-1][given] > 0
        return torch.as_tensor(buffer.observations[1:][given]), torch.as_tensor(paid).float()[:, None]

    def _grade(self, answered: Tensor, right: Tensor) -> None:
        policy: Any = self.model.policy
        policy.set_training_mode(True)
        policy.optimizer.zero_grad()
        network = policy.mlp_extractor
        logits, _ = network(answered)
        grades = network.grade(answered, logits[:, : -len(network.levels)])
        binary_cross_entropy_with_logits(grades, right).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(policy.parameters(), self.model.max_grad_norm)
        policy.optimizer.step()
