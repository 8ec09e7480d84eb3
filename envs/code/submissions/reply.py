"""Reads text replies: the files in their fenced blocks."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, NamedTuple

from etude_gym.envs.code.exercise import Files
from etude_gym.envs.code.submissions.scopes import is_python
from etude_gym.tasks.domain import Reply
from etude_gym.tasks.fences import Block, fenced_blocks
from etude_gym.tasks.replies import ReplyText, malformed, read_json, read_reply

MAX_FILES = 16

_PATH = re.compile(r"[a-z_][a-z0-9_]{0,30}\.py")
_FUNCTION = re.compile(
    r"^(?:[ \t]*(?:async[ \t]+)?def[ \t]+\w+[ \t]*\(|\w+[ \t]*(?::[^=\n]+)?=[ \t]*lambda\b)", re.MULTILINE
)
_DEFINED = re.compile(r"^def[ \t]+(\w+)[ \t]*\(", re.MULTILINE)
_BOUND = re.compile(r"^[ \t]*(?:def[ \t]+(\w+)|(\w+)[ \t]*(?::[^=\n]+)?=(?!=))", re.MULTILINE)
_WORD = re.compile(r"\w+")
_LEFT_OUT = re.compile(r"^[ \t]*\.\.\.[ \t]*$", re.MULTILINE)


class _File(NamedTuple):
    """A block of Python; its path is empty if it has none."""

    path: str
    source: str
    names_language: bool


def parse_submission(
    reply: object, default_path: str, function: str | None = None, cut: bool = False
) -> Files | Reply:
    """The files that a reply submits. Total: no reply makes it raise.

    A file is a fenced block. Its path stands after the fence ("```python shop.py"), in a comment on the
    block's first line ("# shop.py") or on the line before the fence ("shop.py:"). A block with several such
    comments holds several files. A block of another language, or of "..." alone, is ignored. Of several
    blocks for one file the last one that defines something counts, and one that leaves something out ("..."
    on a line) only where none is complete. Without any block the reply is source if it is Python with a
    function, prose before and after it left out. Files may also stand in a JSON object, as ``reply_schema``
    says.

    Args:
        reply: what the reader of the prompt answered; anything but a str is malformed.
        default_path: path of a block that has none.
        function: where the task takes one file, the function that it defines; blocks need no path then, and
            functions that it calls may stand in blocks before. None where it takes several files: then each
            of several blocks needs a path.
        cut: whether its writer was stopped by a limit of length.

    Returns:
        Source text by path; or a ``Reply`` that says why there is none: truncated where the last block is not
        closed, malformed otherwise.
    """
    read = read_reply(reply, cut)
    if isinstance(read, Reply):
        return read
    files = _files(read)
    if isinstance(files, Reply):
        return files
    for file in files:
        if file.path and not _PATH.fullmatch(file.path) and not (function and file.path.endswith(".py")):
            return malformed(f"{file.path[:60]!a} is no path of a file here. Allowed: names such as shop.py.")
    submitted = _package(files, default_path) if function is None else _single(files, default_path, function)
    if isinstance(submitted, Reply):
        return submitted
    if len(submitted) > MAX_FILES:
        return malformed(f"A reply has at most {MAX_FILES} files, got {len(submitted)}.")
    return submitted or malformed("The reply holds no file that counts. Write ```python ... ```.")


def reply_schema(paths: Collection[str]) -> dict[str, Any]:
    """The JSON schema of a reply that gives its files in one object.

    Args:
        paths: of the files that are asked for.
    """
    source = {"type": "string", "description": "the whole source of the file"}
    files = _object(dict.fromkeys(paths, source))
    return _object({"files": files})


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    """The schema of an object that has just these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _files(read: ReplyText) -> list[_File] | Reply:
    """The files of a reply: in JSON, in blocks, or all of it but prose."""
    values = read_json(read, ("files",), lambda line: bool(_FUNCTION.match(line)))
    if isinstance(values, Reply):
        return values
    if values is None and read.blocks:
        return [file for block in read.blocks if (whole := _file(block)) for file in _parts(whole)]
    if values is None:
        source = _unfenced(read.text)
        if source is None:
            return malformed("The reply holds no fenced block and is no source. Write ```python ... ```.")
        return _parts(_File("", source, True))
    files = values["files"]
    if not isinstance(files, dict) or not all(isinstance(source, str) for source in files.values()):
        return malformed('"files" is an object that holds the source of each file, a text, by its path.')
    return [_File(path.removeprefix("./"), _unwrapped(source), True) for path, source in files.items()]


