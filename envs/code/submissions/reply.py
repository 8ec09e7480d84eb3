"""What a text reply hands in: the files in its fenced blocks."""

from __future__ import annotations

import re

from etude_gym.envs.code.exercise import Files
from etude_gym.tasks.domain import Reply
from etude_gym.tasks.replies import malformed

MAX_SUBMISSION_CHARACTERS = 200_000
MAX_FILES = 16

_PATH = re.compile(r"[a-z_][a-z0-9_]{0,30}\.py")
_FENCE = re.compile(r"^[ ]{0,3}(`{3,}|~{3,})(.*)$", re.MULTILINE)
_LANGUAGES = ("", "py", "python", "python3")
_COMMENT = re.compile(r"#\s*(?:file(?:name)?:?\s*)?`?([^\s`]+\.py)`?:?\s*")
_TITLE = re.compile(r"(?:file(?:name)? )?(\S+\.py)", re.IGNORECASE)
_NO_MARKUP = str.maketrans("", "", "*`#:")


def parse_submission(reply: object, default_path: str) -> Files | Reply:
    """The files that a reply hands in. Total: no reply makes it raise.

    A file is a fenced block. Its path stands after the fence ("```python shop.py"), in a comment on the
    block's first line ("# shop.py") or on the line before the fence ("shop.py:"). A block of another language
    is ignored. Without any block the whole reply is source if it defines a function.

    Args:
        reply: what the reader of the prompt answered; anything but a str is malformed.
        default_path: path of a single block that has none.

    Returns:
        Source text by path; or a ``Reply`` that says why there is none: truncated where the last block is not
        closed, malformed otherwise.
    """
    if not isinstance(reply, str):
        return malformed(f"A reply is text (str), got {type(reply).__name__}.")
    if len(reply) > MAX_SUBMISSION_CHARACTERS:
        return malformed(f"A reply has at most {MAX_SUBMISSION_CHARACTERS} characters, got {len(reply)}.")
    blocks = _blocks(reply)
    if blocks is None:
        return Reply("truncated", [], "The last fenced block is not closed: the reply seems to be cut off.")
    if not blocks and not _FENCE.search(reply):
        if "def " not in reply:
            return malformed("The reply holds no fenced block and no function. Write ```python ... ```.")
        return {default_path: reply}
    if len(blocks) == 1 and blocks[0][0] is None:
        return {default_path: blocks[0][1]}
    return _by_path(blocks)


def _by_path(blocks: list[tuple[str | None, str]]) -> Files | Reply:
    """The blocks as files, if each has a path of its own."""
    if not blocks:
        return malformed("The reply holds no block of Python. Write ```python ... ```.")
    if len(blocks) > MAX_FILES:
        return malformed(f"A reply has at most {MAX_FILES} files, got {len(blocks)}.")
    files: Files = {}
    for path, source in blocks:
        if path is None:
            return malformed("With several blocks each needs a path, such as ```python shop.py.")
        if not _PATH.fullmatch(path):
            return malformed(f"{path[:60]!a} is no path of a file here. Allowed: names such as shop.py.")
        if path in files:
            return malformed(f"{path} is there twice.")
        files[path] = source
    return files


def _blocks(reply: str) -> list[tuple[str | None, str]] | None:
    """Path and source of each block of Python; None if the last block is not closed."""
    text = reply.replace("\r\n", "\n")
    blocks = []
    opening: re.Match[str] | None = None
    left = 0  # where the text after the last block begins
    for fence in _FENCE.finditer(text):
        if opening is None:
            opening = fence
        elif fence[1].startswith(opening[1]) and not fence[2].strip():
            source = text[opening.end() + 1 : fence.start()]
            path = _path_of(opening[2], source, text[left : opening.start()])
            if path is not None:
                blocks.append((path or None, source or "\n"))
            opening, left = None, fence.end()
    return None if opening else blocks


def _path_of(information: str, source: str, before: str) -> str | None:
    """The path of a block, "" if it has none; None if the block holds another language."""
    words = information.split()
    language = "" if words and words[0].endswith(".py") else (words.pop(0).lower() if words else "")
    if language not in _LANGUAGES:
        return None
    if words:
        return words[0]
    if comment := _COMMENT.fullmatch(source.partition("\n")[0].strip()):
        return comment[1]
    title = _TITLE.fullmatch(before.rstrip().rpartition("\n")[2].translate(_NO_MARKUP).strip())
    return title[1] if title else ""
