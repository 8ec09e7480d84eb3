"""Horizons: guessed to an order of magnitude, found by a pilot, kept as data, practiced with."""

from __future__ import annotations

import json
import math
import re

import pytest
from commands import run
from counting import CountingDomain
from written_runs import write_curve

from etude_gym.runs.agents import Recipe
from etude_gym.runs.config import RunConfig
from etude_gym.runs.experiment import Experiment, ExperimentConfig
from etude_gym.runs.finished import load_run
from etude_gym.runs.horizons import guess_horizon
from etude_gym.runs.pilot import FIRST_SEED, PilotConfig, find_horizon
from etude_gym.runs.recipes import recipe_in, write_recipe

COUNTING = "counting:Counting-v0"
RISER = "rising_learner:Riser"
GUESS = 1e5
"""Half a million steps of a learner that books a tenth of a FLOP for each, to a power of ten."""
SMALL = PilotConfig(env_id=COUNTING, agent=RISER, seeds=2, items=5)


class Reader:
    """Reads text: its tasks would have to be asked and paid for."""

    def play(self, tasks):
        raise AssertionError("nothing is asked")


def practicing(score):
    """Carries out a pilot's experiments at once, with known scores."""

    def practice(experiment):
        for folder in experiment.run_folders():
            config = RunConfig.read(folder)
            write_curve(folder, config, score)
        return True

    return practice


def saturating(pace, final=0.8):
    return lambda compute: final * (1 - math.exp(-compute / pace))


# --- The horizon -----------------------------------------------------------------------------------------


def test_the_order_of_magnitude_is_that_of_half_a_million_steps():
    assert guess_horizon(RISER, CountingDomain(), 64, {}) == GUESS


@pytest.mark.parametrize("pace", [300.0, 4e3, 4e4])
def test_the_horizon_is_where_the_reference_has_nine_tenths_of_its_gain(tmp_path, pace):
    """From budgets that are far too large, about right, and far too small."""
    rounds = []
    found = find_horizon(SMALL, tmp_path, practicing(saturating(pace)), rounds.append)
    reached = 0.9 * (1 - math.exp(-found.budget / pace))
    assert found.horizon == pytest.approx(-pace * math.log(1 - reached), rel=0.05)
    assert 0.2 <= found.horizon / found.budget <= 0.6
    assert not found.rising
    assert rounds[0].startswith(f"Budget {GUESS / 8:.3g}: ")
    assert found.recipe.horizon == found.horizon
    assert "--seeds 2 --items 5; static, seeds from 1000" in found.recipe.source


def test_a_budget_that_is_given_is_the_only_one(tmp_path):
    pilot = PilotConfig(env_id=COUNTING, agent=RISER, seeds=2, items=5, budget=1000.0)
    found = find_horizon(pilot, tmp_path, practicing(lambda compute: compute / 2000))
    assert (found.horizon, found.budget, found.rising) == (900.0, 1000.0, True)
    assert [path.name for path in tmp_path.iterdir()] == ["budget_1e+03"]


def test_no_horizon_where_nothing_is_learned(tmp_path):
    with pytest.raises(
        RuntimeError, match=r"No horizon: static practice has taught .* on budgets up to 8e\+05"
    ):
        find_horizon(SMALL, tmp_path, practicing(lambda compute: 0.3))


def test_pilot_seeds_are_others_than_scored_ones_and_evaluations_stand_at_even_distances(tmp_path):
    find_horizon(SMALL, tmp_path, practicing(saturating(4e3)))
    for folder in tmp_path.iterdir():
        for run_folder in Experiment(folder).run_folders():
            loaded = load_run(run_folder)
            assert loaded.config.seed >= FIRST_SEED
            assert loaded.config.name == "pilot"
            assert loaded.curve.compute.tolist() == pytest.approx(
                [loaded.config.horizon * place / 20 for place in range(21)]
            )


def test_a_pilot_that_was_interrupted_finds_its_runs_again(tmp_path):
    assert find_horizon(SMALL, tmp_path, lambda experiment: False) is None
    before = sorted(path.name for path in tmp_path.rglob("seed_*"))
    assert find_horizon(SMALL, tmp_path, practicing(saturating(4e3))) is not None
    assert before == ["seed_1000", "seed_1001"]


def test_an_agent_that_reads_text_needs_a_budget(tmp_path):
    pilot = PilotConfig(env_id=COUNTING, agent="test_pilot:Reader")
    with pytest.raises(ValueError, match="Give --budget, in FLOPs: how much 'test_pilot:Reader' needs"):
        find_horizon(pilot, tmp_path, lambda experiment: True)


