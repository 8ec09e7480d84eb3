"""``etude pilot``: the horizon of any learner in any environment."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from etude_gym.cli.practicing import NO_LANGUAGE_MODEL, LanguageModel, agent_options
from etude_gym.cli.terminal import console, say, shown


@dataclass(frozen=True)
class Pilot:
    """Find a horizon: the compute at which practice on a fixed set of tasks has 90% of its final gain.

    Practices with pilot seeds, which are never scored, on budgets that grow until the gain has leveled off,
    and writes horizon and options into a file, for `etude practice --recipes FILE`. Any agent will do, also a
    `module:Class` of your own, and any environment, also one that another package registers. Interrupted, the
    same command with the same `--folder` goes on.

    Args:
        env: id of the environment; `module:Id-v0` imports the module first.
        agent: the learner, by name or as `module:Class` of your own.
        option: an argument of the agent, such as `--option network=[64,64]`; it becomes part of the recipe.
        out: file that the recipe is written into, beside others that it holds.
        recipes: file with a recipe to begin with.
        budget: compute of each run; its end defines the final gain.
        seeds: how many pilot seeds.
        items: anchor tasks per cell (family x band) and evaluation.
        workers: runs side by side.
        folder: of the pilot's runs.
        language_model: for `--agent llm` and `--agent llm_finetune`.
    """

    env: tyro.conf.Positional[Annotated[str, shown("[ID]")]] = "EtudePlan-v0"
    agent: Annotated[str, shown("NAME")] = "sb3"
    option: Annotated[
        tyro.conf.UseAppendAction[tuple[str, ...]], shown("NAME=VALUE", "default: as in the recipe")
    ] = ()
    out: Annotated[Path, shown("FILE")] = Path("recipes.json")
    recipes: Annotated[Path | None, shown("FILE", "default: shipped with the agent")] = None
    budget: Annotated[float | None, shown("COMPUTE", "default: doubled until it is enough")] = None
    seeds: Annotated[int, shown("N")] = 4
    items: Annotated[int, shown("N")] = 100
    workers: Annotated[int | None, shown("N", "default: one for each core")] = None
    folder: Annotated[Path | None, shown("FOLDER", "default: runs/pilot-ID-AGENT")] = None
    language_model: Annotated[LanguageModel, tyro.conf.arg(name="")] = NO_LANGUAGE_MODEL

    def run(self) -> None:
        """Find the horizon, write it, and say how to practice with it."""
        from etude_gym.cli.progress import practice_with_progress
        from etude_gym.runs.pilot import PilotConfig, find_horizon
        from etude_gym.runs.recipes import write_recipe

        pilot = PilotConfig(
            env_id=self.env,
            agent=self.agent,
            options=agent_options(self.agent, self.option, self.language_model),
            budget=self.budget,
            seeds=self.seeds,
            items=self.items,
            recipes=self.recipes,
        )
        name = f"pilot-{self.env.rpartition(':')[2]}-{self.agent.replace(':', '.')}"
        found = find_horizon(
            pilot,
            self.folder or Path("runs") / name,
            lambda experiment: practice_with_progress(experiment, self.workers, console),
            say,
        )
        if found is None:
            say("Stopped; every run is saved. The same command goes on.")
            raise SystemExit(130)
        write_recipe(self.out, self.agent, self.env, found.recipe)
        say(
            f"Horizon {found.horizon:.3g} {found.unit}: the score rises from {found.first:.3f} to "
            f"{found.final:.3f} on the budget of {found.budget:.3g}. Written into {self.out}."
        )
        if found.rising:
            say("It lies late in the budget, so that the score may rise on: a larger --budget would tell.")
        command = ["etude", "practice", self.env, "--agent", self.agent, "--recipes", str(self.out)]
        say(f"Practice with it: {shlex.join(command)}")
