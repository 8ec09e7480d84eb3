"""The command line: ``etude COMMAND``; ``COMMANDS`` names them all."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import gymnasium
import tyro
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from etude_gym.cli.models import Ask, Curve, Export
from etude_gym.cli.panel import Calibrate, Panel
from etude_gym.cli.prerequisites import Prerequisites
from etude_gym.cli.profile import Profile
from etude_gym.cli.ratings import Ratings
from etude_gym.cli.serving import Serve
from etude_gym.cli.terminal import console, leave_broken_pipe, prepare_terminal, say, shown
from etude_gym.cli.transfer import Transfer
from etude_gym.conformance import CheckResult
from etude_gym.errors import MissingExtra, check_name
from etude_gym.runs.agents import ONE_PROCESS, Resources

PRESETS: dict[str, dict[str, Any]] = {
    "quick": {"arms": ("static", "uniform", "easy", "schedule", "adaptive"), "seeds": 3, "items": 50},
    "full": {
        "arms": ("static", "uniform", "easy", "schedule", "adaptive", "learnability", "learning_progress"),
        "seeds": 10,
        "items": 200,
    },
}
"""What ``etude practice --preset`` sets: arms, seeds, and anchor tasks per cell and checkpoint."""

DESCRIPTION = """Practice agents on generated tasks; measure how fast they learn per unit of compute.

