"""The gate before the service: whom it lets in, how much, how often."""

from __future__ import annotations

import hmac
import ipaddress
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

Message = MutableMapping[str, Any]
Scope = Message
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LEAST_TOKEN = 16
"""Characters of a token, at least: shorter ones are guessed."""


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address.

    Args:
        host: a name or an address of a machine; only "localhost" and loopback addresses are taken for local.
    """
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0]).is_loopback
    except ValueError:
        return host.lower() == "localhost"


@dataclass(frozen=True)
class Limits:
    """What is let in, and how much of it.

    Attributes:
        token: that every request has to bring as ``Authorization: Bearer TOKEN``; empty where none has to.
        max_body: bytes of a request's body, at most.
        rate: requests a second, at most; a second's worth of them may come at once.
        most_open: episodes that may be open at once.
        local: whether only requests to names of this machine are let in, so that no web page that is open in
            a browser here can ask under a name of its own.

    Raises:
        ValueError: for a limit that lets nothing through, or a token that is easily guessed.
    """

    token: str = ""
    max_body: int = 1_000_000
    rate: float = 500.0
    most_open: int = 1024
    local: bool = True

    def __post_init__(self) -> None:
        if self.most_open < 1:
            raise ValueError(f"At least one episode must be allowed to be open, got {self.most_open}.")
        if self.max_body < 1 or not 1 <= self.rate < float("inf"):
            raise ValueError(
                f"A body needs at least 1 byte and there must be at least 1 request a second, got "
                f"{self.max_body} and {self.rate}."
            )
        if self.token and len(self.token) < LEAST_TOKEN:
            raise ValueError(
                f"A token needs at least {LEAST_TOKEN} characters. Make one: openssl rand -hex 16"
            )
        if not self.token.isascii() or not self.token.isprintable() or " " in self.token:
            raise ValueError("A token holds printable ASCII characters without blanks.")


class Gate:
    """ASGI middleware that answers what is not let in.

    Args:
        app: what is behind it.
        limits: what it lets through.
        clock: seconds, from any beginning.
    """

    def __init__(self, app: App, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._app, self._limits, self._clock = app, limits, clock
        self._left, self._seen = limits.rate, clock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let it through.

        Args:
            scope: of the request, as ASGI has it.
            receive: gives its parts.
            send: takes the parts of the answer.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        if refused := self._refuse(headers, scope["method"]):
            await _answer(send, *refused)
            return
        body = await self._body(headers, receive)
        if body is None:
            limit = f"A request may have {self._limits.max_body:,} bytes (--max-body). Send a shorter one."
            await _answer(send, 413, limit, {"connection": "close"})
            return
        parts: Iterator[Message] = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def replayed() -> Message:
            return next(parts, None) or await receive()

        await self._app(scope, replayed, send)

    def _refuse(self, headers: Mapping[bytes, bytes], method: str) -> tuple[int, str, dict[str, str]] | None:
        """Status, message and headers for a request that is not let in, whatever its body holds."""
        host = headers.get(b"host", b"").decode("latin-1")
        if self._limits.local and not is_loopback(_without_port(host)):
            return 421, "This service answers on this machine only, as 127.0.0.1 or localhost.", {}
        expected = f"Bearer {self._limits.token}".encode()
        given = headers.get(b"authorization", b"")
        if self._limits.token and not hmac.compare_digest(given, expected):
            return 401, "Send the token: Authorization: Bearer TOKEN.", {"www-authenticate": "Bearer"}
        now = self._clock()
        self._left = min(self._limits.rate, self._left + (now - self._seen) * self._limits.rate)
        self._seen = now
        if self._left < 1.0:
            told = f"More than {self._limits.rate:g} requests a second (--rate). Wait a second and ask again."
            return 429, told, {"retry-after": "1"}
        self._left -= 1.0
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if method not in ("GET", "HEAD") and kind != b"application/json":
            return 415, "Send JSON: Content-Type: application/json.", {}
        return None

    async def _body(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes | None:
        """The whole body; None as soon as it is too long, and where whoever sent it has gone."""
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared[:20]) > self._limits.max_body:
            return None
        body = bytearray()
        while True:
            part = await receive()
            body += part.get("body", b"")
            if len(body) > self._limits.max_body or part["type"] == "http.disconnect":
                return None
            if not part.get("more_body"):
                return bytes(body)


def _without_port(host: str) -> str:
    """The name in a Host header: "[::1]:80", "localhost:80"."""
    return host.partition("]")[0][1:] if host.startswith("[") else host.partition(":")[0]


async def _answer(send: Send, status: int, message: str, headers: Mapping[str, str]) -> None:
    body = json.dumps({"error": message}).encode()
    told = {"content-type": "application/json", "content-length": str(len(body)), **headers}
    lines = [(name.encode(), value.encode()) for name, value in told.items()]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})
