"""The order of magnitude of a horizon that nobody has found yet."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from gymnasium.vector import AutoresetMode

from etude_gym.environment.vector import EtudeVectorEnv
from etude_gym.measure.accounting import VectorComputeAccounting
from etude_gym.measure.compute import TRAINING_LINES, ComputeMeter
from etude_gym.practice.strategies import REFERENCE_ARM
from etude_gym.runs.agents import load_agent_class, make_agent, reads_text
from etude_gym.tasks.domain import Domain

GUESSED_STEPS = 500_000
"""Environment steps that shipped horizons are worth, to an order of magnitude."""


def guess_horizon(agent: str, domain: Domain, num_envs: int, options: Mapping[str, Any]) -> float | None:
    """A power of ten that is about the compute of ``GUESSED_STEPS`` environment steps of a learner.

    The learner practices until it has spent anything, which most do after one update.

    Args:
        agent: name of the learner, or "module:Class".
        domain: that it is to practice in.
        num_envs: environments side by side.
        options: arguments of the learner.

    Returns:
        FLOPs; None for an agent that reads text, whose tasks would have to be asked and paid for, and for one
        that books nothing.
    """
    if reads_text(load_agent_class(agent)):
        return None
    learner = make_agent(agent, domain, horizon=1.0, **options)
    with ExitStack() as ending:
        ending.callback(getattr(learner, "close", lambda: None))
        env = EtudeVectorEnv(domain, num_envs, autoreset_mode=AutoresetMode.SAME_STEP, practice=REFERENCE_ARM)
        env.reset(seed=0)
        meter = ComputeMeter()
        learner.learn(VectorComputeAccounting(env, meter), 1.0)
        for line, amounts in getattr(learner, "take_expenses", dict)().items():
            meter.add(line, **amounts)
    flops = sum(amount for line, amount in learner.flops.items() if line in TRAINING_LINES)
    steps = meter.training("env_steps")
    if not (flops > 0 and steps > 0):
        return None
    return 10.0 ** round(math.log10(flops / steps * GUESSED_STEPS))
