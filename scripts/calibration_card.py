"""Writes what a domain ships of its calibration into its card: ``python scripts/calibration_card.py ENV``.

Pictures go into ``docs/``, the section "Calibration" into the card, ``README.md`` beside the domain's module.
"""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path

import tyro

from etude_gym.difficulty.calibration import FILE, Calibration
from etude_gym.difficulty.curve import DifficultyCurve
from etude_gym.environment.registration import make_domain
from etude_gym.measure.prerequisite_map import PrerequisiteMap
from etude_gym.report.calibration_plots import draw_shipped
from etude_gym.report.prerequisite_plots import draw_prerequisites
from etude_gym.report.skill_tables import without_prerequisites
from etude_gym.runs.folder import write_atomically
from etude_gym.runs.prerequisites import SHIPPED, path_beside, shipped_prerequisites

DOCS = Path(__file__).resolve().parent.parent / "docs"
CALIBRATION, PREREQUISITES = DOCS / "calibration.md", DOCS / "findings" / "prerequisites.md"
HEADING = "## Calibration"
AFTER = "## Skills"
"""The section that it follows."""


def main(env: tyro.conf.Positional[str], /) -> None:
    """Write the section "Calibration" of a domain card, and its pictures.

    Args:
        env: id of the environment; `module:Id-v0` imports the module first.
    """
    card = path_beside(make_domain(env), "README.md")
    if card is None:
        raise SystemExit(f"The domain of {env} stands in no file, so it has no card.")
    for path in write_section(env, card, DOCS):
        print(path)


def write_section(env_id: str, card: Path, pictures: Path) -> list[Path]:
    """Write the section into a card, in place of the present one, and its pictures.

    Args:
        env_id: of the environment.
        card: of the domain.
        pictures: folder for them.

    Returns:
        The files that were written.

    Raises:
        ValueError: if the domain ships no calibration, or its card has no section "Skills".
    """
    calibration, found, made_by = _shipped(env_id)
    text = with_section(card.read_text(encoding="utf-8"), env_id, card, pictures)
    curves, skills = _pictures(calibration, pictures)
    draw_shipped(calibration, curves, made_by)
    if found is not None:
        draw_prerequisites(found, skills, made_by)
    write_atomically(card, text.encode())
    return [card, curves, *([skills] if found is not None else [])]


def with_section(text: str, env_id: str, card: Path, pictures: Path) -> str:
    """A card with the section in place of the present one, or after that of the skills.

    Args:
        text: the card.
        env_id: of the environment.
        card: where the card stands.
        pictures: folder of the pictures.

    Raises:
        ValueError: if the domain ships no calibration, or its card has no section "Skills".
    """
    calibration, found, made_by = _shipped(env_id)
    curves, skills = _pictures(calibration, pictures)
    parts = [HEADING, f"<!-- Made by: {made_by} -->"]
    parts += calibration_parts(calibration, _link(card, curves), _link(card, CALIBRATION))
    if found is not None:
        parts += map_parts(found, _link(card, skills), _link(card, PREREQUISITES))
    text = re.sub(rf"^{HEADING}\n.*?(?=^## |\Z)", "", text, flags=re.DOTALL | re.MULTILINE)
    before, heading, rest = text.partition(f"{AFTER}\n")
    if not heading:
        raise ValueError(f"{card} has no section {AFTER!r}, after which the calibration stands.")
    own, _, later = rest.partition("\n## ")
    section = "\n\n".join(parts)
    return f"{before}{heading}{own.rstrip()}\n\n{section}\n" + (f"\n## {later}" if later else "")


def _shipped(env_id: str) -> tuple[Calibration, PrerequisiteMap | None, str]:
    """What a domain ships, and the command that shows it in its card."""
    domain = make_domain(env_id)
    calibration = domain.space.calibration
    if calibration is None:
        raise ValueError(f"{env_id} ships no {FILE} beside its module. Make one with: etude calibrate.")
    return calibration, shipped_prerequisites(domain), f"python scripts/calibration_card.py {env_id}"


def _pictures(calibration: Calibration, folder: Path) -> tuple[Path, Path]:
    name = calibration.domain.partition("-")[0]
    return folder / f"calibration_{name}.svg", folder / f"skills_{name}.svg"


