"""What an evaluation is going to do: the experiment of every domain, checked before anything is written."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from etude_gym.environment.registration import find_spec, make_domain
from etude_gym.errors import check_name
from etude_gym.measure.checkpoints import GRID_HALVINGS
from etude_gym.measure.compute import unit_name
from etude_gym.runs.agents import horizon_of, load_agent_class, reads_text, unit_of
from etude_gym.runs.depths import ACTIONS, DEPTHS, TEXT, Depth
from etude_gym.runs.horizons import GUESSED_STEPS, guess_horizon
from etude_gym.runs.layout import ExperimentConfig, Layout, find_recipe

PRIMARY_DOMAINS = ("EtudeCode-v0", "EtudeLogic-v0", "EtudePlan-v0", "EtudeCreative-v0")
"""What an evaluation is of, unless it says otherwise."""


GRID_POINTS = GRID_HALVINGS + 2
"""Evaluations of the checkpoint grid."""


@dataclass(frozen=True)
class EvaluationConfig:
    """What is asked of an evaluation.

    Attributes:
        env_ids: ids of the environments.
        agent: name of the learner, or "module:Class".
        depth: one of ``DEPTHS``.
        horizons: compute of a run by id, in the unit of the agent's axis, as it is; an environment that is
            left out has the depth's share of the recipe's.
        options: arguments of the agent, besides those of its recipes.
        recipes: file with the recipes of the agent; None for its own.
    """

    env_ids: tuple[str, ...] = PRIMARY_DOMAINS
    agent: str = "sb3"
    depth: str = "recommended"
    horizons: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    recipes: Path | None = None

    def __post_init__(self) -> None:
        check_name("depth", self.depth, DEPTHS)
        names = list(map(part_name, self.env_ids))
        if not names or len(set(names)) < len(names):
            raise ValueError(f"envs must be different environments, at least one, got {self.env_ids}.")


@dataclass(frozen=True)
class Part:
    """The experiment of one domain.

    Attributes:
        config: what is asked of it.
        layout: what its runs are made of.
        visitors: other domains whose learners are tested on its tasks in the end.
    """

    config: ExperimentConfig
    layout: Layout
    visitors: int = 0

    @property
    def name(self) -> str:
        """Of the domain and its folder."""
        return part_name(self.config.env_id)

    @property
    def runs(self) -> int:
        """How many it has."""
        return len(self.config.arms) * self.config.seeds

    @property
    def evaluated(self) -> int:
        """Anchor tasks that are answered for each run, those that visitors answer included."""
        points = GRID_POINTS if self.config.evaluations is None else self.config.evaluations + 1
        visits = self.visitors / len(self.config.arms)
        return round((points + visits) * len(self.layout.config.chance) * self.config.items)


@dataclass(frozen=True)
class Plan:
    """All of an evaluation.

    Attributes:
        config: what is asked.
        depth: what is run in every domain.
        parts: one for each domain.
    """

    config: EvaluationConfig
    depth: Depth
    parts: tuple[Part, ...]

    @property
    def remote(self) -> bool:
        """Whether the learner is asked through an endpoint, so that it costs tokens and not this machine."""
        return hasattr(load_agent_class(self.config.agent), "check_reachable")


def part_name(env_id: str) -> str:
    """The name of an environment without the module that registers it.

    Args:
        env_id: its id.
    """
    return env_id.rpartition(":")[2]


def parse_horizons(texts: Sequence[str], env_ids: Sequence[str]) -> dict[str, float]:
    """Horizons from the command line.

    Args:
        texts: each ID=NUMBER, or one NUMBER for all environments.
        env_ids: of the evaluation.

    Returns:
        Horizons by id.

    Raises:
        ValueError: for what is no positive number, or an environment that is not evaluated.
    """
    by_name = {part_name(env_id): env_id for env_id in env_ids}
    horizons: dict[str, float] = {}
    for text in texts:
        name, equals, number = text.rpartition("=")
        try:
            horizon = float(number)
        except ValueError:
            horizon = math.nan
        if not 0 < horizon < math.inf or (not equals and len(texts) > 1):
            raise ValueError(
                "--horizon takes one positive number for all environments, or ID=NUMBER for each; "
                f"got {text!r}."
            )
        if not equals:
            return dict.fromkeys(env_ids, horizon)
        horizons[by_name[check_name("evaluated environment", part_name(name), by_name)]] = horizon
    return horizons


def plan_evaluation(config: EvaluationConfig) -> Plan:
    """Check what is asked for, and settle what it leaves open.

    Args:
        config: what is asked.

    Raises:
        ValueError: if the agent does not learn, a horizon is not known, or an arm or option is refused.
        RuntimeError: if the learner's endpoint does not answer.
        MissingExtra: if a library that the agent needs is not installed.
    """
    for env_id in config.env_ids:
        find_spec(env_id)
    agent_class = load_agent_class(config.agent)
    depth = DEPTHS[config.depth][TEXT if reads_text(agent_class) else ACTIONS]
    if set(config.horizons) >= set(config.env_ids):
        depth = replace(depth, share=1.0)
    experiments = [
        ExperimentConfig(
            env_id=env_id,
            agent=config.agent,
            arms=depth.arms,
            seeds=depth.seeds,
            horizon=config.horizons.get(env_id) or _share_of_horizon(config, agent_class, env_id, depth),
            items=depth.items,
            options=config.options,
            recipes=config.recipes,
            evaluations=depth.evaluations,
        )
        for env_id in config.env_ids
    ]
    if not hasattr(agent_class, "learn"):
        raise ValueError(f"The agent {config.agent!r} does not learn, so there is no learning to evaluate.")
    _check_horizons(experiments, agent_class)
    visitors = len(experiments) - 1 if reads_text(agent_class) else 0
    parts = tuple(Part(experiment, Layout.of(experiment), visitors) for experiment in experiments)
    if hasattr(agent_class, "check_reachable"):
        agent_class.check_reachable(parts[0].layout.config.options)
    return Plan(config, depth, parts)


def _share_of_horizon(config: EvaluationConfig, agent_class: Any, env_id: str, depth: Depth) -> float | None:
    recipe = find_recipe(config.agent, env_id, config.recipes)
    horizon = horizon_of(agent_class, recipe, {**recipe.options, **config.options})
    return None if horizon is None else depth.share * horizon


def _check_horizons(experiments: Sequence[ExperimentConfig], agent_class: Any) -> None:
    """Refuse an evaluation without horizons, with a first choice for each one that is missing."""
    missing = [experiment for experiment in experiments if experiment.horizon is None]
    if not missing:
        return
    given, sources = [], set()
    for each in missing:
        recipe = find_recipe(each.agent, each.env_id, each.recipes)
        options = {**recipe.options, **each.options}
        guess = guess_horizon(each.agent, make_domain(each.env_id), recipe.num_envs, options)
        given.append(f"{part_name(each.env_id)}={'NUMBER' if guess is None else f'{guess:.0e}'}")
        sources |= {recipe.source} if recipe.source else set()
    unit = unit_name(unit_of(agent_class, options))
    first = f" (about {GUESSED_STEPS:,} environment steps, a first choice)" if guess is not None else ""
    raise ValueError(
        f"No horizon is known for {missing[0].agent!r} in {', '.join(part_name(e.env_id) for e in missing)}. "
        f"Give the compute of a run in {unit}{first}: --horizon {' '.join(given)}. Or find it with etude "
        f"pilot, and give the file that it writes: --recipes FILE. {' '.join(sorted(sources))}".rstrip()
    )
