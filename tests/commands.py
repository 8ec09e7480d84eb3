"""Runs commands as the command line does, in this process."""

from __future__ import annotations

from etude_gym.cli.main import main


def run(capsys, *arguments):
    """Run a command; return its exit code and what it printed on both streams."""
    try:
        main([str(argument) for argument in arguments])
        code = 0
    except SystemExit as stop:
        code = int(stop.code or 0)
    return code, *capsys.readouterr()
