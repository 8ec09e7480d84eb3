"""Runs that begin with a trained agent, the arm that practices a region, and the profile that names it."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import replace

import counting  # noqa: F401 (registers its domain)
import gymnasium
import numpy as np
import pytest
from own_learner import LinearReinforce
from test_answers import assert_same_answers

from etude_gym.cli.main import main
from etude_gym.difficulty.space import Axis, DifficultySpace
from etude_gym.measure.intervals import Estimate
from etude_gym.practice.focus import FocusSampler
from etude_gym.practice.sampler import REASONS
from etude_gym.practice.strategies import make_arm
from etude_gym.randomness import mix
from etude_gym.report.profile_tables import sentences
from etude_gym.runs import practice_run as practice
from etude_gym.runs.answers import read_answers
from etude_gym.runs.config import RunConfig
from etude_gym.runs.experiment import Experiment, ExperimentConfig
from etude_gym.runs.finished import load_run
from etude_gym.runs.folder import CHECKPOINTS, CONFIG, START, IncompleteRun, Run
from etude_gym.runs.practice_run import practice_run
from etude_gym.runs.profiling import profile_runs
from etude_gym.runs.rescoring import rescore, restored_agent
from etude_gym.runs.starting import find_starts, first_stream

SPACE = DifficultySpace(tuple(Axis(name, "") for name in ("a", "b", "c")), ("first", "second"))
KEYS = mix(1, np.arange(20_000))
ENV_ID = "counting:Counting-v0"


class Weights(LinearReinforce):
    """Acts by its weights alone, and can begin with those of another."""

    def policy_state(self):
        return {"weights": self.weights.copy()}

    def load_policy_state(self, state):
        self.weights = state["weights"].copy()

    start_from = load_policy_state


AGENT = "test_starting:Weights"


@pytest.fixture(autouse=True)
def few_turns(monkeypatch):
    monkeypatch.setattr(practice, "ITERATIONS", 16)


# --- The arm -----------------------------------------------------------------------------------------------


def test_focus_draws_a_share_from_the_region_and_the_rest_from_everywhere():
    draw = make_arm("focus,family=second,b=0.75-1,share=0.3", SPACE).draw(KEYS)
    inside = draw.reason == REASONS.index("focus")
    assert inside.mean() == pytest.approx(0.3, abs=0.01)
    assert set(draw.family[inside]) == {1}
    assert draw.difficulty[inside, 1].min() >= 0.75
    np.testing.assert_allclose(draw.difficulty[inside].mean(axis=0), [0.5, 0.875, 0.5], atol=0.02)
    np.testing.assert_allclose(draw.difficulty[~inside].mean(axis=0), [0.5, 0.5, 0.5], atol=0.02)
    np.testing.assert_allclose(draw.difficulty[~inside].max(axis=0), [1, 1, 1], atol=0.01)
    assert draw.family[~inside].mean() == pytest.approx(0.5, abs=0.02)


def test_draws_depend_on_their_keys_alone_and_a_share_of_0_is_uniform():
    sampler = FocusSampler(SPACE, share=0.5, a="0-0.25")
    whole, part = sampler.draw(KEYS), sampler.draw(KEYS[7:9])
    np.testing.assert_array_equal(whole[7:9].difficulty, part.difficulty)
    np.testing.assert_array_equal(whole.task_keys, KEYS)
    none = FocusSampler(SPACE, share=0.0, a="0-0.25").draw(KEYS)
    assert set(none.reason) == {REASONS.index("uniform")}
    assert none.difficulty[:, 0].mean() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("arm", "message"),
    [
        ("focus", "Name a region"),
        ("focus,share=0.5", "Name a region"),
        ("focus,d=0-1", "Unknown difficulty axis 'd'"),
        ("focus,a=0.9-0.1", "a needs a range within 0 and 1"),
        ("focus,a=0-1,share=2", r"share must lie in \[0.0, 1.0\]"),
        ("focus,a=0-1,share=half", "share"),
        ("uniform,a=0-1", "Unknown option of 'uniform' 'a'"),
    ],
)
def test_arms_that_name_no_region_are_refused(arm, message):
    with pytest.raises(ValueError, match=message):
        make_arm(arm, SPACE)


def test_an_environment_takes_the_arm():
    env = gymnasium.make("EtudePlan-v0", practice="focus,horizon=0.75-1,share=1")
    _, info = env.reset(seed=0)
    assert info["difficulty"]["horizon"] >= 0.75
    assert info["reason"] == "focus"


# --- The start ---------------------------------------------------------------------------------------------


def practiced(folder, **changes):
    """A finished experiment of two seeds."""
    config = {"env_id": ENV_ID, "agent": AGENT, "arms": ("uniform",), "seeds": 2, "first_seed": 5}
    experiment = Experiment.create(
        folder, ExperimentConfig(**{**config, "horizon": 1e6, "items": 3, **changes})
    )
    for run in experiment.run_folders():
        assert practice_run(run, experiment.salt(run))
    return experiment


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(practice, "ITERATIONS", 16)
        return practiced(tmp_path_factory.mktemp("first")).folder / "uniform"


def test_a_run_starts_as_the_agent_of_its_seed_ended_and_goes_on_learning(tmp_path, finished):
    experiment = practiced(tmp_path / "next", start=finished, arms=("uniform", "focus,presses=0.5-1"))
    assert len(experiment.run_folders()) == 4
    for run in experiment.run_folders():
        config = RunConfig.read(run)
        source = finished / run.name
        compute = load_run(source).curve.compute[-1]
        assert config.start == {"run": str(source), "checkpoint": 8, "compute": compute, "runs_before": 1}
        first, _ = restored_agent(run, 0)
        last, _ = restored_agent(source)
        np.testing.assert_array_equal(first.weights, last.weights)
        after, _ = restored_agent(run)
        assert (after.weights != first.weights).any()
        assert load_run(run).curve.compute[0] == 0


def test_all_seeds_start_from_one_run_and_need_its_folder_no_more(tmp_path, finished):
    experiment = practiced(tmp_path / "next", start=finished / "seed_6", first_seed=0)
    for run in experiment.run_folders():
        first, _ = restored_agent(run, 0)
        last, _ = restored_agent(finished / "seed_6")
        np.testing.assert_array_equal(first.weights, last.weights)
        assert (run / CHECKPOINTS / START).exists()
        np.testing.assert_array_equal(rescore(run).scores, load_run(run).curve.scores)


def test_a_run_that_started_from_another_resumes_as_if_nothing_had_happened(tmp_path, finished):
    whole = practiced(tmp_path / "whole", start=finished).run_folders()[0]
    salt = load_run(whole).anchor_salt
    stopped = tmp_path / "stopped"
    RunConfig.read(whole).write(stopped)
    (stopped / CHECKPOINTS).mkdir()
    (stopped / CHECKPOINTS / START).write_bytes((whole / CHECKPOINTS / START).read_bytes())
    asked = iter([False] * 5 + [True])
    assert not practice_run(stopped, salt, should_stop=lambda: next(asked))
    assert practice_run(stopped, salt)
    assert_same_answers(read_answers(stopped), read_answers(whole))


def test_starts_that_cannot_be_are_refused_before_anything_is_written(tmp_path, finished):
    finished = shutil.copytree(finished, tmp_path / "first")

    def refused(error, message, **changes):
        folder = tmp_path / "refused"
        with pytest.raises(error, match=message):
            practiced(folder, **{"start": finished, **changes})
        assert not folder.exists()

    refused(ValueError, "holds 0 runs of seed 7", seeds=3)
    refused(
        ValueError,
        r"cannot practice on from another run: it has no start_from",
        agent="own_learner:LinearReinforce",
    )
    refused(IncompleteRun, "is not a folder", start=tmp_path / "nowhere")
    other = practiced(tmp_path / "other", options={"learning_rate": 0.5}, seeds=1, first_seed=7)
    other.run_folders()[0].rename(finished / "seed_7")
    refused(ValueError, "made with different options", seeds=3)


def test_only_what_reads_text_goes_on_in_another_environment(tmp_path, finished):
    finished = shutil.copytree(finished, tmp_path / "first")
    with pytest.raises(ValueError, match="Only agents that read text may go on in another environment"):
        find_starts(finished, "Other-v0", AGENT, [5])
    for config in finished.rglob(CONFIG):
        config.write_text(json.dumps(json.loads(config.read_text()) | {"interface": "text"}))
    assert find_starts(finished, "Other-v0", AGENT, [5])[5].config.env_id == ENV_ID


def test_a_run_that_started_from_another_meets_tasks_of_its_own(tmp_path, finished):
    second = practiced(tmp_path / "second", start=finished, seeds=1)
    third = practiced(tmp_path / "third", start=second.run_folders()[0], seeds=1)
    configs = [
        RunConfig.read(run) for run in (finished / "seed_5", *second.run_folders(), *third.run_folders())
    ]
    seeds = [first_stream(config) for config in configs]
    assert seeds[0] == 5 * configs[0].num_envs
    assert np.diff(seeds).min() > 2**32


def test_a_damaged_start_is_named(tmp_path, finished):
    run = practiced(tmp_path / "next", start=finished).run_folders()[0]
    again = tmp_path / "again"
    RunConfig.read(run).write(again)
    with pytest.raises(IncompleteRun, match=r"start\.safetensors is no network"):
        practice_run(again, 1)
    Run(again).save({"index": 3}, START)
    with pytest.raises(IncompleteRun, match=r"start\.safetensors is no network"):
        practice_run(again, 1)


# --- etude profile -----------------------------------------------------------------------------------------


def etude(capsys, *arguments):
    code: int | str | None = 0
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as error:
        code = error.code
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_profile_is_printed_and_its_command_practices_what_it_says(
    tmp_path, finished, capsys, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "120")
    code, out, err = etude(capsys, "profile", finished, "--out", tmp_path / "picture.svg")
    assert (code, err) == (0, "")
    assert "2 seeds pooled" in out
    assert "It is weakest along" in out
    assert "<svg" in (tmp_path / "picture.svg").read_text()
    found = profile_runs([finished])
    assert found.profile.seeds == 2
    best = found.profile.next[0].region
    command = next(line for line in out.splitlines() if line.strip().startswith("etude practice"))
    assert command.strip() == found.command(best)
    words = shlex.split(command)
    assert words[words.index("--arms") + 1 : words.index("--horizon")] == ["uniform", f"focus,{best.options}"]
    assert (words[words.index("--seeds") + 1], words[words.index("--first-seed") + 1]) == ("2", "5")
    code, out, err = etude(capsys, *words[1:], "--items", 3, "--workers", 1, "--out", tmp_path / "next")
    assert (code, err) == (0, "")
    config = json.loads((tmp_path / "next" / f"focus,{best.options}" / "seed_5" / "config.json").read_text())
    assert (config["horizon"], config["start"]["run"]) == (2.5e5, str(finished / "seed_5"))


def test_where_nothing_beats_guessing_no_axis_is_called_weakest(finished):
    found = profile_runs([finished], resamples=20)
    none = Estimate(-0.01, -0.02, 0.0)
    cells = tuple(replace(cell, score=none) for cell in found.profile.cells)
    failing = replace(found, profile=replace(found.profile, cells=cells))
    said = " ".join(sentences(failing))
    assert "no better than guessing in any band" in said
    assert "weakest along" not in said
    assert "weakest along" in " ".join(sentences(found))


def test_a_profile_is_of_a_checkpoint_and_of_one_agent(tmp_path, finished, capsys):
    early = profile_runs([finished], checkpoint=0, resamples=20)
    assert (early.compute, early.checkpoint) == (0.0, 0)
    scores = [answers.scores for answers in (read_answers(finished / f"seed_{seed}")[0] for seed in (5, 6))]
    chance = np.repeat(early.config.chance, 3)
    expected = np.mean([(s - chance) / (1 - chance) for s in scores])
    assert early.profile.score.value == pytest.approx(expected, abs=1e-4)
    code, _, err = etude(capsys, "profile", finished, "--checkpoint", 99)
    assert code == 2
    assert "answers of checkpoint 99; they have those of 0, 1, 2" in " ".join(err.split())
    other = practiced(tmp_path / "other", arms=("easy",), seeds=1)
    with pytest.raises(ValueError, match="different arm"):
        profile_runs([finished, other.folder])
    assert etude(capsys, "profile")[0] == 2
