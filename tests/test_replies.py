"""What of a reply counts: whatever a reasonable person would accept is read, and nothing else scores."""

from __future__ import annotations

import pickle
import textwrap
from functools import cache

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from plan_words import in_words_of, plan_world

import etude_gym  # noqa: F401
from etude_gym.envs.code.submissions.reply import parse_submission
from etude_gym.envs.logic.replies import parse_reply as parse_logic
from etude_gym.envs.plan import kernel as plan
from etude_gym.envs.plan.replies import parse_reply as parse_plan
from etude_gym.envs.plan.text import SAMPLE
from etude_gym.tasks import fences
from etude_gym.tasks.domain import Reply
from etude_gym.tasks.fences import Block, fenced_blocks
from etude_gym.tasks.replies import MAX_REPLY_CHARACTERS, ReplyText, printable, read_json, read_reply
from etude_gym.tasks.status import Status
from etude_gym.wrappers import TextFront

# --- Fences ------------------------------------------------------------------------------------------

COMMONMARK = MarkdownIt("commonmark").disable(["html_block"])
COMMONMARK.core.ruler.enableOnly(["normalize", "block"])
LINES = st.sampled_from(
    [
        *(
            "```",
            "```py",
            "````",
            "~~~",
            "~~~ a`b",
            " ```",
            "  ```",
            "   ~~~~",
            "```` a",
            "``` a`",
            "```x```",
        ),
        *("x", "  y", "    z", "", "text ```", " ", "\tq", "```\t", "~~~~~~"),
    ]
)


def as_commonmark_reads(text):
    return [(token.info.strip(), token.content) for token in COMMONMARK.parse(text) if token.type == "fence"]


def as_read_here(text):
    return [(block.info, block.text) for block in fences._blocks(text, strict=True)]


@settings(max_examples=1000, deadline=None)
@given(st.lists(LINES, max_size=9))
def test_fences_are_those_of_a_parser_of_commonmark(lines):
    text = "\n".join(lines) + "\n"
    # The content of a fence that is indented may keep some of its indentation.
    shown = [(info, content.replace(" ", "")) for info, content in as_read_here(text)]
    assert shown == [(info, content.replace(" ", "")) for info, content in as_commonmark_reads(text)]


@pytest.mark.parametrize(
    "text",
    [
        "> ```\n> a\n> ```\n",
        "> ```\n> a\n\nb\n",
        "> ```\n> a\n```\nb\n```\n",
        ">```\n>  a\n>```\n",
        "> > ```\n> > a\n> > ```\n",
        "- ```py\n  a\n  ```\n",
        "- a\n\n  ```\n  b\n    c\n  ```\n",
        "12) a\n\n    ~~~\n    b\n    ~~~\n",
        "> - ```\n>   a\n>   ```\n",
        "- a\n  > ```\n  > b\n  > ```\n",
        "   ```\n   a\n\n      c\n   ```\n",
    ],
)
def test_fences_in_lists_and_quotes_are_those_of_a_parser_of_commonmark(text):
    assert as_read_here(text) == as_commonmark_reads(text)


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("1. a\n\n       ```\n       b\n       ```", [Block("", "b\n", "1. a")]),  # indented too much
        ("1. a\n   ```py\nb\n  c\n   ```", [Block("py", "b\n  c\n", "1. a")]),  # content outside its list
        ("<div>\n```\na\n```\n</div>", [Block("", "a\n", "<div>")]),
        ("````\n```py\na\n```\n````", [Block("py", "a\n")]),
        ("```markdown\nHere:\n```py\na\n```\n```", [Block("py", "a\n", "Here:")]),
        ("````py\n```\n````", [Block("py", "```\n")]),
        ("```\na\n```\n```", [Block("", "a\n")]),  # a fence too many
        ("Plan: ```\na\n```", [Block("", "a\n")]),
        ("```\na\nb```", [Block("", "a\nb")]),
        ("```\na\n```\nShows:\n```b```\n", [Block("", "a\n")]),
        ("```\na\n```\nShows:\n```\nb```\n", [Block("", "a\n"), Block("", "b", "Shows:")]),
        ("So ```a``` it is.", []),
        ("So: ```a```.", [Block("", "a\n")]),
        ("```\na", [Block("", "a", closed=False)]),
        ("```\na\n```\n~~~\nb", [Block("", "a\n"), Block("", "b", closed=False)]),
    ],
)
def test_what_is_read_beyond_commonmark(text, blocks):
    assert fenced_blocks(text) == blocks


