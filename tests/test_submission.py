"""Submissions: what is packed, and that every attack on the rules is refused by its name."""

from __future__ import annotations

import json
import pickle
import shutil
from dataclasses import asdict, replace

import counting  # noqa: F401 (registers its domain)
import numpy as np
import pytest
from commands import run
from own_learner import LinearReinforce

from etude_gym.environment.registration import make_domain
from etude_gym.measure.anchors import chance_levels
from etude_gym.runs import practice_run as practice
from etude_gym.runs.agents import Recipe
from etude_gym.runs.config import RunConfig
from etude_gym.runs.entries import Entry, read_entries
from etude_gym.runs.finished import load_run
from etude_gym.runs.folder import (
    ANSWERS,
    CHECKPOINTS,
    COMPUTE,
    CONFIG,
    CURVE,
    LATEST,
    PRACTICE,
    RECORD,
    START,
    IncompleteRun,
    read_json,
    write_json,
)
from etude_gym.runs.practice_run import practice_run
from etude_gym.runs.scored_curves import SUMMARY, curves_differ, read_scored, score
from etude_gym.runs.submission import (
    MANIFEST,
    RUNS,
    SCORED,
    SEEDS,
    Lineage,
    Submission,
    declared_options,
    digests,
    pack,
    scored_salt,
)
from etude_gym.runs.verification import Verification

COUNTING, AGENT = "counting:Counting-v0", "test_submission:WithRecipe"
TRUSTED = (COUNTING, AGENT)
HORIZON = 2e5
VALUE = "0123456789abcdef" * 4
FIRST = f"{RUNS}/Counting-v0/seed_{SEEDS[0]}"


class WithRecipe(LinearReinforce):
    @staticmethod
    def recipe(env_id):
        return Recipe(horizon=HORIZON, num_envs=8, options={"learning_rate": 0.02})


class Peeping(WithRecipe):
    def attend(self, worlds):
        self.worlds = worlds


