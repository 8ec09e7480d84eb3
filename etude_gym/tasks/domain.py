"""The domain contract: what a domain has to implement to become Gymnasium environments and a measure.

A domain is written once, batch first. ``Domain`` is the contract itself, for kernels over struct of
arrays; ``EpisodeDomain`` fulfills it for a domain written as a plain Python object per episode. The
interfaces in ``etude_gym.environment`` turn any domain into a single and a vector environment.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from etude_gym.difficulty.skills import Skill
from etude_gym.difficulty.space import DifficultySpace
from etude_gym.entry_points import load_entry_point
from etude_gym.errors import keywords, unexpected_keyword
from etude_gym.tasks.keys import Starts, TaskBatch
from etude_gym.tasks.observations import Masks, Observations, add_row, observation_allocator
from etude_gym.tasks.prompts import Prompt
from etude_gym.tasks.status import Status

Worlds = NDArray[Any]
"""The states of a batch of episodes, one row each: a structured array, or an array of objects."""

Rows = NDArray[np.int64]
Actions = NDArray[np.int64]

Solver = Callable[[Worlds], Actions]

StepOne = Callable[[Worlds, int, Observations, Masks], tuple[float, bool]]

_FIRST_ROW: Rows = np.zeros(1, dtype=np.int64)
_ACTIVE = np.ones(1, dtype=np.bool_)

NO_ACTION = -(2**31)
"""Stands for no action at all, as when a reply means nothing: illegal in every state of every domain."""


@dataclass(frozen=True)
class Reply:
    """What a text reply means.

    Attributes:
        status: ok, malformed or truncated.
        actions: the actions it stands for, to be played in order.
        problem: what was wrong, in words that help to do better; empty when ok.
        submission: for domains that grade whole answers: what was submitted, in place of actions.
    """

    status: Status
    actions: list[int] = field(default_factory=list)
    problem: str = ""
    submission: Any = None


@dataclass(frozen=True)
class Submission:
    """A whole answer as an action of a single environment, in domains that grade such (``Domain.submit``).

    It goes through ``step`` as any action does, so that every wrapper sees what becomes of it.

    Attributes:
        content: what ``Domain.parse`` found in a reply.
    """

    content: Any


@dataclass(frozen=True)
class Verdict:
    """What a submission is worth.

    Attributes:
        status: ok, or what kept it from being right.
        problem: what was wrong, in words that help to do better; empty when nothing was.
        graded: whether it was graded. If not, as when the machine that should run it failed, nothing has
            happened: the episode goes on, and the failure must not be scored as zero.
    """

    status: Status
    problem: str = ""
    graded: bool = True


class Domain(ABC):
    """A difficulty space, a task generator, rules, a grader and a reference solver.

    Every method works on a batch of n worlds. ``rows``, int64 (m,), are indices into the worlds. Outputs are
    written in place and have one row for each world, whatever ``rows`` are: ``observations`` (n, ...) or a
    dictionary of such arrays, ``masks`` int8 (n, actions), ``rewards`` float64 (n,), ``ends`` bool (n,).

    Attributes:
        name: stable name with version; part of every task key.
        space: the axes and families.
        skills: regions of the space with names in plain words, 5 to 8 of them; no two have a task in common.
        render_modes: what ``render`` can do, "ansi" and "rgb_array" or nothing; environments make the rest
            from that, or from the observation.
        observation_space: a Box or a Dict of Boxes, for one environment.
        action_space: Discrete from 0; the mask says which actions are legal.
        least_left: the fewest actions of the reference solution that a drill leaves to the agent: so many
            that guessing from there is worth nothing.
    """

    name: ClassVar[str]
    space: ClassVar[DifficultySpace]
    skills: ClassVar[tuple[Skill, ...]] = ()
    least_left: ClassVar[int] = 4
    render_modes: ClassVar[tuple[str, ...]] = ()
    observation_space: gymnasium.spaces.Space[Any]
    action_space: Any

    @abstractmethod
    def allocate(self, num_envs: int) -> Worlds:
        """Worlds that ``generate`` will fill.

        Args:
            num_envs: number of episodes side by side.

        Returns:
            Array of shape (num_envs,), structured or of objects.
        """

    @abstractmethod
    def generate(self, worlds: Worlds, rows: Rows, tasks: TaskBatch) -> None:
        """Start new episodes: a pure function of the tasks. Never fails.

        Args:
            worlds: array (n,), written in ``rows``.
            rows: int64 (m,), one for each task.
            tasks: m tasks.
        """

    @abstractmethod
    def observe(self, worlds: Worlds, rows: Rows, observations: Observations, masks: Masks) -> None:
        """Write the observations and the legal actions of some rows.

        Args:
            worlds: array (n,).
            rows: int64 (m,), the rows to write.
            observations: array (n, ...), or a dictionary of such arrays.
            masks: int8 (n, actions), 1 where legal.
        """

    @abstractmethod
    def step(
        self,
        worlds: Worlds,
        actions: Actions,
        active: NDArray[np.bool_],
        observations: Observations,
        masks: Masks,
        rewards: NDArray[np.float64],
        ends: NDArray[np.bool_],
    ) -> None:
        """Let every active row take its action; write all rows of the outputs.

        An illegal action costs the step, changes nothing else and is counted. A running episode always
        has a legal action. The reward is the increase of the score.

        Args:
            worlds: array (n,), changed in place.
            actions: int64 (n,); any integer is allowed.
            active: bool (n,): rows whose episode goes on. The others change nothing, get a reward of 0
                and do not end.
            observations: array (n, ...), or a dictionary of such arrays; written.
            masks: int8 (n, actions), written: 1 where legal.
            rewards: float64 (n,), written.
            ends: bool (n,), written: True where the episode ended in this step.
        """

    def step_one(
        self, worlds: Worlds, action: int, observation: Observations, mask: Masks
    ) -> tuple[float, bool]:
        """``step`` for a single environment, without the batch dimension.

        A kernel domain may override it to spare a single environment the cost of many arrays.

        Args:
            worlds: array (1,), changed in place.
            action: any integer.
            observation: array, or a dictionary of arrays, of the observation space's shape; written.
            mask: int8 (actions,), written: 1 where legal.

        Returns:
            The reward, and whether the episode ended.
        """
        reward, end, actions = np.empty(1), np.empty(1, dtype=np.bool_), np.empty(1, dtype=np.int64)
        actions[0] = action
        self.step(worlds, actions, _ACTIVE, add_row(observation), mask[None], reward, end)
        return reward.item(), end.item()

    def bind_step_one(self, worlds: Worlds, observation: Observations, mask: Masks) -> StepOne:
        """What does the work of ``step_one`` for arrays like these: found once, called at every step.

        Args:
            worlds: array (1,).
            observation: array, or a dictionary of arrays, of the observation space's shape.
            mask: int8 (actions,).
        """
        return self.step_one

    @abstractmethod
    def outcome(self, worlds: Worlds, rows: Rows) -> dict[str, NDArray[Any]]:
        """Grade episodes.

        Args:
            worlds: array (n,).
            rows: int64 (m,), the episodes to grade, ended or not.

        Returns:
            Arrays of shape (m,): "score" in [0, 1], "solved", "illegal_actions" and the score's components.

            Where the agent states how sure it is of its answer, also "confidence" (float64), the probability
            it stated, NaN as long as there is no answer, and "correct" (bool), whether the answer is right.
            The score does not depend on them; see ``etude_gym.measure.confidence``.
        """

    def outcome_one(self, worlds: Worlds) -> dict[str, Any]:
        """``outcome`` of a single environment, in plain Python, ready for JSON.

        A kernel domain overrides it to spare a single environment the cost of many arrays.

        Args:
            worlds: array (1,).

        Returns:
            What ``outcome`` returns, numbers in place of arrays; None for a number that is none.
        """
        return plain({name: value.item() for name, value in self.outcome(worlds, _FIRST_ROW).items()})

    @abstractmethod
    def metrics(self, worlds: Worlds, rows: Rows) -> dict[str, NDArray[Any]]:
        """Realized properties of the tasks (lengths, counts), for diagnosis.

        Args:
            worlds: array (n,).
            rows: int64 (m,).

        Returns:
            Arrays of shape (m,) by name.
        """

    @abstractmethod
    def solvers(self) -> Mapping[str, Solver]:
        """Scripted agents that see the worlds; "oracle", the reference solver, is one of them."""

    def fast_forward(self, worlds: Worlds, rows: Rows, starts: Starts) -> tuple[Starts, int]:
        """Play a part of the reference solution in episodes that have just begun: drills start there.

        Args:
            worlds: array (n,), changed in ``rows``.
            rows: int64 (m,), episodes in which no action was taken yet.
            starts: m starts; at least ``least_left`` actions are left all the same.

        Returns:
            Where they start in fact, exactly, and the number of steps that the reference solver took.
        """
        lengths, steps = self.solution_lengths(worlds, rows)
        played = np.minimum(starts.played(lengths), np.maximum(lengths - self.least_left, 0))
        self.replay(worlds, rows, played)
        return Starts(played / lengths, (lengths - played).astype(np.float64)), steps + int(played.sum())

    def solution_lengths(self, worlds: Worlds, rows: Rows) -> tuple[NDArray[np.int64], int]:
        """How many actions the reference solution of each task has.

        Here the solver plays it in a copy. A domain whose tasks know overrides this.

        Args:
            worlds: array (n,).
            rows: int64 (m,), episodes in which no action was taken yet.

        Returns:
            int64 array of shape (m,), at least 1, and the number of steps that it took to find out.
        """
        copies = self.allocate(len(rows))
        self.load_worlds(copies, self.save_worlds(worlds[rows]))
        lengths = self._follow_solution(copies, np.full(len(rows), np.iinfo(np.int64).max))
        return lengths, int(lengths.sum())

    def replay(self, worlds: Worlds, rows: Rows, numbers: NDArray[np.int64]) -> None:
        """Let the reference solver take the first actions of its solution.

        Args:
            worlds: array (n,), changed in ``rows``.
            rows: int64 (m,), episodes in which no action was taken yet.
            numbers: int64 (m,), how many actions; less than the solution has.
        """
        chosen = worlds[rows]
        self._follow_solution(chosen, numbers)
        worlds[rows] = chosen

    def _follow_solution(self, worlds: Worlds, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Take that many actions of the solution, or all there are, in every world; returns how many."""
        solve, rows = self.solvers()["oracle"], np.arange(len(worlds))
        observations = observation_allocator(self.observation_space, len(rows))()
        masks = np.zeros((len(rows), int(self.action_space.n)), dtype=np.int8)
        rewards, ends = np.zeros(len(rows)), np.zeros(len(rows), dtype=np.bool_)
        self.observe(worlds, rows, observations, masks)  # a domain may note what there is to see
        taken, over = np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows), dtype=np.bool_)
        while (active := (taken < numbers) & ~over).any():
            self.step(worlds, solve(worlds), active, observations, masks, rewards, ends)
            taken += active
            over |= ends
        return taken

    def given(self, worlds: Worlds, rows: Rows) -> NDArray[np.float64]:
        """What episodes that start here have been given: the score of an agent that adds next to nothing.

        A drill pays what is beyond. It is the score so far, unless that is paid in the end alone.

        Args:
            worlds: array (n,).
            rows: int64 (m,).

        Returns:
            float64 in [0, 1), shape (m,).
        """
        score: NDArray[np.float64] = self.outcome(worlds, rows)["score"]
        return score

    def save_worlds(self, worlds: Worlds) -> Any:
        """A copy of worlds as plain parts, which a checkpoint can hold: see ``etude_gym.runs.records``."""
        return worlds.copy()

    def load_worlds(self, worlds: Worlds, state: Any) -> None:
        """Bring worlds into the state that ``save_worlds`` returned.

        Args:
            worlds: array (n,), as many as were saved; written.
            state: what ``save_worlds`` returned.
        """
        worlds[...] = state

    def render(self, worlds: Worlds, row: int, mode: str) -> Any:
        """One row as text or as an image.

        Args:
            worlds: array (n,).
            row: 0 to n - 1.
            mode: "ansi" or "rgb_array", one of ``render_modes``.

        Returns:
            A str for "ansi"; a uint8 array (height, width, 3) for "rgb_array".
        """
        raise NotImplementedError(f"{self.name} has no render mode {mode!r}.")

    def prompt_parts(self, worlds: Worlds, row: int) -> Prompt:
        """One row as a prompt for a language model or a person: rules, format of the reply, task and state.

        Args:
            worlds: array (n,).
            row: 0 to n - 1.
        """
        raise NotImplementedError(f"{self.name} has no text interface.")

    def prompt(self, worlds: Worlds, row: int) -> str:
        """One row as a prompt in one message.

        Args:
            worlds: array (n,).
            row: 0 to n - 1.
        """
        return self.prompt_parts(worlds, row).text

    def parse(self, worlds: Worlds, row: int, reply: str, *, cut: bool = False) -> Reply:
        """The actions that a reply to the prompt stands for. Total: never raises, whatever the reply.

        Args:
            worlds: array (n,).
            row: 0 to n - 1.
            reply: text of any length.
            cut: whether its writer was stopped by a limit of length; what has no end is then "truncated".
                Otherwise the last block ends where the reply does.
        """
        raise NotImplementedError(f"{self.name} has no text interface.")

    def reference(self, worlds: Worlds, row: int) -> str:
        """The worked solution from the present state on, as a reply: it earns all that is left to earn.

        Where something unforeseen happens on the way (``interrupts``), it goes up to there; ask again then.
        Here the reference solver plays in a copy, and its actions stand by name in a fenced block.

        Args:
            worlds: array (n,).
            row: 0 to n - 1, an episode that is not over.
        """
        copy = self.allocate(1)
        self.load_worlds(copy, self.save_worlds(worlds[row : row + 1]))
        solve = self.solvers()["oracle"]
        names: list[str] = []
        observation, mask = (
            observation_allocator(self.observation_space)(),
            np.zeros(self.action_space.n, np.int8),
        )
        self.observe(
            copy, _FIRST_ROW, add_row(observation), mask[None]
        )  # a domain may note what there is to see
        over = False
        while not over and not (names and self.interrupts(copy, 0)):
            action = int(solve(copy)[0])
            names.append(self.action_name(copy, 0, action))
            _, over = self.step_one(copy, action, observation, mask)
        return "\n".join(["```", *names, "```"])

    def pddl(self, worlds: Worlds, row: int) -> tuple[str, str]:
        """The task of one row, as it was at its start, as the texts of a PDDL domain and a PDDL problem.

        Args:
            worlds: array (n,).
            row: 0 to n - 1.

        Raises:
            ValueError: for a task that PDDL cannot express.
        """
        raise NotImplementedError(f"{self.name} has no PDDL form.")

    def reply_schema(self, worlds: Worlds, row: int) -> dict[str, Any]:
        """The JSON schema of a reply, for servers that enforce one; ``parse`` reads such replies as well.

        Args:
            worlds: array (n,).
            row: 0 to n - 1; the schema may depend on the family.
        """
        raise NotImplementedError(f"{self.name} has no JSON form of replies.")

    def submit(self, worlds: Worlds, row: int, submission: Any) -> Verdict:
        """Grade a submission, which ends the episode. Total: never raises on any submission.

        Args:
            worlds: array (n,), changed in place.
            row: 0 to n - 1.
            submission: what ``parse`` found in a reply.
        """
        raise NotImplementedError(f"{self.name} takes actions, no submissions.")

    def action_name(self, worlds: Worlds, row: int, action: int) -> str:
        """An action in words, as ``parse`` understands them.

        Args:
            worlds: array (n,).
            row: 0 to n - 1; names may depend on the task.
            action: 0 to the number of actions less one.
        """
        return str(action)

    def interrupts(self, worlds: Worlds, row: int) -> bool:
        """Whether the last action had a consequence that has to be reported before the next one is chosen.

        The other actions of a reply are then not played, and a new prompt is written.

        Args:
            worlds: array (n,).
            row: 0 to n - 1.
        """
        return False


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """Make values of ``outcome`` or ``metrics`` ready for JSON: None for a number that is none.

    Args:
        values: Python numbers and booleans by name; changed.

    Returns:
        The same dictionary.
    """
    for name, value in values.items():
        if value != value:
            values[name] = None
    return values


