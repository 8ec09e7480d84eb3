"""The tables of a domain's map of skills, for the terminal."""

from __future__ import annotations

import math

from rich.console import Group
from rich.table import Table

from etude_gym.measure.prerequisite_map import PrerequisiteMap
from etude_gym.report.tables import UNKNOWN


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


def pair_table(found: PrerequisiteMap) -> Table:
    """All pairs with the figures behind them, prerequisites first.

    Args:
        found: the map.
    """
    table = Table("first", "second", "what it is", "lacking", "placebos lacking", "p", "bootstraps", "BIC")
    names = [curve.skill for curve in found.curves]
    for pair in sorted(found.pairs, key=lambda pair: not pair.is_prerequisite):
        table.add_row(
            names[pair.first],
            names[pair.second],
            "prerequisite" if pair.is_prerequisite else "difficulty order",
            f"{pair.violations} of {pair.masters}",
            f"{pair.placebo_violations:.1f} of {pair.compared}" if pair.placebos else UNKNOWN,
            f"{pair.p_value:.3f}" if pair.placebos else UNKNOWN,
            f"{pair.frequency:.0%}",
            UNKNOWN if math.isnan(pair.evidence) else f"{pair.evidence:.1f}",
        )
    return table