@pytest.fixture(scope="module", autouse=True)
def few_turns():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(practice, "ITERATIONS", 16)
        yield


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Finished runs of one arm on the assigned seeds."""
    folder = tmp_path_factory.mktemp("runs")
    chance = tuple(chance_levels(make_domain(COUNTING)).round(6).tolist())
    for seed in SEEDS:
        options = {"learning_rate": 0.02}
        config = RunConfig(COUNTING, "uniform", AGENT, seed, HORIZON, 8, 5, chance, options)
        config.write(folder / f"seed_{seed}")
        assert practice_run(folder / f"seed_{seed}", salt=seed)
    return folder


@pytest.fixture(scope="module")
def packed(runs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed") / "submission"
    pack([runs], folder, "linear", lineage=Lineage("linear", "1"), outside="none")
    return folder


@pytest.fixture
def submission(packed, tmp_path):
    """A copy to be tampered with."""
    return shutil.copytree(packed, tmp_path / "submission")


def sign(folder, **changes):
    """Commit to a folder as it is: what somebody does who tampers before publishing."""
    manifest = read_json(folder / MANIFEST)
    names = sorted(
        path.parent.relative_to(folder / RUNS).as_posix() for path in folder.glob(f"{RUNS}/*/*/{CONFIG}")
    )
    write_json(folder / MANIFEST, manifest | {"runs": names, "files": digests(folder)} | changes)


def verify(folder, trusted=TRUSTED, **options):
    """The tier, and the last finding."""
    verification = Verification(folder, trusted=trusted, **options)
    return verification.run(), verification.findings[-1]


def refused(folder, check, words="", **options):
    tier, last = verify(folder, **options)
    assert (tier, last.check, last.passed) == (None, check, False), last
    assert words in last.detail


def edit(path, change):
    """Change the records of a file of JSON lines."""
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for record in records:
        change(record)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def means(curves):
    return [curve.mean.tolist() for curve in curves]


def perfect(record):
    for cell in record["cells"]:
        cell["scores"] = [1.0] * len(cell["scores"])


# --- What is packed --------------------------------------------------------------------------------------


def test_a_submission_holds_records_and_checkpoints_but_no_state_to_go_on_from(packed):
    files = {
        path.relative_to(packed / FIRST).as_posix() for path in (packed / FIRST).rglob("*") if path.is_file()
    }
    assert {CONFIG, CURVE, ANSWERS, PRACTICE, COMPUTE, RECORD} < files
    assert sum(name.startswith(f"{CHECKPOINTS}/00") for name in files) == len(files) - 6
    assert LATEST not in {path.name for path in packed.rglob("*")}
    assert not list(packed.rglob("events*"))
    assert Submission.read(packed).lineage == Lineage("linear", "1")


def test_one_method_alone_is_packed_whole_or_not_at_all(runs, tmp_path):
    shutil.copytree(runs / "seed_100", tmp_path / "runs" / "one")
    shutil.copytree(runs / "seed_100", tmp_path / "runs" / "other")
    with pytest.raises(ValueError, match="A submission is one method: give the folder of one arm"):
        pack([tmp_path / "runs"], tmp_path / "out", "both")
    (tmp_path / "runs" / "one" / RECORD).unlink()
    with pytest.raises(IncompleteRun, match="is not finished"):
        pack([tmp_path / "runs" / "one"], tmp_path / "out", "early")
    (tmp_path / "runs" / "other" / CHECKPOINTS / "003.safetensors").unlink()
    with pytest.raises(IncompleteRun, match="lacks a network for each point"):
        pack([tmp_path / "runs" / "other"], tmp_path / "out", "without networks")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]
    with pytest.raises(FileExistsError):
        pack([runs], tmp_path, "there already")
    with pytest.raises(ValueError, match="needs a name"):
        pack([runs], tmp_path / "out", " ")


def test_what_differs_from_the_recipe_is_declared(runs, tmp_path):
    assert declared_options([runs / "seed_100"]) == {COUNTING: {}}
    config = RunConfig.read(runs / "seed_100")
    replace(config, num_envs=16, options={"learning_rate": 1.0}).write(tmp_path)
    assert declared_options([tmp_path]) == {COUNTING: {"num_envs": 16, "learning_rate": 1.0}}


# --- The salt --------------------------------------------------------------------------------------------


def test_the_salt_follows_from_commitment_and_public_value():
    salt = scored_salt("a" * 64, VALUE)
    assert salt == scored_salt("a" * 64, f" {VALUE.upper()}\n")
    assert len({salt, scored_salt("b" * 64, VALUE), scored_salt("a" * 64, VALUE[::-1])}) == 3
    for value in ("", "1234", "g" * 64):
        with pytest.raises(ValueError, match="at least 32 hexadecimal digits"):
            scored_salt("a" * 64, value)


def test_the_commitment_changes_with_every_file_and_every_word(packed):
    submission = Submission.read(packed)
    files = dict(submission.files)
    files[next(iter(files))] = "0" * 64
    others = [
        replace(submission, files=files),
        replace(submission, outside="pretraining"),
        replace(submission, name="x"),
    ]
    assert len({each.commitment for each in (submission, *others)}) == 4


# --- Tiers -----------------------------------------------------------------------------------------------


def test_an_honest_submission_is_reported_then_rescored_then_reproduced(packed, tmp_path):
    reported = Verification(packed, trusted=TRUSTED)
    assert reported.run() == "reported", reported.findings[-1]
    repeated = Verification(packed, public_value=VALUE, trusted=TRUSTED, repeat=True)
    assert repeated.run() == "reproduced", repeated.findings[-1]
    entry = repeated.entry()
    entry.write(tmp_path / "entry.json")
    assert read_entries([tmp_path]) == [entry]
    curves = entry.domains[COUNTING].learning_curves
    assert [curve.mean.tolist() for curve in curves] == [
        curve.mean.tolist() for curve in repeated.curves.values()
    ]
    own = [load_run(packed / RUNS / name).curve for name in repeated.submission.runs]
    assert all(
        curves_differ(scored, mine) for scored, mine in zip(repeated.curves.values(), own, strict=True)
    )
    assert [curve.mean.tolist() for curve in reported.curves.values()] == [
        curve.mean.tolist() for curve in own
    ]


def test_curves_scored_by_the_submitter_are_those_of_whoever_verifies(submission):
    score(submission, VALUE)
    tier, last = verify(submission, public_value=VALUE)
    assert tier == "re-scored", last
    curve = submission / SCORED / "Counting-v0" / "seed_100" / CURVE
    edit(curve, perfect)
    refused(submission, "scored curve", "answers differ", public_value=VALUE)
    assert read_scored(submission, "Counting-v0/seed_100").scores.mean() == 1.0


# --- Attacks ---------------------------------------------------------------------------------------------


def test_an_edited_curve_is_refused_however_far_it_is_edited(submission):
    folder = submission / FIRST
    edit(folder / CURVE, perfect)
    refused(submission, "commitment", "curve.jsonl is not the file that was committed to")
    sign(submission)
    refused(submission, "answers", "the curve at checkpoint 0 is not their score")
    edit(folder / ANSWERS, lambda record: record.update(scores=[1.0] * len(record["scores"])))
    sign(submission)
    refused(submission, "curve", "written 1.0000")


def test_networks_of_another_run_are_refused(submission):
    state = submission / FIRST / CHECKPOINTS
    shutil.copyfile(state / "008.safetensors", state / "001.safetensors")
    sign(submission)
    refused(submission, "checkpoints", "network 1 is not that of its point")


def test_a_dropped_seed_is_refused(submission):
    shutil.rmtree(submission / FIRST)
    sign(submission)
    refused(submission, "seeds", "[101, 102, 103, 104], assigned are [100, 101, 102, 103, 104]")


def test_a_run_under_the_name_of_another_seed_is_refused(submission):
    shutil.rmtree(submission / FIRST)
    shutil.copytree((submission / FIRST).with_name("seed_101"), submission / FIRST)
    sign(submission)
    refused(submission, "runs", "seed_100 holds Counting-v0/seed_101")


def test_a_relabeled_run_is_refused(submission):
    """Another seed's run whose configuration was edited does not begin as its seed does."""
    folder = submission / FIRST
    shutil.rmtree(folder)
    shutil.copytree(folder.with_name("seed_101"), folder)
    replace(RunConfig.read(folder), seed=SEEDS[0]).write(folder)
    sign(submission)
    refused(submission, "ledger", "seed 100 does not begin with its network")


