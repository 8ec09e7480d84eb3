"""Practice strategies by name."""

from __future__ import annotations

import json
from typing import Any

from etude_gym.difficulty.space import DifficultySpace
from etude_gym.errors import check_name, keywords
from etude_gym.practice.blind import (
    EasySampler,
    NoPracticeSampler,
    ScheduleSampler,
    StaticSampler,
    UniformSampler,
)
from etude_gym.practice.drills import BlindDrillSampler, DrillSampler
from etude_gym.practice.focus import FocusSampler
from etude_gym.practice.frontier import FrontierSampler, LearnabilitySampler
from etude_gym.practice.growing_box import GrowingBoxSampler
from etude_gym.practice.learning_progress import LearningProgressSampler
from etude_gym.practice.sampler import TaskSampler
from etude_gym.practice.self_play import RaceSampler, SelfPlaySampler

REFERENCE_ARM = "static"
"""The arm that Practice Efficiency is relative to."""


SAMPLERS: dict[str, type[TaskSampler]] = {
    sampler.name: sampler
    for sampler in (
        StaticSampler,
        UniformSampler,
        EasySampler,
        ScheduleSampler,
        GrowingBoxSampler,
        FrontierSampler,
        LearnabilitySampler,
        LearningProgressSampler,
        DrillSampler,
        BlindDrillSampler,
    )
}
"""Practice strategies by name."""

ARMS: dict[str, type[TaskSampler]] = {
    **SAMPLERS,
    FocusSampler.name: FocusSampler,
    SelfPlaySampler.name: SelfPlaySampler,
    RaceSampler.name: RaceSampler,
    NoPracticeSampler.name: NoPracticeSampler,
}
"""What practice runs can compare, by name: the strategies, one that takes a region to focus on, and those
that a learner carries out."""


def parse_arm(arm: str) -> tuple[type[TaskSampler], dict[str, Any]]:
    """What an arm stands for: a sampler, and options of it.

    Args:
        arm: name of a sampler, and after it options that differ from its defaults, apart by commas:
            "schedule,ramp_episodes=5000", "focus,horizon=0.75-1".

    Raises:
        ValueError: for a sampler or an option that does not exist, or a value that is none.
    """
    name, *given = arm.split(",") if isinstance(arm, str) else (arm,)
    sampler = ARMS[check_name("task sampler", name, ARMS)]
    allowed = [
        option for part in sampler.__mro__[:-1] for option in keywords(part) if option not in ("space", "**")
    ]
    takes_a_region = issubclass(sampler, FocusSampler)  # whose axes it checks itself, by its space
    options: dict[str, Any] = {}
    for option in given:
        key, _, value = option.partition("=")
        if not takes_a_region:
            check_name(f"option of {name!r}", key, allowed)
        try:
            options[key] = json.loads(value)
        except json.JSONDecodeError:
            if not takes_a_region:
                raise ValueError(f"{arm!r}: give {key!r} a number, true or false, got {value!r}.") from None
            options[key] = value
    return sampler, options


def make_arm(arm: str, space: DifficultySpace, **defaults: Any) -> TaskSampler:
    """The sampler of an arm.

    Args:
        arm: see ``parse_arm``.
        space: difficulty space of the domain.
        defaults: options, unless the arm says otherwise.

    Raises:
        ValueError: as ``parse_arm`` does, and for a value that the sampler refuses.
    """
    sampler, options = parse_arm(arm)
    try:
        return sampler(space, **{**defaults, **options})
    except TypeError as error:
        raise ValueError(f"{arm!r}: {error}.") from error


def make_sampler(practice: str | TaskSampler, space: DifficultySpace) -> TaskSampler:
    """Task sampler for the ``practice`` argument of an environment.

    Args:
        practice: name of a sampler, perhaps with options ("schedule,ramp_episodes=5000"), or a sampler.
        space: difficulty space of the environment.

    Raises:
        ValueError: for a name that is no sampler, or one that only a learner can carry out, or a sampler of
            another difficulty space.
    """
    if not isinstance(practice, TaskSampler):
        sampler = parse_arm(practice)[0]
        if sampler.forgets:
            raise ValueError(
                f"practice={practice!r} is for learners with a memory, as an arm of practice: "
                f"etude practice --agent llm --arms {practice} adaptive"
            )
        if sampler.plays_itself:
            raise ValueError(
                f"practice={practice!r} is nothing that an environment can offer by itself: it takes a "
                "learner that plays against itself, such as a proposer that sets its tasks. Use it as an arm "
                f"of practice: etude practice --agent rllib --arms static {practice}"
            )
        return make_arm(practice, space)
    if practice.space != space:
        raise ValueError(
            f"This task sampler draws for axes {practice.space.names} and families "
            f"{practice.space.families}; the environment has axes {space.names} and families "
            f"{space.families}. Build it with the domain's own space."
        )
    return practice
