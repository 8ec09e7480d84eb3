"""MyDomain-v0: axes, families, skills and spaces."""

from __future__ import annotations

from collections.abc import Mapping

import gymnasium
import numpy as np

from etude_gym import Axis, DifficultySpace, EpisodeDomain
from etude_gym.difficulty.calibration import shipped_calibration
from etude_gym.difficulty.skills import skill
from etude_gym.tasks.domain import Reply, Solver, Worlds
from etude_gym.tasks.prompts import Prompt
from my_domain import text
from my_domain.safe import DIGITS, OBSERVATION_SIZE, Safe, make_safe

AXES = (
    Axis("length", "how long the code is", "4 digits", "8 digits"),
    Axis("turn", "how far each digit is turned", "not at all", "by 2"),
)
FAMILIES = ("forward", "backward")
SKILLS = (
    skill("short codes", "forward", length=(0.0, 0.5), turn=(0.0, 0.5)),
    skill("long codes", "forward", length=(0.5, 1.0), turn=(0.0, 0.5)),
    skill("short turned codes", "forward", length=(0.0, 0.5), turn=(0.5, 1.0)),
    skill("long turned codes", "forward", length=(0.5, 1.0), turn=(0.5, 1.0)),
    skill("codes backward", "backward", turn=(0.0, 0.5)),
    skill("turned codes backward", "backward", turn=(0.5, 1.0)),
)


class MyDomain(EpisodeDomain):
    """Open safes: enter a code, turned and perhaps backward.

    Observation (Box 26): the first and the last digit that are left and the turn, one-hot; whether the code
    is entered backward; digits and steps left. Actions (Discrete 10): enter a digit. The score is the share
    of the code that was entered.
    """

    name = "my-domain-v0"
    space = DifficultySpace(AXES, FAMILIES, shipped_calibration(__file__))
    skills = SKILLS

    def __init__(self) -> None:
        self.observation_space = gymnasium.spaces.Box(0.0, 1.0, (OBSERVATION_SIZE,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(DIGITS)

    def start(self, key: int, difficulty: dict[str, float], family: str) -> Safe:
        return make_safe(key, difficulty["length"], difficulty["turn"], family == "backward")

    def solvers(self) -> Mapping[str, Solver]:
        """The oracle, and a solver that forgets the turn: it feels the axis that slips do not."""
        literal = lambda worlds: np.array([safe.literal_action() for safe in worlds])  # noqa: E731
        return {**super().solvers(), "literal": literal}

    def prompt_parts(self, worlds: Worlds, row: int) -> Prompt:
        return text.prompt_parts(worlds[row])

    def parse(self, worlds: Worlds, row: int, reply: str, *, cut: bool = False) -> Reply:
        return text.parse(reply, cut)

    def action_name(self, worlds: Worlds, row: int, action: int) -> str:
        return text.action_name(action)
