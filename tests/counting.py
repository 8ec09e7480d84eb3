"""The smallest domain that meets the contract, and an example of one: count presses of a button.

``gym.make("counting:Counting-v0")`` imports this module, which registers the domain, as a package of
somebody else's would. An episode of the easiest tasks lasts exactly four presses, which makes the
arrays that an environment has to return easy to write down.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from etude_gym import Axis, DifficultySpace, Episode, EpisodeDomain, register_domain
from etude_gym.randomness import as_words, uniform

MAX_BUTTONS = 8
SPARE_STEPS = 3


class CountingEpisode(Episode):
    """Press the marked button as often as asked; any other one ends the episode.

    Args:
        presses: how many presses are asked for.
        buttons: how many buttons there are; the others are masked.
        marked: the right one.
    """

    def __init__(self, presses: int, buttons: int, marked: int) -> None:
        self.presses, self.buttons, self.marked = presses, buttons, marked
        self.pressed = 0
        self.steps_left = presses + SPARE_STEPS

    def observe(self) -> Any:
        return np.array([self.marked, self.presses - self.pressed, self.steps_left], dtype=np.float32)

    def action_mask(self) -> Any:
        return (np.arange(MAX_BUTTONS) < self.buttons).astype(np.int8)

    def act(self, action: int) -> None:
        self.pressed += action == self.marked
        self.score = self.pressed / self.presses
        self.waste()
        self.over |= action != self.marked or self.solved

    def waste(self) -> None:
        self.steps_left -= 1
        self.over = self.steps_left == 0

    def oracle_action(self) -> int:
        return self.marked

    def metrics(self) -> dict[str, float]:
        return {"presses": self.presses, "buttons": self.buttons}


class CountingDomain(EpisodeDomain):
    """Press the marked button; the score is the share of the presses asked for."""

    name = "counting-v0"
    least_left = 5
    space = DifficultySpace(
        (
            Axis("presses", "how often to press", "4 times", "12 times"),
            Axis("buttons", "how many buttons to choose from", "4", "8"),
        ),
        ("press",),
    )
    episode: type[CountingEpisode] = CountingEpisode

    def __init__(self) -> None:
        self.observation_space = gymnasium.spaces.Box(0.0, 20.0, (3,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(MAX_BUTTONS)

    def start(self, key: int, difficulty: dict[str, float], family: str) -> CountingEpisode:
        first, second, third = uniform(as_words(key), [0, 1, 2]).tolist()
        presses = int(4 + 8 * difficulty["presses"] + first)  # stochastic rounding: difficulty is continuous
        buttons = min(int(4 + 4 * difficulty["buttons"] + second), MAX_BUTTONS)
        return self.episode(presses, buttons, marked=int(third * buttons))


register_domain("Counting-v0", "counting:CountingDomain")
