"""Entries of a leaderboard: what was found when a submission was verified, in one file of plain JSON."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from etude_gym.errors import check_name
from etude_gym.measure.curves import SCORE_DIGITS, CurvePoint, LearningCurve
from etude_gym.measure.linking import LARGEST_STANDARD_ERROR
from etude_gym.runs.folder import IncompleteRun, read_json, write_atomically
from etude_gym.runs.submission import Lineage, scored_salt

TIERS = {
    "reported": "as its submitter wrote it; rules, ledger and answers hold together",
    "re-scored": "its checkpoints were scored again, on anchor tasks that nobody could choose",
    "reproduced": "practiced again by others, with seeds that nobody could choose",
}
"""How far an entry was checked, in rising order."""


@dataclass(frozen=True)
class DomainEntry:
    """What a method did in one environment.

    Attributes:
        agent: name of the learner.
        arm: name of the task sampler.
        unit: of compute, "flops" or "tokens".
        horizon: compute at which areas end.
        seeds: of the runs, in order.
        cells: family, band and chance level of each cell.
        curves: of each run, for each checkpoint: "index", "compute", "env_steps" and mean "scores" by cell.
        options: what the runs have that the recipe does not.
        ledger: mean amounts over the runs, by line of the ledger and unit.
        calibration: hash of the domain's calibration, which bands followed; empty where there was none.
        interface: how tasks were shown and answered, "actions" or "text"; each has its own cells.
    """

    agent: str
    arm: str
    unit: str
    horizon: float
    seeds: tuple[int, ...]
    cells: tuple[tuple[str, int, float], ...]
    curves: tuple[tuple[dict[str, Any], ...], ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    ledger: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    calibration: str = ""
    interface: str = "actions"

    @functools.cached_property
    def learning_curves(self) -> list[LearningCurve]:
        """The curves, one for each seed."""
        labels = [(family, band) for family, band, _ in self.cells]
        chance = [level for *_, level in self.cells]
        return [
            LearningCurve.from_points(
                [CurvePoint(**{**each, "scores": np.array(each["scores"])[:, None]}) for each in points],
                labels,
                chance,
            )
            for points in self.curves
        ]


@dataclass(frozen=True)
class Entry:
    """One method on the leaderboard.

    Attributes:
        name: under which it is shown.
        tier: how far it was checked, one of ``TIERS``.
        suite_version: of the tasks.
        domains: results by environment.
        commitment: of the submission.
        public_value: that decided on its anchor tasks; empty for a reported one.
        salt: of its anchor tasks; None for a reported one.
        lineage: of the model; None for one that is not followed.
        outside: practice that the ledger does not hold.
        versions: of the packages that verified it.
        reference: whether Practice Efficiency is relative to it.
        source: the command that made its runs, where that is known.
    """

    name: str
    tier: str
    suite_version: int
    domains: Mapping[str, DomainEntry]
    commitment: str
    public_value: str = ""
    salt: int | None = None
    lineage: Lineage | None = None
    outside: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    reference: bool = False
    source: str = ""

    def __post_init__(self) -> None:
        check_name("tier", self.tier, TIERS)
        if self.tier == "reported":
            return
        if self.salt != scored_salt(self.commitment, self.public_value):
            raise ValueError(
                f"{self.name!r} has anchor tasks of a salt that does not follow from its commitment and "
                "public value. Verify the submission again."
            )

    def write(self, path: Path) -> None:
        """Write it whole or not at all.

        Args:
            path: of the file.
        """
        write_atomically(path, (json.dumps(asdict(self), allow_nan=False) + "\n").encode())

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Entry:
        """The inverse of ``dataclasses.asdict``, from plain data.

        Args:
            stored: what a file holds.

        Raises:
            AttributeError, KeyError, TypeError, ValueError: if it is no entry.
        """
        domains = {
            env_id: DomainEntry(
                **{
                    **each,
                    "seeds": tuple(each["seeds"]),
                    "cells": tuple(map(tuple, each["cells"])),
                    "curves": tuple(map(tuple, each["curves"])),
                }
            )
            for env_id, each in stored["domains"].items()
        }
        for domain in domains.values():
            if len(domain.learning_curves) != len(domain.seeds) or not domain.seeds:
                raise ValueError("one curve is needed for each seed, at least one")
        lineage = stored.get("lineage")
        return cls(
            **{**stored, "domains": domains, "lineage": None if lineage is None else Lineage(**lineage)}
        )

    @classmethod
    def read(cls, path: Path) -> Entry:
        """Read an entry.

        Args:
            path: of the file.

        Raises:
            IncompleteRun: if it is none.
        """
        stored = read_json(path)
        try:
            return cls.from_json(stored)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise IncompleteRun(f"{path} is no entry of a leaderboard ({error}).") from error


LINKS = "links.json"
"""Name of the file of links between suite versions, among entries."""


@dataclass(frozen=True)
class Linked:
    """How the tasks of two suite versions are linked, see ``etude_gym.measure.linking``.

    Attributes:
        env_id: id of the environment.
        old: the earlier suite version.
        new: the later one.
        scale: of ability, from the later version to the earlier one.
        shift: of ability in logits.
        standard_error: of the link, in logits.
    """

    env_id: str
    old: int
    new: int
    scale: float
    shift: float
    standard_error: float

    @property
    def comparable(self) -> bool:
        """Whether results of both versions may be compared."""
        return self.standard_error <= LARGEST_STANDARD_ERROR


def read_links(folders: Sequence[Path]) -> list[Linked]:
    """The links between suite versions that stand among entries.

    Args:
        folders: each may hold ``links.json``, a list of links.

    Raises:
        IncompleteRun: if a file is damaged.
    """
    found = []
    for path in (Path(folder) / LINKS for folder in folders):
        try:
            found += [Linked(**link) for link in read_json(path)] if path.exists() else []
        except TypeError as error:
            raise IncompleteRun(f"{path} is no list of links ({error}).") from error
    return found


def read_entries(folders: Sequence[Path]) -> list[Entry]:
    """All entries in folders, in the order of their files' names.

    Args:
        folders: each holds entries as ``NAME.json``.

    Raises:
        IncompleteRun: if a folder does not exist, or a file in it is no entry.
    """
    found = []
    for folder in folders:
        if not Path(folder).is_dir():
            raise IncompleteRun(f"{folder} is not a folder. Give the one that `etude verify -o` writes into.")
        paths = sorted(path for path in Path(folder).glob("*.json") if path.name != LINKS)
        found += [Entry.read(path) for path in paths]
    return found


@functools.cache
def shipped_entries() -> tuple[Entry, ...]:
    """The project's own reference runs, which every leaderboard shows."""
    folder = files("etude_gym.runs").joinpath("reference")
    paths = sorted((path for path in folder.iterdir() if path.name.endswith(".json")), key=lambda p: p.name)
    return tuple(Entry.from_json(json.loads(path.read_text())) for path in paths)


