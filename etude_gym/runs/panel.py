"""A panel: many learners that practice a domain and answer the same probe tasks, recorded in a folder.

``panel.json`` holds what was declared, ``lineages/`` one file for each lineage that is finished. Interrupted,
a panel goes on with the lineages that are not.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from etude_gym.difficulty.bands import band_of
from etude_gym.difficulty.calibration_fit import PanelAnswers
from etude_gym.environment.registration import make_domain
from etude_gym.measure.answers import OK, Answers
from etude_gym.runs.agents import load_agent_class, load_recipe, reads_text
from etude_gym.runs.folder import IncompleteRun, Run, read_json, versions, write_json
from etude_gym.runs.panel_lineage import LineageAnswers, LineageJob, record_lineage
from etude_gym.runs.panel_table import SCRIPTED, LineageSpec, PanelTable
from etude_gym.runs.workers import Job, carry_out
from etude_gym.tasks.domain import Domain

PANEL = "panel.json"
LINEAGES = "lineages"
STOP = ".stop"
NOISES = (0.1, 0.3)
"""Shares of random actions of the oracles that are recorded with noise."""


@dataclass(frozen=True, eq=False)
class Panel:
    """A panel in a folder.

    Attributes:
        folder: where it is.
        env_id: of the environment.
        table: what was declared.
        jobs: what it takes to record each lineage, in order.
        versions: of all packages that matter.
    """

    folder: Path
    env_id: str
    table: PanelTable
    jobs: tuple[LineageJob, ...]
    versions: dict[str, str]

    @classmethod
    def create(cls, folder: Path, env_id: str, table: PanelTable) -> Panel:
        """Lay out a new panel.

        Args:
            folder: made if it does not exist.
            env_id: of the environment.
            table: learners, rates, practices, seeds.

        Raises:
            FileExistsError: if the folder already holds one.
            ValueError: for an agent that does not learn or reads text, a table that cannot be carried out,
                or a horizon that is not known.
        """
        folder = Path(folder)
        if (folder / PANEL).exists():
            raise FileExistsError(
                f"{folder} already holds a panel. Continue it with --resume, or choose another folder."
            )
        domain = make_domain(env_id)
        jobs = _jobs(env_id, domain, table)
        panel = cls(folder, env_id, table, tuple(jobs), versions())
        write_json(
            folder / PANEL,
            {
                "env_id": env_id,
                "table": table.record(),
                "lineages": [asdict(job) for job in jobs],
                "versions": panel.versions,
            },
        )
        return panel

    @classmethod
    def read(cls, folder: Path) -> Panel:
        """The panel in a folder.

        Args:
            folder: of a panel, finished or not.

        Raises:
            IncompleteRun: if there is none, or it is damaged.
        """
        path = Path(folder) / PANEL
        stored = read_json(path)
        try:
            table = PanelTable.from_record(stored["table"])
            jobs = tuple(
                LineageJob(
                    **{
                        **each,
                        "spec": LineageSpec(**each["spec"]),
                        "design": table.probes,
                        "checkpoints": tuple(each["checkpoints"]),
                    }
                )
                for each in stored["lineages"]
            )
            return cls(Path(folder), stored["env_id"], table, jobs, stored["versions"])
        except (KeyError, TypeError, ValueError) as error:
            raise IncompleteRun(f"{path} is not the table of a panel ({error}).") from error

    def path(self, job: LineageJob) -> Path:
        """The file of a lineage.

        Args:
            job: of the lineage.
        """
        return self.folder / LINEAGES / (job.spec.name.replace("/", "-") + ".npz")

    @property
    def missing(self) -> list[LineageJob]:
        """Lineages that are not finished."""
        return [job for job in self.jobs if not self.path(job).exists()]

    def record(self, workers: int | None = None, on_progress: Callable[[], None] = lambda: None) -> bool:
        """Record all lineages that are not finished; Ctrl-C leaves those that are under way.

        Args:
            workers: lineages side by side; by default one for each core.
            on_progress: called about twice a second.

        Returns:
            Whether all are finished.

        Raises:
            RuntimeError: if lineages failed, naming them and their errors; the others are finished.
        """
        with Run(self.folder).lock():
            jobs = {job.spec.name: Job(record_lineage, (self.path(job), job)) for job in self.missing}
            number = min(workers or os.cpu_count() or 1, max(1, len(jobs)))
            failures = carry_out(jobs, self.folder / STOP, number, on_progress) if jobs else []
        on_progress()
        if failures:
            raise RuntimeError("Some lineages failed; --resume tries them again.\n" + "\n".join(failures))
        return not self.missing

    def answers(self, *, scripted: bool = False) -> PanelAnswers:
        """The answers of finished lineages, in columns.

        Args:
            scripted: the scripted lineages instead of those that learn.

        Raises:
            IncompleteRun: if there are none, or a file is damaged.
        """
        jobs, files = self._files(scripted)
        columns = {
            name: np.concatenate([file.columns[name] for file in files])
            for name in ("family", "difficulty", "score", "checkpoint", "item")
        }
        practiced = np.full((len(files), max(len(file.columns["practiced"]) for file in files)), np.nan)
        for row, file in zip(practiced, files, strict=True):
            row[: len(file.columns["practiced"])] = file.columns["practiced"]
        return PanelAnswers(
            family=columns["family"],
            difficulty=columns["difficulty"],
            scores=columns["score"],
            lineage=np.repeat(np.arange(len(files)), [len(file.columns["key"]) for file in files]),
            checkpoint=columns["checkpoint"],
            item=columns["item"],
            names=tuple(job.spec.name for job in jobs),
            kinds=tuple(job.spec.kind for job in jobs),
            practiced=practiced,
        )

    def evaluations(self) -> list[list[Answers]]:
        """The answers of every finished lineage, scripted ones among them, evaluation after evaluation.

        Raises:
            IncompleteRun: as ``answers`` does.
        """
        space = make_domain(self.env_id).space
        found = []
        for scripted in (False, True):
            if scripted and not any(job.spec.kind == SCRIPTED for job in self.jobs):
                continue
            for file in self._files(scripted)[1]:
                found.append([_evaluation(space, file, at) for at in range(len(file.columns["compute"]))])
        return found

    def _files(self, scripted: bool) -> tuple[list[LineageJob], list[LineageAnswers]]:
        jobs = [
            job for job in self.jobs if (job.spec.kind == SCRIPTED) == scripted and self.path(job).exists()
        ]
        if not jobs:
            what = "scripted lineage" if scripted else "lineage that learns"
            raise IncompleteRun(f"{self.folder} holds no finished {what} yet: etude panel --resume.")
        return jobs, [LineageAnswers.read(self.path(job)) for job in jobs]


def _evaluation(space: Any, file: LineageAnswers, checkpoint: int) -> Answers:
    rows = file.columns["checkpoint"] == checkpoint
    columns = {name: file.columns[name][rows] for name in ("key", "family", "difficulty", "score")}
    return Answers(
        evaluation=checkpoint,
        compute=float(file.columns["compute"][checkpoint]),
        keys=columns["key"],
        families=columns["family"],
        bands=band_of(space, columns["difficulty"], columns["family"]),
        difficulties=columns["difficulty"],
        scores=columns["score"],
        statuses=(OK,) * int(rows.sum()),
    )


def _jobs(env_id: str, domain: Domain, table: PanelTable) -> list[LineageJob]:
    for learner in table.learners:
        agent_class = load_agent_class(learner.agent)
        if not hasattr(agent_class, "learn") or reads_text(agent_class):
            raise ValueError(
                f"The panel's {learner.name!r} has the agent {learner.agent!r}, which "
                + (
                    "reads text: language models set no bands."
                    if reads_text(agent_class)
                    else "does not learn."
                )
            )
    recipes = {learner.agent: load_recipe(learner.agent, env_id) for learner in table.learners}
    jobs = []
    for spec in table.lineages(recipes):
        recipe = recipes[spec.agent]
        horizon = table.horizon or recipe.horizon
        if horizon is None:
            raise ValueError(f"No horizon is known for {spec.agent!r} on {env_id}: give one in the table.")
        options = recipe.samplers.get(spec.practice.partition(",")[0], {})
        jobs.append(
            LineageJob(
                env_id,
                spec,
                table.probes,
                table.checkpoints,
                horizon,
                table.num_envs or recipe.num_envs,
                dict(options),
            )
        )
    if table.scripted:
        specs = _scripted_specs(domain)
        jobs += [LineageJob(env_id, spec, table.probes, table.checkpoints, 0.0, 1, {}) for spec in specs]
    return jobs


def _scripted_specs(domain: Domain) -> list[LineageSpec]:
    """The random agent, every solver, the oracle with noise, and without each of the domain's skills."""
    solvers = domain.solvers()
    specs = [LineageSpec(f"{SCRIPTED}/{name}", SCRIPTED, name) for name in ("random", *solvers)]
    for noise in NOISES:
        name = f"{SCRIPTED}/oracle noise {noise:g}"
        specs.append(LineageSpec(name, SCRIPTED, "oracle", noise=noise))
    for skill in domain.skills:
        name = f"{SCRIPTED}/oracle without {skill.name}"
        specs.append(LineageSpec(name, SCRIPTED, "oracle", without=skill.name))
    return specs
