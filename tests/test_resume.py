"""Interrupted runs: whatever happened, they end as if nothing had, and the ledger knows what it cost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from small_runs import Killed
from waiting import PATIENCE, wait_until

import etude_gym  # noqa: F401
from etude_gym.cli.main import main
from etude_gym.measure.compute import ComputeMeter
from etude_gym.practice.strategies import SAMPLERS
from etude_gym.runs import practice_run as practice
from etude_gym.runs.config import RunConfig
from etude_gym.runs.experiment import SALT, Experiment, ExperimentConfig, Progress
from etude_gym.runs.folder import (
    COMPUTE,
    CONFIG,
    CURVE,
    LATEST,
    PRACTICE,
    RECORD,
    IncompleteRun,
    Run,
    RunInUse,
)
from etude_gym.runs.practice_run import PracticeRun, practice_run

ETUDE = (sys.executable, "-m", "etude_gym.cli", "practice")
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
SALT_OF_RUN = 20
OWN = "own_learner:LinearReinforce"
LEARNERS = {
    OWN: (4e7, {}),
    "sb3": (5e7, {"network": (16,), "n_steps": 8, "batch_size": 24, "n_epochs": 2}),
}
"""Horizon and options of small runs, by learner."""


@pytest.fixture(autouse=True)
def few_turns(monkeypatch):
    monkeypatch.setattr(practice, "ITERATIONS", 32)


def lay_out(folder, agent=OWN, arm="adaptive"):
    horizon, options = LEARNERS[agent]
    RunConfig("EtudePlan-v0", arm, agent, 3, horizon, 8, items=3, chance=(0.0,) * 4, options=options).write(
        folder
    )
    return folder


def at_call(number, error=None):
    """A ``should_stop`` that says so, or raises, when it is asked for the given time."""
    calls = iter(range(1, number + 1))

    def should_stop():
        if next(calls, number) < number:
            return False
        if error is not None:
            raise error
        return True

    return should_stop


def records_of(folder):
    """What results are made of."""
    run = Run(folder)
    return {"curve": run.read(CURVE), "practice": run.read(PRACTICE)}


def contents_of(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def ledger_of(folder):
    meter = ComputeMeter()
    meter.load_state_dict(json.loads((folder / COMPUTE).read_text()))
    return meter


def lost_flops(folder):
    """Compute beyond each point where the run was resumed, from the raw lines of practice."""
    compute, lost = {-1: 0.0, 0: 0.0}, 0.0
    for line in (folder / PRACTICE).read_text().splitlines():
        record = json.loads(line)
        if "resumed_at" in record:
            lost += max(compute.values()) - compute[record["resumed_at"]]
            compute = {
                iteration: spent for iteration, spent in compute.items() if iteration <= record["resumed_at"]
            }
        else:
            compute[record["iteration"]] = record["compute"]
    return lost


# --- Stopped and killed, in this process -------------------------------------------------------------


@pytest.mark.parametrize(("agent", "arm"), [*((OWN, arm) for arm in SAMPLERS), ("sb3", "adaptive")])
def test_a_run_that_was_stopped_again_and_again_ends_as_the_one_that_was_not(tmp_path, agent, arm):
    whole, stopped = lay_out(tmp_path / "whole", agent, arm), lay_out(tmp_path / "stopped", agent, arm)
    assert practice_run(whole, SALT_OF_RUN)
    for call in (1, 2, 5, 8, 4):
        assert not practice_run(stopped, SALT_OF_RUN, at_call(call))
    assert practice_run(stopped, SALT_OF_RUN)
    # One update of sb3 costs more than the first two steps of the grid of checkpoints.
    assert len(records_of(whole)["curve"]) == (9 if agent == OWN else 7)
    assert len(records_of(whole)["practice"]) > 20
    assert records_of(stopped) == records_of(whole)
    for unit in ("flops", "env_steps"):
        assert ledger_of(stopped).training(unit) == ledger_of(whole).training(unit) > 0
    assert set(ledger_of(stopped).state_dict()["repeated"].values()) == {0.0}


@pytest.mark.parametrize("agent", LEARNERS)
def test_a_run_that_was_killed_ends_as_the_one_that_was_not_and_books_what_was_lost(tmp_path, agent):
    whole, killed = lay_out(tmp_path / "whole", agent), lay_out(tmp_path / "killed", agent)
    assert practice_run(whole, SALT_OF_RUN)
    for call in (1, 7, 2, 12, 6):
        with pytest.raises(Killed):
            practice_run(killed, SALT_OF_RUN, at_call(call, Killed()))
    assert practice_run(killed, SALT_OF_RUN)
    assert records_of(killed) == records_of(whole)
    assert ledger_of(killed).training("env_steps") == ledger_of(whole).training("env_steps")
    assert ledger_of(killed).amount("repeated", "flops") == pytest.approx(lost_flops(killed), rel=1e-12)
    assert lost_flops(killed) > 0
    assert lost_flops(whole) == 0


def test_work_that_was_lost_once_is_booked_once_however_soon_the_next_kill_comes(tmp_path, monkeypatch):
    folder = lay_out(tmp_path)
    with pytest.raises(Killed):
        practice_run(folder, SALT_OF_RUN, at_call(8, Killed()))
    ahead = ledger_of(folder).training("flops")
    assert not practice_run(folder, SALT_OF_RUN, at_call(1))  # saves what was booked, practices nothing
    lost = ledger_of(folder).amount("repeated", "flops")
    assert lost == ahead - ledger_of(folder).training("flops") > 0

    def kill(self):
        raise Killed

    with monkeypatch.context() as patch:
        for method in ("save", "practice", "practice", "resume"):
            patch.setattr(PracticeRun, method, kill)
            with pytest.raises(Killed):
                practice_run(folder, SALT_OF_RUN)
            patch.undo()
    assert not practice_run(folder, SALT_OF_RUN, at_call(1))
    assert ledger_of(folder).amount("repeated", "flops") == lost


def test_a_kill_while_the_checkpoint_is_written_books_lost_work_once(tmp_path, monkeypatch):
    folder = lay_out(tmp_path)
    with pytest.raises(Killed):
        practice_run(folder, SALT_OF_RUN, at_call(8, Killed()))
    ahead = ledger_of(folder).training("flops")

    def kill(self, state):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Run, "save", kill)
        for _ in range(2):
            with pytest.raises(Killed):
                practice_run(folder, SALT_OF_RUN)
    assert not practice_run(folder, SALT_OF_RUN, at_call(1))
    ledger = ledger_of(folder)
    assert ledger.amount("repeated", "flops") == ahead - ledger.training("flops") > 0


def test_a_run_that_was_killed_at_its_last_step_only_publishes_its_record(tmp_path, monkeypatch):
    folder = lay_out(tmp_path)

    def kill(self):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(PracticeRun, "finish", kill)
        with pytest.raises(Killed):
            practice_run(folder, SALT_OF_RUN)
    assert not Run(folder).finished
    before = records_of(folder)
    assert practice_run(folder, SALT_OF_RUN)
    assert records_of(folder) == before
    assert ledger_of(folder).amount("repeated", "flops") == 0


def test_a_finished_run_publishes_its_salt_and_its_whole_ledger_and_is_left_alone(tmp_path):
    folder = lay_out(tmp_path, "sb3")
    practice_run(folder, SALT_OF_RUN)
    record = json.loads((folder / RECORD).read_text())
    assert record["anchor_salt"] == SALT_OF_RUN
    assert record["compute"] == json.loads((folder / COMPUTE).read_text())
    state = Run(folder).load()
    assert record["compute"]["evaluation"]["flops"] == state["learner"]["evaluation_flops"] > 0
    before = contents_of(folder)
    assert practice_run(folder, SALT_OF_RUN)
    assert contents_of(folder) == before


# --- Files that a kill leaves behind -----------------------------------------------------------------


def test_torn_lines_and_leftover_temporary_files_are_harmless(tmp_path):
    whole, torn = lay_out(tmp_path / "whole"), lay_out(tmp_path / "torn")
    practice_run(whole, SALT_OF_RUN)
    for call in (4, 9, 6):
        with pytest.raises(Killed):
            practice_run(torn, SALT_OF_RUN, at_call(call, Killed()))
        for name in (CURVE, PRACTICE):
            last = (torn / name).read_bytes().splitlines()[-1]
            with (torn / name).open("ab") as file:
                file.write(last[: len(last) // 2])
        (torn / f"{COMPUTE}.1234.tmp").write_bytes(b'{"rollout": {')
        (torn / "checkpoints" / f"{LATEST}.1234.tmp").write_bytes(b"\x80\x05")
    assert practice_run(torn, SALT_OF_RUN)
    assert records_of(torn) == records_of(whole)


@pytest.mark.parametrize(
    "rest", [b'{"iteration": 2, "val', b"\x00\x00\x00", b'{"iteration": 2, "val\xff\xfe']
)
def test_a_record_after_a_torn_line_stands_on_a_line_of_its_own(tmp_path, rest):
    run = Run(tmp_path)
    run.append(PRACTICE, 1, {"value": 10})
    with (tmp_path / PRACTICE).open("ab") as file:
        file.write(rest)
    assert run.read(PRACTICE) == [{"iteration": 1, "value": 10}]
    run.append(PRACTICE, 2, {"value": 20})
    assert run.read(PRACTICE) == [{"iteration": 1, "value": 10}, {"iteration": 2, "value": 20}]


def test_records_after_the_point_of_resumption_are_superseded_but_kept_in_the_file(tmp_path):
    run = Run(tmp_path)
    for iteration in (1, 2, 3):
        run.append(PRACTICE, iteration, {"value": iteration})
    run.supersede(1)
    run.append(PRACTICE, 2, {"value": 20})
    assert run.read(PRACTICE) == [{"iteration": 1, "value": 1}, {"iteration": 2, "value": 20}]
    assert len((tmp_path / PRACTICE).read_text().splitlines()) == 5
    run.supersede(-1)
    assert run.read(PRACTICE) == []


@pytest.mark.parametrize("content", [b"", b'{"env_id": "Etu', b"\xff\xfe{}", b"[]", b"3", b"{}"])
def test_a_corrupt_configuration_is_named(tmp_path, content):
    (tmp_path / CONFIG).write_bytes(content)
    with pytest.raises(IncompleteRun, match=rf"{CONFIG} is not (JSON|the configuration of a run)"):
        practice_run(tmp_path, SALT_OF_RUN)
    with pytest.raises(IncompleteRun, match=rf"{CONFIG} is not (JSON|the configuration of an experiment)"):
        Experiment(tmp_path).run_folders()


def test_a_configuration_with_a_misspelled_field_is_named(tmp_path):
    config = json.loads((lay_out(tmp_path) / CONFIG).read_text())
    config["horizn"] = config.pop("horizon")
    (tmp_path / CONFIG).write_text(json.dumps(config))
    with pytest.raises(IncompleteRun, match=r"is not the configuration of a run \(.*'horizn'"):
        practice_run(tmp_path, SALT_OF_RUN)


# --- Experiments from the command line ---------------------------------------------------------------


def create(folder, horizon=4e7, arms=("static", "uniform"), **arguments):
    arguments = {"agent": OWN, "seeds": 1, "items": 3, **arguments}
    return Experiment.create(folder, ExperimentConfig(horizon=horizon, arms=arms, **arguments))


def refusal(capsys, *arguments):
    """What the command says when it refuses."""
    with pytest.raises(SystemExit) as exit_:
        main(["practice", *arguments])
    assert exit_.value.code == 2
    return " ".join(capsys.readouterr().err.split())


def test_resuming_what_is_no_experiment_is_refused_saying_why(tmp_path, capsys):
    assert "is not a run's folder" in refusal(capsys, "--resume", str(tmp_path / "nowhere"))
    folder = create(tmp_path / "experiment").run_folders()[0]
    assert "Give the experiment's folder" in refusal(capsys, "--resume", str(folder))
    (tmp_path / "experiment" / SALT).write_text("secret\n")
    assert "holds no number" in refusal(capsys, "--resume", str(tmp_path / "experiment"))
    (tmp_path / "experiment" / SALT).unlink()
    assert "cannot be drawn again" in refusal(capsys, "--resume", str(tmp_path / "experiment"))


def test_a_second_experiment_in_the_same_folder_is_refused(tmp_path):
    create(tmp_path)
    with pytest.raises(FileExistsError, match="Continue it with --resume"):
        create(tmp_path)


def test_a_run_that_another_process_is_at_is_refused(tmp_path):
    folder = lay_out(tmp_path)
    with Run(folder).lock(), pytest.raises(RunInUse, match="Another process is writing into"):
        practice_run(folder, SALT_OF_RUN)
    assert practice_run(folder, SALT_OF_RUN)


def start(*arguments):
    """The command as a user starts it, with its workers in a process group of their own."""
    return subprocess.Popen(
        (*ETUDE, *map(str, arguments)),
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def alive(group):
    """Ids of the processes in a group that have not ended."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,pgid=,stat="], capture_output=True, text=True).stdout
    rows = (line.split() for line in listed.splitlines())
    return [int(pid) for pid, pgid, state in rows if int(pgid) == group and not state.startswith("Z")]


