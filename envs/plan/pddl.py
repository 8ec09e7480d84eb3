"""Export of a task to PDDL, so that independent planners can check it.

Classical planners such as Fast Downward know no numbers but the cost of actions, so counts, load and
energy are level objects n0, n1, ... with static predicates for their differences. The cost of a plan is
the time it takes. The rules are those of the kernel, with two simplifications that cost no plan its
optimality: what no goal needs is left out, and so is discarding, because without chance events it pays
neither to gather nor to craft what is thrown away later.

A delivery hands over everything that is wanted, at once. In PDDL it is a chain of actions: one that
starts it, which takes the time, then one for each wanted item, which takes none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from etude_gym.envs.plan.facts import (
    goals_of,
    ingredients_of,
    sources_of,
    station_of,
)
from etude_gym.envs.plan.kernel import CRAFT, DELIVER, DEPOT, GATHER, NUM_ITEMS, NUM_RAW, REFUEL, TRAVEL
from etude_gym.envs.plan.names import names_of
from etude_gym.errors import MissingExtra


def export(world: Any) -> Any:
    """A task as a classical planning problem, from the start of its episode.

    Args:
        world: one row of the worlds, of a task without chance events.

    Returns:
        ``unified_planning.model.Problem`` whose cheapest plan takes the least time.

    Raises:
        ValueError: if chance events may strike; a plan made beforehand cannot know them.
        MissingExtra: if unified-planning is not installed.
    """
    if world["num_events"] > 0:
        raise ValueError(
            f"The task has {world['num_events']} chance events, which PDDL cannot express. Pin the axis to "
            'export a task without: gym.make("EtudePlan-v0", difficulty={"contingency": 0}).'
        )
    try:
        import unified_planning.shortcuts as planning
    except ImportError as error:
        raise MissingExtra("The export to PDDL", "pddl") from error
    return _Export(planning, world).problem


def write_pddl(world: Any) -> tuple[str, str]:
    """A task as the texts of a PDDL domain and a PDDL problem.

    Args:
        world: as for ``export``.

    Raises:
        ValueError, MissingExtra: as ``export`` does.
    """
    problem = export(world)
    from unified_planning.io import PDDLWriter

    writer = PDDLWriter(problem)
    return writer.get_domain(), writer.get_problem()


def actions_from_plan(world: Any, plan: Any) -> list[int]:
    """The actions that carry out a plan for an exported task.

    Args:
        world: the task, as for ``export``.
        plan: ``unified_planning.plans.SequentialPlan``.

    Returns:
        Actions of the domain, one for each step of the plan that takes time.
    """
    names, actions = names_of(world), []
    places = [name.casefold() for name in names.places]
    for step in plan.actions:
        named = [parameter.object().name for parameter in step.actual_parameters]
        verb, _, crafted = step.action.name.partition("_")
        if verb == "travel":
            actions.append(TRAVEL + places.index(named[1]))
        elif verb == "gather":
            actions.append(GATHER + names.raw_items.index(named[0]))
        elif verb == "craft":
            actions.append(CRAFT + names.crafted_items.index(crafted))
        elif verb == "deliver":
            actions.append(DELIVER)
        elif verb == "refuel":
            actions.append(REFUEL)
    return actions


def gross_requirements(world: Any) -> dict[int, int]:
    """Units of each item that all goals need, as goals or as ingredients, whatever is carried already.

    Args:
        world: record of ``kernel.WORLD``.

    Returns:
        Units, at least 1, by number of item.
    """
    units = {item: int(world["goal"][item]) for item in range(NUM_ITEMS)}
    for item in range(NUM_ITEMS - 1, NUM_RAW - 1, -1):
        for ingredient, amount in ingredients_of(world, item - NUM_RAW):
            units[ingredient] += units[item] * amount
    return {item: needed for item, needed in units.items() if needed > 0}


class _Export:
    """Builds the problem: objects, then fluents and their initial values, then actions and the goal."""

    def __init__(self, planning: Any, world: Any) -> None:
        self.planning = planning
        self.world = world
        self.names = names_of(world)
        self.needs = gross_requirements(world)
        self.items = list(self.needs)
        self.goals = goals_of(world)
        self.problem = planning.Problem("delivery")
        self.costs: dict[Any, Any] = {}
        self._add_objects()
        self._add_map()
        self._add_levels()
        self._add_state()
        self._add_travel()
        self._add_gather()
        for item in self.items:
            if item >= NUM_RAW:
                self._add_craft(item)
        self._add_delivery()
        self._add_refuel()
        self.problem.add_quality_metric(planning.MinimizeActionCosts(self.costs))

    # Objects and predicates

    def _add_objects(self) -> None:
        world, user_type = self.world, self.planning.UserType
        self.types = {name: user_type(name) for name in ("place", "item", "level", "phase")}
        highest = max(int(world["energy_capacity"]), int(world["capacity"]), *self.needs.values())
        places = [name.casefold() for name in self.names.places[: int(world["num_places"])]]
        self.place = self._objects("place", places)
        named = self._objects("item", [self.names.items[item] for item in self.items])
        self.item = dict(zip(self.items, named, strict=True))
        self.level = self._objects("level", [f"n{level}" for level in range(highest + 1)])
        self.phase = self._objects(
            "phase", ["acting", *(f"handing_{self.names.items[goal]}" for goal in self.goals)]
        )

    def _objects(self, kind: str, names: list[str]) -> list[Any]:
        return [self.problem.add_object(name, self.types[kind]) for name in names]

    def _predicate(self, name: str, *kinds: str) -> Any:
        """A new predicate, false of everything; its parameters are named after their types."""
        signature = {f"{kind}{index}": self.types[kind] for index, kind in enumerate(kinds)}
        fluent = self.planning.Fluent(name, self.planning.BoolType(), **signature)
        self.problem.add_fluent(fluent, default_initial_value=False)
        return fluent

    def _holds(self, fluent: Any, *arguments: Any) -> None:
        self.problem.set_initial_value(fluent(*arguments), True)

    def _add_map(self) -> None:
        """Distances, fuel and sources."""
        world, places = self.world, range(int(self.world["num_places"]))
        self.distance = self._predicate("distance", "place", "place", "level")
        self.fuel = self._predicate("fuel", "place")
        self.found = self._predicate("found", "item", "place")
        time = self.planning.Fluent(
            "travel_time", self.planning.IntType(), start=self.types["place"], target=self.types["place"]
        )
        self.travel_time = self.problem.add_fluent(time, default_initial_value=0)
        for a in places:
            for b in places:
                way = int(world["distance"][a, b])
                if a != b and way <= int(world["energy_capacity"]):
                    self._holds(self.distance, self.place[a], self.place[b], self.level[way])
                    self.problem.set_initial_value(time(self.place[a], self.place[b]), way)
            if world["fuel"][a]:
                self._holds(self.fuel, self.place[a])
        for raw in self.items:
            if raw < NUM_RAW:
                for place in sources_of(world, raw):
                    self._holds(self.found, self.item[raw], self.place[place])

    def _add_levels(self) -> None:
        """Arithmetic on levels: ``difference(a, b, c)``: a - b = c; ``due(a, b, c)``: min(a, b) = c > 0."""
        level, world = self.level, self.world
        self.difference = self._predicate("difference", "level", "level", "level")
        self.due = self._predicate("due", "level", "level", "level")
        self.nothing_due = self._predicate("nothing_due", "level", "level")
        self.useful = self._predicate("useful", "item", "level")
        for a in range(len(level)):
            for b in range(1, a + 1):
                self._holds(self.difference, level[a], level[b], level[a - b])
        for carried in range(int(world["capacity"]) + 1):
            for wanted in range(int(world["goal"].max()) + 1):
                handed = min(carried, wanted)
                if handed:
                    self._holds(self.due, level[carried], level[wanted], level[handed])
                else:
                    self._holds(self.nothing_due, level[carried], level[wanted])
        for item, needed in self.needs.items():
            for carried in range(1, needed + 1):
                self._holds(self.useful, self.item[item], level[carried])

    def _add_state(self) -> None:
        """What actions change, as it is at the start, and the goal."""
        world, level = self.world, self.level
        self.at = self._predicate("at", "place")
        self.energy = self._predicate("energy", "level")
        self.room = self._predicate("room", "level")
        self.carried = self._predicate("carried", "item", "level")
        self.wanted = self._predicate("wanted", "item", "level")
        self.now = self._predicate("now", "phase")
        self._holds(self.at, self.place[DEPOT])
        self._holds(self.energy, level[int(world["energy_capacity"])])
        self._holds(self.room, level[int(world["capacity"])])
        self._holds(self.now, self.phase[0])
        for item in self.items:
            self._holds(self.carried, self.item[item], level[0])
        for goal in self.goals:
            self._holds(self.wanted, self.item[goal], level[int(world["goal"][goal])])
            self.problem.add_goal(self.wanted(self.item[goal], level[0]))

    # Actions

    def _action(self, name: str, **parameters: str) -> tuple[Any, Callable[[str], Any]]:
        """A new action; returns it and a function that gives its parameters by name."""
        action = self.planning.InstantaneousAction(
            name, **{parameter: self.types[kind] for parameter, kind in parameters.items()}
        )
        return action, action.parameter

    def _add(self, action: Any, cost: Any) -> None:
        """Put a finished action into the problem."""
        self.problem.add_action(action)
        self.costs[action] = cost

    def _change(self, action: Any, fluent: Any, before: tuple[Any, ...], after: tuple[Any, ...]) -> None:
        """Require ``fluent(before)`` and replace it by ``fluent(after)``."""
        action.add_precondition(fluent(*before))
        action.add_effect(fluent(*before), False)
        action.add_effect(fluent(*after), True)

    def _add_travel(self) -> None:
        levels = dict.fromkeys(("way", "before", "after"), "level")
        action, of = self._action("travel", start="place", target="place", **levels)
        action.add_precondition(self.now(self.phase[0]))
        action.add_precondition(self.distance(of("start"), of("target"), of("way")))
        action.add_precondition(self.difference(of("before"), of("way"), of("after")))
        self._change(action, self.at, (of("start"),), (of("target"),))
        self._change(action, self.energy, (of("before"),), (of("after"),))
        self._add(action, self.travel_time(of("start"), of("target")))

    def _add_gather(self) -> None:
        levels = dict.fromkeys(("before", "after", "room_before", "room_after"), "level")
        action, of = self._action("gather", item="item", place="place", **levels)
        one = self.level[1]
        action.add_precondition(self.now(self.phase[0]))
        action.add_precondition(self.at(of("place")))
        action.add_precondition(self.found(of("item"), of("place")))
        action.add_precondition(self.useful(of("item"), of("after")))
        action.add_precondition(self.difference(of("after"), one, of("before")))
        action.add_precondition(self.difference(of("room_before"), one, of("room_after")))
        self._change(action, self.carried, (of("item"), of("before")), (of("item"), of("after")))
        self._change(action, self.room, (of("room_before"),), (of("room_after"),))
        self._add(action, 1)

    def _add_craft(self, item: int) -> None:
        """One action for each recipe: ingredients go, the item comes, and there is more room or as much."""
        ingredients = ingredients_of(self.world, item - NUM_RAW)
        consumed = sum(amount for _, amount in ingredients)
        changes = [(ingredient, -amount) for ingredient, amount in ingredients] + [(item, 1)]
        names = [
            f"{when}_{self.names.items[changed]}" for changed, _ in changes for when in ("before", "after")
        ]
        if consumed > 1:
            names += ["room_before", "room_after"]
        action, of = self._action(f"craft_{self.names.items[item]}", **dict.fromkeys(names, "level"))
        action.add_precondition(self.now(self.phase[0]))
        station = station_of(self.world, item - NUM_RAW)
        if station is not None:
            action.add_precondition(self.at(self.place[station]))
        action.add_precondition(self.useful(self.item[item], of(f"after_{self.names.items[item]}")))
        for changed, by in changes:
            before, after = (
                of(f"before_{self.names.items[changed]}"),
                of(f"after_{self.names.items[changed]}"),
            )
            more, less = (after, before) if by > 0 else (before, after)
            action.add_precondition(self.difference(more, self.level[abs(by)], less))
            self._change(action, self.carried, (self.item[changed], before), (self.item[changed], after))
        if consumed > 1:
            freed = self.level[consumed - 1]
            action.add_precondition(self.difference(of("room_after"), freed, of("room_before")))
            self._change(action, self.room, (of("room_before"),), (of("room_after"),))
        self._add(action, 1)

    def _add_delivery(self) -> None:
        """A delivery is started where something is due, then goes through all wanted items."""
        acting, first, *_ = self.phase
        levels = dict.fromkeys(("carried", "wanted", "due"), "level")
        action, of = self._action("deliver", item="item", **levels)
        action.add_precondition(self.at(self.place[DEPOT]))
        action.add_precondition(self.carried(of("item"), of("carried")))
        action.add_precondition(self.wanted(of("item"), of("wanted")))
        action.add_precondition(self.due(of("carried"), of("wanted"), of("due")))
        self._change(action, self.now, (acting,), (first,))
        self._add(action, 1)
        for index, goal in enumerate(self.goals, start=1):
            following = self.phase[(index + 1) % len(self.phase)]
            self._add_hand_over(self.item[goal], self.phase[index], following)

    def _add_hand_over(self, item: Any, phase: Any, following: Any) -> None:
        """One item's turn in a delivery: all that is due is handed over, or nothing is due."""
        names = ("carried", "kept", "wanted", "missing", "due", "room_before", "room_after")
        action, of = self._action(f"hand_over_{item.name}", **dict.fromkeys(names, "level"))
        action.add_precondition(self.due(of("carried"), of("wanted"), of("due")))
        action.add_precondition(self.difference(of("carried"), of("due"), of("kept")))
        action.add_precondition(self.difference(of("wanted"), of("due"), of("missing")))
        action.add_precondition(self.difference(of("room_after"), of("due"), of("room_before")))
        self._change(action, self.now, (phase,), (following,))
        self._change(action, self.carried, (item, of("carried")), (item, of("kept")))
        self._change(action, self.wanted, (item, of("wanted")), (item, of("missing")))
        self._change(action, self.room, (of("room_before"),), (of("room_after"),))
        self._add(action, 0)
        skip, of = self._action(f"hand_over_no_{item.name}", carried="level", wanted="level")
        skip.add_precondition(self.carried(item, of("carried")))
        skip.add_precondition(self.wanted(item, of("wanted")))
        skip.add_precondition(self.nothing_due(of("carried"), of("wanted")))
        self._change(skip, self.now, (phase,), (following,))
        self._add(skip, 0)

    def _add_refuel(self) -> None:
        action, of = self._action("refuel", place="place", before="level", spent="level")
        full = self.level[int(self.world["energy_capacity"])]
        action.add_precondition(self.now(self.phase[0]))
        action.add_precondition(self.at(of("place")))
        action.add_precondition(self.fuel(of("place")))
        action.add_precondition(self.difference(full, of("spent"), of("before")))
        self._change(action, self.energy, (of("before"),), (full,))
        self._add(action, 1)
