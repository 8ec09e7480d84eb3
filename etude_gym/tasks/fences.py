"""Fenced blocks in Markdown, by the rules of CommonMark, read with the leniency that replies need.

Source: CommonMark specification 0.31.2, section 4.5. What is read beyond it, because writers of replies do so
and can mean one thing only: a fence may be indented by any amount, its content may be indented less than it
and keeps its shape then, a fence may stand inside HTML, a block that is not closed may end at the end of a
line, and where no block is complete a span of three or more backticks counts as one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_FENCE = re.compile(
    r"^((?>(?:[ \t]*+(?:>|(?:[-*+•]|[0-9]{1,9}[.)])(?=[ \t])))*)[ \t]*+)(`{3,}+|~{3,}+)([^\n]*+)$",
    re.MULTILINE,
)
"""A line that may open or close a block: markers of quotes and lists, the fence, the info string."""
_QUOTE_ENDS = re.compile(r"^(?![ \t]*>)", re.MULTILINE)
_BACKTICKS = re.compile(r"(`{3,}+)[ \t]*([.,;:!?]*[ \t]*$)?", re.MULTILINE)
_TAB = 4
_MARGIN = 3
"""Columns that a closing fence may be indented beyond its opening one."""
_MARKDOWN = ("markdown", "md")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        info: the info string, after the opening fence, without blanks around it.
        text: the lines between the fences; ends with a line feed unless empty.
        before: the last line before the block that is not blank, empty if there is none.
        closed: whether it has an end.
    """

    info: str
    text: str
    before: str = ""
    closed: bool = True


def fenced_blocks(text: str) -> list[Block]:
    """The fenced blocks of a text, in order; those inside a block of Markdown instead of that block.

    Args:
        text: with line feeds alone between its lines.
    """
    blocks = [inner for block in _blocks(text) for inner in _unwrap(block)]
    while len(blocks) > 1 and not blocks[-1].closed and not blocks[-1].text.strip():
        del blocks[-1]  # a fence too many
    if any(block.closed and (block.text.strip() or block.info) for block in blocks):
        return blocks
    return _spans(text) or blocks


def _blocks(text: str, strict: bool = False) -> list[Block]:
    """Blocks that begin with a line of their own.

    They end with one too, as far as that goes; from there on, unless ``strict``, at the end of any line.
    """
    blocks: list[Block] = []
    left = start = 0  # where the text after the last block begins; where to look for the next fence
    inline = False
    while opening := _opening(text, start):
        begin = min(opening.end() + 1, len(text))
        end, start = (len(text), -1) if inline else _end(text, opening, begin)
        if start < 0 and not strict:
            inline = True
            if closing := re.compile(rf"{opening[2]}[ \t]*$", re.MULTILINE).search(text, begin):
                end, start = closing.start(), min(closing.end() + 1, len(text))
        content = _content(text[begin:end], opening[1])
        before = text[left : opening.start()].rstrip().rpartition("\n")[2]
        blocks.append(Block(opening[3].strip(), content, before, start >= 0))
        if start < 0:
            break
        left = start
    return blocks


def _opening(text: str, start: int) -> re.Match[str] | None:
    """The next fence that opens a block: one of backticks has none behind it."""
    for fence in _FENCE.finditer(text, start):
        if fence[2][0] == "~" or "`" not in fence[3]:
            return fence
    return None


def _end(text: str, opening: re.Match[str], begin: int) -> tuple[int, int]:
    """Where the content of a block ends, and where the text after the block begins; -1 if it has no end."""
    quotes, margin = opening[1].count(">"), _width(opening[1]) + _MARGIN
    checked = begin  # up to here the text stands in the same quote
    for fence in _FENCE.finditer(text, begin):
        if quotes and (beyond := _QUOTE_ENDS.search(text, checked, fence.end())):
            return beyond.start(), beyond.start()
        prefix, run, rest = fence.groups()
        if (
            run.startswith(opening[2])
            and not rest.strip()
            and prefix.count(">") == quotes
            and not prefix.strip(" \t>")
            and _width(prefix) <= margin
        ):
            return fence.start(), min(fence.end() + 1, len(text))
        checked = fence.end()
    if quotes and (beyond := _QUOTE_ENDS.search(text, checked, len(text) - 1)):
        return beyond.start(), beyond.start()
    return len(text), -1


def _content(text: str, prefix: str) -> str:
    """The lines of a block without what its opening fence is indented by."""
    quotes, width = prefix.count(">"), _width(prefix)
    if not quotes and not width:
        return text
    lines = text.split("\n")
    for _ in range(quotes):
        lines = [line.lstrip(" \t").removeprefix(">").removeprefix(" ") for line in lines]
    lines = [_expanded(line) for line in lines]
    indents = [len(line) - len(line.lstrip(" ")) for line in lines if line.strip()]
    width = min([width - 1 if quotes and width else width, *indents])
    return "\n".join(line[width:] for line in lines)


def _width(prefix: str) -> int:
    """Columns of what stands before a fence, behind its last mark of a quote."""
    return len(prefix.rpartition(">")[2].expandtabs(_TAB))


def _expanded(line: str) -> str:
    """A line without tabs in the blanks at its beginning."""
    rest = line.lstrip(" \t")
    return line[: len(line) - len(rest)].expandtabs(_TAB) + rest


def _unwrap(block: Block) -> list[Block]:
    """The blocks of a reply that was put into a block as a whole; else the block itself."""
    is_reply = block.info.casefold() in _MARKDOWN or (
        not block.info and _FENCE.match(block.text.lstrip("\n"))
    )
    inner = _blocks(block.text) if is_reply else []
    return [replace(one, closed=one.closed or block.closed) for one in inner] or [block]


def _spans(text: str) -> list[Block]:
    """Spans between two runs of as many backticks, the second one at the end of a line."""
    blocks: list[Block] = []
    opening: re.Match[str] | None = None
    for run in _BACKTICKS.finditer(text):
        if opening is None or run[1] != opening[1] or run[2] is None:
            opening = run
        else:
            first, feed, rest = text[opening.end(1) : run.start()].partition("\n")
            info, content = (first.strip(), rest) if feed else ("", first)
            if content.strip() or info:
                blocks.append(Block(info, content.rstrip() + "\n"))
            opening = None
    return blocks