# --- From the command line -------------------------------------------------------------------------------


def test_what_list_prints_finds_a_horizon_and_practices_with_it(tmp_path, capsys, monkeypatch):
    """A domain and a learner of one's own, with the commands as they are printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("etude_gym.cli.terminal.console._width", 200)
    out = run(capsys, "list", COUNTING)[1]
    pilot = re.search(r"find a horizon +etude (.*\S)", out)[1].split()
    practice = re.search(r"practice +etude (practice .*\S)", out)[1].split()
    assert pilot == ["pilot", COUNTING]
    mine = ("--agent", RISER)
    code, out, err = run(capsys, *pilot, *mine, "--option", "pace=2000", "--seeds", "2", "--items", "20",
                         "--budget", "1e4", "--workers", "1")  # fmt: skip
    assert (code, err) == (0, "")
    assert f"Practice with it: etude practice {COUNTING} --agent {RISER} --recipes recipes.json" in out
    recipe = recipe_in(tmp_path / "recipes.json", RISER, COUNTING)
    assert recipe.options == {"pace": 2000}
    assert 1500 < recipe.horizon < 8000
    few = ("--arms", "static", "uniform", "--seeds", "1", "--workers", "1", "--out", "runs/x")
    code, out, err = run(capsys, *practice, *mine, *few)
    assert (code, err) == (0, "")
    config = RunConfig.read(tmp_path / "runs/x/uniform/seed_0")
    assert (config.horizon, config.options) == (recipe.horizon, {"pace": 2000})


def test_a_missing_horizon_is_answered_with_its_order_and_the_commands(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, "practice", COUNTING, "--agent", RISER, "--option", "pace=500")
    assert code == 2
    assert f"No horizon is known for '{RISER}' on {COUNTING}: give --horizon in FLOPs. 1e+05 FLOPs" in err
    assert (
        f"etude pilot {COUNTING} --agent {RISER} --option pace=500 --out recipes.json; etude practice" in err
    )
    assert not list(tmp_path.iterdir())


def test_domains_with_a_horizon_are_listed_with_one_command(capsys):
    out = " ".join(run(capsys, "list", "EtudePlan-v0")[1].split())
    assert "practice etude practice EtudePlan-v0 --preset quick in Python" in out
    assert "pilot" not in out


# --- Recipes in files ------------------------------------------------------------------------------------


def test_recipes_are_written_beside_others(tmp_path):
    path = tmp_path / "recipes.json"
    write_recipe(path, "sb3", "my:Mine-v0", Recipe(horizon=1e9, options={"network": [64]}))
    write_recipe(path, RISER, COUNTING, Recipe(horizon=1e5))
    write_recipe(path, "sb3", "my:Mine-v0", Recipe(horizon=2e9, options={"network": [64]}))
    assert recipe_in(path, "sb3", "Mine-v0") == Recipe(horizon=2e9, options={"network": [64]})
    assert recipe_in(path, RISER, "Counting-v0").horizon == 1e5


def test_files_without_the_recipe_are_refused_by_what_they_lack(tmp_path):
    path = tmp_path / "recipes.json"
    config = ExperimentConfig(env_id=COUNTING, agent=RISER, recipes=path)
    with pytest.raises(ValueError, match=r"does not exist\. Recipes are found by: etude pilot ID --out"):
        Experiment.create(tmp_path / "x", config)
    path.write_text("{}")
    with pytest.raises(ValueError, match="holds no recipes"):
        Experiment.create(tmp_path / "x", config)
    write_recipe_of(path, {"Countin-v0": {}})
    with pytest.raises(ValueError, match="Did you mean 'Countin-v0'"):
        Experiment.create(tmp_path / "x", config)
    write_recipe_of(path, {"Counting-v0": {"sb3": {}}})
    with pytest.raises(
        ValueError, match=r"Unknown agent of the recipes in .* 'rising_learner:Riser'. Allowed: 'sb3'"
    ):
        Experiment.create(tmp_path / "x", config)
    write_recipe_of(path, {"Counting-v0": {RISER: {"horizn": 1}}})
    with pytest.raises(ValueError, match="horizn"):
        Experiment.create(tmp_path / "x", config)


def write_recipe_of(path, recipes):
    path.write_text(json.dumps({"recipes": recipes}))
