"""``etude new-domain``: what it writes works as it is; unfit names and folders that exist are refused."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from commands import run

from etude_gym.cli.new_domain import TEMPLATE, Names, write_domain
from etude_gym.conformance import run_checks

ROOT = Path(__file__).resolve().parent.parent
TIDE_POOLS = Names("tide-pools", "tide_pools", "TidePools")


def walkthrough():
    """The commands of CONTRIBUTING.md, from the first to the last."""
    page = (ROOT / "CONTRIBUTING.md").read_text()
    return page[page.index("etude new-domain tide-pools\n") :].partition("\n```")[0].splitlines()


WALKTHROUGH = walkthrough()


def test_what_is_written_is_the_template_under_other_names(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(capsys, "new-domain", "tide-pools")
    assert code == 0
    assert "etude check tide_pools:TidePools-v0" in out
    assert os.listdir(tmp_path) == ["tide-pools"]
    written = {
        str(path.relative_to(tmp_path / "tide-pools")) for path in tmp_path.rglob("*") if path.is_file()
    }
    assert {"tide_pools/domain.py", "tests/test_tide_pools.py", "README.md", "panel.json"} <= written
    text = "".join((tmp_path / "tide-pools" / name).read_text() for name in written)
    assert not re.search(r"my.?domain", text, re.IGNORECASE)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("9lives", "no name for a domain"),
        ("Tide", "no name for a domain"),
        ("a--b", "no name for a domain"),
        ("../up", "no name for a domain"),
        ("class", "a word of Python"),
        ("json", "a module that can be imported"),
        ("etude-plan", "EtudePlan-v0 already"),
    ],
)
def test_a_name_that_is_unfit_is_refused_and_nothing_is_written(tmp_path, monkeypatch, capsys, name, why):
    monkeypatch.chdir(tmp_path)
    code, _, errors = run(capsys, "new-domain", name)
    assert code == 2
    assert why in " ".join(errors.split())
    assert os.listdir(tmp_path) == []


def test_a_folder_that_exists_is_left_as_it_is(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tide-pools").mkdir()
    code, _, errors = run(capsys, "new-domain", "tide-pools")
    assert code == 2
    assert "exists already" in errors
    assert os.listdir(tmp_path / "tide-pools") == []


def test_what_is_written_keeps_every_promise(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(write_domain(TIDE_POOLS, tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "tide-pools"), prepend=os.pathsep)  # for workers
    results = list(run_checks("tide_pools:TidePools-v0", tasks=60))
    assert [each for each in results if not each.passed] == []
    skipped = {each.name for each in results if each.skipped}
    assert skipped <= {"sb3_checker", "drills"}


def test_the_card_and_the_walkthrough_name_the_same_commands():
    card = (TEMPLATE / "README.md").read_text()
    renamed = [line.replace("tide_pools:TidePools", "my_domain:MyDomain") for line in WALKTHROUGH]
    assert renamed[:2] == ["etude new-domain tide-pools", "cd tide-pools"]
    assert [line for line in renamed[2:] if line not in card.splitlines()] == []


@pytest.mark.slow
def test_the_walkthrough_goes_from_nothing_to_a_calibration_and_a_report(tmp_path):
    pytest.importorskip("sb3_contrib")
    folder = tmp_path / "tide-pools"
    places = [str(ROOT), str(folder), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
    programs = {"etude": "etude_gym.cli", "pytest": "pytest"}
    for line in WALKTHROUGH:
        program, *arguments = shlex.split(line)
        if program in programs:
            command = [sys.executable, "-m", programs[program], *arguments]
            where = folder if folder.exists() else tmp_path
            done = subprocess.run(
                command, cwd=where, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    assert "TidePools-v0" in (folder / "report.html").read_text()
    calibration = json.loads((folder / "runs/panel/calibration.json").read_text())
    assert calibration["axes"] == ["length", "turn"]
    assert (folder / "runs/panel/prerequisites.json").exists()