def load_domain(
    entry_point: str | Domain | type[Domain], receiver: Callable[..., Any] | None = None, /, **options: Any
) -> Domain:
    """A domain from an entry point such as ``"etude_gym.envs.plan.domain:PlanDomain"``.

    Args:
        entry_point: "module:Class", a class, or a domain, which is returned as it is.
        receiver: function or class that was given the options among arguments of its own; the error about an
            option that does not exist names it and its arguments.
        options: arguments of the class (the observation variant, for example).

    Raises:
        TypeError: for an option that the class does not take.
        ValueError: if there is no such class, or its actions are not Discrete from 0.
    """
    made = load_entry_point(entry_point) if isinstance(entry_point, str) else entry_point
    taken = keywords(made) if callable(made) else ()
    others = keywords(receiver) if receiver else ()
    for option in options:
        if option not in taken and "**" not in taken:
            allowed = [name for name in (*taken, *others) if name not in ("**", "domain")]
            called = receiver or (made if callable(made) else load_domain)
            raise unexpected_keyword(called, option, allowed)
    domain = made(**options) if callable(made) else made
    if not isinstance(domain, Domain):
        raise ValueError(f"{entry_point!r} is no Domain but {type(domain).__name__}.")
    _check_actions(domain)
    return domain


def _check_actions(domain: Domain) -> None:
    """Refuse a domain whose actions a mask cannot name one by one."""
    space = domain.action_space
    if not isinstance(space, gymnasium.spaces.Discrete) or space.start != 0:
        raise ValueError(
            f"{domain.name} has the action space {space}; a domain's actions are Discrete and begin at 0, so "
            "that a mask can say which are legal: number the combinations of a MultiDiscrete space "
            "(numpy.unravel_index), and cut a Box into levels."
        )
