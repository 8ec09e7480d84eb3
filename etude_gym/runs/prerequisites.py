"""Reads the answers of a panel, and finds, writes and ships the prerequisites among a domain's skills."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np

from etude_gym.environment.registration import make_domain
from etude_gym.measure.mastery import score_skills
from etude_gym.measure.prerequisite_map import PrerequisiteMap
from etude_gym.measure.prerequisites import find_prerequisites
from etude_gym.runs.answers import Answers, read_answers
from etude_gym.runs.config import RunConfig
from etude_gym.runs.finished import find_runs
from etude_gym.runs.folder import IncompleteRun, read_json
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


def shipped_prerequisites(domain: Domain) -> PrerequisiteMap | None:
    """The map that is shipped with a domain, beside its module; None without one.

    Args:
        domain: of this package or of another.

    Raises:
        ValueError: if the file is damaged, or was made for other skills.
    """
    path = Path(inspect.getfile(type(domain))).with_name(SHIPPED)
    if not path.exists():
        return None
    found = PrerequisiteMap.from_json(read_json(path))
    found.check_skills(domain.skills)
    return found


def _ability(domain: Domain, place: int) -> int:
    """The family of a skill; those that take all families are a group of their own."""
    family = domain.skills[place].region.family
    return -1 if family is None else domain.space.families.index(family)
