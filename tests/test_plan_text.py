"""The plan domain in words: terminal view, prompt, and the commands of a reply."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_words import in_words_of, plan_world

from etude_gym.envs.plan import facts, kernel, names, replies, text
from etude_gym.envs.plan.names import names_of
from etude_gym.tasks.domain import Reply
from etude_gym.tasks.replies import MAX_REPLY_ACTIONS
from etude_gym.text import TextTask, draw_tasks

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


def test_no_word_names_two_things_nor_the_plural_of_one_another():
    words = [word.casefold() for word in (*names.PLACES, *names.RAW_ITEMS, *names.CRAFTED_ITEMS)]
    plurals = [word + ending for word in words for ending in ("s", "es")]
    assert len({*words, *plurals, "depot"}) == 3 * len(words) + 1
    assert not {*words, *plurals} & {
        *replies._MEANING,
        *replies._NUMBERS,
        "all",
        "everything",
        "item",
        "place",
    }


def test_names_are_those_of_the_task_throughout_and_items_differ_in_their_initials():
    drawn = set()
    for task in draw_tasks("EtudePlan-v0", "practice", 200, seed=0):
        told = names.names_of(task.worlds[0])
        assert len({*told.places, *told.items}) == kernel.MAX_PLACES + kernel.NUM_ITEMS
        assert told.places[kernel.DEPOT] == "Depot"
        assert len({item[0] for item in told.items}) == kernel.NUM_ITEMS
        task.reply(task.reference())
        assert names.names_of(task.worlds[0]) == told
        drawn.add(told)
    assert len(drawn) == 200


def test_every_action_has_a_command_that_means_it(hard_world):
    assert hard_world["num_places"] == kernel.MAX_PLACES
    for action in range(kernel.NUM_ACTIONS):
        reply = replies.parse_reply(hard_world, text.action_name(hard_world, action))
        assert (reply.status, reply.actions) == ("ok", [action])


def test_an_action_that_does_not_exist_has_no_command(easy_world):
    with pytest.raises(ValueError, match="0 to 18, got 19"):
        text.action_name(easy_world, 19)


def test_the_terminal_view_tells_place_limits_goals_and_legal_commands(hard_world):
    view = text.describe_state(hard_world)
    assert "  > Depot      here  fuel" in view
    assert f"0 of {hard_world['time_limit']}" in view
    assert f"{hard_world['energy_capacity']} of {hard_world['energy_capacity']}" in view
    for item in facts.goals_of(hard_world):
        assert f"{names_of(hard_world).items[item]:<6} 0 of {hard_world['goal'][item]}" in view
    now = view.splitlines()[-1]
    legal = [text.action_name(hard_world, action) for action in facts.legal_actions(hard_world)]
    assert now == "  Now: " + ", ".join(legal)


def test_the_terminal_view_fits_80_columns():
    for level in (0.0, 0.5, 1.0):
        tasks = draw_tasks("EtudePlan-v0", "practice", 200, seed=0, difficulty=dict.fromkeys(HARD, level))
        for task in tasks:
            lines = text.describe_state(task.worlds[0]).splitlines()[:-1]
            assert max(map(len, lines)) <= 80


def test_the_prompt_tells_every_road_source_recipe_and_goal(hard_world):
    prompt = text.write_prompt(hard_world).text
    places, items = names_of(hard_world).places, names_of(hard_world).items
    for a, b in zip(*np.nonzero(np.triu(hard_world["road"])), strict=True):
        assert f"- {places[a]} - {places[b]}: {hard_world['road'][a, b]}\n" in prompt
    assert prompt.count(": ") >= np.count_nonzero(np.triu(hard_world["road"]))
    for raw, name in enumerate(items[: kernel.NUM_RAW]):
        where = " and ".join(places[place] for place in facts.sources_of(hard_world, raw))
        assert f"- {name}: {where}\n" in prompt
    for recipe, name in enumerate(items[kernel.NUM_RAW :]):
        line = next(line for line in prompt.splitlines() if line.startswith(f"- {name} = "))
        for item, amount in facts.ingredients_of(hard_world, recipe):
            assert f"{amount} {items[item]}" in line
        station = facts.station_of(hard_world, recipe)
        assert line.endswith("(anywhere)" if station is None else f"(at {places[station]})")
    for item in facts.goals_of(hard_world):
        assert f"- {hard_world['goal'][item]} {items[item]} (each counts" in prompt
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
    places = names_of(easy_world).places
    assert [name for name in places if f"{name}\n" in prompt or f"{name}:" in prompt] == list(places[:3])


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


def test_what_tasks_share_is_byte_identical_and_legal_nowhere():
    tasks = draw_tasks("EtudePlan-v0", "practice", 50, seed=0)
    for task in tasks:
        assert task.parts.system == tasks[0].parts.system
        for echo in (text.SAMPLE, f"```\n{text.SAMPLE}\n```", task.parts.system, task.prompt):
            again = TextTask.replay(task, [echo])
            assert (str(again.status), again.outcome()["score"]) == ("malformed", 0.0)


def test_the_worked_solution_earns_everything_with_events_over_several_turns():
    turns = []
    for task in draw_tasks("EtudePlan-v0", "practice", 300, seed=0):
        while not task.over:
            task.reply(task.reference())
            assert task.status == "ok"
        assert (task.outcome()["score"], task.outcome()["illegal_actions"]) == (1.0, 0)
        turns.append(len(task.replies))
    assert max(turns) == 5  # four events
    assert min(turns) == 1


# --- Replies -----------------------------------------------------------------------------------------

GO_ALDER = kernel.TRAVEL + 1
TIMBER, ORE = kernel.GATHER, kernel.GATHER + 1
PANEL = kernel.CRAFT


def read(reply, **cut):
    """A reply about a task that calls its places and items by names of its own."""
    world = plan_world()
    return replies.parse_reply(world, in_words_of(world, reply) if isinstance(reply, str) else reply, **cut)


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
def test_a_reply_in_the_grammar_is_understood(reply, actions):
    assert read(reply) == Reply("ok", actions, "")


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ("go Alder\nfetch ore", "Line 2, 'fetch ore': unknown command 'fetch'. Allowed: go, gather, craft"),
        ("gather xylem", "unknown raw item 'xylem'. Allowed: timber, ore, clay, fiber."),
        ("gather", "'gather' takes one raw item and no more."),
        ("gathr ore", "Did you mean 'gather'?"),
        ("go Depott", "Allowed: Depot, Alder, Birch. Did you mean 'Depot'?"),
        ("go Nowhere", "unknown place 'nowhere'. Allowed: Depot, Alder, Birch."),
        ("gather panel", "unknown raw item 'panel'"),
        ("I would go Alder now", "unknown command 'i'"),
        ("go Alder or gather ore", "'go' takes one place and no more."),
        ("deliver panel", "'deliver' hands over what is wanted and nothing else: timber."),
        ("go Alder\ngather ore at Birch", "the commands before it do not lead to 'birch'."),
        ("gather 2 ore x2", "it says twice how often."),
        ("go", "'go' takes one place and no more."),
        ("refuel x2", "'refuel' cannot be repeated; only gather, craft, discard can."),
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
def test_one_thing_that_is_no_command_makes_the_whole_reply_malformed(reply, problem):
    parsed = read(reply)
    assert (parsed.status, parsed.actions) == ("malformed", [])
    assert in_words_of(plan_world(), problem) in parsed.problem


def test_an_unclosed_block_is_a_reply_that_was_cut_off_if_its_writer_was_stopped():
    for reply in ("```\ngo Alder\ngather", "```\nrefuel\n```\nthen\n```text\ngo Al"):
        parsed = read(reply, cut=True)
        assert (parsed.status, parsed.actions) == ("truncated", [])
        assert read(reply).status == "malformed"  # its last line is no command
    assert read("```\ngo Alder\nrefuel") == Reply("ok", [GO_ALDER, kernel.REFUEL])


def test_a_megabyte_of_anything_is_answered_at_once(easy_world):
    for junk in ("a" * 1_000_000, "```" * 333_333, "9" * 1_000_000, "\n" * 1_000_000):
        assert replies.parse_reply(easy_world, junk).status == "malformed"
    for junk in (
        "9" * 20_000,
        "- " * 10_000,
        "gather ore x" + "9" * 19_000,
        "gather ore" + " " * 19_000 + "y",
    ):
        assert replies.parse_reply(easy_world, junk).status == "malformed"


COMMANDS = ("go", "gather", "craft", "deliver", "refuel", "discard", "Alder", "ore", "panel")
SMALL_WORDS = ("2", "to", "at", "and", "then", "(", "all", '{"commands": [', '"]}')
MARKS = ("x3", "x99999999999", "```", "\n", ";", "- ", "1. ", "`", "**", "\u2028", "é", "\x00", "×", "²")
WORDS = st.sampled_from((*COMMANDS, *SMALL_WORDS, *MARKS))


@given(st.one_of(st.text(st.characters(exclude_categories=())), st.lists(WORDS).map(" ".join)))
@settings(max_examples=400, deadline=None)
def test_no_reply_makes_the_parser_raise(easy_world, reply):
    parsed = replies.parse_reply(easy_world, reply)
    assert parsed.status in ("ok", "malformed", "truncated")
    assert (parsed.status == "ok") == bool(parsed.actions) == (not parsed.problem)
    assert all(0 <= action < kernel.NUM_ACTIONS for action in parsed.actions)
    assert len(parsed.actions) <= MAX_REPLY_ACTIONS
    assert parsed.problem.isascii()


@given(st.lists(st.integers(0, kernel.NUM_ACTIONS - 1), min_size=1, max_size=200))
@settings(max_examples=50, deadline=None)
def test_written_commands_are_read_back_as_the_same_actions(hard_world, actions):
    written = "\n".join(text.action_name(hard_world, action) for action in actions)
    assert replies.parse_reply(hard_world, f"```\n{written}\n```").actions == actions
