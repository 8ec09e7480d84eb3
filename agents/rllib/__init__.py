"""RLlib (new API stack) as a learner: from a laptop to a cluster, with the curriculum and the ledger.

Three warnings that Ray gives whatever is configured are silenced here, by their words, in every process that
imports this: all others stand out.
"""

from __future__ import annotations

import logging
import warnings

OF_RAY_ITSELF = {
    "ray._common.deprecation": "`RLModule(config=[RLModuleConfig object])` has been deprecated",
    "ray.rllib.algorithms.algorithm_config": "on the new API stack! This is the new default behavior",
}
"""Loggers and words. ``RLModule.__init__`` itself makes the deprecated object, of whatever class the module
is; the second is said of every algorithm on the new stack, the default."""

for _logger, _words in OF_RAY_ITSELF.items():
    logging.getLogger(_logger).addFilter(lambda record, words=_words: words not in record.getMessage())

# RLlib registers one name anew for every multi-agent algorithm.
warnings.filterwarnings("ignore", message=".*rllib-multi-agent-env-v0 already in registry")
