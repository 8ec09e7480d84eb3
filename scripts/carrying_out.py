"""Experiments that scripts carry out one after the other, and go on with where they stopped."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from etude_gym.cli.progress import practice_with_progress
from etude_gym.runs.experiment import Experiment, ExperimentConfig
from etude_gym.runs.folder import CONFIG


def carry_out(folder: Path, config: ExperimentConfig, workers: int | None = None) -> None:
    """Carry out an experiment, or the rest of it, and show how far it is.

    Args:
        folder: of the experiment; where it holds one already, that one goes on.
        config: of a new one.
        workers: runs side by side; None for one on each core.

    Raises:
        SystemExit: if it was interrupted, so that the script does not go on to the next one.
    """
    experiment = Experiment(folder) if (folder / CONFIG).exists() else Experiment.create(folder, config)
    print(folder, flush=True)
    if not practice_with_progress(experiment, workers, Console()):
        raise SystemExit("Stopped; every run is saved. The same command goes on.")
