"""What an evaluation will cost, found by a short trial in every domain before it starts."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from etude_gym.environment.registration import make_domain
from etude_gym.environment.text_task import text_tasks
from etude_gym.measure.anchors import score_anchors, stratified_tasks
from etude_gym.runs.agents import load_agent_class
from etude_gym.runs.config import RunConfig
from etude_gym.runs.evaluation_plan import Part, Plan
from etude_gym.runs.folder import Run, read_json, write_json
from etude_gym.runs.practice_run import PracticeRun, one_thread
from etude_gym.runs.workers import Job, carry_out

TRIAL_SECONDS = 2.0
"""CPU seconds of practice that a trial takes, at least, besides what compiles first."""
LONG_ITERATION = 10.0
"""CPU seconds of a first iteration after which there is no second one."""
TRIAL_ITEMS = 10
"""Anchor tasks per family that a trial of a learner that acts answers."""
START_SECONDS = 6.0
"""Seconds in which the workers of a domain start."""
CHARACTERS_PER_TOKEN = 4.0
SAMPLED_TASKS = 4
"""Tasks per cell whose prompts are measured."""


@dataclass(frozen=True)
class Cost:
    """What one run costs; 0 for what it does not use.

    Attributes:
        cpu_seconds: of this machine.
        tokens_in: of a language model, at least.
        tokens_out: of a language model, at least.
        most_tokens_in: with a memory that is full of worked solutions.
    """

    cpu_seconds: float = 0.0
    tokens_in: float = 0.0
    tokens_out: float = 0.0
    most_tokens_in: float = 0.0


@dataclass(frozen=True)
class Estimate:
    """What an evaluation costs.

    Attributes:
        runs: what a run costs, by domain.
        counts: number of runs, by domain.
    """

    runs: Mapping[str, Cost]
    counts: Mapping[str, int]

    def total(self, unit: str) -> float:
        """Over all runs.

        Args:
            unit: name of a field of ``Cost``.
        """
        return sum(self.counts[name] * float(getattr(cost, unit)) for name, cost in self.runs.items())

    def seconds(self, workers: int) -> float:
        """How long it takes on this machine, 0 where that depends on an endpoint.

        Args:
            workers: runs side by side.
        """
        taken = self.total("cpu_seconds") / workers
        return taken + START_SECONDS * len(self.runs) if taken else 0.0

    def money(self, price: Sequence[float]) -> tuple[float, float]:
        """What language models cost: from, to.

        Args:
            price: of a million tokens in and out.
        """
        out = self.total("tokens_out") * price[1]
        return tuple(  # type: ignore[return-value]
            (self.total(unit) * price[0] + out) / 1e6 for unit in ("tokens_in", "most_tokens_in")
        )


def estimate(plan: Plan, workers: int | None = None) -> Estimate:
    """What an evaluation will cost on this machine, or at an endpoint.

    Args:
        plan: of the evaluation.
        workers: trials side by side; None for one for each core.

    Raises:
        RuntimeError: if the learner fails in a trial, saying where and why.
    """
    costs = (
        {part.name: _tokens(part) for part in plan.parts}
        if plan.remote
        else _trials(plan.parts, workers or os.cpu_count() or 1)
    )
    return Estimate(costs, {part.name: part.runs for part in plan.parts})


def _trials(parts: Sequence[Part], workers: int) -> dict[str, Cost]:
    with TemporaryDirectory() as folder:
        results = {part.name: Path(folder) / f"{part.name}.json" for part in parts}
        jobs = {part.name: Job(trial, (part.layout.config, results[part.name])) for part in parts}
        failures = carry_out(jobs, Path(folder) / "stop", min(workers, len(parts)))
        if failures:
            raise RuntimeError("The learner fails in a first trial.\n" + "\n".join(failures))
        if not all(path.exists() for path in results.values()):
            raise KeyboardInterrupt
        measured = {name: read_json(path) for name, path in results.items()}
    return {
        part.name: Cost(
            measured[part.name]["per_compute"] * part.layout.config.horizon
            + measured[part.name]["per_task"] * part.evaluated
        )
        for part in parts
    }


def trial(config: RunConfig, path: Path, should_stop: Callable[[], bool] = lambda: False) -> bool:
    """Practice and evaluate for a moment, and write what they cost.

    Args:
        config: of a run.
        path: of the file that is written: CPU seconds "per_compute" of practice, "per_task" of evaluation.
        should_stop: asked after every iteration.

    Returns:
        Whether the file is written.
    """
    load_agent_class(config.agent)
    with (
        TemporaryDirectory() as folder,
        one_thread(),
        closing(PracticeRun(Run(Path(folder)), config, salt=0)) as practice,
    ):
        per_compute = _practice_seconds(practice, should_stop)
        if should_stop():
            return False
        write_json(path, {"per_compute": per_compute, "per_task": _evaluation_seconds(practice)})
    return True


def _practice_seconds(practice: PracticeRun, should_stop: Callable[[], bool]) -> float:
    """CPU seconds that a unit of compute takes, in the fastest iteration: what compiles only adds.

    The first iteration counts if it is the only one.
    """
    costs: list[tuple[float, float]] = []
    while not costs or sum(seconds for seconds, _ in costs[1:]) < TRIAL_SECONDS:
        cpu, compute = time.process_time(), practice.compute
        practice.practice()
        costs.append((time.process_time() - cpu, practice.compute - compute))
        if should_stop() or practice.compute >= practice.config.horizon or costs[0][0] > LONG_ITERATION:
            break
    return min(seconds / compute for seconds, compute in costs[1:] or costs)


def _evaluation_seconds(practice: PracticeRun) -> float:
    """CPU seconds that an anchor task takes, of those of middling difficulty."""
    items = 1 if practice.config.interface == "text" else TRIAL_ITEMS
    bands = practice.config.bands[1:3]
    if items > 1:
        score_anchors(practice.domain, practice.learner, 0, 1, 0, bands)  # type: ignore[arg-type]
    started = time.process_time()
    result = score_anchors(practice.domain, practice.learner, 0, items, 0, bands)  # type: ignore[arg-type]
    return (time.process_time() - started) / result.scores.size


def _tokens(part: Part) -> Cost:
    """Tokens of a run: practice spends its horizon; evaluation is estimated from prompts and solutions."""
    config = part.layout.config
    domain = make_domain(config.env_id)
    batch = stratified_tasks(domain, "probe", 0, SAMPLED_TASKS, bands=config.bands)
    prompts, tasks, replies = [], [], []
    for task in text_tasks(domain, batch):
        prompts.append(len(task.prompt))
        tasks.append(len(task.parts.task))
        replies.append(len(task.reference()))
    prompt, told, reply = (float(np.mean(each)) / CHARACTERS_PER_TOKEN for each in (prompts, tasks, replies))
    examples = _examples(config.options)
    practiced = config.horizon / (2.0 * config.options["parameters"] if config.unit == "flops" else 1.0)
    remembered = prompt + examples * (told + reply)
    share_in = remembered / (remembered + reply)
    return Cost(
        tokens_in=practiced * share_in + part.evaluated * prompt,
        tokens_out=practiced * (1 - share_in) + part.evaluated * reply,
        most_tokens_in=practiced * share_in + part.evaluated * remembered,
    )


def _examples(options: Mapping[str, Any]) -> int:
    return int(options.get("examples", 8))