# --- Thinking, answers, characters -------------------------------------------------------------------


def text_of(reply):
    read = read_reply(reply)
    assert isinstance(read, ReplyText)
    return read.text


def blocks_of(read):
    assert isinstance(read, ReplyText)
    return [block.text for block in read.blocks]


def refusal(answer):
    assert isinstance(answer, Reply)
    return answer


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("<think>a</think>b", "\nb"),
        ("<think>\n```\na\n```\n</think>\nb", "\n\nb"),
        ("<Thinking>a</Thinking> b", "\n b"),
        ("a\n</think>\nb", "\nb"),  # the prompt had opened it
        ("<think>a</think>b\n<think>c</think>d", "\nb\n\nd"),
        ("<think>a </reasoning> b</think>c", "\nc"),
        ("I use <think> as a word.", "I use <think> as a word."),
        ('print("</think>")', 'print("</think>")'),
        ("a <answer>b</answer> c", "b"),
        ("<answer>a</answer>\n<answer>b</answer>", "b"),
        ("```\na\n```\n<answer>see above</answer>", "```\na\n```\n<answer>see above</answer>"),
        ("<answer>\n```\na\n```\n</answer>", "\n```\na\n```\n"),
        ("\ufeffa\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("a\u00a0b\u200bc\x00d\x1be", "a bcde"),
        ("é 漢 \ud800", "é 漢 \ud800"),
    ],
)
def test_what_of_a_reply_counts(reply, text):
    assert text_of(reply) == text


@pytest.mark.parametrize("reply", ["<think>\nHm, ```\na\n```", "  <think>a", "<think>a</think>\n<think>b"])
def test_thinking_without_an_end_is_cut_off(reply):
    assert refusal(read_reply(reply)).status == Status.TRUNCATED


@pytest.mark.parametrize("reply", ["```\na\n```\n~~~\nb", "a", "a\n```b", "<answer>a"])
def test_only_a_reply_that_was_cut_needs_an_end(reply):
    assert isinstance(read_reply(reply), ReplyText)
    assert refusal(read_reply(reply, cut=True)).status == Status.TRUNCATED


@pytest.mark.parametrize("reply", ["```\na\n```", "```\na\n```\nSo I", "<think>x</think>\n~~~\na\n~~~"])
def test_a_reply_that_was_cut_behind_its_block_is_read(reply):
    assert read_reply(reply, cut=True) == read_reply(reply)


def test_a_block_that_repeats_the_sample_is_ignored_beside_others():
    sample = "go PLACE\ngather ITEM x2"
    echo, own = f"```\n{sample}\n```", "```\ngo Alder\n```"
    for reply in (f"{echo}\n{own}", f"{own}\n{echo}", f"{own}\n{textwrap.indent(echo, '> ')}"):
        assert blocks_of(read_reply(reply, sample=sample)) == ["go Alder\n"]
    assert blocks_of(read_reply(echo, sample=sample)) == [f"{sample}\n"]


# --- JSON --------------------------------------------------------------------------------------------

OBJECT = '{"steps": [1, 2], "answer": "b"}'
READ = {"steps": [1, 2], "answer": "b"}


def json_of(reply):
    read = read_reply(reply)
    assert isinstance(read, ReplyText)
    return read_json(read, ("steps", "answer"), lambda line: line.startswith("answer:"))


@pytest.mark.parametrize(
    "reply",
    [
        *(OBJECT, f"\n {OBJECT}\n\n", f"```json\n{OBJECT}\n```", f"```\n{OBJECT}", f"~~~\n{OBJECT}\n~~~"),
        *(f"Here it is:\n{OBJECT}", f"Here it is:\n\n{OBJECT}\n\nThat is all.", f"<think>{{</think>{OBJECT}"),
        *(f"```\n{{}}\n```\n```\n{OBJECT}\n```", f"```\n{OBJECT}\n```\nTime:\n```\n7\n```"),
        f'```\n{{"steps": []}}\n```\nNo:\n```\n{OBJECT}\n```',
        f"```\nanswer: c\n```\nNo:\n```\n{OBJECT}\n```",
        '{\n  "steps": [\n    1,\n    2\n  ],\n  "answer": "b"\n}',
        '{"thoughts": "```\\nanswer: c\\n```", "steps": [1, 2], "answer": "b"}',
    ],
)
def test_one_json_object_is_read(reply):
    assert json_of(reply) == READ


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ('{"answer": "a", "answer": "b"}', "the key 'answer' stands there twice"),
        ('{"answer": {"a": 1, "a": 2}}', "the key 'a' stands there twice"),
        ('{"answer": NaN}', "NaN is no number"),
        ('{"answer": -Infinity}', "-Infinity is no number"),
        ('{"answer": 1e999}', "1e999 is no number"),
        (f"{OBJECT}\n{OBJECT}", "Extra data"),
        (f"```\n{OBJECT} or\n```", "Extra data"),
        ('{"answer": "b"', ""),
        ('```\n{"answer": "b"', "Expecting ',' delimiter"),
        ('{"answer": ' + "[" * 100_000 + "}", "too deeply nested"),
        ('{"answer": ' + "9" * 5_000 + "}", "no valid JSON"),
        ('{"answer": "b", "steps2": [1]}', "Unknown key 'steps2' in the reply. Allowed: steps, answer."),
    ],
)
def test_json_is_read_strictly(reply, problem):
    meant = json_of(reply)
    assert not isinstance(meant, dict)
    if problem:
        assert problem in refusal(meant).problem


