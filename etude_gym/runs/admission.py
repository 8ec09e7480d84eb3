"""What is asked of an experiment before its folder is laid out: whether the agent can carry it out at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from etude_gym.practice.strategies import make_arm, parse_arm
from etude_gym.runs.agents import ONE_PROCESS, Resources
from etude_gym.runs.options import check_option_name
from etude_gym.tasks.domain import Domain
from etude_gym.tasks.keys import task_keys

DRAWS_TO_FIND_DRILLS = 1000
"""Of each sampler, to find out whether it draws drills."""


def check_arms(agent: str, agent_class: Any, arms: tuple[str, ...]) -> None:
    """Refuse arms that take another kind of learner: one with a memory, or one that plays against itself.

    Args:
        agent: name of the agent.
        agent_class: of the agent.
        arms: that it is to carry out.

    Raises:
        ValueError: naming the arms.
    """
    kept = [arm for arm in arms if parse_arm(arm)[0].forgets]
    if kept and not getattr(agent_class, "remembers", False):
        raise ValueError(
            f"The agent {agent!r} has no memory of tasks that the arm {kept[0]!r} could leave empty: it is a "
            "control for --agent llm."
        )
    left = [arm for arm in arms if parse_arm(arm)[0].plays_itself]
    if left and not getattr(agent_class, "plays_itself", False):
        raise ValueError(
            f"The agent {agent!r} cannot carry out {', '.join(map(repr, left))}: such arms take a learner "
            "that plays against itself, which --agent rllib does."
        )


def check_options(agent: str, agent_class: Any, domain: Domain, options: Mapping[str, Any]) -> None:
    """Refuse arguments that an agent does not take.

    Args:
        agent: name of the agent.
        agent_class: of the agent.
        domain: that it is to practice in.
        options: its arguments.

    Raises:
        ValueError: naming the argument.
    """
    for name in options:
        check_option_name(agent, agent_class, name)
    getattr(agent_class, "check_options", lambda *_: None)(domain, options)


def check_samplers(domain: Domain, arms: tuple[str, ...], whole_tasks: bool) -> None:
    """Refuse arms with options that make no sampler, and drills where they cannot be practiced.

    Args:
        domain: that is practiced.
        arms: that are to be carried out.
        whole_tasks: whether the learner practices whole tasks alone.

    Raises:
        ValueError: naming the arm.
    """
    keys = task_keys(domain.name, "practice", 0, np.arange(DRAWS_TO_FIND_DRILLS))
    for arm in arms:
        sampler = make_arm(arm, domain.space)
        starts = sampler.draw(keys).starts if whole_tasks else None
        if starts is not None and starts.drills.any():
            raise ValueError(
                f"The arm {arm!r} draws drills, which begin in the middle of a task: learners that read text "
                "practice whole tasks. Leave it out."
            )


def resources_option(agent: str, agent_class: Any, resources: Resources) -> dict[str, Any]:
    """The resources as an argument of the agent.

    Args:
        agent: name of the agent.
        agent_class: of the agent.
        resources: that it is to work on.

    Raises:
        ValueError: if the agent cannot use them, or they are not there.
    """
    if resources == ONE_PROCESS:
        return {}
    if not getattr(agent_class, "takes_resources", False):
        raise ValueError(
            f"The agent {agent!r} works in one process: env runners, learners, GPUs and the address of a "
            "cluster are for --agent rllib."
        )
    agent_class.check(resources)
    return {"resources": asdict(resources)}
