"""Two perceptrons over the same inputs, one for the logits of the policy and one for the value."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from etude_gym.agents.networks.categorical import choices, choices_gradient
from etude_gym.agents.networks.perceptron import Layers, backward_pass, forward_pass


def evaluate_perceptrons(
    inputs: Tensor, illegal: Tensor | None, actions: Tensor, actor: Layers, critic: Layers
) -> tuple[Tensor, Tensor, Tensor]:
    """Values, log-probabilities and entropies of a batch, as one node of autograd.

    Args:
        inputs: float32 (batch, features).
        illegal: bool (batch, actions), true where an action must not be taken; None: everything is legal.
        actions: int64 (batch,), the actions taken.
        actor: layers whose outputs are the logits of all actions.
        critic: layers whose output is the value.

    Returns:
        float32 tensors: values (batch, 1), log-probabilities of the actions (batch,), entropies (batch,).
    """
    parameters = [parameter for layer in (*actor, *critic) for parameter in layer]
    result: tuple[Tensor, Tensor, Tensor] = _Evaluation.apply(
        inputs, illegal, actions, len(actor), *parameters
    )
    return result


class _Evaluation(torch.autograd.Function):
    """One node of autograd in place of some twenty, each of which costs as much as a small product."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, inputs: Tensor, illegal: Tensor | None, actions: Tensor, depth: int, *parameters: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        layers = list(zip(parameters[::2], parameters[1::2], strict=True))
        *for_logits, logits = forward_pass(inputs, layers[:depth])
        *for_values, values = forward_pass(inputs, layers[depth:])
        log_probabilities, entropies, chosen = choices(logits, illegal, actions)
        ctx.sizes = (len(chosen), depth, len(for_values))
        ctx.save_for_backward(*chosen, *for_logits, *for_values, *parameters[::2])
        return values, log_probabilities, entropies

    @staticmethod
    def backward(  # type: ignore[override]
        ctx: Any, by_values: Tensor, by_log_probabilities: Tensor, by_entropies: Tensor
    ) -> tuple[Tensor | None, ...]:
        saved, to_inputs = iter(ctx.saved_tensors), ctx.needs_input_grad[0]
        chosen, for_logits, for_values = ([next(saved) for _ in range(size)] for size in ctx.sizes)
        weights = list(saved)
        by_logits = choices_gradient(chosen, by_log_probabilities, by_entropies)
        depth, turned = len(for_logits), for_logits[0].t().contiguous()
        from_actor, actor = backward_pass(by_logits, for_logits, turned, weights[:depth], to_inputs)
        from_critic, critic = backward_pass(by_values, for_values, turned, weights[depth:], to_inputs)
        by_inputs = None if from_actor is None or from_critic is None else from_actor + from_critic
        return by_inputs, None, None, None, *actor, *critic
