"""Reads the answers of a panel, and finds, writes and ships the prerequisites among a domain's skills."""

from __future__ import annotations

import inspect
import json
import shlex
from pathlib import Path

import numpy as np

from etude_gym.environment.registration import make_domain
from etude_gym.measure.mastery import score_skills
from etude_gym.measure.prerequisite_map import PrerequisiteMap
from etude_gym.measure.prerequisites import find_prerequisites
from etude_gym.runs.answers import Answers, read_answers
from etude_gym.runs.config import RunConfig
from etude_gym.runs.finished import find_runs
from etude_gym.runs.folder import IncompleteRun, versions, write_json
from etude_gym.runs.panel import PANEL, Panel
from etude_gym.tasks.domain import Domain

SHIPPED = "prerequisites.json"
"""The file beside a domain's module, and the one that the command writes."""


def map_prerequisites(env_id: str, panel: Path) -> PrerequisiteMap:
    """Find the prerequisites among the skills of a domain.

    Args:
        env_id: of the environment.
        panel: folder of a panel that ``etude panel`` recorded, or one that holds runs, each of which is a
            lineage.

    Raises:
        IncompleteRun: if the folder holds no run of the environment.
        ValueError: if the domain declares no skills.
    """
    domain = make_domain(env_id)
    answers = _answers(env_id, Path(panel))
    lineages = np.repeat(np.arange(len(answers)), [len(of_one) for of_one in answers])
    rows = [evaluation for of_one in answers for evaluation in of_one]
    scores = score_skills(domain.space, domain.skills, lineages, rows)
    families = [_ability(domain, place) for place in range(len(domain.skills))]
    compute = np.array([evaluation.compute for evaluation in rows])
    analysis = find_prerequisites(scores, families)
    return PrerequisiteMap.of(env_id, domain.name, domain.skills, scores, compute, analysis)


def _answers(env_id: str, panel: Path) -> list[list[Answers]]:
    """The answers of every lineage, evaluation after evaluation."""
    if (panel / PANEL).exists():
        recorded = Panel.read(panel)
        if recorded.env_id != env_id:
            raise IncompleteRun(f"{panel} is a panel of {recorded.env_id}, not of {env_id}.")
        return recorded.evaluations()
    folders = [folder for folder in find_runs([panel]) if RunConfig.read(folder).env_id == env_id]
    if not folders:
        raise IncompleteRun(f"{panel} holds no run of {env_id}.")
    return [read_answers(folder) for folder in folders]


def write_prerequisites(found: PrerequisiteMap, panel: Path, path: Path) -> None:
    """Write a map whole or not at all, with how it was made.

    Args:
        found: the map.
        panel: that it was found in.
        path: of the file, such as ``prerequisites.json`` beside the domain's module.
    """
    made_by = shlex.join(["etude", "prerequisites", found.env_id, "--panel", panel.name])
    write_json(path, {**found.to_json(), "made_by": made_by, "versions": versions()})


def shipped_prerequisites(domain: Domain) -> PrerequisiteMap | None:
    """The map that is shipped with a domain, beside its module; None without one.

    Args:
        domain: of this package or of another.

    Raises:
        ValueError: if the file is damaged, or was made for other skills or another version of the domain.
    """
    path = path_beside(domain, SHIPPED)
    if path is None or not path.exists():
        return None
    try:
        found = PrerequisiteMap.from_json(json.loads(path.read_text()))
        found.check_domain(domain.name, domain.skills)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{path} is no map of prerequisites that can be used: {error}. Write it again with "
            "`etude prerequisites`, or delete it."
        ) from error
    return found


def path_beside(domain: Domain, name: str) -> Path | None:
    """A file beside the module of a domain; None for a class that was typed in and has no file.

    Args:
        domain: of this package or of another.
        name: of the file, which need not exist.
    """
    try:
        return Path(inspect.getfile(type(domain))).with_name(name)
    except (OSError, TypeError):
        return None


def _ability(domain: Domain, place: int) -> int:
    """The family of a skill; those that take all families are a group of their own."""
    family = domain.skills[place].region.family
    return -1 if family is None else domain.space.families.index(family)
