"""The domain card says what the code does: it is read against the declarations it describes."""

from __future__ import annotations

from pathlib import Path

import gymnasium as gym
import numpy as np

import etude_gym
from etude_gym.envs.plan import domain, kernel, text
from etude_gym.text import TextTask

CARD = Path(domain.__file__).with_name("README.md").read_text(encoding="utf-8")
LINES = CARD.splitlines()
EXAMPLE = TextTask(
    "EtudePlan-v0", 42, {"horizon": 0.2, "resources": 0.0, "contingency": 0.0, "decomposition": 0.35}
)


def test_every_axis_is_listed_with_what_happens_at_0_and_1():
    for axis in domain.AXES:
        assert f"| `{axis.name}` | {axis.description} | {axis.low} | {axis.high} |" in LINES


def test_every_feature_is_listed_with_its_place_in_the_vector():
    at = 0
    for names, width in (
        (kernel.GLOBAL_FEATURES, 1),
        (kernel.ITEM_FEATURES, kernel.NUM_ITEMS),
        (kernel.PLACE_FEATURES, kernel.MAX_PLACES),
    ):
        for name in names:
            assert f"| {at if width == 1 else f'{at}-{at + width - 1}'} | {name} |" in LINES
            at += width
    assert at == kernel.NUM_FEATURES
    assert f"`Box(0, 20, ({kernel.NUM_FEATURES},), float32)`" in CARD


def test_every_table_of_the_raw_variant_is_listed_with_its_shape():
    space = domain.PlanDomain(observation="raw").observation_space
    for name in space:
        if name != "features":
            assert f"| `{name}` | {'x'.join(map(str, space[name].shape))} |" in CARD


def test_every_action_is_listed():
    assert f"`Discrete({kernel.NUM_ACTIONS})`" in CARD
    for first, last, command in (
        (kernel.TRAVEL, kernel.GATHER, "go PLACE"),
        (kernel.GATHER, kernel.CRAFT, "gather ITEM"),
        (kernel.CRAFT, kernel.DELIVER, "craft ITEM"),
        (kernel.DELIVER, kernel.REFUEL, "deliver"),
        (kernel.REFUEL, kernel.DISCARD, "refuel"),
        (kernel.DISCARD, kernel.NUM_ACTIONS, "discard"),
    ):
        numbers = str(first) if last == first + 1 else f"{first}-{last - 1}"
        assert f"| {numbers} | `{command}` |" in CARD
        assert text.action_name(EXAMPLE.worlds[0], first).split()[0] == command.split()[0]


def test_every_result_metric_family_and_id_is_listed():
    env = gym.make("EtudePlan-v0")
    env.reset(seed=0)
    row = np.zeros(1, dtype=np.int64)
    plan = env.unwrapped.domain
    for name in (*plan.outcome(env.unwrapped.worlds, row), *env.unwrapped.task_metrics()):
        assert f"`{name}`" in CARD
    assert all(f"`{family}`" in CARD for family in plan.space.families)
    ids = [i for i in etude_gym.registered_ids() if i.startswith("EtudePlan")]
    assert all(f"`{env_id}`" in CARD for env_id in ids)
    assert all(f"`{name}`" in CARD for name in plan.solvers())


def test_the_example_is_a_prompt_of_today_and_a_reply_that_solves_it():
    assert f"~~~text\n{EXAMPLE.prompt}~~~\n" in CARD
    reply = CARD.split("and a reply:\n\n~~~text\n")[1].split("~~~")[0]
    assert TextTask.replay(EXAMPLE, [reply]).outcome()["score"] == 1.0
