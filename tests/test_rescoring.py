"""A curve that is scored again from the run's folder is the curve that the run wrote."""

from __future__ import annotations

import counting  # noqa: F401 (registers its domain)
import numpy as np
import pytest
from own_learner import LinearReinforce
from small_runs import kill_before_it_saves

from etude_gym.difficulty.bands import cells_of
from etude_gym.environment.registration import make_domain
from etude_gym.runs import practice_run as practice
from etude_gym.runs.config import RunConfig
from etude_gym.runs.finished import load_run
from etude_gym.runs.folder import CHECKPOINTS, CURVE, LATEST, RECORD, IncompleteRun, Run
from etude_gym.runs.practice_run import practice_run
from etude_gym.runs.rescoring import rescore

SALT = 20
OWN = "own_learner:LinearReinforce"
SMALL = {"network": (16,), "n_steps": 8, "batch_size": 32, "n_epochs": 1}
RUNS = {
    "own": ("counting:Counting-v0", OWN, 1e6, {}),
    "restless": ("counting:Counting-v0", "test_rescoring:Restless", 1e6, {}),
    "plan": ("EtudePlan-v0", "sb3", 1e8, SMALL),
    "rllib": ("EtudePlan-v0", "rllib", 1.5e8, SMALL),
}
"""Environment, agent, horizon and options of small runs."""


class Restless(LinearReinforce):
    """Draws its actions when it is scored, too: its random generator is part of what it acts with."""

    def act(self, observations, masks):
        return (self.random.random(masks.shape) * masks).argmax(axis=1)


@pytest.fixture(autouse=True)
def few_turns(monkeypatch):
    monkeypatch.setattr(practice, "ITERATIONS", 16)


def lay_out(folder, name="own"):
    env_id, agent, horizon, options = RUNS[name]
    chance = (0.1,) * len(cells_of(make_domain(env_id).space))
    RunConfig(env_id, "uniform", agent, 3, horizon, 8, items=5, chance=chance, options=options).write(folder)
    return folder


def assert_same_curve(found, written):
    for field in ("index", "compute", "env_steps", "scores", "chance"):
        np.testing.assert_array_equal(getattr(found, field), getattr(written, field), err_msg=field)
    assert found.cells == written.cells


@pytest.mark.parametrize("name", RUNS)
def test_a_run_scored_again_has_exactly_the_curve_that_it_wrote(tmp_path, name):
    if name != "own":
        pytest.importorskip({"rllib": "ray"}.get(name, "sb3_contrib"))
    folder = lay_out(tmp_path, name)
    assert practice_run(folder, SALT)
    written = load_run(folder).curve
    assert len(written) == 9
    assert 0.0 < written.scores.mean() < 1.0
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert_same_curve(rescore(folder), written)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_networks_of_another_run_have_another_curve(tmp_path):
    folder, untrained = lay_out(tmp_path), tmp_path / CHECKPOINTS / "000.safetensors"
    practice_run(folder, SALT)
    for name in Run(folder).networks.values():
        state = Run(folder).load(name) | {"policy": Run(folder).load(untrained.name)["policy"]}
        Run(folder).save(state, name)
    found, written = rescore(folder), load_run(folder).curve
    np.testing.assert_array_equal(found.scores[0], written.scores[0])
    assert (found.scores[1:] != written.scores[1:]).any()


def test_a_folder_holds_one_network_for_each_checkpoint_and_no_pickle(tmp_path):
    folder = lay_out(tmp_path)
    practice_run(folder, SALT)
    assert sorted(path.name for path in (folder / CHECKPOINTS).iterdir()) == [
        *(f"{index:03}.safetensors" for index in range(9)),
        LATEST,
    ]
    for path in folder.rglob("*"):
        assert "pickle" not in path.name
        assert path.is_dir() or not path.read_bytes().startswith(b"\x80")


def test_a_learner_that_says_what_it_acts_with_keeps_nothing_else(tmp_path):
    pytest.importorskip("sb3_contrib")
    folder = lay_out(tmp_path, "plan")
    practice_run(folder, SALT)
    run = Run(folder)
    assert run.load("008.safetensors")["policy"].keys() == run.load()["learner"]["policy"].keys()
    assert "optimizer" in run.load()["learner"]


def test_a_run_that_is_not_finished_cannot_be_scored_again(tmp_path):
    folder, asked = lay_out(tmp_path), iter([False, False, True])
    assert not practice_run(folder, SALT, should_stop=lambda: next(asked))
    with pytest.raises(IncompleteRun, match="is not finished: its anchor tasks are still secret"):
        rescore(folder)
    with pytest.raises(IncompleteRun, match="not a run's folder"):
        rescore(tmp_path / "nowhere")


def test_a_run_without_a_network_of_every_point_is_refused(tmp_path):
    folder = lay_out(tmp_path)
    practice_run(folder, SALT)
    (folder / CHECKPOINTS / "003.safetensors").unlink()
    with pytest.raises(IncompleteRun, match=r"scores of the checkpoints \[0, .* networks of \[0, 1, 2, 4, "):
        rescore(folder)


def test_a_damaged_network_is_named(tmp_path):
    folder = lay_out(tmp_path)
    practice_run(folder, SALT)
    path = folder / CHECKPOINTS / "003.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(IncompleteRun, match=r"003\.safetensors cannot be read"):
        rescore(folder)
    Run(folder).save({"index": 3}, path.name)
    with pytest.raises(IncompleteRun, match=r"003\.safetensors is no network of a checkpoint"):
        rescore(folder)


def test_networks_of_checkpoints_that_are_done_again_are_those_of_the_second_time(tmp_path, monkeypatch):
    """A run that is killed after it has scored, and before it is saved, scores that checkpoint again."""
    folder = lay_out(tmp_path)
    kill_before_it_saves(folder, monkeypatch, SALT, points=4)
    assert list(Run(folder).networks) == [0, 1, 2, 3]
    asked = iter([False, True])
    practice_run(folder, SALT, should_stop=lambda: next(asked, True))
    assert list(Run(folder).networks) == [record["index"] for record in Run(folder).read(CURVE)]
    assert practice_run(folder, SALT)
    assert (folder / RECORD).exists()
    assert_same_curve(rescore(folder), load_run(folder).curve)