@pytest.mark.parametrize(
    "reply",
    [
        *("answer: b", '["answer"]', '"answer"', "{answer: b}", '{"ansver": "b"}', "", "{", "}"),
        f"```\n{OBJECT}\n```\nNo:\n```\nanswer: c\n```",
        f"answer: c\n{OBJECT}",
        f"{OBJECT}\nanswer: c",
    ],
)
def test_what_is_no_json_object_of_the_domain_is_left_to_its_other_form(reply):
    assert json_of(reply) is None


def test_every_character_is_printable_once_it_is_escaped():
    every = "".join(map(chr, range(0x11000)))
    written = printable(every)
    assert written.replace("\n", "").isprintable()
    assert written.isascii()
    assert printable("go\n\té\x00\ud800\U0001f600") == "go\n\\t\\xe9\\x00\\ud800\\U0001f600"


def test_the_longest_reply_is_read_and_a_longer_one_is_not():
    assert text_of("x" * MAX_REPLY_CHARACTERS) == "x" * MAX_REPLY_CHARACTERS
    assert refusal(read_reply("x" * (MAX_REPLY_CHARACTERS + 1))).problem == (
        "A reply has at most 200,000 characters, got 200,001."
    )


def test_a_status_is_its_string_everywhere():
    assert Status.INFRASTRUCTURE_ERROR == "infrastructure error"
    assert {Status.OK: 1}["ok"] == 1
    assert (f"{Status.OK}", repr(Status.OK)) == ("ok", "'ok'")


# --- Plan: forms of one plan -------------------------------------------------------------------------

PLAN = [plan.TRAVEL + 1, plan.GATHER, plan.GATHER, plan.TRAVEL, plan.DELIVER]
COMMANDS = "go Alder\ngather timber x2\ngo Depot\ndeliver"
IN_FENCE = f"```\n{COMMANDS}\n```"
BULLETS = textwrap.indent(COMMANDS, "- ")

