"""Races against a league: the learner is rewarded for the difference to frozen snapshots of itself.

Snapshots live in slots, modules that are allocated once and never trained. The driver keeps the league, with
the sampler; runners choose opponents from a copy of it, by the episode's id.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import ray
import torch
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core import COMPONENT_RL_MODULE
from torch import Tensor

from etude_gym.agents.rllib.config import ppo_config
from etude_gym.agents.rllib.curriculum import Curriculum, CurriculumCallback
from etude_gym.agents.rllib.environment import Report
from etude_gym.agents.rllib.games import SOLVER, GamePractice, PracticeGame, multi_agent_config
from etude_gym.agents.rllib.module import ActionMaskModule, CountingPPOLearner
from etude_gym.environment.registration import make_domain
from etude_gym.practice.self_play import RaceSampler
from etude_gym.tasks.domain import Domain

LEARNER, OPPONENT = "racer_0", "racer_1"

ITERATIONS_BETWEEN_SNAPSHOTS = 5


def slot_name(slot: int) -> str:
    """Name of the module in a slot.

    Args:
        slot: of the league, from 0.
    """
    return f"slot_{slot}"


class SlotModule(ActionMaskModule):
    """A frozen snapshot: it acts, and nothing is computed to train it."""

    def compute_values(self, batch: dict[str, Any], embeddings: Any = None) -> Tensor:
        """Zeros, as no learner uses the values of a snapshot.
        Args:
            batch: as RLlib passes it.
            embeddings: ignored.
        """
        return torch.zeros(len(next(iter(batch.values()))))


@dataclass(frozen=True)
class RaceReport(Report):
    """What an env runner has done, and which games it played.

    Attributes:
        games: slot of the opponent and score of the learner (1 won, 0.5 drawn, 0 lost), in their order.
    """

    games: tuple[tuple[int, float], ...] = ()


class RacePractice(GamePractice):
    """The races of one env runner.

    Args:
        sampler: draws the tasks and holds the league, as the driver's does.
    """

    def __init__(self, sampler: RaceSampler) -> None:
        super().__init__(sampler)
        self.league = sampler.league
        self.games: list[tuple[int, float]] = []

    def report(self, worker: int, flops: Mapping[str, int]) -> Report:
        """What has been done since the last call, games included; see ``Practice.report``.

        Args:
            worker: index of the env runner; 0 for the driver's own.
            flops: FLOPs that its module spent, by line of the ledger.
        """
        games, self.games = tuple(self.games), []
        return RaceReport(**vars(super().report(worker, flops)), games=games)


class PracticeRace(PracticeGame):
    """A race, one of those that an env runner runs side by side.

    Args:
        config: "domain" and "practice".

    Attributes:
        result: 1, 0.5 or 0 for the learner, once a race is over.
    """

    counted = LEARNER

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__({"game": "race", "env_id": config["domain"], "practice": config["practice"]})
        self.result = 0.5

    def join(self, practice: RacePractice) -> None:
        """Draw tasks from the sampler of an env runner, and report to it.

        Args:
            practice: of the env runner.
        """
        self.practice = practice
        self.game.stream.sampler = practice.sampler

    def step(self, action_dict: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
        """Step; at the end of a race, note its result.

        Args:
            action_dict: actions of the agents that were observed last.
        """
        result = super().step(action_dict)
        if result[2]["__all__"]:
            mine, theirs = (result[-1][agent]["score"] for agent in (LEARNER, OPPONENT))
            self.result = 0.5 * (1.0 + float(np.sign(mine - theirs)))
        return result


class Opponents:
    """Maps agents to modules; every env runner has its own, with its copy of the league."""

    league: Any = None

    def __call__(self, agent: str, episode: Any, **_: Any) -> str:
        """The solver, or the opponent of the episode."""
        return SOLVER if agent == LEARNER else slot_name(self.league.choose(episode.id_))


class RaceCurriculum(Curriculum):
    """The driver's side: the league learns from the games, and is given snapshots of the learner."""

    sampler: RaceSampler

    def begin(self, algorithm: Any) -> None:
        """Bring sampler and snapshots to all processes; the first snapshot is the learner as it begins.

        Args:
            algorithm: an RLlib algorithm that has been built.
        """
        if not len(self.sampler.league):
            self.add_snapshot(algorithm)
        self.push_slots(algorithm, tuple(int(entry["slot"]) for entry in self.sampler.league.table()))
        super().begin(algorithm)

    def learn(self, report: Report) -> None:
        """Learn from the episodes and games of an env runner.

        Args:
            report: of one env runner.
        """
        super().learn(report)
        for slot, score in report.games if isinstance(report, RaceReport) else ():
            self.sampler.league.record(slot, score)

    def pull(self, algorithm: Any) -> None:
        """Collect and learn; add a snapshot every ``ITERATIONS_BETWEEN_SNAPSHOTS`` iterations.

        Args:
            algorithm: an RLlib algorithm after an iteration.
        """
        super().pull(algorithm)
        if self.ledger.iterations % ITERATIONS_BETWEEN_SNAPSHOTS == 0:
            self.add_snapshot(algorithm)

    def add_snapshot(self, algorithm: Any) -> None:
        """Add the learner, as it is now, to the league, and load it into the slot's module in all processes.

        Args:
            algorithm: an RLlib algorithm that has been built.
        """
        weights = algorithm.learner_group.get_weights()[SOLVER]
        slot = self.sampler.league.add({name: np.array(part) for name, part in weights.items()})
        self.push_slots(algorithm, (slot,))

    def push_slots(self, algorithm: Any, slots: tuple[int, ...]) -> None:
        """Send snapshots to learners and env runners; RLlib itself sends only modules that are trained.

        Args:
            algorithm: an RLlib algorithm that has been built.
            slots: of the snapshots.
        """
        weights = {slot_name(slot): deepcopy(self.sampler.league.weights(slot)) for slot in slots}
        reference = ray.put(weights)
        algorithm.learner_group.foreach_learner(
            lambda learner: learner.module.set_state(deepcopy(ray.get(reference)))
        )
        algorithm.env_runner_group.foreach_env_runner(
            lambda runner: runner.set_state({COMPONENT_RL_MODULE: deepcopy(ray.get(reference))})
        )


