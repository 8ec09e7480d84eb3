"""One practice run: a learner practices, its compute is booked, anchors are scored, everything is kept.

``practice_run`` is what a worker of an experiment does. It goes on where the folder's last checkpoint
stands, and leaves the folder ready to be resumed whenever it stops.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from gymnasium.vector import AutoresetMode

from etude_gym.difficulty.bands import cells_of
from etude_gym.environment.registration import make_domain
from etude_gym.environment.vector import EtudeVectorEnv
from etude_gym.measure.accounting import VectorComputeAccounting
from etude_gym.measure.agent import Learner, TextLearner, policy_state
from etude_gym.measure.anchors import score_anchors
from etude_gym.measure.checkpoints import PracticeEfficiencyTracker
from etude_gym.measure.compute import ComputeMeter
from etude_gym.measure.curves import CurvePoint, point_record
from etude_gym.practice.strategies import make_arm
from etude_gym.runs.agents import load_agent_class, make_agent
from etude_gym.runs.config import RunConfig
from etude_gym.runs.folder import (
    ANSWERS,
    COMPUTE,
    CURVE,
    EPISODES,
    NETWORK,
    PRACTICE,
    RECORD,
    Run,
    read_json,
    write_json,
)
from etude_gym.runs.practice_log import PracticeLog
from etude_gym.runs.starting import first_stream, read_start
from etude_gym.runs.tensorboard_log import TensorBoardLog
from etude_gym.tasks.domain import Domain

ITERATIONS = 256
"""Iterations of a run, at least. Every iteration leaves one record of practice, and the ledger on disk:
what a killed run has lost is known to within one."""

SECONDS_BETWEEN_CHECKPOINTS = 15.0


class PracticeRun:
    """A run in progress.

    Args:
        run: its folder.
        config: what to do.
        salt: secret of this seed's anchor tasks, the same for all arms.
    """

    def __init__(self, run: Run, config: RunConfig, salt: int) -> None:
        self.run, self.config, self.salt = run, config, salt
        self.domain: Domain = make_domain(config.env_id)
        self.sampler = make_arm(config.arm, self.domain.space, **config.sampler_options)
        self.meter = ComputeMeter()
        self.env = EtudeVectorEnv(
            self.domain, config.num_envs, autoreset_mode=AutoresetMode.SAME_STEP, practice=self.sampler
        )
        self.log = PracticeLog(self.domain.space.names)
        self.env.stream.listener = self.log.add
        self.learner: Learner | TextLearner = make_agent(
            config.agent, self.domain, seed=config.seed, horizon=config.horizon, **config.options
        )
        if not isinstance(self.learner, (Learner, TextLearner)):
            raise ValueError(
                f"The agent {config.agent!r} does not learn: practice needs an agent with learn(), flops, "
                "state_dict() and load_state_dict(). See etude_gym.Learner."
            )
        if keep_in := getattr(self.learner, "keep_in", None):
            keep_in(run.folder)
        self.sampler.failures_teach = getattr(self.learner, "learns_from_failures", False)
        if not self.sampler.plays_itself:
            self.env.reset(seed=first_stream(config))
        self.accounted = VectorComputeAccounting(self.env, self.meter)
        self.tracker = PracticeEfficiencyTracker(
            config.horizon,
            cells=cells_of(self.domain.space, config.bands),
            chance=config.chance,
            evaluations=config.evaluations,
        )
        self.iteration = 0
        self.points: list[CurvePoint] = []
        self.board = TensorBoardLog(run.folder)

    @property
    def compute(self) -> float:
        """Training compute so far, on the axis of the run's curve."""
        return self.meter.axis(self.config.unit)

    def resume(self) -> None:
        """Go on from the latest checkpoint, if there is one; book what was lost as repeated."""
        state = self.run.load()
        if state is not None:
            self.iteration = state["iteration"]
            self.learner.load_state_dict(state["learner"])
            self.env.load_state_dict(state["env"])
            self.meter.load_state_dict(state["meter"])
            for point in state["points"]:
                self._add_point(CurvePoint(**point))
        elif self.config.start is not None:
            start_from = getattr(self.learner, "start_from")  # noqa: B009 (not every learner has it)
            start_from(read_start(self.run)["policy"])
        self.run.drop_networks([point.index for point in self.points])
        if (self.run.folder / COMPUTE).exists() and not hasattr(self.learner, "keep_in"):
            self.meter.add_repeated(read_json(self.run.folder / COMPUTE))
        self.run.supersede(self.iteration if state is not None else -1)
        self.board.rebuild(self.run)

    def save(self) -> None:
        """Save a checkpoint of everything.

        The ledger goes first: it is never behind the checkpoint, so nothing is booked as repeated twice.
        """
        write_json(self.run.folder / COMPUTE, self.meter.state_dict())
        self.run.save(
            {
                "iteration": self.iteration,
                "learner": self.learner.state_dict(),
                "env": self.env.state_dict(),
                "meter": self.meter.state_dict(),
                "points": [vars(point) for point in self.points],
            }
        )

    def _add_point(self, point: CurvePoint) -> None:
        self.tracker.record(point)
        self.points.append(point)

    def evaluate(self) -> None:
        """Score the anchors of the checkpoint that has been reached, and keep the network that is scored."""
        started, cpu = time.perf_counter(), time.process_time()
        compute, env_steps = self.compute, int(self.meter.training("env_steps"))
        index = self.tracker.index(compute)
        network = {"index": index, "compute": compute, "env_steps": env_steps}
        self.run.save({**network, "policy": policy_state(self.learner)}, NETWORK.format(index))
        config = self.config
        result = score_anchors(self.domain, self.learner, index, config.items, self.salt, config.bands)
        point = CurvePoint(index, compute, env_steps, result.scores)
        self._add_point(point)
        self.meter.add(
            "evaluation", wall_seconds=time.perf_counter() - started, cpu_seconds=time.process_time() - cpu
        )
        self._book_expenses()
        record = point_record(point, self.tracker.cells, self.tracker.chance) | result.record()
        self.run.append(ANSWERS, self.iteration, result.answers.at(point).record())
        self.run.append(CURVE, self.iteration, record)
        self.board.curve(record)

    def practice(self) -> None:
        """One iteration of practice: until the next checkpoint, or a small share of the horizon."""
        target = self.compute + self.config.horizon / ITERATIONS
        target = min(target, self.tracker.next_checkpoint or target)
        self.log.clear()
        found = len(self.sampler.findings)
        self.iteration += 1
        self._learn(target)
        if self.compute < target:
            raise RuntimeError(
                f"{type(self.learner).__name__}.learn(env, until={target:.3g}) returned with its ledger at "
                f"{self.compute:.3g} {self.config.unit}: it has to practice until the ledger says so."
            )
        record = {
            "compute": self.compute,
            "env_steps": self.meter.training("env_steps"),
            **self.log.record(),
            "sampler": self.sampler.describe(),
            "findings": [finding.record(self.domain.space) for finding in self.sampler.findings[found:]],
        }
        self.run.append(PRACTICE, self.iteration, record)
        self.board.practice(record)
        write_json(self.run.folder / COMPUTE, self.meter.state_dict())

    def _learn(self, until: float) -> None:
        """Let the learner practice; what its environment did not take in seconds is the update's."""
        wall, cpu = time.perf_counter(), time.process_time()
        inside_wall, inside_cpu = self._seconds_in_env()
        self.learner.learn(self.accounted, until)
        inside_wall, inside_cpu = (
            after - before
            for after, before in zip(self._seconds_in_env(), (inside_wall, inside_cpu), strict=True)
        )
        self.meter.add(
            "update",
            wall_seconds=max(0.0, time.perf_counter() - wall - inside_wall),
            cpu_seconds=max(0.0, time.process_time() - cpu - inside_cpu),
        )
        self._book_expenses()

    def _book_expenses(self) -> None:
        """Book what the learner itself says it has spent, and keep its episodes."""
        take_expenses = getattr(self.learner, "take_expenses", dict)
        for line, amounts in take_expenses().items():
            self.meter.add(line, **amounts)
        self.meter.set_totals("flops", {**self.learner.flops, "curriculum": self.sampler.flops})
        for episode in getattr(self.learner, "take_episodes", list)():
            self.run.append(EPISODES, self.iteration, episode)

    def _seconds_in_env(self) -> tuple[float, float]:
        """Wall and CPU seconds in the environment: steps of the learner, and of the reference solver."""
        amount = self.meter.amount
        wall, cpu = (
            amount("rollout", unit) + amount("curriculum", unit) for unit in ("wall_seconds", "cpu_seconds")
        )
        return wall, cpu

    def close(self) -> None:
        """Let go of what the run holds: event files, and processes of the learner."""
        self.board.close()
        getattr(self.learner, "close", lambda: None)()

    def finish(self) -> None:
        """Publish the record of a finished run, the salt of its anchors included."""
        write_json(
            self.run.folder / RECORD,
            {
                "anchor_salt": self.salt,
                "iterations": self.iteration,
                "final_anchor_score": float(self.tracker.curve.mean[-1]),
                "compute": self.meter.state_dict(),
            },
        )


