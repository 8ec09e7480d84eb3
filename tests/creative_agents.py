"""Simple agents of the creative domain, to be measured against: none of them may score much."""

from __future__ import annotations

import numpy as np

from etude_gym.conformance.common import ask
from etude_gym.envs.creative import kernel


def first_aspects(worlds, masks, keys, step):
    """Join the first two aspects that can be joined, then hand in."""
    ready = np.bitwise_count(worlds["chosen"]) >= 2
    return np.where(ready, kernel.HAND_IN, masks[:, : kernel.LOOK].argmax(axis=1))


def constant(worlds, masks, keys, step):
    """Join the same three aspects in every task, then hand in."""
    return np.full(len(worlds), (0, 4, 11, kernel.HAND_IN)[step % 4])


def repeating(domain):
    """Hand in the first idea of the reference solution again and again."""
    oracle = ask(domain)

    def choose(worlds, masks, keys, step):
        anew = worlds.copy()
        anew["used_ways"] = 0
        return oracle(anew, masks, keys, step)

    return choose


def agents_of(domain):
    """Simple agents by name."""
    scripted = {name: ask(domain, name) for name in domain.solvers() if name != "oracle"}
    return {
        **scripted,
        "first aspects": first_aspects,
        "constant": constant,
        "first idea repeated": repeating(domain),
    }
