"""Standings: what each entry of a leaderboard comes to in each environment, against one reference."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.measure.compute import unit_name
from etude_gym.measure.curves import LearningCurve, area
from etude_gym.measure.practice_efficiency import PracticeEfficiency, breakdown, practice_efficiency
from etude_gym.runs.entries import DomainEntry, Entry


@dataclass(frozen=True)
class Standing:
    """What one entry comes to in one environment.

    Attributes:
        entry: on the leaderboard.
        domain: its part in this environment.
        efficiency: Practice Efficiency against the reference; None where there is none to compare with.
        families: the same by family; empty where there is none.
        area: mean score up to the horizon.
        final: score at the horizon, the usual accuracy, corrected for chance.
        reason: why there is no Practice Efficiency; empty where there is.
    """

    entry: Entry
    domain: DomainEntry
    efficiency: PracticeEfficiency | None
    families: Mapping[str, PracticeEfficiency]
    area: float
    final: float
    reason: str = ""

    @property
    def value(self) -> float | None:
        """Practice Efficiency; None where it is not defined."""
        return None if self.efficiency is None else self.efficiency.value

    @property
    def interval(self) -> str:
        """The 95% interval in words; empty where there is none, and for the reference, which has none."""
        if self.efficiency is None or self.efficiency.low is None or self.entry.reference:
            return ""
        return f"{self.efficiency.low:.3f} to {self.efficiency.high:.3f}"

    @property
    def version(self) -> str:
        """Of the model in its family; empty for one that is not followed."""
        return self.entry.lineage.version if self.entry.lineage else ""

    @property
    def declared(self) -> str:
        """What it is read with: options unlike the recipe's, pretraining, practice outside the ledger."""
        told = [f"{name}={value}" for name, value in self.domain.options.items()]
        if self.pretraining:
            told.append(f"pretraining of {self.pretraining:.3g} FLOPs")
        if self.entry.outside:
            told.append(f"outside the ledger: {self.entry.outside}")
        return "; ".join(told)

    @property
    def pretraining(self) -> float:
        """Compute in FLOPs that went into the model before practice, as far as it was declared."""
        return self.entry.lineage.pretraining_flops if self.entry.lineage else 0.0


@dataclass(frozen=True)
class Board:
    """The standings in one environment, with one interface, unit of compute and version of the tasks.

    Attributes:
        env_id: id of the environment.
        interface: how tasks were shown and answered, "actions" or "text".
        unit: of compute.
        suite_version: of the tasks.
        reference: what Practice Efficiency is relative to; None where there is none.
        standings: the reference first, then by area, the largest first.
    """

    env_id: str
    interface: str
    unit: str
    suite_version: int
    reference: DomainEntry | None
    standings: tuple[Standing, ...]

    @property
    def title(self) -> str:
        """The environment, and what is not as usual."""
        shown = "" if self.interface == "actions" else f" as {self.interface}"
        return self.env_id + shown + ("" if self.unit == "flops" else f", in {unit_name(self.unit)}")

    @property
    def families(self) -> list[str]:
        """Families of the environment, where there are several."""
        found = dict.fromkeys(name for each in self.standings for name in each.families)
        return list(found) if len(found) > 1 else []


def boards(entries: Sequence[Entry]) -> list[Board]:
    """The standings of all environments.

    Args:
        entries: in any order.

    Returns:
        One board for each environment, interface, unit of compute and suite version, by name.
    """
    groups: dict[tuple[str, int, str, str], list[tuple[Entry, DomainEntry]]] = {}
    for entry in entries:
        for env_id, domain in entry.domains.items():
            key = (env_id, -entry.suite_version, domain.interface, domain.unit)
            groups.setdefault(key, []).append((entry, domain))
    return [
        _board(env_id, interface, unit, -version, groups[env_id, version, interface, unit])
        for env_id, version, interface, unit in sorted(groups)
    ]


def _board(
    env_id: str, interface: str, unit: str, version: int, parts: list[tuple[Entry, DomainEntry]]
) -> Board:
    reference = next((domain for entry, domain in parts if entry.reference), None)
    standings = [_standing(entry, domain, reference) for entry, domain in parts]
    standings.sort(key=lambda each: (each.domain is not reference, -each.area, each.entry.name))
    return Board(env_id, interface, unit, version, reference, tuple(standings))


