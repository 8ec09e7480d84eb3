"""The plan domain in words: terminal view, prompt, and the commands of a reply."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etude_gym.envs.plan import facts, kernel, text
from etude_gym.tasks.domain import Reply

HARD = {"horizon": 1.0, "resources": 1.0, "contingency": 1.0, "decomposition": 1.0}
EASY = {"horizon": 0.0, "resources": 0.0, "contingency": 0.0, "decomposition": 0.0}


def make_world(difficulty, seed=0):
    env = gym.make("EtudePlan-v0", difficulty=difficulty)
    env.reset(seed=seed)
    return env.unwrapped.worlds[0]


@pytest.fixture(scope="module")
def easy_world():
    return make_world(EASY)


@pytest.fixture(scope="module")
def hard_world():
    return make_world(HARD)


# --- Names and views ---------------------------------------------------------------------------------


def test_there_is_a_distinct_name_for_every_place_and_item():
    names = [name.casefold() for name in (*facts.PLACE_NAMES, *facts.ITEM_NAMES)]
    assert len(set(names)) == len(names)
    assert facts.PLACE_NAMES[kernel.DEPOT] == "Depot"
    assert len(facts.PLACE_NAMES) == kernel.MAX_PLACES
    assert len(facts.ITEM_NAMES) == kernel.NUM_ITEMS


def test_every_action_has_a_command_that_means_it():
    for action in range(kernel.NUM_ACTIONS):
        reply = text.parse_reply(None, text.action_name(None, action))
        assert (reply.status, reply.actions) == ("ok", [action])


def test_an_action_that_does_not_exist_has_no_command():
    with pytest.raises(ValueError, match="0 to 18, got 19"):
        text.action_name(None, 19)


def test_the_terminal_view_tells_place_limits_goals_and_legal_commands(hard_world):
    view = text.describe_state(hard_world)
    assert "  > Depot       here  fuel" in view
    assert f"0 of {hard_world['time_limit']}" in view
    assert f"{hard_world['energy_capacity']} of {hard_world['energy_capacity']}" in view
    for item in facts.goals_of(hard_world):
        assert f"{facts.ITEM_NAMES[item]:<8} 0 of {hard_world['goal'][item]}" in view
    now = view.splitlines()[-1]
    legal = [text.action_name(hard_world, action) for action in facts.legal_actions(hard_world)]
    assert now == "  Now: " + ", ".join(legal)


def test_the_terminal_view_fits_80_columns():
    for seed in range(20):
        lines = text.describe_state(make_world(HARD, seed)).splitlines()[:-1]
        assert max(map(len, lines)) <= 80


def test_the_prompt_tells_every_road_source_recipe_and_goal(hard_world):
    prompt = text.write_prompt(hard_world).text
    names = facts.PLACE_NAMES
    for a, b in zip(*np.nonzero(np.triu(hard_world["road"])), strict=True):
        assert f"- {names[a]} - {names[b]}: {hard_world['road'][a, b]}\n" in prompt
    assert prompt.count(": ") >= np.count_nonzero(np.triu(hard_world["road"]))
    for raw, name in enumerate(facts.RAW_NAMES):
        where = " and ".join(names[place] for place in facts.sources_of(hard_world, raw))
        assert f"- {name}: {where}\n" in prompt
    for recipe, name in enumerate(facts.CRAFTED_NAMES):
        line = next(line for line in prompt.splitlines() if line.startswith(f"- {name} = "))
        for item, amount in facts.ingredients_of(hard_world, recipe):
            assert f"{amount} {facts.ITEM_NAMES[item]}" in line
        station = facts.station_of(hard_world, recipe)
        assert line.endswith("(anywhere)" if station is None else f"(at {names[station]})")
    for item in facts.goals_of(hard_world):
        assert f"- {hard_world['goal'][item]} {facts.ITEM_NAMES[item]} (each counts" in prompt
    assert f"Time limit: {hard_world['time_limit']}." in prompt


def test_the_score_told_is_the_score_graded():
    env = gym.make("EtudePlan-v0", difficulty={"contingency": 0.0})
    for seed in range(3):
        env.reset(seed=seed)
        over, total = False, 0.0
        while not over:
            action = env.unwrapped.domain.solvers()["oracle"](env.unwrapped.worlds)[0]
            _, reward, over, _, info = env.step(action)
            total += reward
            assert f"(score {total:.2f})" in text.describe_state(env.unwrapped.worlds[0])
        assert info["score"] == facts.score_of(env.unwrapped.worlds[0]) == 1.0


def test_the_prompt_is_plain_ascii_and_names_no_place_that_does_not_exist(easy_world):
    prompt = text.write_prompt(easy_world).text
    assert prompt.isascii()
    assert [name for name in facts.PLACE_NAMES if name in prompt] == ["Depot", "Alder", "Birch"]


def test_events_are_told_in_the_prompt_and_in_the_terminal_view():
    env = gym.make("EtudePlan-v0", difficulty=HARD)
    domain = env.unwrapped.domain
    told = set()
    for seed in range(10):
        env.reset(seed=seed)
        over = False
        while not over:
            action = domain.solvers()["oracle"](env.unwrapped.worlds)[0]
            over = env.step(action)[2]
            world = env.unwrapped.worlds[0]
            if world["last_event"] >= 0:
                message = facts.EVENT_TEXTS[world["last_event"]]
                told.add(message)
                assert f"- just happened: {message}\n" in text.write_prompt(world).text
                assert f"  ! {message}\n" in text.describe_state(world)
            else:
                assert "just happened" not in text.write_prompt(world).text
    assert told == set(facts.EVENT_TEXTS)


# --- Replies -----------------------------------------------------------------------------------------

GO_ALDER = kernel.TRAVEL + 1
TIMBER, ORE = kernel.GATHER, kernel.GATHER + 1
PANEL = kernel.CRAFT


@pytest.mark.parametrize(
    ("reply", "actions"),
    [
        ("go Alder", [GO_ALDER]),
        ("GO ALDER\r\nGather  Ore", [GO_ALDER, ORE]),
        ("go alder; gather timber x3 ; deliver", [GO_ALDER, TIMBER, TIMBER, TIMBER, kernel.DELIVER]),
        ("gather ore X 2", [ORE, ORE]),
        ("craft panel ×2", [PANEL, PANEL]),
        ("- go Alder\n* refuel\n• discard x2", [GO_ALDER, kernel.REFUEL, kernel.DISCARD, kernel.DISCARD]),
        ("1. go Alder\n2) gather ore\n(3) deliver.", [GO_ALDER, ORE, kernel.DELIVER]),
        ("`go Alder`\n\n**deliver**\n", [GO_ALDER, kernel.DELIVER]),
        ("I will go there.\n```\ngo Alder\n```\nDone.", [GO_ALDER]),
        ("```text\ngo Alder\n```", [GO_ALDER]),
        ("```deliver\n```", [kernel.DELIVER]),
        ("```go Alder```", [GO_ALDER]),
        ("```\nnot this\n```\nbut\n```\nrefuel\n```", [kernel.REFUEL]),
    ],
)
def test_a_reply_in_the_grammar_is_understood(easy_world, reply, actions):
    assert text.parse_reply(easy_world, reply) == Reply("ok", actions, "")


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ("go Alder\nfetch ore", "Line 2, 'fetch ore': unknown command 'fetch'. Allowed: go, gather, craft"),
        ("gather orr", "unknown raw item 'orr'. Allowed: timber, ore, clay, fiber. Did you mean 'ore'?"),
        ("gathr ore", "Did you mean 'gather'?"),
        ("go Aldr", "Allowed: Depot, Alder, Birch. Did you mean 'Alder'?"),
        ("go Willow", "unknown place 'willow'. Allowed: Depot, Alder, Birch."),
        ("gather panel", "unknown raw item 'panel'"),
        ("I would go Alder now", "unknown command 'i'"),
        ("go Alder and gather ore", "'go' takes one place and no more."),
        ("deliver panel", "'deliver' takes nothing and no more."),
        ("go", "'go' takes one place and no more."),
        ("deliver x2", "'deliver' cannot be repeated; only gather, craft, discard can."),
        ("gather ore x0", "a repetition is from x1 to x200."),
        ("gather ore x201", "a repetition is from x1 to x200."),
        (" x2", "unknown command 'x2'"),
        ("gather ore x150\ngather ore x51", "A reply has at most 200 actions."),
        ("", "The reply has no command. Allowed: go, gather, craft, deliver, refuel, discard."),
        ("```\n\n```", "The reply has no command."),
        ("refuel\n```\nhello there\n```", "Line 2, 'hello there': unknown command 'hello'"),
        ("refuel;" * 30_000, "A reply has at most 200,000 characters, got 210,000."),
        ("\ud800 \x00", "unknown command '\\ud800'"),
        (None, "A reply is text (str), got NoneType."),
        (b"go Alder", "A reply is text (str), got bytes."),
        (7, "A reply is text (str), got int."),
    ],
)
def test_one_thing_that_is_no_command_makes_the_whole_reply_malformed(easy_world, reply, problem):
    parsed = text.parse_reply(easy_world, reply)
    assert (parsed.status, parsed.actions) == ("malformed", [])
    assert problem in parsed.problem


def test_an_unclosed_block_is_a_reply_that_was_cut_off(easy_world):
    for reply in ("```\ngo Alder\ngather", "```\nrefuel\n```\nthen\n```text\ngo Al"):
        parsed = text.parse_reply(easy_world, reply, cut=True)
        assert (parsed.status, parsed.actions) == ("truncated", [])


def test_a_megabyte_of_anything_is_answered_at_once(easy_world):
    for junk in ("a" * 1_000_000, "```" * 333_333, "9" * 1_000_000, "\n" * 1_000_000):
        assert text.parse_reply(easy_world, junk).status == "malformed"
    for junk in (
        "9" * 20_000,
        "- " * 10_000,
        "gather ore x" + "9" * 19_000,
        "gather ore" + " " * 19_000 + "y",
    ):
        assert text.parse_reply(easy_world, junk).status == "malformed"


COMMANDS = ("go", "gather", "craft", "deliver", "refuel", "discard", "Alder", "ore", "panel")
MARKS = ("x3", "x99999999999", "```", "\n", ";", "- ", "1. ", "`", "**", "\u2028", "é", "\x00", "×", "²")
WORDS = st.sampled_from((*COMMANDS, *MARKS))


@given(st.one_of(st.text(st.characters(exclude_categories=())), st.lists(WORDS).map(" ".join)))
@settings(max_examples=400, deadline=None)
def test_no_reply_makes_the_parser_raise(easy_world, reply):
    parsed = text.parse_reply(easy_world, reply)
    assert parsed.status in ("ok", "malformed", "truncated")
    assert (parsed.status == "ok") == bool(parsed.actions) == (not parsed.problem)
    assert all(0 <= action < kernel.NUM_ACTIONS for action in parsed.actions)
    assert len(parsed.actions) <= text.MAX_REPLY_ACTIONS
    assert parsed.problem.isascii()


@given(st.lists(st.integers(0, kernel.NUM_ACTIONS - 1), min_size=1, max_size=200))
@settings(max_examples=50, deadline=None)
def test_written_commands_are_read_back_as_the_same_actions(actions):
    written = "\n".join(text.action_name(None, action) for action in actions)
    assert text.parse_reply(None, f"```\n{written}\n```").actions == actions