PLAN_ACCEPTED = [
    COMMANDS,
    IN_FENCE,
    f"```text\n{COMMANDS}\n```",
    f"~~~\n{COMMANDS}\n~~~",
    f"```\n{COMMANDS}\n",
    f"~~~~plan\n{COMMANDS}\n~~~~",
    f"````\n{COMMANDS}\n````",
    f"````markdown\n{IN_FENCE}\n````",
    f"\ufeff{IN_FENCE}",
    f"\ufeff{COMMANDS}",
    IN_FENCE.replace("\n", "\r\n"),
    IN_FENCE.replace("\n", "\r"),
    f"1. My plan:\n\n{textwrap.indent(IN_FENCE, '   ')}",
    f"- My plan:\n\n{textwrap.indent(IN_FENCE, '    ')}",
    textwrap.indent(IN_FENCE, "\t"),
    textwrap.indent(IN_FENCE, "> "),
    f"I use ``` as a fence.\n{IN_FENCE}",
    f"I use ```code``` as a fence.\n{IN_FENCE}\nDone.",
    f"```\ngo Birch\n```\nNo, better:\n{IN_FENCE}",
    f"{IN_FENCE}\n```\n```",
    f"{IN_FENCE}\n```\n\n```",
    f"{IN_FENCE}\n```",
    f"{IN_FENCE}\nThis leads to:\n```\nEnergy: 5\nTime: 7\n```",
    f"{IN_FENCE}\n```text\nScore 1.0\n```",
    f"Plan: ```\n{COMMANDS}\n```",
    f"```\n{COMMANDS}```",
    f"```{COMMANDS}```",
    f"```{COMMANDS}\n```",
    f"Here is the plan:\n{COMMANDS}",
    f"Here is the plan:\n\n{COMMANDS}\n\nThis delivers everything.",
    f"## Plan\n{COMMANDS}",
    f"I will gather two timber.\n{BULLETS}",
    f"<think>\n```\ngo Birch\n```\nHm.\n</think>\n{IN_FENCE}",
    f"go to Birch? No.\n</think>\n{COMMANDS}",
    f"<answer>\n{COMMANDS}\n</answer>",
    f"<think>hm</think><answer>{COMMANDS}</answer>",
    BULLETS,
    "1. go Alder\n2. gather timber x2\n3. go Depot\n4. deliver",
    "Step 1: go Alder\nStep 2: gather timber x2\nStep 3: go Depot\nStep 4: deliver",
    "go Alder, gather timber x2, go Depot, deliver",
    "go Alder -> gather timber x2 → go Depot => deliver",
    '"go Alder"\n“gather timber x2”\n\'go Depot\'\n"deliver"',
    '["go Alder", "gather timber x2", "go Depot", "deliver"]',
    '```json\n[\n  "go Alder",\n  "gather timber x2",\n  "go Depot",\n  "deliver"\n]\n```',
    "go to Alder\ngather 2 timber\ngo to Depot\ndeliver",
    "go Alder\ngather timber * 2\ngo Depot\ndeliver",
    "go Alder\ngather timber (x2)\ngo Depot\ndeliver",
    "go Alder  # where timber is\n# now\ngather timber x2\ngo Depot\ndeliver  # done",
    "go\u00a0Alder\n\u200bgather timber\u2003x2\ngo Depot\x00\ndeliver",
    "go Alder\u2028gather timber x2\u2029go Depot\x85deliver",
    "**go Alder**\n`gather timber x2`\n_go Depot_.\nDELIVER!".replace("_", "").replace("!", "."),
]
LISTED = '["go Alder", "gather timber x2", "go Depot", "deliver"]'
PLAN_ACCEPTED += [
    f"{IN_FENCE}\nIn general:\n```\n{SAMPLE}\n```",
    f"In general:\n```\n{SAMPLE}\n```\nHere:\n{IN_FENCE}",
    *(
        COMMANDS.replace("go ", word)
        for word in ("go to ", "travel to ", "Go to the ", "walk to ", "Move to ")
    ),
    *(
        COMMANDS.replace("gather timber x2", gathering)
        for gathering in (
            *(
                "gather 2 timber",
                "gather 2 timbers",
                "gather two timber",
                "gather timber (x2)",
                "gather 2x timber",
            ),
            *(
                "gather timber * 2",
                "gather timber*2",
                "gather timber (2)",
                "gather timber 2 times",
                "gather x2 timber",
            ),
            *("gather 2 units of timber", "gather timber\ngather timber", "gather a timber\ngather 1 timber"),
            *(
                "gather timber x2 at Alder",
                "gather 2 timber in Alder",
                "collect 2 timber",
                "Gather **timber** x2",
            ),
        )
    ),
    *(
        COMMANDS.replace("deliver", delivery)
        for delivery in (
            *("deliver timber", "deliver 2 timber", "deliver x2", "deliver everything", "deliver timber x2"),
            *(
                "deliver at Depot",
                "deliver timber to the Depot",
                "deliver timber\ndeliver timber",
                "deliver all",
            ),
        )
    ),
    COMMANDS.replace("go Depot", "return to the Depot"),
    "go Alder, then gather timber x2, then go Depot and deliver",
    "**Step 1:** go Alder\n**Step 2:** gather timber x2\n**Step 3:** go Depot\n**Step 4:** deliver",
    "go Alder // timber\ngather timber x2\ngo Depot\ndeliver",
    "Step 1 - go Alder\nStep 2 – gather timber x2\nStep 3 — go Depot\nStep 4 - deliver!",
    "– go Alder\n— _gather timber x2_\n– go Depot\n– deliver",
    f'{{"commands": {LISTED}}}',
    f'```json\n{{\n  "commands": {LISTED}\n}}\n```',
    f'{{"thoughts": "Timber first.", "commands": {LISTED}}}',
    f'<think>{{"commands": []}}</think>\n{{"commands": {LISTED}}}',
    f'Here it is:\n{{"commands": {LISTED}}}',
    f'```\n{{"commands": ["refuel"]}}\n```\nNo:\n```\n{{"commands": {LISTED}}}\n```',
    f'```\n{{"commands": ["refuel"]}}\n```\nNo:\n{IN_FENCE}',
    '{"commands": ["go Alder", "gather timber", "gather timber", "go Depot", "deliver"]}',
]
PLAN_REFUSED = [
    "",
    "Could you tell me more?",
    "I would go Alder, gather timber and deliver.",
    "You can deliver at the Depot.",
    f"```\n{COMMANDS}\nwait\n```",
    f"{COMMANDS}\nwait",
    f"gathr timber\n{COMMANDS}",
    f"{COMMANDS}\n\ngathr timber",
    f"<think>\n{IN_FENCE}",
    "```\n```",
    *("go Alder or Birch", "gather timber x0", "gather timber or ore", "go Alder twice", "go Alder x2"),
    *("gather 2 timber x3", "gather timber at Birch", "go Alder\ngather timber at Birch", "deliver ore"),
    *(
        "deliver timber and ore",
        "deliver timber x0",
        "refuel x2",
        "craft timber",
        "gather panel",
        "go timber",
    ),
    *("go Alder, stay", "gather timber x201", "deliver nothing", "go to", "gather 2", "x2"),
    *('{"commands": []}', '{"commands": "deliver"}', '{"commands": [1]}', '{"commands": ["wait"]}'),
    *('{"commands": ["deliver"], "commands": ["refuel"]}', '{"actions": ["deliver"]}', '{"commands": {}}'),
    '{"commands": ["deliver"], "plan": ["refuel"]}',
    'go Alder\n{"commands": ["deliver"]}',
    '{"commands": ["deliver"]}\n{"commands": ["refuel"]}',
    f"```\n{SAMPLE}\n```",
    SAMPLE,
]


