"""MaskablePPO of Stable-Baselines3 (contrib) as a learner whose compute is counted.

The environment is the native vector environment behind ``BatchedVecEnv``. Global random state is
swapped in and out around every use, so that learners in one process do not disturb each other.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, ClassVar

import gymnasium
import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger

from etude_gym.agents.demonstrations import Imitation, demonstrate
from etude_gym.agents.flops import PolicyFlops
from etude_gym.agents.recipes import find_recipe
from etude_gym.agents.sb3.maskable_ppo import LeanMaskablePPO
from etude_gym.agents.sb3.policies import ClausePolicy, ConceptPolicy, DerivationPolicy
from etude_gym.agents.sb3.vec_env import BatchedVecEnv
from etude_gym.errors import check_name
from etude_gym.runs.agents import Recipe
from etude_gym.tasks.domain import Actions, Domain
from etude_gym.tasks.keys import TaskBatch, join_tasks
from etude_gym.tasks.observation_layout import ClauseLayout, ConceptLayout, DerivationLayout
from etude_gym.tasks.observations import Masks, Observations, take

POLICIES: dict[str, tuple[Any, Any]] = {
    "clauses": (ClauseLayout, ClausePolicy),
    "derivation": (DerivationLayout, DerivationPolicy),
    "concepts": (ConceptLayout, ConceptPolicy),
}
"""Policies for domains with a layout, by name; "mlp" takes any observation."""


class MaskablePPOLearner:
    """Proximal policy optimization with action masks (Schulman et al. 2017; Huang and Ontañón 2022).

    Args:
        domain: the domain; gives the spaces.
        seed: seeds weights, actions and minibatches.
        horizon: FLOPs over which the learning rate goes from ``learning_rate`` to
            ``final_learning_rate``, linearly; 0 keeps it constant.
        policy: "mlp", or a network for domains with a layout: "clauses", "derivation" or "concepts", see
            ``agents.networks``.
        network: widths of the hidden layers, for the policy and for the value function; one width for
            networks of a layout.
        n_steps: steps of each environment between updates.
        batch_size: size of a minibatch.
        n_epochs: passes over the collected steps in an update.
        learning_rate: of Adam, at the start.
        final_learning_rate: at the horizon and beyond.
        entropy_coefficient: weight of the entropy bonus.
        gamma: discount factor.
        gae_lambda: bias-variance trade-off of the advantage estimate.
        imitation_epochs: passes over the worked solutions of the tasks whose episodes have ended, after each
            update; 0 learns from rewards alone.
        imitation_batch_size: steps of worked solutions in a minibatch.

    Attributes:
        policies: those beside "mlp", by name: class of the layout and class of the policy.
    """

    policies: ClassVar[Mapping[str, tuple[Any, Any]]] = POLICIES

    def __init__(
        self,
        domain: Domain,
        *,
        seed: int = 0,
        horizon: float = 0.0,
        policy: str = "mlp",
        network: tuple[int, ...] = (128, 128),
        n_steps: int = 64,
        batch_size: int = 1024,
        n_epochs: int = 6,
        learning_rate: float = 1e-3,
        final_learning_rate: float = 1e-4,
        entropy_coefficient: float = 0.01,
        gamma: float = 0.99,
        gae_lambda: float = 0.95,
        imitation_epochs: int = 0,
        imitation_batch_size: int = 512,
    ) -> None:
        self._horizon = horizon
        self._rates = (learning_rate, final_learning_rate)
        self._evaluation_flops = 0
        self._random_state: Any = None
        self._domain = domain
        self._imitation = Imitation(imitation_epochs, imitation_batch_size)
        self._finished = _FinishedTasks()
        policy_class, policy_arguments = policy_for(domain, policy, network, self.policies)
        self.model = LeanMaskablePPO(
            policy_class,
            env=None,  # type: ignore[arg-type]
            learning_rate=lambda _: self._learning_rate(),
            n_steps=n_steps,
            batch_size=batch_size,
            n_epochs=n_epochs,
            ent_coef=entropy_coefficient,
            gamma=gamma,
            gae_lambda=gae_lambda,
            policy_kwargs=policy_arguments,
            seed=seed,
            device="cpu",
            _init_setup_model=False,
        )
        self.model.observation_space = domain.observation_space
        self.model.action_space = deepcopy(domain.action_space)  # Stable-Baselines3 seeds it
        self.model.n_envs = 1  # until practice shows how many there are
        self._policy_flops: PolicyFlops | None = None
        with self._own_randomness():
            self.model._setup_model()
        self.model.set_logger(Logger(folder=None, output_formats=[]))
        self._policy_flops = PolicyFlops(self.model.policy)

    @staticmethod
    def recipe(env_id: str) -> Recipe:
        """The shipped recipe for a domain.

        Args:
            env_id: id of the environment.
        """
        return find_recipe("sb3", env_id)

    @property
    def learns_from_failures(self) -> bool:
        """Whether the solutions of all attempted tasks are imitated; see ``etude_gym.Learner``."""
        return self._imitation.epochs > 0

    @property
    def flops(self) -> Mapping[str, float]:
        """FLOPs so far by line of the ledger."""
        lines = self._policy_flops.lines if self._policy_flops else {}
        return {**lines, "evaluation": self._evaluation_flops}

    def _training_flops(self) -> int:
        return sum(self._policy_flops.lines.values()) if self._policy_flops else 0

    def _learning_rate(self) -> float:
        share = min(1.0, self._training_flops() / self._horizon) if self._horizon else 0.0
        return self._rates[0] + (self._rates[1] - self._rates[0]) * share

    @contextmanager
    def _own_randomness(self) -> Iterator[None]:
        """Run with this learner's own global random state, and put back the one that was there."""
        outer = _random_states()
        if self._random_state is not None:
            _set_random_states(self._random_state)
        try:
            yield
        finally:
            self._random_state = _random_states()
            _set_random_states(outer)

    def learn(self, env: gymnasium.vector.VectorEnv[Any, Any, Any], until: float) -> None:
        """Collect and update until training compute reaches ``until`` FLOPs.

        Args:
            env: an ``EtudeVectorEnv`` or a wrapper of one, in SAME_STEP autoreset mode.
            until: training compute in FLOPs since the learner was made.

        Raises:
            ValueError: if a minibatch would hold a single step.
        """
        assert self._policy_flops is not None
        with self._own_randomness():
            if self.model.env is None:
                self._attach(env)
            try:
                while self._training_flops() < until:
                    self.model.learn(
                        self.model.n_steps * self.model.n_envs, self._finished, reset_num_timesteps=False
                    )
                    self._after_update()
            finally:
                self._policy_flops.end_measurement()

    def _attach(self, env: gymnasium.vector.VectorEnv[Any, Any, Any]) -> None:
        model = self.model
        steps = model.n_steps * env.num_envs
        if min(steps, model.batch_size) == 1 or steps % model.batch_size == 1:
            raise ValueError(
                f"{env.num_envs} environments x n_steps={model.n_steps} leave a minibatch of one step for "
                f"batch_size={model.batch_size}, and one advantage cannot be normalized. Choose another "
                "batch_size, best a divisor of the product."
            )
        model.env = BatchedVecEnv(env)
        model.n_envs = model.rollout_buffer.n_envs = env.num_envs

    def _after_update(self) -> None:
        """What follows each update of the policy."""
        self._imitate()

    def _imitate(self) -> None:
        """Make what the reference solver did on the tasks just attempted more probable."""
        tasks = self._finished.take()
        if not self.learns_from_failures or not tasks:
            return
        assert self._policy_flops is not None
        policy, shown = self.model.policy, demonstrate(self._domain, join_tasks(tasks))
        policy.set_training_mode(True)
        self._policy_flops.loss = "imitation"
        for rows in self._imitation.minibatches(len(shown)):
            observations, _ = policy.obs_to_tensor(take(shown.observations, rows))
            actions = torch.as_tensor(shown.actions[rows], device=policy.device)
            _, log_probability, _ = policy.evaluate_actions(observations, actions, shown.masks[rows])
            policy.optimizer.zero_grad()
            (-log_probability.mean()).backward()
            torch.nn.utils.clip_grad_norm_(policy.parameters(), self.model.max_grad_norm)
            policy.optimizer.step()
        self._policy_flops.loss = "reinforcement"

    def act(self, observations: Observations, masks: Masks) -> Actions:
        """The most probable legal action in each row.

        Args:
            observations: array (n, ...), or a dictionary of such arrays.
            masks: int8 (n, actions), 1 where legal.

        Returns:
            int64 array of shape (n,).
        """
        policy = self.model.policy
        assert self._policy_flops is not None
        policy.set_training_mode(False)
        with torch.no_grad():
            tensors, _ = policy.obs_to_tensor(observations)
            (distribution), flops = self._policy_flops.call(
                ("act", len(masks)), lambda: policy.get_distribution(tensors, action_masks=masks)
            )
            actions = distribution.get_actions(deterministic=True)
        self._evaluation_flops += flops
        return np.asarray(actions.cpu().numpy(), dtype=np.int64)

    def state_dict(self) -> dict[str, Any]:
        """A copy of weights, optimizer, counters, random state and the last observations."""
        assert self._policy_flops is not None
        state = {
            "policy": self.model.policy.state_dict(),
            "optimizer": self.model.policy.optimizer.state_dict(),
            "num_timesteps": self.model.num_timesteps,
            "num_updates": self.model._n_updates,
            "last_observations": self.model._last_obs,
            "last_episode_starts": self.model._last_episode_starts,
            "random_state": self._random_state,
            "flops": dict(self._policy_flops.lines),
            "evaluation_flops": self._evaluation_flops,
        }
        return deepcopy(state)  # the tensors of the first two go on changing

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned; the environment's state is restored by its owner.

        Args:
            state: of a learner made with the same domain and options.
        """
        assert self._policy_flops is not None
        state = deepcopy(state)
        self.model.policy.load_state_dict(state["policy"])
        self.model.policy.optimizer.load_state_dict(state["optimizer"])
        self.model.num_timesteps = state["num_timesteps"]
        self.model._n_updates = state["num_updates"]
        self.model._last_obs = state["last_observations"]
        self.model._last_episode_starts = state["last_episode_starts"]
        self._random_state = state["random_state"]
        self._policy_flops.lines.update(state["flops"])
        self._evaluation_flops = state["evaluation_flops"]

    def policy_state(self) -> dict[str, Any]:
        """A copy of the weights."""
        return deepcopy(dict(self.model.policy.state_dict()))

    def load_policy_state(self, state: dict[str, Any]) -> None:
        """Act with the weights that ``policy_state`` returned.

        Args:
            state: weights by name.
        """
        self.model.policy.load_state_dict(state)

    start_from = load_policy_state  # the optimizer begins anew


class _FinishedTasks(BaseCallback):
    """Collects the tasks whose episodes have ended."""

    def __init__(self) -> None:
        super().__init__()
        self._tasks: list[TaskBatch] = []

    def _on_step(self) -> bool:
        self._tasks += [info["task"] for info in self.locals["infos"] if "task" in info]
        return True

    def take(self) -> list[TaskBatch]:
        """Those collected since the last call."""
        tasks, self._tasks = self._tasks, []
        return tasks


def policy_for(
    domain: Domain,
    name: str,
    network: tuple[int, ...],
    policies: Mapping[str, tuple[Any, Any]] = POLICIES,
) -> tuple[Any, dict[str, Any]]:
    """The policy class for Stable-Baselines3, and its arguments.

    Args:
        domain: gives the layout of its observation, if it has one.
        name: "mlp", "clauses", "derivation" or "concepts".
        network: widths of the hidden layers; one for all policies but "mlp".
        policies: those beside "mlp", by name: class of the layout and class of the policy.

    Raises:
        ValueError: if the policy does not exist or does not fit the domain.
    """
    check_name("policy", name, ("mlp", *policies))
    if name == "mlp":
        dictionary = isinstance(domain.observation_space, gymnasium.spaces.Dict)
        return "MultiInputPolicy" if dictionary else "MlpPolicy", {"net_arch": list(network)}
    layout = getattr(domain, "layout", None)
    layout_class, policy_class = policies[name]
    if not isinstance(layout, layout_class) or len(network) != 1:
        raise ValueError(
            f"policy={name!r} needs a domain with a {layout_class.__name__} and one width, got {domain.name} "
            f"and network={network!r}."
        )
    return policy_class, {"layout": layout, "width": network[0]}


def _random_states() -> tuple[Any, Any, Any]:
    return random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002


def _set_random_states(states: tuple[Any, Any, Any]) -> None:
    random.setstate(states[0])
    np.random.set_state(states[1])  # noqa: NPY002
    torch.set_rng_state(states[2])
