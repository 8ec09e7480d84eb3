"""Tables for the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from etude_gym.difficulty.bands import band_name
from etude_gym.measure.compute import unit_name
from etude_gym.measure.gains import Gain
from etude_gym.measure.milestones import Milestone
from etude_gym.measure.practice_efficiency import PracticeEfficiency
from etude_gym.report.comparison import ArmResult, Comparison
from etude_gym.runs.folder import PRACTICE, Run

UNKNOWN = "–"
ENOUGH_SEEDS = 5
"""Fewer are a first look, and said to be one."""
ENOUGH_EVALUATIONS = 6
"""Of the nine that a checkpoint grid has."""
OVERSHOOT = 0.05
"""How far beyond the horizon the last evaluation may come, as a share of it, before it is warned of."""

RELIABILITY_NOTES = (
    "Brier: mean squared difference between stated confidence and being right, 0 the best. skill: the share "
    "of it saved against stating the share correct throughout, which has 0. Episodes that ended without an "
    "answer are left out: whoever answers only easy tasks looks better."
)
"""How to read the table of confidence."""

FINDING_NOTES = (
    "Family: the axes that, each pulled down to the basics, give most of the hard tasks back; `all axes "
    "together` where no single one does, `family` where all of it is behind the others. In brackets: rounds "
    "of probes, over all seeds."
)
"""How to read what probes found."""


def efficiency_table(comparison: Comparison) -> Table:
    """Practice Efficiency of every arm with its interval; the difference of areas where it is undefined.

    Args:
        comparison: the arms; the first one decides whether PE is defined, since all share the reference.
    """
    defined = comparison.arms[0].efficiency.value is not None
    columns = (
        ("PE", "95% interval", "± items", "PE (log)", "gained") if defined else ("difference", "95% interval")
    )
    table = _table(*columns, "area", "final")
    for result in comparison.arms:
        cells = _efficiency_cells(result) if defined else _difference_cells(result.efficiency)
        if result.arm == comparison.reference:
            cells = (cells[0], "reference", *[""] * (len(cells) - 2))
        table.add_row(result.arm, *cells, f"{result.efficiency.area_agent:.3f}", f"{result.final:.3f}")
    return table


def _efficiency_cells(result: ArmResult) -> tuple[str, ...]:
    pe, error = result.efficiency, result.items.log_standard_error
    return (
        value_text(pe),
        interval_text(pe.low, pe.high),
        UNKNOWN if error is None or pe.value is None else f"{error * pe.value:.3f}",
        UNKNOWN if result.log_efficiency is None else value_text(result.log_efficiency),
        UNKNOWN if pe.normalized_gain is None else f"{pe.normalized_gain:+.3f}",
    )


def _difference_cells(pe: PracticeEfficiency) -> tuple[str, ...]:
    return f"{pe.difference:+.3f}", interval_text(pe.difference_low, pe.difference_high)


def value_text(pe: PracticeEfficiency) -> str:
    """Practice Efficiency as tables show it.

    Args:
        pe: defined or not.
    """
    return UNKNOWN if pe.value is None else f"{pe.value:.3f}"


def interval_text(low: float | None, high: float | None) -> str:
    """An interval as tables show it.

    Args:
        low: its lower end; None where there is no interval.
        high: its upper end; None where there is no interval.
    """
    return UNKNOWN if low is None or high is None else f"{number(low, 3)} to {number(high, 3)}"


def number(value: float, digits: int) -> str:
    """A number with a fixed number of digits; in powers of ten from 100 on.

    Args:
        value: finite.
        digits: digits after the point, below 100.
    """
    return f"{value:.{digits}f}" if abs(value) < 100 else f"{value:.0e}"


def efficiency_notes(comparison: Comparison) -> str:
    """How to read the table of Practice Efficiency: horizon, ceiling, seeds, and what limits the comparison.

    Args:
        comparison: the arms of the table.

    Returns:
        One note a line.
    """
    pe = comparison.arms[0].efficiency
    ceiling = UNKNOWN if pe.ceiling is None else f"{pe.ceiling:.2f}"
    notes = [
        f"Horizon H = {comparison.horizon:.3g} {unit_name(comparison.unit)}; ceiling of PE {ceiling}; "
        f"{_seeds(comparison)}.",
    ]
    if pe.value is None:
        notes.append(f"PE is {pe.reason}; the difference of areas is shown instead, with t intervals.")
    else:
        notes.append(
            "Intervals: Student's t on paired log PE over seeds. ± items: the standard error that is due to "
            "the finite sample of anchor tasks. PE (log): over log compute. gained: share of what the "
            "reference leaves, (area - its area) / (1 - its area)."
        )
        reasons = {r.efficiency.reason: r.arm for r in comparison.arms if r.efficiency.reason}
        notes += [f"{arm}: {reason}." for reason, arm in reasons.items()]
    if comparison.unpaired:
        notes.append(
            f"Unpaired: {', '.join(comparison.unpaired)}. Seeds or anchor tasks differ from those of the "
            "reference, so intervals are Welch's t, and wider."
        )
    if min(len(arm.seeds) for arm in comparison.arms) < ENOUGH_SEEDS:
        notes.append(f"Fewer than {ENOUGH_SEEDS} seeds: a first look, not a result to report.")
    return "\n".join([*notes, *warnings(comparison)])


def _seeds(comparison: Comparison) -> str:
    """The seeds of all arms, or of each where they differ."""
    if len({arm.seeds for arm in comparison.arms}) == 1:
        return f"seeds {_listed(comparison.seeds)}"
    return "seeds " + "; ".join(f"{arm.arm} {_listed(arm.seeds)}" for arm in comparison.arms)


def _listed(seeds: Sequence[int]) -> str:
    """ "0 to 9" for seeds in a row, else all of them."""
    in_a_row = len(seeds) > 3 and list(seeds) == list(range(seeds[0], seeds[-1] + 1))
    return f"{seeds[0]} to {seeds[-1]}" if in_a_row else ", ".join(map(str, seeds))


def warnings(comparison: Comparison) -> list[str]:
    """What makes the areas of some arms rough: few evaluations, or practice far beyond the horizon.

    Args:
        comparison: the arms.
    """
    few: dict[str, int] = {}
    beyond: dict[str, float] = {}
    for arm, runs in comparison.runs.items():
        count = min(int(np.sum(run.curve.compute <= comparison.horizon * (1 + OVERSHOOT))) for run in runs)
        last = max(float(run.curve.compute[-1]) / comparison.horizon for run in runs)
        few |= {arm: count} if count < ENOUGH_EVALUATIONS else {}
        beyond |= {arm: last} if last > 1 + OVERSHOOT else {}
    found = []
    if few:
        counts = ", ".join(f"{arm} {count}" for arm, count in few.items())
        found.append(
            f"Few evaluations up to the horizon ({counts}; {ENOUGH_EVALUATIONS} or more are usual): lines "
            "are drawn between them, so areas and milestones are rough."
        )
    if beyond:
        shares = ", ".join(f"{arm} {last - 1:.0%}" for arm, last in beyond.items())
        found.append(
            f"The last evaluation came after the horizon ({shares}): the score at the horizon is read off "
            "the line to it. Smaller updates, or a longer horizon, come closer."
        )
    return found


def band_table(comparison: Comparison) -> Table:
    """Practice Efficiency and final score by band of difficulty.

    Args:
        comparison: the arms; a cell reads "PE / mean chance-corrected score at the horizon".
    """
    bands = list(comparison.arms[0].bands)
    table = _table(*map(band_name, bands))
    for result in comparison.arms:
        runs = comparison.runs[result.arm]
        final = sum(run.curve.corrected[-1] for run in runs) / len(runs)
        means = [
            sum(own := [final[i] for i, cell in enumerate(runs[0].curve.cells) if cell[1] == band]) / len(own)
            for band in bands
        ]
        table.add_row(
            result.arm,
            *(f"{value_text(result.bands[b])} / {mean:.2f}" for b, mean in zip(bands, means, strict=True)),
        )
    return table


def family_table(comparison: Comparison) -> Table:
    """Practice Efficiency by family of tasks."""
    families = list(comparison.arms[0].families)
    table = _table(*map(str, families))
    for result in comparison.arms:
        table.add_row(result.arm, *(value_text(result.families[family]) for family in families))
    return table


def gain_table(comparison: Comparison) -> Table:
    """Gain of every cell over the untrained learner, with its interval over seeds.

    Args:
        comparison: the arms; each has a row for every family.
    """
    bands = list(comparison.arms[0].bands)
    table = _table("family", *map(band_name, bands))
    for result in comparison.arms:
        for family in result.families:
            own = [gain for gain in result.gains if gain.cell[0] == family]
            table.add_row(result.arm, str(family), *map(_gain, own))
    return table


def _gain(gain: Gain) -> str:
    width = "" if gain.half_width is None else f" ±{gain.half_width:.2f}"
    return f"{gain.gain:+.2f}{width}"


def milestone_table(comparison: Comparison) -> Table:
    """Compute to 25, 50 and 75% of the reference's final gain.

    Args:
        comparison: the arms; compute is the median over seeds, in units of the horizon.
    """
    table = _table(*(f"{milestone.fraction:.0%}" for milestone in comparison.arms[0].milestones))
    for result in comparison.arms:
        reference = result.arm == comparison.reference
        table.add_row(result.arm, *(_milestone(m, comparison.horizon, reference) for m in result.milestones))
    return table


def _milestone(milestone: Milestone, horizon: float, reference: bool) -> str:
    if milestone.reason is not None:
        return UNKNOWN
    reached = "> 1" if milestone.agent_median is None else f"{milestone.agent_median / horizon:.3f}"
    saved = "" if reference or milestone.speedup is None else f"({milestone.speedup:+.0%})"
    return f"{reached} {saved:>7}"


def milestone_notes(comparison: Comparison) -> str:
    """How to read the milestones."""
    first = comparison.arms[0].milestones[0]
    if first.reason is not None:
        return f"No milestones: {first.reason}."
    return "In brackets: compute saved against the reference. > 1: not reached by most seeds."


def reliability_table(comparison: Comparison) -> Table:
    """How well stated confidence agrees with how often answers were right, by arm, the best first."""
    table = _table("Brier", "skill", "confidence", "correct", "unanswered")
    for arm, reliability in comparison.reliabilities.items():
        table.add_row(
            arm,
            _or_unknown(reliability.brier, ".3f"),
            _or_unknown(reliability.skill, "+z.3f"),
            _or_unknown(reliability.mean_confidence, ".3f"),
            _or_unknown(reliability.share_correct, ".3f"),
            f"{reliability.unanswered} of {reliability.answered + reliability.unanswered}",
        )
    return table


def _or_unknown(value: float | None, form: str) -> str:
    return UNKNOWN if value is None else format(value, form)


def finding_lines(comparison: Comparison) -> str:
    """What probes found to hold practice up, by arm: every family and its gaps, with the number of rounds.

    Args:
        comparison: the arms.

    Returns:
        One line for each arm that probed; empty if none did.
    """
    lines = []
    for arm, runs in comparison.runs.items():
        found = Counter(
            (finding["family"], " + ".join(finding["gap"]) or "nothing in particular")
            for run in runs
            for record in Run(run.folder).read(PRACTICE)
            for finding in record.get("findings", ())
        )
        named = (f"{family}: {gap} ({rounds}x)" for (family, gap), rounds in found.most_common())
        if found:
            lines.append(f"{arm}: {'; '.join(named)}")
    return "\n".join(lines)


def _findings(comparison: Comparison) -> tuple[Text, ...]:
    lines = finding_lines(comparison)
    if not lines:
        return ()
    return (
        _title("What probes found to hold practice up, where scores had stopped rising"),
        Text(lines),
        _notes(FINDING_NOTES),
    )


def difference_lines(comparison: Comparison) -> str:
    """What arms differ in besides what their names say, one line for each fact; empty if in nothing.

    Args:
        comparison: the arms.
    """
    return "\n".join(
        f"{what}: {'; '.join(f'{value} ({_all_or(arms, comparison)})' for value, arms in values.items())}"
        for what, values in comparison.differences.items()
    )


def _all_or(arms: Sequence[str], comparison: Comparison) -> str:
    return ", ".join(arms) if len(arms) < len(comparison.arms) else "all"


def _differences(comparison: Comparison) -> tuple[Text, ...]:
    lines = difference_lines(comparison)
    return (_title("What else differs"), Text(lines)) if lines else ()


def closing_notes(comparison: Comparison) -> str:
    """Compute that was spent outside the curves, and runs that were left out.

    Args:
        comparison: the arms.

    Returns:
        One note a line; empty if there is nothing to say.
    """
    notes = []
    repeated = {result.arm: result.repeated for result in comparison.arms if result.repeated}
    if repeated:
        spent = ", ".join(f"{arm} {amount:.3g}" for arm, amount in repeated.items())
        unit = unit_name(comparison.unit)
        notes.append(f"Done again after interruptions, outside the curves, in {unit}: {spent}.")
    if comparison.left_out:
        notes.append(f"Left out, not finished: {', '.join(comparison.left_out)}.")
    return "\n".join(notes)


def all_tables(comparison: Comparison) -> Group:
    """Everything that ``etude compare`` prints."""
    several_families = len(comparison.arms[0].families) > 1
    closing = closing_notes(comparison)
    return Group(
        _title(f"{comparison.title}: Practice Efficiency (PE) against {comparison.reference}"),
        efficiency_table(comparison),
        _notes(efficiency_notes(comparison)),
        _title("By band of difficulty, the easiest first: PE / final score (the oracle's is 1)"),
        band_table(comparison),
        *((_title("By family of tasks: PE"), family_table(comparison)) if several_families else ()),
        _title("Gain over the untrained policy by family and band, ± its 95% t interval over seeds"),
        gain_table(comparison),
        _title("Milestones: median compute, in units of H, to a share of the reference's gain"),
        milestone_table(comparison),
        _notes(milestone_notes(comparison)),
        *_reliability(comparison),
        *_findings(comparison),
        *_differences(comparison),
        *((_notes(closing),) if closing else ()),
    )


def _reliability(comparison: Comparison) -> tuple[Table | Text, ...]:
    """What is printed on confidence: nothing where none was stated."""
    if not comparison.reliabilities:
        return ()
    return (
        _title("Confidence at the last checkpoint, all seeds pooled, ranked by Brier score"),
        reliability_table(comparison),
        _notes(RELIABILITY_NOTES),
    )


def _title(text: str) -> Text:
    return Text(f"\n{text}", style="bold")


def _notes(text: str) -> Text:
    return Text(text, style="dim")


def _table(*columns: str) -> Table:
    """A table of one row for each arm; long names are folded, numbers are not."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("arm", overflow="fold", min_width=8)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _named(*names: str, right: list[str]) -> Table:
    """A table whose first columns hold words, the others numbers."""
    table = _table()
    table.columns.clear()
    for name in names:
        table.add_column(name, no_wrap=True)
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table
