"""Practice strategies by name."""

from __future__ import annotations

from etude_gym.difficulty.space import DifficultySpace
from etude_gym.errors import check_name
from etude_gym.practice.blind import EasySampler, ScheduleSampler, StaticSampler, UniformSampler
from etude_gym.practice.drills import BlindDrillSampler, DrillSampler
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
    SelfPlaySampler.name: SelfPlaySampler,
    RaceSampler.name: RaceSampler,
}
"""What practice runs can compare, by name: the strategies, and those that a learner carries out."""


def make_sampler(practice: str | TaskSampler, space: DifficultySpace) -> TaskSampler:
    """Task sampler for the ``practice`` argument of an environment.

    Args:
        practice: name of a sampler, which is built with its default options, or a sampler.
        space: difficulty space of the environment.

    Raises:
        ValueError: for a name that is no sampler, or one that only a learner can carry out, or a sampler of
            another difficulty space.
    """
    if practice in ARMS and practice not in SAMPLERS:
        raise ValueError(
            f"practice={practice!r} is nothing that an environment can offer by itself: it takes a learner "
            "that plays against itself, such as a proposer that sets its tasks. Use it as an arm of "
            f"practice: etude practice --agent rllib --arms static {practice}"
        )
    if not isinstance(practice, TaskSampler):
        return SAMPLERS[check_name("task sampler", practice, SAMPLERS)](space)
    if practice.space != space:
        raise ValueError(
            f"This task sampler draws for axes {practice.space.names} and families "
            f"{practice.space.families}; the environment has axes {space.names} and families "
            f"{space.families}. Build it with the domain's own space."
        )
    return practice
