"""The learning curve of models that were trained elsewhere: checkpoints on one set of anchor tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from etude_gym.agents.llm.calls import Calls
from etude_gym.agents.llm.client import Client
from etude_gym.agents.llm.endpoint import Endpoint
from etude_gym.agents.llm.memory import RULES, Memory
from etude_gym.agents.llm.play import Player
from etude_gym.difficulty.bands import BANDS, ENTRY_BAND, cells_of, check_bands
from etude_gym.environment.registration import make_domain
from etude_gym.errors import check_name
from etude_gym.measure.anchors import score_anchors
from etude_gym.measure.compute import AXES, ComputeMeter
from etude_gym.measure.copying import text_chance_levels
from etude_gym.measure.curves import CurvePoint, LearningCurve, from_records, point_record
from etude_gym.randomness import fresh_seed
from etude_gym.runs.config import RunConfig
from etude_gym.runs.folder import (
    ANSWERS,
    CALLS,
    COMPUTE,
    CURVE,
    EPISODES,
    RECORD,
    IncompleteRun,
    Run,
    read_json,
    write_json,
)
from etude_gym.runs.provenance import provenance

SETUP = "checkpoints.json"


@dataclass(frozen=True)
class ModelCheckpoint:
    """A model at some training compute, behind an endpoint.

    Args:
        compute: that it was trained with since the series began, in FLOPs or in tokens.
        base_url: of the endpoint that serves it.
        model: its name there.
    """

    compute: float
    base_url: str
    model: str

    @classmethod
    def parse(cls, text: str, model: str | None) -> ModelCheckpoint:
        """Read "COMPUTE=URL" or "COMPUTE=MODEL@URL".

        Args:
            text: as it was given.
            model: the name where the text has none.

        Raises:
            ValueError: for anything else.
        """
        form = "A checkpoint reads COMPUTE=URL or COMPUTE=MODEL@URL, such as 2e13=http://127.0.0.1:8080/v1"
        compute, _, where = text.partition("=")
        name, _, _ = where.rpartition("@http")
        url = where.removeprefix(f"{name}@")
        try:
            amount = float(compute)
        except ValueError:
            raise ValueError(f"{form}; got {text!r}.") from None
        if not 0 <= amount < float("inf") or not url:
            raise ValueError(f"{form}; got {text!r}.")
        if not (name or model):
            raise ValueError(f"{text!r} names no model: give --model, or MODEL@URL.")
        return cls(amount, url, name or str(model))


@dataclass(frozen=True)
class Series:
    """Checkpoints of one model, and how they are asked.

    Args:
        env_id: id of the environment.
        name: of the series; what comparisons call it.
        checkpoints: in the order of compute, at least two, the first at compute 0.
        unit: of their compute, "flops" or "tokens".
        settings: others of the endpoint.
        items: anchor tasks of each family and band.
        bands: of the anchor tasks.
        rules: where rules and format stand: "system", "message" or "none".

    Raises:
        ValueError: for checkpoints that make no curve.
    """

    env_id: str
    name: str
    checkpoints: tuple[ModelCheckpoint, ...]
    unit: str = "flops"
    settings: Mapping[str, Any] = field(default_factory=dict)
    items: int = 20
    bands: tuple[int, ...] = (ENTRY_BAND, *BANDS)
    rules: str = "system"

    def __post_init__(self) -> None:
        amounts = [checkpoint.compute for checkpoint in self.checkpoints]
        if len(amounts) < 2 or amounts[0] != 0 or sorted(set(amounts)) != amounts:
            raise ValueError(
                "A curve takes at least two checkpoints in the order of their compute, the first at 0: the "
                f"model before training. Got {amounts}."
            )
        if self.items < 1:
            raise ValueError(f"items must be at least 1, got {self.items}.")
        check_name("unit", self.unit, AXES)
        check_name("place of the rules", self.rules, RULES)
        object.__setattr__(self, "bands", check_bands(self.bands))
        for checkpoint in self.checkpoints:
            self.endpoint(checkpoint)

    def endpoint(self, checkpoint: ModelCheckpoint) -> Endpoint:
        """Where a checkpoint answers.

        Args:
            checkpoint: of the series.
        """
        return Endpoint(base_url=checkpoint.base_url, model=checkpoint.model, **self.settings)


def begin(folder: Path, series: Series) -> None:
    """Lay out the folder of a series: a run, which ``etude compare`` reads once it is finished.

    Args:
        folder: made if it does not exist.
        series: what is measured.

    Raises:
        FileExistsError: if it holds one already.
    """
    if (folder / SETUP).exists():
        raise FileExistsError(f"{folder} holds a curve already. Go on with --resume, or choose another.")
    domain = make_domain(series.env_id)
    chance = text_chance_levels(domain, bands=series.bands).round(6).tolist()
    RunConfig(
        env_id=series.env_id,
        arm=series.name,
        agent="curve",
        seed=0,
        horizon=series.checkpoints[-1].compute,
        num_envs=1,
        items=series.items,
        chance=tuple(chance),
        unit=series.unit,
        bands=series.bands,
        interface="text",
        **provenance(),
    ).write(folder)
    write_json(folder / SETUP, {**asdict(series), "salt": fresh_seed()})


def measure(folder: Path, on_progress: Callable[[Any], None] = lambda _: None) -> LearningCurve:
    """Ask all checkpoints, or those that are left.

    Args:
        folder: laid out by ``begin``.
        on_progress: told the counts of the client whenever they change.

    Raises:
        IncompleteRun: if the folder holds no series.
        RuntimeError: if an endpoint fails; what was answered is kept.
    """
    series, salt = _read(folder)
    config, run = RunConfig.read(folder), Run(folder)
    with run.lock():
        domain, calls = make_domain(config.env_id), Calls(folder / CALLS)
        done = len(run.read(CURVE))
        run.supersede(done - 1)
        for index, checkpoint in enumerate(series.checkpoints[done:], start=done):
            model = _Checkpoint(
                Player(Client(series.endpoint(checkpoint), calls), Memory(0, series.rules)), index
            )
            model.player.on_progress = on_progress
            result = score_anchors(domain, model, 0, config.items, salt, config.bands)
            for episode in model.player.take_episodes():
                run.append(EPISODES, index, episode)
            point = CurvePoint(index, checkpoint.compute, 0, result.scores)
            run.append(ANSWERS, index, result.answers.at(point).record())
            record = point_record(point, cells_of(domain.space, config.bands), config.chance)
            run.append(CURVE, index, record | result.record())
        return _finish(run, config, calls, salt)


def _read(folder: Path) -> tuple[Series, int]:
    """The series of a folder, and the salt of its anchor tasks."""
    setup = dict(read_json(folder / SETUP))
    try:
        salt = int(setup.pop("salt"))
        checkpoints = tuple(ModelCheckpoint(**each) for each in setup.pop("checkpoints"))
        return Series(**{**setup, "checkpoints": checkpoints, "bands": tuple(setup["bands"])}), salt
    except (KeyError, TypeError) as error:
        raise IncompleteRun(f"{folder / SETUP} is no series that `etude curve` wrote ({error}).") from None


def _finish(run: Run, config: RunConfig, calls: Calls, salt: int) -> LearningCurve:
    """Write the ledger and the record of a finished run."""
    meter = ComputeMeter()
    meter.add("rollout", **{"flops" if config.unit == "flops" else "tokens_in": config.horizon})
    for line in ("evaluation", "repeated"):
        meter.add(line, **calls.amounts()[line])
    curve = from_records(run.read(CURVE))
    write_json(run.folder / COMPUTE, meter.state_dict())
    write_json(
        run.folder / RECORD,
        {
            "anchor_salt": salt,
            "iterations": len(curve),
            "final_anchor_score": float(curve.mean[-1]),
            "compute": meter.state_dict(),
        },
    )
    return curve


class _Checkpoint:
    """A model that answers anchor tasks, all checkpoints the same ones."""

    def __init__(self, player: Player, index: int) -> None:
        self.player, self._index = player, index

    def play(self, tasks: Sequence[Any]) -> list[bool]:
        """Reply to the tasks."""
        names = [f"evaluation/{self._index}/{task.key:016x}" for task in tasks]
        return self.player.play(tasks, "evaluation", names)
