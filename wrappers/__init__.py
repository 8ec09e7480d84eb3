"""Gymnasium wrappers: compute accounting, the action mask in the observation, the text interface."""

from etude_gym.measure.accounting import ComputeAccounting, VectorComputeAccounting
from etude_gym.wrappers.action_mask import ActionMaskObservation, VectorActionMaskObservation
from etude_gym.wrappers.text_front import TextFront

__all__ = [
    "ActionMaskObservation",
    "ComputeAccounting",
    "TextFront",
    "VectorActionMaskObservation",
    "VectorComputeAccounting",
]
