"""The text interface of EtudeCode-v0: a task as a prompt for a language model or a person."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from etude_gym.envs.code.exercise import Architecture, Exercise, Files, Test
from etude_gym.envs.code.language.grammar import INPUT_SIZE, LIST_LENGTH
from etude_gym.tasks.prompts import Prompt

TIME_LIMIT = 1
"""Seconds that a submission may run."""

_BOUND = 2**INPUT_SIZE - 1
_WIDTH = 105


def _paragraph(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), _WIDTH)


PROFILE = _paragraph(
    f"""Plain Python: functions, loops, conditions and comprehensions over int, bool, str, list, dict, set and
    tuple; no classes, generators, files or input. Only the modules math and re and those of the task itself
    can be imported. All runs together may take {TIME_LIMIT} second."""
)
"""What a submission may use."""

READING = _paragraph(
    """Carry out the steps in this order; each one starts from what the one before has made, the first one
    from numbers. What "Let" defines is a function for later steps; what "If ... return" says ends the work at
    once. Return what the last step makes. Division and remainders are those of // and % in Python; 0 and
    negative numbers can be multiples too."""
)
"""How to read the sentences of a specification."""

PARAMETERS = f"""\
- numbers: a list of up to {LIST_LENGTH} whole numbers from -{_BOUND} to {_BOUND}; it may be empty.
- k: a whole number from -{_BOUND} to {_BOUND}."""

GOALS = """\
- No module should import itself, be it by way of others.
- No expression of six or more parts should be written twice: give it one function.
  (A part is a name, a number, an operation or a call.)
- No function should be longer than it needs to be.
- Modules should use few functions and constants of other modules.
How far you come counts for each goal alike; what gets worse instead counts against you.
How things are worked out has to stay as it is, apart from style: steps that are left out or replaced, tables
of answers, copies, and public functions whose work is done in another module count against you."""

STAYING = _paragraph(
    """The public functions are used from outside. They must stay in their modules, under their names, and
    return the same for every whole number n. Everything else may be moved, renamed, split, merged or
    dropped."""
)
"""What of a package has to stay."""

_SPECIFIED = f"How to read a specification\n{READING}\n\nParameters of solve\n{PARAMETERS}"
_RULES = {
    "synthesize": ("Write the function solve as specified.", _SPECIFIED),
    "debug": (
        "The function solve in solve.py was meant to do what is specified, but it holds one or more "
        "mistakes. Repair it.",
        _SPECIFIED,
    ),
    "refactor": (
        "Rebuild a package of Python modules so that it is easier to live with. What its public functions "
        "return must not change.",
        f"Goals\n{GOALS}\n\nWhat has to stay\n{STAYING}",
    ),
}
"""For each family what to do, and what counts."""
_ONE_FILE = ("the whole of solve.py in a fenced block", "solve.py")
_ALL_FILES = ("all files of the package, each one complete and in a fenced block of its own", "NAME.py")
_STUB_LINES = 2
"""Lines of a program that is not begun: its signature, and that something is missing."""


def write_prompt(exercise: Exercise) -> Prompt:
    """A self-contained prompt: what to do, by which rules, how to answer, and the task.

    Args:
        exercise: the task.
    """
    if exercise.family not in _RULES:
        raise ValueError(f"Families are {', '.join(_RULES)}, got {exercise.family!r}.")
    refactor = exercise.family == "refactor"
    purpose, counts = _RULES[exercise.family]
    rules = f"{_paragraph(purpose)}\n\nLanguage\n{PROFILE}\n\n{counts}"
    parts = _refactoring_parts(exercise) if refactor else _program_parts(exercise)
    return Prompt(rules, _answer(*(_ALL_FILES if refactor else _ONE_FILE)), "\n\n".join(parts))


def _answer(asked: str, path: str) -> str:
    """How to answer, with a block that holds nothing as a sample."""
    return (
        f"How to answer\n{_paragraph(f'Answer with {asked}; the first line of a block names the file:')}\n"
        f"```python {path}\n...\n```"
    )


def _program_parts(exercise: Exercise) -> list[str]:
    """What to write or repair, with examples."""
    steps = [
        textwrap.fill(sentence, _WIDTH, initial_indent=f"{i}. ", subsequent_indent=" " * len(f"{i}. "))
        for i, sentence in enumerate(exercise.sentences, start=1)
    ]
    debug = exercise.family == "debug"
    begun = len(exercise.files["solve.py"].splitlines()) > _STUB_LINES
    title = "The program with its mistakes" if debug else "The program so far; you may write it anew"
    return [
        "\n".join(["Specification", *steps]),
        f"Signature\n{_signature(exercise.files)}",
        *([f"{title}\n{write_files(exercise.files)}"] if debug or begun else []),
        _examples(exercise.public, should=debug),
    ]


def _refactoring_parts(exercise: Exercise) -> list[str]:
    """The package, where it stands, and its public functions."""
    functions = sorted({(test.module, test.function) for test in (*exercise.public, *exercise.hidden)})
    public = [f"- {module}.{function}(n)" for module, function in functions]
    return [
        *([_counts(exercise.start)] if exercise.start else []),
        "\n".join(["Public functions", *public]),
        f"The modules\n{write_files(exercise.files)}",
        _examples(exercise.public, should=False),
    ]


def _counts(start: Architecture) -> str:
    return f"""\
As the modules are now
- modules that import themselves, directly or by way of others: {start.cycles}
- expressions that repeat an earlier one: {start.duplicates}
- parts of the longest function: {start.longest}
- uses of a function or constant of another module: {start.edges}"""


def _signature(files: Files) -> str:
    """The first line of solve."""
    lines = [line for line in files["solve.py"].splitlines() if line.startswith("def solve(")]
    if len(lines) != 1:
        raise ValueError(f"solve.py has to define solve once, got {len(lines)} definitions.")
    return lines[0]


def write_files(files: Files) -> str:
    """Files as prompts show them and replies hold them, each in a fenced block that names it.

    Args:
        files: source text by path.
    """
    return "\n".join(f"```python {path}\n{source.strip()}\n```" for path, source in files.items())


def _examples(tests: Iterable[Test], should: bool) -> str:
    """The public tests, one for each line."""
    relation = "should return" if should else "=="
    return "\n".join(["Examples", *(f"{_call(test)} {relation} {test.expected!r}" for test in tests)])


def _call(test: Test) -> str:
    name = test.function if test.module == "solve" else f"{test.module}.{test.function}"
    return f"{name}({', '.join(map(repr, test.arguments))})"
