"""The experiment of a transfer: its verdicts, and a run of it that is interrupted."""

from __future__ import annotations

import json

import numpy as np
import pytest
from commands import run

from etude_gym.measure.transfer import SkillCurves, direction, judge
from etude_gym.runs.answers import read_answers
from etude_gym.runs.experiment import Experiment
from etude_gym.runs.folder import IncompleteRun
from etude_gym.runs.transfer import TransferConfig, TransferExperiment

GRID = tuple(float(x) for x in range(11))


def arm(reached, before=1.0):
    """Curves that reach half of their gain at the given compute."""
    scores = tuple(tuple(float(np.clip(x / (2 * at), 0, 1)) for x in GRID) for at in reached)
    return SkillCurves((before,) * len(reached), (GRID,) * len(reached), scores)


def way(ours, theirs, alone=(4.0, 4.2, 3.8, 4.1)):
    return direction(arm(ours), arm(theirs), arm(alone, before=0.0))


HELPS = way((1.0, 1.1, 0.9, 1.05), (4.0, 4.1, 3.9, 4.2))
NOTHING = way((4.0, 4.1, 3.9, 4.0), (4.0, 4.0, 4.0, 4.05))
NOISE = way((2.0, 4.9, 1.5, 4.9), (4.0, 3.0, 2.5, 4.9))


def test_compute_spent_before_is_charged():
    assert arm((2.0, 3.0), before=10.0).reach(0.5) == pytest.approx([12.0, 13.0])
    assert HELPS.against_placebo.value == pytest.approx(2.0 / 5.05, rel=0.05)
    assert HELPS.against_none.value == pytest.approx(2.0 / 4.02, rel=0.05)


def test_an_edge_is_confirmed_if_it_saves_compute_and_more_than_the_reverse():
    assert judge(HELPS, NOTHING).verdict == "confirmed"


def test_no_saving_and_a_larger_one_in_reverse_refute_it():
    assert judge(NOTHING, NOTHING).verdict == "refuted"
    assert judge(way((2.5, 2.6, 2.4, 2.5), (4.0, 4.1, 3.9, 4.2)), HELPS).verdict == "refuted"


def test_what_is_noisy_or_helps_both_ways_is_undecided():
    assert judge(NOISE, NOTHING).verdict == "undecided"
    both = judge(HELPS, HELPS)
    assert both.verdict == "undecided"
    assert "perhaps as much in reverse" in both.reason


def test_a_skill_that_is_there_from_the_start_decides_nothing():
    flat = SkillCurves((0.0,) * 4, (GRID,) * 4, ((0.5,) * len(GRID),) * 4)
    found = judge(direction(flat, flat, flat), NOTHING)
    assert found.verdict == "undecided"
    assert "gains nothing" in found.reason
    assert np.isfinite(found.forward.against_none.value)


def test_runs_that_do_not_reach_the_skill_decide_nothing():
    late = way((40.0, 40.0, 40.0, 40.0), (4.0, 4.0, 4.1, 4.0))
    found = judge(late, NOTHING)
    assert found.verdict == "undecided"
    assert "longer horizon" in found.reason


def test_wrong_requests_are_refused(tmp_path, capsys):
    with pytest.raises(ValueError, match="three different ones"):
        TransferConfig("EtudePlan-v0", "errands", "mishaps", "errands")
    with pytest.raises(ValueError, match="'deep recipes'"):
        TransferExperiment.create(
            tmp_path, TransferConfig("EtudePlan-v0", "deep recipe", "mishaps", "errands")
        )
    with pytest.raises(IncompleteRun):
        TransferExperiment(tmp_path / "nowhere")
    assert run(capsys, "transfer", "EtudePlan-v0", "errands")[0] == 2


@pytest.mark.slow
def test_a_transfer_goes_on_where_it_stopped_and_ends_with_a_verdict(tmp_path):
    config = TransferConfig(
        "EtudePlan-v0", "errands", "long plans", "tight budgets", seeds=2, horizon=2e9, items=20
    )
    transfer = TransferExperiment.create(tmp_path, config)
    calls = []

    def interrupted(experiment):
        calls.append(experiment.folder.name)
        return len(calls) < 3 and experiment.practice(1)

    assert not transfer.practice(interrupted)
    with pytest.raises(IncompleteRun):
        transfer.result()
    again = TransferExperiment(tmp_path)
    assert again.practice(lambda experiment: experiment.practice(1))
    found = again.result()
    assert found.verdict in ("confirmed", "refuted", "undecided")
    assert json.loads((tmp_path / "transfer.json").read_text())["verdict"] == found.verdict
    after, alone = (
        read_answers(Experiment(tmp_path / name).run_folders()[0])
        for name in ("long_plans_after_errands", "long_plans_after_none")
    )
    assert (after[0].keys == alone[0].keys).all()
