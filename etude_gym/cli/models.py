"""``etude ask`` and ``etude curve``: language models behind endpoints."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from etude_gym.cli.terminal import console, say, shown
from etude_gym.environment.registration import make_domain
from etude_gym.runs.agents import load_tool
from etude_gym.runs.folder import timestamp


@dataclass(frozen=True)
class EndpointOptions:
    """How an OpenAI-compatible endpoint is asked.

    The key is read from the environment variable ETUDE_API_KEY or OPENAI_API_KEY, and written nowhere.

    Attributes:
        concurrency: requests under way at once.
        max_tokens: tokens of a reply, at most.
        temperature: of sampling; 0 is greedy.
        deadline: seconds for one request in all, with everything that is tried again.
        timeout: seconds for one attempt.
        json_schema: let the server enforce the JSON form of replies.
        tokenizer: `characters` counts four characters as a token, for servers that report no usage.
    """

    concurrency: Annotated[int, shown("N")] = 4
    max_tokens: Annotated[int, shown("N")] = 2048
    temperature: Annotated[float, shown("T")] = 0.0
    deadline: Annotated[float, shown("SECONDS")] = 600.0
    timeout: Annotated[float, shown("SECONDS")] = 120.0
    json_schema: tyro.conf.FlagCreatePairsOff[bool] = False
    tokenizer: Annotated[str, shown("NAME", "default: what the server reports")] = ""

    @property
    def settings(self) -> dict[str, Any]:
        """As arguments of an endpoint."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


def _resumed(command: Any, folder: Path) -> Path:
    """The folder to go on with.

    Raises:
        ValueError: if anything else is given, which would be ignored.
    """
    given = [f.name.replace("_", "-") for f in fields(command) if getattr(command, f.name) != f.default]
    if others := [name for name in given if name != "resume"]:
        raise ValueError(f"--resume reads everything from the folder: leave out {', '.join(others)}.")
    return folder


@dataclass(frozen=True)
class Ask:
    """Ask a language model: where it stands in one or more environments.

    First it gets practice tasks that adapt to it, then anchor tasks of every family and band. Where there is
    a calibration, all answers place it on its scale; `--place N` asks on until that is known well.
    Any OpenAI-compatible endpoint will do. Interrupted, `etude ask --resume FOLDER` goes on without asking
    again what was answered. For example:
      etude ask EtudePlan-v0 EtudeLogic-v0 --model NAME --base-url http://127.0.0.1:8080/v1

    Args:
        env: ids of the environments.
        model: name of the model at the endpoint.
        base_url: address of the endpoint, such as http://127.0.0.1:8080/v1.
        examples: worked solutions of easy tasks to show before each task.
        items: anchor tasks of each family and band.
        bands: of the anchor tasks: -1 is the entry band below the first one, 0 the easiest, 3 the hardest.
        rounds: of practice tasks that adapt to it, eight each.
        place: instead of the rounds, tasks that tell most of its ability in each family, N at most, until its
            standard error is 0.25 logits; about 100 are enough, unless all are too hard or too easy for it.
        rules: where rules and format stand: in a `system` message, in the first user `message`, or nowhere
            (`none`: for models that were trained without them).
        out: folder of the results.
        resume: a folder to go on with; everything else is read from there.
        endpoint: how the endpoint is asked.
    """

    env: tyro.conf.Positional[Annotated[tuple[str, ...], shown("[ID ...]", "at least one")]] = ()
    model: Annotated[str | None, shown("NAME", "required")] = None
    base_url: Annotated[str | None, shown("URL", "required")] = None
    examples: Annotated[int, shown("N")] = 0
    items: Annotated[int, shown("N")] = 4
    bands: Annotated[tuple[int, ...], shown("N ...")] = (-1, 0, 1, 2, 3)
    rounds: Annotated[int, shown("N")] = 4
    place: Annotated[int, shown("N", "default: 0, none")] = 0
    rules: Literal["system", "message", "none"] = "system"
    out: Annotated[Path | None, shown("FOLDER", "default: runs/ask-TIME")] = None
    resume: Annotated[Path | None, shown("FOLDER", "default: ask anew")] = None
    endpoint: Annotated[EndpointOptions, tyro.conf.arg(name="")] = EndpointOptions()

    def run(self) -> None:
        """Ask, print a table for each environment, write a report."""
        from etude_gym.cli.asking import REPORT, counting, profile_tables, write_report

        ask = load_tool("ask")
        folder = self._begin(ask) if self.resume is None else _resumed(self, self.resume)
        inside = sorted(path.parent for path in folder.glob("*/config.json"))
        if not inside:
            raise ValueError(f"{folder} holds nothing that was asked. Ask with: etude ask ID --model ...")
        say(f"Answers are kept. If it is interrupted: etude ask --resume {shlex.quote(str(folder))}")
        profiles = []
        for part in inside:
            with counting(console, part.name) as show:
                profiles.append(ask.ask(part, show.count, show.place))
            console.print(profile_tables(profiles[-1]))
            console.print()
        write_report(folder / REPORT, profiles)
        say(f"Report: {folder / REPORT}")

    def _begin(self, ask: Any) -> Path:
        if not (self.env and self.model and self.base_url):
            raise ValueError(
                "Name an environment, the model and its endpoint: "
                "etude ask EtudePlan-v0 --model NAME --base-url http://127.0.0.1:8080/v1"
            )
        folder = self.out or Path("runs") / f"ask-{timestamp()}"
        endpoint = {"base_url": self.base_url, "model": self.model, **self.endpoint.settings}
        questions = [
            ask.Question(
                env_id=env_id,
                endpoint=endpoint,
                examples=self.examples,
                rounds=self.rounds,
                place=self.place,
                items=self.items,
                bands=self.bands,
                rules=self.rules,
            )
            for env_id in self.env
        ]
        for question in questions:
            make_domain(question.env_id)  # all of them, before anything is written
        for question in questions:
            ask.begin(folder / question.env_id.rpartition(":")[2], question)
        return folder


