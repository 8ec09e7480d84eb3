"""The proposer as RLlib trains it: its network, and a learner that updates it apart from the solver."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from ray.rllib.algorithms.ppo.torch.ppo_torch_learner import PPOTorchLearner
from ray.rllib.core.columns import Columns
from ray.rllib.core.distribution.torch.torch_distribution import TorchMultiCategorical
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from torch import Tensor

from etude_gym.agents.rllib.duel_env import DuelMultiAgentEnv
from etude_gym.agents.rllib.module import ActionMaskModule, CallFlops, CountingPPOLearner
from etude_gym.tasks.domain import Domain

PROPOSER = "proposer"

NETWORK = (32,)
SETTINGS = {"lr": 1e-2, "entropy_coeff": 0.01}
EPOCHS = 10
BATCH_SIZE = 64
"""How the proposer is set up and trained; the card, ``envs/duel/README.md``, says why."""


class CurriculumFlops(CallFlops):
    """FLOPs of a module whose computation belongs to the curriculum, whatever it does."""

    def take(self) -> dict[str, int]:
        """The one line, which starts again at zero."""
        return {"curriculum": sum(super().take().values())}


class ProposerModule(ActionMaskModule):
    """An actor-critic that chooses a family and a level of every axis, each by a categorical of its own."""

    def setup(self) -> None:
        """Make the network; called by RLlib."""
        super().setup()
        self.flops = CurriculumFlops()
        self.action_dist_cls = TorchMultiCategorical.get_partial_dist_cls(
            space=self.action_space, input_lens=self.action_space.nvec.tolist()
        )


def proposer_spec(domain: Domain) -> RLModuleSpec:
    """The specification of a domain's proposer.

    Args:
        domain: gives the spaces.
    """
    game = DuelMultiAgentEnv({"env_id": domain, "game": "duel"})
    agent = game.possible_agents[0]
    return RLModuleSpec(
        module_class=ProposerModule,
        observation_space=game.observation_spaces[agent],
        action_space=game.action_spaces[agent],
        model_config={"policy": "mlp", "network": NETWORK, "layout": None},
    )


def _rows(batch: Any, rows: Tensor) -> Any:
    """Rows of a batch of tensors, in dictionaries."""
    if isinstance(batch, Mapping):
        return {name: _rows(part, rows) for name, part in batch.items()}
    return batch[rows]


class SelfPlayPPOLearner(CountingPPOLearner):
    """Updates the solver as in practice alone, and the proposer apart from it.

    RLlib would repeat the proposer's few choices, one for each task, until they fill as many minibatches as
    the solver's steps do: it would be trained on each of them dozens of times.
    """

    def build(self) -> None:
        """Make modules and optimizers; called by RLlib."""
        self.proposer_flops = CurriculumFlops()
        self._proposals: Any = None
        super().build()

    def _make_batch_if_necessary(self, training_data: Any) -> Any:
        batch = super()._make_batch_if_necessary(training_data)
        proposals = batch.policy_batches.pop(PROPOSER, None)
        if proposals is not None:
            made = proposals[Columns.LOSS_MASK]  # RLlib adds a row to each episode, for bootstrap values
            self._proposals = _rows(proposals, made)
        return batch

    def after_gradient_based_update(self, *, timesteps: dict[str, Any]) -> None:
        """Update the proposer, a few passes over its choices."""
        if self._proposals is not None:
            self._update_proposer(self._proposals)
            self._proposals = None
        super().after_gradient_based_update(timesteps=timesteps)

    def _update_proposer(self, proposals: Any) -> None:
        number = len(proposals[Columns.ACTIONS])
        with warnings.catch_warnings():
            # RLlib logs the variance of the returns explained, which a single choice does not have.
            warnings.filterwarnings("ignore", message=r"var\(\): degrees of freedom is <= 0")
            for _ in range(EPOCHS):
                for chosen in torch.randperm(number).chunk(-(-number // BATCH_SIZE)):
                    update = partial(PPOTorchLearner._update, self, {PROPOSER: _rows(proposals, chosen)})
                    self.proposer_flops.run("update", len(chosen), update)

    def take_flops(self) -> dict[str, int]:
        """FLOPs since the last call, by line of the ledger."""
        taken = super().take_flops()
        taken["curriculum"] += self.proposer_flops.take()["curriculum"]
        return taken