First steps: etude list, etude play, etude practice --preset quick."""

PICTURE = "learning_curves.png"
CONFIDENCE_PICTURE = "confidence.png"
PRACTICE_PICTURE = "practice.png"
RESULTS = "comparison.json"

errors = Console(stderr=True)


def _of_preset(name: str) -> str:
    """What each preset sets an argument to."""
    return "default: " + "; ".join(
        f"{preset}: {' '.join(value) if isinstance(value := values[name], tuple) else value}"
        for preset, values in PRESETS.items()
    )


@dataclass(frozen=True)
class List:
    """Show the environments there are, or one of them in detail.

    Args:
        env: id of an environment to describe: its axes of difficulty, families, observation and actions.
    """

    env: tyro.conf.Positional[Annotated[str | None, shown("[ID]", "default: a table of all")]] = None

    def run(self) -> None:
        """Print the table or the description."""
        from etude_gym.cli.listing import describe_all, describe_one

        console.print(describe_one(self.env) if self.env else describe_all())


@dataclass(frozen=True)
class Play:
    """Play an environment yourself, in the terminal. Type `help` while playing.

    Args:
        env: id of the environment; `module:Id-v0` imports the module first.
        seed: which task.
        difficulty: values in [0, 1] for some or all axes, such as `--difficulty horizon=0.2 resources=0`.
    """

    env: tyro.conf.Positional[Annotated[str, shown("[ID]")]] = "EtudePlan-v0"
    seed: Annotated[int | None, shown("N", "default: another one every time")] = None
    difficulty: Annotated[tuple[str, ...], shown("AXIS=VALUE ...", "default: uniform over all")] = ()

    def run(self) -> None:
        """Play until the end of an episode, or until the person quits."""
        from etude_gym.cli.play import parse_difficulty, play

        play(self.env, seed=self.seed, difficulty=parse_difficulty(self.difficulty), console=console)


@dataclass(frozen=True)
class LanguageModel:
    """A language model, behind an OpenAI-compatible endpoint (`llm`) or on this machine (`llm_finetune`).

    The endpoint's key is read from the environment variable ETUDE_API_KEY or OPENAI_API_KEY.

    Attributes:
        model: its name at the endpoint; a folder or a GGUF file for `llm_finetune`.
        base_url: address of the endpoint.
        parameters: how many it has: compute is counted in FLOPs then, else in tokens.
        concurrency: requests under way at once.
        max_tokens: tokens of a reply, at most.
        examples: worked solutions that its memory shows, at most.
        temperature: of sampling; 0 is greedy.
        deadline: seconds for one request in all, with everything that is tried again.
        timeout: seconds for one attempt.
        tokenizer: `characters` counts four characters as a token, for servers that report no usage.
    """

    model: Annotated[str | None, shown("NAME", "default: none")] = None
    base_url: Annotated[str | None, shown("URL", "default: none")] = None
    parameters: Annotated[float | None, shown("N", "default: not known")] = None
    concurrency: Annotated[int | None, shown("N", "default: 4")] = None
    max_tokens: Annotated[int | None, shown("N", "default: 2048")] = None
    examples: Annotated[int | None, shown("N", "default: 8")] = None
    temperature: Annotated[float | None, shown("T", "default: 0")] = None
    deadline: Annotated[float | None, shown("SECONDS", "default: 600")] = None
    timeout: Annotated[float | None, shown("SECONDS", "default: 120")] = None
    tokenizer: Annotated[str | None, shown("NAME", "default: what the server reports")] = None

    @property
    def options(self) -> dict[str, Any]:
        """Those that were given, as arguments of an agent."""
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True)
class Practice:
    """Let a learner practice in every arm (a way to choose tasks) on every seed; compare how fast it learned.

    Writes one folder for each run, TensorBoard files among them, shows progress, prints the comparison
    and draws it. Ctrl-C saves every run and leaves; go on with `etude practice --resume FOLDER`, also
    after a crash.

    Args:
        env: id of the environment; `module:Id-v0` imports the module first.
        preset: how much to run; `quick` takes minutes, `full` is for results to be reported.
        agent: the learner, by name or as `module:Class` of your own.
        arms: task samplers to compare; `static` is the reference of Practice Efficiency. Options follow a
            name after commas: `schedule,ramp_episodes=5000`, `focus,horizon=0.75-1`.
        seeds: how many seeds each arm gets.
        first_seed: the first of them.
        horizon: training compute of each run.
        items: anchor tasks per cell (family x band) and checkpoint.
        workers: runs side by side.
        out: folder of the experiment.
        resume: folder of an experiment to go on with; everything else is read from there.
        bands: of the anchor tasks: -1 is the entry band below the first one, 0 the easiest, 3 the hardest.
        resources: for `--agent rllib`.
        start: a finished run whose trained agent practices on, or a folder with one of each seed.
        language_model: for `--agent llm` and `--agent llm_finetune`.
    """

    env: tyro.conf.Positional[Annotated[str, shown("[ID]")]] = "EtudePlan-v0"
    preset: Literal["quick", "full"] = "full"
    agent: Annotated[str, shown("NAME", "default: sb3, that is MaskablePPO; rllib for clusters")] = "sb3"
    arms: Annotated[tuple[str, ...], shown("NAME ...", _of_preset("arms"))] = ()
    seeds: Annotated[int | None, shown("N", _of_preset("seeds"))] = None
    first_seed: Annotated[int, shown("N")] = 0
    horizon: Annotated[float | None, shown("FLOPS", "default: shipped with the recipe")] = None
    items: Annotated[int | None, shown("N", _of_preset("items"))] = None
    bands: Annotated[
        tuple[int, ...], shown("N ...", "default: 0 1 2 3, and -1 before them for language models")
    ] = ()
    workers: Annotated[
        int | None, shown("N", "default: one for each core; 1 with env runners, learners or a server")
    ] = None
    out: Annotated[Path | None, shown("FOLDER", "default: runs/ID-TIME")] = None
    resume: Annotated[Path | None, shown("FOLDER", "default: start a new one")] = None
    start: Annotated[Path | None, shown("RUN", "default: an untrained agent")] = None
    resources: Annotated[Resources, tyro.conf.arg(name="")] = ONE_PROCESS
    language_model: Annotated[LanguageModel, tyro.conf.arg(name="")] = LanguageModel()

    def run(self) -> None:
        """Run the experiment to its end and show what came out."""
        from etude_gym.cli.progress import practice_with_progress

        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers must be at least 1, got {self.workers}.")
        experiment = self._experiment()
        folder = shlex.quote(str(experiment.folder))
        say(f"Experiment in {folder}. Watch it: tensorboard --logdir {folder}")
        go_on = f"Go on with: etude practice --resume {folder}"
        try:
            finished = practice_with_progress(experiment, self.workers, console)
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{go_on}") from error
        if not finished:
            say(f"Stopped; every run is saved. {go_on}")
            raise SystemExit(130)
        _show([experiment.folder], experiment.folder)

    def _experiment(self) -> Any:
        from etude_gym.runs.experiment import Experiment, ExperimentConfig
        from etude_gym.runs.folder import timestamp

        if self.resume is not None:
            self._check_nothing_else_is_given()
            experiment = Experiment(self.resume)
            experiment.run_folders()
            return experiment
        preset = PRESETS[self.preset]
        config = ExperimentConfig(
            env_id=self.env,
            agent=self.agent,
            arms=self.arms or preset["arms"],
            seeds=self.seeds if self.seeds is not None else preset["seeds"],
            first_seed=self.first_seed,
            horizon=self.horizon,
            items=self.items if self.items is not None else preset["items"],
            resources=self.resources,
            bands=self.bands or None,
            start=self.start,
            options=self.language_model.options,
        )
        folder = self.out or Path("runs") / f"{self.env.rpartition(':')[2]}-{timestamp()}"
        with console.status("Preparing: compiling kernels if needed, measuring the random agent ..."):
            return Experiment.create(folder, config)

    def _check_nothing_else_is_given(self) -> None:
        given = [f.name for f in fields(self) if f.init and getattr(self, f.name) != f.default]
        given = [name for name in given if name not in ("resources", "language_model")]
        given += list(self.language_model.options)
        given += [f.name for f in fields(Resources) if getattr(self.resources, f.name) != f.default]
        others = [name.replace("_", "-") for name in given if name not in ("resume", "workers")]
        if others:
            raise ValueError(f"--resume reads everything from the folder: leave out {', '.join(others)}.")


@dataclass(frozen=True)
class Compare:
    """Compare finished runs: Practice Efficiency, milestones, intervals, and a picture.

    Args:
        runs: folders of runs, or of experiments.
        reference: the arm that Practice Efficiency is relative to.
        out: folder for the picture and the results.
    """

    runs: tyro.conf.Positional[Annotated[tuple[Path, ...], shown("FOLDER ...", "at least one")]] = ()
    reference: Annotated[str | None, shown("ARM", "default: static, or the first there is")] = None
    out: Annotated[Path | None, shown("FOLDER", "default: the first of the given folders")] = None

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
        tasks: how many tasks the statistical checks draw; a release takes 20000.
        names: only these checks.
    """

    env: tyro.conf.Positional[Annotated[str, shown("[ID]")]] = "EtudePlan-v0"
    tasks: Annotated[int, shown("N")] = 2000
    names: Annotated[tuple[str, ...], shown("NAME ...", "default: all")] = ()

    def run(self) -> None:
        """Print one line for each check; exit with 1 if one fails."""
        from etude_gym.conformance import run_checks

        verdicts: Counter[str] = Counter()
        for result in run_checks(self.env, tasks=self.tasks, names=self.names or None):
            line, verdict = check_line(result)
            verdicts[verdict] += 1
            console.print(line)
        say(f"{self.env}: " + ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items()))
        if verdicts["FAILED"]:
            raise SystemExit(1)


