"""An evaluation: a folder of experiments, one for each domain, that fail and finish by themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

from etude_gym.runs.depths import Depth
from etude_gym.runs.estimate import Cost, Estimate
from etude_gym.runs.evaluation_plan import Plan
from etude_gym.runs.experiment import Experiment
from etude_gym.runs.folder import IncompleteRun, Run, read_json, write_json
from etude_gym.runs.provenance import provenance

EVALUATION = "evaluation.json"

T = TypeVar("T")


class Evaluation:
    """A folder that holds the experiments of an evaluation.

    Args:
        folder: of one that was created.

    Raises:
        IncompleteRun: if it holds none.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        path = self.folder / EVALUATION
        if not path.exists():
            raise IncompleteRun(
                f"{folder} holds no evaluation ({EVALUATION}). Begin one with: etude evaluate"
            )
        self.record: dict[str, Any] = read_json(path)
        try:
            depth = self.record["depth"]
            self.depth = Depth(**{**depth, "arms": tuple(depth["arms"])})
            costs = {name: Cost(**cost) for name, cost in self.record["costs"].items()}
            self.estimate = Estimate(costs, dict.fromkeys(costs, len(self.depth.arms) * self.depth.seeds))
            self.experiments = {name: Experiment(self.folder / name) for name in self.record["env_ids"]}
            self.failures: dict[str, str] = self.record["failures"]
        except (AttributeError, KeyError, TypeError) as error:
            raise IncompleteRun(f"{path} is not the record of an evaluation ({error}).") from error

    @staticmethod
    def check_free(folder: Path) -> None:
        """Refuse a folder that is taken.

        Args:
            folder: for a new evaluation.

        Raises:
            FileExistsError: if it already holds one.
        """
        if (folder / EVALUATION).exists():
            raise FileExistsError(
                f"{folder} already holds an evaluation. Continue it with --resume, or choose another folder."
            )

    @classmethod
    def create(cls, folder: Path, plan: Plan, estimate: Estimate) -> Evaluation:
        """Lay out a new one.

        Args:
            folder: made if it does not exist.
            plan: what it does.
            estimate: what it costs.

        Raises:
            FileExistsError: if the folder already holds one.
        """
        folder = Path(folder)
        cls.check_free(folder)
        for part in plan.parts:
            Experiment.create(folder / part.name, part.config, part.layout)
        write_json(
            folder / EVALUATION,
            {
                "agent": plan.config.agent,
                "depth_name": plan.config.depth,
                "depth": asdict(plan.depth),
                "env_ids": {part.name: part.config.env_id for part in plan.parts},
                "horizons": dict(plan.config.horizons),
                "options": dict(plan.config.options),
                "recipes": None if plan.config.recipes is None else str(plan.config.recipes),
                "costs": {name: asdict(cost) for name, cost in estimate.runs.items()},
                "failures": {},
                **provenance(),
            },
        )
        return cls(folder)

    @cached_property
    def weights(self) -> dict[str, float]:
        """What a run of each domain takes, for the share of all work that is done: seconds, or tokens."""
        unit = "cpu_seconds" if self.estimate.total("cpu_seconds") else "tokens_in"
        return {name: max(float(getattr(cost, unit)), 1e-9) for name, cost in self.estimate.runs.items()}

    @property
    def unfinished(self) -> dict[str, Experiment]:
        """Experiments with runs that are not finished, by domain."""
        return {
            name: experiment
            for name, experiment in self.experiments.items()
            if not all(Run(folder).finished for folder in experiment.run_folders())
        }

    def practice(self, practice: Callable[[str, Experiment], bool]) -> bool:
        """Carry out the experiments that are not finished; one that fails does not stop the others.

        Args:
            practice: what carries out the experiment of a domain, and returns whether it is finished.

        Returns:
            False if it was interrupted: what is missing is left for later. ``failures`` says what failed.
        """
        for name, experiment in self.unfinished.items():
            if self.attempt(name, partial(practice, name, experiment)) is False:
                return False
        return True

    def attempt(self, name: str, work: Callable[[], T]) -> T | None:
        """Do a part of the evaluation; if it fails, keep why.

        Args:
            name: of the part.
            work: what is done.

        Returns:
            What the work returns; None if it failed.
        """
        self._note(name, None)
        try:
            return work()
        except (RuntimeError, ValueError, OSError) as error:
            self._note(name, str(error))
            return None

    def _note(self, name: str, failure: str | None) -> None:
        """Keep why a domain failed, or that it goes on."""
        self.failures.pop(name, None)
        if failure is not None:
            self.failures[name] = failure
        write_json(self.folder / EVALUATION, self.record)
