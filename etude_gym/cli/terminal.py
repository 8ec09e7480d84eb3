"""What the commands write to, whatever it is: terminals that know no Unicode, narrow ones, closed pipes."""

from __future__ import annotations

import codecs
import io
import os
import shutil
import sys
from typing import Any

import tyro
from rich.console import Console

LEAST_COLUMNS = 40
"""Narrower terminals break lines themselves: tables and help texts are not made for them."""

console = Console()
"""What commands print to."""

PLAIN = str.maketrans("─━═│┃║•·…–—╭╮╰╯┌┐└┘├┤┬┴┼█", "---|||*..--+++++++++++++#")
"""What stands for a character that cannot be written; "?" for the others."""


def say(line: str) -> None:
    """Print a line that may hold paths: as it is, never wrapped.

    Args:
        line: without its line feed.
    """
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def shown(metavar: str, hint: str | None = None) -> Any:
    """How an argument of a command is shown in its help.

    Args:
        metavar: what stands for its value.
        hint: in place of a default that says nothing.
    """
    return tyro.conf.arg(metavar=metavar, help_behavior_hint=None if hint is None else f"({hint})")


def duration(seconds: float) -> str:
    """A time in words.

    Args:
        seconds: how long.
    """
    minutes = max(1, round(seconds / 60))
    if minutes < 90:
        return "a minute" if minutes == 1 else f"{minutes} minutes"
    return f"{seconds / 3600:.1f} hours"


def _plainly(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    given = error.object[error.start : error.end].translate(PLAIN)
    return "".join(character if character.isascii() else "?" for character in given), error.end


def prepare_terminal(*consoles: Console) -> None:
    """Let any text be written to standard output and error, in lines that are not absurdly short.

    Args:
        consoles: made before; those that are too narrow are widened.
    """
    codecs.register_error("etude plain", _plainly)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="etude plain")
    if shutil.get_terminal_size().columns < LEAST_COLUMNS:
        os.environ["COLUMNS"] = str(LEAST_COLUMNS)
    for console in consoles:
        if console.width < LEAST_COLUMNS:
            console.width = LEAST_COLUMNS


def leave_broken_pipe() -> None:
    """Exit as programs do whose reader has gone (``etude list | head -1``), and write no more."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(141)  # 128 + SIGPIPE
