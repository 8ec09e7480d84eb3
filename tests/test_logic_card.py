"""The domain card says what the code does: it is read against the declarations it describes."""

from __future__ import annotations

from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import etude_gym
from etude_gym.envs.logic import domain, kernel

CARD = Path(domain.__file__).with_name("README.md").read_text(encoding="utf-8")
LINES = CARD.splitlines()
STATUSES = ("entailed", "refuted", "unknown", "inconsistent")
FAMILIES = domain.LogicDomain.space.families

EXAMPLES = [(FAMILIES[i % 4], round(i / 9, 2), 40 + i) for i in range(10)]
"""Family, value of all axes, and seed of the tasks in the card."""


def describe_example(family, value, seed):
    """A task as the card shows it: facts, premises and query as in the prompt, and the reference solution."""
    difficulty = dict.fromkeys(domain.LogicDomain.space.names, value)
    env = gym.make("EtudeLogic-v0", split="probe", family=family, difficulty=difficulty).unwrapped
    env.reset(seed=seed)
    prompt = env.domain.prompt(env.worlds, 0)
    task = prompt[prompt.index("\nFacts\n") + 1 : prompt.index("\nNow\n")].strip()
    solution, over = [], False
    while not over:
        action = int(env.domain.solvers()["oracle"](env.worlds)[0])
        solution.append(env.domain.action_name(env.worlds, 0, action))
        *_, over, _, info = env.step(action)
    assert info["score"] == 1.0
    steps = ", ".join(step.removeprefix("apply ") for step in solution[:-2])
    return (
        f"<details><summary>{family}, {value}, seed {seed}</summary>\n\n~~~text\n{task}\n~~~\n\n"
        f"{STATUSES[info['answer']].capitalize()}: {steps}.\n\n</details>\n"
    )


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_are_what_the_environment_shows_and_their_solutions_solve_them(example):
    assert describe_example(*example) in CARD


def test_every_axis_is_listed_with_what_happens_at_0_and_1():
    for axis in domain.AXES:
        assert f"| `{axis.name}` | {axis.description} | {axis.low} | {axis.high} |" in LINES


def test_every_feature_is_listed_with_its_place_in_the_vector():
    at = 0
    for names, width in (
        (kernel.GLOBAL_FEATURES, 1),
        (kernel.ATOM_FEATURES, kernel.MAX_ATOMS),
        (kernel.PREMISE_FEATURES, kernel.MAX_PREMISES),
        (kernel.PREMISE_HINTS, kernel.MAX_PREMISES),
    ):
        for name in names:
            assert f"| {at if width == 1 else f'{at}-{at + width - 1}'} | {name} |" in LINES
            at += width
    assert at == kernel.NUM_FEATURES_WITH_HINTS
    assert f"`Box(-1, 1, ({kernel.NUM_FEATURES},), float32)`" in CARD


def test_every_action_is_listed():
    assert f"`Discrete({kernel.NUM_ACTIONS})`" in CARD
    for first, last, words in (
        (kernel.APPLY, kernel.ASSUME, "apply N"),
        (kernel.ASSUME, kernel.ASSUME + kernel.MAX_ATOMS, "suppose S"),
        (kernel.ASSUME + kernel.MAX_ATOMS, kernel.RETRACT, "suppose not S"),
        (kernel.RETRACT, kernel.ANSWER, "retract"),
        (kernel.ANSWER, kernel.CONFIDE, "answer: S"),
        (kernel.CONFIDE, kernel.NUM_ACTIONS, "confidence: P"),
    ):
        numbers = str(first) if last == first + 1 else f"{first}-{last - 1}"
        assert f"| {numbers} | `{words}` |" in CARD


def test_the_figures_of_the_score_are_those_of_the_grader():
    assert f"`{kernel.BARE} + {1 - kernel.BARE} x support`" in CARD
    assert f"less {kernel.WASTE:.0%} for each action" in CARD
    assert f"at most {kernel.MOST_WASTE:.0%}" in CARD
    assert f"it is {kernel.PARTIAL} times the share" in CARD
    assert f"after {kernel.STEP_LIMIT} actions" in CARD
    assert f"at depth 0 to {kernel.MAX_DEPTH - 1}" in CARD


def test_every_result_metric_family_solver_and_id_is_listed():
    env = gym.make("EtudeLogic-v0")
    env.reset(seed=0)
    row = np.zeros(1, dtype=np.int64)
    logic = env.unwrapped.domain
    for name in (*logic.outcome(env.unwrapped.worlds, row), *env.unwrapped.task_metrics()):
        assert f"`{name}`" in CARD
    for name in (*logic.space.families, *logic.solvers(), *STATUSES):
        assert f"`{name}`" in CARD
    ids = [i for i in etude_gym.registered_ids() if i.startswith("EtudeLogic")]
    assert all(f"`{env_id}`" in CARD for env_id in ids)
