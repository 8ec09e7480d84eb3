"""How numba kernels of networks are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

from etude_gym.tasks.compilation import cached

_OPTIONS: dict[str, Any] = {
    "error_model": "numpy",
    "no_cfunc_wrapper": True,
    "fastmath": {"reassoc", "contract", "nsz"},  # sums may be taken in any order
}


def compiled_pass(function: Callable[..., Any]) -> Any:
    """Decorator of kernels that Python calls; with ``NUMBA_DISABLE_JIT=1`` they run as Python, slowly."""
    return function if numba.config.DISABLE_JIT else cached(numba.njit(**_OPTIONS)(function))


compiled_part: Callable[..., Any] = numba.njit(forceinline=True, no_cpython_wrapper=True, **_OPTIONS)
"""Decorator of kernels that only kernels call."""
