"""The examples run: scripts of other libraries with a small budget, and the cells of the notebooks."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from faulty_server import faulty_server
from scripted_model import model

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
SCRIPTS = {
    "cleanrl_ppo": ("torch", ["--total-timesteps", "1024", "--num-envs", "8", "--num-steps", "32"]),
    "pettingzoo_race": ("pettingzoo", ["--episodes", "3"]),
    "rllib_ppo": ("ray", ["--iterations", "1", "--train-batch-size", "400"]),
    "tianshou_dqn": (
        "tianshou",
        ["--epochs", "1", "--epoch-steps", "256", "--num-envs", "4", "--test-episodes", "8"],
    ),
    "torchrl_ppo": ("torchrl", ["--total-frames", "512", "--frames-per-batch", "256", "--num-envs", "2"]),
}
"""What each script needs, and how it becomes small."""
NOTEBOOKS = ("language_model", "reinforcement_learning")


def cells(name):
    return json.loads((EXAMPLES / f"{name}.ipynb").read_text())["cells"]


def test_every_example_is_run_here():
    names = {path.stem for path in EXAMPLES.iterdir() if path.suffix in (".py", ".ipynb")}
    assert names == {*SCRIPTS, *NOTEBOOKS}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebooks_hold_no_outputs(name):
    assert all(not cell.get("outputs") for cell in cells(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_trains_and_says_a_score(name, tmp_path):
    library, budget = SCRIPTS[name]
    pytest.importorskip(library)
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), *budget]
    done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = re.findall(r"(?:score=|score on probe tasks: |mean return )([-+]?[0-9.]+|nan)", done.stdout)
    assert figures, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_cells_of_a_notebook_run_in_order(name, tmp_path, monkeypatch):
    for library in ("sb3_contrib", "matplotlib") if name == "reinforcement_learning" else ("openai",):
        pytest.importorskip(library)
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "notebook"}
    with faulty_server({"*": [model]}) as server:
        monkeypatch.setenv("BASE_URL", server.base_url)
        for cell in cells(name):
            if cell["cell_type"] == "code":
                exec(compile("".join(cell["source"]), f"{name} {cell['id']}", "exec"), namespace)
    if name == "reinforcement_learning":
        assert 0.0 <= min(namespace["scores"]) <= max(namespace["scores"]) <= 1.0
    else:
        assert namespace["episodes"]
