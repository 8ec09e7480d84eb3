"""Maps of prerequisites written by hand, for the domain of ``throwing``, and where they are read from."""

from __future__ import annotations

import throwing

from etude_gym.measure.prerequisite_map import PrerequisiteMap, SkillCurve
from etude_gym.measure.prerequisites import SkillPair
from etude_gym.runs import prerequisites as shipping
from etude_gym.runs.folder import write_json

THROWING = "throwing:Throwing-v0"
MEANS = (0.3, 0.6, 0.4)
PREREQUISITE = SkillPair(1, 0, 70, 0, 0.97, (2,), 61, 9.5, 0.004, 8.3)
ORDER = SkillPair(1, 2, 12, 1, 0.9, (), 0, 0.0, 1.0, reasons=("12 lineages master the second skill",))


def throwing_map(*pairs):
    """The map of a panel of 80 lineages."""
    curves = tuple(
        SkillCurve(each.name, each.region.words, mean, 70, (mean / 2, mean))
        for each, mean in zip(throwing.ThrowingDomain.skills, MEANS, strict=True)
    )
    return PrerequisiteMap(THROWING, "throwing-v0", 80, curves, (0.5, 1.0), pairs)


def ship(monkeypatch, folder, *pairs):
    """Let all domains ship what stands in a folder: the map of these pairs."""
    monkeypatch.setattr(shipping.inspect, "getfile", lambda _: str(folder / "throwing.py"))
    write_json(folder / shipping.SHIPPED, throwing_map(*pairs).to_json())
