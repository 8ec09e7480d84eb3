"""The project's speed figures, both sides of every comparison in the same run, on one core.

    python scripts/benchmark.py            all, some minutes
    python scripts/benchmark.py --only environments

Timings are noisy: every figure is the median of several rounds in which the two sides take turns, and
what counts is the ratio. Beside rates that stand alone, CartPole-v1 shows how fast the machine is.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import importlib.util
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import gymnasium
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

import etude_gym
from etude_gym.randomness import mix
from etude_gym.runs.folder import versions
from etude_gym.tasks.kernels import sample_masked
from etude_gym.tasks.keys import TaskBatch

PRACTICE = "uniform"
ROUNDS = 5


@dataclass(frozen=True)
class Subject:
    """A kernel domain that is measured.

    Attributes:
        name: what its rows are called.
        env_id: its environment.
        vector_rate: steps per second that its vector of 1,024 has to reach.
        task_rate: tasks per second that it has to generate in the hardest corner.
    """

    name: str
    env_id: str
    vector_rate: float
    task_rate: float = 1e5


PLAN = Subject("plan", "EtudePlan-v0", 3e6)
LOGIC = Subject("logic", "EtudeLogic-v0", 1e6)
CREATIVE = Subject("creative", "EtudeCreative-v0", 1e6, 5e4)
SUBJECTS = (PLAN, LOGIC, CREATIVE)
CODE_ID = "EtudeCode-v0"
CARTPOLE_ID = "CartPole-v1"

REASONING_GYM: dict[str, tuple[str, dict[str, int]]] = {
    "knights_knaves": (
        "5 people, depth 3, width 3",
        {"n_people": 5, "depth_constraint": 3, "width_constraint": 3},
    ),
    "propositional_logic": (
        "10 variables, 10 statements, complexity 5",
        {"min_vars": 10, "max_vars": 10}
        | {"min_statements": 10, "max_statements": 10}
        | {"min_complexity": 5, "max_complexity": 5},
    ),
}
"""Comparable generators at the highest level of every attribute of their curricula, in words and settings."""

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


def vector_rate(env_id: str, num_envs: int, steps: int = 400) -> Rate:
    """Environment steps per second of the native vector environment under random legal actions."""
    env: Any = gymnasium.make_vec(env_id, num_envs=num_envs, practice=PRACTICE)
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


def generation_rate(env_id: str, num_tasks: int = 20_000, *, uniform: bool = False) -> Rate:
    """Tasks per second at the hardest corner of difficulty, or all over it, all families in turn."""
    domain = etude_gym.make_domain(env_id)
    worlds, rows = domain.allocate(num_tasks), np.arange(num_tasks)
    keys = mix(1, rows)
    difficulty = domain.space.uniform(keys, 1 << 50) if uniform else np.ones((num_tasks, len(domain.space)))
    tasks = TaskBatch(keys, difficulty, rows % len(domain.space.families))

    def rate() -> float:
        started = time.perf_counter()
        domain.generate(worlds, rows, tasks)
        return num_tasks / (time.perf_counter() - started)

    return rate


def reasoning_gym_rate(name: str, num_tasks: int = 36) -> Rate:
    """Tasks per second of one of reasoning-gym's generators, the same tasks in every round."""
    import reasoning_gym

    tasks = reasoning_gym.create_dataset(name, seed=0, size=num_tasks, **REASONING_GYM[name][1])

    def rate() -> float:
        started = time.perf_counter()
        for i in range(num_tasks):
            tasks[i]
        return num_tasks / (time.perf_counter() - started)

    return rate


def environments() -> list[Row]:
    """Single and vector environments, and task generation at the hardest corner."""
    return [row for subject in SUBJECTS for row in environment_rows(subject)] + reasoning_gym_rows()


def environment_rows(subject: Subject) -> list[Row]:
    """The speed of one domain."""
    name, env_id = subject.name, subject.env_id
    ours, cartpole = take_turns(single_rate(env_id, practice=PRACTICE), single_rate(CARTPOLE_ID))
    adaptive, uniform = take_turns(single_rate(env_id), single_rate(env_id, practice=PRACTICE))
    vector, cartpole_vector = take_turns(vector_rate(env_id, 1024), cartpole_vector_rate(1024))
    hard = take_turns(generation_rate(env_id))[0]
    return [
        Row(
            f"{name}: gym.make, against CartPole-v1", "steps/s", ours, cartpole, ">= 2x", ours >= 2 * cartpole
        ),
        Row(
            f"{name}: gym.make with practice='adaptive', against 'uniform'",
            "steps/s",
            adaptive,
            uniform,
            ">= 0.8x",
            adaptive >= 0.8 * uniform,
        ),
        Row(
            f"{name}: vector of 1,024, against CartPole's native one (4 floats)",
            "steps/s",
            vector,
            cartpole_vector,
            f">= {subject.vector_rate / 1e6:.0f}M",
            vector >= subject.vector_rate,
        ),
        Row(
            f"{name}: tasks generated, hardest corner",
            "tasks/s",
            hard,
            None,
            f">= {subject.task_rate / 1e3:.0f}k",
            hard >= subject.task_rate,
        ),
    ]


