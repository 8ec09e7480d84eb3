"""``etude export`` of episodes and tasks: what is written is read back by the libraries it is for."""

from __future__ import annotations

import sys

import gymnasium as gym
import numpy as np
import pytest
from commands import run
from small_runs import small_run

NAME = "etude/counting-oracle-v0"


@pytest.fixture
def minari(tmp_path, monkeypatch):
    pytest.importorskip("h5py")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "datasets"))
    return pytest.importorskip("minari")


def export(capsys, *arguments):
    code, out, errors = run(capsys, "export", *arguments)
    return code, " ".join((out + errors).split())


def test_episodes_of_the_oracle_are_read_back_by_minari_and_can_be_played_again(minari, capsys):
    given = (
        "counting:Counting-v0",
        f"minari:{NAME}",
        "--episodes",
        7,
        "--seed",
        3,
        "--difficulty",
        "buttons=1",
    )
    code, told = export(capsys, *given)
    assert code == 0
    assert "7 episodes of oracle, mean score 1.000" in told
    dataset = minari.load_dataset(NAME)
    env = dataset.recover_environment()
    assert dataset.total_episodes == 7
    for number, episode in enumerate(dataset.iterate_episodes()):
        observation, info = env.reset(seed=3 + number)
        assert info["difficulty"]["buttons"] == 1.0
        for step, action in enumerate(episode.actions):
            np.testing.assert_array_equal(episode.observations[step], observation)
            np.testing.assert_array_equal(episode.infos["action_mask"][step], info["action_mask"])
            observation, reward, over, _, info = env.step(action)
            assert (episode.rewards[step], episode.terminations[step]) == (reward, over)
        assert over
        assert episode.rewards.sum() == pytest.approx(1.0)
    assert minari.get_normalized_score(dataset, np.array([0.5])) == 0.5


def test_a_dataset_that_exists_is_left_as_it_is(minari, capsys):
    given = ("counting:Counting-v0", f"minari:{NAME}", "--episodes", 2)
    assert export(capsys, *given)[0] == 0
    code, told = export(capsys, *given)
    assert code == 2
    assert f"There is a dataset {NAME} already" in told
    assert minari.load_dataset(NAME).total_episodes == 2


def test_episodes_of_a_trained_agent_are_those_it_plays(minari, capsys, tmp_path):
    folder = tmp_path / "run"
    small_run(folder, arm="static", seed=0, horizon=2e5)
    code, told = export(capsys, folder, "minari:etude/learner-v0", "--episodes", 5)
    assert code == 0, told
    dataset = minari.load_dataset("etude/learner-v0")
    returns = [episode.rewards.sum() for episode in dataset.iterate_episodes()]
    assert f"mean score {np.mean(returns):.3f}" in told
    assert dataset.storage.metadata["algorithm_name"] == "own_learner:LinearReinforce (static)"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("counting:Counting-v0", "minari:no-version"), "reads etude/NAME-v0"),
        (("counting:Counting-v0", f"minari:{NAME}", "--episodes", "0"), "at least 1"),
        (("counting:Counting-v0", f"minari:{NAME}", "--checkpoint", "1"), "for the folder of a run"),
        (("runs/none", f"minari:{NAME}"), "Unknown environment 'runs/none'"),
        (("EtudePlan-v0", "curves.csv", "--episodes", "3"), "--episodes is for minari:"),
        (("EtudePlan-v0", "task.pddl", "--answers"), "--answers is for"),
    ],
)
def test_what_cannot_be_exported_is_refused_with_what_can(minari, capsys, arguments, why):
    code, told = export(capsys, *arguments)
    assert code == 2
    assert why in told
    assert minari.list_local_datasets() == {}


def test_without_minari_the_error_names_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "minari", None)
    monkeypatch.setitem(sys.modules, "h5py", None)
    code, told = export(capsys, "counting:Counting-v0", f"minari:{NAME}")
    assert code == 2
    assert 'pip install "etude-gym[minari]"' in told


def test_a_task_is_written_as_pddl_that_reads_back(capsys, tmp_path):
    pytest.importorskip("unified_planning")
    from unified_planning.io import PDDLReader

    out = tmp_path / "task.pddl"
    code, told = export(
        capsys, "EtudePlan-v0", out, "--seed", 2, "--difficulty", "contingency=0", "horizon=0"
    )
    assert code == 0, told
    problem = PDDLReader().parse_problem(str(tmp_path / "task-domain.pddl"), str(out))
    env = gym.make("EtudePlan-v0", practice="uniform", difficulty={"contingency": 0.0, "horizon": 0.0})
    env.reset(seed=2)
    goals = int((env.unwrapped.worlds[0]["goal"] > 0).sum())
    assert sum(len(goal.args) if goal.is_and() else 1 for goal in problem.goals) == goals


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("EtudePlan-v0", "--difficulty", "contingency=1"), "PDDL cannot express"),
        (("counting:Counting-v0",), "counting-v0 has no PDDL form"),
    ],
)
def test_a_task_without_a_pddl_form_is_refused_and_nothing_is_written(capsys, tmp_path, arguments, why):
    env_id, *options = arguments
    code, told = export(capsys, env_id, tmp_path / "task.pddl", *options)
    assert code == 2
    assert why in told
    assert list(tmp_path.iterdir()) == []
