"""How deep an evaluation goes: what each depth of ``etude evaluate`` runs in every domain, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ACTIONS, TEXT = "actions", "text"


@dataclass(frozen=True)
class Depth:
    """What is run in every domain.

    Attributes:
        arms: task samplers; "static" is the reference.
        seeds: of each arm.
        share: of the recipe's horizon that is practiced.
        items: anchor tasks per cell and evaluation.
        evaluations: after the first one, evenly spaced; None for the checkpoint grid.
        purpose: in a few words.
    """

    arms: tuple[str, ...]
    seeds: int
    share: float
    items: int
    evaluations: int | None
    purpose: str

    @property
    def words(self) -> str:
        """What it runs, in one line."""
        points = "nine evaluations" if self.evaluations is None else f"{self.evaluations + 1} evaluations"
        horizon = "the horizon" if self.share == 1 else f"{self.share:g} of the horizon"
        seeds = "1 seed" if self.seeds == 1 else f"{self.seeds} seeds"
        tasks = "1 anchor task" if self.items == 1 else f"{self.items} anchor tasks"
        return f"arms {', '.join(self.arms)}; {seeds}; {horizon}; {points} of {tasks} per cell"


DEPTHS: Mapping[str, Mapping[str, Depth]] = {
    "quick": {
        ACTIONS: Depth(("static", "adaptive"), 3, 0.5, 25, None, "a first look"),
        TEXT: Depth(("static", "adaptive"), 1, 0.1, 1, 2, "a first look, without intervals"),
    },
    "recommended": {
        ACTIONS: Depth(
            ("static", "uniform", "schedule", "adaptive"), 5, 1.0, 50, None, "results with intervals"
        ),
        TEXT: Depth(("static", "adaptive"), 3, 1.0, 4, 4, "results with intervals"),
    },
    "full": {
        ACTIONS: Depth(
            ("static", "uniform", "easy", "schedule", "frontier", "adaptive"),
            10,
            1.0,
            200,
            None,
            "results to publish",
        ),
        TEXT: Depth(("static", "uniform", "adaptive"), 5, 1.0, 8, None, "results to publish"),
    },
}
"""By name, then by how the learner meets tasks: by observations and actions, or by prompts and replies.
Text costs far more per task, so that evaluations take most of it: there are fewer and smaller ones."""

HEADLINE_ARM = "adaptive"
"""The arm that an evaluation is about."""
