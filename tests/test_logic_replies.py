"""What a reply to a prompt of logic means: what a person would accept is read, and nothing else."""

from __future__ import annotations

import json
import random
import re
import textwrap

import gymnasium as gym
import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etude_gym.environment.registration import make_domain
from etude_gym.envs.logic import kernel, text, wording
from etude_gym.envs.logic.domain import WORDINGS
from etude_gym.envs.logic.forms import FIELDS, share_in
from etude_gym.envs.logic.replies import parse_reply
from etude_gym.envs.logic.steps import MAX_STEPS
from etude_gym.tasks.domain import Reply
from etude_gym.tasks.replies import MAX_REPLY_ACTIONS
from etude_gym.text import draw_tasks
from etude_gym.wrappers import TextFront

RETRACT, UNKNOWN = kernel.RETRACT, kernel.ANSWER + kernel.UNKNOWN
ENTAILED, REFUTED = kernel.ANSWER + kernel.ENTAILED, kernel.ANSWER + kernel.REFUTED
SURE = kernel.CONFIDE + 4


@pytest.fixture(scope="module")
def world():
    env = gym.make("EtudeLogic-v0", practice="uniform", family="chain", difficulty={"chain": 1.0})
    env.reset(seed=0)
    world = env.unwrapped.worlds[0]
    assert world["num_premises"] >= 4
    return world


def parse(world, reply, language="english"):
    """What a reply means in which "@3" stands for the label of the third premise, "@Q" for the query.

    A test names premises so because every task has labels of its own.
    """
    [query] = wording.literals_of(world["query"])
    reply = reply.replace("@Q", wording.statements_of(world, language)[query])
    labels = wording.labels_of(world)
    return parse_reply(
        world, re.sub(r"@([0-9]+)", lambda found: str(labels[int(found[1]) - 1]), reply), language
    )


# --- Forms of one answer -----------------------------------------------------------------------------

PROOF = [0, 1, 3, REFUTED, SURE]
ENDS = "answer: refuted\nconfidence: 97%"
FULL = f"steps: @1, @2, @4\n{ENDS}"
IN_FENCE = f"```\n{FULL}\n```"
OBJECT = '{"steps": [@1, @2, @4], "answer": "refuted", "confidence": 0.97}'

PLAUSIBLE = {
    "plain": (IN_FENCE, PROOF),
    "no fence": (FULL, PROOF),
    "prose then fields, no fence": (f"From @1 and @2 we get it.\n{FULL}", PROOF),
    "think block without fence, then fields": (f"<think>\nanswer: unknown?\n</think>\n{FULL}", PROOF),
    "status word only": ("refuted", [REFUTED]),
    "the query is refuted.": ("The query is refuted.", [REFUTED]),
    "answer only": ("Answer: refuted", [REFUTED]),
    "bold": ("**Answer:** refuted", [REFUTED]),
    "status for answer": ("Status: refuted", [REFUTED]),
    "answer is a sentence": ("answer: the query is refuted", [REFUTED]),
    "placeholder repeated": ("answer: STATUS refuted", [REFUTED]),
    "false for refuted": ("answer: false", [REFUTED]),
    "contradiction": ("answer: contradiction", None),
    "quotes": ('answer: "refuted"', [REFUTED]),
    "reason in brackets": ("answer: refuted (by @1, @2)", [REFUTED]),
    "equals sign": ("answer = refuted", [REFUTED]),
    "apply in a list": (f"steps: apply @1, apply @2, apply @4\n{ENDS}", PROOF),
    "list in brackets": (f"steps: [@1, @2, @4]\n{ENDS}", PROOF),
    "blanks between steps": (f"steps: @1 @2 @4\n{ENDS}", PROOF),
    "arrows between steps": (f"steps: @1 -> @2 -> @4\n{ENDS}", PROOF),
    "and between steps": (f"steps: @1 and @2 and @4\n{ENDS}", PROOF),
    "apply premise": (f"steps: apply premise @1, apply premise @2, apply premise @4\n{ENDS}", PROOF),
    "premise": (f"steps: premise @1, premise @2, premise @4\n{ENDS}", PROOF),
    "one step a line": (f"steps:\n@1\n@2\n@4\n{ENDS}", PROOF),
    "steps as bullets": (f"- apply @1\n- apply @2\n- apply @4\n{ENDS}", PROOF),
    "no steps": (f"steps: none\n{ENDS}", PROOF[3:]),
    "steps without colon": (f"Steps @1, @2, @4\n{ENDS}", PROOF),
    "confidence is a word": ("answer: refuted\nconfidence: high", None),
    "percent in words": ("answer: refuted\nconfidence: 85 percent", [REFUTED, SURE - 1]),
    "percent without a sign": ("answer: refuted\nconfidence: 85", [REFUTED, SURE - 1]),
    "about": ("answer: refuted\nconfidence: ~85%", [REFUTED, SURE - 1]),
    "explanation": (f"```\n{FULL}\nexplanation: obvious\n```", PROOF),
    "answer before steps": (f"{ENDS}\nsteps: @1, @2, @4", PROOF),
    "json": (OBJECT, PROOF),
    "fence not closed": (f"```\n{FULL}", PROOF),
}
"""The replies that models were seen to give, or plausibly would, and what they mean; None is malformed."""