def reasoning_gym_rows() -> list[Row]:
    """Logic tasks at the hardest corner against comparable generators, where these are installed."""
    if importlib.util.find_spec("reasoning_gym") is None:
        Console().print("reasoning-gym is not installed, so there is no comparison with its generators.")
        return []
    ours, *theirs = take_turns(generation_rate(LOGIC.env_id), *map(reasoning_gym_rate, REASONING_GYM))
    rates = zip(REASONING_GYM.items(), theirs, strict=True)
    return [
        Row(
            f"logic: against reasoning-gym {name}, hardest ({words})", "tasks/s", ours, rate, "reported", True
        )
        for (name, (words, _)), rate in rates
    ]


def code() -> list[Row]:
    """The domain of programs: making tasks, judging programs, playing."""
    hard, anywhere, built, handed_in, vector, cartpole = take_turns(
        generation_rate(CODE_ID, 600),
        generation_rate(CODE_ID, 600, uniform=True),
        grading_rate(),
        submission_rate(),
        vector_rate(CODE_ID, 64),
        single_rate(CARTPOLE_ID),
    )
    rates = (
        ("tasks generated, hardest corner", "tasks/s", hard, 300),
        ("tasks generated, uniform difficulty", "tasks/s", anywhere, 300),
        ("programs built by actions, graded on all tests", "programs/s", built, 5_000),
        ("text replies to a prompt, read and graded on 20 hidden tests", "replies/s", handed_in, 1_000),
        ("vector of 64, random play", "steps/s", vector, 50_000),
    )
    return [
        Row(f"code: {what}", unit, rate, cartpole, f">= {least:,}", rate >= least)
        for what, unit, rate, least in rates
    ]


def written_programs(count: int) -> tuple[Any, Any]:
    """Tasks of writing at uniform difficulty, and the same with all but the last production written."""
    domain = etude_gym.make_domain(CODE_ID)
    start, rows = domain.allocate(count), np.arange(count)
    keys = mix(2, rows)
    domain.generate(
        start, rows, TaskBatch(keys, domain.space.uniform(keys, 1 << 50), np.zeros(count, np.int64))
    )
    oracle, worlds = domain.solvers()["oracle"], start.copy()
    for _ in range(int(worlds["num_plan"].max())):
        take_actions(worlds, oracle(worlds), worlds["steps"] < worlds["num_plan"] - 1)
    return start, worlds


def take_actions(worlds: Any, actions: Any, active: Any) -> None:
    """Let some episodes take an action."""
    domain, count = etude_gym.make_domain(CODE_ID), len(worlds)
    space: Any = domain.observation_space
    observations = np.zeros((count, *space.shape), space.dtype)
    masks = np.zeros((count, domain.action_space.n), np.int8)
    domain.step(worlds, actions, active, observations, masks, np.zeros(count), np.zeros(count, np.bool_))


def grading_rate(count: int = 500) -> Rate:
    """Programs per second that are completed by their last production and graded on all 24 tests."""
    oracle = etude_gym.make_domain(CODE_ID).solvers()["oracle"]
    _, prepared = written_programs(count)
    actions = oracle(prepared)

    def rate() -> float:
        worlds = prepared.copy()
        started = time.perf_counter()
        take_actions(worlds, actions, np.ones(count, np.bool_))
        spent = time.perf_counter() - started
        assert worlds["solved"].all()
        return count / spent

    return rate


def submission_rate(count: int = 200) -> Rate:
    """Text replies per second that are read, linked, run in the sandbox and graded.

    The prompts were written before, as they always are; the tasks are kept from then on.
    """
    from etude_gym.envs.code.language.printing import render_program

    domain = etude_gym.make_domain(CODE_ID)
    start, _ = written_programs(count)
    for row in range(count):
        domain.prompt(start, row)
    replies = [
        f"```python\n{render_program(tokens[:length].tolist(), int(category))}\n```"
        for tokens, length, category in zip(
            start["reference"], start["num_reference"], start["return_category"], strict=True
        )
    ]

    def rate() -> float:
        worlds = start.copy()
        started = time.perf_counter()
        for row, reply in enumerate(replies):
            domain.submit(worlds, row, domain.parse(worlds, row, reply).submission)
        spent = time.perf_counter() - started
        assert worlds["solved"].all()
        return count / spent

    return rate


