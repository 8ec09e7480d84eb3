"""The race: agents play the same task side by side, and the difference of their scores counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from pettingzoo import ParallelEnv

from etude_gym.environment.registration import make_domain
from etude_gym.environment.stream import TaskStream
from etude_gym.envs.duel.seats import Seats, outcome_of, read_actions
from etude_gym.practice.sampler import REASONS, TaskSampler
from etude_gym.tasks.domain import Domain, load_domain


class RaceEnv(ParallelEnv[str, Any, Any]):
    """Agents race on the same task, each in a world of its own: PettingZoo's parallel API.

    A racer's reward is the increase of its score, less the mean increase of the others' scores. Rewards
    sum to zero at every step, and the undiscounted return is the difference of the scores at the end. The
    episode terminates for all when each has ended its own; a racer that is done earlier does nothing.

    A racer sees what a single agent sees of the domain, so policies carry over. The task sampler is given
    the score of ``racer_0``: the learner has that seat, and opponents from a league the others.

    The card, ``envs/duel/README.md``, documents spaces and formulas in full.

    Args:
        env_id: a registered id ("EtudePlan-v0"), or the domain.
        num_racers: agents side by side, at least two.
        practice: task sampler or its name; "adaptive" by default.
        difficulty: axes to pin, by name, values in [0, 1].
        family: family to pin.
        domain_options: arguments of the domain, such as an observation variant.

    Attributes:
        acting: agents whose action matters at the next step.
        stream: the tasks that are drawn.

    Raises:
        ValueError: for an unknown id, name or option, or less than two racers.

    Example:
        >>> from etude_gym.envs import duel
        >>> env = duel.race_parallel_env("EtudePlan-v0", practice="uniform")
        >>> observations, infos = env.reset(seed=0)
        >>> env.agents, env.action_space("racer_0")
        (['racer_0', 'racer_1'], Discrete(20))
    """

    metadata = {"name": "race_v0", "render_modes": [], "is_parallelizable": True}  # noqa: RUF012
    render_mode = None

    def __init__(
        self,
        env_id: str | Domain,
        *,
        num_racers: int = 2,
        practice: str | TaskSampler | None = None,
        difficulty: Mapping[str, float] | None = None,
        family: str | None = None,
        **domain_options: Any,
    ) -> None:
        if not isinstance(num_racers, (int, np.integer)) or num_racers < 2:
            raise ValueError(f"num_racers must be an integer of at least 2, got {num_racers!r}.")
        if isinstance(env_id, str):
            self.domain = make_domain(env_id, **domain_options)
        else:
            self.domain = load_domain(env_id, **domain_options)
        self.possible_agents = [f"racer_{i}" for i in range(num_racers)]
        self.agents: list[str] = []
        self.acting: list[str] = []
        self._seats = Seats(self.domain, len(self.possible_agents))
        self.stream = TaskStream(self.domain, 1, practice, "practice", difficulty, family, salt=0)
        self._row = np.zeros(1, dtype=np.int64)

    @property
    def sampler(self) -> TaskSampler:
        """The attached task sampler."""
        return self.stream.sampler

    def observation_space(self, agent: str) -> gymnasium.Space[Any]:
        """Dict of the domain's "observation" and "action_mask"; the same object at every call.

        Args:
            agent: "racer_0", "racer_1", ...; all have the same space.
        """
        return self._seats.observation_space

    def action_space(self, agent: str) -> gymnasium.Space[Any]:
        """Discrete: the domain's actions, and to do nothing; the same object at every call.

        Args:
            agent: "racer_0", "racer_1", ...; all have the same space.
        """
        return self._seats.action_space

    def reset(
        self, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """Draw a task and begin it in every seat.

        Args:
            seed: starts the stream of tasks anew; without one it goes on.
            options: not used.

        Returns:
            Observations and infos, by agent.
        """
        stream = self.stream
        if seed is not None:
            stream.seed(self._row, [int(seed)])
        task = stream.draw(self._row, stream.pinned_difficulty, stream.pinned_family)
        self.agents = list(self.possible_agents)
        self._seats.clear()
        self._seats.begin(task)
        self.acting = list(self.agents)
        about = {
            "family": self.domain.space.families[int(task.family[0])],
            "difficulty": self.domain.space.named(task.difficulty[0]),
            "task_key": int(task.keys[0]),
            "reason": REASONS[int(stream.reason[0])],
            "illegal_actions": 0,
        }
        infos = {agent: dict(about) for agent in self.agents}
        return self._observe(), infos

    def step(self, actions: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
        """Let every racer act.

        Args:
            actions: one for every agent. An illegal one never raises: it costs the step and is counted in
                ``info["illegal_actions"]``.

        Returns:
            Observations, rewards, terminations, truncations and infos, by agent.

        Raises:
            RuntimeError: if no episode is running.
            ValueError: if an agent's action is missing.
        """
        if not self.agents:
            raise RuntimeError("The episode is over: call reset() before step().")
        gained = self._seats.step(read_actions(self.agents, actions))
        others = (gained.sum() - gained) / (len(gained) - 1)
        rewards = dict(zip(self.agents, (gained - others).tolist(), strict=True))
        counts = self._seats.illegal_actions.tolist()
        infos = {
            agent: {"illegal_actions": number} for agent, number in zip(self.agents, counts, strict=True)
        }
        over = not self._seats.playing.any()
        ends, cuts = dict.fromkeys(self.agents, over), dict.fromkeys(self.agents, False)
        observations = self._observe()
        if over:
            self._finish(infos)
        self.acting = [self.possible_agents[seat] for seat in np.flatnonzero(self._seats.playing)]
        return observations, rewards, ends, cuts, infos

    def _finish(self, infos: dict[str, dict[str, Any]]) -> None:
        """Grade the race and report the learner's score to the task sampler."""
        outcomes = self._seats.outcomes()
        for seat, agent in enumerate(self.agents):
            infos[agent] |= outcome_of(outcomes, seat)
        self.stream.report(self._row, np.asarray(outcomes["score"][:1], dtype=np.float64))
        self.agents = []

    def _observe(self) -> dict[str, Any]:
        return {agent: self._seats.observe(seat) for seat, agent in enumerate(self.agents)}
