"""Checks of the text interface as a language model meets it: what prompts share, worked solutions, copies."""

from __future__ import annotations

from etude_gym.conformance.common import Size, Skipped, expect
from etude_gym.environment.registration import make_domain
from etude_gym.environment.text_task import TextTask, draw_tasks
from etude_gym.measure.copying import copied_replies

MAX_TURNS = 50
MAX_COPIED = 0.05
"""What the worked solution of one task may earn on another, on average."""


def prompts_share_rules(env_id: str, size: Size) -> str:
    """Rules and format of a prompt are the same throughout a family, and repeating them earns nothing."""
    drawn = 0
    for family in _families(env_id):
        tasks = _draw(env_id, family, _count(size))
        for task in tasks:
            expect(
                task.parts.system == tasks[0].parts.system,
                f"Rules or format of {_name(task)} differ from those of {_name(tasks[0])}; what varies "
                "belongs into the task's part of the prompt.",
            )
            for echo in (task.parts.format, task.prompt):
                score = TextTask.replay(task, [echo]).outcome()["score"]
                expect(score == 0.0, f"Repeating the prompt earns {score} on {_name(task)}.")
        drawn += len(tasks)
    return f"{drawn} tasks"


def worked_solutions(env_id: str, size: Size) -> str:
    """The worked solution, given as a reply and asked for again while the task goes on, earns everything."""
    turns = []
    for family in _families(env_id):
        for task in _draw(env_id, family, _count(size)):
            while not task.over and len(task.replies) < MAX_TURNS:
                task.reply(task.reference())
            score = task.outcome()["score"]
            expect(score == 1.0, f"The worked solution earns {score} on {_name(task)}. {task.problem}")
            turns.append(len(task.replies))
    return f"{len(turns)} tasks in up to {max(turns)} turns"


def copies_earn_nothing(env_id: str, size: Size) -> str:
    """The worked solution of another task earns next to nothing, where tasks are easiest and everywhere."""
    highest = 0.0
    for family in _families(env_id):
        for level in (0.0, None):
            tasks = _draw(env_id, family, min(_count(size), 64), level)
            copied = copied_replies(tasks).copied
            where = "of any difficulty" if level is None else "of the least difficulty"
            expect(
                copied <= MAX_COPIED,
                f"Copied replies earn {copied:.3f} on tasks {where} in the family {family!r}; at most "
                f"{MAX_COPIED} is wanted. Let more vary: names, numbers, labels.",
            )
            highest = max(highest, copied)
    return f"at most {highest:.4f}"


def _count(size: Size) -> int:
    return max(size.tasks // 40, 8)


def _families(env_id: str) -> tuple[str, ...]:
    return make_domain(env_id).space.families


def _draw(env_id: str, family: str, count: int, level: float | None = None) -> list[TextTask]:
    names = make_domain(env_id).space.names
    pinned = None if level is None else dict.fromkeys(names, level)
    tasks = draw_tasks(env_id, "practice", count, seed=0, difficulty=pinned, family=family)
    try:
        _ = tasks[0].parts
    except NotImplementedError:
        raise Skipped("the domain has no text interface") from None
    return tasks


def _name(task: TextTask) -> str:
    return f"the task with key {task.key}, difficulty {task.difficulty}, family {task.family!r}"
