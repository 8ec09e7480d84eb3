"""etude-gym: environments that practice an agent at its frontier and measure how fast it learns."""

from pathlib import Path

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

__version__ = "0.1.0"

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
    "make_domain",
    "register_domain",
    "registered_ids",
]

register_domain("EtudeCode-v0", "etude_gym.envs.code.domain:CodeDomain")
register_domain("EtudePlan-v0", "etude_gym.envs.plan.domain:PlanDomain")
register_domain("EtudeLogic-v0", "etude_gym.envs.logic.domain:LogicDomain")
register_domain("EtudeCreative-v0", "etude_gym.envs.creative.domain:CreativeDomain")
