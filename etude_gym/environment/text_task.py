"""One task as prompts and replies, without the loop of an environment: for harnesses and adapters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from etude_gym.environment.playing import play_reply, remark
from etude_gym.environment.registration import make_domain
from etude_gym.errors import check_name
from etude_gym.practice.blind import UniformSampler
from etude_gym.randomness import check_seed
from etude_gym.tasks.domain import Domain, Submission, Worlds
from etude_gym.tasks.keys import TaskBatch, task_keys
from etude_gym.tasks.observations import Masks, add_row, observation_allocator
from etude_gym.tasks.prompts import Prompt
from etude_gym.tasks.replies import printable
from etude_gym.tasks.status import Status

_ROW = np.zeros(1, dtype=np.int64)


class TextTask:
    """One task as prompts and replies.

    Everything is a function of the task and the replies so far: the same replies lead to the same prompts and
    the same outcome, whatever else runs beside it. A reply that cannot be read costs a step.

    Args:
        env_id: a registered id, or the domain itself.
        key: the task key, 0 to 2**64 - 1.
        difficulty: value in [0, 1] of every axis, by name.
        family: name of the family; not needed where there is one only.

    Attributes:
        key, difficulty, family: the task.
        replies: the replies so far, each with whether it was cut.
        status: of the last reply; None before the first.
        problem: what was wrong with it, in words that help to do better; empty when nothing was.
        over: whether the task has ended.

    Raises:
        ValueError: for an id, axis, value or family that does not exist.

    Example:
        >>> from etude_gym.text import draw_tasks
        >>> [task] = draw_tasks("EtudePlan-v0", "practice", 1, seed=0)
        >>> while not task.over:
        ...     _ = task.reply(task.reference())
        >>> task.outcome()["score"]
        1.0
    """

    def __init__(
        self,
        env_id: str | Domain,
        key: int,
        difficulty: Mapping[str, float] | None = None,
        family: str | None = None,
    ) -> None:
        self.domain = env_id if isinstance(env_id, Domain) else make_domain(env_id)
        space = self.domain.space
        values = space.parse(dict(difficulty or {}))
        if missing := [name for name, value in zip(space.names, values, strict=True) if np.isnan(value)]:
            raise ValueError(f"A task needs a value for every axis; missing: {', '.join(missing)}.")
        if family is None and len(space.families) > 1:
            raise ValueError(f"Name the family, one of {', '.join(space.families)}.")
        self.family = check_name("family", family or space.families[0], space.families)
        if not 0 <= key < 2**64:
            raise ValueError(f"A task key is a whole number from 0 to 2**64 - 1, got {key!r}.")
        self.key, self.difficulty = int(key), space.named(values)
        tasks = TaskBatch(
            np.array([key], dtype=np.uint64), values[None], np.array([space.families.index(self.family)])
        )
        self.worlds: Worlds = self.domain.allocate(1)
        self.domain.generate(self.worlds, _ROW, tasks)
        self._observation = observation_allocator(self.domain.observation_space)()
        self._mask: Masks = np.zeros(int(self.domain.action_space.n), dtype=np.int8)
        self._looked = False
        self._remark = ""
        self.replies: list[tuple[str, bool]] = []
        self.status: Status | None = None
        self.problem = ""
        self.over = False

    @property
    def parts(self) -> Prompt:
        """The present prompt in parts; the task's part begins with what became of the last reply."""
        parts = self.domain.prompt_parts(self.worlds, 0)
        task = f"{self._remark}\n\n{parts.task}" if self._remark else parts.task
        return Prompt(printable(parts.rules), printable(parts.format), printable(task))

    @property
    def prompt(self) -> str:
        """The present prompt in one message, printable ASCII."""
        return self.parts.text

    def reference(self) -> str:
        """The worked solution from here on, as a reply: see ``Domain.reference``."""
        return self.domain.reference(self.worlds, 0)

    def reply_schema(self) -> dict[str, Any]:
        """The JSON schema of replies, for servers that enforce one."""
        return self.domain.reply_schema(self.worlds, 0)

    def reply(self, text: str, *, cut: bool = False) -> str:
        """Play a reply.

        Args:
            text: the reply; any text, even any object, is answered.
            cut: whether its writer was stopped by a limit of length.

        Returns:
            The next prompt; empty when the task is over.

        Raises:
            ValueError: if the task is over.
        """
        if self.over:
            raise ValueError("The task is over: it takes no more replies.")
        meant = self.domain.parse(self.worlds, 0, text, cut=cut)
        moves = list(play_reply(self, self.step, meant))
        self.replies.append((text, cut))
        self.status, self.problem = meant.status, meant.problem
        if meant.submission is not None:
            self.status, self.problem = Status(moves[-1].info["status"]), moves[-1].info["problem"]
        self.over = moves[-1].over
        self._remark = remark(self, meant, moves)
        return "" if self.over else self.prompt

    def outcome(self) -> dict[str, Any]:
        """Grade the task as it stands.

        Returns:
            Score, solved, components of the score and confidence, as ``info`` holds them at an episode's end;
            "status" and "problem" of the last reply, "turns", and "graded": whether the last reply was.
        """
        told = {"status": str(self.status) if self.status else None, "problem": self.problem}
        graded = self.status != Status.INFRASTRUCTURE_ERROR
        return self.domain.outcome_one(self.worlds) | told | {"turns": len(self.replies), "graded": graded}

    @classmethod
    def replay(cls, task: TextTask, replies: Iterable[str | tuple[str, bool]]) -> TextTask:
        """The same task from its beginning, with these replies.

        Args:
            task: in any state; not changed.
            replies: texts, or pairs of a text and whether it was cut; those after the end are left out.
        """
        again = cls(task.domain, task.key, task.difficulty, task.family)
        for text in replies:
            if again.over:
                break
            reply, cut = text if isinstance(text, tuple) else (text, False)
            again.reply(reply, cut=cut)
        return again

    # --- What replies are played in ------------------------------------------------------------------

    def action_masks(self) -> Masks:
        """Legal actions now: int8 array of shape (actions,)."""
        if not self._looked:
            self._looked = True
            self.domain.observe(self.worlds, _ROW, add_row(self._observation), self._mask[None])
        return self._mask.copy()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take one action, or submit an answer, as ``EtudeEnv.step`` does; the observation is not copied.

        Args:
            action: an integer, or a ``Submission``.
        """
        if isinstance(action, Submission):
            verdict = self.domain.submit(self.worlds, 0, action.content)
            told = {"status": str(verdict.status), "problem": verdict.problem}
            return self._observation, 0.0, verdict.graded, False, told
        self.action_masks()
        reward, over = self.domain.step_one(self.worlds, int(action), self._observation, self._mask)
        return self._observation, reward, over, False, {}


def draw_tasks(
    env_id: str | Domain,
    split: str,
    n: int,
    seed: int,
    *,
    difficulty: Mapping[str, float] | None = None,
    family: str | None = None,
    salt: int = 0,
) -> list[TextTask]:
    """Draw tasks; what is not pinned is uniform over the space.

    Args:
        env_id: a registered id, or the domain itself.
        split: "practice", "probe" or "anchor".
        n: number of tasks, at least 0.
        seed: of the stream of tasks.
        difficulty: axes to pin, by name, values in [0, 1].
        family: family to pin.
        salt: secret of the anchor split.

    Raises:
        ValueError: for a name or value that does not exist.
    """
    domain = env_id if isinstance(env_id, Domain) else make_domain(env_id)
    return text_tasks(domain, uniform_tasks(domain, split, n, seed, difficulty, family, salt))


def uniform_tasks(
    domain: Domain,
    split: str,
    n: int,
    seed: int,
    difficulty: Mapping[str, float] | None = None,
    family: str | None = None,
    salt: int = 0,
) -> TaskBatch:
    """The tasks that ``draw_tasks`` draws, and that an environment reset with this seed plays one by one.

    Args:
        domain: the domain that they belong to.
        split, n, seed, difficulty, family, salt: see ``draw_tasks``.

    Raises:
        ValueError: for a name or value that does not exist.
    """
    if not isinstance(n, int | np.integer) or n < 0:
        raise ValueError(f"n must be a whole number of tasks, at least 0, got {n!r}.")
    space = domain.space
    keys = task_keys(domain.name, split, check_seed(seed), np.arange(n), salt)
    drawn = UniformSampler(space).draw(keys)
    pinned = space.parse(dict(difficulty or {}))
    values = np.where(np.isnan(pinned), drawn.difficulty, pinned)
    families = drawn.family if family is None else np.full(n, space.parse_family(family))
    return TaskBatch(keys, values, families)


def text_tasks(domain: Domain, batch: TaskBatch) -> list[TextTask]:
    """Tasks as text.

    Args:
        domain: the domain that they belong to.
        batch: n whole tasks.
    """
    space = domain.space
    columns = (batch.keys, batch.difficulty, batch.family)
    return [
        TextTask(domain, int(key), space.named(values), space.families[family])
        for key, values, family in zip(*columns, strict=True)
    ]
