"""A pilot finds the horizon of a recipe: the compute at which the reference has 90% of its final gain.

Its runs are runs like any others, on seeds that are never scored, with evaluations at even distances.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from etude_gym.environment.registration import make_domain
from etude_gym.measure.compute import unit_name
from etude_gym.measure.curves import LearningCurve
from etude_gym.measure.milestones import no_gain
from etude_gym.practice.strategies import REFERENCE_ARM
from etude_gym.runs.agents import Recipe, load_agent_class, unit_of
from etude_gym.runs.config import RunConfig
from etude_gym.runs.experiment import Experiment
from etude_gym.runs.finished import load_run
from etude_gym.runs.folder import CONFIG
from etude_gym.runs.horizons import guess_horizon
from etude_gym.runs.layout import RESOURCES, ExperimentConfig, find_recipe

SHARE = 0.9
"""Of the final gain, which the reference has at the horizon."""
EVALUATIONS = 20
FIRST_SEED = 1000
EARLIEST, LATEST = 0.2, 0.6
"""Where in the budget a horizon has to lie: later, and the gain may go on; earlier, and points are too far
apart to say when."""
FIRST_BUDGET = 1 / 8
"""Of what is guessed: small budgets cost little, and are doubled while they are too small."""
ROUNDS = 7
"""Budgets that are tried, at most: up to eight times of what is guessed."""


@dataclass(frozen=True)
class PilotConfig:
    """What is to be found.

    Attributes:
        env_id: id of the environment.
        agent: name of the learner, or "module:Class".
        options: arguments of the agent, besides those of its recipe.
        budget: compute of each run, whose end defines the final gain, in the unit of the agent's axis; None
            looks for one.
        seeds: number of pilot seeds.
        items: anchor tasks per cell and evaluation.
        recipes: file with the recipe to begin with; None for the agent's own.
    """

    env_id: str
    agent: str = "sb3"
    options: dict[str, Any] = field(default_factory=dict)
    budget: float | None = None
    seeds: int = 4
    items: int = 100
    recipes: Path | None = None


@dataclass(frozen=True)
class Found:
    """What a pilot found.

    Attributes:
        recipe: with the horizon, the options and how it was found.
        budget: compute of the last round's runs.
        horizon: in the unit of the agent's axis.
        unit: of that axis.
        first: mean score of the untrained agent.
        final: mean score at the end of the budget.
        rising: whether the horizon lies so late that the score may go on to rise.
    """

    recipe: Recipe
    budget: float
    horizon: float
    unit: str
    first: float
    final: float
    rising: bool


def find_horizon(
    pilot: PilotConfig,
    folder: Path,
    practice: Callable[[Experiment], bool],
    on_round: Callable[[str], None] = lambda _: None,
) -> Found | None:
    """Practice on growing budgets until the horizon lies inside, or on the one that is given.

    Args:
        pilot: what is to be found.
        folder: of the runs, one experiment for each budget; those that are there already are gone on with.
        practice: carries out an experiment, and says whether it is finished.
        on_round: told what each round does and finds.

    Returns:
        What was found; None if it was interrupted.

    Raises:
        ValueError: if the agent cannot practice, or no budget can be guessed.
        RuntimeError: if the reference gains nothing on any budget.
    """
    budget = pilot.budget or _first_budget(pilot)
    for attempt in range(1 if pilot.budget else ROUNDS):
        experiment = _experiment(pilot, folder / f"budget_{budget:.3g}", budget)
        on_round(f"Budget {budget:.3g}: {experiment.folder}")
        if not practice(experiment):
            return None
        runs = [load_run(each) for each in experiment.run_folders()]
        curves, config = [run.curve for run in runs], runs[0].config
        lacking = no_gain(curves, budget)
        if lacking is None:
            share = horizon_share(curves, budget)
            on_round(f"90% of the gain at {share * budget:.3g}, {share:.0%} of the budget.")
            if EARLIEST <= share <= LATEST or pilot.budget or attempt == ROUNDS - 1:
                return _found(pilot, config, curves, share * budget)
        else:
            on_round(f"On this budget, {lacking}.")
            share = 1.0
        budget = float(f"{budget * (2 if share > LATEST else max(share, 1 / EVALUATIONS) / 0.4):.3g}")
    raise RuntimeError(
        f"No horizon: {REFERENCE_ARM} practice has taught {pilot.agent!r} nothing that shows on "
        f"{pilot.env_id}, on budgets up to {budget / 2:.3g}. Give a larger --budget, more --items, or other "
        "options."
    )


def horizon_share(curves: Sequence[LearningCurve], budget: float) -> float:
    """The horizon as a share of the budget: where the mean curve first has 90% of its gain.

    Args:
        curves: one for each seed, of a reference that gains something.
        budget: compute at which they end.
    """
    grid = np.linspace(0, budget, EVALUATIONS + 1)
    score = np.mean([np.interp(grid, curve.compute, curve.mean) for curve in curves], axis=0)
    threshold = score[0] + SHARE * (score[-1] - score[0])
    after = int(np.argmax(score >= threshold))
    if after == 0:
        return 0.0
    return float(np.interp(threshold, score[after - 1 : after + 1], grid[after - 1 : after + 1])) / budget


def _first_budget(pilot: PilotConfig) -> float:
    recipe = find_recipe(pilot.agent, pilot.env_id, pilot.recipes)
    options = {**recipe.options, **pilot.options}
    guess = guess_horizon(pilot.agent, make_domain(pilot.env_id), recipe.num_envs, options)
    if guess is None:
        unit = unit_name(unit_of(load_agent_class(pilot.agent), options))
        raise ValueError(f"Give --budget, in {unit}: how much {pilot.agent!r} needs cannot be guessed.")
    return FIRST_BUDGET * guess


def _experiment(pilot: PilotConfig, folder: Path, budget: float) -> Experiment:
    """The runs of one round: new ones, or those that are there."""
    if (folder / CONFIG).exists():
        return Experiment(folder)
    return Experiment.create(
        folder,
        ExperimentConfig(
            env_id=pilot.env_id,
            agent=pilot.agent,
            arms=(REFERENCE_ARM,),
            seeds=pilot.seeds,
            first_seed=FIRST_SEED,
            horizon=budget,
            items=pilot.items,
            options=pilot.options,
            recipes=pilot.recipes,
            evaluations=EVALUATIONS,
            name="pilot",
        ),
    )


def _found(pilot: PilotConfig, config: RunConfig, curves: Sequence[LearningCurve], horizon: float) -> Found:
    recipe = find_recipe(pilot.agent, pilot.env_id, pilot.recipes)
    horizon = float(f"{horizon:.3g}")
    source = (
        f"etude pilot {pilot.env_id} --agent {pilot.agent} --budget {config.horizon:.3g} "
        f"--seeds {pilot.seeds} --items {pilot.items}; {REFERENCE_ARM}, seeds from {FIRST_SEED}; compute at "
        f"{SHARE:.0%} of the gain at the budget; {config.date[:10]}; {config.versions}"
    )
    options = {name: value for name, value in config.options.items() if name != RESOURCES}
    per_unit = getattr(load_agent_class(pilot.agent), "horizon_of", lambda known, _: known)(1.0, options)
    return Found(
        recipe=replace(recipe, horizon=horizon / per_unit, options=options, source=source),
        budget=config.horizon,
        horizon=horizon,
        unit=unit_name(config.unit),
        first=float(np.mean([curve.mean[0] for curve in curves])),
        final=float(np.mean([curve.mean[-1] for curve in curves])),
        rising=horizon > LATEST * config.horizon,
    )
