"""The command line as a person meets it: help, wrong input, a game, practice, comparison, checks."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import io
import json
import os
import platform
import random
import re
import signal
import subprocess
import sys
from pathlib import Path

import counting
import gymnasium
import numpy as np
import pytest
from commands import run
from gymnasium.envs.registration import registry
from rich.console import Console
from waiting import PATIENCE, wait_until

import etude_gym
from etude_gym import register_domain
from etude_gym.cli.main import COMMANDS, List, main
from etude_gym.cli.play import HELP, parse_difficulty, play
from etude_gym.cli.practicing import PRESETS
from etude_gym.cli.progress import CallCounts, practice_with_progress
from etude_gym.cli.results import PICTURE, RESULTS
from etude_gym.errors import MissingExtra
from etude_gym.practice.strategies import SAMPLERS
from etude_gym.report import plots
from etude_gym.report.page import REPORT
from etude_gym.runs.experiment import Experiment, Progress
from etude_gym.runs.folder import CALLS, CURVE, PRACTICE, RECORD, TENSORBOARD, Run

COUNTING = "counting:Counting-v0"
PRACTICE_COUNTING = (
    "practice", COUNTING, "--agent", "own_learner:LinearReinforce", "--arms", "static", "easy",
    "--seeds", "2", "--items", "5",
)  # fmt: skip
"""Horizons of this learner: about 1e6 FLOPs a second."""


class MissingAnswer(counting.CountingEpisode):
    def oracle_action(self):
        return 1 - self.marked


class Unsolvable(counting.CountingDomain):
    """A domain whose oracle is wrong."""

    name = "unsolvable-v0"
    episode = MissingAnswer


class Idler:
    """A learner that does not learn until it is told to stop."""

    def __init__(self, domain, *, seed, horizon):
        self.flops = {}

    def act(self, observations, masks):
        return masks.argmax(axis=1)

    def learn(self, env, until):
        pass

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def words(text):
    return " ".join(text.replace("│", " ").split())


# --- Help ------------------------------------------------------------------------------------------------


def test_help_names_every_command(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert re.findall(r"^  ([\w-]+)  ", out, re.MULTILINE) == list(COMMANDS)
    assert run(capsys, "-h") == (0, out, "")
    for command in COMMANDS.values():
        assert words(command.__doc__.partition("\n")[0]) in words(out)


def test_the_version_names_the_package_the_suite_and_the_libraries(capsys):
    code, out, _ = run(capsys, "--version")
    assert code == 0
    told = dict(line.split() for line in out.splitlines())
    assert list(told)[:2] == ["etude-gym", "suite"]
    assert told["etude-gym"] == etude_gym.__version__
    assert told["suite"] == "1"
    assert told["python"] == platform.python_version()
    assert told["numpy"] == np.__version__
    assert ("torch" in told) == (importlib.util.find_spec("torch") is not None)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_explains_every_argument(capsys, name):
    code, out, _ = run(capsys, name, "--help")
    assert code == 0
    fields = [field.name for field in dataclasses.fields(COMMANDS[name])]
    explained = COMMANDS[name].__doc__.partition("Args:")[2]
    assert all(f"{field}: " in explained for field in fields)
    assert words(COMMANDS[name].__doc__.partition("\n")[0]) in words(out)
    assert "None" not in out


def test_help_of_practice_tells_what_the_presets_set(capsys):
    out = words(run(capsys, "practice", "--help")[1])
    for name, preset in PRESETS.items():
        assert f"{name}: {' '.join(preset['arms'])}" in out
        assert f"{name}: {preset['seeds']}" in out
    assert set(PRESETS["full"]["arms"]) <= set(SAMPLERS)


def test_no_command_is_an_error_that_names_them_all(capsys):
    code, _, err = run(capsys)
    assert code == 2
    assert ", ".join(COMMANDS) in words(err)


# --- Wrong input -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("lits", f"Unknown command 'lits'. Allowed: {', '.join(map(repr, COMMANDS))}. Did you mean 'list'?"),
        ("list EtudePlam-v0", "Did you mean 'EtudePlan-v0'?"),
        ("list CartPole-v1", "Unknown environment 'CartPole-v1'."),
        ("list nowhere:Id-v0", "No module named 'nowhere'."),
        ("list ..:Id-v0", "'..' is no name of a module."),
        ("play EtudePlan", "Did you mean 'EtudePlan-v0'?"),
        ("plya", "Did you mean 'play'?"),
        ("play EtudePlam-v0", "Did you mean 'EtudePlan-v0'?"),
        ("play --seed -1", "A seed is an integer from 0 to 2**64 - 1, got -1."),
        ("play --difficulty horizon", "--difficulty takes AXIS=VALUE, such as horizon=0.2; got 'horizon'."),
        ("play --difficulty horizn=0.5", "Did you mean 'horizon'?"),
        ("play --difficulty horizon=1.5", "difficulty['horizon'] must be a number in [0, 1], got 1.5."),
        ("practice EtudePlam-v0", "Did you mean 'EtudePlan-v0'?"),
        ("practice --arms static adaptve", "Did you mean 'adaptive'?"),
        ("practice --arms static static", "arms must be different task samplers"),
        ("practice --agent sb4", "Did you mean 'sb3'?"),
        ("practice --agent own_learner:Other", "The module 'own_learner' has no 'Other'."),
        ("practice --seeds 0", "seeds must be at least 1, got 0."),
        ("practice --workers 0", "workers must be at least 1, got 0."),
        ("practice --horizon nan", "horizon must be a positive number, got nan."),
        ("practice --resume nowhere", "nowhere is not a run's folder."),
        ("practice --resume nowhere --seeds 2 --first-seed 1",
         "--resume reads everything from the folder: leave out first-seed."),
        ("compare", "Name at least one folder: etude compare runs/EXPERIMENT"),
        ("compare nowhere", "nowhere is not a folder."),
        ("check EtudePlam-v0", "Did you mean 'EtudePlan-v0'?"),
        ("check --names oracle_solve", "Did you mean 'oracle_solves'?"),
        ("check --tasks 0", "tasks must be at least 1, got 0."),
    ],
)  # fmt: skip
def test_wrong_input_is_answered_in_one_line(capsys, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, *arguments.split())
    assert code == 2
    assert err.startswith("etude: ")
    assert message in err
    assert err.count("\n") == 1
    assert out == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("play --seed three", "invalid literal for int() with base 10: 'three'"),
        ("practice --preset quik", "Expected one of ('quick', 'full')"),
        ("practice --sedes 3", "--seeds N"),
        ("check --tasks", "Missing value for argument '--tasks'"),
    ],
)
def test_unreadable_arguments_are_explained(capsys, arguments, message):
    code, _, err = run(capsys, *arguments.split())
    assert code == 2
    assert message in words(err)
    assert "Traceback" not in err


def test_a_file_in_the_place_of_a_folder_is_refused(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = run(capsys, *PRACTICE_COUNTING, "--horizon", "1e5", "--out", tmp_path / "file" / "runs")
    assert code == 2
    assert "Not a directory" in err


def test_square_brackets_in_a_message_are_kept(capsys, monkeypatch):
    def fail(*_):
        raise MissingExtra("This", "report")

    monkeypatch.setattr(List, "run", fail)
    assert 'pip install "etude-gym[report]"' in run(capsys, "list")[2]


@pytest.mark.parametrize(
    ("extra", "there", "said"), [("sb3", False, True), ("sb3", True, False), ("report", False, False)]
)
def test_a_missing_extra_says_that_torch_comes_first_where_it_would_be_brought(
    extra, there, said, monkeypatch
):
    monkeypatch.setattr("etude_gym.errors.find_spec", lambda name: object() if there else None)
    needs = ['torch>=2.5; extra == "sb3"', 'jinja2>=3.1; extra == "report"']
    monkeypatch.setattr("etude_gym.errors.requires", lambda name: needs)
    assert ("torch first" in str(MissingExtra("This", extra))) is said


# --- Whatever it is written to -----------------------------------------------------------------------------


def command(*arguments, **environment):
    """Start the command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "etude_gym.cli", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        ("play --seed 3", {"PYTHONIOENCODING": "ascii"}),
        ("list EtudePlan-v0", {"PYTHONIOENCODING": "ascii"}),
        ("play --seed 3", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
        ("--help", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
        ("practice --help", {"COLUMNS": "1", "NO_COLOR": "1", "TERM": "dumb"}),
    ],
)
def test_commands_write_to_terminals_without_unicode_and_to_narrow_ones(arguments, environment):
    running = command(*arguments.split(), **environment)
    out, err = running.communicate(b"go alder\nquit\n", timeout=PATIENCE)
    assert running.returncode == 0
    assert all(line.startswith(b"etude-gym: ") for line in err.splitlines())  # who plays first compiles
    assert len(out.splitlines()) > 5
    assert "COLUMNS" in environment or out.isascii()