@pytest.mark.parametrize(("reply", "actions"), PLAUSIBLE.values(), ids=PLAUSIBLE)
def test_a_plausible_reply_means_what_a_person_would_take_it_for(world, reply, actions):
    parsed = parse(world, reply)
    assert (parsed.status, parsed.actions) == ("malformed" if actions is None else "ok", actions or [])
    assert bool(parsed.problem) == (actions is None)


@pytest.mark.parametrize(
    "reply",
    [
        f"~~~\n{FULL}\n~~~",
        f"```yaml\n{FULL}\n```",
        f"\ufeff{IN_FENCE}".replace("\n", "\r\n"),
        f"1. So:\n\n{textwrap.indent(IN_FENCE, '   ')}",
        textwrap.indent(IN_FENCE, "> "),
        f"From @1 and @2 we get it.\n\n{FULL}\n\nThat is all.",
        f"Hm, ```x\n</think>\n{IN_FENCE}",
        f"```\nanswer: unknown\n```\nNo:\n{IN_FENCE}",
        f"{IN_FENCE}\n```\n1 gives p, 2 gives q\n```",
        f"{IN_FENCE}\n```\n```",
        f"```\n{text.SAMPLE}\n```\n{IN_FENCE}",
        f"{IN_FENCE}\n```\n{text.SAMPLE}\n```",
        f"<answer>{FULL}</answer>",
        f"Answer: ```\n{FULL}\n```",
        "- **Steps:** @1, @2, @4\n- **Answer:** refuted.\n- **Confidence:** 97%",
        "apply @1\napply @2\napply @4\nanswer: “refuted”\nconfidence: 0.97",
        'steps: @1; @2; @4\nanswer: "refuted"\nconfidence: .97',
        "steps:\u00a0@1, @2,\u200b @4\nanswer: refuted\u2028confidence: 97%",
        "confidence: 97%\nanswer: refuted\nsteps: @1, @2, @4",
        "answer: refuted\nsteps:\n- @1\n- @2\n- @4\nconfidence: 97%",
        "steps: @1, @2, @4; answer: refuted; confidence: 97%",
        "Steps: @1, @2, @4. Answer: refuted. Confidence: 97%.",
        "steps: @1, @2, @4 answer: refuted (confidence: 97%)",
        "steps: @1, @2, @4\nanswer: refuted with 97% confidence",
        "steps: @1, @2, @4\nRefuted (97% sure).",
        "steps: @1, @2, @4\nrefuted\n97%",
        "steps:\n1. @1\n2. @2\n3. @4\n\nanswer:\nrefuted\nconfidence:\n97%",
        "Step 1: apply @1\nStep 2: apply @2\nStep 3: apply @4\nFinal answer: refuted\nConfidence level: 97%",
        "## Steps\n@1, @2\n@4\n## Answer\nrefuted\n## Confidence\n97%",
        "steps: @1 (Ann is tall, so), @2 (hence), @4  # that is it\nanswer: refuted\nconfidence: 97%",
        "# the proof\nsteps: @1, @2, @4\n// the end\nanswer: refuted\nconfidence: 97%",
        "steps: apply(@1), apply(@2), apply(@4)\nanswer: \\boxed{refuted}\nconfidence: $97\\%$",
        "steps: (@1), (@2), (@4)\n_answer_: `refuted`\nconfidence: (97%)",
        'steps: ["@1", "@2", "@4"]\nanswer: \'refuted\'\nconfidence: "97%"',
        "steps: first @1, then @2, and then @4\nSo the answer is refuted.\nMy confidence: 97%",
        "steps: Apply @1. Apply @2. Apply @4.\nThe status of the query is refuted.\nconfidence = 0.97",
        "steps: premises @1, @2, and @4\nanswer: refuted because the query is false\nconfidence: 97 %",
        f"steps: @1, @2, @4\n{ENDS}\nreason: by @1, Ann is tall;\nso it may look unknown at first",
        f"explanation: @1 gives a, @2 gives b\nand so on\n{FULL}",
        f"{FULL}\nanswer: refuted",
        "steps - @1, @2, @4\n---\nAnswer – refuted\n---\nconfidence is 97%",
        "steps: 1. apply @1\n2. use premise @2\n3. apply @4\nanswer： refuted\nI am 97% confident.",
        "1. Apply premise @1: Ann is tall, so it goes on.\n2. Apply @2 to get more.\n3. Apply @4.\n" + ENDS,
        "steps: premise @1 (a fact), rule @2, premise@4\nI conclude that query is refuted.\nconfidence 97",
        "steps: @1, @2, @4\nThe query is thus refuted.\nprobability: 0.97 (high)",
        "steps: `@1`**@2**\n# @4\n# done\nanswer: refuted\nconfidence: 97%",
        "steps: @1, @2, @4\nanswer: status = refuted\nconfidence: PERCENT 97%",
        f"```json\n{OBJECT}\n```",
        f"So here it is:\n\n{OBJECT}",
        '{"steps": ["apply @1", "@2", "premise @4"], "status": "Refuted", "confidence": "97%"}',
        '{"Steps": [@1, @2, @4], "Answer": "refuted", "Confidence": 0.97}',
        '{"explanation": "so", "confidence": 97, "answer": "refuted", "steps": "@1, @2, @4"}',
        f"<think>```\nanswer: entailed\n```</think>{OBJECT}",
    ],
)
def test_an_answer_is_read_in_whatever_form_it_is_written(world, reply):
    assert parse(world, reply) == Reply("ok", PROOF)


