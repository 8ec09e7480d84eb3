"""One lineage of a panel: it practices, and answers probe tasks at every checkpoint.

A lineage is one file, a NumPy archive of plain columns, written whole when all checkpoints are answered:
NumPy is there wherever the suite is, reads it without running code, and one file of some 100 kB for each
lineage asks for no format that can be appended to.
"""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from etude_gym.difficulty.skills import find_skill
from etude_gym.environment.registration import make_domain
from etude_gym.environment.vector import EtudeVectorEnv
from etude_gym.measure.agent import Agent
from etude_gym.measure.compute import ComputeMeter
from etude_gym.measure.panel_tasks import ProbeDesign, panel_tasks
from etude_gym.measure.rollout import rollout
from etude_gym.measure.scripted import NoisyAgent, RandomAgent, ScriptedAgent
from etude_gym.practice.strategies import make_arm
from etude_gym.runs.agents import load_agent_class, make_agent
from etude_gym.runs.folder import IncompleteRun, write_atomically
from etude_gym.runs.panel_table import SCRIPTED, LineageSpec
from etude_gym.runs.practice_log import PracticeLog
from etude_gym.runs.practice_run import one_thread
from etude_gym.tasks.domain import Domain
from etude_gym.tasks.keys import TaskBatch

COLUMNS = {
    "key": np.uint64,
    "item": np.int64,
    "family": np.int64,
    "difficulty": np.float64,
    "score": np.float64,
    "checkpoint": np.int64,
}
"""One row for each answer; "item" numbers the tasks that all lineages share, -1 for others."""
CHECKPOINTS = {"compute": np.float64, "practiced": np.float64, "cpu_seconds": np.float64}
"""One row for each checkpoint: training compute, episodes practiced and CPU seconds (probe tasks included)
so far."""


@dataclass(frozen=True, eq=False)
class LineageAnswers:
    """What a lineage answered.

    Attributes:
        columns: arrays by name, those of ``COLUMNS`` and ``CHECKPOINTS``.
    """

    columns: dict[str, NDArray[Any]]

    def write(self, path: Path) -> None:
        """Write the file whole or not at all.

        Args:
            path: of the file.
        """
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **self.columns)
        write_atomically(path, buffer.getvalue())

    @classmethod
    def read(cls, path: Path) -> LineageAnswers:
        """Read a file; nothing in it is executed.

        Args:
            path: of the file.

        Raises:
            IncompleteRun: if it cannot be read or lacks a column.
        """
        try:
            with np.load(path, allow_pickle=False) as archive:
                columns = {name: archive[name].astype(kind) for name, kind in (COLUMNS | CHECKPOINTS).items()}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise IncompleteRun(
                f"{path} cannot be read as answers of a lineage ({error}). Delete it and go on with the "
                "panel: etude panel --resume."
            ) from error
        lengths = {len(columns[name]) for name in COLUMNS}
        if len(lengths) != 1:
            raise IncompleteRun(f"{path} has columns of different lengths. Delete it and go on: --resume.")
        return cls(columns)


class _Recorder:
    """Collects the answers of a lineage, checkpoint after checkpoint."""

    def __init__(self, domain: Domain, design: ProbeDesign, name: str) -> None:
        self.domain, self.design, self.name = domain, design, name
        self.started = time.process_time()
        self.parts: dict[str, list[NDArray[Any]]] = {column: [] for column in COLUMNS}
        self.checkpoints: dict[str, list[float]] = {column: [] for column in CHECKPOINTS}

    def ask(self, play: Callable[[TaskBatch], NDArray[np.float64]], **spent: float) -> None:
        """Ask the probe tasks of the next checkpoint.

        Args:
            play: what plays tasks and returns their scores.
            spent: training compute and episodes practiced so far.
        """
        checkpoint = len(self.checkpoints["compute"])
        tasks, items = panel_tasks(self.domain, self.design, self.name, checkpoint)
        answers = {
            "key": tasks.keys,
            "item": items,
            "family": tasks.family,
            "difficulty": tasks.difficulty,
            "score": play(tasks),
            "checkpoint": np.full(len(items), checkpoint),
        }
        for column, values in answers.items():
            self.parts[column].append(values)
        spent["cpu_seconds"] = time.process_time() - self.started
        for column in CHECKPOINTS:
            self.checkpoints[column].append(spent[column])

    @property
    def answers(self) -> LineageAnswers:
        columns = {name: np.concatenate(parts).astype(COLUMNS[name]) for name, parts in self.parts.items()}
        return LineageAnswers(columns | {name: np.array(each) for name, each in self.checkpoints.items()})


