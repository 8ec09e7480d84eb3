"""The profile of finished runs or of runs at work, and the command that practices what it says."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from etude_gym.difficulty.bands import cells_of
from etude_gym.difficulty.region import Region
from etude_gym.difficulty.space import DifficultySpace
from etude_gym.environment.registration import make_domain
from etude_gym.measure.placing import FamilyPlacement, place_by_answers
from etude_gym.measure.prerequisite_map import PrerequisiteMap
from etude_gym.measure.profile import Profile, profile
from etude_gym.measure.skill_profile import SkillProfile, SkillStanding
from etude_gym.runs.agents import load_agent_class
from etude_gym.runs.answers import Answers, read_answers
from etude_gym.runs.config import RunConfig
from etude_gym.runs.finished import find_runs
from etude_gym.runs.prerequisites import shipped_prerequisites
from etude_gym.tasks.domain import Domain

PRACTICE_SHARE = 0.25
"""Of the horizon: how long the command practices what comes next."""


@dataclass(frozen=True)
class RunProfile:
    """The profile of an agent, from one run or from runs that differ in their seeds alone.

    Attributes:
        folders: of the runs.
        config: of the first of them.
        space: axes and families of the domain.
        checkpoint: place of the evaluation in the grid.
        compute: mean training compute at the evaluation, in the unit of the runs.
        profile: what their answers say.
        skills: how they came to each skill, at all checkpoints; None in a domain that declares no skills.
        map: of the domain's skills, as it is shipped; None without one.
        placement: on the calibrated scale of each family; none without a calibration.
    """

    folders: tuple[Path, ...]
    config: RunConfig
    space: DifficultySpace
    checkpoint: int
    compute: float
    profile: Profile
    skills: SkillProfile | None
    map: PrerequisiteMap | None
    placement: tuple[FamilyPlacement, ...] = ()

    @property
    def standings(self) -> tuple[SkillStanding, ...]:
        """How the agent stands in each skill; empty in a domain that declares none."""
        return () if self.skills is None else self.skills.standings(self.checkpoint)

    @property
    def crossed(self) -> list[tuple[str, str, str]]:
        """(first skill, second skill, "crossed", "missing" or "undecided") of each prerequisite known."""
        if self.skills is None or self.map is None:
            return []
        return self.map.standing(self.skills.states(self.checkpoint))

    def command(self, region: Region) -> str:
        """What practices a region, a quarter of the horizon, from where the runs ended; beside it `uniform`.

        Args:
            region: to practice.

        Returns:
            A command line; a line of Python for an agent that cannot practice on from a run.
        """
        config, arm = self.config, f"focus,{region.options}"
        try:
            starts = hasattr(load_agent_class(config.agent), "start_from")
        except (ValueError, ImportError):
            starts = False
        if not starts:
            return f'gymnasium.make("{config.env_id}", practice="{arm}")'
        seeds = sorted(RunConfig.read(folder).seed for folder in self.folders)
        several = len(seeds) > 1
        parts = ["etude", "practice", config.env_id]
        parts += ["--agent", config.agent] if config.agent != "sb3" else []
        parts += ["--start", str(self.folders[0].parent if several else self.folders[0])]
        parts += ["--arms", "uniform", arm, "--horizon", f"{PRACTICE_SHARE * config.horizon:.4g}"]
        parts += ["--seeds", str(seeds[-1] - seeds[0] + 1), "--first-seed", str(seeds[0])] if several else []
        return shlex.join(parts)


def profile_runs(paths: Sequence[Path], checkpoint: int | None = None, resamples: int = 200) -> RunProfile:
    """The profile of an agent.

    Args:
        paths: folders of runs, or of folders that hold them: one arm, in one seed or several.
        checkpoint: which, as numbered in ``curve.jsonl``; None for the latest that all of them have reached.
        resamples: of the bootstrap.

    Raises:
        IncompleteRun: if there is no run, or one without answers.
        ValueError: for runs that differ in more than their seeds, a checkpoint that one has not reached, or a
            domain whose map of prerequisites is damaged.
    """
    folders = tuple(find_runs(list(paths)))
    configs = [RunConfig.read(folder) for folder in folders]
    _check_alike(folders, configs)
    config, domain = configs[0], make_domain(configs[0].env_id)
    space = domain.space
    kept = [{answers.evaluation: answers for answers in read_answers(folder)} for folder in folders]
    reached = set.intersection(*(set(answers) for answers in kept))
    if checkpoint is None and reached:
        checkpoint = max(reached)
    if checkpoint not in reached:
        raise ValueError(
            f"Not all of the runs have answers of checkpoint {checkpoint}; "
            f"they have those of {', '.join(map(str, sorted(reached))) or 'none in common'}."
        )
    runs = [answers[checkpoint] for answers in kept]
    found = profile(space, cells_of(space, config.bands), config.chance, runs, resamples)
    compute = float(np.mean([answers.compute for answers in runs]))
    return RunProfile(
        folders,
        config,
        space,
        checkpoint,
        compute,
        found,
        _skills(domain, [[answers[place] for place in sorted(reached)] for answers in kept]),
        shipped_prerequisites(domain),
        place_by_answers(space, runs),
    )


def _skills(domain: Domain, runs: Sequence[Sequence[Answers]]) -> SkillProfile | None:
    return SkillProfile.of(domain.space, domain.skills, runs) if domain.skills else None


def _check_alike(folders: Sequence[Path], configs: Sequence[RunConfig]) -> None:
    """Refuse to pool runs of different agents."""
    for name in ("env_id", "agent", "arm", "options", "horizon", "unit", "bands", "chance"):
        values = [getattr(config, name) for config in configs]
        for folder, value in zip(folders, values, strict=True):
            if value != values[0]:
                raise ValueError(
                    f"A profile is of one agent: {folders[0]} and {folder} have different {name} "
                    f"({values[0]!r} and {value!r}). Give the runs of one arm."
                )
    seeds = [config.seed for config in configs]
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"Two of these runs have the same seed: {seeds}. Give each once.")
