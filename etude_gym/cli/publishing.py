"""``etude submit``, ``etude verify`` and ``etude leaderboard``: results that others can check."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.text import Text

from etude_gym.cli.terminal import console, say, shown
from etude_gym.runs.submission import Lineage


@dataclass(frozen=True)
class Submit:
    """Pack finished runs of one method, so that others can check and score them: a submission.

    Publish the commitment that is printed. Once the public value is there that the rules name, a language
    model answers the scored anchor tasks: `etude submit FOLDER --public-value VALUE`. The rules are in
    docs/leaderboard.md.

    Args:
        runs: folders of runs, or the folder of an arm; with --public-value the folder of a submission.
        out: folder of the submission.
        name: under which it is shown.
        outside: practice that the ledger does not hold, such as tasks of this suite seen in pretraining.
        family: of models that are followed over time.
        version: of the model in its family.
        parent: version that the model was made from.
        pretraining_flops: compute that went into the model before practice.
        public_value: published after the commitment: score the checkpoints of a submission.
    """

    runs: tyro.conf.Positional[Annotated[tuple[Path, ...], shown("FOLDER ...", "at least one")]] = ()
    out: Annotated[Path | None, shown("FOLDER", "required to pack"), tyro.conf.arg(aliases=["-o"])] = None
    name: Annotated[str, shown("NAME", "required to pack")] = ""
    outside: Annotated[str, shown("TEXT", "default: none")] = ""
    family: Annotated[str, shown("NAME", "default: not followed")] = ""
    version: Annotated[str, shown("NAME", "required with --family")] = ""
    parent: Annotated[str, shown("NAME", "default: the first version")] = ""
    pretraining_flops: Annotated[float, shown("FLOPS")] = 0.0
    public_value: Annotated[str | None, shown("HEX", "default: pack runs")] = None

    def run(self) -> None:
        """Pack runs, or score the checkpoints of a submission."""
        if not self.runs:
            raise ValueError(
                "Name at least one folder: etude submit runs/EXPERIMENT/adaptive -o FOLDER --name NAME"
            )
        if self.public_value is not None:
            self._score(self.public_value)
        else:
            self._pack()

    def _score(self, public_value: str) -> None:
        from etude_gym.runs.scored_curves import score

        if len(self.runs) > 1 or self.out is not None:
            raise ValueError("--public-value scores one submission: give its folder alone.")
        with console.status("Scoring ...") as status:
            score(self.runs[0], public_value, lambda name: status.update(f"Scoring {name} ..."))
        say(f"Scored. Check it: etude verify {self.runs[0]} --public-value {public_value}")

    def _pack(self) -> None:
        from etude_gym.runs.submission import pack

        if self.out is None:
            raise ValueError("Name the folder of the submission: -o FOLDER")
        submission = pack(self.runs, self.out, self.name, lineage=self._lineage(), outside=self.outside)
        say(f"{len(submission.runs)} runs in {self.out}. Check them first: etude verify {self.out}")
        say(f"Then publish the commitment: {submission.commitment}")

    def _lineage(self) -> Lineage | None:
        if self.family:
            return Lineage(self.family, self.version, self.parent, self.pretraining_flops)
        if self.version or self.parent or self.pretraining_flops:
            raise ValueError("A lineage needs the name of its family of models: --family NAME")
        return None


@dataclass(frozen=True)
class Verify:
    """Check a submission: files, seeds, horizon, options, ledger; score its checkpoints again.

    Nothing of the submitter's is executed, and no endpoint is asked. With the public value, the checkpoints
    are scored on anchor tasks that follow from it: the tier "re-scored". Exits with 1 if a rule is broken.

    Args:
        folder: of the submission.
        commitment: that was published, to be compared.
        public_value: published after the commitment, as the rules name it.
        trust: agents and environments of the submitter's, as `module:Class`, whose code was read.
        repeat: practice again with fresh seeds: the tier "reproduced".
        out: folder of entries, for `etude leaderboard`.
    """

    folder: tyro.conf.Positional[Annotated[Path, shown("FOLDER")]]
    commitment: Annotated[str | None, shown("HEX", "default: not compared")] = None
    public_value: Annotated[str | None, shown("HEX", "default: not scored again on fresh tasks")] = None
    trust: Annotated[tuple[str, ...], shown("NAME ...", "default: none")] = ()
    repeat: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    out: Annotated[Path | None, shown("FOLDER", "default: none"), tyro.conf.arg(aliases=["-o"])] = None

    def run(self) -> None:
        """Print one line for each check, and the tier."""
        from etude_gym.runs.verification import Verification

        with console.status("Checking ...") as status:
            verification = Verification(
                self.folder,
                self.commitment,
                self.public_value,
                self.trust,
                self.repeat,
                lambda name: status.update(f"Checking: {name} ..."),
            )
            tier = verification.run()
        for finding in verification.findings:
            verdict = Text("kept   ", "green") if finding.passed else Text("REFUSED", "bold red")
            console.print(verdict, Text(f"{finding.check}: {finding.detail}"), soft_wrap=True)
        if tier is None:
            raise RuntimeError(f"{self.folder} is refused: {verification.findings[-1].check}.")
        say(f"{verification.submission.name}: {tier}.")
        if self.out is not None:
            path = self.out / f"{verification.submission.commitment[:16]}.json"
            verification.entry().write(path)
            say(f"Entry: {path}")


@dataclass(frozen=True)
class Leaderboard:
    """Write the leaderboard as static pages, beside CSV and JSON: entries of `etude verify -o`.

    The project's own reference runs are always on it.

    Args:
        entries: folders of entries.
        out: folder of the pages.
    """

    entries: tyro.conf.Positional[Annotated[tuple[Path, ...], shown("FOLDER ...", "default: none")]] = ()
    out: Annotated[Path, shown("FOLDER"), tyro.conf.arg(aliases=["-o"])] = Path("site")

    def run(self) -> None:
        """Write the pages."""
        from etude_gym.report.leaderboard import write_site

        for path in write_site(self.entries, self.out):
            say(f"Written: {path}")
