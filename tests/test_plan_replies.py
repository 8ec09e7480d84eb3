"""Replies that models give to plan tasks, with the verdict that a reasonable person reaches; and junk."""

from __future__ import annotations

import json
import random

import pytest
from jsonschema import Draft202012Validator
from plan_words import in_words_of, plan_world

from etude_gym.envs.plan import kernel
from etude_gym.envs.plan.replies import parse_reply, reply_schema
from etude_gym.envs.plan.text import SAMPLE, action_name
from etude_gym.text import TextTask, draw_tasks

LEVELS = ("horizon", "resources", "contingency", "decomposition")
COMMANDS = ("go Alder", "gather timber x2", "go Depot", "deliver")
LINES = "\n".join(COMMANDS)
BLOCK = f"```\n{LINES}\n```"


@pytest.fixture(scope="module")
def task():
    """A task in which two timber are wanted, which are found at Alder."""
    for drawn in draw_tasks("EtudePlan-v0", "practice", 200, seed=0, difficulty=dict.fromkeys(LEVELS, 0.0)):
        if TextTask.replay(drawn, [in_words_of(drawn.worlds[0], BLOCK)]).outcome()["score"] == 1.0:
            return drawn
    raise AssertionError("There is no such task.")


def played(task, reply, **cut):
    again = TextTask.replay(task, [])
    again.reply(in_words_of(task.worlds[0], reply), **cut)
    return str(again.status), again.outcome()["score"]


def with_line(before, after):
    return f"```\n{LINES.replace(before, after)}\n```"


GIVEN = {
    "plain fenced": BLOCK,
    "no fence, only commands": LINES,
    "prose then unfenced commands": f"Here is the plan:\n{LINES}",
    "prose line before, commands as bullets": "I will gather two timber.\n- " + "\n- ".join(COMMANDS),
    "fenced then prose": f"{BLOCK}\nThis delivers what is wanted.",
    "think block with fences, then answer": f"<think>\nMaybe\n```\ngo Birch\n```\n</think>\n{BLOCK}",
    "fence not closed, stopped by EOS": f"```\n{LINES}",
    "example echoed in second block": f"{BLOCK}\nThe format was:\n```\n{SAMPLE}\n```",
    "'go to Alder'": with_line("go ", "go to "),
    "'travel to'": with_line("go ", "travel to "),
    "'gather 2 timber'": with_line("gather timber x2", "gather 2 timber"),
    "'gather timber x 2'": with_line("x2", "x 2"),
    "'gather timber * 2'": with_line("x2", "* 2"),
    "'gather timber (x2)'": with_line("x2", "(x2)"),
    "'deliver timber'": with_line("deliver", "deliver timber"),
    "'deliver x2'": with_line("deliver", "deliver x2"),
    "comments after #": with_line("deliver", "deliver  # done"),
    "commas on one line": f"```\n{', '.join(COMMANDS)}\n```",
    "arrows on one line": f"```\n{' -> '.join(COMMANDS)}\n```",
    "quotes": "```\n" + "\n".join(f'"{command}"' for command in COMMANDS) + "\n```",
    "json list": f"```\n{json.dumps(COMMANDS)}\n```",
    "tilde fence": f"~~~\n{LINES}\n~~~",
    "numbered 1. ": "\n".join(f"{number}. {command}" for number, command in enumerate(COMMANDS, start=1)),
    "'Step 1: go'": "\n".join(
        f"Step {number}: {command}" for number, command in enumerate(COMMANDS, start=1)
    ),
    "inline code fence": f"```{LINES}```",
}


@pytest.mark.parametrize("reply", GIVEN.values(), ids=GIVEN)
def test_a_reply_that_a_reasonable_person_accepts_earns_what_the_plan_earns(task, reply):
    assert played(task, reply) == ("ok", 1.0)


def test_one_bad_line_at_the_end_is_refused(task):
    assert played(task, f"```\n{LINES}\nwait\n```") == ("malformed", 0.0)


def test_a_plan_that_was_cut_by_a_limit_is_told_from_one_that_was_not_closed(task):
    assert played(task, f"```\n{LINES}") == ("ok", 1.0)
    assert played(task, f"```\n{LINES}", cut=True) == ("truncated", 0.0)
    assert played(task, LINES, cut=True) == ("truncated", 0.0)
    assert played(task, f"{BLOCK}\nThis del", cut=True) == ("ok", 1.0)


# --- JSON --------------------------------------------------------------------------------------------


def test_what_the_schema_allows_is_read_as_the_same_actions():
    for task in draw_tasks("EtudePlan-v0", "practice", 20, seed=0):
        world, schema = task.worlds[0], task.reply_schema()
        Draft202012Validator.check_schema(schema)
        missing = range(int(world["num_places"]), kernel.MAX_PLACES)
        actions = [action for action in range(kernel.NUM_ACTIONS) if action not in missing]
        allowed = schema["properties"]["commands"]["items"]["enum"]
        assert allowed == [action_name(world, action) for action in actions]
        reply = json.dumps({"commands": allowed})
        Draft202012Validator(schema).validate(json.loads(reply))
        assert parse_reply(world, reply).actions == actions


