"""What a language model remembers of its practice, and how it is shown."""

from __future__ import annotations

import json
import math

import pytest

from etude_gym.agents.llm.memory import CHARACTERS_PER_TOKEN, Memory, failure_of
from etude_gym.runs.records import pack, unpack
from etude_gym.tasks.prompts import Prompt
from etude_gym.text import TextTask, draw_tasks

PARTS = Prompt("The rules.", "The format.", "The task.")
ROOM = math.inf


def memory_of(number, examples=8, **options):
    """A memory of so many solved tasks of the family "a"."""
    memory = Memory(examples, **options)
    for i in range(number):
        memory.add("a", f"task {i}", f"solution {i}", "")
    return memory


def shown(messages):
    """Numbers of the solutions in messages."""
    return [int(m["content"].split()[-1]) for m in messages if m["role"] == "assistant"]


def length(messages):
    return sum(len(message["content"]) for message in messages)


def test_worked_solutions_stand_as_turns_before_the_task_in_the_order_of_practice():
    assert memory_of(2).messages("a", PARTS, ROOM) == (
        {"role": "system", "content": "The rules.\n\nThe format.\n"},
        {"role": "user", "content": "task 0"},
        {"role": "assistant", "content": "solution 0"},
        {"role": "user", "content": "task 1"},
        {"role": "assistant", "content": "solution 1"},
        {"role": "user", "content": "The task."},
    )


def test_a_model_without_a_system_role_reads_rules_and_format_in_the_first_message():
    assert memory_of(0, rules="message").messages("a", PARTS, ROOM) == (
        {"role": "user", "content": "The rules.\n\nThe format.\n\nThe task."},
    )
    first, *others = memory_of(2, rules="message").messages("a", PARTS, ROOM)
    assert first == {"role": "user", "content": "The rules.\n\nThe format.\n\ntask 0"}
    assert others == list(memory_of(2).messages("a", PARTS, ROOM)[2:])
    assert [message["role"] for message in (first, *others)] == ["user", "assistant"] * 2 + ["user"]


def test_the_latest_solutions_of_the_family_are_shown_up_to_the_limit():
    memory = memory_of(5, examples=3)
    memory.add("b", "task 9", "solution 9", "")
    assert shown(memory.messages("a", PARTS, ROOM)) == [2, 3, 4]
    assert shown(memory.messages("b", PARTS, ROOM)) == [9]
    assert shown(memory.messages("c", PARTS, ROOM)) == []
    assert [memory.shown(family) for family in "abc"] == [3, 1, 0]


def test_a_task_that_is_practiced_again_is_shown_once_as_the_latest():
    memory = memory_of(3)
    memory.add("a", "task 0", "solution 0", "")
    assert shown(memory.messages("a", PARTS, ROOM)) == [1, 2, 0]


def test_failures_are_one_remark_after_the_task_and_no_reply_of_the_model_is_shown():
    memory = memory_of(3)
    memory.add("a", "task 3", "solution 3", "the reply was malformed")
    memory.add("a", "task 4", "solution 4", "the reply was truncated")
    memory.add("a", "task 5", "solution 5", "the reply was malformed")
    messages = memory.messages("a", PARTS, ROOM)
    assert messages[-1]["content"] == (
        "The task.\n\nOf your 6 earlier attempts at such tasks 3 fell short; the most frequent cause (2 "
        "times): the reply was malformed. The solutions above are right."
    )
    assert "fell short" not in memory.messages("b", PARTS, ROOM)[-1]["content"]
    assert messages[:-1] == memory_of(6).messages("a", PARTS, ROOM)[:-1]


@pytest.mark.parametrize("tokens", [0, 1, 20, 40, 60, 100, 1000])
def test_the_oldest_solutions_are_left_out_where_room_is_short(tokens):
    memory = memory_of(6)
    memory.add("a", "task 6", "solution 6", "the reply was malformed")
    messages = memory.messages("a", PARTS, tokens)
    numbers = shown(messages)
    assert numbers == list(range(7 - len(numbers), 7))
    room = tokens * CHARACTERS_PER_TOKEN
    if numbers:
        assert length(messages) <= room
    else:
        assert messages[-1]["content"] == "The task."  # no remark that points at solutions that are not there
    everything = length(memory.messages("a", PARTS, ROOM))
    assert (len(numbers) == 7) == (everything <= room)


def test_a_long_solution_that_does_not_fit_hides_those_before_it():
    memory = memory_of(2)
    memory.add("a", "task 2", "long " * 100 + "2", "")
    memory.add("a", "task 3", "solution 3", "")
    assert shown(memory.messages("a", PARTS, 60)) == [3]


def test_shrinking_halves_what_is_shown_until_nothing_is():
    memory = memory_of(8)
    numbers = []
    while memory.shrink():
        numbers.append(len(shown(memory.messages("a", PARTS, ROOM))))
    assert numbers == [4, 2, 1, 0]
    assert not memory.shrink()
    assert memory.messages("a", PARTS, ROOM) == memory_of(0).messages("a", PARTS, ROOM)


def test_a_memory_comes_back_from_its_state_and_goes_on_as_the_one_that_was_saved():
    memory = memory_of(5)
    memory.add("b", "task 9", "solution 9", "the reply was malformed")
    memory.shrink()
    state = memory.state_dict()
    for stored in (json.loads(json.dumps(state)), unpack(pack(state))):
        again = Memory(8)
        again.load_state_dict(stored)
        assert again.state_dict() == state
        for each in (memory, again):
            each.add("b", "task 9", "solution 9", "the reply was truncated")
            each.add("a", "task 0", "solution 0", "")
        for family in "abc":
            assert again.messages(family, PARTS, ROOM) == memory.messages(family, PARTS, ROOM)
        memory.load_state_dict(state)


def test_a_state_does_not_change_with_the_memory_that_it_was_taken_from():
    memory = memory_of(2)
    state = memory.state_dict()
    before = json.dumps(state)
    memory.add("a", "task 7", "solution 7", "the reply was malformed")
    assert json.dumps(state) == before


@pytest.mark.parametrize("env_id", ["EtudePlan-v0", "EtudeLogic-v0"])
def test_prompts_of_a_family_begin_with_the_same_bytes_and_end_with_the_task(env_id):
    memory = Memory(4)
    tasks = draw_tasks(env_id, "practice", 12, seed=0)
    begins = {}
    for task in tasks:
        messages = memory.messages(task.family, task.parts, ROOM)
        begins.setdefault(task.family, set()).add(messages[0]["content"].encode())
        assert messages[0]["role"] == "system"
        assert messages[-1]["content"].startswith(task.parts.task)
        memory.add(task.family, task.parts.task, task.reference(), "the reply was malformed")
    assert {len(texts) for texts in begins.values()} == {1}


def test_what_became_of_an_attempt_is_told_in_a_few_words():
    [task] = draw_tasks("EtudePlan-v0", "practice", 1, seed=0)
    solved = TextTask.replay(task, [])
    while not solved.over:
        solved.reply(solved.reference())
    assert failure_of(solved.outcome()) == ""
    assert failure_of(TextTask.replay(task, ["what?"]).outcome()) == "the reply was malformed"
    assert failure_of(TextTask.replay(task, [("```\ngo", True)]).outcome()) == "the reply was truncated"
    idle = TextTask.replay(task, ["```\ngo Depot\n```"]).outcome()
    assert failure_of(idle) == "the reply was played, and not all of the task was done"
