"""EtudeCode-v0: write, repair and restructure small Python programs."""

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
from etude_gym.envs.code import generator, kernel, limits, oracle
from etude_gym.envs.code.actions import MAX_MODULES, NUM_ACTIONS
from etude_gym.envs.code.facts import PROGRAM, exercise_of, first_path, solution_of
from etude_gym.envs.code.language import grammar, tokens
from etude_gym.envs.code.language.running import machines
from etude_gym.envs.code.packages import damages
from etude_gym.envs.code.programs import catalog, drafts
from etude_gym.envs.code.submissions.runner import Runner, make_runner
from etude_gym.tasks.domain import Reply, Rows, Verdict, Worlds
from etude_gym.tasks.kernel_domain import KernelDomain, Kernels
from etude_gym.tasks.observation_layout import DerivationLayout
from etude_gym.tasks.prompts import Prompt
from etude_gym.tasks.status import Status

AXES = (
    Axis(
        "length",
        "how much there is: steps of the program (debug: mistakes too), modules of the package",
        "2 steps (debug: 1 mistake), 2 modules",
        "8 steps (debug: 4 mistakes), 8 modules",
    ),
    Axis(
        "abstractions",
        "helpers that build on one another; refactor: structure that was lost and has to be restored",
        "no helper, 1 damage",
        "3 helpers, 5 damages",
    ),
    Axis(
        "edge_cases",
        "guarded branches, and hidden tests that run into them; refactor: functions with a condition",
        "none",
        "3 branches, hit by half of the hidden tests; every function",
    ),
    Axis(
        "transfer",
        "share of steps (functions) from logic, planning or modular arithmetic, named but not spelled out",
        "none",
        "all that can be",
    ),
)

SKILLS = (
    skill("short programs", "synthesize", length=(0.0, 0.5), abstractions=(0.0, 0.5)),
    skill("long programs", "synthesize", length=(0.5, 1.0), abstractions=(0.0, 0.5)),
    skill("programs with helpers", "synthesize", abstractions=(0.5, 1.0)),
    skill("few mistakes", "debug", length=(0.0, 0.5)),
    skill("many mistakes", "debug", length=(0.5, 1.0)),
    skill("light damage to a package", "refactor", abstractions=(0.0, 0.5)),
    skill("heavy damage to a package", "refactor", abstractions=(0.5, 1.0)),
)

RESULTS = ("score", "solved", "pass_rate", "illegal_actions")
"""Columns of the world that ``outcome`` reports under their own names."""

METRICS = {
    "length": "num_steps",
    "abstractions": "num_helpers",
    "edge_cases": "guarded_share",
    "transfer": "transfer_share",
    "branches": "num_guards",
    "defects": "num_defects",
    "given": "num_given",
    "productions": "num_reference",
    "floor": "floor",
    "reference_actions": "num_plan",
}
"""Columns of the world that ``metrics`` reports, by the names it gives them."""


def _layout() -> DerivationLayout:
    """The layout of the observation, for networks that look at a program as a derivation."""
    largest = {"hole size": 61, "open holes": 16, "room": 120, "steps left": 180, "position": 128}
    largest |= {"variables": 10, "number of sentences": 14, "public tests passed": 4}
    values = {"family": 3, "return category": 8, "writing": 2, "hole category": 8, "variables": 12}
    values |= {"in loop": 2, "in fold": 2, "in helper": 2, "chosen refactoring": 5}
    index = kernel.GLOBALS.index
    symbols = [(index(name), size) for name, size in values.items()]
    symbols += [(index("hole"), grammar.MAX_HOLES * (grammar.NUM_PRODUCTIONS + 1))]
    symbols += [(index("production to replace"), grammar.NUM_PRODUCTIONS + 1)]
    scope = range(kernel.SCOPE_AT, kernel.SPECIFICATION_AT)
    return DerivationLayout(
        symbols=(*symbols, *((at, 8) for at in scope)),
        amounts=tuple((index(name), float(size)) for name, size in largest.items()),
        sentence=index("sentence"),
        sentences=kernel.SPECIFICATION_AT,
        num_sentences=limits.MAX_SPECIFICATION,
        sentence_names=catalog.NUM_STEPS,
        largest_argument=10,
        tokens=kernel.TOKENS_AT,
        num_tokens=tokens.MAX_TOKENS,
        num_productions=grammar.NUM_PRODUCTIONS,
        num_statements=len(grammar.STATEMENT_PRODUCTIONS),
        hole=index("hole"),
        usual=catalog.usual_productions(),
        examples=kernel.EXAMPLES_AT,
        num_examples=limits.NUM_PUBLIC,
        example_size=kernel.EXAMPLE_SIZE,
        definitions=kernel.DEFINITIONS_AT,
        num_definitions=grammar.MAX_DEFINITIONS,
        definition_sizes=(MAX_MODULES + 1, 2, 2, 8, 24),
        first_call=tokens.CALL + 1,
        chosen=index("position of the chosen definition"),
        num_actions=NUM_ACTIONS,
    )


_BLANK = np.zeros((), dtype=kernel.WORLD)


@functools.cache
def _memory(draft: np.dtype[Any]) -> NDArray[Any]:
    """The memory of a generator, one for each process."""
    return np.zeros(1, dtype=draft)


def _generate(worlds: Worlds, rows: Rows, keys: Any, difficulty: Any, families: Any) -> None:
    """Programs and packages have generators of their own, each compiled when it is first needed."""
    worlds[rows] = _BLANK  # nothing of earlier tasks is left
    packages = families == limits.REFACTOR
    if packages.any():
        tasks = (rows[packages], keys[packages], difficulty[packages])
        generator.generate_packages(worlds, *tasks, _memory(damages.DRAFT))
    programs = ~packages
    if programs.any():
        tasks = (rows[programs], keys[programs], difficulty[programs])
        memory = (_memory(drafts.DRAFT), machines())
        generator.generate_programs(worlds, *tasks, families[programs], *memory)


