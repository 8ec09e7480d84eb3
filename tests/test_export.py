"""``etude export``: what is written is what the runs hold, in formats that others read."""

from __future__ import annotations

import csv
import json
import re
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from commands import run
from rich.table import Table
from small_runs import small_run

from etude_gym.errors import MissingExtra
from etude_gym.report.comparison import compare
from etude_gym.report.latex import SPECIAL, comparison_latex, escape, tabular
from etude_gym.report.records import answer_records, curve_records, write_records
from etude_gym.report.tables import efficiency_table
from etude_gym.runs.answers import read_answers
from etude_gym.runs.finished import load_run
from etude_gym.runs.folder import CURVE


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    folder = tmp_path_factory.mktemp("experiment")
    for arm in ("static", "easy"):
        for seed in (0, 1):
            small_run(folder / arm / f"seed_{seed}", arm=arm, seed=seed, horizon=2e5)
    return folder


def read_csv(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


# --- Tables ------------------------------------------------------------------------------------------------


def test_a_row_for_each_run_evaluation_and_cell(capsys, experiment, tmp_path):
    code, out, _ = run(capsys, "export", experiment, tmp_path / "curves.csv")
    rows = read_csv(tmp_path / "curves.csv")
    folders = sorted({row["run"] for row in rows})
    curves = {folder: load_run(experiment / folder).curve for folder in folders}
    assert code == 0
    assert f"{len(rows)} rows, learning curves of 4 of 4 runs" in out
    assert len(rows) == sum(len(curve) * len(curve.cells) for curve in curves.values())
    for folder, curve in curves.items():
        own = [row for row in rows if row["run"] == folder]
        assert {row["arm"] for row in own} == {folder.split("/")[-2]}
        corrected = np.array([float(row["corrected"]) for row in own]).reshape(len(curve), -1)
        np.testing.assert_array_equal(corrected, curve.corrected)
        assert [float(row["compute"]) for row in own[:: len(curve.cells)]] == curve.compute.tolist()
        assert [(row["family"], int(row["band"])) for row in own[: len(curve.cells)]] == list(curve.cells)


def test_a_row_for_each_answer_when_they_are_asked_for(capsys, experiment, tmp_path):
    code, out, _ = run(capsys, "export", experiment / "easy", tmp_path / "answers.csv", "--answers")
    rows = read_csv(tmp_path / "answers.csv")
    assert code == 0
    assert "anchor answers of 2 of 2 runs" in out
    kept = read_answers(experiment / "easy/seed_1")
    own = [row for row in rows if row["seed"] == "1"]
    assert [int(row["task_key"], 16) for row in own] == [int(key) for a in kept for key in a.keys]
    assert [float(row["score"]) for row in own] == [score for a in kept for score in a.scores]
    assert [float(row["buttons"]) for row in own] == [levels[1] for a in kept for levels in a.difficulties]
    assert {row["status"] for row in own} == {"ok"}
    assert {row["confidence"] for row in own} == {row["correct"] for row in own} == {""}


@pytest.mark.parametrize("records", [curve_records, answer_records])
def test_parquet_holds_the_same_as_the_records(experiment, tmp_path, records):
    parquet = pytest.importorskip("pyarrow.parquet")
    expected = list(records([experiment / "easy/seed_0"]))
    write_records(expected, tmp_path / "table.parquet")
    assert parquet.read_table(tmp_path / "table.parquet").to_pylist() == expected


def test_a_run_that_is_not_finished_is_there_and_one_without_an_evaluation_is_not(
    capsys, experiment, tmp_path
):
    begun, fresh = tmp_path / "begun", tmp_path / "fresh"
    for folder in (begun, fresh):
        folder.mkdir()
        (folder / "config.json").write_bytes((experiment / "easy/seed_0/config.json").read_bytes())
    lines = (experiment / "easy/seed_0" / CURVE).read_text().splitlines()
    points = [line for line in lines if "index" in json.loads(line)]
    (begun / CURVE).write_text(points[0] + "\n")
    _, out, _ = run(capsys, "export", begun, fresh, tmp_path / "curves.csv")
    assert "4 rows, learning curves of 1 of 2 runs" in out
    assert {row["finished"] for row in read_csv(tmp_path / "curves.csv")} == {"False"}
    code, _, err = run(capsys, "export", fresh, tmp_path / "none.csv")
    assert code == 2
    assert "no run has been evaluated yet" in " ".join(err.split())
    assert not (tmp_path / "none.csv").exists()


def test_records_with_other_names_leave_cells_empty(tmp_path):
    write_records([{"a": 1}, {"b": 'x, "y"'}], tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text() == 'a,b\n1,\n,"x, ""y"""\n'


def test_without_what_writes_parquet_the_error_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r'pip install "etude-gym\[parquet\]"'):
        write_records([{"a": 1}], tmp_path / "table.parquet")
    assert not list(tmp_path.iterdir())


# --- Comparisons -------------------------------------------------------------------------------------------


def test_latex_holds_the_table_that_is_compared(capsys, experiment, tmp_path):
    code, _, _ = run(capsys, "export", experiment, tmp_path / "table.tex", "--reference", "easy")
    assert code == 0
    comparison = compare([experiment], "easy")
    text = (tmp_path / "table.tex").read_text()
    assert text == comparison_latex(comparison)
    table = efficiency_table(comparison)
    for line in tabular(table)[4:-2]:
        assert line in text
    assert text.count(r"\\") == 1 + len(comparison.arms)
    assert "against easy" in text
    assert text.count("{") == text.count("}")


def test_a_table_of_the_terminal_becomes_a_tabular():
    table = Table()
    table.add_column("arm")
    table.add_column("± items", justify="right")
    table.add_row("schedule,ramp_episodes=5000", "95%")
    assert tabular(table) == [
        r"\begin{tabular}{lr}",
        r"  \toprule",
        r"  arm & $\pm$ items \\",
        r"  \midrule",
        r"  schedule,ramp\_episodes=5000 & 95\% \\",
        r"  \bottomrule",
        r"\end{tabular}",
    ]


def test_no_character_is_left_that_latex_takes_for_a_command():
    assert escape("a\nb") == "a b"
    assert escape("50% of $x_1 & {y}#") == r"50\% of \$x\_1 \& \{y\}\#"
    assert escape(r"\input{~^") == r"\textbackslash{}input\{\textasciitilde{}\textasciicircum{}"
    assert escape("".join(SPECIAL)) == "".join(SPECIAL.values())
    assert re.fullmatch(r"[ -~]*", escape("±×–−"))


def test_arms_are_named_as_in_comparisons(capsys, experiment, tmp_path):
    out = tmp_path / "table.tex"
    named = (f"first={experiment / 'easy'}", f"second={experiment / 'static'}")
    assert run(capsys, "export", *named, out, "--reference", "second")[0] == 0
    assert re.findall(r"^ +(\w+) &", out.read_text(), re.MULTILINE)[1:] == ["second", "first"]


def test_the_picture_is_an_svg(capsys, experiment, tmp_path):
    pytest.importorskip("matplotlib")
    code, out, _ = run(capsys, "export", experiment, tmp_path / "curves.svg")
    assert code == 0
    assert "picture of a comparison" in out
    assert ElementTree.parse(tmp_path / "curves.svg").getroot().tag == "{http://www.w3.org/2000/svg}svg"


# --- What is wrong -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("RUNS", "Name the folders of runs and, last, what to write"),
        ("nowhere out.csv", "nowhere is not a folder"),
        ("RUNS out.tex --answers", "--answers is for .csv and .parquet"),
        ("RUNS out.csv --reference easy", "--reference is for .tex and .svg"),
        ("RUNS out.csv --by agent", "--by is for .tex and .svg"),
        ("RUNS out.csv --checkpoint 3", "--checkpoint is for minari: and the folder of a model"),
        ("RUNS out.svg --reference eazy", "Did you mean 'easy'?"),
        ("RUNS out", "holds 4 runs: name one of them"),
        ("RUNS/easy/seed_0 out.png", "name a file that ends in .csv, .parquet, .tex, .svg; got 'out.png'"),
        ("RUNS/easy/seed_0 RUNS", "exists already: name a folder that does not"),
    ],
)
def test_wrong_input_is_refused_and_nothing_written(
    capsys, experiment, tmp_path, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, "export", *arguments.replace("RUNS", str(experiment)).split())
    assert code == 2
    assert message in " ".join(err.split())
    assert not list(tmp_path.iterdir())