COMMANDS: dict[str, Any] = {
    "list": List,
    "play": Play,
    "practice": Practice,
    "compare": Compare,
    "check": Check,
    "profile": Profile,
    "panel": Panel,
    "calibrate": Calibrate,
    "prerequisites": Prerequisites,
    "transfer": Transfer,
    "ask": Ask,
    "curve": Curve,
    "export": Export,
    "serve": Serve,
    "ratings": Ratings,
}


def check_line(result: CheckResult) -> tuple[Table, str]:
    """The result of one check as a line, and its verdict.

    Args:
        result: of the check.

    Returns:
        The line, and "passed", "skipped" or "FAILED".
    """
    verdict = "skipped" if result.skipped else "passed" if result.passed else "FAILED"
    line = Table.grid(padding=(0, 1))
    for width in (7, 28, 7, None):
        line.add_column(width=width, justify="right" if width == 7 and line.columns[1:] else "left")
    style = {"passed": "green", "skipped": "yellow", "FAILED": "bold red"}[verdict]
    line.add_row(Text(verdict, style), result.name, f"{result.seconds:.1f} s", Text(result.detail))
    return line, verdict


def _show(paths: Sequence[Path], out: Path, reference: str | None = None) -> None:
    """Compare runs: print the tables, write the results, draw the picture, tell TensorBoard."""
    from etude_gym.report.aggregate_tables import aggregate_report
    from etude_gym.report.comparison import compare, write_hyperparameters
    from etude_gym.report.confidence_plots import draw_confidence
    from etude_gym.report.plots import draw_comparison
    from etude_gym.report.practice_plots import draw_practice, telling_arms
    from etude_gym.report.tables import all_tables
    from etude_gym.runs.folder import write_json

    comparison = compare(paths, reference)
    console.print(all_tables(comparison))
    console.print(aggregate_report(comparison))
    write_json(out / RESULTS, comparison.to_json())
    say(f"\nResults: {out / RESULTS}")
    try:
        draw_comparison(comparison, out / PICTURE)
        say(f"Picture: {out / PICTURE}")
        if comparison.reliabilities:
            draw_confidence(comparison, out / CONFIDENCE_PICTURE)
            say(f"Picture: {out / CONFIDENCE_PICTURE}")
        if telling_arms(comparison):
            draw_practice(comparison, out / PRACTICE_PICTURE)
            say(f"Picture: {out / PRACTICE_PICTURE}")
    except MissingExtra as missing:
        say(f"No picture. {missing}")
    write_hyperparameters(comparison)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the ``etude`` command.

    Exits with 1 if a check or a run failed, 2 for wrong input, 130 if interrupted, 141 if whoever read the
    output has gone.

    Args:
        arguments: of the command line, without the program's name; None reads them from ``sys.argv``.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    prepare_terminal(console, errors)
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # for `module:Id-v0` and `module:Class` of one's own
    try:
        if arguments and not arguments[0].startswith("-"):
            check_name("command", arguments[0], COMMANDS)
        command = tyro.extras.subcommand_cli_from_dict(
            COMMANDS,
            prog="etude",
            description=DESCRIPTION,
            args=arguments,
            config=(tyro.conf.DisallowNone,),
        )
        command.run()
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        leave_broken_pipe()
    except (ValueError, OSError, ImportError, gymnasium.error.Error) as error:
        _fail(error, 2)
    except RuntimeError as error:
        _fail(error, 1)
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _fail(error: Exception, code: int) -> None:
    errors.print(f"[red]etude:[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
    raise SystemExit(code) from error
