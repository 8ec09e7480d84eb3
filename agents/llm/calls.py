"""The record of a run's calls: append-only, read again when the run goes on, and summed for the ledger."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TextIO

from etude_gym.agents.llm.endpoint import Request, Usage
from etude_gym.measure.compute import LINES, TOKEN_UNITS

CHARACTERS_PER_TOKEN = 4
"""Assumed where nothing is known yet: what English text comes to with common tokenizers."""
ENDS = ("answered", "failed", "too_long", "lost")
"""What ends an attempt that was sent: "lost" if the run was killed meanwhile."""
OUTCOMES = ("answered", "too_long", "ungraded")
"""What a request comes to in the end, and what is given back when it is asked again."""


class Calls:
    """What was asked of an endpoint and what became of it, one line of JSON for each event.

    Attempts are "sent" and end as "answered", "failed", "too_long" or "lost"; a request whose attempts all
    failed is "ungraded" once its caller has been told. Answers count on their request's line of the ledger,
    all other attempts as "repeated", with the tokens that were reported or else "estimated".

    Args:
        path: of the file, made if it does not exist; None keeps the record in memory.

    Attributes:
        context: the record of the context's length; None before it is known.

    Raises:
        ValueError: if a line before the last is damaged.
    """

    def __init__(self, path: Path | None) -> None:
        self._amounts = {line: dict.fromkeys(TOKEN_UNITS, 0.0) for line in LINES}
        self._open: dict[tuple[str, str, int], dict[str, Any]] = {}
        self._outcomes: dict[tuple[str, str], dict[str, Any]] = {}
        self.context: dict[str, Any] | None = None
        self._answered = {"calls": 0, "characters": 0, "tokens_in": 0, "tokens_out": 0}
        self._file: TextIO | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            for record in _read_whole_lines(path):
                self._note(record)
            self._file = path.open("a", encoding="utf-8")
        for sent in list(self._open.values()):
            self._append({"event": "lost", **_key(sent), **self._estimated(sent)})

    def outcome(self, request_id: str, digest: str) -> dict[str, Any] | None:
        """How a request ended; None if it has not.

        Args:
            request_id: of the request.
            digest: of its messages and settings.
        """
        return self._outcomes.get((request_id, digest))

    def sent(self, request: Request, digest: str, attempt: int, max_tokens: int) -> dict[str, Any]:
        """Record that an attempt goes out.

        Args:
            request: what is asked.
            digest: of its messages and settings.
            attempt: its number, from 1.
            max_tokens: of the reply.

        Returns:
            The record, by which ``answered`` and ``failed`` know the attempt.
        """
        record: dict[str, Any] = {"event": "sent", "id": request.id, "digest": digest, "line": request.line}
        record |= {"attempt": attempt, "characters": request.characters, "max_tokens": max_tokens}
        self._append(record)
        return record

    def answered(self, sent: dict[str, Any], usage: Usage, **details: Any) -> None:
        """Record the answer to an attempt.

        Args:
            sent: record of the attempt.
            usage: its tokens.
            details: "text", "finish_reason", "seconds", and "estimated" if the tokens are.
        """
        self._append({"event": "answered", **_key(sent), **details, "usage": usage.as_dict()})

    def failed(self, sent: dict[str, Any], event: str, usage: Usage | None, **details: Any) -> None:
        """Record that an attempt brought no answer.

        Args:
            sent: record of the attempt.
            event: one of ``ENDS`` but "answered".
            usage: its tokens, as far as they are known; None if the endpoint has worked for nothing.
            details: "status", "reason" and "seconds".
        """
        spent = self._estimated(sent) if usage is None else {"usage": usage.as_dict()}
        self._append({"event": event, **_key(sent), **details, **spent})

    def ungraded(self, request: Request, digest: str, reason: str) -> None:
        """Record that a request is given up, which its caller has been told.

        Args:
            request: what was asked.
            digest: of its messages and settings.
            reason: of its last failure.
        """
        self._append({"event": "ungraded", "id": request.id, "digest": digest, "reason": reason})

    def context_length(self, tokens: int | None) -> None:
        """Record how long the model's context is.

        Args:
            tokens: that messages and reply may have together; None where the endpoint does not tell.
        """
        self._append({"event": "context", "tokens": tokens})

    def amounts(self) -> dict[str, dict[str, float]]:
        """Tokens and requests by line of the ledger and unit; what brought no answer is "repeated"."""
        return {line: dict(amounts) for line, amounts in self._amounts.items()}

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _append(self, record: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(record) + "\n")
            self._file.flush()
        self._note(record)

    def _note(self, record: dict[str, Any]) -> None:
        event = record["event"]
        if event == "context":
            self.context = record
        if event == "sent":
            self._open[_place(record)] = record
        if event in ENDS:
            sent = self._open.pop(_place(record))
            self._book(sent["line"] if event == "answered" else "repeated", record["usage"])
            if event == "answered" and not record.get("estimated"):
                self._answered["calls"] += 1
                self._answered["characters"] += sent["characters"]
                self._answered["tokens_in"] += record["usage"]["tokens_in"]
                self._answered["tokens_out"] += record["usage"]["tokens_out"]
        if event in OUTCOMES:
            self._outcomes[record["id"], record["digest"]] = record

    def _book(self, line: str, usage: dict[str, int]) -> None:
        self._amounts[line]["requests"] += 1
        for unit, amount in usage.items():
            self._amounts[line][unit] += amount

    def _estimated(self, sent: dict[str, Any]) -> dict[str, Any]:
        """Tokens of an attempt that reported none: as many as answered calls had for their length."""
        known = self._answered
        ratio = known["tokens_in"] / known["characters"] if known["characters"] else 1 / CHARACTERS_PER_TOKEN
        out = known["tokens_out"] / known["calls"] if known["calls"] else sent["max_tokens"]
        return {"usage": Usage(round(sent["characters"] * ratio), round(out)).as_dict(), "estimated": True}


def _key(record: dict[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in ("id", "digest", "line", "attempt")}


def _place(record: dict[str, Any]) -> tuple[str, str, int]:
    return record["id"], record["digest"], record["attempt"]


def _read_whole_lines(path: Path) -> list[dict[str, Any]]:
    """The records of a file, from which a last line that was torn is dropped."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        with path.open("r+b") as file:
            file.truncate(len(whole))
    records = []
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            records.append(json.loads(line))
        except ValueError as error:
            raise ValueError(f"Line {number} of {path} is damaged ({error}). Start a new run.") from error
    return records
