"""What the numbers of actions mean; one action space for all families."""

from __future__ import annotations

from etude_gym.envs.code.language.grammar import NUM_PRODUCTIONS
from etude_gym.envs.code.language.tokens import MAX_TOKENS

MAX_MODULES = 8

# Fill the open hole by a production: actions 0 to NUM_PRODUCTIONS - 1.
POINT = NUM_PRODUCTIONS
"""Point at a place in the program: POINT + position."""
MODULE = POINT + MAX_TOKENS
"""Name a module: MODULE + number."""
EXTRACT = MODULE + MAX_MODULES
"""Make a function of an expression, wherever it is repeated: then point at the expression."""
INLINE = EXTRACT + 1
"""Put the body of a function wherever it is called, and drop the function: then point at its header."""
MERGE = EXTRACT + 2
"""Drop a function for another one with the same body: then point at the header of each."""
MOVE = EXTRACT + 3
"""Move a function to another module: then point at its header, and name the module."""
SUBMIT = EXTRACT + 4
"""Be done."""
NUM_ACTIONS = SUBMIT + 1
