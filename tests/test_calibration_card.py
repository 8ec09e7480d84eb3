"""The section "Calibration" of domain cards is what its command writes from what the domains ship."""

from __future__ import annotations

from pathlib import Path

import pytest
import throwing
from calibration_card import DOCS, HEADING, with_section, write_section
from shipped_maps import ORDER, PREREQUISITE, THROWING, ship
from test_calibration import curve_of
from test_skills import IDS, ROOT

from etude_gym.difficulty.calibration import Calibration
from etude_gym.difficulty.space import DifficultySpace

CARD = "# Throws\n\n## Skills\n\n| skill |\n\n## Text\n\nNone.\n"


@pytest.fixture
def calibrated(monkeypatch, tmp_path):
    """Throwing, with a calibration and a map of prerequisites."""
    space, curves = throwing.ThrowingDomain.space, (curve_of(3.0, 1.5), curve_of(3.0, 1.5, intercept=1.0))
    ends = {name: [1.0, None] for name in ("intercept", "ceiling", *space.names)}
    check = {"name": "calibration slope", "family": "overhand", "value": 1.3, "asked": "0.9 to 1.1"}
    report = {
        "verdict": "not calibrated. calibration slope (overhand): 1.3",
        "checks": [{**check, "passed": False, "note": ""}],
        "intervals": dict.fromkeys(space.families, ends),
        "panel": {"answers": 12345, "lineages": 80, "kinds": {"keen": 80}},
        "made_by": "etude calibrate Throwing-v0",
    }
    ties = ((1.0, 0.8), (0.8, 1.0))
    found = Calibration("throwing-v0", space.names, space.families, curves, ties, 1e-3, report)
    monkeypatch.setattr(throwing.ThrowingDomain, "space", DifficultySpace(space.axes, space.families, found))
    ship(monkeypatch, tmp_path, PREREQUISITE, ORDER)
    card = tmp_path / "README.md"
    card.write_text(CARD)
    return card


def test_the_section_and_its_pictures_are_written_after_the_skills(calibrated, tmp_path):
    pytest.importorskip("networkx")
    files = write_section(THROWING, calibrated, tmp_path / "docs")
    text = calibrated.read_text()
    assert text.index("## Skills") < text.index(HEADING) < text.index("## Text\n\nNone.\n")
    assert (
        "12,345 answers of a panel of 80 lineages (80 keen). Verdict: not calibrated (1 of 1 checks" in text
    )
    assert "| calibration slope | 0.9 to 1.1 | **1.300** |  |" in text
    assert "*underhand throws* needs *throws close by*" in text
    assert [path.name for path in files] == ["README.md", "calibration_throwing.svg", "skills_throwing.svg"]
    for picture in files[1:]:
        assert f"](docs/{picture.name})" in text
        assert f"Made by: python scripts/calibration_card.py {THROWING}" in picture.read_text()
    before = [path.read_bytes() for path in files]
    write_section(THROWING, calibrated, tmp_path / "docs")
    assert [path.read_bytes() for path in files] == before


def test_without_a_calibration_or_skills_nothing_is_written(calibrated, tmp_path):
    calibrated.write_text("# Throws\n")
    with pytest.raises(ValueError, match="no section '## Skills'"):
        write_section(THROWING, calibrated, tmp_path / "docs")
    with pytest.raises(ValueError, match=r"ships no calibration\.json.*etude calibrate"):
        write_section("counting:Counting-v0", calibrated, tmp_path / "docs")
    assert not (tmp_path / "docs").exists()


@pytest.mark.parametrize("folder", IDS)
def test_cards_hold_what_the_domains_ship(folder: str) -> None:
    card: Path = ROOT / "envs" / folder / "README.md"
    text = card.read_text(encoding="utf-8")
    if HEADING not in text:
        pytest.skip("no section yet: python scripts/calibration_card.py ENV")
    assert with_section(text, IDS[folder], card, DOCS) == text, (
        f"run python scripts/calibration_card.py {IDS[folder]}"
    )
