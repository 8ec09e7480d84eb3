"""What an evaluation comes to, in a sentence and in tables for terminal and page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich import box
from rich.table import Table

from etude_gym.difficulty.bands import band_name
from etude_gym.measure.compute import unit_name
from etude_gym.measure.overall import Contrast, OverallEfficiency
from etude_gym.report.evaluation import EvaluationResult, band_efficiencies
from etude_gym.report.parts import Grid
from etude_gym.report.tables import ENOUGH_SEEDS, UNKNOWN, interval_text, value_text

OVER_ALL = "all domains"

COMBINED = (
    "Over all domains: the geometric mean of their PE, each domain with the same weight. Its 95% interval is "
    "Student's t on the mean of the logarithms, whose variances come from the seeds of each domain (Welch "
    "1947; Satterthwaite 1946)."
)
"""How one number is made of several."""


def evaluation_headline(result: EvaluationResult) -> str:
    """What came out, in one sentence.

    Args:
        result: of an evaluation.
    """
    overall, count = result.overall[result.headline], len(result.evaluation.experiments)
    if overall.value is None:
        if not result.undefined:
            return "Practice Efficiency is undefined, as no domain was finished."
        name, reason = next(iter(result.undefined.items()))
        where = name if count == 1 else f"every domain, such as {name}"
        return f"Practice Efficiency is undefined in {where}: {reason.removeprefix('undefined: ')}."
    counted = (
        _domains(count) if len(overall.domains) == count else f"{len(overall.domains)} of {_domains(count)}"
    )
    seeds = result.evaluation.depth.seeds
    look = ": a first look" if seeds < ENOUGH_SEEDS else ""
    over = f"over {counted}"
    if overall.low is None:
        return (
            f"{result.headline} has a Practice Efficiency of {overall.value:.2f} {over}, which says little: "
            "there is no interval, as it takes at least 2 seeds in each."
        )
    within = f"95% interval {interval_text(overall.low, overall.high)}, {seeds} seeds{look}"
    if overall.low > 1:
        return (
            f"{result.headline} practice learned {overall.value:.2f} times as much per unit of compute as "
            f"static practice, {over} ({within})."
        )
    less = overall.high is not None and overall.high < 1
    how = "less" if less else "not distinguishably more"
    return (
        f"{result.headline} practice learned {how} per unit of compute than static practice, {over}: its "
        f"Practice Efficiency is {overall.value:.2f} ({within})."
    )


def _domains(count: int) -> str:
    return "one domain" if count == 1 else f"{count} domains"


def domain_table(result: EvaluationResult) -> Table:
    """The headline arm in every domain, and over all.

    Args:
        result: of an evaluation.
    """
    table = _table("domain", "PE", "95% interval", "ceiling", "area", "final", "of static")
    for name in result.evaluation.experiments:
        ours, theirs = result.result(name), result.result(name, "static")
        if ours is None or theirs is None:
            table.add_row(name, *[UNKNOWN] * 6)
            continue
        pe = ours.efficiency
        table.add_row(
            name,
            value_text(pe),
            interval_text(pe.low, pe.high),
            UNKNOWN if pe.ceiling is None else f"{pe.ceiling:.2f}",
            f"{pe.area_agent:.3f}",
            f"{ours.final:.3f}",
            f"{theirs.final:.3f}",
        )
    overall = result.overall[result.headline]
    table.add_row(OVER_ALL, *_overall_cells(overall), "", "", "", "")
    return table


def _overall_cells(overall: OverallEfficiency) -> tuple[str, str]:
    return (
        UNKNOWN if overall.value is None else f"{overall.value:.3f}",
        interval_text(overall.low, overall.high),
    )


def arm_grid(result: EvaluationResult) -> Grid:
    """Practice Efficiency of every arm in every domain, and over all.

    Args:
        result: of an evaluation.
    """
    rows = []
    for name in result.evaluation.experiments:
        found = [result.result(name, arm) for arm in result.arms]
        rows.append((name, *(UNKNOWN if each is None else value_text(each.efficiency) for each in found)))
    cells = [_overall_cells(result.overall[arm]) for arm in result.arms]
    rows.append((OVER_ALL, *(value for value, _ in cells)))
    rows.append(("95% interval", *(interval for _, interval in cells)))
    return Grid("PE of every way to choose tasks", ("domain", *result.arms), tuple(rows))


def horizon_grid(result: EvaluationResult) -> Grid:
    """What Practice Efficiency has to be read with in every domain.

    Args:
        result: of an evaluation.
    """
    rows = []
    for name, comparison in result.comparisons.items():
        ours = result.result(name)
        gained = None if ours is None else ours.efficiency.normalized_gain
        rows.append(
            (
                name,
                f"{comparison.horizon:.3g} {unit_name(comparison.unit)}",
                f"{comparison.arms[0].efficiency.area_reference:.3f}",
                UNKNOWN if gained is None else f"{gained:+.3f}",
                str(len(comparison.arms[0].seeds)),
            )
        )
    columns = ("domain", "horizon", "area of static", "share gained of what it left", "seeds")
    return Grid("What it has to be read with", columns, tuple(rows))


def band_grid(result: EvaluationResult) -> Grid:
    """How Practice Efficiency and final scores fall with difficulty, by domain and over all.

    Args:
        result: of an evaluation.
    """
    overall = band_efficiencies(result)
    rows = []
    for name in result.comparisons:
        ours = result.result(name)
        if ours is None:
            continue
        finals = band_finals(result, name)
        rows.append(
            (
                name,
                *(
                    f"{value_text(ours.bands[band])} / {finals[band]:.2f}" if band in ours.bands else UNKNOWN
                    for band in overall
                ),
            )
        )
    rows.append(
        (OVER_ALL, *(UNKNOWN if each.value is None else _with_interval(each) for each in overall.values()))
    )
    title = f"{result.headline}: PE / final score by band, and PE over all domains with its 95% interval"
    return Grid(title, ("domain", *map(band_name, overall)), tuple(rows))


def _with_interval(overall: OverallEfficiency) -> str:
    within = "" if overall.low is None else f" [{overall.low:.2f}, {overall.high:.2f}]"
    return f"{overall.value:.2f}{within}"


def band_finals(result: EvaluationResult, name: str, arm: str | None = None) -> dict[int, float]:
    """The final score of an arm in each band, mean over families and seeds.

    Args:
        result: of an evaluation.
        name: of the domain.
        arm: its name; None for the headline arm.
    """
    comparison = result.comparisons[name]
    runs = comparison.runs[arm or result.headline]
    cells = runs[0].curve.cells
    final = sum(run.curve.corrected[-1] for run in runs) / len(runs)
    return {
        band: float(sum(own) / len(own))
        for band in sorted({band for _, band in cells})
        if (own := [final[place] for place, cell in enumerate(cells) if cell[1] == band])
    }


def contrast_grid(title: str, found: Sequence[Contrast], ratio: bool) -> Grid:
    """Differences between domains.

    Args:
        title: of the table.
        found: the differences, of logarithms where they are shown as ratios.
        ratio: whether they are.
    """

    def shown(value: float | None) -> str:
        if value is None:
            return UNKNOWN
        return f"{math.exp(value):.2f}" if ratio else f"{value:+.3f}"

    rows = tuple(
        (
            f"{each.first} against {each.second}",
            shown(each.value),
            UNKNOWN if each.low is None else f"{shown(each.low)} to {shown(each.high)}",
            UNKNOWN if each.low is None else "yes" if each.apart else "no",
        )
        for each in found
    )
    return Grid(title, ("domains", "ratio" if ratio else "difference", "interval", "beyond chance"), rows)


def _table(first: str, *columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column(first, overflow="fold", min_width=16)  # "EtudeCreative-v0" stays whole in 80 columns
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    return table
