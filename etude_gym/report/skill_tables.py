"""Tables of skills: how an agent stands in each, and which prerequisites it has crossed."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from etude_gym.measure.mastery import CERTAINTY, MASTERED, UNMASTERED
from etude_gym.measure.prerequisite_map import PrerequisiteMap
from etude_gym.report.tables import UNKNOWN, _named, _notes, _title
from etude_gym.runs.profiling import RunProfile

NOTES = (
    "Scores of skills are raw: guessing counts, as in the panel in which prerequisites are looked for. A "
    f"skill is mastered where the mean score is at least {MASTERED:g} with a probability of {CERTAINTY:.0%}, "
    f"missing where it is at most {UNMASTERED:g} with that probability, else undecided. In brackets: the "
    f"central {2 * CERTAINTY - 1:.0%} over tasks (Jeffreys), which decides."
)
CROSSED_NOTES = "Crossed: the agent has mastered the skill that the other one needs."
NO_MAP = "Which skills need which others is not known: this domain ships no map of prerequisites."
ORDERS_ALONE = (
    "No skill is known to need another one: the panel shows difficulty orders alone, which one common "
    "ability would explain."
)
NO_ORDER = "No skill is known to need another one: the panel shows no order of skills."


def skill_report(found: RunProfile) -> tuple[Table | Text, ...]:
    """Skills and prerequisites of an agent; nothing in a domain that declares no skills.

    Args:
        found: the profile of an agent.
    """
    if not found.standings:
        return ()
    return (
        _title("Skills"),
        skill_table(found),
        _notes(NOTES),
        *(
            (_title("Prerequisites crossed"), crossed_table(found), _notes(CROSSED_NOTES))
            if found.crossed
            else (Text(without_prerequisites(found.map)),)
        ),
    )


def without_prerequisites(found: PrerequisiteMap | None) -> str:
    """Why no prerequisites are told, in one sentence.

    Args:
        found: a map that holds none; None for no map.
    """
    if found is None:
        return NO_MAP
    return ORDERS_ALONE if found.pairs else NO_ORDER


def skill_table(found: RunProfile) -> Table:
    """The score of each skill, and whether it is mastered.

    Args:
        found: the profile of an agent.
    """
    table = _named("skill", "standing", right=["tasks", "score"])
    for each in found.standings:
        score = each.score
        shown = f"{score.value:.2f} [{score.low:.2f}, {score.high:.2f}]" if each.tasks else UNKNOWN
        table.add_row(each.skill, each.word, str(each.tasks), shown)
    return table


def crossed_table(found: RunProfile) -> Table:
    """Each prerequisite that is known, and whether the agent has crossed it.

    Args:
        found: the profile of an agent.
    """
    table = _named("skill", "needs", "standing", right=[])
    for first, second, word in found.crossed:
        table.add_row(second, first, word)
    return table