def _step(*arrays: Any) -> None:
    kernel.step_batch(*arrays, machines())


KERNELS = Kernels(
    world=kernel.WORLD,
    generate=_generate,
    observe=kernel.observe_batch,
    step=_step,
    solvers={"oracle": oracle.solve_batch},
)


class CodeDomain(KernelDomain):
    """Programs: write one to a specification, repair one, or restructure a package of several modules.

    The same task can be met in two ways. An RL agent derives a program from a typed grammar: an action fills
    the hole that is open by a production, and what is legal keeps every program valid and bounded. A reader
    of text gets a prompt and submits files, which run in a sandbox. One set of hidden tests judges both.

    Score: pass rate on the hidden tests, strata of tests weighing the same, between a floor (what the best
    constant and the best program of up to four productions reach, or the program to repair) and 1. In a
    package, the share of what can be gained in import cycles, duplicates, longest function and edges between
    modules; behavior is kept by every action, and required of submissions.

    The domain card, ``envs/code/README.md``, documents actions, observation and score.

    Args:
        runner: where submitted text runs: "monty", or an object with the interface of ``runner.Runner``.

    Example:
        >>> import gymnasium as gym, etude_gym
        >>> env = gym.make("EtudeCode-v0", family="synthesize", difficulty={"length": 0.0})
        >>> observation, info = env.reset(seed=0)
        >>> observation.shape, info["family"]
        ((397,), 'synthesize')
    """

    name: ClassVar[str] = "code-v0"
    least_left: ClassVar[int] = 6
    kernels: ClassVar[Kernels] = KERNELS
    results: ClassVar[Mapping[str, str]] = {column: column for column in RESULTS}
    measured: ClassVar[Mapping[str, str]] = METRICS
    render_modes: ClassVar[tuple[str, ...]] = ("ansi",)
    space: ClassVar[DifficultySpace] = DifficultySpace(AXES, limits.FAMILIES, shipped_calibration(__file__))
    skills: ClassVar[tuple[Skill, ...]] = SKILLS

    def __init__(self, runner: str | Runner = "monty") -> None:
        self.runner = make_runner(runner)
        high = np.iinfo(np.int16).max
        self.observation_space = gymnasium.spaces.Box(-high, high, (kernel.NUM_FEATURES,), np.int16)
        self.action_space = gymnasium.spaces.Discrete(NUM_ACTIONS)
        self.layout = _layout()

    def solution_lengths(self, worlds: Worlds, rows: Rows) -> tuple[NDArray[np.int64], int]:
        lengths, steps = worlds["num_plan"][rows], 0
        repairs = np.flatnonzero(worlds["family"][rows] == limits.DEBUG)
        if len(repairs):  # they end as soon as the program is right, which may be before the last repair
            lengths[repairs], steps = super().solution_lengths(worlds, rows[repairs])
        return lengths, steps

    def replay(self, worlds: Worlds, rows: Rows, numbers: NDArray[np.int64]) -> None:
        """Play it, and give readers of text what then stands there; a repair under way is not told."""
        super().replay(worlds, rows, numbers)
        begun = rows[numbers > 0]
        written, repaired, restructured = (
            begun[worlds["family"][begun] == family]
            for family in (limits.SYNTHESIZE, limits.DEBUG, limits.REFACTOR)
        )
        worlds["num_given"][written] = worlds["num_tokens"][written]
        in_repair = worlds["derivation"]["num_open"][repaired] > 0
        for program, part in (("kept", repaired[in_repair]), ("tokens", repaired[~in_repair])):
            worlds["given"][part] = worlds[program][part]
        worlds["package"][restructured] = worlds["present"][restructured]

    def action_name(self, worlds: Worlds, row: int, action: int) -> str:
        from etude_gym.envs.code.terminal_view import action_name

        return action_name(worlds[row], action)

    def render(self, worlds: Worlds, row: int, mode: str) -> str:
        from etude_gym.envs.code.terminal_view import describe_state

        return describe_state(worlds[row])

    def prompt_parts(self, worlds: Worlds, row: int) -> Prompt:
        from etude_gym.envs.code.text import write_prompt

        return write_prompt(exercise_of(worlds[row]))

    def parse(self, worlds: Worlds, row: int, reply: str, *, cut: bool = False) -> Reply:
        from etude_gym.envs.code.submissions.reply import parse_submission

        is_package = self.space.families[worlds[row]["family"]] == "refactor"
        function = None if is_package else PROGRAM
        files = parse_submission(reply, first_path(worlds[row]), function, cut)
        return files if isinstance(files, Reply) else Reply(Status.OK, submission=files)

    def reference(self, worlds: Worlds, row: int) -> str:
        from etude_gym.envs.code.text import write_files

        return write_files(solution_of(worlds[row]))

    def reply_schema(self, worlds: Worlds, row: int) -> dict[str, Any]:
        from etude_gym.envs.code.submissions.reply import reply_schema

        return reply_schema(exercise_of(worlds[row]).files)

    def submit(self, worlds: Worlds, row: int, submission: Any) -> Verdict:
        from etude_gym.envs.code.grader import grade

        world = worlds[row]
        result = grade(exercise_of(world), submission, self.runner)
        if result.status == Status.INFRASTRUCTURE_ERROR:
            return Verdict(result.status, result.message, graded=False)
        world["score"], world["solved"], world["over"] = result.score, result.solved, 1
        world["pass_rate"] = result.pass_rate
        return Verdict(result.status, result.message)
