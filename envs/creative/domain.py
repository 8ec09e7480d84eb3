"""EtudeCreative-v0: invent what works and what hardly anybody would think of."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.space import Axis, DifficultySpace
from etude_gym.envs.creative import generator, kernel, oracle
from etude_gym.tasks.domain import Rows, Worlds
from etude_gym.tasks.kernel_domain import KernelDomain, Kernels
from etude_gym.tasks.observation_layout import ConceptLayout, Holders, ItemSet

AXES = (
    Axis(
        "remoteness",
        "how far the ideas lie from what comes to mind: hidden in things, and rare",
        "all aspects are seen at once; the three most familiar ways but one will do",
        "two of three aspects are hidden; it takes the three least familiar ways",
    ),
    Axis(
        "combination",
        "how much an artefact has to join: effects, and properties that arise from two others",
        "1 effect",
        "3 effects, and a property that arises",
    ),
    Axis(
        "constraints",
        "how many properties are forbidden or clash",
        "none",
        "3 forbidden properties and 6 clashes",
    ),
    Axis(
        "diversity",
        "how many ideas are wanted that share no way",
        "1",
        "3",
    ),
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
    """Creative problem solving."""

    name: ClassVar[str] = "creative-v0"
    kernels: ClassVar[Kernels] = KERNELS
    results: ClassVar[Mapping[str, str]] = {column: column for column in RESULTS}
    measured: ClassVar[Mapping[str, str]] = METRICS
    render_modes: ClassVar[tuple[str, ...]] = ()
    space: ClassVar[DifficultySpace] = DifficultySpace(AXES, generator.FAMILIES)

    layout: ClassVar[ConceptLayout] = LAYOUT

    def __init__(self) -> None:
        self.observation_space = gymnasium.spaces.Box(-1.0, 4.0, (kernel.NUM_FEATURES,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(kernel.NUM_ACTIONS)

    def solution_lengths(self, worlds: Worlds, rows: Rows) -> tuple[NDArray[np.int64], int]:
        return worlds["reference_actions"][rows].astype(np.int64), 0