def configure(folder, **changes):
    for config in folder.glob(f"{RUNS}/*/*/{CONFIG}"):
        replace(RunConfig.read(config.parent), **changes).write(config.parent)
    sign(folder)


def test_another_horizon_is_refused(submission):
    configure(submission, horizon=HORIZON / 2)
    refused(submission, "horizon", "has 100000, shipped is 200000 flops")


def test_undeclared_options_are_refused(submission):
    configure(submission, options={"learning_rate": 0.5})
    refused(submission, "options", "runs with learning_rate unlike the recipe, and declares nothing")
    sign(submission, options={COUNTING: {"learning_rate": 0.5, "seed": 7}})
    refused(submission, "options")


def test_lower_chance_levels_are_refused(submission):
    chance = RunConfig.read(submission / FIRST).chance
    configure(submission, chance=(0.0,) * len(chance))
    refused(submission, "anchors", "other chance levels")


def test_easy_bands_alone_are_refused(submission):
    configure(submission, bands=(0, 1))
    refused(submission, "anchors", "has the bands (0, 1)")


def test_actions_that_are_called_text_are_refused(submission):
    configure(submission, interface="text")
    refused(submission, "anchors", "says that it met tasks as text, its agent meets actions")


def test_runs_of_two_methods_are_refused(submission):
    folder = submission / FIRST
    replace(RunConfig.read(folder), arm="easy").write(folder)
    sign(submission)
    refused(submission, "method", "another arm")


def test_a_ledger_that_hides_compute_is_refused(submission):
    folder = submission / FIRST
    halve = 0.5
    kept = read_json(folder / COMPUTE)
    for line in kept.values():
        line["flops"] *= halve
    write_json(folder / COMPUTE, kept)
    sign(submission)
    refused(submission, "ledger", "differ")
    write_json(folder / RECORD, read_json(folder / RECORD) | {"compute": kept})
    sign(submission)
    refused(submission, "ledger", "the curve")


def test_a_checkpoint_left_out_is_refused(submission):
    folder = submission / FIRST
    lines = (folder / CURVE).read_text().splitlines()
    (folder / CURVE).write_text("\n".join(lines[:3] + lines[4:]) + "\n")
    answers = (folder / ANSWERS).read_text().splitlines()
    (folder / ANSWERS).write_text("\n".join(answers[:3] + answers[4:]) + "\n")
    (folder / CHECKPOINTS / "003.safetensors").unlink()
    sign(submission)
    refused(submission, "checkpoints", "lacks the checkpoints [3]")


def test_a_salt_of_ones_own_is_refused(submission):
    score(submission, VALUE)
    refused(submission, "salt", "with the public value", public_value=VALUE[::-1])
    write_json(submission / SCORED / SUMMARY, {"public_value": VALUE, "salt": 7})
    refused(submission, "salt", "a salt of its own", public_value=VALUE)


def test_an_entry_with_a_salt_of_its_own_is_refused(packed, tmp_path):
    verification = Verification(packed, public_value=VALUE, trusted=TRUSTED)
    assert verification.run() == "re-scored"
    stored = json.loads(json.dumps(asdict(verification.entry())))
    assert Entry.from_json(stored) == verification.entry()
    write_json(tmp_path / "entry.json", stored | {"salt": 7})
    with pytest.raises(IncompleteRun, match="does not follow from its commitment"):
        read_entries([tmp_path])


def test_another_commitment_than_the_published_one_is_refused(packed):
    refused(packed, "commitment", "another one was published", commitment="f" * 64)


