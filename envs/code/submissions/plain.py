"""A fast path: finds out from tokens alone, without a syntax tree, that a file keeps to the language profile.

Parsing a file takes as long as running it on all tests, and most replies that are one function use a small
part of the language. A file that is plain in this sense breaks no rule that ``linker.link`` checks, and means
the same as the source that it would make of the file, provided that it is valid Python, which the sandbox
finds out when it runs the file. A file that is not plain may still be fine: it has to be parsed.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Mapping, Sequence

from etude_gym.envs.code.exercise import Files
from etude_gym.envs.code.submissions.linker import Linked
from etude_gym.envs.code.submissions.profile import ENDLESS, REFUSED_BUILTINS, RESERVED
from etude_gym.envs.code.submissions.scopes import MAX_DEPTH

MAX_PLAIN_CHARACTERS = 4_000

_TEXT = r"[ !#-&*-Z^-z|~]*+"  # of a string: neither quotes, brackets nor backslashes
_TOKEN = rf"""
    (?! def\b (?! [ ][A-Za-z_]\w*\( ) ) [A-Za-z_]\w*+ (?! ["'] )     # a name; no prefix of a string
    | [-+/%<>&|^~,()\[\]{{}}] | == | !=
    | (?: 0 | [1-9][0-9]{{0,17}} ) (?! [\w.] )                       # a whole number
    | :(?! [ ]*[=(] )
    | (?: (?<= [-+*/%<>&|^\w\]"'] ) | (?<= [\w\]"'][ ] ) ) =          # not "(name)=" among arguments
    | (?: (?<= [\w)\]"'] ) | (?<= [\w)\]"'][ ] ) )                   # between operands: no unpacking
      (?<! return ) (?<! return[ ] ) (?<! in ) (?<! in[ ] ) \*\*?
    | \.(?= [a-z] )
    | (?: "{_TEXT}" | "{{3}}{_TEXT}"{{3}} | '{_TEXT}' ) (?! ["'] )
"""
# Atomic groups around what repeats: possessive quantifiers of groups match too much before Python 3.11.5.
_TOKENS = rf"(?> (?: (?: {_TOKEN} ) [ ]*+ )* )"
_LINE = rf"(?> (?: (?: (?= def[ ] ) | [ ]++ (?! \( ) ) {_TOKENS} )? ) (?: \#[ -~]*+ )? \n"
_LINES = re.compile(rf"(?> (?: {_LINE} )* )", re.VERBOSE | re.ASCII)
_DEFINED = re.compile(r"^def (\w+)\(", re.MULTILINE)
_KEYWORDS = frozenset(
    {
        *("and", "break", "continue", "def", "elif", "else", "for", "if", "in", "is", "lambda", "not", "or"),
        *("pass", "return", "while", "None", "True", "False"),
    }
)
_SPECIAL = frozenset(
    {
        *(set(keyword.kwlist) - _KEYWORDS),
        *("case", "match", "type"),
        *("BaseException", "next"),
        *ENDLESS,
        *REFUSED_BUILTINS,
    }
)
"""Words whose use has to be looked at, and what the code around a program goes by."""

_CALLED = "$"  # behind a word that a bracket follows; no token of Python
_REFUSED_WORDS = _SPECIAL | {word + _CALLED for word in _SPECIAL}
_BUILT_IN = frozenset(dir(builtins))
_BETWEEN_WORDS = {code: " " for code in range(128) if not (chr(code).isalnum() or chr(code) in "_$")}
_NO_BRACKETS = {code: None for code in range(128) if chr(code) not in "()[]{}\n"}


def as_written(files: Files, api: Mapping[str, Sequence[str]]) -> Linked | None:
    """A package that is one plain file, unchanged; None for any other.

    Args:
        files: source text of the modules by path.
        api: functions that each module has to define.
    """
    if len(files) != 1 or len(api) != 1:
        return None
    [(path, source)], [(module, functions)] = files.items(), api.items()
    defined = set(_DEFINED.findall(source))
    if path != f"{module}.py" or not defined.issuperset(functions) or not _is_plain(source, defined):
        return None
    return Linked(source, {(module, function): function for function in functions})


def is_plain(source: str) -> bool:
    """Whether a file surely keeps to the profile, and means the same after linking, if it is valid Python.

    At top level it defines functions; their names are used for calling them and for nothing else.

    Args:
        source: text of the file.
    """
    return _is_plain(source, set(_DEFINED.findall(source)))


def _is_plain(source: str, defined: set[str]) -> bool:
    """The same, given the functions that the file defines at top level."""
    if len(source) > MAX_PLAIN_CHARACTERS or RESERVED[:2] in source or not _LINES.fullmatch(source):
        return False
    words = source.replace("(", f"{_CALLED} ").translate(_BETWEEN_WORDS).split()
    if not (_REFUSED_WORDS.isdisjoint(words) and defined.isdisjoint(words) and defined.isdisjoint(_BUILT_IN)):
        return False
    # Every level of syntax takes a character of its line, be it of the indentation, or an "elif".
    longest = max(map(len, source.split("\n")))
    return longest + source.count("elif") < MAX_DEPTH - 1 and _closes_brackets(source)


def _closes_brackets(source: str) -> bool:
    """Whether each line closes the brackets that it opens."""
    left, before = source.translate(_NO_BRACKETS), ""
    while left != before:
        before, left = left, left.replace("()", "").replace("[]", "").replace("{}", "")
    return not left.strip("\n")
