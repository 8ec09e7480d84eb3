"""Runs that begin with the trained agent of a finished one: where it is found, and how it is handed over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etude_gym.runs.config import RunConfig
from etude_gym.runs.finished import find_runs
from etude_gym.runs.folder import CHECKPOINTS, START, IncompleteRun, Run, write_atomically

STREAMS_OF_A_RUN = 2**40
"""More than the seeds of all environments of runs that begin at the beginning."""


@dataclass(frozen=True)
class Start:
    """The last network of a finished run.

    Attributes:
        folder: of the run.
        config: of the run.
        checkpoint: its index.
    """

    folder: Path
    config: RunConfig
    checkpoint: int

    @classmethod
    def of(cls, folder: Path) -> Start:
        """Find it.

        Args:
            folder: of the run.

        Raises:
            IncompleteRun: if the run is not finished, or keeps no network.
        """
        run, config = Run(folder), RunConfig.read(folder)
        if not run.finished:
            raise IncompleteRun(f"{folder} is not finished: nothing can start from it yet.")
        if not run.networks:
            raise IncompleteRun(f"{folder} keeps no networks: nothing can start from it.")
        return cls(folder, config, max(run.networks))

    def hand_over(self, folder: Path) -> dict[str, Any]:
        """Copy the network into a new run's folder, so that the run does not depend on where it came from.

        Args:
            folder: of the new run.

        Returns:
            What the new run's configuration says about its start.

        Raises:
            IncompleteRun: if the network is damaged.
        """
        source = Run(self.folder)
        name = source.networks[self.checkpoint]
        compute = float(_network(source, name)["compute"])
        write_atomically(folder / CHECKPOINTS / START, (self.folder / CHECKPOINTS / name).read_bytes())
        before = (self.config.start or {"runs_before": 0})["runs_before"]
        return {
            "run": str(self.folder),
            "checkpoint": self.checkpoint,
            "compute": compute,
            "runs_before": before + 1,
        }


def find_starts(path: Path, env_id: str, agent: str, seeds: Sequence[int]) -> dict[int, Start]:
    """What runs of some seeds start from.

    Args:
        path: folder of one run, from which all seeds start, or one that holds a run of each seed.
        env_id: id of the environment of the new runs.
        agent: their agent.
        seeds: of the new runs.

    Returns:
        The start of each seed.

    Raises:
        IncompleteRun: if there is no such run, or it is not finished.
        ValueError: if the folder does not hold exactly one run, or one of each seed, or they are of another
            agent, of another environment (agents that read text may come from one), or of agents that were
            made differently.
    """
    found = find_runs([path])
    if len(found) == 1:
        starts = dict.fromkeys(seeds, Start.of(found[0]))
    else:
        by_seed: dict[int, list[Path]] = {}
        for folder in found:
            by_seed.setdefault(RunConfig.read(folder).seed, []).append(folder)
        for seed in seeds:
            if len(by_seed.get(seed, ())) != 1:
                raise ValueError(
                    f"{path} holds {len(by_seed.get(seed, ()))} runs of seed {seed}: to start from, give the "
                    "folder of one run, or of one arm with a run of each seed."
                )
        starts = {seed: Start.of(by_seed[seed][0]) for seed in seeds}
    first = starts[seeds[0]].config
    for start in starts.values():
        config = start.config
        elsewhere = config.env_id != env_id and config.interface != "text"
        if config.agent != agent or elsewhere:
            raise ValueError(
                f"{start.folder} is of the agent {config.agent!r} on {config.env_id}: what starts from it "
                f"has to be the same; this is {agent!r} on {env_id}. Only agents that read text may go on in "
                "another environment."
            )
        if config.options != first.options:
            raise ValueError(
                f"The agents in {path} were made with different options: start from one of them."
            )
    return starts


def first_stream(config: RunConfig) -> int:
    """The seed of a run's first environment: a run that goes on from another meets other practice tasks.

    Args:
        config: of the run.
    """
    runs_before = config.start["runs_before"] if config.start else 0
    return config.seed * config.num_envs + runs_before * STREAMS_OF_A_RUN


def read_start(run: Run) -> dict[str, Any]:
    """The network that a run begins with.

    Args:
        run: one whose configuration names a start.

    Raises:
        IncompleteRun: if it is missing or damaged.
    """
    return _network(run, START)


def _network(run: Run, name: str) -> dict[str, Any]:
    network = run.load(name) or {}
    if not {"compute", "policy"} <= network.keys():
        raise IncompleteRun(f"{run.folder / CHECKPOINTS / name} is no network of a checkpoint.")
    return network
