"""Asks a model: where it stands in a domain, by practice tasks that adapt and by anchor tasks that do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from etude_gym.agents.llm.calls import Calls
from etude_gym.agents.llm.client import Client
from etude_gym.agents.llm.endpoint import Endpoint
from etude_gym.agents.llm.memory import RULES, Memory
from etude_gym.agents.llm.placing import place_model, take_in_texts
from etude_gym.agents.llm.play import Player
from etude_gym.difficulty.bands import BANDS, ENTRY_BAND, ENTRY_LEVEL, cells_of, check_bands
from etude_gym.difficulty.placement import Placement
from etude_gym.environment.registration import make_domain
from etude_gym.environment.text_rounds import TextRounds, fingerprint
from etude_gym.environment.text_task import TextTask, draw_tasks, text_tasks
from etude_gym.environment.vector import EtudeVectorEnv
from etude_gym.errors import check_name
from etude_gym.measure.anchors import stratified_tasks
from etude_gym.measure.confidence import Reliability
from etude_gym.measure.copying import copied_replies
from etude_gym.measure.placing import FamilyPlacement, unplaced
from etude_gym.randomness import fresh_seed
from etude_gym.runs.folder import CALLS, CONFIG, EPISODES, IncompleteRun, Run, read_json, versions, write_json

PROFILE = "profile.json"
ROUND = 8
"""Tasks of a round that the adaptive sampler draws."""
EXAMPLES_SEED = 1
COPIED = 12
"""Anchor tasks of a cell whose reference replies are given to each other."""


@dataclass(frozen=True)
class Question:
    """What a model is asked in one domain: everything needed to ask it again.

    Args:
        env_id: id of the environment.
        endpoint: settings of the endpoint, by name.
        examples: worked solutions of easy tasks that stand before each task; fixed.
        rounds: of practice tasks, eight each, drawn by the adaptive sampler.
        items: anchor tasks of each family and band.
        bands: of the anchor tasks.
        max_turns: replies to a task, at most.
        rules: where rules and format stand: "system", "message" or "none".
        place: tasks of each family, at most, that place the model on the calibrated scale, instead of the
            rounds; 0 for none. Without a calibration there are rounds all the same.
        seed: of the practice tasks.
        versions: of all packages that matter.

    Raises:
        ValueError: for a number or band that is not allowed.
    """

    env_id: str
    endpoint: Mapping[str, Any]
    examples: int = 0
    rounds: int = 4
    items: int = 4
    bands: tuple[int, ...] = (ENTRY_BAND, *BANDS)
    max_turns: int = 8
    rules: str = "system"
    place: int = 0
    seed: int = 0
    versions: Mapping[str, str] = field(default_factory=versions)

    def __post_init__(self) -> None:
        object.__setattr__(self, "bands", check_bands(self.bands))
        for name, least in (("examples", 0), ("rounds", 0), ("items", 1), ("max_turns", 1), ("place", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}.")
        check_name("place of the rules", self.rules, RULES)
        Endpoint(**self.endpoint)


@dataclass(frozen=True)
class CellProfile:
    """What a model did on the anchor tasks of a family in a band.

    Attributes:
        family, band: the cell.
        scores: of the tasks that were graded.
        left_out: tasks that were not, through no fault of the model, or that the rounds had asked.
        statuses: of the last replies, counted.
        copied: mean score of reference replies of other tasks.
        constant: mean score of the best of them.
    """

    family: str
    band: int
    scores: tuple[float, ...]
    left_out: int
    statuses: Mapping[str, int]
    copied: float
    constant: float


@dataclass(frozen=True)
class Profile:
    """Where a model stands in a domain.

    Attributes:
        question: what was asked.
        sampler: its estimates after the adaptive rounds.
        rounds_score: mean score on their tasks; None without any.
        placement: on the calibrated scale of each family, by all answers; none without a calibration.
        cells: by family and band.
        reliability: of the confidence it stated; None where the domain asks for none.
        tokens: by line of the ledger and unit.
        practiced: anchor tasks left out as the rounds had asked the same.
    """

    question: Question
    sampler: Mapping[str, float]
    rounds_score: float | None
    placement: tuple[FamilyPlacement, ...]
    cells: tuple[CellProfile, ...]
    reliability: Reliability | None
    tokens: Mapping[str, Mapping[str, float]]
    practiced: int

    def record(self) -> dict[str, Any]:
        """The profile as plain data."""
        return {
            "question": asdict(self.question),
            "sampler": dict(self.sampler),
            "rounds_score": self.rounds_score,
            "placement": [family.record() for family in self.placement],
            "cells": [asdict(cell) for cell in self.cells],
            "reliability": self.reliability.record() if self.reliability else None,
            "tokens": {line: dict(amounts) for line, amounts in self.tokens.items()},
            "practiced": self.practiced,
        }


def begin(folder: Path, question: Question) -> None:
    """Lay out a folder for a question.

    Args:
        folder: made if it does not exist.
        question: what is asked.

    Raises:
        FileExistsError: if it holds one already.
    """
    if (folder / CONFIG).exists():
        raise FileExistsError(f"{folder} holds a question already. Go on with --resume, or choose another.")
    make_domain(question.env_id)
    write_json(folder / CONFIG, {**asdict(question), "salt": fresh_seed()})


def ask(
    folder: Path,
    on_progress: Callable[[Any], None] = lambda _: None,
    on_placed: Callable[[Mapping[str, Placement]], None] = lambda _: None,
) -> Profile:
    """Ask what a folder says, or what is left of it: answers are never asked for twice.

    Args:
        folder: laid out by ``begin``.
        on_progress: told the counts of the client whenever they change.
        on_placed: told the placements before each round of tasks that place the model.

    Raises:
        IncompleteRun: if the folder holds no question.
        RuntimeError: if the endpoint fails; what was answered is kept.
    """
    config = dict(read_json(folder / CONFIG))
    try:
        salt = int(config.pop("salt"))
        question = Question(**{**config, "bands": tuple(config["bands"])})
    except (KeyError, TypeError) as error:
        raise IncompleteRun(f"{folder / CONFIG} is no question that `etude ask` wrote ({error}).") from None
    run = Run(folder)
    with run.lock():
        domain = make_domain(question.env_id)
        client = Client(Endpoint(**question.endpoint), Calls(folder / CALLS))
        player = Player(client, _memory(question, domain), max_turns=question.max_turns)
        player.on_progress = on_progress
        placements = unplaced(domain.space)
        placing = bool(question.place and placements)
        sampler, score, practiced = _rounds(
            question, domain, player, placements, 0 if placing else question.rounds
        )
        tasks = text_tasks(
            domain, stratified_tasks(domain, "anchor", 0, question.items, salt, question.bands)
        )
        said = [fingerprint(task) for task in tasks]
        seen = [each in practiced for each in said]
        graded = player.play(tasks, "evaluation", [f"evaluation/{task.key:016x}" for task in tasks])
        counts = [was_graded and not known for was_graded, known in zip(graded, seen, strict=True)]
        take_in_texts(placements, tasks, counts)
        if placing:
            place_model(domain, player, placements, question.place, question.seed, set(said), on_placed)
        (folder / EPISODES).unlink(missing_ok=True)  # made anew: a run that goes on plays everything again
        for episode in player.take_episodes():
            run.append(EPISODES, 0, episode)
        profile = Profile(
            question,
            sampler,
            score,
            tuple(FamilyPlacement.of(family, [each]) for family, each in placements.items()),
            _cells(question, domain, tasks, counts),
            _reliability(tasks, counts),
            client.calls.amounts(),
            sum(seen),
        )
        write_json(folder / PROFILE, profile.record())
        return profile


def _memory(question: Question, domain: Any) -> Memory:
    """Worked solutions of easy practice tasks of each family."""
    memory = Memory(question.examples, question.rules)
    level = dict.fromkeys(domain.space.names, ENTRY_LEVEL / 2)
    for family in domain.space.families:
        chosen = draw_tasks(
            domain, "practice", question.examples, EXAMPLES_SEED, difficulty=level, family=family
        )
        for task in chosen:
            memory.add(family, task.parts.task, task.reference(), "")
    return memory


def _rounds(
    question: Question, domain: Any, player: Player, placements: Mapping[str, Placement], number: int
) -> tuple[dict[str, float], float | None, set[int]]:
    """Rounds of the adaptive sampler: what it thinks then, the mean score, and what was asked."""
    env = EtudeVectorEnv(domain, ROUND, autoreset_mode=AutoresetMode.SAME_STEP, practice="adaptive")
    env.reset(seed=question.seed)
    rounds = TextRounds(env)
    scores: list[float] = []
    for index in range(number):
        tasks = rounds.draw()
        names = [f"rollout/{index * ROUND + i}/{task.key:016x}" for i, task in enumerate(tasks)]
        graded = player.play(tasks, "rollout", names)
        rounds.report(tasks, graded)
        take_in_texts(placements, tasks, graded)
        scores += [task.outcome()["score"] for task, counts in zip(tasks, graded, strict=True) if counts]
    described = env.stream.sampler.describe() if number else {}
    return described, float(np.mean(scores)) if scores else None, rounds.practiced


def _cells(
    question: Question, domain: Any, tasks: list[TextTask], counts: list[bool]
) -> tuple[CellProfile, ...]:
    probes = text_tasks(domain, stratified_tasks(domain, "probe", 0, COPIED, bands=question.bands))
    profiles = []
    for cell, (family, band) in enumerate(cells_of(domain.space, question.bands)):
        rows = range(cell * question.items, (cell + 1) * question.items)
        worth = copied_replies(probes[cell * COPIED : (cell + 1) * COPIED])
        profiles.append(
            CellProfile(
                family,
                band,
                tuple(float(tasks[row].outcome()["score"]) for row in rows if counts[row]),
                sum(not counts[row] for row in rows),
                dict(Counter(str(tasks[row].outcome()["status"]) for row in rows if counts[row])),
                worth.copied,
                worth.best_constant,
            )
        )
    return tuple(profiles)


def _reliability(tasks: list[TextTask], counts: list[bool]) -> Reliability | None:
    outcomes = [task.outcome() for task, each in zip(tasks, counts, strict=True) if each]
    if not outcomes or "confidence" not in outcomes[0]:
        return None
    stated = np.array([outcome["confidence"] for outcome in outcomes], dtype=np.float64)
    return Reliability.from_answers(stated, np.array([bool(outcome["correct"]) for outcome in outcomes]))