@pytest.mark.parametrize("arguments", ["practice --help", "--help", "--version", "list"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_gone_is_no_error(arguments, unbuffered):
    writer = command(*arguments.split(), PYTHONUNBUFFERED=unbuffered)
    writer.stdout.close()
    assert writer.stderr.read() == b""
    assert writer.wait(PATIENCE) in (1, 141)


# --- etude list ------------------------------------------------------------------------------------------


def test_list_fits_a_terminal(capsys):
    code, out, _ = run(capsys, "list")
    assert code == 0
    assert "EtudePlan-v0" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("env_id", ["EtudePlan-v0", COUNTING])
def test_list_describes_one_environment(capsys, env_id):
    code, out, _ = run(capsys, "list", env_id)
    assert code == 0
    domain = gymnasium.make(env_id).unwrapped.domain
    for axis in domain.space.axes:
        assert axis.name in out
    assert str(domain.observation_space) in out
    assert f"etude play {env_id}" in out


# --- etude play ------------------------------------------------------------------------------------------


def play_lines(monkeypatch, capsys, lines, *arguments):
    """Play with what is typed; return what was printed."""
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    code, out, err = run(capsys, "play", *arguments)
    assert (code, err) == (0, "")
    return out


def test_playing_by_numbers_to_the_end(monkeypatch, capsys):
    easiest = ("--seed", "1", "--difficulty", "presses=0", "buttons=0")
    observation, _ = gymnasium.make(COUNTING, difficulty={"presses": 0, "buttons": 0}).reset(seed=1)
    out = play_lines(monkeypatch, capsys, 4 * [int(observation[0])], COUNTING, *easiest)
    assert "Counting-v0, seed 1, press (presses 0.00, buttons 0.00)" in out
    assert "Possible: 0   1   2   3\n" in out
    assert out.count("score +0.25") == 4
    assert out.endswith("The end after 4 steps: solved, score 1.00.\n")


def test_playing_the_hints_solves_the_task(monkeypatch, capsys):
    class Follower(io.StringIO):
        """Types "hint", then what was hinted."""

        asked = True

        def readline(self, *_):
            self.asked = not self.asked
            hints = printed.getvalue().rpartition("The oracle would: ")[2]
            return hints.partition("\n")[0] + "\n" if self.asked else "hint\n"

    printed = io.StringIO()
    monkeypatch.setattr("sys.stdin", Follower())
    play("EtudePlan-v0", seed=2, difficulty={"contingency": 0}, console=Console(file=printed, width=80))
    assert printed.getvalue().splitlines()[-1].endswith("solved, score 1.00.")
    assert "Everything is delivered." in printed.getvalue()


def possible(monkeypatch, capsys, verb, lines, *arguments):
    """The places or items that can be chosen after some lines, by the names of the task."""
    out = play_lines(monkeypatch, capsys, [*lines, "actions", "quit"], *arguments)
    return re.findall(rf"[0-9] {verb} (\w+)", out)


def test_a_line_of_commands_stops_at_what_is_not_possible(monkeypatch, capsys):
    task = ("EtudePlan-v0", "--seed", "3")
    place = possible(monkeypatch, capsys, "go", [], *task)[0]
    item = possible(monkeypatch, capsys, "gather", [f"go {place}"], *task)[0]
    lines = ["actions", f"go {place.lower()}; gather {item}; refuel; go depot", "quit"]
    out = play_lines(monkeypatch, capsys, lines, *task)
    assert f"1 go {place}   2 go " in out
    assert f"  go {place}\n  gather {item}\n  refuel: not possible now   (1 more not done)\n" in out
    assert f"1 {item}" in out
    assert "You leave after 2 steps with a score of 0.00." in out


def test_chance_events_interrupt_a_line_of_commands(monkeypatch, capsys):
    interrupted = 0
    for seed in range(20):
        axes = ("--difficulty", "horizon=0.5", "contingency=1", "resources=0")
        eventful = ("EtudePlan-v0", "--seed", str(seed), *axes)
        here, there = possible(monkeypatch, capsys, "go", [], *eventful)[:2]
        out = play_lines(monkeypatch, capsys, [f"go {here}; go {there}; " * 5], *eventful)
        if "\n  ! " in out:
            interrupted += 1
            assert re.search(r"  go \w+   \(\d more not done\)\n─+\n", out)
    assert interrupted > 0


def test_rules_are_told_where_there_are_any(monkeypatch, capsys):
    out = play_lines(monkeypatch, capsys, ["rules"], "EtudePlan-v0")
    assert "You carry goods on a map." in out
    out = play_lines(monkeypatch, capsys, ["rules", "press"], COUNTING)
    assert "counting-v0 has no text interface." in out
    assert "This environment understands numbers only. Type: actions" in out


def test_a_whole_answer_is_refused_at_the_terminal_and_the_game_goes_on(monkeypatch):
    printed = io.StringIO()
    monkeypatch.setattr("sys.stdin", io.StringIO("def solve(numbers, k): return 0\nquit\n"))
    play("EtudeCode-v0", seed=2, difficulty={}, console=Console(file=printed, width=80))
    assert "Whole answers cannot be submitted here, only actions. Type: actions" in printed.getvalue()
    assert "You leave after 0 steps with a score of 0.00." in printed.getvalue()


def test_help_can_be_asked_for_again(monkeypatch, capsys):
    assert play_lines(monkeypatch, capsys, ["help", "?"], COUNTING).count(HELP) == 3


NASTY = (
    "", "   ", "99", "-1", "1.5", "٣", "9" * 6000, "x" * 30_000, "[red]", "[/bold]", "\x00", "\ud800",
    "```", "go", "go go go", "go alder x9999", "hint hint", "QUIT!", "; ; ;", "gather timber x200",
)  # fmt: skip


@pytest.mark.parametrize("env_id", ["EtudePlan-v0", COUNTING])
def test_whatever_is_typed_the_game_goes_on_until_the_input_ends(monkeypatch, capsys, env_id):
    dice = random.Random(0)
    noise = ["".join(chr(dice.randrange(32, 0x3000)) for _ in range(20)) for _ in range(50)]
    out = play_lines(monkeypatch, capsys, [*NASTY, *noise], env_id, "--seed", "3")
    assert out.splitlines()[-1] == "You leave after 0 steps with a score of 0.00."


def test_bytes_that_are_no_text_are_answered():
    game = subprocess.run(
        [sys.executable, "-m", "etude_gym.cli", "play", "--seed", "3"],
        input=b"\xff\xfe\n1\nquit\n",
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (game.returncode, game.stderr) == (0, b"")
    assert b"unknown command" in game.stdout
    assert b"You leave after 1 steps" in game.stdout


def test_another_task_every_time_that_can_be_had_again(monkeypatch, capsys):
    first, second = (play_lines(monkeypatch, capsys, [], "EtudePlan-v0") for _ in range(2))
    assert first != second
    seed = first.partition("seed ")[2].partition(",")[0]
    assert play_lines(monkeypatch, capsys, [], "EtudePlan-v0", "--seed", seed) == first


def test_difficulty_is_read_as_numbers():
    assert parse_difficulty(["a=0.5", "b = 1"]) == {"a": 0.5, "b": 1.0}
    assert parse_difficulty([]) == {}


# --- etude check -----------------------------------------------------------------------------------------


def test_check_prints_a_line_for_each_check(capsys):
    names = ["plain_spaces", "oracle_solves", "chance_is_worth_nothing"]
    code, out, _ = run(capsys, "check", COUNTING, "--tasks", "40", "--names", *names)
    assert code == 0
    assert [line.split()[:2] for line in out.splitlines()[:-1]] == [["passed", name] for name in names]
    assert out.splitlines()[-1] == f"{COUNTING}: 3 passed"


@pytest.fixture
def unsolvable():
    """A broken domain, registered for one test only: others check everything that is registered."""
    register_domain("Unsolvable-v0", "test_cli:Unsolvable")
    yield
    del registry["Unsolvable-v0"]


@pytest.mark.usefixtures("unsolvable")
def test_check_fails_for_a_broken_environment(capsys):
    code, out, _ = run(capsys, "check", "Unsolvable-v0", "--tasks", "40", "--names", "oracle_solves")
    assert code == 1
    assert out.startswith("FAILED  oracle_solves")
    assert out.splitlines()[-1] == "Unsolvable-v0: 1 FAILED"


def test_a_module_beside_the_user_is_found(tmp_path):
    source = Path(counting.__file__).read_text()
    (tmp_path / "mine.py").write_text(source.replace('"Counting-v0", "counting:', '"Mine-v0", "mine:'))
    etude = [os.path.join(os.path.dirname(sys.executable), "etude"), "list", "mine:Mine-v0"]
    done = subprocess.run(etude, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    assert "Press the marked button" in done.stdout


# --- etude practice and etude compare --------------------------------------------------------------------


@pytest.fixture(scope="module")
def practiced(tmp_path_factory):
    """A small experiment, and what its command printed."""
    folder = tmp_path_factory.mktemp("experiments") / "small"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        main([*PRACTICE_COUNTING, "--horizon", "1e6", "--out", str(folder)])
    return folder, printed.getvalue()


def test_practice_tells_what_it_does_in_lines_that_suit_a_log(practiced):
    folder, printed = practiced
    lines = printed.splitlines()
    assert lines[0] == f"Experiment in {folder}. Watch it: tensorboard --logdir {folder}"
    assert [line.split()[0] for line in lines[1:5]] == ["1", "2", "3", "4"]
    runs = ["easy/seed_0", "easy/seed_1", "static/seed_0", "static/seed_1"]
    assert sorted(line.split()[4] for line in lines[1:5]) == runs
    assert "\x1b" not in printed


def test_practice_ends_with_tables_results_and_a_picture(practiced):
    folder, printed = practiced
    assert "Practice Efficiency (PE) against static" in words(printed)
    assert f"Results: {folder / RESULTS}" in printed
    assert f"Picture: {folder / PICTURE}" in printed
    assert f"Report: {folder / REPORT}" in printed
    results = json.loads((folder / RESULTS).read_text())
    assert [arm["arm"] for arm in results["arms"]] == ["static", "easy"]
    assert (folder / PICTURE).read_bytes().startswith(b"\x89PNG")
    assert (folder / REPORT).read_text().startswith("<!DOCTYPE html>")


def test_compare_says_the_same_again(practiced, capsys):
    folder, printed = practiced
    before = (folder / RESULTS).read_bytes()
    code, out, _ = run(capsys, "compare", folder)
    assert code == 0
    assert printed.endswith(out)
    assert (folder / RESULTS).read_bytes() == before


def test_compare_writes_where_it_is_told(practiced, capsys, tmp_path):
    folder, _ = practiced
    code, out, _ = run(capsys, "compare", folder, "--reference", "easy", "--out", tmp_path / "out")
    assert code == 0
    assert "against easy" in out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [RESULTS, PICTURE, REPORT]


def test_compare_without_matplotlib_says_how_to_get_it(practiced, capsys, tmp_path, monkeypatch):
    def fail(*_):
        raise MissingExtra("Drawing a comparison", "report")

    monkeypatch.setattr(plots, "draw_comparison", fail)
    code, out, _ = run(capsys, "compare", practiced[0], "--out", tmp_path)
    assert code == 0
    assert "Drawing a comparison needs an optional dependency." in out
    assert 'pip install "etude-gym[report]"' in out


def test_resuming_a_finished_experiment_shows_it(practiced, capsys):
    folder, _ = practiced
    before = {path: path.read_bytes() for path in folder.rglob(CURVE)}
    code, out, _ = run(capsys, "practice", "--resume", folder)
    assert code == 0
    assert "4 of 4 runs are finished already." in out
    assert "Practice Efficiency (PE) against static" in words(out)
    assert {path: path.read_bytes() for path in folder.rglob(CURVE)} == before


def test_a_folder_is_not_practiced_in_twice(practiced, capsys):
    code, _, err = run(capsys, *PRACTICE_COUNTING, "--horizon", "1e6", "--out", practiced[0])
    assert code == 2
    assert "already holds an experiment. Continue it with --resume" in err


def test_a_run_that_fails_is_named_with_what_it_said(capsys, tmp_path):
    small = ("--arms", "static", "--seeds", "1", "--items", "2", "--horizon", "1e5", "--out", tmp_path)
    code, _, err = run(capsys, "practice", COUNTING, "--agent", "test_cli:Idler", *small)
    assert code == 1
    assert "Some runs failed; --resume tries them again." in err
    assert f"{tmp_path}/static/seed_0: RuntimeError: Idler.learn(" in err


def anchor_steps(folder):
    """Where TensorBoard draws anchor scores over compute."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / TENSORBOARD))
    events.Reload()
    return [event.step for event in events.Scalars("anchor_score/over_compute")]


def test_tensorboard_files_of_a_run_hold_its_curve_and_its_result(practiced):
    folder = practiced[0] / "easy/seed_1"
    assert anchor_steps(folder) == [int(record["compute"]) for record in Run(folder).read(CURVE)]
    assert len(list((folder / TENSORBOARD).glob("*.hyperparameters"))) == 1


def test_an_interrupt_leaves_runs_that_can_be_gone_on_with(tmp_path, capsys):
    folder = tmp_path / "stopped"
    command = [*PRACTICE_COUNTING, "--horizon", "3e6", "--workers", "1", "--out", str(folder)]
    going = subprocess.Popen(
        [sys.executable, "-m", "etude_gym.cli", *command],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        wait_until(lambda: list(folder.rglob(PRACTICE)) or going.poll() is not None)
        os.killpg(going.pid, signal.SIGINT)  # Ctrl-C reaches the workers as well
        out, _ = going.communicate(timeout=PATIENCE)
    finally:
        going.kill()
    assert going.returncode == 130
    assert out.splitlines()[1:] == [
        "Stopping: every run saves itself first ...",
        f"Stopped; every run is saved. Go on with: etude practice --resume {folder}",
    ]
    begun = [path.parent for path in folder.rglob(PRACTICE)]
    assert len(begun) == 1
    assert not (begun[0] / RECORD).exists()
    assert run(capsys, "compare", folder)[0] == 2

    code, out, err = run(capsys, "practice", "--resume", folder)
    assert (code, err) == (0, "")
    assert "4 of 4 finished: " in out
    assert anchor_steps(begun[0]) == [int(record["compute"]) for record in Run(begun[0]).read(CURVE)]


# --- The display of progress -----------------------------------------------------------------------------


class FakeExperiment:
    """Goes through given shares of two runs, as `Experiment.practice` reports them."""

    def __init__(self, folder, *shares):
        self.folder, self.shares = folder, shares

    def run_folders(self):
        return [self.folder / name for name in ("a/seed_0", "b/seed_0")]

    def practice(self, workers, on_progress):
        for shares in self.shares:
            named = dict(zip(("a/seed_0", "b/seed_0"), shares, strict=True))
            finished = tuple(name for name, share in named.items() if share == 1)
            for name in finished:
                (self.folder / name).mkdir(parents=True, exist_ok=True)
                (self.folder / name / RECORD).write_text('{"final_anchor_score": 0.5}')
            on_progress(Progress(named, finished))
        return True


def test_a_terminal_shows_a_bar_for_the_whole_and_for_each_run_that_is_going_on(tmp_path):
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80)
    experiment = FakeExperiment(tmp_path, (0.0, 0.0), (0.5, 0.0), (1.0, 0.25), (1.0, 1.0))
    assert practice_with_progress(experiment, None, console)
    shown = screen.getvalue()
    assert "all 2 runs" in shown
    assert shown.count("1 of 2 finished: a/seed_0  anchor score 0.50") == 1
    assert shown.count("2 of 2 finished: b/seed_0  anchor score 0.50") == 1


def test_the_bar_of_a_language_model_counts_its_calls_while_they_are_written(tmp_path):
    counts = CallCounts(tmp_path)
    counts.update()
    assert str(counts) == ""
    with (tmp_path / CALLS).open("w") as file:
        for attempt in (1, 2):
            file.write(json.dumps({"event": "sent", "attempt": attempt}) + "\n")
        file.write('{"event": "answered"}\n{"event": "ungr')
        file.flush()
        for _ in range(2):
            counts.update()
            assert str(counts) == "  1 answered  1 retried"
        file.write('aded"}\n')
    counts.update()
    assert str(counts) == "  1 answered  1 retried  1 ungraded"


def test_progress_is_read_from_the_folders(practiced):
    progress = Progress.of(Experiment(practiced[0]))
    assert progress.shares == dict.fromkeys(progress.finished, 1.0)
    assert len(progress.finished) == 4
