"""Training by self-play: a proposer sets the tasks that the solver practices, and both learn, side by side.

The driver's ``SolverRecord`` is the one that learns. Every env runner works with a copy, which all of its
duels share and update; after an iteration the driver goes through the rounds of all runners in their order
and pushes the state of its record back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from ray.rllib.algorithms.ppo import PPOConfig

from etude_gym.agents.rllib.curriculum import Curriculum, CurriculumCallback
from etude_gym.agents.rllib.games import SOLVER, GamePractice, PracticeGame, multi_agent_config
from etude_gym.agents.rllib.proposer import PROPOSER, SETTINGS, SelfPlayPPOLearner, proposer_spec
from etude_gym.environment.registration import make_domain
from etude_gym.practice.sampler import PROPOSED, Results
from etude_gym.practice.self_play import SelfPlaySampler
from etude_gym.tasks.domain import Domain
from etude_gym.tasks.keys import TaskBatch


class DuelPractice(GamePractice):
    """The duels of one env runner.

    Args:
        sampler: holds the record of all duels here.

    Attributes:
        record: the record.
    """

    def __init__(self, sampler: SelfPlaySampler) -> None:
        super().__init__(sampler)
        self.record = sampler.record

    def finish(self, task: TaskBatch, score: float) -> None:
        """Keep the result of a round for the driver; the record here has learned from it already.

        Args:
            task: the one that was proposed.
            score: of the solver, in [0, 1].
        """
        reason = np.array([PROPOSED])
        self.sampler.update(Results(task.difficulty, task.family, np.array([score]), reason))


class PracticeDuel(PracticeGame):
    """A duel of one round, one of those that an env runner plays side by side.

    Args:
        config: "domain".
    """

    counted = "solver_0"

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__({"game": "duel", "env_id": config["domain"], "rounds": 1})

    def join(self, practice: DuelPractice) -> None:
        """Share the record of an env runner.

        Args:
            practice: of the env runner.
        """
        self.practice = practice
        self.game.record = practice.record

    def step(self, action_dict: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
        """Step; at the end of a round, pass its result on.

        Args:
            action_dict: actions of the agents that were observed last.
        """
        result = super().step(action_dict)
        told = result[-1].get(self.counted, {})
        if "score" in told and self.task is not None:
            self.practice.finish(self.task, told["score"])
        return result


class SelfPlayCurriculum(Curriculum):
    """The driver's side: what the proposer computes belongs to its sampler, not to the solver's ledger."""

    sampler: SelfPlaySampler

    def book(self, line: str, flops: Mapping[str, int], cpu_seconds: float, env_steps: int = 0) -> None:
        """Book what an env runner or a learner has spent; the line "curriculum" goes to the sampler.

        Args:
            line: "rollout" or "update".
            flops: FLOPs by line of the ledger, "curriculum" among them.
            cpu_seconds: of its process.
            env_steps: environment steps.
        """
        self.sampler.spend(flops.get("curriculum", 0))
        solvers = {name: amount for name, amount in flops.items() if name != "curriculum"}
        super().book(line, solvers, cpu_seconds, env_steps)


class SelfPlayCallback(CurriculumCallback):
    """Gives an algorithm its ``curriculum``, and the duels of every env runner one record."""

    def on_environment_created(self, *, env: Any, env_context: Any, **_: Any) -> None:
        """Let all duels of an env runner share a record."""
        env.practice = DuelPractice(SelfPlaySampler(env_context["domain"].space))
        for duel in env.envs:
            duel.unwrapped.join(env.practice)

    def on_algorithm_init(self, *, algorithm: Any, **_: Any) -> None:
        """Make the sampler that learns."""
        algorithm.curriculum = SelfPlayCurriculum(algorithm.config.env_config["practice"])
        algorithm.curriculum.begin(algorithm)


def self_play_config(
    env_id: str | Domain, *, practice: SelfPlaySampler | None = None, **options: Any
) -> PPOConfig:
    """A configuration of RLlib's PPO that trains a solver and the proposer of its tasks.

    Args:
        env_id: id of the environment, or the domain.
        practice: the sampler that keeps the estimates of the solver's success; a new one by default.
        **options: see ``ppo_config``; they are the solver's.

    Raises:
        ValueError: if the domain does not fit the policy.
        MissingExtra: if PettingZoo is not installed.
    """
    domain = make_domain(env_id) if isinstance(env_id, str) else env_id
    sampler = practice or SelfPlaySampler(domain.space)
    others = {PROPOSER: proposer_spec(domain)}
    config = multi_agent_config(domain, PracticeDuel, sampler, others, SelfPlayCallback, **options)
    return (
        config.learners(learner_class=SelfPlayPPOLearner)
        .multi_agent(policy_mapping_fn=module_of)
        .rl_module(algorithm_config_overrides_per_module={PROPOSER: PPOConfig.overrides(**SETTINGS)})
    )


def module_of(agent: str, *_: Any, **__: Any) -> str:
    """The module that acts for an agent.

    Args:
        agent: "solver_0" or "proposer_0".
    """
    return SOLVER if agent == PracticeDuel.counted else PROPOSER