@pytest.mark.parametrize(
    "reply",
    [
        f"```\n{FULL}\nI am sure.\n```",
        f"{FULL}\nbut it might be entailed",
        "steps: @1, 100\nanswer: refuted",
        f"<think>{IN_FENCE}",
        f"{FULL}\nThe query is unknown.",
        f"{FULL}\nconfidence: 50%",
        f"{ENDS}\nexplanation: hm\nentailed",
        "answer: refuted\nretract",
        "steps: @1, @2 (or @4, maybe)\nanswer: refuted",
        "steps: @1 or @2\nanswer: refuted",
        "steps: @1 @2, @4\nanswer: refuted",
        "steps: @1. apply @2, @4. apply @1",
        "apply @1 @2. apply @4",
        "steps: (apply @1) (apply @2)\nanswer: refuted",
        "steps: @1 (hence @2)\nanswer: refuted",
        "apply @1: then apply @2",
        "apply @1 to get @2",
        "steps: @1 (@2)",
        "steps: 1. apply @1, 2. apply @2",
        "steps: @1, # @2",
        "steps: @1 # @2\nanswer: refuted",
        "steps: 1. apply @1 2. apply @2",
        "1. apply @1 2. apply @2",
        "retract the query",
        "suppose @Q (or not)",
        "answer: refuted because I could not tell",
        "It is refuted.",
        "The query is refuted?",
        "answer: it is not refuted",
        '{"steps": [@1], "answer": "refuted", "status": "unknown"}',
        '{"steps": [1.5], "answer": "refuted"}',
        '{"steps": [true], "answer": "refuted"}',
        '{"steps": [[@1]], "answer": "refuted"}',
        '{"steps": {"apply": @1}, "answer": "refuted"}',
        '{"answer": false}',
        '{"answer": ["refuted"]}',
        '{"answer": "refuted", "confidence": true}',
        '{"answer": "refuted", "confidence": 5}',
        '{"answer": "refuted", "answer": "refuted"}',
        '{"answer": "refuted", "Answer": "unknown"}',
        '{"confidence": 0.5}',
        "{}",
    ],
)
def test_what_may_mean_two_things_is_refused_as_a_whole(world, reply):
    parsed = parse(world, reply)
    assert (parsed.status in ("malformed", "truncated"), parsed.actions) == (True, [])
    assert parsed.problem


