"""One small Ray cluster for all tests of a file that imports ``cluster``."""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """A cluster on this machine, in a folder with a short name: sockets have to be in it."""
    import ray

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    folder = tempfile.mkdtemp(prefix="r", dir="/tmp")
    ray.init(
        num_cpus=4,
        include_dashboard=False,
        object_store_memory=100_000_000,
        log_to_driver=False,
        logging_level="error",
        _temp_dir=folder,
    )
    yield
    ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)
