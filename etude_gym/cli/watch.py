"""``etude watch``: a trained agent plays, in the terminal or as a GIF; failed anchor tasks again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from etude_gym.cli.play import SEEDS, parse_difficulty
from etude_gym.cli.terminal import console, say, shown
from etude_gym.environment.registration import make_domain
from etude_gym.environment.rendering import render
from etude_gym.environment.text_picture import text_picture
from etude_gym.environment.text_task import TextTask, text_tasks, uniform_tasks
from etude_gym.measure.watching import failed_tasks, scenes, turns
from etude_gym.randomness import fresh_seed
from etude_gym.runs.config import RunConfig
from etude_gym.runs.folder import IncompleteRun, Run
from etude_gym.runs.recorded import Replies, recorded_replies
from etude_gym.tasks.domain import Domain
from etude_gym.tasks.keys import TaskBatch

PICTURED = 5
"""Failed tasks that a GIF shows, unless ``--tasks`` says how many."""

HOW_TO_GO_ON = "Enter: go on   q: leave "


@dataclass(frozen=True)
class View:
    """What is seen at one moment of an episode.

    Attributes:
        caption: in one line, what led here.
        text: the state, or the prompt and the reply.
        picture: draws it.
        end: in one line, how the episode ended; empty before the end.
    """

    caption: str
    text: str
    picture: Callable[[], Any]
    end: str = ""


@dataclass(frozen=True)
class Episode:
    """One episode to watch.

    Attributes:
        title: which task it is.
        views: what is seen, moment by moment.
    """

    title: str
    views: Iterator[View]


@dataclass(frozen=True)
class Watch:
    """Watch a trained agent play, in the terminal or as a GIF; or the anchor tasks that it failed, again.

    For example:
      etude watch runs/quick/adaptive/seed_0
      etude watch runs/quick/adaptive/seed_0 --checkpoint 0 --difficulty horizon=1 --out before.gif
      etude watch runs/quick/adaptive/seed_0 --failed

    A language model whose replies were recorded is shown with its prompts and replies.

    Args:
        folder: one run of `etude practice`, such as runs/quick/adaptive/seed_0.
        checkpoint: which, as numbered in the run's curve.jsonl: 0 is untrained.
        failed: the anchor tasks of this checkpoint that were not solved, the worst first.
        seed: which task; the same as that of `etude play --seed`.
        difficulty: values in [0, 1] for some or all axes, such as `--difficulty horizon=0.2 resources=0`.
        family: kind of task.
        tasks: how many tasks.
        out: a GIF to write, in place of the terminal.
    """

    folder: tyro.conf.Positional[Annotated[Path, shown("RUN")]]
    checkpoint: Annotated[int | None, shown("N", "default: the latest")] = None
    failed: tyro.conf.FlagCreatePairsOff[bool] = False
    seed: Annotated[int | None, shown("N", "default: another one every time")] = None
    difficulty: Annotated[tuple[str, ...], shown("AXIS=VALUE ...", "default: uniform over all")] = ()
    family: Annotated[str | None, shown("NAME", "default: any")] = None
    tasks: Annotated[
        int | None, shown("N", f"default: 1; with --failed all, {PICTURED} of them in a GIF")
    ] = None
    out: Annotated[Path | None, shown("FILE.gif", "default: the terminal")] = None

    def run(self) -> None:
        """Show the episodes, one after another."""
        from etude_gym.report.animation import check_suffix, write_animation
        from etude_gym.runs.loading import find_run

        if self.tasks is not None and self.tasks < 1:
            raise ValueError(f"tasks must be at least 1, got {self.tasks}.")
        if self.out is not None:
            check_suffix(self.out)
        folder = find_run(self.folder)
        config = RunConfig.read(folder)
        domain = make_domain(config.env_id)
        episodes = self._failed(folder, domain) if self.failed else self._drawn(folder, domain)
        if self.out is None:
            _show(episodes)
            return
        with console.status("Drawing ..."):
            count = write_animation(map(_pictures, episodes), self.out)
        say(f"{self.out}: {count} pictures.")

    def _drawn(self, folder: Path, domain: Domain) -> Iterator[Episode]:
        """Tasks drawn from a seed."""
        seed = fresh_seed() % SEEDS if self.seed is None else self.seed
        pinned = parse_difficulty(self.difficulty)
        batch = uniform_tasks(domain, "practice", self.tasks or 1, seed, pinned, self.family)
        play = _player(folder, domain, self.checkpoint)
        return (
            Episode(f"seed {seed}, task {row + 1}: {_described(domain, task)}", play(task))
            for row, task in _one_by_one(batch, len(batch))
        )

    def _failed(self, folder: Path, domain: Domain) -> Iterator[Episode]:
        """Anchor tasks that were not solved."""
        from etude_gym.runs.answers import read_answers

        if self.seed is not None or self.difficulty:
            raise ValueError("--failed plays anchor tasks as they were: leave out --seed and --difficulty.")
        by_checkpoint = {answers.evaluation: answers for answers in read_answers(folder)}
        index = max(by_checkpoint) if self.checkpoint is None else self.checkpoint
        if index not in by_checkpoint:
            held = ", ".join(map(str, by_checkpoint))
            raise ValueError(f"{folder} was not evaluated at checkpoint {index}, but at {held}.")
        found = failed_tasks(domain, by_checkpoint[index], self.family)
        if not len(found.tasks):
            raise ValueError(f"All {found.total} anchor tasks of checkpoint {index} were solved.")
        limit = self.tasks or (len(found.tasks) if self.out is None else PICTURED)
        say(f"{len(found.tasks)} of {found.total} anchor tasks of checkpoint {index} were not solved.")
        replies = recorded_replies(folder, index)
        play = _reader(domain, replies) if replies else _player(folder, domain, index)
        return (
            Episode(
                f"anchor task {row + 1} of {len(found.tasks)} not solved, score {found.scores[row]:.2f}"
                f"{_status(found.statuses[row])}: {_described(domain, task)}",
                play(task),
            )
            for row, task in _one_by_one(found.tasks, limit)
        )


def _one_by_one(batch: TaskBatch, limit: int) -> Iterator[tuple[int, TaskBatch]]:
    """The first tasks with their numbers from 0."""
    return ((row, batch[row : row + 1]) for row in range(min(limit, len(batch))))


def _described(domain: Domain, task: TaskBatch) -> str:
    levels = domain.space.named(task.difficulty[0])
    told = ", ".join(f"{axis} {level:.2f}" for axis, level in levels.items())
    return f"{domain.space.families[int(task.family[0])]} ({told})"


def _status(status: str) -> str:
    return "" if status == "ok" else f", {status}"


# --- Who plays ---------------------------------------------------------------------------------------


def _player(folder: Path, domain: Domain, checkpoint: int | None) -> Callable[[TaskBatch], Iterator[View]]:
    """Lets the agent of a run play a task."""
    from etude_gym.runs.loading import load_agent

    if not Run(folder).networks:
        raise IncompleteRun(
            f"{folder} keeps no network that could play. Replies that a language model gave to anchor tasks "
            "are shown by --failed, where they were recorded."
        )
    trained = load_agent(folder, checkpoint)
    if not trained.reads_text:
        return lambda task: _acted(domain, task, trained.agent)

    def play(batch: TaskBatch) -> Iterator[View]:
        tasks = text_tasks(domain, batch)
        trained.play(tasks)
        return _written(tasks[0])

    return play


def _reader(domain: Domain, replies: Mapping[int, Replies]) -> Callable[[TaskBatch], Iterator[View]]:
    """Shows the replies that were recorded."""

    def play(batch: TaskBatch) -> Iterator[View]:
        return _written(TextTask.replay(text_tasks(domain, batch)[0], replies.get(int(batch.keys[0]), ())))

    return play


def _acted(domain: Domain, task: TaskBatch, agent: Any) -> Iterator[View]:
    """An episode of an agent that acts."""
    for scene in scenes(domain, task, agent):
        caption, end = "the beginning", ""
        if scene.step:
            earned = f", score {scene.reward:+.2f}" if scene.reward else ""
            wasted = "" if scene.legal else " (not possible)"
            caption = f"step {scene.step}: {scene.action}{wasted}{earned}"
        if scene.over:
            end = f"The end after step {scene.step}: {_verdict(domain.outcome_one(scene.worlds))}"
        yield View(
            caption,
            render(domain, scene.worlds, 0, "ansi"),
            lambda worlds=scene.worlds: render(domain, worlds, 0, "rgb_array"),  # type: ignore[misc]
            end,
        )


def _written(task: TextTask) -> Iterator[View]:
    """The turns of an agent that writes."""
    if not task.replies:
        text = f"{task.prompt}\n\n(No reply was recorded.)"
        yield View("turn 1", text, lambda: text_picture(text), "The end: no reply.")
    rules = ""
    for number, turn in enumerate(turns(task), start=1):
        became = f"({turn.status}) {turn.problem}".strip()
        talk = f"{turn.prompt}\n\n--- reply ---\n{turn.reply}\n--- {became}"
        text = talk if turn.rules == rules else f"{turn.rules}\n\n{talk}"
        rules = turn.rules
        last = number == len(task.replies)
        end = f"The end after turn {number}: {_verdict(task.outcome())}" if last else ""
        yield View(f"turn {number}", text, lambda talk=talk: text_picture(talk), end)  # type: ignore[misc]


def _verdict(outcome: dict[str, Any]) -> str:
    return f"{'solved' if outcome['solved'] else 'not solved'}, score {outcome['score']:.2f}."


# --- Where it is shown -------------------------------------------------------------------------------


def _pictures(episode: Episode) -> Iterator[tuple[Any, tuple[str, str]]]:
    """The pictures of an episode with two lines over each."""
    return ((view.picture(), (episode.title, view.end or view.caption)) for view in episode.views)


def _show(episodes: Iterator[Episode]) -> None:
    """Show episodes in the terminal; a person there goes on by Enter."""
    for episode in episodes:
        say(episode.title)
        for view in episode.views:
            say(f"  {view.caption}")
            console.rule()
            say(view.text)
            if view.end:
                say(view.end)
            if not _goes_on():
                return


def _goes_on() -> bool:
    """Whether to go on: asked of a person at the terminal only."""
    if not (console.is_terminal and sys.stdin is not None and sys.stdin.isatty()):
        return True
    try:
        return not console.input(f"[dim]{HOW_TO_GO_ON}[/dim]").strip().casefold().startswith("q")
    except EOFError:
        return False
