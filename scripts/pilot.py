"""Find the horizon of a recipe: the compute at which the static reference has 90% of its final gain.

Pilot seeds are never scored. The result is written into ``agents/recipes.json``.

    python scripts/pilot.py EtudePlan-v0 --agent sb3 --budget 1e12
"""

from __future__ import annotations

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from numpy.typing import NDArray

from etude_gym.environment.registration import make_domain
from etude_gym.environment.vector import EtudeVectorEnv
from etude_gym.measure.anchors import score_anchors
from etude_gym.practice.strategies import REFERENCE_ARM, SAMPLERS
from etude_gym.runs.agents import load_recipe, make_agent
from etude_gym.runs.folder import versions, write_json

RECIPES = Path(__file__).resolve().parent.parent / "agents" / "recipes.json"
POINTS = 20
SHARE = 0.9


@dataclass(frozen=True)
class Pilot:
    """What to run.

    Attributes:
        env: id of the environment.
        agent: name of the learner.
        budget: compute of each pilot run, in FLOPs; its end defines the final gain.
        seeds: pilot seeds.
        items: tasks per cell and point.
        write: write the horizon into the recipes.
    """

    env: tyro.conf.Positional[str]
    agent: str = "sb3"
    budget: float = 1e12
    seeds: tuple[int, ...] = (1000, 1001, 1002, 1003)
    items: int = 200
    write: bool = True


def pilot_curve(pilot: Pilot, seed: int) -> NDArray[np.float64]:
    """Compute and mean score along one run of the reference: shape (points, 2)."""
    torch.set_num_threads(1)
    domain, recipe = make_domain(pilot.env), load_recipe(pilot.agent, pilot.env)
    sampler = SAMPLERS[REFERENCE_ARM](domain.space, **recipe.samplers.get(REFERENCE_ARM, {}))
    learner: Any = make_agent(pilot.agent, domain, seed=seed, horizon=pilot.budget, **recipe.options)
    env = EtudeVectorEnv(domain, recipe.num_envs, autoreset_mode="SameStep", practice=sampler)
    env.reset(seed=seed * recipe.num_envs)
    curve = []
    for point in range(POINTS + 1):
        learner.learn(env, pilot.budget * point / POINTS)
        compute = sum(flops for line, flops in learner.flops.items() if line != "evaluation")
        score = score_anchors(domain, learner, point, pilot.items, salt=seed).scores.mean()
        curve.append((compute, score))
        print(f"seed {seed}: {compute:.3g} FLOPs, score {score:.3f}", flush=True)
    return np.array(curve)


def horizon_of(curves: NDArray[np.float64]) -> float:
    """Compute at which the mean curve first reaches 90% of its gain; curves (seeds, points, 2)."""
    compute, score = curves.mean(axis=0).T
    threshold = score[0] + SHARE * (score[-1] - score[0])
    after = int(np.argmax(score >= threshold))
    low, high = score[after - 1], score[after]
    return float(np.interp(threshold, [low, high], compute[after - 1 : after + 1]))


def main(pilot: Pilot) -> None:
    """Run the pilots and write the horizon."""
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        curves = np.array(list(pool.map(pilot_curve, [pilot] * len(pilot.seeds), pilot.seeds)))
    horizon = float(f"{horizon_of(curves):.3g}")
    print(f"horizon {horizon:.3g} FLOPs; final scores {curves[:, -1, 1].round(3).tolist()}")
    if pilot.write:
        shipped = json.loads(RECIPES.read_text())
        recipe = shipped["recipes"][pilot.env][pilot.agent]
        recipe["horizon"] = horizon
        recipe["source"] = (
            f"python scripts/pilot.py {pilot.env} --agent {pilot.agent} --budget {pilot.budget:.3g} "
            f"--items {pilot.items}; "
            f"{REFERENCE_ARM}, seeds "
            f"{', '.join(map(str, pilot.seeds))}; compute at {SHARE:.0%} of the gain at the budget; "
            f"{versions()}"
        )
        write_json(RECIPES, shipped)


if __name__ == "__main__":
    main(tyro.cli(Pilot, description=__doc__))