def _unwrapped(source: str) -> str:
    """A source without the fences that it was put into, in JSON all the same."""
    blocks = fenced_blocks(source) if source.lstrip().startswith(("```", "~~~")) else []
    return blocks[0].text if len(blocks) == 1 else source


# --- Which blocks count ------------------------------------------------------------------------------


def _package(files: list[_File], default_path: str) -> Files | Reply:
    """All files that have a path, or the only one that there is; what else defines nothing is an example."""
    named = _by_path([file for file in files if file.path], _FUNCTION)
    nameless = [file.source for file in files if not file.path and _FUNCTION.search(file.source)]
    if not named and not nameless:
        nameless = [file.source for file in files if file.names_language and file.source.strip()]
    if not named and len(nameless) == 1:
        return {default_path: nameless[0]}
    if nameless:
        return malformed("With several blocks each needs a path, such as ```python shop.py.")
    return named


def _single(files: list[_File], default_path: str, function: str) -> Files:
    """The file that is asked for, whatever it is called, and others; none if no block defines a function."""
    defines = _definition_of(function)
    meant = [
        file._replace(path=file.path if _PATH.fullmatch(file.path) else default_path)
        for file in files
        if file.path or _FUNCTION.search(file.source) or defines.search(file.source)
    ]
    submitted = _by_path(meant, defines)
    if not any(_FUNCTION.search(source) or defines.search(source) for source in submitted.values()):
        return {}
    if default_path not in submitted:
        defining = [path for path, source in submitted.items() if defines.search(source)]
        if len(defining) == 1 or len(submitted) == 1:
            submitted[default_path] = submitted.pop((defining or list(submitted))[0])
    if default_path in submitted:
        pieces = [file.source for file in meant if file.path == default_path]
        submitted[default_path] = _joined(submitted[default_path], pieces)
    return submitted


def _definition_of(function: str) -> re.Pattern[str]:
    """What defines a function at top level."""
    return re.compile(
        rf"^(?:(?:async[ \t]+)?def[ \t]+{function}\b|{function}[ \t]*(?::[^=\n]+)?=[^=])", re.MULTILINE
    )


def _joined(source: str, pieces: list[str]) -> str:
    """A source behind those pieces before it that define functions which it mentions and lacks."""
    before = pieces[: pieces.index(source)] if source in pieces else []
    parts, words, bound = [source], set(_WORD.findall(source)), _bound(source)
    for piece in reversed(before):
        if words.intersection(_DEFINED.findall(piece)) - bound and is_python(piece):
            parts.insert(0, piece)
            words.update(_WORD.findall(piece))
            bound |= _bound(piece)
    return "\n\n".join(parts)


def _bound(source: str) -> set[str]:
    """Names that a source defines or assigns to, at any depth."""
    return {defined or assigned for defined, assigned in _BOUND.findall(source)}


def _by_path(files: list[_File], defines: re.Pattern[str]) -> Files:
    """For each path the source that is worth most, the last one of those that are alike."""
    submitted: Files = {}
    for path, source, _ in files:
        if _worth(source, defines) >= _worth(submitted.get(path, ""), defines):
            submitted[path] = source
    return submitted


def _worth(source: str, defines: re.Pattern[str]) -> tuple[bool, bool, bool]:
    """Whether a source defines something, leaves nothing out, and is not blank."""
    return bool(defines.search(source)), not _LEFT_OUT.search(source), bool(source.strip())


# --- The path of a block -----------------------------------------------------------------------------

_LANGUAGES = ("py", "py3", "python", "python3")
_SEPARATORS = re.compile(r"[\s{}()\[\],;:=\"'`#<>]+")
_ATTRIBUTES = ("file", "filename", "name", "path", "title")
_ANY_PATH = re.compile(r".*[^.]\.[A-Za-z][A-Za-z0-9]{0,4}")
_NUMBERING = re.compile(r"(?:file |step )?[0-9]{1,3}[.):]\s", re.IGNORECASE)
_TITLE = re.compile(
    r"(?:(?:file(?: ?name)?|module|path)\W+)?(?:\./)?(\S+\.py)(?: \([^()]*\))?", re.IGNORECASE
)
_MENTION = re.compile(r"[\w./\\-]+\.py\b")
_COMMENT = re.compile(r"^#.*$", re.MULTILINE)
_FIRST_LINE = re.compile(r"(?:\s*|#!.*|#.*coding[:=].*)(?:\n|$)")
_AROUND = " \t#*`:=->•+\"'“”"


