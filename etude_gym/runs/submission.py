"""A submission: finished runs of one method, packed so that a stranger can check and score them again.

The folder holds ``submission.json``, the runs below ``runs/`` (records, the ledger and one network or memory
for each checkpoint; no event files, no state of the optimizer, no pickle) and, once the public value is
known, scores on anchor tasks that nobody chose below ``scored/``. docs/leaderboard.md has the rules.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from etude_gym.practice.strategies import parse_arm
from etude_gym.randomness import mix
from etude_gym.runs.agents import load_recipe
from etude_gym.runs.config import RunConfig
from etude_gym.runs.finished import find_runs
from etude_gym.runs.folder import (
    ANSWERS,
    CALLS,
    CHECKPOINTS,
    COMPUTE,
    CONFIG,
    CURVE,
    PRACTICE,
    RECORD,
    START,
    IncompleteRun,
    Run,
    read_json,
    write_json,
)
from etude_gym.tasks.keys import SUITE_VERSION

MANIFEST = "submission.json"
RUNS = "runs"
SCORED = "scored"
FORMAT = 1
"""Version of the format."""

SEEDS = tuple(range(100, 105))
"""The seeds of scored runs, assigned to everybody alike."""
SCORED_ITEMS = {"actions": 100, "text": 8}
"""Anchor tasks per cell and checkpoint in scored curves, by interface: replies in text are paid for."""
LEAST_PUBLIC = 32
"""Hexadecimal digits of a public value, at least: nobody can try out so many."""

RECORDS = (CONFIG, CURVE, ANSWERS, PRACTICE, COMPUTE, RECORD, CALLS)
"""Files of a run that a submission holds, beside its checkpoints; the last one of language models alone."""


@dataclass(frozen=True)
class Lineage:
    """Where a model stands among its relatives.

    Attributes:
        family: of models that are followed over time.
        version: of this one.
        parent: version that it was made from; empty for the first.
        pretraining_flops: compute that went into it before practice began.
    """

    family: str
    version: str
    parent: str = ""
    pretraining_flops: float = 0.0

    def __post_init__(self) -> None:
        for name in ("family", "version"):
            if not getattr(self, name).strip():
                raise ValueError(f"A lineage needs a {name}: --family NAME --version NAME")
        if not 0 <= self.pretraining_flops < float("inf"):
            raise ValueError(
                f"pretraining_flops must be a number that is not negative, got {self.pretraining_flops!r}."
            )


@dataclass(frozen=True)
class Submission:
    """What ``submission.json`` says.

    Attributes:
        name: under which it is shown.
        runs: names of its runs, "ID/seed_N".
        options: by environment, what differs from the recipe.
        files: SHA-256 of every file below ``runs/``, by its path.
        lineage: of the model; None for one that is not followed.
        outside: practice that the ledger does not hold, in the submitter's words; empty if there was none.
        suite_version: of the tasks.
        format: version of the format.
    """

    name: str
    runs: tuple[str, ...]
    options: Mapping[str, Mapping[str, Any]]
    files: Mapping[str, str]
    lineage: Lineage | None = None
    outside: str = ""
    suite_version: int = SUITE_VERSION
    format: int = field(default=FORMAT)

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError("A submission needs a name: --name NAME")

    @property
    def commitment(self) -> str:
        """SHA-256 of everything that is submitted, checkpoints included: 64 hexadecimal digits."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @classmethod
    def read(cls, folder: Path) -> Submission:
        """Read a submission's manifest.

        Args:
            folder: of the submission.

        Raises:
            IncompleteRun: if there is none, or it is not one.
        """
        path = Path(folder) / MANIFEST
        stored = read_json(path)
        try:
            lineage = stored["lineage"]
            return cls(
                **{
                    **stored,
                    "runs": tuple(stored["runs"]),
                    "lineage": None if lineage is None else Lineage(**lineage),
                }
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise IncompleteRun(f"{path} is not the manifest of a submission ({error}).") from error


def pack(
    paths: Sequence[Path],
    folder: Path,
    name: str,
    *,
    lineage: Lineage | None = None,
    outside: str = "",
) -> Submission:
    """Pack finished runs of one method.

    Args:
        paths: folders of runs, or folders that hold them.
        folder: of the submission, which must not exist; it is made whole or not at all.
        name: under which it is shown.
        lineage: of the model.
        outside: practice that the ledger does not hold.

    Raises:
        FileExistsError: if the folder exists.
        IncompleteRun: if a run is not finished, or lacks networks or answers.
        ValueError: for two runs of one environment and seed.
    """
    folder = Path(folder)
    if folder.exists():
        raise FileExistsError(f"{folder} exists already. Give the submission another folder.")
    sources = _named(paths)
    temporary = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        for run_name, source in sources.items():
            _copy_run(source, temporary / RUNS / run_name)
        submission = Submission(
            name, tuple(sources), declared_options(sources.values()), digests(temporary), lineage, outside
        )
        write_json(temporary / MANIFEST, asdict(submission))
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return submission


def _named(paths: Sequence[Path]) -> dict[str, Path]:
    """The runs by the names that they have in a submission, by environment and seed."""
    named: dict[str, Path] = {}
    for source in find_runs(paths):
        name = run_name(config := RunConfig.read(source))
        if name in named:
            raise ValueError(
                f"{named[name]} and {source} are both {config.env_id} with seed {config.seed}. A submission "
                "is one method: give the folder of one arm, such as runs/EXPERIMENT/adaptive."
            )
        named[name] = source
    return dict(sorted(named.items()))


def run_name(config: RunConfig) -> str:
    """What a run is called in a submission.

    Args:
        config: of the run.
    """
    return f"{config.env_id.rpartition(':')[2]}/seed_{config.seed}"


def _copy_run(source: Path, target: Path) -> None:
    run = Run(source)
    if not run.finished:
        raise IncompleteRun(f"{source} is not finished. Continue it: etude practice --resume.")
    scored = [int(record["index"]) for record in run.read(CURVE)]
    if scored != list(run.networks) or not (source / ANSWERS).exists():
        raise IncompleteRun(
            f"{source} lacks a network for each point of its curve, or {ANSWERS}: it is damaged, or older "
            "than what a submission takes. Practice it anew."
        )
    (target / CHECKPOINTS).mkdir(parents=True)
    for name in RECORDS:
        if (source / name).exists():
            shutil.copyfile(source / name, target / name)
    for name in (*run.networks.values(), START):
        if (source / CHECKPOINTS / name).exists():
            shutil.copyfile(source / CHECKPOINTS / name, target / CHECKPOINTS / name)


def declared_options(folders: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """By environment, what runs have that their agent's recipe does not.

    Args:
        folders: of runs.

    Raises:
        ValueError: if runs of one environment differ.
    """
    declared: dict[str, dict[str, Any]] = {}
    for folder in folders:
        config = RunConfig.read(folder)
        differing = _differing(config)
        if declared.setdefault(config.env_id, differing) != differing:
            raise ValueError(f"{folder} has other options than runs of {config.env_id} beside it.")
    return declared


def _differing(config: RunConfig) -> dict[str, Any]:
    recipe = load_recipe(config.agent, config.env_id)
    samplers = recipe.samplers.get(parse_arm(config.arm)[0].name, {})
    expected = _plain({"num_envs": recipe.num_envs, "sampler": samplers, **recipe.options})
    found = _plain({"num_envs": config.num_envs, "sampler": config.sampler_options, **config.options})
    found.pop("resources", None)
    return {name: found.get(name) for name in {**found, **expected} if found.get(name) != expected.get(name)}


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """As they come out of a file: lists in place of tuples."""
    plain: dict[str, Any] = json.loads(json.dumps(options))
    return plain


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below ``runs/`` of a submission, by its path in it.

    Args:
        folder: of the submission.
    """
    paths = sorted(path for path in (folder / RUNS).rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths
    }


def scored_salt(commitment: str, public_value: str) -> int:
    """The secret of the anchor tasks of a scored curve: it follows from what nobody could choose.

    Args:
        commitment: of the submission, published first.
        public_value: published afterwards, as the rules name it: hexadecimal digits.

    Raises:
        ValueError: for a public value that is none.
    """
    value = public_value.strip().lower()
    if len(value) < LEAST_PUBLIC or set(value) - set("0123456789abcdef"):
        raise ValueError(
            f"A public value is a number of at least {LEAST_PUBLIC} hexadecimal digits, such as the "
            f"randomness of a beacon's round or the hash of a commit, got {public_value!r}."
        )
    digest = hashlib.sha256(f"etude-gym scored anchors\n{commitment}\n{value}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def salt_of_run(salt: int, seed: int) -> int:
    """The secret of one run's anchor tasks: another one for each seed.

    Args:
        salt: of the submission.
        seed: of the run.
    """
    return int(mix(salt, seed)[0])
