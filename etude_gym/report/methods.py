"""Methods: which runs belong together, and what they are called.

A method is what is compared: an agent, its options, and the arm that chose its tasks. Its name holds what
tells it from the others, unless the user names it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etude_gym.errors import check_name
from etude_gym.runs.config import RunConfig
from etude_gym.runs.finished import LoadedRun, find_runs, load_run
from etude_gym.runs.folder import IncompleteRun, Run

OPTION = "option:"
UNSET = "–"
ELSEWHERE = "resources"
"""The option that says where an agent runs, not how it learns."""


@dataclass(frozen=True)
class Source:
    """A folder of runs, and perhaps the name by which they are called.

    Attributes:
        folder: of a run or of an experiment.
        name: of its method, or what the names of its methods begin with; None names them by what they are.
    """

    folder: Path
    name: str | None = None

    @classmethod
    def parse(cls, text: str) -> Source:
        """Read "FOLDER" or "NAME=FOLDER"; names and folders may contain "=".

        Args:
            text: as it was given.
        """
        places = [place for place, letter in enumerate(text) if letter == "="]
        if Path(text).is_dir() or not places:
            return cls(Path(text))
        place = next((place for place in places if Path(text[place + 1 :]).is_dir()), places[0])
        if not text[:place].strip():
            raise ValueError(f"{text!r} has no name before '='. Runs are given as FOLDER or NAME=FOLDER.")
        return cls(Path(text[place + 1 :]), text[:place].strip())


@dataclass(frozen=True)
class NamedRun:
    """A finished run under the name of its source; "" without one."""

    source: str
    run: LoadedRun


def load_sources(sources: Sequence[Path | Source]) -> tuple[list[NamedRun], list[Path]]:
    """Read all finished runs of the sources.

    Args:
        sources: folders of runs or of experiments, with or without names.

    Returns:
        The runs that are finished, in the order given; folders of those that are not.

    Raises:
        IncompleteRun: if a folder does not exist or holds no run, or none is finished.
    """
    finished: dict[tuple[str, Path], LoadedRun] = {}
    unfinished: list[Path] = []
    for source in (each if isinstance(each, Source) else Source(each) for each in sources):
        for folder in find_runs([source.folder]):
            if not Run(folder).finished:
                unfinished.append(folder)
            elif (key := (source.name or "", folder)) not in finished:
                finished[key] = load_run(folder)
    if not finished:
        raise IncompleteRun("No run is finished yet. Continue with etude practice --resume.")
    unnamed = {run.config.name for (name, _), run in finished.items() if not name}
    return [
        NamedRun(name or (run.config.name if len(unnamed) > 1 else ""), run)
        for (name, _), run in finished.items()
    ], list(dict.fromkeys(unfinished))


def group_by_method(runs: Sequence[NamedRun], by: str | None = None) -> dict[str, dict[int, LoadedRun]]:
    """Put the runs of each method together.

    Args:
        runs: of all methods.
        by: what a method is: "agent", "arm" or "option:NAME"; None for all of it.

    Returns:
        Runs by name of the method and by seed, in the order given.

    Raises:
        ValueError: for another ``by``, or two runs of one method and seed.
    """
    if by is not None:
        _check_by(by, runs)
    methods: dict[str, dict[int, NamedRun]] = {}
    for source in dict.fromkeys(named.source for named in runs):
        own = [named for named in runs if named.source == source]
        names = _names(source, [named.run.config for named in own], by)
        for name, named in zip(names, own, strict=True):
            by_seed = methods.setdefault(name, {})
            other = by_seed.setdefault(named.run.config.seed, named)
            if other is not named:
                raise ValueError(
                    f"{other.run.folder} and {named.run.folder} are both {name!r} with seed "
                    f"{named.run.config.seed}: give one of them, or tell them apart by name, as in "
                    f"one={other.run.folder} other={named.run.folder}"
                )
    return {
        name: {seed: named.run for seed, named in sorted(by_seed.items())}
        for name, by_seed in methods.items()
    }


def settings(config: RunConfig) -> dict[str, Any]:
    """What shapes learning besides agent and arm: options of both, and environments side by side.

    Args:
        config: of a run.
    """
    options = {name: value for name, value in config.options.items() if name != ELSEWHERE}
    before = {} if config.start is None else {"runs_before": config.start["runs_before"]}
    return {"num_envs": config.num_envs, **before, **config.sampler_options, **options}


def shown(value: Any) -> str:
    """A setting as it is written in names and tables.

    Args:
        value: what JSON holds.
    """
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


def _names(source: str, configs: Sequence[RunConfig], by: str | None) -> list[str]:
    """The method of every run of one source."""
    parts = [_parts(config) if by is None else [_value(config, by)] for config in configs]
    if by is None:
        kept = [place for place in (0, 1) if len({part[place] for part in parts}) > 1]
        if not kept and not source:
            kept = [1]
        parts = [[part[place] for place in kept] for part in parts]
    elif source and len({tuple(part) for part in parts}) == 1:
        parts = [[] for _ in parts]
    labels = ["/".join([source, *part] if source else part) for part in parts]
    return labels if by is not None else _with_options(labels, configs)


def _parts(config: RunConfig) -> list[str]:
    return [config.agent, config.arm]


def _with_options(labels: Sequence[str], configs: Sequence[RunConfig]) -> list[str]:
    """Labels with the settings in which methods of one label, agent and arm differ."""
    names = []
    for label, config in zip(labels, configs, strict=True):
        alike = [settings(c) for own, c in zip(labels, configs, strict=True) if own == label]
        own = settings(config)
        different = [
            name
            for name in dict.fromkeys(name for each in alike for name in each)
            if len({shown(each.get(name, UNSET)) for each in alike}) > 1
        ]
        names.append(",".join([label, *(f"{name}={shown(own.get(name, UNSET))}" for name in different)]))
    return names


def _value(config: RunConfig, by: str) -> str:
    if by.startswith(OPTION):
        name = by.removeprefix(OPTION)
        return f"{name}={shown(settings(config).get(name, UNSET))}"
    return str(getattr(config, by))


def _check_by(by: str, runs: Sequence[NamedRun]) -> None:
    if not by.startswith(OPTION):
        check_name("way to group runs", by, ("agent", "arm", f"{OPTION}NAME"))
    else:
        known: Mapping[str, None] = dict.fromkeys(name for each in runs for name in settings(each.run.config))
        check_name("option of these runs", by.removeprefix(OPTION), known)