@dataclass(frozen=True)
class LineageJob:
    """What it takes to record a lineage.

    Attributes:
        env_id: of the environment.
        spec: the lineage.
        design: probe tasks at each checkpoint.
        checkpoints: shares of the horizon.
        horizon: compute of practice; 0 for a scripted lineage.
        num_envs: environments side by side.
        sampler_options: arguments of the task sampler that the recipe sets.
    """

    env_id: str
    spec: LineageSpec
    design: ProbeDesign
    checkpoints: tuple[float, ...]
    horizon: float
    num_envs: int
    sampler_options: dict[str, Any]


def record_lineage(path: Path, job: LineageJob, should_stop: Callable[[], bool] = lambda: False) -> bool:
    """Record a lineage, unless its file is there.

    Args:
        path: of the file.
        job: what to do.
        should_stop: asked at every checkpoint; when true, the lineage is left and begins anew next time.

    Returns:
        Whether its file is there.
    """
    if path.exists():
        return True
    domain = make_domain(job.env_id)
    recorder = _Recorder(domain, job.design, job.spec.name)
    if job.spec.kind == SCRIPTED:
        recorder.ask(_scripted(domain, job.spec), compute=0.0, practiced=0.0)
    elif not _practice(domain, job, recorder, should_stop):
        return False
    recorder.answers.write(path)
    return True


def _practice(domain: Domain, job: LineageJob, recorder: _Recorder, should_stop: Callable[[], bool]) -> bool:
    """Practice from checkpoint to checkpoint, and ask at each; whether it came to the end."""
    spec = job.spec
    load_agent_class(spec.agent)
    sampler = make_arm(spec.practice, domain.space, **job.sampler_options)
    env = EtudeVectorEnv(domain, job.num_envs, autoreset_mode=AutoresetMode.SAME_STEP, practice=sampler)
    log, meter = PracticeLog(domain.space.names), ComputeMeter()
    env.stream.listener = log.add
    with one_thread():
        learner = make_agent(spec.agent, domain, seed=spec.seed, horizon=job.horizon, **spec.options)
        sampler.failures_teach = getattr(learner, "learns_from_failures", False)
        env.reset(seed=spec.seed * job.num_envs)
        with closing(env):
            for share in job.checkpoints:
                if should_stop():
                    return False
                learner.learn(env, share * job.horizon)
                meter.set_totals("flops", {**learner.flops, "curriculum": sampler.flops})
                recorder.ask(
                    lambda tasks: _play(domain, tasks, learner),
                    compute=meter.training("flops"),
                    practiced=float(log.episodes),
                )
    getattr(learner, "close", lambda: None)()
    return True


def _play(domain: Domain, tasks: TaskBatch, agent: Agent) -> NDArray[np.float64]:
    return np.asarray(rollout(domain, tasks, agent)["score"], dtype=np.float64)


def _scripted(domain: Domain, spec: LineageSpec) -> Callable[[TaskBatch], NDArray[np.float64]]:
    """What plays tasks as a scripted lineage does: at random where it lacks the skill."""
    agent: Agent = RandomAgent(domain, seed=spec.seed)
    if spec.agent != "random":
        solver = ScriptedAgent(domain, solver=spec.agent)
        agent = NoisyAgent(solver, domain, spec.noise, seed=spec.seed) if spec.noise else solver

    def play(tasks: TaskBatch) -> NDArray[np.float64]:
        scores = _play(domain, tasks, agent)
        if spec.without:
            region = find_skill(domain.skills, spec.without).region
            lacking = region.contains(domain.space, tasks.family, tasks.difficulty)
            if lacking.any():
                at_random = _play(domain, tasks[np.flatnonzero(lacking)], RandomAgent(domain, seed=spec.seed))
                scores[lacking] = at_random
        return scores

    return play
