"""The status of every task, its models and its certificate: confirmed by truth tables and by CP-SAT."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from etude_gym import make_domain
from etude_gym.conformance.common import random_tasks
from etude_gym.envs.logic.kernel import ENTAILED, GROUP, INCONSISTENT, MAX_ATOMS, REFUTED, UNKNOWN
from etude_gym.measure.rollout import begin

DOMAIN = make_domain("EtudeLogic-v0")
FAMILIES = DOMAIN.space.families
STATUS = {
    (True, True): UNKNOWN,
    (True, False): ENTAILED,
    (False, True): REFUTED,
    (False, False): INCONSISTENT,
}
"""Status, by whether there is a model with the query true and one with it false."""


def make_worlds(count, seed=0):
    return begin(DOMAIN, random_tasks(DOMAIN, count, seed)).worlds


# --- Truth tables --------------------------------------------------------------------------------------

_ATOMS_TRUE = np.arange(1 << MAX_ATOMS, dtype=np.uint32)
ASSIGNMENTS = _ATOMS_TRUE | (~_ATOMS_TRUE << np.uint32(MAX_ATOMS))
"""All assignments to 16 atoms, as sets of the literals that hold."""


class TruthTable:
    """Which premises of a task are violated by which of the assignments that agree with the facts."""

    def __init__(self, world):
        self.assignments = ASSIGNMENTS[ASSIGNMENTS & world["facts"] == world["facts"]]
        self.query = self.assignments & world["query"] != 0
        holding = np.bitwise_count(self.assignments & world["literals"][:, None])
        holds = np.where(world["kind"][:, None] == GROUP, holding == 1, holding > 0)
        self.violated = ~holds[: world["num_premises"]]

    def status(self, premises, without=None):
        """Status under some of the premises (indices), or all of these but one."""
        kept = [i for i in premises if i != without]
        models = ~self.violated[kept].any(axis=0)
        return STATUS[bool((models & self.query).any()), bool((models & ~self.query).any())]


def proof_of(world):
    """Indices of the premises of the certificate."""
    return [i for i in range(world["num_premises"]) if int(world["proof"]) >> i & 1]


def test_truth_tables_confirm_the_status():
    for world in make_worlds(150):
        assert TruthTable(world).status(range(world["num_premises"])) == world["status"]


def test_the_models_of_a_task_are_models():
    worlds = make_worlds(5000)
    for side, status in enumerate((REFUTED, ENTAILED)):
        model = worlds["model"][:, side]
        exists = ~np.isin(worlds["status"], (status, INCONSISTENT))
        assert_array_equal(model != 0, exists)
        given, model = worlds[exists], model[exists]
        query = model & given["query"] != 0
        assert_array_equal(query, side == 0)
        assert_array_equal(model & given["facts"], given["facts"])
        atoms = (model | model >> np.uint32(MAX_ATOMS)) & np.uint32(0xFFFF)
        assert_array_equal(atoms, given["atoms"] & np.uint32(0xFFFF), "every atom has a value")
        assert_array_equal(np.bitwise_count(model), np.bitwise_count(atoms), "and one only")
        holding = np.bitwise_count(model[:, None] & given["literals"])
        holds = np.where(given["kind"] == GROUP, holding == 1, holding > 0)
        assert (holds | (np.arange(holds.shape[1]) >= given["num_premises"][:, None])).all()


def spared(world, premises):
    """Premises of the certificate without which some premises still make the status."""
    table = TruthTable(world)
    assert table.status(premises) == world["status"]
    return [i for i in proof_of(world) if table.status(premises, without=i) == world["status"]]


def of_family(worlds, family):
    return worlds[worlds["family"] == FAMILIES.index(family)]


def test_no_premise_of_a_proof_can_be_spared():
    worlds = make_worlds(800, seed=1)
    decided = worlds[np.isin(worlds["status"], (ENTAILED, REFUTED))]
    assert len(decided) > 300
    for world in decided:
        assert spared(world, proof_of(world)) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_no_premise_of_a_conflict_set_can_be_spared(family):
    worlds = of_family(make_worlds(1600, seed=1), family)
    inconsistent = worlds[worlds["status"] == INCONSISTENT]
    assert len(inconsistent) > 80
    for world in inconsistent:
        assert spared(world, proof_of(world)) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_outside_the_certificate_offers_no_shortcut(family):
    worlds = of_family(make_worlds(800, seed=1), family)
    decided = worlds[worlds["status"] != UNKNOWN]
    assert len(decided) > 120
    for world in decided:
        assert spared(world, range(world["num_premises"])) == []


def test_a_task_that_is_not_decided_has_no_proof():
    worlds = make_worlds(5000)
    assert_array_equal(worlds["proof"] != 0, worlds["status"] != UNKNOWN)


# --- A solver nobody here wrote ------------------------------------------------------------------------


def is_satisfiable(cp_model, world, query):
    """Whether CP-SAT finds a model in which the query, a word, holds."""
    model = cp_model.CpModel()
    atoms = [model.new_bool_var(f"atom {atom}") for atom in range(MAX_ATOMS)]
    literals = [*atoms, *(atom.negated() for atom in atoms)]

    def members(word):
        return [literal for bit, literal in enumerate(literals) if int(word) >> bit & 1]

    model.add_bool_and(members(world["facts"] | query))
    for i in range(world["num_premises"]):
        add = model.add_exactly_one if world["kind"][i] == GROUP else model.add_bool_or
        add(members(world["literals"][i]))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    answer = solver.solve(model)
    assert answer in (cp_model.OPTIMAL, cp_model.FEASIBLE, cp_model.INFEASIBLE)
    return answer != cp_model.INFEASIBLE


def check_with_cp_sat(count, seed):
    cp_model = pytest.importorskip("ortools.sat.python.cp_model")
    worlds, started = make_worlds(count, seed), time.perf_counter()
    for world in worlds:
        query = world["query"]
        negation = query >> np.uint32(MAX_ATOMS) | query << np.uint32(MAX_ATOMS)
        found = is_satisfiable(cp_model, world, query), is_satisfiable(cp_model, world, negation)
        assert STATUS[found] == world["status"]
    print(f"\nCP-SAT agrees on all of {count:,} tasks, in {time.perf_counter() - started:.1f} s")


def test_cp_sat_agrees_with_the_status():
    check_with_cp_sat(400, seed=2)


@pytest.mark.slow
def test_cp_sat_agrees_with_the_status_of_many_tasks():
    check_with_cp_sat(5000, seed=3)