@pytest.fixture
def endless(tmp_path):
    """An experiment with one run that is soon over and one that is not, and the process that is at it."""
    experiment = create(tmp_path)
    short, long = experiment.run_folders()
    config = json.loads((long / CONFIG).read_text())
    (long / CONFIG).write_text(json.dumps({**config, "horizon": 3e10}))
    process = start("--resume", tmp_path, "--workers", 2)
    wait_until(lambda: Run(short).finished and len(Run(long).read(PRACTICE)) > 2)
    yield process, long
    if alive(process.pid):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def assert_saved_at_the_last_turn(folder):
    with Run(folder).lock():
        state, records = Run(folder).load(), Run(folder).read(PRACTICE)
    assert state["iteration"] == len(records) > 2
    assert state["meter"] == ledger_of(folder).state_dict()


def test_workers_whose_parent_is_killed_save_and_leave(endless):
    process, folder = endless
    second = start("--resume", folder.parents[1])
    said, _ = second.communicate()
    assert second.returncode == 1
    assert "RunInUse: Another process is writing into" in " ".join(said.split())
    assert process.poll() is None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    wait_until(lambda: not alive(process.pid))
    assert_saved_at_the_last_turn(folder)


def test_an_interrupt_saves_every_run_and_says_how_to_go_on(endless):
    process, folder = endless
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert f"etude practice --resume {folder.parents[1]}" in said
    wait_until(lambda: not alive(process.pid))
    assert_saved_at_the_last_turn(folder)


