"""The table of a panel: which learners practice how, declared as data."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import product
from typing import Any

from etude_gym.measure.panel_tasks import ProbeDesign
from etude_gym.runs.agents import Recipe, load_agent_class

SCRIPTED = "scripted"
"""The kind of lineages that do not learn. They are asked once and set no curve: their gaps are planted."""


@dataclass(frozen=True)
class Variant:
    """A learner, or a rate of one: how it departs from a recipe.

    Attributes:
        name: part of the lineage's name; of a learner, its kind.
        agent: the agent, by name or as "module:Class"; only of a learner.
        options: arguments of the agent in place of the recipe's.
        scale: factors of arguments that are numbers, or lists of them; whole numbers stay whole.
    """

    name: str
    agent: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    scale: Mapping[str, float] = field(default_factory=dict)

    def apply(self, options: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of an agent after this variant.

        Args:
            options: arguments so far.
            defaults: those that the agent takes without being given any.

        Raises:
            ValueError: for a factor of an argument that is no number.
        """
        changed = {**options, **self.options}
        for name, factor in self.scale.items():
            value = changed.get(name, defaults.get(name))
            try:
                changed[name] = _scaled(value, factor)
            except TypeError:
                raise ValueError(
                    f"The panel's {self.name!r} scales {name!r}, which is {value!r} and no number. "
                    "Name a numeric argument of the agent, or give it under options."
                ) from None
        return changed


def _scaled(value: Any, factor: float) -> Any:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_scaled(each, factor) for each in value]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError
    return max(1, round(value * factor)) if isinstance(value, int) else value * factor


@dataclass(frozen=True)
class LineageSpec:
    """One lineage of a panel.

    Attributes:
        name: also the name of its file, "/" replaced by "-".
        kind: of learner, or "scripted".
        agent: name of the learner; of a scripted one, the name of the domain's solver or "random".
        options: arguments of the learner.
        practice: task sampler, as arms of experiments are named.
        seed: of learner and practice tasks.
        noise: of a scripted one: share of its actions that are random.
        without: of a scripted one: the skill that it lacks, where it acts at random.
    """

    name: str
    kind: str
    agent: str
    options: Mapping[str, Any] = field(default_factory=dict)
    practice: str = ""
    seed: int = 0
    noise: float = 0.0
    without: str = ""


@dataclass(frozen=True)
class PanelTable:
    """Learners x rates x practices x seeds, and what they are asked.

    Attributes:
        learners: kinds of learners.
        rates: what each of them is varied by: learning rates, sizes.
        practices: task samplers.
        seeds: of each combination.
        scripted: whether the domain's solvers are recorded beside them.
        checkpoints: shares of the horizon at which probe tasks are answered, rising to 1.
        probes: how many.
        horizon: compute of practice; None for the recipe's.
        num_envs: environments side by side; None for the recipe's.
    """

    learners: tuple[Variant, ...]
    rates: tuple[Variant, ...]
    practices: tuple[str, ...]
    seeds: tuple[int, ...]
    scripted: bool = True
    checkpoints: tuple[float, ...] = (1 / 64, 1 / 16, 1 / 4, 1 / 2, 1.0)
    probes: ProbeDesign = field(default_factory=ProbeDesign)
    horizon: float | None = None
    num_envs: int | None = None

    def __post_init__(self) -> None:
        for what in ("learners", "rates", "practices", "seeds"):
            values = getattr(self, what)
            names = [each.name if isinstance(each, Variant) else each for each in values]
            if not names or len(set(names)) < len(names):
                raise ValueError(f"A panel's {what} must be different ones, at least one, got {names}.")
        if list(self.checkpoints) != sorted({*self.checkpoints}) or not (
            self.checkpoints and self.checkpoints[0] > 0 and self.checkpoints[-1] == 1.0
        ):
            raise ValueError(
                f"checkpoints are shares of the horizon that rise to 1, got {list(self.checkpoints)}."
            )

    def lineages(self, recipe_of: Mapping[str, Recipe]) -> list[LineageSpec]:
        """The lineages that learn, in the order in which they are recorded: seed by seed.

        Args:
            recipe_of: recipes of the agents by name.

        Raises:
            ValueError: for a factor of an argument that is no number.
        """
        found = []
        for seed, learner, rate, practice in product(self.seeds, self.learners, self.rates, self.practices):
            defaults = _defaults(learner.agent)
            options = learner.apply(recipe_of[learner.agent].options, defaults)
            name = f"{learner.name}/{rate.name}/{practice}/seed_{seed}"
            found.append(
                LineageSpec(name, learner.name, learner.agent, rate.apply(options, defaults), practice, seed)
            )
        return found

    def record(self) -> dict[str, Any]:
        """The table as JSON holds it."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> PanelTable:
        """The table that a file holds.

        Args:
            record: see ``record``; what is left out is as in ``DEFAULT_TABLE``.

        Raises:
            ValueError: for what is no table, saying what is wrong.
        """
        known = {each.name for each in fields(cls)}
        if not isinstance(record, Mapping) or set(record) - known:
            extra = sorted(set(record) - known) if isinstance(record, Mapping) else record
            raise ValueError(f"A panel's table has {', '.join(sorted(known))}; not {extra}.")
        values = {name: record.get(name, getattr(DEFAULT_TABLE, name)) for name in known}
        try:
            for what in ("learners", "rates"):
                values[what] = tuple(
                    each if isinstance(each, Variant) else Variant(**each) for each in values[what]
                )
            for what in ("practices", "seeds", "checkpoints"):
                values[what] = tuple(values[what])
            if not isinstance(values["probes"], ProbeDesign):
                values["probes"] = ProbeDesign(**values["probes"])
            return cls(**values)
        except TypeError as error:
            raise ValueError(f"The panel's table cannot be read: {error}.") from error


def _defaults(agent: str) -> dict[str, Any]:
    parameters = inspect.signature(load_agent_class(agent)).parameters
    return {name: each.default for name, each in parameters.items() if each.default is not each.empty}


DEFAULT_TABLE = PanelTable(
    learners=(
        Variant("recipe", "sb3"),
        Variant("wide", "sb3", scale={"network": 2.0}),
        Variant("shortsighted", "sb3", options={"gamma": 0.9, "gae_lambda": 0.8}),
        Variant("frugal", "sb3", scale={"n_epochs": 0.34, "entropy_coefficient": 0.2}),
    ),
    rates=(
        Variant("slow", scale={"learning_rate": 0.3}),
        Variant("usual"),
        Variant("fast", scale={"learning_rate": 3.0}),
    ),
    practices=("adaptive", "uniform", "easy", "static"),
    seeds=(0, 1),
)
"""96 lineages of four kinds of MaskablePPO: as the recipe has it, twice as wide, with a short view ahead, and
with few passes over its data and little exploration."""
