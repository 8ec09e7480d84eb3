"""The environments of an env runner: native vector environments that keep their results for the driver."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode

from etude_gym.environment.drills import Work
from etude_gym.environment.vector import EtudeVectorEnv
from etude_gym.practice.sampler import Draw, Results, TaskSampler, join_results, no_results
from etude_gym.practice.strategies import make_sampler
from etude_gym.randomness import Keys, mix
from etude_gym.tasks.domain import Domain
from etude_gym.tasks.keys import TaskBatch
from etude_gym.wrappers.action_mask import VectorActionMaskObservation

PRACTICE_ENV = "EtudeRLlibPractice-v0"
"""Gymnasium's id of ``PracticeVectorEnv``; env runners import this module to know it."""


class CollectingSampler(TaskSampler):
    """Draws as another sampler does, and keeps results for the driver instead of learning from them.

    Args:
        sampler: the sampler that draws.
    """

    name = "collecting"

    def __init__(self, sampler: TaskSampler) -> None:
        super().__init__(sampler.space)
        self.sampler = sampler
        self._results: list[Results] = []

    def draw(self, keys: Keys) -> Draw:
        return self.sampler.draw(keys)

    def update(self, results: Results) -> None:
        self._results.append(results)

    def take(self) -> Results:
        """The results since the last call."""
        taken, self._results = self._results, []
        return join_results([no_results(len(self.space)), *taken])

    def state_dict(self) -> dict[str, Any]:
        return self.sampler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.sampler.load_state_dict(state)
        self.version += 1


@dataclass(frozen=True)
class Report:
    """What an env runner has done since its last report.

    Attributes:
        worker: index of the env runner; 0 for the driver's own.
        incarnation: differs once the env runner has been restarted.
        results: finished episodes, and why their tasks were drawn.
        env_steps: environment steps, without those that only reset.
        flops: by line of the ledger.
        cpu_seconds: of the runner's process; 0 for the driver's own.
        tasks: those of the finished episodes, in batches.
        reference: what the reference solver spent on drills, by unit of the ledger, apart from the others;
            environment steps alone for the driver's own.
    """

    worker: int
    incarnation: str
    results: Results
    env_steps: int
    flops: Mapping[str, int]
    cpu_seconds: float
    tasks: tuple[TaskBatch, ...] = ()
    reference: Work = field(default_factory=dict)


@runtime_checkable
class Practice(Protocol):
    """The interface by which the driver reaches the environments of one env runner."""

    def listen(self, state: dict[str, Any], generation: int) -> None:
        """Load the state of the driver's sampler.

        Args:
            state: its ``state_dict``.
            generation: the driver's iteration; environments that are seeded in another one have other tasks.
        """

    def sampler_state(self) -> dict[str, Any]:
        """State of the sampler here, as the driver's sampler would load it."""

    def report(self, worker: int, flops: Mapping[str, int]) -> Report:
        """What has been done since the last call.

        Args:
            worker: index of the env runner; 0 for the driver's own.
            flops: FLOPs that its module spent, by line of the ledger.
        """


class PracticeVectorEnv(VectorActionMaskObservation):
    """The environments of one env runner: masks in the observation, results kept for the driver.

    Args:
        domain: the domain.
        num_envs: environments side by side.
        practice: task sampler or its name.
    """

    def __init__(self, domain: Domain, num_envs: int, practice: str | TaskSampler) -> None:
        sampler = CollectingSampler(deepcopy(make_sampler(practice, domain.space)))
        env = EtudeVectorEnv(domain, num_envs, autoreset_mode=AutoresetMode.NEXT_STEP, practice=sampler)
        super().__init__(env)
        _assert_next_step(self)
        self._sampler = sampler
        self._tasks: list[TaskBatch] = []
        self._incarnation = uuid.uuid4().hex
        self._generation = 0
        self._over = np.zeros(num_envs, dtype=np.bool_)
        self._env_steps = 0
        self._cpu_seconds = time.process_time()

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset; one seed gives environments unrelated streams of tasks, new ones after a restart.

        Args:
            seed: one for all environments; None lets their streams go on.
            options: see ``EtudeVectorEnv.reset``.
        """
        self._over[:] = False
        if seed is not None:
            streams = mix(int(seed), self._generation, np.arange(self.num_envs))
            seed = [int(stream) >> 1 for stream in streams]
        return super().reset(seed=seed, options=options)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Step; environments that are over are reset instead, which is not counted as a step.

        Args:
            actions: int (num_envs,).
        """
        self._env_steps += self.num_envs - int(self._over.sum())
        result = super().step(actions)
        self._over = result[2] | result[3]
        ended = np.flatnonzero(self._over)
        if len(ended):
            self._tasks.append(self.env.unwrapped.tasks()[ended])  # type: ignore[attr-defined]
        return result

    def listen(self, state: dict[str, Any], generation: int) -> None:
        """Load the state of the driver's sampler; see ``Practice.listen``.

        Args:
            state: its ``state_dict``.
            generation: the driver's iteration.
        """
        self._sampler.load_state_dict(state)
        self._generation = generation

    def sampler_state(self) -> dict[str, Any]:
        """State of the sampler that draws here."""
        return self._sampler.state_dict()

    def report(self, worker: int, flops: Mapping[str, int]) -> Report:
        """What has been done since the last call; see ``Practice.report``.

        Args:
            worker: index of the env runner; 0 for the driver's own.
            flops: FLOPs that its module spent, by line of the ledger.
        """
        tasks, self._tasks = tuple(self._tasks), []
        env_steps, self._env_steps = self._env_steps, 0
        before, self._cpu_seconds = self._cpu_seconds, time.process_time()
        reference = self.unwrapped.take_reference_work()  # type: ignore[attr-defined]
        units = ("env_steps", "cpu_seconds") if worker else ("env_steps",)
        return Report(
            worker,
            self._incarnation,
            self._sampler.take(),
            env_steps,
            flops,
            max(0.0, self._cpu_seconds - before - reference["cpu_seconds"]) if worker else 0.0,
            tasks,
            {unit: reference[unit] for unit in units},
        )


gymnasium.register(PRACTICE_ENV, vector_entry_point=f"{__name__}:PracticeVectorEnv")


def _assert_next_step(env: gymnasium.vector.VectorEnv[Any, Any, Any]) -> None:
    """RLlib assumes this mode without a check: others give silently wrong episodes."""
    if env.metadata.get("autoreset_mode") != AutoresetMode.NEXT_STEP:
        raise ValueError(
            "RLlib expects a finished environment to be reset by the next step: make the vector environment "
            "with autoreset_mode='NextStep'."
        )


def practice_env(env_runner: Any) -> Practice | None:
    """The environments of an env runner; None if it has none, as the driver's own beside remote ones.

    Args:
        env_runner: RLlib's, single-agent or multi-agent.
    """
    env = env_runner.env
    while env is not None and not isinstance(env, Practice):
        env = getattr(env, "practice", None) or getattr(env, "env", None)
    return env
