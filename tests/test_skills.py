"""Skills: named regions of a difficulty space that have no task in common."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from etude_gym.conformance import run_check, size_for
from etude_gym.difficulty.skills import NO_SKILL, check_skills, find_skill, skill, skill_of
from etude_gym.difficulty.space import Axis, DifficultySpace
from etude_gym.environment.registration import make_domain

ROOT = Path(__file__).parent.parent
IDS = {
    "plan": "EtudePlan-v0",
    "logic": "EtudeLogic-v0",
    "code": "EtudeCode-v0",
    "creative": "EtudeCreative-v0",
}
SPACE = DifficultySpace((Axis("depth", ""), Axis("width", "")), ("dig", "fill"))
SKILLS = (
    skill("shallow holes", "dig", depth=(0.0, 0.5)),
    skill("deep holes", "dig", depth=(0.5, 1.0)),
    skill("wide fills", "fill", width=(0.25, 1.0)),
)


@pytest.mark.parametrize("folder", IDS)
def test_every_domain_declares_5_to_8_skills_and_its_card_lists_them(folder: str) -> None:
    domain = make_domain(IDS[folder])
    assert 5 <= len(domain.skills) <= 8
    card = (ROOT / "envs" / folder / "README.md").read_text(encoding="utf-8")
    table = card.split("## Skills\n")[1].split("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][2:]
    assert rows == [f"| {each.name} | {each.region.words} |" for each in domain.skills]


@pytest.mark.parametrize("env_id", IDS.values())
def test_skills_pass_the_conformance_suite(env_id: str) -> None:
    result = run_check(env_id, "skills_are_regions", size_for(16))
    assert result.passed, result.detail
    assert not result.skipped


@pytest.mark.parametrize("env_id", IDS.values())
def test_every_skill_holds_a_sixteenth_of_its_family_at_least(env_id: str) -> None:
    domain = make_domain(env_id)
    for each in domain.skills:
        low, high = each.region.corners(domain.space)
        assert np.prod(high - low) >= 1 / 16


def test_tasks_belong_to_the_skill_whose_region_holds_them() -> None:
    families = np.array([0, 0, 1, 1, 0])
    difficulty = np.array([[0.1, 0.9], [0.9, 0.9], [0.9, 0.3], [0.9, 0.1], [0.5, 0.0]])
    assert skill_of(SPACE, SKILLS, families, difficulty).tolist() == [0, 1, 2, NO_SKILL, 0]


def test_skills_are_found_by_name() -> None:
    assert find_skill(SKILLS, "deep holes") is SKILLS[1]
    with pytest.raises(ValueError, match="deep holes"):
        find_skill(SKILLS, "deep hole")


@pytest.mark.parametrize(
    ("skills", "words"),
    [
        (
            (*SKILLS, skill("holes", "dig", width=(0.0, 0.1))),
            "'shallow holes' and 'holes' have tasks in common",
        ),
        ((*SKILLS, skill("anything", depth=(0.0, 0.1))), "have tasks in common"),
        ((*SKILLS, SKILLS[0]), "names that differ"),
        ((skill("moles", "catch"),), "catch"),
        ((skill("moles", "dig", length=(0.0, 0.5)),), "length"),
        ((skill("moles", "dig", depth=(0.5, 0.5)),), "not empty"),
    ],
)
def test_skills_that_cannot_be_told_apart_are_refused(skills: tuple, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_skills(SPACE, skills)
