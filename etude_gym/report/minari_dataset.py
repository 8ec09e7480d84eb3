"""Episodes as a Minari dataset, which libraries for offline reinforcement learning read."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from etude_gym import __version__
from etude_gym.errors import MissingExtra

Act = Callable[[Any, Any, Any], int]
"""Chooses an action: (environment, observation, mask) -> action."""


def write_dataset(name: str, env: Any, act: Act, algorithm: str, *, episodes: int, seed: int = 0) -> float:
    """Let an agent play, and keep its episodes.

    Episode i has seed ``seed + i``. The masks of legal actions stand under ``infos["action_mask"]``. The
    dataset's reference scores are 0 and 1: a score is corrected for chance, and the return of an episode.

    Args:
        name: id of the dataset, such as "etude/plan-oracle-v0"; Minari keeps it in its own folder.
        env: a single environment, made by ``gymnasium.make``; it is closed.
        act: the agent.
        algorithm: name of the agent, kept in the dataset.
        episodes: how many, at least 1.
        seed: of the first episode.

    Returns:
        The mean score.

    Raises:
        ValueError: for no episodes, an id that is none, or a dataset that exists already.
        MissingExtra: if Minari is not installed.
    """
    try:
        import h5py  # noqa: F401 (what Minari writes with)
        import minari
    except ModuleNotFoundError as error:
        raise MissingExtra("A Minari dataset", "minari") from error
    if episodes < 1:
        raise ValueError(f"episodes must be at least 1, got {episodes}.")
    _check_name(minari, name)
    played = [_play(env, act, seed + episode) for episode in range(episodes)]
    env.close()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*is set to None", UserWarning)  # no author, no link
        minari.create_dataset_from_buffers(
            name,
            played,
            env=env,
            algorithm_name=algorithm,
            description=f"{env.spec.id}: {episodes} episodes of {algorithm}, seeds from {seed}.",
            ref_min_score=0.0,
            ref_max_score=1.0,
            requirements=[f"etude-gym=={__version__}"],
        )
    return float(np.mean([sum(episode.rewards) for episode in played]))


def _check_name(minari: Any, name: str) -> None:
    from minari.dataset.minari_dataset import DATASET_ID_RE

    found = DATASET_ID_RE.fullmatch(name)
    if found is None or found["version"] is None:
        raise ValueError(f"The id of a dataset reads etude/NAME-v0, got {name!r}.")
    if name in minari.list_local_datasets():
        raise ValueError(f"There is a dataset {name} already; take another name, or: minari delete {name}")


def _play(env: Any, act: Act, seed: int) -> Any:
    """One episode, as Minari keeps it."""
    from minari.data_collector import EpisodeBuffer

    observation, info = env.reset(seed=seed)
    observations, masks = [observation], [info["action_mask"]]
    steps: list[tuple[Any, float, bool, bool]] = []
    while not steps or not (steps[-1][2] or steps[-1][3]):
        action = act(env.unwrapped, observation, masks[-1])
        observation, reward, over, truncated, info = env.step(action)
        observations.append(observation)
        masks.append(info["action_mask"])
        steps.append((np.int64(action), reward, over, truncated))
    actions, rewards, ends, truncations = map(list, zip(*steps, strict=True))
    return EpisodeBuffer(
        seed=seed,
        observations=_by_part(observations),
        actions=actions,
        rewards=rewards,
        terminations=ends,
        truncations=truncations,
        infos={"action_mask": masks},
    )


def _by_part(observations: list[Any]) -> Any:
    """Observations of an episode; a dictionary of lists where each is a dictionary."""
    if isinstance(observations[0], dict):
        return {name: [seen[name] for seen in observations] for name in observations[0]}
    return observations