# --- The grammar ------------------------------------------------------------------------------------


def said(world, literal):
    return wording.statements_of(world, "english")[literal]


@pytest.mark.parametrize(
    ("reply", "actions"),
    [
        ("steps: @3, @1, retract", [2, 0, RETRACT]),
        ("steps: @3\nSTEPS : @1; Retract.\n", [2, 0, RETRACT]),
        ("step: @3\nsteps: none", [2]),
        ("steps:\nanswer: unknown", [UNKNOWN]),
        ("steps: @2,\nanswer: Unknown.\nconfidence: 97%", [1, UNKNOWN, SURE]),
        ("- **steps:** @2\n- **answer:** `unknown`\n- confidence: 0.95", [1, UNKNOWN, SURE]),
        ("1. steps: @2\n2. answer: unknown\n3) confidence: 100 %", [1, UNKNOWN, SURE]),
        ("apply @2\nretract\napply @3; retract", [1, RETRACT, 2, RETRACT]),
        ("steps: assume @Q, @2, retract the last supposition", None),
        ("I think so.\n```\nanswer: refuted\n```\nDone.", [REFUTED]),
        ("```text\nanswer: refuted\n```", [REFUTED]),
        ("```retract\n```\n```\nsteps: @2\n```", [1]),
        ("```steps: @4```", [3]),
    ],
)
def test_a_reply_in_the_grammar_is_understood(world, reply, actions):
    if actions is None:
        [query] = wording.literals_of(world["query"])
        actions = [kernel.ASSUME + query, 1, RETRACT]
    assert parse(world, reply) == Reply("ok", actions)


def test_statements_are_understood_as_the_prompt_words_them(world):
    for literal in range(32):
        for form in ("suppose {}", "suppose that {}.", "SUPPOSE  {}", 'suppose "{}"', "suppose `{}`"):
            reply = f"steps: {form.format(said(world, literal).upper())}, retract"
            assert parse_reply(world, reply).actions == [kernel.ASSUME + literal, RETRACT]
        formal = f"steps: suppose {wording.FORMAL_STATEMENTS[literal]}"
        assert parse_reply(world, formal, "formal").actions == [kernel.ASSUME + literal]
        assert parse_reply(world, formal).status == "malformed"


def test_a_statement_that_is_not_quite_one_is_not_guessed(world):
    query = said(world, wording.literals_of(world["query"])[0])
    parsed = parse_reply(world, f"steps: suppose {query[:-1]}")
    assert parsed.status == "malformed"
    assert f"Did you mean {query!r}?" in parsed.problem
    assert "affirmed or denied, such as" in parsed.problem


HEDGES = [
    "answer: entailed or unknown",
    "answer: entailed, unknown",
    "answer: entailed/refuted",
    "answer: not entailed",
    "answer: entailed (probably)",
    "answer: yes",
    "answer: none",
    "answer:",
    "answer: entailed\nanswer: refuted",
    "answer: entailed answer: refuted",
    "answer: entailed; refuted",
    "answer: entailed\nbut it might be refuted",
    "answer: entailed\nThe query is refuted.",
    "answer: entailed because it is not refuted",
    "answer: entailed (by 3, or else unknown)",
    "answer: contradictory",
    "answer: undetermined",
    "The query is not entailed.",
    "Is it entailed?",
    "true",
    "yes",
]


