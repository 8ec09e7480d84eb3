"""The output of ``etude list``: a table of the registered environments, and one in detail."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from etude_gym.environment.registration import make_domain, registered_ids
from etude_gym.practice.strategies import SAMPLERS
from etude_gym.runs.agents import DEFAULT_AGENT, shipped_recipe
from etude_gym.tasks.domain import Domain


def describe_all() -> Table:
    """A table of all registered environments."""
    table = Table(box=box.SIMPLE_HEAD, caption="More about one: etude list ID", caption_justify="left")
    table.add_column("id", no_wrap=True)
    for column in ("what it is", "axes of difficulty", "families"):
        table.add_column(column)
    for env_id in registered_ids():
        domain = make_domain(env_id)
        table.add_row(
            env_id, _summary(domain), ", ".join(domain.space.names), ", ".join(domain.space.families)
        )
    return table


def describe_one(env_id: str) -> Group:
    """Axes, families, observation and actions of one environment.

    Args:
        env_id: a registered id; "module:Id-v0" imports the module first.

    Raises:
        ValueError: if there is no such environment.
    """
    domain = make_domain(env_id)
    axes = Table(box=box.SIMPLE_HEAD)
    axes.add_column("axis", no_wrap=True)
    for column in ("what rises with it", "at 0", "at 1"):
        axes.add_column(column, ratio=1)
    for axis in domain.space.axes:
        axes.add_row(axis.name, axis.description, axis.low, axis.high)
    facts = Table.grid(padding=(0, 2))
    for name, fact in _facts(env_id, domain).items():
        facts.add_row(Text(name, style="bold"), Text(str(fact)))
    return Group(Text(f"{env_id}: {_summary(domain)}", style="bold"), axes, facts)


def _summary(domain: Domain) -> str:
    return (type(domain).__doc__ or "").strip().partition("\n")[0]


def _facts(env_id: str, domain: Domain) -> dict[str, Any]:
    pinned = domain.space.names[0]
    return {
        "families": ", ".join(domain.space.families),
        "observation": domain.observation_space,
        "actions": domain.action_space,
        "solvers": ", ".join(domain.solvers()),
        "task samplers": ", ".join(SAMPLERS),
        "": "",
        "play it": f"etude play {env_id} --difficulty {pinned}=0.2",
        **_practice(env_id),
        "in Python": f'gymnasium.make("{env_id}", difficulty={{"{pinned}": 0.2}})',
    }


def _practice(env_id: str) -> dict[str, str]:
    """How to practice: where no horizon ships with the default agent, it has to be found first."""
    practice = f"etude practice {env_id} --preset quick"
    if shipped_recipe(DEFAULT_AGENT, env_id).horizon is not None:
        return {"practice": practice}
    return {"find a horizon": f"etude pilot {env_id}", "practice": f"{practice} --recipes recipes.json"}
