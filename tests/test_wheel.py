"""The wheel holds what the tree holds: every module, every file of data, the template of a domain."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"etude_gym": "etude_gym", "envs": "etude_gym/envs", "wrappers": "etude_gym/wrappers"}
FOLDERS["agents"] = "etude_gym/agents"
MADE = shutil.ignore_patterns("__pycache__", ".*_cache")
"""What is made beside sources, and no part of them."""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=MADE)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def wheel(source):
    pytest.importorskip("build")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(source / "dist")]
    done = subprocess.run([*command, str(source)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = (source / "dist").glob("*.whl")
    with zipfile.ZipFile(path) as file:
        yield file


def test_the_wheel_holds_every_file_of_the_tree_and_no_other(source, wheel):
    wanted = {
        f"{inside}/{path.relative_to(source / name).as_posix()}"
        for name, inside in FOLDERS.items()
        for path in (source / name).rglob("*")
        if path.is_file()
    }
    held = {name for name in wheel.namelist() if not name.split("/")[0].endswith(".dist-info")}
    assert held == wanted


def test_the_wheel_holds_the_license_and_the_command(wheel):
    names = {name.split("/", 1)[1]: name for name in wheel.namelist() if ".dist-info/" in name}
    assert "licenses/LICENSE" in names
    assert "etude = etude_gym.cli:main" in wheel.read(names["entry_points.txt"]).decode()