@pytest.mark.parametrize("reply", HEDGES)
@pytest.mark.parametrize("language", WORDINGS)
def test_a_hedge_is_no_answer_and_earns_nothing(world, reply, language):
    assert parse_reply(world, reply, language).status == "malformed"
    front = TextFront(gym.make("EtudeLogic-v0", wording=language))
    front.reset(seed=0)
    _, reward, over, _, info = front.step(reply)
    assert (reward, over, info["actions_played"]) == (0.0, False, 0)


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ("steps: 100", "there is no premise 100; the premises are "),
        ("steps: 0", "there is no premise 0"),
        ("steps: @3\nsteq: @1", "unknown step 'steq: "),
        ("steq: @1", "not understood. Allowed: steps:, answer:, confidence:, apply, suppose, retract."),
        ("steq: @1", "Did you mean 'steps'?"),
        (
            "steps: @3, guess",
            "unknown step 'guess'. Allowed: the number of a premise, suppose STATEMENT, retract",
        ),
        ("steps: retrac", "Did you mean 'retract'?"),
        ("steps: 1-3", "unknown step '1-3'"),
        ("@3.", "not understood"),
        ("@3, @4", "not understood"),
        ("steps: @3 (maybe)", "a remark beside the steps says more, or that something is not sure"),
        ("steps: apply @3, @2. retract", "several sentences with several steps each"),
        ("retract @3", "unknown step 'retract "),
        ("apply", "unknown step 'apply'"),
        ("suppose", "unknown statement ''"),
        (
            "answer: entaild",
            "Allowed: exactly one of entailed, refuted, unknown, inconsistent, and nothing else.",
        ),
        ("answer: entaild", "Did you mean 'entailed'?"),
        ("entaild", "Did you mean 'entailed'?"),
        ("answer: unknown\nretract", "'retract' behind an answer could take it back."),
        ("answer: unknown\nanswer: refuted", "there can be only one answer."),
        ("answer: unknown\nconfidence: 0.5\nconfidence: 0.7", "there can be only one confidence."),
        ("answer:\nconfidence: 0.5", "the answer before it is empty."),
        ("answer:", "The answer is empty."),
        ("steps: @1\nconfidence: 0.5", "A confidence needs an answer."),
        ("confidence: 0.5", "A confidence needs an answer."),
        (
            "answer: unknown\nconfidence: 8",
            "'8' is no confidence. Allowed: 0% to 100%, or a number from 0 to 1.",
        ),
        ("answer: unknown\nconfidence: high", "'high' is no confidence."),
        ("answer: unknown\nconfidence: .", "'.' is no confidence."),
        ("answer: unknown\nconfidence:", "The confidence is empty."),
        ('{"answer": "unknown", "confidence": "high"}', "JSON: 'high' is no confidence."),
        ('{"answer": false}', "JSON: an answer is text, got 'False'."),
        ('{"steps": [1.5]}', "JSON: a step is a number or text, got '1.5'."),
        ("steps: " + "@1," * (MAX_STEPS + 1), f"a reply has at most {MAX_STEPS} steps."),
        ("", "The reply says nothing. Allowed: steps:, answer:, confidence:, apply, suppose, retract."),
        ("```\n\n```", "The reply says nothing."),
        ("explanation: none", "The reply says nothing."),
        ("answer: unknown\n```\nhello there\n```", "Line 2, 'hello there': not understood."),
        ("retract;" * 30_000, "A reply has at most 200,000 characters, got 240,000."),
        ("\ud800 \x00", "not understood"),
    ],
)
def test_one_thing_that_is_not_understood_makes_the_whole_reply_malformed(world, reply, problem):
    parsed = parse(world, reply)
    assert (parsed.status, parsed.actions) == ("malformed", [])
    assert problem in parsed.problem


@pytest.mark.parametrize("reply", [None, b"retract", 3])
def test_what_is_no_text_is_malformed(world, reply):
    assert parse_reply(world, reply).problem == f"A reply is text (str), got {type(reply).__name__}."


@pytest.mark.parametrize(
    ("said", "share"),
    [
        *(
            ("97%", 0.97),
            ("0.97", 0.97),
            (".97", 0.97),
            ("97", 0.97),
            ("97.5%", 0.975),
            ("0%", 0.0),
            ("1", 1.0),
        ),
        *(
            ("0", 0.0),
            ("100", 1.0),
            ("11", 0.11),
            ("1%", 0.01),
            ("0,85", 0.85),
            ("85/100", 0.85),
            ("8/10", 0.8),
        ),
        *(("85 out of 100", 0.85), ("~85%", 0.85), ("about 85 percent", 0.85), ("85 per cent", 0.85)),
        *(("approx. 0.85", 0.85), ("high (85%)", 0.85), ("Very high, 97%", 0.97), ("85% sure.", 0.85)),
        *(("(85%)", 0.85), ('"85%"', 0.85), ("1.0", 1.0)),
        *(
            (said, None)
            for said in ("high", "very high", "certain", "", ".", "%", "x", "101%", "-5%", "-0.5")
        ),
        *(
            (said, None)
            for said in ("1.5", "2", "10", "101", "9/8", "85/0", "85/", "80-90%", "> 80%", "80%+")
        ),
        *(
            (said, None)
            for said in ("50% or 70%", "0.5 0.7", "85%%", "1e-1", "nan", "inf", "85,97", "\u0668\u0665%")
        ),
    ],
)
def test_a_confidence_is_a_number_and_no_word(said, share):
    assert share_in(said) == (None if share is None else pytest.approx(share))


