"""How often the search for prerequisites finds edges where there are none, and where there are some.

    python scripts/prerequisite_simulations.py --replications 40

Prints the table of docs/findings/prerequisites.md.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etude_gym.measure.mastery import SkillScores
from etude_gym.measure.prerequisites import find_prerequisites

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=40)
    parser.add_argument("--lineages", type=int, default=100)
    parser.add_argument("--worlds", type=int, nargs="*", default=range(len(WORLDS)))
    options = parser.parse_args()
    print("| world | lineages | with a false edge | true edges found | proposed pairs |")
    print("| --- | --- | --- | --- | --- |")
    for world in [WORLDS[index] for index in options.worlds]:
        false, found, proposed = 0, np.zeros(len(world.edges)), 0.0
        for seed in range(options.replications):
            result = find_prerequisites(world.draw(options.lineages, seed), world.families)
            edges = {(pair.first, pair.second) for pair in result.prerequisites}
            true = set(world.edges) | {(a, d) for a, b in world.edges for c, d in world.edges if b == c}
            false += bool(edges - true)
            found += [edge in edges for edge in world.edges]
            proposed += len(result.pairs) / options.replications
        shares = ", ".join(f"{share:.0%}" for share in found / options.replications) or "-"
        print(
            f"| {world.name} | {options.lineages} | {false / options.replications:.1%} | {shares} | {proposed:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
