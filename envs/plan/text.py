"""EtudePlan-v0 in words: the names of actions, the terminal view and the prompt."""

from __future__ import annotations

from typing import Any

from etude_gym.envs.plan.facts import (
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
    NUM_ACTIONS,
)
from etude_gym.envs.plan.names import Names, names_of
from etude_gym.tasks.prompts import Prompt
from etude_gym.tasks.replies import MAX_REPLY_ACTIONS

SAMPLE = "go PLACE\ngather ITEM x2"

# --- Names -------------------------------------------------------------------------------------------


def action_name(world: Any, action: int) -> str:
    """The command that stands for an action ("go Birch", "gather ore", "deliver").

    Args:
        world: one row of the worlds, a record of ``kernel.WORLD``.
        action: 0 to 18.

    Raises:
        ValueError: if there is no such action.
    """
    if not 0 <= action < NUM_ACTIONS:
        raise ValueError(f"Actions are 0 to {NUM_ACTIONS - 1}, got {action!r}.")
    return commands(names_of(world))[action]


def commands(names: Names) -> list[str]:
    """The commands that stand for the actions, in their order.

    Args:
        names: of the places and items.
    """
    return [
        *(f"go {place}" for place in names.places),
        *(f"gather {item}" for item in names.raw_items),
        *(f"craft {item}" for item in names.crafted_items),
        *("deliver", "refuel", "discard"),
    ]


def _carried(world: Any) -> str:
    """What is carried as "2 ore, 1 panel"."""
    stock, names = world["stock"].tolist(), names_of(world)
    return ", ".join(f"{stock[item]} {name}" for item, name in enumerate(names.items) if stock[item] > 0)


def _recipe(world: Any, recipe: int) -> str:
    """The ingredients of a recipe as "2 ore + 1 clay"."""
    names = names_of(world)
    return " + ".join(f"{amount} {names.items[item]}" for item, amount in ingredients_of(world, recipe))


def _station(world: Any, recipe: int) -> str:
    place = station_of(world, recipe)
    return "anywhere" if place is None else f"at {names_of(world).places[place]}"


# --- The terminal view -------------------------------------------------------------------------------


def _bar(value: int, whole: int, width: int = 20) -> str:
    filled = round(width * value / max(1, whole))
    return f"[{'#' * filled}{'.' * (width - filled)}] {value} of {whole}"


def _place_lines(world: Any) -> list[str]:
    here, names = int(world["place"]), names_of(world)
    lines = [f"    {'place':<7}{'distance':>8}  {'fuel':<6}{'gather':<27}craft"]
    for place in range(int(world["num_places"])):
        distance = "here" if place == here else str(world["distance"][here, place])
        fuel = "fuel" if world["fuel"][place] else ""
        raws, crafted = (", ".join(names.items[item] for item in items) for items in items_at(world, place))
        lines.append(
            f"  {'>' if place == here else ' '} {names.places[place]:<7}{distance:>8}  {fuel:<6}"
            f"{raws:<27}{crafted}".rstrip()
        )
    return lines


def _goal_lines(world: Any) -> list[str]:
    names = names_of(world)
    return [
        f"    {names.items[item]:<6} {world['delivered'][item]} of {world['goal'][item]}"
        for item in goals_of(world)
    ]


def _recipe_lines(world: Any) -> list[str]:
    return [
        f"    {name:<6} = {_recipe(world, recipe):<26}{_station(world, recipe)}"
        for recipe, name in enumerate(names_of(world).crafted_items)
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

- "go PLACE" takes the shortest way, to any place, and as much time and energy as that way is long; it is
  not possible with less energy. Every other command takes 1 unit of time and no energy.
- "gather ITEM" takes one unit of a raw item where it is found, if you carry fewer items than your capacity.
- "craft ITEM" makes one unit, some items at one place only; its ingredients must be carried and are used up.
- "refuel" fills the energy up to its capacity, at a place with fuel.
- "deliver", at the Depot, hands over everything carried that is still wanted.
- "discard" throws away one item that no goal needs; if all are needed and the load is full, one of the item
  carried most.
- A command that is not possible takes 1 unit of time and changes nothing; one that would end after the time
  limit has no effect.
- Things can go wrong: a source may run dry (another source of that item remains); when you arrive somewhere,
  a carried item may break or energy may leak (the nearest fuel remains in reach).
- {1 - COMPLETION:.0%} of the score is the share of the wanted work that is delivered, where an item counts
  as much as the gather and craft commands that make it; {COMPLETION:.0%} is for delivering everything."""

GRAMMAR = f"""\
Reply with commands in a fenced block, one on each line:
```
{SAMPLE}
```
Commands: go PLACE, gather ITEM, craft ITEM, deliver, refuel, discard. "x2" repeats a gather, craft or
discard. At most {MAX_REPLY_ACTIONS} actions. They are played in order; you are asked again when they are used
up or when something unforeseen happens."""


def _road_lines(world: Any) -> list[str]:
    places, names = int(world["num_places"]), names_of(world).places
    return [
        f"- {names[a]} - {names[b]}: {world['road'][a, b]}"
        for a in range(places)
        for b in range(a + 1, places)
        if world["road"][a, b] > 0
    ]


def _where_lines(world: Any) -> list[str]:
    """Where each raw item is found and where there is fuel."""
    places, names = range(int(world["num_places"])), names_of(world)
    lines = []
    for raw, name in enumerate(names.raw_items):
        where = " and ".join(names.places[place] for place in sources_of(world, raw))
        lines.append(f"- {name}: {where}")
    fuel = " and ".join(names.places[place] for place in places if world["fuel"][place] == 1)
    return [*lines, f"- fuel: {fuel}"]


def _task_text(world: Any) -> str:
    names = names_of(world)
    recipes = [
        f"- {name} = {_recipe(world, recipe)} ({_station(world, recipe)})"
        for recipe, name in enumerate(names.crafted_items)
    ]
    goals = [
        f"- {world['goal'][item]} {names.items[item]} (each counts {world['work'][item]}; "
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
        f"- at {names_of(world).places[world['place']]}",
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