def shipped_reference(env_id: str, unit: str, interface: str = "actions") -> DomainEntry | None:
    """What Practice Efficiency on leaderboards is relative to; None where nothing ships.

    Args:
        env_id: id of the environment.
        unit: of compute.
        interface: how tasks are shown and answered.
    """
    for entry in shipped_entries():
        domain = entry.domains.get(env_id)
        if domain is not None and entry.reference and (domain.unit, domain.interface) == (unit, interface):
            return domain
    return None


MEAN_DIGITS = SCORE_DIGITS + 2
"""Decimals of mean scores: all that a mean of 100 scores has."""


def cells_of_entry(curve: LearningCurve) -> tuple[tuple[str, int, float], ...]:
    """Family, band and chance level of each cell of a curve.

    Args:
        curve: of one run.
    """
    return tuple((*cell, float(level)) for cell, level in zip(curve.cells, curve.chance, strict=True))


def mean_scores(curve: LearningCurve) -> tuple[dict[str, Any], ...]:
    """The checkpoints of a curve, with the mean score of each cell in place of its tasks' scores.

    Args:
        curve: of one run.
    """
    means = curve.scores.mean(axis=-1).round(MEAN_DIGITS)
    return tuple(
        {
            "index": int(curve.index[point]),
            "compute": float(curve.compute[point]),
            "env_steps": int(curve.env_steps[point]),
            "scores": means[point].tolist(),
        }
        for point in range(len(curve))
    )
