"""Runs written by hand, with scores chosen so that every number of a comparison is known in advance."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
from rich.console import Console

from etude_gym.difficulty.bands import cells_of
from etude_gym.environment.registration import make_domain
from etude_gym.measure.checkpoints import checkpoint_grid, even_grid
from etude_gym.measure.curves import CurvePoint, point_record
from etude_gym.report.tables import all_tables
from etude_gym.runs.config import RunConfig
from etude_gym.runs.folder import CURVE, RECORD, Run, write_json

HORIZON = 1e6
GRID = checkpoint_grid(HORIZON)
CELLS = [(family, band) for family in ("fold", "tear") for band in range(2)]
CHANCE = (0.0, 0.0, 0.0, 0.0)
FLOPS_PER_STEP = 10
ITEMS = 5

CONFIGURATION = RunConfig(
    env_id="Paper-v0", arm="", agent="mine", seed=0, horizon=HORIZON, num_envs=4, items=ITEMS, chance=CHANCE
)


def linear(final, by=HORIZON):
    """Score against compute: straight up to ``final``, which is reached at ``by``."""
    return lambda compute: final * min(1.0, compute / by)


def constant(score):
    return lambda compute: score


def write_run(folder, score, *, finished=True, salt=7, repeated=0.0, **config):
    """A run's folder whose anchor score at each checkpoint is ``score(compute)`` in every cell."""
    configuration = replace(CONFIGURATION, **config)
    configuration.write(folder)
    run = Run(folder)
    for index, compute in enumerate(GRID):
        scores = np.full((len(CELLS), ITEMS), score(compute))
        point = CurvePoint(index, compute, int(compute / FLOPS_PER_STEP), scores)
        run.append(CURVE, index, point_record(point, CELLS, configuration.chance))
    write_json(folder / "compute.json", {"repeated": {"flops": repeated}})
    if finished:
        write_json(folder / RECORD, {"anchor_salt": salt})
    return folder


def write_experiment(folder, arms, seeds=2, **config):
    """Runs of several arms with as many seeds each; odd seeds score half as much again as even ones."""
    for arm, score in arms.items():
        for seed in range(seeds):
            scale = 1 + (seed % 2) / 2
            write_run(
                folder / arm / f"seed_{seed}",
                lambda compute, score=score, scale=scale: score(compute) * scale,
                arm=arm,
                seed=seed,
                salt=100 + seed,
                **config,
            )
    return folder


def printed(comparison, width=80):
    shown = io.StringIO()
    Console(file=shown, width=width).print(all_tables(comparison))
    return shown.getvalue()


def write_curve(folder, config, score):
    """Let a run that is laid out be finished, with a curve on its own grid."""
    cells = cells_of(make_domain(config.env_id).space, config.bands)
    grid = checkpoint_grid(config.horizon)
    if config.evaluations is not None:
        grid = even_grid(config.horizon, config.evaluations)
    points = [
        CurvePoint(index, compute, 0, np.full((len(cells), config.items), score(compute)))
        for index, compute in enumerate(grid)
    ]
    records = [{"iteration": p.index, **point_record(p, cells, config.chance)} for p in points]
    (folder / CURVE).write_text("".join(json.dumps(record) + "\n" for record in records))
    write_json(folder / "compute.json", {})
    write_json(folder / RECORD, {"anchor_salt": config.seed, "final_anchor_score": score(config.horizon)})