def _file(block: Block) -> _File | None:
    """A block as a file; None if it holds another language, or nothing but a placeholder."""
    path, named = "", False
    for word in filter(None, _SEPARATORS.split(block.info)):
        if word.lstrip(".").casefold() in _LANGUAGES:
            named = True
        elif word.endswith(".py") or (named and _ANY_PATH.fullmatch(word)):
            path = path or word
        elif not named and not path and word.casefold() not in _ATTRIBUTES:
            return None
    if block.text.strip() == "...":
        return None
    path = path or _title_of(block.text) or _title_before(block.before)
    source = block.text if block.closed else _unfenced(block.text) or block.text
    return _File(path.removeprefix("./"), source or "\n", named)


def _parts(file: _File) -> list[_File]:
    """The files that stand in one, each below a comment with its path; else the file itself."""
    titles = [(line.start(), path) for line in _COMMENT.finditer(file.source) if (path := _title(line[0]))]
    if len({path for _, path in titles}) < max(2, len(titles)) or file.source[: titles[0][0]].strip():
        return [file]
    ends = [start for start, _ in titles[1:]] + [len(file.source)]
    return [
        _File(path, file.source[start:end], file.names_language)
        for (start, path), end in zip(titles, ends, strict=True)
    ]


def _title_of(source: str) -> str:
    """The path in a comment, or in a string, that a file begins with."""
    at = 0
    while (blank := _FIRST_LINE.match(source, at)) and blank.end() > at:
        at = blank.end()
    line = source[at:].partition("\n")[0].strip()
    return _title(line) if line[:1] in ("#", '"', "'") else ""


def _title_before(line: str) -> str:
    """The path that the line before a block names: it is a title, or leads over and names one file only."""
    if title := _title(line):
        return title
    leads_over = line.rstrip("*_` ").endswith(":")
    mentioned = {path for path in _MENTION.findall(line) if _PATH.fullmatch(path)} if leads_over else set()
    return mentioned.pop() if len(mentioned) == 1 else ""


def _title(line: str) -> str:
    """The path that a line consists of, as a heading, in a list or in bold; empty if it is anything else."""
    words = _NUMBERING.sub("", line.strip(_AROUND), count=1).translate(_NO_MARKUP).strip(_AROUND)
    title = _TITLE.fullmatch(words)
    return title[1] if title and _PATH.fullmatch(title[1]) else ""


_NO_MARKUP = str.maketrans("", "", "*`")

# --- Without a block ---------------------------------------------------------------------------------

_BEGINS = re.compile(
    r"(?:async )?def \w|from [\w.]+ import |import \w|@\w|class \w"
    r"|[A-Za-z_]\w* *(?::[^=]+)?=[^=]|# ?\w+\.py *$"
)
_INDENTED = re.compile(r"^(?: {4}|\t)", re.MULTILINE)  # as Markdown sets off code without fences
_GOES_ON = re.compile(rf"\s|$|[#)\]}}]|if __name__|print\(|assert |{_BEGINS.pattern}")
_MOST_BEGINNINGS = 3


def _unfenced(text: str) -> str | None:
    """The source that a reply consists of, but for prose before and after it; None if there is none."""
    if not _FUNCTION.search(text):
        return None
    if is_python(text):
        return text
    lines = text.split("\n")
    if not any(map(_BEGINS.match, lines)):
        lines = _INDENTED.sub("", text).split("\n")
    beginnings = [i for i, line in enumerate(lines) if _BEGINS.match(line)]
    for first in beginnings[:_MOST_BEGINNINGS]:
        after = (i for i in range(first, len(lines)) if not _GOES_ON.match(lines[i]))
        last = next(after, len(lines))
        source = "\n".join(lines[first:last]).rstrip() + "\n"
        if _FUNCTION.search(source) and is_python(source):
            return None if _FUNCTION.search("\n".join(lines[last:])) else source
    return None
