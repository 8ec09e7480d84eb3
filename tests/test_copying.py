"""Copying does not pay: the reply to another task earns next to nothing, and no text recurs."""

from __future__ import annotations

import pytest

from etude_gym.environment.registration import make_domain
from etude_gym.measure.copying import CopiedReplies, copied_replies
from etude_gym.text import TextTask, draw_tasks

EASIEST, ANY = 0.0, None
FAMILIES = [
    (env_id, family)
    for env_id in ("EtudePlan-v0", "EtudeLogic-v0", "EtudeCode-v0", "EtudeCreative-v0")
    for family in make_domain(env_id).space.families
]


def draw(env_id, family, level, count, split="practice"):
    names = make_domain(env_id).space.names
    pinned = None if level is None else dict.fromkeys(names, level)
    return draw_tasks(env_id, split, count, seed=0, difficulty=pinned, family=family)


def test_the_reply_to_the_same_task_earns_everything():
    [task] = draw("EtudePlan-v0", "delivery", EASIEST, 1)
    assert copied_replies([task, task]) == CopiedReplies(1.0, 1.0)


def test_measuring_leaves_tasks_as_they_are():
    tasks = draw("EtudePlan-v0", "delivery", EASIEST, 2)
    before = [task.prompt for task in tasks]
    copied_replies(tasks)
    assert [(task.prompt, task.replies) for task in tasks] == [(prompt, []) for prompt in before]


def test_one_task_alone_has_no_copies():
    with pytest.raises(ValueError, match="at least two tasks, got 1"):
        copied_replies(
            [TextTask("EtudePlan-v0", 0, dict.fromkeys(make_domain("EtudePlan-v0").space.names, 0.5))]
        )


@pytest.mark.parametrize("level", [EASIEST, ANY])
@pytest.mark.parametrize(("env_id", "family"), FAMILIES)
def test_a_copied_reply_earns_next_to_nothing(env_id, family, level):
    measured = copied_replies(draw(env_id, family, level, 24))
    assert measured.copied <= 0.05
    assert measured.best_constant <= 0.05


@pytest.mark.parametrize(("env_id", "family"), FAMILIES)
def test_no_text_of_the_easiest_tasks_recurs_and_none_that_is_practiced_is_probed(env_id, family):
    practiced = {task.prompt for task in draw(env_id, family, EASIEST, 200)}
    probed = {task.prompt for task in draw(env_id, family, EASIEST, 200, "probe")}
    assert (len(practiced), len(probed)) == (200, 200)
    assert practiced.isdisjoint(probed)
