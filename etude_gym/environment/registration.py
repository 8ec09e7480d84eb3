"""Registration: one line makes a domain available to ``gym.make``, ``gym.make_vec`` and ``etude``."""

from __future__ import annotations

import importlib
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec, registry

from etude_gym.errors import check_name
from etude_gym.tasks.domain import Domain, load_domain

_SINGLE = "etude_gym.environment:EtudeEnv"
_VECTOR = "etude_gym.environment:EtudeVectorEnv"


def register_domain(env_id: str, entry_point: str, **options: Any) -> None:
    """Register a domain as a Gymnasium environment, single and vector.

    Args:
        env_id: the id for ``gym.make``, with its version ("EtudePlan-v0").
        entry_point: "module:Class" of the domain.
        options: arguments of the domain, such as an observation variant.
    """
    arguments = {"domain": entry_point, **options}
    known = registry.get(env_id)
    if known is not None and (known.entry_point, known.kwargs) == (_SINGLE, arguments):
        return  # as when a module is loaded again
    gymnasium.register(
        id=env_id,
        entry_point=_SINGLE,
        vector_entry_point=_VECTOR,
        kwargs=arguments,
        # The environment itself refuses a step before reset, and ``etude check`` checks the rest once:
        # two wrappers less on every step.
        order_enforce=False,
        disable_env_checker=True,
    )


def registered_ids() -> list[str]:
    """Ids of all registered domains, those of other packages included."""
    return sorted(env_id for env_id, spec in registry.items() if spec.entry_point == _SINGLE)


def find_spec(env_id: str) -> EnvSpec:
    """The specification of a registered domain.

    Args:
        env_id: a registered id; "module:Id-v0" imports the module first.

    Raises:
        ValueError: if the id is unknown or is not one of a domain, naming those that are.
    """
    module, _, name = env_id.rpartition(":")
    if module:
        how = "An id reads 'Id-v0' or 'module:Id-v0'."
        if not all(part.isidentifier() for part in module.split(".")):
            raise ValueError(f"{module!r} is no name of a module. {how}")
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise ValueError(f"No module named {error.name!r}. {how}") from error
    return registry[check_name("environment", name, registered_ids())]


def make_domain(env_id: str, **options: Any) -> Domain:
    """The domain behind a registered id.

    Args:
        env_id: a registered id; "module:Id-v0" imports the module first.
        options: override the registered options of the domain.
    """
    arguments = {**find_spec(env_id).kwargs, **options}
    return load_domain(arguments.pop("domain"), **arguments)
