"""Progress of an evaluation: the remaining time over all domains, above the bars of the one at work."""

from __future__ import annotations

import time

from rich.console import Console

from etude_gym.cli.progress import ProgressDisplay, make_bars
from etude_gym.cli.terminal import duration
from etude_gym.runs.evaluation import Evaluation
from etude_gym.runs.experiment import Experiment, Progress

SHARE = 10_000
"""The length of the bar of all domains."""


class Remaining:
    """How much of an evaluation is done, by what its runs were estimated to take.

    Args:
        evaluation: that is at work.
    """

    def __init__(self, evaluation: Evaluation) -> None:
        self._weights = evaluation.weights
        self._shares = {
            name: sum(Progress.of(experiment).shares.values())
            for name, experiment in evaluation.experiments.items()
        }
        self._total = sum(
            self._weights[name] * len(experiment.run_folders())
            for name, experiment in evaluation.experiments.items()
        )
        self._begun, self._before = time.monotonic(), self.share

    @property
    def share(self) -> float:
        """Of all work, from 0 to 1."""
        return sum(self._weights[name] * done for name, done in self._shares.items()) / self._total

    @property
    def seconds(self) -> float | None:
        """That are left, at the pace so far; None while nothing is done."""
        done = self.share - self._before
        return (time.monotonic() - self._begun) * (1 - self.share) / done if done > 0 else None

    def update(self, name: str, progress: Progress) -> None:
        """Take in how far a domain is.

        Args:
            name: of the domain.
            progress: of its runs.
        """
        self._shares[name] = sum(progress.shares.values())


def practice_all(evaluation: Evaluation, workers: int, console: Console) -> bool:
    """Carry out an evaluation and show how far it is.

    Args:
        evaluation: what to carry out.
        workers: runs side by side.
        console: where to show it. Where there is no terminal, there are lines for finished runs and domains.

    Returns:
        False if it was interrupted.
    """
    bars = make_bars(console)
    remaining = Remaining(evaluation)
    number = len(evaluation.experiments)
    with bars:
        whole = bars.add_task(f"all {number} domains", total=SHARE, completed=round(SHARE * remaining.share))

        def practice(name: str, experiment: Experiment) -> bool:
            left = "" if remaining.seconds is None else f", about {duration(remaining.seconds)} left in all"
            place = list(evaluation.experiments).index(name) + 1
            bars.console.print(f"{name}, domain {place} of {number}{left}", highlight=False)
            display = ProgressDisplay(experiment, bars)

            def show(progress: Progress) -> None:
                remaining.update(name, progress)
                bars.update(whole, completed=round(SHARE * remaining.share))
                display(progress)

            try:
                return experiment.practice(workers, show)
            except (RuntimeError, ValueError, OSError):
                bars.console.print(f"{name} failed; going on with the other domains.", highlight=False)
                raise
            finally:
                display.close()

        return evaluation.practice(practice)
