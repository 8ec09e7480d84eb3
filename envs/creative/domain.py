"""EtudeCreative-v0: invent what works and what hardly anybody would think of."""

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
from etude_gym.envs.creative import generator, kernel, oracle
from etude_gym.tasks.domain import Reply, Rows, Worlds
from etude_gym.tasks.kernel_domain import KernelDomain, Kernels
from etude_gym.tasks.observation_layout import ConceptLayout, Holders, ItemSet
from etude_gym.tasks.prompts import Prompt

AXES = (
    Axis(
        "remoteness",
        "how far the ideas lie from what comes to mind: hidden in things, and rare",
        "all aspects are seen at once; the four most familiar ways but one will do",
        "two of three aspects are hidden; it takes the four least familiar ways",
    ),
    Axis(
        "combination",
        "how much an artifact has to join: effects, and properties that arise from two others",
        "1 effect",
        "3 effects, and in every other artifact a property that arises",
    ),
    Axis(
        "constraints",
        "how many properties are forbidden or clash",
        "none",
        "3 forbidden properties and 8 clashes",
    ),
    Axis(
        "diversity",
        "how many ideas are wanted that share no way",
        "1",
        "4",
    ),
)

SKILLS = (
    skill("one idea", "invent", combination=(0.0, 0.5), diversity=(0.0, 0.5)),
    skill("ideas of many parts", "invent", combination=(0.5, 1.0), diversity=(0.0, 0.5)),
    skill("several ideas", "invent", diversity=(0.5, 1.0)),
    skill("uses near at hand", "uses", remoteness=(0.0, 0.5)),
    skill("remote uses", "uses", remoteness=(0.5, 1.0)),
    skill("free repairs", "repair", constraints=(0.0, 0.5)),
    skill("repairs under constraints", "repair", constraints=(0.5, 1.0)),
)

RESULTS = ("score", "solved", "ideas", "originality", "looks", "illegal_actions")
"""Columns of the world that ``outcome`` reports under their own names."""

METRICS = {
    "remoteness": "num_hidden",
    "combination": "required",
    "constraints": "num_constraints",
    "diversity": "num_ideas",
    "reference_looks": "reference_looks",
    "reference_actions": "reference_actions",
}
"""Columns of the world that ``metrics`` reports, by the names it gives them."""

LAYOUT = ConceptLayout(
    num_globals=kernel.PROPERTIES_AT,
    concepts=ItemSet(
        "properties",
        kernel.PROPERTIES_AT,
        kernel.NUM_PROPERTIES,
        len(kernel.PROPERTY_FEATURES),
        first_action=0,
        heads=0,
    ),
    kinds=kernel.NUM_KINDS,
    pointed=Holders(
        ItemSet(
            "aspects",
            kernel.ASPECTS_AT,
            kernel.NUM_ASPECTS,
            len(kernel.ASPECT_FEATURES),
            kernel.JOIN,
            heads=1,
        ),
        slots=kernel.MAX_SLOTS,
        group=kernel.NUM_LEVELS,
    ),
    groups=ItemSet(
        "things", kernel.THINGS_AT, kernel.NUM_THINGS, len(kernel.THING_FEATURES), kernel.LOOK, heads=1
    ),
    others=(
        Holders(
            ItemSet(
                "ways", kernel.WAYS_AT, kernel.ALL_WAYS, len(kernel.WAY_FEATURES), first_action=0, heads=0
            ),
            slots=2,
            group=kernel.NUM_WAYS,
        ),
        Holders(
            ItemSet(
                "clashes",
                kernel.CLASHES_AT,
                kernel.MAX_CLASHES,
                len(kernel.CLASH_FEATURES),
                first_action=0,
                heads=0,
            ),
            slots=2,
            group=1,
        ),
    ),
    num_actions=kernel.NUM_ACTIONS,
)
"""Where things stand in the observation, for networks that treat all aspects and all ways alike."""

KERNELS = Kernels(
    world=kernel.WORLD,
    generate=generator.generate_batch,
    observe=kernel.observe_batch,
    step=kernel.step_batch,
    step_one=kernel.step_one,
    replay=oracle.replay_batch,
    solvers={name: functools.partial(oracle.solve_batch, solver=i) for i, name in enumerate(oracle.SOLVERS)},
)


