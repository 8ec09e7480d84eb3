"""Everything needed to repeat a run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from etude_gym.difficulty.bands import BANDS
from etude_gym.runs.folder import CONFIG, IncompleteRun, read_json, write_json
from etude_gym.tasks.keys import SUITE_VERSION


@dataclass(frozen=True)
class RunConfig:
    """Everything needed to repeat a run.

    Attributes:
        env_id: id of the environment.
        arm: name of the task sampler, perhaps with options.
        agent: name of the learner, or "module:Class".
        seed: seeds learner and practice tasks.
        horizon: training compute at which the run ends, in the unit of the axis.
        num_envs: environments practiced side by side.
        items: anchor tasks per cell and checkpoint.
        chance: score of the random agent in each cell.
        options: arguments of the agent.
        sampler_options: arguments of the task sampler that its recipe sets.
        versions: of all packages that matter.
        unit: of the axis of compute, "flops" or "tokens".
        bands: of the anchor tasks.
        interface: how tasks were shown and answered, "actions" or "text"; each has its own chance levels.
        suite_version: of the tasks (``etude_gym.tasks.keys.SUITE_VERSION``).
        calibration: hash of the domain's calibration, which bands follow; empty where there was none.
        salt: secret of the experiment's anchor tasks where the user chose it; None where it was drawn, and is
            published when all runs have ended.
        evaluations: number of evaluations after the first, evenly spaced; None for the checkpoint grid.
        name: of the experiment, as comparisons call it; may be empty.
        notes: of the user.
        host: name, system and number of cores of the machine that the run was laid out on.
        date: when, in ISO 8601.
        commit: of the repositories that hold etude_gym and the agent, where they are under version control.
        start: the network that the learner begins with, kept in the run's folder: "run", "checkpoint" and
            "compute" say where it was trained, "runs_before" in how many runs; None for a learner that begins
            at the beginning.
    """

    env_id: str
    arm: str
    agent: str
    seed: int
    horizon: float
    num_envs: int
    items: int
    chance: tuple[float, ...]
    options: dict[str, Any] = field(default_factory=dict)
    sampler_options: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    unit: str = "flops"
    bands: tuple[int, ...] = BANDS
    interface: str = "actions"
    suite_version: int = SUITE_VERSION
    calibration: str = ""
    salt: int | None = None
    evaluations: int | None = None
    name: str = ""
    notes: str = ""
    host: dict[str, Any] = field(default_factory=dict)
    date: str = ""
    commit: dict[str, str] = field(default_factory=dict)
    start: dict[str, Any] | None = None

    @classmethod
    def read(cls, folder: Path) -> RunConfig:
        """Read the configuration in a run's folder.

        Args:
            folder: of the run.

        Raises:
            IncompleteRun: if there is none, or it is not one.
        """
        path = folder / CONFIG
        stored = read_json(path)
        try:
            lists = {name: tuple(stored[name]) for name in ("chance", "bands") if name in stored}
            return cls(**{**stored, **lists})
        except (KeyError, TypeError) as error:
            raise IncompleteRun(f"{path} is not the configuration of a run ({error}).") from error

    def write(self, folder: Path) -> None:
        """Write it into a run's folder.

        Args:
            folder: of the run; made if it does not exist.
        """
        write_json(folder / CONFIG, asdict(self))
