"""Trained agents of runs, ready to act: ``etude_gym.load_agent``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from etude_gym.environment.registration import make_domain
from etude_gym.environment.text_task import TextTask
from etude_gym.runs.agents import reads_text
from etude_gym.runs.config import RunConfig
from etude_gym.runs.finished import find_runs
from etude_gym.runs.folder import IncompleteRun, Run
from etude_gym.runs.rescoring import restored_agent
from etude_gym.tasks.domain import Actions, Domain
from etude_gym.tasks.observations import Masks, Observations, add_row


@dataclass(frozen=True, eq=False)
class TrainedAgent:
    """The agent of a run as it was at a checkpoint.

    Attributes:
        agent: the agent itself, as ``etude practice`` made it.
        config: of the run: the environment, the arm, the seed, the options.
        domain: the domain that it was trained on.
        checkpoint: place of the checkpoint in the grid, as in ``curve.jsonl``.
        compute: training compute until then, in the unit of the run.
    """

    agent: Any
    config: RunConfig
    domain: Domain
    checkpoint: int
    compute: float

    @property
    def env_id(self) -> str:
        """Id of the environment that it was trained on, for ``gym.make`` and ``gym.make_vec``."""
        return self.config.env_id

    @property
    def reads_text(self) -> bool:
        """Whether it plays tasks as text, by ``play``, and not by ``act``."""
        return reads_text(self.agent)

    def act(self, observations: Observations, masks: Masks) -> Any:
        """Choose actions, as in evaluation: most agents choose the best and not at random.

        Args:
            observations: of one environment, or of n in a batch.
            masks: legal actions, int8 (actions,) or (n, actions): ``info["action_mask"]``.

        Returns:
            An int for one environment; int64 (n,) for a batch.

        Raises:
            ValueError: if observations or masks are not those of the environment that it was trained on.
            TypeError: for an agent that reads text.
        """
        if self.reads_text:
            raise TypeError(
                f"The agent {self.config.agent!r} reads prompts: let it play(draw_tasks(...)) of "
                "etude_gym.text instead of act()."
            )
        masks = np.asarray(masks)
        self._check(observations, masks)
        if masks.ndim == 1:
            chosen: Actions = self.agent.act(add_row(observations), masks[None])
            return int(chosen[0])
        return self.agent.act(observations, masks)

    def play(self, tasks: Sequence[TextTask]) -> list[bool]:
        """Reply to tasks until each is over or given up; ``task.outcome()`` says how it went.

        Args:
            tasks: n tasks in their first state, as ``etude_gym.text.draw_tasks`` draws them.

        Returns:
            For each task whether it was graded.

        Raises:
            TypeError: for an agent that reads observations.
        """
        if not self.reads_text:
            raise TypeError(f"The agent {self.config.agent!r} reads observations: let it act().")
        graded: list[bool] = self.agent.play(tasks)
        return graded

    def _check(self, observations: Observations, masks: Masks) -> None:
        batch, actions = masks.shape[:-1], int(self.domain.action_space.n)
        if masks.ndim not in (1, 2) or masks.shape[-1] != actions:
            raise ValueError(
                f"masks must have shape ({actions},) or (n, {actions}), as {self.env_id} has them in "
                f"info['action_mask'], got {masks.shape}."
            )
        space = self.domain.observation_space
        expected = {name: part.shape for name, part in getattr(space, "spaces", {"": space}).items()}
        given = observations if isinstance(observations, Mapping) else {"": observations}
        shapes = {name: np.shape(part) for name, part in given.items()}
        if shapes != {name: (*batch, *shape) for name, shape in expected.items()}:
            raise ValueError(
                f"This agent was trained on {self.env_id}, whose observations have shapes "
                f"{_shown(expected)} (a batch has one dimension before them); got {_shown(shapes)} for masks "
                f"of shape {masks.shape}."
            )


def _shown(shapes: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {shape}".strip() for name, shape in shapes.items())


def load_agent(folder: str | Path, checkpoint: int | None = None) -> TrainedAgent:
    """A trained agent of a run, ready to act in ``gym.make`` and ``gym.make_vec``.

    Networks are read as plain arrays; the environment and the agent are imported by the names in
    ``config.json``, so look at these two first if the folder comes from a stranger.

    Args:
        folder: of the run, such as "runs/quick/adaptive/seed_0"; it need not be finished.
        checkpoint: which, as numbered in ``curve.jsonl``, 0 (untrained) to 8 (the horizon); None for the
            latest.

    Raises:
        IncompleteRun: if the folder holds no run, or several, or no network.
        ValueError: for a checkpoint that the run does not hold.
        MissingExtra: if a library that the agent needs is not installed.

    Example:
        >>> agent = etude_gym.load_agent("runs/quick/adaptive/seed_0")  # doctest: +SKIP
        >>> env = gym.make(agent.env_id)  # doctest: +SKIP
        >>> observation, info = env.reset(seed=0)  # doctest: +SKIP
        >>> action = agent.act(observation, info["action_mask"])  # doctest: +SKIP
    """
    run = find_run(Path(folder))
    config = RunConfig.read(run)
    agent, compute = restored_agent(run, checkpoint)
    index = max(Run(run).networks) if checkpoint is None else checkpoint
    return TrainedAgent(agent, config, make_domain(config.env_id), index, compute)


def find_run(path: Path) -> Path:
    """The folder of the one run in or below a folder.

    Args:
        path: folder of a run, or of an experiment of a single run.

    Raises:
        IncompleteRun: if there is none, or more than one.
    """
    found = find_runs([path])
    if len(found) > 1:
        raise IncompleteRun(f"{path} holds {len(found)} runs: name one of them, such as {found[0]}.")
    return found[0]
