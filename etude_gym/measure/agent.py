"""The interfaces of agents: ``Agent`` can be scored, ``Learner`` can be measured while it learns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import gymnasium

from etude_gym.environment.text_task import TextTask
from etude_gym.tasks.domain import Actions, Worlds
from etude_gym.tasks.observations import Masks, Observations


@runtime_checkable
class Agent(Protocol):
    """Anything that chooses actions.

    An agent that may see the full state, as scripted solvers do, has a method ``attend(worlds)`` as well,
    called before every ``act`` with the worlds that the observations are of.
    """

    def act(self, observations: Observations, masks: Masks) -> Actions:
        """Actions for a batch.

        Args:
            observations: array (n, ...), or a dictionary of such arrays.
            masks: int8 (n, actions), 1 where legal.

        Returns:
            int64 array of shape (n,).
        """


@runtime_checkable
class Learning(Protocol):
    """What learns from practice; see ``Learner`` and ``TextLearner``.

    Made as ``YourLearner(domain, seed=..., horizon=..., **options)``: the domain gives the spaces, the
    horizon is the compute that practice will last, in FLOPs, for those who anneal a learning rate.

    A learner may have more, if it needs it:

    - ``take_expenses()``, for one that steps environments of its own: amounts spent since the last call, by
      line of the ledger and unit (``{"rollout": {"env_steps": 4096, "cpu_seconds": 2.5}}``), apart from those
      FLOPs that ``flops`` holds. Such a learner uses the task sampler of the environment it is given, and
      calls the listener of the environment's task stream with finished episodes.
    - ``check_options(domain, options)``, of the class, which raises ValueError for arguments that make no
      learner, before a run is laid out; for one that is made in no time.
    - ``check_reachable(options)``, of the class, for one that asks an endpoint: raises RuntimeError if that
      does not answer, before a run is laid out, and costs nothing.
    - ``policy_state()`` and ``load_policy_state(state)``, for one whose ``act`` needs less than its whole
      ``state_dict``: only that (the weights of its network). It is kept for every checkpoint that is scored,
      so that it can be scored again; see ``etude_gym.runs.rescoring``.
    - ``start_from(state)``, for one that can practice on from where another run's learner ended: it acts, and
      learns from now on, as the one whose ``policy_state`` this is; its own ``flops`` stay as they are.
    - ``close()``, for one that starts processes: called when its run ends or is left.
    - ``takes_resources = True``, for one that takes an argument ``resources``, the fields of
      ``etude_gym.runs.agents.Resources`` by name, and has ``check(resources)``, which raises ValueError if
      they are not there.
    - ``learns_from_failures``, True for one that is shown the solution of every task it has attempted, and so
      learns from those it fails as well; False is assumed. Samplers need not keep such a learner away from
      tasks that it cannot solve yet.
    - ``plays_itself = True``, for one that carries out the arms "self_play" and "race": see
      ``etude_gym.practice.self_play.SelfPlaySampler`` and ``RaceSampler``.

    Attributes:
        flops: training compute so far by line of the ledger ("rollout", "update", "value"); "evaluation"
            may be among them.
    """

    flops: Mapping[str, float]

    def learn(self, env: gymnasium.vector.VectorEnv[Any, Any, Any], until: float) -> None:
        """Practice until training compute has reached ``until`` FLOPs.

        Called again and again with the same environment and a growing ``until``: call ``env.reset()`` the
        first time, later go on where the last call stopped.

        Args:
            env: vector environment in SAME_STEP autoreset mode.
            until: training compute in FLOPs since the learner was made, not since the last call.
        """

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on exactly from here, in plain parts.

        Returns:
            None, bool, int, float, str, lists, tuples, dictionaries, NumPy arrays and torch tensors, nested:
            what checkpoints hold (``etude_gym.runs.records``). They come back as the same types. Of a random
            generator return the state, such as ``generator.bit_generator.state``.
        """

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned.

        Args:
            state: of a learner of the same class, made with the same domain and options.
        """


@runtime_checkable
class Learner(Agent, Learning, Protocol):
    """An agent that learns from practice, on observations and actions: ``Agent`` and ``Learning``."""


@runtime_checkable
class TextAgent(Protocol):
    """Anything that reads prompts and writes replies."""

    def play(self, tasks: Sequence[TextTask]) -> list[bool]:
        """Reply until every task is over, or give up.

        Args:
            tasks: n tasks in their first state.

        Returns:
            For each task whether it was graded: False where no answer could be had, which is not a failure.
        """


@runtime_checkable
class TextLearner(TextAgent, Learning, Protocol):
    """A learner that reads prompts and writes replies: ``TextAgent`` and ``Learning``.

    Its practice tasks come from ``etude_gym.environment.text_rounds.TextRounds``. It may have more:

    - ``unit_of(options)``, static: "flops", or "tokens" for one whose FLOPs are not known with these
      arguments: the axis of its curves. ``horizon_of(horizon, options)``: its recipe's horizon on that axis.
    - ``practiced``: fingerprints of the tasks it has practiced, see ``TextRounds``.
    - ``keep_in(folder)``, for one that keeps a record of its own in the run's folder: a run that was killed
      takes what was answered already from there, and books itself what it has to ask again.
    - ``take_episodes()``: records of the episodes since the last call, for ``episodes.jsonl``.
    - ``remembers = True``, for one with a memory that the arm "none" leaves empty.
    - ``one_at_a_time = True``, for one whose runs share a server: they go one after another by default.
    """


def policy_state(learner: Learning) -> dict[str, Any]:
    """What a learner needs to act as it does now: its ``policy_state``, or else its whole state.

    Args:
        learner: a learner with or without a method ``policy_state``.

    Returns:
        Plain parts, as ``Learner.state_dict`` describes them.
    """
    state: dict[str, Any] = getattr(learner, "policy_state", learner.state_dict)()
    return state


def load_policy_state(learner: Learning, state: dict[str, Any]) -> None:
    """Let a learner act as the one whose ``policy_state`` this is.

    Args:
        learner: a learner of the same class, made with the same domain and options.
        state: what ``policy_state`` returned.
    """
    getattr(learner, "load_policy_state", learner.load_state_dict)(state)


def choose(agent: Agent, worlds: Worlds, observations: Observations, masks: Masks) -> Actions:
    """Let an agent act, showing it the worlds if it has a method ``attend``.

    Args:
        agent: the agent that acts.
        worlds: structured array (n,), the states behind the observations.
        observations: array (n, ...), or a dictionary of such arrays.
        masks: int8 (n, actions), 1 where legal.

    Returns:
        int64 array of shape (n,).
    """
    attend = getattr(agent, "attend", None)
    if attend is not None:
        attend(worlds)
    return agent.act(observations, masks)
