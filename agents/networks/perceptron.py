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
        passed.append(_layer(passed[-1], weight, bias, hidden=True))
    return [*passed, _layer(passed[-1], *layers[-1], hidden=False)]


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
        by_weight = _weight_gradient(gradient, inputs) if layer else _product(turned, gradient).t()
        gradients[:0] = by_weight, gradient.sum(0)
        if layer:
            gradient = _product(gradient, weights[layer])
            torch.ops.aten.tanh_backward.grad_input(gradient, inputs, grad_input=gradient)
    return _product(gradient, weights[0]) if to_inputs else None, gradients


def _layer(inputs: Tensor, weight: Tensor, bias: Tensor, *, hidden: bool) -> Tensor:
    if _onednn_pays(inputs, weight):
        fused: Tensor = _fused_layer.default(inputs, weight, bias, "tanh" if hidden else "none", [], "")
        return fused
    outputs = functional.linear(inputs, weight, bias)
    if hidden:
        outputs.mul_(2).sigmoid_().mul_(2).sub_(1)  # tanh, in operators that are fast everywhere
    return outputs


def _weight_gradient(gradient: Tensor, inputs: Tensor) -> Tensor:
    """The product over the batch (outputs, inputs); oneDNN wants the first factor row by row."""
    if not _onednn_pays(inputs, gradient.t()):
        return gradient.t() @ inputs
    if gradient.shape[1] < inputs.shape[1]:
        return _product(gradient.t().contiguous(), inputs)
    return _product(inputs.t().contiguous(), gradient).t()


def _product(left: Tensor, right: Tensor) -> Tensor:
    if _onednn_pays(left, right.t()):
        product: Tensor = _fused_layer.default(left, right.t(), None, "none", [], "")
        return product
    return left @ right


def _onednn_pays(inputs: Tensor, weight: Tensor) -> bool:
    large = len(inputs) >= SMALLEST_BATCH or inputs.shape[1] >= SMALLEST_BATCH
    return large and len(weight) > 1 and _fused_layer is not None and inputs.device.type == "cpu"


if _fused_layer is not None:
    register_flop_formula(_fused_layer)(lambda inputs, weight, *_, **__: 2 * prod(inputs) * weight[0])
