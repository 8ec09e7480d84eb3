"""Verification of a submission: every rule is checked, checkpoints are scored again, practice is repeated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from etude_gym.measure.compute import ComputeMeter
from etude_gym.measure.curves import LearningCurve
from etude_gym.runs import evidence
from etude_gym.runs.config import RunConfig
from etude_gym.runs.entries import DomainEntry, Entry, cells_of_entry, mean_scores
from etude_gym.runs.finished import load_run
from etude_gym.runs.folder import COMPUTE, IncompleteRun, read_json, versions
from etude_gym.runs.repetition import exceeds, practiced_again
from etude_gym.runs.rules import (
    RULES,
    Refused,
    check_code,
    check_options,
    check_start,
    check_suite,
    read_configs,
)
from etude_gym.runs.scored_curves import (
    curves_differ,
    is_scored,
    keeps_calls,
    read_scored,
    read_summary,
    scored_curve,
)
from etude_gym.runs.submission import RUNS, Submission, scored_salt


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        check: its name.
        passed: whether the submission keeps the rule.
        detail: what was found, or why it is refused.
    """

    check: str
    passed: bool
    detail: str


@dataclass
class Verification:
    """A submission under verification.

    Args:
        folder: of the submission.
        commitment: that was published; None leaves it unchecked.
        public_value: that was published after it; None leaves the submission at the tier "reported".
        trusted: agents and environments of the submitter whose code was read.
        repeat: whether to practice again, with fresh seeds.
        on_check: told the name of what is checked next.

    Attributes:
        findings: of the checks so far; the last one has not passed if the submission is refused.
        curves: of every run: scored again if there is a public value, else as reported.
    """

    folder: Path
    commitment: str | None = None
    public_value: str | None = None
    trusted: Sequence[str] = ()
    repeat: bool = False
    on_check: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        self.folder = Path(self.folder)
        if self.repeat and self.public_value is None:
            raise ValueError("Seeds of a repetition follow from the public value: give --public-value too.")
        self.findings: list[Finding] = []
        self.curves: dict[str, LearningCurve] = {}
        self.submission = Submission.read(self.folder)
        self.configs: dict[str, RunConfig] = {}

    @property
    def tier(self) -> str | None:
        """How far the submission was checked; None if it is refused."""
        if not all(finding.passed for finding in self.findings):
            return None
        if self.public_value is None:
            return "reported"
        return "reproduced" if self.repeat else "re-scored"

    @property
    def salt(self) -> int | None:
        """Of the scored anchor tasks; None without a public value."""
        return (
            None if self.public_value is None else scored_salt(self.submission.commitment, self.public_value)
        )

    def run(self) -> str | None:
        """Carry out the checks until one refuses the submission.

        Returns:
            The tier, or None.
        """
        for name, check in self._checks().items():
            self.on_check(name)
            try:
                self.findings.append(Finding(name, True, check()))
            except Refused as refusal:
                self.findings.append(Finding(refusal.check, False, refusal.reason))
                break
            except (IncompleteRun, KeyError, TypeError) as error:
                self.findings.append(Finding(name, False, f"damaged: {error}"))
                break
            except RuntimeError as error:  # an endpoint would have to be asked
                self.findings.append(
                    Finding(name, False, f"a reply is missing in a record of calls: {error}")
                )
                break
        return self.tier

    def _checks(self) -> dict[str, Callable[[], str]]:
        """The checks by name; each may rely on those before it."""
        checks: dict[str, Callable[[], str]] = {
            "files": lambda: evidence.check_files(self.folder),
            "commitment": lambda: evidence.check_commitment(self.folder, self.submission, self.commitment),
            "runs": self._read_runs,
            "suite": lambda: check_suite(self.submission),
            "start": lambda: check_start(self.folder, self.submission, self.configs),
            "code": lambda: check_code(self.configs, self.trusted),
        }
        for name, rule in RULES.items():
            checks[name] = lambda rule=rule: rule(self.configs)  # type: ignore[misc]
        checks |= {
            "options": lambda: check_options(self.folder, self.submission),
            "checkpoints": lambda: self._each(evidence.check_checkpoints),
            "answers": lambda: self._each(evidence.check_answers),
            "ledger": lambda: self._each(evidence.check_ledger),
            "curve": lambda: self._each(evidence.check_curve),
        }
        if self.public_value is not None:
            checks |= {"salt": self._check_salt, "scored curve": self._score}
        if self.repeat:
            checks["repetition"] = self._repeat
        return checks

    def _read_runs(self) -> str:
        self.configs = read_configs(self.folder, self.submission)
        self.curves = {name: load_run(self.folder / RUNS / name).curve for name in self.configs}
        return f"{len(self.configs)} finished runs"

    def _each(self, check: Callable[[Path, RunConfig], str]) -> str:
        """The same check of every run; what it found in the last one."""
        found = ""
        for name, config in self.configs.items():
            try:
                found = check(self.folder / RUNS / name, config)
            except Refused as refusal:
                raise Refused(refusal.check, f"{name}: {refusal.reason}") from refusal
        return found

    def _check_salt(self) -> str:
        assert self.public_value is not None
        if not is_scored(self.folder):
            asked = [name for name, config in self.configs.items() if keeps_calls(config)]
            if asked:
                raise Refused(
                    "salt",
                    f"{asked[0]} answers through an endpoint, and holds no answers to these anchor tasks: "
                    f"etude submit {self.folder} --public-value VALUE",
                )
            return "follows from the commitment and the public value"
        value, salt = read_summary(self.folder)
        if value != self.public_value.strip().lower():
            raise Refused(
                "salt", f"its curves were scored with the public value {value}, not with the given one"
            )
        if salt != self.salt:
            raise Refused("salt", "its curves were scored with a salt of its own")
        return "follows from the commitment and the public value"

    def _score(self) -> str:
        assert self.salt is not None
        for name in self.configs:
            self.curves[name] = scored_curve(self.folder, name, self.salt)
            if not is_scored(self.folder):
                continue
            if different := curves_differ(self.curves[name], read_scored(self.folder, name)):
                raise Refused("scored curve", f"{name}: {different}")
        return "scored here on anchor tasks that nobody could choose"

    def _repeat(self) -> str:
        assert self.salt is not None
        told = []
        for env_id, names in self._by_environment().items():
            config = self.configs[names[0]]
            if keeps_calls(config):
                raise Refused("repetition", f"{config.agent!r} needs its endpoint to practice again")
            again = practiced_again(self.folder / RUNS / names[0], self.salt, self.on_check)
            by, low, high = exceeds([self.curves[name] for name in names], again, config.horizon)
            interval = f"{by:+.3f} [{low:+.3f}, {high:+.3f}]"
            if low > 0:
                raise Refused("repetition", f"{env_id}: areas exceed those of fresh seeds by {interval}")
            told.append(f"{env_id}: {interval}")
        return "areas beside those of fresh seeds: " + "; ".join(told)

    def _by_environment(self) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        for name, config in sorted(self.configs.items(), key=lambda item: (item[1].env_id, item[1].seed)):
            names.setdefault(config.env_id, []).append(name)
        return names

    def entry(self) -> Entry:
        """What the leaderboard shows of a submission that is not refused.

        Raises:
            ValueError: if it is refused, or was not checked.
        """
        if self.tier is None or not self.findings:
            raise ValueError(f"{self.folder} is refused, or not checked: it makes no entry.")
        domains = {env_id: self._domain(names) for env_id, names in self._by_environment().items()}
        return Entry(
            name=self.submission.name,
            tier=self.tier,
            suite_version=self.submission.suite_version,
            domains=domains,
            commitment=self.submission.commitment,
            public_value="" if self.public_value is None else self.public_value.strip().lower(),
            salt=self.salt,
            lineage=self.submission.lineage,
            outside=self.submission.outside,
            versions=versions(),
        )

    def _domain(self, names: list[str]) -> DomainEntry:
        configs = [self.configs[name] for name in names]
        ledgers = [
            ComputeMeter.from_state(read_json(self.folder / RUNS / name / COMPUTE)).state_dict()
            for name in names
        ]
        first = configs[0]
        return DomainEntry(
            agent=first.agent,
            arm=first.arm,
            unit=first.unit,
            horizon=first.horizon,
            seeds=tuple(config.seed for config in configs),
            cells=cells_of_entry(self.curves[names[0]]),
            curves=tuple(mean_scores(self.curves[name]) for name in names),
            options=self.submission.options.get(first.env_id, {}),
            ledger={
                line: {
                    unit: float(np.mean([ledger[line][unit] for ledger in ledgers]))
                    for unit, amount in amounts.items()
                    if any(ledger[line][unit] for ledger in ledgers)
                }
                for line, amounts in ledgers[0].items()
            },
            calibration=first.calibration,
            interface=first.interface,
        )
