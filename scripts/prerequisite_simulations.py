"""How often the search for prerequisites finds edges where there are none, and where there are some.

    python scripts/prerequisite_simulations.py --replications 40

Prints the table of docs/findings/prerequisites.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etude_gym.environment.registration import make_domain
from etude_gym.measure.mastery import SkillScores
from etude_gym.measure.prerequisites import PrerequisiteAnalysis, find_prerequisites
from etude_gym.measure.rollout import rollout
from etude_gym.measure.scripted import OracleAgent, RandomAgent
from etude_gym.tasks.keys import TaskBatch, task_keys

CHECKPOINTS = 5
TASKS = 40


@dataclass(frozen=True)
class World:
    """A population of lineages, by the skills' logits.

    Attributes:
        name: in words.
        difficulties: of the skills.
        slope: of ability.
        factors: which ability each skill draws on.
        correlation: of the abilities.
        spread: standard deviation, between lineages, of what is particular to a skill.
        edges: (first, second) that gate learning.
        families: that the analysis is told.
    """

    name: str
    difficulties: tuple[float, ...] = (0.0, 0.0, -0.5, -0.5, 0.5, 0.5)
    slope: float = 1.5
    factors: tuple[int, ...] = (0,) * 6
    correlation: float = 1.0
    spread: float = 0.0
    edges: tuple[tuple[int, int], ...] = ()
    families: tuple[int, ...] = (0,) * 6

    def draw(self, lineages: int, seed: int) -> SkillScores:
        """Scores of lineages at five checkpoints."""
        random = np.random.default_rng(seed)
        skills, times = len(self.difficulties), np.linspace(-1.5, 3.0, CHECKPOINTS)
        shared = random.normal(size=(lineages, 1, 1))
        own = random.normal(size=(lineages, 1, max(self.factors) + 1))
        abilities = times[:, None] + np.sqrt(self.correlation) * shared + np.sqrt(1 - self.correlation) * own
        ability = abilities[:, :, list(self.factors)] + self.spread * random.normal(
            size=(lineages, 1, skills)
        )
        chances = 1 / (1 + np.exp(-self.slope * (ability - self.difficulties)))
        for first, second in self.edges:
            chances[..., second] *= 1 / (1 + np.exp(-14 * (chances[..., first] - 0.65)))
        totals: NDArray[np.float64] = random.binomial(TASKS, chances).reshape(-1, skills).astype(np.float64)
        return SkillScores(
            np.repeat(np.arange(lineages), CHECKPOINTS), np.full(totals.shape, float(TASKS)), totals
        )


GATED = (0.0, 0.0, 0.0, -0.5, -0.3, 0.5)
"""A skill that waits for another one is harder than its own difficulty says."""

WORLDS = (
    World("one common ability"),
    World(
        "two factors, the families", factors=(0, 1, 0, 1, 0, 1), correlation=0.3, families=(0, 1, 0, 1, 0, 1)
    ),
    World("two factors that no family names", factors=(0, 1, 0, 1, 0, 1), correlation=0.3),
    World("one steep ability", slope=5.0),
    World("skills on their own, no order", spread=2.0),
    World("one edge", GATED, spread=2.0, edges=((0, 4),)),
    World("one edge, skills vary less", GATED, spread=1.5, edges=((0, 4),)),
    World("a chain of two edges", (-0.5, -0.5, -0.5, 0.0, -0.8, -0.5), spread=2.0, edges=((0, 4), (4, 5))),
    World("a fork of two edges", (0.0, 0.0, 0.0, -0.5, -0.3, -0.3), spread=2.0, edges=((0, 4), (0, 5))),
)


PLANTED = {
    "mishaps on a tight budget": ("tight budgets", "mishaps"),
    "long plans of deep recipes": ("long plans", "deep recipes"),
}
"""Skills of EtudePlan-v0 that scripted oracles lack with any of those they are given here to need."""
GAP = 0.25
"""Probability that a scripted oracle lacks a skill."""
ORACLES = 200
"""So many that 60 of them are left who lack none of three skills; they cost seconds."""
FIRST_TASK = 1 << 32


def scripted_oracles(
    lineages: int, seed: int, tasks: int = TASKS
) -> tuple[SkillScores, set[tuple[int, int]]]:
    """Reference solvers of EtudePlan-v0 that act at random where they lack a skill, or one that it needs.

    Args:
        lineages: how many of them.
        seed: which skills each lacks.
        tasks: of each skill.

    Returns:
        Their scores, and the planted edges as pairs of indices.
    """
    domain = make_domain("EtudePlan-v0")
    names = [skill.name for skill in domain.skills]
    edges = {(names.index(first), names.index(last)) for last, needed in PLANTED.items() for first in needed}
    gaps = np.random.default_rng(seed).random((lineages, len(names))) < GAP
    for first, last in sorted(edges):
        gaps[:, last] |= gaps[:, first]
    keys = task_keys(domain.name, "probe", FIRST_TASK + seed, np.arange(lineages * len(names) * tasks))
    corners = np.array([skill.region.corners(domain.space) for skill in domain.skills])
    low, high = np.tile(np.repeat(corners, tasks, axis=0), (lineages, 1, 1)).transpose(1, 0, 2)
    difficulty = low + (high - low) * domain.space.uniform(keys, counter=FIRST_TASK)
    lacking = np.repeat(gaps.ravel(), tasks)
    scores = np.empty(len(keys))
    for chosen, agent in ((~lacking, OracleAgent(domain)), (lacking, RandomAgent(domain, seed=seed))):
        batch = TaskBatch(keys[chosen], difficulty[chosen], np.zeros(chosen.sum(), dtype=np.int64))
        scores[chosen] = rollout(domain, batch, agent)["score"]
    totals = scores.reshape(lineages, len(names), tasks).sum(axis=2)
    return SkillScores(np.arange(lineages), np.full(totals.shape, float(tasks)), totals), edges


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=40)
    parser.add_argument("--lineages", type=int, default=100)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--worlds", type=int, nargs="*", default=range(len(WORLDS)))
    options = parser.parse_args()
    print("| world | lineages | with a false edge | true edges found |")
    print("| --- | --- | --- | --- |")
    seeds = range(options.first_seed, options.first_seed + options.replications)
    for world in [WORLDS[index] for index in options.worlds]:
        drawn = ((world.draw(options.lineages, seed), set(world.edges)) for seed in seeds)
        _print_row(world.name, options.lineages, drawn, world.families)
    oracles = (scripted_oracles(ORACLES, seed) for seed in seeds)
    _print_row("scripted oracles with planted gaps", ORACLES, oracles, (0,) * 7)


def _print_row(
    name: str,
    lineages: int,
    drawn: Iterable[tuple[SkillScores, set[tuple[int, int]]]],
    families: tuple[int, ...],
) -> None:
    false, found = [], []
    for scores, true in drawn:
        edges = edges_of(find_prerequisites(scores, families))
        false.append(bool(edges - closure(true)))
        found.append([edge in edges for edge in sorted(true)])
    shares = ", ".join(f"{share:.0%}" for share in np.mean(found, axis=0)) or "-"
    print(f"| {name} | {lineages} | {np.mean(false):.1%} | {shares} |", flush=True)


def edges_of(found: PrerequisiteAnalysis) -> set[tuple[int, int]]:
    """The prerequisites as pairs of indices."""
    return {(pair.first, pair.second) for pair in found.prerequisites}


def closure(edges: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """Edges with those that follow from two of them."""
    return edges | {(first, last) for first, middle in edges for start, last in edges if middle == start}


if __name__ == "__main__":
    main()
