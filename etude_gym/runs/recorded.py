"""Replies of language models to anchor tasks, as a run's folder keeps them."""

from __future__ import annotations

from pathlib import Path

from etude_gym.runs.folder import CURVE, EPISODES, IncompleteRun, Run

Replies = list[tuple[str, bool]]
"""Texts in order, and whether each was cut by a limit of length."""


def recorded_replies(folder: Path, evaluation: int) -> dict[int, Replies]:
    """The replies of an evaluation, by task key.

    Args:
        folder: of the run.
        evaluation: index of the checkpoint, as in ``curve.jsonl``.

    Returns:
        Those to each task; nothing for an agent whose replies are not recorded, or that acts.

    Raises:
        IncompleteRun: if a record is damaged.
    """
    run = Run(folder)
    written = {record["iteration"] for record in run.read(CURVE) if record["index"] == evaluation}
    replies: dict[int, Replies] = {}
    for episode in run.read(EPISODES):
        if episode["iteration"] in written and episode.get("line") == "evaluation":
            try:
                texts = episode["replies"]
                cut = episode.get("cut", [False] * len(texts))
                replies[int(episode["task_key"])] = list(zip(map(str, texts), map(bool, cut), strict=True))
            except (KeyError, TypeError, ValueError) as error:
                raise IncompleteRun(f"{folder / EPISODES} is damaged ({error!r}).") from error
    return replies
