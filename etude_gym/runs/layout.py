"""How an experiment is laid out: from what is asked for to the configuration of each run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from etude_gym.difficulty.bands import BANDS, ENTRY_BAND, check_bands
from etude_gym.environment.registration import find_spec, make_domain
from etude_gym.measure.anchors import chance_levels
from etude_gym.measure.compute import unit_name
from etude_gym.measure.copying import text_chance_levels
from etude_gym.practice.strategies import parse_arm
from etude_gym.runs.admission import check_arms, check_options, check_samplers, resources_option
from etude_gym.runs.agents import (
    ONE_PROCESS,
    Recipe,
    Resources,
    horizon_of,
    load_agent_class,
    load_recipe,
    reads_text,
    unit_of,
)
from etude_gym.runs.config import RunConfig
from etude_gym.runs.horizons import GUESSED_STEPS, guess_horizon
from etude_gym.runs.provenance import provenance
from etude_gym.runs.recipes import recipe_in
from etude_gym.runs.starting import Start, find_starts
from etude_gym.tasks.domain import Domain
from etude_gym.tasks.keys import SUITE_VERSION

LARGEST_SALT = 2**64 - 1
RESOURCES = "resources"
"""The option that says where an agent works."""


@dataclass(frozen=True)
class ExperimentConfig:
    """The runs of an experiment.

    Attributes:
        env_id: id of the environment.
        agent: name of the learner, or "module:Class".
        arms: task samplers to compare, perhaps with options ("schedule,ramp_episodes=5000"); "static" is the
            reference.
        seeds: number of seeds of each arm.
        first_seed: the first of them.
        horizon: training compute in the unit of the agent's axis; None for the recipe's.
        items: anchor tasks per cell and checkpoint.
        bands: of the anchor tasks; None for all, with the entry band for agents that read text.
        options: arguments of the agent, besides those of its recipe.
        resources: processes and machines that the agent works on, if it can use them.
        start: folder of the finished run whose agent practices on, or of runs, one for each seed; None to
            begin at the beginning. Its options are those of the agent, unless ``options`` says otherwise.
        recipes: file with the recipe of the agent for the environment; None for the agent's own.
        salt: secret of the anchor tasks; None draws one. Experiments of one salt have the same anchor tasks.
        evaluations: number of evaluations after the first, evenly spaced; None for the checkpoint grid.
        name: of the experiment, as comparisons call it; may be empty.
        notes: whatever is worth keeping with the runs.
    """

    env_id: str = "EtudePlan-v0"
    agent: str = "sb3"
    arms: tuple[str, ...] = ("static", "uniform", "easy", "schedule", "adaptive")
    seeds: int = 5
    first_seed: int = 0
    horizon: float | None = None
    items: int = 100
    bands: tuple[int, ...] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    resources: Resources = ONE_PROCESS
    start: Path | None = None
    recipes: Path | None = None
    salt: int | None = None
    evaluations: int | None = None
    name: str = ""
    notes: str = ""

    def __post_init__(self) -> None:
        for arm in self.arms:
            parse_arm(arm)
        if not self.arms or len(set(self.arms)) < len(self.arms):
            raise ValueError(f"arms must be different task samplers, at least one, got {self.arms}.")
        if self.first_seed < 0:
            raise ValueError(f"first_seed must not be negative, got {self.first_seed}.")
        for name in ("seeds", "items"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if self.bands is not None:
            check_bands(self.bands)
        if self.horizon is not None and not 0 < self.horizon < float("inf"):
            raise ValueError(f"horizon must be a positive number, got {self.horizon}.")
        if self.salt is not None and not 0 <= self.salt <= LARGEST_SALT:
            raise ValueError(f"salt must be an integer from 0 to 2**64 - 1, got {self.salt}.")


@dataclass(frozen=True)
class Layout:
    """What the runs of an experiment are made of.

    Attributes:
        config: of any run, but for what depends on arm and seed.
        samplers: arguments of task samplers, by their name.
        starts: what the runs of each seed start from; empty for runs that begin at the beginning.
    """

    config: RunConfig
    samplers: Mapping[str, dict[str, Any]]
    starts: Mapping[int, Start]

    @classmethod
    def of(cls, asked: ExperimentConfig) -> Layout:
        """Check what is asked for, and settle what it leaves open.

        Args:
            asked: arms, seeds and the rest.

        Raises:
            ValueError: if the agent does not learn or cannot carry out an arm, no horizon is known or the
                resources are not there.
        """
        find_spec(asked.env_id)
        agent_class = load_agent_class(asked.agent)
        if not hasattr(agent_class, "learn"):
            raise ValueError(f"The agent {asked.agent!r} does not learn, so it cannot practice.")
        check_arms(asked.agent, agent_class, asked.arms)
        recipe = find_recipe(asked.agent, asked.env_id, asked.recipes)
        seeds = range(asked.first_seed, asked.first_seed + asked.seeds)
        starts = {} if asked.start is None else _starts(asked.start, asked, agent_class, seeds)
        begun = starts[asked.first_seed].config.options if starts else {}
        options = {**recipe.options, **begun, **asked.options}
        options.pop(RESOURCES, None)  # where a run goes on is not where it began
        resources = resources_option(asked.agent, agent_class, asked.resources)
        domain, text = make_domain(asked.env_id), reads_text(agent_class)
        check_options(asked.agent, agent_class, domain, options)
        check_samplers(domain, asked.arms, whole_tasks=text)
        horizon = asked.horizon or horizon_of(agent_class, recipe, options)
        if horizon is None:
            raise ValueError(_missing_horizon(asked, agent_class, recipe, domain, options))
        bands = check_bands(asked.bands or ((ENTRY_BAND, *BANDS) if text else BANDS))
        levels = text_chance_levels if text else chance_levels
        config = RunConfig(
            env_id=asked.env_id,
            arm=asked.arms[0],
            agent=asked.agent,
            seed=asked.first_seed,
            horizon=horizon,
            num_envs=recipe.num_envs,
            items=asked.items,
            chance=tuple(levels(domain, bands=bands).round(6).tolist()),
            options={**options, **resources},
            unit=unit_of(agent_class, options),
            bands=bands,
            interface="text" if text else "actions",
            suite_version=SUITE_VERSION,
            calibration=domain.space.calibration_hash,
            salt=asked.salt,
            evaluations=asked.evaluations,
            name=asked.name,
            notes=asked.notes,
            **provenance(agent_class),
        )
        return cls(config, recipe.samplers, starts)

    @classmethod
    def again(cls, config: RunConfig, samplers: Mapping[str, dict[str, Any]], arms: Sequence[str]) -> Layout:
        """The layout of further runs of an experiment.

        Args:
            config: of one of its runs.
            samplers: arguments of task samplers, by their name.
            arms: of the further runs.

        Raises:
            ValueError: if the agent cannot carry out an arm.
        """
        agent_class, domain = load_agent_class(config.agent), make_domain(config.env_id)
        check_arms(config.agent, agent_class, tuple(arms))
        check_samplers(domain, tuple(arms), whole_tasks=reads_text(agent_class))
        return cls(replace(config, **provenance(agent_class)), samplers, {})

    def write(self, experiment: Path, arm: str, seed: int) -> str:
        """Lay out one run.

        Args:
            experiment: folder of the experiment.
            arm: of the run.
            seed: of the run.

        Returns:
            The run's name in the experiment.
        """
        name = f"{arm}/seed_{seed}"
        replace(
            self.config,
            arm=arm,
            seed=seed,
            sampler_options=self.samplers.get(parse_arm(arm)[0].name, {}),
            start=self.starts[seed].hand_over(experiment / name) if self.starts else None,
        ).write(experiment / name)
        return name


def find_recipe(agent: str, env_id: str, path: Path | None) -> Recipe:
    """The recipe of an agent for an environment.

    Args:
        agent: name of the agent, or "module:Class".
        env_id: id of the environment.
        path: of the file that holds it; None for the agent's own.
    """
    return load_recipe(agent, env_id) if path is None else recipe_in(path, agent, env_id)


def _starts(path: Path, asked: ExperimentConfig, agent_class: Any, seeds: Sequence[int]) -> dict[int, Start]:
    """What the runs of an experiment start from, if the agent can start from anything."""
    if not hasattr(agent_class, "start_from"):
        raise ValueError(
            f"The agent {asked.agent!r} cannot practice on from another run: it has no start_from(state); "
            "see etude_gym.Learner."
        )
    return find_starts(path, asked.env_id, asked.agent, seeds)


def _missing_horizon(
    asked: ExperimentConfig, agent_class: Any, recipe: Recipe, domain: Domain, options: Mapping[str, Any]
) -> str:
    """What to do where no horizon is known, with the order of magnitude."""
    unit = unit_name(unit_of(agent_class, options))
    guess = guess_horizon(asked.agent, domain, recipe.num_envs, options)
    size = (
        f"{guess:.0e} {unit} are about {GUESSED_STEPS:,} environment steps of this agent, a first choice."
        if guess
        else recipe.source
    )
    pilot = ["etude", "pilot", asked.env_id, "--agent", asked.agent]
    for name, value in asked.options.items():
        pilot += ["--option", f"{name}={value}"]
    return (
        f"No horizon is known for {asked.agent!r} on {asked.env_id}: give --horizon in {unit}. {size} "
        f"Or find it, and practice with what was found: {shlex.join(pilot)} --out recipes.json; "
        f"etude practice {shlex.quote(asked.env_id)} --agent {asked.agent} --recipes recipes.json"
    )
