"""The text interface of EtudePlan-v0: names, the terminal view, the prompt and the commands of a reply."""

from __future__ import annotations

import difflib
import re
from typing import Any

from etude_gym.envs.plan.facts import (
    CRAFTED_NAMES,
    ITEM_NAMES,
    PLACE_NAMES,
    RAW_NAMES,
    event_text,
    goals_of,
    ingredients_of,
    items_at,
    legal_actions,
    score_of,
    sources_of,
    station_of,
)
from etude_gym.envs.plan.kernel import (
    COMPLETION,
    CRAFT,
    DELIVER,
    DISCARD,
    GATHER,
    NUM_ACTIONS,
    REFUEL,
    TRAVEL,
)
from etude_gym.tasks.domain import Reply
from etude_gym.tasks.prompts import Prompt
from etude_gym.tasks.replies import MAX_REPLY_ACTIONS, malformed, read_lines, read_reply
from etude_gym.tasks.status import Status

_WORDS: dict[str, tuple[int, tuple[str, ...], str]] = {
    "go": (TRAVEL, PLACE_NAMES, "place"),
    "gather": (GATHER, RAW_NAMES, "raw item"),
    "craft": (CRAFT, CRAFTED_NAMES, "crafted item"),
    "deliver": (DELIVER, (), ""),
    "refuel": (REFUEL, (), ""),
    "discard": (DISCARD, (), ""),
}
_REPEATABLE = ("gather", "craft", "discard")
_BULLET = re.compile(r"^(?:[-*+•>]\s+|(?:step )?\(?[0-9]{1,3}[.):]\s*)+", re.IGNORECASE)
_REPEAT = re.compile(r" \(?[x×*] ?([0-9]{1,9})\)?$")
_COUNT = re.compile(r"^(\w+) ([0-9]{1,9}) (\w+)$")
_COMMENT = re.compile(r"(?:^|\s)#.*")
_BETWEEN = re.compile(r"[;,]|->|→|=>")
_MARKS = "`*\"'“”‘’[]. "


# --- Names -------------------------------------------------------------------------------------------


def action_name(world: Any, action: int) -> str:
    """The command that stands for an action ("go Birch", "gather ore", "deliver").

    Args:
        world: one row of the worlds, or None; the names are the same in all of them.
        action: 0 to 18.

    Raises:
        ValueError: if there is no such action.
    """
    if not 0 <= action < NUM_ACTIONS:
        raise ValueError(f"Actions are 0 to {NUM_ACTIONS - 1}, got {action!r}.")
    word, (first, names, _) = next(entry for entry in reversed(_WORDS.items()) if entry[1][0] <= action)
    return f"{word} {names[action - first]}" if names else word


def _listed(items: list[int]) -> str:
    return ", ".join(ITEM_NAMES[item] for item in items)


def _carried(world: Any) -> str:
    """What is carried as "2 ore, 1 panel"."""
    stock = world["stock"].tolist()
    return ", ".join(f"{stock[item]} {name}" for item, name in enumerate(ITEM_NAMES) if stock[item] > 0)


def _recipe(world: Any, recipe: int) -> str:
    """The ingredients of a recipe as "2 ore + 1 clay"."""
    return " + ".join(f"{amount} {ITEM_NAMES[item]}" for item, amount in ingredients_of(world, recipe))


def _station(world: Any, recipe: int) -> str:
    place = station_of(world, recipe)
    return "anywhere" if place is None else f"at {PLACE_NAMES[place]}"


# --- The terminal view -------------------------------------------------------------------------------


def _bar(value: int, whole: int, width: int = 20) -> str:
    filled = round(width * value / max(1, whole))
    return f"[{'#' * filled}{'.' * (width - filled)}] {value} of {whole}"


def _place_lines(world: Any) -> list[str]:
    here = int(world["place"])
    lines = [f"    {'place':<8}{'distance':>8}  {'fuel':<6}{'gather':<28}craft"]
    for place in range(int(world["num_places"])):
        distance = "here" if place == here else str(world["distance"][here, place])
        fuel = "fuel" if world["fuel"][place] else ""
        raws, crafted = items_at(world, place)
        lines.append(
            f"  {'>' if place == here else ' '} {PLACE_NAMES[place]:<8}{distance:>8}  {fuel:<6}"
            f"{_listed(raws):<28}{_listed(crafted)}".rstrip()
        )
    return lines


def _goal_lines(world: Any) -> list[str]:
    return [
        f"    {ITEM_NAMES[item]:<8} {world['delivered'][item]} of {world['goal'][item]}"
        for item in goals_of(world)
    ]


def _recipe_lines(world: Any) -> list[str]:
    return [
        f"    {name:<8} = {_recipe(world, recipe):<26}{_station(world, recipe)}"
        for recipe, name in enumerate(CRAFTED_NAMES)
    ]


