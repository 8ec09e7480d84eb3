"""RLlib (new API stack) as a learner: from a laptop to a cluster, with the curriculum and the ledger.

Three warnings that Ray gives whatever is configured are silenced here, by their words, in every process that
imports this: all others stand out.
"""

from __future__ import annotations

import importlib.util
import logging
import warnings

from etude_gym.errors import MissingExtra

if importlib.util.find_spec("ray") is None:
    raise MissingExtra("The agent 'rllib'", "rllib")

OF_RAY_ITSELF = {
    "ray._common.deprecation": "`RLModule(config=[RLModuleConfig object])` has been deprecated",
    "ray.rllib.algorithms.algorithm_config": "on the new API stack! This is the new default behavior",
}
"""Loggers and words. ``RLModule.__init__`` itself makes the deprecated object, of whatever class the module
is; the second is said of every algorithm on the new stack, the default."""


def _is_news(record: logging.LogRecord) -> bool:
    return OF_RAY_ITSELF[record.name] not in record.getMessage()


for _logger in OF_RAY_ITSELF:
    logging.getLogger(_logger).addFilter(_is_news)

# RLlib registers one name anew for every multi-agent algorithm.
warnings.filterwarnings("ignore", message=".*rllib-multi-agent-env-v0 already in registry")
