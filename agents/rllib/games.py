"""Multi-agent practice in env runners: what duels and races have in common."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

import numpy as np
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.core.rl_module.multi_rl_module import MultiRLModuleSpec
from ray.rllib.core.rl_module.rl_module import RLModuleSpec

from etude_gym.agents.rllib.config import ppo_config
from etude_gym.agents.rllib.duel_env import DuelMultiAgentEnv
from etude_gym.agents.rllib.environment import CollectingSampler, Report
from etude_gym.practice.sampler import TaskSampler
from etude_gym.randomness import mix
from etude_gym.tasks.domain import Domain
from etude_gym.tasks.keys import TaskBatch

SOLVER = DEFAULT_MODULE_ID
"""The solver is the module of the single-agent learner, by name too: what is done to that is done to it."""


class GamePractice:
    """The games of one env runner: what they share, and the results that the driver will collect.

    Args:
        sampler: as the driver's; a copy that learns nothing but loads the driver's state.

    Attributes:
        sampler: the same, which collects results for the driver.
        generation: iteration of the driver; games that are seeded in another one have other tasks.
        tasks: those of the games that are over, for the driver.
    """

    def __init__(self, sampler: TaskSampler) -> None:
        self.sampler = CollectingSampler(sampler)
        self.generation = 0
        self.tasks: list[TaskBatch] = []
        self._incarnation = uuid.uuid4().hex
        self._env_steps = 0
        self._cpu_seconds = time.process_time()

    def count_step(self) -> None:
        """Count a step of the solver; those of others are none."""
        self._env_steps += 1

    def listen(self, state: dict[str, Any], generation: int) -> None:
        """Load the state of the driver's sampler; see ``Practice.listen``.

        Args:
            state: its ``state_dict``.
            generation: the driver's iteration.
        """
        self.sampler.load_state_dict(state)
        self.generation = generation

    def sampler_state(self) -> dict[str, Any]:
        """State of the sampler here."""
        return self.sampler.state_dict()

    def report(self, worker: int, flops: Mapping[str, int]) -> Report:
        """What has been done since the last call; see ``Practice.report``.

        Args:
            worker: index of the env runner; 0 for the driver's own.
            flops: FLOPs that its module spent, by line of the ledger.
        """
        tasks, self.tasks = tuple(self.tasks), []
        env_steps, self._env_steps = self._env_steps, 0
        before, self._cpu_seconds = self._cpu_seconds, time.process_time()
        return Report(
            worker,
            self._incarnation,
            self.sampler.take(),
            env_steps,
            flops,
            self._cpu_seconds - before if worker else 0.0,
            tasks,
        )


class PracticeGame(DuelMultiAgentEnv):
    """A game, one of those that an env runner plays side by side.

    Args:
        config: as for ``DuelMultiAgentEnv``.

    Attributes:
        practice: what it shares with the others.
        task: what is being played; None before the first task is known.
    """

    counted: str
    """The agent whose steps are environment steps."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self.practice: Any = None
        self.task: TaskBatch | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin an episode; adjacent seeds and other iterations have unrelated streams of tasks.

        Args:
            seed: starts the stream of tasks anew; without one it goes on.
            options: passed on to the game.
        """
        if seed is not None:
            seed = int(mix(seed, self.practice.generation)[0]) >> 1
        result = super().reset(seed=seed, options=options)
        self._hear(result[1])
        return result

    def step(self, action_dict: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
        """Step; a step in which the counted agent acts is an environment step.

        Args:
            action_dict: actions of the agents that were observed last.
        """
        if self.counted in action_dict:
            self.practice.count_step()
        result = super().step(action_dict)
        self._hear(result[-1])
        return result

    def _hear(self, infos: Mapping[str, Any]) -> None:
        """Note the task when it is told, and keep it for the driver once it has been scored."""
        told = infos.get(self.counted, {})
        if "task_key" in told:
            space = self.game.domain.space
            self.task = TaskBatch(
                np.array([told["task_key"]], dtype=np.uint64),
                space.parse(told["difficulty"])[None],
                np.array([space.parse_family(told["family"])]),
            )
        if "score" in told and self.task is not None:
            self.practice.tasks.append(self.task)


def multi_agent_config(
    domain: Domain,
    game: type[PracticeGame],
    sampler: TaskSampler,
    others: Mapping[str, RLModuleSpec],
    callback: Any,
    **options: Any,
) -> PPOConfig:
    """``ppo_config`` with other modules beside the one that is trained there.

    Args:
        domain: the domain to practice.
        game: class of the multi-agent environments.
        sampler: the driver's.
        others: specifications of the other modules, by name.
        callback: class of the callback that sets up curriculum and env runners.
        **options: see ``ppo_config``; they are the solver's.
    """
    config = ppo_config(domain, practice="uniform", **options)
    specs = {SOLVER: config.rl_module_spec, **others}
    return (
        config.environment(
            game, env_config={"domain": domain, "practice": sampler}, disable_env_checking=True
        )
        .env_runners(gym_env_vectorize_mode="sync")
        .multi_agent(policies=set(specs))
        .rl_module(rl_module_spec=MultiRLModuleSpec(rl_module_specs=specs))
        .callbacks(callback)
    )
