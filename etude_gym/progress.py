"""Progress of an experiment in the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from etude_gym.experiment import Experiment, Progress


def practice_with_progress(experiment: Experiment, workers: int | None, console: Console) -> bool:
    """Carry out an experiment with a bar for the whole and one for each run that is going on.

    Where there is no terminal, a line is printed for each run that is finished.

    Returns:
        Whether all runs are finished.
    """
    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    names = [f.relative_to(experiment.folder).as_posix() for f in experiment.run_folders()]
    announced: set[str] = set(Progress.of(experiment).finished)
    if announced:
        console.print(f"{len(announced)} of {len(names)} runs are finished already.")
    whole = bars.add_task(f"all {len(names)} runs", total=len(names))
    single = {name: bars.add_task(name, total=1.0, visible=False) for name in names}

    def show(progress: Progress) -> None:
        bars.update(whole, completed=sum(progress.shares.values()))
        for name, share in progress.shares.items():
            bars.update(single[name], completed=share, visible=share > 0.0 and name not in progress.finished)
        for name in progress.finished:
            if name not in announced:
                announced.add(name)
                console.print(f"finished {name}  ({len(announced)} of {len(names)})", highlight=False)

    with bars:
        return experiment.practice(workers, show)
