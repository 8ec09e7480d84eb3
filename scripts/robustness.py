"""Does an order of practice hold up with other networks and learning rates? One experiment for each of them.

    python scripts/robustness.py EtudePlan-v0

Every folder is an experiment: ``etude compare runs/robustness-EtudePlan-v0/width_half``. Interrupted, it goes
on where it stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro
from carrying_out import carry_out

from etude_gym.runs.agents import Recipe, load_recipe
from etude_gym.runs.experiment import ExperimentConfig


@dataclass(frozen=True)
class Robustness:
    """What to run.

    Attributes:
        env: id of the environment.
        arms: the orders to compare; the first is the reference.
        seeds: number of seeds.
        first_seed: the first of them.
        items: anchor tasks per cell and checkpoint.
        out: folder of the experiments; runs/robustness-ID by default.
    """

    env: tyro.conf.Positional[str]
    arms: tuple[str, ...] = ("schedule", "adaptive")
    seeds: int = 5
    first_seed: int = 30
    items: int = 100
    out: Path | None = None


def variations(recipe: Recipe) -> dict[str, dict[str, Any]]:
    """Options that differ from those of a recipe, by name: widths and learning rates."""

    def width(factor: float) -> dict[str, Any]:
        return {"network": [max(1, round(factor * units)) for units in recipe.options["network"]]}

    def rate(factor: float) -> dict[str, Any]:
        return {name: factor * recipe.options[name] for name in ("learning_rate", "final_learning_rate")}

    return {
        "width_half": width(0.5),
        "width_double": width(2.0),
        "learning_rate_half": rate(0.5),
        "learning_rate_quarter": rate(0.25),
    }


def main(robustness: Robustness) -> None:
    """Run one experiment for each variation, and one with RLlib."""
    recipe = load_recipe("sb3", robustness.env)
    agents = {name: ("sb3", options) for name, options in variations(recipe).items()} | {
        "rllib": ("rllib", {})
    }
    for name, (agent, options) in agents.items():
        folder = (robustness.out or Path("runs") / f"robustness-{robustness.env}") / name
        config = ExperimentConfig(
            env_id=robustness.env,
            agent=agent,
            arms=robustness.arms,
            seeds=robustness.seeds,
            first_seed=robustness.first_seed,
            items=robustness.items,
            options=options,
        )
        carry_out(folder, config)


if __name__ == "__main__":
    main(tyro.cli(Robustness, description=__doc__))
