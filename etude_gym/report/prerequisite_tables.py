"""The tables of a domain's map of skills, for the terminal."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table

from etude_gym.measure.prerequisite_map import PrerequisiteMap


def prerequisite_report(found: PrerequisiteMap) -> Group:
    """Skills, prerequisites, and difficulty orders with why they are no more.

    Args:
        found: the map.
    """
    skills = Table("skill", "mean score", "mastered by", title=f"{found.env_id}, {found.lineages} lineages")
    for curve in found.curves:
        skills.add_row(curve.skill, f"{curve.mean:.2f}", str(curve.masters))
    names = [curve.skill for curve in found.curves]
    standing = Table(
        "needs", "skill", "lacking", "placebos lacking", "p", "bootstraps", "BIC", title="Prerequisites"
    )
    orders = Table("easier", "harder", "why it is no prerequisite", title="Difficulty orders")
    for pair in found.pairs:
        if pair.is_prerequisite:
            standing.add_row(
                names[pair.first],
                names[pair.second],
                f"{pair.violations} of {pair.masters}",
                f"{pair.placebo_violations:.1f} of {pair.compared}",
                f"{pair.p_value:.3f}",
                f"{pair.frequency:.0%}",
                f"{pair.evidence:.1f}",
            )
        else:
            orders.add_row(names[pair.first], names[pair.second], "; ".join(pair.reasons))
    parts: list[Table | str] = [skills]
    parts.append(standing if standing.rows else "No prerequisite stands up to the evidence asked for.")
    if orders.rows:
        parts.append(orders)
    return Group(*parts)