class CreativeDomain(KernelDomain):
    """Creative problem solving: join aspects of things into artifacts that work in a way few would think of.

    A task lists effects, each with six ways: a way joins two properties. Eight things have three aspects
    each, an aspect has up to three properties; some are hidden, and each look at a thing shows one. An
    artifact is a set of aspects of different things. It works if each effect has a complete way, if nothing
    in it is forbidden or clashes, and if nothing in it is idle. In the family ``invent`` one need is met,
    in ``uses`` one thing has to be part of every artifact, in ``repair`` something is there already.

    Actions (Discrete 33): 0-23 join an aspect, 24-31 look at a thing, 32 hand the artifact in. An episode
    ends when as many artifacts are handed in as ideas are wanted, or after one action more than the
    reference solution has.

    Score: the mean over the ideas wanted of ``.2 + .8 originality``, 0 for what does not work or shares a way
    with an idea that has counted. Originality is surprise under a frozen pool, the task's own typical solver,
    from 0 for the most ordinary idea to 1 for the least original one that was planted. The reward is the
    increase of the score, paid when an artifact is handed in.

    The domain card, ``envs/creative/README.md``, documents the observation field by field.

    Example:
        >>> import gymnasium as gym, etude_gym
        >>> env = gym.make("EtudeCreative-v0", family="uses", difficulty={"diversity": 1.0})
        >>> observation, info = env.reset(seed=0)
        >>> observation.shape, info["family"]
        ((234,), 'uses')
    """

    name: ClassVar[str] = "creative-v0"
    kernels: ClassVar[Kernels] = KERNELS
    results: ClassVar[Mapping[str, str]] = {column: column for column in RESULTS}
    measured: ClassVar[Mapping[str, str]] = METRICS
    render_modes: ClassVar[tuple[str, ...]] = ("ansi",)
    space: ClassVar[DifficultySpace] = DifficultySpace(
        AXES, generator.FAMILIES, shipped_calibration(__file__)
    )
    skills: ClassVar[tuple[Skill, ...]] = SKILLS

    layout: ClassVar[ConceptLayout] = LAYOUT

    def __init__(self) -> None:
        self.observation_space = gymnasium.spaces.Box(-1.0, 4.0, (kernel.NUM_FEATURES,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(kernel.NUM_ACTIONS)

    def solution_lengths(self, worlds: Worlds, rows: Rows) -> tuple[NDArray[np.int64], int]:
        return worlds["reference_actions"][rows].astype(np.int64), 0

    def action_name(self, worlds: Worlds, row: int, action: int) -> str:
        from etude_gym.envs.creative.text import action_name

        return action_name(worlds[row], action)

    def render(self, worlds: Worlds, row: int, mode: str) -> str:
        from etude_gym.envs.creative.text import describe_state

        return describe_state(worlds[row])

    def prompt_parts(self, worlds: Worlds, row: int) -> Prompt:
        from etude_gym.envs.creative.text import write_prompt

        return write_prompt(worlds[row])

    def parse(self, worlds: Worlds, row: int, reply: str, *, cut: bool = False) -> Reply:
        from etude_gym.envs.creative.replies import parse_reply

        return parse_reply(worlds[row], reply, cut)

    def reference(self, worlds: Worlds, row: int) -> str:
        from etude_gym.envs.creative.text import write_reply

        copy = worlds[row : row + 1].copy()
        observation, mask = np.empty(kernel.NUM_FEATURES, np.float32), np.empty(kernel.NUM_ACTIONS, np.int8)
        actions: list[int] = []
        while not copy["over"][0]:
            actions.append(int(self.solvers()["oracle"](copy)[0]))
            self.step_one(copy, actions[-1], observation, mask)
        return write_reply(worlds[row], actions)

    def reply_schema(self, worlds: Worlds, row: int) -> dict[str, Any]:
        from etude_gym.envs.creative.replies import reply_schema

        return reply_schema(worlds[row])
