"""Prerequisites among skills: published results, worlds with and without an order, the command."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from commands import run
from prerequisite_simulations import WORLDS, closure, edges_of, scripted_oracles
from scipy.optimize import approx_fprime

from etude_gym.environment.registration import make_domain
from etude_gym.measure.answers import Answers
from etude_gym.measure.item_tree import count_pairs, is_transitive, item_tree
from etude_gym.measure.knowledge_structure import allowed_states, fit_blim, merge_rows
from etude_gym.measure.mastery import SkillScores, mastery, score_skills
from etude_gym.measure.mastery_models import MasteryModel, _Likelihood, competing, fit_mastery
from etude_gym.measure.prerequisite_map import PrerequisiteMap
from etude_gym.measure.prerequisites import MASTERS, _less_often, find_prerequisites
from etude_gym.runs import prerequisites as shipping
from etude_gym.runs.config import RunConfig
from etude_gym.runs.folder import ANSWERS, CURVE, Run, write_json

DOIGNON_FALMAGNE_7 = """
00000 80 10000 92 01000 89 00100 3 00010 2 00001 1 11000 89 10100 16 10010 18 10001 10 01100 18 01010 20
01001 4 00110 2 00101 2 00011 3 11100 89 11010 89 11001 19 10110 16 10101 16 10011 3 01110 18 01101 16 01011
2 00111 2 11110 73 11101 82 11011 19 10111 15 01111 15 11111 77
"""
"""Patterns of 1,000 artificial responses to five problems and how often each occurs: Doignon and Falmagne
(1999), "Knowledge Spaces", chapter 7; the data set DoignonFalmagne7 of the R package pks."""

PAIRS = DOIGNON_FALMAGNE_7.split()
PATTERNS = np.array([[float(digit) for digit in pattern] for pattern in PAIRS[::2]])
COUNTS = np.array([float(count) for count in PAIRS[1::2]])
STATES = ["00000", "10000", "01000", "11000", "11100", "11010", "11110", "11101", "11111"]
BY_NAME = {world.name: world for world in WORLDS}


# --- Published results -----------------------------------------------------------------------------------


def test_the_analysis_of_a_published_data_set_finds_the_seven_true_edges():
    found = item_tree(count_pairs(PATTERNS, COUNTS))
    assert found.implications == [(0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4), (2, 4)]
    assert found.difference == pytest.approx(349.1, abs=0.05)
    assert min(found.tried) == found.difference


def test_the_states_of_that_order_are_the_published_ones():
    states = allowed_states(item_tree(count_pairs(PATTERNS, COUNTS)).relation)
    assert {"".join(str(int(skill)) for skill in state) for state in states} == set(STATES)


def test_the_blim_of_that_structure_has_the_published_fit():
    states = allowed_states(item_tree(count_pairs(PATTERNS, COUNTS)).relation)
    fit = fit_blim(states, PATTERNS, COUNTS)
    saturated = COUNTS @ np.log(COUNTS / COUNTS.sum())
    assert fit.log_likelihood == pytest.approx(-2908.557, abs=1e-3)
    assert 2 * (saturated - fit.log_likelihood) == pytest.approx(12.62, abs=0.01)
    assert len(COUNTS) - 1 - fit.parameters == 13


# --- Parts -----------------------------------------------------------------------------------------------


def test_every_order_that_is_tried_is_transitive_with_missing_states_too():
    random = np.random.default_rng(0)
    for _ in range(20):
        states = (random.random((40, 6)) < random.random(6)).astype(float)
        states[random.random(states.shape) < 0.3] = np.nan
        assert is_transitive(item_tree(count_pairs(states, np.ones(40))).relation)


def test_mastery_is_decided_where_answers_suffice():
    numbers = np.array([0.0, 3.0, 40.0, 40.0, 40.0, 400.0])
    totals = np.array([0.0, 3.0, 36.0, 28.0, 12.0, 296.0])
    assert mastery(numbers, totals) == pytest.approx([np.nan, np.nan, 1, np.nan, 0, 1], nan_ok=True)


def test_every_lineage_counts_once():
    scores = SkillScores(
        np.array([0, 0, 0, 0, 1]), np.full((5, 1), 10.0), np.array([[2.0], [2], [2], [2], [8]])
    )
    assert scores.weights.tolist() == [0.25] * 4 + [1.0]
    assert scores.means == pytest.approx([0.5])


def test_with_one_placebo_the_test_is_mcnemars():
    lacks = np.array([[0.0, 1.0]] * 6 + [[1.0, 0.0]] + [[1.0, 1.0]] * 3 + [[0.0, 0.0]] * 9)
    assert _less_often(lacks) == pytest.approx((1 + 7) / 2**7)


@pytest.mark.parametrize("groups", [(0,) * 4, (0, 0, 1, 1)])
@pytest.mark.parametrize("slopes", [False, True])
def test_gradients_of_the_models_are_those_of_their_likelihood(groups, slopes):
    random = np.random.default_rng(1)
    rows = (random.random((30, 4)) < 0.5).astype(float)
    rows[random.random(rows.shape) < 0.2] = np.nan
    relation = np.eye(4, dtype=bool)
    relation[0, 1] = True
    likelihood = _Likelihood(MasteryModel(relation, groups, slopes), *merge_rows(rows, np.ones(30)))
    vector = likelihood.start(1.3)
    vector[:4] += random.normal(size=4)
    numeric = approx_fprime(vector, lambda x: likelihood(x)[0], 1e-7)
    assert likelihood(vector)[1] == pytest.approx(numeric, rel=1e-3, abs=1e-3)


def test_an_order_that_ability_explains_wins_nothing_and_one_that_it_does_not_wins():
    chain = np.array([[0.0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]])
    gated = np.array([state for state in np.ndindex(2, 2, 2, 2) if not state[3] or state[0]], dtype=float)
    relation = np.eye(4, dtype=bool)
    relation[0, 3] = True

    def gain(states):
        weights = np.full(len(states), 100 / len(states))
        best = [
            min(fit_mastery(model, states, weights).bic for model in competing(order, (0,) * 4))
            for order in (np.eye(4, dtype=bool), relation)
        ]
        return best[0] - best[1]

    assert gain(chain) < 1
    assert gain(gated) > 5


# --- Worlds ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["one common ability", "two factors, the families", "one steep ability", "skills on their own, no order"],
)
def test_there_are_no_prerequisites_where_there_are_none(name):
    world = BY_NAME[name]
    found = [find_prerequisites(world.draw(100, seed), world.families, bootstraps=40) for seed in (101, 102)]
    assert sum(len(result.pairs) for result in found) > 0
    assert sum(len(result.prerequisites) for result in found) <= 1


@pytest.mark.parametrize("name", ["one edge", "a fork of two edges"])
def test_prerequisites_are_found_where_there_are_some(name):
    world = BY_NAME[name]
    found = [
        find_prerequisites(world.draw(100, seed), world.families, bootstraps=40) for seed in (101, 102, 103)
    ]
    assert sum(edges_of(result) == set(world.edges) for result in found) >= 2


def test_planted_gaps_of_scripted_oracles_are_found():
    scores, planted = scripted_oracles(260, seed=7, tasks=20)
    found = find_prerequisites(scores, (0,) * 7, bootstraps=40)
    assert planted & edges_of(found)
    assert edges_of(found) <= closure(planted)
    assert all(pair.violations == 0 for pair in found.prerequisites)


def test_what_too_few_lineages_master_is_a_difficulty_order():
    world = BY_NAME["one edge"]
    found = find_prerequisites(world.draw(60, 101), world.families, bootstraps=40)
    [edge] = [pair for pair in found.pairs if (pair.first, pair.second) == world.edges[0]]
    assert edge.masters < MASTERS
    assert not edge.is_prerequisite
    assert f"{edge.masters} lineages master the second skill, {MASTERS} are needed" in edge.reasons


def test_wrong_scores_are_refused():
    with pytest.raises(ValueError, match="as many families"):
        find_prerequisites(BY_NAME["one edge"].draw(10, 0), (0,))
    with pytest.raises(ValueError, match="totals between 0"):
        SkillScores(np.zeros(1, dtype=int), np.ones((1, 2)), np.full((1, 2), 2.0))
    with pytest.raises(ValueError, match="declares no skills"):
        score_skills(make_domain("EtudePlan-v0").space, (), np.zeros(1, dtype=int), [])


# --- The map and the command -----------------------------------------------------------------------------


def panel(folder, lineages, seed=0):
    """Runs of scripted oracles of EtudePlan-v0, as a panel keeps them."""
    domain = make_domain("EtudePlan-v0")
    scores, planted = scripted_oracles(lineages, seed=seed, tasks=20)
    middles = np.array([np.mean(skill.region.corners(domain.space), axis=0) for skill in domain.skills])
    for lineage, (numbers, totals) in enumerate(zip(scores.numbers, scores.totals, strict=True)):
        home = folder / f"oracle/seed_{lineage}"
        RunConfig("EtudePlan-v0", "none", "oracle", lineage, 1.0, 1, 1, (0.0,) * 4).write(home)
        rows = int(numbers.sum())
        answers = Answers(
            0,
            0.0,
            np.arange(rows, dtype=np.uint64),
            np.zeros(rows, dtype=np.int64),
            np.zeros(rows, dtype=np.int64),
            np.repeat(middles, numbers.astype(int), axis=0),
            np.repeat(totals / numbers, numbers.astype(int)),
            ("ok",) * rows,
        )
        Run(home).append(CURVE, 0, {"index": 0, "compute": 0.0})
        Run(home).append(ANSWERS, 0, answers.record())
    return planted


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    folder = tmp_path_factory.mktemp("panel")
    planted = panel(folder, 240, seed=7)
    return folder, planted, shipping.map_prerequisites("EtudePlan-v0", folder)


def test_the_map_of_a_panel_of_runs_holds_the_planted_order(mapped):
    _, planted, found = mapped
    edges = {(pair.first, pair.second) for pair in found.pairs if pair.is_prerequisite}
    assert edges
    assert edges <= closure(planted)
    assert PrerequisiteMap.from_json(json.loads(json.dumps(found.to_json()))).to_json() == found.to_json()


def test_a_learner_has_crossed_a_prerequisite_that_it_masters(mapped):
    _, _, found = mapped
    pair = next(pair for pair in found.pairs if pair.is_prerequisite)
    states = np.full(7, np.nan)
    for state, word in ((1.0, "crossed"), (0.0, "missing"), (np.nan, "undecided")):
        states[pair.first] = state
        first, second = (found.curves[place].skill for place in (pair.first, pair.second))
        assert (first, second, word) in found.standing(states)


def test_a_map_that_is_shipped_is_read_and_one_of_other_skills_is_refused(mapped, tmp_path, monkeypatch):
    _, _, found = mapped
    domain = make_domain("EtudePlan-v0")
    monkeypatch.setattr(shipping.inspect, "getfile", lambda _: str(tmp_path / "domain.py"))
    assert shipping.shipped_prerequisites(domain) is None
    write_json(tmp_path / shipping.SHIPPED, found.to_json())
    assert shipping.shipped_prerequisites(domain).to_json() == found.to_json()
    renamed = dataclasses.replace(found.curves[0], skill="walks")
    write_json(
        tmp_path / shipping.SHIPPED, dataclasses.replace(found, curves=(renamed, *found.curves[1:])).to_json()
    )
    with pytest.raises(
        ValueError, match=r"prerequisites\.json is no map .* other skills than plan-v0 declares"
    ):
        shipping.shipped_prerequisites(domain)
    write_json(tmp_path / shipping.SHIPPED, {**found.to_json(), "domain": "plan-v1"})
    with pytest.raises(ValueError, match="of the domain plan-v1, not of plan-v0"):
        shipping.shipped_prerequisites(domain)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"pairs": []}', "KeyError: 'skills'"),
        ('{"env_id": "EtudePlan-v0", "pai', "Unterminated"),
        ("[]", "TypeError"),
        ("\x00", "Expecting value"),
    ],
)
def test_a_map_that_is_damaged_is_named_with_what_to_do(tmp_path, monkeypatch, content, said):
    monkeypatch.setattr(shipping.inspect, "getfile", lambda _: str(tmp_path / "domain.py"))
    (tmp_path / shipping.SHIPPED).write_text(content)
    with pytest.raises(ValueError, match=f"{said}.*Write it again with `etude prerequisites`"):
        shipping.shipped_prerequisites(make_domain("EtudePlan-v0"))


def test_a_map_needs_a_score_of_each_skill_at_each_checkpoint(mapped):
    record = mapped[2].to_json()
    with pytest.raises(ValueError, match="each skill needs a score at each of 2 checkpoints"):
        PrerequisiteMap.from_json({**record, "progress": [0.5, 1.0]})


def test_a_domain_that_was_typed_in_ships_nothing(monkeypatch):
    def fail(_):
        raise TypeError("is a built-in class")

    monkeypatch.setattr(shipping.inspect, "getfile", fail)
    assert shipping.shipped_prerequisites(make_domain("EtudePlan-v0")) is None


def test_the_command_prints_writes_and_draws(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    panel(tmp_path, 12)
    code, out, err = run(capsys, "prerequisites", "EtudePlan-v0", "--panel", tmp_path)
    assert code == 0, err
    assert "No prerequisite stands up" in out
    assert "60 are needed" in " ".join(out.split())
    record = json.loads((tmp_path / "prerequisites.json").read_text())
    assert record["lineages"] == 12
    assert record["made_by"] == f"etude prerequisites EtudePlan-v0 --panel {tmp_path.name}"
    assert (tmp_path / "prerequisites.png").read_bytes().startswith(b"\x89PNG")
    code, _, err = run(capsys, "prerequisites", "EtudeLogic-v0", "--panel", tmp_path)
    assert code == 2
    assert "holds no run of EtudeLogic-v0" in err
