"""The entries that ship, and the script that makes them: from practice to README's table."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

pytest.importorskip("jinja2")

import reference_runs
from reference_runs import BEGIN, COMMITMENTS, END, ENTRIES, HEAD, METHODS, README, ROOT, experiments, table

from etude_gym.environment.registration import make_domain
from etude_gym.report.standings import boards
from etude_gym.runs import rules, scored_curves
from etude_gym.runs.agents import load_recipe, shipped_recipe
from etude_gym.runs.config import RunConfig
from etude_gym.runs.entries import Entry, read_entries, shipped_reference
from etude_gym.runs.evaluation_plan import PRIMARY_DOMAINS
from etude_gym.runs.folder import RECORD, IncompleteRun, write_json
from etude_gym.runs.rules import scored_horizon
from etude_gym.runs.submission import SEEDS

VALUE = "0123456789abcdef" * 4
LARGEST = 100_000
"""Bytes of an entry, at most."""
SHIPPED = sorted(ENTRIES.glob("*.json"))


def published(path):
    """The newest line of each method in the table of commitments: its environments and the commitment."""
    lines = path.read_text(encoding="utf-8").partition(HEAD)[2].partition("\n\n")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {name: (inside.split(", "), commitment.strip("`")) for name, inside, commitment in reversed(cells)}


# --- What ships ------------------------------------------------------------------------------------------


def test_the_table_in_readme_is_that_of_the_entries():
    shown = README.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    assert shown.strip() == table().strip(), "run python scripts/reference_runs.py table"


def test_the_entries_are_those_of_the_newest_commitments_and_cover_what_these_cover():
    shipped = {each.name: (sorted(each.domains), each.commitment) for each in read_entries([ENTRIES])}
    assert shipped == published(COMMITMENTS), "run python scripts/reference_runs.py enter SUBMISSIONS VALUE"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_an_entry_is_small_and_was_scored_on_tasks_that_nobody_could_choose(path):
    assert path.stat().st_size < LARGEST
    assert Entry.read(path).tier == "re-scored"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_an_entry_is_what_its_file_says_under_the_rules_of_today(path):
    for env_id, domain in Entry.read(path).domains.items():
        assert path.stem == f"{domain.agent}_{domain.arm}"
        assert domain.seeds == SEEDS
        assert domain.calibration == make_domain(env_id).space.calibration_hash
        assert domain.horizon == shipped_recipe(domain.agent, env_id).horizon
        assert not domain.options


def test_the_reference_and_adaptive_practice_cover_every_primary_domain():
    for arm in METHODS["sb3"]:
        assert set(Entry.read(ENTRIES / f"sb3_{arm}.json").domains) == set(PRIMARY_DOMAINS)


def test_everything_that_acts_can_be_compared_with_the_reference():
    for board in boards(read_entries([ENTRIES])):
        assert board.interface == "text" or all(each.value is not None for each in board.standings)


# --- What would be run -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", METHODS)
def test_every_kind_practices_in_all_environments_on_the_assigned_seeds(kind):
    planned = experiments(kind)
    assert set(planned) == set(PRIMARY_DOMAINS)
    for env_id, config in planned.items():
        assert (config.env_id, config.agent, config.arms) == (env_id, kind, tuple(METHODS[kind]))
        assert tuple(range(config.first_seed, config.first_seed + config.seeds)) == SEEDS
        assert kind == "llm" or shipped_recipe(kind, env_id).horizon, "runs without one are refused"


def test_the_model_and_its_endpoint_are_passed_on():
    for config in experiments("llm", ["model=small", "base_url=http://127.0.0.1:9/v1"]).values():
        assert config.options == {"model": "small", "base_url": "http://127.0.0.1:9/v1"}


def test_the_horizon_of_a_language_model_is_not_that_of_a_small_network_in_the_same_unit():
    config = RunConfig("EtudePlan-v0", "adaptive", "llm", 100, 1.0, 8, 1, (0.0,), {"parameters": 1e9})
    tokens = load_recipe("llm", config.env_id).horizon
    assert scored_horizon(replace(config, interface="text")) == tokens * 2e9
    assert scored_horizon(config) == shipped_reference(config.env_id, "flops").horizon


# --- From practice to the table --------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch, tmp_path):
    """The script with one seed and few tasks, which writes below a folder of the test."""
    for module in (reference_runs, rules):
        monkeypatch.setattr(module, "SEEDS", SEEDS[:1])
    monkeypatch.setattr(scored_curves, "SCORED_ITEMS", {"text": 1})
    monkeypatch.setattr(reference_runs, "ITEMS", {"llm": 1})
    monkeypatch.setattr(reference_runs, "METHODS", {"llm": {"adaptive": "{model}, adaptive practice"}})
    for name in ("README.md", "docs/leaderboard.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "entries").mkdir()
    monkeypatch.setattr(reference_runs, "README", tmp_path / "README.md")
    monkeypatch.setattr(reference_runs, "COMMITMENTS", tmp_path / "docs" / "leaderboard.md")
    monkeypatch.setattr(reference_runs, "ENTRIES", tmp_path / "entries")
    return tmp_path


def test_a_reference_that_lacks_an_environment_and_runs_that_are_not_finished_are_not_packed(
    small, monkeypatch, capsys
):
    monkeypatch.setattr(reference_runs, "METHODS", METHODS)
    for kind, finished in (("rllib", False), ("sb3", True)):
        run = small / kind / "EtudePlan-v0" / "adaptive" / f"seed_{SEEDS[0]}"
        run.mkdir(parents=True)
        if finished:
            run.parent.rename(run.parent.with_name("static"))
            write_json(run.parent.with_name("static") / run.name / RECORD, {})
    with pytest.raises(IncompleteRun, match=r"needs every environment: \['EtudeCode-v0'"):
        reference_runs.commit(small, small / "submissions")
    assert not (small / "submissions").exists()
    assert [kind for kind, *_ in reference_runs.methods(small)] == ["sb3"]
    assert "not finished: " + str(small / "rllib" / "EtudePlan-v0") in capsys.readouterr().out


def test_a_language_model_comes_from_practice_to_an_entry_and_the_table(small, monkeypatch):
    pytest.importorskip("openai")
    from faulty_server import faulty_server
    from scripted_model import PLAN, model

    from etude_gym.agents.llm import learner

    monkeypatch.setattr(learner, "RECIPE", replace(learner.RECIPE, horizon=20_000.0))
    runs, submissions = small / "runs", small / "submissions"
    with faulty_server({"*": [model]}) as server:
        options = ["model=small", f"base_url={server.base_url}", "max_tokens=64"]
        reference_runs.practice("llm", runs, [PLAN], options, 1)
        reference_runs.commit(runs, submissions)
        reference_runs.commit(runs, submissions)  # what is published is not published again
        reference_runs.enter(submissions, VALUE)
    reference_runs.enter(submissions, VALUE[::-1])  # nobody asks until a value fits
    entry = Entry.read(small / "entries" / "llm_adaptive.json")
    docs = small / "docs" / "leaderboard.md"
    assert published(docs)[entry.name] == ([PLAN], entry.commitment)
    assert docs.read_text(encoding="utf-8").count(entry.commitment) == 1
    assert (entry.name, entry.tier, entry.reference) == ("small, adaptive practice", "re-scored", False)
    assert entry.public_value == VALUE
    [domain] = entry.domains.values()
    assert (domain.unit, domain.interface, domain.horizon) == ("tokens", "text", 20_000.0)
    assert re.search(
        rf"\| {PLAN} as text, in tokens \| small, adaptive practice \|  \|  \| -?0\.\d+ \| re-scored \|",
        (small / "README.md").read_text(encoding="utf-8"),
    )
