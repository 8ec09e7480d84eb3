"""The domain card says what the code does: it is read against the declarations it describes."""

from __future__ import annotations

import code_card as card
import gymnasium as gym
import numpy as np
import pytest

import etude_gym
from etude_gym.envs.code import actions, domain, kernel
from etude_gym.envs.code import limits as code_limits
from etude_gym.envs.code.language import grammar, interpreter
from etude_gym.envs.code.submissions import reply as submission
from etude_gym.envs.code.submissions import runner
from etude_gym.envs.code.terminal_view import action_name
from etude_gym.tasks.replies import MAX_REPLY_CHARACTERS

CARD = card.CARD.read_text(encoding="utf-8")
LINES = CARD.splitlines()
STATUSES = (
    "ok",
    "wrong",
    "unsupported",
    "malformed",
    "timeout",
    "memory",
    "infrastructure error",
    "truncated",
)


@pytest.mark.parametrize("example", card.EXAMPLES, ids=str)
def test_the_examples_are_what_the_environment_shows(example):
    assert card.describe_example(*example) in CARD


def test_the_section_of_examples_is_what_the_command_writes():
    assert CARD.endswith(f"\n{card.write_examples()}")


def test_every_axis_is_listed_with_what_happens_at_0_and_1():
    for axis in domain.AXES:
        assert f"| `{axis.name}` | {axis.description} | {axis.low} | {axis.high} |" in LINES


def test_every_global_feature_is_listed_with_its_place():
    for at, name in enumerate(kernel.GLOBALS):
        assert any(line.startswith(f"| {at} | {name} | ") for line in LINES), name


def test_every_block_of_the_observation_is_listed_with_its_place():
    starts = {
        "scope": kernel.SCOPE_AT,
        "specification": kernel.SPECIFICATION_AT,
        "program": kernel.TOKENS_AT,
        "examples": kernel.EXAMPLES_AT,
        "definitions": kernel.DEFINITIONS_AT,
    }
    ends = [*list(starts.values())[1:], kernel.NUM_FEATURES]
    for (name, start), end in zip(starts.items(), ends, strict=True):
        assert any(line.startswith(f"| {start}-{end - 1} | {name} | ") for line in LINES), name
    assert f"`Box(-32767, 32767, ({kernel.NUM_FEATURES},), int16)`" in CARD
    assert f"{kernel.HOLE} stands where the open hole is" in CARD
    assert f"four public tests of {kernel.EXAMPLE_SIZE} numbers" in CARD
    assert f"length and first {kernel.SHOWN_NUMBERS} of `numbers`" in CARD
    assert f"and {kernel.SHOWN} values each" in CARD
    assert ", ".join(kernel.DEFINITION_FEATURES) in CARD


def test_every_action_is_listed():
    assert f"`Discrete({actions.NUM_ACTIONS})`" in CARD
    for first, stop, words in (
        (0, actions.POINT, "fill: P"),
        (actions.POINT, actions.MODULE, "point at position N"),
        (actions.MODULE, actions.EXTRACT, "to module M"),
    ):
        assert f"| {first}-{stop - 1} | `{words}` |" in CARD
    world = np.zeros(1, dtype=kernel.WORLD)[0]
    for action in range(actions.EXTRACT, actions.NUM_ACTIONS):
        assert f"| {action} | `{action_name(world, action)}` |" in CARD


def test_productions_are_counted_as_they_are():
    counts = [
        (grammar.STATEMENT_PRODUCTIONS, "statements"),
        (grammar.INT_PRODUCTIONS, "numbers"),
        (grammar.BOOL_PRODUCTIONS, "truth values"),
        (grammar.STR_PRODUCTIONS, "texts"),
        (grammar.LIST_PRODUCTIONS, "lists"),
    ]
    for productions, words in counts:
        assert f"{len(productions)} {words}" in CARD.replace("\n", " ")


def test_the_figures_of_the_rules_are_those_of_the_code():
    text = " ".join(CARD.split())
    assert f"the score is {code_limits.MILESTONES} x the share" in text
    assert f"over {code_limits.NUM_HIDDEN} hidden tests" in text
    assert f"and {code_limits.SPARE_STEPS} more, less those it was begun with; in `debug` and" in text
    assert f"takes, and {code_limits.SPARE_STEPS // 2} more" in text
    assert f"at most {code_limits.MAX_PROGRAM}." in text
    assert f"specification of 2 to {code_limits.MAX_SPECIFICATION} sentences" in text
    assert f"more than {grammar.INT_SIZE} bits" in text
    assert f"a text of more than {interpreter.MAX_TEXT:,} characters" in text
    limits = runner.MontyRunner()
    assert (limits.seconds, limits.retry_seconds) == (1.0, 1.0)
    assert f"have 1 second, {limits.memory_bytes // 10**6} MB and {limits.recursion:,} nested calls" in text
    assert f"{MAX_REPLY_CHARACTERS:,} characters and {submission.MAX_FILES} files" in text


def test_every_result_metric_family_solver_status_file_and_id_is_listed():
    env = gym.make("EtudeCode-v0")
    env.reset(seed=0)
    code = env.unwrapped.domain
    names = {*code.outcome(env.unwrapped.worlds, np.zeros(1, dtype=np.int64)), *env.unwrapped.task_metrics()}
    names |= {*code.space.families, *code.solvers(), *STATUSES}
    names |= {path.name for path in card.CARD.parent.rglob("*.py")} - {"__init__.py"}
    names |= {env_id for env_id in etude_gym.registered_ids() if env_id.startswith("EtudeCode")}
    assert [name for name in names if f"`{name}`" not in CARD] == []
