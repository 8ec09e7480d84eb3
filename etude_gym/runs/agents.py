"""Agents by name, their recipes for each domain, and the resources they may use."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from etude_gym.entry_points import load_entry_point
from etude_gym.errors import MissingExtra, check_name
from etude_gym.tasks.domain import Domain

AGENTS = {
    "sb3": "etude_gym.agents.sb3.learner:MaskablePPOLearner",
    "rllib": "etude_gym.agents.rllib.learner:RLlibPPOLearner",
    "llm": "etude_gym.agents.llm.learner:InContextLearner",
    "llm_finetune": "etude_gym.agents.finetune.learner:FineTuneLearner",
    "random": "etude_gym.measure.scripted:RandomAgent",
    "greedy": "etude_gym.measure.scripted:GreedyAgent",
    "oracle": "etude_gym.measure.scripted:OracleAgent",
}
"""Agents by name; "module:Class" names somebody else's."""

DEFAULT_AGENT = "sb3"

SHIPPED_RECIPES = "etude_gym.agents.recipes:find_recipe"
"""Finds recipes without the libraries of their agents."""

EXTRAS = {"llm_finetune": "finetune"}
"""What installs an agent, where it is not called like the agent."""


TOOLS = {
    "ask": ("etude_gym.agents.llm.ask", "llm"),
    "curve": ("etude_gym.agents.llm.curve", "llm"),
    "serve": ("etude_gym.agents.serve.app", "serve"),
}
"""Modules behind commands of the same name, and the extras that they need."""


@dataclass(frozen=True)
class Resources:
    """The processes and machines of an agent that can use a cluster (`rllib`); by default one process here.

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


@dataclass(frozen=True)
class Recipe:
    """How an agent is set up for a domain, declared as data.

    Attributes:
        horizon: compute of practice at which arms are compared, in FLOPs or as the agent says; None where
            no pilot was run.
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
    """The class of an agent.

    Args:
        name: one of ``AGENTS``, or "module:Class".

    Raises:
        ValueError: for an unknown name.
        MissingExtra: if a library that the agent needs is not installed.
    """
    entry_point = name if ":" in name else AGENTS[check_name("agent", name, AGENTS)]
    try:
        return load_entry_point(entry_point)
    except ModuleNotFoundError as error:
        if name in AGENTS and (error.name or "").split(".")[0] != "etude_gym":
            raise MissingExtra(f"The agent {name!r}", EXTRAS.get(name, name)) from error
        raise


def load_tool(name: str) -> Any:
    """The module behind a command.

    Args:
        name: one of ``TOOLS``.

    Raises:
        MissingExtra: if a library that it needs is not installed.
    """
    module, extra = TOOLS[name]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "etude_gym":
            raise MissingExtra(f"etude {name}", extra) from error
        raise


def load_recipe(name: str, env_id: str) -> Recipe:
    """The recipe of an agent for a domain; an empty one if it declares none.

    Args:
        name: one of ``AGENTS``, or "module:Class".
        env_id: id of the environment.

    Raises:
        ValueError, MissingExtra: as ``load_agent_class`` does.
    """
    find = getattr(load_agent_class(name), "recipe", None)
    return find(env_id) if find else Recipe()


def shipped_recipe(name: str, env_id: str) -> Recipe:
    """The recipe that ships with an agent for a domain; an empty one if there is none.

    Args:
        name: one of ``AGENTS``.
        env_id: id of the environment.
    """
    recipe: Recipe = load_entry_point(SHIPPED_RECIPES)(name, env_id)
    return recipe


def reads_text(agent_class: Any) -> bool:
    """Whether an agent reads prompts and writes replies.

    Args:
        agent_class: of the agent.
    """
    return hasattr(agent_class, "play")


def unit_of(agent_class: Any, options: Mapping[str, Any]) -> str:
    """The unit of an agent's axis of compute: "flops", unless it has ``unit_of(options)``.

    Args:
        agent_class: of the agent.
        options: its arguments.
    """
    unit: str = getattr(agent_class, "unit_of", lambda _: "flops")(options)
    return unit


def horizon_of(agent_class: Any, recipe: Recipe, options: Mapping[str, Any]) -> float | None:
    """The horizon of a recipe in the unit of the agent's axis; None where there is none.

    Args:
        agent_class: of the agent; it may have ``horizon_of(horizon, options)``.
        recipe: of the agent.
        options: its arguments.
    """
    if recipe.horizon is None:
        return None
    horizon: float = getattr(agent_class, "horizon_of", lambda known, _: known)(recipe.horizon, options)
    return horizon


def make_agent(name: str, domain: Domain, *, seed: int = 0, horizon: float = 0.0, **options: Any) -> Any:
    """Make an agent by name for a domain.

    Args:
        name: one of ``AGENTS``, or "module:Class".
        domain: the domain to play.
        seed: of the agent.
        horizon: training compute that practice will last, in FLOPs; 0 for an agent that does not learn.
        options: other arguments of the agent.

    Raises:
        ValueError, MissingExtra: as ``load_agent_class`` does.
    """
    return load_agent_class(name)(domain, seed=seed, horizon=horizon, **options)
