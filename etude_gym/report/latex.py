"""The table of a comparison for LaTeX documents, with the rules of the package booktabs."""

from __future__ import annotations

import re

from rich.table import Table
from rich.text import Text

from etude_gym.report.comparison import Comparison
from etude_gym.report.tables import efficiency_notes, efficiency_table

SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "–": "--",
    "−": "$-$",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
"""How characters are written that LaTeX reads as commands or that not every font has."""
_SPECIAL = re.compile("|".join(map(re.escape, SPECIAL)))


def escape(text: str) -> str:
    """Text as LaTeX prints it, in one line.

    Args:
        text: any text.
    """
    return _SPECIAL.sub(lambda found: SPECIAL[found[0]], " ".join(text.split()))


def comparison_latex(comparison: Comparison) -> str:
    """The table of Practice Efficiency that ``etude compare`` prints, as a LaTeX table with its notes.

    Args:
        comparison: the arms.
    """
    notes = " ".join(efficiency_notes(comparison).split("\n"))
    caption = f"Practice Efficiency on {comparison.env_id} against {comparison.reference}. {notes}"
    lines = [
        r"% Needs \usepackage{booktabs}",
        r"\begin{table}",
        r"  \centering",
        f"  \\caption{{{escape(caption)}}}",
        *(f"  {line}" for line in tabular(efficiency_table(comparison))),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def tabular(table: Table) -> list[str]:
    """A table of the terminal as lines of a LaTeX tabular.

    Args:
        table: its cells are text.
    """
    alignment = "".join("r" if column.justify == "right" else "l" for column in table.columns)
    rows = zip(*(column.cells for column in table.columns), strict=True)
    return [
        f"\\begin{{tabular}}{{{alignment}}}",
        r"  \toprule",
        _row([column.header for column in table.columns]),
        r"  \midrule",
        *map(_row, rows),
        r"  \bottomrule",
        r"\end{tabular}",
    ]


def _row(cells: object) -> str:
    assert isinstance(cells, (list, tuple))
    told = [cell.plain if isinstance(cell, Text) else str(cell) for cell in cells]
    return f"  {' & '.join(map(escape, told))} \\\\"