def describe_state(world: Any) -> str:
    """The state of an episode for a terminal: map, recipes, goals, limits, and what can be done now.

    Args:
        world: one row of the worlds, a record of ``kernel.WORLD``.

    Returns:
        Several lines of plain text, at most 80 characters wide except for the last.
    """
    lines = [
        f"  time    {_bar(int(world['time']), int(world['time_limit']))}",
        f"  energy  {_bar(int(world['energy']), int(world['energy_capacity']))}",
        f"  load    {_bar(int(world['load']), int(world['capacity']))}  {_carried(world)}".rstrip(),
        "",
        *_place_lines(world),
        "",
        "  Recipes",
        *_recipe_lines(world),
        "",
        f"  Delivered at the Depot (score {score_of(world):.2f})",
        *_goal_lines(world),
        "",
    ]
    if event_text(world):
        lines += [f"  ! {event_text(world)}", ""]
    if world["over"]:
        ending = "Everything is delivered." if score_of(world) == 1 else "The episode is over."
        return "\n".join([*lines, f"  {ending}"])
    return "\n".join(
        [*lines, f"  Now: {', '.join(action_name(world, action) for action in legal_actions(world))}"]
    )


# --- The prompt --------------------------------------------------------------------------------------

RULES = f"""\
You carry goods on a map. Gather raw items, craft other items from them, and deliver what is wanted at the
Depot before time runs out.

Rules
- "go PLACE" travels along the shortest way, to any place. It takes as much time and as much energy as
  that way is long; without enough energy it is not possible. Every other action takes 1 unit of time.
- "gather ITEM" takes one unit of a raw item where it occurs. Sources do not run out by themselves.
- "craft ITEM" makes one unit: its ingredients must be carried and are used up. Some items can be crafted
  at one place only.
- You can gather only while you carry fewer items than your capacity. Energy is spent by traveling only.
- "refuel" fills the energy up to its capacity, at a place with fuel.
- "deliver", at the Depot, hands over everything carried that is still wanted there.
- "discard" throws away one item that no goal needs. Where everything carried is needed it is possible only
  with a full load, and throws away one of the item carried most.
- An action that is not possible takes 1 unit of time and changes nothing.
- Things can go wrong: a source may run dry (another source of that item always remains), a carried item
  may break and energy may leak when you arrive somewhere (the nearest fuel always remains in reach).
- {1 - COMPLETION:.0%} of the score is the share of the wanted work that is delivered, where an item counts
  as much as the gather and craft actions that make one unit; {COMPLETION:.0%} is for delivering everything.
- An action that would end after the time limit has no effect."""

GRAMMAR = f"""\
Reply with commands in a fenced block, one command on each line, for example:
```
go {PLACE_NAMES[1]}
gather {RAW_NAMES[0]} x2
```
Commands: go PLACE, gather ITEM, craft ITEM, deliver, refuel, discard. "x2" repeats a gather, craft or
discard. They are played in order; you are asked again when they are used up or when something unforeseen
happens. At most {MAX_REPLY_ACTIONS} actions. Text outside the last fenced block is ignored."""


def _road_lines(world: Any) -> list[str]:
    places = int(world["num_places"])
    return [
        f"- {PLACE_NAMES[a]} - {PLACE_NAMES[b]}: {world['road'][a, b]}"
        for a in range(places)
        for b in range(a + 1, places)
        if world["road"][a, b] > 0
    ]


def _where_lines(world: Any) -> list[str]:
    """Where each raw item is found and where there is fuel."""
    places = range(int(world["num_places"]))
    lines = []
    for raw, name in enumerate(RAW_NAMES):
        where = " and ".join(PLACE_NAMES[place] for place in sources_of(world, raw))
        lines.append(f"- {name}: {where}")
    fuel = " and ".join(PLACE_NAMES[place] for place in places if world["fuel"][place] == 1)
    return [*lines, f"- fuel: {fuel}"]


def _task_text(world: Any) -> str:
    recipes = [
        f"- {name} = {_recipe(world, recipe)} ({_station(world, recipe)})"
        for recipe, name in enumerate(CRAFTED_NAMES)
    ]
    goals = [
        f"- {world['goal'][item]} {ITEM_NAMES[item]} (each counts {world['work'][item]}; "
        f"{world['delivered'][item]} delivered)"
        for item in goals_of(world)
    ]
    limits = (
        f"Capacity: {world['capacity']} items. Energy capacity: {world['energy_capacity']}. "
        f"Time limit: {world['time_limit']}."
    )
    sections = (
        ("Roads, with their lengths", _road_lines(world)),
        ("Where things are found", _where_lines(world)),
        ("Recipes", recipes),
        ("Wanted at the Depot", goals),
        ("Limits", [limits]),
    )
    return "\n\n".join("\n".join([title, *lines]) for title, lines in sections)


