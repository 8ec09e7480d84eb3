"""The interfaces of a domain as Gymnasium environments: one, and a batch."""

from etude_gym.environment.single import EtudeEnv
from etude_gym.environment.stream import TaskStream
from etude_gym.environment.vector import EtudeVectorEnv

__all__ = ["EtudeEnv", "EtudeVectorEnv", "TaskStream"]