@pytest.mark.parametrize("reply", PLAN_ACCEPTED)
def test_a_plan_is_read_in_whatever_form_it_is_written(reply):
    world = plan_world()
    assert parse_plan(world, in_words_of(world, reply)) == Reply(Status.OK, PLAN)


@pytest.mark.parametrize("reply", PLAN_REFUSED)
def test_what_is_no_plan_is_refused_as_a_whole(reply):
    world = plan_world()
    parsed = parse_plan(world, in_words_of(world, reply))
    assert (parsed.status in ("malformed", "truncated"), parsed.actions) == (True, [])
    assert parsed.problem


# --- A task of logic, whose replies tests/test_logic_replies.py reads -------------------------------


@pytest.fixture(scope="module")
def world():
    env = gym.make("EtudeLogic-v0", practice="uniform", family="chain", difficulty={"chain": 1.0})
    env.reset(seed=0)
    world = env.unwrapped.worlds[0]
    assert world["num_premises"] >= 4
    return world


# --- Code: forms of one program ----------------------------------------------------------------------

ONE = {"practice": "uniform", "family": "synthesize", "difficulty": {"length": 0.0}}
PROGRAM = """\
def solve(numbers, k):
    if k < 0:
        return 1
    s = sum(numbers)
    return s if s % 3 == 0 else s * 4
"""
DRAFT = "def solve(numbers, k):\n    return 0\n"
USE = "print(solve([1, 2], 3))\n"
TEST = "def test_solve():\n    assert solve([], -1) == 1\n"


def python(source, info="python"):
    return f"```{info}\n{source}```"


