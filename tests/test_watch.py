"""``etude watch``: trained agents play, in the terminal or as a GIF; what was failed is played again."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pytest
from commands import run
from rich.console import Console
from small_runs import COUNTING, small_run

from etude_gym.cli import watch
from etude_gym.environment.registration import make_domain
from etude_gym.environment.text_task import draw_tasks, uniform_tasks
from etude_gym.measure.rollout import rollout
from etude_gym.measure.watching import failed_tasks, scenes, turns
from etude_gym.runs.answers import read_answers
from etude_gym.runs.folder import ANSWERS, CHECKPOINTS, EPISODES
from etude_gym.runs.loading import load_agent

OVER = re.compile(r"^The end after step (\d+): (not solved|solved), score ([\d.]+)\.$", re.MULTILINE)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return small_run(tmp_path_factory.mktemp("acting"))


@pytest.fixture(scope="module")
def writing(tmp_path_factory):
    folder = tmp_path_factory.mktemp("writing")
    return small_run(folder, env_id="EtudePlan-v0", agent="small_agents:Parrot", horizon=8.0)


# --- Tasks and scenes ------------------------------------------------------------------------------------


def test_failed_tasks_are_those_of_the_run_and_come_worst_first(finished):
    agent, answers = load_agent(finished), read_answers(finished)[-1]
    failed = failed_tasks(agent.domain, answers)
    assert failed.total == len(answers)
    assert 0 < len(failed.tasks) == (answers.scores < 1).sum() < len(answers)
    again = rollout(agent.domain, failed.tasks, agent.agent)
    np.testing.assert_allclose(again["score"], failed.scores, atol=1e-4)
    assert not again["solved"].any()
    order = list(zip(failed.scores, failed.tasks.difficulty.mean(axis=1), strict=True))
    assert order == sorted(order)


def test_answers_of_another_version_of_a_domain_are_refused(finished):
    answers = read_answers(finished)[-1]
    answers.difficulties[3] += 0.01
    with pytest.raises(ValueError, match="cannot be made again"):
        failed_tasks(make_domain(COUNTING), answers)


def test_scenes_show_what_a_rollout_scores(finished):
    agent = load_agent(finished)
    for seed in range(5):
        task = uniform_tasks(agent.domain, "practice", 1, seed)
        shown = [(scene.step, scene.reward, scene.over) for scene in scenes(agent.domain, task, agent.agent)]
        result = rollout(agent.domain, task, agent.agent)
        assert [step for step, _, _ in shown] == list(range(int(result["actions"][0]) + 1))
        assert sum(reward for _, reward, _ in shown) == pytest.approx(result["score"][0])
        assert [over for *_, over in shown] == [False] * (len(shown) - 1) + [True]


class Outside:
    """Chooses what no action space has, and then the end."""

    def act(self, observations, masks):
        return np.array([99])


def test_an_action_that_is_none_is_shown_as_it_is():
    domain = make_domain(COUNTING)
    task = uniform_tasks(domain, "practice", 1, 0, {"presses": 0.0, "buttons": 0.0})
    shown = list(scenes(domain, task, Outside()))
    assert [(scene.action, scene.legal) for scene in shown] == [("", True)] + [("99", False)] * 7


def test_turns_tell_what_was_said_and_what_became_of_it():
    [task] = draw_tasks("EtudePlan-v0", "practice", 1, seed=0)
    task.reply("I would rather not.")
    task.reply(task.reference())
    first, second = turns(task)
    assert (first.reply, first.status, second.status) == ("I would rather not.", "malformed", "ok")
    assert first.problem
    assert "malformed" in second.prompt
    assert first.rules == second.rules


# --- The command -----------------------------------------------------------------------------------------


def test_an_agent_plays_step_by_step(capsys, finished):
    code, out, _ = run(capsys, "watch", finished, "--seed", 4, "--difficulty", "presses=0", "buttons=0")
    assert code == 0
    assert out.startswith("seed 4, task 1: press (presses 0.00, buttons 0.00)\n  the beginning\n")
    [(steps, _, _)] = OVER.findall(out)
    assert re.findall(r"^  step (\d+): ", out, re.MULTILINE) == [str(n + 1) for n in range(int(steps))]
    assert run(capsys, "watch", finished, "--seed", 4, "--difficulty", "presses=0", "buttons=0")[1] == out


def test_checkpoints_and_several_tasks_can_be_asked_for(capsys, finished):
    _, untrained, _ = run(capsys, "watch", finished, "--seed", 1, "--tasks", 8, "--checkpoint", 0)
    _, trained, _ = run(capsys, "watch", finished, "--seed", 1, "--tasks", 8)
    assert len(OVER.findall(untrained)) == len(OVER.findall(trained)) == 8
    assert untrained != trained


def test_the_same_seed_is_the_same_task_as_in_play(capsys, finished, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("quit\n"))
    played = run(capsys, "play", COUNTING, "--seed", 7)[1]
    shown = run(capsys, "watch", finished, "--seed", 7)[1]
    levels = re.search(r"\(presses .*?\)", shown)[0]
    assert levels in played


def test_failed_anchor_tasks_are_played_again(capsys, finished):
    answers = read_answers(finished)[-1]
    failed = int((answers.scores < 1).sum())
    code, out, _ = run(capsys, "watch", finished, "--failed")
    assert code == 0
    assert out.startswith(f"{failed} of 20 anchor tasks of checkpoint 8 were not solved.\nanchor task 1 of ")
    ends = OVER.findall(out)
    assert len(ends) == failed
    assert {verdict for _, verdict, _ in ends} == {"not solved"}
    assert [score for *_, score in ends] == re.findall(r"not solved, score ([\d.]+): press", out)


def test_a_gif_shows_every_step(capsys, finished, tmp_path):
    image = pytest.importorskip("PIL.Image")
    code, out, _ = run(capsys, "watch", finished, "--seed", 4, "--out", tmp_path / "play.gif")
    assert code == 0
    frames = int(re.search(r"(\d+) pictures", out)[1])
    [(steps, *_)] = OVER.findall(run(capsys, "watch", finished, "--seed", 4)[1])
    assert frames == int(steps) + 1
    with image.open(tmp_path / "play.gif") as gif:
        assert gif.n_frames == frames
        assert gif.size == (768, 768 + 48)
        assert gif.info["loop"] == 0
        first = np.asarray(gif.convert("RGB"))
        gif.seek(frames - 1)
        assert gif.info["duration"] == 2500
        assert (np.asarray(gif.convert("RGB")) != first).any()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["play.gif"]


def test_a_gif_of_failed_tasks_shows_as_many_as_asked(capsys, finished, tmp_path, monkeypatch):
    monkeypatch.setattr("etude_gym.report.animation.write_animation", lambda episodes, path: len([*episodes]))
    assert "5 pictures" in run(capsys, "watch", finished, "--failed", "--out", tmp_path / "a.gif")[1]
    more = ("--failed", "--tasks", 7, "--out", tmp_path / "a.gif")
    assert "7 pictures" in run(capsys, "watch", finished, *more)[1]


def test_an_agent_that_writes_is_shown_with_prompts_and_replies(capsys, writing, tmp_path):
    code, out, _ = run(capsys, "watch", writing, "--seed", 4)
    assert code == 0
    assert "--- reply ---\ngo Depot\n--- (" in out
    assert re.search(r"^The end after turn 1: not solved, score 0.00.$", out, re.MULTILINE)


def test_replies_that_were_recorded_are_shown_without_asking_again(capsys, writing, tmp_path):
    for name in ("config.json", "curve.jsonl", ANSWERS):
        (tmp_path / name).write_bytes((writing / name).read_bytes())
    code, _, err = run(capsys, "watch", tmp_path, "--failed")
    assert code == 2
    assert "keeps no network that could play" in " ".join(err.split())
    answers = read_answers(writing)[-1]
    curve = [json.loads(line) for line in (writing / "curve.jsonl").read_text().splitlines()]
    iteration = next(line["iteration"] for line in curve if line.get("index") == answers.evaluation)
    said = {
        "iteration": iteration,
        "line": "evaluation",
        "replies": ["Hmm?", "```\ndeliver"],
        "cut": [False, True],
    }
    records = [said | {"task_key": int(key)} for key in answers.keys[:-1]]
    (tmp_path / EPISODES).write_text("".join(json.dumps(record) + "\n" for record in records))
    code, out, _ = run(capsys, "watch", tmp_path, "--failed")
    assert code == 0
    assert out.count("--- reply ---\nHmm?\n--- (malformed)") == 19
    assert out.count("--- reply ---\n```\ndeliver\n--- (truncated)") == 19
    assert out.count("(No reply was recorded.)") == 1


def test_a_person_at_the_terminal_goes_on_by_enter_and_leaves_by_q(finished, monkeypatch):
    asked = iter(["", "", "q"])
    shown = io.StringIO()
    screen = Console(file=shown, force_terminal=True, width=80)
    monkeypatch.setattr(screen, "input", lambda prompt: next(asked))
    monkeypatch.setattr(watch, "console", screen)
    monkeypatch.setattr("etude_gym.cli.terminal.console", screen)
    monkeypatch.setattr("sys.stdin", type("Terminal", (io.StringIO,), {"isatty": lambda self: True})())
    watch.Watch(finished, failed=True).run()
    assert next(asked, None) is None
    assert shown.getvalue().count("Possible: ") == 3


# --- What is wrong ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--checkpoint 12", "holds no checkpoint 12; it holds 0, 1,"),
        ("--failed --checkpoint 12", "was not evaluated at checkpoint 12, but at 0, 1,"),
        ("--failed --seed 3", "leave out --seed and --difficulty"),
        ("--failed --difficulty presses=0", "leave out --seed and --difficulty"),
        ("--tasks 0", "tasks must be at least 1, got 0"),
        ("--out play.mp4", "name a file that ends in .gif, not 'play.mp4'"),
        ("--family pres", "Did you mean 'press'?"),
        ("--failed --family pres", "Did you mean 'press'?"),
        ("--difficulty presses=2", "must be a number in [0, 1]"),
        ("--seed -1", "A seed is an integer from 0"),
    ],
)
def test_wrong_input_is_refused(capsys, finished, arguments, message):
    code, _, err = run(capsys, "watch", finished, *arguments.split())
    assert code == 2
    assert message in " ".join(err.split())


def test_a_run_that_solved_everything_has_nothing_to_show(capsys, finished, tmp_path):
    for path in (finished / "config.json", finished / "curve.jsonl"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    lines = [json.loads(line) for line in (finished / ANSWERS).read_text().splitlines()]
    solved = [line | {"scores": [1.0] * 20} if "scores" in line else line for line in lines]
    (tmp_path / ANSWERS).write_text("".join(json.dumps(line) + "\n" for line in solved))
    code, _, err = run(capsys, "watch", tmp_path, "--failed")
    assert code == 2
    assert "All 20 anchor tasks of checkpoint 8 were solved." in " ".join(err.split())


def test_an_experiment_is_not_a_run(capsys, finished, tmp_path):
    for seed in (0, 1):
        (tmp_path / f"seed_{seed}").mkdir()
        (tmp_path / f"seed_{seed}" / "config.json").write_bytes((finished / "config.json").read_bytes())
    assert "holds 2 runs: name one of them" in " ".join(run(capsys, "watch", tmp_path)[2].split())
    assert (finished / CHECKPOINTS).is_dir()
