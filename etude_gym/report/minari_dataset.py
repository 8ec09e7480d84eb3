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
        import h5py  # noqa: F401  (what Minari writes with)
        import minari
    except ModuleNotFoundError as error:
        raise MissingExtra("A Minari dataset", "minari") from error
    if episodes < 1:
        raise ValueError(f"episodes must be at least 1, got {episodes}.")
    _check_name(minari, name)
    collector = minari.DataCollector(env, _masks_alone(minari), record_infos=True)
    try:
        scores = [_play(collector, act, seed + episode) for episode in range(episodes)]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*is set to None", UserWarning)  # no author, no link
            collector.create_dataset(
                dataset_id=name,
                algorithm_name=algorithm,
                description=f"{env.spec.id}: {episodes} episodes of {algorithm}, seeds from {seed}.",
                ref_min_score=0.0,
                ref_max_score=1.0,
                requirements=[f"etude-gym=={__version__}"],
            )
    finally:
        collector.close()
    return float(np.mean(scores))


def _check_name(minari: Any, name: str) -> None:
    from minari.dataset.minari_dataset import DATASET_ID_RE

    found = DATASET_ID_RE.fullmatch(name)
    if found is None or found["version"] is None:
        raise ValueError(f"The id of a dataset reads etude/NAME-v0, got {name!r}.")
    if name in minari.list_local_datasets():
        raise ValueError(f"There is a dataset {name} already; take another name, or: minari delete {name}")


def _masks_alone(minari: Any) -> Any:
    """A callback that keeps the mask of ``info`` and no more: at every step the same, as Minari needs."""

    class MasksAlone(minari.StepDataCallback):  # type: ignore[misc]
        def __call__(self, env: Any, **step: Any) -> Any:
            kept = super().__call__(env, **step)
            kept["info"] = {"action_mask": step["info"]["action_mask"]}
            return kept

    return MasksAlone


def _play(env: Any, act: Act, seed: int) -> float:
    observation, info = env.reset(seed=seed)
    over = truncated = False
    while not (over or truncated):
        action = np.int64(act(env.unwrapped, observation, info["action_mask"]))
        observation, _, over, truncated, info = env.step(action)
    return float(info["score"])
