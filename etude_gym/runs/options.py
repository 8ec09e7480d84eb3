"""Options of agents as they are typed: NAME=VALUE, checked against what the agent takes."""

from __future__ import annotations

import inspect
import json
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from etude_gym.errors import check_name, keywords

GIVEN_ELSEWHERE = ("domain", "seed", "horizon", "resources")
"""Arguments of agents that practice sets itself."""


def option_names(agent_class: Any) -> tuple[str, ...]:
    """Names of the options that an agent takes; "**" among them if it takes others as well.

    Args:
        agent_class: of the agent.
    """
    return tuple(name for name in keywords(agent_class) if name not in GIVEN_ELSEWHERE)


def parse_options(texts: Sequence[str], agent: str, agent_class: Any) -> dict[str, Any]:
    """Options from the command line.

    Args:
        texts: each NAME=VALUE, the value as JSON (``network=[64,64]``, ``gamma=0.9``) or as plain text.
        agent: name of the agent.
        agent_class: of the agent.

    Raises:
        ValueError: for a text without a value, a name that the agent lacks or that is given twice, or a value
            of another type than the agent declares.
    """
    options: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"--option takes NAME=VALUE, such as network=[64,64]; got {text!r}.")
        check_option_name(agent, agent_class, name)
        if name in options:
            raise ValueError(f"--option {name} is given twice.")
        options[name] = _typed(name, _read(value), *_declared(agent_class, name))
    return options


def check_option_name(agent: str, agent_class: Any, name: str) -> None:
    """Refuse an option that an agent does not take.

    Args:
        agent: name of the agent.
        agent_class: of the agent.
        name: of the option.

    Raises:
        ValueError: naming those that it takes and the nearest match.
    """
    allowed = option_names(agent_class)
    if "**" not in allowed or name in GIVEN_ELSEWHERE:
        check_name(f"{agent} option", name, [each for each in allowed if each != "**"])


def _read(text: str) -> Any:
    """JSON, or the text itself."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _declared(agent_class: Any, name: str) -> tuple[Any, Any]:
    """The type that an agent declares for an option, Any without one, and its default."""
    parameter = inspect.signature(agent_class).parameters.get(name)
    if parameter is None:
        return Any, None
    default = None if parameter.default is parameter.empty else parameter.default
    try:
        hints = typing.get_type_hints(agent_class.__init__)
    except (NameError, TypeError):
        hints = {}
    return hints.get(name, Any if default is None else type(default)), default


def _typed(name: str, value: Any, kind: Any, default: Any) -> Any:
    """The value, if it is of a kind; an integer is a number as well."""
    if not _fits(value, kind):
        example = "" if default is None else f", such as {json.dumps(default)}"
        raise ValueError(f"option {name}: expected {_words(kind)}{example}; got {json.dumps(value)}.")
    return value


LISTS = (tuple, list, Sequence)
OBJECTS = (dict, Mapping)
WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", type(None): "null"}
"""Kinds of values, as errors call them."""


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value that JSON holds is of a kind; of one that JSON does not have, the agent has to say."""
    outer, inner = typing.get_origin(kind) or kind, typing.get_args(kind)
    if outer in (typing.Union, types.UnionType):
        return any(_fits(value, each) for each in inner)
    if outer in LISTS:
        return isinstance(value, list) and all(_fits(item, next(iter(inner), Any)) for item in value)
    if outer in OBJECTS:
        return isinstance(value, dict)
    if outer is float:
        return type(value) in (int, float)
    return type(value) is outer or outer not in WORDS


def _words(kind: Any) -> str:
    """A kind, as errors call it."""
    outer, inner = typing.get_origin(kind) or kind, typing.get_args(kind)
    if outer in (typing.Union, types.UnionType):
        return " or ".join(map(_words, inner))
    if outer in LISTS:
        return "a list" + (
            f" [...], each of it {WORDS[inner[0]]}" if inner and inner[0] in WORDS else " [...]"
        )
    return "an object {...}" if outer in OBJECTS else WORDS.get(outer, str(outer))
