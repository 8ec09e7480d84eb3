"""What an agent has to offer: ``act`` to be scored, ``learn`` to be measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import gymnasium

from etude_gym.entry_points import load_entry_point
from etude_gym.errors import MissingExtra, check_name
from etude_gym.tasks.domain import Actions, Domain, Worlds
from etude_gym.tasks.observations import Masks, Observations

AGENTS = {
    "sb3": "etude_gym.agents.sb3.learner:MaskablePPOLearner",
    "rllib": "etude_gym.agents.rllib.learner:RLlibPPOLearner",
    "random": "etude_gym.agents.scripted:RandomAgent",
    "greedy": "etude_gym.agents.scripted:GreedyAgent",
    "oracle": "etude_gym.agents.scripted:OracleAgent",
}
"""Agents by name; "module:Class" names somebody else's."""


@runtime_checkable
class Agent(Protocol):
    """Anything that chooses actions.

    An agent that is allowed to look behind the observations has a method ``attend(worlds)`` as well,
    called before every ``act`` with the worlds that the observations are of.
    """

    def act(self, observations: Observations, masks: Masks) -> Actions:
        """Actions for a batch.

        Args:
            observations: array (n, ...), or a dictionary of such arrays.
            masks: int8 (n, actions), 1 where legal.

        Returns:
            int64 array of shape (n,).
        """


@runtime_checkable
class Learner(Agent, Protocol):
    """An agent that learns from practice, by whatever means.

    Made as ``YourLearner(domain, seed=..., horizon=..., **options)``: the domain gives the spaces, the
    horizon is the compute that practice will last, in FLOPs, for those who anneal a learning rate.

    A learner may have more, if it needs it:

    - ``take_expenses()``, for one that steps environments of its own: amounts spent since the last call, by
      line of the ledger and unit (``{"rollout": {"env_steps": 4096, "cpu_seconds": 2.5}}``), apart from those
      FLOPs that ``flops`` holds. Such a learner uses the task sampler of the environment it is given, and
      tells the listener of the environment's task stream about finished episodes.
    - ``close()``, for one that starts processes: called when its run ends or is left.
    - ``takes_resources = True``, for one that takes an argument ``resources``, the fields of
      ``etude_gym.agent.Resources`` by name, and has ``check(resources)``, which raises ValueError if they
      are not there.
    - ``plays_itself = True``, for one that carries out the arms "self_play" and "race": see
      ``etude_gym.practice.self_play.SelfPlaySampler`` and ``RaceSampler``.

    Attributes:
        flops: training compute so far by line of the ledger ("rollout", "update", "value"); "evaluation"
            may be among them.
    """

    flops: Mapping[str, float]

    def learn(self, env: gymnasium.vector.VectorEnv[Any, Any, Any], until: float) -> None:
        """Practice until training compute has reached ``until`` FLOPs.

        Called again and again with the same environment, in SAME_STEP autoreset mode, and a growing
        ``until``: call ``env.reset()`` the first time, later go on where the last call stopped.
        """

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on exactly from here; pickled into checkpoints."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""


@dataclass(frozen=True)
class Recipe:
    """How an agent is set up for a domain, declared as data.

    Attributes:
        horizon: FLOPs of practice at which arms are compared; None where no pilot was run.
        num_envs: environments practiced side by side.
        options: arguments of the agent.
        samplers: arguments of task samplers, by their name.
        source: how the horizon was found, by which command.
    """

    horizon: float | None = None
    num_envs: int = 64
    options: dict[str, Any] = field(default_factory=dict)
    samplers: dict[str, dict[str, Any]] = field(default_factory=dict)
    source: str = ""


def load_agent_class(name: str) -> Any:
    """The class of an agent, by name or by "module:Class".

    Raises:
        ValueError: for an unknown name.
        MissingExtra: if a library that the agent needs is not installed.
    """
    entry_point = name if ":" in name else AGENTS[check_name("agent", name, AGENTS)]
    try:
        return load_entry_point(entry_point)
    except ModuleNotFoundError as error:
        if name in AGENTS and (error.name or "").split(".")[0] != "etude_gym":
            raise MissingExtra(f"The agent {name!r}", name) from error
        raise


def load_recipe(name: str, env_id: str) -> Recipe:
    """The recipe of an agent for a domain; an empty one if it declares none."""
    find = getattr(load_agent_class(name), "recipe", None)
    return find(env_id) if find else Recipe()


def make_agent(name: str, domain: Domain, *, seed: int = 0, horizon: float = 0.0, **options: Any) -> Any:
    """Make an agent by name for a domain."""
    return load_agent_class(name)(domain, seed=seed, horizon=horizon, **options)


def choose(agent: Agent, worlds: Worlds, observations: Observations, masks: Masks) -> Actions:
    """Let an agent act, showing it the worlds if it is allowed to see them."""
    attend = getattr(agent, "attend", None)
    if attend is not None:
        attend(worlds)
    return agent.act(observations, masks)


@dataclass(frozen=True)
class Resources:
    """Where an agent that can use a cluster (`rllib`) works; the defaults are one process on this machine.

    Attributes:
        env_runners: processes that practice, one core each; 0 practices in the run's own process.
        learners: processes that learn, one core or their GPUs each; 0 learns in the run's own process.
        gpus_per_learner: GPUs of each learner, or of the run's own process; parts of one are allowed.
        address: of the Ray cluster to join, such as `auto`; `local` starts one on this machine.
    """

    env_runners: int = 0
    learners: int = 0
    gpus_per_learner: float = 0.0
    address: str = "local"

    def __post_init__(self) -> None:
        for name in ("env_runners", "learners", "gpus_per_learner"):
            value = getattr(self, name)
            if not 0 <= value < float("inf"):
                raise ValueError(f"{name} must be a number that is not negative, got {value!r}.")

    @property
    def remote(self) -> bool:
        """Whether anything happens outside the run's own process."""
        return self.env_runners > 0 or self.learners > 0

    @property
    def needed(self) -> dict[str, float]:
        """What a cluster has to have, by Ray's names of resources."""
        gpus = self.gpus_per_learner * max(1, self.learners)
        learner_cores = 0 if self.gpus_per_learner else self.learners
        return {"CPU": float(self.env_runners + learner_cores), "GPU": gpus}


ONE_PROCESS = Resources()
"""Everything happens in the run's own process."""
