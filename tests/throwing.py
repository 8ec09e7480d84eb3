"""A domain whose calibration is known, and a learner that gets better at it: throws at a target.

How hard a task is stands in its observation; a learner hits with exactly the probability that the calibration
model gives. So what a panel and its calibration find can be held against what was planted.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from etude_gym import Axis, DifficultySpace, Episode, EpisodeDomain, register_domain
from etude_gym.difficulty.skills import skill
from etude_gym.randomness import as_words, mix, uniform

TARGETS = 20
DISTANCE, WIND = 3.0, 1.5
"""Logits that the two axes cost."""
UNDERHAND = 1.0
"""Logits that the second family is harder by."""


class ThrowingEpisode(Episode):
    """One throw at one of twenty targets.

    Args:
        key: of the task.
        logits: how hard it is.
    """

    def __init__(self, key: int, logits: float) -> None:
        self.marked = int(uniform(as_words(key), [0])[0] * TARGETS)
        self.logits = logits

    def observe(self) -> Any:
        return np.array([self.marked, self.logits], dtype=np.float32)

    def action_mask(self) -> Any:
        return np.ones(TARGETS, dtype=np.int8)

    def act(self, action: int) -> None:
        self.score = float(action == self.marked)
        self.over = True

    def waste(self) -> None:
        """A throw at no target misses."""
        self.over = True

    def oracle_action(self) -> int:
        return self.marked

    def metrics(self) -> dict[str, float]:
        return {"logits": self.logits}


class ThrowingDomain(EpisodeDomain):
    """Hit the marked target, overhand or underhand."""

    name = "throwing-v0"
    least_left = 1
    space = DifficultySpace(
        (Axis("distance", "how far"), Axis("wind", "how windy")), ("overhand", "underhand")
    )
    skills = (
        skill("underhand throws", "underhand"),
        skill("throws close by", "overhand", distance=(0.0, 0.5)),
        skill("throws from afar", "overhand", distance=(0.5, 1.0)),
    )
    episode = ThrowingEpisode

    def __init__(self) -> None:
        self.observation_space = gymnasium.spaces.Box(-20.0, 20.0, (2,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(TARGETS)

    def start(self, key: int, difficulty: dict[str, float], family: str) -> ThrowingEpisode:
        logits = DISTANCE * difficulty["distance"] + WIND * difficulty["wind"]
        return self.episode(key, logits + UNDERHAND * (family == "underhand"))


class Thrower:
    """Its skill rises with practice, from -1 by up to four logits, faster with a higher rate.

    Args:
        domain: to throw in.
        seed: of its throws and its talent.
        horizon: compute of practice; one FLOP is one throw.
        rate: how fast it learns.
    """

    def __init__(self, domain: Any, *, seed: int = 0, horizon: float = 0.0, rate: float = 1.0) -> None:
        self.seed, self.rate, self.seen = seed, rate, 0
        self.talent = float(np.random.default_rng(seed).normal(0.0, 0.5))
        self.flops = {"rollout": 0.0}

    @property
    def skill(self) -> float:
        """Ability in logits."""
        practiced = self.rate * self.flops["rollout"]
        return self.talent - 1.0 + 4.0 * practiced / (practiced + 500.0)

    def act(self, observations: Any, masks: Any) -> Any:
        # Lineages that share a seed see other tasks, so that they do not share their luck.
        self.seen = int(mix(self.seen, observations[:, 1].sum() * 1e6)[0] >> np.uint64(1))
        luck = mix(self.seed, self.rate * 1e6, self.seen, np.arange(len(observations)))
        chance = uniform(luck, 0)
        hits = chance < 1.0 / (1.0 + np.exp(observations[:, 1] - self.skill))
        marked = observations[:, 0].astype(np.int64)
        guessed = (uniform(luck, 1) * TARGETS).astype(np.int64)
        return np.where(hits, marked, guessed)

    def learn(self, env: Any, until: float) -> None:
        observations, infos = env.reset()
        while self.flops["rollout"] < until:
            observations, _, _, _, infos = env.step(self.act(observations, infos["action_mask"]))
            self.flops["rollout"] += len(observations)

    def state_dict(self) -> dict[str, Any]:
        return {"seen": self.seen, "flops": dict(self.flops)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.seen, self.flops = state["seen"], dict(state["flops"])


register_domain("Throwing-v0", "throwing:ThrowingDomain")
