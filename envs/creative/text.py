"""EtudeCreative-v0 in words: the names of actions, the terminal view, the prompt and the reference reply."""

from __future__ import annotations

import textwrap
from typing import Any

from etude_gym.envs.creative.concepts import ARISING, EFFECTS, KINDS, PROPERTIES
from etude_gym.envs.creative.generator import FAMILIES
from etude_gym.envs.creative.kernel import (
    HAND_IN,
    JOIN,
    LOOK,
    MAX_PARTS,
    NUM_ACTIONS,
    NUM_ASPECTS,
    NUM_LEVELS,
    NUM_THINGS,
    NUM_WAYS,
    REPAIR,
    USES,
    WORKING,
)
from etude_gym.envs.creative.names import Names, names_of, properties_in
from etude_gym.tasks.prompts import Prompt

SAMPLE = "look THING\nTHING.ASPECT + THING.ASPECT"

# --- Names -------------------------------------------------------------------------------------------


def action_name(world: Any, action: int) -> str:
    """An action in words ("join clock.coil", "look clock", "hand in").

    Args:
        world: one row of the worlds, a record of ``kernel.WORLD``.
        action: 0 to 32.

    Raises:
        ValueError: if there is no such action.
    """
    if not 0 <= action < NUM_ACTIONS:
        raise ValueError(f"Actions are 0 to {NUM_ACTIONS - 1}, got {action!r}.")
    names = names_of(world)
    if action < LOOK:
        return f"join {names.aspects[action - JOIN]}"
    return f"look {names.things[action - LOOK]}" if action < HAND_IN else "hand in"


def write_reply(world: Any, actions: list[int]) -> str:
    """A reply that stands for actions, which end with something handed in: looks, then an artifact a line.

    Args:
        world: one row of the worlds.
        actions: numbers of actions.
    """
    names = names_of(world)
    lines, parts = [], []
    for action in actions:
        if action < LOOK:
            parts.append(names.aspects[action - JOIN])
        elif action < HAND_IN:
            lines.append(f"look {names.things[action - LOOK]}")
        else:
            lines.append(" + ".join(parts) or "hand in")
            parts = []
    return "\n".join(["```", *lines, "```"])


# --- What is seen ------------------------------------------------------------------------------------


def members(items: int, count: int) -> list[int]:
    """The numbers of the items of a set.

    Args:
        items: bit i is set for item i.
        count: how many items there may be.
    """
    return [item for item in range(count) if items >> item & 1]


def _share(bits: float) -> str:
    """How common a way is, as a percentage."""
    return f"{100 * 2.0**-bits:.1f}%"


def _odds(bits: float) -> str:
    """How rare an idea is ("1 in 40")."""
    return f"1 in {2.0**bits:,.1f}" if bits < 5 else f"1 in {2.0**bits:,.0f}"


