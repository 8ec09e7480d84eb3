"""Where a result comes from, besides its configuration: machine, day, versions, source code."""

from __future__ import annotations

import importlib
import os
import platform
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import etude_gym
from etude_gym.runs.folder import versions

GIT_SECONDS = 10


def provenance(agent_class: Any = None) -> dict[str, Any]:
    """Where a run comes from that begins now, on this machine.

    Args:
        agent_class: of the agent; its source code counts as well.

    Returns:
        The fields host, date, commit and versions of ``etude_gym.runs.config.RunConfig``.
    """
    return {
        "host": {"name": platform.node(), "system": platform.platform(), "cores": os.cpu_count() or 1},
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
        "commit": _commits(agent_class),
        "versions": versions(),
    }


def _commits(agent_class: Any) -> dict[str, str]:
    """Commits of the repositories that the suite and the agent are in, where they are under version control.

    A commit ends in "-dirty" if there are changes that were not committed.
    """
    sources = {"etude_gym": etude_gym.__file__}
    if agent_class is not None:
        module = importlib.import_module(agent_class.__module__)
        sources.setdefault(module.__name__.partition(".")[0], module.__file__ or "")
    found = {name: commit_of(Path(path)) for name, path in sources.items()}
    return {name: commit for name, commit in found.items() if commit}


def commit_of(path: Path) -> str | None:
    """The commit of the git repository that tracks a file; None if none does.

    Args:
        path: of the file.
    """

    def git(*arguments: str) -> str | None:
        command = ["git", "-C", str(path.parent), *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    if git("ls-files", "--error-unmatch", path.name) is None:
        return None
    return git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
