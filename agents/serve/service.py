"""Practice for a trainer that lives elsewhere: draw tasks, take replies, grade, adapt, keep a record.

Everything that happens is appended to ``episodes.jsonl`` before it is answered. A service that was killed
reads it again and goes on with the same sampler, the same open episodes and the same ledger.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from etude_gym.environment.registration import make_domain
from etude_gym.environment.text_task import TextTask, text_tasks
from etude_gym.errors import check_name
from etude_gym.measure.compute import TRAINING_LINES, UNITS, ComputeMeter
from etude_gym.practice.blind import UniformSampler
from etude_gym.practice.sampler import REASONS, Draw, Results, TaskSampler
from etude_gym.practice.strategies import make_sampler
from etude_gym.runs.folder import CONFIG, EPISODES, IncompleteRun, Run, read_json, versions, write_json
from etude_gym.tasks.domain import Domain
from etude_gym.tasks.keys import TaskBatch, task_keys

SPLITS = ("practice", "probe")
"""What can be drawn. Anchor tasks score, and are never served."""
RECENT = 100
"""Episodes that the mean score in ``state`` is over."""
CURRICULUM = "curriculum"
"""The line of the ledger that the service keeps itself: what its task sampler computes."""

Answer = dict[str, Any]


class UnknownEpisode(ValueError):
    """There is no episode of that number."""


class Conflict(ValueError):
    """A request does not fit what has happened so far."""


class Unwritable(RuntimeError):
    """The record cannot be written, so nothing more is answered."""


@dataclass(frozen=True)
class ServiceConfig:
    """Everything that decides what is drawn.

    Attributes:
        env_id: id of the environment.
        arm: the task sampler of practice, perhaps with options; probes are uniform.
        seed: of the streams of tasks.
        versions: of all packages that matter.
    """

    env_id: str
    arm: str = "adaptive"
    seed: int = 0
    versions: dict[str, str] = field(default_factory=dict)

    def start(self) -> tuple[Domain, TaskSampler]:
        """The domain, and the task sampler of practice as it is before the first result.

        Raises:
            ValueError: for a seed, an environment or a sampler that does not exist or cannot be served.
        """
        if self.seed < 0:
            raise ValueError(f"A seed is a whole number that is not negative, got {self.seed}.")
        domain = make_domain(self.env_id)
        sampler = make_sampler(self.arm, domain.space)
        if sampler.draw(task_keys(domain.name, "practice", self.seed, np.arange(1))).starts is not None:
            raise ValueError(
                f"The task sampler {self.arm!r} starts episodes in the middle of their tasks; prompts hold "
                "whole ones. Choose another: adaptive, uniform, static, ..."
            )
        return domain, sampler

    @classmethod
    def read(cls, folder: Path) -> ServiceConfig:
        """Read the configuration in a run's folder.

        Args:
            folder: of the run.

        Raises:
            IncompleteRun: if there is none, or it is not one of a service.
        """
        path = folder / CONFIG
        stored = read_json(path)
        try:
            return cls(**stored)
        except TypeError as error:
            raise IncompleteRun(f"{path} is not the configuration of `etude serve` ({error}).") from error


@dataclass
class _Episode:
    """One episode: its task while it is open, its last answer, and what that was the answer to."""

    batch: int
    row: int
    task: TextTask | None
    answer: Answer
    turns: int = 0
    last_reply: bytes = b""


@dataclass
class _Batch:
    """Tasks that were drawn together, and the scores of those that are over; None where not graded."""

    split: str
    draw: Draw
    scores: dict[int, float | None] = field(default_factory=dict)

    def results(self) -> Results:
        """Its graded episodes in the order of its tasks."""
        rows = np.array(
            [row for row in range(len(self.draw)) if self.scores[row] is not None], dtype=np.int64
        )
        graded = self.draw[rows]
        scores = np.array([self.scores[row] for row in rows.tolist()], dtype=np.float64)
        return Results(graded.difficulty, graded.family, scores, graded.reason)


@dataclass
class _Tally:
    """What became of the episodes of one split."""

    drawn: int = 0
    over: int = 0
    ungraded: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))

    def record(self) -> dict[str, Any]:
        """The counts as plain numbers; ``mean_score`` is over the last episodes that were graded."""
        mean = sum(self.recent) / len(self.recent) if self.recent else None
        return {
            "drawn": self.drawn,
            "open": self.drawn - self.over,
            "over": self.over,
            "ungraded": self.ungraded,
            "mean_score": mean,
            "statuses": dict(self.statuses),
        }


class PracticeService:
    """Draws tasks, takes replies, grades, adapts. One thread at a time may use it.

    Results reach the task sampler when the last episode of their batch is over, in the order of its tasks:
    how many episodes are played side by side, and which of them ends first, changes nothing.

    Args:
        folder: of the run, with its ``config.json``. What ``episodes.jsonl`` holds has happened.
        most_open: episodes that may be open at once.

    Raises:
        IncompleteRun: if the folder is no service's, or its record does not fit this version.
        ValueError: for an environment or a sampler that does not exist or cannot be served.
    """

    def __init__(self, folder: Path, most_open: int = 1024) -> None:
        self.config = ServiceConfig.read(folder)
        self.most_open = most_open
        self.domain, self.sampler = self.config.start()
        self._samplers = {"practice": self.sampler, "probe": UniformSampler(self.domain.space)}
        self.meter = ComputeMeter()
        self._run = Run(folder)
        self._batches: list[_Batch] = []
        self._episodes: list[_Episode] = []
        self._open: dict[int, _Episode] = {}
        self._tallies = {split: _Tally() for split in SPLITS}
        self._num_results = 0
        self._broken = ""
        self._replay()

    @classmethod
    def create(cls, folder: Path, config: ServiceConfig, most_open: int = 1024) -> PracticeService:
        """A service in a new folder.

        Args:
            folder: of the run; made if it does not exist.
            config: what is drawn.
            most_open: episodes that may be open at once.

        Raises:
            ValueError: as the class itself does, and if the folder holds a run; nothing is written then.
        """
        if (folder / CONFIG).exists():
            raise ValueError(f"{folder} holds a run already. Go on with it (--resume), or name another.")
        config.start()
        write_json(folder / CONFIG, asdict(replace(config, versions=versions())))
        return cls(folder, most_open)

    # --- What a trainer asks for -------------------------------------------------------------------------

    def draw(self, n: int, split: str = "practice") -> list[dict[str, Any]]:
        """Draw a batch of tasks.

        Args:
            n: number of tasks, at least 1.
            split: "practice", which adapts, or "probe", which is uniform and teaches the sampler nothing.

        Returns:
            For each task its "episode" (a number), "system" and "prompt" (the two messages), "family",
            "difficulty" by axis, and "reason": why it was drawn.

        Raises:
            ValueError: for another split or number.
            Conflict: if more episodes would be open than are allowed.
        """
        check_name("split", split, SPLITS)
        if not 1 <= n <= self.most_open:
            raise ValueError(f"A batch has 1 to {self.most_open} tasks, got {n}.")
        if len(self._open) + n > self.most_open:
            raise Conflict(
                f"{len(self._open)} episodes are open and {self.most_open} may be. Reply to them or end them "
                "first; GET /open lists them."
            )
        drawn = self._keys_drawn(split, n)
        tasks = self._tasks(drawn)
        self._append(
            len(self._batches),
            {
                "event": "draw",
                "split": split,
                "first": len(self._episodes),
                "keys": drawn.task_keys.tolist(),
                "difficulty": drawn.difficulty.tolist(),
                "family": drawn.family.tolist(),
                "reason": drawn.reason.tolist(),
            },
        )
        first = self._begin(split, drawn)
        for number, task in enumerate(tasks, start=first):
            self._open[number].task = task
        return [self._shown(number) for number in range(first, first + n)]

    def reply(self, number: int, text: str | None, *, cut: bool = False, turn: int | None = None) -> Answer:
        """Play the reply to an episode's present prompt.

        Args:
            number: of the episode.
            text: the reply; None, which some servers send, is an empty one.
            cut: whether its writer was stopped by a limit of length.
            turn: which prompt this replies to, counted from 0. A reply that was played before is then
                answered as it was, and not played again.

        Returns:
            "over", and the next "prompt" or the "score"; "status" and "problem" of this reply.

        Raises:
            UnknownEpisode: if there is none of that number.
            Conflict: if the episode is over, or its present turn is another one.
        """
        episode = self._find(number)
        text = text or ""
        digest = hashlib.sha256(repr((text, cut)).encode()).digest()
        if turn is not None and turn == episode.turns - 1 and digest == episode.last_reply:
            return episode.answer
        if episode.task is None:
            raise Conflict(f"Episode {number} is over: it takes no more replies. Draw others.")
        if turn is not None and turn != episode.turns:
            raise Conflict(
                f"Episode {number} waits for the reply of turn {episode.turns}, not of turn {turn}."
            )
        prompt = episode.task.reply(text, cut=cut)
        answer = self._answer(episode.task, number, graded=episode.task.outcome()["graded"]) | {
            "turn": episode.turns + 1,
            "prompt": episode.task.parts.task if prompt else None,
        }
        told = {name: answer[name] for name in _TOLD}
        self._append(episode.batch, {"event": "reply", "episode": number, "reply": text, "cut": cut, **told})
        self._played(number, text, cut, answer)
        return answer

    def end(self, number: int, *, graded: bool = True) -> Answer:
        """End an episode before its time, as where the trainer has a limit of turns.

        Args:
            number: of the episode.
            graded: whether the score that it has counts; not so where no reply could be got.

        Returns:
            As ``reply``; one that was ended before is answered as it was.

        Raises:
            UnknownEpisode: if there is none of that number.
            Conflict: if it is over because the task is.
        """
        episode = self._find(number)
        if episode.task is None:
            if episode.answer["ended"]:
                return episode.answer
            raise Conflict(f"Episode {number} is over: there is nothing to end.")
        answer = self._answer(episode.task, number, graded=graded, over=True) | {
            "turn": episode.turns,
            "prompt": None,
            "ended": True,
        }
        told = {name: answer[name] for name in _TOLD}
        self._append(episode.batch, {"event": "end", "episode": number, **told})
        self._finish(number, answer)
        return answer

    def book(self, line: str, amounts: Mapping[str, float]) -> dict[str, Any]:
        """Book on the ledger what the trainer has spent.

        Args:
            line: one of the ledger's lines, except "curriculum", which is the task sampler's.
            amounts: by unit, not negative.

        Returns:
            The whole ledger, see ``ledger``.

        Raises:
            ValueError: for a line, a unit or an amount that cannot be.
        """
        if line == CURRICULUM:
            raise ValueError(
                f"The line {CURRICULUM!r} is what the task sampler here computes; it is booked here."
            )
        if not amounts:
            raise ValueError(f"There is nothing to book. Units: {', '.join(UNITS)}.")
        ComputeMeter().add(line, **amounts)  # refuses what cannot be before anything is written
        self._append(len(self._batches), {"event": "ledger", "line": line, "amounts": dict(amounts)})
        self.meter.add(line, **amounts)
        return self.ledger()

    def ledger(self) -> dict[str, Any]:
        """The compute ledger: amounts by line and unit, and what of it was training."""
        self.meter.set_totals("flops", {CURRICULUM: self.sampler.flops})
        return {
            "lines": self.meter.state_dict(),
            "training": {unit: self.meter.training(unit) for unit in UNITS},
            "training_lines": list(TRAINING_LINES),
        }

    def state(self) -> dict[str, Any]:
        """What the service knows: the sampler's estimates, counts of episodes by split, the ledger."""
        waiting = sum(
            len(batch.scores)
            for batch in self._batches
            if batch.split == "practice" and len(batch.scores) < len(batch.draw)
        )
        estimates = self.sampler.describe().items()
        return {
            "env": self.config.env_id,
            "arm": self.config.arm,
            "families": list(self.domain.space.families),
            "axes": list(self.domain.space.names),
            "sampler": {name: value if math.isfinite(value) else None for name, value in estimates},
            "results": self._num_results,
            "results_waiting_for_their_batch": waiting,
            "most_open": self.most_open,
            "episodes": {split: tally.record() for split, tally in self._tallies.items()},
            "ledger": self.ledger(),
        }

    def open_episodes(self) -> list[dict[str, Any]]:
        """The open episodes with their present prompts, as ``draw`` shows them."""
        return [self._shown(number) for number in self._open]

    # --- How it comes about ------------------------------------------------------------------------------

    def _keys_drawn(self, split: str, n: int) -> Draw:
        """What the sampler of a split draws for its next tasks."""
        first = self._tallies[split].drawn
        keys = task_keys(self.domain.name, split, self.config.seed, np.arange(first, first + n))
        return self._samplers[split].draw(keys)

    def _tasks(self, drawn: Draw) -> list[TextTask]:
        return text_tasks(self.domain, TaskBatch(drawn.task_keys, drawn.difficulty, drawn.family))

    def _shown(self, number: int) -> dict[str, Any]:
        """What goes out of an open episode."""
        episode = self._open[number]
        assert episode.task is not None
        parts = episode.task.parts
        return {
            "episode": number,
            "turn": episode.turns,
            "system": parts.system,
            "prompt": parts.task,
            "family": episode.task.family,
            "difficulty": episode.task.difficulty,
            "reason": REASONS[int(self._batches[episode.batch].draw.reason[episode.row])],
        }

    @staticmethod
    def _answer(task: TextTask, number: int, *, graded: bool, over: bool = False) -> Answer:
        """What goes out of a reply or an end; the score when the episode is over, and only if graded."""
        outcome = task.outcome()
        over = over or task.over
        told = over and graded
        return {
            "episode": number,
            "over": over,
            "ended": False,
            "graded": graded,
            "score": float(outcome["score"]) if told else None,
            "solved": bool(outcome["solved"]) if told else None,
            "status": outcome["status"],
            "problem": outcome["problem"],
        }

    def _find(self, number: int) -> _Episode:
        if not 0 <= number < len(self._episodes):
            raise UnknownEpisode(
                f"There is no episode {number}; {len(self._episodes)} were drawn, from 0 on."
            )
        return self._episodes[number]

    def _append(self, batch: int, record: Mapping[str, Any]) -> None:
        """Write what is about to have happened; nothing happens any more where that fails."""
        if self._broken:
            raise Unwritable(self._broken)
        try:
            self._run.append(EPISODES, batch, record)
        except OSError as error:
            path = self._run.folder / EPISODES
            self._broken = f"{path} cannot be written ({error}). Mend that, and go on with --resume."
            raise Unwritable(self._broken) from error

    # --- What has happened -------------------------------------------------------------------------------

    def _begin(self, split: str, drawn: Draw) -> int:
        """A batch was drawn. Returns the number of its first episode."""
        first = len(self._episodes)
        for row in range(len(drawn)):
            episode = _Episode(len(self._batches), row, None, {})
            self._episodes.append(episode)
            self._open[first + row] = episode
        self._batches.append(_Batch(split, drawn))
        self._tallies[split].drawn += len(drawn)
        return first

    def _played(self, number: int, text: str, cut: bool, answer: Answer) -> None:
        """A reply was played."""
        episode = self._episodes[number]
        episode.turns += 1
        episode.last_reply = hashlib.sha256(repr((text, cut)).encode()).digest()
        episode.answer = answer
        self._tallies[self._batches[episode.batch].split].statuses[str(answer["status"])] += 1
        if answer["over"]:
            self._finish(number, answer)

    def _finish(self, number: int, answer: Answer) -> None:
        """An episode is over; with the last one of its batch, the sampler learns of all."""
        episode = self._open.pop(number)
        episode.task, episode.answer = None, answer
        batch = self._batches[episode.batch]
        tally = self._tallies[batch.split]
        tally.over += 1
        if answer["score"] is None:
            tally.ungraded += 1
        else:
            tally.recent.append(answer["score"])
        batch.scores[episode.row] = answer["score"]
        if batch.split == "practice" and len(batch.scores) == len(batch.draw):
            results = batch.results()
            if len(results):
                self.sampler.update(results)
                self._num_results += len(results)

    def _replay(self) -> None:
        """Let everything happen again that was recorded; only open episodes are played anew."""
        replies: dict[int, list[tuple[str, bool]]] = {}
        for record in self._run.read(EPISODES):
            try:
                self._happen(record, replies)
            except (KeyError, TypeError, IndexError, ValueError) as error:
                raise IncompleteRun(
                    f"{self._run.folder / EPISODES} does not fit this version of etude-gym "
                    f"({type(error).__name__}: {error}). Go on with the version that config.json names."
                ) from error
        for number, episode in self._open.items():
            row = episode.row
            [task] = self._tasks(self._batches[episode.batch].draw[row : row + 1])
            episode.task = TextTask.replay(task, replies.get(number, ()))
            if episode.answer:
                episode.answer["prompt"] = episode.task.parts.task

    def _happen(self, record: Mapping[str, Any], replies: dict[int, list[tuple[str, bool]]]) -> None:
        match record["event"]:
            case "draw":
                columns = (record["difficulty"], record["family"], record["reason"])
                difficulty, family, reason = map(np.array, columns)
                keys = np.array(record["keys"], dtype=np.uint64)
                self._begin(record["split"], Draw(keys, difficulty, family, reason))
            case "reply":
                number, text, cut = record["episode"], record["reply"], record["cut"]
                answer = {"episode": number, **{name: record[name] for name in _TOLD}, "prompt": None}
                replies.setdefault(number, []).append((text, cut))
                self._played(number, text, cut, answer)
                if answer["over"]:
                    del replies[number]
            case "end":
                answer = {
                    "episode": record["episode"],
                    **{name: record[name] for name in _TOLD},
                    "prompt": None,
                }
                self._finish(record["episode"], answer)
            case "ledger":
                self.meter.add(record["line"], **record["amounts"])
            case event:
                raise ValueError(f"unknown event {event!r}")


_TOLD: Sequence[str] = ("turn", "over", "ended", "graded", "score", "solved", "status", "problem")
"""What is kept of an answer; the prompt can be made again."""
