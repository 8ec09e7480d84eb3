"""EtudePlan-v0: gather, craft, carry and deliver before time and energy run out."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.calibration import shipped_calibration
from etude_gym.difficulty.skills import Skill, skill
from etude_gym.difficulty.space import Axis, DifficultySpace
from etude_gym.envs.plan import generator, kernel, oracle
from etude_gym.errors import check_name
from etude_gym.tasks.domain import Reply, Rows, Worlds
from etude_gym.tasks.kernel_domain import KernelDomain, Kernels
from etude_gym.tasks.prompts import Prompt

AXES = (
    Axis(
        "horizon",
        "how long the plan is: items to gather and craft, places to visit",
        "2 gather and craft actions, 3 places",
        "20 gather and craft actions, 8 places",
    ),
    Axis(
        "resources",
        "how tight time, energy and carrying capacity are",
        "much slack in time, room for an item or two more than any recipe needs, fuel in 3 places",
        "next to no slack in time, no room to spare, fuel at the depot only",
    ),
    Axis(
        "contingency",
        "how many chance events strike: sources run dry, items break, energy leaks",
        "none",
        "4 events",
    ),
    Axis(
        "decomposition",
        "how deep the goals are: recipes whose ingredients have recipes of their own",
        "raw items",
        "items of recipe depth 3",
    ),
)

SKILLS = (
    skill(
        "errands", horizon=(0.0, 0.5), decomposition=(0.0, 0.5), resources=(0.0, 0.5), contingency=(0.0, 0.5)
    ),
    skill(
        "tight budgets",
        horizon=(0.0, 0.5),
        decomposition=(0.0, 0.5),
        resources=(0.5, 1.0),
        contingency=(0.0, 0.5),
    ),
    skill(
        "mishaps", horizon=(0.0, 0.5), decomposition=(0.0, 0.5), resources=(0.0, 0.5), contingency=(0.5, 1.0)
    ),
    skill(
        "mishaps on a tight budget",
        horizon=(0.0, 0.5),
        decomposition=(0.0, 0.5),
        resources=(0.5, 1.0),
        contingency=(0.5, 1.0),
    ),
    skill("long plans", horizon=(0.5, 1.0), decomposition=(0.0, 0.5)),
    skill("deep recipes", horizon=(0.0, 0.5), decomposition=(0.5, 1.0)),
    skill("long plans of deep recipes", horizon=(0.5, 1.0), decomposition=(0.5, 1.0)),
)

RAW_TABLES = (
    "distance",
    "road",
    "fuel",
    "station",
    "ingredient",
    "amount",
    "goal",
    "source",
    "stock",
    "delivered",
)
"""Columns of the world that the "raw" observation variant shows as they are."""

GRADED = ("delivered_work", "total_work", "illegal_actions", "struck", "time", "time_limit")
"""Columns of the world from which ``grade`` works out the results."""


def _generate(worlds: Worlds, rows: Rows, keys: Any, difficulty: Any, families: Any) -> None:
    """Start tasks of the one family there is."""
    generator.generate_batch(worlds, rows, keys, difficulty)


def _count_bits(numbers: Any) -> Any:
    return numbers.bit_count() if isinstance(numbers, int) else np.bitwise_count(numbers)


KERNELS = Kernels(
    world=kernel.WORLD,
    generate=_generate,
    observe=kernel.observe_batch,
    step=kernel.step_batch,
    step_one=kernel.step_one,
    replay=oracle.replay_batch,
    solvers={
        "oracle": functools.partial(oracle.oracle_batch, greedy=False),
        "greedy": functools.partial(oracle.oracle_batch, greedy=True),
    },
)


class PlanDomain(KernelDomain):
    """Sequential planning: deliver crafted goods on a random map.

    The agent starts at the depot of a random connected map of 3 to 8 places. Goals are items to be
    delivered there. Raw items are gathered where they occur; crafted items consume ingredients, some only
    at their station. Carrying capacity and energy are limited, energy is refilled at places with fuel,
    time runs out. Sources may run dry, carried items may break, energy may leak.

    Actions (Discrete 19): 0-7 travel to a place along the shortest path, 8-11 gather a raw item, 12-15
    craft an item, 16 deliver everything wanted, 17 refuel, 18 discard one item. A travel takes as much
    time and energy as its distance, everything else takes one unit of time.

    Score: half the share of the work that is delivered, where the work of an item is the number of
    gather and craft actions that make it, and half for delivering everything. The reward is the increase
    of the score, so an episode's return is its score. The episode ends when everything is delivered,
    time is up, or nothing is legal any more.

    The domain card, ``envs/plan/README.md``, documents the observation field by field.

    Args:
        observation: "compact" (a vector of relational features) or "raw" (a Dict that adds the map, the
            recipes and the goals as tables).

    Example:
        >>> import gymnasium as gym, etude_gym
        >>> env = gym.make("EtudePlan-v0", difficulty={"horizon": 0.0, "decomposition": 0.0})
        >>> observation, info = env.reset(seed=0)
        >>> observation.shape, info["family"]
        ((92,), 'delivery')
    """

    name: ClassVar[str] = "plan-v0"
    kernels: ClassVar[Kernels] = KERNELS
    results: ClassVar[Mapping[str, str]] = {column: column for column in GRADED}
    render_modes: ClassVar[tuple[str, ...]] = ("ansi", "rgb_array")
    space: ClassVar[DifficultySpace] = DifficultySpace(AXES, ("delivery",), shipped_calibration(__file__))
    skills: ClassVar[tuple[Skill, ...]] = SKILLS

    def __init__(self, observation: str = "compact") -> None:
        check_name("observation variant", observation, ("compact", "raw"))
        compact = gymnasium.spaces.Box(0.0, 20.0, (kernel.NUM_FEATURES,), np.float32)
        self.observation_space = compact
        if observation == "raw":
            self.tables = RAW_TABLES
            tables = {
                name: gymnasium.spaces.Box(-1, 127, kernel.WORLD[name].shape, np.int8) for name in RAW_TABLES
            }
            self.observation_space = gymnasium.spaces.Dict({"features": compact, **tables})
        self.action_space = gymnasium.spaces.Discrete(kernel.NUM_ACTIONS)

    def grade(self, columns: dict[str, Any]) -> dict[str, Any]:
        share = columns["delivered_work"] / columns["total_work"]
        solved = share == 1.0
        return {
            "score": (1 - kernel.COMPLETION) * share + kernel.COMPLETION * solved,
            "solved": solved,
            "delivered": share,
            "illegal_actions": columns["illegal_actions"],
            "events": _count_bits(columns["struck"]),
            "time_used": columns["time"] / columns["time_limit"],
        }

    def solution_lengths(self, worlds: Worlds, rows: Rows) -> tuple[NDArray[np.int64], int]:
        return worlds["reference_actions"][rows].astype(np.int64), 0

    def metrics(self, worlds: Worlds, rows: Rows) -> dict[str, NDArray[Any]]:
        tasks = worlds[rows]
        return {
            "work": tasks["total_work"],
            "depth": np.where(tasks["goal"] > 0, tasks["tier"], 0).max(axis=1),
            "places": tasks["num_places"],
            "events": tasks["num_events"],
            "reference_actions": tasks["reference_actions"],
            "slack": tasks["time_limit"] / tasks["reference_time"],
        }

    def action_name(self, worlds: Worlds, row: int, action: int) -> str:
        from etude_gym.envs.plan.text import action_name

        return action_name(worlds[row], action)

    def interrupts(self, worlds: Worlds, row: int) -> bool:
        return bool(worlds[row]["last_event"] >= 0)

    def render(self, worlds: Worlds, row: int, mode: str) -> Any:
        if mode == "ansi":
            from etude_gym.envs.plan.text import describe_state

            return describe_state(worlds[row])
        from etude_gym.envs.plan.picture import draw

        return draw(worlds[row])

    def pddl(self, worlds: Worlds, row: int) -> tuple[str, str]:
        from etude_gym.envs.plan.pddl import write_pddl

        return write_pddl(worlds[row])

    def prompt_parts(self, worlds: Worlds, row: int) -> Prompt:
        from etude_gym.envs.plan.text import write_prompt

        return write_prompt(worlds[row])

    def parse(self, worlds: Worlds, row: int, reply: str, *, cut: bool = False) -> Reply:
        from etude_gym.envs.plan.replies import parse_reply

        return parse_reply(worlds[row], reply, cut)

    def reply_schema(self, worlds: Worlds, row: int) -> dict[str, Any]:
        from etude_gym.envs.plan.replies import reply_schema

        return reply_schema(worlds[row])
