"""Fine-tuning at easy levels: domains that end where the others have hardly begun, for small models.

    PYTHONPATH=scripts etude practice easy_levels:EasyPlan-v0 --agent easy_levels:FineTuneSmolLM2

See docs/findings/finetuning.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from etude_gym import register_domain
from etude_gym.agents.finetune.learner import FineTuneLearner
from etude_gym.difficulty.space import DifficultySpace
from etude_gym.envs.code.domain import CodeDomain
from etude_gym.envs.logic.domain import LogicDomain
from etude_gym.envs.plan.domain import PlanDomain
from etude_gym.runs.agents import Recipe
from etude_gym.tasks.domain import Rows, Worlds
from etude_gym.tasks.keys import TaskBatch


def _eased(tasks: TaskBatch, highest: float) -> TaskBatch:
    """Tasks of the domain behind, whose axes are at ``highest`` where these are at 1."""
    return replace(tasks, difficulty=tasks.difficulty * highest)


class EasyPlan(PlanDomain):
    """Plan, with every axis from 0 to 0.2."""

    name = "easy plan"

    def generate(self, worlds: Worlds, rows: Rows, tasks: TaskBatch) -> Any:
        return super().generate(worlds, rows, _eased(tasks, 0.2))


class EasyLogic(LogicDomain):
    """Logic, with every axis from 0 to 0.05."""

    name = "easy logic"

    def generate(self, worlds: Worlds, rows: Rows, tasks: TaskBatch) -> Any:
        return super().generate(worlds, rows, _eased(tasks, 0.05))


class EasyCode(CodeDomain):
    """Code without packages, whose solutions are long, and with every axis from 0 to 0.05."""

    name = "easy code"
    space = DifficultySpace(CodeDomain.space.axes, ("synthesize", "debug"))

    def generate(self, worlds: Worlds, rows: Rows, tasks: TaskBatch) -> Any:
        return super().generate(worlds, rows, _eased(tasks, 0.05))


register_domain("EasyPlan-v0", "easy_levels:EasyPlan")
register_domain("EasyLogic-v0", "easy_levels:EasyLogic")
register_domain("EasyCode-v0", "easy_levels:EasyCode")


class FineTuneSmolLM2(FineTuneLearner):
    """SmolLM2-135M with adapters, 8 tasks in a round."""

    @staticmethod
    def recipe(env_id: str) -> Recipe:
        """The same for all domains but for the horizon and the length of replies.

        Args:
            env_id: id of the environment.
        """
        horizon, max_tokens = SETTINGS[env_id.rpartition(":")[2]]
        return Recipe(
            horizon=horizon,
            num_envs=8,
            options={
                "rules": False,
                "learning_rate": 1e-3,
                "batch_size": 4,
                "max_tokens": max_tokens,
                "max_turns": 2,
                "bfloat16": True,
            },
            samplers={"static": {"set_size": 24}, "schedule": {"ramp_episodes": 48}},
        )


SETTINGS = {"EasyPlan-v0": (2e13, 64), "EasyLogic-v0": (2e13, 64), "EasyCode-v0": (1.5e13, 80)}
"""Horizon in FLOPs, and tokens of a reply at most."""
