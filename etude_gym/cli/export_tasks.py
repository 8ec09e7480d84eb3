"""The part of ``etude export`` that needs no results: episodes for Minari, tasks for planners."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from etude_gym.cli.terminal import say
from etude_gym.runs.folder import write_atomically

MINARI = "minari:"
"""What the name of a dataset begins with."""
PDDL = ".pddl"
EPISODES = 100


def export_dataset(
    source: str,
    name: str,
    checkpoint: int | None,
    episodes: int | None,
    *,
    seed: int,
    difficulty: Mapping[str, float],
    family: str | None,
) -> None:
    """Write episodes as a Minari dataset: of a run's agent, or of the oracle of an environment.

    Args:
        source: folder of a run, or id of an environment.
        name: of the dataset.
        checkpoint: of the run; None for the latest.
        episodes: how many; None for 100.
        seed: of the first task.
        difficulty: axes to pin.
        family: family to pin.

    Raises:
        ValueError: for a language model, whose episodes are replies and no actions.
    """
    from etude_gym.report.minari_dataset import write_dataset

    if Path(source).is_dir():
        from etude_gym.runs.loading import load_agent

        agent = load_agent(source, checkpoint)
        if agent.reads_text:
            raise ValueError(f"{source} is the run of a language model, whose replies are no actions.")
        env_id, algorithm = agent.env_id, f"{agent.config.agent} ({agent.config.arm})"
        act = lambda env, observation, mask: agent.act(observation, mask)  # noqa: E731
    else:
        if checkpoint is not None:
            raise ValueError(f"--checkpoint is for the folder of a run, and {source!r} is none.")
        env_id, algorithm = source, "oracle"
        act = lambda env, observation, mask: env.domain.solvers()["oracle"](env.worlds)[0]  # noqa: E731
    number = EPISODES if episodes is None else episodes
    env = _make(env_id, difficulty, family)
    score = write_dataset(name, env, act, algorithm, episodes=number, seed=seed)
    say(f'{name}: {number} episodes of {algorithm}, mean score {score:.3f}. minari.load_dataset("{name}")')


def export_pddl(
    env_id: str, out: Path, *, seed: int, difficulty: Mapping[str, float], family: str | None
) -> None:
    """Write a task as PDDL: the problem, and beside it the domain.

    Args:
        env_id: id of the environment.
        out: file of the problem; the domain's ends in "-domain.pddl".
        seed: which task.
        difficulty: axes to pin.
        family: family to pin.

    Raises:
        ValueError: for an environment or a task that has no PDDL form.
        MissingExtra: if what writes PDDL is not installed.
    """
    env: Any = _make(env_id, difficulty, family).unwrapped
    env.reset(seed=seed)
    try:
        domain_text, problem_text = env.domain.pddl(env.worlds, 0)
    except NotImplementedError as error:
        raise ValueError(str(error)) from None
    beside = out.with_name(f"{out.stem}-domain{PDDL}")
    write_atomically(beside, domain_text.encode())
    write_atomically(out, problem_text.encode())
    say(f"{out} and {beside}: the task of seed {seed} as PDDL.")


def _make(env_id: str, difficulty: Mapping[str, float], family: str | None) -> Any:
    """The environment of practice tasks that are uniform over what is not pinned."""
    import gymnasium

    from etude_gym.environment.registration import find_spec

    find_spec(env_id)  # says what is allowed
    return gymnasium.make(env_id, practice="uniform", difficulty=difficulty, family=family)