PROGRAM_ACCEPTED = [
    PROGRAM,
    *(
        python(PROGRAM, info)
        for info in (
            *("", "python", "Python", "py", "python3", "python solve.py", "python:solve.py", "solve.py"),
            *('python title="solve.py"', "python title=solve.py", "{.python}", "{.python file=solve.py}"),
            *(
                "python ./solve.py",
                "./solve.py",
                "python {1,3-4}",
                "python linenums=1",
                "python filename='solve.py'",
            ),
            *(
                "python ../solve.py",
                "python C:\\solve.py",
                "python solution.py",
                "main.py",
                "python, solve.py",
                "python (solve.py)",
                "{python}",
                "python 3",
            ),
            *('title="solve.py"', "python file: solve.py", " python", "python\t"),
        )
    ),
    python(PROGRAM).replace("```", "~~~"),
    f"```python\n{PROGRAM}",
    python(PROGRAM).replace("```", "`````"),
    f"````markdown\nHere:\n\n{python(PROGRAM)}\n````",
    f"````\n{python(PROGRAM)}\n````",
    f"\ufeff{python(PROGRAM)}",
    python(PROGRAM).replace("\n", "\r\n"),
    python(PROGRAM).replace("\n", "\r"),
    python(PROGRAM.replace("    ", "\t")),
    python(PROGRAM.replace("    ", "\u00a0\u00a0")),
    python(PROGRAM.replace("def", "\u200bdef").replace("return", "\x00return")),
    f"1. Here:\n\n{textwrap.indent(python(PROGRAM), '   ')}",
    f"1. Here:\n\n   ```python\n{PROGRAM}   ```",
    f"- Here:\n{textwrap.indent(python(PROGRAM), '  ')}\n- Done.",
    textwrap.indent(python(PROGRAM), "        "),
    textwrap.indent(python(PROGRAM), "> ", lambda line: True),
    f"I use ``` fences.\n\n{python(PROGRAM)}",
    f"Solution: {python(PROGRAM)}",
    *(
        f"{title}\n{python(PROGRAM)}"
        for title in ("solve.py", "**solve.py**", "### solve.py", "File: solve.py", "1. `./solve.py`:")
    ),
    *(
        python(f"{first}\n{PROGRAM}")
        for first in (
            "# solve.py",
            "# file: ./solve.py",
            '"""solve.py"""',
            "#!/usr/bin/env python3\n# solve.py",
        )
    ),
    f"{python(DRAFT)}\nThat is wrong. Rather:\n{python(PROGRAM)}",
    f"{python(DRAFT, 'python solve.py')}\nThat is wrong. Rather:\n{python(PROGRAM, 'python solve.py')}",
    f"{python(DRAFT, 'python solve.py')}\nThat is wrong. Rather:\n{python(PROGRAM)}",
    f"{python(PROGRAM)}\nUse it so:\n{python(USE)}",
    f"{python(PROGRAM, 'python solve.py')}\nUse solve.py so:\n{python(USE)}",
    f"{python(PROGRAM)}\nTests:\n{python(TEST)}",
    f"{python(PROGRAM)}\nIt prints:\n{python('12' + chr(10), '')}",
    f"{python(PROGRAM)}\nIt prints:\n```\n12```",
    f"{python(PROGRAM)}\nIt prints:\n{python('12' + chr(10), 'text')}\n```bash\npython solve.py\n```",
    f"{python(PROGRAM)}\n```python\n```",
    f"{python(PROGRAM)}\n```",
    f"<think>\nMaybe\n{python(DRAFT)}\n</think>\n{python(PROGRAM)}",
    f"Maybe\n{python(DRAFT)}\n</think>\n{python(PROGRAM)}",
    f"<answer>\n{python(PROGRAM)}\n</answer>",
    f"Here is the function:\n\n{PROGRAM}",
    f"Here is the function:\n\n{PROGRAM}\nIt takes linear time.",
    f"# Solution\n\nA note.\n\n{PROGRAM}\n\nHope this helps!\n",
]
PROGRAM_UNREAD = [
    "",
    "I would write a def for this, but first a question.",
    "def is what I would start with.\nThen I would go on.",
    "def solve(numbers, k): that is the signature, is it not?",
    "The function def solve(numbers, k) returns 0.",
    "```\nI would define solve first.\n```",
    "```\n12\n```",
    "```python\n```",
    "```python\nI would define solve first; is that right?\n```",
    "```python solve.py\n# to be written\n```",
    python(USE),
    f"```text\n{PROGRAM}```",
    f"<think>\n{python(PROGRAM)}",
    f"{PROGRAM}\nor rather\n\n{DRAFT}",
    "import os",
]


@cache
def code_env():
    return TextFront(gym.make("EtudeCode-v0", **ONE))


def one_program():
    code_env().reset(seed=0)
    return code_env()


@pytest.mark.parametrize("reply", PROGRAM_ACCEPTED)
def test_a_program_is_read_in_whatever_form_it_is_written(reply):
    _, reward, over, _, info = one_program().step(reply)
    assert (info["status"], reward, over) == ("ok", 1.0, True), info["problem"]


@pytest.mark.parametrize("reply", PROGRAM_UNREAD)
def test_what_is_no_program_costs_a_step_and_the_episode_goes_on(reply):
    env = one_program()
    _, reward, over, _, info = env.step(reply)
    assert info["status"] in ("malformed", "truncated")
    assert (reward, over, env.unwrapped.worlds[0]["steps"]) == (0.0, False, 1)
    assert info["problem"]


CODE = "def f(n):\n    return n\n"


