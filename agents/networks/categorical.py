"""Choices among the actions that a mask allows: log-probabilities and entropies with little overhead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

ILLEGAL_LOGIT = -1e7
"""The logit of an illegal action: its probability is 0 beside any legal one. Larger numbers are slow."""

_LOG2_E = 1.4426950408889634


def masked_log_softmax(logits: Tensor, illegal: Tensor | None) -> Tensor:
    """Log-probabilities of all actions; uniform in a row in which nothing is legal.

    Args:
        logits: float32 (batch, actions).
        illegal: bool (batch, actions), true where an action must not be taken; None: everything is legal.

    Returns:
        float32 tensor of shape (batch, actions).
    """
    return (logits if illegal is None else logits.masked_fill(illegal, ILLEGAL_LOGIT)).log_softmax(dim=1)


def probabilities_of(log_probabilities: Tensor) -> Tensor:
    """The exponential; powers of 2 stay fast where a probability is 0, powers of e do not.

    Args:
        log_probabilities: float32 of any shape.

    Returns:
        float32 tensor of the same shape.
    """
    return (log_probabilities * _LOG2_E).exp2_()


def draw(log_probabilities: Tensor) -> Tensor:
    """Draw an action for each row, by inversion of the cumulative distribution.

    Args:
        log_probabilities: float32 (batch, actions).

    Returns:
        int64 tensor of shape (batch,).
    """
    cumulative = probabilities_of(log_probabilities).cumsum(dim=1)
    drawn = torch.rand_like(cumulative[:, :1]) * cumulative[:, -1:]  # below the last one: 1 is never drawn
    return (cumulative <= drawn).sum(dim=1)


def evaluate_choices(logits: Tensor, illegal: Tensor | None, actions: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probabilities of the actions taken and entropies of the choices.

    An entropy counts legal actions only: it is 0 in a row in which nothing is legal.

    Args:
        logits: float32 (batch, actions).
        illegal: bool (batch, actions), true where an action must not be taken; None: everything is legal.
        actions: int64 (batch,), the actions taken.

    Returns:
        Two float32 tensors of shape (batch,).
    """
    result: tuple[Tensor, Tensor] = _Choices.apply(logits, illegal, actions)
    return result


class _Choices(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, illegal: Tensor | None, actions: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        log_probabilities, entropies, saved = choices(logits, illegal, actions)
        ctx.save_for_backward(*saved)
        return log_probabilities, entropies

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        return choices_gradient(ctx.saved_tensors, *gradients), None, None


def choices(
    logits: Tensor, illegal: Tensor | None, actions: Tensor
) -> tuple[Tensor, Tensor, tuple[Tensor | None, ...]]:
    """What ``evaluate_choices`` returns, and what ``choices_gradient`` needs.

    Args:
        logits: float32 (batch, actions).
        illegal: bool (batch, actions), or None.
        actions: int64 (batch,), the actions taken.

    Returns:
        Log-probabilities (batch,), entropies (batch,), and tensors for ``choices_gradient``.
    """
    actions = actions[:, None]
    log_probabilities = masked_log_softmax(logits, illegal)
    probabilities = probabilities_of(log_probabilities)
    if illegal is not None:
        probabilities.masked_fill_(illegal, 0.0)
    surprise = probabilities * log_probabilities
    entropies = surprise.sum(dim=1).neg_()
    saved = (probabilities, surprise, entropies, actions, illegal)
    return log_probabilities.gather(1, actions)[:, 0], entropies, saved


def choices_gradient(saved: Sequence[Any], by_log_probability: Tensor, by_entropy: Tensor) -> Tensor:
    """The gradient by the logits: ``d log p_a = 1_a - p`` and ``dH = -p (log p + H)``.

    Args:
        saved: the last part of what ``choices`` returned.
        by_log_probability: float32 (batch,), the gradient by the log-probabilities of the actions.
        by_entropy: float32 (batch,), the gradient by the entropies.

    Returns:
        float32 tensor of shape (batch, actions).
    """
    probabilities, surprise, entropies, actions, illegal = saved
    common = torch.addcmul(by_log_probability, by_entropy, entropies)
    gradient = torch.addcmul(surprise * by_entropy[:, None], probabilities, common[:, None]).neg_()
    taken = by_log_probability[:, None]
    if illegal is not None:  # the logit of an illegal action is not used
        taken = taken.masked_fill(illegal.gather(1, actions), 0.0)
    return gradient.scatter_add_(1, actions, taken)
