"""Practice as self-play in any domain, with PettingZoo: a proposer against solvers, and races."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from etude_gym.entry_points import load_entry_point
from etude_gym.envs.duel.sampler import ProposerPolicy, ProposerSampler
from etude_gym.errors import MissingExtra
from etude_gym.practice.solver_record import SolverRecord

if TYPE_CHECKING:
    from pettingzoo import AECEnv

    from etude_gym.envs.duel.duel import DuelEnv
    from etude_gym.envs.duel.race import RaceEnv

__all__ = [
    "ProposerPolicy",
    "ProposerSampler",
    "SolverRecord",
    "env",
    "parallel_env",
    "race_env",
    "race_parallel_env",
]


def parallel_env(env_id: str, **options: Any) -> DuelEnv:
    """A duel over a registered domain, PettingZoo's parallel API.

    Args:
        env_id: a registered id ("EtudePlan-v0").
        options: see ``etude_gym.envs.duel.duel.DuelEnv``.

    Raises:
        MissingExtra: if PettingZoo is not installed.
    """
    made: DuelEnv = _load("duel:DuelEnv")(env_id, **options)
    return made


def race_parallel_env(env_id: str, **options: Any) -> RaceEnv:
    """A race over a registered domain, PettingZoo's parallel API.

    Args:
        env_id: a registered id ("EtudePlan-v0").
        options: see ``etude_gym.envs.duel.race.RaceEnv``.

    Raises:
        MissingExtra: if PettingZoo is not installed.
    """
    made: RaceEnv = _load("race:RaceEnv")(env_id, **options)
    return made


def env(env_id: str, **options: Any) -> AECEnv[str, Any, Any]:
    """A duel over a registered domain, PettingZoo's AEC API: agents act one after the other.

    Args:
        env_id: a registered id ("EtudePlan-v0").
        options: see ``etude_gym.envs.duel.duel.DuelEnv``.

    Raises:
        MissingExtra: if PettingZoo is not installed.
    """
    parallel = parallel_env(env_id, **options)
    return _load_conversion()(parallel)


def race_env(env_id: str, **options: Any) -> AECEnv[str, Any, Any]:
    """A race over a registered domain, PettingZoo's AEC API: agents act one after the other.

    Args:
        env_id: a registered id ("EtudePlan-v0").
        options: see ``etude_gym.envs.duel.race.RaceEnv``.

    Raises:
        MissingExtra: if PettingZoo is not installed.
    """
    parallel = race_parallel_env(env_id, **options)
    return _load_conversion()(parallel)


def _load(name: str) -> Any:
    try:
        return load_entry_point(f"etude_gym.envs.duel.{name}")
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "pettingzoo":
            raise MissingExtra("Practice as self-play", "marl") from error
        raise


def _load_conversion() -> Any:
    from pettingzoo.utils.conversions import parallel_to_aec

    return parallel_to_aec
