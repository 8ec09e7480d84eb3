"""Sections of the page of an evaluation, in the order in which they are read."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from etude_gym.report.comparison import Comparison
from etude_gym.report.confidence_plots import reliability_figure
from etude_gym.report.curve_plots import curve_figure
from etude_gym.report.evaluation import EvaluationResult
from etude_gym.report.evaluation_cost import cost_section
from etude_gym.report.evaluation_plots import (
    OVER_ALL_COLOR,
    band_efficiency_figure,
    band_score_figure,
    domain_colors,
    efficiency_figure,
)
from etude_gym.report.evaluation_tables import (
    COMBINED,
    OVER_ALL,
    arm_grid,
    band_grid,
    contrast_grid,
    domain_table,
    horizon_grid,
)
from etude_gym.report.evaluation_transfer import transfer_section
from etude_gym.report.figures import arm_colors
from etude_gym.report.origin_section import repeat_commands
from etude_gym.report.page import REPORT
from etude_gym.report.parts import Block, Chart, Grid, Section
from etude_gym.report.profile_section import profile_section
from etude_gym.report.tables import RELIABILITY_NOTES, reliability_table
from etude_gym.runs.evaluation_plan import PRIMARY_DOMAINS


def failure_section(result: EvaluationResult) -> Section | None:
    """What failed and how to go on; None where nothing did."""
    if not result.failures:
        return None
    rows = tuple((name, reason) for name, reason in result.failures.items())
    folder = shlex.quote(str(result.evaluation.folder))
    return Section(
        "failures",
        "What failed",
        ("These domains failed or lack runs. What is said of all domains is said without what is missing.",),
        (Block(tables=(Grid("Failures", ("domain", "reason"), rows, words=2),)),),
        commands=(f"etude evaluate --resume {folder}",),
    )


def overall_section(result: EvaluationResult) -> Section:
    """Practice Efficiency by domain and over all."""
    chart = Chart(
        efficiency_figure(result),
        f"Practice Efficiency of {result.headline} against static",
        "Dots are domains, the diamond is all of them; bars are 95% intervals.",
    )
    tables = (
        Grid.of(f"{result.headline} practice by domain", domain_table(result)),
        arm_grid(result),
        horizon_grid(result),
    )
    left = [name for name in PRIMARY_DOMAINS if name not in result.evaluation.experiments]
    notes = [COMBINED]
    notes += [f"{name} is not part of it, {reason}." for name, reason in result.undefined.items()]
    notes += [f"Not evaluated, of the domains of the suite: {', '.join(left)}."] if left else []
    if result.evaluation.depth.share != 1:
        notes.append(
            f"Runs of this depth practice {result.evaluation.depth.share:g} of the recipe's horizon. PE "
            "depends on the horizon: compare it only with runs as long as these."
        )
    return Section(
        "efficiency",
        "Practice Efficiency",
        (
            "Practice Efficiency (PE) is the area under an arm's anchor scores over compute, up to the "
            "horizon, divided by the area of static practice, which repeats a fixed set of tasks. Above 1 "
            "the learner learns more per unit of compute. An arm is a way to choose practice tasks.",
        ),
        (Block("", (chart,) if _has_efficiency(result) else (), tables),),
        tuple(notes),
    )


def _has_efficiency(result: EvaluationResult) -> bool:
    """Whether PE is defined in some domain, so that there is something to draw."""
    return result.overall[result.headline].value is not None


def curves_section(result: EvaluationResult) -> Section:
    """Learning curves of every domain."""
    charts = tuple(
        Chart(
            curve_figure(comparison, "linear"),
            name,
            "Mean anchor score of every arm on fresh tasks, shaded its 95% interval over seeds.",
        )
        for name, comparison in result.comparisons.items()
    )
    return Section(
        "curves",
        "Learning curves",
        (
            "Anchor scores, corrected for chance: guessing is worth 0, the domain's solver 1. Dotted lines "
            "are shares of the reference's gain.",
        ),
        (Block("", charts),),
        links=tuple((f"Everything about {name}", f"{name}/{REPORT}") for name in result.comparisons),
    )


def difficulty_section(result: EvaluationResult) -> Section:
    """How scores and Practice Efficiency fall with difficulty."""
    chart = Chart(
        band_efficiency_figure(result),
        "PE by band of difficulty",
        "Thin lines are domains, the thick one all of them with its 95% interval.",
    )
    drawn = _has_efficiency(result)
    colors = {**domain_colors(result), OVER_ALL: OVER_ALL_COLOR}
    scores = tuple(
        Chart(band_score_figure(result, name), name, "Final score of every arm by band of difficulty.")
        for name in result.comparisons
    )
    arms = arm_colors([*dict.fromkeys(arm for each in result.comparisons.values() for arm in each.runs)])
    return Section(
        "difficulty",
        "How it falls with difficulty",
        (
            "Bands are quarters of difficulty within a family of tasks, the easiest first. A PE that rises "
            "with the band says that practice helps most where tasks are hard.",
        ),
        (
            Block("", (chart,) * drawn, (band_grid(result),), tuple(colors.items()) * drawn),
            Block("Final scores by band", scores, (), tuple(arms.items()), small=True),
        ),
    )


def asymmetry_section(result: EvaluationResult) -> Section | None:
    """Where domains differ beyond their intervals; None for one domain."""
    tables = [
        contrast_grid(title, found, ratio)
        for title, found, ratio in (
            ("Ratios of PE", result.efficiency_contrasts, True),
            ("Differences of final scores", result.final_contrasts, False),
        )
        if found
    ]
    if not tables:
        return None
    return Section(
        "asymmetries",
        "Asymmetries between domains",
        tuple(_asymmetries(result)),
        (Block("", tables=tuple(tables)),),
        (
            f"Of {result.headline} practice. The intervals of a table hold together with 95% confidence "
            "(Bonferroni). Scores are corrected for chance and reach from guessing to the domain's solver, "
            "but a domain's tasks may be harder than another's for any learner.",
        ),
    )


def _asymmetries(result: EvaluationResult) -> list[str]:
    """What is beyond chance, in sentences."""
    said = []
    for found, what in (
        (result.efficiency_contrasts, "gains more from practice (PE)"),
        (result.final_contrasts, "ends with a higher score"),
    ):
        beyond = [f"{each.first} {what} than {each.second}" for each in found if each.apart]
        known = any(each.low is not None for each in found)
        if beyond:
            said.append(f"Beyond chance: {'; '.join(beyond)}.")
        elif found:
            place = "PE" if what.endswith("(PE)") else "final scores"
            judged = "No two domains differ beyond chance in {}."
            unknown = "Whether domains differ in {} cannot be told: it takes at least 2 seeds in each."
            said.append((judged if known else unknown).format(place))
    return said


def profile_sections(result: EvaluationResult) -> list[Section]:
    """What is weak in every domain, and what to practice next."""
    found = []
    for name, comparison in result.comparisons.items():
        section = profile_section(_narrowed(comparison, result.headline))
        found.append(replace(section, name=f"profile-{name}", title=f"What is weak in {name}"))
    return found


def _narrowed(comparison: Comparison, arm: str) -> Comparison:
    """A comparison of the reference and one arm."""
    kept = {name: runs for name, runs in comparison.runs.items() if name in (comparison.reference, arm)}
    return replace(comparison, runs=kept, arms=tuple(each for each in comparison.arms if each.arm in kept))


def confidence_section(result: EvaluationResult) -> Section | None:
    """How well stated confidence agrees with being right; None where no domain asks for it."""
    stated = {name: each for name, each in result.comparisons.items() if each.reliabilities}
    if not stated:
        return None
    charts = tuple(
        Chart(
            reliability_figure(comparison),
            name,
            "On the dotted line, answers are right as often as their confidence says.",
        )
        for name, comparison in stated.items()
    )
    grids = {name: Grid.of("", reliability_table(comparison)) for name, comparison in stated.items()}
    rows = tuple((name, *row) for name, grid in grids.items() for row in grid.rows)
    columns = ("domain", *next(iter(grids.values())).columns)
    silent = [name for name in result.comparisons if name not in stated]
    arms = arm_colors([*dict.fromkeys(arm for each in stated.values() for arm in each.runs)])
    return Section(
        "confidence",
        "Confidence",
        (
            "Where a domain asks how sure a learner is of its answer: whether that agrees with being right. "
            + (f"{', '.join(silent)} do{'es' if len(silent) == 1 else ''} not ask." if silent else ""),
        ),
        (
            Block(
                "",
                charts,
                (Grid("Confidence at the last evaluation, all seeds pooled", columns, rows, words=2),),
                tuple(arms.items()),
            ),
        ),
        (RELIABILITY_NOTES,),
    )


def origin_section(result: EvaluationResult) -> Section:
    """Versions, machine, and the commands that repeat the evaluation."""
    record = result.evaluation.record
    host = ", ".join(map(str, record["host"].values()))
    commits = ", ".join(f"{name} {commit}" for name, commit in record["commit"].items())
    tables = (
        Grid("Machine", ("host", "date", "commit"), ((host, record["date"], commits),), words=3),
        Grid("Versions", ("package", "version"), tuple(record["versions"].items()), words=2),
    )
    runs = [run for each in result.comparisons.values() for runs in each.runs.values() for run in runs]
    return Section(
        "origin",
        "Where it comes from",
        (
            "The first command does the same with fresh anchor tasks. The others practice the domains with "
            "the anchor tasks of this evaluation, whose salts were secret until its runs had ended.",
        ),
        (Block(tables=tables, folded="Machine and versions"),),
        commands=(_command(record), *repeat_commands(runs)),
    )


def _command(record: Mapping[str, Any]) -> str:
    """What to type to repeat an evaluation."""
    command = ["etude", "evaluate", "--agent", record["agent"], "--depth", record["depth_name"]]
    env_ids = list(record["env_ids"].values())
    command += ["--envs", *env_ids] if tuple(env_ids) != PRIMARY_DOMAINS else []
    if horizons := record["horizons"]:
        command += ["--horizon", *(f"{env_id}={horizon!r}" for env_id, horizon in horizons.items())]
    command += ["--recipes", record["recipes"]] if record.get("recipes") else []
    for name, value in record["options"].items():
        shown = value if isinstance(value, str) else json.dumps(value)
        command += ["--option", f"{name}={shown}"]
    return shlex.join(command)


def all_sections(result: EvaluationResult) -> list[Section]:
    """What the page consists of.

    Args:
        result: of an evaluation.
    """
    made = [
        failure_section(result),
        overall_section(result),
        curves_section(result),
        difficulty_section(result),
        asymmetry_section(result),
        transfer_section(result),
        *profile_sections(result),
        confidence_section(result),
        cost_section(result),
        origin_section(result),
    ]
    return [section for section in made if section is not None]
