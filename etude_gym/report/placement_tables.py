"""Where a learner stands on the calibrated scale, as a table and in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from etude_gym.measure.placing import FamilyPlacement
from etude_gym.report.tables import _named, _notes, _title

NOTES = (
    "Ability: at tasks of that calibrated difficulty, in logits, the score is midway between guessing and "
    "the ceiling. Easier: share of the family's tasks below that difficulty. In brackets: 95% intervals"
)
NO_CALIBRATION = (
    "No placement: this environment has no calibration. etude panel, then etude calibrate make one."
)


def placement_parts(placements: Sequence[FamilyPlacement], seeds: int) -> tuple[Table | Text, ...]:
    """What a profile says: the table and how to read it, or why there is none.

    Args:
        placements: of the families; none without a calibration.
        seeds: runs that were pooled.
    """
    heading = _title("Placement on the calibrated scale")
    if not placements:
        return heading, _notes(NO_CALIBRATION)
    interval = ", Student's t over seeds." if seeds > 1 else ", given the calibration."
    return heading, placement_table(placements), _notes(NOTES + interval)


def placement_table(placements: Sequence[FamilyPlacement]) -> Table:
    """A row for each family.

    Args:
        placements: of the families.
    """
    table = _named("family", right=["ability", "± se", "easier", "tasks"])
    for each in placements:
        table.add_row(
            each.family,
            f"{each.ability.value:.2f} [{each.ability.low:.2f}, {each.ability.high:.2f}]",
            f"{each.standard_error:.2f}",
            f"{each.easier.value:.0%} [{each.easier.low:.0%}, {each.easier.high:.0%}]",
            str(each.tasks),
        )
    return table


def placement_sentences(placements: Sequence[FamilyPlacement]) -> Iterator[str]:
    """What abilities mean, a sentence for each family.

    Args:
        placements: of the families.
    """
    for each in placements:
        ability, easier = each.ability, each.easier
        place = f"{ability.value:.2f} [{ability.low:.2f}, {ability.high:.2f}] logits"
        if easier.value == 0.0:
            means = f"ability {place}, which is below the easiest task."
        elif easier.value == 1.0:
            means = f"ability {place}, which is above the hardest task."
        else:
            share = f"{easier.value:.0%} [{easier.low:.0%}, {easier.high:.0%}]"
            means = f"scores half at tasks of difficulty {place}; that is harder than {share} of the tasks."
        yield f"{each.family}: {means} {each.tasks} answers."
