"""An experiment: arms (task samplers) x seeds of practice runs, side by side in worker processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from etude_gym.difficulty.bands import BANDS, ENTRY_BAND, check_bands
from etude_gym.environment.registration import find_spec, make_domain
from etude_gym.measure.anchors import chance_levels
from etude_gym.measure.compute import unit_name
from etude_gym.measure.copying import text_chance_levels
from etude_gym.practice.strategies import parse_arm
from etude_gym.randomness import fresh_seed, mix
from etude_gym.runs.admission import check_arms, check_options, check_samplers, resources_option
from etude_gym.runs.agents import (
    ONE_PROCESS,
    Resources,
    horizon_of,
    load_agent_class,
    load_recipe,
    reads_text,
    unit_of,
)
from etude_gym.runs.config import RunConfig
from etude_gym.runs.folder import CONFIG, IncompleteRun, Run, read_json, versions, write_json
from etude_gym.runs.practice_run import compute_share, practice_run
from etude_gym.runs.starting import Start, find_starts
from etude_gym.runs.workers import Job, carry_out

SALT = ".anchor_salt"
STOP = ".stop"


@dataclass(frozen=True)
class ExperimentConfig:
    """The runs of an experiment.

    Attributes:
        env_id: id of the environment.
        agent: name of the learner, or "module:Class".
        arms: task samplers to compare, perhaps with options ("schedule,ramp_episodes=5000"); "static" is the
            reference.
        seeds: number of seeds of each arm.
        first_seed: the first of them.
        horizon: training compute in the unit of the agent's axis; None for the recipe's.
        items: anchor tasks per cell and checkpoint.
        bands: of the anchor tasks; None for all, with the entry band for agents that read text.
        options: arguments of the agent, besides those of its recipe.
        resources: processes and machines that the agent works on, if it can use them.
        start: folder of the finished run whose agent practices on, or of runs, one for each seed; None to
            begin at the beginning. Its options are those of the agent, unless ``options`` says otherwise.
    """

    env_id: str = "EtudePlan-v0"
    agent: str = "sb3"
    arms: tuple[str, ...] = ("static", "uniform", "easy", "schedule", "adaptive")
    seeds: int = 5
    first_seed: int = 0
    horizon: float | None = None
    items: int = 100
    bands: tuple[int, ...] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    resources: Resources = ONE_PROCESS
    start: Path | None = None

    def __post_init__(self) -> None:
        for arm in self.arms:
            parse_arm(arm)
        if not self.arms or len(set(self.arms)) < len(self.arms):
            raise ValueError(f"arms must be different task samplers, at least one, got {self.arms}.")
        if self.first_seed < 0:
            raise ValueError(f"first_seed must not be negative, got {self.first_seed}.")
        for name in ("seeds", "items"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if self.bands is not None:
            check_bands(self.bands)
        if self.horizon is not None and not 0 < self.horizon < float("inf"):
            raise ValueError(f"horizon must be a positive number, got {self.horizon}.")


class Experiment:
    """A folder that holds one run for each arm and seed.

    Args:
        folder: where it is, or will be.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    @classmethod
    def create(cls, folder: Path, config: ExperimentConfig) -> Experiment:
        """Lay out a new experiment.

        Args:
            folder: of the experiment; made if it does not exist.
            config: arms, seeds and the rest.

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
        find_spec(config.env_id)
        agent_class = load_agent_class(config.agent)
        if not hasattr(agent_class, "learn"):
            raise ValueError(f"The agent {config.agent!r} does not learn, so it cannot practice.")
        check_arms(config.agent, agent_class, config.arms)
        recipe = load_recipe(config.agent, config.env_id)
        seeds = range(config.first_seed, config.first_seed + config.seeds)
        starts = {} if config.start is None else _starts(config.start, config, agent_class, seeds)
        begun = starts[config.first_seed].config.options if starts else {}
        options = {**recipe.options, **begun, **config.options}
        unit = unit_of(agent_class, options)
        horizon = config.horizon or horizon_of(agent_class, recipe, options)
        if horizon is None:
            raise ValueError(
                f"No horizon is known for {config.agent!r} on {config.env_id}: give --horizon in "
                f"{unit_name(unit)}."
            )
        resources = resources_option(config.agent, agent_class, config.resources)
        domain = make_domain(config.env_id)
        text = reads_text(agent_class)
        check_options(config.agent, agent_class, domain, options)
        check_samplers(domain, config.arms, whole_tasks=text)
        bands = check_bands(config.bands or ((ENTRY_BAND, *BANDS) if text else BANDS))
        levels = text_chance_levels if text else chance_levels
        chance = tuple(levels(domain, bands=bands).round(6).tolist())
        experiment.folder.mkdir(parents=True, exist_ok=True)
        salt = fresh_seed()
        (experiment.folder / SALT).write_text(f"{salt}\n")
        runs = []
        for seed in seeds:
            for arm in config.arms:
                name = f"{arm}/seed_{seed}"
                runs.append(name)
                start = starts[seed].hand_over(experiment.folder / name) if starts else None
                RunConfig(
                    env_id=config.env_id,
                    arm=arm,
                    agent=config.agent,
                    seed=seed,
                    horizon=horizon,
                    num_envs=recipe.num_envs,
                    items=config.items,
                    chance=chance,
                    options={**options, **resources},
                    sampler_options=recipe.samplers.get(parse_arm(arm)[0].name, {}),
                    versions=versions(),
                    unit=unit,
                    bands=bands,
                    start=start,
                ).write(experiment.folder / name)
        write_json(experiment.folder / CONFIG, {"env_id": config.env_id, "agent": config.agent, "runs": runs})
        return experiment

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
        secret = self.folder / SALT
        if not secret.exists():
            raise IncompleteRun(f"{secret} is missing: the experiment's anchor tasks cannot be drawn again.")
        try:
            salt = int(secret.read_text())
        except ValueError:
            raise IncompleteRun(f"{secret} holds no number: the anchors cannot be drawn again.") from None
        return int(mix(salt, RunConfig.read(folder).seed)[0])

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
        return all(Run(folder).finished for folder in self.run_folders())

    def _default_workers(self) -> int:
        configs = [RunConfig.read(folder) for folder in self.run_folders()]
        if any(
            getattr(load_agent_class(name), "one_at_a_time", False) for name in {c.agent for c in configs}
        ):
            return 1
        options = [config.options for config in configs]
        shared = any(Resources(**given.get("resources", {})).remote for given in options)
        return 1 if shared else os.cpu_count() or 1


def _starts(path: Path, config: ExperimentConfig, agent_class: Any, seeds: Sequence[int]) -> dict[int, Start]:
    """What the runs of an experiment start from, if the agent can start from anything."""
    if not hasattr(agent_class, "start_from"):
        raise ValueError(
            f"The agent {config.agent!r} cannot practice on from another run: it has no start_from(state); "
            "see etude_gym.Learner."
        )
    return find_starts(path, config.env_id, config.agent, seeds)


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
