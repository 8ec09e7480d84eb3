"""RLlib (new API stack) as a learner: from a laptop to a cluster, with the curriculum and the ledger."""