def training() -> list[Row]:
    """MaskablePPO against the original, the batched adaptor against DummyVecEnv, what accounting costs."""
    import torch

    torch.set_num_threads(1)
    lean, stock, dummy = take_turns(
        training_rate(batched=True),
        training_rate(batched=True, stock=True),
        training_rate(batched=False, stock=True),
    )
    alone, dummy_alone = take_turns(stepping_rate(batched=True), stepping_rate(batched=False))
    bare, counted = take_turns(training_rate(batched=True), training_rate(batched=True, counted=True))
    counter = take_turns(training_rate(batched=True, steps=8_192, always_on=True))[0]
    logic, stock_logic = take_turns(
        training_rate(LOGIC, batched=True, steps=8_192),
        training_rate(LOGIC, batched=True, steps=8_192, stock=True),
    )
    cost = bare / counted - 1
    return [
        Row(
            "plan: VecEnv of 64 alone, batched against DummyVecEnv",
            "steps/CPU s",
            alone,
            dummy_alone,
            "reported",
            True,
        ),
        Row(
            "plan: MaskablePPO, against the original through DummyVecEnv",
            "steps/CPU s",
            lean,
            dummy,
            ">= 2.5x",
            lean >= 2.5 * dummy,
        ),
        Row(
            "plan: the same, against the original through the batched VecEnv",
            "steps/CPU s",
            lean,
            stock,
            "reported",
            True,
        ),
        Row(
            f"plan: compute accounting costs {cost:+.1%}", "steps/CPU s", counted, bare, "<= 2%", cost <= 0.02
        ),
        Row("plan: an always-on FlopCounterMode instead", "steps/CPU s", counter, bare, "reported", True),
        Row("logic: MaskablePPO, against the original", "steps/CPU s", logic, stock_logic, "reported", True),
    ]


def sb3_env(env_id: str, batched: bool, num_envs: int, counted: bool = False) -> Any:
    """The environments as Stable-Baselines3 sees them, natively batched or one by one."""
    from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

    from etude_gym.agents.sb3.vec_env import BatchedVecEnv
    from etude_gym.wrappers import VectorComputeAccounting

    if not batched:
        return VecMonitor(DummyVecEnv([lambda: gymnasium.make(env_id, practice=PRACTICE)] * num_envs))
    env = gymnasium.make_vec(env_id, num_envs=num_envs, practice=PRACTICE, autoreset_mode="SameStep")
    return BatchedVecEnv(VectorComputeAccounting(env) if counted else env)


def stepping_rate(*, batched: bool, steps: int = 300, num_envs: int = 64) -> Rate:
    """Environment steps per CPU second of a VecEnv alone, masks asked for at every step."""
    from sb3_contrib.common.maskable.utils import get_action_masks

    env = sb3_env(PLAN.env_id, batched, num_envs)
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


def sb3_model(env_id: str, env: Any, *, stock: bool) -> Any:
    """MaskablePPO with the shipped recipe's settings, ours or the original; its compute is not counted."""
    from sb3_contrib import MaskablePPO
    from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy

    from etude_gym.agents.sb3.learner import policy_for
    from etude_gym.agents.sb3.maskable_ppo import LeanMaskablePPO
    from etude_gym.runs.agents import load_recipe

    options = load_recipe("sb3", env_id).options
    policy, arguments = policy_for(
        etude_gym.make_domain(env_id), options.get("policy", "mlp"), tuple(options["network"])
    )
    if stock and isinstance(policy, type):
        methods = {name: getattr(MaskableActorCriticPolicy, name) for name in ("forward", "evaluate_actions")}
        policy = type("StockPolicy", (policy,), methods)
        arguments["optimizer_kwargs"] = {"eps": 1e-5, "fused": False}
    sizes = {name: options[name] for name in ("n_steps", "batch_size", "n_epochs")}
    algorithm = MaskablePPO if stock else LeanMaskablePPO
    return algorithm(policy, env, policy_kwargs=arguments, seed=0, device="cpu", **sizes)