class RaceCallback(CurriculumCallback):
    """Gives an algorithm its ``curriculum``, and the races of every env runner one sampler and league."""

    def on_environment_created(self, *, env_runner: Any, env: Any, env_context: Any, **_: Any) -> None:
        """Let all races of an env runner share a sampler and a league."""
        env.practice = RacePractice(deepcopy(env_context["practice"]))
        env_runner.config.policy_mapping_fn.league = env.practice.league
        for race in env.envs:
            race.unwrapped.join(env.practice)

    def on_episode_end(self, *, episode: Any, env: Any, env_index: int, **_: Any) -> None:
        """Note who won against whom."""
        slot = int(episode.module_for(OPPONENT).rpartition("_")[2])
        env.practice.games.append((slot, env.envs[env_index].unwrapped.result))

    def on_algorithm_init(self, *, algorithm: Any, **_: Any) -> None:
        """Make the sampler that learns."""
        algorithm.curriculum = RaceCurriculum(algorithm.config.env_config["practice"])
        algorithm.curriculum.begin(algorithm)

    def on_env_runners_recreated(self, *, algorithm: Any, **_: Any) -> None:
        """Restarted runners begin with the curriculum and the snapshots as they are now."""
        algorithm.curriculum.begin(algorithm)


def race_config(env_id: str | Domain, *, practice: RaceSampler | None = None, **options: Any) -> PPOConfig:
    """A configuration of RLlib's PPO that races against a league of its own snapshots.

    Args:
        env_id: id of the environment, or the domain.
        practice: the sampler that draws the tasks and keeps the league; a new one by default.
        **options: see ``ppo_config``.

    Raises:
        ValueError: if the domain does not fit the policy.
        MissingExtra: if PettingZoo is not installed.
    """
    domain = make_domain(env_id) if isinstance(env_id, str) else env_id
    sampler = practice or RaceSampler(domain.space)
    frozen = deepcopy(ppo_config(domain, **options).rl_module_spec)
    frozen.module_class = SlotModule
    slots = {slot_name(slot): frozen for slot in range(sampler.SLOTS)}
    config = multi_agent_config(domain, PracticeRace, sampler, slots, RaceCallback, **options)
    return config.learners(learner_class=CountingPPOLearner).multi_agent(
        policy_mapping_fn=Opponents(), policies_to_train=[SOLVER]
    )
