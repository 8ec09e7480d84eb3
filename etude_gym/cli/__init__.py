"""The command line: ``etude list | play | practice | compare | check``."""

from etude_gym.cli.main import main

__all__ = ["main"]
