"""What runs have to agree in to be compared, and what they differ in."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from etude_gym.measure.compute import unit_name
from etude_gym.measure.curves import INCOMPLETE_TOLERANCE
from etude_gym.measure.practice_efficiency import CHANCE_TOLERANCE
from etude_gym.report.methods import ELSEWHERE, UNSET, shown
from etude_gym.runs.config import RunConfig
from etude_gym.runs.finished import LoadedRun


def environment_name(config: RunConfig) -> str:
    """The id of a run's environment, without the module that registers it.

    Args:
        config: of the run.
    """
    return config.env_id.rpartition(":")[2]


def check_agreement(runs: Sequence[LoadedRun]) -> None:
    """Raise unless runs can be compared: same tasks, same axis of compute, same end, same cells, same chance.

    Args:
        runs: at least one.

    Raises:
        ValueError: naming two runs that disagree, their values and what to do.
    """
    first = runs[0]
    for name, value, agree, advice in _RULES:
        for run in runs[1:]:
            mine, its = value(first.config), value(run.config)
            if not agree(mine, its):
                raise ValueError(
                    f"Runs can be compared only if they share {name}: {first.folder} has {_text(mine)}, "
                    f"{run.folder} has {_text(its)}. {advice(first.config, run.config)}"
                )
    _check_chance(runs)


def differences(methods: Mapping[str, Sequence[LoadedRun]]) -> dict[str, dict[str, tuple[str, ...]]]:
    """What methods that are compared differ in.

    Args:
        methods: runs by name of the method.

    Returns:
        By what differs, the methods that have each value. What the names of the methods say already is left
        out.
    """
    facts = {name: [_facts(run.config) for run in runs] for name, runs in methods.items()}
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for what in dict.fromkeys(what for own in facts.values() for each in own for what in each):
        values: dict[str, list[str]] = {}
        for name, own in facts.items():
            for value in dict.fromkeys(each.get(what, UNSET) for each in own):
                values.setdefault(value, []).append(name)
        if len(values) > 1 and any(names != [value] for value, names in values.items()):
            found[what] = {value: tuple(names) for value, names in values.items()}
    return found


def _facts(config: RunConfig) -> dict[str, str]:
    """Everything about a run that may differ, as it is shown."""
    facts: dict[str, Any] = {
        "agent": config.agent,
        "arm": config.arm,
        **config.options,
        "num_envs": config.num_envs,
        "items": config.items,
        "horizon": f"{config.horizon:.4g}",
        "interface": config.interface,
        "host": config.host.get("name", UNSET),
        "date": config.date[:10] or UNSET,
        "notes": config.notes or UNSET,
        **{f"commit of {name}": commit for name, commit in config.commit.items()},
        **{f"version of {name}": version for name, version in config.versions.items()},
    }
    facts.pop(ELSEWHERE, None)
    return {name: shown(value) for name, value in facts.items()}


def _check_chance(runs: Sequence[LoadedRun]) -> None:
    """Guessing earns the same in every run that answers in the same way."""
    firsts: dict[str, LoadedRun] = {}
    for run in runs:
        first = firsts.setdefault(run.config.interface, run)
        if not np.allclose(first.curve.chance, run.curve.chance, rtol=0, atol=CHANCE_TOLERANCE):
            raise ValueError(
                f"Runs can be compared only if they share chance levels: those of {first.folder} and "
                f"{run.folder} differ, so tasks or scores of {first.config.env_id} have changed in between. "
                "Practice anew what is older."
            )


_Rule = tuple[
    str, Callable[[RunConfig], Any], Callable[[Any, Any], bool], Callable[[RunConfig, RunConfig], str]
]


def _equal(mine: Any, its: Any) -> bool:
    return bool(mine == its)


def _text(value: Any) -> str:
    return (
        f"{value:.4g}"
        if isinstance(value, float)
        else " ".join(map(str, value))
        if isinstance(value, tuple)
        else str(value)
    )


_RULES: tuple[_Rule, ...] = (
    ("env_id", environment_name, _equal, lambda a, b: "Compare one environment at a time."),
    (
        "suite_version",
        lambda config: config.suite_version,
        _equal,
        lambda a, b: "The tasks have changed in between: practice anew what is older.",
    ),
    (
        "calibration",
        lambda config: config.calibration,
        _equal,
        lambda a, b: "Bands of difficulty have moved in between: practice anew what is older.",
    ),
    (
        "unit",
        lambda config: unit_name(config.unit),
        _equal,
        lambda a, b: "FLOPs of a language model are counted if --parameters says how many it has.",
    ),
    (
        "horizon",
        lambda config: config.horizon,
        lambda mine, its: math.isclose(mine, its, rel_tol=INCOMPLETE_TOLERANCE),
        lambda a, b: f"Practice one of them anew, with --horizon {a.horizon:.6g} or {b.horizon:.6g}.",
    ),
    (
        "bands",
        lambda config: config.bands,
        _equal,
        lambda a, b: f"Measure one of them anew, with --bands {_text(a.bands)} or {_text(b.bands)}.",
    ),
)
"""What has to agree: its name, its value, whether two values agree, what to do if not."""
