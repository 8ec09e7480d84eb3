"""The project's speed figures, both sides of every comparison in the same run, on one core.

    python scripts/benchmark.py            all, some minutes
    python scripts/benchmark.py --only environments

Timings are noisy: every figure is the median of several rounds in which the two sides take turns, and
what counts is the ratio.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import gymnasium
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

import etude_gym
from etude_gym.kernels import sample_masked
from etude_gym.randomness import mix
from etude_gym.run import versions

ENV = "EtudePlan-v0"
PRACTICE = "uniform"
ROUNDS = 5

Rate = Callable[[], float]
"""Something done as often as possible for a while; returns how often in a second."""


@dataclass(frozen=True)
class Row:
    """One line of the table: ours, theirs, and what the ratio or the figure has to reach."""

    what: str
    unit: str
    ours: float
    theirs: float | None
    target: str
    reached: bool


def take_turns(*sides: Rate) -> list[float]:
    """Median rate of each side over rounds in which they take turns; a first round warms up."""
    rounds = [[side() for side in sides] for _ in range(ROUNDS + 1)][1:]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def single_rate(env_id: str, steps: int = 50_000, **arguments: Any) -> Rate:
    """Steps per second of ``gym.make`` under random actions, resets included."""
    env = gymnasium.make(env_id, **arguments)
    env.reset(seed=0)
    actions = np.random.default_rng(0).integers(0, env.action_space.n, steps).tolist()

    def rate() -> float:
        started = time.perf_counter()
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()
        return steps / (time.perf_counter() - started)

    return rate


def vector_rate(num_envs: int, steps: int = 400) -> Rate:
    """Environment steps per second of the native vector environment under random legal actions."""
    env: Any = gymnasium.make_vec(ENV, num_envs=num_envs, practice=PRACTICE)
    _, infos = env.reset(seed=0)
    keys, actions, state = mix(np.arange(num_envs)), np.zeros(num_envs, np.int64), {"infos": infos, "turn": 0}

    def rate() -> float:
        spent = 0.0
        for _ in range(steps):
            sample_masked(state["infos"]["action_mask"], keys, state["turn"], actions)
            state["turn"] += 1
            started = time.perf_counter()
            *_, state["infos"] = env.step(actions)
            spent += time.perf_counter() - started
        return num_envs * steps / spent

    return rate


def cartpole_vector_rate(num_envs: int, steps: int = 400) -> Rate:
    """The same for CartPole's own vector environment."""
    env: Any = gymnasium.make_vec("CartPole-v1", num_envs=num_envs, vectorization_mode="vector_entry_point")
    env.reset(seed=0)
    actions = np.random.default_rng(0).integers(0, 2, num_envs)

    def rate() -> float:
        started = time.perf_counter()
        for _ in range(steps):
            env.step(actions)
        return num_envs * steps / (time.perf_counter() - started)

    return rate


def environments() -> list[Row]:
    """Single and vector environments, and task generation at the hardest corner."""
    ours, cartpole = take_turns(single_rate(ENV, practice=PRACTICE), single_rate("CartPole-v1"))
    adaptive = take_turns(single_rate(ENV))[0]
    vector, cartpole_vector = take_turns(vector_rate(1024), cartpole_vector_rate(1024))
    hard = take_turns(generation_rate())[0]
    return [
        Row("gym.make, against CartPole-v1", "steps/s", ours, cartpole, ">= 2x", ours >= 2 * cartpole),
        Row("gym.make with practice='adaptive'", "steps/s", adaptive, cartpole, "reported", True),
        Row(
            "vector of 1,024, against CartPole's native one (4 floats)",
            "steps/s",
            vector,
            cartpole_vector,
            ">= 3M",
            vector >= 3e6,
        ),
        Row("tasks generated, hardest corner", "tasks/s", hard, None, ">= 100k", hard >= 1e5),
    ]


def generation_rate(num_tasks: int = 20_000) -> Rate:
    """Tasks per second at the hardest corner of difficulty."""
    from etude_gym.tasks import TaskBatch

    domain = etude_gym.make_domain(ENV)
    worlds, rows = domain.allocate(num_tasks), np.arange(num_tasks)
    difficulty = np.ones((num_tasks, len(domain.space)))
    tasks = TaskBatch(mix(1, rows), difficulty, np.zeros(num_tasks, np.int64))

    def rate() -> float:
        started = time.perf_counter()
        domain.generate(worlds, rows, tasks)
        return num_tasks / (time.perf_counter() - started)

    return rate