def _standing(entry: Entry, domain: DomainEntry, reference: DomainEntry | None) -> Standing:
    curves = domain.learning_curves
    area_ = float(np.mean([area(curve.compute, curve.mean, domain.horizon) for curve in curves]))
    final = float(np.mean([curve.mean[-1] for curve in curves]))
    if reference is None:
        reason = "no reference ships for this interface and unit of compute"
        return Standing(entry, domain, None, {}, area_, final, reason)
    if domain.horizon != reference.horizon:
        return Standing(entry, domain, None, {}, area_, final, "another horizon than the reference")
    if domain.calibration != reference.calibration:
        return Standing(entry, domain, None, {}, area_, final, "bands of another calibration")
    base = reference.learning_curves
    try:
        efficiency = practice_efficiency(curves, base, domain.horizon, paired=False)
        families = breakdown(curves, base, domain.horizon, by="family", paired=False)
    except ValueError as error:
        return Standing(entry, domain, None, {}, area_, final, str(error))
    return Standing(entry, domain, efficiency, {str(k): v for k, v in families.items()}, area_, final)


def score_so_far(domain: DomainEntry) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean score from the beginning up to each checkpoint: its ratio to the reference's is PE so far.

    Args:
        domain: an entry's part in an environment.

    Returns:
        Compute of the checkpoints after the first, and mean scores up to there, over seeds.
    """
    curves = domain.learning_curves
    grid = domain.horizon * 2.0 ** np.arange(-5.0, 1.0)
    return grid, np.mean([[_up_to(curve, end) for end in grid] for curve in curves], axis=0)


def _up_to(curve: LearningCurve, end: float) -> float:
    return float(area(curve.compute, curve.mean, end))


COLUMNS = (
    *("environment", "interface", "unit", "suite_version", "name", "tier", "reference", "agent", "practice"),
    *("pe", "pe_low", "pe_high", "ceiling", "area", "final_score", "horizon", "seeds", "family", "version"),
    *("parent", "pretraining_flops", "options", "practice_outside_ledger", "commitment", "public_value"),
)
"""Of the table in CSV."""


def rows(found: Sequence[Board]) -> Iterator[dict[str, Any]]:
    """Every standing as one flat row of plain data.

    Args:
        found: boards.
    """
    for board in found:
        for each in board.standings:
            entry, lineage, efficiency = each.entry, each.entry.lineage, each.efficiency
            yield {
                "environment": board.env_id,
                "interface": board.interface,
                "unit": board.unit,
                "suite_version": board.suite_version,
                "name": entry.name,
                "tier": entry.tier,
                "reference": entry.reference,
                "agent": each.domain.agent,
                "practice": each.domain.arm,
                "pe": efficiency and efficiency.value,
                "pe_low": efficiency and efficiency.low,
                "pe_high": efficiency and efficiency.high,
                "ceiling": efficiency and efficiency.ceiling,
                "area": each.area,
                "final_score": each.final,
                "horizon": each.domain.horizon,
                "seeds": len(each.domain.seeds),
                "family": lineage and lineage.family,
                "version": lineage and lineage.version,
                "parent": lineage and lineage.parent,
                "pretraining_flops": lineage and lineage.pretraining_flops,
                "options": dict(each.domain.options),
                "practice_outside_ledger": entry.outside,
                "commitment": entry.commitment,
                "public_value": entry.public_value,
            }


FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What spreadsheets take for the beginning of a formula."""


def to_csv(found: Sequence[Board]) -> str:
    """The standings as CSV; text that a spreadsheet would carry out is quoted.

    Args:
        found: boards.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows(found):
        writer.writerow({name: f"'{v}" if str(v).startswith(FORMULA) and isinstance(v, str) else v
                         for name, v in row.items()})  # fmt: skip
    return out.getvalue()


def to_json(found: Sequence[Board]) -> dict[str, Any]:
    """The standings as plain data: the rows, Practice Efficiency by family, and the curves.

    Args:
        found: boards.
    """
    table = list(rows(found))
    every = [each for board in found for each in board.standings]
    for row, each in zip(table, every, strict=True):
        row["families"] = {name: asdict(efficiency) for name, efficiency in each.families.items()}
        row["cells"] = each.domain.cells
        row["curves"] = each.domain.curves
        row["ledger"] = each.domain.ledger
    return {"standings": table}
