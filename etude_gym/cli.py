"""The command line: ``etude list | play | practice | compare | check``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console

PRESETS: dict[str, dict[str, Any]] = {
    "quick": {"arms": ("static", "uniform", "easy", "schedule", "adaptive"), "seeds": 3, "items": 50},
    "full": {
        "arms": ("static", "uniform", "easy", "schedule", "adaptive", "learnability", "learning_progress"),
        "seeds": 10,
        "items": 200,
    },
}
"""What ``etude practice --preset`` sets: arms, seeds, and anchor tasks per cell and checkpoint."""

PICTURE = "learning_curves.png"
RESULTS = "comparison.json"

console = Console()


@dataclass(frozen=True)
class List:
    """Show the environments there are, or one of them in detail.

    Args:
        env: id of an environment to describe: its axes, families, observation and actions.
    """

    env: tyro.conf.Positional[str | None] = None

    def run(self) -> None:
        """Print the table or the description."""
        from etude_gym.describe import describe_all, describe_one

        console.print(describe_one(self.env) if self.env else describe_all())


@dataclass(frozen=True)
class Play:
    """Play an environment yourself, in the terminal. Type `help` while playing.

    Args:
        env: id of the environment.
        seed: which task; another one every time by default.
        difficulty: values in [0, 1] for some or all axes, such as `--difficulty horizon=0.2`.
    """

    env: tyro.conf.Positional[str] = "EtudePlan-v0"
    seed: int | None = None
    difficulty: tuple[str, ...] = ()

    def run(self) -> None:
        """Play until the end of an episode, or until the person quits."""
        from etude_gym.play import parse_difficulty, play

        play(self.env, seed=self.seed, difficulty=parse_difficulty(self.difficulty), console=console)


@dataclass(frozen=True)
class Practice:
    """Practice: every arm (a way to choose tasks) on every seed, then compare how fast they learned.

    Writes one folder for each run, TensorBoard files among them, shows progress, prints the comparison
    and draws it. Ctrl-C saves every run and leaves; go on with `etude practice --resume FOLDER`, also
    after a crash.

    Args:
        env: id of the environment; `module:Id-v0` imports the module first.
        preset: `quick` takes minutes, `full` is for results to be reported.
        agent: the learner: `sb3` (MaskablePPO), or `module:Class` of your own.
        arms: task samplers to compare; `static` is the reference of Practice Efficiency.
        seeds: seeds of each arm.
        first_seed: the first of them.
        horizon: training compute of each run in FLOPs; by default the one shipped with the recipe.
        items: anchor tasks per cell (family x band) and checkpoint.
        workers: runs side by side; by default one for each core.
        out: folder of the experiment; by default runs/ENV-TIME.
        resume: folder of an experiment to go on with; everything else is read from there.
    """

    env: tyro.conf.Positional[str] = "EtudePlan-v0"
    preset: Literal["quick", "full"] = "full"
    agent: str = "sb3"
    arms: tuple[str, ...] | None = None
    seeds: int | None = None
    first_seed: int = 0
    horizon: float | None = None
    items: int | None = None
    workers: int | None = None
    out: Path | None = None
    resume: Path | None = None

    def run(self) -> None:
        """Run the experiment to its end and show what came out."""
        from etude_gym.progress import practice_with_progress

        experiment = self._experiment()
        console.print(f"Experiment in [bold]{experiment.folder}[/bold]; watch it: "
                      f"tensorboard --logdir {experiment.folder}", soft_wrap=True)  # fmt: skip
        if not practice_with_progress(experiment, self.workers, console):
            console.print(f"Stopped. Go on with: etude practice --resume {experiment.folder}", soft_wrap=True)
            raise SystemExit(130)
        _show([experiment.folder], experiment.folder)

    def _experiment(self) -> Any:
        from etude_gym.experiment import Experiment, ExperimentConfig, timestamp

        if self.resume is not None:
            experiment = Experiment(self.resume)
            experiment.run_folders()
            return experiment
        preset = PRESETS[self.preset]
        config = ExperimentConfig(
            env_id=self.env,
            agent=self.agent,
            arms=self.arms if self.arms is not None else preset["arms"],
            seeds=self.seeds if self.seeds is not None else preset["seeds"],
            first_seed=self.first_seed,
            horizon=self.horizon,
            items=self.items if self.items is not None else preset["items"],
        )
        folder = self.out or Path("runs") / f"{self.env.rpartition(':')[2]}-{timestamp()}"
        with console.status("Preparing: compiling kernels if needed, measuring the random agent ..."):
            return Experiment.create(folder, config)


@dataclass(frozen=True)
class Compare:
    """Compare finished runs: Practice Efficiency, milestones, intervals, and a picture.

    Args:
        runs: folders of runs, or of experiments.
        reference: the arm that Practice Efficiency is relative to.
        out: folder for the picture and the results; by default the first of the given folders.
    """

    runs: tyro.conf.Positional[tuple[Path, ...]]
    reference: str = "static"
    out: Path | None = None

    def run(self) -> None:
        """Print tables, draw the picture, write the results."""
        if not self.runs:
            raise ValueError("Name at least one folder: etude compare runs/EXPERIMENT")
        _show(self.runs, self.out or self.runs[0], self.reference)


@dataclass(frozen=True)
class Check:
    """Check an environment, also one of your own: determinism, masks, splits, oracle, chance, and more.

    Args:
        env: id of the environment; `module:Id-v0` imports the module first.
        tasks: how many tasks the statistical checks draw.
        names: only these checks.
    """

    env: tyro.conf.Positional[str] = "EtudePlan-v0"
    tasks: int = 2000
    names: tuple[str, ...] | None = None

    def run(self) -> None:
        """Print one line for each check; exit with 1 if one fails."""
        from etude_gym.conformance import run_checks

        failed = 0
        for result in run_checks(self.env, tasks=self.tasks, names=self.names):
            failed += not result.passed
            mark = "[green]passed[/green]" if result.passed else "[red]FAILED[/red]"
            console.print(
                f"{mark} {result.name:<40} {result.seconds:6.1f} s  {result.detail}", highlight=False
            )
        if failed:
            raise SystemExit(1)


Command = (
    Annotated[List, tyro.conf.subcommand("list")]
    | Annotated[Play, tyro.conf.subcommand("play")]
    | Annotated[Practice, tyro.conf.subcommand("practice")]
    | Annotated[Compare, tyro.conf.subcommand("compare")]
    | Annotated[Check, tyro.conf.subcommand("check")]
)


def _show(paths: Sequence[Path], out: Path, reference: str = "static") -> None:
    """Compare runs: print the tables, draw the picture, write the results, tell TensorBoard."""
    from etude_gym.comparison import compare, write_hyperparameters
    from etude_gym.errors import MissingExtra
    from etude_gym.plots import draw_comparison
    from etude_gym.run import write_json
    from etude_gym.tables import all_tables

    comparison = compare(paths, reference)
    for table in all_tables(comparison):
        console.print(table)
    write_json(out / RESULTS, comparison.to_json())
    write_hyperparameters(comparison)
    try:
        draw_comparison(comparison, out / PICTURE)
        console.print(f"Picture: {out / PICTURE}   results: {out / RESULTS}", soft_wrap=True)
    except MissingExtra as missing:
        console.print(str(missing), markup=False)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the ``etude`` command."""
    command: Any = tyro.cli(
        Command,  # type: ignore[arg-type]
        prog="etude",
        description="Practice agents on generated tasks and measure how fast they learn per unit of compute.",
        args=arguments,
    )
    try:
        command.run()
    except (ValueError, FileExistsError, RuntimeError, ImportError) as error:
        console.print(f"[red]etude:[/red] {error}", highlight=False, soft_wrap=True)
        raise SystemExit(2) from error
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main(sys.argv[1:])
