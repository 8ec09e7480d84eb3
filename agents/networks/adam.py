"""Adam whose steps cost little beside its arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


class LeanAdam(torch.optim.Adam):
    """``torch.optim.Adam`` with ``fused=True``, without the checks that it repeats at every step.

    Takes the same arguments; its state is the same.
    """

    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """One step; the first one, and whatever is out of the ordinary, is left to the original."""
        group = self.param_groups[0]
        learning = [parameter for parameter in group["params"] if parameter.grad is not None]
        states = [self.state[parameter] for parameter in learning]
        ordinary = len(self.param_groups) == 1 and group["fused"] and not group["amsgrad"]
        if closure is not None or not ordinary or not all(states):
            return super().step(closure)
        steps = [state["step"] for state in states]
        with torch.no_grad():
            torch._foreach_add_(steps, 1)
            torch._fused_adam_(
                learning,
                [parameter.grad for parameter in learning],
                [state["exp_avg"] for state in states],
                [state["exp_avg_sq"] for state in states],
                [],
                steps,
                lr=group["lr"],
                beta1=group["betas"][0],
                beta2=group["betas"][1],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                amsgrad=False,
                maximize=group["maximize"],
            )
        return None
