"""A ready ``PPOConfig`` for practice, and the check that a cluster has the resources it needs."""

from __future__ import annotations

import os
from typing import Any

import ray
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.rl_module.rl_module import RLModuleSpec

from etude_gym.agents.demonstrations import Imitation
from etude_gym.agents.rllib import environment
from etude_gym.agents.rllib.curriculum import CurriculumCallback
from etude_gym.agents.rllib.module import ActionMaskModule, CountingPPOLearner, check_policy
from etude_gym.environment.registration import make_domain
from etude_gym.environment.vector import EtudeVectorEnv
from etude_gym.practice.sampler import TaskSampler
from etude_gym.randomness import mix, name_key
from etude_gym.runs.agents import ONE_PROCESS, Resources
from etude_gym.tasks.domain import Domain
from etude_gym.wrappers.action_mask import VectorActionMaskObservation

__all__ = ["ONE_PROCESS", "Resources", "check_resources", "connect", "module_spec", "ppo_config"]


def connect(resources: Resources) -> bool:
    """Join the cluster of ``resources``, or start one on this machine; an existing connection is kept.

    Args:
        resources: address of the cluster, and what it must have.

    Returns:
        Whether this call connected, so that the caller has to call ``ray.shutdown()``.

    Raises:
        ValueError: if the cluster has less than is asked for.
        ConnectionError: if there is no cluster at the address.
    """
    fresh = not ray.is_initialized()
    if fresh:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        own: dict[str, Any] = {"include_dashboard": False} if resources.address == "local" else {}
        ray.init(resources.address, log_to_driver=False, logging_level="error", **own)
    try:
        check_resources(resources)
    except ValueError:
        if fresh:
            ray.shutdown()
        raise
    return fresh


def check_resources(resources: Resources) -> None:
    """Raise if the connected cluster has less than is asked for: Ray itself would wait for it in silence.

    Args:
        resources: what the cluster must have.

    Raises:
        ValueError: saying what was asked for and what is there.
    """
    there = ray.cluster_resources()
    missing = [
        f"{amount:g} {name}, there are {there.get(name, 0):g}"
        for name, amount in resources.needed.items()
        if amount > there.get(name, 0)
    ]
    if missing:
        raise ValueError(
            f"env_runners={resources.env_runners}, learners={resources.learners} and "
            f"gpus_per_learner={resources.gpus_per_learner:g} need {'; '.join(missing)}. Ask for less, or "
            "join a larger cluster by its address."
        )


def module_spec(domain: Domain, policy: str, network: tuple[int, ...]) -> RLModuleSpec:
    """The specification of the network that is trained.

    Args:
        domain: gives the spaces, and the layout of its observation if it has one.
        policy: "mlp", or a network for domains with a layout: "clauses", "derivation", "concepts".
        network: widths of the hidden layers; one width for networks of a layout.

    Raises:
        ValueError: if the domain does not fit the policy.
    """
    layout = getattr(domain, "layout", None)
    check_policy(policy, tuple(network), layout)
    shown = VectorActionMaskObservation(EtudeVectorEnv(domain, 1))
    return RLModuleSpec(
        module_class=ActionMaskModule,
        observation_space=shown.single_observation_space,
        action_space=shown.single_action_space,
        model_config={"policy": policy, "network": tuple(network), "layout": layout},
    )


def ppo_config(
    env_id: str | Domain,
    *,
    resources: Resources = ONE_PROCESS,
    num_envs: int = 64,
    practice: str | TaskSampler = "adaptive",
    seed: int = 0,
    policy: str = "mlp",
    network: tuple[int, ...] = (128,),
    n_steps: int = 64,
    batch_size: int = 1024,
    n_epochs: int = 6,
    learning_rate: float = 1e-3,
    entropy_coefficient: float = 0.01,
    gamma: float = 0.99,
    gae_lambda: float = 0.95,
    imitation_epochs: int = 0,
    imitation_batch_size: int = 512,
) -> PPOConfig:
    """A configuration of RLlib's PPO that practices a domain, for scripts of one's own.

    ``algorithm = ppo_config("EtudePlan-v0").build_algo()`` has a ``curriculum``, whose sampler learns from
    all env runners and whose state they share; ``algorithm.train()["practice"]`` holds FLOPs, environment
    steps and the sampler's estimates. RLlib's checkpoints do not hold the curriculum: save
    ``algorithm.curriculum.sampler.state_dict()`` beside them.

    Args:
        env_id: id of the environment, or the domain.
        resources: what to use of the cluster; see ``connect`` for the check against what is there.
        num_envs: environments practiced side by side, over all env runners; rounded up to equal shares.
        practice: task sampler or its name.
        seed: seeds weights, actions and practice tasks.
        policy: "mlp", or a network for domains with a layout: "clauses", "derivation", "concepts".
        network: widths of the hidden layers, for the policy and for the value function; one width for
            networks of a layout.
        n_steps: steps of each environment between updates.
        batch_size: size of a minibatch, over all learners.
        n_epochs: passes over the collected steps in an update.
        learning_rate: of Adam.
        entropy_coefficient: weight of the entropy bonus.
        gamma: discount factor.
        gae_lambda: bias-variance trade-off of the advantage estimate.
        imitation_epochs: passes over the worked solutions of the tasks whose episodes have ended, after each
            update; 0 learns from rewards alone.
        imitation_batch_size: steps of worked solutions in a minibatch, over all learners.

    Raises:
        ValueError: if the domain does not fit the policy, or for an amount that is not allowed.
    """
    domain = make_domain(env_id) if isinstance(env_id, str) else env_id
    spec = module_spec(domain, policy, network)
    envs = -(-num_envs // max(1, resources.env_runners))
    steps = envs * max(1, resources.env_runners) * n_steps
    learners = max(1, resources.learners)
    return (
        PPOConfig()
        .environment(
            f"{environment.__name__}:{environment.PRACTICE_ENV}",
            env_config={"domain": domain, "practice": practice},
            observation_space=spec.observation_space,
            action_space=spec.action_space,
            normalize_actions=False,  # they are discrete
        )
        .env_runners(
            num_env_runners=resources.env_runners,
            num_envs_per_env_runner=envs,
            gym_env_vectorize_mode="vector_entry_point",
            rollout_fragment_length=n_steps,
        )
        .learners(
            learner_class=CountingPPOLearner,
            num_learners=resources.learners,
            num_gpus_per_learner=resources.gpus_per_learner,
            learner_config_dict={"imitation": Imitation(imitation_epochs, imitation_batch_size)},
        )
        .rl_module(rl_module_spec=spec)
        .training(
            train_batch_size_per_learner=steps // learners,
            minibatch_size=min(steps, batch_size) // learners,
            num_epochs=n_epochs,
            lr=learning_rate,
            gamma=gamma,
            lambda_=gae_lambda,
            entropy_coeff=entropy_coefficient,
            **_AS_IN_STABLE_BASELINES,
        )
        .fault_tolerance(restart_failed_env_runners=True)
        .callbacks(CurriculumCallback)
        .debugging(
            seed=int(mix(name_key("rllib"), seed)[0] % 2**31),
            log_sys_usage=False,  # it asks for a library that watches GPUs
        )
    )


_AS_IN_STABLE_BASELINES: dict[str, Any] = {
    "use_kl_loss": False,
    "vf_loss_coeff": 0.5,
    "vf_clip_param": float("inf"),
    "clip_param": 0.2,
    "grad_clip": 0.5,
    "grad_clip_by": "global_norm",
}
