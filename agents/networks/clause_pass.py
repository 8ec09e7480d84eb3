"""``ClauseNetwork`` on a processor: few large products, and single passes between them.

The same function as the network's plain operators compute, and the same FLOPs on the ledger: those of the
kernels are booked as what the operators would cost.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from etude_gym.agents.networks import clause_kernels as kernels
from etude_gym.agents.networks.booking import book
from etude_gym.agents.networks.perceptron import affine, product, rectify
from etude_gym.tasks.observation_layout import ClauseLayout


class Parameters(NamedTuple):
    """Weights and biases of a ``ClauseNetwork``, in the order of its forward pass."""

    clause_in: Tensor
    clause_in_bias: Tensor
    to_literals: Tensor
    to_literals_bias: Tensor
    literal_in: Tensor
    literal_in_bias: Tensor
    to_clauses: Tensor
    to_clauses_bias: Tensor
    clause_hidden: Tensor
    clause_hidden_bias: Tensor
    summary: Tensor
    summary_bias: Tensor
    clause_context: Tensor
    clause_context_bias: Tensor
    literal_context: Tensor
    literal_context_bias: Tensor
    other_hidden: Tensor
    other_hidden_bias: Tensor
    value_hidden: Tensor
    value_hidden_bias: Tensor
    clause_out: Tensor
    clause_out_bias: Tensor
    literal_out: Tensor
    literal_out_bias: Tensor
    other_out: Tensor
    other_out_bias: Tensor


class Passed(NamedTuple):
    """What a forward pass leaves for the backward pass: tensors (batch, ...)."""

    places: Tensor
    clause_inputs: Tensor
    atoms: Tensor
    first_clauses: Tensor
    literals: Tensor
    joined: Tensor
    clauses: Tensor
    seen: Tensor
    summary: Tensor
    contexts: Tensor


def evaluate_clauses(
    observation: Tensor, layout: ClauseLayout, parameters: Parameters
) -> tuple[Tensor, Tensor]:
    """Scores of all clauses, literals and other actions, and the features of the value.

    Args:
        observation: float32 (batch, size).
        layout: of the observation.
        parameters: of the network.

    Returns:
        float32 tensors (batch, clauses + literals + others) and (batch, width).
    """
    result: tuple[Tensor, Tensor] = _Evaluation.apply(observation, layout, *parameters)
    return result


class _Evaluation(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, observation: Tensor, layout: ClauseLayout, *parameters: Tensor
    ) -> tuple[Tensor, Tensor]:
        scores, value, passed = _forward_pass(observation.contiguous(), layout, Parameters(*parameters))
        ctx.save_for_backward(*passed, *parameters)
        return scores, value

    @staticmethod
    def backward(ctx: Any, by_scores: Tensor, by_value: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        saved, count = ctx.saved_tensors, len(Passed._fields)
        passed, parameters = Passed(*saved[:count]), Parameters(*saved[count:])
        return None, None, *_backward_pass(by_scores.contiguous(), by_value, passed, parameters)


def _forward_pass(observation: Tensor, layout: ClauseLayout, p: Parameters) -> tuple[Tensor, Tensor, Passed]:
    batch, num_clauses, num_atoms = len(observation), layout.clauses.items, layout.atoms.items
    named, (message_width, width) = layout.literals_per_clause, p.to_literals.shape
    places = torch.empty(batch, num_clauses, named, dtype=torch.int16)
    clause_inputs = observation.new_empty(batch, num_clauses, layout.clauses.features - named)
    atoms = observation.new_empty(batch, num_atoms, p.literal_in.shape[1])
    starts = layout.clauses.start, layout.atoms.start
    kernels.read_items(observation.numpy(), *starts, *_arrays(places, clause_inputs, atoms))

    first_clauses = _affine(clause_inputs, p.clause_in, p.clause_in_bias, "relu")
    messages = _affine(first_clauses, p.to_literals, p.to_literals_bias)
    kernels.hear(*_arrays(messages, places, atoms))
    literals = _affine(atoms, *_both_signs(p), "relu").view(batch, 2 * num_atoms, -1)
    messages = _affine(literals, p.to_clauses, p.to_clauses_bias)
    joined = observation.new_empty(batch, num_clauses, width + message_width)
    kernels.tell(*_arrays(first_clauses, messages, places, joined))
    clauses = _affine(joined, p.clause_hidden, p.clause_hidden_bias, "relu")
    seen = observation.new_empty(batch, p.summary.shape[1])
    kernels.pool(*_arrays(observation, clauses, literals, seen))

    summary = affine(seen, p.summary, p.summary_bias, "relu")
    contexts = affine(summary, *_contexts(p))
    hidden = contexts[:, -2 * width :].relu_()
    others = affine(hidden[:, :width], p.other_out, p.other_out_bias)
    scores = observation.new_empty(batch, num_clauses + 2 * num_atoms + others.shape[1])
    scores[:, num_clauses + 2 * num_atoms :] = others
    biases = torch.cat([p.clause_out_bias, p.literal_out_bias])
    kernels.score(*_arrays(clauses, literals, contexts, p.clause_out[0], p.literal_out[0], biases, scores))
    book(_message_flops(literals, clauses, message_width) + _score_flops(literals, clauses))
    for_literals = (places, clause_inputs, atoms, first_clauses, literals)
    return scores, hidden[:, width:].clone(), Passed(*for_literals, joined, clauses, seen, summary, contexts)


def _backward_pass(by_scores: Tensor, by_value: Tensor, passed: Passed, p: Parameters) -> tuple[Tensor, ...]:
    """Gradients of the parameters, in their order."""
    clauses, literals, atoms = passed.clauses, passed.literals, passed.atoms
    message_width, width = p.to_literals.shape
    narrow, num_items = literals.shape[2], clauses.shape[1] + literals.shape[1]
    items = _arrays(clauses, literals, passed.contexts, p.clause_out[0], p.literal_out[0])

    by_contexts, by_ends = torch.empty_like(passed.contexts), by_scores.new_zeros(width + narrow)
    kernels.score_backward(*_arrays(by_scores), *items, *_arrays(by_contexts, by_ends))
    by_others, hidden = by_scores[:, num_items:], passed.contexts[:, -2 * width :]
    by_contexts[:, -2 * width : -width] = by_others @ p.other_out
    by_contexts[:, -width:] = by_value
    rectify(by_contexts[:, -2 * width :], hidden)
    by_summary = product(by_contexts, _contexts(p)[0])
    rectify(by_summary, passed.summary)
    by_seen = product(by_summary, p.summary)

    by_clauses, by_literals = torch.empty_like(clauses), torch.empty_like(literals)
    results = _arrays(by_clauses, by_literals)
    kernels.items_backward(*_arrays(by_scores, by_seen, passed.seen), *items, *results)
    by_joined = _product(by_clauses, p.clause_hidden)
    by_told = literals.new_empty(*literals.shape[:2], message_width)
    kernels.tell_backward(*_arrays(by_joined, passed.places, by_told))
    _add_product(by_literals, by_told, p.to_clauses)
    rectify(by_literals, literals)
    by_signs = by_literals.view(*atoms.shape[:2], -1)
    by_atoms = _product(by_signs, _both_signs(p)[0])
    by_heard = clauses.new_empty(*clauses.shape[:2], message_width)
    by_first = torch.empty_like(clauses)
    kernels.hear_backward(*_arrays(by_atoms, by_joined, passed.places, by_heard, by_first))
    _add_product(by_first, by_heard, p.to_literals)
    rectify(by_first, passed.first_clauses)
    book(_message_flops(literals, clauses, message_width) + 2 * _score_flops(literals, clauses))

    by_context_layers = [
        part.split((width, narrow, width, width)) for part in _by_layer(by_contexts, passed.summary)
    ]
    for_items = by_scores[:, : clauses.shape[1]].sum(), by_scores[:, clauses.shape[1] : num_items].sum()
    return (
        *_by_layer(by_first, passed.clause_inputs),
        *_by_layer(by_heard, passed.first_clauses),
        *_by_literal_in(*_by_layer(by_signs, atoms), message_width),
        *_by_layer(by_told, literals),
        *_by_layer(by_clauses, passed.joined),
        *_by_layer(by_summary, passed.seen),
        *(gradient for layer in zip(*by_context_layers, strict=True) for gradient in layer),
        *(by_ends[None, :width], for_items[0][None], by_ends[None, width:], for_items[1][None]),
        *(by_others.t() @ hidden[:, :width], by_others.sum(0)),
    )


def _contexts(p: Parameters) -> tuple[Tensor, Tensor]:
    """The layers that read the summary, as one."""
    weights = (p.clause_context, p.literal_context, p.other_hidden, p.value_hidden)
    biases = (p.clause_context_bias, p.literal_context_bias, p.other_hidden_bias, p.value_hidden_bias)
    return torch.cat(weights), torch.cat(biases)


def _both_signs(p: Parameters) -> tuple[Tensor, Tensor]:
    """The layer of literals for an atom and its negation at once: for the latter, inputs change places."""
    weight = torch.cat([p.literal_in, _negated(p.literal_in, len(p.to_literals))])
    return weight, torch.cat([p.literal_in_bias, p.literal_in_bias])


def _by_literal_in(by_weight: Tensor, by_bias: Tensor, message_width: int) -> tuple[Tensor, Tensor]:
    """Gradients of the layer of literals by those of the layer for both signs."""
    (atom, negation), biases = by_weight.chunk(2), by_bias.chunk(2)
    return atom + _negated(negation, message_width), biases[0] + biases[1]


def _negated(weight: Tensor, message_width: int) -> Tensor:
    """Columns as they stand for the other sign: two halves of features, two halves of messages."""
    half = weight.shape[1] // 2 - message_width
    parts = weight.split((half, half, message_width, message_width), dim=1)
    return torch.cat([parts[1], parts[0], parts[3], parts[2]], dim=1)


def _flat(items: Tensor) -> Tensor:
    return items.view(-1, items.shape[-1])


def _affine(items: Tensor, weight: Tensor, bias: Tensor, activation: str = "none") -> Tensor:
    return affine(_flat(items), weight, bias, activation).view(*items.shape[:2], -1)


def _product(items: Tensor, right: Tensor) -> Tensor:
    return product(_flat(items), right).view(*items.shape[:2], -1)


def _add_product(items: Tensor, left: Tensor, right: Tensor) -> None:
    torch.addmm(_flat(items), _flat(left), right, out=_flat(items))


def _by_layer(gradient: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of a layer's weight and bias by that of its outputs."""
    flat = _flat(gradient)
    return flat.t() @ _flat(inputs), flat.sum(0)


def _arrays(*tensors: Tensor) -> list[Any]:
    return [tensor.detach().numpy() for tensor in tensors]


def _message_flops(literals: Tensor, clauses: Tensor, width: int) -> int:
    """A product of the matrix of which clause holds which literal with messages, in both directions."""
    return 2 * 2 * len(clauses) * clauses.shape[1] * literals.shape[1] * width


def _score_flops(literals: Tensor, clauses: Tensor) -> int:
    return 2 * (clauses.numel() + literals.numel())
