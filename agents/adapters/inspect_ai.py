"""Inspect (https://inspect.aisi.org.uk): ``inspect eval etude_gym/plan``.

Inspect reads all samples before the first reply: tasks are drawn uniformly, and scores reach no task sampler.
"""

from __future__ import annotations

from typing import Any

from etude_gym.agents.adapters.source import TaskSource
from etude_gym.errors import MissingExtra
from etude_gym.text import TextTask

try:
    from inspect_ai import Task, task
    from inspect_ai.dataset import Sample
    from inspect_ai.model import ChatMessageSystem, ChatMessageUser
    from inspect_ai.scorer import Score, Scorer, Target, mean, scorer, stderr
    from inspect_ai.solver import Generate, Solver, TaskState, solver
except ModuleNotFoundError as error:
    raise MissingExtra("Evaluation with Inspect", "inspect") from error

CUT = ("max_tokens", "model_length")
"""Reasons of Inspect for an answer that a limit of length stopped."""


@task
def plan(n: int = 100, seed: int = 0, turns: int = 8) -> Task:
    """Planning with resources, deadlines and events: deliver what is asked for.

    Args:
        n: number of tasks.
        seed: which tasks.
        turns: replies that the model has for each.
    """
    return _task("EtudePlan-v0", n, seed, turns)


@task
def logic(n: int = 100, seed: int = 0, turns: int = 8) -> Task:
    """Proofs and refutations of claims, as a list of steps.

    Args:
        n: number of tasks.
        seed: which tasks.
        turns: replies that the model has for each.
    """
    return _task("EtudeLogic-v0", n, seed, turns)


@task
def code(n: int = 100, seed: int = 0, turns: int = 8) -> Task:
    """Programs to write, to repair, and to rebuild.

    Args:
        n: number of tasks.
        seed: which tasks.
        turns: replies that the model has for each.
    """
    return _task("EtudeCode-v0", n, seed, turns)


def _task(env_id: str, n: int, seed: int, turns: int) -> Task:
    source = TaskSource(env_id, split="probe", seed=seed)
    samples = [_sample(env_id, source.draw()) for _ in range(n)]
    return Task(samples, solver=play(turns), scorer=score())


def _sample(env_id: str, drawn: TextTask) -> Sample:
    parts = drawn.parts
    return Sample(
        [ChatMessageSystem(content=parts.system), ChatMessageUser(content=parts.task)],
        id=f"{drawn.key:016x}",
        metadata={"env_id": env_id, "family": drawn.family, "difficulty": drawn.difficulty},
    )


def task_of(sample_id: str, metadata: dict[str, Any]) -> TextTask:
    """The task of a sample.

    Args:
        sample_id: of the sample.
        metadata: of the sample.
    """
    return TextTask(metadata["env_id"], int(sample_id, 16), metadata["difficulty"], metadata["family"])


@solver
def play(turns: int) -> Solver:
    """Let the model reply until its task is over, or its turns are.

    Args:
        turns: replies that it has.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        drawn = task_of(str(state.sample_id), state.metadata)
        for _ in range(turns):
            state = await generate(state)
            drawn.reply(state.output.completion, cut=state.output.stop_reason in CUT)
            if drawn.over:
                break
            state.messages.append(ChatMessageUser(content=drawn.parts.task))
        state.store.set("outcome", drawn.outcome())
        return state

    return solve


@scorer(metrics=[mean(), stderr()])
def score() -> Scorer:
    """The score that the task has, in [0, 1]; a reply that could not be graded is no score."""

    async def grade(state: TaskState, target: Target) -> Score | None:
        outcome = state.store.get("outcome")
        if not outcome["graded"]:
            return None
        explanation = f"{outcome['status']}. {outcome['problem']}".strip()
        return Score(value=float(outcome["score"]), answer=state.output.completion, explanation=explanation)

    return grade
