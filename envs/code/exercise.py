"""A task of the code domain as plain data: what a person is given, and what a submission is graded by."""

from __future__ import annotations

from dataclasses import dataclass

Value = int | bool | str | list[int]
"""What programs take and return."""

Files = dict[str, str]
"""Source text by path; a path is the name of a module with ".py"."""

STRATA = ("normal", "edge", "large")


@dataclass(frozen=True)
class Test:
    """One call and what it has to return.

    Attributes:
        module: module that defines the function, without ".py".
        function: its name.
        arguments: positional arguments.
        expected: what it has to return, of exactly that type.
        stratum: index into ``STRATA``.
    """

    __test__ = False  # no test case of pytest

    module: str
    function: str
    arguments: tuple[Value, ...]
    expected: Value
    stratum: int


@dataclass(frozen=True)
class Architecture:
    """How well a package is built; lower is better.

    Attributes:
        cycles: modules that import themselves, directly or by way of others.
        duplicates: subtrees of ``architecture.MIN_DUPLICATE`` expressions or more that repeat an earlier one.
        longest: expressions in the longest function.
        edges: pairs of a function and a function of another module that it uses.
    """

    cycles: int
    duplicates: int
    longest: int
    edges: int


@dataclass(frozen=True)
class Exercise:
    """One task.

    Attributes:
        family: "synthesize", "debug" or "refactor".
        sentences: the specification, one sentence for each step.
        files: what is given; for "synthesize" the signature with nothing in it.
        public: tests that are shown.
        hidden: tests that score.
        floor: pass rate that is worth a score of 0.
        start: architecture of ``files``, for "refactor".
        clean: architecture that can be reached, for "refactor".
    """

    family: str
    sentences: tuple[str, ...]
    files: Files
    public: tuple[Test, ...]
    hidden: tuple[Test, ...]
    floor: float
    start: Architecture | None = None
    clean: Architecture | None = None
