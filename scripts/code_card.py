"""Writes the examples of the domain card: ``python scripts/code_card.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium

from etude_gym.envs.code.facts import exercise_of
from etude_gym.envs.code.language.printing import render_program
from etude_gym.envs.code.limits import FAMILIES
from etude_gym.envs.code.terminal_view import measures_in_words
from etude_gym.envs.code.text import write_prompt

CARD = Path(__file__).resolve().parent.parent / "envs" / "code" / "README.md"
HEADING = "## Examples\n"
VALUES = (0.1, 0.3, 0.5, 0.7, 0.9)
SEEDS = {
    "synthesize": (40, 47, 52, 61, 70),
    "debug": (60, 51, 57, 53, 64),
    "refactor": (40, 41, 42, 43, 44),
}
"""Chosen such that programs return numbers, lists and texts, and that some are begun."""
EXAMPLES = [
    (family, value, seed) for family in FAMILIES for value, seed in zip(VALUES, SEEDS[family], strict=True)
]
"""Family, value of all axes, and seed of the tasks in the card."""

_INTRODUCTION = """\
Five tasks of each family, easy to hard, all axes at the value given: `gym.make("EtudeCode-v0", split="probe",
family=..., difficulty=...)`, `reset(seed=...)`. Before the task a prompt says what is the same in every task
of the family: rules, and how to answer."""


def describe_example(family: str, value: float, seed: int) -> str:
    """A task as the card shows it: what its prompt says of it, and what it was made from."""
    world = _world(family, value, seed)
    return (
        f"<details><summary>{family}, {value}, seed {seed}</summary>\n\n"
        f"~~~text\n{write_prompt(exercise_of(world)).task}\n~~~\n\n{_solution(world)}\n\n</details>\n"
    )


def describe_rules(family: str) -> str:
    """What the prompts of a family have in common."""
    example = next(example for example in EXAMPLES if example[0] == family)
    shared = write_prompt(exercise_of(_world(*example))).system.rstrip()
    return f"<details><summary>{family}, every task</summary>\n\n~~~text\n{shared}\n~~~\n\n</details>\n"


def _world(family: str, value: float, seed: int) -> Any:
    difficulty = dict.fromkeys(("length", "abstractions", "edge_cases", "transfer"), value)
    env: Any = gymnasium.make("EtudeCode-v0", split="probe", family=family, difficulty=difficulty)
    env.reset(seed=seed)
    return env.unwrapped.worlds[0]


def _solution(world: Any) -> str:
    """What the task was made from: the reference, the lines without mistakes, or where a package can get."""
    family = FAMILIES[world["family"]]
    if family == "refactor":
        return f"Can be reached: {measures_in_words(world['clean_measures'])}."
    tokens = world["reference"][: world["num_reference"]].tolist()
    source = render_program(tokens, int(world["return_category"])).strip()
    if family == "debug":
        given = exercise_of(world).files["solve.py"].splitlines()
        lines = [line for line, old in zip(source.splitlines(), given, strict=True) if line != old]
        return "The lines without mistakes:\n\n~~~text\n{}\n~~~".format("\n".join(lines))
    return f"The reference:\n\n~~~text\n{source}\n~~~"


def write_examples() -> str:
    """The section of the card that holds the examples."""
    parts = [*map(describe_rules, FAMILIES), *(describe_example(*example) for example in EXAMPLES)]
    return "\n".join([HEADING, f"{_INTRODUCTION}\n", *parts])


def main() -> None:
    """Write the section into the card, in place of the present one."""
    before = CARD.read_text(encoding="utf-8").partition(f"\n{HEADING}")[0]
    CARD.write_text(f"{before}\n{write_examples()}", encoding="utf-8")


if __name__ == "__main__":
    main()
