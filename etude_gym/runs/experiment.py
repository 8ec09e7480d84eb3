"""An experiment: arms (task samplers) x seeds of practice runs, side by side in worker processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from etude_gym.randomness import fresh_seed, mix
from etude_gym.runs.agents import Resources, load_agent_class
from etude_gym.runs.config import RunConfig
from etude_gym.runs.folder import CONFIG, RECORD, IncompleteRun, Run, read_json, write_json
from etude_gym.runs.layout import ExperimentConfig, Layout
from etude_gym.runs.practice_run import compute_share, practice_run
from etude_gym.runs.workers import Job, carry_out

SALT = ".anchor_salt"
STOP = ".stop"


class Experiment:
    """A folder that holds one run for each arm and seed.

    Args:
        folder: where it is, or will be.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    @classmethod
    def create(cls, folder: Path, config: ExperimentConfig, layout: Layout | None = None) -> Experiment:
        """Lay out a new experiment.

        Args:
            folder: of the experiment; made if it does not exist.
            config: arms, seeds and the rest.
            layout: of this configuration, where it was settled before; None settles it now.

        Raises:
            FileExistsError: if the folder already holds one.
            ValueError: if the agent does not learn or cannot carry out an arm, no horizon is known or the
                resources are not there.
        """
        experiment = cls(folder)
        if (experiment.folder / CONFIG).exists():
            raise FileExistsError(
                f"{folder} already holds an experiment. Continue it with --resume, or choose another folder."
            )
        layout = layout or Layout.of(config)
        experiment.folder.mkdir(parents=True, exist_ok=True)
        salt = fresh_seed() if config.salt is None else config.salt
        (experiment.folder / SALT).write_text(f"{salt}\n")
        seeds = range(config.first_seed, config.first_seed + config.seeds)
        experiment._add(layout, [(arm, seed) for seed in seeds for arm in config.arms], [])
        return experiment

    def grow(self, arms: Sequence[str] = (), seeds: int | None = None) -> None:
        """Add runs: of further arms on all seeds, of further seeds in all arms.

        Args:
            arms: task samplers; those that are there already change nothing.
            seeds: number of seeds that each arm is to have, counted from the first; None for those there are.

        Raises:
            IncompleteRun: if the folder holds no experiment.
            ValueError: if the agent cannot carry out an arm, there are more seeds already, or the experiment
                started from other runs.
        """
        folders = self.run_folders()
        configs = [RunConfig.read(folder) for folder in folders]
        there = {(config.arm, config.seed) for config in configs}
        have = sorted({seed for _, seed in there})
        if seeds is not None and seeds < len(have):
            raise ValueError(
                f"{self.folder} has {len(have)} seeds already: --resume adds runs, and takes none away."
            )
        if configs[0].start is not None:
            raise ValueError(
                f"{self.folder} started from other runs: lay out a new experiment for more runs."
            )
        all_seeds = sorted({*have, *range(have[0], have[0] + (seeds or 0))})
        all_arms = list(dict.fromkeys([*(config.arm for config in configs), *arms]))
        new = [(arm, seed) for seed in all_seeds for arm in all_arms if (arm, seed) not in there]
        samplers = read_json(self.folder / CONFIG).get("samplers", {})
        layout = Layout.again(configs[0], samplers, tuple(arms) or tuple(all_arms))
        self._add(layout, new, [folder.relative_to(self.folder).as_posix() for folder in folders])

    def _add(self, layout: Layout, runs: Sequence[tuple[str, int]], there: Sequence[str]) -> None:
        """Lay out runs, then list them: what is listed is there."""
        names = [*there, *(layout.write(self.folder, arm, seed) for arm, seed in runs)]
        config = layout.config
        write_json(
            self.folder / CONFIG,
            {
                "env_id": config.env_id,
                "agent": config.agent,
                "name": config.name,
                "notes": config.notes,
                "samplers": layout.samplers,
                "runs": names,
            },
        )

    def run_folders(self) -> list[Path]:
        """Folders of all runs, seed by seed.

        Raises:
            IncompleteRun: if the folder holds no experiment.
        """
        path = self.folder / CONFIG
        try:
            names = read_json(path)["runs"]
        except (KeyError, TypeError):
            raise IncompleteRun(
                f"{path} is not the configuration of an experiment, which lists its runs. "
                "Give the experiment's folder, not the one of a run in it."
            ) from None
        return [self.folder / name for name in names]

    def salt(self, folder: Path) -> int:
        """The secret of a run's anchor tasks: another one for each seed, the same for all arms.

        Args:
            folder: of the run.

        Raises:
            IncompleteRun: if the experiment's secret or the run's configuration cannot be read.
        """
        return int(mix(self._secret(), RunConfig.read(folder).seed)[0])

    def _secret(self) -> int:
        secret = self.folder / SALT
        if not secret.exists():
            raise IncompleteRun(f"{secret} is missing: the experiment's anchor tasks cannot be drawn again.")
        try:
            return int(secret.read_text())
        except ValueError:
            raise IncompleteRun(f"{secret} holds no number: the anchors cannot be drawn again.") from None

    def practice(
        self, workers: int | None = None, on_progress: Callable[[Progress], None] = lambda _: None
    ) -> bool:
        """Carry out all runs that are not finished; on Ctrl-C, let every run save itself first.

        Args:
            workers: runs side by side; by default one for each core, or one where a run itself takes several.
            on_progress: called about twice a second.

        Returns:
            Whether all runs are finished.

        Raises:
            RuntimeError: if runs failed, naming them and their errors; the others are finished.
        """
        jobs = {
            str(folder): Job(practice_run, (folder, self.salt(folder)))
            for folder in self.run_folders()
            if not Run(folder).finished
        }
        failures = carry_out(
            jobs,
            self.folder / STOP,
            min(workers or self._default_workers(), max(1, len(jobs))),
            lambda: on_progress(Progress.of(self)),
        )
        on_progress(Progress.of(self))
        if failures:
            raise RuntimeError("Some runs failed; --resume tries them again.\n" + "\n".join(failures))
        finished = all(Run(folder).finished for folder in self.run_folders())
        if finished:
            self._publish()
        return finished

    def _publish(self) -> None:
        """Publish the secret of the anchor tasks: it can serve another experiment (``--salt``)."""
        write_json(self.folder / RECORD, {"salt": self._secret()})

    def _default_workers(self) -> int:
        configs = [RunConfig.read(folder) for folder in self.run_folders()]
        if any(
            getattr(load_agent_class(name), "one_at_a_time", False) for name in {c.agent for c in configs}
        ):
            return 1
        options = [config.options for config in configs]
        shared = any(Resources(**given.get("resources", {})).remote for given in options)
        return 1 if shared else os.cpu_count() or 1


def experiment_of(folder: Path) -> Path | None:
    """The folder of the experiment that a run belongs to; None for a run that stands alone.

    Args:
        folder: of the run, which is called "arm/seed_0" or so in its experiment.
    """
    experiment = Experiment(folder.parent.parent)
    try:
        return experiment.folder if folder in experiment.run_folders() else None
    except IncompleteRun:
        return None


@dataclass(frozen=True)
class Progress:
    """How far an experiment is.

    Attributes:
        shares: training compute of every run as a share of its horizon, by name.
        finished: names of the runs that are finished.
    """

    shares: dict[str, float]
    finished: tuple[str, ...]

    @classmethod
    def of(cls, experiment: Experiment) -> Progress:
        """Read the progress of an experiment from its folders.

        Args:
            experiment: running or not.
        """
        folders = {f.relative_to(experiment.folder).as_posix(): f for f in experiment.run_folders()}
        finished = tuple(name for name, folder in folders.items() if Run(folder).finished)
        return cls({n: 1.0 if n in finished else compute_share(f) for n, f in folders.items()}, finished)
