"""Section of a report on where its figures come from, and how to repeat them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from etude_gym.difficulty.bands import BANDS
from etude_gym.report.comparison import Comparison
from etude_gym.report.methods import ELSEWHERE
from etude_gym.report.parts import Block, Grid, Section
from etude_gym.runs.agents import load_recipe
from etude_gym.runs.config import RunConfig
from etude_gym.runs.finished import LoadedRun
from etude_gym.runs.folder import RECORD, IncompleteRun, read_json


def origin_section(comparison: Comparison) -> Section:
    """Versions, options, seeds, salts, and the commands that repeat the runs.

    Args:
        comparison: of finished runs.
    """
    runs = [run for own in comparison.runs.values() for run in own]
    rows = tuple(
        (arm, str(run.config.seed), str(run.anchor_salt), str(run.folder))
        for arm, own in comparison.runs.items()
        for run in own
    )
    tables = (
        Grid("Machines", ("host", "date", "commit"), _machines(runs), words=3),
        Grid("Versions", ("package", "version"), _versions(runs), words=2),
        Grid("Options of the agent", ("option", "value"), _options(runs), words=2),
        Grid("Runs: seed of practice, salt of the anchor tasks", ("arm", "seed", "salt", "folder"), rows),
    )
    return Section(
        "origin",
        "Where it comes from",
        (
            "The same versions, seeds and options practice the same way again. With the salts, which were "
            "secret until the runs had ended, anybody can draw the anchor tasks that scored them.",
            *_notes(runs),
        ),
        (Block(tables=tuple(table for table in tables if table.rows), folded="Versions, options and runs"),),
        commands=tuple(repeat_commands(runs)),
    )


def repeat_commands(runs: Sequence[LoadedRun]) -> Iterator[str]:
    """What to type to repeat runs, one command for all that differ in arm and seed alone.

    Args:
        runs: finished.
    """
    alike: dict[str, tuple[int | None, list[RunConfig]]] = {}
    salts = {folder: _salt(folder) for folder in dict.fromkeys(run.folder.parent.parent for run in runs)}
    for run in runs:
        config, salt = run.config, salts[run.folder.parent.parent]
        named = (config.env_id, config.agent, config.horizon, config.items, config.bands, config.options)
        key = json.dumps((*named, salt, config.name, config.start is None), sort_keys=True)
        alike.setdefault(key, (salt, []))[1].append(config)
    for salt, group in alike.values():
        yield shlex.join(_arguments(group, salt))


def _salt(experiment: Path) -> int | None:
    """The salt that an experiment published; None where it has not, or where there is no experiment."""
    try:
        salt: int | None = read_json(experiment / RECORD).get("salt")
    except (AttributeError, IncompleteRun):
        return None
    return salt


def _arguments(group: Sequence[RunConfig], salt: int | None) -> Iterator[str]:
    first, seeds = group[0], sorted({config.seed for config in group})
    yield from ("etude", "practice", first.env_id, "--agent", first.agent)
    yield from ("--arms", *dict.fromkeys(config.arm for config in group))
    yield from ("--seeds", str(seeds[-1] - seeds[0] + 1), "--first-seed", str(seeds[0]))
    yield from ("--horizon", repr(first.horizon), "--items", str(first.items))
    yield from ("--bands", *map(str, first.bands)) if first.bands != BANDS else ()
    for name, value in _given(first).items():
        yield from ("--option", f"{name}={_typed(value)}")
    yield from ("--salt", str(salt)) if salt is not None else ()
    yield from ("--name", first.name) if first.name else ()
    if first.start is not None:
        starts = list(dict.fromkeys(config.start["run"] for config in group if config.start is not None))
        yield from ("--start", starts[0] if len(starts) == 1 else str(Path(starts[0]).parent))


def _typed(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _given(config: RunConfig) -> dict[str, Any]:
    """Options that are not those of the recipe and not about where the agent works."""
    try:
        recipe = load_recipe(config.agent, config.env_id).options
    except (ValueError, ImportError):
        recipe = {}
    given = {name: value for name, value in config.options.items() if recipe.get(name) != value}
    return {name: value for name, value in given.items() if name != ELSEWHERE}


def _notes(runs: Sequence[LoadedRun]) -> Iterator[str]:
    """Names of the experiments with their notes."""
    for name, notes in dict.fromkeys((run.config.name, run.config.notes) for run in runs):
        if name or notes:
            yield ": ".join(part for part in (name, notes) if part)


def _machines(runs: Sequence[LoadedRun]) -> tuple[tuple[str, ...], ...]:
    """Where and when runs were laid out, and from which commits."""
    found = (
        (
            ", ".join(map(str, run.config.host.values())),
            run.config.date,
            ", ".join(f"{name} {commit}" for name, commit in run.config.commit.items()),
        )
        for run in runs
        if run.config.host
    )
    return tuple(dict.fromkeys(found))


def _versions(runs: Sequence[LoadedRun]) -> tuple[tuple[str, ...], ...]:
    """Versions of every package, all that occur."""
    found: dict[str, dict[str, None]] = {}
    for run in runs:
        for package, version in run.config.versions.items():
            found.setdefault(package, {})[version] = None
    return tuple((package, ", ".join(versions)) for package, versions in found.items())


def _options(runs: Sequence[LoadedRun]) -> tuple[tuple[str, ...], ...]:
    """Options of the agents, all values that occur."""
    found: dict[str, dict[str, None]] = {}
    for run in runs:
        for name, value in run.config.options.items():
            found.setdefault(name, {})[json.dumps(value)] = None
    return tuple((name, ", ".join(values)) for name, values in found.items())
