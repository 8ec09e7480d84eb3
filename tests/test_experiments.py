"""Experiments: options as they are typed, salts, names, growth, and what a configuration has to hold."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest
from commands import run
from written_runs import constant, write_curve

from etude_gym.randomness import mix
from etude_gym.report.comparison import compare
from etude_gym.runs.config import RunConfig
from etude_gym.runs.experiment import SALT, Experiment, ExperimentConfig, Progress, experiment_of
from etude_gym.runs.folder import CONFIG, CURVE, RECORD, Run, read_json
from etude_gym.runs.options import parse_options
from etude_gym.runs.practice_run import practice_run
from etude_gym.runs.provenance import commit_of, provenance

COUNTING = "counting:Counting-v0"
RISER = "rising_learner:Riser"


def lay_out(folder, **changes):
    arguments = {"env_id": COUNTING, "agent": RISER, "arms": ("static", "easy"), "seeds": 2, "items": 5}
    return Experiment.create(folder, ExperimentConfig(**{**arguments, "horizon": 3000.0, **changes}))


def names(experiment):
    return [folder.relative_to(experiment.folder).as_posix() for folder in experiment.run_folders()]


def finish(experiment):
    for folder in experiment.run_folders():
        if not Run(folder).finished:
            write_curve(folder, RunConfig.read(folder), constant(0.5))


@pytest.fixture
def at_once(monkeypatch):
    """Runs of an experiment are finished without practice."""

    def practice(self, workers=None, on_progress=lambda _: None):
        finish(self)
        self._publish()
        on_progress(Progress.of(self))
        return True

    monkeypatch.setattr(Experiment, "practice", practice)


# --- Options ---------------------------------------------------------------------------------------------


class Typed:
    def __init__(
        self, domain, *, seed: int = 0, width: int = 8, network: tuple[int, ...] = (8,), rate: float = 0.1,
        norm: bool = False, policy: str = "mlp", clip: float | None = None, extra: dict | None = None,
        plain=3, free=None,
    ):  # fmt: skip
        pass


class Open(Typed):
    def __init__(self, domain, *, width: int = 8, **more):
        pass


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("width=16", 16), ("network=[64,64]", [64, 64]), ("rate=1", 1), ("rate=1e-3", 0.001),
        ("norm=true", True), ("policy=clauses", "clauses"), ("policy=a=b", "a=b"), ("clip=null", None),
        ("clip=0.5", 0.5), ('extra={"a": 1}', {"a": 1}), ("plain=4", 4), ("free=[1, \"x\"]", [1, "x"]),
    ],
)  # fmt: skip
def test_options_have_the_type_that_the_agent_declares(text, value):
    (parsed,) = parse_options([text], "mine", Typed).values()
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("width=2.5", "option width: expected a whole number, such as 8; got 2.5."),
        ("width=true", "expected a whole number, such as 8; got true."),
        ("network=64", "expected a list [...], each of it a whole number, such as [8]; got 64."),
        ("network=[6,x]", 'got "[6,x]".'),
        ("rate=fast", 'expected a number, such as 0.1; got "fast".'),
        ("norm=yes", 'expected true or false, such as false; got "yes".'),
        ("policy=3", 'expected text, such as "mlp"; got 3.'),
        ("clip=x", 'expected a number or null; got "x".'),
        ("extra=1", "expected an object {...} or null; got 1."),
        ("plain=x", 'expected a whole number, such as 3; got "x".'),
        ("netwrk=[8]", "Unknown mine option 'netwrk'. Allowed: 'width', 'network',"),
        ("netwrk=[8]", "Did you mean 'network'?"),
        ("seed=3", "Unknown mine option 'seed'."),
        ("width", "--option takes NAME=VALUE, such as network=[64,64]; got 'width'."),
    ],
)
def test_wrong_options_are_answered_with_what_is_allowed(text, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_options([text], "mine", Typed)


def test_options_are_given_once_and_agents_that_take_more_check_them_themselves():
    with pytest.raises(ValueError, match="width is given twice"):
        parse_options(["width=1", "width=2"], "mine", Typed)
    assert parse_options(["anything=1"], "mine", Open) == {"anything": 1}
    with pytest.raises(ValueError, match="Unknown mine option 'seed'"):
        parse_options(["seed=1"], "mine", Open)


@pytest.mark.usefixtures("at_once")
def test_options_of_the_command_line_reach_the_runs(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    practice = ("practice", COUNTING, "--agent", RISER, "--arms", "static", "--seeds", "1", "--items", "5")
    asked = ("--option", "pace=500", "--name", "slow", "--notes", "of a [test]", "--salt", "7")
    code, _, err = run(capsys, *practice, *asked, "--horizon", "1e3", "--workers", "1", "--out", "runs/a")
    assert (code, err) == (0, "")
    config = RunConfig.read(tmp_path / "runs/a/static/seed_0")
    assert (config.options, config.name, config.notes, config.salt) == (
        {"pace": 500},
        "slow",
        "of a [test]",
        7,
    )
    assert read_json(tmp_path / "runs/a" / RECORD) == {"salt": 7}
    code, _, err = run(capsys, *practice, "--option", "pce=500")
    assert (code, "Did you mean 'pace'?" in err) == (2, True)


# --- Salts -----------------------------------------------------------------------------------------------


def test_experiments_of_one_salt_answer_the_same_anchor_tasks(tmp_path):
    one, other, drawn = (
        lay_out(tmp_path / name, salt=salt) for name, salt in (("a", 5), ("b", 5), ("c", None))
    )
    salts = [[each.salt(folder) for folder in each.run_folders()] for each in (one, other, drawn)]
    assert salts[0] == salts[1] != salts[2]
    assert salts[0][0] == int(mix(5, 0)[0])
    assert RunConfig.read(drawn.run_folders()[0]).salt is None
    for wrong in (-1, 2**64):
        with pytest.raises(ValueError, match=r"salt must be an integer from 0 to 2\*\*64 - 1"):
            lay_out(tmp_path / "d", salt=wrong)


def test_a_configuration_and_the_published_salt_repeat_a_run(tmp_path):
    experiment = lay_out(tmp_path / "first", seeds=1, arms=("uniform",), options={"pace": 700.0})
    assert not (tmp_path / "first" / RECORD).exists()
    assert experiment.practice(workers=1)
    folder = experiment.run_folders()[0]
    again = tmp_path / "again"
    again.mkdir()
    shutil.copy(folder / CONFIG, again / CONFIG)
    assert practice_run(again, salt=read_json(folder / RECORD)["anchor_salt"])
    assert (again / CURVE).read_bytes() == (folder / CURVE).read_bytes()
    published = read_json(experiment.folder / RECORD)["salt"]
    assert published == int((experiment.folder / SALT).read_text())
    assert read_json(folder / RECORD)["anchor_salt"] == int(mix(published, 0)[0])


def test_a_configuration_says_where_and_when(tmp_path):
    config = RunConfig.read(lay_out(tmp_path).run_folders()[0])
    assert config.host["name"]
    assert config.host["cores"] >= 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", config.date)
    assert config.versions["python"]
    json.dumps(provenance(), allow_nan=False)


def test_the_commit_of_a_file_is_that_of_the_repository_that_tracks_it(tmp_path):
    def git(*arguments):
        identity = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", "-C", tmp_path, *identity, *arguments], check=True, capture_output=True)

    (tmp_path / "mine.py").write_text("")
    assert commit_of(tmp_path / "mine.py") is None
    git("init")
    git("add", "mine.py")
    git("commit", "-m", "first")
    commit = commit_of(tmp_path / "mine.py")
    assert re.fullmatch(r"[0-9a-f]{40}", commit)
    (tmp_path / "mine.py").write_text("changed = True\n")
    (tmp_path / "other.py").write_text("")
    assert commit_of(tmp_path / "mine.py") == f"{commit}-dirty"
    assert commit_of(tmp_path / "other.py") is None  # beside it, but not tracked


# --- Growth ----------------------------------------------------------------------------------------------


def test_an_experiment_grows_by_arms_and_by_seeds(tmp_path):
    experiment = lay_out(tmp_path, first_seed=4, options={"pace": 600.0}, notes="kept")
    finish(experiment)
    before = {folder: (folder / CONFIG).read_bytes() for folder in experiment.run_folders()}
    experiment.grow(arms=("uniform", "easy"), seeds=3)
    assert names(experiment) == [
        "static/seed_4", "easy/seed_4", "static/seed_5", "easy/seed_5",
        "uniform/seed_4", "uniform/seed_5", "static/seed_6", "easy/seed_6", "uniform/seed_6",
    ]  # fmt: skip
    assert {folder: (folder / CONFIG).read_bytes() for folder in before} == before
    added = RunConfig.read(tmp_path / "uniform/seed_6")
    assert (added.options, added.horizon, added.notes) == ({"pace": 600.0}, 3000.0, "kept")
    finish(experiment)
    assert {arm.seeds for arm in compare([tmp_path]).arms} == {(4, 5, 6)}
    assert experiment_of(tmp_path / "uniform/seed_6") == tmp_path


def test_growing_by_what_is_there_changes_nothing(tmp_path):
    experiment = lay_out(tmp_path)
    before = names(experiment)
    experiment.grow(arms=("easy",), seeds=2)
    assert names(experiment) == before


def test_growth_that_cannot_be_is_refused(tmp_path):
    experiment = lay_out(tmp_path)
    with pytest.raises(ValueError, match="has 2 seeds already: --resume adds runs, and takes none away"):
        experiment.grow(seeds=1)
    with pytest.raises(ValueError, match="Did you mean 'uniform'"):
        experiment.grow(arms=("unifrm",))
    with pytest.raises(ValueError, match="'self_play'"):
        experiment.grow(arms=("self_play",))
    assert len(names(experiment)) == 4


def test_new_arms_get_what_the_recipe_of_the_experiment_says(tmp_path):
    recipe = {"horizon": 3000.0, "num_envs": 8, "samplers": {"schedule": {"ramp_episodes": 77}}}
    (tmp_path / "r.json").write_text(json.dumps({"recipes": {"Counting-v0": {RISER: recipe}}}))
    experiment = lay_out(tmp_path / "x", recipes=tmp_path / "r.json", horizon=None)
    (tmp_path / "r.json").unlink()
    experiment.grow(arms=("schedule",))
    config = RunConfig.read(tmp_path / "x/schedule/seed_1")
    assert (config.sampler_options, config.num_envs) == ({"ramp_episodes": 77}, 8)


@pytest.mark.usefixtures("at_once")
def test_resume_with_more_seeds_practices_them(tmp_path, capsys):
    finish(lay_out(tmp_path, seeds=1, arms=("static",)))
    code, out, err = run(capsys, "practice", "--resume", tmp_path, "--seeds", "2", "--workers", "1")
    assert (code, err) == (0, "")
    assert "2 of 2 finished: static/seed_1" in out
    code, _, err = run(capsys, "practice", "--resume", tmp_path, "--salt", "3")
    assert (code, "leave out salt" in err) == (2, True)
