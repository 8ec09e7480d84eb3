"""The rules of scored submissions that a configuration alone can break; each is refused by its name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from etude_gym.difficulty.bands import BANDS, ENTRY_BAND
from etude_gym.environment.registration import make_domain
from etude_gym.measure.anchors import chance_levels
from etude_gym.measure.copying import text_chance_levels
from etude_gym.runs.agents import AGENTS, horizon_of, load_agent_class, load_recipe, reads_text
from etude_gym.runs.config import RunConfig
from etude_gym.runs.entries import shipped_reference
from etude_gym.runs.folder import CHECKPOINTS, START
from etude_gym.runs.submission import RUNS, SEEDS, Submission, declared_options, run_name
from etude_gym.tasks.keys import SUITE_VERSION

Configs = Mapping[str, RunConfig]
"""Configurations by the names of their runs."""


class Refused(ValueError):
    """A submission breaks a rule.

    Args:
        check: name of the rule, see docs/leaderboard.md.
        reason: what is wrong.
    """

    def __init__(self, check: str, reason: str) -> None:
        super().__init__(f"{check}: {reason}")
        self.check, self.reason = check, reason


def read_configs(folder: Path, submission: Submission) -> dict[str, RunConfig]:
    """Configurations of a submission's runs, by their names.

    Args:
        folder: of the submission.
        submission: its manifest.

    Raises:
        Refused: if a folder is not the run that its name says.
    """
    configs = {name: RunConfig.read(folder / RUNS / name) for name in submission.runs}
    for name, config in configs.items():
        if run_name(config) != name:
            raise Refused("runs", f"{name} holds {run_name(config)}")
    return configs


def check_code(configs: Configs, trusted: Sequence[str]) -> str:
    """Refuse agents and environments that are somebody's code, unless it was read.

    Args:
        configs: of the runs.
        trusted: "module:Class" and "module:Id" that whoever verifies has read.
    """
    for name, config in configs.items():
        for entry in (config.agent, config.env_id):
            if entry not in trusted and (":" in entry or (entry is config.agent and entry not in AGENTS)):
                raise Refused(
                    "code",
                    f"{name} would import {entry!r}, the submitter's code. Read it, install it, and say "
                    f"--trust {entry}",
                )
    return "agents and environments of etude-gym, or trusted"


def check_observations(configs: Configs) -> str:
    """Refuse agents that look behind observations.

    Args:
        configs: of the runs.
    """
    for name, config in configs.items():
        agent_class = load_agent_class(config.agent)
        if not hasattr(agent_class, "learn"):
            raise Refused("observations", f"{name}: {config.agent!r} does not learn")
        if hasattr(agent_class, "attend"):
            raise Refused(
                "observations", f"{name}: {config.agent!r} has attend(): it looks at the full state"
            )
    return "no agent has attend()"


def check_seeds(configs: Configs) -> str:
    """Refuse other seeds than those assigned, or fewer.

    Args:
        configs: of the runs.
    """
    found = defaultdict(list)
    for config in configs.values():
        found[config.env_id].append(config.seed)
    for env_id, seeds in found.items():
        if sorted(seeds) != list(SEEDS):
            raise Refused("seeds", f"{env_id} has {sorted(seeds)}, assigned are {list(SEEDS)}")
    return f"{SEEDS[0]} to {SEEDS[-1]} in {', '.join(found)}"


METHOD = (
    *("arm", "agent", "horizon", "num_envs", "items", "options", "sampler_options", "unit", "bands"),
    "interface",
)
"""What runs of one method share."""


def check_method(configs: Configs) -> str:
    """Refuse runs of one environment that are not one method.

    Args:
        configs: of the runs.
    """
    first: dict[str, RunConfig] = {}
    for name, config in configs.items():
        same = first.setdefault(config.env_id, config)
        for field in METHOD:
            if getattr(config, field) != getattr(same, field):
                raise Refused("method", f"{name} has another {field} than the run beside it")
    return "one method in each environment"


def scored_horizon(config: RunConfig) -> float | None:
    """The horizon of scored runs: that of the shipped reference, or else of the agent's recipe.

    Args:
        config: of a run.

    Returns:
        Compute in the unit of the run; None where nothing ships.
    """
    if (reference := shipped_reference(config.env_id, config.unit, config.interface)) is not None:
        return reference.horizon
    agent_class = load_agent_class(config.agent)
    return horizon_of(agent_class, load_recipe(config.agent, config.env_id), config.options)


def check_horizon(configs: Configs) -> str:
    """Refuse another horizon than the shipped one.

    Args:
        configs: of the runs.
    """
    for name, config in configs.items():
        shipped = scored_horizon(config)
        if shipped is None:
            raise Refused("horizon", f"none ships for {config.agent!r} on {config.env_id} in {config.unit}")
        if shipped != config.horizon:
            raise Refused("horizon", f"{name} has {config.horizon:g}, shipped is {shipped:g} {config.unit}")
    return "as shipped"


def check_anchors(configs: Configs) -> str:
    """Refuse an interface that is not the agent's, other bands, another calibration, other chance levels.

    Args:
        configs: of the runs.
    """
    measured: dict[str, tuple[float, ...]] = {}
    for name, config in configs.items():
        text = reads_text(load_agent_class(config.agent))
        if config.interface != (interface := "text" if text else "actions"):
            raise Refused(
                "anchors", f"{name} says that it met tasks as {config.interface}, its agent meets {interface}"
            )
        bands = (ENTRY_BAND, *BANDS) if text else BANDS
        if config.bands != bands:
            raise Refused("anchors", f"{name} has the bands {config.bands}, scored are {bands}")
        calibration = make_domain(config.env_id).space.calibration_hash
        if config.calibration != calibration:
            raise Refused(
                "anchors",
                f"bands of {name} follow the calibration {config.calibration or 'none'}, those here "
                f"{calibration or 'none'}",
            )
        if config.env_id not in measured:
            levels = (text_chance_levels if text else chance_levels)(make_domain(config.env_id), bands=bands)
            measured[config.env_id] = tuple(levels.round(6).tolist())
        if config.chance != measured[config.env_id]:
            raise Refused("anchors", f"{name} has other chance levels than the random agent has here")
    return "all bands; chance levels measured again"


def check_options(folder: Path, submission: Submission) -> str:
    """Refuse options that are not the recipe's and not declared.

    Args:
        folder: of the submission.
        submission: its manifest.
    """
    found = declared_options(folder / RUNS / name for name in submission.runs)
    for env_id, options in found.items():
        declared = submission.options.get(env_id, {})
        hidden = [name for name, value in options.items() if name not in declared or declared[name] != value]
        if hidden or set(declared) - set(options):
            raise Refused(
                "options",
                f"{env_id} runs with {', '.join(hidden) or 'none of those declared'} unlike the recipe, and "
                f"declares {dict(declared) or 'nothing'}",
            )
    return "those that are not the recipe's are declared"


def check_suite(submission: Submission) -> str:
    """Refuse tasks of another version.

    Args:
        submission: its manifest.
    """
    if submission.suite_version != SUITE_VERSION:
        raise Refused(
            "suite", f"its tasks are of version {submission.suite_version}, these are of {SUITE_VERSION}"
        )
    return f"version {SUITE_VERSION}"


def check_start(folder: Path, submission: Submission, configs: Configs) -> str:
    """Refuse agents that start from another run's network, unless that is declared as pretraining.

    Args:
        folder: of the submission.
        submission: its manifest.
        configs: of the runs.
    """
    declared = 0.0 if submission.lineage is None else submission.lineage.pretraining_flops
    for name, config in configs.items():
        begun = (folder / RUNS / name / CHECKPOINTS / START).exists()
        if begun != (config.start is not None):
            raise Refused(
                "start", f"{name} holds a network to start from and names none, or the other way round"
            )
        if config.start is not None and declared < float(config.start["compute"]):
            raise Refused(
                "start",
                f"{name} starts from a network that took {config.start['compute']:.3g} {config.unit}; "
                f"its lineage declares {declared:.3g} of pretraining",
            )
    return "begun at the beginning, or with declared pretraining"


RULES: dict[str, Callable[[Configs], str]] = {
    "observations": check_observations,
    "seeds": check_seeds,
    "method": check_method,
    "horizon": check_horizon,
    "anchors": check_anchors,
}
"""Rules on configurations alone, by name; each returns what it found, or raises ``Refused``."""
