"""Compute accounting: environment steps and seconds of practice go into a ``ComputeMeter``."""

from __future__ import annotations

import time
from typing import Any

import gymnasium
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorEnv, VectorWrapper

from etude_gym.errors import check_name
from etude_gym.measure.compute import LINES, ComputeMeter


class ComputeAccounting(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Counts the steps and seconds of one environment; those that drills take are "curriculum".

    ``env.spec`` records the line, not the ledger, which belongs to one run: what is rebuilt from the spec
    writes into a new one.

    Args:
        env: the environment.
        meter: the ledger to write into; a new one if none is given.
        line: line of the ledger ("rollout", or "evaluation").

    Attributes:
        meter: the ledger; an agent reports what else it spends with ``meter.add("update", flops=...)``.
    """

    def __init__(
        self, env: gymnasium.Env[Any, Any], meter: ComputeMeter | None = None, line: str = "rollout"
    ) -> None:
        RecordConstructorArgs.__init__(self, line=line)
        super().__init__(env)
        self.meter = meter if meter is not None else ComputeMeter()
        self.line = check_name("line of the compute ledger", line, LINES)

    def step(self, action: Any) -> Any:
        with _Clock(self.unwrapped, self.meter, self.line, 1):
            return self.env.step(action)

    def reset(self, **arguments: Any) -> Any:
        with _Clock(self.unwrapped, self.meter, self.line, 0):
            return self.env.reset(**arguments)


class VectorComputeAccounting(VectorWrapper, RecordConstructorArgs):
    """Counts the steps and seconds of a vector environment; see ``ComputeAccounting``."""

    def __init__(
        self, env: VectorEnv[Any, Any, Any], meter: ComputeMeter | None = None, line: str = "rollout"
    ) -> None:
        RecordConstructorArgs.__init__(self, line=line)
        super().__init__(env)
        self.meter = meter if meter is not None else ComputeMeter()
        self.line = check_name("line of the compute ledger", line, LINES)

    def step(self, actions: Any) -> Any:
        with _Clock(self.unwrapped, self.meter, self.line, self.env.num_envs):
            return self.env.step(actions)

    def reset(self, **arguments: Any) -> Any:
        with _Clock(self.unwrapped, self.meter, self.line, 0):
            return self.env.reset(**arguments)


class _Clock:
    """Books the steps and the seconds of a ``with`` block; those of the reference solver as curriculum."""

    def __init__(self, env: Any, meter: ComputeMeter, line: str, env_steps: int) -> None:
        self.meter, self.line, self.env_steps = meter, line, env_steps
        self.take_work = getattr(env, "take_reference_work", None)

    def __enter__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        if self.take_work is not None and (work := self.take_work())["env_steps"]:
            self.meter.add("curriculum", **work)
            wall, cpu = max(0.0, wall - work["wall_seconds"]), max(0.0, cpu - work["cpu_seconds"])
        self.meter.add(self.line, env_steps=self.env_steps, wall_seconds=wall, cpu_seconds=cpu)
