"""Counts what a Stable-Baselines3 policy computes, at no running cost.

Every (call, input shape) is measured once with PyTorch's ``FlopCounterMode`` (multiply-add = 2) and
multiplied by the number of its calls. Operators that the counter would read as zero are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

_UNFUSED_RECURRENCE = "run the network inside torch.backends.mkldnn.flags(enabled=False)"
_UNFUSED_ATTENTION = "run the network inside torch.nn.attention.sdpa_kernel(SDPBackend.MATH)"
_UNFUSED_ENCODER = "call torch.backends.mha.set_fastpath_enabled(False)"
_MATRIX_PRODUCT = "make the vector a matrix of one column, so that it is a product of matrices"

UNCOUNTED = {
    "mkldnn_rnn_layer": _UNFUSED_RECURRENCE,
    "lstm": f"use torch.no_grad() in place of torch.inference_mode(), and {_UNFUSED_RECURRENCE}",
    "_scaled_dot_product_flash_attention_for_cpu": _UNFUSED_ATTENTION,
    "_transformer_encoder_layer_fwd": _UNFUSED_ENCODER,
    "_native_multi_head_attention": _UNFUSED_ENCODER,
    "_trilinear": "write torch.nn.Bilinear as torch.einsum('bi,oij,bj->bo', ...)",
    "mv": _MATRIX_PRODUCT,
    "addmv": _MATRIX_PRODUCT,
    "dot": _MATRIX_PRODUCT,
}
"""Operators on the CPU that ``FlopCounterMode`` counts as zero, and what to do instead."""


class UncountedOperator(RuntimeError):
    """A network uses an operator whose FLOPs would be missing from the ledger."""


class _Guard(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__.removesuffix("_backward")
        if name in UNCOUNTED:
            raise UncountedOperator(
                f"PyTorch's FLOP counter reads the operator {name!r} as zero, so the compute ledger would be "
                f"wrong. Instead, {UNCOUNTED[name]}."
            )
        return func(*args, **(kwargs or {}))


def count_flops(call: Callable[[], Any]) -> tuple[Any, int]:
    """Carry out a call and count its FLOPs.

    Args:
        call: the call, without arguments.

    Returns:
        Its result and its FLOPs (a multiply-add counts as two).

    Raises:
        UncountedOperator: if the call uses an operator that cannot be counted.
    """
    with FlopCounterMode(display=False) as counter, _Guard():
        result = call()
    return result, int(counter.get_total_flops())


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple((name, tuple(v.shape)) for name, v in value.items())
    return tuple(value.shape)


class PolicyFlops:
    """The FLOP ledger of one Stable-Baselines3 actor-critic policy.

    Wraps ``forward`` (line "rollout"), ``predict_values`` ("value") and ``evaluate_actions`` with its
    backward pass ("update").

    Args:
        policy: the policy, with its optimizer.

    Attributes:
        lines: FLOPs so far, by line.
        loss: name of the loss that is being minimized: the backward pass of another one may cost something
            else.
    """

    def __init__(self, policy: Any) -> None:
        self.lines = {"rollout": 0, "value": 0, "update": 0}
        self.loss = "reinforcement"
        self._known: dict[Any, int] = {}
        self._pending: Any = None
        self._probe: tuple[FlopCounterMode, _Guard] | None = None
        policy.forward = self._counted(policy.forward, "rollout")
        policy.predict_values = self._counted(policy.predict_values, "value")
        self._evaluate = policy.evaluate_actions
        policy.evaluate_actions = self._evaluate_actions
        policy.optimizer.register_step_pre_hook(self._before_optimizer_step)

    def call(self, name: Any, function: Callable[[], Any]) -> tuple[Any, int]:
        """Carry out a call; its FLOPs are measured the first time that its name comes up.

        Args:
            name: hashable; calls of the same name must cost the same, so it holds the input shapes.
            function: the call, without arguments.

        Returns:
            Its result and its FLOPs.

        Raises:
            UncountedOperator: as ``count_flops`` does.
        """
        if name in self._known:
            return function(), self._known[name]
        result, self._known[name] = count_flops(function)
        return result, self._known[name]

    def _counted(self, function: Callable[..., Any], line: str) -> Callable[..., Any]:
        def counted(observations: Any, *args: Any, **kwargs: Any) -> Any:
            result, flops = self.call(
                (line, _shape(observations)), lambda: function(observations, *args, **kwargs)
            )
            self.lines[line] += flops
            return result

        return counted

    def _evaluate_actions(self, observations: Any, *args: Any, **kwargs: Any) -> Any:
        shape = _shape(observations)
        result, flops = self.call(("evaluate", shape), lambda: self._evaluate(observations, *args, **kwargs))
        self.lines["update"] += flops
        self._pending = ("backward", self.loss, shape)
        if self._pending not in self._known:
            self._probe = (FlopCounterMode(display=False), _Guard())
            for mode in self._probe:
                mode.__enter__()
        return result

    def _before_optimizer_step(self, *_: Any) -> None:
        """The backward pass of the pending evaluation is complete."""
        flops = self.end_measurement()
        if flops is not None:
            self._known[self._pending] = flops
        if self._pending is not None:
            self.lines["update"] += self._known[self._pending]
            self._pending = None

    def end_measurement(self) -> int | None:
        """Stop measuring a backward pass, also one that an error broke off; its FLOPs if there was one."""
        if self._probe is None:
            return None
        counter, guard = self._probe
        self._probe = None
        guard.__exit__(None, None, None)
        counter.__exit__(None, None, None)
        return int(counter.get_total_flops())
