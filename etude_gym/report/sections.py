"""The sections of a report, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Callable

from etude_gym.report.comparison import Comparison
from etude_gym.report.origin_section import origin_section
from etude_gym.report.parts import Section
from etude_gym.report.practice_sections import ledger_section, practice_section
from etude_gym.report.profile_section import profile_section
from etude_gym.report.result_sections import (
    cell_section,
    confidence_section,
    curve_section,
    efficiency_section,
)
from etude_gym.report.skill_section import skill_section

SECTIONS: tuple[tuple[str, Callable[[Comparison], Section | None]], ...] = (
    ("Practice Efficiency", efficiency_section),
    ("learning curves", curve_section),
    ("families and bands", cell_section),
    ("profiles", profile_section),
    ("skills", skill_section),
    ("confidence", confidence_section),
    ("what practice drew", practice_section),
    ("the ledger", ledger_section),
    ("how to repeat it", origin_section),
)
"""What a report consists of, by what is said while it is drawn."""