@pytest.mark.parametrize(
    ("reply", "paths"),
    [
        (f"a.py:\n{python(CODE)}\n**b.py**\n{python('X = 1' + chr(10))}", {"a.py": CODE, "b.py": "X = 1\n"}),
        (f"{python('X = 1' + chr(10), 'python a.py')}\n{python(CODE, 'python a.py')}", {"a.py": CODE}),
        (f"{python(CODE, 'python a.py')}\nUse a.py so:\n{python('f(1)' + chr(10))}", {"a.py": CODE}),
        (f"{python(CODE, 'python a.py')}\nUse it so:\n{python('f(1)' + chr(10))}", {"a.py": CODE}),
        (f"Here is the new `b.py`:\n{python(CODE)}", {"b.py": CODE}),
        (f"I moved things from a.py to b.py:\n{python(CODE)}", {"shop.py": CODE}),
        (python(CODE), {"shop.py": CODE}),
    ],
)
def test_files_of_a_package_go_by_their_paths(reply, paths):
    assert parse_submission(reply, "shop.py") == paths


def test_a_package_in_several_blocks_without_paths_is_not_guessed():
    answer = parse_submission(f"{python(CODE)}\n{python(CODE)}", "shop.py")
    assert refusal(answer).problem == "With several blocks each needs a path, such as ```python shop.py."


# --- Nothing raises, and nothing but a solution scores -----------------------------------------------

PIECES = st.sampled_from(
    [
        *("```", "~~~", "````", "```python", "```python solve.py", "> ", "1. ", "   ", "\t", "\n", "\n\n"),
        *("<think>", "</think>", "<answer>", "</answer>", "\ufeff", "\x00", "\r", "\ud800", "\u200b", "é"),
        *("def solve(numbers, k):", "    return 0", "solve = 1", "# solve.py", "import os", "prose:", "x.py"),
        *("go Alder", "deliver", "gather timber x2", "steps: 1", "answer: refuted", "confidence: 50%"),
    ]
)
JUNK = st.one_of(
    st.text(st.characters(codec=None), max_size=40), st.lists(PIECES, max_size=14).map("\n".join)
)


@settings(max_examples=300, deadline=None)
@given(JUNK)
def test_any_reply_is_answered_and_one_without_the_solution_earns_nothing(world, reply):
    for parsed in (parse_plan(plan_world(), reply), parse_logic(world, reply)):
        assert (parsed.status == Status.OK) == bool(parsed.actions) == (not parsed.problem)
    env = one_program()
    prompt, reward, over, _, info = env.step(reply)
    assert prompt in env.observation_space
    assert reply in env.action_space
    assert (reward, info.get("score", 0.0)) == (0.0, 0.0)
    assert over == ("score" in info)


HOSTILE = {
    "fences in a list": "- ```\n" * 33_000,
    "fences in a quote": "> ```\n" * 33_000,
    "fences of every length": "".join("`" * length + "\n" for length in range(3, 620)),
    "fences with backticks": "```x `\n" * 28_000,
    "fences in fences": "````\n```\n```\n````\n" * 11_000,
    "thinking": "<think>\n" * 25_000,
    "no more thinking": "</think>\n" * 22_000,
    "answers": "<answer></answer>" * 11_000,
    "bullets": "- " * 100_000,
    "numbers": "1. " * 66_000,
    "quotes": ">" * 200_000,
    "lines": "\n" * 200_000,
    "functions": "x = 1\ndef f(:\n" * 14_000,
    "brackets": "x = (" * 39_000 + "\ndef f(x): pass",
    "titles": "a.py:\n```\ndef f(): pass\n```\n" * 7_000,
    "commas": "," * 200_000,
    "repetition": "gather ore x" + "9" * 190_000,
    "surrogates": "\ud800" * 200_000,
    "nothing to be seen": "\u200b" * 200_000,
}


@pytest.mark.parametrize("reply", HOSTILE.values(), ids=HOSTILE)
def test_the_longest_junk_is_answered_at_once(world, reply):
    assert len(reply) <= MAX_REPLY_CHARACTERS
    assert parse_plan(plan_world(), reply).actions == []
    assert parse_logic(world, reply).actions == []
    for function in (None, "solve"):
        assert isinstance(parse_submission(reply, "solve.py", function), Reply | dict)


# --- Spaces ------------------------------------------------------------------------------------------

STRANGE = (
    "```python\ndef solve(numbers, k):\n    return 'é漢\\x00\U0001f600'\n```",
    "```python\ndef sölve(numbers, k):\n    return 'é' +\n```",
    "geh nach Alder – bitte\u200b!",
    "\ud800",
)


