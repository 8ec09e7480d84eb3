"""Families, and how large tasks may be."""

from __future__ import annotations

from etude_gym.envs.code.language.grammar import FIRST_LET, MAX_VARIABLES

FAMILIES = ("synthesize", "debug", "refactor")

SYNTHESIZE, DEBUG, REFACTOR = range(3)

NUM_HIDDEN, NUM_PUBLIC = 20, 4
NUM_TESTS = NUM_HIDDEN + NUM_PUBLIC
MAX_SPECIFICATION = 14
"""Sentences at most: helpers, guards and steps."""
MAX_LETS = MAX_VARIABLES - FIRST_LET
MAX_PLAN = 128
MAX_PROGRAM = 120
"""Productions in a program of one function and its helpers at most."""

MOST_REPAIRS = 30
"""Actions of a reference repair at most. Episodes of repairing and refactoring take twice as many, and 4."""
SPARE_STEPS = 8
"""Actions in an episode of synthesis beyond the productions that a program may have."""
MILESTONES = 0.4
"""Most of the score that stands for intermediate results while a program is incomplete."""