def training() -> list[Row]:
    """MaskablePPO through the batched adaptor against DummyVecEnv, and what accounting costs."""
    import torch

    torch.set_num_threads(1)
    batched, dummy = take_turns(training_rate(batched=True), training_rate(batched=False))
    alone, dummy_alone = take_turns(stepping_rate(batched=True), stepping_rate(batched=False))
    bare, counted = take_turns(training_rate(batched=True), training_rate(batched=True, counted=True))
    counter = take_turns(training_rate(batched=True, steps=8_192, always_on=True))[0]
    cost = bare / counted - 1
    return [
        Row(
            "VecEnv of 64 alone, batched against DummyVecEnv",
            "steps/CPU s",
            alone,
            dummy_alone,
            "reported",
            True,
        ),
        Row(
            "MaskablePPO, batched against DummyVecEnv",
            "steps/CPU s",
            batched,
            dummy,
            ">= 2x",
            batched >= 2 * dummy,
        ),
        Row(f"compute accounting costs {cost:+.1%}", "steps/CPU s", counted, bare, "<= 2%", cost <= 0.02),
        Row("an always-on FlopCounterMode instead", "steps/CPU s", counter, bare, "reported", True),
    ]


def sb3_env(batched: bool, num_envs: int, counted: bool = False) -> Any:
    """The environments as Stable-Baselines3 sees them, natively batched or one by one."""
    from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

    from etude_gym.agents.vec_env import BatchedVecEnv
    from etude_gym.wrappers import VectorComputeAccounting

    if not batched:
        return VecMonitor(DummyVecEnv([lambda: gymnasium.make(ENV, practice=PRACTICE)] * num_envs))
    env = gymnasium.make_vec(ENV, num_envs=num_envs, practice=PRACTICE, autoreset_mode="SameStep")
    return BatchedVecEnv(VectorComputeAccounting(env) if counted else env)


def stepping_rate(*, batched: bool, steps: int = 300, num_envs: int = 64) -> Rate:
    """Environment steps per CPU second of a VecEnv alone, masks asked for at every step."""
    from sb3_contrib.common.maskable.utils import get_action_masks

    env = sb3_env(batched, num_envs)
    env.reset()
    keys, actions, state = mix(np.arange(num_envs)), np.zeros(num_envs, np.int64), {"turn": 0}

    def rate() -> float:
        started = time.process_time()
        for _ in range(steps):
            sample_masked(get_action_masks(env), keys, state["turn"], actions)
            state["turn"] += 1
            env.step(actions)
        return num_envs * steps / (time.process_time() - started)

    return rate


def training_rate(
    *, batched: bool, counted: bool = False, always_on: bool = False, steps: int = 32_768, num_envs: int = 64
) -> Rate:
    """Environment steps per CPU second of MaskablePPO with the shipped recipe's settings."""
    from sb3_contrib import MaskablePPO
    from torch.utils.flop_counter import FlopCounterMode

    from etude_gym.agent import load_recipe
    from etude_gym.agents.flops import PolicyFlops

    options = load_recipe("sb3", ENV).options
    env = sb3_env(batched, num_envs, counted)
    model = MaskablePPO(
        "MlpPolicy",
        env,
        n_steps=options["n_steps"],
        batch_size=options["batch_size"],
        n_epochs=options["n_epochs"],
        policy_kwargs={"net_arch": list(options["network"])},
        seed=0,
        device="cpu",
    )
    if counted:
        PolicyFlops(model.policy)

    def rate() -> float:
        started = time.process_time()
        if always_on:
            with FlopCounterMode(display=False):
                model.learn(steps, reset_num_timesteps=False)
        else:
            model.learn(steps, reset_num_timesteps=False)
        return steps / (time.process_time() - started)

    return rate


def compilation() -> list[Row]:
    """A cold start with an empty kernel cache, and a warm one."""
    program = f"import gymnasium, etude_gym; e = gymnasium.make('{ENV}'); e.reset(seed=0); e.step(0)"
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"NUMBA_CACHE_DIR": cache}
        seconds = []
        for _ in range(2):
            started = time.perf_counter()
            subprocess.run(
                [sys.executable, "-W", "ignore", "-c", program], env=environment, check=True, stderr=-3
            )
            seconds.append(time.perf_counter() - started)
    cold, warm = seconds
    return [Row("first use, cold against cached kernels", "seconds", cold, warm, "<= 10 s", cold <= 10)]


GROUPS: dict[str, Callable[[], list[Row]]] = {
    "environments": environments,
    "training": training,
    "compilation": compilation,
}


def main(only: Literal["environments", "training", "compilation"] | None = None) -> None:
    """Print the table.

    Args:
        only: one group of figures.
    """
    table = Table(title="etude-gym benchmark: median of rounds in turns, one core")
    for column in ("what", "unit", "ours", "theirs", "ratio", "target", ""):
        table.add_column(column, justify="left" if column in ("what", "unit", "target") else "right")
    for name, group in GROUPS.items():
        for row in group() if only in (None, name) else ():
            theirs = "" if row.theirs is None else f"{row.theirs:,.4g}"
            ratio = "" if row.theirs is None else f"{row.ours / row.theirs:.2f}"
            mark = "yes" if row.reached else "NO"
            table.add_row(row.what, row.unit, f"{row.ours:,.4g}", theirs, ratio, row.target, mark)
    Console().print(table)
    Console().print(", ".join(f"{package} {number}" for package, number in versions().items()))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