def calibration_parts(calibration: Calibration, picture: str, guide: str) -> list[str]:
    """What the card says of a calibration, in paragraphs.

    Args:
        calibration: that is shipped.
        picture: the address of its picture.
        guide: the address of what explains calibrations.
    """
    report = calibration.report
    panel = report["panel"]
    kinds = ", ".join(f"{count} {kind}" for kind, count in panel["kinds"].items())
    missed = sum(not each["passed"] for each in report["checks"])
    verdict = report["verdict"].partition(".")[0]
    command, *settings = report["made_by"].split(", ", 1)
    made_by = " ".join([f"`{command}`", *(f"({each})" for each in settings)])
    return [
        _prose(
            f"How hard tasks are, fitted to {panel['answers']:,} answers of a panel of {panel['lineages']} "
            f"lineages ({kinds}). Verdict: {verdict} ({missed} of {len(report['checks'])} checks are "
            f"missed). [Calibrated difficulty]({guide}) explains panel, model and checks. Difficulties are "
            "in logits, on a scale where the mean ability of the panel is 0: that of the easiest task, and "
            "what each axis adds from its easy end to its hard one, with 95% intervals. Bands end at three "
            "difficulties; scores run from the floor to the ceiling."
        ),
        f"![What each axis costs, and the scores to expect]({picture})",
        _table(
            ("family", "easiest task", *calibration.axes, "bands end at", "floor", "ceiling"),
            [
                _costs(family, curve, calibration)
                for family, curve in zip(calibration.families, calibration.curves, strict=True)
            ],
        ),
        *_interactions(calibration),
        _checks(calibration),
        _prose(f"`{FILE}` ({calibration.hash}) was made by {made_by}."),
    ]


def _checks(calibration: Calibration) -> str:
    """A row for each check, a column for each family; what is missed is bold."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for each in calibration.report["checks"]:
        shown = "–" if each["value"] is None else f"{each['value']:.3f}"
        shown = shown if each["passed"] else f"**{shown}**"
        note = f" ({each['note']})" if each["note"] else ""
        rows.setdefault((each["name"], each["asked"]), {})[each["family"]] = shown + note
    return _table(
        ("check (bold: missed)", "asked", *(f"`{family}`" for family in calibration.families)),
        [
            (*check, *(values.get(family, "") for family in calibration.families))
            for check, values in rows.items()
        ],
    )


def map_parts(found: PrerequisiteMap, picture: str, guide: str) -> list[str]:
    """What the card says of prerequisites, in paragraphs.

    Args:
        found: the map that is shipped.
        picture: the address of its picture.
        guide: the address of what explains prerequisites.
    """
    names = [curve.skill for curve in found.curves]
    edges = [
        f"*{names[pair.second]}* needs *{names[pair.first]}*" for pair in found.pairs if pair.is_prerequisite
    ]
    said = f"By the panel, {'; '.join(edges)}." if edges else without_prerequisites(found)
    return [
        "### The map of skills",
        _prose(f"{said} [What counts as a prerequisite]({guide})."),
        f"![Skills, prerequisites and difficulty orders]({picture})",
        _table(
            ("skill", "mean score", "mastered by"),
            [
                (curve.skill, f"{curve.mean:.2f}", f"{curve.masters} of {found.lineages}")
                for curve in found.curves
            ],
        ),
        f"`{SHIPPED}` was made by `etude prerequisites {found.env_id}`.",
    ]


def _costs(family: str, curve: DifficultyCurve, calibration: Calibration) -> tuple[str, ...]:
    intervals = calibration.report["intervals"][family]
    costs = dict(zip(calibration.axes, curve.weights.tolist(), strict=True))
    return (
        f"`{family}`",
        _interval(curve.intercept, intervals["intercept"]),
        *(_interval(cost, intervals[axis]) for axis, cost in costs.items()),
        ", ".join(f"{edge:.2f}" for edge in curve.edges),
        f"{curve.floor:.3f}",
        f"{curve.ceiling:.3f}",
    )


def _interactions(calibration: Calibration) -> list[str]:
    """A sentence on axes that cost more together, if there are such."""
    said = [
        f"{family}: {calibration.axes[each.axes[0]]} and {calibration.axes[each.axes[1]]} "
        f"({each.kind}, {each.coefficient:.2f} logits)"
        for family, curve in zip(calibration.families, calibration.curves, strict=True)
        for each in curve.interactions
    ]
    return [_prose(f"Pairs of axes that add something together: {'; '.join(said)}.")] if said else []


def _interval(value: float, interval: Sequence[float | None]) -> str:
    low, high = ("–" if end is None else f"{end:.2f}" for end in interval)
    return f"{value:.2f} [{low}, {high}]"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| {} |".format(" | ".join(line)) for line in lines)


def _prose(text: str) -> str:
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def _link(card: Path, picture: Path) -> str:
    return Path(os.path.relpath(picture.resolve(), card.resolve().parent)).as_posix()


if __name__ == "__main__":
    tyro.cli(main)