class Trap:
    def __reduce__(self):
        return print, ("the code in a pickle ran",)


@pytest.mark.parametrize("protocol", [0, 2, 5])
@pytest.mark.parametrize(
    "name", ["latest.pickle", f"{FIRST}/{CHECKPOINTS}/003.safetensors", f"{FIRST}/{CURVE}"]
)
def test_a_pickle_is_refused_and_its_code_does_not_run(submission, capsys, name, protocol):
    (submission / name).write_bytes(pickle.dumps(Trap(), protocol))
    sign(submission)
    refused(submission, "files", f"{name} is a pickle")
    assert "ran" not in capsys.readouterr().out


def test_other_files_and_links_are_refused(submission):
    (submission / "notes.txt").write_text("hello")
    refused(submission, "files", "no place for notes.txt")
    (submission / "notes.txt").unlink()
    target = submission / FIRST / CURVE
    target.unlink()
    target.symlink_to("/etc/hostname")
    refused(submission, "files", "is a link")


def test_code_of_the_submitter_is_imported_only_if_it_is_trusted(submission, monkeypatch):
    refused(submission, "code", "would import", trusted=())
    refused(submission, "code", f"'{AGENT}'", trusted=(COUNTING,))
    configure(submission, agent="no_such_module:Agent")
    refused(submission, "code", "no_such_module:Agent")
    configure(submission, agent="os")
    refused(submission, "code", "'os'")


def test_an_agent_that_looks_behind_observations_is_refused(submission):
    peeping = "test_submission:Peeping"
    configure(submission, agent=peeping)
    refused(submission, "observations", "attend()", trusted=(COUNTING, peeping))
    configure(submission, agent="oracle")
    refused(submission, "observations", "does not learn")


def test_bands_of_another_calibration_are_refused(submission):
    configure(submission, calibration="0123456789abcdef")
    refused(submission, "anchors", "follow the calibration 0123456789abcdef, those here none")


def test_tasks_of_another_suite_version_are_refused(submission):
    sign(submission, suite_version=2)
    refused(submission, "suite", "version 2")


def test_planted_weights_do_not_reproduce(submission, monkeypatch):
    """Somebody who trained on more than the ledger says is found out when practice is repeated."""
    verification = Verification(submission, public_value=VALUE, trusted=TRUSTED, repeat=True)
    verification._read_runs()
    for name, curve in verification.curves.items():
        scores = np.ones_like(curve.scores)
        scores[0, 0, 0] -= 0.01 * len(name)
        verification.curves[name] = replace(curve, scores=scores - 0.001 * (curve.scores[0, 0, 0]))
    with pytest.raises(ValueError, match="areas exceed those of fresh seeds"):
        verification._repeat()


def test_a_hidden_start_is_refused(submission):
    for folder in (submission / RUNS).glob("*/*"):
        shutil.copyfile(folder / CHECKPOINTS / "008.safetensors", folder / CHECKPOINTS / START)
    sign(submission)
    refused(submission, "start", "holds a network to start from and names none")
    configure(submission, start={"run": "earlier", "checkpoint": 8, "compute": HORIZON})
    refused(submission, "start", "its lineage declares 0 of pretraining")
    sign(submission, lineage=asdict(Lineage("linear", "2", "1", HORIZON)))
    refused(submission, "ledger")  # declared, and yet not begun with that network


# --- The commands ----------------------------------------------------------------------------------------


def test_the_commands_pack_score_verify_and_refuse(runs, tmp_path, capsys):
    folder, entries = tmp_path / "submission", tmp_path / "entries"
    code, out, _ = run(
        capsys, "submit", runs, "-o", folder, "--name", "linear", "--family", "l", "--version", "1"
    )
    commitment = Submission.read(folder).commitment
    assert (code, commitment in out) == (0, True)
    assert run(capsys, "submit", folder, "--public-value", VALUE)[0] == 0
    trust = ("--trust", *TRUSTED)
    code, out, _ = run(
        capsys, "verify", folder, "--public-value", VALUE, "--commitment", commitment, "-o", entries, *trust
    )
    assert code == 0, out
    assert "linear: re-scored." in out
    assert [entry.tier for entry in read_entries([entries])] == ["re-scored"]
    code, out, error = run(capsys, "verify", folder)
    assert code == 1
    assert "REFUSED" in out
    assert "is refused: code" in error
    assert run(capsys, "submit", runs, "--name", "x")[0] == 2
    assert run(capsys, "submit")[0] == 2
    assert run(capsys, "submit", runs, "-o", tmp_path / "y", "--name", "y", "--version", "2")[0] == 2
