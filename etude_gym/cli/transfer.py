"""``etude transfer``: an experiment that confirms or refutes a prerequisite."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.table import Table

from etude_gym.cli.terminal import console, say, shown

if TYPE_CHECKING:
    from etude_gym.measure.transfer import Ratio
    from etude_gym.runs.transfer import TransferExperiment


@dataclass(frozen=True)
class Transfer:
    """Test by an experiment whether one skill is a prerequisite of another.

    Agents practice skill A, or a placebo as easy as A, or nothing, and then B; and in reverse. The compute
    spent on A is charged. Confirmed is what has a 95% interval below 1 and saves more than the reverse.

    Args:
        env: id of the environment; left out with `--resume`.
        skills: A and B, as `etude list ID` names them.
        placebo: a skill as easy as A that B does not need; `etude prerequisites` names some.
        agent: the learner.
        seeds: how many.
        first_seed: the first of them.
        share: of the horizon that A, B or the placebo is practiced before.
        horizon: compute of the practice that follows.
        items: anchor tasks per cell and checkpoint.
        workers: runs side by side.
        out: folder of the experiment.
        resume: folder of one to go on with; everything else is read from there.
    """

    env: tyro.conf.Positional[Annotated[str, shown("[ID]")]] = ""
    skills: tyro.conf.Positional[Annotated[tuple[str, ...], shown("A B", "two names of skills")]] = ()
    placebo: Annotated[str, shown("SKILL")] = ""
    agent: Annotated[str, shown("NAME")] = "sb3"
    seeds: Annotated[int, shown("N")] = 16
    first_seed: Annotated[int, shown("N")] = 0
    share: Annotated[float, shown("SHARE")] = 0.25
    horizon: Annotated[float | None, shown("COMPUTE", "default: the recipe's")] = None
    items: Annotated[int, shown("N")] = 200
    workers: Annotated[int | None, shown("N", "default: one for each core")] = None
    out: Annotated[Path | None, shown("FOLDER", "default: runs/transfer-ID-TIME")] = None
    resume: Annotated[Path | None, shown("FOLDER", "default: start a new one")] = None

    def run(self) -> None:
        """Run the experiment to its end; print ratios and verdict."""
        from etude_gym.cli.progress import practice_with_progress

        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers must be at least 1, got {self.workers}.")
        transfer = self._experiment()
        config = transfer.config
        go_on = f"Go on with: etude transfer --resume {shlex.quote(str(transfer.folder))}"
        say(f"{config.first} -> {config.second}, placebo {config.placebo}, in {transfer.folder}")
        try:
            finished = transfer.practice(lambda each: practice_with_progress(each, self.workers, console))
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{go_on}") from error
        if not finished:
            say(f"Stopped; every run is saved. {go_on}")
            raise SystemExit(130)
        found = transfer.result()
        table = Table("compute up to", "after", "relative to", "ratio", "95% interval")
        for first, second, each in (
            (config.first, config.second, found.forward),
            (config.second, config.first, found.reverse),
        ):
            table.add_row(second, first, f"after {config.placebo}", *_cells(each.against_placebo))
            table.add_row(second, first, "alone", *_cells(each.against_none))
        table.add_row("forward", "", "reverse", *_cells(found.against_reverse))
        console.print(table)
        say(f"{found.verdict}: {found.reason}.")

    def _experiment(self) -> TransferExperiment:
        from etude_gym.runs.folder import timestamp
        from etude_gym.runs.transfer import TransferConfig, TransferExperiment

        if self.resume is not None:
            if self.env or self.skills or self.placebo:
                raise ValueError(
                    "--resume reads everything from the folder: leave out ID, skills and placebo."
                )
            return TransferExperiment(self.resume)
        if not self.env or len(self.skills) != 2 or not self.placebo:
            raise ValueError(
                "Name an environment, two skills and a placebo, such as: etude transfer EtudePlan-v0 "
                "'tight budgets' 'mishaps on a tight budget' --placebo 'long plans'"
            )
        first, second = self.skills
        config = TransferConfig(
            self.env,
            first,
            second,
            self.placebo,
            self.agent,
            self.seeds,
            self.first_seed,
            self.share,
            self.horizon,
            self.items,
        )
        folder = self.out or Path("runs") / f"transfer-{self.env.rpartition(':')[2]}-{timestamp()}"
        return TransferExperiment.create(folder, config)


def _cells(ratio: Ratio) -> tuple[str, str]:
    return f"{ratio.value:.3f}", f"{ratio.low:.3f} to {ratio.high:.3f}"
