"""``etude new-domain``: a domain of one's own, to be changed into what it should be."""

from __future__ import annotations

import importlib.util
import keyword
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from etude_gym.cli.terminal import say, shown

TEMPLATE = Path(__file__).with_name("template")
"""A whole domain, my_domain: the names in its files are replaced."""
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".*_cache")

_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")


@dataclass(frozen=True)
class NewDomain:
    """Write a folder with a domain of your own: a small package that passes `etude check` as it is.

    It holds an example, with a text interface, an oracle, skills, tests, a card and the table of a small
    panel. Change it step by step into your domain.

    For example:
      etude new-domain tide-pools      writes tide-pools/, with the environment TidePools-v0

    Args:
        name: of the domain, in small letters and digits with hyphens between words.
    """

    name: tyro.conf.Positional[Annotated[str, shown("NAME")]]

    def run(self) -> None:
        """Write the folder, and say what to do with it."""
        names = Names.of(self.name)
        folder = write_domain(names, Path.cwd())
        say(
            f"{folder.name}/ holds the environment {names.env_id}. Go on with:\n"
            f"  cd {folder.name}\n"
            f"  etude check {names.module}:{names.env_id} --tasks 200\n"
            f"  etude play {names.module}:{names.env_id}\n"
            "Its README.md has the other commands."
        )


@dataclass(frozen=True)
class Names:
    """What a domain is called where.

    Attributes:
        distribution: of the package for pip, and of the folder.
        module: to import.
        title: of the class, and of the id.
    """

    distribution: str
    module: str
    title: str

    @property
    def env_id(self) -> str:
        """The id of the environment."""
        return f"{self.title}-v0"

    @classmethod
    def of(cls, name: str) -> Names:
        """The names of a domain.

        Args:
            name: in small letters and digits, hyphens or underscores between words.

        Raises:
            ValueError: if it is fit for no package, or taken by a module or an environment.
        """
        from etude_gym.environment.registration import registered_ids

        if not _NAME.fullmatch(name):
            raise ValueError(
                f"{name!r} is no name for a domain: take small letters and digits, begin with a letter, and "
                "put hyphens between words, such as tide-pools."
            )
        words = re.split("[-_]", name)
        names = cls("-".join(words), "_".join(words), "".join(word.capitalize() for word in words))
        if keyword.iskeyword(names.module) or importlib.util.find_spec(names.module) is not None:
            raise ValueError(
                f"{names.module!r} is a word of Python or a module that can be imported here: the domain "
                "needs a name of its own."
            )
        if names.env_id in registered_ids():
            raise ValueError(f"There is an environment {names.env_id} already: take another name.")
        return names


def write_domain(names: Names, parent: Path) -> Path:
    """Write the template under other names; whole, or not at all.

    Args:
        names: of the domain.
        parent: folder in which the domain's is made.

    Returns:
        The domain's folder.

    Raises:
        FileExistsError: if there is a folder or a file of that name.
    """
    folder = parent / names.distribution
    if folder.exists():
        raise FileExistsError(f"{folder.name} exists already and is left as it is: take another name.")
    with tempfile.TemporaryDirectory(dir=parent, prefix=".etude-") as part:
        made = Path(part) / names.distribution
        shutil.copytree(TEMPLATE, made, ignore=LEFT_OUT)
        for path in sorted(made.rglob("*"), reverse=True):  # what is inside a folder comes before it
            if path.is_file():
                path.write_text(_renamed(path.read_text(encoding="utf-8"), names), encoding="utf-8")
            path.rename(path.with_name(_renamed(path.name, names)))
        made.rename(folder)
    return folder


def _renamed(text: str, names: Names) -> str:
    renamed = text.replace("my_domain", names.module).replace("my-domain", names.distribution)
    return renamed.replace("MyDomain", names.title)
