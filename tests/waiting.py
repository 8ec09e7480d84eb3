"""How long tests wait for other processes: a bound on what would hang, not a speed that is tested."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 300.0
"""Seconds; everything that is waited for takes a few on a machine of one's own."""


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds; fail where it does not come true."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)
