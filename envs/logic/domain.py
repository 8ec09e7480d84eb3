"""EtudeLogic-v0: decide whether premises entail a query, and show it."""

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
from etude_gym.envs.logic import generator, kernel, oracle
from etude_gym.errors import check_name
from etude_gym.tasks.domain import Reply, Rows, Worlds
from etude_gym.tasks.kernel_domain import KernelDomain, Kernels
from etude_gym.tasks.observation_layout import ClauseLayout, ItemSet
from etude_gym.tasks.observations import observation_allocator
from etude_gym.tasks.prompts import Prompt

AXES = (
    Axis(
        "chain",
        "how long the arguments are: premises in the shortest proof of the query or of its negation",
        "3 premises",
        "8 premises",
    ),
    Axis(
        "constraints",
        "how many disjunctions or exactly-one groups an argument has to use together",
        "none (cases and puzzle: 1)",
        "3",
    ),
    Axis(
        "context",
        "how near incomplete arguments come to being complete: what they need is stated, all but one premise",
        "one in three of the premises particular to an incomplete argument is stated",
        "all but one are stated, and that one with a further condition that nothing fulfills",
    ),
    Axis(
        "distractors",
        "how many premises never matter: dead ends, near misses, loose ends, idle choices",
        "none",
        "10",
    ),
)

SKILLS = (
    skill("short syllogisms", "syllogism", chain=(0.0, 0.5)),
    skill("long syllogisms", "syllogism", chain=(0.5, 1.0)),
    skill("short chains", "chain", chain=(0.0, 0.5)),
    skill("long chains", "chain", chain=(0.5, 1.0)),
    skill("one case", "cases", constraints=(0.0, 0.5)),
    skill("several cases", "cases", constraints=(0.5, 1.0)),
    skill("simple puzzles", "puzzle", constraints=(0.0, 0.5)),
    skill("puzzles with several choices", "puzzle", constraints=(0.5, 1.0)),
)


RESULTS = (
    "score",
    "solved",
    "correct",
    "support",
    "wasted_actions",
    "confidence",
    "brier",
    "answer",
    "splits",
    "illegal_actions",
)
"""Columns of the world that ``outcome`` reports under their own names."""

METRICS = {
    "chain": "argument_length",
    "constraints": "num_constraints",
    "context": "stated",
    "distractors": "num_distractors",
    "status": "status",
    "premises": "num_premises",
    "reference_actions": "reference_actions",
}
"""Columns of the world that ``metrics`` reports, by the names it gives them."""

VARIANTS = ("plain", "hints")
WORDINGS = ("english", "formal")


def _layout(hints: bool) -> ClauseLayout:
    """The layout of the observation, for networks that treat all premises and all literals alike."""
    return ClauseLayout(
        num_globals=kernel.ATOMS_AT,
        atoms=ItemSet(
            "atoms", kernel.ATOMS_AT, kernel.MAX_ATOMS, len(kernel.ATOM_FEATURES), kernel.ASSUME, heads=2
        ),
        clauses=ItemSet(
            "premises",
            kernel.PREMISES_AT,
            kernel.MAX_PREMISES,
            len(kernel.PREMISE_FEATURES) + hints * len(kernel.PREMISE_HINTS),
            kernel.APPLY,
            heads=1,
        ),
        literals_per_clause=kernel.MAX_LITERALS,
        last_globals=1 + kernel.NUM_STATUSES,
        answers=(kernel.ANSWER, kernel.NUM_STATUSES),
        levels=kernel.CONFIDENCE,
    )


KERNELS = Kernels(
    world=kernel.WORLD,
    generate=generator.generate_batch,
    observe=kernel.observe_batch,
    step=kernel.step_batch,
    step_one=kernel.step_one,
    replay=oracle.replay_batch,
    solvers={name: functools.partial(oracle.solve_batch, solver=i) for i, name in enumerate(oracle.SOLVERS)},
)


