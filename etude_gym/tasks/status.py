"""What became of a reply, a submission or a run of a program, in one word."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """What became of a reply, a submission or a run; equal to its string and written as it in JSON."""

    OK = "ok"
    """All is well: the reply was understood, the tests passed, the program returned."""
    WRONG = "wrong"
    """Graded, and not right."""
    MALFORMED = "malformed"
    """It cannot be read."""
    TRUNCATED = "truncated"
    """It was cut off before its end."""
    UNSUPPORTED = "unsupported"
    """It uses what is not allowed or not known here."""
    ERROR = "error"
    """The program raised an exception."""
    TIMEOUT = "timeout"
    """It ran out of time."""
    MEMORY = "memory"
    """It ran out of memory."""
    CRASHED = "crashed"
    """What ran it broke down."""
    UNAVAILABLE = "unavailable"
    """There is nothing to run it with."""
    INFRASTRUCTURE_ERROR = "infrastructure error"
    """It failed through no fault of its own: never scored."""

    def __repr__(self) -> str:
        return repr(self.value)
