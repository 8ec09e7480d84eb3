"""How many tasks place a learner, chosen ones against random ones: simulated, and for a real learner.

    python scripts/placement_efficiency.py EtudePlan-v0

Needs a calibration, shipped with the domain or in a file. A learner practices by its recipe; at several
checkpoints it plays pools of tasks, from which every placement draws. Random tasks are uniform over the
space, as those of panels, of uniform practice and (band by band) of anchors are; "even" ones are random as
well, but evenly spread over calibrated difficulty, which takes a calibration. Abilities are held against the
one that a large uniform sample gives, and against what they say: the score at tasks of that difficulty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from etude_gym.difficulty.calibration import Calibration, read_calibration
from etude_gym.difficulty.curve import DifficultyCurve, even_points
from etude_gym.difficulty.placement import CANDIDATES, STANDARD_ERROR, Placement, level_candidates, place
from etude_gym.environment.registration import make_domain
from etude_gym.environment.vector import EtudeVectorEnv
from etude_gym.measure.agent import Learner
from etude_gym.measure.rollout import rollout
from etude_gym.practice.strategies import make_arm, parse_arm
from etude_gym.randomness import mix
from etude_gym.runs.agents import load_recipe, make_agent
from etude_gym.runs.folder import versions
from etude_gym.runs.practice_run import one_thread
from etude_gym.tasks.domain import Domain
from etude_gym.tasks.keys import TaskBatch, task_keys

Floats = NDArray[np.float64]
Play = Callable[[int, Floats], Floats]
"""Scores at tasks of the pool of this number, of these difficulties."""

Stream = tuple[int, int, int, int]

STREAM = 0x9EFF1C
NEAR = 0.25
"""Logits from an ability within which tasks count as being of that difficulty."""
EASIER = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
"""Where simulated learners stand: the share of tasks that are easier than their ability."""
CHOSEN, RANDOM, EVEN = WAYS = ("chosen", "random", "even")


@dataclass(frozen=True)
class PlacementEfficiency:
    """What to run.

    Args:
        env: id of the environment.
        calibration: a file; by default the one that the domain ships.
        practice: the arm by which the learner practices.
        seed: of the learner; tasks and choices follow from it.
        checkpoints: shares of the recipe's horizon.
        pool: tasks of each family and pool; there are three pools at a checkpoint.
        repetitions: placements of each way.
    """

    env: tyro.conf.Positional[str]
    calibration: Path | None = None
    practice: str = "adaptive"
    seed: int = 2000
    checkpoints: tuple[float, ...] = (0.0, 1 / 64, 1 / 16, 1 / 4, 1.0)
    pool: int = 3000
    repetitions: int = 10


@dataclass(frozen=True)
class Pool:
    """Tasks that were played once.

    Attributes:
        difficulty: float64 in [0, 1], shape (n, axes).
        scores: float64 in [0, 1], shape (n,).
    """

    difficulty: Floats
    scores: Floats

    def place(self, curve: DifficultyCurve, way: str, seed: int) -> Placement:
        """Place the learner by tasks of the pool, each used once at most.

        Args:
            curve: of the family.
            way: of ``WAYS``.
            seed: of the choices.
        """
        left, levels = np.ones(len(self.scores), dtype=np.bool_), curve.logits(self.difficulty)
        ends = curve.logits(np.array([[0.0], [1.0]]).repeat(self.difficulty.shape[1], axis=1))
        rows = np.zeros(0, dtype=np.int64)

        def draw(random: np.random.Generator) -> Floats:
            nonlocal rows
            rows = random.choice(np.flatnonzero(left), min(CANDIDATES, int(left.sum())), replace=False)
            if way == EVEN:
                rows = rows[[np.abs(levels[rows] - random.uniform(*ends)).argmin()]]
            return self.difficulty[rows]

        def answer(task: Floats) -> float:
            row = rows[(self.difficulty[rows] == task).all(axis=1).argmax()]
            left[row] = False
            return float(self.scores[row])

        most = len(self.scores)
        return place(curve, answer, draw=draw, adaptive=way == CHOSEN, most=most, seed=seed)


@dataclass(frozen=True)
class Found:
    """Placements of a learner in a family.

    Attributes:
        name: of the learner.
        curve: of the family.
        sample: tasks from the whole space.
        ability: the true one of a simulated learner; else by a uniform sample of the size of a pool.
        error: standard error of that ability, 0 if it is the true one.
        dispersion: variance of scores around the calibration's, relative to that of coin flips.
        fewest: tasks needed, were each of them the best there is.
        placements: by way.
    """

    name: str
    curve: DifficultyCurve
    sample: Pool
    ability: float
    error: float
    dispersion: float
    fewest: float
    placements: dict[str, list[Placement]]

    def asked(self, way: str) -> float:
        """Mean number of tasks."""
        return float(np.mean([each.asked for each in self.placements[way]]))

    def agreement(self, way: str) -> str:
        """Bias, root mean square of the errors, 95% intervals that hold the ability, score at the ability."""
        errors = np.array([each.ability for each in self.placements[way]]) - self.ability
        levels = self.curve.logits(self.sample.difficulty)
        near = [np.abs(levels - each.ability) < NEAR for each in self.placements[way]]
        there = np.mean([self.sample.scores[rows].mean() if rows.any() else np.nan for rows in near])
        held = [each.interval[0] <= self.ability <= each.interval[1] for each in self.placements[way]]
        told = f"{errors.mean():+.2f} | {np.sqrt((errors**2).mean()):.2f} | {sum(held)}/{len(held)}"
        return f"{told} | {'–' if np.isnan(there) else f'{there:.2f}'}"


def find(
    name: str, curve: DifficultyCurve, play: Play, given: PlacementEfficiency, true: float | None
) -> Found:
    """Let a learner play pools of a family, and place it by them again and again.

    Args:
        name: of the learner.
        curve: of the family.
        play: the learner.
        given: how many tasks and placements.
        true: ability, where it is known.
    """
    random, axes = np.random.default_rng(given.seed), len(curve.coefficients)
    points = (
        even_points(axes)[: given.pool],
        random.random((given.pool, axes)),
        level_candidates(given.pool, axes, random),
    )
    sample, uniform, mixed = (Pool(each, play(number, each)) for number, each in enumerate(points))
    reference = Placement(curve)
    reference.update(sample.difficulty, sample.scores)
    ability = reference.ability if true is None else true
    mu = curve.expected(np.array(ability), curve.logits(sample.difficulty))
    return Found(
        name,
        curve,
        sample,
        ability,
        reference.standard_error if true is None else 0.0,
        float(((sample.scores - mu) ** 2).sum() / (mu * (1.0 - mu)).sum()),
        1.0 / STANDARD_ERROR**2 / float(reference.information(mixed.difficulty).max()),
        {
            way: [
                (uniform if way == RANDOM else mixed).place(curve, way, seed)
                for seed in range(given.repetitions)
            ]
            for way in WAYS
        },
    )


def simulated(curve: DifficultyCurve, given: PlacementEfficiency) -> Iterator[Found]:
    """Learners for whom the calibration holds, from the easiest task to the hardest.

    Args:
        curve: of the family.
        given: how many tasks and placements.
    """
    random = np.random.default_rng(given.seed)
    axes = len(curve.coefficients)
    levels = curve.logits(np.concatenate([even_points(axes), np.zeros((1, axes)), np.ones((1, axes))]))
    for share in EASIER:
        ability = float(np.quantile(levels, share))

        def play(_: int, difficulty: Floats, ability: float = ability) -> Floats:
            mu = curve.expected(np.array(ability), curve.logits(difficulty))
            return (random.random(len(mu)) < mu).astype(np.float64)

        yield find(f"above {share:.0%} of tasks", curve, play, given, ability)


def practiced(domain: Domain, given: PlacementEfficiency) -> Iterator[tuple[str, Learner]]:
    """A learner at each checkpoint of its practice.

    Args:
        domain: to practice.
        given: how, and where to stop.
    """
    recipe = load_recipe("sb3", given.env)
    if recipe.horizon is None:
        raise ValueError(
            f"The recipe of sb3 for {given.env} has no horizon. Find it: etude pilot {given.env}"
        )
    options = recipe.samplers.get(parse_arm(given.practice)[0].name, {})
    sampler = make_arm(given.practice, domain.space, **options)
    env = EtudeVectorEnv(domain, recipe.num_envs, autoreset_mode=AutoresetMode.SAME_STEP, practice=sampler)
    learner = make_agent("sb3", domain, seed=given.seed, horizon=recipe.horizon, **recipe.options)
    sampler.failures_teach = getattr(learner, "learns_from_failures", False)
    env.reset(seed=given.seed * recipe.num_envs)
    with closing(env), one_thread():
        for share in given.checkpoints:
            learner.learn(env, share * recipe.horizon)
            yield f"{share:.3g} H", learner


def real(domain: Domain, calibration: Calibration, given: PlacementEfficiency) -> dict[str, list[Found]]:
    """Placements of a learner while it practices, by family.

    Args:
        domain: to practice.
        calibration: of the domain.
        given: how.
    """
    found: dict[str, list[Found]] = {family: [] for family in calibration.families}
    for checkpoint, (name, learner) in enumerate(practiced(domain, given)):
        for index, (family, curve) in enumerate(zip(calibration.families, calibration.curves, strict=True)):
            stream = (STREAM, given.seed, checkpoint, index)

            def play(
                number: int, difficulty: Floats, agent: Learner = learner, at: Stream = stream
            ) -> Floats:
                own = int(mix(*at, number)[0] >> np.uint64(1))
                keys = task_keys(domain.name, "probe", own, np.arange(len(difficulty)))
                tasks = TaskBatch(keys, difficulty, np.full(len(keys), at[-1]))
                return np.asarray(rollout(domain, tasks, agent)["score"], dtype=np.float64)

            found[family].append(find(name, curve, play, given, None))
            print(f"{name}, {family}: placed", flush=True)
    return found


def tell(title: str, learners: Sequence[Found]) -> None:
    """Print the tables of a family.

    Args:
        title: above them.
        learners: that were placed.
    """
    print(f"\n{title}\n\n| learner | ability | chosen | random | ratio | even | ratio | at least |")
    print("| --- " * 8 + "|")
    for each in learners:
        asked = {way: each.asked(way) for way in WAYS}
        ratios = {way: f"{asked[way]:.0f} | {asked[way] / asked[CHOSEN]:.1f}" for way in (RANDOM, EVEN)}
        print(
            f"| {each.name} | {each.ability:+.2f} | {asked[CHOSEN]:.0f} | {ratios[RANDOM]} | {ratios[EVEN]} "
            f"| {each.fewest:.0f} |"
        )
    print("\n| learner | mean score | ability ± se | dispersion |", end="")
    print("".join(f" {way}: bias | RMSE | held | score |" for way in WAYS) + f"\n{'| --- ' * 16}|")
    for each in learners:
        agreement = " | ".join(each.agreement(way) for way in WAYS)
        about = f"{each.sample.scores.mean():.3f} | {each.ability:+.2f} ± {each.error:.2f}"
        print(f"| {each.name} | {about} | {each.dispersion:.2f} | {agreement} |", flush=True)


def main(given: PlacementEfficiency) -> None:
    """Simulate, practice, place, and print tables."""
    domain = make_domain(given.env)
    calibration = read_calibration(given.calibration) if given.calibration else domain.space.calibration
    if calibration is None:
        raise SystemExit(
            f"{given.env} ships no calibration. Give one: --calibration FILE, of etude calibrate."
        )
    print(f"{given.env}, calibration {calibration.hash}, seed {given.seed}, {given.practice}, {versions()}")
    for family, curve in zip(calibration.families, calibration.curves, strict=True):
        tell(f"Simulated, {family}", list(simulated(curve, given)))
    for family, learners in real(domain, calibration, given).items():
        tell(f"A learner that practices, {family}", learners)


if __name__ == "__main__":
    main(tyro.cli(PlacementEfficiency, description=__doc__))
