"""The duel: a proposer sets the tasks, solvers attempt them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from etude_gym.environment.registration import make_domain
from etude_gym.envs.duel.seats import Seats, check_agents, outcome_of, read_actions
from etude_gym.measure.rollout import rollout
from etude_gym.measure.scripted import OracleAgent
from etude_gym.practice.learnability import learnability
from etude_gym.practice.solver_record import NUM_LEVELS, SolverRecord, num_features
from etude_gym.randomness import fresh_seed
from etude_gym.tasks.domain import Domain, load_domain
from etude_gym.tasks.keys import TaskBatch, task_keys

PROPOSER = "proposer_0"


class DuelEnv(ParallelEnv[str, Any, Any]):
    """Practice as self-play over any domain: PettingZoo's parallel API.

    An episode is a number of rounds. A round begins with a proposal: the proposer chooses a family and
    a level of every axis. Then the solvers attempt the task, the same for all of them, until each has
    ended its own episode. All agents stay alive throughout; an agent that waits takes the action that does
    nothing.

    A solver's reward is the increase of its score. The proposer is rewarded at the end of a round:
    ``4 p (1 - p) (1 - share)``, where p is the success estimate of the task after this round and
    share the part of the recent proposals that lay in that cell, and nothing for a task that the
    domain's oracle does not solve. The episode terminates for all after the last round.

    The card, ``envs/duel/README.md``, documents spaces and formulas in full.

    Args:
        env_id: a registered id ("EtudePlan-v0"), or the domain.
        num_solvers: solvers side by side.
        rounds: rounds in an episode.
        domain_options: arguments of the domain, such as an observation variant.

    Attributes:
        record: how solvers have scored, by family and difficulty. Like a task sampler it outlives ``reset``;
            trainers may keep and restore its ``state_dict``.
        acting: agents whose action matters at the next step.

    Raises:
        ValueError: for an unknown id or option, or less than one solver or round.

    Example:
        >>> from etude_gym.envs import duel
        >>> env = duel.parallel_env("EtudePlan-v0", num_solvers=2)
        >>> observations, infos = env.reset(seed=0)
        >>> env.agents, env.action_space("proposer_0")
        (['proposer_0', 'solver_0', 'solver_1'], MultiDiscrete([ 1 21 21 21 21]))
    """

    metadata = {"name": "duel_v0", "render_modes": [], "is_parallelizable": True}  # noqa: RUF012
    render_mode = None

    def __init__(
        self, env_id: str | Domain, *, num_solvers: int = 1, rounds: int = 8, **domain_options: Any
    ) -> None:
        for name, value in (("num_solvers", num_solvers), ("rounds", rounds)):
            if not isinstance(value, (int, np.integer)) or value < 1:
                raise ValueError(f"{name} must be a positive integer, got {value!r}.")
        if isinstance(env_id, str):
            self.domain = make_domain(env_id, **domain_options)
        else:
            self.domain = load_domain(env_id, **domain_options)
        self.rounds = int(rounds)
        self.record = SolverRecord(self.domain.space)
        self.solvers = [f"solver_{i}" for i in range(num_solvers)]
        self.possible_agents = [PROPOSER, *self.solvers]
        self.agents: list[str] = []
        self.acting: list[str] = []
        self._seats = Seats(self.domain, len(self.solvers))
        self._make_proposer_spaces()
        self._oracle = OracleAgent(self.domain)
        self._seed = fresh_seed()
        self._num_tasks = 0
        self._round = 0
        self._illegal_proposals = 0

    def _make_proposer_spaces(self) -> None:
        space = self.domain.space
        sizes = [len(space.families), *[NUM_LEVELS] * len(space)]
        self._choices = gymnasium.spaces.MultiDiscrete(sizes)
        self._seen = gymnasium.spaces.Dict(
            {
                "observation": gymnasium.spaces.Box(0.0, 1.0, (num_features(space),), np.float32),
                "action_mask": gymnasium.spaces.Tuple(
                    [gymnasium.spaces.Box(0, 1, (size,), np.int8) for size in sizes]
                ),
            }
        )

    def observation_space(self, agent: str) -> gymnasium.Space[Any]:
        """Dict of "observation" and "action_mask"; the same object at every call.

        Args:
            agent: "proposer_0", "solver_0", "solver_1", ...

        Returns:
            For the proposer a Box of float32 and one mask for each number that it chooses; for a solver the
            domain's observation and one mask.
        """
        return self._seen if agent == PROPOSER else self._seats.observation_space

    def action_space(self, agent: str) -> gymnasium.Space[Any]:
        """The actions of an agent; the same object at every call.

        Args:
            agent: "proposer_0", "solver_0", "solver_1", ...

        Returns:
            For the proposer MultiDiscrete: the family, then a level of every axis. For a solver Discrete: the
            domain's actions, and to do nothing.
        """
        return self._choices if agent == PROPOSER else self._seats.action_space

    def reset(
        self, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """Begin an episode, in which the proposer acts first.

        Args:
            seed: starts the stream of tasks anew; without one it goes on.
            options: not used.

        Returns:
            Observations and infos, by agent.
        """
        if seed is not None:
            self._seed, self._num_tasks = int(seed), 0
        self.agents = list(self.possible_agents)
        self._round = 0
        self._illegal_proposals = 0
        self._seats.clear()
        self._known = self.record.observe()
        infos: dict[str, dict[str, Any]] = {agent: {} for agent in self.agents}
        self._turn(infos)
        return {agent: self._observe(agent) for agent in self.agents}, infos

    def step(self, actions: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
        """Let the proposer choose, or the solvers act.

        Args:
            actions: one for every agent. An illegal one costs the step, never raises and is counted in
                ``info["illegal_actions"]``; a proposal outside its space costs the proposer the round.

        Returns:
            Observations, rewards, terminations, truncations and infos, by agent.

        Raises:
            RuntimeError: if no episode is running.
            ValueError: if an agent's action is missing or a proposal has another length.
        """
        if not self.agents:
            raise RuntimeError("The episode is over: call reset() before step().")
        check_agents(self.agents, actions)
        levels = self._read_proposal(actions[PROPOSER])
        proposing = PROPOSER in self.acting
        rewards = dict.fromkeys(self.agents, 0.0)
        infos: dict[str, dict[str, Any]] = {agent: {} for agent in self.agents}
        gained = self._seats.step(read_actions(self.solvers, actions))
        rewards.update(zip(self.solvers, gained.tolist(), strict=True))
        if proposing:
            self._begin_round(levels, infos)
        else:
            self._illegal_proposals += bool(levels.any())
        if not self._seats.playing.any():
            if not proposing:
                rewards[PROPOSER] = self._end_round(infos)
            self._round += 1
        over = self._round == self.rounds
        self._turn(infos)
        ends, cuts = dict.fromkeys(self.agents, over), dict.fromkeys(self.agents, False)
        observations = {agent: self._observe(agent) for agent in self.agents}
        if over:
            self.agents, self.acting = [], []
        return observations, rewards, ends, cuts, infos

    def _read_proposal(self, action: Any) -> NDArray[np.int64]:
        levels = np.asarray(action)
        if levels.shape != self._choices.shape or levels.dtype.kind not in "iu":
            raise ValueError(
                f"A proposal is {len(self._choices.nvec)} integers, a family and the level of every axis; "
                f"got {action!r}."
            )
        return levels.astype(np.int64)

    def _begin_round(self, levels: NDArray[np.int64], infos: dict[str, dict[str, Any]]) -> None:
        """Give the proposed task to the solvers; a proposal outside its space gives them none."""
        if (levels < 0).any() or (levels >= self._choices.nvec).any():
            self._illegal_proposals += 1
            return
        space = self.domain.space
        key = task_keys(f"duel {self.domain.name}", "practice", self._seed, self._num_tasks)
        self._num_tasks += 1
        self._task = TaskBatch(key, levels[None, 1:] / (NUM_LEVELS - 1), levels[:1])
        self._seats.begin(self._task)
        for agent in self.agents:
            infos[agent] |= {
                "family": space.families[int(levels[0])],
                "difficulty": space.named(self._task.difficulty[0]),
                "task_key": int(key[0]),
            }

    def _end_round(self, infos: dict[str, dict[str, Any]]) -> float:
        """Grade the round, update the record and return the proposer's reward."""
        outcomes = self._seats.outcomes()
        for seat, agent in enumerate(self.solvers):
            infos[agent] |= outcome_of(outcomes, seat)
        task, scores = self._task, np.asarray(outcomes["score"], dtype=np.float64)
        proposal = task.difficulty[0], int(task.family[0])
        share = self.record.share(*proposal)
        solvable = bool(rollout(self.domain, task, self._oracle)["solved"][0])
        self.record.propose(*proposal)
        if solvable:
            self.record.update(task.difficulty, task.family, scores[None])
        success = self.record.success(*proposal)
        infos[PROPOSER] |= {
            "mean_score": float(scores.mean()),
            "success": success,
            "share": share,
            "solvable": solvable,
        }
        self._known = self.record.observe()
        self._seats.blank()
        return solvable * learnability(success) * (1.0 - share)

    def _turn(self, infos: dict[str, dict[str, Any]]) -> None:
        """Decide which agents act next, and put counts of illegal actions into ``infos``."""
        self.acting = [self.solvers[seat] for seat in np.flatnonzero(self._seats.playing)] or [PROPOSER]
        infos[PROPOSER]["illegal_actions"] = self._illegal_proposals
        for agent, number in zip(self.solvers, self._seats.illegal_actions.tolist(), strict=True):
            infos[agent]["illegal_actions"] = number

    def _observe(self, agent: str) -> dict[str, Any]:
        if agent != PROPOSER:
            return self._seats.observe(self.solvers.index(agent))
        sizes = self._choices.nvec.tolist()
        waiting = PROPOSER not in self.acting
        masks = tuple(np.ones(size, dtype=np.int8) for size in sizes)
        for mask in masks:
            mask[1:] = not waiting
        return {"observation": self._known.copy(), "action_mask": masks}
