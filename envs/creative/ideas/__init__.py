"""Ideas judged by people: open prompts, and an automated rubric whose agreement with people was measured.

A supplement to reports of language models: no anchor, no part of Practice Efficiency. ``etude ratings`` lets
people rate the same ideas.
"""

from etude_gym.envs.creative.ideas.prompts import OpenPrompt, open_prompts
from etude_gym.envs.creative.ideas.rubric import IdeaScore, rated_objects, score_ideas

__all__ = ["IdeaScore", "OpenPrompt", "open_prompts", "rated_objects", "score_ideas"]
