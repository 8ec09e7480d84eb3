"""Section of an evaluation on transfer between domains: what was measured, what was not, and what would."""

from __future__ import annotations

import shlex
from itertools import permutations

import numpy as np

from etude_gym.environment.registration import make_domain
from etude_gym.measure.intervals import half_width
from etude_gym.report.evaluation import EvaluationResult
from etude_gym.report.parts import Block, Grid, Section
from etude_gym.report.tables import UNKNOWN
from etude_gym.runs.cross_domain import Visit, read_visits

NAME, TITLE = "transfer", "Transfer between domains"
INSIDE = "etude transfer {} SKILL_A SKILL_B --placebo SKILL_C"
"""The command that measures transfer between the skills of one domain."""


def transfer_section(result: EvaluationResult) -> Section | None:
    """Transfer between domains; None for one domain."""
    names = list(result.comparisons)
    if len(names) < 2:
        return None
    if result.comparisons[names[0]].arms and _reads_text(result, names[0]):
        visits = read_visits(result.evaluation)
        return _measured(result, visits) if visits else _missing(result)
    return _impossible(result, names)


def _reads_text(result: EvaluationResult, name: str) -> bool:
    return next(iter(result.comparisons[name].runs.values()))[0].config.interface == "text"


def _measured(result: EvaluationResult, visits: list[Visit]) -> Section:
    names = list(result.comparisons)
    rows = []
    for practiced in names:
        cells = []
        for tested in names:
            own = [each for each in visits if (each.practiced, each.tested) == (practiced, tested)]
            cells.append("own domain" if practiced == tested else _gain(own))
        rows.append((practiced, *cells))
    grid = Grid("Practiced in (rows), tested in (columns)", ("domain", *names), tuple(rows))
    return Section(
        NAME,
        TITLE,
        (
            f"What {result.headline} practice in one domain was worth in another: by how much the practiced "
            "learner scores higher there than the untrained one, on the same tasks.",
        ),
        (Block(tables=(grid,)),),
        ("± is the 95% interval over seeds.", *_inside(names)),
    )


def _gain(visits: list[Visit]) -> str:
    """The gain in the other domain, with its interval."""
    if not visits:
        return UNKNOWN
    gains = np.array([each.after - each.before for each in visits])
    return f"{gains.mean():+.3f}" + (f" ±{half_width(gains):.3f}" if len(gains) > 1 else "")


def _missing(result: EvaluationResult) -> Section:
    return Section(
        NAME,
        TITLE,
        ("Not measured yet: this command does, once the domains are finished.",),
        commands=(f"etude evaluate --resume {shlex.quote(str(result.evaluation.folder))}",),
    )


def _impossible(result: EvaluationResult, names: list[str]) -> Section:
    """What a learner that acts cannot do, pair by pair."""
    domains = {
        name: make_domain(next(iter(each.runs.values()))[0].config.env_id)
        for name, each in result.comparisons.items()
    }
    rows = []
    for first, second in permutations(names, 2):
        mine, other = domains[first], domains[second]
        unlike = [
            what
            for what, same in (
                ("observations", mine.observation_space == other.observation_space),
                ("actions", mine.action_space == other.action_space),
            )
            if not same
        ]
        rows.append((first, second, f"other {' and '.join(unlike)}" if unlike else "not measured here"))
    grid = Grid("Why not", ("practiced", "tested", "reason"), tuple(rows), words=3)
    return Section(
        NAME,
        TITLE,
        (
            "Not measured: a network that was made for the observations and actions of one domain cannot act "
            "in another. Learners that read text can; their evaluation measures it, with the command below.",
        ),
        (Block(tables=(grid,), folded="All pairs"),),
        _inside(names),
        ("etude evaluate --agent llm --model NAME --base-url URL",),
    )


def _inside(names: list[str]) -> tuple[str, ...]:
    return (f"Transfer between the skills of one domain takes an experiment: {INSIDE.format(names[0])}",)
