"""``etude practice --agent llm``, ``etude ask`` and ``etude curve`` as a person meets them."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace

import pytest
from rich.progress import Progress, TextColumn

pytest.importorskip("openai")

from commands import run
from faulty_server import answer, error, faulty_server, status
from scripted_model import PLAN, calls_of, ledger_of, model, usage_by_line
from test_calibration import curve_of

from etude_gym.agents.llm.client import Counts
from etude_gym.agents.llm.curve import ModelCheckpoint
from etude_gym.cli.asking import REPORT, Counting
from etude_gym.cli.results import PICTURE
from etude_gym.difficulty.calibration import Calibration
from etude_gym.difficulty.placement import Placement
from etude_gym.envs.plan.domain import PlanDomain
from etude_gym.measure.curves import from_records
from etude_gym.report.comparison import compare
from etude_gym.report.placement_tables import NO_CALIBRATION
from etude_gym.report.plots import draw_comparison
from etude_gym.runs.answers import read_answers
from etude_gym.runs.folder import ANSWERS, CONFIG, CURVE, EPISODES, RECORD, Run, read_json

KEY = "sk-very-secret"
SALT = 3
"""Of the anchor tasks. With six tasks another one may leave the scripted model at 0."""
SMALL = ("--bands", "-1", "0", "--max-tokens", "64")


@pytest.fixture(autouse=True)
def a_key_and_wide_lines(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("ETUDE_API_KEY", KEY)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture(autouse=True)
def the_same_anchor_tasks(monkeypatch):
    for module in ("ask", "curve"):
        monkeypatch.setattr(f"etude_gym.agents.llm.{module}.fresh_seed", lambda: SALT)


@pytest.fixture
def server():
    with faulty_server({"*": [model]}) as running:
        yield running


def holds_key(folder):
    return [path for path in folder.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def answers_of(folder):
    """How many calls were answered, and to how many requests."""
    answered = [call["id"] for call in calls_of(folder) if call["event"] == "answered"]
    return len(answered), len(set(answered))


def stopping_after(number):
    """A server whose key is refused once, after so many requests."""
    left = iter(range(number, -(10**9), -1))
    return lambda handler: (status(401, error(f"no {KEY}")) if next(left) == 0 else model)(handler)


# --- etude ask ---------------------------------------------------------------------------------------------


def ask(capsys, server, folder, *arguments):
    where = ("--model", "small", "--base-url", server.base_url)
    return run(capsys, "ask", PLAN, *where, "--items", 3, "--rounds", 1, *SMALL, "--out", folder, *arguments)


def test_a_model_is_asked_and_a_table_and_a_report_tell_where_it_stands(capsys, server, tmp_path):
    code, out, err = ask(capsys, server, tmp_path / "asked", "--examples", 2)
    assert (code, err) == (0, "")
    report = (tmp_path / "asked" / REPORT).read_text()
    assert report.startswith("```text\n")
    for text in (out, report):
        assert f"{PLAN}: small, 2 worked solutions shown" in text
        assert re.search(r"family +band +score +± se +tasks +copied +constant", text)
        assert re.search(r"delivery +entry +\d\.\d\d +\d\.\d\d +3 +0\.\d\d +0\.\d\d +\d \w+", text)
        assert "Rounds: mean score" in text
    folder = tmp_path / "asked" / PLAN
    spent = usage_by_line(folder)
    assert spent.keys() == {"rollout", "evaluation"}
    profile = read_json(folder / "profile.json")
    told = {line: amounts for line, amounts in profile["tokens"].items() if any(amounts.values())}
    assert told == spent
    tokens = spent["rollout"]["tokens_in"] + spent["rollout"]["tokens_out"]
    assert f"rollout {spent['rollout']['requests']} requests, {tokens:,} tokens" in out
    assert [(cell["band"], len(cell["scores"]), cell["left_out"]) for cell in profile["cells"]] == [
        (-1, 3, 0),
        (0, 3, 0),
    ]
    assert {len(asked["messages"]) for asked in server.asked} == {2 + 2 * 2}
    episodes = Run(folder).read(EPISODES)
    assert [episode["line"] for episode in episodes] == ["rollout"] * 8 + ["evaluation"] * 6
    assert {episode["examples"] for episode in episodes} == {2}


def test_asking_goes_on_where_it_was_stopped_and_asks_nothing_again(capsys, server, tmp_path):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert ask(capsys, server, whole)[0] == 0
    number = len(server.asked)
    assert run(capsys, "ask", "--resume", whole)[0] == 0
    assert len(server.asked) == number
    (stopped / PLAN).mkdir(parents=True)
    shutil.copy(whole / PLAN / CONFIG, stopped / PLAN / CONFIG)  # the same anchor tasks
    server.scripts["*"] = [stopping_after(number // 2)]
    code, out, err = run(capsys, "ask", "--resume", stopped)
    assert code == 1
    assert f"etude ask --resume {stopped}" in out
    assert "ETUDE_API_KEY" in err
    assert run(capsys, "ask", "--resume", stopped)[0] == 0
    assert (
        read_json(stopped / PLAN / "profile.json")["cells"]
        == read_json(whole / PLAN / "profile.json")["cells"]
    )
    assert answers_of(stopped / PLAN) == (number, number)
    assert Run(stopped / PLAN).read(EPISODES) == Run(whole / PLAN).read(EPISODES)
    assert holds_key(tmp_path) == []


@pytest.fixture
def calibrated(monkeypatch):
    """Plan tasks have a known calibration, of which the scripted model is somewhere in the middle."""
    calibration = Calibration(
        "plan-v0", PlanDomain.space.names, ("delivery",), (curve_of(*(2.0,) * 4, floor=0.0),), ((1.0,),), 1e-3
    )
    monkeypatch.setattr(PlanDomain, "space", replace(PlanDomain.space, calibration=calibration))


def placed_in(folder):
    [placement] = read_json(folder / PLAN / "profile.json")["placement"]
    return placement


def test_all_answers_place_a_model_on_the_calibrated_scale(capsys, calibrated, server, tmp_path):
    code, out, err = ask(capsys, server, tmp_path / "asked")
    assert (code, err) == (0, "")
    found = placed_in(tmp_path / "asked")
    assert found["tasks"] == 8 + 6
    assert found["ability"]["low"] < found["ability"]["value"] < found["ability"]["high"]
    assert "Placement on the calibrated scale:\ndelivery: " in out
    assert f"{found['ability']['value']:.2f} [{found['ability']['low']:.2f}, " in out


def test_a_model_is_asked_until_it_is_placed_and_nothing_twice(capsys, calibrated, server, tmp_path):
    whole, stopped, short = tmp_path / "whole", tmp_path / "stopped", tmp_path / "short"
    assert ask(capsys, server, whole, "--place", 60)[0] == 0
    found, number = placed_in(whole), len(server.asked)
    assert 6 < found["tasks"] <= 66
    prompts = [asked["messages"][-1]["content"] for asked in server.asked]
    assert len(set(prompts)) == len(prompts)
    lines = [episode["line"] for episode in Run(whole / PLAN).read(EPISODES)]
    assert lines == ["evaluation"] * 6 + ["rollout"] * (len(lines) - 6)
    assert run(capsys, "ask", "--resume", whole)[0] == 0
    assert len(server.asked) == number
    (stopped / PLAN).mkdir(parents=True)
    shutil.copy(whole / PLAN / CONFIG, stopped / PLAN / CONFIG)  # the same anchor tasks
    server.scripts["*"] = [stopping_after(number // 2)]
    assert run(capsys, "ask", "--resume", stopped)[0] == 1
    assert run(capsys, "ask", "--resume", stopped)[0] == 0
    assert placed_in(stopped) == found
    assert answers_of(stopped / PLAN) == (number, number)
    assert ask(capsys, server, short, "--place", 3)[0] == 0
    assert placed_in(short)["tasks"] <= 9
    assert placed_in(short)["standard_error"] > found["standard_error"]


def test_without_a_calibration_a_sentence_says_so_and_rounds_are_asked(capsys, monkeypatch, server, tmp_path):
    monkeypatch.setattr(PlanDomain, "space", replace(PlanDomain.space, calibration=None))
    code, out, err = ask(capsys, server, tmp_path / "asked", "--place", 60)
    assert (code, err) == (0, "")
    assert NO_CALIBRATION in " ".join(out.split())
    assert "Rounds: mean score" in out
    assert read_json(tmp_path / "asked" / PLAN / "profile.json")["placement"] == []


def test_the_live_line_shows_standard_errors():
    bars = Progress(TextColumn("{task.description}"))
    line = Counting(bars, "EtudePlan-v0")
    line.count(Counts(answered=12, retried=1, tokens=3400))
    line.place({"chain": Placement(curve_of(2.0, 1.0))})
    shown = bars.tasks[0].description
    assert shown.startswith(
        "EtudePlan-v0: 12 answered, 1 retried, 3,400 tokens; standard error of ability: chain "
    )
    assert re.search(r"chain \d\.\d\d$", shown)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Name an environment, the model and its endpoint"),
        ((PLAN, "--model", "m", "--base-url", "http://host/v1", "--place", "-1"), "place must be at least 0"),
        ((PLAN, "--model", "small"), "Name an environment, the model and its endpoint"),
        ((PLAN, "EtudePlann-v0", "--model", "m", "--base-url", "http://host/v1"), "EtudePlan-v0"),
        ((PLAN, "--model", "m", "--base-url", "http://u:secret@host/v1"), "must hold no user"),
        ((PLAN, "--model", "m", "--base-url", "http://host/v1", "--items", "0"), "items must be at least 1"),
        ((PLAN, "--model", "m", "--base-url", "http://host/v1", "--bands", "7"), "bands must be different"),
        ((PLAN, "--model", "m", "--base-url", "http://host/v1", "--concurrency", "0"), "concurrency must be"),
        (("--resume", "nowhere"), "holds nothing that was asked"),
        (("--resume", "nowhere", "--items", "3"), "leave out items"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_written(
    capsys, monkeypatch, tmp_path, arguments, message
):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, "ask", *arguments)
    assert code == 2
    assert message in err
    assert "secret" not in err
    assert list(tmp_path.iterdir()) == []


# --- etude curve -------------------------------------------------------------------------------------------


def curve(capsys, folder, *checkpoints):
    given = ("--checkpoint", *checkpoints, "--name", folder.name, "--items", 3)
    return run(capsys, "curve", PLAN, *given, *SMALL, "--out", folder)


def test_checkpoints_make_a_curve_that_is_compared_like_a_run(capsys, server, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    with faulty_server({"*": [answer("pass")]}) as untrained:
        series = [f"0=small@{untrained.base_url}", f"1e9=small@{server.base_url}"]
        code, out, err = curve(capsys, one, *series)
        assert (code, err) == (0, "")
        assert re.search(r"compute +score +entry +band 0", out)
        assert curve(capsys, two, *series)[0] == 0
    points = Run(one).read(CURVE)
    assert [(point["index"], point["compute"]) for point in points] == [(0, 0.0), (1, 1e9)]
    scores = from_records(points).mean
    assert scores[0] <= 0 < scores[1]
    kept = read_answers(one)
    assert [(answers.evaluation, answers.compute) for answers in kept] == [(0, 0.0), (1, 1e9)]
    assert [answers.scores.mean() for answers in kept] == pytest.approx(
        from_records(points).scores.mean((1, 2))
    )
    assert ledger_of(one) == usage_by_line(one)
    keys = [[e["task_key"] for e in Run(one).read(EPISODES) if e["iteration"] == index] for index in (0, 1)]
    assert len(keys[0]) == 6
    assert keys[0] == keys[1]
    code, out, err = run(capsys, "compare", one, two, "--reference", "one", "--out", tmp_path)
    assert (code, err) == (0, "")
    assert "1e+09 FLOPs" in out


def test_a_curve_goes_on_where_it_was_stopped_and_asks_nothing_again(capsys, server, tmp_path):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    series = [f"0=small@{server.base_url}", f"5=large@{server.base_url}", f"7=small@{server.base_url}"]
    assert curve(capsys, whole, *series)[0] == 0
    number = len(server.asked)
    code, out, _ = run(capsys, "curve", "--resume", whole)
    assert code == 0
    assert len(server.asked) == number
    stopped.mkdir()
    for name in (CONFIG, "checkpoints.json"):
        shutil.copy(whole / name, stopped / name)
    server.scripts["*"] = [stopping_after(number // 2)]
    code, out, _ = run(capsys, "curve", "--resume", stopped)
    assert code == 1
    assert f"etude curve --resume {stopped}" in out
    assert not (stopped / RECORD).exists()
    assert run(capsys, "curve", "--resume", stopped)[0] == 0
    assert answers_of(stopped) == (number, number)
    for name in (CURVE, ANSWERS, EPISODES):
        assert Run(stopped).read(name) == Run(whole).read(name)
    assert holds_key(tmp_path) == []


URL = "http://host/v1"


@pytest.mark.parametrize(
    ("text", "checkpoint"),
    [
        (f"0={URL}", ModelCheckpoint(0.0, URL, "m")),
        (f"2e13=small@{URL}", ModelCheckpoint(2e13, URL, "small")),
        (f"1=org/model@main@{URL}", ModelCheckpoint(1.0, URL, "org/model@main")),
        (f"1=a=b@{URL}", ModelCheckpoint(1.0, URL, "a=b")),
    ],
)
def test_checkpoints_are_read(text, checkpoint):
    assert ModelCheckpoint.parse(text, "m") == checkpoint


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--checkpoint", f"0=m@{URL}"), "at least two checkpoints"),
        (("--checkpoint", f"1=m@{URL}", f"2=m@{URL}"), "the first at 0"),
        (("--checkpoint", f"0=m@{URL}", f"2=m@{URL}", f"1=m@{URL}"), "in the order of their compute"),
        (("--checkpoint", f"0={URL}", f"1={URL}"), "names no model"),
        (("--checkpoint", URL), "A checkpoint reads COMPUTE=URL"),
        (("--checkpoint", f"-1=m@{URL}"), "A checkpoint reads COMPUTE=URL"),
        (("--checkpoint", f"0=m@{URL}", "1=m@http://u:secret@host/v1"), "must hold no user"),
        (("--checkpoint", f"0=m@{URL}", f"1=m@{URL}", "--unit", "flop"), "Did you mean 'flops'"),
        (("--checkpoint", f"0=m@{URL}", f"1=m@{URL}", "--items", "0"), "items must be at least 1"),
        (("--resume", "nowhere"), "does not exist"),
        (("--resume", "nowhere", "--unit", "tokens"), "leave out unit"),
    ],
)
def test_what_makes_no_curve_is_refused_before_anything_is_written(
    capsys, monkeypatch, tmp_path, arguments, message
):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, "curve", *(() if "--resume" in arguments else (PLAN,)), *arguments)
    assert code == 2
    assert message in err
    assert "secret" not in err
    assert list(tmp_path.iterdir()) == []


# --- etude practice ----------------------------------------------------------------------------------------


def practice(capsys, server, folder, *arguments):
    where = ("--agent", "llm", "--model", "small", "--base-url", server.base_url, "--examples", 4)
    return run(
        capsys, "practice", PLAN, *where, "--seeds", 1, "--items", 3, *SMALL, "--out", folder, *arguments
    )


def test_arms_of_a_language_model_are_compared_in_tokens_and_a_stopped_run_says_how_to_go_on(
    capsys, server, tmp_path
):
    server.scripts["*"] = [stopping_after(10)]
    arms = ("--arms", "none", "static", "--horizon", 9_000)
    code, out, err = practice(capsys, server, tmp_path / "runs", *arms)
    assert code == 1
    assert f"etude practice --resume {tmp_path / 'runs'}" in err
    assert "ETUDE_API_KEY" in err
    code, out, err = run(capsys, "practice", "--resume", tmp_path / "runs")
    assert (code, err) == (0, "")
    assert re.search(r"H = 9e\+03 tokens", out)
    assert "FLOPs" not in out
    assert (tmp_path / "runs" / PICTURE).exists()
    with pytest.importorskip("matplotlib").rc_context({"svg.fonttype": "none"}):
        draw_comparison(compare([tmp_path / "runs"]), tmp_path / "curves.svg")
    drawn = (tmp_path / "curves.svg").read_text()
    assert "training compute (1 = horizon = 9e+03 tokens)" in drawn
    assert "FLOPs" not in drawn
    none, static = (tmp_path / "runs" / arm / "seed_0" for arm in ("none", "static"))
    examples = [{episode["examples"] for episode in Run(folder).read(EPISODES)} for folder in (none, static)]
    assert examples == [{0}, {0, 4}]
    for folder in (none, static):
        ledger = ledger_of(folder)
        ledger.pop("repeated", None)
        assert ledger == usage_by_line(folder)
    assert holds_key(tmp_path) == []
    in_flops = shutil.copytree(none, tmp_path / "flops")
    config = read_json(in_flops / CONFIG)
    (in_flops / CONFIG).write_text(json.dumps({**config, "unit": "flops", "arm": "adaptive"}))
    code, _, err = run(capsys, "compare", static, in_flops)
    assert code == 2
    assert "only if they share unit" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--agent", "llm"), "Name the endpoint and the model"),
        (("--agent", "llm", "--model", "m", "--base-url", "http://u:secret@host/v1"), "must hold no user"),
        (
            ("--agent", "llm", "--model", "m", "--base-url", URL, "--examples", "-1"),
            "examples must be at least 0",
        ),
        (
            ("--agent", "llm", "--model", "m", "--base-url", URL, "--parameters", "0"),
            "must be a positive number",
        ),
        (("--agent", "llm", "--model", "m", "--base-url", URL, "--tokenizer", "x"), "Unknown tokenizer"),
        (("--agent", "llm", "--model", "m", "--base-url", URL, "--arms", "drill"), "practice whole tasks"),
        (
            ("--agent", "llm", "--model", "m", "--base-url", URL, "--arms", "adaptive,drill_share=0.2"),
            "practice whole tasks",
        ),
        (("--agent", "llm", "--model", "m", "--base-url", URL, "--arms", "self_play"), "--agent rllib does"),
        (("--agent", "sb3", "--arms", "none", "static"), "it is a control for --agent llm"),
        (("--agent", "sb3", "--model", "m"), "Unknown sb3 option 'model'"),
        (("--agent", "greedy"), "does not learn"),
    ],
)
def test_practice_that_cannot_be_is_refused_before_anything_is_written(
    capsys, monkeypatch, tmp_path, arguments, message
):
    pytest.importorskip("sb3_contrib")
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, "practice", PLAN, *arguments)
    assert code == 2
    assert message in err
    assert "secret" not in err
    assert list(tmp_path.iterdir()) == []


def test_practice_of_a_language_model_on_a_domain_without_prompts_says_so(capsys, tmp_path):
    where = ("--agent", "llm", "--model", "m", "--base-url", URL, "--out", tmp_path / "runs")
    code, _, err = run(capsys, "practice", "counting:Counting-v0", *where)
    assert code == 1
    assert "counting-v0 has no text interface" in err
    assert not (tmp_path / "runs").exists()
