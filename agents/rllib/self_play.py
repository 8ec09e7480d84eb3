"""Training by self-play: a proposer sets the tasks that the solver practices, and both learn, side by side.

The driver's ``SolverRecord`` is the one that learns. Every env runner works with a copy, which all of its
duels share and update; after an iteration the driver goes through the rounds of all runners in their order
and pushes the state of its record back.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

import numpy as np
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.core.rl_module.multi_rl_module import MultiRLModuleSpec

from etude_gym.agents.duel_env import DuelMultiAgentEnv
from etude_gym.agents.rllib.config import ppo_config
from etude_gym.agents.rllib.curriculum import Curriculum, CurriculumCallback
from etude_gym.agents.rllib.environment import CollectingSampler, Report
from etude_gym.agents.rllib.proposer import PROPOSER, SETTINGS, SelfPlayPPOLearner, proposer_spec
from etude_gym.difficulty import Difficulty
from etude_gym.domain import Domain
from etude_gym.randomness import mix
from etude_gym.registration import make_domain
from etude_gym.samplers import PROPOSED, Results, SelfPlaySampler

SOLVER = DEFAULT_MODULE_ID
"""The solver is the module of the single-agent learner, by name too: what is done to that is done to it."""

FIRST_SOLVER = "solver_0"


class DuelPractice:
    """The duels of one env runner: what they share, and what waits for the driver.

    Args:
        domain: the domain.

    Attributes:
        sampler: holds the record of all duels here, and collects their results.
        generation: iteration of the driver; duels that are seeded in another one have other tasks.
    """

    def __init__(self, domain: Domain) -> None:
        self.own = SelfPlaySampler(domain.space)
        self.sampler = CollectingSampler(self.own)
        self.generation = 0
        self._incarnation = uuid.uuid4().hex
        self._env_steps = 0
        self._cpu_seconds = time.process_time()

    def count_step(self) -> None:
        """Count a step of a solver; the proposer's choice is none."""
        self._env_steps += 1

    def finish(self, difficulty: Difficulty, family: int, score: float) -> None:
        """Keep the result of a round; the record has learned from it in the duel."""
        self.sampler.update(Results(difficulty[None], np.array([family]), np.array([score])))

    def listen(self, state: dict[str, Any], generation: int) -> None:
        """Take over the state of the driver's sampler, and which iteration this is."""
        self.sampler.load_state_dict(state)
        self.generation = generation

    def sampler_state(self) -> dict[str, Any]:
        """State of the record here, as the driver's sampler holds it."""
        return self.sampler.state_dict()

    def report(self, worker: int, flops: Mapping[str, int]) -> Report:
        """What has been done since the last call."""
        results = self.sampler.take()
        env_steps, self._env_steps = self._env_steps, 0
        before, self._cpu_seconds = self._cpu_seconds, time.process_time()
        return Report(
            worker,
            self._incarnation,
            results,
            np.full(len(results.scores), PROPOSED),
            env_steps,
            flops,
            self._cpu_seconds - before if worker else 0.0,
        )


class PracticeDuel(DuelMultiAgentEnv):
    """A duel of one round, one of those that an env runner plays side by side.

    Args:
        config: "domain".

    Attributes:
        practice: what it shares with the others; set by ``SelfPlayCallback``.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__({"game": "duel", "env_id": config["domain"], "rounds": 1})
        self._space = config["domain"].space
        self._task: tuple[Difficulty, int] | None = None
        self.practice: Any = None

    def join(self, practice: DuelPractice) -> None:
        """Share the record of an env runner."""
        self.practice = practice
        self.game.record = practice.own.record

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin an episode; adjacent seeds and other iterations have unrelated streams of tasks."""
        if seed is not None:
            seed = int(mix(seed, self.practice.generation)[0]) >> 1
        return super().reset(seed=seed, options=options)

    def step(self, action_dict: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
        """Step, and tell the practice what the solver did."""
        result = super().step(action_dict)
        told = result[-1].get(FIRST_SOLVER, {})
        if FIRST_SOLVER in action_dict:
            self.practice.count_step()
        elif "difficulty" in told:
            self._task = self._space.parse(told["difficulty"]), self._space.parse_family(told["family"])
        if "score" in told and self._task is not None:
            self.practice.finish(*self._task, told["score"])
        return result


class SelfPlayCurriculum(Curriculum):
    """The driver's side: what the proposer computes belongs to its sampler, not to the solver's ledger."""

    sampler: SelfPlaySampler

    def book(self, line: str, flops: Mapping[str, int], cpu_seconds: float, env_steps: int = 0) -> None:
        """Book what a runner or learner has spent; the line "curriculum" goes to the sampler."""
        self.sampler.spend(flops.get("curriculum", 0))
        solvers = {name: amount for name, amount in flops.items() if name != "curriculum"}
        super().book(line, solvers, cpu_seconds, env_steps)


class SelfPlayCallback(CurriculumCallback):
    """Gives an algorithm its ``curriculum``, and the duels of every env runner one record."""

    def on_environment_created(self, *, env: Any, env_context: Any, **_: Any) -> None:
        """Let all duels of an env runner share a record."""
        env.practice = DuelPractice(env_context["domain"])
        for duel in env.envs:
            duel.unwrapped.join(env.practice)

    def on_algorithm_init(self, *, algorithm: Any, **_: Any) -> None:
        """Make the sampler that learns."""
        algorithm.curriculum = SelfPlayCurriculum(algorithm.config.env_config["practice"])
        algorithm.curriculum.push(algorithm.env_runner_group)


def self_play_config(
    env_id: str | Domain, *, practice: SelfPlaySampler | None = None, **options: Any
) -> PPOConfig:
    """A configuration of RLlib's PPO that trains a solver and the proposer of its tasks.

    Args:
        env_id: id of the environment, or the domain.
        practice: the sampler that keeps what is believed of the solver; a new one by default.
        **options: see ``ppo_config``; they are the solver's.

    Raises:
        ValueError: if the domain does not fit the policy.
        MissingExtra: if PettingZoo is not installed.
    """
    domain = make_domain(env_id) if isinstance(env_id, str) else env_id
    sampler = practice or SelfPlaySampler(domain.space)
    config = ppo_config(domain, practice="uniform", **options)
    specs = {SOLVER: config.rl_module_spec, PROPOSER: proposer_spec(domain)}
    return (
        config.environment(
            PracticeDuel,
            env_config={"domain": domain, "practice": sampler},
            disable_env_checking=True,
        )
        .env_runners(gym_env_vectorize_mode="sync")
        .learners(learner_class=SelfPlayPPOLearner)
        .multi_agent(
            policies=set(specs),
            policy_mapping_fn=module_of,
            algorithm_config_overrides_per_module={PROPOSER: PPOConfig.overrides(**SETTINGS)},
        )
        .rl_module(rl_module_spec=MultiRLModuleSpec(rl_module_specs=specs))
        .callbacks(SelfPlayCallback)
    )


def module_of(agent: str, *_: Any, **__: Any) -> str:
    """The module that plays an agent."""
    return PROPOSER if agent.startswith(PROPOSER) else SOLVER
