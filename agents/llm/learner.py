"""A language model that learns in its context: a learner whose practice is what it remembers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from etude_gym.agents.llm.calls import Calls
from etude_gym.agents.llm.client import Client
from etude_gym.agents.llm.endpoint import Endpoint
from etude_gym.agents.llm.memory import Memory, failure_of
from etude_gym.agents.llm.play import Player
from etude_gym.environment.text_rounds import TextRounds
from etude_gym.environment.text_task import TextTask
from etude_gym.errors import keywords, unexpected_keyword
from etude_gym.measure.compute import AXES, TOKEN_UNITS
from etude_gym.runs.agents import Recipe
from etude_gym.runs.folder import CALLS
from etude_gym.tasks.domain import Domain

TASKS = 100
"""Practice tasks that a run of the recipe comes to, about."""
RECIPE = Recipe(
    horizon=250_000,
    num_envs=8,
    samplers={"static": {"set_size": 8}, "schedule": {"ramp_episodes": 60}},
    source=f"no pilot: about {TASKS} practice tasks, of 1,000 tokens at first and 3,000 with 8 solutions",
)
"""Of any domain; the horizon in tokens."""


class InContextLearner:
    """A language model behind an endpoint that practices in its context: its weights stay as they are.

    It answers practice tasks in rounds. Worked solutions of the latest tasks and a remark on its failures
    stand before each later task; the arm "none" remembers nothing. It does not claim to learn from failures:
    solutions far beyond what it can do fill its context, so that practice stays near the frontier.

    Args:
        domain: the domain that the tasks belong to.
        seed: not used: the endpoint samples, or does not at temperature 0.
        horizon: compute that practice will last; not used.
        base_url: address of the OpenAI-compatible endpoint.
        model: name of the model there.
        parameters: of the model, for FLOPs as the axis of compute; without them the axis is tokens.
        attention_width: layers times width of the model: attention is counted beyond 4,096 tokens then.
        examples: worked solutions that a prompt holds, at most.
        max_turns: replies to a task, at most.
        rules: where rules and format stand: "system", "message" or "none".
        settings: others of ``Endpoint``: concurrency, max_tokens, temperature, deadline, timeout,
            json_schema, tokenizer.

    Attributes:
        memory: what stands before each task.
        player: asks the endpoint.
        practiced: fingerprints of the tasks that were practiced.

    Raises:
        ValueError: for a setting that is not allowed.
        TypeError: for one that does not exist.
    """

    remembers = True
    one_at_a_time = True

    def __init__(
        self,
        domain: Domain,
        *,
        seed: int = 0,
        horizon: float = 0.0,
        base_url: str = "",
        model: str = "",
        parameters: float | None = None,
        attention_width: int = 0,
        examples: int = 8,
        max_turns: int = 8,
        rules: str = "system",
        **settings: Any,
    ) -> None:
        for name in settings:
            if name not in (allowed := keywords(Endpoint)):
                raise unexpected_keyword(InContextLearner, name, (*keywords(InContextLearner), *allowed))
        if not base_url or not model:
            raise ValueError("Name the endpoint and the model: --model NAME --base-url http://HOST:PORT/v1")
        for name, value in (("examples", examples), ("max_turns", max_turns)):
            if value < (name == "max_turns"):
                raise ValueError(f"{name} must be at least {int(name == 'max_turns')}, got {value}.")
        if parameters is not None and not 0 < parameters < float("inf"):
            raise ValueError(f"parameters must be a positive number, got {parameters!r}.")
        self._endpoint = Endpoint(base_url=base_url, model=model, **settings)
        self._unit = self.unit_of({"parameters": parameters})
        self.memory = Memory(examples, rules)
        self.player = Player(
            Client(self._endpoint, Calls(None)),
            self.memory,
            max_turns=max_turns,
            parameters=parameters,
            attention_width=attention_width,
        )
        self.practiced: set[int] = set()
        self._num_episodes = 0
        self._rounds: TextRounds | None = None
        self._booked: dict[str, dict[str, float]] = {}

    @classmethod
    def check_options(cls, domain: Domain, options: Mapping[str, Any]) -> None:
        """Refuse arguments that make no learner; nothing is asked.

        Args:
            domain: the domain that the tasks belong to.
            options: the arguments.

        Raises:
            ValueError, TypeError: as the class does.
        """
        cls(domain, **options)

    @classmethod
    def check_reachable(cls, options: Mapping[str, Any]) -> None:
        """Ask the endpoint about itself, which costs no tokens.

        Args:
            options: arguments of the class.

        Raises:
            RuntimeError: if nothing listens there, or the key is refused.
        """
        given = {name: options[name] for name in keywords(Endpoint) if name in options}
        Client(Endpoint(**given), Calls(None)).context_length()

    @staticmethod
    def recipe(env_id: str) -> Recipe:
        """How language models practice, the same in every domain."""
        return RECIPE

    @staticmethod
    def unit_of(options: Mapping[str, Any]) -> str:
        """The axis of compute: FLOPs where the number of parameters is known, else tokens."""
        return "flops" if options.get("parameters") else "tokens"

    @staticmethod
    def horizon_of(horizon: float, options: Mapping[str, Any]) -> float:
        """A horizon in tokens on the axis of compute: two FLOPs for each parameter and token."""
        parameters = options.get("parameters")
        return horizon * 2.0 * parameters if parameters else horizon

    @property
    def flops(self) -> Mapping[str, float]:
        """FLOPs so far by line of the ledger; empty where the number of parameters is not known."""
        return self.player.flops()

    def keep_in(self, folder: Path) -> None:
        """Keep the record of calls in a run's folder, and take what was answered already from there.

        Args:
            folder: of the run.
        """
        self.player.client = Client(self._endpoint, Calls(folder / CALLS))

    def learn(self, env: Any, until: float) -> None:
        """Practice until training compute has reached ``until``.

        Args:
            env: vector environment, which gives the stream of tasks.
            until: compute on the learner's axis since it was made.
        """
        if self._rounds is None:
            self._rounds = TextRounds(env, self.practiced)
        remembers = not env.unwrapped.stream.sampler.forgets
        while self._compute < until:
            self._practice(self._rounds, remembers)

    @property
    def _compute(self) -> float:
        spent = self.player.amounts.get("rollout", {})
        return sum(spent.get(unit, 0.0) for unit in AXES[self._unit])

    def _practice(self, rounds: TextRounds, remembers: bool) -> None:
        """One round of tasks."""
        tasks = rounds.draw()
        told = [task.parts.task for task in tasks]
        references = [task.reference() for task in tasks]
        first = self._num_episodes
        self._num_episodes += len(tasks)
        names = [f"rollout/{first + i}/{task.key:016x}" for i, task in enumerate(tasks)]
        graded = self.player.play(tasks, "rollout", names)
        rounds.report(tasks, graded)
        if not remembers:
            return
        for task, prompt, reference, counts in zip(tasks, told, references, graded, strict=True):
            if counts:
                self.memory.add(task.family, prompt, reference, failure_of(task.outcome()))

    def play(self, tasks: Sequence[TextTask]) -> list[bool]:
        """Reply to anchor tasks.

        Args:
            tasks: in their first state.

        Returns:
            For each task whether it was graded.
        """
        return self.player.play(tasks, "evaluation", [f"evaluation/{task.key:016x}" for task in tasks])

    def take_expenses(self) -> dict[str, dict[str, float]]:
        """Tokens and requests since the last call, by line of the ledger."""
        spent = {
            line: {unit: amounts[unit] for unit in TOKEN_UNITS}
            for line, amounts in self.player.amounts.items()
        }
        spent["repeated"] = self.player.client.calls.amounts()["repeated"]
        if parameters := self.player.parameters:
            tokens = spent["repeated"]["tokens_in"] + spent["repeated"]["tokens_out"]
            spent["repeated"] = {**spent["repeated"], "flops": 2.0 * parameters * tokens}
        before, self._booked = self._booked, spent
        return {line: _beyond(amounts, before.get(line, {})) for line, amounts in spent.items()}

    def take_episodes(self) -> list[dict[str, Any]]:
        """Records of the tasks played since the last call."""
        return self.player.take_episodes()

    def policy_state(self) -> dict[str, Any]:
        """What it needs to answer as it does now: its memory, and what is no test for it."""
        practiced = np.array(sorted(self.practiced), dtype=np.uint64)
        return {"memory": self.memory.state_dict(), "practiced": practiced, "room": self.player.room}

    def load_policy_state(self, state: dict[str, Any]) -> None:
        """Restore what ``policy_state`` returned.

        Args:
            state: of a learner of the same model.
        """
        self.memory.load_state_dict(state["memory"])
        self.player.room = state["room"]
        self.practiced.clear()
        self.practiced.update(int(number) for number in state["practiced"])

    start_from = load_policy_state

    def state_dict(self) -> dict[str, Any]:
        """Memory and ledger, in plain parts; the stream of tasks is saved with the environment."""
        return {
            "policy": self.policy_state(),
            "num_episodes": self._num_episodes,
            "amounts": self.player.amounts,
            "booked": self._booked,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned.

        Args:
            state: of a learner made with the same options.
        """
        self.load_policy_state(state["policy"])
        self._num_episodes = int(state["num_episodes"])
        self.player.amounts = {line: dict(amounts) for line, amounts in state["amounts"].items()}
        self._booked = {line: dict(amounts) for line, amounts in state["booked"].items()}


def _beyond(amounts: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    """What amounts have grown by."""
    return {unit: max(0.0, amount - before.get(unit, 0.0)) for unit, amount in amounts.items()}
