"""Panels: what is declared, what lineages are asked, what is recorded, and the way to a calibration."""

import json
from dataclasses import replace

import numpy as np
import pytest
import throwing
from commands import run
from numpy.testing import assert_allclose, assert_array_equal

from etude_gym.difficulty.calibration import read_calibration
from etude_gym.environment.registration import make_domain
from etude_gym.measure.panel_tasks import LADDER_LEVEL, ProbeDesign, panel_tasks
from etude_gym.runs.agents import Recipe
from etude_gym.runs.folder import IncompleteRun
from etude_gym.runs.panel import Panel
from etude_gym.runs.panel_lineage import LineageAnswers, record_lineage
from etude_gym.runs.panel_table import DEFAULT_TABLE, PanelTable, Variant

THROWING = "throwing:Throwing-v0"
TABLE = PanelTable(
    learners=(
        Variant("quick", "throwing:Thrower"),
        Variant("lazy", "throwing:Thrower", scale={"rate": 0.5}),
    ),
    rates=(Variant("usual"),),
    practices=("uniform", "easy"),
    seeds=(0, 1, 2, 3, 4, 5),
    probes=ProbeDesign(64, 16, 16),
    horizon=2000.0,
    num_envs=16,
)


def etude(capsys, *arguments, code=0):
    """Run a command that has to end with a code; what it prints, its line breaks undone."""
    ended, out, errors = run(capsys, *arguments)
    assert ended == code, errors
    return " ".join((out + errors).split())


def record(panel):
    for job in panel.jobs:
        assert record_lineage(panel.path(job), job)


@pytest.fixture(scope="module")
def panel(tmp_path_factory):
    made = Panel.create(tmp_path_factory.mktemp("panel"), THROWING, TABLE)
    record(made)
    return made


# --- The table -------------------------------------------------------------------------------------------


def test_the_default_table_has_96_lineages_of_four_kinds():
    recipe = Recipe(
        options={"network": [128], "learning_rate": 1e-3, "n_epochs": 6, "entropy_coefficient": 0.01}
    )
    lineages = DEFAULT_TABLE.lineages({"sb3": recipe})
    assert len({each.name for each in lineages}) == 96
    assert len({each.kind for each in lineages}) == 4
    first = {each.name: each.options for each in lineages if each.seed == 0 and each.practice == "easy"}
    assert first["wide/slow/easy/seed_0"]["network"] == [256]
    assert first["wide/slow/easy/seed_0"]["learning_rate"] == pytest.approx(3e-4)
    assert first["frugal/usual/easy/seed_0"]["n_epochs"] == 2
    assert DEFAULT_TABLE.checkpoints == (1 / 64, 1 / 16, 1 / 4, 1 / 2, 1.0)
    assert DEFAULT_TABLE.probes.total == 256


def test_a_table_survives_json_and_what_it_leaves_out_is_the_default():
    assert PanelTable.from_record(json.loads(json.dumps(TABLE.record()))) == TABLE
    assert PanelTable.from_record({"seeds": [7]}) == replace(DEFAULT_TABLE, seeds=(7,))


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"seed": [1]}, "not \\['seed'\\]"),
        ({"seeds": []}, "at least one"),
        ({"checkpoints": [0.5]}, "rise to 1"),
        ({"learners": [{"nam": "a"}]}, "cannot be read"),
        ({"probes": {"common": 1}}, "2 common ones"),
        ([], "table has"),
    ],
)
def test_a_table_that_is_none_is_refused(record, message):
    with pytest.raises(ValueError, match=message):
        PanelTable.from_record(record)


def test_learners_that_a_panel_cannot_have_are_refused(tmp_path):
    for agent, message in (("random", "does not learn"), ("llm", "reads text")):
        table = replace(TABLE, learners=(Variant("a", agent),))
        with pytest.raises(ValueError, match=message):
            Panel.create(tmp_path, THROWING, table)
    table = replace(TABLE, learners=(Variant("a", "throwing:Thrower", scale={"policy": 2.0}),))
    with pytest.raises(ValueError, match="'policy', which is None and no number"):
        Panel.create(tmp_path, THROWING, table)
    with pytest.raises(ValueError, match="No horizon is known"):
        Panel.create(tmp_path, THROWING, replace(TABLE, horizon=None))


# --- What is asked ---------------------------------------------------------------------------------------


def test_common_tasks_are_the_same_for_all_and_the_others_their_own():
    domain, design = make_domain(THROWING), ProbeDesign(32, 8, 8)
    tasks, items = panel_tasks(domain, design, "a", 0)
    other, others = panel_tasks(domain, design, "b", 3)
    assert len(tasks) == 2 * 48
    assert_array_equal(items, others)
    common = items >= 0
    assert_array_equal(np.unique(items[common]), np.arange(64))
    assert_array_equal(tasks.keys[common], other.keys[common])
    assert_array_equal(tasks.difficulty[common], other.difficulty[common])
    assert not set(tasks.keys[~common].tolist()) & set(other.keys[~common].tolist())
    assert len(np.unique(tasks.keys)) == len(tasks)
    spread = tasks.difficulty[common & (tasks.family == 0)]
    assert_allclose(spread.mean(axis=0), 0.5, atol=0.03)