@dataclass(frozen=True)
class Curve:
    """The learning curve of a model that was trained elsewhere, from its checkpoints.

    Every checkpoint answers the same anchor tasks. The folder is a run: `etude compare FOLDER FOLDER` sets
    one curve against another. For example:
      etude curve EtudePlan-v0 --checkpoint 0=base@http://host:8080/v1 2e13=tuned@http://host:8080/v1

    Args:
        env: id of the environment.
        checkpoint: the checkpoints in the order of their training compute, as COMPUTE=URL or
            COMPUTE=MODEL@URL; the first is the model before training, at compute 0.
        name: of the series, by which comparisons call it.
        model: name of the model at the endpoints, where a checkpoint has none of its own.
        unit: of the compute, `flops` or `tokens`.
        items: anchor tasks of each family and band.
        bands: of the anchor tasks: -1 is the entry band below the first one, 0 the easiest, 3 the hardest.
        rules: where rules and format stand: in a `system` message, in the first user `message`, or nowhere
            (`none`: for models that were trained without them).
        out: folder of the results.
        resume: a folder to go on with; everything else is read from there.
        endpoint: how the endpoint is asked.
    """

    env: tyro.conf.Positional[Annotated[str, shown("[ID]")]] = "EtudePlan-v0"
    checkpoint: Annotated[tuple[str, ...], shown("COMPUTE=URL ...", "at least two")] = ()
    name: Annotated[str, shown("NAME")] = "series"
    model: Annotated[str | None, shown("NAME", "default: none")] = None
    unit: Annotated[str, shown("UNIT")] = "flops"
    items: Annotated[int, shown("N")] = 20
    bands: Annotated[tuple[int, ...], shown("N ...")] = (-1, 0, 1, 2, 3)
    rules: Literal["system", "message", "none"] = "system"
    out: Annotated[Path | None, shown("FOLDER", "default: runs/curve-NAME-TIME")] = None
    resume: Annotated[Path | None, shown("FOLDER", "default: ask anew")] = None
    endpoint: Annotated[EndpointOptions, tyro.conf.arg(name="")] = EndpointOptions()

    def run(self) -> None:
        """Ask the checkpoints and print the curve."""
        from etude_gym.cli.asking import counting, curve_table

        tool = load_tool("curve")
        folder = self._begin(tool) if self.resume is None else _resumed(self, self.resume)
        say(f"Answers are kept. If it is interrupted: etude curve --resume {shlex.quote(str(folder))}")
        with counting(console, "checkpoints") as show:
            curve = tool.measure(folder, show.count)
        console.print(curve_table(curve))
        say(f"Set it against another curve: etude compare {shlex.quote(str(folder))} FOLDER")

    def _begin(self, tool: Any) -> Path:
        series = tool.Series(
            env_id=self.env,
            name=self.name,
            checkpoints=tuple(tool.ModelCheckpoint.parse(text, self.model) for text in self.checkpoint),
            unit=self.unit,
            settings=self.endpoint.settings,
            items=self.items,
            bands=self.bands,
            rules=self.rules,
        )
        folder = self.out or Path("runs") / f"curve-{self.name}-{timestamp()}"
        tool.begin(folder, series)
        return folder
