"""MyDomain-v0: the promises of every domain, and the rules of this one."""

import pytest
from my_domain.safe import Safe

from etude_gym.conformance import CHECKS, run_check, size_for
from etude_gym.environment.text_task import draw_tasks

ENV_ID = "my_domain:MyDomain-v0"


@pytest.mark.parametrize("name", CHECKS)
def test_the_domain_keeps_its_promises(name):
    result = run_check(ENV_ID, name, size_for(400))
    assert result.passed, result.detail


def test_a_code_is_turned_and_entered_from_its_end():
    safe = Safe([8, 1, 9], turn=3, backward=True)
    scores = []
    for digit in (2, 4, 1):
        assert safe.action_mask()[digit]
        safe.act(digit)
        scores.append(safe.score)
    assert scores == [1 / 3, 2 / 3, 1.0]
    assert safe.over


def test_a_wrong_digit_ends_the_episode_and_keeps_the_score():
    safe = Safe([4, 7], turn=0, backward=False)
    safe.act(4)
    safe.act(8)
    assert (safe.score, safe.over, safe.solved) == (0.5, True, False)


def test_a_reply_that_makes_no_sense_is_told_what_does():
    (task,) = draw_tasks(ENV_ID, "practice", 1, seed=0)
    task.reply("Let me think about it.")
    assert "'enter 7'" in task.problem