def training_rate(
    subject: Subject = PLAN,
    *,
    batched: bool,
    stock: bool = False,
    counted: bool = False,
    always_on: bool = False,
    steps: int = 32_768,
    num_envs: int = 64,
) -> Rate:
    """Environment steps per CPU second of MaskablePPO with the shipped recipe's settings."""
    from torch.utils.flop_counter import FlopCounterMode

    from etude_gym.agents.flops import PolicyFlops

    model = sb3_model(subject.env_id, sb3_env(subject.env_id, batched, num_envs, counted), stock=stock)
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
    """A start with an empty kernel cache, and one that finds the kernels there."""
    return [
        *(compilation_row(subject.name, subject.env_id, 8.0) for subject in SUBJECTS),
        compilation_row("code", CODE_ID, 40.0),
    ]


def compilation_row(name: str, env_id: str, limit: float) -> Row:
    """The first and the second start of one domain, up to its first observation."""
    program = (
        f"import gymnasium, etude_gym, time; gymnasium.make('{env_id}').reset(seed=0); "
        "print(time.process_time())"
    )
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"NUMBA_CACHE_DIR": cache}
        command = [sys.executable, "-W", "ignore", "-c", program]
        cold, warm = (
            float(subprocess.check_output(command, env=environment, stderr=subprocess.DEVNULL))
            for _ in range(2)
        )
    what = f"{name}: first reset, kernels to compile against kernels in the cache"
    return Row(what, "CPU seconds", cold, warm, f"<= {limit:.0f} s", cold <= limit)


def importing() -> list[Row]:
    """What importing costs, beside gymnasium and numpy in the same process."""
    program = (
        "from time import process_time as now; start = now(); import numpy, gymnasium; middle = now(); "
        "import etude_gym; print(now() - middle, middle - start)"
    )
    rounds = [
        [float(seconds) for seconds in subprocess.check_output([sys.executable, "-c", program]).split()]
        for _ in range(ROUNDS)
    ]
    ours, theirs = (statistics.median(column) for column in zip(*rounds, strict=True))
    what = "import etude_gym, after gymnasium and numpy"
    return [Row(what, "CPU seconds", ours, theirs, "<= 0.3 s", ours <= 0.3)]


def reporting() -> list[Row]:
    """What the report of 100 runs costs: a run of a fiftieth of plan's horizon, as 10 arms with 10 seeds."""
    from etude_gym.practice.strategies import SAMPLERS
    from etude_gym.report.comparison import compare
    from etude_gym.report.page import write_report
    from etude_gym.runs.config import RunConfig
    from etude_gym.runs.experiment import Experiment, ExperimentConfig

    with tempfile.TemporaryDirectory() as folder:
        practiced, copies = Path(folder) / "practiced", Path(folder) / "copies"
        config = ExperimentConfig(arms=("uniform",), seeds=1, horizon=7e9)
        Experiment.create(practiced, config).practice(workers=1)
        for arm in SAMPLERS:
            for seed in range(10):
                copy = copies / arm / f"seed_{seed}"
                shutil.copytree(practiced / "uniform" / "seed_0", copy)
                replace(RunConfig.read(copy), arm=arm, seed=seed).write(copy)
        started = time.process_time()
        write_report(compare([copies]), Path(folder) / "report.html")
        seconds = time.process_time() - started
    return [
        Row("report of 100 runs, comparison included", "CPU seconds", seconds, None, "<= 60", seconds <= 60)
    ]


GROUPS: dict[str, Callable[[], list[Row]]] = {
    "importing": importing,
    "environments": environments,
    "code": code,
    "training": training,
    "compilation": compilation,
    "reporting": reporting,
}


def main(
    only: Literal["importing", "environments", "code", "training", "compilation", "reporting"] | None = None,
) -> None:
    """Print the table.

    Args:
        only: one group of figures.
    """
    if hasattr(os, "sched_setaffinity"):  # the sandbox's own process takes turns on the same core
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    table = Table(title="etude-gym benchmark: median of rounds in turns, one core")
    for column in ("what", "unit", "ours", "theirs", "ratio", "target", ""):
        table.add_column(column, justify="left" if column in ("what", "unit", "target") else "right")
    for name, group in GROUPS.items():
        for row in group() if only in (None, name) else ():
            theirs = "" if row.theirs is None else f"{row.theirs:,.4g}"
            ratio = "" if row.theirs is None else f"{row.ours / row.theirs:.3g}"
            mark = "yes" if row.reached else "NO"
            table.add_row(row.what, row.unit, f"{row.ours:,.4g}", theirs, ratio, row.target, mark)
    Console().print(table)
    Console().print(", ".join(f"{package} {number}" for package, number in versions().items()))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