def test_only_a_reply_that_was_cut_needs_an_end(world):
    for reply in ("```\nsteps: retract\nanswer: entailed", "answer: entailed"):
        assert parse_reply(world, reply).status == "ok"
        assert parse_reply(world, reply, cut=True) == Reply(
            "truncated", [], parse_reply(world, reply, cut=True).problem
        )
    assert parse_reply(world, "```\nretract\n```\nthen\n```text\nanswer: entai").status == "malformed"


def test_the_prompt_itself_is_no_reply():
    for language in WORDINGS:
        for task in draw_tasks(make_domain("EtudeLogic-v0", wording=language), "practice", 40, seed=0):
            assert parse_reply(task.worlds[0], task.prompt, language).status == "malformed"


def test_without_a_confidence_the_prompt_asks_for_it_and_for_nothing_else():
    front = TextFront(gym.make("EtudeLogic-v0", family="cases"))
    front.reset(seed=3)
    prompt, _, over, _, _ = front.step("answer: unknown")
    assert not over
    assert "- your answer is given and final: unknown" in prompt
    assert '- reply with the line "confidence: PERCENT" alone' in prompt
    for reply in ("answer: entailed", "answer: unknown", "steps: 1", "retract", "steps: 1\nconfidence: 50%"):
        prompt, _, over, _, info = front.step(reply)
        assert (info["status"], over) == ("malformed", False)
        assert "only its confidence is asked for" in info["problem"]
    _, reward, over, _, info = front.step("confidence: 50%")
    assert (reward, over, info["confidence"]) == (0.0, True, 0.5)


