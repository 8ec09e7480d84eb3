"""RLlib's PPO as a learner for ``etude practice``: the same run, on one process or on a cluster."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Collection, Mapping
from typing import Any

import gymnasium
import numpy as np
import ray
import torch
from ray.rllib.core import COMPONENT_LEARNER, COMPONENT_OPTIMIZER, COMPONENT_RL_MODULE, DEFAULT_MODULE_ID
from ray.rllib.core.rl_module.multi_rl_module import MultiRLModule
from ray.rllib.utils.metrics import WEIGHTS_SEQ_NO

from etude_gym.agents.flops import count_flops
from etude_gym.agents.recipes import find_recipe
from etude_gym.agents.rllib.config import connect, module_spec, ppo_config
from etude_gym.agents.rllib.curriculum import Ledger
from etude_gym.agents.rllib.module import as_tensors
from etude_gym.agents.rllib.race import race_config
from etude_gym.agents.rllib.self_play import self_play_config
from etude_gym.runs.agents import ONE_PROCESS, Recipe, Resources
from etude_gym.tasks.domain import Actions, Domain
from etude_gym.tasks.observations import Masks, Observations

RESTORED = (COMPONENT_RL_MODULE, COMPONENT_OPTIMIZER)
SAVED = [f"{COMPONENT_LEARNER}/{name}" for name in RESTORED]

CONFIGS: dict[str, Any] = {"self_play": self_play_config, "race": race_config}
"""How arms are set up that need more than one policy, by name of the sampler."""

MAX_FAILURES = 10
"""Iterations in a row that may bring no environment step, before the run is given up."""

LONGEST_PAUSE_SECONDS = 15.0
"""Env runners that were killed come back within 40 seconds; ten failures last two minutes."""


class RLlibPPOLearner:
    """Proximal policy optimization with action masks by RLlib, on env runners and learners of a Ray cluster.

    Environments are those of the env runners: of the environment given to ``learn`` only the task sampler is
    used, as the one that learns from all results, and the number of environments. A killed env runner is
    restarted; what it had not delivered is booked as "repeated", by an estimate of one fragment.

    A run restored from a checkpoint goes on with the same weights, optimizer and counters, and with fresh
    practice tasks: it is not bit-identical to one that was never interrupted.

    Args:
        domain: the domain; gives the spaces.
        seed: seeds weights, actions and practice tasks.
        horizon: FLOPs over which the learning rate goes from ``learning_rate`` to
            ``final_learning_rate``, linearly; 0 keeps it constant.
        resources: where to work, as ``Resources`` or its fields by name.
        policy: "mlp", or a network for domains with a layout: "clauses", "derivation", "concepts".
        network: widths of the hidden layers, for the policy and for the value function; one width for
            networks of a layout.
        learning_rate: of Adam, at the start.
        final_learning_rate: at the horizon and beyond.
        **options: n_steps, batch_size, n_epochs, entropy_coefficient, gamma, gae_lambda, imitation_epochs,
            imitation_batch_size: see ``ppo_config``.

    Raises:
        ValueError: if the domain does not fit the policy, or the cluster has less than is asked for.
    """

    takes_resources = True
    plays_itself = True

    def __init__(
        self,
        domain: Domain,
        *,
        seed: int = 0,
        horizon: float = 0.0,
        resources: Resources | Mapping[str, Any] = ONE_PROCESS,
        policy: str = "mlp",
        network: tuple[int, ...] = (128, 128),
        learning_rate: float = 1e-3,
        final_learning_rate: float = 1e-4,
        **options: Any,
    ) -> None:
        self._domain, self._horizon = domain, horizon
        self._rates = (learning_rate, final_learning_rate)
        self.resources = resources if isinstance(resources, Resources) else Resources(**resources)
        self._options = {
            **options,
            "seed": seed,
            "policy": policy,
            "network": tuple(network),
            "learning_rate": learning_rate,
        }
        config = ppo_config(domain, **self._options)  # says at once what is wrong with an option
        self.learns_from_failures: bool = config.learner_config_dict["imitation"].epochs > 0
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self._module = module_spec(domain, policy, tuple(network)).build()
        self.algorithm: Any = None
        self._ledger = Ledger()
        self._learner_state: dict[str, Any] = {}
        self._evaluation_flops = 0
        self._known_flops: dict[int, int] = {}
        self._owns_ray = self.resources.remote and connect(self.resources)

    @staticmethod
    def recipe(env_id: str) -> Recipe:
        """The shipped recipe for a domain.

        Args:
            env_id: id of the environment.
        """
        return find_recipe("rllib", env_id)

    @staticmethod
    def check(resources: Resources) -> None:
        """Raise if resources are not there, before anything is written; see ``check_resources``.

        Args:
            resources: what the run will use.

        Raises:
            ValueError, ConnectionError: as ``connect`` does.
        """
        if resources.remote and connect(resources):
            ray.shutdown()

    @property
    def flops(self) -> Mapping[str, float]:
        """FLOPs so far by line of the ledger."""
        return {**self._ledger.flops, "evaluation": self._evaluation_flops}

    def _training_flops(self) -> float:
        return sum(self._ledger.flops.values())

    def _learning_rate(self) -> float:
        share = min(1.0, self._training_flops() / self._horizon) if self._horizon else 0.0
        return self._rates[0] + (self._rates[1] - self._rates[0]) * share

    def learn(self, env: gymnasium.vector.VectorEnv[Any, Any, Any], until: float) -> None:
        """Practice on the env runners until training compute reaches ``until`` FLOPs.

        Args:
            env: gives the task sampler, the listener and the number of environments; it is not stepped.
            until: training compute in FLOPs since the learner was made.

        Raises:
            RuntimeError: if the env runners bring nothing for ``MAX_FAILURES`` iterations.
        """
        if self.algorithm is None:
            self._build(env.unwrapped)
        self.algorithm.curriculum.push(self.algorithm.env_runner_group)
        sampler = env.unwrapped.sampler
        while self._training_flops() + sampler.flops < until:
            self._iterate()
        self._module.set_state(self.algorithm.learner_group.get_weights()[DEFAULT_MODULE_ID])

    def _build(self, env: Any) -> None:
        """Start the env runners and learners, with the weights that are here."""
        self._owns_ray = connect(self.resources) or self._owns_ray
        make_config = CONFIGS.get(env.sampler.name, ppo_config)
        config = make_config(
            self._domain,
            resources=self.resources,
            num_envs=env.num_envs,
            practice=env.sampler,
            **self._options,
        )
        self.algorithm = config.build_algo()
        self.algorithm.curriculum = type(self.algorithm.curriculum)(env.sampler, self._ledger)
        self.algorithm.curriculum.listener = env.stream.listener
        self._set_weights()
        self.algorithm.curriculum.begin(self.algorithm)

    def _set_weights(self) -> None:
        """Give all learners and env runners the weights that are here, and see that they have them.

        Raises:
            RuntimeError: if one has others.
        """
        saved = self._learner_state.get(COMPONENT_RL_MODULE, {})
        weights = {**saved, DEFAULT_MODULE_ID: self._module.get_state()}
        learner_state = {**self._learner_state, COMPONENT_RL_MODULE: weights}
        # The number 0 makes RLlib take weights that are older than those it has.
        self.algorithm.learner_group.set_state({COMPONENT_LEARNER: {**learner_state, WEIGHTS_SEQ_NO: 0}})
        reference = ray.put({COMPONENT_RL_MODULE: weights, WEIGHTS_SEQ_NO: 0})
        group = self.algorithm.env_runner_group
        group.foreach_env_runner(lambda runner: runner.set_state(ray.get(reference)))
        found = group.foreach_env_runner(lambda runner: _digests(runner.module, weights))
        found += [
            result.get()
            for result in self.algorithm.learner_group.foreach_learner(
                lambda learner: _digests(learner.module, weights)
            ).result_or_errors
        ]
        expected = {name: weights_digest(part) for name, part in weights.items()}
        if any(digests != expected for digests in found):
            raise RuntimeError("An env runner or a learner has other weights than the checkpoint holds.")

    def _iterate(self) -> None:
        """Collect and update once; iterations that bring nothing are repeated after a pause."""
        for failures in range(MAX_FAILURES):
            before, rate = self._ledger.env_steps, self._learning_rate()
            self.algorithm.learner_group.foreach_learner(
                lambda learner, rate=rate: setattr(learner, "learning_rate", rate)
            )
            self.algorithm.train()
            if self._ledger.env_steps > before:
                return
            time.sleep(min(2.0**failures, LONGEST_PAUSE_SECONDS))
        raise RuntimeError(
            f"The env runners brought no environment step in {MAX_FAILURES} iterations: they were killed and "
            "did not come back, or their environments fail. See Ray's logs; the run can be resumed."
        )

    def take_expenses(self) -> dict[str, dict[str, float]]:
        """What was spent beyond FLOPs since the last call; see ``etude_gym.Learner``."""
        return self._ledger.take_expenses()

    def act(self, observations: Observations, masks: Masks) -> Actions:
        """The most probable legal action in each row.

        Args:
            observations: array (n, ...), or a dictionary of such arrays.
            masks: int8 (n, actions), 1 where legal.

        Returns:
            int64 array of shape (n,).
        """
        shown = as_tensors({"observation": observations, "action_mask": masks})
        with torch.no_grad():
            if len(masks) in self._known_flops:
                logits = self._module.logits(shown)
            else:
                logits, self._known_flops[len(masks)] = count_flops(lambda: self._module.logits(shown))
        self._evaluation_flops += self._known_flops[len(masks)]
        return np.asarray(logits.argmax(dim=1).numpy(), dtype=np.int64)

    def state_dict(self) -> dict[str, Any]:
        """Weights, optimizer, counters; the task sampler is saved with its environment."""
        if self.algorithm is not None:
            self._learner_state = self.algorithm.learner_group.get_state(components=SAVED)[COMPONENT_LEARNER]
        return {
            "module": self._module.get_state(),
            "learner": {name: part for name, part in self._learner_state.items() if name in RESTORED},
            "ledger": self._ledger.state_dict(),
            "evaluation_flops": self._evaluation_flops,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned, in all env runners and learners if they run.

        Args:
            state: of a learner made with the same domain and options.
        """
        self._module.set_state(state["module"])
        self._learner_state = state["learner"]
        self._ledger.load_state_dict(state["ledger"])
        self._evaluation_flops = state["evaluation_flops"]
        if self.algorithm is not None:
            self._set_weights()

    def policy_state(self) -> dict[str, Any]:
        """The weights that ``act`` uses."""
        return dict(self._module.get_state())

    def load_policy_state(self, state: dict[str, Any]) -> None:
        """Let ``act`` use the weights that ``policy_state`` returned; env runners and learners keep theirs.

        Args:
            state: weights by name.
        """
        self._module.set_state(state)

    def close(self) -> None:
        """Stop env runners and learners, and Ray if it was started here."""
        if self.algorithm is not None:
            self.algorithm.stop()
            shutil.rmtree(self.algorithm.logdir, ignore_errors=True)  # empty: the run has a folder of its own
            self.algorithm = None
        if self._owns_ray:
            ray.shutdown()


def _digests(module: Any, names: Collection[str]) -> dict[str, str]:
    """Fingerprints of the modules of these names; a module on its own has the default name."""
    parts = module if isinstance(module, MultiRLModule) else {DEFAULT_MODULE_ID: module}
    return {name: weights_digest(parts[name].get_state()) for name in names}


def weights_digest(weights: Mapping[str, Any]) -> str:
    """A fingerprint of weights, equal only for equal weights.

    Args:
        weights: arrays by name.
    """
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(weights[name]).tobytes())
    return digest.hexdigest()
