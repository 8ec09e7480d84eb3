"""``etude --help`` and ``etude --version``: what there is, and what is installed."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from etude_gym import __version__
from etude_gym.runs.folder import versions
from etude_gym.tasks.keys import SUITE_VERSION

PURPOSE = """Practice agents on generated tasks; measure how fast they learn per unit of compute.

First steps: etude list, etude play, etude practice --preset quick, etude evaluate."""
MORE = """All about a command: etude COMMAND --help.  What is installed: etude --version."""


def overview(commands: Mapping[str, Any]) -> RenderableType:
    """The commands with a line for each.

    Args:
        commands: classes of the commands by name; the first line of its docstring says what one is for.
    """
    lines = Table.grid(padding=(0, 2))
    for name, command in commands.items():
        lines.add_row(Text(f"  {name}", "bold"), Text((inspect.getdoc(command) or "").partition("\n")[0]))
    return Group(Text(f"usage: etude COMMAND ...\n\n{PURPOSE}\n"), lines, Text(f"\n{MORE}"))


def version_block() -> str:
    """Versions of the package, the suite, Python and the libraries that are installed, one a line."""
    found = {"etude-gym": __version__, "suite": str(SUITE_VERSION)}
    found |= {name: number for name, number in versions().items() if name not in found}
    width = max(map(len, found))
    return "\n".join(f"{name.ljust(width)}  {number}" for name, number in found.items())