@pytest.mark.parametrize("env_id", ["EtudePlan-v0", "EtudeLogic-v0", "EtudeCode-v0"])
def test_prompts_and_replies_lie_in_their_spaces_whatever_the_reply(env_id):
    arguments = ONE if env_id == "EtudeCode-v0" else {"practice": "uniform"}
    for reply in (*STRANGE, "x" * 10_000 + "é", "```python\nraise ValueError('é' * 10**6)\n```"):
        env = TextFront(gym.make(env_id, **arguments))
        assert env.reset(seed=0)[0] in env.observation_space
        assert env.step(reply)[0] in env.observation_space
        assert reply in env.action_space
    assert None not in env.action_space
    assert "x" * (MAX_REPLY_CHARACTERS + 1) not in env.action_space
    assert env.action_space.sample() in env.action_space


def make_code():
    return TextFront(gym.make("EtudeCode-v0", **ONE))


@pytest.mark.parametrize("shared_memory", [True, False])
def test_strange_replies_pass_through_worker_processes(shared_memory):
    single = make_code()
    expected = []
    for i, reply in enumerate(STRANGE):
        single.reset(seed=i)
        prompt, reward, over, _, info = single.step(reply)
        expected.append((prompt, reward, over, info["status"], info["problem"]))
    vector = gym.vector.AsyncVectorEnv([make_code] * len(STRANGE), shared_memory=shared_memory)
    try:
        first, _ = vector.reset(seed=0)
        prompts, rewards, terminations, _, infos = vector.step(STRANGE)
    finally:
        vector.close()
    assert first in vector.observation_space
    assert prompts in vector.observation_space
    assert first == tuple(make_code().reset(seed=i)[0] for i in range(len(STRANGE)))
    told = zip(prompts, rewards, terminations, infos["status"], infos["problem"], strict=True)
    assert [tuple(row) for row in told] == expected


def test_spaces_are_the_same_after_pickling_and_in_batches():
    env = make_code()
    for space in (env.observation_space, env.action_space):
        assert pickle.loads(pickle.dumps(space)) == space
        assert pickle.loads(pickle.dumps(space)).contains("text")
        batched = gym.vector.utils.batch_space(space, 2)
        assert batched.sample() in batched


def test_shared_prompts_without_copies_are_those_of_now():
    vector = gym.vector.AsyncVectorEnv([make_code], copy=False)
    try:
        prompts, _ = vector.reset(seed=0)
        before = tuple(prompts)
        vector.step(("?",))
        after = prompts[0]
    finally:
        vector.close()
    assert after == "Your last reply was not played" + after.partition("not played")[2]
    assert after.endswith(before[0])


def test_strange_replies_pass_through_a_vector_in_one_process():
    vector = gym.vector.SyncVectorEnv([make_code] * len(STRANGE))
    vector.reset(seed=0)
    prompts, *_ = vector.step(STRANGE)
    assert prompts in vector.observation_space
    assert vector.action_space.sample() in vector.action_space


# --- Wrappers below ----------------------------------------------------------------------------------


class Halve(gym.RewardWrapper):
    def reward(self, reward):
        return reward / 2


@pytest.mark.parametrize("wrapper", [Halve, lambda env: Halve(gym.wrappers.RecordEpisodeStatistics(env))])
def test_wrappers_below_see_submissions_and_what_they_make_of_the_reward_counts(wrapper):
    env = TextFront(wrapper(gym.make("EtudeCode-v0", **ONE)))
    env.reset(seed=0)
    _, reward, over, _, info = env.step(python(PROGRAM))
    assert (reward, over, info["score"]) == (0.5, True, 1.0)
    if "episode" in info:
        assert (info["episode"]["r"], info["episode"]["l"]) == (1.0, 1)


def test_wrappers_below_see_every_action_of_a_reply():
    env = TextFront(gym.wrappers.RecordEpisodeStatistics(gym.make("EtudePlan-v0", max_episode_steps=3)))
    env.reset(seed=0)
    _, _, terminated, truncated, info = env.step("refuel\n" * 5)
    assert (terminated, truncated, info["actions_played"], info["episode"]["l"]) == (False, True, 3, 3)


def test_what_cannot_be_read_counts_as_a_step_for_the_wrappers_below():
    env = TextFront(gym.make("EtudeCode-v0", max_episode_steps=2, **ONE))
    env.reset(seed=0)
    assert [env.step("?")[2:4] for _ in range(2)] == [(False, False), (False, True)]
    assert np.isclose(env.unwrapped.worlds[0]["steps"], 2)