def test_the_schema_refuses_no_commands_others_and_more():
    refuses = Draft202012Validator(reply_schema(plan_world())).is_valid
    more = {"commands": ["deliver"], "thoughts": "x"}
    assert not any(map(refuses, ({"commands": []}, {"commands": ["go PLACE"]}, {}, [], more)))


# --- Junk --------------------------------------------------------------------------------------------

SPOILED = {
    "a place that is not there": ("go Alder", "go Atlantis"),
    "an item that is not there": ("gather timber", "gather phlogiston"),
    "a raw item crafted": ("gather timber", "craft timber"),
    "two places": ("go Alder", "go Alder Birch"),
    "either of two places": ("go Alder", "go Alder or Birch"),
    "how often, twice": ("gather timber x2", "gather 2 timber x2"),
    "never": ("gather timber x2", "gather timber x0"),
    "too often": ("gather timber x2", "gather timber x999"),
    "a number that is none": ("gather timber x2", "gather timber x-2"),
    "a place that the way does not lead to": ("gather timber x2", "gather timber x2 at Birch"),
    "a delivery of what is not wanted": ("deliver", "deliver ore"),
    "an unknown command": ("deliver", "deliver\nwait"),
    "a placeholder": ("go Alder", "go PLACE"),
    "a question": ("deliver", "deliver?"),
    "a condition": ("deliver", "deliver if possible"),
    "a negation": ("deliver", "do not deliver"),
}
FORMS = {
    "block": lambda commands: f"So:\n```\n{commands}\n```\nDone.",
    "lines": lambda commands: commands,
    "one line": lambda commands: commands.replace("\n", "; "),
    "numbered": lambda commands: "1. " + commands.replace("\n", "\n1. "),
    "list": lambda commands: json.dumps(commands.split("\n")),
    "object": lambda commands: json.dumps({"commands": commands.split("\n")}),
    "object in a block": lambda commands: (
        f"```json\n{json.dumps({'commands': commands.split(chr(10))})}\n```"
    ),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("spoiled", SPOILED.values(), ids=SPOILED)
def test_what_contradicts_itself_or_the_task_earns_nothing_in_any_form(task, form, spoiled):
    assert played(task, form(LINES)) == ("ok", 1.0)
    assert played(task, form(LINES.replace(*spoiled))) == ("malformed", 0.0)


PIECES = [
    *(
        "```",
        "~~~",
        "\n",
        "\n\n",
        "- ",
        "1. ",
        "<think>",
        "</think>",
        "<answer>",
        "</answer>",
        "#",
        "//",
        "->",
    ),
    *(", ", "; ", " and ", " then ", " or ", " not ", " x2", " x0", " * 3", " (2)", "{", "}", "[", "]", '"'),
    *('{"commands": ["', '"]}', "go ", "go to ", "gather ", "craft ", "deliver", "refuel", "discard", " at "),
    *(
        "Alder",
        "Birch",
        "Depot",
        "timber",
        "ore",
        "panel",
        "PLACE",
        "wait",
        "Then:",
        "é",
        "\x00",
        "\u2028",
        "²",
    ),
]


def mutated(dice, reply):
    """A reply after one to six random changes: pieces put in, stretches taken out, doubled or moved."""
    for _ in range(dice.randint(1, 6)):
        begin = dice.randrange(len(reply) + 1)
        end = min(len(reply), begin + dice.randrange(1, 12))
        at = dice.randrange(len(reply) + 1)
        reply = dice.choice(
            [
                reply[:begin] + dice.choice(PIECES) + reply[begin:],
                reply[:begin] + dice.choice(PIECES) + reply[end:],
                reply[:begin] + reply[end:],
                reply[:at] + reply[begin:end] + reply[at:],
            ]
        )
    return reply


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_no_mutated_reply_raises_and_what_scores_names_all_that_it_does(task, count):
    world, dice, seen = task.worlds[0], random.Random(0), dict.fromkeys(("ok", "malformed", "truncated"), 0)
    templates = [*GIVEN.values(), *(form(LINES) for form in FORMS.values())]
    for _ in range(count):
        reply = in_words_of(world, mutated(dice, dice.choice(templates)))
        parsed = parse_reply(world, reply, cut=dice.random() < 0.1)
        seen[parsed.status] += 1
        assert (parsed.status == "ok") == bool(parsed.actions) == (not parsed.problem)
        assert parsed.problem.isascii()
        score = TextTask.replay(task, [reply]).outcome()["score"]
        words = {word for action in parsed.actions for word in action_name(world, action).split()}
        named = {word.casefold() for word in words} - {"go", "gather", "craft", "discard"}
        shown = reply.replace("\x00", "").casefold()
        assert score == 0.0 or all(word in shown for word in {*named, "deliver"}), repr(
            (reply, parsed.actions)
        )
    assert min(seen.values()) > 0