def _kinds(properties: int) -> str:
    """Of which kinds properties are ("shape and surface")."""
    numbers = members(properties, len(PROPERTIES))
    size = len(PROPERTIES) // len(KINDS)
    return " and ".join(name for kind, name in enumerate(KINDS) if any(n // size == kind for n in numbers))


def _aspect(world: Any, names: Names, aspect: int) -> str:
    return f"{names.aspects[aspect]} ({', '.join(properties_in(int(world['aspects'][aspect])))})"


def _thing(world: Any, names: Names, thing: int) -> str:
    """A thing: the aspects that are seen, and of what kinds the others are."""
    aspects = range(thing * NUM_LEVELS, (thing + 1) * NUM_LEVELS)
    unseen = [aspect for aspect in aspects if world["unseen"] >> aspect & 1]
    seen = [_aspect(world, names, aspect) for aspect in aspects if aspect not in unseen]
    if unseen:
        kinds = ", ".join(f"one of {_kinds(int(world['aspects'][aspect]))}" for aspect in unseen)
        seen.append(f"{len(unseen)} not seen yet: {kinds}")
    return f"{names.things[thing]}: {'; '.join(seen)}"


def _effect_lines(world: Any) -> list[str]:
    lines = []
    for number in range(int(world["num_effects"])):
        effect, ways = list(EFFECTS.items())[world["effect"][number]]
        lines.append(f"{number + 1}. {effect}:")
        for way in range(number * NUM_WAYS, (number + 1) * NUM_WAYS):
            first, second = ways[world["way"][way]]
            used = " - used" if world["used_ways"] >> way & 1 else ""
            lines.append(f"   - {first} + {second}: {_share(float(world['surprise'][way]))}{used}")
    return lines


def _constraint_lines(world: Any) -> list[str]:
    forbidden = [f"- nothing {name}" for name in properties_in(int(world["forbidden"]))]
    clashes = [" and ".join(properties_in(int(clash))) for clash in world["clashes"] if clash]
    return [*forbidden, *(f"- not together: {clash}" for clash in clashes)]


def _wanted(world: Any) -> str:
    """What an artifact has to do."""
    required, listed = int(world["required"]), int(world["num_effects"])
    if required == listed:
        return "all of this" if listed > 1 else "this"
    return f"{required} of these, any of them"


def _given_lines(world: Any, names: Names) -> list[str]:
    """What the family adds to the task."""
    if world["family"] == USES:
        return ["", f"Every artifact has to use the {names.things[int(world['focus'])]}."]
    if world["family"] == REPAIR:
        begun = ", ".join(
            _aspect(world, names, aspect) for aspect in members(int(world["given"]), NUM_ASPECTS)
        )
        return ["", f"The broken artifact: {begun}."]
    return []


def _joined(world: Any, names: Names) -> str:
    return " + ".join(names.aspects[aspect] for aspect in members(int(world["chosen"]), NUM_ASPECTS))


def _state_lines(world: Any) -> list[str]:
    names = names_of(world)
    left = int(world["num_ideas"] - world["handed_in"])
    lines = [
        f"- artifacts to hand in: {left}",
        f"- actions left: {world['step_limit'] - world['steps']}",
    ]
    if world["chosen"]:
        lines.append(f"- already joined: {_joined(world, names)}")
    if world["over"]:
        lines.append("- the episode is over")
    return lines


# --- The terminal view -------------------------------------------------------------------------------

_WIDTH = 80


def describe_state(world: Any) -> str:
    """The state of an episode for a terminal: effects and ways, things, constraints, the artifact.

    Args:
        world: one row of the worlds, a record of ``kernel.WORLD``.

    Returns:
        Several lines of plain text, at most 80 characters wide.
    """
    names = names_of(world)
    things = [_thing(world, names, thing) for thing in range(NUM_THINGS)]
    wrapped = [
        line
        for text in things
        for line in textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="      ")
    ]
    lines = [
        f"  Score {world['score']:.2f}: {world['ideas']} of {world['num_ideas']} ideas count",
        "",
        f"  An artifact has to do {_wanted(world)}:",
        *(f"  {line}" for line in _effect_lines(world)),
        *(f"  {line}" for line in _given_lines(world, names)),
        "",
        *wrapped,
        "",
        *(f"  {line}" for line in _constraint_lines(world)),
        *(f"  {line}" for line in _state_lines(world)),
    ]
    return "\n".join(
        part for line in lines for part in (textwrap.wrap(line, _WIDTH) if len(line) > _WIDTH else [line])
    )


# --- The prompt --------------------------------------------------------------------------------------

_FAMILY_RULES = {
    "invent": "Invent artifacts that meet a need, each in a way of its own that hardly anybody thinks of.",
    "uses": "Find uses of one thing that hardly anybody thinks of: artifacts that join it with other things.",
    "repair": """\
Mend a broken artifact in ways that hardly anybody thinks of. What is left of it is part of every mend: its
properties count, and the thing it is an aspect of cannot be joined once more. Name only what you add.""",
}

_RULES = f"""\
- Things have aspects, and aspects have properties. An artifact joins aspects of different things, at most
  {MAX_PARTS}. It has all properties of its aspects, and those that arise where two of these meet, though not
  where one of the two has itself arisen:
{{arising}}
- An effect is there once an artifact has both properties of one of its ways.
- An artifact works if it has the effects that are wanted, if nothing in it is forbidden (what arises
  included), and if no aspect could be left out of it. An aspect can be part of several artifacts.
- The percentage of a way says how many people would do it so. An idea is one way of each effect; it is as
  rare as the product of their shares. An artifact counts as the most ordinary idea that it contains.
- It counts only if none of its ways is used, and uses them up. Nothing is told before it is handed in.
- Some aspects are not seen at first; each look at a thing shows the next one, in the order given. Before,
  only the kinds of its properties are known.
{{kinds}}
- To join an aspect, to look at a thing and to hand in are one action each; so an artifact takes one more
  than it has aspects. What cannot be done takes an action as well.
- Each idea that counts earns {WORKING:.0%} of its part of the score for working, and the rest in proportion
  to its surprise (the logarithm of its rarity), from the most ordinary idea to where ideas count in full."""

_FORMAT = f"""\
Reply with looks and artifacts in a fenced block, one on each line:
```
{SAMPLE}
```
They are played in order, and each line of aspects is handed in. You are asked again as long as artifacts are
left: so look first, reply, and join when you have seen."""


def _kind_line() -> str:
    return "\n".join(f"  {kind}: {', '.join(names)}" for kind, names in KINDS.items())


def _rules(family: str) -> str:
    arising = "\n".join(f"  {first} + {second} = {name}" for name, (first, second) in ARISING.items())
    return f"{_FAMILY_RULES[family]}\n\n{_RULES.format(arising=arising, kinds=_kind_line())}"


def _task_text(world: Any) -> str:
    names = names_of(world)
    count = int(world["num_ideas"])
    constraints = _constraint_lines(world)
    lines = [
        f"Wanted: {count} idea{'s' if count > 1 else ''}. Each artifact has to do {_wanted(world)}:",
        *_effect_lines(world),
        *_given_lines(world, names),
        "",
        "Things",
        *(f"- {_thing(world, names, thing)}" for thing in range(NUM_THINGS)),
        "",
        *(["Forbidden", *constraints, ""] if constraints else []),
        f"The most ordinary idea: {_odds(float(world['least_surprise']))}. "
        f"In full counts what is as rare as {_odds(float(world['full_surprise']))}.",
    ]
    return "\n".join(lines)


def write_prompt(world: Any) -> Prompt:
    """A self-contained prompt: rules, format of the reply, task and present state.

    Args:
        world: one row of the worlds, a record of ``kernel.WORLD``.
    """
    state = "\n".join(["Now", *_state_lines(world)])
    return Prompt(_rules(FAMILIES[int(world["family"])]), _FORMAT, f"{_task_text(world)}\n\n{state}")
