"""A profile in the terminal: what is weak in plain sentences, and the tables behind them."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group
from rich.table import Table
from rich.text import Text

from etude_gym.difficulty.bands import band_name
from etude_gym.difficulty.space import Axis
from etude_gym.measure.compute import unit_name
from etude_gym.measure.intervals import Estimate
from etude_gym.measure.score_surface import LEVELS, AxisProfile
from etude_gym.report.placement_tables import placement_parts
from etude_gym.report.skill_tables import skill_report
from etude_gym.report.tables import UNKNOWN, _named, _notes, _title
from etude_gym.runs.profiling import RunProfile

LEVELS_SHOWN = range(0, len(LEVELS), (len(LEVELS) - 1) // 4)
"""Of an axis: its quarters."""
REGIONS_SHOWN = 3

NOTES = (
    "Scores are corrected for chance: guessing is worth 0, the oracle 1. Along an axis they come from a "
    "model in which scores fall with every axis, averaged over the other axes. In brackets: 95% bootstrap "
    "intervals over seeds and tasks."
)
NEXT_NOTES = (
    "Each region is a quarter of one axis. The gain: in the anchor score, if practice raised the ability in "
    "the region, and nowhere else, by one logit. It is a prediction, good for the order of regions."
)


def profile_report(found: RunProfile) -> Group:
    """Everything that ``etude profile`` prints but the command.

    Args:
        found: the profile of an agent.
    """
    profile = found.profile
    several = len(found.space.families) > 1
    return Group(
        _title(heading(found)),
        *(Text(sentence) for sentence in sentences(found)),
        _title("Scores along the axes of difficulty"),
        axis_table(found),
        _notes(NOTES),
        _title("Scores by family and band of difficulty" if several else "Scores by band of difficulty"),
        cell_table(found),
        *placement_parts(found.placement, profile.seeds),
        *_statuses(found),
        *_confidence(found),
        *skill_report(found),
        _title("Practice next: where practice is predicted to raise the anchor score most"),
        region_table(found),
        _notes(NEXT_NOTES),
        *(
            (_notes("One run: intervals do not hold what differs between seeds."),)
            if profile.seeds == 1
            else ()
        ),
    )


def heading(found: RunProfile) -> str:
    """Whose profile it is.

    Args:
        found: the profile of an agent.
    """
    config, seeds = found.config, found.profile.seeds
    pooled = f"{seeds} seeds pooled" if seeds > 1 else f"seed {config.seed}"
    compute = f"{found.compute:.3g} {unit_name(config.unit)}"
    who = f"{config.env_id}, {config.agent}, {config.arm}"
    return f"{who}: checkpoint {found.checkpoint} ({compute}), {pooled}"


def sentences(found: RunProfile) -> Iterator[str]:
    """What is weak, in plain sentences.

    Args:
        found: the profile of an agent.
    """
    profile, space = found.profile, found.space
    yield f"The mean anchor score is {_interval(profile.score)}, over {profile.tasks} tasks."
    if all(cell.score.value <= 0.0 for cell in profile.cells):
        yield "It does no better than guessing in any band: nothing tells yet along which axis it is weakest."
        return
    described = {axis.name: axis for axis in space.axes}
    for family in space.families:
        weakest, *others = profile.weakest_axes(family)
        subject = f"In {family} it" if len(space.families) > 1 else "It"
        yield f"{subject} is weakest along {weakest.axis}: {_fall(weakest, described[weakest.axis])}"
        if others:
            rest = ", ".join(f"{axis.axis} {_ends(axis)}" for axis in others)
            yield f"  Along the other axes: {rest}."


def _fall(axis: AxisProfile, described: Axis) -> str:
    frontier = "" if axis.frontier is None else f" It passes 0.5 at {axis.frontier:.2f}."
    ends = [
        f"{estimate.value:.2f} at {level}" + (f" ({text})" if text else "")
        for estimate, level, text in (
            (axis.averaged[0], 0, described.low),
            (axis.averaged[-1], 1, described.high),
        )
    ]
    return f"the score falls from {ends[0]} to {ends[1]}.{frontier}"


def _ends(axis: AxisProfile) -> str:
    return f"{axis.averaged[0].value:.2f} to {axis.averaged[-1].value:.2f}"


def axis_table(found: RunProfile) -> Table:
    """The score at the quarters of each axis, the axis with the largest drop first.

    Args:
        found: the profile of an agent.
    """
    several = len(found.space.families) > 1
    table = _named("axis", *(["family"] if several else []), right=[
        *(f"{LEVELS[i]:g}" for i in LEVELS_SHOWN), "drop", "0.5 at"])  # fmt: skip
    for family in (None, *found.space.families) if several else found.space.families:
        for axis in found.profile.weakest_axes(family):
            table.add_row(
                axis.axis,
                *([family or "all"] if several else []),
                *(f"{axis.averaged[i].value:.2f}" for i in LEVELS_SHOWN),
                _in_two_lines(axis.drop) if several else _interval(axis.drop),
                UNKNOWN if axis.frontier is None else f"{axis.frontier:.2f}",
            )
    return table


def cell_table(found: RunProfile) -> Table:
    """The score of each family in each band.

    Args:
        found: the profile of an agent.
    """
    bands = found.config.bands
    table = _named("family", right=[band_name(band) for band in bands])
    for family in found.space.families:
        cells = {cell.band: cell.score for cell in found.profile.cells if cell.family == family}
        table.add_row(family, *(_in_two_lines(cells[band]) for band in bands))
    return table


def region_table(found: RunProfile) -> Table:
    """The regions that are worth most practice, with where they are.

    Args:
        found: the profile of an agent.
    """
    table = _named("region", right=["score there", "predicted gain"])
    for each in found.profile.next[:REGIONS_SHOWN]:
        table.add_row(each.region.words, _interval(each.score), f"+{each.gain.value:.3f}")
    return table


def _statuses(found: RunProfile) -> tuple[Table | Text, ...]:
    """What became of replies; nothing where all of them were read."""
    counts = found.profile.statuses
    names = list(dict.fromkeys(status for family in counts.values() for status in family))
    if names == ["ok"]:
        return ()
    table = _named("family", right=names)
    for family, statuses in counts.items():
        table.add_row(family, *(str(statuses.get(name, 0)) for name in names))
    return _title("What became of the last reply to each task"), table


def _confidence(found: RunProfile) -> tuple[Text, ...]:
    reliability = found.profile.reliability
    if reliability is None or reliability.mean_confidence is None:
        return ()
    skill = "" if reliability.skill is None else f" Brier skill {reliability.skill:+.2f}."
    return (
        _title("Confidence"),
        Text(
            f"It says {reliability.mean_confidence:.2f} on average and is right in "
            f"{reliability.share_correct:.2f} of its answers.{skill}"
        ),
    )


def _in_two_lines(estimate: Estimate) -> str:
    """With the interval below the value: tables of many columns fit a terminal of 80 then."""
    return _interval(estimate).replace(" ", "\n", 1)


def _interval(estimate: Estimate) -> str:
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"
