"""The domains of etude-gym, one folder each with the same files in each; ``duel`` plays any of them."""