def practice_run(folder: Path, salt: int, should_stop: Callable[[], bool] = lambda: False) -> bool:
    """Carry out a run, or what is left of it.

    Args:
        folder: folder of the run, with its ``config.json``.
        salt: secret of its anchor tasks.
        should_stop: asked at every iteration; when true, the run is saved and left.

    Returns:
        Whether the run is finished.

    Raises:
        RunInUse: if another process is at it.
    """
    run = Run(folder)
    with run.lock():
        if run.finished:
            return True
        config = RunConfig.read(folder)
        load_agent_class(config.agent)
        with one_thread(), closing(PracticeRun(run, config, salt)) as practice:
            return _carry_out(practice, should_stop)


def _carry_out(practice: PracticeRun, should_stop: Callable[[], bool]) -> bool:
    practice.resume()
    saved = -float("inf")
    while True:
        evaluated = practice.tracker.due(practice.compute)
        if evaluated:
            practice.evaluate()
        finished = practice.tracker.next_checkpoint is None
        stopping = should_stop()
        if evaluated or stopping or time.monotonic() - saved > SECONDS_BETWEEN_CHECKPOINTS:
            practice.save()
            saved = time.monotonic()
        if finished:
            practice.finish()
        if finished or stopping:
            return finished
        practice.practice()


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for each run: runs share the cores, and results do not depend on how many there are."""
    torch: Any = sys.modules.get("torch")  # if the agent has imported it
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def compute_share(folder: Path) -> float:
    """Training compute of a run as a share of its horizon, at most 1; 0 where nothing is recorded yet.

    Args:
        folder: of the run.
    """
    try:
        meter = ComputeMeter.from_state(json.loads((folder / COMPUTE).read_text()))
        config = RunConfig.read(folder)
        return min(1.0, meter.axis(config.unit) / config.horizon)
    except (FileNotFoundError, ValueError):
        return 0.0
