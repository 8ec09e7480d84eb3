"""From the networks in a run's folder: its agent as it was, and its scores again, to check its curve."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from etude_gym.difficulty.bands import cells_of
from etude_gym.environment.registration import make_domain
from etude_gym.measure.agent import load_policy_state
from etude_gym.measure.anchors import score_anchors
from etude_gym.measure.answers import Answers
from etude_gym.measure.curves import CurvePoint, LearningCurve, from_records, point_record
from etude_gym.runs.agents import load_agent_class, make_agent
from etude_gym.runs.config import RunConfig
from etude_gym.runs.folder import CALLS, CHECKPOINTS, CURVE, RECORD, IncompleteRun, Run, read_json
from etude_gym.runs.practice_run import one_thread

CLOSED = "http://127.0.0.1:9/v1"
"""In place of an endpoint that must not be asked: nothing listens there (port 9 discards)."""


def rescore(folder: Path) -> LearningCurve:
    """The learning curve of a finished run, from scores of its networks on the same anchor tasks.

    With the versions and the calibration of ``config.json``, on the same kind of machine, it is exactly what
    ``curve.jsonl`` holds. Networks are read as plain arrays, and a language model's replies from the run's
    record of calls, so that no endpoint is asked; the environment and the agent are imported by the names in
    ``config.json``, so look at these two first if the folder comes from a stranger.

    Args:
        folder: of the run.

    Raises:
        IncompleteRun: if the run is not finished, does not hold a network for each point of its curve, or
            is damaged.
        RuntimeError: if a reply is missing in the record of calls.
    """
    folder = Path(folder)
    return curve_of(folder, [point for point, _ in score_again(folder, calls=folder / CALLS)])


def rescore_answers(folder: Path) -> list[Answers]:
    """The answers of a finished run to the same anchor tasks, given again by its networks.

    They are those that ``answers.jsonl`` holds, before these were rounded.

    Args:
        folder: of the run.

    Raises:
        IncompleteRun, RuntimeError: as ``rescore`` does.
    """
    folder = Path(folder)
    return [answers for _, answers in score_again(folder, calls=folder / CALLS)]


def curve_of(folder: Path, points: Sequence[CurvePoint]) -> LearningCurve:
    """The curve that points of a run make, rounded as ``curve.jsonl`` is.

    Args:
        folder: of the run.
        points: of its curve.
    """
    config = RunConfig.read(folder)
    cells = cells_of(make_domain(config.env_id).space, config.bands)
    return from_records([point_record(point, cells, config.chance) for point in points])


def score_again(
    folder: Path,
    *,
    salt: int | None = None,
    items: int | None = None,
    calls: Path | None = None,
    ask: bool = False,
) -> Iterator[tuple[CurvePoint, Answers]]:
    """Score the networks of a finished run, one checkpoint after another.

    Args:
        folder: of the run.
        salt: of the anchor tasks; None for the run's own.
        items: anchor tasks per cell; None for as many as the run had.
        calls: a language model's record of calls, from which replies are taken.
        ask: whether to ask its endpoint for those that are missing, and to add them to the record.

    Raises:
        IncompleteRun, RuntimeError: as ``rescore`` does.
    """
    run, config = Run(folder), RunConfig.read(folder)
    if not run.finished:
        raise IncompleteRun(f"{folder} is not finished: its anchor tasks are still secret.")
    scored = [int(record["index"]) for record in run.read(CURVE)]
    if scored != list(run.networks):
        raise IncompleteRun(
            f"{folder} has scores of the checkpoints {scored}, but networks of {list(run.networks)}: it is "
            "damaged, or older than networks that are kept, and cannot be scored again."
        )
    if salt is None:
        salt = int(read_json(folder / RECORD)["anchor_salt"])
    load_agent_class(config.agent)
    with one_thread(), TemporaryDirectory() as copy:
        domain = make_domain(config.env_id)
        agent = _agent(config if ask else offline(config), domain)
        if keep_in := getattr(agent, "keep_in", None):
            keep_in(_record_of_calls(calls, Path(copy), ask))
        for name in run.networks.values():
            network = _network(run, name)
            load_policy_state(agent, network["policy"])
            index = network["index"]
            result = score_anchors(domain, agent, index, items or config.items, salt, config.bands)
            point = CurvePoint(index, network["compute"], network["env_steps"], result.scores)
            yield point, result.answers.at(point)


def offline(config: RunConfig) -> RunConfig:
    """The same run with an agent that asks no endpoint and joins no cluster.

    Args:
        config: of the run.
    """
    options = {name: value for name, value in config.options.items() if name != "resources"}
    return replace(config, options={**options, "base_url": CLOSED} if "base_url" in options else options)


def _record_of_calls(calls: Path | None, copy: Path, ask: bool) -> Path:
    """The folder of a record of calls: its own if it may grow, else one with a copy of it."""
    if calls is not None and ask:
        return calls.parent
    if calls is not None and calls.exists():
        shutil.copyfile(calls, copy / CALLS)
    return copy


def restored_agent(folder: Path, index: int | None = None) -> tuple[Any, float]:
    """The agent of a run as it was at one of its checkpoints.

    Args:
        folder: of the run.
        index: of the checkpoint, as in ``curve.jsonl``; None for the latest.

    Returns:
        The agent, and the training compute of the checkpoint.

    Raises:
        IncompleteRun: if the run holds no network, or a damaged one.
        ValueError: for a checkpoint that it does not hold.
    """
    run, config = Run(Path(folder)), RunConfig.read(Path(folder))
    if not run.networks:
        raise IncompleteRun(f"{folder} holds no networks yet.")
    if index is None:
        index = max(run.networks)
    if index not in run.networks:
        held = ", ".join(map(str, run.networks))
        raise ValueError(f"{folder} holds no checkpoint {index}; it holds {held}.")
    network = _network(run, run.networks[index])
    agent = _agent(config, make_domain(config.env_id))
    load_policy_state(agent, network["policy"])
    return agent, float(network["compute"])


def _agent(config: RunConfig, domain: Any) -> Any:
    """An agent that only acts: it needs no cluster."""
    options = {name: value for name, value in config.options.items() if name != "resources"}
    return make_agent(config.agent, domain, seed=config.seed, horizon=config.horizon, **options)


def _network(run: Run, name: str) -> dict[str, Any]:
    network = run.load(name) or {}
    if network.keys() != {"index", "compute", "env_steps", "policy"}:
        raise IncompleteRun(f"{run.folder / CHECKPOINTS / name} is no network of a checkpoint.")
    return network
