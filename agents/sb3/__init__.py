"""MaskablePPO of Stable-Baselines3 (contrib) as a learner."""

import importlib.util

from etude_gym.errors import MissingExtra

if importlib.util.find_spec("sb3_contrib") is None:
    raise MissingExtra("The agent 'sb3'", "sb3")