@pytest.mark.slow
def test_kill_nine_at_five_random_moments_changes_no_result(tmp_path):
    config = {"arms": ("static", "adaptive"), "seeds": 2, "horizon": 1e11, "items": 20}
    whole, killed = Experiment(tmp_path / "whole"), create(tmp_path / "killed", agent="sb3", **config)
    process = start("EtudePlan-v0", "--out", whole.folder, "--workers", 1, *as_arguments(config))
    said, _ = process.communicate()
    assert process.returncode == 0, said
    shutil.copy(whole.folder / SALT, killed.folder / SALT)
    for left, right in zip(whole.run_folders(), killed.run_folders(), strict=True):
        assert replace(RunConfig.read(left), date="") == replace(RunConfig.read(right), date="")

    random = np.random.default_rng(5)
    moments = np.sort(random.uniform(0.02, 0.9, size=5))  # as shares of the whole work
    for moment in moments:
        process = start("--resume", killed.folder, "--workers", 1)
        wait_until(lambda due=moment: np.mean([*Progress.of(killed).shares.values()]) >= due)
        time.sleep(random.uniform(0, 0.3))  # anywhere in a iteration
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    process = start("--resume", killed.folder, "--workers", 1)
    said, _ = process.communicate()
    assert process.returncode == 0, said

    for left, right in zip(whole.run_folders(), killed.run_folders(), strict=True):
        assert len(records_of(left)["practice"]) > 20
        assert records_of(right) == records_of(left)
        for unit in ("flops", "env_steps"):
            assert ledger_of(right).training(unit) == ledger_of(left).training(unit)
        assert ledger_of(left).amount("repeated", "flops") == 0
        assert ledger_of(right).amount("repeated", "flops") == pytest.approx(lost_flops(right), rel=1e-12)
    tables = [
        json.loads((e.folder / "comparison.json").read_text().replace(str(e.folder), "experiment"))
        for e in (whole, killed)
    ]
    repeated = [sum(arm.pop("repeated") for arm in table["arms"]) for table in tables]
    assert json.dumps(tables[0]) == json.dumps(tables[1])
    assert repeated == [0, sum(map(lost_flops, killed.run_folders()))]
    assert repeated[1] > 0
    share = repeated[1] / (len(killed.run_folders()) * config["horizon"])
    print(
        f"killed at {moments.round(2)} of the work; done again: {repeated[1]:.3g} FLOPs, {share:.1%}\n{said}"
    )


def as_arguments(config):
    """Fields of an experiment's configuration as options of the command."""
    return [
        word
        for name, value in config.items()
        for word in (f"--{name}", *(value if isinstance(value, tuple) else (value,)))
    ]
