"""Episodes to look at: an agent plays one task, state by state; anchor tasks that were not solved, again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from etude_gym.difficulty.bands import difficulty_in_band
from etude_gym.environment.text_task import TextTask
from etude_gym.measure.agent import Agent, choose
from etude_gym.measure.answers import DIGITS, Answers
from etude_gym.measure.curves import SCORE_TOLERANCE
from etude_gym.measure.rollout import begin
from etude_gym.tasks.domain import Domain, Worlds
from etude_gym.tasks.keys import TaskBatch


@dataclass(frozen=True)
class Scene:
    """A state of an episode, and the action that led to it.

    Attributes:
        worlds: array (1,): the state, until the next scene is asked for.
        step: actions taken so far.
        action: the last one in words; empty before the first.
        legal: whether it was legal.
        reward: that it brought.
        over: whether the episode has ended.
    """

    worlds: Worlds
    step: int
    action: str
    legal: bool
    reward: float
    over: bool


def scenes(domain: Domain, task: TaskBatch, agent: Agent) -> Iterator[Scene]:
    """Let an agent play a task.

    Args:
        domain: the domain of the task.
        task: one task.
        agent: plays it.

    Yields:
        The states from the first to the last, at least two.
    """
    at, active = begin(domain, task), np.ones(1, dtype=np.bool_)
    rewards, ends, step = np.zeros(1), np.zeros(1, dtype=np.bool_), 0
    yield Scene(at.worlds, step, "", True, 0.0, False)
    while not ends[0]:
        actions = np.asarray(choose(agent, at.worlds, at.observations, at.masks), dtype=np.int64)
        action = int(actions[0])
        inside = 0 <= action < at.masks.shape[1]
        legal = inside and bool(at.masks[0, action])
        name = domain.action_name(at.worlds, 0, action) if inside else str(action)
        domain.step(at.worlds, actions, active, at.observations, at.masks, rewards, ends)
        step += 1
        yield Scene(at.worlds, step, name, legal, float(rewards[0]), bool(ends[0]))


@dataclass(frozen=True)
class Turn:
    """A prompt and the reply to it.

    Attributes:
        rules: of the task and of the format, the same at every turn.
        prompt: the task's part of the prompt, with what became of the last reply.
        reply: the reply.
        status: what became of this one.
        problem: what was wrong with it; empty when nothing was.
    """

    rules: str
    prompt: str
    reply: str
    status: str
    problem: str


def turns(task: TextTask) -> Iterator[Turn]:
    """The turns of a task that was played, again from its beginning.

    Args:
        task: with its replies; not changed.

    Yields:
        One turn for each reply.
    """
    again = TextTask.replay(task, ())
    for reply, cut in task.replies:
        parts = again.parts
        again.reply(reply, cut=cut)
        yield Turn(f"{parts.rules}\n\n{parts.format}", parts.task, reply, str(again.status), again.problem)


@dataclass(frozen=True, eq=False)
class FailedTasks:
    """Anchor tasks that were not solved, the worst first.

    Attributes:
        tasks: n of them.
        scores: the scores that they had, float64 (n,).
        statuses: what became of the last reply to each.
        total: tasks of the evaluation that count.
    """

    tasks: TaskBatch
    scores: np.ndarray[tuple[int], np.dtype[np.float64]]
    statuses: tuple[str, ...]
    total: int


def failed_tasks(domain: Domain, answers: Answers, family: str | None = None) -> FailedTasks:
    """The anchor tasks of an evaluation that earned less than everything, made again from their keys.

    They come by score, the lowest first, and by mean difficulty, the easiest first: what fails on an easy
    task is worse.

    Args:
        domain: the domain of the tasks.
        answers: of the evaluation.
        family: only those of this one.

    Raises:
        ValueError: for a family that does not exist, or answers to tasks that this version draws differently.
    """
    space = domain.space
    drawn = np.empty_like(answers.difficulties)
    for kind, band in {*zip(answers.families.tolist(), answers.bands.tolist(), strict=True)}:
        rows = (answers.families == kind) & (answers.bands == band)
        drawn[rows] = difficulty_in_band(space, answers.keys[rows], kind, band)
    if not np.allclose(drawn, answers.difficulties, rtol=0.0, atol=10.0**-DIGITS):
        raise ValueError(
            f"This version of {domain.name} draws other difficulties for these task keys than the one that "
            "wrote the answers: the tasks cannot be made again."
        )
    wanted = answers.counted.copy()
    if family is not None:
        wanted &= answers.families == space.parse_family(family)
    failed = np.flatnonzero(wanted & (answers.scores < 1.0 - SCORE_TOLERANCE))
    order = failed[np.lexsort((drawn[failed].mean(axis=1), answers.scores[failed]))]
    return FailedTasks(
        TaskBatch(answers.keys[order], drawn[order], answers.families[order]),
        answers.scores[order],
        tuple(answers.statuses[row] for row in order.tolist()),
        int(wanted.sum()),
    )
