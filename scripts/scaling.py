"""Throughput of practice with RLlib for several numbers of env runners, on this machine or on a cluster.

The learning problem stays the same: as many environments in all, as many steps in an update. Every number
of env runners practices for some iterations; the first one, in which processes warm up, does not count.

    python scripts/scaling.py EtudePlan-v0
    python scripts/scaling.py EtudePlan-v0 --env-runners 0 16 64 --num-envs 4096 --address auto
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import ray
import tyro
from rich.console import Console
from rich.table import Table

from etude_gym.agents.rllib.config import connect, ppo_config
from etude_gym.runs.agents import Resources, load_recipe
from etude_gym.runs.folder import versions


@dataclass(frozen=True)
class Scaling:
    """What to measure.

    Attributes:
        env: id of the environment.
        env_runners: numbers of env runners, one after the other; 0 practices in this process.
        learners: processes that learn; 0 learns in this process.
        gpus_per_learner: GPUs of each learner, or of this process.
        num_envs: environments in all, shared out among the env runners.
        iterations: iterations that count.
        address: of the Ray cluster to join, such as `auto`; `local` starts one on this machine.
    """

    env: tyro.conf.Positional[str] = "EtudePlan-v0"
    env_runners: tuple[int, ...] = (0, 1, 2)
    learners: int = 0
    gpus_per_learner: float = 0.0
    num_envs: int = 64
    iterations: int = 10
    address: str = "local"


@dataclass(frozen=True)
class Throughput:
    """What one number of env runners reached.

    Attributes:
        env_runners: how many.
        steps_per_second: environment steps for each second on the clock.
        steps_per_cpu_second: environment steps for each CPU second of all processes.
    """

    env_runners: int
    steps_per_second: float
    steps_per_cpu_second: float


def measure(scaling: Scaling, env_runners: int) -> Throughput:
    """Practice for some iterations."""
    resources = Resources(env_runners, scaling.learners, scaling.gpus_per_learner, scaling.address)
    connect(resources)
    recipe = {**load_recipe("rllib", scaling.env).options}
    recipe.pop("final_learning_rate", None)
    config = ppo_config(scaling.env, resources=resources, num_envs=scaling.num_envs, **recipe)
    algorithm = config.build_algo()
    try:
        algorithm.train()
        ledger = algorithm.curriculum.ledger
        ledger.take_expenses()
        steps, started, cpu = ledger.env_steps, time.perf_counter(), time.process_time()
        for _ in range(scaling.iterations):
            algorithm.train()
        wall, steps = time.perf_counter() - started, ledger.env_steps - steps
        elsewhere = sum(amounts.get("cpu_seconds", 0.0) for amounts in ledger.take_expenses().values())
        return Throughput(env_runners, steps / wall, steps / (time.process_time() - cpu + elsewhere))
    finally:
        algorithm.stop()


def main(scaling: Scaling) -> None:
    """Measure and print the table."""
    table = Table(title=f"{scaling.env}: {scaling.num_envs} environments, adaptive practice with RLlib")
    for column in ("env runners", "steps/s", "ratio", "steps per CPU second"):
        table.add_column(column, justify="right")
    first = None
    for env_runners in scaling.env_runners:
        found = measure(scaling, env_runners)
        first = first or found
        table.add_row(
            str(env_runners),
            f"{found.steps_per_second:,.0f}",
            f"{found.steps_per_second / first.steps_per_second:.2f}",
            f"{found.steps_per_cpu_second:,.0f}",
        )
    console = Console()
    console.print(table)
    there = ray.cluster_resources()
    console.print(f"{there.get('CPU', 0):g} cores and {there.get('GPU', 0):g} GPUs in the cluster.")
    console.print(", ".join(f"{package} {number}" for package, number in versions().items()))


if __name__ == "__main__":
    main(tyro.cli(Scaling, description=__doc__))
