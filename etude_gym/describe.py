"""What ``etude list`` shows: the registered environments, and one in detail."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from etude_gym.registration import make_domain, registered_ids
from etude_gym.samplers import SAMPLERS


def describe_all() -> Table:
    """A table of all registered environments."""
    table = Table(title="Environments", caption="more about one: etude list ID")
    for column in ("id", "axes of difficulty", "families"):
        table.add_column(column)
    for env_id in registered_ids():
        domain = make_domain(env_id)
        table.add_row(env_id, ", ".join(domain.space.names), ", ".join(domain.space.families))
    return table


def describe_one(env_id: str) -> Group:
    """Axes, families, observation and actions of one environment."""
    domain = make_domain(env_id)
    table = Table(title=f"{env_id}: axes of difficulty")
    for column in ("axis", "what rises with it", "at 0", "at 1"):
        table.add_column(column)
    for axis in domain.space.axes:
        table.add_row(axis.name, axis.description, axis.low, axis.high)
    facts = Text(
        f"families: {', '.join(domain.space.families)}\n"
        f"observation: {domain.observation_space}\n"
        f"actions: {domain.action_space}\n"
        f"solvers: {', '.join(domain.solvers())}\n"
        f"task samplers: {', '.join(SAMPLERS)}"
    )
    return Group(Text((type(domain).__doc__ or "").split("\n")[0]), table, facts)
