"""The command line: ``etude COMMAND``; ``COMMANDS`` names them all."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import gymnasium
import tyro
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from etude_gym.cli.about import PURPOSE, overview, version_block
from etude_gym.cli.evaluating import Evaluate
from etude_gym.cli.export import Export
from etude_gym.cli.models import Ask, Curve
from etude_gym.cli.new_domain import NewDomain
from etude_gym.cli.panel import Calibrate, Panel
from etude_gym.cli.pilot import Pilot
from etude_gym.cli.practicing import Practice
from etude_gym.cli.prerequisites import Prerequisites
from etude_gym.cli.profile import Profile
from etude_gym.cli.publishing import Leaderboard, Submit, Verify
from etude_gym.cli.ratings import Ratings
from etude_gym.cli.reporting import Report
from etude_gym.cli.results import show_results
from etude_gym.cli.serving import Serve
from etude_gym.cli.terminal import console, leave_broken_pipe, prepare_terminal, say, shown
from etude_gym.cli.transfer import Transfer
from etude_gym.cli.watch import Watch
from etude_gym.conformance import CheckResult
from etude_gym.errors import check_name

errors = Console(stderr=True)


@dataclass(frozen=True)
class List:
    """Show the environments there are, or one of them in detail.

    For example:
      etude list EtudeLogic-v0

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

    For example:
      etude play EtudeLogic-v0 --seed 3 --difficulty chain=0.2

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
class Compare:
    """Compare finished runs: Practice Efficiency, milestones, intervals, and a picture.

    Any runs of one environment can be compared, of several agents, options, days and machines. What has to
    agree is checked; what else differs is shown. An arm is what is compared.

    Args:
        runs: folders of runs, or of experiments. NAME=FOLDER names the arm, or what the names of its arms
            begin with.
        reference: the arm that Practice Efficiency is relative to.
        by: what an arm is, `agent`, `arm` (the task sampler) or an option such as `option:network`.
        out: folder for the picture and the results.
    """

    runs: tyro.conf.Positional[Annotated[tuple[str, ...], shown("[NAME=]FOLDER ...", "at least one")]] = ()
    reference: Annotated[
        str | None, shown("ARM", "default: the first that practices `static`, or the first there is")
    ] = None
    by: Annotated[str | None, shown("WHAT", "default: all that tells runs apart")] = None
    out: Annotated[Path | None, shown("FOLDER", "default: the first of the given folders")] = None

    def run(self) -> None:
        """Print tables, draw the picture, write the results."""
        from etude_gym.report.methods import Source

        if not self.runs:
            raise ValueError("Name at least one folder: etude compare runs/EXPERIMENT")
        sources = [Source.parse(text) for text in self.runs]
        show_results(sources, self.out or sources[0].folder, self.reference, self.by)


@dataclass(frozen=True)
class Check:
    """Check an environment, also one of your own: determinism, masks, splits, oracle, chance, and more.

    For example:
      etude check my_package.my_module:MyDomain-v0 --names oracle_solves masks_are_sound

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
    "evaluate": Evaluate,
    "practice": Practice,
    "compare": Compare,
    "pilot": Pilot,
    "profile": Profile,
    "watch": Watch,
    "report": Report,
    "panel": Panel,
    "calibrate": Calibrate,
    "prerequisites": Prerequisites,
    "transfer": Transfer,
    "check": Check,
    "new-domain": NewDomain,
    "ask": Ask,
    "curve": Curve,
    "export": Export,
    "serve": Serve,
    "ratings": Ratings,
    "submit": Submit,
    "verify": Verify,
    "leaderboard": Leaderboard,
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
        try:
            _carry_out(arguments)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # after help as well, which exits
    except BrokenPipeError:
        leave_broken_pipe()
    except (ValueError, OSError, ImportError, gymnasium.error.Error) as error:
        _fail(error, 2)
    except RuntimeError as error:
        _fail(error, 1)
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _carry_out(arguments: list[str]) -> None:
    if arguments == ["--version"]:
        return say(version_block())
    if arguments in (["--help"], ["-h"]):
        return console.print(overview(COMMANDS))
    if arguments and not arguments[0].startswith("-"):
        check_name("command", arguments[0], COMMANDS)
    command = tyro.extras.subcommand_cli_from_dict(
        COMMANDS,
        prog="etude",
        description=PURPOSE,
        args=arguments,
        config=(tyro.conf.DisallowNone,),
    )
    command.run()


def _fail(error: Exception, code: int) -> None:
    errors.print(f"[red]etude:[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
    raise SystemExit(code) from error
