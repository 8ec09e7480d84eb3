"""Settings of the whole test run, made before any library is imported."""

from __future__ import annotations

import os

# Networks here are small: more threads only wait for each other, which costs more than half of the CPU time,
# and results must not depend on how many there are. Processes that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
