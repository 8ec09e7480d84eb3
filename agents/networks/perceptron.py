"""Multilayer perceptrons with tanh between their layers, computed by oneDNN where that pays.

On processors that are not Intel's, PyTorch's default library takes twice as long for the products and ten
times as long for the tanh. The two passes are plain functions, for a node of autograd to call.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.flop_counter import register_flop_formula

Layers = Sequence[tuple[Tensor, Tensor]]
"""Weight (outputs, inputs) and bias (outputs,) of every layer."""

SMALLEST_BATCH = 256
"""Rows from which on oneDNN saves more than calling it costs."""

_fused_layer: Any = getattr(
    torch.ops.mkldnn, "_linear_pointwise", None
)  # what torch.compile uses, if it is there


def forward_pass(inputs: Tensor, layers: Layers) -> list[Tensor]:
    """The inputs, the outputs of every hidden layer after tanh, and those of the last layer.

    Args:
        inputs: float32 (batch, features).
        layers: at least one.

    Returns:
        float32 tensors (batch, width), one more than there are layers.
    """
    passed = [inputs]
    for weight, bias in layers[:-1]:
        passed.append(affine(passed[-1], weight, bias, "tanh"))
    return [*passed, affine(passed[-1], *layers[-1])]


def backward_pass(
    gradient: Tensor, passed: Sequence[Tensor], turned: Tensor, weights: Sequence[Tensor], to_inputs: bool
) -> tuple[Tensor | None, list[Tensor]]:
    """Gradients of a perceptron.

    Args:
        gradient: float32 (batch, outputs), the gradient by the outputs of the last layer.
        passed: what ``forward_pass`` returned, without the last.
        turned: the inputs (features, batch), contiguous.
        weights: of every layer, (outputs, inputs).
        to_inputs: whether the gradient by the inputs is needed.

    Returns:
        The gradient by the inputs, (batch, features), None unless ``to_inputs``; those by the weight and the
        bias of every layer in turn.
    """
    gradients: list[Tensor] = []
    for layer in range(len(weights) - 1, -1, -1):
        inputs = passed[layer]
        by_weight = weight_gradient(gradient, inputs) if layer else product(turned, gradient).t()
        gradients[:0] = by_weight, gradient.sum(0)
        if layer:
            gradient = product(gradient, weights[layer])
            torch.ops.aten.tanh_backward.grad_input(gradient, inputs, grad_input=gradient)
    return product(gradient, weights[0]) if to_inputs else None, gradients


def affine(inputs: Tensor, weight: Tensor, bias: Tensor, activation: str = "none") -> Tensor:
    """A layer.

    Args:
        inputs: float32 (batch, features).
        weight: (outputs, features).
        bias: (outputs,).
        activation: "none", "relu" or "tanh".

    Returns:
        float32 tensor of shape (batch, outputs).
    """
    if _onednn_pays(inputs, weight):
        fused: Tensor = _fused_layer.default(inputs, weight, bias, activation, [], "")
        return fused
    outputs = functional.linear(inputs, weight, bias)
    if activation == "tanh":
        outputs.mul_(2).sigmoid_().mul_(2).sub_(1)  # tanh, in operators that are fast everywhere
    return outputs.relu_() if activation == "relu" else outputs


def weight_gradient(gradient: Tensor, inputs: Tensor) -> Tensor:
    """The product over the batch; oneDNN wants the first factor row by row.

    Args:
        gradient: float32 (batch, outputs), by the outputs of a layer.
        inputs: float32 (batch, features), of the layer.

    Returns:
        float32 tensor of shape (outputs, features).
    """
    if not _onednn_pays(inputs, gradient.t()):
        return gradient.t() @ inputs
    if gradient.shape[1] < inputs.shape[1]:
        return product(gradient.t().contiguous(), inputs)
    return product(inputs.t().contiguous(), gradient).t()


def product(left: Tensor, right: Tensor) -> Tensor:
    """The product of two matrices.

    Args:
        left: float32 (rows, inner).
        right: float32 (inner, columns).

    Returns:
        float32 tensor of shape (rows, columns).
    """
    if _onednn_pays(left, right.t()):
        result: Tensor = _fused_layer.default(left, right.t(), None, "none", [], "")
        return result
    return left @ right


def rectify(gradient: Tensor, outputs: Tensor) -> None:
    """Turn the gradient by the outputs of a relu into that by its inputs, in place.

    Args:
        gradient: float32 of any shape.
        outputs: float32 of the same shape.
    """
    torch.ops.aten.threshold_backward.grad_input(gradient, outputs, 0, grad_input=gradient)


def _onednn_pays(inputs: Tensor, weight: Tensor) -> bool:
    large = len(inputs) >= SMALLEST_BATCH or inputs.shape[1] >= SMALLEST_BATCH
    return large and len(weight) > 1 and _fused_layer is not None and inputs.device.type == "cpu"


if _fused_layer is not None:
    register_flop_formula(_fused_layer)(lambda inputs, weight, *_, **__: 2 * prod(inputs) * weight[0])
