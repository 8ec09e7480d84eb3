"""``etude evaluate``: all domains in one command, on toy domains, in this process where nothing is said."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
from commands import run
from test_report import Page
from throwing import Thrower, ThrowingDomain
from waiting import PATIENCE, wait_until

from etude_gym import register_domain
from etude_gym.cli.results import RESULTS
from etude_gym.measure.overall import Measured
from etude_gym.report.evaluation import evaluate, log_efficiencies
from etude_gym.report.evaluation_tables import evaluation_headline
from etude_gym.report.page import REPORT
from etude_gym.runs import depths
from etude_gym.runs import estimate as estimating
from etude_gym.runs.config import RunConfig
from etude_gym.runs.cross_domain import read_visits
from etude_gym.runs.depths import ACTIONS, DEPTHS, TEXT, Depth
from etude_gym.runs.estimate import Cost, Estimate
from etude_gym.runs.evaluation import EVALUATION, Evaluation
from etude_gym.runs.evaluation_plan import parse_horizons
from etude_gym.runs.experiment import Experiment, Progress
from etude_gym.runs.folder import CURVE, RECORD, Run, read_json
from etude_gym.runs.practice_run import practice_run

THROWING, BREEZE = "throwing:Throwing-v0", "Breeze-v0"
TINY = Depth(("static", "adaptive"), 2, 1.0, 5, None, "for tests")
PATIENT = "throwing:Thrower"


class BreezeDomain(ThrowingDomain):
    """The same throws under another name: a second domain."""

    name = "breeze-v0"


register_domain(BREEZE, "test_evaluate:BreezeDomain")


class GivesUp(Thrower):
    """Fails in one domain, once it has practiced for a while."""

    where: str | None = "breeze-v0"

    def __init__(self, domain, **options):
        super().__init__(domain, **options)
        self.fails = domain.name == self.where

    def learn(self, env, until):
        if self.fails and until > 1000:
            raise RuntimeError("out of arms")
        super().learn(env, until)


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    """Runs are carried out here, one after another, at a depth of their own."""

    def carry_out(jobs, stop, workers, tick=lambda: None):
        failures = []
        for name, job in jobs.items():
            try:
                job.function(*job.arguments)
            except Exception as error:
                failures.append(f"{name}: {type(error).__name__}: {error}")
        return failures

    def practice(self, workers=None, on_progress=lambda _: None):
        unfinished = [folder for folder in self.run_folders() if not Run(folder).finished]
        failures = carry_out({str(f): _Job(f, self.salt(f)) for f in unfinished}, None, 1)
        on_progress(Progress.of(self))
        if failures:
            raise RuntimeError("\n".join(failures))
        self._publish()
        return True

    monkeypatch.setitem(DEPTHS["quick"], ACTIONS, TINY)
    monkeypatch.setattr(estimating, "carry_out", carry_out)
    monkeypatch.setattr(estimating, "TRIAL_SECONDS", 0.0)
    monkeypatch.setattr(Experiment, "practice", practice)
    monkeypatch.setenv("COLUMNS", "120")


class _Job:
    def __init__(self, folder, salt):
        self.function, self.arguments = practice_run, (folder, salt)


def command(*more, agent=PATIENT, envs=(THROWING, BREEZE)):
    return ("evaluate", "--depth", "quick", "--agent", agent, "--envs", *envs, "--horizon", "3000", *more)


@pytest.fixture
def no_pages_of_domains(monkeypatch):
    """They have tests of their own."""
    monkeypatch.setattr("etude_gym.report.page.write_report", lambda comparison, path: None)


# --- What comes out --------------------------------------------------------------------------------------


def test_one_command_leaves_one_experiment_for_each_domain_and_one_report(tmp_path, capsys):
    folder = tmp_path / "all"
    code, out, err = run(capsys, *command("--out", folder))
    assert (code, err) == (0, "")
    for name in ("Throwing-v0", "Breeze-v0"):
        experiment = Experiment(folder / name)
        assert {RunConfig.read(run_folder).arm for run_folder in experiment.run_folders()} == set(TINY.arms)
        assert (folder / name / RECORD).exists()
        assert Page(folder / name / REPORT).data["env_id"].endswith(name)
    result = evaluate(Evaluation(folder))
    found = log_efficiencies(result.comparisons, "adaptive").values()
    logs = [each.value for each in found if isinstance(each, Measured)]
    assert len(logs) == 2
    stored = read_json(folder / RESULTS)
    mean = math.exp(sum(logs) / 2)
    assert stored["overall"]["adaptive"]["value"] == pytest.approx(mean)
    assert f"{stored['overall']['adaptive']['value']:.3f}" in out
    page = Page(folder / REPORT)
    assert len(page.ids) == len(set(page.ids))
    rows = {row[0]: row for row in page.tables["adaptive practice by domain"]}
    for name, comparison in result.comparisons.items():
        assert rows[name][1] == f"{comparison.arms[1].efficiency.value:.3f}"
    assert rows["all domains"][1] == f"{stored['overall']['adaptive']['value']:.3f}"
    assert any(attributes.get("href") == "Breeze-v0/report.html" for _, attributes in page.elements)
    told = " ".join(page.texts)
    assert "Not measured: a network" in told
    assert "EtudeCreative-v0" in told  # of the suite, and not evaluated
    assert "\ufffd" not in told
    assert f"etude evaluate --agent {PATIENT} --depth quick --envs {THROWING} {BREEZE}" in told


def test_a_dry_run_says_what_it_would_do_and_does_nothing(tmp_path, capsys):
    code, out, err = run(capsys, *command("--dry-run", "--out", tmp_path / "all"))
    assert (code, err) == (0, "")
    assert not (tmp_path / "all").exists()
    assert TINY.words in out
    assert re.search(r"Throwing-v0 +4 +3e\+03 FLOPs +\d+ s", out)
    assert "with" in out
    assert "CPU time: about" in out


def test_help_holds_the_table_of_depths(capsys):
    _, out, _ = run(capsys, "evaluate", "--help")
    told = " ".join(out.replace("│", " ").split())
    for kinds in depths.DEPTHS.values():
        for depth in kinds.values():
            assert depth.words in told


def test_estimates_add_up_runs_of_all_domains():
    found = Estimate({"a": Cost(cpu_seconds=10.0), "b": Cost(cpu_seconds=5.0)}, {"a": 4, "b": 4})
    assert found.total("cpu_seconds") == 60
    assert found.seconds(2) == 30 + 2 * estimating.START_SECONDS
    tokens = Estimate({"a": Cost(tokens_in=1e6, tokens_out=5e5, most_tokens_in=2e6)}, {"a": 2})
    assert tokens.seconds(1) == 0
    assert tokens.money((1.0, 4.0)) == (6.0, 8.0)


# --- Failing, stopping, going on -------------------------------------------------------------------------


@pytest.mark.usefixtures("no_pages_of_domains")
def test_a_domain_that_fails_does_not_lose_the_others(tmp_path, capsys, monkeypatch):
    folder = tmp_path / "all"
    asked = command("--out", folder, agent="test_evaluate:GivesUp", envs=(BREEZE, THROWING))
    code, out, err = run(capsys, *asked)
    assert code == 1
    assert "Failed: Breeze-v0." in err
    assert "out of arms" in err
    assert f"etude evaluate --resume {folder}" in err
    assert "Breeze-v0 failed; going on" in out
    assert "What failed" in " ".join(Page(folder / REPORT).texts)
    stored = read_json(folder / RESULTS)
    assert list(stored["domains"]) == ["Throwing-v0"]
    assert stored["overall"]["adaptive"]["domains"] == ["Throwing-v0"]
    kept = (folder / "Throwing-v0/adaptive/seed_0" / CURVE).read_bytes()

    monkeypatch.setattr("test_evaluate.GivesUp.where", None)
    code, out, err = run(capsys, "evaluate", "--resume", folder)
    assert (code, err) == (0, "")
    assert list(read_json(folder / RESULTS)["domains"]) == ["Breeze-v0", "Throwing-v0"]
    assert read_json(folder / EVALUATION)["failures"] == {}
    assert (folder / "Throwing-v0/adaptive/seed_0" / CURVE).read_bytes() == kept


@pytest.mark.usefixtures("no_pages_of_domains")
def test_interrupted_it_says_how_to_go_on_and_goes_on(tmp_path, capsys, monkeypatch):
    folder = tmp_path / "all"
    with monkeypatch.context() as patch:
        patch.setattr(Experiment, "practice", lambda self, workers, on_progress: False)
        code, out, _ = run(capsys, *command("--out", folder))
    assert code == 130
    assert f"Stopped; every run is saved. Go on with: etude evaluate --resume {folder}" in out
    assert not (folder / REPORT).exists()
    code, _, err = run(capsys, "evaluate", "--resume", folder)
    assert (code, err) == (0, "")
    assert not Evaluation(folder).unfinished


@pytest.mark.usefixtures("no_pages_of_domains")
def test_a_language_model_is_tested_in_domains_that_it_did_not_practice(tmp_path, capsys, monkeypatch):
    pytest.importorskip("openai")
    from faulty_server import faulty_server
    from scripted_model import model

    register_domain("Errands-v0", "etude_gym.envs.plan.domain:PlanDomain")
    monkeypatch.setitem(DEPTHS["quick"], TEXT, Depth(("static", "adaptive"), 1, 1.0, 1, 1, "for tests"))
    folder = tmp_path / "all"
    with faulty_server({"*": [model]}) as server:
        asked = ["evaluate", "--depth", "quick", "--envs", "EtudePlan-v0", "Errands-v0", "--horizon", "4000"]
        asked += ["--agent", "llm", "--model", "small", "--base-url", server.base_url]
        code, out, err = run(capsys, *asked, "--dry-run", "--price", "1", "4")
        assert (code, err) == (0, "")
        assert re.search(r"From \S+ to \S+ tokens in .* at 1 and 4 a million that is \d+\.\d\d to", out)
        assert not folder.exists()
        code, out, err = run(capsys, *asked, "--out", folder)
    assert (code, err) == (0, "")
    visits = read_visits(Evaluation(folder))
    pairs = [("EtudePlan-v0", "Errands-v0"), ("Errands-v0", "EtudePlan-v0")]
    assert [(each.practiced, each.tested) for each in visits] == pairs
    rows = Page(folder / REPORT).tables["Practiced in (rows), tested in (columns)"]
    assert rows[1][2] == f"{visits[0].after - visits[0].before:+.3f}"


@pytest.mark.parametrize(
    ("domains", "told"),
    [
        ((), ", as no domain was finished."),
        (("Throwing-v0",), " in Throwing-v0: the reference's area 0.000 is below 0.05."),
        (
            ("Throwing-v0", "Counting-v0"),
            " in every domain, such as Throwing-v0: the reference's area 0.000 is below 0.05.",
        ),
    ],
)
def test_a_headline_says_why_there_is_no_practice_efficiency(domains, told):
    result = SimpleNamespace(
        headline="adaptive",
        overall={"adaptive": SimpleNamespace(value=None)},
        evaluation=SimpleNamespace(experiments=dict.fromkeys(domains)),
        undefined=dict.fromkeys(domains, "undefined: the reference's area 0.000 is below 0.05"),
    )
    assert evaluation_headline(result) == f"Practice Efficiency is undefined{told}"


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on(tmp_path):
    """In processes of its own, with workers."""
    arguments = command("--out", str(tmp_path / "all"), envs=(THROWING, "counting:Counting-v0"))
    program = [sys.executable, "-m", "etude_gym.cli"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    first = subprocess.Popen([*program, *arguments], env=environment, start_new_session=True)
    wait_until(lambda: any((tmp_path / "all").glob("Throwing-v0/*/*/record.json")))
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    kept = {path: path.read_bytes() for path in (tmp_path / "all").glob("*/*/*/record.json")}
    done = subprocess.run(
        [*program, "evaluate", "--resume", str(tmp_path / "all")],
        env=environment, timeout=PATIENCE, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {path: path.read_bytes() for path in kept} == kept
    assert list(json.loads((tmp_path / "all" / RESULTS).read_text())["domains"]) == [
        "Throwing-v0",
        "Counting-v0",
    ]


# --- At the door -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--envs", "EtudePlam-v0"), "Did you mean 'EtudePlan-v0'?"),
        (("--envs", THROWING, "Throwing-v0"), "envs must be different environments"),
        (("--agent", "sb4"), "Did you mean 'sb3'?"),
        (("--agent", "random", "--envs", THROWING), "The agent 'random' does not learn"),
        (("--agent", PATIENT, "--envs", THROWING), "--horizon Throwing-v0="),
        (("--agent", PATIENT, "--envs", THROWING, "--horizon", "much"), "--horizon takes one positive"),
        (("--agent", PATIENT, "--envs", THROWING, "--horizon", "Thrown-v0=5"), "Did you mean 'Throwing-v0'?"),
        (("--agent", PATIENT, "--envs", THROWING, "--option", "rat=1"), "Did you mean 'rate'?"),
        (("--price", "-1", "2"), "price takes two amounts"),
        (("--agent", PATIENT, "--envs", THROWING, "--horizon", "9", "--price", "1", "2"), "an endpoint"),
        (("--workers", "0"), "workers must be at least 1"),
        (("--resume", "nowhere", "--depth", "quick"), "leave out depth"),
        (("--resume", "nowhere"), "nowhere holds no evaluation"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_before_anything_is_written(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, "evaluate", *arguments)
    assert code == 2
    assert message in err
    assert not list(tmp_path.iterdir())


def test_a_learner_that_fails_at_once_is_refused_before_anything_is_written(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(
        "test_evaluate.GivesUp.learn",
        lambda self, env, until: (_ for _ in ()).throw(RuntimeError("no hands")),
    )
    code, _, err = run(capsys, *command("--out", tmp_path / "all", agent="test_evaluate:GivesUp"))
    assert code == 1
    assert "fails in a first trial" in err
    assert "no hands" in err
    assert not (tmp_path / "all").exists()


def test_an_endpoint_that_does_not_answer_is_refused(tmp_path, capsys):
    pytest.importorskip("openai")
    asked = ("--agent", "llm", "--model", "mine", "--base-url", "http://127.0.0.1:9/v1")
    code, _, err = run(capsys, "evaluate", "--envs", "EtudePlan-v0", *asked, "--out", tmp_path / "all")
    assert code == 1
    assert "127.0.0.1:9" in err
    assert not (tmp_path / "all").exists()


def test_a_folder_that_holds_an_evaluation_is_left_alone(tmp_path, capsys):
    (tmp_path / EVALUATION).write_text("{}")
    code, _, err = run(capsys, *command("--out", tmp_path))
    assert code == 2
    assert "already holds an evaluation" in err


def test_horizons_are_one_for_all_or_one_for_each():
    assert parse_horizons(["1e9"], ["a:A-v0", "B-v0"]) == {"a:A-v0": 1e9, "B-v0": 1e9}
    assert parse_horizons(["A-v0=5", "B-v0=6"], ["a:A-v0", "B-v0"]) == {"a:A-v0": 5.0, "B-v0": 6.0}
