"""``etude play``: a person plays an environment in the terminal."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping, Sequence

import gymnasium
from rich.console import Console

from etude_gym.environment.playing import play_reply
from etude_gym.environment.registration import find_spec
from etude_gym.environment.rendering import actions_in_words
from etude_gym.environment.single import EtudeEnv
from etude_gym.randomness import fresh_seed
from etude_gym.tasks.domain import Reply
from etude_gym.tasks.observations import Masks
from etude_gym.tasks.replies import malformed
from etude_gym.tasks.status import Status

HELP = """Type what to do, in words or as the number of an action. Also:
  actions   what is possible now, with numbers
  hint      what the oracle would do
  rules     the whole task in words
  help      this text
  quit      leave"""

SEEDS = 1_000_000
"""Seeds that are short enough to be typed again."""


def parse_difficulty(values: Sequence[str]) -> dict[str, float]:
    """Values by name of axis.

    Args:
        values: texts such as "horizon=0.2".

    Raises:
        ValueError: for anything that is not AXIS=VALUE.
    """
    parsed = {}
    for value in values:
        name, separator, number = value.partition("=")
        try:
            parsed[name.strip()] = float(number)
        except ValueError:
            separator = ""
        if not separator:
            raise ValueError(f"--difficulty takes AXIS=VALUE, such as horizon=0.2; got {value!r}.")
    return parsed


def play(env_id: str, *, seed: int | None, difficulty: Mapping[str, float], console: Console) -> None:
    """Play one episode.

    Args:
        env_id: a registered id; "module:Id-v0" imports the module first.
        seed: of the task; None for another one every time.
        difficulty: values in [0, 1] of the axes to pin, by name.
        console: where to print and to read commands.
    """
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")  # whatever is typed is answered
    find_spec(env_id)
    env = gymnasium.make(
        env_id, render_mode="ansi", practice="uniform", difficulty=dict(difficulty)
    ).unwrapped
    assert isinstance(env, EtudeEnv)
    Game(env, console).play(fresh_seed() % SEEDS if seed is None else seed)


class Game:
    """An episode between an environment and a person.

    Args:
        env: the environment.
        console: where to print and to read commands.
    """

    def __init__(self, env: EtudeEnv, console: Console) -> None:
        self.env, self.console = env, console

    def play(self, seed: int) -> None:
        """Play until the end, or until the person leaves.

        Args:
            seed: of the task.
        """
        _, info = self.env.reset(seed=seed)
        levels = ", ".join(f"{axis} {level:.2f}" for axis, level in info["difficulty"].items())
        env_id = self.env.spec.id if self.env.spec else self.env.domain.name
        self.say(f"{env_id}, seed {seed}, {info['family']} ({levels})\n\n{HELP}")
        score, steps, over = 0.0, 0, False
        while not over:
            self.look()
            reply = self.ask()
            if reply is None:
                self.say(f"You leave after {steps} steps with a score of {score:.2f}.")
                return
            for move in play_reply(self.env, self.env.step, reply, spare_illegal=True):
                if not move.taken:
                    self.say(f"  {self.name(move.action)}: not possible now{_left(move.left)}")
                    break
                over, info = move.over, move.info
                score, steps = score + move.reward, steps + 1
                earned = f"   score +{move.reward:.2f}" if move.reward else ""
                left = _left(move.left) if over or move.news else ""
                self.say(f"  {self.name(move.action)}{earned}{left}")
        self.look()
        verdict = "solved" if info["solved"] else "not solved"
        self.say(f"The end after {steps} steps: {verdict}, score {info['score']:.2f}.")

    def say(self, text: str) -> None:
        """Print text as it is.

        Args:
            text: may hold brackets, which the console would take for markup.
        """
        self.console.print(text, markup=False, highlight=False)

    def look(self) -> None:
        """Show the state."""
        self.console.rule()
        self.say(self.env.render())

    def ask(self) -> Reply | None:
        """Ask until there are actions to take; None at the end of the input or on "quit"."""
        while True:
            try:
                line = self.console.input("[bold]> [/bold]").strip()
            except EOFError:
                self.say("")
                return None
            match line.casefold():
                case "":
                    continue
                case "quit" | "exit" | "q":
                    return None
                case "help" | "?":
                    self.say(HELP)
                case "actions":
                    self.say(self.possible(self.env.action_masks()))
                case "hint":
                    action = int(self.env.domain.solvers()["oracle"](self.env.worlds)[0])
                    self.say(f"The oracle would: {self.name(action)}")
                case "rules":
                    self.say(self.rules())
                case _:
                    reply = self.understand(line)
                    if reply.status == Status.OK:
                        return reply
                    self.say(reply.problem)

    def understand(self, line: str) -> Reply:
        """The actions that a line stands for: the number of one, or words that the domain understands.

        Args:
            line: what was typed.

        Returns:
            Status "ok" with actions; otherwise ``problem`` says what is wrong.
        """
        number = int(self.env.domain.action_space.n)
        if line.isascii() and line.isdecimal():
            if len(line) < 10 and int(line) < number:
                return Reply(Status.OK, [int(line)])
            return malformed(f"The actions are 0 to {number - 1}. Type: actions")
        try:
            reply = self.env.domain.parse(self.env.worlds, 0, line)
        except NotImplementedError:
            return malformed("This environment understands numbers only. Type: actions")
        if reply.submission is not None:
            told = "Whole answers cannot be submitted here, only actions. Type: actions"
            return malformed(told)
        return reply

    def rules(self) -> str:
        """The prompt of the domain's text interface."""
        try:
            return self.env.domain.prompt(self.env.worlds, 0)
        except NotImplementedError as missing:
            return str(missing)

    def possible(self, mask: Masks) -> str:
        """The legal actions with their numbers.

        Args:
            mask: int8 (actions,), 1 where legal.
        """
        return actions_in_words(self.env.domain, self.env.worlds, 0, mask)

    def name(self, action: int) -> str:
        """An action in words.

        Args:
            action: 0 to the number of actions less one.
        """
        return self.env.domain.action_name(self.env.worlds, 0, action)


def _left(undone: int) -> str:
    """How many commands of a line are not carried out."""
    return f"   ({undone} more not done)" if undone else ""
