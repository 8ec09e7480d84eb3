"""The experiment behind ``etude transfer``: practice of one skill, then of another, as runs that can be
resumed.

First, runs practice A, the placebo or B alone, for a share of the horizon. Then the second skill is
practiced by agents that start from these and by untrained ones. All share the secret of their anchor tasks,
seed by seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from etude_gym.difficulty.skills import Skill, find_skill
from etude_gym.environment.registration import make_domain
from etude_gym.measure.transfer import SkillCurves, Transfer, direction, judge
from etude_gym.randomness import fresh_seed
from etude_gym.runs.agents import horizon_of, load_agent_class, load_recipe
from etude_gym.runs.answers import read_answers
from etude_gym.runs.config import RunConfig
from etude_gym.runs.experiment import SALT, Experiment
from etude_gym.runs.folder import CONFIG, IncompleteRun, read_json, write_json
from etude_gym.runs.layout import ExperimentConfig

RESULT = "transfer.json"
BEFORE = "before"
NONE = "none"
ITEMS_BEFORE = 2
"""Anchor tasks per cell of the runs whose scores nobody looks at."""

Practice = Callable[[Experiment], bool]


@dataclass(frozen=True)
class TransferConfig:
    """What is asked.

    Attributes:
        env_id: of the environment.
        first: name of the skill that would be the prerequisite, A.
        second: name of the skill that would need it, B.
        placebo: name of a skill as easy as A that B does not need.
        agent: the learner.
        seeds: number of seeds.
        first_seed: the first of them.
        share: of the horizon that is practiced before.
        horizon: compute of the practice of the second skill; None for the recipe's.
        items: anchor tasks per cell and checkpoint.
    """

    env_id: str
    first: str
    second: str
    placebo: str
    agent: str = "sb3"
    seeds: int = 16
    first_seed: int = 0
    share: float = 0.25
    horizon: float | None = None
    items: int = 200

    def __post_init__(self) -> None:
        if len({self.first, self.second, self.placebo}) < 3:
            raise ValueError(
                "The two skills and the placebo have to be three different ones, got "
                f"{self.first!r}, {self.second!r} and {self.placebo!r}."
            )
        if not 0 < self.share <= 1:
            raise ValueError(f"share must be above 0 and at most 1, got {self.share}.")
        if self.seeds < 2:
            raise ValueError(f"seeds must be at least 2, got {self.seeds}.")


class TransferExperiment:
    """A folder that holds the experiments of a transfer.

    Args:
        folder: of one that was created.

    Raises:
        IncompleteRun: if it holds none.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        try:
            stored = read_json(self.folder / CONFIG)
            self.salt = int(stored.pop("salt"))
            self.config = TransferConfig(**stored)
        except (AttributeError, KeyError, TypeError) as error:
            raise IncompleteRun(f"{folder} holds no transfer experiment ({error}).") from error

    @classmethod
    def create(cls, folder: Path, config: TransferConfig) -> TransferExperiment:
        """Lay out a new one.

        Args:
            folder: made if it does not exist.
            config: what is asked.

        Raises:
            FileExistsError: if the folder already holds an experiment.
            ValueError: for a skill that the domain does not declare, or an agent without a horizon.
        """
        if (Path(folder) / CONFIG).exists():
            raise FileExistsError(
                f"{folder} already holds an experiment. Continue it with --resume, or choose another folder."
            )
        skills = make_domain(config.env_id).skills
        for name in (config.first, config.second, config.placebo):
            find_skill(skills, name)
        _horizon(config)
        write_json(Path(folder) / CONFIG, {**asdict(config), "salt": fresh_seed()})
        return cls(folder)

    def practice(self, practice: Practice) -> bool:
        """Carry out all experiments that are not finished.

        Args:
            practice: what carries out one of them, and returns whether it is finished.

        Returns:
            Whether all are finished.
        """
        config = self.config
        names = (config.first, config.placebo, config.second)
        before = self._experiment(
            BEFORE, [self._arm(name) for name in names], config.share * _horizon(config), ITEMS_BEFORE, None
        )
        if not practice(before):
            return False
        for second in (config.second, config.first):
            for earlier in self._earlier(second):
                start = None if earlier is None else self.folder / BEFORE / self._arm(earlier)
                name = self._name(earlier, second)
                arms = [self._arm(second)]
                if not practice(self._experiment(name, arms, _horizon(config), config.items, start)):
                    return False
        return True

    def result(self) -> Transfer:
        """What came out, once all is finished; written into the folder as well.

        Raises:
            IncompleteRun: if a run is not finished.
        """
        config = self.config
        forward, reverse = (
            direction(*(self._curves(earlier, second) for earlier in self._earlier(second)))
            for second in (config.second, config.first)
        )
        found = judge(forward, reverse)
        write_json(self.folder / RESULT, {**asdict(config), **asdict(found)})
        return found

    def _earlier(self, second: str) -> tuple[str | None, ...]:
        """What is practiced before a skill: the other one, the placebo, nothing."""
        other = self.config.first if second == self.config.second else self.config.second
        return other, self.config.placebo, None

    def _name(self, earlier: str | None, second: str) -> str:
        return f"{second} after {earlier or NONE}".replace(" ", "_")

    def _skill(self, name: str) -> Skill:
        return find_skill(make_domain(self.config.env_id).skills, name)

    def _arm(self, name: str) -> str:
        return f"focus,share=1,{self._skill(name).region.options}"

    def _experiment(
        self, name: str, arms: list[str], horizon: float, items: int, start: Path | None
    ) -> Experiment:
        """One of the experiments, laid out if it is not there yet."""
        config, experiment = self.config, Experiment(self.folder / name)
        if not (experiment.folder / CONFIG).exists():
            experiment = Experiment.create(
                experiment.folder,
                ExperimentConfig(
                    env_id=config.env_id,
                    agent=config.agent,
                    arms=tuple(arms),
                    seeds=config.seeds,
                    first_seed=config.first_seed,
                    horizon=horizon,
                    items=items,
                    start=start,
                ),
            )
        (experiment.folder / SALT).write_text(f"{self.salt}\n")
        return experiment

    def _curves(self, earlier: str | None, second: str) -> SkillCurves:
        """Scores in the second skill, from the anchor answers in its region."""
        space, region = make_domain(self.config.env_id).space, self._skill(second).region
        before, compute, scores = [], [], []
        for folder in Experiment(self.folder / self._name(earlier, second)).run_folders():
            start: dict[str, Any] = RunConfig.read(folder).start or {"compute": 0.0}
            answers = read_answers(folder)
            before.append(float(start["compute"]))
            compute.append(tuple(each.compute for each in answers))
            inside = [region.contains(space, each.families, each.difficulties) for each in answers]
            counted = [each.scores[rows & each.counted] for each, rows in zip(answers, inside, strict=True)]
            scores.append(tuple(float(np.mean(each)) for each in counted))
        return SkillCurves(tuple(before), tuple(compute), tuple(scores))


def _horizon(config: TransferConfig) -> float:
    agent_class, recipe = load_agent_class(config.agent), load_recipe(config.agent, config.env_id)
    horizon = config.horizon or horizon_of(agent_class, recipe, recipe.options)
    if horizon is None:
        raise ValueError(f"No horizon is known for {config.agent!r} on {config.env_id}: give --horizon.")
    return float(horizon)