def _state_text(world: Any) -> str:
    lines = [
        "Now",
        f"- at {PLACE_NAMES[world['place']]}",
        f"- carried: {_carried(world) or 'nothing'}",
        f"- energy: {world['energy']}",
        f"- time left: {world['time_limit'] - world['time']}",
    ]
    if event_text(world):
        lines.append(f"- just happened: {event_text(world)}")
    if world["over"]:
        lines.append("- the episode is over")
    return "\n".join(lines)


def write_prompt(world: Any) -> Prompt:
    """A self-contained prompt: rules, format of the reply, task and present state.

    The map is given as it is, roads with lengths: shortest ways, trips and net requirements are left for
    the reader to work out.

    Args:
        world: one row of the worlds, a record of ``kernel.WORLD``.
    """
    return Prompt(RULES, GRAMMAR, f"{_task_text(world)}\n\n{_state_text(world)}")


# --- The reply ---------------------------------------------------------------------------------------


def parse_reply(world: Any, reply: object, cut: bool = False) -> Reply:
    """The actions that a reply stands for. Total: no reply makes it raise.

    Commands stand on lines of their own or are separated by ";", "," or arrows. Upper and lower case,
    bullets, numbering, quotes and comments after "#" do not matter. With fenced blocks the last one that
    holds commands counts, else all but prose around them. One thing in there that is no command makes the
    whole reply malformed: nothing is guessed from parts of it.

    Args:
        world: one row of the worlds, which says how many places there are; None allows all names.
        reply: what the reader of the prompt answered; anything but a str is malformed.
        cut: whether its writer was stopped by a limit of length.

    Returns:
        Status "ok" with at least one action; "truncated" if a fenced block is not closed; otherwise
        "malformed". ``problem`` says where, what is allowed and the nearest match.
    """
    read = read_reply(reply, cut)
    if isinstance(read, Reply):
        return read
    num_places = len(PLACE_NAMES) if world is None else int(world["num_places"])
    actions: list[int] = []
    for number, line in enumerate(read_lines(read, _begins), start=1):
        for command in _BETWEEN.split(_COMMENT.sub("", line)):
            meant = _parse_command(command, num_places)
            if isinstance(meant, str):
                return malformed(f"Line {number}, {command.strip()[:60]!a}: {meant}")
            actions += meant
            if len(actions) > MAX_REPLY_ACTIONS:
                return malformed(f"A reply has at most {MAX_REPLY_ACTIONS} actions.")
    if not actions:
        return malformed(f"The reply has no command. Allowed: {', '.join(_WORDS)}.")
    return Reply(Status.OK, actions)


def _plain(text: str) -> str:
    """A command without bullets, markup and quotes, in lower case."""
    return _BULLET.sub("", " ".join(text.split())).strip(_MARKS).casefold()


def _begins(line: str) -> bool:
    """Whether a line begins as a command does."""
    verb, _, rest = _plain(_BETWEEN.split(line, maxsplit=1)[0]).partition(" ")
    return verb in _WORDS and (bool(rest) or not _WORDS[verb][1])


def _parse_command(text: str, num_places: int) -> list[int] | str:
    """The actions of one command, none for an empty one; or what is wrong with it."""
    plain = _COUNT.sub(r"\1 \3 x\2", _plain(text).replace("go to ", "go ", 1))
    repeated = _REPEAT.search(plain)
    words = (plain[: repeated.start()] if repeated else plain).split()
    if not words:
        return "a repetition needs a command." if repeated else []
    verb = words[0]
    if verb not in _WORDS:
        return _unknown("command", verb, tuple(_WORDS))
    first, names, kind = _WORDS[verb]
    if repeated and verb not in _REPEATABLE:
        return f"{verb!r} cannot be repeated; only {', '.join(_REPEATABLE)} can."
    if len(words) != (2 if names else 1):
        return f"{verb!r} takes {f'one {kind}' if names else 'nothing'} and no more."
    times = int(repeated.group(1)) if repeated else 1
    if not 1 <= times <= MAX_REPLY_ACTIONS:
        return f"a repetition is from x1 to x{MAX_REPLY_ACTIONS}."
    if not names:
        return [first] * times
    allowed = names[:num_places] if verb == "go" else names
    folded = [name.casefold() for name in allowed]
    if words[1] not in folded:
        return _unknown(kind, words[1], allowed)
    return [first + folded.index(words[1])] * times


def _unknown(kind: str, word: str, allowed: tuple[str, ...]) -> str:
    by_folded = {name.casefold(): name for name in allowed}
    nearest = difflib.get_close_matches(word[:40], list(by_folded), n=1)
    hint = f" Did you mean {by_folded[nearest[0]]!r}?" if nearest else ""
    return f"unknown {kind} {word[:40]!a}. Allowed: {', '.join(allowed)}.{hint}"
