"""What a comparison says, in sentences."""

from __future__ import annotations

from etude_gym.report.comparison import ArmResult, Comparison
from etude_gym.report.tables import ENOUGH_SEEDS, interval_text, value_text


def headline(comparison: Comparison) -> str:
    """What happened, in one sentence.

    Args:
        comparison: the arms, the reference first.
    """
    reference, *others = comparison.arms
    if not others:
        return _alone(comparison, reference)
    if reference.efficiency.value is None:
        return _without_efficiency(comparison, others)
    best = max(others, key=lambda result: result.efficiency.value or 0.0)
    pe = best.efficiency
    if pe.low is None or pe.high is None:
        return (
            f"{best.arm} came out first, with a Practice Efficiency of {value_text(pe)} against "
            f"{comparison.reference}, which says little: there is {pe.reason}."
        )
    within = f"95% interval {interval_text(pe.low, pe.high)}, {_seeds(comparison)}"
    if pe.low <= 1.0:
        none = f"{best.arm} did not learn" if len(others) == 1 else "No arm learned"
        first = "its" if len(others) == 1 else f"the first of them, {best.arm}, has a"
        return (
            f"{none} distinguishably more per unit of compute than {comparison.reference}: "
            f"{first} Practice Efficiency {'is' if first == 'its' else 'of'} {value_text(pe)} ({within})."
        )
    return (
        f"{best.arm} learned {value_text(pe)} times as much per unit of compute as {comparison.reference} "
        f"({within}){_of_the_others(others, best)}."
    )


def _alone(comparison: Comparison, only: ArmResult) -> str:
    curves = [run.curve.mean for run in comparison.runs[only.arm]]
    first, final = (sum(float(curve[place]) for curve in curves) / len(curves) for place in (0, -1))
    return (
        f"{only.arm} took the anchor score from {first:.3f} to {final:.3f} within the horizon "
        f"({_seeds(comparison)}); there is nothing yet to compare it with."
    )


def _without_efficiency(comparison: Comparison, others: list[ArmResult]) -> str:
    best = max(others, key=lambda result: result.efficiency.difference)
    pe = best.efficiency
    within = (
        ""
        if pe.difference_low is None
        else f"95% interval {interval_text(pe.difference_low, pe.difference_high)}, "
    )
    return (
        f"{comparison.reference} learned too little for a ratio; the area under the curve of {best.arm} "
        f"differs from its by {pe.difference:+.3f} ({within}{_seeds(comparison)})."
    )


def _of_the_others(others: list[ArmResult], best: ArmResult) -> str:
    """How many of the other arms lie above and below the reference."""
    rest = [result.efficiency for result in others if result is not best]
    if not rest:
        return ""
    more = sum(pe.low is not None and pe.low > 1 for pe in rest)
    less = sum(pe.high is not None and pe.high < 1 for pe in rest)
    told = [f"{count or 'none'} learned {what}" for count, what in ((more, "more"), (less, "less"))]
    return f"; of the {len(rest)} other arms {told[0]} than it and {told[1]}" if rest else ""


def _seeds(comparison: Comparison) -> str:
    """Number of seeds, and a warning where there are few."""
    few = min(len(arm.seeds) for arm in comparison.arms) < ENOUGH_SEEDS
    return comparison.seed_count + (": a first look" if few else "")