def test_ladders_climb_one_axis_while_the_others_stand():
    tasks, _ = panel_tasks(make_domain(THROWING), ProbeDesign(2, 10, 0), "a", 0)
    ladder = tasks.difficulty[2:12]
    assert_allclose(ladder[:5, 0], np.linspace(0, 1, 5))
    assert_allclose(ladder[:5, 1], LADDER_LEVEL)
    assert_allclose(ladder[5:, 0], LADDER_LEVEL)


# --- What is recorded ------------------------------------------------------------------------------------


def test_lineages_are_recorded_whole_and_a_panel_goes_on_where_it_stopped(tmp_path):
    table = replace(TABLE, seeds=(0,), practices=("uniform",))
    panel = Panel.create(tmp_path, THROWING, table)
    first = panel.jobs[0]
    assert not record_lineage(panel.path(first), first, should_stop=lambda: True)
    assert first in panel.missing
    assert record_lineage(panel.path(first), first)
    file = LineageAnswers.read(panel.path(first))
    assert len(file.columns["score"]) == 5 * 2 * 96
    assert_array_equal(np.unique(file.columns["checkpoint"]), np.arange(5))
    assert (np.diff(file.columns["compute"]) > 0).all()
    assert (
        file.columns["practiced"] == file.columns["compute"]
    ).all()  # a throw is an episode and a FLOP here
    again = Panel.read(tmp_path)
    assert [job.spec.name for job in again.missing] == [job.spec.name for job in panel.jobs[1:]]
    before = panel.path(first).read_bytes()
    panel.path(first).unlink()
    record_lineage(panel.path(first), first)
    assert LineageAnswers.read(panel.path(first)).columns["score"].tolist() == file.columns["score"].tolist()
    panel.path(first).write_bytes(before[: len(before) // 2])
    with pytest.raises(IncompleteRun, match="Delete it"):
        again.answers()
    with pytest.raises(FileExistsError, match="--resume"):
        Panel.create(tmp_path, THROWING, table)


def test_scripted_lineages_show_their_planted_gaps(panel):
    scripted = panel.answers(scripted=True)
    means = {
        name: scripted.scores[scripted.lineage == number].mean() for number, name in enumerate(scripted.names)
    }
    assert means["scripted/oracle"] == 1.0
    assert means["scripted/random"] == pytest.approx(1 / throwing.TARGETS, abs=0.05)
    assert means["scripted/oracle noise 0.3"] == pytest.approx(0.7 + 0.3 / throwing.TARGETS, abs=0.1)
    lacking = scripted.names.index("scripted/oracle without underhand throws")
    own = scripted.lineage == lacking
    assert scripted.scores[own & (scripted.family == 0)].mean() == 1.0
    assert scripted.scores[own & (scripted.family == 1)].mean() < 0.2


def test_evaluations_hold_every_lineage(panel):
    found = panel.evaluations()
    assert [len(each) for each in found] == [5] * 24 + [1] * (len(panel.jobs) - 24)
    assert found[0][0].families.tolist() == [0] * 96 + [1] * 96


# --- From a panel to a calibration -----------------------------------------------------------------------


def test_a_users_domain_goes_from_panel_to_calibration(panel, capsys):
    folder = str(panel.folder)
    said = etude(capsys, "calibrate", THROWING, "--panel", folder, "--resamples", "40")
    assert "Verdict: calibrated." in said
    calibration = read_calibration(panel.folder / "calibration.json")
    assert (panel.folder / "calibration.png").exists()
    for curve in calibration.curves:
        assert curve.floor == pytest.approx(1 / throwing.TARGETS, abs=0.015)
        assert_allclose(curve.weights, [throwing.DISTANCE, throwing.WIND], atol=0.8)
    harder = calibration.curves[1].intercept - calibration.curves[0].intercept
    assert harder == pytest.approx(throwing.UNDERHAND, abs=0.5)
    assert calibration.ability_correlations[0][1] > 0.9
    assert calibration.drift_per_result > 0
    report = calibration.report
    assert report["verdict"] == "calibrated"
    assert report["panel"]["lineages"] == 24
    assert set(report["intervals"]["overhand"]) == {"intercept", "ceiling", "distance", "wind"}


def test_the_command_records_a_panel(tmp_path, capsys):
    table = {**TABLE.record(), "seeds": [0], "practices": ["easy"], "scripted": False}
    (tmp_path / "table.json").write_text(json.dumps(table))
    out = tmp_path / "panel"
    arguments = ("--table", str(tmp_path / "table.json"), "--out", str(out), "--workers", "1")
    said = etude(capsys, "panel", THROWING, *arguments)
    assert "2 of 2 finished: lazy/usual/easy/seed_0" in said
    assert "etude calibrate" in said
    assert "2 of 2 lineages are finished already" in etude(capsys, "panel", "--resume", str(out))
    assert not Panel.read(out).missing


def test_a_panel_of_another_environment_is_refused(panel, capsys):
    said = etude(capsys, "calibrate", "EtudePlan-v0", "--panel", str(panel.folder), code=2)
    assert "is a panel of throwing:Throwing-v0, not of EtudePlan-v0" in said
