"""etude-gym: environments that practice an agent at its frontier and measure how fast it learns."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

# In a bare checkout the folders `envs`, `wrappers` and `agents` stand beside this package;
# an installed wheel holds them inside it.
_root = Path(__file__).resolve().parent.parent
if not (Path(__file__).resolve().parent / "envs").is_dir() and (_root / "pyproject.toml").is_file():
    __path__.append(str(_root))
del _root

from etude_gym.difficulty.space import Axis, DifficultySpace  # noqa: E402
from etude_gym.environment import EtudeEnv, EtudeVectorEnv  # noqa: E402
from etude_gym.environment.registration import make_domain, register_domain, registered_ids  # noqa: E402
from etude_gym.measure.agent import Agent, Learner  # noqa: E402
from etude_gym.tasks.domain import Domain  # noqa: E402
from etude_gym.tasks.episodes import Episode, EpisodeDomain  # noqa: E402

if TYPE_CHECKING:
    from etude_gym.runs.loading import TrainedAgent, load_agent

__version__ = "0.2.0"

__all__ = [
    "Agent",
    "Axis",
    "DifficultySpace",
    "Domain",
    "Episode",
    "EpisodeDomain",
    "EtudeEnv",
    "EtudeVectorEnv",
    "Learner",
    "TrainedAgent",
    "load_agent",
    "make_domain",
    "register_domain",
    "registered_ids",
]


def __getattr__(name: str) -> Any:
    """What is imported when it is first asked for: ``import etude_gym`` stays light."""
    if name in ("TrainedAgent", "load_agent"):
        from etude_gym.runs import loading

        return getattr(loading, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


register_domain("EtudeCode-v0", "etude_gym.envs.code.domain:CodeDomain")
register_domain("EtudePlan-v0", "etude_gym.envs.plan.domain:PlanDomain")
register_domain("EtudeLogic-v0", "etude_gym.envs.logic.domain:LogicDomain")
register_domain("EtudeCreative-v0", "etude_gym.envs.creative.domain:CreativeDomain")
