"""The domain card says what the code does: it is read against the declarations it describes."""

from __future__ import annotations

from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import etude_gym
from etude_gym.envs.creative import concepts, domain, generator, kernel
from etude_gym.text import draw_tasks

ENV = "EtudeCreative-v0"
CARD = Path(domain.__file__).with_name("README.md").read_text(encoding="utf-8")
LINES = CARD.splitlines()
FAMILIES = domain.CreativeDomain.space.families

EXAMPLES = [(FAMILIES[i % 3], round(i / 9, 2), 70 + i) for i in range(10)]
"""Family, value of all axes, and seed of the tasks in the card."""


def describe_example(family, value, seed):
    """A task as the card shows it: as in the prompt, and the reference reply."""
    difficulty = dict.fromkeys(domain.CreativeDomain.space.names, value)
    [task] = draw_tasks(ENV, "probe", 1, seed=seed, difficulty=difficulty, family=family)
    shown = task.parts.task
    reply = task.reference()
    task.reply(reply)
    assert task.outcome()["score"] == 1.0
    solution = "\n".join(reply.split("\n")[1:-1])
    return (
        f"<details><summary>{family}, {value}, seed {seed}</summary>\n\n~~~text\n{shown}\n~~~\n\n"
        f"~~~text\n{solution}\n~~~\n\n</details>\n"
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
        (kernel.PROPERTY_FEATURES, kernel.NUM_PROPERTIES),
        (kernel.THING_FEATURES, kernel.NUM_THINGS),
        (kernel.ASPECT_FEATURES, kernel.NUM_ASPECTS),
        (kernel.WAY_FEATURES, kernel.ALL_WAYS),
        (kernel.CLASH_FEATURES, kernel.MAX_CLASHES),
    ):
        for name in names:
            assert f"| {at if width == 1 else f'{at}-{at + width - 1}'} | {name} |" in LINES
            at += width
    assert at == kernel.NUM_FEATURES
    assert f"`Box(-1, 4, ({kernel.NUM_FEATURES},), float32)`" in CARD


def test_every_action_is_listed():
    assert f"`Discrete({kernel.NUM_ACTIONS})`" in CARD
    for first, last, words in (
        (kernel.JOIN, kernel.LOOK, "join THING.ASPECT"),
        (kernel.LOOK, kernel.HAND_IN, "look THING"),
        (kernel.HAND_IN, kernel.NUM_ACTIONS, "hand in"),
    ):
        numbers = str(first) if last == first + 1 else f"{first}-{last - 1}"
        assert f"| {numbers} | `{words}` |" in CARD


def test_the_concept_base_is_listed():
    for number, (kind, names) in enumerate(concepts.KINDS.items(), start=1):
        assert f"| {number} {kind} | {', '.join(names)} |" in LINES
    for name, (first, second) in concepts.ARISING.items():
        assert f"{first} + {second} = {name}" in CARD
    for effect, ways in concepts.EFFECTS.items():
        assert f"| {effect} | {', '.join(' + '.join(way) for way in ways)} |" in LINES


def test_the_figures_are_those_of_the_code():
    assert f"`{kernel.WORKING} + {1 - kernel.WORKING} x originality`" in CARD
    assert f"{generator.FAMILIARITY} times as familiar" in CARD
    assert ", ".join(map(str, generator.SALIENCE)) in CARD
    assert f"to the power of {generator.EASE}" in CARD
    assert generator.SLACK == 1
    assert "one action more than the reference solution has" in CARD


def test_every_result_metric_family_solver_and_id_is_listed():
    env = gym.make(ENV)
    env.reset(seed=0)
    row = np.zeros(1, dtype=np.int64)
    creative = env.unwrapped.domain
    for name in (*creative.outcome(env.unwrapped.worlds, row), *env.unwrapped.task_metrics()):
        assert f"`{name}`" in CARD
    for name in (*creative.space.families, *creative.solvers()):
        assert f"`{name}`" in CARD
    ids = [i for i in etude_gym.registered_ids() if i.startswith("EtudeCreative")]
    assert all(f"`{env_id}`" in CARD for env_id in ids)
