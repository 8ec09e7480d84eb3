"""A person plays an environment in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import gymnasium
import numpy as np
from rich.console import Console

from etude_gym.environment import EtudeEnv
from etude_gym.registration import find_spec

HELP = """Type a command, or the number of an action. Also:
  actions   what is legal now, with numbers        hint   what the oracle would do
  help      this text                              quit   leave"""


def parse_difficulty(values: Sequence[str]) -> dict[str, float]:
    """Turn ``("horizon=0.2", ...)`` into a dictionary.

    Raises:
        ValueError: for anything that is not NAME=NUMBER.
    """
    parsed = {}
    for value in values:
        name, separator, number = value.partition("=")
        try:
            parsed[name.strip()] = float(number)
        except ValueError:
            separator = ""
        if not separator:
            raise ValueError(f"--difficulty takes NAME=NUMBER, such as horizon=0.2; got {value!r}.")
    return parsed


def play(env_id: str, *, seed: int | None, difficulty: Mapping[str, float], console: Console) -> None:
    """Play one episode.

    Args:
        env_id: id of the environment.
        seed: which task; None for another one every time.
        difficulty: axes to pin.
        console: where to talk.
    """
    find_spec(env_id)
    env = gymnasium.make(
        env_id, render_mode="ansi", practice="uniform", difficulty=dict(difficulty)
    ).unwrapped
    assert isinstance(env, EtudeEnv)
    _, info = env.reset(seed=seed)
    console.print(HELP, markup=False)
    total, over = 0.0, False
    while not over:
        console.rule()
        console.print(env.render(), markup=False, highlight=False)
        for action in _ask(env, console):
            _, reward, over, _, info = env.step(action)
            total += reward
            if reward:
                console.print(f"[green]score +{reward:.2f}[/green]")
            if over or env.domain.interrupts(env.worlds, 0):
                break
    verdict = "solved" if info["solved"] else "not solved"
    console.print(f"The end: {verdict}, score {info['score']:.2f} in all.")


def _ask(env: EtudeEnv, console: Console) -> list[int]:
    """Ask until there are actions to take; EOF and "quit" leave."""
    while True:
        try:
            line = console.input("[bold]> [/bold]").strip()
        except EOFError:
            raise KeyboardInterrupt from None
        if line in ("quit", "exit", "q"):
            raise KeyboardInterrupt
        if line == "help":
            console.print(HELP, markup=False)
        elif line == "actions":
            legal = np.flatnonzero(env.action_masks()).tolist()
            console.print("   ".join(f"{a} {_name(env, a)}" for a in legal), markup=False, highlight=False)
        elif line == "hint":
            oracle = env.domain.solvers()["oracle"]
            console.print(f"The oracle would: {_name(env, int(oracle(env.worlds)[0]))}", markup=False)
        elif line.isdecimal():
            return [int(line)]
        elif line:
            reply = env.domain.parse(env.worlds, 0, line)
            if reply.actions and reply.status == "ok":
                return list(reply.actions)
            console.print(reply.problem or "Nothing to do in that.", markup=False)


def _name(env: EtudeEnv, action: int) -> str:
    return env.domain.action_name(env.worlds, 0, action)