LONG = 60_000
"""Long enough for anything that takes quadratic time to be noticed."""
HOSTILE = {
    **{
        f"{scrap!r} again and again": scrap * (LONG // len(scrap))
        for scrap in ("9", "- ", "1. ", "# ", "|", "the ")
    },
    **{
        f"{start!r} and {scrap!r} again and again": start + scrap * (LONG // len(scrap))
        for start in (
            "steps: ",
            "answer: ",
            "confidence: ",
            "suppose ",
            "apply 1: ",
            "explanation: ",
            "{",
            '{"steps": [',
        )
        for scrap in (
            "(",
            "(a",
            "a",
            "a ",
            "1 ",
            "[",
            ",",
            ". apply",
            "and ",
            "\\text{",
            "`1",
            "# ",
            "steps: ",
            "\n- ",
        )
    },
    "an open bracket": "steps: x (" + "a" * LONG,
    "a closed bracket": "steps: x (" + "a" * LONG + ")",
    "an answer with a long tail": "answer: refuted because " + "a " * (LONG // 2),
}


@pytest.mark.parametrize("reply", HOSTILE.values(), ids=HOSTILE)
def test_the_longest_junk_is_answered_at_once(world, reply):
    assert parse_reply(world, reply).actions == []


COMMANDS = (
    "steps:",
    "answer:",
    "confidence:",
    "suppose",
    "retract",
    "apply",
    "3",
    "unknown",
    "85%",
)
MARKS = ("```", "\n", "\n", ",", ";", ":", "- ", "1. ", "`", "**", ".", "\u2028", "é", "\x00", "²", "p3", "~")


@given(
    st.one_of(
        st.text(st.characters(exclude_categories=())),
        st.lists(st.sampled_from(COMMANDS + MARKS)).map(" ".join),
    )
)
@settings(max_examples=400, deadline=None)
def test_no_reply_makes_the_parser_raise_and_no_answer_is_guessed(world, reply):
    parsed = parse_reply(world, reply)
    assert parsed.status in ("ok", "malformed", "truncated")
    assert (parsed.status == "ok") == bool(parsed.actions) == (not parsed.problem)
    assert all(0 <= action < kernel.NUM_ACTIONS for action in parsed.actions)
    assert len(parsed.actions) <= MAX_REPLY_ACTIONS
    assert parsed.problem.isascii()
    answers = [action for action in parsed.actions if kernel.ANSWER <= action < kernel.CONFIDE]
    assert len(answers) <= 1
    if answers:
        assert text.STATUS_NAMES[answers[0] - kernel.ANSWER] in reply.casefold()


# --- JSON --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", WORDINGS)
def test_references_in_json_fit_the_schema_and_mean_the_same(language):
    domain = make_domain("EtudeLogic-v0", wording=language)
    for task in draw_tasks(domain, "practice", 40, seed=1):
        schema = task.reply_schema()
        steps, answer, _ = (line.split(": ", 1)[1] for line in task.reference().split("\n")[1:-1])
        listed = [int(step) if step.isdecimal() else step for step in steps.split(", ")]
        said = {"steps": listed, "answer": answer, "confidence": 0.97}
        jsonschema.validate(said, schema)
        for field in FIELDS:
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate({key: value for key, value in said.items() if key != field}, schema)
        assert parse_reply(task.worlds[0], json.dumps(said), language) == parse_reply(
            task.worlds[0], task.reference(), language
        )
        task.reply(json.dumps({"answer": answer}))
        assert list(task.reply_schema()["properties"]) == ["confidence"]
        task.reply(json.dumps({"confidence": 0.5}))
        assert (task.over, task.outcome()["confidence"]) == (True, 0.5)


# --- Mutated replies ---------------------------------------------------------------------------------

SCRAPS = (
    *("\n", "```", "```\n", " ", ",", ": ", "or ", "not ", "maybe ", "steps: ", "answer: ", "confidence: "),
    *(
        "explanation: ",
        "retract",
        "suppose ",
        "apply ",
        "{",
        "}",
        '"',
        "<think>",
        "</think>",
        "50%",
        "1",
        "\x00",
    ),
    *(f"{status} " for status in text.STATUS_NAMES),
    *("The query is unknown.", "false", "true", "(", ")", "# ", "- ", "3. "),
)


def mutated(rng, reply):
    """A reply with one to three changes: words left out, doubled, moved, or scraps put in."""
    words = re.split(r"(\s+|(?=[,:]))", reply)
    for _ in range(rng.randint(1, 3)):
        start = rng.randrange(len(words) + 1)
        end = start + rng.choice((1, 2, 8))
        match rng.randrange(4):
            case 0:
                words[start:end] = []
            case 1:
                words[end:end] = words[start:end]
            case 2:
                words = words[:start] + words[end:] + words[start:end]
            case _:
                words.insert(start, rng.choice(SCRAPS))
    return "".join(words)


def fuzz(count):
    """Parse mutated replies, and each that was read once more with another answer before or behind it.

    Returns:
        How many replies were read, and how many of those twice.
    """
    rng = random.Random(0)
    tasks = draw_tasks("EtudeLogic-v0", "practice", 20, seed=2)
    read = contradicted = 0
    for number in range(count):
        task = tasks[number % len(tasks)]
        world, reference = task.worlds[0], task.reference()
        reply = mutated(
            rng, rng.choice([reference, reference.replace("```", ""), ENDS, OBJECT.replace("@1, @2, @4", "")])
        )
        parsed = parse_reply(world, reply)
        assert (parsed.status == "ok") == bool(parsed.actions) == (not parsed.problem)
        answers = [action for action in parsed.actions if kernel.ANSWER <= action < kernel.CONFIDE]
        levels = [action for action in parsed.actions if action >= kernel.CONFIDE]
        assert parsed.actions[len(parsed.actions) - len(answers) - len(levels) :] == answers + levels
        assert len(levels) <= len(answers) <= 1
        read += bool(parsed.actions)
        if answers and not re.search("think>|```|{", reply):
            other = text.STATUS_NAMES[(answers[0] - kernel.ANSWER + rng.randint(1, 3)) % kernel.NUM_STATUSES]
            for said in (
                f"{reply}\nanswer: {other}",
                f"answer: {other}\n{reply}",
                f"{reply}\nThe query is {other}.",
            ):
                assert parse_reply(world, said).actions == [], said
            contradicted += 1
    return read, contradicted


def test_mutated_replies_never_raise_and_none_that_contradicts_itself_is_played():
    assert min(fuzz(300)) > 20


@pytest.mark.slow
def test_ten_thousand_mutated_replies_never_raise_and_none_that_contradicts_itself_is_played():
    assert min(fuzz(10_000)) > 700
