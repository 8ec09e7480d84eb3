"""Tasks as prompts and replies: the address of what harnesses and adapters use."""

from etude_gym.environment.text_task import TextTask, draw_tasks
from etude_gym.tasks.prompts import Prompt

__all__ = ["Prompt", "TextTask", "draw_tasks"]
