"""The pages of the documentation, and what stands in their fenced blocks."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "envs/*/README.md")
    for path in ROOT.glob(pattern)
)
SHELL = ("", "bash", "console")
"""What is written behind the fence of commands; a block without a word may hold something else."""
_COMMAND = re.compile(r"\s*(?:do |[A-Z_]+=\S+ )*etude (.+)")


@dataclass(frozen=True)
class Fence:
    """A fenced block.

    Attributes:
        info: what is written behind its opening fence.
        text: what it holds.
        line: of the page, where it begins.
        output: what a block named "text" right behind it holds; None if there is none.
    """

    info: str
    text: str
    line: int
    output: str | None = None

    @property
    def file(self) -> str | None:
        """The name of the file that it is to be saved as: it stands behind "python"."""
        language, _, name = self.info.partition(" ")
        return name if language == "python" and name else None


def fences(page: str) -> list[Fence]:
    """The fenced blocks of a page, in their order.

    Args:
        page: its path from the root of the repository.
    """
    from markdown_it import MarkdownIt

    tokens = MarkdownIt().parse((ROOT / page).read_text(encoding="utf-8"))
    found = []
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "fence" and token.map:
            shown = after is not None and after.type == "fence" and after.info == "text"
            output = after.content if shown else None
            found.append(Fence(token.info.strip(), token.content, token.map[0] + 1, output))
    return found


def etude_commands(fence: Fence) -> list[list[str]]:
    """The arguments of each ``etude`` command in a block of commands, without what a shell does around it.

    Args:
        fence: the block; prompts, comments, and descriptions behind two spaces are left out.
    """
    if fence.info not in SHELL:
        return []
    found = []
    for line in re.sub(r" *\\\n *", " ", fence.text).splitlines():
        for part in re.split(r"&&|;", line.removeprefix("$ ")):
            if command := _COMMAND.match(part):
                found.append(shlex.split(re.split(r"  +", command[1])[0], comments=True))
    return found