class LogicDomain(KernelDomain):
    """Multi-step logical reasoning: is a query entailed, refuted, unknown, or are the premises inconsistent?

    Premises over up to 16 atoms are rules, disjunctions and exactly-one groups; some literals are facts.
    The agent draws what follows from one premise at a time, assumes literals and retracts them (what led to
    a contradiction is refuted), answers with a status, and says how sure it is.

    Actions (Discrete 66): 0-23 apply a premise, 24-39 assume that an atom is true, 40-55 that it is false,
    56 retract the last assumption, 57-60 answer entailed, refuted, unknown, inconsistent, 61-65 state a
    confidence of 30, 50, 70, 85 or 97%. An episode ends with the confidence, or after 40 actions.

    Score: a wrong status earns nothing, a right one as much as it is shown: by a proof (of the query, of its
    negation, of a contradiction) without assumptions, or for "unknown" by two models, one with the query
    true and one with it false. Each action beyond those of the reference solution costs 8%, 60% at most.
    The reward is the score, paid at the answer; the confidence does not change it.

    The domain card, ``envs/logic/README.md``, documents the observation field by field.

    Args:
        observation: "plain", or "hints", which adds what a look at the literals of each premise would tell.
        wording: how tasks are told in text: "english" sentences or "formal" notation.

    Example:
        >>> import gymnasium as gym, etude_gym
        >>> env = gym.make("EtudeLogic-v0", family="cases", difficulty={"distractors": 0.0})
        >>> observation, info = env.reset(seed=0)
        >>> observation.shape, info["family"]
        ((361,), 'cases')
    """

    name: ClassVar[str] = "logic-v0"
    least_left: ClassVar[int] = 3  # a step of the proof or to a model, the answer, the confidence
    kernels: ClassVar[Kernels] = KERNELS
    results: ClassVar[Mapping[str, str]] = {column: column for column in RESULTS}
    measured: ClassVar[Mapping[str, str]] = METRICS
    render_modes: ClassVar[tuple[str, ...]] = ("ansi",)
    space: ClassVar[DifficultySpace] = DifficultySpace(
        AXES, generator.FAMILIES, shipped_calibration(__file__)
    )
    skills: ClassVar[tuple[Skill, ...]] = SKILLS

    def __init__(self, observation: str = "plain", wording: str = "english") -> None:
        check_name("observation variant", observation, VARIANTS)
        self.wording = check_name("wording", wording, WORDINGS)
        hints = observation == "hints"
        size = kernel.NUM_FEATURES_WITH_HINTS if hints else kernel.NUM_FEATURES
        self.layout = _layout(hints)
        self.observation_space = gymnasium.spaces.Box(-1.0, 1.0, (size,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(kernel.NUM_ACTIONS)

    def solution_lengths(self, worlds: Worlds, rows: Rows) -> tuple[NDArray[np.int64], int]:
        return worlds["reference_actions"][rows].astype(np.int64), 0

    def given(self, worlds: Worlds, rows: Rows) -> NDArray[np.float64]:
        """The score of the right answer, given now: support that was there is not paid."""
        answered = worlds[rows]
        n = len(answered)
        features = observation_allocator(self.observation_space, n)()
        masks = np.empty((n, kernel.NUM_ACTIONS), dtype=np.int8)
        answers = kernel.ANSWER + answered["status"].astype(np.int64)
        self.step(
            answered, answers, np.ones(n, np.bool_), features, masks, np.empty(n), np.empty(n, np.bool_)
        )
        return answered["score"]  # type: ignore[no-any-return]

    def action_name(self, worlds: Worlds, row: int, action: int) -> str:
        from etude_gym.envs.logic.text import action_name

        return action_name(worlds[row], action, self.wording)

    def render(self, worlds: Worlds, row: int, mode: str) -> str:
        from etude_gym.envs.logic.text import describe_state

        return describe_state(worlds[row], self.wording)

    def prompt_parts(self, worlds: Worlds, row: int) -> Prompt:
        from etude_gym.envs.logic.text import write_prompt

        return write_prompt(worlds[row], self.wording)

    def parse(self, worlds: Worlds, row: int, reply: str, *, cut: bool = False) -> Reply:
        from etude_gym.envs.logic.replies import parse_reply

        return parse_reply(worlds[row], reply, self.wording, cut)

    def reference(self, worlds: Worlds, row: int) -> str:
        from etude_gym.envs.logic.text import write_reply

        return write_reply(super().reference(worlds, row).split("\n")[1:-1])

    def reply_schema(self, worlds: Worlds, row: int) -> dict[str, Any]:
        from etude_gym.envs.logic.replies import reply_schema

        return reply_schema(bool(worlds[row]["answer"] >= 0))
