"""How a learner stands in skills: what decides it, and where it is shown."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import throwing
from commands import run
from rich.console import Console
from shipped_maps import ORDER, PREREQUISITE, THROWING, ship, throwing_map
from small_runs import small_run
from test_report import report

from etude_gym.measure.answers import Answers
from etude_gym.measure.mastery import MASTERED, UNMASTERED, mastery, mean_interval
from etude_gym.measure.skill_profile import SkillProfile
from etude_gym.report.comparison import compare
from etude_gym.report.figures import drawing
from etude_gym.report.skill_section import skill_section
from etude_gym.report.skill_tables import skill_report, without_prerequisites

DOMAIN = throwing.ThrowingDomain
UNDERHAND, CLOSE, AFAR = (each.name for each in DOMAIN.skills)


def answers(evaluation, scores, families, distances):
    rows = len(scores)
    difficulties = np.column_stack([distances, np.full(rows, 0.3)])
    columns = np.arange(rows, dtype=np.uint64), np.array(families), np.zeros(rows, dtype=np.int64)
    return Answers(
        evaluation, 100.0 * evaluation, *columns, difficulties, np.array(scores, float), ("ok",) * rows
    )


def test_the_interval_shows_what_mastery_decides():
    numbers, totals = (each.ravel().astype(float) for each in np.mgrid[0:60:3, 0:60])
    numbers, totals = numbers[totals <= numbers], totals[totals <= numbers]
    low, high = mean_interval(numbers, totals)
    states = mastery(numbers, totals)
    assert {0.0, 1.0} <= set(states[~np.isnan(states)])
    assert ((states == 1) == (low > MASTERED)).all()
    assert ((states == 0) == (high < UNMASTERED)).all()


def test_answers_of_several_runs_are_pooled_by_skill_and_checkpoint():
    one = [
        answers(0, [0, 0, 0], [0, 0, 1], [0.2, 0.9, 0.2]),
        answers(3, [1, 0.5, np.nan], [0, 0, 1], [0.2, 0.9, 0.2]),
    ]
    other = [answers(0, [1, 0], [0, 0], [0.3, 0.8]), answers(3, [1] * 30, [0] * 30, [0.3] * 30)]
    found = SkillProfile.of(DOMAIN.space, DOMAIN.skills, [one, other])
    assert (found.skills, found.checkpoints) == ((UNDERHAND, CLOSE, AFAR), (0, 3))
    assert found.compute.tolist() == [0.0, 300.0]
    np.testing.assert_allclose(found.scores, [[0, 0.5, 0], [np.nan, 1, 0.5]])
    underhand, close, afar = found.standings(3)
    assert (underhand.tasks, underhand.word) == (0, "undecided")
    assert (close.tasks, close.word, close.score.value) == (31, "mastered", 1.0)
    assert (afar.tasks, afar.word) == (1, "undecided")
    assert close.score.low < 1.0 <= round(close.score.high, 2)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Two arms of a learner that comes to hit what is near, in two seeds each."""
    folder = tmp_path_factory.mktemp("runs")
    for arm in ("static", "easy"):
        for seed in (0, 1):
            small_run(
                folder / arm / f"seed_{seed}",
                env_id=THROWING,
                agent="throwing:Thrower",
                arm=arm,
                seed=seed,
                horizon=3e3,
            )
    return folder


@pytest.fixture(scope="module")
def comparison(finished):
    return compare([finished])


@pytest.fixture(scope="module")
def profiles(comparison):
    return comparison.profiles


def test_a_profile_tells_skills_and_that_no_map_is_shipped(profiles):
    found = profiles["easy"]
    shown = io.StringIO()
    Console(file=shown, width=120).print(*skill_report(found))
    out = shown.getvalue()
    assert sum(each.tasks for each in found.standings) == 2 * 2 * 4 * 5  # every task takes one of the skills
    for each in found.standings:
        [line] = [line.split() for line in out.splitlines() if line.startswith(each.skill)]
        assert line[len(each.skill.split()) :][:3] == [each.word, str(each.tasks), f"{each.score.value:.2f}"]
    assert "this domain ships no map of prerequisites" in " ".join(out.split())


def test_the_command_tells_prerequisites_crossed(finished, profiles, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "120")
    ship(monkeypatch, tmp_path, PREREQUISITE, ORDER)
    code, out, err = run(capsys, "profile", finished / "easy", "--out", tmp_path / "p.svg")
    assert (code, err) == (0, "")
    close = profiles["easy"].standings[1]
    word = {"mastered": "crossed"}.get(close.word, close.word)
    told = out.split("Prerequisites crossed")[1].splitlines()
    assert [UNDERHAND, CLOSE, word] in [[cell.strip() for cell in line.split("  ") if cell] for line in told]


def test_difficulty_orders_are_no_prerequisites(profiles):
    ordered = replace(profiles["easy"], map=throwing_map(ORDER))
    assert without_prerequisites(ordered.map) in [str(part) for part in skill_report(ordered)]
    assert "difficulty orders" in without_prerequisites(ordered.map)
    assert "no order" in without_prerequisites(throwing_map())


def test_a_report_shows_the_map_and_curves_with_a_table_for_each(finished, monkeypatch, tmp_path):
    pytest.importorskip("networkx")
    ship(monkeypatch, tmp_path, PREREQUISITE, ORDER)
    comparison, page = report([finished], tmp_path)
    assert "skills" in page.ids
    pairs = page.tables["Pairs of skills, found in a panel of 80 lineages"]
    assert [row[:4] for row in pairs[1:]] == [
        [CLOSE, UNDERHAND, "prerequisite", "0 of 70"],
        [CLOSE, AFAR, "difficulty order", "1 of 12"],
    ]
    assert page.tables["Skills"][0] == ["arm", UNDERHAND, CLOSE, AFAR]
    assert [row[0] for row in page.tables["Prerequisites crossed"][1:]] == list(comparison.runs)
    curves = page.tables["Score of each skill at shares of the horizon"][1:]
    assert [row[:2] for row in curves[:3]] == [
        [next(iter(comparison.runs)), each] for each in (CLOSE, AFAR, UNDERHAND)
    ]
    for row in page.tables["Skills"][1:]:
        last = {line[1]: line[-1] for line in curves if line[0] == row[0]}
        assert [cell.split()[0] for cell in row[1:]] == [last[each] for each in (UNDERHAND, CLOSE, AFAR)]
    assert CLOSE in page.texts  # as text in the picture of the map


def test_a_section_without_a_map_says_so(comparison):
    with drawing():
        section = skill_section(comparison)
    assert section.text[-1] == without_prerequisites(None)
    assert [block.title for block in section.blocks] == [
        "How each skill was learned",
        "At the last checkpoint",
    ]
    assert [table.title for table in section.blocks[-1].tables] == ["Skills"]
